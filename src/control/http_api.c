#include "control/http_api.h"

#include "base/json_out.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/deployments.h"
#include "control/package_store.h"
#include "http/server.h"
#include "net/listener.h"

#include <openssl/evp.h>

enum { BODY_MAX_BYTES = 4 << 20, HEAD_MAX_BYTES = 32 * 1024, HEADERS_MAX = 128 };

struct http_api {
    struct api *api;
    struct http_server *server;
    struct listener listener;
    struct list calls;
};

/* One request. It outlives its stream where the client went away while the API was at work. */
struct call {
    struct list link;
    struct http_api *owner;
    struct stream *stream; /* NULL once released */
    struct arena arena;
    struct http_head *head;
    struct buf body, out;
    size_t out_at;
    struct package_upload *upload; /* a package on its way to the disk; NULL: none */
    char package[PACKAGE_NAME_BYTES];
    uint64_t most_bytes; /* of the body */
    bool of_quota;       /* that is what is left of the team's quota */
    bool asked, too_large, failed;
};

static void call_free(struct call *c)
{
    list_remove(&c->link);
    package_upload_free(c->upload);
    buf_deinit(&c->body);
    buf_deinit(&c->out);
    arena_deinit(&c->arena);
    mem_free(c);
}

static void call_over(struct call *c)
{
    if (c->stream)
        stream_release(TAKE(c->stream));
    call_free(c);
}

static void send_rest(struct call *c)
{
    while (c->out_at < c->out.n) {
        struct iovec iov = {c->out.p + c->out_at, c->out.n - c->out_at};
        size_t taken = stream_write(c->stream, &iov, 1, STREAM_END);

        if (taken == 0)
            return;
        c->out_at += taken;
    }
    call_over(c);
}

/* Of keys in Authorization. */
static const str schemes[] = {STR_INIT("Bearer"), STR_INIT("Api-Key")};

static void on_answer(void *ctx, const struct api_answer *answer)
{
    struct call *c = ctx;
    str body = answer->body;
    struct http_header headers[6] = {
        {.name = STR("content-type"),
         .value = answer->content_type,
         .id = HTTP_HEADER_CONTENT_TYPE},
        {.name = STR("cache-control"), .value = STR("no-store"), .id = HTTP_HEADER_OTHER},
    };
    size_t n = 2;

    if (answer->allow.n)
        headers[n++] = (struct http_header){
            .name = STR("allow"), .value = answer->allow, .id = HTTP_HEADER_OTHER};
    if (answer->etag.n)
        headers[n++] = (struct http_header){
            .name = STR("etag"), .value = answer->etag, .id = HTTP_HEADER_OTHER};
    for (size_t i = 0; answer->status == 401 && i < COUNT_OF(schemes); i++)
        headers[n++] = (struct http_header){
            .name = STR("www-authenticate"), .value = schemes[i], .id = HTTP_HEADER_OTHER};
    struct http_head head = {.status = answer->status,
                             .version = 11,
                             .content_length = (int64_t)body.n,
                             .headers = headers,
                             .n_headers = n};

    c->asked = false;
    if (!c->stream) {
        call_free(c);
        return;
    }
    buf_put_str(&c->out, body);
    stream_send_head(c->stream, &head, body.n ? STREAM_MORE : STREAM_END);
    send_rest(c);
}

static void answer_error(struct call *c, unsigned status, const char *code, const char *message)
{
    struct buf body;

    buf_init(&body, 0);
    buf_printf(&body,
               "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":\"%s\"},\"message\":\"%s\"}",
               message, code, message);
    on_answer(c, &(struct api_answer){.status = status,
                                      .content_type = STR("application/json"),
                                      .body = buf_str(&body)});
    buf_deinit(&body);
}

/* --- who asks
 * -----------------------------------------------------------------------------------------------------------------
 */

static const struct catalog_key *key_of(struct call *c)
{
    str value = http_head_value(c->head, HTTP_HEADER_AUTHORIZATION);
    size_t space = str_find(value, ' ', 0);
    str text = str_trim(str_from(value, space));
    uint8_t hash[CATALOG_KEY_HASH_BYTES];
    unsigned n = sizeof(hash);

    if (text.n == 0 || (!str_ieq(str_upto(value, space), schemes[0]) &&
                        !str_ieq(str_upto(value, space), schemes[1])))
        return NULL;
    if (EVP_Digest(text.p, text.n, hash, &n, EVP_sha256(), NULL) != 1)
        return NULL;
    const struct catalog_key *key = catalog_find_key(c->owner->api->policy->catalog, hash);
    return key && !catalog_key_has_expired(key, clock_wall_ns()) ? key : NULL;
}

static bool from_loopback(struct call *c)
{
    char peer[NET_ADDRESS_TEXT];
    struct net_address address;

    http_server_peer_text(c->stream, peer);
    return net_address_from_ip(str_of(peer), 0, &address) == 0 && net_address_is_loopback(&address);
}

static str header(const struct call *c, str name)
{
    for (size_t i = 0; i < c->head->n_headers; i++)
        if (str_ieq(c->head->headers[i].name, name))
            return c->head->headers[i].value;
    return STR("");
}

static str path_of(const struct call *c)
{
    return str_upto(c->head->target, str_find(c->head->target, '?', 0));
}

static bool is_open_to_all(struct call *c)
{
    str path = path_of(c);

    return str_starts(path, STR("/health/")) || str_eq(path, STR("/v1/openapi.json")) ||
           (str_eq(path, STR("/metrics")) && c->owner->api->policy->config->metrics_without_key &&
            from_loopback(c));
}

static void refuse_key(struct call *c)
{
    answer_error(c, 401, "invalid_api_key",
                 "no API key that the control plane knows: send Authorization: Api-Key KEY, or "
                 "Bearer KEY");
}

static void ask(struct call *c)
{
    const struct catalog_key *key = key_of(c);
    bool open_to_all = is_open_to_all(c);
    str path = path_of(c);

    /* It may have ended while the body came. */
    if (!key && !open_to_all) {
        refuse_key(c);
        return;
    }
    struct api_request request = {
        .method = c->head->method_text,
        .path = path,
        .query = str_from(c->head->target, path.n + 1),
        .body = buf_str(&c->body),
        .if_match = header(c, STR("if-match")),
        .package = str_of(c->package),
        .package_bytes = c->upload ? package_upload_bytes(c->upload) : 0,
        .actor = key ? key->id : STR("nobody"),
        .scopes = (key ? key->scopes : 0) | (open_to_all ? (uint32_t)SCOPE_METRICS : 0),
    };
    c->asked = true;
    api_handle(c->owner->api, &request, on_answer, c);
}

/* --- the stream
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Of a package no more comes than its team may still have. */
static void bound_body(struct call *c)
{
    struct policy *p = c->owner->api->policy;
    struct fleet_world world;

    c->most_bytes = c->upload ? p->config->package_bytes : BODY_MAX_BYTES;
    if (!c->upload)
        return;
    fleet_world_of(p, STR("system"), &world);
    uint64_t room = fleet_package_room(p->fleet, &world, key_of(c)->team);
    c->of_quota = room < c->most_bytes;
    if (c->of_quota)
        c->most_bytes = room;
}

static void refuse_size(struct call *c)
{
    unsigned long long most = (unsigned long long)c->most_bytes;
    char message[160];

    if (c->of_quota) {
        snprintf(message, sizeof(message),
                 "quotas.package_bytes leaves the team %llu bytes for another package", most);
        answer_error(c, 409, "quota_exceeded", message);
        return;
    }
    snprintf(message, sizeof(message), "a %s has at most %llu bytes here",
             c->upload ? "package" : "management request", most);
    answer_error(c, 413, "request_too_large", message);
}

static void take(struct call *c, str slice)
{
    uint64_t had = c->upload ? package_upload_bytes(c->upload) : c->body.n;

    if (had + slice.n > c->most_bytes)
        c->too_large = true;
    else if (!c->upload)
        buf_put_str(&c->body, slice);
    else if (!c->failed)
        c->failed = package_upload_write(c->upload, slice) < 0;
}

static void on_body(void *ctx, struct stream *s, str slice)
{
    struct call *c = ctx;

    stream_consume(s, slice.n);
    if (!c->too_large)
        take(c, slice);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct call *c = ctx;

    (void)s;
    (void)trailers;
    if (c->upload && !c->too_large && !c->failed && package_upload_bytes(c->upload))
        c->failed = package_upload_finish(c->upload, c->package) < 0;
    if (c->too_large) {
        refuse_size(c);
    } else if (c->failed) {
        log_event(LOG_ERROR, "package_not_written");
        answer_error(c, 500, "store_failed", "the package could not be written");
    } else {
        ask(c);
    }
}

static void on_writable(void *ctx, struct stream *s)
{
    struct call *c = ctx;

    (void)s;
    if (c->out.n)
        send_rest(c);
}

static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    struct call *c = ctx;

    (void)s;
    (void)why;
    (void)unprocessed;
    stream_release(TAKE(c->stream));
    if (!c->asked)
        call_free(c);
}

static const struct stream_events events = {
    .on_body = on_body, .on_end = on_end, .on_writable = on_writable, .on_reset = on_reset};

static bool is_package_path(const struct call *c)
{
    return str_eq(c->head->method_text, STR("POST")) && str_eq(path_of(c), STR("/v1/packages"));
}

static bool begins_upload(struct call *c)
{
    const struct catalog_key *key = is_package_path(c) ? key_of(c) : NULL;

    return key && (key->scopes & SCOPE_DEPLOY);
}

/* A package that nobody may send is refused before it has come. */
static bool is_hopeless(const struct call *c)
{
    return is_package_path(c) && !c->upload;
}

static void on_request(void *ctx, struct stream *s, const struct http_head *head,
                       enum stream_end end)
{
    struct http_api *h = ctx;
    struct call *c = mem_zalloc(sizeof(*c));

    c->owner = h;
    c->stream = s;
    s->events = &events;
    s->ctx = c;
    arena_init(&c->arena, NULL, 0);
    c->head = http_head_copy(&c->arena, head);
    buf_init(&c->body, BODY_MAX_BYTES);
    buf_init(&c->out, 0);
    list_init(&c->link);
    list_append(&h->calls, &c->link);
    c->upload = begins_upload(c) ? package_upload_new(h->api->data_dir) : NULL;
    bound_body(c);
    if (!key_of(c) && !is_open_to_all(c))
        refuse_key(c); /* what strangers send is not even read */
    else if (!c->upload && begins_upload(c))
        answer_error(c, 500, "store_failed", "the package could not be written");
    else if (head->content_length > 0 && (uint64_t)head->content_length > c->most_bytes)
        refuse_size(c);
    else if (end == STREAM_END || is_hopeless(c))
        ask(c);
    else
        http_server_continue(s);
}

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx;
    (void)status;
    buf_put_str(ret_body, STR("{\"error\":{\"message\":\""));
    json_escape(ret_body, detail);
    buf_put_str(
        ret_body,
        STR("\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"invalid_http\"},"
            "\"message\":\""));
    json_escape(ret_body, detail);
    buf_put_str(ret_body, STR("\"}"));
}

static const struct http_server_handler handler = {.on_request = on_request,
                                                   .on_bad_request = on_bad_request};

static void on_accept(struct listener *l, int fd)
{
    struct http_api *h = l->ctx;

    http_server_accept(h->server, fd, NULL);
}

struct http_api *http_api_new(struct api *api, int fd)
{
    struct http_server_limits limits = {.head_bytes = HEAD_MAX_BYTES,
                                        .headers = HEADERS_MAX,
                                        .head_ms = 30000,
                                        .body_idle_ms = 30000,
                                        .keep_alive_ms = 75000,
                                        .write_idle_ms = 60000};
    struct http_api *h = mem_zalloc(sizeof(*h));

    h->api = api;
    list_init(&h->calls);
    h->server = http_server_new(api->loop, &limits, &handler, h);
    if (listener_start(&h->listener, api->loop, fd, on_accept, h) == 0)
        return h;
    http_server_free(h->server);
    mem_free(h);
    return NULL;
}

void http_api_free(struct http_api *h)
{
    if (!h)
        return;
    listener_stop(&h->listener);
    list_for_each_safe (node, &h->calls) {
        struct call *c = list_entry(node, struct call, link);

        if (!c->asked)
            call_over(c);
        else if (c->stream)
            stream_release(TAKE(c->stream));
    }
    http_server_free(h->server);
    mem_free(h);
}

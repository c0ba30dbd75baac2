#include "edge/admin.h"

#include "base/log.h"
#include "base/mem.h"
#include "edge/edge.h"
#include "edge/fault.h"
#include "http/server.h"
#include "net/listener.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, HEAD_BYTES = 16 * 1024, HEADERS = 64, PATIENCE_MS = 10000 };

struct admin {
    struct edge *edge;
    struct http_server *server;
    struct listener listener;
    struct list calls;
    char path[PATH_BYTES];
    ino_t inode; /* of the file that was made here */
    int fd;
};

struct call {
    struct list link;
    struct admin *admin;
    struct stream *stream;
    struct buf out;
};

static void call_free(struct call *c)
{
    list_remove(&c->link);
    buf_deinit(&c->out);
    mem_free(c);
}

static void send_rest(struct call *c)
{
    struct iovec rest = {c->out.p, c->out.n};

    buf_drop(&c->out, stream_write(c->stream, &rest, 1, STREAM_END));
    stream_flush(c->stream);
    if (c->out.n)
        return;
    stream_release(c->stream);
    call_free(c);
}

static void on_body(void *ctx, struct stream *s, str slice)
{
    (void)ctx;
    stream_consume(s, slice.n);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    (void)ctx;
    (void)s;
    (void)trailers;
}

static void on_writable(void *ctx, struct stream *s)
{
    (void)s;
    send_rest(ctx);
}

static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    (void)why;
    (void)unprocessed;
    stream_release(s);
    call_free(ctx);
}

static const struct stream_events events = {
    .on_body = on_body, .on_end = on_end, .on_writable = on_writable, .on_reset = on_reset};

/* The answer's status and type; its text goes to `to`. */
static unsigned answer(struct edge *edge, const struct http_head *head, str *ret_type,
                       struct buf *to)
{
    str path = str_upto(head->target, str_find(head->target, '?', 0));
    bool ready = atomic_load(&edge->serving) && !atomic_load(&edge->draining);

    *ret_type = STR("application/json");
    if (head->method != HTTP_METHOD_GET) {
        fault_body_of_status(405, STR("expected GET"), to);
        return 405;
    }
    if (str_eq(path, STR("/metrics"))) {
        *ret_type = STR("text/plain; version=0.0.4");
        edge_answer_query(edge, STR("metrics"), to);
        return 200;
    }
    if (str_eq(path, STR("/status"))) {
        edge_answer_query(edge, STR("status"), to);
        return 200;
    }
    if (str_eq(path, STR("/health/live"))) {
        buf_put_str(to, STR("{\"status\":\"live\"}"));
        return 200;
    }
    if (str_eq(path, STR("/health/ready"))) {
        buf_put_str(to, ready ? STR("{\"status\":\"ready\"}") : STR("{\"status\":\"not_ready\"}"));
        return ready ? 200 : 503;
    }
    fault_body_of_status(404, STR("expected /metrics, /status, /health/live or /health/ready"), to);
    return 404;
}

static void on_request(void *ctx, struct stream *s, const struct http_head *head,
                       enum stream_end end)
{
    struct admin *a = ctx;
    struct call *c = mem_zalloc(sizeof(*c));
    struct http_header type = {.name = STR("content-type"), .id = HTTP_HEADER_CONTENT_TYPE};

    (void)end;
    c->admin = a;
    c->stream = s;
    s->events = &events;
    s->ctx = c;
    list_init(&c->link);
    list_append(&a->calls, &c->link);
    buf_init(&c->out, 0);
    unsigned status = answer(a->edge, head, &type.value, &c->out);
    stream_send_head(s,
                     &(struct http_head){.status = status,
                                         .version = 11,
                                         .content_length = (int64_t)c->out.n,
                                         .headers = &type,
                                         .n_headers = 1},
                     c->out.n ? STREAM_MORE : STREAM_END);
    send_rest(c);
}

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx;
    fault_body_of_status(status, detail, ret_body);
}

static const struct http_server_handler handler = {.on_request = on_request,
                                                   .on_bad_request = on_bad_request};

static void on_accept(struct listener *l, int fd)
{
    struct admin *a = l->ctx;

    http_server_accept(a->server, fd, NULL);
}

/* The former edge's file makes room: whoever opens it from now on means this edge. */
static int bind_socket(struct admin *a)
{
    struct net_address address;
    struct stat made;
    char text[PATH_BYTES + 8];

    snprintf(a->path, sizeof(a->path), "%s/edge.sock", a->edge->options.data_dir);
    snprintf(text, sizeof(text), "unix:%s", a->path);
    unlink(a->path);
    int r = net_address_parse(str_of(text), &address);
    if (r == 0)
        r = listen_on(&address, LISTEN_ALONE, &a->fd);
    if (r == 0 && stat(a->path, &made) == 0)
        a->inode = made.st_ino;
    return r;
}

struct admin *admin_new(struct edge *edge)
{
    static const struct http_server_limits limits = {
        .head_bytes = HEAD_BYTES,
        .headers = HEADERS,
        .head_ms = PATIENCE_MS,
        .body_idle_ms = PATIENCE_MS,
        .keep_alive_ms = PATIENCE_MS,
        .write_idle_ms = PATIENCE_MS,
    };
    struct admin *a = mem_zalloc(sizeof(*a));

    a->edge = edge;
    list_init(&a->calls);
    int r = bind_socket(a);
    if (r < 0) {
        log_event(LOG_WARN, "admin_socket_unusable", LOG_STR("path", str_of(a->path)),
                  LOG_NUM("errno", -r));
        mem_free(a);
        return NULL;
    }
    a->server = http_server_new(edge->loop, &limits, &handler, a);
    listener_start(&a->listener, edge->loop, a->fd, on_accept, a);
    return a;
}

void admin_free(struct admin *a)
{
    struct stat now;

    if (!a)
        return;
    listener_stop(&a->listener);
    while (!list_empty(&a->calls)) {
        struct call *c = list_first(&a->calls, struct call, link);

        stream_release(c->stream);
        call_free(c);
    }
    http_server_free(a->server);
    close(a->fd);
    if (stat(a->path, &now) == 0 && now.st_ino == a->inode)
        unlink(a->path);
    mem_free(a);
}

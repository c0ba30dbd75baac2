#include "route/connector.h"

#include "base/mem.h"

#include <errno.h>

struct connector {
    struct loop *loop;
    struct upstream_pools *pools;
    struct list probes;
};

struct connector_probe {
    struct list link;
    struct connector *connector;
    struct stream *stream;
    struct deadline deadline;
    struct loop_task finish;
    connector_probe_fn on_done;
    void *ctx;
    struct arena arena;
    struct http_head *request;
    struct http_head *answer;
};

struct connector *connector_new(struct loop *loop, struct resolver *resolver,
                                const struct upstream_limits *limits)
{
    struct connector *c = mem_zalloc(sizeof(*c));

    c->loop = loop;
    c->pools = upstream_pools_new(loop, resolver, limits);
    list_init(&c->probes);
    return c;
}

static void probe_free(struct connector_probe *p)
{
    deadline_cancel(&p->deadline);
    list_remove(&p->link);
    arena_deinit(&p->arena);
    mem_free(p);
}

void connector_free(struct connector *c)
{
    if (!c)
        return;
    list_for_each_safe (node, &c->probes) {
        struct connector_probe *p = list_entry(node, struct connector_probe, link);

        if (p->stream)
            stream_release(p->stream);
        p->on_done(p->ctx, NULL);
        probe_free(p);
    }
    upstream_pools_free(c->pools);
    mem_free(c);
}

void connector_set_limits(struct connector *c, const struct upstream_limits *limits)
{
    upstream_pools_set_limits(c->pools, limits);
}

static bool may_open(const struct permit *permit, const struct catalog *catalog,
                     const struct catalog_endpoint *e, const struct endpoint_state *state)
{
    return permit->revision == catalog->revision && permit->catalogue == catalog->regions &&
           state->origin_revision == e->origin_revision && permit_allows(permit, &e->place);
}

int connector_open(struct connector *c, const struct permit *permit, const struct catalog *catalog,
                   const struct catalog_endpoint *e, struct endpoint_state *state,
                   int64_t connect_ms, const struct stream_events *events, void *ctx,
                   struct stream **ret_stream)
{
    if (!may_open(permit, catalog, e, state))
        return CONNECTOR_REFUSED;
    int r = upstream_open(c->pools, &state->origin, connect_ms, events, ctx, ret_stream);
    if (r < 0)
        return r;
    return r == UPSTREAM_READY ? CONNECTOR_READY : CONNECTOR_CONNECTING;
}

str connector_authority(struct arena *arena, const struct catalog_endpoint *e)
{
    bool literal_v6 = str_find(e->host, ':', 0) < e->host.n;
    str open = literal_v6 ? STR("[") : STR(""), close = literal_v6 ? STR("]") : STR("");

    if (e->unix_path.n)
        return STR("localhost");
    if (e->port == (e->tls ? 443 : 80))
        return ARENA_JOIN(arena, open, e->host, close);
    return ARENA_JOIN(arena, open, e->host, close, STR(":"), arena_u64(arena, e->port));
}

/* --- probes
 * --------------------------------------------------------------------------------------------------------
 */

static void probe_finish(struct loop_task *task)
{
    struct connector_probe *p = container_of(task, struct connector_probe, finish);

    p->on_done(p->ctx, p->answer);
    probe_free(p);
}

/* The stream goes at once, the report at the end of the turn: callers may start the next probe from
 * it. */
static void probe_over(struct connector_probe *p)
{
    if (!p->stream)
        return;
    stream_release(TAKE(p->stream));
    deadline_cancel(&p->deadline);
    loop_defer(p->connector->loop, &p->finish);
}

static void probe_on_open(void *ctx, struct stream *s)
{
    struct connector_probe *p = ctx;

    stream_send_head(s, p->request, STREAM_END);
    stream_flush(s);
}

static void probe_on_head(void *ctx, struct stream *s, const struct http_head *head,
                          enum stream_end end)
{
    struct connector_probe *p = ctx;

    (void)s;
    (void)end;
    if (head->status < 200)
        return;
    p->answer = http_head_copy(&p->arena, head);
    probe_over(p);
}

static void probe_on_body(void *ctx, struct stream *s, str slice)
{
    (void)ctx;
    stream_consume(s, slice.n);
}

static void probe_on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    (void)s;
    (void)trailers;
    probe_over(ctx);
}

static void probe_on_writable(void *ctx, struct stream *s)
{
    (void)ctx;
    (void)s;
}

static void probe_on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    (void)s;
    (void)why;
    (void)unprocessed;
    probe_over(ctx);
}

static const struct stream_events probe_events = {
    .on_open = probe_on_open,
    .on_head = probe_on_head,
    .on_body = probe_on_body,
    .on_end = probe_on_end,
    .on_writable = probe_on_writable,
    .on_reset = probe_on_reset,
};

static void probe_on_deadline(struct deadline *deadline)
{
    probe_over(container_of(deadline, struct connector_probe, deadline));
}

static struct http_header credential_header(struct arena *arena, const struct catalog_endpoint *e)
{
    if (e->provider == PROVIDER_AZURE)
        return (struct http_header){.name = STR("api-key"),
                                    .value = arena_copy(arena, e->credential),
                                    .id = HTTP_HEADER_API_KEY};
    return (struct http_header){.name = STR("authorization"),
                                .value = ARENA_JOIN(arena, STR("Bearer "), e->credential),
                                .id = HTTP_HEADER_AUTHORIZATION};
}

static struct http_head *probe_head(struct arena *arena, const struct catalog_endpoint *e, str path,
                                    enum connector_credential credential)
{
    struct http_head *head = arena_zalloc(arena, sizeof(*head));
    struct http_header *headers = arena_zalloc(arena, 2 * sizeof(*headers));

    *head = (struct http_head){
        .method = HTTP_METHOD_GET,
        .method_text = STR("GET"),
        .target = arena_copy(arena, path),
        .authority = connector_authority(arena, e),
        .version = 11,
        .content_length = HTTP_LENGTH_NONE,
        .headers = headers,
    };
    headers[head->n_headers++] =
        (struct http_header){.name = STR("user-agent"), .value = STR("ambit")};
    if (credential == PROBE_WITH_CREDENTIAL && e->credential.n)
        headers[head->n_headers++] = credential_header(arena, e);
    return head;
}

int connector_probe(struct connector *c, const struct catalog_endpoint *e,
                    struct endpoint_state *state, str path, enum connector_credential credential,
                    int64_t timeout_ms, connector_probe_fn on_done, void *ctx)
{
    if (state->origin_revision != e->origin_revision)
        return -ESTALE;
    struct connector_probe *p = mem_zalloc(sizeof(*p));

    p->connector = c;
    p->on_done = on_done;
    p->ctx = ctx;
    p->finish.run = probe_finish;
    p->deadline.on_expire = probe_on_deadline;
    arena_init(&p->arena, NULL, 0);
    list_init(&p->link);
    list_append(&c->probes, &p->link);
    p->request = probe_head(&p->arena, e, path, credential);
    int r = upstream_open(c->pools, &state->origin, timeout_ms, &probe_events, p, &p->stream);
    if (r < 0) {
        probe_free(p);
        return r;
    }
    deadline_set(c->loop, &p->deadline, timeout_ms);
    if (r == UPSTREAM_READY)
        probe_on_open(p, p->stream);
    return 0;
}

void connector_retire(struct connector *c, uint64_t origin_id)
{
    upstream_retire(c->pools, origin_id);
}

void connector_counts(const struct connector *c, struct upstream_counts *ret_counts)
{
    upstream_counts(c->pools, ret_counts);
}

/*
 * The pools: which connections stand idle for which origin. What a connection does is in
 * h1_client.c and h1_dial.c.
 */

#include "http/upstream.h"

#include "http/h1_client.h"

struct upstream_pools *upstream_pools_new(struct loop *loop, struct resolver *resolver,
                                          const struct upstream_limits *limits)
{
    struct upstream_pools *pools = mem_zalloc(sizeof(*pools));

    h1_worker_init(&pools->worker, loop, (struct h1_limits){limits->head_bytes, limits->headers});
    pools->resolver = resolver;
    pools->limits = *limits;
    map_init(&pools->pools);
    list_init(&pools->connections);
    return pools;
}

void upstream_pools_set_limits(struct upstream_pools *pools, const struct upstream_limits *limits)
{
    h1_worker_set_limits(&pools->worker, (struct h1_limits){limits->head_bytes, limits->headers});
    pools->limits = *limits;
}

static void free_if_empty(struct upstream_pools *pools)
{
    if (!pools->freed || pools->n_connections)
        return;
    h1_worker_deinit(&pools->worker);
    map_deinit(&pools->pools);
    mem_free(pools);
}

void upstream_pools_free(struct upstream_pools *pools)
{
    if (!pools)
        return;
    pools->freed = true;
    list_for_each_safe (node, &pools->connections) {
        struct client_conn *conn = list_entry(node, struct client_conn, link);

        if (conn->state == CLIENT_IDLE)
            h1_client_close(conn, TRANSPORT_CLOSE);
        else if (conn->state != CLIENT_CLOSED)
            h1_client_fail(conn, STREAM_CANCELLED);
    }
    free_if_empty(pools);
}

static str key_of(const uint64_t *id)
{
    return str_make((const char *)id, sizeof(*id));
}

static struct upstream_pool *pool_lease(struct upstream_pools *pools, uint64_t id)
{
    struct upstream_pool *pool = map_get(&pools->pools, key_of(&id));

    if (pool)
        return pool;
    pool = mem_zalloc(sizeof(*pool));
    pool->id = id;
    list_init(&pool->idle);
    map_put(&pools->pools, key_of(&pool->id), pool);
    return pool;
}

static void pool_release(struct upstream_pools *pools, struct upstream_pool *pool)
{
    if (--pool->n_connections)
        return;
    map_remove(&pools->pools, key_of(&pool->id));
    mem_free(pool);
}

void h1_client_drop(struct client_conn *conn)
{
    struct upstream_pools *pools = conn->pools;

    list_remove(&conn->link);
    pools->n_connections--;
    pools->in_state[conn->state]--;
    pool_release(pools, conn->pool);
    mem_free(conn);
    free_if_empty(pools);
}

/* The newest is leased first, so the oldest ones age out. */
bool h1_client_park(struct client_conn *conn)
{
    struct upstream_pool *pool = conn->pool;
    const struct upstream_limits *limits = &conn->pools->limits;

    if (pool->retired || conn->pools->freed || limits->idle_per_origin == 0)
        return false;
    if (pool->n_idle >= limits->idle_per_origin)
        h1_client_close(list_last(&pool->idle, struct client_conn, idle_link), TRANSPORT_CLOSE);
    h1_client_move(conn, CLIENT_IDLE);
    list_prepend(&pool->idle, &conn->idle_link);
    pool->n_idle++;
    deadline_set(conn->c.worker->loop, &conn->deadline, limits->idle_ms);
    return true;
}

static void begin(struct client_conn *conn, const struct stream_events *events, void *ctx)
{
    struct h1_conn *c = &conn->c;

    h1_conn_reset(c, H1_RESPONSE);
    c->stream.ops = &h1_client_ops;
    c->stream.events = events;
    c->stream.ctx = ctx;
    c->leased = true;
    conn->answered = conn->surplus = conn->starved = conn->resumes = false;
    conn->keep_alive = false;
}

static struct client_conn *lease_idle(struct upstream_pools *pools, uint64_t id)
{
    struct upstream_pool *pool = map_get(&pools->pools, key_of(&id));
    struct client_conn *conn;

    if (!pool || pool->retired || list_empty(&pool->idle))
        return NULL;
    conn = list_first(&pool->idle, struct client_conn, idle_link);
    list_remove(&conn->idle_link);
    pool->n_idle--;
    h1_client_move(conn, CLIENT_BUSY);
    conn->reused = true;
    pools->n_reused++;
    return conn;
}

static struct client_conn *conn_new(struct upstream_pools *pools,
                                    const struct upstream_origin *origin)
{
    struct client_conn *conn = mem_zalloc(sizeof(*conn));

    conn->c.worker = &pools->worker;
    conn->c.task.run = h1_client_run_task;
    conn->c.again.on_expire = h1_client_on_again;
    conn->pools = pools;
    conn->pool = pool_lease(pools, origin->id);
    conn->pool->n_connections++;
    conn->origin = origin;
    conn->deadline.on_expire = h1_client_on_deadline;
    list_init(&conn->idle_link);
    list_append(&pools->connections, &conn->link);
    pools->n_connections++;
    pools->in_state[conn->state]++;
    pools->dialled++;
    return conn;
}

int upstream_open(struct upstream_pools *pools, const struct upstream_origin *origin,
                  int64_t connect_ms, const struct stream_events *events, void *ctx,
                  struct stream **ret_stream)
{
    struct client_conn *conn = lease_idle(pools, origin->id);
    bool leased = conn != NULL;

    if (!leased)
        conn = conn_new(pools, origin);
    begin(conn, events, ctx);
    *ret_stream = &conn->c.stream;
    if (leased)
        return UPSTREAM_READY;
    deadline_set(pools->worker.loop, &conn->deadline, connect_ms);
    h1_dial(conn);
    return UPSTREAM_CONNECTING;
}

static const struct client_conn *conn_of(const struct stream *s)
{
    return container_of(s, const struct client_conn, c.stream);
}

bool upstream_is_reused(const struct stream *s)
{
    return conn_of(s)->reused;
}

uint64_t upstream_origin_id(const struct stream *s)
{
    return conn_of(s)->pool->id;
}

void upstream_retire(struct upstream_pools *pools, uint64_t origin_id)
{
    struct upstream_pool *pool = map_get(&pools->pools, key_of(&origin_id));

    if (!pool)
        return;
    pool->retired = true;
    while (!list_empty(&pool->idle))
        h1_client_close(list_first(&pool->idle, struct client_conn, idle_link), TRANSPORT_CLOSE);
}

void upstream_counts(const struct upstream_pools *pools, struct upstream_counts *ret_counts)
{
    *ret_counts = (struct upstream_counts){
        .idle = pools->in_state[CLIENT_IDLE],
        .busy = pools->in_state[CLIENT_BUSY],
        .connecting = pools->in_state[CLIENT_RESOLVING] + pools->in_state[CLIENT_CONNECTING],
        .dialled = pools->dialled,
        .reused = pools->n_reused,
        .connect_failures = pools->connect_failures,
        .stale = pools->stale,
    };
}

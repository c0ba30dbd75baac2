#include "edge/edge.h"

#include "base/log.h"
#include "base/mem.h"
#include "catalog/disk.h"
#include "edge/admin.h"
#include "edge/edge_link.h"
#include "edge/relays.h"
#include "edge/status.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,
    ALONE_MS = 2000,
    STOP_IDLE_MS = 250,
    RESPONSES_MAX = 65536,
    PATH_BYTES = 4096,
    LISTEN_FDS_MAX = 64,
    DESCRIPTORS_AT_ONCE = 131072
};

/* --- workers
 * -----------------------------------------------------------------------------------------------------------
 */

void edge_wake_workers(struct edge *edge)
{
    for (size_t i = 0; i < edge->n_workers; i++)
        worker_wake(&edge->workers[i]);
}

static void on_retire_origin(void *ctx, uint64_t origin_id)
{
    struct edge *edge = ctx;

    for (size_t i = 0; i < edge->n_workers; i++)
        worker_retire(&edge->workers[i], origin_id);
}

static bool start_workers(struct edge *edge, const struct catalog *c)
{
    edge->workers = mem_array(edge->options.workers, sizeof(*edge->workers));
    for (unsigned i = 0; i < edge->options.workers; i++)
        if (!worker_init(&edge->workers[i], edge, i, c))
            return false;
    for (unsigned i = 0; i < edge->options.workers; i++) {
        int error = pthread_create(&edge->workers[i].thread, NULL, worker_run, &edge->workers[i]);

        if (error) {
            log_event(LOG_ERROR, "worker_not_started", LOG_NUM("errno", error));
            return false;
        }
        edge->n_workers++;
    }
    return true;
}

static void stop_workers(struct edge *edge)
{
    for (size_t i = 0; i < edge->n_workers; i++) {
        worker_stop(&edge->workers[i]);
        pthread_join(edge->workers[i].thread, NULL);
    }
    for (size_t i = 0; i < edge->n_workers; i++)
        worker_deinit(&edge->workers[i]);
}

/* --- policy
 * -------------------------------------------------------------------------------------------------------------
 */

static void set_tls(struct edge *edge, const struct catalog *c)
{
    CLEANUP_FREE struct tls_identity *identities =
        mem_array(c->n_certificates, sizeof(*identities));
    struct tls_server *tls = NULL;
    char why[TLS_WHY_TEXT];

    for (size_t i = 0; i < c->n_certificates; i++)
        identities[i] =
            (struct tls_identity){c->certificates[i].chain_pem, c->certificates[i].key_pem};
    struct tls_server_options options = {.identities = identities,
                                         .n_identities = c->n_certificates,
                                         .client_ca_pem = c->client_ca_pem,
                                         .alpn = TLS_ALPN_HTTP1};
    if (c->n_certificates && tls_server_new(&options, &tls, why) < 0) {
        /* Control has checked them; whatever is wrong now, the old ones go on rather than
         * plaintext. */
        log_event(LOG_ERROR, "tls_unusable", LOG_STR("why", str_of(why)));
        return;
    }
    for (size_t i = 0; i < edge->n_workers; i++)
        worker_set_tls(&edge->workers[i], tls);
    tls_server_unref(tls);
}

void edge_attach(struct edge *edge, struct catalog *catalog)
{
    registry_attach(edge->registry, catalog, demands_attach(edge->demands, catalog));
    if (edge->n_workers == 0 && !start_workers(edge, catalog))
        edge->exit_status = EXIT_FAILURE, loop_stop(edge->loop);
}

void edge_published(struct edge *edge, struct catalog *catalog, uint64_t epoch)
{
    registry_retire(edge->registry, catalog, epoch);
    demands_retire(edge->demands, catalog, epoch);
    set_tls(edge, catalog);
}

static void open_gateway(struct edge *edge)
{
    char ready = 'R';

    for (size_t i = 0; i < edge->n_workers; i++)
        worker_open(&edge->workers[i]);
    edge->admin = admin_new(edge);
    atomic_store(&edge->serving, true);
    log_event(LOG_INFO, "serving", LOG_NUM("revision", edge->revision),
              LOG_NUM("workers", edge->n_workers));
    if (edge->options.ready_fd >= 0 && write(edge->options.ready_fd, &ready, 1) != 1)
        log_event(LOG_WARN, "nobody_waits_for_ready", LOG_NUM("errno", errno));
}

static void save(struct edge *edge)
{
    const struct catalog *c = publisher_newest(edge->publisher);
    uint8_t key[DISK_KEY_BYTES];
    char path[PATH_BYTES];
    struct buf bytes;

    snprintf(path, sizeof(path), "%s/snapshot.key", edge->options.data_dir);
    int r = disk_key_load(path, key);
    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    if (r == 0)
        r = disk_save_customers(edge->options.data_dir, edge->revision, edge->customers);
    if (r == 0)
        r = disk_save_catalog(edge->options.data_dir, key, edge->revision, buf_str(&bytes));
    buf_deinit(&bytes);
    if (r < 0)
        log_event(LOG_ERROR, "snapshot_not_saved", LOG_NUM("errno", -r));
}

bool edge_in_force(struct edge *edge, uint64_t revision)
{
    str installation = publisher_newest(edge->publisher)->installation;
    bool first = !atomic_load(&edge->serving);
    int r = disk_note_in_force(edge->options.data_dir, installation, revision);

    edge->revision = revision;
    registry_sweep(edge->registry);
    health_refresh(edge->health);
    if (first)
        open_gateway(edge);
    edge->unsaved = true;
    if (r < 0)
        log_event(LOG_ERROR, "policy_not_noted", LOG_NUM("revision", revision),
                  LOG_NUM("errno", -r));
    return r == 0;
}

void edge_is_current(struct edge *edge)
{
    if (!atomic_load(&edge->serving) && edge->n_workers)
        open_gateway(edge);
}

/* Nothing has been heard of control for a while, or nothing more: the last policy is better than
 * none. */
static void on_alone(struct deadline *deadline)
{
    struct edge *edge = container_of(deadline, struct edge, alone);

    if (edge_link_is_heard(edge->link))
        deadline_set(edge->loop, &edge->alone, ALONE_MS);
    else
        edge_is_current(edge);
}

/* The last policy, so that requests are served without the control plane. It may have been replaced
 * since it was saved, so control is asked first, and one that is known to have been replaced is not
 * used. The lease goes on from when control was last heard. */
static void start_from_disk(struct edge *edge)
{
    uint8_t key[DISK_KEY_BYTES];
    char path[PATH_BYTES];
    struct buf bytes;
    uint64_t revision = 0;

    snprintf(path, sizeof(path), "%s/snapshot.key", edge->options.data_dir);
    buf_init(&bytes, 0);
    int r = disk_key_load(path, key);
    if (r == 0)
        r = disk_load(edge->options.data_dir, key, &revision, &bytes, edge->customers);
    struct catalog *catalog = r == 0 ? catalog_decode(buf_str(&bytes)) : NULL;
    buf_deinit(&bytes);
    if (catalog && !disk_is_newest(edge->options.data_dir, catalog->installation, revision)) {
        r = -ESTALE;
        catalog_free(TAKE(catalog));
    }
    if (!catalog) {
        if (r != -ENOENT)
            log_event(LOG_WARN, "snapshot_not_used", LOG_NUM("errno", r < 0 ? -r : EBADMSG));
        customers_free(edge->customers);
        edge->customers = customers_new();
        return;
    }
    atomic_store(&edge->heard_wall_ns, disk_heard_wall_ns(edge->options.data_dir));
    edge->revision = revision;
    edge_attach(edge, catalog);
    edge_published(edge, catalog, publisher_publish(edge->publisher, catalog));
    health_refresh(edge->health);
    if (edge->options.link_path)
        deadline_set(edge->loop, &edge->alone, ALONE_MS);
    else
        edge_is_current(edge);
}

/* --- housekeeping
 * --------------------------------------------------------------------------------------------------------
 */

static void on_tick(struct deadline *deadline)
{
    struct edge *edge = container_of(deadline, struct edge, tick);
    int64_t heard = atomic_load(&edge->heard_wall_ns);

    deadline_set(edge->loop, &edge->tick, TICK_MS);
    if (!atomic_load(&edge->serving))
        return;
    registry_sweep(edge->registry);
    edge_wake_workers(edge);
    if (edge->unsaved) {
        edge->unsaved = false;
        save(edge);
    } else if (loop_wall_ns(edge->loop) - heard < 2 * NS_PER_S) {
        disk_touch_heard(edge->options.data_dir);
    }
    metrics_set(edge->metrics, METRIC_POLICY_REVISION, WORD_NONE, edge->revision);
    metrics_set(edge->metrics, METRIC_POLICY_AGE, WORD_NONE,
                (uint64_t)((loop_wall_ns(edge->loop) - heard) / NS_PER_S));
    metrics_set(edge->metrics, METRIC_CUSTOMERS, WORD_NONE, customers_count(edge->customers));
    metrics_set(edge->metrics, METRIC_BUFFERED_BYTES, WORD_NONE,
                atomic_load(&edge->buffered_bytes));
    metrics_set(edge->metrics, METRIC_REQUESTS_HELD, WORD_NONE, atomic_load(&edge->held_requests));
}

void edge_answer_query(struct edge *edge, str what, struct buf *to)
{
    if (str_eq(what, STR("metrics"))) {
        CLEANUP_FREE struct metrics_shard **shards =
            mem_array(edge->n_workers + 1, sizeof(*shards));

        for (size_t i = 0; i < edge->n_workers; i++)
            shards[i] = edge->workers[i].metrics;
        shards[edge->n_workers] = edge->metrics;
        metrics_render(shards, edge->n_workers + 1, to);
    } else if (str_eq(what, STR("status"))) {
        status_render(edge, to);
    }
}

/* An edge that has a successor keeps idle connections for as long as their clients may count on
 * them, and answers what still comes; one that has none closes them once nothing can be on its way.
 */
static void drain_workers(struct edge *edge, int64_t idle_ms)
{
    const struct catalog *c = publisher_newest(edge->publisher);

    log_event(LOG_INFO, "draining", LOG_NUM("workers", edge->n_workers));
    atomic_store(&edge->drain_idle_ms, idle_ms);
    atomic_store(&edge->draining, true);
    if (edge->n_workers == 0 || !c) {
        loop_stop(edge->loop);
        return;
    }
    deadline_set(edge->loop, &edge->drain_limit, c->settings.drain_ms);
    for (size_t i = 0; i < edge->n_workers; i++)
        worker_drain(&edge->workers[i]);
}

static void retire(struct edge *edge)
{
    const struct catalog *c = publisher_newest(edge->publisher);

    if (!atomic_load(&edge->draining))
        drain_workers(edge, c ? c->settings.keep_alive_ms : 0);
}

static void stop(struct edge *edge)
{
    if (edge->stopping) {
        loop_stop(edge->loop);
        return;
    }
    edge->stopping = true;
    drain_workers(edge, STOP_IDLE_MS);
}

static void on_drain_limit(struct deadline *deadline)
{
    loop_stop(container_of(deadline, struct edge, drain_limit)->loop);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct edge *edge = container_of(io, struct edge, signals);
    struct signalfd_siginfo info;

    (void)events;
    while (read(io->fd, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            stop(edge);
        else if (info.ssi_signo == SIGUSR2)
            retire(edge);
}

static int watch_signals(struct edge *edge)
{
    sigset_t watched;

    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGUSR2);
    signal(SIGPIPE, SIG_IGN);
    /* Before any thread is made: they inherit the mask. */
    pthread_sigmask(SIG_BLOCK, &watched, NULL);
    edge->signals = (struct loop_io){.fd = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC),
                                     .on_event = on_signal};
    return edge->signals.fd < 0 ? -errno : loop_add(edge->loop, &edge->signals, EPOLLIN);
}

/* --- life
 * -----------------------------------------------------------------------------------------------------------------
 */

static int bind_own(struct edge *edge, int *fd)
{
    struct net_address address;
    const char *listen = edge->options.listen ? edge->options.listen : "*:4000";
    int r = net_address_parse(str_of(listen), &address);

    if (r == 0)
        r = listen_on(&address, LISTEN_ALONE, fd);
    if (r < 0) {
        log_event(LOG_ERROR, "listen_failed", LOG_STR("address", str_of(listen)),
                  LOG_NUM("errno", -r));
        return r;
    }
    edge->options.listen_fds = fd;
    edge->options.n_listen_fds = 1;
    return 0;
}

/* The kernel doubles a process's table of descriptors when it is full, and once there are threads
 * it waits for all processors first (synchronize_rcu): whoever accepts or connects then stands
 * still for some ten milliseconds. So it is made large while there is one thread; 8 bytes a
 * descriptor. */
static void widen_descriptor_table(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    rlim_t most = limit.rlim_cur < DESCRIPTORS_AT_ONCE ? limit.rlim_cur : DESCRIPTORS_AT_ONCE;
    int last = most > 0 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)most - 1) : -1;
    if (last >= 0)
        close(last);
}

static struct response_map *open_responses(const struct edge *edge)
{
    uint8_t key[DISK_KEY_BYTES];
    char path[PATH_BYTES];
    struct siphash_key hash_key;

    snprintf(path, sizeof(path), "%s/snapshot.key", edge->options.data_dir);
    if (disk_key_load(path, key) < 0)
        return NULL;
    memcpy(&hash_key, key, sizeof(hash_key));
    snprintf(path, sizeof(path), "%s/responses.map", edge->options.data_dir);
    return response_map_open(path, &hash_key, RESPONSES_MAX);
}

static bool set_up(struct edge *edge, int *own_fd)
{
    if (mkdir(edge->options.data_dir, 0700) < 0 && errno != EEXIST) {
        log_event(LOG_ERROR, "data_dir_unusable", LOG_STR("path", str_of(edge->options.data_dir)),
                  LOG_NUM("errno", errno));
        return false;
    }
    edge->loop = loop_new();
    if (!edge->loop || watch_signals(edge) < 0)
        return false;
    if (edge->options.n_listen_fds == 0 && bind_own(edge, own_fd) < 0)
        return false;
    widen_descriptor_table();
    edge->publisher = publisher_new(edge->options.workers);
    edge->customers = customers_new();
    edge->log = access_log_new(STDOUT_FILENO);
    edge->metrics = metrics_shard_new();
    edge->relays = relays_new();
    edge->responses = open_responses(edge);
    edge->registry = registry_new(edge->publisher, on_retire_origin, edge);
    edge->demands = demands_new(edge);
    edge->health = health_new(edge);
    edge->link = edge_link_new(edge);
    edge->tick.on_expire = on_tick;
    edge->drain_limit.on_expire = on_drain_limit;
    edge->alone.on_expire = on_alone;
    return edge->log && edge->responses;
}

static void tear_down(struct edge *edge)
{
    stop_workers(edge);
    admin_free(edge->admin);
    deadline_cancel(&edge->tick);
    deadline_cancel(&edge->drain_limit);
    deadline_cancel(&edge->alone);
    if (edge->unsaved)
        save(edge);
    edge_link_free(edge->link);
    health_free(edge->health);
    relays_free(edge->relays);
    access_log_free(edge->log);
    response_map_close(edge->responses);
    publisher_free(edge->publisher);
    registry_free(edge->registry);
    demands_free(edge->demands);
    customers_free(edge->customers);
    metrics_shard_free(edge->metrics);
    loop_free(edge->loop);
    close(edge->signals.fd);
    mem_free(edge->workers);
}

int edge_main(const struct edge_options *options)
{
    struct edge edge = {.options = *options, .exit_status = EXIT_SUCCESS};
    int own_fd = -1;

    log_init("edge", LOG_INFO);
    if (edge.options.workers == 0)
        edge.options.workers = 1;
    if (!edge.options.name)
        edge.options.name = "local";
    if (!set_up(&edge, &own_fd))
        return EXIT_FAILURE;
    start_from_disk(&edge);
    if (edge.options.link_path)
        edge_link_start(edge.link);
    deadline_set(edge.loop, &edge.tick, TICK_MS);
    loop_run(edge.loop);
    tear_down(&edge);
    if (own_fd >= 0)
        close(own_fd);
    return edge.exit_status;
}

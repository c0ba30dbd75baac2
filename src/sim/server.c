#include "sim/server.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { HEAD_BYTES = 64 << 10, HEADERS = 200, PATIENCE_MS = 600000, AZURE_NAME = 64 };

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx;
    buf_printf(ret_body, "{\"error\":{\"message\":\"%.*s\",\"code\":%u}}", STR_ARG(detail), status);
}

static const struct http_server_handler handler = {.on_request = sim_on_request,
                                                   .on_bad_request = on_bad_request};

static void on_accept(struct listener *l, int fd)
{
    struct sim_port *port = l->ctx;

    http_server_accept(port->server, fd, NULL);
}

/* As Azure writes it: "swedencentral", whatever the catalogue calls it. */
static str azure_name(str region)
{
    static const str prefix = STR_INIT("azure-");

    return str_starts(region, prefix) ? str_from(region, prefix.n) : region;
}

static bool open_port(struct sim_worker *w, size_t i)
{
    static const struct http_server_limits limits = {
        .head_bytes = HEAD_BYTES,
        .headers = HEADERS,
        .head_ms = PATIENCE_MS,
        .body_idle_ms = PATIENCE_MS,
        .keep_alive_ms = PATIENCE_MS,
        .write_idle_ms = PATIENCE_MS,
    };
    const struct sim_options *o = &w->sim->options;
    struct sim_port *port = &w->ports[i];
    struct net_address address;
    int r;

    port->worker = w;
    port->region = o->ports[i].region;
    port->port = o->ports[i].port;
    port->ms_region = o->ms_region ? azure_name(port->region) : STR_NULL;
    r = net_address_from_ip(o->host, port->port, &address);
    if (r == 0)
        r = listen_on(&address, LISTEN_REUSEPORT, &port->fd);
    if (r < 0) {
        fprintf(stderr, "ambit-sim: cannot listen on %.*s port %u: %s\n", STR_ARG(o->host),
                port->port, strerrordesc_np(-r));
        port->fd = -1;
        return false;
    }
    port->server = http_server_new(w->loop, &limits, &handler, port);
    return listener_start(&port->listener, w->loop, port->fd, on_accept, port) == 0;
}

static bool worker_init(struct sim_worker *w, struct sim *sim)
{
    *w = (struct sim_worker){.sim = sim, .loop = loop_new()};
    if (!w->loop)
        return false;
    random_bytes(&w->next_id, sizeof(w->next_id));
    buf_init(&w->text, 0);
    w->ports = mem_zalloc(sim->options.n_ports * sizeof(*w->ports));
    for (size_t i = 0; i < sim->options.n_ports; i++)
        w->ports[i].fd = -1;
    for (size_t i = 0; i < sim->options.n_ports; i++)
        if (!open_port(w, i))
            return false;
    return true;
}

static void worker_deinit(struct sim_worker *w)
{
    for (size_t i = 0; w->ports && i < w->sim->options.n_ports; i++) {
        struct sim_port *port = &w->ports[i];

        listener_stop(&port->listener);
        if (port->server)
            http_server_free(port->server);
        if (port->fd >= 0)
            close(port->fd);
    }
    if (w->loop) {
        loop_turn(w->loop, 0);
        loop_free(w->loop);
    }
    buf_deinit(&w->text);
    mem_free(w->ports);
}

struct thread {
    pthread_t id;
    struct sim_worker worker;
    struct loop_message stop;
};

static void on_stop(struct loop_message *message)
{
    loop_stop(container_of(message, struct thread, stop)->worker.loop);
}

static void *serve(void *thread)
{
    loop_run(((struct thread *)thread)->worker.loop);
    return NULL;
}

/* Signals come to whoever waits for them here, and to no thread that serves. */
static void run_until_signal(struct thread *threads, unsigned n)
{
    sigset_t wanted;
    unsigned started = 0;
    int signal_number;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    signal(SIGPIPE, SIG_IGN);
    while (started < n && pthread_create(&threads[started].id, NULL, serve, &threads[started]) == 0)
        started++;
    if (started == n)
        sigwait(&wanted, &signal_number);
    for (unsigned i = 0; i < started; i++) {
        threads[i].stop.on_delivery = on_stop;
        loop_post(threads[i].worker.loop, &threads[i].stop);
        pthread_join(threads[i].id, NULL);
    }
}

int sim_run(struct sim *sim)
{
    unsigned n = sim->options.workers, ready = 0;
    struct thread *threads = mem_zalloc(n * sizeof(*threads));

    while (ready < n && worker_init(&threads[ready].worker, sim))
        ready++;
    if (ready == n) {
        printf("ambit-sim: a simulated model server, no model is run; %zu region%s from port %u\n",
               sim->options.n_ports, sim->options.n_ports == 1 ? "" : "s",
               sim->options.ports[0].port);
        fflush(stdout);
        run_until_signal(threads, n);
    }
    for (unsigned i = 0; i < n && i <= ready; i++)
        if (threads[i].worker.sim)
            worker_deinit(&threads[i].worker);
    mem_free(threads);
    return ready == n ? 0 : 1;
}

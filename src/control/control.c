#include "control/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/api.h"
#include "control/http_api.h"
#include "control/observations.h"
#include "control/package_store.h"
#include "control/reconciler.h"
#include "control/reload.h"
#include "net/listener.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    PATH_BYTES = 4096,
    DEBOUNCE_MS = 200,
    POSTPONEMENTS_MAX = 10,
    ENDING_MS = 10,
    ENDINGS_MAX = 200,
    STOPPING_MS = 20 * 1000 /* for replicas; the supervisor waits 30 s for all */
};

struct control {
    const struct control_options *options;
    struct loop *loop;
    struct policy policy;
    struct link_server *link;
    struct api api;
    struct http_api *http;
    struct reconciler *reconciler;
    struct loop_io signals, changes;
    struct deadline debounce, ending, stopping;
    unsigned postponements, n_endings;
    int own_link_fd, own_listen_fd;
};

/* --- what edges report
 * ------------------------------------------------------------------------------------------------------
 */

struct relayed {
    struct control *control;
    uint64_t edge;
    uint32_t id;
};

static void on_relayed(void *ctx, const struct api_answer *answer)
{
    struct relayed *r = ctx;

    link_server_answer(r->control->link, r->edge, r->id, answer->status, answer->content_type,
                       answer->body);
    mem_free(r);
}

/* The gateway has verified the key; what it may do is the same as here. */
static void on_relay(void *ctx, uint64_t edge, const struct link_relay *relay)
{
    struct control *c = ctx;
    struct relayed *r = mem_zalloc(sizeof(*r));
    size_t question = str_find(relay->target, '?', 0);
    struct api_request request = {
        .method = relay->method,
        .path = str_upto(relay->target, question),
        .query = str_from(relay->target, question + 1),
        .body = relay->body,
        .actor = relay->key_id,
        .scopes = relay->scopes,
    };

    *r = (struct relayed){c, edge, relay->id};
    api_handle(&c->api, &request, on_relayed, r);
}

static void on_observed(void *ctx, const struct link_observed *observed)
{
    struct control *c = ctx;

    observation_take(&c->policy, observed);
}

static void on_refusals(void *ctx, const struct link_refusals *refusals)
{
    struct control *c = ctx;

    refusals_take(&c->policy, refusals);
}

static void on_wake(void *ctx, str deployment)
{
    struct control *c = ctx;

    if (c->reconciler)
        reconciler_wake(c->reconciler, deployment);
}

static void on_demand(void *ctx, uint64_t edge, const struct link_demand *demand)
{
    struct control *c = ctx;

    (void)edge;
    if (c->reconciler)
        reconciler_demand(c->reconciler, demand->deployment, demand->in_flight, demand->held,
                          demand->begun);
}

static const struct link_server_handler link_handler = {
    .on_relay = on_relay,
    .on_observed = on_observed,
    .on_refusals = on_refusals,
    .on_wake = on_wake,
    .on_demand = on_demand,
};

static void on_published(void *ctx, const struct publication *publication)
{
    struct control *c = ctx;

    /* Before there are edges, there is the start. */
    if (c->link)
        link_server_publish(c->link, publication);
    if (c->reconciler)
        reconciler_poke(c->reconciler);
}

/* --- reload: SIGHUP and changes of the file */

static void reload_file(struct control *c)
{
    struct reload_report report;

    reload(&c->policy, RELOAD_KEEP_NARROW, STR("file"), &report);
    reload_report_deinit(&report);
}

static void on_debounced(struct deadline *deadline)
{
    struct control *c = container_of(deadline, struct control, debounce);

    c->postponements = 0;
    reload_file(c);
}

/* Editors replace a file rather than write it: its folder is watched, and any change there makes
 * control look after a moment of quiet (or of too little quiet for too long). */
static void on_change(struct loop_io *io, uint32_t events)
{
    struct control *c = container_of(io, struct control, changes);
    _Alignas(8) char notes[4096];

    (void)events;
    while (read(io->fd, notes, sizeof(notes)) > 0)
        if (c->postponements++ < POSTPONEMENTS_MAX)
            deadline_set(c->loop, &c->debounce, DEBOUNCE_MS);
}

static void watch_file(struct control *c)
{
    CLEANUP_FREE char *dir = str_dup(str_of(c->options->config));
    char *slash = strrchr(dir, '/');

    c->changes =
        (struct loop_io){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .on_event = on_change};
    if (slash)
        slash[slash == dir] = '\0';
    if (c->changes.fd < 0 ||
        inotify_add_watch(c->changes.fd, slash ? dir : ".",
                          IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0 ||
        loop_add(c->loop, &c->changes, EPOLLIN) < 0)
        log_event(LOG_WARN, "file_not_watched", LOG_STR("file", str_of(c->options->config)),
                  LOG_NUM("errno", errno));
}

/* Writes that wait to be in force get their answers first: none of them waits for long. */
static void on_ending(struct deadline *deadline)
{
    struct control *c = container_of(deadline, struct control, ending);

    if (link_server_is_waited_for(c->link) && ++c->n_endings < ENDINGS_MAX)
        deadline_set(c->loop, &c->ending, ENDING_MS);
    else
        loop_stop(c->loop);
}

static void on_stopped(void *ctx)
{
    struct control *c = ctx;

    deadline_cancel(&c->stopping);
    on_ending(&c->ending);
}

static void on_stopping_too_long(struct deadline *deadline)
{
    struct control *c = container_of(deadline, struct control, stopping);

    log_event(LOG_WARN, "replicas_still_run", LOG_NUM("after_ms", STOPPING_MS));
    on_ending(&c->ending);
}

/* The server ends, and what it runs ends with it. */
static void stop_all(struct control *c)
{
    deadline_set(c->loop, &c->stopping, STOPPING_MS);
    reconciler_stop(c->reconciler, on_stopped, c);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct control *c = container_of(io, struct control, signals);
    struct signalfd_siginfo info;

    (void)events;
    while (read(io->fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload_file(c);
        else if (info.ssi_signo == SIGUSR2)
            on_ending(&c->ending); /* a successor takes over what runs */
        else
            stop_all(c);
    }
}

static int watch_signals(struct control *c)
{
    sigset_t watched;

    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGUSR2);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    c->signals = (struct loop_io){.fd = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC),
                                  .on_event = on_signal};
    return c->signals.fd < 0 ? -errno : loop_add(c->loop, &c->signals, EPOLLIN);
}

/* --- life
 * -----------------------------------------------------------------------------------------------------------------------
 */

static int bind_own(const char *text, int *ret_fd)
{
    struct net_address address;
    int r = net_address_parse(str_of(text), &address);

    if (r == 0)
        r = listen_on(&address, LISTEN_ALONE, ret_fd);
    if (r < 0)
        log_event(LOG_ERROR, "listen_failed", LOG_STR("address", str_of(text)),
                  LOG_NUM("errno", -r));
    return r;
}

/* What the file has to say at the start is for whoever started it. */
static void print_lines(const json_t *lines)
{
    const json_t *line;
    size_t i;

    json_array_foreach(lines, i, line) fprintf(stderr, "%s\n", json_string_value(line));
}

static bool load(struct control *c)
{
    const struct control_options *o = c->options;
    struct reload_report report;

    if (policy_open(&c->policy, o->config, o->data_dir) < 0)
        return false;
    c->policy.on_published = on_published;
    c->policy.ctx = c;
    c->policy.gateway_port = o->gateway_port;
    bool fine = reload_at_start(&c->policy, &report);
    print_lines(report.lines);
    reload_report_deinit(&report);
    return fine;
}

static bool set_up(struct control *c)
{
    const struct control_options *o = c->options;
    char link_path[PATH_BYTES];
    int link_fd = o->link_fd, listen_fd = o->listen_fd;

    c->loop = loop_new();
    if (!c->loop || watch_signals(c) < 0)
        return false;
    c->debounce.on_expire = on_debounced;
    watch_file(c);
    if (!load(c))
        return false;
    snprintf(link_path, sizeof(link_path), "unix:%s/control.sock", o->data_dir);
    if (link_fd < 0 && bind_own(link_path, &c->own_link_fd) == 0)
        link_fd = c->own_link_fd;
    if (listen_fd < 0 && bind_own(o->listen ? o->listen : "127.0.0.1:4001", &c->own_listen_fd) == 0)
        listen_fd = c->own_listen_fd;
    if (link_fd < 0 || listen_fd < 0)
        return false;
    c->link = link_server_new(c->loop, link_fd, &c->policy, &link_handler, c);
    c->api = (struct api){c->loop, &c->policy, c->link, o->data_dir};
    package_store_clean(o->data_dir, c->policy.fleet);
    c->http = http_api_new(&c->api, listen_fd);
    c->ending.on_expire = on_ending;
    c->stopping.on_expire = on_stopping_too_long;
    c->reconciler = reconciler_new(c->loop, &c->policy, c->link,
                                   &(struct reconciler_options){.data_dir = o->data_dir,
                                                                .binary = "/proc/self/exe",
                                                                .make_plane = plane_process_new});
    return c->link && c->http;
}

static void tear_down(struct control *c)
{
    deadline_cancel(&c->debounce);
    deadline_cancel(&c->ending);
    deadline_cancel(&c->stopping);
    link_server_end_waiting(c->link);
    http_api_free(c->http);
    reconciler_free(c->reconciler);
    link_server_free(c->link);
    if (c->policy.store)
        policy_close(&c->policy);
    loop_free(c->loop);
    if (c->changes.fd > 0)
        close(c->changes.fd);
    if (c->signals.fd > 0)
        close(c->signals.fd);
    if (c->own_link_fd >= 0)
        close(c->own_link_fd);
    if (c->own_listen_fd >= 0)
        close(c->own_listen_fd);
}

int control_main(const struct control_options *options)
{
    struct control c = {.options = options, .own_link_fd = -1, .own_listen_fd = -1};
    char ready = 'R';

    log_init("control", LOG_INFO);
    bool fine = set_up(&c);
    if (fine) {
        log_event(LOG_INFO, "control_serving", LOG_NUM("revision", policy_revision(&c.policy)));
        if (options->ready_fd >= 0 && write(options->ready_fd, &ready, 1) != 1)
            log_event(LOG_WARN, "nobody_waits_for_ready", LOG_NUM("errno", errno));
        loop_run(c.loop);
    }
    if (c.loop)
        tear_down(&c);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

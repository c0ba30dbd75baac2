#include "plane/shim_internal.h"

#include "base/mem.h"
#include "plane/process_tree.h"

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Often at first, and after it was told another environment, until it says that it knows. */
static void probe_next(struct shim *s)
{
    bool awaited = s->told_ns && loop_now_ns(s->loop) - s->told_ns < SHIM_TOLD_MS * NS_PER_MS;

    deadline_set(s->loop, &s->probe_at,
                 s->health.was_ready && !awaited ? s->spec.probe_ms : s->spec.first_probe_ms);
}

/* --- its environment */

static void write_ready(struct shim *s)
{
    char where[PROBE_ENVIRONMENT_MAX + FILES_MARK_BYTES + 8];

    snprintf(where, sizeof(where), "in %s %s", s->mark, s->environment);
    shim_write_status(s, "ready", str_of(s->says_environment ? where : ""));
}

/* Whether the answer says anything that the one before did not: another environment, or the same
 * after it was told anew. "?" is what a server says that has not come to it yet. */
static bool take_environment(struct shim *s)
{
    const struct probe *p = &s->probe;
    bool same = s->says_environment && strcmp(s->environment, p->environment) == 0;

    if (s->says_environment == p->says_environment &&
        (!p->says_environment || (same && strcmp(s->mark, s->asked_mark) == 0)))
        return false;
    if (!same && strcmp(p->environment, "?") != 0)
        s->told_ns = 0;
    s->says_environment = p->says_environment;
    memcpy(s->environment, p->environment, sizeof(s->environment));
    memcpy(s->mark, s->asked_mark, sizeof(s->mark));
    return true;
}

static void on_told(struct loop_io *io, uint32_t events)
{
    struct shim *s = container_of(io, struct shim, told);
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    (void)events;
    while (read(io->fd, bytes, sizeof(bytes)) > 0)
        continue;
    s->told_ns = loop_now_ns(s->loop);
    if (!s->probe.running)
        deadline_set(s->loop, &s->probe_at, 0);
}

/* Where this fails it is asked at its usual times. */
static void watch_environment(struct shim *s)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d/config", s->folder);
    s->told = (struct loop_io){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .on_event = on_told};
    if (s->told.fd >= 0 && inotify_add_watch(s->told.fd, path, IN_MOVED_TO | IN_ONLYDIR) >= 0)
        loop_add(s->loop, &s->told, EPOLLIN);
}

static void unwatch_environment(struct shim *s)
{
    if (s->told.fd < 0)
        return;
    loop_remove(s->loop, &s->told);
    close(s->told.fd);
    s->told.fd = -1;
}

/* --- what checks mean */

static void apply(struct shim *s, enum health_verdict verdict, str why)
{
    char text[SHIM_WHY_BYTES];

    switch (verdict) {
    case HEALTH_AS_BEFORE:
        break;
    case HEALTH_READY:
        relay_set_service(&s->relay, RELAY_SERVES);
        write_ready(s);
        shim_say(s, "INFO", "the replica is ready");
        break;
    case HEALTH_NOT_READY:
        shim_write_status(s, "not_ready", why);
        shim_say(s, "WARNING", "the replica is not ready: %.*s", STR_ARG(why));
        break;
    case HEALTH_GIVE_UP_STARTUP:
        snprintf(text, sizeof(text), "it was not ready within %lld s: %.*s",
                 (long long)s->spec.startup_ms / 1000, STR_ARG(why));
        shim_give_up(s, text);
        break;
    case HEALTH_GIVE_UP_RESTART:
        snprintf(text, sizeof(text), "it has not been alive for %lld s: %.*s",
                 (long long)s->spec.restart_ms / 1000, STR_ARG(why));
        shim_give_up(s, text);
        break;
    }
}

static void on_liveness(struct probe *p, str why)
{
    struct shim *s = container_of(p, struct shim, probe);
    enum health_result result = why.n ? HEALTH_FAILED : HEALTH_FINE;

    apply(s, health_liveness(&s->health, result, loop_now_ns(s->loop)), why);
    if (s->state == SHIM_RUNNING)
        probe_next(s);
}

static void on_readiness(struct probe *p, str why)
{
    struct shim *s = container_of(p, struct shim, probe);
    enum health_result result = why.n ? HEALTH_FAILED : HEALTH_FINE;
    bool moved = result == HEALTH_FINE && take_environment(s);
    enum health_verdict verdict = health_readiness(&s->health, result, loop_now_ns(s->loop));

    apply(s, verdict, why);
    if (moved && verdict == HEALTH_AS_BEFORE && s->health.ready)
        write_ready(s);
    if (s->state != SHIM_RUNNING)
        return;
    if (s->health.was_ready && s->spec.liveness[0])
        probe_start(&s->probe, s->loop, s->private_port, s->spec.liveness, SHIM_PROBE_TIMEOUT_MS,
                    on_liveness);
    else
        probe_next(s);
}

/* A port is a number that anybody may take: nothing is sent there, a check or a request, unless the
 * replica's own processes listen on it. */
static void on_probe_at(struct deadline *d)
{
    struct shim *s = container_of(d, struct shim, probe_at);
    char why[SHIM_WHY_BYTES];

    switch (process_tree_port(s->private_port)) {
    case PORT_OURS:
        if (s->health.ready)
            relay_set_service(&s->relay, RELAY_SERVES);
        files_mark(s->folder, FILES_TOLD, s->asked_mark);
        probe_start(&s->probe, s->loop, s->private_port, s->spec.readiness, SHIM_PROBE_TIMEOUT_MS,
                    on_readiness);
        return;
    case PORT_UNUSED:
        snprintf(why, sizeof(why), "nothing listens on its port %u", s->private_port);
        break;
    case PORT_FOREIGN:
        snprintf(why, sizeof(why), "its port %u belongs to another process", s->private_port);
        relay_set_service(&s->relay, RELAY_REFUSES);
        break;
    }
    apply(s, health_readiness(&s->health, HEALTH_FAILED, loop_now_ns(s->loop)), str_of(why));
    if (s->state == SHIM_RUNNING && s->spec.liveness[0])
        apply(s, health_liveness(&s->health, HEALTH_FAILED, loop_now_ns(s->loop)), str_of(why));
    if (s->state == SHIM_RUNNING)
        probe_next(s);
}

void shim_begin_probing(struct shim *s)
{
    const struct health_thresholds thresholds = {s->spec.startup_ms, s->spec.stop_traffic_ms,
                                                 s->spec.restart_ms};

    health_init(&s->health, &thresholds, loop_now_ns(s->loop));
    watch_environment(s);
    s->probe_at.on_expire = on_probe_at;
    deadline_set(s->loop, &s->probe_at, 0);
}

void shim_end_probing(struct shim *s)
{
    unwatch_environment(s);
    deadline_cancel(&s->probe_at);
    probe_cancel(&s->probe);
}

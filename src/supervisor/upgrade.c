/*
 * From one binary to the next, in an order in which each step is proven before the old one goes:
 *
 * 1. a new edge with the same listening sockets. Until it is ready nothing else changes, and if it
 *    dies or takes too long, it was all that the upgrade cost;
 * 2. the old edges drain, for as long as they need, while the new one accepts;
 * 3. control ends and starts anew. Its sockets stay open here, so that callers wait a moment;
 * 4. this process executes the new binary and goes on as the same process.
 *
 * Everything is started from an image that was opened once (exe_fd): when an edge dies, the same
 * binary comes back, whatever lies at the binary's path by then.
 */

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/server.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Room that an upgrade leaves: its candidate, and a restart of edge and of control. */
enum { SPARE_CHILDREN = 3 };

static void give_up(struct server *s, str why)
{
    log_event(LOG_ERROR, "upgrade_failed", LOG_STR("why", why),
              LOG_STR("binary", str_of(s->is.binary)));
    upgrade_end(s);
}

void upgrade_end(struct server *s)
{
    if (s->new_exe_fd >= 0)
        close(s->new_exe_fd);
    s->new_exe_fd = -1;
    s->candidate = 0;
    s->upgrade = UPGRADE_NONE;
}

void server_upgrade(struct server *s)
{
    if (s->phase != SERVER_SERVING || s->upgrade == UPGRADE_EDGE) {
        log_event(LOG_WARN, "upgrade_ignored",
                  LOG_STR("why", s->phase == SERVER_SERVING ? STR("one is under way")
                                                            : STR("the server is stopping")));
        return;
    }
    log_event(LOG_INFO, "upgrading", LOG_STR("binary", str_of(s->is.binary)));
    if (s->is.n_children > HANDOVER_CHILDREN_MAX - SPARE_CHILDREN) {
        give_up(s, STR("too many older edges still drain"));
        return;
    }
    s->new_exe_fd = open(s->is.binary, O_PATH | O_CLOEXEC);
    if (s->new_exe_fd < 0) {
        give_up(s, str_of(strerror(errno)));
        return;
    }
    struct child *candidate = server_start(s, CHILD_EDGE, s->new_exe_fd);
    if (!candidate) {
        give_up(s, STR("the new edge could not be started"));
        return;
    }
    candidate->deadline_ns = clock_monotonic_ns() + s->is.ready_timeout_ms * NS_PER_MS;
    s->candidate = candidate->generation;
    s->upgrade = UPGRADE_EDGE;
}

void upgrade_on_edge_gone(struct server *s)
{
    give_up(s, STR("the new edge ended before it was ready"));
}

void upgrade_on_edge_ready(struct server *s)
{
    struct child *control = server_control(s);

    close(s->is.exe_fd);
    s->is.exe_fd = s->new_exe_fd;
    s->new_exe_fd = -1;
    for (size_t i = 0; i < s->is.n_children; i++) {
        struct child *c = &s->is.children[i];

        if (c->role == CHILD_EDGE && c->generation != s->candidate)
            server_retire(s, c);
    }
    s->candidate = 0;
    s->parts[CHILD_EDGE].start_at_ns = SERVER_NEVER;
    s->upgrade = UPGRADE_CONTROL;
    if (control)
        server_retire(s, control);
    else
        s->parts[CHILD_CONTROL] =
            (struct server_part){.was_ready = s->parts[CHILD_CONTROL].was_ready};
}

/* Returns only if it fails. */
static void execute(struct server *s)
{
    int state_fd = handover_write(&s->is);
    char number[16];

    if (state_fd < 0) {
        give_up(s, STR("its state could not be written"));
        return;
    }
    snprintf(number, sizeof(number), "%d", state_fd);
    setenv(SUPERVISOR_STATE_VARIABLE, number, 1);
    handover_set_inherit(&s->is, HANDOVER_KEPT_ON_EXEC);
    fcntl(state_fd, F_SETFD, 0);
    fexecve(s->is.exe_fd, s->argv, environ);

    int error = errno;
    handover_set_inherit(&s->is, HANDOVER_CLOSED_ON_EXEC);
    unsetenv(SUPERVISOR_STATE_VARIABLE);
    close(state_fd);
    give_up(s, str_of(strerror(error)));
}

void upgrade_on_control_ready(struct server *s)
{
    s->upgrade = UPGRADE_NONE;
    execute(s);
}

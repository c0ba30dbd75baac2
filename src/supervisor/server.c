#include "supervisor/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAUSE_LEAST_MS = 100, PAUSE_MOST_MS = 5000, NUMBER_TEXT = 16, FIXED_ARGUMENTS = 16 };

/* --- who is who */

struct child *server_control(struct server *s)
{
    for (size_t i = 0; i < s->is.n_children; i++) {
        if (s->is.children[i].role == CHILD_CONTROL)
            return &s->is.children[i];
    }
    return NULL;
}

struct child *server_edge(struct server *s)
{
    struct child *newest = NULL;

    for (size_t i = 0; i < s->is.n_children; i++) {
        struct child *c = &s->is.children[i];

        if (c->role == CHILD_EDGE && c->state != CHILD_STOPPING && c->generation != s->candidate &&
            (!newest || c->generation > newest->generation))
            newest = c;
    }
    return newest;
}

struct child *server_edge_of(struct server *s, unsigned generation)
{
    for (size_t i = 0; i < s->is.n_children; i++) {
        struct child *c = &s->is.children[i];

        if (c->role == CHILD_EDGE && c->generation == generation)
            return c;
    }
    return NULL;
}

static size_t count_edges(const struct server *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->is.n_children; i++)
        n += s->is.children[i].role == CHILD_EDGE;
    return n;
}

/* --- starting */

/* The words of a command line; numbers live in `numbers`. */
struct command_line {
    const char **words;
    size_t n_words;
    char (*numbers)[NUMBER_TEXT];
    size_t n_numbers;
};

static void add(struct command_line *c, const char *option, const char *value)
{
    c->words[c->n_words++] = option;
    c->words[c->n_words++] = value;
}

static void add_number(struct command_line *c, const char *option, unsigned value)
{
    char *text = c->numbers[c->n_numbers++];

    snprintf(text, NUMBER_TEXT, "%u", value);
    add(c, option, text);
}

static int spawn_control(struct server *s, struct child *child, int exe_fd)
{
    const char *words[FIXED_ARGUMENTS];
    char numbers[3][NUMBER_TEXT];
    const int inherit[] = {s->is.listeners.control, s->is.listeners.link};
    struct command_line c = {.words = words, .numbers = numbers};
    uint16_t gateway_port = listener_port(s->is.listeners.gateway[0]);

    add(&c, s->is.binary, "control");
    add(&c, "--config", s->is.config_path);
    add(&c, "--data-dir", s->is.data_dir);
    /* While the server stops, nothing listens any more. */
    if (gateway_port)
        add_number(&c, "--gateway-port", gateway_port);
    add_number(&c, "--listen-fd", (unsigned)s->is.listeners.control);
    add_number(&c, "--link-fd", (unsigned)s->is.listeners.link);
    return child_spawn(child, &(struct child_program){.exe_fd = exe_fd,
                                                      .argv = words,
                                                      .n_argv = c.n_words,
                                                      .inherit = inherit,
                                                      .n_inherit = COUNT_OF(inherit)});
}

static int spawn_edge(struct server *s, struct child *child, int exe_fd)
{
    size_t n_sockets = s->is.listeners.n_gateway;
    CLEANUP_FREE const char **words = mem_array(FIXED_ARGUMENTS + 2 * n_sockets, sizeof(*words));
    CLEANUP_FREE char(*numbers)[NUMBER_TEXT] = mem_array(n_sockets + 2, sizeof(*numbers));
    CLEANUP_FREE char *link_path = mem_alloc(strlen(s->is.data_dir) + sizeof("/control.sock"));
    struct command_line c = {.words = words, .numbers = numbers};

    memcpy(link_path, s->is.data_dir, strlen(s->is.data_dir));
    memcpy(link_path + strlen(s->is.data_dir), "/control.sock", sizeof("/control.sock"));
    add(&c, s->is.binary, "edge");
    add(&c, "--name", "local");
    add(&c, "--data-dir", s->is.data_dir);
    add(&c, "--link", link_path);
    add_number(&c, "--generation", child->generation);
    add_number(&c, "--workers", s->is.workers);
    for (size_t i = 0; i < n_sockets; i++)
        add_number(&c, "--listen-fd", (unsigned)s->is.listeners.gateway[i]);
    return child_spawn(child, &(struct child_program){.exe_fd = exe_fd,
                                                      .argv = words,
                                                      .n_argv = c.n_words,
                                                      .inherit = s->is.listeners.gateway,
                                                      .n_inherit = n_sockets});
}

struct child *server_start(struct server *s, enum child_role role, int exe_fd)
{
    const char *name = child_role_name(role);

    if (s->is.n_children == HANDOVER_CHILDREN_MAX) {
        log_event(LOG_ERROR, "too_many_processes", LOG_STR("part", str_of(name)),
                  LOG_NUM("limit", HANDOVER_CHILDREN_MAX));
        return NULL;
    }
    struct child *child = &s->is.children[s->is.n_children];
    *child = (struct child){.role = role, .generation = s->is.next_generation};
    int r = role == CHILD_EDGE ? spawn_edge(s, child, exe_fd) : spawn_control(s, child, exe_fd);
    if (r < 0) {
        log_event(LOG_ERROR, "cannot_start", LOG_STR("part", str_of(name)),
                  LOG_STR("why", str_of(strerror(-r))));
        return NULL;
    }
    s->is.n_children++;
    s->is.next_generation++;
    log_event(LOG_INFO, "started", LOG_STR("part", str_of(name)), LOG_NUM("pid", child->pid),
              LOG_NUM("generation", child->generation));
    return child;
}

static bool is_missing(struct server *s, enum child_role role)
{
    return role == CHILD_EDGE ? !server_edge(s) : !server_control(s);
}

void server_begin(struct server *s)
{
    for (enum child_role role = 0; role < CHILD_ROLES; role++)
        s->parts[role].start_at_ns = is_missing(s, role) ? 0 : SERVER_NEVER;
    server_on_time(s, clock_monotonic_ns());
}

/* --- stopping */

static void let_end(struct child *child, int signal, int64_t limit_ms)
{
    if (child->state == CHILD_STOPPING)
        return;
    child->state = CHILD_STOPPING;
    child->deadline_ns = clock_monotonic_ns() + limit_ms * NS_PER_MS;
    child_signal(child, signal);
}

void server_stop_child(struct server *s, struct child *child)
{
    let_end(child, SIGTERM,
            child->role == CHILD_EDGE ? s->is.drain_limit_ms : s->is.control_stop_ms);
}

void server_retire(struct server *s, struct child *child)
{
    let_end(child, SIGUSR2,
            child->role == CHILD_EDGE ? s->is.drain_limit_ms : s->is.control_stop_ms);
}

/* Whether its time to stop has passed, for which it was killed. */
static bool is_overdue(const struct child *c)
{
    return c->state == CHILD_STOPPING && c->deadline_ns == CHILD_NO_DEADLINE;
}

/* Control has died before it could end what it had started: the next one does that. */
static void replace_control(struct server *s)
{
    if (s->exit_status != EXIT_SUCCESS)
        return; /* everything is to be killed */
    struct child *control = s->control_deaths++ < SUPERVISOR_START_TRIES
                                ? server_start(s, CHILD_CONTROL, s->is.exe_fd)
                                : NULL;
    if (!control)
        s->exit_status = EXIT_FAILURE;
    else if (s->phase == SERVER_ENDING)
        server_stop_child(s, control);
}

/* The next step of stopping the server, if it is time for one. */
static void stop_on(struct server *s)
{
    struct child *control = server_control(s);

    if (s->phase == SERVER_DRAINING && count_edges(s) == 0) {
        s->phase = SERVER_ENDING;
        if (control)
            server_stop_child(s, control);
    }
    if (s->phase == SERVER_ENDING && s->is.n_children == 0)
        s->phase = SERVER_OVER;
}

static void kill_all(struct server *s)
{
    for (size_t i = 0; i < s->is.n_children; i++)
        child_signal(&s->is.children[i], SIGKILL);
    s->phase = SERVER_ENDING;
    upgrade_end(s);
    s->exit_status = EXIT_FAILURE;
    stop_on(s);
}

void server_stop(struct server *s)
{
    if (s->phase != SERVER_SERVING) {
        log_event(LOG_WARN, "killing", LOG_NUM("processes", s->is.n_children));
        kill_all(s);
        return;
    }
    log_event(LOG_INFO, "stopping", LOG_NUM("edges", count_edges(s)));
    s->phase = SERVER_DRAINING;
    upgrade_end(s);
    for (size_t i = 0; i < s->is.n_children; i++) {
        struct child *c = &s->is.children[i];

        /* One that was retired before has nobody to leave its clients to any more. */
        if (c->role == CHILD_EDGE && c->state == CHILD_STOPPING)
            child_signal(c, SIGTERM);
        else if (c->role == CHILD_EDGE)
            server_stop_child(s, c);
    }
    /* From when the last edge has closed its own, connections are refused instead of left waiting.
     */
    for (size_t i = 0; i < s->is.listeners.n_gateway; i++)
        close(s->is.listeners.gateway[i]);
    s->is.listeners.n_gateway = 0;
    stop_on(s);
}

/* --- events */

static void announce(struct server *s)
{
    char address[LISTENER_TEXT], last[LISTENER_TEXT] = "";

    if (s->announced || !s->parts[CHILD_EDGE].was_ready || !s->parts[CHILD_CONTROL].was_ready)
        return;
    s->announced = true;
    for (size_t i = 0; i < s->is.listeners.n_gateway; i++) {
        listener_text(s->is.listeners.gateway[i], address);
        if (!str_eq(str_of(address), str_of(last)))
            printf("gateway     %s\n", address);
        memcpy(last, address, sizeof(last));
    }
    listener_text(s->is.listeners.control, address);
    printf("management  %s\n", address);
    printf("data        %s\n", s->is.data_dir);
    fflush(stdout);
}

void server_on_ready(struct server *s, struct child *child)
{
    enum child_role role = child->role;
    unsigned generation = child->generation;

    log_event(LOG_INFO, "ready", LOG_STR("part", str_of(child_role_name(role))),
              LOG_NUM("pid", child->pid), LOG_NUM("generation", generation));
    s->parts[role].was_ready = true;
    s->parts[role].early_deaths = 0;
    announce(s);
    if (role == CHILD_CONTROL && s->reload_pending) {
        s->reload_pending = false;
        child_signal(child, SIGHUP);
    }
    if (role == CHILD_EDGE && generation == s->candidate)
        upgrade_on_edge_ready(s);
    else if (role == CHILD_CONTROL && s->upgrade == UPGRADE_CONTROL)
        upgrade_on_control_ready(s);
}

static int64_t pause_ms(unsigned early_deaths)
{
    if (early_deaths < 2)
        return 0;
    unsigned doublings = early_deaths - 2 < 6 ? early_deaths - 2 : 6;
    int64_t ms = (int64_t)PAUSE_LEAST_MS << doublings;
    return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}

static void start_again(struct server *s, enum child_role role, enum child_state died_as)
{
    struct server_part *part = &s->parts[role];

    part->early_deaths = died_as == CHILD_STARTING ? part->early_deaths + 1 : 0;
    if (!part->was_ready && part->early_deaths >= SUPERVISOR_START_TRIES) {
        log_event(LOG_ERROR, "cannot_serve", LOG_STR("part", str_of(child_role_name(role))),
                  LOG_NUM("tries", part->early_deaths));
        kill_all(s);
        return;
    }
    int64_t pause = pause_ms(part->early_deaths);
    if (pause)
        log_event(LOG_WARN, "start_delayed", LOG_STR("part", str_of(child_role_name(role))),
                  LOG_NUM("pause_ms", pause));
    part->start_at_ns = clock_monotonic_ns() + pause * NS_PER_MS;
}

static void log_end(const struct child *c, int status)
{
    bool wanted = c->state == CHILD_STOPPING && WIFEXITED(status) && WEXITSTATUS(status) == 0;

    log_event(wanted ? LOG_INFO : LOG_WARN, "exited",
              LOG_STR("part", str_of(child_role_name(c->role))), LOG_NUM("pid", c->pid),
              LOG_NUM("generation", c->generation),
              LOG_STR("how", WIFSIGNALED(status) ? STR("signal") : STR("status")),
              LOG_NUM("number", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}

void server_on_gone(struct server *s, struct child *child)
{
    struct child was = *child;
    int status = child_reap(child);

    log_end(&was, status);
    size_t at = (size_t)(child - s->is.children);
    memmove(child, child + 1, (s->is.n_children - at - 1) * sizeof(*child));
    s->is.n_children--;

    if (s->phase == SERVER_SERVING) {
        if (was.role == CHILD_EDGE && was.generation == s->candidate)
            upgrade_on_edge_gone(s);
        else if (is_missing(s, was.role) && s->parts[was.role].start_at_ns == SERVER_NEVER)
            start_again(s, was.role, was.state);
    } else if (was.role == CHILD_CONTROL && status != 0 && !is_overdue(&was)) {
        replace_control(s);
    }
    stop_on(s);
}

void server_on_time(struct server *s, int64_t now_ns)
{
    for (size_t i = 0; i < s->is.n_children; i++) {
        struct child *c = &s->is.children[i];

        if (c->deadline_ns > now_ns)
            continue;
        log_event(LOG_WARN, c->state == CHILD_STOPPING ? "drain_limit_passed" : "not_ready_in_time",
                  LOG_STR("part", str_of(child_role_name(c->role))), LOG_NUM("pid", c->pid));
        c->deadline_ns = CHILD_NO_DEADLINE;
        child_signal(c, SIGKILL);
    }
    for (enum child_role role = 0; role < CHILD_ROLES && s->phase == SERVER_SERVING; role++) {
        if (s->parts[role].start_at_ns > now_ns)
            continue;
        s->parts[role].start_at_ns = SERVER_NEVER;
        if (is_missing(s, role) && !server_start(s, role, s->is.exe_fd))
            start_again(s, role, CHILD_STARTING);
    }
}

int64_t server_next_ns(const struct server *s)
{
    int64_t next = SERVER_NEVER;

    for (size_t i = 0; i < s->is.n_children; i++) {
        if (s->is.children[i].deadline_ns < next)
            next = s->is.children[i].deadline_ns;
    }
    for (size_t i = 0; i < CHILD_ROLES && s->phase == SERVER_SERVING; i++) {
        if (s->parts[i].start_at_ns < next)
            next = s->parts[i].start_at_ns;
    }
    return next;
}

void server_reload(struct server *s)
{
    struct child *control = server_control(s);

    if (control && control->state == CHILD_READY)
        child_signal(control, SIGHUP);
    else
        s->reload_pending = true;
}

void server_deinit(struct server *s)
{
    if (s->new_exe_fd >= 0)
        close(s->new_exe_fd);
    handover_deinit(&s->is);
}

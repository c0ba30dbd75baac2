#pragma once

/*
 * What runs, and what should run. Events come in (a child is ready, a child is gone, time has
 * passed, the operator wants something), processes are started and signalled in answer. The loop
 * that waits for events is in supervisor.c, the steps of an upgrade are in upgrade.c.
 *
 *   SERVING ──stop──> DRAINING ──last edge gone──> ENDING ──control gone──> OVER
 *      └── gave up, or the operator's second signal: everything is killed ──────┘
 *
 * While it serves, there is one current edge (the newest that is neither stopping nor a candidate)
 * and one control; older edges may drain beside them. Whoever of the two is missing is started
 * again: at once, or after a pause where it keeps dying before it gets ready. A control that dies
 * while the server stops is replaced too, a few times, since replicas end with it only if it tells
 * them to.
 */

#include "supervisor/handover.h"

enum server_phase { SERVER_SERVING, SERVER_DRAINING, SERVER_ENDING, SERVER_OVER };

/*   NONE ──SIGUSR2──> EDGE ──candidate ready──> CONTROL ──new control ready──> (execve)
 *    └─────<──candidate gone, or too slow──┘ */
enum upgrade_stage { UPGRADE_NONE, UPGRADE_EDGE, UPGRADE_CONTROL };

enum { SERVER_NEVER = INT64_MAX };

struct server_part {
    unsigned early_deaths; /* in a row, before it was ready */
    int64_t start_at_ns;   /* SERVER_NEVER: none is due */
    bool was_ready;        /* once in this server's life */
};

struct server {
    struct handover is;
    char *const *argv;
    enum server_phase phase;
    struct server_part parts[CHILD_ROLES];
    bool announced;      /* it has been said where it listens */
    bool reload_pending; /* control is to read its configuration once it is ready */
    int exit_status;
    unsigned control_deaths; /* while it stops */

    enum upgrade_stage upgrade;
    unsigned candidate; /* generation of the edge that an upgrade waits for; 0: none */
    int new_exe_fd;     /* its image; -1: none */
};

/* Starts what is not running. */
void server_begin(struct server *s);
void server_deinit(struct server *s);

/* --- events */

void server_on_ready(struct server *s, struct child *child);

/* The child is dead; it is reaped and leaves the list, so that others move. */
void server_on_gone(struct server *s, struct child *child);

/* Does what is due. */
void server_on_time(struct server *s, int64_t now_ns);
/* When something is due next; SERVER_NEVER. */
int64_t server_next_ns(const struct server *s);

/* The operator's wishes. */
void server_stop(struct server *s);
void server_reload(struct server *s);
void server_upgrade(struct server *s);

/* --- between server.c and upgrade.c */

/* NULL where there is none. */
struct child *server_control(struct server *s);
struct child *server_edge(struct server *s);
struct child *server_edge_of(struct server *s, unsigned generation);

/* Starts a process from the image at exe_fd. NULL after a log line if it cannot. */
struct child *server_start(struct server *s, enum child_role role, int exe_fd);

/* SIGTERM, and SIGKILL when its limit has passed. */
void server_stop_child(struct server *s, struct child *child);

/* The same for one that another replaces: SIGUSR2, which leaves an edge's clients time to go over
 * to that one, and leaves it the replicas that control has started. */
void server_retire(struct server *s, struct child *child);

/* Steps of an upgrade, after the event that each is named after. */
void upgrade_on_edge_ready(struct server *s);
void upgrade_on_edge_gone(struct server *s);
void upgrade_on_control_ready(struct server *s);
/* No step follows any more. */
void upgrade_end(struct server *s);

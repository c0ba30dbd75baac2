#pragma once

/*
 * `ambit replica`: the companion of one replica for its life. It starts the package's own process,
 * listens on the replica's public port (relay.h), checks its health (health.h), keeps its log, and
 * sees to it that nothing of it is left in the end. It is started by the process plane and outlives
 * it: what it needs is in the replica's folder, and what it has to say is written there.
 *
 *   RUNNING ──► DRAINING ──► TERMINATING ──► SWEEPING ──► ended
 *      └────────────┴──────────────┴─────────────▲
 *                 the process ends by itself ────┘
 *
 * SIGTERM drains: no new connections, and the process is told to end when those there are have
 * ended or the drain limit has passed. SIGINT does the same at once. A process that does not end
 * within its grace period is killed. SWEEPING: the process has ended, what it had started is
 * killed, what it had said is passed on.
 */

/* `folder` is replicas/<id>; `lock_fd`, inherited, holds the lock in it, and the standard input is
 * that of secrets.h. Returns the exit status. */
int shim_main(const char *folder, int lock_fd);

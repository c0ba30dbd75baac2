#pragma once

/*
 * The request log: one JSON line a request, written by a thread of its own so that no worker ever
 * waits for a disk or a pipe. Each worker fills a lane of two buffers; a full or old buffer is
 * handed over, and where the writer has not given the other one back yet lines are counted as
 * dropped instead of waited for. It holds no content, no credentials, and customers only as a keyed
 * digest.
 */

#include "base/buf.h"
#include "net/loop.h"

struct access_log;
struct access_log_lane;

/* Lines go to `fd`, which stays the caller's. */
struct access_log *access_log_new(int fd);

/* Writes what is left, then ends the thread. Lanes must be closed before. */
void access_log_free(struct access_log *log);

/* One for each worker, used by its thread only. */
struct access_log_lane *access_log_open_lane(struct access_log *log, struct loop *loop);
void access_log_close_lane(struct access_log_lane *lane);

/* The buffer to append one line to (with its newline), or NULL: dropped and counted. Call
 * access_log_end after appending. */
struct buf *access_log_begin(struct access_log_lane *lane);
void access_log_end(struct access_log_lane *lane);

uint64_t access_log_dropped(const struct access_log_lane *lane);

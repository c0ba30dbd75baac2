#pragma once

/*
 * What reached the simulator: the latest requests in memory (GET /sim/log), and each one as a JSON
 * line in a file if a file was named. Header names are kept, values are not, except for
 * Authorization's scheme: credentials do not belong in a log.
 */

#include "base/buf.h"
#include "http/head.h"

struct sim_journal;

enum { SIM_JOURNAL_BODY_MAX = 8192 };

struct sim_entry {
    str region;
    uint16_t port;
    const struct http_head *head;
    str body;
    unsigned status; /* answered; 0: none */
    str fault;       /* "none" or the kind that was played */
};

/* `keep` entries in memory (0: none); `fd` of a file to append to, or -1. The descriptor becomes
 * the journal's. */
struct sim_journal *sim_journal_new(size_t keep, int fd);
void sim_journal_free(struct sim_journal *j);

/* Any thread. Does nothing where nothing is kept. */
void sim_journal_add(struct sim_journal *j, const struct sim_entry *entry);
void sim_journal_clear(struct sim_journal *j);

/* {"requests": [...], "total": N}, oldest first. */
void sim_journal_render(struct sim_journal *j, struct buf *to);

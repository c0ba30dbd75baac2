#pragma once

/*
 * Publishing policy to readers that never wait: quiescent-state based reclamation. The writer (one
 * thread) swaps a pointer; readers (one a worker) load it as often as they like and keep nothing
 * beyond the end of their loop turn, where they say so. What was replaced may be freed, and a
 * revision is in force everywhere, once every reader has said so since.
 */

#include "catalog/catalog.h"

struct publisher;
struct publisher_reader;

struct publisher *publisher_new(size_t n_readers);

/* Frees the newest catalog, and those that wait. No reader may be active. */
void publisher_free(struct publisher *p);

struct publisher_reader *publisher_reader(struct publisher *p, size_t index);

/* Reader: the newest catalog, valid until this reader's next publisher_quiescent; NULL before the
 * first publication. */
const struct catalog *publisher_acquire(const struct publisher_reader *r);

/* Reader: nothing from before is held any more. */
void publisher_quiescent(struct publisher_reader *r);

/* The same in two steps, for a reader that has to make sure of something in between: the newest
 * epoch, and that nothing from before that one is held any more. */
uint64_t publisher_epoch(const struct publisher_reader *r);
void publisher_pass(struct publisher_reader *r, uint64_t epoch);

/* Writer: replaces the catalog (owned from here on; NULL keeps the present one, for changes to what
 * hangs beside it). Returns the epoch that all readers must pass. */
uint64_t publisher_publish(struct publisher *p, struct catalog *catalog);

/* Writer: whether every reader has passed `epoch`. Readers that sleep pass nothing: wake them with
 * a message. */
bool publisher_passed(const struct publisher *p, uint64_t epoch);

/* Writer: frees catalogs that no reader can hold any more. `on_free` (may be NULL) sees each one
 * first. */
void publisher_reclaim(struct publisher *p, void (*on_free)(void *ctx, struct catalog *catalog),
                       void *ctx);

/* Writer: the newest one. */
struct catalog *publisher_newest(const struct publisher *p);

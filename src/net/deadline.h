#pragma once

/*
 * The deadlines of one loop: a hierarchical timing wheel (Varghese and Lauck, 1987) of
 * one-millisecond ticks, five levels of 64 slots. Arming, cancelling and expiring are O(1) for any
 * mix of lengths, which matters because a remaining time ("the rest of the whole request's hour")
 * is a length of its own.
 *
 * The one idea is laziness. A deadline that is pushed back only gets a new `at_ns`; it stays in its
 * slot and is put where it belongs when the wheel gets there. So the position of a deadline is
 * never later than its instant, and no deadline fires early, because a tick covers what lies before
 * it.
 */

#include "net/loop.h"

enum {
    DEADLINE_LEVELS = 5,
    DEADLINE_SLOT_BITS = 6,
    DEADLINE_SLOTS = 1 << DEADLINE_SLOT_BITS,
};

struct deadlines {
    int64_t tick;                       /* the last that was served */
    int64_t next_tick;                  /* nothing is to be done before it; INT64_MAX: nothing */
    uint64_t occupied[DEADLINE_LEVELS]; /* a bit a slot; may be set for a slot that was emptied */
    struct list slots[DEADLINE_LEVELS][DEADLINE_SLOTS];
    struct list due;    /* to be called in the next step */
    struct list firing; /* being called in this step */
};

void deadlines_init(struct deadlines *w, int64_t now_ns);

/* Cancels whatever is armed, so that its owners may go away later than the loop. */
void deadlines_deinit(struct deadlines *w);

/* Calls what has come due. What a callback arms with length 0 is called in the next step. */
void deadlines_expire(struct deadlines *w, int64_t now_ns);

/* Milliseconds, rounded up, from `now_ns` until the next step is needed; -1: never. */
int deadlines_wait_ms(const struct deadlines *w, int64_t now_ns);

void deadlines_set(struct deadlines *w, struct deadline *d, int64_t now_ns, int64_t duration_ms);

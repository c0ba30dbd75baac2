#include "net/deadline.h"

#include <assert.h>
#include <limits.h>

/* Longer deadlines are cut to it; about 146 years keeps every sum far from overflow. */
#define DEADLINE_MAX_MS (INT64_MAX / NS_PER_MS / 2)

/* An instant beyond the top level waits in its farthest slot and is looked at again there. */
#define DEADLINE_HORIZON_TICKS ((1LL << (DEADLINE_LEVELS * DEADLINE_SLOT_BITS)) - 1)

static int64_t tick_at_or_after(int64_t ns)
{
    return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

void deadlines_init(struct deadlines *w, int64_t now_ns)
{
    *w = (struct deadlines){.tick = now_ns / NS_PER_MS, .next_tick = INT64_MAX};
    for (size_t level = 0; level < DEADLINE_LEVELS; level++)
        for (size_t slot = 0; slot < DEADLINE_SLOTS; slot++)
            list_init(&w->slots[level][slot]);
    list_init(&w->due);
    list_init(&w->firing);
}

static void cancel_all(struct list *queue)
{
    while (!list_empty(queue))
        deadline_cancel(list_first(queue, struct deadline, link));
}

void deadlines_deinit(struct deadlines *w)
{
    for (size_t level = 0; level < DEADLINE_LEVELS; level++)
        for (size_t slot = 0; slot < DEADLINE_SLOTS; slot++)
            cancel_all(&w->slots[level][slot]);
    cancel_all(&w->due);
    cancel_all(&w->firing);
}

static unsigned level_of(int64_t ticks_ahead)
{
    return (63u - (unsigned)__builtin_clzll((unsigned long long)ticks_ahead)) / DEADLINE_SLOT_BITS;
}

static void insert(struct deadlines *w, struct deadline *d)
{
    int64_t ahead = tick_at_or_after(d->at_ns) - w->tick;

    assert(ahead > 0);
    if (ahead > DEADLINE_HORIZON_TICKS)
        ahead = DEADLINE_HORIZON_TICKS;

    unsigned level = level_of(ahead);
    unsigned shift = level * DEADLINE_SLOT_BITS;
    int64_t position = (w->tick + ahead) >> shift;
    size_t slot = (size_t)position % DEADLINE_SLOTS;

    if (position << shift < w->next_tick)
        w->next_tick = position << shift;
    w->occupied[level] |= 1ULL << slot;
    d->queue = &w->slots[level][slot];
    list_append(d->queue, &d->link);
}

void deadlines_set(struct deadlines *w, struct deadline *d, int64_t now_ns, int64_t duration_ms)
{
    assert(d->on_expire);
    if (duration_ms < 0)
        duration_ms = 0;
    if (duration_ms > DEADLINE_MAX_MS)
        duration_ms = DEADLINE_MAX_MS;

    int64_t at_ns = now_ns + duration_ms * NS_PER_MS;
    bool waits = d->queue && d->queue != &w->due && d->queue != &w->firing;
    bool stays = waits && at_ns >= d->at_ns && duration_ms > 0;

    if (d->queue && !stays)
        list_remove(&d->link);
    d->at_ns = at_ns;
    if (stays)
        return;
    if (duration_ms > 0) {
        insert(w, d);
        return;
    }
    d->queue = &w->due;
    list_append(&w->due, &d->link);
}

void deadline_cancel(struct deadline *deadline)
{
    if (!deadline->queue)
        return;
    list_remove(&deadline->link);
    deadline->queue = NULL;
}

/* Empties a slot that the wheel has reached: what is due goes to `firing`, what was pushed back or
 * belongs to a finer level is put there. */
static void serve_slot(struct deadlines *w, unsigned level, size_t slot)
{
    struct list *from = &w->slots[level][slot], batch;

    if (!(w->occupied[level] & 1ULL << slot))
        return;
    w->occupied[level] &= ~(1ULL << slot);
    if (list_empty(from))
        return;
    list_init(&batch);
    list_append(from,
                &batch); /* `batch` becomes the head of the whole ring, so that nothing that */
    list_remove(from);   /* is inserted meanwhile can be met here */
    while (!list_empty(&batch)) {
        struct deadline *d = list_first(&batch, struct deadline, link);

        list_remove(&d->link);
        if (tick_at_or_after(d->at_ns) > w->tick) {
            insert(w, d);
            continue;
        }
        d->queue = &w->firing;
        list_append(&w->firing, &d->link);
    }
}

/* The first tick after w->tick at which an occupied slot is reached. */
static int64_t find_next_tick(const struct deadlines *w)
{
    int64_t next = INT64_MAX;

    for (unsigned level = 0; level < DEADLINE_LEVELS; level++) {
        if (!w->occupied[level])
            continue;

        unsigned shift = level * DEADLINE_SLOT_BITS;
        int64_t first = (w->tick >> shift) + 1;
        unsigned turn = (unsigned)(first % DEADLINE_SLOTS);
        uint64_t ahead = w->occupied[level] >> turn | w->occupied[level]
                                                          << (-turn % DEADLINE_SLOTS);
        int64_t tick = (first + __builtin_ctzll(ahead)) << shift;

        if (tick < next)
            next = tick;
    }
    return next;
}

static void advance(struct deadlines *w, int64_t tick)
{
    while (w->next_tick <= tick) {
        w->tick = w->next_tick;
        for (unsigned level = DEADLINE_LEVELS; level-- > 0;) {
            unsigned shift = level * DEADLINE_SLOT_BITS;

            if ((w->tick & ((1LL << shift) - 1)) == 0)
                serve_slot(w, level, (size_t)(w->tick >> shift) % DEADLINE_SLOTS);
        }
        w->next_tick = find_next_tick(w);
    }
    if (tick > w->tick)
        w->tick = tick;
}

void deadlines_expire(struct deadlines *w, int64_t now_ns)
{
    while (!list_empty(&w->due)) {
        struct deadline *d = list_first(&w->due, struct deadline, link);

        d->queue = &w->firing;
        list_move(&w->firing, &d->link);
    }
    advance(w, now_ns / NS_PER_MS);
    while (!list_empty(&w->firing)) {
        struct deadline *d = list_first(&w->firing, struct deadline, link);

        deadline_cancel(d);
        d->on_expire(d);
    }
}

int deadlines_wait_ms(const struct deadlines *w, int64_t now_ns)
{
    if (!list_empty(&w->due))
        return 0;
    if (w->next_tick == INT64_MAX)
        return -1;

    int64_t ns = w->next_tick * NS_PER_MS - now_ns;
    int64_t ms = ns <= 0 ? 0 : tick_at_or_after(ns);

    return ms > INT_MAX ? INT_MAX : (int)ms;
}

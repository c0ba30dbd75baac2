#include "route/endpoint_state.h"

/*
 * Limits are GCRA (ITU-T I.371, the virtual scheduling form) over one minute: a request moves the
 * theoretical arrival time forward by 60 s / rpm, and is over the limit when that time lies a whole
 * minute ahead. So a fresh endpoint takes a minute's worth at once, as LiteLLM's per-minute
 * counters would, but no burst of two minutes' worth across a boundary.
 */

enum { MINUTE_S = 60 };
static const int64_t minute_ns = MINUTE_S * NS_PER_S;

static bool over_rate(int64_t tat_ns, int64_t cost_ns, int64_t now_ns)
{
    return tat_ns - now_ns > minute_ns - cost_ns;
}

static bool at_limit(const struct endpoint_state *s, const struct catalog_endpoint *e,
                     int64_t now_ns)
{
    if (e->max_parallel &&
        atomic_load_explicit(&s->in_flight, memory_order_relaxed) >= e->max_parallel)
        return true;
    if (e->rpm && over_rate(atomic_load_explicit(&s->rpm_tat_ns, memory_order_relaxed),
                            minute_ns / e->rpm, now_ns))
        return true;
    return e->tpm &&
           over_rate(atomic_load_explicit(&s->tpm_tat_ns, memory_order_relaxed), 0, now_ns);
}

struct endpoint_load endpoint_load_of(const struct endpoint_state *s,
                                      const struct catalog_endpoint *e, int64_t now_ns)
{
    int64_t ejected_until = atomic_load_explicit(&s->ejected_until_ns, memory_order_relaxed);
    int64_t saturated_until = atomic_load_explicit(&s->saturated_until_ns, memory_order_relaxed);
    bool trying = atomic_load_explicit(&s->on_trial, memory_order_relaxed) != 0;
    bool paused = saturated_until > now_ns;

    return (struct endpoint_load){
        .in_flight = atomic_load_explicit(&s->in_flight, memory_order_relaxed),
        .saturated = paused || at_limit(s, e, now_ns),
        .degraded = ejected_until > now_ns || (ejected_until && trying) ||
                    atomic_load_explicit(&s->check_failed, memory_order_relaxed),
        .half_open = ejected_until && ejected_until <= now_ns && !trying,
        .saturated_until_ns = paused ? saturated_until : 0,
    };
}

static bool take_request(struct endpoint_state *s, uint32_t rpm, int64_t now_ns)
{
    int64_t cost_ns = minute_ns / rpm;
    int64_t tat = atomic_load_explicit(&s->rpm_tat_ns, memory_order_relaxed);
    int64_t next;

    do {
        if (over_rate(tat, cost_ns, now_ns))
            return false;
        next = (tat > now_ns ? tat : now_ns) + cost_ns;
    } while (!atomic_compare_exchange_weak_explicit(&s->rpm_tat_ns, &tat, next,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* In good health anybody may; after an ejection one attempt at a time. */
static bool take_trial(struct endpoint_slot *slot, int64_t now_ns)
{
    struct endpoint_state *s = slot->state;
    int64_t ejected_until = atomic_load_explicit(&s->ejected_until_ns, memory_order_relaxed);
    uint32_t nobody = 0;

    if (ejected_until == 0)
        return true;
    slot->trial = ejected_until <= now_ns &&
                  atomic_compare_exchange_strong_explicit(
                      &s->on_trial, &nobody, 1, memory_order_relaxed, memory_order_relaxed);
    return slot->trial;
}

static void give_back(struct endpoint_slot *slot)
{
    if (slot->trial)
        atomic_store_explicit(&slot->state->on_trial, 0, memory_order_relaxed);
    atomic_fetch_sub(&slot->state->in_flight, 1);
    *slot = (struct endpoint_slot){0};
}

bool endpoint_begin(struct endpoint_state *s, const struct catalog_endpoint *e, int64_t now_ns,
                    struct endpoint_slot *ret_slot)
{
    *ret_slot = (struct endpoint_slot){.state = s};
    /* seq_cst: pairs with the registry, which frees a state only after it saw zero past a quiescent
     * point of every worker. */
    uint32_t before = atomic_fetch_add(&s->in_flight, 1);

    if ((!e->max_parallel || before < e->max_parallel) && take_trial(ret_slot, now_ns) &&
        (!e->rpm || take_request(s, e->rpm, now_ns)))
        return true;
    give_back(ret_slot);
    return false;
}

void endpoint_answers(struct endpoint_slot *slot)
{
    if (!slot->trial)
        return;
    atomic_store_explicit(&slot->state->ejected_until_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&slot->state->on_trial, 0, memory_order_relaxed);
    slot->trial = false;
}

static bool count_failure(struct endpoint_state *s, uint32_t allowed_fails, int64_t cooldown_ns,
                          int64_t now_ns)
{
    uint32_t failures = atomic_fetch_add_explicit(&s->failures, 1, memory_order_relaxed) + 1;
    bool was_ejected = atomic_load_explicit(&s->ejected_until_ns, memory_order_relaxed) != 0;

    if (failures < allowed_fails && !was_ejected)
        return false;
    atomic_store_explicit(&s->ejected_until_ns, now_ns + cooldown_ns, memory_order_relaxed);
    return !was_ejected;
}

bool endpoint_end(struct endpoint_slot *slot, enum endpoint_verdict verdict, uint32_t allowed_fails,
                  int64_t cooldown_ns, int64_t now_ns)
{
    struct endpoint_state *s = slot->state;
    bool ejected = false;

    if (verdict == ENDPOINT_SUCCEEDED || verdict == ENDPOINT_SATURATED) {
        /* It is alive. Looking before writing keeps the cache line shared while all is well. */
        if (atomic_load_explicit(&s->failures, memory_order_relaxed))
            atomic_store_explicit(&s->failures, 0, memory_order_relaxed);
        if (atomic_load_explicit(&s->ejected_until_ns, memory_order_relaxed))
            atomic_store_explicit(&s->ejected_until_ns, 0, memory_order_relaxed);
    } else if (verdict == ENDPOINT_FAILED) {
        ejected = count_failure(s, allowed_fails ? allowed_fails : 1, cooldown_ns, now_ns);
    }
    give_back(slot);
    return ejected;
}

void endpoint_pause(struct endpoint_state *s, int64_t until_ns)
{
    atomic_store_explicit(&s->saturated_until_ns, until_ns, memory_order_relaxed);
}

void endpoint_charge_tokens(struct endpoint_state *s, uint64_t tpm, uint64_t tokens, int64_t now_ns)
{
    if (tpm == 0 || tokens == 0)
        return;
    /* More than ten minutes' worth in one answer is a peer's nonsense, not a reason to be shut for
     * longer. */
    int64_t cost_ns = tokens > 10 * tpm
                          ? 10 * minute_ns
                          : (int64_t)((__uint128_t)tokens * (uint64_t)minute_ns / tpm);
    int64_t tat = atomic_load_explicit(&s->tpm_tat_ns, memory_order_relaxed);
    int64_t next;

    do {
        next = (tat > now_ns ? tat : now_ns) + cost_ns;
    } while (!atomic_compare_exchange_weak_explicit(&s->tpm_tat_ns, &tat, next,
                                                    memory_order_relaxed, memory_order_relaxed));
}

#include "route/trace.h"

#include "base/json_out.h"
#include "base/mem.h"

static const str reason_names[] = {
#define X(id, name) [ROUTE_REASON_##id] = STR_INIT(name),
    ROUTE_REASON_TABLE(X)
#undef X
};

static const str outcome_names[] = {
#define X(id, name) [ROUTE_OUTCOME_##id] = STR_INIT(name),
    ROUTE_OUTCOME_TABLE(X)
#undef X
};

str route_reason_name(enum route_reason reason)
{
    return reason_names[reason];
}

str route_outcome_name(enum route_outcome outcome)
{
    return outcome_names[outcome];
}

/* --- the first choice
 * ---------------------------------------------------------------------------------------------- */

static const char *region_of(const struct route_view *view, const struct route_candidate *candidate)
{
    return view->states[candidate->endpoint]->region;
}

/* Verdicts from best to worst, as a region's row should show them: what is usable, then what was
 * momentarily out. */
static unsigned row_rank(enum route_verdict verdict)
{
    return verdict == ROUTE_VERDICT_ELIGIBLE    ? 0
           : verdict == ROUTE_VERDICT_SATURATED ? 1
           : verdict == ROUTE_VERDICT_DEGRADED  ? 2
                                                : 3;
}

/* A region's row, by the label that stands for its text; NULL if it has none yet. */
static struct trace_region *row_of(const struct trace *t, uint16_t label)
{
    for (size_t i = 0; i < t->n_regions; i++)
        if (t->regions[i].label == label)
            return &t->regions[i];
    return NULL;
}

static void add_region(struct trace *t, const struct endpoint_state *state,
                       enum route_verdict verdict, struct arena *arena)
{
    struct trace_region *row = row_of(t, state->region_label);

    if (row) {
        if (row_rank(verdict) < row_rank(row->verdict))
            row->verdict = verdict;
        return;
    }
    if (t->n_regions == TRACE_MAX_REGIONS) {
        t->n_regions_left_out++;
        return;
    }
    t->regions[t->n_regions++] = (struct trace_region){arena_copy(arena, str_of(state->region)),
                                                       state->region_label, verdict};
}

static void list_regions(struct trace *t, const struct route_view *view,
                         const struct route_candidate *candidates, size_t n, struct arena *arena)
{
    size_t room = n < TRACE_MAX_REGIONS ? n : TRACE_MAX_REGIONS;

    t->regions = arena_alloc(arena, (room ? room : 1) * sizeof(*t->regions));
    for (size_t i = 0; i < n; i++)
        add_region(t, view->states[candidates[i].endpoint], candidates[i].verdict, arena);
}

/* A region that would have come before the chosen one, had it not been saturated or degraded. */
static void find_passed_over(struct trace *t, const struct route_view *view,
                             const struct route_candidate *candidates, size_t n, ptrdiff_t chosen,
                             struct arena *arena)
{
    const struct route_candidate *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct route_candidate *c = &candidates[i];

        if (c->verdict != ROUTE_VERDICT_SATURATED && c->verdict != ROUTE_VERDICT_DEGRADED)
            continue;
        if (c->group_rank == candidates[chosen].group_rank &&
            c->region_rank < candidates[chosen].region_rank &&
            (!best || c->region_rank < best->region_rank))
            best = c;
    }
    if (best && view->states[best->endpoint]->region_label !=
                    view->states[candidates[chosen].endpoint]->region_label) {
        t->passed_over = arena_copy(arena, str_of(region_of(view, best)));
        t->passed_over_why = best->verdict;
    }
}

static enum route_reason reason_of(const struct permit *permit, const struct route_wish *wish,
                                   const struct route_view *view,
                                   const struct route_candidate *chosen)
{
    uint16_t region = view->catalog->endpoints[chosen->endpoint].region;

    if (permit->pin != REGION_NONE)
        return ROUTE_REASON_PINNED_REGION;
    if (wish->carbon_aware)
        return ROUTE_REASON_NO_LIVE_SIGNAL;
    if (region != REGION_NONE && region == permit->primary)
        return ROUTE_REASON_PRIMARY_REGION;
    if (region != REGION_NONE && region == permit->secondary)
        return ROUTE_REASON_SECONDARY_REGION;
    if (wish->session.n)
        return ROUTE_REASON_SESSION;
    for (size_t i = 0; region != REGION_NONE && i < view->catalog->settings.n_preferred; i++)
        if (view->catalog->settings.preferred[i] == region)
            return ROUTE_REASON_CONFIGURED_ORDER;
    return ROUTE_REASON_LOWEST_LATENCY;
}

void trace_first_choice(struct trace *t, const struct route_view *view, const struct permit *permit,
                        const struct route_wish *wish, const struct route_candidate *candidates,
                        size_t n, ptrdiff_t chosen, struct arena *arena)
{
    t->wish = permit->pin != REGION_NONE ? ROUTE_PINNED
              : wish->carbon_aware       ? ROUTE_CARBON_AWARE
                                         : ROUTE_PREFERRED;
    list_regions(t, view, candidates, n, arena);
    if (chosen < 0) {
        t->mode = ROUTE_REFUSED;
        t->reason = ROUTE_REASON_REFUSED;
        return;
    }
    /* Without a grid signal no region is eligible by carbon: the choice degrades to the preferred
     * path and says so. */
    t->mode = t->wish == ROUTE_CARBON_AWARE ? ROUTE_DEGRADED : t->wish;
    t->reason = reason_of(permit, wish, view, &candidates[chosen]);
    find_passed_over(t, view, candidates, n, chosen, arena);
}

bool trace_failover(const struct trace *t, str *ret_from, str *ret_to, str *ret_why)
{
    if (t->region.n == 0)
        return false;
    if (t->passed_over.n) {
        *ret_from = t->passed_over;
        *ret_why = route_verdict_name(t->passed_over_why);
    } else if (t->n_attempts > 1 && !str_eq(t->attempts[0].region, t->region)) {
        *ret_from = t->attempts[0].region;
        *ret_why = route_outcome_name(t->attempts[0].outcome);
    } else {
        return false;
    }
    *ret_to = t->region;
    return true;
}

/* --- JSON
 * ----------------------------------------------------------------------------------------------------------
 */

static void member_or_null(struct json_out *j, const char *name, str value)
{
    if (value.n)
        json_member_str(j, name, value);
    else
        json_member_null(j, name);
}

static void put_failover(struct json_out *j, const struct trace *t)
{
    str from, to, why;

    if (!trace_failover(t, &from, &to, &why)) {
        json_member_null(j, "failover");
        return;
    }
    json_key(j, "failover");
    json_open_object(j);
    json_member_str(j, "from", from);
    json_member_str(j, "to", to);
    json_member_str(j, "why", why);
    json_close_object(j);
}

static void put_attempts(struct json_out *j, const struct trace *t)
{
    json_key(j, "attempts");
    json_open_array(j);
    for (size_t i = 0; i < t->n_attempts; i++) {
        const struct trace_attempt *a = &t->attempts[i];

        json_open_object(j);
        json_member_str(j, "region", a->region);
        json_member_str(j, "endpoint", a->endpoint);
        json_member_word(j, "outcome", outcome_names[a->outcome]);
        if (a->status)
            json_member_u64(j, "status", a->status);
        json_member_bool(j, "bytes_sent", a->bytes_sent);
        json_close_object(j);
    }
    json_close_array(j);
}

#define ROW_OPEN  "{\"region\":\""
#define ROW_CLOSE "\",\"eligible\":true}"

/* The row of most traces, put together at once. */
static void put_eligible(struct json_out *j, str region)
{
    char row[sizeof(ROW_OPEN) + ENDPOINT_REGION_LABEL_BYTES + sizeof(ROW_CLOSE)], *at = row;

    memcpy(at, ROW_OPEN, sizeof(ROW_OPEN) - 1);
    at += sizeof(ROW_OPEN) - 1;
    memcpy(at, region.p, region.n);
    at += region.n;
    memcpy(at, ROW_CLOSE, sizeof(ROW_CLOSE) - 1);
    at += sizeof(ROW_CLOSE) - 1;
    json_put_raw(j, str_make(row, (size_t)(at - row)));
}

static void put_candidate(struct json_out *j, const struct trace_region *row)
{
    bool eligible = row->verdict == ROUTE_VERDICT_ELIGIBLE;

    if (eligible && row->region.n <= ENDPOINT_REGION_LABEL_BYTES && json_is_plain(row->region)) {
        put_eligible(j, row->region);
        return;
    }
    json_open_object(j);
    json_member_str(j, "region", row->region);
    json_member_bool(j, "eligible", eligible);
    if (!eligible)
        json_member_word(j, "why_not", route_verdict_name(row->verdict));
    json_close_object(j);
}

static void put_candidates(struct json_out *j, const struct trace *t)
{
    json_key(j, "candidates");
    json_open_array(j);
    for (size_t i = 0; i < t->n_regions; i++)
        put_candidate(j, &t->regions[i]);
    json_close_array(j);
    if (t->n_regions_left_out)
        json_member_u64(j, "candidates_left_out", t->n_regions_left_out);
}

enum trace_part { TRACE_WITH_CANDIDATES, TRACE_WITHOUT_CANDIDATES };

static void render(const struct trace *t, enum trace_part part, struct buf *to)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_member_word(&j, "route_policy", route_mode_name(t->wish));
    json_member_word(&j, "decision_mode", route_mode_name(t->mode));
    json_member_word(&j, "decision_reason", reason_names[t->reason]);
    member_or_null(&j, "region", t->region);
    member_or_null(&j, "gateway_region", t->gateway_region);
    put_failover(&j, t);
    put_attempts(&j, t);
    if (part == TRACE_WITH_CANDIDATES)
        put_candidates(&j, t);
    else
        json_member_u64(&j, "candidates_left_out", t->n_regions + t->n_regions_left_out);
    json_member_null(&j, "operational_signal");
    json_member_null(&j, "receipt_signal");
    json_close_object(&j);
}

void trace_render(const struct trace *t, size_t max_bytes, struct buf *to)
{
    size_t before = to->n;

    render(t, TRACE_WITH_CANDIDATES, to);
    if (max_bytes && to->n - before > max_bytes) {
        to->n = before;
        render(t, TRACE_WITHOUT_CANDIDATES, to);
    }
}

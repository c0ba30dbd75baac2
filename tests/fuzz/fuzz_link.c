/*
 * What either end of the link reads: frames, and what is in them. A payload that is accepted is,
 * put again, the same bytes; one that is refused changes nothing. Frames that come cut are the
 * frames that come whole.
 */

#include "base/mem.h"
#include "catalog/link.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void must_be(struct buf *put, str payload)
{
    must(!put->overflow && str_eq(buf_str(put), payload));
}

static void take_hello(str payload, struct buf *put)
{
    struct link_hello hello;

    if (!link_take_hello(payload, &hello))
        return;
    link_put_hello(put, &hello);
    must_be(put, payload);
}

static void take_observed(str payload, struct buf *put)
{
    struct link_observed observed;

    if (!link_take_observed(payload, &observed))
        return;
    link_put_observed(put, &observed);
    must_be(put, payload);
}

static void take_relay(str payload, struct buf *put)
{
    struct link_relay relay;

    if (!link_take_relay(payload, &relay))
        return;
    must(relay.body.n <= LINK_RELAY_BODY_BYTES);
    link_put_relay(put, &relay);
    must_be(put, payload);
}

static void take_refusals(str payload, struct buf *put)
{
    struct wire_reader r = {.rest = payload};
    struct link_refusals refusals;

    while (r.rest.n && link_take_refusals(&r, &refusals))
        link_put_refusals(put, &refusals);
    must_be(put, str_upto(payload, put->n));
}

static void take_wake(str payload, struct buf *put)
{
    str deployment;

    if (!link_take_wake(payload, &deployment))
        return;
    link_put_wake(put, deployment);
    must_be(put, payload);
}

static void take_demand(str payload, struct buf *put)
{
    struct link_demand demand;

    if (!link_take_demand(payload, &demand))
        return;
    link_put_demand(put, &demand);
    must_be(put, payload);
}

/* The counts that the table keeps are those that a walk finds. */
static void check_table(const struct customers *table)
{
    struct customers_cursor cursor = {0};
    struct customer record, found;
    size_t n = 0, with_rule = 0;

    while (customers_walk(table, &cursor, &record, 1)) {
        must(customers_find(table, record.id, &found));
        must(found.rule == record.rule && found.flags == record.flags);
        must((record.flags & ~(uint32_t)CUSTOMER_BLOCKED) == 0);
        n++;
        with_rule += record.rule != CUSTOMER_RULE_NONE;
    }
    must(n == customers_count(table) && with_rule == customers_with_rule(table));
}

static void take_customers(enum link_frame type, str payload, struct customers *table)
{
    struct wire_reader r = {.rest = payload};
    size_t before = customers_count(table);

    wire_take_u64(&r); /* the revision */
    if (!(type == LINK_CUSTOMERS ? customers_apply(&r, table) : customers_apply_gone(&r, table)))
        must(r.failed && customers_count(table) == before);
    customers_seal(table);
    customers_reclaim(table);
    check_table(table);
}

static void take_frame(enum link_frame type, str payload, struct customers *table)
{
    CLEANUP(buf_deinit) struct buf put;

    buf_init(&put, 0);
    switch (type) {
    case LINK_HELLO:
        take_hello(payload, &put);
        return;
    case LINK_OBSERVED:
        take_observed(payload, &put);
        return;
    case LINK_RELAY:
        take_relay(payload, &put);
        return;
    case LINK_REFUSALS:
        take_refusals(payload, &put);
        return;
    case LINK_WAKE:
        take_wake(payload, &put);
        return;
    case LINK_DEMAND:
        take_demand(payload, &put);
        return;
    case LINK_CUSTOMERS:
    case LINK_CUSTOMERS_GONE:
        take_customers(type, payload, table);
        return;
    default: /* numbers, and bytes that fuzz_catalog reads */
        return;
    }
}

/* Of what has come so far a frame is taken only if it would be taken from all of it. */
static void check_cut(str bytes, size_t cut, ssize_t taken)
{
    enum link_frame type;
    str payload;
    ssize_t early = link_frame_take(str_upto(bytes, cut), &type, &payload);

    must(early == 0 || early == taken);
    must(taken <= 0 || early == (cut < (size_t)taken ? 0 : taken));
}

static void check_put_again(enum link_frame type, str payload, str frame)
{
    CLEANUP(buf_deinit) struct buf put;

    buf_init(&put, 0);
    size_t begin = link_frame_begin(&put, type);
    buf_put_str(&put, payload);
    link_frame_end(&put, begin);
    must_be(&put, frame);
}

/* The first byte says where frames are cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct customers *table = customers_new();
    enum link_frame type;
    str payload;

    if (size == 0) {
        customers_free(table);
        return 0;
    }
    for (str rest = str_make((const char *)data + 1, size - 1); rest.n;) {
        ssize_t taken = link_frame_take(rest, &type, &payload);

        check_cut(rest, data[0] % (rest.n + 1), taken);
        must(taken >= 0 || taken == -EPROTO);
        if (taken <= 0)
            break;
        must((size_t)taken <= rest.n && payload.n + 5 == (size_t)taken);
        check_put_again(type, payload, str_upto(rest, (size_t)taken));
        take_frame(type, payload, table);
        rest = str_from(rest, (size_t)taken);
    }
    customers_free(table);
    return 0;
}

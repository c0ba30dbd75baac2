/* Frames of the link and what is in them: whole, cut at every byte, too long, malformed. */

#include "catalog/link.h"

#include "base/mem.h"
#include "unit/test.h"

#include <errno.h>

static void put_frame(struct buf *to, enum link_frame type, str payload)
{
    size_t begin = link_frame_begin(to, type);

    buf_put_str(to, payload);
    link_frame_end(to, begin);
}

static void frames_are_taken_one_by_one(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    enum link_frame type;
    str payload, rest;

    buf_init(&bytes, 0);
    put_frame(&bytes, LINK_HEARTBEAT, STR("12345678"));
    put_frame(&bytes, LINK_IN_FORCE, STR(""));
    put_frame(&bytes, LINK_CATALOG, STR("x"));
    CHECK_INT(bytes.n, 3 * 5 + 8 + 0 + 1);
    rest = buf_str(&bytes);
    CHECK_INT(link_frame_take(rest, &type, &payload), 13);
    CHECK_INT(type, LINK_HEARTBEAT);
    CHECK_STR(payload, "12345678");
    rest = str_from(rest, 13);
    CHECK_INT(link_frame_take(rest, &type, &payload), 5);
    CHECK_INT(type, LINK_IN_FORCE);
    CHECK_INT(payload.n, 0);
    rest = str_from(rest, 5);
    CHECK_INT(link_frame_take(rest, &type, &payload), 6);
    CHECK_INT(type, LINK_CATALOG);
    CHECK_STR(payload, "x");
    CHECK_INT(link_frame_take(str_from(rest, 6), &type, &payload), 0);
}

static void a_frame_that_is_cut_needs_more(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    enum link_frame type;
    str payload;

    buf_init(&bytes, 0);
    put_frame(&bytes, LINK_QUERY, STR("payload"));
    for (size_t n = 0; n < bytes.n; n++) {
        char *copy = mem_alloc(n);

        memcpy(copy, bytes.p, n);
        ssize_t taken = link_frame_take(str_make(copy, n), &type, &payload);
        mem_free(copy);
        CHECK_INT(taken, 0);
    }
    CHECK_INT(link_frame_take(buf_str(&bytes), &type, &payload), (ssize_t)bytes.n);
}

/* The length is judged as soon as it is there: nobody waits for 4 GiB. */
static void lengths_have_bounds(void)
{
    static const struct {
        uint32_t length;
        ssize_t result;
    } cases[] = {
        {0, -EPROTO},          {LINK_MAX_FRAME_BYTES, 0}, {LINK_MAX_FRAME_BYTES + 1, -EPROTO},
        {0x80000000, -EPROTO}, {UINT32_MAX, -EPROTO},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(buf_deinit) struct buf bytes;
        enum link_frame type;
        str payload;

        buf_init(&bytes, 0);
        wire_put_u32(&bytes, cases[i].length);
        CHECK_INT(link_frame_take(buf_str(&bytes), &type, &payload), cases[i].result);
    }
}

static void a_frame_beyond_the_limit_of_its_buffer_is_marked(void)
{
    CLEANUP(buf_deinit) struct buf bytes;

    buf_init(&bytes, 10);
    put_frame(&bytes, LINK_REPLY, STR("more than ten"));
    CHECK(bytes.overflow);
}

/* --- payloads -------------------------------------------------------------- */

/* No beginning of a payload is one, and neither is a payload with a byte too many. */
#define CHECK_ONLY_WHOLE(take, bytes, result)                                                      \
    do {                                                                                           \
        for (size_t n_ = 0; n_ < (bytes).n; n_++)                                                  \
            CHECK(!take(str_make((bytes).p, n_), result));                                         \
        buf_put_char(&(bytes), 0);                                                                 \
        CHECK(!take(buf_str(&(bytes)), result));                                                   \
        (bytes).n--;                                                                               \
        CHECK(take(buf_str(&(bytes)), result));                                                    \
    } while (0)

static void hello(void)
{
    const struct link_hello said = {.version = LINK_VERSION,
                                    .name = STR("edge-1"),
                                    .pid = 0x12345678,
                                    .workers = 0x8001,
                                    .installation = STR("inst"),
                                    .revision = 0x123456789abcdef0,
                                    .config_hash = STR("abc")};
    CLEANUP(buf_deinit) struct buf bytes;
    struct link_hello heard;

    buf_init(&bytes, 0);
    link_put_hello(&bytes, &said);
    CHECK_ONLY_WHOLE(link_take_hello, bytes, &heard);
    CHECK_INT(heard.version, LINK_VERSION);
    CHECK_STR(heard.name, "edge-1");
    CHECK_INT(heard.pid, 0x12345678);
    CHECK_INT(heard.workers, 0x8001);
    CHECK_STR(heard.installation, "inst");
    CHECK_INT(heard.revision, 0x123456789abcdef0);
    CHECK_STR(heard.config_hash, "abc");
}

static void observations(void)
{
    struct link_observed said = {.kind = LINK_REGION_CONTRADICTED,
                                 .endpoint = STR("ep_1"),
                                 .origin_revision = UINT64_MAX,
                                 .header = STR("Sweden Central")};
    CLEANUP(buf_deinit) struct buf bytes;
    struct link_observed heard;

    buf_init(&bytes, 0);
    link_put_observed(&bytes, &said);
    CHECK_ONLY_WHOLE(link_take_observed, bytes, &heard);
    CHECK_INT(heard.kind, LINK_REGION_CONTRADICTED);
    CHECK_STR(heard.endpoint, "ep_1");
    CHECK(heard.origin_revision == UINT64_MAX);
    CHECK_STR(heard.header, "Sweden Central");
    for (int kind = 0; kind < 256; kind++) {
        bytes.p[0] = (char)kind;
        CHECK(link_take_observed(buf_str(&bytes), &heard) ==
              (kind == LINK_REGION_LEARNT || kind == LINK_REGION_CONTRADICTED));
    }
}

static void relays(void)
{
    const struct link_relay said = {.id = 7,
                                    .key_id = STR("key_1"),
                                    .scopes = 0x80000001,
                                    .request_id = STR("req"),
                                    .method = STR("POST"),
                                    .target = STR("/key/generate?x=1"),
                                    .content_type = STR("application/json"),
                                    .body = STR("{\0}")};
    CLEANUP(buf_deinit) struct buf bytes;
    struct link_relay heard;

    buf_init(&bytes, 0);
    link_put_relay(&bytes, &said);
    CHECK_ONLY_WHOLE(link_take_relay, bytes, &heard);
    CHECK_INT(heard.id, 7);
    CHECK_STR(heard.key_id, "key_1");
    CHECK_INT(heard.scopes, 0x80000001);
    CHECK_STR(heard.request_id, "req");
    CHECK_STR(heard.method, "POST");
    CHECK_STR(heard.target, "/key/generate?x=1");
    CHECK_STR(heard.content_type, "application/json");
    CHECK(str_eq(heard.body, STR("{\0}")));
}

static void a_relayed_body_has_a_limit(void)
{
    CLEANUP_FREE char *body = mem_zalloc(LINK_RELAY_BODY_BYTES + 1);

    for (size_t beyond = 0; beyond < 2; beyond++) {
        const struct link_relay said = {.body = str_make(body, LINK_RELAY_BODY_BYTES + beyond)};
        CLEANUP(buf_deinit) struct buf bytes;
        struct link_relay heard;

        buf_init(&bytes, 0);
        link_put_relay(&bytes, &said);
        CHECK(link_take_relay(buf_str(&bytes), &heard) == (beyond == 0));
    }
}

static void refusals_come_several_in_a_row(void)
{
    const struct link_refusals first = {.source = 2,
                                        .code = STR("region_not_allowed"),
                                        .subject = STR("customer"),
                                        .group = STR("gpt"),
                                        .count = 1ull << 40},
                               second = {.source = 3, .code = STR("x"), .count = 1};
    CLEANUP(buf_deinit) struct buf bytes;
    struct link_refusals heard;

    buf_init(&bytes, 0);
    link_put_refusals(&bytes, &first);
    size_t first_n = bytes.n;
    link_put_refusals(&bytes, &second);
    struct wire_reader r = {.rest = buf_str(&bytes)};
    CHECK(link_take_refusals(&r, &heard));
    CHECK_INT(heard.source, 2);
    CHECK_STR(heard.code, "region_not_allowed");
    CHECK_STR(heard.subject, "customer");
    CHECK_STR(heard.group, "gpt");
    CHECK_INT(heard.count, 1ll << 40);
    CHECK_INT(r.rest.n, bytes.n - first_n);
    CHECK(link_take_refusals(&r, &heard));
    CHECK_STR(heard.code, "x");
    CHECK_STR(heard.group, "");
    CHECK_INT(r.rest.n, 0);
    for (size_t n = 0; n < first_n; n++) {
        r = (struct wire_reader){.rest = str_make(bytes.p, n)};
        CHECK(!link_take_refusals(&r, &heard));
    }
}

static void wake_and_demand_come_back_as_they_were(void)
{
    const struct link_demand demand = {
        .deployment = STR("d1"), .in_flight = 3, .held = 4, .begun = 1ull << 40};
    CLEANUP(buf_deinit) struct buf bytes;
    struct link_demand heard;
    str deployment;

    buf_init(&bytes, 0);
    link_put_wake(&bytes, STR("d1"));
    CHECK(link_take_wake(buf_str(&bytes), &deployment));
    CHECK_STR(deployment, "d1");
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(!link_take_wake(str_upto(buf_str(&bytes), n), &deployment));
    buf_put_char(&bytes, 'x');
    CHECK(!link_take_wake(buf_str(&bytes), &deployment));
    buf_clear(&bytes);
    link_put_demand(&bytes, &demand);
    CHECK(link_take_demand(buf_str(&bytes), &heard));
    CHECK_STR(heard.deployment, "d1");
    CHECK_INT(heard.in_flight, 3);
    CHECK_INT(heard.held, 4);
    CHECK(heard.begun == 1ull << 40);
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(!link_take_demand(str_upto(buf_str(&bytes), n), &heard));
    buf_clear(&bytes);
    link_put_wake(&bytes, STR_NULL);
    CHECK(!link_take_wake(buf_str(&bytes), &deployment));
}

int main(void)
{
    RUN(frames_are_taken_one_by_one);
    RUN(a_frame_that_is_cut_needs_more);
    RUN(lengths_have_bounds);
    RUN(a_frame_beyond_the_limit_of_its_buffer_is_marked);
    RUN(hello);
    RUN(observations);
    RUN(relays);
    RUN(a_relayed_body_has_a_limit);
    RUN(refusals_come_several_in_a_row);
    RUN(wake_and_demand_come_back_as_they_were);
    return test_end();
}

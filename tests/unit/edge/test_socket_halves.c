/* A WebSocket step by step: streams of the test's own that take as much as it lets them, so that
 * every order of events and every amount of room is in its hand. */

#include "edge/exchange.h"
#include "unit/test.h"

#include <fcntl.h>
#include <unistd.h>

enum { HOUR_MS = 3600000, SOON_MS = 10000 };

struct side {
    struct stream stream;
    size_t room;
    size_t consumed;
    bool ended;
    struct buf got;
};

static struct worker w = {.index = 0};
static struct endpoint_state state;
static struct exchange x;
static struct http_head head;
static struct attempt a;
static struct socket s;
static struct host_call call;
static struct side client, replica;

static size_t side_write(struct stream *stream, const struct iovec *iov, int n, enum stream_end end)
{
    struct side *side = container_of(stream, struct side, stream);
    size_t total = n ? iov[0].iov_len : 0, taken = total < side->room ? total : side->room;

    buf_put(&side->got, n ? iov[0].iov_base : "", taken);
    side->room -= taken;
    side->ended = end == STREAM_END && taken == total;
    return taken;
}

static void side_consume(struct stream *stream, size_t n)
{
    container_of(stream, struct side, stream)->consumed += n;
}

static void side_release(struct stream *stream)
{
    (void)stream;
}

static const struct stream_ops side_ops = {
    .write = side_write, .consume = side_consume, .release = side_release};

static void never(struct deadline *deadline)
{
    (void)deadline;
}

static void forget(struct loop_task *task)
{
    (void)task;
}

static void begin_side(struct side *side)
{
    buf_deinit(&side->got);
    *side = (struct side){.stream.ops = &side_ops, .room = 1000};
}

/* A test that failed has not finished. */
static void begin(void)
{
    deadline_cancel(&s.idle);
    list_init(&w.exchanges);
    begin_side(&client);
    begin_side(&replica);
    head = (struct http_head){.method_text = STR("GET"), .target = STR("/websocket")};
    a = (struct attempt){.exchange = &x, .stream = &replica.stream, .slot.state = &state};
    s = (struct socket){.exchange = &x,
                        .idle.on_expire = never,
                        .idle_ms = HOUR_MS,
                        .outcome = ROUTE_OUTCOME_SERVED};
    websocket_scan_init(&s.up.scan, WEBSOCKET_CLIENT, 0, 100);
    websocket_scan_init(&s.down.scan, WEBSOCKET_SERVER, 0, 100);
    call = (struct host_call){.exchange = &x, .socket = &s};
    list_init(&call.hold.link);
    x = (struct exchange){.worker = &w,
                          .state = EXCHANGE_TUNNEL,
                          .client = &client.stream,
                          .head = &head,
                          .attempt = &a,
                          .call = &call,
                          .forget.run = forget};
    arena_init(&x.arena, NULL, 0);
    list_init(&x.link);
    list_append(&w.exchanges, &x.link);
}

static void finish(void)
{
    if (x.state != EXCHANGE_OVER)
        exchange_finish(&x, WORD_CANCELLED);
    loop_turn(w.loop, 0);
}

/* Masked by zeroes, as a client sends it, and not, as a server does. */
#define MASKED(opcode, length) opcode length "\0\0\0\0"
#define BYTES(text)            str_make(text, sizeof(text) - 1)
#define TEXT_UP                MASKED("\x81", "\x85") "hello"
#define TEXT_DOWN                                                                                  \
    "\x81\x05"                                                                                     \
    "hello"
#define CLOSE_UP   MASKED("\x88", "\x82") "\x03\xe8"
#define CLOSE_DOWN "\x88\x02\x03\xe8"

static bool got(const struct side *side, str bytes)
{
    return str_eq(buf_str(&side->got), bytes);
}

static int64_t until_idle_ms(void)
{
    return (s.idle.at_ns - loop_now_ns(w.loop)) / NS_PER_MS;
}

static void test_both_goodbyes_end_it(void)
{
    begin();
    socket_from_client(&x, BYTES(CLOSE_UP));
    CHECK(!replica.ended && !client.ended);
    socket_from_replica(&x, BYTES(CLOSE_DOWN));
    CHECK(got(&replica, BYTES(CLOSE_UP)) && got(&client, BYTES(CLOSE_DOWN)));
    CHECK(replica.ended && client.ended);
    CHECK_INT(x.state, EXCHANGE_OVER);
    CHECK_INT(x.outcome, WORD_OK);
    finish();
}

static void test_nothing_overtakes_what_waits(void)
{
    begin();
    client.room = 3;
    socket_from_replica(&x, BYTES(TEXT_DOWN));
    CHECK_INT(client.got.n, 3);
    CHECK_INT(replica.consumed, 0);
    client.room = 1000;
    socket_from_replica(&x, BYTES(TEXT_DOWN));
    CHECK(got(&client, BYTES(TEXT_DOWN TEXT_DOWN)));
    CHECK_INT(replica.consumed, 2 * (sizeof(TEXT_DOWN) - 1));
    finish();
}

static void test_bytes_put_the_end_off_until_one_side_has_ended(void)
{
    begin();
    socket_from_client(&x, BYTES(TEXT_UP));
    CHECK(until_idle_ms() > SOON_MS && until_idle_ms() <= HOUR_MS);
    socket_client_ended(&x);
    CHECK(replica.ended && !client.ended);
    CHECK(until_idle_ms() <= SOON_MS);
    socket_from_replica(&x, BYTES(TEXT_DOWN));
    CHECK(until_idle_ms() <= SOON_MS);
    CHECK(got(&client, BYTES(TEXT_DOWN)));
    socket_replica_ended(&x);
    CHECK_INT(x.state, EXCHANGE_OVER);
    finish();
}

/* The frame under way passes, then the goodbye, and nothing behind it. */
static void test_ended_from_here_it_ends_between_frames(void)
{
    begin();
    socket_from_client(&x, str_upto(BYTES(TEXT_UP), 8));
    socket_from_replica(&x, str_upto(BYTES(TEXT_DOWN), 4));
    socket_end(&x, WEBSOCKET_GOING_AWAY, STR(""));
    CHECK(until_idle_ms() <= SOON_MS);
    CHECK(!replica.ended && !client.ended);
    socket_from_client(&x, str_from(BYTES(TEXT_UP TEXT_UP), 8));
    CHECK_INT(replica.got.n, sizeof(TEXT_UP) - 1 + 8);
    CHECK(str_starts(buf_str(&replica.got), BYTES(TEXT_UP "\x88\x82")));
    CHECK(replica.ended);
    socket_from_replica(&x, str_from(BYTES(TEXT_DOWN TEXT_DOWN), 4));
    CHECK(got(&client, BYTES(TEXT_DOWN "\x88\x02\x03\xe9")));
    CHECK(client.ended);
    CHECK_INT(x.state, EXCHANGE_OVER);
    finish();
}

static void test_who_has_heard_a_goodbye_hears_no_second_one(void)
{
    begin();
    socket_from_client(&x, BYTES(CLOSE_UP));
    socket_end(&x, WEBSOCKET_GOING_AWAY, STR(""));
    CHECK(got(&replica, BYTES(CLOSE_UP)));
    CHECK(got(&client, BYTES("\x88\x02\x03\xe9")));
    CHECK_INT(x.state, EXCHANGE_OVER);
    finish();
}

/* Cut anywhere, the goodbye arrives whole, and the end behind it. */
static void test_a_goodbye_waits_for_room(void)
{
    static const char goodbye[] = "\x88\x07\x03\xe9"
                                  "bye..";

    for (size_t room = 0; room < sizeof(goodbye); room++) {
        begin();
        client.room = room;
        socket_end(&x, WEBSOCKET_GOING_AWAY, STR("bye.."));
        CHECK_INT(client.got.n, room);
        CHECK_INT(client.ended, room == sizeof(goodbye) - 1);
        client.room = 1000;
        if (!client.ended)
            socket_is_writable(&x);
        CHECK(got(&client, BYTES(goodbye)));
        CHECK(client.ended);
        CHECK_INT(x.state, EXCHANGE_OVER);
        finish();
    }
}

/* What came before it still arrives. */
static void test_what_is_forbidden_goes_no_further_and_says_why(void)
{
    begin();
    client.room = 3;
    socket_from_replica(&x, BYTES(TEXT_DOWN));
    replica.room = 3;
    socket_from_client(&x, BYTES(TEXT_UP));
    socket_end(&x, WEBSOCKET_GOING_AWAY, STR(""));
    socket_forbid(&x);
    CHECK(!a.stream);
    CHECK_INT(replica.got.n, 3);
    socket_from_client(&x, BYTES(TEXT_UP));
    CHECK_INT(replica.got.n, 3);
    client.room = 1000;
    socket_is_writable(&x);
    CHECK(str_starts(buf_str(&client.got), BYTES(TEXT_DOWN "\x88")));
    CHECK(str_search(buf_str(&client.got), STR("\x03\xf0")) == sizeof(TEXT_DOWN) - 1 + 2);
    CHECK(client.ended);
    CHECK_INT(x.state, EXCHANGE_OVER);
    finish();
}

int main(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct access_log *log = access_log_new(fd);

    w.loop = loop_new();
    w.metrics = metrics_shard_new();
    w.log = access_log_open_lane(log, w.loop);
    RUN(test_both_goodbyes_end_it);
    RUN(test_nothing_overtakes_what_waits);
    RUN(test_bytes_put_the_end_off_until_one_side_has_ended);
    RUN(test_ended_from_here_it_ends_between_frames);
    RUN(test_who_has_heard_a_goodbye_hears_no_second_one);
    RUN(test_a_goodbye_waits_for_room);
    RUN(test_what_is_forbidden_goes_no_further_and_says_why);
    begin_side(&client);
    begin_side(&replica);
    access_log_close_lane(w.log);
    access_log_free(log);
    loop_free(w.loop);
    metrics_shard_free(w.metrics);
    close(fd);
    return test_end();
}

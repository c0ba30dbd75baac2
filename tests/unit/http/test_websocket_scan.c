#include "http/websocket.h"
#include "unit/test.h"

#include "base/buf.h"
#include "base/mem.h"

/* Every case is given whole, cut once at every byte, and byte by byte: what passes must be the
 * same. */

enum { LIMIT = 1000 };

struct frames {
    const char *bytes;
    size_t n;
    size_t passes; /* how many of the bytes */
    enum websocket_fault fault;
    uint64_t messages, payload;
    unsigned close_code;
    enum websocket_side from;
    unsigned reserved;
};

#define F(literal)     .bytes = (literal), .n = sizeof(literal) - 1
#define WHOLE(literal) F(literal), .passes = sizeof(literal) - 1
#define SERVER         .from = WEBSOCKET_SERVER

static const struct frames cases[] = {
    {WHOLE("\x81\x05hello"), .messages = 1, .payload = 5, SERVER},
    {WHOLE("\x82\x00"), .messages = 1, SERVER},
    {WHOLE("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), .messages = 1, .payload = 5},
    {WHOLE("\x81\x80zzzz\x82\x81zzzzb"), .messages = 2, .payload = 1},
    {WHOLE("\x01\x03hel\x80\x02lo"), .messages = 1, .payload = 5, SERVER},
    {WHOLE("\x01\x03hel\x89\x01p\x00\x00\x8a\x00\x80\x02lo"), .messages = 1, .payload = 5, SERVER},
    {WHOLE("\x01\x03hel"), .payload = 3, SERVER},
    {WHOLE("\x82\x05hel"), .payload = 3, SERVER},
    {WHOLE("\xc1\x01x"), .messages = 1, .payload = 1, SERVER, .reserved = 0x40},
    {WHOLE("\x88\x02\x03\xe9"), .close_code = 1001, SERVER},
    {WHOLE("\x88\x05\x03\xf1"
           "big"),
     .close_code = 1009, SERVER},
    {WHOLE("\x88\x00"), .close_code = WEBSOCKET_NO_CODE, SERVER},
    {WHOLE("\x88\x82\x37\xfa\x21\x3d\x34\x12"), .close_code = 1000},
    /* nothing behind a close */
    {F("\x88\x00\x81\x01x"), .passes = 2, .close_code = WEBSOCKET_NO_CODE, SERVER},
    {F("\x81\x01x\x88\x02\x03\xe8rubbish"), .passes = 7, .messages = 1, .payload = 1,
     .close_code = 1000, SERVER},
    /* a frame's head waits until it is whole */
    {F("\x81\x01x\x81"), .passes = 3, .messages = 1, .payload = 1, SERVER},
    {F("\x82\x7e\x01"), SERVER},
    {F("\x82\x81zzz")},
    /* what breaks the rules does not pass */
    {F("\x81\x05hello"), .fault = WEBSOCKET_FAULT_UNMASKED},
    {F("\x81\x01x\x81\x81zzzzx\x81\x01x"), .passes = 3, .messages = 1, .payload = 1,
     .fault = WEBSOCKET_FAULT_MASKED, SERVER},
    {F("\xc1\x01x"), .fault = WEBSOCKET_FAULT_RESERVED, SERVER},
    {F("\xa1\x01x"), .fault = WEBSOCKET_FAULT_RESERVED, SERVER, .reserved = 0x40},
    {F("\x83\x01x"), .fault = WEBSOCKET_FAULT_OPCODE, SERVER},
    {F("\x87\x01x"), .fault = WEBSOCKET_FAULT_OPCODE, SERVER},
    {F("\x8b\x01x"), .fault = WEBSOCKET_FAULT_OPCODE, SERVER},
    {F("\x09\x01x"), .fault = WEBSOCKET_FAULT_CONTROL_FRAGMENTED, SERVER},
    {F("\x89\x7e\x00\x7e"), .fault = WEBSOCKET_FAULT_CONTROL_LENGTH, SERVER},
    {F("\x88\x01x"), .fault = WEBSOCKET_FAULT_CLOSE_LENGTH, SERVER},
    {F("\x80\x01x"), .fault = WEBSOCKET_FAULT_NO_MESSAGE, SERVER},
    {F("\x81\x01x\x80\x01x"), .passes = 3, .messages = 1, .payload = 1,
     .fault = WEBSOCKET_FAULT_NO_MESSAGE, SERVER},
    {F("\x01\x01x\x81\x01x"), .passes = 3, .payload = 1, .fault = WEBSOCKET_FAULT_WITHIN_MESSAGE,
     SERVER},
    {F("\x82\x7e\x00\x7dx"), .fault = WEBSOCKET_FAULT_LENGTH, SERVER},
    {F("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xffx"), .fault = WEBSOCKET_FAULT_LENGTH, SERVER},
    {F("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00x"), .fault = WEBSOCKET_FAULT_LENGTH, SERVER},
    {F("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffx"), .fault = WEBSOCKET_FAULT_TOO_BIG, SERVER},
    {F("\x82\x7e\x03\xe9x"), .fault = WEBSOCKET_FAULT_TOO_BIG, SERVER},
    {WHOLE("\x82\x7e\x03\xe8x"), .payload = 1, SERVER},
    {F("\x02\x01x\x00\x01x\x80\x7e\x03\xe7x"), .passes = 6, .payload = 2,
     .fault = WEBSOCKET_FAULT_TOO_BIG, SERVER},
    {F("\x02\x01x\x80\x7e\x03\xe8x"), .passes = 3, .payload = 1, .fault = WEBSOCKET_FAULT_TOO_BIG,
     SERVER},
};

static struct websocket_scan s;
static struct buf passed;
static size_t dropped;
static enum websocket_fault fault;

static void start(const struct frames *f)
{
    websocket_scan_init(&s, f->from, f->reserved, LIMIT);
    buf_clear(&passed);
    dropped = 0;
    fault = WEBSOCKET_FINE;
}

static void feed(str bytes)
{
    struct websocket_passed p;

    /* Moved to where it ends with its memory, for the sanitizer. */
    char *copy = mem_alloc(bytes.n + 1);
    memcpy(copy, bytes.p, bytes.n);
    fault = websocket_scan(&s, str_make(copy, bytes.n), &p);
    CHECK(p.held.n <= WEBSOCKET_HEAD_BYTES);
    buf_put_str(&passed, p.held);
    buf_put_str(&passed, p.slice);
    dropped += p.dropped;
    mem_free(copy);
}

static void check(const struct frames *f)
{
    CHECK_INT(fault, f->fault);
    CHECK_INT(passed.n, f->passes);
    CHECK(memcmp(passed.p, f->bytes, passed.n) == 0);
    CHECK_INT(s.messages, f->messages);
    CHECK_INT(s.bytes, f->payload);
    CHECK_INT(s.close_code, f->close_code);
    CHECK_INT(passed.n + dropped + s.head_n, f->n);
    if (fault) {
        CHECK(websocket_at_boundary(&s));
        CHECK_INT(dropped, f->n - f->passes);
    }
}

static void frames_pass_or_not_however_they_are_cut(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct frames *f = &cases[i];
        str bytes = str_make(f->bytes, f->n);

        for (size_t cut = 0; cut <= f->n; cut++) {
            start(f);
            feed(str_upto(bytes, cut));
            feed(str_from(bytes, cut));
            check(f);
        }
        start(f);
        for (size_t at = 0; at < f->n; at++)
            feed(str_make(f->bytes + at, 1));
        check(f);
    }
}

static void a_fault_stays(void)
{
    start(&(struct frames){.from = WEBSOCKET_SERVER});
    feed(STR("\x83\x01x"));
    feed(STR("\x81\x01x"));
    CHECK_INT(fault, WEBSOCKET_FAULT_OPCODE);
    CHECK_INT(passed.n, 0);
    CHECK_INT(dropped, 6);
}

static void faults_have_a_close_code_and_words(void)
{
    CHECK_INT(websocket_fault_close(WEBSOCKET_FAULT_UNMASKED), 1002);
    CHECK_INT(websocket_fault_close(WEBSOCKET_FAULT_TOO_BIG), 1009);
    for (int i = 1; i < WEBSOCKET_FAULT_COUNT; i++)
        CHECK(websocket_fault_text((enum websocket_fault)i).n > 0);
}

static void long_frames_pass_in_any_pieces(void)
{
    static char bytes[2 * (70000 + 14)];
    static const size_t pieces[] = {1, 7, 4096, 65536, sizeof(bytes)};

    for (int i = 0; i < 2; i++)
        memcpy(bytes + i * 70014, "\x82\xff\0\0\0\0\0\x01\x11\x70mask", 14);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        start(&(struct frames){0});
        s.message_max = 70000;
        for (size_t at = 0; at < sizeof(bytes); at += pieces[i])
            feed(str_upto(str_make(bytes + at, sizeof(bytes) - at), pieces[i]));
        CHECK_INT(fault, WEBSOCKET_FINE);
        CHECK_INT(s.messages, 2);
        CHECK_INT(s.bytes, 140000);
        CHECK_INT(passed.n, sizeof(bytes));
        CHECK(memcmp(passed.p, bytes, sizeof(bytes)) == 0);
    }
}

static void stopping_waits_for_the_end_of_the_frame(void)
{
    static const char two[] = "\x81\x05hello\x81\x01x";
    size_t n = sizeof(two) - 1;

    for (size_t cut = 0; cut <= n; cut++) {
        size_t most = cut <= 1 ? 0 : cut < 9 ? 7 : 10;

        start(&(struct frames){.from = WEBSOCKET_SERVER});
        feed(str_make(two, cut));
        CHECK(websocket_at_boundary(&s) == (cut < 2 || (cut >= 7 && cut < 9) || cut == 10));
        websocket_stop(&s);
        feed(str_make(two + cut, n - cut));
        CHECK(websocket_at_boundary(&s));
        CHECK_INT(passed.n, most);
        CHECK_INT(dropped, n - most);
        feed(STR("\x81\x01x"));
        CHECK_INT(passed.n, most);
        CHECK_INT(fault, WEBSOCKET_FINE);
    }
}

static void what_we_close_with_is_a_frame(void)
{
    char frame[WEBSOCKET_CLOSE_BYTES];

    for (int i = 0; i < 2; i++) {
        enum websocket_side from = i ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT;
        size_t n = websocket_write_close(from, WEBSOCKET_TRY_AGAIN, STR("later"), frame);

        start(&(struct frames){.from = from});
        feed(str_make(frame, n));
        CHECK_INT(s.close_code, WEBSOCKET_TRY_AGAIN);
        CHECK_INT(passed.n, n);
    }
}

int main(void)
{
    RUN(frames_pass_or_not_however_they_are_cut);
    RUN(a_fault_stays);
    RUN(faults_have_a_close_code_and_words);
    RUN(long_frames_pass_in_any_pieces);
    RUN(stopping_waits_for_the_end_of_the_frame);
    RUN(what_we_close_with_is_a_frame);
    buf_deinit(&passed);
    return test_end();
}

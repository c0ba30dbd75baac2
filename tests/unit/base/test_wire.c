/* Little-endian there and back; a reader that never leaves its bytes and never recovers. */

#include "base/mem.h"
#include "base/wire.h"
#include "unit/test.h"

static void put_all(struct buf *b)
{
    wire_put_u8(b, 0xfe);
    wire_put_u16(b, 0x1234);
    wire_put_u32(b, 0x89abcdef);
    wire_put_u64(b, 0x0123456789abcdef);
    wire_put_i64(b, -2);
    wire_put_str(b, STR("a\0b"));
    wire_put_str(b, STR_NULL);
}

static void what_was_put_is_taken(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 0);
    put_all(&b);
    struct wire_reader r = {.rest = buf_str(&b)};
    CHECK_INT(wire_take_u8(&r), 0xfe);
    CHECK_INT(wire_take_u16(&r), 0x1234);
    CHECK_INT(wire_take_u32(&r), 0x89abcdef);
    CHECK(wire_take_u64(&r) == 0x0123456789abcdef);
    CHECK_INT(wire_take_i64(&r), -2);
    CHECK(str_eq(wire_take_str(&r), STR("a\0b")));
    CHECK_INT(wire_take_str(&r).n, 0);
    CHECK(!r.failed && r.rest.n == 0);
}

static void the_lowest_byte_comes_first(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 0);
    put_all(&b);
    CHECK(str_eq(buf_str(&b), STR("\xfe"
                                  "\x34\x12"
                                  "\xef\xcd\xab\x89"
                                  "\xef\xcd\xab\x89\x67\x45\x23\x01"
                                  "\xfe\xff\xff\xff\xff\xff\xff\xff"
                                  "\x03\0\0\0a\0b"
                                  "\0\0\0\0")));
}

/* Takes everything that put_all put; the number of takes that gave something. */
static unsigned take_all(struct wire_reader *r)
{
    unsigned n = 0;

    n += wire_take_u8(r) != 0;
    n += wire_take_u16(r) != 0;
    n += wire_take_u32(r) != 0;
    n += wire_take_u64(r) != 0;
    n += wire_take_i64(r) != 0;
    n += wire_take_str(r).n != 0;
    wire_take_str(r);
    return n;
}

static void bytes_that_are_cut_fail_and_stay_failed(void)
{
    static const size_t ends[] = {1, 3, 7, 15, 23, 30};
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 0);
    put_all(&b);
    for (size_t n = 0; n < b.n; n++) {
        char *copy = mem_alloc(n);
        unsigned whole = 0;

        memcpy(copy, b.p, n);
        while (whole < COUNT_OF(ends) && ends[whole] <= n)
            whole++;
        struct wire_reader r = {.rest = str_make(copy, n)};
        CHECK_INT(take_all(&r), whole);
        CHECK(r.failed);
        r.rest = buf_str(&b); /* and nothing is taken any more */
        CHECK_INT(take_all(&r), 0);
        CHECK(wire_take_bytes(&r, 1).p == NULL);
        CHECK_INT(wire_take_count(&r, 1), 0);
        mem_free(copy);
    }
}

static void a_length_beyond_the_end_fails(void)
{
    struct wire_reader r = {.rest = STR("\xff\xff\xff\xffxx")};

    CHECK_INT(wire_take_str(&r).n, 0);
    CHECK(r.failed);
    r = (struct wire_reader){.rest = STR("ab")};
    CHECK(wire_take_bytes(&r, SIZE_MAX).p == NULL && r.failed);
    r = (struct wire_reader){.rest = STR_NULL};
    CHECK(wire_take_bytes(&r, 0).n == 0 && !r.failed);
}

static void counts_are_believed_as_far_as_there_are_bytes(void)
{
    static const struct {
        size_t min_bytes;
        bool fine;
    } cases[] = {{0, true}, {1, true}, {3, true}, {4, true}, {5, false}, {SIZE_MAX, false}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_reader r = {.rest = STR("\x02\0\0\0"
                                            "12345678")};

        CHECK_INT(wire_take_count(&r, cases[i].min_bytes), cases[i].fine ? 2 : 0);
        CHECK(r.failed == !cases[i].fine);
    }
    struct wire_reader none = {.rest = STR("\0\0\0\0")};
    CHECK(wire_take_count(&none, 100) == 0 && !none.failed);
}

int main(void)
{
    RUN(what_was_put_is_taken);
    RUN(the_lowest_byte_comes_first);
    RUN(bytes_that_are_cut_fail_and_stay_failed);
    RUN(a_length_beyond_the_end_fails);
    RUN(counts_are_believed_as_far_as_there_are_bytes);
    return test_end();
}

/* Arenas and buffers: aligned, within their storage and their limits, and with what was put in. */

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "unit/test.h"

static void pieces_are_aligned_and_apart(void)
{
    enum { N = 2000 };
    static unsigned char *pieces[N];
    struct arena a;

    arena_init(&a, NULL, 0);
    for (size_t i = 0; i < N; i++) {
        pieces[i] = arena_alloc(&a, i % 300);
        CHECK((uintptr_t)pieces[i] % 8 == 0);
        memset(pieces[i], (int)(i & 0xff), i % 300);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i % 300; k++)
            CHECK(pieces[i][k] == (i & 0xff));
    arena_deinit(&a);
    CHECK(a.blocks == NULL);
}

static void storage_is_used_before_the_heap(void)
{
    _Alignas(8) char storage[257];
    struct arena a;

    for (size_t off = 0; off < 8; off++) { /* whatever its alignment */
        size_t n = 0;

        arena_init(&a, storage + off, sizeof(storage) - off);
        while (a.allocated_bytes == 0) {
            char *p = arena_alloc(&a, 16);

            CHECK((uintptr_t)p % 8 == 0);
            CHECK((p >= storage + off && p + 16 <= storage + sizeof(storage)) ==
                  (a.allocated_bytes == 0));
            n++;
        }
        CHECK(n >= 15 && n <= 17);
        arena_deinit(&a);
        arena_init(&a, storage + off, 16); /* what alignment takes is not there for the piece */
        arena_alloc(&a, 16);
        CHECK((a.allocated_bytes == 0) == (off == 0));
        arena_deinit(&a);
    }
}

/* A large piece does not take the room that small ones go on using. */
static void a_large_piece_has_a_block_of_its_own(void)
{
    struct arena a;

    arena_init(&a, NULL, 0);
    char *before = arena_alloc(&a, 8);
    size_t small = a.allocated_bytes;
    memset(arena_alloc(&a, 100000), 1, 100000);
    CHECK(a.allocated_bytes >= small + 100000);
    CHECK(arena_alloc(&a, 8) == (void *)(before + 8));
    arena_deinit(&a);
}

static void zeroed_memory_is_zero(void)
{
    struct arena a;
    char storage[64];

    memset(storage, 0x55, sizeof(storage));
    arena_init(&a, storage, sizeof(storage));
    const char *p = arena_zalloc(&a, 40);
    for (size_t i = 0; i < 40; i++)
        CHECK(p[i] == 0);
    arena_deinit(&a);
}

static void texts_in_an_arena(void)
{
    struct arena a;
    char text[] = "copied";

    arena_init(&a, NULL, 0);
    str copy = arena_copy(&a, str_of(text));
    text[0] = 'x';
    CHECK_STR(copy, "copied");
    CHECK(copy.p[copy.n] == '\0');
    CHECK(arena_copy(&a, STR_NULL).p[0] == '\0');
    CHECK_STR(ARENA_JOIN(&a, STR("a"), STR_NULL, STR(""), STR("bc")), "abc");
    CHECK(arena_join(&a, NULL, 0).n == 0);
    CHECK_STR(arena_u64(&a, 0), "0");
    CHECK_STR(arena_u64(&a, 1234567890), "1234567890");
    CHECK_STR(arena_u64(&a, UINT64_MAX), "18446744073709551615");
    CHECK_STR(arena_printf(&a, "%s=%d", "x", 7), "x=7");
    CHECK_INT(arena_printf(&a, "%0*d", 5000, 1).n, 5000);
    arena_deinit(&a);
}

/* --- buffers --------------------------------------------------------------- */

static void a_buffer_holds_what_was_put(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 0);
    buf_put(&b, NULL, 0);
    CHECK(b.p == NULL && buf_str(&b).n == 0);
    buf_put_str(&b, STR("ab"));
    buf_put_char(&b, 'c');
    buf_put_u64(&b, 0);
    buf_put_u64(&b, UINT64_MAX);
    buf_printf(&b, "<%s>", "x");
    CHECK_STR(buf_str(&b), "abc018446744073709551615<x>");
    for (unsigned i = 0; i < 10000; i++)
        buf_put_char(&b, (char)i);
    CHECK_INT(b.n, 27 + 10000);
    for (unsigned i = 0; i < 10000; i++)
        CHECK(b.p[27 + i] == (char)i);
    buf_clear(&b);
    CHECK_INT(b.n, 0);
    CHECK(b.p != NULL && b.capacity >= 10027);
}

static void a_limit_is_kept_to_the_byte(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 1000);
    for (unsigned i = 0; i < 1000; i++)
        buf_put_char(&b, 'x');
    CHECK(!b.overflow && b.n == 1000 && b.capacity <= 1000);
    buf_put(&b, "", 0);
    CHECK(!b.overflow);
    buf_put_char(&b, 'y');
    CHECK(b.overflow && b.n == 1000);
}

/* A text that lost its middle is worse than one that lost its end. */
static void nothing_is_put_after_an_overflow(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 4);
    buf_put_str(&b, STR("ab"));
    buf_put_str(&b, STR("cde"));
    CHECK(b.overflow);
    buf_put_str(&b, STR("c"));
    buf_put_u64(&b, 1);
    buf_printf(&b, "x");
    CHECK(buf_reserve(&b, 1) == NULL);
    CHECK_STR(buf_str(&b), "ab");
    buf_clear(&b);
    buf_put_str(&b, STR("abcd"));
    CHECK(!b.overflow);
    CHECK_STR(buf_str(&b), "abcd");
    CHECK(buf_grow(&b, SIZE_MAX) == NULL);
    CHECK(b.overflow);
}

static void dropping_the_front(void)
{
    CLEANUP(buf_deinit) struct buf b;

    buf_init(&b, 0);
    buf_drop(&b, 3);
    CHECK_INT(b.n, 0);
    buf_put_str(&b, STR("abcdef"));
    buf_drop(&b, 0);
    CHECK_STR(buf_str(&b), "abcdef");
    buf_drop(&b, 2);
    CHECK_STR(buf_str(&b), "cdef");
    buf_drop(&b, 9);
    CHECK_INT(b.n, 0);
}

static void a_freed_buffer_can_be_used_again(void)
{
    struct buf b;

    buf_init(&b, 3);
    buf_put_str(&b, STR("abcd"));
    buf_deinit(&b);
    CHECK(b.p == NULL && b.n == 0 && !b.overflow && b.limit == 3);
    buf_put_str(&b, STR("abc"));
    CHECK_STR(buf_str(&b), "abc");
    buf_deinit(&b);
}

int main(void)
{
    RUN(pieces_are_aligned_and_apart);
    RUN(storage_is_used_before_the_heap);
    RUN(a_large_piece_has_a_block_of_its_own);
    RUN(zeroed_memory_is_zero);
    RUN(texts_in_an_arena);
    RUN(a_buffer_holds_what_was_put);
    RUN(a_limit_is_kept_to_the_byte);
    RUN(nothing_is_put_after_an_overflow);
    RUN(dropping_the_front);
    RUN(a_freed_buffer_can_be_used_again);
    return test_end();
}

/* SipHash and the generator against their authors' vectors; hexadecimal and the kernel's bytes. */

#include "base/mem.h"
#include "base/random.h"
#include "base/siphash.h"
#include "base/wire.h"
#include "unit/test.h"

/* Key 00 01 .. 0f, message 00 01 .. of n bytes: vectors.h of the reference implementation. */
static const struct {
    size_t n;
    const char *hash64, *hash128;
} vectors[] = {
    {0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"},
    {1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"},
    {7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"},
    {8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"},
    {9, "b0e4a90bdf82009e", "264499060ad9baabc47f8b02bb6d71ed"},
    {15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"},
    {16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"},
    {63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"},
};

static void expect_words(uint64_t lo, uint64_t hi, const char *hex)
{
    CLEANUP(buf_deinit) struct buf bytes;
    char text[32];

    buf_init(&bytes, 0);
    wire_put_u64(&bytes, lo);
    wire_put_u64(&bytes, hi);
    hex_encode(bytes.p, bytes.n, text);
    CHECK_STR(str_make(text, strlen(hex)), hex);
}

static void siphash_is_siphash(void)
{
    const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    char message[1 + 64];

    for (size_t off = 0; off < 2; off++) { /* whatever its alignment */
        for (size_t i = 0; i < 64; i++)
            message[off + i] = (char)i;
        for (size_t i = 0; i < COUNT_OF(vectors); i++) {
            str bytes = str_make(message + off, vectors[i].n);
            struct digest128 digest = siphash128(&key, bytes);

            expect_words(siphash64(&key, bytes), 0, vectors[i].hash64);
            expect_words(digest.lo, digest.hi, vectors[i].hash128);
        }
    }
}

static void a_process_has_one_key(void)
{
    const struct siphash_key *key = siphash_process_key();

    CHECK(key == siphash_process_key());
    CHECK(key->k0 && key->k1 && key->k0 != key->k1);
}

static void digests_are_compared_whole(void)
{
    struct digest128 a = {1, 2};

    CHECK(digest128_eq(a, (struct digest128){1, 2}));
    CHECK(!digest128_eq(a, (struct digest128){1, 3}) && !digest128_eq(a, (struct digest128){0, 2}));
    CHECK(!digest128_eq(a, (struct digest128){2, 1}));
}

/* --- generators ------------------------------------------------------------ */

/* The first numbers from the state 1, 2, 3, 4, and splitmix64's from 0 as the seeding. */
static void the_generator_is_xoshiro256starstar(void)
{
    static const uint64_t expected[] = {
        11520,
        0,
        1509978240,
        1215971899390074240,
        1216172134540287360,
        607988272756665600,
        16172922978634559625u,
        8476171486693032832,
    };
    struct prng r = {{1, 2, 3, 4}};

    for (size_t i = 0; i < COUNT_OF(expected); i++)
        CHECK(prng_next(&r) == expected[i]);
    prng_seed(&r, 0);
    CHECK(r.s[0] == 0xe220a8397b1dcdaf && r.s[1] == 0x6e789e6aa1b965f4);
    CHECK(r.s[2] == 0x06c45d188009454f && r.s[3] == 0xf88bb8a8724c81ec);
}

static void numbers_below_a_bound_reach_all_of_them(void)
{
    unsigned counts[10] = {0};
    struct prng r;

    prng_seed(&r, 7);
    for (unsigned i = 0; i < 10000; i++)
        counts[prng_below(&r, 10)]++;
    for (unsigned i = 0; i < 10; i++)
        CHECK(counts[i] > 800 && counts[i] < 1200);
    for (unsigned i = 0; i < 100; i++)
        CHECK_INT(prng_below(&r, 1), 0);
}

static void the_kernel_fills_every_byte(void)
{
    enum { N = 300, ROUNDS = 64 };
    unsigned char bytes[N + 1], seen[N + 1] = {0};

    for (unsigned i = 0; i < ROUNDS; i++) {
        memset(bytes, 0, sizeof(bytes));
        random_bytes(bytes, N);
        for (unsigned k = 0; k <= N; k++)
            seen[k] = (unsigned char)(seen[k] | bytes[k]);
    }
    for (unsigned k = 0; k < N; k++)
        CHECK(seen[k] != 0);
    CHECK(seen[N] == 0); /* and none behind them */
}

/* --- hexadecimal ----------------------------------------------------------- */

static void hexadecimal_there_and_back(void)
{
    unsigned char bytes[256], back[256];
    char text[512];

    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    hex_encode(bytes, sizeof(bytes), text);
    CHECK_STR(str_make(text, 8), "00010203");
    CHECK_STR(str_make(text + 504, 8), "fcfdfeff");
    CHECK(hex_decode(str_make(text, 512), back, 256));
    CHECK(memcmp(bytes, back, sizeof(back)) == 0);
    CHECK(hex_decode(STR("aBCd"), back, 2) && back[0] == 0xab && back[1] == 0xcd);
}

static void what_is_no_hexadecimal_changes_nothing(void)
{
    static const char *const wrong[] = {"",     "a",    "abc",  "abcde", "ab d", "abcg", "0x12",
                                        "ab/0", "ab:0", "ab@a", "abG0",  "ab`a", "-1ab"};
    unsigned char bytes[2] = {1, 2};

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK(!hex_decode(str_of(wrong[i]), bytes, 2));
    CHECK(!hex_decode(STR("abcdef"), bytes, 2));
    CHECK(bytes[0] == 1 && bytes[1] == 2);
    CHECK(hex_decode(STR(""), bytes, 0));
}

int main(void)
{
    RUN(siphash_is_siphash);
    RUN(a_process_has_one_key);
    RUN(digests_are_compared_whole);
    RUN(the_generator_is_xoshiro256starstar);
    RUN(numbers_below_a_bound_reach_all_of_them);
    RUN(the_kernel_fills_every_byte);
    RUN(hexadecimal_there_and_back);
    RUN(what_is_no_hexadecimal_changes_nothing);
    return test_end();
}

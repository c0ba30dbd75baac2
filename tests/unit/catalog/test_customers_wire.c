/* Customers as they travel and lie on disk: the flat form, whole and in parts, and damaged. */

#include "base/mem.h"
#include "catalog/customers.h"
#include "unit/test.h"

/* Ids in an order that is not the one of their insertion. */
static struct customer record(uint32_t i)
{
    return (struct customer){.id = {i * 0x9e3779b97f4a7c15, i},
                             .rule = i % 3 ? i : CUSTOMER_RULE_NONE,
                             .flags = i % 5 ? 0 : CUSTOMER_BLOCKED};
}

static struct customers *table_of(uint32_t n)
{
    struct customers *c = customers_new();

    for (uint32_t i = 0; i < n; i++) {
        struct customer customer = record(i);

        customers_put(c, &customer);
    }
    return c;
}

static void same_tables(const struct customers *a, const struct customers *b)
{
    struct customers_cursor cursor_a = {0}, cursor_b = {0};
    struct customer in_a, in_b;

    CHECK_INT(customers_count(a), customers_count(b));
    CHECK_INT(customers_with_rule(a), customers_with_rule(b));
    while (customers_walk(a, &cursor_a, &in_a, 1)) {
        CHECK_INT(customers_walk(b, &cursor_b, &in_b, 1), 1);
        CHECK(digest128_eq(in_a.id, in_b.id));
        CHECK_INT(in_a.rule, in_b.rule);
        CHECK_INT(in_a.flags, in_b.flags);
    }
}

static void a_table_decodes_to_the_same(void)
{
    static const uint32_t sizes[] = {0, 1, 63, 64, 65, 1000};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct customers *a = table_of(sizes[i]), *b = customers_new();
        CLEANUP(buf_deinit) struct buf bytes;
        struct wire_reader r;

        buf_init(&bytes, 0);
        customers_encode(a, &bytes);
        CHECK_INT(bytes.n, 4 + (size_t)CUSTOMER_WIRE_BYTES * sizes[i]);
        r = (struct wire_reader){.rest = buf_str(&bytes)};
        CHECK(customers_decode(&r, b));
        CHECK_INT(r.rest.n, 0);
        same_tables(a, b);
        customers_free(a);
        customers_free(b);
    }
}

static void parts_make_the_whole(void)
{
    static const size_t steps[] = {1, 63, 64, 65, 999, 1000, 1001};

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct customers *a = table_of(1000), *b = customers_new();
        struct customers_cursor cursor = {0};
        size_t n_parts = 0;

        for (bool more = true; more;) {
            CLEANUP(buf_deinit) struct buf part;
            struct wire_reader r;

            buf_init(&part, 0);
            customers_encode_part(a, &cursor, steps[i], &part);
            more = part.n > 4;
            n_parts += more;
            CHECK(part.n <= 4 + CUSTOMER_WIRE_BYTES * steps[i]);
            r = (struct wire_reader){.rest = buf_str(&part)};
            CHECK(customers_apply(&r, b));
            CHECK_INT(r.rest.n, 0);
        }
        CHECK_INT(n_parts, (1000 + steps[i] - 1) / steps[i]);
        same_tables(a, b);
        customers_free(a);
        customers_free(b);
    }
}

/* In the order of ids, whatever the order of insertion: two edges have the same bytes on disk. */
static void the_bytes_depend_on_the_content_alone(void)
{
    CLEANUP(buf_deinit) struct buf bytes, others;
    struct customers *a = table_of(200), *b = customers_new();

    buf_init(&bytes, 0);
    buf_init(&others, 0);
    for (uint32_t i = 400; i-- > 0;) {
        struct customer customer = record(i);

        customers_put(b, &customer);
    }
    for (uint32_t i = 200; i < 400; i++)
        CHECK(customers_remove(b, record(i).id));
    customers_encode(a, &bytes);
    customers_encode(b, &others);
    CHECK(str_eq(buf_str(&bytes), buf_str(&others)));
    customers_free(a);
    customers_free(b);
}

static void malformed_records_change_nothing(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct customers *a = table_of(20), *b = table_of(3), *untouched = table_of(3);

    buf_init(&bytes, 0);
    customers_encode(a, &bytes);
    for (size_t n = 0; n < bytes.n; n++) {
        struct wire_reader r = {.rest = str_make(bytes.p, n)};

        CHECK(!customers_apply(&r, b));
        CHECK(r.failed);
        same_tables(b, untouched);
    }
    for (unsigned bit = 1; bit < 32; bit++) { /* flags that do not exist, in the last record */
        struct wire_reader r = {.rest = buf_str(&bytes)};
        char *flags = bytes.p + bytes.n - 4 + bit / 8;

        *flags = (char)(*flags ^ (1 << bit % 8));
        CHECK(!customers_apply(&r, b));
        same_tables(b, untouched);
        *flags = (char)(*flags ^ (1 << bit % 8));
    }
    struct wire_reader r = {.rest = buf_str(&bytes)};
    CHECK(customers_apply(&r, b));
    same_tables(b, a);
    customers_free(a);
    customers_free(b);
    customers_free(untouched);
}

/* A count is believed only as far as there are bytes. */
static void a_count_beyond_the_bytes_is_refused(void)
{
    struct wire_reader r = {.rest = STR("\xff\xff\xff\xff")};
    struct customers *c = customers_new();

    CHECK(!customers_decode(&r, c));
    r = (struct wire_reader){.rest = STR("\xff\xff\xff\xff")};
    CHECK(!customers_apply_gone(&r, c));
    CHECK_INT(customers_count(c), 0);
    customers_free(c);
}

static void those_that_are_gone_are_removed(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct customers *c = table_of(20), *rest = table_of(10);

    buf_init(&bytes, 0);
    wire_put_u32(&bytes, 11);
    for (uint32_t i = 10; i < 21; i++) { /* the last one is not there, which is no error */
        wire_put_u64(&bytes, record(i).id.lo);
        wire_put_u64(&bytes, record(i).id.hi);
    }
    for (size_t n = 0; n < bytes.n; n++) {
        struct wire_reader r = {.rest = str_make(bytes.p, n)};

        CHECK(!customers_apply_gone(&r, c));
        CHECK_INT(customers_count(c), 20);
    }
    struct wire_reader r = {.rest = buf_str(&bytes)};
    CHECK(customers_apply_gone(&r, c));
    same_tables(c, rest);
    customers_free(c);
    customers_free(rest);
}

static void the_last_of_equal_ids_counts(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct customers *c = customers_new();
    struct customer first = {{1, 2}, 3, 0}, last = {{1, 2}, 4, CUSTOMER_BLOCKED}, found;

    buf_init(&bytes, 0);
    wire_put_u32(&bytes, 2);
    customer_encode(&first, &bytes);
    customer_encode(&last, &bytes);
    struct wire_reader r = {.rest = buf_str(&bytes)};
    CHECK(customers_decode(&r, c));
    CHECK_INT(customers_count(c), 1);
    CHECK_INT(customers_with_rule(c), 1);
    CHECK(customers_find(c, first.id, &found));
    CHECK_INT(found.rule, 4);
    CHECK_INT(found.flags, CUSTOMER_BLOCKED);
    customers_free(c);
}

static void ids_are_digests_under_a_key(void)
{
    const struct siphash_key one = {1, 2}, other = {1, 3};

    CHECK(digest128_eq(customer_digest(&one, STR("shop")), customer_digest(&one, STR("shop"))));
    CHECK(!digest128_eq(customer_digest(&one, STR("shop")), customer_digest(&other, STR("shop"))));
    CHECK(!digest128_eq(customer_digest(&one, STR("shop")), customer_digest(&one, STR("Shop"))));
    CHECK(!digest128_eq(customer_digest(&one, STR("")), customer_digest(&one, STR("\0"))));
}

int main(void)
{
    RUN(a_table_decodes_to_the_same);
    RUN(parts_make_the_whole);
    RUN(the_bytes_depend_on_the_content_alone);
    RUN(malformed_records_change_nothing);
    RUN(a_count_beyond_the_bytes_is_refused);
    RUN(those_that_are_gone_are_removed);
    RUN(the_last_of_equal_ids_counts);
    RUN(ids_are_digests_under_a_key);
    return test_end();
}

/* Every member of every kind: covered by its table, and the same after copying, and after writing
 * and reading. */

#include "base/mem.h"
#include "fleet/fields.h"
#include "test.h"

static size_t aligned(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

/* No member lies between two rows of the table or behind the last one. */
static void check_covered(const struct fields *fields)
{
    size_t at = fields->begin;

    for (size_t i = 0; i < fields->n; i++) {
        CHECK_INT(fields->list[i].offset, aligned(at, field_alignment(&fields->list[i])));
        at = fields->list[i].offset + field_size(&fields->list[i]);
        if (fields->list[i].type == FIELD_NESTED)
            check_covered(fields->list[i].nested);
    }
    CHECK(fields->size - at < 8 && aligned(at, fields->begin ? 8 : 4) == fields->size);
    CHECK_INT(fields->end, fields->size);
}

static void test_tables_cover_their_structs(void)
{
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++)
        check_covered(fields_of((enum fleet_kind)kind));
}

/* Sets one field to something that is not its default; `salt` makes values differ. */
static void set_field(const struct field *field, void *object, unsigned salt)
{
    char text[32];
    void *to = (char *)object + field->offset;

    snprintf(text, sizeof(text), "v\"%u\\\xc3\xa4", salt);
    str values[] = {STR("a"), str_of(text), STR("")};
    switch (field->type) {
    case FIELD_STR:
        fleet_set_str(to, str_of(text));
        break;
    case FIELD_STRS:
        fleet_set_strs(to, (size_t *)(void *)((char *)to + sizeof(str *)), values, 1 + salt % 3);
        break;
    case FIELD_BOOL:
        *(bool *)to = !*(bool *)to;
        break;
    case FIELD_U32:
        *(uint32_t *)to = UINT32_MAX - salt;
        break;
    case FIELD_U64:
        *(uint64_t *)to = INT64_MAX - salt;
        break;
    case FIELD_I64:
        *(int64_t *)to = INT64_MIN + (int64_t)salt;
        break;
    case FIELD_ENUM:
        *(unsigned *)to = (*(unsigned *)to + 1 + salt) % (unsigned)field->n_words;
        break;
    case FIELD_NESTED:
        for (size_t i = 0; i < field->nested->n; i++)
            set_field(&field->nested->list[i], to, salt + (unsigned)i);
        break;
    }
}

static str encoded(const struct fields *fields, const void *object, struct buf *body)
{
    struct json_out j;

    buf_clear(body);
    json_out_init(&j, body);
    fields_encode(fields, object, &j);
    return buf_str(body);
}

static void check_same(const struct fields *fields, void *object, struct buf *body)
{
    struct fleet_object *copy = mem_zalloc(fields->size), *read = mem_zalloc(fields->size);

    fields_copy(fields, copy, object);
    CHECK(fields_equal(fields, object, copy));
    CHECK(fields_decode(fields, read, encoded(fields, object, body)));
    CHECK(fields_equal(fields, object, read));
    fields_free(fields, copy);
    fields_free(fields, read);
    mem_free(copy);
    mem_free(read);
}

static void test_each_field_alone_goes_round(void)
{
    struct buf body;

    buf_init(&body, 0);
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++) {
        const struct fields *fields = fields_of((enum fleet_kind)kind);

        for (size_t i = 0; i < fields->n; i++) {
            void *object = mem_zalloc(fields->size), *plain = mem_zalloc(fields->size);

            if (fields->list[i].type == FIELD_ENUM)
                set_field(&fields->list[i], object, 0);
            else
                set_field(&fields->list[i], object, (unsigned)(7 * i + kind));
            CHECK(!fields_equal(fields, object, plain));
            check_same(fields, object, &body);
            fields_free(fields, object);
            mem_free(object);
            mem_free(plain);
        }
    }
    buf_deinit(&body);
}

static void test_all_fields_together_go_round(void)
{
    struct buf body;

    buf_init(&body, 0);
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++) {
        const struct fields *fields = fields_of((enum fleet_kind)kind);
        void *object = mem_zalloc(fields->size);

        for (unsigned salt = 0; salt < 5; salt++) {
            for (size_t i = 0; i < fields->n; i++)
                set_field(&fields->list[i], object, salt + (unsigned)i);
            check_same(fields, object, &body);
        }
        fields_free(fields, object);
        mem_free(object);
    }
    buf_deinit(&body);
}

static void test_what_is_no_object_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"id\":1}",
        "{\"id\":\"a\",\"id\":\"b\"}",
        "{\"nothing\":1}",
        "{\"status\":\"WELL\"}",
        "{\"status\":3}",
        "{\"restarts\":-1}",
        "{\"restarts\":4294967296}",
        "{\"restarts\":1.5}",
        "{\"built\":1}",
        "{\"used_ns\":\"1\"}",
        "{\"autoscaling\":{\"min\":1}}",
        "{\"autoscaling\":null}",
    };
    struct fleet_deployment d = {0};

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!fields_decode(fields_of(FLEET_DEPLOYMENT), &d, str_of(bad[i])));
    fields_free(fields_of(FLEET_DEPLOYMENT), &d);
    struct fleet_user u = {0};
    CHECK(!fields_decode(fields_of(FLEET_USER), &u, STR("{\"teams\":[1]}")));
    CHECK(!fields_decode(fields_of(FLEET_USER), &u, STR("{\"teams\":{}}")));
    fields_free(fields_of(FLEET_USER), &u);
}

static void test_what_a_body_lacks_keeps_its_default(void)
{
    struct fleet_deployment d = {.autoscaling = {.max_replica = 1}};

    CHECK(fields_decode(fields_of(FLEET_DEPLOYMENT), &d,
                        STR("{\"status\":\"ACTIVE\",\"autoscaling\":{\"min_replica\":2}}")));
    CHECK_INT(d.status, STATUS_ACTIVE);
    CHECK_INT(d.autoscaling.min_replica, 2);
    CHECK_INT(d.autoscaling.max_replica, 1);
}

static void test_words_go_both_ways(void)
{
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++)
        CHECK_INT(fleet_kind_of(fleet_kind_name((enum fleet_kind)kind)), kind);
    CHECK_INT(fleet_kind_of(STR("nothing")), FLEET_KINDS);
    CHECK_STR(fleet_status_name(STATUS_SCALED_TO_ZERO), "SCALED_TO_ZERO");
    CHECK_STR(fleet_promotion_status_name(PROMOTION_CANCELED), "CANCELED");
    CHECK_STR(fleet_replica_state_name(REPLICA_GONE), "GONE");
}

int main(void)
{
    RUN(test_tables_cover_their_structs);
    RUN(test_each_field_alone_goes_round);
    RUN(test_all_fields_together_go_round);
    RUN(test_what_is_no_object_is_refused);
    RUN(test_what_a_body_lacks_keeps_its_default);
    RUN(test_words_go_both_ways);
    return test_end();
}

/*
 * The fields of a form that routing needs, however the body is cut; and forms that two readers
 * could understand in two ways, which are refused.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "http/multipart.h"
#include "unit/test.h"

#define TYPE        STR("multipart/form-data; boundary=b0")
#define FIELD(name) "--b0\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define VALUE(n, v) FIELD(n) v "\r\n"
#define END         "--b0--\r\n"
#define FILE_PART                                                                                  \
    "--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.wav\"\r\n"              \
    "Content-Type: audio/wav\r\n\r\n\r\n-b0\r\n--b\r\r\n\r\n--\r\n"

/* The form after it was fed in pieces of `step` bytes, with the result of the last one. */
static struct multipart *feed(str type, str body, size_t step, enum multipart_result *ret_result)
{
    struct multipart *m = NULL;
    size_t n = 0;

    CHECK(multipart_new(type, &m));
    do {
        n = n + step < body.n ? n + step : body.n;
        char *copy = mem_alloc(n); /* the buffer moves as it grows */

        memcpy(copy, body.p, n);
        *ret_result =
            multipart_feed(m, str_make(copy, n), n == body.n ? MULTIPART_LAST : MULTIPART_MORE);
        mem_free(copy);
    } while (*ret_result == MULTIPART_FINE && n < body.n);
    return m;
}

static void expect_field(struct multipart_field field, str body, const char *value)
{
    CHECK(field.found == (value != NULL));
    if (!value)
        return;
    CHECK(field.at + field.n <= body.n);
    CHECK_STR(str_make(body.p + field.at, field.n), value);
}

/* NULL: the field is not there. `names` is all fields' names, parted by blanks. */
static void expect(str type, str body, const char *model, const char *user, const char *names)
{
    for (size_t step = 1; step <= body.n; step++) {
        enum multipart_result result;
        struct multipart *m = feed(type, body, step, &result);
        size_t n = 0;

        CHECK_STR(multipart_error_text(m), "");
        CHECK_INT(result, MULTIPART_FINE);
        expect_field(multipart_model(m), body, model);
        expect_field(multipart_user(m), body, user);
        for (str rest = str_of(names), name; (name = str_cut(&rest, ' ')).n; n++) {
            CHECK(n < multipart_count(m));
            struct multipart_field field = multipart_name(m, n);
            CHECK(str_eq(str_make(body.p + field.at, field.n), name));
        }
        CHECK_INT(multipart_count(m), n);
        multipart_free(m);
    }
}

static void expect_invalid(const char *body, const char *why)
{
    for (size_t step = 1; step <= strlen(body) + 1; step++) {
        enum multipart_result result;
        struct multipart *m = feed(TYPE, str_of(body), step, &result);

        if (result == MULTIPART_FINE)
            printf("  taken: %s\n", body);
        CHECK_INT(result, MULTIPART_INVALID);
        CHECK_STR(multipart_error_text(m), why);
        multipart_free(m);
    }
}

static void fields_are_found_however_the_body_is_cut(void)
{
    expect(TYPE, STR(VALUE("model", "whisper-1") FILE_PART VALUE("user", "shop") END), "whisper-1",
           "shop", "model file user");
    expect(TYPE, STR(FILE_PART VALUE("language", "fr") VALUE("model", "m") END), "m", NULL,
           "file language model");
    expect(TYPE, STR(VALUE("user", "") VALUE("model", "\r\n") END), "\r\n", "", "user model");
    expect(TYPE, STR(FIELD("model") "\r\n" END), "", NULL, "model");
    expect(TYPE, STR(FIELD("model") FIELD("user") END), "", "", "model user"); /* no content */
    expect(TYPE, STR(END), NULL, NULL, "");
}

static void what_follows_the_end_is_passed_over(void)
{
    expect(TYPE, STR(VALUE("model", "m") "--b0--" VALUE("model", "other") END), "m", NULL, "model");
    expect(TYPE, STR(VALUE("model", "m") "--b0--"), "m", NULL, "model");
}

static void names_in_other_notations(void)
{
    expect(TYPE, STR("--b0\r\ncontent-disposition:form-data;NAME=model\r\n\r\nm\r\n" END), "m",
           NULL, "model");
    expect(TYPE,
           STR("--b0\r\nX-A: name=\"user\"\r\nContent-Disposition: form-data ; filename=\"x\" ; "
               "name=\"model\"\r\nX-B: 1\r\n\r\nm\r\n" END),
           "m", NULL, "model");
    expect(TYPE, STR(VALUE("Model", "m") VALUE("models", "n") VALUE("mode", "o") END), NULL, NULL,
           "Model models mode");
}

static void boundaries(void)
{
    static const struct {
        const char *type;
        bool fine;
    } cases[] = {
        {"multipart/form-data; boundary=b0", true},
        {"Multipart/Form-Data;charset=utf-8 ; Boundary=\"b0\"", true},
        {"multipart/form-data", false},
        {"multipart/form-data; boundary=", false},
        {"multipart/form-data; boundary=\"\"", false},
        {"multipart/form-data; boundary=b0; boundary=b1", false},
        {"multipart/form-data; boundary=a\"b", false},
        {"multipart/form-data; boundary=a\x01", false},
        {"multipart/form-data; boundary=\xc3\xa9", false},
        {"multipart/form-data; xboundary=b0", false},
        {"multipart/mixed; boundary=b0", false},
        {"multipart/form-datax; boundary=b0", false},
        {"application/json", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct multipart *m = NULL;

        if (multipart_new(str_of(cases[i].type), &m) != cases[i].fine)
            printf("  %s\n", cases[i].type);
        CHECK((m != NULL) == cases[i].fine);
        multipart_free(m);
    }
    expect(STR("multipart/form-data; boundary=\"b0\""), STR(VALUE("model", "m") END), "m", NULL,
           "model");
}

static void a_boundary_has_at_most_70_bytes(void)
{
    char type[160];

    for (int n = 70; n <= 71; n++) {
        struct multipart *m = NULL;

        snprintf(type, sizeof(type), "multipart/form-data; boundary=%0*d", n, 0);
        CHECK(multipart_new(str_of(type), &m) == (n == 70));
        multipart_free(m);
    }
}

static void forms_without_an_end_or_a_beginning(void)
{
    static const char unended[] = "the form ends without its closing boundary";

    expect_invalid("", unended);
    expect_invalid("--b", unended);
    expect_invalid("--b0", unended);
    expect_invalid(VALUE("model", "m"), unended);
    expect_invalid(VALUE("model", "m") "--b0", unended);
    expect_invalid(VALUE("model", "m") "--b0-", unended);
    expect_invalid(VALUE("model", "m") "--b0\r\n", unended);
    expect_invalid("preamble\r\n" VALUE("model", "m") END,
                   "the body does not begin with its boundary");
    expect_invalid("\r\n" VALUE("model", "m") END, "the body does not begin with its boundary");
    expect_invalid("--b0x\r\n", "a boundary is not followed by a line end");
    expect_invalid("--b0 \r\n", "a boundary is not followed by a line end");
    expect_invalid(VALUE("model", "m") "--b0\nx", "a boundary is not followed by a line end");
}

static void a_field_that_routing_needs_comes_once(void)
{
    static const char twice[] = "a field that routing needs comes twice";

    expect_invalid(VALUE("model", "m") VALUE("model", "m") END, twice);
    expect_invalid(VALUE("user", "a") FILE_PART VALUE("user", "b") END, twice);
    expect(TYPE, STR(VALUE("other", "1") VALUE("other", "2") END), NULL, NULL, "other other");
}

/* Each of these is one field to one reader and another field, or none, to the next. */
static void names_that_are_not_plain(void)
{
    static const char *const heads[] = {
        "Content-Type: text/plain",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"; NAME=model",
        "Content-Disposition: form-data; name=\"a\"; name*=utf-8''model",
        "Content-Disposition: form-data; name*=utf-8''model",
        "Content-Disposition: form-data; name=\"mo\\del\"",
        "Content-Disposition: form-data; name=\"mo\"del\"",
        "Content-Disposition: form-data; name=\"a;b\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: x; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"\r\ncontent-disposition: form-data",
        /* a reader that unfolds lines sees another head */
        "X-A: 1\r\n Content-Disposition: form-data; name=\"model\"",
        "X-A: 1\r\n\tContent-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"\r\n ; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"\r\n X-A: 1",
        " Content-Disposition: form-data; name=\"model\"",
        /* and so does one that takes LF or CR alone for a line end, or NUL for the end */
        "Content-Disposition: form-data; x=y\nX-A: z; name=\"model\"",
        "Content-Disposition: form-data; x=y\rX-A: z; name=\"model\"",
        "Content-Disposition: form-data; name=\"model\nx\"",
        "Content-Disposition: form-data; name=\"model\x01\"",
        /* the blank is part of the name, or the line is none */
        "Content-Disposition : form-data; name=\"model\"",
        /* the head is empty, and the rest of it is content */
        "\r\nContent-Disposition: form-data; name=\"model\"",
    };

    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        char body[512];

        snprintf(body, sizeof(body), "--b0\r\n%s\r\n\r\nm\r\n" END, heads[i]);
        expect_invalid(body, "a part does not say plainly which field it is");
    }
}

static void heads_values_and_parts_have_limits(void)
{
    for (int beyond = 0; beyond < 2; beyond++) {
        enum multipart_result result, wanted = beyond ? MULTIPART_INVALID : MULTIPART_FINE;
        CLEANUP(buf_deinit) struct buf head, value, parts, other;
        const char disposition[] = "Content-Disposition: form-data; name=\"a\"\r\nX: ";

        buf_init(&head, 0);
        buf_printf(&head, "--b0\r\n%s%0*d\r\n\r\nx\r\n" END, disposition,
                   MULTIPART_HEAD_MAX + beyond - (int)strlen(disposition), 0);
        multipart_free(feed(TYPE, buf_str(&head), 1000, &result));
        CHECK_INT(result, wanted);

        buf_init(&value, 0);
        buf_printf(&value, FIELD("user") "%0*d\r\n" END, MULTIPART_VALUE_MAX + beyond, 0);
        multipart_free(feed(TYPE, buf_str(&value), 1000, &result));
        CHECK_INT(result, wanted);

        buf_init(&other, 0); /* other fields are as long as they are */
        buf_printf(&other, FIELD("file") "%0*d\r\n" END, 100 * MULTIPART_VALUE_MAX + beyond, 0);
        multipart_free(feed(TYPE, buf_str(&other), 1000, &result));
        CHECK_INT(result, MULTIPART_FINE);

        buf_init(&parts, 0);
        for (int i = 0; i < MULTIPART_PARTS_MAX + beyond; i++)
            buf_put_str(&parts, STR(VALUE("a", "")));
        buf_put_str(&parts, STR(END));
        multipart_free(feed(TYPE, buf_str(&parts), 1000, &result));
        CHECK_INT(result, wanted);
    }
}

/* A head that never ends is given up before the body is over. */
static void an_endless_head_is_not_waited_for(void)
{
    CLEANUP(buf_deinit) struct buf body;
    struct multipart *m = NULL;

    buf_init(&body, 0);
    buf_printf(&body, "--b0\r\nX: %0*d", MULTIPART_HEAD_MAX, 0);
    CHECK(multipart_new(TYPE, &m));
    CHECK_INT(multipart_feed(m, buf_str(&body), MULTIPART_MORE), MULTIPART_INVALID);
    multipart_free(m);
    multipart_free(NULL);
}

int main(void)
{
    RUN(fields_are_found_however_the_body_is_cut);
    RUN(what_follows_the_end_is_passed_over);
    RUN(names_in_other_notations);
    RUN(boundaries);
    RUN(a_boundary_has_at_most_70_bytes);
    RUN(forms_without_an_end_or_a_beginning);
    RUN(a_field_that_routing_needs_comes_once);
    RUN(names_that_are_not_plain);
    RUN(heads_values_and_parts_have_limits);
    RUN(an_endless_head_is_not_waited_for);
    return test_end();
}

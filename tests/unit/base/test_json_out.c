/* What is written is JSON, whatever the bytes, and means what was given. */

#include "base/json_out.h"
#include "base/mem.h"
#include "test.h"

#include <jansson.h>

static void an_object_with_everything(void)
{
    struct json_out j;
    struct buf to;

    buf_init(&to, 0);
    json_out_init(&j, &to);
    json_open_object(&j);
    json_member_str(&j, "a", STR("x\"\\\n\x01/"));
    json_member_u64(&j, "b", UINT64_MAX);
    json_member_i64(&j, "c", INT64_MIN);
    json_member_bool(&j, "d", true);
    json_member_null(&j, "e");
    json_key(&j, "f");
    json_open_array(&j);
    json_put_u64(&j, 1);
    json_open_object(&j);
    json_close_object(&j);
    json_put_raw(&j, STR("[2]"));
    json_put_bool(&j, false);
    json_close_array(&j);
    json_member_str(&j, "g", STR_NULL);
    json_close_object(&j);
    CHECK_STR(buf_str(&to), "{\"a\":\"x\\\"\\\\\\n\\u0001/\",\"b\":18446744073709551615,"
                            "\"c\":-9223372036854775808,\"d\":true,\"e\":null,"
                            "\"f\":[1,{},[2],false],\"g\":\"\"}");
    buf_deinit(&to);
}

/* Every byte at every place of strings around the widths that are looked at together. */
static void strings_mean_what_they_were(void)
{
    for (size_t n = 1; n <= 40; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 1; c < 0x80; c++) {
                char text[40];
                struct json_out j;
                struct buf to;

                memset(text, 'x', sizeof(text));
                text[at] = (char)c;
                buf_init(&to, 0);
                json_out_init(&j, &to);
                json_put_str(&j, str_make(text, n));
                json_t *value = json_loadb(to.p, to.n, JSON_DECODE_ANY, NULL);
                CHECK(value && str_eq(str_make(json_string_value(value), json_string_length(value)),
                                      str_make(text, n)));
                CHECK(json_is_plain(str_make(text, n)) == (to.n == n + 2 && c != 0x7f));
                json_decref(value);
                buf_deinit(&to);
            }
}

static void bytes_that_are_not_utf8_are_replaced(void)
{
    struct buf to;

    buf_init(&to, 0);
    json_escape(&to, STR("\xc3\xa9\x80\xf0\x9f\x98\x80\xff\xed\xa0\x80 \xe2\x82"));
    CHECK_STR(buf_str(&to),
              "\xc3\xa9\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
              "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd");
    buf_deinit(&to);
}

static void a_full_buffer_is_marked_and_nothing_is_written_past_it(void)
{
    struct json_out j;
    struct buf to;

    buf_init(&to, 10);
    json_out_init(&j, &to);
    json_open_object(&j);
    json_member_str(&j, "name", STR("0123456789"));
    json_close_object(&j);
    CHECK(to.overflow && to.n <= 10);
    buf_deinit(&to);
}

int main(void)
{
    RUN(an_object_with_everything);
    RUN(strings_mean_what_they_were);
    RUN(bytes_that_are_not_utf8_are_replaced);
    RUN(a_full_buffer_is_marked_and_nothing_is_written_past_it);
    return test_end();
}

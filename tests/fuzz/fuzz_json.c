/* The scanner against jansson: accepted by both or by none, the same members, whatever the pieces.
 * The first byte says where the text is cut. */

#include "base/json_scan.h"
#include "base/mem.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

enum { MEMBERS = 128, DEPTH = 64 };

/* Names equal as text: the last one wins in jansson, so such texts are left out before. */
static void compare_members(const struct json_scan *s, str text, json_t *object)
{
    struct arena arena;

    arena_init(&arena, NULL, 0);
    assert(json_object_size(object) == json_scan_count(s));
    for (size_t i = 0; i < json_scan_count(s); i++) {
        const struct json_member *m = json_scan_member(s, i);
        str name = json_name_text(m, text, &arena), raw = json_value_raw(m, text);
        json_t *value = json_object_getn(object, name.p ? name.p : "", name.n);
        json_t *again = json_loadb(raw.p, raw.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        assert(value && again && json_equal(value, again));
        json_decref(again);
        if (m->kind == JSON_KIND_STRING) {
            str meant = json_value_text(m, text, &arena);

            assert(json_string_length(value) == meant.n &&
                   memcmp(json_string_value(value), meant.p, meant.n) == 0);
        }
    }
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str text = str_make((const char *)data + 1, size - 1);
    size_t cut = text.n ? data[0] % (text.n + 1) : 0;
    struct json_scan *whole = json_scan_new(MEMBERS, DEPTH),
                     *cut_in_two = json_scan_new(MEMBERS, DEPTH);
    char *first = malloc(cut + 1);

    memcpy(first, text.p, cut);
    enum json_scan_result result = json_scan_feed(whole, text, JSON_SCAN_LAST);
    enum json_scan_result in_two =
        json_scan_feed(cut_in_two, str_make(first, cut), JSON_SCAN_MORE_COMES);
    if (in_two < JSON_SCAN_INVALID)
        in_two = json_scan_feed(cut_in_two, text, JSON_SCAN_LAST);
    assert(result == in_two || (result >= JSON_SCAN_INVALID && in_two >= JSON_SCAN_INVALID));
    /* jansson bounds numbers and depth in its own way, lets a NUL pass behind a
     * number, and has no names with a NUL. */
    json_error_t error;
    json_t *value = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &error);
    bool accepted = json_is_object(value);
    bool its_own_bounds = !value && (json_error_code(&error) == json_error_numeric_overflow ||
                                     json_error_code(&error) == json_error_stack_overflow ||
                                     json_error_code(&error) == json_error_null_byte_in_key);
    if (result == JSON_SCAN_DONE)
        assert(accepted || its_own_bounds);
    else if (result == JSON_SCAN_INVALID)
        assert(!accepted || memchr(text.p, '\0', text.n));
    if (result == JSON_SCAN_DONE && accepted)
        compare_members(whole, text, value);
    json_decref(value);
    json_scan_free(whole);
    json_scan_free(cut_in_two);
    free(first);
    return 0;
}

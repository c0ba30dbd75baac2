#include "base/json_out.h"

#include "base/utf8.h"

#include <assert.h>

void json_out_init(struct json_out *j, struct buf *to)
{
    *j = (struct json_out){.to = to};
}

static void json_open(struct json_out *j, char bracket)
{
    json_before_value(j);
    buf_put_char(j->to, bracket);
    j->depth++;
    assert(j->depth < JSON_OUT_DEPTH);
    j->has_member &= ~(1u << j->depth);
}

static void json_close(struct json_out *j, char bracket)
{
    assert(j->depth > 0);
    j->depth--;
    buf_put_char(j->to, bracket);
}

void json_open_object(struct json_out *j)
{
    json_open(j, '{');
}

void json_close_object(struct json_out *j)
{
    json_close(j, '}');
}

void json_open_array(struct json_out *j)
{
    json_open(j, '[');
}

void json_close_array(struct json_out *j)
{
    json_close(j, ']');
}

static void escape_ascii(struct buf *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char *const names = "\b\t\n\f\r\"\\";
    static const char *const letters = "btnfr\"\\";
    const char *hit = c ? strchr(names, c) : NULL;

    if (hit) {
        buf_put_char(to, '\\');
        buf_put_char(to, letters[hit - names]);
        return;
    }
    buf_put(to, "\\u00", 4);
    buf_put_char(to, hex[c >> 4]);
    buf_put_char(to, hex[c & 15]);
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Eight bytes at once. Borrows between bytes make it a "perhaps not" for some that are plain, never
 * the other way round. */
static inline bool are_plain(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t quotes = bytes ^ ones * '"', backslashes = bytes ^ ones * '\\';

    /* From the left: has its highest bit, is below 0x20, is 0x7f, is zero, is zero. */
    return ((bytes | (bytes - ones * 0x20) | (bytes + ones) | (quotes - ones) |
             (backslashes - ones)) &
            high) == 0;
}

static inline uint64_t load8(const char *p)
{
    uint64_t bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes;
}

static inline uint64_t load4(const char *p)
{
    uint32_t bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes;
}

/* True: the whole string needs no second thought. False: perhaps. Short strings are covered by
 * loads that overlap. */
static inline bool is_plain_for_sure(str s)
{
    bool plain = true;

    if (s.n < 4) {
        for (size_t i = 0; i < s.n; i++)
            plain = plain && is_plain((unsigned char)s.p[i]);
        return plain;
    }
    if (s.n < 8)
        return are_plain(load4(s.p) | load4(s.p + s.n - 4) << 32);
    for (size_t i = 0; i + 8 < s.n; i += 8)
        plain = plain && are_plain(load8(s.p + i));
    return plain && are_plain(load8(s.p + s.n - 8));
}

/* How many bytes from the start need no second thought: printable ASCII without quotes and
 * backslashes. */
static size_t plain_bytes(str s)
{
    size_t i = 0;

    if (is_plain_for_sure(s))
        return s.n;
    while (i + 8 <= s.n && are_plain(load8(s.p + i)))
        i += 8;
    while (i < s.n && is_plain((unsigned char)s.p[i]))
        i++;
    return i;
}

bool json_is_plain(str value)
{
    return is_plain_for_sure(value) || plain_bytes(value) == value.n;
}

/* From a byte that is not plain: writes it, or the character that it begins, and returns how many
 * bytes it took. */
static size_t escape_one(struct buf *to, str rest)
{
    int length;

    if ((unsigned char)rest.p[0] < 0x80) {
        escape_ascii(to, (unsigned char)rest.p[0]);
        return 1;
    }
    length = utf8_length(rest);
    if (length > 0)
        buf_put(to, rest.p, (size_t)length);
    else
        buf_put(to, "\xef\xbf\xbd", 3);
    return length > 0 ? (size_t)length : 1;
}

void json_escape(struct buf *to, str value)
{
    while (value.n) {
        size_t n = plain_bytes(value);

        buf_put(to, value.p, n);
        value = str_from(value, n);
        if (value.n)
            value = str_from(value, escape_one(to, value));
    }
}

void json_put_str(struct json_out *j, str value)
{
    if (is_plain_for_sure(value)) {
        json_put_word(j, value);
        return;
    }
    json_before_value(j);
    buf_put_char(j->to, '"');
    json_escape(j->to, value);
    buf_put_char(j->to, '"');
}

void json_put_u64(struct json_out *j, uint64_t value)
{
    json_before_value(j);
    buf_put_u64(j->to, value);
}

void json_put_i64(struct json_out *j, int64_t value)
{
    json_before_value(j);
    if (value < 0)
        buf_put_char(j->to, '-');
    buf_put_u64(j->to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_put_bool(struct json_out *j, bool value)
{
    json_put_raw(j, value ? STR("true") : STR("false"));
}

void json_put_null(struct json_out *j)
{
    json_put_raw(j, STR("null"));
}

void json_put_raw(struct json_out *j, str json)
{
    json_before_value(j);
    buf_put_str(j->to, json);
}

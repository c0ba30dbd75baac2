#include "base/json_out.h"

#include "base/utf8.h"

#include <assert.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

void json_out_init(struct json_out *j, struct buf *to)
{
    *j = (struct json_out){.to = to};
}

static void before_value(struct json_out *j)
{
    uint32_t bit = 1u << j->depth;

    if (j->has_member & bit)
        buf_put_char(j->to, ',');
    j->has_member |= bit;
}

static void json_open(struct json_out *j, char bracket)
{
    before_value(j);
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
static bool all_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t bytes, quotes, backslashes;

    memcpy(&bytes, p, sizeof(bytes));
    quotes = bytes ^ ones * '"';
    backslashes = bytes ^ ones * '\\';
    /* From the left: has its highest bit, is below 0x20, is 0x7f, is zero, is zero. */
    return ((bytes | (bytes - ones * 0x20) | (bytes + ones) | (quotes - ones) |
             (backslashes - ones)) &
            high) == 0;
}

/* How many bytes from the start need no second thought: printable ASCII without quotes and
 * backslashes. */
static size_t plain_bytes(str s)
{
    size_t i = 0;

#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i below = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f);

    for (; i + 16 <= s.n; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        /* Signed: bytes from 0x80 on are less than any of the limits. */
        __m128i fine = _mm_and_si128(_mm_cmpgt_epi8(bytes, below), _mm_cmplt_epi8(bytes, del));
        __m128i special =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        unsigned plain = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(special, fine));

        if (plain != 0xffff)
            return i + (size_t)__builtin_ctz(~plain);
    }
#endif
    for (; i + 8 <= s.n && all_plain(s.p + i); i += 8)
        ;
    while (i < s.n && is_plain((unsigned char)s.p[i]))
        i++;
    return i;
}

bool json_is_plain(str value)
{
    return plain_bytes(value) == value.n;
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
    char *at;

    before_value(j);
    if (json_is_plain(value) && (at = buf_reserve(j->to, value.n + 2))) {
        at[0] = '"';
        if (value.n)
            memcpy(at + 1, value.p, value.n);
        at[value.n + 1] = '"';
        j->to->n += value.n + 2;
        return;
    }
    buf_put_char(j->to, '"');
    json_escape(j->to, value);
    buf_put_char(j->to, '"');
}

void json_put_u64(struct json_out *j, uint64_t value)
{
    before_value(j);
    buf_put_u64(j->to, value);
}

void json_put_i64(struct json_out *j, int64_t value)
{
    before_value(j);
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
    before_value(j);
    buf_put_str(j->to, json);
}

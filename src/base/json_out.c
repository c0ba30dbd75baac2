#include "base/json_out.h"

#include "base/utf8.h"

#include <assert.h>

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

void json_key(struct json_out *j, const char *name)
{
    before_value(j);
    buf_put_char(j->to, '"');
    buf_put_str(j->to, str_of(name));
    buf_put(j->to, "\":", 2);
    /* The value that follows is the second half of this member: no comma before it. */
    j->has_member &= ~(1u << j->depth);
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

void json_escape(struct buf *to, str value)
{
    const unsigned char *p = (const unsigned char *)value.p;
    size_t i = 0;

    while (i < value.n) {
        size_t run = i;

        while (run < value.n && is_plain(p[run]))
            run++;
        buf_put(to, p + i, run - i);
        i = run;
        if (i == value.n)
            break;
        if (p[i] < 0x80) {
            escape_ascii(to, p[i++]);
            continue;
        }
        int length = utf8_length(str_from(value, i));
        if (length > 0)
            buf_put(to, p + i, (size_t)length);
        else
            buf_put(to, "\xef\xbf\xbd", 3);
        i += length > 0 ? (size_t)length : 1;
    }
}

void json_put_str(struct json_out *j, str value)
{
    before_value(j);
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

void json_member_str(struct json_out *j, const char *name, str value)
{
    json_key(j, name);
    json_put_str(j, value);
}

void json_member_u64(struct json_out *j, const char *name, uint64_t value)
{
    json_key(j, name);
    json_put_u64(j, value);
}

void json_member_i64(struct json_out *j, const char *name, int64_t value)
{
    json_key(j, name);
    json_put_i64(j, value);
}

void json_member_bool(struct json_out *j, const char *name, bool value)
{
    json_key(j, name);
    json_put_bool(j, value);
}

void json_member_null(struct json_out *j, const char *name)
{
    json_key(j, name);
    json_put_null(j);
}

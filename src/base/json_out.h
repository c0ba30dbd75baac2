#pragma once

/* Writes JSON into a buf. The caller keeps the order of calls right; commas are put where they
 * belong. */

#include "base/buf.h"

enum { JSON_OUT_DEPTH = 32 };

struct json_out {
    struct buf *to;
    uint32_t has_member; /* one bit for each open level */
    unsigned depth;
};

void json_out_init(struct json_out *j, struct buf *to);

void json_open_object(struct json_out *j);
void json_close_object(struct json_out *j);
void json_open_array(struct json_out *j);
void json_close_array(struct json_out *j);

/* The comma in front of a value, where one is due. */
static inline void json_before_value(struct json_out *j)
{
    uint32_t bit = 1u << j->depth;

    if (j->has_member & bit)
        buf_put_char(j->to, ',');
    j->has_member |= bit;
}

/* A member's name; its value comes next. The name must need no escaping. Inline, so that the length
 * of a literal is known where it is written. */
__attribute__((always_inline)) static inline void json_key(struct json_out *j, const char *name)
{
    uint32_t bit = 1u << j->depth;
    size_t n = strlen(name);
    char *at = buf_reserve(j->to, n + 4);

    if (!at)
        return;
    if (j->has_member & bit) {
        *at++ = ',';
        j->to->n++;
    }
    *at = '"';
    memcpy(at + 1, name, n);
    memcpy(at + 1 + n, "\":", 2);
    j->to->n += n + 3;
    /* The value that follows is the second half of this member: no comma before it. */
    j->has_member &= ~bit;
}

/* Bytes that are not UTF-8 become U+FFFD, so that what is written is always JSON. */
void json_put_str(struct json_out *j, str value);
/* A string that needs no escaping, for sure: a word of our own. */
static inline void json_put_word(struct json_out *j, str word)
{
    char *at;

    json_before_value(j);
    at = buf_reserve(j->to, word.n + 2);
    if (!at)
        return;
    at[0] = '"';
    if (word.n)
        memcpy(at + 1, word.p, word.n);
    at[word.n + 1] = '"';
    j->to->n += word.n + 2;
}

void json_put_u64(struct json_out *j, uint64_t value);
void json_put_i64(struct json_out *j, int64_t value);
void json_put_bool(struct json_out *j, bool value);
void json_put_null(struct json_out *j);
void json_put_raw(struct json_out *j, str json);

/* Key and value in one call. */
__attribute__((always_inline)) static inline void json_member_str(struct json_out *j,
                                                                  const char *name, str value)
{
    json_key(j, name);
    json_put_str(j, value);
}

__attribute__((always_inline)) static inline void json_member_word(struct json_out *j,
                                                                   const char *name, str word)
{
    json_key(j, name);
    json_put_word(j, word);
}

__attribute__((always_inline)) static inline void json_member_u64(struct json_out *j,
                                                                  const char *name, uint64_t value)
{
    json_key(j, name);
    json_put_u64(j, value);
}

__attribute__((always_inline)) static inline void json_member_i64(struct json_out *j,
                                                                  const char *name, int64_t value)
{
    json_key(j, name);
    json_put_i64(j, value);
}

__attribute__((always_inline)) static inline void json_member_bool(struct json_out *j,
                                                                   const char *name, bool value)
{
    json_key(j, name);
    json_put_bool(j, value);
}

__attribute__((always_inline)) static inline void json_member_null(struct json_out *j,
                                                                   const char *name)
{
    json_key(j, name);
    json_put_null(j);
}

/* Whether a string's value needs no escaping and no second look: printable ASCII without quotes and
 * backslashes. */
bool json_is_plain(str value);

/* The text between the quotes of a JSON string, without a writer. */
void json_escape(struct buf *to, str value);

#pragma once

/* Byte slices. A `str` borrows bytes: it owns nothing and need not end in NUL. Network bytes are
 * always slices. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct str {
    const char *p;
    size_t n;
} str;

/* A slice of a string literal. */
#define STR(literal) ((str){(literal), sizeof(literal) - 1})
/* The same as a constant initialiser of static tables. */
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define STR_NULL ((str){NULL, 0})
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).p

static inline str str_make(const char *p, size_t n)
{
    return (str){p, n};
}

/* The slice of a NUL-terminated string; NULL gives the empty slice. */
static inline str str_of(const char *cstring)
{
    return cstring ? (str){cstring, strlen(cstring)} : STR_NULL;
}

static inline bool str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline str str_from(str s, size_t offset)
{
    size_t at = offset < s.n ? offset : s.n;

    return (str){at ? s.p + at : s.p, s.n - at}; /* NULL + 0 has no meaning in C */
}

static inline str str_upto(str s, size_t length)
{
    return length >= s.n ? s : (str){s.p, length};
}

static inline char str_lower_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII case-insensitive equality; never looks at the locale. */
bool str_ieq(str a, str b);

/* memcmp order, a prefix first. */
int str_cmp(str a, str b);

bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);

/* Index of the first c at or after `from`, or s.n. */
size_t str_find(str s, char c, size_t from);

/* Index of the first occurrence of needle, or s.n. */
size_t str_search(str s, str needle);

/* Without spaces and tabs at both ends. */
str str_trim(str s);

/* Cuts at the first `separator`: returns what is before it and leaves what is after it in *rest. */
str str_cut(str *rest, char separator);

/* Decimal digits only, no sign, no blank. Returns false, and leaves *ret_value, on anything else or
 * overflow. */
bool str_parse_u64(str s, uint64_t *ret_value);

/* A NUL-terminated heap copy; the caller frees it with mem_free. */
char *str_dup(str s);

/* The closest of `names` to `wrong` by edit distance, or STR_NULL if none is near. For "did you
 * mean". */
str str_near_match(str wrong, const str *names, size_t n_names);

#pragma once

/* The smallest pieces of JSON text, for the scanner: where they end, and what an escaped string
 * means. Nothing here keeps state. */

#include "base/arena.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline bool json_is_special(char c)
{
    return c == '"' || c == '\\' || (signed char)c < 0x20;
}

#if defined(__SSE2__)
/* Of 16 bytes, those that are special. Signed: controls and everything from 0x80 are below 0x20. */
static inline unsigned json_special_mask(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i below = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), below));
}
#endif

/* The same of 64 bytes. */
enum { JSON_BLOCK_BYTES = 64 };

static inline uint64_t json_special_mask64(const char *p)
{
    uint64_t mask = 0;

#if defined(__SSE2__)
    for (int i = 0; i < 4; i++)
        mask |= (uint64_t)json_special_mask(p + 16 * i) << 16 * i;
#else
    for (int i = 0; i < JSON_BLOCK_BYTES; i++)
        mask |= (uint64_t)json_is_special(p[i]) << i;
#endif
    return mask;
}

/* json_skip_plain where it is far: by the widest registers of this processor. */
size_t json_skip_far(str text, size_t at);

/* The first byte at or after `at` that is a quote, a backslash, a control or not ASCII; text.n if
 * there is none. Most strings are short, so the first bytes are looked at in line. */
static inline size_t json_skip_plain(str text, size_t at)
{
#if defined(__SSE2__)
    for (int i = 0; i < 4 && at + 16 <= text.n; i++, at += 16) {
        unsigned hits = json_special_mask(text.p + at);

        if (hits)
            return at + (size_t)__builtin_ctz(hits);
    }
#endif
    return json_skip_far(text, at);
}

/* An escape at `at`: its length (a surrogate pair is one), 0 if it is cut off, -1 if it is none. */
int json_escape_length(str text, size_t at);

bool json_is_number_char(char c);

/* The end of the number at `at`, or 0 if it is none; `text` holds all of it. */
size_t json_number_end(str text, size_t at);

/* Undoes the escapes of what stands between quotes; the text must be valid. */
str json_unescape(str between_quotes, struct arena *arena);

/* Strings, numbers and words of a text that is being scanned: where they end, and whether they are
 * what they should be. A string is resumed where it was left; the others are read again. */

#include "base/json_scan_internal.h"
#include "base/json_token.h"
#include "base/utf8.h"

enum { NUMBER_BYTES_MAX = 4096 };

/* --- strings */

static inline bool is_simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    default:
        return false;
    }
}

/* Moves *at past the escapes that follow each other there. */
static enum json_step walk_escapes(struct json_scan *s, str text, size_t *at)
{
    s->string_escaped = true;
    while (*at < text.n && text.p[*at] == '\\') {
        if (*at + 1 < text.n && is_simple_escape(text.p[*at + 1])) {
            *at += 2;
            continue;
        }
        int n = json_escape_length(text, *at);
        if (n < 0)
            return json_fail_step(s, *at, STR("an escape that is none"));
        if (n == 0)
            return STEP_CUT;
        *at += (size_t)n;
    }
    return STEP_DONE;
}

static enum json_step walk_utf8(struct json_scan *s, str text, size_t *at)
{
    switch (utf8_skip(text, at)) {
    case UTF8_ASCII:
        return STEP_DONE;
    case UTF8_CUT:
        return STEP_CUT;
    default:
        return json_fail_step(s, *at, STR("a byte that is not UTF-8"));
    }
}

/* At a byte that is special. */
static enum json_step walk_special(struct json_scan *s, str text, size_t *at)
{
    if (text.p[*at] == '\\')
        return walk_escapes(s, text, at);
    if ((unsigned char)text.p[*at] >= 0x80)
        return walk_utf8(s, text, at);
    return json_fail_step(s, *at, STR("a control character in a string"));
}

/* Where specials are dense: blocks of 64 bytes, whose specials are looked for once. Ends at a
 * quote, or where less than a block is left, or after a step that is not done. */
static enum json_step walk_blocks(struct json_scan *s, str text, size_t *at)
{
    while (text.n - *at >= JSON_BLOCK_BYTES) {
        const char *block = text.p + *at;
        uint64_t specials = json_special_mask64(block);
        size_t i = 0;

        while (specials) {
            i = (size_t)__builtin_ctzll(specials);
            if (block[i] == '"') {
                *at += i;
                return STEP_DONE;
            }
            if (block[i] == '\\' && i + 1 < JSON_BLOCK_BYTES && is_simple_escape(block[i + 1])) {
                s->string_escaped = true;
                i += 2;
            } else {
                size_t here = *at + i;
                enum json_step step = walk_special(s, text, &here);

                i = here - *at;
                if (step != STEP_DONE) {
                    *at = here;
                    return step;
                }
            }
            specials = i < JSON_BLOCK_BYTES ? specials & ~(uint64_t)0 << i : 0;
        }
        *at += i > JSON_BLOCK_BYTES ? i : JSON_BLOCK_BYTES;
    }
    return STEP_DONE;
}

/* Goes on in a string, from s->at, which lies behind its opening quote. */
enum json_step json_walk_string(struct json_scan *s, str text)
{
    size_t at = s->at;
    enum json_step step = STEP_DONE;

    while (step == STEP_DONE) {
        at = json_skip_plain(text, at);
        if (at == text.n) {
            step = STEP_CUT;
        } else if (text.p[at] == '"') {
            s->at = at + 1;
            s->in_string = false;
            return STEP_DONE;
        } else {
            step = walk_special(s, text, &at);
            if (step == STEP_DONE)
                step = walk_blocks(s, text, &at);
        }
    }
    s->at = at;
    return step;
}

enum json_step json_begin_string(struct json_scan *s, str text)
{
    s->in_string = true;
    s->string_escaped = false;
    s->string_at = s->at++;
    return json_walk_string(s, text);
}

/* --- numbers and literals */

enum json_step json_take_number(struct json_scan *s, str text, enum json_scan_input input)
{
    size_t end = s->at;

    while (end < text.n && json_is_number_char(text.p[end]))
        end++;
    if (end - s->at > NUMBER_BYTES_MAX)
        return json_fail_step(s, s->at, STR("a number of more than 4096 bytes"));
    if (end == text.n && input == JSON_SCAN_MORE_COMES)
        return STEP_CUT;
    if (json_number_end(str_upto(text, end), s->at) != end)
        return json_fail_step(s, s->at, STR("a number that is none"));
    s->at = end;
    return STEP_DONE;
}

enum json_step json_take_literal(struct json_scan *s, str text, str literal)
{
    str here = str_upto(str_from(text, s->at), literal.n);

    if (memcmp(here.p, literal.p, here.n) != 0)
        return json_fail_step(s, s->at, STR("a word that is neither true, false nor null"));
    if (here.n < literal.n)
        return STEP_CUT;
    s->at += literal.n;
    return STEP_DONE;
}

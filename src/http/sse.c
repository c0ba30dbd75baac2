#include "http/sse.h"

#include "base/mem.h"
#include "http/usage.h"

struct sse {
    unsigned wishes; /* enum sse_wish */
    struct buf line; /* the beginning of a line whose end has not come; only lines that may matter
                        are kept */
    bool skipping;   /* the rest of a line that is too long, or of no interest */
    bool line_is_empty; /* nothing of the current line has come */
    bool after_cr;      /* an LF right after it belongs to it */
    bool blank;         /* the last line was empty */
    bool done_told;
    bool has_usage;
    uint64_t prompt, completion;
    char *id; /* of SSE_ID_MAX bytes, where it was found */
    size_t id_n;
};

struct sse *sse_new(unsigned wishes)
{
    struct sse *s = mem_zalloc(sizeof(*s));

    s->wishes = wishes;
    s->line_is_empty = s->blank = true;
    buf_init(&s->line, SSE_LINE_MAX);
    return s;
}

void sse_free(struct sse *s)
{
    if (!s)
        return;
    buf_deinit(&s->line);
    mem_free(s->id);
    mem_free(s);
}

static str data_of(str line)
{
    if (!str_starts(line, STR("data:")))
        return STR_NULL;
    line = str_from(line, 5);
    return line.n && line.p[0] == ' ' ? str_from(line, 1) : line;
}

static bool says_done(str line)
{
    return str_eq(data_of(line), STR("[DONE]"));
}

static void find_id(struct sse *s, str data)
{
    str id;

    s->wishes &= ~(unsigned)SSE_FIND_ID;
    s->id = mem_alloc(SSE_ID_MAX);
    if (answer_id_read(data, s->id, SSE_ID_MAX, &id))
        s->id_n = id.n;
}

/* A usage is looked for only where the text has the word: most chunks don't. */
static void look_at(struct sse *s, str line)
{
    str data = data_of(line);
    uint64_t prompt = 0, completion = 0;

    if (data.n && s->wishes & SSE_FIND_ID)
        find_id(s, data);
    if (data.n == 0 || str_search(data, STR("\"usage\"")) == data.n)
        return;
    if (usage_read(data, &prompt, &completion) == USAGE_FOUND) {
        s->prompt = prompt;
        s->completion = completion;
        s->has_usage = true;
    }
}

static void end_line(struct sse *s, str rest)
{
    str line = rest;

    if (s->line.n) {
        buf_put_str(&s->line, rest);
        line = buf_str(&s->line);
    }
    s->blank = s->line_is_empty && rest.n == 0;
    if (!s->skipping && !s->line.overflow && line.n <= SSE_LINE_MAX)
        look_at(s, line);
    buf_deinit(&s->line);
    s->skipping = false;
    s->line_is_empty = true;
}

/* The line has no end in this slice: kept only if it could be data. */
static void keep_part(struct sse *s, str part)
{
    if (part.n == 0)
        return;
    if (s->line_is_empty && part.p[0] != 'd')
        s->skipping = true;
    s->line_is_empty = false;
    s->blank = false;
    if (!s->skipping)
        buf_put_str(&s->line, part);
    if (s->line.overflow) {
        buf_deinit(&s->line);
        s->skipping = true;
    }
}

static size_t line_end(str slice, size_t at)
{
    while (at < slice.n && slice.p[at] != '\n' && slice.p[at] != '\r')
        at++;
    return at;
}

size_t sse_feed(struct sse *s, str slice, struct sse_event_mark *ret_mark)
{
    size_t at = 0;

    ret_mark->kind = SSE_MARK_NONE;
    while (at < slice.n) {
        if (s->after_cr && slice.p[at] == '\n') {
            s->after_cr = false;
            at++;
            continue;
        }
        s->after_cr = false;
        size_t end = line_end(slice, at);
        str part = str_make(slice.p + at, end - at);
        if (end == slice.n) {
            keep_part(s, part);
            return slice.n;
        }
        if (s->wishes & SSE_FIND_DONE && !s->done_told && s->line_is_empty && says_done(part)) {
            s->done_told = true;
            ret_mark->kind = SSE_MARK_DONE;
            return at;
        }
        s->after_cr = slice.p[end] == '\r';
        end_line(s, part);
        at = end + 1;
    }
    return slice.n;
}

void sse_usage(const struct sse *s, uint64_t *ret_prompt, uint64_t *ret_completion)
{
    if (!s->has_usage)
        return;
    *ret_prompt = s->prompt;
    *ret_completion = s->completion;
}

str sse_id(const struct sse *s)
{
    return str_make(s->id, s->id_n);
}

bool sse_at_boundary(const struct sse *s)
{
    return s->blank;
}

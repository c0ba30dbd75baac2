#include "plane/output.h"

#include "base/json_out.h"
#include "base/json_scan.h"
#include "base/mem.h"

#include <stdio.h>

enum { MEMBERS_MAX = 64, DEPTH_MAX = 16 };

void output_init(struct output *o, void (*on_line)(void *ctx, str json_line), void *ctx)
{
    *o = (struct output){.on_line = on_line, .ctx = ctx};
}

void output_deinit(struct output *o)
{
    buf_deinit(&o->line);
    buf_deinit(&o->json);
}

/* Where to cut a text so that no character is: at most 3 bytes before its end. */
static size_t whole_characters(str text)
{
    for (size_t back = 1; back <= 4 && back <= text.n; back++) {
        unsigned char c = (unsigned char)text.p[text.n - back];
        size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

        if ((c & 0xc0) == 0x80)
            continue;
        return c >= 0xc0 && length > back ? text.n - back : text.n;
    }
    return text.n;
}

static void remember(struct output *o, str message)
{
    str last = str_trim(message);

    for (size_t at = str_find(last, '\n', 0); at < last.n; at = str_find(last, '\n', 0)) {
        str rest = str_trim(str_from(last, at + 1));

        last = rest.n ? rest : str_upto(last, at);
    }
    if (last.n == 0)
        return;
    last = last.n > OUTPUT_LAST_MAX ? str_upto(last, OUTPUT_LAST_MAX) : last;
    o->last_n = last.n < OUTPUT_LAST_MAX ? last.n : whole_characters(last);
    memcpy(o->last, last.p, o->last_n);
}

static void begin(struct output *o, struct json_out *j, int64_t wall_ns)
{
    char stamp[24];
    int n = snprintf(stamp, sizeof(stamp), "%lld", (long long)wall_ns);

    buf_clear(&o->json);
    json_out_init(j, &o->json);
    json_open_object(j);
    json_member_word(j, "timestamp", str_make(stamp, (size_t)n));
}

static void finish(struct output *o, struct json_out *j)
{
    json_close_object(j);
    buf_put_char(&o->json, '\n');
    o->on_line(o->ctx, buf_str(&o->json));
}

void output_say(struct output *o, const char *level, str message, int64_t wall_ns)
{
    struct json_out j;

    begin(o, &j, wall_ns);
    json_member_word(&j, "level", str_of(level));
    json_member_str(&j, "message", message);
    finish(o, &j);
    remember(o, message);
}

/* The words of the log query, from those of usual loggers. */
static str level_of(str said)
{
    static const struct {
        str said, level;
    } levels[] = {
        {STR_INIT("debug"), STR_INIT("DEBUG")},     {STR_INIT("trace"), STR_INIT("DEBUG")},
        {STR_INIT("info"), STR_INIT("INFO")},       {STR_INIT("warning"), STR_INIT("WARNING")},
        {STR_INIT("warn"), STR_INIT("WARNING")},    {STR_INIT("error"), STR_INIT("ERROR")},
        {STR_INIT("critical"), STR_INIT("ERROR")},  {STR_INIT("fatal"), STR_INIT("ERROR")},
        {STR_INIT("exception"), STR_INIT("ERROR")},
    };

    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        if (str_ieq(said, levels[i].said))
            return levels[i].level;
    }
    return STR("INFO");
}

struct parsed {
    str line;
    struct json_scan *scan;
    struct arena arena;
};

/* Many readers of JSON take no NUL in a text. `s` is a copy of ours. */
static str without_nul(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0')
            ((char *)(uintptr_t)s.p)[i] = ' ';
    }
    return s;
}

static str text_member(struct parsed *p, str name)
{
    const struct json_member *m = json_scan_find(p->scan, p->line, name);

    return m && m->kind == JSON_KIND_STRING ? without_nul(json_value_text(m, p->line, &p->arena))
                                            : STR_NULL;
}

static bool is_ours(str name)
{
    return str_eq(name, STR("timestamp")) || str_eq(name, STR("level")) ||
           str_eq(name, STR("message")) || str_eq(name, STR("request_id")) ||
           str_eq(name, STR("replica"));
}

static bool has_others(const struct parsed *p)
{
    for (size_t i = 0; i < json_scan_count(p->scan); i++) {
        const struct json_member *m = json_scan_member(p->scan, i);

        if (!is_ours(str_make(p->line.p + m->name_at, m->name_n)))
            return true;
    }
    return false;
}

/* False if the line is no JSON object with a message. */
static bool merge(struct output *o, str line, int64_t wall_ns)
{
    struct parsed p = {.line = line, .scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX)};
    bool fits = json_scan_feed(p.scan, line, JSON_SCAN_LAST) == JSON_SCAN_DONE;
    const struct json_member *m = fits ? json_scan_find(p.scan, line, STR("message")) : NULL;

    fits = m && m->kind == JSON_KIND_STRING;
    if (fits) {
        struct json_out j;

        arena_init(&p.arena, NULL, 0);
        str message = text_member(&p, STR("message"));
        str shown = has_others(&p) ? line : message;
        str request_id = text_member(&p, STR("request_id"));
        begin(o, &j, wall_ns);
        json_member_word(&j, "level", level_of(text_member(&p, STR("level"))));
        json_member_str(&j, "message", shown);
        if (request_id.n && request_id.n <= OUTPUT_REQUEST_ID_MAX)
            json_member_str(&j, "request_id", request_id);
        finish(o, &j);
        remember(o, message);
        arena_deinit(&p.arena);
    }
    json_scan_free(p.scan);
    return fits;
}

static void take_line(struct output *o, str line, int64_t wall_ns)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    line = without_nul(line);
    if (line.n && line.p[0] == '{' && merge(o, line, wall_ns))
        return;
    output_say(o, "INFO", line, wall_ns);
}

/* The buffer is full without a line feed: what is there is a line, as far as characters go. */
static void cut(struct output *o, int64_t wall_ns)
{
    size_t n = whole_characters(buf_str(&o->line));

    take_line(o, str_upto(buf_str(&o->line), n), wall_ns);
    buf_drop(&o->line, n);
}

void output_feed(struct output *o, str bytes, int64_t wall_ns)
{
    while (bytes.n) {
        size_t end = str_find(bytes, '\n', 0), room = OUTPUT_LINE_MAX - o->line.n;
        size_t n = end < room ? end : room < bytes.n ? room : bytes.n;

        buf_put(&o->line, bytes.p, n);
        bytes = str_from(bytes, n);
        if (bytes.n && bytes.p[0] == '\n') {
            take_line(o, buf_str(&o->line), wall_ns);
            buf_clear(&o->line);
            bytes = str_from(bytes, 1);
        } else if (o->line.n == OUTPUT_LINE_MAX) {
            cut(o, wall_ns);
        }
    }
}

void output_end(struct output *o, int64_t wall_ns)
{
    if (o->line.n)
        take_line(o, buf_str(&o->line), wall_ns);
    buf_clear(&o->line);
}

str output_last(const struct output *o)
{
    return str_make(o->last, o->last_n);
}

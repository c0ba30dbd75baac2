#include "cli/log_reader.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/table.h"

/* Nanoseconds in a string, as documented. */
static int64_t time_of(const json_t *row)
{
    uint64_t ns;

    return str_parse_u64(str_of(table_text(row, "timestamp")), &ns) && ns <= INT64_MAX ? (int64_t)ns
                                                                                       : 0;
}

void log_reader_init(struct log_reader *r, const char *command, const char *path, int64_t from_ms)
{
    *r = (struct log_reader){.command = command,
                             .path = path,
                             .patience.command = command,
                             .from_ms = from_ms,
                             .seen = json_object()};
}

void log_reader_init_since(struct log_reader *r, const char *command, const char *path,
                           int64_t since_s)
{
    int64_t from_ns = clock_wall_ns() - since_s * NS_PER_S;

    log_reader_init(r, command, path, from_ns > 0 ? from_ns / NS_PER_MS : 0);
}

void log_reader_deinit(struct log_reader *r)
{
    json_decref(r->seen);
}

/* --- what has been seen */

static void name_row(const json_t *row, struct buf *to)
{
    buf_printf(to, "%s %s %s%c", table_text(row, "timestamp"), table_text(row, "replica"),
               table_text(row, "message"), '\0');
}

/* How often this answer has had the row, this time included. */
static json_int_t count(json_t *counts, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(counts, name)) + 1;

    json_object_set_new(counts, name, json_integer(n));
    return n;
}

json_t *log_reader_take(struct log_reader *r, const json_t *rows, int64_t *ret_last_ms)
{
    json_t *fresh = json_array(), *here = json_object(), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        struct buf name;

        buf_init(&name, 0);
        name_row(row, &name);
        json_int_t n = count(here, name.p);
        if (n > json_integer_value(json_object_get(r->seen, name.p))) {
            json_object_set_new(r->seen, name.p, json_integer(n));
            json_array_append(fresh, row);
        }
        *ret_last_ms = time_of(row) / NS_PER_MS;
        buf_deinit(&name);
    }
    json_decref(here);
    return fresh;
}

/* Of lines before the window nothing has to be known any more. */
static void forget(struct log_reader *r)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe(r->seen, next, name, value)
    {
        uint64_t ns;
        str all = str_of(name);

        if (!str_parse_u64(str_upto(all, str_find(all, ' ', 0)), &ns) ||
            (int64_t)(ns / NS_PER_MS) < r->from_ms)
            json_object_del(r->seen, name);
    }
}

/* --- asking */

static void put_text(struct buf *to, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(to, "&%s=", name);
    client_put_encoded(to, value);
}

static void say_if_left_out(struct log_reader *r, const json_t *answer)
{
    if (r->left_out || !json_is_true(json_object_get(answer, "truncated")))
        return;
    r->left_out = true;
    fprintf(stderr, "ambit %s: the log is too long: older lines of this time are left out\n",
            r->command);
}

static enum patience_result get(struct log_reader *r, const char *path, json_t **ret_answer)
{
    if (r->follows)
        return patience_get(&r->patience, path, ret_answer);
    return client_call(r->command, "GET", path, NULL, ret_answer) == CLI_OK ? PATIENCE_ANSWERED
                                                                            : PATIENCE_OVER;
}

/* A page. The rows are NULL unless it answered. */
static enum patience_result ask(struct log_reader *r, int64_t from_ms, json_t **ret_rows)
{
    json_t *answer = NULL;
    struct buf path;

    buf_init(&path, 0);
    buf_printf(&path, "%s?direction=asc&limit=%d&start_epoch_millis=%lld", r->path, LOG_PAGE,
               (long long)from_ms);
    put_text(&path, "min_level", r->filter.min_level);
    put_text(&path, "replica", r->filter.replica);
    put_text(&path, "request_id", r->filter.request_id);
    put_text(&path, "search_pattern", r->filter.search);
    buf_put_char(&path, '\0');
    enum patience_result result = get(r, path.p, &answer);
    if (result == PATIENCE_ANSWERED)
        say_if_left_out(r, answer);
    *ret_rows = json_incref(json_object_get(answer, "logs"));
    json_decref(answer);
    buf_deinit(&path);
    return result;
}

/* A page that is full has others behind it, which begin in its last millisecond. */
json_t *log_reader_read(struct log_reader *r)
{
    json_t *fresh = json_array();
    int64_t from_ms = r->from_ms, last_ms = 0;
    size_t n;

    do {
        json_t *rows, *some;

        if (ask(r, from_ms, &rows) == PATIENCE_OVER) {
            json_decref(fresh);
            return NULL;
        }
        n = json_array_size(rows);
        some = log_reader_take(r, rows, &last_ms);
        json_array_extend(fresh, some);
        json_decref(some);
        json_decref(rows);
        from_ms = last_ms > from_ms ? last_ms : from_ms + 1;
    } while (n >= LOG_PAGE);
    if (last_ms - LOG_OVERLAP_MS > r->from_ms) {
        r->from_ms = last_ms - LOG_OVERLAP_MS;
        forget(r);
    }
    return fresh;
}

static bool is_of_same(const json_t *a, const json_t *b)
{
    return !strcmp(table_text(a, "replica"), table_text(b, "replica"));
}

json_t *log_last_lines(const char *command, const char *path, unsigned n)
{
    json_t *answer = NULL, *lines = NULL;
    long status = 0;
    struct buf query;

    buf_init(&query, 0);
    buf_printf(&query, "%s?direction=desc&limit=%u%c", path, n, '\0');
    if (client_ask(command, "GET", query.p, NULL, &status, &answer) == CLI_OK && status == 200) {
        const json_t *rows = json_object_get(answer, "logs");

        lines = json_array();
        for (size_t i = json_array_size(rows); i > 0; i--)
            if (is_of_same(json_array_get(rows, i - 1), json_array_get(rows, 0)))
                json_array_append(lines, json_array_get(rows, i - 1));
    }
    json_decref(answer);
    buf_deinit(&query);
    return lines;
}

/* --- printing */

/* A message as it may stand on a terminal, which what a model printed must not steer: a line's
 * other control characters are shown as '?'. Each further line, such as those of a traceback,
 * begins below the first one, so that none can pass for a row of its own. */
static void print_message(FILE *to, const char *text, int column)
{
    size_t n = strlen(text);

    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];

        if (c == '\n')
            fprintf(to, "\n%*s", column, "");
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080 to U+009F */
            i++, putc('?', to);
        else if (c != '\r' || next != '\n')
            putc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, to);
    }
}

void log_print(FILE *to, const json_t *rows)
{
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *level = table_text(row, "level"), *replica = table_text(row, "replica");
        char when[CLOCK_RFC3339_LEN];

        clock_format_rfc3339(time_of(row), when);
        int column = fprintf(to, "%.*s  %-7s  %-10s  ", CLOCK_RFC3339_LEN, when,
                             *level ? level : "-", *replica ? replica : "-");
        print_message(to, table_text(row, "message"), column > 0 ? column : 0);
        putc('\n', to);
    }
    fflush(to);
}

#include "control/log_query.h"

#include "base/clock.h"

#include "base/buf.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = 4096,
    FILES_MAX = 4096,
    READ_MAX_BYTES = 32 << 20, /* of all files of a query */
    MATCH_LINE_BYTES = 2048,   /* of a line, that a pattern is looked for in: glibc's matcher takes
                                  time by the square of it */
    MATCH_MAX_MS = 250, /* of all matching of a query, since nothing else happens meanwhile */
    LINE_MAX_BYTES = 256 << 10,
    KEPT_MAX = 4 * LOG_QUERY_LINES_MAX,
};

struct log_file_found {
    char *path;
    char replica[64];
    int64_t changed_ns;
    off_t bytes;
};

struct line {
    int64_t at_ns;
    size_t order; /* as read, for lines of the same time */
    json_t *json;
};

struct reading {
    const struct log_query *query;
    struct log_file_found *files;
    size_t n_files;
    struct line *lines;
    size_t n_lines, order;
    off_t left_bytes;
    int64_t matching_ns; /* spent on the pattern so far */
    bool truncated;
};

enum log_level log_level_of(str name)
{
    static const str names[] = {STR_INIT("DEBUG"), STR_INIT("INFO"), STR_INIT("WARNING"),
                                STR_INIT("ERROR")};
    enum log_level level = LOG_LEVEL_DEBUG;

    while (level < LOG_LEVELS && !str_eq(names[level], name))
        level++;
    return level;
}

const char *log_pattern_compile(str pattern, regex_t *ret_pattern)
{
    char text[LOG_QUERY_TEXT_BYTES + 1];

    if (pattern.n == 0 || pattern.n > LOG_QUERY_TEXT_BYTES)
        return "expected 1 to 256 bytes";
    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] == '\0')
            return "has a NUL";
        if (pattern.p[i] == '{')
            return "has a counted repetition, which is not taken";
        if (pattern.p[i] == '\\' && i + 1 < pattern.n && pattern.p[i + 1] >= '1' &&
            pattern.p[i + 1] <= '9')
            return "has a back-reference, which is not taken";
        i += pattern.p[i] == '\\';
    }
    memcpy(text, pattern.p, pattern.n);
    text[pattern.n] = '\0';
    return regcomp(ret_pattern, text, REG_EXTENDED | REG_NOSUB) == 0
               ? NULL
               : "is no POSIX extended expression";
}

/* --- files */

/* "ab12c.log" and "ab12c.log.2" are of the replica ab12c. */
static bool take_replica(const char *name, char *ret_replica, size_t size)
{
    const char *end = strstr(name, ".log");

    if (!end || end == name || (size_t)(end - name) >= size || (end[4] && end[4] != '.'))
        return false;
    memcpy(ret_replica, name, (size_t)(end - name));
    ret_replica[end - name] = '\0';
    return true;
}

static void take_file(struct reading *r, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    struct log_file_found found;
    struct stat status;

    if (r->n_files == FILES_MAX || !take_replica(name, found.replica, sizeof(found.replica)))
        return;
    if (r->query->replica.n && !str_eq(r->query->replica, str_of(found.replica)))
        return;
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        lstat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    found.changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (found.changed_ns < r->query->start_ns)
        return;
    found.bytes = status.st_size;
    found.path = str_dup(str_of(path));
    if ((r->n_files & (r->n_files - 1)) == 0)
        r->files = mem_realloc(r->files, (r->n_files ? 2 * r->n_files : 1) * sizeof(*r->files));
    r->files[r->n_files++] = found;
}

static void list_files(struct reading *r, const char *data_dir, str deployment)
{
    char folder[PATH_BYTES];
    struct dirent *entry;
    DIR *open_folder;

    if (snprintf(folder, sizeof(folder), "%s/logs/%.*s", data_dir, STR_ARG(deployment)) >=
        (int)sizeof(folder))
        return;
    open_folder = opendir(folder);
    while (open_folder && (entry = readdir(open_folder)))
        take_file(r, folder, entry->d_name);
    if (open_folder)
        closedir(open_folder);
}

static int newest_file_first(const void *a, const void *b)
{
    const struct log_file_found *x = a, *y = b;

    return (x->changed_ns < y->changed_ns) - (x->changed_ns > y->changed_ns);
}

/* --- lines */

/* Looks at the beginning of a line, and at no line any more once its time is spent. */
static bool matches(struct reading *r, const char *message)
{
    char text[MATCH_LINE_BYTES + 1];

    if (!r->query->pattern)
        return true;
    if (r->matching_ns > MATCH_MAX_MS * NS_PER_MS) {
        r->truncated = true;
        return false;
    }
    snprintf(text, sizeof(text), "%s", message);
    int64_t began_ns = clock_monotonic_ns();
    bool found = regexec(r->query->pattern, text, 0, NULL, 0) == 0;
    r->matching_ns += clock_monotonic_ns() - began_ns;
    return found;
}

static bool passes_texts(const struct log_query *q, const char *message)
{
    str text = str_of(message);

    for (size_t i = 0; i < q->n_includes; i++)
        if (str_search(text, q->includes[i]) == text.n && q->includes[i].n)
            return false;
    for (size_t i = 0; i < q->n_excludes; i++)
        if (str_search(text, q->excludes[i]) < text.n)
            return false;
    return true;
}

static bool passes(struct reading *r, const json_t *line, int64_t at_ns)
{
    const struct log_query *q = r->query;
    const char *message = json_string_value(json_object_get(line, "message"));
    const char *request = json_string_value(json_object_get(line, "request_id"));
    enum log_level level = log_level_of(str_of(json_string_value(json_object_get(line, "level"))));

    if (!message || at_ns < q->start_ns || at_ns >= q->end_ns)
        return false;
    if (q->min_level > LOG_LEVEL_DEBUG && (level == LOG_LEVELS || level < q->min_level))
        return false;
    return (!q->request_id.n || str_eq(q->request_id, str_of(request))) &&
           passes_texts(q, message) && matches(r, message);
}

static int oldest_line_first(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int by_time = (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);

    return by_time ? by_time : (x->order > y->order) - (x->order < y->order);
}

static int newest_line_first(const void *a, const void *b)
{
    return oldest_line_first(b, a);
}

/* Sorts, and lets go of what lies behind the limit. */
static void settle(struct reading *r)
{
    size_t keep = r->n_lines < r->query->limit ? r->n_lines : r->query->limit;

    if (r->n_lines)
        qsort(r->lines, r->n_lines, sizeof(*r->lines),
              r->query->direction == LOG_OLDEST_FIRST ? oldest_line_first : newest_line_first);
    for (size_t i = keep; i < r->n_lines; i++)
        json_decref(r->lines[i].json);
    r->n_lines = keep;
}

static json_t *text_member(const json_t *line, const char *name)
{
    json_t *value = json_object_get(line, name);

    return json_is_string(value) ? json_incref(value) : json_null();
}

static void take_line(struct reading *r, str text, const char *replica)
{
    json_t *line = text.n <= LINE_MAX_BYTES ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    uint64_t at_ns = 0;
    str stamp = str_of(json_string_value(json_object_get(line, "timestamp")));

    if (line && str_parse_u64(stamp, &at_ns) && at_ns <= INT64_MAX &&
        passes(r, line, (int64_t)at_ns)) {
        json_t *level = text_member(line, "level");
        bool known = log_level_of(str_of(json_string_value(level))) != LOG_LEVELS;

        r->lines[r->n_lines++] = (struct line){
            (int64_t)at_ns, r->order++,
            json_pack("{s:o, s:o, s:s, s:o, s:o}", "timestamp", text_member(line, "timestamp"),
                      "message", text_member(line, "message"), "replica", replica, "request_id",
                      text_member(line, "request_id"), "level",
                      known ? json_incref(level) : json_null())};
        json_decref(level);
        if (r->n_lines == KEPT_MAX)
            settle(r);
    }
    json_decref(line);
}

/* The end of the file, as far as the query may still read. */
static void read_file(struct reading *r, const struct log_file_found *f)
{
    off_t n = f->bytes < r->left_bytes ? f->bytes : r->left_bytes;
    int fd = n > 0 ? open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    char *bytes = mem_alloc((size_t)n + 1);
    ssize_t got = fd >= 0 ? pread(fd, bytes, (size_t)n, f->bytes - n) : 0;
    str rest = str_make(bytes, got > 0 ? (size_t)got : 0);

    r->truncated = r->truncated || n < f->bytes;
    r->left_bytes -= n;
    if (n < f->bytes)
        str_cut(&rest, '\n'); /* cut somewhere in the middle */
    while (rest.n) {
        str line = str_cut(&rest, '\n');

        if (line.n)
            take_line(r, line, f->replica);
    }
    if (fd >= 0)
        close(fd);
    mem_free(bytes);
}

json_t *log_query_run(const struct log_query *query, const char *data_dir, const str *deployments,
                      size_t n_deployments)
{
    struct reading r = {.query = query,
                        .left_bytes = READ_MAX_BYTES,
                        .lines = mem_array(KEPT_MAX, sizeof(struct line))};
    json_t *list = json_array();

    for (size_t i = 0; i < n_deployments; i++)
        list_files(&r, data_dir, deployments[i]);
    if (r.n_files)
        qsort(r.files, r.n_files, sizeof(*r.files), newest_file_first);
    for (size_t i = 0; i < r.n_files; i++) {
        read_file(&r, &r.files[i]);
        mem_free(r.files[i].path);
    }
    settle(&r);
    for (size_t i = 0; i < r.n_lines; i++)
        json_array_append_new(list, r.lines[i].json);
    mem_free(r.files);
    mem_free(r.lines);
    return json_pack("{s:o, s:b}", "logs", list, "truncated", (int)r.truncated);
}

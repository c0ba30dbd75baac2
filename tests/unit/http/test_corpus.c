#include "http/server.h"
#include "unit/test.h"

#include "base/buf.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Runs tests/corpus/http1 (see the README there) against a real server over socket pairs. Nothing
 * here waits: what a socket pair has taken is there at once, so a few turns of the loop show all
 * that will ever happen.
 */

enum { TURNS = 4, SEEN_MAX = 4, STATUSES_MAX = 8 };

static const struct http_server_limits limits = {
    .head_bytes = 512,
    .headers = 8,
    .head_ms = 60000,
    .body_idle_ms = 60000,
    .keep_alive_ms = 60000,
    .write_idle_ms = 60000,
};

struct expectation {
    unsigned statuses[STATUSES_MAX];
    size_t n_statuses;
    bool open;
    struct buf seen[SEEN_MAX];
    size_t n_seen;
};

static struct loop *loop;
static struct http_server *server;
static struct buf seen[SEEN_MAX * 2];
static size_t n_seen;

/* --- the handler: notes what it sees, answers 200 at the end --- */

static void answer(struct stream *s)
{
    struct http_head head = {.status = 200, .content_length = 0};

    n_seen++;
    stream_send_head(s, &head, STREAM_END);
    stream_release(s);
}

static void on_body(void *ctx, struct stream *s, str slice)
{
    (void)ctx;
    buf_put_str(&seen[n_seen], slice);
    stream_consume(s, slice.n);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    (void)ctx, (void)trailers;
    answer(s);
}

static void on_writable(void *ctx, struct stream *s)
{
    (void)ctx, (void)s;
}

static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    (void)ctx, (void)why, (void)unprocessed;
    stream_release(s);
}

static const struct stream_events events = {
    .on_body = on_body, .on_end = on_end, .on_writable = on_writable, .on_reset = on_reset};

static void on_request(void *ctx, struct stream *s, const struct http_head *head,
                       enum stream_end end)
{
    (void)ctx;
    s->events = &events;
    buf_clear(&seen[n_seen]);
    buf_put_str(&seen[n_seen], head->method_text);
    buf_put_char(&seen[n_seen], ' ');
    buf_put_str(&seen[n_seen], head->target);
    buf_put_char(&seen[n_seen], ' ');
    if (end == STREAM_END)
        answer(s);
}

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx, (void)status;
    buf_put_str(ret_body, detail);
}

static const struct http_server_handler handler = {.on_request = on_request,
                                                   .on_bad_request = on_bad_request};

/* --- reading the corpus --- */

static char hex_value(char c)
{
    return (char)(c <= '9' ? c - '0' : str_lower_char(c) - 'a' + 10);
}

/* After a backslash; moves *at. */
static void unescape_one(struct buf *to, str text, size_t *at)
{
    switch (text.p[*at]) {
    case 'r':
        buf_put_char(to, '\r');
        break;
    case 'n':
        buf_put_char(to, '\n');
        break;
    case 't':
        buf_put_char(to, '\t');
        break;
    case '0':
        buf_put_char(to, '\0');
        break;
    case 'x':
        buf_put_char(to, (char)(hex_value(text.p[*at + 1]) << 4 | hex_value(text.p[*at + 2])));
        *at += 2;
        break;
    default:
        buf_put_char(to, text.p[*at]);
        break;
    }
}

/* {c*n}: returns its length, 0 if it is none. */
static size_t repeat(struct buf *to, str text)
{
    size_t end = str_find(text, '}', 0);
    uint64_t n;

    if (text.n < 5 || text.p[2] != '*' || end == text.n ||
        !str_parse_u64(str_make(text.p + 3, end - 3), &n))
        return 0;
    while (n--)
        buf_put_char(to, text.p[1]);
    return end + 1;
}

static void unescape(struct buf *to, str text)
{
    buf_clear(to);
    for (size_t i = 0; i < text.n; i++) {
        size_t n = text.p[i] == '{' ? repeat(to, str_from(text, i)) : 0;

        if (n) {
            i += n - 1;
        } else if (text.p[i] == '\\') {
            i++;
            unescape_one(to, text, &i);
        } else if (text.p[i] == '^') {
            buf_put_str(to, STR("\r\n"));
        } else {
            buf_put_char(to, text.p[i]);
        }
    }
}

static void parse_expectation(str text, struct expectation *e)
{
    e->n_statuses = e->n_seen = 0;
    e->open = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '[') {
            size_t end = str_find(text, ']', i);

            unescape(&e->seen[e->n_seen++], str_make(text.p + i + 1, end - i - 1));
            i = end;
        } else if (text.p[i] == '+') {
            e->open = true;
        } else if (text.p[i] != ' ') {
            e->statuses[e->n_statuses++] = (unsigned)strtoul(text.p + i, NULL, 10);
            i += 2;
        }
    }
}

/* --- running a case --- */

struct outcome {
    unsigned statuses[STATUSES_MAX];
    size_t n_statuses;
    bool open;
};

static void turns(void)
{
    for (int i = 0; i < TURNS; i++)
        loop_turn(loop, 0);
}

/* Skips one answer; false where there is no whole one. */
static bool take_answer(str *text, struct outcome *o)
{
    size_t end = str_search(*text, STR("\r\n\r\n"));
    str head = str_upto(*text, end);
    size_t at = str_search(head, STR("Content-Length: "));

    if (end == text->n || !str_starts(head, STR("HTTP/1.1 ")) || at == head.n ||
        o->n_statuses == STATUSES_MAX)
        return false;
    o->statuses[o->n_statuses++] = (unsigned)strtoul(head.p + 9, NULL, 10);
    *text = str_from(*text, end + 4 + strtoul(head.p + at + 16, NULL, 10));
    return true;
}

static bool collect(int fd, struct outcome *o)
{
    char bytes[65536];
    size_t n = 0;
    ssize_t got;

    while ((got = recv(fd, bytes + n, sizeof(bytes) - n, MSG_DONTWAIT)) > 0)
        n += (size_t)got;
    o->n_statuses = 0;
    o->open = got < 0 && errno == EAGAIN;
    str text = str_make(bytes, n);
    while (text.n) {
        if (!take_answer(&text, o))
            return false;
    }
    return true;
}

static bool is_as_expected(const struct outcome *o, const struct expectation *e)
{
    if (o->n_statuses != e->n_statuses || o->open != e->open ||
        memcmp(o->statuses, e->statuses, o->n_statuses * sizeof(o->statuses[0])) != 0)
        return false;
    for (size_t i = 0; i < e->n_seen; i++) {
        if (i >= n_seen || !str_eq(buf_str(&seen[i]), buf_str(&e->seen[i])))
            return false;
    }
    return true;
}

/* Sends bytes in pieces: [0, first), then `step` at a time. A server that has closed may refuse the
 * rest. */
static bool run(str bytes, size_t first, size_t step, const struct expectation *e,
                struct outcome *o)
{
    int fds[2];
    bool right;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    n_seen = 0;
    http_server_accept(server, fds[0], NULL);
    for (size_t at = 0; at < bytes.n;) {
        str piece = str_upto(str_from(bytes, at), at ? step : first);

        ssize_t n = send(fds[1], piece.p, piece.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        at += n > 0 ? (size_t)n : 0;
        turns();
    }
    right = collect(fds[1], o) && is_as_expected(o, e);
    close(fds[1]);
    turns();
    CHECK_INT(http_server_connections(server), 0);
    return right;
}

static void report(const char *file, unsigned line, const char *how, size_t cut,
                   const struct outcome *o)
{
    printf("  %s:%u: %s %zu: answered", file, line, how, cut);
    for (size_t i = 0; i < o->n_statuses; i++)
        printf(" %u", o->statuses[i]);
    printf("%s; saw", o->open ? "+" : "");
    for (size_t i = 0; i < n_seen; i++)
        printf(" [%.*s]", STR_ARG(buf_str(&seen[i])));
    printf("\n");
}

static bool run_case(const char *file, unsigned line, str bytes, const struct expectation *e)
{
    struct outcome o;

    if (!run(bytes, bytes.n, bytes.n, e, &o)) {
        report(file, line, "whole", bytes.n, &o);
        return false;
    }
    for (size_t cut = 1; cut < bytes.n; cut++) {
        if (!run(bytes, cut, bytes.n, e, &o)) {
            report(file, line, "cut at", cut, &o);
            return false;
        }
    }
    if (!run(bytes, 1, 1, e, &o)) {
        report(file, line, "in bytes of", 1, &o);
        return false;
    }
    return true;
}

static unsigned n_cases, n_wrong;

static void run_file(const char *directory, const char *name)
{
    char path[512], line[4096];
    struct expectation e = {0};
    struct buf bytes = {0};
    unsigned at = 0;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file)) {
        str rest = str_of(line);

        at++;
        rest.n -= rest.n && rest.p[rest.n - 1] == '\n';
        if (rest.n == 0 || rest.p[0] == '#')
            continue;
        size_t bar = str_search(rest, STR(" | "));
        CHECK(bar < rest.n);
        parse_expectation(str_upto(rest, bar), &e);
        unescape(&bytes, str_from(rest, bar + 3));
        n_cases++;
        n_wrong += !run_case(name, at, buf_str(&bytes), &e);
    }
    fclose(file);
    buf_deinit(&bytes);
    for (size_t i = 0; i < SEEN_MAX; i++)
        buf_deinit(&e.seen[i]);
}

static const char *corpus;

static void every_request_gets_its_answer_however_it_is_cut(void)
{
    DIR *directory = opendir(corpus);
    struct dirent *entry;

    CHECK(directory != NULL);
    while ((entry = readdir(directory))) {
        if (str_ends(str_of(entry->d_name), STR(".txt")))
            run_file(corpus, entry->d_name);
    }
    closedir(directory);
    printf("  %u requests\n", n_cases);
    CHECK_INT(n_wrong, 0);
    CHECK(n_cases >= 300);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    corpus = argv[1];
    loop = loop_new();
    server = http_server_new(loop, &limits, &handler, NULL);
    RUN(every_request_gets_its_answer_however_it_is_cut);
    http_server_free(server);
    loop_free(loop);
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        buf_deinit(&seen[i]);
    return test_end();
}

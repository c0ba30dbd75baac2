/*
 * The reader of many streams: opens COUNT of them at a steady rate, each with the same request, and
 * reads events until [DONE]. It checks that each stream's events come in order and complete, and
 * takes the time from the request to the first byte of the answer, and of each event from when the
 * upstream wrote it ("bench_ns") to when it was read here.
 *
 *   bench-streams PORT COUNT OPENED_PER_SECOND REQUEST_FILE [CA_FILE]
 *
 * With a CA file it speaks TLS. On standard output: a line "open" once all streams have begun, a
 * line "ending" when the first one ends, and a JSON object with the figures at the end.
 */

#include "sockets.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    READ_BYTES = 64 * 1024,
    TAIL_BYTES = 48, /* longer than what is looked for with its number */
    REQUEST_MAX = 64 * 1024,
    SAMPLES_MAX = 8 * 1000 * 1000,
    PATIENCE_S = 60, /* without a byte from anybody */
};

enum stream_state { STREAM_CONNECTING, STREAM_WAITING, STREAM_RUNNING, STREAM_OVER };

struct stream {
    int fd;
    enum stream_state state;
    SSL *tls;
    int64_t sent_ns;
    uint64_t next_no;
    char tail[TAIL_BYTES];
    size_t tail_n;
};

static int poller;
static SSL_CTX *tls_context;
static char request[REQUEST_MAX];
static size_t request_n;
static struct stream *streams;
static size_t n_streams, n_opened, n_begun, n_over, n_broken, n_events;
static int64_t open_ns, ending_ns, heard_ns;
static size_t events_at_open, events_at_ending;
static uint32_t *first_us, *delay_us;
static size_t n_first, n_delays;

static void say(const char *word)
{
    printf("%s\n", word);
    fflush(stdout);
}

static void stream_end(struct stream *s, bool complete)
{
    if (s->state == STREAM_OVER)
        return;
    if (!ending_ns) {
        ending_ns = bench_now_ns();
        events_at_ending = n_events;
        say("ending");
    }
    s->state = STREAM_OVER;
    SSL_free(s->tls);
    close(s->fd);
    n_over++;
    if (!complete)
        n_broken++;
}

/* --- what comes */

static void on_first_byte(struct stream *s, int64_t now_ns)
{
    s->state = STREAM_RUNNING;
    first_us[n_first++] = (uint32_t)((now_ns - s->sent_ns) / 1000);
    if (++n_begun == n_streams) {
        open_ns = now_ns;
        events_at_open = n_events;
        say("open");
    }
}

static uint64_t number_after(const char *at, const char *name)
{
    return strtoull(at + strlen(name), NULL, 10);
}

/* Takes whole events off `text`, which is terminated; returns what is left. False: out of order. */
static bool take_events(struct stream *s, const char **text, int64_t now_ns)
{
    static const char no[] = "\"bench_no\":", ns[] = "\"bench_ns\":";
    const char *at, *written, *end;

    while ((at = strstr(*text, no)) && (written = strstr(at, ns)) && (end = strchr(written, '}'))) {
        if (number_after(at, no) != s->next_no++)
            return false;
        n_events++;
        if (n_delays < SAMPLES_MAX)
            delay_us[n_delays++] = (uint32_t)((now_ns - (int64_t)number_after(written, ns)) / 1000);
        *text = end;
    }
    return true;
}

static void on_bytes(struct stream *s, char *bytes, size_t n)
{
    static char joined[READ_BYTES + TAIL_BYTES + 1];
    int64_t now_ns = bench_now_ns();
    const char *text = joined;

    heard_ns = now_ns;
    if (s->state == STREAM_WAITING) {
        on_first_byte(s, now_ns);
        if (n < 12 || memcmp(bytes, "HTTP/1.1 200", 12) != 0) {
            fprintf(stderr, "bench-streams: answered with %.*s\n", (int)(n < 300 ? n : 300), bytes);
            stream_end(s, false);
            return;
        }
    }
    memcpy(joined, s->tail, s->tail_n);
    memcpy(joined + s->tail_n, bytes, n);
    joined[s->tail_n + n] = '\0';
    if (!take_events(s, &text, now_ns)) {
        stream_end(s, false);
        return;
    }
    if (strstr(text, "[DONE]")) {
        stream_end(s, true);
        return;
    }
    /* An event that was cut: all of it from its number on, or only the end, in which one may begin.
     */
    const char *cut = strstr(text, "\"bench_no\":");
    size_t rest = strlen(text);
    size_t kept = cut ? strlen(cut) : rest < 12 ? rest : 12;
    s->tail_n = kept < TAIL_BYTES ? kept : TAIL_BYTES;
    memcpy(s->tail, text + rest - kept, s->tail_n);
}

static void read_plain(struct stream *s)
{
    static char bytes[READ_BYTES];
    ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);

    if (n > 0)
        on_bytes(s, bytes, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        stream_end(s, false);
}

static void read_tls(struct stream *s)
{
    static char bytes[READ_BYTES];

    while (s->state != STREAM_OVER) {
        int n = SSL_read(s->tls, bytes, sizeof(bytes));

        if (n > 0) {
            on_bytes(s, bytes, (size_t)n);
            continue;
        }
        int why = SSL_get_error(s->tls, n);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            stream_end(s, false);
        return;
    }
}

/* --- what goes */

static void watch(struct stream *s, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = s};

    if (epoll_ctl(poller, operation, s->fd, &event) < 0)
        bench_fail("epoll_ctl");
}

static void send_request(struct stream *s)
{
    s->state = STREAM_WAITING;
    s->sent_ns = bench_now_ns();
    bool sent = s->tls ? SSL_write(s->tls, request, (int)request_n) == (int)request_n
                       : send(s->fd, request, request_n, MSG_NOSIGNAL) == (ssize_t)request_n;
    if (!sent)
        stream_end(s, false);
    else
        watch(s, EPOLL_CTL_MOD, EPOLLIN);
}

static void on_connected(struct stream *s)
{
    int error = 0;
    socklen_t n = sizeof(error);

    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        stream_end(s, false);
        return;
    }
    if (!s->tls) {
        send_request(s);
        return;
    }
    int r = SSL_connect(s->tls);
    if (r == 1) {
        send_request(s);
        return;
    }
    int why = SSL_get_error(s->tls, r);
    if (why == SSL_ERROR_WANT_READ)
        watch(s, EPOLL_CTL_MOD, EPOLLIN);
    else if (why == SSL_ERROR_WANT_WRITE)
        watch(s, EPOLL_CTL_MOD, EPOLLOUT);
    else
        stream_end(s, false);
}

static void open_stream(struct stream *s, uint16_t port)
{
    s->fd = bench_connect(port);
    if (s->fd < 0)
        bench_fail("connect");
    if (tls_context) {
        s->tls = SSL_new(tls_context);
        if (!s->tls || !SSL_set_fd(s->tls, s->fd) || !SSL_set1_host(s->tls, "localhost"))
            bench_fail("TLS");
        SSL_set_tlsext_host_name(s->tls, "localhost");
    }
    watch(s, EPOLL_CTL_ADD, EPOLLOUT);
}

static void on_event(struct stream *s)
{
    if (s->state == STREAM_CONNECTING)
        on_connected(s);
    else if (s->state != STREAM_OVER)
        (s->tls ? read_tls : read_plain)(s);
}

/* --- the end */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t percentile(const uint32_t *sorted, size_t n, unsigned of_1000)
{
    return n ? sorted[(n - 1) * of_1000 / 1000] : 0;
}

static void report(void)
{
    int64_t end_ns = ending_ns ? ending_ns : bench_now_ns();
    double seconds = open_ns && end_ns > open_ns ? (double)(end_ns - open_ns) / 1e9 : 0;

    qsort(first_us, n_first, sizeof(*first_us), compare);
    qsort(delay_us, n_delays, sizeof(*delay_us), compare);
    printf("{\"streams\":%zu,\"broken\":%zu,\"events\":%zu,\"seconds\":%.3f,\"events_per_s\":%.0f,"
           "\"first_p50_us\":%u,\"first_p99_us\":%u,\"delay_p50_us\":%u,\"delay_p99_us\":%u,"
           "\"delay_p999_us\":%u}\n",
           n_streams, n_broken + (n_streams - n_over), n_events, seconds,
           seconds > 0 ? (double)(events_at_ending - events_at_open) / seconds : 0,
           percentile(first_us, n_first, 500), percentile(first_us, n_first, 990),
           percentile(delay_us, n_delays, 500), percentile(delay_us, n_delays, 990),
           percentile(delay_us, n_delays, 999));
}

static void read_request(const char *path)
{
    FILE *f = fopen(path, "rb");

    if (!f)
        bench_fail(path);
    request_n = fread(request, 1, sizeof(request), f);
    if (request_n == 0 || request_n == sizeof(request))
        bench_fail("the request is empty or too long");
    fclose(f);
}

static void set_up(int argc, char **argv)
{
    bench_raise_descriptors();
    n_streams = bench_number(argv[2], 1000000);
    read_request(argv[4]);
    streams = calloc(n_streams, sizeof(*streams));
    first_us = calloc(n_streams, sizeof(*first_us));
    delay_us = malloc(SAMPLES_MAX * sizeof(*delay_us));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!streams || !first_us || !delay_us || poller < 0)
        bench_fail("memory");
    if (argc != 6)
        return;
    tls_context = SSL_CTX_new(TLS_client_method());
    if (!tls_context || SSL_CTX_load_verify_locations(tls_context, argv[5], NULL) != 1)
        bench_fail("the CA file");
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    if (argc != 5 && argc != 6) {
        fprintf(stderr,
                "usage: bench-streams PORT COUNT OPENED_PER_SECOND REQUEST_FILE [CA_FILE]\n");
        return 2;
    }
    set_up(argc, argv);
    uint16_t port = (uint16_t)bench_number(argv[1], UINT16_MAX);
    uint64_t rate = bench_number(argv[3], 1000000);
    int64_t began_ns = heard_ns = bench_now_ns();
    while (n_over < n_streams) {
        int64_t now_ns = bench_now_ns();
        size_t due = (size_t)((double)(now_ns - began_ns) / 1e9 * (double)rate) + 1;

        for (; n_opened < n_streams && n_opened < due; n_opened++)
            open_stream(&streams[n_opened], port);
        int n = epoll_wait(poller, events, EVENTS, n_opened < n_streams ? 1 : 1000);
        for (int i = 0; i < n; i++)
            on_event(events[i].data.ptr);
        if (now_ns - heard_ns > PATIENCE_S * INT64_C(1000000000))
            break;
    }
    report();
    return 0;
}

/*
 * The model server that everything in the bench is measured on: one thread, fixed answers, as cheap
 * as it can be, so that what is measured is the proxy and not what stands behind it. (ambit-sim
 * reads each request, judges it and logs it, as a test wants it; that costs more than the proxies.)
 *
 * A request says in its body what it wants, since proxies pass bodies on unchanged:
 *
 *   nothing                                        a chat completion of usual size
 *   "bench_answer_bytes": N                        one with a message of N bytes
 *   "bench_events": N, "bench_interval_us": M      a stream of N events, M apart
 *
 * Each event carries the time at which it was written, "bench_ns", so that whoever reads it knows
 * how long it took. Events are due by a wheel of slots of one millisecond.
 *
 *   bench-upstream FIRST_PORT COUNT
 */

#include "sockets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    READ_BYTES = 256 * 1024,
    KEPT_BYTES = 8 * 1024, /* of head and body together: what a request wants stands in there */
    SLOTS = 8192,
    SLOT_NS = 1000000,
    LISTENERS_MAX = 64,
};

struct conn {
    int fd;
    char *kept; /* the begin of a request that has not come as a whole */
    size_t kept_n;
    uint64_t left; /* of the request's body; UINT64_MAX: its head is not there yet */
    bool chunked;
    const char *answer; /* what has not been sent yet of a large one */
    size_t answer_n;
    /* A stream, while events_left is not 0. */
    uint64_t events_left, event_no;
    int64_t interval_ns, due_ns;
    struct conn *next, **link; /* in its slot */
};

static int poller;
static struct conn *slots[SLOTS];
static int64_t turned_ns; /* slots before this time are empty */
static size_t n_streams;
static int listeners[LISTENERS_MAX];

static char *large; /* the answer to a request for many bytes, made once for each size */
static size_t large_n, large_body_n;

static const char chat_body[] =
    "{\"id\":\"chatcmpl-8f3e1c5a9b7d4e2f8a6c0d1b\",\"object\":\"chat.completion\","
    "\"created\":1770000000,\"model\":\"mistral-medium-3\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"reasoning_content\":null,\"content\":\"The data stays "
    "where the contract says: the request went to a server in the region that was asked for, and "
    "the answer came back the same way. If that region had been unavailable, the request would "
    "have been refused rather than sent elsewhere, and the refusal would have named the rule."
    "\",\"tool_calls\":[]},\"logprobs\":null,\"finish_reason\":\"stop\",\"stop_reason\":null}],"
    "\"usage\":{\"prompt_tokens\":187,\"total_tokens\":251,\"completion_tokens\":64,"
    "\"prompt_tokens_details\":null},\"prompt_logprobs\":null}";

static const char stream_head[] = "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: "
                                  "text/event-stream; charset=utf-8\r\ntransfer-encoding: "
                                  "chunked\r\nx-accel-buffering: no\r\n\r\n";

static char chat[2048];
static size_t chat_n;

static void make_chat(void)
{
    chat_n = (size_t)snprintf(chat, sizeof(chat),
                              "HTTP/1.1 200 OK\r\ndate: Thu, 01 Oct 2026 10:00:00 GMT\r\nserver: "
                              "uvicorn\r\ncontent-length: %zu\r\ncontent-type: "
                              "application/json\r\n\r\n%s",
                              sizeof(chat_body) - 1, chat_body);
}

static void make_large(size_t bytes)
{
    static const char before[] = "{\"id\":\"chatcmpl-large\",\"object\":\"chat.completion\","
                                 "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                                 "\"content\":\"",
                      after[] = "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":187,"
                                "\"completion_tokens\":64,\"total_tokens\":251}}";
    char head[256];
    int head_n = snprintf(head, sizeof(head),
                          "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: %zu\r\n"
                          "content-type: application/json\r\n\r\n%s",
                          sizeof(before) - 1 + bytes + sizeof(after) - 1, before);

    free(large);
    large_n = (size_t)head_n + bytes + sizeof(after) - 1;
    large = malloc(large_n);
    if (!large)
        bench_fail("memory");
    memcpy(large, head, (size_t)head_n);
    memset(large + head_n, 'x', bytes);
    memcpy(large + (size_t)head_n + bytes, after, sizeof(after) - 1);
    large_body_n = bytes;
}

static void unlink_stream(struct conn *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
}

static void conn_end(struct conn *c)
{
    if (c->events_left) {
        unlink_stream(c);
        n_streams--;
    }
    close(c->fd);
    free(c->kept);
    free(c);
}

static void watch(struct conn *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0)
        bench_fail("epoll_ctl");
}

static bool send_answer(struct conn *c, const char *bytes, size_t n)
{
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent < 0)
        sent = 0;
    bool waited = c->answer_n > 0;
    c->answer = bytes + sent;
    c->answer_n = n - (size_t)sent;
    if (waited != (c->answer_n > 0))
        watch(c, c->answer_n ? EPOLLOUT : EPOLLIN);
    return true;
}

static void link_stream(struct conn *c)
{
    int64_t next_ns = turned_ns + SLOT_NS; /* one that is late goes to the next slot */
    struct conn **slot = &slots[(c->due_ns > next_ns ? c->due_ns : next_ns) / SLOT_NS % SLOTS];

    c->next = *slot;
    c->link = slot;
    if (c->next)
        c->next->link = &c->next;
    *slot = c;
}

/* One event is one chunk and one send; small ones always fit the socket's buffer, or the reader has
 * gone astray and the stream ends. */
static bool send_event(struct conn *c, int64_t now_ns)
{
    char event[512], bytes[1024];
    int n = 0;
    int event_n =
        snprintf(event, sizeof(event),
                 "data: {\"id\":\"chatcmpl-8f3e1c5a9b7d4e2f\",\"object\":"
                 "\"chat.completion.chunk\",\"created\":1770000000,\"model\":"
                 "\"mistral-medium-3\",\"choices\":[{\"index\":0,\"delta\":{"
                 "\"content\":\" token\"}}],\"bench_no\":%" PRIu64 ",\"bench_ns\":%" PRId64 "}\n\n",
                 c->event_no, now_ns);

    if (c->event_no == 0)
        n = snprintf(bytes, sizeof(bytes), "%s", stream_head);
    n += snprintf(bytes + n, sizeof(bytes) - (size_t)n, "%x\r\n%s\r\n", (unsigned)event_n, event);
    c->event_no++;
    if (c->event_no == c->events_left)
        n += snprintf(bytes + n, sizeof(bytes) - (size_t)n, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    return send(c->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

/* False: it is over, one way or the other; *ret_alive says which. */
static bool stream_step(struct conn *c, int64_t now_ns, bool *ret_alive)
{
    *ret_alive = send_event(c, now_ns);
    if (!*ret_alive || c->event_no == c->events_left)
        return false;
    c->due_ns += c->interval_ns;
    link_stream(c);
    return true;
}

static bool begin_stream(struct conn *c, uint64_t n_events, uint64_t interval_us)
{
    bool alive;

    c->events_left = n_events;
    c->event_no = 0;
    c->interval_ns = (int64_t)interval_us * 1000;
    c->due_ns = bench_now_ns();
    n_streams++;
    if (!stream_step(c, c->due_ns, &alive)) {
        c->events_left = 0;
        n_streams--;
    }
    return alive;
}

static uint64_t wanted(const char *request, size_t n, const char *name)
{
    const char *at = bench_find(request, n, name);

    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static bool answer(struct conn *c, const char *request, size_t n)
{
    uint64_t n_events = 0, bytes = 0;

    if (bench_find(request, n, "\"bench_")) {
        n_events = wanted(request, n, "\"bench_events\":");
        bytes = wanted(request, n, "\"bench_answer_bytes\":");
    }
    if (n_events)
        return begin_stream(c, n_events, wanted(request, n, "\"bench_interval_us\":"));
    if (bytes == 0)
        return send_answer(c, chat, chat_n);
    if (bytes != large_body_n)
        make_large(bytes);
    return send_answer(c, large, large_n);
}

/* --- reading: whole requests at once as a rule, else their begin is kept until they are there ---
 */

static void keep(struct conn *c, const char *bytes, size_t n)
{
    size_t room = KEPT_BYTES - c->kept_n;

    if (!c->kept)
        c->kept = malloc(KEPT_BYTES + 1);
    if (!c->kept)
        bench_fail("memory");
    memcpy(c->kept + c->kept_n, bytes, n < room ? n : room);
    c->kept_n += n < room ? n : room;
    c->kept[c->kept_n] = '\0';
}

static bool finish_kept(struct conn *c)
{
    bool fine = answer(c, c->kept, c->kept_n);

    free(c->kept);
    c->kept = NULL;
    c->kept_n = 0;
    c->left = UINT64_MAX;
    return fine;
}

static bool on_more_body(struct conn *c, const char *bytes, size_t n)
{
    keep(c, bytes, n);
    if (c->chunked)
        return bench_ends_chunks(bytes, n) ? finish_kept(c) : true;
    if (n > c->left)
        return false;
    c->left -= n;
    return c->left ? true : finish_kept(c);
}

static bool on_begin(struct conn *c, const char *bytes, size_t n)
{
    size_t before = c->kept_n;

    if (before)
        keep(c, bytes, n);
    const char *request = before ? c->kept : bytes;
    size_t request_n = before ? c->kept_n : n;
    struct bench_framing framing = bench_read_framing(request, request_n);
    if (framing.head_n == 0) {
        if (!before)
            keep(c, bytes, n);
        return c->kept_n < KEPT_BYTES;
    }
    uint64_t body = before + n - framing.head_n;
    c->chunked = framing.chunked;
    if (framing.chunked ? bench_ends_chunks(bytes, n) : body == framing.body_n)
        return before ? finish_kept(c) : answer(c, bytes, n);
    if (!framing.chunked && body > framing.body_n)
        return false;
    if (!before)
        keep(c, bytes, n);
    c->left = framing.chunked ? 0 : framing.body_n - body;
    return true;
}

static bool on_bytes(struct conn *c, const char *bytes, size_t n)
{
    return c->left == UINT64_MAX ? on_begin(c, bytes, n) : on_more_body(c, bytes, n);
}

static bool on_readable(struct conn *c)
{
    static char buffer[READ_BYTES];
    ssize_t n = recv(c->fd, buffer, sizeof(buffer) - 1, 0);

    if (n < 0)
        return errno == EAGAIN;
    buffer[n] = '\0';
    /* Nothing may come while a stream runs: nobody pipelines here. */
    return n > 0 && c->events_left == 0 && on_bytes(c, buffer, (size_t)n);
}

static void on_event(struct conn *c, uint32_t events)
{
    bool lives = !(events & (EPOLLERR | EPOLLHUP));

    if (lives && events & EPOLLOUT)
        lives = send_answer(c, c->answer, c->answer_n);
    if (lives && events & EPOLLIN)
        lives = on_readable(c);
    if (!lives)
        conn_end(c);
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = bench_accept(listener)) >= 0) {
        struct conn *c = calloc(1, sizeof(*c));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

        if (!c || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            bench_fail("accept");
        c->fd = fd;
        c->left = UINT64_MAX;
    }
}

static void run_slot(struct conn **slot, int64_t now_ns)
{
    struct conn *c = *slot, *next;

    /* Taken off first: an interval of a whole turn comes back to the same slot. */
    *slot = NULL;
    for (; c; c = next) {
        bool alive;

        next = c->next;
        if (stream_step(c, now_ns, &alive))
            continue;
        c->events_left = 0;
        n_streams--;
        if (!alive)
            conn_end(c);
    }
}

static void turn_wheel(void)
{
    int64_t now_ns = bench_now_ns();

    for (; turned_ns + SLOT_NS <= now_ns; turned_ns += SLOT_NS)
        if (n_streams)
            run_slot(&slots[turned_ns / SLOT_NS % SLOTS], now_ns);
}

static bool is_listener(const int *p)
{
    return p >= listeners && p < listeners + LISTENERS_MAX;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];

    if (argc != 3) {
        fprintf(stderr, "usage: bench-upstream FIRST_PORT COUNT\n");
        return 2;
    }
    bench_raise_descriptors();
    make_chat();
    uint64_t port = bench_number(argv[1], UINT16_MAX), count = bench_number(argv[2], LISTENERS_MAX);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (uint64_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listeners[i]};

        listeners[i] = bench_listen((uint16_t)(port + i));
        if (epoll_ctl(poller, EPOLL_CTL_ADD, listeners[i], &event) < 0)
            bench_fail("epoll");
    }
    turned_ns = bench_now_ns();
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, n_streams ? 1 : -1);

        if (n_streams == 0)
            turned_ns = bench_now_ns() / SLOT_NS * SLOT_NS;
        for (int i = 0; i < n; i++) {
            if (is_listener(events[i].data.ptr))
                accept_all(*(int *)events[i].data.ptr);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        turn_wheel();
    }
}

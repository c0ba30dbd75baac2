/* WebSockets through a whole edge: the handshake, bytes both ways, limits, and every way to an end,
 * with the code that both sides see. */

#include "control.h"
#include "model_hosts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/websocket.h"
#include "unit/test.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct model_hosts *g;

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HANDSHAKE                                                                                  \
    "Authorization: Bearer k-all\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"     \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"                                  \
    "Sec-WebSocket-Protocol: mine, yours\r\n"

enum { TEXT = 0x81, CLOSE = 0x88, PAYLOAD_MAX = 1 << 20 };

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

/* --- frames, on both sides */

struct frame {
    int opcode; /* with FIN; 0: the connection ended */
    size_t n;
    char payload[PAYLOAD_MAX];
};

static bool read_whole(int fd, void *to, size_t n)
{
    for (char *at = to; n;) {
        ssize_t got = recv(fd, at, n, 0);

        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static bool read_payload(int fd, struct frame *f, size_t length_bytes, bool masked)
{
    unsigned char length[8], mask[4] = {0};

    if (!read_whole(fd, length, length_bytes))
        return false;
    if (length_bytes)
        f->n = 0;
    for (size_t i = 0; i < length_bytes; i++)
        f->n = f->n << 8 | length[i];
    if (f->n > PAYLOAD_MAX || (masked && !read_whole(fd, mask, sizeof(mask))) ||
        !read_whole(fd, f->payload, f->n))
        return false;
    for (size_t i = 0; i < f->n; i++)
        f->payload[i] = (char)(f->payload[i] ^ mask[i % 4]);
    return true;
}

static void read_frame(int fd, struct frame *f)
{
    unsigned char head[2];

    f->opcode = 0;
    f->n = 0;
    if (!read_whole(fd, head, sizeof(head)))
        return;
    f->n = head[1] & 0x7f;
    size_t length_bytes = f->n == 126 ? 2 : f->n == 127 ? 8 : 0;
    if (read_payload(fd, f, length_bytes, head[1] & 0x80))
        f->opcode = head[0];
}

/* Masked by zeroes where a client sends it. */
static void send_frame(int fd, enum websocket_side from, int opcode, const char *payload, size_t n)
{
    unsigned char head[14] = {(unsigned char)opcode};
    size_t at = 2;

    if (n < 126) {
        head[1] = (unsigned char)n;
    } else {
        head[1] = 127;
        for (int i = 7; i >= 0; i--)
            head[at++] = (unsigned char)((uint64_t)n >> 8 * i);
    }
    if (from == WEBSOCKET_CLIENT) {
        head[1] |= 0x80;
        at += 4;
    }
    client_send(fd, str_make((const char *)head, at));
    client_send(fd, str_make(payload, n));
}

static void send_text(int fd, enum websocket_side from, const char *text)
{
    send_frame(fd, from, TEXT, text, strlen(text));
}

static unsigned code_of(const struct frame *f)
{
    return f->opcode == CLOSE && f->n >= 2
               ? (unsigned)((unsigned char)f->payload[0] << 8 | (unsigned char)f->payload[1])
               : 0;
}

static void send_close(int fd, enum websocket_side from, unsigned code)
{
    const char payload[] = {(char)(code >> 8), (char)(code & 0xff)};

    send_frame(fd, from, CLOSE, payload, sizeof(payload));
}

/* --- replicas. `noted` is the close code that one saw, 1 for an end without one. */

static bool accept_socket(struct replica *r, int fd)
{
    char accept[WEBSOCKET_ACCEPT_BYTES], answer[512];

    if (!replica_read_head(r, fd))
        return false;
    websocket_accept_of(STR(KEY), accept);
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Protocol: yours\r\nSec-WebSocket-Accept: %.*s\r\n\r\n",
             WEBSOCKET_ACCEPT_BYTES, accept);
    replica_say(fd, answer);
    return true;
}

/* Sends texts back, and a close frame back. */
static bool echo(struct replica *r, int fd)
{
    struct frame *f = mem_alloc(sizeof(*f));

    if (accept_socket(r, fd))
        for (;;) {
            read_frame(fd, f);
            if (f->opcode == CLOSE || f->opcode == 0)
                break;
            send_frame(fd, WEBSOCKET_SERVER, f->opcode, f->payload, f->n);
        }
    if (f->opcode == CLOSE)
        send_close(fd, WEBSOCKET_SERVER, code_of(f));
    atomic_store(&r->noted, f->opcode == CLOSE ? code_of(f) : 1);
    mem_free(f);
    return false;
}

static bool close_first(struct replica *r, int fd)
{
    struct frame *f = mem_alloc(sizeof(*f));

    if (accept_socket(r, fd)) {
        send_close(fd, WEBSOCKET_SERVER, 4001);
        read_frame(fd, f);
        atomic_store(&r->noted, f->opcode == CLOSE ? code_of(f) : 1);
    }
    mem_free(f);
    return false;
}

static bool break_off(struct replica *r, int fd)
{
    struct linger at_once = {.l_onoff = 1};

    if (accept_socket(r, fd)) {
        send_text(fd, WEBSOCKET_SERVER, "hello");
        replica_wait_gate(r);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    return false;
}

/* Half a frame, and the rest of it when the gate opens. */
static bool say_half(struct replica *r, int fd)
{
    if (!accept_socket(r, fd))
        return false;
    client_send(fd, STR("\x81\x05he"));
    replica_wait_gate(r);
    client_send(fd, STR("llo"));
    while (!replica_is_left(fd))
        continue;
    return false;
}

static bool answer_wrongly(struct replica *r, int fd)
{
    if (replica_read_head(r, fd))
        replica_say(fd, "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
    return false;
}

static bool refuse(struct replica *r, int fd)
{
    if (replica_read_head(r, fd))
        replica_say(fd,
                    "HTTP/1.1 403 Not you\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnope");
    return false;
}

/* --- clients */

static int open_at(const char *host, const char *path)
{
    int fd = client_open(g);
    struct buf request;

    buf_init(&request, 0);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n" HANDSHAKE "\r\n", path, host);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    return fd;
}

/* Up to the end of the head and not a byte further. */
static str read_head_only(int fd)
{
    static char head[4096];
    size_t n = 0;

    while (n < sizeof(head) && !str_ends(str_make(head, n), STR("\r\n\r\n")))
        if (!read_whole(fd, head + n++, 1))
            break;
    return str_make(head, n);
}

static int open_socket(size_t replica, serve_fn serve)
{
    replica_set(model_hosts_replica(g, replica), serve);
    int fd = open_at("model-abc-eu.d.test", "/websocket");
    str head = read_head_only(fd);
    CHECK_INT(status_of(head), 101);
    CHECK(has(head, "\r\nx-ambit-region: ovh-gra-1\r\n"));
    CHECK(has(head, "\r\nx-baseten-request-id: "));
    CHECK(has(head, "Sec-WebSocket-Protocol: yours\r\n"));
    CHECK(has(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    return fd;
}

static struct frame heard;

static void check_closes(int fd, unsigned code)
{
    read_frame(fd, &heard);
    CHECK_INT(code_of(&heard), code);
    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, 0);
    close(fd);
}

/* --- */

static void test_bytes_pass_both_ways(void)
{
    static char large[300000];
    int fd = open_socket(2, echo);
    str seen = replica_seen(model_hosts_replica(g, 2));

    CHECK(has(seen, "GET /v1/websocket HTTP/1.1\r\n"));
    CHECK(has(seen, "Sec-WebSocket-Key: " KEY "\r\n"));
    CHECK(!has(seen, "k-all"));
    send_text(fd, WEBSOCKET_CLIENT, "hello");
    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, TEXT);
    CHECK(str_eq(str_make(heard.payload, heard.n), STR("hello")));
    memset(large, 'x', sizeof(large));
    send_frame(fd, WEBSOCKET_CLIENT, 0x82, large, sizeof(large));
    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, 0x82);
    CHECK(str_eq(str_make(heard.payload, heard.n), str_make(large, sizeof(large))));
    send_close(fd, WEBSOCKET_CLIENT, 1000);
    check_closes(fd, 1000);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1000);
}

static void test_it_counts_until_it_ends(void)
{
    int fd = open_socket(2, echo);

    WAIT_FOR(control_said(model_hosts_control(g), "euro1").in_flight == 1);
    send_close(fd, WEBSOCKET_CLIENT, 1000);
    check_closes(fd, 1000);
    WAIT_FOR(control_said(model_hosts_control(g), "euro1").in_flight == 0);
}

static void test_every_path_of_websockets(void)
{
    static const struct {
        const char *host, *path, *target;
        size_t replica;
    } rows[] = {
        {"model-abc.d.test", "/production/websocket?a", "GET /v1/websocket?a HTTP", 0},
        {"model-abc.d.test", "/deployment/alone1/websocket", "GET /base/v1/websocket HTTP", 4},
        {"chain-xyz-eu.d.test", "/websocket", "GET /v1/websocket HTTP", 2},
        {"model-abc.d.test", "/production/sync/v1/realtime", "GET /v1/realtime HTTP", 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        replica_set(model_hosts_replica(g, rows[i].replica), echo);
        int fd = open_at(rows[i].host, rows[i].path);
        CHECK_INT(status_of(read_head_only(fd)), 101);
        CHECK(has(replica_seen(model_hosts_replica(g, rows[i].replica)), rows[i].target));
        send_close(fd, WEBSOCKET_CLIENT, 1000);
        check_closes(fd, 1000);
    }
}

static void test_the_replicas_close_code_reaches_the_client(void)
{
    int fd = open_socket(2, close_first);

    read_frame(fd, &heard);
    CHECK_INT(code_of(&heard), 4001);
    send_close(fd, WEBSOCKET_CLIENT, 4002);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 4002);
    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, 0);
    close(fd);
}

static void test_a_large_message_is_1009_to_both(void)
{
    struct policy p = policy_default();

    p.message_bytes = 10;
    model_hosts_publish(g, &p);
    int fd = open_socket(2, echo);
    send_text(fd, WEBSOCKET_CLIENT, "ten bytes.");
    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, TEXT);
    send_text(fd, WEBSOCKET_CLIENT, "eleven bytes");
    check_closes(fd, 1009);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1009);
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_a_frame_that_is_none_is_1002(void)
{
    int fd = open_socket(2, echo);

    send_text(fd, WEBSOCKET_SERVER, "not masked");
    check_closes(fd, 1002);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1002);
}

static void test_silence_ends_it(void)
{
    struct policy p = policy_default();

    p.socket_idle_ms = 30;
    model_hosts_publish(g, &p);
    int fd = open_socket(2, echo);
    check_closes(fd, 1001);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1001);
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_a_broken_replica_is_1011(void)
{
    int fd = open_socket(2, break_off);

    read_frame(fd, &heard);
    CHECK_INT(heard.opcode, TEXT);
    atomic_store(&model_hosts_replica(g, 2)->gate, 1);
    check_closes(fd, 1011);
}

static void test_a_client_that_leaves_ends_the_replicas_side(void)
{
    struct linger at_once = {.l_onoff = 1};
    int fd = open_socket(2, echo);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1);
    fd = open_socket(2, echo);
    close(fd);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1);
}

static void publish(const char *eu_rule)
{
    struct policy p = policy_default();

    p.eu_rule = eu_rule;
    model_hosts_publish(g, &p);
}

static void test_a_tightened_rule_is_1008(void)
{
    int fd = open_socket(2, echo);

    send_text(fd, WEBSOCKET_CLIENT, "hello");
    read_frame(fd, &heard);
    publish("allow=fr;transit=de");
    send_text(fd, WEBSOCKET_CLIENT, "still in");
    read_frame(fd, &heard);
    CHECK(str_eq(str_make(heard.payload, heard.n), STR("still in")));
    publish("allow=de");
    check_closes(fd, 1008);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1); /* cut, not told */
    publish("allow=eu");
}

/* By then, or before it is known here: either way it is closed for that. */
static void test_a_key_that_expires_is_1008(void)
{
    struct policy p = policy_default();
    int fd = open_socket(2, echo);

    p.key_expires_wall_ns = clock_wall_ns() + 200 * NS_PER_MS;
    model_hosts_publish(g, &p);
    check_closes(fd, 1008);
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 2)->noted) == 1);
    publish("allow=eu");
}

static void test_within_a_frame_nothing_is_said(void)
{
    char half[4];
    int fd = open_socket(2, say_half);

    CHECK(read_whole(fd, half, sizeof(half)));
    publish("allow=de");
    CHECK(!read_whole(fd, half, 1));
    close(fd);
    atomic_store(&model_hosts_replica(g, 2)->gate, 1);
    publish("allow=eu");
}

static void test_a_handshake_that_is_none(void)
{
    str answer = ask(g, NULL, "GET", "model-abc-eu.d.test", "/websocket", "", STR_NULL);

    CHECK_INT(status_of(answer), 400);
    CHECK(has(answer, "Upgrade: websocket"));
    answer = ask(g, NULL, "GET", "model-abc-eu.d.test", "/websocket",
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
                 "Sec-WebSocket-Key: " KEY "\r\n",
                 STR_NULL);
    CHECK_INT(status_of(answer), 426);
    CHECK(has(answer, "\r\nsec-websocket-version: 13\r\n"));
    answer = ask(g, NULL, "GET", "model-abc-eu.d.test", "/websocket",
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: short\r\n",
                 STR_NULL);
    CHECK_INT(status_of(answer), 400);
}

static void test_answers_that_are_no_socket(void)
{
    replica_set(model_hosts_replica(g, 2), answer_wrongly);
    int fd = open_at("model-abc-eu.d.test", "/websocket");
    CHECK_INT(status_of(client_read_until(g, fd, "}")), 502);
    close(fd);
    replica_set(model_hosts_replica(g, 2), refuse);
    fd = open_at("model-abc-eu.d.test", "/websocket");
    str answer = client_read_until(g, fd, "nope");
    CHECK_INT(status_of(answer), 403);
    CHECK(has(answer, "\r\n\r\nnope"));
    close(fd);
}

static void test_nobody_there_in_time_is_408(void)
{
    struct policy p = policy_default();

    p.hold_ms = 20;
    model_hosts_publish(g, &p);
    int fd = open_at("model-abc.d.test", "/environments/lazy/websocket");
    str answer = client_read_until(g, fd, "}");
    CHECK_INT(status_of(answer), 408);
    CHECK(has(answer, "\"error_code\":\"timeout\""));
    close(fd);
    p = policy_default();
    model_hosts_publish(g, &p);
}

/* The last one: the gateway ends under an open socket. */
static int last_fd;

static void test_a_gateway_that_ends_is_1012(void)
{
    last_fd = open_socket(2, echo);
    send_text(last_fd, WEBSOCKET_CLIENT, "hello");
    read_frame(last_fd, &heard);
    kill(getpid(), SIGTERM);
    /* It drains, and the socket goes on. */
    send_text(last_fd, WEBSOCKET_CLIENT, "again");
    read_frame(last_fd, &heard);
    CHECK_INT(heard.opcode, TEXT);
}

static void test_both_sides_of_it(void)
{
    check_closes(last_fd, 1012);
    CHECK_INT(atomic_load(&model_hosts_replica(g, 2)->noted), 1012);
}

int main(void)
{
    struct policy p = policy_default();

    g = model_hosts_start(&p);
    RUN(test_bytes_pass_both_ways);
    RUN(test_it_counts_until_it_ends);
    RUN(test_every_path_of_websockets);
    RUN(test_the_replicas_close_code_reaches_the_client);
    RUN(test_a_large_message_is_1009_to_both);
    RUN(test_a_frame_that_is_none_is_1002);
    RUN(test_silence_ends_it);
    RUN(test_a_broken_replica_is_1011);
    RUN(test_a_client_that_leaves_ends_the_replicas_side);
    RUN(test_a_tightened_rule_is_1008);
    RUN(test_a_key_that_expires_is_1008);
    RUN(test_within_a_frame_nothing_is_said);
    RUN(test_a_handshake_that_is_none);
    RUN(test_answers_that_are_no_socket);
    RUN(test_nobody_there_in_time_is_408);
    RUN(test_a_gateway_that_ends_is_1012);
    model_hosts_end(g);
    RUN(test_both_sides_of_it);
    model_hosts_free(g);
    return test_end();
}

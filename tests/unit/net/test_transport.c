/* Plaintext transports over real sockets of this machine. */

#include "pair.h"

static void connect_pair(struct pair *p)
{
    CHECK_INT(transport_connect(&p->client.t, p->loop, &p->address, NULL, STR_NULL, end_on_event),
              0);
    TURN_UNTIL(p->loop, p->client.t.connected && p->accepted);
}

static void test_bytes_both_ways(void)
{
    struct pair p;
    char text[NET_ADDRESS_TEXT];

    pair_listen_tcp(&p);
    connect_pair(&p);
    CHECK(p.client.heard & TRANSPORT_CONNECTED);
    CHECK(p.server.t.connected);
    CHECK_INT(end_write(&p.client, STR("ping")), 4);
    TURN_UNTIL(p.loop, p.server.got.n == 4);
    CHECK_INT(end_write(&p.server, STR("pong!")), 5);
    TURN_UNTIL(p.loop, p.client.got.n == 5);
    CHECK_STR(buf_str(&p.client.got), "pong!");
    CHECK(!((p.client.heard | p.server.heard) & TRANSPORT_WRITABLE));
    transport_peer_text(&p.server.t, text);
    CHECK_STR(str_of(text), "127.0.0.1");
    CHECK_STR(transport_alpn(&p.server.t), "");
    CHECK_STR(transport_server_name(&p.server.t), "");
    CHECK_STR(transport_why(&p.server.t), "");
    pair_deinit(&p);
}

static void test_full_socket(void)
{
    enum { TOTAL = 20 << 20 };
    struct pair p;

    pair_listen_tcp(&p);
    connect_pair(&p);
    p.server.reads = false;
    CHECK(pump(&p, &p.client, &p.server, TOTAL) > 0);
    CHECK_INT(p.server.got.n, TOTAL);
    CHECK(is_pattern(buf_str(&p.server.got)));
    CHECK(p.client.writable > 0);
    pair_deinit(&p);
}

static void test_peer_closed_while_nobody_reads(void)
{
    struct pair p;

    pair_listen_tcp(&p);
    connect_pair(&p);
    p.server.reads = false;
    CHECK_INT(end_write(&p.client, STR("last words")), 10);
    transport_shutdown(&p.client.t);
    TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_PEER_CLOSED);
    CHECK(p.server.t.peer_closed);
    CHECK(!(p.server.heard & TRANSPORT_FAILED));
    /* The other half is still open. */
    CHECK_INT(end_write(&p.server, STR("heard")), 5);
    TURN_UNTIL(p.loop, p.client.got.n == 5);
    end_read(&p.server);
    CHECK_STR(buf_str(&p.server.got), "last words");
    CHECK(p.server.at_eof);
    CHECK_INT(p.server.failure, 0);
    pair_deinit(&p);
}

static void test_reset_while_nobody_reads(void)
{
    struct pair p;

    pair_listen_tcp(&p);
    connect_pair(&p);
    p.server.reads = false;
    transport_close(&p.client.t, TRANSPORT_RESET);
    TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_FAILED);
    CHECK_INT(p.server.t.error, TRANSPORT_E_RESET);
    CHECK_INT(p.server.t.system_errno, ECONNRESET);
    CHECK_STR(transport_why(&p.server.t), "Connection reset by peer");
    pair_deinit(&p);
}

static void test_write_to_closed(void)
{
    struct pair p;

    pair_listen_tcp(&p);
    connect_pair(&p);
    transport_close(&p.server.t, TRANSPORT_RESET);
    p.client.reads = false;
    /* No SIGPIPE, however often. */
    for (int i = 0; i < 3; i++) {
        settle(p.loop);
        CHECK(end_write(&p.client, STR("x")) < 0);
    }
    CHECK_INT(p.client.t.error, TRANSPORT_E_RESET);
    pair_deinit(&p);
}

static void test_refused(void)
{
    struct pair p;
    int r;

    pair_listen_tcp(&p);
    listener_stop(&p.listener);
    close(p.listening_fd);
    r = transport_connect(&p.client.t, p.loop, &p.address, NULL, STR_NULL, end_on_event);
    if (r == 0) {
        TURN_UNTIL(p.loop, p.client.heard & TRANSPORT_FAILED);
        CHECK_INT(p.client.t.error, TRANSPORT_E_CONNECT);
        CHECK_INT(p.client.t.system_errno, ECONNREFUSED);
        CHECK(!(p.client.heard & TRANSPORT_CONNECTED));
    } else {
        CHECK_INT(r, -ECONNREFUSED);
        CHECK(!transport_is_open(&p.client.t));
    }
    p.listening_fd = open("/dev/null", O_RDONLY);
    pair_deinit(&p);
}

static void test_unix_socket(void)
{
    char directory[] = "/tmp/ambit-test-XXXXXX", path[64], text[NET_ADDRESS_TEXT];
    struct net_address address;
    struct pair p;

    CHECK(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s", directory);
    CHECK_INT(net_address_from_path(str_of(path), &address), 0);
    pair_listen(&p, &address);
    connect_pair(&p);
    CHECK_INT(end_write(&p.client, STR("ping")), 4);
    TURN_UNTIL(p.loop, p.server.got.n == 4);
    transport_peer_text(&p.server.t, text);
    CHECK_STR(str_of(text), "unix");
    transport_close(&p.client.t, TRANSPORT_CLOSE);
    TURN_UNTIL(p.loop, p.server.at_eof);
    CHECK_INT(p.server.failure, 0);
    pair_deinit(&p);
    unlink(path);
    rmdir(directory);
}

/* Whoever stops early finds the rest without a new event. */
static void test_reading_on_later(void)
{
    struct pair p;
    char bytes[4];

    pair_listen_tcp(&p);
    connect_pair(&p);
    p.server.reads = false;
    CHECK_INT(end_write(&p.client, STR("abcdefgh")), 8);
    TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_READABLE);
    CHECK_INT(transport_read(&p.server.t, bytes, 4), 4);
    CHECK(p.server.t.readable);
    settle(p.loop);
    CHECK_INT(transport_read(&p.server.t, bytes, 4), 4);
    CHECK_INT(memcmp(bytes, "efgh", 4), 0);
    CHECK_INT(transport_read(&p.server.t, bytes, 4), -EAGAIN);
    CHECK(!p.server.t.readable);
    pair_deinit(&p);
}

static void close_on_event(struct transport *t, unsigned events)
{
    struct end *e = container_of(t, struct end, t);

    e->heard += 1;
    (void)events;
    transport_close(t, TRANSPORT_CLOSE);
}

static void test_no_event_after_close(void)
{
    struct pair p;

    pair_listen_tcp(&p);
    connect_pair(&p);
    p.server.heard = 0;
    p.server.t.on_event = close_on_event;
    CHECK_INT(end_write(&p.client, STR("x")), 1);
    TURN_UNTIL(p.loop, !transport_is_open(&p.server.t));
    settle(p.loop);
    CHECK_INT(p.server.heard, 1);
    transport_close(&p.server.t, TRANSPORT_CLOSE);
    pair_deinit(&p);
}

static void test_nothing_before_connected(void)
{
    struct pair p;
    char byte;

    pair_listen_tcp(&p);
    CHECK_INT(transport_connect(&p.client.t, p.loop, &p.address, NULL, STR_NULL, end_on_event), 0);
    CHECK_INT(end_write(&p.client, STR("early")), -EAGAIN);
    CHECK_INT(transport_read(&p.client.t, &byte, 1), -EAGAIN);
    TURN_UNTIL(p.loop, p.client.t.connected && p.accepted);
    CHECK(p.client.heard & TRANSPORT_WRITABLE);
    pair_deinit(&p);
}

int main(void)
{
    RUN(test_bytes_both_ways);
    RUN(test_full_socket);
    RUN(test_peer_closed_while_nobody_reads);
    RUN(test_reset_while_nobody_reads);
    RUN(test_write_to_closed);
    RUN(test_refused);
    RUN(test_unix_socket);
    RUN(test_reading_on_later);
    RUN(test_no_event_after_close);
    RUN(test_nothing_before_connected);
    return test_end();
}

/* Transports with TLS, against certificates made here. */

#include "pair.h"

#include "certificates.h"
#include "net/tls_internal.h"

#include <linux/tcp.h>

static struct authority *ca, *other_ca;
static struct leaf leaf, second, wild, expired, client_leaf, stray_leaf;

static struct tls_server *serve(const struct tls_server_options *options)
{
    struct tls_server *server;
    char why[TLS_WHY_TEXT] = "";

    if (tls_server_new(options, &server, why) != 0) {
        printf("  %s\n", why);
        CHECK(false);
    }
    return server;
}

static struct tls_server *serve_leaf(unsigned alpn)
{
    return serve(&(struct tls_server_options){
        .identities = &leaf.identity, .n_identities = 1, .alpn = alpn});
}

static struct tls_client *trust(struct tls_client_options options)
{
    struct tls_client *client;
    char why[TLS_WHY_TEXT] = "";

    if (options.ca_pem.n == 0)
        options.ca_pem = authority_pem(ca);
    if (tls_client_new(&options, &client, why) != 0) {
        printf("  %s\n", why);
        CHECK(false);
    }
    return client;
}

static struct tls_client *trust_ca(void)
{
    return trust((struct tls_client_options){.alpn = TLS_ALPN_NONE});
}

/* Listens with `server`, dials with `client`; takes over both references. */
static void dial(struct pair *p, struct tls_server *server, struct tls_client *client, str name)
{
    pair_listen_tcp(p);
    p->tls_server = server;
    CHECK_INT(transport_connect(&p->client.t, p->loop, &p->address, client, name, end_on_event), 0);
    tls_client_unref(client);
}

static void expect_connected(struct pair *p)
{
    TURN_UNTIL(p->loop, p->client.t.connected && p->server.t.connected);
    CHECK(p->client.heard & TRANSPORT_CONNECTED);
    CHECK(p->server.heard & TRANSPORT_CONNECTED);
    CHECK(!((p->client.heard | p->server.heard) & TRANSPORT_FAILED));
}

/* The client refuses, and says so with an alert. */
static void expect_client_refuses(struct pair *p, const char *why)
{
    TURN_UNTIL(p->loop, p->client.heard & TRANSPORT_FAILED);
    CHECK_INT(p->client.t.error, TRANSPORT_E_TLS);
    CHECK(!(p->client.heard & TRANSPORT_CONNECTED));
    CHECK_STR(transport_why(&p->client.t), why);
    CHECK_INT(end_write(&p->client, STR("secret")), -EAGAIN);
    TURN_UNTIL(p->loop, p->server.heard & TRANSPORT_FAILED);
    CHECK_INT(p->server.t.error, TRANSPORT_E_TLS);
}

static void finish(struct pair *p)
{
    pair_deinit(p);
    tls_server_unref(p->tls_server);
}

static void test_bytes_both_ways(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2),
         trust((struct tls_client_options){.alpn = TLS_ALPN_HTTP1}), STR("a.example"));
    expect_connected(&p);
    CHECK_INT(end_write(&p.client, STR("ping")), 4);
    TURN_UNTIL(p.loop, p.server.got.n == 4);
    CHECK_INT(end_write(&p.server, STR("pong!")), 5);
    TURN_UNTIL(p.loop, p.client.got.n == 5);
    CHECK_STR(buf_str(&p.server.got), "ping");
    CHECK_STR(buf_str(&p.client.got), "pong!");
    CHECK_STR(transport_alpn(&p.client.t), "http/1.1");
    CHECK_STR(transport_alpn(&p.server.t), "http/1.1");
    CHECK_STR(transport_server_name(&p.server.t), "a.example");
    CHECK(!((p.client.heard | p.server.heard) & TRANSPORT_WRITABLE));
    finish(&p);
}

static void test_alpn(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2),
         trust((struct tls_client_options){.alpn = TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2}),
         STR("a.example"));
    expect_connected(&p);
    CHECK_STR(transport_alpn(&p.server.t), "h2");
    finish(&p);

    /* A client without ALPN is welcome, one with other protocols only is not. */
    dial(&p, serve_leaf(TLS_ALPN_HTTP1), trust_ca(), STR("a.example"));
    expect_connected(&p);
    CHECK_STR(transport_alpn(&p.server.t), "");
    finish(&p);
    dial(&p, serve_leaf(TLS_ALPN_HTTP1), trust((struct tls_client_options){.alpn = TLS_ALPN_HTTP2}),
         STR("a.example"));
    TURN_UNTIL(p.loop, p.client.heard & p.server.heard & TRANSPORT_FAILED);
    finish(&p);
}

static void test_names(void)
{
    static const struct {
        const char *name, *why; /* why NULL: accepted */
    } rows[] = {
        {"a.example", NULL},
        {"A.Example", NULL},
        {"a.example.", NULL},
        {"127.0.0.1", NULL},
        {"[::1]", NULL},
        {"b.example", "hostname mismatch"},
        {"x.a.example", "hostname mismatch"},
        {"example", "hostname mismatch"},
        {"127.0.0.2", "IP address mismatch"},
        {"::2", "IP address mismatch"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pair p;

        dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), str_of(rows[i].name));
        if (rows[i].why)
            expect_client_refuses(&p, rows[i].why);
        else
            expect_connected(&p);
        finish(&p);
    }
}

static void test_no_name_no_connection(void)
{
    struct tls_client *client = trust_ca();
    struct pair p;

    pair_listen_tcp(&p);
    CHECK_INT(transport_connect(&p.client.t, p.loop, &p.address, client, STR_NULL, end_on_event),
              -EINVAL);
    CHECK_INT(transport_connect(&p.client.t, p.loop, &p.address, client, STR("a\0b"), end_on_event),
              -EINVAL);
    CHECK(!transport_is_open(&p.client.t));
    tls_client_unref(client);
    pair_deinit(&p);
}

static void test_unknown_authority(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE),
         trust((struct tls_client_options){.ca_pem = authority_pem(other_ca)}), STR("a.example"));
    expect_client_refuses(&p, "unable to get local issuer certificate");
    finish(&p);
}

static void test_expired(void)
{
    struct pair p;

    dial(&p,
         serve(&(struct tls_server_options){.identities = &expired.identity, .n_identities = 1}),
         trust_ca(), STR("a.example"));
    expect_client_refuses(&p, "certificate has expired");
    finish(&p);
}

static void test_verification_switched_off(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE),
         trust((struct tls_client_options){.ca_pem = authority_pem(other_ca),
                                           .verify = TLS_VERIFY_NOTHING}),
         STR("other.example"));
    expect_connected(&p);
    finish(&p);
}

static struct tls_server *serve_for_clients(void)
{
    return serve(&(struct tls_server_options){
        .identities = &leaf.identity, .n_identities = 1, .client_ca_pem = authority_pem(ca)});
}

static void test_client_certificate(void)
{
    struct pair p;

    dial(&p, serve_for_clients(),
         trust((struct tls_client_options){.identity = client_leaf.identity}), STR("a.example"));
    expect_connected(&p);
    finish(&p);

    /* None, and one of an unknown authority: the server ends the handshake. */
    for (int i = 0; i < 2; i++) {
        struct tls_client_options options = {.alpn = TLS_ALPN_NONE};

        if (i)
            options.identity = stray_leaf.identity;
        dial(&p, serve_for_clients(), trust(options), STR("a.example"));
        TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_FAILED);
        CHECK_INT(p.server.t.error, TRANSPORT_E_TLS);
        CHECK(!(p.server.heard & TRANSPORT_CONNECTED));
        /* With TLS 1.3 the client believes itself connected until it reads the alert. */
        TURN_UNTIL(p.loop, p.client.failure || p.client.heard & TRANSPORT_FAILED);
        CHECK_INT(p.client.t.error, TRANSPORT_E_TLS);
        CHECK_STR(transport_why(&p.client.t),
                  i ? "tlsv1 alert unknown ca" : "tlsv13 alert certificate required");
        finish(&p);
    }
}

/* Which certificate the server picks shows in which names the client accepts. */
static void test_server_name_picks_certificate(void)
{
    static const struct {
        const char *name;
        bool accepted;
    } rows[] = {
        {"a.example", true},        {"second.example", true},
        {"SECOND.example", true},   {"x.wild.example", true},
        {"own.wild.example", true}, {"x.y.wild.example", false}, /* a wildcard is one label */
        {"wild.example", false},    {"nobody.example", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tls_identity identities[] = {leaf.identity, second.identity, wild.identity};
        struct pair p;

        dial(&p, serve(&(struct tls_server_options){.identities = identities, .n_identities = 3}),
             trust_ca(), str_of(rows[i].name));
        if (rows[i].accepted)
            expect_connected(&p);
        else
            expect_client_refuses(&p, "hostname mismatch");
        finish(&p);
    }
}

static void test_wrong_configurations(void)
{
    struct tls_identity mixed = {leaf.identity.certificate_pem, second.identity.key_pem};
    struct tls_identity no_key = {leaf.identity.certificate_pem, STR("nonsense")};
    struct tls_identity no_certificate = {STR("nonsense"), leaf.identity.key_pem};
    struct {
        struct tls_server_options options;
        const char *why;
    } rows[] = {
        {{.n_identities = 0}, "no certificate"},
        {{.identities = &mixed, .n_identities = 1},
         "the private key does not belong to the certificate: key values mismatch"},
        {{.identities = &no_key, .n_identities = 1}, "the private key is not an unencrypted PEM"},
        {{.identities = &no_certificate, .n_identities = 1},
         "the certificate is not a PEM certificate chain: no start line"},
        {{.identities = &leaf.identity, .n_identities = 1, .client_ca_pem = STR("nonsense")},
         "the trust anchors are not PEM certificates"},
    };
    struct tls_server *server;
    struct tls_client *client;
    char why[TLS_WHY_TEXT];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(tls_server_new(&rows[i].options, &server, why), -EINVAL);
        if (!str_starts(str_of(why), str_of(rows[i].why)))
            CHECK_STR(str_of(why), rows[i].why);
    }
    CHECK_INT(tls_client_new(&(struct tls_client_options){.ca_pem = STR("nonsense")}, &client, why),
              -EINVAL);
    CHECK_INT(tls_client_new(&(struct tls_client_options){.identity = mixed}, &client, why),
              -EINVAL);
    CHECK_INT(tls_client_new(&(struct tls_client_options){.alpn = TLS_ALPN_HTTP1}, &client, why),
              0);
    tls_client_unref(client);
}

/* A damaged block behind a good one is not the end of the chain. */
static void test_damaged_chain(void)
{
    char text[8192];
    struct tls_server *server;
    char why[TLS_WHY_TEXT];
    size_t n = leaf.identity.certificate_pem.n;

    snprintf(text, sizeof(text), "%s%s", leaf.certificate_pem, authority_pem(ca).p);
    struct tls_identity identity = {str_of(text), leaf.identity.key_pem};
    struct tls_server_options options = {.identities = &identity, .n_identities = 1};
    CHECK_INT(tls_server_new(&options, &server, why), 0);
    tls_server_unref(server);
    text[n + 100] ^= 1;
    text[n + 101] = '!';
    CHECK_INT(tls_server_new(&options, &server, why), -EINVAL);
}

static void test_full_socket(void)
{
    enum { TOTAL = 20 << 20 };
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    p.server.reads = false;
    CHECK(pump(&p, &p.client, &p.server, TOTAL) > 0);
    CHECK_INT(p.server.got.n, TOTAL);
    CHECK(is_pattern(buf_str(&p.server.got)));
    CHECK(p.client.writable > 0);
    p.client.reads = false;
    CHECK(pump(&p, &p.server, &p.client, TOTAL) > 0);
    CHECK(is_pattern(buf_str(&p.client.got)));
    finish(&p);
}

static void fill(struct pair *p, struct end *from, size_t *sent)
{
    static char bytes[65536];

    while (!from->t.wants_writable) {
        fill_pattern(bytes, sizeof(bytes), *sent);
        ssize_t done = end_write(from, str_make(bytes, sizeof(bytes)));

        CHECK(done > 0 || done == -EAGAIN);
        *sent += done > 0 ? (size_t)done : 0;
    }
    (void)p;
}

/* What a write took arrives, although its writer closes at once and the socket is full. */
static void test_close_sends_what_was_taken(void)
{
    struct pair p;
    size_t sent = 0;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    p.client.reads = false;
    fill(&p, &p.server, &sent);
    transport_close(&p.server.t, TRANSPORT_CLOSE);
    p.client.reads = true;
    end_read(&p.client);
    TURN_UNTIL(p.loop, p.client.at_eof);
    CHECK_INT(p.client.failure, 0);
    CHECK_INT(p.client.got.n, sent);
    CHECK(is_pattern(buf_str(&p.client.got)));
    finish(&p);
}

/* The same with a half-close, whose FIN must not overtake the bytes. */
static void test_shutdown_sends_what_was_taken(void)
{
    struct pair p;
    size_t sent = 0;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    p.client.reads = false;
    fill(&p, &p.server, &sent);
    transport_shutdown(&p.server.t);
    CHECK_INT(end_write(&p.client, STR("still here")), 10);
    p.client.reads = true;
    end_read(&p.client);
    TURN_UNTIL(p.loop, p.client.at_eof && p.server.got.n == 10);
    CHECK_INT(p.client.failure, 0);
    CHECK_INT(p.client.got.n, sent);
    finish(&p);
}

/* A loop may go while the last bytes of a closed connection wait in it. */
static void test_loop_freed_before_the_last_bytes(void)
{
    struct pair p;
    size_t sent = 0;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    p.client.reads = false;
    fill(&p, &p.server, &sent);
    transport_close(&p.server.t, TRANSPORT_CLOSE);
    finish(&p);
}

static void test_peer_closed_while_nobody_reads(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    settle(p.loop);
    p.server.reads = false;
    CHECK_INT(end_write(&p.client, STR("last words")), 10);
    transport_close(&p.client.t, TRANSPORT_CLOSE);
    TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_PEER_CLOSED);
    CHECK(!(p.server.heard & TRANSPORT_FAILED));
    end_read(&p.server);
    CHECK_STR(buf_str(&p.server.got), "last words");
    CHECK(p.server.at_eof);
    CHECK_INT(p.server.failure, 0);
    finish(&p);
}

static void test_end_without_close_notify(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    settle(p.loop);
    CHECK_INT(end_write(&p.client, STR("cut off")), 7);
    shutdown(p.client.t.io.fd, SHUT_WR);
    TURN_UNTIL(p.loop, p.server.at_eof);
    CHECK_STR(buf_str(&p.server.got), "cut off");
    CHECK_INT(p.server.failure, -ECONNRESET);
    CHECK_INT(p.server.t.error, TRANSPORT_E_RESET);
    finish(&p);
}

static void test_reset_while_nobody_reads(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    settle(p.loop);
    p.server.reads = false;
    transport_close(&p.client.t, TRANSPORT_RESET);
    TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_FAILED);
    CHECK_INT(p.server.t.error, TRANSPORT_E_RESET);
    CHECK(end_write(&p.server, STR("x")) < 0);
    finish(&p);
}

/* Peers that speak no TLS, or damaged TLS, or leave in the middle of the handshake. */
static void test_hostile_peers(void)
{
    static const struct {
        const char *bytes;
        size_t n;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\x16\x03\x01\xff\xff", 5},
        {"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10},
        {"\x15\x03\x03\x00\x02\x02\x28", 7},
        {"", 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct pair p;

        pair_listen_tcp(&p);
        p.tls_server = serve_leaf(TLS_ALPN_NONE);
        CHECK_INT(transport_connect(&p.client.t, p.loop, &p.address, NULL, STR_NULL, end_on_event),
                  0);
        TURN_UNTIL(p.loop, p.client.t.connected && p.accepted);
        CHECK_INT(end_write(&p.client, str_make(rows[i].bytes, rows[i].n)), rows[i].n);
        transport_shutdown(&p.client.t);
        TURN_UNTIL(p.loop, p.server.heard & TRANSPORT_FAILED);
        CHECK_INT(p.server.t.error, TRANSPORT_E_TLS);
        CHECK(!(p.server.heard & TRANSPORT_CONNECTED));
        CHECK(transport_why(&p.server.t).n > 0);
        finish(&p);
    }
}

static void test_damaged_record(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    settle(p.loop);
    CHECK_INT(send(p.client.t.io.fd, "\x17\x03\x03\x00\x20 not what the keys would make of it", 41,
                   MSG_NOSIGNAL),
              41);
    TURN_UNTIL(p.loop, p.server.failure);
    CHECK_INT(p.server.failure, -EPROTO);
    CHECK_INT(p.server.t.error, TRANSPORT_E_TLS);
    CHECK_STR(transport_why(&p.server.t), "decryption failed or bad record mac");
    finish(&p);
}

static uint64_t handshake_bytes(struct pair *p)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);

    expect_connected(p);
    settle(p->loop);
    CHECK_INT(getsockopt(p->client.t.io.fd, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
    return info.tcpi_bytes_received;
}

/* A resumed handshake carries no certificate, so it is much shorter. How long two of a kind are
 * differs: signatures by a few bytes, and tickets, which are padded, by sixteen each. */
enum { CERTIFICATE_BYTES = 400 };

static void test_resumption(void)
{
    struct tls_server *server = serve_for_clients();
    struct tls_client *client =
        trust((struct tls_client_options){.identity = client_leaf.identity});
    struct pair p;
    uint64_t first, second_time;

    dial(&p, tls_server_ref(server), tls_client_ref(client), STR("a.example"));
    first = handshake_bytes(&p);
    finish(&p);
    dial(&p, tls_server_ref(server), tls_client_ref(client), STR("a.example"));
    second_time = handshake_bytes(&p);
    finish(&p);
    CHECK(second_time + CERTIFICATE_BYTES < first);

    /* What was verified for one name says nothing about another, wherever its hash lies. */
    for (unsigned i = 0; i < 2000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "%u.example", i);
        CHECK(!tls_client_take_session(client, str_of(name)));
    }
    dial(&p, tls_server_ref(server), tls_client_ref(client), STR("b.example"));
    expect_client_refuses(&p, "hostname mismatch");
    finish(&p);

    /* Another server can't read the ticket; the handshake is a full one again. */
    tls_server_unref(server);
    dial(&p, serve_for_clients(), tls_client_ref(client), STR("a.example"));
    CHECK(handshake_bytes(&p) > second_time + CERTIFICATE_BYTES);
    finish(&p);
    tls_client_unref(client);
}

/* A reload drops the last reference of everybody but the open connections. */
static void test_open_connections_outlive_a_reload(void)
{
    struct pair p;

    dial(&p, serve_leaf(TLS_ALPN_NONE), trust_ca(), STR("a.example"));
    expect_connected(&p);
    tls_server_unref(p.tls_server);
    p.tls_server = serve_leaf(TLS_ALPN_NONE);
    CHECK_INT(end_write(&p.server, STR("still here")), 10);
    TURN_UNTIL(p.loop, p.client.got.n == 10);
    CHECK_STR(transport_server_name(&p.server.t), "a.example");
    finish(&p);
}

static void make_certificates(void)
{
    ca = authority_new("test authority");
    other_ca = authority_new("another authority");
    leaf_make(ca, "DNS:a.example,IP:127.0.0.1,IP:::1", -60, 3600, &leaf);
    leaf_make(ca, "DNS:second.example,DNS:own.wild.example", -60, 3600, &second);
    leaf_make(ca, "DNS:*.wild.example", -60, 3600, &wild);
    leaf_make(ca, "DNS:a.example", -3600, -60, &expired);
    leaf_make(ca, "DNS:client.example", -60, 3600, &client_leaf);
    leaf_make(other_ca, "DNS:client.example", -60, 3600, &stray_leaf);
}

static void free_certificates(void)
{
    struct leaf *all[] = {&leaf, &second, &wild, &expired, &client_leaf, &stray_leaf};

    for (size_t i = 0; i < COUNT_OF(all); i++)
        leaf_deinit(all[i]);
    authority_free(ca);
    authority_free(other_ca);
}

int main(void)
{
    make_certificates();
    RUN(test_bytes_both_ways);
    RUN(test_alpn);
    RUN(test_names);
    RUN(test_no_name_no_connection);
    RUN(test_unknown_authority);
    RUN(test_expired);
    RUN(test_verification_switched_off);
    RUN(test_client_certificate);
    RUN(test_server_name_picks_certificate);
    RUN(test_wrong_configurations);
    RUN(test_damaged_chain);
    RUN(test_full_socket);
    RUN(test_close_sends_what_was_taken);
    RUN(test_shutdown_sends_what_was_taken);
    RUN(test_loop_freed_before_the_last_bytes);
    RUN(test_peer_closed_while_nobody_reads);
    RUN(test_end_without_close_notify);
    RUN(test_reset_while_nobody_reads);
    RUN(test_hostile_peers);
    RUN(test_damaged_record);
    RUN(test_resumption);
    RUN(test_open_connections_outlive_a_reload);
    free_certificates();
    return test_end();
}

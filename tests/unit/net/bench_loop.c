/*
 * What the loop and its transports cost on top of the system calls: one byte goes to and fro
 * between both ends of TCP connections, once with bare epoll, recv and send, once with transports,
 * in plaintext and with TLS. Then the parts that need no system call. Run by `meson test
 * --benchmark`; no figure is judged here.
 */

#include "pair.h"

#include "certificates.h"

#include <sys/resource.h>

enum { PAIRS = 64, ROUNDS = 200000, OPERATIONS = 5000000 };

static int64_t cpu_ns(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * NS_PER_US;
}

static void print(const char *what, int64_t began_ns, int64_t operations)
{
    printf("%-40s %8.1f ns\n", what, (double)(cpu_ns() - began_ns) / (double)operations);
}

static void tcp_pair(int fds[2])
{
    struct net_address address;
    int listening;

    CHECK_INT(net_address_from_ip(STR("127.0.0.1"), 0, &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &listening), 0);
    CHECK_INT(net_address_of_socket(listening, &address), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fds[0], &address.any, address.length), 0);
    CHECK_INT(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    do
        fds[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fds[1] < 0);
    close(listening);
}

static void bare(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC), fds[PAIRS][2];
    struct epoll_event events[128];
    int64_t hops = 0, began;
    char bytes[4096];

    for (int i = 0; i < PAIRS; i++) {
        tcp_pair(fds[i]);
        for (int side = 0; side < 2; side++)
            epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i][side],
                      &(struct epoll_event){EPOLLIN | EPOLLRDHUP | EPOLLET, {.fd = fds[i][side]}});
        CHECK_INT(send(fds[i][0], "x", 1, MSG_NOSIGNAL), 1);
    }
    began = cpu_ns();
    while (hops < 2 * ROUNDS) {
        int n = epoll_wait(epoll, events, 128, -1);

        for (int i = 0; i < n; i++, hops++) {
            ssize_t got = recv(events[i].data.fd, bytes, sizeof(bytes), 0);

            CHECK(send(events[i].data.fd, bytes, (size_t)got, MSG_NOSIGNAL) == got);
        }
    }
    print("hop, bare epoll", began, hops);
    for (int i = 0; i < PAIRS; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    close(epoll);
}

static struct loop *loop;
static int64_t hops;
static unsigned ready;

static void bounce(struct transport *t, unsigned events)
{
    char bytes[4096];

    if (events & TRANSPORT_CONNECTED)
        ready++;
    while (t->connected && t->readable) {
        ssize_t got = transport_read(t, bytes, sizeof(bytes));

        if (got <= 0)
            return;
        CHECK(transport_writev(t, &(struct iovec){bytes, (size_t)got}, 1) == got);
        hops++;
    }
}

static void on_client(struct listener *l, int fd)
{
    struct pair *p = container_of(l, struct pair, listener);

    CHECK_INT(transport_accept(&p[p->accepted++].server.t, loop, fd, p->tls_server, bounce), 0);
    ready += p->tls_server ? 0 : 1;
}

static void transports(const char *what, struct tls_server *server, struct tls_client *client)
{
    static struct pair pairs[PAIRS + 1];
    struct net_address address;
    int64_t began;

    memset(pairs, 0, sizeof(pairs));
    loop = loop_new();
    ready = 0;
    CHECK_INT(net_address_from_ip(STR("127.0.0.1"), 0, &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &pairs[0].listening_fd), 0);
    CHECK_INT(net_address_of_socket(pairs[0].listening_fd, &address), 0);
    CHECK_INT(listener_start(&pairs[0].listener, loop, pairs[0].listening_fd, on_client, NULL), 0);
    pairs[0].tls_server = server;
    for (int i = 0; i < PAIRS; i++)
        CHECK_INT(
            transport_connect(&pairs[i].client.t, loop, &address, client, STR("a.example"), bounce),
            0);
    TURN_UNTIL(loop, ready == 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++)
        CHECK_INT(end_write(&pairs[i].client, STR("x")), 1);
    began = cpu_ns();
    for (hops = 0; hops < 2 * ROUNDS;)
        loop_turn(loop, -1);
    print(what, began, hops);
    for (int i = 0; i < PAIRS; i++) {
        transport_close(&pairs[i].client.t, TRANSPORT_RESET);
        transport_close(&pairs[i].server.t, TRANSPORT_RESET);
    }
    listener_stop(&pairs[0].listener);
    close(pairs[0].listening_fd);
    loop_free(loop);
}

static void plaintext(void)
{
    transports("hop, transports in plaintext", NULL, NULL);
}

static void tls(void)
{
    struct authority *ca = authority_new("bench");
    struct tls_server *server;
    struct tls_client *client;
    struct leaf leaf;
    char why[TLS_WHY_TEXT];

    leaf_make(ca, "DNS:a.example", -60, 3600, &leaf);
    CHECK_INT(tls_server_new(
                  &(struct tls_server_options){.identities = &leaf.identity, .n_identities = 1},
                  &server, why),
              0);
    CHECK_INT(
        tls_client_new(&(struct tls_client_options){.ca_pem = authority_pem(ca)}, &client, why), 0);
    transports("hop, transports with TLS", server, client);
    tls_server_unref(server);
    tls_client_unref(client);
    leaf_deinit(&leaf);
    authority_free(ca);
}

static void on_deadline(struct deadline *deadline)
{
    (void)deadline;
}

static void deadlines(void)
{
    struct deadline many[PAIRS] = {0};
    int64_t began;

    loop = loop_new();
    for (int i = 0; i < PAIRS; i++)
        many[i].on_expire = on_deadline;
    loop_turn(loop, 0);
    began = cpu_ns();
    for (int i = 0; i < OPERATIONS; i++)
        deadline_set(loop, &many[i % PAIRS], 300 * 1000);
    print("deadline pushed back (and a clock read)", began, OPERATIONS);
    began = cpu_ns();
    for (int i = 0; i < OPERATIONS; i++) {
        deadline_cancel(&many[i % PAIRS]);
        deadline_set(loop, &many[i % PAIRS], 1 + i % 600000);
    }
    print("deadline cancelled, set (and a clock read)", began, OPERATIONS);
    loop_free(loop);
}

static void turns(void)
{
    int64_t began;

    loop = loop_new();
    began = cpu_ns();
    for (int i = 0; i < OPERATIONS / 10; i++)
        loop_turn(loop, 0);
    print("turn with nothing to do", began, OPERATIONS / 10);
    loop_free(loop);
}

int main(void)
{
    RUN(bare);
    RUN(plaintext);
    RUN(tls);
    RUN(deadlines);
    RUN(turns);
    return test_end();
}

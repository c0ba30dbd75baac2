/* Listening sockets and accepting, with real clients of this machine. */

#include "test.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 64 };

struct door {
    struct listener listener;
    struct loop *loop;
    int fd;
    struct net_address address;
    int accepted[MOST];
    int n;
    int stop_after; /* accepted connections; 0: never */
};

static void on_accept(struct listener *l, int fd)
{
    struct door *d = l->ctx;

    d->accepted[d->n++] = fd;
    if (d->n == d->stop_after)
        listener_stop(l);
}

static void open_door(struct door *d, const char *ip)
{
    *d = (struct door){.loop = loop_new()};
    CHECK_INT(net_address_from_ip(str_of(ip), 0, &d->address), 0);
    CHECK_INT(listen_on(&d->address, LISTEN_ALONE, &d->fd), 0);
    CHECK_INT(net_address_of_socket(d->fd, &d->address), 0);
    CHECK_INT(listener_start(&d->listener, d->loop, d->fd, on_accept, d), 0);
}

static void close_door(struct door *d)
{
    listener_stop(&d->listener);
    for (int i = 0; i < d->n; i++)
        close(d->accepted[i]);
    close(d->fd);
    loop_free(d->loop);
}

static int dial(const struct net_address *to)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK(connect(fd, &to->any, to->length) == 0 || errno == EINPROGRESS);
    return fd;
}

#define TURN_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        for (int turns_ = 0; !(condition) && turns_ < 2000; turns_++)                              \
            loop_turn(loop, 5);                                                                    \
        CHECK(condition);                                                                          \
    } while (0)

static void test_burst(void)
{
    struct door d;
    int clients[40];

    open_door(&d, "127.0.0.1");
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = dial(&d.address);
    TURN_UNTIL(d.loop, d.n == COUNT_OF(clients));
    for (int i = 0; i < d.n; i++) {
        CHECK(fcntl(d.accepted[i], F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(d.accepted[i], F_GETFD) & FD_CLOEXEC);
    }
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        close(clients[i]);
    close_door(&d);
}

static void on_bell(struct deadline *deadline)
{
    (void)deadline;
}

/* Two loops share one description, as two generations of a process do: when one stops, its own
 * epoll hears nothing more, and the other takes all. */
static void test_stop_leaves_sharers_alone(void)
{
    struct deadline bell = {.on_expire = on_bell};
    struct door first, second = {.loop = loop_new()};
    int client;

    open_door(&first, "127.0.0.1");
    second.fd = dup(first.fd);
    CHECK_INT(listener_start(&second.listener, second.loop, second.fd, on_accept, &second), 0);
    listener_stop(&first.listener);
    listener_stop(&first.listener);
    client = dial(&first.address);
    /* With a connection in the backlog the stopped loop sleeps until its deadline: a few turns,
     * where one that is told of it would take thousands. */
    deadline_set(first.loop, &bell, 20);
    for (int turns = 0; deadline_is_set(&bell) && turns < 20; turns++)
        loop_turn(first.loop, -1);
    CHECK(!deadline_is_set(&bell));
    CHECK_INT(first.n, 0);
    TURN_UNTIL(second.loop, second.n == 1);
    close(client);
    close_door(&first);
    close_door(&second);
}

static void test_stop_in_callback(void)
{
    struct door d;
    int clients[3];

    open_door(&d, "127.0.0.1");
    d.stop_after = 1;
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        clients[i] = dial(&d.address);
    TURN_UNTIL(d.loop, d.n == 1);
    for (int i = 0; i < 5; i++)
        loop_turn(d.loop, 1);
    CHECK_INT(d.n, 1);
    for (size_t i = 0; i < COUNT_OF(clients); i++)
        close(clients[i]);
    close_door(&d);
}

/* Out of descriptors, connections wait; they are taken once there is room again. */
static void test_out_of_descriptors(void)
{
    struct rlimit before, tight;
    struct door d;
    int client, probe;

    open_door(&d, "127.0.0.1");
    client = dial(&d.address);
    probe = dup(0);
    close(probe);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)probe;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (int turns = 0; turns < 200 && !deadline_is_set(&d.listener.retry); turns++)
        loop_turn(d.loop, 5);
    bool paused = deadline_is_set(&d.listener.retry);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(paused);
    CHECK_INT(d.n, 0);
    TURN_UNTIL(d.loop, d.n == 1);
    close(client);
    close_door(&d);
}

static void test_dual_stack(void)
{
    struct door d;
    struct net_address v4;
    int client;

    open_door(&d, "::");
    CHECK_INT(net_address_from_ip(STR("127.0.0.1"), net_address_port(&d.address), &v4), 0);
    client = dial(&v4);
    TURN_UNTIL(d.loop, d.n == 1);
    close(client);
    close_door(&d);
}

static void test_sharing_a_port(void)
{
    struct net_address address;
    int a, b, c;

    CHECK_INT(net_address_from_ip(STR("127.0.0.1"), 0, &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_REUSEPORT, &a), 0);
    CHECK_INT(net_address_of_socket(a, &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_REUSEPORT, &b), 0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &c), -EADDRINUSE);
    close(a);
    close(b);
}

static void test_unix(void)
{
    char directory[] = "/tmp/ambit-test-XXXXXX", path[64];
    struct net_address address;
    struct stat st;
    mode_t mask;
    int fd, other;

    CHECK(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/s", directory);
    CHECK_INT(net_address_from_path(str_of(path), &address), 0);

    mask = umask(0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &fd), 0);
    CHECK_INT(umask(mask), 0);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 07777, 0600);

    /* Not while it is served; afterwards the file is a leftover. */
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &other), -EADDRINUSE);
    close(fd);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &fd), 0);
    close(fd);
    unlink(path);

    /* What is no socket is not touched. */
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &fd), -EADDRINUSE);
    CHECK_INT(stat(path, &st), 0);
    CHECK(S_ISREG(st.st_mode));
    unlink(path);
    rmdir(directory);
}

static void test_errors(void)
{
    struct net_address address;
    int fd;

    CHECK_INT(net_address_from_ip(STR("198.51.100.77"), 0, &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &fd), -EADDRNOTAVAIL);
    CHECK_INT(net_address_from_path(STR("/nonexistent/directory/s"), &address), 0);
    CHECK_INT(listen_on(&address, LISTEN_ALONE, &fd), -ENOENT);
}

int main(void)
{
    log_init("test", LOG_ERROR);
    RUN(test_burst);
    RUN(test_stop_leaves_sharers_alone);
    RUN(test_stop_in_callback);
    RUN(test_out_of_descriptors);
    RUN(test_dual_stack);
    RUN(test_sharing_a_port);
    RUN(test_unix);
    RUN(test_errors);
    return test_end();
}

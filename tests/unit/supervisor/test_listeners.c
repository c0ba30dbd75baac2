/* Addresses are taken as literals only, and one port is one server's. */

#include "test.h"

#include "base/mem.h"
#include "supervisor/listeners.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/ambit-listeners-XXXXXX";

static int open_at(const char *gateway, unsigned workers, struct listeners *ret)
{
    const char *const addresses[] = {gateway};
    struct supervisor_options o = {.data_dir = dir,
                                   .gateway_listen = addresses,
                                   .n_gateway_listen = 1,
                                   .control_listen = "127.0.0.1:0",
                                   .workers = workers};

    return listeners_open(&o, ret);
}

static void workers_share_one_port(void)
{
    struct listeners l;
    char first[LISTENER_TEXT], next[LISTENER_TEXT];

    CHECK_INT(open_at("127.0.0.1:0", 3, &l), 0);
    CHECK_INT(l.n_gateway, 3);
    listener_text(l.gateway[0], first);
    CHECK(str_starts(str_of(first), STR("127.0.0.1:")));
    CHECK(!str_ends(str_of(first), STR(":0")));
    for (size_t i = 1; i < 3; i++) {
        listener_text(l.gateway[i], next);
        CHECK_STR(str_of(next), first);
    }
    listeners_close(&l);
}

static void nobody_else_can_share_it(void)
{
    struct listeners l, second;
    char address[LISTENER_TEXT];

    CHECK_INT(open_at("127.0.0.1:0", 1, &l), 0);
    listener_text(l.gateway[0], address);
    CHECK_INT(open_at(address, 1, &second), -EADDRINUSE);
    listeners_close(&l);
    CHECK_INT(open_at(address, 1, &second), 0);
    listeners_close(&second);
}

static void no_host_means_everywhere(void)
{
    struct listeners l;
    char address[LISTENER_TEXT];

    CHECK_INT(open_at(":0", 1, &l), 0);
    listener_text(l.gateway[0], address);
    CHECK(str_starts(str_of(address), STR("[::]:")) ||
          str_starts(str_of(address), STR("0.0.0.0:")));
    listeners_close(&l);
}

static void wrong_addresses_are_refused(void)
{
    static const char *const wrong[] = {"",
                                        "4000",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "localhost:0",
                                        "127.0.0.1:-1",
                                        "[::1:0",
                                        "1.2.3:4:5"};
    struct listeners l;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK_INT(open_at(wrong[i], 1, &l), -EINVAL);
}

static void link_socket_is_the_owners_only(void)
{
    struct listeners l;
    struct stat st;
    char path[128];

    CHECK_INT(open_at("127.0.0.1:0", 1, &l), 0);
    snprintf(path, sizeof(path), "%s/control.sock", dir);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    listeners_close(&l);
}

int main(void)
{
    char path[128];

    if (!mkdtemp(dir))
        return EXIT_FAILURE;
    RUN(workers_share_one_port);
    RUN(nobody_else_can_share_it);
    RUN(no_host_means_everywhere);
    RUN(wrong_addresses_are_refused);
    RUN(link_socket_is_the_owners_only);
    snprintf(path, sizeof(path), "%s/control.sock", dir);
    unlink(path);
    rmdir(dir);
    return test_end();
}

/*
 * Binding. The kernel spreads connections over the sockets of an address by SO_REUSEPORT; closing
 * one would reset what waits on it, which is why their number never changes.
 *
 * SO_REUSEPORT would also let a second server of the same user share the port silently. So each
 * address is first bound without it, which fails where anyone listens, whatever options they set.
 */

#include "supervisor/listeners.h"

#include "base/log.h"
#include "base/mem.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 /* the kernel cuts it to net.core.somaxconn */, HOST_MAX = 64 };

struct bind_address {
    struct sockaddr_storage address;
    socklen_t size;
};

static bool ipv6_works(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

    if (fd >= 0)
        close(fd);
    return works;
}

/* "HOST:PORT" with a literal host, "[V6]:PORT", or ":PORT" for all interfaces. */
static bool parse_address(const char *text, struct bind_address *ret_address)
{
    const char *colon = strrchr(text, ':');
    char host[HOST_MAX];
    uint64_t port;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;

    if (!colon || !str_parse_u64(str_of(colon + 1), &port) || port > UINT16_MAX)
        return false;
    str name = str_make(text, (size_t)(colon - text));
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = str_make(name.p + 1, name.n - 2);
    if (name.n == 0)
        name = ipv6_works() ? STR("::") : STR("0.0.0.0");
    if (name.n >= sizeof(host))
        return false;
    memcpy(host, name.p, name.n);
    host[name.n] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return false;
    memcpy(&ret_address->address, found->ai_addr, found->ai_addrlen);
    ret_address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static int bind_socket(struct bind_address *to, int reuse_option)
{
    int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_option)
        setsockopt(fd, SOL_SOCKET, reuse_option, &on, sizeof(on));
    if (to->address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (struct sockaddr *)&to->address, to->size) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

static int listen_on(struct bind_address *to, int reuse_option)
{
    int fd = bind_socket(to, reuse_option);

    if (fd < 0 || listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* `n` sockets of one address; port 0 becomes the same free port for all. */
static int open_group(const char *text, int *ret_fds, unsigned n)
{
    struct bind_address address = {0};

    if (!parse_address(text, &address))
        return -EINVAL;
    int probe = bind_socket(&address, 0);
    if (probe < 0)
        return probe;
    close(probe);
    for (unsigned i = 0; i < n; i++) {
        int fd = listen_on(&address, SO_REUSEPORT);

        if (fd < 0)
            return fd;
        ret_fds[i] = fd;
        getsockname(fd, (struct sockaddr *)&address.address, &address.size);
    }
    return 0;
}

static int open_link(const char *data_dir)
{
    struct bind_address to = {0};
    struct sockaddr_un *un = (struct sockaddr_un *)&to.address;
    int length = snprintf(un->sun_path, sizeof(un->sun_path), "%s/control.sock", data_dir);

    if (length < 0 || (size_t)length >= sizeof(un->sun_path))
        return -ENAMETOOLONG;
    un->sun_family = AF_UNIX;
    to.size = sizeof(*un);
    /* What lies there is left over from a server that is gone: the data directory is locked. */
    unlink(un->sun_path);
    mode_t before = umask(0177);
    int fd = listen_on(&to, 0);
    umask(before);
    return fd;
}

static int report(const char *what, const char *address, int error)
{
    log_event(LOG_ERROR, "cannot_listen", LOG_STR("what", str_of(what)),
              LOG_STR("address", str_of(address)), LOG_STR("why", str_of(strerror(-error))));
    return error;
}

int listeners_open(const struct supervisor_options *options, struct listeners *ret_listeners)
{
    struct listeners l = {.control = -1, .link = -1};
    int r = 0;

    l.n_gateway = options->n_gateway_listen * options->workers;
    l.gateway = mem_array(l.n_gateway, sizeof(*l.gateway));
    memset(l.gateway, -1, l.n_gateway * sizeof(*l.gateway));
    for (size_t i = 0; r == 0 && i < options->n_gateway_listen; i++) {
        r = open_group(options->gateway_listen[i], l.gateway + i * options->workers,
                       options->workers);
        if (r < 0)
            report("gateway", options->gateway_listen[i], r);
    }
    if (r == 0 && (r = open_group(options->control_listen, &l.control, 1)) < 0)
        report("management", options->control_listen, r);
    if (r == 0 && (l.link = open_link(options->data_dir)) < 0)
        r = report("control.sock in the data directory", options->data_dir, l.link);
    if (r < 0) {
        listeners_close(&l);
        return r;
    }
    *ret_listeners = l;
    return 0;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->n_gateway; i++) {
        if (l->gateway[i] >= 0)
            close(l->gateway[i]);
    }
    if (l->control >= 0)
        close(l->control);
    if (l->link >= 0)
        close(l->link);
    mem_free(l->gateway);
    *l = (struct listeners){.control = -1, .link = -1};
}

void listener_text(int fd, char *ret_text)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[HOST_MAX] = "?", port[8] = "?";

    getsockname(fd, (struct sockaddr *)&address, &size);
    getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = address.ss_family == AF_INET6;
    /* A port takes 5 characters and a literal address of either family 45. */
    snprintf(ret_text, LISTENER_TEXT, v6 ? "[%.45s]:%.5s" : "%.45s:%.5s", host, port);
}

uint16_t listener_port(int fd)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t size = sizeof(address);

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.any.ss_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

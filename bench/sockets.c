#include "sockets.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

void bench_fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

uint64_t bench_number(const char *text, uint64_t most)
{
    char *end;

    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno || end == text || *end || number > most) {
        fprintf(stderr, "%s: %s: expected a number of at most %llu\n",
                program_invocation_short_name, text, (unsigned long long)most);
        exit(2);
    }
    return number;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd)
{
    int one = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        bench_fail("TCP_NODELAY");
}

int bench_listen(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        bench_fail("socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        bench_fail("listen");
    return fd;
}

int bench_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    no_delay(fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

int bench_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        no_delay(fd);
    else if (errno != EAGAIN && errno != ECONNABORTED)
        bench_fail("accept");
    return fd;
}

void bench_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        bench_fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        bench_fail("setrlimit");
}

int64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

const char *bench_find(const char *bytes, size_t n, const char *text)
{
    return memmem(bytes, n, text, strlen(text));
}

static void read_field(const char *line, size_t n, struct bench_framing *framing)
{
    static const char length[] = "content-length:", encoding[] = "transfer-encoding:";

    if (n > sizeof(length) - 1 && strncasecmp(line, length, sizeof(length) - 1) == 0)
        framing->body_n = strtoull(line + sizeof(length) - 1, NULL, 10);
    else if (n > sizeof(encoding) - 1 && strncasecmp(line, encoding, sizeof(encoding) - 1) == 0)
        framing->chunked = bench_find(line, n, "chunked") != NULL;
}

struct bench_framing bench_read_framing(const char *bytes, size_t n)
{
    struct bench_framing framing = {0};
    const char *end = bench_find(bytes, n, "\r\n\r\n"), *line = bytes;

    if (!end)
        return framing;
    framing.head_n = (size_t)(end - bytes) + 4;
    while (line < end) {
        const char *next = memchr(line, '\n', (size_t)(end + 2 - line));
        char first = *line | 0x20;

        if (first == 'c' || first == 't')
            read_field(line, (size_t)(next - line), &framing);
        line = next + 1;
    }
    return framing;
}

bool bench_ends_chunks(const char *bytes, size_t n)
{
    return n >= 5 && memcmp(bytes + n - 5, "0\r\n\r\n", 5) == 0;
}

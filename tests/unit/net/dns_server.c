#include "dns_server.h"

#include "base/buf.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <unistd.h>

enum { HEAD_BYTES = 12, TYPE_A = 1, TYPE_AAAA = 28, SERVFAIL = 2, NXDOMAIN = 3 };

static void put_u16(struct buf *b, unsigned value)
{
    buf_put_char(b, (char)(value >> 8));
    buf_put_char(b, (char)value);
}

/* The question's name in lower case with dots; returns the offset behind it. */
static size_t read_name(const unsigned char *message, size_t n, char *ret_name)
{
    size_t at = HEAD_BYTES, out = 0;

    while (at < n && message[at]) {
        size_t length = message[at++];

        assert(at + length < n && out + length + 2 < 256);
        for (size_t i = 0; i < length; i++)
            ret_name[out++] = str_lower_char((char)message[at++]);
        ret_name[out++] = '.';
    }
    ret_name[out ? out - 1 : 0] = '\0';
    return at + 1;
}

static const struct dns_record *find_record(const struct dns_server *s, const char *name)
{
    for (const struct dns_record *r = s->records; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

static void put_answers(struct buf *b, const struct dns_record *record, unsigned type)
{
    const char *const *addresses = type == TYPE_A ? record->v4 : record->v6;

    for (size_t i = 0; i < 4 && addresses[i]; i++) {
        unsigned char bytes[16];
        int family = type == TYPE_A ? AF_INET : AF_INET6;
        unsigned size = type == TYPE_A ? 4 : 16;

        assert(inet_pton(family, addresses[i], bytes) == 1);
        put_u16(b, 0xc000 | HEAD_BYTES); /* the question's name */
        put_u16(b, type);
        put_u16(b, 1);
        put_u16(b, record->ttl_s >> 16);
        put_u16(b, record->ttl_s);
        put_u16(b, size);
        buf_put(b, bytes, size);
        b->p[7]++; /* answers */
    }
}

static void answer(struct dns_server *s, const unsigned char *message, size_t n, struct buf *to)
{
    char name[256];
    size_t end = read_name(message, n, name) + 4;
    unsigned type = message[end - 3];
    const struct dns_record *record = find_record(s, name);
    unsigned code = 0;

    s->asked++;
    assert(end <= n && (type == TYPE_A || type == TYPE_AAAA));
    if (record && record->mood == DNS_SILENT)
        return;
    if (record && record->mood == DNS_BABBLES) {
        buf_put_str(to, STR("\x01\x02 what?"));
        return;
    }
    if (!record || record->mood == DNS_NO_SUCH_NAME)
        code = NXDOMAIN;
    else if (record->mood == DNS_FAILS)
        code = SERVFAIL;
    buf_put(to, message, 2);
    put_u16(to, 0x8180 | code);
    put_u16(to, 1);
    buf_put(to, "\0\0\0\0\0\0", 6);
    buf_put(to, message + HEAD_BYTES, end - HEAD_BYTES);
    if (code == 0)
        put_answers(to, record, type);
}

static void on_question(struct loop_io *io, uint32_t events)
{
    struct dns_server *s = container_of(io, struct dns_server, io);
    unsigned char message[512];
    struct net_address from = {.length = sizeof(from.storage)};
    ssize_t n = recvfrom(io->fd, message, sizeof(message), 0, &from.any, &from.length);
    struct buf reply;

    (void)events;
    if (n < HEAD_BYTES)
        return;
    buf_init(&reply, 0);
    answer(s, message, (size_t)n, &reply);
    if (reply.n)
        (void)!sendto(io->fd, reply.p, reply.n, 0, &from.any, from.length);
    buf_deinit(&reply);
}

void dns_server_start(struct dns_server *s, struct loop *loop, struct dns_record *records)
{
    struct net_address address;

    *s = (struct dns_server){.loop = loop, .records = records, .io.on_event = on_question};
    s->io.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert(net_address_from_ip(STR("127.0.0.1"), 0, &address) == 0);
    assert(bind(s->io.fd, &address.any, address.length) == 0);
    assert(net_address_of_socket(s->io.fd, &address) == 0);
    snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", net_address_port(&address));
    assert(loop_add(loop, &s->io, EPOLLIN) == 0);
}

void dns_server_stop(struct dns_server *s)
{
    loop_remove(s->loop, &s->io);
    close(s->io.fd);
}

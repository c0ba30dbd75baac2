#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int net_address_from_ip(str literal, uint16_t port, struct net_address *ret_address)
{
    struct net_address a = {0};
    char text[INET6_ADDRSTRLEN];
    bool brackets = literal.n >= 2 && literal.p[0] == '[' && literal.p[literal.n - 1] == ']';

    if (brackets)
        literal = str_make(literal.p + 1, literal.n - 2);
    if (literal.n == 0 || literal.n >= sizeof(text) || memchr(literal.p, '\0', literal.n))
        return -EINVAL;
    memcpy(text, literal.p, literal.n);
    text[literal.n] = '\0';
    if (!brackets && inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(port);
        a.length = sizeof(a.v4);
    } else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(port);
        a.length = sizeof(a.v6);
    } else {
        return -EINVAL;
    }
    *ret_address = a;
    return 0;
}

int net_split_host_port(str text, uint16_t default_port, str *ret_host, uint16_t *ret_port)
{
    size_t close = str_find(text, ']', 0), colon;
    str host = text, port = STR_NULL;
    uint64_t number = default_port;

    if (text.n && text.p[0] == '[') {
        if (close == text.n)
            return -EINVAL;
        host = str_make(text.p + 1, close - 1);
        str rest = str_from(text, close + 1);
        if (rest.n && rest.p[0] != ':')
            return -EINVAL;
        port = str_from(rest, 1);
        if (rest.n && port.n == 0)
            return -EINVAL;
    } else if ((colon = str_find(text, ':', 0)) < text.n) {
        host = str_upto(text, colon);
        port = str_from(text, colon + 1);
        if (port.n == 0)
            return -EINVAL;
    }
    if (port.n && (!str_parse_u64(port, &number) || number == 0 || number > UINT16_MAX))
        return -EINVAL;
    *ret_host = host;
    *ret_port = (uint16_t)number;
    return 0;
}

int net_address_parse(str text, struct net_address *ret_address)
{
    uint16_t port;
    str host;

    if (str_starts(text, STR("unix:")))
        return net_address_from_path(str_from(text, 5), ret_address);
    if (net_split_host_port(text, 0, &host, &port) < 0 || port == 0)
        return -EINVAL;
    if (host.n == 0 || str_eq(host, STR("*")))
        host = STR("::");
    return net_address_from_ip(host, port, ret_address);
}

int net_address_from_path(str path, struct net_address *ret_address)
{
    struct net_address a = {0};

    if (path.n == 0 || memchr(path.p, '\0', path.n))
        return -EINVAL;
    if (path.n >= sizeof(a.local.sun_path))
        return -ENAMETOOLONG;
    a.local.sun_family = AF_UNIX;
    memcpy(a.local.sun_path, path.p, path.n);
    a.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    *ret_address = a;
    return 0;
}

/* The IPv4 address inside an IPv4-mapped IPv6 one, in network order; false for others. */
static bool ipv4_of(const struct net_address *a, uint32_t *ret_ip)
{
    if (a->any.sa_family == AF_INET) {
        *ret_ip = a->v4.sin_addr.s_addr;
        return true;
    }
    if (a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
        return false;
    memcpy(ret_ip, &a->v6.sin6_addr.s6_addr[12], sizeof(*ret_ip));
    return true;
}

void net_address_format_host(const struct net_address *address, char *ret_text)
{
    uint32_t ip;

    if (ipv4_of(address, &ip))
        inet_ntop(AF_INET, &ip, ret_text, NET_ADDRESS_TEXT);
    else if (address->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &address->v6.sin6_addr, ret_text, NET_ADDRESS_TEXT);
    else
        snprintf(ret_text, NET_ADDRESS_TEXT, "%s", address->any.sa_family == AF_UNIX ? "unix" : "");
}

void net_address_format(const struct net_address *address, char *ret_text)
{
    char host[NET_ADDRESS_TEXT];

    if (address->any.sa_family == AF_UNIX) {
        snprintf(ret_text, NET_ADDRESS_TEXT, "unix:%s", address->local.sun_path);
        return;
    }
    net_address_format_host(address, host);
    snprintf(ret_text, NET_ADDRESS_TEXT, strchr(host, ':') ? "[%.60s]:%u" : "%.60s:%u", host,
             net_address_port(address));
}

uint16_t net_address_port(const struct net_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohs(address->v4.sin_port);
    return address->any.sa_family == AF_INET6 ? ntohs(address->v6.sin6_port) : 0;
}

void net_address_set_port(struct net_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET)
        address->v4.sin_port = htons(port);
    else if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
}

bool net_address_eq(const struct net_address *a, const struct net_address *b)
{
    uint32_t x, y;

    if (ipv4_of(a, &x) && ipv4_of(b, &y))
        return x == y && net_address_port(a) == net_address_port(b);
    return a->length == b->length && memcmp(&a->any, &b->any, a->length) == 0;
}

bool net_address_is_loopback(const struct net_address *address)
{
    uint32_t ip;

    if (address->any.sa_family == AF_UNIX)
        return true;
    if (ipv4_of(address, &ip))
        return ntohl(ip) >> 24 == 127;
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

struct ipv4_block {
    uint32_t network;
    unsigned bits;
};

/* RFC 6890 and the IANA IPv4 special-purpose registry; multicast and class E at the end. */
static const struct ipv4_block private_v4[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
    {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24}, {0xc0586300, 24}, {0xc0a80000, 16},
    {0xc6120000, 15}, {0xc6336400, 24}, {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
};

static bool is_private_v6(const uint8_t *b)
{
    static const uint8_t discard[8] = {0x01};
    static const uint8_t nat64[4] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t zeroes[12] = {0};

    return memcmp(b, zeroes, 12) == 0 || memcmp(b, nat64, 4) == 0 || memcmp(b, discard, 8) == 0 ||
           (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) ||                  /* 2001::/23, IETF */
           (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) || /* documentation */
           (b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10) ||                  /* documentation */
           (b[0] == 0x20 && b[1] == 0x02) ||                                 /* 6to4 */
           (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && b[1] >= 0x80) || b[0] == 0xff;
}

bool net_address_is_private(const struct net_address *address)
{
    uint32_t ip;

    if (ipv4_of(address, &ip)) {
        for (size_t i = 0; i < sizeof(private_v4) / sizeof(private_v4[0]); i++)
            if ((ntohl(ip) ^ private_v4[i].network) >> (32 - private_v4[i].bits) == 0)
                return true;
        return false;
    }
    return address->any.sa_family != AF_INET6 || is_private_v6(address->v6.sin6_addr.s6_addr);
}

int net_address_of_peer(int fd, struct net_address *ret_address)
{
    struct net_address a = {.length = sizeof(a.storage)};

    if (getpeername(fd, &a.any, &a.length) < 0)
        return -errno;
    *ret_address = a;
    return 0;
}

int net_address_of_socket(int fd, struct net_address *ret_address)
{
    struct net_address a = {.length = sizeof(a.storage)};

    if (getsockname(fd, &a.any, &a.length) < 0)
        return -errno;
    *ret_address = a;
    return 0;
}

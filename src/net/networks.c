#include "net/networks.h"

#include "base/mem.h"

#include <unistd.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = V6_BITS - V4_BITS, DISCARD_PORT = 9 };

/* An IPv4 network lies below ::ffff:0:0/96, as an address of it does. */
static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

struct network {
    uint8_t bytes[16];
    unsigned bits;
};

static bool is_v4(const uint8_t bytes[16])
{
    return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

static bool bytes_of(const struct net_address *a, uint8_t ret_bytes[16])
{
    if (a->any.sa_family == AF_INET6) {
        memcpy(ret_bytes, &a->v6.sin6_addr, 16);
        return true;
    }
    if (a->any.sa_family != AF_INET)
        return false;
    memcpy(ret_bytes, mapped, sizeof(mapped));
    memcpy(ret_bytes + sizeof(mapped), &a->v4.sin_addr, 4);
    return true;
}

static bool parse(str text, struct network *ret_network)
{
    size_t slash = str_find(text, '/', 0);
    struct net_address address;
    uint64_t bits;

    if (net_address_from_ip(str_upto(text, slash), 0, &address) < 0)
        return false;
    bool v4 = address.any.sa_family == AF_INET;
    unsigned most = v4 ? V4_BITS : V6_BITS;
    bits = most;
    if (slash < text.n && (!str_parse_u64(str_from(text, slash + 1), &bits) || bits > most))
        return false;
    ret_network->bits = (unsigned)bits + (v4 ? MAPPED_BITS : 0);
    return bytes_of(&address, ret_network->bytes);
}

static unsigned bit(const uint8_t *bytes, unsigned i)
{
    return bytes[i / 8] >> (7 - i % 8) & 1;
}

bool networks_is_one(str text)
{
    struct network network;

    if (!parse(text, &network))
        return false;
    for (unsigned i = network.bits; i < V6_BITS; i++)
        if (bit(network.bytes, i))
            return false;
    return true;
}

static bool holds(str network, const uint8_t bytes[16])
{
    struct network n;

    /* Whoever lists ::/0 has not thought of IPv4. */
    if (!parse(network, &n) || (is_v4(bytes) && n.bits < MAPPED_BITS))
        return false;
    for (unsigned i = 0; i < n.bits; i++)
        if (bit(n.bytes, i) != bit(bytes, i))
            return false;
    return true;
}

/* --- outside */

/* IANA's special-purpose registries (RFC 6890), and where clouds answer machines of theirs: the
 * link-local address of all of them, and what AWS, Google, Alibaba, Azure and Oracle have beside
 * it. */
static const struct {
    str network;
    const char *what;
} inside[] = {
    {STR_INIT("0.0.0.0/8"), "unspecified"},
    {STR_INIT("127.0.0.0/8"), "loopback"},
    {STR_INIT("169.254.0.0/16"), "link-local"},
    {STR_INIT("192.0.0.0/24"), "reserved"},
    {STR_INIT("224.0.0.0/4"), "multicast"},
    {STR_INIT("240.0.0.0/4"), "reserved"},
    {STR_INIT("100.100.100.200"), "a cloud's metadata service"},
    {STR_INIT("168.63.129.16"), "a cloud's metadata service"},
    {STR_INIT("::"), "unspecified"},
    {STR_INIT("::1"), "loopback"},
    {STR_INIT("::/96"), "reserved"}, /* IPv4-compatible, given up */
    {STR_INIT("64:ff9b:1::/48"), "a translation into networks that are not known here"},
    {STR_INIT("2001::/32"), "a tunnel"}, /* Teredo */
    {STR_INIT("fd00:ec2::/32"), "a cloud's metadata service"},
    {STR_INIT("fd20:ce::254"), "a cloud's metadata service"},
    {STR_INIT("fe80::/10"), "link-local"},
    {STR_INIT("fec0::/10"), "link-local"}, /* site-local, given up */
    {STR_INIT("ff00::/8"), "multicast"},
};

static const char *find_inside(const uint8_t bytes[16])
{
    for (size_t i = 0; i < COUNT_OF(inside); i++)
        if (holds(inside[i].network, bytes))
            return inside[i].what;
    return NULL;
}

/* The IPv4 address that an IPv6 one leads to: NAT64 (RFC 6052) and 6to4 (RFC 3056). */
static bool embedded(const uint8_t bytes[16], uint8_t ret_bytes[16])
{
    size_t at = holds(STR("64:ff9b::/96"), bytes) ? 12 : holds(STR("2002::/16"), bytes) ? 2 : 0;

    memcpy(ret_bytes, mapped, sizeof(mapped));
    memcpy(ret_bytes + sizeof(mapped), bytes + at, 4);
    return at != 0;
}

/* Whether the kernel would take the address itself to reach it from: then it is this machine's. A
 * datagram socket that is connected sends nothing. */
static bool is_own(const struct net_address *address)
{
    struct net_address to = *address, from;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool own = false;

    if (fd < 0)
        return false;
    net_address_set_port(&to, DISCARD_PORT);
    if (connect(fd, &to.any, to.length) == 0 && net_address_of_socket(fd, &from) == 0) {
        net_address_set_port(&from, DISCARD_PORT);
        own = net_address_eq(&to, &from);
    }
    close(fd);
    return own;
}

static const char *refuse_inside(const uint8_t bytes[16], const struct net_address *address)
{
    uint8_t v4[16];
    const char *what = find_inside(bytes);

    if (!what && embedded(bytes, v4))
        what = find_inside(v4);
    return what || !is_own(address) ? what : "this machine's own";
}

const char *networks_refuse(str networks, const struct net_address *address)
{
    uint8_t bytes[16];

    if (!networks.n)
        return NULL;
    if (!bytes_of(address, bytes))
        return "no address of a network";
    if (str_eq(networks, NETWORKS_OUTSIDE))
        return refuse_inside(bytes, address);
    while (networks.n)
        if (holds(str_cut(&networks, ' '), bytes))
            return NULL;
    return "in none of the networks that are allowed";
}

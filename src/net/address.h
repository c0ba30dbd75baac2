#pragma once

/*
 * Socket addresses: IPv4, IPv6 and Unix, as values. Text is parsed from slices with limits and
 * never resolved here: names are the resolver's business. An IPv4 address that arrived over an
 * IPv6 socket ("::ffff:192.0.2.1") is shown, compared and classified as the IPv4 address that it
 * is.
 */

#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Room for any address with port or path, and the NUL. */
enum { NET_ADDRESS_TEXT = 128 };

struct net_address {
    union {
        struct sockaddr_storage storage; /* ss_family AF_UNSPEC: no address */
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t length;
};

/* "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". 0, or -EINVAL for anything else (a name, say). */
int net_address_from_ip(str literal, uint16_t port, struct net_address *ret_address);

/* "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path", and for listening "*:80" or ":80", which is
 * [::]:80. 0 or -EINVAL. */
int net_address_parse(str text, struct net_address *ret_address);

/* 0, or -ENAMETOOLONG, or -EINVAL for an empty path or one with a NUL. */
int net_address_from_path(str path, struct net_address *ret_address);

/* Splits "host", "host:port", "[v6]" or "[v6]:port"; the host is a slice of `text` without
 * brackets and is not checked further. A missing port is `default_port`. 0 or -EINVAL. */
int net_split_host_port(str text, uint16_t default_port, str *ret_host, uint16_t *ret_port);

/* With port ("[2001:db8::1]:80"), or "unix:/path"; at most NET_ADDRESS_TEXT bytes with the NUL. */
void net_address_format(const struct net_address *address, char *ret_text);

/* Without port and brackets; "unix" for a Unix socket. */
void net_address_format_host(const struct net_address *address, char *ret_text);

/* 0 for a Unix socket. */
uint16_t net_address_port(const struct net_address *address);
void net_address_set_port(struct net_address *address, uint16_t port);

bool net_address_eq(const struct net_address *a, const struct net_address *b);

/* 127.0.0.0/8, ::1, and every Unix socket. */
bool net_address_is_loopback(const struct net_address *address);

/* Not reachable over the public internet, or no host at all: loopback, private, link-local,
 * shared, documentation, multicast, reserved (IANA special-purpose registries, RFC 6890), and
 * every Unix socket. What a guard against requests into one's own network asks. */
bool net_address_is_private(const struct net_address *address);

/* Of a connected or bound socket. 0 or a negative errno. */
int net_address_of_peer(int fd, struct net_address *ret_address);
int net_address_of_socket(int fd, struct net_address *ret_address);

#pragma once

/* A scripted DNS server on 127.0.0.1, on the loop of the test. */

#include "net/loop.h"

enum dns_server_mood {
    DNS_ANSWERS = 0, /* addresses of the asked type, possibly none */
    DNS_NO_SUCH_NAME,
    DNS_FAILS,
    DNS_SILENT,
    DNS_BABBLES, /* bytes that are no message */
};

struct dns_record {
    const char *name; /* lower case */
    enum dns_server_mood mood;
    const char *v4[4]; /* up to the first NULL */
    const char *v6[4];
    uint32_t ttl_s;
};

struct dns_server {
    struct loop_io io;
    struct loop *loop;
    struct dns_record *records; /* up to one without name; the test changes them */
    unsigned asked;             /* questions so far */
    char address[32];           /* for resolver_options.servers */
};

void dns_server_start(struct dns_server *s, struct loop *loop, struct dns_record *records);
void dns_server_stop(struct dns_server *s);

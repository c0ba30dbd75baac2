#pragma once

/*
 * c-ares on a loop: /etc/hosts and DNS questions without threads and without waiting. c-ares has no
 * loop and no timer; its sockets are watched here while it wants them watched, and one deadline
 * stands for its next timeout.
 */

#include "net/loop.h"

#include <ares.h>

struct dns;

/* `servers` as in struct resolver_options. NULL if the system's configuration can't be read or the
 * servers can't be parsed. */
struct dns *dns_new(struct loop *loop, const char *servers, int64_t timeout_ms, int tries);

/* Unanswered questions end with ARES_EDESTRUCTION. */
void dns_free(struct dns *d);

/* A status of c-ares; the addresses, sorted as RFC 6724 says, are the callee's to free. */
typedef void (*dns_fn)(void *ctx, int status, int timeouts, struct ares_addrinfo *info_or_null);

/* Asks for IPv4 and IPv6 addresses. May call on_answer before it returns. */
void dns_ask(struct dns *d, const char *name, dns_fn on_answer, void *ctx);

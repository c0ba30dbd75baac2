#pragma once

/*
 * An HTTP/1.1 connection after a 101: bytes both ways, nothing around them. To the rest of the
 * codec each side is a body that lasts until its sender ends it, so window, queue and back-pressure
 * are those of any body. What differs: the halves end apart from each other, by FIN (with TLS a
 * close_notify before it); the peer's FIN ends its half and cancels nothing; no deadline of HTTP
 * applies; the connection never serves again.
 */

#include "http/h1_conn.h"

enum { H1_LINGER_MS = 2000 /* for what the peer still sends after the user has left */ };

/* The 101 was sent, or has come. A server's leaves at the end of the turn, with no flush. */
void h1_tunnel_begin(struct h1_conn *c);

/* The peer has ended its half. */
void h1_tunnel_end_input(struct h1_conn *c);

/* Reads and forgets. True: the peer has ended its half, or the connection is broken. */
bool h1_tunnel_skim(struct h1_conn *c);

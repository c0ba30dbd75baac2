#pragma once

/*
 * What the headers of a complete head mean for the connection: where the body ends, whether another
 * message may follow, which host is meant. Requests and responses differ in little, and both refuse
 * whatever two readers could read in two ways (RFC 9112 section 6).
 */

#include "http/h1_parse.h"

/* Sets framing, content_length, keep_alive, upgrade, and for requests target, authority and
 * expects_continue of a head whose start line and headers are set. */
enum h1_fault h1_frame_request(struct h1_message *m);
enum h1_fault h1_frame_response(struct h1_message *m, enum http_method asked);

#pragma once

/*
 * A request's body in memory: room that counts against the edge's budget, and what is read from a
 * body of the OpenAI surface, which is held whole because routing and a second attempt need it.
 */

#include "edge/exchange.h"

/* Answers 413 where a body of so many bytes is more than limits.body_bytes allows, or
 * limits.predict_bytes on model hosts. */
bool body_too_large(struct exchange *x, const struct catalog *c, uint64_t bytes);

/* Room for `more` bytes behind those that are there; false: limits.buffered_bytes is used up. The
 * answer that says so. */
bool body_reserve(struct exchange *x, const struct catalog *c, size_t more);
void body_refuse_room(struct exchange *x);

/* Reads on where the last slice ended; false: refused. */
bool body_scan(struct exchange *x, enum json_scan_input input);

/* What the whole body says that matters here; false: refused. */
bool body_read_facts(struct exchange *x);

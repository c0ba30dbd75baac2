#pragma once

/*
 * Which endpoint holds the state of a stored response, bound to the key that made it. Durable: an
 * append-only file of fixed records that every generation of the edge on this machine appends to
 * and reads; a record is written before the answer that carries the id ends. Ids are kept as keyed
 * digests. Only the surface of stored responses uses this, so its lock is not on everybody's path.
 */

#include "base/siphash.h"

struct response_map;

/* Opens or creates `path`; NULL with a logged reason if that fails. `limit` bounds the records in
 * memory: the oldest go first. */
struct response_map *response_map_open(const char *path, const struct siphash_key *key,
                                       size_t limit);
void response_map_close(struct response_map *m);

/* Remembers; returns 0 or a negative errno: then follow-ups of that response will be 404. Any
 * thread. */
int response_map_put(struct response_map *m, str response_id, str key_id, str endpoint_id);

enum { RESPONSE_ENDPOINT_BYTES = 128 };

/* The endpoint's id in ret_endpoint (RESPONSE_ENDPOINT_BYTES, returned as a slice of it); false if
 * this key made no such response. */
bool response_map_find(struct response_map *m, str response_id, str key_id, char *ret_storage,
                       str *ret_endpoint);

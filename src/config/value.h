#pragma once

/*
 * Values as people write them: durations ("30s", "250ms"; a bare number is seconds, as in LiteLLM),
 * sizes ("64MiB"), decimals, addresses to listen on. Pure functions over slices; false on anything
 * that is not wholly understood, including overflow.
 */

#include "base/str.h"

/* Milliseconds. Units ms, s, m, h, d, w; at most three decimals before a unit, as in "1.5s". */
bool value_parse_duration(str text, int64_t *ret_ms);

/* Bytes. Units B, kB, MB, GB (powers of 1,000) and KiB, MiB, GiB; a bare number is bytes. */
bool value_parse_bytes(str text, uint64_t *ret_bytes);

/* A decimal with a sign and at most `decimals` digits after the point, as an integer scaled by
 * 10^decimals: ("48.8566", 4) is 488566. */
bool value_parse_scaled(str text, unsigned decimals, int64_t *ret_scaled);

/* "127.0.0.1:4000", "[::1]:4000", ":4000" (every address), "4000". *ret_host has no brackets. */
bool value_parse_listen(str text, str *ret_host, uint16_t *ret_port);

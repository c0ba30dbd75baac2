#pragma once

/* Time. Durations and instants of the monotonic clock are nanoseconds in int64_t; wall-clock
 * instants are nanoseconds since 1970-01-01T00:00Z. Code that decides takes `now` as an argument;
 * only loops and shells read a clock. */

#include "base/str.h"

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

int64_t clock_monotonic_ns(void);
int64_t clock_wall_ns(void);

enum { CLOCK_RFC3339_LEN = 24 };

/* "2026-11-21T01:17:00.123Z": writes CLOCK_RFC3339_LEN characters, no NUL. */
void clock_format_rfc3339(int64_t wall_ns, char *ret_text);

/* Seconds precision or better, "Z" or an offset (RFC 3339 section 5.6). False on anything else, and
 * on instants that nanoseconds in 64 bits cannot hold (before 1677, after 2262). */
bool clock_parse_rfc3339(str text, int64_t *ret_wall_ns);

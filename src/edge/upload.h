#pragma once

/*
 * A body that passes while it is read: what model hosts get is neither looked at nor kept whole.
 * The exchange's body memory holds a stretch of it that begins at byte `base`. As long as the whole
 * body so far is in there (base is 0), another attempt can begin anew; that ends once more than
 * limits.replay_bytes have come and the upstream has taken them. The client gets credit at once for
 * what fits that limit, and for the rest when the upstream takes it: so memory is bounded by the
 * limit and one window.
 */

#include "http/stream.h"

struct attempt;
struct exchange;

struct upload {
    uint64_t base;
    uint64_t received; /* so far, in all */
    size_t uncredited; /* of those, credit not returned to the client yet */
    bool has_body;
    bool ended;
};

/* The client's body goes on, and ends. */
void upload_take(struct exchange *x, str slice);
void upload_end(struct exchange *x);

/* Sends what the attempt's upstream takes of what it has not been sent. */
void upload_pump(struct exchange *x, struct attempt *a);

/* Whether another attempt could send the body from its beginning. */
bool upload_can_repeat(const struct exchange *x);

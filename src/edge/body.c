#include "edge/body.h"

#include "edge/edge.h"

enum { EXACT_BYTES = 1 << 20, LARGE_STEP = 8 };

bool body_too_large(struct exchange *x, const struct catalog *c, uint64_t bytes)
{
    uint64_t limit = x->call ? c->settings.predict_bytes : c->settings.body_bytes;

    if (bytes <= limit)
        return false;
    exchange_refuse(x, FAULT_REQUEST_TOO_LARGE,
                    arena_printf(&x->arena, "the body is larger than limits.%s allows (%llu)",
                                 x->call ? "predict_bytes" : "body_bytes",
                                 (unsigned long long)limit),
                    STR_NULL);
    return true;
}

/* Room for `need` bytes, at most as many as are announced. It grows with what has arrived, never
 * with what is announced alone: a body that has shown that it is large gets larger steps, since
 * each step may copy what is there. */
static size_t room_for(const struct exchange *x, size_t need)
{
    size_t room = x->body_room ? x->body_room : WORKER_BLOCK_BYTES;
    bool is_known = x->head->content_length > 0 && !x->call; /* a call's is not held whole */
    size_t announced = is_known ? (size_t)x->head->content_length : SIZE_MAX;

    if (x->body_room == 0 && announced > WORKER_BLOCK_BYTES && announced <= EXACT_BYTES)
        return announced;
    while (room < need)
        room *= room < EXACT_BYTES ? 2 : LARGE_STEP;
    return room > EXACT_BYTES && room > announced && announced >= need ? announced : room;
}

/* It counts against the edge's budget. */
bool body_reserve(struct exchange *x, const struct catalog *c, size_t more)
{
    size_t need = x->body_n + more;

    if (need <= x->body_room)
        return true;
    size_t room = room_for(x, need);
    uint64_t extra = room - x->body_room;
    if (atomic_fetch_add_explicit(&x->worker->edge->buffered_bytes, extra, memory_order_relaxed) +
            extra >
        c->settings.buffered_bytes) {
        atomic_fetch_sub_explicit(&x->worker->edge->buffered_bytes, extra, memory_order_relaxed);
        return false;
    }
    x->body_charged += extra;
    x->body =
        room == WORKER_BLOCK_BYTES ? worker_take_block(x->worker) : mem_realloc(x->body, room);
    x->body_room = room;
    return true;
}

void body_refuse_room(struct exchange *x)
{
    exchange_refuse(x, FAULT_OVERLOADED, STR("limits.buffered_bytes is used up by other requests"),
                    STR_NULL);
}

static void refuse_json(struct exchange *x)
{
    str why = json_scan_error_text(x->scan);

    exchange_refuse(
        x, json_scan_is_duplicate(x->scan) ? FAULT_DUPLICATE_FIELD : FAULT_INVALID_JSON,
        arena_printf(&x->arena, "%.*s at byte %zu", STR_ARG(why), json_scan_error_at(x->scan)),
        STR_NULL);
}

/* Reads on where the last slice ended; false: refused. */
bool body_scan(struct exchange *x, enum json_scan_input input)
{
    str so_far = str_make(x->body, x->body_n);

    if (x->surface.surface->body == SURFACE_BODY_MULTIPART) {
        if (multipart_feed(x->form, so_far,
                           input == JSON_SCAN_LAST ? MULTIPART_LAST : MULTIPART_MORE) !=
            MULTIPART_INVALID)
            return true;
        exchange_refuse(x, FAULT_INVALID_MULTIPART, multipart_error_text(x->form), STR_NULL);
        return false;
    }
    if (json_scan_feed(x->scan, so_far, input) < JSON_SCAN_INVALID)
        return true;
    refuse_json(x);
    return false;
}

bool body_read_facts(struct exchange *x)
{
    struct request_refusal refusal;
    str body = str_make(x->body, x->body_n);
    bool fine = x->surface.surface->body == SURFACE_BODY_MULTIPART
                    ? request_read_form(x->form, body, &x->arena, &x->facts, &refusal)
                    : request_read_json(x->scan, body, &x->arena, &x->facts, &refusal);

    if (!fine)
        exchange_refuse(x, refusal.fault, refusal.message, refusal.param);
    return fine;
}

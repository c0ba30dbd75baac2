/* Frames in two pieces pass as they pass whole; what passes is a beginning of what came, keeps the
 * rules, and tells the same again. The first byte says who sends and which bits may be set, the
 * second where the rest is cut. */

#include "base/buf.h"
#include "base/mem.h"
#include "http/websocket.h"

#include <assert.h>

enum { LIMIT = 4096 };

static void feed(struct websocket_scan *s, str bytes, struct buf *to)
{
    struct websocket_passed passed;
    size_t held = s->head_n;

    websocket_scan(s, bytes, &passed);
    assert(held + bytes.n == passed.held.n + passed.slice.n + passed.dropped + s->head_n);
    assert(!s->fault || websocket_at_boundary(s));
    buf_put_str(to, passed.held);
    buf_put_str(to, passed.slice);
}

static struct websocket_scan watch(str bytes, size_t cut, unsigned how, struct buf *to)
{
    struct websocket_scan s;

    websocket_scan_init(&s, how & 1 ? WEBSOCKET_SERVER : WEBSOCKET_CLIENT, how & 0x70, LIMIT);
    feed(&s, str_upto(bytes, cut), to);
    feed(&s, str_from(bytes, cut), to);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_deinit) struct buf first = {0}, second = {0}, third = {0};

    if (size < 2)
        return 0;
    str bytes = str_make((const char *)data + 2, size - 2);
    struct websocket_scan whole = watch(bytes, 0, data[0], &first);
    struct websocket_scan in_two = watch(bytes, data[1] % (bytes.n + 1), data[0], &second);
    struct websocket_scan again = watch(buf_str(&first), 0, data[0], &third);

    assert(str_eq(buf_str(&first), buf_str(&second)) && str_eq(buf_str(&first), buf_str(&third)));
    assert(str_starts(bytes, buf_str(&first)));
    assert(whole.fault == in_two.fault && !again.fault);
    assert(whole.messages == in_two.messages && whole.messages == again.messages);
    assert(whole.bytes == in_two.bytes && whole.bytes == again.bytes);
    assert(whole.close_code == in_two.close_code && whole.close_code == again.close_code);
    return 0;
}

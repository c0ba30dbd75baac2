/* An event stream in two pieces tells what it tells whole; what it forwards is what came. The first
 * byte says where it is cut. */

#include "base/mem.h"
#include "http/sse.h"

#include <assert.h>

struct told {
    uint64_t prompt, completion;
    bool boundary;
    size_t passed;
};

static void feed(struct sse *s, str slice, struct told *told)
{
    struct sse_event_mark mark;

    while (slice.n) {
        size_t used = sse_feed(s, slice, &mark);

        assert(used <= slice.n);
        assert(mark.kind == SSE_MARK_DONE || used == slice.n);
        told->passed += used;
        slice = str_from(slice, used);
        if (mark.kind == SSE_MARK_NONE)
            return;
        assert(str_starts(slice, STR("data:")));
    }
}

static struct told watch(str text, size_t cut)
{
    struct sse *s = sse_new(SSE_FIND_DONE | SSE_FIND_ID);
    struct told told = {0};

    feed(s, str_upto(text, cut), &told);
    feed(s, str_from(text, cut), &told);
    sse_usage(s, &told.prompt, &told.completion);
    told.boundary = sse_at_boundary(s);
    assert(sse_id(s).n <= SSE_ID_MAX);
    sse_free(s);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str text = str_make((const char *)data + 1, size - 1);
    struct told whole = watch(text, 0), in_two = watch(text, text.n ? data[0] % (text.n + 1) : 0);

    assert(whole.prompt == in_two.prompt && whole.completion == in_two.completion);
    assert(whole.boundary == in_two.boundary);
    assert(whole.passed == text.n && in_two.passed == text.n);
    return 0;
}

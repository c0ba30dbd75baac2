/* What a package prints in two pieces gives the log lines that it gives whole, each of them JSON.
 * The first byte says where it is cut. */

#include "base/mem.h"
#include "plane/output.h"

#include <assert.h>
#include <jansson.h>

static void on_line(void *ctx, str line)
{
    json_t *parsed = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);

    assert(line.n && line.p[line.n - 1] == '\n');
    assert(json_is_string(json_object_get(parsed, "message")));
    assert(json_is_string(json_object_get(parsed, "level")));
    assert(json_is_string(json_object_get(parsed, "timestamp")));
    json_decref(parsed);
    buf_put_str(ctx, line);
}

static void print(str text, size_t cut, struct buf *to)
{
    struct output o;

    buf_init(to, 0);
    output_init(&o, on_line, to);
    output_feed(&o, str_upto(text, cut), 7);
    output_feed(&o, str_from(text, cut), 7);
    output_end(&o, 7);
    assert(output_last(&o).n <= OUTPUT_LAST_MAX);
    output_deinit(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, in_two;

    if (size == 0)
        return 0;
    str text = str_make((const char *)data + 1, size - 1);
    print(text, 0, &whole);
    print(text, text.n ? data[0] % (text.n + 1) : 0, &in_two);
    assert(str_eq(buf_str(&whole), buf_str(&in_two)));
    buf_deinit(&whole);
    buf_deinit(&in_two);
    return 0;
}

/*
 * Chunked bodies: decoded whole and in pieces with the same outcome; what was decoded, encoded
 * again by our own writer, decodes to the same bytes.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "http/h1_body.h"
#include "http/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum h1_body_result result;
    enum h1_fault fault;
    size_t used;
    size_t n_trailers;
    struct buf body;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Gives at most `step` new bytes at a time and takes slices of at most `most`. */
static void decode(str bytes, size_t step, size_t most, struct outcome *o)
{
    struct h1_message m = {.framing = H1_CHUNKED};
    struct http_header headers[H1_TRAILERS_MAX];
    struct h1_body b;
    size_t given = 0;

    buf_init(&o->body, 0);
    h1_body_init(&b, &m);
    o->used = 0;
    for (;;) {
        str in = str_make(bytes.p + o->used, given - o->used), data;
        size_t used;

        o->result = h1_body_next(&b, in, most, headers, &used, &data, &m);
        must(used <= in.n);
        o->used += used;
        if (o->result == H1_BODY_DATA) {
            must(data.n > 0 && data.n <= most);
            buf_put_str(&o->body, data);
        } else if (o->result != H1_BODY_MORE) {
            break;
        } else if (given == bytes.n) {
            break;
        } else {
            given += bytes.n - given < step ? bytes.n - given : step;
        }
    }
    o->fault = o->result == H1_BODY_BAD ? m.fault : H1_OK;
    o->n_trailers = o->result == H1_BODY_END ? m.head.n_headers : 0;
}

static void encode(str body, size_t step, struct buf *to)
{
    char head[H1_CHUNK_HEAD_BYTES];

    while (body.n) {
        str piece = str_upto(body, step);

        buf_put(to, head, h1_chunk_head(piece.n, head));
        buf_put_str(to, piece);
        buf_put_str(to, STR("\r\n"));
        body = str_from(body, piece.n);
    }
    h1_write_last_chunk(to, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces, again;
    struct buf text;

    if (size == 0)
        return 0;
    size_t step = 1 + data[0] % 16;
    str bytes = str_make((const char *)data + 1, size - 1);
    decode(bytes, bytes.n + 1, SIZE_MAX, &whole);
    decode(bytes, step, step, &pieces);
    must(whole.result == pieces.result && whole.fault == pieces.fault);
    must(whole.used == pieces.used || whole.result == H1_BODY_BAD);
    must(whole.n_trailers == pieces.n_trailers);
    must(str_eq(buf_str(&whole.body), buf_str(&pieces.body)));

    buf_init(&text, 0);
    encode(buf_str(&whole.body), step, &text);
    decode(buf_str(&text), step, SIZE_MAX, &again);
    must(again.result == H1_BODY_END && again.used == text.n);
    must(str_eq(buf_str(&again.body), buf_str(&whole.body)));
    buf_deinit(&text);
    buf_deinit(&whole.body);
    buf_deinit(&pieces.body);
    buf_deinit(&again.body);
    return 0;
}

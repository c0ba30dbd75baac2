/*
 * Request heads. An accepted one that is written as our request to an upstream and parsed again
 * says the same: nothing that one reader sees in it is hidden from the next.
 */

#include "fuzz_h1_head.h"

#include "base/buf.h"
#include "http/h1_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rewritten(const struct h1_message *m)
{
    static const struct h1_limits wide = {65536, FUZZ_HEADERS + 2};
    struct http_header headers[FUZZ_HEADERS + 2];
    struct http_head head = m->head;
    enum h1_framing framing;
    struct h1_message again;
    struct h1_parser p;
    CLEANUP(buf_deinit) struct buf text;

    buf_init(&text, 0);
    if (head.authority.n == 0)
        head.authority = STR("a");
    must(h1_write_request(&text, &head, m->framing == H1_NO_BODY ? STREAM_END : STREAM_MORE,
                          &framing) == 0);
    must(framing == m->framing);
    h1_parser_init(&p, H1_REQUEST);
    must(h1_parse(&p, buf_str(&text), &wide, headers, HTTP_METHOD_OTHER, &again) == H1_DONE ||
         again.fault == H1_FAULT_EXPECTATION); /* means nothing in HTTP/1.0 */
    if (again.fault)
        return;
    must(again.bytes == text.n && again.framing == m->framing);
    must(str_eq(again.head.target, head.target) && str_eq(again.head.authority, head.authority));
    must(str_eq(again.head.method_text, head.method_text));
    must(again.head.upgrade == head.upgrade);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[FUZZ_HEADERS];
    struct h1_message m;
    str bytes = str_make((const char *)data, size);

    if (parse_both_ways(H1_REQUEST, bytes, (unsigned)size, HTTP_METHOD_OTHER, headers, &m) !=
        H1_DONE)
        return 0;
    must(h1_is_token(m.head.method_text) && m.head.target.n > 0);
    must(m.head.target.p[0] == '/' || str_eq(m.head.target, STR("*")));
    must(m.head.version == 10 || (m.head.version == 11 && m.head.authority.n > 0));
    must(m.framing != H1_UNTIL_CLOSE);
    must((m.framing == H1_LENGTH) == (m.head.content_length > 0));
    check_rewritten(&m);
    return 0;
}

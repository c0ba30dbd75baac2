/* Response heads and trailer sections; the first byte says what was asked. */

#include "fuzz_h1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[FUZZ_HEADERS];
    struct h1_message m;

    if (size == 0)
        return 0;
    enum http_method asked = data[0] & 1 ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
    enum h1_kind kind = data[0] & 2 ? H1_TRAILERS : H1_RESPONSE;
    str bytes = str_make((const char *)data + 1, size - 1);
    if (parse_both_ways(kind, bytes, data[0], asked, headers, &m) != H1_DONE || kind == H1_TRAILERS)
        return 0;
    must(m.head.status >= 100 && m.head.status <= 599);
    must(asked != HTTP_METHOD_HEAD || m.framing == H1_NO_BODY);
    must(m.framing != H1_UNTIL_CLOSE || !m.keep_alive);
    must(m.framing != H1_LENGTH || m.head.content_length > 0);
    return 0;
}

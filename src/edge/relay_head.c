/* The head of the upstream's answer on its way to the client: what may pass, and what Ambit adds.
 */

#include "edge/edge.h"
#include "edge/exchange.h"

/* What never reaches the client: one hop's headers, what claims to be ours, the upstream's cookies,
 * and headers by which an upstream would speak for this origin. */
static bool is_withheld(const struct http_head *head, const struct http_header *header,
                        enum exchange_relay relay, bool is_call)
{
    static const str origin_names[] = {STR_INIT("alt-svc"), STR_INIT("strict-transport-security")};
    bool spliced = relay == RELAY_SPLICE_WHOLE || relay == RELAY_SPLICE_TAIL;

    switch (header->id) {
    case HTTP_HEADER_CONTENT_LENGTH:
    case HTTP_HEADER_SET_COOKIE:
    case HTTP_HEADER_X_REQUEST_ID:
    case HTTP_HEADER_X_AMBIT_REGION:
    case HTTP_HEADER_DATE:
        return true;
    case HTTP_HEADER_ETAG:
    case HTTP_HEADER_DIGEST:
    case HTTP_HEADER_CONTENT_DIGEST:
    case HTTP_HEADER_REPR_DIGEST:
    case HTTP_HEADER_CONTENT_MD5:
        return spliced;
    case HTTP_HEADER_OTHER:
        break;
    default:
        return http_header_is_hop_by_hop(head, header);
    }
    if (is_call && str_ieq(header->name, STR("x-baseten-request-id")))
        return true;
    if (header->name.n > 8 && str_ieq(str_upto(header->name, 8), STR("x-ambit-")))
        return true;
    if (header->name.n > 10 && str_ieq(str_upto(header->name, 10), STR("x-litellm-")))
        return true;
    for (size_t i = 0; i < COUNT_OF(origin_names); i++)
        if (str_ieq(header->name, origin_names[i]))
            return true;
    return http_header_is_hop_by_hop(head, header);
}

/* Text for a header must stay printable ASCII: anything else in a trace is escaped by JSON already.
 */
static void add_trace_header(struct exchange *x, struct http_head *answer)
{
    size_t limit = worker_catalog(x->worker)->settings.trace_header_bytes;
    struct buf *scratch = &x->worker->scratch;

    buf_clear(scratch);
    trace_render(&x->trace, limit, scratch);
    if (scratch->n <= limit)
        answer->headers[answer->n_headers++] = (struct http_header){
            .name = STR("x-ambit-routing-trace"), .value = arena_copy(&x->arena, buf_str(scratch))};
}

void relay_send_head(struct exchange *x, const struct http_head *head, int64_t content_length,
                     enum stream_end end)
{
    struct http_head answer = {
        .status = head->status, .version = 11, .content_length = content_length};

    /* The codec writes the head before it returns: the list lives for this call. */
    answer.headers = worker_headers(x->worker, head->n_headers + ANSWER_HEADERS_MAX + 1);
    for (size_t i = 0; i < head->n_headers; i++)
        if (!is_withheld(head, &head->headers[i], x->relay, x->call))
            answer.headers[answer.n_headers++] = head->headers[i];
    if (x->call ||
        (x->relay != RELAY_SPLICE_WHOLE && x->surface.surface->splice == SURFACE_SPLICE_JSON))
        add_trace_header(x, &answer);
    answer.n_headers += answer_headers(x, answer.headers + answer.n_headers);
    x->status = head->status;
    stream_send_head(x->client, &answer, end);
}

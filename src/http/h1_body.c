#include "http/h1_body.h"

void h1_body_init(struct h1_body *b, const struct h1_message *m)
{
    *b = (struct h1_body){.framing = (uint8_t)m->framing};
    if (m->framing == H1_LENGTH)
        b->rest = (uint64_t)m->head.content_length;
    else if (m->framing == H1_CHUNKED)
        h1_chunked_init(&b->chunked);
}

uint64_t h1_body_rest(const struct h1_body *b)
{
    switch (b->framing) {
    case H1_NO_BODY:
        return 0;
    case H1_LENGTH:
        return b->rest;
    default:
        return UINT64_MAX;
    }
}

static enum h1_body_result next_of_length(struct h1_body *b, str in, size_t most, size_t *ret_used,
                                          str *ret_data)
{
    if (b->rest == 0)
        return H1_BODY_END;
    if (in.n == 0)
        return H1_BODY_MORE;
    *ret_data = str_upto(in, most < b->rest ? most : (size_t)b->rest);
    *ret_used = ret_data->n;
    b->rest -= ret_data->n;
    return H1_BODY_DATA;
}

static void drop_forbidden(struct http_head *head)
{
    size_t kept = 0;

    for (size_t i = 0; i < head->n_headers; i++) {
        if (!h1_is_forbidden_trailer(&head->headers[i]))
            head->headers[kept++] = head->headers[i];
    }
    head->n_headers = kept;
}

static enum h1_body_result next_trailers(struct h1_body *b, str in, struct http_header *headers,
                                         size_t *ret_used, struct h1_message *ret_trailers)
{
    static const struct h1_limits limits = {H1_TRAILER_BYTES, H1_TRAILERS_MAX};

    switch (h1_parse(&b->trailers, in, &limits, headers, HTTP_METHOD_OTHER, ret_trailers)) {
    case H1_MORE:
        return H1_BODY_MORE;
    case H1_DONE:
        *ret_used += ret_trailers->bytes;
        drop_forbidden(&ret_trailers->head);
        return H1_BODY_END;
    default:
        return H1_BODY_BAD;
    }
}

static enum h1_body_result next_chunked(struct h1_body *b, str in, size_t most,
                                        struct http_header *headers, size_t *ret_used,
                                        str *ret_data, struct h1_message *ret_trailers)
{
    if (!b->in_trailers) {
        switch (h1_chunked_next(&b->chunked, in, most, ret_used, ret_data, &ret_trailers->fault)) {
        case H1_CHUNKED_MORE:
            return H1_BODY_MORE;
        case H1_CHUNKED_DATA:
            return H1_BODY_DATA;
        case H1_CHUNKED_BAD:
            return H1_BODY_BAD;
        case H1_CHUNKED_LAST:
            b->in_trailers = true;
            h1_parser_init(&b->trailers, H1_TRAILERS);
            break;
        }
    }
    return next_trailers(b, str_from(in, *ret_used), headers, ret_used, ret_trailers);
}

enum h1_body_result h1_body_next(struct h1_body *b, str in, size_t most,
                                 struct http_header *headers, size_t *ret_used, str *ret_data,
                                 struct h1_message *ret_trailers)
{
    *ret_used = 0;
    ret_trailers->head.n_headers = 0;
    switch (b->framing) {
    case H1_LENGTH:
        return next_of_length(b, in, most, ret_used, ret_data);
    case H1_CHUNKED:
        return next_chunked(b, in, most, headers, ret_used, ret_data, ret_trailers);
    case H1_UNTIL_CLOSE:
        if (in.n == 0)
            return H1_BODY_MORE;
        *ret_data = str_upto(in, most);
        *ret_used = ret_data->n;
        return H1_BODY_DATA;
    default:
        return H1_BODY_END;
    }
}

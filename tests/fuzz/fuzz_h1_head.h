#pragma once

/*
 * What the fuzz targets of heads share: the same bytes are parsed whole and again in pieces, and
 * both have to come to the same end, the second time from a buffer that moves. What was accepted
 * lies inside the bytes and is fit to be written again.
 */

#include "base/mem.h"
#include "http/h1_chars.h"
#include "http/h1_parse.h"

enum { FUZZ_HEADERS = 16, FUZZ_HEAD_BYTES = 1024 };

static const struct h1_limits fuzz_limits = {FUZZ_HEAD_BYTES, FUZZ_HEADERS};

static inline void must(bool condition)
{
    if (!condition)
        abort();
}

static inline bool is_within(str piece, str whole)
{
    return piece.n == 0 || (piece.p >= whole.p && piece.p + piece.n <= whole.p + whole.n);
}

static inline void check_headers(const struct http_head *head, str bytes)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];

        must(is_within(h->name, bytes) && is_within(h->value, bytes));
        must(h1_is_token(h->name) && h1_is_clean(h->value));
        must(h->id == http_header_id(h->name));
        must(h->id == HTTP_HEADER_OTHER || str_ieq(h->name, http_header_name(h->id)));
        must(str_trim(h->value).n == h->value.n);
    }
}

/* Parses `bytes` in pieces of 1 to 8 bytes that `seed` decides about. */
static inline enum h1_result parse_in_pieces(enum h1_kind kind, str bytes, unsigned seed,
                                             enum http_method asked, struct h1_message *ret)
{
    struct http_header headers[FUZZ_HEADERS];
    struct h1_parser p;
    enum h1_result result = H1_MORE;
    size_t n = 0;

    h1_parser_init(&p, kind);
    while (result == H1_MORE && n < bytes.n) {
        seed = seed * 1103515245u + 12345u;
        n += 1 + (seed >> 16) % 8;
        n = n < bytes.n ? n : bytes.n;
        char *copy = mem_alloc(n);
        memcpy(copy, bytes.p, n);
        result = h1_parse(&p, str_make(copy, n), &fuzz_limits, headers, asked, ret);
        mem_free(copy);
    }
    return result;
}

/* Returns the result of the whole. */
static inline enum h1_result parse_both_ways(enum h1_kind kind, str bytes, unsigned seed,
                                             enum http_method asked, struct http_header *headers,
                                             struct h1_message *ret)
{
    struct h1_message other;
    struct h1_parser p;

    h1_parser_init(&p, kind);
    enum h1_result whole = h1_parse(&p, bytes, &fuzz_limits, headers, asked, ret);
    if (bytes.n) {
        must(parse_in_pieces(kind, bytes, seed, asked, &other) == whole);
        must(whole == H1_MORE || other.fault == ret->fault);
        must(whole != H1_DONE || (other.bytes == ret->bytes && other.framing == ret->framing));
    }
    must((whole == H1_BAD) == (ret->fault != H1_OK));
    if (whole != H1_DONE)
        return whole;
    must(ret->bytes <= bytes.n && ret->bytes <= FUZZ_HEAD_BYTES);
    must(str_ends(str_upto(bytes, ret->bytes), STR("\r\n")));
    check_headers(&ret->head, bytes);
    return whole;
}

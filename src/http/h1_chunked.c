#include "http/h1_chunked.h"

#include "http/h1_chars.h"

/*
 *            digit         ';'            any
 *           ┌─────┐   ┌───────────► EXTENSION ─┐
 *   SIZE ◄──┘     └───┤                  CR    │
 *    ▲                └──── CR ──► SIZE_LF ◄───┘
 *    │ LF                            │ LF, size > 0      LF, size = 0 ──► LAST
 *   DATA_LF ◄── CR ── DATA_CR ◄──── DATA
 */
enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST };

void h1_chunked_init(struct h1_chunked *c)
{
    *c = (struct h1_chunked){.state = SIZE};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum h1_fault step_size(struct h1_chunked *c, char byte)
{
    int digit = hex_digit(byte);

    if (digit >= 0) {
        if (c->digits++ == H1_CHUNK_SIZE_DIGITS)
            return H1_FAULT_CHUNK;
        c->rest = c->rest << 4 | (unsigned)digit;
        return H1_OK;
    }
    if (c->digits == 0 || (byte != '\r' && byte != ';'))
        return H1_FAULT_CHUNK;
    c->state = byte == '\r' ? SIZE_LF : EXTENSION;
    return H1_OK;
}

static enum h1_fault step_extension(struct h1_chunked *c, char byte)
{
    if (byte == '\r') {
        c->state = SIZE_LF;
        return H1_OK;
    }
    if (!h1_is_clean(str_make(&byte, 1)))
        return H1_FAULT_CHUNK;
    return c->extension_bytes++ < H1_CHUNK_EXTENSION_BYTES ? H1_OK : H1_FAULT_CHUNK_EXTENSIONS;
}

static enum h1_fault step_to(struct h1_chunked *c, char byte, char expected, int next)
{
    c->state = (uint8_t)next;
    return byte == expected ? H1_OK : H1_FAULT_CHUNK;
}

/* One byte of framing. */
static enum h1_fault step(struct h1_chunked *c, char byte)
{
    switch (c->state) {
    case SIZE:
        return step_size(c, byte);
    case EXTENSION:
        return step_extension(c, byte);
    case SIZE_LF:
        return step_to(c, byte, '\n', c->rest ? DATA : LAST);
    case DATA_CR:
        return step_to(c, byte, '\r', DATA_LF);
    default:
        c->digits = 0;
        return step_to(c, byte, '\n', SIZE);
    }
}

static size_t take_data(struct h1_chunked *c, str in, size_t most, str *ret_data)
{
    size_t n = in.n < most ? in.n : most;

    if (n > c->rest)
        n = (size_t)c->rest;
    c->rest -= n;
    if (c->rest == 0)
        c->state = DATA_CR;
    *ret_data = str_upto(in, n);
    return n;
}

enum h1_chunked_result h1_chunked_next(struct h1_chunked *c, str in, size_t most, size_t *ret_used,
                                       str *ret_data, enum h1_fault *ret_fault)
{
    for (size_t i = 0; i < in.n; i++) {
        if (c->state == DATA) {
            *ret_used = i + take_data(c, str_from(in, i), most, ret_data);
            return H1_CHUNKED_DATA;
        }
        enum h1_fault fault = step(c, in.p[i]);
        if (fault) {
            *ret_fault = fault;
            return H1_CHUNKED_BAD;
        }
        if (c->state == LAST) {
            *ret_used = i + 1;
            return H1_CHUNKED_LAST;
        }
    }
    *ret_used = in.n;
    return H1_CHUNKED_MORE;
}

size_t h1_chunk_head(size_t n, char *ret_text)
{
    unsigned digits = 1;

    while (digits < 16 && n >> (4 * digits))
        digits++;
    for (unsigned i = 0; i < digits; i++)
        ret_text[i] = "0123456789abcdef"[n >> (4 * (digits - 1 - i)) & 15];
    ret_text[digits] = '\r';
    ret_text[digits + 1] = '\n';
    return digits + 2;
}

bool h1_is_forbidden_trailer(const struct http_header *header)
{
    static const str others[] = {STR_INIT("content-range"), STR_INIT("cache-control"),
                                 STR_INIT("max-forwards"), STR_INIT("range"),
                                 STR_INIT("www-authenticate")};

    switch (header->id) {
    case HTTP_HEADER_AUTHORIZATION:
    case HTTP_HEADER_API_KEY:
    case HTTP_HEADER_CONNECTION:
    case HTTP_HEADER_CONTENT_ENCODING:
    case HTTP_HEADER_CONTENT_LENGTH:
    case HTTP_HEADER_CONTENT_TYPE:
    case HTTP_HEADER_COOKIE:
    case HTTP_HEADER_EXPECT:
    case HTTP_HEADER_HOST:
    case HTTP_HEADER_KEEP_ALIVE:
    case HTTP_HEADER_LOCATION:
    case HTTP_HEADER_PROXY_AUTHENTICATE:
    case HTTP_HEADER_PROXY_AUTHORIZATION:
    case HTTP_HEADER_PROXY_CONNECTION:
    case HTTP_HEADER_RETRY_AFTER:
    case HTTP_HEADER_SET_COOKIE:
    case HTTP_HEADER_TE:
    case HTTP_HEADER_TRAILER:
    case HTTP_HEADER_TRANSFER_ENCODING:
    case HTTP_HEADER_UPGRADE:
        return true;
    default:
        break;
    }
    if (str_starts(http_header_name(header->id), STR("x-ambit-")) ||
        str_starts(http_header_name(header->id), STR("x-litellm-")))
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (str_ieq(header->name, others[i]))
            return true;
    }
    return false;
}

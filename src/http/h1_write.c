#include "http/h1_write.h"

#include "base/clock.h"
#include "http/h1_chars.h"
#include "http/h1_chunked.h"

#include <errno.h>
#include <time.h>

static inline char *put(char *at, str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static inline void put_header(struct buf *to, str name, str value)
{
    char *start = buf_reserve(to, name.n + value.n + 4);
    char *at = start;

    if (!start)
        return;
    at = put(at, name);
    at = put(at, STR(": "));
    if (value.n)
        at = put(at, value);
    at = put(at, STR("\r\n"));
    to->n += (size_t)(at - start);
}

static void put_length(struct buf *to, int64_t length)
{
    buf_put_str(to, STR("Content-Length: "));
    buf_put_u64(to, (uint64_t)length);
    buf_put_str(to, STR("\r\n"));
}

static bool is_own(enum http_header_id id)
{
    switch (id) {
    case HTTP_HEADER_CONNECTION:
    case HTTP_HEADER_CONTENT_LENGTH:
    case HTTP_HEADER_TRANSFER_ENCODING:
    case HTTP_HEADER_KEEP_ALIVE:
    case HTTP_HEADER_DATE:
    case HTTP_HEADER_HOST:
    case HTTP_HEADER_UPGRADE:
        return true;
    default:
        return false;
    }
}

static void put_headers(struct buf *to, const struct http_head *head)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];

        if (!is_own(h->id) && (h->checked || (h1_is_token(h->name) && h1_is_clean(h->value))))
            put_header(to, h->name, h->value);
    }
}

/* No blanks, no controls: cannot end a request line or a header early. */
static bool is_visible(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    }
    return s.n > 0;
}

static bool expects_content(enum http_method method)
{
    return method == HTTP_METHOD_POST || method == HTTP_METHOD_PUT || method == HTTP_METHOD_PATCH;
}

/* A request without a body says so only where its method leads one to expect one (RFC 9110
 * section 8.6). */
static enum h1_framing put_request_framing(struct buf *to, const struct http_head *head,
                                           enum stream_end end)
{
    if (end == STREAM_END || head->content_length == 0) {
        if (head->content_length == 0 || expects_content(head->method))
            put_length(to, 0);
        return H1_NO_BODY;
    }
    if (head->content_length > 0) {
        put_length(to, head->content_length);
        return H1_LENGTH;
    }
    buf_put_str(to, STR("Transfer-Encoding: chunked\r\n"));
    return H1_CHUNKED;
}

/* RFC 9110 section 7.8: whoever sends Upgrade names it in Connection, so that it ends here. */
static void put_upgrade(struct buf *to, enum http_upgrade upgrade, str connection)
{
    put_header(to, STR("Connection"), connection);
    put_header(to, STR("Upgrade"), http_upgrade_name(upgrade));
}

int h1_write_request(struct buf *to, const struct http_head *head, enum stream_end end,
                     enum h1_framing *ret_framing)
{
    if (!h1_is_token(head->method_text) || !is_visible(head->target) ||
        !is_visible(head->authority))
        return -EINVAL;
    buf_put_str(to, head->method_text);
    buf_put_char(to, ' ');
    buf_put_str(to, head->target);
    buf_put_str(to, STR(" HTTP/1.1\r\n"));
    put_header(to, STR("Host"), head->authority);
    put_headers(to, head);
    if (head->upgrade)
        put_upgrade(to, head->upgrade, STR("Upgrade"));
    *ret_framing = put_request_framing(to, head, end);
    buf_put_str(to, STR("\r\n"));
    return 0;
}

static void put_status_line(struct buf *to, unsigned status)
{
    if (status == 200) {
        buf_put_str(to, STR("HTTP/1.1 200 OK\r\n"));
        return;
    }
    buf_put_str(to, STR("HTTP/1.1 "));
    buf_put_u64(to, status);
    buf_put_char(to, ' ');
    buf_put_str(to, http_reason(status));
    buf_put_str(to, STR("\r\n"));
}

/* Framing headers, and what follows on the wire. The answer to a HEAD has the headers that the one
 * to a GET would have. */
static enum h1_framing put_response_framing(struct buf *to, const struct http_head *head,
                                            enum stream_end end, struct h1_answering *a)
{
    bool headless_body = a->method == HTTP_METHOD_HEAD || head->status == 304;

    if (head->status == 204)
        return H1_NO_BODY;
    if (head->content_length >= 0) {
        put_length(to, head->content_length);
        return headless_body || head->content_length == 0 ? H1_NO_BODY : H1_LENGTH;
    }
    if (headless_body)
        return H1_NO_BODY;
    if (end == STREAM_END) {
        put_length(to, 0);
        return H1_NO_BODY;
    }
    if (a->version >= 11) {
        buf_put_str(to, STR("Transfer-Encoding: chunked\r\n"));
        return H1_CHUNKED;
    }
    a->keep_alive = false;
    return H1_UNTIL_CLOSE;
}

static void put_connection(struct buf *to, const struct http_head *head,
                           const struct h1_answering *a)
{
    if (head->upgrade && a->version >= 11)
        put_upgrade(to, head->upgrade, a->keep_alive ? STR("Upgrade") : STR("Upgrade, close"));
    else if (!a->keep_alive)
        buf_put_str(to, STR("Connection: close\r\n"));
    else if (a->version == 10)
        buf_put_str(to, STR("Connection: keep-alive\r\n"));
}

enum h1_framing h1_write_response(struct buf *to, const struct http_head *head, enum stream_end end,
                                  struct h1_answering *a)
{
    enum h1_framing framing = H1_NO_BODY;

    put_status_line(to, head->status);
    put_headers(to, head);
    if (head->status >= 200) {
        if (a->date.n)
            put_header(to, STR("Date"), a->date);
        framing = put_response_framing(to, head, end, a);
        put_connection(to, head, a);
    } else if (head->status == 101) {
        put_upgrade(to, head->upgrade, STR("Upgrade"));
    }
    buf_put_str(to, STR("\r\n"));
    return framing;
}

void h1_write_last_chunk(struct buf *to, const struct http_head *trailers)
{
    buf_put_str(to, STR("0\r\n"));
    for (size_t i = 0; trailers && i < trailers->n_headers; i++) {
        const struct http_header *h = &trailers->headers[i];

        if (!h1_is_forbidden_trailer(h) && h1_is_token(h->name) && h1_is_clean(h->value))
            put_header(to, h->name, h->value);
    }
    buf_put_str(to, STR("\r\n"));
}

static void put_two(char *at, int value)
{
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
}

void h1_format_date(int64_t wall_ns, char *ret_text)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm t;

    gmtime_r(&seconds, &t);
    memcpy(ret_text, "Sun, 06 Nov 1994 08:49:37 GMT", H1_DATE_BYTES);
    memcpy(ret_text, &"SunMonTueWedThuFriSat"[3 * t.tm_wday], 3);
    put_two(ret_text + 5, t.tm_mday);
    memcpy(ret_text + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * t.tm_mon], 3);
    put_two(ret_text + 12, (t.tm_year + 1900) / 100);
    put_two(ret_text + 14, (t.tm_year + 1900) % 100);
    put_two(ret_text + 17, t.tm_hour);
    put_two(ret_text + 20, t.tm_min);
    put_two(ret_text + 23, t.tm_sec);
}

#include "http/h1_write.h"
#include "unit/test.h"

#include "base/clock.h"
#include "base/mem.h"

#define H(n, v)                                                                                    \
    {                                                                                              \
        .name = STR_INIT(n), .value = STR_INIT(v)                                                  \
    }

static struct http_header headers[] = {
    H("Accept", "*/*"),           H("host", "evil"),
    H("Connection", "close"),     H("Bad Name", "x"),
    H("X-Split", "a\r\nEvil: b"), H("Content-Length", "99"),
    H("X-Last", "\xc3\xa4"),      H("Transfer-Encoding", "x"),
    H("Date", "never"),           H("Keep-Alive", "1"),
    H("Upgrade", "h2c"),
};

static struct http_head make_head(void)
{
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        headers[i].id = http_header_id(headers[i].name);
    return (struct http_head){
        .method = HTTP_METHOD_POST,
        .method_text = STR("POST"),
        .target = STR("/x"),
        .authority = STR("h:1"),
        .status = 200,
        .content_length = HTTP_LENGTH_NONE,
        .headers = headers,
        .n_headers = COUNT_OF(headers),
    };
}

static struct buf out;
static enum h1_framing framing;

static str request(const struct http_head *head, enum stream_end end)
{
    buf_clear(&out);
    CHECK_INT(h1_write_request(&out, head, end, &framing), 0);
    return buf_str(&out);
}

static str response(const struct http_head *head, enum stream_end end, struct h1_answering a)
{
    buf_clear(&out);
    framing = h1_write_response(&out, head, end, &a);
    return buf_str(&out);
}

static void a_request_has_its_own_host_and_framing(void)
{
    struct http_head head = make_head();

    head.content_length = 5;
    CHECK_STR(request(&head, STREAM_MORE),
              "POST /x HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\nX-Last: \xc3\xa4\r\n"
              "Content-Length: 5\r\n\r\n");
    CHECK_INT(framing, H1_LENGTH);
    head.n_headers = 0;
    head.content_length = HTTP_LENGTH_NONE;
    CHECK_STR(request(&head, STREAM_MORE),
              "POST /x HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_INT(framing, H1_CHUNKED);
    CHECK_STR(request(&head, STREAM_END),
              "POST /x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n");
    CHECK_INT(framing, H1_NO_BODY);
    head.method = HTTP_METHOD_GET;
    head.method_text = STR("GET");
    CHECK_STR(request(&head, STREAM_END), "GET /x HTTP/1.1\r\nHost: h:1\r\n\r\n");
}

static void what_would_break_the_request_line_is_refused(void)
{
    struct http_head head = make_head();

    head.target = STR("/a b");
    CHECK(h1_write_request(&out, &head, STREAM_END, &framing) < 0);
    head.target = STR("/a\r\nX: y");
    CHECK(h1_write_request(&out, &head, STREAM_END, &framing) < 0);
    head = make_head();
    head.authority = STR("");
    CHECK(h1_write_request(&out, &head, STREAM_END, &framing) < 0);
    head = make_head();
    head.method_text = STR("GET /");
    CHECK(h1_write_request(&out, &head, STREAM_END, &framing) < 0);
}

static void a_response_is_framed_for_its_request(void)
{
    struct http_head head = make_head();

    head.n_headers = 0;
    struct h1_answering a = {.method = HTTP_METHOD_POST, .version = 11, .keep_alive = true};
    CHECK_STR(response(&head, STREAM_MORE, a),
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK_INT(framing, H1_CHUNKED);
    CHECK_STR(response(&head, STREAM_END, a), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    a.keep_alive = false;
    a.date = STR("today");
    CHECK_STR(response(&head, STREAM_END, a),
              "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    a = (struct h1_answering){.method = HTTP_METHOD_POST, .version = 10, .keep_alive = true};
    CHECK_STR(response(&head, STREAM_MORE, a), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    CHECK_INT(framing, H1_UNTIL_CLOSE);
    head.content_length = 3;
    CHECK_STR(response(&head, STREAM_MORE, a),
              "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n");
    CHECK_INT(framing, H1_LENGTH);
}

static void some_responses_end_with_their_head(void)
{
    struct http_head head = make_head();
    struct h1_answering a = {.method = HTTP_METHOD_HEAD, .version = 11, .keep_alive = true};

    head.n_headers = 0;
    head.content_length = 3;
    CHECK_STR(response(&head, STREAM_END, a), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    CHECK_INT(framing, H1_NO_BODY);
    a.method = HTTP_METHOD_GET;
    head.status = 304;
    CHECK_STR(response(&head, STREAM_END, a),
              "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n");
    CHECK_INT(framing, H1_NO_BODY);
    head.status = 204;
    CHECK_STR(response(&head, STREAM_MORE, a), "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK_INT(framing, H1_NO_BODY);
    head.status = 103;
    a.keep_alive = false;
    CHECK_STR(response(&head, STREAM_END, a), "HTTP/1.1 103 Early Hints\r\n\r\n");
}

static void upgrade_is_written_with_its_connection_option(void)
{
    struct http_head head = make_head();
    struct h1_answering a = {.method = HTTP_METHOD_GET, .version = 11, .keep_alive = true};

    head.upgrade = HTTP_UPGRADE_WEBSOCKET;
    head.method = HTTP_METHOD_GET;
    head.method_text = STR("GET");
    CHECK_STR(request(&head, STREAM_END),
              "GET /x HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\nX-Last: \xc3\xa4\r\n"
              "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    CHECK_INT(framing, H1_NO_BODY);
    head.n_headers = 1;
    head.status = 101;
    CHECK_STR(response(&head, STREAM_MORE, a),
              "HTTP/1.1 101 Switching Protocols\r\nAccept: */*\r\nConnection: Upgrade\r\n"
              "Upgrade: websocket\r\n\r\n");
    head.n_headers = 0;
    head.status = 426;
    CHECK_STR(response(&head, STREAM_END, a),
              "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: Upgrade\r\n"
              "Upgrade: websocket\r\n\r\n");
    a.keep_alive = false;
    CHECK_STR(response(&head, STREAM_END, a),
              "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n"
              "Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n");
    a.version = 10;
    CHECK_STR(response(&head, STREAM_END, a),
              "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void trailers_are_filtered(void)
{
    struct http_head head = make_head();

    buf_clear(&out);
    h1_write_last_chunk(&out, &head);
    CHECK_STR(buf_str(&out), "0\r\nAccept: */*\r\nX-Last: \xc3\xa4\r\nDate: never\r\n\r\n");
    buf_clear(&out);
    h1_write_last_chunk(&out, NULL);
    CHECK_STR(buf_str(&out), "0\r\n\r\n");
}

static void dates_have_the_fixed_form(void)
{
    char text[H1_DATE_BYTES];

    h1_format_date(784111777 * NS_PER_S, text);
    CHECK_STR(str_make(text, sizeof(text)), "Sun, 06 Nov 1994 08:49:37 GMT");
}

int main(void)
{
    RUN(a_request_has_its_own_host_and_framing);
    RUN(what_would_break_the_request_line_is_refused);
    RUN(a_response_is_framed_for_its_request);
    RUN(some_responses_end_with_their_head);
    RUN(upgrade_is_written_with_its_connection_option);
    RUN(trailers_are_filtered);
    RUN(dates_have_the_fixed_form);
    buf_deinit(&out);
    return test_end();
}

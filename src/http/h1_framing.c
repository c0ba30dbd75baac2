#include "http/h1_framing.h"

#include "http/h1_chars.h"

#include <arpa/inet.h>

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

/* What one pass over the headers finds. */
struct survey {
    const struct http_header *host, *length, *coding;
    size_t hosts, lengths, codings;
    size_t protocols; /* that Upgrade names */
    bool close, keep_alive, upgrade;
    bool websocket;
    bool expects, expects_else;
};

static void survey_connection(struct survey *v, str list)
{
    while (list.n) {
        str option = str_trim(str_cut(&list, ','));

        if (str_ieq(option, STR("close")))
            v->close = true;
        else if (str_ieq(option, STR("keep-alive")))
            v->keep_alive = true;
        else if (str_ieq(option, STR("upgrade")))
            v->upgrade = true;
    }
}

static void survey_upgrade(struct survey *v, str list)
{
    while (list.n) {
        str protocol = str_trim(str_cut(&list, ','));

        v->protocols += protocol.n > 0;
        if (str_ieq(protocol, http_upgrade_name(HTTP_UPGRADE_WEBSOCKET)))
            v->websocket = true;
    }
}

static void survey_header(struct survey *v, const struct http_header *h)
{
    switch (h->id) {
    case HTTP_HEADER_HOST:
        v->host = h;
        v->hosts++;
        break;
    case HTTP_HEADER_CONTENT_LENGTH:
        v->length = h;
        v->lengths++;
        break;
    case HTTP_HEADER_TRANSFER_ENCODING:
        v->coding = h;
        v->codings++;
        break;
    case HTTP_HEADER_CONNECTION:
        survey_connection(v, h->value);
        break;
    case HTTP_HEADER_UPGRADE:
        survey_upgrade(v, h->value);
        break;
    case HTTP_HEADER_EXPECT:
        if (str_ieq(h->value, STR("100-continue")))
            v->expects = true;
        else
            v->expects_else = true;
        break;
    default:
        break;
    }
}

static struct survey survey_headers(const struct http_head *head)
{
    struct survey v = {0};

    for (size_t i = 0; i < head->n_headers; i++)
        survey_header(&v, &head->headers[i]);
    return v;
}

/* The only coding that we can read is "chunked", alone and once (RFC 9112 sections 6.1 and 7). */
static enum h1_fault judge_codings(const struct http_head *head)
{
    bool chunked = false, unknown = false;

    for (size_t i = 0; i < head->n_headers; i++) {
        str list = head->headers[i].value;

        if (head->headers[i].id != HTTP_HEADER_TRANSFER_ENCODING)
            continue;
        for (bool more = true; more;) {
            more = str_find(list, ',', 0) < list.n;
            str coding = str_trim(str_cut(&list, ','));

            if (chunked || !h1_is_token(coding))
                return H1_FAULT_CODING;
            if (str_ieq(coding, STR("chunked")))
                chunked = true;
            else
                unknown = true;
        }
    }
    return unknown ? H1_FAULT_CODING_UNKNOWN : H1_OK;
}

static enum h1_fault judge_length(const struct survey *v, int64_t *ret_length)
{
    uint64_t length;

    if (v->lengths > 1)
        return H1_FAULT_SEVERAL_LENGTHS;
    if (!str_parse_u64(v->length->value, &length) || length > INT64_MAX)
        return H1_FAULT_LENGTH;
    *ret_length = (int64_t)length;
    return H1_OK;
}

/* Content-Length and Transfer-Encoding; leaves H1_UNTIL_CLOSE where there is neither. */
static enum h1_fault judge_body(struct h1_message *m, const struct survey *v)
{
    enum h1_fault fault = H1_OK;

    m->head.content_length = HTTP_LENGTH_NONE;
    m->framing = H1_UNTIL_CLOSE;
    if (v->codings && v->lengths)
        return H1_FAULT_LENGTH_AND_CODING;
    if (v->codings) {
        fault = m->head.version == 10 ? H1_FAULT_CODING_IN_1_0 : judge_codings(&m->head);
        m->framing = H1_CHUNKED;
    } else if (v->lengths) {
        fault = judge_length(v, &m->head.content_length);
        m->framing = m->head.content_length ? H1_LENGTH : H1_NO_BODY;
    }
    return fault;
}

static bool judge_keep_alive(const struct h1_message *m, const struct survey *v)
{
    return !v->close && (m->head.version == 11 || v->keep_alive);
}

static bool is_ipv6(str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* What is behind the host: nothing, or ":" and up to five digits (RFC 3986 lets them be absent). */
static bool is_port(str s)
{
    uint64_t port;

    if (s.n == 0)
        return true;
    if (s.p[0] != ':' || s.n > 1 + PORT_DIGITS)
        return false;
    return s.n == 1 || (str_parse_u64(str_from(s, 1), &port) && port <= PORT_MAX);
}

static bool is_authority(str s)
{
    size_t i = 0;

    if (s.n == 0)
        return false;
    if (s.p[0] == '[') {
        size_t end = str_find(s, ']', 0);

        return end < s.n && is_ipv6(str_make(s.p + 1, end - 1)) && is_port(str_from(s, end + 1));
    }
    while (i < s.n && h1_char_is(s.p[i], H1_CHAR_HOST))
        i++;
    return i > 0 && is_port(str_from(s, i));
}

static enum h1_fault judge_host(struct h1_message *m, const struct survey *v)
{
    m->head.authority = STR("");
    if (v->hosts > 1)
        return H1_FAULT_SEVERAL_HOSTS;
    if (v->hosts == 0)
        return m->head.version == 10 ? H1_OK : H1_FAULT_NO_HOST;
    if (!is_authority(v->host->value))
        return H1_FAULT_HOST;
    m->head.authority = v->host->value;
    return H1_OK;
}

static size_t scheme_bytes(str target)
{
    if (str_ieq(str_upto(target, 7), STR("http://")))
        return 7;
    return str_ieq(str_upto(target, 8), STR("https://")) ? 8 : 0;
}

/* Absolute form: the authority must be the one that Host names, and what follows it becomes the
 * target. A query without a path ("http://host?q") has no origin form as it stands and is refused.
 */
static enum h1_fault reduce_absolute(struct h1_message *m)
{
    str rest = str_from(m->head.target, scheme_bytes(m->head.target));
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    if (!is_authority(str_upto(rest, n)))
        return H1_FAULT_TARGET;
    if (m->head.authority.n && !str_ieq(str_upto(rest, n), m->head.authority))
        return H1_FAULT_TARGET_HOST;
    m->head.authority = str_upto(rest, n);
    rest = str_from(rest, n);
    if (rest.n && rest.p[0] != '/')
        return H1_FAULT_TARGET;
    if (rest.n == 0)
        rest = m->head.method == HTTP_METHOD_OPTIONS ? STR("*") : STR("/");
    m->head.target = rest;
    return H1_OK;
}

static enum h1_fault judge_target(struct h1_message *m)
{
    str target = m->head.target;

    if (target.p[0] == '/')
        return H1_OK;
    if (str_eq(target, STR("*")))
        return m->head.method == HTTP_METHOD_OPTIONS ? H1_OK : H1_FAULT_TARGET;
    return scheme_bytes(target) ? reduce_absolute(m) : H1_FAULT_TARGET;
}

/* A request may offer several protocols; whatever else it asks for is ignored, as RFC 9110 section
 * 7.8 allows. With a body it is an ordinary request: nobody could tell that body from the first
 * bytes of the other protocol. */
static enum http_upgrade wanted_upgrade(const struct h1_message *m, const struct survey *v)
{
    bool may = m->head.version == 11 && m->head.method == HTTP_METHOD_GET &&
               m->framing == H1_NO_BODY && v->upgrade;

    return may && v->websocket ? HTTP_UPGRADE_WEBSOCKET : HTTP_UPGRADE_NONE;
}

/* A 101 names exactly the one that is spoken from here on. */
static enum http_upgrade made_upgrade(const struct h1_message *m, const struct survey *v)
{
    bool may = m->head.version == 11 && m->head.status == 101 && v->upgrade && v->protocols == 1;

    return may && v->websocket ? HTTP_UPGRADE_WEBSOCKET : HTTP_UPGRADE_NONE;
}

enum h1_fault h1_frame_request(struct h1_message *m)
{
    struct survey v = survey_headers(&m->head);
    enum h1_fault fault;

    if ((fault = judge_host(m, &v)) || (fault = judge_target(m)) || (fault = judge_body(m, &v)))
        return fault;
    if (m->framing == H1_UNTIL_CLOSE) /* a request without either header has no body */
        m->framing = H1_NO_BODY;
    m->keep_alive = judge_keep_alive(m, &v);
    m->head.upgrade = wanted_upgrade(m, &v);
    if (m->head.version == 11) {
        if (v.expects_else)
            return H1_FAULT_EXPECTATION;
        m->head.expects_continue = v.expects && m->framing != H1_NO_BODY;
    }
    return H1_OK;
}

enum h1_fault h1_frame_response(struct h1_message *m, enum http_method asked)
{
    struct survey v = survey_headers(&m->head);
    enum h1_fault fault = judge_body(m, &v);
    unsigned status = m->head.status;

    if (fault)
        return fault;
    m->head.upgrade = made_upgrade(m, &v);
    m->keep_alive = judge_keep_alive(m, &v) && m->framing != H1_UNTIL_CLOSE;
    if (asked == HTTP_METHOD_HEAD || status < 200 || status == 204 || status == 304) {
        m->keep_alive = judge_keep_alive(m, &v);
        m->framing = H1_NO_BODY;
    }
    return H1_OK;
}

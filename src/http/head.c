/*
 * Heads without a wire format: which names have ids, which headers live for one hop only, and how a
 * head is moved to memory that outlives its callback.
 *
 * A name is looked up by its length first; no more than six names share one, and a name that is not
 * in the table is mostly refused by its first character. The assertion on HTTP_HEADER_COUNT keeps
 * the switch in step with the table, the unit test looks up every name.
 */

#include "http/head.h"

#include "base/mem.h"

static const str header_names[HTTP_HEADER_COUNT] = {[HTTP_HEADER_OTHER] = {NULL, 0},
#define X(id, name) [HTTP_HEADER_##id] = STR_INIT(name),
                                                    HTTP_HEADER_TABLE(X)
#undef X
};

/* `known` has letters, digits and "-" only. OR-ing 0x20 folds the case of letters and leaves the
 * others; the bytes that it would confuse with them are control characters, which no name has. */
static bool is_name(str name, enum http_header_id id)
{
    const char *known = header_names[id].p;
    unsigned differs = 0;

    for (size_t i = 0; i < name.n; i++)
        differs |= (unsigned)((unsigned char)name.p[i] | 0x20) ^ (unsigned)(unsigned char)known[i];
    return differs == 0;
}

static enum http_header_id pick(str name, const enum http_header_id *ids, size_t n)
{
    char first = (char)(name.p[0] | 0x20);

    for (size_t i = 0; i < n; i++) {
        if (header_names[ids[i]].p[0] == first && is_name(name, ids[i]))
            return ids[i];
    }
    return HTTP_HEADER_OTHER;
}

#define ID(name) HTTP_HEADER_##name
#define PICK(...)                                                                                  \
    pick(name, (const enum http_header_id[]){__VA_ARGS__},                                         \
         COUNT_OF(((const enum http_header_id[]){__VA_ARGS__})))

_Static_assert(HTTP_HEADER_COUNT == 41, "a new name needs its place in http_header_id");

enum http_header_id http_header_id(str name)
{
    switch (name.n) {
    case 2:
        return PICK(ID(TE));
    case 4:
        return PICK(ID(HOST), ID(DATE), ID(ETAG));
    case 6:
        return PICK(ID(EXPECT), ID(COOKIE), ID(DIGEST));
    case 7:
        return PICK(ID(API_KEY), ID(TRAILER), ID(UPGRADE));
    case 8:
        return PICK(ID(LOCATION));
    case 10:
        return PICK(ID(CONNECTION), ID(KEEP_ALIVE), ID(SET_COOKIE));
    case 11:
        return PICK(ID(RETRY_AFTER), ID(CONTENT_MD5), ID(REPR_DIGEST), ID(WANT_DIGEST),
                    ID(X_MS_REGION));
    case 12:
        return PICK(ID(CONTENT_TYPE), ID(X_REQUEST_ID));
    case 13:
        return PICK(ID(AUTHORIZATION));
    case 14:
        return PICK(ID(CONTENT_LENGTH), ID(CONTENT_DIGEST), ID(X_AMBIT_REGION), ID(X_SHOULD_RETRY));
    case 15:
        return PICK(ID(ACCEPT_ENCODING), ID(X_AMBIT_SESSION));
    case 16:
        return PICK(ID(CONTENT_ENCODING), ID(PROXY_CONNECTION));
    case 17:
        return PICK(ID(TRANSFER_ENCODING), ID(SEC_WEBSOCKET_KEY));
    case 18:
        return PICK(ID(PROXY_AUTHENTICATE));
    case 19:
        return PICK(ID(PROXY_AUTHORIZATION));
    case 20:
        return PICK(ID(SEC_WEBSOCKET_ACCEPT));
    case 21:
        return PICK(ID(X_LITELLM_CUSTOMER_ID), ID(X_LITELLM_END_USER_ID),
                    ID(SEC_WEBSOCKET_VERSION));
    case 22:
        return PICK(ID(SEC_WEBSOCKET_PROTOCOL));
    case 24:
        return PICK(ID(SEC_WEBSOCKET_EXTENSIONS));
    default:
        return HTTP_HEADER_OTHER;
    }
}

str http_header_name(enum http_header_id id)
{
    return header_names[id];
}

enum http_method http_method_of(str text)
{
    static const struct {
        str text;
        enum http_method method;
    } methods[] = {
        {STR_INIT("POST"), HTTP_METHOD_POST},       {STR_INIT("GET"), HTTP_METHOD_GET},
        {STR_INIT("HEAD"), HTTP_METHOD_HEAD},       {STR_INIT("PUT"), HTTP_METHOD_PUT},
        {STR_INIT("DELETE"), HTTP_METHOD_DELETE},   {STR_INIT("PATCH"), HTTP_METHOD_PATCH},
        {STR_INIT("OPTIONS"), HTTP_METHOD_OPTIONS}, {STR_INIT("CONNECT"), HTTP_METHOD_CONNECT},
        {STR_INIT("TRACE"), HTTP_METHOD_TRACE},
    };

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (str_eq(text, methods[i].text))
            return methods[i].method;
    }
    return HTTP_METHOD_OTHER;
}

str http_upgrade_name(enum http_upgrade upgrade)
{
    return upgrade == HTTP_UPGRADE_WEBSOCKET ? STR("websocket") : STR("");
}

const struct http_header *http_head_find(const struct http_head *head, enum http_header_id id)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        if (head->headers[i].id == id)
            return &head->headers[i];
    }
    return NULL;
}

str http_head_value(const struct http_head *head, enum http_header_id id)
{
    const struct http_header *header = http_head_find(head, id);

    return header ? header->value : STR_NULL;
}

static bool list_names(str list, str name)
{
    while (list.n) {
        if (str_ieq(str_trim(str_cut(&list, ',')), name))
            return true;
    }
    return false;
}

static bool is_listed_in_connection(const struct http_head *head, str name)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        if (head->headers[i].id == HTTP_HEADER_CONNECTION &&
            list_names(head->headers[i].value, name))
            return true;
    }
    return false;
}

bool http_header_is_hop_by_hop(const struct http_head *head, const struct http_header *header)
{
    switch (header->id) {
    case HTTP_HEADER_CONNECTION:
    case HTTP_HEADER_KEEP_ALIVE:
    case HTTP_HEADER_TE:
    case HTTP_HEADER_TRAILER:
    case HTTP_HEADER_TRANSFER_ENCODING:
    case HTTP_HEADER_UPGRADE:
        return true;
    default:
        break;
    }
    return str_ieq(str_upto(header->name, 6), STR("proxy-")) ||
           is_listed_in_connection(head, header->name);
}

static size_t text_bytes(const struct http_head *head)
{
    size_t n = head->method_text.n + head->target.n + head->authority.n;

    for (size_t i = 0; i < head->n_headers; i++)
        n += head->headers[i].name.n + head->headers[i].value.n;
    return n;
}

static str copy_text(char **at, str s)
{
    if (s.n == 0)
        return (str){*at, 0};
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return (str){*at - s.n, s.n};
}

struct http_head *http_head_copy(struct arena *arena, const struct http_head *head)
{
    size_t headers_bytes = head->n_headers * sizeof(struct http_header);
    char *memory = arena_alloc(arena, sizeof(*head) + headers_bytes + text_bytes(head));
    struct http_head *copy = (struct http_head *)(void *)memory;
    char *at = memory + sizeof(*head) + headers_bytes;

    *copy = *head;
    copy->headers = (struct http_header *)(void *)(memory + sizeof(*head));
    copy->method_text = copy_text(&at, head->method_text);
    copy->target = copy_text(&at, head->target);
    copy->authority = copy_text(&at, head->authority);
    for (size_t i = 0; i < head->n_headers; i++) {
        copy->headers[i].id = head->headers[i].id;
        copy->headers[i].checked = head->headers[i].checked;
        copy->headers[i].name = copy_text(&at, head->headers[i].name);
        copy->headers[i].value = copy_text(&at, head->headers[i].value);
    }
    return copy;
}

/* The registered codes of RFC 9110 section 15 and the ones in common use beside them. */
#define REASON_TABLE(X)                                                                            \
    X(100, "Continue")                                                                             \
    X(101, "Switching Protocols")                                                                  \
    X(102, "Processing")                                                                           \
    X(103, "Early Hints")                                                                          \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(203, "Non-Authoritative Information")                                                        \
    X(204, "No Content")                                                                           \
    X(205, "Reset Content")                                                                        \
    X(206, "Partial Content")                                                                      \
    X(300, "Multiple Choices")                                                                     \
    X(301, "Moved Permanently")                                                                    \
    X(302, "Found")                                                                                \
    X(303, "See Other")                                                                            \
    X(304, "Not Modified")                                                                         \
    X(307, "Temporary Redirect")                                                                   \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(402, "Payment Required")                                                                     \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(414, "URI Too Long")                                                                         \
    X(415, "Unsupported Media Type")                                                               \
    X(416, "Range Not Satisfiable")                                                                \
    X(417, "Expectation Failed")                                                                   \
    X(421, "Misdirected Request")                                                                  \
    X(422, "Unprocessable Content")                                                                \
    X(424, "Failed Dependency")                                                                    \
    X(425, "Too Early")                                                                            \
    X(426, "Upgrade Required")                                                                     \
    X(428, "Precondition Required")                                                                \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(451, "Unavailable For Legal Reasons")                                                        \
    X(500, "Internal Server Error")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")                                                                      \
    X(505, "HTTP Version Not Supported")                                                           \
    X(507, "Insufficient Storage")

str http_reason(unsigned status)
{
    switch (status) {
#define X(code, text)                                                                              \
    case code:                                                                                     \
        return STR(text);
        REASON_TABLE(X)
#undef X
    default:
        return STR("");
    }
}

#include "http/h1_parse.h"

#include "base/mem.h"
#include "http/h1_chars.h"
#include "http/h1_framing.h"

/* The longest method that we know of has 16 characters (BASELINE-CONTROL has as many). */
enum { METHOD_BYTES_MAX = 24 };

static const struct {
    unsigned status;
    str text;
} faults[H1_FAULT_COUNT] = {
#define X(id, code, words) [H1_FAULT_##id] = {code, STR_INIT(words)},
    H1_FAULT_TABLE(X)
#undef X
};

unsigned h1_fault_status(enum h1_fault fault)
{
    return faults[fault].status;
}

str h1_fault_text(enum h1_fault fault)
{
    return faults[fault].text;
}

void h1_parser_init(struct h1_parser *p, enum h1_kind kind)
{
    *p = (struct h1_parser){.kind = (uint8_t)kind, .has_start = kind == H1_TRAILERS};
}

/* One parse over the bytes at hand. */
struct pass {
    struct h1_parser *p;
    str bytes;
    const struct h1_limits *limits;
    struct http_header *headers;
    enum http_method asked;
    struct h1_message *m;
};

static enum h1_fault too_large(const struct pass *x)
{
    return x->p->kind == H1_REQUEST && !x->p->has_start ? H1_FAULT_LINE_TOO_LONG
                                                        : H1_FAULT_HEAD_TOO_LARGE;
}

/* The next complete line without its CRLF. False: there is none yet, or *ret_fault is set. */
static bool take_line(struct pass *x, str *ret_line, enum h1_fault *ret_fault)
{
    struct h1_parser *p = x->p;
    const char *start = x->bytes.p + p->line;
    const char *lf = x->bytes.n > p->scanned
                         ? memchr(x->bytes.p + p->scanned, '\n', x->bytes.n - p->scanned)
                         : NULL;
    size_t end = lf ? (size_t)(lf - x->bytes.p) + 1 : x->bytes.n;

    if (end > x->limits->head_bytes) {
        *ret_fault = too_large(x);
        return false;
    }
    p->scanned = (uint32_t)end;
    if (!lf)
        return false;
    if (lf == start || lf[-1] != '\r') {
        *ret_fault = H1_FAULT_BARE_LF;
        return false;
    }
    p->line = (uint32_t)end;
    *ret_line = str_make(start, (size_t)(lf - start) - 1);
    return true;
}

/* Characters and percent-encoding; which form it has is judged with the Host header. */
static bool is_target(str s)
{
    enum h1_class class = H1_CHAR_PATH;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '?')
            class = H1_CHAR_QUERY;
        if (s.p[i] == '%') {
            if (s.n - i < 3 || !h1_char_is(s.p[i + 1], H1_CHAR_HEX) ||
                !h1_char_is(s.p[i + 2], H1_CHAR_HEX) || memcmp(s.p + i + 1, "00", 2) == 0)
                return false;
            i += 2;
        } else if (!h1_char_is(s.p[i], class)) {
            return false;
        }
    }
    return s.n > 0;
}

static size_t count_digits(str s, size_t from)
{
    size_t n = 0;

    while (from + n < s.n && s.p[from + n] >= '0' && s.p[from + n] <= '9')
        n++;
    return n;
}

/* "HTTP/1.1": other numbers are a version that we do not speak, anything else is no version. */
static enum h1_fault parse_version(str s, unsigned *ret_version)
{
    size_t major, minor;

    if (str_eq(s, STR("HTTP/1.1"))) {
        *ret_version = 11;
        return H1_OK;
    }
    if (str_eq(s, STR("HTTP/1.0"))) {
        *ret_version = 10;
        return H1_OK;
    }
    if (!str_starts(s, STR("HTTP/")))
        return H1_FAULT_VERSION_SYNTAX;
    major = count_digits(s, 5);
    if (major == 0 || 5 + major >= s.n || s.p[5 + major] != '.')
        return major && 5 + major == s.n ? H1_FAULT_VERSION : H1_FAULT_VERSION_SYNTAX;
    minor = count_digits(s, 6 + major);
    return minor && 6 + major + minor == s.n ? H1_FAULT_VERSION : H1_FAULT_VERSION_SYNTAX;
}

/* The IPv6 literal of an absolute form is the one place in a target where brackets may be. */
static str without_authority(str target)
{
    size_t colon = str_find(target, ':', 0);

    if (target.p[0] == '/' || !str_starts(str_from(target, colon), STR("://[")))
        return target;
    return str_from(target, str_find(target, ']', colon) + 1);
}

static enum h1_fault parse_request_line(struct pass *x, str line)
{
    struct http_head *head = &x->m->head;
    size_t method_n = str_find(line, ' ', 0);
    size_t version_at = line.n;
    enum h1_fault fault;

    while (version_at > 0 && line.p[version_at - 1] != ' ')
        version_at--;
    head->method_text = str_upto(line, method_n);
    if (!h1_is_token(head->method_text))
        return H1_FAULT_METHOD;
    if (version_at < method_n + 2) /* one space only, or none */
        return H1_FAULT_REQUEST_LINE;
    head->method = http_method_of(head->method_text);
    fault = parse_version(str_from(line, version_at), &head->version);
    if (fault)
        return fault;
    if (method_n > METHOD_BYTES_MAX || head->method == HTTP_METHOD_CONNECT)
        return H1_FAULT_METHOD_UNKNOWN;
    head->target = str_make(line.p + method_n + 1, version_at - method_n - 2);
    if (head->target.n == 0)
        return H1_FAULT_TARGET;
    str judged = without_authority(head->target);
    return judged.n == 0 || is_target(judged) ? H1_OK : H1_FAULT_TARGET;
}

/* The space behind the status is required even before an empty reason, but commonly left out. */
static enum h1_fault parse_status_line(struct pass *x, str line)
{
    struct http_head *head = &x->m->head;
    uint64_t status;

    if (line.n < 12 || line.p[8] != ' ' || parse_version(str_upto(line, 8), &head->version) ||
        !str_parse_u64(str_make(line.p + 9, 3), &status) || status < 100 || status > 599)
        return H1_FAULT_STATUS_LINE;
    if (line.n > 12 && (line.p[12] != ' ' || !h1_is_clean(str_from(line, 13))))
        return H1_FAULT_STATUS_LINE;
    head->status = (unsigned)status;
    return H1_OK;
}

static enum h1_fault parse_header(struct pass *x, str line)
{
    size_t n = 0;

    if (line.p[0] == ' ' || line.p[0] == '\t')
        return H1_FAULT_FOLDED;
    while (n < line.n && h1_char_is(line.p[n], H1_CHAR_TOKEN))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':')
        return H1_FAULT_HEADER_NAME;
    if (!h1_is_clean(str_from(line, n + 1)))
        return H1_FAULT_HEADER_VALUE;
    if (x->p->n_headers == x->limits->headers)
        return H1_FAULT_TOO_MANY_HEADERS;
    x->headers[x->p->n_headers++] = (struct http_header){
        .name = str_upto(line, n),
        .value = str_trim(str_from(line, n + 1)),
        .id = http_header_id(str_upto(line, n)),
        .checked = true,
    };
    return H1_OK;
}

/* Noise instead of a method (a TLS handshake on a plaintext port, say) never sends a line feed:
 * judge the first byte at once. */
static enum h1_fault judge_first_byte(const struct pass *x)
{
    char c;

    if (x->p->has_start || x->bytes.n <= x->p->line)
        return H1_OK;
    c = x->bytes.p[x->p->line];
    if (x->p->kind == H1_RESPONSE)
        return c == 'H' ? H1_OK : H1_FAULT_STATUS_LINE;
    return h1_char_is(c, H1_CHAR_TOKEN) || (c == '\r' && !x->p->skipped) ? H1_OK : H1_FAULT_METHOD;
}

/* RFC 9112 section 2.2: one empty line before a request line is ignored. */
static enum h1_fault parse_start(struct pass *x, str line)
{
    if (x->p->kind == H1_REQUEST && line.n == 0 && !x->p->skipped) {
        x->p->skipped = true;
        return H1_OK;
    }
    x->p->has_start = true;
    return x->p->kind == H1_REQUEST ? parse_request_line(x, line) : parse_status_line(x, line);
}

static enum h1_fault finish(struct pass *x)
{
    struct h1_message *m = x->m;

    m->bytes = x->p->line;
    m->head.headers = x->headers;
    m->head.n_headers = x->p->n_headers;
    if (x->p->resumed) /* the start line was not seen by this pass; it will be */
        return H1_OK;
    switch (x->p->kind) {
    case H1_REQUEST:
        return h1_frame_request(m);
    case H1_RESPONSE:
        return h1_frame_response(m, x->asked);
    default:
        return H1_OK;
    }
}

static enum h1_result run(struct pass *x)
{
    enum h1_fault fault = H1_OK;
    enum h1_result result = H1_MORE;
    str line;

    *x->m = (struct h1_message){.head.content_length = HTTP_LENGTH_NONE};
    while (!(fault = judge_first_byte(x)) && result == H1_MORE && take_line(x, &line, &fault)) {
        if (!x->p->has_start) {
            fault = parse_start(x, line);
        } else if (line.n == 0) {
            result = H1_DONE;
            fault = finish(x);
        } else {
            fault = parse_header(x, line);
        }
        if (fault)
            break;
    }
    x->m->fault = fault;
    return fault ? H1_BAD : result;
}

enum h1_result h1_parse(struct h1_parser *p, str bytes, const struct h1_limits *limits,
                        struct http_header *headers, enum http_method asked, struct h1_message *ret)
{
    struct pass x = {p, bytes, limits, headers, asked, ret};
    enum h1_result result = run(&x);

    if (result == H1_DONE && p->resumed) {
        h1_parser_init(p, p->kind);
        result = run(&x);
    }
    if (result == H1_MORE)
        p->resumed = p->line > 0;
    return result;
}

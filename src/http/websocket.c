#include "http/websocket.h"

#include "base/random.h"
#include "base/utf8.h"

#include <assert.h>
#include <openssl/evp.h>

enum {
    MASK_BYTES = 4,
    KEY_DIGITS = 22, /* before the padding */
    REASON_BYTES_MAX = 123,
    SHA1_BYTES = 20,
    RSV1 = 0x40,
    RSV_ALL = 0x70,
};

/* The only header of that id, or NULL. */
static const struct http_header *find_only(const struct http_head *head, enum http_header_id id)
{
    const struct http_header *found = NULL;

    for (size_t i = 0; i < head->n_headers; i++) {
        if (head->headers[i].id != id)
            continue;
        if (found)
            return NULL;
        found = &head->headers[i];
    }
    return found;
}

static bool is_base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/* 16 bytes. The unused bits of the last digit may be anything, as most decoders have it. */
static bool is_key(str s)
{
    if (s.n != WEBSOCKET_KEY_BYTES || !str_ends(s, STR("==")))
        return false;
    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (!is_base64_digit(s.p[i]))
            return false;
    }
    return true;
}

enum websocket_wish websocket_judge_request(const struct http_head *request)
{
    const struct http_header *version = find_only(request, HTTP_HEADER_SEC_WEBSOCKET_VERSION);
    const struct http_header *key = find_only(request, HTTP_HEADER_SEC_WEBSOCKET_KEY);

    if (!version || !str_eq(version->value, STR("13")))
        return WEBSOCKET_OTHER_VERSION;
    return key && is_key(key->value) ? WEBSOCKET_WELCOME : WEBSOCKET_BAD_KEY;
}

void websocket_accept_of(str key, char *ret_accept)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    char text[WEBSOCKET_KEY_BYTES + sizeof(guid) - 1];
    unsigned char digest[SHA1_BYTES], accept[WEBSOCKET_ACCEPT_BYTES + 1];

    assert(key.n == WEBSOCKET_KEY_BYTES);
    memcpy(text, key.p, key.n);
    memcpy(text + key.n, guid, sizeof(guid) - 1);
    int done = EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL);
    assert(done == 1);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    memcpy(ret_accept, accept, WEBSOCKET_ACCEPT_BYTES);
}

static bool is_accepted(const struct http_head *request, const struct http_head *answer)
{
    const struct http_header *key = find_only(request, HTTP_HEADER_SEC_WEBSOCKET_KEY);
    const struct http_header *accept = find_only(answer, HTTP_HEADER_SEC_WEBSOCKET_ACCEPT);
    char expected[WEBSOCKET_ACCEPT_BYTES];

    if (!key || !is_key(key->value) || !accept)
        return false;
    websocket_accept_of(key->value, expected);
    return str_eq(accept->value, str_make(expected, sizeof(expected)));
}

/* The next element of a list header without its parameters; false at the end. */
static bool next_name(str *list, str *ret_name)
{
    while (list->n) {
        str element = str_cut(list, ',');

        *ret_name = str_trim(str_cut(&element, ';'));
        if (ret_name->n)
            return true;
    }
    return false;
}

static bool offers(const struct http_head *request, enum http_header_id id, str name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        str list = request->headers[i].value, offered;

        if (request->headers[i].id != id)
            continue;
        while (next_name(&list, &offered)) {
            if (str_eq(offered, name))
                return true;
        }
    }
    return false;
}

static bool is_protocol_offered(const struct http_head *request, const struct http_head *answer)
{
    const struct http_header *chosen = find_only(answer, HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL);

    if (!chosen)
        return http_head_find(answer, HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL) == NULL;
    return offers(request, HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL, chosen->value);
}

static bool are_extensions_offered(const struct http_head *request, const struct http_head *answer)
{
    for (size_t i = 0; i < answer->n_headers; i++) {
        str list = answer->headers[i].value, name;

        if (answer->headers[i].id != HTTP_HEADER_SEC_WEBSOCKET_EXTENSIONS)
            continue;
        while (next_name(&list, &name)) {
            if (!offers(request, HTTP_HEADER_SEC_WEBSOCKET_EXTENSIONS, name))
                return false;
        }
    }
    return true;
}

enum websocket_answer websocket_judge_answer(const struct http_head *request,
                                             const struct http_head *answer)
{
    if (!is_accepted(request, answer))
        return WEBSOCKET_BAD_ACCEPT;
    if (!is_protocol_offered(request, answer))
        return WEBSOCKET_BAD_PROTOCOL;
    return are_extensions_offered(request, answer) ? WEBSOCKET_ACCEPTED : WEBSOCKET_BAD_EXTENSION;
}

unsigned websocket_reserved_bits(const struct http_head *answer)
{
    unsigned bits = 0;

    for (size_t i = 0; i < answer->n_headers; i++) {
        str list = answer->headers[i].value, name;

        if (answer->headers[i].id != HTTP_HEADER_SEC_WEBSOCKET_EXTENSIONS)
            continue;
        while (next_name(&list, &name))
            bits |= str_eq(name, STR("permessage-deflate")) ? RSV1 : RSV_ALL;
    }
    return bits;
}

/* --- ending a socket --- */

/* As much of it as fits, in whole characters. */
static str clip_reason(str reason)
{
    size_t n = 0;
    int length;

    while (n < reason.n && (length = utf8_length(str_from(reason, n))) > 0 &&
           n + (size_t)length <= REASON_BYTES_MAX)
        n += (size_t)length;
    return str_upto(reason, n);
}

size_t websocket_write_close(enum websocket_side from, enum websocket_close code, str reason,
                             char *ret_frame)
{
    unsigned char mask[MASK_BYTES];
    size_t n = 2, payload;

    reason = clip_reason(reason);
    ret_frame[0] = (char)0x88;
    ret_frame[1] = (char)(2 + reason.n);
    if (from == WEBSOCKET_CLIENT) {
        random_bytes(mask, sizeof(mask));
        ret_frame[1] = (char)(ret_frame[1] | 0x80);
        memcpy(ret_frame + n, mask, sizeof(mask));
        n += sizeof(mask);
    }
    payload = n;
    ret_frame[n++] = (char)((unsigned)code >> 8);
    ret_frame[n++] = (char)((unsigned)code & 0xff);
    if (reason.n)
        memcpy(ret_frame + n, reason.p, reason.n);
    n += reason.n;
    for (size_t i = payload; from == WEBSOCKET_CLIENT && i < n; i++)
        ret_frame[i] = (char)(ret_frame[i] ^ mask[(i - payload) % MASK_BYTES]);
    return n;
}

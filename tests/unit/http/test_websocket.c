#include "http/websocket.h"
#include "unit/test.h"

#include "base/mem.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct http_header headers[8];

/* A head of the "Name: value" lines given. */
static struct http_head head_of(struct http_header *room, const char *lines)
{
    struct http_head head = {.headers = room};
    str rest = str_of(lines);

    while (rest.n) {
        str line = str_cut(&rest, '\n');
        str name = str_cut(&line, ':');

        room[head.n_headers++] =
            (struct http_header){.name = name, .value = str_trim(line), .id = http_header_id(name)};
    }
    return head;
}

static void requests_are_judged(void)
{
    static const struct {
        const char *lines;
        enum websocket_wish wish;
    } requests[] = {
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: " KEY, WEBSOCKET_WELCOME},
        {"sec-websocket-version: 13\nsec-websocket-key: ++//ABCDabcd0189+/+/AA==",
         WEBSOCKET_WELCOME},
        {"Sec-WebSocket-Key: " KEY, WEBSOCKET_OTHER_VERSION},
        {"Sec-WebSocket-Version: 8\nSec-WebSocket-Key: " KEY, WEBSOCKET_OTHER_VERSION},
        {"Sec-WebSocket-Version: 8, 13\nSec-WebSocket-Key: " KEY, WEBSOCKET_OTHER_VERSION},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: " KEY,
         WEBSOCKET_OTHER_VERSION},
        {"Sec-WebSocket-Version: 8", WEBSOCKET_OTHER_VERSION},
        {"Sec-WebSocket-Version: 13", WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key:", WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=",
         WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA",
         WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAAAA==",
         WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==",
         WEBSOCKET_BAD_KEY},
        {"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: " KEY "\nSec-WebSocket-Key: " KEY,
         WEBSOCKET_BAD_KEY},
    };

    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct http_head head = head_of(headers, requests[i].lines);

        if (websocket_judge_request(&head) != requests[i].wish)
            printf("  %s\n", requests[i].lines);
        CHECK_INT(websocket_judge_request(&head), requests[i].wish);
    }
}

/* The example of RFC 6455 section 1.3. */
static void a_key_has_its_accept(void)
{
    char accept[WEBSOCKET_ACCEPT_BYTES];

    websocket_accept_of(STR(KEY), accept);
    CHECK_STR(str_make(accept, sizeof(accept)), ACCEPT);
}

static void answers_are_judged(void)
{
    static const struct {
        const char *lines;
        enum websocket_answer answer;
    } answers[] = {
        {"Sec-WebSocket-Accept: " ACCEPT, WEBSOCKET_ACCEPTED},
        {"Sec-WebSocket-Accept: " ACCEPT "\nSec-WebSocket-Protocol: chat", WEBSOCKET_ACCEPTED},
        {"Sec-WebSocket-Accept: " ACCEPT
         "\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
         WEBSOCKET_ACCEPTED},
        {"X: y", WEBSOCKET_BAD_ACCEPT},
        {"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xoo=", WEBSOCKET_BAD_ACCEPT},
        {"Sec-WebSocket-Accept: " ACCEPT "\nSec-WebSocket-Accept: " ACCEPT, WEBSOCKET_BAD_ACCEPT},
        {"Sec-WebSocket-Accept: " ACCEPT "\nSec-WebSocket-Protocol: Chat", WEBSOCKET_BAD_PROTOCOL},
        {"Sec-WebSocket-Accept: " ACCEPT "\nSec-WebSocket-Protocol: chat, v2",
         WEBSOCKET_BAD_PROTOCOL},
        {"Sec-WebSocket-Accept: " ACCEPT
         "\nSec-WebSocket-Protocol: chat\nSec-WebSocket-Protocol: v2",
         WEBSOCKET_BAD_PROTOCOL},
        {"Sec-WebSocket-Accept: " ACCEPT "\nSec-WebSocket-Extensions: permessage-deflate, x-mux",
         WEBSOCKET_BAD_EXTENSION},
    };
    struct http_header asked[8];
    struct http_head request =
        head_of(asked, "Sec-WebSocket-Key: " KEY "\nSec-WebSocket-Protocol: v3, chat\n"
                       "Sec-WebSocket-Protocol: v2\n"
                       "Sec-WebSocket-Extensions: x, permessage-deflate; client_max_window_bits");

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct http_head answer = head_of(headers, answers[i].lines);

        if (websocket_judge_answer(&request, &answer) != answers[i].answer)
            printf("  %s\n", answers[i].lines);
        CHECK_INT(websocket_judge_answer(&request, &answer), answers[i].answer);
    }
    struct http_head answer = head_of(headers, "Sec-WebSocket-Accept: " ACCEPT);
    request.n_headers = 0;
    CHECK_INT(websocket_judge_answer(&request, &answer), WEBSOCKET_BAD_ACCEPT);
}

static void extensions_say_which_bits_may_be_set(void)
{
    struct http_head head = head_of(headers, "X: y");

    CHECK_INT(websocket_reserved_bits(&head), 0);
    head = head_of(headers, "Sec-WebSocket-Extensions: permessage-deflate; x=1");
    CHECK_INT(websocket_reserved_bits(&head), 0x40);
    head = head_of(headers, "Sec-WebSocket-Extensions: permessage-deflate, mux");
    CHECK_INT(websocket_reserved_bits(&head), 0x70);
}

static void a_server_closes_unmasked(void)
{
    char frame[WEBSOCKET_CLOSE_BYTES];
    size_t n = websocket_write_close(WEBSOCKET_SERVER, WEBSOCKET_GOING_AWAY, STR("bye"), frame);

    CHECK_STR(str_make(frame, n), "\x88\x05\x03\xe9"
                                  "bye");
}

static void a_client_closes_masked(void)
{
    char frame[WEBSOCKET_CLOSE_BYTES], other[WEBSOCKET_CLOSE_BYTES];
    size_t n = websocket_write_close(WEBSOCKET_CLIENT, WEBSOCKET_POLICY, STR("no"), frame);

    CHECK_INT(n, 10);
    CHECK_STR(str_upto(str_make(frame, n), 2), "\x88\x84");
    for (size_t i = 0; i < 4; i++)
        frame[6 + i] = (char)(frame[6 + i] ^ frame[2 + i]);
    CHECK_STR(str_make(frame + 6, 4), "\x03\xf0no");
    websocket_write_close(WEBSOCKET_CLIENT, WEBSOCKET_POLICY, STR("no"), other);
    CHECK(memcmp(frame + 2, other + 2, 4) != 0);
}

static void a_reason_is_cut_between_characters(void)
{
    char text[200], frame[WEBSOCKET_CLOSE_BYTES];
    size_t n;

    memset(text, 'a', sizeof(text));
    n = websocket_write_close(WEBSOCKET_CLIENT, WEBSOCKET_POLICY, str_make(text, 123), frame);
    CHECK_INT(n, WEBSOCKET_CLOSE_BYTES);
    n = websocket_write_close(WEBSOCKET_SERVER, WEBSOCKET_POLICY, str_make(text, 200), frame);
    CHECK_INT(n, 4 + 123);
    memcpy(text + 122, "\xc3\xa4", 2);
    n = websocket_write_close(WEBSOCKET_SERVER, WEBSOCKET_POLICY, str_make(text, 200), frame);
    CHECK_INT(n, 4 + 122);
    n = websocket_write_close(WEBSOCKET_SERVER, WEBSOCKET_POLICY, STR("a\xff"), frame);
    CHECK_INT(n, 4 + 1);
}

int main(void)
{
    RUN(requests_are_judged);
    RUN(a_key_has_its_accept);
    RUN(answers_are_judged);
    RUN(extensions_say_which_bits_may_be_set);
    RUN(a_server_closes_unmasked);
    RUN(a_client_closes_masked);
    RUN(a_reason_is_cut_between_characters);
    return test_end();
}

/*
 * Frames (RFC 6455 section 5.2) of one direction. A slice is walked frame by frame: heads byte by
 * byte, payload in one step each.
 */

#include "http/websocket.h"

enum { OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PONG = 10 };
enum { CONTROL_BYTES_MAX = 125, CODE_BYTES = 2 };

static const struct {
    enum websocket_close close;
    str text;
} faults[WEBSOCKET_FAULT_COUNT] = {
#define X(id, code, words) [WEBSOCKET_FAULT_##id] = {WEBSOCKET_##code, STR_INIT(words)},
    WEBSOCKET_FAULT_TABLE(X)
#undef X
};

enum websocket_close websocket_fault_close(enum websocket_fault fault)
{
    return faults[fault].close;
}

str websocket_fault_text(enum websocket_fault fault)
{
    return faults[fault].text;
}

void websocket_scan_init(struct websocket_scan *s, enum websocket_side from, unsigned reserved,
                         uint64_t message_max)
{
    *s = (struct websocket_scan){
        .from = (uint8_t)from, .reserved = (uint8_t)reserved, .message_max = message_max};
}

static bool is_control(unsigned opcode)
{
    return opcode >= OPCODE_CLOSE;
}

/* How long the head is, as far as its first bytes tell. */
static size_t head_bytes(const uint8_t *head, size_t n)
{
    if (n < 2)
        return 2;
    unsigned length = head[1] & 0x7f;
    return 2 + (length == 126 ? 2u : length == 127 ? 8u : 0u) + (head[1] & 0x80 ? 4u : 0u);
}

static uint64_t payload_bytes(const uint8_t *head)
{
    unsigned length = head[1] & 0x7f;
    size_t n = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t value = n ? 0 : length;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | head[2 + i];
    return value;
}

static bool is_shortest(const uint8_t *head, uint64_t payload)
{
    switch (head[1] & 0x7f) {
    case 126:
        return payload > 125;
    case 127:
        return payload > UINT16_MAX && payload <= INT64_MAX;
    default:
        return true;
    }
}

static enum websocket_fault judge_control(unsigned opcode, bool final, uint64_t payload)
{
    if (!final)
        return WEBSOCKET_FAULT_CONTROL_FRAGMENTED;
    if (payload > CONTROL_BYTES_MAX)
        return WEBSOCKET_FAULT_CONTROL_LENGTH;
    return opcode == OPCODE_CLOSE && payload == 1 ? WEBSOCKET_FAULT_CLOSE_LENGTH : WEBSOCKET_FINE;
}

static enum websocket_fault judge_data(const struct websocket_scan *s, unsigned opcode,
                                       uint64_t payload)
{
    uint64_t before = s->open ? s->message : 0;

    if (opcode == 0 && !s->open)
        return WEBSOCKET_FAULT_NO_MESSAGE;
    if (opcode != 0 && s->open)
        return WEBSOCKET_FAULT_WITHIN_MESSAGE;
    return payload > s->message_max - before ? WEBSOCKET_FAULT_TOO_BIG : WEBSOCKET_FINE;
}

static enum websocket_fault judge_head(const struct websocket_scan *s)
{
    const uint8_t *head = s->head;
    unsigned opcode = head[0] & 0x0f;
    bool masked = head[1] & 0x80;
    uint64_t payload = payload_bytes(head);

    if (head[0] & 0x70 & ~s->reserved)
        return WEBSOCKET_FAULT_RESERVED;
    if (opcode > OPCODE_PONG || (opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE))
        return WEBSOCKET_FAULT_OPCODE;
    if (masked != (s->from == WEBSOCKET_CLIENT))
        return masked ? WEBSOCKET_FAULT_MASKED : WEBSOCKET_FAULT_UNMASKED;
    if (!is_shortest(head, payload))
        return WEBSOCKET_FAULT_LENGTH;
    return is_control(opcode) ? judge_control(opcode, head[0] & 0x80, payload)
                              : judge_data(s, opcode, payload);
}

static void end_frame(struct websocket_scan *s)
{
    if (s->opcode == OPCODE_CLOSE) {
        s->close_code = s->code ? s->code : WEBSOCKET_NO_CODE;
        s->stopped = true;
    } else if (!is_control(s->opcode) && s->final) {
        s->messages++;
        s->open = false;
    }
    if (s->stopping)
        s->stopped = true;
}

static void begin_frame(struct websocket_scan *s)
{
    s->opcode = s->head[0] & 0x0f;
    s->rest = payload_bytes(s->head);
    s->code_n = 0;
    s->code = 0;
    memset(s->mask, 0, sizeof(s->mask));
    if (s->from == WEBSOCKET_CLIENT)
        memcpy(s->mask, s->head + s->head_n - sizeof(s->mask), sizeof(s->mask));
    s->head_n = 0;
    if (!is_control(s->opcode)) {
        s->message = s->open ? s->message + s->rest : s->rest;
        s->final = s->head[0] & 0x80;
        s->open = true;
    }
    if (s->rest == 0)
        end_frame(s);
}

static void note_code(struct websocket_scan *s, str payload)
{
    for (size_t i = 0; i < payload.n && s->code_n < CODE_BYTES; i++) {
        unsigned byte = (unsigned char)payload.p[i] ^ s->mask[s->code_n];

        s->code = (uint16_t)((unsigned)s->code << 8 | byte);
        s->code_n++;
    }
}

static size_t take_payload(struct websocket_scan *s, str bytes)
{
    str payload = str_upto(bytes, bytes.n < s->rest ? bytes.n : (size_t)s->rest);

    if (s->opcode == OPCODE_CLOSE)
        note_code(s, payload);
    else if (!is_control(s->opcode))
        s->bytes += payload.n;
    s->rest -= payload.n;
    if (s->rest == 0)
        end_frame(s);
    return payload.n;
}

/* Gathers a head; returns how many bytes were its own. */
static size_t take_head(struct websocket_scan *s, str bytes)
{
    size_t n = 0;

    while (n < bytes.n && s->head_n < head_bytes(s->head, s->head_n))
        s->head[s->head_n++] = (uint8_t)bytes.p[n++];
    return n;
}

enum websocket_fault websocket_scan(struct websocket_scan *s, str bytes,
                                    struct websocket_passed *ret_passed)
{
    size_t at = 0, passed = 0, before = s->head_n;

    *ret_passed = (struct websocket_passed){0};
    memcpy(s->held, s->head, before);
    while (at < bytes.n && !s->fault && !s->stopped) {
        if (s->rest) {
            at += take_payload(s, str_from(bytes, at));
            passed = at;
            continue;
        }
        at += take_head(s, str_from(bytes, at));
        if (s->head_n < head_bytes(s->head, s->head_n))
            break;
        s->fault = (uint8_t)judge_head(s);
        if (s->fault)
            break;
        ret_passed->held = str_make((const char *)s->held, before);
        begin_frame(s);
        passed = at;
    }
    ret_passed->slice = str_upto(bytes, passed);
    if (s->fault || s->stopped) {
        ret_passed->dropped = bytes.n - passed;
        if (ret_passed->held.n == 0)
            ret_passed->dropped += before;
        s->head_n = 0;
    }
    return (enum websocket_fault)s->fault;
}

void websocket_stop(struct websocket_scan *s)
{
    s->stopping = true;
    if (s->rest == 0)
        s->stopped = true;
}

bool websocket_at_boundary(const struct websocket_scan *s)
{
    return s->rest == 0;
}

#pragma once

/*
 * What whoever stands between two WebSocket endpoints (RFC 6455) has to know: whether the opening
 * handshake is one, where frames begin and end, and how to end a socket itself. It is no endpoint:
 * payload is neither unmasked nor put together nor held back.
 *
 * The scanner follows one direction. What it lets pass ends, at any time, within a frame's payload
 * or behind a frame, never within a frame's head: heads are judged whole, and one that came in
 * pieces waits in the scanner (14 bytes at most) until it is. So a frame that breaks the rules is
 * not passed on at all, and a close frame of one's own may follow as soon as
 * websocket_at_boundary() holds.
 */

#include "http/head.h"

enum websocket_side { WEBSOCKET_CLIENT, WEBSOCKET_SERVER };

/* Close codes (RFC 6455 section 7.4.1 and its registry) that a gateway gives or sees. */
enum websocket_close {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_NO_CODE = 1005, /* never on the wire: the close frame had none */
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_BIG = 1009,
    WEBSOCKET_INTERNAL_ERROR = 1011,
    WEBSOCKET_RESTART = 1012,
    WEBSOCKET_TRY_AGAIN = 1013,
};

/* --- the handshake --- */

enum websocket_wish {
    WEBSOCKET_WELCOME,
    WEBSOCKET_OTHER_VERSION, /* 426 with Sec-WebSocket-Version: 13, and head.upgrade set */
    WEBSOCKET_BAD_KEY,       /* 400: Sec-WebSocket-Key is not 16 bytes in base64, once */
};

/* What to make of a request whose head.upgrade is HTTP_UPGRADE_WEBSOCKET (section 4.2.1). */
enum websocket_wish websocket_judge_request(const struct http_head *request);

enum { WEBSOCKET_KEY_BYTES = 24, WEBSOCKET_ACCEPT_BYTES = 28 };

/* The Sec-WebSocket-Accept for a key: writes WEBSOCKET_ACCEPT_BYTES, no NUL. */
void websocket_accept_of(str key, char *ret_accept);

enum websocket_answer {
    WEBSOCKET_ACCEPTED,
    WEBSOCKET_BAD_ACCEPT,    /* Sec-WebSocket-Accept is missing, or for another key */
    WEBSOCKET_BAD_PROTOCOL,  /* a subprotocol that was not offered, or several */
    WEBSOCKET_BAD_EXTENSION, /* an extension that was not offered */
};

/* Whether a 101 answers that request (section 4.1). */
enum websocket_answer websocket_judge_answer(const struct http_head *request,
                                             const struct http_head *answer);

/* Reserved bits that frames may have after that answer: RSV1 with permessage-deflate (RFC 7692),
 * all with an extension that we do not know, else none. */
unsigned websocket_reserved_bits(const struct http_head *answer);

/* --- the scanner --- */

/* id, close code to end the socket with, what is wrong */
#define WEBSOCKET_FAULT_TABLE(X)                                                                   \
    X(RESERVED, PROTOCOL_ERROR, "a reserved bit is set")                                           \
    X(OPCODE, PROTOCOL_ERROR, "unknown opcode")                                                    \
    X(UNMASKED, PROTOCOL_ERROR, "a client's frame is not masked")                                  \
    X(MASKED, PROTOCOL_ERROR, "a server's frame is masked")                                        \
    X(CONTROL_FRAGMENTED, PROTOCOL_ERROR, "a control frame is fragmented")                         \
    X(CONTROL_LENGTH, PROTOCOL_ERROR, "a control frame has more than 125 bytes")                   \
    X(CLOSE_LENGTH, PROTOCOL_ERROR, "a close frame has half a code")                               \
    X(LENGTH, PROTOCOL_ERROR, "a length is not in its shortest form, or beyond 63 bits")           \
    X(NO_MESSAGE, PROTOCOL_ERROR, "a continuation of no message")                                  \
    X(WITHIN_MESSAGE, PROTOCOL_ERROR, "a message begins within another")                           \
    X(TOO_BIG, TOO_BIG, "a message is larger than the limit")

enum websocket_fault {
    WEBSOCKET_FINE,
#define X(id, code, text) WEBSOCKET_FAULT_##id,
    WEBSOCKET_FAULT_TABLE(X)
#undef X
        WEBSOCKET_FAULT_COUNT
};

enum websocket_close websocket_fault_close(enum websocket_fault fault);
str websocket_fault_text(enum websocket_fault fault);

enum {
    WEBSOCKET_HEAD_BYTES = 14,                   /* of the longest frame head */
    WEBSOCKET_MESSAGE_BYTES = 100 * 1024 * 1024, /* the usual limit of a message */
};

struct websocket_scan {
    uint64_t messages;   /* complete ones (text and binary) that have passed */
    uint64_t bytes;      /* of their payload, and of the one under way */
    uint16_t close_code; /* of the close frame that has passed; 0: none has, WEBSOCKET_NO_CODE */

    /* the scanner's own */
    uint64_t message_max, message; /* bytes of one message: at most, and so far */
    uint64_t rest;                 /* of the payload under way */
    uint8_t head[WEBSOCKET_HEAD_BYTES], held[WEBSOCKET_HEAD_BYTES];
    uint8_t head_n;
    uint8_t from;     /* enum websocket_side */
    uint8_t reserved; /* bits that may be set */
    uint8_t fault;    /* enum websocket_fault */
    uint8_t opcode;
    uint8_t mask[4];
    uint8_t code_n; /* bytes of a close code that were seen */
    uint16_t code;
    bool final; /* the frame under way ends its message */
    bool open;  /* a message is under way */
    bool stopping;
    bool stopped; /* nothing passes any more */
};

/* `from` is the side that sends; `reserved` as websocket_reserved_bits() says. */
void websocket_scan_init(struct websocket_scan *s, enum websocket_side from, unsigned reserved,
                         uint64_t message_max);

/* What passes of the bytes given: first `held`, the beginning of a frame's head that came earlier
 * (it lives until the next call), then `slice`, a part of the bytes. `dropped` bytes, of these or
 * held, are of no more use. Bytes that are in neither are held. */
struct websocket_passed {
    str held;
    str slice;
    size_t dropped;
};

/* Looks at the next bytes of the direction, cut anywhere. After a fault, a close frame, or
 * websocket_stop, the rest is dropped; a fault is returned again by every later call. */
enum websocket_fault websocket_scan(struct websocket_scan *s, str bytes,
                                    struct websocket_passed *ret_passed);

/* Lets the frame under way come to its end, and then nothing pass. */
void websocket_stop(struct websocket_scan *s);

/* Whether what has passed ends behind a frame (or with nothing). */
bool websocket_at_boundary(const struct websocket_scan *s);

/* --- ending a socket --- */

enum { WEBSOCKET_CLOSE_BYTES = 6 + 125 };

/* A close frame as `from` sends it (a client masks): writes at most WEBSOCKET_CLOSE_BYTES, returns
 * how many. The reason is UTF-8; what is beyond 123 bytes of it is left out. */
size_t websocket_write_close(enum websocket_side from, enum websocket_close code, str reason,
                             char *ret_frame);

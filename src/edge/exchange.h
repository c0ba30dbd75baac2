#pragma once

/*
 * One client request, from its head to the last byte of the answer. It keeps the pristine head and
 * body; each attempt derives its own. The states:
 *
 *     on_request
 *         │
 *     READING ── body complete, or it passes as it comes ──► TRYING ◄──► WAITING
 *         │                                                  │ ▲ │   no replica yet
 *         │                                     next attempt └─┘ │ head of an answer
 *         │                                                      ├──────────► HOLDING  JSON that
 *         │ management                                           │               │     is spliced
 *         ├──────────► ASKING                                    ▼               │
 *         │ refused,      │                                   RELAYING ◄─────────┘
 *         │ local         ▼                                      │  bytes pass to the client
 *         └─────────► ANSWERING ◄── from every state above,      │
 *                         │         RELAYING excepted            │
 *                         └──────────────► OVER ◄────────────────┘
 *
 * A replica's 101 leads from TRYING to TUNNEL instead (socket.h), and from there to OVER.
 *
 * A client that goes away moves it to OVER from every state, which cancels the attempt at once.
 * Retrying is possible up to HOLDING's beginning: once an answer is committed and the request sent,
 * the body's memory is given back.
 */

#include "base/json_scan.h"
#include "edge/attempt.h"
#include "edge/fault.h"
#include "edge/host_call.h"
#include "edge/request.h"
#include "edge/surface.h"
#include "edge/worker.h"
#include "http/multipart.h"
#include "http/sse.h"
#include "route/trace.h"

enum exchange_state {
    EXCHANGE_READING,
    EXCHANGE_WAITING,
    EXCHANGE_TRYING,
    EXCHANGE_HOLDING,
    EXCHANGE_RELAYING,
    EXCHANGE_TUNNEL,
    EXCHANGE_ASKING,
    EXCHANGE_ANSWERING,
    EXCHANGE_OVER,
};

/* How the answer's body passes. */
enum exchange_relay { RELAY_RAW, RELAY_SPLICE_WHOLE, RELAY_SPLICE_TAIL, RELAY_EVENTS };

enum { EXCHANGE_ARENA_BYTES = 3072, EXCHANGE_REQUEST_ID_MAX = 128 };

struct exchange {
    struct list link; /* of the worker */
    struct worker *worker;
    enum exchange_state state;
    struct loop_task forget;

    /* the client's side: pristine */
    struct stream *client;
    struct http_head *head;
    struct surface_match surface;
    struct host_call *call; /* NULL: the request is for the OpenAI surface */
    str request_id;
    char *body;
    size_t body_n, body_room;
    uint64_t body_charged; /* against the edge's byte budget */
    bool body_complete;
    struct json_scan *scan; /* of a JSON body, while it is read */
    struct multipart *form; /* of a multipart body */
    struct request_facts facts;

    /* who asks */
    str key_id;
    uint8_t key_hash[CATALOG_KEY_HASH_BYTES]; /* to find the key again in a newer policy */
    uint32_t key_index;                       /* among the keys of key_revision */
    uint64_t key_revision;

    /* attempts */
    uint64_t policy_count;   /* the edge's, before the newest permit was worked out */
    struct attempt *attempt; /* running or committed */
    struct attempt *parked;  /* answered with a status worth retrying: its answer is the client's if
                                nothing better comes */
    uint64_t tried[TRACE_MAX_ATTEMPTS]; /* origin ids */
    size_t n_tried;
    uint32_t attempts_left;
    str bound_endpoint;       /* only this one can serve: it holds earlier state; "" none */
    struct deadline deadline; /* of the whole request */
    struct trace trace;
    bool chosen_once;
    str group; /* model group, for headers and logs */

    /* the answer */
    enum exchange_relay relay;
    struct buf
        out; /* bytes that the client has not taken; empty and unallocated most of the time */
    size_t out_at;
    bool out_ends;     /* the answer ends with `out` */
    size_t unconsumed; /* delivered by the upstream, credit not returned yet */
    struct sse *events;
    bool remembered;                /* where the state of this streamed answer is */
    unsigned status;                /* sent to the client */
    enum fault fault;               /* of an answer that is Ambit's own */
    uint16_t outcome;               /* enum metric_word */
    uint16_t region_label;          /* of the region that served; WORD_NONE so far none */
    struct edge_relay *asked;       /* a management request under way */
    enum metric_word refusing_rule; /* which rule decided a refusal */
    int64_t retry_after_s;          /* of a 503; 0 unknown */
    struct digest128 customer;      /* the first that the request names, as a digest */

    /* facts for the log */
    int64_t began_ns, body_ended_ns,
        answered_ns; /* precise clock: head, whole request, first byte of the answer */
    int64_t own_ns;  /* Ambit's own time so far */
    uint64_t bytes_in, bytes_out;
    uint64_t prompt_tokens, completion_tokens;

    struct arena arena;
    _Alignas(8) char storage[EXCHANGE_ARENA_BYTES];
};

/* http_server_handler.on_request; ctx is the worker. */
void exchange_on_request(void *worker, struct stream *s, const struct http_head *head,
                         enum stream_end end);

/* --- for attempt.c and relay.c: what the exchange does next
 * ------------------------------------------------------------ */

/* Chooses and starts the next attempt, or answers with what is left. */
void exchange_try(struct exchange *x);

/* Region rules of the organisation bind the gateway as well; one without a stated region stands
 * nowhere that a rule could allow. False: refused. */
bool exchange_gateway_may_serve(struct exchange *x, const struct catalog *c);

/* The key as this policy has it: since the head came it may have been taken away, have expired or
 * have lost its scope. NULL: refused. */
const struct catalog_key *exchange_present_key(struct exchange *x, const struct catalog *c,
                                               uint32_t wanted_scope);

/* The attempt failed without an answer. */
void exchange_attempt_failed(struct exchange *x, struct attempt *a);

/* The attempt's head has come; `head` lives for this call. */
void exchange_answered(struct exchange *x, struct attempt *a, const struct http_head *head,
                       enum stream_end end);

/* Ends it: releases streams, writes the log line, counts, and gives the memory back at the end of
 * the turn. */
void exchange_finish(struct exchange *x, enum metric_word outcome);

/* Moves to a state; asserts that the picture has the arrow. */
void exchange_move(struct exchange *x, enum exchange_state to);

/* Shows the client the parked answer: nothing better came. */
void exchange_unpark(struct exchange *x);

/* Ends an attempt (NULL: nothing) and frees what it held. */
void exchange_drop_attempt(struct attempt *a, enum route_outcome outcome);

/* Gives back what the request's body takes: once it is sent and nothing will be sent again. */
void exchange_free_body(struct exchange *x);

void exchange_refuse_key(struct exchange *x, enum fault fault);
void exchange_refuse_scope(struct exchange *x, uint32_t wanted_scope);

/* --- answer.c: answers that are Ambit's own
 * ----------------------------------------------------------------------------- */

void exchange_refuse(struct exchange *x, enum fault fault, str message, str param);
void exchange_answer(struct exchange *x, unsigned status, str content_type, str body);

/* Fills in the headers that every answer carries. Returns how many; `headers` has room for
 * ANSWER_HEADERS_MAX. */
enum { ANSWER_HEADERS_MAX = 16 };
size_t answer_headers(struct exchange *x, struct http_header *headers);

/* --- relay.c: the upstream's answer
 * ------------------------------------------------------------------------------------- */

void relay_begin(struct exchange *x, const struct http_head *head, enum stream_end end);
void relay_body(struct exchange *x, str slice);
void relay_end(struct exchange *x);
void relay_broken(struct exchange *x, enum route_outcome outcome);

/* relay_head.c: sends the answer's head as this exchange's kind of relay wants it. */
void relay_send_head(struct exchange *x, const struct http_head *head, int64_t content_length,
                     enum stream_end end);

/* Sends what `out` holds; true when all is gone. */
bool relay_flush(struct exchange *x);

/* The client can take more: flushes, gives credit back, ends. */
void relay_resume(struct exchange *x);

#pragma once

/* One request to the simulated model server, for the files that read it and answer it. */

#include "sim/answers.h"
#include "sim/server.h"

enum sim_route {
    SIM_ROUTE_CHAT,
    SIM_ROUTE_COMPLETION,
    SIM_ROUTE_EMBEDDING,
    SIM_ROUTE_RESPONSE,
    SIM_ROUTE_TRANSCRIPTION,
    SIM_ROUTE_SPEECH,
    SIM_ROUTE_MODELS,
    SIM_ROUTE_HEALTH,
    SIM_ROUTE_FAULTS_ADD,
    SIM_ROUTE_FAULTS_LIST,
    SIM_ROUTE_FAULTS_CLEAR,
    SIM_ROUTE_LOG,
    SIM_ROUTE_RESET,
    SIM_ROUTE_UNKNOWN,
};

struct sim_exchange {
    struct sim_port *port;
    struct stream *client;
    struct arena arena;
    struct http_head *head;
    enum sim_route route;
    struct buf body;
    struct sim_fault fault;
    struct sim_answer answer;
    size_t n_inputs;
    bool stream;
    enum sim_usage usage;
    int64_t interval_ms;
    int64_t delay_ms;
    uint64_t sent_tokens;
    bool ended; /* the stream's last events are in `out` */
    bool over;
    struct buf out; /* what the client has not taken */
    size_t out_at;
    uint64_t body_sent;
    unsigned status;
    struct deadline timer;
    struct loop_task forget;
};

/* request.c: what a request is for, and what its body wishes. */
enum sim_route sim_route_of(const struct http_head *head);

/* False: the body is no JSON; says why. */
bool sim_read_body(struct sim_exchange *x, str *ret_why);

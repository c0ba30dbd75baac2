#pragma once

/*
 * A simulated model server: ports of one process, each standing for one region, and the threads
 * that serve them. Everything that threads share is the faults, the journal, and these options.
 */

#include "http/server.h"
#include "net/listener.h"
#include "sim/faults.h"
#include "sim/journal.h"

enum { SIM_PORTS_MAX = 256, SIM_WORKERS_MAX = 64, SIM_MODELS_MAX = 64 };

struct sim_options {
    struct {
        uint16_t port;
        str region;
    } ports[SIM_PORTS_MAX];
    size_t n_ports;
    str host; /* to listen on */
    unsigned workers;
    const char *models[SIM_MODELS_MAX];
    size_t n_models;
    uint64_t tokens;           /* of an answer that does not say otherwise */
    int64_t token_interval_ms; /* between the tokens of a stream */
    int64_t delay_ms;          /* before every answer */
    bool ms_region;            /* answers name their region in x-ms-region */
    bool forgetful;            /* nothing is journalled */
};

struct sim {
    struct sim_options options;
    struct sim_faults *faults;
    struct sim_journal *journal;
};

struct sim_worker {
    struct sim *sim;
    struct loop *loop;
    uint64_t next_id;
    struct buf text; /* of the answer that is being written */
    struct sim_port *ports;
};

/* One port on one worker: the context of its HTTP server. */
struct sim_port {
    struct sim_worker *worker;
    str region;
    str ms_region; /* the value of x-ms-region, "" none */
    uint16_t port;
    struct http_server *server;
    struct listener listener;
    int fd;
};

/* Serves until SIGTERM or SIGINT. An exit status. */
int sim_run(struct sim *sim);

/* http_server_handler.on_request; ctx is the port. */
void sim_on_request(void *port, struct stream *s, const struct http_head *head,
                    enum stream_end end);

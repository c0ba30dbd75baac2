#pragma once

/*
 * Faults on demand: a list of rules, set over POST /sim/faults. The first rule that fits a region
 * and has some of its count left is taken. Any thread; a server without faults pays one load.
 */

#include "base/buf.h"

#include <stdatomic.h>

#define FAULT_KIND_TABLE(X)                                                                        \
    X(NONE, "none")                                                                                \
    X(STATUS, "status")     /* an error answer with `status` */                                    \
    X(DELAY, "delay")       /* `delay_ms` of silence, then a good answer */                        \
    X(HANG, "hang")         /* no answer at all */                                                 \
    X(RESET, "reset")       /* a TCP reset: before the head, or after `after_bytes` of the body */ \
    X(TRUNCATE, "truncate") /* the connection ends after `after_bytes` of the body */              \
    X(BAD_CHUNK, "bad_chunk") /* a chunk whose size is no number, after `after_bytes` */           \
    X(REGION, "region")       /* a good answer whose x-ms-region names `ms_region` */

enum sim_fault_kind {
#define X(id, name) SIM_FAULT_##id,
    FAULT_KIND_TABLE(X)
#undef X
};

enum { SIM_FAULTS_MAX = 256, SIM_FAULT_TEXT = 64 };

struct sim_fault {
    enum sim_fault_kind kind;
    char region[SIM_FAULT_TEXT]; /* "": all */
    unsigned status;
    int64_t delay_ms;
    uint64_t after_bytes;
    int64_t retry_after_s; /* of STATUS; 0: no such header */
    char ms_region[SIM_FAULT_TEXT];
    uint64_t left; /* how many requests yet; UINT64_MAX: until it is taken away */
};

struct sim_faults;

struct sim_faults *sim_faults_new(void);
void sim_faults_free(struct sim_faults *f);

/* Adds the rule that a JSON object describes. False with a message that names the member, its value
 * and what was expected. */
bool sim_faults_add(struct sim_faults *f, str json, struct buf *ret_why);
void sim_faults_clear(struct sim_faults *f);

/* Takes one for a request that reached `region`; kind NONE: none. */
struct sim_fault sim_faults_take(struct sim_faults *f, str region);

/* A JSON object with the rules that have something left. */
void sim_faults_render(struct sim_faults *f, struct buf *to);

#pragma once

/*
 * What one replica is started with, as the plane writes it and the replica's shim reads it:
 * spec.json (0600) in the replica's folder. Nothing in it is secret: the identity and the values of
 * secrets come to the shim through its standard input (secrets.h), never through a file. It stays
 * for as long as the folder does, so that a plane that starts anew knows the ports of what runs.
 */

#include "base/str.h"

#include <jansson.h>

enum { SPEC_MAX_BYTES = 4 << 20, SPEC_LIST_MAX = 4096, SPEC_WHY_BYTES = 256 };

/* Strings belong to `document`, the two arrays to the spec. */
struct spec {
    json_t *document;
    const char *id, *deployment;
    const char *directory; /* where the process starts */
    const char *logs;      /* file of its log */
    const char **argv;     /* ends with NULL, as does env: "NAME=value" */
    const char **env;
    uint16_t port;          /* where edges connect */
    uint16_t server_port;   /* that the process will listen on; 0: it goes by PORT */
    const char *readiness;  /* paths of GET requests; "" : whether it accepts connections */
    const char *liveness;   /* "" : not checked */
    int64_t probe_ms;       /* between checks once it was ready */
    int64_t first_probe_ms; /* and before */
    int64_t startup_ms, stop_traffic_ms, restart_ms;
    int64_t drain_ms, grace_ms;
    const char *cgroup; /* folder of its own; "" : none */
    uint64_t memory_bytes;
    uint32_t cpu_milli;
    const char *user; /* that the process runs as, uid and gid its numbers; "" : Ambit's own */
    uint32_t uid, gid;
};

/* 0 or a negative errno; document, if any, is not looked at. */
int spec_write(const struct spec *spec, int folder);

/* Reads into an empty spec. 0, or a negative errno and a sentence. */
int spec_read(struct spec *spec, int folder, char ret_why[SPEC_WHY_BYTES]);
void spec_deinit(struct spec *spec);

#pragma once

/* A real supervisor in a process of its own, with the fake child as its binary. What it and its
 * children say comes through one pipe, on which tests wait; no test waits for time to pass. */

#include "base/str.h"
#include "supervisor/supervisor.h"

#include <sys/types.h>

struct harness {
    char dir[64];  /* temporary: data directory, the children's modes, the "binary" (a link) */
    char data[80]; /* data directory */
    pid_t pid;     /* of the supervisor */
    int out;       /* what all processes say */
    char pending[65536];
    size_t n_pending;
    char line[4096]; /* the one that harness_expect found */
    char port[16];   /* of the gateway, once harness_read_ports was called */
    char control_port[16];
};

void harness_init(struct harness *h, const char *fake_child);
void harness_deinit(struct harness *h); /* kills what is left */

/* Default options, which a test may change before harness_start. */
struct supervisor_options harness_options(const struct harness *h);
void harness_start(struct harness *h, const struct supervisor_options *options);

/* How the next start of "edge" or "control" behaves (fake_child.c). */
void harness_mode(const struct harness *h, const char *role, const char *mode);
/* What the binary's path leads to. */
void harness_binary(const struct harness *h, const char *target);

/* Reads lines until one contains both texts; false at the end of the output, or if none comes for a
 * long time. The lines before it are skipped. */
bool harness_expect(struct harness *h, const char *text, const char *and_text);
/* The same for two lines that different processes say, in whichever order they come. */
bool harness_expect_both(struct harness *h, const char *of_one, const char *one,
                         const char *of_other, const char *other);
/* The process id in the line that harness_expect found: of a fake child's line. */
pid_t harness_line_pid(const struct harness *h);

/* Waits until it is said where the server listens. */
bool harness_read_ports(struct harness *h);

/* Connects to the gateway; -1 if it is refused. */
int harness_connect(const struct harness *h);
/* The generation that answers on a connection, which is closed; -1 if none does. */
int harness_answer(int fd);

/* Exit status of the supervisor, 128 + signal if it was killed. */
int harness_wait(struct harness *h);

/* True once no process holds the pipe any more: all are gone. Says false if `text` comes up in what
 * is left. */
bool harness_ends_without(struct harness *h, const char *text);

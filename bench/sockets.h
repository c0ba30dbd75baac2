#pragma once

/*
 * What the programs of the bench share: listening, connecting, reading a number from an argument,
 * the clock. They run on the loopback interface, one thread each, and end with a message when
 * something is wrong, since a bench that goes on regardless measures nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints "NAME: what: strerror" and exits with 1. */
_Noreturn void bench_fail(const char *what);

/* A number of an argument, or exits with 2. */
uint64_t bench_number(const char *text, uint64_t most);

int bench_listen(uint16_t port);

/* Begins to connect; the descriptor does not block. -1 with errno where no descriptor is left. */
int bench_connect(uint16_t port);

int bench_accept(int listener);

void bench_raise_descriptors(void);

/* CLOCK_MONOTONIC, which is the same in every process of the machine. */
int64_t bench_now_ns(void);

/* Where a slice is in bytes, or NULL. */
const char *bench_find(const char *bytes, size_t n, const char *text);

/*
 * A head of HTTP/1.1, as far as a relay has to know it: where it ends and how long its body is. It
 * is no parser for what strangers send: the bench knows who speaks.
 */
struct bench_framing {
    size_t head_n;   /* including the empty line; 0: not there yet */
    uint64_t body_n; /* of content-length; 0 without one */
    bool chunked;
};

struct bench_framing bench_read_framing(const char *bytes, size_t n);

/* Whether bytes end with a last chunk that has no trailers. */
bool bench_ends_chunks(const char *bytes, size_t n);

#pragma once

/*
 * How a replica proves who it is, on each new connection and before anything else: a port that was
 * reused must not serve for another replica, nor see a byte of a request.
 *
 *     edge                                         replica
 *     AMBIT1 <nonce, 32 hex digits> CR LF  ─────►
 *                                          ◄─────  AMBIT1 <proof, 64 hex digits> CR LF
 *
 * The proof is HMAC-SHA256 (RFC 2104) with the identity as key over the nonce's 32 characters. An
 * identity is 32 random bytes in hexadecimal, known to control, the edges that may send there, and
 * the replica. Whoever is on the port instead sees a number that means nothing. Pure functions:
 * edges use one half of it (h1_dial.c), replicas the other (plane/relay.c).
 */

#include "base/str.h"

enum {
    IDENTITY_HEX = 64,
    IDENTITY_NONCE_HEX = 32,
    IDENTITY_CHALLENGE_BYTES = 7 + IDENTITY_NONCE_HEX + 2,
    IDENTITY_PROOF_BYTES = 7 + 64 + 2,
};

/* Writes the line to send, and the one that is to come. 0, or -EINVAL if `identity` is none. */
int identity_challenge(str identity, char ret_challenge[IDENTITY_CHALLENGE_BYTES],
                       char ret_expected[IDENTITY_PROOF_BYTES]);

/* In constant time. */
bool identity_proves(const char expected[IDENTITY_PROOF_BYTES], str received);

enum identity_result {
    IDENTITY_MORE, /* fine so far */
    IDENTITY_DONE,
    IDENTITY_BAD,
};

/* What a replica has received so far; the challenge is the first IDENTITY_CHALLENGE_BYTES of it.
 * DONE: the line to answer with is written. BAD as well if `identity` is none. */
enum identity_result identity_answer(str identity, str received,
                                     char ret_proof[IDENTITY_PROOF_BYTES]);

#include "http/identity.h"
#include "unit/test.h"

/* Made with: printf '00112233445566778899aabbccddeeff' | openssl dgst -sha256 -mac HMAC
 * -macopt hexkey:0102…20 */
#define IDENTITY "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define OTHER    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f21"
#define KNOWN    "AMBIT1 00112233445566778899aabbccddeeff\r\n"
#define PROOF    "AMBIT1 afa9b3224718a3d855579d2805f726cb87044900912d44fdbfc45d3e06dbe442\r\n"

static void a_known_challenge_has_a_known_proof(void)
{
    char proof[IDENTITY_PROOF_BYTES];

    CHECK_INT(sizeof(KNOWN) - 1, IDENTITY_CHALLENGE_BYTES);
    CHECK_INT(identity_answer(STR(IDENTITY), STR(KNOWN), proof), IDENTITY_DONE);
    CHECK_STR(str_make(proof, sizeof(proof)), PROOF);
}

static void both_halves_agree_and_nobody_else(void)
{
    char challenge[IDENTITY_CHALLENGE_BYTES], expected[IDENTITY_PROOF_BYTES],
        proof[IDENTITY_PROOF_BYTES];
    str line = str_make(challenge, sizeof(challenge)), said = str_make(proof, sizeof(proof));

    CHECK_INT(identity_challenge(STR(IDENTITY), challenge, expected), 0);
    CHECK_INT(identity_answer(STR(IDENTITY), line, proof), IDENTITY_DONE);
    CHECK(identity_proves(expected, said));
    CHECK(!identity_proves(expected, str_upto(said, said.n - 1)));
    CHECK_INT(identity_answer(STR(OTHER), line, proof), IDENTITY_DONE);
    CHECK(!identity_proves(expected, said));
    CHECK(!identity_proves(expected, STR(PROOF)));
}

static void no_two_challenges_are_alike(void)
{
    char a[IDENTITY_CHALLENGE_BYTES], b[IDENTITY_CHALLENGE_BYTES], expected[IDENTITY_PROOF_BYTES];

    CHECK_INT(identity_challenge(STR(IDENTITY), a, expected), 0);
    CHECK_INT(identity_challenge(STR(IDENTITY), b, expected), 0);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

#define NO_HEX                                                                                     \
    "x102030405060708090a0b0c0d0e0f10"                                                             \
    "1112131415161718191a1b1c1d1e1f20"

static void what_is_no_identity_proves_nothing(void)
{
    static const char *const wrong[] = {"", "01", OTHER "00", NO_HEX};
    char challenge[IDENTITY_CHALLENGE_BYTES], proof[IDENTITY_PROOF_BYTES];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(identity_challenge(str_of(wrong[i]), challenge, proof) < 0);
        CHECK_INT(identity_answer(str_of(wrong[i]), STR(KNOWN), proof), IDENTITY_BAD);
    }
}

static void a_challenge_may_come_in_pieces(void)
{
    char proof[IDENTITY_PROOF_BYTES];

    for (size_t n = 0; n < IDENTITY_CHALLENGE_BYTES; n++)
        CHECK_INT(identity_answer(STR(IDENTITY), str_upto(STR(KNOWN), n), proof), IDENTITY_MORE);
    CHECK_INT(identity_answer(STR(IDENTITY), STR(KNOWN "GET / HTTP/1.1"), proof), IDENTITY_DONE);
}

static void a_wrong_byte_is_bad_at_once(void)
{
    char proof[IDENTITY_PROOF_BYTES], line[IDENTITY_CHALLENGE_BYTES];

    for (size_t i = 0; i < sizeof(line); i++) {
        memcpy(line, KNOWN, sizeof(line));
        line[i] = 'G';
        CHECK_INT(identity_answer(STR(IDENTITY), str_make(line, i + 1), proof), IDENTITY_BAD);
    }
}

int main(void)
{
    RUN(a_known_challenge_has_a_known_proof);
    RUN(both_halves_agree_and_nobody_else);
    RUN(no_two_challenges_are_alike);
    RUN(what_is_no_identity_proves_nothing);
    RUN(a_challenge_may_come_in_pieces);
    RUN(a_wrong_byte_is_bad_at_once);
    return test_end();
}

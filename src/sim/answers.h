#pragma once

/*
 * What the simulated model says. The text tells what it is: simulated, and by which region. Shapes
 * are those of OpenAI's API reference, with made-up ids.
 */

#include "base/buf.h"

struct sim_answer {
    str region;
    str model;
    uint64_t id;       /* made into the ids of the answer */
    int64_t created_s; /* since 1970 */
    uint64_t prompt_tokens, tokens;
};

/* Whole answers. */
void sim_answer_chat(const struct sim_answer *a, struct buf *to);
void sim_answer_completion(const struct sim_answer *a, struct buf *to);
void sim_answer_embedding(const struct sim_answer *a, size_t n_inputs, struct buf *to);
void sim_answer_response(const struct sim_answer *a, str status, struct buf *to);
void sim_answer_transcription(const struct sim_answer *a, struct buf *to);
void sim_answer_speech(struct buf *to); /* a WAV file of silence */
void sim_answer_models(str region, const char *const *names, size_t n, struct buf *to);
void sim_answer_error(str region, unsigned status, struct buf *to);

/* Event streams: the beginning, one token, the end. `usage`: chat's and completions' last chunk
 * with it. */
enum sim_stream { SIM_STREAM_CHAT, SIM_STREAM_COMPLETION, SIM_STREAM_RESPONSE };
enum sim_usage { SIM_WITHOUT_USAGE, SIM_WITH_USAGE };

void sim_stream_begin(const struct sim_answer *a, enum sim_stream kind, struct buf *to);
void sim_stream_token(const struct sim_answer *a, enum sim_stream kind, uint64_t index,
                      struct buf *to);
void sim_stream_end(const struct sim_answer *a, enum sim_stream kind, enum sim_usage usage,
                    struct buf *to);

#pragma once

/* The tokens that an answer says it used: `usage` with prompt_tokens and completion_tokens (chat,
 * completions, embeddings) or input_tokens and output_tokens (responses), at the top or, in events
 * of the responses API, inside `response`. */

#include "base/str.h"

enum usage_result {
    USAGE_FOUND,
    USAGE_NONE,    /* a JSON object without a usage */
    USAGE_INVALID, /* not one JSON object */
};

/* The same for a whole answer, which is long and has its usage near the end: looks for the last
 * `usage` and reads from there on. What comes before it is believed to be JSON. */
enum usage_result usage_find(str json, uint64_t *ret_prompt, uint64_t *ret_completion);

/* Outputs are untouched unless USAGE_FOUND. */
enum usage_result usage_read(str json, uint64_t *ret_prompt, uint64_t *ret_completion);

/* The string member `id`, at the top or, in events of the responses API, inside `response`; false
 * if there is none. `storage` must hold the text where it is returned as a copy. */
bool answer_id_read(str json, char *storage, size_t room, str *ret_id);

#pragma once

/* The tokens that an answer says it used: `usage` with prompt_tokens and completion_tokens (chat,
 * completions, embeddings) or input_tokens and output_tokens (responses), at the top or, in events
 * of the responses API, inside `response`. */

#include "base/str.h"

enum usage_result {
    USAGE_FOUND,
    USAGE_NONE,    /* a whole JSON object without a usage */
    USAGE_INVALID, /* not one JSON object */
};

/* Outputs are untouched unless USAGE_FOUND. */
enum usage_result usage_read(str json, uint64_t *ret_prompt, uint64_t *ret_completion);

/* The string member `id`, at the top or, in events of the responses API, inside `response`; false
 * if there is none. `storage` must hold the text where it is returned as a copy. */
bool answer_id_read(str json, char *storage, size_t room, str *ret_id);

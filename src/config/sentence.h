#pragma once

/* A sentence about where requests may go, taken apart: its grammar and its words are described in
 * config/expect.h. */

#include "catalog/policy.h"
#include "config/config.h"

enum sentence_subject { SUBJECT_REQUEST, SUBJECT_ORGANIZATION, SUBJECT_ANYONE };
enum sentence_verb { VERB_NEVER, VERB_ONLY, VERB_MAY };

struct sentence {
    enum sentence_subject subject;
    bool has_subject;
    const struct catalog_key *key; /* NULL: none named */
    str customers[POLICY_MAX_CUSTOMER_IDS];
    size_t n_customers;
    enum sentence_verb verb;
    str place_name;
    struct region_set place;
    const struct catalog_group *group; /* NULL: it speaks of regions */
};

/* False, and why in *ret_why (arena memory), for what cannot be read; that includes names that the
 * file and its catalog do not have. */
bool sentence_read(str text, const struct config *config, const struct catalog *catalog,
                   struct arena *arena, struct sentence *ret_sentence, str *ret_why);

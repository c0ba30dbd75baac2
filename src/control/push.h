#pragma once

/* What a body asks to be deployed: a package that was uploaded, or a server that others run. */

#include "control/registry.h"

enum push_named { PUSH_NAMES_MODEL, PUSH_MODEL_IS_KNOWN };

struct push {
    str model_name; /* where the source names one */
    int dry_run;    /* the package need not have been uploaded */
    struct fleet_push fleet;
};

/* Reads the member `source` of a body, into the call's arena. False, and an error in the answer. */
bool push_take(struct api_call *call, const json_t *body, enum push_named named,
               struct push *ret_push);

/* Deploys it inside a change; `m` is a model that may be new. Writes the event of the trail. */
enum fleet_outcome push_run(struct registry_change *c, const struct policy *p,
                            const struct fleet_model *m, struct push *push,
                            struct fleet_deployment **ret_deployment);

/* Answers with what push_run would do, and ends the change so that nothing is made. */
void push_answer_plan(struct api_call *call, struct registry_change *c, const struct fleet_model *m,
                      struct push *push);

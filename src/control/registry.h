#pragma once

/*
 * What the handlers of the registry share: finding what a path names, who may see and change it,
 * and changing the fleet inside a change of policy.
 *
 * A chain is a model with another kind of host: what is said of models here holds for chains, whose
 * paths have {chain_id} in the place of {model_id}. A chain is not there for those who ask for a
 * model, and the reverse.
 *
 * A key may be limited to a team, to models, to environments. What lies outside of the first two is
 * not there for it (404); in environments that are not its own it changes nothing (403). A personal
 * key also has what its user may manage: a restricted environment is changed by the users that it
 * names, and by admins.
 */

#include "control/api.h"
#include "control/deployments.h"

/* --- who asks */

struct registry_caller {
    str user; /* of a personal key; "" : a key of the workspace */
    str team; /* id; "" : all teams */
    const struct catalog_key *key;
};

/* Its strings last as long as the call and the present catalog. */
struct registry_caller registry_caller(struct api_call *call);

/* --- finding: NULL, and a 404, for what is not there for this key */

/* {team_id} of the path, an id or a name; without it the key's team, else the default one. */
struct fleet_team *registry_team(struct api_call *call);
struct fleet_team *registry_team_named(struct api_call *call, str id_or_name, const char *param);
/* {model_id}, or {chain_id} of a chain */
struct fleet_model *registry_model(struct api_call *call);
/* {env_name} of it */
struct fleet_environment *registry_environment(struct api_call *call,
                                               const struct fleet_model *model);
/* {deployment_id} of it: an id, or "development" or "production" for whatever that is */
struct fleet_deployment *registry_deployment(struct api_call *call,
                                             const struct fleet_model *model);
/* The same for an id that came some other way; `param` is its name. */
struct fleet_deployment *registry_find_deployment(struct api_call *call,
                                                  const struct fleet_model *model, str id,
                                                  const char *param);

/* Whether the key sees that team, that model, that user. */
bool registry_sees_team(struct api_call *call, str team);
bool registry_sees_model(struct api_call *call, const struct fleet_model *model);
bool registry_sees_user(struct api_call *call, const struct fleet_user *u);

/* Whether it may change what is in the team's environments of that name ("" : what is in none);
 * false, and a 403, if not. */
bool registry_may_change(struct api_call *call, str team, str environment);
/* Whether it may change what concerns every team; the same. */
bool registry_may_change_all(struct api_call *call);

/* The member `name` of a body, which has to be there. */
bool registry_take_name(struct api_call *call, const json_t *body, size_t most, str *ret_name);

/* Whether only a plan is asked for: the member `dry_run` of a body, or of the query. */
bool registry_take_dry_run(struct api_call *call, const json_t *body, int *ret_dry_run);

/* --- versions */

/* The answer shows this object: its version is the ETag. NULL: it is not there yet, and has none.
 */
void registry_tag(struct api_call *call, const struct fleet_object *object);

/* Whether the object has the version that If-Match names, if it names one; else a 409. NULL: the
 * object is not there yet, which no version matches. */
bool registry_matches(struct api_call *call, const struct fleet_object *object);

/* --- changing */

struct registry_change {
    struct change change;
    struct fleet *fleet;
    struct fleet_world world;
    struct fleet_problem problem;
};

void registry_begin(struct api_call *call, struct registry_change *c);

/* An event of the trail; takes both references. */
void registry_audit(struct registry_change *c, const char *action, str object, json_t *before,
                    json_t *after);

/* The same of what belongs to a model: "DEPLOYED" is MODEL_DEPLOYED, or CHAIN_DEPLOYED. */
void registry_audit_of(struct registry_change *c, const struct fleet_model *m, const char *action,
                       str object, json_t *before, json_t *after);

/* Ends the change as `outcome` says. False, and an error in the answer, if nothing was changed
 * although something should have been; FLEET_UNCHANGED is true and changes nothing, but the answer
 * waits for the edges as after a change. */
bool registry_end(struct api_call *call, struct registry_change *c, enum fleet_outcome outcome);

/* Drops the change: the error is in the answer already. */
void registry_drop(struct registry_change *c);

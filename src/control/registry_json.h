#pragma once

/* Objects of the registry as the API shows them: Baseten's members, and more of our own beside
 * them. All return new references. */

#include "control/policy.h"
#include "fleet/controller.h"

#include <jansson.h>

json_t *team_json(const struct fleet_team *t);
/* Of its teams only this one, "" : all. */
json_t *user_json(const struct fleet_user *u, str team);
json_t *secret_json(const struct fleet *f, const struct fleet_secret *s);
json_t *model_json(const struct policy *p, const struct fleet_model *m);
json_t *deployment_json(const struct policy *p, const struct fleet_deployment *d);
json_t *replica_json(const struct fleet_replica *r);
json_t *promotion_json(const struct policy *p, const struct fleet_promotion *promotion);
/* `environment` "" : a push to none; `deployment` "" : it is not made yet. */
json_t *plan_json(const struct fleet_plan *plan, str environment, str deployment);
json_t *environment_json(const struct policy *p, const struct fleet_environment *e);

/* "model" or "chain"; and the member that names it in what it has: "model_id" or "chain_id". */
const char *model_kind(const struct fleet_model *m);
const char *model_id_member(const struct fleet_model *m);

/* What an environment says of a chain's chainlet. */
json_t *chainlet_settings_json(const struct fleet_model *m, const struct fleet_environment *e,
                               str instance_type);

/* A group of a team; `group` NULL: nobody has said anything about that name. */
json_t *group_json(const struct policy *p, const struct fleet_team *team, str name,
                   const struct fleet_group *group);

json_t *autoscaling_json(const struct fleet_autoscaling *a);
json_t *promotion_settings_json(const struct fleet_promotion_settings *s);

str cleanup_name(enum fleet_cleanup strategy);
str role_name(enum fleet_role role);

/* "" becomes null. */
json_t *text_or_null(str text);

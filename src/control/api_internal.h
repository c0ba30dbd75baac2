#pragma once

/* The table of routes, and the handlers behind it with who has them. Nobody but these files
 * includes this. */

#include "control/api.h"

/* Beside the scopes of a route: what concerns everybody is no business of a key that is limited to
 * a team, models or environments. Handlers of other routes see to the limits themselves. */
enum {
    API_UNLIMITED_KEYS = 1 << 30,
    /* A key of a team may, one that is limited to models or environments may not. */
    API_WHOLE_TEAM_KEYS = 1 << 29
};

/* One method on one path. The OpenAPI document comes from the same rows: request, response and
 * query parameters are names in openapi-schemas.json. */
struct api_route {
    const char *method;
    const char *path; /* "{name}" stands for one segment */
    uint32_t scopes;  /* one of them is needed; 0: no key at all; may have one of these flags */
    api_handle_fn handle;
    const char *summary;
    const char *query;    /* names of parameters, separated by spaces; "" : none */
    const char *request;  /* schema, with '?' where no body will do as well; "" : no body */
    const char *response; /* schema of a 200; "" : text */
};
extern const struct api_route api_routes[];
extern const size_t api_n_routes;

/* api_openapi.c */
enum api_progress api_openapi(struct api_call *call);

/* api_customers.c */
enum api_progress api_customer_new(struct api_call *call);
enum api_progress api_customer_update(struct api_call *call);
enum api_progress api_customer_info(struct api_call *call);
enum api_progress api_customer_list(struct api_call *call);
enum api_progress api_customer_delete(struct api_call *call);
enum api_progress api_customer_block(struct api_call *call);
enum api_progress api_customer_unblock(struct api_call *call);

/* api_keys.c */
enum api_progress api_key_new(struct api_call *call);
enum api_progress api_key_list(struct api_call *call);
enum api_progress api_key_delete(struct api_call *call);

/* api_organization.c */
enum api_progress api_organization_get(struct api_call *call);
enum api_progress api_organization_put(struct api_call *call);
enum api_progress api_organization_delete(struct api_call *call);

/* api_places.c */
enum api_progress api_regions(struct api_call *call);
enum api_progress api_zones(struct api_call *call);
enum api_progress api_rules(struct api_call *call);
enum api_progress api_explain(struct api_call *call);

/* api_endpoints.c */
enum api_progress api_endpoint_list(struct api_call *call);
enum api_progress api_endpoint_withdraw(struct api_call *call);
enum api_progress api_endpoint_return(struct api_call *call);

/* api_report.c */
enum api_progress api_audit(struct api_call *call);
enum api_progress api_report_residency(struct api_call *call);

/* api_operate.c */
enum api_progress api_reload(struct api_call *call);
enum api_progress api_configuration(struct api_call *call);
enum api_progress api_edges(struct api_call *call);
enum api_progress api_health_live(struct api_call *call);
enum api_progress api_health_ready(struct api_call *call);
enum api_progress api_metrics(struct api_call *call);

/* api_teams.c */
enum api_progress api_team_list(struct api_call *call);
enum api_progress api_team_get(struct api_call *call);
enum api_progress api_team_new(struct api_call *call);

/* api_users.c */
enum api_progress api_user_list(struct api_call *call);
enum api_progress api_user_get(struct api_call *call);
enum api_progress api_user_me(struct api_call *call);
enum api_progress api_user_new(struct api_call *call);
enum api_progress api_user_patch(struct api_call *call);
enum api_progress api_user_delete(struct api_call *call);

/* api_api_keys.c */
enum api_progress api_api_key_list(struct api_call *call);
enum api_progress api_api_key_new(struct api_call *call);
enum api_progress api_api_key_delete(struct api_call *call);

/* api_secrets.c */
enum api_progress api_secret_list(struct api_call *call);
enum api_progress api_secret_put(struct api_call *call);
enum api_progress api_secret_delete(struct api_call *call);

/* api_instance_types.c */
enum api_progress api_instance_type_list(struct api_call *call);

/* api_models.c */
enum api_progress api_model_list(struct api_call *call);
enum api_progress api_model_get(struct api_call *call);
enum api_progress api_model_new(struct api_call *call);
enum api_progress api_model_delete(struct api_call *call);

enum api_progress api_chain_list(struct api_call *call);
enum api_progress api_chain_new(struct api_call *call);

/* api_chainlets.c */
enum api_progress api_chainlet_autoscaling(struct api_call *call);
enum api_progress api_chainlet_instance_type(struct api_call *call);

/* api_environments.c */
enum api_progress api_environment_list(struct api_call *call);
enum api_progress api_environment_get(struct api_call *call);
enum api_progress api_environment_new(struct api_call *call);
enum api_progress api_environment_patch(struct api_call *call);
enum api_progress api_environment_delete(struct api_call *call);
enum api_progress api_environment_activate(struct api_call *call);
enum api_progress api_environment_deactivate(struct api_call *call);

/* api_environment_groups.c */
enum api_progress api_group_list(struct api_call *call);
enum api_progress api_group_get(struct api_call *call);
enum api_progress api_group_patch(struct api_call *call);

/* api_deployments.c */
enum api_progress api_deployment_list(struct api_call *call);
enum api_progress api_deployment_get(struct api_call *call);
enum api_progress api_deployment_config(struct api_call *call);
enum api_progress api_deployment_new(struct api_call *call);
enum api_progress api_deployment_delete(struct api_call *call);
enum api_progress api_deployment_autoscaling(struct api_call *call);
enum api_progress api_deployment_activate(struct api_call *call);
enum api_progress api_deployment_deactivate(struct api_call *call);
enum api_progress api_deployment_wake(struct api_call *call);
enum api_progress api_deployment_retry(struct api_call *call);
enum api_progress api_replica_list(struct api_call *call);
enum api_progress api_replica_terminate(struct api_call *call);

/* api_promotions.c */
enum api_progress api_environment_promote(struct api_call *call);
enum api_progress api_deployment_promote(struct api_call *call);
enum api_progress api_promotion_cancel(struct api_call *call);
enum api_progress api_promotion_rolling(struct api_call *call);
enum api_progress api_promotion_list(struct api_call *call);
enum api_progress api_promotion_get(struct api_call *call);

/* api_packages.c */
enum api_progress api_package_new(struct api_call *call);

/* api_logs.c */
enum api_progress api_deployment_logs(struct api_call *call);
enum api_progress api_environment_logs(struct api_call *call);

/* api_usage.c */
enum api_progress api_usage_list(struct api_call *call);

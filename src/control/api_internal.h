#pragma once

/* The handlers behind the table of routes, and who has them. Nobody but api_routes.c and these
 * files includes this. */

#include "control/api.h"

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

/* The routes of the management API. */

#include "base/mem.h"
#include "control/api_internal.h"

#define READERS (SCOPE_POLICY_READ | SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN)
#define RULERS  (SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN)

/* clang-format off: two lines each, so that the columns can be read */
const struct api_route api_routes[] = {
    {"POST", "/customer/new", SCOPE_CUSTOMERS, api_customer_new, "Make a customer", "",
     "CustomerNew", "Customer"},
    {"POST", "/customer/update", SCOPE_CUSTOMERS, api_customer_update,
     "Change a customer; null clears a field", "", "CustomerUpdate", "Customer"},
    {"GET", "/customer/info", SCOPE_CUSTOMERS, api_customer_info, "Show a customer", "end_user_id",
     "", "Customer"},
    {"GET", "/customer/list", SCOPE_CUSTOMERS, api_customer_list,
     "List customers in the order of their ids", "after limit", "", "Customers"},
    {"POST", "/customer/delete", SCOPE_CUSTOMERS, api_customer_delete,
     "Delete customers, all of them or none", "", "CustomerIds", "Object"},
    {"POST", "/customer/block", SCOPE_CUSTOMERS, api_customer_block, "Refuse their requests", "",
     "CustomerIds", "Object"},
    {"POST", "/customer/unblock", SCOPE_CUSTOMERS, api_customer_unblock,
     "Serve their requests again", "", "CustomerIds", "Object"},

    {"POST", "/v1/keys", SCOPE_KEYS, api_key_new,
     "Make a key; its text is in this answer and nowhere else", "", "KeyNew", "Key"},
    {"GET", "/v1/keys", SCOPE_KEYS | READERS, api_key_list, "List keys", "", "", "Keys"},
    {"DELETE", "/v1/keys/{id}", SCOPE_KEYS, api_key_delete, "Revoke a key", "", "", "Tombstone"},

    {"GET", "/v1/organization", READERS, api_organization_get,
     "The rule that holds for every request", "", "", "Organization"},
    {"PUT", "/v1/organization", RULERS, api_organization_put,
     "Set the rule that holds for every request", "", "OrganizationPut", "Organization"},
    {"DELETE", "/v1/organization", SCOPE_POLICY_WIDEN, api_organization_delete,
     "Take that rule away", "", "", "Organization"},
    {"GET", "/v1/regions", READERS, api_regions,
     "What is known of each region, with measured round trips", "", "", "Object"},
    {"GET", "/v1/zones", READERS, api_zones, "Zones and their members", "", "", "Object"},
    {"GET", "/v1/rules", READERS, api_rules, "Every region rule in force, and who owns it", "", "",
     "Object"},
    {"POST", "/v1/permits/explain", READERS, api_explain,
     "What a request could use, and which rule removed each other endpoint", "", "Explain",
     "Object"},
    {"GET", "/v1/endpoints", READERS | SCOPE_OPERATE, api_endpoint_list,
     "Endpoints, their regions, and how those are known", "", "", "Object"},
    {"POST", "/v1/endpoints/{id}/withdraw", SCOPE_OPERATE, api_endpoint_withdraw,
     "Take an endpoint out of service", "", "Withdraw", "Object"},
    {"POST", "/v1/endpoints/{id}/return_to_service", SCOPE_OPERATE, api_endpoint_return,
     "Return an endpoint to service", "", "", "Object"},
    {"GET", "/v1/audit", READERS, api_audit, "The audit trail, newest first", "object before limit",
     "", "Object"},
    {"GET", "/v1/reports/residency", READERS, api_report_residency, "The officer's report", "days",
     "", "Object"},

    {"GET", "/v1/edges", READERS | SCOPE_OPERATE, api_edges,
     "Edges, and the revision that each confirmed", "", "", "Object"},
    {"GET", "/v1/configuration", READERS | SCOPE_OPERATE, api_configuration,
     "The state of the configuration file", "", "", "Object"},
    {"POST", "/v1/reload", SCOPE_OPERATE, api_reload, "Read the configuration file again", "",
     "Reload", "Object"},
    {"GET", "/v1/openapi.json", 0, api_openapi, "This document", "", "", "Object"},
    {"GET", "/metrics", SCOPE_METRICS, api_metrics, "Metrics of control and edges, for Prometheus",
     "", "", ""},
    {"GET", "/health/live", 0, api_health_live, "Whether the process runs", "", "", "Object"},
    {"GET", "/health/ready", 0, api_health_ready, "Whether there is a policy in force", "", "",
     "Object"},
};
/* clang-format on */

const size_t api_n_routes = COUNT_OF(api_routes);

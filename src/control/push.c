#include "control/push.h"

#include "base/mem.h"
#include "base/random.h"
#include "config/origin.h"
#include "control/credential.h"
#include "control/package_store.h"
#include "control/registry_json.h"
#include "control/registry_settings.h"
#include "control/render.h"
#include "net/networks.h"
#include "net/resolver.h"
#include "package/truss_config.h"

enum {
    MODEL_NAME_BYTES = 200,
    NAME_BYTES = 128,
    ENVIRONMENT_BYTES = 64,
    CONFIG_BYTES = 1 << 20,
    LABELS_BYTES = 16 * 1024,
    URL_BYTES = 2048,
    REGION_BYTES = 256,
    CREDENTIAL_BYTES = 8192,
    TIMEOUT_MIN_MINUTES = 10,
    TIMEOUT_MAX_MINUTES = 1440,
};

/* --- members that both kinds have */

/* Inside of `source`, whose members are named so in errors. */
static bool take_text(struct api_call *call, const json_t *object, const char *name, size_t most,
                      str *field)
{
    str text;

    if (!api_text(call, object, name, most, &text))
        return false;
    if (text.p)
        *field = text;
    return true;
}

static bool take_name(struct api_call *call, const json_t *object, str *ret_name)
{
    if (!take_text(call, object, "deployment_name", NAME_BYTES, ret_name))
        return false;
    for (size_t i = 0; i < ret_name->n; i++) {
        char c = ret_name->p[i];

        if ((c >= '0' && c <= '9') || (str_lower_char(c) >= 'a' && str_lower_char(c) <= 'z') ||
            c == '_' || c == '-' || c == '.')
            continue;
        api_error(call, 400, "invalid_field", "deployment_name",
                  "deployment_name: expected letters, digits, . - _");
        return false;
    }
    return true;
}

static bool take_object(struct api_call *call, const json_t *object, const char *name, size_t most,
                        str *field)
{
    const json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value))
        return true;
    str text = api_dump(call, value);
    if (!json_is_object(value) || text.n > most) {
        api_error(call, 400, "invalid_field", name, "%s: expected an object of at most %zu bytes",
                  name, most);
        return false;
    }
    *field = text;
    return true;
}

static bool take_common(struct api_call *call, const json_t *object, struct fleet_push *push)
{
    int scale_down;

    if (!take_text(call, object, "environment_name", ENVIRONMENT_BYTES, &push->environment) ||
        !take_name(call, object, &push->name) ||
        !take_object(call, object, "labels", LABELS_BYTES, &push->labels) ||
        !api_flag(call, object, "scale_down_previous_deployment", 1, &scale_down))
        return false;
    push->scale_down_previous = scale_down;
    return true;
}

/* --- a package */

static bool take_timeout(struct api_call *call, const json_t *object, int64_t *ret_ns)
{
    const json_t *value = json_object_get(object, "deploy_timeout_minutes");
    json_int_t minutes = json_integer_value(value);

    if (!value || json_is_null(value))
        return true;
    if (!json_is_integer(value) || minutes < TIMEOUT_MIN_MINUTES || minutes > TIMEOUT_MAX_MINUTES) {
        api_error(call, 400, "invalid_field", "deploy_timeout_minutes",
                  "deploy_timeout_minutes: expected a whole number from %d to %d",
                  TIMEOUT_MIN_MINUTES, TIMEOUT_MAX_MINUTES);
        return false;
    }
    *ret_ns = minutes * 60 * NS_PER_S;
    return true;
}

/* A development deployment is in no environment. */
static bool take_development(struct api_call *call, const json_t *object, struct fleet_push *push)
{
    int development, preserve;

    if (!api_flag(call, object, "is_development", 0, &development) ||
        !api_flag(call, object, "preserve_env_instance_type", 1, &preserve))
        return false;
    push->development = development;
    push->preserve_environment_instance_type = preserve;
    if (!development || (!push->environment.n && !push->name.n && preserve))
        return true;
    api_error(call, 400, "invalid_field", "is_development",
              "is_development: a development deployment has no environment_name, no "
              "deployment_name, and preserve_env_instance_type as it is by default");
    return false;
}

/* What a config.yaml says beside what the fleet keeps whole. */
static bool take_config(struct api_call *call, const json_t *object, struct fleet_push *push)
{
    const json_t *config = json_object_get(object, "config");

    if (!config || json_is_null(config)) {
        api_error(call, 400, "missing_field", "deployment.config",
                  "deployment.config: expected the package's config.yaml as an object");
        return false;
    }
    const json_t *type = json_object_get(json_object_get(config, "resources"), "instance_type");
    return take_object(call, object, "config", CONFIG_BYTES, &push->config) &&
           take_text(call, object, "raw_config", CONFIG_BYTES, &push->raw_config) &&
           settings_take_instance_type(call, json_is_string(type) ? type : NULL,
                                       "deployment.config.resources.instance_type",
                                       &push->instance_type);
}

static bool take_payload(struct api_call *call, const json_t *object, struct fleet_push *push)
{
    static const char *const names[] = {"config",
                                        "raw_config",
                                        "user_env",
                                        "environment_name",
                                        "preserve_env_instance_type",
                                        "scale_down_previous_deployment",
                                        "deploy_timeout_minutes",
                                        "deployment_name",
                                        "labels",
                                        "is_development"};

    if (!json_is_object(object)) {
        api_error(call, 400, "missing_field", "source.deployment",
                  "source.deployment: expected an object");
        return false;
    }
    return api_members(call, object, "source.deployment", names, COUNT_OF(names)) &&
           take_config(call, object, push) && take_common(call, object, push) &&
           take_timeout(call, object, &push->deploy_timeout_ns) &&
           take_development(call, object, push);
}

static const struct diagnostic *first_error(const struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].level == DIAGNOSTIC_ERROR)
            return &d->list[i];
    return NULL;
}

/* What the package's replicas will be started by: what is wrong with it is known here already. */
static bool check_config(struct api_call *call, str config)
{
    struct truss_source source = {.file = STR("config.yaml"), .text = config};
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics);
    struct truss_config *checked = truss_config_check(&source, &diagnostics);
    const struct diagnostic *error = checked ? NULL : first_error(&diagnostics);
    if (!checked)
        api_error(call, 400, "invalid_config", "deployment.config", "deployment.config%s%.*s: %.*s",
                  error && error->path.n ? "." : "", STR_ARG(error ? error->path : STR("")),
                  STR_ARG(error ? error->message : STR("is no config.yaml")));
    diagnostics_deinit(&diagnostics);
    truss_config_free(checked);
    return call->status < 400;
}

/* Another team's is not there, whatever this key knows of it. */
static bool may_deploy(struct api_call *call, str package)
{
    return fleet_find_package_for(call->api->policy->fleet, registry_caller(call).team, package) &&
           package_store_has(call->api->data_dir, package);
}

static bool take_package(struct api_call *call, const json_t *source, struct push *push)
{
    str package = STR("");

    if (!take_text(call, source, "package", 64, &package))
        return false;
    if (!package_store_is_name(package)) {
        api_error(
            call, 400, "invalid_field", "source.package",
            "source.package: expected what POST /v1/packages answered with, a SHA-256 in hex");
        return false;
    }
    if (!push->dry_run && !may_deploy(call, package)) {
        api_error(call, 400, "package_not_found", "source.package",
                  "source.package: there is no package %.*s; upload it with POST /v1/packages",
                  STR_ARG(package));
        return false;
    }
    push->fleet.package = package;
    return take_payload(call, json_object_get(source, "deployment"), &push->fleet) &&
           check_config(call, push->fleet.config);
}

/* --- a server that others run */

static bool take_region(struct api_call *call, const json_t *source, str *ret_region)
{
    const struct region_catalogue *regions = call->api->policy->config->regions;
    struct region_set place;

    if (!take_text(call, source, "region", REGION_BYTES, ret_region))
        return false;
    if (ret_region->n && region_resolve(regions, *ret_region, &place))
        return true;
    str near = ret_region->n ? region_near_match(regions, *ret_region) : STR("");
    api_error(call, 400, "invalid_region", "source.region",
              "source.region: expected a region code, or a country or zone where no more is "
              "known%s%.*s%s",
              near.n ? "; did you mean " : "", STR_ARG(near), near.n ? "?" : "");
    return false;
}

/* What can be told from the text. What a name stands for is looked at by whoever connects, each
 * time (http/h1_dial.c). */
static const char *refuse_host(const struct policy *p, str host)
{
    str text = resolver_is_localhost(host) ? STR("127.0.0.1") : host;
    struct net_address address;

    return net_address_from_ip(text, 0, &address) < 0
               ? NULL
               : networks_refuse(p->config->external_networks, &address);
}

static bool may_reach(struct api_call *call, str host)
{
    const char *what = refuse_host(call->api->policy, host);

    if (what)
        api_error(call, 400, "address_not_allowed", "source.url",
                  "source.url: %.*s is %s; expected an address that external deployments may "
                  "reach: the operator's setting deployments.external_addresses says which",
                  STR_ARG(host), what);
    return !what;
}

static bool take_url(struct api_call *call, const json_t *source, str *ret_url)
{
    struct origin origin;

    if (!take_text(call, source, "url", URL_BYTES, ret_url))
        return false;
    const char *wrong = ret_url->n ? origin_parse(*ret_url, &call->arena, &origin) : "is missing";
    if (!wrong && (origin.unix_path.n || origin.query.n))
        wrong = "has to be http or https, without a query";
    if (wrong)
        api_error(call, 400, "invalid_field", "source.url", "source.url %s", wrong);
    return !wrong && may_reach(call, origin.host);
}

static bool take_credential(struct api_call *call, const json_t *source, struct fleet_push *push)
{
    str text = STR("");

    if (!take_text(call, source, "credential", CREDENTIAL_BYTES, &text))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x21 || (unsigned char)text.p[i] > 0x7e) {
            api_error(call, 400, "invalid_field", "source.credential",
                      "source.credential: expected printable characters without spaces");
            return false;
        }
    if (!text.n)
        return true;
    push->credential = credential_seal(call->api->policy, push->url, text, &call->arena);
    if (!push->credential.p)
        api_store_failed(call);
    return push->credential.p != NULL;
}

/* Where a server of others stands is known from this statement alone, and every residency rule
 * relies on it: whoever makes it answers for the installation, not for a team. */
static bool may_state_region(struct api_call *call)
{
    return api_may(call, SCOPE_OPERATE, "stating where a server of others stands") &&
           registry_may_change_all(call);
}

static bool take_external(struct api_call *call, const json_t *source, struct push *push)
{
    if (!may_state_region(call))
        return false;
    push->fleet.config = STR("{}");
    push->fleet.preserve_environment_instance_type = true;
    return take_url(call, source, &push->fleet.url) &&
           take_region(call, source, &push->fleet.region) &&
           take_credential(call, source, &push->fleet) && take_common(call, source, &push->fleet) &&
           settings_take_instance_type(call, json_object_get(source, "instance_type"),
                                       "source.instance_type", &push->fleet.instance_type);
}

/* --- either */

/* `name` is the first of each list: only a new model has one. */
static bool check_members(struct api_call *call, const json_t *source, bool external,
                          enum push_named named)
{
    static const char *const archive[] = {"name", "kind", "package", "deployment"};
    static const char *const server[] = {"name",
                                         "kind",
                                         "url",
                                         "region",
                                         "credential",
                                         "environment_name",
                                         "labels",
                                         "instance_type",
                                         "deployment_name",
                                         "scale_down_previous_deployment"};
    size_t skip = named == PUSH_MODEL_IS_KNOWN;

    return external ? api_members(call, source, "source", server + skip, COUNT_OF(server) - skip)
                    : api_members(call, source, "source", archive + skip, COUNT_OF(archive) - skip);
}

static bool take_model_name(struct api_call *call, const json_t *source, str *ret_name)
{
    if (!take_text(call, source, "name", MODEL_NAME_BYTES, ret_name))
        return false;
    if (!ret_name->n)
        api_error(call, 400, "missing_field", "source.name",
                  "source.name: expected the model's name");
    return ret_name->n != 0;
}

bool push_take(struct api_call *call, const json_t *body, enum push_named named,
               struct push *ret_push)
{
    const json_t *source = json_object_get(body, "source");
    const json_t *given = json_object_get(source, "kind");
    const char *kind = given ? json_string_value(given) : "model_archive";
    bool external = kind && strcmp(kind, "external") == 0;

    *ret_push = (struct push){.model_name = STR("")};
    ret_push->fleet = (struct fleet_push){
        .name = STR(""),
        .package = STR(""),
        .config = STR(""),
        .raw_config = STR(""),
        .url = STR(""),
        .region = STR(""),
        .credential = STR(""),
        .labels = STR(""),
        .instance_type = STR(""),
        .environment = STR(""),
        .scale_down_previous = true,
    };
    if (!json_is_object(source) || (!external && (!kind || strcmp(kind, "model_archive") != 0))) {
        api_error(call, 400, "invalid_field", "source",
                  "source: expected an object with a kind, which is model_archive or external");
        return false;
    }
    return registry_take_dry_run(call, body, &ret_push->dry_run) &&
           check_members(call, source, external, named) &&
           (named == PUSH_MODEL_IS_KNOWN || take_model_name(call, source, &ret_push->model_name)) &&
           (external ? take_external(call, source, ret_push)
                     : take_package(call, source, ret_push));
}

/* An environment that is new to the model is made where its group says what it is. */
static enum fleet_outcome ensure_environment(struct registry_change *c, const struct policy *p,
                                             const struct fleet_model *m, str name)
{
    struct fleet_environment *e;

    if (!name.n || fleet_find_environment_of(c->fleet, m->id, name) ||
        !fleet_find_group_of(c->fleet, m->team, name))
        return FLEET_OK;
    enum fleet_outcome outcome =
        fleet_create_environment(c->fleet, &c->world, m->id, name, &e, &c->problem);
    if (outcome == FLEET_OK)
        registry_audit(c, "ENVIRONMENT_CREATED", e->object.key, NULL, environment_json(p, e));
    return outcome;
}

enum fleet_outcome push_run(struct registry_change *c, const struct policy *p,
                            const struct fleet_model *m, struct push *push,
                            struct fleet_deployment **ret_deployment)
{
    enum fleet_outcome outcome = ensure_environment(c, p, m, push->fleet.environment);

    if (outcome != FLEET_OK)
        return outcome;
    push->fleet.model = m->id;
    outcome = fleet_push(c->fleet, &c->world, &push->fleet, ret_deployment, &c->problem);
    if (outcome == FLEET_OK)
        registry_audit_of(c, m, "DEPLOYED", (*ret_deployment)->id, NULL,
                          deployment_json(p, *ret_deployment));
    return outcome;
}

void push_answer_plan(struct api_call *call, struct registry_change *c, const struct fleet_model *m,
                      struct push *push)
{
    enum fleet_outcome outcome =
        ensure_environment(c, call->api->policy, m, push->fleet.environment);
    struct fleet_plan plan;

    push->fleet.model = m->id;
    if (outcome == FLEET_OK)
        outcome = fleet_plan_push(c->fleet, &c->world, &push->fleet, &plan, &c->problem);
    if (outcome == FLEET_OK) {
        call->json = plan_json(&plan, push->fleet.environment, STR(""));
        registry_drop(c);
    } else {
        registry_end(call, c, outcome);
    }
}

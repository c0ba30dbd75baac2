#include "cli/env_settings.h"

#include "base/mem.h"

#include <stdio.h>

enum kind { KIND_NUMBER, KIND_TRUTH, KIND_TEXT };

struct setting {
    const char *option, *group, *member;
    enum kind kind;
    const char *value, *help;
};

#define AUTOSCALING(option, member, value, help)                                                   \
    {                                                                                              \
        option, "autoscaling_settings", member, KIND_NUMBER, value, help                           \
    }
#define PROMOTION(option, member, kind, value, help)                                               \
    {                                                                                              \
        option, "promotion_settings", member, kind, value, help                                    \
    }
static const struct setting settings[] = {
    AUTOSCALING("min-replica", "min_replica", "N", "replicas that always run (0)"),
    AUTOSCALING("max-replica", "max_replica", "N", "the most that run (1)"),
    AUTOSCALING("autoscaling-window", "autoscaling_window", "SECONDS",
                "over which load is averaged (60)"),
    AUTOSCALING("scale-down-delay", "scale_down_delay", "SECONDS",
                "how long load has to be low before a replica is stopped (900)"),
    AUTOSCALING("concurrency-target", "concurrency_target", "N",
                "requests at a time that a replica is meant for (1)"),
    AUTOSCALING("target-utilization-percentage", "target_utilization_percentage", "PERCENT",
                "of that target, beyond which replicas are added (70)"),
    AUTOSCALING("max-scale-down-rate", "max_scale_down_rate", "PERCENT",
                "of replicas that are stopped at a time (50)"),
    AUTOSCALING("target-in-flight-tokens", "target_in_flight_tokens", "N",
                "tokens at a time that a replica is meant for"),
    PROMOTION("redeploy-on-promotion", "redeploy_on_promotion", KIND_TRUTH, "true|false",
              "make a new deployment from the package at each promotion (false)"),
    PROMOTION("promotion-cleanup-strategy", "promotion_cleanup_strategy", KIND_TEXT, "WORD",
              "of the deployment that was replaced: SCALE_TO_ZERO (the default), KEEP, DEACTIVATE"),
};
_Static_assert(COUNT_OF(settings) == ENV_SETTINGS, "a value for each setting");

static void list_options(struct env_settings *s, size_t n, struct cli_option *ret_options)
{
    for (size_t i = 0; i < n; i++)
        ret_options[i] = (struct cli_option){settings[i].option, CLI_OPTION_TEXT,  &s->values[i],
                                             settings[i].value,  settings[i].help, 0};
    ret_options[n] =
        (struct cli_option){"reset",
                            CLI_OPTION_LIST,
                            &s->reset,
                            "NAME",
                            "back to its default: one of the settings above (may be repeated)",
                            0};
}

void env_settings_options(struct env_settings *s,
                          struct cli_option ret_options[ENV_SETTINGS_OPTIONS])
{
    list_options(s, ENV_SETTINGS, ret_options);
}

void env_settings_autoscaling_options(struct env_settings *s,
                                      struct cli_option ret_options[ENV_SETTINGS_AUTOSCALING + 1])
{
    list_options(s, ENV_SETTINGS_AUTOSCALING, ret_options);
}

void env_settings_deinit(struct env_settings *s)
{
    mem_free(s->reset.items);
}

/* --- into a body */

static json_t *object_in(json_t *outer, const char *name)
{
    json_t *inner = json_object_get(outer, name);

    if (!inner) {
        inner = json_object();
        json_object_set_new(outer, name, inner);
    }
    return inner;
}

static void put(json_t *body, const struct setting *s, json_t *value)
{
    json_object_set_new(object_in(body, s->group), s->member, value);
}

/* NULL: it is none of the kind. */
static json_t *value_of(const struct setting *s, str text)
{
    uint64_t number;

    switch (s->kind) {
    case KIND_NUMBER:
        return str_parse_u64(text, &number) && number <= INT32_MAX
                   ? json_integer((json_int_t)number)
                   : NULL;
    case KIND_TRUTH:
        return str_eq(text, STR("true"))    ? json_true()
               : str_eq(text, STR("false")) ? json_false()
                                            : NULL;
    case KIND_TEXT:
        return json_stringn(text.p, text.n);
    }
    return NULL;
}

static int put_values(const char *command, const struct env_settings *s, json_t *body)
{
    for (size_t i = 0; i < ENV_SETTINGS; i++) {
        if (!s->values[i])
            continue;
        json_t *value = value_of(&settings[i], str_of(s->values[i]));
        if (!value) {
            fprintf(stderr, "ambit %s: --%s is \"%s\"; %s is expected\n", command,
                    settings[i].option, s->values[i],
                    settings[i].kind == KIND_TRUTH ? "true or false" : "a whole number");
            return CLI_USAGE;
        }
        put(body, &settings[i], value);
    }
    return CLI_OK;
}

/* An option's name, or the member that it sets. */
static const struct setting *find(str name)
{
    for (size_t i = 0; i < ENV_SETTINGS; i++)
        if (str_eq(name, str_of(settings[i].option)) || str_eq(name, str_of(settings[i].member)))
            return &settings[i];
    return NULL;
}

static int unknown(const char *command, str name)
{
    str names[ENV_SETTINGS];

    for (size_t i = 0; i < ENV_SETTINGS; i++)
        names[i] = str_of(settings[i].option);
    str near = str_near_match(name, names, ENV_SETTINGS);
    fprintf(stderr, "ambit %s: --reset: there is no setting \"%.*s\"", command, STR_ARG(name));
    if (near.n)
        fprintf(stderr, "; did you mean \"%.*s\"?", STR_ARG(near));
    fprintf(stderr, "\n");
    return CLI_USAGE;
}

int env_settings_put(const char *command, const struct env_settings *s, json_t *body)
{
    int status = put_values(command, s, body);

    for (size_t i = 0; status == CLI_OK && i < s->reset.n; i++) {
        const struct setting *setting = find(str_of(s->reset.items[i]));

        if (!setting)
            status = unknown(command, str_of(s->reset.items[i]));
        else
            put(body, setting, json_null());
    }
    return status;
}

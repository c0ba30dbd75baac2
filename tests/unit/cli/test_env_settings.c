#include "cli/env_settings.h"

#include "base/mem.h"
#include "unit/test.h"

/* Parses the words as a command would; the body as JSON, "usage" where they are refused. */
static str body_of(int argc, const char *const *words)
{
    static char text[512];
    struct env_settings settings = {0};
    struct cli_option options[ENV_SETTINGS_OPTIONS];
    struct cli_syntax syntax = {.usage = "", .options = options, .n_options = COUNT_OF(options)};
    char copies[8][64], *argv[8];
    json_t *body = json_object();

    for (int i = 0; i < argc; i++) {
        snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        argv[i] = copies[i];
    }
    env_settings_options(&settings, options);
    CHECK(cli_parse(&syntax, argc, argv, NULL) == CLI_PARSED);
    if (env_settings_put("env update", &settings, body) == CLI_OK) {
        size_t n = json_dumpb(body, text, sizeof(text), JSON_COMPACT | JSON_SORT_KEYS);

        json_decref(body);
        env_settings_deinit(&settings);
        return str_make(text, n);
    }
    json_decref(body);
    env_settings_deinit(&settings);
    return STR("usage");
}

#define BODY_OF(...)                                                                               \
    body_of(COUNT_OF(((const char *const[]){"env update", __VA_ARGS__})),                          \
            (const char *const[]){"env update", __VA_ARGS__})

static void test_settings_go_where_they_belong(void)
{
    CHECK_STR(BODY_OF("--min-replica", "2", "--max-replica=3"),
              "{\"autoscaling_settings\":{\"max_replica\":3,\"min_replica\":2}}");
    CHECK_STR(BODY_OF("--redeploy-on-promotion", "true", "--concurrency-target", "20"),
              "{\"autoscaling_settings\":{\"concurrency_target\":20},"
              "\"promotion_settings\":{\"redeploy_on_promotion\":true}}");
    CHECK_STR(BODY_OF("--promotion-cleanup-strategy", "KEEP"),
              "{\"promotion_settings\":{\"promotion_cleanup_strategy\":\"KEEP\"}}");
}

static void test_reset_is_null(void)
{
    const char *expected = "{\"autoscaling_settings\":{\"scale_down_delay\":null}}";

    CHECK_STR(BODY_OF("--reset", "scale-down-delay"), expected);
    CHECK_STR(BODY_OF("--reset", "scale_down_delay"), expected);
}

static void test_what_is_no_value_is_refused(void)
{
    CHECK_STR(BODY_OF("--min-replica", "two"), "usage");
    CHECK_STR(BODY_OF("--min-replica", "-1"), "usage");
    CHECK_STR(BODY_OF("--min-replica", "4294967296"), "usage");
    CHECK_STR(BODY_OF("--redeploy-on-promotion", "1"), "usage");
    CHECK_STR(BODY_OF("--reset", "min-replicas"), "usage");
}

int main(void)
{
    RUN(test_settings_go_where_they_belong);
    RUN(test_reset_is_null);
    RUN(test_what_is_no_value_is_refused);
    return test_end();
}

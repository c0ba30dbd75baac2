/*
 * Any text as a configuration file. Checked is what has to hold whatever came in: a file is either
 * refused with an error or makes a model, a model makes a catalog, nothing is widened by loading
 * the same file again, and a value that says less than it seems never gets through as a rule.
 */

#include "base/mem.h"
#include "config/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_RULES = 4096 };

struct rules {
    struct arena arena;
    str *texts;
    uint32_t n;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* No files and no secrets of the machine that runs this. */
static const char *fuzz_env(void *ctx, const char *name)
{
    (void)ctx;
    return name[0] == 'N' ? NULL : "value";
}

static uint32_t intern(void *ctx, str canonical)
{
    struct rules *rules = ctx;

    for (uint32_t i = 0; i < rules->n; i++) {
        if (str_eq(rules->texts[i], canonical))
            return i;
    }
    if (rules->n == MAX_RULES)
        return CATALOG_NONE;
    rules->texts[rules->n] = arena_copy(&rules->arena, canonical);
    return rules->n++;
}

static void build(const struct config *config, struct diagnostics *diagnostics)
{
    struct rules rules = {.texts = mem_array(MAX_RULES, sizeof(str))};
    struct config_build with = {
        .revision = 1,
        .installation = STR("fuzz"),
        .rules = {intern, &rules},
        .master_key = config->master_key,
    };
    struct catalog *catalog;

    arena_init(&rules.arena, NULL, 0);
    catalog = config_build_catalog(config, &with, diagnostics);
    must(catalog || diagnostics->n_errors > 0);
    if (catalog) {
        must(catalog->n_endpoints == config->n_endpoints);
        must((catalog->organization_rule == CATALOG_NONE) == !config->organization_rule.p);
        for (size_t i = 0; i < catalog->n_endpoints; i++)
            must(!region_set_is_empty(&catalog->endpoints[i].place));
    }
    catalog_free(catalog);
    arena_deinit(&rules.arena);
    mem_free(rules.texts);
}

static void compare_with_itself(const struct config *config)
{
    const struct config_widened *items;
    struct arena arena;
    size_t n;

    arena_init(&arena, NULL, 0);
    config_widening(config, config, NULL, 0, 1, &arena, &items, &n);
    must(n == 0);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_source source = {
        .file = "fuzz.yaml",
        .text = str_make(size ? (const char *)data : "", size),
        .env = fuzz_env,
    };
    struct diagnostics diagnostics;
    struct config *config;
    struct buf text;

    diagnostics_init(&diagnostics);
    buf_init(&text, 0);
    config = config_load(&source, &diagnostics);
    must((config != NULL) == (diagnostics.n_errors == 0));
    if (config) {
        compare_with_itself(config);
        build(config, &diagnostics);
    }
    diagnostics_print(&diagnostics, &text);
    config_free(config);
    buf_deinit(&text);
    diagnostics_deinit(&diagnostics);
    return 0;
}

/*
 * Reading a file into a model: the order in which its parts are read (variables before what names
 * them, places before rules, endpoints before groups), and the settings that are a number in the
 * table and nothing else. Every part reports what it finds wrong and goes on, so that one run shows
 * all errors; any error at all means that there is no model.
 */

#include "base/mem.h"
#include "base/random.h"
#include "config/file.h"
#include "config/model.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

static const char *process_env(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static struct config *config_new(void)
{
    struct config *c = mem_zalloc(sizeof(*c));

    arena_init(&c->arena, NULL, 0);
    c->master_key = STR("");
    c->master_key_source = STR("");
    catalog_settings_defaults(&c->settings);
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    if (c->regions)
        region_catalogue_unref(c->regions);
    arena_deinit(&c->arena);
    mem_free(c);
}

/* --- sections without a module of their own */

static void read_section(const struct config_reader *r, const struct config_node *root,
                         const char *name, void *into)
{
    struct config_node section;
    bool written = node_member(r, root, name, &section);

    (void)schema_read(r, written ? &section : NULL, name, into);
}

static void read_limits(const struct config_reader *r, const struct config_node *root)
{
    struct catalog_settings *settings = &r->config->settings;

    read_section(r, root, "limits", settings);
    read_section(r, root, "timers", settings);
    read_section(r, root, "policy", settings);
    config_read_routing(r, root);
    if (settings->body_bytes > settings->buffered_bytes)
        node_error(r, root,
                   "limits.body_bytes is more than limits.buffered_bytes: no such body "
                   "could be held");
    if (!str_starts(settings->health_path, STR("/")))
        node_error(r, root, "routing.health_check.path must begin with /");
}

static void read_environment(struct config_reader *r, const struct config_node *root)
{
    struct config_node section;

    if (!node_member(r, root, "environment_variables", &section))
        return;
    if (json_is_object(section.value))
        r->environment_variables = section.value;
    else
        node_error(r, &section, "expected a mapping, found %s", node_kind(section.value));
}

/* The file, then the environment; absent means that control makes one. */
static void read_master_key(const struct config_reader *r, const struct config_node *root)
{
    static const str variables[] = {STR_INIT("AMBIT_MASTER_KEY"), STR_INIT("LITELLM_MASTER_KEY")};
    struct config_general_section section = {.master_key = STR("")};
    struct config *c = r->config;
    struct config_node general, key;

    read_section(r, root, "general_settings", &section);
    c->master_key = section.master_key;
    c->master_key_source = STR("general_settings.master_key");
    if (c->master_key.n)
        return;
    if (node_member(r, root, "general_settings", &general) &&
        node_member(r, &general, "master_key", &key) && !json_string_length(key.value))
        node_error(r, &key, "is empty; leave it out to have one made");
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        if (reader_env(r, variables[i], &c->master_key)) {
            c->master_key = arena_copy(r->arena, c->master_key);
            c->master_key_source = variables[i];
            return;
        }
    }
    c->master_key = STR("");
    c->master_key_source = STR("");
}

static void read_models(const struct config_reader *r, const struct config_node *root)
{
    struct config_router_section router = {.num_retries = CONFIG_UNSET};
    struct config_litellm_section litellm = {.num_retries = CONFIG_UNSET};
    struct config_node section, checks;

    read_section(r, root, "router_settings", &router);
    read_section(r, root, "litellm_settings", &litellm);
    if (!router.enable_pre_call_checks && node_member(r, root, "router_settings", &section) &&
        node_member(r, &section, "enable_pre_call_checks", &checks))
        node_note(r, &checks, "false does not switch the region filter off: nothing does");
    r->config->settings.allowed_fails = router.allowed_fails;
    r->config->settings.cooldown_ms = router.cooldown_ms;
    config_read_endpoints(r, root);
    config_read_groups(r, root, &router, &litellm);
}

/* --- the document */

static void read_root(struct config_reader *r)
{
    struct config_node root = {.value = r->document.root, .place = {1, 1}};

    if (!json_is_object(root.value)) {
        node_error(r, &root, "expected a mapping of sections, found %s", node_kind(root.value));
        return;
    }
    read_environment(r, &root);
    config_read_places(r, &root);
    read_limits(r, &root);
    config_read_gateway(r, &root);
    config_read_policy(r, &root);
    config_read_planes(r, &root);
    read_models(r, &root);
    read_master_key(r, &root);
    schema_report_members(r, &root, "");
    config_lint(r, &root);
}

static str folder_of(struct arena *arena, str file)
{
    size_t n = file.n;

    while (n && file.p[n - 1] != '/')
        n--;
    return n ? arena_copy(arena, str_upto(file, n > 1 ? n - 1 : 1)) : STR(".");
}

static void hash_text(str text, char *ret_hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    (void)EVP_Digest(text.p, text.n, digest, NULL, EVP_sha256(), NULL);
    hex_encode(digest, 32, ret_hex);
    ret_hex[64] = 0;
}

static struct config *read_text(const struct config_source *source, str text,
                                struct diagnostics *diagnostics)
{
    struct config *c = config_new();
    struct config_reader r = {
        .config = c,
        .arena = &c->arena,
        .diagnostics = diagnostics,
        .env = source->env ? source->env : process_env,
        .env_ctx = source->env_ctx,
    };
    size_t errors = diagnostics->n_errors, first = diagnostics->n;
    struct yaml_error error;

    c->file = arena_copy(&c->arena, str_of(source->file));
    r.folder = folder_of(&c->arena, c->file);
    hash_text(text, c->file_hash);
    if (yaml_parse(text, &r.document, &error)) {
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, error.place.line, error.place.column,
                        STR(""), "%s", error.message);
    } else {
        read_root(&r);
        yaml_document_deinit(&r.document);
    }
    diagnostics_sort(diagnostics, first);
    if (diagnostics->n_errors == errors)
        return c;
    config_free(c);
    return NULL;
}

struct config *config_load(const struct config_source *source, struct diagnostics *diagnostics)
{
    struct config *c = NULL;
    struct buf text;
    int e = 0;

    diagnostics_set_file(diagnostics, str_of(source->file));
    buf_init(&text, CONFIG_MAX_BYTES);
    if (!source->text.p)
        e = file_read(source->file, &text);
    if (e == -EFBIG)
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "larger than %d bytes",
                        CONFIG_MAX_BYTES);
    else if (e)
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "cannot be read: %s",
                        strerror(-e));
    else
        c = read_text(source, source->text.p ? source->text : buf_str(&text), diagnostics);
    buf_deinit(&text);
    return c;
}

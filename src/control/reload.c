#include "control/reload.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/file.h"
#include "control/deployments.h"
#include "control/master_key.h"
#include "control/ownership.h"
#include "control/reload_audit.h"
#include "control/render.h"
#include "control/seal.h"

#include <errno.h>

static const str seal_label = STR_INIT("ambit configuration in force");

/* A file on its way. */
struct candidate {
    struct buf text;
    struct config *config; /* the change's from change_begin on */
    struct diagnostics diagnostics;
};

static void candidate_init(struct candidate *k)
{
    *k = (struct candidate){0};
    buf_init(&k->text, CONFIG_MAX_BYTES);
    diagnostics_init(&k->diagnostics);
}

static void candidate_deinit(struct candidate *k)
{
    if (k->config)
        config_free(k->config);
    buf_deinit(&k->text);
    diagnostics_deinit(&k->diagnostics);
}

void reload_report_deinit(struct reload_report *report)
{
    json_decref(report->lines);
    json_decref(report->widening);
    *report = (struct reload_report){0};
}

str reload_outcome_name(enum reload_outcome outcome)
{
    static const str names[] = {
        [RELOAD_DONE] = STR_INIT("reloaded"),   [RELOAD_UNCHANGED] = STR_INIT("unchanged"),
        [RELOAD_INVALID] = STR_INIT("invalid"), [RELOAD_WOULD_WIDEN] = STR_INIT("would_widen"),
        [RELOAD_FAILED] = STR_INIT("failed"),
    };

    return names[outcome];
}

/* --- reading */

static bool parse(struct policy *p, struct candidate *k)
{
    struct config_source source = {.file = p->config_path,
                                   .text = k->text.p ? buf_str(&k->text) : STR("")};

    k->config = config_load(&source, &k->diagnostics);
    return k->config && ownership_check(p, k->config, &k->diagnostics) &&
           deployments_check_file(p, k->config, &k->diagnostics);
}

static bool read_candidate(struct policy *p, struct candidate *k)
{
    int r = file_read(p->config_path, &k->text);

    if (r == 0)
        return parse(p, k);
    diagnostics_set_file(&k->diagnostics, str_of(p->config_path));
    diagnostics_add(&k->diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "cannot be read: %s",
                    strerrordesc_np(-r));
    return false;
}

static json_t *lines_of(const struct diagnostics *d)
{
    json_t *lines = json_array();
    struct buf line;

    buf_init(&line, 0);
    for (size_t i = 0; i < d->n; i++) {
        buf_clear(&line);
        diagnostic_print(&d->list[i], &line);
        json_array_append_new(lines, render_str(str_trim(buf_str(&line))));
    }
    buf_deinit(&line);
    return lines;
}

/* --- widening */

/* Rules that the file does not own widen where the file's regions or zones do. */
static size_t foreign_rules(const struct policy *p, struct arena *arena,
                            const struct config_foreign_rule **ret_rules)
{
    const struct catalog *c = p->catalog;
    size_t most = c->n_keys + c->n_rules + fleet_count(p->fleet, FLEET_GROUP) + 1, n = 0;
    struct config_foreign_rule *rules = arena_zalloc(arena, most * sizeof(*rules));

    if (!p->config->organization_rule.p && c->organization_rule < c->n_rules)
        rules[n++] = (struct config_foreign_rule){CONFIG_ORGANIZATION, STR(""),
                                                  c->rules[c->organization_rule].text};
    for (size_t i = 0; i < c->n_keys; i++)
        if (c->keys[i].rule < c->n_rules && !policy_file_key(p, c->keys[i].id))
            rules[n++] = (struct config_foreign_rule){CONFIG_KEY, c->keys[i].name,
                                                      c->rules[c->keys[i].rule].text};
    for (uint32_t i = 0; i < c->n_rules && i < p->n_rule_uses; i++)
        if (p->rule_uses[i] && c->rules[i].text.p)
            rules[n++] = (struct config_foreign_rule){
                CONFIG_CUSTOMER, arena_printf(arena, "(%u with this rule)", p->rule_uses[i]),
                c->rules[i].text};
    for (struct fleet_group *g = fleet_first_group(p->fleet); g; g = fleet_next_group(p->fleet, g))
        if (g->rule.n && !g->of_file)
            rules[n++] = (struct config_foreign_rule){CONFIG_ENVIRONMENT_GROUP, g->name, g->rule};
    *ret_rules = rules;
    return n;
}

static json_t *render_widened(const struct config_widened *item)
{
    static const char *const subjects[] = {
        [CONFIG_ORGANIZATION] = "organization",
        [CONFIG_DEFAULT_CUSTOMER_RULE] = "default_customer_rule",
        [CONFIG_ENVIRONMENT_GROUP] = "environment_group",
        [CONFIG_CUSTOMER] = "customer",
        [CONFIG_KEY] = "key",
    };
    struct buf text;

    buf_init(&text, 0);
    config_widened_print(item, &text);
    json_t *value = json_pack("{s:s, s:o, s:o, s:o, s:o}", "subject", subjects[item->subject],
                              "name", render_str(item->name), "before", render_str(item->before),
                              "after", render_str(item->after), "text", render_str(buf_str(&text)));
    buf_deinit(&text);
    return value;
}

/* NULL: the candidate widens nothing. */
static json_t *widening_of(const struct policy *p, const struct config *next)
{
    const struct config_foreign_rule *foreign;
    const struct config_widened *items = NULL;
    json_t *list = NULL;
    struct arena arena;
    size_t n = 0;

    if (!p->config || !p->catalog)
        return NULL;
    arena_init(&arena, NULL, 0);
    size_t n_foreign = foreign_rules(p, &arena, &foreign);
    config_widening(p->config, next, foreign, n_foreign, customers_with_rule(p->customers), &arena,
                    &items, &n);
    if (n)
        list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, render_widened(&items[i]));
    arena_deinit(&arena);
    return list;
}

/* --- putting in force */

static int keep_text(struct policy *p, const struct candidate *k)
{
    struct buf sealed;

    buf_init(&sealed, 0);
    int r = seal(p->seal_key, seal_label, k->text.p ? buf_str(&k->text) : STR(""), &sealed);
    if (r == 0)
        r = store_setting_put(p->store, POLICY_SETTING_APPLIED, buf_str(&sealed));
    buf_deinit(&sealed);
    return r;
}

/* What the catalog in force hashes to: in memory, or from before this process. */
static bool is_in_force(struct policy *p, const struct catalog *catalog)
{
    str hash = STR_NULL;
    struct arena arena;

    if (p->catalog)
        return str_eq(p->catalog->config_hash, catalog->config_hash);
    arena_init(&arena, NULL, 0);
    bool same = store_setting_get(p->store, POLICY_SETTING_HASH, &arena, &hash) == STORE_OK &&
                str_eq(hash, catalog->config_hash);
    arena_deinit(&arena);
    return same;
}

/* Only comments differ, or nothing at all: no new revision, but the text and the model are kept. */
static int keep_unchanged(struct policy *p, struct candidate *k)
{
    int r = store_begin(p->store, STORE_DURABLE);

    if (r == 0)
        r = keep_text(p, k);
    if (r == 0 && !p->catalog) {
        struct catalog *catalog =
            policy_build(p, k->config, NULL, 0, policy_revision(p), &k->diagnostics);

        r = catalog ? 0 : -EINVAL;
        if (catalog)
            policy_set_catalog(p, catalog);
    }
    if (r == 0)
        r = store_commit(p->store);
    store_rollback(p->store);
    if (r < 0)
        return r;
    if (p->config)
        config_free(p->config);
    p->config = TAKE(k->config);
    return 0;
}

/* RESTORED: it was in force before this process, so what it holds is nothing new to the trail. */
enum origin { FROM_FILE, RESTORED };

static enum reload_outcome install(struct policy *p, struct candidate *k, str actor,
                                   enum origin origin)
{
    struct change change;

    change_begin(&change, p, actor);
    change.next = k->config;
    ownership_write_customers(&change, k->config);
    deployments_take_file(&change, k->config);
    master_key_ensure(&change);
    struct catalog *catalog = change_build(&change, &k->diagnostics);
    if (!catalog) {
        int error = change.error;

        change.next = NULL;
        change_abort(&change);
        return error ? RELOAD_FAILED : RELOAD_INVALID;
    }
    if (change.n_puts == 0 && change.n_gone == 0 && !change.fleet_written &&
        is_in_force(p, catalog)) {
        catalog_free(catalog);
        change.next = NULL;
        change_abort(&change);
        return keep_unchanged(p, k) == 0 ? RELOAD_UNCHANGED : RELOAD_FAILED;
    }
    if (origin == FROM_FILE)
        reload_audit(&change, catalog, str_of(k->config->file_hash));
    else
        change_audit(&change, STR("configuration.restore"), str_of(p->config_path), NULL, NULL);
    change_did(&change, keep_text(p, k));
    k->config = NULL;
    return change_commit(&change, catalog, &k->diagnostics) == 0 ? RELOAD_DONE : RELOAD_FAILED;
}

static void remember_outcome(struct policy *p, const struct reload_report *report)
{
    bool fine = report->outcome == RELOAD_DONE || report->outcome == RELOAD_UNCHANGED;
    const json_t *list = report->outcome == RELOAD_WOULD_WIDEN ? report->widening : report->lines;
    const json_t *item;
    size_t i;

    buf_clear(&p->file_why);
    p->file_state = fine ? POLICY_FILE_IN_FORCE : POLICY_FILE_REFUSED;
    json_array_foreach(list, i, item)
    {
        const json_t *text = json_is_string(item) ? item : json_object_get(item, "text");

        if (!fine)
            buf_printf(&p->file_why, "%s%s", i ? "; " : "", json_string_value(text));
    }
}

static void log_outcome(const struct policy *p, str actor, const struct reload_report *report)
{
    enum log_level level = p->file_state == POLICY_FILE_IN_FORCE ? LOG_INFO : LOG_ERROR;

    if (report->outcome != RELOAD_UNCHANGED)
        log_event(level, "reload", LOG_STR("actor", actor),
                  LOG_STR("outcome", reload_outcome_name(report->outcome)),
                  LOG_NUM("revision", policy_revision(p)),
                  LOG_STR("why", p->file_why.n ? buf_str(&p->file_why) : STR("")));
}

static void judge(struct policy *p, struct candidate *k, enum reload_widening widening, str actor,
                  struct reload_report *report)
{
    report->widening = widening_of(p, k->config);
    report->outcome = report->widening && widening == RELOAD_KEEP_NARROW
                          ? RELOAD_WOULD_WIDEN
                          : install(p, k, actor, FROM_FILE);
}

void reload(struct policy *p, enum reload_widening widening, str actor,
            struct reload_report *ret_report)
{
    struct candidate k;

    *ret_report = (struct reload_report){.outcome = RELOAD_INVALID};
    candidate_init(&k);
    if (read_candidate(p, &k))
        judge(p, &k, widening, actor, ret_report);
    ret_report->lines = lines_of(&k.diagnostics);
    candidate_deinit(&k);
    remember_outcome(p, ret_report);
    log_outcome(p, actor, ret_report);
}

/* --- the start */

/* What was in force before this process, if there was anything. */
static void restore(struct policy *p)
{
    struct candidate k;
    str sealed = STR_NULL;
    struct arena arena;

    arena_init(&arena, NULL, 0);
    candidate_init(&k);
    if (store_setting_get(p->store, POLICY_SETTING_APPLIED, &arena, &sealed) == STORE_OK) {
        bool fine = unseal(p->seal_key, seal_label, sealed, &k.text) == 0 && parse(p, &k);
        enum reload_outcome outcome =
            fine ? install(p, &k, STR("system"), RESTORED) : RELOAD_INVALID;

        if (outcome != RELOAD_DONE && outcome != RELOAD_UNCHANGED)
            log_event(LOG_WARN, "configuration_not_restored",
                      LOG_STR("outcome", reload_outcome_name(outcome)));
    }
    candidate_deinit(&k);
    arena_deinit(&arena);
}

bool reload_at_start(struct policy *p, struct reload_report *ret_report)
{
    restore(p);
    reload(p, RELOAD_KEEP_NARROW, STR("file"), ret_report);
    return p->catalog != NULL;
}

/* What a catalog is asked: which group a model name means, whose key this is, what a scope is. */

#include "unit/catalog/fixture.h"

static void give_groups(struct catalog *c, const char *const *names, size_t n)
{
    struct catalog_group *groups = arena_zalloc(&c->arena, n * sizeof(*groups));

    for (size_t i = 0; i < n; i++) {
        groups[i].name = str_of(names[i]);
        groups[i].wildcard = strchr(names[i], '*') != NULL;
    }
    c->groups = groups;
    c->n_groups = n;
}

/* The index of the group and what `*` stood for; "" for none. */
static void expect_group(const struct catalog *c, const char *model, const char *group,
                         const char *matched)
{
    str found;
    const struct catalog_group *g = catalog_find_group(c, str_of(model), &found);

    CHECK_STR(g ? g->name : STR(""), group);
    CHECK_STR(found, matched);
}

static void exact_names_before_aliases_before_wildcards(void)
{
    static const char *const names[] = {"gpt", "*", "azure/*", "azure/*-mini", "claude"};
    static const struct catalog_alias aliases[] = {
        {STR_INIT("latest"), 0}, {STR_INIT("claude"), 0}, {STR_INIT("azure/pet"), 4}};
    struct catalog *c = bare_catalog();

    give_groups(c, names, COUNT_OF(names));
    c->aliases = aliases;
    c->n_aliases = COUNT_OF(aliases);
    catalog_index(c);
    expect_group(c, "gpt", "gpt", "gpt");
    expect_group(c, "latest", "gpt", "latest");
    expect_group(c, "claude", "claude", "claude"); /* a name hides the alias of the same name */
    expect_group(c, "azure/pet", "claude", "azure/pet");
    expect_group(c, "azure/o4", "azure/*", "o4");
    expect_group(c, "azure/o4-mini", "azure/*-mini", "o4");
    expect_group(c, "azure/-mini", "azure/*", "-mini"); /* `*` stands for a byte or more */
    expect_group(c, "azure/", "*", "azure/");
    expect_group(c, "GPT", "*", "GPT");
    catalog_free(c);
}

/* The prefix and the suffix of a pattern do not share a byte. */
static void a_wildcard_does_not_overlap_itself(void)
{
    static const char *const names[] = {"ab*ba"};
    struct catalog *c = bare_catalog();

    give_groups(c, names, COUNT_OF(names));
    catalog_index(c);
    expect_group(c, "ab-ba", "ab*ba", "-");
    expect_group(c, "abba", "", "abba");
    expect_group(c, "aba", "", "aba");
    expect_group(c, "ab*ba", "ab*ba", "*");
    expect_group(c, "", "", "");
    catalog_free(c);
}

static void keys_by_their_whole_hash(void)
{
    struct catalog *c = bare_catalog();
    uint8_t hash[CATALOG_KEY_HASH_BYTES];

    add_key(c, "key_1", CATALOG_NONE);
    add_key(c, "key_2", CATALOG_NONE);
    catalog_index(c);
    for (size_t i = 0; i < c->n_keys; i++)
        CHECK(catalog_find_key(c, c->keys[i].hash) == &c->keys[i]);
    for (size_t i = 0; i < sizeof(hash); i++) {
        memcpy(hash, c->keys[0].hash, sizeof(hash));
        hash[i] ^= 1;
        CHECK(catalog_find_key(c, hash) == NULL);
    }
    catalog_free(c);
}

static void an_empty_catalog_knows_nothing(void)
{
    const uint8_t hash[CATALOG_KEY_HASH_BYTES] = {0};
    struct catalog *c = catalog_new();

    catalog_index(c);
    expect_group(c, "gpt", "", "gpt");
    CHECK(catalog_find_key(c, hash) == NULL);
    CHECK_INT(c->organization_rule, CATALOG_NONE);
    CHECK_INT(c->default_customer_rule, CATALOG_NONE);
    CHECK_INT(c->gateway_region, REGION_NONE);
    catalog_free(c);
    catalog_free(NULL);
}

static void scopes_have_one_name_each(void)
{
    uint32_t all = 0;

    for (uint32_t bit = 1; bit & SCOPE_ALL; bit <<= 1) {
        CHECK(catalog_scope_name(bit).n > 0);
        CHECK_INT(catalog_scope(catalog_scope_name(bit)), bit);
        all |= bit;
    }
    CHECK_INT(all, SCOPE_ALL);
    CHECK_INT(catalog_scope(STR("policy:widen")), SCOPE_POLICY_WIDEN);
    CHECK_INT(catalog_scope(STR("Inference")), 0);
    CHECK_INT(catalog_scope(STR("")), 0);
    CHECK(catalog_scope_name(SCOPE_KEYS | SCOPE_METRICS).p == NULL);
    CHECK(catalog_scope_name(0).p == NULL);
}

int main(void)
{
    RUN(exact_names_before_aliases_before_wildcards);
    RUN(a_wildcard_does_not_overlap_itself);
    RUN(keys_by_their_whole_hash);
    RUN(an_empty_catalog_knows_nothing);
    RUN(scopes_have_one_name_each);
    return test_end();
}

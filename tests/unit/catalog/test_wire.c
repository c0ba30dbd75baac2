/*
 * A catalog that was encoded decodes to the same; bytes that were damaged are refused, or mean
 * something that is whole again. An edge decodes what it reads from a socket and from a disk.
 */

#include "unit/catalog/full.h"

static struct catalog *decode_copy(str bytes)
{
    char *copy = mem_alloc(bytes.n); /* of its own size, so that reading past its end shows */

    if (bytes.n)
        memcpy(copy, bytes.p, bytes.n);
    struct catalog *c = catalog_decode(str_make(copy, bytes.n));
    mem_free(copy); /* nothing in the catalog points into what it came from */
    return c;
}

static struct catalog *round_trip(const struct catalog *c)
{
    CLEANUP(buf_deinit) struct buf bytes;

    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    return decode_copy(buf_str(&bytes));
}

static void same_str(str a, str b, const char *what)
{
    if (str_eq(a, b))
        return;
    printf("  %s: \"%.*s\" is not \"%.*s\"\n", what, STR_ARG(a), STR_ARG(b));
    longjmp(test_escape, 1);
}

static void same_number(uint64_t a, uint64_t b, const char *what)
{
    if (a == b)
        return;
    printf("  %s: %llu is not %llu\n", what, (unsigned long long)a, (unsigned long long)b);
    longjmp(test_escape, 1);
}

#define SAME(field)     same_number((uint64_t)a->field, (uint64_t)b->field, #field)
#define SAME_STR(field) same_str(a->field, b->field, #field)

static void same_endpoint(const struct catalog_endpoint *a, const struct catalog_endpoint *b)
{
    /* A new field has to be encoded, and to be compared here. */
    _Static_assert(sizeof(*a) == 488, "a field of an endpoint that this test does not know");

    SAME_STR(id), SAME_STR(state_reason), SAME_STR(host), SAME_STR(unix_path), SAME_STR(ca_pem);
    SAME_STR(client_cert_pem), SAME_STR(client_key_pem), SAME_STR(api_base), SAME_STR(base_path);
    SAME_STR(upstream_model), SAME_STR(api_version), SAME_STR(credential), SAME_STR(region_name);
    SAME_STR(identity), SAME_STR(networks);
    SAME(group), SAME(provider), SAME(state), SAME(origin_revision), SAME(tls), SAME(port);
    SAME(wildcard), SAME(region), SAME(evidence), SAME(weight), SAME(order), SAME(rpm), SAME(tpm);
    SAME(max_parallel), SAME(timeout_ms), SAME(stream_timeout_ms), SAME(n_extra_headers);
    CHECK(region_set_equal(&a->place, &b->place));
    for (size_t i = 0; i < a->n_extra_headers; i++) {
        SAME_STR(extra_headers[i].name);
        SAME_STR(extra_headers[i].value);
    }
}

static void same_group(const struct catalog_group *a, const struct catalog_group *b)
{
    _Static_assert(sizeof(*a) == 96, "a field of a group that this test does not know");

    SAME_STR(name), SAME(n_endpoints), SAME(n_fallbacks), SAME(timers.connect_ms);
    SAME(timers.first_byte_ms), SAME(timers.idle_ms), SAME(timers.total_ms), SAME(max_retries);
    SAME(wildcard), SAME(deployment), SAME(created_s);
    for (size_t i = 0; i < a->n_endpoints; i++)
        SAME(endpoints[i]);
    for (size_t i = 0; i < a->n_fallbacks; i++)
        SAME(fallbacks[i]);
}

static void same_key(const struct catalog_key *a, const struct catalog_key *b)
{
    _Static_assert(sizeof(*a) == 168, "a field of a key that this test does not know");

    CHECK(memcmp(a->hash, b->hash, sizeof(a->hash)) == 0);
    SAME_STR(id), SAME_STR(name), SAME(scopes), SAME(rule), SAME(bound), SAME_STR(customer_id);
    SAME(customer.lo), SAME(customer.hi), SAME(expires_wall_ns), SAME_STR(team);
    SAME(n_models), SAME(n_environments);
    for (size_t i = 0; i < a->n_models; i++)
        SAME_STR(models[i]);
    for (size_t i = 0; i < a->n_environments; i++)
        SAME_STR(environments[i]);
}

static void same_settings(const struct catalog_settings *a, const struct catalog_settings *b)
{
    _Static_assert(sizeof(*a) == 272, "a setting that this test does not know");

    SAME(body_bytes), SAME(buffered_bytes), SAME(head_bytes), SAME(headers), SAME(json_members);
    SAME(json_depth), SAME(splice_bytes), SAME(trace_header_bytes), SAME(connections);
    SAME(customer_id_bytes), SAME(idle_upstreams), SAME(head_ms), SAME(body_idle_ms);
    SAME(keep_alive_ms), SAME(write_idle_ms), SAME(drain_ms), SAME(upstream_idle_ms);
    SAME(allowed_fails), SAME(cooldown_ms), SAME(health_interval_ms), SAME(health_timeout_ms);
    SAME_STR(health_path), SAME(n_preferred), SAME(n_named), SAME(default_carbon_aware);
    SAME(latency_window_ms), SAME(policy_lease_ms), SAME(predict_bytes), SAME(replay_bytes);
    SAME(message_bytes), SAME(held_bytes), SAME(held_requests), SAME(hold_ms), SAME(socket_idle_ms);
    SAME(held_requests_per_deployment), SAME(held_bytes_per_deployment);
    for (size_t i = 0; i < a->n_preferred; i++)
        SAME(preferred[i]);
    for (size_t i = 0; i < a->n_named; i++)
        SAME(named[i]);
}

static void same_rules(const struct catalog *a, const struct catalog *b)
{
    SAME(n_rules);
    for (size_t i = 0; i < a->n_rules; i++) {
        SAME_STR(rules[i].text);
        CHECK(!a->rules[i].text.p == !b->rules[i].text.p); /* gaps stay gaps */
        if (a->rules[i].text.p)
            CHECK_INT(region_rule_compare(&a->rules[i].compiled, &b->rules[i].compiled),
                      REGION_RULE_SAME);
        SAME(rules[i].compiled.primary);
        SAME(rules[i].compiled.secondary);
    }
}

static void same_model(const struct catalog_model *a, const struct catalog_model *b)
{
    _Static_assert(sizeof(*a) == 64, "a field of a model that this test does not know");

    SAME(kind), SAME_STR(id), SAME_STR(name), SAME_STR(team), SAME(development);
}

static void same_environment(const struct catalog_environment *a,
                             const struct catalog_environment *b)
{
    _Static_assert(sizeof(*a) == 32, "a field of an environment that this test does not know");

    SAME_STR(name), SAME(model), SAME(deployment), SAME(rule), SAME(standard_refused);
}

static void same_deployment(const struct catalog_deployment *a, const struct catalog_deployment *b)
{
    _Static_assert(sizeof(*a) == 64, "a field of a deployment that this test does not know");

    SAME_STR(id), SAME(model), SAME(group), SAME(state), SAME(environment), SAME_STR(predict_path);
    SAME_STR(websocket_path);
}

static void same_hosts(const struct catalog *a, const struct catalog *b)
{
    SAME_STR(domain), SAME(n_models), SAME(n_environments), SAME(n_deployments);
    for (size_t i = 0; i < a->n_models; i++)
        same_model(&a->models[i], &b->models[i]);
    for (size_t i = 0; i < a->n_environments; i++)
        same_environment(&a->environments[i], &b->environments[i]);
    for (size_t i = 0; i < a->n_deployments; i++)
        same_deployment(&a->deployments[i], &b->deployments[i]);
}

static void same_tables(const struct catalog *a, const struct catalog *b)
{
    SAME(n_groups), SAME(n_endpoints), SAME(n_keys), SAME(n_certificates), SAME(n_aliases);
    for (size_t i = 0; i < a->n_groups; i++)
        same_group(&a->groups[i], &b->groups[i]);
    for (size_t i = 0; i < a->n_endpoints; i++)
        same_endpoint(&a->endpoints[i], &b->endpoints[i]);
    for (size_t i = 0; i < a->n_keys; i++)
        same_key(&a->keys[i], &b->keys[i]);
    for (size_t i = 0; i < a->n_certificates; i++) {
        SAME_STR(certificates[i].chain_pem);
        SAME_STR(certificates[i].key_pem);
    }
    for (size_t i = 0; i < a->n_aliases; i++) {
        SAME_STR(aliases[i].name);
        SAME(aliases[i].group);
    }
}

static void what_was_encoded_decodes_to_the_same(void)
{
    struct catalog *a = full_catalog(), *b = round_trip(a);
    str matched;

    CHECK(b != NULL);
    SAME(revision), SAME(issued_wall_ns), SAME_STR(installation), SAME(customer_key.k0);
    SAME(customer_key.k1), SAME(organization_rule), SAME(default_customer_rule);
    SAME(gateway_region), SAME_STR(client_ca_pem);
    CHECK_INT(region_count(b->regions), region_count(a->regions));
    CHECK_INT(region_find(b->regions, STR("cellar-1")), region_find(a->regions, STR("cellar-1")));
    same_rules(a, b);
    same_tables(a, b);
    same_hosts(a, b);
    same_settings(&a->settings, &b->settings);
    CHECK(catalog_find_group(b, STR("gpt-latest"), &matched) == &b->groups[0]);
    CHECK(catalog_find_group(b, STR("azure/o4"), &matched) == &b->groups[1]);
    CHECK(catalog_find_group(b, STR("dep0001"), &matched) == NULL); /* no model name leads there */
    CHECK(catalog_find_key(b, a->keys[1].hash) == &b->keys[1]);
    catalog_free(a);
    catalog_free(b);
}

/* The hash is of the content: neither the revision nor its time is part of it. */
static void equal_content_has_an_equal_hash(void)
{
    struct catalog *c = full_catalog(), *first = round_trip(c);

    CHECK(first && first->config_hash.n == 64);
    c->revision++;
    c->issued_wall_ns++;
    struct catalog *later = round_trip(c);
    CHECK(later && later->revision == first->revision + 1);
    CHECK(str_eq(later->config_hash, first->config_hash));
    c->settings.idle_upstreams++;
    struct catalog *other = round_trip(c);
    CHECK(other && !str_eq(other->config_hash, first->config_hash));
    catalog_free(c);
    catalog_free(first);
    catalog_free(later);
    catalog_free(other);
}

static void every_truncation_is_refused(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct catalog *c = full_catalog();

    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        CHECK(decode_copy(str_make(bytes.p, n)) == NULL);
    buf_put_char(&bytes, 0);
    CHECK(decode_copy(buf_str(&bytes)) == NULL); /* and so is a byte too many */
    catalog_free(c);
}

/* A catalog that decodes says, encoded, what it was decoded from. */
static void check_decoded(const struct catalog *c)
{
    CLEANUP(buf_deinit) struct buf once, twice;

    buf_init(&once, 0);
    buf_init(&twice, 0);
    catalog_encode(c, &once);
    struct catalog *again = decode_copy(buf_str(&once));
    CHECK(again != NULL);
    catalog_encode(again, &twice);
    CHECK(str_eq(buf_str(&once), buf_str(&twice)));
    catalog_free(again);
}

static void every_flipped_byte_is_refused_or_harmless(void)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    CLEANUP(buf_deinit) struct buf bytes;
    struct catalog *c = full_catalog();
    size_t refused = 0;

    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    for (size_t at = 0; at < bytes.n; at++) {
        char was = bytes.p[at];

        bytes.p[at] = (char)((uint8_t)was ^ flips[at % COUNT_OF(flips)]);
        struct catalog *damaged = decode_copy(buf_str(&bytes));
        refused += damaged == NULL;
        if (damaged)
            check_decoded(damaged);
        catalog_free(damaged);
        bytes.p[at] = was;
    }
    CHECK(refused > bytes.n / 4);
    catalog_free(c);
}

/* --- one thing wrong ------------------------------------------------------- */

static uint32_t *some_indexes(struct catalog *c, uint32_t value)
{
    uint32_t *indexes = arena_alloc(&c->arena, sizeof(*indexes));

    *indexes = value;
    return indexes;
}

static void no_such_endpoint(struct catalog *c)
{
    c->groups[0].endpoints = some_indexes(c, (uint32_t)c->n_endpoints);
    c->groups[0].n_endpoints = 1;
}

static void no_such_fallback(struct catalog *c)
{
    c->groups[0].fallbacks = some_indexes(c, (uint32_t)c->n_groups);
}

static void no_such_group(struct catalog *c)
{
    c->endpoints[1].group = (uint32_t)c->n_groups;
}

static void no_such_provider(struct catalog *c)
{
    c->endpoints[1].provider = PROVIDER_REPLICA + 1;
}

static void no_such_state(struct catalog *c)
{
    c->endpoints[1].state = ENDPOINT_OUT_OF_SERVICE + 1;
}

static void no_such_evidence(struct catalog *c)
{
    c->endpoints[1].evidence = EVIDENCE_PROVIDER + 1;
}

static void no_such_region(struct catalog *c)
{
    c->endpoints[1].region = (uint16_t)region_count(c->regions);
}

static void no_such_gateway_region(struct catalog *c)
{
    c->gateway_region = (uint16_t)region_count(c->regions);
}

static void no_such_preferred_region(struct catalog *c)
{
    ((uint16_t *)c->settings.preferred)[1] = (uint16_t)region_count(c->regions);
}

static void nowhere(struct catalog *c)
{
    c->endpoints[1].place = region_set_none();
}

static void beyond_the_world(struct catalog *c)
{
    region_set_add(&c->endpoints[1].place, REGION_SET_BITS - 1);
}

static void region_that_is_not_its_place(struct catalog *c)
{
    c->endpoints[0].region = region_named(c, "ovh-gra-1");
}

static void region_that_is_part_of_its_place(struct catalog *c)
{
    region_set_add(&c->endpoints[0].place, region_named(c, "ovh-gra-1"));
}

static void negative_timeout(struct catalog *c)
{
    c->endpoints[0].timeout_ms = -1;
}

static void negative_timer(struct catalog *c)
{
    c->groups[1].timers.idle_ms = -1;
}

static void negative_setting(struct catalog *c)
{
    c->settings.policy_lease_ms = -1;
}

static void alias_of_nothing(struct catalog *c)
{
    static const struct catalog_alias alias = {STR_INIT("gone"), 3};

    c->aliases = &alias;
}

static void environment_of_no_model(struct catalog *c)
{
    c->environments[1].model = (uint32_t)c->n_models;
}

static void environment_of_another_models_deployment(struct catalog *c)
{
    c->environments[1].deployment = 0;
}

static void development_of_another_model(struct catalog *c)
{
    c->models[1].development = 1;
}

static void deployment_in_another_models_environment(struct catalog *c)
{
    c->deployments[1].environment = 1;
}

static void deployment_of_an_operators_group(struct catalog *c)
{
    c->deployments[1].group = 0;
}

static void no_such_deployment_state(struct catalog *c)
{
    c->deployments[1].state = DEPLOYMENT_INACTIVE + 1;
}

static void no_such_kind(struct catalog *c)
{
    c->models[1].kind = MODEL_KIND_CHAIN + 1;
}

static void rule_that_is_none(struct catalog *c)
{
    c->rules[1].text = STR("allow=EU");
}

static void rule_that_names_nothing(struct catalog *c)
{
    c->rules[1].text = STR("allow=atlantis");
}

static void rule_that_leaves_nothing(struct catalog *c)
{
    c->rules[1].text = STR("allow=fr;exclude=eu");
}

static void one_wrong_field_is_enough(void)
{
    static void (*const damages[])(struct catalog *) = {
        no_such_endpoint,
        no_such_fallback,
        no_such_group,
        no_such_provider,
        no_such_state,
        no_such_evidence,
        no_such_region,
        no_such_gateway_region,
        no_such_preferred_region,
        nowhere,
        beyond_the_world,
        region_that_is_not_its_place,
        region_that_is_part_of_its_place,
        negative_timeout,
        negative_timer,
        negative_setting,
        alias_of_nothing,
        environment_of_no_model,
        environment_of_another_models_deployment,
        development_of_another_model,
        deployment_in_another_models_environment,
        deployment_of_an_operators_group,
        no_such_deployment_state,
        no_such_kind,
        rule_that_is_none,
        rule_that_names_nothing,
        rule_that_leaves_nothing,
    };

    for (size_t i = 0; i < COUNT_OF(damages); i++) {
        struct catalog *c = full_catalog(), *whole = round_trip(c);

        CHECK(whole != NULL);
        damages[i](c);
        struct catalog *damaged = round_trip(c);
        if (damaged)
            printf("  damage %zu was not seen\n", i);
        CHECK(damaged == NULL);
        catalog_free(whole);
        catalog_free(c);
    }
}

/* A rule index that points nowhere travels: a permit narrows to nothing where it is used. */
static void a_rule_that_points_nowhere_is_kept(void)
{
    struct catalog *c = full_catalog();

    c->keys[0].rule = 99;
    struct catalog *decoded = round_trip(c);
    CHECK(decoded && decoded->keys[0].rule == 99);
    catalog_free(decoded);
    catalog_free(c);
}

static void hosts_are_found_by_name(void)
{
    struct catalog *c = full_catalog();
    const struct catalog_model *model = catalog_find_model(c, MODEL_KIND_MODEL, STR("abc123"));
    const struct catalog_model *chain = catalog_find_model(c, MODEL_KIND_CHAIN, STR("abc123"));
    char long_name[400];

    memset(long_name, 'a', sizeof(long_name));
    CHECK(model == &c->models[0] && chain == &c->models[1]);
    CHECK(!catalog_find_model(c, MODEL_KIND_MODEL, STR("abc124")));
    CHECK(!catalog_find_model(c, MODEL_KIND_MODEL, str_make(long_name, sizeof(long_name))));
    CHECK(catalog_find_environment(c, model, STR("prod-eu")) == &c->environments[0]);
    CHECK(!catalog_find_environment(c, chain, STR("prod-eu")));
    CHECK(!catalog_find_environment(c, model, str_make(long_name, sizeof(long_name))));
    CHECK(catalog_find_deployment(c, model, STR("dep0001")) == &c->deployments[0]);
    CHECK(!catalog_find_deployment(c, chain, STR("dep0001")));
    catalog_free(c);
}

/* A scope that this build does not know is not carried along. */
static void unknown_scopes_are_dropped(void)
{
    struct catalog *c = full_catalog();

    c->keys[0].scopes = SCOPE_KEYS | 1u << 30;
    struct catalog *decoded = round_trip(c);
    CHECK(decoded && decoded->keys[0].scopes == SCOPE_KEYS);
    catalog_free(decoded);
    catalog_free(c);
}

static void another_magic_or_version_is_refused(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct catalog *c = full_catalog();

    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    bytes.p[8]++; /* the version, behind eight bytes of magic */
    CHECK(decode_copy(buf_str(&bytes)) == NULL);
    bytes.p[8]--;
    bytes.p[0]++;
    CHECK(decode_copy(buf_str(&bytes)) == NULL);
    catalog_free(c);
}

int main(void)
{
    RUN(what_was_encoded_decodes_to_the_same);
    RUN(equal_content_has_an_equal_hash);
    RUN(every_truncation_is_refused);
    RUN(every_flipped_byte_is_refused_or_harmless);
    RUN(one_wrong_field_is_enough);
    RUN(a_rule_that_points_nowhere_is_kept);
    RUN(hosts_are_found_by_name);
    RUN(unknown_scopes_are_dropped);
    RUN(another_magic_or_version_is_refused);
    return test_end();
}

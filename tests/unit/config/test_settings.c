#include "config/file.h"
#include "config/model.h"
#include "config/settings_print.h"
#include "loading.h"

/* The traffic side has defaults of its own, for catalogs that nobody configured: the same ones. */
static void test_defaults_agree_with_the_traffic_side(void)
{
    struct catalog_settings expected;
    struct loading l;

    catalog_settings_defaults(&expected);
    loading_begin(&l, "{}");
    CHECK(l.config);
    struct catalog_settings *s = &l.config->settings;
    CHECK_INT(s->body_bytes, expected.body_bytes);
    CHECK_INT(s->buffered_bytes, expected.buffered_bytes);
    CHECK_INT(s->head_bytes, expected.head_bytes);
    CHECK_INT(s->headers, expected.headers);
    CHECK_INT(s->json_members, expected.json_members);
    CHECK_INT(s->json_depth, expected.json_depth);
    CHECK_INT(s->splice_bytes, expected.splice_bytes);
    CHECK_INT(s->trace_header_bytes, expected.trace_header_bytes);
    CHECK_INT(s->connections, expected.connections);
    CHECK_INT(s->customer_id_bytes, expected.customer_id_bytes);
    CHECK_INT(s->idle_upstreams, expected.idle_upstreams);
    CHECK_INT(s->predict_bytes, expected.predict_bytes);
    CHECK_INT(s->replay_bytes, expected.replay_bytes);
    CHECK_INT(s->message_bytes, expected.message_bytes);
    CHECK_INT(s->held_bytes, expected.held_bytes);
    CHECK_INT(s->held_requests, expected.held_requests);
    CHECK_INT(s->held_requests_per_deployment, expected.held_requests_per_deployment);
    CHECK_INT(s->held_bytes_per_deployment, expected.held_bytes_per_deployment);
    CHECK_INT(s->hold_ms, expected.hold_ms);
    CHECK_INT(s->socket_idle_ms, expected.socket_idle_ms);
    CHECK_INT(s->head_ms, expected.head_ms);
    CHECK_INT(s->body_idle_ms, expected.body_idle_ms);
    CHECK_INT(s->keep_alive_ms, expected.keep_alive_ms);
    CHECK_INT(s->write_idle_ms, expected.write_idle_ms);
    CHECK_INT(s->drain_ms, expected.drain_ms);
    CHECK_INT(s->upstream_idle_ms, expected.upstream_idle_ms);
    CHECK_INT(s->allowed_fails, expected.allowed_fails);
    CHECK_INT(s->cooldown_ms, expected.cooldown_ms);
    CHECK_INT(s->health_interval_ms, expected.health_interval_ms);
    CHECK_INT(s->health_timeout_ms, expected.health_timeout_ms);
    CHECK(str_eq(s->health_path, expected.health_path));
    CHECK_INT(s->latency_window_ms, expected.latency_window_ms);
    CHECK_INT(s->policy_lease_ms, expected.policy_lease_ms);
    CHECK(!s->default_carbon_aware);
    loading_end(&l);
}

static void test_rows_are_sound(void)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        CHECK(setting_find(s->path) == s); /* no path twice */
        CHECK(s->about && *s->about);
        CHECK(s->min <= s->max);
        CHECK((s->type == SETTING_CHOICE) == (s->choices != NULL));
        if (s->use == SETTING_UNUSED)
            CHECK(s->width == 0);
    }
}

static void test_every_section_can_be_set(void)
{
    struct loading l;

    loading_begin(
        &l,
        "gateway: {region: hetzner-fsn-1, domain: models.example, "
        "public_scheme: https, public_port: 8443, listen: ['127.0.0.1:4000', "
        "'[::1]:4000'], control_listen: '127.0.0.1:9', workers: 2}\n"
        "policy: {lease: 90s}\n"
        "regions:\n"
        "  - {code: acme-fra-1, country: de, provider: acme, location: Frankfurt, grid_zone: DE, "
        "grid_g_per_kwh: 300, latitude: 50.11, longitude: 8.68, latency_p50_ms: 3, "
        "latency_p95_ms: 9, role: gateway, source: us}\n"
        "  - {code: ovh-gra-1, latency_p50_ms: 7}\n"
        "zones: {ours: [acme-fra-1, fr]}\n"
        "routing: {mode: carbon_aware, preferred: [acme-fra-1, ovh-gra-1], latency_window: 1m, "
        "health_check: {interval: 10s, timeout: 500ms, path: /ok}}\n"
        "limits: {body_bytes: 1MiB, headers: 64}\n"
        "timers: {head: 5, drain: 2h}\n"
        "router_settings: {allowed_fails: 7, cooldown_time: 2.5}\n"
        "general_settings: {master_key: os.environ/EU_KEY}\n"
        "organization: {region_rule: ours}\n");
    CHECK(l.config);
    CHECK_INT(l.config->n_listen, 2);
    CHECK_STR(l.config->listen[1].host, "::1");
    CHECK_INT(l.config->control_listen.port, 9);
    CHECK_INT(l.config->workers, 2);
    CHECK_STR(l.config->domain, "models.example");
    CHECK_INT(l.config->public_scheme, CONFIG_SCHEME_HTTPS);
    CHECK_INT(l.config->public_port, 8443);
    CHECK_STR(region_at(l.config->regions, l.config->gateway_region)->code, "hetzner-fsn-1");
    CHECK_INT(l.config->settings.policy_lease_ms, 90000);
    CHECK(l.config->settings.default_carbon_aware);
    CHECK_INT(l.config->settings.n_preferred, 2);
    CHECK_INT(l.config->settings.latency_window_ms, 60000);
    CHECK_INT(l.config->settings.health_interval_ms, 10000);
    CHECK_INT(l.config->settings.health_timeout_ms, 500);
    CHECK_STR(l.config->settings.health_path, "/ok");
    CHECK_INT(l.config->settings.body_bytes, 1 << 20);
    CHECK_INT(l.config->settings.headers, 64);
    CHECK_INT(l.config->settings.head_ms, 5000);
    CHECK_INT(l.config->settings.drain_ms, 7200000);
    CHECK_INT(l.config->settings.allowed_fails, 7);
    CHECK_INT(l.config->settings.cooldown_ms, 2500);
    CHECK_STR(l.config->master_key, "sk-eu");
    CHECK_STR(l.config->master_key_source, "general_settings.master_key");
    const struct region *r =
        region_at(l.config->regions, region_find(l.config->regions, STR("acme-fra-1")));
    CHECK_STR(str_of(r->country), "DE");
    CHECK_INT(r->latitude_e4, 501100);
    CHECK_INT(r->role, REGION_ROLE_GATEWAY);
    r = region_at(l.config->regions, region_find(l.config->regions, STR("ovh-gra-1")));
    CHECK_INT(r->latency_p50_ms, 7);
    CHECK_INT(r->latency_p95_ms, 50);
    CHECK_STR(str_of(r->country), "FR");
    loading_end(&l);
}

static void test_planes(void)
{
    struct loading l;

    loading_begin(&l, "planes:\n"
                      "  - {name: hall-a, region: hetzner-fsn-1, replicas_max: 4, user: daemon}\n"
                      "  - {name: hall-b, region: us, first_port: 30000, last_port: 30099, cgroup: "
                      "/sys/fs/cgroup/ambit}\n"
                      "deployments: {deploy_timeout: 5m, package_bytes: 2MiB, runner: /opt/run}\n"
                      "quotas: {models: 7, secrets: 0}\n");
    CHECK(l.config);
    CHECK_INT(l.config->n_planes, 2);
    CHECK_STR(l.config->planes[0].name, "hall-a");
    CHECK_INT(l.config->planes[0].replicas_max, 4);
    CHECK_INT(l.config->planes[0].first_port, 21000);
    CHECK_INT(l.config->planes[0].last_port, 21999);
    CHECK_INT(region_set_count(&l.config->planes[0].place), 1);
    CHECK_STR(l.config->planes[0].user, "daemon");
    CHECK_INT(l.config->planes[0].uid, 1); /* of every Debian */
    CHECK_INT(l.config->planes[0].gid, 1);
    CHECK_STR(l.config->planes[1].user, "");
    CHECK_STR(l.config->planes[1].region, "us");
    CHECK(region_set_count(&l.config->planes[1].place) > 1);
    CHECK_STR(l.config->planes[1].cgroup, "/sys/fs/cgroup/ambit");
    CHECK_INT(l.config->deploy_timeout_ms, 300000);
    CHECK_INT(l.config->package_bytes, 2 << 20);
    CHECK_INT(l.config->quotas.models, 7);
    CHECK_INT(l.config->quotas.secrets, 0);
    CHECK_INT(l.config->quotas.deployments_per_model, 1000);
    CHECK_STR(l.config->runner, "/opt/run");
    loading_end(&l);
    loading_begin(&l, "{}");
    CHECK_STR(l.config->external_networks, "outside");
    CHECK_INT(l.config->n_planes, 0);
    CHECK_INT(l.config->deploy_timeout_ms, 1800000);
    CHECK_INT(l.config->quotas.environments_per_model, 100);
    loading_end(&l);
    REFUSES("planes: [{name: A, region: fr}]\n",
            "1:10: error: planes[0]: \"A\" is no name of a plane; expected 1 to 40 lower case "
            "letters, digits and dashes");
    REFUSES("planes: [{name: a}]\n",
            "1:10: error: planes[0]: region is missing: where does the plane \"a\" stand?");
    REFUSES("planes: [{name: a, region: atlantis}]\n",
            "1:20: error: planes[0].region: \"atlantis\" is no region, zone or country");
    REFUSES("planes: [{name: a, region: fr}, {name: b, region: us}]\n",
            "1:1: error: planes: the ports of a (21000 to 21999) and b (21000 to 21999) overlap: "
            "give each plane its own first_port and last_port");
    REFUSES("planes: [{name: a, region: fr, first_port: 9, last_port: 8}]\n",
            "1:10: error: planes[0]: first_port 9 lies behind last_port 8");
    REFUSES("planes: [{name: a, region: fr, type: pods}]\n",
            "1:32: error: planes[0].type: \"pods\" is not one of process");
    REFUSES(
        "planes: [{name: a, region: fr, user: no-such-user}]\n",
        "1:32: error: planes[0].user: \"no-such-user\" is no user of this machine; expected the "
        "name or the number of one");
    REFUSES("planes: [{name: a, region: fr, user: 4000000000}]\n",
            "1:32: error: planes[0].user: \"4000000000\" is no user of this machine; expected the "
            "name or the number of one");
    REFUSES("planes: [{name: a, region: fr, user: root}]\n",
            "1:32: error: planes[0].user: \"root\" may do everything; expected a user with fewer "
            "rights than Ambit");
}

static void test_external_addresses(void)
{
    struct loading l;

    loading_begin(&l, "deployments: {external_addresses: [127.0.0.1, 10.0.0.0/8, 'fd12::/16']}\n");
    CHECK(l.config);
    CHECK_STR(l.config->external_networks, "127.0.0.1 10.0.0.0/8 fd12::/16");
    loading_end(&l);
    loading_begin(&l, "deployments: {external_addresses: 192.0.2.0/24}\n");
    CHECK_STR(l.config->external_networks, "192.0.2.0/24");
    loading_end(&l);
    REFUSES("deployments: {external_addresses: [10.0.0.1/8]}\n",
            "1:15: error: deployments.external_addresses: \"10.0.0.1/8\" is no network; expected "
            "an address with the length of its prefix, and no bits beyond it, such as 10.0.0.0/8 "
            "or fd12::/16");
    REFUSES("deployments: {external_addresses: []}\n",
            "1:15: error: deployments.external_addresses: names 0 networks; expected 1 to 64");
}

static void test_master_key_from_the_environment(void)
{
    struct loading l;

    loading_begin(&l, "{}");
    CHECK_STR(l.config->master_key, "sk-litellm");
    CHECK_STR(l.config->master_key_source, "LITELLM_MASTER_KEY");
    loading_end(&l);
    loading_begin(&l, "environment_variables: {AMBIT_MASTER_KEY: sk-own, X: os.environ/EU_KEY}\n");
    CHECK_STR(l.config->master_key, "sk-own");
    loading_end(&l);
    REFUSES("general_settings: {master_key: ''}\n",
            "1:20: error: general_settings.master_key: is empty; leave it out to have one made");
    REFUSES("general_settings: {master_key: os.environ/NOPE}\n",
            "1:20: error: general_settings.master_key: the environment variable NOPE is not set");
}

static void test_sections_that_are_wrong(void)
{
    REFUSES("", "1:1: error: expected a mapping of sections, found nothing");
    REFUSES("[a]", "1:1: error: expected a mapping of sections, found a list");
    REFUSES("a: [", "2:1: error: not YAML: while parsing a flow node did not find expected node "
                    "content");
    REFUSES("limits: 3\n", "1:1: error: limits: expected a mapping, found a number");
    REFUSES("limits: {body_bytes: lots}\n",
            "1:10: error: limits.body_bytes: \"lots\" is not a size such as 64MiB");
    REFUSES("limits: {body_bytes: 1}\n",
            "1:10: error: limits.body_bytes: 1 is out of bounds: 1024 to 17179869184 bytes");
    REFUSES("limits: {body_bytes: 1GiB}\n",
            "1:1: error: limits.body_bytes is more than limits.buffered_bytes: no such body could "
            "be held");
    REFUSES("routing: {mode: fastest}\n",
            "1:11: error: routing.mode: \"fastest\" is not one of preferred|carbon_aware");
    REFUSES("routing: {preferred: [eu]}\n",
            "1:23: error: routing.preferred[0]: \"eu\" holds several regions; expected the code of "
            "one");
    REFUSES(
        "routing: {prefered: [ovh-gra-1]}\n",
        "1:11: error: routing.prefered: this key about regions is not known, and none is passed "
        "over; did you mean \"preferred\"?");
    REFUSES("routing: {health_check: {path: health}}\n",
            "1:1: error: routing.health_check.path must begin with /");
    REFUSES("gateway: {region: eu}\n",
            "1:11: error: gateway.region: \"eu\" holds several regions; expected the code of one");
    REFUSES("gateway: {region: fsn}\n",
            "1:11: error: gateway.region: \"fsn\" is no region, zone or country");
    REFUSES("gateway: {listen: localhost}\n",
            "1:11: error: gateway.listen: \"localhost\" is no address to listen on; expected "
            "0.0.0.0:4000 or [::]:4000");
    REFUSES("gateway: {listen: []}\n", "1:11: error: gateway.listen: expected 1 to 16 addresses");
    REFUSES("gateway: {tls: {certificates: [{cert_file: a.pem}]}}\n",
            "1:32: error: gateway.tls.certificates[0]: expected cert_file and key_file");
    REFUSES("gateway: {tls: {certificates: []}}\n",
            "1:17: error: gateway.tls.certificates: expected a list of 1 to 256 certificates");
    REFUSES("regions: {a: b}\n", "1:1: error: regions: expected a list, found a mapping");
    REFUSES("regions: [{code: acme-1, country: xx}]\n",
            "1:26: error: regions[0].country: \"xx\" is no country; expected ISO 3166-1 alpha-2, "
            "such as DE");
    REFUSES("regions: [{code: acme-1, country: de, latitude: 1}]\n",
            "1:39: error: regions[0].latitude: latitude and longitude only make sense together");
    REFUSES("zones: {ours: []}\n",
            "1:9: error: zones.ours: expected a list of 1 to 1024 regions, zones and countries");
    REFUSES("environment_variables: [a]\n",
            "1:1: error: environment_variables: expected a mapping, found a list");
    REFUSES("router_settings: {num_retries: '2x'}\n",
            "1:19: error: router_settings.num_retries: \"2x\" is not a whole number");
}

static void test_the_manual_is_generated_from_the_table(void)
{
    static const char begin[] =
        "<!-- settings: generated by `ambit check --settings-markdown` -->\n";
    struct buf manual, table;
    str text;

    buf_init(&manual, 0);
    buf_init(&table, 0);
    CHECK(file_read(DOCS "/configuration.md", &manual) == 0);
    settings_print(SETTINGS_MARKDOWN, &table);
    text = buf_str(&manual);
    text = str_from(text, str_search(text, str_of(begin)) + sizeof(begin) - 1);
    text = str_upto(text, str_search(text, STR("<!-- end of settings -->")));
    if (!str_eq(text, buf_str(&table)))
        printf("  docs/configuration.md differs from `ambit check --settings-markdown`\n");
    CHECK(str_eq(text, buf_str(&table)));
    buf_deinit(&manual);
    buf_deinit(&table);
}

int main(void)
{
    RUN(test_defaults_agree_with_the_traffic_side);
    RUN(test_rows_are_sound);
    RUN(test_every_section_can_be_set);
    RUN(test_planes);
    RUN(test_external_addresses);
    RUN(test_master_key_from_the_environment);
    RUN(test_sections_that_are_wrong);
    RUN(test_the_manual_is_generated_from_the_table);
    return test_end();
}

/* Which endpoints a permit lets serve, and the reason that is given for each of the others. */

#include "catalog/eligible.h"
#include "unit/catalog/fixture.h"

static struct permit permit_by(struct catalog *c, const char *rule, const char *request)
{
    struct permit p;

    permit_init(&p, c->regions, c->revision);
    if (rule) {
        set_rule(c, 0, rule);
        permit_narrow(&p, PERMIT_KEY, STR("k"), c->rules[0].text, &c->rules[0].compiled);
    }
    if (request)
        CHECK(permit_narrow_by_request(&p, str_of(request)));
    return p;
}

static void expect(struct catalog *c, const char *rule, const char *request, const char *place,
                   const char *verdict)
{
    struct permit p = permit_by(c, rule, request);
    struct catalog_endpoint e = endpoint_in(c, place);

    CHECK_STR(catalog_eligibility_name(catalog_eligible(c, &p, &e)), verdict);
}

static void a_place_has_to_be_inside_as_a_whole(void)
{
    struct catalog *c = bare_catalog();

    expect(c, NULL, NULL, "us", "eligible");
    expect(c, NULL, NULL, NULL, "eligible"); /* nobody asked where it is */
    expect(c, "allow=eu", NULL, "scaleway-par-1", "eligible");
    expect(c, "allow=eu", NULL, "FR", "eligible");
    expect(c, "allow=eu", NULL, "eu", "eligible");
    expect(c, "allow=eu", NULL, "us", "region_not_allowed");
    expect(c, "allow=fr", NULL, "eu", "region_not_allowed"); /* it could compute elsewhere */
    expect(c, "allow=scaleway-par-1", NULL, "FR", "region_not_allowed");
    catalog_free(c);
}

static void an_unknown_place_is_only_for_those_without_a_rule(void)
{
    struct catalog *c = bare_catalog();
    struct permit p = permit_by(c, "allow=world", NULL), pinned = permit_by(c, NULL, "ovh-gra-1");
    struct catalog_endpoint e = endpoint_in(c, NULL);

    CHECK_INT(catalog_eligible(c, &p, &e), ELIGIBLE_REGION_UNKNOWN);
    CHECK_INT(catalog_eligible(c, &pinned, &e), ELIGIBLE_REGION_UNKNOWN);
    e.state = ENDPOINT_REGION_PENDING;
    CHECK_INT(catalog_eligible(c, &p, &e), ELIGIBLE_REGION_PENDING);
    p = permit_by(c, NULL, NULL);
    CHECK_INT(catalog_eligible(c, &p, &e), ELIGIBLE);
    catalog_free(c);
}

static void a_pin_is_told_from_a_rule(void)
{
    struct catalog *c = bare_catalog();

    expect(c, "allow=eu", "ovh-gra-1", "ovh-gra-1", "eligible");
    expect(c, "allow=eu", "ovh-gra-1", "scaleway-par-1", "not_pinned");
    expect(c, "allow=eu", "ovh-gra-1", "us", "region_not_allowed");
    expect(c, NULL, "ovh-gra-1", "us", "not_pinned");
    expect(c, "allow=eu", "FR", "SE", "region_not_allowed"); /* a country pins nothing */
    catalog_free(c);
}

static void primary_and_secondary_and_nothing_else(void)
{
    static const char dora[] = "primary=atnorth-sto-1;secondary=scaleway-par-1";
    struct catalog *c = bare_catalog();
    struct permit p = permit_by(c, dora, NULL);
    struct catalog_endpoint e = endpoint_in(c, "atnorth-sto-1");

    expect(c, dora, NULL, "atnorth-sto-1", "eligible");
    expect(c, dora, NULL, "scaleway-par-1", "eligible");
    expect(c, dora, NULL, "ovh-gra-1", "region_not_allowed");
    expect(c, "primary=atnorth-sto-1", NULL, "scaleway-par-1", "region_not_allowed");
    /* A place inside the two that is not one of them: it could be either, in no order. */
    region_set_add(&e.place, region_named(c, "scaleway-par-1"));
    e.region = REGION_NONE;
    CHECK_INT(catalog_eligible(c, &p, &e), ELIGIBLE_PRIMARY_SECONDARY);
    catalog_free(c);
}

static void regions_for_gateways_serve_only_where_they_are_named(void)
{
    struct catalog *c = bare_catalog();
    const uint16_t helsinki = region_named(c, "hetzner-hel-1");

    expect(c, NULL, NULL, "hetzner-hel-1", "gateway_hosting_only");
    expect(c, "allow=eu", NULL, "hetzner-hel-1", "gateway_hosting_only");
    expect(c, "allow=us", NULL, "hetzner-hel-1", "region_not_allowed");
    expect(c, "allow=eu", "hetzner-hel-1", "hetzner-hel-1", "eligible");
    expect(c, "primary=hetzner-hel-1", NULL, "hetzner-hel-1", "eligible");
    expect(c, "primary=ovh-gra-1;secondary=hetzner-hel-1", NULL, "hetzner-hel-1", "eligible");
    expect(c, NULL, NULL, "FI", "eligible"); /* somewhere in Finland is no region for gateways */
    c->settings.preferred = &helsinki;
    c->settings.n_preferred = 1;
    expect(c, NULL, NULL, "hetzner-hel-1", "eligible");
    expect(c, NULL, NULL, "hetzner-fsn-1", "gateway_hosting_only");
    c->settings.n_preferred = 0;
    c->settings.named = &helsinki;
    c->settings.n_named = 1;
    expect(c, NULL, NULL, "hetzner-hel-1", "eligible");
    expect(c, NULL, NULL, "hetzner-fsn-1", "gateway_hosting_only");
    catalog_free(c);
}

/* A reason that no waiting can cure comes first. */
static void out_of_service_is_the_last_reason(void)
{
    struct catalog *c = bare_catalog();
    struct permit p = permit_by(c, "allow=eu", NULL);
    struct catalog_endpoint inside = endpoint_in(c, "FR"), outside = endpoint_in(c, "us"),
                            gateway = endpoint_in(c, "hetzner-hel-1");

    inside.state = outside.state = gateway.state = ENDPOINT_OUT_OF_SERVICE;
    CHECK_INT(catalog_eligible(c, &p, &inside), ELIGIBLE_OUT_OF_SERVICE);
    CHECK_INT(catalog_eligible(c, &p, &outside), ELIGIBLE_EXCLUDED_BY_RULE);
    CHECK_INT(catalog_eligible(c, &p, &gateway), ELIGIBLE_GATEWAY_ROLE);
    catalog_free(c);
}

/* An endpoint without a place passes no permit, not even the one of everything. */
static void an_empty_place_is_never_eligible(void)
{
    struct catalog *c = bare_catalog();
    struct permit p = permit_by(c, NULL, NULL);
    struct catalog_endpoint e = {.region = REGION_NONE};

    CHECK_INT(catalog_eligible(c, &p, &e), ELIGIBLE_EXCLUDED_BY_RULE);
    catalog_free(c);
}

static void every_reason_has_a_name_of_its_own(void)
{
    for (unsigned i = 0; i <= ELIGIBLE_OUT_OF_SERVICE; i++)
        for (unsigned k = 0; k < i; k++) {
            CHECK(catalog_eligibility_name(i).n > 0);
            CHECK(!str_eq(catalog_eligibility_name(i), catalog_eligibility_name(k)));
        }
}

int main(void)
{
    RUN(a_place_has_to_be_inside_as_a_whole);
    RUN(an_unknown_place_is_only_for_those_without_a_rule);
    RUN(a_pin_is_told_from_a_rule);
    RUN(primary_and_secondary_and_nothing_else);
    RUN(regions_for_gateways_serve_only_where_they_are_named);
    RUN(out_of_service_is_the_last_reason);
    RUN(an_empty_place_is_never_eligible);
    RUN(every_reason_has_a_name_of_its_own);
    return test_end();
}

/*
 * Building a catalogue: the built-in rows, then what the operator puts, each row and zone checked
 * as it comes, so that finishing cannot fail. The builder fills a catalogue that nobody else sees
 * yet; finish derives the sets and hands it over.
 *
 * One name means one thing: a code, a zone and a country never share a name, whichever came first,
 * since a name that changed its meaning would move requests without any rule having changed.
 */

#include "base/mem.h"
#include "region/builtin.h"
#include "region/catalogue.h"

#include <assert.h>
#include <errno.h>

struct region_catalogue_builder {
    struct region_catalogue *catalogue;
    size_t regions_capacity;
    size_t definitions_capacity;
    struct arena errors;
};

static const char GRID_BY_COUNTRY[] = "Our World in Data, lifecycle, annual mean of the country";

bool region_fold_name(str name, char *storage, str *ret_folded)
{
    if (name.n > REGION_CODE_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++)
        storage[i] = str_lower_char(name.p[i]);
    *ret_folded = str_make(storage, name.n);
    return true;
}

static struct region *row_of(const struct region_catalogue *c, str code)
{
    char storage[REGION_CODE_MAX];
    str folded;

    return region_fold_name(code, storage, &folded) ? map_get(&c->codes, folded) : NULL;
}

/* Rows move when the array grows, and the map follows them. */
static void append_row(struct region_catalogue_builder *b, const struct region *row)
{
    struct region_catalogue *c = b->catalogue;

    if (c->n_regions == b->regions_capacity) {
        b->regions_capacity = b->regions_capacity ? b->regions_capacity * 2 : 256;
        c->regions = mem_realloc(c->regions, b->regions_capacity * sizeof(*c->regions));
        for (size_t i = 0; i < c->n_regions; i++)
            map_put(&c->codes, c->regions[i].code, &c->regions[i]);
    }
    struct region *place = &c->regions[c->n_regions++];
    *place = *row;
    map_put(&c->codes, place->code, place);
}

static void append_builtin(struct region_catalogue_builder *b, const struct builtin_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        struct region row = table->rows[i];
        const struct country *country = &country_table[country_find(str_of(row.country))];

        if (row.grid_g_per_kwh < 0 && country->grid_g_per_kwh >= 0) {
            row.grid_g_per_kwh = country->grid_g_per_kwh;
            row.grid_source = str_of(GRID_BY_COUNTRY);
        }
        append_row(b, &row);
    }
}

struct region_catalogue_builder *region_builder_new(void)
{
    struct region_catalogue_builder *b = mem_zalloc(sizeof(*b));

    b->catalogue = mem_zalloc(sizeof(*b->catalogue));
    b->catalogue->references = 1;
    arena_init(&b->catalogue->arena, NULL, 0);
    arena_init(&b->errors, NULL, 0);
    append_builtin(b, &builtin_europe);
    append_builtin(b, &builtin_aws);
    append_builtin(b, &builtin_azure);
    append_builtin(b, &builtin_gcp);
    return b;
}

void region_builder_free(struct region_catalogue_builder *b)
{
    if (!b)
        return;
    region_catalogue_unref(b->catalogue);
    arena_deinit(&b->errors);
    mem_free(b);
}

const struct region *region_builder_find(const struct region_catalogue_builder *b, str code)
{
    return row_of(b->catalogue, code);
}

static int refuse(struct region_catalogue_builder *b, const char **ret_error, const char *field,
                  str value, const char *expected)
{
    *ret_error = arena_printf(&b->errors, "%s: \"%.*s\": expected %s", field,
                              STR_ARG(str_upto(value, REGION_CODE_MAX)), expected)
                     .p;
    return -EINVAL;
}

static int refuse_number(struct region_catalogue_builder *b, const char **ret_error,
                         const char *field, int64_t value, const char *expected)
{
    *ret_error =
        arena_printf(&b->errors, "%s: %lld: expected %s", field, (long long)value, expected).p;
    return -EINVAL;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(str s)
{
    if (s.n == 0 || s.n > REGION_CODE_MAX || !is_word(s.p[0]) || !is_word(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool is_text(str s)
{
    if (s.n > REGION_TEXT_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static const struct zone_definition *find_definition(const struct region_catalogue *c, str name)
{
    for (size_t i = 0; i < c->n_definitions; i++)
        if (str_eq(c->definitions[i].name, name))
            return &c->definitions[i];
    return NULL;
}

/* What a name means besides a region, or NULL: the kind of thing that owns it. */
static const char *owner_of(const struct region_catalogue *c, str name)
{
    if (zone_find(name))
        return "a name that is not a built-in zone's";
    if (find_definition(c, name))
        return "a name that is not one of your zones'";
    if (country_find(name) != COUNTRY_NONE)
        return "a name that is not a country code";
    if (str_eq(name, STR("unknown")))
        return "a name other than \"unknown\", which stands for places without a name";
    return NULL;
}

static int check_texts(struct region_catalogue_builder *b, const struct region *row,
                       const char **ret_error)
{
    const struct {
        const char *field;
        str value;
    } texts[] = {
        {"provider", row->provider},       {"location", row->location},
        {"grid_zone", row->grid_zone},     {"source", row->source},
        {"grid_source", row->grid_source},
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (!is_text(texts[i].value))
            return refuse(b, ret_error, texts[i].field, texts[i].value,
                          "at most 200 bytes without control characters");
    return 0;
}

static int check_numbers(struct region_catalogue_builder *b, const struct region *row,
                         const char **ret_error)
{
    enum { MAX_GRID = 100000, MAX_LATENCY_MS = 3600000 };

    if (row->has_coordinates && (row->latitude_e4 < -900000 || row->latitude_e4 > 900000))
        return refuse_number(b, ret_error, "latitude", row->latitude_e4 / 10000, "-90 to 90");
    if (row->has_coordinates && (row->longitude_e4 < -1800000 || row->longitude_e4 > 1800000))
        return refuse_number(b, ret_error, "longitude", row->longitude_e4 / 10000, "-180 to 180");
    if (row->grid_g_per_kwh < -1 || row->grid_g_per_kwh > MAX_GRID)
        return refuse_number(b, ret_error, "grid_g_per_kwh", row->grid_g_per_kwh,
                             "0 to 100000, or -1 where unknown");
    if (row->latency_p50_ms < -1 || row->latency_p50_ms > MAX_LATENCY_MS)
        return refuse_number(b, ret_error, "latency_p50_ms", row->latency_p50_ms,
                             "0 to 3600000, or -1 where unknown");
    if (row->latency_p95_ms < -1 || row->latency_p95_ms > MAX_LATENCY_MS)
        return refuse_number(b, ret_error, "latency_p95_ms", row->latency_p95_ms,
                             "0 to 3600000, or -1 where unknown");
    if (row->latency_p95_ms >= 0 && row->latency_p50_ms > row->latency_p95_ms)
        return refuse_number(b, ret_error, "latency_p95_ms", row->latency_p95_ms,
                             "at least latency_p50_ms");
    if (row->role != REGION_ROLE_INFERENCE && row->role != REGION_ROLE_GATEWAY)
        return refuse_number(b, ret_error, "role", row->role, "inference or gateway");
    return 0;
}

static int check_row(struct region_catalogue_builder *b, const struct region *row,
                     const char **ret_error)
{
    str country = str_make(row->country, strnlen(row->country, sizeof(row->country)));
    const char *taken = owner_of(b->catalogue, row->code);

    if (!is_name(row->code))
        return refuse(b, ret_error, "code", row->code,
                      "1 to 64 of a-z, 0-9 and -, a letter or digit at both ends");
    if (taken)
        return refuse(b, ret_error, "code", row->code, taken);
    if (!region_country_name(country).p)
        return refuse(b, ret_error, "country", country,
                      "an ISO 3166-1 alpha-2 code in upper case (GB, not UK; GR, not EL)");
    int r = check_texts(b, row, ret_error);
    return r ? r : check_numbers(b, row, ret_error);
}

/* A figure that came with this row came from this row's source, whatever row it replaces. */
static str grid_source_of(const struct region *row, const struct region *present)
{
    bool inherited = present && str_eq(row->grid_source, present->grid_source);

    if (row->grid_g_per_kwh < 0)
        return STR("");
    if (row->grid_source.n && !(inherited && row->grid_g_per_kwh != present->grid_g_per_kwh))
        return row->grid_source;
    return row->source.n ? row->source : STR("configuration");
}

int region_builder_put(struct region_catalogue_builder *b, const struct region *row,
                       const char **ret_error)
{
    int r = check_row(b, row, ret_error);

    if (r)
        return r;
    struct region_catalogue *c = b->catalogue;
    struct region *present = row_of(c, row->code);
    if (!present && c->n_regions == REGION_MAX)
        return refuse(b, ret_error, "code", row->code, "at most 760 regions in all");

    struct region copy = *row;
    copy.code = present ? present->code : arena_copy(&c->arena, row->code);
    copy.provider = arena_copy(&c->arena, row->provider);
    copy.location = arena_copy(&c->arena, row->location);
    copy.grid_zone = arena_copy(&c->arena, row->grid_zone);
    copy.source = arena_copy(&c->arena, row->source);
    copy.grid_source = arena_copy(&c->arena, grid_source_of(row, present));
    copy.operator_defined = true;
    if (present)
        *present = copy;
    else
        append_row(b, &copy);
    return 0;
}

static bool is_known(const struct region_catalogue *c, str name)
{
    char storage[REGION_CODE_MAX];
    str folded;

    return region_fold_name(name, storage, &folded) &&
           (map_get(&c->codes, folded) || zone_find(folded) || find_definition(c, folded) ||
            country_find(folded) != COUNTRY_NONE);
}

static int check_zone(struct region_catalogue_builder *b, str name, const str *members, size_t n,
                      const char **ret_error)
{
    const char *taken = owner_of(b->catalogue, name);

    if (!is_name(name))
        return refuse(b, ret_error, "zone", name,
                      "1 to 64 of a-z, 0-9 and -, a letter or digit at both ends");
    if (taken)
        return refuse(b, ret_error, "zone", name, taken);
    if (map_get(&b->catalogue->codes, name))
        return refuse(b, ret_error, "zone", name, "a name that is not a region's code");
    if (n == 0 || n > ZONE_MAX_MEMBERS)
        return refuse(b, ret_error, "zone", name, "1 to 1024 members");
    if (b->catalogue->n_definitions == ZONE_MAX)
        return refuse(b, ret_error, "zone", name, "at most 256 zones beside the built-in ones");
    for (size_t i = 0; i < n; i++)
        if (!is_known(b->catalogue, members[i]))
            return refuse(b, ret_error, "members", members[i],
                          "a region, a country, or a zone defined before this one");
    return 0;
}

int region_builder_put_zone(struct region_catalogue_builder *b, str name, const str *members,
                            size_t n, const char **ret_error)
{
    int r = check_zone(b, name, members, n, ret_error);

    if (r)
        return r;
    struct region_catalogue *c = b->catalogue;
    if (c->n_definitions == b->definitions_capacity) {
        b->definitions_capacity = b->definitions_capacity ? b->definitions_capacity * 2 : 8;
        c->definitions =
            mem_realloc(c->definitions, b->definitions_capacity * sizeof(*c->definitions));
    }
    str *copies = arena_alloc(&c->arena, n * sizeof(*copies));
    for (size_t i = 0; i < n; i++)
        copies[i] = arena_copy(&c->arena, members[i]);
    c->definitions[c->n_definitions++] =
        (struct zone_definition){arena_copy(&c->arena, name), copies, n};
    return 0;
}

static void derive_countries(struct region_catalogue *c)
{
    for (unsigned k = 0; k < COUNTRY_COUNT; k++)
        region_set_add(&c->countries[k], COUNTRY_BIT_FIRST + k);
    for (unsigned i = 0; i < c->n_regions; i++)
        region_set_add(&c->countries[country_find(str_of(c->regions[i].country))], i);
    for (unsigned k = 0; k < COUNTRY_COUNT; k++)
        c->known = region_set_or(&c->known, &c->countries[k]);
}

static void add_zone(struct region_catalogue *c, str name, const struct region_set *set)
{
    struct zone_entry *entry = &c->zones[c->n_zones++];

    *entry = (struct zone_entry){name, *set};
    map_put(&c->zone_names, name, entry);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct zone_entry *)a)->name, ((const struct zone_entry *)b)->name);
}

/* The operator's zones resolve in the order of definition, each against those before it. */
static void derive_zones(struct region_catalogue *c)
{
    c->zones = mem_array(zone_count() + c->n_definitions, sizeof(*c->zones));
    for (size_t z = 0; z < zone_count(); z++) {
        struct region_set set = region_set_none();

        for (unsigned k = 0; k < COUNTRY_COUNT; k++)
            if (zone_has_country(zone_at(z), k))
                set = region_set_or(&set, &c->countries[k]);
        add_zone(c, zone_at(z)->name, &set);
    }
    for (size_t i = 0; i < c->n_definitions; i++) {
        const struct zone_definition *definition = &c->definitions[i];
        struct region_set set = region_set_none(), member;

        for (size_t m = 0; m < definition->n_members; m++) {
            bool known = region_resolve(c, definition->members[m], &member);

            assert(known);
            set = region_set_or(&set, &member);
        }
        add_zone(c, definition->name, &set);
    }
    qsort(c->zones, c->n_zones, sizeof(*c->zones), by_name);
    for (size_t z = 0; z < c->n_zones; z++)
        map_put(&c->zone_names, c->zones[z].name, &c->zones[z]);
}

struct region_catalogue *region_builder_finish(struct region_catalogue_builder *b)
{
    struct region_catalogue *c = TAKE(b->catalogue);

    derive_countries(c);
    derive_zones(c);
    region_builder_free(b);
    return c;
}

/*
 * The catalogue between processes and on disk: a digest of the built-in tables, then the operator's
 * rows and zones in the order in which they came. The reader puts them through its own builder, so
 * hostile bytes meet the same checks as a configuration file, and a process of another build, whose
 * bits could mean other places, refuses.
 */

#include "base/mem.h"
#include "base/siphash.h"
#include "region/builtin.h"
#include "region/catalogue.h"

enum {
    ROW_MIN_BYTES = 6 * 4 + 2 + 2 + 5 * 4,
    ZONE_MIN_BYTES = 2 * 4,
    MEMBER_MIN_BYTES = 4,
};

static void put_row(struct buf *to, const struct region *row)
{
    wire_put_str(to, row->code);
    wire_put_str(to, row->provider);
    wire_put_str(to, row->location);
    wire_put_str(to, row->grid_zone);
    wire_put_str(to, row->source);
    wire_put_str(to, row->grid_source);
    buf_put(to, row->country, 2);
    wire_put_u8(to, (uint8_t)row->role);
    wire_put_u8(to, row->has_coordinates);
    wire_put_u32(to, (uint32_t)row->latitude_e4);
    wire_put_u32(to, (uint32_t)row->longitude_e4);
    wire_put_u32(to, (uint32_t)row->grid_g_per_kwh);
    wire_put_u32(to, (uint32_t)row->latency_p50_ms);
    wire_put_u32(to, (uint32_t)row->latency_p95_ms);
}

static struct region take_row(struct wire_reader *r)
{
    struct region row = {0};

    row.code = wire_take_str(r);
    row.provider = wire_take_str(r);
    row.location = wire_take_str(r);
    row.grid_zone = wire_take_str(r);
    row.source = wire_take_str(r);
    row.grid_source = wire_take_str(r);
    str country = wire_take_bytes(r, 2);
    if (country.n == 2)
        memcpy(row.country, country.p, 2);
    row.role = wire_take_u8(r);
    uint8_t has_coordinates = wire_take_u8(r);
    r->failed |= has_coordinates > 1;
    row.has_coordinates = has_coordinates == 1;
    row.latitude_e4 = (int32_t)wire_take_u32(r);
    row.longitude_e4 = (int32_t)wire_take_u32(r);
    row.grid_g_per_kwh = (int32_t)wire_take_u32(r);
    row.latency_p50_ms = (int32_t)wire_take_u32(r);
    row.latency_p95_ms = (int32_t)wire_take_u32(r);
    return row;
}

/* No secret: it only has to differ where the tables differ. */
static struct digest128 digest_builtin(void)
{
    static const struct siphash_key key = {0x616d626974, 0x726567696f6e73};
    const struct builtin_table *const tables[] = {&builtin_europe, &builtin_aws, &builtin_azure,
                                                  &builtin_gcp};
    CLEANUP(buf_deinit) struct buf bytes;

    buf_init(&bytes, 0);
    for (size_t t = 0; t < COUNT_OF(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            put_row(&bytes, &tables[t]->rows[i]);
    for (size_t k = 0; k < COUNTRY_COUNT; k++) {
        wire_put_str(&bytes, str_of(country_table[k].code));
        wire_put_u8(&bytes, (uint8_t)country_table[k].area);
        wire_put_u32(&bytes, (uint32_t)country_table[k].grid_g_per_kwh);
    }
    for (size_t z = 0; z < zone_count(); z++) {
        wire_put_str(&bytes, zone_at(z)->name);
        wire_put_u32(&bytes, zone_at(z)->areas);
        wire_put_str(&bytes, str_of(zone_at(z)->members));
    }
    return siphash128(&key, buf_str(&bytes));
}

void region_catalogue_encode(const struct region_catalogue *c, struct buf *to)
{
    struct digest128 digest = digest_builtin();
    uint32_t n = 0;

    wire_put_u64(to, digest.lo);
    wire_put_u64(to, digest.hi);
    for (size_t i = 0; i < c->n_regions; i++)
        n += c->regions[i].operator_defined;
    wire_put_u32(to, n);
    for (size_t i = 0; i < c->n_regions; i++)
        if (c->regions[i].operator_defined)
            put_row(to, &c->regions[i]);
    wire_put_u32(to, (uint32_t)c->n_definitions);
    for (size_t i = 0; i < c->n_definitions; i++) {
        wire_put_str(to, c->definitions[i].name);
        wire_put_u32(to, (uint32_t)c->definitions[i].n_members);
        for (size_t m = 0; m < c->definitions[i].n_members; m++)
            wire_put_str(to, c->definitions[i].members[m]);
    }
}

static bool take_regions(struct region_catalogue_builder *b, struct wire_reader *r)
{
    uint32_t n = wire_take_count(r, ROW_MIN_BYTES);
    const char *error;

    for (uint32_t i = 0; i < n; i++) {
        struct region row = take_row(r);

        if (r->failed || region_builder_put(b, &row, &error) != 0)
            return false;
    }
    return !r->failed;
}

static bool take_zone(struct region_catalogue_builder *b, struct wire_reader *r)
{
    str name = wire_take_str(r);
    uint32_t n = wire_take_count(r, MEMBER_MIN_BYTES);
    const char *error;

    if (r->failed || n > ZONE_MAX_MEMBERS)
        return false;
    CLEANUP_FREE str *members = mem_array(n + 1, sizeof(*members));
    for (uint32_t m = 0; m < n; m++)
        members[m] = wire_take_str(r);
    return !r->failed && region_builder_put_zone(b, name, members, n, &error) == 0;
}

static bool take_all(struct region_catalogue_builder *b, struct wire_reader *r)
{
    struct digest128 ours = digest_builtin();
    struct digest128 theirs = {.lo = wire_take_u64(r)};

    theirs.hi = wire_take_u64(r);
    if (r->failed || !digest128_eq(ours, theirs) || !take_regions(b, r))
        return false;
    uint32_t n = wire_take_count(r, ZONE_MIN_BYTES);
    for (uint32_t i = 0; i < n; i++)
        if (!take_zone(b, r))
            return false;
    return !r->failed;
}

struct region_catalogue *region_catalogue_decode(struct wire_reader *r)
{
    struct region_catalogue_builder *b = region_builder_new();

    if (take_all(b, r))
        return region_builder_finish(b);
    r->failed = true;
    region_builder_free(b);
    return NULL;
}

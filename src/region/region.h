#pragma once

/*
 * The region catalogue: what places there are, and what every name of a place stands for. The
 * built-in rows come from region/builtin.c (one source each); configuration adds rows and overrides
 * them. A catalogue is immutable once built and belongs to one policy revision.
 *
 * A name is resolved in this order: region code, zone, ISO 3166-1 alpha-2 country (either case).
 * Region codes and zones are lower case. Multi-country names of providers ("europe", "global",
 * "datazone-eu" and so on) are zones as well.
 */

#include "base/buf.h"
#include "base/str.h"
#include "base/wire.h"
#include "region/set.h"

enum {
    REGION_MAX = 760,     /* regions in one catalogue */
    REGION_CODE_MAX = 64, /* bytes of a code */
    REGION_NONE = 0xffff,
};

enum region_role {
    REGION_ROLE_INFERENCE,
    REGION_ROLE_GATEWAY, /* gateway hosting: serves inference only where a pin, the configured order
                            or an endpoint names it */
};

struct region {
    str code;        /* "scaleway-par-1" */
    str provider;    /* "scaleway" */
    str location;    /* "Paris, France" */
    str grid_zone;   /* Electricity Maps' zone key, "" where unknown */
    str source;      /* where the row's facts come from */
    str grid_source; /* where grid_g_per_kwh comes from, "" where unknown */
    char country[3]; /* ISO 3166-1 alpha-2, upper case, NUL-terminated */
    bool has_coordinates;
    int32_t latitude_e4, longitude_e4;      /* degrees times 10,000 */
    int32_t grid_g_per_kwh;                 /* annual mean gCO2/kWh, -1 unknown */
    int32_t latency_p50_ms, latency_p95_ms; /* typical network round trip, -1 unknown */
    enum region_role role;
    bool operator_defined; /* added or overridden by configuration */
};

struct region_catalogue;

/* Building. */

struct region_catalogue_builder;

/* Starts from the built-in rows. */
struct region_catalogue_builder *region_builder_new(void);
void region_builder_free(struct region_catalogue_builder *b);

/* Adds a row, or replaces the row of that code; strings are copied. Returns 0, or -EINVAL with a
 * message (names the field, the value and what was expected) in *ret_error, a static or
 * builder-owned string. */
int region_builder_put(struct region_catalogue_builder *b, const struct region *row,
                       const char **ret_error);

/* The row of a code as it stands now, or NULL: where an override that names a few members starts.
 * Valid until the next put. */
const struct region *region_builder_find(const struct region_catalogue_builder *b, str code);

/* Adds a zone of the operator's: members are names that resolve already. Built-in zones, countries
 * and region codes cannot be redefined. */
int region_builder_put_zone(struct region_catalogue_builder *b, str name, const str *members,
                            size_t n, const char **ret_error);

/* Consumes the builder. The catalogue is reference counted (atomically): catalogs of several
 * revisions may share one. */
struct region_catalogue *region_builder_finish(struct region_catalogue_builder *b);

struct region_catalogue *region_catalogue_ref(struct region_catalogue *c);
void region_catalogue_unref(struct region_catalogue *c);

/* Wire form: only what the operator added, plus a digest of the built-in rows; decoding with
 * another build's rows fails, so bits always mean the same on both sides. Returns NULL on malformed
 * bytes. */
void region_catalogue_encode(const struct region_catalogue *c, struct buf *to);
struct region_catalogue *region_catalogue_decode(struct wire_reader *r);

/* Asking. */

size_t region_count(const struct region_catalogue *c);

/* The region whose bit is `index` (0 <= index < region_count). */
const struct region *region_at(const struct region_catalogue *c, unsigned index);

/* Index of a code (any case), or REGION_NONE. */
unsigned region_find(const struct region_catalogue *c, str code);

/* What a name stands for: region, zone or country. False if it is none of these. */
bool region_resolve(const struct region_catalogue *c, str name, struct region_set *ret_set);

/* The closest known name, for messages; STR_NULL if none is near. */
str region_near_match(const struct region_catalogue *c, str wrong);

/* The set with every region and country bit and the unknown bit: what a request without any rule
 * may use. */
struct region_set region_set_world(const struct region_catalogue *c);

/* The bit that stands for a place that nobody named. */
unsigned region_unknown_bit(const struct region_catalogue *c);

/* A set in words: region codes, then "elsewhere in XX" for country bits, "unknown"; shortened to a
 * zone or country name where the set is exactly that. At most max_names names, then "and N more".
 */
void region_set_describe(const struct region_catalogue *c, const struct region_set *set,
                         size_t max_names, struct buf *to);

/* The set of everything that has a name: region_set_world without the unknown bit. What a rule
 * starts from. */
struct region_set region_set_known(const struct region_catalogue *c);

/* Visits the zones (built in and the operator's) in order of name: start with *cursor = 0; false at
 * the end. */
bool region_zone_next(const struct region_catalogue *c, size_t *cursor, str *ret_name,
                      struct region_set *ret_set);

/* The English name of a country code (upper case), or STR_NULL. */
str region_country_name(str code);

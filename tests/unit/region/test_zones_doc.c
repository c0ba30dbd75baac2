/* The zone table of docs/regions.md against the code: every zone has its row, with exactly its
 * countries, in order of name. */

#include "fixture.h"
#include "region/zones.h"

static str doc;

static void read_doc(void)
{
    FILE *f = fopen(REGIONS_DOC, "rb");
    struct buf text;
    size_t n;

    if (!f) {
        printf("  cannot open %s\n", REGIONS_DOC);
        return;
    }
    buf_init(&text, 0);
    do {
        n = fread(buf_reserve(&text, 4096), 1, 4096, f);
        text.n += n;
    } while (n);
    fclose(f);
    doc = buf_str(&text);
}

/* "| `eu` | jurisdiction | AT BE ... | European Union ... |" */
static void row_of(const struct zone *zone, struct buf *to)
{
    static const char *const kinds[] = {
        [ZONE_JURISDICTION] = "jurisdiction", [ZONE_GROUP] = "group", [ZONE_LABEL] = "label"};
    unsigned n = 0;

    for (unsigned k = 0; k < COUNTRY_COUNT; k++)
        n += zone_has_country(zone, k);
    buf_printf(to, "| `%.*s` | %s |", STR_ARG(zone->name), kinds[zone->kind]);
    if (n == COUNTRY_COUNT)
        buf_printf(to, " all");
    for (unsigned k = 0; n < COUNTRY_COUNT && k < COUNTRY_COUNT; k++)
        if (zone_has_country(zone, k))
            buf_printf(to, " %s", country_table[k].code);
    buf_printf(to, " | %.*s |\n", STR_ARG(zone->about));
}

static void test_table_is_the_code(void)
{
    struct buf table;

    CHECK(doc.n > 0);
    buf_init(&table, 0);
    buf_put_str(&table, STR("| zone | kind | countries | what it is |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < zone_count(); i++)
        row_of(zone_at(i), &table);
    buf_put_char(&table, '\n');
    bool found = str_search(doc, buf_str(&table)) < doc.n;
    if (!found)
        printf("  docs/regions.md should hold this table:\n%.*s", STR_ARG(buf_str(&table)));
    buf_deinit(&table);
    CHECK(found);
}

static void test_members_are_countries(void)
{
    for (size_t i = 0; i < zone_count(); i++) {
        unsigned from_areas = 0, all = 0, listed = 0;

        for (str rest = str_of(zone_at(i)->members), code; (code = str_cut(&rest, ' ')).n;) {
            unsigned country = country_find(code);
            CHECK(country != COUNTRY_NONE);
            CHECK(!(zone_at(i)->areas >> country_table[country].area & 1)); /* not there twice */
            listed++;
        }
        for (unsigned k = 0; k < COUNTRY_COUNT; k++) {
            all += zone_has_country(zone_at(i), k);
            from_areas += zone_at(i)->areas >> country_table[k].area & 1;
        }
        CHECK_INT(all, from_areas + listed); /* and no code is listed twice */
        CHECK(i == 0 || str_cmp(zone_at(i - 1)->name, zone_at(i)->name) < 0);
    }
}

int main(void)
{
    read_doc();
    RUN(test_table_is_the_code);
    RUN(test_members_are_countries);
    return test_end();
}

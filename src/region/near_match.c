/*
 * What somebody may have meant by a name that is none. Four tries, the surest first: names that
 * other systems use for a place of ours, a provider's own name without the provider, an English
 * country name, and the smallest edit distance. Only for messages: nothing is ever resolved by it.
 */

#include "base/mem.h"
#include "region/catalogue.h"

static const struct {
    str used;
    str ours;
} habits[] = {
    {STR_INIT("el"), STR_INIT("GR")}, /* EU documents write EL and UK where ISO has GR and GB */
    {STR_INIT("england"), STR_INIT("uk")},
    {STR_INIT("great britain"), STR_INIT("uk")},
    {STR_INIT("scotland"), STR_INIT("uk")},
    {STR_INIT("usa"), STR_INIT("us")},
    {STR_INIT("united states of america"), STR_INIT("us")},
    {STR_INIT("holland"), STR_INIT("NL")},
    {STR_INIT("european union"), STR_INIT("eu")},
    {STR_INIT("eu27"), STR_INIT("eu")},
    {STR_INIT("any"), STR_INIT("world")},
    {STR_INIT("all"), STR_INIT("world")},
    {STR_INIT("*"), STR_INIT("world")},
    {STR_INIT("fr-par"), STR_INIT("scaleway-par-1")},
    {STR_INIT("fr-par-1"), STR_INIT("scaleway-par-1")},
    {STR_INIT("scaleway-fr-par-1"), STR_INIT("scaleway-par-1")},
    {STR_INIT("fr-par-2"), STR_INIT("scaleway-par-2")},
    {STR_INIT("scaleway-fr-par-2"), STR_INIT("scaleway-par-2")},
};

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == ' ' || c == '.';
}

static bool equal_but_separators(str a, str b)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < a.n && is_separator(a.p[i]))
            i++;
        while (j < b.n && is_separator(b.p[j]))
            j++;
        if (i == a.n || j == b.n)
            return i == a.n && j == b.n;
        if (str_lower_char(a.p[i++]) != str_lower_char(b.p[j++]))
            return false;
    }
}

/* "eu-west-1" is aws-eu-west-1 and "Sweden Central" azure-swedencentral. The exact spelling first:
 * us-west1 is Google's, us-west-1 is Amazon's. */
static str find_provider_name(const struct region_catalogue *c, str wrong)
{
    str loose = STR_NULL;

    if (wrong.n == 0)
        return STR_NULL;
    for (size_t i = 0; i < c->n_regions; i++) {
        str code = c->regions[i].code;
        str own = str_from(code, str_find(code, '-', 0) + 1);

        if (str_ieq(own, wrong))
            return code;
        if (!loose.p && (equal_but_separators(own, wrong) || equal_but_separators(code, wrong)))
            loose = code;
    }
    return loose;
}

/* Of a short name, two changed letters leave little: the first one at least has to be right. */
enum { SHORT_NAME = 5 };

static str find_by_distance(const struct region_catalogue *c, str wrong)
{
    size_t n = 0, total = c->n_regions + c->n_zones + COUNTRY_COUNT;
    CLEANUP_FREE str *names = mem_array(total, sizeof(*names));
    CLEANUP_FREE str *meant = mem_array(total, sizeof(*meant));

    for (size_t i = 0; i < c->n_zones; i++, n++)
        names[n] = meant[n] = c->zones[i].name;
    for (size_t i = 0; i < COUNTRY_COUNT; i++, n++) {
        names[n] = country_table[i].name;
        meant[n] = str_of(country_table[i].code);
    }
    for (size_t i = 0; i < c->n_regions; i++, n++)
        names[n] = meant[n] = c->regions[i].code;

    str best = str_near_match(wrong, names, n);
    if (best.p && wrong.n < SHORT_NAME && str_lower_char(best.p[0]) != str_lower_char(wrong.p[0]))
        return STR_NULL;
    for (size_t i = 0; best.p && i < n; i++)
        if (names[i].p == best.p)
            return meant[i];
    return STR_NULL;
}

str region_near_match(const struct region_catalogue *c, str wrong)
{
    for (size_t i = 0; i < COUNT_OF(habits); i++)
        if (str_ieq(habits[i].used, wrong))
            return habits[i].ours;

    str found = find_provider_name(c, wrong);
    if (found.p)
        return found;
    for (size_t i = 0; i < COUNTRY_COUNT; i++)
        if (str_ieq(country_table[i].name, wrong))
            return str_of(country_table[i].code);
    return find_by_distance(c, wrong);
}

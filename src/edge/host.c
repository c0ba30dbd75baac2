#include "edge/host.h"

str host_kind_name(enum catalog_model_kind kind)
{
    return kind == MODEL_KIND_CHAIN ? STR("chain") : STR("model");
}

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool host_is_environment_name(str name)
{
    if (name.n == 0 || name.n > HOST_ENVIRONMENT_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_id_char(name.p[i]) && name.p[i] != '-')
            return false;
    return name.p[0] != '-' && name.p[name.n - 1] != '-' && !str_eq(name, STR("development")) &&
           !str_starts(name, STR("region-"));
}

bool host_same(const struct host *a, const struct host *b)
{
    return a->kind == b->kind && str_eq(a->id, b->id) && str_eq(a->environment, b->environment);
}

/* Without port and trailing dot. A literal IPv6 address is cut anywhere: it ends like no domain. */
static str name_of(str authority)
{
    str name = str_upto(authority, str_find(authority, ':', 0));

    return str_ends(name, STR(".")) ? str_upto(name, name.n - 1) : name;
}

/* What is in front of ".{domain}"; "" where the name does not lie below it. */
static str part_below(str name, str domain)
{
    if (name.n <= domain.n + 1 || name.p[name.n - domain.n - 1] != '.' ||
        !str_ieq(str_from(name, name.n - domain.n), domain))
        return STR_NULL;
    return str_upto(name, name.n - domain.n - 1);
}

static bool take_kind(str *label, enum catalog_model_kind *ret_kind)
{
    for (int kind = MODEL_KIND_MODEL; kind <= MODEL_KIND_CHAIN; kind++) {
        str name = host_kind_name((enum catalog_model_kind)kind);

        if (label->n > name.n && label->p[name.n] == '-' &&
            str_ieq(str_upto(*label, name.n), name)) {
            *label = str_from(*label, name.n + 1);
            *ret_kind = (enum catalog_model_kind)kind;
            return true;
        }
    }
    return false;
}

static bool take_id(str *label, str *ret_id)
{
    size_t n = 0;

    while (n < label->n && is_id_char(label->p[n]))
        n++;
    *ret_id = str_upto(*label, n);
    *label = str_from(*label, n);
    return n > 0;
}

/* Every request asks: most are told by one byte. */
static bool may_be_of_model(str authority)
{
    char first = authority.n ? str_lower_char(authority.p[0]) : 0;

    return first == 'm' || first == 'c';
}

enum host_outcome host_parse(str authority, str domain, struct host *ret_host)
{
    enum catalog_model_kind kind;
    str below, label;

    if (domain.n == 0 || !may_be_of_model(authority))
        return HOST_OTHER;
    below = label = part_below(name_of(authority), domain);
    if (!take_kind(&label, &kind))
        return HOST_OTHER;
    if (below.n > HOST_LABEL_MAX_BYTES)
        return HOST_MALFORMED;
    for (size_t i = 0; i < below.n; i++)
        ret_host->label[i] = str_lower_char(below.p[i]);
    label.p = ret_host->label + (below.n - label.n);
    ret_host->kind = kind;
    ret_host->environment = STR_NULL;
    if (!take_id(&label, &ret_host->id))
        return HOST_MALFORMED;
    if (label.n == 0)
        return HOST_OF_MODEL;
    ret_host->environment = str_from(label, 1);
    return label.p[0] == '-' && host_is_environment_name(ret_host->environment) ? HOST_OF_MODEL
                                                                                : HOST_MALFORMED;
}

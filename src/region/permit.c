#include "region/permit.h"

#include <assert.h>

enum { SHOWN_BYTES = 80, SHOWN_NAMES = 8 };

void permit_init(struct permit *p, const struct region_catalogue *c, uint64_t revision)
{
    p->set = region_set_world(c);
    p->restricted = false;
    p->revision = revision;
    p->catalogue = c;
    p->pin = p->primary = p->secondary = REGION_NONE;
    p->n_steps = 0;
}

/* Steps are for explanations; the set is what counts. A rule too many is folded into the last step,
 * so that permit_blocker still finds one. */
static void record(struct permit *p, const struct permit_step *step)
{
    if (p->n_steps < PERMIT_MAX_STEPS) {
        p->steps[p->n_steps++] = *step;
        return;
    }
    struct permit_step *last = &p->steps[PERMIT_MAX_STEPS - 1];
    last->allowed = region_set_and(&last->allowed, &step->allowed);
}

static void narrow(struct permit *p, const struct permit_step *step)
{
    p->set = region_set_and(&p->set, &step->allowed);
    p->restricted = true;
    record(p, step);
}

void permit_narrow(struct permit *p, enum permit_source source, str name, str rule_text,
                   const struct region_rule_compiled *rule)
{
    struct permit_step step = {source, name, rule_text, rule->inference};

    narrow(p, &step);
    if (p->primary != REGION_NONE || rule->primary == REGION_NONE)
        return;
    p->primary = rule->primary;
    p->secondary = rule->secondary;
}

bool permit_narrow_by_request(struct permit *p, str name)
{
    struct permit_step step = {.source = PERMIT_REQUEST, .name = name, .rule = name};
    unsigned index = region_find(p->catalogue, name);

    if (!region_resolve(p->catalogue, name, &step.allowed))
        return false;
    narrow(p, &step);
    if (index != REGION_NONE)
        p->pin = (uint16_t)index;
    return true;
}

const struct permit_step *permit_blocker(const struct permit *p, const struct region_set *place)
{
    for (unsigned i = 0; i < p->n_steps; i++)
        if (!region_set_within(place, &p->steps[i].allowed))
            return &p->steps[i];
    return NULL;
}

str permit_source_name(enum permit_source source)
{
    switch (source) {
    case PERMIT_ORGANIZATION:
        return STR("organization");
    case PERMIT_ENVIRONMENT_GROUP:
        return STR("environment_group");
    case PERMIT_CUSTOMER:
        return STR("customer");
    case PERMIT_KEY:
        return STR("key");
    case PERMIT_REQUEST:
        return STR("request");
    }
    assert(false); /* every source is named above */
    return STR_NULL;
}

static void explain_step(const struct permit *p, const struct permit_step *step,
                         const struct region_set *left, struct buf *to)
{
    buf_put_str(to, permit_source_name(step->source));
    if (step->name.n && step->source != PERMIT_REQUEST)
        buf_printf(to, " \"%.*s\"", STR_ARG(str_upto(step->name, SHOWN_BYTES)));
    buf_printf(to, " (%.*s) leaves ", STR_ARG(str_upto(step->rule, SHOWN_BYTES)));
    region_set_describe(p->catalogue, left, SHOWN_NAMES, to);
}

void permit_explain(const struct permit *p, struct buf *to)
{
    struct region_set left = region_set_world(p->catalogue);

    if (p->n_steps == 0)
        buf_put_str(to, STR("no region rule applies"));
    for (unsigned i = 0; i < p->n_steps; i++) {
        left = region_set_and(&left, &p->steps[i].allowed);
        if (i)
            buf_put_str(to, STR("; "));
        explain_step(p, &p->steps[i], &left, to);
    }
}

#include "control/reconciler_internal.h"

struct work *work_find(const struct reconciler *r, enum work_kind kind, str id)
{
    list_for_each (node, &r->works) {
        struct work *w = list_entry(node, struct work, link);

        if (w->kind == kind && str_eq(str_of(w->id), id))
            return w;
    }
    return NULL;
}

struct work *work_add(struct reconciler *r, enum work_kind kind, str id, struct plane *plane)
{
    struct work *w = mem_zalloc(sizeof(*w));

    w->kind = kind;
    w->plane = plane;
    w->id = str_dup(id);
    list_init(&w->link);
    list_append(&r->works, &w->link);
    return w;
}

void work_free(struct work *w)
{
    list_remove(&w->link);
    mem_free(w->id);
    mem_free(w->why);
    mem_free(w->told);
    mem_free(w->said);
    mem_free(w);
}

const char *work_environment(const struct work *w)
{
    const char *known = w->said ? w->said : w->told;

    return known && strcmp(known, "?") != 0 ? known : NULL;
}

void work_note(struct work *w, enum fleet_seen seen, str why)
{
    mem_free(w->why);
    w->why = str_dup(why);
    w->seen = seen;
    w->seen_pending = true;
}

void demand_free(struct demand *d)
{
    list_remove(&d->link);
    mem_free(d->deployment);
    mem_free(d);
}

struct demand *demand_add(struct reconciler *r, str deployment)
{
    struct demand *d = mem_zalloc(sizeof(*d));

    d->deployment = str_dup(deployment);
    list_init(&d->link);
    list_append(&r->demands, &d->link);
    reconciler_poke(r);
    return d;
}

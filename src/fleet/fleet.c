/*
 * The store of objects in memory: a map and a list for each kind. Transactions over them are in
 * transaction.c.
 */

#include "fleet/fields.h"
#include "fleet/fleet_internal.h"
#include "fleet/rules.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>

struct fleet *fleet_new(void)
{
    struct fleet *f = mem_zalloc(sizeof(*f));

    for (size_t kind = 0; kind < FLEET_KINDS; kind++) {
        map_init(&f->by_key[kind]);
        list_init(&f->objects[kind]);
    }
    f->rules = rules_new();
    return f;
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    if (f->in_transaction)
        fleet_rollback(f);
    for (size_t kind = 0; kind < FLEET_KINDS; kind++) {
        list_for_each_safe (node, &f->objects[kind])
            object_free(list_entry(node, struct fleet_object, link));
        map_deinit(&f->by_key[kind]);
    }
    rules_free(f->rules);
    mem_free(f->changed);
    mem_free(f);
}

/* --- objects */

struct fleet_object *object_new(enum fleet_kind kind, str key)
{
    struct fleet_object *o = mem_zalloc(fields_of(kind)->size);

    o->kind = kind;
    list_init(&o->link);
    fleet_set_str(&o->key, key);
    if (kind == FLEET_ENVIRONMENT) {
        fleet_autoscaling_defaults(&((struct fleet_environment *)o)->autoscaling);
        fleet_promotion_settings_defaults(&((struct fleet_environment *)o)->promotion_settings);
    } else if (kind == FLEET_DEPLOYMENT) {
        fleet_autoscaling_defaults(&((struct fleet_deployment *)o)->autoscaling);
    }
    return o;
}

void object_free(struct fleet_object *o)
{
    fields_free(fields_of(o->kind), o);
    fleet_set_str(&o->key, STR_NULL);
    mem_free(o);
}

void object_insert(struct fleet *f, struct fleet_object *o)
{
    map_put(&f->by_key[o->kind], o->key, o);
    list_append(&f->objects[o->kind], &o->link);
}

struct fleet_object *fleet_find(const struct fleet *f, enum fleet_kind kind, str key)
{
    return map_get(&f->by_key[kind], key);
}

/* The first that is not removed, at `node` or after it. */
static struct fleet_object *present(const struct fleet *f, enum fleet_kind kind,
                                    const struct list *node)
{
    for (; node != &f->objects[kind]; node = node->next) {
        struct fleet_object *o =
            list_entry((struct list *)(uintptr_t)node, struct fleet_object, link);

        if (!o->removed)
            return o;
    }
    return NULL;
}

struct fleet_object *fleet_first(const struct fleet *f, enum fleet_kind kind)
{
    return present(f, kind, f->objects[kind].next);
}

struct fleet_object *fleet_next(const struct fleet *f, const struct fleet_object *o)
{
    return present(f, o->kind, o->link.next);
}

struct fleet_object *fleet_next_removed(const struct fleet *f, enum fleet_kind kind,
                                        const struct fleet_object *o_or_null)
{
    const struct list *node = o_or_null ? o_or_null->link.next : f->objects[kind].next;

    for (; node != &f->objects[kind]; node = node->next) {
        struct fleet_object *o =
            list_entry((struct list *)(uintptr_t)node, struct fleet_object, link);

        if (o->removed && !o->added)
            return o;
    }
    return NULL;
}

/* A key of two names that a slash divides, which none of the first ones contains. */
static void *find_pair(const struct fleet *f, enum fleet_kind kind, str first, str second)
{
    char storage[512];
    size_t n = first.n + 1 + second.n;

    if (n > sizeof(storage))
        return NULL;
    if (first.n)
        memcpy(storage, first.p, first.n);
    storage[first.n] = '/';
    if (second.n)
        memcpy(storage + first.n + 1, second.p, second.n);
    return fleet_find(f, kind, str_make(storage, n));
}

struct fleet_environment *fleet_find_environment_of(const struct fleet *f, str model, str name)
{
    return find_pair(f, FLEET_ENVIRONMENT, model, name);
}

struct fleet_group *fleet_find_group_of(const struct fleet *f, str team, str name)
{
    return find_pair(f, FLEET_GROUP, team, name);
}

struct fleet_group *fleet_group_of_environment(const struct fleet *f,
                                               const struct fleet_environment *e)
{
    const struct fleet_model *m = fleet_find_model(f, e->model);

    return m ? fleet_find_group_of(f, m->team, e->name) : NULL;
}

/* --- strings of objects */

static size_t well_formed(str s)
{
    size_t at = 0;

    for (;;) {
        while (at < s.n && (unsigned char)s.p[at] < 0x80)
            at++;
        if (at == s.n || utf8_skip(s, &at) != UTF8_ASCII)
            return at;
    }
}

/* A copy in which what is not UTF-8 is U+FFFD. */
static str mended(str s)
{
    char *copy = mem_alloc(3 * s.n + 1);
    size_t n = 0;

    for (str rest = s; rest.n;) {
        size_t good = well_formed(rest);

        memcpy(copy + n, rest.p, good);
        n += good;
        rest = str_from(rest, good);
        if (rest.n == 0)
            break;
        n += utf8_put(0xfffd, copy + n);
        rest = str_from(rest, 1);
    }
    return str_make(copy, n);
}

static str copied(str s)
{
    if (s.n == 0)
        return STR_NULL;
    if (well_formed(s) < s.n)
        return mended(s);
    char *copy = mem_alloc(s.n);
    memcpy(copy, s.p, s.n);
    return str_make(copy, s.n);
}

void fleet_set_str(str *field, str value)
{
    str copy = copied(value); /* before the old one goes: it may be a part of it */

    mem_free((char *)(uintptr_t)field->p);
    *field = copy;
}

void fleet_set_strs(str **list, size_t *n, const str *values, size_t n_values)
{
    str *copy = n_values ? mem_array(n_values, sizeof(*copy)) : NULL;

    for (size_t i = 0; i < n_values; i++)
        copy[i] = copied(values[i]);
    for (size_t i = 0; i < *n; i++)
        mem_free((char *)(uintptr_t)(*list)[i].p);
    mem_free(*list);
    *list = copy;
    *n = n_values;
}

/* --- whole fleets */

int fleet_load(struct fleet *f, enum fleet_kind kind, str key, uint64_t version, str body)
{
    struct fleet_object *o;

    if (kind >= FLEET_KINDS || fleet_find(f, kind, key))
        return -EUCLEAN;
    o = object_new(kind, key);
    if (!fields_decode(fields_of(kind), o, body)) {
        object_free(o);
        return -EUCLEAN;
    }
    o->version = version;
    object_insert(f, o);
    return 0;
}

static bool kind_equal(const struct fleet *a, const struct fleet *b, enum fleet_kind kind)
{
    const struct fleet_object *x = fleet_first(a, kind), *y = fleet_first(b, kind);

    for (; x && y; x = fleet_next(a, x), y = fleet_next(b, y))
        if (!str_eq(x->key, y->key) || x->version != y->version ||
            !fields_equal(fields_of(kind), x, y))
            return false;
    return !x && !y;
}

bool fleet_equal(const struct fleet *a, const struct fleet *b)
{
    for (unsigned kind = 0; kind < FLEET_KINDS; kind++)
        if (!kind_equal(a, b, (enum fleet_kind)kind))
            return false;
    return true;
}

/*
 * Transactions: an object is copied when it is first touched, stays in its place whatever happens,
 * and gets its old fields back on rollback. A removed object leaves the map at once (its key is
 * free again) and the list at the commit, so that a rollback finds its place in the order.
 */

#include "fleet/fields.h"
#include "fleet/fleet_internal.h"

#include "base/mem.h"

#include <assert.h>

void fleet_begin(struct fleet *f)
{
    assert(!f->in_transaction);
    f->in_transaction = true;
}

bool fleet_in_transaction(const struct fleet *f)
{
    return f->in_transaction;
}

static void note_changed(struct fleet *f, struct fleet_object *o)
{
    if (f->n_changed == f->n_changed_max) {
        f->n_changed_max = f->n_changed_max ? 2 * f->n_changed_max : 64;
        f->changed = mem_realloc(f->changed, f->n_changed_max * sizeof(struct fleet_object *));
    }
    f->changed[f->n_changed++] = o;
}

struct fleet_object *fleet_add(struct fleet *f, enum fleet_kind kind, str key)
{
    struct fleet_object *o;

    assert(f->in_transaction);
    if (fleet_find(f, kind, key))
        return NULL;
    o = object_new(kind, key);
    o->added = true;
    object_insert(f, o);
    note_changed(f, o);
    return o;
}

struct fleet_object *fleet_touch(struct fleet *f, struct fleet_object *o)
{
    assert(f->in_transaction && !o->removed);
    if (o->added || o->before)
        return o;
    const struct fields *fields = fields_of(o->kind);
    o->before = mem_alloc(fields->size);
    *o->before = (struct fleet_object){.kind = o->kind, .version = o->version};
    fields_copy(fields, o->before, o);
    note_changed(f, o);
    return o;
}

void fleet_remove(struct fleet *f, struct fleet_object *o)
{
    assert(f->in_transaction && !o->removed);
    if (!o->added && !o->before)
        note_changed(f, o);
    o->removed = true;
    map_remove(&f->by_key[o->kind], o->key);
}

static bool has_changed(const struct fleet_object *o)
{
    if (o->added || o->removed)
        return o->added != o->removed;
    return !fields_equal(fields_of(o->kind), o, o->before);
}

bool fleet_has_changed(const struct fleet *f)
{
    for (size_t i = 0; i < f->n_changed; i++)
        if (has_changed(f->changed[i]))
            return true;
    return false;
}

static int put(const struct fleet_store *to, struct fleet_object *o, uint64_t version,
               struct buf *body)
{
    struct json_out j;

    buf_clear(body);
    json_out_init(&j, body);
    fields_encode(fields_of(o->kind), o, &j);
    int r = to->put(to->ctx, o->kind, o->key, version, buf_str(body));
    if (r == 0)
        o->version = version;
    return r;
}

int fleet_write(struct fleet *f, const struct fleet_store *to, uint64_t version)
{
    CLEANUP(buf_deinit) struct buf body;
    int r = 0;

    assert(f->in_transaction);
    buf_init(&body, 0);
    /* In the order of first touches: a removal comes before what took the key again. */
    for (size_t i = 0; r == 0 && i < f->n_changed; i++) {
        struct fleet_object *o = f->changed[i];

        if (!has_changed(o))
            continue;
        r = o->removed ? to->remove(to->ctx, o->kind, o->key) : put(to, o, version, &body);
    }
    return r;
}

static void forget_before(struct fleet_object *o)
{
    if (!o->before)
        return;
    fields_free(fields_of(o->kind), o->before);
    mem_free(o->before);
    o->before = NULL;
}

static void drop(struct fleet_object *o)
{
    list_remove(&o->link);
    object_free(o);
}

static void end(struct fleet *f)
{
    f->n_changed = 0;
    f->in_transaction = false;
}

void fleet_commit(struct fleet *f)
{
    assert(f->in_transaction);
    for (size_t i = 0; i < f->n_changed; i++) {
        struct fleet_object *o = f->changed[i];

        forget_before(o);
        o->added = false;
        if (o->removed)
            drop(o);
    }
    end(f);
}

static void restore(struct fleet_object *o)
{
    const struct fields *fields = fields_of(o->kind);

    if (!o->before)
        return;
    fields_free(fields, o);
    memcpy((char *)o + fields->begin, (char *)o->before + fields->begin,
           fields->end - fields->begin);
    o->version = o->before->version;
    mem_free(o->before); /* its strings have moved */
    o->before = NULL;
}

void fleet_rollback(struct fleet *f)
{
    assert(f->in_transaction);
    for (size_t i = f->n_changed; i-- > 0;) {
        struct fleet_object *o = f->changed[i];

        if (o->added) {
            if (!o->removed)
                map_remove(&f->by_key[o->kind], o->key);
            drop(o);
            continue;
        }
        restore(o);
        if (o->removed)
            map_put(&f->by_key[o->kind], o->key, o);
        o->removed = false;
    }
    end(f);
}

/*
 * Customers: the one table that may have a million rows. Reading or changing one goes by its id;
 * the start reads only the covering index.
 */

#include "store/db.h"

#include <errno.h>

static void bind_customer(sqlite3_stmt *q, const struct store_customer *c)
{
    db_bind_str(q, 1, c->id);
    db_bind_digest(q, 2, c->digest);
    db_bind_rule(q, 3, c->rule);
    db_bind_i64(q, 4, c->blocked);
    db_bind_str(q, 5, c->alias);
    db_bind_str(q, 6, c->allowed_model_region);
    db_bind_str(q, 7, c->primary);
    db_bind_str(q, 8, c->secondary);
    db_bind_str(q, 9, c->metadata);
    db_bind_i64(q, 10, c->owner);
    db_bind_i64(q, 11, c->updated_ns);
}

/* Slices point into the statement's row. */
static struct store_customer read_customer(sqlite3_stmt *q)
{
    return (struct store_customer){
        .id = db_column_str(q, 0),
        .digest = db_column_digest(q, 1),
        .rule = db_column_rule(q, 2),
        .blocked = sqlite3_column_int64(q, 3) != 0,
        .alias = db_column_str(q, 4),
        .allowed_model_region = db_column_str(q, 5),
        .primary = db_column_str(q, 6),
        .secondary = db_column_str(q, 7),
        .metadata = db_column_str(q, 8),
        .owner = (enum store_owner)sqlite3_column_int64(q, 9),
        .updated_ns = sqlite3_column_int64(q, 10),
        .created_ns = sqlite3_column_int64(q, 11),
    };
}

int store_customer_insert(struct store *s, const struct store_customer *customer)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_INSERT);

    if (!q)
        return -EIO;
    bind_customer(q, customer);
    db_bind_i64(q, 12, customer->created_ns);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : STORE_EXISTS;
}

int store_customer_update(struct store *s, const struct store_customer *customer)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_UPDATE);

    if (!q)
        return -EIO;
    bind_customer(q, customer);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : STORE_NOT_FOUND;
}

int store_customer_delete(struct store *s, str id)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, id);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : STORE_NOT_FOUND;
}

int store_customer_get(struct store *s, str id, struct arena *arena,
                       struct store_customer *ret_customer)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_GET);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, id);
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW) {
        struct store_customer c = read_customer(q);

        c.id = db_copy(arena, c.id);
        c.alias = db_copy(arena, c.alias);
        c.allowed_model_region = db_copy(arena, c.allowed_model_region);
        c.primary = db_copy(arena, c.primary);
        c.secondary = db_copy(arena, c.secondary);
        c.metadata = db_copy(arena, c.metadata);
        *ret_customer = c;
    }
    int r = db_finish(s, q, step);
    if (r < 0)
        return r;
    return step == SQLITE_ROW ? STORE_OK : STORE_NOT_FOUND;
}

static int each_row(struct store *s, sqlite3_stmt *q, store_customer_fn each, void *ctx)
{
    int r = 0, step = SQLITE_DONE;

    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_customer customer = read_customer(q);

        r = each(ctx, &customer);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

int store_customer_each(struct store *s, str after, uint64_t limit, store_customer_fn each,
                        void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_EACH);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, after.p ? after : STR(""));
    db_bind_i64(q, 2, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    return each_row(s, q, each, ctx);
}

int store_customer_each_owned(struct store *s, enum store_owner owner, store_customer_fn each,
                              void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_OWNED);

    if (!q)
        return -EIO;
    db_bind_i64(q, 1, owner);
    return each_row(s, q, each, ctx);
}

int store_customer_load(struct store *s, store_customer_record_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_CUSTOMER_LOAD);
    int step;

    if (!q)
        return -EIO;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_customer_record record = {
            .digest = db_column_digest(q, 0),
            .rule = db_column_rule(q, 1),
            .blocked = sqlite3_column_int64(q, 2) != 0,
        };

        each(ctx, &record);
    }
    return db_finish(s, q, step);
}

/* The fleet's objects: what the database knows of one is its kind, key, version and JSON body. */

#include "store/db.h"

#include <errno.h>

int store_object_put(struct store *s, str kind, str key, uint64_t version, str body)
{
    sqlite3_stmt *q = db_query(s, DB_OBJECT_PUT);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, kind);
    db_bind_str(q, 2, key);
    db_bind_i64(q, 3, (int64_t)version);
    db_bind_str(q, 4, body);
    return db_finish(s, q, sqlite3_step(q));
}

int store_object_delete(struct store *s, str kind, str key)
{
    sqlite3_stmt *q = db_query(s, DB_OBJECT_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, kind);
    db_bind_str(q, 2, key);
    return db_finish(s, q, sqlite3_step(q));
}

int store_object_each(struct store *s, store_object_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_OBJECT_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW)
        r = each(ctx, db_column_str(q, 0), db_column_str(q, 1),
                 (uint64_t)sqlite3_column_int64(q, 2), db_column_str(q, 3));
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

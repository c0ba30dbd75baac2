/*
 * What the gateway has learnt and what the officer reads: observed regions, endpoints taken out of
 * service, the audit trail, counts of refusals.
 */

#include "store/db.h"

#include <errno.h>

int store_observed_put(struct store *s, const struct store_observed *observed)
{
    sqlite3_stmt *q = db_query(s, DB_OBSERVED_PUT);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, observed->endpoint);
    db_bind_i64(q, 2, (int64_t)observed->origin_revision);
    db_bind_str(q, 3, observed->header);
    db_bind_str(q, 4, observed->region);
    db_bind_i64(q, 5, observed->at_ns);
    return db_finish(s, q, sqlite3_step(q));
}

int store_observed_each(struct store *s, store_observed_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_OBSERVED_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_observed observed = {
            .endpoint = db_column_str(q, 0),
            .origin_revision = (uint64_t)sqlite3_column_int64(q, 1),
            .header = db_column_str(q, 2),
            .region = db_column_str(q, 3),
            .at_ns = sqlite3_column_int64(q, 4),
        };

        r = each(ctx, &observed);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

int store_observed_delete(struct store *s, str endpoint)
{
    sqlite3_stmt *q = db_query(s, DB_OBSERVED_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, endpoint);
    return db_finish(s, q, sqlite3_step(q));
}

int store_withdrawn_put(struct store *s, const struct store_withdrawn *withdrawn)
{
    sqlite3_stmt *q = db_query(s, DB_WITHDRAWN_PUT);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, withdrawn->endpoint);
    db_bind_str(q, 2, withdrawn->reason);
    db_bind_str(q, 3, withdrawn->observed.p ? withdrawn->observed : STR(""));
    db_bind_i64(q, 4, withdrawn->since_ns);
    return db_finish(s, q, sqlite3_step(q));
}

int store_withdrawn_delete(struct store *s, str endpoint)
{
    sqlite3_stmt *q = db_query(s, DB_WITHDRAWN_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, endpoint);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : STORE_NOT_FOUND;
}

int store_withdrawn_each(struct store *s, store_withdrawn_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_WITHDRAWN_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_withdrawn withdrawn = {
            .endpoint = db_column_str(q, 0),
            .reason = db_column_str(q, 1),
            .observed = db_column_str(q, 2),
            .since_ns = sqlite3_column_int64(q, 3),
        };

        r = each(ctx, &withdrawn);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

int store_audit_append(struct store *s, const struct store_audit *event)
{
    sqlite3_stmt *q = db_query(s, DB_AUDIT_APPEND);

    if (!q)
        return -EIO;
    db_bind_i64(q, 1, event->at_ns);
    db_bind_str(q, 2, event->actor);
    db_bind_str(q, 3, event->action);
    db_bind_str(q, 4, event->object);
    db_bind_str(q, 5, event->before);
    db_bind_str(q, 6, event->after);
    db_bind_i64(q, 7, (int64_t)event->revision);
    return db_finish(s, q, sqlite3_step(q));
}

int store_audit_each(struct store *s, uint64_t before, str object, uint64_t limit,
                     store_audit_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, object.n ? DB_AUDIT_OBJECT : DB_AUDIT_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    db_bind_i64(q, 1, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
    db_bind_i64(q, 2, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    if (object.n)
        db_bind_str(q, 3, object);
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_audit event = {
            .id = (uint64_t)sqlite3_column_int64(q, 0),
            .at_ns = sqlite3_column_int64(q, 1),
            .actor = db_column_str(q, 2),
            .action = db_column_str(q, 3),
            .object = db_column_str(q, 4),
            .before = db_column_str(q, 5),
            .after = db_column_str(q, 6),
            .revision = (uint64_t)sqlite3_column_int64(q, 7),
        };

        r = each(ctx, &event);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

int store_refusals_add(struct store *s, const struct store_refusals *refusals)
{
    sqlite3_stmt *q = db_query(s, DB_REFUSALS_ADD);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, refusals->day);
    db_bind_str(q, 2, refusals->source);
    db_bind_str(q, 3, refusals->code);
    db_bind_str(q, 4, refusals->subject);
    db_bind_str(q, 5, refusals->group);
    db_bind_i64(q, 6, (int64_t)refusals->count);
    return db_finish(s, q, sqlite3_step(q));
}

int store_refusals_each(struct store *s, str from, store_refusals_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_REFUSALS_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    db_bind_str(q, 1, from.p ? from : STR(""));
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_refusals refusals = {
            .day = db_column_str(q, 0),
            .source = db_column_str(q, 1),
            .code = db_column_str(q, 2),
            .subject = db_column_str(q, 3),
            .group = db_column_str(q, 4),
            .count = (uint64_t)sqlite3_column_int64(q, 5),
        };

        r = each(ctx, &refusals);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

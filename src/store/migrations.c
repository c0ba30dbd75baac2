/*
 * The schema, as a list of numbered steps. A step is never edited once it was released: a change is
 * a new step at the end. Each runs in one transaction together with the number that records it, so
 * a crash leaves the old schema or the new one.
 */

#include "store/db.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

static const char *const steps[] = {
    /* 1: the gateway's policy. `customers_load` holds all that a start reads of a customer. */
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rules (idx INTEGER PRIMARY KEY AUTOINCREMENT, canonical TEXT NOT NULL UNIQUE);"
    "CREATE TABLE customers ("
    "  id TEXT PRIMARY KEY, digest BLOB NOT NULL, rule INTEGER REFERENCES rules (idx),"
    "  blocked INTEGER NOT NULL, alias TEXT, region TEXT, primary_region TEXT,"
    "  secondary_region TEXT, metadata TEXT, owner INTEGER NOT NULL,"
    "  created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX customers_load ON customers (digest, rule, blocked);"
    "CREATE INDEX customers_owner ON customers (owner) WHERE owner = 0;"
    "CREATE TABLE keys ("
    "  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    "  scopes INTEGER NOT NULL, rule INTEGER REFERENCES rules (idx), customer TEXT,"
    "  expires_ns INTEGER NOT NULL, created_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE observed ("
    "  endpoint TEXT PRIMARY KEY, origin_revision INTEGER NOT NULL, header TEXT NOT NULL,"
    "  region TEXT NOT NULL, at_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE withdrawn ("
    "  endpoint TEXT PRIMARY KEY, reason TEXT NOT NULL, observed TEXT NOT NULL,"
    "  since_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE audit ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, actor TEXT NOT NULL,"
    "  action TEXT NOT NULL, object TEXT NOT NULL, before TEXT, after TEXT,"
    "  revision INTEGER NOT NULL);"
    "CREATE INDEX audit_object ON audit (object, id);"
    "CREATE TABLE refusals ("
    "  day TEXT NOT NULL, source TEXT NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL,"
    "  model_group TEXT NOT NULL, n INTEGER NOT NULL,"
    "  PRIMARY KEY (day, source, code, subject, model_group)) WITHOUT ROWID;",
    /* 2: the fleet's objects. `number` keeps the order in which they were made. */
    "CREATE TABLE objects ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL,"
    "  version INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key));",
    /* 3: what keys are limited to. */
    "ALTER TABLE keys ADD COLUMN type TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE keys ADD COLUMN team TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE keys ADD COLUMN user TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE keys ADD COLUMN models TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE keys ADD COLUMN environments TEXT NOT NULL DEFAULT '';",
};

static int schema_version(struct store *s, int64_t *ret_version)
{
    sqlite3_stmt *q;

    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) != SQLITE_OK)
        return db_error(s, "PRAGMA user_version");
    int64_t version = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    if (version < 0)
        return db_error(s, "PRAGMA user_version");
    *ret_version = version;
    return 0;
}

static int run_step(struct store *s, size_t number)
{
    char *record = sqlite3_mprintf("PRAGMA user_version = %d", (int)number);
    int r = store_begin(s, STORE_DURABLE);

    if (r == 0)
        r = db_exec(s, steps[number - 1]);
    if (r == 0)
        r = db_exec(s, record);
    if (r == 0)
        r = store_commit(s);
    else
        store_rollback(s);
    sqlite3_free(record);
    return r;
}

int migrations_run(struct store *s)
{
    int64_t version = 0;
    int r = schema_version(s, &version);

    if (r < 0)
        return r;
    if (version > (int64_t)COUNT_OF(steps)) {
        log_event(LOG_ERROR, "store_too_new", LOG_NUM("schema", version),
                  LOG_NUM("known", COUNT_OF(steps)));
        return -ENOTSUP;
    }
    for (size_t number = (size_t)version + 1; number <= COUNT_OF(steps); number++) {
        r = run_step(s, number);
        if (r < 0)
            return r;
    }
    return 0;
}

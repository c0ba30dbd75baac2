/*
 * Settings, the revision, interned rules and API keys: small tables that are read whole when a
 * catalog is built.
 */

#include "store/db.h"

#include <errno.h>
#include <stdio.h>

int store_setting_get(struct store *s, const char *name, struct arena *arena, str *ret_value)
{
    sqlite3_stmt *q = db_query(s, DB_SETTING_GET);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, str_of(name));
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW)
        *ret_value = db_copy(arena, db_column_str(q, 0));
    int r = db_finish(s, q, step);
    if (r < 0)
        return r;
    return step == SQLITE_ROW ? STORE_OK : STORE_NOT_FOUND;
}

int store_setting_put(struct store *s, const char *name, str value)
{
    sqlite3_stmt *q = db_query(s, DB_SETTING_PUT);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, str_of(name));
    db_bind_str(q, 2, value);
    return db_finish(s, q, sqlite3_step(q));
}

int store_setting_delete(struct store *s, const char *name)
{
    sqlite3_stmt *q = db_query(s, DB_SETTING_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, str_of(name));
    return db_finish(s, q, sqlite3_step(q));
}

int store_next_revision(struct store *s, uint64_t *ret_revision)
{
    uint64_t next = store_revision(s) + 1;
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)next);

    int r = store_setting_put(s, "revision", str_make(text, (size_t)n));
    if (r < 0)
        return r;
    s->pending_revision = next;
    *ret_revision = next;
    return 0;
}

static int rule_find(struct store *s, str canonical, uint32_t *ret_index)
{
    sqlite3_stmt *q = db_query(s, DB_RULE_FIND);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, canonical);
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW)
        *ret_index = (uint32_t)sqlite3_column_int64(q, 0);
    int r = db_finish(s, q, step);
    if (r < 0)
        return r;
    return step == SQLITE_ROW ? STORE_OK : STORE_NOT_FOUND;
}

int store_rule_intern(struct store *s, str canonical, uint32_t *ret_index)
{
    int r = rule_find(s, canonical, ret_index);

    if (r != STORE_NOT_FOUND)
        return r;
    sqlite3_stmt *q = db_query(s, DB_RULE_INSERT);
    if (!q)
        return -EIO;
    db_bind_str(q, 1, canonical);
    r = db_finish(s, q, sqlite3_step(q));
    if (r == 0)
        *ret_index = (uint32_t)sqlite3_last_insert_rowid(s->db);
    return r;
}

int store_rule_each(struct store *s, store_rule_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_RULE_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW)
        r = each(ctx, (uint32_t)sqlite3_column_int64(q, 0), db_column_str(q, 1));
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

/* These columns have no null. */
static void bind_limit(sqlite3_stmt *q, int at, str value)
{
    db_bind_str(q, at, value.p ? value : STR(""));
}

static void bind_key(sqlite3_stmt *q, const struct store_key *key)
{
    db_bind_str(q, 1, key->id);
    db_bind_blob(q, 2, key->hash, sizeof(key->hash));
    db_bind_str(q, 3, key->name);
    db_bind_i64(q, 4, key->scopes);
    db_bind_rule(q, 5, key->rule);
    db_bind_str(q, 6, key->customer);
    db_bind_i64(q, 7, key->expires_ns);
    db_bind_i64(q, 8, key->created_ns);
    bind_limit(q, 9, key->type);
    bind_limit(q, 10, key->team);
    bind_limit(q, 11, key->user);
    bind_limit(q, 12, key->models);
    bind_limit(q, 13, key->environments);
}

/* Slices point into the statement's row. */
static struct store_key read_key(sqlite3_stmt *q)
{
    struct store_key key = {
        .id = db_column_str(q, 0),
        .name = db_column_str(q, 2),
        .scopes = (uint32_t)sqlite3_column_int64(q, 3),
        .rule = db_column_rule(q, 4),
        .customer = db_column_str(q, 5),
        .expires_ns = sqlite3_column_int64(q, 6),
        .created_ns = sqlite3_column_int64(q, 7),
        .type = db_column_str(q, 8),
        .team = db_column_str(q, 9),
        .user = db_column_str(q, 10),
        .models = db_column_str(q, 11),
        .environments = db_column_str(q, 12),
    };
    str hash = db_column_str(q, 1);

    if (hash.n == sizeof(key.hash))
        memcpy(key.hash, hash.p, hash.n);
    return key;
}

static int run_key(struct store *s, enum db_statement which, const struct store_key *key,
                   enum store_outcome if_unchanged)
{
    sqlite3_stmt *q = db_query(s, which);

    if (!q)
        return -EIO;
    bind_key(q, key);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : (int)if_unchanged;
}

int store_key_insert(struct store *s, const struct store_key *key)
{
    return run_key(s, DB_KEY_INSERT, key, STORE_EXISTS);
}

int store_key_update(struct store *s, const struct store_key *key)
{
    struct arena arena;
    struct store_key old;

    arena_init(&arena, NULL, 0);
    int r = store_key_get(s, key->id, &arena, &old);
    arena_deinit(&arena);
    /* The row is there, so only a name or hash that another key has can leave it unchanged. */
    return r ? r : run_key(s, DB_KEY_UPDATE, key, STORE_EXISTS);
}

int store_key_delete(struct store *s, str id)
{
    sqlite3_stmt *q = db_query(s, DB_KEY_DELETE);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, id);
    int r = db_finish(s, q, sqlite3_step(q));
    if (r < 0)
        return r;
    return sqlite3_changes(s->db) ? STORE_OK : STORE_NOT_FOUND;
}

int store_key_get(struct store *s, str id, struct arena *arena, struct store_key *ret_key)
{
    sqlite3_stmt *q = db_query(s, DB_KEY_GET);

    if (!q)
        return -EIO;
    db_bind_str(q, 1, id);
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW) {
        struct store_key key = read_key(q);

        key.id = db_copy(arena, key.id);
        key.name = db_copy(arena, key.name);
        key.customer = db_copy(arena, key.customer);
        key.type = db_copy(arena, key.type);
        key.team = db_copy(arena, key.team);
        key.user = db_copy(arena, key.user);
        key.models = db_copy(arena, key.models);
        key.environments = db_copy(arena, key.environments);
        *ret_key = key;
    }
    int r = db_finish(s, q, step);
    if (r < 0)
        return r;
    return step == SQLITE_ROW ? STORE_OK : STORE_NOT_FOUND;
}

int store_key_each(struct store *s, store_key_fn each, void *ctx)
{
    sqlite3_stmt *q = db_query(s, DB_KEY_EACH);
    int r = 0, step = SQLITE_DONE;

    if (!q)
        return -EIO;
    while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        struct store_key key = read_key(q);

        r = each(ctx, &key);
    }
    int finished = db_finish(s, q, step);
    return r ? r : finished;
}

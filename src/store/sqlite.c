/*
 * The store's connection: opening, transactions, statements.
 *
 * One idea: SQLite in WAL mode with an exclusive lock, so that one control owns the data and no
 * second process can change policy behind its back. `synchronous` is FULL for every transaction
 * that acknowledges something and NORMAL for counts. Reading back inside a transaction sees its own
 * writes, so nothing is cached but the revision.
 */

#include "store/db.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STORE_BUSY_MS = 5000, STORE_INSTALLATION_BYTES = 16, STORE_PATH_MAX = 4096 };

static const char *const statement_sql[DB_STATEMENT_COUNT] = {
#define X(name, sql) sql,
    DB_STATEMENT_TABLE(X)
#undef X
};

static int errno_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    default:
        return -EIO;
    }
}

int db_error(struct store *s, const char *what)
{
    log_event(LOG_ERROR, "store_failed", LOG_STR("what", str_of(what)),
              LOG_STR("error", str_of(sqlite3_errmsg(s->db))));
    return errno_of(sqlite3_extended_errcode(s->db));
}

int db_exec(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(s, sql);
}

sqlite3_stmt *db_query(struct store *s, enum db_statement which)
{
    sqlite3_stmt **slot = &s->statements[which];

    if (!*slot && sqlite3_prepare_v3(s->db, statement_sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                                     slot, NULL) != SQLITE_OK) {
        db_error(s, statement_sql[which]);
        return NULL;
    }
    return *slot;
}

int db_finish(struct store *s, sqlite3_stmt *q, int step_result)
{
    int result = 0;

    if (step_result != SQLITE_DONE && step_result != SQLITE_ROW)
        result = db_error(s, sqlite3_sql(q));
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return result;
}

void db_bind_str(sqlite3_stmt *q, int at, str value)
{
    if (value.p)
        sqlite3_bind_text64(q, at, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(q, at);
}

void db_bind_blob(sqlite3_stmt *q, int at, const void *p, size_t n)
{
    sqlite3_bind_blob64(q, at, p, n, SQLITE_STATIC);
}

void db_bind_i64(sqlite3_stmt *q, int at, int64_t value)
{
    sqlite3_bind_int64(q, at, value);
}

void db_bind_rule(sqlite3_stmt *q, int at, uint32_t rule)
{
    if (rule == STORE_RULE_NONE)
        sqlite3_bind_null(q, at);
    else
        sqlite3_bind_int64(q, at, rule);
}

void db_bind_digest(sqlite3_stmt *q, int at, struct digest128 digest)
{
    /* Our own machine's byte order: a database does not move between architectures. */
    sqlite3_bind_blob64(q, at, &digest, sizeof(digest), SQLITE_TRANSIENT);
}

str db_column_str(sqlite3_stmt *q, int at)
{
    if (sqlite3_column_type(q, at) == SQLITE_NULL)
        return STR_NULL;
    const char *p = sqlite3_column_blob(q, at);

    /* SQLite gives NULL for an empty value, which is not the same as none. */
    return p ? str_make(p, (size_t)sqlite3_column_bytes(q, at)) : STR("");
}

uint32_t db_column_rule(sqlite3_stmt *q, int at)
{
    return sqlite3_column_type(q, at) == SQLITE_NULL ? STORE_RULE_NONE
                                                     : (uint32_t)sqlite3_column_int64(q, at);
}

struct digest128 db_column_digest(sqlite3_stmt *q, int at)
{
    struct digest128 digest = {0, 0};
    const void *p = sqlite3_column_blob(q, at);

    if (p && (size_t)sqlite3_column_bytes(q, at) == sizeof(digest))
        memcpy(&digest, p, sizeof(digest));
    return digest;
}

str db_copy(struct arena *arena, str s)
{
    return s.p ? arena_copy(arena, s) : STR_NULL;
}

int store_begin(struct store *s, enum store_durability durability)
{
    if (durability != s->durability) {
        int r = db_exec(s, durability == STORE_DURABLE ? "PRAGMA synchronous = FULL"
                                                       : "PRAGMA synchronous = NORMAL");
        if (r < 0)
            return r;
        s->durability = durability;
    }
    int r = db_exec(s, "BEGIN IMMEDIATE");

    s->in_transaction = r == 0;
    s->pending_revision = 0;
    return r;
}

int store_commit(struct store *s)
{
    int r = db_exec(s, "COMMIT");

    if (r < 0) {
        store_rollback(s);
        return r;
    }
    s->in_transaction = false;
    if (s->pending_revision)
        s->revision = s->pending_revision;
    s->pending_revision = 0;
    return 0;
}

void store_rollback(struct store *s)
{
    /* SQLite has rolled back by itself after some failures (a full disk). */
    if (s->in_transaction && !sqlite3_get_autocommit(s->db))
        db_exec(s, "ROLLBACK");
    s->in_transaction = false;
    s->pending_revision = 0;
}

static int configure(struct store *s)
{
    sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    s->durability = STORE_DURABLE;
    return db_exec(s, "PRAGMA locking_mode = EXCLUSIVE;"
                      "PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL;"
                      "PRAGMA foreign_keys = ON;"
                      "PRAGMA trusted_schema = OFF;"
                      "PRAGMA wal_autocheckpoint = 1000;"
                      "PRAGMA cache_size = -65536");
}

static int load_revision(struct store *s)
{
    struct arena arena;
    str text = STR_NULL;

    arena_init(&arena, NULL, 0);
    int r = store_setting_get(s, "revision", &arena, &text);
    if (r == STORE_NOT_FOUND)
        r = 0;
    else if (r == 0 && !str_parse_u64(text, &s->revision))
        r = -EUCLEAN;
    arena_deinit(&arena);
    return r;
}

/* Reads a setting of exactly n bytes, drawing it at random the first time. */
static int load_or_draw(struct store *s, const char *name, void *ret_bytes, size_t n)
{
    struct arena arena;
    str hex = STR_NULL;
    char drawn[2 * STORE_HASH_BYTES];

    arena_init(&arena, NULL, 0);
    int r = store_setting_get(s, name, &arena, &hex);
    if (r == STORE_NOT_FOUND) {
        random_bytes(ret_bytes, n);
        hex_encode(ret_bytes, n, drawn);
        r = store_setting_put(s, name, str_make(drawn, 2 * n));
    } else if (r == 0 && !hex_decode(hex, ret_bytes, n)) {
        r = -EUCLEAN;
    }
    arena_deinit(&arena);
    return r;
}

static int load_installation(struct store *s)
{
    uint8_t id[STORE_INSTALLATION_BYTES];

    int r = load_or_draw(s, "installation", id, sizeof(id));
    if (r == 0)
        r = load_or_draw(s, "customer_key", &s->customer_key, sizeof(s->customer_key));
    if (r == 0)
        r = load_revision(s);
    if (r < 0)
        return r;
    s->installation = mem_zalloc(2 * sizeof(id) + 1);
    hex_encode(id, sizeof(id), s->installation);
    return 0;
}

/* SQLite would make it readable for all; its WAL takes over the mode. */
static int create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int open_at(struct store *s, const char *path)
{
    int r = create_private(path);

    if (r < 0) {
        log_event(LOG_ERROR, "store_failed", LOG_STR("path", str_of(path)), LOG_NUM("errno", -r));
        return r;
    }
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return db_error(s, path);
    r = configure(s);
    if (r == 0)
        r = migrations_run(s);
    if (r == 0)
        r = store_begin(s, STORE_DURABLE);
    if (r == 0)
        r = load_installation(s);
    return r == 0 ? store_commit(s) : r;
}

int store_open(const char *directory, struct store **ret_store)
{
    char path[STORE_PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/control.db", directory) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    struct store *s = mem_zalloc(sizeof(*s));
    int r = open_at(s, path);
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret_store = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    for (size_t i = 0; i < DB_STATEMENT_COUNT; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    mem_free(s->installation);
    mem_free(s);
}

str store_installation(const struct store *s)
{
    return str_of(s->installation);
}

struct siphash_key store_customer_key(const struct store *s)
{
    return s->customer_key;
}

uint64_t store_revision(const struct store *s)
{
    return s->pending_revision ? s->pending_revision : s->revision;
}

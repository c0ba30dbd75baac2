#pragma once

/*
 * The SQLite side of the store, shared by the files of this folder and nobody else: the
 * connection, one table of all statements, and small helpers that bind and read values. A
 * statement is prepared at its first use and kept; db_query leases it, db_finish returns it.
 */

#include "store/store.h"

#include <sqlite3.h>

#define DB_STATEMENT_TABLE(X)                                                                      \
    X(SETTING_GET, "SELECT value FROM settings WHERE name = ?1")                                   \
    X(SETTING_PUT, "INSERT INTO settings (name, value) VALUES (?1, ?2) "                           \
                   "ON CONFLICT (name) DO UPDATE SET value = excluded.value")                      \
    X(SETTING_DELETE, "DELETE FROM settings WHERE name = ?1")                                      \
    X(RULE_FIND, "SELECT idx FROM rules WHERE canonical = ?1")                                     \
    X(RULE_INSERT, "INSERT INTO rules (canonical) VALUES (?1)")                                    \
    X(RULE_EACH, "SELECT idx, canonical FROM rules ORDER BY idx")                                  \
    X(CUSTOMER_INSERT,                                                                             \
      "INSERT INTO customers (id, digest, rule, blocked, alias, region, primary_region, "          \
      "secondary_region, metadata, owner, updated_ns, created_ns) "                                \
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO NOTHING")    \
    X(CUSTOMER_UPDATE,                                                                             \
      "UPDATE customers SET digest = ?2, rule = ?3, blocked = ?4, alias = ?5, region = ?6, "       \
      "primary_region = ?7, secondary_region = ?8, metadata = ?9, owner = ?10, "                   \
      "updated_ns = ?11 WHERE id = ?1")                                                            \
    X(CUSTOMER_DELETE, "DELETE FROM customers WHERE id = ?1")                                      \
    X(CUSTOMER_GET, "SELECT id, digest, rule, blocked, alias, region, primary_region, "            \
                    "secondary_region, metadata, owner, updated_ns, created_ns FROM customers "    \
                    "WHERE id = ?1")                                                               \
    X(CUSTOMER_EACH, "SELECT id, digest, rule, blocked, alias, region, primary_region, "           \
                     "secondary_region, metadata, owner, updated_ns, created_ns FROM customers "   \
                     "WHERE id > ?1 ORDER BY id LIMIT ?2")                                         \
    X(CUSTOMER_OWNED, "SELECT id, digest, rule, blocked, alias, region, primary_region, "          \
                      "secondary_region, metadata, owner, updated_ns, created_ns FROM customers "  \
                      "WHERE owner = ?1 ORDER BY id")                                              \
    X(CUSTOMER_LOAD, "SELECT digest, rule, blocked FROM customers INDEXED BY customers_load")      \
    X(KEY_INSERT, "INSERT INTO keys (id, hash, name, scopes, rule, customer, expires_ns, "         \
                  "created_ns, type, team, user, models, environments) VALUES (?1, ?2, ?3, ?4, "   \
                  "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING")                \
    X(KEY_UPDATE, "UPDATE OR IGNORE keys SET hash = ?2, name = ?3, scopes = ?4, rule = ?5, "       \
                  "customer = ?6, expires_ns = ?7, created_ns = ?8, type = ?9, team = ?10, "       \
                  "user = ?11, models = ?12, environments = ?13 WHERE id = ?1")                    \
    X(KEY_DELETE, "DELETE FROM keys WHERE id = ?1")                                                \
    X(KEY_GET, "SELECT id, hash, name, scopes, rule, customer, expires_ns, created_ns, type, "     \
               "team, user, models, environments FROM keys "                                       \
               "WHERE id = ?1")                                                                    \
    X(KEY_EACH, "SELECT id, hash, name, scopes, rule, customer, expires_ns, created_ns, type, "    \
                "team, user, models, environments FROM keys "                                      \
                "ORDER BY created_ns, id")                                                         \
    X(OBSERVED_PUT, "INSERT INTO observed (endpoint, origin_revision, header, region, at_ns) "     \
                    "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (endpoint) DO UPDATE SET "            \
                    "origin_revision = excluded.origin_revision, header = excluded.header, "       \
                    "region = excluded.region, at_ns = excluded.at_ns")                            \
    X(OBSERVED_EACH, "SELECT endpoint, origin_revision, header, region, at_ns FROM observed "      \
                     "ORDER BY endpoint")                                                          \
    X(OBSERVED_DELETE, "DELETE FROM observed WHERE endpoint = ?1")                                 \
    X(WITHDRAWN_PUT, "INSERT INTO withdrawn (endpoint, reason, observed, since_ns) "               \
                     "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (endpoint) DO UPDATE SET "               \
                     "reason = excluded.reason, observed = excluded.observed")                     \
    X(WITHDRAWN_DELETE, "DELETE FROM withdrawn WHERE endpoint = ?1")                               \
    X(WITHDRAWN_EACH, "SELECT endpoint, reason, observed, since_ns FROM withdrawn "                \
                      "ORDER BY endpoint")                                                         \
    X(AUDIT_APPEND, "INSERT INTO audit (at_ns, actor, action, object, before, after, revision) "   \
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                         \
    X(AUDIT_EACH, "SELECT id, at_ns, actor, action, object, before, after, revision FROM audit "   \
                  "WHERE id < ?1 ORDER BY id DESC LIMIT ?2")                                       \
    X(AUDIT_OBJECT, "SELECT id, at_ns, actor, action, object, before, after, revision FROM audit " \
                    "WHERE id < ?1 AND object = ?3 ORDER BY id DESC LIMIT ?2")                     \
    X(OBJECT_PUT, "INSERT INTO objects (kind, key, version, body) VALUES (?1, ?2, ?3, ?4) "        \
                  "ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, "             \
                  "body = excluded.body")                                                          \
    X(OBJECT_DELETE, "DELETE FROM objects WHERE kind = ?1 AND key = ?2")                           \
    X(OBJECT_EACH, "SELECT kind, key, version, body FROM objects ORDER BY number")                 \
    X(REFUSALS_ADD, "INSERT INTO refusals (day, source, code, subject, model_group, n) "           \
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "                                             \
                    "ON CONFLICT (day, source, code, subject, model_group) "                       \
                    "DO UPDATE SET n = n + excluded.n")                                            \
    X(REFUSALS_EACH, "SELECT day, source, code, subject, model_group, n FROM refusals "            \
                     "WHERE day >= ?1 ORDER BY day DESC, source, code, subject, model_group")

enum db_statement {
#define X(name, sql) DB_##name,
    DB_STATEMENT_TABLE(X)
#undef X
        DB_STATEMENT_COUNT
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[DB_STATEMENT_COUNT];
    bool in_transaction;
    enum store_durability durability; /* what `synchronous` is set to now */
    uint64_t revision;                /* as of the last commit */
    uint64_t pending_revision;        /* inside the open transaction, 0: unchanged */
    char *installation;
    struct siphash_key customer_key;
};

/* Runs plain SQL without results. */
int db_exec(struct store *s, const char *sql);

/* Logs what SQLite says about the last failure and returns it as a negative errno. */
int db_error(struct store *s, const char *what);

/* A statement ready for binding, NULL if it cannot be prepared (logged). Ends with db_finish, which
 * takes sqlite3_step's last result: 0 for SQLITE_DONE and SQLITE_ROW, else a negative errno. */
sqlite3_stmt *db_query(struct store *s, enum db_statement which);
int db_finish(struct store *s, sqlite3_stmt *q, int step_result);

/* Binding; STR_NULL and STORE_RULE_NONE become NULL. The bytes must outlive the step. */
void db_bind_str(sqlite3_stmt *q, int at, str value);
void db_bind_blob(sqlite3_stmt *q, int at, const void *p, size_t n);
void db_bind_i64(sqlite3_stmt *q, int at, int64_t value);
void db_bind_rule(sqlite3_stmt *q, int at, uint32_t rule);
void db_bind_digest(sqlite3_stmt *q, int at, struct digest128 digest);

/* Columns; slices live until the next step. NULL becomes STR_NULL. */
str db_column_str(sqlite3_stmt *q, int at);
uint32_t db_column_rule(sqlite3_stmt *q, int at);
struct digest128 db_column_digest(sqlite3_stmt *q, int at);

/* A copy in the arena that keeps STR_NULL apart from "". */
str db_copy(struct arena *arena, str s);

/* Brings the schema to the newest version; -ENOTSUP if a newer program wrote it. */
int migrations_run(struct store *s);

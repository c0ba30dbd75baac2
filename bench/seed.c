/*
 * Fills the store of an installation that has never run: COUNT customers, "customer-0" and on, of
 * which each has one of four region rules. What the management API would write one by one.
 *
 *   bench-seed DATA_DIR COUNT
 */

#include "base/mem.h"
#include "catalog/customers.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *rule, *written;
} rules[] = {
    {"allow=eu", "\"eu\""},
    {"allow=eea", "\"eea\""},
    {"allow=fr", "\"FR\""},
    {"allow=ch,eea", "[\"eea\",\"CH\"]"},
};

static int fill(struct store *s, unsigned long count)
{
    struct siphash_key key = store_customer_key(s);
    uint32_t index[COUNT_OF(rules)];
    uint64_t revision;
    int r = store_begin(s, STORE_DURABLE);

    for (size_t i = 0; r == 0 && i < COUNT_OF(rules); i++)
        r = store_rule_intern(s, str_of(rules[i].rule), &index[i]);
    for (unsigned long i = 0; r == 0 && i < count; i++) {
        char id[32];

        snprintf(id, sizeof(id), "customer-%lu", i);
        r = store_customer_insert(
            s, &(struct store_customer){
                   .id = str_of(id),
                   .digest = customer_digest(&key, str_of(id)),
                   .rule = index[i % COUNT_OF(rules)],
                   .allowed_model_region = str_of(rules[i % COUNT_OF(rules)].written),
                   .owner = STORE_OWNER_API,
                   .created_ns = 1770000000000000000,
                   .updated_ns = 1770000000000000000,
               });
    }
    if (r == 0)
        r = store_next_revision(s, &revision);
    return r == 0 ? store_commit(s) : r;
}

int main(int argc, char **argv)
{
    struct store *s;

    if (argc != 3) {
        fprintf(stderr, "usage: bench-seed DATA_DIR COUNT\n");
        return 2;
    }
    mkdir(argv[1], 0700);
    int r = store_open(argv[1], &s);
    if (r == 0) {
        r = fill(s, strtoul(argv[2], NULL, 10));
        store_close(s);
    }
    if (r)
        fprintf(stderr, "bench-seed: %s\n", strerror(r < 0 ? -r : r));
    return r ? 1 : 0;
}

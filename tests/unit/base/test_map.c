/* Maps against an array, and lists. */

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "unit/test.h"

enum { KEYS = 300, CHANGES = 20000 };

static void drawn_changes_agree_with_an_array(void)
{
    static char names[KEYS][8];
    static int values[KEYS][2];
    int *expected[KEYS] = {0};
    size_t n = 0;
    struct map m;
    struct prng r;

    map_init(&m);
    prng_seed(&r, 1);
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "%x", (unsigned)i);
    for (int step = 0; step < CHANGES; step++) {
        size_t i = prng_below(&r, KEYS);
        int *value = prng_below(&r, 2) ? &values[i][prng_below(&r, 2)] : NULL;

        n = n - (expected[i] != NULL) + (value != NULL);
        CHECK((value ? map_put(&m, str_of(names[i]), value) : map_remove(&m, str_of(names[i]))) ==
              expected[i]);
        expected[i] = value;
        CHECK_INT(m.n, n);
        for (size_t k = step % 97 ? KEYS : 0; k < KEYS; k++)
            CHECK(map_get(&m, str_of(names[k])) == expected[k]);
    }
    map_deinit(&m);
    CHECK(map_get(&m, STR("1")) == NULL);
}

static void every_entry_is_visited_once(void)
{
    static char names[KEYS][8];
    bool seen[KEYS] = {0};
    struct map_entry entry;
    size_t cursor = 0, n = 0;
    struct map m;

    map_init(&m);
    CHECK(!map_next(&m, &cursor, &entry));
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        map_put(&m, str_of(names[i]), names[i]);
    }
    for (cursor = 0; map_next(&m, &cursor, &entry); n++) {
        size_t i = (size_t)((char(*)[8])entry.value - names);

        CHECK(i < KEYS && !seen[i]);
        CHECK_STR(entry.key, names[i]);
        seen[i] = true;
    }
    CHECK_INT(n, KEYS);
    map_deinit(&m);
}

static void keys_are_bytes(void)
{
    int a, b, c, d;
    struct map m;

    map_init(&m);
    CHECK(map_get(&m, STR("a")) == NULL && map_remove(&m, STR("a")) == NULL);
    CHECK(map_put(&m, STR(""), &a) == NULL && map_put(&m, STR("\0"), &b) == NULL);
    CHECK(map_put(&m, STR("x"), &c) == NULL && map_put(&m, STR("X"), &d) == NULL);
    CHECK(map_get(&m, STR_NULL) == &a && map_get(&m, STR("\0")) == &b);
    CHECK(map_get(&m, STR("x")) == &c && map_get(&m, STR("X")) == &d);
    CHECK(map_get(&m, STR("xx")) == NULL);
    CHECK(map_put(&m, STR("x"), &d) == &c);
    CHECK_INT(m.n, 4);
    map_deinit(&m);
}

/* --- lists ----------------------------------------------------------------- */

struct item {
    char name;
    struct list link;
};

static str names_of(const struct list *l, char *storage)
{
    size_t n = 0;

    list_for_each (node, l)
        storage[n++] = list_entry(node, struct item, link)->name;
    for (const struct list *node = l->prev; node != l; node = node->prev)
        CHECK(list_entry(node, const struct item, link)->name == storage[--n]);
    CHECK_INT(n, 0); /* backwards it is the same */
    for (const struct list *node = l->next; node != l; node = node->next)
        n++;
    return str_make(storage, n);
}

static void lists_keep_their_order(void)
{
    struct item a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    struct list l = LIST_INIT(l), other = LIST_INIT(other);
    char names[4];

    CHECK(list_empty(&l));
    list_append(&l, &b.link);
    list_append(&l, &c.link);
    list_prepend(&l, &a.link);
    CHECK_STR(names_of(&l, names), "abc");
    CHECK(list_first(&l, struct item, link) == &a && list_last(&l, struct item, link) == &c);
    list_move(&l, &a.link);
    CHECK_STR(names_of(&l, names), "bca");
    list_move(&other, &c.link);
    CHECK_STR(names_of(&l, names), "ba");
    CHECK_STR(names_of(&other, names), "c");
    list_remove(&b.link);
    CHECK(list_empty(&b.link)); /* on no list: it points at itself */
    list_remove(&b.link);       /* and may be removed again */
    CHECK_STR(names_of(&l, names), "a");
    list_remove(&a.link);
    CHECK(list_empty(&l) && !list_empty(&other));
}

static void the_present_node_may_go(void)
{
    struct list l = LIST_INIT(l);
    unsigned n = 0;

    for (char name = 'a'; name <= 'e'; name++) {
        struct item *item = mem_zalloc(sizeof(*item));

        item->name = name;
        list_append(&l, &item->link);
    }
    list_for_each_safe (node, &l) {
        list_remove(node);
        mem_free(list_entry(node, struct item, link));
        n++;
    }
    CHECK_INT(n, 5);
    CHECK(list_empty(&l));
}

int main(void)
{
    RUN(drawn_changes_agree_with_an_array);
    RUN(every_entry_is_visited_once);
    RUN(keys_are_bytes);
    RUN(lists_keep_their_order);
    RUN(the_present_node_may_go);
    return test_end();
}

#include "base/mem.h"
#include "package/ignore.h"
#include "unit/test.h"

/* Whether a path is left out by those rules; a slash at its end makes it a folder. */
static bool left_out(const char *rules, const char *path)
{
    enum ignore_kind kind = str_ends(str_of(path), STR("/")) ? IGNORE_FOLDER : IGNORE_FILE;
    str name = kind == IGNORE_FOLDER ? str_upto(str_of(path), strlen(path) - 1) : str_of(path);
    struct ignore ignore;
    bool result;

    ignore_init(&ignore);
    CHECK(ignore_add(&ignore, str_of(rules)));
    result = ignore_matches(&ignore, name, kind);
    ignore_deinit(&ignore);
    return result;
}

static void test_rows(void)
{
    static const struct {
        const char *rules, *path;
        bool out;
    } rows[] = {
        {"", "model/model.py", false},
        {"", ".git/", true},
        {"", "model/__pycache__/", true},
        {"", "model/a.pyc", true},
        {"", "model/a.py", false},
        {"", ".git", false},
        {"", ".env", true},
        {"!.env", ".env", false},
        {"data", "data/", true},
        {"data", "model/data", true},
        {"/data", "data", true},
        {"/data", "model/data", false},
        {"model/data", "model/data", true},
        {"model/data", "x/model/data", false},
        {"data/", "data", false},
        {"data/", "data/", true},
        {"*.bin", "a/b.bin", true},
        {"*.bin", "b.bin.txt", false},
        {"a/*.bin", "a/b.bin", true},
        {"a/*.bin", "a/b/c.bin", false},
        {"a/**/c.bin", "a/c.bin", true},
        {"a/**/c.bin", "a/x/y/c.bin", true},
        {"a/**/c/d", "a/c/c/d", true},
        {"a/**/c/d", "a/c/x/d", false},
        {"**/c", "c", true},
        {"**/c", "a/b/c", true},
        {"a/**", "a/b/c", true},
        {"a/**", "a/", false},
        {"?.txt", "a.txt", true},
        {"?.txt", "ab.txt", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},
        {"[]]", "]", true},
        {"[a", "[a", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\#a", "#a", true},
        {"# note\n\n  \n*.log\r\n!keep.log\n", "a.log", true},
        {"# note\n*.log\r\n!keep.log\n", "keep.log", false},
        {"!a\na", "a", true},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "axxbyy", false},
        {"**", "a", true},
        {"/", "a", false},
        {"!", "a", false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (left_out(rows[i].rules, rows[i].path) != rows[i].out)
            printf("  %s: %s\n", rows[i].rules, rows[i].path);
        CHECK(left_out(rows[i].rules, rows[i].path) == rows[i].out);
    }
}

static void test_stars_take_no_time(void)
{
    char name[201] = {0};

    memset(name, 'a', 200);
    CHECK(!left_out("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

static void test_rules_are_bounded(void)
{
    struct ignore ignore;
    size_t n = 0;

    ignore_init(&ignore);
    while (n < 2 * (size_t)IGNORE_MAX_RULES && ignore_add(&ignore, STR("a\n")))
        n++;
    CHECK_INT(ignore.n, IGNORE_MAX_RULES);
    CHECK(n < IGNORE_MAX_RULES);
    ignore_deinit(&ignore);
}

int main(void)
{
    RUN(test_rows);
    RUN(test_stars_take_no_time);
    RUN(test_rules_are_bounded);
    return test_end();
}

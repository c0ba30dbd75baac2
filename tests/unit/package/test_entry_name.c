#include "base/mem.h"
#include "package/entry_name.h"
#include "unit/test.h"

static char text[4 * ENTRY_NAME_MAX];

static str repeated(const char *piece, size_t times, const char *end)
{
    size_t n = strlen(piece), at = 0;

    for (; times; times--, at += n)
        memcpy(text + at, piece, n);
    memcpy(text + at, end, strlen(end) + 1);
    return str_of(text);
}

static void check_name(str name, enum entry_name fault, const char *plain)
{
    char ret[ENTRY_NAME_BYTES] = "before";
    enum entry_name got = entry_name_read(name, ret);

    if (got != fault)
        printf("  %.*s: %s\n", STR_ARG(str_upto(name, 80)), entry_name_fault(got));
    CHECK_INT(got, fault);
    CHECK_STR(str_of(ret), fault ? "before" : plain);
}

static void test_names(void)
{
    check_name(STR("model/model.py"), ENTRY_NAME_FINE, "model/model.py");
    check_name(STR("./a//b/./c/"), ENTRY_NAME_FINE, "a/b/c");
    check_name(STR("./"), ENTRY_NAME_FINE, "");
    check_name(STR("..a/b..c/..."), ENTRY_NAME_FINE, "..a/b..c/...");
    check_name(STR("größe/日本"), ENTRY_NAME_FINE, "größe/日本");
    check_name(STR("a b\\c"), ENTRY_NAME_FINE, "a b\\c");
    check_name(STR(""), ENTRY_NAME_EMPTY, NULL);
    check_name(STR("/etc/passwd"), ENTRY_NAME_ABSOLUTE, NULL);
    check_name(STR("//a"), ENTRY_NAME_ABSOLUTE, NULL);
    check_name(STR(".."), ENTRY_NAME_LEAVES, NULL);
    check_name(STR("a/../b"), ENTRY_NAME_LEAVES, NULL);
    check_name(STR("a/.."), ENTRY_NAME_LEAVES, NULL);
    check_name(STR("a\nb"), ENTRY_NAME_CHARACTERS, NULL);
    check_name(STR("a\x7f"), ENTRY_NAME_CHARACTERS, NULL);
    check_name(STR("a\0b"), ENTRY_NAME_CHARACTERS, NULL);
    check_name(STR("a\xff"), ENTRY_NAME_CHARACTERS, NULL);
    check_name(STR("a\xc2\x9b"), ENTRY_NAME_CHARACTERS, NULL);
    check_name(STR("a\xc3"), ENTRY_NAME_CHARACTERS, NULL);
}

static void test_limits(void)
{
    check_name(repeated("a", 255, ""), ENTRY_NAME_FINE, repeated("a", 255, "").p);
    check_name(repeated("a", 256, ""), ENTRY_NAME_LONG, NULL);
    check_name(repeated("a/", 31, "b"), ENTRY_NAME_FINE, repeated("a/", 31, "b").p);
    check_name(repeated("a/", 32, "b"), ENTRY_NAME_DEEP, NULL);
    check_name(repeated("./", 512, ""), ENTRY_NAME_FINE, "");
    check_name(repeated("./", 512, "a"), ENTRY_NAME_LONG, NULL);
}

static void test_links(void)
{
    CHECK(entry_link_stays(STR("a"), STR("b")));
    CHECK(!entry_link_stays(STR("a/b"), STR("c/../d")));
    CHECK(entry_link_stays(STR("a/b/c"), STR("../x")));
    CHECK(entry_link_stays(STR("a/b/c"), STR("../../x")));
    CHECK(entry_link_stays(STR("a/b/c"), STR(".././../.")));
    CHECK(!entry_link_stays(STR("a/b/c"), STR("../../../x")));
    CHECK(!entry_link_stays(STR("a"), STR("..")));
    CHECK(!entry_link_stays(STR("a"), STR("/etc/passwd")));
    CHECK(!entry_link_stays(STR("a"), STR("")));
    CHECK(!entry_link_stays(STR("a"), STR("b\n")));
    CHECK(!entry_link_stays(STR("a"), repeated("a", 1025, "")));
}

int main(void)
{
    RUN(test_names);
    RUN(test_limits);
    RUN(test_links);
    return test_end();
}

#include "package/entry_name.h"

#include "base/utf8.h"

static bool has_bad_characters(str name)
{
    size_t at = 0;

    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c < ' ' || c == 127)
            return true;
    }
    while (at < name.n) {
        int n = utf8_length(str_from(name, at));

        /* U+0080 to U+009F are control characters too. */
        if (n <= 0 ||
            (n == 2 && (unsigned char)name.p[at] == 0xc2 && (unsigned char)name.p[at + 1] < 0xa0))
            return true;
        at += (size_t)n;
    }
    return false;
}

enum entry_name entry_name_read(str name, char ret_name[ENTRY_NAME_BYTES])
{
    char plain[ENTRY_NAME_BYTES];
    size_t n = 0, depth = 0;
    str rest = name;

    if (name.n == 0)
        return ENTRY_NAME_EMPTY;
    if (name.p[0] == '/')
        return ENTRY_NAME_ABSOLUTE;
    if (name.n > ENTRY_NAME_MAX)
        return ENTRY_NAME_LONG;
    if (has_bad_characters(name))
        return ENTRY_NAME_CHARACTERS;
    while (rest.n) {
        str component = str_cut(&rest, '/');

        if (component.n == 0 || str_eq(component, STR(".")))
            continue;
        if (str_eq(component, STR("..")))
            return ENTRY_NAME_LEAVES;
        if (component.n > ENTRY_COMPONENT_MAX)
            return ENTRY_NAME_LONG;
        if (++depth > ENTRY_MAX_DEPTH)
            return ENTRY_NAME_DEEP;
        if (n)
            plain[n++] = '/';
        memcpy(plain + n, component.p, component.n);
        n += component.n;
    }
    plain[n] = 0;
    memcpy(ret_name, plain, n + 1);
    return ENTRY_NAME_FINE;
}

const char *entry_name_fault(enum entry_name fault)
{
    static const char *const faults[] = {
        [ENTRY_NAME_FINE] = "is fine",
        [ENTRY_NAME_EMPTY] = "is empty",
        [ENTRY_NAME_ABSOLUTE] = "is absolute",
        [ENTRY_NAME_LEAVES] = "leads out of the package with \"..\"",
        [ENTRY_NAME_LONG] = "is too long: at most 1024 bytes, and 255 between two slashes",
        [ENTRY_NAME_DEEP] = "is too deep: at most 32 levels",
        [ENTRY_NAME_CHARACTERS] = "has control characters, or is not UTF-8",
    };

    return faults[fault];
}

bool entry_link_stays(str name, str target)
{
    size_t above = 0; /* folders between the link and the package's own */
    bool went_down = false;
    str rest = target;

    if (target.n == 0 || target.n > ENTRY_NAME_MAX || target.p[0] == '/' ||
        has_bad_characters(target))
        return false;
    for (size_t i = 0; i < name.n; i++)
        above += name.p[i] == '/';
    while (rest.n) {
        str component = str_cut(&rest, '/');

        if (component.n == 0 || str_eq(component, STR(".")))
            continue;
        if (!str_eq(component, STR(".."))) {
            went_down = true;
            continue;
        }
        if (went_down || above == 0)
            return false;
        above--;
    }
    return true;
}

#include "package/ignore.h"

static const str always = STR_INIT(".git/\n"
                                   ".hg/\n"
                                   ".svn/\n"
                                   ".DS_Store\n"
                                   "__pycache__/\n"
                                   "*.py[cod]\n"
                                   ".env\n"
                                   ".venv/\n"
                                   ".ipynb_checkpoints/\n"
                                   ".mypy_cache/\n"
                                   ".pytest_cache/\n"
                                   "*.swp\n");

void ignore_init(struct ignore *ignore)
{
    *ignore = (struct ignore){0};
    arena_init(&ignore->arena, NULL, 0);
    ignore->rules = arena_alloc(&ignore->arena, IGNORE_MAX_RULES * sizeof(*ignore->rules));
    (void)ignore_add(ignore, always);
}

void ignore_deinit(struct ignore *ignore)
{
    arena_deinit(&ignore->arena);
    *ignore = (struct ignore){0};
}

/* --- rules */

static str strip_line(str line)
{
    while (line.n &&
           (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    return line;
}

static bool read_rule(str line, struct ignore_rule *ret)
{
    struct ignore_rule rule = {.pattern = strip_line(line)};

    if (rule.pattern.n == 0 || rule.pattern.p[0] == '#')
        return false;
    if (rule.pattern.p[0] == '!') {
        rule.back = true;
        rule.pattern = str_from(rule.pattern, 1);
    }
    if (str_ends(rule.pattern, STR("/"))) {
        rule.folder = true;
        rule.pattern.n--;
    }
    rule.tied = str_find(rule.pattern, '/', 0) < rule.pattern.n;
    if (str_starts(rule.pattern, STR("/")))
        rule.pattern = str_from(rule.pattern, 1);
    *ret = rule;
    return rule.pattern.n > 0;
}

bool ignore_add(struct ignore *ignore, str text)
{
    str rest = arena_copy(&ignore->arena, text);

    while (rest.n) {
        struct ignore_rule rule;

        if (!read_rule(str_cut(&rest, '\n'), &rule))
            continue;
        if (ignore->n == IGNORE_MAX_RULES)
            return false;
        ignore->rules[ignore->n++] = rule;
    }
    return true;
}

/* --- matching */

/* One character of a pattern at *at, "[a-z]" and "\*" included; moves *at past it. */
static bool matches_one(str pattern, size_t *at, char c)
{
    size_t i = *at + 1, begin;
    bool negated, found = false;

    if (pattern.p[*at] == '\\' && i < pattern.n) {
        *at = i + 1;
        return pattern.p[i] == c;
    }
    *at = i;
    if (pattern.p[i - 1] == '?')
        return true;
    if (pattern.p[i - 1] != '[')
        return pattern.p[i - 1] == c;
    negated = i < pattern.n && (pattern.p[i] == '!' || pattern.p[i] == '^');
    i += negated;
    for (begin = i; i < pattern.n && (pattern.p[i] != ']' || i == begin); i++) {
        if (i + 2 < pattern.n && pattern.p[i + 1] == '-' && pattern.p[i + 2] != ']') {
            found = found || (c >= pattern.p[i] && c <= pattern.p[i + 2]);
            i += 2;
        } else {
            found = found || c == pattern.p[i];
        }
    }
    if (i == pattern.n)
        return c == '['; /* never closed: an ordinary character */
    *at = i + 1;
    return found != negated;
}

/* Whether a name without slashes matches. Only the last `*` needs to be tried anew. */
static bool matches_name(str pattern, str name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

    while (n < name.n) {
        size_t next = p;

        if (p < pattern.n && pattern.p[p] == '*') {
            star = ++p;
            star_n = n;
        } else if (p < pattern.n && matches_one(pattern, &next, name.p[n])) {
            p = next;
            n++;
        } else if (star != SIZE_MAX) {
            p = star;
            n = ++star_n;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static str first_of(str path, str *ret_rest)
{
    *ret_rest = path;
    return str_cut(ret_rest, '/');
}

/* The same for paths, where the last double star is what is tried anew. */
static bool matches_path(str pattern, str path)
{
    str star_pattern = STR_NULL, star_path = STR_NULL;

    while (path.n) {
        str next_pattern, next_path;
        str one = first_of(pattern, &next_pattern), name = first_of(path, &next_path);

        if (str_eq(one, STR("**"))) {
            if (!next_pattern.n)
                return true;
            star_pattern = pattern = next_pattern;
            star_path = path;
        } else if (pattern.n && matches_name(one, name)) {
            pattern = next_pattern;
            path = next_path;
        } else if (star_pattern.p) {
            (void)first_of(star_path, &star_path);
            pattern = star_pattern;
            path = star_path;
        } else {
            return false;
        }
    }
    return !pattern.n;
}

static str last_of(str path)
{
    size_t at = path.n;

    while (at && path.p[at - 1] != '/')
        at--;
    return str_from(path, at);
}

bool ignore_matches(const struct ignore *ignore, str path, enum ignore_kind kind)
{
    for (size_t i = ignore->n; i-- > 0;) {
        const struct ignore_rule *rule = &ignore->rules[i];

        if (rule->folder && kind != IGNORE_FOLDER)
            continue;
        if (rule->tied ? matches_path(rule->pattern, path)
                       : matches_name(rule->pattern, last_of(path)))
            return !rule->back;
    }
    return false;
}

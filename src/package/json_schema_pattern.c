#include "package/json_schema_pattern.h"

#include "base/buf.h"
#include "base/mem.h"

#include <regex.h>

struct json_schema_pattern {
    regex_t regex;
    char *text;
};

/* What a class escape stands for inside of brackets. */
static const char *class_of(char c)
{
    switch (c) {
    case 'd':
        return "0-9";
    case 'w':
        return "a-zA-Z0-9_";
    case 's':
        return "[:space:]";
    default:
        return NULL;
    }
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* An escape outside of brackets: of a class, or of punctuation. */
static bool put_escape(char c, struct buf *to)
{
    const char *class = class_of(c);

    if (class)
        buf_printf(to, "[%s]", class);
    else if (c && !is_alphanumeric(c))
        buf_printf(to, "\\%c", c);
    else
        return false;
    return true;
}

/* What stands in brackets, in the order that POSIX wants: "]" first, "^" not first, "-" last. */
struct bracket {
    struct buf members;
    bool closing, hyphen, caret;
};

static void bracket_put(struct bracket *b, char c)
{
    if (c == ']')
        b->closing = true;
    else if (c == '-')
        b->hyphen = true;
    else if (c == '^')
        b->caret = true;
    else
        buf_put_char(&b->members, c);
}

static const char *read_members(const char *at, struct bracket *b)
{
    while (*at && *at != ']') {
        const char *class = *at == '\\' ? class_of(at[1]) : NULL;

        if (class) {
            buf_put_str(&b->members, str_of(class));
            at += 2;
        } else if (*at == '\\') {
            if (!at[1] || is_alphanumeric(at[1]))
                return NULL;
            bracket_put(b, at[1]);
            at += 2;
        } else if (is_alphanumeric(at[0]) && at[1] == '-' && is_alphanumeric(at[2])) {
            buf_put(&b->members, at, 3);
            at += 3;
        } else if (*at == '[') {
            return NULL; /* "[:", "[." and "[=" mean something else to POSIX */
        } else {
            bracket_put(b, *at++);
        }
    }
    return *at ? at + 1 : NULL;
}

/* Behind the "[": returns what follows the "]", or NULL. */
static const char *put_bracket(const char *at, struct buf *to)
{
    struct bracket b = {0};
    bool negated = *at == '^';

    buf_init(&b.members, 0);
    at = read_members(at + (negated ? 1 : 0), &b);
    if (at && !b.members.n && !b.closing && !negated)
        at = NULL; /* of "^", "-" and nothing there is no bracket that POSIX reads the same way */
    if (at) {
        buf_printf(to, "[%s%s", negated ? "^" : "", b.closing ? "]" : "");
        buf_put_str(to, buf_str(&b.members));
        buf_printf(to, "%s%s]", b.caret ? "^" : "", b.hyphen ? "-" : "");
    }
    buf_deinit(&b.members);
    return at;
}

static bool translate(const char *at, struct buf *to)
{
    char before = 0;

    while (*at) {
        char c = *at++;

        /* "(?", "*?", "+?" and the like are JavaScript's alone. */
        if (c == '?' &&
            (before == '(' || before == '*' || before == '+' || before == '?' || before == '}'))
            return false;
        if (c == '[') {
            at = put_bracket(at, to);
            if (!at)
                return false;
        } else if (c == '\\') {
            if (!put_escape(*at, to))
                return false;
            at++;
            c = 0;
        } else {
            buf_put_char(to, c);
        }
        before = c;
    }
    return true;
}

struct json_schema_pattern *json_schema_pattern_new(const char *text)
{
    struct json_schema_pattern *pattern = mem_zalloc(sizeof(*pattern));
    struct buf expression;
    bool fine;

    buf_init(&expression, 0);
    fine = translate(text, &expression);
    buf_put_char(&expression, 0);
    fine = fine && regcomp(&pattern->regex, expression.p, REG_EXTENDED | REG_NOSUB) == 0;
    buf_deinit(&expression);
    if (!fine) {
        mem_free(pattern);
        return NULL;
    }
    pattern->text = str_dup(str_of(text));
    return pattern;
}

void json_schema_pattern_free(struct json_schema_pattern *pattern)
{
    if (!pattern)
        return;
    regfree(&pattern->regex);
    mem_free(pattern->text);
    mem_free(pattern);
}

str json_schema_pattern_text(const struct json_schema_pattern *pattern)
{
    return str_of(pattern->text);
}

bool json_schema_pattern_matches(const struct json_schema_pattern *pattern, const char *text)
{
    return regexec(&pattern->regex, text, 0, NULL, 0) == 0;
}

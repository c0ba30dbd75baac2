#include "http/multipart.h"

#include "base/mem.h"

#include <stdio.h>

/*
 * Two things alternate: a delimiter line with the part's head after it, and the part's content up
 * to the next delimiter. `at` is where the one at hand begins; what is cut off is looked at again
 * when more has come, from where a delimiter could still begin.
 */

enum { BOUNDARY_MAX = 70 };
enum where { IN_PREAMBLE, IN_HEAD, IN_CONTENT, AT_END };
enum wanted { WANTED_NONE, WANTED_MODEL, WANTED_USER };

struct multipart {
    char delimiter[BOUNDARY_MAX + 5]; /* CRLF, two dashes, boundary */
    size_t delimiter_n;
    enum where where;
    size_t at;       /* begin of the head or content at hand */
    size_t searched; /* no delimiter begins before this */
    enum wanted wanted;
    struct multipart_field fields[3];
    struct multipart_field names[MULTIPART_PARTS_MAX];
    size_t n_names, n_parts;
    str error;
};

/* The last value of a header's parameter, and how often it is there. */
static size_t find_parameter(str head, str name, str *ret_value)
{
    size_t found = 0;

    for (str rest = str_from(head, str_find(head, ';', 0) + 1); rest.n;) {
        str piece = str_trim(str_cut(&rest, ';'));
        str key = str_trim(str_upto(piece, str_find(piece, '=', 0)));
        str value = str_trim(str_from(piece, str_find(piece, '=', 0) + 1));

        if (!str_ieq(key, name))
            continue;
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_make(value.p + 1, value.n - 2);
        *ret_value = value;
        found++;
    }
    return found;
}

static bool is_boundary(str boundary)
{
    if (boundary.n == 0 || boundary.n > BOUNDARY_MAX)
        return false;
    for (size_t i = 0; i < boundary.n; i++)
        if (boundary.p[i] < ' ' || boundary.p[i] > '~' || boundary.p[i] == '"')
            return false;
    return true;
}

bool multipart_new(str content_type, struct multipart **ret_form)
{
    str essence = str_trim(str_upto(content_type, str_find(content_type, ';', 0)));
    str boundary = STR_NULL;

    if (!str_ieq(essence, STR("multipart/form-data")) ||
        find_parameter(content_type, STR("boundary"), &boundary) != 1 || !is_boundary(boundary))
        return false;
    struct multipart *m = mem_zalloc(sizeof(*m));
    m->delimiter_n =
        (size_t)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%.*s", STR_ARG(boundary));
    *ret_form = m;
    return true;
}

void multipart_free(struct multipart *m)
{
    mem_free(m);
}

static bool fail(struct multipart *m, str why)
{
    m->error = why;
    return false;
}

/* Where the delimiter begins at or after `from`; the body's end if it does not. */
static size_t find_delimiter(const struct multipart *m, str body, size_t from)
{
    return from + str_search(str_from(body, from), str_make(m->delimiter, m->delimiter_n));
}

/* Whether every reader sees the same line: it is not the continuation of another one, has a name,
 * and nothing in it ends a line for some and not for others. */
static bool is_plain(str line)
{
    str name = str_upto(line, str_find(line, ':', 0));

    if (name.n == 0 || name.n == line.n || str_trim(name).n != name.n)
        return false;
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f)
            return false;
    return true;
}

/* The field's name. A part that says it twice, not at all, or in the notation of RFC 5987, which
 * some readers prefer and others do not know, could name one field here and another upstream. */
static bool read_name(struct multipart *m, str head, str *ret_name)
{
    size_t dispositions = 0, names = 0, extended = 0;
    bool plain = true;
    str ignored;

    while (head.n) {
        size_t end = str_search(head, STR("\r\n"));
        str line = str_upto(head, end);

        head = str_from(head, end + 2);
        plain = plain && is_plain(line);
        if (!str_ieq(str_upto(line, str_find(line, ':', 0)), STR("content-disposition")))
            continue;
        dispositions++;
        names += find_parameter(line, STR("name"), ret_name);
        extended += find_parameter(line, STR("name*"), &ignored);
    }
    if (!plain || dispositions != 1 || names != 1 || extended ||
        str_find(*ret_name, '"', 0) < ret_name->n || str_find(*ret_name, '\\', 0) < ret_name->n)
        return fail(m, STR("a part does not say plainly which field it is"));
    return true;
}

static enum wanted wanted_of(str name)
{
    if (str_eq(name, STR("model")))
        return WANTED_MODEL;
    return str_eq(name, STR("user")) ? WANTED_USER : WANTED_NONE;
}

/* After a delimiter: two dashes end the form, a line end begins a head. Returns false if more bytes
 * are needed or it is malformed. */
static bool after_delimiter(struct multipart *m, str body, size_t end)
{
    str rest = str_from(body, end);

    if (rest.n < 2)
        return false;
    if (str_starts(rest, STR("--"))) {
        m->where = AT_END;
        return true;
    }
    if (!str_starts(rest, STR("\r\n")))
        return fail(m, STR("a boundary is not followed by a line end"));
    if (++m->n_parts > MULTIPART_PARTS_MAX)
        return fail(m, STR("more than 256 parts"));
    m->where = IN_HEAD;
    m->at = end + 2;
    return true;
}

static bool take_preamble(struct multipart *m, str body)
{
    str first = str_make(m->delimiter + 2,
                         m->delimiter_n - 2); /* the first one may stand at the very beginning */

    if (body.n < first.n)
        return false;
    if (!str_starts(body, first))
        return fail(m, STR("the body does not begin with its boundary"));
    return after_delimiter(m, body, first.n);
}

static bool take_head(struct multipart *m, str body)
{
    str rest = str_from(body, m->at);
    size_t end = str_search(rest, STR("\r\n\r\n"));

    if (end == rest.n)
        return rest.n > MULTIPART_HEAD_MAX ? fail(m, STR("a part's head has more than 8192 bytes"))
                                           : false;
    if (end > MULTIPART_HEAD_MAX)
        return fail(m, STR("a part's head has more than 8192 bytes"));
    str name = STR_NULL;
    if (!read_name(m, str_upto(rest, end), &name))
        return false;
    m->wanted = wanted_of(name);
    m->names[m->n_names++] =
        (struct multipart_field){.at = (size_t)(name.p - body.p), .n = name.n, .found = true};
    m->at += end + 4;
    m->searched = m->at >= 2
                      ? m->at - 2
                      : 0; /* an empty content: the head's own line end begins the delimiter */
    m->where = IN_CONTENT;
    if (m->wanted && m->fields[m->wanted].found)
        return fail(m, STR("a field that routing needs comes twice"));
    return true;
}

static bool take_content(struct multipart *m, str body)
{
    size_t at = find_delimiter(m, body, m->searched);

    if (at == body.n) {
        size_t kept = m->delimiter_n;

        m->searched = body.n > m->searched + kept ? body.n - kept : m->searched;
        return false;
    }
    if (body.n < at + m->delimiter_n + 2)
        return false;
    if (m->wanted) {
        size_t n = at > m->at ? at - m->at : 0;

        if (n > MULTIPART_VALUE_MAX)
            return fail(m, STR("a field that routing needs has more than 1024 bytes"));
        m->fields[m->wanted] = (struct multipart_field){.at = m->at, .n = n, .found = true};
    }
    return after_delimiter(m, body, at + m->delimiter_n);
}

enum multipart_result multipart_feed(struct multipart *m, str so_far, enum multipart_input input)
{
    bool go_on = true;

    while (go_on && m->where != AT_END)
        go_on = m->where == IN_PREAMBLE ? take_preamble(m, so_far)
                : m->where == IN_HEAD   ? take_head(m, so_far)
                                        : take_content(m, so_far);
    if (!m->error.p && input == MULTIPART_LAST && m->where != AT_END)
        fail(m, STR("the form ends without its closing boundary"));
    return m->error.p ? MULTIPART_INVALID : MULTIPART_FINE;
}

str multipart_error_text(const struct multipart *m)
{
    return m->error;
}

struct multipart_field multipart_model(const struct multipart *m)
{
    return m->fields[WANTED_MODEL];
}

struct multipart_field multipart_user(const struct multipart *m)
{
    return m->fields[WANTED_USER];
}

size_t multipart_count(const struct multipart *m)
{
    return m->n_names;
}

struct multipart_field multipart_name(const struct multipart *m, size_t i)
{
    return m->names[i];
}

#include "http/usage.h"

#include "base/json_scan.h"

enum { MEMBERS_MAX = 4096, DEPTH_MAX = 256 };

static struct json_scan *scan_whole(str json)
{
    struct json_scan *scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX);

    if (json_scan_feed(scan, json, JSON_SCAN_LAST) == JSON_SCAN_DONE)
        return scan;
    json_scan_free(scan);
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool read_count(const struct json_scan *scan, str text, str name, str other,
                       uint64_t *ret_count)
{
    const struct json_member *m = json_scan_find(scan, text, name);

    if (!m)
        m = json_scan_find(scan, text, other);
    return m && json_value_u64(m, text, ret_count);
}

static bool read_usage(str text, uint64_t *ret_prompt, uint64_t *ret_completion)
{
    struct json_scan *scan = scan_whole(text);
    uint64_t prompt = 0, completion = 0;

    if (!scan)
        return false;
    bool found = read_count(scan, text, STR("prompt_tokens"), STR("input_tokens"), &prompt);
    found |= read_count(scan, text, STR("completion_tokens"), STR("output_tokens"), &completion);
    json_scan_free(scan);
    if (!found)
        return false;
    *ret_prompt = prompt;
    *ret_completion = completion;
    return true;
}

enum usage_result usage_read(str json, uint64_t *ret_prompt, uint64_t *ret_completion)
{
    struct json_scan *scan = scan_whole(json);
    enum usage_result result = USAGE_NONE;

    if (!scan)
        return USAGE_INVALID;
    const struct json_member *usage = json_scan_find(scan, json, STR("usage"));
    const struct json_member *response = usage ? NULL : json_scan_find(scan, json, STR("response"));
    if (usage && usage->kind == JSON_KIND_OBJECT &&
        read_usage(json_value_raw(usage, json), ret_prompt, ret_completion))
        result = USAGE_FOUND;
    else if (response && response->kind == JSON_KIND_OBJECT)
        result = usage_read(json_value_raw(response, json), ret_prompt, ret_completion);
    json_scan_free(scan);
    return result == USAGE_INVALID ? USAGE_NONE : result;
}

/* Where the last `"usage"` begins that a colon and an object follow; text.n if there is none. In
 * valid JSON these bytes are a name, or a value that no colon follows: inside a string its quotes
 * would be escaped. *ret_value is where the object begins. */
static size_t last_usage(str text, size_t before, size_t *ret_value)
{
    static const str name = STR_INIT("\"usage\"");

    while (before >= name.n) {
        const char *hit = memrchr(text.p, 'g', before);

        if (!hit)
            return text.n;
        before = (size_t)(hit - text.p);
        if (before < 4 || !str_starts(str_from(text, before - 4), name))
            continue;
        size_t at = before - 4 + name.n;
        while (at < text.n && (is_blank(text.p[at]) || text.p[at] == ':'))
            at++;
        *ret_value = at;
        if (at < text.n && text.p[at] == '{')
            return before - 4;
    }
    return text.n;
}

/* The end of the object at `from` that has no object and no string inside, as usages are or nearly:
 * 0 where it is not so simple. */
static size_t object_end(str text, size_t from)
{
    size_t depth = 0;

    for (size_t i = from; i < text.n; i++) {
        if (text.p[i] == '{')
            depth++;
        else if (text.p[i] == '}' && --depth == 0)
            return i + 1;
        else if (text.p[i] == '\\')
            return 0;
    }
    return 0;
}

static bool is_top_level_end(str rest)
{
    struct json_scan *scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX);

    json_scan_begin_inside(scan);
    bool done = json_scan_feed(scan, rest, JSON_SCAN_LAST) == JSON_SCAN_DONE;
    json_scan_free(scan);
    return done;
}

static str trim_blanks(str text)
{
    while (text.n && is_blank(text.p[0]))
        text = str_from(text, 1);
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

enum usage_result usage_find(str json, uint64_t *ret_prompt, uint64_t *ret_completion)
{
    str text = trim_blanks(json);
    size_t value = 0;

    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}')
        return USAGE_INVALID;
    size_t at = last_usage(text, text.n, &value);
    if (at == text.n)
        return USAGE_NONE;
    size_t end = object_end(text, value);
    if (end && is_top_level_end(str_from(text, end)) &&
        read_usage(str_make(text.p + value, end - value), ret_prompt, ret_completion))
        return USAGE_FOUND;
    return usage_read(json, ret_prompt, ret_completion);
}

static bool copy_id(const struct json_member *id, str json, char *storage, size_t room, str *ret_id)
{
    if (id->kind != JSON_KIND_STRING || id->value_escaped || id->value_n - 2 > room)
        return false;
    str text = json_value_text(id, json, NULL);
    memcpy(storage, text.p, text.n);
    *ret_id = str_make(storage, text.n);
    return true;
}

bool answer_id_read(str json, char *storage, size_t room, str *ret_id)
{
    struct json_scan *scan = scan_whole(json);
    bool found = false;

    if (!scan)
        return false;
    const struct json_member *response = json_scan_find(scan, json, STR("response"));
    const struct json_member *id = json_scan_find(scan, json, STR("id"));
    if (id)
        found = copy_id(id, json, storage, room, ret_id);
    else if (response && response->kind == JSON_KIND_OBJECT)
        found = answer_id_read(json_value_raw(response, json), storage, room, ret_id);
    json_scan_free(scan);
    return found;
}

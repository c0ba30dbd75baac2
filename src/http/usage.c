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

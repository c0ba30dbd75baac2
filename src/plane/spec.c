#include "plane/spec.h"

#include "base/mem.h"
#include "plane/files.h"

#include <errno.h>
#include <stdio.h>

enum spec_kind { SPEC_TEXT, SPEC_PORT, SPEC_I64, SPEC_U64, SPEC_U32, SPEC_TEXTS };

/* Both directions come from this table. */
static const struct spec_member {
    const char *name;
    size_t offset;
    enum spec_kind kind;
} members[] = {
#define MEMBER(name, kind)                                                                         \
    {                                                                                              \
#name, offsetof(struct spec, name), kind                                                   \
    }
    MEMBER(id, SPEC_TEXT),          MEMBER(deployment, SPEC_TEXT),
    MEMBER(directory, SPEC_TEXT),   MEMBER(logs, SPEC_TEXT),
    MEMBER(argv, SPEC_TEXTS),       MEMBER(env, SPEC_TEXTS),
    MEMBER(port, SPEC_PORT),        MEMBER(server_port, SPEC_PORT),
    MEMBER(readiness, SPEC_TEXT),   MEMBER(liveness, SPEC_TEXT),
    MEMBER(probe_ms, SPEC_I64),     MEMBER(first_probe_ms, SPEC_I64),
    MEMBER(startup_ms, SPEC_I64),   MEMBER(stop_traffic_ms, SPEC_I64),
    MEMBER(restart_ms, SPEC_I64),   MEMBER(drain_ms, SPEC_I64),
    MEMBER(grace_ms, SPEC_I64),     MEMBER(cgroup, SPEC_TEXT),
    MEMBER(memory_bytes, SPEC_U64), MEMBER(cpu_milli, SPEC_U32),
    MEMBER(user, SPEC_TEXT),        MEMBER(uid, SPEC_U32),
    MEMBER(gid, SPEC_U32),
#undef MEMBER
};

static const void *at(const struct spec *spec, const struct spec_member *m)
{
    return (const char *)spec + m->offset;
}

static json_t *texts_to_json(const char *const *texts)
{
    json_t *array = json_array();

    for (; texts && *texts; texts++)
        json_array_append_new(array, json_string(*texts));
    return array;
}

static json_t *member_to_json(const struct spec *spec, const struct spec_member *m)
{
    const void *from = at(spec, m);
    const char *text;

    switch (m->kind) {
    case SPEC_TEXT:
        text = *(const char *const *)from;
        return json_string(text ? text : "");
    case SPEC_TEXTS:
        return texts_to_json(*(const char *const *const *)from);
    case SPEC_PORT:
        return json_integer(*(const uint16_t *)from);
    case SPEC_I64:
        return json_integer(*(const int64_t *)from);
    case SPEC_U32:
        return json_integer(*(const uint32_t *)from);
    default:
        return json_integer((json_int_t) * (const uint64_t *)from);
    }
}

int spec_write(const struct spec *spec, int folder)
{
    json_t *document = json_object();
    int r = 0;

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        /* NULL: a text that is not UTF-8. */
        if (json_object_set_new(document, members[i].name, member_to_json(spec, &members[i])) < 0)
            r = -EILSEQ;
    }
    char *text = r == 0 ? json_dumps(document, JSON_INDENT(1)) : NULL;
    if (r == 0)
        r = text ? files_write(folder, FILES_SPEC, str_of(text)) : -EILSEQ;
    free(text);
    json_decref(document);
    return r;
}

static bool texts_from_json(const json_t *array, const char ***ret_texts)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array) || n > SPEC_LIST_MAX)
        return false;
    *ret_texts = mem_zalloc((n + 1) * sizeof(**ret_texts));
    for (size_t i = 0; i < n; i++) {
        (*ret_texts)[i] = json_string_value(json_array_get(array, i));
        if (!(*ret_texts)[i])
            return false;
    }
    return true;
}

static bool member_from_json(struct spec *spec, const struct spec_member *m, const json_t *value)
{
    void *to = (char *)spec + m->offset;
    json_int_t number = json_integer_value(value);

    if (m->kind == SPEC_TEXTS)
        return texts_from_json(value, to);
    if (m->kind == SPEC_TEXT)
        return (*(const char **)to = json_string_value(value)) != NULL;
    if (!json_is_integer(value) || number < 0)
        return false;
    if (m->kind == SPEC_PORT)
        return (*(uint16_t *)to = (uint16_t)number) == number;
    if (m->kind == SPEC_U32)
        return (*(uint32_t *)to = (uint32_t)number) == number;
    if (m->kind == SPEC_U64)
        *(uint64_t *)to = (uint64_t)number;
    else
        *(int64_t *)to = number;
    return true;
}

static int read_members(struct spec *spec, char ret_why[SPEC_WHY_BYTES])
{
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const json_t *value = json_object_get(spec->document, members[i].name);

        if (member_from_json(spec, &members[i], value))
            continue;
        snprintf(ret_why, SPEC_WHY_BYTES, FILES_SPEC ": %s is missing or has no usable value",
                 members[i].name);
        return -EINVAL;
    }
    if (spec->argv[0])
        return 0;
    snprintf(ret_why, SPEC_WHY_BYTES, FILES_SPEC ": argv is empty");
    return -EINVAL;
}

int spec_read(struct spec *spec, int folder, char ret_why[SPEC_WHY_BYTES])
{
    struct buf text CLEANUP(buf_deinit);
    json_error_t error;
    int r;

    buf_init(&text, 0);
    r = files_read(folder, FILES_SPEC, SPEC_MAX_BYTES, &text);
    if (r < 0) {
        snprintf(ret_why, SPEC_WHY_BYTES, FILES_SPEC " cannot be read: %s", strerrordesc_np(-r));
        return r;
    }
    spec->document = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (spec->document)
        return read_members(spec, ret_why);
    snprintf(ret_why, SPEC_WHY_BYTES, FILES_SPEC " is no JSON: line %d: %s", error.line,
             error.text);
    return -EINVAL;
}

void spec_deinit(struct spec *spec)
{
    mem_free(TAKE(spec->argv));
    mem_free(TAKE(spec->env));
    json_decref(TAKE(spec->document));
}

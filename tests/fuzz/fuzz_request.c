/* Request bodies: whatever is accepted and derived for an endpoint is, to another reader of JSON,
 * the same object without `vetted` and with the endpoint's model, and names no target of its own.
 * The first byte picks the model. */

#include "base/mem.h"
#include "edge/request.h"

#include <assert.h>
#include <jansson.h>

enum { MEMBERS = 128, DEPTH = 64 };

static const str models[] = {STR_INIT(""), STR_INIT("m"),
                             STR_INIT("a\"b\\c\n\x7f/\xc3\xa9\xf0\x9f\x98\x80")};

static json_t *read_as_others_do(str text)
{
    json_t *value = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);

    if (json_is_object(value))
        return value;
    json_decref(value); /* its own bounds on numbers and names */
    return NULL;
}

/* The segments in one piece; they must say their own length. */
static str join(const struct iovec *segments, size_t n, size_t bytes, struct arena *arena)
{
    char *joined = arena_alloc(arena, bytes);
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        assert(segments[i].iov_len && segments[i].iov_len <= bytes - at);
        memcpy(joined + at, segments[i].iov_base, segments[i].iov_len);
        at += segments[i].iov_len;
    }
    assert(at == bytes);
    return str_make(joined, bytes);
}

static void compare(str body, str derived, str model)
{
    json_t *expected = read_as_others_do(body);

    if (!expected)
        return;
    json_t *value = read_as_others_do(derived);
    assert(value);
    assert(!json_object_get(value, "vetted") && !json_object_get(value, "api_base"));
    json_object_del(expected, "vetted");
    if (model.n)
        json_object_set_new(expected, "model", json_stringn(model.p, model.n));
    assert(json_equal(expected, value));
    json_decref(expected);
    json_decref(value);
}

static void derive(const struct request_facts *facts, str body, str model, struct arena *arena)
{
    struct json_scan *scan = json_scan_new(MEMBERS, DEPTH);
    struct iovec *segments;
    size_t n, bytes = request_derive_body(facts, body, model, arena, &segments, &n);
    str derived = join(segments, n, bytes, arena);

    assert(json_scan_feed(scan, derived, JSON_SCAN_LAST) == JSON_SCAN_DONE);
    assert(!json_scan_find(scan, derived, STR("vetted")));
    const struct json_member *m = json_scan_find(scan, derived, STR("model"));
    assert(m && str_eq(json_value_text(m, derived, arena), model.n ? model : facts->model));
    compare(body, derived, model);
    json_scan_free(scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    str body = str_make((const char *)data + 1, size - 1),
        model = models[data[0] % COUNT_OF(models)];
    struct json_scan *scan = json_scan_new(MEMBERS, DEPTH);
    struct request_facts facts = {0};
    struct request_refusal refusal = {0};
    struct arena arena;

    arena_init(&arena, NULL, 0);
    if (json_scan_feed(scan, body, JSON_SCAN_LAST) == JSON_SCAN_DONE) {
        if (request_read_json(scan, body, &arena, &facts, &refusal))
            derive(&facts, body, model, &arena);
        else
            assert(refusal.fault != FAULT_NONE && refusal.message.n && refusal.param.n);
    }
    json_scan_free(scan);
    arena_deinit(&arena);
    return 0;
}

#include "edge/surface.h"

#include "base/mem.h"

#define INFERENCE SURFACE_INFERENCE, SURFACE_BODY_JSON, SURFACE_SPLICE_JSON
#define UPLOAD    SURFACE_INFERENCE, SURFACE_BODY_MULTIPART, SURFACE_SPLICE_JSON
#define STORED    SURFACE_STORED, SURFACE_BODY_NONE, SURFACE_SPLICE_NO
#define LOCAL     SURFACE_BODY_NONE, SURFACE_SPLICE_NO

static const struct surface surfaces[] = {
    {HTTP_METHOD_POST, STR_INIT("/chat/completions"), INFERENCE, false},
    {HTTP_METHOD_POST, STR_INIT("/completions"), INFERENCE, false},
    {HTTP_METHOD_POST, STR_INIT("/embeddings"), INFERENCE, false},
    {HTTP_METHOD_POST, STR_INIT("/responses"), INFERENCE, true},
    {HTTP_METHOD_POST, STR_INIT("/audio/transcriptions"), UPLOAD, false},
    {HTTP_METHOD_POST, STR_INIT("/audio/translations"), UPLOAD, false},
    {HTTP_METHOD_POST, STR_INIT("/audio/speech"), INFERENCE, false},
    {HTTP_METHOD_GET, STR_INIT("/responses/{id}"), STORED, false},
    {HTTP_METHOD_DELETE, STR_INIT("/responses/{id}"), STORED, false},
    {HTTP_METHOD_POST, STR_INIT("/responses/{id}/cancel"), STORED, false},
    {HTTP_METHOD_GET, STR_INIT("/responses/{id}/input_items"), STORED, false},
    {HTTP_METHOD_GET, STR_INIT("/models"), SURFACE_MODELS, LOCAL, false},
    {HTTP_METHOD_GET, STR_INIT("/models/*"), SURFACE_MODEL, LOCAL, false},
    {HTTP_METHOD_GET, STR_INIT("/health/live"), SURFACE_HEALTH_LIVE, LOCAL, false},
    {HTTP_METHOD_GET, STR_INIT("/health/ready"), SURFACE_HEALTH_READY, LOCAL, false},
    {HTTP_METHOD_GET, STR_INIT("/customer/*"), SURFACE_MANAGEMENT, LOCAL, false},
    {HTTP_METHOD_POST, STR_INIT("/customer/*"), SURFACE_MANAGEMENT, SURFACE_BODY_JSON,
     SURFACE_SPLICE_NO, false},
    {HTTP_METHOD_GET, STR_INIT("/end_user/*"), SURFACE_MANAGEMENT, LOCAL, false},
    {HTTP_METHOD_POST, STR_INIT("/end_user/*"), SURFACE_MANAGEMENT, SURFACE_BODY_JSON,
     SURFACE_SPLICE_NO, false},
};

enum { SEGMENT_MAX_BYTES = 256 };

/* Ids of stored responses and of models: what OpenAI's and everybody's look like. Slashes and
 * colons occur in model names only. */
static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '~';
}

static bool take_id(str *path, str *ret_id)
{
    size_t n = 0;

    while (n < path->n && is_id_char(path->p[n]))
        n++;
    if (n == 0 || n > SEGMENT_MAX_BYTES)
        return false;
    *ret_id = str_upto(*path, n);
    *path = str_from(*path, n);
    return true;
}

static bool match_path(str pattern, str path, str *ret_id)
{
    size_t brace = str_search(pattern, STR("{id}"));

    if (str_ends(pattern, STR("*"))) {
        str prefix = str_upto(pattern, pattern.n - 1);

        *ret_id = str_from(path, prefix.n);
        return str_starts(path, prefix) && path.n > prefix.n;
    }
    if (brace == pattern.n)
        return str_eq(pattern, path);
    if (!str_starts(path, str_upto(pattern, brace)))
        return false;
    str rest = str_from(path, brace);
    return take_id(&rest, ret_id) && str_eq(rest, str_from(pattern, brace + strlen("{id}")));
}

static bool first_char_differs(str pattern, str path)
{
    return path.n < 2 || pattern.p[1] != path.p[1];
}

enum surface_outcome surface_find(const struct http_head *head, struct surface_match *ret_match)
{
    size_t question = str_find(head->target, '?', 0);
    str path = str_upto(head->target, question);
    enum surface_outcome outcome = SURFACE_NOT_FOUND;

    if (str_starts(path, STR("/v1/")))
        path = str_from(path, strlen("/v1"));
    for (size_t i = 0; i < COUNT_OF(surfaces); i++) {
        str id = STR_NULL;

        if (first_char_differs(surfaces[i].path, path) || !match_path(surfaces[i].path, path, &id))
            continue;
        if (surfaces[i].method != head->method) {
            outcome = SURFACE_WRONG_METHOD;
            continue;
        }
        *ret_match = (struct surface_match){.surface = &surfaces[i],
                                            .path = path,
                                            .query = str_from(head->target, question + 1),
                                            .id = id};
        return SURFACE_FOUND;
    }
    return outcome;
}

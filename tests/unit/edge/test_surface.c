#include "edge/surface.h"

#include "base/mem.h"
#include "unit/test.h"

/* Paths as they come, and what they are taken for. */

static struct surface_match found;

static enum surface_outcome find(enum http_method method, const char *target)
{
    struct http_head head = {.method = method, .target = str_of(target)};

    memset(&found, 0, sizeof(found));
    return surface_find(&head, &found);
}

/* The same thing with and without "/v1". */
static void check_both(enum http_method method, const char *path, enum surface_kind kind,
                       enum surface_body body, const char *id)
{
    char target[512];

    for (int v1 = 0; v1 < 2; v1++) {
        snprintf(target, sizeof(target), "%s%s", v1 ? "/v1" : "", path);
        CHECK_INT(find(method, target), SURFACE_FOUND);
        CHECK_INT(found.surface->kind, kind);
        CHECK_INT(found.surface->body, body);
        CHECK_STR(found.path, path);
        CHECK_STR(found.id, id);
        CHECK_INT(found.query.n, 0);
    }
}

static void test_inference(void)
{
    static const char *const json[] = {"/chat/completions", "/completions", "/embeddings",
                                       "/responses", "/audio/speech"};

    for (size_t i = 0; i < COUNT_OF(json); i++)
        check_both(HTTP_METHOD_POST, json[i], SURFACE_INFERENCE, SURFACE_BODY_JSON, "");
    check_both(HTTP_METHOD_POST, "/audio/transcriptions", SURFACE_INFERENCE, SURFACE_BODY_MULTIPART,
               "");
    check_both(HTTP_METHOD_POST, "/audio/translations", SURFACE_INFERENCE, SURFACE_BODY_MULTIPART,
               "");
}

static void test_only_responses_are_remembered(void)
{
    CHECK_INT(find(HTTP_METHOD_POST, "/v1/responses"), SURFACE_FOUND);
    CHECK(found.surface->remembers);
    CHECK_INT(find(HTTP_METHOD_POST, "/v1/chat/completions"), SURFACE_FOUND);
    CHECK(!found.surface->remembers);
}

static void test_stored_responses(void)
{
    static const char id[] = "resp_0-9.A:z~";
    char path[128];

    snprintf(path, sizeof(path), "/responses/%s", id);
    check_both(HTTP_METHOD_GET, path, SURFACE_STORED, SURFACE_BODY_NONE, id);
    check_both(HTTP_METHOD_DELETE, path, SURFACE_STORED, SURFACE_BODY_NONE, id);
    snprintf(path, sizeof(path), "/responses/%s/cancel", id);
    check_both(HTTP_METHOD_POST, path, SURFACE_STORED, SURFACE_BODY_NONE, id);
    snprintf(path, sizeof(path), "/responses/%s/input_items", id);
    check_both(HTTP_METHOD_GET, path, SURFACE_STORED, SURFACE_BODY_NONE, id);
}

static void test_ids_hold_nothing_that_could_lead_elsewhere(void)
{
    static const char *const wrong[] = {"",     "a/b",  "a%2fb",  "a%2e",   "a b",
                                        "a;b",  "a\\b", "a@b",    "a#b",    "../models",
                                        "a/..", "a//",  "a\x80z", "cancel/"};
    char target[512];

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(target, sizeof(target), "/v1/responses/%s", wrong[i]);
        CHECK_INT(find(HTTP_METHOD_GET, target), SURFACE_NOT_FOUND);
    }
    memset(target, 'a', sizeof(target));
    memcpy(target, "/v1/responses/", 14);
    target[14 + 256] = '\0';
    CHECK_INT(find(HTTP_METHOD_GET, target), SURFACE_FOUND);
    target[14 + 256] = 'a';
    target[14 + 257] = '\0';
    CHECK_INT(find(HTTP_METHOD_GET, target), SURFACE_NOT_FOUND);
}

static void test_what_is_answered_here(void)
{
    check_both(HTTP_METHOD_GET, "/models", SURFACE_MODELS, SURFACE_BODY_NONE, "");
    check_both(HTTP_METHOD_GET, "/models/azure/gpt-4o", SURFACE_MODEL, SURFACE_BODY_NONE,
               "azure/gpt-4o");
    CHECK_INT(find(HTTP_METHOD_GET, "/v1/models/"), SURFACE_NOT_FOUND);
    CHECK_INT(find(HTTP_METHOD_GET, "/health/live"), SURFACE_FOUND);
    CHECK_INT(found.surface->kind, SURFACE_HEALTH_LIVE);
    CHECK_INT(find(HTTP_METHOD_GET, "/health/ready"), SURFACE_FOUND);
    CHECK_INT(found.surface->kind, SURFACE_HEALTH_READY);
}

static void test_management_is_relayed(void)
{
    CHECK_INT(find(HTTP_METHOD_POST, "/customer/new"), SURFACE_FOUND);
    CHECK(found.surface->kind == SURFACE_MANAGEMENT && found.surface->body == SURFACE_BODY_JSON);
    CHECK_INT(find(HTTP_METHOD_GET, "/end_user/info?end_user_id=u"), SURFACE_FOUND);
    CHECK_INT(found.surface->kind, SURFACE_MANAGEMENT);
    CHECK_STR(found.query, "end_user_id=u");
    CHECK_INT(find(HTTP_METHOD_POST, "/customer"), SURFACE_NOT_FOUND);
    CHECK_INT(find(HTTP_METHOD_DELETE, "/customer/new"), SURFACE_WRONG_METHOD);
}

static void test_queries_are_set_aside(void)
{
    CHECK_INT(find(HTTP_METHOD_POST, "/v1/chat/completions?api-version=1&x=?"), SURFACE_FOUND);
    CHECK_STR(found.path, "/chat/completions");
    CHECK_STR(found.query, "api-version=1&x=?");
    CHECK_INT(find(HTTP_METHOD_POST, "/v1/chat/completions?"), SURFACE_FOUND);
    CHECK_INT(found.query.n, 0);
    CHECK_INT(find(HTTP_METHOD_GET, "/v1/responses/a?include=x"), SURFACE_FOUND);
    CHECK_STR(found.id, "a");
}

static void test_another_method_is_said_to_be_one(void)
{
    CHECK_INT(find(HTTP_METHOD_GET, "/v1/chat/completions"), SURFACE_WRONG_METHOD);
    CHECK_INT(find(HTTP_METHOD_OTHER, "/v1/models"), SURFACE_WRONG_METHOD);
    CHECK_INT(find(HTTP_METHOD_PUT, "/v1/responses/a"), SURFACE_WRONG_METHOD);
    CHECK(!found.surface);
}

/* Matching is exact: what a more lenient reader upstream would take for a known path is unknown. */
static void test_other_spellings_are_unknown(void)
{
    static const char *const targets[] = {"",
                                          "/",
                                          "*",
                                          "/v1",
                                          "/v1/",
                                          "v1/chat/completions",
                                          "//v1/chat/completions",
                                          "/v1//chat/completions",
                                          "/v1/chat//completions",
                                          "/v1/chat/completions/",
                                          "/v1/chat/completions;x",
                                          "/v1/chat/completions#x",
                                          "/v1/chat/completionsx",
                                          "/v1/chat/completion",
                                          "/V1/chat/completions",
                                          "/v1/Chat/completions",
                                          "/v1/chat/%63ompletions",
                                          "/v1/./chat/completions",
                                          "/v1/x/../chat/completions",
                                          "/v1/v1/chat/completions",
                                          "/v2/chat/completions",
                                          "/chat",
                                          "http://x/v1/chat/completions",
                                          "?/v1/chat/completions",
                                          "/v1/files"};

    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        CHECK_INT(find(HTTP_METHOD_POST, targets[i]), SURFACE_NOT_FOUND);
        CHECK_INT(find(HTTP_METHOD_GET, targets[i]), SURFACE_NOT_FOUND);
        CHECK(!found.surface);
    }
}

int main(void)
{
    RUN(test_inference);
    RUN(test_only_responses_are_remembered);
    RUN(test_stored_responses);
    RUN(test_ids_hold_nothing_that_could_lead_elsewhere);
    RUN(test_what_is_answered_here);
    RUN(test_management_is_relayed);
    RUN(test_queries_are_set_aside);
    RUN(test_another_method_is_said_to_be_one);
    RUN(test_other_spellings_are_unknown);
    return test_end();
}

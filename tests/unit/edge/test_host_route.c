#include "edge/host_route.h"

#include "base/mem.h"
#include "unit/test.h"

/* Every operation, under every selector, on every kind of host. */

static struct host_route found;

static enum host_route_outcome find(const char *name, enum http_method method, const char *target)
{
    static struct host host;

    memset(&found, 0, sizeof(found));
    CHECK_INT(host_parse(str_of(name), STR("d"), &host), HOST_OF_MODEL);
    return host_route_find(&host, method, str_of(target), &found);
}

static const struct operation {
    const char *path, *replica_path;
    enum http_method method;
    bool of_models, of_chains;
    enum host_operation operation;
} operations[] = {
    {"/predict", "/predict", HTTP_METHOD_POST, true, false, HOST_PREDICT},
    {"/run_remote", "/run_remote", HTTP_METHOD_POST, false, true, HOST_RUN_REMOTE},
    {"/sync/v1/chat/completions", "/v1/chat/completions", HTTP_METHOD_POST, true, false, HOST_SYNC},
    {"/sync/a%20b/", "/a%20b/", HTTP_METHOD_DELETE, true, false, HOST_SYNC},
    {"/sync/", "/", HTTP_METHOD_GET, true, false, HOST_SYNC},
    {"/websocket", "/websocket", HTTP_METHOD_GET, true, true, HOST_WEBSOCKET},
    {"/wake", "/wake", HTTP_METHOD_POST, true, true, HOST_WAKE},
};

static const struct selector {
    const char *path, *name;
    enum host_selector selector;
} selectors[] = {
    {"/production", "production", HOST_SELECTS_ENVIRONMENT},
    {"/environments/production", "production", HOST_SELECTS_ENVIRONMENT},
    {"/environments/prod-us", "prod-us", HOST_SELECTS_ENVIRONMENT},
    {"/development", "development", HOST_SELECTS_DEVELOPMENT},
    {"/environments/development", "development", HOST_SELECTS_DEVELOPMENT},
    {"/deployment/w3x4y5z", "w3x4y5z", HOST_SELECTS_DEPLOYMENT},
};

static void check(const char *host, const struct operation *o, const char *prefix,
                  enum host_selector selector, const char *name, bool is_there)
{
    char target[256];

    snprintf(target, sizeof(target), "%s%s?q=%%2F..&r", prefix, o->path);
    enum host_route_outcome outcome = find(host, o->method, target);
    CHECK_INT(found.selector, selector);
    CHECK_STR(found.name, name);
    CHECK_INT(outcome, is_there ? HOST_ROUTE_FOUND : HOST_ROUTE_UNKNOWN);
    if (!is_there)
        return;
    CHECK_INT(found.operation, o->operation);
    CHECK_STR(found.path, o->replica_path);
    CHECK_STR(found.query, "?q=%2F..&r");
}

static void test_standard_hosts(void)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        for (size_t k = 0; k < COUNT_OF(selectors); k++) {
            check("model-a.d", &operations[i], selectors[k].path, selectors[k].selector,
                  selectors[k].name, operations[i].of_models);
            check("chain-a.d", &operations[i], selectors[k].path, selectors[k].selector,
                  selectors[k].name, operations[i].of_chains);
        }
}

static void test_regional_hosts(void)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        check("model-a-eu.d", &operations[i], "", HOST_SELECTS_ENVIRONMENT, "eu",
              operations[i].of_models);
        check("chain-a-eu.d", &operations[i], "", HOST_SELECTS_ENVIRONMENT, "eu",
              operations[i].of_chains);
    }
}

static void test_selectors_on_regional_hosts_name_the_bare_path(void)
{
    char target[256];

    for (size_t i = 0; i < COUNT_OF(operations); i++)
        for (size_t k = 0; k < COUNT_OF(selectors); k++) {
            snprintf(target, sizeof(target), "%s%s", selectors[k].path, operations[i].path);
            CHECK_INT(find("model-a-eu.d", operations[i].method, target), HOST_ROUTE_HAS_SELECTOR);
            CHECK_STR(found.path, operations[i].path);
            CHECK_STR(found.name, "eu");
        }
}

static void test_bare_paths_on_standard_hosts(void)
{
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (operations[i].of_models)
            CHECK_INT(find("model-a.d", operations[i].method, operations[i].path),
                      HOST_ROUTE_LACKS_SELECTOR);
    CHECK_INT(find("model-a.d", HTTP_METHOD_GET, "/v1/models"), HOST_ROUTE_UNKNOWN);
    CHECK_INT(find("model-a.d", HTTP_METHOD_GET, "/"), HOST_ROUTE_UNKNOWN);
}

/* It asks for the request to be sent back as it came in, and that has the replica's credential. */
static void test_nothing_is_traced(void)
{
    CHECK_INT(find("model-a.d", HTTP_METHOD_TRACE, "/production/sync/x"), HOST_ROUTE_WRONG_METHOD);
    CHECK_INT(find("model-a-eu.d", HTTP_METHOD_TRACE, "/sync/x"), HOST_ROUTE_WRONG_METHOD);
    CHECK_INT(find("model-a-eu.d", HTTP_METHOD_OTHER, "/sync/x"), HOST_ROUTE_FOUND);
}

static void test_wrong_methods(void)
{
    CHECK_INT(find("model-a.d", HTTP_METHOD_GET, "/production/predict"), HOST_ROUTE_WRONG_METHOD);
    CHECK_INT(find("model-a.d", HTTP_METHOD_POST, "/production/websocket"),
              HOST_ROUTE_WRONG_METHOD);
    CHECK_INT(find("model-a-eu.d", HTTP_METHOD_GET, "/wake"), HOST_ROUTE_WRONG_METHOD);
    CHECK_INT(find("chain-a-eu.d", HTTP_METHOD_PUT, "/run_remote"), HOST_ROUTE_WRONG_METHOD);
}

static void test_what_is_not_in_the_table(void)
{
    static const char *const targets[] = {
        "/production",
        "/production/",
        "/production/predict/",
        "/production//predict",
        "/production/Predict",
        "/Production/predict",
        "/production/sync",
        "/production/predictx",
        "/production/async_predict",
        "/environments",
        "/environments/",
        "/environments//predict",
        "/deployment/",
        "/deployments/x/predict",
        "/environment/production/predict",
        "/async_request/1",
        "*",
        "",
    };

    for (size_t i = 0; i < COUNT_OF(targets); i++)
        CHECK_INT(find("model-a.d", HTTP_METHOD_POST, targets[i]), HOST_ROUTE_UNKNOWN);
    CHECK_INT(find("model-a-eu.d", HTTP_METHOD_POST, "/nothing"), HOST_ROUTE_UNKNOWN);
    CHECK_INT(find("model-a-eu.d", HTTP_METHOD_POST, "/sync"), HOST_ROUTE_UNKNOWN);
}

static void test_paths_that_climb(void)
{
    static const char *const climbing[] = {
        "/..",     "/../x",   "/a/../b", "/a/..",  "/./x",    "/a/.",        "/%2e%2e/x",
        "/%2E./x", "/a/.%2e", "/..%2fx", "/..\\x", "/..%5Cx", "/a%2f..%2fb",
    };
    static const char *const fine[] = {"/...",    "/.x",      "/..x",   "/x..",
                                       "/a..b/c", "/%2e%2ea", "/x?/../"};
    char target[128];

    for (size_t i = 0; i < COUNT_OF(climbing); i++) {
        snprintf(target, sizeof(target), "/production/sync%s", climbing[i]);
        CHECK_INT(find("model-a.d", HTTP_METHOD_GET, target), HOST_ROUTE_HAS_DOTS);
    }
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        snprintf(target, sizeof(target), "/production/sync%s", fine[i]);
        CHECK_INT(find("model-a.d", HTTP_METHOD_GET, target), HOST_ROUTE_FOUND);
    }
}

int main(void)
{
    RUN(test_standard_hosts);
    RUN(test_regional_hosts);
    RUN(test_selectors_on_regional_hosts_name_the_bare_path);
    RUN(test_bare_paths_on_standard_hosts);
    RUN(test_wrong_methods);
    RUN(test_nothing_is_traced);
    RUN(test_what_is_not_in_the_table);
    RUN(test_paths_that_climb);
    return test_end();
}

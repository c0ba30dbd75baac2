/* Requests to model hosts through a whole edge: where they go, what passes, what is refused. */

#include "model_hosts.h"

#include "base/mem.h"
#include "unit/test.h"

#include <unistd.h>

static struct model_hosts *g;

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

static str predict(const char *host, const char *path)
{
    return ask(g, NULL, "POST", host, path, "", STR("{\"x\":1}"));
}

static void check_refused(str answer, unsigned status, const char *error_code, const char *message)
{
    char code[64];

    snprintf(code, sizeof(code), "\"error_code\":\"%s\"}", error_code);
    CHECK_INT(status_of(answer), status);
    CHECK(has(answer, "{\"error\":\""));
    CHECK(has(answer, code));
    CHECK(has(answer, message));
    CHECK(has(answer, "\r\nx-baseten-request-id: "));
    CHECK(!has(answer, "\r\nx-ambit-region: "));
    CHECK(!has(answer, "\r\nx-litellm-"));
}

/* --- replicas that are dead and still listed */

static str predict_with_dead(unsigned dead)
{
    static uint64_t revive = 1000;
    struct policy p = policy_default();

    p.dead = dead;
    p.revive = revive++;
    model_hosts_publish(g, &p);
    replica_set(model_hosts_replica(g, 1), NULL);
    return predict("model-abc.d.test", "/production/predict");
}

static void test_a_dead_replica_is_passed_over(void)
{
    str answer = predict_with_dead(1 << 0);

    CHECK_INT(status_of(answer), 200);
    CHECK(has(answer, "\r\nX-BASETEN-MODEL-PREDICTION-ATTEMPTS: 2\r\n"));
    CHECK(has(replica_seen(model_hosts_replica(g, 1)), "\r\n\r\n{\"x\":1}"));
    predict_with_dead(0);
}

static void test_where_all_replicas_are_dead_none_is_ready(void)
{
    str answer = predict_with_dead(1 << 0 | 1 << 1);

    check_refused(answer, 503, "model_not_ready",
                  "no replica of deployment \\\"prod1\\\" is ready");
    CHECK(has(answer, "\r\nretry-after: "));
    CHECK_INT(status_of(predict_with_dead(0)), 200);
}

/* --- what passes */

static void test_predict_goes_to_the_environments_deployment(void)
{
    struct replica *r = model_hosts_replica(g, 0);
    str answer =
        ask(g, NULL, "POST", "model-abc.d.test", "/production/predict?a=b%2F",
            "Content-Type: application/x-thing\r\nX-Mine: kept\r\nAccept-Encoding: br\r\n"
            "Cookie: no\r\nx-ambit-secret: no\r\nX-Forwarded-For: no\r\nx-litellm-z: no\r\n"
            "Forwarded: for=no\r\nX-Hop: no\r\nConnection: close, x-hop\r\n"
            "traceparent: 00-1-2-01\r\nX-Request-Id: mine-1\r\n",
            STR("\x01\x02 not json"));

    CHECK_INT(status_of(answer), 200);
    CHECK(has(answer, "\r\n\r\nok"));
    CHECK(has(answer, "\r\nx-ambit-region: scaleway-par-1\r\n"));
    CHECK(has(answer, "\r\nx-request-id: mine-1\r\n"));
    CHECK(has(answer, "\r\nx-ambit-routing-trace: {"));
    CHECK(has(answer, "\r\nx-model: yes\r\n"));
    CHECK(has(answer, "\r\nContent-Type: text/x-model\r\n"));
    CHECK(!has(answer, "a-lie"));
    CHECK(!has(answer, "PREDICTION-ATTEMPTS"));
    str seen = replica_seen(r);
    CHECK(has(seen, "POST /v1/models/model:predict?a=b%2F HTTP/1.1\r\n"));
    CHECK(has(seen, "\x01\x02 not json"));
    CHECK(has(seen, "X-Mine: kept\r\n"));
    CHECK(has(seen, "Accept-Encoding: br\r\n"));
    CHECK(has(seen, "traceparent: 00-1-2-01\r\n"));
    CHECK(has(seen, "Content-Type: application/x-thing\r\n"));
    CHECK(has(seen, "x-request-id: mine-1\r\n"));
    CHECK(!has(seen, "no\r\n"));
    CHECK(!has(seen, "k-all"));
    CHECK(!has(seen, "uthorization"));
}

static void test_request_ids_are_the_same_on_both_sides(void)
{
    str answer = predict("model-abc.d.test", "/production/predict");
    size_t at = str_search(answer, STR("\r\nx-baseten-request-id: "));
    char line[128];

    CHECK(at < answer.n);
    str id = str_upto(str_from(answer, at + strlen("\r\nx-baseten-request-id: ")), 32);
    for (size_t i = 0; i < id.n; i++)
        CHECK((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f'));
    snprintf(line, sizeof(line), "\r\nx-baseten-request-id: %.*s\r\n", STR_ARG(id));
    CHECK(has(answer, line));
    CHECK(has(replica_seen(model_hosts_replica(g, 0)), line));
}

static void test_every_selector_finds_its_deployment(void)
{
    static const struct {
        const char *host, *path;
        size_t replica;
    } rows[] = {
        {"model-abc.d.test", "/production/predict", 0},
        {"model-abc.d.test", "/environments/production/predict", 0},
        {"model-abc.d.test", "/environments/eu/predict", 2},
        {"model-abc.d.test", "/environments/us/predict", 3},
        {"model-abc.d.test", "/development/predict", 0},
        {"model-abc.d.test", "/environments/development/predict", 0},
        {"model-abc.d.test", "/deployment/euro1/predict", 2},
        {"model-abc.d.test", "/deployment/alone1/predict", 4},
        {"MODEL-ABC.D.TEST:4000", "/production/predict", 0},
        {"model-abc-eu.d.test", "/predict", 2},
        {"model-oth.d.test", "/production/predict", 0},
        {"chain-xyz.d.test", "/production/run_remote", 0},
        {"chain-xyz-eu.d.test", "/run_remote", 2},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct replica *r = model_hosts_replica(g, rows[i].replica);
        unsigned before = atomic_load(&r->noted);

        CHECK_INT(status_of(predict(rows[i].host, rows[i].path)), 200);
        CHECK_INT(atomic_load(&r->noted), before + 1);
        CHECK(has(replica_seen(r), "/v1/models/model:predict"));
    }
}

static void test_sync_passes_method_path_and_query(void)
{
    struct replica *r = model_hosts_replica(g, 4);
    str answer = ask(g, NULL, "PUT", "model-abc.d.test", "/deployment/alone1/sync/v1/a%20b?q=/../x",
                     "", STR("x"));

    CHECK_INT(status_of(answer), 200);
    CHECK(has(replica_seen(r), "PUT /base/v1/a%20b?q=/../x HTTP/1.1\r\n"));
    CHECK(has(replica_seen(r), "authorization: Bearer replica-secret\r\n"));
    answer = ask(g, NULL, "GET", "model-abc-eu.d.test", "/sync/v1/models", "", STR_NULL);
    CHECK_INT(status_of(answer), 200);
    CHECK(has(replica_seen(model_hosts_replica(g, 2)), "GET /v1/models HTTP/1.1\r\n"));
    CHECK(!has(replica_seen(model_hosts_replica(g, 2)), "ontent-Length"));
}

static bool say_head_only(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 77\r\n\r\n");
    return false;
}

static void test_head_has_no_body(void)
{
    replica_set(model_hosts_replica(g, 2), say_head_only);
    str answer = ask(g, NULL, "HEAD", "model-abc-eu.d.test", "/sync/x", "", STR_NULL);
    replica_set(model_hosts_replica(g, 2), NULL);
    CHECK_INT(status_of(answer), 200);
    CHECK(has(answer, "Content-Length: 77\r\n"));
    CHECK(str_ends(answer, STR("\r\n\r\n")));
}

static bool say_head_of_chunks(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n");
    return false;
}

static bool say_not_modified(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 304 Same\r\nConnection: close\r\nETag: \"1\"\r\n\r\n");
    return false;
}

/* "0" would speak of what a GET brings. */
static void test_a_length_that_nobody_has_said_is_not_made_up(void)
{
    replica_set(model_hosts_replica(g, 2), say_head_of_chunks);
    str answer = ask(g, NULL, "HEAD", "model-abc-eu.d.test", "/sync/x", "", STR_NULL);
    CHECK_INT(status_of(answer), 200);
    CHECK(!has(answer, "Content-Length"));
    replica_set(model_hosts_replica(g, 2), say_not_modified);
    answer = ask(g, NULL, "GET", "model-abc-eu.d.test", "/sync/x", "", STR_NULL);
    replica_set(model_hosts_replica(g, 2), NULL);
    CHECK_INT(status_of(answer), 304);
    CHECK(has(answer, "ETag: \"1\"\r\n"));
    CHECK(!has(answer, "Content-Length"));
}

static bool say_error(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 500 Oops\r\nConnection: close\r\nX-BASETEN-ERROR-SOURCE: 04\r\n"
                        "X-BASETEN-ERROR-CODE: 600\r\nContent-Length: 5\r\n\r\nmine!");
    return false;
}

static void test_the_models_own_errors_pass(void)
{
    replica_set(model_hosts_replica(g, 2), say_error);
    str answer = predict("model-abc-eu.d.test", "/predict");
    replica_set(model_hosts_replica(g, 2), NULL);
    CHECK_INT(status_of(answer), 500);
    CHECK(str_ends(answer, STR("\r\n\r\nmine!")));
    CHECK(has(answer, "X-BASETEN-ERROR-SOURCE: 04\r\n"));
    CHECK(has(answer, "\r\nx-ambit-region: ovh-gra-1\r\n"));
}

static bool say_busy(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy");
    return false;
}

/* Requests that a model can't handle do not take it from those that it can. */
static void test_the_models_own_errors_say_nothing_about_its_replica(void)
{
    static const serve_fn failing[] = {say_error, say_busy};
    struct policy p = policy_default();

    p.allowed_fails = 2;
    model_hosts_publish(g, &p);
    for (size_t i = 0; i < COUNT_OF(failing); i++) {
        replica_set(model_hosts_replica(g, 2), failing[i]);
        for (int k = 0; k < 4; k++)
            CHECK(has(predict("model-abc-eu.d.test", "/predict"), i ? "busy" : "mine!"));
        replica_set(model_hosts_replica(g, 2), NULL);
        CHECK_INT(status_of(predict("model-abc-eu.d.test", "/predict")), 200);
    }
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_both_schemes_of_keys(void)
{
    static const char *const headers[] = {"Authorization: Api-Key k-all\r\n",
                                          "Authorization: api-key k-all\r\n",
                                          "Authorization: bearer k-all\r\n"};

    for (size_t i = 0; i < COUNT_OF(headers); i++)
        CHECK_INT(status_of(ask(g, "", "POST", "model-abc.d.test", "/production/predict",
                                headers[i], STR("x"))),
                  200);
}

/* --- what is refused */

static void test_wrong_keys_come_first(void)
{
    str answer = ask(g, "k-nobody", "POST", "model-none.d.test", "/x", "", STR_NULL);

    check_refused(answer, 401, "unauthorized", "no API key");
    CHECK(has(answer, "\r\nwww-authenticate: Bearer\r\n"));
    CHECK(has(answer, "\r\nwww-authenticate: Api-Key\r\n"));
    check_refused(ask(g, "k-old", "POST", "model-abc-us.d.test", "/predict", "", STR_NULL), 401,
                  "unauthorized", "expired");
    check_refused(ask(g, "", "POST", "model-abc--.d.test", "/predict", "", STR_NULL), 401,
                  "unauthorized", "no API key");
}

static void test_what_does_not_exist_is_404(void)
{
    static const struct {
        const char *host, *path, *message;
    } rows[] = {
        {"model-none.d.test", "/production/predict", "no model \\\"none\\\""},
        {"chain-abc.d.test", "/production/run_remote", "no chain \\\"abc\\\""},
        {"model-abc--.d.test", "/predict", "model host"},
        {"model-abc.d.test", "/environments/nope/predict", "no environment \\\"nope\\\""},
        {"model-abc.d.test", "/environments/empty/predict", "nothing has been promoted"},
        {"model-abc.d.test", "/environments/gone/predict", "not active"},
        {"model-abc.d.test", "/deployment/gone1/predict", "not active"},
        {"model-abc.d.test", "/deployment/other1/predict", "no deployment \\\"other1\\\""},
        {"model-oth.d.test", "/development/predict", "no development deployment"},
        {"model-abc-nope.d.test", "/predict", "no environment \\\"nope\\\""},
        {"model-abc-production.d.test", "/predict", "no region rule"},
        {"model-abc-nope.d.test", "/production/predict", "no environment \\\"nope\\\""},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_refused(predict(rows[i].host, rows[i].path), 404, "model_does_not_exist",
                      rows[i].message);
}

static void test_paths_come_last(void)
{
    check_refused(predict("model-abc-eu.d.test", "/production/predict"), 400, "client_error",
                  "ask for /predict");
    check_refused(predict("model-abc-eu.d.test", "/environments/us/predict"), 400, "client_error",
                  "ask for /predict");
    check_refused(predict("model-abc-eu.d.test", "/deployment/euro1/sync/a/b"), 400, "client_error",
                  "ask for /sync/a/b");
    check_refused(predict("model-abc-us.d.test", "/production/predict"), 421, "client_error",
                  "hetzner-fsn-1");
    check_refused(predict("model-abc.d.test", "/predict"), 404, "client_error",
                  "/production/predict");
    check_refused(predict("model-abc.d.test", "/production/nothing"), 404, "client_error",
                  "nothing that this host serves");
    check_refused(predict("model-abc.d.test", "/production/async_predict"), 404, "client_error",
                  "nothing that this host serves");
    check_refused(predict("model-none.d.test", "/nothing"), 404, "model_does_not_exist",
                  "no model");
    check_refused(ask(g, NULL, "GET", "model-abc.d.test", "/production/predict", "", STR_NULL), 405,
                  "client_error", "not a method");
    check_refused(predict("model-abc.d.test", "/production/sync/../x"), 400, "client_error",
                  "segment");
}

static void test_keys_with_limits(void)
{
    static const struct {
        const char *key, *host, *path;
        unsigned status;
    } rows[] = {
        {"k-t2", "model-oth.d.test", "/production/predict", 200},
        {"k-t2", "model-abc.d.test", "/production/predict", 403},
        {"k-oth", "model-oth.d.test", "/production/predict", 200},
        {"k-oth", "model-abc-eu.d.test", "/predict", 403},
        {"k-eu", "model-abc-eu.d.test", "/predict", 200},
        {"k-eu", "model-abc.d.test", "/environments/eu/predict", 200},
        {"k-eu", "model-abc.d.test", "/production/predict", 403},
        {"k-eu", "model-abc.d.test", "/deployment/euro1/predict", 403},
        {"k-eu", "model-abc.d.test", "/development/predict", 403},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        str answer = ask(g, rows[i].key, "POST", rows[i].host, rows[i].path, "", STR("x"));

        CHECK_INT(status_of(answer), rows[i].status);
        if (rows[i].status == 403)
            check_refused(answer, 403, "unauthorized", "this API key");
    }
    str answer = ask(g, "k-eu", "GET", "d.test", "/v1/models", "", STR_NULL);
    CHECK_INT(status_of(answer), 403);
    CHECK(has(answer, "\"code\":\"key_not_allowed\""));
    CHECK_INT(status_of(ask(g, "k-oth", "POST", "d.test", "/v1/chat/completions", "", STR("{}"))),
              403);
}

static void test_deployments_are_no_model_groups(void)
{
    str answer = ask(g, NULL, "GET", "d.test", "/v1/models", "", STR_NULL);

    CHECK_INT(status_of(answer), 200);
    CHECK(!has(answer, "prod1"));
    CHECK_INT(status_of(ask(g, NULL, "POST", "d.test", "/v1/chat/completions",
                            "Content-Type: application/json\r\n", STR("{\"model\":\"prod1\"}"))),
              404);
}

/* A body is announced and never sent: the answer has to come without it, and no replica may hear of
 * the request. */
static void test_a_gateway_outside_the_rule_is_421_before_the_body(void)
{
    struct replica *r = model_hosts_replica(g, 3);
    int fd = client_open(g);

    replica_set(r, NULL);
    client_send(fd, STR("POST /predict HTTP/1.1\r\nHost: model-abc-us.d.test\r\nAuthorization: "
                        "Bearer k-all\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"));
    str answer = client_read_until(g, fd, "}");
    close(fd);
    check_refused(answer, 421, "client_error", "allow=us");
    CHECK_INT(atomic_load(&r->noted) + atomic_load(&r->connections), 0);
    CHECK_INT(status_of(predict("model-abc.d.test", "/environments/us/predict")), 200);
    CHECK_INT(atomic_load(&r->noted), 1);
}

static void test_a_gateway_of_no_region_serves_no_regional_host(void)
{
    struct policy p = policy_default();

    p.gateway_region = NULL;
    model_hosts_publish(g, &p);
    check_refused(predict("model-abc-eu.d.test", "/predict"), 421, "client_error",
                  "gateway.region");
    CHECK_INT(status_of(predict("model-abc.d.test", "/environments/eu/predict")), 200);
    p = policy_default();
    p.gateway_region = "aws-us-east-1";
    p.eu_rule = "allow=eu;transit=us";
    model_hosts_publish(g, &p);
    CHECK_INT(status_of(predict("model-abc-eu.d.test", "/predict")), 200);
    CHECK_INT(status_of(predict("model-abc-us.d.test", "/predict")), 200);
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_standard_hosts_can_be_refused(void)
{
    struct policy p = policy_default();

    p.eu_standard_refused = true;
    model_hosts_publish(g, &p);
    check_refused(predict("model-abc.d.test", "/environments/eu/predict"), 403, "client_error",
                  "model-abc-eu.d.test");
    check_refused(predict("model-abc.d.test", "/deployment/euro1/predict"), 403, "client_error",
                  "model-abc-eu.d.test");
    CHECK_INT(status_of(predict("model-abc-eu.d.test", "/predict")), 200);
    CHECK_INT(status_of(predict("model-abc.d.test", "/production/predict")), 200);
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_a_rule_without_replicas_inside_is_403(void)
{
    struct policy p = policy_default();
    struct replica *r = model_hosts_replica(g, 2);

    p.eu_rule = "allow=de";
    model_hosts_publish(g, &p);
    replica_set(r, NULL);
    check_refused(predict("model-abc-eu.d.test", "/predict"), 403, "client_error",
                  "environment_group");
    check_refused(predict("model-abc.d.test", "/deployment/euro1/predict"), 403, "client_error",
                  "environment_group");
    CHECK_INT(atomic_load(&r->noted), 0);
    p = policy_default();
    model_hosts_publish(g, &p);
}

int main(void)
{
    struct policy p = policy_default();

    g = model_hosts_start(&p);
    RUN(test_predict_goes_to_the_environments_deployment);
    RUN(test_request_ids_are_the_same_on_both_sides);
    RUN(test_every_selector_finds_its_deployment);
    RUN(test_sync_passes_method_path_and_query);
    RUN(test_head_has_no_body);
    RUN(test_a_length_that_nobody_has_said_is_not_made_up);
    RUN(test_the_models_own_errors_pass);
    RUN(test_the_models_own_errors_say_nothing_about_its_replica);
    RUN(test_both_schemes_of_keys);
    RUN(test_wrong_keys_come_first);
    RUN(test_what_does_not_exist_is_404);
    RUN(test_paths_come_last);
    RUN(test_keys_with_limits);
    RUN(test_deployments_are_no_model_groups);
    RUN(test_a_gateway_outside_the_rule_is_421_before_the_body);
    RUN(test_a_gateway_of_no_region_serves_no_regional_host);
    RUN(test_standard_hosts_can_be_refused);
    RUN(test_a_rule_without_replicas_inside_is_403);
    RUN(test_a_dead_replica_is_passed_over);
    RUN(test_where_all_replicas_are_dead_none_is_ready);
    model_hosts_stop(g);
    return test_end();
}

#include "http/identity.h"
#include "net/networks.h"
#include "route/connector.h"

#include "unit/http/recorder.h"
#include "world.h"

#include <arpa/inet.h>

/*
 * The endpoints stand for one listening socket on the loopback interface, which the test itself
 * accepts from: "nothing is opened" is what that socket sees, and what the connector counts.
 */

static const struct upstream_limits limits = {
    .head_bytes = 4096, .headers = 32, .idle_per_origin = 2, .idle_ms = 60000};

static struct loop *loop;
static struct resolver *resolver;
static struct connector *connector;
static struct world w;
static struct recorder r;
static int listener = -1;

static uint16_t listen_here(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
    return ntohs(at.sin_port);
}

/* Endpoint 0 in Germany, 1 in France, 2 in the US, 3 nowhere known, 4 somewhere in the EU. */
static void begin(void)
{
    recorder_clear(&r);
    WORLD_BEGIN(&w, "near-de", "far-fr", "over-us", "", "eu");
    uint16_t port = listen_here();

    for (size_t i = 0; i < w.n; i++) {
        w.c->endpoints[i].port = port;
        w.states[i]->origin =
            (struct upstream_origin){.id = i + 1, .host = STR("127.0.0.1"), .port = port};
    }
    connector = connector_new(loop, resolver, &limits);
}

static void finish(void)
{
    if (r.s)
        recorder_release(&r);
    turn_some(loop);
    connector_free(connector);
    turn_some(loop);
    close(listener);
    recorder_clear(&r);
    world_end(&w);
}

static int open_endpoint(size_t i)
{
    return connector_open(connector, &w.permit, w.c, &w.c->endpoints[i], w.states[i], 60000,
                          &recorder_events, &r, &r.s);
}

static int accept_peer(void)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
        loop_turn(loop, 5);
    return fd;
}

static void expect_nothing_opened(void)
{
    struct upstream_counts counts;

    turn_some(loop);
    connector_counts(connector, &counts);
    CHECK_INT(counts.dialled + counts.reused + counts.connecting + counts.busy + counts.idle, 0);
    CHECK(accept4(listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN);
    CHECK_INT(r.log.n, 0);
    CHECK(!r.s);
}

static void test_a_permitted_endpoint_is_connected(void)
{
    begin();
    world_allow(&w, "eu");
    CHECK_INT(open_endpoint(0), CONNECTOR_CONNECTING);
    CHECK(r.s);
    int fd = accept_peer();

    TURN_UNTIL(loop, r.opened);
    close(fd);
    finish();
}

static void no_answer(void *ctx, const struct http_head *head_or_null)
{
    *(bool *)ctx = head_or_null == NULL;
}

/* The name was fine when it was taken in; what counts is where it leads now. */
static void test_an_address_outside_of_the_networks_is_not_dialled(void)
{
    static const str hosts[] = {STR_INIT("127.0.0.1"), STR_INIT("gpu.localhost")};

    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        bool failed = false;

        begin();
        w.states[0]->origin.host = hosts[i];
        w.states[0]->origin.networks = NETWORKS_OUTSIDE;
        CHECK_INT(open_endpoint(0), CONNECTOR_CONNECTING);
        TURN_UNTIL(loop, r.reset);
        CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
        CHECK_INT(connector_probe(connector, &w.c->endpoints[0], w.states[0], STR("/health"),
                                  PROBE_ANONYMOUS, 60000, no_answer, &failed),
                  0);
        TURN_UNTIL(loop, failed);
        CHECK(accept4(listener, NULL, NULL, SOCK_NONBLOCK) < 0 && errno == EAGAIN);
        finish();
    }
}

static void test_an_address_inside_of_the_networks_is_dialled(void)
{
    begin();
    w.states[0]->origin.host = STR("gpu.localhost");
    w.states[0]->origin.networks = STR("10.0.0.0/8 127.0.0.0/8");
    CHECK_INT(open_endpoint(0), CONNECTOR_CONNECTING);
    int fd = accept_peer();

    TURN_UNTIL(loop, r.opened);
    close(fd);
    finish();
}

static void test_a_place_outside_the_permit_is_refused(void)
{
    begin();
    world_allow(&w, "DE");
    for (size_t i = 1; i < w.n; i++)
        CHECK_INT(open_endpoint(i), CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
}

/* Every rule, in every order: what the rules left together is what counts. */
static void test_rules_that_leave_nothing_refuse_everyone(void)
{
    begin();
    world_allow(&w, "DE");
    world_allow(&w, "FR");
    for (size_t i = 0; i < w.n; i++)
        CHECK_INT(open_endpoint(i), CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
}

static void test_an_empty_place_is_refused_even_without_rules(void)
{
    begin();
    w.c->endpoints[0].place = region_set_none();
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
}

static void test_a_permit_of_another_revision_is_refused(void)
{
    begin();
    w.permit.revision = WORLD_REVISION - 1;
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    w.permit.revision = WORLD_REVISION + 1;
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
}

/* Sets of two catalogues do not compare, whatever their revisions say. */
static void test_a_permit_of_another_catalogue_is_refused(void)
{
    struct region_catalogue *other = region_builder_finish(region_builder_new());

    begin();
    w.permit.catalogue = other;
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
    region_catalogue_unref(other);
}

static void test_a_state_of_an_earlier_origin_is_refused(void)
{
    begin();
    w.c->endpoints[0].origin_revision++;
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    expect_nothing_opened();
    /* Another endpoint's state speaks for another place. */
    CHECK_INT(connector_open(connector, &w.permit, w.c, &w.c->endpoints[1], w.states[2], 60000,
                             &recorder_events, &r, &r.s),
              CONNECTOR_REFUSED);
    expect_nothing_opened();
    finish();
}

/* A kept connection is no way round the door. */
static void test_an_idle_connection_is_refused_like_a_new_one(void)
{
    struct http_head get = {.method = HTTP_METHOD_GET,
                            .method_text = STR("GET"),
                            .target = STR("/v1"),
                            .authority = STR("up.example"),
                            .content_length = HTTP_LENGTH_NONE};
    struct upstream_counts counts;
    struct buf heard = {0};

    begin();
    CHECK_INT(open_endpoint(0), CONNECTOR_CONNECTING);
    int fd = accept_peer();
    TURN_UNTIL(loop, r.opened);
    stream_send_head(r.s, &get, STREAM_END);
    while (!str_ends(buf_str(&heard), STR("\r\n\r\n"))) {
        loop_turn(loop, 5);
        peer_read(fd, &heard);
    }
    buf_deinit(&heard);
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    TURN_UNTIL(loop, r.ended);
    recorder_release(&r);
    connector_counts(connector, &counts);
    CHECK_INT(counts.idle, 1);
    CHECK_INT(open_endpoint(0), CONNECTOR_READY);
    recorder_release(&r);
    world_allow(&w, "FR");
    CHECK_INT(open_endpoint(0), CONNECTOR_REFUSED);
    CHECK(!r.s);
    connector_counts(connector, &counts);
    CHECK_INT(counts.reused, 1);
    close(fd);
    finish();
}

/* --- probes --- */

static struct {
    unsigned done, status;
    bool had_head;
} probed;

static void on_probed(void *ctx, const struct http_head *head)
{
    (void)ctx;
    probed.done++;
    probed.had_head = head;
    probed.status = head ? head->status : 0;
}

/* What the endpoint hears from a probe. */
static void hear_probe(enum connector_credential credential, const char *answer, struct buf *heard)
{
    memset(&probed, 0, sizeof(probed));
    CHECK_INT(connector_probe(connector, &w.c->endpoints[0], w.states[0], STR("/health"),
                              credential, 60000, on_probed, NULL),
              0);
    int fd = accept_peer();

    while (!str_ends(buf_str(heard), STR("\r\n\r\n"))) {
        loop_turn(loop, 5);
        peer_read(fd, heard);
    }
    turn_some(loop);
    peer_read(fd, heard);
    if (*answer)
        peer_send(fd, answer);
    else
        close(fd);
    TURN_UNTIL(loop, probed.done);
    if (*answer)
        close(fd);
    turn_some(loop);
}

static bool hears(const struct buf *heard, const char *what)
{
    return str_search(buf_str(heard), str_of(what)) < heard->n;
}

/* A probe goes where no permit was asked for, so it carries nothing of anybody's. */
static void test_a_probe_is_a_get_without_content(void)
{
    struct buf heard = {0};

    begin();
    w.c->endpoints[0].credential = STR("upstream-secret");
    hear_probe(PROBE_ANONYMOUS, "HTTP/1.1 204 No Content\r\n\r\n", &heard);
    CHECK(str_starts(buf_str(&heard), STR("GET /health HTTP/1.1\r\n")));
    CHECK(str_ends(buf_str(&heard), STR("\r\n\r\n")));
    CHECK_INT(str_search(buf_str(&heard), STR("\r\n\r\n")), heard.n - 4);
    CHECK(!hears(&heard, "ontent-") && !hears(&heard, "ransfer-"));
    CHECK(!hears(&heard, "secret"));
    CHECK_INT(probed.status, 204);
    buf_deinit(&heard);
    finish();
}

static void test_a_probe_may_show_the_endpoints_own_credential(void)
{
    struct buf heard = {0};

    begin();
    w.c->endpoints[0].credential = STR("upstream-secret");
    hear_probe(PROBE_WITH_CREDENTIAL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &heard);
    CHECK(hears(&heard, "Bearer upstream-secret\r\n"));
    buf_clear(&heard);
    w.c->endpoints[0].provider = PROVIDER_AZURE;
    hear_probe(PROBE_WITH_CREDENTIAL, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", &heard);
    CHECK(hears(&heard, "api-key: upstream-secret\r\n"));
    CHECK(!hears(&heard, "Bearer"));
    CHECK_INT(probed.status, 401);
    buf_deinit(&heard);
    finish();
}

static void test_a_probe_without_answer_has_no_head(void)
{
    struct buf heard = {0};

    begin();
    hear_probe(PROBE_ANONYMOUS, "", &heard);
    CHECK_INT(probed.done, 1);
    CHECK(!probed.had_head);
    buf_deinit(&heard);
    finish();
}

static void test_a_probe_asks_first_who_is_there(void)
{
    static const char somebody[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
                                   "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n";
    struct buf heard = {0};

    memset(&probed, 0, sizeof(probed));
    begin();
    w.states[0]->origin.identity =
        STR("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
    w.c->endpoints[0].credential = STR("upstream-secret");
    CHECK_INT(connector_probe(connector, &w.c->endpoints[0], w.states[0], STR("/health"),
                              PROBE_WITH_CREDENTIAL, 60000, on_probed, NULL),
              0);
    int fd = accept_peer();
    peer_send(fd, somebody);
    TURN_UNTIL(loop, probed.done);
    while (peer_read(fd, &heard))
        loop_turn(loop, 5);
    CHECK(!probed.had_head);
    CHECK(str_starts(buf_str(&heard), STR("AMBIT1 ")));
    CHECK_INT(heard.n, IDENTITY_CHALLENGE_BYTES);
    w.states[0]->origin.identity = STR_NULL;
    buf_deinit(&heard);
    close(fd);
    finish();
}

static void test_a_probe_with_a_stale_state_is_refused(void)
{
    begin();
    w.c->endpoints[0].origin_revision++;
    CHECK_INT(connector_probe(connector, &w.c->endpoints[0], w.states[0], STR("/health"),
                              PROBE_ANONYMOUS, 60000, on_probed, NULL),
              -ESTALE);
    expect_nothing_opened();
    finish();
}

static void test_a_probe_ends_with_its_connector(void)
{
    memset(&probed, 0, sizeof(probed));
    begin();
    CHECK_INT(connector_probe(connector, &w.c->endpoints[0], w.states[0], STR("/health"),
                              PROBE_ANONYMOUS, 60000, on_probed, NULL),
              0);
    int fd = accept_peer();

    finish();
    CHECK_INT(probed.done, 1);
    CHECK_INT(probed.status, 0);
    close(fd);
}

static void test_an_endpoint_is_named_as_its_address_says(void)
{
    static const struct {
        struct catalog_endpoint endpoint;
        const char *authority;
    } cases[] = {
        {{.host = STR_INIT("up.example"), .port = 443, .tls = true}, "up.example"},
        {{.host = STR_INIT("up.example"), .port = 443}, "up.example:443"},
        {{.host = STR_INIT("up.example"), .port = 80}, "up.example"},
        {{.host = STR_INIT("fd12::1"), .port = 8080}, "[fd12::1]:8080"},
        {{.host = STR_INIT("fd12::1"), .port = 80}, "[fd12::1]"},
        {{.unix_path = STR_INIT("/run/model.sock")}, "localhost"},
    };
    struct arena arena;

    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_STR(connector_authority(&arena, &cases[i].endpoint), cases[i].authority);
    arena_deinit(&arena);
}

int main(void)
{
    loop = loop_new();
    resolver = resolver_new(loop);
    RUN(test_a_permitted_endpoint_is_connected);
    RUN(test_an_address_outside_of_the_networks_is_not_dialled);
    RUN(test_an_address_inside_of_the_networks_is_dialled);
    RUN(test_a_place_outside_the_permit_is_refused);
    RUN(test_rules_that_leave_nothing_refuse_everyone);
    RUN(test_an_empty_place_is_refused_even_without_rules);
    RUN(test_a_permit_of_another_revision_is_refused);
    RUN(test_a_permit_of_another_catalogue_is_refused);
    RUN(test_a_state_of_an_earlier_origin_is_refused);
    RUN(test_an_idle_connection_is_refused_like_a_new_one);
    RUN(test_an_endpoint_is_named_as_its_address_says);
    RUN(test_a_probe_is_a_get_without_content);
    RUN(test_a_probe_may_show_the_endpoints_own_credential);
    RUN(test_a_probe_without_answer_has_no_head);
    RUN(test_a_probe_asks_first_who_is_there);
    RUN(test_a_probe_with_a_stale_state_is_refused);
    RUN(test_a_probe_ends_with_its_connector);
    resolver_free(resolver);
    loop_free(loop);
    return test_end();
}

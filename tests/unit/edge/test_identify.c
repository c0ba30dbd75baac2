#include "edge/identify.h"

#include "unit/http/recorder.h"
#include "unit/test.h"

#include <openssl/evp.h>

/*
 * Requests on one kept-alive connection of a real server, whose handler asks who it is: what a
 * connection remembers is part of the question.
 */

static const struct http_server_limits limits = {.head_bytes = 4096,
                                                 .headers = 32,
                                                 .head_ms = 60000,
                                                 .body_idle_ms = 60000,
                                                 .keep_alive_ms = 60000,
                                                 .write_idle_ms = 60000};

static struct loop *loop;
static struct http_server *server;
static int client = -1;
static struct catalog *catalog;
static int64_t wall_ns;
static bool answered;
static enum fault fault;
static const struct catalog_key *key;

static void on_request(void *ctx, struct stream *s, const struct http_head *head,
                       enum stream_end end)
{
    struct http_head no_content = {.status = 204, .content_length = HTTP_LENGTH_NONE};

    (void)ctx, (void)end;
    key = NULL;
    fault = identify(s, head, catalog, wall_ns, &key);
    answered = true;
    stream_send_head(s, &no_content, STREAM_END);
    stream_release(s);
}

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx, (void)detail;
    buf_printf(ret_body, "bad %u", status);
}

static const struct http_server_handler handler = {.on_request = on_request,
                                                   .on_bad_request = on_bad_request};

/* A policy with a key for each text; its id is the text. */
static void make_policy(uint64_t revision, const char *const *texts, size_t n)
{
    catalog_free(catalog);
    catalog = catalog_new();
    catalog->revision = revision;
    catalog->regions = region_builder_finish(region_builder_new());
    catalog->keys = arena_zalloc(&catalog->arena, (n + 1) * sizeof(*catalog->keys));
    for (size_t i = 0; i < n; i++) {
        unsigned bytes = CATALOG_KEY_HASH_BYTES;

        catalog->keys[i] = (struct catalog_key){.id = str_of(texts[i]), .rule = CATALOG_NONE};
        EVP_Digest(texts[i], strlen(texts[i]), catalog->keys[i].hash, &bytes, EVP_sha256(), NULL);
    }
    catalog->n_keys = n;
    catalog_index(catalog);
}

#define POLICY(revision, ...)                                                                      \
    make_policy((revision), (const char *const[]){__VA_ARGS__},                                    \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void connect_client(void)
{
    int fds[2];

    if (client >= 0)
        close(client);
    turn_some(loop);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    http_server_accept(server, fds[0], NULL);
    client = fds[1];
}

static void begin(void)
{
    loop = loop_new();
    server = http_server_new(loop, &limits, &handler, NULL);
    client = -1;
    catalog = NULL;
    wall_ns = 1000;
    POLICY(1, "sk-a", "sk-b");
    connect_client();
}

static void end(void)
{
    close(client);
    turn_some(loop);
    http_server_free(server);
    loop_free(loop);
    catalog_free(catalog);
}

/* The id of the key that a request with these headers shows, else the fault's code. */
static str who(const char *headers)
{
    char request[512];

    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
    answered = false;
    peer_send(client, request);
    TURN_UNTIL(loop, answered);
    turn_some(loop);
    CHECK((fault == FAULT_NONE) == (key != NULL));
    return key ? key->id : fault_row(fault)->code;
}

static void test_the_ways_to_show_a_key(void)
{
    static const char *const headers[] = {
        "Authorization: Bearer sk-a\r\n",
        "authorization: bearer sk-a\r\n",
        "AUTHORIZATION: BEARER   sk-a  \r\n",
        "Authorization: Api-Key sk-a\r\n",
        "api-key: sk-a\r\n",
        "Api-Key: sk-a\r\n",
        "Authorization: Bearer sk-a\r\napi-key: sk-b\r\n",
        "Authorization:\r\napi-key: sk-a\r\n",
    };

    begin();
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        connect_client();
        CHECK_STR(who(headers[i]), "sk-a");
        CHECK_STR(who(headers[i]), "sk-a");
    }
    end();
}

static void test_what_is_no_key(void)
{
    static const char *const headers[] = {
        "",
        "Authorization: \r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: sk-a\r\n",
        "Authorization: Basic sk-a\r\n",
        "Authorization: Bearersk-a\r\n",
        "Authorization: Bearer sk-\r\n",
        "Authorization: Bearer sk-ab\r\n",
        "Authorization: Bearer SK-A\r\n",
        "Authorization: Bearer sk-a sk-b\r\n",
        "Authorization: Bearer sk-a,\r\n",
        "api-key: Bearer sk-a\r\n",
        "x-api-key: sk-a\r\n",
        /* What Authorization says is not asked for again elsewhere. */
        "Authorization: Basic dTpw\r\napi-key: sk-a\r\n",
        "Authorization: Bearer wrong\r\napi-key: sk-a\r\n",
    };

    begin();
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        CHECK_STR(who(headers[i]), "invalid_api_key");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    end();
}

/* Each request stands for itself, whoever asked before on this connection. */
static void test_a_connection_vouches_for_nobody_else(void)
{
    begin();
    CHECK_STR(who("api-key: sk-a\r\n"), "sk-a");
    CHECK_STR(who(""), "invalid_api_key");
    CHECK_STR(who("api-key: sk-x\r\n"), "invalid_api_key");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    CHECK_STR(who("api-key: sk-a\r\n"), "sk-a");
    end();
}

static void test_a_revoked_key_stops_at_the_next_request(void)
{
    begin();
    CHECK_STR(who("api-key: sk-a\r\n"), "sk-a");
    POLICY(2, "sk-b");
    CHECK_STR(who("api-key: sk-a\r\n"), "invalid_api_key");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    end();
}

/* The key is the present policy's, wherever it stands there. */
static void test_a_key_that_moved_is_found_again(void)
{
    begin();
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    POLICY(2, "sk-b", "sk-c", "sk-a");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    CHECK(key == &catalog->keys[0]);
    POLICY(3, "sk-c", "sk-a", "sk-b");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    CHECK(key == &catalog->keys[2]);
    end();
}

static void test_a_key_expires_also_where_it_is_remembered(void)
{
    begin();
    catalog->keys[0].expires_wall_ns = 2000;
    wall_ns = 1999;
    CHECK_STR(who("api-key: sk-a\r\n"), "sk-a");
    CHECK_STR(who("api-key: sk-a\r\n"), "sk-a");
    wall_ns = 2000;
    CHECK_STR(who("api-key: sk-a\r\n"), "expired_api_key");
    CHECK_STR(who("api-key: sk-b\r\n"), "sk-b");
    connect_client();
    CHECK_STR(who("api-key: sk-a\r\n"), "expired_api_key");
    end();
}

static void test_a_policy_without_keys(void)
{
    begin();
    make_policy(2, NULL, 0);
    CHECK_STR(who("api-key: sk-a\r\n"), "invalid_api_key");
    end();
}

int main(void)
{
    RUN(test_the_ways_to_show_a_key);
    RUN(test_what_is_no_key);
    RUN(test_a_connection_vouches_for_nobody_else);
    RUN(test_a_revoked_key_stops_at_the_next_request);
    RUN(test_a_key_that_moved_is_found_again);
    RUN(test_a_key_expires_also_where_it_is_remembered);
    RUN(test_a_policy_without_keys);
    return test_end();
}

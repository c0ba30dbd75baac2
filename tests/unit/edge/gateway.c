#include "gateway.h"

#include "base/mem.h"
#include "catalog/disk.h"
#include "edge/edge.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char key_text[] = "sk-test";

struct upstream {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic int manner;
    _Atomic unsigned hits;
    _Atomic bool stopping;
    pthread_mutex_t lock;
    struct buf seen;
};

struct gateway {
    char dir[64];
    uint16_t port;
    int listen_fd;
    int ready[2];
    pthread_t thread;
    struct edge_options options;
    struct upstream upstreams[UPSTREAMS_MAX];
    size_t n;
    struct buf answer;
};

static int listen_loopback(uint16_t *ret_port)
{
    struct net_address address;
    int fd;

    assert(net_address_from_ip(STR("127.0.0.1"), 0, &address) == 0);
    assert(listen_on(&address, LISTEN_ALONE, &fd) == 0);
    assert(net_address_of_socket(fd, &address) == 0);
    *ret_port = net_address_port(&address);
    return fd;
}

/* --- upstreams
 * -----------------------------------------------------------------------------------------------------------
 */

static bool wait_readable(int fd, const _Atomic bool *stopping)
{
    while (!atomic_load(stopping))
        if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20) > 0)
            return true;
    return false;
}

static size_t content_length(str head)
{
    size_t at = str_search(head, STR("Content-Length: "));
    uint64_t n = 0;

    if (at == head.n)
        at = str_search(head, STR("content-length: "));
    if (at < head.n)
        str_parse_u64(str_upto(str_from(head, at + 16), str_find(str_from(head, at + 16), '\r', 0)),
                      &n);
    return (size_t)n;
}

/* One whole request into u->seen; false at the end of the connection. */
static bool read_request(struct upstream *u, int fd)
{
    struct buf got;
    bool whole = false;

    buf_init(&got, 0);
    while (!whole && wait_readable(fd, &u->stopping)) {
        ssize_t n = read(fd, buf_reserve(&got, 4096), 4096);

        if (n <= 0)
            break;
        got.n += (size_t)n;
        size_t head = str_search(buf_str(&got), STR("\r\n\r\n"));
        whole =
            head < got.n && got.n >= head + 4 + content_length(str_upto(buf_str(&got), head + 2));
    }
    if (whole) {
        pthread_mutex_lock(&u->lock);
        buf_clear(&u->seen);
        buf_put_str(&u->seen, buf_str(&got));
        pthread_mutex_unlock(&u->lock);
        atomic_fetch_add(&u->hits, 1);
    }
    buf_deinit(&got);
    return whole;
}

static void say(int fd, const char *text)
{
    ssize_t n = write(fd, text, strlen(text));

    (void)n;
}

static void answer_json(int fd)
{
    static const char body[] =
        "{\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}";
    char text[512];

    snprintf(text, sizeof(text),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-ambit-region: "
             "a-lie\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    say(fd, text);
}

static bool answer(struct upstream *u, int fd)
{
    switch (atomic_load(&u->manner)) {
    case UPSTREAM_ANSWERS:
        answer_json(fd);
        return true;
    case UPSTREAM_STREAMS:
        say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
                "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\n"
                "data: "
                "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\ndata: "
                "[DONE]\n\n");
        return false;
    case UPSTREAM_SAYS_503:
        say(fd, "HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbusy");
        return true;
    case UPSTREAM_REDIRECTS:
        say(fd, "HTTP/1.1 307 Elsewhere\r\nLocation: http://elsewhere.example/\r\nContent-Length: "
                "0\r\n\r\n");
        return true;
    default:
        return false;
    }
}

static void *run_upstream(void *ctx)
{
    struct upstream *u = ctx;

    while (wait_readable(u->fd, &u->stopping)) {
        int fd = accept(u->fd, NULL, NULL);

        while (fd >= 0 && read_request(u, fd) && answer(u, fd))
            continue;
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static void start_upstream(struct upstream *u)
{
    pthread_mutex_init(&u->lock, NULL);
    u->fd = listen_loopback(&u->port);
    assert(pthread_create(&u->thread, NULL, run_upstream, u) == 0);
}

/* --- the policy
 * ------------------------------------------------------------------------------------------------------------
 */

static void add_key(struct catalog *c)
{
    unsigned n = CATALOG_KEY_HASH_BYTES;

    c->keys = arena_zalloc(&c->arena, sizeof(*c->keys));
    c->keys[0] = (struct catalog_key){
        .id = STR("key_test"), .name = STR("test"), .scopes = SCOPE_ALL, .rule = CATALOG_NONE};
    EVP_Digest(key_text, strlen(key_text), c->keys[0].hash, &n, EVP_sha256(), NULL);
    c->n_keys = 1;
}

static void add_endpoints(struct catalog *c, const struct gateway *g, const char *const *regions)
{
    uint32_t *indexes = arena_alloc(&c->arena, g->n * sizeof(*indexes));
    uint16_t *order = arena_alloc(&c->arena, g->n * sizeof(*order));

    c->endpoints = arena_zalloc(&c->arena, g->n * sizeof(*c->endpoints));
    for (size_t i = 0; i < g->n; i++) {
        struct catalog_endpoint *e = &c->endpoints[i];

        *e = (struct catalog_endpoint){
            .id = arena_printf(&c->arena, "e%zu", i),
            .provider = PROVIDER_COMPATIBLE,
            .origin_revision = i + 1,
            .host = STR("127.0.0.1"),
            .port = g->upstreams[i].port,
            .api_base = arena_printf(&c->arena, "http://127.0.0.1:%u/v1", g->upstreams[i].port),
            .base_path = STR("/v1"),
            .upstream_model = arena_printf(&c->arena, "m-%zu", i),
            .credential = STR("upstream-secret"),
            .region_name = str_of(regions[i]),
            .evidence = EVIDENCE_DECLARED,
            .weight = 1,
            .order = 1,
        };
        assert(region_resolve(c->regions, e->region_name, &e->place));
        e->region = order[i] = (uint16_t)region_find(c->regions, e->region_name);
        indexes[i] = (uint32_t)i;
    }
    c->n_endpoints = g->n;
    c->groups = arena_zalloc(&c->arena, sizeof(*c->groups));
    c->groups[0] = (struct catalog_group){
        .name = STR("m"), .endpoints = indexes, .n_endpoints = g->n, .max_retries = 4};
    catalog_timers_defaults(&c->groups[0].timers);
    c->n_groups = 1;
    c->settings.preferred = order;
    c->settings.n_preferred = g->n;
}

static void add_rule(struct catalog *c, const char *text)
{
    struct region_rule rule;
    str error;

    if (!text)
        return;
    c->rules = arena_zalloc(&c->arena, sizeof(*c->rules));
    c->rules[0].text = str_of(text);
    assert(region_rule_parse_canonical(c->rules[0].text, &c->arena, &rule));
    assert(region_rule_compile(&rule, c->regions, &c->arena, &c->rules[0].compiled, &error) == 0);
    c->n_rules = 1;
}

static void save_policy(struct gateway *g, const char *const *regions, const char *customer_rule)
{
    struct catalog *c = catalog_new();
    struct customers *customers = customers_new();
    uint8_t key[DISK_KEY_BYTES];
    char path[128];
    struct buf bytes;

    c->revision = 1;
    c->installation = STR("test");
    c->customer_key = (struct siphash_key){1, 2};
    c->regions = region_builder_finish(region_builder_new());
    c->gateway_region = (uint16_t)region_find(c->regions, STR("hetzner-fsn-1"));
    add_rule(c, customer_rule);
    add_endpoints(c, g, regions);
    add_key(c);
    if (customer_rule)
        customers_put(
            customers,
            &(struct customer){.id = customer_digest(&c->customer_key, STR("eu-only")), .rule = 0});
    snprintf(path, sizeof(path), "%s/snapshot.key", g->dir);
    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    assert(disk_key_load(path, key) == 0);
    assert(disk_save_customers(g->dir, 1, customers) == 0);
    assert(disk_save_catalog(g->dir, key, 1, buf_str(&bytes)) == 0);
    buf_deinit(&bytes);
    customers_free(customers);
    catalog_free(c);
}

/* --- the gateway
 * -------------------------------------------------------------------------------------------------------------
 */

static void *run_edge(void *ctx)
{
    struct gateway *g = ctx;
    intptr_t status = edge_main(&g->options);

    return (void *)status;
}

struct gateway *gateway_start(const char *const *regions, size_t n, const char *customer_rule)
{
    struct gateway *g = mem_zalloc(sizeof(*g));
    sigset_t term;
    char ready;

    /* The edge reads SIGTERM from a descriptor: no thread of this process may take it. */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    snprintf(g->dir, sizeof(g->dir), "/tmp/ambit-test-XXXXXX");
    assert(mkdtemp(g->dir));
    assert(pipe(g->ready) == 0);
    g->n = n;
    for (size_t i = 0; i < n; i++)
        start_upstream(&g->upstreams[i]);
    save_policy(g, regions, customer_rule);
    g->listen_fd = listen_loopback(&g->port);
    g->options = (struct edge_options){.listen_fds = &g->listen_fd,
                                       .n_listen_fds = 1,
                                       .ready_fd = g->ready[1],
                                       .data_dir = g->dir,
                                       .name = "test",
                                       .workers = 1};
    assert(pthread_create(&g->thread, NULL, run_edge, g) == 0);
    assert(read(g->ready[0], &ready, 1) == 1 && ready == 'R');
    return g;
}

static void remove_dir(const char *dir)
{
    static const char *const names[] = {"catalog.snapshot", "customers.snapshot", "snapshot.key",
                                        "responses.map"};
    char path[128];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

void gateway_stop(struct gateway *g)
{
    void *status;

    kill(getpid(), SIGTERM);
    pthread_join(g->thread, &status);
    assert((intptr_t)status == EXIT_SUCCESS);
    for (size_t i = 0; i < g->n; i++) {
        atomic_store(&g->upstreams[i].stopping, true);
        pthread_join(g->upstreams[i].thread, NULL);
        close(g->upstreams[i].fd);
        buf_deinit(&g->upstreams[i].seen);
    }
    close(g->listen_fd);
    close(g->ready[0]);
    close(g->ready[1]);
    buf_deinit(&g->answer);
    remove_dir(g->dir);
    mem_free(g);
}

void gateway_set(struct gateway *g, size_t upstream, enum upstream_manner manner)
{
    atomic_store(&g->upstreams[upstream].manner, (int)manner);
}

unsigned gateway_hits(struct gateway *g, size_t upstream)
{
    return atomic_load(&g->upstreams[upstream].hits);
}

str gateway_seen(struct gateway *g, size_t upstream)
{
    struct upstream *u = &g->upstreams[upstream];

    pthread_mutex_lock(&u->lock);
    str seen = buf_str(&u->seen);
    pthread_mutex_unlock(&u->lock);
    return seen;
}

str gateway_ask(struct gateway *g, const char *method, const char *path, const char *headers,
                const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(g->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct buf request;
    ssize_t n;

    assert(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    buf_init(&request, 0);
    buf_printf(&request,
               "%s %s HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\nConnection: "
               "close\r\n%sContent-Length: %zu\r\n\r\n%s",
               method, path, key_text, headers, strlen(body), body);
    assert(write(fd, request.p, request.n) == (ssize_t)request.n);
    buf_deinit(&request);
    buf_clear(&g->answer);
    while ((n = read(fd, buf_reserve(&g->answer, 4096), 4096)) > 0)
        g->answer.n += (size_t)n;
    close(fd);
    return buf_str(&g->answer);
}

unsigned answer_status(str answer)
{
    uint64_t status = 0;

    str_parse_u64(str_upto(str_from(answer, strlen("HTTP/1.1 ")), 3), &status);
    return (unsigned)status;
}

#include "model_hosts.h"

#include "catalog/disk.h"
#include "control.h"
#include "edge/edge.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

struct model_hosts {
    char dir[64], link_path[96];
    int dead_fd;
    uint16_t dead_port;
    uint16_t port;
    int listen_fd;
    int ready[2];
    pthread_t thread;
    struct edge_options options;
    struct replica replicas[REPLICAS];
    struct control *control;
    uint64_t revision;
    struct buf answer;
};

bool wait_step(int *steps, const char *file, int line)
{
    if (++*steps > WAIT_MS) {
        printf("%s:%d: waited in vain\n", file, line);
        exit(EXIT_FAILURE);
    }
    poll(NULL, 0, 1);
    return true;
}

/* --- replicas */

struct connection {
    struct replica *replica;
    int fd;
    pthread_t thread;
    struct connection *next;
};

static void forget_request(void);

static void *run_connection(void *ctx)
{
    struct connection *c = ctx;
    struct replica *r = c->replica;
    struct pollfd waits = {.fd = c->fd, .events = POLLIN};
    bool goes_on = true;

    while (goes_on && !atomic_load(&r->stopping)) {
        if (poll(&waits, 1, 10) <= 0)
            continue;
        serve_fn serve = atomic_load(&r->serve);
        goes_on = recv(c->fd, &(char){0}, 1, MSG_PEEK) == 1 && serve(r, c->fd);
    }
    forget_request();
    close(c->fd);
    return NULL;
}

static void *run_replica(void *ctx)
{
    struct replica *r = ctx;
    struct connection *all = NULL;

    while (!atomic_load(&r->stopping)) {
        if (poll(&(struct pollfd){.fd = r->fd, .events = POLLIN}, 1, 10) <= 0)
            continue;
        struct connection *c = mem_zalloc(sizeof(*c));
        *c = (struct connection){.replica = r, .fd = accept(r->fd, NULL, NULL), .next = all};
        assert(c->fd >= 0);
        atomic_fetch_add(&r->connections, 1);
        assert(pthread_create(&c->thread, NULL, run_connection, c) == 0);
        all = c;
    }
    while (all) {
        struct connection *c = all;

        all = c->next;
        pthread_join(c->thread, NULL);
        mem_free(c);
    }
    return NULL;
}

size_t replica_read(int fd, void *to, size_t n)
{
    ssize_t got = read(fd, to, n);

    return got > 0 ? (size_t)got : 0;
}

/* The request that this connection reads; connections of a replica may do so at the same time. */
static _Thread_local struct buf mine;

static void forget_request(void)
{
    buf_deinit(&mine);
}

static bool read_more(struct replica *r, int fd)
{
    char bytes[16384];
    size_t n = replica_read(fd, bytes, sizeof(bytes));

    pthread_mutex_lock(&r->lock);
    /* What was seen of the last request stays until the next one begins. */
    if (n && mine.n == 0)
        buf_clear(&r->seen);
    buf_put(&r->seen, bytes, n);
    pthread_mutex_unlock(&r->lock);
    buf_put(&mine, bytes, n);
    return n;
}

static size_t head_bytes(void)
{
    size_t at = str_search(buf_str(&mine), STR("\r\n\r\n"));

    return at < mine.n ? at + 4 : 0;
}

bool replica_read_head(struct replica *r, int fd)
{
    buf_clear(&mine);
    while (!head_bytes())
        if (!read_more(r, fd))
            return false;
    return true;
}

bool replica_read_request(struct replica *r, int fd)
{
    uint64_t length = 0;

    if (!replica_read_head(r, fd))
        return false;
    size_t head = head_bytes();
    size_t at = str_search(str_upto(buf_str(&mine), head), STR("Content-Length: "));
    if (at < head) {
        str rest = str_from(buf_str(&mine), at + strlen("Content-Length: "));

        str_parse_u64(str_upto(rest, str_find(rest, '\r', 0)), &length);
    }
    while (mine.n < head + length)
        if (!read_more(r, fd))
            return false;
    return true;
}

void replica_say(int fd, const char *text)
{
    ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);

    (void)n;
}

void replica_wait_gate(struct replica *r)
{
    while (!atomic_load(&r->gate) && !atomic_load(&r->stopping))
        poll(NULL, 0, 1);
}

bool replica_is_left(int fd)
{
    struct pollfd waits = {.fd = fd, .events = POLLIN};

    return poll(&waits, 1, 1) > 0 && recv(fd, &(char){0}, 1, MSG_PEEK) <= 0;
}

str replica_seen(struct replica *r)
{
    pthread_mutex_lock(&r->lock);
    str seen = buf_str(&r->seen);
    pthread_mutex_unlock(&r->lock);
    return seen;
}

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

/* Nobody listens there, and nobody else comes to. */
static int bind_loopback(uint16_t *ret_port)
{
    struct net_address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert(net_address_from_ip(STR("127.0.0.1"), 0, &address) == 0);
    assert(bind(fd, &address.any, address.length) == 0);
    assert(net_address_of_socket(fd, &address) == 0);
    *ret_port = net_address_port(&address);
    return fd;
}

static bool answer_ok(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    atomic_fetch_add(&r->noted, 1);
    replica_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/x-model\r\nx-model: yes\r\n"
                    "x-ambit-region: a-lie\r\nx-baseten-request-id: a-lie\r\n"
                    "Content-Length: 2\r\n\r\nok");
    return true;
}

void replica_set(struct replica *r, serve_fn serve)
{
    atomic_store(&r->gate, 0);
    atomic_store(&r->noted, 0);
    atomic_store(&r->connections, 0);
    atomic_store(&r->serve, serve ? serve : answer_ok);
}

static void start_replica(struct replica *r)
{
    pthread_mutex_init(&r->lock, NULL);
    replica_set(r, NULL);
    r->fd = listen_loopback(&r->port);
    assert(pthread_create(&r->thread, NULL, run_replica, r) == 0);
}

/* --- policies */

struct policy policy_default(void)
{
    struct catalog_settings s;

    catalog_settings_defaults(&s);
    return (struct policy){.gateway_region = "hetzner-fsn-1",
                           .eu_rule = "allow=eu",
                           .replay_bytes = s.replay_bytes,
                           .predict_bytes = s.predict_bytes,
                           .held_bytes = s.held_bytes,
                           .buffered_bytes = s.buffered_bytes,
                           .held_requests = s.held_requests,
                           .held_bytes_per_deployment = s.held_bytes_per_deployment,
                           .held_requests_per_deployment = s.held_requests_per_deployment,
                           .allowed_fails = 1000,
                           .hold_ms = s.hold_ms,
                           .socket_idle_ms = s.socket_idle_ms,
                           .message_bytes = s.message_bytes};
}

static void add_rules(struct catalog *c, const struct policy *p)
{
    const char *const texts[RULES] = {p->eu_rule, "allow=us"};
    struct region_rule rule;
    str error;

    c->rules = arena_zalloc(&c->arena, RULES * sizeof(*c->rules));
    c->n_rules = RULES;
    for (size_t i = 0; i < RULES; i++) {
        if (!texts[i])
            continue;
        c->rules[i].text = str_of(texts[i]);
        assert(region_rule_parse_canonical(c->rules[i].text, &c->arena, &rule));
        assert(region_rule_compile(&rule, c->regions, &c->arena, &c->rules[i].compiled, &error) ==
               0);
    }
}

static const struct {
    const char *id;
    uint32_t model, environment;
    int replicas[2];
    enum catalog_deployment_state state;
    bool sleeps; /* until the policy says `awake` */
} deployments[] = {
    {"prod1", 0, 0, {0, 1}, DEPLOYMENT_SERVING, false},
    {"euro1", 0, 1, {2, -1}, DEPLOYMENT_SERVING, false},
    {"us1", 0, 2, {3, -1}, DEPLOYMENT_SERVING, false},
    {"lazy1", 0, 4, {1, -1}, DEPLOYMENT_ASLEEP, true},
    {"bare1", 0, 5, {1, -1}, DEPLOYMENT_SERVING, true},
    {"gone1", 0, 6, {0, -1}, DEPLOYMENT_INACTIVE, false},
    {"dev1", 0, CATALOG_NONE, {0, -1}, DEPLOYMENT_SERVING, false},
    {"alone1", 0, CATALOG_NONE, {4, -1}, DEPLOYMENT_SERVING, false},
    {"other1", 1, 7, {0, -1}, DEPLOYMENT_SERVING, false},
    {"chain1", 2, 8, {0, -1}, DEPLOYMENT_SERVING, false},
    {"chain2", 2, 9, {2, -1}, DEPLOYMENT_SERVING, false},
};

static const struct {
    const char *name;
    uint32_t model, deployment;
    int rule;
} environments[] = {
    {"production", 0, 0, -1}, {"eu", 0, 1, RULE_EU},
    {"us", 0, 2, RULE_US},    {"empty", 0, CATALOG_NONE, -1},
    {"lazy", 0, 3, -1},       {"bare", 0, 4, -1},
    {"gone", 0, 5, -1},       {"production", 1, 8, -1},
    {"production", 2, 9, -1}, {"eu", 2, 10, RULE_EU},
};

static void add_group(struct catalog *c, const struct model_hosts *g, const struct policy *p,
                      size_t at)
{
    static const char *const regions[REPLICAS] = {"scaleway-par-1", "scaleway-par-1", "ovh-gra-1",
                                                  "aws-us-east-1", "ovh-gra-1"};
    uint32_t *indexes = arena_zalloc(&c->arena, 2 * sizeof(*indexes));
    struct catalog_group *group = &c->groups[at];

    *group = (struct catalog_group){.name = str_of(deployments[at].id),
                                    .endpoints = indexes,
                                    .max_retries = 3,
                                    .deployment = true};
    catalog_timers_defaults(&group->timers);
    for (size_t i = 0; i < 2 && deployments[at].replicas[i] >= 0; i++) {
        int replica = deployments[at].replicas[i];
        struct catalog_endpoint *e = &c->endpoints[c->n_endpoints];

        if (deployments[at].sleeps && !p->awake)
            continue;
        *e = (struct catalog_endpoint){
            .id = arena_printf(&c->arena, "%s-%d", deployments[at].id, replica),
            .group = (uint32_t)at,
            .provider = PROVIDER_REPLICA,
            .origin_revision = p->revive * REPLICAS + (uint64_t)replica + 1,
            .host = STR("127.0.0.1"),
            .port = p->dead >> replica & 1 ? g->dead_port : g->replicas[replica].port,
            .base_path = at == 7 ? STR("/base") : STR(""),
            .credential = at == 7 ? STR("replica-secret") : STR(""),
            .identity = at == 7 && p->identity ? str_of(p->identity) : STR(""),
            .region_name = str_of(regions[replica]),
            .evidence = EVIDENCE_DECLARED,
            .weight = 1,
            .order = (uint32_t)i + 1,
        };
        assert(region_resolve(c->regions, e->region_name, &e->place));
        e->region = (uint16_t)region_find(c->regions, e->region_name);
        indexes[group->n_endpoints++] = (uint32_t)c->n_endpoints++;
    }
}

static void add_models(struct catalog *c, const struct model_hosts *g, const struct policy *p)
{
    static const struct catalog_model models[] = {
        {MODEL_KIND_MODEL, STR_INIT("abc"), STR_INIT("Abc"), STR_INIT("t1"), 6},
        {MODEL_KIND_MODEL, STR_INIT("oth"), STR_INIT("Other"), STR_INIT("t2"), CATALOG_NONE},
        {MODEL_KIND_CHAIN, STR_INIT("xyz"), STR_INIT("Xyz"), STR_INIT("t1"), CATALOG_NONE},
    };

    c->models = arena_zalloc(&c->arena, sizeof(models));
    memcpy(c->models, models, sizeof(models));
    c->n_models = COUNT_OF(models);
    c->n_groups = c->n_deployments = COUNT_OF(deployments);
    c->n_environments = COUNT_OF(environments);
    c->groups = arena_zalloc(&c->arena, c->n_groups * sizeof(*c->groups));
    c->endpoints = arena_zalloc(&c->arena, 2 * c->n_groups * sizeof(*c->endpoints));
    c->deployments = arena_zalloc(&c->arena, c->n_deployments * sizeof(*c->deployments));
    c->environments = arena_zalloc(&c->arena, c->n_environments * sizeof(*c->environments));
    for (size_t i = 0; i < c->n_deployments; i++) {
        add_group(c, g, p, i);
        c->deployments[i] = (struct catalog_deployment){
            .id = str_of(deployments[i].id),
            .model = deployments[i].model,
            .group = (uint32_t)i,
            .state = deployments[i].sleeps && p->awake ? DEPLOYMENT_SERVING : deployments[i].state,
            .environment = deployments[i].environment,
            .predict_path = STR("/v1/models/model:predict"),
            .websocket_path = STR("/v1/websocket")};
    }
    for (size_t i = 0; i < c->n_environments; i++) {
        bool is_eu = environments[i].rule == RULE_EU;
        int rule = is_eu && !p->eu_rule ? -1 : environments[i].rule;

        c->environments[i] =
            (struct catalog_environment){.name = str_of(environments[i].name),
                                         .model = environments[i].model,
                                         .deployment = environments[i].deployment,
                                         .rule = rule < 0 ? CATALOG_NONE : (uint32_t)rule,
                                         .standard_refused = is_eu && p->eu_standard_refused};
    }
}

static void add_keys(struct catalog *c, const struct policy *p)
{
    static const str other[] = {STR_INIT("oth")}, eu[] = {STR_INIT("eu")};
    static const struct {
        const char *text;
        str team;
        const str *models, *environments;
        int64_t expires_wall_ns;
    } keys[] = {
        {"k-all", STR_INIT(""), NULL, NULL, 0},  {"k-t2", STR_INIT("t2"), NULL, NULL, 0},
        {"k-oth", STR_INIT(""), other, NULL, 0}, {"k-eu", STR_INIT(""), NULL, eu, 0},
        {"k-old", STR_INIT(""), NULL, NULL, 1},
    };

    c->keys = arena_zalloc(&c->arena, COUNT_OF(keys) * sizeof(*c->keys));
    for (size_t i = p->key_gone ? 1 : 0; i < COUNT_OF(keys); i++) {
        unsigned n = CATALOG_KEY_HASH_BYTES;
        struct catalog_key *key = &c->keys[c->n_keys++];

        *key = (struct catalog_key){.id = str_of(keys[i].text),
                                    .name = str_of(keys[i].text),
                                    .scopes = SCOPE_INFERENCE,
                                    .rule = CATALOG_NONE,
                                    .team = keys[i].team,
                                    .models = keys[i].models,
                                    .n_models = keys[i].models ? 1 : 0,
                                    .environments = keys[i].environments,
                                    .n_environments = keys[i].environments ? 1 : 0,
                                    .expires_wall_ns = keys[i].expires_wall_ns};
        if (i == 0) {
            key->expires_wall_ns = p->key_expires_wall_ns;
            key->team = p->key_narrowed ? STR("t2") : key->team;
        }
        EVP_Digest(keys[i].text, strlen(keys[i].text), key->hash, &n, EVP_sha256(), NULL);
    }
}

static const struct siphash_key customer_key = {1, 2};

static void make_policy(struct model_hosts *g, const struct policy *p, struct buf *to)
{
    struct catalog *c = catalog_new();

    c->revision = ++g->revision;
    c->installation = STR("test");
    c->domain = STR("d.test");
    c->customer_key = customer_key;
    c->regions = region_builder_finish(region_builder_new());
    c->gateway_region = p->gateway_region
                            ? (uint16_t)region_find(c->regions, str_of(p->gateway_region))
                            : REGION_NONE;
    c->settings.replay_bytes = p->replay_bytes;
    c->settings.predict_bytes = p->predict_bytes;
    c->settings.held_bytes = p->held_bytes;
    c->settings.buffered_bytes = p->buffered_bytes;
    c->settings.held_requests = p->held_requests;
    c->settings.held_bytes_per_deployment = p->held_bytes_per_deployment;
    c->settings.held_requests_per_deployment = p->held_requests_per_deployment;
    c->settings.hold_ms = p->hold_ms;
    c->settings.socket_idle_ms = p->socket_idle_ms;
    c->settings.message_bytes = p->message_bytes;
    c->settings.allowed_fails = p->allowed_fails;
    if (p->certificate) {
        struct catalog_certificate *certificate = arena_zalloc(&c->arena, sizeof(*certificate));

        certificate->chain_pem = p->certificate->certificate_pem;
        certificate->key_pem = p->certificate->key_pem;
        c->certificates = certificate;
        c->n_certificates = 1;
    }
    add_rules(c, p);
    add_models(c, g, p);
    add_keys(c, p);
    catalog_encode(c, to);
    catalog_free(c);
}

void model_hosts_publish(struct model_hosts *g, const struct policy *p)
{
    struct buf bytes;

    buf_init(&bytes, 0);
    make_policy(g, p, &bytes);
    control_publish(g->control, g->revision, buf_str(&bytes));
    buf_deinit(&bytes);
    WAIT_FOR(control_confirmed(g->control) == g->revision);
}

void model_hosts_bind_customer(struct model_hosts *g, uint32_t rule)
{
    const struct customer acme = {.id = customer_digest(&customer_key, STR("acme")), .rule = rule};

    control_publish_customer(g->control, ++g->revision, &acme);
    WAIT_FOR(control_confirmed(g->control) == g->revision);
}

/* --- the edge */

static void *run_edge(void *ctx)
{
    struct model_hosts *g = ctx;
    intptr_t status = edge_main(&g->options);

    return (void *)status;
}

struct model_hosts *model_hosts_start(const struct policy *p)
{
    struct model_hosts *g = mem_zalloc(sizeof(*g));
    sigset_t term;
    char ready;

    /* The edge reads SIGTERM from a descriptor: no thread of this process may take it. */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a program that is ended has said how far it came */
    snprintf(g->dir, sizeof(g->dir), "/tmp/ambit-test-XXXXXX");
    assert(mkdtemp(g->dir));
    snprintf(g->link_path, sizeof(g->link_path), "%s/link.sock", g->dir);
    assert(pipe(g->ready) == 0);
    for (size_t i = 0; i < REPLICAS; i++)
        start_replica(&g->replicas[i]);
    g->control = control_start(g->link_path);
    g->listen_fd = listen_loopback(&g->port);
    g->dead_fd = bind_loopback(&g->dead_port);
    g->options = (struct edge_options){.listen_fds = &g->listen_fd,
                                       .n_listen_fds = 1,
                                       .link_path = g->link_path,
                                       .ready_fd = g->ready[1],
                                       .data_dir = g->dir,
                                       .name = "test",
                                       .workers = 1};
    assert(pthread_create(&g->thread, NULL, run_edge, g) == 0);
    model_hosts_publish(g, p);
    assert(read(g->ready[0], &ready, 1) == 1 && ready == 'R');
    return g;
}

static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);

    assert(d);
    for (struct dirent *entry; (entry = readdir(d));)
        unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
    rmdir(dir);
}

void model_hosts_end(struct model_hosts *g)
{
    void *status;

    kill(getpid(), SIGTERM);
    pthread_join(g->thread, &status);
    assert((intptr_t)status == EXIT_SUCCESS);
}

void model_hosts_free(struct model_hosts *g)
{
    for (size_t i = 0; i < REPLICAS; i++)
        atomic_store(&g->replicas[i].stopping, true);
    for (size_t i = 0; i < REPLICAS; i++) {
        pthread_join(g->replicas[i].thread, NULL);
        close(g->replicas[i].fd);
        buf_deinit(&g->replicas[i].seen);
    }
    control_stop(g->control);
    close(g->listen_fd);
    close(g->dead_fd);
    close(g->ready[0]);
    close(g->ready[1]);
    buf_deinit(&g->answer);
    remove_dir(g->dir);
    mem_free(g);
}

void model_hosts_stop(struct model_hosts *g)
{
    for (size_t i = 0; i < REPLICAS; i++)
        atomic_store(&g->replicas[i].stopping, true);
    model_hosts_end(g);
    model_hosts_free(g);
}

struct replica *model_hosts_replica(struct model_hosts *g, size_t i)
{
    return &g->replicas[i];
}

struct control *model_hosts_control(struct model_hosts *g)
{
    return g->control;
}

/* --- clients */

int client_open(struct model_hosts *g)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(g->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* The gateway may answer and close before it has read all. */
void client_send(int fd, str bytes)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        bytes = str_from(bytes, (size_t)n);
    }
}

/* How much it is does not matter to any test. */
size_t client_send_some(int fd, str bytes)
{
    struct pollfd waits = {.fd = fd, .events = POLLOUT};
    size_t sent = 0;

    while (sent < bytes.n && poll(&waits, 1, 100) > 0) {
        ssize_t n = send(fd, bytes.p + sent, bytes.n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            sent += (size_t)n;
    }
    return sent;
}

str client_read_until(struct model_hosts *g, int fd, const char *text)
{
    struct pollfd waits = {.fd = fd, .events = POLLIN};

    buf_clear(&g->answer);
    while (!text || str_search(buf_str(&g->answer), str_of(text)) == g->answer.n) {
        int ready = poll(&waits, 1, WAIT_MS);
        assert(ready == 1);
        ssize_t n = read(fd, buf_reserve(&g->answer, 65536), 65536);

        if (n <= 0)
            break;
        g->answer.n += (size_t)n;
    }
    return buf_str(&g->answer);
}

str client_read_all(struct model_hosts *g, int fd)
{
    str answer = client_read_until(g, fd, NULL);

    close(fd);
    return answer;
}

str ask(struct model_hosts *g, const char *key, const char *method, const char *host,
        const char *path, const char *headers, str body)
{
    int fd = client_open(g);
    struct buf request;

    buf_init(&request, 0);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s", method, path,
               host, headers);
    if (!key || key[0])
        buf_printf(&request, "Authorization: Bearer %s\r\n", key ? key : "k-all");
    if (body.n)
        buf_printf(&request, "Content-Length: %zu\r\n", body.n);
    buf_put_str(&request, STR("\r\n"));
    buf_put_str(&request, body);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    return client_read_all(g, fd);
}

unsigned status_of(str answer)
{
    uint64_t status = 0;

    str_parse_u64(str_upto(str_from(answer, strlen("HTTP/1.1 ")), 3), &status);
    return (unsigned)status;
}

/*
 * What each stage of a request costs, one at a time and again and again: the same functions that an
 * edge calls, on the chat request that the throughput part sends. Caches are warm, so these are the
 * least that a stage costs; the sum of a whole request is in the throughput part.
 *
 *   bench-stages CONFIG REQUEST_FILE KEY CUSTOMER
 *
 * On standard output: a JSON object, nanoseconds by stage.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "catalog/policy.h"
#include "config/expect.h"
#include "edge/request.h"
#include "http/h1_parse.h"
#include "http/h1_write.h"
#include "http/usage.h"
#include "route/trace.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEADERS = 128,
    BATCH = 2000,
    BATCHES = 60, /* the fastest counts: everything else is the machine's */
    FILE_MAX = 1 << 20,
    JSON_MEMBERS = 1024,
    JSON_DEPTH = 128,
    ARENA_BYTES = 3072,
};

static struct {
    str request; /* head and body */
    struct http_header headers[HEADERS];
    struct h1_message message;
    str body;
    struct json_scan *scan;
    struct request_facts facts;
    const struct catalog *catalog;
    const struct customers *customers;
    const struct catalog_key *key;
    const struct catalog_group *group;
    str customer, key_text;
    struct permit permit;
    struct endpoint_state **states;
    struct route_view view;
    struct route_wish wish;
    struct route_candidate *candidates;
    size_t n_candidates;
    ptrdiff_t chosen;
    struct prng prng;
    struct trace trace;
    struct arena arena, trace_arena;
    char storage[ARENA_BYTES], trace_storage[ARENA_BYTES];
    struct buf out;
    str answer_head, answer_body;
    EVP_MD *sha256;
} s;

static const char answer_head[] =
    "HTTP/1.1 200 OK\r\ndate: Thu, 01 Oct 2026 10:00:00 GMT\r\nserver: "
    "uvicorn\r\ncontent-length: 812\r\ncontent-type: "
    "application/json\r\n\r\n";
static const char answer_body[] =
    "{\"id\":\"chatcmpl-8f3e1c5a9b7d4e2f8a6c0d1b\",\"object\":\"chat.completion\",\"choices\":[{"
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The data stays where the "
    "contract "
    "says: the request went to a server in the region that was asked for, and the answer came back "
    "the same way. If that region had been unavailable, the request would have been refused rather "
    "than sent elsewhere, and the refusal would have named the rule.\"},\"finish_reason\":\"stop\"}"
    "],\"usage\":{\"prompt_tokens\":187,\"total_tokens\":251,\"completion_tokens\":64}}";

_Noreturn static void fail(const char *why)
{
    fprintf(stderr, "bench-stages: %s\n", why);
    exit(1);
}

static void must(bool fine, const char *what)
{
    if (!fine)
        fail(what);
}

/* As an exchange has it: inside itself, for most requests. The trace has one of its own here, since
 * each stage is run many times before the next one. */
static void renew(struct arena *arena, char *storage)
{
    arena_deinit(arena);
    arena_init(arena, storage, ARENA_BYTES);
}

/* --- the stages, in the order of a request */

static void parse_request_head(void)
{
    static const struct h1_limits limits = {32 * 1024, HEADERS};
    struct h1_parser p;

    h1_parser_init(&p, H1_REQUEST);
    must(h1_parse(&p, s.request, &limits, s.headers, HTTP_METHOD_OTHER, &s.message) == H1_DONE,
         "the request's head");
}

/* As the first request of a connection; later ones compare 16 bytes. */
static void hash_key(void)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n;

    must(EVP_Digest(s.key_text.p, s.key_text.n, hash, &n, s.sha256, NULL) == 1, "SHA-256");
    s.key = catalog_find_key(s.catalog, hash);
    must(s.key, "the key");
}

static void scan_body(void)
{
    json_scan_free(s.scan);
    s.scan = json_scan_new(JSON_MEMBERS, JSON_DEPTH);
    must(json_scan_feed(s.scan, s.body, JSON_SCAN_LAST) == JSON_SCAN_DONE, "the body");
}

static void read_members(void)
{
    struct request_refusal refusal;

    renew(&s.arena, s.storage);
    must(request_read_json(s.scan, s.body, &s.arena, &s.facts, &refusal), "the members");
}

static void find_customer_and_permit(void)
{
    struct policy_request request = {.key = s.key};
    str subject;

    must(policy_add_customer(&request, s.catalog, s.customer), "the customer");
    must(policy_permit(s.catalog, s.customers, &request, &s.permit, &subject) == POLICY_PERMITTED,
         "the permit");
}

static void choose(void)
{
    route_gather(&s.view, &s.permit, s.group, &s.wish, s.candidates, s.n_candidates);
    s.chosen = route_choose(&s.view, s.candidates, s.n_candidates, STR_NULL, &s.prng);
    must(s.chosen >= 0, "a choice");
}

static void record_choice(void)
{
    renew(&s.trace_arena, s.trace_storage);
    s.trace = (struct trace){0};
    trace_first_choice(&s.trace, &s.view, &s.permit, &s.wish, s.candidates, s.n_candidates,
                       s.chosen, &s.trace_arena);
    s.trace.region = STR("scaleway-par-1");
    s.trace.attempts[s.trace.n_attempts++] = (struct trace_attempt){
        STR("scaleway-par-1"), STR("scaleway-par-1"), ROUTE_OUTCOME_SERVED, 200, true};
}

static void derive_body(void)
{
    struct iovec *segments;
    size_t n;

    renew(&s.arena, s.storage);
    must(request_derive_body(&s.facts, s.body, STR("mistral-medium-3"), &s.arena, &segments, &n),
         "the body for an endpoint");
}

static void write_request_head(void)
{
    enum h1_framing framing;

    buf_clear(&s.out);
    must(h1_write_request(&s.out, &s.message.head, STREAM_MORE, &framing) == 0, "writing a head");
}

static void parse_answer_head(void)
{
    static const struct h1_limits limits = {32 * 1024, HEADERS};
    struct http_header headers[HEADERS];
    struct h1_message message;
    struct h1_parser p;

    h1_parser_init(&p, H1_RESPONSE);
    must(h1_parse(&p, s.answer_head, &limits, headers, HTTP_METHOD_POST, &message) == H1_DONE,
         "the answer's head");
}

static void find_usage(void)
{
    uint64_t prompt, completion;

    must(usage_find(s.answer_body, &prompt, &completion) == USAGE_FOUND, "the usage");
}

static void render_trace(void)
{
    buf_clear(&s.out);
    trace_render(&s.trace, 0, &s.out);
}

static const struct stage {
    const char *name;
    void (*run)(void);
} stages[] = {
    {"request head parsed", parse_request_head},
    {"key hashed and found (first request of a connection)", hash_key},
    {"body scanned", scan_body},
    {"members read", read_members},
    {"customer found, permit worked out", find_customer_and_permit},
    {"endpoints judged and one chosen", choose},
    {"choice recorded", record_choice},
    {"body derived", derive_body},
    {"head written", write_request_head},
    {"answer's head parsed", parse_answer_head},
    {"usage found", find_usage},
    {"trace rendered", render_trace},
};

/* --- setting up */

static str read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = mem_alloc(FILE_MAX);

    must(f, path);
    size_t n = fread(text, 1, FILE_MAX, f);
    fclose(f);
    return str_make(text, n);
}

static void load(const char *path)
{
    struct config_source source = {.file = path};
    struct diagnostics d;
    struct buf text;

    diagnostics_init(&d);
    struct config *config = config_load(&source, &d);
    struct expectations *e = config ? expectations_new(config, &d) : NULL;
    if (!e) {
        buf_init(&text, 0);
        diagnostics_print(&d, &text);
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&text)));
        fail("the configuration");
    }
    s.catalog = expectations_catalog(e);
    s.customers = expectations_customers(e);
}

static void set_up_routing(void)
{
    static struct region_latency none;
    str matched;

    s.states = mem_array(s.catalog->n_endpoints + 1, sizeof(*s.states));
    for (size_t i = 0; i < s.catalog->n_endpoints; i++) {
        struct endpoint_state *state = mem_zalloc(sizeof(*state));
        str region = s.catalog->endpoints[i].region_name;

        memcpy(state->region, region.p, region.n < sizeof(state->region) ? region.n : 0);
        state->latency = &none;
        state->region_label = (uint16_t)i;
        s.states[i] = state;
    }
    s.group = catalog_find_group(s.catalog, s.facts.model, &matched);
    must(s.group, "the model");
    s.view = (struct route_view){s.catalog, s.states, clock_monotonic_ns()};
    s.n_candidates = route_candidate_count(s.catalog, s.group);
    s.candidates = mem_array(s.n_candidates, sizeof(*s.candidates));
}

static double nanoseconds(void (*run)(void))
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < BATCHES; i++) {
        int64_t began = clock_monotonic_ns();

        for (int k = 0; k < BATCH; k++)
            run();
        int64_t took = clock_monotonic_ns() - began;
        best = took < best ? took : best;
    }
    return (double)best / BATCH;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        fail("usage: bench-stages CONFIG REQUEST_FILE KEY CUSTOMER");
    s.request = read_file(argv[2]);
    s.key_text = str_of(argv[3]);
    s.customer = str_of(argv[4]);
    s.answer_head = STR(answer_head);
    s.answer_body = STR(answer_body);
    s.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    s.scan = json_scan_new(JSON_MEMBERS, JSON_DEPTH);
    arena_init(&s.arena, NULL, 0);
    arena_init(&s.trace_arena, NULL, 0);
    buf_init(&s.out, 0);
    load(argv[1]);
    parse_request_head();
    s.body = str_from(s.request, s.message.bytes);
    scan_body();
    read_members();
    set_up_routing();
    printf("{");
    for (size_t i = 0; i < COUNT_OF(stages); i++)
        printf("%s\"%s\":%.0f", i ? "," : "", stages[i].name, nanoseconds(stages[i].run));
    printf("}\n");
    return 0;
}

#include "edge/registry.h"

#include "base/log.h"
#include "base/mem.h"
#include "edge/metrics.h"

#include <stdio.h>

struct tls_entry {
    struct list link;
    char *identity; /* ca, certificate and key, joined */
    size_t identity_n;
    struct tls_client *client;
};

struct latency_entry {
    struct list link;
    char region[ENDPOINT_REGION_LABEL_BYTES];
    struct region_latency latency;
};

struct registry {
    struct publisher *publisher;
    registry_retire_fn on_retire;
    void *ctx;
    uint64_t next_origin;
    struct list states;  /* named by the newest catalog */
    struct list retired; /* not any more */
    struct map by_key;   /* key text → state, of `states` only */
    struct list tls;
    struct list latencies;
};

enum { KEY_BYTES = 512 };

struct registry *registry_new(struct publisher *publisher, registry_retire_fn on_retire, void *ctx)
{
    struct registry *r = mem_zalloc(sizeof(*r));

    r->publisher = publisher;
    r->on_retire = on_retire;
    r->ctx = ctx;
    list_init(&r->states);
    list_init(&r->retired);
    list_init(&r->tls);
    list_init(&r->latencies);
    map_init(&r->by_key);
    return r;
}

static void state_free(struct endpoint_state *s)
{
    list_remove(&s->link);
    tls_client_unref(s->origin.tls);
    mem_free((char *)s->origin.host.p);
    mem_free((char *)s->origin.unix_path.p);
    mem_free((char *)s->origin.identity.p);
    mem_free((char *)s->origin.networks.p);
    mem_free(s->id);
    mem_free(s->registry_key);
    free(s);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    list_for_each_safe (node, &r->states)
        state_free(list_entry(node, struct endpoint_state, link));
    list_for_each_safe (node, &r->retired)
        state_free(list_entry(node, struct endpoint_state, link));
    list_for_each_safe (node, &r->tls) {
        struct tls_entry *t = list_entry(node, struct tls_entry, link);

        tls_client_unref(t->client);
        mem_free(t->identity);
        mem_free(t);
    }
    list_for_each_safe (node, &r->latencies)
        mem_free(list_entry(node, struct latency_entry, link));
    map_deinit(&r->by_key);
    mem_free(r);
}

static struct region_latency *latency_of(struct registry *r, const char *region)
{
    list_for_each (node, &r->latencies) {
        struct latency_entry *entry = list_entry(node, struct latency_entry, link);

        if (strcmp(entry->region, region) == 0)
            return &entry->latency;
    }
    struct latency_entry *entry = mem_zalloc(sizeof(*entry));
    snprintf(entry->region, sizeof(entry->region), "%s", region);
    region_latency_init(&entry->latency);
    list_init(&entry->link);
    list_append(&r->latencies, &entry->link);
    return &entry->latency;
}

/* Loading the system's trust anchors takes milliseconds and a megabyte: endpoints with equal TLS
 * identities share one client. */
static struct tls_client *tls_of(struct registry *r, const struct catalog_endpoint *e)
{
    struct tls_client_options options = {.ca_pem = e->ca_pem,
                                         .identity = {e->client_cert_pem, e->client_key_pem},
                                         .alpn = TLS_ALPN_HTTP1};
    struct buf identity;
    char why[TLS_WHY_TEXT];

    buf_init(&identity, 0);
    wire_put_str(&identity, e->ca_pem);
    wire_put_str(&identity, e->client_cert_pem);
    wire_put_str(&identity, e->client_key_pem);
    list_for_each (node, &r->tls) {
        struct tls_entry *entry = list_entry(node, struct tls_entry, link);

        if (str_eq(str_make(entry->identity, entry->identity_n), buf_str(&identity))) {
            buf_deinit(&identity);
            return tls_client_ref(entry->client);
        }
    }
    struct tls_entry *entry = mem_zalloc(sizeof(*entry));
    if (tls_client_new(&options, &entry->client, why) < 0) {
        log_event(LOG_ERROR, "endpoint_tls_unusable", LOG_STR("endpoint", e->id),
                  LOG_STR("why", str_of(why)));
        buf_deinit(&identity);
        mem_free(entry);
        return NULL;
    }
    entry->identity = TAKE(identity.p);
    entry->identity_n = identity.n;
    list_init(&entry->link);
    list_append(&r->tls, &entry->link);
    return tls_client_ref(entry->client);
}

static struct endpoint_state *state_new(struct registry *r, const struct catalog_endpoint *e)
{
    struct endpoint_state *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
    str region = e->region_name.n ? e->region_name : STR("unknown");

    if (!s)
        abort();
    memset(s, 0, sizeof(*s));
    s->id = str_dup(e->id);
    s->origin_revision = e->origin_revision;
    s->origin = (struct upstream_origin){
        .id = ++r->next_origin,
        .host = {str_dup(e->host), e->host.n},
        .port = e->port,
        .tls = e->tls ? tls_of(r, e) : NULL,
        .unix_path = {str_dup(e->unix_path), e->unix_path.n},
        .identity = {str_dup(e->identity), e->identity.n},
        .networks = {str_dup(e->networks), e->networks.n},
    };
    snprintf(s->region, sizeof(s->region), "%.*s", STR_ARG(region));
    s->region_label = metrics_label(str_of(s->region));
    s->latency = latency_of(r, s->region);
    /* Without its TLS identity an endpoint can't be reached: never in plaintext instead. */
    s->unusable = e->tls && !s->origin.tls;
    list_init(&s->link);
    list_append(&r->states, &s->link);
    return s;
}

static str key_of(const struct catalog_endpoint *e, char *storage)
{
    int n = snprintf(storage, KEY_BYTES, "%016llx %.*s", (unsigned long long)e->origin_revision,
                     (int)(e->id.n < 400 ? e->id.n : 400), e->id.p);

    return str_make(storage, (size_t)n);
}

void registry_attach(struct registry *r, struct catalog *catalog, struct demand **demands)
{
    struct registry_attachment *attachment = arena_alloc(&catalog->arena, sizeof(*attachment));
    struct endpoint_state **states =
        arena_zalloc(&catalog->arena, (catalog->n_endpoints + 1) * sizeof(struct endpoint_state *));
    char key[KEY_BYTES];

    for (size_t i = 0; i < catalog->n_endpoints; i++) {
        const struct catalog_endpoint *e = &catalog->endpoints[i];
        struct endpoint_state *s = map_get(&r->by_key, key_of(e, key));

        if (!s) {
            s = state_new(r, e);
            s->registry_key = str_dup(key_of(e, key));
            map_put(&r->by_key, str_of(s->registry_key), s);
        }
        s->seen_revision = catalog->revision;
        /* From here on the policy itself says it. */
        if (e->state == ENDPOINT_OUT_OF_SERVICE)
            atomic_store(&s->contradicted, 0);
        states[i] = s;
    }
    *attachment = (struct registry_attachment){.states = states, .demands = demands};
    catalog->attachment = attachment;
}

void registry_retire(struct registry *r, const struct catalog *catalog, uint64_t epoch)
{
    list_for_each_safe (node, &r->states) {
        struct endpoint_state *s = list_entry(node, struct endpoint_state, link);

        if (s->seen_revision == catalog->revision)
            continue;
        map_remove(&r->by_key, str_of(s->registry_key));
        mem_free(TAKE(s->registry_key));
        s->retired_epoch = epoch;
        list_move(&r->retired, &s->link);
    }
}

void registry_sweep(struct registry *r)
{
    list_for_each_safe (node, &r->retired) {
        struct endpoint_state *s = list_entry(node, struct endpoint_state, link);

        if (!publisher_passed(r->publisher, s->retired_epoch))
            continue;
        if (!s->retirement_told) {
            s->retirement_told = true;
            r->on_retire(r->ctx, s->origin.id);
        }
        if (atomic_load(&s->in_flight) == 0 && s->retirement_seen)
            state_free(s);
        /* One more round after the pools were told: their messages lie before the next quiescent
         * point. */
        else if (s->retirement_told && !s->retirement_seen) {
            s->retirement_seen = true;
            s->retired_epoch = publisher_publish(r->publisher, NULL);
        }
    }
}

/*
 * A name goes round: asked, answered, refreshed. Its one deadline says what is next: the refresh
 * after an answer, another try after a failure, or, for a name without addresses, being forgotten.
 * While c-ares has a question it also has a pointer to the name: such a name is never freed.
 */

#include "net/resolver.h"

#include "base/log.h"
#include "base/map.h"
#include "net/dns.h"

#include <assert.h>
#include <errno.h>

enum {
    TIMEOUT_MS = 2000,
    TRIES = 3,
    MIN_TTL_MS = 5 * 1000,
    MAX_TTL_MS = 3600 * 1000,
    IDLE_MS = 600 * 1000,
    MAX_NAMES = 1024,
    AVOID_MS = 10 * 1000,     /* how long a failed address comes last */
    RETRY_MAX_MS = 60 * 1000, /* between failed refreshes */
    FAILED_MS = 1000,         /* a name without addresses is not asked for again so long */
    ADDRESSES_MAX = 16,
    NAME_BYTES = 253, /* RFC 1035, section 2.3.4 */
};

struct candidate {
    struct net_address address; /* port 0 */
    int64_t avoid_until_ns;
};

struct name {
    struct resolver *resolver;
    char *text; /* lower case */
    struct candidate candidates[ADDRESSES_MAX];
    size_t n_candidates;
    size_t turn;  /* whose turn it is */
    bool asking;  /* until the waiters have been told */
    bool telling; /* them, right now */
    unsigned failures;
    int64_t used_ns;
    int64_t answered_ns;
    struct deadline next;
    struct list waiting; /* struct resolver_query.link */
    struct list link;    /* of resolver.names */
};

struct resolver {
    struct loop *loop;
    struct dns *dns;
    struct map by_text;
    struct list names; /* the one unused for longest first */
    size_t n_names;
    struct name localhost;
    struct resolver_options options;
};

static void ask(struct name *name);

/* --- one name's addresses --- */

static struct candidate *find_candidate(struct name *name, const struct net_address *address)
{
    struct net_address without_port = *address;

    net_address_set_port(&without_port, 0);
    for (size_t i = 0; i < name->n_candidates; i++)
        if (net_address_eq(&name->candidates[i].address, &without_port))
            return &name->candidates[i];
    return NULL;
}

/* The first family's in turn, then whatever has not failed, then what failed longest ago. */
static struct candidate *pick(struct name *name)
{
    int64_t now_ns = loop_now_ns(name->resolver->loop);
    struct candidate *all = name->candidates, *best = NULL;

    for (size_t i = 0; i < name->n_candidates; i++) {
        struct candidate *c = &all[(name->turn + i) % name->n_candidates];

        if (c->avoid_until_ns <= now_ns &&
            c->address.any.sa_family == all[0].address.any.sa_family) {
            name->turn = (size_t)(c - all) + 1;
            return c;
        }
    }
    for (size_t i = 0; i < name->n_candidates; i++) {
        if (all[i].avoid_until_ns <= now_ns)
            return &all[i];
        if (!best || all[i].avoid_until_ns < best->avoid_until_ns)
            best = &all[i];
    }
    return best;
}

static bool give(struct name *name, uint16_t port, struct net_address *ret_address)
{
    const struct candidate *c = pick(name);

    if (!c)
        return false;
    *ret_address = c->address;
    net_address_set_port(ret_address, port);
    return true;
}

static bool all_failed(const struct name *name)
{
    int64_t now_ns = loop_now_ns(name->resolver->loop);

    for (size_t i = 0; i < name->n_candidates; i++)
        if (name->candidates[i].avoid_until_ns <= now_ns)
            return false;
    return true;
}

/* Takes over an answer; what is known of an address stays known. False if there is none in it. */
static bool take_addresses(struct name *name, const struct ares_addrinfo *info)
{
    struct candidate fresh[ADDRESSES_MAX];
    size_t n = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node && n < ADDRESSES_MAX;
         node = node->ai_next) {
        struct candidate c = {.address.length = (socklen_t)node->ai_addrlen};
        const struct candidate *known;

        if (node->ai_family != AF_INET && node->ai_family != AF_INET6)
            continue;
        memcpy(&c.address.storage, node->ai_addr, node->ai_addrlen);
        known = find_candidate(name, &c.address);
        c.avoid_until_ns = known ? known->avoid_until_ns : 0;
        fresh[n++] = c;
    }
    if (n == 0)
        return false;
    memcpy(name->candidates, fresh, n * sizeof(fresh[0]));
    name->n_candidates = n;
    return true;
}

static int64_t ttl_ms(const struct resolver *r, const struct ares_addrinfo *info)
{
    int64_t ms = r->options.max_ttl_ms;

    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
        if (node->ai_ttl * 1000LL < ms)
            ms = node->ai_ttl * 1000LL;
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next)
        if (cname->ttl * 1000LL < ms)
            ms = cname->ttl * 1000LL;
    return ms < r->options.min_ttl_ms ? r->options.min_ttl_ms : ms;
}

/* --- questions and answers --- */

static void name_free(struct name *name)
{
    assert(!name->asking);
    deadline_cancel(&name->next);
    map_remove(&name->resolver->by_text, str_of(name->text));
    name->resolver->n_names--;
    list_remove(&name->link);
    mem_free(name->text);
    mem_free(name);
}

static void tell_waiters(struct name *name)
{
    name->telling = true;
    while (!list_empty(&name->waiting)) {
        struct resolver_query *query = list_first(&name->waiting, struct resolver_query, link);
        struct net_address address;
        bool found = give(name, query->port, &address);

        resolver_cancel(query);
        query->on_done(query, found ? &address : NULL);
    }
    name->telling = false;
}

/* When to ask again after a failure: soon, then ever less often. */
static int64_t retry_ms(const struct name *name)
{
    int64_t ms = name->resolver->options.min_ttl_ms;

    for (unsigned i = 1; i < name->failures && ms < RETRY_MAX_MS; i++)
        ms *= 2;
    return ms;
}

static int64_t hold_failure_ms(const struct resolver *r)
{
    return r->options.min_ttl_ms < FAILED_MS ? r->options.min_ttl_ms : FAILED_MS;
}

static void note_failure(struct name *name, int status)
{
    struct resolver *r = name->resolver;

    if (name->failures++ == 0)
        log_event(LOG_WARN, "name_not_resolved", LOG_STR("name", str_of(name->text)),
                  LOG_STR("why", str_of(ares_strerror(status))),
                  LOG_NUM("addresses_kept", name->n_candidates));
    deadline_set(r->loop, &name->next, name->n_candidates ? retry_ms(name) : hold_failure_ms(r));
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *name = ctx;
    struct resolver *r = name->resolver;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION) {
        name->asking = false;
        return;
    }
    name->answered_ns = loop_now_ns(r->loop);
    if (status == ARES_SUCCESS && take_addresses(name, info)) {
        name->failures = 0;
        /* Before the end, so that a question that is answered late is still in time. */
        deadline_set(r->loop, &name->next, ttl_ms(r, info) / 8 * 7);
    } else {
        note_failure(name, status == ARES_SUCCESS ? ARES_ENODATA : status);
    }
    ares_freeaddrinfo(info);
    tell_waiters(name);
    name->asking = false;
}

static void ask(struct name *name)
{
    name->asking = true;
    deadline_cancel(&name->next);
    dns_ask(name->resolver->dns, name->text, on_answer, name);
}

static void on_next(struct deadline *deadline)
{
    struct name *name = container_of(deadline, struct name, next);
    const struct resolver *r = name->resolver;
    int64_t unused_ns = loop_now_ns(r->loop) - name->used_ns;

    if (name->n_candidates == 0 || unused_ns > r->options.idle_ms * NS_PER_MS)
        name_free(name);
    else
        ask(name);
}

/* --- names --- */

static bool is_name(str host)
{
    if (host.n == 0 || host.n > NAME_BYTES)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = str_lower_char(host.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

/* RFC 6761, section 6.3. */
bool resolver_is_localhost(str host)
{
    str suffix = STR(".localhost");

    return str_ieq(host, STR("localhost")) ||
           (host.n > suffix.n && str_ieq(str_from(host, host.n - suffix.n), suffix));
}

static struct name *find_name(struct resolver *r, str host)
{
    char text[NAME_BYTES];

    if (resolver_is_localhost(host))
        return &r->localhost;
    if (!is_name(host))
        return NULL;
    for (size_t i = 0; i < host.n; i++)
        text[i] = str_lower_char(host.p[i]);
    return map_get(&r->by_text, str_make(text, host.n));
}

static bool make_room(struct resolver *r)
{
    if (r->n_names < r->options.max_names)
        return true;
    list_for_each (node, &r->names) {
        struct name *name = list_entry(node, struct name, link);

        if (!name->asking) {
            name_free(name);
            return true;
        }
    }
    return false;
}

static void name_init(struct name *name, struct resolver *r)
{
    *name = (struct name){.resolver = r, .next.on_expire = on_next};
    list_init(&name->waiting);
    list_init(&name->link);
}

static struct name *name_new(struct resolver *r, str host)
{
    struct name *name = mem_alloc(sizeof(*name));

    name_init(name, r);
    name->text = str_dup(host);
    for (size_t i = 0; i < host.n; i++)
        name->text[i] = str_lower_char(host.p[i]);
    list_append(&r->names, &name->link);
    map_put(&r->by_text, str_make(name->text, host.n), name);
    r->n_names++;
    return name;
}

int resolver_lookup(struct resolver *r, str host, uint16_t port, struct resolver_query *query,
                    struct net_address *ret_address)
{
    struct name *name;

    assert(!query->name);
    if (net_address_from_ip(host, port, ret_address) == 0)
        return 1;
    name = find_name(r, host);
    if (!name && !is_name(host))
        return -EINVAL;
    if (!name) {
        if (!make_room(r))
            return -ENOSPC;
        name = name_new(r, host);
        ask(name); /* may be answered at once, by /etc/hosts */
    }
    name->used_ns = loop_now_ns(r->loop);
    if (name != &r->localhost)
        list_move(&r->names, &name->link);
    if (give(name, port, ret_address))
        return 1;
    if (!name->asking || name->telling)
        return -ENOENT;
    query->name = name;
    query->port = port;
    list_init(&query->link);
    list_append(&name->waiting, &query->link);
    return 0;
}

void resolver_cancel(struct resolver_query *query)
{
    if (!query->name)
        return;
    list_remove(&query->link);
    query->name = NULL;
}

void resolver_report_failure(struct resolver *r, str host, const struct net_address *failed)
{
    struct name *name = find_name(r, host);
    struct candidate *c = name ? find_candidate(name, failed) : NULL;
    int64_t now_ns = loop_now_ns(r->loop);

    if (!c)
        return;
    c->avoid_until_ns = now_ns + AVOID_MS * NS_PER_MS;
    if (name != &r->localhost && !name->asking && all_failed(name) &&
        now_ns - name->answered_ns >= r->options.min_ttl_ms * NS_PER_MS)
        ask(name);
}

/* --- lifetime --- */

static void add_localhost(struct resolver *r)
{
    struct name *name = &r->localhost;

    name_init(name, r);
    net_address_from_ip(STR("127.0.0.1"), 0, &name->candidates[0].address);
    net_address_from_ip(STR("::1"), 0, &name->candidates[1].address);
    name->n_candidates = 2;
}

static struct resolver_options with_defaults(struct resolver_options o)
{
    o.timeout_ms = o.timeout_ms ? o.timeout_ms : TIMEOUT_MS;
    o.tries = o.tries ? o.tries : TRIES;
    o.min_ttl_ms = o.min_ttl_ms ? o.min_ttl_ms : MIN_TTL_MS;
    o.max_ttl_ms = o.max_ttl_ms ? o.max_ttl_ms : MAX_TTL_MS;
    o.idle_ms = o.idle_ms ? o.idle_ms : IDLE_MS;
    o.max_names = o.max_names ? o.max_names : MAX_NAMES;
    return o;
}

struct resolver *resolver_new(struct loop *loop)
{
    return resolver_new_with(loop, &(struct resolver_options){0});
}

struct resolver *resolver_new_with(struct loop *loop, const struct resolver_options *options)
{
    struct resolver *r = mem_zalloc(sizeof(*r));

    r->loop = loop;
    r->options = with_defaults(*options);
    r->dns = dns_new(loop, options->servers, r->options.timeout_ms, r->options.tries);
    if (!r->dns) {
        mem_free(r);
        return NULL;
    }
    r->options.servers = NULL; /* the caller's text is not kept */
    map_init(&r->by_text);
    list_init(&r->names);
    add_localhost(r);
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    dns_free(r->dns);
    while (!list_empty(&r->names)) {
        struct name *name = list_first(&r->names, struct name, link);

        while (!list_empty(&name->waiting))
            resolver_cancel(list_first(&name->waiting, struct resolver_query, link));
        name_free(name);
    }
    map_deinit(&r->by_text);
    mem_free(r);
}

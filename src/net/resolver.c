#include "net/resolver.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>

/*
 * Names are entries of a map. An entry is asked for again in the background once its time to live
 * has passed, if anybody has looked it up since; only the first look-up of a name waits. c-ares
 * reads /etc/hosts and speaks DNS; it has no clock and no loop of its own: its sockets are ours to
 * watch (on_socket_state), its timeouts are polled by `tick`.
 */

enum {
    DEFAULT_TIMEOUT_MS = 2000,
    DEFAULT_TRIES = 3,
    DEFAULT_MIN_TTL_MS = 5000,
    DEFAULT_MAX_TTL_MS = 3600000,
    DEFAULT_MAX_NAMES = 1024,
    TICK_MS = 250,
    SOCKETS_MAX = 32,
    NAME_MAX_BYTES = 253,
    ADDRESSES_MAX = 16,
    AVOID_MS = 10000,
    FAILED_MS = 1000,
};

struct name {
    char *text;
    struct resolver *resolver;
    struct net_address addresses[ADDRESSES_MAX]; /* port 0 */
    int64_t avoid_until_ns[ADDRESSES_MAX];
    size_t n, next;
    int64_t expires_ns, failed_until_ns, used_ns;
    bool asking;
    struct list waiting; /* resolver_query.link */
    struct list link;
};

struct watched {
    struct loop_io io;
    struct resolver *resolver;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct map by_text;
    struct list names;
    size_t n_names;
    struct watched sockets[SOCKETS_MAX];
    struct deadline tick;
    struct resolver_options options;
    unsigned asking;
};

static void start_library(void)
{
    int r = ares_library_init(ARES_LIB_INIT_ALL);

    assert(r == ARES_SUCCESS);
    (void)r;
}

static void on_socket_event(struct loop_io *io, uint32_t events)
{
    struct watched *w = container_of(io, struct watched, io);
    bool readable = events & (EPOLLIN | EPOLLERR | EPOLLHUP),
         writable = events & (EPOLLOUT | EPOLLERR | EPOLLHUP);

    ares_process_fd(w->resolver->channel, readable ? io->fd : ARES_SOCKET_BAD,
                    writable ? io->fd : ARES_SOCKET_BAD);
}

static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = ctx;
    struct watched *free_one = NULL, *known = NULL;
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0u) | (writable ? (uint32_t)EPOLLOUT : 0u);

    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (r->sockets[i].resolver && r->sockets[i].io.fd == fd)
            known = &r->sockets[i];
        else if (!r->sockets[i].resolver)
            free_one = &r->sockets[i];
    }
    if (known && !events) {
        loop_remove(r->loop, &known->io);
        known->resolver = NULL;
    } else if (known) {
        loop_modify(r->loop, &known->io, events);
    } else if (events && free_one) {
        *free_one = (struct watched){.io = {.fd = fd, .on_event = on_socket_event}, .resolver = r};
        loop_add(r->loop, &free_one->io, events);
    }
}

static void on_tick(struct deadline *deadline)
{
    struct resolver *r = container_of(deadline, struct resolver, tick);

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (r->asking)
        deadline_set(r->loop, &r->tick, TICK_MS);
}

struct resolver *resolver_new(struct loop *loop)
{
    return resolver_new_with(loop, &(struct resolver_options){0});
}

struct resolver *resolver_new_with(struct loop *loop, const struct resolver_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct resolver *r = mem_zalloc(sizeof(*r));
    struct ares_options ares = {
        .timeout = options->timeout_ms ? (int)options->timeout_ms : DEFAULT_TIMEOUT_MS,
        .tries = options->tries ? options->tries : DEFAULT_TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = r,
    };

    pthread_once(&once, start_library);
    r->loop = loop;
    r->options = *options;
    r->options.min_ttl_ms = options->min_ttl_ms ? options->min_ttl_ms : DEFAULT_MIN_TTL_MS;
    r->options.max_ttl_ms = options->max_ttl_ms ? options->max_ttl_ms : DEFAULT_MAX_TTL_MS;
    r->options.max_names = options->max_names ? options->max_names : DEFAULT_MAX_NAMES;
    r->tick.on_expire = on_tick;
    map_init(&r->by_text);
    list_init(&r->names);
    int made = ares_init_options(&r->channel, &ares,
                                 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (made == ARES_SUCCESS && options->servers)
        made = ares_set_servers_ports_csv(r->channel, options->servers);
    if (made == ARES_SUCCESS)
        return r;
    map_deinit(&r->by_text);
    mem_free(r);
    return NULL;
}

static void name_free(struct name *name)
{
    list_for_each_safe (node, &name->waiting) {
        list_entry(node, struct resolver_query, link)->name = NULL;
        list_remove(node);
    }
    map_remove(&name->resolver->by_text, str_of(name->text));
    name->resolver->n_names--;
    list_remove(&name->link);
    mem_free(name->text);
    mem_free(name);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    deadline_cancel(&r->tick);
    /* Answers every open question with ARES_EDESTRUCTION, which on_answer ignores. */
    ares_destroy(r->channel);
    list_for_each_safe (node, &r->names)
        name_free(list_entry(node, struct name, link));
    map_deinit(&r->by_text);
    mem_free(r);
}

/* --- answers
 * -------------------------------------------------------------------------------------------------------
 */

static bool take_addresses(struct name *name, const struct ares_addrinfo *info, int64_t *ret_ttl_ms)
{
    int64_t ttl_ms = name->resolver->options.max_ttl_ms;
    size_t n = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node && n < ADDRESSES_MAX;
         node = node->ai_next) {
        struct net_address address = {.length = (socklen_t)node->ai_addrlen};

        if (node->ai_addrlen > sizeof(address.storage))
            continue;
        memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
        net_address_set_port(&address, 0);
        name->avoid_until_ns[n] = 0;
        name->addresses[n++] = address;
        if (node->ai_ttl * 1000LL < ttl_ms)
            ttl_ms = node->ai_ttl * 1000LL;
    }
    if (n == 0)
        return false;
    name->n = n;
    name->next = 0;
    *ret_ttl_ms =
        ttl_ms < name->resolver->options.min_ttl_ms ? name->resolver->options.min_ttl_ms : ttl_ms;
    return true;
}

/* In turn, those that failed a moment ago last. */
static bool pick(struct name *name, uint16_t port, struct net_address *ret_address)
{
    int64_t now_ns = loop_now_ns(name->resolver->loop);
    size_t chosen = name->next % (name->n ? name->n : 1);

    if (name->n == 0)
        return false;
    for (size_t i = 0; i < name->n; i++) {
        size_t at = (name->next + i) % name->n;

        if (name->avoid_until_ns[at] <= now_ns &&
            name->addresses[at].any.sa_family == name->addresses[0].any.sa_family) {
            chosen = at;
            goto found;
        }
    }
    for (size_t i = 0; i < name->n; i++)
        if (name->avoid_until_ns[i] <= now_ns) {
            chosen = i;
            break;
        }
found:
    name->next = chosen + 1;
    *ret_address = name->addresses[chosen];
    net_address_set_port(ret_address, port);
    return true;
}

static void tell_waiters(struct name *name)
{
    while (!list_empty(&name->waiting)) {
        struct resolver_query *query = list_first(&name->waiting, struct resolver_query, link);
        struct net_address address;
        bool found = pick(name, query->port, &address);

        list_remove(&query->link);
        query->name = NULL;
        query->on_done(query, found ? &address : NULL);
    }
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *name = ctx;
    struct resolver *r = name->resolver;
    int64_t ttl_ms, now_ns = loop_now_ns(r->loop);

    (void)timeouts;
    if (status == ARES_EDESTRUCTION)
        return;
    name->asking = false;
    r->asking--;
    if (status == ARES_SUCCESS && take_addresses(name, info, &ttl_ms)) {
        name->expires_ns = now_ns + ttl_ms * NS_PER_MS;
        name->failed_until_ns = 0;
    } else {
        /* What there was stays in use; a name without any address answers at once for a moment. */
        name->failed_until_ns = now_ns + FAILED_MS * NS_PER_MS;
        name->expires_ns = now_ns + r->options.min_ttl_ms * NS_PER_MS;
        log_event(LOG_WARN, "name_not_resolved", LOG_STR("name", str_of(name->text)),
                  LOG_STR("why", str_of(ares_strerror(status))));
    }
    if (info)
        ares_freeaddrinfo(info);
    tell_waiters(name);
}

static void ask(struct name *name)
{
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    name->asking = true;
    name->resolver->asking++;
    if (!deadline_is_set(&name->resolver->tick))
        deadline_set(name->resolver->loop, &name->resolver->tick, TICK_MS);
    ares_getaddrinfo(name->resolver->channel, name->text, NULL, &hints, on_answer, name);
}

/* --- look-ups
 * ------------------------------------------------------------------------------------------------------
 */

static bool is_name(str host)
{
    if (host.n == 0 || host.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = str_lower_char(host.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return true;
}

static bool make_room(struct resolver *r)
{
    struct name *oldest = NULL;

    if (r->n_names < r->options.max_names)
        return true;
    list_for_each (node, &r->names) {
        struct name *name = list_entry(node, struct name, link);

        if (!name->asking && list_empty(&name->waiting) &&
            (!oldest || name->used_ns < oldest->used_ns))
            oldest = name;
    }
    if (oldest)
        name_free(oldest);
    return oldest != NULL;
}

static struct name *name_new(struct resolver *r, str host)
{
    struct name *name = mem_zalloc(sizeof(*name));

    name->resolver = r;
    name->text = str_dup(host);
    list_init(&name->waiting);
    list_init(&name->link);
    list_append(&r->names, &name->link);
    map_put(&r->by_text, str_make(name->text, host.n), name);
    r->n_names++;
    return name;
}

int resolver_lookup(struct resolver *r, str host, uint16_t port, struct resolver_query *query,
                    struct net_address *ret_address)
{
    int64_t now_ns = loop_now_ns(r->loop);

    if (net_address_from_ip(host, port, ret_address) == 0)
        return 1;
    if (str_ieq(host, STR("localhost")) ||
        (host.n > 10 && str_ieq(str_from(host, host.n - 10), STR(".localhost"))))
        return net_address_from_ip(STR("127.0.0.1"), port, ret_address) == 0 ? 1 : -EINVAL;
    if (!is_name(host))
        return -EINVAL;
    struct name *name = map_get(&r->by_text, host);
    if (!name) {
        if (!make_room(r))
            return -ENOSPC;
        name = name_new(r, host);
    }
    name->used_ns = now_ns;
    if (name->n == 0 && name->failed_until_ns > now_ns)
        return -ENOENT;
    if (!name->asking && now_ns >= name->expires_ns)
        ask(name);
    if (pick(name, port, ret_address))
        return 1;
    if (name->failed_until_ns > now_ns)
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
    struct name *name = map_get(&r->by_text, host);

    if (!name)
        return;
    for (size_t i = 0; i < name->n; i++) {
        struct net_address with_port = name->addresses[i];

        net_address_set_port(&with_port, net_address_port(failed));
        if (net_address_eq(&with_port, failed))
            name->avoid_until_ns[i] = loop_now_ns(r->loop) + AVOID_MS * NS_PER_MS;
    }
}

#include "control.h"

#include "base/clock.h"
#include "base/mem.h"
#include "catalog/link.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOTED_MAX = 16 };

struct noted {
    char deployment[32];
    unsigned wakes;
    struct said said;
};

struct control {
    int listen_fd, fd; /* fd -1: no edge */
    pthread_t thread;
    pthread_mutex_t lock;
    bool stopping;
    struct buf in, out;
    struct buf catalog, customers;
    uint64_t catalog_revision, revision, sent, confirmed;
    struct noted noted[NOTED_MAX];
    size_t n_noted;
};

static void put_change(struct control *c)
{
    size_t at;

    if (c->sent < c->catalog_revision) {
        at = link_frame_begin(&c->out, LINK_CATALOG);
        wire_put_u64(&c->out, c->catalog_revision);
        wire_put_str(&c->out, buf_str(&c->catalog));
        link_frame_end(&c->out, at);
    }
    if (c->customers.n) {
        at = link_frame_begin(&c->out, LINK_CUSTOMERS);
        wire_put_u64(&c->out, c->revision);
        buf_put_str(&c->out, buf_str(&c->customers));
        link_frame_end(&c->out, at);
    }
    at = link_frame_begin(&c->out, LINK_IN_FORCE);
    wire_put_u64(&c->out, c->revision);
    wire_put_i64(&c->out, clock_wall_ns());
    link_frame_end(&c->out, at);
    c->sent = c->revision;
}

static void put_beat(struct control *c)
{
    size_t at = link_frame_begin(&c->out, LINK_HEARTBEAT);

    wire_put_i64(&c->out, clock_wall_ns());
    link_frame_end(&c->out, at);
}

static struct noted *note_of(struct control *c, str deployment)
{
    for (size_t i = 0; i < c->n_noted; i++)
        if (str_eq(str_of(c->noted[i].deployment), deployment))
            return &c->noted[i];
    assert(c->n_noted < NOTED_MAX && deployment.n < sizeof(c->noted[0].deployment));
    memcpy(c->noted[c->n_noted].deployment, deployment.p, deployment.n);
    return &c->noted[c->n_noted++];
}

static void take_demand(struct control *c, str payload)
{
    struct link_demand demand;

    assert(link_take_demand(payload, &demand));
    struct said *said = &note_of(c, demand.deployment)->said;
    said->times++;
    said->in_flight = demand.in_flight;
    said->held = demand.held;
    said->begun += demand.begun;
}

static void take_wake(struct control *c, str payload)
{
    str deployment;

    assert(link_take_wake(payload, &deployment));
    note_of(c, deployment)->wakes++;
}

static void take_frame(struct control *c, enum link_frame type, str payload)
{
    struct wire_reader r = {.rest = payload};

    if (type == LINK_HELLO)
        c->sent = 0;
    else if (type == LINK_CONFIRM)
        c->confirmed = wire_take_u64(&r);
    else if (type == LINK_WAKE)
        take_wake(c, payload);
    else if (type == LINK_DEMAND)
        take_demand(c, payload);
}

static void receive(struct control *c)
{
    enum link_frame type;
    str payload;
    ssize_t n = recv(c->fd, buf_reserve(&c->in, 65536), 65536, 0);

    if (n <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    c->in.n += (size_t)n;
    while ((n = link_frame_take(buf_str(&c->in), &type, &payload)) > 0) {
        take_frame(c, type, payload);
        buf_drop(&c->in, (size_t)n);
    }
    assert(n == 0);
}

static void send_what_is_new(struct control *c)
{
    if (c->fd < 0)
        return;
    if (c->sent != c->revision)
        put_change(c);
    put_beat(c);
    while (c->out.n) {
        ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        buf_drop(&c->out, (size_t)n);
    }
    buf_clear(&c->out);
}

static void *run(void *ctx)
{
    struct control *c = ctx;
    bool stopping = false;

    while (!stopping) {
        struct pollfd waits = {.fd = c->fd < 0 ? c->listen_fd : c->fd, .events = POLLIN};
        int ready = poll(&waits, 1, 5);

        pthread_mutex_lock(&c->lock);
        if (ready > 0 && c->fd < 0)
            c->fd = accept(c->listen_fd, NULL, NULL);
        else if (ready > 0)
            receive(c);
        send_what_is_new(c);
        stopping = c->stopping;
        pthread_mutex_unlock(&c->lock);
    }
    return NULL;
}

struct control *control_start(const char *link_path)
{
    struct control *c = mem_zalloc(sizeof(*c));
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof(at.sun_path), "%s", link_path);
    c->fd = -1;
    c->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert(bind(c->listen_fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    assert(listen(c->listen_fd, 4) == 0);
    pthread_mutex_init(&c->lock, NULL);
    assert(pthread_create(&c->thread, NULL, run, c) == 0);
    return c;
}

void control_stop(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    if (c->fd >= 0)
        close(c->fd);
    close(c->listen_fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->catalog);
    buf_deinit(&c->customers);
    mem_free(c);
}

void control_publish(struct control *c, uint64_t revision, str catalog)
{
    pthread_mutex_lock(&c->lock);
    buf_clear(&c->catalog);
    buf_put_str(&c->catalog, catalog);
    c->revision = c->catalog_revision = revision;
    pthread_mutex_unlock(&c->lock);
}

void control_publish_customer(struct control *c, uint64_t revision, const struct customer *customer)
{
    pthread_mutex_lock(&c->lock);
    buf_clear(&c->customers);
    wire_put_u32(&c->customers, 1);
    customer_encode(customer, &c->customers);
    c->revision = revision;
    pthread_mutex_unlock(&c->lock);
}

uint64_t control_confirmed(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t confirmed = c->confirmed;
    pthread_mutex_unlock(&c->lock);
    return confirmed;
}

unsigned control_wakes(struct control *c, const char *deployment)
{
    pthread_mutex_lock(&c->lock);
    unsigned wakes = note_of(c, str_of(deployment))->wakes;
    pthread_mutex_unlock(&c->lock);
    return wakes;
}

struct said control_said(struct control *c, const char *deployment)
{
    pthread_mutex_lock(&c->lock);
    struct said said = note_of(c, str_of(deployment))->said;
    pthread_mutex_unlock(&c->lock);
    return said;
}

#include "plane/probe.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static void done(struct probe *p, const char *why)
{
    char copy[PROBE_WHY_BYTES];

    snprintf(copy, sizeof(copy), "%s", why);
    probe_cancel(p);
    p->on_done(p, str_of(copy));
}

/* "HTTP/1.1 200 OK": the status, or 0 where it is none. */
static unsigned status_of(str answer)
{
    uint64_t status;
    str rest = answer;
    str version = str_cut(&rest, ' ');

    if (!str_starts(version, STR("HTTP/1.")) || rest.n < 3 ||
        !str_parse_u64(str_upto(rest, 3), &status))
        return 0;
    return (unsigned)status;
}

/* What lies behind the name of a header in a line, STR_NULL: it is another's. */
static str value_of(str line, str name)
{
    if (line.n <= name.n || line.p[name.n] != ':' || !str_ieq(str_upto(line, name.n), name))
        return STR_NULL;
    return str_trim(str_from(line, name.n + 1));
}

static void note_environment(struct probe *p)
{
    str rest = str_make(p->answer, p->n);

    p->says_environment = false;
    (void)str_cut(&rest, '\n');
    while (rest.n) {
        str line = str_cut(&rest, '\n');

        if (str_ends(line, STR("\r")))
            line.n--;
        if (line.n == 0)
            return;
        str value = value_of(line, STR("x-ambit-environment"));
        if (!value.p)
            continue;
        p->says_environment = true;
        snprintf(p->environment, sizeof(p->environment), "%.*s", STR_ARG(value));
    }
}

static void judge(struct probe *p)
{
    unsigned status = status_of(str_make(p->answer, p->n));
    char why[PROBE_WHY_BYTES];

    note_environment(p);
    if (status >= 200 && status < 300) {
        done(p, "");
        return;
    }
    if (status)
        snprintf(why, sizeof(why), "GET %.64s gave %u", p->path, status);
    else
        snprintf(why, sizeof(why), "GET %.64s gave no HTTP answer", p->path);
    done(p, why);
}

static void send_request(struct probe *p)
{
    char text[PROBE_PATH_MAX + 128];
    int n = snprintf(text, sizeof(text),
                     "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ambit-health\r\n"
                     "Connection: close\r\n\r\n",
                     PROBE_PATH_MAX, p->path);
    const struct iovec iov = {text, (size_t)n};

    p->sent = true;
    if (transport_writev(&p->t, &iov, 1) != n)
        done(p, "the connection failed");
}

static bool has_head(const struct probe *p)
{
    str answer = str_make(p->answer, p->n);

    return str_search(answer, STR("\n\r\n")) < p->n || str_search(answer, STR("\n\n")) < p->n;
}

static void receive(struct probe *p)
{
    while (p->n < sizeof(p->answer) && p->t.readable) {
        ssize_t n = transport_read(&p->t, p->answer + p->n, sizeof(p->answer) - p->n);

        if (n == -EAGAIN)
            break;
        if (n <= 0) {
            judge(p);
            return;
        }
        p->n += (size_t)n;
    }
    if (p->n == sizeof(p->answer) || has_head(p))
        judge(p);
}

static void on_transport(struct transport *t, unsigned events)
{
    struct probe *p = container_of(t, struct probe, t);

    if (events & TRANSPORT_FAILED && p->n == 0 && !t->readable) {
        done(p, t->tcp_connected ? "the connection failed" : "nothing listens there");
        return;
    }
    if (t->connected && !p->path[0]) {
        done(p, "");
        return;
    }
    if (t->connected && !p->sent)
        send_request(p);
    if (p->running && events & (TRANSPORT_READABLE | TRANSPORT_PEER_CLOSED | TRANSPORT_FAILED))
        receive(p);
}

static void on_deadline(struct deadline *d)
{
    struct probe *p = container_of(d, struct probe, deadline);

    if (str_find(str_make(p->answer, p->n), '\n', 0) < p->n) { /* a head that does not end */
        judge(p);
        return;
    }
    done(p, transport_is_open(&p->t) ? "no answer in time" : "nothing listens there");
}

void probe_start(struct probe *p, struct loop *loop, uint16_t port, const char *path,
                 int64_t timeout_ms, probe_fn on_done)
{
    struct net_address to;

    assert(!p->running);
    p->loop = loop;
    p->path = path;
    p->on_done = on_done;
    p->running = true;
    p->sent = p->says_environment = false;
    p->n = 0;
    p->deadline.on_expire = on_deadline;
    int r = net_address_from_ip(STR("127.0.0.1"), port, &to);
    if (r == 0)
        r = transport_connect(&p->t, loop, &to, NULL, STR_NULL, on_transport);
    deadline_set(loop, &p->deadline, r < 0 ? 0 : timeout_ms);
}

void probe_cancel(struct probe *p)
{
    deadline_cancel(&p->deadline);
    if (transport_is_open(&p->t))
        transport_close(&p->t, TRANSPORT_CLOSE);
    p->running = false;
}

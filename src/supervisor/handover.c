#include "supervisor/handover.h"

#include "base/mem.h"
#include "base/wire.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HANDOVER_VERSION = 1, HANDOVER_MAGIC = 0x56534d41 /* "AMSV" */, HANDOVER_MAX = 1 << 20 };

/* Of an encoded child (role, state, generation, pid, ready descriptor, deadline) and socket. */
enum { CHILD_BYTES = 1 + 1 + 4 + 4 + 4 + 8, SOCKET_BYTES = 4 };

/* --- writing */

static void put_child(struct buf *b, const struct child *c)
{
    wire_put_u8(b, (uint8_t)c->role);
    wire_put_u8(b, (uint8_t)c->state);
    wire_put_u32(b, c->generation);
    wire_put_u32(b, (uint32_t)c->pid);
    wire_put_u32(b, (uint32_t)c->ready_fd);
    wire_put_i64(b, c->deadline_ns);
}

static void encode(const struct handover *h, struct buf *b)
{
    wire_put_u32(b, HANDOVER_MAGIC);
    wire_put_u32(b, HANDOVER_VERSION);
    wire_put_str(b, str_of(h->binary));
    wire_put_str(b, str_of(h->data_dir));
    wire_put_str(b, str_of(h->config_path));
    wire_put_u32(b, h->workers);
    wire_put_i64(b, h->ready_timeout_ms);
    wire_put_i64(b, h->drain_limit_ms);
    wire_put_i64(b, h->control_stop_ms);
    wire_put_u32(b, (uint32_t)h->exe_fd);
    wire_put_u32(b, (uint32_t)h->lock_fd);
    wire_put_u32(b, (uint32_t)h->listeners.control);
    wire_put_u32(b, (uint32_t)h->listeners.link);
    wire_put_u32(b, (uint32_t)h->listeners.n_gateway);
    for (size_t i = 0; i < h->listeners.n_gateway; i++)
        wire_put_u32(b, (uint32_t)h->listeners.gateway[i]);
    wire_put_u32(b, h->next_generation);
    wire_put_u32(b, (uint32_t)h->n_children);
    for (size_t i = 0; i < h->n_children; i++)
        put_child(b, &h->children[i]);
}

int handover_write(const struct handover *h)
{
    int fd = memfd_create("ambit-supervisor", MFD_CLOEXEC);
    struct buf bytes;

    if (fd < 0)
        return -errno;
    buf_init(&bytes, 0);
    encode(h, &bytes);
    ssize_t written = pwrite(fd, bytes.p, bytes.n, 0);
    bool whole = written >= 0 && (size_t)written == bytes.n;
    buf_deinit(&bytes);
    if (whole)
        return fd;
    close(fd);
    return -EIO;
}

/* --- reading */

static char *take_text(struct wire_reader *r)
{
    str text = wire_take_str(r);

    if (text.n == 0 || text.n > HANDOVER_TEXT_MAX || str_find(text, '\0', 0) != text.n)
        r->failed = true;
    return r->failed ? NULL : str_dup(text);
}

/* A number within [least, most]; the sticky error otherwise. */
static uint32_t take_within(struct wire_reader *r, uint32_t least, uint32_t most)
{
    uint32_t value = wire_take_u32(r);

    if (value < least || value > most)
        r->failed = true;
    return r->failed ? least : value;
}

static int64_t take_duration(struct wire_reader *r)
{
    int64_t ms = wire_take_i64(r);

    if (ms < 0)
        r->failed = true;
    return ms;
}

/* The number of an open descriptor. */
static int take_fd(struct wire_reader *r)
{
    int fd = (int)take_within(r, 0, INT32_MAX);

    if (!r->failed && fcntl(fd, F_GETFD) < 0)
        r->failed = true;
    return r->failed ? -1 : fd;
}

static void take_listeners(struct wire_reader *r, struct listeners *l)
{
    l->control = take_fd(r);
    l->link = take_fd(r);
    uint32_t n = wire_take_count(r, SOCKET_BYTES);
    if (n == 0 || n > SUPERVISOR_SOCKETS_MAX)
        r->failed = true;
    if (r->failed)
        return;
    l->gateway = mem_array(n, sizeof(*l->gateway));
    for (l->n_gateway = 0; l->n_gateway < n; l->n_gateway++)
        l->gateway[l->n_gateway] = take_fd(r);
}

static void take_child(struct wire_reader *r, struct child *c)
{
    uint8_t role = wire_take_u8(r), state = wire_take_u8(r);

    if (role >= CHILD_ROLES || state >= CHILD_STATES)
        r->failed = true;
    *c = (struct child){.role = role, .state = state, .pidfd = -1, .ready_fd = -1};
    c->generation = wire_take_u32(r);
    c->pid = (pid_t)take_within(r, 1, INT32_MAX);
    uint32_t ready_fd = wire_take_u32(r);
    c->ready_fd = ready_fd == UINT32_MAX ? -1 : (int)ready_fd;
    if (c->ready_fd < -1 || (c->ready_fd >= 0 && fcntl(c->ready_fd, F_GETFD) < 0))
        r->failed = true;
    c->deadline_ns = wire_take_i64(r);
}

static void decode(struct wire_reader *r, struct handover *h)
{
    if (wire_take_u32(r) != HANDOVER_MAGIC || wire_take_u32(r) != HANDOVER_VERSION)
        r->failed = true;
    h->binary = take_text(r);
    h->data_dir = take_text(r);
    h->config_path = take_text(r);
    h->workers = take_within(r, 1, SUPERVISOR_WORKERS_MAX);
    h->ready_timeout_ms = take_duration(r);
    h->drain_limit_ms = take_duration(r);
    h->control_stop_ms = take_duration(r);
    h->exe_fd = take_fd(r);
    h->lock_fd = take_fd(r);
    take_listeners(r, &h->listeners);
    h->next_generation = wire_take_u32(r);
    uint32_t n = wire_take_count(r, CHILD_BYTES);
    if (n > HANDOVER_CHILDREN_MAX)
        r->failed = true;
    for (uint32_t i = 0; i < n && !r->failed; i++)
        take_child(r, &h->children[h->n_children++]);
    if (r->rest.n)
        r->failed = true;
}

static int read_bytes(int fd, struct buf *to)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size <= 0 || st.st_size > HANDOVER_MAX)
        return -EBADMSG;
    ssize_t n = pread(fd, buf_reserve(to, (size_t)st.st_size), (size_t)st.st_size, 0);
    if (n != st.st_size)
        return -EBADMSG;
    to->n = (size_t)n;
    return 0;
}

/* What was read in vain is not ours to close. */
static void abandon(struct handover *h)
{
    h->exe_fd = h->lock_fd = h->listeners.control = h->listeners.link = -1;
    h->listeners.n_gateway = 0;
    for (size_t i = 0; i < h->n_children; i++)
        h->children[i].ready_fd = -1;
    handover_deinit(h);
}

int handover_read(int fd, struct handover *ret_handover)
{
    struct handover h = {.exe_fd = -1, .lock_fd = -1, .listeners = {.control = -1, .link = -1}};
    struct buf bytes;

    buf_init(&bytes, HANDOVER_MAX);
    int r = read_bytes(fd, &bytes);
    if (r == 0) {
        struct wire_reader reader = {.rest = buf_str(&bytes)};

        decode(&reader, &h);
        r = reader.failed ? -EBADMSG : 0;
    }
    buf_deinit(&bytes);
    for (size_t i = 0; r == 0 && i < h.n_children; i++)
        r = child_adopt(&h.children[i]);
    if (r < 0) {
        abandon(&h);
        return r;
    }
    handover_set_inherit(&h, HANDOVER_CLOSED_ON_EXEC);
    *ret_handover = h;
    return 0;
}

/* --- descriptors */

static void set_inherit(int fd, enum handover_inherit how)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, how == HANDOVER_KEPT_ON_EXEC ? 0 : FD_CLOEXEC);
}

void handover_set_inherit(const struct handover *h, enum handover_inherit how)
{
    set_inherit(h->exe_fd, how);
    set_inherit(h->lock_fd, how);
    set_inherit(h->listeners.control, how);
    set_inherit(h->listeners.link, how);
    for (size_t i = 0; i < h->listeners.n_gateway; i++)
        set_inherit(h->listeners.gateway[i], how);
    for (size_t i = 0; i < h->n_children; i++)
        set_inherit(h->children[i].ready_fd, how);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void handover_deinit(struct handover *h)
{
    for (size_t i = 0; i < h->n_children; i++) {
        close_if_open(h->children[i].pidfd);
        close_if_open(h->children[i].ready_fd);
    }
    listeners_close(&h->listeners);
    close_if_open(h->exe_fd);
    close_if_open(h->lock_fd);
    mem_free(h->binary);
    mem_free(h->data_dir);
    mem_free(h->config_path);
    *h = (struct handover){.exe_fd = -1, .lock_fd = -1, .listeners = {.control = -1, .link = -1}};
}

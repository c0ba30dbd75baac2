#include "http/h1_conn.h"

#include "base/mem.h"
#include "http/h1_write.h"

#include <assert.h>
#include <errno.h>

enum { CLIPPED_SLICES_MAX = 28 };

void h1_worker_init(struct h1_worker *w, struct loop *loop, struct h1_limits limits)
{
    *w = (struct h1_worker){.loop = loop};
    buf_init(&w->text, 0);
    h1_worker_set_limits(w, limits);
}

void h1_worker_set_limits(struct h1_worker *w, struct h1_limits limits)
{
    size_t headers = limits.headers > H1_TRAILERS_MAX ? limits.headers : H1_TRAILERS_MAX;
    /* A head or a trailer section that is not complete must leave room to read on. */
    size_t bytes = H1_READ_BYTES + limits.head_bytes + H1_TRAILER_BYTES;

    w->limits = limits;
    /* Never smaller: some of a head may wait that came under the former limits. */
    if (bytes > w->buffer_bytes) {
        w->buffer = mem_realloc(w->buffer, bytes);
        w->buffer_bytes = bytes;
    }
    if (headers > w->headers_room) {
        w->headers = mem_realloc(w->headers, headers * sizeof(*w->headers));
        w->headers_room = headers;
    }
}

void h1_worker_deinit(struct h1_worker *w)
{
    h1_blocks_deinit(&w->blocks);
    buf_deinit(&w->text);
    mem_free(w->headers);
    mem_free(w->buffer);
}

void h1_conn_reset(struct h1_conn *c, enum h1_kind receives)
{
    c->stream.events = NULL;
    c->stream.ctx = NULL;
    c->stream.bytes_sent = 0;
    c->stream.bytes_received = 0;
    h1_parser_init(&c->parser, receives);
    c->unconsumed = 0;
    c->send_rest = 0;
    c->send_framing = H1_NO_BODY;
    c->leased = c->paused = c->wants_writable = false;
    c->received_head = c->received_all = false;
    c->sent_head = c->sent_all = c->cut_short = c->held = false;
    c->tunnel = c->half_closed = false;
}

void h1_conn_deinit(struct h1_conn *c)
{
    deadline_cancel(&c->again);
    h1_out_clear(&c->out, &c->worker->blocks);
    mem_free(TAKE(c->kept));
    c->kept_n = 0;
}

void h1_conn_note_failure(struct h1_conn *c)
{
    if (c->failure == 0)
        c->failure = c->t.system_errno;
}

/* --- input --- */

/* What was read and sent counts anew in each turn. */
static void begin_turn(struct h1_conn *c)
{
    int64_t now_ns = loop_now_ns(c->worker->loop);

    if (c->turn_ns == now_ns)
        return;
    c->turn_ns = now_ns;
    c->turn_read = c->turn_sent = 0;
}

/* One read, unless this turn has had enough of this connection. */
static ssize_t read_some(struct h1_conn *c, char *to, size_t most)
{
    begin_turn(c);
    if (c->turn_read >= H1_TURN_BYTES) {
        h1_conn_go_on_later(c);
        return -EAGAIN;
    }
    ssize_t n = transport_read(&c->t, to, most);
    if (n > 0)
        c->turn_read += (uint32_t)n;
    return n;
}

ssize_t h1_conn_read(struct h1_conn *c, size_t most, str *ret_bytes)
{
    char *buffer = c->worker->buffer;
    size_t have = c->kept_n, room = c->worker->buffer_bytes - have;
    ssize_t n = -EAGAIN;

    if (have) {
        memcpy(buffer, c->kept, have);
        mem_free(TAKE(c->kept));
        c->kept_n = 0;
    }
    if (most && c->t.readable && room)
        n = read_some(c, buffer + have, most < room ? most : room);
    if (n < 0 && n != -EAGAIN)
        h1_conn_note_failure(c);
    *ret_bytes = str_make(buffer, have + (n > 0 ? (size_t)n : 0));
    return n;
}

/* Copied, because the buffer belongs to whoever reads next. */
void h1_conn_keep(struct h1_conn *c, str rest)
{
    if (rest.n == 0 || c->closed)
        return;
    c->kept = mem_alloc(rest.n);
    c->kept_n = rest.n;
    memcpy(c->kept, rest.p, rest.n);
}

static void deliver(struct h1_conn *c, str data)
{
    c->unconsumed += data.n;
    c->stream.bytes_received += data.n;
    c->paused = c->unconsumed >= H1_WINDOW_BYTES;
    c->stream.events->on_body(c->stream.ctx, &c->stream, data);
}

enum h1_pulled h1_conn_pull(struct h1_conn *c, str *bytes, enum h1_fault *ret_fault)
{
    struct h1_message trailers;
    size_t used;
    str data;

    while (c->leased && !c->dead) {
        if (h1_conn_window(c) == 0 && h1_body_rest(&c->body) > 0)
            return H1_PULL_BLOCKED;
        enum h1_body_result result = h1_body_next(&c->body, *bytes, h1_conn_window(c),
                                                  c->worker->headers, &used, &data, &trailers);
        *bytes = str_from(*bytes, used);
        switch (result) {
        case H1_BODY_DATA:
            deliver(c, data);
            break;
        case H1_BODY_MORE:
            return H1_PULL_MORE;
        case H1_BODY_BAD:
            *ret_fault = trailers.fault;
            return H1_PULL_BAD;
        case H1_BODY_END:
            c->received_all = true;
            c->stream.events->on_end(c->stream.ctx, &c->stream,
                                     trailers.head.n_headers ? &trailers.head : NULL);
            return H1_PULL_ENDED;
        }
    }
    return H1_PULL_STOPPED;
}

enum h1_pulled h1_conn_discard(struct h1_conn *c, str *bytes, size_t *budget)
{
    struct h1_message trailers;
    size_t used;
    str data;

    while (*budget) {
        enum h1_body_result result =
            h1_body_next(&c->body, *bytes, *budget, c->worker->headers, &used, &data, &trailers);
        *bytes = str_from(*bytes, used);
        switch (result) {
        case H1_BODY_DATA:
            *budget -= data.n;
            break;
        case H1_BODY_MORE:
            return H1_PULL_MORE;
        case H1_BODY_BAD:
            return H1_PULL_BAD;
        case H1_BODY_END:
            c->received_all = true;
            return H1_PULL_ENDED;
        }
    }
    return H1_PULL_BLOCKED;
}

bool h1_conn_consumed(struct h1_conn *c, size_t n)
{
    assert(n <= c->unconsumed);
    c->unconsumed -= n;
    if (!c->paused || c->unconsumed > H1_WINDOW_BYTES / 2)
        return false;
    c->paused = false;
    return true;
}

/* --- output --- */

static void account(struct h1_conn *c, ssize_t sent)
{
    if (sent > 0) {
        c->stream.bytes_sent += (size_t)sent;
        begin_turn(c);
        c->turn_sent += (uint32_t)sent;
    } else if (sent < 0) {
        c->send_failed = true;
        h1_conn_note_failure(c);
        h1_out_clear(&c->out, &c->worker->blocks);
        h1_conn_defer(c);
    }
}

void h1_conn_flush(struct h1_conn *c)
{
    if (c->closed || c->held)
        return;
    /* With TLS a send ends with its record, full socket or not. */
    while (c->out.n && c->t.writable && !c->send_failed)
        account(c, h1_out_send(&c->out, &c->worker->blocks, &c->t, NULL, 0));
    if (c->tunnel && c->sent_all && !c->half_closed && c->out.n == 0 && !c->send_failed) {
        c->half_closed = true;
        transport_shutdown(&c->t);
    }
}

void h1_conn_begin_message(struct h1_conn *c, enum h1_framing framing, int64_t length,
                           enum stream_end end)
{
    h1_conn_put_text(c);
    c->sent_head = true;
    c->send_framing = (uint8_t)framing;
    c->send_rest = framing == H1_LENGTH ? length : 0;
    c->held = end == STREAM_MORE;
    if (end == STREAM_END)
        h1_conn_end(c);
    if (c->out.n && !c->held)
        h1_conn_defer(c);
}

void h1_conn_put_text(struct h1_conn *c)
{
    h1_out_put(&c->out, &c->worker->blocks, buf_str(&c->worker->text));
}

static size_t total_of(const struct iovec *iov, int n)
{
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    return total;
}

/* Queues bytes [from, to) of the slices. */
static void put_range(struct h1_conn *c, const struct iovec *iov, int n, size_t from, size_t to)
{
    for (int i = 0; i < n && to > 0; i++) {
        str piece = str_upto(str_make(iov[i].iov_base, iov[i].iov_len), to);

        to -= piece.n;
        if (from < piece.n)
            h1_out_put(&c->out, &c->worker->blocks, str_from(piece, from));
        from -= from < piece.n ? from : piece.n;
    }
}

/* The first `most` bytes of iov as slices for one send. */
static int clip(const struct iovec *iov, int n, size_t most, struct iovec *ret_iov)
{
    int used = 0;

    for (int i = 0; i < n && most > 0 && used < CLIPPED_SLICES_MAX; i++) {
        size_t length = iov[i].iov_len < most ? iov[i].iov_len : most;

        if (length)
            ret_iov[used++] = (struct iovec){iov[i].iov_base, length};
        most -= length;
    }
    return used;
}

/* Sends the queue and slices behind it; returns how many bytes of the slices went. */
static size_t send_beside(struct h1_conn *c, const struct iovec *slices, int n)
{
    size_t queued = c->out.n;
    ssize_t sent = h1_out_send(&c->out, &c->worker->blocks, &c->t, slices, n);

    account(c, sent);
    return sent > 0 && (size_t)sent > queued ? (size_t)sent - queued : 0;
}

/* Plain bytes with nothing around them: as many as the kernel and the queue have room for. */
static size_t write_plain(struct h1_conn *c, const struct iovec *iov, int n, size_t total)
{
    size_t sent = 0, queued;

    if (c->t.writable && c->out.n + total > H1_BLOCK_BYTES) {
        struct iovec slices[CLIPPED_SLICES_MAX];
        size_t most = total < H1_TURN_BYTES ? total : H1_TURN_BYTES;

        sent = send_beside(c, slices, clip(iov, n, most, slices));
        if (c->send_failed)
            return total;
        /* There is room for more, but not in this turn. */
        if (sent == most && sent < total)
            return sent;
    }
    queued = h1_out_room(&c->out);
    if (queued > total - sent)
        queued = total - sent;
    put_range(c, iov, n, sent, sent + queued);
    return sent + queued;
}

/* Payload and what closes its chunk in one send; what the kernel refuses is queued. */
static void send_chunk(struct h1_conn *c, const struct iovec *iov, int n, size_t take, str tail)
{
    struct iovec slices[CLIPPED_SLICES_MAX + 1];
    int used = clip(iov, n, take, slices);
    size_t sent;

    if (total_of(slices, used) == take)
        slices[used++] = (struct iovec){(void *)(uintptr_t)tail.p, tail.n};
    sent = send_beside(c, slices, used);
    if (c->send_failed)
        return;
    if (sent < take)
        put_range(c, iov, n, sent, take);
    h1_out_put(&c->out, &c->worker->blocks, str_from(tail, sent < take ? 0 : sent - take));
}

/* One call, one chunk. Its size goes out before it is known how much the kernel takes, so no more
 * is promised than the queue could hold. */
static size_t write_chunk(struct h1_conn *c, const struct iovec *iov, int n, size_t total,
                          enum stream_end end)
{
    size_t room = c->t.writable ? H1_OUT_BYTES : h1_out_room(&c->out);
    size_t take = total < room ? total : room;
    str tail = end == STREAM_END && take == total ? STR("\r\n0\r\n\r\n") : STR("\r\n");
    char head[H1_CHUNK_HEAD_BYTES];

    if (take == 0)
        return 0;
    h1_out_put(&c->out, &c->worker->blocks, str_make(head, h1_chunk_head(take, head)));
    if (c->t.writable && c->out.n + take > H1_BLOCK_BYTES) {
        send_chunk(c, iov, n, take, tail);
    } else {
        put_range(c, iov, n, 0, take);
        h1_out_put(&c->out, &c->worker->blocks, tail);
    }
    return take;
}

static void put_last_chunk(struct h1_conn *c, const struct http_head *trailers)
{
    buf_clear(&c->worker->text);
    h1_write_last_chunk(&c->worker->text, trailers);
    h1_conn_put_text(c);
}

static size_t write_framed(struct h1_conn *c, const struct iovec *iov, int n, size_t total,
                           enum stream_end end)
{
    size_t taken;

    switch (c->send_framing) {
    case H1_LENGTH:
        assert(total <= (uint64_t)c->send_rest);
        taken = write_plain(c, iov, n, total);
        c->send_rest -= (int64_t)taken;
        return taken;
    case H1_CHUNKED:
        if (total == 0 && end == STREAM_END)
            put_last_chunk(c, NULL);
        return write_chunk(c, iov, n, total, end);
    case H1_UNTIL_CLOSE:
        return write_plain(c, iov, n, total);
    default:
        return total; /* an answer without a body (to HEAD, say) swallows it */
    }
}

void h1_conn_release_head(struct h1_conn *c)
{
    if (c->dead || c->send_failed)
        return;
    c->held = false;
    h1_conn_flush(c);
    if (c->out.n)
        h1_conn_defer(c);
}

void h1_conn_end(struct h1_conn *c)
{
    c->sent_all = true;
    c->cut_short = c->send_framing == H1_LENGTH && c->send_rest > 0;
    if (c->out.n > H1_BLOCK_BYTES)
        h1_conn_flush(c);
    if (c->tunnel)
        h1_conn_defer(c);
}

size_t h1_conn_write(struct h1_conn *c, const struct iovec *iov, int n, enum stream_end end)
{
    size_t total = total_of(iov, n), taken;

    if (c->dead || c->send_failed)
        return total;
    assert(c->sent_head && !c->sent_all);
    c->held = false;
    taken = write_framed(c, iov, n, total, end);
    if (taken < total)
        c->wants_writable = true;
    else if (end == STREAM_END)
        h1_conn_end(c);
    else if (c->out.n > H1_BLOCK_BYTES)
        h1_conn_flush(c);
    if (c->out.n || c->wants_writable)
        h1_conn_defer(c);
    return taken;
}

void h1_conn_write_trailers(struct h1_conn *c, const struct http_head *trailers)
{
    if (c->dead || c->send_failed)
        return;
    assert(c->sent_head && !c->sent_all);
    c->held = false;
    if (c->send_framing == H1_CHUNKED)
        put_last_chunk(c, trailers);
    h1_conn_end(c);
    if (c->out.n)
        h1_conn_defer(c);
}

bool h1_conn_take_writable(struct h1_conn *c)
{
    if (!c->wants_writable || !c->leased || c->dead || c->send_failed || c->out.n > H1_BLOCK_BYTES)
        return false;
    begin_turn(c);
    if (c->turn_sent >= H1_TURN_BYTES) {
        h1_conn_go_on_later(c);
        return false;
    }
    c->wants_writable = false;
    return true;
}

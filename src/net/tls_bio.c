#include "net/tls_bio.h"

#include <errno.h>
#include <sys/socket.h>

/* A peer that makes us answer (key updates, say) without ever reading is cut off here. */
enum { TLS_UNSENT_BYTES = 256 * 1024 };

static int bio_read(BIO *bio, char *to, size_t n, size_t *ret_n)
{
    struct tls_bio *b = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (b->drained) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        got = recv(b->fd, to, n, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        b->drained = (size_t)got < n && !b->peer_closed;
        *ret_n = (size_t)got;
        return 1;
    }
    if (got == 0) {
        b->at_end = true;
        return 0;
    }
    if (errno == EAGAIN) {
        b->drained = true;
        BIO_set_retry_read(bio);
    } else {
        b->error = errno;
    }
    return -1;
}

/* Bytes sent, 0 if the socket is full, or a negative errno. */
static ssize_t send_some(struct tls_bio *b, const char *p, size_t n)
{
    ssize_t sent;

    do
        sent = send(b->fd, p, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent < 0)
        b->error = errno;
    return sent < 0 ? -b->error : sent;
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    struct tls_bio *b = BIO_get_data(bio);
    ssize_t sent = 0;

    BIO_clear_retry_flags(bio);
    if (tls_bio_is_flushed(b))
        sent = send_some(b, p, n);
    if (sent < 0)
        return -1;
    buf_put(&b->unsent, p + sent, n - (size_t)sent);
    if (b->unsent.overflow) {
        b->error = ENOBUFS;
        return -1;
    }
    *ret_n = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_bio *b = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return b->at_end;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

BIO_METHOD *tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket of a transport");

    if (!method)
        return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

BIO *tls_bio_new(const BIO_METHOD *method, struct tls_bio *b, int fd)
{
    BIO *bio = BIO_new(method);

    if (!bio)
        return NULL;
    *b = (struct tls_bio){.fd = fd};
    buf_init(&b->unsent, TLS_UNSENT_BYTES);
    BIO_set_data(bio, b);
    BIO_set_init(bio, 1);
    return bio;
}

void tls_bio_deinit(struct tls_bio *b)
{
    buf_deinit(&b->unsent);
}

int tls_bio_flush(struct tls_bio *b)
{
    if (tls_bio_is_flushed(b))
        return 0;
    ssize_t sent = send_some(b, b->unsent.p, b->unsent.n);
    if (sent < 0)
        return (int)sent;
    if ((size_t)sent < b->unsent.n) {
        buf_drop(&b->unsent, (size_t)sent);
        return -EAGAIN;
    }
    buf_deinit(&b->unsent); /* idle connections hold no memory */
    return 0;
}

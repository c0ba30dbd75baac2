#include "net/tls_session.h"

#include "base/mem.h"
#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* Small pieces that go into one record: a head and the first of its body. */
enum { GATHER_BYTES = 16 * 1024 };

struct tls_session {
    SSL *ssl;
    struct tls_server *server; /* one of the two */
    struct tls_client *client;
};

static struct tls_session *session_new(SSL_CTX *ctx, int fd)
{
    struct tls_session *s = mem_zalloc(sizeof(*s));

    s->ssl = SSL_new(ctx);
    if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1) {
        SSL_free(s->ssl);
        mem_free(s);
        return NULL;
    }
    return s;
}

struct tls_session *tls_session_accept(struct tls_server *server, int fd)
{
    struct tls_session *s = session_new(tls_server_ctx(server), fd);

    if (!s)
        return NULL;
    s->server = tls_server_ref(server);
    SSL_set_accept_state(s->ssl);
    return s;
}

static bool is_ip(const char *name)
{
    struct in6_addr ip;

    return inet_pton(AF_INET, name, &ip) == 1 || inet_pton(AF_INET6, name, &ip) == 1;
}

static bool set_peer_name(SSL *ssl, str name)
{
    CLEANUP_FREE char *text = str_dup(name);

    if (is_ip(text))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), text) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, text) == 1 && SSL_set1_host(ssl, text) == 1;
}

struct tls_session *tls_session_connect(struct tls_client *client, str name, int fd)
{
    struct tls_session *s = session_new(tls_client_ctx(client), fd);

    if (!s)
        return NULL;
    s->client = tls_client_ref(client);
    SSL_set_connect_state(s->ssl);
    if (name.n == 0 || !set_peer_name(s->ssl, name)) {
        tls_session_free(s);
        return NULL;
    }
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    tls_server_unref(s->server);
    tls_client_unref(s->client);
    mem_free(s);
}

/* The descriptor is edge-triggered for both directions, so what OpenSSL waits for makes no
 * difference. */
static ssize_t failure(struct tls_session *s, int result)
{
    int saved_errno = errno;

    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return saved_errno ? -saved_errno : -ECONNRESET;
    default:
        return -EPROTO;
    }
}

int tls_session_handshake(struct tls_session *s)
{
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    if (result == 1)
        return 1;
    ssize_t r = failure(s, result);
    return r == -EAGAIN ? 0 : r == 0 ? -ECONNRESET : (int)r;
}

ssize_t tls_session_read(struct tls_session *s, void *to, size_t n)
{
    size_t done;

    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(s->ssl, to, n, &done);
    return result == 1 ? (ssize_t)done : failure(s, result);
}

static ssize_t write_one(struct tls_session *s, const void *p, size_t n)
{
    size_t done;

    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(s->ssl, p, n, &done);
    if (result == 1)
        return (ssize_t)done;
    ssize_t r = failure(s, result);
    return r == 0 ? -ECONNRESET : r;
}

/* Gathered while it is small: one record instead of several. A retry after -EAGAIN offers the same
 * bytes again, as OpenSSL wants; SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER lets them come from elsewhere.
 */
ssize_t tls_session_writev(struct tls_session *s, const struct iovec *iov, int n)
{
    unsigned char gathered[GATHER_BYTES];
    size_t total = 0;

    for (int i = 0; i < n && total < sizeof(gathered); i++) {
        size_t take =
            iov[i].iov_len < sizeof(gathered) - total ? iov[i].iov_len : sizeof(gathered) - total;

        if (take)
            memcpy(gathered + total, iov[i].iov_base, take);
        total += take;
    }
    return total ? write_one(s, gathered, total) : 0;
}

void tls_session_close_notify(struct tls_session *s)
{
    ERR_clear_error();
    if (SSL_is_init_finished(s->ssl))
        SSL_shutdown(s->ssl);
    ERR_clear_error();
}

str tls_session_alpn(const struct tls_session *s)
{
    const unsigned char *name;
    unsigned n;

    SSL_get0_alpn_selected(s->ssl, &name, &n);
    return str_make((const char *)name, n);
}

str tls_session_server_name(const struct tls_session *s)
{
    return str_of(SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name));
}

#include "net/tls_session.h"

#include "base/mem.h"
#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

/* Small pieces that go into one record: a head and the first of its body. */
enum { RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH };

struct tls_session {
    SSL *ssl;
    struct tls_server *server; /* one of the two */
    struct tls_client *client;
    char *name; /* of a client's peer */
    const char *why;
    bool failed; /* OpenSSL forbids SSL_shutdown after that */
    struct tls_bio bio;
};

static struct tls_session *session_new(SSL_CTX *ctx, const BIO_METHOD *method, int fd)
{
    struct tls_session *s = mem_zalloc(sizeof(*s));
    BIO *bio = tls_bio_new(method, &s->bio, fd);

    s->ssl = bio ? SSL_new(ctx) : NULL;
    if (!s->ssl) {
        BIO_free(bio);
        mem_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    return s;
}

struct tls_session *tls_session_accept(struct tls_server *server, int fd)
{
    struct tls_session *s =
        session_new(tls_server_context(server), tls_server_bio_method(server), fd);

    if (!s)
        return NULL;
    s->server = tls_server_ref(server);
    SSL_set_accept_state(s->ssl);
    return s;
}

/* Without brackets and the dot at the end. */
static str bare_name(str name)
{
    if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        return str_make(name.p + 1, name.n - 2);
    return name.n && name.p[name.n - 1] == '.' ? str_upto(name, name.n - 1) : name;
}

static bool is_ip(const char *name)
{
    struct in6_addr ip;

    return inet_pton(AF_INET, name, &ip) == 1 || inet_pton(AF_INET6, name, &ip) == 1;
}

static bool set_peer_name(struct tls_session *s)
{
    if (s->name[0] == '\0')
        return !tls_client_verifies(s->client);
    /* SNI is for DNS names only (RFC 6066, section 3). */
    if (is_ip(s->name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), s->name) == 1;
    SSL_set_hostflags(s->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(s->ssl, s->name) == 1 && SSL_set1_host(s->ssl, s->name) == 1;
}

static void offer_session(struct tls_session *s)
{
    SSL_SESSION *session = tls_client_take_session(s->client, str_of(s->name));

    if (session)
        SSL_set_session(s->ssl, session);
    SSL_SESSION_free(session);
}

struct tls_session *tls_session_connect(struct tls_client *client, str name, int fd)
{
    struct tls_session *s;

    name = bare_name(name);
    if (name.n && memchr(name.p, '\0', name.n))
        return NULL;
    s = session_new(tls_client_context(client), tls_client_bio_method(client), fd);
    if (!s)
        return NULL;
    s->client = tls_client_ref(client);
    s->name = str_dup(name);
    SSL_set_connect_state(s->ssl);
    if (!set_peer_name(s)) {
        ERR_clear_error();
        tls_session_free(s);
        return NULL;
    }
    offer_session(s);
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (!s)
        return;
    SSL_free(s->ssl);
    tls_bio_deinit(&s->bio);
    tls_server_unref(s->server);
    tls_client_unref(s->client);
    mem_free(s->name);
    mem_free(s);
}

str tls_session_name_of(const SSL *ssl)
{
    const struct tls_session *s = SSL_get_app_data(ssl);

    return str_of(s->name);
}

void tls_session_wake(struct tls_session *s, enum tls_session_news news)
{
    s->bio.drained = false;
    if (news == TLS_SESSION_FIN)
        s->bio.peer_closed = true;
}

static const char *reason_of(const struct tls_session *s)
{
    long verdict = SSL_get_verify_result(s->ssl);
    unsigned long code = ERR_peek_last_error();

    if (verdict != X509_V_OK && SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE)
        return X509_verify_cert_error_string(verdict);
    return code ? ERR_reason_error_string(code) : NULL;
}

/* What to return after OpenSSL said that an operation did not succeed. */
static int outcome(struct tls_session *s, int result)
{
    int error = SSL_get_error(s->ssl, result);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    s->failed = true;
    if (s->bio.error || s->bio.at_end) {
        s->why = "the connection ended in the middle";
        ERR_clear_error();
        return s->bio.error ? -s->bio.error : -ECONNRESET;
    }
    s->why = reason_of(s);
    ERR_clear_error();
    return -EPROTO;
}

int tls_session_handshake(struct tls_session *s)
{
    int result, r;

    ERR_clear_error();
    result = SSL_do_handshake(s->ssl);
    if (result == 1)
        return 1;
    r = outcome(s, result);
    return r == -EAGAIN ? 0 : r == 0 ? -ECONNRESET : r;
}

ssize_t tls_session_read(struct tls_session *s, void *to, size_t n)
{
    size_t done;

    ERR_clear_error();
    int result = SSL_read_ex(s->ssl, to, n, &done);
    return result == 1 ? (ssize_t)done : outcome(s, result);
}

/* How far a writer has got in its slices. */
struct position {
    const struct iovec *iov;
    int n;
    size_t offset; /* in the first */
};

static void skip(struct position *at, size_t bytes)
{
    while (at->n && bytes >= at->iov->iov_len - at->offset) {
        bytes -= at->iov->iov_len - at->offset;
        at->iov++;
        at->n--;
        at->offset = 0;
    }
    at->offset += bytes;
}

/* The next record's bytes: a part of one slice as it lies, or several copied together, because a
 * record and a segment for each of them costs more than the copy. */
static str next_record(struct position at, char *room)
{
    size_t n = 0;

    if (at.n == 1 || at.iov->iov_len - at.offset >= RECORD_BYTES)
        return str_upto(str_make((char *)at.iov->iov_base + at.offset, at.iov->iov_len - at.offset),
                        RECORD_BYTES);
    while (at.n && n < RECORD_BYTES) {
        size_t left = at.iov->iov_len - at.offset;
        size_t take = left < RECORD_BYTES - n ? left : RECORD_BYTES - n;

        memcpy(room + n, (char *)at.iov->iov_base + at.offset, take);
        n += take;
        skip(&at, take);
    }
    return str_make(room, n);
}

/* A record is begun only when all before it have left, so at most one waits in the BIO. */
ssize_t tls_session_writev(struct tls_session *s, const struct iovec *iov, int n)
{
    struct position at = {iov, n, 0};
    char room[RECORD_BYTES];
    size_t total = 0;
    int r = tls_bio_flush(&s->bio);

    if (r < 0)
        return r;
    for (skip(&at, 0); at.n && tls_bio_is_flushed(&s->bio);) {
        str record = next_record(at, room);
        size_t done;

        ERR_clear_error();
        int result = SSL_write_ex(s->ssl, record.p, record.n, &done);
        if (result != 1) {
            r = outcome(s, result);
            return total ? (ssize_t)total : r == 0 ? -EPIPE : r;
        }
        total += done;
        skip(&at, done);
    }
    return (ssize_t)total;
}

void tls_session_close_notify(struct tls_session *s)
{
    if (s->failed || !SSL_is_init_finished(s->ssl) ||
        (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN))
        return;
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
}

int tls_session_flush(struct tls_session *s)
{
    return tls_bio_flush(&s->bio);
}

void tls_session_take_unsent(struct tls_session *s, struct buf *ret_unsent)
{
    *ret_unsent = s->bio.unsent;
    buf_init(&s->bio.unsent, s->bio.unsent.limit);
}

str tls_session_why(const struct tls_session *s)
{
    return str_of(s->why);
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

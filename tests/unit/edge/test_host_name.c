/* The name that a connection was opened with, and the one that a request names. */

#include "model_hosts.h"

#include "base/mem.h"
#include "net/certificates.h"
#include "unit/test.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <unistd.h>

static struct model_hosts *g;

/* The status of an answer to POST `path` at `host` on a connection opened for `name` (NULL: for
 * none). */
static unsigned ask_at(const char *name, const char *host, const char *path, bool *ret_mismatch)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    int fd = client_open(g), n;
    char text[4096];
    size_t all = 0;

    SSL_set_fd(tls, fd);
    if (name)
        SSL_set_tlsext_host_name(tls, name);
    assert(SSL_connect(tls) == 1);
    n = snprintf(text, sizeof(text),
                 "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer k-all\r\n"
                 "Connection: close\r\nContent-Length: 0\r\n\r\n",
                 path, host);
    assert(SSL_write(tls, text, n) == n);
    while (all < sizeof(text) && (n = SSL_read(tls, text + all, (int)(sizeof(text) - all))) > 0)
        all += (size_t)n;
    SSL_free(tls);
    SSL_CTX_free(context);
    close(fd);
    str answer = str_make(text, all);
    *ret_mismatch = str_search(answer, STR("this connection was opened for")) < answer.n;
    return status_of(answer);
}

static void check(const char *name, const char *host, const char *path, bool agrees)
{
    bool mismatch;
    unsigned status = ask_at(name, host, path, &mismatch);

    CHECK_INT(status, agrees ? 200 : 421);
    CHECK(mismatch == !agrees);
}

static void test_names_that_agree(void)
{
    check("model-abc-eu.d.test", "model-abc-eu.d.test", "/predict", true);
    check("MODEL-abc-eu.D.test", "Model-abc-eu.d.test:443", "/predict", true);
    check("model-abc.d.test", "model-abc.d.test", "/production/predict", true);
}

static void test_names_that_say_nothing(void)
{
    check(NULL, "model-abc-eu.d.test", "/predict", true);
    check("gateway.example", "model-abc-eu.d.test", "/predict", true);
    check("d.test", "model-abc.d.test", "/production/predict", true);
}

static void test_names_that_differ(void)
{
    check("model-abc-us.d.test", "model-abc-eu.d.test", "/predict", false);
    check("model-abc.d.test", "model-abc-eu.d.test", "/predict", false);
    check("model-abc-eu.d.test", "model-abc.d.test", "/production/predict", false);
    check("model-oth.d.test", "model-abc.d.test", "/production/predict", false);
    check("chain-abc.d.test", "model-abc.d.test", "/production/predict", false);
    check("model-abc--.d.test", "model-abc.d.test", "/production/predict", false);
}

int main(void)
{
    struct policy p = policy_default();
    struct authority *ca = authority_new("test");
    struct leaf leaf;

    leaf_make(ca, "DNS:*.d.test,DNS:d.test", -60, 3600, &leaf);
    p.certificate = &leaf.identity;
    g = model_hosts_start(&p);
    RUN(test_names_that_agree);
    RUN(test_names_that_say_nothing);
    RUN(test_names_that_differ);
    model_hosts_stop(g);
    leaf_deinit(&leaf);
    authority_free(ca);
    return test_end();
}

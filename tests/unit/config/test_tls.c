#include "config/model.h"
#include "loading.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

/* Two pairs of certificate and key, one certificate that has expired, and files that are none. */
static char folder[] = "/tmp/ambit-test-tls-XXXXXX";

static FILE *create(const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return fopen(path, "w");
}

static void make_pair(const char *certificate_name, const char *key_name, long seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *f;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    f = create(certificate_name);
    PEM_write_X509(f, certificate);
    fclose(f);
    f = create(key_name);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void make_files(void)
{
    FILE *f;

    if (!mkdtemp(folder))
        abort();
    make_pair("a.pem", "a.key", 3600);
    make_pair("b.pem", "b.key", 3600);
    make_pair("old.pem", "old.key", -3600);
    f = create("junk");
    fputs("nothing here\n", f);
    fclose(f);
    f = create("locked.key");
    fputs("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", f);
    fclose(f);
}

static void remove_files(void)
{
    static const char *const names[] = {"a.pem",   "a.key",   "b.pem", "b.key",
                                        "old.pem", "old.key", "junk",  "locked.key"};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* The text with every @ replaced by the folder. */
static const char *in_folder(const char *yaml)
{
    static char text[2048];
    struct buf b;

    buf_init(&b, sizeof(text) - 1);
    for (; *yaml; yaml++) {
        if (*yaml == '@')
            buf_put_str(&b, str_of(folder));
        else
            buf_put_char(&b, *yaml);
    }
    memcpy(text, b.p, b.n);
    text[b.n] = 0;
    buf_deinit(&b);
    return text;
}

static void test_certificates(void)
{
    struct loading l;

    loading_begin(&l, in_folder("gateway: {tls: {certificates: [{cert_file: @/a.pem, key_file: "
                                "@/a.key}, {cert_file: @/b.pem, key_file: @/b.key}], "
                                "client_ca_file: @/b.pem}}\n"));
    CHECK(l.config);
    CHECK_INT(l.config->n_certificates, 2);
    CHECK(str_starts(l.config->certificates[1].chain_pem, STR("-----BEGIN CERTIFICATE-----")));
    CHECK(str_eq(l.config->client_ca_pem, l.config->certificates[1].chain_pem));
    loading_end(&l);
}

#define CERTIFICATE(cert, key)                                                                     \
    "gateway: {tls: {certificates: [{cert_file: @/" cert ", key_file: @/" key "}]}}\n"

static void test_certificates_that_are_wrong(void)
{
    REFUSES(in_folder(CERTIFICATE("a.pem", "b.key")),
            "1:32: error: gateway.tls.certificates[0]: the key does not belong to the certificate");
    REFUSES(in_folder(CERTIFICATE("junk", "a.key")),
            "1:32: error: gateway.tls.certificates[0]: the certificate file holds no certificate");
    REFUSES(in_folder(CERTIFICATE("a.pem", "junk")),
            "1:32: error: gateway.tls.certificates[0]: the key file holds no private key, or one "
            "with a passphrase");
    REFUSES(in_folder(CERTIFICATE("a.pem", "locked.key")),
            "1:32: error: gateway.tls.certificates[0]: the key file holds no private key, or one "
            "with a passphrase");
    ACCEPTS(in_folder(CERTIFICATE("old.pem", "old.key")),
            "1:32: warning: gateway.tls.certificates[0]: the certificate has expired");
    REFUSES(in_folder("gateway: {tls: {client_ca_file: @/a.pem}}\n"),
            "1:17: error: gateway.tls.client_ca_file: client certificates need TLS: expected "
            "certificates as well");
}

#define ENDPOINT(members)                                                                          \
    "model_list: [{model_name: m, litellm_params: {model: openai/m, region_name: fr, api_base: "   \
    "'https://h', " members "}}]\n"

static void test_tls_of_endpoints(void)
{
    struct loading l;

    loading_begin(&l, in_folder(ENDPOINT("ca_file: @/a.pem, client_cert_file: @/b.pem, "
                                         "client_key_file: @/b.key")));
    CHECK(l.config);
    CHECK(l.config->endpoints[0].endpoint.ca_pem.n > 0);
    CHECK(l.config->endpoints[0].endpoint.client_cert_pem.n > 0);
    CHECK(l.config->endpoints[0].endpoint.client_key_pem.n > 0);
    loading_end(&l);
    REFUSES(in_folder(ENDPOINT("ca_file: @/junk")),
            "1:104: error: model_list[0].litellm_params.ca_file: the file holds no certificate");
    REFUSES(in_folder(ENDPOINT("client_cert_file: @/a.pem")),
            "1:104: error: model_list[0].litellm_params.client_cert_file: expected both "
            "client_cert_file and client_key_file");
    REFUSES(
        in_folder(ENDPOINT("client_cert_file: @/a.pem, client_key_file: @/b.key")),
        "1:104: error: model_list[0].litellm_params.client_cert_file: the key does not belong to "
        "the certificate");
    ACCEPTS(in_folder("model_list: [{model_name: m, litellm_params: {model: openai/m, region_name: "
                      "fr, api_base: 'http://h', ca_file: @/a.pem}}]\n"),
            "1:103: warning: model_list[0].litellm_params.ca_file: has no effect without https");
}

/* Names of files count from the folder of the configuration file. */
static void test_relative_file_names(void)
{
    char file[128];
    struct config_source source = {
        .file = file,
        .text = STR("gateway: {tls: {certificates: [{cert_file: a.pem, key_file: a.key}]}}\n"),
        .env = loading_env,
    };
    struct diagnostics d;
    struct config *c;

    (void)snprintf(file, sizeof(file), "%s/ambit.yaml", folder);
    diagnostics_init(&d);
    c = config_load(&source, &d);
    CHECK(c && c->n_certificates == 1);
    config_free(c);
    diagnostics_deinit(&d);
}

static void test_files_that_cannot_be_read(void)
{
    struct config_source source = {.file = "/nowhere/ambit.yaml", .env = loading_env};
    struct diagnostics d;
    struct buf said;

    diagnostics_init(&d);
    buf_init(&said, 0);
    CHECK(!config_load(&source, &d));
    diagnostics_print(&d, &said);
    CHECK_STR(buf_str(&said),
              "/nowhere/ambit.yaml: error: cannot be read: No such file or directory\n");
    buf_deinit(&said);
    diagnostics_deinit(&d);
    diagnostics_init(&d);
    source.file = folder; /* a folder */
    CHECK(!config_load(&source, &d));
    CHECK_INT(d.n_errors, 1);
    diagnostics_deinit(&d);
}

int main(void)
{
    make_files();
    RUN(test_certificates);
    RUN(test_certificates_that_are_wrong);
    RUN(test_tls_of_endpoints);
    RUN(test_relative_file_names);
    RUN(test_files_that_cannot_be_read);
    remove_files();
    return test_end();
}

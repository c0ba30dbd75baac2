/* The gateway section: where it stands, what it listens on, its certificates. */

#include "base/mem.h"
#include "config/model.h"
#include "config/pem.h"
#include "config/value.h"

enum { MAX_LISTEN = 16, MAX_CERTIFICATES = 256 };

static bool read_listen(const struct config_reader *r, const struct config_node *node, str text,
                        struct config_listen *ret_listen)
{
    if (value_parse_listen(text, &ret_listen->host, &ret_listen->port))
        return true;
    node_error(r, node, "\"%.*s\" is no address to listen on; expected 0.0.0.0:4000 or [::]:4000",
               STR_ARG(str_upto(text, 80)));
    return false;
}

static void read_listens(const struct config_reader *r, const struct config_node *gateway,
                         const struct config_gateway_section *section)
{
    struct config_listen *list = arena_zalloc(r->arena, section->listen.n * sizeof(*list) + 1);
    struct config_node node = *gateway;

    (void)node_member(r, gateway, "listen", &node);
    if (section->listen.n == 0 || section->listen.n > MAX_LISTEN)
        node_error(r, &node, "expected 1 to %d addresses", MAX_LISTEN);
    for (size_t i = 0; i < section->listen.n; i++) {
        if (!read_listen(r, &node, section->listen.list[i], &list[i]))
            return;
    }
    r->config->listen = list;
    r->config->n_listen = section->listen.n;
    node = *gateway;
    (void)node_member(r, gateway, "control_listen", &node);
    (void)read_listen(r, &node, section->control_listen, &r->config->control_listen);
}

static bool read_certificate(const struct config_reader *r, const struct config_node *node,
                             struct catalog_certificate *ret_certificate)
{
    struct config_certificate_section section = {.cert_file = STR("")};
    const char *problem;

    if (!schema_read(r, node, "gateway.tls.certificates[]", &section))
        return false;
    if (!section.cert_file.n || !section.key_file.n) {
        node_error(r, node, "expected cert_file and key_file");
        return false;
    }
    if (!reader_file(r, node, section.cert_file, &ret_certificate->chain_pem) ||
        !reader_file(r, node, section.key_file, &ret_certificate->key_pem))
        return false;
    problem = pem_check_pair(ret_certificate->chain_pem, ret_certificate->key_pem);
    if (problem)
        node_error(r, node, "%s", problem);
    else if (pem_has_expired(ret_certificate->chain_pem))
        node_warning(r, node, "the certificate has expired");
    return !problem;
}

static void read_certificates(const struct config_reader *r, const struct config_node *tls)
{
    struct catalog_certificate *list;
    struct config_node node;
    size_t n;

    if (!node_member(r, tls, "certificates", &node))
        return;
    n = json_is_array(node.value) ? node_size(&node) : 0;
    if (n == 0 || n > MAX_CERTIFICATES) {
        node_error(r, &node, "expected a list of 1 to %d certificates", MAX_CERTIFICATES);
        return;
    }
    list = arena_zalloc(r->arena, n * sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        struct config_node item = node_item(r, &node, i);

        (void)read_certificate(r, &item, &list[i]);
    }
    r->config->certificates = list;
    r->config->n_certificates = n;
}

static void read_tls(const struct config_reader *r, const struct config_node *gateway,
                     struct config_gateway_section *section)
{
    struct config_node tls, file;
    const char *problem;
    str pem;

    if (!node_member(r, gateway, "tls", &tls)) {
        (void)schema_read(r, NULL, "gateway.tls", section);
        return;
    }
    if (!schema_read(r, &tls, "gateway.tls", section))
        return;
    read_certificates(r, &tls);
    if (!section->client_ca_file.n || !node_member(r, &tls, "client_ca_file", &file) ||
        !reader_file(r, &file, section->client_ca_file, &pem))
        return;
    problem = pem_check_authorities(pem);
    if (problem)
        node_error(r, &file, "%.*s %s", STR_ARG(section->client_ca_file), problem);
    else if (r->config->n_certificates == 0)
        node_error(r, &file, "client certificates need TLS: expected certificates as well");
    r->config->client_ca_pem = pem;
}

void config_read_gateway(const struct config_reader *r, const struct config_node *root)
{
    struct config_gateway_section section = {.region = STR(""), .public_scheme = CONFIG_UNSET};
    struct config_node gateway = *root, region = *root;
    bool written = node_member(r, root, "gateway", &gateway);

    r->config->gateway_region = REGION_NONE;
    r->config->client_ca_pem = STR("");
    if (!schema_read(r, written ? &gateway : NULL, "gateway", &section) && written)
        return;
    r->config->domain = section.domain;
    r->config->public_scheme =
        section.public_scheme == CONFIG_UNSET ? CONFIG_SCHEME_OF_LISTENER : section.public_scheme;
    r->config->public_port = (uint16_t)section.public_port;
    r->config->workers = section.workers;
    r->config->metrics_without_key = section.metrics_without_key;
    if (section.region.n && node_member(r, &gateway, "region", &region))
        r->config->gateway_region = config_read_region(r, &region, section.region);
    read_listens(r, &gateway, &section);
    if (written)
        read_tls(r, &gateway, &section);
}

/*
 * What one entry of model_list is connected to: provider, address, credential, TLS files, header
 * fields. An entry that this version cannot serve is kept, out of service and with its reason, so
 * that requests for it are refused and reports show it.
 */

#include "base/mem.h"
#include "config/model.h"
#include "config/origin.h"
#include "config/pem.h"

#define AZURE_API_VERSION "2024-10-21"
#define OPENAI_API_BASE   "https://api.openai.com/v1"

enum { MAX_EXTRA_HEADERS = 64, HEADER_VALUE_MAX = 4096 };

struct upstream {
    const struct config_reader *reader;
    const struct config_node *node; /* litellm_params */
    const struct config_params *params;
    struct catalog_endpoint *endpoint;
};

static struct config_node member_or_self(const struct upstream *u, const char *name)
{
    struct config_node member = *u->node;

    (void)node_member(u->reader, u->node, name, &member);
    return member;
}

static void out_of_service(const struct upstream *u, str reason)
{
    struct config_node model = member_or_self(u, "model");

    u->endpoint->state = ENDPOINT_OUT_OF_SERVICE;
    u->endpoint->state_reason = reason;
    node_warning(u->reader, &model, "%.*s: this entry is out of service", STR_ARG(reason));
}

/* --- provider */

/* Where no api_base is written: the variables that LiteLLM looks at, and OpenAI's own address. */
static str default_base(const struct upstream *u, const struct provider_match *provider)
{
    str base = STR("");

    if (provider->kind == PROVIDER_KIND_OPENAI ||
        (provider->kind == PROVIDER_KIND_PLAIN && provider_is_openai_model(provider->model)))
        return STR(OPENAI_API_BASE);
    if (provider->kind == PROVIDER_KIND_AZURE)
        (void)reader_env(u->reader, STR("AZURE_API_BASE"), &base);
    else if (str_eq(provider->name, STR("hosted_vllm")))
        (void)reader_env(u->reader, STR("HOSTED_VLLM_API_BASE"), &base);
    return base;
}

static bool is_openai_host(str host)
{
    return str_eq(host, STR("api.openai.com")) || str_ends(host, STR(".api.openai.com"));
}

static void settle_provider(const struct upstream *u, const struct provider_match *provider)
{
    struct arena *arena = u->reader->arena;

    if (provider->kind == PROVIDER_KIND_AZURE)
        u->endpoint->provider = PROVIDER_AZURE;
    else if (is_openai_host(u->endpoint->host))
        u->endpoint->provider = PROVIDER_OPENAI;
    else
        u->endpoint->provider = PROVIDER_COMPATIBLE;
    if (provider->kind == PROVIDER_KIND_UNSUPPORTED)
        out_of_service(u, arena_printf(arena, "the provider %.*s is not supported",
                                       STR_ARG(str_upto(provider->name, 80))));
}

/* --- address */

/* Some write the whole path of a call; Ambit adds it itself. */
static void check_base_path(const struct upstream *u, const struct provider_match *provider,
                            struct origin *origin)
{
    struct config_node base = member_or_self(u, "api_base");
    size_t azure = str_search(origin->base_path, STR("/openai"));

    if (provider->kind == PROVIDER_KIND_AZURE && azure < origin->base_path.n) {
        node_warning(u->reader, &base, "the path from /openai on is added by Ambit; left out here");
        origin->base_path = str_upto(origin->base_path, azure);
    } else if (str_ends(origin->base_path, STR("/completions")) ||
               str_ends(origin->base_path, STR("/embeddings"))) {
        node_error(u->reader, &base,
                   "ends in the path of a call; expected what stands before it, "
                   "such as https://host/v1");
    }
}

static str query_member(str query, str name)
{
    while (query.n) {
        str value = str_cut(&query, '&');
        str key = str_cut(&value, '=');

        if (str_eq(key, name))
            return value;
    }
    return STR("");
}

static void settle_query(const struct upstream *u, const struct provider_match *provider,
                         const struct origin *origin)
{
    struct config_node base = member_or_self(u, "api_base");
    str version = STR("");

    if (provider->kind == PROVIDER_KIND_AZURE) {
        version = query_member(origin->query, STR("api-version"));
        if (!version.n)
            (void)reader_env(u->reader, STR("AZURE_API_VERSION"), &version);
        if (!version.n)
            version = STR(AZURE_API_VERSION);
    }
    if (origin->query.n && !query_member(origin->query, STR("api-version")).n)
        node_warning(u->reader, &base, "the query behind ? is left out");
    u->endpoint->api_version =
        u->params->api_version.n ? u->params->api_version : arena_copy(u->reader->arena, version);
}

static void settle_address(const struct upstream *u, const struct provider_match *provider)
{
    struct config_node base = member_or_self(u, "api_base");
    str text = u->params->api_base.n ? u->params->api_base : default_base(u, provider);
    struct origin origin;
    const char *problem;

    if (text.n == 0) {
        if (provider->kind == PROVIDER_KIND_UNSUPPORTED)
            return;
        /* A variable that is not set has been reported already. */
        if (!json_object_get(u->node->value, "api_base"))
            node_error(u->reader, u->node, "api_base is missing");
        return;
    }
    problem = origin_parse(text, u->reader->arena, &origin);
    if (problem) {
        node_error(u->reader, &base, "the address %s", problem);
        return;
    }
    check_base_path(u, provider, &origin);
    settle_query(u, provider, &origin);
    u->endpoint->tls = origin.tls;
    u->endpoint->host = origin.host;
    u->endpoint->port = origin.port;
    u->endpoint->unix_path = origin.unix_path;
    u->endpoint->base_path = origin.base_path;
    u->endpoint->api_base = origin.shown;
}

/* --- credential */

static bool is_header_value(str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (c < ' ' ? c != '\t' : c == 127)
            return false;
    }
    return value.n <= HEADER_VALUE_MAX;
}

/* LiteLLM's variables for entries without api_key; never for an address that is not the provider's
 * own, which would hand the key to whoever runs it. */
static void settle_credential(const struct upstream *u, const struct provider_match *provider)
{
    struct config_node key = member_or_self(u, "api_key");
    str credential = u->params->api_key;

    if (!credential.n && u->endpoint->provider == PROVIDER_OPENAI)
        (void)reader_env(u->reader, STR("OPENAI_API_KEY"), &credential);
    if (!credential.n && provider->kind == PROVIDER_KIND_AZURE)
        (void)reader_env(u->reader, STR("AZURE_API_KEY"), &credential);
    credential = str_trim(credential);
    if (!is_header_value(credential))
        node_error(u->reader, &key, "holds characters that no header field can carry");
    u->endpoint->credential = arena_copy(u->reader->arena, credential);
}

/* --- TLS */

static str read_pem(const struct upstream *u, const char *name, str file)
{
    struct config_node node = member_or_self(u, name);
    str pem = STR("");

    if (file.n)
        (void)reader_file(u->reader, &node, file, &pem);
    return pem;
}

static void settle_tls(const struct upstream *u)
{
    const struct config_params *p = u->params;
    struct catalog_endpoint *e = u->endpoint;
    struct config_node node = member_or_self(u, "ca_file");
    const char *problem = NULL;

    e->ca_pem = read_pem(u, "ca_file", p->ca_file);
    if (e->ca_pem.n && (problem = pem_check_authorities(e->ca_pem)))
        node_error(u->reader, &node, "the file %s", problem);
    if (p->ca_file.n && !e->tls && e->host.n)
        node_warning(u->reader, &node, "has no effect without https");
    e->client_cert_pem = read_pem(u, "client_cert_file", p->client_cert_file);
    e->client_key_pem = read_pem(u, "client_key_file", p->client_key_file);
    node = member_or_self(u, p->client_cert_file.n ? "client_cert_file" : "client_key_file");
    if ((p->client_cert_file.n > 0) != (p->client_key_file.n > 0))
        node_error(u->reader, &node, "expected both client_cert_file and client_key_file");
    else if (e->client_cert_pem.n && e->client_key_pem.n &&
             (problem = pem_check_pair(e->client_cert_pem, e->client_key_pem)))
        node_error(u->reader, &node, "%s", problem);
}

/* --- header fields */

static bool is_token(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower_char(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              (c && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return name.n > 0 && name.n <= 128;
}

/* Fields that Ambit sets itself, or that change how a message is framed. */
static bool is_own_header(str name, const struct catalog_endpoint *e)
{
    static const str own[] = {
        STR_INIT("host"),
        STR_INIT("content-length"),
        STR_INIT("transfer-encoding"),
        STR_INIT("te"),
        STR_INIT("connection"),
        STR_INIT("keep-alive"),
        STR_INIT("trailer"),
        STR_INIT("upgrade"),
        STR_INIT("expect"),
        STR_INIT("accept-encoding"),
    };

    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (str_ieq(name, own[i]))
            return true;
    }
    if (e->credential.n && (str_ieq(name, STR("authorization")) || str_ieq(name, STR("api-key"))))
        return true;
    return str_ieq(str_upto(name, 6), STR("proxy-")) || str_ieq(str_upto(name, 8), STR("x-ambit-"));
}

static bool read_header(const struct upstream *u, const struct config_node *node,
                        struct catalog_header *header)
{
    str value;

    header->name = arena_copy(u->reader->arena, str_of(node->key));
    if (!is_token(header->name) || is_own_header(header->name, u->endpoint)) {
        node_error(u->reader, node, "this header field cannot be set");
        return false;
    }
    if (!node_text(u->reader, node, &value))
        return false;
    if (!is_header_value(value)) {
        node_error(u->reader, node, "holds characters that no header field can carry");
        return false;
    }
    header->value = arena_copy(u->reader->arena, value);
    return true;
}

static void settle_headers(const struct upstream *u)
{
    struct config_node map = *u->node, field;
    bool written = node_member(u->reader, u->node, "extra_headers", &map);
    size_t n = 0, most = written ? json_object_size(map.value) : 0;
    struct catalog_header *headers;
    const char *name;
    json_t *value;

    if ((written && !json_is_object(map.value)) || most > MAX_EXTRA_HEADERS) {
        node_error(u->reader, &map, "expected a mapping of at most %d header fields",
                   MAX_EXTRA_HEADERS);
        return;
    }
    headers = arena_alloc(u->reader->arena, (most + 1) * sizeof(*headers));
    if (u->params->organization.n && is_header_value(u->params->organization))
        headers[n++] = (struct catalog_header){STR("OpenAI-Organization"), u->params->organization};
    if (written) {
        json_object_foreach((json_t *)map.value, name, value)
        {
            if (node_member(u->reader, &map, name, &field))
                n += read_header(u, &field, &headers[n]);
        }
    }
    u->endpoint->extra_headers = headers;
    u->endpoint->n_extra_headers = n;
}

/* --- all */

static void settle_model(const struct upstream *u, const struct provider_match *provider)
{
    struct config_node node = member_or_self(u, "model");
    str model = provider->model;
    size_t star = str_find(model, '*', 0);

    u->endpoint->wildcard = star < model.n;
    if (star < model.n && model.n != 1)
        node_error(u->reader, &node,
                   "expected a model, or * alone behind the provider, as in openai/*");
    else if (model.n == 0)
        node_error(u->reader, &node, "names no model behind the provider");
    u->endpoint->upstream_model = star < model.n ? STR("") : model;
}

void config_read_upstream(const struct config_reader *r, const struct config_node *params_node,
                          const struct config_params *params, const struct provider_match *provider,
                          struct config_endpoint *endpoint)
{
    struct upstream u = {r, params_node, params, &endpoint->endpoint};

    settle_model(&u, provider);
    settle_address(&u, provider);
    settle_provider(&u, provider);
    settle_credential(&u, provider);
    settle_tls(&u);
    settle_headers(&u);
}

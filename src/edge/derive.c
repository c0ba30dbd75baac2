#include "edge/derive.h"

#include "edge/exchange.h"
#include "route/connector.h"

/* What a client may tell the upstream: content negotiation, tracing, and what OpenAI's own headers
 * mean. Credentials, cookies, hop-by-hop and routing headers never pass, and neither does what
 * nobody has thought of. */
static const str forwarded_names[] = {
    STR_INIT("accept"),      STR_INIT("accept-language"), STR_INIT("content-type"),
    STR_INIT("user-agent"),  STR_INIT("traceparent"),     STR_INIT("tracestate"),
    STR_INIT("openai-beta"), STR_INIT("idempotency-key"), STR_INIT("x-client-request-id"),
};

static bool is_forwarded(const struct http_header *header)
{
    if (header->id != HTTP_HEADER_OTHER && header->id != HTTP_HEADER_CONTENT_TYPE)
        return false;
    for (size_t i = 0; i < COUNT_OF(forwarded_names); i++)
        if (str_ieq(header->name, forwarded_names[i]))
            return true;
    return header->name.n > 12 && str_ieq(str_upto(header->name, 12), STR("x-stainless-"));
}

static bool is_azure_stored(const struct exchange *x)
{
    return str_starts(x->surface.path, STR("/responses"));
}

static str derive_target(struct exchange *x, const struct catalog_endpoint *e, str model)
{
    str path = x->surface.path, query = x->surface.query;

    if (e->provider != PROVIDER_AZURE)
        return ARENA_JOIN(&x->arena, e->base_path, path, query.n ? STR("?") : STR(""), query);
    if (is_azure_stored(x))
        return ARENA_JOIN(&x->arena, e->base_path, STR("/openai"), path, STR("?api-version="),
                          e->api_version);
    return ARENA_JOIN(&x->arena, e->base_path, STR("/openai/deployments/"), model, path,
                      STR("?api-version="), e->api_version);
}

static void add_header(struct http_head *head, str name, str value, enum http_header_id id)
{
    head->headers[head->n_headers++] = (struct http_header){.name = name, .value = value, .id = id};
}

static void add_credential(struct exchange *x, struct http_head *head,
                           const struct catalog_endpoint *e)
{
    if (e->credential.n == 0)
        return;
    if (e->provider == PROVIDER_AZURE)
        add_header(head, STR("api-key"), arena_copy(&x->arena, e->credential), HTTP_HEADER_API_KEY);
    else
        add_header(head, STR("authorization"), ARENA_JOIN(&x->arena, STR("Bearer "), e->credential),
                   HTTP_HEADER_AUTHORIZATION);
}

/* A head with room for the client's headers, and what every request to this endpoint carries. */
static struct http_head *begin_head(struct exchange *x, const struct catalog_endpoint *e,
                                    str target, int64_t content_length)
{
    struct http_head *head = arena_zalloc(&x->arena, sizeof(*head));

    *head = (struct http_head){
        .method = x->head->method,
        .method_text = x->head->method_text,
        .target = target,
        .authority = connector_authority(&x->arena, e),
        .version = 11,
        .content_length = content_length,
    };
    /* Ours: credential, ids, accept-encoding; then the endpoint's own; then what the client may
     * say. */
    head->headers = arena_alloc(&x->arena, (4 + e->n_extra_headers + x->head->n_headers) *
                                               sizeof(*head->headers));
    add_credential(x, head, e);
    add_header(head, STR("x-request-id"), x->request_id, HTTP_HEADER_X_REQUEST_ID);
    for (size_t i = 0; i < e->n_extra_headers; i++)
        add_header(head, arena_copy(&x->arena, e->extra_headers[i].name),
                   arena_copy(&x->arena, e->extra_headers[i].value),
                   http_header_id(e->extra_headers[i].name));
    return head;
}

/* --- the OpenAI surface */

void derive_for_openai(struct attempt *a, struct exchange *x, const struct catalog *catalog,
                       const struct catalog_endpoint *e)
{
    bool has_body = x->surface.surface->body != SURFACE_BODY_NONE;
    str matched = STR_NULL, model = e->upstream_model;

    if (e->wildcard && x->facts.model.n) {
        /* What `*` stood for in the group's name goes on to the upstream. */
        catalog_find_group(catalog, x->facts.model, &matched);
        model = matched;
    }
    model = arena_copy(&x->arena, model);
    size_t bytes = request_derive_body(&x->facts, str_make(x->body, x->body_n), model, &x->arena,
                                       &a->segments, &a->n_segments);
    a->head =
        begin_head(x, e, derive_target(x, e, model), has_body ? (int64_t)bytes : HTTP_LENGTH_NONE);
    add_header(a->head, STR("accept-encoding"), STR("identity"), HTTP_HEADER_ACCEPT_ENCODING);
    for (size_t i = 0; i < x->head->n_headers; i++)
        if (is_forwarded(&x->head->headers[i]))
            a->head->headers[a->head->n_headers++] = x->head->headers[i];
}

/* --- model hosts: nothing is made of their requests here, so a client's headers are its model's
 * business, apart from one hop's, from credentials, and from what speaks of or to gateways. */

static bool starts_with(str name, str prefix)
{
    return name.n >= prefix.n && str_ieq(str_upto(name, prefix.n), prefix);
}

static bool is_withheld(const struct http_head *head, const struct http_header *header)
{
    static const str names[] = {STR_INIT("forwarded"), STR_INIT("x-real-ip"),
                                STR_INIT("x-baseten-request-id")};
    static const str prefixes[] = {STR_INIT("x-ambit-"), STR_INIT("x-litellm-"),
                                   STR_INIT("x-forwarded-")};

    switch (header->id) {
    case HTTP_HEADER_AUTHORIZATION:
    case HTTP_HEADER_API_KEY:
    case HTTP_HEADER_COOKIE:
    case HTTP_HEADER_HOST:
    case HTTP_HEADER_CONTENT_LENGTH:
    case HTTP_HEADER_EXPECT:
    case HTTP_HEADER_X_REQUEST_ID:
        return true;
    default:
        break;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_ieq(header->name, names[i]))
            return true;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (starts_with(header->name, prefixes[i]))
            return true;
    return http_header_is_hop_by_hop(head, header);
}

void derive_for_host(struct attempt *a, struct exchange *x, const struct catalog_endpoint *e)
{
    const struct host_call *call = x->call;
    str target = ARENA_JOIN(&x->arena, e->base_path, call->target);

    a->head = begin_head(x, e, target,
                         call->upload.has_body ? x->head->content_length : HTTP_LENGTH_NONE);
    a->head->upgrade = x->head->upgrade;
    add_header(a->head, STR("x-baseten-request-id"), str_make(call->id, sizeof(call->id)),
               HTTP_HEADER_OTHER);
    for (size_t i = 0; i < x->head->n_headers; i++)
        if (!is_withheld(x->head, &x->head->headers[i]))
            a->head->headers[a->head->n_headers++] = x->head->headers[i];
}

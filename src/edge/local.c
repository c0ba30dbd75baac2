#include "edge/local.h"

#include "edge/edge.h"

bool local_answers(enum surface_kind kind)
{
    return kind == SURFACE_MODELS || kind == SURFACE_MODEL || kind == SURFACE_HEALTH_LIVE ||
           kind == SURFACE_HEALTH_READY;
}

static void put_model(struct json_out *j, str id, int64_t created_s)
{
    json_open_object(j);
    json_member_str(j, "id", id);
    json_member_str(j, "object", STR("model"));
    json_member_i64(j, "created", created_s);
    json_member_str(j, "owned_by", STR("ambit"));
    json_close_object(j);
}

static void answer_models(struct exchange *x, const struct catalog *c)
{
    struct buf body;
    struct json_out j;

    buf_init(&body, 0);
    json_out_init(&j, &body);
    json_open_object(&j);
    json_member_str(&j, "object", STR("list"));
    json_key(&j, "data");
    json_open_array(&j);
    for (size_t i = 0; i < c->n_groups; i++)
        if (!c->groups[i].deployment)
            put_model(&j, c->groups[i].name, c->groups[i].created_s);
    for (size_t i = 0; i < c->n_aliases; i++)
        put_model(&j, c->aliases[i].name, c->groups[c->aliases[i].group].created_s);
    json_close_array(&j);
    json_close_object(&j);
    exchange_answer(x, 200, STR("application/json"), buf_str(&body));
    buf_deinit(&body);
}

static void answer_model(struct exchange *x, const struct catalog *c)
{
    str matched;
    const struct catalog_group *group = catalog_find_group(c, x->surface.id, &matched);
    struct buf body;
    struct json_out j;

    if (!group) {
        exchange_refuse(
            x, FAULT_MODEL_NOT_FOUND,
            arena_printf(&x->arena, "no model \"%.*s\" is configured", STR_ARG(x->surface.id)),
            STR("model"));
        return;
    }
    buf_init(&body, 0);
    json_out_init(&j, &body);
    put_model(&j, x->surface.id, group->created_s);
    exchange_answer(x, 200, STR("application/json"), buf_str(&body));
    buf_deinit(&body);
}

static void answer_ready(struct exchange *x)
{
    bool ready = atomic_load(&x->worker->edge->serving) && !atomic_load(&x->worker->edge->draining);

    exchange_answer(x, ready ? 200 : 503, STR("application/json"),
                    ready ? STR("{\"status\":\"ready\"}") : STR("{\"status\":\"not_ready\"}"));
}

void local_answer(struct exchange *x, const struct catalog *c)
{
    switch (x->surface.surface->kind) {
    case SURFACE_MODELS:
        answer_models(x, c);
        return;
    case SURFACE_MODEL:
        answer_model(x, c);
        return;
    case SURFACE_HEALTH_LIVE:
        exchange_answer(x, 200, STR("application/json"), STR("{\"status\":\"live\"}"));
        return;
    default:
        answer_ready(x);
        return;
    }
}

static void on_control_answered(void *ctx, unsigned status, str content_type, str body)
{
    struct exchange *x = ctx;

    x->asked = NULL;
    if (status)
        exchange_answer(x, status, content_type, body);
    else
        exchange_refuse(x, FAULT_CONTROL_UNAVAILABLE,
                        STR("the control plane can't be reached from this gateway now"), STR_NULL);
}

void local_ask_control(struct exchange *x)
{
    if (x->body_n > LINK_RELAY_BODY_BYTES) {
        exchange_refuse(x, FAULT_REQUEST_TOO_LARGE, STR("a management request has at most 4 MiB"),
                        STR_NULL);
        return;
    }
    const struct catalog_key *key =
        exchange_present_key(x, worker_catalog(x->worker), SCOPE_CUSTOMERS);
    if (!key)
        return;
    exchange_move(x, EXCHANGE_ASKING);
    struct link_relay request = {
        .key_id = x->key_id,
        .scopes = key->scopes,
        .request_id = x->request_id,
        .method = x->head->method_text,
        .target = str_from(x->head->target, str_starts(x->head->target, STR("/v1/")) ? 3 : 0),
        .content_type = http_head_value(x->head, HTTP_HEADER_CONTENT_TYPE),
        .body = str_make(x->body, x->body_n),
    };
    x->asked = edge_relay(x->worker, &request, on_control_answered, x);
}

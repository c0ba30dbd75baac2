#include "catalog/link.h"

#include <errno.h>

ssize_t link_frame_take(str bytes, enum link_frame *ret_type, str *ret_payload)
{
    struct wire_reader r = {.rest = bytes};
    uint32_t length = wire_take_u32(&r);

    if (r.failed)
        return 0;
    if (length == 0 || length > LINK_MAX_FRAME_BYTES)
        return -EPROTO;
    if (r.rest.n < length)
        return 0;
    *ret_type = wire_take_u8(&r);
    *ret_payload = wire_take_bytes(&r, length - 1);
    return (ssize_t)length + 4;
}

size_t link_frame_begin(struct buf *to, enum link_frame type)
{
    size_t begin = to->n;

    wire_put_u32(to, 0);
    wire_put_u8(to, (uint8_t)type);
    return begin;
}

void link_frame_end(struct buf *to, size_t begin)
{
    struct buf length = {.p = to->p + begin, .capacity = 4};

    if (!to->overflow)
        wire_put_u32(&length, (uint32_t)(to->n - begin - 4));
}

void link_put_hello(struct buf *to, const struct link_hello *hello)
{
    wire_put_u16(to, hello->version);
    wire_put_str(to, hello->name);
    wire_put_u32(to, hello->pid);
    wire_put_u16(to, hello->workers);
    wire_put_str(to, hello->installation);
    wire_put_u64(to, hello->revision);
    wire_put_str(to, hello->config_hash);
}

static bool whole(const struct wire_reader *r)
{
    return !r->failed && r->rest.n == 0;
}

bool link_take_hello(str payload, struct link_hello *ret_hello)
{
    struct wire_reader r = {.rest = payload};

    *ret_hello = (struct link_hello){0};
    ret_hello->version = wire_take_u16(&r);
    ret_hello->name = wire_take_str(&r);
    ret_hello->pid = wire_take_u32(&r);
    ret_hello->workers = wire_take_u16(&r);
    ret_hello->installation = wire_take_str(&r);
    ret_hello->revision = wire_take_u64(&r);
    ret_hello->config_hash = wire_take_str(&r);
    return whole(&r);
}

void link_put_observed(struct buf *to, const struct link_observed *observed)
{
    wire_put_u8(to, observed->kind);
    wire_put_str(to, observed->endpoint);
    wire_put_u64(to, observed->origin_revision);
    wire_put_str(to, observed->header);
}

bool link_take_observed(str payload, struct link_observed *ret_observed)
{
    struct wire_reader r = {.rest = payload};

    ret_observed->kind = wire_take_u8(&r);
    ret_observed->endpoint = wire_take_str(&r);
    ret_observed->origin_revision = wire_take_u64(&r);
    ret_observed->header = wire_take_str(&r);
    return whole(&r) && (ret_observed->kind == LINK_REGION_LEARNT ||
                         ret_observed->kind == LINK_REGION_CONTRADICTED);
}

void link_put_relay(struct buf *to, const struct link_relay *relay)
{
    wire_put_u32(to, relay->id);
    wire_put_str(to, relay->key_id);
    wire_put_u32(to, relay->scopes);
    wire_put_str(to, relay->request_id);
    wire_put_str(to, relay->method);
    wire_put_str(to, relay->target);
    wire_put_str(to, relay->content_type);
    wire_put_str(to, relay->body);
}

bool link_take_relay(str payload, struct link_relay *ret_relay)
{
    struct wire_reader r = {.rest = payload};

    ret_relay->id = wire_take_u32(&r);
    ret_relay->key_id = wire_take_str(&r);
    ret_relay->scopes = wire_take_u32(&r);
    ret_relay->request_id = wire_take_str(&r);
    ret_relay->method = wire_take_str(&r);
    ret_relay->target = wire_take_str(&r);
    ret_relay->content_type = wire_take_str(&r);
    ret_relay->body = wire_take_str(&r);
    return whole(&r) && ret_relay->body.n <= LINK_RELAY_BODY_BYTES;
}

void link_put_refusals(struct buf *to, const struct link_refusals *refusals)
{
    wire_put_u8(to, refusals->source);
    wire_put_str(to, refusals->code);
    wire_put_str(to, refusals->subject);
    wire_put_str(to, refusals->group);
    wire_put_u64(to, refusals->count);
}

bool link_take_refusals(struct wire_reader *r, struct link_refusals *ret_refusals)
{
    ret_refusals->source = wire_take_u8(r);
    ret_refusals->code = wire_take_str(r);
    ret_refusals->subject = wire_take_str(r);
    ret_refusals->group = wire_take_str(r);
    ret_refusals->count = wire_take_u64(r);
    return !r->failed;
}

void link_put_wake(struct buf *to, str deployment)
{
    wire_put_str(to, deployment);
}

bool link_take_wake(str payload, str *ret_deployment)
{
    struct wire_reader r = {.rest = payload};

    *ret_deployment = wire_take_str(&r);
    return whole(&r) && ret_deployment->n;
}

void link_put_demand(struct buf *to, const struct link_demand *demand)
{
    wire_put_str(to, demand->deployment);
    wire_put_u32(to, demand->in_flight);
    wire_put_u32(to, demand->held);
    wire_put_u64(to, demand->begun);
}

bool link_take_demand(str payload, struct link_demand *ret_demand)
{
    struct wire_reader r = {.rest = payload};

    ret_demand->deployment = wire_take_str(&r);
    ret_demand->in_flight = wire_take_u32(&r);
    ret_demand->held = wire_take_u32(&r);
    ret_demand->begun = wire_take_u64(&r);
    return whole(&r) && ret_demand->deployment.n;
}

/*
 * Management requests from the gateway port, on their way to control and back. A relay belongs to
 * its worker: the main thread sees it between two messages only. Cancelling marks it; whatever
 * comes back for it is dropped on the worker's own thread.
 */

#include "edge/relays.h"

#include "edge/edge.h"
#include "edge/edge_link.h"

struct edge_relay {
    struct loop_message message;
    struct list link; /* of the main thread, while control has it */
    struct worker *worker;
    edge_relay_fn on_answer; /* NULL: cancelled; the worker's thread only */
    void *ctx;
    struct arena arena;
    struct link_relay request;
    unsigned status;
    str content_type, body;
};

struct relays {
    struct list waiting;
};

struct relays *relays_new(void)
{
    struct relays *relays = mem_zalloc(sizeof(*relays));

    list_init(&relays->waiting);
    return relays;
}

static void relay_free(struct edge_relay *relay)
{
    arena_deinit(&relay->arena);
    mem_free(relay);
}

void relays_free(struct relays *relays)
{
    if (!relays)
        return;
    list_for_each_safe (node, &relays->waiting)
        relay_free(list_entry(node, struct edge_relay, link));
    mem_free(relays);
}

static void on_worker(struct loop_message *message)
{
    struct edge_relay *relay = container_of(message, struct edge_relay, message);

    if (relay->on_answer)
        relay->on_answer(relay->ctx, relay->status, relay->content_type, relay->body);
    relay_free(relay);
}

static void send_back(struct edge_relay *relay, unsigned status, str content_type, str body)
{
    relay->status = status;
    relay->content_type = arena_copy(&relay->arena, content_type);
    relay->body = arena_copy(&relay->arena, body);
    relay->message.on_delivery = on_worker;
    loop_post(relay->worker->loop, &relay->message);
}

static void on_main(struct loop_message *message)
{
    struct edge_relay *relay = container_of(message, struct edge_relay, message);
    struct edge *edge = relay->worker->edge;

    if (edge_link_send_relay(edge->link, &relay->request))
        list_append(&edge->relays->waiting, &relay->link);
    else
        send_back(relay, 0, STR_NULL, STR_NULL);
}

struct edge_relay *edge_relay(struct worker *w, const struct link_relay *request,
                              edge_relay_fn on_answer, void *ctx)
{
    struct edge_relay *relay = mem_zalloc(sizeof(*relay));

    list_init(&relay->link);
    relay->worker = w;
    relay->on_answer = on_answer;
    relay->ctx = ctx;
    arena_init(&relay->arena, NULL, 0);
    relay->request = (struct link_relay){
        .key_id = arena_copy(&relay->arena, request->key_id),
        .scopes = request->scopes,
        .request_id = arena_copy(&relay->arena, request->request_id),
        .method = arena_copy(&relay->arena, request->method),
        .target = arena_copy(&relay->arena, request->target),
        .content_type = arena_copy(&relay->arena, request->content_type),
        .body = arena_copy(&relay->arena, request->body),
    };
    relay->message.on_delivery = on_main;
    loop_post(w->edge->loop, &relay->message);
    return relay;
}

void edge_relay_cancel(struct edge_relay *relay)
{
    relay->on_answer = NULL;
}

void edge_relay_answered(struct edge *edge, uint32_t id, unsigned status, str content_type,
                         str body)
{
    list_for_each_safe (node, &edge->relays->waiting) {
        struct edge_relay *relay = list_entry(node, struct edge_relay, link);

        if (relay->request.id != id)
            continue;
        list_remove(&relay->link);
        send_back(relay, status, content_type, body);
        return;
    }
}

void edge_relays_lost(struct edge *edge)
{
    list_for_each_safe (node, &edge->relays->waiting) {
        list_remove(node);
        send_back(list_entry(node, struct edge_relay, link), 0, STR_NULL, STR_NULL);
    }
}

/* --- reports
 * ---------------------------------------------------------------------------------------------------------
 */

struct report {
    struct loop_message message;
    struct edge *edge;
    struct arena arena;
    struct link_observed observed;
    struct link_refusals refusal;
    str deployment;
};

static struct report *report_new(struct worker *w, loop_message_fn on_delivery)
{
    struct report *report = mem_zalloc(sizeof(*report));

    report->edge = w->edge;
    report->message.on_delivery = on_delivery;
    arena_init(&report->arena, NULL, 0);
    return report;
}

static void report_free(struct report *report)
{
    arena_deinit(&report->arena);
    mem_free(report);
}

static void on_observed(struct loop_message *message)
{
    struct report *report = container_of(message, struct report, message);

    edge_link_send_observed(report->edge->link, &report->observed);
    report_free(report);
}

void edge_report_region(struct worker *w, enum link_observation kind, str endpoint,
                        uint64_t origin_revision, str header)
{
    struct report *report = report_new(w, on_observed);

    report->observed = (struct link_observed){
        .kind = (uint8_t)kind,
        .endpoint = arena_copy(&report->arena, endpoint),
        .origin_revision = origin_revision,
        .header = arena_copy(&report->arena, header),
    };
    loop_post(w->edge->loop, &report->message);
}

static void on_wanted(struct loop_message *message)
{
    struct report *report = container_of(message, struct report, message);

    demands_wake(report->edge->demands, report->deployment);
    report_free(report);
}

void edge_ask_wake(struct worker *w, str deployment)
{
    struct report *report = report_new(w, on_wanted);

    report->deployment = arena_copy(&report->arena, deployment);
    loop_post(w->edge->loop, &report->message);
}

static void on_refusal(struct loop_message *message)
{
    struct report *report = container_of(message, struct report, message);

    edge_link_count_refusal(report->edge->link, &report->refusal);
    report_free(report);
}

void edge_report_refusal(struct worker *w, const struct link_refusals *refusal)
{
    struct report *report = report_new(w, on_refusal);

    report->refusal = *refusal;
    report->refusal.code = arena_copy(&report->arena, refusal->code);
    report->refusal.subject = arena_copy(&report->arena, refusal->subject);
    report->refusal.group = arena_copy(&report->arena, refusal->group);
    loop_post(w->edge->loop, &report->message);
}

#include "plane/health.h"

#include "base/clock.h"

void health_init(struct health *h, const struct health_thresholds *thresholds, int64_t now_ns)
{
    *h = (struct health){.thresholds = *thresholds, .started_ns = now_ns};
}

static bool has_lasted(int64_t since_ns, int64_t now_ns, int64_t threshold_ms)
{
    return now_ns - since_ns >= threshold_ms * NS_PER_MS;
}

static enum health_verdict unready(struct health *h, int64_t now_ns)
{
    if (!h->was_ready)
        return has_lasted(h->started_ns, now_ns, h->thresholds.startup_ms) ? HEALTH_GIVE_UP_STARTUP
                                                                           : HEALTH_AS_BEFORE;
    if (!h->unready_since_ns)
        h->unready_since_ns = now_ns;
    if (!h->ready || !has_lasted(h->unready_since_ns, now_ns, h->thresholds.stop_traffic_ms))
        return HEALTH_AS_BEFORE;
    h->ready = false;
    return HEALTH_NOT_READY;
}

enum health_verdict health_readiness(struct health *h, enum health_result result, int64_t now_ns)
{
    if (result == HEALTH_FAILED)
        return unready(h, now_ns);
    h->unready_since_ns = 0;
    if (h->ready)
        return HEALTH_AS_BEFORE;
    h->ready = h->was_ready = true;
    return HEALTH_READY;
}

enum health_verdict health_liveness(struct health *h, enum health_result result, int64_t now_ns)
{
    if (result == HEALTH_FINE || !h->was_ready) {
        h->dead_since_ns = 0;
        return HEALTH_AS_BEFORE;
    }
    if (!h->dead_since_ns)
        h->dead_since_ns = now_ns;
    return has_lasted(h->dead_since_ns, now_ns, h->thresholds.restart_ms) ? HEALTH_GIVE_UP_RESTART
                                                                          : HEALTH_AS_BEFORE;
}

#include "base/clock.h"
#include "plane/health.h"
#include "unit/test.h"

static const struct health_thresholds thresholds = {
    .startup_ms = 100, .stop_traffic_ms = 20, .restart_ms = 50};

static struct health h;

static void begin(void)
{
    health_init(&h, &thresholds, NS_PER_S);
}

static int64_t at(int64_t ms)
{
    return NS_PER_S + ms * NS_PER_MS;
}

static void it_has_the_startup_threshold_to_be_ready(void)
{
    begin();
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(0)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(99)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(100)), HEALTH_GIVE_UP_STARTUP);
    begin();
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(99)), HEALTH_READY);
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(200)), HEALTH_AS_BEFORE);
}

static void traffic_stops_when_it_was_not_ready_for_long_enough(void)
{
    begin();
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(1)), HEALTH_READY);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(300)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(319)), HEALTH_AS_BEFORE);
    /* One that is fine begins anew. */
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(319)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(330)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(350)), HEALTH_NOT_READY);
    CHECK_INT(health_readiness(&h, HEALTH_FAILED, at(9000)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(9001)), HEALTH_READY);
}

static void liveness_counts_once_it_was_ready(void)
{
    begin();
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(0)), HEALTH_AS_BEFORE);
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(60)), HEALTH_AS_BEFORE);
    CHECK_INT(health_readiness(&h, HEALTH_FINE, at(70)), HEALTH_READY);
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(80)), HEALTH_AS_BEFORE);
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(129)), HEALTH_AS_BEFORE);
    CHECK_INT(health_liveness(&h, HEALTH_FINE, at(129)), HEALTH_AS_BEFORE);
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(140)), HEALTH_AS_BEFORE);
    CHECK_INT(health_liveness(&h, HEALTH_FAILED, at(190)), HEALTH_GIVE_UP_RESTART);
}

int main(void)
{
    RUN(it_has_the_startup_threshold_to_be_ready);
    RUN(traffic_stops_when_it_was_not_ready_for_long_enough);
    RUN(liveness_counts_once_it_was_ready);
    return test_end();
}

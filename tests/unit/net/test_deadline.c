/* The timing wheel with a clock of our own. */

#include "test.h"

#include "base/random.h"
#include "net/deadline.h"

enum { MANY = 400 };

struct timer {
    struct deadline deadline;
    int64_t due_ns; /* 0: must not fire */
    int fired;
};

static struct deadlines wheel;
static int64_t now_ns;
static bool wrong;
static struct timer *order[MANY];
static size_t n_order;

static void on_expire(struct deadline *d)
{
    struct timer *t = container_of(d, struct timer, deadline);

    t->fired++;
    if (n_order < MANY)
        order[n_order++] = t;
    if (t->due_ns == 0 || now_ns < t->due_ns || deadline_is_set(d))
        wrong = true;
    t->due_ns = 0;
}

static void reset(void)
{
    now_ns = 7777 * NS_PER_S + 123456;
    deadlines_init(&wheel, now_ns);
    n_order = 0;
    wrong = false;
}

static void arm(struct timer *t, int64_t ms)
{
    t->deadline.on_expire = on_expire;
    deadlines_set(&wheel, &t->deadline, now_ns, ms);
    t->due_ns = ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + ms * NS_PER_MS : INT64_MAX;
}

static void pass(int64_t ns)
{
    now_ns += ns;
    deadlines_expire(&wheel, now_ns);
}

static void test_fires_once_in_its_millisecond(void)
{
    static const int64_t lengths[] = {1,    2,    63,     64,     65,      4095,      4096,
                                      4097, 5000, 262143, 262144, 3600000, 1073741823};

    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct timer t = {0};

        reset();
        arm(&t, lengths[i]);
        pass(lengths[i] * NS_PER_MS - 1);
        CHECK_INT(t.fired, 0);
        pass(NS_PER_MS);
        CHECK_INT(t.fired, 1);
        pass(NS_PER_S);
        CHECK_INT(t.fired, 1);
        CHECK(!wrong);
    }
}

static void test_beyond_the_horizon(void)
{
    struct timer t = {0};
    int64_t month_ms = 30LL * 86400 * 1000;

    reset();
    arm(&t, month_ms);
    for (int day = 0; day < 30; day++)
        pass(86400 * NS_PER_S - 1000);
    CHECK_INT(t.fired, 0);
    pass(NS_PER_MS);
    CHECK_INT(t.fired, 1);
    arm(&t, INT64_MAX);
    pass(NS_PER_S);
    CHECK(deadline_is_set(&t.deadline));
    deadline_cancel(&t.deadline);
}

static void test_order(void)
{
    struct timer a = {0}, b = {0}, c = {0}, d = {0};

    reset();
    arm(&a, 100);
    arm(&b, 5);
    arm(&c, 100);
    pass(20 * NS_PER_MS);
    CHECK_INT(n_order, 1);
    arm(&d, 50);
    pass(NS_PER_S);
    CHECK_INT(n_order, 4);
    CHECK(order[0] == &b && order[1] == &d && order[2] == &a && order[3] == &c);
}

static void test_push_back_and_shorten(void)
{
    struct timer a = {0};

    reset();
    arm(&a, 100);
    for (int i = 0; i < 50; i++) {
        pass(60 * NS_PER_MS);
        arm(&a, 100);
    }
    CHECK_INT(a.fired, 0);
    arm(&a, 10);
    pass(10 * NS_PER_MS - 1);
    CHECK_INT(a.fired, 0);
    pass(NS_PER_MS);
    CHECK_INT(a.fired, 1);
    CHECK(!wrong);
}

static void test_cancel(void)
{
    struct timer a = {0}, b = {0};

    reset();
    arm(&a, 10);
    arm(&b, 10);
    deadline_cancel(&a.deadline);
    deadline_cancel(&a.deadline);
    CHECK(!deadline_is_set(&a.deadline));
    pass(NS_PER_S);
    CHECK_INT(a.fired, 0);
    CHECK_INT(b.fired, 1);
}

static struct timer *victim;

static void cancel_victim(struct deadline *d)
{
    (void)d;
    deadline_cancel(&victim->deadline);
}

static void test_cancel_in_callback(void)
{
    struct timer a = {0}, b = {0};

    reset();
    arm(&a, 10);
    a.deadline.on_expire = cancel_victim;
    arm(&b, 10);
    victim = &b;
    pass(NS_PER_S);
    CHECK_INT(b.fired, 0);
}

static void rearm_victim(struct deadline *d)
{
    (void)d;
    arm(victim, 1);
}

static void test_push_back_in_callback(void)
{
    struct timer a = {0}, b = {0};

    reset();
    arm(&a, 10);
    a.deadline.on_expire = rearm_victim;
    arm(&b, 10);
    victim = &b;
    pass(NS_PER_S);
    CHECK_INT(b.fired, 0);
    pass(2 * NS_PER_MS);
    CHECK_INT(b.fired, 1);
    CHECK(!wrong);
}

static int again_count;

static void again(struct deadline *d)
{
    again_count++;
    deadlines_set(&wheel, d, now_ns, 0);
}

static void test_zero_fires_in_the_next_step(void)
{
    struct deadline d = {.on_expire = again};

    reset();
    again_count = 0;
    deadlines_set(&wheel, &d, now_ns, 0);
    CHECK_INT(deadlines_wait_ms(&wheel, now_ns), 0);
    pass(0);
    CHECK_INT(again_count, 1);
    pass(0);
    CHECK_INT(again_count, 2);
    deadline_cancel(&d);
}

static void test_wait(void)
{
    struct timer a = {0}, b = {0};

    reset();
    CHECK_INT(deadlines_wait_ms(&wheel, now_ns), -1);
    arm(&a, 20);
    CHECK_INT(deadlines_wait_ms(&wheel, now_ns), 20 + 1);
    arm(&b, 3);
    CHECK_INT(deadlines_wait_ms(&wheel, now_ns), 3 + 1);
    pass(4 * NS_PER_MS);
    CHECK_INT(b.fired, 1);
    CHECK_INT(deadlines_wait_ms(&wheel, now_ns), 16 + 1);
}

/* Sleeping exactly as long as told, everything fires within the millisecond after it is due. */
static void test_random_schedule(void)
{
    static struct timer timers[MANY];
    struct prng r;

    reset();
    prng_seed(&r, 42);
    for (int step = 0; step < 20000; step++) {
        struct timer *t = &timers[prng_below(&r, MANY)];
        uint64_t what = prng_below(&r, 10);

        if (what < 6) {
            arm(t, (int64_t)(1 + prng_below(&r, 1ULL << prng_below(&r, 22))));
        } else if (what < 7) {
            deadline_cancel(&t->deadline);
            t->due_ns = 0;
        } else {
            int wait = deadlines_wait_ms(&wheel, now_ns);
            int64_t sleep = (int64_t)prng_below(&r, 5 * NS_PER_MS);

            pass(wait >= 0 && wait * NS_PER_MS < sleep ? wait * NS_PER_MS : sleep);
        }
        for (size_t i = 0; i < MANY; i++)
            if (timers[i].due_ns && now_ns > timers[i].due_ns + 2 * NS_PER_MS)
                wrong = true;
        CHECK(!wrong);
    }
    for (size_t i = 0; i < MANY; i++)
        deadline_cancel(&timers[i].deadline);
}

int main(void)
{
    RUN(test_fires_once_in_its_millisecond);
    RUN(test_beyond_the_horizon);
    RUN(test_order);
    RUN(test_push_back_and_shorten);
    RUN(test_cancel);
    RUN(test_cancel_in_callback);
    RUN(test_push_back_in_callback);
    RUN(test_zero_fires_in_the_next_step);
    RUN(test_wait);
    RUN(test_random_schedule);
    return test_end();
}

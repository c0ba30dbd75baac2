/* The supervisor with real processes and sockets, and children that do as they are told. */

#include "test.h"

#include "harness.h"

#include <signal.h>
#include <unistd.h>

static const char *fake_child;
static struct harness h;

/* Runs one test with a harness of its own, which goes away whether or not it passes. */
#define RUN_WITH_HARNESS(test)                                                                     \
    do {                                                                                           \
        harness_init(&h, fake_child);                                                              \
        RUN(test);                                                                                 \
        harness_deinit(&h);                                                                        \
    } while (0)

static void start(void)
{
    struct supervisor_options options = harness_options(&h);

    harness_start(&h, &options);
}

/* Starts, and waits until all is ready; returns the edge's pid. */
static pid_t start_and_wait(void)
{
    start();
    CHECK(harness_expect(&h, "edge ", "started"));
    pid_t edge = harness_line_pid(&h);
    CHECK(harness_read_ports(&h));
    return edge;
}

static void starts_control_and_edge(void)
{
    start_and_wait();
    CHECK_INT(harness_answer(harness_connect(&h)), 2);
    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "edge ", "term"));
    CHECK(harness_expect(&h, "control ", "term"));
    CHECK_INT(harness_wait(&h), 0);
}

static void children_inherit_their_sockets_and_nothing_else(void)
{
    /* What a careless parent leaves open when it starts the server. */
    int stray = dup(STDOUT_FILENO);

    start();
    close(stray);
    while (harness_expect(&h, "", "")) {
        CHECK(!strstr(h.line, "leaked"));
        CHECK(!strstr(h.line, "deaf"));
        if (strstr(h.line, "management "))
            break;
    }
    kill(h.pid, SIGTERM);
    CHECK_INT(harness_wait(&h), 0);
}

static void crashed_edge_leaves_connections_waiting(void)
{
    pid_t edge = start_and_wait();

    harness_mode(&h, "edge", "hang");
    kill(edge, SIGKILL);
    CHECK(harness_expect(&h, "edge ", "started"));
    pid_t next = harness_line_pid(&h);
    int fd = harness_connect(&h);
    CHECK(fd >= 0);
    kill(next, SIGUSR1);
    CHECK_INT(harness_answer(fd), 3);
}

static void crashed_control_comes_back_and_the_edge_stays(void)
{
    start();
    CHECK(harness_expect(&h, "control ", "started"));
    pid_t control = harness_line_pid(&h);
    CHECK(harness_read_ports(&h));
    kill(control, SIGKILL);
    /* What the first one says of being ready may still come, although all know it. */
    do
        CHECK(harness_expect(&h, "control ", "ready"));
    while (harness_line_pid(&h) == control);
    CHECK_INT(harness_answer(harness_connect(&h)), 2);
}

static void pauses_between_starts_that_fail(void)
{
    pid_t edge = start_and_wait();

    harness_mode(&h, "edge", "die");
    kill(edge, SIGKILL);
    CHECK(harness_expect(&h, "start_delayed", "\"pause_ms\":100}"));
    CHECK(harness_expect(&h, "start_delayed", "\"pause_ms\":200}"));
    CHECK(harness_expect(&h, "start_delayed", "\"pause_ms\":400}"));
    harness_mode(&h, "edge", "ready");
    CHECK(harness_expect(&h, "edge ", "ready"));
    CHECK(harness_answer(harness_connect(&h)) > 3);
}

static void restarts_at_once_what_was_ready(void)
{
    pid_t edge = start_and_wait();

    for (int i = 0; i < 5; i++) {
        kill(edge, SIGKILL);
        while (harness_expect(&h, "", "")) {
            CHECK(!strstr(h.line, "start_delayed"));
            if (strstr(h.line, "edge ") && strstr(h.line, "ready") && h.line[0] == 'e')
                break;
        }
        edge = harness_line_pid(&h);
        CHECK(edge > 0);
    }
}

static void gives_up_what_never_was_ready(void)
{
    harness_mode(&h, "control", "die");
    start();
    CHECK(harness_expect(&h, "cannot_serve", "control"));
    CHECK_INT(harness_wait(&h), 1);
    CHECK(harness_ends_without(&h, "cannot_serve"));
}

static void stops_edges_before_control(void)
{
    harness_mode(&h, "edge", "linger");
    pid_t edge = start_and_wait();

    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "edge ", "term"));
    kill(edge, SIGUSR1);
    /* Control's end can't come before this line: it is told only when the edge is gone. */
    CHECK(harness_expect(&h, "edge ", "drained"));
    CHECK(harness_expect(&h, "control ", "term"));
    CHECK_INT(harness_wait(&h), 0);
}

static void control_that_dies_while_edges_drain_is_replaced(void)
{
    harness_mode(&h, "edge", "linger");
    pid_t edge = start_and_wait();

    kill(h.pid, SIGHUP);
    CHECK(harness_expect(&h, "control ", "hup"));
    pid_t control = harness_line_pid(&h);
    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "edge ", "term"));
    kill(control, SIGKILL);
    CHECK(harness_expect(&h, "control ", "ready"));
    kill(edge, SIGUSR1);
    CHECK(harness_expect(&h, "control ", "term"));
    CHECK_INT(harness_wait(&h), 0);
}

static void control_that_dies_before_it_has_stopped_is_replaced(void)
{
    harness_mode(&h, "control", "linger");
    start_and_wait();
    kill(h.pid, SIGTERM);
    for (int i = 0; i < 3; i++) {
        CHECK(harness_expect(&h, "control ", "term"));
        kill(harness_line_pid(&h), i < 2 ? SIGKILL : SIGUSR1);
    }
    CHECK_INT(harness_wait(&h), 0);
}

static void control_that_dies_too_often_while_it_stops_is_a_failure(void)
{
    harness_mode(&h, "control", "linger");
    start_and_wait();
    kill(h.pid, SIGTERM);
    for (int i = 0; i <= SUPERVISOR_START_TRIES; i++) {
        CHECK(harness_expect(&h, "control ", "term"));
        kill(harness_line_pid(&h), SIGKILL);
    }
    CHECK_INT(harness_wait(&h), 1);
}

static void second_signal_kills(void)
{
    harness_mode(&h, "edge", "linger");
    start_and_wait();
    kill(h.pid, SIGINT);
    CHECK(harness_expect(&h, "edge ", "term"));
    kill(h.pid, SIGINT);
    CHECK_INT(harness_wait(&h), 1);
    CHECK(harness_ends_without(&h, "drained"));
}

static void drain_has_a_limit(void)
{
    struct supervisor_options options = harness_options(&h);

    options.drain_limit_ms = 1;
    harness_mode(&h, "edge", "linger");
    harness_start(&h, &options);
    CHECK(harness_read_ports(&h));
    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "drain_limit_passed", "edge"));
    CHECK_INT(harness_wait(&h), 0);
}

static void nothing_outlives_a_killed_supervisor(void)
{
    start_and_wait();
    kill(h.pid, SIGKILL);
    CHECK_INT(harness_wait(&h), 128 + SIGKILL);
    CHECK(harness_ends_without(&h, "no such line"));
}

static void hup_goes_to_control(void)
{
    start_and_wait();
    kill(h.pid, SIGHUP);
    CHECK(harness_expect(&h, "control ", "hup"));
}

static void hup_waits_for_control_to_be_ready(void)
{
    harness_mode(&h, "control", "hang");
    start();
    CHECK(harness_expect(&h, "control ", "started"));
    pid_t control = harness_line_pid(&h);
    kill(h.pid, SIGHUP);
    kill(control, SIGUSR1);
    CHECK(harness_expect(&h, "control ", "hup"));
}

/* --- upgrade */

/* A draining edge accepts until it has read its signal, whatever the supervisor has done meanwhile.
 */
static bool comes_to_answer(int generation)
{
    for (unsigned tries = 0; tries < 1000; tries++)
        if (harness_answer(harness_connect(&h)) == generation)
            return true;
    return false;
}

static void upgrade_starts_the_new_edge_before_it_stops_the_old(void)
{
    start_and_wait();
    harness_mode(&h, "edge", "hang");
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "edge 3", "started"));
    pid_t candidate = harness_line_pid(&h);
    CHECK_INT(harness_answer(harness_connect(&h)), 2);
    kill(candidate, SIGUSR1);
    CHECK(harness_expect_both(&h, "edge 2", "retire", "upgraded", "supervisor"));
    CHECK_INT(harness_answer(harness_connect(&h)), 3);
}

/* A line of the new edge's own about being ready may come after what the supervisor made of it:
 * here "started" is waited for where "upgraded" comes next. */
static void upgraded_supervisor_is_the_same_process_and_goes_on(void)
{
    start_and_wait();
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "edge 3", "started"));
    pid_t edge = harness_line_pid(&h);
    CHECK(harness_expect(&h, "upgraded", ""));
    kill(edge, SIGKILL);
    CHECK(harness_expect(&h, "edge 5", "ready"));
    CHECK(comes_to_answer(5));
    kill(h.pid, SIGHUP);
    CHECK(harness_expect(&h, "control ", "hup"));
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "upgraded", ""));
    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "edge 6", "term"));
    CHECK(harness_expect(&h, "control ", "term"));
    CHECK_INT(harness_wait(&h), 0);
    CHECK(harness_ends_without(&h, "leaked"));
}

static void old_edges_drain_beside_the_new_one(void)
{
    harness_mode(&h, "edge", "linger");
    pid_t first = start_and_wait();

    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "edge 3", "started"));
    pid_t second = harness_line_pid(&h);
    CHECK(harness_expect(&h, "upgraded", "\"processes\":3}"));
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "upgraded", "\"processes\":4}"));
    CHECK(comes_to_answer(5));
    kill(second, SIGUSR1);
    CHECK(harness_expect(&h, "edge 3", "drained"));
    kill(first, SIGUSR1);
    CHECK(harness_expect(&h, "edge 2", "drained"));
    CHECK_INT(harness_answer(harness_connect(&h)), 5);
}

/* A connection that is made while control restarts waits for the new one. */
static void upgrade_restarts_control_with_its_socket_open(void)
{
    start_and_wait();
    harness_mode(&h, "control", "hang");
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "control ", "retire"));
    CHECK(harness_expect(&h, "control ", "started"));
    pid_t control = harness_line_pid(&h);
    memcpy(h.port, h.control_port, sizeof(h.port));
    int fd = harness_connect(&h);
    CHECK(fd >= 0);
    kill(control, SIGUSR1);
    CHECK_INT(harness_answer(fd), 0);
    CHECK(harness_expect(&h, "upgraded", ""));
}

/* Control gets ready, which would be the moment for the last step, while an edge still drains. */
static void stop_during_an_upgrade_is_a_stop(void)
{
    start_and_wait();
    harness_mode(&h, "edge", "linger");
    harness_mode(&h, "control", "hang");
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "edge 3", "started"));
    pid_t edge = harness_line_pid(&h);
    CHECK(harness_expect(&h, "control ", "started"));
    pid_t control = harness_line_pid(&h);
    kill(h.pid, SIGTERM);
    CHECK(harness_expect(&h, "edge 3", "term"));
    kill(control, SIGUSR1);
    CHECK(harness_expect(&h, "control ", "ready"));
    kill(edge, SIGUSR1);
    CHECK(harness_expect(&h, "stopped", "\"status\":0"));
}

static void check_old_edge_serves(void)
{
    CHECK(harness_expect(&h, "upgrade_failed", ""));
    CHECK_INT(harness_answer(harness_connect(&h)), 2);
}

static void upgrade_to_a_binary_that_fails_keeps_the_old(void)
{
    pid_t edge = start_and_wait();

    harness_binary(&h, "/bin/false");
    kill(h.pid, SIGUSR2);
    check_old_edge_serves();
    /* What comes back after a crash is what ran before, not what lies at the path. */
    kill(edge, SIGKILL);
    CHECK(harness_expect(&h, "edge 4", "ready"));
    CHECK_INT(harness_answer(harness_connect(&h)), 4);
}

static void upgrade_to_a_missing_binary_keeps_the_old(void)
{
    start_and_wait();
    harness_binary(&h, "/nowhere/ambit");
    kill(h.pid, SIGUSR2);
    check_old_edge_serves();
}

static void upgrade_that_takes_too_long_keeps_the_old(void)
{
    struct supervisor_options options = harness_options(&h);

    options.ready_timeout_ms = 1;
    harness_start(&h, &options);
    CHECK(harness_read_ports(&h));
    harness_mode(&h, "edge", "hang");
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "not_ready_in_time", "edge"));
    check_old_edge_serves();
}

static void upgrade_can_be_tried_again(void)
{
    start_and_wait();
    harness_binary(&h, "/bin/false");
    kill(h.pid, SIGUSR2);
    check_old_edge_serves();
    harness_binary(&h, fake_child);
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "upgraded", ""));
    CHECK(comes_to_answer(4));
}

static void edge_that_crashes_during_an_upgrade_is_replaced(void)
{
    pid_t edge = start_and_wait();

    harness_mode(&h, "edge", "hang");
    kill(h.pid, SIGUSR2);
    CHECK(harness_expect(&h, "edge 3", "started"));
    harness_mode(&h, "edge", "ready");
    kill(edge, SIGKILL);
    CHECK(harness_expect(&h, "edge 4", "ready"));
    CHECK_INT(harness_answer(harness_connect(&h)), 4);
}

/* --- one server a directory, one server a port */

static void data_dir_serves_one_server(void)
{
    struct harness second;

    start_and_wait();
    harness_init(&second, fake_child);
    struct supervisor_options options = harness_options(&second);
    options.data_dir = h.data;
    harness_start(&second, &options);
    bool refused = harness_expect(&second, "data_dir_in_use", h.data);
    int status = harness_wait(&second);
    harness_deinit(&second);
    CHECK(refused);
    CHECK_INT(status, 1);
    CHECK_INT(harness_answer(harness_connect(&h)), 2);
}

static void port_serves_one_server(void)
{
    struct harness second;
    char address[32];
    const char *listen[] = {address};

    start_and_wait();
    harness_init(&second, fake_child);
    struct supervisor_options options = harness_options(&second);
    snprintf(address, sizeof(address), "127.0.0.1:%.8s", h.port);
    options.gateway_listen = listen;
    harness_start(&second, &options);
    bool refused = harness_expect(&second, "cannot_listen", address);
    int status = harness_wait(&second);
    harness_deinit(&second);
    CHECK(refused);
    CHECK_INT(status, 1);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return EXIT_FAILURE;
    /* It is reached through a link elsewhere, so a relative path would not do. */
    fake_child = realpath(argv[1], NULL);
    if (!fake_child)
        return EXIT_FAILURE;
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN_WITH_HARNESS(starts_control_and_edge);
    RUN_WITH_HARNESS(children_inherit_their_sockets_and_nothing_else);
    RUN_WITH_HARNESS(crashed_edge_leaves_connections_waiting);
    RUN_WITH_HARNESS(crashed_control_comes_back_and_the_edge_stays);
    RUN_WITH_HARNESS(pauses_between_starts_that_fail);
    RUN_WITH_HARNESS(restarts_at_once_what_was_ready);
    RUN_WITH_HARNESS(gives_up_what_never_was_ready);
    RUN_WITH_HARNESS(stops_edges_before_control);
    RUN_WITH_HARNESS(control_that_dies_while_edges_drain_is_replaced);
    RUN_WITH_HARNESS(control_that_dies_before_it_has_stopped_is_replaced);
    RUN_WITH_HARNESS(control_that_dies_too_often_while_it_stops_is_a_failure);
    RUN_WITH_HARNESS(second_signal_kills);
    RUN_WITH_HARNESS(drain_has_a_limit);
    RUN_WITH_HARNESS(nothing_outlives_a_killed_supervisor);
    RUN_WITH_HARNESS(hup_goes_to_control);
    RUN_WITH_HARNESS(hup_waits_for_control_to_be_ready);
    RUN_WITH_HARNESS(upgrade_starts_the_new_edge_before_it_stops_the_old);
    RUN_WITH_HARNESS(upgraded_supervisor_is_the_same_process_and_goes_on);
    RUN_WITH_HARNESS(old_edges_drain_beside_the_new_one);
    RUN_WITH_HARNESS(upgrade_restarts_control_with_its_socket_open);
    RUN_WITH_HARNESS(stop_during_an_upgrade_is_a_stop);
    RUN_WITH_HARNESS(upgrade_to_a_binary_that_fails_keeps_the_old);
    RUN_WITH_HARNESS(upgrade_to_a_missing_binary_keeps_the_old);
    RUN_WITH_HARNESS(upgrade_that_takes_too_long_keeps_the_old);
    RUN_WITH_HARNESS(upgrade_can_be_tried_again);
    RUN_WITH_HARNESS(edge_that_crashes_during_an_upgrade_is_replaced);
    RUN_WITH_HARNESS(data_dir_serves_one_server);
    RUN_WITH_HARNESS(port_serves_one_server);
    return test_end();
}

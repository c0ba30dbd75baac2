#include "base/log.h"
#include "base/random.h"
#include "http/identity.h"
#include "package/archive.h"
#include "plane/files.h"
#include "plane/plane.h"
#include "plane/process_tree.h"
#include "unit/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The process plane with real shims, and this program itself as the package's server:
 * `test_plane_process serve` answers "/<what>" with 200 and the body "<what>", "/env/NAME" with a
 * variable, "/pid" with its process id; "/crash" ends it, "/child" starts a process that outlives
 * everything that does not look for it.
 */

/* --- the server */

static void answer(int fd, const char *what)
{
    char text[8192];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(what), what);

    if (write(fd, text, (size_t)n) < 0)
        return;
}

/* As the runner does: readiness with the environment that it has been told. */
static void say_environment(int fd)
{
    char path[512], text[256] = "", head[512];
    const char *folder_of_it = getenv("B10_DYNAMIC_CONFIG_DIR");

    snprintf(path, sizeof(path), "%s/environment", folder_of_it ? folder_of_it : "");
    FILE *from = fopen(path, "r");
    if (from && !fgets(text, sizeof(text), from))
        text[0] = '\0';
    if (from)
        fclose(from);
    char *name = strstr(text, ": \"");
    char *end = name ? strchr(name + 3, '"') : NULL;
    if (end)
        *end = '\0';
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 200 OK\r\ndate: now\r\nx-ambit-Environment:  %s \r\n"
                     "Content-Length: 0\r\n\r\n",
                     end ? name + 3 : "");
    if (write(fd, head, (size_t)n) < 0)
        return;
}

static void start_child(int fd)
{
    char number[16];
    int ends[2];

    if (pipe(ends) < 0)
        abort();
    if (fork() == 0) {
        setsid();
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGTERM, SIG_IGN);
            for (;;)
                pause();
        }
        int n = snprintf(number, sizeof(number), "%d", (int)pid);
        _exit(write(ends[1], number, (size_t)n) < 0);
    }
    ssize_t n = read(ends[0], number, sizeof(number) - 1);
    number[n > 0 ? n : 0] = '\0';
    answer(fd, number);
}

static void handle(int fd, const char *path)
{
    char pid[16];

    if (strcmp(path, "/crash") == 0) {
        printf("the model has lost its mind\n");
        fflush(stdout);
        _exit(3);
    }
    if (strcmp(path, "/child") == 0) {
        start_child(fd);
    } else if (strcmp(path, "/pid") == 0) {
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        answer(fd, pid);
    } else if (strncmp(path, "/env/", 5) == 0) {
        const char *value = getenv(path + 5);

        answer(fd, value ? value : "(none)");
    } else if (strcmp(path, "/says") == 0) {
        say_environment(fd);
    } else {
        answer(fd, path + 1);
    }
}

static void *serve_one(void *ctx)
{
    int fd = (int)(intptr_t)ctx;
    char request[4096];
    ssize_t n;

    /* Requests of this test come whole and one after the other. */
    while ((n = read(fd, request, sizeof(request) - 1)) > 0) {
        request[n] = '\0';
        char *path = strchr(request, ' ');
        char *end = path ? strchr(path + 1, ' ') : NULL;
        if (!end)
            break;
        *end = '\0';
        handle(fd, path + 1);
    }
    close(fd);
    return NULL;
}

static int serve(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
    uint64_t port = 0;
    pthread_t thread;

    str_parse_u64(str_of(getenv("PORT")), &port);
    at.sin_port = htons((uint16_t)port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 64) < 0)
        return 1;
    printf("it serves\n");
    fflush(stdout);
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    return 1;
}

/* --- the world of a test */

enum { PORTS = 8, EVENTS_MAX = 64 };

static const char *ambit, *self;
static char folder[64], config[1024], archive[128];
static struct loop *loop;
static struct plane *plane;
static uint16_t first_port;
static struct event {
    char replica[32], environment[64], why[1024];
    enum plane_replica_state state;
} events[EVENTS_MAX];
static size_t n_events;
static char built[32], failure[1024];

#define IDENTITY "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

static void on_replica(void *ctx, struct plane *p, str replica, enum plane_replica_state state,
                       str environment, str why)
{
    struct event *e = &events[n_events++ % EVENTS_MAX];

    (void)ctx;
    (void)p;
    snprintf(e->replica, sizeof(e->replica), "%.*s", STR_ARG(replica));
    snprintf(e->environment, sizeof(e->environment), "%.*s",
             STR_ARG(environment.p ? environment : STR("(does not say)")));
    snprintf(e->why, sizeof(e->why), "%.*s", STR_ARG(why));
    e->state = state;
}

static void on_built(void *ctx, struct plane *p, str deployment, str why)
{
    (void)ctx;
    (void)p;
    snprintf(built, sizeof(built), "%.*s", STR_ARG(deployment));
    snprintf(failure, sizeof(failure), "%.*s", STR_ARG(why));
}

static const struct plane_events plane_events = {.on_replica = on_replica, .on_built = on_built};

static void open_plane(void)
{
    const struct plane_process_options options = {.name = "here",
                                                  .data_dir = folder,
                                                  .binary = ambit,
                                                  .runner_dir = "/no/runner",
                                                  .port_first = first_port,
                                                  .port_last = (uint16_t)(first_port + PORTS - 1)};

    loop = loop_new();
    n_events = 0;
    built[0] = '\0';
    CHECK_INT(plane_process_new(loop, &options, &plane_events, NULL, &plane), 0);
}

static void close_plane(void)
{
    plane->ops->free(plane);
    plane = NULL;
    loop_free(loop);
}

static void begin(void)
{
    uint16_t random;

    random_bytes(&random, sizeof(random));
    first_port = (uint16_t)(20000 + random % 10000);
    snprintf(folder, sizeof(folder), "/tmp/test-plane-XXXXXX");
    CHECK(mkdtemp(folder));
    snprintf(config, sizeof(config),
             "{\"model_name\":\"m\",\"environment_variables\":{\"GREETING\":\"hello\"},"
             "\"docker_server\":{\"start_command\":\"exec %s serve $PORT\",\"server_port\":9000,"
             "\"predict_endpoint\":\"/p\",\"readiness_endpoint\":\"/r\","
             "\"liveness_endpoint\":\"/l\"}}",
             self);
    open_plane();
}

static void finish(void)
{
    pid_t pid;

    for (size_t i = 0; i < n_events && i < EVENTS_MAX; i++)
        plane->ops->stop(plane, str_of(events[i].replica), PLANE_NOW);
    for (size_t i = 0; i < n_events && i < EVENTS_MAX; i++) {
        for (int turns = 0; turns < 4000 && plane->ops->runs(plane, str_of(events[i].replica));
             turns++)
            loop_turn(loop, 5);
    }
    close_plane();
    if ((pid = fork()) == 0)
        execl("/bin/rm", "rm", "-rf", folder, NULL);
    waitpid(pid, NULL, 0);
}

#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int turns_ = 0; !(condition) && turns_ < 6000; turns_++)                              \
            loop_turn(loop, 5);                                                                    \
        CHECK(condition);                                                                          \
    } while (0)

static const struct event *find_event(const char *replica, enum plane_replica_state state)
{
    for (size_t i = 0; i < n_events; i++) {
        if (events[i].state == state && strcmp(events[i].replica, replica) == 0)
            return &events[i];
    }
    return NULL;
}

static bool has_gone(const char *replica)
{
    return find_event(replica, PLANE_REPLICA_GONE) != NULL;
}

/* A package of one file, packed. */
static void make_archive(void)
{
    char source[128], file[160];
    struct package_error error;
    struct package_about about;

    snprintf(source, sizeof(source), "%s/source", folder);
    snprintf(file, sizeof(file), "%s/config.yaml", source);
    snprintf(archive, sizeof(archive), "%s/package.tar.gz", folder);
    CHECK_INT(mkdir(source, 0700), 0);
    FILE *to = fopen(file, "w");
    fputs(config, to);
    fclose(to);
    int fd = open(archive, O_RDWR | O_CREAT, 0600);
    CHECK_INT(package_pack(source, fd, NULL, &about, &error), PACKAGE_FINE);
    close(fd);
}

static void build(void)
{
    make_archive();
    plane->ops->build(plane, STR("dep"), str_of(archive), str_of(config));
    TURN_UNTIL(built[0]);
    CHECK_STR(str_of(failure), "");
}

static int start_on(const char *id, uint16_t port)
{
    const str secrets[] = {STR("TRUSS_SECRET_key=s3cret")};
    const struct plane_replica replica = {.id = str_of(id),
                                          .deployment = STR("dep"),
                                          .model = STR("mod"),
                                          .environment = STR("prod-eu"),
                                          .region = STR("eu-here-1"),
                                          .port = port,
                                          .identity = STR(IDENTITY),
                                          .config = str_of(config),
                                          .secrets = secrets,
                                          .n_secrets = 1,
                                          .drain_limit_ms = 60000};

    return plane->ops->start(plane, &replica);
}

static uint16_t start_ready(const char *id)
{
    uint16_t port = plane->ops->take_port(plane);

    CHECK(port >= first_port && port < first_port + PORTS);
    CHECK_INT(start_on(id, port), 0);
    CHECK(!find_event(id, PLANE_REPLICA_STARTED)); /* never from within */
    TURN_UNTIL(find_event(id, PLANE_REPLICA_READY));
    return port;
}

/* Connected and proven. */
static int connect_to(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    char challenge[IDENTITY_CHALLENGE_BYTES], expected[IDENTITY_PROOF_BYTES],
        got[IDENTITY_PROOF_BYTES];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK_INT(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    CHECK_INT(identity_challenge(STR(IDENTITY), challenge, expected), 0);
    CHECK_INT(write(fd, challenge, sizeof(challenge)), sizeof(challenge));
    CHECK_INT(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
    CHECK(identity_proves(expected, str_make(got, sizeof(got))));
    return fd;
}

/* The body of an answer; valid until the next. */
static const char *ask_on(int fd, const char *path)
{
    static char text[8192];
    char request[256];
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n\r\n", path);

    if (send(fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        return "(closed)";
    ssize_t got = recv(fd, text, sizeof(text) - 1, 0);
    if (got <= 0)
        return "(closed)";
    text[got] = '\0';
    char *body = strstr(text, "\r\n\r\n");
    return body ? body + 4 : "(no body)";
}

static const char *ask(uint16_t port, const char *path)
{
    int fd = connect_to(port);
    const char *body = ask_on(fd, path);

    close(fd);
    return body;
}

static pid_t ask_pid(uint16_t port, const char *path)
{
    uint64_t pid = 0;

    CHECK(str_parse_u64(str_of(ask(port, path)), &pid));
    return (pid_t)pid;
}

static bool is_alive(pid_t pid)
{
    char path[64], text[512];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *state = strrchr(text, ')');
    return state && state[2] != 'Z' && state[2] != 'X';
}

static bool exists(const char *path)
{
    char full[256];

    snprintf(full, sizeof(full), "%s/%s", folder, path);
    return access(full, F_OK) == 0;
}

static struct buf read_file(const char *path)
{
    char full[256];
    struct buf text;

    snprintf(full, sizeof(full), "%s/%s", folder, path);
    buf_init(&text, 0);
    files_read(AT_FDCWD, full, 1 << 20, &text);
    return text;
}

static bool holds(const char *path, const char *what)
{
    struct buf text = read_file(path);
    bool found = str_search(buf_str(&text), str_of(what)) < text.n;

    buf_deinit(&text);
    return found;
}

static pid_t shim_of(const char *id)
{
    char path[64];
    uint64_t pid = 0;

    snprintf(path, sizeof(path), "replicas/%s/pid", id);
    struct buf text = read_file(path);
    str_parse_u64(str_trim(str_upto(buf_str(&text), text.n - 1)), &pid);
    buf_deinit(&text);
    return (pid_t)pid;
}

/* --- tests */

static void a_replica_is_built_started_ready_stopped_forgotten(void)
{
    begin();
    build();
    CHECK(holds("logs/dep/build.log", "unpacked 1 files"));
    uint16_t port = start_ready("rep1");
    CHECK(find_event("rep1", PLANE_REPLICA_STARTED));
    CHECK(plane->ops->runs(plane, STR("rep1")));
    CHECK_STR(str_of(ask(port, "/hello")), "hello");
    pid_t pid = ask_pid(port, "/pid");
    plane->ops->stop(plane, STR("rep1"), PLANE_DRAIN);
    TURN_UNTIL(has_gone("rep1"));
    CHECK_STR(str_of(find_event("rep1", PLANE_REPLICA_GONE)->why), "stopped");
    CHECK(!plane->ops->runs(plane, STR("rep1")));
    CHECK(!is_alive(pid));
    CHECK(holds("logs/dep/rep1.log", "\"message\":\"it serves\""));
    plane->ops->forget_replica(plane, STR("rep1"));
    CHECK(!exists("replicas/rep1"));
    plane->ops->forget_deployment(plane, STR("dep"));
    CHECK(!exists("deployments/dep") && !exists("logs/dep"));
    TURN_UNTIL(!exists("trash"));
    finish();
}

static void a_package_is_told_where_it_is_and_who(void)
{
    begin();
    build();
    setenv("AMBIT_MASTER_KEY", "of-control", 1);
    uint16_t port = start_ready("rep1");
    CHECK_STR(str_of(ask(port, "/env/AMBIT_REGION")), "eu-here-1");
    CHECK_STR(str_of(ask(port, "/env/BT_MODEL_ID")), "mod");
    CHECK_STR(str_of(ask(port, "/env/BT_MODEL_DEPLOYMENT_ID")), "dep");
    CHECK_STR(str_of(ask(port, "/env/GREETING")), "hello");
    CHECK_STR(str_of(ask(port, "/env/TRUSS_SECRET_key")), "s3cret");
    CHECK_STR(str_of(ask(port, "/env/AMBIT_MASTER_KEY")), "(none)");
    CHECK(str_ends(str_of(ask(port, "/env/B10_DYNAMIC_CONFIG_DIR")), STR("/replicas/rep1/config")));
    CHECK(holds("replicas/rep1/config/environment", "{\"name\": \"prod-eu\"}"));
    CHECK(holds("replicas/rep1/spec.json", "GREETING=hello"));
    CHECK(!holds("replicas/rep1/spec.json", "s3cret"));
    CHECK(!holds("replicas/rep1/spec.json", IDENTITY));
    finish();
}

static bool all_known(void *ctx, str replica)
{
    (void)ctx;
    (void)replica;
    return true;
}

static const struct event *last_event(void)
{
    return &events[(n_events - 1) % EVENTS_MAX];
}

static void a_server_that_says_where_it_is_is_heard(void)
{
    begin();
    char *readiness = strstr(config, "\"/r\"");
    memmove(readiness + 7, readiness + 4, strlen(readiness + 4) + 1);
    memcpy(readiness, "\"/says\"", 7);
    build();
    start_ready("rep1");
    CHECK_STR(str_of(last_event()->environment), "prod-eu");
    CHECK_INT(plane->ops->set_environment(plane, STR("rep1"), STR("production")), 0);
    TURN_UNTIL(strcmp(last_event()->environment, "production") == 0);
    CHECK_INT(last_event()->state, PLANE_REPLICA_READY);
    CHECK_INT(plane->ops->set_environment(plane, STR("rep1"), STR("")), 0);
    TURN_UNTIL(last_event()->environment[0] == '\0');
    CHECK_INT(last_event()->state, PLANE_REPLICA_READY);
    close_plane();
    open_plane();
    plane->ops->adopt(plane, all_known, NULL);
    TURN_UNTIL(n_events > 0 && last_event()->state == PLANE_REPLICA_READY);
    CHECK_STR(str_of(last_event()->environment), "");
    finish();
}

static void a_server_that_says_nothing_is_only_ready(void)
{
    begin();
    build();
    start_ready("rep1");
    CHECK_STR(str_of(last_event()->environment), "(does not say)");
    finish();
}

static void a_crash_is_told_with_its_reason(void)
{
    begin();
    build();
    uint16_t port = start_ready("rep1");
    ask(port, "/crash");
    TURN_UNTIL(has_gone("rep1"));
    CHECK_STR(str_of(find_event("rep1", PLANE_REPLICA_GONE)->why),
              "its process ended with exit status 3: the model has lost its mind");
    finish();
}

static bool known_is_rep1(void *ctx, str replica)
{
    (void)ctx;
    return str_eq(replica, STR("rep1"));
}

static void what_runs_is_found_again(void)
{
    begin();
    build();
    uint16_t port = start_ready("rep1");
    pid_t pid = ask_pid(port, "/pid");
    close_plane();
    CHECK_STR(str_of(ask(port, "/still")), "still");
    open_plane();
    CHECK(!plane->ops->runs(plane, STR("rep1")));
    plane->ops->adopt(plane, all_known, NULL);
    CHECK(plane->ops->runs(plane, STR("rep1")));
    CHECK_INT(n_events, 0);
    TURN_UNTIL(find_event("rep1", PLANE_REPLICA_READY));
    CHECK(ask_pid(port, "/pid") == pid);
    /* Starting it again is no second one. */
    CHECK_INT(start_on("rep1", port), 0);
    CHECK(ask_pid(port, "/pid") == pid);
    plane->ops->stop(plane, STR("rep1"), PLANE_DRAIN);
    TURN_UNTIL(has_gone("rep1"));
    CHECK(!is_alive(pid));
    finish();
}

static void what_ended_meanwhile_is_told(void)
{
    begin();
    build();
    uint16_t port = start_ready("rep1");
    pid_t shim = shim_of("rep1");
    close_plane();
    ask(port, "/crash");
    waitpid(shim, NULL, 0);
    open_plane();
    plane->ops->adopt(plane, all_known, NULL);
    TURN_UNTIL(has_gone("rep1"));
    CHECK(str_starts(str_of(find_event("rep1", PLANE_REPLICA_GONE)->why),
                     STR("its process ended with exit status 3")));
    finish();
}

static void what_nobody_knows_is_stopped(void)
{
    begin();
    build();
    uint16_t port1 = start_ready("rep1"), port2 = start_ready("rep2");
    pid_t pid = ask_pid(port2, "/pid");
    close_plane();
    open_plane();
    plane->ops->adopt(plane, known_is_rep1, NULL);
    TURN_UNTIL(find_event("rep1", PLANE_REPLICA_READY) && !plane->ops->runs(plane, STR("rep2")));
    CHECK(!is_alive(pid));
    CHECK(!exists("replicas/rep2"));
    CHECK(!has_gone("rep2"));
    CHECK_STR(str_of(ask(port1, "/still")), "still");
    finish();
}

static void a_killed_shim_leaves_nothing(void)
{
    begin();
    build();
    uint16_t port = start_ready("rep1");
    pid_t pid = ask_pid(port, "/pid"), child = ask_pid(port, "/child");
    CHECK(is_alive(pid) && is_alive(child));
    kill(shim_of("rep1"), SIGKILL);
    TURN_UNTIL(has_gone("rep1"));
    CHECK_STR(str_of(find_event("rep1", PLANE_REPLICA_GONE)->why),
              "its companion process was killed");
    CHECK(holds("logs/dep/rep1.log", "the replica has ended: its companion process was killed"));
    CHECK(holds("replicas/rep1/exit", "its companion process was killed"));
    CHECK(!is_alive(pid) && !is_alive(child));
    finish();
}

static void a_stop_waits_unless_it_is_for_now(void)
{
    begin();
    build();
    uint16_t port = start_ready("rep1");
    int fd = connect_to(port);
    plane->ops->stop(plane, STR("rep1"), PLANE_DRAIN);
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 5);
    CHECK(!has_gone("rep1"));
    CHECK_STR(str_of(ask_on(fd, "/served")), "served");
    plane->ops->stop(plane, STR("rep1"), PLANE_NOW);
    TURN_UNTIL(has_gone("rep1"));
    CHECK_STR(str_of(ask_on(fd, "/x")), "(closed)");
    close(fd);
    finish();
}

/* Not one that was taken here: a predecessor may have started the replica. */
static void a_port_is_not_used_again_soon(void)
{
    begin();
    build();
    uint16_t port = (uint16_t)(first_port + 3), taken[PORTS] = {0};
    CHECK_INT(start_on("rep1", port), 0);
    TURN_UNTIL(find_event("rep1", PLANE_REPLICA_READY));
    ask(port, "/crash");
    TURN_UNTIL(has_gone("rep1"));
    for (size_t i = 0; i < PORTS; i++) {
        taken[i] = plane->ops->take_port(plane);
        CHECK(taken[i] != port);
        for (size_t k = 0; taken[i] && k < i; k++)
            CHECK(taken[k] != taken[i]);
    }
    CHECK_INT(taken[PORTS - 1], 0);
    finish();
}

static void a_foreign_listener_is_left_alone(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    char why[128];

    begin();
    build();
    int foreign = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(foreign, (struct sockaddr *)&at, n) == 0 && listen(foreign, 8) == 0);
    CHECK_INT(getsockname(foreign, (struct sockaddr *)&at, &n), 0);
    CHECK_INT(start_on("rep1", ntohs(at.sin_port)), 0);
    TURN_UNTIL(has_gone("rep1"));
    snprintf(why, sizeof(why), "port %u cannot be listened on: Address already in use",
             ntohs(at.sin_port));
    CHECK_STR(str_of(find_event("rep1", PLANE_REPLICA_GONE)->why), why);
    CHECK(accept(foreign, NULL, NULL) < 0 && errno == EAGAIN);
    close(foreign);
    finish();
}

static void a_build_that_fails_says_why(void)
{
    begin();
    snprintf(archive, sizeof(archive), "%s/none.tar.gz", folder);
    plane->ops->build(plane, STR("dep"), str_of(archive), str_of(config));
    plane->ops->build(plane, STR("dep"), str_of(archive), str_of(config));
    CHECK(!built[0]);
    TURN_UNTIL(built[0]);
    CHECK_STR(str_of(built), "dep");
    CHECK_STR(str_of(failure),
              "build failed: the archive cannot be opened: No such file or directory");
    CHECK(holds("logs/dep/build.log", "the archive cannot be opened"));
    /* A package for Python needs the runner. */
    built[0] = '\0';
    make_archive();
    plane->ops->build(plane, STR("dep2"), str_of(archive), STR("{\"model_name\":\"m\"}"));
    TURN_UNTIL(built[0]);
    CHECK(str_starts(str_of(failure), STR("build failed: the runner is not set up")));
    finish();
}

static void many_builds_all_end(void)
{
    begin();
    make_archive();
    for (int i = 0; i < 7; i++) {
        char id[16];

        snprintf(id, sizeof(id), "dep%d", i);
        plane->ops->build(plane, str_of(id), str_of(archive), str_of(config));
    }
    plane->ops->forget_deployment(plane, STR("dep5")); /* while it waits */
    plane->ops->forget_deployment(plane, STR("dep0")); /* while it runs */
    TURN_UNTIL(strcmp(built, "dep6") == 0 && exists("deployments/dep4/built"));
    TURN_UNTIL(!exists("deployments/dep0") && !exists("deployments/dep5"));
    finish();
}

/* Two planes, one data directory: what one has built the other starts, and both may forget. */
static void planes_may_share_a_folder(void)
{
    struct plane *first, *second;

    begin();
    build();
    first = plane;
    const struct plane_process_options options = {.name = "there",
                                                  .data_dir = folder,
                                                  .binary = ambit,
                                                  .port_first = (uint16_t)(first_port + PORTS),
                                                  .port_last = (uint16_t)(first_port + 2 * PORTS)};
    CHECK_INT(plane_process_new(loop, &options, &plane_events, NULL, &second), 0);
    CHECK_INT(start_on("rep1", first->ops->take_port(first)), 0);
    plane = second;
    CHECK_INT(start_on("rep2", second->ops->take_port(second)), 0);
    plane = first;
    TURN_UNTIL(find_event("rep1", PLANE_REPLICA_READY) && find_event("rep2", PLANE_REPLICA_READY));
    first->ops->stop(first, STR("rep1"), PLANE_NOW);
    second->ops->stop(second, STR("rep2"), PLANE_NOW);
    TURN_UNTIL(has_gone("rep1") && has_gone("rep2"));
    /* This one has no runner. */
    built[0] = '\0';
    second->ops->build(second, STR("dep2"), str_of(archive), STR("{\"model_name\":\"m\"}"));
    TURN_UNTIL(built[0]);
    CHECK(str_starts(str_of(failure), STR("the build cannot be started: the runner is not there")));
    first->ops->forget_replica(first, STR("rep1"));
    second->ops->forget_replica(second, STR("rep2"));
    first->ops->forget_replica(first, STR("rep2"));
    CHECK(!exists("replicas/rep1") && !exists("replicas/rep2"));
    TURN_UNTIL(!exists("trash"));
    second->ops->free(second);
    finish();
}

static void names_that_lead_elsewhere_are_refused(void)
{
    begin();
    CHECK_INT(start_on("../x", first_port), -EINVAL);
    CHECK_INT(start_on("", first_port), -EINVAL);
    CHECK_INT(start_on(".x", first_port), -EINVAL);
    plane->ops->forget_replica(plane, STR("../replicas"));
    plane->ops->forget_deployment(plane, STR("../replicas"));
    CHECK(exists("replicas"));
    plane->ops->build(plane, STR("../x"), STR("a"), str_of(config));
    TURN_UNTIL(built[0]);
    CHECK(failure[0]);
    finish();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return serve();
    log_init("test", LOG_ERROR);
    self = realpath(argv[0], NULL);
    ambit = argv[1];
    RUN(a_replica_is_built_started_ready_stopped_forgotten);
    RUN(a_package_is_told_where_it_is_and_who);
    RUN(a_server_that_says_where_it_is_is_heard);
    RUN(a_server_that_says_nothing_is_only_ready);
    RUN(a_crash_is_told_with_its_reason);
    RUN(what_runs_is_found_again);
    RUN(what_ended_meanwhile_is_told);
    RUN(what_nobody_knows_is_stopped);
    RUN(a_killed_shim_leaves_nothing);
    RUN(a_stop_waits_unless_it_is_for_now);
    RUN(a_port_is_not_used_again_soon);
    RUN(a_foreign_listener_is_left_alone);
    RUN(a_build_that_fails_says_why);
    RUN(many_builds_all_end);
    RUN(planes_may_share_a_folder);
    RUN(names_that_lead_elsewhere_are_refused);
    free((char *)(uintptr_t)self);
    return test_end();
}

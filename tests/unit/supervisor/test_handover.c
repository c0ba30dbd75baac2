/* What one supervisor writes the next one reads; anything else is refused whole. */

#include "test.h"

#include "base/mem.h"
#include "supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES_MAX = 4096 };

static int open_any(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static struct handover example(void)
{
    struct handover h = {.binary = str_dup(STR("/usr/bin/ambit")),
                         .data_dir = str_dup(STR("/var/lib/ambit")),
                         .config_path = str_dup(STR("/etc/ambit.yaml")),
                         .workers = 2,
                         .ready_timeout_ms = 1,
                         .drain_limit_ms = 2,
                         .control_stop_ms = 3,
                         .exe_fd = open_any(),
                         .lock_fd = open_any(),
                         .listeners = {.control = open_any(), .link = open_any(), .n_gateway = 2},
                         .next_generation = 9,
                         .n_children = 1};

    h.listeners.gateway = mem_array(2, sizeof(int));
    h.listeners.gateway[0] = open_any();
    h.listeners.gateway[1] = open_any();
    h.children[0] = (struct child){.role = CHILD_EDGE,
                                   .state = CHILD_STOPPING,
                                   .generation = 7,
                                   .pid = getpid(),
                                   .pidfd = -1,
                                   .ready_fd = -1,
                                   .deadline_ns = 1234567890123};
    return h;
}

/* The encoded example; its descriptors stay open in *ret_owner. */
static size_t encoded(struct handover *ret_owner, char bytes[BYTES_MAX])
{
    *ret_owner = example();
    int fd = handover_write(ret_owner);
    CHECK(fd >= 0);
    ssize_t n = pread(fd, bytes, BYTES_MAX, 0);
    close(fd);
    CHECK(n > 0 && n < BYTES_MAX);
    return (size_t)n;
}

/* Closes `without` (-1: nothing) once the bytes have a descriptor that can't take its number. */
static int read_back_without(const char *bytes, size_t n, int without, struct handover *ret)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    ssize_t written = write(fd, bytes, n);

    (void)written;
    if (without >= 0)
        close(without);
    int r = handover_read(fd, ret);
    close(fd);
    return r;
}

static int read_back(const char *bytes, size_t n, struct handover *ret)
{
    return read_back_without(bytes, n, -1, ret);
}

static void comes_back_as_it_was(void)
{
    struct handover before, after;
    char bytes[BYTES_MAX];
    size_t n = encoded(&before, bytes);

    handover_set_inherit(&before, HANDOVER_KEPT_ON_EXEC);
    CHECK_INT(fcntl(before.lock_fd, F_GETFD), 0);
    CHECK_INT(read_back(bytes, n, &after), 0);
    CHECK_STR(str_of(after.binary), "/usr/bin/ambit");
    CHECK_STR(str_of(after.data_dir), "/var/lib/ambit");
    CHECK_STR(str_of(after.config_path), "/etc/ambit.yaml");
    CHECK_INT(after.workers, 2);
    CHECK_INT(after.ready_timeout_ms, 1);
    CHECK_INT(after.drain_limit_ms, 2);
    CHECK_INT(after.control_stop_ms, 3);
    CHECK_INT(after.exe_fd, before.exe_fd);
    CHECK_INT(after.lock_fd, before.lock_fd);
    CHECK_INT(after.listeners.control, before.listeners.control);
    CHECK_INT(after.listeners.link, before.listeners.link);
    CHECK_INT(after.listeners.n_gateway, 2);
    CHECK_INT(after.listeners.gateway[1], before.listeners.gateway[1]);
    CHECK_INT(after.next_generation, 9);
    CHECK_INT(after.n_children, 1);
    CHECK_INT(after.children[0].role, CHILD_EDGE);
    CHECK_INT(after.children[0].state, CHILD_STOPPING);
    CHECK_INT(after.children[0].generation, 7);
    CHECK_INT(after.children[0].pid, getpid());
    CHECK(after.children[0].pidfd >= 0);
    CHECK_INT(after.children[0].deadline_ns, 1234567890123);
    CHECK_INT(fcntl(after.lock_fd, F_GETFD), FD_CLOEXEC);
    CHECK_INT(fcntl(after.listeners.gateway[0], F_GETFD), FD_CLOEXEC);
    /* Both name the same descriptors: one of them closes them. */
    mem_free(before.binary);
    mem_free(before.data_dir);
    mem_free(before.config_path);
    mem_free(before.listeners.gateway);
    handover_deinit(&after);
}

static void cut_anywhere_is_refused(void)
{
    struct handover owner, ignored;
    char bytes[BYTES_MAX];
    size_t n = encoded(&owner, bytes);

    for (size_t cut = 0; cut < n; cut++)
        CHECK_INT(read_back(bytes, cut, &ignored), -EBADMSG);
    bytes[n] = 0;
    CHECK_INT(read_back(bytes, n + 1, &ignored), -EBADMSG);
    handover_deinit(&owner);
}

static void other_version_is_refused(void)
{
    struct handover owner, ignored;
    char bytes[BYTES_MAX];
    size_t n = encoded(&owner, bytes);

    bytes[4]++;
    CHECK_INT(read_back(bytes, n, &ignored), -EBADMSG);
    handover_deinit(&owner);
}

static void closed_descriptor_is_refused(void)
{
    struct handover owner, ignored;
    char bytes[BYTES_MAX];
    size_t n = encoded(&owner, bytes);

    CHECK_INT(read_back_without(bytes, n, owner.lock_fd, &ignored), -EBADMSG);
    owner.lock_fd = -1;
    handover_deinit(&owner);
}

static void unknown_role_is_refused(void)
{
    struct handover owner, ignored;
    char bytes[BYTES_MAX];
    size_t n = encoded(&owner, bytes);
    size_t child_bytes = 1 + 1 + 4 + 4 + 4 + 8;

    bytes[n - child_bytes] = CHILD_ROLES;
    CHECK_INT(read_back(bytes, n, &ignored), -EBADMSG);
    bytes[n - child_bytes] = CHILD_EDGE;
    bytes[n - child_bytes + 1] = CHILD_STATES;
    CHECK_INT(read_back(bytes, n, &ignored), -EBADMSG);
    handover_deinit(&owner);
}

int main(void)
{
    RUN(comes_back_as_it_was);
    RUN(cut_anywhere_is_refused);
    RUN(other_version_is_refused);
    RUN(closed_descriptor_is_refused);
    RUN(unknown_role_is_refused);
    return test_end();
}

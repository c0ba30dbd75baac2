#include "base/mem.h"
#include "plane/files.h"
#include "plane/user.h"
#include "plane/workload.h"
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Becoming another user takes root; that it is refused to others is shown by children who are not.
 */

enum { NOBODY = 65534, SOMEBODY = 65533 };

static char folder[64];
static int folder_fd;

static void begin(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test-user-XXXXXX");
    CHECK(mkdtemp(folder));
    CHECK_INT(chmod(folder, 0711), 0);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void finish(void)
{
    pid_t pid = fork();

    if (pid == 0)
        execl("/bin/rm", "rm", "-rf", folder, NULL);
    waitpid(pid, NULL, 0);
    close(folder_fd);
}

/* Whether `claim` holds in a child; in one without any privilege if `uid` is not 0. */
static bool holds_as(uid_t uid, bool (*claim)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (uid && geteuid() == 0 && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
            _exit(2);
        _exit(!claim());
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct plane_user nobody = {"nobody", NOBODY, NOBODY};

static bool is_refused(void)
{
    char why[USER_WHY_BYTES] = "";
    uid_t before = geteuid();

    return plane_user_become(&nobody) == -EPERM && geteuid() == before &&
           plane_user_try(&nobody, "/", why) == -EPERM &&
           strstr(why, "run as nobody, and Ambit may not start anything as another user");
}

static bool is_no_other(void)
{
    const struct plane_user same = {"same", geteuid(), getegid()}, root = {"root", 0, 0};
    char why[USER_WHY_BYTES] = "";

    return plane_user_become(&same) == -EINVAL && plane_user_become(&root) == -EINVAL &&
           plane_user_try(&same, "/", why) == -EINVAL && strstr(why, "name a user of their own");
}

static char witness[96], why_not[WORKLOAD_WHY_BYTES];

static bool does_not_start(void)
{
    const char *const argv[] = {"/bin/sh", "-c", "touch \"$0\"", witness, NULL};
    const char *const env[] = {NULL};
    const struct workload w = {.argv = argv,
                               .env = env,
                               .directory = "/",
                               .cgroup = "",
                               .user = nobody,
                               .output_fd = STDERR_FILENO};
    pid_t pid;

    return workload_start(&w, &pid, why_not) == -EPERM &&
           strstr(why_not, "it cannot run as the plane's user: Operation not permitted");
}

static void without_privilege_nothing_is_started(void)
{
    begin();
    CHECK_INT(chmod(folder, 0777), 0);
    snprintf(witness, sizeof(witness), "%s/it-ran", folder);
    CHECK(holds_as(SOMEBODY, is_refused));
    CHECK(holds_as(SOMEBODY, does_not_start));
    CHECK(holds_as(0, is_no_other));
    CHECK(holds_as(SOMEBODY, is_no_other));
    CHECK(access(witness, F_OK) < 0);
    finish();
}

/* The calls themselves, for this thread: the thread sanitizer has one of its own in every child,
 * for which the library would repeat them. */
static bool becomes(void)
{
    const gid_t groups[] = {4, 6};
    uid_t real, effective, saved;

    return syscall(SYS_setgroups, 2, groups) == 0 && plane_user_become(&nobody) == 0 &&
           getresuid(&real, &effective, &saved) == 0 && real == NOBODY && effective == NOBODY &&
           saved == NOBODY && getgid() == NOBODY && getgroups(0, NULL) == 0 &&
           syscall(SYS_setresuid, 0, 0, 0) < 0 && syscall(SYS_setresuid, -1, 0, -1) < 0;
}

static void with_it_there_is_no_way_back(void)
{
    char why[USER_WHY_BYTES] = "";

    if (geteuid() != 0) {
        printf("  skipped: only root becomes another user\n");
        return;
    }
    begin();
    CHECK(holds_as(0, becomes));
    CHECK_INT(plane_user_try(&nobody, folder, why), 0);
    CHECK_INT(chmod(folder, 0700), 0);
    CHECK_INT(plane_user_try(&nobody, folder, why), -EACCES);
    CHECK(strstr(why, "nobody, who cannot enter /tmp/test-user-"));
    finish();
}

static mode_t mode_of(const char *name)
{
    struct stat about;

    CHECK_INT(fstatat(folder_fd, name, &about, AT_SYMLINK_NOFOLLOW), 0);
    return about.st_mode & 07777;
}

static void make_file(const char *name, mode_t mode)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    CHECK_INT(fchmod(fd, mode), 0);
    close(fd);
}

static void what_is_handed_over_only_its_owner_writes(void)
{
    uid_t own = geteuid();

    begin();
    CHECK_INT(mkdirat(folder_fd, "tree", 0700), 0);
    CHECK_INT(mkdirat(folder_fd, "tree/inner", 0777), 0);
    make_file("tree/inner/text", 0666);
    make_file("tree/program", 04755);
    make_file("outside", 0600);
    CHECK_INT(symlinkat("../outside", folder_fd, "tree/link"), 0);
    CHECK_INT(files_hand_over(folder_fd, "tree", own, own), 0);
    CHECK_INT(mode_of("tree"), 0755);
    CHECK_INT(mode_of("tree/inner"), 0755);
    CHECK_INT(mode_of("tree/inner/text"), 0644);
    CHECK_INT(mode_of("tree/program"), 0755);
    CHECK_INT(mode_of("outside"), 0600);
    CHECK_INT(files_hand_over(folder_fd, "tree", own + 1, own), -EPERM);
    CHECK_INT(mkfifoat(folder_fd, "tree/inner/pipe", 0600), 0);
    CHECK_INT(files_hand_over(folder_fd, "tree", own, own), -EINVAL);
    finish();
}

static void a_gate_is_one_groups_until_another_needs_it(void)
{
    gid_t own = getegid();

    if (geteuid() != 0) {
        printf("  skipped: only root gives a folder to another group\n");
        return;
    }
    begin();
    CHECK_INT(mkdirat(folder_fd, "gate", 0700), 0);
    int gate = openat(folder_fd, "gate", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_INT(files_open_gate(gate, NOBODY), 0);
    CHECK_INT(mode_of("gate"), 0710);
    CHECK_INT(files_open_gate(gate, NOBODY), 0);
    CHECK_INT(mode_of("gate"), 0710);
    CHECK_INT(files_open_gate(gate, own), 0);
    CHECK_INT(mode_of("gate"), 0711);
    close(gate);
    finish();
}

int main(void)
{
    RUN(without_privilege_nothing_is_started);
    RUN(with_it_there_is_no_way_back);
    RUN(what_is_handed_over_only_its_owner_writes);
    RUN(a_gate_is_one_groups_until_another_needs_it);
    return test_end();
}

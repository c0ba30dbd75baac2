#include "plane/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NO_ENTRY = 255 /* no errno */ };

/* What is done to processes and files of another user. */
static const struct {
    unsigned number;
    const char *name;
} needed[] = {
    {CAP_SETUID, "CAP_SETUID"}, {CAP_SETGID, "CAP_SETGID"}, {CAP_CHOWN, "CAP_CHOWN"},
    {CAP_FOWNER, "CAP_FOWNER"}, {CAP_KILL, "CAP_KILL"},     {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"},
};

static struct __user_cap_header_struct this_process(void)
{
    return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

/* --- becoming */

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = this_process();
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return -errno;
    return 0;
}

/* Asked of the kernel, not concluded from what the calls have said. */
static bool has_become(const struct plane_user *u)
{
    struct __user_cap_header_struct header = this_process();
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3];
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) < 0 || syscall(SYS_capget, &header, now) < 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (uids[i] != u->uid || gids[i] != u->gid)
            return false;
    }
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        if (now[i].effective || now[i].permitted || now[i].inheritable)
            return false;
    }
    return getgroups(0, NULL) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

int plane_user_become(const struct plane_user *u)
{
    if (u->uid == 0 || u->uid == geteuid())
        return -EINVAL;
    /* The calls themselves: the library's wait for threads that a child does not have. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0 ||
        syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
        return -errno;
    int r = drop_capabilities();
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return has_become(u) ? 0 : -EPERM;
}

/* --- trying */

static const char *missing_capability(void)
{
    struct __user_cap_header_struct header = this_process();
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, now) < 0)
        return needed[0].name;
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++) {
        if (!(now[CAP_TO_INDEX(needed[i].number)].effective & CAP_TO_MASK(needed[i].number)))
            return needed[i].name;
    }
    return NULL;
}

/* What a child of this process that becomes the user can do: 0, its errno, or EXIT_NO_ENTRY. */
static int try_in_child(const struct plane_user *u, const char *folder)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int r = plane_user_become(u);

        if (r < 0)
            _exit(-r);
        _exit(access(folder, X_OK) < 0 ? EXIT_NO_ENTRY : 0);
    }
    if (pid < 0)
        return errno;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

int plane_user_try(const struct plane_user *u, const char *folder, char ret_why[USER_WHY_BYTES])
{
    const char *missing = missing_capability();

    if (u->uid == geteuid() || u->uid == 0) {
        snprintf(ret_why, USER_WHY_BYTES,
                 "its packages are to run as %s, which is %s: name a user of their own", u->name,
                 u->uid ? "the user that Ambit runs as" : "no user with fewer rights");
        return -EINVAL;
    }
    if (missing) {
        snprintf(ret_why, USER_WHY_BYTES,
                 "its packages are to run as %s, and Ambit may not start anything as another user: "
                 "it is not root and has no %s",
                 u->name, missing);
        return -EPERM;
    }
    int failure = try_in_child(u, folder);
    if (failure == EXIT_NO_ENTRY)
        snprintf(ret_why, USER_WHY_BYTES,
                 "its packages are to run as %s, who cannot enter %s: one of the folders above it "
                 "is closed to others",
                 u->name, folder);
    else if (failure)
        snprintf(ret_why, USER_WHY_BYTES, "its packages are to run as %s, which failed: %s",
                 u->name, strerrordesc_np(failure));
    return failure == EXIT_NO_ENTRY ? -EACCES : -failure;
}

/* --- looking */

void plane_user_look_as(struct plane_user_look *look, uid_t uid, gid_t gid)
{
    *look = (struct plane_user_look){.uid = geteuid(),
                                     .gid = getegid(),
                                     .dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
                                     .parent = getppid()};
    prctl(PR_GET_PDEATHSIG, &look->death_signal);
    setfsgid(gid);
    setfsuid(uid);
}

/* The change takes what ties a process to its parent, and a parent may have gone meanwhile. */
void plane_user_look_back(const struct plane_user_look *look)
{
    setfsuid(look->uid);
    setfsgid(look->gid);
    prctl(PR_SET_DUMPABLE, look->dumpable, 0, 0, 0);
    if (!look->death_signal)
        return;
    prctl(PR_SET_PDEATHSIG, look->death_signal);
    if (getppid() != look->parent)
        kill(getpid(), look->death_signal);
}

#pragma once

/*
 * Who packages and their builds run as, where that is not Ambit's own user: a user of the machine,
 * with its primary group and no others, and without any way back. All or nothing: a process that
 * was asked to be another and cannot be it does not go on.
 */

#include <sys/types.h>

enum { USER_WHY_BYTES = 512 };

struct plane_user {
    const char *name; /* NULL or "" : Ambit's own, and the numbers mean nothing */
    uid_t uid;
    gid_t gid;
};

static inline int plane_user_is_set(const struct plane_user *u)
{
    return u->name && u->name[0];
}

/* In a child, for good: this process is that user, has no capabilities, and nothing that it
 * executes gains any (no_new_privs). 0, or a negative errno: then it has to end. System calls
 * only. */
int plane_user_become(const struct plane_user *u);

/* Whether it can be done, and the user then gets into `folder`: 0, or a negative errno and a
 * sentence. */
int plane_user_try(const struct plane_user *u, const char *folder, char ret_why[USER_WHY_BYTES]);

/* For looking into /proc/PID of a process of another user where there is no CAP_SYS_PTRACE, as in a
 * container: this thread reads files as that user until plane_user_look_back. */
struct plane_user_look {
    uid_t uid;
    gid_t gid;
    int dumpable, death_signal;
    pid_t parent;
};
void plane_user_look_as(struct plane_user_look *look, uid_t uid, gid_t gid);
void plane_user_look_back(const struct plane_user_look *look);

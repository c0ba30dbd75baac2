#include "base/secrecy.h"
#include "unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* A user without rights over others, whoever runs this: then dumpable as any program begins. */
static void become_nobody(void)
{
    if (getuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        abort();
    prctl(PR_SET_DUMPABLE, 1);
}

static pid_t start(void (*prepare)(void))
{
    int ready[2];
    char byte;

    CHECK_INT(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody();
        if (prepare)
            prepare();
        if (write(ready[1], "R", 1) == 1)
            pause();
        _exit(1);
    }
    CHECK_INT(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static bool can_be_seen(pid_t of, const char *what)
{
    char path[64];
    int status;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)of, what);
    pid_t pid = fork();
    if (pid == 0) {
        become_nobody();
        _exit(open(path, O_RDONLY) < 0);
    }
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void the_same_user_sees_nothing(void)
{
    static const char *const files[] = {"environ", "mem", "maps", "fd"};
    pid_t open_one = start(NULL), closed_one = start(secrecy_begin);

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        CHECK(can_be_seen(open_one, files[i]));
        CHECK_INT(can_be_seen(closed_one, files[i]), !SECRECY_HOLDS);
    }
    end(open_one);
    end(closed_one);
}

int main(void)
{
    RUN(the_same_user_sees_nothing);
    return test_end();
}

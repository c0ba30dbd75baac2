#include "plane/builder.h"

#include "base/mem.h"
#include "package/archive.h"
#include "plane/files.h"
#include "plane/process_tree.h"
#include "plane/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Last of all, and only when everything else is on the disk: so it is there only where that is. */
#define BUILT_FILE "built"

static volatile sig_atomic_t told_to_end;

static void on_term(int signal_number)
{
    (void)signal_number;
    told_to_end = 1;
}

static int fail(const char *what, const char *why)
{
    printf("build failed: %s: %s\n", what, why);
    return -EIO;
}

/* The signal of a parent's death is one that can be handled, for what pip and others have started
 * has to end as well. Whoever made this process may be gone before it asks for that. */
static bool tie_to_parent(void)
{
    const struct sigaction action = {.sa_handler = on_term}; /* no SA_RESTART */
    pid_t parent = getppid();

    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent;
}

static int lock(int folder)
{
    int fd = openat(folder, FILES_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return fail("its folder cannot be locked", strerrordesc_np(errno));
    return fd;
}

static int unpack(const struct builder_options *options, const char *package)
{
    struct package_about about;
    struct package_error error = {""};
    int archive = open(options->archive, O_RDONLY | O_CLOEXEC);

    if (archive < 0)
        return fail("the archive cannot be opened", strerrordesc_np(errno));
    int r = package_unpack(archive, package, NULL, &about, &error);
    close(archive);
    if (r != PACKAGE_FINE)
        return fail("the archive cannot be unpacked",
                    error.message[0] ? error.message : strerrordesc_np(r < 0 ? -r : EINVAL));
    printf("unpacked %u files, %llu bytes\n", about.files, (unsigned long long)about.content_bytes);
    return 0;
}

/* Until it ends, or this process has to. */
static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        if (told_to_end)
            break;
    }
    while (process_tree_kill() > 0 && waitpid(-1, NULL, 0) > 0)
        ;
    return told_to_end || !WIFEXITED(status) ? -EINTR : -WEXITSTATUS(status);
}

/* --- the Python environment */

/* For those of a build alone: what one leaves in a home, another would take for its own. */
#define HOME_FOLDER "home"

static int give(const struct builder_options *options, int folder)
{
    const struct plane_user *u = &options->user;
    int r = files_hand_over(folder, "package", geteuid(), u->uid);

    for (size_t i = 0; r == 0 && i < 2; i++) {
        const char *name = ((const char *[]){"venv", HOME_FOLDER})[i];

        r = files_share_folder(folder, name, 0700);
        if (r == 0)
            r = files_hand_over(folder, name, geteuid(), u->uid);
    }
    if (r == 0)
        r = files_open_gate(folder, u->gid);
    return r < 0 ? fail("its folders cannot be given to the plane's user", strerrordesc_np(-r)) : 0;
}

static int take_back(const struct builder_options *options, int folder)
{
    static const char *const names[] = {"package", "venv"};
    uid_t from = plane_user_is_set(&options->user) ? options->user.uid : geteuid();
    int r = files_remove_tree(folder, HOME_FOLDER);

    for (size_t i = 0; r == 0 && i < COUNT_OF(names); i++) {
        if (faccessat(folder, names[i], F_OK, 0) == 0)
            r = files_hand_over(folder, names[i], options->runner[0] ? from : geteuid(), geteuid());
    }
    return r < 0 ? fail("what it has made cannot be taken over", strerrordesc_np(-r)) : 0;
}

/* This process's own, with another home. */
static const char **environment_of_user(const char *home)
{
    size_t n = 0, at = 0;

    while (environ[n])
        n++;
    const char **env = mem_zalloc((n + 2) * sizeof(*env));
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(str_of(environ[i]), STR("HOME=")))
            env[at++] = environ[i];
    }
    env[at] = home;
    return env;
}

static int make_environment(const struct builder_options *options, const char *package,
                            const char *venv)
{
    char home[PATH_MAX];
    const char **env CLEANUP_FREE = NULL;
    char python[PATH_MAX], why[WORKLOAD_WHY_BYTES];
    pid_t pid;

    snprintf(python, sizeof(python), "%s/.venv/bin/python", options->runner);
    if (access(python, X_OK) < 0)
        return fail("the runner is not set up (scripts/setup.sh runner)", python);
    const char *const argv[] = {python, "-m", "ambit_runner", "build", package, venv, NULL};
    if (plane_user_is_set(&options->user)) {
        snprintf(home, sizeof(home), "HOME=%s/" HOME_FOLDER, options->folder);
        env = environment_of_user(home);
    }
    const struct workload w = {.argv = argv,
                               .env = env ? env : (const char *const *)environ,
                               .directory = options->folder,
                               .cgroup = "",
                               .user = options->user,
                               .output_fd = STDOUT_FILENO};
    fflush(stdout);
    if (workload_start(&w, &pid, why) < 0)
        return fail("the runner cannot be started", why);
    return wait_for(pid);
}

/* An environment has tens of thousands of files: one call for all of them. */
static int mark_built(int folder)
{
    int r = files_sync(folder);

    if (r == 0)
        r = files_write_durably(folder, BUILT_FILE, STR(""));
    return r < 0 ? fail("its folder cannot be written", strerrordesc_np(-r)) : 0;
}

static int build(const struct builder_options *options, int folder)
{
    char package[PATH_MAX], venv[PATH_MAX];
    int r;

    snprintf(package, sizeof(package), "%s/package", options->folder);
    snprintf(venv, sizeof(venv), "%s/venv", options->folder);
    if (faccessat(folder, BUILT_FILE, F_OK, 0) == 0) {
        printf("it is built already\n");
        return 0;
    }
    r = files_remove_tree(folder, "package");
    if (r == 0)
        r = files_remove_tree(folder, "venv");
    if (r == 0)
        r = files_remove_tree(folder, HOME_FOLDER);
    if (r < 0)
        return fail("an earlier build cannot be deleted", strerrordesc_np(-r));
    r = unpack(options, package);
    if (r == 0 && options->runner[0] && plane_user_is_set(&options->user))
        r = give(options, folder);
    if (r == 0 && options->runner[0])
        r = make_environment(options, package, venv);
    if (r == 0)
        r = take_back(options, folder);
    return r == 0 ? mark_built(folder) : r;
}

int builder_main(const struct builder_options *options)
{
    int folder = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = folder < 0 ? fail(options->folder, strerrordesc_np(errno)) : 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (r == 0 && !tie_to_parent())
        r = fail("the plane", "it is gone");
    if (r == 0 && lock(folder) < 0)
        r = -EIO;
    if (r == 0)
        r = build(options, folder);
    fflush(stdout);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#include "control/runner_path.h"

#include "base/mem.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static bool holds_runner(const char *folder)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/ambit_runner/__init__.py", folder);

    return n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0;
}

/* The folder that the program's own file lies in; "" if that cannot be told. */
static void own_folder(char *ret_folder, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", ret_folder, size - 1);

    while (n > 0 && ret_folder[n - 1] != '/')
        n--;
    ret_folder[n > 0 ? n : 0] = '\0';
}

void runner_path_find(char *ret_path, size_t size)
{
    static const char *const beside[] = {"../runner", "../share/ambit/runner"};
    char folder[PATH_MAX];

    own_folder(folder, sizeof(folder));
    for (size_t i = 0; i < COUNT_OF(beside) && folder[0]; i++) {
        snprintf(ret_path, size, "%s%s", folder, beside[i]);
        if (holds_runner(ret_path))
            return;
    }
    snprintf(ret_path, size, "%s", AMBIT_RUNNER_DIR);
    if (!holds_runner(ret_path))
        ret_path[0] = '\0';
}

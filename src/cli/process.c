#include "cli/process.h"

#include "base/secrecy.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void process_begin(const char *name)
{
    struct rlimit files;
    /* One byte, not none: the kernel ignores a limit of 0 where dumps go to a program (core(5)),
     * takes 1 as "no dump" there, and writes no file that is smaller than a header. */
    const struct rlimit core = {1, 1};

    prctl(PR_SET_NAME, name);
    setrlimit(RLIMIT_CORE, &core);
    secrecy_begin();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

#include "plane/cgroup.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "plane/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { CPU_PERIOD_US = 100000, CPU_MIN_US = 1000, FILE_MAX = 64 << 10 };

static int open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* -ENOENT where the file is not there: the controller is not offered. */
static int write_value(int folder, const char *name, const char *value)
{
    int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, value, strlen(value)) < 0)
        r = -errno;
    close(fd);
    return r;
}

/* A limit that is expected and does not hold should be known of. */
static int offer(int folder, const char *path, const char *controller)
{
    char value[32];

    snprintf(value, sizeof(value), "+%s", controller);
    int r = write_value(folder, "cgroup.subtree_control", value);
    if (r != -ENOENT && r != -EINVAL)
        return r;
    log_event(LOG_WARN, "plane_limit_unavailable", LOG_STR("cgroup", str_of(path)),
              LOG_STR("controller", str_of(controller)));
    return 0;
}

int cgroup_prepare(const char *path)
{
    static const char *const controllers[] = {"memory", "cpu"};
    struct statfs about;
    int folder = open_folder(path);
    int r = 0;

    if (folder < 0)
        return folder;
    if (fstatfs(folder, &about) < 0 || about.f_type != CGROUP2_SUPER_MAGIC)
        r = -EINVAL;
    if (r == 0 && faccessat(folder, "cgroup.procs", W_OK, 0) < 0)
        r = -errno;
    for (size_t i = 0; r == 0 && i < COUNT_OF(controllers); i++)
        r = offer(folder, path, controllers[i]);
    close(folder);
    return r;
}

static int set_limits(int folder, uint64_t memory_bytes, uint32_t cpu_milli)
{
    char value[64];
    int r = 0;

    if (memory_bytes) {
        snprintf(value, sizeof(value), "%llu", (unsigned long long)memory_bytes);
        r = write_value(folder, "memory.max", value);
        /* A model in swap serves nobody. */
        if (r == 0)
            write_value(folder, "memory.swap.max", "0");
    }
    if (cpu_milli && (r == 0 || r == -ENOENT)) {
        uint64_t quota_us = (uint64_t)cpu_milli * CPU_PERIOD_US / 1000;

        snprintf(value, sizeof(value), "%llu %d",
                 (unsigned long long)(quota_us < CPU_MIN_US ? CPU_MIN_US : quota_us),
                 CPU_PERIOD_US);
        r = write_value(folder, "cpu.max", value);
    }
    return r == -ENOENT ? 0 : r;
}

int cgroup_make(const char *path, uint64_t memory_bytes, uint32_t cpu_milli, int *ret_procs_fd)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    int folder = open_folder(path);
    if (folder < 0)
        return folder;
    int r = set_limits(folder, memory_bytes, cpu_milli);
    int procs = r == 0 ? openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
    if (r == 0 && procs < 0)
        r = -errno;
    close(folder);
    if (r == 0)
        *ret_procs_fd = procs;
    return r;
}

bool cgroup_was_out_of_memory(const char *path)
{
    struct buf text CLEANUP(buf_deinit);
    int folder = open_folder(path);
    bool killed = false;

    buf_init(&text, 0);
    if (folder < 0)
        return false;
    if (files_read(folder, "memory.events", FILE_MAX, &text) == 0) {
        for (str rest = buf_str(&text); rest.n;) {
            str line = str_cut(&rest, '\n');

            killed |= str_starts(line, STR("oom_kill ")) && !str_eq(line, STR("oom_kill 0"));
        }
    }
    close(folder);
    return killed;
}

int cgroup_end(const char *path)
{
    int folder = open_folder(path);

    if (folder < 0)
        return folder == -ENOENT ? 0 : folder;
    write_value(folder, "cgroup.kill", "1");
    close(folder);
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

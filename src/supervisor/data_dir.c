#include "supervisor/data_dir.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int report(const char *event, const char *path, int error)
{
    log_event(LOG_ERROR, event, LOG_STR("path", str_of(path)),
              LOG_STR("why", str_of(strerror(error))));
    return -error;
}

static int write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) < 0)
        return -errno;
    return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -EIO;
}

int data_dir_lock(const char *path)
{
    char file[PATH_MAX];
    int length = snprintf(file, sizeof(file), "%s/supervisor.pid", path);

    if (length < 0 || (size_t)length >= sizeof(file))
        return report("data_dir_unusable", path, ENAMETOOLONG);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return report("data_dir_unusable", path, errno);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return report("data_dir_unusable", path, errno);
    int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    if (!error)
        error = -write_pid(fd);
    if (!error)
        return fd;
    close(fd);
    return report(error == EWOULDBLOCK ? "data_dir_in_use" : "data_dir_unusable", path, error);
}

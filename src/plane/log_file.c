#include "plane/log_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void log_file_init(struct log_file *f, const char *path, size_t limit_bytes)
{
    *f = (struct log_file){.path = str_dup(str_of(path)), .fd = -1, .limit = limit_bytes};
}

static void close_file(struct log_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

void log_file_deinit(struct log_file *f)
{
    close_file(f);
    mem_free(TAKE(f->path));
}

static void open_file(struct log_file *f)
{
    struct stat about;

    f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    f->bytes = f->fd >= 0 && fstat(f->fd, &about) == 0 ? (size_t)about.st_size : 0;
}

static void name_older(const struct log_file *f, unsigned age, char ret_path[PATH_MAX])
{
    if (age == 0)
        snprintf(ret_path, PATH_MAX, "%s", f->path);
    else
        snprintf(ret_path, PATH_MAX, "%s.%u", f->path, age);
}

static void rotate(struct log_file *f)
{
    char from[PATH_MAX], to[PATH_MAX];

    close_file(f);
    for (unsigned age = LOG_FILE_OLDER; age > 0; age--) {
        name_older(f, age - 1, from);
        name_older(f, age, to);
        rename(from, to);
    }
    open_file(f);
}

void log_file_append(struct log_file *f, str line)
{
    ssize_t n;

    if (f->fd < 0)
        open_file(f);
    if (f->fd >= 0 && f->bytes > 0 && f->bytes + line.n > f->limit)
        rotate(f);
    do
        n = f->fd < 0 ? -1 : write(f->fd, line.p, line.n);
    while (n < 0 && f->fd >= 0 && errno == EINTR);
    f->bytes += n > 0 ? (size_t)n : 0;
    if (n != (ssize_t)line.n)
        f->dropped++;
}

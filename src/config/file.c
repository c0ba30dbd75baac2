#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10 };

static int read_all(int fd, struct buf *to)
{
    char piece[READ_BYTES];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        buf_put(to, piece, (size_t)n);
        if (to->overflow)
            return -EFBIG;
    }
}

int file_read(const char *path, struct buf *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int e;

    if (fd < 0)
        return -errno;
    e = read_all(fd, to);
    close(fd);
    return e;
}

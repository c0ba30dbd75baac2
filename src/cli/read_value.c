#include "cli/read_value.h"

#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_BYTES = 4096 };

/* Up to its end; -EFBIG for more than a secret can have. */
static int read_all(int file, struct buf *to)
{
    ssize_t got = 1;

    while (got > 0 && to->n <= READ_VALUE_MAX_BYTES) {
        char *room = buf_reserve(to, READ_BYTES);

        got = read(file, room, READ_BYTES);
        if (got < 0)
            return -errno;
        to->n += (size_t)got;
    }
    return to->n > READ_VALUE_MAX_BYTES ? -EFBIG : 0;
}

int read_value(const char *command, const char *path, struct buf *ret_value)
{
    bool standard = !strcmp(path, "-");
    int file = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

    /* All of it at once: no copy of a secret is left behind by growing. */
    buf_init(ret_value, 0);
    buf_reserve(ret_value, READ_VALUE_MAX_BYTES + 2 * READ_BYTES);
    int e = file < 0 ? -errno : read_all(file, ret_value);
    if (!standard && file >= 0)
        close(file);
    if (ret_value->n && ret_value->p[ret_value->n - 1] == '\n')
        ret_value->n--;
    if (e == -EFBIG)
        fprintf(stderr, "ambit %s: a value has at most %d bytes\n", command, READ_VALUE_MAX_BYTES);
    else if (e)
        fprintf(stderr, "ambit %s: %s: %s\n", command, standard ? "standard input" : path,
                strerror(-e));
    else if (ret_value->n == 0)
        fprintf(stderr, "ambit %s: the value is empty\n", command);
    return e || ret_value->n == 0 ? CLI_FAILED : CLI_OK;
}

void read_value_deinit(struct buf *value)
{
    explicit_bzero(value->p, value->capacity);
    buf_deinit(value);
}

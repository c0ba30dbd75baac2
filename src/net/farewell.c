#include "net/farewell.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A reader that takes nothing for so long gets no more. */
enum { FAREWELL_MS = 30 * 1000 };

struct farewell {
    struct loop_io io;
    struct loop *loop;
    struct loop_leftover leftover;
    struct deadline patience;
    struct buf unsent;
};

static void end(struct farewell *f)
{
    loop_remove(f->loop, &f->io);
    deadline_cancel(&f->patience);
    list_remove(&f->leftover.link);
    close(f->io.fd);
    buf_deinit(&f->unsent);
    mem_free(f);
}

static void on_event(struct loop_io *io, uint32_t events)
{
    struct farewell *f = container_of(io, struct farewell, io);
    ssize_t sent = send(io->fd, f->unsent.p, f->unsent.n, MSG_NOSIGNAL);

    (void)events; /* a reset is an error of send */
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0 || (size_t)sent == f->unsent.n) {
        end(f);
        return;
    }
    buf_drop(&f->unsent, (size_t)sent);
    deadline_set(f->loop, &f->patience, FAREWELL_MS);
}

static void on_patience(struct deadline *deadline)
{
    end(container_of(deadline, struct farewell, patience));
}

static void on_drop(struct loop_leftover *leftover)
{
    end(container_of(leftover, struct farewell, leftover));
}

void farewell_start(struct loop *loop, int fd, struct buf *unsent)
{
    struct farewell *f = mem_zalloc(sizeof(*f));

    *f = (struct farewell){
        .io = {.fd = fd, .on_event = on_event},
        .loop = loop,
        .leftover = {.drop = on_drop},
        .patience = {.on_expire = on_patience},
        .unsent = *unsent,
    };
    *unsent = (struct buf){0};
    loop_keep(loop, &f->leftover);
    deadline_set(loop, &f->patience, FAREWELL_MS);
    if (loop_add(loop, &f->io, EPOLLOUT) < 0)
        end(f);
}

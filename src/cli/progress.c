#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 30, LINE_STEP = 10 };

void progress_init(struct progress *p, const char *what, uint64_t bytes)
{
    *p = (struct progress){
        .what = what,
        .bytes = bytes,
        .form = isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_LINES,
    };
}

static void put_size(struct buf *to, uint64_t bytes)
{
    if (bytes < 1 << 20)
        buf_printf(to, "%llu KiB", (unsigned long long)(bytes + 1023) / 1024);
    else
        buf_printf(to, "%.1f MiB", (double)bytes / (1 << 20));
}

void progress_text(struct progress *p, uint64_t done, struct buf *to)
{
    unsigned percent = p->bytes ? (unsigned)(done * 100 / p->bytes) : 100;
    unsigned step = p->form == PROGRESS_BAR ? 1 : LINE_STEP;
    unsigned filled = percent * BAR_WIDTH / 100;

    if (percent / step == p->shown / step)
        return;
    p->shown = percent;
    if (p->form == PROGRESS_LINES) {
        buf_printf(to, "%s: %u %% of ", p->what, percent);
        put_size(to, p->bytes);
        buf_put_char(to, '\n');
        return;
    }
    buf_printf(to, "\r%s [%.*s%*s] %3u %% of ", p->what, (int)filled,
               "##############################", (int)(BAR_WIDTH - filled), "", percent);
    put_size(to, p->bytes);
    if (percent == 100)
        buf_put_char(to, '\n');
}

void progress_show(struct progress *p, uint64_t done)
{
    struct buf text;

    buf_init(&text, 0);
    progress_text(p, done, &text);
    fwrite(text.p, 1, text.n, stderr);
    fflush(stderr);
    buf_deinit(&text);
}

void progress_end(const struct progress *p)
{
    if (p->form == PROGRESS_BAR && p->shown > 0 && p->shown < 100)
        fprintf(stderr, "\n");
}

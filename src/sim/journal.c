#include "sim/journal.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "base/mem.h"

#include <pthread.h>
#include <unistd.h>

struct sim_journal {
    pthread_mutex_t lock;
    int fd;
    size_t keep, next; /* a ring of lines */
    struct buf *lines;
    uint64_t total;
};

struct sim_journal *sim_journal_new(size_t keep, int fd)
{
    struct sim_journal *j = mem_zalloc(sizeof(*j));

    pthread_mutex_init(&j->lock, NULL);
    j->fd = fd;
    j->keep = keep;
    j->lines = mem_zalloc((keep + 1) * sizeof(*j->lines));
    return j;
}

void sim_journal_free(struct sim_journal *j)
{
    for (size_t i = 0; i <= j->keep; i++)
        buf_deinit(&j->lines[i]);
    mem_free(j->lines);
    if (j->fd >= 0)
        close(j->fd);
    pthread_mutex_destroy(&j->lock);
    mem_free(j);
}

static void put_headers(struct json_out *j, const struct http_head *head)
{
    json_key(j, "headers");
    json_open_array(j);
    for (size_t i = 0; i < head->n_headers; i++)
        json_put_str(j, head->headers[i].name);
    json_close_array(j);
}

static void render_entry(const struct sim_entry *e, struct buf *to)
{
    char when[CLOCK_RFC3339_LEN];
    struct json_out j;

    clock_format_rfc3339(clock_wall_ns(), when);
    json_out_init(&j, to);
    json_open_object(&j);
    json_member_str(&j, "time", str_make(when, sizeof(when)));
    json_member_str(&j, "region", e->region);
    json_member_u64(&j, "port", e->port);
    json_member_str(&j, "method", e->head->method_text);
    json_member_str(&j, "target", e->head->target);
    json_member_str(&j, "request_id", http_head_value(e->head, HTTP_HEADER_X_REQUEST_ID));
    put_headers(&j, e->head);
    json_member_u64(&j, "body_bytes", e->body.n);
    json_member_str(&j, "body", str_upto(e->body, SIM_JOURNAL_BODY_MAX));
    json_member_u64(&j, "status", e->status);
    json_member_str(&j, "fault", e->fault);
    json_close_object(&j);
}

static void append_to_file(int fd, str line)
{
    while (line.n) {
        ssize_t n = write(fd, line.p, line.n);

        if (n <= 0)
            return;
        line = str_from(line, (size_t)n);
    }
}

void sim_journal_add(struct sim_journal *j, const struct sim_entry *entry)
{
    struct buf *line;

    if (j->keep == 0 && j->fd < 0)
        return;
    pthread_mutex_lock(&j->lock);
    line = &j->lines[j->next];
    buf_clear(line);
    render_entry(entry, line);
    if (j->fd >= 0) {
        buf_put_char(line, '\n');
        append_to_file(j->fd, buf_str(line));
        line->n--;
    }
    j->next = j->next + 1 < j->keep ? j->next + 1 : 0;
    j->total++;
    pthread_mutex_unlock(&j->lock);
}

void sim_journal_clear(struct sim_journal *j)
{
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i <= j->keep; i++)
        buf_clear(&j->lines[i]);
    j->next = 0;
    j->total = 0;
    pthread_mutex_unlock(&j->lock);
}

void sim_journal_render(struct sim_journal *j, struct buf *to)
{
    struct json_out out;

    json_out_init(&out, to);
    json_open_object(&out);
    pthread_mutex_lock(&j->lock);
    json_member_u64(&out, "total", j->total);
    json_key(&out, "requests");
    json_open_array(&out);
    for (size_t i = 0; i < j->keep; i++) {
        const struct buf *line = &j->lines[(j->next + i) % j->keep];

        if (line->n)
            json_put_raw(&out, buf_str(line));
    }
    pthread_mutex_unlock(&j->lock);
    json_close_array(&out);
    json_close_object(&out);
}

#include "base/log.h"

#include "base/clock.h"
#include "base/json_out.h"

#include <unistd.h>

static struct {
    const char *process;
    enum log_level least;
} log_config = {.process = "ambit", .least = LOG_INFO};

void log_init(const char *process, enum log_level least)
{
    log_config.process = process;
    log_config.least = least;
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    struct buf line;
    struct json_out j;
    char when[CLOCK_RFC3339_LEN];

    if (level < log_config.least)
        return;
    clock_format_rfc3339(clock_wall_ns(), when);
    buf_init(&line, 0);
    json_out_init(&j, &line);
    json_open_object(&j);
    json_member_str(&j, "time", str_make(when, sizeof(when)));
    json_member_str(&j, "level", str_of(level_names[level]));
    json_member_str(&j, "process", str_of(log_config.process));
    json_member_str(&j, "event", str_of(event));
    for (size_t i = 0; i < n; i++) {
        json_key(&j, fields[i].name);
        if (fields[i].text.p)
            json_put_str(&j, fields[i].text);
        else
            json_put_i64(&j, fields[i].number);
    }
    json_close_object(&j);
    buf_put_char(&line, '\n');
    /* One write a line, so that the lines of several processes never mix; a full pipe loses it
     * rather than waits. */
    ssize_t written = write(STDERR_FILENO, line.p, line.n);
    (void)written;
    buf_deinit(&line);
}

#pragma once

/*
 * The process's own log: one JSON object a line on standard error, for events that an operator
 * should see. Requests are logged elsewhere (edge/access_log). Never pass secrets or content.
 */

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *name;
    str text;       /* used where text.p is set */
    int64_t number; /* else this */
};

/* Which process speaks ("supervisor", "control", "edge", "cli"); set once at the start, before any
 * thread. */
void log_init(const char *process, enum log_level least);

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG_STR(field_name, value) ((struct log_field){.name = (field_name), .text = (value)})
#define LOG_NUM(field_name, value)                                                                 \
    ((struct log_field){.name = (field_name), .number = (int64_t)(value)})

/* log_event(LOG_WARN, "edge_exited", LOG_NUM("pid", pid), LOG_STR("why", STR("signal"))) */
#define log_event(level, event, ...)                                                               \
    log_write(level, event, (const struct log_field[]){__VA_ARGS__},                               \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

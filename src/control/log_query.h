#pragma once

/*
 * Lines of replicas' logs, as a query asks for them. The files are what planes write: one JSON
 * object a line, in logs/<deployment>/<replica>.log and its older parts. A query reads a bounded
 * number of bytes, newest files first; an answer that left some unread says so.
 */

#include "base/arena.h"
#include "base/str.h"

#include <jansson.h>
#include <regex.h>

enum {
    LOG_QUERY_TEXTS_MAX = 8,    /* of includes, of excludes */
    LOG_QUERY_TEXT_BYTES = 256, /* of each of them, and of the pattern */
    LOG_QUERY_LINES_MAX = 1000,
};

enum log_direction { LOG_OLDEST_FIRST, LOG_NEWEST_FIRST };
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVELS };

struct log_query {
    int64_t start_ns, end_ns;
    enum log_direction direction;
    size_t limit;
    enum log_level min_level;
    str replica, request_id; /* "" : any */
    const regex_t *pattern;  /* NULL: none */
    str includes[LOG_QUERY_TEXTS_MAX], excludes[LOG_QUERY_TEXTS_MAX];
    size_t n_includes, n_excludes;
};

/* "DEBUG", …; LOG_LEVELS for anything else. */
enum log_level log_level_of(str name);

/* NULL, or what is wrong with it. Back-references and counted repetitions are refused: they are
 * what makes matching expensive. */
const char *log_pattern_compile(str pattern, regex_t *ret_pattern);

/* {"logs": […], "truncated": …} of some deployments, a new reference. */
json_t *log_query_run(const struct log_query *query, const char *data_dir, const str *deployments,
                      size_t n_deployments);

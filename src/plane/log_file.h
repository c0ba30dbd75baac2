#pragma once

/*
 * One log on disk, of bounded size: NAME.log, and the older NAME.log.1 to NAME.log.3. A line that
 * cannot be written (the disk is full) is dropped and counted; a log never stops what it is about.
 */

#include "base/str.h"

enum { LOG_FILE_BYTES = 8 << 20, LOG_FILE_OLDER = 3 };

struct log_file {
    char *path;
    int fd; /* -1: could not be opened; tried again with the next line */
    size_t bytes;
    size_t limit;
    uint64_t dropped;
};

/* `limit_bytes` of each file. */
void log_file_init(struct log_file *f, const char *path, size_t limit_bytes);
void log_file_deinit(struct log_file *f);

/* `line` ends with a line feed. */
void log_file_append(struct log_file *f, str line);

#pragma once

/* A secret from a file or standard input, never from an argument: other users of the machine can
 * read those. */

#include "base/buf.h"

enum { READ_VALUE_MAX_BYTES = 64 << 10 };

/* Of the file, or of standard input for "-", without the line end that an editor or `echo` puts
 * behind it. CLI_OK, or CLI_FAILED after a message; deinit it in any case. */
int read_value(const char *command, const char *path, struct buf *ret_value);

/* Wipes it. */
void read_value_deinit(struct buf *value);

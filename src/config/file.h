#pragma once

/* Reading one file whole, up to a limit. */

#include "base/buf.h"

/* Appends the content of a regular file (or pipe) to `to`. Returns 0, -EFBIG if it does not fit
 * to->limit, or a negative errno. */
int file_read(const char *path, struct buf *to);

#pragma once

/* What every long-running process of Ambit does first: takes its name in process lists (an image
 * executed through a descriptor has none), raises its limit of open descriptors to what it may have
 * (a stream costs two), and makes sure that no core dump holds content or secrets and that no other
 * process of the same user reads them. */
void process_begin(const char *name);

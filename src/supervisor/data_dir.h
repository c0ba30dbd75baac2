#pragma once

/* The data directory belongs to one server at a time: supervisor.pid in it is locked as long as its
 * supervisor lives, and holds the supervisor's process id. */

/* Makes the directory if it is missing, takes the lock, writes the pid. Returns the locked
 * descriptor (close-on-exec), or a negative errno after a log line. */
int data_dir_lock(const char *path);

#pragma once

/*
 * A replica's folder, replicas/<id>: what the plane and the replica's shim tell each other. The
 * lock says who runs: the shim inherits it, locked, from the plane and holds it until its end, so
 * no process id has to be trusted. Small files are replaced whole, by renaming.
 */

#include "base/buf.h"

#include <sys/types.h>

#define FILES_SPEC   "spec.json" /* from the plane, before it starts a shim */
#define FILES_LOCK   "lock"
#define FILES_PID    "pid"                /* of the shim, once it runs */
#define FILES_STATUS "status"             /* "started", "ready [in MARK ENV]", "not_ready WHY" */
#define FILES_TOLD   "config/environment" /* that the package is told */
#define FILES_EXIT   "exit"               /* why it ended; the last that a shim writes */
#define FILES_LOG    "shim.log"

enum { FILES_WORD_MAX = 4096 };

/* 0 or a negative errno. */
int files_write(int folder, const char *name, str content);

/* The same, and no crash of the machine takes it back. What is to be true wherever the file is has
 * to be durable before: files_sync. */
int files_write_durably(int folder, const char *name, str content);

/* All that was ever written to the file system of the folder is durable: 0 or a negative errno. */
int files_sync(int folder);

/* At most `max` bytes; -EFBIG for more. */
int files_read(int folder, const char *name, size_t max, struct buf *to);

/* What tells a file from the one that takes its place, or did: "-" where there is none. */
enum { FILES_MARK_BYTES = 48 };
void files_mark(int folder, const char *name, char ret_mark[FILES_MARK_BYTES]);

/* Makes the folder (0700) and its parents where they are missing: 0 or a negative errno. */
int files_make_folder(const char *path);

/* The same, for everyone who gets into the folder to read. */
int files_write_shared(int folder, const char *name, str content);

/* Makes name/ in the folder with this mode, whatever it was before, or gives it another one. */
int files_share_folder(int parent, const char *name, mode_t mode);

/* A folder that this group may pass through, which sees no list of it, and nobody else. Where
 * another group may already, everyone may from then on. */
int files_open_gate(int folder, gid_t group);

/* All of a tree becomes `to`'s, who alone may write it; whoever gets to it may read it. All of it
 * has to be `from`'s before, and plain files, folders and links: -EPERM or -EINVAL otherwise. */
int files_hand_over(int parent, const char *name, uid_t from, uid_t to);

/* Deletes a folder with all that is in it, never following a link. What is not there is fine. */
int files_remove_tree(int parent, const char *name);

/* A name that may be a part of a path: letters, digits, '-', '_' and '.', not first. */
bool files_is_name(str name);

#pragma once

/*
 * Names in a package: paths that stay inside of it, whatever an archive says. A symbolic link is
 * safe where its target is relative, goes up only at its beginning, and no further than the
 * package's folder: going up from a folder that was really made is the same in the text and on the
 * disk, which going up behind another link would not be.
 */

#include "base/str.h"

enum {
    ENTRY_NAME_MAX = 1024,     /* bytes of a path */
    ENTRY_COMPONENT_MAX = 255, /* bytes between two slashes */
    ENTRY_MAX_DEPTH = 32,      /* components */
    ENTRY_NAME_BYTES = ENTRY_NAME_MAX + 1,
};

enum entry_name {
    ENTRY_NAME_FINE,
    ENTRY_NAME_EMPTY,
    ENTRY_NAME_ABSOLUTE,
    ENTRY_NAME_LEAVES, /* ".." */
    ENTRY_NAME_LONG,
    ENTRY_NAME_DEEP,
    ENTRY_NAME_CHARACTERS, /* not UTF-8, or control characters */
};

/* Leaves the plain form in ret_name, NUL-terminated: without ".", doubled slashes and a slash at
 * the end. It is "" for the package's folder itself. */
enum entry_name entry_name_read(str name, char ret_name[ENTRY_NAME_BYTES]);

/* "is absolute", "leads out of the package with .." and so on. */
const char *entry_name_fault(enum entry_name fault);

/* Whether a symbolic link at `name` (in plain form) may have that target. */
bool entry_link_stays(str name, str target);

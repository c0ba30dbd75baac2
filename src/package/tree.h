#pragma once

/* A folder with all that is in it, by its path. Links are never followed. */

/* Removes it. 0, also where there is none, or the first negative errno; what can be removed is. */
int tree_remove(const char *folder);

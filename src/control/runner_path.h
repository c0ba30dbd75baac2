#pragma once

#include <stddef.h>

/* The folder of the runner that came with this program: beside its folder (`runner` next to a build
 * folder, `share/ambit/runner` next to `bin`), else where it was built from. "" if it is in none of
 * them. */
void runner_path_find(char *ret_path, size_t size);

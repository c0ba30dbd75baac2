#pragma once

#include "plane/user.h"

/*
 * `ambit build`: turns an archive into something that can be started, in a process of its own,
 * since that takes as long as it takes. Its output is the build log; the last line of a build that
 * failed says why. Started by a plane, it ends with it, and so does what it has started. Two never
 * work on one folder: the second one waits.
 *
 * What the package itself determines, which is all that pip does, runs as the plane's user. Until
 * that has ended, and no longer, package/ and venv/ belong to that user; then nobody but this one
 * writes them, and whoever gets into the folder reads them.
 */

struct builder_options {
    const char *folder;  /* deployments/<id>: package/ and venv/ are made in it */
    const char *archive; /* .tar.gz */
    const char *runner;  /* folder of the runner; "" : no Python environment is made */
    struct plane_user user;
};

/* The exit status: 0, or 1. Nothing is done where an earlier one was finished already. */
int builder_main(const struct builder_options *options);

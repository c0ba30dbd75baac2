#pragma once

/* What packing and unpacking share. */

#include "base/str.h"
#include "package/archive.h"

/* Fills in the message; returns PACKAGE_REFUSED. */
int package_refuse(struct package_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fills in "doing NAME: what errno says"; returns the negative errno. */
int package_fail(struct package_error *error, int negative_errno, const char *doing,
                 const char *name);

/* A name in a message: control characters replaced, cut; in a buffer of that size. */
enum { PACKAGE_SHOWN_BYTES = 160 };
const char *package_show(str name, char to[PACKAGE_SHOWN_BYTES]);

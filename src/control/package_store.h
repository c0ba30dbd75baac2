#pragma once

/*
 * Packages that were uploaded: packages/<SHA-256>.tar.gz in the data directory. One is written
 * beside its place and comes there whole, so whoever finds a package finds all of it. The name is
 * made from the content, so that the same package twice is one file. Whose it is and how long it is
 * kept says the fleet; a file that the fleet does not know any more is removed after that is
 * durable, at the latest when control starts again.
 */

#include "fleet/fleet.h"

/* 64 lower-case hexadecimal digits. */
bool package_store_is_name(str sha256);
bool package_store_has(const char *data_dir, str sha256);

/* Removes files that are no package of the fleet's and that no deployment is made from. */
void package_store_sweep(const char *data_dir, const struct fleet *f);
/* The same at the start, when uploads that were cut off go as well. */
void package_store_clean(const char *data_dir, const struct fleet *f);

struct package_upload;

/* NULL, logged, if no file can be made. */
struct package_upload *package_upload_new(const char *data_dir);
/* Whatever was not finished goes away. */
void package_upload_free(struct package_upload *u);

/* 0 or a negative errno. */
int package_upload_write(struct package_upload *u, str bytes);

/* Makes it durable and puts it in its place. 0 or a negative errno. */
enum { PACKAGE_NAME_BYTES = 65 };
int package_upload_finish(struct package_upload *u, char ret_sha256[PACKAGE_NAME_BYTES]);

uint64_t package_upload_bytes(const struct package_upload *u);

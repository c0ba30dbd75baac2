#pragma once

/*
 * Packages in transit: a folder as one .tar.gz and back.
 *
 * Packing is deterministic: entries by name, no times, no owners, modes 0644 and 0755, so that
 * equal folders make equal archives and SHA-256 names a package. What ignore.h leaves out, and what
 * the folder's own .truss_ignore does, is not in it.
 *
 * Unpacking trusts nothing in the archive. Numbers and sizes are bounded before anything is
 * written, names that leave the package are refused (entry_name.h), as are devices, pipes, sockets,
 * sparse files, and a name that comes twice. No link is ever followed: files go where real folders
 * lead, and symbolic links are made last. Everything belongs to this process's user with modes 0700
 * and 0600, 0700 where a file was executable. It is unpacked beside the folder and renamed into
 * place when it is complete, so a folder is there wholly or not at all; what a crash leaves has
 * ".partial-" in its name.
 *
 * These functions read and write files for as long as that takes: not for an event loop's thread.
 */

#include <stdint.h>

enum { PACKAGE_ERROR_BYTES = 512, PACKAGE_SHA256_BYTES = 65 };

struct package_limits {
    uint64_t archive_bytes; /* compressed */
    uint64_t content_bytes; /* of all files */
    uint32_t entries;       /* files, folders and links */
};

/* 2 GiB, 8 GiB, 20,000. */
extern const struct package_limits package_limits_default;

struct package_about {
    char sha256[PACKAGE_SHA256_BYTES]; /* of the archive, hexadecimal */
    uint64_t archive_bytes;
    uint64_t content_bytes;
    uint32_t entries;
    uint32_t files;
};

/* One sentence with the name that it is about. */
struct package_error {
    char message[PACKAGE_ERROR_BYTES];
};

enum package_result {
    PACKAGE_FINE,
    PACKAGE_REFUSED, /* the folder or archive is at fault */
};

/* Each returns PACKAGE_FINE, PACKAGE_REFUSED or a negative errno of this machine; *ret_error is
 * filled in but for the first. `limits` NULL: package_limits_default. */

/* `archive` is an empty file, open for reading and writing. */
int package_pack(const char *folder, int archive, const struct package_limits *limits,
                 struct package_about *ret_about, struct package_error *ret_error);

/* `archive` is read from its beginning; `folder` must not be there, but what it lies in. -EEXIST if
 * it is there. */
int package_unpack(int archive, const char *folder, const struct package_limits *limits,
                   struct package_about *ret_about, struct package_error *ret_error);

/* SHA-256 and size of an open file, from its beginning: 0 or a negative errno. */
int package_digest(int file, char ret_sha256[PACKAGE_SHA256_BYTES], uint64_t *ret_bytes);

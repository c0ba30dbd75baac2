#pragma once

/*
 * The edge's last snapshot on disk, so that it starts without the control plane. The catalog holds
 * secrets: it is encrypted with AES-256-GCM under a key from the data directory. The customers are
 * keyed digests: flat, with a checksum. Both are written to a new name, synced and renamed; a file
 * that is truncated, altered or of another revision than its partner is not used at all.
 *
 * Snapshots are written now and then, policies come into force at any time. Beside them lies a note
 * of the newest revision that has been in force, so that an older snapshot is known for one.
 */

#include "catalog/customers.h"

enum { DISK_KEY_BYTES = 32 };

/* Reads the key, or makes one (0600) where there is none. 0 or a negative errno; -EINVAL for a file
 * that is no key. */
int disk_key_load(const char *path, uint8_t ret_key[DISK_KEY_BYTES]);

/* `dir` must exist. 0 or a negative errno. */
int disk_save_catalog(const char *dir, const uint8_t key[DISK_KEY_BYTES], uint64_t revision,
                      str catalog_bytes);
int disk_save_customers(const char *dir, uint64_t revision, const struct customers *customers);

/* 0, -ENOENT, or -EBADMSG for files that don't hold what was saved. ret_catalog gets the plain
 * bytes. Customers go into an empty table. */
int disk_load(const char *dir, const uint8_t key[DISK_KEY_BYTES], uint64_t *ret_revision,
              struct buf *ret_catalog, struct customers *into);

/* Notes, durably, that a revision of an installation's policy is in force here, before control is
 * told so: whoever starts from a snapshot that is older would bring back rules whose replacement
 * has been acknowledged. Several edges may share `dir`; the highest revision stays. 0 or a negative
 * errno. */
int disk_note_in_force(const char *dir, str installation, uint64_t revision);
/* Whether nothing newer than this has been noted. */
bool disk_is_newest(const char *dir, str installation, uint64_t revision);

/* When control was last heard, as the catalog file's time; and setting it. */
int64_t disk_heard_wall_ns(const char *dir);
void disk_touch_heard(const char *dir);

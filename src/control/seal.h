#pragma once

/* Secrets at rest: text that only whoever has the key of this data directory can read or alter
 * (AES-256-GCM). `label` says what the text is; it is authenticated with it, so that one sealed
 * text cannot be put in place of another. */

#include "base/buf.h"

enum { SEAL_KEY_BYTES = 32 };

/* Appends hexadecimal text. 0 or -EIO. */
int seal(const uint8_t key[SEAL_KEY_BYTES], str label, str plain, struct buf *to);

/* 0, or -EBADMSG for anything that seal did not make with that key and label. */
int unseal(const uint8_t key[SEAL_KEY_BYTES], str label, str sealed, struct buf *to);

#pragma once

/*
 * Binary encoding of what travels between our own processes and lies on our own disk: little-endian
 * integers, byte strings with a 32-bit length. The reader has a sticky error: parse ten fields,
 * test `failed` once. It never reads past its end, whatever the bytes are, and after a failure
 * every take returns zero or an empty slice.
 */

#include "base/buf.h"

struct wire_reader {
    str rest;
    bool failed;
};

void wire_put_u8(struct buf *b, uint8_t value);
void wire_put_u16(struct buf *b, uint16_t value);
void wire_put_u32(struct buf *b, uint32_t value);
void wire_put_u64(struct buf *b, uint64_t value);
void wire_put_i64(struct buf *b, int64_t value);
void wire_put_str(struct buf *b, str s);

uint8_t wire_take_u8(struct wire_reader *r);
uint16_t wire_take_u16(struct wire_reader *r);
uint32_t wire_take_u32(struct wire_reader *r);
uint64_t wire_take_u64(struct wire_reader *r);
int64_t wire_take_i64(struct wire_reader *r);

/* A slice into the reader's bytes. */
str wire_take_str(struct wire_reader *r);
str wire_take_bytes(struct wire_reader *r, size_t n);

/* A count of elements that take at least `min_bytes` each: fails where the rest cannot hold them,
 * so that a hostile count never becomes an allocation. */
uint32_t wire_take_count(struct wire_reader *r, size_t min_bytes);

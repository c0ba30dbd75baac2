#include "base/wire.h"

#include <endian.h>

void wire_put_u8(struct buf *b, uint8_t value)
{
    buf_put(b, &value, sizeof(value));
}

void wire_put_u16(struct buf *b, uint16_t value)
{
    value = htole16(value);
    buf_put(b, &value, sizeof(value));
}

void wire_put_u32(struct buf *b, uint32_t value)
{
    value = htole32(value);
    buf_put(b, &value, sizeof(value));
}

void wire_put_u64(struct buf *b, uint64_t value)
{
    value = htole64(value);
    buf_put(b, &value, sizeof(value));
}

void wire_put_i64(struct buf *b, int64_t value)
{
    wire_put_u64(b, (uint64_t)value);
}

void wire_put_str(struct buf *b, str s)
{
    wire_put_u32(b, (uint32_t)s.n);
    buf_put_str(b, s);
}

str wire_take_bytes(struct wire_reader *r, size_t n)
{
    if (r->failed || r->rest.n < n) {
        r->failed = true;
        return STR_NULL;
    }
    str taken = str_upto(r->rest, n);
    r->rest = str_from(r->rest, n);
    return taken;
}

static void take_raw(struct wire_reader *r, void *to, size_t n)
{
    str bytes = wire_take_bytes(r, n);

    if (bytes.n)
        memcpy(to, bytes.p, n);
}

uint8_t wire_take_u8(struct wire_reader *r)
{
    uint8_t value = 0;

    take_raw(r, &value, sizeof(value));
    return value;
}

uint16_t wire_take_u16(struct wire_reader *r)
{
    uint16_t value = 0;

    take_raw(r, &value, sizeof(value));
    return le16toh(value);
}

uint32_t wire_take_u32(struct wire_reader *r)
{
    uint32_t value = 0;

    take_raw(r, &value, sizeof(value));
    return le32toh(value);
}

uint64_t wire_take_u64(struct wire_reader *r)
{
    uint64_t value = 0;

    take_raw(r, &value, sizeof(value));
    return le64toh(value);
}

int64_t wire_take_i64(struct wire_reader *r)
{
    return (int64_t)wire_take_u64(r);
}

str wire_take_str(struct wire_reader *r)
{
    uint32_t n = wire_take_u32(r);

    return wire_take_bytes(r, n);
}

uint32_t wire_take_count(struct wire_reader *r, size_t min_bytes)
{
    uint32_t n = wire_take_u32(r);

    if (r->failed || n > r->rest.n / (min_bytes ? min_bytes : 1)) {
        r->failed = true;
        return 0;
    }
    return n;
}

#include "http/h1_out.h"

#include "base/mem.h"

#include <errno.h>

enum {
    SPARE_BLOCKS_MAX = 64,
    SLICES_MAX = 32, /* of one send; a caller with more sends again */
};

struct h1_block {
    struct h1_block *next;
    uint32_t from, to; /* what of it is queued */
    char bytes[H1_BLOCK_BYTES - 16];
};

static struct h1_block *block_lease(struct h1_blocks *blocks)
{
    struct h1_block *block = blocks->free;

    if (block) {
        blocks->free = block->next;
        blocks->n_free--;
    } else {
        block = mem_alloc(sizeof(*block));
    }
    block->next = NULL;
    block->from = block->to = 0;
    return block;
}

static void block_release(struct h1_blocks *blocks, struct h1_block *block)
{
    if (blocks->n_free == SPARE_BLOCKS_MAX) {
        mem_free(block);
        return;
    }
    block->next = blocks->free;
    blocks->free = block;
    blocks->n_free++;
}

void h1_blocks_deinit(struct h1_blocks *blocks)
{
    while (blocks->free) {
        struct h1_block *block = blocks->free;

        blocks->free = block->next;
        mem_free(block);
    }
    blocks->n_free = 0;
}

static struct h1_block *block_to_fill(struct h1_out *out, struct h1_blocks *blocks)
{
    struct h1_block *block;

    if (out->last && out->last->to < sizeof(out->last->bytes))
        return out->last;
    block = block_lease(blocks);
    if (out->last)
        out->last->next = block;
    else
        out->first = block;
    out->last = block;
    return block;
}

void h1_out_put(struct h1_out *out, struct h1_blocks *blocks, str bytes)
{
    while (bytes.n) {
        struct h1_block *block = block_to_fill(out, blocks);
        str part = str_upto(bytes, sizeof(block->bytes) - block->to);

        memcpy(block->bytes + block->to, part.p, part.n);
        block->to += (uint32_t)part.n;
        out->n += part.n;
        bytes = str_from(bytes, part.n);
    }
}

static void drop_first(struct h1_out *out, struct h1_blocks *blocks)
{
    struct h1_block *block = out->first;

    out->first = block->next;
    if (!out->first)
        out->last = NULL;
    block_release(blocks, block);
}

void h1_out_clear(struct h1_out *out, struct h1_blocks *blocks)
{
    while (out->first)
        drop_first(out, blocks);
    out->n = 0;
}

static void drop_sent(struct h1_out *out, struct h1_blocks *blocks, size_t sent)
{
    size_t n = sent < out->n ? sent : out->n;

    out->n -= n;
    while (n) {
        uint32_t queued = out->first->to - out->first->from;

        if (n < queued) {
            out->first->from += (uint32_t)n;
            return;
        }
        n -= queued;
        drop_first(out, blocks);
    }
}

ssize_t h1_out_send(struct h1_out *out, struct h1_blocks *blocks, struct transport *t,
                    const struct iovec *iov, int n)
{
    struct iovec slices[SLICES_MAX];
    int used = 0;

    for (struct h1_block *b = out->first; b && used < SLICES_MAX; b = b->next)
        slices[used++] = (struct iovec){b->bytes + b->from, b->to - b->from};
    for (int i = 0; i < n && used < SLICES_MAX; i++) {
        if (iov[i].iov_len)
            slices[used++] = iov[i];
    }
    if (used == 0)
        return 0;
    ssize_t sent = transport_writev(t, slices, used);
    if (sent == -EAGAIN)
        return 0;
    if (sent > 0)
        drop_sent(out, blocks, (size_t)sent);
    return sent;
}

/* pool.cu - one piece of device memory cut into blocks, first fit; the book is
 * kept on the host.  There are few blocks: weights, caches, activations. */
#include "compute/cuda/cuda.cuh"

#include <stdlib.h>
#include <string.h>

#ifndef POOL_USED /* an emulated device marks what may be touched */
#define POOL_USED(p, bytes, room) ((void)0)
#define POOL_FREE(p, room)        ((void)0)
enum { GUARD = 0 };
#else
enum { GUARD = 256 };
#endif

enum { GRAIN = 256 };

void pool_init(struct pool *p, void *memory, size_t bytes)
{
    p->memory = static_cast<char *>(memory);
    p->bytes = bytes / GRAIN * GRAIN;
    p->cap = 64;
    p->blocks = static_cast<struct pool_block *>(xcalloc(p->cap, sizeof *p->blocks));
    p->blocks[0] = {0, p->bytes, false};
    p->n = 1;
}

static void insert(struct pool *p, size_t i, struct pool_block block)
{
    if (p->n == p->cap) {
        p->cap *= 2;
        p->blocks =
            static_cast<struct pool_block *>(xrealloc(p->blocks, p->cap, sizeof *p->blocks));
    }
    memmove(&p->blocks[i + 1], &p->blocks[i], (p->n - i) * sizeof *p->blocks);
    p->blocks[i] = block;
    p->n++;
}

void *pool_take(struct pool *p, size_t bytes)
{
    if (bytes > p->bytes)
        return NULL;
    size_t room = up(bytes ? bytes : 1, GRAIN) + GUARD;
    for (size_t i = 0; i < p->n; i++) {
        if (p->blocks[i].used || p->blocks[i].bytes < room)
            continue;
        struct pool_block rest = {p->blocks[i].at + room, p->blocks[i].bytes - room, false};
        p->blocks[i].bytes = room;
        p->blocks[i].used = true;
        if (rest.bytes)
            insert(p, i + 1, rest);
        char *at = p->memory + p->blocks[i].at;
        POOL_USED(at, bytes, room);
        return at;
    }
    return NULL;
}

static void join_next(struct pool *p, size_t i)
{
    if (i + 1 >= p->n || p->blocks[i].used || p->blocks[i + 1].used)
        return;
    p->blocks[i].bytes += p->blocks[i + 1].bytes;
    p->n--;
    memmove(&p->blocks[i + 1], &p->blocks[i + 2], (p->n - i - 1) * sizeof *p->blocks);
}

void pool_give(struct pool *p, void *at)
{
    size_t offset = static_cast<size_t>(static_cast<char *>(at) - p->memory), i = 0;
    while (i < p->n && !(p->blocks[i].used && p->blocks[i].at == offset))
        i++;
    ASSERT(i < p->n);
    POOL_FREE(p->memory + offset, p->blocks[i].bytes);
    p->blocks[i].used = false;
    join_next(p, i);
    if (i)
        join_next(p, i - 1);
}

size_t pool_free_bytes(const struct pool *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += p->blocks[i].used ? 0 : p->blocks[i].bytes;
    return n;
}

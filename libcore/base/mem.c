/* mem.c - see mem.h. */
#include "base/mem.h"
#include "base/err.h"
#include "base/log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { REDZONE = 16 };
#else
#define POISON(p, n)   ((void)0)
#define UNPOISON(p, n) ((void)0)
enum { REDZONE = 0 };
#endif

enum { ALIGN = 16, BLOCK_MIN = 64 * 1024 };

static _Noreturn void out_of_memory(size_t n)
{
    fprintf(stderr, "%s: out of memory (%zu bytes were asked for)\n", log_program(), n);
    exit(ERR_SYSTEM);
}

void *xmalloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        out_of_memory(n);
    return p;
}

bool size_mul(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory(count);
    return p;
}

void *xrealloc(void *p, size_t count, size_t size)
{
    size_t n;
    if (!size_mul(count, size, &n))
        out_of_memory(SIZE_MAX);
    void *q = realloc(p, n ? n : 1);
    if (!q)
        out_of_memory(n);
    return q;
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xmalloc(n), s, n);
}

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t data[];
};

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b = xmalloc(sizeof *b + size);
    b->next = NULL;
    b->size = size;
    POISON(b->data, size);
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        out_of_memory(n);
    size_t need = (n + REDZONE + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->current)
        a->current = a->first = block_new(need > BLOCK_MIN ? need : BLOCK_MIN);
    while (a->current->size - a->used < need) {
        if (!a->current->next) {
            size_t grown = a->current->size < SIZE_MAX / 4 ? 2 * a->current->size : 0;
            a->current->next = block_new(need > grown ? need : grown);
        }
        a->current = a->current->next;
        a->used = 0;
    }
    char *p = (char *)a->current->data + a->used;
    a->used += need;
    UNPOISON(p, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (!size_mul(count, size, &n))
        out_of_memory(SIZE_MAX);
    return arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, const char *p, size_t n)
{
    char *q = arena_alloc(a, n + 1);
    if (n)
        memcpy(q, p, n);
    q[n] = 0;
    return q;
}

void arena_reset(struct arena *a)
{
    for (struct arena_block *b = a->first; b; b = b->next)
        POISON(b->data, b->size);
    a->current = a->first;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        UNPOISON(b->data, b->size);
        free(b);
    }
    *a = (struct arena){0};
}

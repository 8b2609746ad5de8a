/* copies.cc - copies into shared memory that threads do not wait for: what is there in between is NaN,
 * so that neither an early nor a late look goes unnoticed. */
#include "cuda_runtime.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 1024, COPIES = 512, COPY_BYTES = 16 };
static struct {
    struct {
        void *to;
        unsigned char bytes[COPY_BYTES];
        int n;
    } copies[COPIES];
    int n, groups;     /* copies; groups that were closed and not waited for */
    int group[COPIES]; /* of each copy: closed groups before it */
} threads[THREADS];
static bool used; /* by this block */

void emu_copy_async(void *to, const void *from, int bytes, bool there)
{
    auto &t = threads[threadIdx.x];
    if (bytes > COPY_BYTES || (size_t)to % (size_t)bytes || (there && (size_t)from % (size_t)bytes))
        die("a copy into shared memory that is not aligned");
    if (t.n == COPIES)
        die("too many copies into shared memory are under way");
    auto &c = t.copies[t.n];
    c.to = to;
    c.n = bytes;
    memset(c.bytes, 0, sizeof c.bytes);
    if (there)
        memcpy(c.bytes, from, (size_t)bytes);
    memset(to, 0xff, (size_t)bytes);
    if (there)
        races_access(from, (size_t)bytes, RACES_READ, __builtin_return_address(0));
    races_access(to, (size_t)bytes, RACES_WRITE, __builtin_return_address(0));
    t.group[t.n++] = t.groups;
    used = true;
}

void emu_copies_commit(void)
{
    threads[threadIdx.x].groups++;
    used = true;
}

void emu_copies_wait(int left)
{
    auto &t = threads[threadIdx.x];
    int over = t.groups - left, kept = 0;
    for (int i = 0; i < t.n; i++)
        if (t.group[i] < over) {
            races_access(t.copies[i].to, (size_t)t.copies[i].n, RACES_WRITE,
                         __builtin_return_address(0));
            memcpy(t.copies[i].to, t.copies[i].bytes, (size_t)t.copies[i].n);
        } else {
            t.group[kept] = t.group[i] - over, t.copies[kept++] = t.copies[i];
        }
    t.n = kept;
    t.groups = over > 0 ? left : t.groups;
}

void emu_copies_end(void)
{
    for (unsigned i = 0; used && i < THREADS; i++) {
        if (threads[i].n)
            die("a block ended before its copies into shared memory");
        threads[i].groups = 0;
    }
    used = false;
}

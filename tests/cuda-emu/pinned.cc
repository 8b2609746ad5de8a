/* pinned.cc - pinned memory of the host, and events.
 *
 * Copies from it may be read by the device until something later was waited for: what they read is
 * kept, and compared then. */
#include "cuda_runtime.h"
#include "parts.h"

#include <stdlib.h>

enum { REGIONS = 16 };

struct emu_flight {
    const char *from;
    char *read;
    size_t bytes;
    unsigned long long at;
    emu_flight *next;
};
struct emu_event {
    unsigned long long at; /* copies before it */
};
static emu_flight *flights;
static unsigned long long copies;
static struct {
    char *p;
    size_t bytes;
} pinned[REGIONS];

static bool is_pinned(const char *p, size_t bytes)
{
    for (auto &r : pinned)
        if (r.p && p >= r.p && p + bytes <= r.p + r.bytes)
            return true;
    return false;
}

void emu_fly(const void *from, size_t bytes)
{
    emu_flight *f = (emu_flight *)malloc(sizeof *f);
    const char *at = (const char *)from;
    if (!is_pinned(at, bytes))
        die("a copy from memory of the host that is not pinned");
    *f = {at, (char *)malloc(bytes), bytes, ++copies, flights};
    memcpy(f->read, from, bytes);
    flights = f;
}

static void land(unsigned long long until)
{
    for (emu_flight **f = &flights; *f;) {
        emu_flight *x = *f;
        if (x->at > until) {
            f = &x->next;
            continue;
        }
        if (memcmp(x->read, x->from, x->bytes) != 0)
            die("pinned memory changed before the device had read it");
        *f = x->next;
        free(x->read);
        free(x);
    }
}

/* All that was copied is read. */
void emu_land(void)
{
    land(copies);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = (emu_event *)calloc(1, sizeof **e);
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    free(e);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t)
{
    e->at = copies;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    land(e->at);
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **p, size_t bytes, unsigned)
{
    for (auto &r : pinned)
        if (!r.p) {
            r = {(char *)malloc(bytes), bytes};
            *p = r.p;
            return cudaSuccess;
        }
    return cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *p)
{
    land(copies);
    for (auto &r : pinned)
        if (r.p && r.p == p)
            r = {NULL, 0};
    free(p);
    return cudaSuccess;
}

/* emu.cc - kernels, launches and graphs; see cuda_runtime.h. */
#include "cuda_runtime.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if ASAN
#include <sanitizer/common_interface_defs.h>
#endif

void die(const char *what)
{
    fprintf(stderr, "cuda-emu: %s\n", what);
    abort();
}

/* ---- fibers ---- */

enum { FIBERS = 1024, STACK = (ASAN ? 256 : 64) << 10 };
enum state { READY, AT_BARRIER, AT_WARP, DONE };

struct fiber {
    void *sp;
    dim3 idx;
    enum state state;
    unsigned warp_ops, votes, barriers, warp_syncs;
    bool waited; /* for the kernel before */
    void *fake;  /* of the address sanitizer */
};

dim3 threadIdx, blockIdx, blockDim, gridDim;
static fiber fibers[FIBERS];
static fiber *now;
static void *scheduler_sp;
[[maybe_unused]] static void *scheduler_fake;
[[maybe_unused]] static const void *scheduler_stack;
[[maybe_unused]] static size_t scheduler_stack_bytes;
static char *stacks;
static unsigned char slots[2][FIBERS][EMU_SLOT];
static int vote[3];
static void (*body)(void *);
static void *closure;
static void *shared_memory;
static bool begins_early; /* the kernel that runs */

#if defined(__x86_64__)
extern "C" void emu_switch(void **save, void *to);
asm(".text\n.globl emu_switch\n.type emu_switch,@function\nemu_switch:\n"
    "endbr64\npush %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
    ".size emu_switch,.-emu_switch\n");
static void *first_sp(char *stack, void (*entry)(void))
{
    void **sp = (void **)(stack + STACK);
    *--sp = NULL; /* the entry sees the alignment of a call */
    *--sp = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--sp = NULL;
    return sp;
}
#else
#include <ucontext.h>
static ucontext_t contexts[FIBERS + 1];
static void emu_switch(void **save, void *to)
{
    *save = *save ? *save : &contexts[FIBERS];
    swapcontext((ucontext_t *)*save, (ucontext_t *)to);
}
static void *first_sp(char *stack, void (*entry)(void))
{
    ucontext_t *c = &contexts[(stack - stacks) / STACK];
    getcontext(c);
    c->uc_stack.ss_sp = stack;
    c->uc_stack.ss_size = STACK;
    makecontext(c, entry, 0);
    return c;
}
#endif

static void to_scheduler(enum state state)
{
    fiber *f = now;
    f->state = state;
#if ASAN
    __sanitizer_start_switch_fiber(state == DONE ? NULL : &f->fake, scheduler_stack,
                                   scheduler_stack_bytes);
#endif
    emu_switch(&f->sp, scheduler_sp);
#if ASAN
    __sanitizer_finish_switch_fiber(f->fake, NULL, NULL);
#endif
}

static void entry(void)
{
#if ASAN
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_stack_bytes);
#endif
    body(closure);
    to_scheduler(DONE);
}

static void run_fiber(fiber *f)
{
    now = f;
    threadIdx = f->idx;
#if ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake, stacks + (size_t)(f - fibers) * STACK, STACK);
#endif
    emu_switch(&scheduler_sp, f->sp);
#if ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake, NULL, NULL);
#endif
}

/* ---- a block ---- */

static unsigned flat(dim3 i, dim3 n)
{
    return (i.z * n.y + i.y) * n.x + i.x;
}

/* All lanes of a warp that are not done wait for each other. */
static bool release_warps(unsigned n)
{
    bool any = false;
    for (unsigned w = 0; w < n; w += 32) {
        unsigned waiting = 0, alive = 0, end = w + 32 < n ? w + 32 : n;
        for (unsigned i = w; i < end; i++) {
            alive += fibers[i].state != DONE;
            waiting += fibers[i].state == AT_WARP;
        }
        if (!waiting || waiting != alive)
            continue;
        if (alive != end - w)
            die("a warp operation after some of its lanes ended");
        for (unsigned i = w; i < end; i++)
            if (fibers[i].warp_ops != fibers[w].warp_ops)
                die("lanes of a warp are at different operations");
        for (unsigned i = w; i < end; i++)
            fibers[i].state = READY;
        any = true;
    }
    return any;
}

static bool release_block(unsigned n)
{
    unsigned waiting = 0, alive = 0;
    for (unsigned i = 0; i < n; i++) {
        alive += fibers[i].state != DONE;
        waiting += fibers[i].state == AT_BARRIER;
    }
    if (alive && waiting != alive)
        die("threads wait for each other in vain: a barrier in a branch");
    for (unsigned i = 0; i < n; i++)
        if (fibers[i].state == AT_BARRIER)
            fibers[i].state = READY;
    return alive > 0;
}

static void run_block(unsigned n)
{
    static unsigned p[FIBERS];
    for (unsigned i = 0; i < n; i++) {
        fiber *f = &fibers[i];
        f->idx = dim3(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
        f->state = READY;
        f->warp_ops = f->votes = f->barriers = f->warp_syncs = 0;
        f->waited = false;
        f->fake = NULL;
        f->sp = first_sp(stacks + (size_t)i * STACK, entry);
    }
    vote[0] = vote[1] = vote[2] = 0;
    do {
        do {
            permute(p, n);
            for (unsigned i = 0; i < n; i++)
                if (fibers[p[i]].state == READY)
                    run_fiber(&fibers[p[i]]);
        } while (release_warps(n));
    } while (release_block(n));
    now = NULL;
    emu_copies_end();
    for (unsigned i = 0; begins_early && i < n; i++)
        if (!fibers[i].waited)
            die("a kernel that begins early did not wait for the one before");
}

void emu_wait(void)
{
    now->waited = true;
}

void emu_next_may_begin(void)
{
    races_next_may_begin(now->waited);
}

bool emu_thread_now(struct emu_thread *t)
{
    if (!now)
        return false;
    *t = {(unsigned)(now - fibers), now->warp_syncs, now->barriers, now->waited};
    return true;
}

/* ---- shared memory ---- */

enum { LIMITS = 64, SHARED_DEFAULT = 48 << 10 };
static struct {
    const void *kernel;
    int bytes;
} limits[LIMITS];

cudaError_t emu_shared_limit(const void *kernel, int bytes)
{
    if ((size_t)bytes > emu_shared_room())
        return cudaErrorInvalidValue;
    for (auto &l : limits)
        if (!l.kernel || l.kernel == kernel) {
            l = {kernel, bytes};
            return cudaSuccess;
        }
    die("too many kernels with much shared memory");
    return cudaErrorInvalidValue;
}

static size_t shared_limit(const void *kernel)
{
    for (auto &l : limits)
        if (l.kernel == kernel)
            return (size_t)l.bytes;
    return SHARED_DEFAULT;
}

void *emu_shared(void)
{
    return shared_memory;
}

/* ---- launches and graphs ---- */

struct emu_node {
    const void *kernel;
    dim3 grid, block;
    size_t shared;
    void (*body)(void *);
    void *closure; /* for a copy within the device: {to, from, bytes} */
    bool early;
    emu_node *next;
};
struct emu_graph {
    emu_node *first, **end;
};
static emu_graph *capturing;
static bool next_early, captured_early;
static unsigned long long launches;

bool emu_capturing(void)
{
    return capturing != NULL;
}

void emu_early(void)
{
    next_early = true;
}

static void run_kernel(const emu_node *k)
{
    if (!k->kernel) { /* a copy, or work of the library */
        races_launch(NULL, false);
        k->body(k->closure);
        return;
    }
    races_launch(k->kernel, k->early);
    size_t threads = (size_t)k->block.x * k->block.y * k->block.z;
    size_t blocks = (size_t)k->grid.x * k->grid.y * k->grid.z;
    if (!threads || threads > FIBERS || !blocks || k->grid.x > 0x7fffffff || k->grid.y > 65535 ||
        k->grid.z > 65535)
        die("a launch of no or too many threads");
    if (k->shared > shared_limit(k->kernel))
        die("a kernel asks for more shared memory than it may");
    if (!stacks)
        stacks = (char *)mmap(NULL, (size_t)FIBERS * STACK, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned *p = (unsigned *)malloc(blocks * sizeof *p);
    permute(p, (unsigned)blocks);
    void *raw = NULL;
    emu_open(true);
    body = k->body;
    closure = k->closure;
    begins_early = k->early;
    gridDim = k->grid;
    blockDim = k->block;
    for (size_t i = 0; i < blocks; i++) {
        unsigned b = p[i];
        blockIdx = dim3(b % gridDim.x, b / gridDim.x % gridDim.y, b / gridDim.x / gridDim.y);
        raw = k->shared ? aligned_alloc(16, (k->shared + 15) / 16 * 16) : NULL;
        if (raw)
            memset(raw, 0xff, k->shared);
        shared_memory = raw;
        races_block(b, raw, k->shared);
        run_block((unsigned)threads);
        races_block(0, NULL, 0);
        free(raw);
    }
    emu_open(false);
    free(p);
    launches++;
}

void emu_launch(const void *kernel, dim3 grid, dim3 block, size_t shared, void (*fn)(void *),
                void *arg, size_t bytes)
{
    emu_node k = {kernel, grid, block, shared, fn, arg, next_early, NULL};
    captured_early |= next_early;
    next_early = false;
    if (!capturing) {
        run_kernel(&k);
        return;
    }
    emu_node *copy = (emu_node *)malloc(sizeof *copy);
    *copy = k;
    copy->closure = malloc(bytes);
    memcpy(copy->closure, arg, bytes);
    *capturing->end = copy;
    capturing->end = &copy->next;
}

void emu_work(void (*fn)(void *), void *arg, size_t bytes)
{
    emu_launch(NULL, dim3(), dim3(), 0, fn, arg, bytes);
}

void emu_idle(bool idle)
{
    if (!idle)
        die("a launch before those of the step that was begun");
}

unsigned long long emu_launches(void)
{
    return launches;
}

static unsigned long long graphs_launched;
static int refused_at;

unsigned long long emu_graphs(void)
{
    return graphs_launched;
}

void emu_refuse_graphs(int at)
{
    refused_at = at;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
    if (refused_at == 1)
        return cudaErrorInvalidValue;
    capturing = (emu_graph *)malloc(sizeof *capturing);
    *capturing = {NULL, &capturing->first};
    captured_early = false;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *g)
{
    *g = capturing;
    capturing = NULL;
    if (refused_at != 2 && !(refused_at == 4 && captured_early))
        return cudaSuccess;
    cudaGraphDestroy(*g);
    *g = NULL;
    return cudaErrorInvalidValue;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long)
{
    if (refused_at == 3)
        return cudaErrorMemoryAllocation;
    *x = (emu_graph *)malloc(sizeof **x);
    **x = *g;
    g->first = NULL;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t)
{
    for (emu_node *k = x->first; k; k = k->next)
        run_kernel(k);
    graphs_launched++;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    for (emu_node *k = g->first, *next; k; k = next) {
        next = k->next;
        free(k->closure);
        free(k);
    }
    free(g);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x)
{
    return cudaGraphDestroy(x);
}

/* ---- inside a kernel ---- */

void __syncthreads(void)
{
    now->barriers++;
    to_scheduler(AT_BARRIER);
}

int __syncthreads_or(int v)
{
    unsigned which = now->votes++ % 3;
    now->barriers++;
    vote[which] |= v != 0;
    to_scheduler(AT_BARRIER);
    int out = vote[which];
    vote[(which + 2) % 3] = 0; /* of the one after next, which waits for this thread too */
    return out;
}

void __syncwarp(unsigned)
{
    emu_exchange("", 1);
    now->warp_syncs++;
}

unsigned __ballot_sync(unsigned, int v)
{
    const unsigned char *all = emu_exchange(&v, sizeof v);
    unsigned out = 0;
    for (unsigned i = 0; i < 32; i++) {
        int of_lane;
        memcpy(&of_lane, all + i * EMU_SLOT, sizeof of_lane);
        out |= (unsigned)(of_lane != 0) << i;
    }
    return out;
}

const unsigned char *emu_exchange(const void *mine, size_t bytes)
{
    if (bytes > EMU_SLOT)
        die("too much for an exchange between lanes");
    unsigned i = flat(threadIdx, blockDim), which = now->warp_ops++ & 1;
    memcpy(slots[which][i], mine, bytes);
    to_scheduler(AT_WARP);
    return slots[which][i & ~31u];
}

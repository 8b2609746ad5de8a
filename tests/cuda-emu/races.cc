/* races.cc - see races.h. */
#ifdef EMU_RACES

#include "races.h"

#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CELL = 2, MEMORIES = 16, SHARED_MOST = 512 << 10, REPORTED = 256 };

/* `scope`: a launch, for the device's memory; a block, for its own.  0: there was no such access. */
struct touch {
    uint32_t scope, block, warp_syncs, barriers;
    uint16_t thread;
    uint8_t kind;
    const void *where;
};

struct cell {
    struct touch write, reads[2];
    uint32_t writer; /* launch */
    bool written;
};

struct memory {
    char *p, *open;
    size_t bytes;
    struct cell *cells;
};

static struct memory memories[MEMORIES];
static struct cell *shared_cells;
static char *shared;
static size_t shared_bytes;
static uint32_t launches, blocks, block_now;
static const void *kernel_now;

/* Of the kernel that runs: whether it begins early; the last launch that is known to be over when it begins;
 * whether it let the next one begin before it had itself waited. */
static struct {
    bool early, is_kernel, hasty;
    uint32_t over;
} now;

/* ---- reports ---- */

static struct {
    const void *a, *b;
    const char *what;
} reported[REPORTED];
static unsigned n_reported;

unsigned races_found(void)
{
    return n_reported;
}

void races_forget(void)
{
    n_reported = 0;
}

static void fail_at_exit(void)
{
    fflush(stdout);
    if (n_reported)
        _exit(1);
}

static int base_of(struct dl_phdr_info *info, size_t, void *base)
{
    *static_cast<uintptr_t *>(base) = info->dlpi_addr;
    return 1; /* the program is the first */
}

static void print_place(const char *before, const void *where)
{
    uintptr_t base = 0;
    char command[128];
    dl_iterate_phdr(base_of, &base);
    printf("# %s", before);
    fflush(stdout);
    snprintf(command, sizeof command, "addr2line -Cfpse /proc/%d/exe %#lx", (int)getpid(),
             (unsigned long)(reinterpret_cast<uintptr_t>(where) - base - 1));
    if (system(command) != 0)
        printf("%p\n", where);
}

/* Each pair of places once. */
static void report(const char *what, const void *a, const struct touch *other)
{
    const void *b = other ? other->where : NULL;
    for (unsigned i = 0; i < n_reported && i < REPORTED; i++)
        if (reported[i].a == a && reported[i].b == b && reported[i].what == what)
            return;
    if (n_reported == 0)
        atexit(fail_at_exit);
    if (n_reported < REPORTED)
        reported[n_reported] = {a, b, what};
    n_reported++;
    printf("# races: %s\n", what);
    print_place("    in ", static_cast<const char *>(kernel_now) +
                               1); /* its own address, not one behind a call */
    print_place("    at ", a);
    if (b)
        print_place("    and ", b);
}

/* ---- memory ---- */

static struct cell *cells_new(size_t bytes)
{
    void *p = mmap(NULL, (bytes / CELL + 1) * sizeof(struct cell), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("races: no room for what memory remembers");
        abort();
    }
    return static_cast<struct cell *>(p);
}

void races_memory(void *p, void *open, size_t bytes)
{
    for (struct memory &m : memories)
        if (!m.p) {
            m = {static_cast<char *>(p), static_cast<char *>(open), bytes, cells_new(bytes)};
            return;
        }
    fprintf(stderr, "races: too many memories\n");
    abort();
}

void races_memory_gone(void *p)
{
    for (struct memory &m : memories)
        if (m.p == p) {
            munmap(m.cells, (m.bytes / CELL + 1) * sizeof(struct cell));
            m = {};
        }
}

/* NULL: not the device's. */
static struct cell *cells_at(const void *at, bool open)
{
    const char *p = static_cast<const char *>(at);
    for (const struct memory &m : memories) {
        const char *begin = open ? m.open : m.p;
        if (begin && p >= begin && p < begin + m.bytes)
            return m.cells + (p - begin) / CELL;
    }
    return NULL;
}

void races_unwritten(void *p, size_t bytes)
{
    struct cell *c = cells_at(p, false);
    for (size_t i = 0; c && i < bytes / CELL; i++)
        if (c[i].written)
            c[i].written = false;
}

void races_written(void *open, size_t bytes)
{
    struct cell *c = cells_at(open, true);
    for (size_t i = 0; c && i < (bytes + 1) / CELL; i++) {
        c[i].written = true;
        c[i].writer = launches;
    }
}

void races_read(const void *open, size_t bytes)
{
    const struct cell *c = cells_at(open, true);
    for (size_t i = 0; c && i < bytes / CELL; i++)
        if (!c[i].written) {
            report("a copy of memory that nobody has written", __builtin_return_address(0), NULL);
            return;
        }
}

/* ---- launches ---- */

void races_launch(const void *kernel, bool early)
{
    uint32_t over = launches; /* all before */
    if (early && now.is_kernel)
        over = now.hasty ? now.over : launches - 1;
    launches++;
    now = {early && kernel, kernel != NULL, false, over};
    kernel_now = kernel;
}

void races_next_may_begin(bool waited)
{
    now.hasty |= !waited;
}

void races_block(unsigned block, void *p, size_t bytes)
{
    block_now = block;
    shared = static_cast<char *>(p);
    shared_bytes = bytes;
    blocks++;
    if (!shared_cells)
        shared_cells = cells_new(SHARED_MOST);
}

/* ---- accesses ---- */

static bool ordered(const struct touch &a, const struct touch &b)
{
    if (a.block != b.block)
        return false;
    if (a.thread == b.thread || a.barriers != b.barriers)
        return true;
    return a.thread / 32 == b.thread / 32 && a.warp_syncs != b.warp_syncs;
}

static void look(struct cell *c, const struct touch &a, bool of_block)
{
    bool writes = a.kind != RACES_READ;
    if (c->write.scope == a.scope && !ordered(c->write, a) &&
        !(a.kind >= RACES_ATOMIC && a.kind == c->write.kind))
        report(of_block ? writes ? "two writes to shared memory"
                                 : "a read of shared memory beside a write"
               : writes ? "two writes"
                        : "a read beside a write",
               a.where, &c->write);
    for (const struct touch &r : c->reads)
        if (writes && r.scope == a.scope && !ordered(r, a))
            report(of_block ? "a write to shared memory beside a read" : "a write beside a read",
                   a.where, &r);
    if (writes) {
        c->write = a;
        return;
    }
    const struct touch &r = c->reads[0];
    bool replaces = r.scope != a.scope || (r.block == a.block && (r.thread / 32 == a.thread / 32 ||
                                                                  r.barriers != a.barriers));
    c->reads[replaces ? 0 : 1] = a;
}

static void look_early(const struct cell *c, const struct touch &a)
{
    if (a.kind != RACES_READ)
        report("a kernel that begins early writes before it has waited", a.where, NULL);
    else if (c->writer > now.over)
        report("a kernel that begins early reads before it has waited", a.where, &c->write);
}

void races_access(const void *p, size_t bytes, enum races_kind kind, const void *where)
{
    const char *at = static_cast<const char *>(p);
    bool of_block = shared && at >= shared && at < shared + shared_bytes;
    struct cell *c = of_block ? shared_cells + (at - shared) / CELL : cells_at(p, false);
    struct emu_thread t;
    if (!c)
        return;
    bool in_kernel = emu_thread_now(&t); /* the library's own work is not */
    for (size_t i = 0, n = (reinterpret_cast<uintptr_t>(p) % CELL + bytes + CELL - 1) / CELL; i < n;
         i++, c++) {
        if (in_kernel) {
            struct touch a = {of_block ? blocks : launches,
                              of_block ? 0 : block_now,
                              t.warp_syncs,
                              t.barriers,
                              (uint16_t)t.number,
                              (uint8_t)kind,
                              where};
            if (!of_block && now.early && !t.waited)
                look_early(c, a);
            look(c, a, of_block);
        }
        if (of_block)
            continue;
        if (kind == RACES_READ && !c->written)
            report("a read of memory that nobody has written", where, NULL);
        if (kind != RACES_READ) {
            c->written = true;
            c->writer = launches;
        }
    }
}

/* ---- what the compiler calls ---- */

#define WHERE __builtin_return_address(0)
#define ACCESS(name, n, kind)                                                                      \
    void __tsan_##name(void *p);                                                                   \
    void __tsan_##name(void *p)                                                                    \
    {                                                                                              \
        races_access(p, n, kind, WHERE);                                                           \
    }
#define ACCESSES(n)                                                                                \
    ACCESS(read##n, n, RACES_READ)                                                                 \
    ACCESS(write##n, n, RACES_WRITE)                                                               \
    ACCESS(unaligned_read##n, n, RACES_READ)                                                       \
    ACCESS(unaligned_write##n, n, RACES_WRITE)

extern "C" {
void __tsan_init(void);
void __tsan_init(void)
{
}
void __tsan_func_entry(void *);
void __tsan_func_entry(void *)
{
}
void __tsan_func_exit(void *);
void __tsan_func_exit(void *)
{
}
void __tsan_read_range(void *p, unsigned long n);
void __tsan_read_range(void *p, unsigned long n)
{
    races_access(p, n, RACES_READ, WHERE);
}
void __tsan_write_range(void *p, unsigned long n);
void __tsan_write_range(void *p, unsigned long n)
{
    races_access(p, n, RACES_WRITE, WHERE);
}
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
}

#endif

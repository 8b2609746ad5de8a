/* faults.c - a library for LD_PRELOAD that makes the n-th call of a kind fail.  Tests only.
 *
 *     GCPO_TEST_FAULT=write:3:ENOSPC LD_PRELOAD=faults.so gcpo-verify ...
 *
 * Calls: read write fsync rename close mmap open alloc.  Faults: EIO ENOSPC EINTR EAGAIN
 * EMFILE, and for read and write SHORT (half of what was asked for; then all goes on as
 * usual).  alloc counts allocations made by the program itself, not by its libraries.
 * If the n-th call came, the file GCPO_TEST_FAULT_HIT is created.
 *
 * read and write count only files that are not the terminal or standard error. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static char call[16];
static long nth;
static int fault; /* an errno; -1: SHORT */
static atomic_long seen;
static uintptr_t program_begin, program_end;

static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD)
            continue;
        uintptr_t from = info->dlpi_addr + h->p_vaddr;
        if (!program_begin || from < program_begin)
            program_begin = from;
        if (from + h->p_memsz > program_end)
            program_end = from + h->p_memsz;
    }
    return 1; /* the first object is the program */
}

__attribute__((constructor)) static void start(void)
{
    const char *s = getenv("GCPO_TEST_FAULT");
    static const struct {
        const char *name;
        int value;
    } names[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},  {"EAGAIN", EAGAIN},
                 {"EMFILE", EMFILE}, {"SHORT", -1},      {"ENOMEM", ENOMEM}};
    dl_iterate_phdr(find_program, NULL);
    const char *colon = s ? strchr(s, ':') : NULL;
    if (!colon || (size_t)(colon - s) >= sizeof call)
        return;
    char *end;
    nth = strtol(colon + 1, &end, 10);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (*end == ':' && strcmp(end + 1, names[i].name) == 0)
            fault = names[i].value;
    memcpy(call, s, (size_t)(colon - s)); /* last: from here on calls are counted */
}

static int hit(const char *name)
{
    if (call[0] != name[0] || strcmp(call, name) != 0 || atomic_fetch_add(&seen, 1) + 1 != nth)
        return 0;
    const char *file = getenv("GCPO_TEST_FAULT_HIT");
    if (file) {
        long fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0)
            syscall(SYS_close, fd);
    }
    errno = fault > 0 ? fault : 0;
    return 1;
}

ssize_t read(int fd, void *p, size_t n)
{
    if (hit("read")) {
        if (fault > 0)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_read, fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (fd != STDERR_FILENO && hit("write")) {
        if (fault > 0)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_write, fd, p, n);
}

int fsync(int fd)
{
    return hit("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

int close(int fd)
{
    int bad = hit("close"); /* as Linux does: the descriptor is gone all the same */
    int r = (int)syscall(SYS_close, fd);
    if (!bad)
        return r;
    errno = fault;
    return -1;
}

int rename(const char *from, const char *to)
{
    return hit("rename") ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (fd >= 0 && hit("mmap"))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        __builtin_va_list ap;
        __builtin_va_start(ap, flags);
        mode = __builtin_va_arg(ap, mode_t);
        __builtin_va_end(ap);
    }
    if (hit("open"))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int ours(const void *caller)
{
    return (uintptr_t)caller >= program_begin && (uintptr_t)caller < program_end;
}

void *malloc(size_t n)
{
    return ours(__builtin_return_address(0)) && hit("alloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return ours(__builtin_return_address(0)) && hit("alloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return ours(__builtin_return_address(0)) && hit("alloc") ? NULL : __libc_realloc(p, n);
}

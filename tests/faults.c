/* faults.c - a library for LD_PRELOAD that makes the n-th call of a kind fail.  Tests only.
 *
 *     GCPO_TEST_FAULT=write:3:ENOSPC LD_PRELOAD=faults.so gcpo-verify ...
 *
 * Calls: those in CALLS.  Faults: EIO ENOSPC EINTR EAGAIN EMFILE ENOMEM, for read, pread
 * and write SHORT (half of what was asked for; then all goes on as usual), and KILL: the program is
 * killed before the call.  write:3+:ENOSPC makes
 * every write from the third on fail: the disk is full.
 * alloc counts allocations made by the program itself, not by its libraries; stdio is what reads
 * and writes FILEs, whose own calls cannot be caught; stat is fstat and lstat as well, list is
 * opendir and readdir, temp is mkstemp, lock and seek are fcntl and lseek.
 * At its end the program writes how often each call came to the file GCPO_TEST_FAULT_COUNTS.
 *
 * read and write count only files that are not the terminal or standard error, and only
 * programs called gcpo-* have faults, or only the one that GCPO_TEST_FAULT_PROGRAM names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

// clang-format off
#define CALLS(X) X(read) X(pread) X(write) X(fsync) X(rename) X(close) X(mmap) X(open) X(mkdir) \
    X(alloc) X(stdio) X(stat) X(list) X(temp) X(truncate) X(seek) X(lock) X(dup) X(pipe) X(poll) \
    X(fork) X(thread)
// clang-format on
#define ENTRY(name) call_##name,
#define NAME(name)  #name,
enum { CALLS(ENTRY) N_CALLS };
static const char *const call_names[N_CALLS] = {CALLS(NAME)};

static int call = -1; /* the one that fails */
static long nth;
static int on;    /* and all that follow */
static int fault; /* an errno; -1: SHORT; -2: KILL */
static atomic_long seen[N_CALLS];
static pid_t self; /* children before their exec are left alone */
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
    } names[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},   {"EAGAIN", EAGAIN},
                 {"EMFILE", EMFILE}, {"SHORT", -1},      {"ENOMEM", ENOMEM}, {"KILL", -2}};
    dl_iterate_phdr(find_program, NULL);
    self = getpid();
    const char *only = getenv("GCPO_TEST_FAULT_PROGRAM");
    if (!s || strncmp(program_invocation_short_name, "gcpo-", 5) != 0 ||
        (only && strcmp(program_invocation_short_name, only) != 0))
        return;
    const char *colon = strchr(s, ':');
    if (!colon)
        return;
    char *end;
    nth = strtol(colon + 1, &end, 10);
    on = *end == '+';
    end += on;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (*end == ':' && strcmp(end + 1, names[i].name) == 0)
            fault = names[i].value;
    for (int i = 0; i < N_CALLS; i++)
        if (strncmp(s, call_names[i], (size_t)(colon - s)) == 0 && !call_names[i][colon - s])
            call = i; /* last: from here on calls fail */
}

__attribute__((destructor)) static void finish(void)
{
    const char *file = getenv("GCPO_TEST_FAULT_COUNTS");
    long fd = file && call >= 0
                  ? syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC, 0666)
                  : -1;
    for (int i = 0; fd >= 0 && i < N_CALLS; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "%s %ld\n", call_names[i], atomic_load(&seen[i]));
        syscall(SYS_write, fd, line, (size_t)n);
    }
}

static int hit(int which)
{
    if (getpid() != self)
        return 0;
    long n = atomic_fetch_add(&seen[which], 1) + 1;
    if (which != call || (on ? n < nth : n != nth))
        return 0;
    if (fault == -2)
        raise(SIGKILL);
    errno = fault > 0 ? fault : 0;
    return 1;
}

ssize_t read(int fd, void *p, size_t n)
{
    if (hit(call_read)) {
        if (fault > 0)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_read, fd, p, n);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (fd != STDERR_FILENO && hit(call_write)) {
        if (fault > 0)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_write, fd, p, n);
}

int fsync(int fd)
{
    return hit(call_fsync) ? -1 : (int)syscall(SYS_fsync, fd);
}

int close(int fd)
{
    int bad = hit(call_close); /* as Linux does: the descriptor is gone all the same */
    int r = (int)syscall(SYS_close, fd);
    if (!bad)
        return r;
    errno = fault;
    return -1;
}

int rename(const char *from, const char *to)
{
    return hit(call_rename) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (fd >= 0 && hit(call_mmap))
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
    if (hit(call_open))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) /* never to create */
{
    return hit(call_open) ? -1 : (int)syscall(SYS_openat, dir, path, flags, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return hit(call_mkdir) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static int ours(const void *caller)
{
    return (uintptr_t)caller >= program_begin && (uintptr_t)caller < program_end;
}

void *malloc(size_t n)
{
    return ours(__builtin_return_address(0)) && hit(call_alloc) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return ours(__builtin_return_address(0)) && hit(call_alloc) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return ours(__builtin_return_address(0)) && hit(call_alloc) ? NULL : __libc_realloc(p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    if (hit(call_pread)) {
        if (fault > 0)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_pread64, fd, p, n, at);
}

/* The function of that name behind this library. */
#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

size_t fread(void *p, size_t size, size_t n, FILE *f)
{
    if (!hit(call_stdio))
        return NEXT(fread)(p, size, n, f);
    f->_flags |= 0x20; /* what ferror() looks at */
    return 0;
}

size_t fwrite(const void *p, size_t size, size_t n, FILE *f)
{
    return f != stderr && hit(call_stdio) ? 0 : NEXT(fwrite)(p, size, n, f);
}

int fflush(FILE *f)
{
    return f != stderr && hit(call_stdio) ? EOF : NEXT(fflush)(f);
}

ssize_t getline(char **line, size_t *cap, FILE *f)
{
    return hit(call_stdio) ? -1 : NEXT(getline)(line, cap, f);
}

int fseeko(FILE *f, off_t at, int whence)
{
    return hit(call_seek) ? -1 : NEXT(fseeko)(f, at, whence);
}

off_t lseek(int fd, off_t at, int whence)
{
    return hit(call_seek) ? -1 : (off_t)syscall(SYS_lseek, fd, at, whence);
}

int stat(const char *path, struct stat *st)
{
    return hit(call_stat) ? -1 : NEXT(stat)(path, st);
}

int lstat(const char *path, struct stat *st)
{
    return hit(call_stat) ? -1 : NEXT(lstat)(path, st);
}

int fstat(int fd, struct stat *st)
{
    return hit(call_stat) ? -1 : NEXT(fstat)(fd, st);
}

DIR *opendir(const char *path)
{
    return hit(call_list) ? NULL : NEXT(opendir)(path);
}

struct dirent *readdir(DIR *d)
{
    return hit(call_list) ? NULL : NEXT(readdir)(d);
}

int mkstemp(char *path)
{
    return hit(call_temp) ? -1 : NEXT(mkstemp)(path);
}

int ftruncate(int fd, off_t n)
{
    return hit(call_truncate) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int fcntl(int fd, int what, ...)
{
    __builtin_va_list ap;
    __builtin_va_start(ap, what);
    void *arg = __builtin_va_arg(ap, void *);
    __builtin_va_end(ap);
    return hit(call_lock) ? -1 : (int)syscall(SYS_fcntl, fd, what, arg);
}

int dup2(int from, int to)
{
    return hit(call_dup) ? -1 : (int)syscall(SYS_dup2, from, to);
}

int pipe(int fd[2])
{
    return hit(call_pipe) ? -1 : (int)syscall(SYS_pipe2, fd, 0);
}

int poll(struct pollfd *fd, nfds_t n, int ms)
{
    return hit(call_poll) ? -1 : (int)syscall(SYS_poll, fd, n, ms);
}

pid_t fork(void)
{
    return hit(call_fork) ? -1 : NEXT(fork)();
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
    return hit(call_thread) ? fault : NEXT(pthread_create)(t, a, f, arg);
}

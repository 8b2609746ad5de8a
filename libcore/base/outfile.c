/* outfile.c - see outfile.h. */
#include "base/outfile.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct outfile {
    int fd;
    char *name;        /* what messages call it */
    char *path, *part; /* NULL when written directly */
    bool keep;         /* the part is a resumable state */
    int slot;          /* in the signal handler's table, -1: none */
};

/* ---- what a signal must remove ---- */

enum { SLOTS = 16, N_SIGNALS = 3 };
static const int tidy_signals[N_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t slot_used[SLOTS];
static char *slot_path[SLOTS];

static void tidy(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (slot_used[i])
            unlink(slot_path[i]);
}

static void tidy_and_die(int sig)
{
    tidy();
    signal(sig, SIG_DFL);
    raise(sig);
}

static int slot_take(char *path)
{
    static bool at_exit; /* out of memory ends the program in the middle of things */
    if (!at_exit)
        at_exit = atexit(tidy) == 0;
    for (size_t i = 0; i < N_SIGNALS; i++) {
        struct sigaction old, mine = {.sa_handler = tidy_and_die};
        sigemptyset(&mine.sa_mask);
        if (sigaction(tidy_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(tidy_signals[i], &mine, NULL);
    }
    for (int i = 0; i < SLOTS; i++)
        if (!slot_used[i]) {
            slot_path[i] = path;
            slot_used[i] = 1;
            return i;
        }
    return -1;
}

static void slot_drop(int slot)
{
    if (slot >= 0)
        slot_used[slot] = 0;
}

/* ---- opening ---- */

/* "a/b/f" -> "a/b/.f.part" */
static char *part_of(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t base = n;
    while (base > 0 && path[base - 1] != '/')
        base--;
    struct buf b = {0};
    buf_put(&b, path, base);
    buf_putc(&b, '.');
    buf_put(&b, path + base, n - base);
    buf_puts(&b, ".part");
    char *part = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return part;
}

/* An exclusive lock on fd, and the file behind `part` is still this one: a
 * writer that finished in between has renamed it away. */
static bool lock_part(int fd, const char *part, bool made, const char *name, bool *same,
                      struct err *e)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat by_fd, by_name;
    bool locked = fcntl(fd, F_SETLK, &l) == 0;
    if (!locked && (errno == EACCES || errno == EAGAIN)) {
        struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        long pid = fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK ? (long)holder.l_pid
                                                                                : 0;
        return err_set(e, ERR_CREATE, "%s: is being written by process %ld", name, pid);
    }
    if (!locked || fstat(fd, &by_fd) != 0) {
        err_sys(e, ERR_CREATE, "%s: cannot lock %s", name, part);
        if (made)
            unlink(part);
        return false;
    }
    *same = stat(part, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
            by_fd.st_dev == by_name.st_dev;
    return true;
}

static int open_part(const char *part, const char *name, struct err *e)
{
    for (;;) {
        int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        bool made = fd >= 0, same;
        if (!made && errno == EEXIST)
            fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            err_sys(e, ERR_CREATE, "%s: cannot create %s", name, part);
            return -1;
        }
        if (!lock_part(fd, part, made, name, &same, e)) {
            close(fd);
            return -1;
        }
        if (same)
            return fd;
        close(fd);
    }
}

static struct outfile *outfile_new(const char *name)
{
    struct outfile *o = xcalloc(1, sizeof *o);
    o->fd = -1;
    o->name = xstrdup(name);
    o->slot = -1;
    return o;
}

static void outfile_delete(struct outfile *o)
{
    slot_drop(o->slot);
    free(o->name);
    free(o->path);
    free(o->part);
    free(o);
}

static struct outfile *open_any(const char *path, bool keep, struct err *e)
{
    if (!path || strcmp(path, "-") == 0) {
        struct outfile *o = outfile_new("standard output");
        o->fd = STDOUT_FILENO;
        return o;
    }
    struct outfile *o = outfile_new(path);
    struct stat st;
    size_t n = strlen(path);
    bool exists = stat(path, &st) == 0;
    if (!exists && errno != ENOENT && errno != ENOTDIR)
        err_sys(e, ERR_CREATE, "%s: cannot look at it", path);
    else if (n == 0 || path[n - 1] == '/' || (exists && S_ISDIR(st.st_mode))) {
        err_set(e, ERR_CREATE, "%s: is a directory", n ? path : "(empty name)");
    } else if (exists && !S_ISREG(st.st_mode)) {
        o->fd = open(path, O_WRONLY | O_CLOEXEC);
        if (o->fd < 0)
            err_sys(e, ERR_CREATE, "%s: cannot open", path);
    } else {
        o->path = xstrdup(path);
        o->part = part_of(path);
        o->keep = keep;
        /* No signal between the file's appearance and its entry in the table. */
        sigset_t tidied, before;
        sigemptyset(&tidied);
        for (size_t i = 0; i < N_SIGNALS; i++)
            sigaddset(&tidied, tidy_signals[i]);
        pthread_sigmask(SIG_BLOCK, &tidied, &before);
        o->fd = open_part(o->part, path, e);
        if (o->fd >= 0 && !keep)
            o->slot = slot_take(o->part);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (o->fd >= 0 && !keep && ftruncate(o->fd, 0) != 0) {
            err_sys(e, ERR_CREATE, "%s: cannot empty %s", path, o->part);
            unlink(o->part);
        }
    }
    if (e->status) {
        if (o->fd >= 0)
            close(o->fd);
        outfile_delete(o);
        return NULL;
    }
    return o;
}

struct outfile *outfile_open(const char *path, struct err *e)
{
    return open_any(path, false, e);
}

struct outfile *outfile_resume(const char *path, uint64_t *left, struct err *e)
{
    struct outfile *o = open_any(path, true, e);
    struct stat st;
    *left = 0;
    if (!o || !o->part)
        return o;
    if (fstat(o->fd, &st) != 0) {
        err_sys(e, ERR_CREATE, "%s: cannot look at %s", path, o->part);
        outfile_suspend(o);
        return NULL;
    }
    *left = (uint64_t)st.st_size;
    return o;
}

bool outfile_truncate(struct outfile *o, uint64_t size, struct err *e)
{
    if (!o->part)
        return true;
    if (ftruncate(o->fd, (off_t)size) != 0 || lseek(o->fd, (off_t)size, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, "%s: cannot cut %s", o->name, o->part);
    return true;
}

int outfile_fd(const struct outfile *o)
{
    return o->fd;
}

const char *outfile_name(const struct outfile *o)
{
    return o->name;
}

bool outfile_is_terminal(const struct outfile *o)
{
    return isatty(o->fd);
}

/* ---- writing ---- */

bool outfile_write(struct outfile *o, const void *data, size_t n, struct err *e)
{
    return file_put(o->fd, o->name, data, n, e);
}

bool outfile_sync(struct outfile *o, struct err *e)
{
    if (o->part && !file_sync(o->fd))
        return err_sys(e, ERR_IO, "%s: cannot sync", o->name);
    return true;
}

static bool sync_folder_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    char *dir = xmalloc(n + 2);
    memcpy(dir, path, n);
    strcpy(dir + n, slash == path ? "/" : slash ? "" : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && file_sync(fd);
    if (!ok)
        err_sys(e, ERR_IO, "%s: cannot sync the folder", dir);
    if (fd >= 0)
        close(fd);
    free(dir);
    return ok;
}

bool outfile_commit(struct outfile *o, struct err *e)
{
    bool renamed = false;
    if (o->part && !file_sync(o->fd))
        err_sys(e, ERR_IO, "%s: cannot sync", o->name);
    /* The lock lives until close, so the rename comes first. */
    if (!e->status && o->part) {
        renamed = rename(o->part, o->path) == 0;
        if (!renamed)
            err_sys(e, ERR_CREATE, "%s: cannot rename %s", o->name, o->part);
    }
    if (!renamed && o->part && !o->keep)
        unlink(o->part);
    if (close(o->fd) != 0 && !e->status && errno != EINTR)
        err_sys(e, ERR_IO, "%s: cannot close", o->name);
    if (renamed && !e->status)
        sync_folder_of(o->path, e);
    outfile_delete(o);
    return e->status == 0;
}

void outfile_discard(struct outfile *o)
{
    if (!o)
        return;
    if (o->part)
        unlink(o->part);
    if (o->fd != STDOUT_FILENO)
        close(o->fd);
    outfile_delete(o);
}

void outfile_suspend(struct outfile *o)
{
    if (o->fd != STDOUT_FILENO)
        close(o->fd);
    outfile_delete(o);
}

bool outfile_put(const char *path, const void *data, size_t n, struct err *e)
{
    struct outfile *o = outfile_open(path, e);
    if (!o)
        return false;
    if (outfile_write(o, data, n, e))
        return outfile_commit(o, e);
    outfile_discard(o);
    return false;
}

/* ---- directories ---- */

struct outdir {
    char *path, *part, *lock;
    int lock_fd;
    struct outdir *next; /* of those that are open */
};

static struct outdir *open_dirs;

static bool remove_files(const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT ? true : err_sys(e, ERR_CREATE, "%s: cannot read", dir);
    for (const char *f; !e->status && (f = folder_next(d, dir, e));)
        if (unlinkat(dirfd(d), f, 0) != 0)
            err_sys(e, ERR_CREATE, "%s/%s: cannot remove", dir, f);
    closedir(d);
    return e->status == 0;
}

/* Out of memory ends the program in the middle of things. */
static void remove_open_dirs(void)
{
    for (struct outdir *d = open_dirs; d; d = d->next) {
        struct err ignored = ERR_NONE;
        remove_files(d->part, &ignored);
        rmdir(d->part);
        unlink(d->lock);
    }
}

static void enlist(struct outdir *d)
{
    static bool at_exit;
    if (!at_exit)
        at_exit = atexit(remove_open_dirs) == 0;
    d->next = open_dirs;
    open_dirs = d;
}

static void outdir_delete(struct outdir *d)
{
    for (struct outdir **at = &open_dirs; *at; at = &(*at)->next)
        if (*at == d) {
            *at = d->next;
            break;
        }
    if (d->lock_fd >= 0) {
        unlink(d->lock);
        close(d->lock_fd);
    }
    free(d->path);
    free(d->part);
    free(d->lock);
    free(d);
}

struct outdir *outdir_open(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) == 0) {
        err_set(e, ERR_CREATE, "%s: exists already", path);
        return NULL;
    }
    struct outdir *d = xcalloc(1, sizeof *d);
    d->path = xstrdup(path);
    for (size_t n = strlen(d->path); n > 1 && d->path[n - 1] == '/'; n--)
        d->path[n - 1] = 0;
    d->part = part_of(d->path);
    struct buf b = {0};
    buf_printf(&b, "%s.lock", d->part);
    d->lock = xstrdup(buf_cstr(&b));
    buf_free(&b);
    d->lock_fd = open_part(d->lock, path, e);
    if (d->lock_fd >= 0)
        enlist(d);
    if (d->lock_fd >= 0 && remove_files(d->part, e) && mkdir(d->part, 0777) != 0 && errno != EEXIST)
        err_sys(e, ERR_CREATE, "%s: cannot create %s", path, d->part);
    if (e->status) {
        outdir_delete(d);
        return NULL;
    }
    return d;
}

const char *outdir_path(const struct outdir *d)
{
    return d->part;
}

static bool sync_files(const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_IO, "%s: cannot read", dir);
    for (const char *f; !e->status && (f = folder_next(d, dir, e));) {
        int fd = openat(dirfd(d), f, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || !file_sync(fd))
            err_sys(e, ERR_IO, "%s/%s: cannot sync", dir, f);
        if (fd >= 0)
            close(fd);
    }
    if (!e->status && !file_sync(dirfd(d)))
        err_sys(e, ERR_IO, "%s: cannot sync", dir);
    closedir(d);
    return e->status == 0;
}

bool outdir_commit(struct outdir *d, struct err *e)
{
    if (sync_files(d->part, e)) {
        /* rename() would replace an empty directory that appeared meanwhile: harmless. */
        if (rename(d->part, d->path) != 0)
            err_sys(e, ERR_CREATE, "%s: cannot rename %s", d->path, d->part);
        else
            sync_folder_of(d->path, e);
    }
    if (e->status)
        outdir_discard(d);
    else
        outdir_delete(d);
    return e->status == 0;
}

void outdir_discard(struct outdir *d)
{
    if (!d)
        return;
    struct err ignored = ERR_NONE;
    remove_files(d->part, &ignored);
    rmdir(d->part);
    outdir_delete(d);
}

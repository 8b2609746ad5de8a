/* file.c - see file.h. */
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_regular(const char *path, size_t *size, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        err_sys(e, ERR_NOINPUT, "%s: cannot open", path);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(e, ERR_NOINPUT, "%s: not a regular file", path);
    } else if (st.st_size < 0 || (uintmax_t)st.st_size > SIZE_MAX) {
        err_set(e, ERR_NOINPUT, "%s: too large for this machine", path);
    } else {
        *size = (size_t)st.st_size;
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

bool file_exists(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISREG(st.st_mode);
    return errno != ENOENT && errno != ENOTDIR &&
           err_sys(e, ERR_NOINPUT, "%s: cannot look at it", path);
}

const char *folder_next(DIR *d, const char *name, struct err *e)
{
    struct dirent *f;
    do {
        errno = 0;
        f = readdir(d);
    } while (f && (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0));
    if (!f && errno)
        err_sys(e, ERR_IO, "%s: cannot read the folder", name);
    return f ? f->d_name : NULL;
}

bool file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    size_t size;
    int fd = open_regular(path, &size, e);
    if (fd < 0)
        return false;
    bool ok = size <= max ||
              err_set(e, ERR_DATA, "%s: too long (seen %zu bytes, at most %zu: file-size)", path,
                      size, max);
    if (ok)
        buf_reserve(out, size);
    for (size_t done = 0; ok && done < size;) {
        ssize_t k = read(fd, out->p + out->n, size - done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            ok = err_sys(e, ERR_IO, "%s: cannot read", path);
        else if (k == 0)
            ok = err_set(e, ERR_IO, "%s: became shorter while it was read", path);
        else
            done += (size_t)k, out->n += (size_t)k;
    }
    close(fd);
    return ok;
}

bool file_map(const char *path, struct file_map *m, struct err *e)
{
    *m = (struct file_map){NULL, 0};
    size_t size;
    int fd = open_regular(path, &size, e);
    if (fd < 0)
        return false;
    void *p = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    bool ok = p != MAP_FAILED || err_sys(e, ERR_NOINPUT, "%s: cannot be mapped", path);
    close(fd);
    if (ok)
        *m = (struct file_map){p, size};
    return ok;
}

void file_unmap(struct file_map *m)
{
    if (m->p)
        munmap((void *)(uintptr_t)m->p, m->n);
    *m = (struct file_map){NULL, 0};
}

int file_create(const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        err_sys(e, ERR_CREATE, "%s: cannot create", path);
    return fd;
}

bool file_put(int fd, const char *name, const void *data, size_t n, struct err *e)
{
    for (const char *p = data; n;) {
        ssize_t done = write(fd, p, n);
        if (done >= 0) {
            p += done;
            n -= (size_t)done;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return err_sys(e, ERR_IO, "%s: cannot write", name);
        }
    }
    return true;
}

bool file_sync(int fd)
{
    int r;
    do
        r = fsync(fd);
    while (r != 0 && errno == EINTR);
    return r == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

bool file_close(int fd, const char *path, struct err *e)
{
    if (!e->status && !file_sync(fd))
        err_sys(e, ERR_IO, "%s: cannot sync", path);
    if (close(fd) != 0 && !e->status && errno != EINTR)
        err_sys(e, ERR_IO, "%s: cannot close", path);
    return e->status == 0;
}

bool file_write(const char *path, const void *data, size_t n, struct err *e)
{
    int fd = file_create(path, e);
    if (fd < 0)
        return false;
    file_put(fd, path, data, n, e);
    return file_close(fd, path, e);
}

bool file_copy(const char *from, const char *to, struct err *e)
{
    struct file_map m;
    if (!file_map(from, &m, e))
        return false;
    bool ok = file_write(to, m.p, m.n, e);
    file_unmap(&m);
    return ok;
}

char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    struct buf b = {0};
    buf_puts(&b, dir);
    if (n && dir[n - 1] != '/')
        buf_putc(&b, '/');
    buf_puts(&b, name);
    char *s = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return s;
}

int file_nameless(struct err *e)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    if (!folder || !*folder || strlen(folder) > sizeof path - 32)
        folder = "/tmp";
    snprintf(path, sizeof path, "%s/gcpo-spool-XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0) {
        err_sys(e, ERR_CREATE, "%s: cannot create a temporary file", folder);
        return -1;
    }
    unlink(path);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

FILE *file_nameless_stream(struct err *e)
{
    int fd = file_nameless(e);
    FILE *f = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    if (fd >= 0 && !f) {
        err_sys(e, ERR_CREATE, "cannot create a temporary file");
        close(fd);
    }
    return f;
}

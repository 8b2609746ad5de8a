/* spool.c - see spool.h. */
#include "stream/spool.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 16, FD_PATH = 32 };

struct spool {
    char **files;
    char (*paths)[FD_PATH]; /* of copies */
    int *fds;               /* of copies, else -1 */
    size_t n;
    bool has_stdin;
    off_t stdin_start;
};

static bool copy(int from, int to, const char *name, struct err *e)
{
    char *block = xmalloc(COPY_SIZE);
    for (;;) {
        ssize_t n = read(from, block, COPY_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            poll(&(struct pollfd){.fd = from, .events = POLLIN}, 1, -1);
            continue;
        }
        if (n < 0)
            err_sys(e, ERR_IO, "%s: cannot read", name);
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(to, block + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR) {
                err_sys(e, ERR_IO, "temporary copy of %s: cannot write", name);
                break;
            }
            done += w > 0 ? w : 0;
        }
        if (n <= 0 || e->status)
            break;
    }
    free(block);
    return e->status == 0;
}

static bool spool_stdin(struct spool *s, struct err *e)
{
    struct stat st;
    if (s->has_stdin || isatty(STDIN_FILENO))
        return true;
    if (fstat(STDIN_FILENO, &st) != 0)
        return err_sys(e, ERR_NOINPUT, "standard input: cannot look at it");
    s->has_stdin = true;
    s->stdin_start = S_ISREG(st.st_mode) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1;
    if (s->stdin_start >= 0 || S_ISDIR(st.st_mode))
        return true;
    int fd = file_nameless(e);
    if (fd < 0)
        return false;
    bool ok = copy(STDIN_FILENO, fd, "standard input", e);
    if (ok && dup2(fd, STDIN_FILENO) < 0)
        ok = err_sys(e, ERR_SYSTEM, "cannot replace standard input");
    close(fd);
    s->stdin_start = 0;
    return ok;
}

static bool spool_file(struct spool *s, size_t i, struct err *e)
{
    struct stat st;
    if (stat(s->files[i], &st) != 0)
        return errno == ENOENT || err_sys(e, ERR_NOINPUT, "%s: cannot look at it", s->files[i]);
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return true;
    int from = open(s->files[i], O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return true;
    s->fds[i] = file_nameless(e);
    bool ok = s->fds[i] >= 0 && copy(from, s->fds[i], s->files[i], e);
    close(from);
    snprintf(s->paths[i], FD_PATH, "/dev/fd/%d", s->fds[i]);
    s->files[i] = s->paths[i];
    return ok;
}

struct spool *spool_open(char *const *files, struct err *e)
{
    static char dash[] = "-";
    struct spool *s = xcalloc(1, sizeof *s);
    while (files && files[s->n])
        s->n++;
    size_t n = s->n ? s->n : 1;
    s->files = xcalloc(n + 1, sizeof *s->files);
    s->paths = xcalloc(n, sizeof *s->paths);
    s->fds = xcalloc(n, sizeof *s->fds);
    for (size_t i = 0; i < n; i++) {
        s->files[i] = s->n ? files[i] : dash;
        s->fds[i] = -1;
    }
    s->n = n;
    for (size_t i = 0; i < n; i++)
        if (!(strcmp(s->files[i], "-") == 0 ? spool_stdin(s, e) : spool_file(s, i, e))) {
            spool_close(s);
            return NULL;
        }
    return s;
}

char *const *spool_files(const struct spool *s)
{
    return s->files;
}

bool spool_rewind(struct spool *s, struct err *e)
{
    if (s->has_stdin && s->stdin_start >= 0 && lseek(STDIN_FILENO, s->stdin_start, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, "standard input: cannot read it again");
    return true;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        if (s->fds[i] >= 0)
            close(s->fds[i]);
    free(s->files);
    free(s->paths);
    free(s->fds);
    free(s);
}

/* coprocess.c - see coprocess.h. */
#include "task/coprocess.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 20 };

struct coprocess {
    char *command;
    double limit_s;
    pid_t pid; /* 0: not running */
    int in, out;
    bool answered; /* since it was started */
    struct buf got;
};

struct coprocess *coprocess_new(const char *command, double limit_s)
{
    struct coprocess *c = xcalloc(1, sizeof *c);
    c->command = xstrdup(command);
    c->limit_s = limit_s;
    c->in = c->out = -1;
    return c;
}

/* The child is the leader of a process group of its own, so that what it has
 * started goes with it. */
static void stop(struct coprocess *c)
{
    if (!c->pid)
        return;
    close(c->in);
    close(c->out);
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    c->answered = false;
    buf_reset(&c->got);
}

/* A child that said more than its answer, or has ended, is of no use for the next
 * one: what is left over would be taken for it. */
static bool is_in_step(const struct coprocess *c)
{
    struct pollfd fd = {.fd = c->out, .events = POLLIN};
    const char *end = c->got.n ? memchr(c->got.p, '\n', c->got.n) : NULL;
    bool more = end && end + 1 < c->got.p + c->got.n;
    return !more && poll(&fd, 1, 0) == 0;
}

static bool start(struct coprocess *c, struct err *e)
{
    int to[2], from[2];
    if (c->pid)
        return true;
    if (pipe(to) != 0)
        return err_sys(e, ERR_SYSTEM, "a pipe to the checker");
    if (pipe(from) != 0) {
        err_sys(e, ERR_SYSTEM, "a pipe from the checker");
        close(to[0]);
        close(to[1]);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(to[i], F_SETFD, FD_CLOEXEC);
        fcntl(from[i], F_SETFD, FD_CLOEXEC);
    }
    c->pid = fork();
    if (c->pid == 0) {
        setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0)
            execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
        _exit(127);
    }
    if (c->pid < 0)
        err_sys(e, ERR_SYSTEM, "the checker cannot be started");
    close(to[0]);
    close(from[1]);
    c->in = to[1];
    c->out = from[0];
    if (c->pid < 0) {
        close(c->in);
        close(c->out);
        c->pid = 0;
        return false;
    }
    setpgid(c->pid, c->pid);
    fcntl(c->in, F_SETFL, O_NONBLOCK);
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    return true;
}

static const char *refused(struct err *e, const char *what)
{
    err_sys(e, ERR_IO, "%s the checker", what);
    return "exec:refused";
}

/* Writes the line and reads one back, both at once, until the deadline. */
static const char *talk(struct coprocess *c, struct str line, double deadline, struct err *e)
{
    size_t sent = 0;
    for (;;) {
        double left = deadline - clock_s();
        if (left <= 0)
            return "exec:timeout";
        struct pollfd fds[] = {{.fd = c->out, .events = POLLIN},
                               {.fd = sent < line.n ? c->in : -1, .events = POLLOUT}};
        int n = poll(fds, 2, left > 1 ? 1000 : (int)(left * 1000) + 1);
        if (n < 0 && errno != EINTR)
            return refused(e, "waiting for");
        if (n > 0 && fds[1].revents) {
            ssize_t w = write(c->in, line.p + sent, line.n - sent);
            if (w < 0 && errno == EPIPE)
                return "exec:died";
            if (w < 0 && errno != EAGAIN && errno != EINTR)
                return refused(e, "writing to");
            sent += w > 0 ? (size_t)w : 0;
        }
        if (n > 0 && fds[0].revents) {
            buf_reserve(&c->got, 4096);
            ssize_t r = read(c->out, c->got.p + c->got.n, 4096);
            if (r == 0)
                return "exec:died";
            if (r < 0 && errno != EAGAIN && errno != EINTR)
                return refused(e, "reading from");
            c->got.n += r > 0 ? (size_t)r : 0;
            if (c->got.n && memchr(c->got.p, '\n', c->got.n))
                return NULL;
            if (c->got.n > ANSWER_MAX)
                return "exec:not-json";
        }
    }
}

static const char *ask(struct coprocess *c, struct str line, struct err *e)
{
    return start(c, e) ? talk(c, line, clock_s() + c->limit_s, e) : "exec:refused";
}

bool coprocess_ask(struct coprocess *c, struct str line, struct arena *a, struct str *answer,
                   const char **why, struct err *e)
{
    /* A child that died between two answers shows when it is written to: SIGPIPE is
     * blocked meanwhile and taken off, so that the program's own pipes keep theirs. */
    sigset_t pipe_only, old;
    struct buf text = {0};
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    buf_putstr(&text, line);
    buf_putc(&text, '\n');
    if (c->pid && !is_in_step(c))
        stop(c);
    buf_reset(&c->got);
    *why = ask(c, buf_str(&text), e);
    if (*why && strcmp(*why, "exec:died") == 0 && c->answered) { /* perhaps before it heard us */
        stop(c);
        *why = ask(c, buf_str(&text), e);
    }
    struct timespec now = {0, 0};
    while (sigtimedwait(&pipe_only, NULL, &now) > 0)
        ;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    buf_free(&text);
    if (!*why) {
        c->answered = true;
        const char *end = memchr(c->got.p, '\n', c->got.n);
        size_t n = (size_t)(end - c->got.p);
        struct str copy = {arena_strdup(a, c->got.p, n), n};
        struct err bad = ERR_NONE;
        if (json_check(copy, answer, &bad) && json_type(*answer) == JSON_OBJECT)
            return true;
        *why = "exec:not-json";
    }
    stop(c);
    return false;
}

void coprocess_free(struct coprocess *c)
{
    if (!c)
        return;
    stop(c);
    buf_free(&c->got);
    free(c->command);
    free(c);
}

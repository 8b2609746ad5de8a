/* log.c - see log.h.  The only static state of the library: a program has one
 * standard error. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *program = "gcpo";
static enum log_level level = LOG_NORMAL;

static struct {
    bool active, forced, force_value, drawn;
    const char *unit;
    uint64_t total, done;
    double start, last;
    char note[120];
} bar;

void log_open(const char *name)
{
    const char *slash = strrchr(name, '/');
    program = slash ? slash + 1 : name;
}

const char *log_program(void)
{
    return program;
}

void log_set_level(enum log_level l)
{
    level = l;
}

enum log_level log_level(void)
{
    return level;
}

static void erase(void)
{
    if (bar.drawn)
        fputs("\r\033[K", stderr);
    bar.drawn = false;
}

static void say(const char *kind, const char *fmt, va_list ap)
{
    erase();
    fprintf(stderr, "%s: %s", program, kind);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void log_warn(const char *fmt, ...)
{
    if (level < LOG_NORMAL)
        return;
    va_list ap;
    va_start(ap, fmt);
    say("warning: ", fmt, ap);
    va_end(ap);
}

void log_info(const char *fmt, ...)
{
    if (level < LOG_VERBOSE)
        return;
    va_list ap;
    va_start(ap, fmt);
    say("", fmt, ap);
    va_end(ap);
}

int err_report(const struct err *e)
{
    progress_end();
    if (e->status == ST_OK)
        return 0;
    if (e->text[0]) {
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", program, e->text);
    }
    return e->status;
}

double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_force(bool on)
{
    bar.forced = true;
    bar.force_value = on;
}

void progress_begin(const char *unit, uint64_t total)
{
    bar.active = bar.forced ? bar.force_value : level >= LOG_NORMAL && isatty(STDERR_FILENO);
    bar.unit = unit;
    bar.total = total;
    bar.done = 0;
    bar.start = bar.last = clock_s();
    bar.note[0] = 0;
}

void progress_note(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(bar.note, sizeof bar.note, fmt, ap);
    va_end(ap);
}

static void print_duration(double s)
{
    if (s < 100)
        fprintf(stderr, "%.0f s", s);
    else if (s < 6000)
        fprintf(stderr, "%.0f min", s / 60);
    else
        fprintf(stderr, "%.1f h", s / 3600);
}

void progress_add(uint64_t done)
{
    if (!bar.active)
        return;
    bar.done += done;
    double now = clock_s();
    if (now - bar.last < 0.2)
        return;
    bar.last = now;
    double spent = now - bar.start, rate = (double)bar.done / spent;
    erase();
    bar.drawn = true;
    fprintf(stderr, "%s: %llu", program, (unsigned long long)bar.done);
    if (bar.total)
        fprintf(stderr, " of %llu", (unsigned long long)bar.total);
    fprintf(stderr, " %s, %.*f/s", bar.unit, rate < 10 ? 2 : 0, rate);
    if (bar.total > bar.done && rate > 0) {
        fputs(", ", stderr);
        print_duration((double)(bar.total - bar.done) / rate);
        fputs(" left", stderr);
    }
    if (bar.note[0])
        fprintf(stderr, ", %s", bar.note);
    fflush(stderr);
}

void progress_end(void)
{
    erase();
    bar.active = false;
}

/* err.c - see err.h. */
#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(struct err *e, int status, const char *fmt, va_list ap)
{
    ASSERT(e->status == 0);
    ASSERT(status != 0);
    e->status = status;
    vsnprintf(e->text, sizeof e->text, fmt, ap);
}

bool err_set(struct err *e, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(e, status, fmt, ap);
    va_end(ap);
    return false;
}

bool err_sys(struct err *e, int status, const char *fmt, ...)
{
    int cause = errno;
    va_list ap;
    va_start(ap, fmt);
    fill(e, status, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(cause));
    return false;
}

bool err_at(struct err *e, const char *fmt, ...)
{
    ASSERT(e->status != 0);
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, "%s", old);
    return false;
}

void assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s: internal error: %s:%d: %s\n", log_program(), file, line, cond);
    exit(ERR_BUG);
}

/* err.h - failure as a value.
 *
 * A function that can fail takes `struct err *e` last and returns bool or a
 * pointer: false or NULL exactly when *e is filled.  The status in it is the
 * exit status of the program (sysexits(3)), so there is no mapping table.
 * An error is set once, where the fault is seen, and prefixed at most by the
 * place (err_at).  Setting a second error on top of a first is a bug and aborts.
 *
 * Message grammar: one line, lower case, no full stop:
 *     FILE:LINE: what is wrong (seen X, expected Y) */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum status {
    ST_OK = 0,
    ST_NO = 1,        /* a question answered no */
    ERR_USAGE = 64,   /* the command line is wrong */
    ERR_DATA = 65,    /* the content of an input is wrong */
    ERR_NOINPUT = 66, /* an input is missing or cannot be read */
    ERR_DEVICE = 69,  /* a device or enough memory is not available */
    ERR_BUG = 70,     /* a fault of this program */
    ERR_SYSTEM = 71,  /* the operating system refused: memory, threads */
    ERR_CREATE = 73,  /* an output cannot be created */
    ERR_IO = 74,      /* reading or writing failed on the way */
};

struct err {
    int status;      /* enum status; 0 means no error */
    char text[1000]; /* NUL-terminated; cut, never overrun */
};

#define ERR_NONE                                                                                   \
    {                                                                                              \
        0,                                                                                         \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

#if defined(__GNUC__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK             __attribute__((warn_unused_result))
#else
#define PRINTF_LIKE(fmt, args)
#define MUST_CHECK
#endif

/* Fills *e and returns false, so that `return err_set(e, ...)` is one line. */
bool err_set(struct err *e, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with ": " and the text of errno appended. */
bool err_sys(struct err *e, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts a place ("FILE:LINE: ") in front of an error that is set.  Returns false. */
bool err_at(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A fault of our own: says where and exits with ERR_BUG.  Kept in release builds. */
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *cond, const char *file, int line);

#endif

/* opt.h - one table per program parses, checks ranges and prints --help.
 *
 *     struct opt opts[] = {
 *         OPT_COUNT('n', "group-size", "N", &n, 1, 65536, "responses per prompt"),
 *         OPT_SWITCH(0, "why", &why, "say which rule decided"),
 *         OPT_END};
 *     char **files = opt_parse(argc, argv, &(struct opt_spec){"[groups ...]", "judge responses", opts});
 *
 * Defaults are the variables' values when opt_parse is called; --help shows
 * them.  Long options are never abbreviated; --name=value, --name value, -xVALUE,
 * -x VALUE, -abc and -- work; options and operands may be mixed; every switch
 * has --no-NAME.  -q -v -h -V are added to every table.  Help that was asked for
 * goes to standard output with status 0; misuse is one line and a hint on
 * standard error with ERR_USAGE. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum opt_kind {
    OPT_KIND_END,
    OPT_KIND_HEADING,
    OPT_KIND_SWITCH,
    OPT_KIND_STRING,
    OPT_KIND_COUNT,
    OPT_KIND_SIZE,
    OPT_KIND_REAL,
    OPT_KIND_CHOICE,
    OPT_KIND_LIST
};

struct opt_list {
    const char **items; /* program lifetime */
    size_t n;
};

struct opt {
    enum opt_kind kind;
    char letter; /* 0: none */
    const char *name, *metavar;
    void *value; /* bool, const char *, uint64_t, uint64_t, double, const char *, struct opt_list */
    double lo, hi;              /* REAL: closed range */
    uint64_t min, max;          /* COUNT, SIZE: closed range */
    const char *const *choices; /* CHOICE: ends with NULL */
    const char *help;
    bool neutral; /* does not bear on the result: kept out of the provenance */
    bool *seen;   /* set when the option was given; may be NULL */
};

#define OPT_END                                                                                    \
    {                                                                                              \
        .kind = OPT_KIND_END                                                                       \
    }
#define OPT_HEADING(text)                                                                          \
    {                                                                                              \
        .kind = OPT_KIND_HEADING, .help = (text)                                                   \
    }
#define OPT_SWITCH(l, n, v, h)                                                                     \
    {                                                                                              \
        .kind = OPT_KIND_SWITCH, .letter = (l), .name = (n), .value = (bool *){v}, .help = (h)     \
    }
#define OPT_STRING(l, n, m, v, h)                                                                  \
    {                                                                                              \
        .kind = OPT_KIND_STRING, .letter = (l), .name = (n), .metavar = (m),                       \
        .value = (const char **){v}, .help = (h)                                                   \
    }
#define OPT_COUNT(l, n, m, v, a, b, h)                                                             \
    {                                                                                              \
        .kind = OPT_KIND_COUNT, .letter = (l), .name = (n), .metavar = (m),                        \
        .value = (uint64_t *){v}, .min = (a), .max = (b), .help = (h)                              \
    }
#define OPT_SIZE(l, n, m, v, a, b, h)                                                              \
    {                                                                                              \
        .kind = OPT_KIND_SIZE, .letter = (l), .name = (n), .metavar = (m),                         \
        .value = (uint64_t *){v}, .min = (a), .max = (b), .help = (h)                              \
    }
#define OPT_REAL(l, n, m, v, a, b, h)                                                              \
    {                                                                                              \
        .kind = OPT_KIND_REAL, .letter = (l), .name = (n), .metavar = (m), .value = (double *){v}, \
        .lo = (a), .hi = (b), .help = (h)                                                          \
    }
#define OPT_CHOICE(l, n, v, c, h)                                                                  \
    {                                                                                              \
        .kind = OPT_KIND_CHOICE, .letter = (l), .name = (n), .metavar = "NAME",                    \
        .value = (const char **){v}, .choices = (c), .help = (h)                                   \
    }
#define OPT_LIST(l, n, m, v, h)                                                                    \
    {                                                                                              \
        .kind = OPT_KIND_LIST, .letter = (l), .name = (n), .metavar = (m),                         \
        .value = (struct opt_list *){v}, .help = (h)                                               \
    }
/* The same as one of the above, but with no bearing on the result. */
#define OPT_NEUTRAL(l, n, m, v, h)                                                                 \
    {                                                                                              \
        .kind = OPT_KIND_STRING, .letter = (l), .name = (n), .metavar = (m),                       \
        .value = (const char **){v}, .help = (h), .neutral = true                                  \
    }

/* Options that several programs share, spelled once. */
#define OPT_OUTPUT(v)                                                                              \
    OPT_NEUTRAL('o', "output", "FILE", v, "write to FILE, which appears whole or not at all")
#define OPT_PLAIN(v)                                                                               \
    {                                                                                              \
        .kind = OPT_KIND_SWITCH, .name = "plain", .value = (bool *){v},                            \
        .help = "write plain JSONL (the default on a terminal)", .neutral = true                   \
    }
#define OPT_REJECT(v)                                                                              \
    OPT_NEUTRAL(0, "reject", "FILE", v, "put bad records into FILE, count them and go on")
#define OPT_THREADS(v)                                                                             \
    {                                                                                              \
        .kind = OPT_KIND_COUNT, .letter = 'j', .name = "threads", .metavar = "N",                  \
        .value = (uint64_t *){v}, .min = 0, .max = 1024,                                           \
        .help = "threads; 0 is one per processor", .neutral = true                                 \
    }
#define OPT_DEVICE(v)                                                                              \
    OPT_NEUTRAL(0, "device", "NAME", v,                                                            \
                "auto, cpu, cuda, cuda:N or ref; auto: a GPU if there is one")
#define OPT_MODEL(v) OPT_NEUTRAL('m', "model", "DIR", v, "model directory (Hugging Face layout)")

struct opt_spec {
    const char *operands; /* "[groups ...]"; NULL: there are none */
    const char *summary;  /* one line, without the program's name */
    const struct opt *opts;
    const char *footer;    /* printed after the options; may be NULL */
    void (*version)(void); /* prints more lines for -V -v; may be NULL */
};

/* Operands, NULL-terminated, borrowed from argv.  May exit (help, version, misuse). */
char **opt_parse(int argc, char **argv, const struct opt_spec *spec);

/* Misuse found after parsing: prints the line and the hint, exits with ERR_USAGE. */
_Noreturn void opt_misuse(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The options that bear on the result, all of them with their values, as a JSON
 * object in table order: the canonical form that provenance records. */
void opt_canonical(const struct opt *opts, struct buf *out);

#endif

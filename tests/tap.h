/* tap.h - the C tests' harness: a table of functions, TAP on standard output.
 *
 *     static void adds(void) { CHECK(1 + 1 == 2); CHECK_STR(name(), "x"); }
 *     int main(void) { static const struct test t[] = {{"adds", adds}}; return TAP_RUN(t); }
 *
 * A test may call SKIP("why") and return. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <math.h>
#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    void (*fn)(void);
};

static int tap_failures;
static const char *tap_skip;

#define SKIP(why) (tap_skip = (why))
#define CHECK(cond)                                                                                \
    ((cond) ? (void)0 : (void)(tap_failures++, printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond)))
#define CHECK_INT(seen, want)                                                                      \
    do {                                                                                           \
        long long seen_ = (long long)(seen), want_ = (long long)(want);                            \
        if (seen_ != want_) {                                                                      \
            tap_failures++;                                                                        \
            printf("# %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #seen, seen_,       \
                   want_);                                                                         \
        }                                                                                          \
    } while (0)
#define CHECK_STR(seen, want)                                                                      \
    do {                                                                                           \
        const char *seen_ = (seen), *want_ = (want);                                               \
        if (strcmp(seen_, want_) != 0) {                                                           \
            tap_failures++;                                                                        \
            printf("# %s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #seen, seen_,   \
                   want_);                                                                         \
        }                                                                                          \
    } while (0)
#define CHECK_NEAR(seen, want, tolerance)                                                          \
    do {                                                                                           \
        double seen_ = (seen), want_ = (want);                                                     \
        if (!(fabs(seen_ - want_) <= (tolerance))) {                                               \
            tap_failures++;                                                                        \
            printf("# %s:%d: %s is %.17g, expected %.17g within %g\n", __FILE__, __LINE__, #seen,  \
                   seen_, want_, (double)(tolerance));                                             \
        }                                                                                          \
    } while (0)

static int tap_run(const struct test *tests, int n)
{
    int bad = 0;
    printf("1..%d\n", n);
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        tap_failures = 0;
        tap_skip = NULL;
        tests[i].fn();
        bad += tap_failures > 0;
        printf("%s %d %s%s%s\n", tap_failures ? "not ok" : "ok", i + 1, tests[i].name,
               tap_skip ? " # skip " : "", tap_skip ? tap_skip : "");
        fflush(stdout);
    }
    return bad > 0;
}

#define TAP_RUN(table) tap_run(table, (int)(sizeof(table) / sizeof *(table)))

#endif

/* numbers.h - comparing many numbers with stored ones: counts, the worst of
 * each quantity, and the first differences in full. */
#ifndef TESTS_DATA_NUMBERS_H
#define TESTS_DATA_NUMBERS_H

#include "base/json.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTITIES_MAX = 64, SHOWN_MAX = 5 };

struct quantity {
    const char *name; /* a literal */
    double worst;     /* largest difference, as a share of the tolerance */
    size_t n;
};

struct numbers {
    const char *where;
    size_t ran, differ;
    struct quantity q[QUANTITIES_MAX];
    int n_q;
};

static struct quantity *quantity(struct numbers *s, const char *name)
{
    for (int i = 0; i < s->n_q; i++)
        if (strcmp(s->q[i].name, name) == 0)
            return &s->q[i];
    ASSERT(s->n_q < QUANTITIES_MAX);
    s->q[s->n_q] = (struct quantity){.name = name};
    return &s->q[s->n_q++];
}

/* What went wrong, printed for the first few. */
static void differs(struct numbers *s, const char *what, const char *detail)
{
    if (s->differ++ < SHOWN_MAX)
        printf("%s: %s differs: %s\n", s->where, what, detail);
}

static void expect(struct numbers *s, const char *what, bool good, const char *detail)
{
    struct quantity *q = quantity(s, what);
    s->ran++, q->n++;
    if (!good) {
        q->worst = INFINITY;
        differs(s, what, detail);
    }
}

/* `detail` says which element; the difference must not exceed the tolerance. */
static void near(struct numbers *s, const char *what, const char *detail, double seen, double want,
                 double tolerance)
{
    struct quantity *q = quantity(s, what);
    double share = fabs(seen - want) / tolerance;
    s->ran++, q->n++;
    if (!(share <= q->worst))
        q->worst = share;
    if (!(share <= 1)) {
        char text[256];
        snprintf(text, sizeof text, "%s: seen %.9g, expected %.9g within %.3g", detail, seen, want,
                 tolerance);
        differs(s, what, text);
    }
}

/* One line for the file; its TAP line. */
static void numbers_print(const struct numbers *s, size_t number)
{
    printf("%s: ran %zu, passed %zu, differ %zu; worst as a share of the tolerance:", s->where,
           s->ran, s->ran - s->differ, s->differ);
    for (int i = 0; i < s->n_q; i++)
        printf("%s %s %.3g", i ? "," : "", s->q[i].name, s->q[i].worst);
    printf("\n%s %zu - %s\n", s->differ ? "not ok" : "ok", number, s->where);
}

/* ---- JSON ---- */

static double *doubles(struct str array, struct arena *a, size_t *n)
{
    struct str v;
    double *out = arena_array(a, json_count(array), sizeof *out);
    *n = 0;
    for (struct json_iter it = json_iter(array); json_next(&it, NULL, &v); (*n)++)
        if (!json_double(v, &out[*n]))
            out[*n] = NAN;
    return out;
}

static int32_t *integers(struct str array, struct arena *a, size_t *n)
{
    struct str v;
    int32_t *out = arena_array(a, json_count(array), sizeof *out);
    *n = 0;
    for (struct json_iter it = json_iter(array); json_next(&it, NULL, &v); (*n)++) {
        int64_t i = -1;
        json_i64(v, &i);
        out[*n] = (int32_t)i;
    }
    return out;
}

static double number(struct str object, const char *key, double fallback)
{
    struct str v;
    double d;
    return json_get(object, key, &v) && json_double(v, &d) ? d : fallback;
}

static bool truth(struct str object, const char *key)
{
    struct str v;
    bool b;
    return json_get(object, key, &v) && json_bool(v, &b) && b;
}

#endif

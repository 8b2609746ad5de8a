/* objectives_case.h - one case of the objectives folder: reading it, comparing with it. */
#ifndef TESTS_OBJECTIVES_CASE_H
#define TESTS_OBJECTIVES_CASE_H

#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "rl/loss.h"

struct test_case {
    const char *name, *file;
    const cJSON *options, *inputs, *expect;
    double rtol, atol;
    int differ;          /* values that differ */
    char first[400];     /* the first of them */
    struct arena *arena; /* reset for each case */
};

/* NULL, or why the case is left out. */
typedef const char *case_fn(struct test_case *c);

static inline const cJSON *member(const cJSON *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

static inline double real_or(const cJSON *o, const char *name, double otherwise)
{
    const cJSON *v = member(o, name);
    return cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

static inline bool flag(const cJSON *o, const char *name)
{
    return cJSON_IsTrue(member(o, name));
}

static inline const char *word(const cJSON *o, const char *name)
{
    const cJSON *v = member(o, name);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static inline double scalar(const cJSON *v)
{
    if (cJSON_IsNumber(v))
        return v->valuedouble;
    if (cJSON_IsString(v) && strcmp(v->valuestring, "inf") == 0)
        return HUGE_VAL;
    if (cJSON_IsString(v) && strcmp(v->valuestring, "-inf") == 0)
        return -HUGE_VAL;
    return (double)NAN;
}

/* The numbers of an array (nested ones in order); NULL if absent. */
static inline size_t flatten(const cJSON *v, double *out, size_t n)
{
    const cJSON *x;
    if (!cJSON_IsArray(v)) {
        if (out)
            out[n] = scalar(v);
        return n + 1;
    }
    cJSON_ArrayForEach(x, v) n = flatten(x, out, n);
    return n;
}

static inline double *numbers(struct test_case *c, const cJSON *o, const char *name, size_t *n)
{
    const cJSON *v = member(o, name);
    size_t count = v ? flatten(v, NULL, 0) : 0;
    if (n)
        *n = count;
    if (!v)
        return NULL;
    double *out = arena_array(c->arena, count + 1, sizeof *out);
    flatten(v, out, 0);
    return out;
}

static inline double *blank(struct test_case *c, size_t n)
{
    double *p = arena_array(c->arena, n + 1, sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = 0;
    return p;
}

static inline unsigned char *mask_of(struct test_case *c, size_t n)
{
    double *m = numbers(c, c->inputs, "mask", NULL);
    if (!m)
        return NULL;
    unsigned char *out = arena_alloc(c->arena, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = m[i] != 0;
    return out;
}

static inline void differs(struct test_case *c, const char *what, size_t i, double seen,
                           double want)
{
    if (c->differ++ == 0)
        snprintf(c->first, sizeof c->first, "%s[%zu] is %.17g, expected %.17g", what, i, seen,
                 want);
}

static inline void near_value(struct test_case *c, const char *what, size_t i, double seen,
                              double want)
{
    bool same = isnan(want) ? isnan(seen) : seen == want;
    if (!same && !(fabs(seen - want) <= c->atol + c->rtol * fabs(want)))
        differs(c, what, i, seen, want);
}

/* Compares with a member of `expect`, where there is one. */
static inline void expect_real(struct test_case *c, const char *name, double seen)
{
    const cJSON *v = member(c->expect, name);
    if (v)
        near_value(c, name, 0, seen, scalar(v));
}

static inline void expect_metric(struct test_case *c, const char *name, double seen)
{
    const cJSON *v = member(member(c->expect, "metrics"), name);
    if (v && fabs(seen - scalar(v)) > 1e-7)
        differs(c, name, 0, seen, scalar(v));
}

static inline void expect_array(struct test_case *c, const char *name, const double *seen, size_t n)
{
    size_t count;
    double *want = numbers(c, c->expect, name, &count);
    if (!want)
        return;
    if (count != n)
        differs(c, name, n, (double)n, (double)count);
    for (size_t i = 0; i < n && i < count; i++)
        near_value(c, name, i, seen[i], want[i]);
}

#endif

/* run.c - see run.h. */
#include "report/run.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy(struct str s)
{
    char *out = xmalloc(s.n + 1);
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return out;
}

/* ---- folders ---- */

static int compare_sizes(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* The numbers N of the entries `before`N`after`, rising; the caller frees.  NULL
 * if there is no such folder. */
static size_t *numbered(const char *dir, const char *before, const char *after, size_t *n,
                        struct err *e)
{
    DIR *d = opendir(dir);
    size_t *out = NULL;
    const char *name;
    *n = 0;
    if (!d && errno != ENOENT && errno != ENOTDIR)
        err_sys(e, ERR_NOINPUT, "%s: cannot open the folder", dir);
    while (d && (name = folder_next(d, dir, e))) {
        unsigned long number;
        char *end;
        size_t length = strlen(before);
        if (strncmp(name, before, length) != 0 || name[length] < '0' || name[length] > '9')
            continue;
        number = strtoul(name + length, &end, 10);
        if (strcmp(end, after) != 0 || number >= RUN_STEPS_MAX || *n >= RUN_STEPS_MAX)
            continue;
        out = xrealloc(out, *n + 1, sizeof *out);
        out[(*n)++] = number;
    }
    if (d)
        closedir(d);
    if (*n)
        qsort(out, *n, sizeof *out, compare_sizes);
    return out;
}

static char *step_file(const struct run *r, size_t step, const char *name)
{
    struct buf b = {0};
    buf_printf(&b, "%s/step-%04zu/%s", r->dir, step, name);
    buf_cstr(&b);
    return b.p;
}

/* ---- metrics ---- */

/* Adds the lines of a file to a series; a file that is absent has none. */
static bool add_lines(struct series *s, const char *path, char **algo, struct err *e)
{
    struct buf text = {0};
    struct str value, name;
    size_t line = 0;
    bool ok = true;
    if (!file_exists(path, e))
        return e->status == 0;
    if (!file_read(path, RUN_FILE_MAX, &text, e))
        return false;
    for (size_t i = 0; ok && i < text.n;) {
        size_t end = str_find(buf_str(&text), STR("\n"), i);
        end = end == STR_NONE ? text.n : end;
        line++;
        ok = json_check(str_slice(buf_str(&text), i, end), &value, e) &&
             (json_type(value) == JSON_OBJECT || err_set(e, ERR_DATA, "not an object")) &&
             series_add(s, value, e);
        if (ok && algo && !*algo && json_get(value, "algo", &name) && name.n > 2 &&
            json_type(name) == JSON_STRING)
            *algo = copy(str_slice(name, 1, name.n - 1));
        i = end + 1;
    }
    buf_free(&text);
    return ok || err_at(e, "%s:%zu: ", path, line);
}

static bool read_metrics(struct run *r, const size_t *steps, size_t n, struct err *e)
{
    char *whole = path_join(r->dir, "metrics.jsonl");
    bool has_whole = file_exists(whole, e), ok = !e->status;
    if (has_whole)
        ok = add_lines(&r->metrics, whole, &r->algo, e);
    free(whole);
    for (size_t i = 0; ok && i < n; i++) {
        char *metrics = step_file(r, steps[i], "metrics.jsonl");
        char *timing = step_file(r, steps[i], "timing.jsonl");
        ok = (has_whole || add_lines(&r->metrics, metrics, &r->algo, e)) &&
             add_lines(&r->timing, timing, NULL, e);
        free(metrics);
        free(timing);
    }
    return ok;
}

/* ---- evaluations ---- */

static double number_at(struct str object, const char *name)
{
    struct str v;
    double out;
    return json_get(object, name, &v) && json_double(v, &out) ? out : (double)NAN;
}

/* The estimates of one object that sheet_put_json wrote. */
static void add_eval(struct run *r, size_t step, struct str part, struct str stat)
{
    struct str mean, pass, v;
    struct run_eval eval = {.step = step, .pass = (double)NAN};
    if (json_type(stat) != JSON_OBJECT || !json_get(stat, "mean", &mean) ||
        json_type(mean) != JSON_OBJECT)
        return;
    eval.mean = number_at(mean, "value");
    eval.low = number_at(mean, "low");
    eval.high = number_at(mean, "high");
    eval.groups = number_at(mean, "groups");
    if (json_get(stat, "pass", &pass) && json_type(pass) == JSON_ARRAY)
        for (struct json_iter it = json_iter(pass); json_next(&it, NULL, &v);)
            if (json_type(v) == JSON_OBJECT && number_at(v, "k") < 1e9) {
                eval.pass_k = (unsigned)number_at(v, "k");
                eval.pass = number_at(v, "value");
            }
    eval.part = copy(part);
    r->evals = xrealloc(r->evals, r->n_evals + 1, sizeof *r->evals);
    r->evals[r->n_evals++] = eval;
}

static bool read_eval(struct run *r, size_t step, const char *path, struct err *e)
{
    struct buf text = {0}, part = {0};
    struct arena a = {0};
    struct str whole, cells, cell, stat, value;
    bool ok = file_read(path, RUN_SMALL_FILE_MAX, &text, e) &&
              (json_check(buf_str(&text), &whole, e) || err_at(e, "%s: ", path));
    if (ok && json_type(whole) == JSON_OBJECT) {
        struct str by = {0};
        if (json_get(whole, "by", &by) && json_type(by) == JSON_STRING)
            by = json_decode(&a, by);
        if (json_get(whole, "cells", &cells) && json_type(cells) == JSON_ARRAY)
            for (struct json_iter it = json_iter(cells); json_next(&it, NULL, &cell);)
                if (json_type(cell) == JSON_OBJECT && json_get(cell, "stat", &stat) &&
                    json_get(cell, "value", &value) && json_type(value) == JSON_STRING) {
                    buf_reset(&part);
                    buf_putstr(&part, by);
                    buf_puts(&part, by.n ? " " : "");
                    buf_putstr(&part, json_decode(&a, value));
                    add_eval(r, step, buf_str(&part), stat);
                }
        add_eval(r, step, STR(""), json_get(whole, "all", &stat) ? stat : whole);
    }
    arena_free(&a);
    buf_free(&part);
    buf_free(&text);
    return ok;
}

static bool read_evals(struct run *r, struct err *e)
{
    char *dir = path_join(r->dir, "eval");
    size_t n, *steps = numbered(dir, "", ".json", &n, e);
    bool ok = !e->status;
    for (size_t i = 0; ok && i < n; i++) {
        char name[40];
        snprintf(name, sizeof name, "%04zu.json", steps[i]);
        char *path = path_join(dir, name);
        ok = file_exists(path, e) ? read_eval(r, steps[i], path, e) : !e->status;
        free(path);
    }
    free(steps);
    free(dir);
    return ok;
}

/* ---- params and groups ---- */

static bool read_params(struct run *r, struct err *e)
{
    char *path = path_join(r->dir, "params.mk");
    struct buf text = {0};
    bool there = file_exists(path, e), ok = !e->status;
    if (there)
        ok = file_read(path, RUN_SMALL_FILE_MAX, &text, e);
    for (size_t i = 0; ok && i < text.n;) {
        size_t end = str_find(buf_str(&text), STR("\n"), i);
        end = end == STR_NONE ? text.n : end;
        struct str line = str_slice(buf_str(&text), i, end);
        size_t equals = str_find(line, STR(":="), 0);
        if (equals != STR_NONE) {
            r->params = xrealloc(r->params, r->n_params + 1, sizeof *r->params);
            r->params[r->n_params++] =
                (struct run_param){copy(str_trim(str_slice(line, 0, equals))),
                                   copy(str_trim(str_slice(line, equals + 2, line.n)))};
        }
        i = end + 1;
    }
    buf_free(&text);
    free(path);
    return ok;
}

/* The step's first file of these, if it has one. */
static bool find_step_groups(struct run *r, size_t step, const char *const *names, struct err *e)
{
    for (; *names && !e->status; names++) {
        char *path = step_file(r, step, *names);
        if (file_exists(path, e)) {
            r->groups = xrealloc(r->groups, r->n_groups + 1, sizeof *r->groups);
            r->groups[r->n_groups++] = (struct run_groups){step, path};
            return true;
        }
        free(path);
    }
    return false;
}

/* Steps that were scored say most: where there are any, the others are left out. */
static bool find_groups(struct run *r, const size_t *steps, size_t n, struct err *e)
{
    static const char *const scored[] = {"scored.jsonl.zst", NULL};
    static const char *const other[] = {"step.jsonl.zst", "verified.jsonl.zst",
                                        "rollouts.jsonl.zst", NULL};
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= find_step_groups(r, steps[i], scored, e);
    for (size_t i = 0; i < n && !any; i++)
        find_step_groups(r, steps[i], other, e);
    return e->status == 0;
}

/* "runs/x/" is called x. */
static char *name_of(const char *dir)
{
    struct str s = str_of(dir);
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    size_t slash = str_rfind(s, STR("/"));
    return copy(slash != STR_NONE && slash + 1 < s.n ? str_slice(s, slash + 1, s.n) : s);
}

bool run_open(struct run *r, const char *dir, struct err *e)
{
    *r = (struct run){0};
    DIR *d = opendir(dir);
    if (!d)
        return err_sys(e, ERR_NOINPUT, "%s: cannot open the folder", dir);
    closedir(d);
    r->dir = xstrdup(dir);
    r->name = name_of(dir);
    size_t n, *steps = numbered(dir, "step-", "", &n, e);
    bool ok = !e->status && read_metrics(r, steps, n, e) && read_evals(r, e) && read_params(r, e) &&
              find_groups(r, steps, n, e);
    free(steps);
    if (ok && !r->metrics.n_rows && !r->n_evals && !r->n_groups)
        ok = err_set(e, ERR_DATA, "%s: no metrics, no evaluations, no steps: is it a run?", dir);
    if (!ok)
        run_close(r);
    return ok;
}

void run_close(struct run *r)
{
    for (size_t i = 0; i < r->n_evals; i++)
        free(r->evals[i].part);
    for (size_t i = 0; i < r->n_params; i++) {
        free(r->params[i].name);
        free(r->params[i].value);
    }
    for (size_t i = 0; i < r->n_groups; i++)
        free(r->groups[i].path);
    free(r->evals);
    free(r->params);
    free(r->groups);
    free(r->dir);
    free(r->name);
    free(r->algo);
    series_free(&r->metrics);
    series_free(&r->timing);
    *r = (struct run){0};
}

const char *run_param(const struct run *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++)
        if (strcmp(r->params[i].name, name) == 0)
            return r->params[i].value;
    return NULL;
}

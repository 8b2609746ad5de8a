/* cases.h - what tests driven by files of JSON lines share: reading, counting,
 * and showing the first differences. */
#ifndef TESTS_DATA_CASES_H
#define TESTS_DATA_CASES_H

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/bpe.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CASES_FILE_MAX = 1 << 28, CASES_SHOWN = 5, CASES_FOLDERS_MAX = 256 };

static size_t cases_files, cases_bad_files; /* of the whole program */

struct cases {
    const char *name; /* the file, for people */
    size_t line, ran, differ, left_out;
    const char *why; /* of the last one left out */
};

/* True for the first few differences of a file, whose place it has then printed. */
static inline bool cases_differs(struct cases *c)
{
    if (c->differ++ >= CASES_SHOWN)
        return false;
    printf("  %s:%zu differs:\n", c->name, c->line);
    return true;
}

static inline void cases_leave_out(struct cases *c, const char *why)
{
    c->left_out++;
    c->why = why;
}

static inline void cases_report(const struct cases *c)
{
    printf("%s: %zu ran, %zu passed, %zu differ", c->name, c->ran, c->ran - c->differ, c->differ);
    if (c->left_out)
        printf(", %zu left out (%s)", c->left_out, c->why);
    printf("\n%s %zu - %s\n", c->differ ? "not ok" : "ok", ++cases_files, c->name);
    cases_bad_files += c->differ > 0;
}

static inline void cases_fail(const char *name, const char *why)
{
    printf("%s: %s\nnot ok %zu - %s\n", name, why, ++cases_files, name);
    cases_bad_files++;
}

/* Calls one() for each line of a file, if there is one, and reports. */
static inline void
cases_run(const char *path, const char *name,
          void (*one)(void *arg, struct str record, struct arena *a, struct cases *c), void *arg)
{
    struct cases c = {.name = name};
    struct err e = ERR_NONE;
    struct buf file = {0};
    struct arena a = {0};
    if (access(path, F_OK) != 0)
        return;
    if (!file_read(path, CASES_FILE_MAX, &file, &e)) {
        cases_fail(name, e.text);
        return;
    }
    struct str all = buf_str(&file), record;
    for (size_t i = 0, end; i < all.n; i = end + 1) {
        end = str_find(all, STR("\n"), i);
        end = end == STR_NONE ? all.n : end;
        c.line++;
        struct str line = str_trim(str_slice(all, i, end));
        if (!line.n)
            continue;
        c.ran++;
        e.status = 0;
        if (json_check(line, &record, &e))
            one(arg, record, &a, &c);
        else if (cases_differs(&c))
            printf("    %s\n", e.text);
        arena_reset(&a);
    }
    cases_report(&c);
    arena_free(&a);
    buf_free(&file);
}

/* Member `name` as text; false if it is absent or no string. */
static inline bool cases_text(struct str record, const char *name, struct arena *a, struct str *out)
{
    struct str v;
    if (!json_get(record, name, &v) || json_type(v) != JSON_STRING)
        return false;
    *out = json_decode(a, v);
    return true;
}

static inline bool cases_flag(struct str record, const char *name, bool absent)
{
    struct str v;
    bool b = absent;
    if (json_get(record, name, &v))
        json_bool(v, &b);
    return b;
}

/* Member `name` as ids, which replace what is in *out. */
static inline bool cases_ids(struct str record, const char *name, struct ids *out)
{
    struct str v, member;
    int64_t id;
    out->n = 0;
    if (!json_get(record, name, &v) || json_type(v) != JSON_ARRAY)
        return false;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &member);)
        ids_push(out, json_i64(member, &id) ? (int32_t)id : -1);
    return true;
}

static inline bool cases_same_ids(const struct ids *x, const struct ids *y)
{
    return x->n == y->n && (x->n == 0 || memcmp(x->p, y->p, x->n * sizeof *x->p) == 0);
}

static inline void cases_print_text(const char *what, struct str s)
{
    struct buf b = {0};
    json_put_string(&b, s);
    printf("    %-9s %s\n", what, buf_cstr(&b));
    buf_free(&b);
}

static inline void cases_print_ids(const char *what, const struct ids *v)
{
    printf("    %-9s", what);
    for (size_t i = 0; i < v->n; i++)
        printf(" %d", (int)v->p[i]);
    printf("\n");
}

static inline int cases_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Calls one() for each folder in `path`, in order of names, that has a file
 * called `has`. */
static inline void cases_folders(const char *path, const char *has,
                                 void (*one)(const char *folder, const char *name))
{
    char *names[CASES_FOLDERS_MAX];
    size_t n = 0;
    DIR *d = opendir(path);
    if (!d)
        return;
    for (struct dirent *entry; n < CASES_FOLDERS_MAX && (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            names[n++] = xstrdup(entry->d_name);
    closedir(d);
    qsort(names, n, sizeof *names, cases_by_name);
    for (size_t i = 0; i < n; i++) {
        char *folder = path_join(path, names[i]);
        char *file = path_join(folder, has);
        if (access(file, F_OK) == 0)
            one(folder, names[i]);
        free(file);
        free(folder);
        free(names[i]);
    }
}

/* Ends the program's TAP; its exit status. */
static inline int cases_end(void)
{
    printf("1..%zu\n", cases_files);
    return cases_bad_files > 0;
}

#endif

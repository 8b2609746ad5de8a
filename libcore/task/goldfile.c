/* goldfile.c - see goldfile.h. */
#include "task/goldfile.h"
#include "base/file.h"
#include "stream/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    uint64_t key; /* hash of the id */
    uint64_t at;  /* offset in the spool */
};

struct goldfile {
    char *path;
    FILE *spool;
    struct entry *entries; /* sorted by key */
    size_t n, cap;
    uint64_t size;
};

static bool add(struct goldfile *g, struct str line, struct arena *a, struct err *e)
{
    struct group r;
    struct str id;
    if (!group_parse(&r, a, line, e) || !group_id(&r, &id, e))
        return false;
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 1024;
        g->entries = xrealloc(g->entries, g->cap, sizeof *g->entries);
    }
    g->entries[g->n++] = (struct entry){group_key(id), g->size};
    if (fwrite(line.p, 1, line.n, g->spool) != line.n || putc('\n', g->spool) == EOF)
        return err_sys(e, ERR_IO, "cannot spool golds to a temporary file");
    g->size += line.n + 1;
    return true;
}

static int cmp_entry(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->at > y->at) - (x->at < y->at);
}

/* The line at an offset of the spool, without its '\n'. */
static bool line_at(const struct goldfile *g, uint64_t at, struct arena *a, struct str *line,
                    struct err *e)
{
    size_t n = 4096;
    for (;; n *= 4) {
        char *p = arena_alloc(a, n);
        ssize_t got = pread(fileno(g->spool), p, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_sys(e, ERR_IO, "%s: cannot read the spool", g->path);
        char *end = memchr(p, '\n', (size_t)got);
        if (end) {
            *line = (struct str){p, (size_t)(end - p)};
            return true;
        }
        if (n > STREAM_LINE_MAX)
            return err_set(e, ERR_IO, "%s: the spool is damaged", g->path);
    }
}

bool goldfile_find(const struct goldfile *g, struct str id, struct arena *a, struct object *out,
                   bool *found, struct err *e)
{
    uint64_t key = group_key(id);
    size_t lo = 0, hi = g->n;
    *found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (g->entries[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < g->n && g->entries[lo].key == key && !*found; lo++) {
        struct str line, seen;
        struct group r;
        if (!line_at(g, g->entries[lo].at, a, &line, e) || !group_parse(&r, a, line, e) ||
            !group_id(&r, &seen, e))
            return e->status == ERR_DATA ? err_at(e, "%s: ", g->path) : false;
        if (str_eq(seen, id)) { /* keys are hashes: the id decides */
            *out = r.top;
            *found = true;
        }
    }
    return true;
}

/* Two entries with one key: the same id twice, unless the hashes collide. */
static bool check_distinct(const struct goldfile *g, struct err *e)
{
    struct arena a = {0};
    for (size_t i = 1; i < g->n && !e->status; i++) {
        struct str line[2], id[2];
        struct group r;
        if (g->entries[i].key != g->entries[i - 1].key)
            continue;
        for (size_t k = 0; k < 2 && !e->status; k++)
            if (line_at(g, g->entries[i - k].at, &a, &line[k], e) &&
                group_parse(&r, &a, line[k], e))
                group_id(&r, &id[k], e);
        if (!e->status && str_eq(id[0], id[1]))
            err_set(e, ERR_DATA, "%s: the id \"%.*s\" occurs twice", g->path, STR_ARG(id[0]));
    }
    arena_free(&a);
    return e->status == 0;
}

static bool spool(struct goldfile *g, struct err *e)
{
    char *files[] = {g->path, NULL};
    struct reader *r = reader_open(files, e);
    struct arena a = {0};
    struct str text;
    for (enum stream_event v; r && (v = reader_next(r, &text, e)) != STREAM_END;) {
        if (v != STREAM_LINE)
            continue;
        arena_reset(&a);
        if (!add(g, text, &a, e)) {
            if (e->status == ERR_DATA)
                err_at(e, "%s:%zu: ", reader_file(r), reader_line(r));
            break;
        }
    }
    arena_free(&a);
    reader_close(r);
    if (!e->status && fflush(g->spool) != 0)
        err_sys(e, ERR_IO, "cannot spool golds to a temporary file");
    return e->status == 0;
}

struct goldfile *goldfile_open(const char *path, struct err *e)
{
    struct goldfile *g = xcalloc(1, sizeof *g);
    g->path = xstrdup(path);
    g->spool = file_nameless_stream(e);
    if (g->spool && spool(g, e)) {
        if (g->n)
            qsort(g->entries, g->n, sizeof *g->entries, cmp_entry);
        check_distinct(g, e);
    }
    if (e->status) {
        goldfile_close(g);
        return NULL;
    }
    return g;
}

void goldfile_close(struct goldfile *g)
{
    if (!g)
        return;
    if (g->spool)
        fclose(g->spool);
    free(g->entries);
    free(g->path);
    free(g);
}

/* weights_write.c - see weights.h: files that other software loads.
 *
 * Parameters fill shards in the order of the layout, so that a layer stays
 * together; inside a file they stand by name. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    const struct layout *layout;
    enum dtype dtype;
    const size_t *order; /* parameter of each entry of the file being written */
    float *values;
    size_t cap;
    void (*read)(void *arg, size_t param, size_t from, size_t n, float *out);
    void *arg;
};

static void fill(void *arg, size_t i, uint64_t from, size_t n, void *out)
{
    struct job *j = arg;
    if (n > j->cap) {
        j->values = xrealloc(j->values, n, sizeof *j->values);
        j->cap = n;
    }
    j->read(j->arg, j->order[i], (size_t)from, n, j->values);
    dtype_from_f32(j->dtype, j->values, out, n);
}

struct named {
    const char *name;
    size_t param;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Parameters [from, to) as one file. */
static bool write_file(struct job *j, const char *dir, const char *name, size_t from, size_t to,
                       struct err *e)
{
    size_t n = to - from;
    struct named *sorted = xcalloc(n, sizeof *sorted);
    struct st_entry *entries = xcalloc(n, sizeof *entries);
    size_t *order = xcalloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct named){j->layout->params[from + i].name, from + i};
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        const struct param *p = &j->layout->params[sorted[i].param];
        order[i] = sorted[i].param;
        entries[i] = (struct st_entry){.name = str_of(p->name),
                                       .dtype = j->dtype,
                                       .n_dims = p->cols ? 2 : 1,
                                       .shape = {p->rows, p->cols}};
    }
    j->order = order;
    char *path = path_join(dir, name);
    bool ok = safetensors_write(path, entries, n, fill, j, e);
    free(path);
    free(order);
    free(entries);
    free(sorted);
    return ok;
}

/* The end of the shard that begins at parameter `from`: as many as fit, at least one. */
static size_t shard_end(const struct layout *l, enum dtype dtype, uint64_t max, size_t from)
{
    uint64_t bytes = 0;
    size_t to = from;
    while (to < l->n_params) {
        bytes += (uint64_t)l->params[to].n * dtype_bytes(dtype);
        if (max && to > from && bytes > max)
            break;
        to++;
    }
    return to;
}

static void shard_name(char out[64], size_t i, size_t n)
{
    snprintf(out, 64, "model-%05zu-of-%05zu.safetensors", i + 1, n);
}

static bool write_index(const char *dir, const struct layout *l, enum dtype dtype, uint64_t max,
                        size_t n_shards, struct err *e)
{
    struct buf b = {0};
    struct named *sorted = xcalloc(l->n_params, sizeof *sorted);
    size_t *shard = xcalloc(l->n_params, sizeof *shard);
    char file[64];
    for (size_t i = 0, from = 0; from < l->n_params; i++) {
        size_t to = shard_end(l, dtype, max, from);
        for (; from < to; from++) {
            shard[from] = i;
            sorted[from] = (struct named){l->params[from].name, from};
        }
    }
    qsort(sorted, l->n_params, sizeof *sorted, by_name);
    buf_printf(&b, "{\n  \"metadata\": {\n    \"total_size\": %" PRIu64 "\n  },\n",
               (uint64_t)l->n * dtype_bytes(dtype));
    buf_puts(&b, "  \"weight_map\": {\n");
    for (size_t i = 0; i < l->n_params; i++) {
        shard_name(file, shard[sorted[i].param], n_shards);
        buf_printf(&b, "    \"%s\": \"%s\"%s\n", sorted[i].name, file,
                   i + 1 < l->n_params ? "," : "");
    }
    buf_puts(&b, "  }\n}\n");
    char *path = path_join(dir, "model.safetensors.index.json");
    bool ok = file_write(path, b.p, b.n, e);
    free(path);
    free(shard);
    free(sorted);
    buf_free(&b);
    return ok;
}

bool weights_write(const char *dir, const struct layout *l, enum dtype dtype,
                   uint64_t max_shard_bytes,
                   void (*read)(void *arg, size_t param, size_t from, size_t n, float *out),
                   void *arg, struct err *e)
{
    struct job j = {.layout = l, .dtype = dtype, .read = read, .arg = arg};
    size_t n_shards = 0;
    for (size_t from = 0; from < l->n_params; n_shards++)
        from = shard_end(l, dtype, max_shard_bytes, from);
    bool ok = true;
    if (n_shards == 1) {
        ok = write_file(&j, dir, "model.safetensors", 0, l->n_params, e);
    } else {
        size_t from = 0;
        for (size_t i = 0; ok && i < n_shards; i++) {
            char name[64];
            size_t to = shard_end(l, dtype, max_shard_bytes, from);
            shard_name(name, i, n_shards);
            ok = write_file(&j, dir, name, from, to, e);
            from = to;
        }
        ok = ok && write_index(dir, l, dtype, max_shard_bytes, n_shards, e);
    }
    free(j.values);
    return ok;
}

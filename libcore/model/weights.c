/* weights.c - see weights.h: finding and reading. */
#define _DEFAULT_SOURCE /* madvise */
#include "model/weights.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

struct weights {
    const struct layout *layout;
    struct safetensors **shards;
    char **paths;
    size_t n_shards;
    const struct st_tensor **tensors; /* by parameter */
    enum dtype dtype;
};

/* ---- files ---- */

static bool add_shard(struct weights *w, const char *dir, const char *name, struct err *e)
{
    w->shards = xrealloc(w->shards, w->n_shards + 1, sizeof *w->shards);
    w->paths = xrealloc(w->paths, w->n_shards + 1, sizeof *w->paths);
    w->paths[w->n_shards] = path_join(dir, name);
    w->shards[w->n_shards] = safetensors_open(w->paths[w->n_shards], e);
    w->n_shards++;
    return w->shards[w->n_shards - 1] != NULL;
}

static bool plain_name(struct str s)
{
    return s.n > 0 && s.n < 256 && s.p[0] != '.' && !memchr(s.p, '/', s.n) && !memchr(s.p, 0, s.n);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The distinct file names of an index, opened in rising order. */
static bool open_shards(struct weights *w, const char *dir, struct str map, struct arena *arena,
                        struct err *e)
{
    struct str file;
    size_t n = 0, n_entries = json_count(map);
    struct str *files = arena_array(arena, n_entries, sizeof *files);
    for (struct json_iter it = json_iter(map); json_next(&it, NULL, &file);) {
        if (json_type(file) != JSON_STRING || !plain_name(json_decode(arena, file)))
            return err_set(e, ERR_DATA, "weight_map: not a plain file name (seen %.*s)",
                           STR_ARG(file));
        files[n++] = json_decode(arena, file);
    }
    qsort(files, n, sizeof *files, by_text);
    for (size_t i = 0; i < n; i++) {
        if (i && str_eq(files[i], files[i - 1]))
            continue;
        if (w->n_shards == WEIGHTS_SHARDS_MAX)
            return err_set(e, ERR_DATA, "weight_map: more than %d files", WEIGHTS_SHARDS_MAX);
        if (!add_shard(w, dir, arena_strdup(arena, files[i].p, files[i].n), e))
            return false;
    }
    return true;
}

static bool open_index(struct weights *w, const char *dir, const char *path, struct err *e)
{
    struct buf text = {0};
    struct arena arena = {0};
    struct str o, map;
    bool ok = file_read(path, WEIGHTS_INDEX_MAX, &text, e);
    if (ok) {
        ok = json_check(buf_str(&text), &o, e);
        if (ok && (!json_get(o, "weight_map", &map) || json_type(map) != JSON_OBJECT))
            ok = err_set(e, ERR_DATA, "weight_map is missing or not an object");
        if (!ok)
            err_at(e, "%s: ", path);
        ok = ok && open_shards(w, dir, map, &arena, e);
    }
    arena_free(&arena);
    buf_free(&text);
    return ok;
}

static bool open_files(struct weights *w, const char *dir, struct err *e)
{
    char *single = path_join(dir, "model.safetensors");
    char *index = path_join(dir, "model.safetensors.index.json");
    bool ok;
    if (file_exists(single, e))
        ok = add_shard(w, dir, "model.safetensors", e);
    else if (!e->status && file_exists(index, e))
        ok = open_index(w, dir, index, e);
    else
        ok = !e->status &&
             err_set(e, ERR_NOINPUT, "%s: has neither model.safetensors nor its index", dir);
    free(single);
    free(index);
    return ok;
}

/* ---- tensors ---- */

/* What is read once from end to end is read in pieces of so many elements, and let go. */
enum { PIECE = 1 << 20 };

static void release(const struct st_tensor *t, size_t from, size_t n)
{
    size_t size = dtype_bytes(t->dtype);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)t->data;
    uintptr_t begin = (at + from * size) / page * page,
              end = (at + (from + n) * size) / page * page;
    if (end > begin)
        madvise((void *)begin, end - begin, MADV_DONTNEED); /* advice: failure changes nothing */
}

/* Buffers that old software stored beside the weights and that are recomputed. */
static bool is_ignored(struct str name)
{
    return str_ends(name, STR("rotary_emb.inv_freq"));
}

static void describe_shape(const struct st_tensor *t, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < t->n_dims && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%" PRIu64, i ? "x" : "", t->shape[i]);
}

static bool check_tensor(const struct st_tensor *t, const struct param *p, struct err *e)
{
    char seen[128];
    if (t->dtype != DTYPE_F32 && t->dtype != DTYPE_BF16 && t->dtype != DTYPE_F16)
        return err_set(e, ERR_DATA, "tensor %s: the type %s is not supported (F32, BF16, F16 are)",
                       p->name, dtype_name(t->dtype));
    bool same = p->cols ? t->n_dims == 2 && t->shape[0] == p->rows && t->shape[1] == p->cols
                        : t->n_dims == 1 && t->shape[0] == p->rows;
    if (same)
        return true;
    describe_shape(t, seen, sizeof seen);
    if (p->cols)
        return err_set(e, ERR_DATA, "tensor %s has the wrong shape (seen %s, expected %zux%zu)",
                       p->name, seen, p->rows, p->cols);
    return err_set(e, ERR_DATA, "tensor %s has the wrong shape (seen %s, expected %zu)", p->name,
                   seen, p->rows);
}

static const struct st_tensor *find(const struct weights *w, const char *name)
{
    for (size_t s = 0; s < w->n_shards; s++) {
        const struct st_tensor *t = safetensors_find(w->shards[s], str_of(name));
        if (t)
            return t;
    }
    return NULL;
}

static bool find_params(struct weights *w, struct err *e)
{
    const struct layout *l = w->layout;
    w->tensors = xcalloc(l->n_params, sizeof *w->tensors);
    for (size_t i = 0; i < l->n_params; i++) {
        const struct st_tensor *t = find(w, l->params[i].name);
        if (!t)
            return err_set(e, ERR_DATA, "tensor %s is missing", l->params[i].name);
        if (!check_tensor(t, &l->params[i], e))
            return false;
        if (i == 0)
            w->dtype = t->dtype;
        else if (t->dtype != w->dtype)
            w->dtype = DTYPE_F32;
        w->tensors[i] = t;
    }
    return true;
}

static bool check_tied_head(const struct weights *w, const struct st_tensor *head, struct err *e)
{
    const struct st_tensor *embed = w->tensors[w->layout->embed];
    size_t size = dtype_bytes(embed->dtype);
    bool same = head->dtype == embed->dtype && head->n_dims == embed->n_dims &&
                memcmp(head->shape, embed->shape, sizeof head->shape) == 0;
    for (size_t from = 0, n; same && from < head->n; from += n) {
        n = head->n - from < PIECE ? head->n - from : PIECE;
        same = memcmp(head->data + from * size, embed->data + from * size, n * size) == 0;
        release(head, from, n);
        release(embed, from, n);
    }
    if (same)
        return true;
    return err_set(e, ERR_DATA,
                   "tie_word_embeddings is true but lm_head.weight differs from "
                   "model.embed_tokens.weight");
}

static int by_name(const void *a, const void *b)
{
    return str_cmp((*(const struct st_tensor *const *)a)->name,
                   (*(const struct st_tensor *const *)b)->name);
}

/* Every stored tensor must be a parameter's, once. */
static bool check_others(const struct weights *w, struct err *e)
{
    const struct layout *l = w->layout;
    const struct st_tensor **sorted = xcalloc(l->n_params, sizeof *sorted);
    memcpy(sorted, w->tensors, l->n_params * sizeof *sorted);
    qsort(sorted, l->n_params, sizeof *sorted, by_name);
    bool ok = true;
    for (size_t s = 0; ok && s < w->n_shards; s++)
        for (size_t i = 0; ok && i < safetensors_count(w->shards[s]); i++) {
            const struct st_tensor *t = safetensors_at(w->shards[s], i);
            const struct st_tensor **hit =
                bsearch(&t, sorted, l->n_params, sizeof *sorted, by_name);
            if (hit && *hit != t)
                ok = err_set(e, ERR_DATA, "tensor %.*s is stored twice", STR_ARG(t->name));
            else if (!hit && l->head == l->embed && str_is(t->name, "lm_head.weight"))
                ok = check_tied_head(w, t, e);
            else if (!hit && !is_ignored(t->name))
                ok = err_set(e, ERR_DATA, "tensor %.*s has no place in such a model",
                             STR_ARG(t->name));
        }
    free(sorted);
    return ok;
}

struct weights *weights_open(const char *dir, const struct layout *l, struct err *e)
{
    struct weights *w = xcalloc(1, sizeof *w);
    w->layout = l;
    if (open_files(w, dir, e)) {
        if (find_params(w, e) && check_others(w, e))
            return w;
        err_at(e, "%s: ", dir);
    }
    weights_close(w);
    return NULL;
}

void weights_close(struct weights *w)
{
    if (!w)
        return;
    for (size_t s = 0; s < w->n_shards; s++) {
        safetensors_close(w->shards[s]);
        free(w->paths[s]);
    }
    free(w->shards);
    free(w->paths);
    free(w->tensors);
    free(w);
}

enum dtype weights_dtype(const struct weights *w)
{
    return w->dtype;
}

uint64_t weights_bytes(const struct weights *w)
{
    uint64_t n = 0;
    for (size_t i = 0; i < w->layout->n_params; i++)
        n += w->tensors[i]->bytes;
    return n;
}

const struct st_tensor *weights_tensor(const struct weights *w, size_t param)
{
    ASSERT(param < w->layout->n_params);
    return w->tensors[param];
}

void weights_read(const struct weights *w, size_t param, size_t from, size_t n, float *out)
{
    const struct st_tensor *t = weights_tensor(w, param);
    ASSERT(from <= t->n && n <= t->n - from);
    dtype_to_f32(t->dtype, t->data + from * dtype_bytes(t->dtype), out, n);
}

void weights_release(const struct weights *w, size_t param, size_t from, size_t n)
{
    release(weights_tensor(w, param), from, n);
}

static void hash_tensor(XXH3_state_t *h, const struct st_tensor *t)
{
    size_t size = dtype_bytes(t->dtype);
    for (size_t from = 0; from < t->n; from += PIECE) {
        size_t n = t->n - from < PIECE ? t->n - from : PIECE;
        XXH3_128bits_update(h, t->data + from * size, n * size);
        release(t, from, n);
    }
}

void weights_digest(const struct weights *w, const struct model_config *c, char out[WEIGHTS_DIGEST])
{
    char text[512];
    const struct rope *r = &c->rope;
    int n = snprintf(text, sizeof text,
                     "%s %d %d %d %d %d %d %d tied %d bias %d %d %d eps %.17g rope %d %.17g %.17g "
                     "%.17g %.17g %.17g %.17g %.17g %.17g %d",
                     c->family->name, (int)c->vocab, (int)c->hidden, (int)c->ff, (int)c->n_layers,
                     (int)c->n_heads, (int)c->n_kv_heads, (int)c->head_dim, c->tied, c->qkv_bias,
                     c->o_bias, c->mlp_bias, c->norm_eps, (int)r->kind, r->theta, r->factor,
                     r->original, r->low, r->high, r->beta_fast, r->beta_slow, r->attention,
                     r->truncate);
    XXH3_state_t *h = XXH3_createState();
    XXH3_128bits_reset(h);
    XXH3_128bits_update(h, text, (size_t)n);
    for (size_t i = 0; i < w->layout->n_params; i++) {
        unsigned char type = (unsigned char)w->tensors[i]->dtype;
        XXH3_128bits_update(h, &type, 1);
        hash_tensor(h, w->tensors[i]);
    }
    XXH128_hash_t d = XXH3_128bits_digest(h);
    XXH3_freeState(h);
    snprintf(out, WEIGHTS_DIGEST, "%016" PRIx64 "%016" PRIx64, (uint64_t)d.high64,
             (uint64_t)d.low64);
}

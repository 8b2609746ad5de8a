/* save.c - a trainer's model and state, written and read. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the model ---- */

static void read_masters(void *arg, size_t param, size_t from, size_t n, float *out)
{
    struct trainer *t = arg;
    const float *at = t->model.masters + t->c.layout.params[param].offset + from;
    t->b->op->download(t->b, out, at, n * sizeof *out);
}

bool trainer_save(struct trainer *t, const char *path, uint64_t max_shard_bytes,
                  char digest[ENGINE_DIGEST], struct err *e)
{
    struct engine_info info;
    if (!weights_write(path, &t->c.layout, t->dtype, max_shard_bytes, read_masters, t, e) ||
        !checkpoint_copy_files(&t->c, t->dtype, path, e) ||
        !engine_inspect(path, &info, t->saved, e))
        return false;
    if (digest)
        memcpy(digest, t->saved, ENGINE_DIGEST);
    return true;
}

/* ---- the state: optimizer.safetensors and state.json ---- */

enum { STATE_VERSION = 1, STATE_JSON_MAX = 1 << 16 };

struct vector {
    const char *name;
    float *p; /* device */
};

/* Masters are the weights themselves when those are stored in f32. */
static size_t list_vectors(const struct trainer *t, struct vector v[3])
{
    v[0] = (struct vector){"exp_avg", t->m};
    v[1] = (struct vector){"exp_avg_sq", t->v};
    v[2] = (struct vector){"master", t->model.masters};
    return t->dtype == DTYPE_F32 ? 2 : 3;
}

struct vectors {
    const struct trainer *t;
    const struct vector *v;
};

static void read_vector(void *arg, size_t i, uint64_t from, size_t n, void *out)
{
    const struct vectors *j = arg;
    j->t->b->op->download(j->t->b, out, j->v[i].p + from, n * sizeof(float));
}

static bool write_json(const struct trainer *t, const char *path, struct err *e)
{
    struct buf b = {0};
    buf_printf(&b, "{\"version\":%d,\"steps\":%" PRIu64 ",\"model\":\"%s\",\"backward\":",
               STATE_VERSION, t->steps, t->saved);
    json_put_string(&b, str_of(t->backward_name));
    buf_puts(&b, "}\n");
    bool ok = file_write(path, b.p, b.n, e);
    buf_free(&b);
    return ok;
}

bool trainer_save_state(struct trainer *t, const char *path, struct err *e)
{
    struct vector v[3];
    struct st_entry entries[3];
    ASSERT(!t->o.no_optimizer);
    size_t n = list_vectors(t, v);
    for (size_t i = 0; i < n; i++)
        entries[i] = (struct st_entry){
            .name = str_of(v[i].name), .dtype = DTYPE_F32, .n_dims = 1, .shape = {t->c.layout.n}};
    char *tensors = path_join(path, "optimizer.safetensors"), *json = path_join(path, "state.json");
    bool ok = safetensors_write(tensors, entries, n, read_vector, &(struct vectors){t, v}, e) &&
              write_json(t, json, e);
    free(tensors);
    free(json);
    return ok;
}

static bool read_json(struct trainer *t, const char *path, uint64_t *steps, struct err *e)
{
    struct buf text = {0};
    struct str o, v;
    struct arena a = {0};
    int64_t version = 0, count = -1;
    bool ok = file_read(path, STATE_JSON_MAX, &text, e);
    if (ok && !json_check(buf_str(&text), &o, e))
        ok = err_at(e, "%s: ", path);
    if (ok && (!json_get(o, "version", &v) || !json_i64(v, &version) || version != STATE_VERSION))
        ok = err_set(e, ERR_DATA, "%s: not a training state of version %d", path, STATE_VERSION);
    if (ok && (!json_get(o, "steps", &v) || !json_i64(v, &count) || count < 0))
        ok = err_set(e, ERR_DATA, "%s: steps is missing or no count", path);
    if (ok && (!json_get(o, "model", &v) || json_type(v) != JSON_STRING ||
               !str_is(json_decode(&a, v), t->digest)))
        ok = err_set(e, ERR_DATA, "%s: the state belongs to another model (its digest is not %s)",
                     path, t->digest);
    if (ok) {
        *steps = (uint64_t)count;
        t->state_name[0] = 0;
        if (json_get(o, "backward", &v) && json_type(v) == JSON_STRING) {
            struct str name = json_decode(&a, v);
            snprintf(t->state_name, sizeof t->state_name, "%.*s", STR_ARG(name));
        }
    }
    arena_free(&a);
    buf_free(&text);
    return ok;
}

static bool load_vector(struct trainer *t, const struct safetensors *s, struct vector v,
                        const char *path, struct err *e)
{
    enum { PIECE = 1 << 16 };
    const struct st_tensor *x = safetensors_find(s, str_of(v.name));
    if (!x || x->dtype != DTYPE_F32 || x->n != t->c.layout.n)
        return err_set(e, ERR_DATA, "%s: %s is missing or has the wrong size", path, v.name);
    float *piece = xmalloc(PIECE * sizeof *piece);
    for (size_t from = 0; from < x->n; from += PIECE) {
        size_t n = x->n - from < PIECE ? x->n - from : PIECE;
        memcpy(piece, x->data + from * sizeof(float), n * sizeof(float));
        t->b->op->upload(t->b, v.p + from, piece, n * sizeof(float));
    }
    free(piece);
    return true;
}

bool trainer_load_state(struct trainer *t, const char *path, const char **backward_name,
                        struct err *e)
{
    struct vector v[3];
    uint64_t steps;
    ASSERT(!t->o.no_optimizer);
    char *tensors = path_join(path, "optimizer.safetensors"), *json = path_join(path, "state.json");
    bool ok = read_json(t, json, &steps, e);
    struct safetensors *s = ok ? safetensors_open(tensors, e) : NULL;
    ok = s != NULL;
    size_t n = list_vectors(t, v);
    for (size_t i = 0; ok && i < n; i++)
        ok = load_vector(t, s, v[i], tensors, e);
    if (ok) {
        t->steps = steps;
        *backward_name = t->state_name;
        model_refresh(&t->model);
    }
    safetensors_close(s);
    free(tensors);
    free(json);
    return ok;
}

/* checkpoint.c - see checkpoint.h; and engine_inspect, engine_diff, which need no device. */
#include "engine/checkpoint.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fill_info(struct checkpoint *c)
{
    const struct model_config *m = &c->config;
    struct engine_info *i = &c->info;
    *i = (struct engine_info){
        .family = m->family->name,
        .dtype = dtype_option(weights_dtype(c->weights)),
        .n_params = c->layout.n,
        .vocab_size = m->vocab,
        .context = config_positions(m),
        .n_layers = m->n_layers,
        .n_heads = m->n_heads,
        .n_kv_heads = m->n_kv_heads,
        .head_dim = m->head_dim,
        .hidden = m->hidden,
        .ff = m->ff,
        .tied = m->tied,
        .bos = m->bos,
        .n_eos = m->n_eos,
        .weights_bytes = weights_bytes(c->weights),
        .kv_token_bytes = (uint64_t)m->n_layers * (uint64_t)m->n_kv_heads * (uint64_t)m->head_dim *
                          2 * sizeof(float),
    };
    _Static_assert((int)CONFIG_EOS_MAX == (int)ENGINE_EOS_MAX, "as many end ids in both");
    memcpy(i->eos, m->eos, sizeof i->eos);
}

bool checkpoint_open(struct checkpoint *c, const char *dir, struct err *e)
{
    memset(c, 0, sizeof *c);
    if (!config_load(dir, &c->config, e))
        return false;
    c->dir = xstrdup(dir);
    layout_init(&c->layout, &c->config);
    c->weights = weights_open(dir, &c->layout, e);
    if (!c->weights)
        return false;
    c->stored = weights_dtype(c->weights);
    fill_info(c);
    return true;
}

void checkpoint_close_weights(struct checkpoint *c)
{
    weights_close(c->weights);
    c->weights = NULL;
}

void checkpoint_close(struct checkpoint *c)
{
    checkpoint_close_weights(c);
    layout_free(&c->layout);
    free(c->dir);
    memset(c, 0, sizeof *c);
}

bool engine_inspect(const char *dir, struct engine_info *info, char digest[ENGINE_DIGEST],
                    struct err *e)
{
    struct checkpoint c;
    bool ok = checkpoint_open(&c, dir, e);
    if (ok) {
        *info = c.info;
        _Static_assert((int)WEIGHTS_DIGEST == (int)ENGINE_DIGEST, "the same digest");
        if (digest)
            weights_digest(c.weights, &c.config, digest);
    }
    checkpoint_close(&c);
    return ok;
}

/* ---- comparing ---- */

enum { PIECE = 1 << 16 }; /* elements compared at a time */

static void compare(const struct checkpoint *a, const struct checkpoint *b, size_t param,
                    struct engine_delta *d)
{
    float *x = xmalloc(PIECE * sizeof *x), *y = xmalloc(PIECE * sizeof *y);
    double sum = 0;
    d->n = a->layout.params[param].n;
    d->name = a->layout.params[param].name;
    d->max_abs = 0;
    for (size_t from = 0; from < d->n; from += PIECE) {
        size_t n = d->n - from < PIECE ? d->n - from : PIECE;
        weights_read(a->weights, param, from, n, x);
        weights_read(b->weights, param, from, n, y);
        weights_release(a->weights, param, from, n);
        weights_release(b->weights, param, from, n);
        for (size_t i = 0; i < n; i++) {
            if (memcmp(x + i, y + i, sizeof *x) == 0) /* also equal infinities and NaNs */
                continue;
            double delta = fabs((double)x[i] - (double)y[i]);
            if (!(delta <= d->max_abs))
                d->max_abs = delta;
            sum += delta;
        }
    }
    free(x);
    free(y);
    d->mean_abs = d->n ? sum / (double)d->n : 0;
}

static bool same_shapes(const struct checkpoint *a, const struct checkpoint *b, struct err *e)
{
    size_t n = a->layout.n_params < b->layout.n_params ? a->layout.n_params : b->layout.n_params;
    for (size_t i = 0; i < n; i++) {
        const struct param *p = &a->layout.params[i], *q = &b->layout.params[i];
        if (strcmp(p->name, q->name) != 0)
            return err_set(e, ERR_DATA, "the models have different tensors (seen %s and %s)",
                           p->name, q->name);
        if (p->rows != q->rows || p->cols != q->cols)
            return err_set(e, ERR_DATA, "tensor %s has different shapes", p->name);
    }
    return a->layout.n_params == b->layout.n_params ||
           err_set(e, ERR_DATA, "the models have different tensors (seen %zu and %zu of them)",
                   a->layout.n_params, b->layout.n_params);
}

bool engine_diff(const char *dir_a, const char *dir_b,
                 bool (*each)(void *arg, const struct engine_delta *d, struct err *e), void *arg,
                 struct err *e)
{
    struct checkpoint a, b = {0};
    bool ok = checkpoint_open(&a, dir_a, e) && checkpoint_open(&b, dir_b, e) &&
              same_shapes(&a, &b, e);
    for (size_t i = 0; ok && i < a.layout.n_params; i++) {
        struct engine_delta d;
        compare(&a, &b, i, &d);
        ok = each(arg, &d, e);
    }
    checkpoint_close(&b);
    checkpoint_close(&a);
    return ok;
}

/* ---- files beside the weights ---- */

static const char *const carried[] = {
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.model",
};

static bool copy_config(const struct checkpoint *c, enum dtype dtype, const char *from,
                        const char *to, struct err *e)
{
    if (dtype == c->stored)
        return file_copy(from, to, e);
    struct buf text = {0}, changed = {0};
    bool ok = file_read(from, CONFIG_BYTES_MAX, &text, e);
    if (ok) {
        config_with_dtype(buf_str(&text), dtype == DTYPE_BF16 ? "bfloat16" : "float32", &changed);
        ok = file_write(to, changed.p, changed.n, e);
    }
    buf_free(&text);
    buf_free(&changed);
    return ok;
}

bool checkpoint_copy_files(const struct checkpoint *c, enum dtype dtype, const char *path,
                           struct err *e)
{
    char *from = path_join(c->dir, "config.json"), *to = path_join(path, "config.json");
    bool ok = copy_config(c, dtype, from, to, e);
    free(from);
    free(to);
    for (size_t i = 0; ok && i < sizeof carried / sizeof *carried; i++) {
        from = path_join(c->dir, carried[i]);
        to = path_join(path, carried[i]);
        if (file_exists(from, e))
            ok = file_copy(from, to, e);
        ok = ok && !e->status;
        free(from);
        free(to);
    }
    return ok;
}

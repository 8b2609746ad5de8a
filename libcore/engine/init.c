/* init.c - engine_init: a model of random weights. */
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "model/config.h"
#include "model/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct init {
    const struct engine_init *spec;
    const struct layout *layout;
    double *std; /* by parameter: < 0 means ones */
    struct pool *pool;
    /* the part that is being made */
    double part_std;
    size_t at, n;
    float *out;
};

enum { TASK_VALUES = 4096 };

static void part_task(void *arg, size_t task, size_t worker)
{
    const struct init *j = arg;
    size_t begin = task * TASK_VALUES,
           end = begin + TASK_VALUES < j->n ? begin + TASK_VALUES : j->n;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        size_t k = j->at + i; /* place in the flat vector: every weight has a number of its own */
        if (j->part_std > 0)
            j->out[i] = (float)(j->part_std * rng_gaussian(j->spec->seed, k >> 32, (uint32_t)k));
        else
            j->out[i] = j->part_std < 0 ? 1 : 0;
    }
}

static void read_initial(void *arg, size_t param, size_t from, size_t n, float *out)
{
    struct init *j = arg;
    j->part_std = j->std[param];
    j->at = j->layout->params[param].offset + from;
    j->n = n;
    j->out = out;
    pool_run(j->pool, (n + TASK_VALUES - 1) / TASK_VALUES, part_task, j);
}

static void set_std(struct init *j, int param, double std)
{
    if (param >= 0)
        j->std[param] = std;
}

static void choose_stds(struct init *j)
{
    const struct layout *l = j->layout;
    const struct engine_init *s = j->spec;
    double out = s->std_out > 0 ? s->std_out : s->std_in / sqrt(2.0 * s->n_layers);
    set_std(j, l->embed, s->std_embed);
    set_std(j, l->head, s->std_embed);
    set_std(j, l->norm, -1);
    for (int i = 0; i < s->n_layers; i++) {
        const struct layer_params *p = &l->layers[i];
        const int in[] = {p->q, p->k, p->v, p->gate, p->up};
        const int ones[] = {p->attn_norm, p->ff_norm, p->q_norm, p->k_norm};
        for (size_t k = 0; k < sizeof in / sizeof *in; k++)
            set_std(j, in[k], s->std_in);
        for (size_t k = 0; k < sizeof ones / sizeof *ones; k++)
            set_std(j, ones[k], -1);
        set_std(j, p->o, out);
        set_std(j, p->down, out);
    }
}

static bool in_range(const char *what, int32_t v, int32_t max, struct err *e)
{
    return (v >= 1 && v <= max) ||
           err_set(e, ERR_USAGE, "%s is not from 1 to %d (seen %d)", what, (int)max, (int)v);
}

static bool make_config(const struct engine_init *s, struct model_config *c, struct err *e)
{
    const struct family *f = family_find(str_of(s->family));
    if (!f)
        return err_set(e, ERR_USAGE, "no model family is called \"%s\" (known: %s)", s->family,
                       family_names());
    if (!in_range("vocabulary", s->vocab_size, CONFIG_VOCAB_MAX, e) ||
        !in_range("context", s->context, INT32_MAX, e) ||
        !in_range("layers", s->n_layers, CONFIG_LAYERS_MAX, e) ||
        !in_range("heads", s->n_heads, CONFIG_HEADS_MAX, e) ||
        !in_range("key/value heads", s->n_kv_heads, CONFIG_HEADS_MAX, e) ||
        !in_range("head size", s->head_dim, CONFIG_HEAD_DIM_MAX, e) ||
        !in_range("hidden size", s->hidden, CONFIG_HIDDEN_MAX, e) ||
        !in_range("feed-forward size", s->ff, CONFIG_FF_MAX, e))
        return false;
    *c = (struct model_config){
        .family = f,
        .vocab = s->vocab_size,
        .hidden = s->hidden,
        .ff = s->ff,
        .n_layers = s->n_layers,
        .n_heads = s->n_heads,
        .n_kv_heads = s->n_kv_heads,
        .head_dim = s->head_dim,
        .context = s->context,
        .tied = s->tied,
        .qkv_bias = f->qkv_bias == BIAS_ALWAYS,
        .norm_eps = s->norm_eps,
        .rope = {.theta = s->rope_theta},
        .bos = s->bos,
        .n_eos = s->n_eos,
    };
    memcpy(c->eos, s->eos, sizeof c->eos);
    for (size_t i = 0; i < c->n_eos; i++)
        if (c->eos[i] < 0 || c->eos[i] >= c->vocab)
            return err_set(e, ERR_USAGE, "the end id %d is outside the vocabulary", (int)c->eos[i]);
    return config_check(c, e);
}

static bool write_text(const char *dir, const char *name, const struct buf *text, struct err *e)
{
    char *path = path_join(dir, name);
    bool ok = file_write(path, text->p, text->n, e);
    free(path);
    return ok;
}

bool engine_init(const char *path, const struct engine_init *spec, uint64_t max_shard_bytes,
                 struct err *e)
{
    struct model_config c;
    struct layout l;
    enum dtype dtype = strcmp(spec->dtype, "bf16") == 0 ? DTYPE_BF16 : DTYPE_F32;
    if (strcmp(spec->dtype, dtype_option(dtype)) != 0)
        return err_set(e, ERR_USAGE, "no stored type is called \"%s\" (known: f32, bf16)",
                       spec->dtype);
    if (!make_config(spec, &c, e))
        return false;
    struct buf config = {0}, generation = {0};
    config_print(&c, dtype == DTYPE_BF16 ? "bfloat16" : "float32", &config, &generation);
    layout_init(&l, &c);
    struct init j = {.spec = spec, .layout = &l, .std = xcalloc(l.n_params, sizeof(double))};
    choose_stds(&j);
    bool ok = (j.pool = pool_open(0, e)) && write_text(path, "config.json", &config, e) &&
              write_text(path, "generation_config.json", &generation, e) &&
              weights_write(path, &l, dtype, max_shard_bytes, read_initial, &j, e);
    pool_close(j.pool);
    free(j.std);
    layout_free(&l);
    buf_free(&config);
    buf_free(&generation);
    return ok;
}

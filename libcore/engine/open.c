/* open.c - engine_open and what it holds; memory needed, said beforehand. */
#define _DEFAULT_SOURCE /* _SC_PHYS_PAGES */
#include "base/mem.h"
#include "engine/opened.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const engine_precision_names[] = {"exact", "bf16", "tf32", "f32", NULL};
const char *const engine_kv_names[] = {"f32", "bf16", NULL};

static int index_of(const char *const *names, const char *name)
{
    int i = 0;
    while (names[i] && name && strcmp(names[i], name) != 0)
        i++;
    return names[i] && name ? i : -1;
}

enum engine_precision engine_precision_of(const char *name)
{
    int i = index_of(engine_precision_names, name);
    return i < 0 ? ENGINE_PRECISION_AUTO : (enum engine_precision)i;
}

enum engine_kv engine_kv_of(const char *name)
{
    int i = index_of(engine_kv_names, name);
    return i < 0 ? ENGINE_KV_AUTO : (enum engine_kv)i;
}

const char *engine_devices(void)
{
    static char line[512];
    backend_describe(line, sizeof line);
    return line;
}

static uint64_t default_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || size <= 0)
        return (uint64_t)4 << 30;
    return (uint64_t)pages * (uint64_t)size / 5 * 4;
}

struct backend *open_device(struct engine_options *o, uint64_t *limit, struct err *e)
{
    static const enum precision precisions[] = {PRECISION_EXACT, PRECISION_BF16, PRECISION_TF32,
                                                PRECISION_F32};
    bool gpu = backend_is_gpu(o->device);
    if (o->precision == ENGINE_PRECISION_AUTO)
        o->precision = gpu ? ENGINE_BF16 : ENGINE_EXACT;
    if (o->kv == ENGINE_KV_AUTO)
        o->kv = gpu && o->precision == ENGINE_BF16 ? ENGINE_KV_BF16 : ENGINE_KV_F32;
    struct backend *b =
        backend_open(&(struct backend_options){.device = o->device,
                                               .threads = o->threads,
                                               .precision = precisions[o->precision],
                                               .memory = o->memory_bytes},
                     e);
    if (!b)
        return NULL;
    uint64_t device = b->op->memory(b);
    *limit = device ? device : o->memory_bytes ? o->memory_bytes : default_memory();
    return b;
}

const char *bytes_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)bytes;
    int u = 0;
    for (; v >= 1024 && u < 4; u++)
        v /= 1024;
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

bool check_ids(const struct engine_info *i, const int32_t *ids, size_t n, const char *what,
               struct err *e)
{
    for (size_t k = 0; k < n; k++)
        if (ids[k] < 0 || ids[k] >= i->vocab_size)
            return err_set(e, ERR_DATA,
                           "%s: token %zu is outside the vocabulary (seen %d, size %d)", what,
                           k + 1, (int)ids[k], (int)i->vocab_size);
    return true;
}

/* ---- checks ---- */

bool engine_check_context(const struct engine_info *i, size_t n_prompt, size_t n_response,
                          struct err *e)
{
    size_t most = i->context < ENGINE_POSITIONS_MAX ? (size_t)i->context : ENGINE_POSITIONS_MAX;
    return (n_prompt <= most && n_response <= most - n_prompt) ||
           err_set(
               e, ERR_DATA,
               "%zu tokens of prompt and %zu of response exceed the model's context (at most %zu "
               "together)",
               n_prompt, n_response, most);
}

bool engine_check_logprobs(const float *logp, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logp[i]))
            return err_set(e, ERR_DATA,
                           "the model gives a log-probability of %g (its weights have diverged)",
                           (double)logp[i]);
    return true;
}

bool check_options(const struct engine *g, const struct gen_options *o, struct err *e)
{
    int32_t v = g->c.info.vocab_size;
    if (!(o->temperature >= 0) || isinf(o->temperature))
        return err_set(e, ERR_USAGE, "the temperature is not a number from 0 (seen %g)",
                       o->temperature);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return err_set(e, ERR_USAGE, "top-p is not above 0 and at most 1 (seen %g)", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1) || o->top_k < 0)
        return err_set(e, ERR_USAGE, "top-k or min-p is out of range (seen %d and %g)",
                       (int)o->top_k, o->min_p);
    if (!(o->repetition_penalty >= 0) || isinf(o->repetition_penalty))
        return err_set(e, ERR_USAGE, "the repetition penalty is not a number from 0 (seen %g)",
                       o->repetition_penalty);
    if (o->vocab_limit < 0 || o->vocab_limit > v)
        return err_set(e, ERR_USAGE, "the vocabulary has no more than %d ids (seen %d)", (int)v,
                       (int)o->vocab_limit);
    if (o->n_stop > ENGINE_STOP_MAX)
        return err_set(e, ERR_USAGE, "more than %d stop ids", ENGINE_STOP_MAX);
    return true;
}

/* ---- opening ---- */

static bool open_engine(struct engine *g, const char *dir, const struct engine_options *o,
                        struct err *e)
{
    struct engine_options chosen = *o;
    if (!checkpoint_open(&g->c, dir, e))
        return false;
    g->b = open_device(&chosen, &g->limit, e);
    if (!g->b)
        return false;
    g->precision = chosen.precision;
    g->kv = chosen.kv == ENGINE_KV_BF16 ? ELEM_BF16 : ELEM_F32;
    weights_digest(g->c.weights, &g->c.config, g->digest);
    if (!model_open(&g->model, g->b, &g->c.config, &g->c.layout, g->c.weights, false, false, e))
        return false;
    checkpoint_close_weights(&g->c);
    return true;
}

struct engine *engine_open(const char *dir, const struct engine_options *o, struct err *e)
{
    struct engine *g = xcalloc(1, sizeof *g);
    if (open_engine(g, dir, o, e))
        return g;
    engine_close(g);
    return NULL;
}

void engine_close(struct engine *g)
{
    if (!g)
        return;
    runner_close(&g->runner);
    model_close(&g->model);
    backend_close(g->b);
    checkpoint_close(&g->c);
    free(g);
}

const struct engine_info *engine_info(const struct engine *g)
{
    return &g->c.info;
}

const char *engine_digest(const struct engine *g)
{
    return g->digest;
}

const char *engine_device(const struct engine *g)
{
    return g->b->name;
}

double engine_peak_flops(struct engine *g)
{
    return g->b->op->peak_flops(g->b);
}

const char *engine_precision(const struct engine *g)
{
    return engine_precision_names[g->precision];
}

const char *engine_kv(const struct engine *g)
{
    return engine_kv_names[g->kv == ELEM_BF16 ? ENGINE_KV_BF16 : ENGINE_KV_F32];
}

/* ---- memory ---- */

static bool large_gpu(const struct engine *g)
{
    return g->b->op->memory(g->b) && g->limit >= (uint64_t)16 << 30;
}

size_t engine_batch(const struct engine *g)
{
    return large_gpu(g) ? GPU_BATCH : RUN_BATCH;
}

static size_t logit_rows_for(const struct engine *g, size_t batch)
{
    size_t bytes = large_gpu(g) ? GPU_LOGITS_BYTES : LOGITS_BYTES;
    size_t fit = bytes / ((size_t)g->c.config.vocab * sizeof(float));
    return fit < 8 ? 8 : fit < batch ? fit : batch;
}

bool engine_need_runner(struct engine *g, size_t batch, struct err *e)
{
    size_t rows = large_gpu(g) ? GPU_ROWS : RUN_ROWS;
    rows = batch > rows ? batch : rows;
    size_t logit_rows = logit_rows_for(g, rows);
    if (g->runner.model && g->runner.rows >= rows)
        return true;
    runner_close(&g->runner);
    uint64_t page = runner_page_bytes(&g->model, g->kv);
    uint64_t used = runner_bytes(&g->model, rows, logit_rows) +
                    model_weight_bytes(g->b, &g->c.config, &g->c.layout, g->c.stored, false, false);
    if (used + page > g->limit) {
        char need[32], limit[32];
        return err_set(
            e, ERR_DEVICE,
            "the model does not fit into the memory (%s needed without caches, %s allowed)",
            bytes_text(used + page, need), bytes_text(g->limit, limit));
    }
    uint64_t pages = (g->limit - used) / page;
    uint64_t context = g->c.info.context < 4096 ? 4096 : (uint64_t)g->c.info.context;
    uint64_t useful = 2 * batch * pages_for((size_t)context) + 1;
    pages = pages < useful ? pages : useful;
    pages = pages < INT32_MAX / 4 ? pages : INT32_MAX / 4;
    return runner_open(&g->runner, &g->model, g->kv, (size_t)pages, rows, logit_rows, e);
}

/* Without a device: what is stored, and the rows of runner.c and workspace.c, in f32. */
struct widths {
    uint64_t d, ff, q, kv, qkv;
};

static struct widths widths_of(const struct engine_info *i)
{
    uint64_t hd = (uint64_t)i->head_dim, q = (uint64_t)i->n_heads * hd;
    uint64_t kv = (uint64_t)i->n_kv_heads * hd;
    return (struct widths){(uint64_t)i->hidden, (uint64_t)i->ff, q, kv, q + 2 * kv};
}

uint64_t engine_rollout_bytes(const struct engine_info *i, enum engine_kv kv, size_t n_seqs,
                              size_t n_tokens)
{
    struct widths w = widths_of(i);
    uint64_t cache = (uint64_t)n_seqs * pages_for(n_tokens) * OPS_KV_BLOCK * i->kv_token_bytes;
    uint64_t rows = n_seqs > RUN_ROWS ? n_seqs : RUN_ROWS;
    uint64_t logits = rows * (uint64_t)i->vocab_size * sizeof(float);
    return i->weights_bytes + (kv == ENGINE_KV_BF16 ? cache / 2 : cache) +
           rows * (3 * w.d + w.qkv + 3 * w.ff) * sizeof(float) +
           (logits < LOGITS_BYTES ? logits : LOGITS_BYTES);
}

uint64_t engine_update_bytes(const struct engine_info *i, size_t n_tokens)
{
    struct widths w = widths_of(i);
    const struct family *f = family_find(str_of(i->family));
    uint64_t layer = 2 * w.d + w.qkv + w.q + 2 * w.ff + (uint64_t)i->n_heads;
    if (f && f->qk_norm)
        layer += w.q + w.kv;
    uint64_t shared = 7 * w.d + 2 * w.ff + w.q + w.qkv;
    uint64_t row = (layer * (uint64_t)i->n_layers + shared) * sizeof(float) + i->kv_token_bytes;
    uint64_t packed = strcmp(i->dtype, "bf16") == 0 ? i->weights_bytes : 0;
    return packed + i->n_params * 4 * sizeof(float) + (uint64_t)n_tokens * row;
}

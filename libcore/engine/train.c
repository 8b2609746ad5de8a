/* train.c - opening a trainer, and its plan of memory. */
#include "base/mem.h"
#include "engine/opened.h"
#include "engine/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void list_params(struct trainer *t)
{
    const struct layout *l = &t->c.layout;
    t->params = xcalloc(l->n_params, sizeof *t->params);
    for (size_t i = 0; i < l->n_params; i++) {
        const struct param *p = &l->params[i];
        t->params[i] = (struct engine_param){
            p->name, p->offset, p->n, p->rows, p->cols ? p->cols : 1,
        };
    }
}

static float *new_vector(struct trainer *t, struct err *e)
{
    return t->b->op->alloc(t->b, t->c.layout.n * sizeof(float), e);
}

static bool check_trainer_options(const struct trainer_options *o, struct err *e)
{
    if (o->no_optimizer)
        return true;
    if (!(o->beta1 >= 0 && o->beta1 < 1) || !(o->beta2 >= 0 && o->beta2 < 1))
        return err_set(e, ERR_USAGE, "a beta is not from 0 to below 1 (seen %g and %g)", o->beta1,
                       o->beta2);
    if (!(o->eps > 0) || !(o->weight_decay >= 0) || !(o->max_grad_norm >= 0))
        return err_set(e, ERR_USAGE,
                       "eps, weight decay or gradient norm is out of range (seen %g, %g, %g)",
                       o->eps, o->weight_decay, o->max_grad_norm);
    return true;
}

static bool open_trainer(struct trainer *t, const char *dir, struct err *e)
{
    struct engine_options *o = &t->o.engine;
    t->micro_tokens = t->o.micro_tokens ? t->o.micro_tokens : MICRO_TOKENS;
    if (!check_trainer_options(&t->o, e) || !checkpoint_open(&t->c, dir, e))
        return false;
    t->b = open_device(o, &t->limit, e);
    if (!t->b)
        return false;
    t->kv = o->kv == ENGINE_KV_BF16 ? ELEM_BF16 : ELEM_F32;
    weights_digest(t->c.weights, &t->c.config, t->digest);
    snprintf(t->saved, sizeof t->saved, "%s", t->digest);
    t->dtype = t->c.stored == DTYPE_BF16 && !t->o.as_f32 ? DTYPE_BF16 : DTYPE_F32;
    if (!model_open(&t->model, t->b, &t->c.config, &t->c.layout, t->c.weights, true, t->o.as_f32,
                    e))
        return false;
    checkpoint_close_weights(&t->c);
    t->grad = new_vector(t, e);
    if (!t->grad)
        return false;
    if (!t->o.no_optimizer) {
        t->m = new_vector(t, e);
        t->v = t->m ? new_vector(t, e) : NULL;
        if (!t->v)
            return false;
    }
    list_params(t);
    /* "cpu avx512" computes the same bits as any other "cpu". */
    snprintf(t->backward_name, sizeof t->backward_name, "%.*s", (int)strcspn(t->b->name, " "),
             t->b->name);
    return true;
}

struct trainer *trainer_open(const char *dir, const struct trainer_options *o, struct err *e)
{
    struct trainer *t = xcalloc(1, sizeof *t);
    t->o = *o;
    if (open_trainer(t, dir, e))
        return t;
    trainer_close(t);
    return NULL;
}

void trainer_close(struct trainer *t)
{
    if (!t)
        return;
    workspace_close(t);
    if (t->b) {
        t->b->op->free(t->b, t->grad);
        t->b->op->free(t->b, t->m);
        t->b->op->free(t->b, t->v);
    }
    model_close(&t->model);
    backend_close(t->b);
    checkpoint_close(&t->c);
    packing_free(&t->packing);
    free(t->params);
    free(t);
}

const struct engine_info *trainer_info(const struct trainer *t)
{
    return &t->c.info;
}

const char *trainer_digest(const struct trainer *t)
{
    return t->digest;
}

const char *trainer_device(const struct trainer *t)
{
    return t->b->name;
}

const char *trainer_backward_name(const struct trainer *t)
{
    return t->backward_name;
}

struct trainer_work trainer_work(const struct trainer *t)
{
    return t->work;
}

double trainer_peak_flops(struct trainer *t)
{
    return t->b->op->peak_flops(t->b);
}

/* ---- the plan ---- */

static void plan_bytes(struct trainer *t, size_t tokens, size_t pages, bool recompute,
                       struct trainer_plan *p)
{
    uint64_t vector = (uint64_t)t->c.layout.n * sizeof(float);
    *p = (struct trainer_plan){
        .weights =
            model_weight_bytes(t->b, &t->c.config, &t->c.layout, t->c.stored, true, t->o.as_f32),
        .masters = vector,
        .gradients = vector,
        .moments = t->o.no_optimizer ? 0 : 2 * vector,
        .limit = t->limit,
        .micro_tokens = tokens,
        .recompute = recompute,
    };
    workspace_bytes(t, tokens, pages, recompute, p);
    p->total = p->weights + p->masters + p->gradients + p->moments + p->activations + p->head +
               p->caches;
}

/* The cheapest plan in time that fits, else the one that needs least. */
static void choose_plan(struct trainer *t, size_t tokens, size_t pages, struct trainer_plan *p)
{
    plan_bytes(t, tokens, pages, false, p);
    if (p->total > p->limit)
        plan_bytes(t, tokens, pages, true, p);
}

static bool check_plan(const struct trainer_plan *p, struct err *e)
{
    char need[32], limit[32], fixed[32];
    return p->total <= p->limit ||
           err_set(e, ERR_DEVICE,
                   "an update with micro-batches of %zu tokens does not fit into the memory "
                   "(%s needed, %s allowed; weights, gradients and moments take %s)",
                   p->micro_tokens, bytes_text(p->total, need), bytes_text(p->limit, limit),
                   bytes_text(p->weights + p->masters + p->gradients + p->moments, fixed));
}

bool trainer_prepare(struct trainer *t, const struct engine_group *groups, size_t n_groups,
                     struct trainer_plan *plan, struct err *e)
{
    struct trainer_plan p;
    size_t longest;
    if (!check_groups(&t->c.info, groups, n_groups, &longest, e))
        return false;
    pack_bounds(groups, n_groups, t->micro_tokens, &t->most_tokens, &t->most_pages);
    choose_plan(t, t->most_tokens, t->most_pages, &p);
    if (plan)
        *plan = p;
    return check_plan(&p, e) && model_reserve_positions(&t->model, longest, e);
}

bool trainer_fit(struct trainer *t, size_t tokens, size_t pages, size_t longest, struct err *e)
{
    struct workspace *w = &t->w;
    struct trainer_plan p;
    if (!model_reserve_positions(&t->model, longest, e))
        return false;
    if (w->block && tokens <= w->tokens && pages <= w->pages)
        return true;
    /* As much as was planned for, so that later minibatches find room: what is not used of it stays
     * pages that nobody has touched. */
    size_t at_least[] = {w->tokens, t->most_tokens, w->pages, t->most_pages};
    for (size_t i = 0; i < 2; i++) {
        tokens = tokens > at_least[i] ? tokens : at_least[i];
        pages = pages > at_least[2 + i] ? pages : at_least[2 + i];
    }
    choose_plan(t, tokens, pages, &p);
    return check_plan(&p, e) && workspace_open(t, tokens, pages, p.recompute, e);
}

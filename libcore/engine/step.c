/* step.c - gradients as vectors, and the optimizer's step. */
#include "base/mem.h"
#include "engine/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t trainer_n(const struct trainer *t)
{
    return t->c.layout.n;
}

size_t trainer_params(const struct trainer *t, const struct engine_param **list)
{
    *list = t->params;
    return t->c.layout.n_params;
}

uint64_t trainer_steps(const struct trainer *t)
{
    return t->steps;
}

double trainer_grad_norm(const struct trainer *t)
{
    return sqrt(t->b->op->dot(t->b, t->grad, t->grad, t->c.layout.n));
}

void trainer_get_grad(const struct trainer *t, float *out)
{
    t->b->op->download(t->b, out, t->grad, t->c.layout.n * sizeof *out);
}

void trainer_zero_grad(struct trainer *t)
{
    t->b->op->zero(t->b, t->grad, t->c.layout.n * sizeof *t->grad);
}

/* Blocks of fixed length are summed one after another, so that the order depends on n only. */
double engine_dot(const float *a, const float *b, size_t n)
{
    enum { BLOCK = 4096 };
    double sum = 0;
    for (size_t from = 0; from < n; from += BLOCK) {
        double part = 0;
        for (size_t i = from; i < n && i < from + BLOCK; i++)
            part += (double)a[i] * (double)b[i];
        sum += part;
    }
    return sum;
}

void trainer_get_weights(const struct trainer *t, float *out)
{
    t->b->op->download(t->b, out, t->model.masters, t->c.layout.n * sizeof *out);
}

bool trainer_set_weights(struct trainer *t, const float *in, struct err *e)
{
    for (size_t i = 0; i < t->c.layout.n; i++)
        if (!isfinite(in[i]))
            return err_set(e, ERR_DATA, "weight %zu is not finite", i);
    t->b->op->upload(t->b, t->model.masters, in, t->c.layout.n * sizeof *in);
    model_refresh(&t->model);
    return true;
}

static bool decays(const struct trainer *t, const struct param *p)
{
    return !(t->o.no_decay_1d && p->cols == 0);
}

/* Neighbouring parameters under the same rule go together. */
static void adamw(struct trainer *t, double lr, double grad_scale)
{
    const struct layout *l = &t->c.layout;
    for (size_t i = 0, end; i < l->n_params; i = end) {
        bool decay = decays(t, &l->params[i]);
        size_t at = l->params[i].offset, n = 0;
        for (end = i; end < l->n_params && decays(t, &l->params[end]) == decay; end++)
            n += l->params[end].n;
        t->b->op->adamw(t->b, &(struct adamw){.n = n,
                                              .p = t->model.masters + at,
                                              .g = t->grad + at,
                                              .m = t->m + at,
                                              .v = t->v + at,
                                              .lr = lr,
                                              .beta1 = t->o.beta1,
                                              .beta2 = t->o.beta2,
                                              .eps = t->o.eps,
                                              .weight_decay = decay ? t->o.weight_decay : 0,
                                              .grad_scale = grad_scale,
                                              .step = t->steps,
                                              .zero_grad = true});
    }
}

bool trainer_step(struct trainer *t, double lr, struct trainer_step *s, struct err *e)
{
    ASSERT(!t->o.no_optimizer);
    *s = (struct trainer_step){.grad_norm = trainer_grad_norm(t), .clip_coef = 1};
    if (!isfinite(s->grad_norm))
        return err_set(e, ERR_DATA, "the gradient is not finite (step %" PRIu64 ")", t->steps + 1);
    if (s->grad_norm == 0 && !t->o.step_on_zero)
        return true;
    if (t->o.max_grad_norm > 0)
        s->clip_coef = fmin(1, t->o.max_grad_norm / (s->grad_norm + 1e-6));
    t->steps++;
    adamw(t, lr, s->clip_coef);
    model_refresh(&t->model);
    s->stepped = true;
    return true;
}

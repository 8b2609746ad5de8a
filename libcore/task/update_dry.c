/* update_dry.c - what would each method do with this step?  Nothing is written. */
#include "task/update_step.h"

#include "base/log.h"
#include "base/outfile.h"
#include "rl/advantage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPARE_MAX = 32 };

/* ---- by source ---- */

static bool pick_all(const struct update_run *u, const struct update_row *row)
{
    (void)u, (void)row;
    return true;
}

static bool pick_gold(const struct update_run *u, const struct update_row *row)
{
    (void)u;
    return row->gold;
}

static bool pick_right(const struct update_run *u, const struct update_row *row)
{
    (void)u;
    return !row->gold && row->right;
}

static bool pick_wrong(const struct update_run *u, const struct update_row *row)
{
    (void)u;
    return !row->gold && !row->right;
}

static bool gradient_of(struct update_run *u, update_pick *pick, float *into, struct err *e)
{
    trainer_zero_grad(u->trainer);
    if (!update_gradient(u, pick, e))
        return false;
    trainer_get_grad(u->trainer, into);
    return true;
}

static double norm(const float *v, size_t n)
{
    return sqrt(engine_dot(v, v, n));
}

static double cosine(const float *a, const float *b, size_t n)
{
    double product = norm(a, n) * norm(b, n);
    return product > 0 ? engine_dot(a, b, n) / product : 0;
}

static bool say_sources(struct update_run *u, struct buf *out, struct err *e)
{
    static const struct {
        const char *name;
        update_pick *pick;
    } sources[] = {
        {"all", pick_all}, {"gold", pick_gold}, {"right", pick_right}, {"wrong", pick_wrong}};
    size_t n = trainer_n(u->trainer);
    float *all = xcalloc(n, sizeof *all), *part = xcalloc(n, sizeof *part);
    buf_printf(out, "gradient of %s by source\n%-8s %14s %14s\n", u->o->preset->name, "rows",
               "norm", "cosine to all");
    for (size_t i = 0; i < sizeof sources / sizeof *sources && !e->status; i++) {
        float *into = i == 0 ? all : part;
        if (gradient_of(u, sources[i].pick, into, e))
            buf_printf(out, "%-8s %14.6g %14.4f\n", sources[i].name, norm(into, n),
                       cosine(into, all, n));
    }
    free(all);
    free(part);
    return e->status == 0;
}

/* ---- by preset ---- */

/* The preset's own advantages, from the rewards. */
static void assign_rule(struct update_run *u, const struct advantage_rule *rule)
{
    struct update_step *s = &u->step;
    struct advantage_batch batch = {0};
    size_t most = 1;
    for (size_t g = 0; g < s->n; g++)
        most = s->groups[g].n_rows > most ? s->groups[g].n_rows : most;
    struct advantage_row *rows = xcalloc(most, sizeof *rows);
    double *adv = xcalloc(most, sizeof *adv);
    for (int pass = 0; pass < 2; pass++)
        for (size_t g = 0; g < s->n; g++) {
            struct update_group *group = &s->groups[g];
            bool flat = true;
            for (size_t r = 0; r < group->n_rows; r++) {
                const struct update_row *row = &group->rows[r];
                rows[r] = (struct advantage_row){.reward = row->reward,
                                                 .length = (double)row->n,
                                                 .scorable = !row->out && row->has_reward,
                                                 .gold = row->gold};
            }
            advantage_group(rule, &rule->defaults, rows, group->n_rows, adv);
            if (pass == 0) {
                advantage_collect(rule, &rule->defaults, rows, group->n_rows, adv, &batch);
                continue;
            }
            advantage_finish(rule, &rule->defaults, &batch, rows, group->n_rows, adv);
            for (size_t r = 0; r < group->n_rows; r++) {
                group->rows[r].advantage = adv[r];
                flat = flat && adv[r] == 0;
            }
            for (size_t r = 0; r < group->n_rows; r++)
                group->rows[r].flat = flat;
        }
    free(rows);
    free(adv);
}

static bool has_rewards(const struct update_step *s)
{
    for (size_t g = 0; g < s->n; g++)
        for (size_t r = 0; r < s->groups[g].n_rows; r++)
            if (!s->groups[g].rows[r].out && !s->groups[g].rows[r].has_reward)
                return false;
    return true;
}

/* The gradient that the preset would have; *skip says why it has none. */
static bool preset_gradient(struct update_run *u, const struct preset *p, float *into,
                            const char **skip, struct err *e)
{
    struct update_options o = *u->o;
    const struct update_options *keep = u->o;
    o.objective = preset_objective(p);
    o.preset = p;
    u->o = &o;
    *skip = NULL;
    if (p->advantage && has_rewards(&u->step))
        assign_rule(u, advantage_find(str_of(p->advantage)));
    else if (p->advantage)
        *skip = "a reward is missing";
    struct err why = ERR_NONE;
    if (!update_denominator(u, &why))
        *skip = "no record says its max_tokens";
    else if (u->den.rows == 0)
        *skip = "no row counts";
    bool ok = !e->status && (*skip || gradient_of(u, pick_all, into, e));
    u->o = keep;
    return ok;
}

static size_t choose_presets(const struct update_options *o, const struct preset **list,
                             struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; o->compare.n == 0 && presets()[i] && n < COMPARE_MAX; i++)
        list[n++] = presets()[i];
    for (size_t i = 0; i < o->compare.n && n < COMPARE_MAX; i++) {
        list[n] = preset_find(str_of(o->compare.items[i]));
        if (!list[n++])
            err_set(e, ERR_USAGE, "--compare: there is no preset '%s'", o->compare.items[i]);
    }
    return n;
}

static void say_cosines(struct buf *out, const struct preset **list, float **grads, size_t n,
                        size_t length)
{
    buf_printf(out, "\ngradients of presets on this step\n%-12s %14s  cosines\n", "preset", "norm");
    for (size_t i = 0; i < n; i++) {
        if (!grads[i])
            continue;
        buf_printf(out, "%-12s %14.6g ", list[i]->name, norm(grads[i], length));
        for (size_t k = 0; k <= i; k++)
            if (grads[k])
                buf_printf(out, " %7.4f", cosine(grads[i], grads[k], length));
        buf_putc(out, '\n');
    }
}

static bool say_presets(struct update_run *u, struct buf *out, struct err *e)
{
    const struct preset *list[COMPARE_MAX];
    float *grads[COMPARE_MAX] = {0};
    size_t n = choose_presets(u->o, list, e), length = trainer_n(u->trainer);
    struct buf skipped = {0};
    for (size_t i = 0; i < n && !e->status; i++) {
        const char *skip;
        grads[i] = xcalloc(length, sizeof **grads);
        progress_note("%s", list[i]->name);
        if (!preset_gradient(u, list[i], grads[i], &skip, e) || !skip)
            continue;
        buf_printf(&skipped, "%-12s left out: %s\n", list[i]->name, skip);
        free(grads[i]);
        grads[i] = NULL;
    }
    if (!e->status) {
        say_cosines(out, list, grads, n, length);
        buf_putstr(out, buf_str(&skipped));
    }
    buf_free(&skipped);
    for (size_t i = 0; i < n; i++)
        free(grads[i]);
    return e->status == 0;
}

bool update_dry_run(struct update_run *u, struct err *e)
{
    struct buf out = {0};
    struct outfile *to = outfile_open(NULL, e);
    bool ok = to && say_sources(u, &out, e) && say_presets(u, &out, e) &&
              outfile_write(to, out.p, out.n, e);
    buf_free(&out);
    if (ok)
        return outfile_commit(to, e);
    outfile_discard(to);
    return false;
}

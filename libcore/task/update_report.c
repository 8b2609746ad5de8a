/* update_report.c - what a step did: metrics for programs, words for people. */
#include "task/update_step.h"

#include "base/log.h"
#include "base/num.h"
#include "rl/surrogate.h"

#include <math.h>
#include <stdlib.h>

static const char *const source_names[2] = {"policy", "gold"};

static unsigned long long ull(uint64_t v)
{
    return v;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* ---- a line of metrics ---- */

/* Members of an object; the comma is put where one is needed. */
static void key(struct buf *b, const char *name)
{
    if (b->n && b->p[b->n - 1] != '{')
        buf_putc(b, ',');
    buf_printf(b, "\"%s\":", name);
}

static void count(struct buf *b, const char *name, uint64_t v)
{
    key(b, name);
    buf_printf(b, "%llu", ull(v));
}

static void real(struct buf *b, const char *name, double v)
{
    key(b, name);
    if (isfinite(v))
        json_put_double(b, v);
    else
        buf_puts(b, "null");
}

static void open_object(struct buf *b, const char *name)
{
    key(b, name);
    buf_putc(b, '{');
}

static void put_groups(struct buf *b, const struct update_counts *c)
{
    open_object(b, "groups");
    count(b, "all", c->groups);
    count(b, "all_wrong", c->contrasts[CONTRAST_ALL_WRONG]);
    count(b, "mixed", c->contrasts[CONTRAST_MIXED]);
    count(b, "all_right", c->contrasts[CONTRAST_ALL_RIGHT]);
    count(b, "unscorable", c->contrasts[CONTRAST_UNSCORABLE]);
    count(b, "not_judged", c->unjudged);
    count(b, "injected", c->injected);
    count(b, "without_contrast", c->flat);
    buf_putc(b, '}');
    open_object(b, "golds");
    for (int f = 0; f < N_FATES; f++)
        if (c->fates[f])
            count(b, gold_fate_name((enum gold_fate)f), c->fates[f]);
    buf_putc(b, '}');
    open_object(b, "rows");
    count(b, "all", c->rows);
    count(b, "gold", c->golds);
    count(b, "unscorable", c->unscorable);
    count(b, "truncated", c->truncated);
    buf_putc(b, '}');
    open_object(b, "tokens");
    count(b, "responses", c->tokens);
    count(b, "prompts", c->prompt_tokens);
    buf_putc(b, '}');
    if (c->judged)
        real(b, "accuracy", share((double)c->correct, (double)c->judged));
}

static void put_source(struct buf *b, const char *name, const struct loss_source_stats *s,
                       bool ratios)
{
    double tokens = (double)s->tokens;
    if (s->rows == 0)
        return;
    open_object(b, name);
    count(b, "rows", s->rows);
    count(b, "tokens", s->tokens);
    real(b, "advantage_plus", s->advantage_plus);
    real(b, "advantage_minus", s->advantage_minus);
    if (ratios) {
        real(b, "ratio_min", s->ratio_min);
        real(b, "ratio_mean", share(sum_value(&s->ratio), (double)s->ratio_count));
        real(b, "ratio_max", s->ratio_max);
        real(b, "clipped_low", share((double)s->clipped_low, tokens));
        real(b, "clipped_high", share((double)s->clipped_high, tokens));
        real(b, "clipped_dual", share((double)s->clipped_dual, tokens));
        count(b, "clamped", s->clamped);
        real(b, "old_minus_new", share(sum_value(&s->log_ratio), tokens));
    }
    real(b, "entropy", share(sum_value(&s->entropy), tokens));
    real(b, "kl", share(sum_value(&s->kl), tokens));
    buf_putc(b, '}');
}

static void put_mismatch(struct buf *b, const struct update_run *u)
{
    const struct mismatch_stats *m = &u->mismatch;
    double tokens = (double)m->tokens;
    open_object(b, "mismatch");
    count(b, "tokens", m->tokens);
    real(b, "max", m->max_abs);
    real(b, "mean", share(sum_value(&m->abs_x), tokens));
    real(b, "outside", share((double)m->outside, tokens));
    real(b, "k3", share(sum_value(&m->k3), tokens));
    if (u->o->objective.mismatch.level != MISMATCH_OFF) {
        real(b, "weight_mean", wmoments_mean(&u->weights));
        real(b, "effective_size", mismatch_effective_size(&u->effective));
    }
    buf_putc(b, '}');
}

static void put_steps(struct buf *b, const struct update_run *u)
{
    double loss = 0, norm = 0, most = 0;
    uint64_t still = 0;
    for (size_t i = 0; i < u->n_steps; i++) {
        loss += u->steps[i].loss / (double)u->n_steps;
        norm += u->steps[i].grad_norm / (double)u->n_steps;
        most = fmax(most, u->steps[i].grad_norm);
        still += !u->steps[i].stepped;
    }
    real(b, "loss", loss);
    open_object(b, "loss_parts");
    double n = (double)u->n_steps;
    real(b, "surrogate", share(sum_value(&u->stats.surrogate), n));
    real(b, "kl", share(sum_value(&u->stats.kl), n));
    real(b, "entropy", share(sum_value(&u->stats.entropy), n));
    real(b, "sft", share(sum_value(&u->stats.sft), n));
    buf_putc(b, '}');
    real(b, "grad_norm", norm);
    real(b, "grad_norm_max", most);
    real(b, "lr", u->n_steps ? u->steps[u->n_steps - 1].rate : 0);
    count(b, "optimizer_steps", u->state_steps + u->n_steps);
    count(b, "zero_gradients", still);
    key(b, "updates");
    buf_putc(b, '[');
    for (size_t i = 0; i < u->n_steps; i++) {
        const struct update_optimizer_step *s = &u->steps[i];
        buf_puts(b, i ? ",{" : "{");
        real(b, "loss", s->loss);
        real(b, "lr", s->rate);
        real(b, "grad_norm", s->grad_norm);
        real(b, "clip_coef", s->clip_coef);
        count(b, "rows", s->rows);
        count(b, "tokens", s->tokens);
        buf_puts(b, s->stepped ? ",\"stepped\":true}" : ",\"stepped\":false}");
    }
    buf_putc(b, ']');
}

void update_metrics(const struct update_run *u, struct buf *b)
{
    bool ratios = loss_uses_old(&u->o->objective.loss);
    buf_putc(b, '{');
    count(b, "step", u->state_updates + 1);
    key(b, "algo");
    json_put_string(b, str_of(u->o->preset->name));
    put_groups(b, &u->step.counts);
    put_steps(b, u);
    put_source(b, source_names[0], &u->stats.source[0], ratios);
    put_source(b, source_names[1], &u->stats.source[1], ratios);
    put_mismatch(b, u);
    key(b, "model");
    json_put_string(b, str_of(u->digest));
    buf_puts(b, "}\n");
}

void update_timing(const struct update_run *u, struct buf *b)
{
    static const char *const names[] = {"read_s", "score_s", "train_s", "save_s"};
    double tokens = 0;
    for (size_t i = 0; i < u->n_steps; i++)
        tokens += (double)u->steps[i].tokens;
    buf_putc(b, '{');
    count(b, "step", u->state_updates + 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        real(b, names[i], u->seconds[i]);
    double train = u->seconds[TIME_TRAIN], rate = share(u->flops, train);
    real(b, "tokens_per_s", share(tokens, train));
    real(b, "positions_per_s", share((double)u->positions, train));
    real(b, "gflops_per_s", 1e-9 * rate);
    real(b, "share_of_peak", share(rate, u->peak_flops));
    buf_puts(b, "}\n");
}

/* ---- for people ---- */

static void say(void *arg, const char *text)
{
    (void)arg;
    log_info("%s", text);
}

void update_say_objective(const struct update_options *o)
{
    struct buf value = {0}, preset = {0};
    const struct preset *p = o->preset;
    if (log_level() < LOG_VERBOSE)
        return;
    log_info("%s: %s (%s)", p->name, p->summary, p->source);
    if (p->advantage)
        log_info("  advantages: gcpo-advantage --rule %s", p->advantage);
    if (p->needs)
        log_info("  needs: %s", p->needs);
    struct objective base = preset_objective(p);
    for (const struct objective_switch *s = objective_switches(); s->name; s++) {
        const struct preset_switch *from = preset_switch_of(p, s->name);
        buf_reset(&value);
        buf_reset(&preset);
        objective_get(&o->objective, s->name, &value);
        objective_get(&base, s->name, &preset);
        bool overridden = !str_eq(buf_str(&value), buf_str(&preset));
        log_info("  --%-18s %-20s %s%s%s", s->name, buf_cstr(&value),
                 overridden ? "[given]"
                 : from     ? preset_tag_name(from->tag)
                            : "[choice]",
                 from && from->why && !overridden ? " " : "",
                 from && from->why && !overridden ? from->why : "");
    }
    objective_idle(&o->objective, o->minibatches * o->epochs, o->recompute, say, NULL);
    buf_free(&value);
    buf_free(&preset);
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

void update_say_step(const struct update_run *u)
{
    const struct update_counts *c = &u->step.counts;
    const struct trainer_plan *p = &u->plan;
    log_info("%llu groups: %llu all wrong, %llu mixed, %llu all right, %llu unscorable, %llu not "
             "judged; %llu hold a gold, %llu are without contrast",
             ull(c->groups), ull(c->contrasts[CONTRAST_ALL_WRONG]),
             ull(c->contrasts[CONTRAST_MIXED]), ull(c->contrasts[CONTRAST_ALL_RIGHT]),
             ull(c->contrasts[CONTRAST_UNSCORABLE]), ull(c->unjudged), ull(c->injected),
             ull(c->flat));
    log_info("%llu rows, %llu of them golds, %llu unscorable; %llu tokens", ull(c->rows),
             ull(c->golds), ull(c->unscorable), ull(c->tokens));
    for (int f = FATE_NO_GOLD; f < N_FATES; f++)
        if (c->fates[f])
            log_info("golds %s: %llu groups", gold_fate_name((enum gold_fate)f), ull(c->fates[f]));
    if (c->bare)
        log_info("%llu records without responses were passed over", ull(c->bare));
    log_info("memory: weights %.1f, masters %.1f, gradients %.1f, moments %.1f, activations %.1f, "
             "head %.1f, caches %.1f: %.1f of %.1f MiB, %zu positions at once%s",
             mib(p->weights), mib(p->masters), mib(p->gradients), mib(p->moments),
             mib(p->activations), mib(p->head), mib(p->caches), mib(p->total), mib(p->limit),
             p->micro_tokens, p->recompute ? ", activations computed twice" : "");
}

static void say_mismatch(const struct update_run *u)
{
    const struct mismatch_stats *m = &u->mismatch;
    if (m->tokens == 0)
        return;
    char max[NUM_MAX];
    num_print_double(max, m->max_abs);
    if (m->max_abs > 0 && !u->o->off_policy)
        log_warn("max |logp_rollout - logp_update| = %s over %zu tokens: the sampler did not "
                 "compute what the trainer computes",
                 max, m->tokens);
    else
        log_info("max |logp_rollout - logp_update| = %s over %zu tokens", max, m->tokens);
}

void update_say_result(const struct update_run *u)
{
    bool any = false;
    for (size_t i = 0; i < u->n_steps; i++)
        any = any || u->steps[i].stepped;
    say_mismatch(u);
    if (!any)
        log_warn("%s: no weight was changed", u->step.counts.flat == u->step.counts.groups
                                                  ? "no group has contrast"
                                                  : "every gradient is zero");
    for (int k = 0; k < 2; k++) {
        const struct loss_source_stats *s = &u->stats.source[k];
        if (s->rows)
            log_info("%s: %zu rows, advantages %+.6g and %+.6g, ratio %.6g to %.6g, clipped %.4g%% "
                     "low %.4g%% high, entropy %.4g",
                     source_names[k], s->rows, s->advantage_plus, s->advantage_minus, s->ratio_min,
                     s->ratio_max, 100 * share((double)s->clipped_low, (double)s->tokens),
                     100 * share((double)s->clipped_high, (double)s->tokens),
                     share(sum_value(&s->entropy), (double)s->tokens));
    }
    for (size_t i = 0; i < u->n_steps; i++)
        log_info("optimizer step %llu: loss %.6g, gradient %.6g%s, lr %.6g",
                 ull(u->state_steps + i + 1), u->steps[i].loss, u->steps[i].grad_norm,
                 u->steps[i].stepped ? "" : " (no step)", u->steps[i].rate);
}

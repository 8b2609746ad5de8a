/* test_rl.c - objectives against central differences, closed forms, splits, switches. */
#include "../tap.h"
#include "base/rng.h"
#include "rl/advantage.h"
#include "rl/keep.h"
#include "rl/mismatch.h"
#include "rl/objective.h"
#include "rl/overlong.h"
#include "rl/schedule.h"
#include "rl/surrogate.h"

#include <stdlib.h>

enum { ROWS = 12, WIDTH = 9 };

/* A step of ragged rows with masks, golds, references and weights. */
struct step {
    struct loss_row row[ROWS];
    double logp[ROWS][WIDTH], old[ROWS][WIDTH], ref[ROWS][WIDTH], behaviour[ROWS][WIDTH];
    double entropy[ROWS][WIDTH], weight[ROWS][WIDTH], held[ROWS][WIDTH];
    unsigned char mask[ROWS][WIDTH];
    struct loss_denominator den;
};

static void make_step(struct step *s, uint64_t seed, double spread)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t t = 0; t < WIDTH; t++) {
            s->logp[i][t] = -0.05 - 2 * rng_uniform(seed, 1, i, t);
            s->old[i][t] = s->logp[i][t] + spread * (rng_uniform(seed, 2, i, t) - 0.5);
            s->ref[i][t] = s->logp[i][t] + rng_uniform(seed, 3, i, t) - 0.5;
            s->behaviour[i][t] = s->old[i][t] + 0.3 * (rng_uniform(seed, 4, i, t) - 0.5);
            s->entropy[i][t] = 2 * rng_uniform(seed, 5, i, t);
            s->weight[i][t] = 0.5 + rng_uniform(seed, 6, i, t);
            s->mask[i][t] = rng_uniform(seed, 7, i, t) < 0.9;
            s->held[i][t] = s->logp[i][t];
        }
        double a = 3 * (rng_uniform(seed, 8, i, 0) - 0.5);
        s->row[i] = (struct loss_row){.n = i == 3   ? 1
                                           : i == 5 ? 0
                                                    : WIDTH - i % 4,
                                      .logp = s->logp[i],
                                      .old = s->old[i],
                                      .ref = s->ref[i],
                                      .behaviour = s->behaviour[i],
                                      .entropy = s->entropy[i],
                                      .weight = s->weight[i],
                                      .held = s->held[i],
                                      .mask = s->mask[i],
                                      .advantage = i == 7 ? 0 : a,
                                      .gold = i % 4 == 2,
                                      .truncated = i == 9,
                                      .beside_gold = i % 4 == 1};
    }
}

static void count_step(struct step *s, const struct loss_options *o)
{
    s->den = (struct loss_denominator){.length = 20};
    for (int i = 0; i < ROWS; i++)
        loss_count_row(o, &s->row[i], &s->den);
}

static double loss_of_row(const struct step *s, const struct loss_options *o, int i)
{
    return loss_row(o, &s->den, &s->row[i], &(struct loss_out){0}, NULL);
}

/* The largest |analytic - numeric| over all tokens, relative to the gradient's size.  A kink
 * (a clip bound) between the two points is told by one-sided slopes that differ. */
static double gradient_error(struct step *s, const struct loss_options *o)
{
    double worst = 0, h = 1e-6;
    count_step(s, o);
    for (int i = 0; i < ROWS; i++) {
        double d[WIDTH], dh[WIDTH];
        loss_row(o, &s->den, &s->row[i], &(struct loss_out){.dlogp = d, .dentropy = dh}, NULL);
        double middle = loss_of_row(s, o, i);
        for (size_t t = 0; t < 2 * s->row[i].n; t++) {
            bool entropy = t >= s->row[i].n;
            double *x = entropy ? &s->entropy[i][t - s->row[i].n] : &s->logp[i][t];
            double keep = *x;
            *x = keep + h;
            double up = loss_of_row(s, o, i);
            *x = keep - h;
            double down = loss_of_row(s, o, i);
            *x = keep;
            double left = (middle - down) / h, right = (up - middle) / h;
            double seen = entropy ? dh[t - s->row[i].n] : d[t];
            if (fabs(left - right) > 1e-4 * (1 + fabs(left) + fabs(right)))
                continue;
            worst = fmax(worst, fabs(seen - (up - down) / (2 * h)) / (1 + fabs(seen)));
        }
    }
    return worst;
}

static void each_surrogate_has_its_gradient(void)
{
    struct step *s = malloc(sizeof *s);
    for (size_t k = 0; surrogates()[k]; k++)
        for (int ratio = 0; ratio <= RATIO_SEQUENCE_SUM; ratio++)
            for (int aggregate = 0; aggregate <= AGGREGATE_CONSTANT; aggregate++)
                for (int old = 0; old <= GOLD_OLD_ONE; old++)
                    for (int shape = 0; shape <= SHAPE_POWER; shape++) {
                        struct loss_options o = loss_defaults();
                        o.surrogate = surrogates()[k];
                        o.ratio = (enum loss_ratio)ratio;
                        o.aggregate = (enum loss_aggregate)aggregate;
                        o.gold_old = (enum gold_old)old;
                        o.gold_shape = (enum gold_shape)shape;
                        o.gold_gamma = 0.3;
                        o.kl = (enum kl_kind)(shape % (KL_ABS + 1));
                        o.kl_coef = 0.1;
                        o.kl_weighted = aggregate == 1;
                        o.entropy_coef = 0.02;
                        o.sft_weight = ratio == 2 ? 0.5 : 0;
                        o.gold_negatives = 0.25;
                        o.dual_clip = aggregate == 2 ? 1.5 : 0;
                        o.ratio_cap = aggregate == 3 ? 1.3 : 0;
                        o.mask_truncated = old == 1;
                        o.off_policy_delta = old == 2 ? 0.01 : 0;
                        make_step(s, (uint64_t)(ratio * 7 + aggregate), 1.2);
                        double worst = gradient_error(s, &o);
                        CHECK(worst < 1e-7);
                        if (worst >= 1e-7)
                            printf("# %s ratio %d aggregate %d old %d shape %d: %g\n",
                                   o.surrogate->name, ratio, aggregate, old, shape, worst);
                    }
    free(s);
}

static void each_preset_has_its_gradient(void)
{
    struct step *s = malloc(sizeof *s);
    for (size_t k = 0; presets()[k]; k++) {
        struct objective o = preset_objective(presets()[k]);
        for (uint64_t seed = 0; seed < 20; seed++) {
            make_step(s, seed, seed % 2 ? 0.05 : 0.9);
            CHECK_NEAR(gradient_error(s, &o.loss), 0, 1e-7);
        }
    }
    free(s);
}

/* ---- splits ---- */

static double sum_in_parts(struct step *s, const struct loss_options *o, int parts,
                           double grad[ROWS][WIDTH])
{
    double total = 0;
    for (int p = 0; p < parts; p++) {
        struct sum part = {0};
        for (int i = ROWS * p / parts; i < ROWS * (p + 1) / parts; i++)
            sum_add(&part,
                    loss_row(o, &s->den, &s->row[i], &(struct loss_out){.dlogp = grad[i]}, NULL));
        total += sum_value(&part);
    }
    return total;
}

static void splits_change_nothing(void)
{
    struct step *s = malloc(sizeof *s);
    static double whole[ROWS][WIDTH], cut[ROWS][WIDTH];
    for (size_t k = 0; presets()[k]; k++) {
        struct objective o = preset_objective(presets()[k]);
        make_step(s, 40 + k, 0.4);
        count_step(s, &o.loss);
        double one = sum_in_parts(s, &o.loss, 1, whole);
        static const int parts[] = {2, 7, ROWS};
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            double many = sum_in_parts(s, &o.loss, parts[p], cut);
            CHECK_NEAR(many, one, 4e-16 * ROWS * (1 + fabs(one)));
            for (int i = 0; i < ROWS; i++)
                CHECK(memcmp(whole[i], cut[i], s->row[i].n * sizeof **cut) == 0);
        }
    }
    free(s);
}

/* ---- advantages ---- */

static const struct advantage_rule *rule_named(const char *name)
{
    return advantage_find(str_of(name));
}

static void gcpo_closed_forms(void)
{
    const struct advantage_rule *r = rule_named("grpo");
    struct advantage_options exact = r->defaults;
    exact.epsilon = 0;
    for (size_t g = 2; g <= 64; g++) {
        struct advantage_row rows[64];
        double adv[64], total = 0;
        for (size_t i = 0; i < g; i++)
            rows[i] = (struct advantage_row){i + 1 == g, 10, true, i + 1 == g};
        advantage_group(r, &exact, rows, g, adv);
        double root = sqrt((double)g);
        CHECK_NEAR(adv[g - 1], ((double)g - 1) / root, 1e-14 * (double)g);
        CHECK_NEAR(adv[0], -1 / root, 1e-15 * (double)g);
        for (size_t i = 0; i < g; i++)
            total += adv[i];
        CHECK_NEAR(total, 0, 1e-13);
        advantage_group(r, &r->defaults, rows, g, adv);
        if (g == 8) {
            CHECK_NEAR(adv[7], 2.474866734172715, 1e-14);
            CHECK_NEAR(adv[0], -0.35355239059610216, 1e-15);
        }
    }
}

static void gcpo_gradient_in_closed_form(void)
{
    struct objective o = preset_objective(preset_find(STR("gcpo")));
    double old[5] = {-1, -2, -0.5, -3, -1.5}, logp[5] = {-0.9, -2.1, -0.4, -3, -1.4}, d[5];
    struct loss_row r = {.n = 5, .logp = logp, .old = old, .advantage = 2.5};
    struct loss_denominator den = {.rows = 16, .tokens = 99};
    double s = exp((0.1 - 0.1 + 0.1 + 0 + 0.1) / 5);
    CHECK_NEAR(loss_row(&o.loss, &den, &r, &(struct loss_out){.dlogp = d}, NULL), -2.5 * s / 16,
               1e-15);
    for (int t = 0; t < 5; t++)
        CHECK_NEAR(d[t], -2.5 * s / (5 * 16), 1e-16);
    r.advantage = 0;
    loss_row(&o.loss, &den, &r, &(struct loss_out){.dlogp = d}, NULL);
    for (int t = 0; t < 5; t++)
        CHECK(d[t] == 0);
}

static void equal_rewards_give_zero(void)
{
    for (size_t k = 0; advantage_rules()[k]; k++) {
        const struct advantage_rule *r = advantage_rules()[k];
        for (int q = 0; q < 50; q++) {
            struct advantage_row rows[7];
            double adv[7];
            struct advantage_batch whole = {0};
            for (int i = 0; i < 7; i++)
                rows[i] = (struct advantage_row){0.1 * q, 3 + i, true, i == 6};
            advantage_group(r, &r->defaults, rows, 7, adv);
            advantage_collect(r, &r->defaults, rows, 7, adv, &whole);
            advantage_finish(r, &r->defaults, &whole, rows, 7, adv);
            for (int i = 0; i < 7; i++)
                CHECK(adv[i] == 0);
        }
    }
}

/* An unscorable row leaves the others as if it were not there. */
static void unscorable_rows_are_out(void)
{
    for (size_t k = 0; advantage_rules()[k]; k++) {
        const struct advantage_rule *r = advantage_rules()[k];
        struct advantage_row all[6], some[4];
        double adv[6], want[4];
        struct advantage_batch a = {0}, b = {0};
        size_t n = 0;
        for (size_t i = 0; i < 6; i++) {
            bool scorable = i != 1 && i != 4;
            double reward = scorable ? (double)(i % 3) : (double)NAN;
            all[i] = (struct advantage_row){reward, (double)(2 + i), scorable, false};
            if (scorable)
                some[n++] = all[i];
        }
        advantage_group(r, &r->defaults, all, 6, adv);
        advantage_collect(r, &r->defaults, all, 6, adv, &a);
        advantage_finish(r, &r->defaults, &a, all, 6, adv);
        advantage_group(r, &r->defaults, some, n, want);
        advantage_collect(r, &r->defaults, some, n, want, &b);
        advantage_finish(r, &r->defaults, &b, some, n, want);
        CHECK(adv[1] == 0 && adv[4] == 0);
        CHECK(adv[0] == want[0] && adv[2] == want[1] && adv[3] == want[2] && adv[5] == want[3]);
    }
}

static void lone_rows_have_no_contrast(void)
{
    for (size_t k = 0; advantage_rules()[k]; k++) {
        const struct advantage_rule *r = advantage_rules()[k];
        struct advantage_row rows[3] = {
            {(double)NAN, 1, false, false}, {1, 4, true, false}, {(double)NAN, 1, false, false}};
        double adv[3];
        if (!r->group)
            continue;
        advantage_group(r, &r->defaults, rows, 3, adv);
        CHECK(adv[0] == 0 && adv[1] == 0 && adv[2] == 0);
    }
}

/* ---- the rest ---- */

static void switches_read_back(void)
{
    struct buf text = {0}, again = {0};
    struct err e = ERR_NONE;
    for (size_t k = 0; presets()[k]; k++) {
        struct objective o = preset_objective(presets()[k]), p = objective_defaults();
        for (const struct objective_switch *s = objective_switches(); s->name; s++) {
            buf_reset(&text);
            buf_reset(&again);
            objective_get(&o, s->name, &text);
            CHECK(objective_set(&p, s->name, buf_str(&text), &e));
            objective_get(&p, s->name, &again);
            CHECK(str_eq(buf_str(&text), buf_str(&again)));
        }
    }
    buf_free(&text);
    buf_free(&again);
}

static void switches_refuse(void)
{
    static const char *const bad[][2] = {
        {"ratio", "tokens"},      {"clip-policy", "0.2"}, {"clip-policy", "-1,0"},
        {"dual-clip", "0.5"},     {"dual-clip", "nan"},   {"kl-coef", "-1"},
        {"gold-old", ""},         {"no-such", "1"},       {"mask-truncated", "yes"},
        {"surrogate", "ppo"},     {"mismatch", "tis"},    {"clip-gold", "0.2,inf"},
        {"gold-negatives", "-1"}, {"gold-gamma", "0"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct objective o = objective_defaults();
        struct err e = ERR_NONE;
        CHECK(!objective_set(&o, bad[i][0], str_of(bad[i][1]), &e) && e.status == ERR_USAGE);
    }
}

static void combinations_are_refused(void)
{
    static const char *const bad[][4] = {{"surrogate", "cispo", "ratio", "sequence-mean"},
                                         {"surrogate", "luffy", "gold-old", "current"},
                                         {"gold-shape", "saturating", NULL, NULL},
                                         {"kl-coef", "0.1", NULL, NULL},
                                         {"constant-length", "100", NULL, NULL},
                                         {"mismatch-normalise", "on", NULL, NULL},
                                         {"surrogate", "nll", "dual-clip", "3"},
                                         {"ratio-cap", "2", "dual-clip", "3"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct objective o = objective_defaults();
        struct err e = ERR_NONE;
        CHECK(objective_set(&o, bad[i][0], str_of(bad[i][1]), &e));
        if (bad[i][2])
            CHECK(objective_set(&o, bad[i][2], str_of(bad[i][3]), &e));
        CHECK(!objective_check(&o, &e) && e.status == ERR_USAGE && e.text[0] != '\0');
    }
}

static void rates_follow_the_schedule(void)
{
    struct schedule s = {.peak = 2, .floor = 0.1, .warmup = 4, .horizon = 14};
    CHECK_NEAR(schedule_rate(&s, 0), 0.5, 0);
    CHECK_NEAR(schedule_rate(&s, 3), 2, 0);
    CHECK_NEAR(schedule_rate(&s, 1000), 2, 0);
    s.decay = DECAY_LINEAR;
    CHECK_NEAR(schedule_rate(&s, 4), 2, 0);
    CHECK_NEAR(schedule_rate(&s, 9), 2 * 0.55, 1e-15);
    CHECK_NEAR(schedule_rate(&s, 14), 0.2, 1e-15);
    CHECK_NEAR(schedule_rate(&s, 99), 0.2, 1e-15);
    s.decay = DECAY_COSINE;
    CHECK_NEAR(schedule_rate(&s, 9), 2 * 0.55, 1e-15);
    s.warmup = 0;
    s.decay = DECAY_NONE;
    CHECK_NEAR(schedule_rate(&s, 0), 2, 0);
}

static void nothing_overflows(void)
{
    double logp[3] = {-1e4, 0, -800}, old[3] = {0, -1e4, -1}, d[3];
    struct loss_denominator den = {.rows = 1, .tokens = 3, .length = 3};
    for (int ratio = 0; ratio <= RATIO_SEQUENCE_SUM; ratio++)
        for (size_t k = 0; surrogates()[k]; k++) {
            struct loss_options o = loss_defaults();
            o.surrogate = surrogates()[k];
            o.ratio = (enum loss_ratio)ratio;
            struct loss_row r = {.n = 3, .logp = logp, .old = old, .advantage = -1};
            double loss = loss_row(&o, &den, &r, &(struct loss_out){.dlogp = d}, NULL);
            CHECK(isfinite(loss) && isfinite(d[0]) && isfinite(d[1]) && isfinite(d[2]));
        }
}

static void empty_rows_are_nothing(void)
{
    struct loss_options o = loss_defaults();
    struct loss_denominator den = {0};
    struct loss_row r = {.n = 0, .advantage = 1};
    loss_count_row(&o, &r, &den);
    CHECK(den.rows == 0 && den.tokens == 0);
    CHECK(loss_row(&o, &den, &r, &(struct loss_out){0}, NULL) == 0);
}

static void statistics_count_by_source(void)
{
    double logp[2] = {-1, -1}, old[2] = {-2, -0.5};
    struct loss_options o = loss_defaults();
    struct loss_denominator den = {.rows = 2, .tokens = 4};
    struct loss_stats st = {0};
    struct loss_row r = {.n = 2, .logp = logp, .old = old, .advantage = 1};
    loss_row(&o, &den, &r, &(struct loss_out){0}, &st);
    r.gold = true;
    r.advantage = -1;
    loss_row(&o, &den, &r, &(struct loss_out){0}, &st);
    CHECK_INT(st.source[0].clipped_high, 1);
    CHECK_INT(st.source[0].clipped_low, 0);
    CHECK_INT(st.source[1].clipped_low, 1);
    CHECK_NEAR(st.source[0].advantage_plus, 1, 0);
    CHECK_NEAR(st.source[1].advantage_minus, -1, 0);
    CHECK_NEAR(st.source[1].ratio_max, exp(1), 1e-15);
    CHECK_NEAR(st.source[1].ratio_min, exp(-0.5), 1e-15);
}

static void filters_and_penalties(void)
{
    double same[] = {0.1, 0.1, 0.1}, mixed[] = {0, 0, 1};
    CHECK(!keep_contrast(same, 3) && keep_contrast(mixed, 3) && keep_contrast(same, 1));
    CHECK(keep_between(mixed, 3, 0, 1) && !keep_between(mixed, 2, 0, 1));
    CHECK(overlong_penalty(100, 100, 50, 1) == -1 && overlong_penalty(1000, 100, 50, 2) == -2);
    CHECK(overlong_penalty(50, 100, 50, 1) == 0 && overlong_penalty(75, 100, 50, 1) == -0.5);
}

int main(void)
{
    static const struct test t[] = {
        {"each surrogate has its gradient", each_surrogate_has_its_gradient},
        {"each preset has its gradient", each_preset_has_its_gradient},
        {"splits change nothing", splits_change_nothing},
        {"GCPO's advantages in closed form", gcpo_closed_forms},
        {"GCPO's gradient in closed form", gcpo_gradient_in_closed_form},
        {"equal rewards give exactly 0", equal_rewards_give_zero},
        {"unscorable rows are out", unscorable_rows_are_out},
        {"lone rows have no contrast", lone_rows_have_no_contrast},
        {"switches read back", switches_read_back},
        {"switches refuse what they do not take", switches_refuse},
        {"senseless combinations are refused", combinations_are_refused},
        {"rates follow the schedule", rates_follow_the_schedule},
        {"nothing overflows", nothing_overflows},
        {"empty rows are nothing", empty_rows_are_nothing},
        {"statistics count by source", statistics_count_by_source},
        {"filters and penalties", filters_and_penalties}};
    return TAP_RUN(t);
}

/* objectives_advantage.h - cases that turn rewards into advantages. */
#ifndef TESTS_OBJECTIVES_ADVANTAGE_H
#define TESTS_OBJECTIVES_ADVANTAGE_H

#include "objectives_case.h"

#include "rl/advantage.h"
#include "rl/keep.h"
#include "rl/overlong.h"

/* A batch of rows with their groups, group by group as they first appear. */
struct adv_batch {
    size_t n;
    struct advantage_row *rows;
    size_t *group;
    double *adv;
};

static struct adv_batch adv_batch(struct test_case *c, size_t group_size)
{
    size_t n, columns = 1;
    double *rewards = numbers(c, c->inputs, "rewards", &n);
    double *lengths = numbers(c, c->inputs, "lengths", NULL);
    double *group = numbers(c, c->inputs, "group", NULL);
    double *on_policy = numbers(c, c->inputs, "on_policy", NULL);
    double *reward_weights = numbers(c, c->options, "reward_weights", &columns);
    if (!rewards) {
        double *flat = numbers(c, c->inputs, "rewards_per_func", &n);
        n /= columns;
        rewards = blank(c, n);
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < columns; k++)
                rewards[i] += reward_weights[k] * flat[i * columns + k];
    }
    struct adv_batch b = {.n = n,
                          .rows = arena_array(c->arena, n + 1, sizeof *b.rows),
                          .group = arena_array(c->arena, n + 1, sizeof *b.group),
                          .adv = blank(c, n)};
    for (size_t i = 0; i < n; i++) {
        b.rows[i] = (struct advantage_row){.reward = rewards[i],
                                           .length = lengths ? lengths[i] : 1,
                                           .scorable = !isnan(rewards[i]),
                                           .gold = on_policy && on_policy[i] == 0};
        b.group[i] = group ? (size_t)group[i] : i / group_size;
    }
    return b;
}

/* Calls one stage for every group; the rows of a group need not be adjacent. */
static void each_group(struct test_case *c, struct adv_batch *b, int stage,
                       const struct advantage_rule *rule, const struct advantage_options *o,
                       struct advantage_batch *whole)
{
    struct advantage_row *rows = arena_array(c->arena, b->n + 1, sizeof *rows);
    size_t *from = arena_array(c->arena, b->n + 1, sizeof *from);
    double *adv = blank(c, b->n);
    bool *done = arena_array(c->arena, b->n + 1, sizeof *done);
    memset(done, 0, b->n);
    for (size_t first = 0; first < b->n; first++) {
        size_t n = 0;
        for (size_t i = first; i < b->n && !done[first]; i++) {
            if (b->group[i] != b->group[first])
                continue;
            rows[n] = b->rows[i];
            adv[n] = b->adv[i];
            from[n++] = i;
        }
        if (stage == 0)
            advantage_group(rule, o, rows, n, adv);
        else if (stage == 1)
            advantage_collect(rule, o, rows, n, adv, whole);
        else
            advantage_finish(rule, o, whole, rows, n, adv);
        for (size_t i = 0; i < n; i++) {
            b->adv[from[i]] = adv[i];
            done[from[i]] = true;
        }
    }
}

static void run_rule(struct test_case *c, struct adv_batch *b, const struct advantage_rule *rule,
                     const struct advantage_options *o)
{
    struct advantage_batch whole = {0};
    for (int stage = 0; stage < 3; stage++)
        each_group(c, b, stage, rule, o, &whole);
    expect_array(c, "adv_seq", b->adv, b->n);
}

static const struct advantage_rule *rule_of(const char *name)
{
    return advantage_find(str_of(name));
}

/* Returns of each token with a discount, whitened over the tokens. */
static void run_discounted(struct test_case *c, struct adv_batch *b,
                           const struct advantage_options *o, double gamma)
{
    size_t width = (size_t)real_or(c->expect, "T", 1);
    double *adv = blank(c, b->n * width);
    struct wmoments m = {0};
    for (size_t i = 0; i < b->n; i++)
        advantage_collect_tokens(b->rows[i].reward, (size_t)b->rows[i].length, gamma, &m);
    for (size_t i = 0; i < b->n; i++)
        for (size_t t = 0; t < (size_t)b->rows[i].length && t < width; t++)
            adv[i * width + t] =
                advantage_token(o, &m, b->rows[i].reward, (size_t)b->rows[i].length, t, gamma);
    expect_array(c, "adv_token", adv, b->n * width);
}

static const char *adv_verl(struct test_case *c)
{
    static const struct {
        const char *estimator, *rule;
    } names[] = {{"grpo", "grpo"},
                 {"grpo_nostd", "dr-grpo"},
                 {"grpo_vectorized", "grpo"},
                 {"rloo", "rloo"},
                 {"rloo_vectorized", "rloo"},
                 {"opo", "opo"},
                 {"reinforce_plus_plus", "reinforce++"},
                 {"reinforce_plus_plus_g0.9", "reinforce++"},
                 {"reinforce_plus_plus_baseline", "reinforce++-baseline"},
                 {"grpo_passk", "pass-at-k"}};
    const char *estimator = word(c->options, "estimator"), *name = NULL;
    if (strcmp(estimator, "gpg") == 0)
        return "GPG";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].estimator, estimator) == 0)
            name = names[i].rule;
    if (!name)
        return "an estimator this test does not know";
    struct adv_batch b = adv_batch(c, 1);
    const struct advantage_rule *rule = rule_of(name);
    struct advantage_options o = rule->defaults;
    bool vectorised = strstr(estimator, "_vectorized") != NULL;
    o.epsilon = strcmp(name, "dr-grpo") == 0 ? 0 : real_or(c->options, "epsilon", o.epsilon);
    o.single = strcmp(estimator, "rloo_vectorized") == 0 ? ADV_SINGLE_ZERO : ADV_SINGLE_REWARD;
    o.whiten_count = 1e-8;
    if (vectorised && strcmp(name, "grpo") == 0)
        o.var_floor = 1e-6;
    if (member(c->expect, "adv_token"))
        run_discounted(c, &b, &o, real_or(c->options, "gamma", 1));
    else
        run_rule(c, &b, rule, &o);
    return NULL;
}

static const char *adv_trl(struct test_case *c)
{
    if (strcmp(word(c->options, "aggregation"), "normalize_then_sum") == 0)
        return "GDPO";
    struct adv_batch b = adv_batch(c, (size_t)real_or(c->options, "num_generations", 1));
    const char *scale = word(c->options, "scale_rewards");
    bool rloo = member(c->options, "normalize_advantages") != NULL;
    const struct advantage_rule *rule = rule_of(rloo                          ? "rloo"
                                                : strcmp(scale, "group") == 0 ? "grpo"
                                                : strcmp(scale, "batch") == 0 ? "batch-std"
                                                                              : "dr-grpo");
    struct advantage_options o = rule->defaults;
    if (!rloo && strcmp(scale, "none") != 0)
        o.epsilon = 1e-4;
    if (flag(c->options, "normalize_advantages"))
        o.whiten = ADV_WHITEN_ROWS;
    run_rule(c, &b, rule, &o);
    return NULL;
}

static const char *adv_openrlhf(struct test_case *c)
{
    static const struct {
        const char *estimator, *rule;
    } names[] = {{"rloo", "rloo"},
                 {"reinforce", "reinforce++"},
                 {"reinforce_baseline", "reinforce++-baseline"},
                 {"group_norm", "grpo"},
                 {"dr_grpo", "dr-grpo"}};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].estimator, word(c->options, "estimator")) == 0)
            name = names[i].rule;
    if (!name)
        return "an estimator this test does not know";
    struct adv_batch b = adv_batch(c, (size_t)real_or(c->inputs, "group_size", 1));
    const struct advantage_rule *rule = rule_of(name);
    struct advantage_options o = rule->defaults;
    if (strcmp(name, "grpo") == 0)
        o.epsilon = 1e-9;
    if (o.whiten != ADV_WHITEN_OFF) {
        o.whiten_root = ADV_VAR_AT_LEAST;
        o.whiten_biased = true;
        o.whiten_epsilon = 1e-8;
    }
    run_rule(c, &b, rule, &o);
    return NULL;
}

static const char *adv_luffy(struct test_case *c)
{
    struct adv_batch b = adv_batch(c, 1);
    bool use_std = flag(c->options, "use_std");
    const struct advantage_rule *rule = rule_of(use_std ? "grpo" : "dr-grpo");
    struct advantage_options o = rule->defaults;
    o.epsilon = use_std ? real_or(c->options, "epsilon", 1e-6) : 0;
    o.single = ADV_SINGLE_REWARD;
    o.gold_apart = member(c->inputs, "on_policy") != NULL;
    run_rule(c, &b, rule, &o);
    return NULL;
}

/* The peer's residue is not imitated; ours must be exactly 0. */
static const char *quirk_equal_rewards(struct test_case *c)
{
    struct adv_batch b = adv_batch(c, 1);
    const struct advantage_rule *rule = rule_of("grpo");
    struct advantage_batch whole = {0};
    each_group(c, &b, 0, rule, &rule->defaults, &whole);
    for (size_t i = 0; i < b.n; i++)
        if (b.adv[i] != 0)
            differs(c, "adv of equal rewards", i, b.adv[i], 0);
    return c->differ ? NULL : "quirk_equal_rewards (ours is exactly 0)";
}

/* Which uids are kept, in order of appearance. */
static void run_filter(struct test_case *c)
{
    const cJSON *uids = member(c->inputs, "uid"), *kept = member(c->expect, "kept");
    size_t n, seen = 0;
    double *acc = numbers(c, c->inputs, word(c->options, "metric"), &n);
    double *values = blank(c, n);
    for (int i = 0; i < cJSON_GetArraySize(uids); i++) {
        const char *uid = cJSON_GetArrayItem(uids, i)->valuestring;
        size_t count = 0;
        bool first = true;
        for (int k = 0; k < cJSON_GetArraySize(uids) && (size_t)k < n; k++) {
            if (strcmp(cJSON_GetArrayItem(uids, k)->valuestring, uid) != 0)
                continue;
            first = first && k >= i;
            values[count++] = acc[k];
        }
        if (!first || !keep_contrast(values, count))
            continue;
        const cJSON *want = cJSON_GetArrayItem(kept, (int)seen);
        if (!want || strcmp(want->valuestring, uid) != 0)
            differs(c, "kept", seen, i, 0);
        seen++;
    }
    if ((int)seen != cJSON_GetArraySize(kept))
        differs(c, "kept groups", 0, (double)seen, cJSON_GetArraySize(kept));
}

static const char *overlong_filter(struct test_case *c)
{
    if (member(c->inputs, "uid")) {
        run_filter(c);
        return NULL;
    }
    size_t n;
    double *lengths = numbers(c, c->inputs, "lengths", &n);
    double max = real_or(c->options, "max_resp_len", real_or(c->options, "max_completion_len", 0));
    double buffer =
        real_or(c->options, "overlong_buffer_len", real_or(c->options, "soft_punish_cache", 0));
    double *penalty = blank(c, n);
    for (size_t i = 0; i < n; i++)
        penalty[i] =
            overlong_penalty(lengths[i], max, buffer, real_or(c->options, "penalty_factor", 1));
    expect_array(c, "penalty", penalty, n);
    return NULL;
}

#endif

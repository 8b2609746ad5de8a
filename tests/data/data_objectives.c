/* data_objectives.c - every case of objectives/: peers' numbers against ours.
 *
 * Usage: data_objectives FOLDER.  Prints a line per file, the first differences in
 * full, and TAP; a file that the folder lacks is left out. */
#include "objectives_advantage.h"
#include "objectives_case.h"
#include "objectives_loss.h"

#include "base/file.h"
#include "base/json.h"
#include "rl/entropy.h"

#include <unistd.h>

/* ---- GCPO, put together ---- */

/* The effective batch: the last row of an all-wrong group becomes the gold. */
static void inject(struct test_case *c, struct loss_batch *b, struct advantage_row *rows, size_t g)
{
    size_t t = b->width, n_injected = 0;
    double *verdicts = numbers(c, c->inputs, "verdicts", NULL);
    double *lengths = numbers(c, c->inputs, "lengths", NULL);
    double *available = numbers(c, c->inputs, "gold_available", NULL);
    double *gold_lengths = numbers(c, c->inputs, "gold_lengths", NULL);
    double *gold_old = numbers(c, c->inputs, "gold_logp_old", NULL);
    double *gold_new = numbers(c, c->inputs, "gold_logp_new", NULL);
    double *injected = blank(c, 2 * b->rows);
    for (size_t i = 0; i < b->rows; i++)
        rows[i] = (struct advantage_row){verdicts[i], lengths[i], true, false};
    for (size_t p = 0; p * g < b->rows; p++) {
        bool all_wrong = true;
        for (size_t i = p * g; i < (p + 1) * g; i++)
            all_wrong = all_wrong && verdicts[i] == 0;
        if (!all_wrong || available[p] == 0)
            continue;
        size_t k = (p + 1) * g - 1;
        rows[k] = (struct advantage_row){real_or(c->options, "gold_reward", 1), gold_lengths[p],
                                         true, true};
        b->off_policy[k] = 1;
        memcpy(b->logp + k * t, gold_new + p * t, t * sizeof *gold_new);
        memcpy(b->old + k * t, gold_old + p * t, t * sizeof *gold_old);
        injected[n_injected++] = (double)p;
        injected[n_injected++] = (double)(g - 1);
    }
    expect_array(c, "injected", injected, n_injected);
}

static const char *gcpo_composed(struct test_case *c)
{
    size_t groups = (size_t)real_or(c->inputs, "P", 0), g = (size_t)real_or(c->inputs, "G", 0);
    struct loss_batch b = loss_batch(c);
    b.rows = groups * g;
    size_t n = b.rows * b.width;
    b.off_policy = blank(c, b.rows);
    b.adv = blank(c, b.rows);
    b.row_ratio = blank(c, b.rows);
    b.mask = arena_alloc(c->arena, n + 1);
    b.grad = blank(c, n);
    b.token_loss = blank(c, n);
    b.ratio = blank(c, n);
    struct advantage_row *rows = arena_array(c->arena, b.rows, sizeof *rows);
    inject(c, &b, rows, g);
    const struct advantage_rule *rule = rule_of("grpo");
    struct advantage_options adv = rule->defaults;
    adv.epsilon = real_or(c->options, "adv_epsilon", 1e-6);
    adv.single = ADV_SINGLE_REWARD; /* verl's convention for a group of one */
    for (size_t p = 0; p < groups; p++)
        advantage_group(rule, &adv, rows + p * g, g, b.adv + p * g);
    for (size_t i = 0; i < n; i++)
        b.mask[i] = (double)(i % b.width) < rows[i / b.width].length;
    const char *old = word(c->options, "gold_old_logp");
    b.o.gold_old = strcmp(old, "current") == 0 ? GOLD_OLD_CURRENT
                   : strcmp(old, "one") == 0   ? GOLD_OLD_ONE
                                               : GOLD_OLD_POLICY;
    b.o.ratio = RATIO_SEQUENCE_MEAN;
    b.o.aggregate = AGGREGATE_SEQ_MEAN_TOKEN_MEAN;
    b.o.clip_policy = b.o.clip_gold = (struct clip_range){true, real_or(c->options, "eps_low", 0.2),
                                                          real_or(c->options, "eps_high", 0.28)};
    local_denominator(&b);
    run_loss(&b);
    double *row_loss = blank(c, b.rows);
    for (size_t i = 0; i < b.rows; i++)
        row_loss[i] = b.token_loss[i * b.width]; /* the same on each of its tokens */
    expect_array(c, "adv_seq", b.adv, b.rows);
    expect_array(c, "seq_ratio", b.row_ratio, b.rows);
    expect_array(c, "per_seq_loss", row_loss, b.rows);
    expect_loss(c, &b);
    return NULL;
}

/* ---- KL, entropy, aggregation ---- */

static void run_kl(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    const char *name = word(c->options, "kl_penalty");
    enum kl_kind kind = strcmp(name, "k1") == 0   ? KL_K1
                        : strcmp(name, "k2") == 0 ? KL_K2
                        : strcmp(name, "k3") == 0 ? KL_K3
                                                  : KL_ABS;
    for (size_t i = 0; i < b.rows * b.width; i++) {
        double by_n, v = kl_value(kind, b.logp[i], b.ref[i], &by_n);
        b.token_loss[i] = b.mask[i] ? v : 0;
        b.grad[i] = b.mask[i] ? by_n : 0;
    }
    expect_array(c, "kl", b.token_loss, b.rows * b.width);
    expect_array(c, "grad_of_sum", b.grad, b.rows * b.width);
}

static void run_entropy(struct test_case *c)
{
    size_t rows = (size_t)real_or(c->inputs, "rows", 0), v = (size_t)real_or(c->inputs, "V", 0);
    double *logits = numbers(c, c->inputs, "logits", NULL);
    double *h = blank(c, rows), *grad = blank(c, rows * v);
    for (size_t i = 0; i < rows; i++)
        h[i] = entropy_of_logits(logits + i * v, v, grad + i * v);
    expect_array(c, "entropy", h, rows);
    expect_array(c, "grad_of_sum", grad, rows * v);
}

/* A given matrix of losses, through the entropy term: its coefficient is -1 and A is 0. */
static void run_aggregate(struct test_case *c)
{
    struct loss_batch b = loss_batch(c);
    double *losses = numbers(c, c->inputs, "loss_mat", NULL);
    b.o.surrogate = surrogate_find(STR("reinforce"));
    b.o.entropy_coef = -1;
    b.logp = blank(c, b.rows * b.width);
    if (!verl_aggregate(c, c->options, &b))
        differs(c, "known aggregation", 0, 0, 1);
    struct sum total = {0};
    for (size_t i = 0; i < b.rows; i++) {
        struct loss_row r = batch_row(&b, i);
        r.entropy = losses + i * b.width;
        sum_add(&total, loss_row(&b.o, &b.den, &r, &(struct loss_out){0}, NULL));
    }
    expect_real(c, "loss", sum_value(&total));
}

static const char *kl_entropy_agg(struct test_case *c)
{
    if (member(c->options, "kl_penalty"))
        run_kl(c);
    else if (member(c->inputs, "logits"))
        run_entropy(c);
    else
        run_aggregate(c);
    return NULL;
}

/* ---- sampler and trainer ---- */

struct corr {
    size_t rows, width;
    double *train, *rollout, *weights;
    unsigned char *mask;
};

static struct corr corr(struct test_case *c)
{
    struct corr k = {.rows = (size_t)real_or(c->inputs, "B", 0),
                     .width = (size_t)real_or(c->inputs, "T", 0),
                     .train = numbers(c, c->inputs, "logp_train", NULL),
                     .rollout = numbers(c, c->inputs, "logp_rollout", NULL)};
    k.mask = mask_of(c, k.rows * k.width);
    k.weights = blank(c, k.rows * k.width);
    return k;
}

static void run_weights(struct test_case *c, const struct mismatch_options *o, bool normalise)
{
    struct corr k = corr(c);
    struct wmoments m = {0}, effective = {0};
    for (size_t i = 0; i < k.rows; i++) {
        size_t at = i * k.width;
        mismatch_weights(o, k.train + at, k.rollout + at, k.mask + at, k.width, k.weights + at);
        mismatch_collect(o, k.weights + at, k.mask + at, k.width, &m);
        mismatch_collect_effective(o, k.weights + at, k.mask + at, k.width, &effective);
    }
    for (size_t i = 0; normalise && i < k.rows * k.width; i++)
        k.weights[i] /= wmoments_mean(&m);
    size_t want;
    numbers(c, c->expect, "weights", &want);
    bool by_row = want == k.rows && k.width != 1;
    double *rows = blank(c, k.rows);
    for (size_t i = 0; i < k.rows; i++)
        for (size_t t = 0; t < k.width; t++)
            if (k.mask[i * k.width + t])
                rows[i] = k.weights[i * k.width + t];
            else if (member(c->options, "mode"))
                k.weights[i * k.width + t] = 1; /* exp(0), as that peer leaves it */
    expect_array(c, "weights", by_row ? rows : k.weights, by_row ? k.rows : k.rows * k.width);
    expect_real(c, "ess", mismatch_effective_size(&effective));
}

static const char *trl_weights(struct test_case *c)
{
    const char *mode = word(c->options, "mode");
    struct mismatch_options o = {.level = strncmp(mode, "token", 5) == 0 ? MISMATCH_TOKEN
                                                                         : MISMATCH_SEQUENCE,
                                 .mask = strstr(mode, "_mask") != NULL,
                                 .low = real_or(c->options, "clip_min", 0),
                                 .high = real_or(c->options, "clip_max", HUGE_VAL)};
    run_weights(c, &o, false);
    return NULL;
}

static const char *run_reject(struct test_case *c)
{
    struct corr k = corr(c);
    struct mismatch_reject r = {0};
    if (!mismatch_reject_parse(str_of(word(c->options, "rollout_rs")), &r))
        return "a rejection this test does not know";
    const cJSON *t = member(c->options, "threshold");
    if (cJSON_IsString(t)) {
        char *end;
        r.low = strtod(t->valuestring, &end);
        r.high = *end == '_' ? strtod(end + 1, NULL) : r.low;
        if (*end != '_')
            r.low = 1 / r.high;
    } else {
        r.high = scalar(t);
        r.low = 1 / r.high;
    }
    size_t off = 0, tokens = 0, rows_off = 0;
    unsigned char *keep = arena_alloc(c->arena, k.rows * k.width + 1);
    for (size_t i = 0; i < k.rows; i++) {
        size_t at = i * k.width, n = mismatch_reject(&r, k.train + at, k.rollout + at, k.mask + at,
                                                     k.width, keep + at);
        off += n;
        rows_off += n > 0;
    }
    for (size_t i = 0; i < k.rows * k.width; i++) {
        k.weights[i] = keep[i];
        tokens += k.mask[i];
    }
    expect_array(c, "mask", k.weights, k.rows * k.width);
    /* The peer computes its shares in float32. */
    double share = real_or(c->expect, "masked_fraction", 0);
    if (fabs((double)off / (double)tokens - share) > 1e-6)
        differs(c, "masked_fraction", 0, (double)off / (double)tokens, share);
    share = real_or(c->expect, "seq_masked_fraction", 0);
    if (fabs((double)rows_off / (double)k.rows - share) > 1e-6)
        differs(c, "seq_masked_fraction", 0, (double)rows_off / (double)k.rows, share);
    return NULL;
}

static void run_measure(struct test_case *c)
{
    struct corr k = corr(c);
    struct mismatch_stats s = {0};
    for (size_t i = 0; i < k.rows; i++)
        mismatch_measure(&s, k.train + i * k.width, k.rollout + i * k.width, k.mask + i * k.width,
                         k.width);
    double rows = (double)s.rows, tokens = (double)s.tokens;
    expect_real(c, "training_ppl", sum_value(&s.train_ppl) / rows);
    expect_real(c, "training_log_ppl", sum_value(&s.train_log_ppl) / rows);
    expect_real(c, "rollout_ppl", sum_value(&s.rollout_ppl) / rows);
    expect_real(c, "rollout_log_ppl", sum_value(&s.rollout_log_ppl) / rows);
    expect_real(c, "log_ppl_diff", sum_value(&s.log_ppl_diff) / rows);
    expect_real(c, "log_ppl_abs_diff", sum_value(&s.log_ppl_abs_diff) / rows);
    expect_real(c, "log_ppl_diff_max", s.log_ppl_diff_max);
    expect_real(c, "log_ppl_diff_min", s.log_ppl_diff_min);
    expect_real(c, "ppl_ratio", sum_value(&s.ppl_ratio) / rows);
    expect_real(c, "kl", sum_value(&s.minus_x) / tokens);
    expect_real(c, "k3_kl", sum_value(&s.k3) / tokens);
    expect_real(c, "chi2_token", sum_value(&s.squared_ratio) / tokens - 1);
    expect_real(c, "chi2_seq", sum_value(&s.squared_row_ratio) / rows - 1);
}

static const char *rollout_corr(struct test_case *c)
{
    const char *is = word(c->options, "rollout_is");
    if (member(c->options, "mode"))
        return trl_weights(c);
    if (member(c->options, "rollout_rs"))
        return run_reject(c);
    if (!member(c->options, "rollout_is")) {
        run_measure(c);
        return NULL;
    }
    struct mismatch_options o = {.level = strcmp(is, "token") == 0 ? MISMATCH_TOKEN
                                                                   : MISMATCH_SEQUENCE,
                                 .high = real_or(c->options, "threshold", 2)};
    run_weights(c, &o, flag(c->options, "batch_normalize"));
    return NULL;
}

static const char *luffy(struct test_case *c)
{
    return member(c->inputs, "rewards") ? adv_luffy(c) : loss_luffy(c);
}

/* ---- the files ---- */

struct left_out {
    const char *why;
    int n;
};

enum { REASONS_MAX = 16, FILE_MAX = 1 << 28 };

struct file_counts {
    int ran, passed, differ, left_out;
    struct left_out reasons[REASONS_MAX];
};

static void count_left_out(struct file_counts *k, const char *why)
{
    k->left_out++;
    for (int i = 0; i < REASONS_MAX; i++) {
        if (!k->reasons[i].why)
            k->reasons[i].why = why;
        if (strcmp(k->reasons[i].why, why) == 0) {
            k->reasons[i].n++;
            return;
        }
    }
}

static void run_case(const char *file, case_fn *run, const cJSON *item, struct arena *arena,
                     struct file_counts *k)
{
    struct test_case c = {.name = word(item, "name"),
                          .file = file,
                          .options = member(item, "options"),
                          .inputs = member(item, "inputs"),
                          .expect = member(item, "expect"),
                          .rtol = real_or(item, "rtol", 1e-9),
                          .atol = real_or(item, "atol", 1e-12),
                          .arena = arena};
    arena_reset(arena);
    const char *why = member(c.expect, "error") ? "the peer raises" : run(&c);
    if (why) {
        count_left_out(k, why);
        return;
    }
    k->ran++;
    if (c.differ == 0) {
        k->passed++;
        return;
    }
    if (k->differ++ < 3)
        printf("# %s: %s: %d values differ, first %s\n", file, c.name, c.differ, c.first);
}

static bool run_file(const char *path, const char *name, case_fn *run, int number)
{
    struct buf text = {0};
    struct err e = ERR_NONE;
    cJSON *root = NULL;
    if (file_read(path, FILE_MAX, &text, &e))
        root = json_tree(buf_str(&text), &e);
    if (!root) {
        printf("# %s\nnot ok %d - %s\n", e.text, number, name);
        buf_free(&text);
        return false;
    }
    struct file_counts k = {0};
    struct arena arena = {0};
    const cJSON *item;
    cJSON_ArrayForEach(item, member(root, "cases")) run_case(name, run, item, &arena, &k);
    printf("%s: %d ran, %d passed, %d differ, %d left out", name, k.ran, k.passed, k.differ,
           k.left_out);
    for (int i = 0; i < REASONS_MAX && k.reasons[i].why; i++)
        printf("%s%s: %d", i ? ", " : " (", k.reasons[i].why, k.reasons[i].n);
    printf("%s\n%s %d - %s\n", k.left_out ? ")" : "", k.differ ? "not ok" : "ok", number, name);
    arena_free(&arena);
    cJSON_Delete(root);
    buf_free(&text);
    return k.differ == 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        case_fn *run;
    } files[] = {{"adv_verl.json", adv_verl},
                 {"adv_trl.json", adv_trl},
                 {"adv_openrlhf.json", adv_openrlhf},
                 {"loss_verl_vanilla.json", loss_verl},
                 {"loss_verl_gspo.json", loss_verl},
                 {"loss_verl_other.json", loss_verl},
                 {"loss_trl.json", loss_trl},
                 {"loss_trl_rloo.json", loss_trl_rloo},
                 {"loss_openrlhf.json", loss_openrlhf},
                 {"luffy.json", luffy},
                 {"gcpo_composed.json", gcpo_composed},
                 {"kl_entropy_agg.json", kl_entropy_agg},
                 {"rollout_corr.json", rollout_corr},
                 {"overlong_filter.json", overlong_filter},
                 {"sft.json", sft},
                 {"long.json", long_rows},
                 {"quirk_equal_rewards.json", quirk_equal_rewards}};
    if (argc != 2) {
        fprintf(stderr, "usage: data_objectives FOLDER\n");
        return 64;
    }
    bool good = true;
    char *folder = path_join(argv[1], "objectives");
    for (int i = 0; i < (int)(sizeof files / sizeof *files); i++) {
        char *path = path_join(folder, files[i].name);
        if (access(path, F_OK) == 0)
            good = run_file(path, files[i].name, files[i].run, i + 1) && good;
        else
            printf("%s: absent, left out\n", files[i].name);
        free(path);
    }
    free(folder);
    return !good;
}

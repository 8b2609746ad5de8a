/* test_train.c - gradients against central differences, and what may and may
 * not change them; optimizer steps; models and states written and read. */
#include "../tap.h"
#include "compute/backend.h"
#include "engine/trainer.h"
#include "small_model.h"

/* ---- a batch of groups and a loss of random coefficients ---- */

enum { GROUPS = 4, ROWS = 5, LONGEST = 70 };

struct batch {
    struct arena arena;
    struct engine_group groups[GROUPS];
    struct engine_row rows[GROUPS][ROWS];
    bool entropy, quiet[GROUPS];
    double loss;
    size_t called;
};

static void batch_init(struct batch *b, bool entropy)
{
    static const size_t prompts[GROUPS] = {3, 1, 66, 10};
    static const size_t lengths[GROUPS][ROWS] = {
        {5, 1, 0, 9, 2}, {7, 7, 3, 1, 1}, {4, 70, 2, 5, 6}, {0, 0, 0, 0, 0}};
    memset(b, 0, sizeof *b);
    b->entropy = entropy;
    for (size_t i = 0; i < GROUPS; i++) {
        b->groups[i] = (struct engine_group){small_tokens(&b->arena, 20 + i, prompts[i]),
                                             prompts[i], b->rows[i], ROWS};
        for (size_t k = 0; k < ROWS; k++)
            b->rows[i][k] = (struct engine_row){
                .tokens = small_tokens(&b->arena, 100 + 10 * i + k, lengths[i][k]),
                .n = lengths[i][k]};
    }
}

static double coefficient(size_t group, size_t row, size_t t, uint32_t which)
{
    return rng_uniform(8, group * 100 + row, (uint32_t)t, which) - 0.4;
}

static bool random_loss(void *arg, size_t group, size_t row, const float *logp,
                        const float *entropy, double *dlogp, double *dentropy, struct err *e)
{
    struct batch *b = arg;
    (void)e;
    CHECK(b->rows[group][row].n > 0 && (entropy != NULL) == b->entropy);
    for (size_t t = 0; t < b->rows[group][row].n; t++) {
        CHECK(dlogp[t] == 0 && dentropy[t] == 0);
        dlogp[t] = coefficient(group, row, t, 0);
        b->loss += dlogp[t] * (double)logp[t];
        if (entropy) {
            dentropy[t] = coefficient(group, row, t, 1);
            b->loss += dentropy[t] * (double)entropy[t];
        }
    }
    b->called++;
    return true;
}

static struct trainer *open_trainer(const char *dir, struct trainer_options o, struct batch *b,
                                    struct trainer_plan *plan)
{
    struct err e = ERR_NONE;
    o.engine.device = small_device();
    if (o.beta1 == 0)
        o.beta1 = 0.9, o.beta2 = 0.95, o.eps = 1e-8, o.weight_decay = 0.1;
    struct trainer *t = trainer_open(dir, &o, &e);
    CHECK(t != NULL);
    CHECK(trainer_prepare(t, b->groups, GROUPS, plan, &e));
    CHECK_STR(e.text, "");
    return t;
}

static void backward(struct trainer *t, struct batch *b)
{
    struct err e = ERR_NONE;
    b->loss = 0;
    CHECK(trainer_backward(t, b->groups, GROUPS, b->entropy, random_loss, b, &e));
    CHECK_STR(e.text, "");
}

static float *gradient(struct trainer *t, struct batch *b)
{
    float *g = arena_array(&b->arena, trainer_n(t), sizeof *g);
    trainer_zero_grad(t);
    backward(t, b);
    trainer_get_grad(t, g);
    return g;
}

/* ---- central differences ---- */

static double loss_at(struct trainer *t, struct batch *b, float *moved, const float *weights,
                      const struct engine_param *p, double h)
{
    struct err e = ERR_NONE;
    for (size_t i = 0; i < p->n; i++) {
        double direction = rng_gaussian(17, p->offset, (uint32_t)i);
        moved[p->offset + i] = (float)((double)weights[p->offset + i] + h * direction);
    }
    CHECK(trainer_set_weights(t, moved, &e));
    backward(t, b);
    memcpy(moved + p->offset, weights + p->offset, p->n * sizeof *moved);
    return b->loss;
}

/* For every parameter: the derivative along a random direction of all its elements. */
static void central_differences(const char *config)
{
    char *dir = small_make(config, DTYPE_F32, 11);
    struct batch b;
    batch_init(&b, true);
    struct trainer *t = open_trainer(dir, (struct trainer_options){.engine.threads = 2}, &b, NULL);
    const struct engine_param *params;
    size_t n = trainer_n(t), n_params = trainer_params(t, &params);
    float *g = gradient(t, &b), *weights = arena_array(&b.arena, n, sizeof *weights);
    float *moved = arena_array(&b.arena, n, sizeof *moved);
    trainer_get_weights(t, weights);
    memcpy(moved, weights, n * sizeof *moved);
    for (size_t k = 0; k < n_params; k++) {
        const struct engine_param *p = &params[k];
        const double h = 1e-3;
        double up = loss_at(t, &b, moved, weights, p, h),
               down = loss_at(t, &b, moved, weights, p, -h);
        double want = 0, norm = 0;
        for (size_t i = 0; i < p->n; i++) {
            double direction = rng_gaussian(17, p->offset, (uint32_t)i),
                   gi = (double)g[p->offset + i];
            want += gi * direction;
            norm += gi * gi;
        }
        double seen = (up - down) / (2 * h), tolerance = 0.01 * sqrt(norm) + 1e-3;
        if (!(fabs(seen - want) <= tolerance))
            printf("# %s\n", p->name);
        CHECK_NEAR(seen, want, tolerance);
        CHECK(norm > 0);
    }
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir);
}

static void gradients_agree_with_central_differences(void)
{
    central_differences(small_qwen2);
    central_differences(small_qwen3);
    central_differences(small_llama);
}

/* ---- what does not change the gradient ---- */

static void check_same_gradient(const char *dir, struct trainer_options o, struct batch *b,
                                const float *want, bool recompute)
{
    struct trainer_plan plan;
    struct trainer *t = open_trainer(dir, o, b, &plan);
    float *seen = gradient(t, b);
    CHECK(plan.recompute == recompute);
    CHECK(memcmp(want, seen, trainer_n(t) * sizeof *seen) == 0);
    trainer_close(t);
}

static void threads_and_memory_change_no_bit(void)
{
    const char *const configs[] = {small_qwen2, small_qwen3, small_llama};
    for (size_t i = 0; i < 3; i++) {
        char *dir = small_make(configs[i], i == 1 ? DTYPE_BF16 : DTYPE_F32, 12);
        struct batch b;
        struct trainer_plan plan;
        batch_init(&b, true);
        struct trainer_options o = {.engine = {.threads = 1}, .micro_tokens = 120};
        struct trainer *t = open_trainer(dir, o, &b, &plan);
        CHECK(!plan.recompute && plan.total <= plan.limit);
        float *want = gradient(t, &b);
        trainer_close(t);
        for (o.engine.threads = 2; o.engine.threads <= 7; o.engine.threads += 2)
            check_same_gradient(dir, o, &b, want, false);
        o.engine.threads = 1, o.engine.memory_bytes = plan.total - 1;
        check_same_gradient(dir, o, &b, want, true);
        arena_free(&b.arena);
        small_remove(dir);
    }
}

/* Forward and backward: every instruction set that this machine has gives the same bits. */
static void instruction_sets_change_no_bit(void)
{
    static const char *const sets[] = {"portable", "avx2", "avx512"};
    const char *before = getenv("GCPO_TEST_ISA");
    char *dir = small_make(small_qwen3, DTYPE_BF16, 21), *saved = before ? xstrdup(before) : NULL;
    struct batch b;
    batch_init(&b, true);
    float *want = NULL;
    for (size_t i = 0; i < 3; i++) {
        struct err e = ERR_NONE;
        struct trainer_options o = {.engine = {.device = "cpu"}, .no_optimizer = true};
        setenv("GCPO_TEST_ISA", sets[i], 1);
        struct trainer *t = trainer_open(dir, &o, &e);
        CHECK(t || e.status == ERR_DEVICE);
        if (!t)
            continue;
        float *seen = gradient(t, &b);
        want = want ? want : seen;
        CHECK(memcmp(want, seen, trainer_n(t) * sizeof *seen) == 0);
        CHECK_STR(trainer_backward_name(t), "cpu");
        trainer_close(t);
    }
    if (saved)
        setenv("GCPO_TEST_ISA", saved, 1);
    else
        unsetenv("GCPO_TEST_ISA");
    free(saved);
    arena_free(&b.arena);
    small_remove(dir);
}

/* The least memory in which a gradient can be computed. */
static uint64_t least_memory(const char *dir, struct trainer_options o, struct batch *b)
{
    uint64_t low = 0, high = (uint64_t)1 << 30; /* low fails, high does */
    o.engine.device = small_device(), o.no_optimizer = true;
    while (high - low > 1024) {
        struct err e = ERR_NONE;
        o.engine.memory_bytes = low + (high - low) / 2;
        struct trainer *t = trainer_open(dir, &o, &e);
        bool ok = t && trainer_backward(t, b->groups, GROUPS, true, random_loss, b, &e);
        CHECK(ok || e.status == ERR_DEVICE);
        trainer_close(t);
        *(ok ? &high : &low) = o.engine.memory_bytes;
    }
    return high;
}

static bool some_loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                      double *dlogp, double *dentropy, struct err *e)
{
    struct batch *b = arg;
    if (b->quiet[group])
        return true;
    return random_loss(arg, group, row, logp, entropy, dlogp, dentropy, e);
}

/* Groups whose derivatives are zero are left out of the backward pass: the gradient is, to the
 * bit, that of the other groups without them. */
static void groups_without_contrast_add_nothing(void)
{
    for (int recompute = 0; recompute < 2; recompute++) {
        char *dir = small_make(small_qwen3, DTYPE_F32, 20);
        struct batch b;
        struct err e = ERR_NONE;
        batch_init(&b, true);
        struct trainer_options o = {.engine = {.threads = 1}, .no_optimizer = true};
        o.engine.device = small_device();
        o.engine.memory_bytes = recompute ? least_memory(dir, o, &b) : 0;
        struct trainer *t = trainer_open(dir, &o, &e);
        CHECK(t != NULL);
        size_t n = trainer_n(t);
        float *seen = arena_array(&b.arena, n, sizeof *seen),
              *want = arena_array(&b.arena, n, sizeof *want);
        for (size_t first = 0; first < 3; first++) {
            for (size_t i = 0; i < GROUPS; i++)
                b.quiet[i] = i < first;
            trainer_zero_grad(t);
            CHECK(trainer_backward(t, b.groups, GROUPS, true, some_loss, &b, &e));
            CHECK(t->w.recompute == (recompute != 0));
            trainer_get_grad(t, seen);
            struct batch rest = b; /* the loss counts groups from its first */
            for (size_t i = 0; i < GROUPS; i++)
                if (b.quiet[i])
                    for (size_t k = 0; k < ROWS; k++)
                        rest.rows[i][k].n = 0;
            for (size_t i = 0; i < GROUPS; i++)
                rest.groups[i].rows = rest.rows[i];
            trainer_zero_grad(t);
            CHECK(trainer_backward(t, rest.groups, GROUPS, true, random_loss, &rest, &e));
            trainer_get_grad(t, want);
            CHECK(trainer_grad_norm(t) > 0 && memcmp(want, seen, n * sizeof *seen) == 0);
        }
        b.quiet[0] = false, b.quiet[1] = true, b.quiet[2] = false; /* two spans */
        trainer_zero_grad(t);
        CHECK(trainer_backward(t, b.groups, GROUPS, true, some_loss, &b, &e));
        trainer_get_grad(t, seen);
        trainer_zero_grad(t);
        for (size_t i = 0; i < 3; i += 2) {
            for (size_t k = 0; k < 3; k++)
                b.quiet[k] = k != i;
            CHECK(trainer_backward(t, b.groups, GROUPS, true, some_loss, &b, &e));
        }
        trainer_get_grad(t, want);
        CHECK(memcmp(want, seen, n * sizeof *seen) == 0);
        trainer_close(t);
        arena_free(&b.arena);
        small_remove(dir);
    }
}

static void micro_batches_change_the_last_bits_only(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 13);
    struct batch b;
    batch_init(&b, false);
    float *want = NULL;
    static const size_t sizes[] = {0, 120, 40, 1};
    for (size_t i = 0; i < 4; i++) {
        struct trainer_options o = {.engine.threads = 2, .micro_tokens = sizes[i]};
        struct trainer *t = open_trainer(dir, o, &b, NULL);
        b.called = 0;
        float *seen = gradient(t, &b);
        CHECK_INT(b.called, 14);
        double worst = 0, norm = trainer_grad_norm(t);
        want = want ? want : seen;
        for (size_t k = 0; k < trainer_n(t); k++)
            worst = fmax(worst, fabs((double)want[k] - (double)seen[k]));
        CHECK(norm > 0);
        CHECK_NEAR(worst, 0, 1e-5 * norm);
        trainer_close(t);
    }
    arena_free(&b.arena);
    small_remove(dir);
}

static void what_does_not_fit_is_refused_beforehand(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 14);
    struct batch b;
    struct trainer_plan plan;
    struct err e = ERR_NONE;
    batch_init(&b, false);
    struct trainer_options o = {.engine = {.device = small_device(), .memory_bytes = 200000},
                                .no_optimizer = true};
    struct trainer *t = trainer_open(dir, &o, &e);
    CHECK((t == NULL) == backend_is_gpu(small_device())); /* a GPU's pool is taken at the start */
    if (t) {
        CHECK(!trainer_prepare(t, b.groups, GROUPS, &plan, &e));
        CHECK(plan.total > plan.limit && plan.recompute);
    }
    CHECK_INT(e.status, ERR_DEVICE);
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir);
}

static void longer_groups_may_come_unannounced(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 19);
    struct batch b;
    struct err e = ERR_NONE;
    batch_init(&b, false);
    struct trainer_options o = {
        .engine = {.device = small_device()}, .micro_tokens = 30, .no_optimizer = true};
    struct trainer *t = trainer_open(dir, &o, &e);
    CHECK(t != NULL && trainer_prepare(t, b.groups, 1, NULL, &e));
    float *seen = gradient(t, &b);
    trainer_close(t);
    t = open_trainer(dir, o, &b, NULL);
    float *want = gradient(t, &b);
    CHECK(memcmp(want, seen, trainer_n(t) * sizeof *seen) == 0);
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir);
}

/* ---- steps ---- */

static bool no_loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                    double *dlogp, double *dentropy, struct err *e)
{
    (void)arg, (void)group, (void)row, (void)logp, (void)entropy, (void)dlogp, (void)dentropy,
        (void)e;
    return true;
}

static void a_zero_gradient_makes_no_step(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 15);
    struct batch b;
    struct err e = ERR_NONE;
    struct trainer_step s;
    batch_init(&b, false);
    struct trainer *t = open_trainer(dir, (struct trainer_options){0}, &b, NULL);
    float *before = arena_array(&b.arena, trainer_n(t), 4),
          *after = arena_array(&b.arena, trainer_n(t), 4);
    trainer_get_weights(t, before);
    CHECK(trainer_backward(t, b.groups, GROUPS, false, no_loss, NULL, &e));
    CHECK(trainer_step(t, 0.1, &s, &e) && !s.stepped && s.grad_norm == 0 && trainer_steps(t) == 0);
    trainer_get_weights(t, after);
    CHECK(memcmp(before, after, trainer_n(t) * 4) == 0);
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir);
}

static void steps_follow_the_formula(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 16);
    struct batch b;
    struct err e = ERR_NONE;
    batch_init(&b, false);
    struct trainer_options o = {.beta1 = 0.8,
                                .beta2 = 0.9,
                                .eps = 1e-3,
                                .weight_decay = 0.2,
                                .max_grad_norm = 1.5,
                                .no_decay_1d = true};
    struct trainer *t = open_trainer(dir, o, &b, NULL);
    const struct engine_param *params;
    size_t n = trainer_n(t), n_params = trainer_params(t, &params);
    double *w = arena_array(&b.arena, n, sizeof *w), *m = arena_array(&b.arena, n, sizeof *m);
    double *v = arena_array(&b.arena, n, sizeof *v);
    float *now = arena_array(&b.arena, n, sizeof *now);
    trainer_get_weights(t, now);
    for (size_t i = 0; i < n; i++)
        w[i] = (double)now[i], m[i] = v[i] = 0;
    for (int step = 1; step <= 3; step++) {
        const double lr = 0.01 / step;
        struct trainer_step s;
        float *g = gradient(t, &b);
        CHECK(trainer_step(t, lr, &s, &e) && s.stepped && s.clip_coef < 1);
        CHECK_NEAR(s.clip_coef, 1.5 / s.grad_norm, 1e-5);
        trainer_get_weights(t, now);
        for (size_t k = 0; k < n_params; k++)
            for (size_t i = params[k].offset; i < params[k].offset + params[k].n; i++) {
                double gi = (double)g[i] * s.clip_coef;
                w[i] *= params[k].cols > 1 ? 1 - lr * 0.2 : 1;
                m[i] = 0.8 * m[i] + 0.2 * gi;
                v[i] = 0.9 * v[i] + 0.1 * gi * gi;
                w[i] -= lr / (1 - pow(0.8, step)) * m[i] /
                        (sqrt(v[i] / (1 - pow(0.9, step))) + 1e-3);
                CHECK_NEAR((double)now[i], w[i], 2e-6);
            }
    }
    CHECK_INT(trainer_steps(t), 3);
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir);
}

/* ---- writing ---- */

static bool note_delta(void *arg, const struct engine_delta *d, struct err *e)
{
    double *worst = arg;
    (void)e;
    CHECK(d->mean_abs <= d->max_abs);
    *worst = fmax(*worst, d->max_abs);
    return true;
}

static double difference(const char *a, const char *b)
{
    struct err e = ERR_NONE;
    double worst = 0;
    CHECK(engine_diff(a, b, note_delta, &worst, &e));
    CHECK_STR(e.text, "");
    return worst;
}

static struct trainer_step one_step(struct trainer *t, struct batch *b, double lr)
{
    struct err e = ERR_NONE;
    struct trainer_step s = {0};
    backward(t, b);
    CHECK(trainer_step(t, lr, &s, &e));
    return s;
}

/* Two steps in one run, or one, saved, and one more after loading: the same files. */
static void continue_from_files(const char *config, enum dtype dtype)
{
    char *dir = small_make(config, dtype, 18), *whole = small_dir(), *half = small_dir();
    char *state = small_dir(), *rest = small_dir(), *same = small_dir();
    char digest[ENGINE_DIGEST], other[ENGINE_DIGEST];
    const char *name;
    struct batch b;
    struct err e = ERR_NONE;
    batch_init(&b, false);
    struct trainer_options o = {.engine.threads = 2};
    struct trainer *t = open_trainer(dir, o, &b, NULL);
    CHECK(trainer_save(t, same, 0, digest, &e) && difference(dir, same) == 0);
    CHECK_STR(digest, trainer_digest(t));
    one_step(t, &b, 0.01);
    CHECK(trainer_save(t, half, 0, digest, &e) && trainer_save_state(t, state, &e));
    CHECK(difference(dir, half) > 0);
    one_step(t, &b, 0.01);
    CHECK(trainer_save(t, whole, 20000, digest, &e));
    trainer_close(t);

    t = open_trainer(half, o, &b, NULL);
    CHECK(trainer_load_state(t, state, &name, &e));
    CHECK_STR(name, trainer_backward_name(t));
    CHECK_INT(trainer_steps(t), 1);
    one_step(t, &b, 0.01);
    CHECK(trainer_save(t, rest, 0, other, &e));
    CHECK_STR(other, digest);
    CHECK(difference(whole, rest) == 0);
    trainer_close(t);
    t = open_trainer(dir, o, &b, NULL);
    CHECK(!trainer_load_state(t, state, &name, &e) && e.status == ERR_DATA);
    trainer_close(t);
    arena_free(&b.arena);
    small_remove(dir), small_remove(whole), small_remove(half);
    small_remove(state), small_remove(rest), small_remove(same);
}

static void training_continues_from_files(void)
{
    continue_from_files(small_qwen2, DTYPE_F32);
    continue_from_files(small_qwen3, DTYPE_BF16);
}

int main(void)
{
    static const struct test t[] = {
        {"gradients agree with central differences", gradients_agree_with_central_differences},
        {"threads and memory change no bit", threads_and_memory_change_no_bit},
        {"instruction sets change no bit", instruction_sets_change_no_bit},
        {"groups without contrast add nothing", groups_without_contrast_add_nothing},
        {"micro-batches change the last bits only", micro_batches_change_the_last_bits_only},
        {"what does not fit is refused beforehand", what_does_not_fit_is_refused_beforehand},
        {"longer groups may come unannounced", longer_groups_may_come_unannounced},
        {"a zero gradient makes no step", a_zero_gradient_makes_no_step},
        {"steps follow the formula", steps_follow_the_formula},
        {"training continues from files", training_continues_from_files},
    };
    return TAP_RUN(t);
}

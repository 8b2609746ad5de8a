/* test_generate.c - the sampler: what may and what may not change its results,
 * and that the trainer computes the same log-probabilities to the bit. */
#include "../tap.h"
#include "compute/backend.h"
#include "small_model.h"

static const size_t prompt_lengths[] = {1, 63, 64, 65, 200, 7};
enum { PROMPTS = 6, SAMPLES = 4, MOST = 90 };

struct result {
    size_t n[PROMPTS][16];
    int32_t tokens[PROMPTS][16][MOST];
    float logprobs[PROMPTS][16][MOST];
    enum gen_finish finish[PROMPTS][16];
    size_t delivered;
    bool in_order;
};

struct ask {
    size_t next, end, n_samples;
    uint32_t first_sample, round;
    int32_t *prompts[PROMPTS];
    struct result *out;
    size_t expected;
};

static bool ask_next(void *arg, struct gen_request *r, struct err *e)
{
    struct ask *a = arg;
    (void)e;
    if (a->next == a->end)
        return false;
    size_t i = a->next++;
    *r = (struct gen_request){.prompt = a->prompts[i],
                              .n_prompt = prompt_lengths[i],
                              .n_samples = a->n_samples,
                              .key = 1000 + i,
                              .round = a->round,
                              .first_sample = a->first_sample,
                              .max_tokens = i == 2 ? 1 : MOST - 5 * i,
                              .user = (void *)(uintptr_t)i};
    return true;
}

static bool ask_done(void *arg, const struct gen_group *g, struct err *e)
{
    struct ask *a = arg;
    size_t i = (size_t)(uintptr_t)g->user;
    (void)e;
    a->out->in_order = a->out->in_order && i == a->expected;
    a->expected = i + 1;
    a->out->delivered++;
    for (size_t s = 0; s < g->n_samples; s++) {
        a->out->n[i][s] = g->samples[s].n;
        a->out->finish[i][s] = g->samples[s].finish;
        memcpy(a->out->tokens[i][s], g->samples[s].tokens, g->samples[s].n * sizeof(int32_t));
        memcpy(a->out->logprobs[i][s], g->samples[s].logprobs, g->samples[s].n * sizeof(float));
    }
    return true;
}

static const struct gen_options plain = {
    .temperature = 1, .top_p = 1, .seed = 3, .stop = {1, 2, 50}, .n_stop = 3, .vocab_limit = 95};

/* Prompts [from, to) with this engine; the error's status. */
static int generate(struct engine *g, const struct gen_options *o, struct ask a, size_t from,
                    size_t to, struct result *out, struct gen_stats *stats)
{
    struct err e = ERR_NONE;
    struct arena arena = {0};
    for (size_t i = 0; i < PROMPTS; i++)
        a.prompts[i] = small_tokens(&arena, i, prompt_lengths[i]);
    a.next = a.expected = from, a.end = to, a.out = out;
    a.n_samples = a.n_samples ? a.n_samples : SAMPLES;
    out->in_order = true;
    struct gen_callbacks c = {.next = ask_next, .done = ask_done, .arg = &a};
    bool ok = engine_generate(g, o, &c, stats, &e);
    CHECK(ok == (e.status == 0));
    arena_free(&arena);
    return e.status;
}

static struct engine *open_engine(const char *dir, size_t threads, uint64_t memory)
{
    struct err e = ERR_NONE;
    struct engine_options o = {
        .device = small_device(), .threads = threads, .memory_bytes = memory};
    struct engine *g = engine_open(dir, &o, &e);
    CHECK_STR(e.text, "");
    return g;
}

static bool same(const struct result *a, const struct result *b)
{
    if (a->delivered != b->delivered || !a->in_order || !b->in_order)
        return false;
    for (size_t i = 0; i < PROMPTS; i++)
        for (size_t s = 0; s < SAMPLES; s++)
            if (a->n[i][s] != b->n[i][s] || a->finish[i][s] != b->finish[i][s] ||
                memcmp(a->tokens[i][s], b->tokens[i][s], a->n[i][s] * sizeof(int32_t)) != 0 ||
                memcmp(a->logprobs[i][s], b->logprobs[i][s], a->n[i][s] * sizeof(float)) != 0)
                return false;
    return true;
}

static void batch_changes_nothing(struct engine *g, size_t batch, const struct result *want,
                                  struct result *seen)
{
    struct gen_options o = plain;
    o.batch = batch;
    memset(seen, 0, sizeof *seen);
    CHECK_INT(generate(g, &o, (struct ask){0}, 0, PROMPTS, seen, NULL), 0);
    CHECK(same(want, seen));
}

static void results_depend_on_nothing_around_them(void)
{
    char *dir = small_make(small_qwen2, DTYPE_BF16, 1);
    struct result *want = xcalloc(1, sizeof *want), *seen = xcalloc(1, sizeof *seen);
    struct gen_stats stats;
    struct engine *g = open_engine(dir, 1, 0);
    CHECK_INT(generate(g, &plain, (struct ask){0}, 0, PROMPTS, want, &stats), 0);
    CHECK(want->delivered == PROMPTS && stats.dropped == 0 && stats.prompt_tokens == 400);
    CHECK(want->finish[2][0] == GEN_LENGTH || want->n[2][0] == 1);
    bool ragged = false;
    for (size_t s = 1; s < SAMPLES; s++)
        ragged = ragged || want->n[4][s] != want->n[4][0];
    CHECK(ragged);
    static const size_t batches[] = {1, 7, 64, 3};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        batch_changes_nothing(g, batches[i], want, seen);
    memset(seen, 0, sizeof *seen);
    CHECK_INT(generate(g, &plain, (struct ask){0}, 0, 2, seen, NULL), 0);
    CHECK_INT(generate(g, &plain, (struct ask){0}, 2, PROMPTS, seen, NULL), 0);
    CHECK(same(want, seen));
    engine_close(g);
    for (size_t threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        g = open_engine(dir, threads, 0);
        memset(seen, 0, sizeof *seen);
        CHECK_INT(generate(g, &plain, (struct ask){0}, 0, PROMPTS, seen, NULL), 0);
        CHECK(same(want, seen));
        engine_close(g);
    }
    /* More threads than a batch has rows for: parts of a step, and batches that they do not divide. */
    g = open_engine(dir, 200, 0);
    static const size_t few[] = {8, 9, 11, 13, 64};
    for (size_t i = 0; i < sizeof few / sizeof *few; i++)
        batch_changes_nothing(g, few[i], want, seen);
    engine_close(g);
    free(want);
    free(seen);
    small_remove(dir);
}

/* The least memory that will do: there, sequences must make way for others. */
static void a_small_memory_changes_nothing(void)
{
    char *dir = small_make(small_qwen3, DTYPE_F32, 2);
    struct result *want = xcalloc(1, sizeof *want), *seen = xcalloc(1, sizeof *seen);
    struct gen_stats stats = {0};
    struct gen_options endless = plain; /* so that all of them need a second page */
    endless.n_stop = 0;
    struct engine *g = open_engine(dir, 2, 0);
    CHECK_INT(generate(g, &endless, (struct ask){0}, 0, PROMPTS, want, &stats), 0);
    engine_close(g);
    uint64_t low = 0, high = (uint64_t)1 << 28; /* low fails, high does */
    while (high - low > 1024) {
        uint64_t middle = low + (high - low) / 2;
        g = open_engine(dir, 2, middle);
        memset(seen, 0, sizeof *seen);
        int status = generate(g, &endless, (struct ask){0}, 0, PROMPTS, seen, &stats);
        engine_close(g);
        CHECK(status == 0 || status == ERR_DEVICE);
        if (status == 0)
            CHECK(same(want, seen));
        *(status == 0 ? &high : &low) = middle;
    }
    g = open_engine(dir, 2, high);
    memset(seen, 0, sizeof *seen);
    CHECK_INT(generate(g, &endless, (struct ask){0}, 0, PROMPTS, seen, &stats), 0);
    CHECK(same(want, seen) && stats.dropped > 0 && stats.recomputed > 0);
    engine_close(g);
    free(want);
    free(seen);
    small_remove(dir);
}

static void samples_can_be_made_later(void)
{
    char *dir = small_make(small_llama, DTYPE_F32, 3);
    struct result *all = xcalloc(1, sizeof *all), *more = xcalloc(1, sizeof *more);
    struct engine *g = open_engine(dir, 2, 0);
    CHECK_INT(generate(g, &plain, (struct ask){.n_samples = 9}, 0, PROMPTS, all, NULL), 0);
    CHECK_INT(generate(g, &plain, (struct ask){.n_samples = 3, .first_sample = 6}, 0, PROMPTS, more,
                       NULL),
              0);
    for (size_t i = 0; i < PROMPTS; i++)
        for (size_t s = 0; s < 3; s++) {
            CHECK_INT(more->n[i][s], all->n[i][6 + s]);
            CHECK(memcmp(more->tokens[i][s], all->tokens[i][6 + s], more->n[i][s] * 4) == 0);
        }
    memset(more, 0, sizeof *more);
    CHECK_INT(generate(g, &plain, (struct ask){.n_samples = 9, .round = 2}, 0, PROMPTS, more, NULL),
              0);
    CHECK(memcmp(more->tokens[4][0], all->tokens[4][0], 20) != 0);
    struct gen_options seeded = plain;
    seeded.seed = 4;
    memset(more, 0, sizeof *more);
    CHECK_INT(generate(g, &seeded, (struct ask){.n_samples = 9}, 0, PROMPTS, more, NULL), 0);
    CHECK(memcmp(more->tokens[4][0], all->tokens[4][0], 20) != 0);
    engine_close(g);
    free(all);
    free(more);
    small_remove(dir);
}

/* ---- the trainer sees what the sampler saw ---- */

/* Log-probabilities of the results by `score`, compared to the bit. */
static void compare_scores(const struct result *r, struct engine *g, struct trainer *t)
{
    struct err e = ERR_NONE;
    struct arena a = {0};
    struct engine_group groups[PROMPTS];
    struct engine_row rows[PROMPTS][SAMPLES];
    for (size_t i = 0; i < PROMPTS; i++) {
        groups[i] = (struct engine_group){small_tokens(&a, i, prompt_lengths[i]), prompt_lengths[i],
                                          rows[i], SAMPLES};
        for (size_t s = 0; s < SAMPLES; s++)
            rows[i][s] = (struct engine_row){
                .tokens = r->tokens[i][s], .n = r->n[i][s], .logp = arena_array(&a, MOST, 4)};
    }
    bool ok = t ? trainer_prepare(t, groups, PROMPTS, NULL, &e) &&
                      trainer_score(t, groups, PROMPTS, &e)
                : engine_score(g, groups, PROMPTS, &e);
    CHECK_STR(e.text, "");
    for (size_t i = 0; ok && i < PROMPTS; i++)
        for (size_t s = 0; s < SAMPLES; s++)
            CHECK(memcmp(rows[i][s].logp, r->logprobs[i][s], r->n[i][s] * sizeof(float)) == 0);
    arena_free(&a);
}

static void trainer_equals_sampler(const char *config, enum dtype dtype, enum engine_kv kv)
{
    char *dir = small_make(config, dtype, 4);
    static const size_t threads[] = {1, 2, 3, 7};
    struct gen_options sharp = plain;
    sharp.temperature = 0.7, sharp.top_p = 0.9;
    for (size_t i = 0; i < 4; i++) {
        struct err e = ERR_NONE;
        struct result *r = xcalloc(1, sizeof *r);
        struct engine_options o = {.device = small_device(), .threads = threads[i], .kv = kv};
        struct engine *g = engine_open(dir, &o, &e);
        CHECK(g != NULL);
        CHECK_INT(generate(g, i % 2 ? &sharp : &plain, (struct ask){0}, 0, PROMPTS, r, NULL), 0);
        compare_scores(r, g, NULL);
        engine_close(g);
        for (size_t k = 0; k < 4; k += 3) {
            struct trainer_options to = {
                .engine = {.device = small_device(), .threads = threads[k], .kv = kv},
                .micro_tokens = k ? 150 : 0,
                .no_optimizer = true};
            struct trainer *t = trainer_open(dir, &to, &e);
            CHECK(t != NULL);
            compare_scores(r, NULL, t);
            trainer_close(t);
        }
        free(r);
    }
    small_remove(dir);
}

static void trainer_equals_sampler_in_f32(void)
{
    trainer_equals_sampler(small_qwen2, DTYPE_F32, ENGINE_KV_F32);
    trainer_equals_sampler(small_qwen3, DTYPE_F32, ENGINE_KV_F32);
    trainer_equals_sampler(small_llama, DTYPE_F32, ENGINE_KV_F32);
}

static void trainer_equals_sampler_in_bf16(void)
{
    trainer_equals_sampler(small_qwen2, DTYPE_BF16, ENGINE_KV_F32);
    trainer_equals_sampler(small_qwen3, DTYPE_BF16, ENGINE_KV_BF16);
}

/* ---- single facts ---- */

static void options_do_what_they_say(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 5);
    struct err e = ERR_NONE;
    struct arena a = {0};
    struct engine *g = open_engine(dir, 1, 0);
    int32_t *prompt = small_tokens(&a, 9, 20), ids[97];
    double p[97], sum = 0;
    size_t n;
    struct gen_options o = {.temperature = 0.8, .top_p = 1, .top_k = 5};
    CHECK(engine_distribution(g, &o, prompt, 20, ids, p, 97, &n, &e) && n == 5);
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    CHECK_NEAR(sum, 1, 1e-9);
    o = (struct gen_options){.temperature = 1, .top_p = 1, .vocab_limit = 10};
    CHECK(engine_distribution(g, &o, prompt, 20, ids, p, 97, &n, &e) && n == 10 && ids[9] == 9);
    o = (struct gen_options){.temperature = 1, .top_p = 1};
    float logits[20 * 97];
    CHECK(engine_distribution(g, &o, prompt, 20, ids, p, 97, &n, &e) && n == 97);
    CHECK(engine_logits(g, prompt, 20, logits, &e));
    const float *last = logits + 19 * 97;
    CHECK_NEAR(log(p[3] / p[8]), (double)last[3] - (double)last[8], 1e-5);
    arena_free(&a);
    engine_close(g);
    small_remove(dir);
}

static void what_makes_no_sense_is_refused(void)
{
    char *dir = small_make(small_qwen2, DTYPE_F32, 6);
    struct result *r = xcalloc(1, sizeof *r);
    struct engine *g = open_engine(dir, 1, 0);
    struct gen_options o = plain;
    o.top_p = 0;
    CHECK_INT(generate(g, &o, (struct ask){0}, 0, 1, r, NULL), ERR_USAGE);
    o = plain, o.temperature = -1;
    CHECK_INT(generate(g, &o, (struct ask){0}, 0, 1, r, NULL), ERR_USAGE);
    o = plain, o.vocab_limit = 98;
    CHECK_INT(generate(g, &o, (struct ask){0}, 0, 1, r, NULL), ERR_USAGE);
    int32_t bad[] = {5, 97};
    struct engine_row row = {.tokens = bad, .n = 2};
    struct engine_group group = {bad, 1, &row, 1};
    struct err e = ERR_NONE;
    CHECK(!engine_score(g, &group, 1, &e) && e.status == ERR_DATA && strstr(e.text, "97"));
    e = (struct err)ERR_NONE;
    group.n_prompt = 0;
    CHECK(!engine_score(g, &group, 1, &e) && e.status == ERR_DATA);
    engine_close(g);
    struct engine_options small = {.device = small_device(), .threads = 1, .memory_bytes = 1000};
    e = (struct err)ERR_NONE;
    g = engine_open(dir, &small, &e);
    CHECK((g == NULL) == backend_is_gpu(small_device())); /* a GPU's pool is taken at the start */
    CHECK_INT(g ? generate(g, &plain, (struct ask){0}, 0, 1, r, NULL) : e.status, ERR_DEVICE);
    engine_close(g);
    free(r);
    small_remove(dir);
}

static void a_new_model_is_the_same_everywhere(void)
{
    struct err e = ERR_NONE;
    struct engine_init spec = {.family = "qwen2",
                               .dtype = "f32",
                               .vocab_size = 80,
                               .context = 128,
                               .n_layers = 3,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .head_dim = 16,
                               .hidden = 64,
                               .ff = 192,
                               .tied = true,
                               .rope_theta = 1e4,
                               .norm_eps = 1e-6,
                               .std_embed = 0.05,
                               .std_in = 0.06,
                               .seed = 1,
                               .bos = -1,
                               .eos = {0},
                               .n_eos = 1};
    struct engine_info info;
    char digest[ENGINE_DIGEST];
    char *dir = small_dir();
    CHECK(engine_init(dir, &spec, 0, &e));
    CHECK(engine_inspect(dir, &info, digest, &e));
    CHECK_INT(info.n_params, 153408);
    CHECK_STR(digest, "75b7b65af64eda69ed85a0a34915881d"); /* of the first machine that made it */
    small_remove(dir);
}

int main(void)
{
    static const struct test t[] = {
        {"results depend on nothing around them", results_depend_on_nothing_around_them},
        {"a small memory changes nothing", a_small_memory_changes_nothing},
        {"samples can be made later", samples_can_be_made_later},
        {"the trainer equals the sampler in f32", trainer_equals_sampler_in_f32},
        {"the trainer equals the sampler in bf16", trainer_equals_sampler_in_bf16},
        {"options do what they say", options_do_what_they_say},
        {"what makes no sense is refused", what_makes_no_sense_is_refused},
        {"a new model is the same everywhere", a_new_model_is_the_same_everywhere},
    };
    return TAP_RUN(t);
}

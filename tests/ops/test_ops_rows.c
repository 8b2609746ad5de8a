/* test_ops_rows.c - a row's result is its own: whatever stands beside it, and
 * whether the sampler or the trainer asks. */
#include "../tap.h"
#include "ops_table.h"

static bool same(const float *a, const float *b, size_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

/* Products of any number of rows, packed or viewed. */
static void products_of_rows(const char *isa, enum precision precision)
{
    struct run r = {.b = run_open("cpu", isa, 2, precision), .seed = 5};
    const struct ops *op = r.b->op;
    static const size_t shapes[][2] = {{40, 24}, {130, 1030}, {700, 129}, {17, 3000}};
    for (size_t i = 0; i < 4; i++) {
        enum { M = 150 };
        size_t n = shapes[i][0], k = shapes[i][1];
        float *masters = run_random(&r, n * k, 1);
        struct rows x = random_rows(&r, M, k, 1), all = random_rows(&r, M, n, 0);
        struct rows some = random_rows(&r, M, n, 0);
        struct err e = ERR_NONE;
        struct weight *view = op->weight_view(r.b, masters, n, k);
        struct weight *packed = op->weight_new(r.b, ELEM_F32, n, k, &e);
        op->weight_refresh(r.b, packed, masters);
        op->linear(r.b, &(struct linear){.w = packed, .m = M, .x = x, .y = all});
        for (size_t m = 1; m <= 40; m += m < 20 ? 1 : 7) {
            struct rows from = {x.p + m * x.stride, x.stride};
            for (int w = 0; w < 2; w++) {
                op->linear(r.b,
                           &(struct linear){.w = w ? view : packed, .m = m, .x = from, .y = some});
                for (size_t row = 0; row < m; row++)
                    CHECK(same(some.p + row * some.stride, all.p + (m + row) * all.stride, n));
            }
        }
        op->weight_free(r.b, view);
        op->weight_free(r.b, packed);
    }
    for (size_t i = 0; i < r.n_buffers; i++)
        op->free(r.b, r.buffers[i]);
    backend_close(r.b);
}

static void linear_rows(void)
{
    products_of_rows(NULL, PRECISION_EXACT);
    products_of_rows("portable", PRECISION_BF16);
}

/* ---- attention: training, prefill in pieces, decoding ---- */

enum { H = 6, G = 2, D = 24, PROMPT = 70, RESPONSE = 81, SAMPLES = 3, PAGES = 32 };

struct scene {
    struct run r;
    struct rows q, k, v, out; /* prompt rows, then each response's */
    struct kv *kv;
    struct attn_plan *plan;
    int32_t pages[PAGES];
};

static struct scene open_scene(enum elem type)
{
    struct scene s = {.r = {.b = run_open("cpu", NULL, 3, PRECISION_EXACT), .seed = 77}};
    size_t m = PROMPT + SAMPLES * RESPONSE;
    struct err e = ERR_NONE;
    s.q = random_rows(&s.r, m, H * D, 2);
    s.k = random_rows(&s.r, m, G * D, 2);
    s.v = random_rows(&s.r, m, G * D, 1);
    s.out = random_rows(&s.r, m, H * D, 0);
    s.kv = s.r.b->op->kv_new(s.r.b, type, 1, PAGES, G, D, &e);
    s.plan = s.r.b->op->plan_new(
        s.r.b,
        &(struct plan_size){
            .n_heads = H, .n_kv_heads = G, .n_rows = m, .n_seqs = 8, .n_pages = 2 * PAGES},
        &e);
    for (int i = 0; i < PAGES; i++)
        s.pages[i] = (i * 7) % PAGES;
    return s;
}

static void close_scene(struct scene *s)
{
    for (size_t i = 0; i < s->r.n_buffers; i++)
        s->r.b->op->free(s->r.b, s->r.buffers[i]);
    s->r.b->op->kv_free(s->r.b, s->kv);
    s->r.b->op->plan_free(s->r.b, s->plan);
    backend_close(s->r.b);
}

/* Rows [first, first + n) of a run of the scene: run 0 is the prompt. */
static struct attn_seq part(const struct scene *s, size_t run, size_t first, size_t n)
{
    struct attn_seq q = {.pages = s->pages + 4 * run, .n_keys = first + n, .n_rows = n};
    if (run) {
        q.shared_pages = s->pages;
        q.n_shared = PROMPT;
    }
    return q;
}

static void attend(struct scene *s, struct attn_seq *seqs, size_t n, struct rows q, struct rows k,
                   struct rows v, struct rows out)
{
    const struct ops *op = s->r.b->op;
    op->plan_set(s->r.b, s->plan, seqs, n);
    op->kv_write(s->r.b, &(struct kv_write){.kv = s->kv, .plan = s->plan, .k = k, .v = v});
    op->attention(s->r.b, &(struct attention){
                              .kv = s->kv, .plan = s->plan, .q = q, .out = out, .scale = 0.2f});
}

static struct rows from(struct rows x, size_t row)
{
    return (struct rows){x.p + row * x.stride, x.stride};
}

static size_t row_of(size_t run, size_t position)
{
    return run ? PROMPT + (run - 1) * RESPONSE + position : position;
}

/* All rows at once, as a training step has them. */
static void train(struct scene *s)
{
    struct attn_seq seqs[1 + SAMPLES];
    for (size_t run = 0; run <= SAMPLES; run++) {
        seqs[run] = part(s, run, 0, run ? RESPONSE : PROMPT);
        seqs[run].row = row_of(run, 0);
    }
    attend(s, seqs, 1 + SAMPLES, s->q, s->k, s->v, s->out);
}

static void prefill(struct scene *s, struct scene *train, const size_t *cuts, size_t n_cuts)
{
    for (size_t i = 0; i + 1 < n_cuts; i++) {
        size_t at = cuts[i], n = cuts[i + 1] - at;
        struct attn_seq seq = part(s, 0, at, n);
        attend(s, &seq, 1, from(s->q, at), from(s->k, at), from(s->v, at), from(s->out, at));
        for (size_t r = at; r < at + n; r++)
            CHECK(same(from(s->out, r).p, from(train->out, r).p, H * D));
    }
}

/* One token of each of the samples in `runs`. */
static void decode(struct scene *s, struct scene *train, const size_t *runs, size_t n, size_t at)
{
    struct attn_seq seqs[SAMPLES];
    enum { STRIDE = H * D };
    float q[SAMPLES * STRIDE], k[SAMPLES * STRIDE], v[SAMPLES * STRIDE], out[SAMPLES * STRIDE];
    struct rows rq = {q, STRIDE}, rk = {k, STRIDE}, rv = {v, STRIDE}, ro = {out, STRIDE};
    for (size_t i = 0; i < n; i++) {
        seqs[i] = part(s, runs[i], at, 1);
        seqs[i].row = i;
        memcpy(from(rq, i).p, from(s->q, row_of(runs[i], at)).p, H * D * sizeof(float));
        memcpy(from(rk, i).p, from(s->k, row_of(runs[i], at)).p, G * D * sizeof(float));
        memcpy(from(rv, i).p, from(s->v, row_of(runs[i], at)).p, G * D * sizeof(float));
    }
    attend(s, seqs, n, rq, rk, rv, ro);
    for (size_t i = 0; i < n; i++)
        CHECK(same(from(ro, i).p, from(train->out, row_of(runs[i], at)).p, H * D));
}

static void decoding_is_training(enum elem type)
{
    static const size_t whole[] = {0, PROMPT}, pieces[] = {0, 1, 30, 64, 65, PROMPT};
    static const size_t all[] = {1, 2, 3}, two[] = {3, 1}, one[] = {2};
    struct scene t = open_scene(type), s = open_scene(type);
    train(&t);
    prefill(&s, &t, whole, 2);
    prefill(&s, &t, pieces, 6);
    for (size_t at = 0; at < RESPONSE; at++) {
        if (at % 3 == 0)
            decode(&s, &t, all, 3, at);
        else {
            decode(&s, &t, two, 2, at);
            decode(&s, &t, one, 1, at);
        }
    }
    close_scene(&t);
    close_scene(&s);
}

static void attention_rows(void)
{
    decoding_is_training(ELEM_F32);
    decoding_is_training(ELEM_BF16);
}

/* ---- the head ---- */

static void sampler_is_trainer(const char *device, const char *isa, size_t v, bool view)
{
    enum { M = 37, K = 40 };
    enum precision precision = isa ? PRECISION_BF16 : PRECISION_EXACT;
    struct run r = {.b = run_open(device, isa, 2, precision), .seed = 3};
    const struct ops *op = r.b->op;
    size_t shape[4] = {M, v, K, view ? 2 : 1};
    struct weight *w = case_weight(&r, shape);
    struct rows x = random_rows(&r, M, K, 0.4), logits = random_rows(&r, M, v, 0);
    struct sample_row rows[M];
    struct sample_out out[M];
    struct head_target targets[M];
    struct head_row kept[M];
    float logp[M];
    op->linear(r.b, &(struct linear){.w = w, .m = M, .x = x, .y = logits});
    for (int m = 0; m < M; m++)
        rows[m] = (struct sample_row){.temperature = m % 3 == 0   ? 0
                                                     : m % 3 == 1 ? 1
                                                                  : 0.7,
                                      .top_p = m % 2 ? 1 : 0.9,
                                      .penalty = 1,
                                      .top_k = m % 5 ? 0 : 7,
                                      .limit = (int32_t)(m % 4 ? v : v - 3),
                                      .u = (run_uniform(&r) + 1) / 2};
    op->sample(r.b, &(struct sample){.m = M, .v = v, .logits = logits, .rows = rows, .out = out});
    for (int m = 0; m < M; m++)
        targets[m] = (struct head_target){m, out[m].id};
    op->head(r.b, &(struct head){.w = w,
                                 .m = M,
                                 .x = x,
                                 .targets = targets,
                                 .n_targets = M,
                                 .logp = logp,
                                 .rows = kept});
    for (int m = 0; m < M; m++)
        CHECK(out[m].id < rows[m].limit && same(&logp[m], &out[m].logp, 1));
    for (size_t i = 0; i < r.n_buffers; i++)
        op->free(r.b, r.buffers[i]);
    op->weight_free(r.b, w);
    backend_close(r.b);
}

static void sampled_is_scored(void)
{
    sampler_is_trainer("cpu", NULL, 700, false);
    sampler_is_trainer("cpu", NULL, 5000, true);
    sampler_is_trainer("cpu", NULL, 12, false);
    sampler_is_trainer("cpu", "portable", 900, false);
    sampler_is_trainer("cpu", "portable", 1100, true);
    sampler_is_trainer("ref", NULL, 600, false);
}

/* ---- sampling ---- */

/* The draw is the inverse of the cumulated distribution, in id order. */
static void draws_follow_the_distribution(void)
{
    enum { V = 1300, DRAWS = 400 };
    struct run r = {.b = run_open("cpu", NULL, 1, PRECISION_EXACT), .seed = 8};
    float *logits = run_random(&r, V, 5);
    static const struct sample_row settings[] = {
        {1, 1, 0, 1, 0, V, 0, NULL, 0},         {1, 1, 0, 1, 0, 1000, 0, NULL, 0},
        {0.6, 1, 0, 1, 0, V, 0, NULL, 0},       {0.6, 0.8, 0, 1, 0, V, 0, NULL, 0},
        {1.2, 0.95, 0, 1, 40, 900, 0, NULL, 0}, {1, 1, 0.02, 1, 0, V, 0, NULL, 0}};
    double p[V];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct sample_row o = settings[i];
        r.b->op->distribution(r.b, logits, V, &o, p);
        for (int d = 0; d < DRAWS; d++) {
            struct sample_out out;
            double below = 0;
            o.u = (d + 0.5) / DRAWS;
            r.b->op->sample(
                r.b,
                &(struct sample){.m = 1, .v = V, .logits = {logits, V}, .rows = &o, .out = &out});
            for (int j = 0; j < out.id; j++)
                below += p[j];
            CHECK(p[out.id] > 0);
            CHECK(below <= o.u + 1e-6 && below + p[out.id] >= o.u - 1e-6);
        }
        o.u = 0.99999999999999989;
        struct sample_out out;
        r.b->op->sample(
            r.b, &(struct sample){.m = 1, .v = V, .logits = {logits, V}, .rows = &o, .out = &out});
        CHECK(p[out.id] > 0);
    }
    r.b->op->free(r.b, logits);
    backend_close(r.b);
}

static void greedy_takes_the_lowest_of_equals(void)
{
    enum { V = 600 };
    struct run r = {.b = run_open("cpu", NULL, 1, PRECISION_EXACT), .seed = 8};
    float *logits = run_random(&r, V, 1);
    struct sample_row o = {.temperature = 0, .top_p = 1, .penalty = 1, .limit = V - 1};
    struct sample_out out;
    struct sample a = {.m = 1, .v = V, .logits = {logits, V}, .rows = &o, .out = &out};
    logits[V - 1] = 3;
    logits[300] = logits[77] = 2;
    r.b->op->sample(r.b, &a);
    CHECK_INT(out.id, 77);
    static const int32_t seen[] = {77, 77};
    o.seen = seen;
    o.n_seen = 2;
    o.penalty = 1.1;
    r.b->op->sample(r.b, &a);
    CHECK_INT(out.id, 300);
    r.b->op->free(r.b, logits);
    backend_close(r.b);
}

int main(void)
{
    static const struct test tests[] = {
        {"a product's row does not depend on the others", linear_rows},
        {"attention: decoding, prefill and training agree to the bit", attention_rows},
        {"the sampler's log-probabilities are the trainer's", sampled_is_scored},
        {"draws follow the distribution", draws_follow_the_distribution},
        {"greedy takes the lowest id of equals", greedy_takes_the_lowest_of_equals},
    };
    return TAP_RUN(tests);
}

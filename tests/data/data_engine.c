/* data_engine.c - every model folder of DATA/engine against its stored numbers.
 *
 * expected.json holds float64 results of an independent program: logits,
 * log-probabilities, greedy continuations, filtered distributions, SFT and GCPO
 * losses with gradients, AdamW steps.  e2e.json holds greedy continuations of
 * tokenized chats.  Any folder of that layout; a part that it lacks is left out. */
#include "base/file.h"
#include "engine/engine.h"
#include "numbers.h"

#include <dirent.h>
#include <unistd.h>

enum { JSON_MAX = 256 << 20 };

/* How far f32 arithmetic may be from float64. */
static const double tol_logit = 1e-4, tol_logp = 5e-5, tol_loss = 5e-6, tol_grad_rel = 5e-5,
                    tol_grad_entry = 2e-6, tol_margin = 1e-3, tol_prob = 5e-4;

struct folder {
    struct numbers s;
    struct arena arena;
    char *dir;
    struct str expected, batch; /* objects; n = 0: absent */
    struct buf text[2];
    char left_out[512];
};

static void left_out(struct folder *f, const char *what)
{
    size_t n = strlen(f->left_out);
    snprintf(f->left_out + n, sizeof f->left_out - n, "%s%s", n ? ", " : "", what);
}

static struct engine *open_engine(struct folder *f)
{
    struct err e = ERR_NONE;
    struct engine_options o = {.device = getenv("GCPO_TEST_DEVICE"), .threads = 2};
    struct engine *g = engine_open(f->dir, &o, &e);
    expect(&f->s, "opens", g != NULL, e.text);
    return g;
}

/* ---- forward ---- */

static void check_row(struct folder *f, const float *logits, struct str want, const char *where)
{
    size_t n;
    const double *w = doubles(want, &f->arena, &n);
    for (size_t i = 0; i < n; i++)
        near(&f->s, "logit", where, (double)logits[i], w[i], tol_logit);
}

static double log_sum_exp(const float *x, size_t n)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return max + log(sum);
}

static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static void check_logits(struct folder *f, struct str seq, const float *logits, size_t n, size_t V)
{
    struct str v, row;
    size_t t = 0, m;
    if (json_get(seq, "logits", &v))
        for (struct json_iter it = json_iter(v); json_next(&it, NULL, &row); t++)
            check_row(f, logits + t * V, row, "logits");
    if (json_get(seq, "logits_last", &v))
        check_row(f, logits + (n - 1) * V, v, "logits_last");
    if (json_get(seq, "cols", &v)) {
        const int32_t *cols = integers(v, &f->arena, &m);
        t = 0;
        if (json_get(seq, "logits_cols", &v))
            for (struct json_iter it = json_iter(v); json_next(&it, NULL, &row); t++) {
                const double *w = doubles(row, &f->arena, &m);
                for (size_t i = 0; i < m; i++)
                    near(&f->s, "logit", "logits_cols", (double)logits[t * V + (size_t)cols[i]],
                         w[i], tol_logit);
            }
    }
    if (json_get(seq, "logsumexp", &v)) {
        const double *w = doubles(v, &f->arena, &m);
        for (t = 0; t < m; t++)
            near(&f->s, "logsumexp", "at a position", log_sum_exp(logits + t * V, V), w[t],
                 tol_logit);
    }
    if (json_get(seq, "argmax", &v)) {
        const int32_t *w = integers(v, &f->arena, &m);
        const double *margin = json_get(seq, "argmax_margin", &v) ? doubles(v, &f->arena, &m)
                                                                  : NULL;
        for (t = 0; t < m && margin; t++)
            if (margin[t] > tol_margin)
                expect(&f->s, "argmax", argmax(logits + t * V, V) == (size_t)w[t], "at a position");
    }
}

static void check_sequences(struct folder *f, struct engine *g)
{
    struct str list, seq, v;
    size_t V = (size_t)engine_info(g)->vocab_size;
    if (!json_get(f->expected, "sequences", &list)) {
        left_out(f, "sequences");
        return;
    }
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &seq);) {
        struct err e = ERR_NONE;
        size_t n, m;
        if (!json_get(seq, "tokens", &v))
            continue;
        const int32_t *tokens = integers(v, &f->arena, &n);
        float *logits = arena_array(&f->arena, n * V, sizeof *logits);
        bool ok = engine_logits(g, tokens, n, logits, &e);
        expect(&f->s, "runs", ok, e.text);
        if (ok)
            check_logits(f, seq, logits, n, V);
        if (!ok || n < 2 || !json_get(seq, "logprobs", &v))
            continue;
        const double *w = doubles(v, &f->arena, &m);
        float *logp = arena_array(&f->arena, n, sizeof *logp);
        struct engine_row row = {.tokens = tokens + 1, .n = n - 1, .logp = logp};
        struct engine_group group = {.prompt = tokens, .n_prompt = 1, .rows = &row, .n_rows = 1};
        ok = engine_score(g, &group, 1, &e);
        expect(&f->s, "runs", ok, e.text);
        for (size_t t = 0; ok && t < m; t++)
            near(&f->s, "logprob", "of a token", (double)logp[t], w[t], tol_logp);
    }
}

/* ---- greedy ---- */

struct greedy {
    struct gen_request request;
    bool asked;
    int32_t *ids;
    size_t n;
    enum gen_finish finish;
};

static bool greedy_next(void *arg, struct gen_request *r, struct err *e)
{
    struct greedy *g = arg;
    (void)e;
    if (g->asked)
        return false;
    g->asked = true;
    *r = g->request;
    return true;
}

static bool greedy_done(void *arg, const struct gen_group *group, struct err *e)
{
    struct greedy *g = arg;
    (void)e;
    g->n = group->samples[0].n;
    g->finish = group->samples[0].finish;
    memcpy(g->ids, group->samples[0].tokens, g->n * sizeof *g->ids);
    return true;
}

static void check_greedy(struct folder *f, struct engine *g, struct str prompt, struct str ids,
                         struct str margins, bool stops)
{
    struct err e = ERR_NONE;
    size_t n_prompt, n, n_margins;
    const int32_t *p = integers(prompt, &f->arena, &n_prompt), *want = integers(ids, &f->arena, &n);
    const double *margin = doubles(margins, &f->arena, &n_margins);
    struct greedy job = {
        .request = {.prompt = p, .n_prompt = n_prompt, .n_samples = 1, .max_tokens = n},
        .ids = arena_array(&f->arena, n, sizeof(int32_t))};
    struct gen_options o = {.temperature = 0, .top_p = 1};
    const struct engine_info *info = engine_info(g);
    for (size_t i = 0; stops && i < info->n_eos; i++)
        o.stop[o.n_stop++] = info->eos[i];
    struct gen_callbacks c = {.next = greedy_next, .done = greedy_done, .arg = &job};
    bool ok = engine_generate(g, &o, &c, NULL, &e);
    expect(&f->s, "runs", ok, e.text);
    for (size_t i = 0; ok && i < n && i < n_margins && margin[i] > tol_margin; i++)
        expect(&f->s, "greedy", i < job.n && job.ids[i] == want[i], "an id");
}

static void check_greedy_part(struct folder *f, struct engine *g)
{
    struct str o, prompt, ids, margins;
    if (json_get(f->expected, "greedy", &o) && json_get(o, "prompt", &prompt) &&
        json_get(o, "ids", &ids) && json_get(o, "margins", &margins))
        check_greedy(f, g, prompt, ids, margins, false);
    else
        left_out(f, "greedy");
}

static void check_e2e(struct folder *f, struct str e2e)
{
    struct str cases, o, prompt, ids, margins;
    struct engine *g = open_engine(f);
    if (g && json_get(e2e, "cases", &cases))
        for (struct json_iter it = json_iter(cases); json_next(&it, NULL, &o);)
            if (json_get(o, "prompt_ids", &prompt) && json_get(o, "greedy_ids", &ids) &&
                json_get(o, "margins", &margins))
                check_greedy(f, g, prompt, ids, margins, true);
    engine_close(g);
}

/* ---- sampling ---- */

static bool read_settings(struct str o, struct gen_options *g)
{
    struct str key, v;
    *g = (struct gen_options){.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    for (struct json_iter it = json_iter(o); json_next(&it, &key, &v);) {
        double d = 0;
        json_double(v, &d);
        if (json_key_is(key, "temperature"))
            g->temperature = d;
        else if (json_key_is(key, "top_p"))
            g->top_p = d;
        else if (json_key_is(key, "top_k"))
            g->top_k = (int32_t)d;
        else if (json_key_is(key, "min_p"))
            g->min_p = d;
        else if (json_key_is(key, "repetition_penalty"))
            g->repetition_penalty = d;
        else
            return false;
    }
    return true;
}

static bool sequence_tokens(struct folder *f, size_t index, int32_t **tokens, size_t *n)
{
    struct str list, seq, v;
    size_t i = 0;
    if (json_get(f->expected, "sequences", &list))
        for (struct json_iter it = json_iter(list); json_next(&it, NULL, &seq); i++)
            if (i == index && json_get(seq, "tokens", &v)) {
                *tokens = integers(v, &f->arena, n);
                return true;
            }
    return false;
}

static void check_sampling(struct folder *f, struct engine *g)
{
    struct str list, o, v;
    size_t V = (size_t)engine_info(g)->vocab_size, n, m, seen;
    if (!json_get(f->expected, "sampling", &list)) {
        left_out(f, "sampling");
        return;
    }
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &o);) {
        struct err e = ERR_NONE;
        struct gen_options options;
        int32_t *tokens;
        if (!json_get(o, "settings", &v) || !read_settings(v, &options)) {
            left_out(f, "a sampling case with unknown settings");
            continue;
        }
        if (!sequence_tokens(f, (size_t)number(o, "sequence", 0), &tokens, &n) ||
            !json_get(o, "support", &v))
            continue;
        const int32_t *support = integers(v, &f->arena, &m);
        const double *probs = json_get(o, "probs", &v) ? doubles(v, &f->arena, &m) : NULL;
        int32_t *ids = arena_array(&f->arena, V, sizeof *ids);
        double *p = arena_array(&f->arena, V, sizeof *p);
        bool ok = engine_distribution(g, &options, tokens, n, ids, p, V, &seen, &e);
        expect(&f->s, "runs", ok, e.text);
        if (!ok)
            continue;
        expect(&f->s, "support", seen == m && memcmp(ids, support, m * sizeof *ids) == 0,
               "of a distribution");
        for (size_t i = 0; probs && seen == m && i < m; i++)
            near(&f->s, "probability", "of a token", p[i], probs[i], tol_prob * probs[i] + 1e-9);
    }
}

/* ---- losses ---- */

/* One group for each row: the stored batches have a prompt of their own in each. */
struct batch {
    struct engine_group *groups;
    struct engine_row *rows;
    double **old; /* NULL: the mean negative log-likelihood of `tokens` tokens instead */
    double *advantage, *ratio;
    bool *clipped;
    size_t n, tokens;
    double eps_low, eps_high, loss;
};

static bool batch_loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                       double *dlogp, double *dentropy, struct err *e)
{
    struct batch *b = arg;
    size_t n = b->rows[group].n;
    (void)row, (void)entropy, (void)dentropy, (void)e;
    double sum = 0;
    if (!b->old) {
        for (size_t t = 0; t < n; t++) {
            b->loss -= (double)logp[t] / (double)b->tokens;
            dlogp[t] = -1 / (double)b->tokens;
        }
        return true;
    }
    for (size_t t = 0; t < n; t++)
        sum += (double)logp[t] - b->old[group][t];
    double A = b->advantage[group], s = exp(sum / (double)n);
    double c = fmin(fmax(s, 1 - b->eps_low), 1 + b->eps_high);
    b->ratio[group] = s;
    b->clipped[group] = c * A < s * A;
    b->loss -= fmin(s * A, c * A) / (double)b->n;
    for (size_t t = 0; t < n && !b->clipped[group]; t++)
        dlogp[t] = -A * s / (double)n / (double)b->n;
    return true;
}

static void batch_alloc(struct folder *f, struct batch *b, size_t n)
{
    struct arena *a = &f->arena;
    *b = (struct batch){.n = n};
    b->groups = arena_array(a, n, sizeof *b->groups);
    b->rows = arena_array(a, n, sizeof *b->rows);
    b->ratio = arena_array(a, n, sizeof *b->ratio);
    b->clipped = arena_array(a, n, sizeof *b->clipped);
    b->advantage = arena_array(a, n, sizeof *b->advantage);
}

static void batch_add(struct batch *b, size_t i, const int32_t *tokens, size_t n, size_t n_prompt)
{
    b->rows[i] = (struct engine_row){.tokens = tokens + n_prompt, .n = n - n_prompt};
    b->groups[i] = (struct engine_group){tokens, n_prompt, &b->rows[i], 1};
    b->tokens += n - n_prompt;
}

static bool read_gcpo_batch(struct folder *f, struct batch *b)
{
    struct str seqs, o, v;
    size_t n, i = 0;
    if (!f->batch.n || !json_get(f->batch, "seqs", &seqs) ||
        number(f->batch, "temperature", 1) != 1)
        return false;
    batch_alloc(f, b, json_count(seqs));
    b->eps_low = number(f->batch, "eps_low", 0.2), b->eps_high = number(f->batch, "eps_high", 0.2);
    b->old = arena_array(&f->arena, b->n, sizeof *b->old);
    for (struct json_iter it = json_iter(seqs); json_next(&it, NULL, &o); i++) {
        if (!json_get(o, "tokens", &v))
            return false;
        const int32_t *tokens = integers(v, &f->arena, &n);
        batch_add(b, i, tokens, n, (size_t)number(o, "prompt_len", 1));
        b->advantage[i] = number(o, "advantage", 0);
        if (!json_get(o, "old_logprobs", &v))
            return false;
        b->old[i] = doubles(v, &f->arena, &n);
    }
    return true;
}

static bool read_sft_batch(struct folder *f, struct str o, struct batch *b)
{
    struct str v;
    size_t n, m;
    if (!json_get(o, "sequences", &v))
        return false;
    const int32_t *which = integers(v, &f->arena, &m);
    batch_alloc(f, b, m);
    for (size_t i = 0; i < m; i++) {
        int32_t *tokens;
        if (!sequence_tokens(f, (size_t)which[i], &tokens, &n) || n < 2)
            return false;
        batch_add(b, i, tokens, n, 1);
    }
    return true;
}

static struct trainer *open_trainer(struct folder *f, const struct batch *b, struct str hyper)
{
    struct err e = ERR_NONE;
    struct trainer_options o = {.engine = {.device = getenv("GCPO_TEST_DEVICE"), .threads = 2},
                                .as_f32 = true,
                                .step_on_zero = true,
                                .beta1 = number(hyper, "beta1", 0.9),
                                .beta2 = number(hyper, "beta2", 0.999),
                                .eps = number(hyper, "eps", 1e-8),
                                .weight_decay = number(hyper, "weight_decay", 0),
                                .max_grad_norm = number(hyper, "max_grad_norm", 0),
                                .no_decay_1d = truth(hyper, "no_decay_1d")};
    struct trainer *t = trainer_open(f->dir, &o, &e);
    bool ok = t && trainer_prepare(t, b->groups, b->n, NULL, &e);
    expect(&f->s, "opens", ok, e.text);
    if (ok)
        return t;
    trainer_close(t);
    return NULL;
}

static const struct engine_param *param_named(const struct trainer *t, struct str name)
{
    const struct engine_param *list;
    size_t n = trainer_params(t, &list);
    for (size_t i = 0; i < n; i++)
        if (str_is(name, list[i].name))
            return &list[i];
    return NULL;
}

static double norm_of(const float *x, size_t n)
{
    return sqrt(engine_dot(x, x, n));
}

/* Gradients of the loss against {"loss", "grad_norm", "grads": {name: {l2, idx, val}}}. */
static void check_gradients(struct folder *f, const struct trainer *t, struct str want)
{
    struct str grads, name, o, v;
    size_t n, m;
    double global = number(want, "grad_norm", 0);
    float *g = arena_array(&f->arena, trainer_n(t), sizeof *g);
    trainer_get_grad(t, g);
    near(&f->s, "gradient norm", "all", trainer_grad_norm(t), global, tol_grad_rel * global);
    if (!json_get(want, "grads", &grads))
        return;
    for (struct json_iter it = json_iter(grads); json_next(&it, &name, &o);) {
        const struct engine_param *p = param_named(t, name);
        expect(&f->s, "names", p != NULL, "of a gradient");
        if (!p)
            continue;
        double l2 = number(o, "l2", 0);
        near(&f->s, "gradient l2", p->name, norm_of(g + p->offset, p->n), l2, tol_grad_rel * l2);
        if (!json_get(o, "idx", &v))
            continue;
        const int32_t *idx = integers(v, &f->arena, &n);
        const double *val = json_get(o, "val", &v) ? doubles(v, &f->arena, &m) : NULL;
        for (size_t i = 0; val && i < n; i++)
            near(&f->s, "gradient entry", p->name, (double)g[p->offset + (size_t)idx[i]], val[i],
                 tol_grad_entry * global);
    }
}

static bool run_backward(struct folder *f, struct trainer *t, struct batch *b)
{
    struct err e = ERR_NONE;
    b->loss = 0;
    bool ok = trainer_backward(t, b->groups, b->n, false, batch_loss, b, &e);
    expect(&f->s, "runs", ok, e.text);
    return ok;
}

static void check_ratios(struct folder *f, const struct batch *b, struct str want)
{
    struct str v, item;
    size_t n, i = 0;
    if (json_get(want, "ratios", &v)) {
        const double *r = doubles(v, &f->arena, &n);
        for (i = 0; i < n && i < b->n; i++)
            near(&f->s, "ratio", "of a row", b->ratio[i], r[i], tol_loss);
    }
    i = 0;
    if (json_get(want, "clipped", &v))
        for (struct json_iter it = json_iter(v); i < b->n && json_next(&it, NULL, &item); i++)
            expect(&f->s, "clipped", b->clipped[i] == str_is(item, "true"), "a row");
}

static void check_loss(struct folder *f, const char *part)
{
    struct str want;
    struct batch b;
    bool sft = strcmp(part, "sft") == 0;
    if (!json_get(f->expected, part, &want) ||
        !(sft ? read_sft_batch(f, want, &b) : read_gcpo_batch(f, &b))) {
        left_out(f, part);
        return;
    }
    struct trainer *t = open_trainer(f, &b, STR("{}"));
    if (t && run_backward(f, t, &b)) {
        near(&f->s, sft ? "sft loss" : "gcpo loss", part, b.loss, number(want, "loss", NAN),
             tol_loss);
        if (!sft)
            check_ratios(f, &b, want);
        check_gradients(f, t, want);
    }
    trainer_close(t);
}

/* ---- AdamW ---- */

static void check_weights(struct folder *f, const struct trainer *t, const float *before,
                          struct str weights, double tol_entry, double tol_delta)
{
    struct str name, o, v;
    size_t n, m;
    float *w = arena_array(&f->arena, trainer_n(t), sizeof *w);
    trainer_get_weights(t, w);
    for (struct json_iter it = json_iter(weights); json_next(&it, &name, &o);) {
        const struct engine_param *p = param_named(t, name);
        expect(&f->s, "names", p != NULL, "of a weight");
        if (!p)
            continue;
        float *delta = arena_array(&f->arena, p->n, sizeof *delta);
        for (size_t i = 0; i < p->n; i++)
            delta[i] = w[p->offset + i] - before[p->offset + i];
        double want = number(o, "delta_l2", 0);
        near(&f->s, "adamw delta", p->name, norm_of(delta, p->n), want, tol_delta * want);
        if (!json_get(o, "idx", &v))
            continue;
        const int32_t *idx = integers(v, &f->arena, &n);
        const double *val = json_get(o, "val", &v) ? doubles(v, &f->arena, &m) : NULL;
        for (size_t i = 0; val && i < n; i++)
            near(&f->s, "adamw weight", p->name, (double)w[p->offset + (size_t)idx[i]], val[i],
                 tol_entry);
    }
}

/* With a large eps the update is smooth in the gradient; else its first step is its sign,
 * and noise on tiny gradients moves single weights by up to the learning rate. */
static void check_adamw_case(struct folder *f, struct batch *b, struct str o)
{
    struct str hyper, trace, weights, step;
    if (!json_get(o, "hyper", &hyper) || !json_get(o, "trace", &trace) ||
        !json_get(o, "weights", &weights))
        return;
    double lr = number(hyper, "lr", 0);
    bool smooth = number(hyper, "eps", 0) > 1e-4;
    struct trainer *t = open_trainer(f, b, hyper);
    if (!t)
        return;
    float *before = arena_array(&f->arena, trainer_n(t), sizeof *before);
    trainer_get_weights(t, before);
    bool first = true, ok = true;
    for (struct json_iter it = json_iter(trace); ok && json_next(&it, NULL, &step);) {
        struct err e = ERR_NONE;
        struct trainer_step done;
        ok = run_backward(f, t, b) && trainer_step(t, lr, &done, &e);
        expect(&f->s, "runs", ok, e.text);
        /* After a step that is a sign, the later traces carry its noise. */
        double loose = first ? 1 : smooth ? 4 : 100;
        double norm = number(step, "grad_norm", NAN);
        if (!ok)
            break;
        near(&f->s, "adamw trace loss", "a step", b->loss, number(step, "loss", NAN),
             loose * tol_loss);
        near(&f->s, "adamw trace norm", "a step", done.grad_norm, norm,
             loose * tol_grad_rel * norm + 1e-12);
        first = false;
    }
    if (ok)
        check_weights(f, t, before, weights, smooth ? 3e-6 : 0.5 * lr, smooth ? 1e-3 : 2e-2);
    trainer_close(t);
}

static void check_adamw(struct folder *f)
{
    struct str all, o;
    struct batch b;
    if (!json_get(f->expected, "adamw", &all) || !read_gcpo_batch(f, &b)) {
        left_out(f, "adamw");
        return;
    }
    for (struct json_iter it = json_iter(all); json_next(&it, NULL, &o);)
        check_adamw_case(f, &b, o);
}

/* ---- folders ---- */

static struct str read_object(struct folder *f, const char *name, struct buf *text)
{
    struct err e = ERR_NONE;
    struct str v = {NULL, 0};
    char *path = path_join(f->dir, name);
    if (access(path, F_OK) == 0)
        expect(&f->s, "readable",
               file_read(path, JSON_MAX, text, &e) && json_check(buf_str(text), &v, &e), e.text);
    free(path);
    return v;
}

static bool check_folder(const char *root, const char *name, size_t number_of)
{
    struct folder f = {.s.where = name, .dir = path_join(root, name)};
    struct str e2e = read_object(&f, "e2e.json", &f.text[0]);
    if (e2e.n) {
        check_e2e(&f, e2e);
    } else {
        f.expected = read_object(&f, "expected.json", &f.text[0]);
        f.batch = read_object(&f, "batch.json", &f.text[1]);
        struct engine *g = open_engine(&f);
        if (g) {
            check_sequences(&f, g);
            check_greedy_part(&f, g);
            check_sampling(&f, g);
        }
        engine_close(g);
        check_loss(&f, "sft");
        check_loss(&f, "gcpo");
        check_adamw(&f);
    }
    numbers_print(&f.s, number_of);
    if (f.left_out[0])
        printf("%s: left out: %s\n", name, f.left_out);
    buf_free(&f.text[0]);
    buf_free(&f.text[1]);
    arena_free(&f.arena);
    free(f.dir);
    return f.s.differ == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    char *root = path_join(argc > 1 ? argv[1] : "../shared/data", "engine");
    DIR *d = opendir(root);
    char **names = NULL;
    size_t n = 0, bad = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (entry->d_name[0] == '.')
            continue;
        names = xrealloc(names, n + 1, sizeof *names);
        names[n++] = xstrdup(entry->d_name);
    }
    if (d)
        closedir(d);
    else
        printf("engine: absent, left out\n");
    if (n)
        qsort(names, n, sizeof *names, by_name);
    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++) {
        bad += !check_folder(root, names[i], i + 1);
        free(names[i]);
    }
    free(names);
    free(root);
    return bad > 0;
}

/* bench_update.c - update steps: tokens per second, share of peak, memory against its plan.
 *
 *     bench_update [-j N] [--shape NAME] [--rounds N] [--cpu] [--json] WORK ...
 *
 * WORK is  full:BxT         B sequences of T tokens
 *          ragged:BxT       the same, their lengths evenly spread over 25-100 % of T
 *          shared:PxGxM+N   P prompts of M tokens with G responses of N each
 * A step is the forward and the backward pass over all of it and one of AdamW;
 * the median of the rounds counts, after one that does not.  "padded" is the rate of a program
 * that fills every row up to the longest and computes a prompt for each of its responses. */
#define _DEFAULT_SOURCE
#include "base/mem.h"
#include "base/opt.h"
#include "base/rng.h"
#include "compute/backend.h"
#include "compute/ops.h"

#include "bench_model.h"

#include <sys/resource.h>

enum { ROUNDS_MAX = 99 };

struct options {
    uint64_t threads, rounds, memory, micro_tokens;
    const char *shape, *model;
    bool cpu, json, bf16;
};

static double now(const struct options *o)
{
    double s = seconds(o->cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
    return o->cpu ? s / (double)o->threads : s;
}

/* ---- the work ---- */

struct work {
    struct engine_group *groups;
    struct engine_row *rows;
    size_t n, n_rows;
    size_t tokens, padded; /* positions that go through the model: ours, and with padding */
};

static int32_t *random_tokens(const struct shape *s, uint64_t stream, size_t n)
{
    int32_t *t = xmalloc((n + 1) * sizeof *t);
    for (size_t i = 0; i < n; i++)
        t[i] = (int32_t)(rng_u64(1, stream, (uint32_t)i, 0) % (uint64_t)s->vocab);
    return t;
}

static void add_group(struct work *w, const struct shape *s, size_t prompt, size_t samples,
                      size_t response)
{
    struct engine_row *rows = w->rows + w->n_rows;
    w->groups[w->n] = (struct engine_group){random_tokens(s, w->n, prompt), prompt, rows, samples};
    for (size_t i = 0; i < samples; i++)
        rows[i] = (struct engine_row){.tokens = random_tokens(s, 1000000 + w->n_rows + i, response),
                                      .n = response};
    w->n++;
    w->n_rows += samples;
    w->tokens += prompt + samples * (response - 1);
}

static bool parse_work(const char *text, const struct shape *s, struct work *w)
{
    size_t b, t, g, m, n;
    char rest;
    bool ragged = sscanf(text, "ragged:%zux%zu%c", &b, &t, &rest) == 2;
    if (ragged || sscanf(text, "full:%zux%zu%c", &b, &t, &rest) == 2) {
        if (b < 1 || t < 4)
            return false;
        w->groups = xcalloc(b, sizeof *w->groups);
        w->rows = xcalloc(b, sizeof *w->rows);
        for (size_t i = 0; i < b; i++) {
            size_t length = ragged && b > 1 ? t / 4 + (t - t / 4) * (i * 7 % b) / (b - 1) : t;
            add_group(w, s, 1, 1, length - 1);
        }
        w->padded = b * t;
        return true;
    }
    if (sscanf(text, "shared:%zux%zux%zu+%zu%c", &b, &g, &m, &n, &rest) != 4 || b * g * m * n == 0)
        return false;
    w->groups = xcalloc(b, sizeof *w->groups);
    w->rows = xcalloc(b * g, sizeof *w->rows);
    for (size_t i = 0; i < b; i++)
        add_group(w, s, m, g, n);
    w->padded = b * g * (m + n);
    return true;
}

static void free_work(struct work *w)
{
    for (size_t i = 0; i < w->n_rows; i++)
        free((void *)(uintptr_t)w->rows[i].tokens);
    for (size_t i = 0; i < w->n; i++)
        free((void *)(uintptr_t)w->groups[i].prompt);
    free(w->rows);
    free(w->groups);
}

static bool loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                 double *dlogp, double *dentropy, struct err *e)
{
    const struct work *w = arg;
    (void)logp, (void)entropy, (void)dentropy, (void)e;
    for (size_t t = 0; t < w->groups[group].rows[row].n; t++)
        dlogp[t] = (group + row) % 2 ? 1e-3 : -1e-3;
    return true;
}

/* ---- measuring ---- */

static int rising(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double peak_of(const struct options *o)
{
    struct err e = ERR_NONE;
    struct backend_options b = {.threads = o->threads,
                                .precision = o->bf16 ? PRECISION_BF16 : PRECISION_EXACT};
    struct backend *d = backend_open(&b, &e);
    check(d != NULL, &e);
    double peak = d->op->peak_flops(d);
    backend_close(d);
    return peak;
}

static void measure(const struct options *o, const struct shape *s, const char *dir,
                    const char *name, double peak)
{
    struct err e = ERR_NONE;
    struct work w = {0};
    if (!parse_work(name, s, &w)) {
        err_set(&e, ERR_USAGE, "%s is no work (expected full:BxT, ragged:BxT or shared:PxGxM+N)",
                name);
        check(false, &e);
    }
    struct trainer_options to = {.engine = {.threads = o->threads,
                                            .memory_bytes = o->memory,
                                            .precision = o->bf16 ? ENGINE_BF16 : ENGINE_EXACT},
                                 .micro_tokens = o->micro_tokens,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .weight_decay = 0.01,
                                 .max_grad_norm = 1};
    struct trainer *t = trainer_open(dir, &to, &e);
    struct trainer_plan plan = {0};
    check(t && trainer_prepare(t, w.groups, w.n, &plan, &e), &e);
    double took[ROUNDS_MAX];
    for (uint64_t round = 0; round <= o->rounds; round++) {
        struct trainer_step step;
        double begin = now(o);
        check(trainer_backward(t, w.groups, w.n, false, loss, &w, &e), &e);
        check(trainer_step(t, 1e-6, &step, &e), &e);
        if (round || o->rounds == 1)
            took[round ? round - 1 : 0] = now(o) - begin;
        if (o->rounds == 1)
            break;
    }
    qsort(took, o->rounds, sizeof *took, rising);
    double median = took[o->rounds / 2];
    double flops = 6.0 * (double)trainer_info(t)->n_params * (double)w.tokens;
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    if (o->json)
        printf("{\"what\":\"update\",\"shape\":\"%s\",\"work\":\"%s\",\"threads\":%llu,"
               "\"ms\":%.2f,\"tokens_per_s\":%.1f,\"padded_tokens_per_s\":%.1f,\"gflops\":%.1f,"
               "\"share\":%.4f,\"plan_mib\":%.1f,\"peak_rss_mib\":%.1f,\"recomputed\":%s}\n",
               s->name, name, (unsigned long long)o->threads, 1e3 * median,
               (double)w.tokens / median, (double)w.padded / median, flops / median / 1e9,
               flops / median / peak, (double)plan.total / (1 << 20), (double)r.ru_maxrss / 1024,
               plan.recompute ? "true" : "false");
    else
        printf("update %-8s %-18s %9.1f ms %9.0f tok/s %7.1f GFLOP/s %5.1f %%  padded %9.0f tok/s  "
               "plan %.0f MiB, peak %.0f MiB%s\n",
               s->name, name, 1e3 * median, (double)w.tokens / median, flops / median / 1e9,
               100 * flops / median / peak, (double)w.padded / median,
               (double)plan.total / (1 << 20), (double)r.ru_maxrss / 1024,
               plan.recompute ? " (recomputed)" : "");
    fflush(stdout);
    trainer_close(t);
    free_work(&w);
}

int main(int argc, char **argv)
{
    static char *standard[] = {"full:8x256", "ragged:32x128", "shared:1x8x256+256", NULL};
    struct options o = {.threads = 1, .rounds = 5, .shape = "small"};
    struct opt opts[] = {OPT_COUNT('j', "threads", "N", &o.threads, 1, 1024, "threads"),
                         OPT_NEUTRAL(0, "shape", "NAME", &o.shape, "of the model"),
                         OPT_NEUTRAL('m', "model", "DIR", &o.model,
                                     "a folder for the model: made if need be, and kept"),
                         OPT_COUNT(0, "rounds", "N", &o.rounds, 1, ROUNDS_MAX,
                                   "of which the median counts; 1: also the first"),
                         OPT_COUNT(0, "micro-tokens", "N", &o.micro_tokens, 0, 1 << 30,
                                   "positions of a micro-batch; 0: as the trainer likes"),
                         OPT_SIZE(0, "memory", "SIZE", &o.memory, 0, UINT64_MAX,
                                  "all that may be used; 0: most of what is free"),
                         OPT_SWITCH(0, "cpu", &o.cpu, "processor time, not the wall's"),
                         OPT_SWITCH(0, "bf16", &o.bf16, "bf16 dot products"),
                         OPT_SWITCH(0, "json", &o.json, "one JSON object for each line"),
                         OPT_END};
    char **names = opt_parse(
        argc, argv,
        &(struct opt_spec){.operands = "[WORK ...]", .summary = "measure updates", .opts = opts});
    const struct shape *s = shape_named(o.shape);
    char scratch[] = "/tmp/gcpo-bench-XXXXXX";
    const char *dir = o.model ? o.model : mkdtemp(scratch);
    if (!s || !dir) {
        fprintf(stderr, "bench_update: no shape of that name, or no folder in /tmp\n");
        return 64;
    }
    double peak = peak_of(&o);
    if (!o.model || mkdir(dir, 0777) == 0)
        make_model(s, "f32", dir);
    for (char **n = names[0] ? names : standard; *n; n++)
        measure(&o, s, dir, *n, peak);
    if (!o.model)
        remove_model(dir);
    return 0;
}

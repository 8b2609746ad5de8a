/* bench_engine.c - rollout and update on random models of a few shapes.
 *
 *     bench_engine [rollout|update|all] [shape ...]        shapes: demo tiny small qwen0.5b
 *
 * Prints tokens per second and GFLOP/s; `make bench` runs it. */
#define _DEFAULT_SOURCE
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct shape {
    const char *name, *dtype;
    int32_t hidden, layers, heads, kv_heads, head_dim, ff, vocab;
    size_t groups, samples, prompt, response; /* rollout and update */
};

static const struct shape shapes[] = {
    {"demo", "f32", 64, 3, 4, 2, 16, 192, 80, 32, 8, 10, 30},
    {"tiny", "bf16", 128, 4, 4, 2, 32, 344, 512, 8, 8, 64, 64},
    {"tiny-f32", "f32", 128, 4, 4, 2, 32, 344, 512, 8, 8, 64, 64},
    {"tiny256", "bf16", 128, 4, 4, 2, 32, 344, 512, 8, 8, 256, 256},
    {"small", "bf16", 384, 8, 6, 2, 64, 1024, 4096, 4, 8, 64, 64},
    {"small-f32", "f32", 384, 8, 6, 2, 64, 1024, 4096, 4, 8, 64, 64},
    {"small256", "bf16", 384, 8, 6, 2, 64, 1024, 4096, 4, 8, 256, 64},
    {"qwen0.5b", "bf16", 896, 24, 14, 2, 64, 4864, 151936, 1, 8, 64, 16},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(bool ok, const struct err *e)
{
    if (ok)
        return;
    fprintf(stderr, "bench_engine: %s\n", e->text);
    exit(e->status);
}

static void make_model(const struct shape *s, const char *dir)
{
    struct err e = ERR_NONE;
    struct engine_init i = {.family = "qwen2",
                            .dtype = s->dtype,
                            .vocab_size = s->vocab,
                            .context = 4096,
                            .n_layers = s->layers,
                            .n_heads = s->heads,
                            .n_kv_heads = s->kv_heads,
                            .head_dim = s->head_dim,
                            .hidden = s->hidden,
                            .ff = s->ff,
                            .tied = true,
                            .rope_theta = 1e6,
                            .norm_eps = 1e-6,
                            .std_embed = 0.02,
                            .std_in = 0.02,
                            .seed = 1,
                            .bos = -1};
    check(engine_init(dir, &i, 0, &e), &e);
}

static int32_t *random_tokens(const struct shape *s, uint64_t stream, size_t n)
{
    int32_t *t = xmalloc(n * sizeof *t);
    for (size_t i = 0; i < n; i++)
        t[i] = (int32_t)(rng_u64(1, stream, (uint32_t)i, 0) % (uint64_t)s->vocab);
    return t;
}

/* ---- rollout ---- */

struct feed {
    const struct shape *s;
    size_t next;
    int32_t *prompts;
};

static bool feed_next(void *arg, struct gen_request *r, struct err *e)
{
    struct feed *f = arg;
    (void)e;
    if (f->next == f->s->groups)
        return false;
    *r = (struct gen_request){.prompt = f->prompts + f->next * f->s->prompt,
                              .n_prompt = f->s->prompt,
                              .n_samples = f->s->samples,
                              .key = f->next,
                              .max_tokens = f->s->response};
    f->next++;
    return true;
}

static bool feed_done(void *arg, const struct gen_group *g, struct err *e)
{
    (void)arg, (void)g, (void)e;
    return true;
}

static void rollout(const struct shape *s, const char *dir, const struct engine_options *o)
{
    struct err e = ERR_NONE;
    double opened = now();
    struct engine *g = engine_open(dir, o, &e);
    check(g != NULL, &e);
    opened = now() - opened;
    struct gen_options options = {.temperature = 1,
                                  .top_p = 1,
                                  .batch = getenv("BATCH") ? (size_t)atoi(getenv("BATCH"))
                                                           : s->groups * s->samples};
    struct gen_stats stats;
    double best = 1e9, cpu = 0;
    for (int round = 0; round < 4; round++) {
        struct feed f = {s, 0, random_tokens(s, 7, s->groups * s->prompt)};
        struct gen_callbacks c = {.next = feed_next, .done = feed_done, .arg = &f};
        double t = now(), k = cpu_now();
        check(engine_generate(g, &options, &c, &stats, &e), &e);
        t = now() - t;
        if (t < best)
            best = t, cpu = cpu_now() - k;
        free(f.prompts);
    }
    printf("rollout %-10s %4zu x %-4zu+%-4zu %9.0f tok/s %7.1f GFLOP/s  cpu %.2f  open %.0f ms\n",
           s->name, s->groups * s->samples, s->prompt, s->response, (double)stats.tokens / best,
           stats.flops / best / 1e9, cpu / best, 1e3 * opened);
    engine_close(g);
}

/* ---- update ---- */

static bool flat_loss(void *arg, size_t group, size_t row, const float *logp, const float *entropy,
                      double *dlogp, double *dentropy, struct err *e)
{
    const struct engine_group *groups = arg;
    (void)logp, (void)entropy, (void)dentropy, (void)e;
    for (size_t t = 0; t < groups[group].rows[row].n; t++)
        dlogp[t] = (row % 2 ? 1e-3 : -1e-3);
    return true;
}

static void update(const struct shape *s, const char *dir, const struct engine_options *o)
{
    struct err e = ERR_NONE;
    struct trainer_options to = {.engine = *o,
                                 .micro_tokens = getenv("MICRO") ? (size_t)atoi(getenv("MICRO"))
                                                                 : 0,
                                 .beta1 = 0.9,
                                 .beta2 = 0.999,
                                 .eps = 1e-8,
                                 .max_grad_norm = 1};
    struct trainer *t = trainer_open(dir, &to, &e);
    check(t != NULL, &e);
    struct engine_group *groups = xcalloc(s->groups, sizeof *groups);
    struct engine_row *rows = xcalloc(s->groups * s->samples, sizeof *rows);
    size_t tokens = 0, all = 0;
    for (size_t i = 0; i < s->groups; i++) {
        groups[i] = (struct engine_group){random_tokens(s, 50 + i, s->prompt), s->prompt,
                                          rows + i * s->samples, s->samples};
        for (size_t k = 0; k < s->samples; k++)
            rows[i * s->samples + k] = (struct engine_row){
                .tokens = random_tokens(s, 1000 + i * s->samples + k, s->response),
                .n = s->response};
        tokens += s->prompt + s->samples * (s->response - 1);
        all += s->samples * (s->prompt + s->response);
    }
    struct trainer_plan plan;
    check(trainer_prepare(t, groups, s->groups, &plan, &e), &e);
    double best = 1e9, cpu = 0;
    for (int round = 0; round < 3; round++) {
        struct trainer_step step;
        double w = now(), k = cpu_now();
        check(trainer_backward(t, groups, s->groups, false, flat_loss, groups, &e), &e);
        check(trainer_step(t, 1e-6, &step, &e), &e);
        w = now() - w;
        if (w < best)
            best = w, cpu = cpu_now() - k;
    }
    printf("update  %-10s %4zu x %-4zu+%-4zu %9.0f tok/s %7.1f GFLOP/s  cpu %.2f  as padded %.0f "
           "tok/s%s\n",
           s->name, s->groups * s->samples, s->prompt, s->response, (double)tokens / best,
           6.0 * (double)trainer_info(t)->n_params * (double)tokens / best / 1e9, cpu / best,
           (double)all / best, plan.recompute ? "  (recomputed)" : "");
    trainer_close(t);
    for (size_t i = 0; i < s->groups * s->samples; i++)
        free((void *)(uintptr_t)rows[i].tokens);
    for (size_t i = 0; i < s->groups; i++)
        free((void *)(uintptr_t)groups[i].prompt);
    free(rows);
    free(groups);
}

static void remove_model(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    struct engine_options o = {.threads = getenv("THREADS") ? (size_t)atoi(getenv("THREADS")) : 2,
                               .device = getenv("DEVICE"),
                               .precision = getenv("BF16") ? ENGINE_BF16 : ENGINE_EXACT};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        bool wanted = argc <= 2 && strcmp(s->name, "qwen0.5b") != 0;
        for (int k = 2; k < argc; k++)
            wanted = wanted || strcmp(argv[k], s->name) == 0;
        if (!wanted)
            continue;
        char dir[] = "/tmp/gcpo-bench-XXXXXX";
        if (!mkdtemp(dir))
            return 71;
        make_model(s, dir);
        if (strcmp(what, "update") != 0)
            rollout(s, dir, &o);
        if (strcmp(what, "rollout") != 0)
            update(s, dir, &o);
        remove_model(dir);
    }
    return 0;
}

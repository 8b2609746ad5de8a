/* modeldir_plan.c - what a training run will need; see modeldir.h. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "task/modeldir.h"

#include <stdlib.h>
#include <string.h>

/* The trial is small: a step has more rows than it, and runs no slower. */
enum { TRIAL_SAMPLES = 8, TRIAL_TOKENS = 32 };

/* A backward pass costs two forward passes, so an update three. */
enum { PASSES_OF_UPDATE = 3 };

struct trial {
    struct gen_request request;
    bool asked;
    struct engine_row rows[TRIAL_SAMPLES]; /* the samples */
    int32_t tokens[TRIAL_SAMPLES][TRIAL_TOKENS];
    float logp[TRIAL_SAMPLES][TRIAL_TOKENS];
    size_t n_tokens;
};

static bool next(void *arg, struct gen_request *r, struct err *e)
{
    (void)e;
    struct trial *t = arg;
    if (t->asked)
        return false;
    t->asked = true;
    *r = t->request;
    return true;
}

static bool done(void *arg, const struct gen_group *g, struct err *e)
{
    (void)e;
    struct trial *t = arg;
    for (size_t i = 0; i < g->n_samples; i++) {
        size_t n = g->samples[i].n;
        memcpy(t->tokens[i], g->samples[i].tokens, n * sizeof **t->tokens);
        t->rows[i] = (struct engine_row){.tokens = t->tokens[i], .n = n, .logp = t->logp[i]};
        t->n_tokens += n;
    }
    return true;
}

/* Seconds for a token sampled and a token scored. */
static bool measure(const char *dir, const struct modeldir_plan_options *o, double *sample_s,
                    double *score_s, struct err *e)
{
    const int32_t prompt[] = {0};
    const struct engine_options eo = {0};
    const struct gen_options go = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    struct trial t = {.request = {.prompt = prompt, .n_prompt = 1}};
    const struct gen_callbacks c = {next, done, NULL, &t};
    t.request.n_samples = (size_t)(o->samples < TRIAL_SAMPLES ? o->samples : TRIAL_SAMPLES);
    t.request.max_tokens = (size_t)(o->max_tokens < TRIAL_TOKENS ? o->max_tokens : TRIAL_TOKENS);
    struct engine *engine = engine_open(dir, &eo, e);
    if (!engine)
        return false;
    double start = clock_s();
    bool ok = engine_generate(engine, &go, &c, NULL, e);
    double sampled = clock_s(), n = t.n_tokens ? (double)t.n_tokens : 1;
    struct engine_group group = {prompt, 1, t.rows, t.request.n_samples};
    ok = ok && engine_score(engine, &group, 1, e); /* as an update would */
    *sample_s = (sampled - start) / n;
    *score_s = (clock_s() - sampled) / n;
    engine_close(engine);
    return ok;
}

static void put_time(struct buf *b, double s)
{
    if (s < 120)
        buf_printf(b, "%.1f s", s);
    else if (s < 7200)
        buf_printf(b, "%.1f min", s / 60);
    else
        buf_printf(b, "%.1f h", s / 3600);
}

static void put_text(struct buf *b, const struct engine_info *i,
                     const struct modeldir_plan_options *o, double sample_s, double score_s,
                     uint64_t moments)
{
    double tokens = (double)o->prompts * (double)o->samples * (double)o->max_tokens;
    double rollout = tokens * sample_s, update = tokens * score_s * PASSES_OF_UPDATE;
    char a[32], c[32];
    buf_printf(b,
               "a step of %llu prompts with %llu responses of at most %llu tokens takes at most\n",
               (unsigned long long)o->prompts, (unsigned long long)o->samples,
               (unsigned long long)o->max_tokens);
    buf_puts(b, "  time    rollout ");
    put_time(b, rollout);
    buf_puts(b, ", update ");
    put_time(b, update);
    buf_printf(
        b, " (measured with %.0f tokens/s)\n  memory  rollout %s", 1 / sample_s,
        modeldir_bytes_text(engine_rollout_bytes(i, ENGINE_KV_F32, o->samples, o->max_tokens), a));
    buf_printf(b, ", update %s\n", modeldir_bytes_text(engine_update_bytes(i, o->max_tokens), a));
    buf_printf(b, "  disk    weights %s, optimizer's state %s, records %s\n",
               modeldir_bytes_text(i->weights_bytes, a), modeldir_bytes_text(moments, c),
               modeldir_bytes_text((uint64_t)tokens * 12, (char[32]){0}));
    if (o->steps) {
        buf_printf(b, "%llu steps take at most ", (unsigned long long)o->steps);
        put_time(b, (double)o->steps * (rollout + update));
        buf_putc(b, '\n');
    }
}

/* What was measured and what a sequence of max_tokens needs, for calculations of one's own. */
static void put_json(struct buf *b, const struct engine_info *i,
                     const struct modeldir_plan_options *o, double sample_s, double score_s,
                     uint64_t moments)
{
    buf_puts(b, "{\"sample_tokens_per_s\":");
    json_put_double(b, 1 / sample_s);
    buf_puts(b, ",\"score_tokens_per_s\":");
    json_put_double(b, 1 / score_s);
    buf_printf(
        b,
        ",\"parameters\":%llu,\"weights_bytes\":%llu,\"state_bytes\":%llu,"
        "\"rollout_bytes\":%llu,\"update_bytes\":%llu}\n",
        (unsigned long long)i->n_params, (unsigned long long)i->weights_bytes,
        (unsigned long long)moments,
        (unsigned long long)engine_rollout_bytes(i, ENGINE_KV_F32, o->samples, o->max_tokens),
        (unsigned long long)engine_update_bytes(i, o->max_tokens));
}

bool modeldir_plan(const char *dir, const struct modeldir_plan_options *o, struct err *e)
{
    struct engine_info i;
    double sample_s, score_s;
    if (!engine_inspect(dir, &i, NULL, e) || !measure(dir, o, &sample_s, &score_s, e))
        return false;
    uint64_t moments = i.n_params * 4 * (strcmp(i.dtype, "f32") == 0 ? 2 : 3); /* and masters */
    struct buf b = {0};
    if (o->json)
        put_json(&b, &i, o, sample_s, score_s, moments);
    else
        put_text(&b, &i, o, sample_s, score_s, moments);
    bool ok = outfile_put(o->out, b.p, b.n, e);
    buf_free(&b);
    return ok;
}

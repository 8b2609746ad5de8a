/* generate.c - engine_generate: continuous batching over shared prompts.
 *
 * Requests wait in the order in which they came; a sample is a sequence of its
 * own.  All active sequences are older than all waiting ones: sequences start
 * from the front of the line, and when the caches are full the youngest active
 * one goes back to it and is computed again later, to the same bits.  So the
 * active ones stand in order, samples of one prompt side by side.
 *
 * A prompt is computed once for all its samples.  The first token of every
 * sample is drawn right then, from the one row of logits they share. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/opened.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16 }; /* sequences read ahead, in batches */

enum state { WAITING, ACTIVE, DONE };

struct group;

struct seq {
    struct group *g;
    struct gen_sample *out;
    int32_t *tokens;
    float *logprobs;
    struct page_run own; /* positions of the response */
    size_t n;            /* tokens drawn; all but the last are in the caches when active */
    uint32_t sample;
    enum state state;
    struct seq *next; /* in the line */
};

struct group {
    struct gen_request r;
    uint64_t stream;
    struct page_run prompt;
    bool drawn; /* first tokens are there */
    size_t n_active, n_done;
    struct seq *seqs;
    struct gen_sample *samples;
    int32_t *tokens;
    float *logprobs;
    struct group *next;
};

struct job {
    struct engine *g;
    struct runner *r;
    const struct gen_options *o;
    const struct gen_callbacks *c;
    struct gen_stats stats;
    struct err *e;
    size_t batch;
    int32_t limit;
    bool penalty, exhausted;
    struct group *groups, **groups_end;
    struct seq *line, **line_end;
    size_t n_line, n_outstanding;
    struct seq **active;
    size_t n_active;
    struct sample_row *rows;
    struct sample_out *draws;
    int32_t *ends;          /* rows of the next pass that go to the head */
    struct group **drawers; /* in prefill: the groups whose prompts end there */
    size_t n_ends;
};

/* ---- groups ---- */

static void line_push_back(struct job *j, struct seq *s)
{
    s->next = NULL;
    *j->line_end = s;
    j->line_end = &s->next;
    j->n_line++;
}

static void line_push_front(struct job *j, struct seq *s)
{
    s->next = j->line;
    if (!j->line)
        j->line_end = &s->next;
    j->line = s;
    j->n_line++;
}

/* The first that still waits; those that ended while waiting leave here. */
static struct seq *line_front(struct job *j)
{
    while (j->line && j->line->state == DONE) {
        j->line = j->line->next;
        if (!j->line)
            j->line_end = &j->line;
    }
    return j->line;
}

static void line_pop(struct job *j)
{
    j->line = j->line->next;
    if (!j->line)
        j->line_end = &j->line;
    j->n_line--;
}

static void group_free(struct job *j, struct group *g)
{
    for (size_t i = 0; i < g->r.n_samples; i++) {
        page_run_clear(&j->r->pages, &g->seqs[i].own);
        page_run_free(&g->seqs[i].own);
    }
    page_run_clear(&j->r->pages, &g->prompt);
    page_run_free(&g->prompt);
    free(g->seqs);
    free(g->samples);
    free(g->tokens);
    free(g->logprobs);
    free(g);
}

/* With a penalty, a sample's tokens follow a copy of the prompt: what it has seen, in one piece. */
static struct group *group_new(struct job *j, const struct gen_request *r)
{
    struct group *g = xcalloc(1, sizeof *g);
    size_t before = j->penalty ? r->n_prompt : 0, width = before + r->max_tokens;
    g->r = *r;
    g->stream = rng_mix(r->key, r->round);
    g->seqs = xcalloc(r->n_samples, sizeof *g->seqs);
    g->samples = xcalloc(r->n_samples, sizeof *g->samples);
    g->tokens = xcalloc(r->n_samples, width * sizeof *g->tokens);
    g->logprobs = xcalloc(r->n_samples, r->max_tokens * sizeof *g->logprobs);
    for (size_t i = 0; i < r->n_samples; i++) {
        struct seq *s = &g->seqs[i];
        int32_t *seen = g->tokens + i * width;
        if (before)
            memcpy(seen, r->prompt, before * sizeof *seen);
        *s = (struct seq){.g = g,
                          .out = &g->samples[i],
                          .tokens = seen + before,
                          .logprobs = g->logprobs + i * r->max_tokens,
                          .sample = r->first_sample + (uint32_t)i};
        page_run_reserve(&s->own, r->max_tokens); /* decoding allocates nothing */
        line_push_back(j, s);
    }
    *j->groups_end = g;
    j->groups_end = &g->next;
    j->n_outstanding += r->n_samples;
    return g;
}

static bool check_request(struct job *j, const struct gen_request *r)
{
    const size_t most = ENGINE_POSITIONS_MAX;
    if (r->n_prompt < 1 || r->n_samples < 1 || r->max_tokens < 1)
        return err_set(j->e, ERR_DATA, "a prompt is empty, or nothing is asked of it");
    if (r->n_prompt > most || r->max_tokens > most - r->n_prompt)
        return err_set(j->e, ERR_DATA,
                       "prompt and response are too long (seen %zu and %zu tokens, at most %zu)",
                       r->n_prompt, r->max_tokens, most);
    if (r->n_samples > most || r->first_sample > UINT32_MAX - r->n_samples)
        return err_set(j->e, ERR_DATA, "too many samples (seen %zu)", r->n_samples);
    size_t pages = pages_for(r->n_prompt) + pages_for(r->max_tokens);
    if (pages > j->r->pages.n_pages) {
        char need[32], have[32];
        uint64_t page = runner_page_bytes(&j->g->model, j->g->kv);
        return err_set(j->e, ERR_DEVICE,
                       "the caches of one sequence of %zu tokens do not fit into the memory "
                       "(%s needed, %s left for caches)",
                       r->n_prompt + r->max_tokens, bytes_text(page * pages, need),
                       bytes_text(page * j->r->pages.n_pages, have));
    }
    return check_ids(&j->g->c.info, r->prompt, r->n_prompt, "prompt", j->e);
}

static bool wants_requests(const struct job *j)
{
    return !j->exhausted && j->n_line < j->batch - j->n_active &&
           (!j->groups || j->n_outstanding < WINDOW * j->batch);
}

/* Reads requests until the free places can be filled. */
static bool pull(struct job *j)
{
    while (wants_requests(j)) {
        struct gen_request r = {.n_samples = 1};
        if (!j->c->next(j->c->arg, &r, j->e)) {
            j->exhausted = true;
            return j->e->status == 0;
        }
        if (!check_request(j, &r) ||
            !model_reserve_positions(&j->g->model, r.n_prompt + r.max_tokens, j->e))
            return false;
        group_new(j, &r);
    }
    return true;
}

/* Hands over whole groups from the front of the queue. */
static bool deliver(struct job *j)
{
    while (j->groups && j->groups->n_done == j->groups->r.n_samples) {
        struct group *g = j->groups;
        struct gen_group out = {g->r.user, g->samples, g->r.n_samples};
        if (!j->c->done(j->c->arg, &out, j->e))
            return false;
        j->groups = g->next;
        if (!j->groups)
            j->groups_end = &j->groups;
        j->n_outstanding -= g->r.n_samples;
        line_front(j); /* lets go of this group's members */
        group_free(j, g);
    }
    return true;
}

/* ---- drawing ---- */

static struct sample_row row_for(const struct job *j, const struct seq *s)
{
    const struct gen_options *o = j->o;
    const struct gen_request *r = &s->g->r;
    return (struct sample_row){
        .temperature = o->temperature,
        .top_p = o->top_p,
        .min_p = o->min_p,
        .penalty = j->penalty ? o->repetition_penalty : 1,
        .top_k = o->top_k,
        .limit = j->limit,
        .u = rng_uniform(o->seed, s->g->stream, s->sample, (uint32_t)s->n),
        .seen = j->penalty ? s->tokens - r->n_prompt : NULL,
        .n_seen = j->penalty ? r->n_prompt + s->n : 0,
    };
}

static void finish(struct job *j, struct seq *s, enum gen_finish why)
{
    struct group *g = s->g;
    *s->out = (struct gen_sample){s->tokens, s->logprobs, s->n, why};
    page_run_clear(&j->r->pages, &s->own);
    if (s->state == ACTIVE)
        g->n_active--;
    else
        j->n_line--;
    s->state = DONE;
    if (++g->n_done == g->r.n_samples)
        page_run_clear(&j->r->pages, &g->prompt);
}

static void append(struct job *j, struct seq *s, struct sample_out draw)
{
    s->tokens[s->n] = draw.id;
    s->logprobs[s->n] = draw.logp;
    s->n++;
    j->stats.tokens++;
    for (size_t i = 0; i < j->o->n_stop; i++)
        if (j->o->stop[i] == draw.id) {
            finish(j, s, GEN_STOP);
            return;
        }
    if (s->n == s->g->r.max_tokens)
        finish(j, s, GEN_LENGTH);
}

/* The first tokens of all samples of a group, from one row of logits. */
static void draw_first(struct job *j, struct group *g, size_t logit_row)
{
    struct backend *b = j->g->b;
    size_t v = (size_t)j->g->c.config.vocab;
    size_t most = j->batch < j->r->logit_rows ? j->batch : j->r->logit_rows;
    for (size_t from = 0, n; from < g->r.n_samples; from += n) {
        n = g->r.n_samples - from < most ? g->r.n_samples - from : most;
        for (size_t i = 0; i < n; i++)
            j->rows[i] = row_for(j, &g->seqs[from + i]);
        b->op->sample(b, &(struct sample){.m = n,
                                          .v = v,
                                          .logits = {j->r->logits + logit_row * v, 0},
                                          .rows = j->rows,
                                          .out = j->draws});
        for (size_t i = 0; i < n; i++)
            append(j, &g->seqs[from + i], j->draws[i]);
    }
    g->drawn = true;
}

/* ---- prefill ---- */

/* What has been collected goes through the model; the prompts that end in it draw. */
static void run_prefill(struct job *j)
{
    struct runner *r = j->r;
    size_t n_ends = j->n_ends;
    j->n_ends = 0;
    runner_run(r);
    if (n_ends == 0)
        return;
    runner_ends(r, j->ends, n_ends);
    for (size_t from = 0; from < n_ends; from += r->logit_rows) {
        size_t n = n_ends - from < r->logit_rows ? n_ends - from : r->logit_rows;
        runner_logits(r, from, n);
        j->stats.flops += (double)n * runner_head_flops(&j->g->model);
        for (size_t i = 0; i < n; i++)
            draw_first(j, j->drawers[from + i], i);
    }
}

/* Positions [0, n) of a run, through as many passes as it takes. */
static void prefill_run(struct job *j, struct group *g, const struct page_run *shared,
                        size_t n_shared, const struct page_run *own, const int32_t *tokens,
                        size_t n)
{
    for (size_t from = 0; from < n;) {
        size_t took = runner_add(j->r, shared, n_shared, own, tokens, from, n);
        from += took;
        j->stats.flops += (double)took * runner_row_flops(&j->g->model, (double)(n_shared + from));
        if (from == n && !shared && !g->drawn) {
            j->ends[j->n_ends] = (int32_t)j->r->m - 1;
            j->drawers[j->n_ends++] = g;
        }
        if (j->r->m == j->r->rows)
            run_prefill(j);
    }
}

/* The sequences active[from..) have just started: their prompts, if nobody has them, and what
 * they had drawn before they were dropped. */
static void prefill(struct job *j, size_t from)
{
    for (size_t i = from; i < j->n_active; i++) {
        struct seq *s = j->active[i];
        struct group *g = s->g;
        if (!g->prompt.n) {
            bool ok = page_run_grow(&j->r->pages, &g->prompt, g->r.n_prompt);
            ASSERT(ok);
            if (g->drawn)
                j->stats.recomputed += g->r.n_prompt;
            else
                j->stats.prompt_tokens += g->r.n_prompt;
            prefill_run(j, g, NULL, 0, &g->prompt, g->r.prompt, g->r.n_prompt);
        }
        if (s->n > 1) {
            bool ok = page_run_grow(&j->r->pages, &s->own, s->n - 1);
            ASSERT(ok);
            j->stats.recomputed += s->n - 1;
            prefill_run(j, g, &g->prompt, g->r.n_prompt, &s->own, s->tokens, s->n - 1);
        }
    }
    if (j->r->m)
        run_prefill(j);
}

static void sweep_active(struct job *j)
{
    size_t kept = 0;
    for (size_t i = 0; i < j->n_active; i++)
        if (j->active[i]->state == ACTIVE)
            j->active[kept++] = j->active[i];
    j->n_active = kept;
}

/* Gives back the pages of the youngest prompt that nobody uses now. */
static bool evict_prompt(struct job *j, const struct group *except)
{
    struct group *victim = NULL;
    for (struct group *g = j->groups; g; g = g->next)
        if (g != except && g->prompt.n && g->n_active == 0)
            victim = g;
    if (!victim)
        return false;
    page_run_clear(&j->r->pages, &victim->prompt);
    return true;
}

/* Pages that a waiting sequence takes when it starts.  A prompt with active samples is in the
 * caches, or will be when this round is over. */
static size_t pages_to_start(const struct seq *s)
{
    const struct group *g = s->g;
    bool ready = g->prompt.n || g->n_active;
    return (ready ? 0 : pages_for(g->r.n_prompt)) + pages_for(s->n ? s->n : 1);
}

/* Starts sequences while there are places and pages, keeping some pages for those that run. */
static void admit(struct job *j)
{
    size_t from = j->n_active, promised = 0;
    struct seq *s;
    while (j->n_active < j->batch && (s = line_front(j))) {
        size_t spare = j->n_active ? j->n_active / 4 + 1 : 0;
        size_t need = promised + pages_to_start(s);
        while (j->r->pages.n_free < need + spare && evict_prompt(j, s->g))
            ;
        if (j->r->pages.n_free < need + spare)
            break;
        promised = need;
        line_pop(j);
        s->state = ACTIVE;
        s->g->n_active++;
        j->active[j->n_active++] = s;
    }
    if (j->n_active > from) {
        prefill(j, from);
        sweep_active(j);
    }
}

/* ---- decoding ---- */

static void drop_youngest(struct job *j)
{
    struct seq *s = j->active[--j->n_active];
    page_run_clear(&j->r->pages, &s->own);
    s->state = WAITING;
    s->g->n_active--;
    line_push_front(j, s);
    j->stats.dropped++;
}

/* Every active sequence gets room for its next position; the youngest make way. */
static void make_room(struct job *j)
{
    for (size_t i = 0; i < j->n_active; i++) {
        struct seq *s = j->active[i];
        while (s->state == ACTIVE && !page_run_grow(&j->r->pages, &s->own, s->n))
            if (!evict_prompt(j, NULL))
                drop_youngest(j);
    }
}

static bool deliver_meanwhile(void *arg)
{
    return deliver(arg);
}

/* What was finished by the step before is handed over while a device of its own works on this one. */
static bool step(struct job *j)
{
    struct runner *r = j->r;
    size_t n = j->n_active;
    for (size_t i = 0; i < n; i++) {
        struct seq *s = j->active[i];
        struct group *g = s->g;
        runner_add(r, &g->prompt, g->r.n_prompt, &s->own, s->tokens, s->n - 1, s->n);
        j->rows[i] = row_for(j, s);
        j->stats.flops += runner_row_flops(&j->g->model, (double)(g->r.n_prompt + s->n));
    }
    if (!runner_step(r, j->rows, j->draws, deliver_meanwhile, j))
        return false;
    for (size_t i = 0; i < n; i++)
        append(j, j->active[i], j->draws[i]);
    j->stats.flops += (double)n * runner_head_flops(&j->g->model);
    j->stats.steps++;
    sweep_active(j);
    return true;
}

static bool run(struct job *j)
{
    for (;;) {
        /* Who sends requests may wait for what is done. */
        if (wants_requests(j) && !deliver(j))
            return false;
        if (!pull(j))
            return false;
        admit(j);
        make_room(j);
        if (j->n_active) {
            if (!step(j))
                return false;
            if (j->c->tick)
                j->c->tick(j->c->arg, &j->stats);
        } else if (!deliver(j)) {
            return false;
        } else if (!j->groups && j->exhausted) {
            return true;
        }
    }
}

/* ---- the door ---- */

bool engine_generate(struct engine *g, const struct gen_options *o, const struct gen_callbacks *c,
                     struct gen_stats *stats, struct err *e)
{
    size_t batch = o->batch ? o->batch : engine_batch(g);
    if (!check_options(g, o, e) || !engine_need_runner(g, batch, e))
        return false;
    struct job j = {.g = g,
                    .r = &g->runner,
                    .o = o,
                    .c = c,
                    .e = e,
                    .batch = batch,
                    .limit = o->vocab_limit ? o->vocab_limit : g->c.info.vocab_size,
                    .penalty = o->repetition_penalty != 0 && o->repetition_penalty != 1};
    j.groups_end = &j.groups;
    j.line_end = &j.line;
    j.active = xcalloc(batch, sizeof *j.active);
    j.rows = xcalloc(batch, sizeof *j.rows);
    j.draws = xcalloc(batch, sizeof *j.draws);
    j.ends = xcalloc(g->runner.rows, sizeof *j.ends);
    j.drawers = xcalloc(g->runner.rows, sizeof *j.drawers);
    bool ok = run(&j);
    while (j.groups) {
        struct group *next = j.groups->next;
        group_free(&j, j.groups);
        j.groups = next;
    }
    free(j.active);
    free(j.rows);
    free(j.draws);
    free(j.ends);
    free(j.drawers);
    if (stats)
        *stats = j.stats;
    return ok;
}

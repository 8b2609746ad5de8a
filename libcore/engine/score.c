/* score.c - engine_score: log-probabilities of given responses; and the two
 * functions that show logits and distributions for tests. */
#include "base/mem.h"
#include "engine/opened.h"

#include <stdlib.h>
#include <string.h>

/* Where the result of a target goes. */
struct place {
    float *logp, *entropy; /* may be NULL */
};

struct scorer {
    struct engine *g;
    struct runner *r;
    struct err *e;
    struct page_run prompt;
    struct page_run *own; /* of the rows in the batch */
    size_t n_own, cap_own;
    int32_t *ends;
    size_t n_ends;
    struct head_target *targets;
    struct place *places;
    size_t n_targets, cap_targets;
    float *logp;
    struct head_row *rows;
    bool entropy;
};

static void add_target(struct scorer *s, int32_t id, struct place place)
{
    if (s->n_targets == s->cap_targets) {
        s->cap_targets = s->cap_targets ? 2 * s->cap_targets : 1024;
        s->targets = xrealloc(s->targets, s->cap_targets, sizeof *s->targets);
        s->places = xrealloc(s->places, s->cap_targets, sizeof *s->places);
        s->logp = xrealloc(s->logp, s->cap_targets, sizeof *s->logp);
    }
    s->targets[s->n_targets] = (struct head_target){(int32_t)s->n_ends - 1, id};
    s->places[s->n_targets++] = place;
    s->entropy = s->entropy || place.entropy;
}

static void run_head(struct scorer *s, size_t from, size_t n_rows, size_t t, size_t n_targets)
{
    struct backend *b = s->g->b;
    struct rows x = {s->r->ends.p + from * s->r->ends.stride, s->r->ends.stride};
    for (size_t i = t; i < t + n_targets; i++)
        s->targets[i].row -= (int32_t)from;
    b->op->head(b, &(struct head){.w = s->g->model.head,
                                  .m = n_rows,
                                  .x = x,
                                  .targets = s->targets + t,
                                  .n_targets = n_targets,
                                  .logp = s->logp + t,
                                  .rows = s->rows,
                                  .entropy = s->entropy});
    for (size_t i = t; i < t + n_targets; i++) {
        if (s->places[i].logp)
            *s->places[i].logp = s->logp[i];
        if (s->places[i].entropy)
            *s->places[i].entropy = (float)s->rows[s->targets[i].row].entropy;
    }
}

/* The batch goes through the model and its targets through the head. */
static void flush(struct scorer *s)
{
    if (s->r->m == 0)
        return;
    runner_run(s->r);
    if (s->n_ends)
        runner_ends(s->r, s->ends, s->n_ends);
    size_t most = s->r->logit_rows, t = 0;
    for (size_t from = 0; from < s->n_ends; from += most) {
        size_t n = s->n_ends - from < most ? s->n_ends - from : most, first = t;
        while (t < s->n_targets && (size_t)s->targets[t].row < from + n)
            t++;
        run_head(s, from, n, first, t - first);
    }
    s->n_ends = s->n_targets = 0;
    s->entropy = false;
}

/* Rows that are through no longer need their keys. */
static void release_rows(struct scorer *s)
{
    flush(s);
    while (s->n_own) {
        struct page_run *r = &s->own[--s->n_own];
        page_run_clear(&s->r->pages, r);
        page_run_free(r);
    }
}

static bool take_pages(struct scorer *s, struct page_run *run, size_t positions)
{
    if (page_run_grow(&s->r->pages, run, positions))
        return true;
    release_rows(s);
    if (page_run_grow(&s->r->pages, run, positions))
        return true;
    char need[32], have[32];
    uint64_t page = runner_page_bytes(&s->g->model, s->g->kv);
    return err_set(s->e, ERR_DEVICE,
                   "the caches of %zu positions do not fit into the memory (%s needed, %s left)",
                   positions, bytes_text(page * pages_for(positions), need),
                   bytes_text(page * s->r->pages.n_free, have));
}

static struct place place_of(const struct engine_row *row, size_t token)
{
    return (struct place){row->logp ? row->logp + token : NULL,
                          row->entropy ? row->entropy + token : NULL};
}

/* The last row of a prompt is followed by the first token of every response. */
static void add_first_tokens(struct scorer *s, const struct engine_group *g)
{
    s->ends[s->n_ends++] = (int32_t)s->r->m - 1;
    for (size_t i = 0; i < g->n_rows; i++)
        if (g->rows[i].n)
            add_target(s, g->rows[i].tokens[0], place_of(&g->rows[i], 0));
}

static bool score_prompt(struct scorer *s, const struct engine_group *g)
{
    if (!take_pages(s, &s->prompt, g->n_prompt))
        return false;
    for (size_t from = 0; from < g->n_prompt;) {
        from += runner_add(s->r, NULL, 0, &s->prompt, g->prompt, from, g->n_prompt);
        if (from == g->n_prompt)
            add_first_tokens(s, g);
        if (s->r->m == s->r->rows)
            flush(s);
    }
    return true;
}

static bool score_row(struct scorer *s, const struct engine_group *g, const struct engine_row *row)
{
    size_t n = row->n ? row->n - 1 : 0; /* the last token is only a target */
    struct page_run run = {0};
    if (n == 0)
        return true;
    if (!take_pages(s, &run, n))
        return false;
    if (s->n_own == s->cap_own) {
        s->cap_own = s->cap_own ? 2 * s->cap_own : 64;
        s->own = xrealloc(s->own, s->cap_own, sizeof *s->own);
    }
    s->own[s->n_own++] = run;
    for (size_t from = 0; from < n;) {
        size_t at = s->r->m;
        size_t took = runner_add(s->r, &s->prompt, g->n_prompt, &run, row->tokens, from, n);
        for (size_t i = 0; i < took; i++) {
            s->ends[s->n_ends++] = (int32_t)(at + i);
            add_target(s, row->tokens[from + i + 1], place_of(row, from + i + 1));
        }
        from += took;
        if (s->r->m == s->r->rows)
            flush(s);
    }
    return true;
}

static bool score_group(struct scorer *s, const struct engine_group *g)
{
    size_t used = 0;
    for (size_t i = 0; i < g->n_rows; i++)
        used += g->rows[i].n > 0;
    if (!used)
        return true;
    bool ok = score_prompt(s, g);
    for (size_t i = 0; ok && i < g->n_rows; i++)
        ok = score_row(s, g, &g->rows[i]);
    return ok;
}

static bool check_group(const struct engine_info *info, const struct engine_group *g,
                        size_t *longest, struct err *e)
{
    const size_t most = ENGINE_POSITIONS_MAX;
    if (g->n_prompt < 1)
        return err_set(e, ERR_DATA, "a prompt is empty");
    if (g->n_prompt > most)
        return err_set(e, ERR_DATA, "a prompt is too long (seen %zu tokens, at most %zu)",
                       g->n_prompt, most);
    if (!check_ids(info, g->prompt, g->n_prompt, "prompt", e))
        return false;
    if (g->n_prompt > *longest)
        *longest = g->n_prompt;
    for (size_t i = 0; i < g->n_rows; i++) {
        size_t n = g->rows[i].n;
        if (n > most - g->n_prompt)
            return err_set(e, ERR_DATA,
                           "prompt and response are too long (seen %zu tokens, at most %zu)",
                           g->n_prompt + n, most);
        if (!check_ids(info, g->rows[i].tokens, n, "response", e))
            return false;
        if (g->n_prompt + n > *longest)
            *longest = g->n_prompt + n;
    }
    return true;
}

bool check_groups(const struct engine_info *info, const struct engine_group *groups,
                  size_t n_groups, size_t *longest, struct err *e)
{
    *longest = 0;
    for (size_t i = 0; i < n_groups; i++)
        if (!check_group(info, &groups[i], longest, e))
            return false;
    return true;
}

bool engine_score(struct engine *g, const struct engine_group *groups, size_t n_groups,
                  struct err *e)
{
    size_t longest;
    if (!check_groups(&g->c.info, groups, n_groups, &longest, e) ||
        !engine_need_runner(g, RUN_BATCH, e) || !model_reserve_positions(&g->model, longest, e))
        return false;
    struct scorer s = {.g = g, .r = &g->runner, .e = e};
    s.ends = xcalloc(g->runner.rows, sizeof *s.ends);
    s.rows = xcalloc(g->runner.rows, sizeof *s.rows);
    bool ok = true;
    for (size_t i = 0; ok && i < n_groups; i++) {
        ok = score_group(&s, &groups[i]);
        release_rows(&s);
        page_run_clear(&s.r->pages, &s.prompt);
    }
    g->runner.m = g->runner.n_seqs = 0;
    page_run_free(&s.prompt);
    free(s.own);
    free(s.ends);
    free(s.targets);
    free(s.places);
    free(s.logp);
    free(s.rows);
    return ok;
}

/* ---- for tests ---- */

/* Passes the sequence through the model; each() sees the logits of rows [from, from + n). */
static bool each_logits(struct engine *g, const int32_t *tokens, size_t n, bool last_only,
                        void (*each)(void *arg, struct engine *g, size_t from, size_t n), void *arg,
                        struct err *e)
{
    if (n < 1 || n > ENGINE_POSITIONS_MAX)
        return err_set(e, ERR_DATA, "a sequence is empty or too long (seen %zu tokens)", n);
    if (!check_ids(&g->c.info, tokens, n, "sequence", e) || !engine_need_runner(g, RUN_BATCH, e) ||
        !model_reserve_positions(&g->model, n, e))
        return false;
    struct runner *r = &g->runner;
    struct page_run run = {0};
    if (!page_run_grow(&r->pages, &run, n))
        return err_set(e, ERR_DEVICE, "the caches of %zu positions do not fit into the memory", n);
    int32_t *ends = xcalloc(r->rows, sizeof *ends);
    for (size_t i = 0; i < r->rows; i++)
        ends[i] = (int32_t)i;
    for (size_t from = 0, took; from < n; from += took) {
        took = runner_add(r, NULL, 0, &run, tokens, from, n);
        runner_run(r);
        runner_ends(r, ends, took);
        size_t first = last_only && from + took < n ? took : last_only ? took - 1 : 0, k;
        for (size_t at = first; at < took; at += k) {
            k = took - at < r->logit_rows ? took - at : r->logit_rows;
            runner_logits(r, at, k);
            each(arg, g, from + at, k);
        }
    }
    free(ends);
    page_run_clear(&r->pages, &run);
    page_run_free(&run);
    return true;
}

static void copy_logits(void *arg, struct engine *g, size_t from, size_t n)
{
    size_t v = (size_t)g->c.config.vocab;
    g->b->op->download(g->b, (float *)arg + from * v, g->runner.logits, n * v * sizeof(float));
}

bool engine_logits(struct engine *g, const int32_t *tokens, size_t n, float *logits, struct err *e)
{
    return each_logits(g, tokens, n, false, copy_logits, logits, e);
}

struct peek {
    struct sample_row row;
    double *p;
};

static void copy_distribution(void *arg, struct engine *g, size_t from, size_t n)
{
    struct peek *k = arg;
    (void)from, (void)n;
    g->b->op->distribution(g->b, g->runner.logits, (size_t)g->c.config.vocab, &k->row, k->p);
}

bool engine_distribution(struct engine *g, const struct gen_options *o, const int32_t *prompt,
                         size_t n_prompt, int32_t *ids, double *probs, size_t max, size_t *n,
                         struct err *e)
{
    int32_t vocab = g->c.info.vocab_size;
    if (!check_options(g, o, e))
        return false;
    bool penalty = o->repetition_penalty != 0 && o->repetition_penalty != 1;
    struct peek k = {.row = {.temperature = o->temperature,
                             .top_p = o->top_p,
                             .min_p = o->min_p,
                             .penalty = penalty ? o->repetition_penalty : 1,
                             .top_k = o->top_k,
                             .limit = o->vocab_limit ? o->vocab_limit : vocab,
                             .seen = prompt,
                             .n_seen = n_prompt},
                     .p = xcalloc((size_t)vocab, sizeof(double))};
    bool ok = each_logits(g, prompt, n_prompt, true, copy_distribution, &k, e);
    *n = 0;
    for (int32_t i = 0; ok && i < vocab; i++)
        if (k.p[i] > 0 && *n < max) {
            ids[*n] = i;
            probs[(*n)++] = k.p[i];
        }
    free(k.p);
    return ok;
}

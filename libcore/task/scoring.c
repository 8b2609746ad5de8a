/* scoring.c - see scoring.h. */
#include "task/scoring.h"
#include "base/mem.h"

#include <string.h>

const char *const scoring_as_names[] = {"logprobs", "ref_logprobs", NULL};

struct score {
    const struct scoring_options *o;
    struct scoring_counts *counts;
    struct engine *engine;
    enum field field;
};

/* The rows of a group that are to be scored; the others have n = 0. */
static bool gather_rows(const struct score *s, struct group *g, struct engine_row *rows,
                        struct scoring_counts *c, struct err *e)
{
    for (size_t i = 0; i < g->n_responses; i++) {
        const struct object *r = &g->responses[i];
        const char *where = response_where(g->arena, i);
        bool has;
        int32_t *tokens;
        rows[i] = (struct engine_row){0};
        if (!get_tokens(g->arena, r, where, F_TOKENS, &has, &tokens, &rows[i].n, e))
            return false;
        rows[i].tokens = tokens;
        c->without += !has;
        if (s->o->missing && !object_is_null(r, s->field))
            rows[i].n = 0;
        if (rows[i].n)
            rows[i].logp = arena_array(g->arena, rows[i].n, sizeof *rows[i].logp);
    }
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct score *s = ctx;
    struct group *g = &it->group;
    struct engine_row *rows = arena_array(it->arena, g->n_responses, sizeof *rows);
    struct scoring_counts *c = arena_alloc(it->arena, sizeof *c);
    struct engine_group eg = {.rows = rows, .n_rows = g->n_responses};
    int32_t *prompt;
    bool has;
    *c = (struct scoring_counts){.groups = 1};
    it->result = c;
    if (!get_tokens(it->arena, &g->top, "", F_PROMPT_TOKENS, &has, &prompt, &eg.n_prompt, e) ||
        !gather_rows(s, g, rows, c, e))
        return false;
    if (c->without == g->n_responses)
        return true;
    if (!has || eg.n_prompt == 0)
        return err_set(e, ERR_DATA,
                       "\"prompt_tokens\" is missing or empty (what did the model see?)");
    eg.prompt = prompt;
    for (size_t i = 0; i < g->n_responses; i++)
        if (rows[i].n && !engine_check_context(engine_info(s->engine), eg.n_prompt, rows[i].n, e))
            return err_at(e, "responses[%zu]: ", i);
    if (!engine_score(s->engine, &eg, 1, e))
        return false;
    for (size_t i = 0; i < g->n_responses; i++) {
        if (!rows[i].n)
            continue;
        if (!engine_check_logprobs(rows[i].logp, rows[i].n, e))
            return false;
        object_set(it->arena, &g->responses[i], s->field,
                   raw_floats(it->arena, rows[i].logp, rows[i].n));
        c->responses++;
        c->tokens += rows[i].n;
        for (size_t k = 0; k < rows[i].n; k++)
            c->logprob += (double)rows[i].logp[k];
    }
    return true;
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    (void)e;
    const struct score *s = ctx;
    const struct scoring_counts *c = it->result;
    s->counts->groups += c->groups;
    s->counts->responses += c->responses;
    s->counts->tokens += c->tokens;
    s->counts->without += c->without;
    s->counts->logprob += c->logprob;
    return true;
}

bool scoring_run(const struct scoring_options *o, struct filter *f, char *const *files,
                 struct scoring_counts *counts, struct err *e)
{
    struct score s = {
        .o = o, .counts = counts, .field = o->as == SCORING_LOGPROBS ? F_LOGPROBS : F_REF_LOGPROBS};
    struct buf extra = {0};
    *counts = (struct scoring_counts){0};
    s.engine = engine_open(o->model, &o->engine, e);
    if (!s.engine)
        return false;
    buf_printf(&extra, "\"model\":\"%s\",\"device\":", engine_digest(s.engine));
    json_put_string(&extra, str_of(engine_device(s.engine)));
    buf_printf(&extra, ",\"precision\":\"%s\",\"kv\":\"%s\"", engine_precision(s.engine),
               engine_kv(s.engine));
    f->provenance = buf_str(&extra);
    f->ctx = &s;
    f->map = map;
    f->after = after;
    f->io.threads =
        1; /* one group at a time; its rows and positions are spread over the engine's */
    bool ok = filter_run(f, files, e);
    buf_free(&extra);
    engine_close(s.engine);
    return ok;
}

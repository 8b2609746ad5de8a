/* update_read.c - records to rows, with every fault named. */
#include "task/update_step.h"

#include "base/log.h"
#include "rl/surrogate.h"
#include "stream/provenance.h"
#include "stream/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const struct update_options *o;
    struct update_step *s;
    struct group *g; /* the record at hand */
    struct update_group *into;
    struct str head;
};

bool update_at(const struct update_group *g, struct err *e)
{
    return err_at(e, "%s:%zu: record %.*s: ", g->file, g->line, STR_ARG(g->id));
}

/* ---- heads ---- */

/* What gcpo-rollout's line says, as a member or as an option; false if it does not. */
static bool rollout_says(struct str head, const char *name, struct str *text)
{
    struct str line, options, value;
    if (!provenance_find(head, "gcpo-rollout", &line))
        return false;
    bool has = json_get(line, name, &value) ||
               (json_get(line, "options", &options) && json_type(options) == JSON_OBJECT &&
                json_get(options, name, &value));
    if (!has || json_type(value) != JSON_STRING)
        return false;
    *text = str_slice(value, 1, value.n - 1);
    return true;
}

static bool take_fact(struct str head, const char *name, char *into, size_t room, struct err *e)
{
    struct str text;
    if (!rollout_says(head, name, &text))
        return true;
    if (into[0] && !str_is(text, into))
        return err_set(e, ERR_DATA, "rollouts with %s \"%.*s\" and \"%s\" cannot be one step", name,
                       STR_ARG(text), into);
    if (text.n >= room)
        return err_set(e, ERR_DATA, "the head's \"%s\" is too long", name);
    memcpy(into, text.p, text.n);
    into[text.n] = '\0';
    return true;
}

static bool read_head(struct update_step *s, struct str head, struct err *e)
{
    return head.n == 0 ||
           (provenance_check(head, e) && take_fact(head, "model", s->digest, sizeof s->digest, e) &&
            take_fact(head, "precision", s->precision, sizeof s->precision, e) &&
            take_fact(head, "kv", s->kv, sizeof s->kv, e));
}

/* ---- rows ---- */

static bool read_tokens(struct reading *r, const struct object *o, const char *where,
                        struct update_row *row, struct err *e)
{
    bool has;
    if (!get_tokens(&r->s->arena, o, where, F_TOKENS, &has, &row->tokens, &row->n, e))
        return false;
    if (!has)
        return err_set(e, ERR_DATA, "\"%stokens\" is missing (an update needs token ids)", where);
    struct arena *a = &r->s->arena;
    if (!get_logprobs(a, o, where, F_LOGPROBS, row->n, &row->recorded, e) ||
        !get_logprobs(a, o, where, F_REF_LOGPROBS, row->n, &row->ref, e))
        return false;
    if (row->gold)
        row->recorded = NULL; /* the policy never sampled it */
    if (r->o->objective.loss.kl != KL_OFF && !row->ref && row->n > 0)
        return err_set(e, ERR_DATA,
                       "\"%sref_logprobs\" is missing (run gcpo-score --as ref_logprobs)", where);
    return true;
}

static bool read_advantage(struct reading *r, const struct object *o, const char *where,
                           struct update_row *row, struct err *e)
{
    bool has;
    const struct str *v = object_get(o, F_ADVANTAGE);
    if (!get_double(o, where, F_REWARD, &row->has_reward, &row->reward, e))
        return false;
    if (!loss_uses_advantage(&r->o->objective.loss))
        return true;
    if (!v)
        return err_set(e, ERR_DATA, "\"%sadvantage\" is missing (run gcpo-advantage first)", where);
    if (!get_double(o, where, F_ADVANTAGE, &has, &row->advantage, e))
        return false;
    row->out = !has; /* null: unscorable */
    return true;
}

static bool read_row(struct reading *r, size_t i, bool *judged, struct err *e)
{
    const struct object *o = &r->g->responses[i];
    const char *where = response_where(r->g->arena, i);
    struct update_row *row = &r->into->rows[i];
    enum source source;
    enum finish finish;
    enum verdict verdict;
    *row = (struct update_row){0};
    if (!get_source(r->g->arena, o, where, &source, e) ||
        !get_finish(r->g->arena, o, where, &finish, e) ||
        !get_verdict(r->g->arena, o, where, F_VERDICT, &verdict, e))
        return false;
    row->gold = source == SOURCE_GOLD;
    row->truncated = finish == FINISH_LENGTH;
    if (!read_advantage(r, o, where, row, e) || !read_tokens(r, o, where, row, e))
        return false;
    *judged = *judged || verdict != VERDICT_ABSENT;
    row->right = verdict == VERDICT_ABSENT ? row->advantage > 0 : verdict == VERDICT_CORRECT;
    return true;
}

/* ---- groups ---- */

static void finish_group(struct update_step *s, struct update_group *g)
{
    bool flat = true, gold = false;
    for (size_t i = 0; i < g->n_rows; i++) {
        struct update_row *row = &g->rows[i];
        flat = flat && (row->out || row->advantage == 0);
        gold = gold || row->gold;
        s->counts.rows++;
        s->counts.golds += row->gold;
        s->counts.unscorable += row->out;
        s->counts.truncated += row->truncated;
        s->counts.tokens += row->out ? 0 : row->n;
        s->longest_row = row->n > s->longest_row ? row->n : s->longest_row;
        if (row->out)
            row->n = 0;
    }
    for (size_t i = 0; i < g->n_rows; i++) {
        g->rows[i].flat = flat;
        g->rows[i].beside_gold = gold && !g->rows[i].gold && !g->rows[i].right;
    }
    s->counts.groups++;
    s->counts.flat += flat;
    s->counts.injected += gold;
    s->counts.prompt_tokens += g->n_prompt;
}

static bool read_prompt(struct reading *r, struct err *e)
{
    bool has;
    uint64_t max_tokens = 0;
    struct update_group *g = r->into;
    if (!get_count(&r->g->top, "", F_ROUND, &has, &g->round, e) ||
        !get_count(&r->g->top, "", F_FIRST_SAMPLE, &has, &g->first_sample, e) ||
        !get_count(&r->g->top, "", F_MAX_TOKENS, &has, &max_tokens, e) ||
        !get_tokens(&r->s->arena, &r->g->top, "", F_PROMPT_TOKENS, &has, &g->prompt, &g->n_prompt,
                    e))
        return false;
    if (g->n_prompt == 0)
        return err_set(e, ERR_DATA, "\"prompt_tokens\" is %s (an update needs token ids)",
                       has ? "empty" : "missing");
    r->s->max_tokens = max_tokens > r->s->max_tokens ? max_tokens : r->s->max_tokens;
    return true;
}

static void count_outcome(struct update_counts *c, const struct outcome *o)
{
    c->contrasts[o->contrast]++;
    c->judged += o->n - o->unscorable;
    c->correct += o->correct;
}

static bool read_rows(struct reading *r, struct err *e)
{
    struct update_group *g = r->into;
    struct outcome outcome;
    bool judged = false;
    g->n_rows = r->g->n_responses;
    if (r->s->counts.rows + g->n_rows > UPDATE_ROWS_MAX)
        return err_set(e, ERR_DATA, "the step has more than %d rows", UPDATE_ROWS_MAX);
    g->rows = arena_array(&r->s->arena, g->n_rows, sizeof *g->rows);
    for (size_t i = 0; i < g->n_rows; i++)
        if (!read_row(r, i, &judged, e))
            return false;
    enum gold_fate fate;
    if (!get_gold_fate(r->g, &fate, e))
        return false;
    if (fate < N_FATES)
        r->s->counts.fates[fate]++;
    if (!judged)
        r->s->counts.unjudged++;
    else if (group_outcome(r->g, &outcome, e))
        count_outcome(&r->s->counts, &outcome);
    return e->status == 0;
}

static bool read_record(struct reading *r, struct str line, struct err *e)
{
    struct update_step *s = r->s;
    if (!group_parse(r->g, r->g->arena, line, e))
        return false;
    struct str id;
    if (!group_id(r->g, &id, e))
        return false;
    if (r->g->n_responses == 0) {
        s->counts.bare++;
        return true;
    }
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->groups = xrealloc(s->groups, s->cap, sizeof *s->groups);
    }
    r->into = &s->groups[s->n];
    *r->into = (struct update_group){.id = {arena_strdup(&s->arena, id.p, id.n), id.n}};
    if (!read_prompt(r, e) || !read_rows(r, e))
        return err_at(e, "record %.*s: ", STR_ARG(id));
    finish_group(s, r->into);
    s->n++;
    return true;
}

/* ---- the set ---- */

static int by_identity(const void *a, const void *b)
{
    const struct update_group *x = a, *y = b;
    int c = str_cmp(x->id, y->id);
    if (c == 0)
        c = (x->round > y->round) - (x->round < y->round);
    return c ? c : (x->first_sample > y->first_sample) - (x->first_sample < y->first_sample);
}

static bool check_unique(struct update_step *s, struct err *e)
{
    for (size_t i = 1; i < s->n; i++) {
        const struct update_group *a = &s->groups[i - 1], *b = &s->groups[i];
        if (!str_eq(a->id, b->id) || a->round != b->round ||
            b->first_sample >= a->first_sample + a->n_rows)
            continue;
        err_set(e, ERR_DATA, "round %llu, sample %llu is in %s:%zu already",
                (unsigned long long)b->round, (unsigned long long)b->first_sample, a->file,
                a->line);
        return update_at(b, e);
    }
    return true;
}

static bool read_all(struct reading *r, struct reader *in, struct err *e)
{
    struct arena scratch = {0};
    struct group g;
    struct str text;
    r->g = &g;
    for (enum stream_event v; !e->status && (v = reader_next(in, &text, e)) != STREAM_END;) {
        if (v == STREAM_SEGMENT && !read_head(r->s, text, e))
            err_at(e, "%s: ", reader_file(in));
        if (v != STREAM_LINE)
            continue;
        arena_reset(&scratch);
        g.arena = &scratch;
        size_t before = r->s->n;
        if (!read_record(r, text, e)) {
            err_at(e, "%s:%zu: ", reader_file(in), reader_line(in));
        } else if (r->s->n > before) {
            r->s->groups[before].file = reader_file(in);
            r->s->groups[before].line = reader_line(in);
        }
        progress_add(1);
    }
    arena_free(&scratch);
    return e->status == 0;
}

bool update_read(const struct update_options *o, char *const *files, struct update_step *s,
                 struct err *e)
{
    struct reading r = {.o = o, .s = s};
    struct reader *in = reader_open(files, e);
    if (!in)
        return false;
    progress_begin("groups", 0);
    bool ok = read_all(&r, in, e);
    progress_end();
    reader_close(in);
    if (!ok)
        return false;
    if (s->n > 0)
        qsort(s->groups, s->n, sizeof *s->groups, by_identity);
    return check_unique(s, e);
}

void update_free(struct update_step *s)
{
    free(s->groups);
    arena_free(&s->arena);
}

static bool check_ids(const int32_t *ids, size_t n, const char *where, int32_t vocab_size,
                      struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= vocab_size)
            return err_set(e, ERR_DATA, "\"%stokens[%zu]\" is %d (the model has %d ids)", where, i,
                           (int)ids[i], (int)vocab_size);
    return true;
}

static bool check_group(const struct update_group *g, const struct engine_info *info, struct err *e)
{
    if (!check_ids(g->prompt, g->n_prompt, "prompt_", info->vocab_size, e))
        return false;
    for (size_t r = 0; r < g->n_rows; r++) {
        const struct update_row *row = &g->rows[r];
        char where[64];
        snprintf(where, sizeof where, "responses[%zu].", r);
        if (!check_ids(row->tokens, row->n, where, info->vocab_size, e))
            return false;
        if (row->n > 0 && !engine_check_context(info, g->n_prompt, row->n, e))
            return err_at(e, "responses[%zu]: ", r);
    }
    return true;
}

bool update_check_tokens(const struct update_step *s, const struct engine_info *info, struct err *e)
{
    for (size_t k = 0; k < s->n; k++)
        if (!check_group(&s->groups[k], info, e))
            return update_at(&s->groups[k], e);
    return true;
}

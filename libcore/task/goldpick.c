/* goldpick.c - see goldpick.h.
 *
 * The best line of each id lies in a spool without a name; memory holds 32 bytes
 * an id.  Whichever order the groups come in, the best candidate is the same: equal
 * ones are told apart by (round, sample). */
#include "task/goldpick.h"
#include "base/file.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/rng.h"
#include "report/idtable.h"
#include "report/table.h"
#include "stream/provenance.h"
#include "stream/spool.h"
#include "stream/writer.h"
#include "task/goldtokens.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const pick_by_names[] = {"shortest", "likeliest", "random", NULL};
const char *const pick_thought_names[] = {"keep", "open", "drop", NULL};

enum { RANDOM_STREAM = 0x70696b /* keeps the draws apart from others with the same seed */ };

/* What candidates are compared by; less is better. */
struct rank {
    double score;
    uint64_t round, sample;
};

struct best {
    struct rank rank;
    uint64_t at; /* of its line in the spool; STR_NONE: no candidate yet */
};

struct pick {
    const struct goldpick_options *o;
    struct goldpick_counts *counts;
    struct goldtokens *tokens;
    struct engine *engine;
    struct idtable ids; /* c: index into best, plus 1 */
    struct best *best;
    size_t n_best;
    FILE *spool;
    uint64_t size;
    struct buf head; /* of the first segment */
    struct outfile *missing;
    FILE *names; /* the ids in order, for --missing */
};

/* What map found in a group. */
struct found {
    bool any;
    struct rank rank;
    struct str line;
    uint64_t responses, correct, cut, outside;
};

static bool less(const struct rank *a, const struct rank *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    return a->round != b->round ? a->round < b->round : a->sample < b->sample;
}

/* ---- one candidate ---- */

static struct str without_thought(enum pick_thought how, struct str text)
{
    const struct str open = STR("<think>"), close = STR("</think>");
    struct str t = str_trim(text);
    if (how == THOUGHT_OPEN && str_starts(t, open)) {
        t = str_slice(t, open.n, t.n);
        return t.n && t.p[0] == '\n' ? str_slice(t, 1, t.n) : t;
    }
    size_t end = str_rfind(text, close);
    if (how == THOUGHT_DROP && end != STR_NONE)
        return str_trim(str_slice(text, end + close.n, text.n));
    return text;
}

static bool likelihood(const struct pick *p, const struct group *g, const int32_t *ids, size_t n,
                       double *score, struct err *e)
{
    struct engine_row row = {.tokens = ids, .n = n};
    struct engine_group eg = {.rows = &row, .n_rows = 1};
    int32_t *prompt;
    double sum = 0;
    row.logp = arena_array(g->arena, n, sizeof *row.logp);
    if (!goldtokens_prompt(p->tokens, g, &prompt, &eg.n_prompt, e))
        return false;
    eg.prompt = prompt;
    if (!engine_score(p->engine, &eg, 1, e))
        return false;
    for (size_t i = 0; i < n; i++)
        sum -= (double)row.logp[i];
    *score = sum / (double)n;
    return true;
}

/* How good a candidate is, and whether it may be one at all. */
static bool weigh(const struct pick *p, const struct group *g, size_t i, struct str text,
                  struct rank *rank, bool *fits, struct err *e)
{
    const struct goldpick_options *o = p->o;
    const struct object *r = &g->responses[i];
    int32_t *ids = NULL;
    size_t n = 0;
    bool has = p->tokens != NULL;
    struct str id;
    if (p->tokens
            ? !goldtokens_encode(p->tokens, text, g->arena, &ids, &n, e)
            : !get_tokens(g->arena, r, response_where(g->arena, i), F_TOKENS, &has, &ids, &n, e))
        return false;
    if (!has && (o->min_tokens || o->max_tokens))
        return err_set(e, ERR_USAGE,
                       "--tokens: the responses have no tokens (give the policy with -m)");
    *fits = n >= o->min_tokens && (!o->max_tokens || n <= o->max_tokens);
    if (!*fits)
        return true;
    switch (o->by) {
    case PICK_SHORTEST: rank->score = has ? (double)n : (double)utf8_length(text); return true;
    case PICK_LIKELIEST: return likelihood(p, g, ids, n, &rank->score, e);
    case PICK_RANDOM:
        if (!group_id(g, &id, e))
            return false;
        rank->score = rng_uniform(o->seed, rng_mix(group_key(id), RANDOM_STREAM),
                                  (uint32_t)rank->round, (uint32_t)rank->sample);
        return true;
    }
    return true;
}

/* ---- one group ---- */

/* The gold owes no length penalty. */
static bool gold_reward(const struct object *r, const char *where, double *reward, struct err *e)
{
    double penalty = 0;
    bool has;
    if (!need_double(r, where, F_REWARD, reward, e) ||
        !get_double(r, where, F_LENGTH_PENALTY, &has, &penalty, e))
        return false;
    *reward -= penalty;
    return true;
}

/* The record of a prompt with this gold; what was the sampler's is left out. */
static bool print_gold(struct group *g, size_t i, struct str text, struct str *line, struct err *e)
{
    static const enum field left_out[] = {F_ROUND,         F_FIRST_SAMPLE, F_PROMPT_TOKENS,
                                          F_MAX_TOKENS,    F_GOLD_FATE,    F_GOLD_WHY,
                                          F_OPENS_THOUGHT, F_RESPONSES};
    struct object out = {0};
    struct buf b = {0};
    double reward;
    if (!gold_reward(&g->responses[i], response_where(g->arena, i), &reward, e))
        return false;
    object_copy(g->arena, &out, &g->top);
    for (size_t k = 0; k < sizeof left_out / sizeof *left_out; k++)
        object_remove(&out, left_out[k]);
    object_set(g->arena, &out, F_GOLD, raw_string(g->arena, text));
    object_set(g->arena, &out, F_GOLD_VERDICT, STR("\"correct\""));
    object_set(g->arena, &out, F_GOLD_REWARD, raw_double(g->arena, reward));
    object_print(&out, &b);
    *line = raw_buf(g->arena, &b);
    buf_free(&b);
    return true;
}

static bool consider(const struct pick *p, struct group *g, size_t i, struct found *f,
                     size_t *chosen, struct str *chosen_text, struct err *e)
{
    const struct object *r = &g->responses[i];
    const char *where = response_where(g->arena, i);
    struct rank rank = f->rank;
    enum verdict verdict;
    enum source source;
    enum finish finish;
    struct str text;
    bool fits, first = !f->any;
    uint64_t from = 0;
    if (!get_verdict(g->arena, r, where, F_VERDICT, &verdict, e) ||
        !get_source(g->arena, r, where, &source, e) ||
        !get_finish(g->arena, r, where, &finish, e) ||
        !need_string(g->arena, r, where, F_TEXT, &text, e) ||
        !get_count(&g->top, "", F_FIRST_SAMPLE, &fits, &from, e))
        return false;
    if (verdict == VERDICT_ABSENT)
        return err_set(e, ERR_DATA, "\"%sverdict\" is missing (run gcpo-verify first)", where);
    if (source == SOURCE_GOLD)
        return true;
    f->responses++;
    if (verdict != VERDICT_CORRECT)
        return true;
    f->correct++;
    if (finish == FINISH_LENGTH) {
        f->cut++;
        return true;
    }
    rank.sample = from + i;
    text = without_thought(p->o->thought, text);
    if (!weigh(p, g, i, text, &rank, &fits, e))
        return false;
    f->outside += !fits;
    if (!fits || (!first && !less(&rank, &f->rank)))
        return true;
    f->any = true;
    f->rank = rank;
    *chosen = i;
    *chosen_text = text;
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct pick *p = ctx;
    struct group *g = &it->group;
    struct found *f = arena_alloc(it->arena, sizeof *f);
    size_t chosen = 0;
    struct str text = STR("");
    bool has;
    *f = (struct found){0};
    it->result = f;
    if (!get_count(&g->top, "", F_ROUND, &has, &f->rank.round, e))
        return false;
    for (size_t i = 0; i < g->n_responses; i++)
        if (!consider(p, g, i, f, &chosen, &text, e))
            return false;
    return !f->any || print_gold(g, chosen, text, &f->line, e);
}

/* ---- the best of each id ---- */

static bool note_name(struct pick *p, struct str id, struct err *e)
{
    struct buf b = {0};
    if (!p->names)
        return true;
    json_put_string(&b, id);
    buf_putc(&b, '\n');
    bool ok = fwrite(b.p, 1, b.n, p->names) == b.n;
    buf_free(&b);
    return ok || err_sys(e, ERR_IO, "cannot write to a temporary file");
}

static bool find_best(struct pick *p, struct str id, struct best **out, struct err *e)
{
    struct id_entry *entry = idtable_get(&p->ids, group_key(id));
    if (!entry->c) {
        if ((p->n_best & (p->n_best - 1)) == 0)
            p->best = xrealloc(p->best, p->n_best ? 2 * p->n_best : 1, sizeof *p->best);
        p->best[p->n_best++] = (struct best){.at = STR_NONE};
        entry->c = (uint32_t)p->n_best;
        if (!note_name(p, id, e))
            return false;
    }
    *out = &p->best[entry->c - 1];
    return true;
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    struct pick *p = ctx;
    const struct found *f = it->result;
    struct best *best;
    struct str id;
    p->counts->groups++;
    p->counts->responses += f->responses;
    p->counts->correct += f->correct;
    p->counts->cut += f->cut;
    p->counts->outside += f->outside;
    if (!group_id(&it->group, &id, e) || !find_best(p, id, &best, e))
        return false;
    if (!f->any || (best->at != STR_NONE && !less(&f->rank, &best->rank)))
        return true;
    best->rank = f->rank;
    best->at = p->size;
    p->size += f->line.n + 1;
    if (fwrite(f->line.p, 1, f->line.n, p->spool) != f->line.n || putc('\n', p->spool) == EOF)
        return err_sys(e, ERR_IO, "cannot write to a temporary file");
    return true;
}

static bool segment(void *ctx, struct str head, struct err *e)
{
    (void)e;
    struct pick *p = ctx;
    if (!p->head.n)
        buf_putstr(&p->head, head);
    return true;
}

/* ---- writing ---- */

static bool read_line(FILE *f, char **line, size_t *cap, size_t *n, struct err *e)
{
    ssize_t got = getline(line, cap, f);
    if (got <= 0)
        return err_sys(e, ERR_IO, "cannot read a temporary file");
    *n = (size_t)got - 1;
    return true;
}

static bool put_golds(struct pick *p, struct writer *w, struct err *e)
{
    struct buf options = {0}, line = {0}, head = {0};
    char *text = NULL;
    size_t cap = 0, n = 0;
    opt_canonical(p->o->opts, &options);
    provenance_line(&line, log_program(), buf_str(&options), STR(""));
    provenance_head(&head, buf_str(&p->head), buf_str(&line));
    bool ok = writer_begin(w, buf_str(&head), e);
    for (size_t i = 0; ok && i < p->n_best; i++) {
        if (p->best[i].at == STR_NONE)
            continue;
        p->counts->picked++;
        if (fseeko(p->spool, (off_t)p->best[i].at, SEEK_SET) != 0)
            ok = err_sys(e, ERR_IO, "cannot read a temporary file");
        ok = ok && read_line(p->spool, &text, &cap, &n, e) &&
             writer_line(w, (struct str){text, n}, e);
    }
    ok = ok && writer_end(w, e);
    free(text);
    buf_free(&options);
    buf_free(&line);
    buf_free(&head);
    return ok;
}

static bool put_missing(struct pick *p, struct err *e)
{
    char *text = NULL;
    size_t cap = 0, n = 0;
    struct buf b = {0};
    bool ok = true;
    if (!p->missing)
        return true;
    rewind(p->names);
    for (size_t i = 0; ok && i < p->n_best; i++) {
        ok = read_line(p->names, &text, &cap, &n, e);
        if (!ok || p->best[i].at != STR_NONE)
            continue;
        buf_reset(&b);
        buf_puts(&b, "{\"id\":");
        buf_put(&b, text, n);
        buf_puts(&b, "}\n");
        ok = outfile_write(p->missing, b.p, b.n, e);
    }
    free(text);
    buf_free(&b);
    return ok;
}

/* ---- running ---- */

static bool open_all(struct pick *p, struct err *e)
{
    const struct goldpick_options *o = p->o;
    struct engine_options eo = o->engine;
    eo.threads = (size_t)o->io.threads;
    if (o->by == PICK_LIKELIEST && !o->model)
        return err_set(e, ERR_USAGE, "--by likeliest needs the policy: -m DIR");
    if (o->model && !(p->tokens = goldtokens_open(o->model, &o->prompter, e)))
        return false;
    if (o->by == PICK_LIKELIEST && !(p->engine = engine_open(o->model, &eo, e)))
        return false;
    if (!(p->spool = file_nameless_stream(e)) ||
        (o->missing_file && !(p->names = file_nameless_stream(e))))
        return false;
    return !o->missing_file || (p->missing = outfile_open(o->missing_file, e));
}

static void close_all(struct pick *p)
{
    goldtokens_close(p->tokens);
    if (p->engine)
        engine_close(p->engine);
    if (p->spool)
        fclose(p->spool);
    if (p->names)
        fclose(p->names);
    idtable_free(&p->ids);
    free(p->best);
    buf_free(&p->head);
}

bool goldpick_run(const struct goldpick_options *o, char *const *files,
                  struct goldpick_counts *counts, struct err *e)
{
    struct pick p = {.o = o, .counts = counts};
    struct filter f = {.io = o->io,
                       .opts = o->opts,
                       .ctx = &p,
                       .map = map,
                       .after = after,
                       .segment = segment,
                       .sink = true};
    struct writer_options wo = {.path = o->io.out, .plain = o->io.plain};
    *counts = (struct goldpick_counts){0};
    if (o->by == PICK_LIKELIEST)
        f.io.threads = 1; /* the engine has its own */
    struct writer *w = open_all(&p, e) ? writer_open(&wo, e) : NULL;
    bool ok = w && filter_run(&f, files, e) && put_golds(&p, w, e) && put_missing(&p, e);
    counts->ids = p.n_best;
    if (p.missing && ok)
        ok = outfile_commit(p.missing, e);
    else
        outfile_discard(p.missing);
    if (w && ok)
        ok = writer_commit(w, e);
    else if (w)
        writer_discard(w);
    close_all(&p);
    return ok;
}

/* inject.c - see inject.h. */
#include "task/inject.h"
#include "base/log.h"
#include "base/outfile.h"
#include "stream/outcome.h"
#include "task/gold.h"
#include "task/goldfile.h"

#include <stdlib.h>

const char *const inject_when_names[] = {"all-wrong", "always", "never", NULL};
const char *const inject_replace_names[] = {"last", "random", "longest", "truncated", NULL};
const char *const inject_think_names[] = {"require", "wrap", "empty", "asis", NULL};

const char *gold_fate_name(enum gold_fate f)
{
    static const char *const names[N_FATES] = {"injected", "not-needed", "no-gold",   "not-correct",
                                               "too-long", "bare",       "no-thought"};
    return names[f];
}

bool get_gold_fate(const struct group *g, enum gold_fate *out, struct err *e)
{
    struct str name;
    bool has;
    *out = N_FATES;
    if (!get_string(g->arena, &g->top, "", F_GOLD_FATE, &has, &name, e))
        return false;
    for (int f = 0; has && f < N_FATES; f++)
        if (str_is(name, gold_fate_name((enum gold_fate)f)))
            *out = (enum gold_fate)f;
    return true;
}

struct inject {
    const struct inject_options *o;
    struct inject_counts *counts;
    struct gold_reader *golds;
    struct outfile *missing;
};

/* What map found out about a group, for the counts. */
struct verdicts {
    enum contrast contrast;
    bool all_truncated;
    enum gold_fate fate;
};

/* ---- putting back ---- */

static bool is_gold_row(struct arena *a, const struct object *r, const char *where, bool *gold,
                        struct err *e)
{
    enum source s;
    if (!get_source(a, r, where, &s, e))
        return false;
    *gold = s == SOURCE_GOLD;
    return true;
}

/* Every gold row gives way to what it displaced; one that displaced nothing goes. */
static bool undo(struct group *g, struct err *e)
{
    size_t n = 0;
    bool any = false;
    for (size_t i = 0; i < g->n_responses; i++) {
        bool gold;
        struct object old;
        const char *where = response_where(g->arena, i);
        if (!is_gold_row(g->arena, &g->responses[i], where, &gold, e))
            return false;
        any |= gold;
        if (!gold) {
            g->responses[n++] = g->responses[i];
            continue;
        }
        const struct str *v = object_get(&g->responses[i], F_REPLACED);
        if (!v)
            continue;
        if (!object_split(g->arena, *v, &old))
            return err_set(e, ERR_DATA, "\"%sreplaced\" is %s (expected an object)", where,
                           json_type_name(json_type(*v)));
        g->responses[n++] = old;
    }
    g->n_responses = n;
    if (any && n == 0) { /* a bare prompt that had been given its gold */
        object_remove(&g->top, F_RESPONSES);
        g->has_responses = false;
    }
    object_remove(&g->top, F_GOLD_FATE);
    return true;
}

/* ---- putting in ---- */

static size_t length_of(const struct object *r)
{
    const struct str *v = object_get(r, F_TOKENS);
    if (v && json_type(*v) == JSON_ARRAY)
        return json_count(*v);
    v = object_get(r, F_TEXT);
    return v ? v->n : 0;
}

static bool choose_row(const struct inject *in, struct group *g, size_t *row, struct err *e)
{
    size_t n = g->n_responses;
    *row = n - 1;
    if (in->o->replace == REPLACE_RANDOM) {
        struct str id;
        bool has;
        uint64_t round = 0;
        if (!group_id(g, &id, e) || !get_count(&g->top, "", F_ROUND, &has, &round, e))
            return false;
        *row = (size_t)((group_key(id) ^ round * 0x9E3779B97F4A7C15u) % n);
    } else if (in->o->replace == REPLACE_LONGEST) {
        for (size_t i = n; i-- > 0;)
            if (length_of(&g->responses[i]) > length_of(&g->responses[*row]))
                *row = i;
    } else if (in->o->replace == REPLACE_TRUNCATED) {
        for (size_t i = n; i-- > 0;) {
            enum finish f;
            if (!get_finish(g->arena, &g->responses[i], response_where(g->arena, i), &f, e))
                return false;
            if (f == FINISH_LENGTH) {
                *row = i;
                break;
            }
        }
    }
    return true;
}

static struct object gold_row(struct arena *a, const struct gold *gold, const struct object *old)
{
    struct object r = {0};
    object_set(a, &r, F_TEXT, raw_string(a, gold->text));
    if (gold->tokens)
        object_set(a, &r, F_TOKENS, raw_tokens(a, gold->tokens, gold->n_tokens));
    object_set(a, &r, F_FINISH, STR("\"stop\""));
    object_set(a, &r, F_SOURCE, STR("\"gold\""));
    object_set(a, &r, F_VERDICT, STR("\"correct\""));
    object_set(a, &r, F_REWARD, gold->reward);
    if (old) {
        struct buf b = {0};
        object_print(old, &b);
        object_set(a, &r, F_REPLACED, raw_buf(a, &b));
        buf_free(&b);
    }
    return r;
}

static bool put_gold(const struct inject *in, struct group *g, const struct gold *gold,
                     struct err *e)
{
    if (g->n_responses == 0) {
        struct object *one = arena_array(g->arena, 1, sizeof *one);
        *one = gold_row(g->arena, gold, NULL);
        group_set_responses(g, one, 1);
        return true;
    }
    size_t row;
    if (!choose_row(in, g, &row, e))
        return false;
    g->responses[row] = gold_row(g->arena, gold, &g->responses[row]);
    return true;
}

static bool wanted(const struct inject *in, const struct group *g, struct verdicts *v,
                   struct err *e)
{
    struct outcome out = {0};
    bool bare = g->n_responses == 0;
    if (in->o->when == INJECT_ALL_WRONG || (!bare && in->o->when == INJECT_NEVER)) {
        if (!group_outcome(g, &out, e))
            return false;
        v->contrast = bare ? CONTRAST_UNSCORABLE : out.contrast;
        v->all_truncated = out.n && out.truncated == out.n;
    }
    return in->o->when == INJECT_ALWAYS ||
           (in->o->when == INJECT_ALL_WRONG && v->contrast == CONTRAST_ALL_WRONG);
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct inject *in = ctx;
    struct group *g = &it->group;
    struct verdicts *v = arena_alloc(it->arena, sizeof *v);
    *v = (struct verdicts){CONTRAST_MIXED, false, FATE_NOT_NEEDED};
    it->result = v;
    if (!undo(g, e))
        return false;
    if (in->o->undo)
        return true;
    bool want = wanted(in, g, v, e);
    if (e->status)
        return false;
    if (want) {
        struct gold gold;
        if (!gold_read(in->golds, g, &gold, &v->fate, e))
            return false;
        if (v->fate == FATE_INJECTED && !put_gold(in, g, &gold, e))
            return false;
    }
    object_set(it->arena, &g->top, F_GOLD_FATE,
               raw_string(it->arena, str_of(gold_fate_name(v->fate))));
    return true;
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    const struct inject *in = ctx;
    const struct verdicts *v = it->result;
    in->counts->groups++;
    in->counts->all_wrong += v->contrast == CONTRAST_ALL_WRONG;
    in->counts->all_truncated += v->contrast == CONTRAST_ALL_WRONG && v->all_truncated;
    in->counts->fates[v->fate]++;
    if (!in->missing || v->fate == FATE_INJECTED || v->fate == FATE_NOT_NEEDED)
        return true;
    struct str id;
    struct buf line = {0};
    if (!group_id(&it->group, &id, e))
        return false;
    buf_puts(&line, "{\"id\":");
    json_put_string(&line, id);
    buf_printf(&line, ",\"gold_fate\":\"%s\"}\n", gold_fate_name(v->fate));
    bool ok = outfile_write(in->missing, line.p, line.n, e);
    buf_free(&line);
    return ok;
}

static bool end(void *ctx, struct err *e)
{
    struct inject *in = ctx;
    struct outfile *f = in->missing;
    in->missing = NULL;
    return !f || outfile_commit(f, e);
}

bool inject_run(const struct inject_options *o, struct filter *f, char *const *files,
                struct inject_counts *counts, struct err *e)
{
    struct inject in = {.o = o, .counts = counts};
    *counts = (struct inject_counts){0};
    f->ctx = &in;
    f->map = map;
    f->after = after;
    f->end = end;
    in.golds = gold_reader_open(o, e);
    bool ok = in.golds && (!o->missing_file || (in.missing = outfile_open(o->missing_file, e))) &&
              filter_run(f, files, e);
    outfile_discard(in.missing);
    gold_reader_close(in.golds);
    return ok;
}

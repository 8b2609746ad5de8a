/* explain.c - see explain.h. */
#include "report/explain.h"
#include "rl/advantage.h"

#include <math.h>

#define NONE ((double)NAN)

/* What the loss wants of a row and struct explained_row does not keep. */
struct material {
    size_t n;            /* tokens; 0 if the row is out */
    float *old, *new;    /* NULL: not in the record */
    bool out;            /* unscorable: in no sum and no denominator */
    bool has_advantage;  /* a number, or null */
    struct loss_row row; /* what the update would make of it, but for log-probabilities */
};

/* ---- reading ---- */

static bool read_number(const struct object *o, const char *where, enum field f, double *x,
                        struct err *e)
{
    bool has;
    *x = NONE;
    return get_double(o, where, f, &has, x, e);
}

static bool read_text(struct arena *a, const struct object *o, const char *where, enum field f,
                      struct str *s, struct err *e)
{
    bool has;
    *s = (struct str){0};
    return get_string(a, o, where, f, &has, s, e);
}

static bool read_response(struct arena *a, const struct object *o, const char *where,
                          struct explained_response *r, struct err *e)
{
    const struct str *tokens = object_get(o, F_TOKENS);
    r->tokens = tokens && json_type(*tokens) == JSON_ARRAY ? (double)json_count(*tokens) : NONE;
    return get_verdict(a, o, where, F_VERDICT, &r->verdict, e) &&
           get_finish(a, o, where, &r->finish, e) &&
           read_text(a, o, where, F_EXTRACTED, &r->extracted, e) &&
           read_text(a, o, where, F_WHY, &r->why, e) &&
           read_number(o, where, F_REWARD, &r->reward, e) &&
           read_number(o, where, F_FORMAT_BONUS, &r->format_bonus, e) &&
           read_number(o, where, F_LENGTH_PENALTY, &r->length_penalty, e);
}

static double total(const float *v, size_t n)
{
    struct sum s = {0};
    for (size_t t = 0; v && t < n; t++)
        sum_add(&s, (double)v[t]);
    return v ? sum_value(&s) : NONE;
}

static bool read_row(const struct group *g, size_t i, struct explained_row *row, struct material *m,
                     struct err *e)
{
    const struct object *o = &g->responses[i];
    const char *where = response_where(g->arena, i);
    struct object displaced;
    enum source source;
    int32_t *tokens;
    bool has;
    if (!read_response(g->arena, o, where, &row->is, e) ||
        !get_source(g->arena, o, where, &source, e) ||
        !read_number(o, where, F_ADVANTAGE, &row->advantage, e) ||
        !get_tokens(g->arena, o, where, F_TOKENS, &has, &tokens, &m->n, e) ||
        !get_logprobs(g->arena, o, where, F_LOGPROBS, m->n, &m->old, e) ||
        !get_logprobs(g->arena, o, where, F_REF_LOGPROBS, m->n, &m->new, e))
        return false;
    row->gold = source == SOURCE_GOLD;
    row->old_sum = total(m->old, m->n);
    row->new_sum = total(m->new, m->n);
    m->has_advantage = object_get(o, F_ADVANTAGE) != NULL;
    m->out = m->has_advantage && isnan(row->advantage);
    const struct object *stood = row->gold ? policy_response(g, i, &displaced) : NULL;
    row->has_displaced = stood != NULL;
    return !stood || read_response(g->arena, stood, where, &row->displaced, e);
}

/* ---- the group ---- */

/* Mean and standard deviation as GRPO's rule takes them: scorable rows, golds included. */
static void explain_rewards(struct explained *x, struct arena *a)
{
    const struct advantage_rule *rule = advantage_find(STR("grpo"));
    struct advantage_row *rows = arena_array(a, x->n_rows, sizeof *rows);
    for (size_t i = 0; i < x->n_rows; i++)
        rows[i] = (struct advantage_row){
            .reward = x->rows[i].is.reward, .length = 1, .scorable = !isnan(x->rows[i].is.reward)};
    struct advantage_spread s = advantage_spread(&rule->defaults, rows, x->n_rows);
    x->n_scorable = s.n;
    x->reward_mean = s.n ? s.mean : NONE;
    x->reward_std = s.n ? s.std : NONE;
}

/* The rows as gcpo-update has them, and the denominators of a step of this group alone. */
static void prepare_rows(struct explained *x, struct material *m)
{
    bool flat = true, gold = false;
    for (size_t i = 0; i < x->n_rows; i++) {
        flat = flat && (m[i].out || x->rows[i].advantage == 0);
        gold = gold || x->rows[i].gold;
        x->has_new = x->has_new || m[i].new;
    }
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct explained_row *row = &x->rows[i];
        bool right = row->is.verdict == VERDICT_ABSENT ? row->advantage > 0
                                                       : row->is.verdict == VERDICT_CORRECT;
        m[i].row = (struct loss_row){.n = m[i].out ? 0 : m[i].n,
                                     .advantage = row->advantage,
                                     .gold = row->gold,
                                     .truncated = row->is.finish == FINISH_LENGTH,
                                     .flat = flat,
                                     .beside_gold = gold && !row->gold && !right};
        loss_count_row(&x->objective.loss, &m[i].row, &x->denominator);
    }
}

static double *widen(struct arena *a, const float *v, size_t n)
{
    double *out = arena_array(a, n, sizeof *out);
    for (size_t t = 0; t < n; t++)
        out[t] = v ? (double)v[t] : 0;
    return out;
}

/* ---- a row ---- */

static void range(const double *v, size_t n, double *low, double *high)
{
    *low = *high = v[0];
    for (size_t t = 1; t < n; t++) {
        *low = fmin(*low, v[t]);
        *high = fmax(*high, v[t]);
    }
}

/* Of the whole row as the preset gcpo has it, and of single tokens. */
static void explain_ratios(struct explained_row *x, const struct material *m, struct arena *a)
{
    struct loss_options o = loss_defaults();
    struct loss_denominator d = {.rows = 1, .tokens = 1};
    double *ratio = arena_array(a, m->n, sizeof *ratio);
    struct loss_out out = {.ratio = ratio};
    struct loss_row row = {
        .n = m->n, .logp = widen(a, m->new, m->n), .old = widen(a, m->old, m->n)};
    o.ratio = preset_objective(preset_find(STR("gcpo"))).loss.ratio;
    loss_row(&o, &d, &row, &out, NULL);
    x->ratio = ratio[0];
    o.ratio = RATIO_TOKEN;
    loss_row(&o, &d, &row, &out, NULL);
    range(ratio, m->n, &x->ratio_min, &x->ratio_max);
}

/* Gives the row its log-probabilities; false if those that the loss reads are not known.
 * Without new ones the policy is the old one, as in a step's first optimizer step: every
 * ratio to the old policy is 1, whatever the log-probability is. */
static bool supply_logprobs(const struct explained *x, struct material *m, struct arena *a)
{
    const struct loss_options *o = &x->objective.loss;
    bool by_old = loss_uses_old(o) && !(m->row.gold && o->gold_old != GOLD_OLD_POLICY);
    bool by_value = loss_uses_old(o) && m->row.gold && o->gold_old == GOLD_OLD_ONE;
    const float *now = x->has_new ? m->new : m->old;
    if ((by_old && x->has_new && (!m->new || !m->old)) || (by_value && !now))
        return false;
    m->row.logp = widen(a, now, m->n);
    m->row.old = by_old ? widen(a, m->old, m->n) : NULL;
    m->row.behaviour = by_old && !m->row.gold ? m->row.old : NULL;
    return true;
}

static void explain_weight(const struct explained *x, struct explained_row *row, struct material *m,
                           struct arena *a)
{
    const struct loss_options *o = &x->objective.loss;
    bool read = m->has_advantage || !loss_uses_advantage(o);
    if (m->n == 0 || m->out || !read || !supply_logprobs(x, m, a))
        return;
    if (!m->has_advantage)
        m->row.advantage = 0;
    double *dlogp = arena_array(a, m->n, sizeof *dlogp);
    struct loss_out out = {.dlogp = dlogp};
    struct loss_stats stats = {0};
    struct sum s = {0};
    loss_row(o, &x->denominator, &m->row, &out, &stats);
    const struct loss_source_stats *c = &stats.source[row->gold];
    row->clipped_low = (double)c->clipped_low;
    row->clipped_high = (double)c->clipped_high;
    row->clipped_dual = (double)c->clipped_dual;
    range(dlogp, m->n, &row->weight_min, &row->weight_max);
    for (size_t t = 0; t < m->n; t++)
        sum_add(&s, dlogp[t]);
    row->weight_sum = sum_value(&s);
    row->weight = row->weight_sum / (double)m->n;
}

/* ---- all of it ---- */

/* Terms that need more than the record has: the model's distribution, a third model. */
static void choose_objective(struct explained *x, const struct preset *p, struct arena *a)
{
    struct buf names = {0};
    x->preset = p;
    x->objective = preset_objective(p);
    struct loss_options *o = &x->objective.loss;
    if (o->entropy_coef != 0)
        buf_puts(&names, "entropy-coef ");
    if (o->kl != KL_OFF)
        buf_puts(&names, "kl ");
    if (x->objective.mismatch.level != MISMATCH_OFF)
        buf_puts(&names, "mismatch ");
    names.n -= names.n > 0;
    x->left_out = raw_buf(a, &names);
    buf_free(&names);
    o->entropy_coef = 0;
    o->kl = KL_OFF;
    o->kl_coef = 0;
}

static bool read_head(const struct group *g, struct explained *x, struct err *e)
{
    bool has;
    uint64_t max_tokens = 0;
    if (!group_id(g, &x->id, e) || !get_count(&g->top, "", F_ROUND, &has, &x->round, e) ||
        !get_count(&g->top, "", F_FIRST_SAMPLE, &has, &x->first_sample, e) ||
        !get_count(&g->top, "", F_MAX_TOKENS, &has, &max_tokens, e) ||
        !read_text(g->arena, &g->top, "", F_GOLD_WHY, &x->gold_why, e) ||
        !digest_group(g, NULL, 0, &x->digest, e))
        return false;
    x->denominator.length = x->objective.constant_length > 0 ? x->objective.constant_length
                                                             : (double)max_tokens;
    return true;
}

bool explain_group(const struct group *g, const struct preset *p, struct explained *x,
                   struct err *e)
{
    *x = (struct explained){.n_rows = g->n_responses};
    choose_objective(x, p, g->arena);
    if (!read_head(g, x, e))
        return false;
    struct material *m = arena_array(g->arena, x->n_rows, sizeof *m);
    x->rows = arena_array(g->arena, x->n_rows, sizeof *x->rows);
    for (size_t i = 0; i < x->n_rows; i++) {
        struct explained_row *r = &x->rows[i];
        *r = (struct explained_row){.ratio = NONE, .ratio_min = NONE, .ratio_max = NONE};
        r->clipped_low = r->clipped_high = r->clipped_dual = NONE;
        r->weight = r->weight_min = r->weight_max = r->weight_sum = NONE;
        m[i] = (struct material){0};
        if (!read_row(g, i, r, &m[i], e))
            return false;
    }
    explain_rewards(x, g->arena);
    prepare_rows(x, m);
    bool scaled = x->objective.loss.aggregate != AGGREGATE_CONSTANT || x->denominator.length > 0;
    for (size_t i = 0; i < x->n_rows; i++) {
        if (m[i].n && m[i].old && m[i].new)
            explain_ratios(&x->rows[i], &m[i], g->arena);
        if (scaled)
            explain_weight(x, &x->rows[i], &m[i], g->arena);
    }
    return true;
}

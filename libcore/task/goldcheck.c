/* goldcheck.c - see goldcheck.h. */
#include "task/goldcheck.h"
#include "answer/answer.h"
#include "answer/box.h"
#include "report/table.h"
#include "stream/outcome.h"
#include "task/gold.h"
#include "task/verify.h"

#include <stdlib.h>
#include <string.h>

const char *const gold_setting_names[] = {"plain", "require", "wrap", "empty", NULL};

/* ---- which text ---- */

static bool gold_row(const struct group *g, const struct object **row, struct err *e)
{
    *row = NULL;
    for (size_t i = 0; i < g->n_responses && !*row; i++) {
        enum source s;
        if (!get_source(g->arena, &g->responses[i], response_where(g->arena, i), &s, e))
            return false;
        if (s == SOURCE_GOLD)
            *row = &g->responses[i];
    }
    return true;
}

static bool find_text(const struct group *g, const struct object *row, struct goldcheck *c,
                      struct err *e)
{
    const struct object *from = row ? row : &g->top;
    bool ok = get_string(g->arena, from, row ? "responses[gold]." : "", row ? F_TEXT : F_GOLD,
                         &c->has_gold, &c->text, e);
    c->has_gold = ok && c->has_gold && str_trim(c->text).n > 0;
    return ok;
}

/* ---- the box ---- */

/* "\boxed{answer}" on a line of its own; in a box there are no dollars. */
static void append_box(struct goldcheck *c, struct str answer, struct arena *a)
{
    struct buf b = {0};
    answer = str_trim(answer);
    buf_putstr(&b, str_trim(c->text));
    buf_puts(&b, "\n\\boxed{");
    for (size_t i = 0; i < answer.n; i++)
        if (answer.p[i] != '$' || (i > 0 && answer.p[i - 1] == '\\'))
            buf_putc(&b, answer.p[i]);
    buf_puts(&b, "}");
    c->text = raw_buf(a, &b);
    c->appended = true;
    buf_free(&b);
}

static void look_at_text(struct goldcheck *c, struct str answer)
{
    static const char *const controls[] = {
        "<|im_end|>", "<|im_start|>",    "<|endoftext|>",        "<|eot_id|>",
        "</s>",       "<|end_of_text|>", "<｜end▁of▁sentence｜>"};
    struct spans boxes;
    spans_boxes(c->text, &boxes);
    c->boxed = boxes.n > 0;
    c->bare = gold_is_bare(c->text, answer);
    c->cut = boxes.open || str_count(c->text, STR("\\begin{")) != str_count(c->text, STR("\\end{"));
    if (c->boxed)
        c->trailing =
            utf8_length(str_trim(str_slice(c->text, boxes.item[boxes.n - 1].end, c->text.n)));
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
        c->spells_end |= str_find(c->text, str_of(controls[i]), 0) != STR_NONE;
    c->opens = str_count(c->text, STR("<think>"));
    c->ends = str_count(c->text, STR("</think>"));
}

/* ---- the verdict ---- */

static bool read_answer(const struct group *g, struct str *answer, struct err *e)
{
    const struct str *v = object_get(&g->top, F_ANSWER);
    bool has;
    *answer = STR("");
    if (v && json_type(*v) == JSON_NUMBER) {
        *answer = *v;
        return true;
    }
    return get_string(g->arena, &g->top, "", F_ANSWER, &has, answer, e);
}

static bool judge(const struct goldcheck_options *o, const struct group *g, struct str answer,
                  struct goldcheck *c, struct err *e)
{
    static const enum verdict map[] = {VERDICT_CORRECT, VERDICT_WRONG, VERDICT_NO_ANSWER,
                                       VERDICT_BAD_REFERENCE};
    struct str name = str_of(verify_type_names[o->type]);
    struct answer_options ao = answer_defaults();
    struct answer_judgement j;
    bool has;
    int type = 0;
    if (!get_string(g->arena, &g->top, "", F_VERIFIER, &has, &name, e))
        return false;
    while (verify_type_names[type] && !str_is(name, verify_type_names[type]))
        type++;
    if (!verify_type_names[type] || strcmp(verify_type_names[type], "exec") == 0)
        return err_set(e, ERR_DATA,
                       "its verifier is \"%.*s\": run gcpo-verify first, for \"gold_verdict\"",
                       STR_ARG(name));
    ao.type = (enum answer_type)type;
    answer_judge(answer_reference_new(g->arena, answer, &ao), g->arena, c->text, &j);
    c->verdict = map[j.verdict];
    return true;
}

/* The verdict that is there, unless the text is no longer the one that it is about. */
static bool find_verdict(const struct goldcheck_options *o, const struct group *g,
                         const struct object *row, struct str answer, struct goldcheck *c,
                         struct err *e)
{
    if (!c->appended && !get_verdict(g->arena, row ? row : &g->top, row ? "responses[gold]." : "",
                                     row ? F_VERDICT : F_GOLD_VERDICT, &c->verdict, e))
        return false;
    return c->verdict != VERDICT_ABSENT || judge(o, g, answer, c, e);
}

/* ---- lengths ---- */

static bool measure(const struct goldcheck_options *o, struct arena *a, const struct object *r,
                    struct str text, bool *in_tokens, uint64_t *n, struct err *e)
{
    const struct str *own = r ? object_get(r, F_TOKENS) : NULL;
    int32_t *ids;
    size_t n_ids;
    *in_tokens = true;
    if (own && json_type(*own) == JSON_ARRAY) {
        *n = json_count(*own);
    } else if (o->tokens) {
        if (!goldtokens_encode(o->tokens, text, a, &ids, &n_ids, e))
            return false;
        *n = n_ids;
    } else {
        *in_tokens = false;
        *n = utf8_length(text);
    }
    return true;
}

static int compare_counts(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Lengths of gold and policy, in tokens if all of them have any. */
static bool find_lengths(const struct goldcheck_options *o, const struct group *g,
                         const struct object *row, struct goldcheck *c, struct err *e)
{
    uint64_t *n = arena_array(g->arena, g->n_responses + 1, sizeof *n);
    uint64_t *chars = arena_array(g->arena, g->n_responses + 1, sizeof *chars);
    size_t rows = 0;
    bool tokens, all;
    if (!measure(o, g->arena, row, c->text, &all, &c->length, e))
        return false;
    for (size_t i = 0; i < g->n_responses; i++) {
        struct object displaced;
        const struct object *r = policy_response(g, i, &displaced);
        const char *where = response_where(g->arena, i);
        struct str text;
        if (!r)
            continue;
        if (!need_string(g->arena, r, where, F_TEXT, &text, e) ||
            !measure(o, g->arena, r, text, &tokens, &n[rows], e))
            return false;
        chars[rows++] = utf8_length(text);
        all &= tokens;
    }
    c->in_tokens = all;
    if (!all) {
        c->length = utf8_length(c->text);
        n = chars;
    }
    if (!rows)
        return true;
    qsort(n, rows, sizeof *n, compare_counts);
    c->policy_length = ((double)n[(rows - 1) / 2] + (double)n[rows / 2]) / 2;
    return true;
}

/* ---- surprise ---- */

static bool mean_surprise(struct arena *a, const struct object *r, const char *where, bool *has,
                          double *out, struct err *e)
{
    float *logp;
    size_t n;
    double sum = 0;
    if (!get_floats(a, r, where, F_LOGPROBS, has, &logp, &n, e))
        return false;
    for (size_t i = 0; i < n; i++)
        sum -= (double)logp[i];
    *has = n > 0;
    *out = n ? sum / (double)n : 0;
    return true;
}

static bool find_surprise(const struct group *g, const struct object *row, struct goldcheck *c,
                          struct err *e)
{
    size_t rows = 0;
    double sum = 0;
    if (row && !mean_surprise(g->arena, row, "responses[gold].", &c->has_surprise, &c->surprise, e))
        return false;
    for (size_t i = 0; i < g->n_responses && c->has_surprise; i++) {
        struct object displaced;
        const struct object *r = policy_response(g, i, &displaced);
        bool has = false;
        double s;
        if (r && !mean_surprise(g->arena, r, response_where(g->arena, i), &has, &s, e))
            return false;
        if (!r || !has)
            continue;
        sum += s;
        rows++;
    }
    c->has_policy_surprise = rows > 0;
    c->policy_surprise = rows ? sum / (double)rows : 0;
    return true;
}

/* ---- what becomes of it ---- */

static bool find_fate(const struct goldcheck_options *o, const struct group *g, struct str answer,
                      enum gold_setting setting, struct goldcheck *c, struct err *e)
{
    static const enum inject_think think[] = {THINK_ASIS, THINK_REQUIRE, THINK_WRAP, THINK_EMPTY};
    enum gold_fate *fate = &c->fate[setting];
    struct str text = c->text;
    uint64_t limit = o->max_tokens;
    bool has = true;
    int32_t *ids;
    size_t n;
    *fate = FATE_NO_GOLD;
    if (!c->has_gold)
        return true;
    *fate = FATE_NOT_CORRECT;
    if (c->verdict != VERDICT_CORRECT)
        return true;
    *fate = FATE_BARE;
    if (c->bare)
        return true;
    *fate = FATE_NO_THOUGHT;
    if (!gold_fit_thought(think[setting], answer, g->arena, &text))
        return true;
    *fate = FATE_INJECTED;
    if (!o->tokens)
        return true;
    if (!limit && !get_count(&g->top, "", F_MAX_TOKENS, &has, &limit, e))
        return false;
    if (!goldtokens_encode(o->tokens, text, g->arena, &ids, &n, e)) {
        if (setting == SETTING_PLAIN || e->status != ERR_DATA)
            return false;
        *e = (struct err)ERR_NONE; /* a vocabulary that cannot spell </think> */
        *fate = FATE_NO_THOUGHT;
        return true;
    }
    if (has && limit && n > limit)
        *fate = FATE_TOO_LONG;
    return true;
}

bool goldcheck_run(const struct goldcheck_options *o, const struct group *g, struct goldcheck *out,
                   struct err *e)
{
    const struct object *row;
    struct str answer;
    *out = (struct goldcheck){0};
    if (!gold_row(g, &row, e) || !find_text(g, row, out, e) || !read_answer(g, &answer, e))
        return false;
    if (out->has_gold) {
        struct spans boxes;
        spans_boxes(out->text, &boxes);
        if (o->append_box && !boxes.n && !row && answer.n)
            append_box(out, answer, g->arena);
        look_at_text(out, answer);
        if (!find_verdict(o, g, row, answer, out, e) || !find_lengths(o, g, row, out, e) ||
            !find_surprise(g, row, out, e))
            return false;
    }
    for (int s = 0; s < N_SETTINGS; s++)
        if (!find_fate(o, g, answer, (enum gold_setting)s, out, e))
            return false;
    return true;
}

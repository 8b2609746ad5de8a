/* reading.c - see reading.h.
 *
 * Judgements are told by sign and word, colour only repeats them. */
#include "task/reading.h"
#include "report/digest.h"
#include "task/screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INDENT = 4, UNLIKELY_SHOWN = 3 };

/* Token probabilities below which a token is marked. */
static const struct {
    double below;
    const char *sgr;
} marks[] = {{0.001, "4;31"}, {0.01, "4;33"}, {0.1, "4"}};

struct page {
    const struct reading *r;
    const struct group *g;
    struct screen screen;
    struct buf *out;
};

static void put_styled(const struct page *p, const char *sgr, const char *text)
{
    screen_put_inline(&p->screen, str_of(text), sgr);
}

static const char *judgement(enum verdict v, const char **sgr)
{
    static const char *const names[N_VERDICTS] = {"not judged",  "+ correct",       "- wrong",
                                                  "- no answer", "? bad reference", "? error"};
    static const char *const styles[N_VERDICTS] = {"2", "1;32", "1;31", "1;33", "1;35", "1;35"};
    *sgr = styles[v];
    return names[v];
}

/* "   name value" of a member that is there; numbers to five digits. */
static void put_member(const struct page *p, const struct object *o, enum field f, const char *name)
{
    const struct str *v = object_get(o, f);
    double number;
    if (!v)
        return;
    buf_printf(p->out, "   %s ", name);
    if (json_double(*v, &number))
        buf_printf(p->out, "%.5g", number);
    else
        screen_put_inline(&p->screen,
                          json_type(*v) == JSON_STRING ? json_decode(p->g->arena, *v) : *v, NULL);
}

static void put_text(const struct page *p, struct str text)
{
    if (text.n)
        screen_put(&p->screen, text, NULL, 0);
    else
        buf_printf(p->out, "%*s(empty)\n", INDENT, "");
}

static bool put_string(const struct page *p, const struct object *o, enum field f, const char *name,
                       struct err *e)
{
    bool has;
    struct str text;
    if (!get_string(p->g->arena, o, "", f, &has, &text, e))
        return false;
    if (has) {
        put_styled(p, "1", name);
        buf_putc(p->out, '\n');
        put_text(p, text);
        buf_putc(p->out, '\n');
    }
    return true;
}

/* ---- the prompt ---- */

static bool put_messages(const struct page *p, struct err *e)
{
    const struct str *messages = object_get(&p->g->top, F_MESSAGES);
    struct str v;
    if (!messages || json_type(*messages) != JSON_ARRAY)
        return true;
    for (struct json_iter it = json_iter(*messages); json_next(&it, NULL, &v);) {
        struct object m;
        bool has;
        struct str role = STR("message");
        if (!object_split(p->g->arena, v, &m))
            return err_set(e, ERR_DATA, "\"messages\" has %s (expected objects)",
                           json_type_name(json_type(v)));
        if (!get_string(p->g->arena, &m, "messages.", F_ROLE, &has, &role, e))
            return false;
        screen_put_inline(&p->screen, role, "1");
        buf_putc(p->out, '\n');
        struct str content = {0};
        if (!get_string(p->g->arena, &m, "messages.", F_CONTENT, &has, &content, e))
            return false;
        put_text(p, content);
        buf_putc(p->out, '\n');
    }
    return true;
}

/* "mixed, 2 of 8 correct"; empty if there are no verdicts. */
static bool describe(const struct group *g, char *out, size_t n, struct err *e)
{
    struct digest d;
    *out = 0;
    if (!digest_group(g, NULL, 0, &d, e))
        return false;
    if (!d.n_rows)
        snprintf(out, n, "a prompt without responses");
    else if (!d.judged)
        snprintf(out, n, "%zu responses, not judged", d.n);
    else
        snprintf(out, n, "%s, %u of %zu correct", contrast_name(d.contrast), d.rate.c, d.n);
    return true;
}

static void put_rule(const struct page *p, char c)
{
    size_t n = p->r->width ? p->r->width : 80;
    for (size_t i = 0; i < n; i++)
        buf_putc(p->out, c);
    buf_putc(p->out, '\n');
}

static bool put_head(const struct page *p, struct err *e)
{
    const struct object *top = &p->g->top;
    char text[80];
    struct str id;
    if (!group_id(p->g, &id, e) || !describe(p->g, text, sizeof text, e))
        return false;
    put_rule(p, '=');
    screen_put_inline(&p->screen, id, "1");
    put_member(p, top, F_ROUND, "round");
    buf_printf(p->out, "   %s", text);
    put_member(p, top, F_ANSWER, "answer");
    put_member(p, top, F_GOLD_FATE, "gold");
    buf_puts(p->out, "\n\n");
    return put_string(p, top, F_SYSTEM, "system", e) && put_string(p, top, F_PROMPT, "prompt", e) &&
           put_messages(p, e);
}

/* ---- responses ---- */

struct scored { /* a response's tokens with their log-probabilities */
    int32_t *id;
    float *logp;
    size_t n, n_logp;
};

static bool get_scored(const struct page *p, const struct object *r, const char *where,
                       struct scored *s, struct err *e)
{
    bool has;
    struct arena *a = p->g->arena;
    if (!get_tokens(a, r, where, F_TOKENS, &has, &s->id, &s->n, e) ||
        !get_floats(a, r, where, F_LOGPROBS, &has, &s->logp, &s->n_logp, e))
        return false;
    if (has && s->n != s->n_logp)
        return err_set(e, ERR_DATA, "\"%slogprobs\" has %zu elements (expected %zu, as tokens)",
                       where, s->n_logp, s->n);
    return true;
}

/* The positions of the smallest log-probs, least first. */
static size_t least_likely(const struct scored *s, size_t at[UNLIKELY_SHOWN])
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_logp; i++) {
        size_t k = n < UNLIKELY_SHOWN ? n++ : UNLIKELY_SHOWN;
        for (; k && s->logp[at[k - 1]] > s->logp[i]; k--)
            if (k < UNLIKELY_SHOWN)
                at[k] = at[k - 1];
        if (k < UNLIKELY_SHOWN)
            at[k] = i;
    }
    return n;
}

static void put_scores(const struct page *p, const struct scored *s)
{
    size_t at[UNLIKELY_SHOWN], n = least_likely(s, at);
    double sum = 0;
    for (size_t i = 0; i < s->n_logp; i++)
        sum += (double)s->logp[i];
    if (!n)
        return;
    buf_printf(p->out, "    log-prob %.4g, per token %.4g, least likely:", sum,
               sum / (double)s->n_logp);
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->out, "%s #%zu ", i ? "," : "", at[i]);
        if (p->r->tok) {
            struct buf text = {0};
            tokenizer_decode(p->r->tok, &s->id[at[i]], 1, false, &text);
            buf_putc(p->out, '"');
            screen_put_inline(&p->screen, buf_str(&text), NULL);
            buf_puts(p->out, "\" ");
            buf_free(&text);
        }
        buf_printf(p->out, "%.3g", (double)s->logp[at[i]]);
    }
    buf_putc(p->out, '\n');
}

static const char *mark_of(float logp)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if ((double)logp < log(marks[i].below))
            return marks[i].sgr;
    return NULL;
}

/* The tokens' own text, special ones included, the unlikely ones marked. */
static void put_marked(const struct page *p, const struct scored *s)
{
    struct buf text = {0};
    struct decoder d = decoder_start(p->r->tok, false);
    struct screen_span *spans = arena_array(p->g->arena, s->n + 1, sizeof *spans);
    for (size_t i = 0; i < s->n; i++) {
        decoder_push(&d, s->id[i], &text);
        spans[i] = (struct screen_span){text.n, s->n_logp ? mark_of(s->logp[i]) : NULL};
    }
    decoder_finish(&d, &text);
    spans[s->n] = (struct screen_span){text.n, NULL};
    screen_put(&p->screen, buf_str(&text), spans, s->n + 1);
    buf_free(&text);
}

static bool put_response(const struct page *p, const struct object *r, size_t i, const char *kind,
                         struct err *e)
{
    const char *where = response_where(p->g->arena, i), *sgr;
    enum verdict v;
    enum finish finish;
    struct scored s;
    struct str text = {0};
    bool has;
    if (!get_verdict(p->g->arena, r, where, F_VERDICT, &v, e) ||
        !get_finish(p->g->arena, r, where, &finish, e) || !get_scored(p, r, where, &s, e) ||
        !get_string(p->g->arena, r, where, F_TEXT, &has, &text, e))
        return false;
    const char *name = judgement(v, &sgr);
    buf_printf(p->out, "[%zu] ", i);
    if (*kind) {
        put_styled(p, "1;7", kind);
        buf_puts(p->out, "  ");
    }
    put_styled(p, sgr, name);
    put_member(p, r, F_REWARD, "reward");
    put_member(p, r, F_LENGTH_PENALTY, "length penalty");
    put_member(p, r, F_FORMAT_BONUS, "format bonus");
    put_member(p, r, F_ADVANTAGE, "advantage");
    put_member(p, r, F_EXTRACTED, "answer");
    put_member(p, r, F_WHY, "why");
    if (s.n)
        buf_printf(p->out, "   %zu tokens", s.n);
    if (finish == FINISH_LENGTH)
        put_styled(p, "1;33", "   cut off");
    buf_putc(p->out, '\n');
    put_scores(p, &s);
    if (p->r->tok && s.n)
        put_marked(p, &s);
    else
        put_text(p, text);
    buf_putc(p->out, '\n');
    return true;
}

static bool put_gold(const struct page *p, struct err *e)
{
    const struct object *top = &p->g->top;
    const char *sgr;
    enum verdict v;
    bool has;
    struct str text;
    if (!get_string(p->g->arena, top, "", F_GOLD, &has, &text, e) ||
        !get_verdict(p->g->arena, top, "", F_GOLD_VERDICT, &v, e))
        return false;
    if (!has)
        return true;
    const char *name = judgement(v, &sgr);
    put_styled(p, "1", "gold");
    buf_puts(p->out, "  ");
    put_styled(p, sgr, name);
    buf_putc(p->out, '\n');
    put_text(p, text);
    buf_putc(p->out, '\n');
    return true;
}

bool reading_put(const struct reading *r, const struct group *g, struct buf *out, struct err *e)
{
    struct page p = {r, g, {out, r->colour, r->width, INDENT, r->lines}, out};
    bool has_gold_row = false;
    if (!put_head(&p, e))
        return false;
    for (size_t i = 0; i < g->n_responses; i++) {
        struct object displaced;
        const struct object *own = policy_response(g, i, &displaced);
        bool gold = own != &g->responses[i];
        has_gold_row |= gold;
        if (!put_response(&p, &g->responses[i], i, gold ? "GOLD" : "", e) ||
            (gold && own && !put_response(&p, own, i, "displaced", e)))
            return false;
    }
    return has_gold_row || put_gold(&p, e);
}

const char reading_line_heading[] =
    "  right  contrast    length  cut off  gold          round  id\n";

bool reading_put_line(const struct reading *r, const struct group *g, struct buf *out,
                      struct err *e)
{
    const struct screen screen = {out, r->colour, 0, 0, 0};
    struct digest d;
    struct str id;
    uint64_t round = 0;
    bool has;
    size_t cut = 0;
    double length = 0;
    char right[32] = "-";
    if (!group_id(g, &id, e) || !get_count(&g->top, "", F_ROUND, &has, &round, e) ||
        !digest_group(g, NULL, 0, &d, e))
        return false;
    for (size_t i = 0; i < d.n; i++) {
        length += (double)d.response[i].length;
        cut += d.response[i].truncated;
    }
    if (d.judged)
        snprintf(right, sizeof right, "%u/%u", d.rate.c, d.rate.n);
    buf_printf(out, "%7s  %-10s  %6.0f  %7zu  ", right, d.judged ? contrast_name(d.contrast) : "-",
               d.n ? length / (double)d.n : 0, cut);
    size_t before = out->n;
    if (d.has_fate)
        screen_put_inline(&screen, str_slice(d.fate, 0, d.fate.n < 12 ? d.fate.n : 12), NULL);
    buf_printf(out, "%*s  %5llu  ", (int)(out->n - before < 12 ? 12 - (out->n - before) : 0), "",
               (unsigned long long)round);
    screen_put_inline(&screen, id, NULL);
    buf_putc(out, '\n');
    return true;
}

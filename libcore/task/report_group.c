/* report_group.c - see report_group.h. */
#include "task/report_group.h"
#include "report/digest.h"
#include "report/html.h"
#include "task/member.h"

#include <math.h>
#include <stdio.h>

struct card {
    const struct group *g;
    const struct tokenizer *tok;
    struct buf *out;
    double logp; /* over all responses that have log-probs */
    size_t n_logp;
    double moved; /* the gold's log-prob per token, new minus old; 0 if it was not scored */
};

/* ---- texts ---- */

static void put_cut(struct buf *out, size_t shown, size_t whole)
{
    if (shown < whole)
        buf_printf(out, "<span class=\"dim\"> [%zu of %zu bytes]</span>", shown, whole);
}

static void put_text(struct card *c, struct str text)
{
    struct str shown = str_slice(text, 0, text.n < REPORT_TEXT_MAX ? text.n : REPORT_TEXT_MAX);
    buf_puts(c->out, "<pre>");
    html_put(c->out, shown);
    put_cut(c->out, shown.n, text.n);
    buf_puts(c->out, "</pre>\n");
}

static bool put_string(struct card *c, const struct object *o, enum field f, const char *name,
                       struct err *e)
{
    bool has;
    struct str text;
    if (!get_string(c->g->arena, o, "", f, &has, &text, e))
        return false;
    if (has) {
        buf_printf(c->out, "<div class=\"dim\">%s</div>", name);
        put_text(c, text);
    }
    return true;
}

static const char *shade_of(float logp)
{
    static const struct {
        double below;
        const char *name;
    } shades[] = {{0.01, "p3"}, {0.1, "p2"}, {0.5, "p1"}};
    for (size_t i = 0; i < sizeof shades / sizeof *shades; i++)
        if ((double)logp < log(shades[i].below))
            return shades[i].name;
    return NULL;
}

struct scored {
    int32_t *id;
    float *logp, *new;
    size_t n, n_logp, n_new;
};

/* What the ids spell, special tokens included. */
static void put_shaded(struct card *c, const struct scored *s)
{
    struct decoder d = decoder_start(c->tok, false);
    struct buf text = {0};
    size_t i, bytes = 0;
    buf_puts(c->out, "<pre>");
    for (i = 0; i < s->n && bytes < REPORT_TEXT_MAX; i++) {
        const char *shade = s->n_logp ? shade_of(s->logp[i]) : NULL;
        buf_reset(&text);
        decoder_push(&d, s->id[i], &text);
        bytes += text.n;
        if (shade)
            buf_printf(c->out, "<span class=\"%s\" title=\"%.3g\">", shade, (double)s->logp[i]);
        html_put(c->out, buf_str(&text));
        if (shade)
            buf_puts(c->out, "</span>");
    }
    buf_reset(&text);
    decoder_finish(&d, &text);
    html_put(c->out, buf_str(&text));
    if (i < s->n)
        buf_printf(c->out, "<span class=\"dim\"> [%zu of %zu tokens]</span>", i, s->n);
    buf_puts(c->out, "</pre>\n");
    buf_free(&text);
}

/* ---- rows ---- */

static bool get_scored(struct card *c, const struct object *r, const char *where, struct scored *s,
                       struct err *e)
{
    bool has;
    struct arena *a = c->g->arena;
    if (!get_tokens(a, r, where, F_TOKENS, &has, &s->id, &s->n, e) ||
        !get_floats(a, r, where, F_LOGPROBS, &has, &s->logp, &s->n_logp, e) ||
        !get_floats(a, r, where, F_REF_LOGPROBS, &has, &s->new, &s->n_new, e))
        return false;
    if ((s->n_logp && s->n_logp != s->n) || (s->n_new && s->n_new != s->n))
        return err_set(e, ERR_DATA, "\"%slogprobs\" and tokens differ in length", where);
    return true;
}

static double sum_of(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i];
    return sum;
}

static void put_logprobs(struct card *c, const struct scored *s)
{
    double old = sum_of(s->logp, s->n_logp), new = sum_of(s->new, s->n_new);
    if (s->n_logp)
        buf_printf(c->out, "<span>log-prob %.4g (%.3g per token)</span>", old,
                   old / (double)s->n_logp);
    if (s->n_new)
        buf_printf(c->out, "<span>under the other model %.4g</span>", new);
    if (s->n_logp && s->n_new)
        buf_printf(c->out, "<span>ratio %.4g</span>", exp((new - old) / (double)s->n));
}

static void put_number(struct card *c, const struct object *r, enum field f, const char *name)
{
    const struct str *v = object_get(r, f);
    double number;
    if (v && json_double(*v, &number))
        buf_printf(c->out, "<span>%s %.5g</span>", name, number);
}

static const char *sign_of(enum verdict v)
{
    static const char *const signs[N_VERDICTS] = {"not judged",         "\xE2\x9C\x93 correct",
                                                  "\xE2\x9C\x97 wrong", "\xE2\x88\x85 no answer",
                                                  "? bad reference",    "? error"};
    return signs[v];
}

static bool put_row(struct card *c, const struct object *r, size_t i, const char *kind,
                    struct err *e)
{
    const char *where = response_where(c->g->arena, i);
    enum verdict v;
    enum finish finish;
    struct scored s = {0};
    struct str text = {0}, extracted, why;
    bool has, has_extracted, has_why;
    if (!get_verdict(c->g->arena, r, where, F_VERDICT, &v, e) ||
        !get_finish(c->g->arena, r, where, &finish, e) || !get_scored(c, r, where, &s, e) ||
        !get_string(c->g->arena, r, where, F_TEXT, &has, &text, e) ||
        !get_string(c->g->arena, r, where, F_EXTRACTED, &has_extracted, &extracted, e) ||
        !get_string(c->g->arena, r, where, F_WHY, &has_why, &why, e))
        return false;
    buf_printf(c->out, "<div class=\"row %s %s\"><div class=\"head\"><b>%s</b>", kind,
               verdict_name(v), sign_of(v));
    if (*kind)
        buf_printf(c->out, "<b>%s</b>", *kind == 'g' ? "gold" : "displaced by the gold");
    put_number(c, r, F_REWARD, "reward");
    put_number(c, r, F_LENGTH_PENALTY, "length penalty");
    put_number(c, r, F_FORMAT_BONUS, "format bonus");
    put_number(c, r, F_ADVANTAGE, "advantage");
    if (has_extracted) {
        buf_puts(c->out, "<span>answer ");
        html_put(c->out, extracted);
        buf_puts(c->out, "</span>");
    }
    if (has_why) {
        buf_puts(c->out, "<span>");
        html_put(c->out, why);
        buf_puts(c->out, "</span>");
    }
    if (s.n)
        buf_printf(c->out, "<span>%zu tokens%s</span>", s.n,
                   finish == FINISH_LENGTH ? ", cut off" : "");
    put_logprobs(c, &s);
    buf_puts(c->out, "</div>\n");
    if (*kind == 'g' && s.n_logp && s.n_new) {
        c->moved = (sum_of(s.new, s.n_new) - sum_of(s.logp, s.n_logp)) / (double)s.n;
    } else if (*kind != 'g') {
        c->logp += sum_of(s.logp, s.n_logp);
        c->n_logp += s.n_logp;
    }
    if (c->tok && s.n)
        put_shaded(c, &s);
    else
        put_text(c, text);
    buf_puts(c->out, "</div>\n");
    return true;
}

static bool put_rows(struct card *c, struct err *e)
{
    size_t n = c->g->n_responses < REPORT_ROWS_MAX ? c->g->n_responses : REPORT_ROWS_MAX;
    for (size_t i = 0; i < n; i++) {
        struct object displaced;
        const struct object *own = policy_response(c->g, i, &displaced);
        bool gold = own != &c->g->responses[i];
        if (!put_row(c, &c->g->responses[i], i, gold ? "gold" : "", e) ||
            (gold && own && !put_row(c, own, i, "replaced", e)))
            return false;
    }
    if (n < c->g->n_responses)
        buf_printf(c->out, "<p class=\"dim\">%zu more responses</p>\n", c->g->n_responses - n);
    return true;
}

/* ---- the group ---- */

/* The first of these members that the record has, as "tier 2": what kind of problem it is. */
static void put_part(const struct group *g, struct buf *out)
{
    static const char *const names[] = {"data_source", "tier", "level", "subject"};
    struct buf b = {0};
    struct str value;
    for (size_t i = 0; i < sizeof names / sizeof *names && !b.n; i++)
        if (member_find(g->arena, &g->top, names[i], &value)) {
            buf_printf(&b, "%s ", names[i]);
            buf_putstr(&b, member_text(g->arena, &g->top, names[i]));
        }
    html_attribute(out, "data-part", buf_str(&b));
    buf_free(&b);
}

static void put_count(struct buf *out, const char *name, double v)
{
    buf_printf(out, " data-%s=\"%.6g\"", name, v);
}

/* What the script filters and orders by, and the line that is always seen. */
static bool put_head(const struct card *c, const struct digest *d, const char *run, size_t step,
                     struct buf *out, struct err *e)
{
    struct str id, answer = {0};
    struct buf verdicts = {0};
    bool has, seen[N_VERDICTS] = {false};
    double length = 0;
    if (!group_id(c->g, &id, e) ||
        !get_string(c->g->arena, &c->g->top, "", F_ANSWER, &has, &answer, e))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        length += (double)d->response[i].length / (double)d->n;
        if (!seen[d->response[i].verdict] && d->response[i].verdict != VERDICT_ABSENT)
            buf_printf(&verdicts, "%s%s", verdicts.n ? " " : "",
                       verdict_name(d->response[i].verdict));
        seen[d->response[i].verdict] = true;
    }
    const char *contrast = d->judged ? contrast_name(d->contrast) : "not judged";
    buf_puts(out, "<details class=\"group\"");
    html_attribute(out, "data-run", str_of(run));
    put_count(out, "step", (double)step);
    html_attribute(out, "data-contrast", str_of(contrast));
    html_attribute(out, "data-verdicts", buf_str(&verdicts));
    html_attribute(out, "data-gold", d->has_fate ? d->fate : STR(""));
    put_part(c->g, out);
    html_attribute(out, "data-id", id);
    put_count(out, "right", d->rate.n ? (double)d->rate.c / d->rate.n : -1);
    put_count(out, "length", length);
    put_count(out, "logp", c->n_logp ? c->logp / (double)c->n_logp : 0);
    put_count(out, "moved", c->moved);
    buf_puts(out, "><summary><span class=\"id\">");
    html_put(out, id);
    buf_printf(out, "</span><span>%s, %u of %u</span><span class=\"dim\">answer ", contrast,
               d->rate.c, d->rate.n);
    html_put(out, str_slice(answer, 0, answer.n < 80 ? answer.n : 80));
    buf_printf(out, "</span><span class=\"dim\">step %zu, ", step);
    html_puts(out, run);
    buf_puts(out, "</span>");
    if (d->has_fate) {
        buf_puts(out, "<span>gold ");
        html_put(out, d->fate);
        buf_puts(out, "</span>");
    }
    buf_puts(out, "</summary>\n");
    buf_free(&verdicts);
    return true;
}

static bool put_messages(struct card *c, struct err *e)
{
    const struct str *messages = object_get(&c->g->top, F_MESSAGES);
    struct str v, text;
    if (!messages || json_type(*messages) != JSON_ARRAY)
        return true;
    for (struct json_iter it = json_iter(*messages); json_next(&it, NULL, &v);) {
        struct object m;
        bool has;
        if (!object_split(c->g->arena, v, &m))
            continue;
        buf_puts(c->out, "<div class=\"dim\">");
        if (!get_string(c->g->arena, &m, "messages.", F_ROLE, &has, &text, e))
            return false;
        html_put(c->out, has ? text : STR("message"));
        buf_puts(c->out, "</div>");
        if (!get_string(c->g->arena, &m, "messages.", F_CONTENT, &has, &text, e))
            return false;
        put_text(c, has ? text : STR(""));
    }
    return true;
}

bool report_group(const struct group *g, const char *run, size_t step, const struct tokenizer *tok,
                  struct buf *out, struct err *e)
{
    struct buf body = {0};
    struct card c = {.g = g, .tok = tok, .out = &body};
    struct digest d;
    bool ok = digest_group(g, NULL, 0, &d, e) && put_string(&c, &g->top, F_SYSTEM, "system", e) &&
              put_string(&c, &g->top, F_PROMPT, "prompt", e) && put_messages(&c, e) &&
              put_rows(&c, e) &&
              (d.golds || put_string(&c, &g->top, F_GOLD, "gold, not in the group", e)) &&
              put_head(&c, &d, run, step, out, e);
    if (ok) {
        buf_putstr(out, buf_str(&body));
        buf_puts(out, "</details>\n");
    }
    buf_free(&body);
    return ok;
}

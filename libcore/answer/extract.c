/* extract.c - see extract.h. */
#include "answer/extract.h"
#include "answer/box.h"
#include "answer/prose.h"
#include "answer/scan.h"

#include <string.h>

enum { WHOLE_MAX = 1024 }; /* bytes of a response that is nothing but its answer */

static bool give(struct extraction *out, struct str text, const char *why)
{
    text = str_trim(text);
    out->found = text.n > 0 && text.n <= ANSWER_BYTES_MAX;
    out->text = text;
    out->why = out->found ? why : text.n ? "limit:bytes" : "extract:empty";
    return true;
}

/* ---- the thought ---- */

/* What follows the thought; false if it is never closed. */
static bool after_thought(struct str *t, const struct answer_options *o)
{
    if (o->keep_reasoning)
        return true;
    struct str delimiter = o->delimiter ? str_of(o->delimiter) : STR("</think>");
    size_t at = str_rfind(*t, delimiter);
    if (at != STR_NONE)
        *t = str_slice(*t, at + delimiter.n, t->n);
    else if (o->delimiter) /* the caller knows that there is a thought */
        return false;
    return o->delimiter || str_find(*t, STR("<think>"), 0) == STR_NONE;
}

/* ---- pieces ---- */

/* The end of a text that goes on after its answer: special tokens of chats. */
static struct str before_special(struct str t)
{
    static const char *const tokens[] = {"<|", "</s>", "<eos>", "<\xef\xbd\x9c"};
    for (size_t k = 0; k < sizeof tokens / sizeof *tokens; k++) {
        size_t at = str_find(t, str_of(tokens[k]), 0);
        if (at != STR_NONE && at != 0)
            t = str_slice(t, 0, at);
    }
    return t;
}

static bool last_formula(struct arena *a, struct str t, const struct answer_options *o,
                         struct extraction *out)
{
    struct spans s;
    spans_formulas(t, &s);
    if (!s.n)
        return false;
    struct str f = spans_join(a, t, &s);
    struct str rest = str_trim(str_slice(t, s.item[s.n - 1].end, t.n));
    struct str number;
    /* "$28$ percent": the sign belongs to it */
    bool percent = rest.n && rest.p[0] == '%';
    percent = percent || (rest.n >= 7 && memcmp(rest.p, "percent", 7) == 0);
    if (percent && f.n) {
        char *p = arena_alloc(a, f.n + 2);
        memcpy(p, f.p, f.n);
        memcpy(p + f.n, "\\%", 2);
        return give(out, (struct str){p, f.n + 2}, "extract:formula");
    }
    /* "Pay $5 now, $6 later": what lies between two prices is prose.  And where
     * numbers count, one that comes later in words is nearer to the answer. */
    if (o->last_number && prose_last_number(rest, &number))
        return give(out, number, "extract:number");
    return give(out, f, "extract:formula");
}

/* The answer in a short sentence, without what leads to it or comes after it:
 * "so the angle is 90", "5, because 2 + 3 = 5".  Words alone stay as they are. */
static struct str stated(struct str s)
{
    static const char *const reasons[] = {", because ", " because ", ", since ", " since ",
                                          ", as ",      ", which ",  ", so ",    ", where "};
    struct str found;
    for (size_t k = 0; k < sizeof reasons / sizeof *reasons; k++) {
        size_t i = str_find(s, str_of(reasons[k]), 0);
        if (i != STR_NONE && i > 0)
            s = str_slice(s, 0, i);
    }
    if (prose_after_verb(s, &found) && !prose_is(found))
        for (size_t i = 0; i < found.n; i++)
            if (scan_digit(found.p[i]) || found.p[i] == '\\')
                return found;
    return prose_without_lead(s);
}

/* An announced answer that may have words around it. */
static bool announced_answer(struct arena *a, struct announced x, const struct answer_options *o,
                             bool choice, struct extraction *out)
{
    struct spans s;
    struct str found;
    spans_formulas(x.text, &s);
    if (choice && prose_choice(x.text, o->strings, o->n_strings, &found))
        return give(out, found, "extract:choice");
    if (o->targets == ANSWER_LATEX && !s.n)
        return false;
    if (s.n && s.item[0].begin == 0) {
        struct str rest = str_trim(str_slice(x.text, s.item[0].end, x.text.n));
        bool why = prose_explains(rest);
        if (why || (s.n == 1 && (!rest.n || prose_is(rest))))
            return give(out, str_slice(x.text, s.item[0].from, s.item[0].to), "extract:phrase");
    }
    struct str said = stated(x.text); /* unless a formula says it */
    if ((!x.whole || x.final) && (!s.n || s.item[s.n - 1].end <= (size_t)(said.p - x.text.p)))
        x.text = said;
    if (!prose_is(x.text))
        return give(out, x.text, x.whole ? "extract:line" : "extract:phrase");
    if (x.final && prose_after_verb(x.text, &found) && !prose_is(found))
        return give(out, found, "extract:phrase");
    if (s.n)
        return last_formula(a, x.text, o, out);
    if (!o->require_box && prose_last_number(x.text, &found) && (x.final || o->last_number))
        return give(out, found, "extract:phrase");
    return false;
}

static bool boxed(struct arena *a, struct str t, const struct answer_options *o, bool reference,
                  bool choice, struct extraction *out)
{
    struct spans s;
    struct announced x;
    spans_boxes(t, &s);
    if (s.n) {
        struct str after = str_slice(t, s.item[s.n - 1].end, t.n);
        if (!o->require_box && prose_announced(after, &x) && x.final &&
            announced_answer(a, x, o, choice, out) && out->found)
            return true;
        struct str text = spans_join(a, t, &s);
        size_t n;
        for (;;) { /* \boxed{\boxed{7}} */
            struct spans inner;
            spans_boxes(text, &inner);
            n = inner.n;
            if (n != 1 || inner.item[0].begin != 0 || inner.item[0].end != text.n)
                break;
            text = str_trim(str_slice(text, inner.item[0].from, inner.item[0].to));
        }
        return give(out, text, "extract:box");
    }
    if (!s.open)
        return false;
    /* The brace is missing.  At the very end of a response the answer may have
     * been cut off, so it is none; a line or a formula that ends is complete. */
    struct str rest = str_slice(t, s.unclosed.from, t.n);
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '\n' && rest.p[end] != '$')
        end++;
    if (end == rest.n && !reference)
        return give(out, (struct str){NULL, 0}, "");
    return give(out, str_slice(rest, 0, end), "extract:box");
}

static void absent(struct extraction *out, const char *why)
{
    *out = (struct extraction){false, {NULL, 0}, why};
}

void extract_response(struct arena *a, struct str t, const struct answer_options *o, bool choice,
                      struct extraction *out)
{
    struct announced x;
    struct str found;
    absent(out, "extract:none");
    if (!after_thought(&t, o)) {
        absent(out, "extract:thought");
        return;
    }
    if (t.n > ANSWER_TAIL_MAX)
        t = str_slice(t, t.n - ANSWER_TAIL_MAX, t.n);
    while (t.n && (t.p[0] & 0xc0) == 0x80) /* the cut went through a character */
        t = str_slice(t, 1, t.n);
    t = str_trim(t);
    if (boxed(a, t, o, false, choice, out) || o->require_box)
        return;
    t = before_special(t);
    bool announced = prose_announced(t, &x);
    if (announced && choice && !prose_choice(x.text, o->strings, o->n_strings, &found) &&
        prose_choice(t, o->strings, o->n_strings, &found)) { /* "A: 7" */
        give(out, found, "extract:choice");
        return;
    }
    if (announced && announced_answer(a, x, o, choice, out))
        return;
    if (choice && prose_choice(t, o->strings, o->n_strings, &found)) {
        give(out, found, "extract:choice");
        return;
    }
    if (o->targets && !(o->targets & (ANSWER_LATEX | ANSWER_EXPR)))
        return;
    struct spans s;
    spans_formulas(t, &s);
    if (prose_bold(s.n ? str_slice(t, s.item[s.n - 1].end, t.n) : t, &found)) {
        give(out, found, "extract:bold");
        return;
    }
    if (last_formula(a, t, o, out))
        return;
    if (o->targets && !(o->targets & ANSWER_EXPR))
        return;
    if (t.n && t.n <= WHOLE_MAX && !prose_is(t)) {
        give(out, prose_without_subject(stated(t), o->last_number), "extract:whole");
        return;
    }
    if (o->last_number && prose_last_number(t, &found))
        give(out, found, "extract:number");
}

void extract_reference(struct arena *a, struct str t, const struct answer_options *o,
                       struct extraction *out)
{
    struct answer_options any = *o;
    any.require_box = false;
    any.last_number = true;
    any.delimiter = NULL;
    absent(out, "extract:empty");
    t = str_trim(t);
    if (boxed(a, t, &any, true, false, out))
        return;
    if (prose_is(t)) {
        struct announced x;
        struct spans s;
        spans_formulas(t, &s);
        /* a solution, not an answer in words */
        if (s.n && prose_announced(t, &x) && announced_answer(a, x, &any, false, out))
            return;
    }
    give(out, t, "extract:whole");
}

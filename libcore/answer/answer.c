/* answer.c - the door: types of answers, references, judgements. */
#include "answer/answer.h"
#include "answer/extract.h"
#include "answer/math.h"
#include "answer/pattern.h"
#include "answer/prose.h"

#include <string.h>

struct answer_reference {
    struct answer_options o;
    struct str raw, text; /* as it was given, and the answer in it */
    const char *bad;      /* why it cannot be read; NULL: it can */
    bool choice;          /* it is a letter */
    struct str letter;
    struct math_reference *math; /* ANSWER_MATH, ANSWER_NUMBER */
    struct answer_pattern *pattern;
};

struct answer_options answer_defaults(void)
{
    struct answer_options o;
    memset(&o, 0, sizeof o);
    o.set_relation = true;
    return o;
}

/* ---- references ---- */

static void read_answer(struct answer_reference *r, struct arena *a)
{
    struct extraction x;
    extract_reference(a, r->raw, &r->o, &x);
    r->text = x.text;
    r->bad = x.found ? NULL : x.why;
    if (r->bad)
        return;
    r->choice = prose_choice(r->text, r->o.strings, r->o.n_strings, &r->letter);
    if (r->o.type == ANSWER_CHOICE)
        r->bad = r->choice ? NULL : "reference:choice";
    else
        r->math = math_reference_new(a, r->text, &r->o, &r->bad);
}

struct answer_reference *answer_reference_new(struct arena *a, struct str answer,
                                              const struct answer_options *o)
{
    struct answer_reference *r = arena_alloc(a, sizeof *r);
    memset(r, 0, sizeof *r);
    r->o = *o;
    answer = str_trim(answer);
    r->raw = (struct str){arena_strdup(a, answer.n ? answer.p : "", answer.n), answer.n};
    r->text = r->raw;
    if (!answer.n)
        r->bad = "extract:empty";
    else if (o->type == ANSWER_REGEX)
        r->pattern = answer_pattern_new(a, r->raw, &r->bad);
    else if (o->type != ANSWER_EXACT)
        read_answer(r, a);
    return r;
}

/* ---- judging ---- */

static void decide(struct answer_judgement *out, bool equal, const char *yes, const char *no)
{
    out->verdict = equal ? ANSWER_IS_CORRECT : ANSWER_IS_WRONG;
    out->why = equal ? yes : no;
}

/* A gold that is a letter: the response's letter decides, if it has one. */
static bool by_choice(const struct answer_reference *r, struct answer_judgement *out)
{
    struct str letter;
    struct announced x;
    if (!r->choice)
        return false;
    if (!prose_choice(out->extracted, r->o.strings, r->o.n_strings, &letter) &&
        !(prose_announced(out->extracted, &x) &&
          prose_choice(x.text, r->o.strings, r->o.n_strings, &letter)))
        return false;
    decide(out, str_eq(letter, r->letter), "equal:choice", "differ:choice");
    return true;
}

static void absent(struct answer_judgement *out, enum answer_verdict verdict, const char *why)
{
    *out = (struct answer_judgement){verdict, false, {NULL, 0}, why};
}

void answer_judge_bare(const struct answer_reference *r, struct arena *a, struct str answer,
                       struct answer_judgement *out)
{
    if (r->bad) {
        absent(out, ANSWER_BAD_REFERENCE, r->bad);
        return;
    }
    *out = (struct answer_judgement){ANSWER_IS_WRONG, true, str_trim(answer), NULL};
    if (!out->extracted.n) {
        absent(out, ANSWER_IS_ABSENT, "extract:empty");
    } else if (r->o.type == ANSWER_REGEX) {
        bool limited, equal = answer_pattern_match(r->pattern, a, out->extracted, &limited);
        if (limited) /* nobody knows, and it is the pattern that was too much */
            absent(out, ANSWER_BAD_REFERENCE, "limit:regex");
        else
            decide(out, equal, "equal:regex", "differ:regex");
    } else if (str_eq(out->extracted, r->text) || str_eq(out->extracted, r->raw)) {
        decide(out, true, "equal:text", "");
    } else if (r->o.type == ANSWER_EXACT) {
        decide(out, false, "", "differ:text");
    } else if (!by_choice(r, out)) {
        if (r->math)
            math_judge(r->math, a, out);
        else
            decide(out, false, "", "differ:choice");
    }
}

void answer_judge(const struct answer_reference *r, struct arena *a, struct str response,
                  struct answer_judgement *out)
{
    struct extraction x;
    extract_response(a, response, &r->o, r->choice, &x);
    if (!r->raw.n && x.why && strcmp(x.why, "extract:empty") == 0) {
        /* nothing was asked for, and a box with nothing was given */
        *out = (struct answer_judgement){ANSWER_IS_CORRECT, true, STR(""), "equal:text"};
        return;
    }
    bool whole = r->o.type == ANSWER_EXACT || r->o.type == ANSWER_REGEX;
    if (!x.found && whole && strcmp(x.why, "extract:none") == 0 && !r->o.require_box)
        x = (struct extraction){true, str_trim(response), NULL};
    if (x.found)
        answer_judge_bare(r, a, x.text, out);
    else
        absent(out, r->bad ? ANSWER_BAD_REFERENCE : ANSWER_IS_ABSENT, r->bad ? r->bad : x.why);
}

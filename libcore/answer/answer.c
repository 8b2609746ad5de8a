/* answer.c - the door: types of answers, references, judgements. */
#include "answer/answer.h"
#include "answer/extract.h"
#include "answer/plain.h"
#include "answer/prose.h"
#include "answer/scan.h"
#include "answer/words.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

struct answer_reference {
    struct answer_options o;
    struct str raw, text;
    const char *bad; /* why it cannot be read; NULL: it can */
    bool choice;     /* it is one letter */
    struct str letter;
    bool is_plain;
    struct plain plain;
};

struct answer_options answer_defaults(void)
{
    struct answer_options o;
    memset(&o, 0, sizeof o);
    o.set_relation = true;
    return o;
}

/* ---- text ---- */

static bool same_text(struct str a, struct str b)
{
    a = str_trim(a);
    b = str_trim(b);
    return str_eq(a, b);
}

/* ---- references ---- */

struct answer_reference *answer_reference_new(struct arena *a, struct str answer,
                                              const struct answer_options *o)
{
    struct answer_reference *r = arena_alloc(a, sizeof *r);
    memset(r, 0, sizeof *r);
    r->o = *o;
    r->raw = str_trim(answer);
    r->raw.p = arena_strdup(a, r->raw.p ? r->raw.p : "", r->raw.n);
    r->text = r->raw;
    if (o->type == ANSWER_MATH || o->type == ANSWER_NUMBER || o->type == ANSWER_CHOICE) {
        struct extraction x;
        extract_reference(a, r->raw, o, &x);
        r->text = x.text;
        if (!x.found)
            r->bad = x.why;
    } else if (!r->raw.n) {
        r->bad = "extract:empty";
    }
    if (r->bad)
        return r;
    r->choice = prose_choice(r->text, o->strings, o->n_strings, &r->letter);
    r->is_plain = plain_read(r->text, &r->plain);
    return r;
}

/* ---- judging ---- */

static bool decide(struct answer_judgement *out, bool equal, const char *why)
{
    out->verdict = equal ? ANSWER_IS_CORRECT : ANSWER_IS_WRONG;
    out->why = why;
    return equal;
}

static void compare_math(const struct answer_reference *r, struct arena *a, struct str text,
                         struct answer_judgement *out)
{
    struct plain p;
    (void)a;
    if (same_text(r->text, text) || same_text(r->raw, text)) {
        decide(out, true, "equal:text");
        return;
    }
    if (r->is_plain && plain_read(text, &p)) {
        enum plain_answer d = plain_compare(&r->plain, &p);
        if (d != PLAIN_UNDECIDED) {
            decide(out, d == PLAIN_EQUAL, d == PLAIN_EQUAL ? "equal:number" : "differ:number");
            return;
        }
    }
    decide(out, false, "differ:text");
}

void answer_judge_bare(const struct answer_reference *r, struct arena *a, struct str answer,
                       struct answer_judgement *out)
{
    *out = (struct answer_judgement){ANSWER_BAD_REFERENCE, true, str_trim(answer), r->bad};
    if (r->bad)
        return;
    compare_math(r, a, out->extracted, out);
}

void answer_judge(const struct answer_reference *r, struct arena *a, struct str response,
                  struct answer_judgement *out)
{
    struct extraction x;
    if (r->o.type == ANSWER_EXACT || r->o.type == ANSWER_REGEX)
        x = (struct extraction){true, str_trim(response), NULL};
    else
        extract_response(a, response, &r->o, r->choice, &x);
    if (!x.found) {
        *out = (struct answer_judgement){r->bad ? ANSWER_BAD_REFERENCE : ANSWER_IS_ABSENT,
                                         false,
                                         {NULL, 0},
                                         r->bad ? r->bad : x.why};
        return;
    }
    answer_judge_bare(r, a, x.text, out);
}

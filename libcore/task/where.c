/* where.c - see where.h. */
#include "task/where.h"
#include "base/mem.h"
#include "report/digest.h"
#include "task/member.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_CONTRAST, KIND_VERDICT, KIND_TRUNCATED, KIND_GOLD, KIND_UNJUDGED, KIND_FIELD };

struct condition {
    enum kind kind;
    int value; /* enum contrast or verdict */
    bool negated;
    char *field, *text;
};

struct where {
    struct condition *c;
    size_t n;
};

static bool name_condition(struct str name, struct condition *c)
{
    enum verdict v;
    for (int k = 0; k < N_CONTRASTS; k++)
        if (str_is(name, contrast_name((enum contrast)k))) {
            c->kind = KIND_CONTRAST;
            c->value = k;
            return true;
        }
    if (verdict_of_name(name, &v)) {
        c->kind = KIND_VERDICT;
        c->value = (int)v;
    } else if (str_is(name, "truncated")) {
        c->kind = KIND_TRUNCATED;
    } else if (str_is(name, "gold")) {
        c->kind = KIND_GOLD;
    } else if (str_is(name, "unjudged")) {
        c->kind = KIND_UNJUDGED;
    } else {
        return false;
    }
    return true;
}

static char *copy(struct str s)
{
    char *out = xmalloc(s.n + 1);
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return out;
}

static bool add_condition(struct where *w, struct str text, struct err *e)
{
    struct condition c = {0};
    struct str s = str_trim(text);
    if (str_starts(s, STR("!"))) {
        c.negated = true;
        s = str_slice(s, 1, s.n);
    }
    size_t equals = str_find(s, STR("="), 0);
    if (equals != STR_NONE && equals) {
        c.kind = KIND_FIELD;
        c.field = copy(str_slice(s, 0, equals));
        c.text = copy(str_slice(s, equals + 1, s.n));
    } else if (!name_condition(s, &c)) {
        return err_set(e, ERR_USAGE,
                       "--where has no '%.*s' (expected mixed, all-wrong, all-right, unscorable, "
                       "correct, wrong, no-answer, bad-reference, error, truncated, gold, unjudged "
                       "or FIELD=VALUE)",
                       STR_ARG(s));
    }
    w->c = xrealloc(w->c, w->n + 1, sizeof *w->c);
    w->c[w->n++] = c;
    return true;
}

struct where *where_parse(const struct opt_list *list, struct err *e)
{
    struct where *w = xcalloc(1, sizeof *w);
    for (size_t i = 0; i < list->n; i++) {
        struct str s = str_of(list->items[i]);
        for (size_t from = 0, to; from <= s.n; from = to + 1) {
            to = str_find(s, STR(","), from);
            if (to == STR_NONE)
                to = s.n;
            if (!add_condition(w, str_slice(s, from, to), e)) {
                where_free(w);
                return NULL;
            }
        }
    }
    return w;
}

void where_free(struct where *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++) {
        free(w->c[i].field);
        free(w->c[i].text);
    }
    free(w->c);
    free(w);
}

static bool one_holds(const struct condition *c, const struct group *g, const struct digest *d)
{
    size_t hits = 0;
    switch (c->kind) {
    case KIND_CONTRAST: return (int)d->contrast == c->value;
    case KIND_GOLD: return d->golds > 0;
    case KIND_UNJUDGED: return !d->judged;
    case KIND_FIELD: return str_is(member_text(g->arena, &g->top, c->field), c->text);
    case KIND_VERDICT:
        for (size_t i = 0; i < d->n; i++)
            hits += (int)d->response[i].verdict == c->value;
        break;
    case KIND_TRUNCATED:
        for (size_t i = 0; i < d->n; i++)
            hits += d->response[i].truncated;
        break;
    }
    return hits > 0;
}

bool where_holds(const struct where *w, const struct group *g, bool *holds, struct err *e)
{
    struct digest d;
    *holds = true;
    if (!w->n)
        return true;
    if (!digest_group(g, NULL, 0, &d, e))
        return false;
    for (size_t i = 0; i < w->n && *holds; i++) {
        const struct condition *c = &w->c[i];
        if (!d.judged && (c->kind == KIND_CONTRAST || c->kind == KIND_VERDICT))
            return err_set(e, ERR_DATA, "the responses have no verdicts (run gcpo-verify first)");
        *holds = one_holds(c, g, &d) != c->negated;
    }
    return true;
}

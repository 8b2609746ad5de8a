/* parse.c - lists, words, chains of relations: the outer half of the parser. */
#include "answer/parse.h"
#include "answer/parser.h"
#include "answer/words.h"

#include <string.h>

bool parse_enter(struct parser *p)
{
    if (++p->depth > ANSWER_DEPTH_MAX && p->limit == LIMIT_NONE)
        p->limit = LIMIT_DEPTH;
    return p->limit == LIMIT_NONE;
}

void parse_leave(struct parser *p)
{
    p->depth--;
}

bool items_put(struct parser *p, struct items *it, struct node *x)
{
    if (!x)
        return false;
    if (it->n == ANSWER_TERMS_MAX) {
        p->limit = LIMIT_TERMS;
        return false;
    }
    if (it->n == it->cap) {
        uint32_t cap = it->cap ? it->cap * 4 : 4;
        struct node **v = arena_array(p->a, cap, sizeof(struct node *));
        if (it->n)
            memcpy(v, it->v, it->n * sizeof(struct node *));
        it->v = v;
        it->cap = cap;
    }
    it->v[it->n++] = x;
    return true;
}

static bool is_separator(int kind)
{
    return kind == ',' || kind == ';' || kind == T_AND || kind == T_OR || kind == T_ROW ||
           kind == T_QUAD;
}

static bool ends_list(const struct parser *p)
{
    switch (p->t->kind) {
    case T_END:
    case ')':
    case ']':
    case '}':
    case T_SETCLOSE:
    case T_RANGLE:
    case T_FINISH:
    case '&':
    case T_MID: return true;
    default: return false;
    }
}

/* Full stops and question marks at the very end say nothing. */
static void skip_end(struct parser *p)
{
    struct tok *t = p->t;
    while (t->kind == '.' || t->kind == '?' || t->kind == ',' || t->kind == ';' ||
           t->kind == T_QUAD || t->kind == T_ROW || t->kind == ':')
        t++;
    if (t->kind == T_END)
        p->t = t;
}

static struct str joined(struct parser *p, const struct tok *from, const struct tok *to)
{
    struct buf b = {0};
    for (const struct tok *t = from; t < to; t++) {
        if (b.n)
            buf_putc(&b, ' ');
        for (size_t i = 0; i < t->s.n; i++) {
            char c = t->s.p[i];
            buf_putc(&b, c >= 'A' && c <= 'Z' && t->s.n > 1 ? (char)(c | 32) : c);
        }
    }
    struct str s = {arena_strdup(p->a, b.p ? b.p : "", b.n), b.n};
    buf_free(&b);
    return s;
}

static bool is_wordlike(const struct tok *t)
{
    return t->kind == T_WORD || t->kind == T_NAME;
}

/* Var(X) = 5: behind the bracket at t, if a relation follows it; t if none does. */
static struct tok *named_call(struct tok *t)
{
    int depth = 0;
    for (struct tok *k = t; k->kind != T_END; k++) {
        depth += (k->kind == '(') - (k->kind == ')');
        if (depth == 0)
            return k[1].kind == T_REL && k[1].id == REL_EQ ? k + 1 : t;
    }
    return t;
}

/* Does a number word with value n go on with what was said so far? */
static bool number_goes_on(int64_t so_far, int n, bool first)
{
    int64_t rest = so_far % 100;
    return first || (rest == 0 && so_far > 0 && n > 0) ||
           (rest >= 20 && rest % 10 == 0 && n > 0 && n < 10);
}

/* "one hundred and twenty-three" from t on: where it ends; t if it is no number. */
static struct tok *number_words(struct tok *t, int64_t *value)
{
    int64_t total = 0, part = 0, last = INT64_MAX;
    struct tok *from = t;
    for (bool first = true;; first = false) {
        bool glue = t->kind == '-' || (t->kind == T_AND && (part ? part % 100 == 0 : total > 0));
        struct tok *w = !first && glue ? t + 1 : t;
        int n = w->kind == T_WORD ? word_number(w->s) : -1;
        int64_t f = w->kind == T_WORD && w == t && !first ? word_factor(w->s) : 0;
        if (n >= 0 && number_goes_on(part ? part : total, n, first))
            part += n;
        else if ((f == 12 || f == 100) && part > 0 && part < 100)
            part *= f;
        else if (f > 100 && part > 0 && f < last) {
            total += part * f;
            part = 0;
            last = f;
        } else
            break;
        t = w + 1;
    }
    *value = total + part;
    return t > from ? t : from;
}

/* Words up to a separator are a text; words before a relation are a name. */
static struct node *parse_words(struct parser *p)
{
    struct tok *from = p->t, *t = from;
    static const char *const empty[] = {"the",    "a",       "an",      "approximately",
                                        "about",  "roughly", "exactly", "approx",
                                        "around", "is",      "are",     "equals"};
    for (size_t k = 0; k < sizeof empty / sizeof *empty; k++)
        if (t->kind == T_WORD && t[1].kind != T_END && word_equal_fold(t->s, empty[k])) {
            p->t++;
            struct node *x = parse_element(p);
            return x;
        }
    int64_t value;
    struct parser said = *p;
    said.t = number_words(from, &value);
    struct tok *after = said.t;
    skip_end(&said);
    if (after > from && (is_separator(after->kind) || ends_list(&said))) {
        p->t = after;
        return node_int(p->a, value);
    }
    while (is_wordlike(t) || t->kind == T_PRIME || t->kind == '-')
        t++;
    if (t > from && t->kind == '(' && !(t->flags & TOK_SPACE))
        t = named_call(t);
    if (t->kind == T_REL) {
        p->t = t;
        return node_name(p->a, OP_NAME, joined(p, from, t));
    }
    if (t->kind == '.' && t[1].kind != T_END && !is_separator(t[1].kind))
        return NULL;
    struct parser end = *p;
    end.t = t;
    skip_end(&end);
    if (!is_separator(t->kind) && !ends_list(&end))
        return NULL;
    p->t = t;
    return node_name(p->a, OP_TEXT, joined(p, from, t));
}

/* ---- ratios, sets, relations ---- */

static struct node *clock_of(struct parser *p, const struct tok *first, struct node *ratio)
{
    const struct tok *second = first + 2;
    int64_t hour, minute;
    if (p->t != first + 3 || first->kind != T_NUM || first[1].kind != ':' ||
        second->kind != T_NUM || second->s.n != 2 || !node_small(ratio->kid[0], &hour) ||
        !node_small(ratio->kid[1], &minute) || hour > 24 || minute > 59 || first->s.n > 2)
        return ratio;
    bool word = p->t->kind == T_WORD && (str_is(p->t->s, "am") || str_is(p->t->s, "pm"));
    struct node *c = node_copy(p->a, ratio);
    c->op = OP_CLOCK;
    c->name = word ? p->t->s : STR("");
    p->t += word;
    return c;
}

/* 5 p.m. */
static struct node *full_hour(struct parser *p, const struct tok *first, struct node *x)
{
    int64_t hour;
    if (!x || p->t != first + 1 || first->kind != T_NUM || p->t->kind != T_WORD ||
        !(str_is(p->t->s, "am") || str_is(p->t->s, "pm")) || !node_small(x, &hour) || hour > 24)
        return x;
    x = node_2(p->a, OP_CLOCK, x, node_name(p->a, OP_NUM, STR("0")));
    x->name = p->t++->s;
    return x;
}

static struct node *parse_ratio(struct parser *p)
{
    const struct tok *first = p->t;
    struct node *x = full_hour(p, first, parse_sum(p));
    if (!x || p->t->kind != ':' || p->in_set || p->t[1].kind == T_END)
        return x;
    struct items it = {0};
    if (!items_put(p, &it, x))
        return NULL;
    while (p->t->kind == ':') {
        p->t++;
        if (!items_put(p, &it, parse_sum(p)))
            return NULL;
    }
    return clock_of(p, first, node_list(p->a, OP_RATIO, it.v, it.n));
}

static struct node *parse_sets(struct parser *p)
{
    struct node *x = parse_ratio(p);
    while (x) {
        int kind = p->t->kind;
        enum op op = kind == T_CUP ? OP_UNION : kind == T_CAP ? OP_INTERSECT : OP_SETMINUS;
        bool minus = kind == '-' && x->op == OP_SETNAME;
        if (kind != T_CUP && kind != T_CAP && kind != T_SETMINUS && !minus)
            break;
        p->t++;
        struct node *y = parse_ratio(p);
        x = y ? node_2(p->a, op, x, y) : NULL;
    }
    return x;
}

/* x \equiv 3 \pmod 7, at the \pmod: the class of what stands last in the chain. */
static struct node *congruence(struct parser *p, struct node *x)
{
    if (!x || p->t->kind != T_MODULO)
        return x;
    p->t++;
    struct node *m = parse_sum(p);
    if (!m)
        return NULL;
    struct node *value = x->op == OP_REL ? x->kid[x->n - 1] : x;
    if (value->op == OP_CALL && value->n == 2 && value->kid[0]->op == OP_TEXT)
        value = value->kid[1];
    struct node *rest = node_func(p->a, FUNC_MOD, 2);
    rest->kid[0] = value;
    rest->kid[1] = m;
    int64_t v, n;
    if (node_small(value, &v) && node_small(m, &n) && n > 0)
        rest = node_int(p->a, (v % n + n) % n);
    struct node *r = node_2(p->a, OP_CALL, rest, m);
    r->name = STR("\\pmod");
    return r;
}

static struct node *parse_relations(struct parser *p)
{
    if (p->t->kind == T_REL && (p->t->id == REL_EQ || p->t->id == REL_APPROX || p->t->id == REL_IN))
        p->t++;
    struct node *x = parse_sets(p);
    if (!x || (p->t->kind != T_REL && p->t->kind != T_NOT))
        return x;
    struct items it = {0};
    uint8_t rel[ANSWER_TERMS_MAX];
    items_put(p, &it, x);
    while (p->t->kind == T_REL || (p->t->kind == T_NOT && p->t[1].kind == T_REL)) {
        bool no = p->t->kind == T_NOT;
        p->t += no;
        uint8_t r = p->t->id;
        rel[it.n - 1] = no ? (uint8_t)rel_negated((enum rel)r) : r;
        const struct tok *sign = p->t++;
        struct node *y = p->t->kind == T_WORD ? parse_words(p) : parse_sets(p);
        if (y && rel[it.n - 1] == REL_OTHER) /* which one is part of the comparison */
            y = node_2(p->a, OP_CALL, node_name(p->a, OP_TEXT, sign->s), y);
        if (!items_put(p, &it, y))
            return NULL;
    }
    struct node *r = node_list(p->a, OP_REL, it.v, it.n);
    uint8_t *kept = arena_alloc(p->a, it.n);
    memcpy(kept, rel, it.n - 1);
    r->rel = kept;
    return r;
}

static struct node *parse_chain(struct parser *p)
{
    return congruence(p, parse_relations(p));
}

/* (B) 12 and B) 12: the label of a choice before its value. */
static void skip_label(struct parser *p)
{
    struct tok *t = p->t;
    if (t->kind == '(' && t[1].kind == T_NAME && t[1].s.n == 1 && t[1].flags & TOK_TEXT &&
        t[2].kind == ')' && t[3].kind != T_END && !is_separator(t[3].kind))
        p->t = t + 3;
}

/* "negative 5", "minus 5" */
static bool is_minus(const struct tok *t)
{
    return t->kind == T_WORD && (str_is(t->s, "minus") || str_is(t->s, "negative")) &&
           (t[1].kind == T_NUM || t[1].kind == T_FRAC ||
            (t[1].kind == T_WORD && word_number(t[1].s) > 0));
}

struct node *parse_element(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    struct node *x = NULL;
    skip_label(p);
    if (is_minus(p->t)) {
        p->t++;
        x = parse_element(p);
        x = x ? node_1(p->a, OP_NEG, x) : NULL;
    } else if (p->t->kind == T_WORD) {
        x = parse_words(p);
        if (x && x->op == OP_NAME && p->t->kind == T_REL) {
            /* the words name what the chain is about */
            struct node *rest;
            uint8_t *rel = arena_alloc(p->a, 1);
            *rel = p->t->id;
            p->t++;
            rest = p->t->kind == T_WORD ? parse_words(p) : parse_chain(p);
            if (rest && rest->op == OP_REL && rest->n == 2 && rest->rel[0] == REL_EQ)
                rest = rest->kid[1];
            x = rest ? node_2(p->a, OP_REL, x, rest) : NULL;
            if (x)
                x->rel = rel;
        }
    } else {
        x = parse_chain(p);
    }
    parse_leave(p);
    return x;
}

/* An arrow that leads to the answer. */
static bool leads(const struct tok *t)
{
    static const char *const arrows[] = {"therefore", "implies", "Rightarrow", "rightarrow",
                                         "to",        "iff",     "=>",         "->"};
    for (size_t k = 0; k < sizeof arrows / sizeof *arrows; k++)
        if (t->kind == T_REL && t->id == REL_OTHER && str_is(t->s, arrows[k]))
            return t[1].kind != T_END;
    return false;
}

struct node *parse_list(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    struct items it = {0};
    bool comma = false, alternatives = false;
    while (p->t->kind == T_QUAD || p->t->kind == T_ROW || leads(p->t))
        p->t++;
    for (;;) {
        if (!items_put(p, &it, parse_element(p)))
            return NULL;
        skip_end(p);
        if (!is_separator(p->t->kind))
            break;
        struct tok *t = p->t;
        bool seen_comma = false, seen_or = false;
        while (is_separator(t->kind)) {
            seen_comma |= t->kind == ',' || t->kind == ';';
            seen_or |= t->kind == T_OR;
            t++;
        }
        p->t = t;
        if (ends_list(p))
            break;
        comma |= seen_comma;
        alternatives |= seen_or;
    }
    parse_leave(p);
    if (it.n == 1)
        return it.v[0];
    struct node *x = node_list(p->a, OP_LIST, it.v, it.n);
    if (alternatives)
        x->flags |= NODE_ALTERNATIVES;
    x->open = comma || !alternatives ? ',' : '\0';
    return x;
}

struct node *parse(struct arena *a, struct str text, enum lex_reading reading, enum limit *limit)
{
    struct lexed l = lex(a, text, reading);
    *limit = l.limit;
    if (l.limit != LIMIT_NONE || l.n == 0)
        return NULL;
    struct parser p = {.a = a, .t = l.tok};
    struct node *x = parse_choose(&p, parse_list(&p));
    *limit = p.limit;
    return x && p.t->kind == T_END && p.limit == LIMIT_NONE ? x : NULL;
}

/* parse_unit.c - words after a value: units, and factors like "million". */
#include "answer/parser.h"
#include "answer/words.h"

#include <string.h>

static void put_unit(struct buf *b, struct str s)
{
    if (b->n && b->p[b->n - 1] != '/' && b->p[b->n - 1] != '^' && s.p[0] != '/' && s.p[0] != '^')
        buf_putc(b, ' ');
    buf_putstr(b, s);
}

static bool is_time_of_day(struct str s)
{
    return str_is(s, "am") || str_is(s, "pm");
}

/* A power after a unit: ^2 or ^{2}. */
static bool unit_power(struct parser *p, struct buf *b)
{
    struct tok *t = p->t;
    if (t->kind != '^')
        return false;
    bool group = t[1].kind == '{';
    struct tok *n = t + 1 + group;
    bool minus = n->kind == '-';
    n += minus;
    if (n->kind != T_NUM || (group && n[1].kind != '}'))
        return false;
    buf_puts(b, minus ? "^-" : "^");
    buf_putstr(b, n->s);
    p->t = n + 1 + group;
    return true;
}

/* "A bee" is no amount of bees. */
static bool may_have_unit(const struct node *value, const struct tok *t)
{
    return node_has(value, OP_NUM) || t->kind != T_WORD || t->flags & TOK_UNIT ||
           word_equal_fold(t->s, "square") || word_equal_fold(t->s, "cubic") ||
           word_equal_fold(t->s, "units") || word_equal_fold(t->s, "sq");
}

/* {\text{km}} at t: where it ends; NULL if there is more in it than a unit. */
static struct tok *unit_group(struct tok *t)
{
    if (t->kind != '{')
        return NULL;
    for (t++; t->kind != '}'; t++) {
        bool power = t->kind == '^' && t[1].kind == T_NUM;
        if (t->kind != T_WORD && !power && !(t->kind == T_NAME && t->flags & TOK_TEXT))
            return NULL;
        t += power;
    }
    return t + 1;
}

bool parse_is_unit_fraction(struct tok *t)
{
    struct tok *den = t->kind == T_FRAC ? unit_group(t + 1) : NULL;
    return den && den > t + 3 && unit_group(den);
}

static void put_fraction(struct parser *p, struct buf *b)
{
    struct tok *den = unit_group(p->t + 1), *end = unit_group(den);
    for (struct tok *t = p->t + 1; t < end; t++) {
        if (t == den)
            put_unit(b, STR("/"));
        if (t->kind == '^')
            put_unit(b, STR("^"));
        else if (t->s.n)
            put_unit(b, t->s);
    }
    p->t = end;
}

/* 5 feet 10 inches, 5 hours and 30 minutes: a smaller unit of the same sort. */
static void add_smaller(struct parser *p, struct node *x)
{
    const struct unit *u = word_unit(x->name), *v;
    for (;;) {
        struct tok *t = p->t + (p->t->kind == T_AND);
        v = u && t->kind == T_NUM && t[1].kind == T_WORD ? word_unit(t[1].s) : NULL;
        if (!v || v->dimension != u->dimension || t[2].kind == '^' || t[2].kind == '/' ||
            (double)v->num * (double)u->den >= (double)u->num * (double)v->den)
            return;
        struct node *n = node_name(p->a, OP_NUM, t->s);
        n->scale = t->scale;
        struct node *big = node_2(p->a, OP_DIV, node_int(p->a, u->num), node_int(p->a, u->den));
        struct node *part = node_2(p->a, OP_DIV, node_int(p->a, v->num), node_int(p->a, v->den));
        part = node_2(p->a, OP_MUL, n, node_2(p->a, OP_DIV, part, big));
        x->kid[0] = node_2(p->a, OP_ADD, x->kid[0], part);
        p->t = t + 2;
    }
}

struct node *parse_unit(struct parser *p, struct node *value)
{
    struct buf b = {0};
    bool bad = !may_have_unit(value, p->t);
    while (!bad) {
        struct tok *t = p->t;
        if (t->kind == T_WORD) {
            if (is_time_of_day(t->s) || word_is_judging(t->s)) {
                bad = word_is_judging(t->s);
                break;
            }
            if (!b.n && word_factor(t->s)) {
                value = node_2(p->a, OP_MUL, value, node_int(p->a, word_factor(t->s)));
                p->t++;
                continue;
            }
            if (!b.n && word_equal_fold(t->s, "per") && word_equal_fold(t[1].s, "cent")) {
                value = node_1(p->a, OP_PERCENT, value);
                p->t += 2;
                continue;
            }
            if (word_equal_fold(t->s, "per"))
                put_unit(&b, STR("/"));
            else
                put_unit(&b, t->s);
            p->t++;
        } else if (t->kind == T_MONEY && !b.n) {
            put_unit(&b, t->s);
            p->t++;
        } else if (t->kind == '/' && b.n && (t[1].kind == T_WORD || t[1].kind == T_NAME)) {
            put_unit(&b, STR("/"));
            put_unit(&b, t[1].s);
            p->t += 2;
        } else if (!b.n && parse_is_unit_fraction(t)) {
            put_fraction(p, &b);
        } else if ((t->kind == '*' || t->kind == '-') && b.n &&
                   (t[1].kind == T_WORD || (t[1].kind == T_NAME && t[1].flags & TOK_TEXT))) {
            p->t++;
        } else if (t->kind == '.' && b.n && t[1].kind != T_END &&
                   (t[1].kind != T_WORD || word_is_abbreviation(t[-1].s))) {
            p->t++;
        } else if (t->kind == T_NAME && b.n && t->flags & TOK_TEXT) {
            put_unit(&b, t->s);
            p->t++;
        } else if (!b.n || !unit_power(p, &b)) {
            break;
        }
    }
    struct node *x = bad ? NULL : value;
    if (x && b.n)
        x = node_1(p->a, OP_UNIT, value);
    if (x && b.n)
        x->name = (struct str){arena_strdup(p->a, b.p, b.n), b.n};
    if (x && b.n)
        add_smaller(p, x);
    buf_free(&b);
    return x;
}

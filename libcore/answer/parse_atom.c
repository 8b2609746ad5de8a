/* parse_atom.c - numbers, names, brackets, fractions, functions, tables. */
#include "answer/parser.h"
#include "answer/words.h"

#include <string.h>

static bool accept(struct parser *p, int kind)
{
    if (p->t->kind != kind)
        return false;
    p->t++;
    return true;
}

/* ---- numbers and names ---- */

static struct str without_zeros(struct str s)
{
    while (s.n > 1 && s.p[0] == '0')
        s.p++, s.n--;
    return s;
}

static struct node *number(struct parser *p)
{
    const struct tok *t = p->t++;
    struct node *x = node_name(p->a, OP_NUM, without_zeros(t->s.n ? t->s : STR("0")));
    x->scale = t->scale;
    x->flags = (t->flags & TOK_DECIMAL ? NODE_DECIMAL : 0) |
               (t->flags & TOK_LOOSE ? NODE_LOOSE : 0);
    return x;
}

/* 0.1(6): what stands before the period and the period over 99...9. */
static struct node *repeating(struct parser *p)
{
    const struct tok *t = p->t++;
    struct node *head = node_name(p->a, OP_NUM, without_zeros(t->s.n ? t->s : STR("0")));
    head->scale = t->scale;
    struct node *period = node_name(p->a, OP_NUM, without_zeros(t->t));
    period->scale = t->scale;
    char *nines = arena_alloc(p->a, t->t.n);
    memset(nines, '9', t->t.n);
    struct node *by = node_name(p->a, OP_NUM, (struct str){nines, t->t.n});
    return node_2(p->a, OP_ADD, head, node_2(p->a, OP_DIV, period, by));
}

static struct node *name(struct parser *p)
{
    const struct tok *t = p->t++;
    enum op op = str_is(t->s, "e") ? OP_E : str_is(t->s, "i") ? OP_I : OP_NAME;
    struct node *x = node_name(p->a, op, t->s);
    if (op != OP_NAME)
        x->name = (struct str){NULL, 0};
    x->flags |= t->flags & (TOK_TEXT) ? NODE_TEXT : 0;
    return x;
}

/* ---- brackets ---- */

static struct node *grouped(struct node *x, struct arena *a)
{
    struct node *r = node_copy(a, x);
    r->flags |= NODE_GROUPED;
    return r;
}

/* After an opening ( or [ or angle: elements up to the closing one. */
static struct node *round_bracket(struct parser *p)
{
    int open = p->t->kind;
    p->t++;
    struct node *x = parse_list(p);
    int close = p->t->kind;
    bool outward = close == '[' && open != T_LANGLE; /* [0,1[ */
    if (!x || (close != ')' && close != ']' && close != T_RANGLE && !outward))
        return NULL;
    if ((open == T_LANGLE) != (close == T_RANGLE))
        return NULL;
    p->t++;
    bool tuple = x->op == OP_LIST && !(x->flags & NODE_GROUPED) && x->open == ',';
    if (tuple) {
        struct node *r = node_list(p->a, OP_TUPLE, x->kid, x->n);
        r->open = open == '[' ? '[' : '(';
        r->close = close == ']' ? ']' : ')';
        return r;
    }
    if ((open == '(' && close != ')') || (open == '[' && close != ']') || open == ']')
        return NULL;
    return grouped(x, p->a);
}

static struct node *angle_bracket(struct parser *p) /* <1, 2> in plain text */
{
    p->t++;
    struct items it = {0};
    do {
        if (!items_put(p, &it, parse_sum(p)))
            return NULL;
    } while (accept(p, ','));
    if (it.n < 2 || p->t->kind != T_REL || p->t->id != REL_GT)
        return NULL;
    p->t++;
    struct node *r = node_list(p->a, OP_TUPLE, it.v, it.n);
    r->open = '(';
    r->close = ')';
    return r;
}

static struct node *set_of(struct parser *p, struct node *x)
{
    if (x->op == OP_LIST && !(x->flags & NODE_GROUPED))
        return node_list(p->a, OP_SET, x->kid, x->n);
    return node_1(p->a, OP_SET, x);
}

static struct node *set_bracket(struct parser *p)
{
    p->t++;
    if (accept(p, T_SETCLOSE))
        return node_name(p->a, OP_SETNAME, STR(""));
    if (p->t->kind == T_BEGIN) { /* \left\{ array \right. */
        struct node *m = parse_matrix(p);
        if (!m || m->op != OP_MATRIX || p->t->kind == T_SETCLOSE) {
            bool closed = accept(p, T_SETCLOSE);
            return m && closed ? node_1(p->a, OP_SET, m) : m;
        }
        m->op = OP_CASES;
        return m;
    }
    bool in_set = p->in_set;
    p->in_set = true;
    struct node *x = parse_list(p);
    p->in_set = in_set;
    if (!x)
        return NULL;
    int kind = p->t->kind;
    if (kind == T_MID || kind == '|' || kind == ':') {
        p->t++;
        struct node *cond = parse_list(p);
        if (!cond || !accept(p, T_SETCLOSE))
            return NULL;
        return node_2(p->a, OP_BUILDER, x, cond);
    }
    return accept(p, T_SETCLOSE) ? set_of(p, x) : NULL;
}

struct node *parse_choose(struct parser *p, struct node *x)
{
    int kind = p->t->kind;
    if (!x || (kind != T_CHOOSE && kind != T_OVER))
        return x;
    p->t++;
    struct node *y = parse_list(p);
    if (!y)
        return NULL;
    struct node *r = kind == T_OVER ? node_2(p->a, OP_DIV, x, y) : node_func(p->a, FUNC_BINOM, 2);
    r->kid[0] = x;
    r->kid[1] = y;
    return r;
}

/* A group in braces; with commas it is a set whose backslashes were lost. */
static struct node *brace_group(struct parser *p)
{
    p->t++;
    if (accept(p, '}'))
        return p->t->kind == T_END ? node_name(p->a, OP_SETNAME, STR("")) : parse_atom(p);
    struct node *x = parse_choose(p, parse_list(p));
    if (!x || !accept(p, '}'))
        return NULL;
    if (x->op == OP_LIST && !(x->flags & NODE_GROUPED)) {
        struct node *r = node_list(p->a, OP_SET, x->kid, x->n);
        r->flags |= NODE_LOOSE;
        return r;
    }
    return grouped(x, p->a);
}

static struct node *wrapped(struct parser *p, enum func f, struct node *x)
{
    struct node *r = node_func(p->a, f, 1);
    r->kid[0] = x;
    return r;
}

static struct node *bars(struct parser *p)
{
    int open = p->t->kind;
    p->t++;
    p->bars++;
    struct node *x = parse_sum(p);
    p->bars--;
    int close = p->t->kind;
    bool ok = open == T_NORM ? close == T_NORM : close == '|' || close == T_RBAR || close == T_MID;
    if (!x || !ok)
        return NULL;
    p->t++;
    bool matrix = x->op == OP_MATRIX && open != T_NORM;
    return wrapped(p, matrix ? FUNC_DET : open == T_NORM ? FUNC_NORM : FUNC_ABS, x);
}

static struct node *rounded(struct parser *p, enum func f, int close)
{
    p->t++;
    struct node *x = parse_sum(p);
    return x && accept(p, close) ? wrapped(p, f, x) : NULL;
}

struct node *parse_bracket(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    int bars_open = p->bars;
    bool in_set = p->in_set;
    struct node *x = NULL;
    if (p->t->kind != '|' && p->t->kind != T_LBAR && p->t->kind != T_NORM)
        p->bars = 0;
    p->in_set = false;
    switch (p->t->kind) {
    case '(':
    case '[':
    case ']':
    case T_LANGLE: x = round_bracket(p); break;
    case T_REL: x = angle_bracket(p); break;
    case T_SETOPEN: x = set_bracket(p); break;
    case '{': x = brace_group(p); break;
    case '|':
    case T_LBAR:
    case T_NORM: x = bars(p); break;
    case T_LFLOOR: x = rounded(p, FUNC_FLOOR, T_RFLOOR); break;
    case T_LCEIL: x = rounded(p, FUNC_CEIL, T_RCEIL); break;
    default: break;
    }
    p->bars = bars_open;
    p->in_set = in_set;
    parse_leave(p);
    return x;
}

/* ---- fractions, roots ---- */

/* A group, one digit of a number, or an atom. */
struct node *parse_argument(struct parser *p)
{
    struct tok *t = p->t;
    if (t->kind == T_NUM && t->s.n > 1 && !(t->flags & TOK_DECIMAL)) {
        struct node *x = node_name(p->a, OP_NUM, str_slice(t->s, 0, 1));
        t->s = str_slice(t->s, 1, t->s.n);
        t->flags &= (uint8_t)~TOK_SPACE;
        return x;
    }
    if (t->kind == T_SETNAME || t->kind == T_PI || parse_starts_atom(p))
        return parse_atom(p);
    if (t->kind == '-') {
        p->t++;
        struct node *x = parse_argument(p);
        return x ? node_1(p->a, OP_NEG, x) : NULL;
    }
    return NULL;
}

static bool is_differential(const struct node *x)
{
    const struct node *first = x->op == OP_MUL ? x->kid[0] : x;
    if (first->op == OP_POW)
        first = first->kid[0];
    return first->op == OP_NAME && (str_is(first->name, "d") || str_is(first->name, "\\partial"));
}

static struct node *fraction(struct parser *p)
{
    p->t++;
    struct node *x = parse_argument(p);
    struct node *y = x ? parse_argument(p) : NULL;
    if (!y)
        return NULL;
    if (y->op == OP_MUL && is_differential(x) && is_differential(y)) {
        struct node *r = node_2(p->a, OP_CALL, x, y); /* nothing cancels in dy/dx */
        r->name = STR("d/d");
        return r;
    }
    return node_2(p->a, OP_DIV, x, y);
}

static struct node *root(struct parser *p)
{
    p->t++;
    struct node *degree = NULL;
    if (p->t->kind == '[') {
        p->t++;
        degree = parse_sum(p);
        if (!degree || !accept(p, ']'))
            return NULL;
    }
    /* \sqrt12 is meant as the root of 12 */
    struct node *x = p->t->kind == T_NUM ? number(p) : parse_argument(p);
    if (!x)
        return NULL;
    if (!degree)
        return wrapped(p, FUNC_SQRT, x);
    struct node *r = node_func(p->a, FUNC_ROOT, 2);
    r->kid[0] = degree;
    r->kid[1] = x;
    return r;
}

static struct node *binomial(struct parser *p)
{
    p->t++;
    struct node *r = node_func(p->a, FUNC_BINOM, 2);
    r->kid[0] = parse_argument(p);
    r->kid[1] = r->kid[0] ? parse_argument(p) : NULL;
    return r->kid[1] ? r : NULL;
}

/* ---- functions ---- */

/* What a function without brackets applies to: sin 2x, ln|x|, but not past
 * another function. */
static struct node *open_argument(struct parser *p)
{
    struct items it = {0};
    bool minus = accept(p, '-');
    if (p->t->kind == T_FUNC) {
        if (!items_put(p, &it, parse_factor(p)))
            return NULL;
    } else {
        while (it.n == 0 || (parse_starts_atom(p) && p->t->kind != T_FUNC &&
                             p->t->kind != T_OPAQUE && p->t->kind != T_SUM && p->t->kind != T_NUM &&
                             p->t->kind != '(' && p->t->kind != '['))
            if (!items_put(p, &it, parse_factor(p)))
                return NULL;
    }
    struct node *x = it.n == 1 ? it.v[0] : node_list(p->a, OP_MUL, it.v, it.n);
    return minus ? node_1(p->a, OP_NEG, x) : x;
}

static enum func inverse_of(enum func f)
{
    switch (f) {
    case FUNC_SIN: return FUNC_ASIN;
    case FUNC_COS: return FUNC_ACOS;
    case FUNC_TAN: return FUNC_ATAN;
    case FUNC_COT: return FUNC_ACOT;
    case FUNC_SEC: return FUNC_ASEC;
    case FUNC_CSC: return FUNC_ACSC;
    case FUNC_SINH: return FUNC_ASINH;
    case FUNC_COSH: return FUNC_ACOSH;
    case FUNC_TANH: return FUNC_ATANH;
    default: return f;
    }
}

static struct node *arguments(struct parser *p, enum func f)
{
    int kind = p->t->kind;
    if (kind != '(' && kind != '[' && kind != '{' && kind != T_SETOPEN)
        return open_argument(p);
    struct node *x = parse_bracket(p);
    if (!x)
        return NULL;
    bool many = f == FUNC_MAX || f == FUNC_MIN || f == FUNC_GCD || f == FUNC_LCM ||
                f == FUNC_BINOM || f == FUNC_LOG;
    if (x->op == OP_TUPLE || x->op == OP_SET)
        return many ? node_list(p->a, OP_LIST, x->kid, x->n) : NULL;
    /* sin (n+1)x is a product; \ln{2}x is not */
    return x;
}

struct node *parse_function(struct parser *p)
{
    const struct tok *t = p->t++;
    enum func f = (enum func)t->id;
    struct node *base = NULL, *exponent = NULL;
    for (int k = 0; k < 2; k++) {
        if (p->t->kind == '_' && !base) {
            p->t++;
            base = p->t->kind == T_NUM ? number(p) : parse_argument(p);
            if (!base)
                return NULL;
        } else if (p->t->kind == '^' && !exponent) {
            p->t++;
            exponent = parse_argument(p);
            if (!exponent)
                return NULL;
        }
    }
    int64_t minus_one;
    if (exponent && inverse_of(f) != f && node_small(exponent, &minus_one) && minus_one == -1) {
        f = inverse_of(f);
        exponent = NULL;
    }
    if (f == FUNC_SQRT) {
        struct node *x = arguments(p, f);
        return x ? wrapped(p, FUNC_SQRT, x) : NULL;
    }
    struct node *x = arguments(p, f);
    if (!x)
        return NULL;
    struct node *r;
    if (f == FUNC_ROOT) {
        r = node_func(p->a, f, 2);
        r->kid[0] = node_int(p->a, 3);
        r->kid[1] = x;
    } else if (base) {
        r = node_func(p->a, f, 2);
        r->kid[0] = base;
        r->kid[1] = x;
        if (f != FUNC_LOG)
            return NULL;
    } else if (x->op == OP_LIST) {
        if (f == FUNC_LOG || (f == FUNC_BINOM && x->n != 2))
            return NULL;
        r = node_list(p->a, OP_FUNC, x->kid, x->n);
        r->func = (uint8_t)f;
    } else {
        r = wrapped(p, f, x);
    }
    return exponent ? node_2(p->a, OP_POW, r, exponent) : r;
}

/* ---- sums, integrals, limits ---- */

struct node *parse_big(struct parser *p)
{
    const struct tok *t = p->t++;
    struct items it = {0};
    struct node *low = NULL, *high = NULL;
    while (p->t->kind == '_' || p->t->kind == '^') {
        bool lower = p->t->kind == '_';
        p->t++;
        struct node *x;
        if (p->t->kind == '{') {
            p->t++;
            x = parse_list(p);
            if (!x || !accept(p, '}'))
                return NULL;
        } else {
            x = p->t->kind == T_NUM ? number(p) : parse_argument(p);
        }
        if (!x)
            return NULL;
        *(lower ? &low : &high) = x;
    }
    struct node *body = parse_term(p);
    if (!body)
        return NULL;
    bool indexed = low && high && low->op == OP_REL && low->n == 2 && low->rel[0] == REL_EQ &&
                   (low->kid[0]->op == OP_NAME || low->kid[0]->op == OP_I);
    if (t->kind != T_OPAQUE && indexed) {
        struct node *index = low->kid[0];
        if (index->op == OP_I)
            index = node_name(p->a, OP_NAME, STR("i"));
        items_put(p, &it, index);
        items_put(p, &it, low->kid[1]);
        items_put(p, &it, high);
        items_put(p, &it, body);
        struct node *r = node_list(p->a, OP_BIG, it.v, it.n);
        r->func = t->kind == T_SUM ? FUNC_SUM : FUNC_PROD;
        return r;
    }
    if (low)
        items_put(p, &it, low);
    if (high)
        items_put(p, &it, high);
    items_put(p, &it, body);
    struct node *r = node_list(p->a, OP_CALL, it.v, it.n);
    r->name = t->kind == T_SUM ? STR("sum") : t->kind == T_PROD ? STR("prod") : t->s;
    return r;
}

/* ---- tables ---- */

static void skip_condition_words(struct parser *p)
{
    while (p->t->kind == T_WORD &&
           (word_equal_fold(p->t->s, "if") || word_equal_fold(p->t->s, "for") ||
            word_equal_fold(p->t->s, "when") || word_equal_fold(p->t->s, "where")))
        p->t++;
    while (p->t->kind == T_QUAD)
        p->t++;
}

static struct node *table(struct parser *p, struct str env, bool cases)
{
    struct items it = {0};
    uint32_t rows = 0, columns = 0, column = 0;
    for (;;) {
        while (p->t->kind == T_QUAD)
            p->t++;
        if (cases)
            skip_condition_words(p);
        int kind = p->t->kind;
        bool blank = kind == '&' || kind == T_ROW || kind == T_FINISH;
        if (!blank) {
            struct node *x = parse_element(p);
            if (x && cases && p->t->kind == ',')
                p->t++;
            if (!x && !cases)
                return NULL;
            if (!items_put(p, &it, x))
                return NULL;
            column++;
        }
        while (p->t->kind == T_QUAD)
            p->t++;
        kind = p->t->kind;
        if (kind == '&') {
            if (blank)
                return NULL;
            p->t++;
            continue;
        }
        if (kind != T_ROW && kind != T_FINISH)
            return NULL;
        if (column) {
            if (rows && column != columns)
                return NULL;
            columns = column;
            rows++;
            column = 0;
        }
        p->t++;
        if (kind == T_FINISH)
            break;
    }
    (void)env;
    if (!rows)
        return NULL;
    struct node *r = node_list(p->a, cases ? OP_CASES : OP_MATRIX, it.v, it.n);
    r->rows = rows;
    return r;
}

struct node *parse_matrix(struct parser *p)
{
    struct str env = p->t->s;
    if (!parse_enter(p))
        return NULL;
    int bars_open = p->bars;
    bool in_set = p->in_set;
    p->bars = 0;
    p->in_set = false;
    p->t++;
    bool matrix = str_find(env, STR("matrix"), 0) != STR_NONE || str_is(env, "array") ||
                  str_is(env, "tabular");
    bool cases = str_find(env, STR("cases"), 0) != STR_NONE;
    struct node *x;
    if (matrix || cases) {
        x = table(p, env, cases);
        if (x && (str_is(env, "vmatrix") || str_is(env, "Vmatrix")))
            x = wrapped(p, str_is(env, "vmatrix") ? FUNC_DET : FUNC_NORM, x);
    } else { /* aligned and its kin: rows are elements */
        x = parse_list(p);
        if (x && !accept(p, T_FINISH))
            x = NULL;
    }
    p->bars = bars_open;
    p->in_set = in_set;
    parse_leave(p);
    return x;
}

/* ---- names with decorations ---- */

static struct node *accent(struct parser *p)
{
    const struct tok *t = p->t++;
    if (str_is(t->s, "overset")) {
        if (!parse_argument(p))
            return NULL;
        return parse_argument(p);
    }
    struct node *x = parse_argument(p);
    if (!x)
        return NULL;
    bool axis = x->op == OP_I ||
                (x->op == OP_NAME && (str_is(x->name, "j") || str_is(x->name, "k")));
    if (str_is(t->s, "bar") && node_has(x, OP_I) && !node_has_name(x, NULL))
        return wrapped(p, FUNC_CONJ, x);
    if (axis && str_is(t->s, "hat")) /* \hat{i} is \mathbf{i} */
        return x;
    struct node *r = node_1(p->a, OP_CALL, x);
    r->name = t->s;
    return r;
}

static struct node *angle(struct parser *p)
{
    struct buf b = {0};
    p->t++;
    buf_puts(&b, "\\angle ");
    bool any = false;
    while (p->t->kind == T_NAME || (!any && p->t->kind == T_NUM)) {
        buf_putstr(&b, p->t->s);
        p->t++;
        any = true;
    }
    struct node *x = any ? node_name(p->a, OP_NAME, (struct str){arena_strdup(p->a, b.p, b.n), b.n})
                         : NULL;
    buf_free(&b);
    return x;
}

static struct node *money(struct parser *p)
{
    const struct tok *t = p->t++;
    struct node *x = parse_starts_atom(p) || p->t->kind == '-' ? parse_term(p) : NULL;
    if (!x || x->op == OP_UNIT)
        return x;
    struct node *r = node_1(p->a, OP_UNIT, x);
    r->name = t->s;
    return r;
}

/* \mathbb{R}^+ is (0, \infty); \mathbb{Z}^+, \mathbb{R}^* are sets of their own. */
static struct node *set_name(struct parser *p)
{
    struct str set = p->t->s;
    p->t++;
    struct tok *t = p->t + 1;
    if (p->t->kind != '^' && p->t->kind != '_')
        return node_name(p->a, OP_SETNAME, set);
    bool group = t->kind == '{';
    t += group;
    if ((t->kind != '+' && t->kind != '-' && t->kind != '*') || (group && t[1].kind != '}'))
        return node_name(p->a, OP_SETNAME, set);
    int sign = t->kind;
    p->t = t + 1 + group;
    if (str_is(set, "R") && sign != '*') {
        struct node *x = node_new(p->a, OP_TUPLE, 2);
        x->open = '(';
        x->close = ')';
        struct node *inf = node_0(p->a, OP_INF);
        x->kid[0] = sign == '+' ? node_int(p->a, 0) : node_1(p->a, OP_NEG, inf);
        x->kid[1] = sign == '+' ? inf : node_int(p->a, 0);
        return x;
    }
    char *s = arena_alloc(p->a, set.n + 1);
    if (set.n)
        memcpy(s, set.p, set.n);
    s[set.n] = (char)sign;
    return node_name(p->a, OP_SETNAME, (struct str){s, set.n + 1});
}

struct node *parse_atom(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    struct node *x = NULL;
    while (p->t->kind == T_QUAD)
        p->t++;
    switch (p->t->kind) {
    case T_NUM: x = number(p); break;
    case T_REPEAT: x = repeating(p); break;
    case T_BASE:
        x = node_name(p->a, OP_BASE, without_zeros(p->t->s));
        x->scale = p->t->scale;
        p->t++;
        break;
    case T_NAME: x = name(p); break;
    case T_PI:
        p->t++;
        x = node_0(p->a, OP_PI);
        break;
    case T_INF:
        p->t++;
        x = node_0(p->a, OP_INF);
        break;
    case T_SETNAME: x = set_name(p); break;
    case T_DOTS:
        p->t++;
        x = node_name(p->a, OP_NAME, STR("..."));
        break;
    case T_FUNC: x = parse_function(p); break;
    case T_FRAC: x = fraction(p); break;
    case T_SQRT: x = root(p); break;
    case T_BINOM: x = binomial(p); break;
    case T_SUM:
    case T_PROD:
    case T_OPAQUE: x = parse_big(p); break;
    case T_BEGIN: x = parse_matrix(p); break;
    case T_ACCENT: x = accent(p); break;
    case T_ANGLE: x = angle(p); break;
    case T_MONEY: x = money(p); break;
    case T_REL: x = p->t->id == REL_LT ? parse_bracket(p) : NULL; break;
    default: x = parse_bracket(p); break;
    }
    parse_leave(p);
    return p->limit == LIMIT_NONE ? x : NULL;
}

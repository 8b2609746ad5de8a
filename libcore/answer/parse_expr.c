/* parse_expr.c - sums, products, powers: the inner half of the parser. */
#include "answer/parser.h"
#include "answer/words.h"

#include <string.h>

/* ---- sums ---- */

struct node *parse_sum(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    struct items it = {0};
    struct node *pm = NULL;
    while (p->t->kind == T_QUAD)
        p->t++;
    for (bool first = true;; first = false) {
        int kind = p->t->kind;
        bool sign = kind == '+' || kind == '-' || kind == T_PM || kind == T_MP;
        if (!sign && !first)
            break;
        if (!first && p->t[1].kind == T_END && kind == '+') /* "5+" */
            return NULL;
        p->t += sign;
        struct node *x = parse_term(p);
        if (!x)
            return NULL;
        if (kind == '-') {
            x = node_1(p->a, OP_NEG, x);
        } else if (sign && kind != '+') {
            x = node_1(p->a, OP_PM, x);
            x->flags |= kind == T_MP ? NODE_FLIPPED : 0;
            pm = x;
        }
        if (!items_put(p, &it, x))
            return NULL;
        if (p->t->kind == T_QUAD && (p->t[1].kind == '+' || p->t[1].kind == '-'))
            p->t++;
    }
    parse_leave(p);
    (void)pm;
    if (it.n == 2 && it.v[0]->op == OP_SETNAME && it.v[1]->op == OP_NEG) /* R - {0} */
        return node_2(p->a, OP_SETMINUS, it.v[0], it.v[1]->kid[0]);
    return it.n == 1 ? it.v[0] : node_list(p->a, OP_ADD, it.v, it.n);
}

/* ---- products ---- */

bool parse_starts_atom(const struct parser *p)
{
    switch (p->t->kind) {
    case T_NUM:
    case T_REPEAT:
    case T_BASE:
    case T_NAME:
    case T_FUNC:
    case T_PI:
    case T_INF:
    case '(':
    case '{':
    case T_FRAC:
    case T_SQRT:
    case T_BINOM:
    case T_BEGIN:
    case T_SUM:
    case T_PROD:
    case T_OPAQUE:
    case T_ACCENT:
    case T_LANGLE:
    case T_LFLOOR:
    case T_LCEIL:
    case T_LBAR:
    case T_ANGLE:
    case T_DOTS:
    case T_SETNAME: return true;
    case '[': return p->t[1].kind != T_END && p->t[1].kind != T_CUP && p->t[1].kind != T_REL;
    case '|': return p->bars == 0 && !p->in_set;
    case T_NORM: return p->bars == 0;
    default: return false;
    }
}

static bool is_digits(const struct node *x)
{
    return x->op == OP_NUM && x->scale == 0 && !(x->flags & NODE_DECIMAL);
}

static bool is_integer(const struct node *x)
{
    return is_digits(x) && !(x->flags & NODE_GROUPED);
}

/* A proper fraction of plain numbers after an integer makes a mixed number. */
static bool is_proper(const struct node *x)
{
    if (x->op != OP_DIV || x->flags & NODE_GROUPED || !is_digits(x->kid[0]) ||
        !is_digits(x->kid[1]))
        return false;
    struct str a = x->kid[0]->name, b = x->kid[1]->name;
    return a.n != b.n ? a.n < b.n : memcmp(a.p, b.p, a.n) < 0;
}

static struct node *mixed(struct parser *p, struct node *whole, struct node *part)
{
    struct node *x = node_2(p->a, OP_ADD, whole, part);
    x->flags |= NODE_MIXED;
    return x;
}

/* 2 1/2 in plain text, at the second number. */
static struct node *plain_mixed(struct parser *p, struct node *whole)
{
    const struct tok *t = p->t;
    if (!is_integer(whole) || t->kind != T_NUM || t[1].kind != '/' || t[2].kind != T_NUM ||
        !(t->flags & TOK_SPACE) || t->flags & TOK_DECIMAL || t[2].flags & TOK_DECIMAL ||
        t[3].kind == '^' || t[3].kind == T_NAME)
        return NULL;
    struct node *part =
        node_2(p->a, OP_DIV, node_name(p->a, OP_NUM, t->s), node_name(p->a, OP_NUM, t[2].s));
    if (!is_proper(part))
        return NULL;
    p->t += 3;
    return mixed(p, whole, part);
}

/* An x between two numbers, with space around it: 6.02 x 10^23. */
static bool is_times(const struct parser *p, const struct node *before)
{
    const struct tok *t = p->t;
    return before->op == OP_NUM && t->kind == T_NAME && str_is(t->s, "x") && t->flags & TOK_SPACE &&
           t[1].kind == T_NUM && t[1].flags & TOK_SPACE;
}

/* (0,1) U (2,3) in plain text. */
static bool is_union(const struct parser *p, const struct node *before)
{
    const struct tok *t = p->t;
    return before->op == OP_TUPLE && t->kind == T_NAME && str_is(t->s, "U") &&
           (t[1].kind == '(' || t[1].kind == '[' || t[1].kind == T_SETOPEN);
}

/* 2 to 3, a ratio. */
static bool is_to(const struct tok *t)
{
    return t->kind == T_WORD && str_is(t->s, "to") && t[1].kind == T_NUM;
}

static struct node *product(struct parser *p, struct items *it)
{
    return it->n == 1 ? it->v[0] : node_list(p->a, OP_MUL, it->v, it->n);
}

static struct node *signed_factor(struct parser *p)
{
    if (p->t->kind != '-' && p->t->kind != '+')
        return parse_factor(p);
    bool minus = p->t->kind == '-';
    if (!parse_enter(p))
        return NULL;
    p->t++;
    struct node *x = signed_factor(p);
    parse_leave(p);
    return x && minus ? node_1(p->a, OP_NEG, x) : x;
}

struct node *parse_term(struct parser *p)
{
    struct items it = {0};
    if (!items_put(p, &it, signed_factor(p)))
        return NULL;
    for (;;) {
        struct node *x = it.v[it.n - 1];
        int kind = p->t->kind;
        if (is_times(p, x))
            kind = '*';
        if (kind == T_MODULO && p->t->flags & TOK_TEXT) /* \pmod belongs to a congruence */
            break;
        if (kind == '*' || kind == '/' || kind == T_MODULO) {
            p->t++;
            struct node *y = signed_factor(p);
            if (!y)
                return NULL;
            if (kind == '*') {
                if (!items_put(p, &it, y))
                    return NULL;
                continue;
            }
            x = product(p, &it);
            struct node *r;
            if (kind == '/') {
                r = node_2(p->a, OP_DIV, x, y);
            } else {
                r = node_func(p->a, FUNC_MOD, 2);
                r->kid[0] = x;
                r->kid[1] = y;
            }
            it.n = 0;
            items_put(p, &it, r);
            continue;
        }
        if (is_union(p, x)) {
            p->t->kind = T_CUP;
            break;
        }
        struct node *m = plain_mixed(p, x);
        if (m) {
            it.v[it.n - 1] = m;
            continue;
        }
        if (!parse_starts_atom(p) || parse_is_unit_fraction(p->t))
            break;
        if (kind == T_NUM && (x->op == OP_NUM || p->t[-1].kind == T_NUM))
            return NULL; /* two numbers side by side */
        struct node *y = parse_factor(p);
        if (!y)
            return NULL;
        bool marked = y->op == OP_PERCENT || y->op == OP_DEGREE; /* 33 1/3 % */
        struct node *part = marked ? y->kid[0] : y;
        if (is_integer(x) && is_proper(part) && kind == T_FRAC)
            it.v[it.n - 1] = marked ? node_1(p->a, (enum op)y->op, mixed(p, x, part))
                                    : mixed(p, x, part);
        else if (!items_put(p, &it, y))
            return NULL;
    }
    bool ohm = it.n > 1 && p->t->kind == T_END && it.v[it.n - 1]->op == OP_NAME &&
               str_is(it.v[it.n - 1]->name, "\\Omega") && !node_has_name(it.v[0], NULL);
    it.n -= ohm;
    struct node *x = product(p, &it);
    if (ohm) { /* 5 \Omega */
        x = node_1(p->a, OP_UNIT, x);
        x->name = STR("ohm");
    }
    if (is_to(p->t))
        p->t->kind = ':';
    if (p->t->kind == T_WORD || p->t->kind == T_MONEY || parse_is_unit_fraction(p->t))
        x = parse_unit(p, x);
    return x;
}

/* ---- factors: an atom and what follows it ---- */

static struct node *exponent(struct parser *p)
{
    if (p->t->kind == '-' || p->t->kind == '+') {
        bool minus = p->t->kind == '-';
        p->t++;
        struct node *x = parse_argument(p);
        return x && minus ? node_1(p->a, OP_NEG, x) : x;
    }
    if (p->t->kind == '*') { /* x^* */
        p->t++;
        return node_name(p->a, OP_NAME, STR("*"));
    }
    if (p->t->kind == T_NUM || p->t->kind == T_REPEAT || p->t->kind == T_FUNC)
        return parse_atom(p);
    return parse_argument(p);
}

static bool is_degree_group(const struct tok *t)
{
    return t->kind == '{' && t[1].kind == T_DEGREE && t[2].kind == '}';
}

static struct node *primed(struct parser *p, struct node *x)
{
    uint32_t n = 0;
    while (p->t->kind == T_PRIME)
        p->t++, n++;
    if (x->op == OP_NAME) {
        char *s = arena_alloc(p->a, x->name.n + n);
        memcpy(s, x->name.p, x->name.n);
        memset(s + x->name.n, '\'', n);
        struct node *r = node_name(p->a, OP_NAME, (struct str){s, x->name.n + n});
        r->flags = x->flags;
        return r;
    }
    struct node *r = node_1(p->a, OP_CALL, x);
    r->name = STR("'");
    return r;
}

/* An angle, or 20^\circ C. */
static struct node *degrees(struct parser *p, struct node *x)
{
    const struct tok *t = p->t;
    bool letter = (t->kind == T_NAME || t->kind == T_WORD) && t->s.n == 1 &&
                  (t[1].kind == T_END || t[1].kind == '.' || t[1].kind == ',');
    const char *scale = !letter             ? NULL
                        : str_is(t->s, "C") ? "celsius"
                        : str_is(t->s, "F") ? "fahrenheit"
                                            : NULL;
    if (!scale)
        return node_1(p->a, OP_DEGREE, x);
    p->t++;
    x = node_1(p->a, OP_UNIT, x);
    x->name = str_of(scale);
    return x;
}

static struct node *power(struct parser *p, struct node *x)
{
    p->t++;
    if (p->t->kind == T_DEGREE || is_degree_group(p->t)) {
        p->t += p->t->kind == T_DEGREE ? 1 : 3;
        return degrees(p, x);
    }
    if (p->t->kind == T_PRIME)
        return primed(p, x);
    if (p->t->kind == '{' && p->t[1].kind == T_PRIME) {
        p->t++;
        x = primed(p, x);
        if (p->t->kind != '}')
            return NULL;
        p->t++;
        return x;
    }
    if (!parse_enter(p))
        return NULL;
    struct node *y = exponent(p);
    /* a tower without braces: 2^3^4 is 2^(3^4) */
    if (y && p->t->kind == '^')
        y = power(p, y);
    parse_leave(p);
    return y ? node_2(p->a, OP_POW, x, y) : NULL;
}

static struct str name_join(struct parser *p, struct str a, const char *mid, struct str b)
{
    size_t m = strlen(mid);
    char *s = arena_alloc(p->a, a.n + m + b.n);
    memcpy(s, a.p, a.n);
    memcpy(s + a.n, mid, m);
    if (b.n)
        memcpy(s + a.n + m, b.p, b.n);
    return (struct str){s, a.n + m + b.n};
}

/* x_1, a_{n+1}, v_{\max}: words join the name, the rest is an argument of it. */
static struct node *subscript(struct parser *p, struct node *x)
{
    p->t++;
    struct str name = x->op == OP_NAME ? x->name
                      : x->op == OP_E  ? STR("e")
                      : x->op == OP_I  ? STR("i")
                                       : STR("");
    if (!name.n) {
        /* (101)_2 */
        if (x->op == OP_NUM && x->scale == 0) {
            struct node *b = parse_argument(p);
            int64_t base;
            if (!b || !node_small(b, &base) || base < 2 || base > 36)
                return NULL;
            x = node_name(p->a, OP_BASE, x->name);
            x->scale = (int32_t)base;
            return x;
        }
        return NULL;
    }
    struct tok *t = p->t;
    struct tok *w = t->kind == '{' ? t + 1 : t;
    if (w->kind == T_WORD || w->kind == T_FUNC || w->kind == T_OPAQUE || w->kind == '*') {
        struct str s = name_join(p, name, "_", STR(""));
        while (w->kind == T_WORD || w->kind == T_FUNC || w->kind == T_OPAQUE || w->kind == T_NAME ||
               w->kind == ',' || w->kind == '*' || w->kind == T_NUM) {
            s = name_join(p, s, "", w->s);
            w++;
            if (t->kind != '{')
                break;
        }
        if (t->kind == '{' && w->kind != '}')
            return NULL;
        p->t = w + (t->kind == '{');
        return node_name(p->a, OP_NAME, s);
    }
    struct node *sub = parse_argument(p);
    if (!sub)
        return NULL;
    struct node *r = node_1(p->a, OP_CALL, sub);
    r->name = name_join(p, name, "_", STR(""));
    return r;
}

static struct node *postfixed(struct parser *p, struct node *x)
{
    for (int marks = 0; x; marks++) {
        if (marks > ANSWER_DEPTH_MAX) {
            p->limit = LIMIT_DEPTH;
            return NULL;
        }
        switch (p->t->kind) {
        case '^': x = power(p, x); break;
        case '_': x = subscript(p, x); break;
        case '%':
            p->t++;
            x = node_1(p->a, OP_PERCENT, x);
            break;
        case T_DEGREE:
            p->t++;
            x = degrees(p, x);
            break;
        case T_PRIME: x = primed(p, x); break;
        case '!': {
            bool twice = p->t[1].kind == '!';
            p->t += 1 + twice;
            struct node *f = node_func(p->a, twice ? FUNC_FACT2 : FUNC_FACT, 1);
            f->kid[0] = x;
            x = f;
            break;
        }
        default: return x;
        }
        if (p->limit != LIMIT_NONE)
            return NULL;
    }
    return NULL;
}

/* (A | B) at t: one bar at this depth, with something on both sides. */
static bool is_conditional(const struct tok *t)
{
    int depth = 0, bars = 0;
    for (; t->kind != T_END; t++) {
        depth += (t->kind == '(') - (t->kind == ')');
        bars += depth == 1 && (t->kind == '|' || t->kind == T_MID);
        if (depth == 0)
            return bars == 1;
    }
    return false;
}

static struct node *conditional(struct parser *p, const struct node *f)
{
    if (!parse_enter(p))
        return NULL;
    bool in_set = p->in_set;
    p->in_set = true; /* a bar ends what stands before it */
    p->t++;
    struct node *x = parse_list(p), *y = NULL;
    if (x && (p->t->kind == '|' || p->t->kind == T_MID)) {
        p->t++;
        y = parse_list(p);
    }
    p->in_set = in_set;
    parse_leave(p);
    if (!y || p->t->kind != ')')
        return NULL;
    p->t++;
    struct node *r = node_2(p->a, OP_CALL, x, y);
    r->name = name_join(p, f->name, "|", STR(""));
    return r;
}

/* k(x), f(x+1), P(A): a call where the letter is one of functions or a single
 * name or number stands between the brackets; otherwise a product. */
static struct node *called(struct parser *p, struct node *f)
{
    const struct tok *t = p->t;
    if (f->op != OP_NAME || f->flags & NODE_GROUPED || t->kind != '(' || t->flags & TOK_SPACE)
        return f;
    char c = f->name.p[0];
    if (c == '\\' && f->name.n > 1)
        c = 0;
    bool certain = c && strchr("fghFGH", c);
    bool letter = certain || (c && strchr("uvwypqrsPQRSTVWNMCDKLIEJUXYZAB", c)) ||
                  (f->name.n > 1 && c != 0);
    bool single = (t[1].kind == T_NAME || t[1].kind == T_NUM) && t[2].kind == ')';
    bool point = certain || (c >= 'A' && c <= 'Z');
    if (point && is_conditional(t))
        return conditional(p, f);
    struct node *x = parse_bracket(p);
    if (!x)
        return NULL;
    if (x->op == OP_REL && (certain || letter)) { /* P(X = 4) */
        struct node *r = node_1(p->a, OP_CALL, x);
        r->name = f->name;
        return r;
    }
    if (x->op == OP_TUPLE ? point && x->open == '(' && x->close == ')'
                          : certain || (letter && single)) {
        struct node *r = x->op == OP_TUPLE ? node_list(p->a, OP_CALL, x->kid, x->n)
                                           : node_1(p->a, OP_CALL, x);
        r->name = f->name;
        return r;
    }
    x = postfixed(p, x);
    x = x ? node_2(p->a, OP_MUL, f, x) : NULL;
    if (x && single)
        x->flags |= NODE_CALL;
    return x;
}

struct node *parse_factor(struct parser *p)
{
    if (!parse_enter(p))
        return NULL;
    struct node *x = parse_atom(p);
    if (x && x->op == OP_NAME && p->t->kind == T_PRIME)
        x = primed(p, x);
    if (x && x->op == OP_NAME && p->t->kind == '^' && p->t[1].kind == '{' && p->t[2].kind == '-' &&
        p->t[3].kind == T_NUM && p->t[4].kind == '}' && p->t[5].kind == '(' &&
        strchr("fghFGH", x->name.p[0])) {
        /* f^{-1}(x) */
        x = node_name(p->a, OP_NAME, name_join(p, x->name, "^-", p->t[3].s));
        p->t += 5;
    }
    if (x)
        x = called(p, x);
    x = postfixed(p, x);
    if (x && x->op == OP_CALL && p->t->kind == '(' && !(p->t->flags & TOK_SPACE) && x->n == 1 &&
        x->name.n > 1 && x->name.p[x->name.n - 1] == '_') {
        /* f_Y(y): a subscripted function */
        struct node *arg = parse_bracket(p);
        if (arg) {
            struct node *r = node_2(p->a, OP_CALL, x->kid[0], arg);
            r->name = name_join(p, x->name, "()", STR(""));
            x = postfixed(p, r);
        } else {
            x = NULL;
        }
    }
    parse_leave(p);
    return x;
}

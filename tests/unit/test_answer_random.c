/* test_answer_random.c - properties of equality over generated expressions:
 * identities keep it, a changed leaf breaks it, both sides may be exchanged, and
 * consistent renaming is seen by --loose only.
 *
 * 2,000 expressions; 100,000 with TORTURE in the environment. */
#include "answer/answer.h"
#include "base/rng.h"

#include "../tap.h"

#include <stdlib.h>

enum op { NUM, VAR, ADD, SUB, MUL, DIV, POW, NEG, ROOT, SIN };
enum { NODES = 64, DEPTH = 4, POINTS = 6, VARS = 3 };

struct expr {
    enum op op;
    int v;    /* NUM: the number; VAR: which; POW: the exponent */
    int a, b; /* kids: indices */
};

struct tree {
    struct expr e[NODES];
    int n;
};

static uint64_t seed, drawn;

static int below(int n)
{
    return (int)(rng_u64(20251101, seed, (uint32_t)drawn++, 0) % (uint64_t)n);
}

static int leaf(struct tree *t)
{
    int i = t->n++;
    bool variable = below(2);
    t->e[i] = (struct expr){variable ? VAR : NUM, variable ? below(VARS) : 1 + below(9), 0, 0};
    return i;
}

static int grow(struct tree *t, int depth)
{
    static const enum op ops[] = {ADD, ADD, SUB, MUL, MUL, DIV, POW, NEG, ROOT, SIN};
    if (depth == 0 || t->n > NODES - 12 || below(5) == 0)
        return leaf(t);
    int i = t->n++;
    enum op op = ops[below(10)];
    t->e[i].op = op;
    t->e[i].v = 2 + below(2);
    t->e[i].b = -1;
    int a = grow(t, depth - 1);
    t->e[i].a = a;
    if (op == ADD || op == SUB || op == MUL || op == DIV) {
        int b = grow(t, depth - 1);
        t->e[i].b = b;
    }
    return i;
}

static double value(const struct tree *t, int i, const double *x)
{
    const struct expr *e = &t->e[i];
    double a = e->op > VAR ? value(t, e->a, x) : 0;
    double b = e->op >= ADD && e->op <= DIV ? value(t, e->b, x) : 0;
    switch (e->op) {
    case NUM: return e->v;
    case VAR: return x[e->v];
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return fabs(b) < 1e-9 ? (double)NAN : a / b;
    case POW: return e->v == 2 ? a * a : a * a * a;
    case NEG: return -a;
    case ROOT: return sqrt(a * a + 1);
    case SIN: return sin(a);
    }
    return (double)NAN;
}

/* ---- printing ---- */

static const char *const names[2][VARS] = {{"x", "y", "a"}, {"t", "b", "\\theta "}};

static void put(struct buf *b, const struct tree *t, int i, bool vary, int rename);

static void grouped(struct buf *b, const struct tree *t, int i, bool vary, int rename)
{
    bool left = vary && below(2);
    buf_puts(b, left ? "\\left(" : "(");
    put(b, t, i, vary, rename);
    buf_puts(b, left ? "\\right)" : ")");
}

static void pair(struct buf *b, const struct tree *t, int l, const char *mid, int r, bool vary,
                 int rename)
{
    grouped(b, t, l, vary, rename);
    buf_puts(b, mid);
    grouped(b, t, r, vary, rename);
}

static void product(struct buf *b, const struct tree *t, const struct expr *e, bool vary,
                    int rename)
{
    const struct expr *s = &t->e[e->b];
    if (vary && s->op == ADD && below(2)) { /* a(b+c) = ab + ac */
        pair(b, t, e->a, "\\cdot ", s->a, vary, rename);
        buf_puts(b, "+");
        pair(b, t, e->a, " \\times ", s->b, vary, rename);
        return;
    }
    bool turn = vary && below(2);
    pair(b, t, turn ? e->b : e->a, vary && below(2) ? "" : "\\cdot ", turn ? e->a : e->b, vary,
         rename);
}

static void quotient(struct buf *b, const struct tree *t, const struct expr *e, bool vary,
                     int rename)
{
    if (vary && below(3) == 0) {
        pair(b, t, e->a, "/", e->b, vary, rename);
    } else if (vary && below(2)) {
        pair(b, t, e->a, "\\cdot ", e->b, vary, rename);
        buf_puts(b, "^{-1}");
    } else {
        buf_puts(b, vary && below(2) ? "\\dfrac{" : "\\frac{");
        put(b, t, e->a, vary, rename);
        buf_puts(b, "}{");
        put(b, t, e->b, vary, rename);
        buf_puts(b, "}");
    }
}

static void plain(struct buf *b, const struct tree *t, int i, bool vary, int rename)
{
    const struct expr *e = &t->e[i];
    bool turn = vary && below(2);
    switch (e->op) {
    case NUM: buf_printf(b, "%d", e->v); break;
    case VAR: buf_puts(b, names[rename][e->v]); break;
    case ADD: pair(b, t, turn ? e->b : e->a, "+", turn ? e->a : e->b, vary, rename); break;
    case SUB:
        buf_puts(b, turn ? "-(" : "");
        pair(b, t, turn ? e->b : e->a, "-", turn ? e->a : e->b, vary, rename);
        buf_puts(b, turn ? ")" : "");
        break;
    case MUL: product(b, t, e, vary, rename); break;
    case DIV: quotient(b, t, e, vary, rename); break;
    case POW:
        if (turn && e->v == 2) {
            pair(b, t, e->a, "", e->a, vary, rename);
        } else {
            grouped(b, t, e->a, vary, rename);
            buf_printf(b, "^{%d}", e->v);
        }
        break;
    case NEG:
        buf_puts(b, "-");
        grouped(b, t, e->a, vary, rename);
        break;
    case ROOT:
        buf_puts(b, turn ? "(" : "\\sqrt{");
        grouped(b, t, e->a, vary, rename);
        buf_puts(b, turn ? "^2+1)^{\\frac12}" : "^2+1}");
        break;
    case SIN:
        buf_puts(b, turn ? "-\\sin(-" : "\\sin(");
        grouped(b, t, e->a, vary, rename);
        buf_puts(b, ")");
        break;
    }
}

/* The expression, or something equal to it. */
static void put(struct buf *b, const struct tree *t, int i, bool vary, int rename)
{
    int how = vary ? below(24) : 23, k = 2 + below(7);
    switch (how) {
    case 0:
        grouped(b, t, i, false, rename);
        buf_printf(b, "+%d-%d", k, k);
        break;
    case 1:
        buf_printf(b, "\\frac{%d", k);
        grouped(b, t, i, false, rename);
        buf_printf(b, "}{%d}", k);
        break;
    case 2:
        buf_puts(b, "-(-");
        grouped(b, t, i, false, rename);
        buf_puts(b, ")");
        break;
    case 3:
        grouped(b, t, i, false, rename);
        buf_puts(b, " \\cdot 1");
        break;
    default: plain(b, t, i, vary, rename);
    }
}

/* ---- judging ---- */

static bool equal(struct arena *a, const struct buf *gold, const struct buf *pred, bool loose)
{
    struct answer_options o = answer_defaults();
    struct answer_judgement j;
    o.loose = loose;
    answer_judge_bare(answer_reference_new(a, buf_str(gold), &o), a, buf_str(pred), &j);
    return j.verdict == ANSWER_IS_CORRECT;
}

static void expect(struct arena *a, const struct buf *gold, const struct buf *pred, bool loose,
                   bool want, const char *what)
{
    bool there = equal(a, gold, pred, loose), back = equal(a, pred, gold, loose);
    if (there != want || back != want)
        printf("# %llu %s: %.*s | %.*s: %d, exchanged %d\n", (unsigned long long)seed, what,
               (int)gold->n, gold->p, (int)pred->n, pred->p, there, back);
    CHECK(there == want && back == want);
}

/* How two expressions compare at random points: 1 the same, -1 different, 0 no
 * telling (not enough points where both have a value of moderate size). */
static int oracle(const struct tree *s, const struct tree *t)
{
    int valid = 0;
    bool differ = false;
    for (int k = 0; k < POINTS; k++) {
        double x[VARS];
        for (int v = 0; v < VARS; v++)
            x[v] = 0.3 + 2.9 * rng_uniform(7, seed, (uint32_t)k, (uint32_t)v);
        double p = value(s, 0, x), q = value(t, 0, x);
        if (!isfinite(p) || !isfinite(q) || fabs(p) > 1e6 || fabs(q) > 1e6)
            continue;
        valid++;
        differ |= fabs(p - q) > 1e-5 * (1 + fabs(p));
    }
    return valid < 4 ? 0 : differ ? -1 : 1;
}

/* The value depends on the variables. */
static bool varies(const struct tree *t)
{
    for (int k = 0; k < POINTS; k++) {
        double x[VARS], y[VARS];
        for (int v = 0; v < VARS; v++) {
            x[v] = 0.3 + 2.9 * rng_uniform(8, seed, (uint32_t)k, (uint32_t)v);
            y[v] = 0.3 + 2.9 * rng_uniform(9, seed, (uint32_t)k, (uint32_t)v);
        }
        double p = value(t, 0, x), q = value(t, 0, y);
        if (isfinite(p) && isfinite(q) && fabs(p) < 1e6 && fabs(p - q) > 1e-5 * (1 + fabs(p)))
            return true;
    }
    return false;
}

static void one(struct arena *a)
{
    struct tree t = {.n = 0}, changed;
    struct buf gold = {0}, pred = {0};
    grow(&t, 1 + below(DEPTH));
    if (oracle(&t, &t) != 1)
        return;
    put(&gold, &t, 0, false, 0);
    put(&pred, &t, 0, true, 0);
    expect(a, &gold, &pred, false, true, "identity");

    changed = t;
    int leaves = 0, at = -1;
    for (int i = 0; i < t.n; i++)
        if (t.e[i].op <= VAR && below(++leaves) == 0)
            at = i;
    struct expr *e = &changed.e[at];
    e->v = e->op == NUM ? e->v + 1 + below(3) : (e->v + 1 + below(VARS - 1)) % VARS;
    buf_reset(&pred);
    put(&pred, &changed, 0, below(2), 0);
    int told = oracle(&t, &changed);
    if (told == -1)
        expect(a, &gold, &pred, false, false, "changed leaf");

    buf_reset(&pred);
    put(&pred, &t, 0, false, 1);
    expect(a, &gold, &pred, true, true, "renamed, loose");
    if (varies(&t))
        expect(a, &gold, &pred, false, false, "renamed");
    buf_free(&gold);
    buf_free(&pred);
}

static void identities(void)
{
    struct arena a = {0};
    uint64_t n = getenv("TORTURE") ? 100000 : 2000;
    for (seed = 0; seed < n && tap_failures < 10; seed++) {
        drawn = 0;
        one(&a);
        arena_reset(&a);
    }
    arena_free(&a);
}

int main(void)
{
    static const struct test tests[] = {{"identities, changed leaves, renaming", identities}};
    return TAP_RUN(tests);
}

/* math.c - see math.h. */
#include "answer/math.h"
#include "answer/compare.h"
#include "answer/lex.h"
#include "answer/parse.h"
#include "answer/plain.h"
#include "answer/rewrite.h"
#include "answer/scan.h"
#include "answer/words.h"

#include <string.h>

/* A text as tokens and as a tree, in one reading of its separators. */
struct reading {
    struct node *tree; /* NULL: words, or notation without a meaning here */
    enum limit limit;
};

struct math_reference {
    const struct answer_options *o;
    struct str text;
    struct plain plain;
    bool is_plain;
    struct reading usual;
};

static const char *limit_why(enum limit l)
{
    static const char *const names[] = {
        [LIMIT_NONE] = "",
        [LIMIT_BYTES] = "limit:bytes",
        [LIMIT_TOKENS] = "limit:tokens",
        [LIMIT_DEPTH] = "limit:depth",
        [LIMIT_TERMS] = "limit:terms",
        [LIMIT_DIGITS] = "limit:digits",
        [LIMIT_BITS] = "limit:bits",
        [LIMIT_WORK] = "limit:work",
    };
    return names[l];
}

/* ---- what stands around an answer ---- */

/* Behind the words of `head`, between which any blanks may stand; 0 if s begins
 * otherwise. */
static size_t after_head(struct str s, const char *head)
{
    size_t i = 0;
    for (; *head; head++) {
        if (*head == ' ') {
            size_t from = i;
            while (i < s.n && scan_space(s.p[i]))
                i++;
            if (i == from)
                return 0;
        } else if (*head == ':' && i < s.n && s.p[i] == ' ') {
            i++;
            head--;
        } else if (i < s.n && (s.p[i] | 32) == (*head | 32)) {
            i++;
        } else {
            return 0;
        }
    }
    return i;
}

/* Words that lead to a value: "The number of ways is", "Answer:". */
static bool is_lead(struct str s)
{
    bool colon = s.n && s.p[s.n - 1] == ':';
    struct str last = {NULL, 0};
    s = str_trim(str_slice(s, 0, s.n - colon));
    for (size_t i = 0; i < s.n;) {
        size_t k = i;
        while (k < s.n && scan_letter(s.p[k]))
            k++;
        if (k == i && s.p[i] != ' ')
            return false;
        struct str word = str_slice(s, i, k);
        bool verb = word_equal_fold(word, "is") || word_equal_fold(word, "are");
        if (k > i && word_is_judging(word) && !verb)
            return false;
        last = k > i ? word : last;
        i = k > i ? k : i + 1;
    }
    return last.n > 1 && (colon || word_equal_fold(last, "is") || word_equal_fold(last, "are"));
}

/* "Solution is: [k=4]" says no more than "k=4", nor does "\text{Answer: } 4". */
static struct str without_heading(struct str s)
{
    static const char *const heads[] = {
        "\\displaystyle ", "solution is:",     "solutions are:",       "the solution is:",
        "answer:",         "answer =",         "the answer is:",       "solution:",
        "solutions:",      "the answer is ",   "the final answer is:", "the final answer is ",
        "final answer:",   "the solution is ",
    };
    while (s.n && s.p[0] == '$')
        s = str_trim(str_slice(s, 1, s.n));
    while (s.n && s.p[s.n - 1] == '$' && !(s.n > 1 && s.p[s.n - 2] == '\\'))
        s = str_trim(str_slice(s, 0, s.n - 1));
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t n = after_head(s, heads[i]);
        if (n && n < s.n)
            s = str_trim(str_slice(s, n, s.n));
    }
    if (str_starts(s, STR("\\text{"))) {
        size_t close = scan_brace(s, 5);
        if (close != STR_NONE && close + 1 < s.n && is_lead(str_trim(str_slice(s, 6, close))))
            s = str_trim(str_slice(s, close + 1, s.n));
    }
    return s;
}

/* "7 (seven)": words in brackets behind a value, unless they judge it. */
static struct str without_remark(struct str s)
{
    size_t open = s.n && s.p[s.n - 1] == ')' ? str_rfind(s, STR(" (")) : STR_NONE;
    if (open == STR_NONE || open == 0 || !scan_digit(s.p[open - 1]))
        return s;
    bool word = false;
    for (size_t i = open + 2; i + 1 < s.n;) {
        size_t k = i;
        while (k < s.n && scan_letter(s.p[k]))
            k++;
        struct str w = str_slice(s, i, k);
        if ((k == i && !strchr(" -,.", s.p[i])) || (k > i && word_is_judging(w)))
            return s;
        word |= k - i > 2;
        i = k > i ? k : i + 1;
    }
    return word ? str_trim(str_slice(s, 0, open)) : s;
}

/* **7** */
static struct str without_stars(struct str s)
{
    while (s.n > 2 && s.p[0] == '*' && s.p[s.n - 1] == '*')
        s = str_trim(str_slice(s, 1, s.n - 1));
    if (s.n > 2 && s.p[0] == '\'' && s.p[s.n - 1] == '\'')
        s = str_trim(str_slice(s, 1, s.n - 1));
    return s;
}

static bool starts_any(struct str s, const char *const *heads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(s, str_of(heads[i])))
            return true;
    return false;
}

/* "x < -7 : (-\infty, -7)" gives the set twice; the second time is kept. */
static struct str without_condition(struct str s)
{
    static const char *const signs[] = {"<",    ">",     "\\le",  "\\ge",
                                        "\\ne", "\\neq", "\\leq", "\\geq"};
    static const char *const sets[] = {"(", "[", "\\left(", "\\left[", "\\left (", "\\{"};
    size_t colon = str_rfind(s, STR(":"));
    if (colon == STR_NONE || colon == 0)
        return s;
    struct str right = str_trim(str_slice(s, colon + 1, s.n));
    if (!starts_any(right, sets, sizeof sets / sizeof *sets))
        return s;
    size_t depth = 0;
    bool relation = false;
    for (size_t i = 0; i < colon; i++) {
        char c = s.p[i];
        depth += c == '{' || c == '(' || c == '[';
        depth -= depth && (c == '}' || c == ')' || c == ']');
        relation |= starts_any(str_slice(s, i, colon), signs, sizeof signs / sizeof *signs);
    }
    return relation && depth == 0 ? right : s;
}

/* ((((1)))): of pairs that enclose everything one is kept. */
static struct str without_shells(struct str s)
{
    size_t open = 0, close = 0;
    while (open < s.n && s.p[open] == '(')
        open++;
    while (close < s.n - open && s.p[s.n - 1 - close] == ')')
        close++;
    size_t shells = open < close ? open : close, depth = open;
    for (size_t i = open; shells > 1 && i < s.n - close; i++) {
        depth += s.p[i] == '(';
        if (s.p[i] == ')' && depth)
            depth--;
        shells = depth < shells ? depth : shells;
    }
    return shells > 1 ? str_slice(s, shells - 1, s.n - (shells - 1)) : s;
}

static struct str bare(struct str s)
{
    s = without_heading(without_stars(str_trim(s)));
    return without_shells(without_condition(without_remark(s)));
}

/* ---- words ---- */

static bool is_noise(const struct tok *t)
{
    return t->kind == '.' || t->kind == T_QUAD || t->kind == T_ROW || t->kind == '"' ||
           (t[1].kind == T_END && (t->kind == ',' || t->kind == ';'));
}

/* \dfrac is \frac: the text counts only where kind and id do not say it all. */
static bool text_counts(const struct tok *t)
{
    switch (t->kind) {
    case T_NUM:
    case T_BASE:
    case T_REPEAT:
    case T_NAME:
    case T_WORD:
    case T_SETNAME:
    case T_MONEY:
    case T_OPAQUE:
    case T_ACCENT:
    case T_BEGIN:
    case T_FINISH: return true;
    default: return t->kind == T_REL && t->id == REL_OTHER;
    }
}

static bool same_token(const struct tok *a, const struct tok *b)
{
    if (a->kind == b->kind && a->id == b->id && !text_counts(a) && !text_counts(b))
        return true;
    if (a->kind != b->kind || a->id != b->id || a->scale != b->scale || a->s.n != b->s.n ||
        !str_eq(a->t, b->t))
        return false;
    bool fold = a->kind == T_WORD;
    for (size_t i = 0; i < a->s.n; i++) {
        char x = a->s.p[i], y = b->s.p[i];
        if (x != y && !(fold && scan_letter(x) && (x ^ y) == 32))
            return false;
    }
    return true;
}

/* Token by token the same, but for full stops and the case of words. */
static bool same_words(struct arena *a, struct str gold, struct str pred)
{
    struct lexed g = lex(a, gold, LEX_THOUSANDS), p = lex(a, pred, LEX_THOUSANDS);
    if (g.limit || p.limit)
        return false;
    const struct tok *x = g.tok, *y = p.tok;
    for (;; x++, y++) {
        while (x->kind != T_END && is_noise(x))
            x++;
        while (y->kind != T_END && is_noise(y))
            y++;
        if (x->kind == T_END || y->kind == T_END)
            return x->kind == y->kind && x > g.tok;
        if (!same_token(x, y))
            return false;
    }
}

/* ---- readings ---- */

static struct reading read_as(struct arena *a, struct str text, enum lex_reading how)
{
    struct reading r = {NULL, LIMIT_NONE};
    r.tree = parse(a, bare(text), how, &r.limit);
    return r;
}

/* 1,22 or 0,5: digits, one comma, and what could only be decimals. */
static bool decimal_comma(struct str s)
{
    size_t i = 0, k;
    s = str_trim(s);
    if (i < s.n && s.p[i] == '-')
        i++;
    for (k = i; k < s.n && scan_digit(s.p[k]); k++)
        ;
    if (k == i || k >= s.n || s.p[k] != ',')
        return false;
    bool zero = k == i + 1 && s.p[i] == '0';
    size_t from = ++k;
    while (k < s.n && scan_digit(s.p[k]))
        k++;
    size_t n = k - from;
    return k == s.n && (zero ? n >= 1 : n >= 2 && n != 3);
}

static bool is_loose(const struct node *x)
{
    if (x->op == OP_NUM && x->flags & NODE_LOOSE)
        return true;
    for (uint32_t i = 0; x->op == OP_LIST && i < x->n; i++)
        if (is_loose(x->kid[i]))
            return true;
    return false;
}

static bool is_decimal(const struct node *x)
{
    while (x->op == OP_NEG || x->op == OP_UNIT)
        x = x->kid[0];
    return x->op == OP_NUM && x->flags & NODE_DECIMAL;
}

struct verdict {
    bool equal;
    const char *why;
    enum limit limit;
};

static struct verdict compare_trees(const struct math_reference *r, struct arena *a,
                                    struct node *gold, struct node *pred)
{
    struct compare c = {.a = a, .o = r->o, .budget = {ANSWER_WORK_MAX, LIMIT_NONE}};
    struct verdict v = {.equal = compare_same(&c, form_reduce(&c, gold), form_reduce(&c, pred))};
    if (!v.equal && r->o->loose && c.budget.limit == LIMIT_NONE) {
        pred = rewrite_names(&c, gold, pred);
        v.equal = pred && compare_same(&c, form_reduce(&c, gold), form_reduce(&c, pred));
    }
    v.why = c.why ? c.why : v.equal ? "equal:same" : "differ:kind";
    v.limit = v.equal ? LIMIT_NONE : c.budget.limit;
    return v;
}

/* Separators that can be read in two ways are read as the other side needs them. */
static bool other_readings(const struct math_reference *r, struct arena *a, struct str text,
                           struct node *gold, struct node *pred, struct verdict *v)
{
    struct reading g = {gold, LIMIT_NONE}, p = {pred, LIMIT_NONE};
    if (is_loose(gold) && pred->op == OP_LIST)
        g = read_as(a, r->text, LEX_LIST);
    else if (is_loose(pred) && gold->op == OP_LIST)
        p = read_as(a, text, LEX_LIST);
    else if (is_decimal(pred) && decimal_comma(r->text))
        g = read_as(a, r->text, LEX_DECIMAL_COMMA);
    else if (is_decimal(gold) && decimal_comma(text))
        p = read_as(a, text, LEX_DECIMAL_COMMA);
    else
        return false;
    if (!g.tree || !p.tree)
        return false;
    *v = compare_trees(r, a, g.tree, p.tree);
    return v->equal;
}

/* ---- references ---- */

struct math_reference *math_reference_new(struct arena *a, struct str text,
                                          const struct answer_options *o, const char **bad)
{
    struct math_reference *r = arena_alloc(a, sizeof *r);
    memset(r, 0, sizeof *r);
    r->o = o;
    r->text = text;
    r->is_plain = plain_read(text, &r->plain);
    r->usual = read_as(a, text, LEX_THOUSANDS);
    if (r->usual.limit != LIMIT_NONE)
        *bad = limit_why(r->usual.limit);
    else if (o->type == ANSWER_NUMBER && !(r->usual.tree && value_is_constant(r->usual.tree)))
        *bad = "reference:number";
    return *bad ? NULL : r;
}

/* Which of the two was too much?  The reference, if it cannot even be held
 * against a number that it is not. */
static bool reference_exceeds(const struct math_reference *r, struct arena *a)
{
    struct node *other = node_name(a, OP_NUM, STR("2718281828459"));
    other->scale = -11;
    return compare_trees(r, a, r->usual.tree, other).limit != LIMIT_NONE;
}

/* ---- judging ---- */

static void give(struct answer_judgement *out, bool equal, const char *why)
{
    out->verdict = equal ? ANSWER_IS_CORRECT : ANSWER_IS_WRONG;
    out->why = why;
}

static void give_limit(struct answer_judgement *out, enum answer_verdict verdict, enum limit limit)
{
    out->verdict = verdict;
    out->has_extracted = false;
    out->extracted = (struct str){NULL, 0};
    out->why = limit_why(limit);
}

static bool by_plain(const struct math_reference *r, struct answer_judgement *out)
{
    struct plain p;
    if (!r->is_plain || r->o->tolerance > 0 || r->o->precision > 0 ||
        !plain_read(out->extracted, &p))
        return false;
    enum plain_answer d = plain_compare(&r->plain, &p);
    if (d != PLAIN_UNDECIDED)
        give(out, d == PLAIN_EQUAL, d == PLAIN_EQUAL ? "equal:number" : "differ:number");
    return d != PLAIN_UNDECIDED;
}

void math_judge(const struct math_reference *r, struct arena *a, struct answer_judgement *out)
{
    if (by_plain(r, out))
        return;
    struct str text = out->extracted;
    if (text.n > ANSWER_BYTES_MAX) {
        give_limit(out, ANSWER_IS_ABSENT, LIMIT_BYTES);
        return;
    }
    struct reading p = read_as(a, text, LEX_THOUSANDS);
    if (p.limit != LIMIT_NONE) {
        give_limit(out, ANSWER_IS_ABSENT, p.limit);
        return;
    }
    struct node *gold = r->usual.tree;
    if (!gold || !p.tree) {
        bool equal = r->o->type == ANSWER_MATH && same_words(a, bare(r->text), bare(text));
        give(out, equal, equal ? "equal:text" : "differ:text");
        return;
    }
    if (r->o->type == ANSWER_NUMBER && !value_is_constant(p.tree)) {
        give(out, false, "differ:number");
        return;
    }
    struct verdict v = compare_trees(r, a, gold, p.tree);
    if (!v.equal && v.limit == LIMIT_NONE)
        other_readings(r, a, text, gold, p.tree, &v);
    if (v.limit == LIMIT_NONE)
        give(out, v.equal, v.why);
    else
        give_limit(out, reference_exceeds(r, a) ? ANSWER_BAD_REFERENCE : ANSWER_IS_ABSENT, v.limit);
}

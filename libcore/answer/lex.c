/* lex.c - see lex.h. */
#include "answer/lex.h"
#include "answer/scan.h"
#include "answer/tree.h"
#include "answer/words.h"

#include <stddef.h>
#include <string.h>

struct lexer {
    struct arena *a;
    struct str text;
    struct tok *tok;
    uint32_t n, cap;
    enum lex_reading reading;
    enum limit limit;
    int depth;    /* of styles */
    int round;    /* open (, [ and \{: a comma in there separates */
    int env;      /* open environments */
    bool space;   /* white space seen since the last token */
    int side;     /* \left, \right or \middle just seen: 1, 2, 3 */
    bool doubled; /* every backslash is written twice */
    bool words;   /* the whole text is words: no letter is a variable */
    char digits[ANSWER_DIGITS_MAX];
};

enum mode { MODE_MATH, MODE_TEXT };

static struct tok *push(struct lexer *x, int kind, size_t at)
{
    if (x->n == ANSWER_TOKENS_MAX) {
        x->limit = LIMIT_TOKENS;
        x->n--; /* keeps writing into the last slot; the result is not used */
    }
    if (x->n == x->cap) {
        uint32_t cap = x->cap ? x->cap * 2 : 64;
        struct tok *t = arena_array(x->a, cap, sizeof *t);
        if (x->n)
            memcpy(t, x->tok, x->n * sizeof *t);
        x->tok = t;
        x->cap = cap;
    }
    struct tok *t = &x->tok[x->n++];
    *t = (struct tok){.kind = (uint16_t)kind, .at = (uint32_t)at};
    if (x->space)
        t->flags |= TOK_SPACE;
    x->space = false;
    x->side = 0;
    return t;
}

static struct tok *last(struct lexer *x)
{
    return x->n ? &x->tok[x->n - 1] : NULL;
}

static char at(const struct lexer *x, size_t i, size_t end)
{
    return i < end ? x->text.p[i] : '\0';
}

static struct str piece(const struct lexer *x, size_t from, size_t to)
{
    return str_slice(x->text, from, to);
}

/* ---- numbers ---- */

/* "14 {, }916" */
static size_t spaced_separator(const struct lexer *x, size_t i, size_t end)
{
    size_t k = i;
    while (at(x, k, end) == ' ')
        k++;
    if (at(x, k, end) != '{' || at(x, k + 1, end) != ',')
        return 0;
    k += 2;
    while (at(x, k, end) == ' ')
        k++;
    return at(x, k, end) == '}' ? k + 1 - i : 0;
}

/* A separator of thousands at i: its length, with *loose if it is a plain comma
 * or space, which could mean something else.  0 if there is none. */
static size_t separator(const struct lexer *x, size_t i, size_t end, bool *loose)
{
    static const struct {
        const char *s;
        bool loose;
    } marks[] = {
        {"{,}", false},
        {"{,}\\!", false},
        {",\\!\\!", false},
        {",\\!", false},
        {"\\,", false},
        {"\\ ", false},
        {"~", false},
        {"\\;", false},
        {",", true},
        {" ", true},
        {"\xc2\xa0", true},
        {"\xe2\x80\xaf", false},
        {"\xe2\x80\x89", false},
        {"{\\,}", false},
        {"\\!,\\!", false},
        {"{\\,\\!}", false},
        {"\\!", false},
        {",\\,", false},
    };
    size_t best = spaced_separator(x, i, end);
    *loose = false;
    for (size_t k = 0; k < sizeof marks / sizeof *marks && i < end; k++) {
        size_t n = strlen(marks[k].s);
        if (marks[k].s[0] == x->text.p[i] && n > best && end - i >= n &&
            memcmp(x->text.p + i, marks[k].s, n) == 0) {
            best = n;
            *loose = marks[k].loose;
        }
    }
    if (best && *loose && x->text.p[i] == ',' && (x->round || x->reading == LEX_LIST))
        return 0;
    if (best && *loose && x->text.p[i] != ',' && x->env)
        return 0;
    if (best && best >= 3 && !*loose) /* 11,\! 111: spaces after \! do not count in TeX */
        while (best < end - i && x->text.p[i + best] == ' ')
            best++;
    return best;
}

static bool group_of_three(const struct lexer *x, size_t i, size_t end)
{
    return end - i >= 3 && scan_digit(x->text.p[i]) && scan_digit(x->text.p[i + 1]) &&
           scan_digit(x->text.p[i + 2]) && !(i + 3 < end && scan_digit(x->text.p[i + 3]));
}

/* 1.234.567,89: points between thousands and a comma before the decimals. */
static size_t european(const struct lexer *x, size_t i, size_t end)
{
    size_t k = i, first = 0;
    while (k < end && scan_digit(x->text.p[k]))
        k++, first++;
    if (!first || first > 3 || x->text.p[i] == '0')
        return 0;
    size_t groups = 0;
    while (at(x, k, end) == '.' && group_of_three(x, k + 1, end))
        k += 4, groups++;
    if (!groups || at(x, k, end) != ',' || !scan_digit(at(x, k + 1, end)) || x->round)
        return 0;
    k++;
    while (k < end && scan_digit(x->text.p[k]))
        k++;
    return k;
}

struct digits {
    char *p;
    size_t n;
    int32_t scale;
    uint8_t flags;
};

static void put_digit(struct lexer *x, struct digits *d, char c)
{
    if (d->n == ANSWER_DIGITS_MAX)
        x->limit = LIMIT_DIGITS;
    else
        d->p[d->n++] = c;
}

/* The integer part with its separators; returns where it ends. */
static size_t integer_part(struct lexer *x, size_t i, size_t end, struct digits *d)
{
    size_t start = i;
    while (i < end && scan_digit(x->text.p[i]))
        put_digit(x, d, x->text.p[i++]);
    bool spaced = false;
    while (i - start <= 3 ? i > start && x->text.p[start] != '0' : spaced) {
        bool loose = false;
        size_t n = separator(x, i, end, &loose);
        if (!n || !group_of_three(x, i + n, end))
            break;
        for (size_t k = 0; k < 3; k++)
            put_digit(x, d, x->text.p[i + n + k]);
        i += n + 3;
        spaced = true;
        if (loose)
            d->flags |= TOK_LOOSE;
    }
    return i;
}

static size_t exponent_part(struct lexer *x, size_t i, size_t end, struct digits *d)
{
    char c = at(x, i, end);
    if ((c != 'e' && c != 'E') || !d->n)
        return i;
    size_t k = i + 1;
    bool minus = at(x, k, end) == '-';
    if (minus || at(x, k, end) == '+')
        k++;
    if (!scan_digit(at(x, k, end)))
        return i;
    int32_t e = 0;
    size_t first = k;
    while (scan_digit(at(x, k, end))) {
        if (k - first > 6)
            x->limit = LIMIT_DIGITS;
        else
            e = e * 10 + (x->text.p[k] - '0');
        k++;
    }
    if (scan_letter(at(x, k, end)))
        return i;
    d->scale += minus ? -e : e;
    d->flags |= TOK_DECIMAL;
    return k;
}

/* _2, _{12}, _{\text{two}} after a number. */
static size_t base_part(const struct lexer *x, size_t i, size_t end, int *base)
{
    static const char *const names[] = {"two",   "three", "four", "five",   "six",   "seven",
                                        "eight", "nine",  "ten",  "eleven", "twelve"};
    size_t k = i;
    if (at(x, k, end) != '_')
        return i;
    k++;
    bool braced = at(x, k, end) == '{';
    size_t stop = end;
    if (braced) {
        k++;
        stop = scan_brace(piece(x, 0, end), k - 1);
        if (stop == STR_NONE)
            return i;
    }
    struct str s = str_trim(piece(x, k, stop));
    if (braced) {
        static const char *const wraps[] = {"\\text{", "\\mathrm{", "\\textnormal{", "\\mbox{"};
        for (size_t w = 0; w < 4; w++)
            if (str_starts(s, str_of(wraps[w])) && s.p[s.n - 1] == '}')
                s = str_trim(str_slice(s, strlen(wraps[w]), s.n - 1));
        for (size_t w = 0; w < sizeof names / sizeof *names; w++)
            if (word_equal_fold(s, names[w])) {
                *base = (int)w + 2;
                return stop + 1;
            }
    }
    int v = 0;
    size_t n = 0;
    while (n < s.n && n < 3 && scan_digit(s.p[n]))
        v = v * 10 + (s.p[n++] - '0');
    if (!n || v < 2 || v > 36 || (braced && n != s.n))
        return i;
    *base = v;
    return braced ? stop + 1 : k + n;
}

/* \overline{3}, \bar{3}, \dot{3} after the point. */
static size_t period_part(const struct lexer *x, size_t i, size_t end, struct str *period)
{
    static const char *const marks[] = {"\\overline{", "\\bar{", "\\dot{", "\\overline ", "\\bar "};
    for (size_t k = 0; k < 5; k++) {
        size_t n = strlen(marks[k]);
        if (end - i < n || memcmp(x->text.p + i, marks[k], n) != 0)
            continue;
        size_t j = i + n;
        while (scan_digit(at(x, j, end)) && (k < 3 || j == i + n))
            j++;
        if (j == i + n || j - i - n > 64 || (k < 3 && at(x, j, end) != '}'))
            return i;
        *period = piece(x, i + n, j);
        return k < 3 ? j + 1 : j;
    }
    return i;
}

/* 0.1666... and 0.1212\ldots: the period that the last digits repeat, or nothing. */
static size_t dotted_period(const struct lexer *x, size_t i, size_t end, size_t decimals,
                            struct str *period)
{
    static const char *const dots[] = {"...", "\\ldots", "\\dots", "\\cdots", "\xe2\x80\xa6"};
    size_t after = i;
    for (size_t k = 0; k < 5 && after == i; k++) {
        size_t n = strlen(dots[k]);
        if (end - i >= n && memcmp(x->text.p + i, dots[k], n) == 0)
            after = i + n;
    }
    for (size_t n = 1; after > i && n <= 6; n++) {
        size_t need = n == 1 ? 3 : 2 * n;
        bool repeats = need <= decimals;
        for (size_t k = n; repeats && k < need; k++)
            repeats = x->text.p[i - 1 - k] == x->text.p[i - 1 - k + n];
        if (repeats) {
            *period = piece(x, i - n, i);
            return after;
        }
    }
    return i;
}

static struct str keep(struct lexer *x, const struct digits *d)
{
    return (struct str){arena_strdup(x->a, d->p, d->n), d->n};
}

static size_t number(struct lexer *x, size_t i, size_t end)
{
    size_t start = i;
    struct digits d = {.p = x->digits};
    size_t euro = european(x, i, end);
    if (euro) {
        bool after = false;
        for (; i < euro; i++) {
            if (scan_digit(x->text.p[i])) {
                put_digit(x, &d, x->text.p[i]);
                d.scale -= after;
            }
            after |= x->text.p[i] == ',';
        }
        d.flags |= TOK_DECIMAL;
    } else {
        i = integer_part(x, i, end, &d);
        bool comma = x->reading == LEX_DECIMAL_COMMA && at(x, i, end) == ',' &&
                     !(d.flags & TOK_LOOSE);
        bool braced = end - i > 3 && memcmp(x->text.p + i, "{,}", 3) == 0;
        size_t skip = at(x, i, end) == '.' || comma ? 1 : braced ? 3 : 0;
        if (skip &&
            (scan_digit(at(x, i + skip, end)) || (skip == 1 && at(x, i + 1, end) == '\\'))) {
            size_t k = i + skip;
            while (scan_digit(at(x, k, end))) {
                put_digit(x, &d, x->text.p[k++]);
                d.scale--;
            }
            struct str period = {NULL, 0};
            size_t after = period_part(x, k, end, &period);
            if (after == k)
                after = dotted_period(x, k, end, k - i - skip, &period);
            if (after > k) {
                struct tok *t = push(x, T_REPEAT, start);
                t->s = keep(x, &d);
                t->scale = d.scale;
                t->t = period;
                return after;
            }
            if (k > i + skip) {
                i = k;
                d.flags |= TOK_DECIMAL;
            }
        }
        i = exponent_part(x, i, end, &d);
    }
    int base = 0;
    size_t after = d.flags & TOK_DECIMAL ? i : base_part(x, i, end, &base);
    struct tok *t = push(x, base ? T_BASE : T_NUM, start);
    t->s = keep(x, &d);
    t->scale = base ? base : d.scale;
    t->flags |= d.flags;
    return after;
}

/* 1A3_{16}: digits and capitals before a base above ten. */
static size_t letter_digits(struct lexer *x, size_t i, size_t end)
{
    size_t k = i;
    while (k < end && (scan_digit(x->text.p[k]) || (x->text.p[k] >= 'A' && x->text.p[k] <= 'Z')))
        k++;
    int base = 0;
    size_t after = base_part(x, k, end, &base);
    if (after == k || base <= 10 || k - i > 64)
        return i;
    for (size_t j = i; j < k; j++)
        if (!scan_digit(x->text.p[j]) && x->text.p[j] - 'A' + 10 >= base)
            return i;
    struct tok *t = push(x, T_BASE, i);
    t->s = piece(x, i, k);
    t->scale = base;
    return after;
}

/* ---- letters ---- */

static bool after_value(struct lexer *x)
{
    struct tok *t = last(x);
    return t && (t->kind == T_NUM || t->kind == ')' || t->kind == '}' || t->kind == T_REPEAT ||
                 (t->kind == T_WORD && t->flags & TOK_UNIT) || t->kind == '/');
}

static struct tok *push_word(struct lexer *x, const struct word *w, size_t pos, struct str text)
{
    struct tok *t = push(x, w->kind, pos);
    t->id = w->id;
    t->s = w->s ? str_of(w->s) : text;
    return t;
}

static bool has_vowel(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("aeiouyAEIOUY", s.p[i]))
            return true;
    return false;
}

static void push_letters(struct lexer *x, size_t from, size_t to, uint8_t flags)
{
    for (size_t i = from; i < to; i++) {
        struct tok *t = push(x, T_NAME, i);
        t->s = piece(x, i, i + 1);
        t->flags |= flags;
    }
}

/* sinx, 2cosxy, xlnx: functions with at most two letters around them. */
static bool push_functions(struct lexer *x, size_t from, size_t to)
{
    static const char *const names[] = {"arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan",
                                        "cot",    "sec",    "csc",    "log",  "exp", "ln"};
    struct {
        size_t from, to;
        bool function;
    } part[8];
    size_t n = 0, letters = 0, functions = 0;
    for (size_t i = from; i < to && n < 8; n++) {
        size_t len = 0;
        for (size_t k = 0; k < sizeof names / sizeof *names && !len; k++)
            if (to - i >= strlen(names[k]) &&
                memcmp(x->text.p + i, names[k], strlen(names[k])) == 0)
                len = strlen(names[k]);
        part[n].from = i;
        part[n].to = i + (len ? len : 1);
        part[n].function = len > 0;
        functions += len > 0;
        letters += len == 0;
        i = part[n].to;
    }
    if (!functions || letters > 2 || part[n - 1].to != to)
        return false;
    for (size_t k = 0; k < n; k++)
        if (part[k].function)
            push_word(x, word_plain(piece(x, part[k].from, part[k].to)), part[k].from,
                      piece(x, part[k].from, part[k].to));
        else
            push_letters(x, part[k].from, part[k].to, 0);
    return true;
}

static bool all_capitals(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return true;
}

static void letters(struct lexer *x, size_t from, size_t to, enum mode mode)
{
    struct str s = piece(x, from, to);
    if (s.n == 1) {
        bool word = mode == MODE_TEXT && after_value(x) && !x->words;
        struct tok *t = push(x, word ? T_WORD : T_NAME, from);
        t->s = s;
        t->flags |= mode == MODE_TEXT ? TOK_TEXT : 0;
        if (word)
            t->flags |= TOK_UNIT;
        return;
    }
    bool unit = word_unit(s) != NULL;
    if (unit && after_value(x) && !word_equal_fold(s, "in")) {
        struct tok *t = push(x, T_WORD, from);
        t->s = s;
        t->flags |= TOK_UNIT;
        return;
    }
    const struct word *w = word_plain(s);
    if (w && (w->kind == '%' || w->kind == T_DEGREE) && mode == MODE_TEXT && !after_value(x))
        w = NULL;
    if (w && !(x->words && w->kind != T_AND && w->kind != T_OR)) {
        push_word(x, w, from, s)->flags |= mode == MODE_TEXT ? TOK_TEXT : 0;
        return;
    }
    if (mode == MODE_TEXT || x->words || s.n > 3 || word_is_short(s)) {
        if (mode == MODE_MATH && !x->words) {
            if (all_capitals(s)) {
                push(x, T_NAME, from)->s = s;
                return;
            }
            if (push_functions(x, from, to))
                return;
            if (str_starts(s, STR("or")) && s.n == 3 && s.p[2] >= 'A' && s.p[2] <= 'Z') {
                push(x, T_OR, from);
                push_letters(x, from + 2, to, 0);
                return;
            }
        }
        struct tok *t = push(x, T_WORD, from);
        t->s = s;
        t->flags |= TOK_TEXT | (unit ? TOK_UNIT : 0);
        return;
    }
    if (all_capitals(s)) {
        if (s.n == 2)
            push_letters(x, from, to, TOK_PAIR);
        else
            push(x, T_NAME, from)->s = s;
        return;
    }
    if (s.n == 3 && str_starts(s, STR("or")) && s.p[2] >= 'A' && s.p[2] <= 'Z') {
        push(x, T_OR, from);
        push_letters(x, from + 2, to, 0);
        return;
    }
    if (s.n == 3 && s.p[0] == 'p' && s.p[1] == 'i') {
        push(x, T_PI, from);
        push_letters(x, from + 2, to, 0);
        return;
    }
    if (push_functions(x, from, to))
        return;
    push_letters(x, from, to, 0);
}

/* a.m., p.m., AM, pm after a number. */
static size_t meridiem(struct lexer *x, size_t i, size_t end)
{
    struct tok *t = last(x);
    if (!t || t->kind != T_NUM)
        return i;
    char c = (char)(x->text.p[i] | 32);
    if (c != 'a' && c != 'p')
        return i;
    size_t k = i + 1;
    if (at(x, k, end) == '.')
        k++;
    while (at(x, k, end) == ' ' && x->text.p[k - 1] == '.')
        k++;
    if ((at(x, k, end) | 32) != 'm' || scan_letter(at(x, k + 1, end)))
        return i;
    k++;
    if (at(x, k, end) == '.')
        k++;
    struct tok *w = push(x, T_WORD, i);
    w->s = c == 'a' ? STR("am") : STR("pm");
    w->flags |= TOK_TEXT;
    return k;
}

/* ---- commands ---- */

static void range(struct lexer *x, size_t from, size_t to, enum mode mode);

/* The argument at i: a group in braces or one character. */
static size_t argument(const struct lexer *x, size_t i, size_t end, size_t *from, size_t *to)
{
    while (i < end && scan_space(x->text.p[i]))
        i++;
    if (at(x, i, end) != '{') {
        *from = i;
        *to = i < end ? i + 1 : i;
        if (at(x, i, end) == '\\') /* \mathbf\alpha */
            while (scan_letter(at(x, *to, end)))
                (*to)++;
        return *to;
    }
    size_t close = scan_brace(piece(x, 0, end), i);
    *from = i + 1;
    *to = close == STR_NONE ? end : close;
    return close == STR_NONE ? end : close + 1;
}

static size_t styled(struct lexer *x, size_t i, size_t end, const struct word *w, enum mode mode)
{
    size_t from, to;
    while (w->role == WORD_TEXT && at(x, i, end) == '*')
        i++;
    size_t after = argument(x, i, end, &from, &to);
    if (++x->depth > ANSWER_DEPTH_MAX) {
        x->limit = LIMIT_DEPTH;
    } else if (w->role == WORD_TEXT) {
        range(x, from, to, MODE_TEXT);
    } else {
        struct str s = str_trim(piece(x, from, to));
        bool board = strcmp(w->name, "mathbb") == 0 || strcmp(w->name, "Bbb") == 0 ||
                     strcmp(w->name, "mathds") == 0;
        bool sum = false;
        for (size_t k = from; k < to; k++)
            sum |= x->text.p[k] == '+' || x->text.p[k] == '-';
        if (board && s.n == 1 && strchr("RNZQC", s.p[0])) {
            push(x, T_SETNAME, from)->s = s;
        } else {
            if (sum)
                push(x, '{', i);
            range(x, from, to, mode);
            if (sum)
                push(x, '}', to);
        }
    }
    x->depth--;
    return after;
}

static size_t environment(struct lexer *x, size_t i, size_t end, int kind, size_t pos)
{
    size_t from, to;
    size_t after = argument(x, i, end, &from, &to);
    struct tok *t = push(x, kind, pos);
    t->s = str_trim(piece(x, from, to));
    if (t->s.n && t->s.p[t->s.n - 1] == '*')
        t->s.n--;
    /* In the others & only aligns. */
    bool table = str_find(t->s, STR("matrix"), 0) != STR_NONE || str_is(t->s, "array") ||
                 str_is(t->s, "tabular") || str_find(t->s, STR("cases"), 0) != STR_NONE;
    if (table)
        x->env += kind == T_BEGIN ? 1 : x->env > 0 ? -1 : 0;
    if (kind == T_BEGIN && (str_is(t->s, "array") || str_is(t->s, "tabular"))) {
        while (scan_space(at(x, after, end)))
            after++;
        if (at(x, after, end) == '[') {
            while (after < end && x->text.p[after] != ']')
                after++;
            after += after < end;
        }
        if (at(x, after, end) == '{')
            after = argument(x, after, end, &from, &to);
    }
    return after;
}

static size_t command(struct lexer *x, size_t i, size_t end, enum mode mode);

static size_t known_command(struct lexer *x, size_t pos, size_t i, size_t end, const struct word *w,
                            enum mode mode)
{
    switch (w->role) {
    case WORD_SKIP: {
        bool left = strcmp(w->name, "left") == 0, right = strcmp(w->name, "right") == 0;
        if (left || right || strcmp(w->name, "middle") == 0) {
            while (scan_space(at(x, i, end)))
                i++;
            if (at(x, i, end) == '.')
                return i + 1;
            x->side = left ? 1 : right ? 2 : 3;
        }
        return i;
    }
    case WORD_STYLE:
    case WORD_TEXT: return styled(x, i, end, w, mode);
    case WORD_DROP:
    case WORD_COLOR: {
        size_t from, to;
        if (at(x, i, end) == '*')
            i++;
        return argument(x, i, end, &from, &to);
    }
    case WORD_NAME: {
        struct tok *t = push(x, T_NAME, pos);
        t->s = str_of(w->s);
        return i;
    }
    default: break;
    }
    if (w->kind == T_BEGIN || w->kind == T_FINISH)
        return environment(x, i, end, w->kind, pos);
    struct tok *t = push_word(x, w, pos, str_of(w->name));
    if (w->kind == T_MODULO && strcmp(w->name, "pmod") == 0)
        t->flags |= TOK_TEXT;
    return i;
}

/* Known, or a known one with letters run into it (\quadx), or a symbol. */
static size_t letter_command(struct lexer *x, size_t pos, size_t i, size_t end, enum mode mode)
{
    size_t k = i;
    while (k < end && scan_letter(x->text.p[k]))
        k++;
    const struct word *w = word_command(piece(x, i, k));
    if (w)
        return known_command(x, pos, k, end, w, mode);
    for (size_t cut = k - 1; cut > i + 1; cut--) {
        w = word_command(piece(x, i, cut));
        if (w && k - cut <= 2 &&
            (w->role == WORD_TOKEN || w->role == WORD_SKIP || w->role == WORD_NAME))
            return known_command(x, pos, cut, end, w, mode);
    }
    struct tok *t = push(x, T_NAME, pos);
    t->s = piece(x, pos, k);
    return k;
}

/* At a backslash. */
static size_t command(struct lexer *x, size_t i, size_t end, enum mode mode)
{
    size_t pos = i++;
    if (x->doubled && at(x, i, end) == '\\')
        i++;
    char c = at(x, i, end);
    if (scan_letter(c))
        return letter_command(x, pos, i, end, mode);
    switch (c) {
    case '\0': return i;
    case '\\': {
        size_t k = i + 1;
        while (scan_letter(at(x, k, end)))
            k++;
        const struct word *w = k > i + 3 || !x->env ? word_command(piece(x, i + 1, k)) : NULL;
        if (w && (w->role != WORD_SKIP || !x->env))
            return known_command(x, pos, k, end, w, mode);
        if (at(x, i + 1, end) == '{' || at(x, i + 1, end) == '}') /* \\{1,2\\} */
            if (!x->env)
                return i;
        push(x, T_ROW, pos);
        i++;
        if (at(x, i, end) == '[' && scan_digit(at(x, i + 1, end))) { /* \\[2pt] */
            k = i + 1;
            while (scan_digit(at(x, k, end)) || at(x, k, end) == '.')
                k++;
            if (scan_letter(at(x, k, end)) && scan_letter(at(x, k + 1, end)) &&
                at(x, k + 2, end) == ']')
                i = k + 3;
        }
        return i;
    }
    case '{':
        x->round++;
        push(x, T_SETOPEN, pos);
        return i + 1;
    case '}':
        x->round -= x->round > 0;
        push(x, T_SETCLOSE, pos);
        return i + 1;
    case '|': push(x, T_NORM, pos); return i + 1;
    case '%': push(x, '%', pos); return i + 1;
    case '$': push(x, T_MONEY, pos)->s = STR("dollar"); return i + 1;
    case '(':
    case ')':
    case '[':
    case ']': /* math delimiters */
    case '!': return i + 1;
    case '_': push(x, '_', pos); return i + 1;
    case '&':
    case '#': return i + 1;
    default: /* \, \; \: \  and whatever else is one character */ x->space = true; return i + 1;
    }
}

/* ---- one character ---- */

static size_t relation(struct lexer *x, size_t i, size_t end)
{
    static const struct {
        const char *s;
        uint8_t rel;
    } signs[] = {{"<=", REL_LE}, {">=", REL_GE}, {"!=", REL_NE},    {"==", REL_EQ},
                 {"=<", REL_LE}, {"<>", REL_NE}, {"=>", REL_OTHER}, {"->", REL_OTHER},
                 {":=", REL_EQ}, {"=", REL_EQ},  {"<", REL_LT},     {">", REL_GT}};
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        size_t n = strlen(signs[k].s);
        if (end - i >= n && memcmp(x->text.p + i, signs[k].s, n) == 0) {
            struct tok *l = last(x);
            if (l && l->kind == T_NOT) {
                l->kind = T_REL;
                l->id = signs[k].rel == REL_EQ ? REL_NE : REL_OTHER;
                l->s = STR("not");
                return i + n;
            }
            struct tok *t = push(x, T_REL, i);
            t->id = signs[k].rel;
            t->s = str_of(signs[k].s);
            return i + n;
        }
    }
    return i;
}

static void small_number(struct lexer *x, int mark, size_t i, const char *digits, size_t n)
{
    push(x, mark, i);
    push(x, '{', i);
    for (size_t k = 0; k < n; k++) {
        if (scan_digit(digits[k])) {
            size_t j = k;
            while (j < n && scan_digit(digits[j]))
                j++;
            struct tok *t = push(x, T_NUM, i);
            t->s = (struct str){arena_strdup(x->a, digits + k, j - k), j - k};
            k = j - 1;
        } else if (scan_letter(digits[k])) {
            push(x, T_NAME, i)->s = (struct str){arena_strdup(x->a, digits + k, 1), 1};
        } else {
            push(x, digits[k], i);
        }
    }
    push(x, '}', i);
}

static void fraction(struct lexer *x, size_t i, const char *num, const char *den)
{
    push(x, T_FRAC, i);
    const char *part[] = {num, den};
    for (size_t k = 0; k < 2; k++) {
        push(x, '{', i);
        push(x, T_NUM, i)->s = str_of(part[k]);
        push(x, '}', i);
    }
}

/* A run of superscript or subscript characters. */
static size_t scripts(struct lexer *x, size_t i, size_t end)
{
    char buf[32];
    size_t n = 0, k = i;
    int mark = 0;
    while (k < end && n < sizeof buf) {
        size_t next = k;
        bool super = false;
        char c = scan_script(utf8_next(piece(x, 0, end), &next), &super);
        if (!c || (mark && mark != (super ? '^' : '_')))
            break;
        mark = super ? '^' : '_';
        buf[n++] = c;
        k = next;
    }
    if (n)
        small_number(x, mark, i, buf, n);
    return k;
}

static size_t unicode(struct lexer *x, size_t i, size_t end)
{
    size_t k = scripts(x, i, end);
    if (k > i)
        return k;
    k = i;
    uint32_t c = utf8_next(piece(x, 0, end), &k);
    const char *num, *den;
    if (scan_fraction(c, &num, &den)) {
        fraction(x, i, num, den);
        return k;
    }
    const char *name = scan_unicode(c);
    if (!name) {
        push(x, T_NAME, i)->s = piece(x, i, k);
        return k;
    }
    if (name[0] == '\0' || name[0] == ' ') {
        x->space |= name[0] == ' ';
    } else if (name[0] == '\\') {
        const struct word *w = word_command(str_of(name + 1));
        if (w && w->role == WORD_NAME)
            push(x, T_NAME, i)->s = str_of(w->s);
        else if (w)
            push_word(x, w, i, str_of(name + 1));
    } else if (name[0] == '<' || name[0] == '>' || name[0] == '=') {
        struct tok *t = push(x, T_REL, i);
        t->id = name[0] == '<' ? REL_LT : name[0] == '>' ? REL_GT : REL_EQ;
        t->s = str_of(name);
    } else {
        push(x, name[0], i);
    }
    return k;
}

static size_t sign(struct lexer *x, size_t i, size_t end, enum mode mode)
{
    char c = x->text.p[i];
    switch (c) {
    case '(':
    case '[': x->round++; break;
    case ')':
    case ']': x->round -= x->round > 0; break;
    case '*':
        if (at(x, i + 1, end) == '*') {
            push(x, '^', i);
            return i + 2;
        }
        break;
    case '|':
        push(x, x->side == 1 ? T_LBAR : x->side == 2 ? T_RBAR : x->side == 3 ? T_MID : '|', i);
        return i + 1;
    case '\'': push(x, T_PRIME, i); return i + 1;
    case '$':
    case '"':
    case '`':
    case '@':
    case '#': return i + 1;
    case '&':
        if (x->env)
            push(x, '&', i);
        return i + 1;
    case '+':
        if (at(x, i + 1, end) == '-' || (at(x, i + 1, end) == '/' && at(x, i + 2, end) == '-')) {
            bool slash = x->text.p[i + 1] == '/';
            if (slash || !mode) {
                if (slash) {
                    push(x, T_PM, i);
                    return i + 3;
                }
            }
        }
        break;
    case '.':
        if (at(x, i + 1, end) == '.' && at(x, i + 2, end) == '.') {
            push(x, T_DOTS, i);
            while (at(x, i, end) == '.')
                i++;
            return i;
        }
        break;
    default: break;
    }
    push(x, c, i);
    return i + 1;
}

static void range(struct lexer *x, size_t i, size_t end, enum mode mode)
{
    enum mode here = mode;
    while (i < end && x->limit == LIMIT_NONE) {
        char c = x->text.p[i];
        struct tok *l = last(x);
        if (scan_space(c) || c == '~') {
            x->space = true;
            i++;
        } else if (scan_digit(c) || (c == '.' && scan_digit(at(x, i + 1, end)) &&
                                     !(l && l->kind == T_NUM && !x->space))) {
            size_t k = letter_digits(x, i, end);
            i = k > i ? k : number(x, i, end);
        } else if (scan_letter(c)) {
            size_t k = letter_digits(x, i, end);
            if (k == i)
                k = meridiem(x, i, end);
            if (k > i) {
                i = k;
                continue;
            }
            while (k < end && scan_letter(x->text.p[k]))
                k++;
            letters(x, i, k, here);
            i = k;
        } else if (c == '\\') {
            i = command(x, i, end, here);
        } else if (c == '$' && mode == MODE_TEXT) {
            here = here == MODE_TEXT ? MODE_MATH : MODE_TEXT;
            i++;
        } else if ((unsigned char)c >= 0x80) {
            i = unicode(x, i, end);
        } else {
            size_t k = relation(x, i, end);
            i = k > i && !(c == '-' && here == MODE_TEXT) ? k : sign(x, i, end, here);
        }
    }
}

/* Backslashes are doubled throughout if none stands single before a letter. */
static bool is_doubled(struct str s)
{
    bool seen = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\\')
            continue;
        size_t k = i;
        while (k < s.n && s.p[k] == '\\')
            k++;
        if (k < s.n && scan_letter(s.p[k])) {
            if (k - i == 1)
                return false;
            seen |= k - i == 2;
        }
        i = k;
    }
    return seen;
}

/* Nothing but words: letters, spaces and the marks of sentences, with at least
 * one run of three letters or more that has a vowel and means nothing in math. */
static bool only_words(struct str s)
{
    bool found = false;
    for (size_t i = 0; i < s.n;) {
        if (scan_letter(s.p[i])) {
            size_t k = i;
            while (k < s.n && scan_letter(s.p[k]))
                k++;
            struct str run = str_slice(s, i, k);
            const struct word *w = word_plain(run);
            if (run.n >= 3 && !w && has_vowel(run) && !(all_capitals(run) && run.n < 5))
                found = true;
            if (w && w->kind == T_FUNC && run.n > 2)
                return false;
            i = k;
        } else if (scan_space(s.p[i]) || strchr(".,;:?!'\"-", s.p[i])) {
            i++;
        } else {
            return false;
        }
    }
    return found;
}

struct lexed lex(struct arena *a, struct str text, enum lex_reading reading)
{
    struct lexer x;
    memset(&x, 0, offsetof(struct lexer, digits));
    x.a = a;
    x.text = text;
    x.reading = reading;
    if (text.n > ANSWER_BYTES_MAX)
        return (struct lexed){.limit = LIMIT_BYTES};
    x.doubled = is_doubled(text);
    x.words = only_words(text);
    range(&x, 0, text.n, MODE_MATH);
    uint32_t n = x.n;
    push(&x, T_END, text.n);
    return (struct lexed){x.tok, n < ANSWER_TOKENS_MAX ? n : ANSWER_TOKENS_MAX - 1, x.limit};
}

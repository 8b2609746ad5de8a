/* lex.c - see lex.h. */
#include "answer/lexer.h"
#include "answer/scan.h"
#include "answer/tree.h"
#include "answer/words.h"

#include <stddef.h>
#include <string.h>

struct tok *lexer_push(struct lexer *x, int kind, size_t at)
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

struct tok *lexer_last(struct lexer *x)
{
    return x->n ? &x->tok[x->n - 1] : NULL;
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
    const struct word *f =
        strcmp(w->name, "operatorname") == 0 ? word_command(str_trim(piece(x, from, to))) : NULL;
    if (++x->depth > ANSWER_DEPTH_MAX) {
        x->limit = LIMIT_DEPTH;
    } else if (f && f->kind == T_FUNC) {
        lexer_push_word(x, f, from, str_of(f->name));
    } else if (w->role == WORD_TEXT) {
        range(x, from, to, MODE_TEXT);
    } else {
        struct str s = str_trim(piece(x, from, to));
        bool sum = false;
        for (size_t k = from; k < to; k++)
            sum |= x->text.p[k] == '+' || x->text.p[k] == '-';
        if (w->s && s.n == 1 && strchr("RNZQC", s.p[0])) {
            lexer_push(x, T_SETNAME, from)->s = s;
        } else {
            if (sum)
                lexer_push(x, '{', i);
            range(x, from, to, mode);
            if (sum)
                lexer_push(x, '}', to);
        }
    }
    x->depth--;
    return after;
}

static size_t environment(struct lexer *x, size_t i, size_t end, int kind, size_t pos)
{
    size_t from, to;
    size_t after = argument(x, i, end, &from, &to);
    struct tok *t = lexer_push(x, kind, pos);
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
        struct tok *t = lexer_push(x, T_NAME, pos);
        t->s = str_of(w->s);
        return i;
    }
    default: break;
    }
    if (w->kind == T_BEGIN || w->kind == T_FINISH)
        return environment(x, i, end, w->kind, pos);
    struct tok *t = lexer_push_word(x, w, pos, str_of(w->name));
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
    struct tok *t = lexer_push(x, T_NAME, pos);
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
    if (scan_digit(c)) /* \$6 that has lost its dollar */
        return i;
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
        lexer_push(x, T_ROW, pos);
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
        lexer_push(x, T_SETOPEN, pos);
        return i + 1;
    case '}':
        x->round -= x->round > 0;
        lexer_push(x, T_SETCLOSE, pos);
        return i + 1;
    case '|': lexer_push(x, T_NORM, pos); return i + 1;
    case '%': lexer_push(x, '%', pos); return i + 1;
    case '$': lexer_push(x, T_MONEY, pos)->s = STR("dollar"); return i + 1;
    case '(':
    case ')':
    case '[':
    case ']': /* math delimiters */
    case '!': return i + 1;
    case '_': lexer_push(x, '_', pos); return i + 1;
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
            struct tok *l = lexer_last(x);
            if (l && l->kind == T_NOT) {
                l->kind = T_REL;
                l->id = (uint8_t)rel_negated((enum rel)signs[k].rel);
                l->s = STR("not");
                return i + n;
            }
            struct tok *t = lexer_push(x, T_REL, i);
            t->id = signs[k].rel;
            t->s = str_of(signs[k].s);
            return i + n;
        }
    }
    return i;
}

static void small_number(struct lexer *x, int mark, size_t i, const char *digits, size_t n)
{
    lexer_push(x, mark, i);
    lexer_push(x, '{', i);
    for (size_t k = 0; k < n; k++) {
        if (scan_digit(digits[k])) {
            size_t j = k;
            while (j < n && scan_digit(digits[j]))
                j++;
            struct tok *t = lexer_push(x, T_NUM, i);
            t->s = (struct str){arena_strdup(x->a, digits + k, j - k), j - k};
            k = j - 1;
        } else if (scan_letter(digits[k])) {
            lexer_push(x, T_NAME, i)->s = (struct str){arena_strdup(x->a, digits + k, 1), 1};
        } else {
            lexer_push(x, digits[k], i);
        }
    }
    lexer_push(x, '}', i);
}

static void fraction(struct lexer *x, size_t i, const char *num, const char *den)
{
    lexer_push(x, T_FRAC, i);
    const char *part[] = {num, den};
    for (size_t k = 0; k < 2; k++) {
        lexer_push(x, '{', i);
        lexer_push(x, T_NUM, i)->s = str_of(part[k]);
        lexer_push(x, '}', i);
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
        lexer_push(x, T_NAME, i)->s = piece(x, i, k);
        return k;
    }
    if (name[0] == '\0' || name[0] == ' ') {
        x->space |= name[0] == ' ';
    } else if (name[0] == '\\') {
        const struct word *w = word_command(str_of(name + 1));
        if (w && w->role == WORD_NAME)
            lexer_push(x, T_NAME, i)->s = str_of(w->s);
        else if (w)
            lexer_push_word(x, w, i, str_of(name + 1));
    } else if (name[0] == '<' || name[0] == '>' || name[0] == '=') {
        struct tok *t = lexer_push(x, T_REL, i);
        t->id = name[0] == '<' ? REL_LT : name[0] == '>' ? REL_GT : REL_EQ;
        t->s = str_of(name);
    } else {
        lexer_push(x, name[0], i);
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
            lexer_push(x, '^', i);
            return i + 2;
        }
        break;
    case '|':
        lexer_push(x,
                   x->side == 1   ? T_LBAR
                   : x->side == 2 ? T_RBAR
                   : x->side == 3 ? T_MID
                                  : '|',
                   i);
        return i + 1;
    case '\'': lexer_push(x, T_PRIME, i); return i + 1;
    case '$':
    case '"':
    case '`':
    case '@':
    case '#': return i + 1;
    case '&':
        if (x->env)
            lexer_push(x, '&', i);
        return i + 1;
    case '+':
        if (at(x, i + 1, end) == '-' || (at(x, i + 1, end) == '/' && at(x, i + 2, end) == '-')) {
            bool slash = x->text.p[i + 1] == '/';
            if (slash || !mode) {
                if (slash) {
                    lexer_push(x, T_PM, i);
                    return i + 3;
                }
            }
        }
        break;
    case '.':
        if (at(x, i + 1, end) == '.' && at(x, i + 2, end) == '.') {
            lexer_push(x, T_DOTS, i);
            while (at(x, i, end) == '.')
                i++;
            return i;
        }
        break;
    default: break;
    }
    lexer_push(x, c, i);
    return i + 1;
}

static void range(struct lexer *x, size_t i, size_t end, enum mode mode)
{
    enum mode here = mode;
    while (i < end && x->limit == LIMIT_NONE) {
        char c = x->text.p[i];
        struct tok *l = lexer_last(x);
        if (scan_space(c) || c == '~') {
            x->space = true;
            i++;
        } else if (scan_digit(c) || (c == '.' && lexer_decimals(x, i + 1, end) &&
                                     !(l && l->kind == T_NUM && !x->space))) {
            size_t k = lexer_letter_digits(x, i, end);
            i = k > i ? k : lexer_number(x, i, end);
        } else if (scan_letter(c)) {
            size_t k = lexer_letter_digits(x, i, end);
            if (k == i)
                k = lexer_meridiem(x, i, end);
            if (k > i) {
                i = k;
                continue;
            }
            while (k < end && scan_letter(x->text.p[k]))
                k++;
            lexer_letters(x, i, k, here);
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
    x.words = lexer_only_words(text);
    range(&x, 0, text.n, MODE_MATH);
    uint32_t n = x.n;
    lexer_push(&x, T_END, text.n);
    return (struct lexed){x.tok, n < ANSWER_TOKENS_MAX ? n : ANSWER_TOKENS_MAX - 1, x.limit};
}

/* pattern_rewrite.c - see pattern_rewrite.h.
 *
 * The source is read once.  Each literal, property or bracket becomes a set of
 * code points, kept as sorted ranges; equal sets are one.  Everything else is
 * copied.  Then code points from U+0080 on are classed by which sets contain
 * them, and the copy is printed with its sets as classes.
 *
 * Syntax is Oniguruma's as the reference software uses it.  Where it and PCRE2
 * read the same characters differently, the construct is translated or refused. */
#include "text/pattern_rewrite.h"
#include "base/mem.h"
#include "text/charset.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETS_MAX = 60,         /* different sets of one pattern: bits of a signature */
    CLASSES_MAX = 128,     /* bytes 0x80..0xFF */
    GROUP_DEPTH_MAX = 100, /* nested groups */
};

/* The rewritten expression: bytes to copy (value < 256) or 256 + index of a set. */
struct rewrite {
    struct str in;
    size_t i;
    struct charset sets[SETS_MAX];
    size_t n_sets;
    uint16_t *out;
    size_t n, cap;
    bool fold[GROUP_DEPTH_MAX + 1]; /* (?i), by depth of groups */
    size_t depth;
    struct err *e;
};

static bool refuse(struct rewrite *w, size_t from, const char *why)
{
    struct str rest = str_slice(w->in, from, w->in.n);
    if (rest.n > 24)
        rest.n = 24;
    rest.n = utf8_valid_prefix(rest);
    return err_set(w->e, ERR_DATA, "a pattern has %s, which is not supported (at \"%.*s\")", why,
                   STR_ARG(rest));
}

static void put(struct rewrite *w, unsigned value)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 256;
        w->out = xrealloc(w->out, w->cap, sizeof *w->out);
    }
    w->out[w->n++] = (uint16_t)value;
}

static void put_text(struct rewrite *w, size_t from, size_t to)
{
    for (size_t k = from; k < to; k++)
        put(w, (unsigned char)w->in.p[k]);
}

/* Takes the set over and emits a reference to it. */
static bool put_set(struct rewrite *w, struct charset *s, size_t from)
{
    if (w->fold[w->depth])
        charset_fold(s);
    charset_normalise(s);
    for (size_t k = 0; k < w->n_sets; k++)
        if (charset_equal(&w->sets[k], s)) {
            charset_free(s);
            put(w, 256 + (unsigned)k);
            return true;
        }
    if (w->n_sets == SETS_MAX) {
        charset_free(s);
        return refuse(w, from, "too many different sets");
    }
    w->sets[w->n_sets] = *s;
    put(w, 256 + (unsigned)w->n_sets++);
    return true;
}

/* ---- reading ---- */

static const struct {
    const char *name;
    unsigned categories;
} properties[] = {
    {"L", CATS_L},           {"M", CATS_M},        {"N", CATS_N},         {"P", CATS_P},
    {"S", CATS_S},           {"Z", CATS_Z},        {"C", CATS_C},         {"Lu", 1u << CAT_LU},
    {"Ll", 1u << CAT_LL},    {"Lt", 1u << CAT_LT}, {"Lm", 1u << CAT_LM},  {"Lo", 1u << CAT_LO},
    {"Mn", 1u << CAT_MN},    {"Mc", 1u << CAT_MC}, {"Me", 1u << CAT_ME},  {"Nd", 1u << CAT_ND},
    {"Nl", 1u << CAT_NL},    {"No", 1u << CAT_NO}, {"Pc", 1u << CAT_PC},  {"Pd", 1u << CAT_PD},
    {"Ps", 1u << CAT_PS},    {"Pe", 1u << CAT_PE}, {"Pi", 1u << CAT_PI},  {"Pf", 1u << CAT_PF},
    {"Po", 1u << CAT_PO},    {"Sm", 1u << CAT_SM}, {"Sc", 1u << CAT_SC},  {"Sk", 1u << CAT_SK},
    {"So", 1u << CAT_SO},    {"Zs", 1u << CAT_ZS}, {"Zl", 1u << CAT_ZL},  {"Zp", 1u << CAT_ZP},
    {"Cc", 1u << CAT_CC},    {"Cf", 1u << CAT_CF}, {"Cs", 1u << CAT_CS},  {"Co", 1u << CAT_CO},
    {"Cn", 1u << CAT_CN},    {"Letter", CATS_L},   {"Mark", CATS_M},      {"Number", CATS_N},
    {"Punctuation", CATS_P}, {"Symbol", CATS_S},   {"Separator", CATS_Z},
};

/* \p{Name}, \P{Name}, \p{^Name}; w->i is at the brace. */
static bool read_property(struct rewrite *w, bool negated, struct charset *s, size_t from)
{
    size_t close = str_find(w->in, STR("}"), w->i);
    if (w->i >= w->in.n || w->in.p[w->i] != '{' || close == STR_NONE)
        return refuse(w, from, "a property without braces");
    struct str name = str_slice(w->in, w->i + 1, close);
    if (name.n && name.p[0] == '^') {
        negated = !negated;
        name = str_slice(name, 1, name.n);
    }
    w->i = close + 1;
    for (size_t k = 0; k < sizeof properties / sizeof *properties; k++)
        if (str_is(name, properties[k].name)) {
            struct charset one = {0};
            charset_add_categories(&one, properties[k].categories);
            if (negated)
                charset_complement(&one);
            charset_add_all(s, &one);
            charset_free(&one);
            return true;
        }
    return refuse(w, from, "an unknown property");
}

static bool read_hex(struct rewrite *w, size_t min, size_t max, uint32_t *c)
{
    size_t n = 0;
    for (*c = 0; n < max && w->i < w->in.n; n++, w->i++) {
        char h = w->in.p[w->i];
        int d = h >= '0' && h <= '9'   ? h - '0'
                : h >= 'a' && h <= 'f' ? h - 'a' + 10
                : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                       : -1;
        if (d < 0)
            break;
        *c = *c * 16 + (uint32_t)d;
    }
    return n >= min && *c < UNICODE_END;
}

/* Oniguruma, whose patterns these are, counts the numbers of Latin-1 among its word characters,
 * and no other ones that are no digits. */
static void add_latin1_numbers(struct charset *s)
{
    charset_add(s, 0xB2, 0xB3);
    charset_add(s, 0xB9, 0xB9);
    charset_add(s, 0xBC, 0xBE);
}

/* A class letter's set; false if the letter is none. */
static bool read_class_letter(char letter, struct charset *s)
{
    struct charset one = {0};
    switch (letter | 32) {
    case 's': charset_add_matching(&one, unicode_is_space, UNICODE_SPACE_END); break;
    case 'd': charset_add_categories(&one, 1u << CAT_ND); break;
    case 'w':
        charset_add_matching(&one, unicode_is_alphabetic, UNICODE_END);
        charset_add_categories(&one, 1u << CAT_ND | 1u << CAT_PC);
        add_latin1_numbers(&one);
        break;
    default: return false;
    }
    if (!(letter & 32))
        charset_complement(&one);
    charset_add_all(s, &one);
    charset_free(&one);
    return true;
}

/* What follows a backslash, w->i behind it: a set of several code points is
 * added to *s and *c is UNICODE_END; a single one is *c. */
static bool read_escape(struct rewrite *w, struct charset *s, uint32_t *c)
{
    size_t from = w->i - 1;
    if (w->i >= w->in.n)
        return refuse(w, from, "a backslash at its end");
    char letter = w->in.p[w->i];
    *c = UNICODE_END;
    if (letter == 'p' || letter == 'P') {
        w->i++;
        return read_property(w, letter == 'P', s, from);
    }
    if (read_class_letter(letter, s)) {
        w->i++;
        return true;
    }
    static const char letters[] = "rntfvae", values[] = "\r\n\t\f\v\a\033";
    const char *known = strchr(letters, letter);
    if (known && letter) {
        *c = (unsigned char)values[known - letters];
        w->i++;
        return true;
    }
    if (letter == 'x' || letter == 'u') {
        w->i++;
        bool braces = letter == 'x' && w->i < w->in.n && w->in.p[w->i] == '{';
        w->i += braces;
        size_t max = braces ? 6 : letter == 'x' ? 2 : 4;
        if (!read_hex(w, braces || letter == 'x' ? 1 : 4, max, c) ||
            (braces && (w->i >= w->in.n || w->in.p[w->i++] != '}')))
            return refuse(w, from, "a bad hexadecimal escape");
        return true;
    }
    bool alphanumeric = (letter >= '0' && letter <= '9') ||
                        ((letter | 32) >= 'a' && (letter | 32) <= 'z');
    if (alphanumeric)
        return refuse(w, from, "an escape");
    *c = utf8_next(w->in, &w->i);
    return true;
}

/* One member of a bracket: a single code point in *c, or UNICODE_END if it was a
 * set and has been added. */
static bool read_member(struct rewrite *w, struct charset *s, uint32_t *c)
{
    size_t from = w->i;
    *c = utf8_next(w->in, &w->i);
    if (*c == '\\')
        return read_escape(w, s, c);
    if (*c == '[')
        return refuse(w, from, "a bracket within brackets");
    if (*c == '&' && w->i < w->in.n && w->in.p[w->i] == '&')
        return refuse(w, from, "an intersection of sets");
    return true;
}

static bool read_members(struct rewrite *w, struct charset *s, size_t from)
{
    for (bool first = true;; first = false) {
        if (w->i >= w->in.n)
            return refuse(w, from, "an unclosed bracket");
        if (w->in.p[w->i] == ']') {
            if (first)
                return refuse(w, from, "an empty bracket");
            w->i++;
            return true;
        }
        uint32_t lo, hi;
        if (!read_member(w, s, &lo))
            return false;
        bool range = w->i + 1 < w->in.n && w->in.p[w->i] == '-' && w->in.p[w->i + 1] != ']';
        if (lo == UNICODE_END) {
            if (range)
                return refuse(w, from, "a range that begins with a set");
            continue;
        }
        hi = lo;
        if (range) {
            w->i++;
            if (!read_member(w, s, &hi))
                return false;
            if (hi == UNICODE_END || hi < lo)
                return refuse(w, from, "a bad range");
        }
        charset_add(s, lo, hi);
    }
}

static bool read_bracket(struct rewrite *w)
{
    struct charset s = {0};
    size_t from = w->i++;
    bool negated = w->i < w->in.n && w->in.p[w->i] == '^';
    w->i += negated;
    if (!read_members(w, &s, from)) {
        charset_free(&s);
        return false;
    }
    if (negated) {
        if (w->fold[w->depth])
            charset_fold(&s);
        charset_complement(&s);
    }
    return put_set(w, &s, from);
}

/* '(' and what belongs to it; (?i) and (?i: become ours and do not reach PCRE2. */
static bool read_group(struct rewrite *w)
{
    static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    size_t from = w->i;
    struct str rest = str_slice(w->in, from, w->in.n);
    if (w->depth == GROUP_DEPTH_MAX)
        return refuse(w, from, "groups nested too deeply");
    if (str_starts(rest, STR("(?i)")) || str_starts(rest, STR("(?-i)"))) {
        w->fold[w->depth] = rest.p[2] == 'i';
        w->i += rest.p[2] == 'i' ? 4 : 5;
        return true;
    }
    bool fold = w->fold[w->depth];
    if (str_starts(rest, STR("(?i:")) || str_starts(rest, STR("(?-i:"))) {
        w->fold[++w->depth] = rest.p[2] == 'i';
        w->i += rest.p[2] == 'i' ? 4 : 5;
        put(w, '(');
        put(w, '?');
        put(w, ':');
        return true;
    }
    size_t n = 0;
    if (rest.n > 1 && rest.p[1] == '?') {
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (str_starts(rest, str_of(kinds[k])))
                n = strlen(kinds[k]);
        if (n == 0)
            return refuse(w, from, "a group of an unknown kind");
        put_text(w, from, from + n);
        w->i += n;
    } else if (rest.n > 1 && rest.p[1] == '*') {
        return refuse(w, from, "a verb");
    } else { /* captures are of no use here */
        w->i++;
        put(w, '(');
        put(w, '?');
        put(w, ':');
    }
    w->fold[++w->depth] = fold;
    return true;
}

/* * + ? {m} {m,} {m,n} {,n} and what makes them lazy or possessive. */
static bool read_quantifier(struct rewrite *w)
{
    size_t from = w->i;
    char c = w->in.p[w->i++];
    if (c != '{') {
        put(w, (unsigned char)c);
        if (w->i < w->in.n && (w->in.p[w->i] == '?' || w->in.p[w->i] == '+'))
            put(w, (unsigned char)w->in.p[w->i++]);
    } else {
        size_t close = str_find(w->in, STR("}"), w->i), digits = 0, commas = 0;
        if (close == STR_NONE)
            return refuse(w, from, "an unescaped brace");
        for (size_t k = w->i; k < close; k++) {
            digits += w->in.p[k] >= '0' && w->in.p[k] <= '9';
            commas += w->in.p[k] == ',';
        }
        if (!digits || commas > 1 || digits + commas != close - w->i)
            return refuse(w, from, "an unescaped brace");
        put(w, '{');
        if (w->in.p[w->i] == ',')
            put(w, '0');
        put_text(w, w->i, close + 1);
        w->i = close + 1;
        if (w->i < w->in.n && w->in.p[w->i] == '?' && commas)
            put(w, (unsigned char)w->in.p[w->i++]);
    }
    if (w->i < w->in.n && strchr("*+?{", w->in.p[w->i]))
        return refuse(w, from, "a quantifier of a quantifier");
    return true;
}

static bool read_literal(struct rewrite *w, uint32_t c, size_t from)
{
    struct charset s = {0};
    charset_add(&s, c, c);
    if (w->fold[w->depth] && c >= 0x80) {
        charset_free(&s);
        return refuse(w, from, "a letter outside ASCII without regard to case");
    }
    return put_set(w, &s, from);
}

static bool read_all(struct rewrite *w)
{
    while (w->i < w->in.n) {
        size_t from = w->i;
        struct charset s = {0};
        uint32_t c;
        switch (w->in.p[w->i]) {
        case '\\':
            w->i++;
            if (!read_escape(w, &s, &c)) {
                charset_free(&s);
                return false;
            }
            if (!(c == UNICODE_END ? put_set(w, &s, from) : read_literal(w, c, from)))
                return false;
            break;
        case '[':
            if (!read_bracket(w))
                return false;
            break;
        case '(':
            if (!read_group(w))
                return false;
            break;
        case ')':
            if (w->depth == 0)
                return refuse(w, from, "an unmatched parenthesis");
            w->depth--;
            w->i++;
            put(w, ')');
            break;
        case '|':
            w->i++;
            put(w, '|');
            break;
        case '*':
        case '+':
        case '?':
        case '{':
            if (!read_quantifier(w))
                return false;
            break;
        case '^':
        case '$': return refuse(w, from, "an anchor");
        case '.':
            w->i++;
            charset_add(&s, '\n', '\n');
            charset_complement(&s);
            if (!put_set(w, &s, from))
                return false;
            break;
        default:
            c = utf8_next(w->in, &w->i);
            if (!read_literal(w, c, from))
                return false;
        }
    }
    return w->depth == 0 || refuse(w, w->in.n, "an unclosed group");
}

static bool read_string(struct rewrite *w)
{
    while (w->i < w->in.n) {
        size_t from = w->i;
        if (!read_literal(w, utf8_next(w->in, &w->i), from))
            return false;
    }
    return w->in.n > 0 || refuse(w, 0, "nothing to find");
}

/* ---- classes ---- */

static int cmp_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Between two neighbouring ends of intervals nothing changes, so one look at
 * each stretch decides about all of it. */
static bool classify(struct rewrite *w, unsigned char *class_of, uint64_t *signatures, size_t *n)
{
    size_t n_cuts = 0, cap = 2;
    for (size_t k = 0; k < w->n_sets; k++)
        cap += 2 * w->sets[k].n;
    uint32_t *cuts = xmalloc(cap * sizeof *cuts);
    cuts[n_cuts++] = 0x80;
    cuts[n_cuts++] = UNICODE_END;
    for (size_t k = 0; k < w->n_sets; k++)
        for (size_t i = 0; i < w->sets[k].n; i++) {
            cuts[n_cuts++] = w->sets[k].r[i].from;
            cuts[n_cuts++] = w->sets[k].r[i].to + 1;
        }
    qsort(cuts, n_cuts, sizeof *cuts, cmp_u32);
    for (unsigned c = 0; c < 0x80; c++)
        class_of[c] = (unsigned char)c;
    *n = 0;
    for (size_t i = 0; i + 1 < n_cuts; i++) {
        uint32_t from = cuts[i], to = cuts[i + 1];
        if (from < 0x80 || from == to)
            continue;
        uint64_t signature = 0;
        for (size_t k = 0; k < w->n_sets; k++)
            signature |= (uint64_t)charset_has(&w->sets[k], from) << k;
        size_t k = 0;
        while (k < *n && signatures[k] != signature)
            k++;
        if (k == CLASSES_MAX) {
            free(cuts);
            return err_set(w->e, ERR_DATA, "a pattern has too many different sets");
        }
        signatures[k] = signature;
        *n += k == *n;
        memset(class_of + from, (int)(0x80 + k), to - from);
    }
    free(cuts);
    return true;
}

static void print_set(const struct rewrite *w, size_t k, const uint64_t *signatures, size_t n,
                      struct buf *out)
{
    bool in[256] = {false};
    size_t members = 0;
    for (unsigned c = 0; c < 0x80; c++)
        members += in[c] = charset_has(&w->sets[k], c);
    for (size_t i = 0; i < n; i++)
        members += in[0x80 + i] = signatures[i] >> k & 1;
    if (members == 0) { /* of characters that do not exist: matches nothing */
        buf_puts(out, "(?!)");
        return;
    }
    buf_putc(out, '[');
    for (unsigned c = 0; c < 256; c++) {
        unsigned from = c;
        if (!in[c])
            continue;
        while (c + 1 < 256 && in[c + 1])
            c++;
        buf_printf(out, "\\x%02x-\\x%02x", from, c);
    }
    buf_putc(out, ']');
}

bool pattern_rewrite(struct str source, bool literal, struct buf *out, unsigned char *class_of,
                     struct err *e)
{
    struct rewrite w = {.in = source, .e = e};
    uint64_t signatures[CLASSES_MAX];
    size_t n_classes;
    bool ok = (literal ? read_string(&w) : read_all(&w)) &&
              classify(&w, class_of, signatures, &n_classes);
    for (size_t k = 0; ok && k < w.n; k++)
        if (w.out[k] < 256)
            buf_putc(out, (char)w.out[k]);
        else
            print_set(&w, w.out[k] - 256u, signatures, n_classes, out);
    for (size_t k = 0; k < w.n_sets; k++)
        charset_free(&w.sets[k]);
    free(w.out);
    return ok;
}

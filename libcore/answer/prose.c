/* prose.c - see prose.h. */
#include "answer/prose.h"
#include "answer/scan.h"
#include "answer/words.h"

#include <string.h>

enum {
    PROSE_WORDS = 3,     /* more ordinary words than this make prose */
    SENTENCE_MAX = 4096, /* bytes of an announced answer that are looked at */
};

static size_t word_end(struct str s, size_t i)
{
    while (i < s.n && scan_letter(s.p[i]))
        i++;
    return i;
}

bool prose_is(struct str s)
{
    size_t words = 0;
    for (size_t i = 0; i < s.n && words <= PROSE_WORDS;) {
        if (s.p[i] == '\\') {
            size_t k = word_end(s, i + 1);
            i = k > i + 1 ? k : i + 2;
        } else if (scan_letter(s.p[i])) {
            size_t k = word_end(s, i);
            struct str w = str_slice(s, i, k);
            words += w.n >= 2 && !word_plain(w) && !word_unit(w) &&
                     !word_equal_fold(w, "pmatrix") && !word_equal_fold(w, "bmatrix") &&
                     !word_equal_fold(w, "array") && !word_equal_fold(w, "cases");
            i = k;
        } else {
            i++;
        }
    }
    return words > PROSE_WORDS;
}

/* ---- announcements ---- */

static bool fold_at(struct str t, size_t i, const char *lower)
{
    for (; *lower; i++, lower++) {
        if (i >= t.n)
            return false;
        char c = t.p[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 32) : c) != *lower)
            return false;
    }
    return true;
}

static size_t skip_any(struct str t, size_t i, const char *set)
{
    while (i < t.n && strchr(set, t.p[i]) && t.p[i])
        i++;
    return i;
}

/* Only marks of a heading stand before i in its line: "### Answer". */
static bool is_heading(struct str t, size_t i)
{
    size_t k = i;
    while (k && strchr("#* ", t.p[k - 1]))
        k--;
    return k < i && (k == 0 || t.p[k - 1] == '\n');
}

/* "the answer to this question is": behind what the answer is to. */
static size_t skip_object(struct str t, size_t i)
{
    enum { OBJECT_MAX = 60 };
    if (!fold_at(t, i, "to ") && !fold_at(t, i, "for "))
        return i;
    for (size_t k = i; k < t.n && k - i < OBJECT_MAX; k++) {
        char c = t.p[k];
        if (c == ' ' && k + 1 < t.n && t.p[k + 1] == 'i' && fold_at(t, k, " is "))
            return k + 1;
        if (!scan_letter(c) && c != ' ' && c != '(' && c != ')' && c != '-' && c != '\'')
            return i;
    }
    return i;
}

/* "answer", "option", "choice" or "result" at i: where what it announces begins, or STR_NONE. */
static size_t after_answer(struct str t, size_t i)
{
    static const char *const verbs[] = {"is",      "are",    "was",     "would be",
                                        "will be", "equals", "must be", "should be"};
    size_t k = i + 6;
    if (k < t.n && (t.p[k] == 's' || t.p[k] == 'S'))
        k++;
    if (k < t.n && scan_letter(t.p[k]))
        return STR_NONE;
    k = skip_any(t, k, " \t*_\"");
    k = skip_object(t, k);
    if (k < t.n && (t.p[k] == ':' || t.p[k] == '='))
        return k + 1;
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        size_t n = strlen(verbs[v]);
        if (fold_at(t, k, verbs[v]) && (k + n >= t.n || !scan_letter(t.p[k + n])))
            return k + n;
    }
    /* a heading: **Final Answer** and then the answer on a line of its own */
    if (k < t.n && t.p[k] == '\n' && ((i >= 6 && fold_at(t, i - 6, "final ")) || is_heading(t, i)))
        return k;
    return STR_NONE;
}

static bool line_start(struct str t, size_t i)
{
    return i == 0 || t.p[i - 1] == '\n' || t.p[i - 1] == '\r';
}

/* The end of the sentence that begins at i. */
static size_t sentence_end(struct str t, size_t i)
{
    size_t limit = t.n - i > SENTENCE_MAX ? i + SENTENCE_MAX : t.n;
    int dollar = 0;
    bool display = false;
    size_t k = i;
    for (; k < limit; k++) {
        char c = t.p[k], next = k + 1 < t.n ? t.p[k + 1] : '\n';
        if (c == '\\') {
            display = next == '[' ? true : next == ']' ? false : display;
            k++;
        } else if (c == '$' && next == '$') {
            display = !display;
            k++;
        } else if (c == '$') {
            dollar ^= 1;
        } else if (c == '\n' && !display) {
            return k;
        } else if (c == '<' && next == '|') {
            return k;
        } else if (c == '.' && (next == ' ' || next == '\n' || next == '\r' || next == '<') &&
                   (!dollar || memchr(t.p + k, '$', limit - k) == NULL)) {
            /* "4:30 p.m. sharp": a single letter before is no end, nor is "approx." */
            if (!(k >= 2 && scan_letter(t.p[k - 1]) && t.p[k - 2] == '.'))
                return k;
        }
    }
    return k < limit ? k : limit; /* a backslash at the end takes one step more */
}

static struct str strip(struct str s)
{
    for (;;) {
        struct str was = s;
        s = str_trim(s);
        while (s.n && strchr(":*\"`", s.p[0]))
            s = str_slice(s, 1, s.n);
        while (
            s.n && strchr(".*\"`,;", s.p[s.n - 1]) &&
            !(s.n > 2 && s.p[s.n - 1] == '.' && (s.p[s.n - 2] | 32) == 'm' && s.p[s.n - 3] == '.'))
            s = str_slice(s, 0, s.n - 1);
        if (s.n >= 2 && s.p[0] == '\\' && s.p[1] == '"')
            s = str_slice(s, 2, s.n);
        if (s.n >= 1 && s.p[s.n - 1] == '\\')
            s = str_slice(s, 0, s.n - 1);
        if (fold_at(s, 0, "therefore "))
            s = str_slice(s, 10, s.n);
        if (s.n == was.n)
            return s;
    }
}

bool prose_announced(struct str t, struct announced *out)
{
    size_t close = str_rfind(t, STR("</answer>"));
    if (close != STR_NONE) {
        size_t open = str_rfind(str_slice(t, 0, close), STR("<answer>"));
        if (open != STR_NONE) {
            *out = (struct announced){strip(str_slice(t, open + 8, close)), true, true};
            return out->text.n > 0;
        }
    }
    for (size_t i = t.n; i-- > 0;) {
        char c = t.p[i];
        size_t from = STR_NONE;
        bool line = false;
        char next = i + 1 < t.n ? (char)(t.p[i + 1] | 32) : '\0';
        if (((c | 32) == 'a' && next == 'n' && fold_at(t, i, "answer")) ||
            ((c | 32) == 'o' && next == 'p' && fold_at(t, i, "option")) ||
            ((c | 32) == 'c' && next == 'h' && fold_at(t, i, "choice")) ||
            ((c | 32) == 'r' && next == 'e' && fold_at(t, i, "result") && i >= 6 &&
             fold_at(t, i - 6, "final "))) {
            from = after_answer(t, i);
        } else if (c == 'A' && i + 1 < t.n && t.p[i + 1] == ':' && line_start(t, i)) {
            from = i + 2;
            line = true;
        } else if (c == '#' && i >= 3 && memcmp(t.p + i - 3, "####", 4) == 0) {
            from = i + 1;
            line = true;
        }
        if (from == STR_NONE)
            continue;
        size_t at = skip_any(t, from, " \t\n\r*:\"");
        if (at >= t.n)
            continue;
        size_t end = at;
        if (line)
            while (end < t.n && t.p[end] != '\n')
                end++;
        else
            end = sentence_end(t, at);
        struct str s = strip(str_slice(t, at, end));
        if (!s.n)
            continue;
        out->text = s;
        out->whole = line;
        out->final = line || (i >= 6 && fold_at(t, i - 6, "final "));
        return true;
    }
    return false;
}

bool prose_bold(struct str t, struct str *out)
{
    size_t close = str_rfind(t, STR("**"));
    size_t open = close == STR_NONE ? STR_NONE : str_rfind(str_slice(t, 0, close), STR("**"));
    if (open == STR_NONE)
        return false;
    *out = strip(str_slice(t, open + 2, close));
    bool digit = false;
    for (size_t i = 0; i < out->n; i++)
        digit |= scan_digit(out->p[i]);
    return digit && !prose_is(*out);
}

struct str prose_without_lead(struct str s)
{
    static const char *const leads[] = {"so ",    "so, ",     "thus ",      "thus, ",
                                        "hence ", "hence, ",  "therefore ", "therefore, ",
                                        "then ",  "finally, "};
    for (size_t k = 0; k < sizeof leads / sizeof *leads; k++)
        if (fold_at(s, 0, leads[k]))
            return str_trim(str_slice(s, strlen(leads[k]), s.n));
    return s;
}

bool prose_explains(struct str s)
{
    static const char *const starts[] = {"as ", "since ", "because ", "which ", "so ",
                                         "by ", "where ", "thus ",    "hence "};
    size_t i = skip_any(s, 0, " ,(;");
    for (size_t k = 0; i && k < sizeof starts / sizeof *starts; k++)
        if (fold_at(s, i, starts[k]))
            return true;
    return false;
}

static bool begins_sentence(struct str w)
{
    static const char *const words[] = {"it",  "she",   "he",  "we",   "they", "i",
                                        "you", "there", "the", "this", "that"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (word_equal_fold(w, words[k]))
            return true;
    return false;
}

struct str prose_without_subject(struct str s, bool any)
{
    size_t i = 0;
    for (bool first = true;; first = false) {
        size_t k = word_end(s, i);
        struct str w = str_slice(s, i, k);
        if (k == i || k >= s.n || s.p[k] != ' ' || word_is_judging(w) || word_number(w) >= 0 ||
            (first && !any && !begins_sentence(w)))
            break;
        i = skip_any(s, k, " ");
    }
    bool value = i < s.n && (scan_digit(s.p[i]) || strchr("$\\-.", s.p[i]) || (s.p[i] & 0x80));
    return i && value ? str_slice(s, i, s.n) : s;
}

bool prose_after_verb(struct str s, struct str *out)
{
    static const char *const verbs[] = {" is ", " are ", " be ", " equals "};
    for (size_t i = s.n; i-- > 0;)
        for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
            if (s.p[i] == ' ' && fold_at(s, i, verbs[v])) {
                *out = strip(str_slice(s, i + strlen(verbs[v]), s.n));
                return out->n > 0;
            }
    return false;
}

/* ---- numbers ---- */

static bool free_before(struct str t, size_t i)
{
    if (i == 0)
        return true;
    char c = t.p[i - 1];
    return !scan_letter(c) && !scan_digit(c) && c != '_' && c != '.' && c != '^' &&
           !(c == '{' && i >= 2 && (t.p[i - 2] == '_' || t.p[i - 2] == '^'));
}

/* Where the number that ends before `end` begins: digits, separators, one
 * point, a slash between two numbers. */
static size_t number_begin(struct str t, size_t end)
{
    size_t i = end;
    while (i > 0) {
        char c = t.p[i - 1];
        bool between = i >= 2 && scan_digit(t.p[i - 2]) && i < end && scan_digit(t.p[i]);
        if (scan_digit(c) || (between && (c == ',' || c == '.' || c == '/' || c == ':')))
            i--;
        else if (c == '.' && i < end && scan_digit(t.p[i]) && (i == 1 || !scan_digit(t.p[i - 2])))
            i--;
        else
            break;
    }
    return i;
}

bool prose_last_number(struct str t, struct str *out)
{
    for (size_t end = t.n; end > 0; end--) {
        if (!scan_digit(t.p[end - 1]))
            continue;
        size_t from = number_begin(t, end);
        if (!free_before(t, from)) {
            end = from + 1;
            continue;
        }
        size_t to = end;
        if (from > 0 && t.p[from - 1] == '-' &&
            (from == 1 || !(scan_digit(t.p[from - 2]) || scan_letter(t.p[from - 2]))))
            from--;
        size_t k = to;
        while (k < t.n && (t.p[k] == ' ' || t.p[k] == '\\' || t.p[k] == '$'))
            k++;
        if (k < t.n && t.p[k] == '%')
            to = k + 1;
        else if (fold_at(t, k, "percent"))
            to = k + 7;
        *out = str_slice(t, from, to);
        return true;
    }
    return false;
}

/* ---- choices ---- */

static size_t skip_style(struct str t, size_t i)
{
    for (;;) {
        size_t k = skip_any(t, i, " \t\n$*{([\"'");
        if (k < t.n && t.p[k] == '\\') {
            size_t w = word_end(t, k + 1);
            const struct word *c = word_command(str_slice(t, k + 1, w));
            bool board = c && c->role == WORD_STYLE && c->s; /* \mathbb{R} is a set */
            if (c && !board &&
                (c->role == WORD_TEXT || c->role == WORD_STYLE || c->role == WORD_SKIP))
                k = w;
            else if (w == k + 1 && w < t.n && strchr("([", t.p[w]))
                k = w + 1;
        }
        if (fold_at(t, k, "option ") || fold_at(t, k, "choice "))
            k += 7;
        if (k == i)
            return i;
        i = k;
    }
}

static bool choice_at(struct str t, size_t i, const char *const *choices, size_t n, struct str *out)
{
    if (!choices) {
        if (i < t.n && t.p[i] >= 'A' && t.p[i] <= 'Z') {
            *out = str_slice(t, i, i + 1);
            return true;
        }
        /* (b) is a choice; b alone is a variable */
        static const char capitals[] = "ABCDEFGHIJ";
        if (i == 1 && t.n == 3 && t.p[0] == '(' && t.p[2] == ')' && t.p[1] >= 'a' &&
            t.p[1] <= 'j') {
            *out = (struct str){&capitals[t.p[1] - 'a'], 1};
            return true;
        }
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(choices[k]);
        if (len && t.n - i >= len && memcmp(t.p + i, choices[k], len) == 0) {
            *out = str_slice(t, i, i + len);
            return true;
        }
    }
    return false;
}

/* What may stand behind a letter that is the answer: "A is correct", "A, since". */
static bool comment_at(struct str t, size_t i)
{
    static const char *const starts[] = {
        "is correct",    "is right", "(not ",      "is the correct", "is the right",
        "is the answer", "because ", ", because ", "since ",         ", since ",
    };
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++)
        if (fold_at(t, i, starts[k]))
            return true;
    return false;
}

static bool quad_at(struct str t, size_t i)
{
    return fold_at(t, i, "\\quad") || fold_at(t, i, "\\qquad");
}

/* The letter stands alone: the end, or a mark that ends a label. */
static bool label_ends(struct str t, size_t i, bool quoted)
{
    if (i >= t.n)
        return true;
    char c = t.p[i];
    if (c == '.' || c == ')' || c == ']' || c == '}' || c == ':' || c == '$' || c == '*' ||
        c == '"' || c == '\n' || (c == '\'' && quoted))
        return true;
    if (c == '\\' && i + 1 < t.n && strchr("})]", t.p[i + 1]))
        return true;
    size_t k = skip_any(t, i, " ,");
    return (k > i || c == '\\') &&
           (comment_at(t, skip_style(t, k)) || comment_at(t, k) || quad_at(t, k));
}

/* The letter goes on as a formula behind its brackets and styles: \mathbf{A}^c,
 * \overline{A} \cup B; a label with a bracket or a full stop of its own does not. */
static bool goes_on(struct str t, size_t i)
{
    bool label = false;
    while (i < t.n && strchr("}$)]*\"'.:", t.p[i])) {
        label |= strchr(")].:", t.p[i]) != NULL;
        i++;
    }
    if (i < t.n && strchr("^_'", t.p[i]))
        return true;
    i = skip_any(t, i, " ");
    if (label || i >= t.n)
        return false;
    struct str other;
    size_t next = skip_style(t, i); /* \mathbf{A}\mathbf{B} */
    if (choice_at(t, next, NULL, 0, &other) && word_end(t, next) == next + 1)
        return true;
    if (t.p[i] != '\\')
        return strchr("+-=/<>|", t.p[i]) != NULL;
    const struct word *w = word_command(str_slice(t, i + 1, word_end(t, i + 1)));
    return w && w->role == WORD_TOKEN && !quad_at(t, i);
}

/* Another choice behind the first: "A, B", "A and B". */
static bool another(struct str t, size_t i, const char *const *choices, size_t n)
{
    i = skip_any(t, i, " .)]}:$*\"'\n");
    i = skip_style(t, i);
    bool more = true;
    if (i < t.n && (t.p[i] == ',' || t.p[i] == '/' || t.p[i] == '&' || t.p[i] == ';'))
        i++;
    else if (quad_at(t, i))
        i = word_end(t, i + 1);
    else
        more = false;
    i = skip_style(t, i);
    size_t end = word_end(t, i);
    struct str word = str_slice(t, i, end);
    if (word_equal_fold(word, "and") || word_equal_fold(word, "or")) { /* ", and (B)" */
        i = skip_style(t, skip_any(t, end, " }~"));
        more = true;
    }
    struct str other;
    return more && choice_at(t, i, choices, n, &other) &&
           (i + other.n >= t.n || strchr(" .,;)]}:$*\"'\n\\", t.p[i + other.n]));
}

/* "(A) 5, (B) 6": labels further on. */
static bool labels_follow(struct str t, size_t i, const char *const *choices, size_t n)
{
    static const char *const joints[] = {", (", "; (", "and (", "or ("};
    struct str other;
    for (; i < t.n; i++)
        for (size_t k = 0; k < sizeof joints / sizeof *joints; k++) {
            size_t at = i + strlen(joints[k]);
            if (t.p[i] == joints[k][0] && fold_at(t, i, joints[k]) &&
                choice_at(t, at, choices, n, &other) && at + other.n < t.n &&
                t.p[at + other.n] == ')')
                return true;
        }
    return false;
}

bool prose_choice(struct str t, const char *const *choices, size_t n, struct str *out)
{
    size_t i = skip_style(t, 0);
    if (!choice_at(t, i, choices, n, out))
        return false;
    size_t end = i + out->n;
    return label_ends(t, end, i > 0 && t.p[i - 1] == '\'') && !goes_on(t, end) &&
           !another(t, end, choices, n) && !labels_follow(t, end, choices, n);
}

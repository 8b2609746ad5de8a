/* box.c - see box.h. */
#include "answer/box.h"
#include "answer/scan.h"
#include "answer/words.h"

#include <string.h>

enum {
    OPEN_MAX = 256, /* open braces that are remembered */
    GAP_MAX = 100,  /* bytes between two boxes of one answer */
    GAP_WORDS = 5,
};

static void add(struct spans *s, struct span x)
{
    while (s->n && s->item[s->n - 1].begin > x.begin) /* those inside it */
        s->n--;
    if (s->n == ANSWER_BOXES_MAX) {
        memmove(s->item, s->item + 1, (s->n - 1) * sizeof *s->item);
        s->n--;
    }
    s->item[s->n++] = x;
}

static bool word_at(struct str t, size_t i, const char *word)
{
    size_t n = strlen(word);
    return i <= t.n && t.n - i >= n && memcmp(t.p + i, word, n) == 0 &&
           !(i + n < t.n && scan_letter(t.p[i + n]));
}

/* After a backslash at i: the length of "boxed" and its kin; 0 if it is none. */
static size_t box_command(struct str t, size_t i)
{
    static const char *const names[] = {"boxed", "fbox", "framebox"};
    if (i >= t.n || (t.p[i] != 'b' && t.p[i] != 'f'))
        return 0;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (word_at(t, i, names[k]))
            return strlen(names[k]);
    return 0;
}

/* \boxed 7: one number or word. */
static void bare_box(struct str t, size_t begin, size_t i, struct spans *s)
{
    size_t from = i;
    if (i < t.n && t.p[i] == '-')
        i++;
    while (i < t.n && (scan_digit(t.p[i]) || scan_letter(t.p[i]) || t.p[i] == '/' ||
                       (t.p[i] == '.' && i + 1 < t.n && scan_digit(t.p[i + 1]))))
        i++;
    if (i > from)
        add(s, (struct span){begin, i, from, i});
}

void spans_boxes(struct str t, struct spans *s)
{
    struct {
        size_t begin, from; /* begin: STR_NONE if the brace opens no box */
    } open[OPEN_MAX];
    size_t depth = 0, lost = 0;
    s->n = 0;
    s->open = false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c == '{') {
            if (depth == OPEN_MAX)
                lost++;
            else {
                open[depth].begin = STR_NONE;
                open[depth++].from = i + 1;
            }
        } else if (c == '}') {
            if (lost) {
                lost--;
            } else if (depth) {
                depth--;
                if (open[depth].begin != STR_NONE)
                    add(s, (struct span){open[depth].begin, i + 1, open[depth].from, i});
            }
        } else if ((c == 'b' && word_at(t, i, "boxed") && i + 5 < t.n && t.p[i + 5] == '{' &&
                    !(i && (scan_letter(t.p[i - 1]) || t.p[i - 1] == '\\'))) ||
                   (c == '\b' && word_at(t, i + 1, "oxed") && i + 5 < t.n)) {
            /* the backslash was lost, or read as an escape of JSON */
            if (depth < OPEN_MAX && t.p[i + 5] == '{') {
                open[depth].begin = i;
                open[depth++].from = i + 6;
            }
            i += 5;
        } else if (c == '\\') {
            size_t begin = i++;
            if (i < t.n && t.p[i] == '\\' && box_command(t, i + 1))
                i++;
            size_t n = box_command(t, i);
            if (!n)
                continue;
            i += n;
            while (i < t.n && scan_space(t.p[i]))
                i++;
            if (i < t.n && t.p[i] == '{' && depth < OPEN_MAX) {
                open[depth].begin = begin;
                open[depth++].from = i + 1;
            } else {
                bare_box(t, begin, i, s);
                i--;
            }
        }
    }
    for (size_t k = 0; k < depth && !s->open; k++)
        if (open[k].begin != STR_NONE && (!s->n || open[k].begin > s->item[s->n - 1].begin)) {
            s->open = true;
            s->unclosed = (struct span){open[k].begin, t.n, open[k].from, t.n};
        }
}

/* ---- formulas ---- */

static void dollar(struct str t, size_t *i, struct spans *s)
{
    size_t begin = *i, n = begin + 1 < t.n && t.p[begin + 1] == '$' ? 2 : 1;
    size_t k = begin + n;
    for (; k < t.n; k++) {
        if (t.p[k] == '\\')
            k++;
        else if (t.p[k] == '$' && (n == 1 || (k + 1 < t.n && t.p[k + 1] == '$')))
            break;
    }
    if (k >= t.n) {
        *i = t.n - 1; /* no partner: none of those behind it has one either */
        return;
    }
    if (k > begin + n)
        add(s, (struct span){begin, k + n, begin + n, k});
    *i = k + n - 1;
}

void spans_formulas(struct str t, struct spans *s)
{
    size_t open = STR_NONE;
    char close = 0;
    s->n = 0;
    s->open = false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (c == '$' && open == STR_NONE) {
            dollar(t, &i, s);
        } else if (c == '\\' && i + 1 < t.n) {
            c = t.p[++i];
            if (c == '(' || c == '[') {
                open = i - 1;
                close = c == '(' ? ')' : ']';
            } else if (open != STR_NONE && c == close) {
                add(s, (struct span){open, i + 1, open + 2, i - 1});
                open = STR_NONE;
            }
        }
    }
}

/* ---- joining ---- */

static bool turns(struct str word)
{
    static const char *const words[] = {
        "wait",  "no",   "not",     "but",   "so",     "thus",    "therefore", "hence", "actually",
        "wrong", "then", "instead", "sorry", "rather", "equals",  "because",   "since", "which",
        "is",    "was",  "are",     "gives", "means",  "implies", "becomes",   "from",  "when"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word_equal_fold(word, words[i]))
            return true;
    return false;
}

static bool ends_sentence(struct str gap, size_t i)
{
    char c = gap.p[i];
    if (c == '.' || c == '?' || c == '!')
        return i + 1 == gap.n || !scan_digit(gap.p[i + 1]);
    return c == '\n' && i + 1 < gap.n && gap.p[i + 1] == '\n';
}

/* True if what stands between two boxes makes one list of them. */
static bool joins(struct str gap)
{
    size_t words = 0, marks = 0;
    bool name = false; /* a single letter just before: "y = " */
    if (gap.n > GAP_MAX)
        return false;
    for (size_t i = 0; i < gap.n;) {
        char c = gap.p[i];
        if (c == '\\') {
            size_t k = ++i;
            while (k < gap.n && scan_letter(gap.p[k]))
                k++;
            marks += str_is(str_slice(gap, i, k), "quad") || str_is(str_slice(gap, i, k), "qquad");
            i = k > i ? k : i + 1;
        } else if (scan_letter(c)) {
            size_t k = i;
            while (k < gap.n && scan_letter(gap.p[k]))
                k++;
            struct str w = str_slice(gap, i, k);
            name = w.n == 1;
            if (word_equal_fold(w, "and") || word_equal_fold(w, "or"))
                marks++;
            else if (turns(w))
                return false;
            else if (w.n > 1)
                words++;
            i = k;
        } else {
            if (ends_sentence(gap, i) || scan_digit(c) || (c == '=' && !name))
                return false;
            marks += c == ',' || c == ';' || c == '+' || c == '&';
            name = name && (scan_space(c) || c == '=');
            i++;
        }
    }
    return marks > 0 && words <= GAP_WORDS;
}

static struct str inside(struct str t, const struct spans *s, size_t i)
{
    return str_trim(str_slice(t, s->item[i].from, s->item[i].to));
}

struct str spans_join(struct arena *a, struct str t, const struct spans *s)
{
    size_t first = s->n - 1;
    while (first && joins(str_slice(t, s->item[first - 1].end, s->item[first].begin)))
        first--;
    size_t other = first; /* the same answer said again is one answer */
    while (other < s->n && str_eq(inside(t, s, other), inside(t, s, s->n - 1)))
        other++;
    if (first == s->n - 1 || other == s->n)
        return inside(t, s, s->n - 1);
    size_t n = 0;
    for (size_t i = first; i < s->n; i++)
        n += s->item[i].to - s->item[i].from + 2;
    char *p = arena_alloc(a, n);
    n = 0;
    for (size_t i = first; i < s->n; i++) {
        if (i > first) {
            memcpy(p + n, ", ", 2);
            n += 2;
        }
        memcpy(p + n, t.p + s->item[i].from, s->item[i].to - s->item[i].from);
        n += s->item[i].to - s->item[i].from;
    }
    return (struct str){p, n};
}

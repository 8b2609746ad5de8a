/* chat_template.c - see chat_template.h.  A template is a file of somebody else:
 * anything may stand in it, and what is not understood is a hole. */
#include "text/chat_template.h"

#include <string.h>

/* So that a hostile template costs no more than its length times these. */
enum { NAME_MAX_BYTES = 64, TEXT_MAX_BYTES = 16384 };

struct reader {
    struct str in;
    size_t i;
    struct buf *out;
    bool strip_left;   /* the tag before ended with a minus */
    bool trim_newline; /* the tag before was a block */
};

static bool at(const struct reader *r, size_t i, const char *text)
{
    size_t n = strlen(text);
    return r->in.n - i >= n && memcmp(r->in.p + i, text, n) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Text up to the next tag. */
static void read_text(struct reader *r)
{
    size_t from = r->i, to = from;
    while (to < r->in.n && !at(r, to, "{{") && !at(r, to, "{%") && !at(r, to, "{#"))
        to++;
    r->i = to;
    bool tag = to < r->in.n, block = tag && r->in.p[to + 1] != '{';
    if (r->trim_newline && from < to && r->in.p[from] == '\n')
        from++;
    while (r->strip_left && from < to && is_blank(r->in.p[from]))
        from++;
    if (tag && at(r, to + 2, "-")) {
        while (to > from && is_blank(r->in.p[to - 1]))
            to--;
    } else if (block) { /* blanks between the start of a line and a block tag */
        size_t k = to;
        while (k > from && (r->in.p[k - 1] == ' ' || r->in.p[k - 1] == '\t'))
            k--;
        if (k == 0 || r->in.p[k - 1] == '\n')
            to = k;
    }
    buf_put(r->out, r->in.p + from, to - from);
}

/* A string in quotes, w->i at the quote; appended if it is printed. */
static void read_string(struct reader *r, bool print)
{
    char quote = r->in.p[r->i++];
    while (r->i < r->in.n && r->in.p[r->i] != quote) {
        char c = r->in.p[r->i++];
        if (c == '\\' && r->i < r->in.n) {
            static const char letters[] = "ntr", values[] = "\n\t\r";
            c = r->in.p[r->i++];
            const char *known = strchr(letters, c);
            if (known && c)
                c = values[known - letters];
        }
        if (print)
            buf_putc(r->out, c);
    }
    r->i += r->i < r->in.n;
}

static void put_hole(struct reader *r)
{
    if (!r->out->n || r->out->p[r->out->n - 1] != HOLE[0])
        buf_putc(r->out, HOLE[0]);
}

/* An expression up to the tag's end.  Strings count only as operands of + and ~
 * at the top: 'x' in m['x'], f('x') and a == 'x' is part of a hole. */
static void read_expression(struct reader *r, const char *end, bool print)
{
    int depth = 0, groups = 0; /* of brackets inside a hole; of parentheses around operands */
    bool operand = true;       /* at the beginning of an operand */
    while (r->i < r->in.n && !(at(r, r->i, end) || (at(r, r->i, "-") && at(r, r->i + 1, end)))) {
        char c = r->in.p[r->i];
        if (c == '\'' || c == '"') {
            bool literal = operand && depth == 0;
            if (!literal && print)
                put_hole(r);
            read_string(r, print && literal);
            operand = false;
            continue;
        }
        r->i++;
        if (is_blank(c))
            continue;
        if ((c == '+' || c == '~') && depth == 0) {
            operand = true;
            continue;
        }
        if (depth == 0 && ((c == '(' && operand) || (c == ')' && groups))) {
            groups += c == '(' ? 1 : -1;
            continue;
        }
        depth += (c == '(' || c == '[' || c == '{') - (c == ')' || c == ']' || c == '}');
        if (print)
            put_hole(r);
        operand = false;
    }
}

/* {% set name = expression %}: true, and r->i is behind the '='. */
static bool is_set(struct reader *r)
{
    size_t i = r->i;
    while (i < r->in.n && is_blank(r->in.p[i]))
        i++;
    if (!at(r, i, "set "))
        return false;
    for (; i < r->in.n && !at(r, i, "%}"); i++)
        if (r->in.p[i] == '=') {
            r->i = i + 1;
            return true;
        }
    return false;
}

static void read_tag(struct reader *r)
{
    bool printing = at(r, r->i, "{{"), block = at(r, r->i, "{%");
    r->i += 2;
    r->i += at(r, r->i, "-") || at(r, r->i, "+");
    const char *end = printing ? "}}" : block ? "%}" : "#}";
    if (printing) {
        read_expression(r, end, true);
    } else if (block) {
        buf_puts(r->out, BREAK);
        bool set = is_set(r);
        read_expression(r, end, set);
        if (set)
            buf_puts(r->out, BREAK);
    } else {
        size_t close = str_find(r->in, STR("#}"), r->i);
        r->i = close == STR_NONE ? r->in.n : close;
        if (close != STR_NONE && r->in.p[close - 1] == '-')
            r->i--;
    }
    r->strip_left = at(r, r->i, "-");
    r->i += r->strip_left;
    r->i = r->in.n - r->i >= 2 ? r->i + 2 : r->in.n;
    r->trim_newline = !printing;
}

void chat_skeleton(struct str source, struct buf *out)
{
    struct reader r = {.in = source, .out = out};
    /* Jinja drops one newline at the end of a template. */
    if (r.in.n && r.in.p[r.in.n - 1] == '\n')
        r.in.n--;
    while (r.i < r.in.n) {
        read_text(&r);
        if (r.i < r.in.n)
            read_tag(&r);
    }
}

/* ---- questions ---- */

bool template_prints(const struct chat_template *t, const char *skeleton)
{
    return str_find(t->skeleton, str_of(skeleton), 0) != STR_NONE;
}

bool template_says(const struct chat_template *t, const char *source)
{
    return str_find(t->source, str_of(source), 0) != STR_NONE;
}

struct str template_between(const struct chat_template *t, const char *before, const char *after)
{
    struct str s = t->skeleton, opening = str_of(before), closing = str_of(after);
    for (size_t i = 0; (i = str_find(s, opening, i)) != STR_NONE;) {
        i += opening.n;
        size_t end = i;
        while (end < s.n && end - i < TEXT_MAX_BYTES && s.p[end] != HOLE[0] &&
               s.p[end] != BREAK[0] && !str_starts(str_slice(s, end, s.n), closing))
            end++;
        if (end > i && end < s.n && str_starts(str_slice(s, end, s.n), closing))
            return str_slice(s, i, end);
    }
    return (struct str){0};
}

bool template_uses_only(const struct chat_template *t, const char *const *names)
{
    struct str s = t->skeleton;
    for (size_t i = 0; (i = str_find(s, STR("<|"), i)) != STR_NONE;) {
        i += 2;
        struct str name = str_slice(s, i, s.n - i > NAME_MAX_BYTES ? i + NAME_MAX_BYTES : s.n);
        name.n = str_find(name, STR("|>"), 0);
        if (name.n == STR_NONE)
            continue;
        size_t k = 0;
        while (names[k] && !str_is(name, names[k]))
            k++;
        if (!names[k])
            return false;
    }
    return true;
}

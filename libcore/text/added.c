/* added.c - see added.h.  Two tries of bytes, one for each kind of text. */
#include "text/added.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2 * ADDED_MAX };

struct node {
    uint32_t child, sibling; /* 0: none (the root is nobody's child) */
    int32_t token;           /* index; -1: no token ends here */
    unsigned char byte;
};

struct trie {
    struct node *nodes; /* [0] is the root */
    size_t n, cap;
    uint32_t first[256]; /* the root's children by byte; 0: none */
};

struct added {
    struct added_token *tokens;
    size_t n, cap;
    struct arena text;
    uint32_t *slots; /* index + 1 by hash of the content; open addressing, 2 * ADDED_MAX of them */
    struct trie tries[2]; /* by `normalized` */
};

struct added *added_new(void)
{
    struct added *a = xcalloc(1, sizeof *a);
    a->slots = xcalloc(SLOTS, sizeof *a->slots);
    return a;
}

void added_free(struct added *a)
{
    if (!a)
        return;
    free(a->tokens);
    free(a->slots);
    arena_free(&a->text);
    free(a->tries[0].nodes);
    free(a->tries[1].nodes);
    free(a);
}

size_t added_count(const struct added *a)
{
    return a->n;
}

const struct added_token *added_at(const struct added *a, size_t i)
{
    return &a->tokens[i];
}

/* The slot that holds this content, or the empty one where it belongs. */
static uint32_t *slot_of(const struct added *a, struct str content)
{
    for (size_t k = (size_t)str_hash(content) & (SLOTS - 1);; k = (k + 1) & (SLOTS - 1))
        if (!a->slots[k] || str_eq(a->tokens[a->slots[k] - 1].content, content))
            return &a->slots[k];
}

const struct added_token *added_by_content(const struct added *a, struct str content)
{
    uint32_t k = *slot_of(a, content);
    return k ? &a->tokens[k - 1] : NULL;
}

/* ---- tries ---- */

static uint32_t find_child(const struct trie *t, uint32_t node, unsigned char byte)
{
    if (node == 0)
        return t->first[byte];
    uint32_t k = t->nodes[node].child;
    while (k && t->nodes[k].byte != byte)
        k = t->nodes[k].sibling;
    return k;
}

static uint32_t add_child(struct trie *t, uint32_t parent, unsigned char byte)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 256;
        t->nodes = xrealloc(t->nodes, t->cap, sizeof *t->nodes);
        t->n += t->n == 0; /* the root */
    }
    uint32_t k = (uint32_t)t->n++;
    t->nodes[k] = (struct node){.token = -1, .byte = byte};
    if (parent == 0) {
        t->first[byte] = k;
    } else {
        t->nodes[k].sibling = t->nodes[parent].child;
        t->nodes[parent].child = k;
    }
    return k;
}

static void trie_add(struct trie *t, struct str pattern, int32_t token)
{
    uint32_t node = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        unsigned char byte = (unsigned char)pattern.p[i];
        uint32_t k = find_child(t, node, byte);
        node = k ? k : add_child(t, node, byte);
    }
    if (t->nodes[node].token < 0) /* two contents may have one normal form: the first has it */
        t->nodes[node].token = token;
}

bool added_add(struct added *a, const struct added_token *t, struct err *e)
{
    if (t->content.n > ADDED_BYTES_MAX || t->pattern.n > ADDED_BYTES_MAX)
        return err_set(e, ERR_DATA, "added_tokens: a token of %zu bytes (at most %d)", t->content.n,
                       ADDED_BYTES_MAX);
    uint32_t *slot = slot_of(a, t->content);
    if (*slot)
        return true;
    if (a->n == ADDED_MAX)
        return err_set(e, ERR_DATA, "added_tokens: more than %d tokens (added-tokens)", ADDED_MAX);
    if (a->n == a->cap) {
        a->cap = a->cap ? 2 * a->cap : 64;
        a->tokens = xrealloc(a->tokens, a->cap, sizeof *a->tokens);
    }
    struct added_token *copy = &a->tokens[a->n];
    *copy = *t;
    copy->content.p = arena_strdup(&a->text, t->content.p, t->content.n);
    copy->pattern.p = arena_strdup(&a->text, t->pattern.p, t->pattern.n);
    trie_add(&a->tries[t->normalized], t->pattern, (int32_t)a->n++);
    *slot = (uint32_t)a->n;
    return true;
}

/* ---- searching ---- */

/* s->span is the first that ends after s->at, where the token begins. */
static bool touches_span(const struct added_search *s, size_t to)
{
    return s->span < s->n_spans && s->spans[s->span].from < to;
}

/* The longest token that begins at `from`, or NULL. */
static const struct added_token *longest_at(const struct added_search *s, size_t from, size_t *to)
{
    const struct trie *t = &s->a->tries[s->normalized];
    const struct added_token *found = NULL;
    uint32_t node = 0;
    for (size_t i = from; i < s->text.n; i++) {
        node = find_child(t, node, (unsigned char)s->text.p[i]);
        if (!node)
            break;
        if (t->nodes[node].token < 0)
            continue;
        const struct added_token *k = &s->a->tokens[t->nodes[node].token];
        if ((s->no_special && k->special) || touches_span(s, i + 1))
            continue;
        found = k;
        *to = i + 1;
    }
    return found;
}

static size_t last_start(struct str text)
{
    size_t i = text.n;
    while (i && (text.p[--i] & 0xC0) == 0x80)
        continue;
    return i;
}

/* Where the white space at the end of a text begins. */
static size_t space_at_end(struct str text)
{
    while (text.n) {
        size_t i = last_start(text), k = i;
        if (!unicode_is_space(utf8_next(text, &k)))
            break;
        text.n = i;
    }
    return text.n;
}

static size_t space_at_start(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        if (!unicode_is_space(utf8_next(text, &i)))
            return from;
    }
    return text.n;
}

static bool stands_alone(struct str text, size_t from, size_t to)
{
    if (from > 0) {
        size_t i = last_start(str_slice(text, 0, from));
        if (unicode_is_word(utf8_next(text, &i)))
            return false;
    }
    return to == text.n || !unicode_is_word(utf8_next(text, &to));
}

bool added_next(struct added_search *s, size_t *from, size_t *to, const struct added_token **t)
{
    const struct trie *trie = &s->a->tries[s->normalized];
    for (; trie->n && s->at < s->text.n; s->at++) {
        if (!trie->first[(unsigned char)s->text.p[s->at]])
            continue;
        while (s->span < s->n_spans && s->spans[s->span].to <= s->at)
            s->span++;
        const struct added_token *k = longest_at(s, s->at, to);
        if (!k)
            continue;
        if (k->single_word && !stands_alone(s->text, s->at, *to)) {
            s->at = *to - 1;
            continue;
        }
        *from = s->at;
        s->at = *to;
        if (k->lstrip) {
            *from = space_at_end(str_slice(s->text, 0, *from));
            *from = *from > s->done ? *from : s->done;
        }
        if (k->rstrip)
            *to += space_at_start(str_slice(s->text, *to, s->text.n));
        if (*from >= *to) { /* white space that the token before took altogether */
            s->at--;
            continue;
        }
        s->done = *to;
        *t = k;
        return true;
    }
    return false;
}

/* pattern.c - compiling to classes and matching; see pattern.h.  The rewriting
 * of the expression is in pattern_rewrite.c. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pattern.h"
#include "base/mem.h"
#include "text/pattern_rewrite.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    pcre2_code *code;
    unsigned char *class_of; /* by code point */
    bool jit;
};

enum {
    MATCH_LIMIT = 10 * 1000 * 1000, /* steps of backtracking of one match */
    DEPTH_LIMIT = 100 * 1000,
    HEAP_LIMIT = 64 * 1024,      /* KiB, of the interpreter */
    JIT_STACK = 8 * 1024 * 1024, /* bytes */
};

struct pattern *pattern_open(struct str source, bool literal, struct err *e)
{
    if (source.n > PATTERN_LENGTH_MAX) {
        err_set(e, ERR_DATA, "a pattern of %zu bytes (at most %d: pattern-length)", source.n,
                PATTERN_LENGTH_MAX);
        return NULL;
    }
    struct buf rewritten = {0};
    unsigned char *class_of = xmalloc(UNICODE_END);
    if (!pattern_rewrite(source, literal, &rewritten, class_of, e)) {
        buf_free(&rewritten);
        free(class_of);
        return NULL;
    }
    int code;
    PCRE2_SIZE at;
    struct pattern *p = xcalloc(1, sizeof *p);
    p->class_of = class_of;
    p->code = pcre2_compile((PCRE2_SPTR)rewritten.p, rewritten.n, PCRE2_DOTALL, &code, &at, NULL);
    buf_free(&rewritten);
    if (!p->code) {
        char why[200] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
        err_set(e, ERR_DATA, "the pattern \"%.*s\" does not compile: %s", STR_ARG(source), why);
        pattern_close(p);
        return NULL;
    }
    p->jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
    return p;
}

void pattern_close(struct pattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p->class_of);
    free(p);
}

/* ---- matching ---- */

struct matcher {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    const struct pattern *pattern;
    struct str text;
    struct buf classes;       /* of a text that is not ASCII */
    const char *subject;      /* text or classes */
    size_t n;                 /* characters of the subject */
    size_t at;                /* where the next match may begin, in characters */
    size_t last;              /* end of the last match, in characters; SIZE_MAX: none */
    size_t character, offset; /* a position known in both measures */
};

struct matcher *matcher_new(void)
{
    struct matcher *m = xcalloc(1, sizeof *m);
    m->context = pcre2_match_context_create(NULL);
    m->data = pcre2_match_data_create(1, NULL);
    m->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK, NULL);
    ASSERT(m->context && m->data);
    pcre2_set_match_limit(m->context, MATCH_LIMIT);
    pcre2_set_depth_limit(m->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(m->context, HEAP_LIMIT);
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return m;
}

void matcher_free(struct matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    buf_free(&m->classes);
    free(m);
}

static bool is_ascii(struct str s)
{
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t w;
        memcpy(&w, s.p + i, 8);
        if (w & 0x8080808080808080u)
            return false;
    }
    for (; i < s.n; i++)
        if (s.p[i] & 0x80)
            return false;
    return true;
}

void matcher_start(struct matcher *m, const struct pattern *p, struct str text)
{
    m->pattern = p;
    m->text = text;
    m->at = m->character = m->offset = 0;
    m->last = SIZE_MAX;
    m->subject = text.p;
    m->n = text.n;
    if (is_ascii(text))
        return;
    buf_reset(&m->classes);
    buf_reserve(&m->classes, text.n);
    unsigned char *to = (unsigned char *)m->classes.p;
    for (size_t i = 0; i < text.n;) {
        uint32_t c = utf8_next(text, &i);
        *to++ = p->class_of[c == UTF8_BAD ? 0xFFFD : c];
    }
    m->subject = m->classes.p;
    m->n = (size_t)((char *)to - m->classes.p);
}

/* Matches are asked for from left to right, so offsets are found by walking on. */
static size_t offset_of(struct matcher *m, size_t character)
{
    if (m->subject == m->text.p)
        return character;
    while (m->character < character) {
        m->offset++;
        while (m->offset < m->text.n && (m->text.p[m->offset] & 0xC0) == 0x80)
            m->offset++;
        m->character++;
    }
    return m->offset;
}

static int find(struct matcher *m)
{
    const struct pattern *p = m->pattern;
    PCRE2_SPTR subject = (PCRE2_SPTR)m->subject;
    return p->jit ? pcre2_jit_match(p->code, subject, m->n, m->at, 0, m->data, m->context)
                  : pcre2_match(p->code, subject, m->n, m->at, 0, m->data, m->context);
}

int matcher_next(struct matcher *m, size_t *from, size_t *to, struct err *e)
{
    while (m->at <= m->n) {
        int rc = find(m);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0) {
            char why[200] = "";
            pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof why);
            err_set(e, ERR_DATA, "the pre-tokenizer's pattern gives up on a text (match-steps): %s",
                    why);
            return -1;
        }
        const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(m->data);
        m->at = ov[1];
        if (ov[0] == ov[1]) {
            m->at++;
            if (ov[0] == m->last) /* an empty match does not touch the one before it */
                continue;
        }
        m->last = ov[1];
        *from = offset_of(m, ov[0]);
        *to = offset_of(m, ov[1]);
        return 1;
    }
    m->at = m->n + 1;
    return 0;
}

/* userpattern.c - see userpattern.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "answer/userpattern.h"
#include "base/mem.h"

#include <pcre2.h>
#include <stdlib.h>

struct userpattern {
    pcre2_code *code;
    uint32_t how;
};

struct userpattern *userpattern_new(struct str source, bool whole, struct err *e)
{
    struct userpattern *p = xcalloc(1, sizeof *p);
    int code;
    PCRE2_SIZE at;
    p->code =
        pcre2_compile((PCRE2_SPTR)source.p, source.n, PCRE2_UTF | PCRE2_DOTALL, &code, &at, NULL);
    if (!p->code) {
        PCRE2_UCHAR text[200];
        pcre2_get_error_message(code, text, sizeof text);
        err_set(e, ERR_USAGE, "bad pattern at character %zu: %s", (size_t)at + 1, (char *)text);
        free(p);
        return NULL;
    }
    p->how = whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
    return p;
}

void userpattern_free(struct userpattern *p)
{
    if (!p)
        return;
    pcre2_code_free(p->code);
    free(p);
}

bool userpattern_matches(const struct userpattern *p, struct str text, bool *limited)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(p->code, NULL);
    pcre2_match_context *c = pcre2_match_context_create(NULL);
    ASSERT(m && c);
    pcre2_set_match_limit(c, USERPATTERN_STEPS);
    pcre2_set_depth_limit(c, USERPATTERN_DEPTH);
    int n = pcre2_match(p->code, (PCRE2_SPTR)(text.n ? text.p : ""), text.n, 0, p->how, m, c);
    pcre2_match_data_free(m);
    pcre2_match_context_free(c);
    *limited = n < 0 && n != PCRE2_ERROR_NOMATCH;
    return n >= 0;
}

/* fuzz_answer.c - two answers with a tab between them: every verdict has its
 * reason, an answer equals itself, and judging twice gives the same. */
#include "answer/answer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = {0};
    struct answer_options o = answer_defaults();
    struct answer_judgement first, again, self;
    struct str all = {(const char *)data, n};
    size_t tab = str_find(all, STR("\t"), 0);
    struct str gold = str_slice(all, 0, tab == STR_NONE ? n : tab);
    struct str pred = tab == STR_NONE ? gold : str_slice(all, tab + 1, n);
    o.loose = n % 2;
    struct answer_reference *r = answer_reference_new(&a, gold, &o);
    answer_judge_bare(r, &a, pred, &first);
    answer_judge_bare(r, &a, pred, &again);
    ASSERT(first.verdict == again.verdict && first.why && strcmp(first.why, again.why) == 0);
    answer_judge_bare(r, &a, gold, &self);
    ASSERT(self.verdict == ANSWER_IS_CORRECT || self.verdict == ANSWER_BAD_REFERENCE);
    arena_free(&a);
    return 0;
}

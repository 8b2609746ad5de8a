/* test_answer_worst.c - answer/: inputs made to be expensive.  Each is a bounded
 * amount of work, so this ends at once; what they are worth is beside them. */
#include "answer/answer.h"

#include "../tap.h"

#include <stdlib.h>
#include <string.h>

/* head, then `unit` n times, then tail. */
struct worst {
    const char *head, *unit;
    size_t n;
    const char *tail;
};

static struct str written(struct buf *b, const struct worst *w)
{
    buf_reset(b);
    buf_puts(b, w->head);
    for (size_t i = 0; i < w->n; i++)
        buf_puts(b, w->unit);
    buf_puts(b, w->tail);
    return buf_str(b);
}

/* No response is right for 12345 and x + 12345; no work is without end. */
static void judged(const struct worst *w)
{
    static const char *const golds[] = {"12345", "x+12345"};
    struct buf b = {0};
    struct str text = written(&b, w);
    for (size_t k = 0; k < 2; k++) {
        struct arena a = {0};
        struct answer_options o = answer_defaults();
        struct answer_judgement j;
        answer_judge(answer_reference_new(&a, str_of(golds[k]), &o), &a, text, &j);
        bool good = j.verdict == ANSWER_IS_WRONG || j.verdict == ANSWER_IS_ABSENT;
        if (!good)
            printf("# %s%s*%zu%s: %s\n", w->head, w->unit, w->n, w->tail, j.why);
        CHECK(good);
        arena_free(&a);
    }
    buf_free(&b);
}

/* A reference of that kind is compared with something else and with itself. */
static void held_against(const struct worst *w)
{
    struct buf b = {0};
    struct arena a = {0};
    struct answer_options o = answer_defaults();
    struct answer_judgement other, self;
    struct str gold = written(&b, w);
    struct answer_reference *r = answer_reference_new(&a, gold, &o);
    answer_judge_bare(r, &a, STR("x+12345"), &other);
    answer_judge_bare(r, &a, gold, &self);
    CHECK(other.verdict != ANSWER_IS_CORRECT);
    CHECK(self.verdict == ANSWER_IS_CORRECT || self.verdict == ANSWER_BAD_REFERENCE);
    arena_free(&a);
    buf_free(&b);
}

static const struct worst megabytes[] = {
    {"", "a", 1 << 20, ""},
    {"", "$ ", 1 << 19, ""},
    {"", "$1", 1 << 19, ""},
    {"", "\\boxed{", 150000, ""},
    {"", "\\boxed{1} and ", 75000, ""},
    {"", "boxed{", 170000, ""},
    {"", "answer to the one ", 58000, ""},
    {"", "the answer is ", 75000, ""},
    {"", "####\n", 200000, ""},
    {"", "A: \n", 260000, ""},
    {"", "<answer>", 130000, ""},
    {"", "<|", 1 << 19, ""},
    {"", "\\(1\\) ", 150000, ""},
    {"", "\\[ 1 \\] , ", 100000, ""},
    {"", "**x ", 260000, ""},
    {"", "\\", 1 << 20, ""},
    {"", "{", 1 << 20, ""},
    {"", "\n", 1 << 20, ""},
    {"\\boxed{", "1", 1 << 20, "}"},
    {"", "1", 1 << 20, ""},
};

static const struct worst answers[] = {
    {"", "(", 16000, ""},
    {"", "\\frac{1}{", 1700, "1"},
    {"", "\\sqrt ", 2600, "2"},
    {"", "2^", 8000, "2"},
    {"", "2^{", 40, "2"},
    {"3", "!", 15000, ""},
    {"", "-", 16000, "1"},
    {"", "9", 2000, "^{99999}"},
    {"", "x+", 4000, "x"},
    {"", "1,", 8000, "2"},
    {"(1,2)", ",(1,2)", 250, ""},
    {"5", "^\\circ", 2000, ""},
    {"f", "'", 8000, ""},
    {"", "x_", 5000, "1"},
    {"5", "\\pm 1", 400, ""},
    {"", "\\pmod{7}", 500, ""},
    {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", 300,
     ""},
    {"P(", "A|", 4000, "B)"},
    {"", "P(", 2000, "A|B"},
    {"", "Var(", 2000, "X)=1"},
    {"5 \\text{ hours} ", "30 \\text{ minutes} ", 800, ""},
    {"5 ", "\\frac{\\text{m}}{\\text{s}}", 500, ""},
    {"", "one hundred ", 1000, ""},
    {"", "one hundred and ", 900, "one"},
    {"", "\\Rightarrow", 1400, ""},
    {"", "(1,2) U ", 1500, "(1,2)"},
    {"7 (", "a ", 7000, ")"},
    {"", "\\not", 2000, ""},
    {"", "\\ln|x|", 200, "+1"},
    {"", "\\sin", 2000, "x"},
    {"\\prod_{k=1}^{1000}", "k", 1, "!"},
    {"\\sum_{k=1}^{999}\\sum_{j=1}^{999}", "\\frac{1}{k+j}", 1, ""},
    {"e^{e^{e^{e^{e^{e}}}}}", "", 0, ""},
    {"7^{10^{100}} \\bmod 10", "", 0, ""},
    {"\\binom{10^{9}}{5\\cdot 10^8}", "", 0, ""},
    {"10^{999999}", "", 0, "+1"},
    {"(x+1)^{99999999}", "", 0, ""},
};

static void texts(void)
{
    for (size_t i = 0; i < sizeof megabytes / sizeof *megabytes; i++)
        judged(&megabytes[i]);
}

static void boxes(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char head[128];
        struct worst w = answers[i];
        snprintf(head, sizeof head, "\\boxed{%s", w.head);
        w.head = head;
        judged(&w);
    }
}

static void references(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        held_against(&answers[i]);
}

int main(void)
{
    static const struct test tests[] = {
        {"texts of a megabyte", texts},
        {"hostile answers", boxes},
        {"hostile references", references},
    };
    return TAP_RUN(tests);
}

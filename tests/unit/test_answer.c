/* test_answer.c - answer/: every row of testdata/answers, and the door. */
#include "answer/answer.h"
#include "base/file.h"

#include "../tap.h"

#include <stdlib.h>
#include <string.h>

/* ---- testdata/answers/NAME.tsv: gold, candidate, yes or no ---- */

static enum answer_verdict judge(struct arena *a, struct str gold, struct str pred, bool box)
{
    struct answer_options o = answer_defaults();
    struct answer_judgement j;
    struct buf b = {0};
    struct answer_reference *r = answer_reference_new(a, gold, &o);
    if (box) {
        buf_puts(&b, "So the result is $\\boxed{");
        buf_putstr(&b, pred);
        buf_puts(&b, "}$.");
        answer_judge(r, a, buf_str(&b), &j);
    } else {
        answer_judge_bare(r, a, pred, &j);
    }
    buf_free(&b);
    return j.verdict;
}

/* A whole response; \N in the file is a line break. */
static void response_row(const char *file, size_t line, struct str gold, struct str text,
                         struct str want, bool last_number)
{
    struct arena a = {0};
    struct answer_options o = answer_defaults();
    struct answer_judgement j;
    struct buf b = {0};
    o.last_number = last_number;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'N')
            buf_putc(&b, '\n'), i++;
        else
            buf_putc(&b, text.p[i]);
    answer_judge(answer_reference_new(&a, gold, &o), &a, buf_str(&b), &j);
    bool good = (j.verdict == ANSWER_IS_CORRECT) == str_is(want, "yes");
    if (!good)
        printf("# %s:%zu %.*s | %.*s: %s\n", file, line, STR_ARG(gold), STR_ARG(text),
               j.why ? j.why : "");
    CHECK(good);
    buf_free(&b);
    arena_free(&a);
}

static void row(const char *file, size_t line, struct str text)
{
    struct arena a = {0};
    size_t t1 = str_find(text, STR("\t"), 0);
    size_t t2 = t1 == STR_NONE ? STR_NONE : str_find(text, STR("\t"), t1 + 1);
    CHECK(t2 != STR_NONE);
    if (t2 == STR_NONE)
        return;
    struct str gold = str_slice(text, 0, t1), pred = str_slice(text, t1 + 1, t2);
    struct str want = str_slice(text, t2 + 1, text.n);
    CHECK(str_is(want, "yes") || str_is(want, "no"));
    if (strstr(file, "response")) {
        response_row(file, line, gold, pred, want, strstr(file, "last") != NULL);
        arena_free(&a);
        return;
    }
    for (int box = 0; box < 2; box++) {
        bool yes = judge(&a, gold, pred, box) == ANSWER_IS_CORRECT;
        bool good = yes == str_is(want, "yes");
        if (!good)
            printf("# %s:%zu:%s %.*s | %.*s: %s\n", file, line, box ? " boxed:" : "", STR_ARG(gold),
                   STR_ARG(pred), yes ? "yes" : "no");
        CHECK(good);
    }
    arena_free(&a);
}

static void table(const char *name)
{
    struct buf b = {0};
    struct err e = ERR_NONE;
    char path[200];
    snprintf(path, sizeof path, "testdata/answers/%s.tsv", name);
    bool ok = file_read(path, 1 << 20, &b, &e);
    CHECK(ok);
    struct str all = buf_str(&b);
    size_t line = 0, rows = 0;
    for (size_t i = 0, end; ok && i < all.n; i = end + 1) {
        end = str_find(all, STR("\n"), i);
        end = end == STR_NONE ? all.n : end;
        line++;
        struct str text = str_slice(all, i, end);
        if (!text.n || text.p[0] == '#')
            continue;
        row(path, line, text);
        rows++;
    }
    CHECK(rows > 0);
    buf_free(&b);
}

#define TABLE(symbol, name)                                                                        \
    static void symbol(void)                                                                       \
    {                                                                                              \
        table(name);                                                                               \
    }
TABLE(base, "base")
TABLE(choice, "choice")
TABLE(constant, "constant")
TABLE(equation, "equation")
TABLE(expression, "expression")
TABLE(inequality, "inequality")
TABLE(interval, "interval")
TABLE(list, "list")
TABLE(matrix, "matrix")
TABLE(mixed, "mixed")
TABLE(number, "number")
TABLE(percent, "percent")
TABLE(plus_minus, "plus-minus")
TABLE(ratio, "ratio")
TABLE(response, "response")
TABLE(response_last, "response-last")
TABLE(set, "set")
TABLE(text, "text")
TABLE(tuple, "tuple")
TABLE(unit, "unit")

/* ---- extraction ---- */

struct found {
    const char *response, *want; /* want NULL: nothing */
};

static void extracts(const struct found *f, size_t n, const struct answer_options *o)
{
    struct arena a = {0};
    for (size_t i = 0; i < n; i++) {
        struct answer_judgement j;
        struct answer_reference *r = answer_reference_new(&a, STR("1"), o);
        answer_judge(r, &a, str_of(f[i].response), &j);
        bool good = f[i].want ? j.has_extracted && str_is(j.extracted, f[i].want)
                              : j.verdict == ANSWER_IS_ABSENT && !j.has_extracted;
        if (!good)
            printf("# %s: \"%.*s\" (%s), expected %s\n", f[i].response, STR_ARG(j.extracted),
                   j.why ? j.why : "", f[i].want ? f[i].want : "nothing");
        CHECK(good);
    }
    arena_free(&a);
}

static void boxes(void)
{
    static const struct found f[] = {
        {"so \\boxed{42}.", "42"},
        {"so \\boxed{ \\frac{1}{2} }", "\\frac{1}{2}"},
        {"\\boxed{1} then \\boxed{2}", "2"},
        {"First \\boxed{3}. Wait, that is wrong. So \\boxed{4}.", "4"},
        {"\\boxed{-2} \\quad \\text{and} \\quad \\boxed{1}", "-2, 1"},
        {"\\(\\boxed{1}\\) and \\(\\boxed{-2}\\).", "1, -2"},
        {"\\boxed{1} no no no \\boxed{2}", "2"},
        {"\\boxed{(3, 3)} \\text{ for part (a) and } \\boxed{(1, 1)}", "(3, 3), (1, 1)"},
        {"x = \\boxed{1}, y = \\boxed{2}", "1, 2"},
        {"\\boxed{\\boxed{7}}", "7"},
        {"\\\\boxed{004}", "004"},
        {"\\fbox{5}", "5"},
        {"\\boxed 7", "7"},
        {"\\boxed{}", NULL},
        {"\\boxed{7}\\boxed{}", NULL},
        {"the answer is \\boxed{12", NULL},
        {"the answer is $\\boxed{12$ as wanted", "12"},
        {"\\boxed{\\left\\{1,2\\right\\}}", "\\left\\{1,2\\right\\}"},
        {"The answer is \\boxed{3}, not 4.", "3"},
        {"\\boxed{200}. Final Answer: The final answer is $10,455$. I hope it is correct.",
         "10,455"},
    };
    struct answer_options o = answer_defaults();
    extracts(f, sizeof f / sizeof *f, &o);
}

static void phrases(void)
{
    static const struct found f[] = {
        {"She makes 9*2 = $18.\n#### 18", "18"},
        {"#### 17\nwait 18", "17"},
        {"work\nA: 18", "18"},
        {"The final answer is 12. I hope it is correct.", "12"},
        {"So the answer is $\\frac{1}{2}$.", "\\frac{1}{2}"},
        {"**Answer:** 5", "5"},
        {"<answer> 7 </answer>", "7"},
        {"Answer \\[ 9 \\]", "9"},
        {"We find $x=1$ and $y=2$.", "x=1, y=2"},
        {"We find that $x \\ge 2$.", "x \\ge 2"},
        {"\\frac{63}{400}", "\\frac{63}{400}"},
        {"Correct answer 63/400 but completely missing reasoning content", NULL},
        {"", NULL},
        {"I do not know what to say about this problem", NULL},
    };
    struct answer_options o = answer_defaults();
    extracts(f, sizeof f / sizeof *f, &o);
}

static void thoughts(void)
{
    static const struct found f[] = {
        {"<think>\\boxed{42}</think> Some other text that says nothing.", NULL},
        {"<think>\\boxed{42}</think> \\boxed{43}", "43"},
        {"<think>\\boxed{42}", NULL},
        {"a</think>b</think>\\boxed{1}", "1"},
    };
    static const struct found own[] = {
        {"<R> \\boxed{3} </R> \\boxed{4}", "4"},
        {"\\boxed{4}", NULL},
    };
    static const struct found kept[] = {{"<think>\\boxed{42}", "42"}};
    struct answer_options o = answer_defaults();
    extracts(f, sizeof f / sizeof *f, &o);
    o.delimiter = "</R>";
    extracts(own, 2, &o);
    o = answer_defaults();
    o.keep_reasoning = true;
    extracts(kept, 1, &o);
}

static void last_numbers(void)
{
    static const struct found f[] = {
        {"so the number is 10 which is 1,000.99m and nothing else here", "1,000.99"},
        {"the probability that Alice wins the game is 2/3. <|im_start|>user", "2/3"},
        {"it is not 10, it is rather something like -7 I should think", "-7"},
        {"there are 12 distinct arithmetic sequences that meet the conditions.", "12"},
    };
    struct answer_options o = answer_defaults();
    o.last_number = true;
    extracts(f, sizeof f / sizeof *f, &o);
}

static void required_box(void)
{
    static const struct found f[] = {{"The answer is 5.", NULL}, {"\\boxed{5}", "5"}};
    struct answer_options o = answer_defaults();
    o.require_box = true;
    extracts(f, 2, &o);
}

/* ---- options and types ---- */

static enum answer_verdict verdict(const char *gold, const char *pred,
                                   const struct answer_options *o)
{
    struct arena a = {0};
    struct answer_judgement j;
    answer_judge(answer_reference_new(&a, str_of(gold), o), &a, str_of(pred), &j);
    CHECK(j.why != NULL);
    arena_free(&a);
    return j.verdict;
}

static void options(void)
{
    struct answer_options o = answer_defaults();
    o.precision = 3;
    CHECK(verdict("1/3", "\\boxed{0.333}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("1/3+1", "\\boxed{1.333}", &o) == ANSWER_IS_CORRECT);
    o.precision = 4;
    CHECK(verdict("1/3", "\\boxed{0.333}", &o) == ANSWER_IS_WRONG);
    o = answer_defaults();
    o.tolerance = 0.01;
    CHECK(verdict("100", "\\boxed{100.9}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("100", "\\boxed{102}", &o) == ANSWER_IS_WRONG);
    o = answer_defaults();
    o.loose = true;
    CHECK(verdict("f(x)", "\\boxed{f(y)}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("x^2+1", "\\boxed{t^2+1}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("x^2+1", "\\boxed{t^2+2}", &o) == ANSWER_IS_WRONG);
    o = answer_defaults();
    o.set_relation = false;
    CHECK(verdict("x\\in[-2,7]", "\\boxed{-2\\le x\\le 7}", &o) == ANSWER_IS_WRONG);
    CHECK(verdict("-2\\le x\\le 7", "\\boxed{x\\in[-2,7]}", &o) == ANSWER_IS_CORRECT);
}

static void types(void)
{
    struct answer_options o = answer_defaults();
    o.type = ANSWER_EXACT;
    CHECK(verdict("abc", " abc\n", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("abc", "Abc", &o) == ANSWER_IS_WRONG);
    o.type = ANSWER_NUMBER;
    CHECK(verdict("1/2", "\\boxed{0.5}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("2", "\\boxed{x+2-x}", &o) == ANSWER_IS_WRONG);
    CHECK(verdict("two apples", "\\boxed{2}", &o) == ANSWER_BAD_REFERENCE);
    o.type = ANSWER_CHOICE;
    CHECK(verdict("B", "The answer is (B).", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("B", "The answer is C", &o) == ANSWER_IS_WRONG);
    CHECK(verdict("17", "The answer is C", &o) == ANSWER_BAD_REFERENCE);
    o.type = ANSWER_REGEX;
    CHECK(verdict("(?i)yes|no", "Yes", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("yes", "yes indeed", &o) == ANSWER_IS_WRONG);
    CHECK(verdict("(", "yes", &o) == ANSWER_BAD_REFERENCE);
    CHECK(verdict("(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &o) !=
          ANSWER_IS_CORRECT);
}

static void choices(void)
{
    static const char *const letters[] = {"A", "B", "C", "D"};
    struct answer_options o = answer_defaults();
    o.targets = ANSWER_STRING;
    o.strings = letters;
    o.n_strings = 4;
    CHECK(verdict("A", "The answer is A.", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("B", "Final answer is B", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("A", "A. Because B is not valid", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("B", "A. Because B is not valid", &o) == ANSWER_IS_WRONG);
    CHECK(verdict("D", "\\mathrm{(D)\\}1,008,016", &o) == ANSWER_IS_CORRECT);
}

static void references(void)
{
    struct answer_options o = answer_defaults();
    CHECK(verdict("", "\\boxed{5}", &o) == ANSWER_BAD_REFERENCE);
    CHECK(verdict("\\boxed{}", "\\boxed{5}", &o) == ANSWER_BAD_REFERENCE);
    CHECK(verdict("  $5$ ", "\\boxed{5}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("so $x=\\boxed{5}$.", "\\boxed{5}", &o) == ANSWER_IS_CORRECT);
    CHECK(verdict("The largest area is 12 square inches.",
                  "\\boxed{The largest area is 12 square inches.}", &o) == ANSWER_IS_CORRECT);
}

static struct str repeated(struct arena *a, const char *open, const char *mid, const char *close,
                           size_t n)
{
    struct buf b = {0};
    buf_puts(&b, "\\boxed{");
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, open);
    buf_puts(&b, mid);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, close);
    buf_puts(&b, "}");
    struct str s = {arena_strdup(a, b.p, b.n), b.n};
    buf_free(&b);
    return s;
}

static void limits(void)
{
    static const struct {
        const char *open, *mid, *close;
        size_t n;
    } bad[] = {
        {"-(", "1", ")", 200},  {"\\sqrt{1+", "1", "}", 200}, {"1,", "1", "", 1000},
        {"x+", "1", "", 20000}, {"{", "1", "}", 200},
    };
    struct arena a = {0};
    struct answer_options o = answer_defaults();
    struct answer_reference *r = answer_reference_new(&a, STR("1"), &o);
    struct answer_judgement j;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct str s = repeated(&a, bad[i].open, bad[i].mid, bad[i].close, bad[i].n);
        answer_judge(r, &a, s, &j);
        CHECK(j.verdict == ANSWER_IS_ABSENT);
        CHECK(j.why && strncmp(j.why, "limit:", 6) == 0);
        struct answer_reference *worse = answer_reference_new(&a, s, &o);
        answer_judge(worse, &a, STR("\\boxed{1}"), &j);
        CHECK(j.verdict == ANSWER_BAD_REFERENCE);
    }
    arena_free(&a);
}

int main(void)
{
    static const struct test tests[] = {
        {"base", base},
        {"choice", choice},
        {"constant", constant},
        {"equation", equation},
        {"expression", expression},
        {"inequality", inequality},
        {"interval", interval},
        {"list", list},
        {"matrix", matrix},
        {"mixed", mixed},
        {"number", number},
        {"percent", percent},
        {"plus-minus", plus_minus},
        {"whole responses", response},
        {"whole responses, the last number counts", response_last},
        {"ratio", ratio},
        {"set", set},
        {"text", text},
        {"tuple", tuple},
        {"unit", unit},
        {"boxes", boxes},
        {"phrases", phrases},
        {"thoughts", thoughts},
        {"last numbers", last_numbers},
        {"required box", required_box},
        {"options", options},
        {"types", types},
        {"choices", choices},
        {"references", references},
        {"limits", limits},
    };
    return TAP_RUN(tests);
}

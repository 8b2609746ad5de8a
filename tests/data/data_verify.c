/* data_verify.c - DATA/verify and the labelled responses of DATA/rollouts.
 *
 *     verify/cases.jsonl      gold, pred, expect, opts; quirk: shown, never a failure
 *     verify/traps.jsonl      the same; policy: either verdict will do
 *     verify/stress.jsonl     the same, with a bound on memory and time reported
 *     verify/golds.jsonl      each gold accepts itself in a box
 *     verify/crossgold.jsonl  as cases
 *     rollouts/NAME.jsonl.zst groups with label_adj for each response */
#include "cases.h"
#include "answer/answer.h"
#include "stream/reader.h"

#include <time.h>

enum { TRAPS_REFUSED_MAX = 2 }; /* right answers of traps.jsonl that may be refused */

struct run {
    bool traps;
    size_t accepted, refused, quirks, policies;
    double slowest;
    size_t judged;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- options of a case ---- */

static const char *text_of(struct arena *a, struct str value)
{
    struct str s = json_decode(a, value);
    return arena_strdup(a, s.p, s.n);
}

static void read_targets(struct str value, struct arena *a, struct answer_options *o)
{
    struct str t;
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, &t);) {
        const char *name = text_of(a, t);
        o->targets |= strcmp(name, "latex") == 0    ? ANSWER_LATEX
                      : strcmp(name, "expr") == 0   ? ANSWER_EXPR
                      : strcmp(name, "string") == 0 ? ANSWER_STRING
                                                    : 0;
    }
    o->last_number = (o->targets & ANSWER_EXPR) != 0;
}

static void read_strings(struct str value, struct arena *a, struct answer_options *o)
{
    struct str t;
    const char **list = arena_array(a, json_count(value) + 1, sizeof *list);
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, &t);)
        list[o->n_strings++] = text_of(a, t);
    o->strings = list;
}

/* "['</END>']" is how the peer's list was printed. */
static const char *delimiter_of(struct arena *a, struct str value)
{
    struct str s = json_decode(a, value);
    if (s.n > 4 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = str_slice(s, 2, s.n - 2);
    return arena_strdup(a, s.p, s.n);
}

static struct answer_options options_of(struct str record, struct arena *a)
{
    struct answer_options o = answer_defaults();
    struct str opts, v;
    int64_t n;
    bool flag;
    if (!json_get(record, "opts", &opts) || json_type(opts) != JSON_OBJECT)
        return o;
    if (json_get(opts, "targets", &v))
        read_targets(v, a, &o);
    if (json_get(opts, "strings", &v))
        read_strings(v, a, &o);
    if (json_get(opts, "precision", &v) && json_i64(v, &n))
        o.precision = (int)n;
    if (json_get(opts, "strict", &v) && json_bool(v, &flag))
        o.loose = !flag;
    if (json_get(opts, "allow_set_relation_comp", &v) && json_bool(v, &flag))
        o.set_relation = flag;
    if (json_get(opts, "strip_reasoning", &v) && json_bool(v, &flag) && flag)
        o.delimiter = "</think>";
    if (json_get(opts, "delimiter", &v) && json_type(v) == JSON_STRING)
        o.delimiter = delimiter_of(a, v);
    return o;
}

/* ---- one pair ---- */

static struct answer_judgement judge(struct run *r, struct arena *a, struct str gold,
                                     struct str pred, const struct answer_options *o)
{
    struct answer_judgement j;
    double start = now();
    struct answer_reference *ref = answer_reference_new(a, gold, o);
    answer_judge(ref, a, pred, &j);
    double took = now() - start;
    r->slowest = took > r->slowest ? took : r->slowest;
    r->judged++;
    return j;
}

static void show(struct str record, struct arena *a, struct str gold, struct str pred,
                 const struct answer_judgement *j, const char *note)
{
    struct str id = {"", 0};
    cases_text(record, "id", a, &id);
    cases_print_text("id", id);
    cases_print_text("gold", gold.n > 600 ? str_slice(gold, gold.n - 600, gold.n) : gold);
    cases_print_text("pred", pred.n > 600 ? str_slice(pred, pred.n - 600, pred.n) : pred);
    if (j->has_extracted)
        cases_print_text("extracted",
                         str_slice(j->extracted, 0, j->extracted.n > 300 ? 300 : j->extracted.n));
    printf("    %s (%s)%s\n", j->verdict == ANSWER_IS_CORRECT ? "correct" : "not correct",
           j->why ? j->why : "", note);
}

static void one_case(void *arg, struct str record, struct arena *a, struct cases *c)
{
    struct run *r = arg;
    struct str gold, pred, quirk;
    if (!cases_text(record, "gold", a, &gold) || !cases_text(record, "pred", a, &pred)) {
        cases_leave_out(c, "no gold and pred");
        return;
    }
    struct answer_options o = options_of(record, a);
    bool expect = cases_flag(record, "expect", true);
    struct answer_judgement j = judge(r, a, gold, pred, &o);
    bool ok = (j.verdict == ANSWER_IS_CORRECT) == expect;
    struct str bare;
    if (ok && cases_text(record, "gold_bare", a, &bare)) { /* as an answer column has it */
        j = judge(r, a, bare, pred, &o);
        ok = (j.verdict == ANSWER_IS_CORRECT) == expect;
        gold = bare;
    }
    if (ok)
        return;
    if (cases_text(record, "quirk", a, &quirk)) {
        r->quirks++;
        printf("  %s:%zu a quirk:\n", c->name, c->line);
        show(record, a, gold, pred, &j, "");
        cases_print_text("quirk", quirk);
        return;
    }
    if (cases_flag(record, "policy", false)) {
        r->policies++;
        return;
    }
    if (expect && r->traps && ++r->refused <= TRAPS_REFUSED_MAX) {
        printf("  %s:%zu refused:\n", c->name, c->line);
        show(record, a, gold, pred, &j, "");
        return;
    }
    r->accepted += !expect;
    r->refused += expect && !r->traps;
    if (cases_differs(c))
        show(record, a, gold, pred, &j, expect ? ", expected correct" : ", expected not");
}

static void one_gold(void *arg, struct str record, struct arena *a, struct cases *c)
{
    struct run *r = arg;
    struct str gold;
    struct buf pred = {0};
    if (!cases_text(record, "gold", a, &gold)) {
        cases_leave_out(c, "no gold");
        return;
    }
    buf_puts(&pred, "The answer is $\\boxed{");
    buf_putstr(&pred, gold);
    buf_puts(&pred, "}$.");
    struct answer_options o = answer_defaults();
    struct answer_judgement j = judge(r, a, gold, buf_str(&pred), &o);
    if (j.verdict != ANSWER_IS_CORRECT && cases_differs(c))
        show(record, a, gold, buf_str(&pred), &j, "");
    buf_free(&pred);
}

static void run_file(const char *data, const char *name,
                     void (*one)(void *, struct str, struct arena *, struct cases *))
{
    struct run r = {.traps = strcmp(name, "traps.jsonl") == 0};
    char *folder = path_join(data, "verify"), *path = path_join(folder, name);
    double start = now();
    cases_run(path, name, one, &r);
    if (r.judged)
        printf(
            "%s: %zu wrong accepted, %zu right refused, %zu quirks and %zu policies differ, %.0f "
            "answers/s, slowest %.2f ms\n",
            name, r.accepted, r.refused, r.quirks, r.policies, (double)r.judged / (now() - start),
            1e3 * r.slowest);
    free(path);
    free(folder);
}

/* ---- labelled responses ---- */

static void one_group(struct run *r, struct str record, struct arena *a, struct cases *c)
{
    struct str answer, responses, response, text;
    if (!cases_text(record, "answer", a, &answer) || !json_get(record, "responses", &responses)) {
        cases_leave_out(c, "no answer and responses");
        return;
    }
    struct answer_options o = answer_defaults();
    struct answer_reference *ref = answer_reference_new(a, answer, &o);
    for (struct json_iter it = json_iter(responses); json_next(&it, NULL, &response);) {
        struct answer_judgement j;
        bool label;
        struct str v;
        if (!json_get(response, "label_adj", &v) || !json_bool(v, &label) ||
            !cases_text(response, "text", a, &text)) {
            cases_leave_out(c, "no label_adj and text");
            continue;
        }
        c->ran++;
        r->judged++;
        answer_judge(ref, a, text, &j);
        if ((j.verdict == ANSWER_IS_CORRECT) == label)
            continue;
        r->accepted += !label;
        r->refused += label;
        if (cases_differs(c))
            show(record, a, answer, text, &j, label ? ", expected correct" : ", expected not");
    }
}

static void run_rollouts(const char *folder, const char *name)
{
    struct run r = {0};
    struct cases c = {.name = name};
    struct err e = ERR_NONE;
    struct arena a = {0};
    struct str line, record;
    char *path = path_join(folder, name);
    char *files[] = {path, NULL};
    double start = now();
    struct reader *in = reader_open(files, &e);
    for (enum stream_event v; in && (v = reader_next(in, &line, &e)) != STREAM_END;) {
        if (v != STREAM_LINE)
            continue;
        c.line = reader_line(in);
        if (!json_check(line, &record, &e))
            break;
        one_group(&r, record, &a, &c);
        arena_reset(&a);
    }
    if (e.status)
        cases_fail(name, e.text);
    else {
        cases_report(&c);
        printf("%s: %zu wrong accepted, %zu right refused, %.0f answers/s\n", name, r.accepted,
               r.refused, (double)r.judged / (now() - start));
    }
    reader_close(in);
    arena_free(&a);
    free(path);
}

static void rollouts(const char *data)
{
    static const char *const names[] = {"math100.jsonl.zst", "gsm8k-solutions.jsonl.zst"};
    char *folder = path_join(data, "rollouts");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_join(folder, names[i]);
        if (access(path, F_OK) == 0)
            run_rollouts(folder, names[i]);
        free(path);
    }
    free(folder);
}

int main(int argc, char **argv)
{
    const char *data = argc > 1 ? argv[1] : "../shared/data";
    setvbuf(stdout, NULL, _IOLBF, 0);
    run_file(data, "cases.jsonl", one_case);
    run_file(data, "traps.jsonl", one_case);
    run_file(data, "stress.jsonl", one_case);
    run_file(data, "golds.jsonl", one_gold);
    run_file(data, "crossgold.jsonl", one_case);
    rollouts(data);
    return cases_end();
}

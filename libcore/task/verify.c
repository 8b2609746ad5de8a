/* verify.c - see verify.h. */
#include "task/verify.h"
#include "answer/userpattern.h"
#include "base/num.h"
#include "base/pool.h"
#include "task/coprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const verify_type_names[] = {"math",  "exact", "number", "choice",
                                         "regex", "exec",  NULL};
const char *const verify_truncated_names[] = {"judge", "no-answer", NULL};

enum { TYPE_EXEC = 5 };

struct verify {
    const struct verify_options *o;
    struct verify_counts *counts;
    double reward[N_VERDICTS];
    struct userpattern *format;
    struct coprocess **exec; /* one per worker */
    size_t n_exec;
};

/* What a group came to, for the counts. */
struct tally {
    uint64_t verdicts[N_VERDICTS];
    bool has_gold, gold_correct;
    bool faulty;
};

/* What one group is judged by. */
struct judge {
    const struct verify *v;
    struct filter_item *it;
    struct arena *a;
    int type;
    struct str answer;
    struct answer_reference *reference; /* NULL with exec */
    bool opens_thought;                 /* the prompt ends inside a thought */
    struct str delimiter;
};

struct judgement {
    enum verdict verdict;
    bool has_extracted;
    struct str extracted;
    const char *why;
    bool has_score;
    double score;
};

/* ---- the judges ---- */

static enum verdict verdict_of(enum answer_verdict v)
{
    static const enum verdict map[] = {VERDICT_CORRECT, VERDICT_WRONG, VERDICT_NO_ANSWER,
                                       VERDICT_BAD_REFERENCE};
    return map[v];
}

static bool ask_checker(struct judge *j, struct str text, struct judgement *out, struct err *e)
{
    struct buf line = {0};
    struct str reply, v, name;
    buf_putc(&line, '{');
    static const enum field sent[] = {F_ID, F_PROMPT, F_MESSAGES};
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        const struct str *raw = object_get(&j->it->group.top, sent[i]);
        if (!raw)
            continue;
        buf_printf(&line, "\"%s\":", field_name(sent[i]));
        buf_putstr(&line, *raw);
        buf_putc(&line, ',');
    }
    buf_puts(&line, "\"answer\":");
    json_put_string(&line, j->answer);
    buf_puts(&line, ",\"text\":");
    json_put_string(&line, text);
    buf_putc(&line, '}');
    out->verdict = VERDICT_ERROR;
    bool ok = coprocess_ask(j->v->exec[j->it->worker], buf_str(&line), j->a, &reply, &out->why, e);
    buf_free(&line);
    if (!ok)
        return e->status == 0;
    out->why = "exec:answered";
    if (json_get(reply, "extracted", &v) && json_type(v) == JSON_STRING) {
        out->has_extracted = true;
        out->extracted = json_decode(j->a, v);
    }
    if (json_get(reply, "verdict", &v) && json_type(v) == JSON_STRING) {
        name = json_decode(j->a, v);
        if (!verdict_of_name(name, &out->verdict))
            out->why = "exec:unknown-verdict";
        return true;
    }
    if (!json_get(reply, "score", &v) || !json_double(v, &out->score) || out->score < 0 ||
        out->score > 1) {
        out->why = "exec:no-score";
        return true;
    }
    out->has_score = true;
    out->verdict = out->score >= j->v->o->correct_at ? VERDICT_CORRECT : VERDICT_WRONG;
    return true;
}

static bool judge_text(struct judge *j, struct str text, struct judgement *out, struct err *e)
{
    *out = (struct judgement){0};
    /* Where the prompt opened the thought, a response that never closes it is all thought. */
    if (j->opens_thought && !j->v->o->answer.keep_reasoning &&
        str_find(text, j->delimiter, 0) == STR_NONE) {
        out->verdict = VERDICT_NO_ANSWER;
        out->why = "extract:thought-not-closed";
        return true;
    }
    if (j->type == TYPE_EXEC)
        return ask_checker(j, text, out, e);
    struct answer_judgement a;
    answer_judge(j->reference, j->a, text, &a);
    out->verdict = verdict_of(a.verdict);
    out->has_extracted = a.has_extracted;
    out->extracted = a.extracted;
    out->why = a.why;
    return true;
}

/* ---- rewards ---- */

/* Soft overlong punishment (DAPO, eq. 13): with the limit M and the buffer C it is
 * 0 up to M - C tokens, falls linearly to -factor at M, and stays there. */
static double length_penalty(const struct verify_options *o, uint64_t n_tokens, uint64_t max_tokens)
{
    uint64_t expected = max_tokens > o->overlong ? max_tokens - o->overlong : 0;
    if (n_tokens <= expected)
        return 0;
    double over = (double)(n_tokens - expected) / (double)o->overlong;
    return -o->overlong_factor * (over < 1 ? over : 1);
}

static struct str raw_extracted(struct arena *a, const struct judgement *g)
{
    return g->has_extracted ? raw_string(a, g->extracted) : STR("null");
}

static double base_reward(const struct verify *v, const struct judgement *g)
{
    return g->has_score ? g->score : v->reward[g->verdict];
}

/* A bonus that is left out because matching was given up would be a wrong reward. */
static bool format_bonus(const struct verify *v, struct str text, const char *where,
                         const char *member, double *bonus, struct err *e)
{
    bool limited;
    *bonus = userpattern_matches(v->format, text, &limited) ? v->o->format_bonus : 0;
    return !limited || err_set(e, ERR_DATA,
                               "\"%s%s\": --format wants more than %d steps of matching "
                               "(regex-steps)",
                               where, member, USERPATTERN_STEPS);
}

static bool put_judgement(const struct judge *j, struct object *r, const char *where,
                          struct str text, const struct judgement *g, struct err *e)
{
    const struct verify_options *o = j->v->o;
    struct arena *a = j->a;
    bool scorable = verdict_is_scorable(g->verdict);
    double reward = scorable ? base_reward(j->v, g) : 0;
    object_set(a, r, F_EXTRACTED, raw_extracted(a, g));
    object_set(a, r, F_VERDICT, raw_string(a, str_of(verdict_name(g->verdict))));
    if (j->v->format) {
        double bonus;
        if (!format_bonus(j->v, text, where, "text", &bonus, e))
            return false;
        object_set(a, r, F_FORMAT_BONUS, raw_double(a, bonus));
        reward += bonus;
    }
    if (o->overlong) {
        bool has;
        uint64_t max_tokens;
        const struct str *tokens = object_get(r, F_TOKENS);
        if (!get_count(&j->it->group.top, "", F_MAX_TOKENS, &has, &max_tokens, e))
            return false;
        if (!has || !tokens || json_type(*tokens) != JSON_ARRAY)
            return err_set(e, ERR_DATA,
                           "the overlong penalty needs \"max_tokens\" and \"%stokens\"", where);
        double penalty = length_penalty(o, json_count(*tokens), max_tokens);
        object_set(a, r, F_LENGTH_PENALTY, raw_double(a, penalty));
        reward += penalty;
    }
    object_set(a, r, F_REWARD, scorable ? raw_double(a, reward) : STR("null"));
    if (o->why)
        object_set(a, r, F_WHY, raw_string(a, str_of(g->why)));
    return true;
}

/* ---- a group ---- */

static int type_of_name(struct str name)
{
    for (int i = 0; verify_type_names[i]; i++)
        if (str_is(name, verify_type_names[i]))
            return i;
    return -1;
}

/* A number is taken by its digits: data sets have "answer": 72 as well. */
static bool read_answer(struct judge *j, struct err *e)
{
    const struct str *v = object_get(&j->it->group.top, F_ANSWER);
    if (!v)
        return err_set(e, ERR_DATA, "\"answer\" is missing");
    switch (json_type(*v)) {
    case JSON_STRING: j->answer = json_decode(j->a, *v); return true;
    case JSON_NUMBER: j->answer = *v; return true;
    case JSON_NULL: j->answer = STR(""); return true;
    default:
        return err_set(e, ERR_DATA, "\"answer\" is %s (expected a string)",
                       json_type_name(json_type(*v)));
    }
}

static bool prepare(struct judge *j, struct err *e)
{
    const struct verify_options *o = j->v->o;
    const struct object *top = &j->it->group.top;
    struct str name = str_of(o->type), prompt;
    bool has;
    if (!get_string(j->a, top, "", F_VERIFIER, &has, &name, e) || !read_answer(j, e))
        return false;
    j->type = type_of_name(name);
    if (j->type < 0)
        return err_set(
            e, ERR_DATA,
            "\"verifier\" is \"%.*s\" (expected math, exact, number, choice, regex or exec)",
            STR_ARG(name));
    if (j->type == TYPE_EXEC && !j->v->n_exec)
        return err_set(e, ERR_USAGE, "the record wants type exec: give the checker with --command");
    j->delimiter = str_of(o->answer.delimiter ? o->answer.delimiter : "</think>");
    const struct str *opens = object_get(top, F_OPENS_THOUGHT);
    if (opens && !json_bool(*opens, &j->opens_thought))
        return err_set(e, ERR_DATA, "\"opens_thought\" is no boolean");
    if (!opens && json_type(object_get(top, F_PROMPT) ? *object_get(top, F_PROMPT) : STR("null")) ==
                      JSON_STRING) {
        if (!get_string(j->a, top, "", F_PROMPT, &has, &prompt, e))
            return false;
        j->opens_thought = str_ends(str_trim(prompt), STR("<think>"));
    }
    if (j->type != TYPE_EXEC) {
        struct answer_options ao = o->answer;
        ao.type = (enum answer_type)j->type;
        j->reference = answer_reference_new(j->a, j->answer, &ao);
    }
    return true;
}

static bool judge_response(struct judge *j, size_t i, struct tally *t, struct err *e)
{
    struct object *r = &j->it->group.responses[i];
    const char *where = response_where(j->a, i);
    struct str text;
    enum finish finish;
    struct judgement g;
    if (!need_string(j->a, r, where, F_TEXT, &text, e) || !get_finish(j->a, r, where, &finish, e))
        return false;
    if (finish == FINISH_LENGTH && j->v->o->truncated_is_no_answer)
        g = (struct judgement){.verdict = VERDICT_NO_ANSWER, .why = "truncated"};
    else if (!judge_text(j, text, &g, e))
        return false;
    t->verdicts[g.verdict]++;
    return put_judgement(j, r, where, text, &g, e);
}

/* The gold is judged as a response, but owes no length penalty. */
static bool judge_gold(struct judge *j, struct judgement *g, bool *has, struct err *e)
{
    struct str text;
    struct object *top = &j->it->group.top;
    if (!get_string(j->a, top, "", F_GOLD, has, &text, e) || !*has)
        return e->status == 0;
    bool opens = j->opens_thought;
    j->opens_thought = false; /* gcpo-inject-gold may put it behind a thought of its own */
    bool ok = judge_text(j, text, g, e);
    j->opens_thought = opens;
    if (!ok)
        return false;
    double reward = base_reward(j->v, g);
    if (j->v->format) {
        double bonus;
        if (!format_bonus(j->v, text, "", "gold", &bonus, e))
            return false;
        reward += bonus;
    }
    object_set(j->a, top, F_GOLD_VERDICT, raw_string(j->a, str_of(verdict_name(g->verdict))));
    object_set(j->a, top, F_GOLD_REWARD,
               verdict_is_scorable(g->verdict) ? raw_double(j->a, reward) : STR("null"));
    if (j->v->o->why)
        object_set(j->a, top, F_GOLD_WHY, raw_string(j->a, str_of(g->why)));
    return true;
}

/* --check-gold: the record becomes a line about what does not accept itself. */
static bool check_record(struct judge *j, struct tally *t, const struct judgement *gold,
                         bool has_gold, struct err *e)
{
    struct str id;
    struct answer_judgement self = {.verdict = ANSWER_IS_CORRECT};
    if (!group_id(&j->it->group, &id, e))
        return false;
    if (j->reference)
        answer_judge_bare(j->reference, j->a, j->answer, &self);
    bool answer_bad = self.verdict != ANSWER_IS_CORRECT;
    bool gold_bad = has_gold && gold->verdict != VERDICT_CORRECT;
    t->faulty = answer_bad || gold_bad;
    j->it->drop = !t->faulty;
    if (!t->faulty)
        return true;
    struct object o = {0};
    object_set(j->a, &o, F_ID, raw_string(j->a, id));
    object_set(j->a, &o, F_ANSWER, raw_string(j->a, j->answer));
    if (answer_bad) {
        object_set(j->a, &o, F_VERDICT,
                   raw_string(j->a, str_of(verdict_name(verdict_of(self.verdict)))));
        object_set(j->a, &o, F_WHY, raw_string(j->a, str_of(self.why)));
    }
    if (gold_bad) {
        object_set(j->a, &o, F_GOLD_VERDICT, raw_string(j->a, str_of(verdict_name(gold->verdict))));
        object_set(j->a, &o, F_EXTRACTED, raw_extracted(j->a, gold));
        object_set(j->a, &o, F_GOLD_WHY, raw_string(j->a, str_of(gold->why)));
    }
    j->it->group.top = o;
    j->it->group.has_responses = false;
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    struct judge j = {.v = ctx, .it = it, .a = it->arena};
    struct tally *t = arena_alloc(it->arena, sizeof *t);
    struct judgement gold;
    *t = (struct tally){0};
    it->result = t;
    if (!prepare(&j, e))
        return false;
    if (!j.v->o->check_gold)
        for (size_t i = 0; i < it->group.n_responses; i++)
            if (!judge_response(&j, i, t, e))
                return false;
    if (!judge_gold(&j, &gold, &t->has_gold, e))
        return false;
    t->gold_correct = t->has_gold && gold.verdict == VERDICT_CORRECT;
    return !j.v->o->check_gold || check_record(&j, t, &gold, t->has_gold, e);
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    (void)e;
    struct verify_counts *c = ((struct verify *)ctx)->counts;
    const struct tally *t = it->result;
    c->groups++;
    for (int v = 0; v < N_VERDICTS; v++) {
        c->verdicts[v] += t->verdicts[v];
        c->responses += t->verdicts[v];
    }
    c->golds += t->has_gold;
    c->golds_correct += t->gold_correct;
    c->faults += t->faulty;
    return true;
}

/* ---- options ---- */

/* "correct=1,wrong=0,no-answer=0": any of the three, the others keep their values. */
static bool parse_rewards(struct verify *v, struct err *e)
{
    v->reward[VERDICT_CORRECT] = 1;
    struct str rest = str_of(v->o->rewards ? v->o->rewards : "");
    while (rest.n) {
        size_t comma = str_find(rest, STR(","), 0);
        struct str part = str_slice(rest, 0, comma == STR_NONE ? rest.n : comma);
        rest = comma == STR_NONE ? STR("") : str_slice(rest, comma + 1, rest.n);
        size_t equals = str_find(part, STR("="), 0);
        enum verdict name;
        if (equals == STR_NONE || !verdict_of_name(str_slice(part, 0, equals), &name) ||
            !verdict_is_scorable(name) ||
            !num_parse_double(str_slice(part, equals + 1, part.n), &v->reward[name]))
            return err_set(e, ERR_USAGE,
                           "--reward wants correct=X,wrong=X,no-answer=X (seen '%.*s')",
                           STR_ARG(part));
    }
    return true;
}

static bool start(struct verify *v, const struct filter *f, struct err *e)
{
    const struct verify_options *o = v->o;
    if (!parse_rewards(v, e))
        return false;
    if (strcmp(o->type, "exec") == 0 && !o->command)
        return err_set(e, ERR_USAGE, "--type exec needs the checker: --command CMD");
    if (o->format && !(v->format = userpattern_new(str_of(o->format), false, e)))
        return err_at(e, "--format: ");
    if (!o->command)
        return true;
    struct pool *p = pool_open(f->io.threads, e); /* as filter_run will have it */
    v->n_exec = pool_size(p);
    pool_close(p);
    v->exec = xcalloc(v->n_exec, sizeof *v->exec);
    for (size_t i = 0; i < v->n_exec; i++)
        v->exec[i] = coprocess_new(o->command, o->command_s);
    return e->status == 0;
}

bool verify_run(const struct verify_options *o, struct filter *f, char *const *files,
                struct verify_counts *counts, struct err *e)
{
    struct verify v = {.o = o, .counts = counts};
    *counts = (struct verify_counts){0};
    f->ctx = &v;
    f->map = map;
    f->after = after;
    if (o->check_gold)
        f->io.plain = true;
    bool ok = start(&v, f, e) && filter_run(f, files, e);
    for (size_t i = 0; i < v.n_exec; i++)
        coprocess_free(v.exec[i]);
    free(v.exec);
    userpattern_free(v.format);
    return ok;
}

/* rollout_group.c - see rollout_group.h. */
#include "task/rollout_group.h"
#include "task/gold.h"
#include "base/rng.h"

static bool read_round(struct pending *p, const struct rollout_options *o, struct err *e)
{
    bool has;
    uint64_t round = 0;
    if (o->round_given)
        round = o->round;
    else if (!get_count(&p->group.top, "", F_ROUND, &has, &round, e))
        return false;
    if (round > UINT32_MAX)
        return err_set(e, ERR_DATA, "\"round\" is larger than %u", UINT32_MAX);
    p->round = (uint32_t)round;
    return true;
}

/* A limit that was asked for must fit into the model's context behind the prompt; the default
 * gives way to it. */
static bool choose_length(struct pending *p, const struct rollout_options *o,
                          const struct engine_info *info, struct err *e)
{
    p->max_tokens = o->max_tokens;
    if (!engine_check_context(info, p->n_prompt, 1, e))
        return false;
    size_t room = (size_t)info->context - p->n_prompt;
    if (!o->max_tokens_given && p->max_tokens > room)
        p->max_tokens = room;
    return engine_check_context(info, p->n_prompt, p->max_tokens, e) || err_at(e, "--max-tokens: ");
}

static bool check_prompt(const struct pending *p, const struct engine_info *info, struct err *e)
{
    if (p->n_prompt == 0)
        return err_set(e, ERR_DATA, "the prompt has no tokens");
    for (size_t i = 0; i < p->n_prompt; i++)
        if (p->prompt[i] >= info->vocab_size)
            return err_set(e, ERR_DATA,
                           "\"prompt_tokens[%zu]\" is outside the vocabulary (seen %d, size %d)", i,
                           (int)p->prompt[i], (int)info->vocab_size);
    return true;
}

bool pending_read(struct pending *p, struct prompter *prompter, const struct rollout_options *o,
                  const struct engine_info *info, struct str line, struct err *e)
{
    struct arena *a = &p->arena;
    struct object *top = &p->group.top;
    struct str id, text;
    arena_reset(a);
    line = (struct str){arena_strdup(a, line.p, line.n), line.n};
    if (!group_parse(&p->group, a, line, e) ||
        !prompter_render(prompter, &p->group, &text, &p->prompt, &p->n_prompt, e) ||
        !group_id(&p->group, &id, e) || !read_round(p, o, e) || !check_prompt(p, info, e) ||
        !choose_length(p, o, info, e))
        return false;
    p->key = group_key(id);
    if (object_is_null(top, F_ID))
        object_set(a, top, F_ID, raw_string(a, id));
    object_set(a, top, F_ROUND, raw_count(a, p->round));
    object_set(a, top, F_PROMPT_TOKENS, raw_tokens(a, p->prompt, p->n_prompt));
    object_set(a, top, F_MAX_TOKENS, raw_count(a, p->max_tokens));
    /* Later programs do not see the rendered prompt: a response that never closes
     * the thought opened there has no answer. */
    if (prompt_opens_thought(text))
        object_set(a, top, F_OPENS_THOUGHT, STR("true"));
    else
        object_remove(top, F_OPENS_THOUGHT);
    if (o->first_sample)
        object_set(a, top, F_FIRST_SAMPLE, raw_count(a, o->first_sample));
    else
        object_remove(top, F_FIRST_SAMPLE);
    return true;
}

static struct object response(struct arena *a, const struct tokenizer *t,
                              const struct gen_sample *s)
{
    struct object r = {0};
    struct buf text = {0};
    bool stopped = s->finish == GEN_STOP;
    tokenizer_decode(t, s->tokens, s->n - stopped, false, &text);
    object_set(a, &r, F_TEXT, raw_string(a, buf_str(&text)));
    object_set(a, &r, F_TOKENS, raw_tokens(a, s->tokens, s->n));
    object_set(a, &r, F_LOGPROBS, raw_floats(a, s->logprobs, s->n));
    object_set(a, &r, F_FINISH, stopped ? STR("\"stop\"") : STR("\"length\""));
    object_set(a, &r, F_SOURCE, STR("\"policy\""));
    buf_free(&text);
    return r;
}

void pending_fill(struct pending *p, const struct tokenizer *t, const struct gen_group *samples)
{
    struct object *list = arena_array(&p->arena, samples->n_samples, sizeof *list);
    for (size_t i = 0; i < samples->n_samples; i++)
        list[i] = response(&p->arena, t, &samples->samples[i]);
    group_set_responses(&p->group, list, samples->n_samples);
}

uint64_t pending_hash(struct group *g)
{
    struct buf b = {0};
    object_remove(&g->top, F_RESPONSES);
    g->has_responses = false;
    group_print(g, &b);
    uint64_t h = str_hash(buf_str(&b));
    buf_free(&b);
    return h;
}

void rollout_count(struct rollout_counts *c, const struct group *g)
{
    struct err ignored = ERR_NONE;
    const struct str *prompt = object_get(&g->top, F_PROMPT_TOKENS);
    c->groups++;
    c->prompt_tokens += prompt ? json_count(*prompt) : 0;
    for (size_t i = 0; i < g->n_responses; i++) {
        const struct object *r = &g->responses[i];
        bool has;
        float *logprobs;
        size_t n;
        if (!get_floats(g->arena, r, "", F_LOGPROBS, &has, &logprobs, &n, &ignored))
            n = 0;
        for (size_t k = 0; k < n; k++)
            c->logprob += (double)logprobs[k];
        const struct str *finish = object_get(r, F_FINISH);
        c->responses++;
        c->tokens += n;
        c->stopped += finish && str_is(*finish, "\"stop\"");
    }
}

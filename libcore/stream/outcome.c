/* outcome.c - see outcome.h. */
#include "stream/outcome.h"

const char *contrast_name(enum contrast c)
{
    static const char *const names[N_CONTRASTS] = {"mixed", "all-wrong", "all-right", "unscorable"};
    return names[c];
}

static bool is_gold(const struct object *r)
{
    const struct str *s = object_get(r, F_SOURCE);
    return s && str_is(*s, "\"gold\"");
}

const struct object *policy_response(const struct group *g, size_t i, struct object *displaced)
{
    const struct object *r = &g->responses[i];
    if (!is_gold(r))
        return r;
    const struct str *old = object_get(r, F_REPLACED);
    return old && object_split(g->arena, *old, displaced) ? displaced : NULL;
}

bool group_outcome(const struct group *g, struct outcome *out, struct err *e)
{
    *out = (struct outcome){0};
    for (size_t i = 0; i < g->n_responses; i++) {
        struct object displaced;
        const struct object *r = policy_response(g, i, &displaced);
        out->golds += r != &g->responses[i];
        if (!r)
            continue;
        const char *where = response_where(g->arena, i);
        enum verdict v;
        enum finish f;
        if (!get_verdict(g->arena, r, where, F_VERDICT, &v, e) ||
            !get_finish(g->arena, r, where, &f, e))
            return false;
        if (v == VERDICT_ABSENT)
            return err_set(e, ERR_DATA, "\"%sverdict\" is missing (run gcpo-verify first)", where);
        out->n++;
        out->correct += v == VERDICT_CORRECT;
        out->wrong += v == VERDICT_WRONG;
        out->no_answer += v == VERDICT_NO_ANSWER;
        out->unscorable += !verdict_is_scorable(v);
        out->truncated += f == FINISH_LENGTH;
    }
    size_t scorable = out->n - out->unscorable;
    if (scorable && out->correct == scorable)
        out->contrast = CONTRAST_ALL_RIGHT;
    else if (out->correct)
        out->contrast = CONTRAST_MIXED;
    else
        out->contrast = scorable >= 2 ? CONTRAST_ALL_WRONG : CONTRAST_UNSCORABLE;
    return true;
}

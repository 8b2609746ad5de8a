/* goldlint.c - see goldlint.h. */
#include "task/goldlint.h"
#include "base/outfile.h"
#include "task/goldfile.h"
#include "task/goldsums.h"
#include "task/verify.h"

#include <string.h>

struct lint {
    const struct goldlint_options *o;
    struct goldcheck_options check;
    struct goldfile *golds;
    struct goldsums sums;
    struct outfile *out;
    struct buf text;
};

/* The gold of the gold file takes the place of the record's own. */
static bool join_gold(const struct lint *l, struct group *g, struct err *e)
{
    static const enum field taken[] = {F_GOLD, F_GOLD_VERDICT, F_GOLD_REWARD};
    struct object from;
    struct str id;
    bool found;
    if (!l->golds)
        return true;
    if (!group_id(g, &id, e) || !goldfile_find(l->golds, id, g->arena, &from, &found, e))
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        const struct str *v = found ? object_get(&from, taken[i]) : NULL;
        if (v)
            object_set(g->arena, &g->top, taken[i], *v);
        else
            object_remove(&g->top, taken[i]);
    }
    return true;
}

static bool map(void *ctx, struct filter_item *it, struct err *e)
{
    const struct lint *l = ctx;
    struct group *g = &it->group;
    struct goldcheck *c = arena_alloc(it->arena, sizeof *c);
    it->result = c;
    if (!join_gold(l, g, e) || !goldcheck_run(&l->check, g, c, e))
        return false;
    if (c->appended) { /* the verdict was about another text: gcpo-verify has the word again */
        object_set(it->arena, &g->top, F_GOLD, raw_string(it->arena, c->text));
        object_remove(&g->top, F_GOLD_VERDICT);
        object_remove(&g->top, F_GOLD_REWARD);
        object_remove(&g->top, F_GOLD_WHY);
    }
    return true;
}

static bool after(void *ctx, struct filter_item *it, struct err *e)
{
    struct lint *l = ctx;
    struct str id;
    goldsums_add(&l->sums, it->result);
    if (!l->o->each)
        return true;
    if (!group_id(&it->group, &id, e))
        return false;
    buf_reset(&l->text);
    goldcheck_print_json(it->result, id, &l->text);
    return outfile_write(l->out, l->text.p, l->text.n, e);
}

static bool report(struct lint *l, struct err *e)
{
    if (l->o->each)
        return true;
    buf_reset(&l->text);
    if (l->o->json)
        goldsums_print_json(&l->sums, &l->text);
    else
        goldsums_print(&l->sums, l->check.tokens != NULL, &l->text);
    return outfile_write(l->out, l->text.p, l->text.n, e);
}

static bool open_all(struct lint *l, struct err *e)
{
    const struct goldlint_options *o = l->o;
    const struct prompter_options plain = {0};
    l->check = (struct goldcheck_options){.max_tokens = o->max_tokens, .append_box = o->append_box};
    while (strcmp(verify_type_names[l->check.type], o->type) != 0)
        l->check.type++;
    if (o->model && !(l->check.tokens = goldtokens_open(o->model, &plain, e)))
        return false;
    if (o->gold_file && !(l->golds = goldfile_open(o->gold_file, e)))
        return false;
    return (l->out = outfile_open(o->io.out, e)) != NULL;
}

bool goldlint_run(const struct goldlint_options *o, char *const *files, struct err *e)
{
    struct lint l = {.o = o};
    struct filter f = {.io = o->io,
                       .opts = o->opts,
                       .ctx = &l,
                       .map = map,
                       .after = after,
                       .sink = !o->fixed_file};
    f.io.out = o->fixed_file;
    bool ok = open_all(&l, e) && filter_run(&f, files, e) && report(&l, e);
    if (l.out && ok)
        ok = outfile_commit(l.out, e);
    else
        outfile_discard(l.out);
    goldtokens_close(l.check.tokens);
    goldfile_close(l.golds);
    goldsums_free(&l.sums);
    buf_free(&l.text);
    return ok;
}

/* preset.c - the registry of presets. */
#include "rl/objective.h"

#define X(symbol, name) extern const struct preset preset_##symbol;
#include "rl/preset.list"
#undef X

static const struct preset *const list[] = {
#define X(symbol, name) &preset_##symbol,
#include "rl/preset.list"
#undef X
    NULL};

static const char *const names[] = {
#define X(symbol, name) name,
#include "rl/preset.list"
#undef X
    NULL};

const struct preset *const *presets(void)
{
    return list;
}

const char *const *preset_names(void)
{
    return names;
}

const struct preset *preset_find(struct str name)
{
    for (size_t i = 0; list[i]; i++)
        if (str_is(name, list[i]->name))
            return list[i];
    return NULL;
}

const char *preset_tag_name(enum preset_tag t)
{
    return t == PRESET_PAPER ? "[paper]" : "[choice]";
}

struct objective preset_objective(const struct preset *p)
{
    struct objective o = objective_defaults();
    struct err e = ERR_NONE;
    for (const struct preset_switch *s = p->switches; s->name; s++)
        ASSERT(objective_set(&o, s->name, str_of(s->value), &e));
    ASSERT(objective_check(&o, &e));
    return o;
}

const struct preset_switch *preset_switch_of(const struct preset *p, const char *name)
{
    for (const struct preset_switch *s = p->switches; s->name; s++)
        if (str_is(str_of(s->name), name))
            return s;
    return NULL;
}

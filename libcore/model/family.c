/* family.c - the registry of model families. */
#include "model/family.h"

#define X(symbol, name) extern const struct family family_##symbol;
#include "model/family.list"
#undef X

static const struct family *const families[] = {
#define X(symbol, name) &family_##symbol,
#include "model/family.list"
#undef X
};

const struct family *family_find(struct str name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (str_is(name, families[i]->name))
            return families[i];
    return NULL;
}

const char *family_names(void)
{
#define X(symbol, name) ", " name
    static const char names[] = ""
#include "model/family.list"
        ;
#undef X
    return names + 2;
}

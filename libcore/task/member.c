/* member.c - see member.h. */
#include "task/member.h"

#include <string.h>

bool member_find(struct arena *a, const struct object *top, const char *name, struct str *v)
{
    const struct str *member = object_get_name(top, name);
    char *part = arena_strdup(a, name, strlen(name)), *dot = strchr(part, '.');
    if (member || !dot) {
        *v = member ? *member : STR("");
        return member != NULL;
    }
    *dot = 0;
    if (!(member = object_get_name(top, part)))
        return false;
    *v = *member;
    while (dot) {
        part = dot + 1;
        if ((dot = strchr(part, '.')))
            *dot = 0;
        if (json_type(*v) != JSON_OBJECT || !json_get(*v, part, v))
            return false;
    }
    return true;
}

struct str member_text(struct arena *a, const struct object *top, const char *name)
{
    struct str v;
    if (!member_find(a, top, name, &v))
        return STR("(absent)");
    return json_type(v) == JSON_STRING ? json_decode(a, v) : v;
}

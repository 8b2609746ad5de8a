/* fuzz_record.c - a line as a group: what parses prints as something that parses to the same;
 * every getter of every member answers or says why not; a member that is set is read back and
 * the others stay as they were. */
#include "stream/outcome.h"
#include "stream/record.h"

#include <string.h>

static void read_members(struct arena *a, const struct object *o, const char *where)
{
    for (int f = 0; f < N_FIELDS; f++) {
        struct err e[5] = {ERR_NONE, ERR_NONE, ERR_NONE, ERR_NONE, ERR_NONE};
        bool has = false;
        struct str s = {0};
        double d;
        uint64_t count;
        int32_t *ids;
        float *floats;
        size_t n;
        enum verdict v;
        bool ok[5] = {
            get_string(a, o, where, (enum field)f, &has, &s, &e[0]),
            get_double(o, where, (enum field)f, &has, &d, &e[1]),
            get_count(o, where, (enum field)f, &has, &count, &e[2]),
            get_tokens(a, o, where, (enum field)f, &has, &ids, &n, &e[3]),
            get_floats(a, o, where, (enum field)f, &has, &floats, &n, &e[4]),
        };
        int answers = 0;
        for (int i = 0; i < 5; i++) {
            ASSERT(ok[i] == (e[i].status == 0));
            answers += ok[i];
        }
        ASSERT(!object_is_null(o, (enum field)f) || answers == 5);
        struct err bad = ERR_NONE;
        ASSERT(get_verdict(a, o, where, (enum field)f, &v, &bad) == (bad.status == 0));
    }
}

static void check_setting(struct group *g)
{
    struct buf before = {0}, after = {0};
    const struct str *old = object_get(&g->top, F_ROUND);
    struct str was = old ? *old : (struct str){0};
    uint64_t round = 0;
    bool has;
    struct err e = ERR_NONE;
    group_print(g, &before);
    object_set(g->arena, &g->top, F_ROUND, raw_count(g->arena, 77));
    ASSERT(get_count(&g->top, "", F_ROUND, &has, &round, &e) && has && round == 77);
    if (was.n)
        object_set(g->arena, &g->top, F_ROUND, was);
    else
        object_remove(&g->top, F_ROUND);
    group_print(g, &after);
    ASSERT(str_eq(buf_str(&before), buf_str(&after)));
    buf_free(&before);
    buf_free(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_NONE, id_error = ERR_NONE, outcome_error = ERR_NONE;
    struct arena a = {0};
    struct group g, again;
    struct buf first = {0}, second = {0};
    struct outcome o;
    struct str id;
    bool ok = group_parse(&g, &a, (struct str){(const char *)data, n}, &e);
    ASSERT(ok == (e.status == 0) && (ok || e.status == ERR_DATA));
    if (ok) {
        group_print(&g, &first);
        ASSERT(group_parse(&again, &a, buf_str(&first), &e));
        group_print(&again, &second);
        ASSERT(str_eq(buf_str(&first), buf_str(&second)) && g.n_responses == again.n_responses);
        read_members(&a, &g.top, "");
        for (size_t i = 0; i < g.n_responses && i < 8; i++)
            read_members(&a, &g.responses[i], response_where(&a, i));
        ASSERT(group_id(&g, &id, &id_error) == (id_error.status == 0));
        ASSERT(group_outcome(&g, &o, &outcome_error) == (outcome_error.status == 0));
        check_setting(&g);
    }
    buf_free(&first);
    buf_free(&second);
    arena_free(&a);
    return 0;
}

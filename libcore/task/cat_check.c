/* cat_check.c - gcpo-cat --check: is all of it as it should be?
 *
 * Each file is read on its own, so that one that is damaged does not hide the next. */
#include "base/mem.h"
#include "base/outfile.h"
#include "report/idset.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "task/cat.h"
#include "task/findings.h"

#include <stdio.h>

struct checking {
    struct findings found;
    struct tokenizer *tok;
    struct idset ids; /* (id, round, first sample) */
    struct arena arena;
    struct outfile *out;
};

static void check_twice(struct checking *c, const char *file, size_t line, const struct group *g)
{
    struct err e = ERR_NONE;
    struct str id;
    uint64_t key[3] = {0};
    bool has;
    char text[300];
    if (!group_id(g, &id, &e) || !get_count(&g->top, "", F_ROUND, &has, &key[1], &e) ||
        !get_count(&g->top, "", F_FIRST_SAMPLE, &has, &key[2], &e))
        return; /* told already */
    key[0] = group_key(id);
    if (idset_add(&c->ids, str_hash((struct str){(const char *)key, sizeof key})))
        return;
    snprintf(text, sizeof text, "id \"%.*s\", round %llu, sample %llu is there twice", STR_ARG(id),
             (unsigned long long)key[1], (unsigned long long)key[2]);
    findings_add(&c->found, file, line, text);
}

static void check_line(struct checking *c, const char *file, size_t line, struct str text)
{
    struct err e = ERR_NONE;
    struct group g;
    arena_reset(&c->arena);
    if (!group_parse(&g, &c->arena, text, &e)) {
        findings_add(&c->found, file, line, e.text);
        return;
    }
    findings_group(&c->found, file, line, &g, c->tok);
    check_twice(c, file, line, &g);
}

static bool print_findings(struct checking *c, struct err *e)
{
    bool ok = outfile_write(c->out, c->found.text.p, c->found.text.n, e);
    buf_reset(&c->found.text);
    return ok;
}

/* The fault of the stream itself ends the file; a file that is not there ends all. */
static bool check_file(struct checking *c, char *name, struct err *e)
{
    char *files[] = {name, NULL};
    struct err fault = ERR_NONE;
    struct str text;
    struct reader *r = reader_open(files, &fault);
    bool ok = true;
    for (enum stream_event v; ok && r && (v = reader_next(r, &text, &fault)) != STREAM_END;) {
        if (v == STREAM_LINE)
            check_line(c, reader_file(r), reader_line(r), text);
        else if (v == STREAM_SEGMENT && text.n && !provenance_check(text, &fault))
            break;
        ok = print_findings(c, e);
    }
    if (ok && fault.status == ERR_DATA) {
        c->found.n++;
        buf_printf(&c->found.text, "%s\n", fault.text);
        ok = print_findings(c, e);
    } else if (ok && fault.status) {
        *e = fault;
        ok = false;
    }
    reader_close(r);
    return ok;
}

bool cat_check(const struct cat_options *o, char *const *files, struct err *e)
{
    struct checking c = {0};
    char *standard_input[] = {(char[]){"-"}, NULL};
    files = files[0] ? files : standard_input;
    bool ok = (!o->model || (c.tok = tokenizer_open(o->model, e))) &&
              (c.out = outfile_open(o->io.out, e));
    for (size_t i = 0; ok && files[i]; i++)
        ok = check_file(&c, files[i], e);
    if (ok)
        ok = outfile_commit(c.out, e);
    else if (c.out)
        outfile_discard(c.out);
    if (ok && c.found.n)
        ok = err_set(e, ST_NO, "%zu finding%s", c.found.n, c.found.n == 1 ? "" : "s");
    tokenizer_close(c.tok);
    idset_free(&c.ids);
    arena_free(&c.arena);
    buf_free(&c.found.text);
    return ok;
}

/* cat_provenance.c - gcpo-cat --provenance: what the head marks say. */
#include "base/mem.h"
#include "base/outfile.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "task/cat.h"
#include "task/programs.h"

struct listing {
    const struct cat_options *o;
    struct outfile *out;
    struct buf page;
    struct arena arena;
};

static void put_head(struct listing *l, struct str head)
{
    struct str programs, line;
    if (l->o->io.plain) {
        buf_putstr(&l->page, head.n ? head : STR("null"));
        buf_putc(&l->page, '\n');
        return;
    }
    buf_puts(&l->page, head.n ? "  segment\n" : "  segment without a head\n");
    if (head.n && json_get(head, "programs", &programs))
        for (struct json_iter it = json_iter(programs); json_next(&it, NULL, &line);)
            programs_put(&l->page, &l->arena, line, l->o->colour, (size_t)l->o->width);
}

static bool list_file(struct listing *l, char *name, struct err *e)
{
    char *files[] = {name, NULL};
    struct str text;
    size_t groups = 0;
    struct reader *r = reader_open(files, e);
    bool ok = r != NULL;
    if (ok && !l->o->io.plain)
        buf_printf(&l->page, "%s\n", reader_file(r));
    for (enum stream_event v; ok && (v = reader_next(r, &text, e)) != STREAM_END;) {
        if (v == STREAM_SEGMENT) {
            arena_reset(&l->arena);
            groups = 0;
            ok = !text.n || provenance_check(text, e) || err_at(e, "%s: ", reader_file(r));
            if (ok)
                put_head(l, text);
        } else if (v == STREAM_SEGMENT_END && !l->o->io.plain) {
            buf_printf(&l->page, "    %zu groups\n", groups);
        }
        groups += v == STREAM_LINE;
        ok = ok && outfile_write(l->out, l->page.p, l->page.n, e);
        buf_reset(&l->page);
    }
    reader_close(r);
    return e->status == 0;
}

bool cat_provenance(const struct cat_options *o, char *const *files, struct err *e)
{
    char *standard_input[] = {(char[]){"-"}, NULL};
    struct listing l = {.o = o};
    bool ok = (l.out = outfile_open(o->io.out, e)) != NULL;
    files = files[0] ? files : standard_input;
    for (size_t i = 0; ok && files[i]; i++)
        ok = list_file(&l, files[i], e);
    if (ok)
        ok = outfile_commit(l.out, e);
    else if (l.out)
        outfile_discard(l.out);
    buf_free(&l.page);
    arena_free(&l.arena);
    return ok;
}

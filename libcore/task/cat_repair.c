/* cat_repair.c - gcpo-cat --repair: the whole groups of a stream that was cut short.
 *
 * Damage of other kinds is refused: a frame whose checksum fails may hold groups
 * that look whole and are not what was written. */
#include "base/log.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"
#include "task/cat.h"

struct repair {
    struct writer *out;
    struct buf line; /* of provenance */
    struct arena arena;
    bool open; /* a segment is being written */
    size_t kept;
};

/* A line that was read to its end is whole; of a file without marks the last one
 * may lack its end and still look like a line. */
static bool keep_line(struct repair *p, struct str text, bool *is_whole, struct err *e)
{
    struct err fault = ERR_NONE;
    struct group g;
    arena_reset(&p->arena);
    *is_whole = group_parse(&g, &p->arena, text, &fault);
    if (!*is_whole)
        return true;
    p->kept++;
    return writer_line(p->out, text, e);
}

static bool begin(struct repair *p, struct str head, struct err *e)
{
    struct buf new = {0};
    if (head.n && !provenance_check(head, e))
        return false;
    provenance_head(&new, head, buf_str(&p->line));
    p->open = true;
    bool ok = writer_begin(p->out, buf_str(&new), e);
    buf_free(&new);
    return ok;
}

static bool end(struct repair *p, struct err *e)
{
    bool was_open = p->open;
    p->open = false;
    return !was_open || writer_end(p->out, e);
}

static bool copy_whole(struct repair *p, struct reader *r, size_t *dropped, struct err *fault,
                       struct err *e)
{
    struct str text;
    bool whole = true, ok = true;
    for (enum stream_event v; ok && (v = reader_next(r, &text, fault)) != STREAM_END;) {
        if (!whole && v == STREAM_LINE) /* the bad line was not the last one */
            return err_set(e, ERR_DATA, "%s:%zu: not a group (see --check)", reader_file(r),
                           reader_line(r) - 1);
        if (v == STREAM_SEGMENT)
            ok = begin(p, text, e);
        else if (v == STREAM_SEGMENT_END)
            ok = end(p, e);
        else if ((ok = keep_line(p, text, &whole, e)) && !whole)
            *dropped = text.n;
    }
    return ok;
}

static bool repair_file(struct repair *p, char *name, struct err *e)
{
    char *files[] = {name, NULL};
    struct err fault = ERR_NONE;
    size_t dropped = 0;
    struct reader *r = reader_open(files, &fault);
    p->kept = 0;
    bool ok = !r || copy_whole(p, r, &dropped, &fault, e);
    if (ok && fault.status && (!r || !reader_is_cut(r))) {
        *e = fault;
        ok = false;
    }
    if (ok && fault.status)
        dropped += reader_rest(r);
    if (ok)
        ok = end(p, e);
    if (ok && (fault.status || dropped))
        log_warn("%s: cut short; %zu whole groups kept, %zu bytes of an unfinished one dropped",
                 reader_file(r), p->kept, dropped);
    reader_close(r);
    return ok;
}

bool cat_repair(const struct cat_options *o, char *const *files, struct err *e)
{
    struct repair p = {0};
    struct buf options = {0};
    struct writer_options w = {.path = o->io.out, .plain = o->io.plain};
    char *standard_input[] = {(char[]){"-"}, NULL};
    files = files[0] ? files : standard_input;
    opt_canonical(o->opts, &options);
    provenance_line(&p.line, log_program(), buf_str(&options), STR(""));
    bool ok = (p.out = writer_open(&w, e)) != NULL;
    for (size_t i = 0; ok && files[i]; i++)
        ok = repair_file(&p, files[i], e);
    if (p.out && ok)
        ok = writer_commit(p.out, e);
    else
        writer_discard(p.out);
    buf_free(&options);
    buf_free(&p.line);
    arena_free(&p.arena);
    return ok;
}

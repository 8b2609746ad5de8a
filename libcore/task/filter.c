/* filter.c - see filter.h. */
#include "task/filter.h"
#include "base/log.h"
#include "base/pool.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_PER_THREAD = 32, BATCH_BYTES = 1 << 20 }; /* so few that a batch stays in the cache */

struct slot {
    struct filter_item item;
    struct arena arena;
    struct str line; /* in the arena */
    struct buf out;
    struct err err;
};

struct run {
    struct filter *f;
    struct reader *in;
    struct writer *out, *reject;
    struct pool *pool;
    struct slot *slots;
    size_t n_slots, n; /* capacity, filled */
    size_t bytes;
    struct buf line; /* the provenance line */
};

static void map_slot(void *arg, size_t i, size_t worker)
{
    struct run *r = arg;
    struct slot *s = &r->slots[i];
    struct filter_item *it = &s->item;
    it->worker = worker;
    buf_reset(&s->out);
    if (!group_parse(&it->group, &s->arena, s->line, &s->err) || !r->f->map(r->f->ctx, it, &s->err))
        return;
    if (!r->f->sink && !it->drop && !it->raw)
        group_print(&it->group, &s->out);
}

static bool put_away(struct run *r, struct slot *s, struct err *e)
{
    struct filter_item *it = &s->item;
    if (s->err.status == ERR_DATA && r->reject) {
        log_info("%s:%zu: rejected: %s", it->file, it->line, s->err.text);
        r->f->n_rejected++;
        return writer_line(r->reject, s->line, e);
    }
    if (s->err.status) {
        *e = s->err;
        return err_at(e, "%s:%zu: ", it->file, it->line);
    }
    if (r->f->after && !r->f->after(r->f->ctx, it, e))
        return e->status == ERR_DATA ? err_at(e, "%s:%zu: ", it->file, it->line) : false;
    r->f->n_groups++;
    progress_add(1);
    if (r->f->sink || it->drop)
        return true;
    return writer_line(r->out, it->raw ? it->text : buf_str(&s->out), e);
}

/* Maps what has been gathered and writes it in order. */
static bool run_batch(struct run *r, struct err *e)
{
    pool_run(r->pool, r->n, map_slot, r);
    size_t n = r->n;
    r->n = r->bytes = 0;
    for (size_t i = 0; i < n && !r->f->stop; i++)
        if (!put_away(r, &r->slots[i], e))
            return false;
    return true;
}

static void gather(struct run *r, struct str line, size_t number)
{
    struct slot *s = &r->slots[r->n++];
    arena_reset(&s->arena);
    s->line = (struct str){arena_strdup(&s->arena, line.p, line.n), line.n};
    s->err = (struct err)ERR_NONE;
    s->item = (struct filter_item){.arena = &s->arena,
                                   .number = number,
                                   .text = s->line,
                                   .file = reader_file(r->in),
                                   .line = reader_line(r->in)};
    r->bytes += line.n;
}

static bool begin_segment(struct run *r, struct str head, struct err *e)
{
    if (head.n && !provenance_check(head, e))
        return err_at(e, "%s: ", reader_file(r->in));
    if (r->f->segment && !r->f->segment(r->f->ctx, head, e))
        return err_at(e, "%s: ", reader_file(r->in));
    if (r->f->sink)
        return true;
    struct buf out = {0};
    provenance_head(&out, head, buf_str(&r->line));
    bool ok = writer_begin(r->out, buf_str(&out), e);
    buf_free(&out);
    return ok;
}

static bool pump(struct run *r, struct err *e)
{
    struct str text;
    size_t number = 0;
    for (;;) {
        switch (reader_next(r->in, &text, e)) {
        case STREAM_END:
            /* A bad record before the fault is the earlier error. */
            if (e->status && r->n) {
                struct err first = ERR_NONE;
                if (!run_batch(r, &first))
                    *e = first;
            }
            return e->status == 0;
        case STREAM_SEGMENT:
            if (!begin_segment(r, text, e))
                return false;
            break;
        case STREAM_LINE:
            gather(r, text, number++);
            if ((r->n == r->n_slots || r->bytes >= BATCH_BYTES) && !run_batch(r, e))
                return false;
            if (r->f->stop)
                return r->f->sink || writer_end(r->out, e);
            break;
        case STREAM_SEGMENT_END:
            if (!run_batch(r, e) || (!r->f->sink && !writer_end(r->out, e)))
                return false;
            if (r->f->stop)
                return true;
            break;
        }
    }
}

static bool open_all(struct run *r, char *const *files, struct err *e)
{
    struct filter *f = r->f;
    struct buf options = {0};
    opt_canonical(f->opts, &options);
    provenance_line(&r->line, log_program(), buf_str(&options), f->provenance);
    buf_free(&options);
    if (!(r->in = reader_open(files, e)) || !(r->pool = pool_open(f->io.threads, e)))
        return false;
    struct writer_options out = {f->io.out, f->io.plain, f->io.line_buffered,
                                 pool_size(r->pool) > 1};
    if (!f->sink && !(r->out = writer_open(&out, e)))
        return false;
    struct writer_options reject = {.path = f->io.reject, .plain = true};
    if (f->io.reject && !(r->reject = writer_open(&reject, e)))
        return false;
    size_t threads = pool_size(r->pool);
    r->n_slots = f->io.line_buffered || threads == 1 ? 1 : threads * BATCH_PER_THREAD;
    r->slots = xcalloc(r->n_slots, sizeof *r->slots);
    return true;
}

static void close_all(struct run *r, bool ok, struct err *e)
{
    for (struct writer **w = (struct writer *[]){r->reject, r->out, NULL}, **end = w + 2; w < end;
         w++) {
        if (!*w)
            continue;
        if (ok)
            ok = writer_commit(*w, e);
        else
            writer_discard(*w);
    }
    for (size_t i = 0; i < r->n_slots; i++) {
        arena_free(&r->slots[i].arena);
        buf_free(&r->slots[i].out);
    }
    free(r->slots);
    buf_free(&r->line);
    pool_close(r->pool);
    reader_close(r->in);
}

bool filter_run(struct filter *f, char *const *files, struct err *e)
{
    struct run r = {.f = f};
    f->n_groups = f->n_rejected = 0;
    f->stop = false;
    bool ok = open_all(&r, files, e);
    if (ok) {
        progress_begin("groups", 0);
        ok = pump(&r, e) && (!f->end || f->end(f->ctx, e));
        progress_end();
    }
    close_all(&r, ok, e);
    if (e->status == 0 && f->n_rejected)
        log_warn("%llu of %llu records were rejected into %s", (unsigned long long)f->n_rejected,
                 (unsigned long long)(f->n_rejected + f->n_groups), f->io.reject);
    return e->status == 0;
}

/* cat_provenance.c - gcpo-cat --provenance: what the head marks say. */
#include "base/mem.h"
#include "base/outfile.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "task/cat.h"
#include "task/prose.h"

#include <string.h>

struct listing {
    const struct cat_options *o;
    struct outfile *out;
    struct buf page;
    struct arena arena;
};

static struct str plain_text(struct arena *a, struct str value)
{
    return json_type(value) == JSON_STRING ? json_decode(a, value) : value;
}

/* {"program":"x","version":"1","options":{"a":1},"model":"m"} becomes the lines
 * "x 1", "model m", "--a 1" (and "--no-b" where b is false). */
static void put_program(struct listing *l, struct str line)
{
    const struct prose name = {&l->page, l->o->colour, 0, 0, 0};
    struct object p;
    struct str key, value;
    const struct str *program, *version, *options;
    if (!object_split(&l->arena, line, &p))
        return;
    program = object_get_name(&p, "program");
    version = object_get_name(&p, "version");
    options = object_get_name(&p, "options");
    buf_puts(&l->page, "    ");
    prose_put_inline(&name, program ? plain_text(&l->arena, *program) : STR("?"), "1");
    buf_putc(&l->page, ' ');
    prose_put_inline(&name, version ? plain_text(&l->arena, *version) : STR(""), NULL);
    buf_putc(&l->page, '\n');
    for (size_t i = 0; i < p.n; i++) {
        if (&p.m[i].value == program || &p.m[i].value == version || &p.m[i].value == options)
            continue;
        buf_puts(&l->page, "      ");
        prose_put_inline(&name, p.m[i].key, NULL);
        buf_putc(&l->page, ' ');
        prose_put_inline(&name, plain_text(&l->arena, p.m[i].value), NULL);
        buf_putc(&l->page, '\n');
    }
    if (!options || json_type(*options) != JSON_OBJECT)
        return;
    struct buf text = {0};
    for (struct json_iter it = json_iter(*options); json_next(&it, &key, &value);) {
        bool truth = true;
        buf_puts(&text, json_bool(value, &truth) && !truth ? " --no-" : " --");
        buf_putstr(&text, json_decode_key(&l->arena, key));
        if (json_type(value) != JSON_BOOL) {
            buf_putc(&text, ' ');
            buf_putstr(&text, plain_text(&l->arena, value));
        }
    }
    const struct prose wrapped = {&l->page, false, l->o->width, 6, 0};
    if (text.n)
        prose_put(&wrapped, str_slice(buf_str(&text), 1, text.n), NULL, 0);
    buf_free(&text);
}

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
            put_program(l, line);
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

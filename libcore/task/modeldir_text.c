/* modeldir_text.c - encode and decode; see modeldir.h. */
#include "base/mem.h"
#include "stream/reader.h"
#include "stream/writer.h"
#include "task/modeldir.h"
#include "base/outfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 28 };

/* All of the files (none, or "-": standard input), one after the other. */
static bool read_all(char *const *files, struct buf *text, struct err *e)
{
    static char *const standard_input[] = {"-", NULL};
    for (files = files[0] ? files : standard_input; *files; files++) {
        bool own = strcmp(*files, "-") != 0;
        const char *name = own ? *files : "standard input";
        FILE *f = own ? fopen(*files, "rb") : stdin;
        if (!f)
            return err_sys(e, ERR_NOINPUT, "%s: cannot open", name);
        size_t n;
        do {
            buf_reserve(text, 1 << 16);
            n = fread(text->p + text->n, 1, 1 << 16, f);
            text->n += n;
        } while (n && text->n <= TEXT_MAX);
        bool bad = ferror(f);
        int why = errno;
        if (own)
            fclose(f);
        errno = why;
        if (bad)
            return err_sys(e, errno == EISDIR ? ERR_NOINPUT : ERR_IO, "%s: cannot read", name);
        if (text->n > TEXT_MAX)
            return err_set(e, ERR_DATA, "%s: more than %d bytes", name, TEXT_MAX);
    }
    return true;
}

static bool encode_text(const char *dir, char *const *files,
                        const struct modeldir_encode_options *o, struct err *e)
{
    struct buf text = {0}, out = {0};
    struct ids ids = {0};
    struct tokenizer *t = tokenizer_open(dir, e);
    unsigned flags = (o->wrap ? ENCODE_WRAP : 0) | (o->prompter.trust_text ? 0 : ENCODE_PLAIN);
    bool ok = t && read_all(files, &text, e);
    if (ok) {
        struct encoder *x = encoder_new(t);
        ok = encoder_run(x, buf_str(&text), flags, &ids, e);
        encoder_free(x);
    }
    for (size_t i = 0; ok && i < ids.n; i++)
        buf_printf(&out, "%s%d", i ? " " : "", (int)ids.p[i]);
    buf_putc(&out, '\n');
    ok = ok && outfile_put(o->out, out.p, out.n, e);
    tokenizer_close(t);
    ids_free(&ids);
    buf_free(&text);
    buf_free(&out);
    return ok;
}

static bool encode_record(void *arg, struct str line, struct arena *a, struct buf *out,
                          struct err *e)
{
    struct prompter *p = arg;
    struct group g;
    struct str id, text;
    int32_t *ids;
    size_t n;
    if (!group_parse(&g, a, line, e) || !group_id(&g, &id, e) ||
        !prompter_render(p, &g, &text, &ids, &n, e))
        return false;
    buf_reset(out);
    buf_puts(out, "{\"id\":");
    json_put_string(out, id);
    buf_puts(out, ",\"text\":");
    json_put_string(out, text);
    buf_puts(out, ",\"tokens\":");
    buf_putstr(out, raw_tokens(a, ids, n));
    buf_puts(out, "}");
    return true;
}

/* Each record as plain JSONL, edited by `edit`. */
static bool each_record(char *const *files, const char *path,
                        bool (*edit)(void *arg, struct str line, struct arena *a, struct buf *out,
                                     struct err *e),
                        void *arg, struct err *e)
{
    const struct writer_options plain = {.path = path, .plain = true};
    struct reader *r = reader_open(files, e);
    struct writer *w = r ? writer_open(&plain, e) : NULL;
    struct arena a = {0};
    struct buf out = {0};
    struct str line;
    bool ok = w != NULL;
    for (enum stream_event v; ok && (v = reader_next(r, &line, e)) != STREAM_END;) {
        if (v != STREAM_LINE)
            continue;
        ok = edit(arg, line, &a, &out, e) ? writer_line(w, buf_str(&out), e)
                                          : err_at(e, "%s:%zu: ", reader_file(r), reader_line(r));
        arena_reset(&a);
    }
    ok = ok && e->status == 0;
    if (ok)
        ok = writer_commit(w, e);
    else
        writer_discard(w);
    arena_free(&a);
    buf_free(&out);
    reader_close(r);
    return ok;
}

static bool encode_prompts(const char *dir, char *const *files,
                           const struct modeldir_encode_options *o, struct err *e)
{
    struct prompter *p = prompter_open(dir, &o->prompter, e);
    bool ok = p && each_record(files, o->out, encode_record, p, e);
    prompter_close(p);
    return ok;
}

bool modeldir_encode(const char *dir, char *const *files, const struct modeldir_encode_options *o,
                     struct err *e)
{
    return o->records ? encode_prompts(dir, files, o, e) : encode_text(dir, files, o, e);
}

/* ---- decode ---- */

/* The next number at or behind *i; false if there is none, or *e is set. */
static bool next_id(struct str text, size_t *i, const struct tokenizer *t, int32_t *id,
                    struct err *e)
{
    while (*i < text.n && (text.p[*i] < '0' || text.p[*i] > '9')) {
        if (text.p[*i] == '-' || text.p[*i] == '.')
            return err_set(e, ERR_DATA, "byte %zu: not a token id", *i + 1);
        ++*i;
    }
    size_t from = *i;
    int64_t v = 0;
    for (; *i < text.n && text.p[*i] >= '0' && text.p[*i] <= '9' && v <= INT32_MAX; ++*i)
        v = v * 10 + (text.p[*i] - '0');
    if (*i == from)
        return false;
    if (v > INT32_MAX || !tokenizer_has(t, (int32_t)v))
        return err_set(e, ERR_DATA, "byte %zu: no token has the id %lld", from + 1, (long long)v);
    *id = (int32_t)v;
    return true;
}

/* An array of ids becomes the text they spell, unless the member is there already. */
static bool spell(const struct tokenizer *t, struct arena *a, struct object *o, const char *where,
                  enum field from, enum field to, bool skip_special, struct err *e)
{
    int32_t *ids;
    size_t n;
    bool has;
    if (!object_is_null(o, to) && from != to)
        return true;
    if (!get_tokens(a, o, where, from, &has, &ids, &n, e) || !has)
        return e->status == 0;
    struct buf text = {0};
    tokenizer_decode(t, ids, n, skip_special, &text);
    object_set(a, o, to, raw_string(a, buf_str(&text)));
    buf_free(&text);
    return true;
}

static bool decode_record(void *arg, struct str line, struct arena *a, struct buf *out,
                          struct err *e)
{
    const struct tokenizer *t = arg;
    struct group g;
    if (!group_parse(&g, a, line, e))
        return false;
    const struct str *answer = object_get(&g.top, F_ANSWER);
    bool messages = !object_is_null(&g.top, F_MESSAGES);
    if ((!messages && !spell(t, a, &g.top, "", F_PROMPT_TOKENS, F_PROMPT, false, e)) ||
        (answer && json_type(*answer) == JSON_ARRAY &&
         !spell(t, a, &g.top, "", F_ANSWER, F_ANSWER, true, e)))
        return false;
    for (size_t i = 0; i < g.n_responses; i++)
        if (!spell(t, a, &g.responses[i], response_where(a, i), F_TOKENS, F_TEXT, true, e))
            return false;
    buf_reset(out);
    group_print(&g, out);
    return true;
}

static bool decode_ids(const char *dir, char *const *files, const char *out, bool skip_special,
                       struct err *e)
{
    struct buf text = {0}, decoded = {0};
    struct tokenizer *t = tokenizer_open(dir, e);
    bool ok = t && read_all(files, &text, e);
    if (ok) {
        struct decoder d = decoder_start(t, skip_special);
        int32_t id = -1;
        for (size_t i = 0; next_id(buf_str(&text), &i, t, &id, e);)
            decoder_push(&d, id, &decoded);
        decoder_finish(&d, &decoded);
        ok = e->status == 0 && outfile_put(out, decoded.p, decoded.n, e);
    }
    tokenizer_close(t);
    buf_free(&text);
    buf_free(&decoded);
    return ok;
}

bool modeldir_decode(const char *dir, char *const *files, const struct modeldir_decode_options *o,
                     struct err *e)
{
    if (!o->records)
        return decode_ids(dir, files, o->out, o->skip_special, e);
    struct tokenizer *t = tokenizer_open(dir, e);
    bool ok = t && each_record(files, o->out, decode_record, t, e);
    tokenizer_close(t);
    return ok;
}

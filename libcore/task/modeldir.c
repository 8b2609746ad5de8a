/* modeldir.c - info and diff; see modeldir.h. */
#include "task/modeldir.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *modeldir_bytes_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double x = (double)bytes;
    int u = 0;
    for (; x >= 1024 && u < 4; u++)
        x /= 1024;
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", x, units[u]);
    return out;
}

/* ---- info ---- */

struct facts {
    struct engine_info i;
    struct str chat, system; /* chat n = 0: no tokenizer */
    int32_t tokens;
    uint64_t rollout_bytes, update_bytes;
};

/* One table for both forms: a member's name, its label for people, its value. */
struct printer {
    struct buf *out;
    bool json;
};

static void label(struct printer *p, const char *name, const char *text)
{
    if (p->json)
        buf_printf(p->out, "%s\"%s\":", p->out->n > 1 ? "," : "", name);
    else
        buf_printf(p->out, "%-22s", text);
}

static void put_number(struct printer *p, const char *name, const char *text, uint64_t v)
{
    label(p, name, text);
    buf_printf(p->out, "%llu%s", (unsigned long long)v, p->json ? "" : "\n");
}

static void put_bytes(struct printer *p, const char *name, const char *text, uint64_t v)
{
    char text_of[32];
    if (p->json) {
        put_number(p, name, text, v);
        return;
    }
    label(p, name, text);
    buf_printf(p->out, "%s\n", modeldir_bytes_text(v, text_of));
}

static void put_string(struct printer *p, const char *name, const char *text, struct str v)
{
    label(p, name, text);
    if (p->json || memchr(v.p, '\n', v.n))
        json_put_string(p->out, v);
    else
        buf_putstr(p->out, v);
    buf_puts(p->out, p->json ? "" : "\n");
}

static void put_ids(struct printer *p, const struct engine_info *i)
{
    label(p, "eos", "end ids");
    buf_puts(p->out, p->json ? "[" : "");
    for (size_t k = 0; k < i->n_eos; k++)
        buf_printf(p->out, "%s%d", k ? (p->json ? "," : " ") : "", (int)i->eos[k]);
    buf_puts(p->out, p->json ? "]" : "\n");
}

static void print_facts(struct printer *p, const struct facts *f,
                        const struct modeldir_info_options *o)
{
    const struct engine_info *i = &f->i;
    put_string(p, "family", "family", str_of(i->family));
    put_string(p, "dtype", "stored as", str_of(i->dtype));
    put_number(p, "parameters", "parameters", i->n_params);
    put_bytes(p, "weights_bytes", "weights", i->weights_bytes);
    put_number(p, "layers", "layers", (uint64_t)i->n_layers);
    put_number(p, "hidden", "hidden size", (uint64_t)i->hidden);
    put_number(p, "ff", "feed-forward size", (uint64_t)i->ff);
    put_number(p, "heads", "heads", (uint64_t)i->n_heads);
    put_number(p, "kv_heads", "key/value heads", (uint64_t)i->n_kv_heads);
    put_number(p, "head_dim", "head size", (uint64_t)i->head_dim);
    put_number(p, "vocab_size", "vocabulary", (uint64_t)i->vocab_size);
    label(p, "tied", "tied head");
    buf_puts(p->out, p->json ? (i->tied ? "true" : "false") : (i->tied ? "yes\n" : "no\n"));
    put_number(p, "context", "context", (uint64_t)i->context);
    put_ids(p, i);
    if (f->chat.n) {
        put_number(p, "tokenizer_size", "tokenizer's ids", (uint64_t)f->tokens);
        put_string(p, "chat", "chat format", f->chat);
        if (f->system.n)
            put_string(p, "system", "default system text", f->system);
    }
    put_bytes(p, "kv_token_bytes", "cache per token", i->kv_token_bytes);
    if (!p->json)
        buf_printf(p->out, "for %llu x %llu tokens:\n", (unsigned long long)o->samples,
                   (unsigned long long)o->max_tokens);
    put_bytes(p, "rollout_bytes", "memory of a rollout", f->rollout_bytes);
    put_bytes(p, "update_bytes", "memory of an update", f->update_bytes);
}

/* The tokenizer's part; a directory without one is still a model. */
static bool read_text_facts(const char *dir, struct facts *f, struct tokenizer **t, struct chat **c,
                            struct err *e)
{
    char *path = path_join(dir, "tokenizer.json");
    bool there = file_exists(path, e);
    free(path);
    if (!there)
        return e->status == 0;
    if (!(*t = tokenizer_open(dir, e)))
        return false;
    f->tokens = tokenizer_size(*t);
    *c = chat_open(dir, NULL, *t, e);
    f->chat = *c ? str_of(chat_name(*c)) : STR("not recognised");
    if (*c)
        f->system = chat_default_system(*c);
    if (e->status == ERR_DATA || e->status == ERR_USAGE)
        e->status = 0; /* info tells; it does not need the format */
    return e->status == 0;
}

bool modeldir_info(const char *dir, const struct modeldir_info_options *o, struct err *e)
{
    struct facts f = {0};
    struct buf out = {0};
    struct tokenizer *t = NULL;
    struct chat *c = NULL;
    char digest[ENGINE_DIGEST];
    bool ok = engine_inspect(dir, &f.i, o->digest_only ? digest : NULL, e);
    if (ok && o->digest_only) {
        buf_printf(&out, "%s\n", digest);
    } else if (ok && read_text_facts(dir, &f, &t, &c, e)) {
        struct printer p = {&out, o->json};
        f.rollout_bytes = engine_rollout_bytes(&f.i, ENGINE_KV_F32, o->samples, o->max_tokens);
        f.update_bytes = engine_update_bytes(&f.i, o->max_tokens);
        buf_puts(&out, o->json ? "{" : "");
        print_facts(&p, &f, o);
        buf_puts(&out, o->json ? "}\n" : "");
    }
    ok = e->status == 0 && outfile_put(o->out, out.p, out.n, e);
    chat_close(c);
    tokenizer_close(t);
    buf_free(&out);
    return ok;
}

/* ---- diff ---- */

struct comparison {
    const struct modeldir_diff_options *o;
    struct buf out;
    size_t n, n_differ;
};

/* Differences of weights that are no numbers are none either: null in JSON. */
static void put_difference(struct buf *out, double v)
{
    if (isfinite(v))
        json_put_double(out, v);
    else
        buf_puts(out, "null");
}

static bool put_delta(void *arg, const struct engine_delta *d, struct err *e)
{
    (void)e;
    struct comparison *c = arg;
    bool differs = !(d->max_abs == 0); /* also what is not a number */
    c->n++;
    c->n_differ += differs;
    if (!differs && !c->o->all)
        return true;
    if (c->o->json) {
        buf_puts(&c->out, "{\"tensor\":");
        json_put_string(&c->out, str_of(d->name));
        buf_printf(&c->out, ",\"elements\":%zu,\"max\":", d->n);
        put_difference(&c->out, d->max_abs);
        buf_puts(&c->out, ",\"mean\":");
        put_difference(&c->out, d->mean_abs);
        buf_puts(&c->out, "}\n");
    } else {
        buf_printf(&c->out, "%-48s %12zu  max %-12.6g mean %.6g\n", d->name, d->n, d->max_abs,
                   d->mean_abs);
    }
    return true;
}

bool modeldir_diff(const char *a, const char *b, const struct modeldir_diff_options *o,
                   bool *differ, struct err *e)
{
    struct comparison c = {.o = o};
    bool ok = engine_diff(a, b, put_delta, &c, e);
    *differ = c.n_differ > 0;
    if (ok && !o->json)
        buf_printf(&c.out, "%zu of %zu tensors differ\n", c.n_differ, c.n);
    ok = ok && outfile_put(o->out, c.out.p, c.out.n, e);
    buf_free(&c.out);
    return ok;
}

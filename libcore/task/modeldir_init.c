/* modeldir_init.c - a model directory from nothing but sizes and a seed; see modeldir.h. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "task/modeldir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CONFIG_MAX = 16 << 20 };

/* What is taken along from the tokenizer's directory; the first is a must. */
static const char *const carried[] = {"tokenizer.json", "tokenizer_config.json",
                                      "chat_template.jinja", "special_tokens_map.json"};

/* Also where that cannot be told: then what is in it cannot be read. */
static bool is_directory(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? S_ISDIR(s.st_mode) : errno != ENOENT && errno != ENOTDIR;
}

static struct tokenizer *open_tokenizer(const char *path, struct err *e)
{
    struct buf text = {0};
    struct tokenizer *t = NULL;
    if (is_directory(path))
        return tokenizer_open(path, e);
    if (file_read(path, TOKENIZER_FILE_MAX, &text, e) && !(t = tokenizer_parse(buf_str(&text), e)))
        err_at(e, "%s: ", path);
    buf_free(&text);
    return t;
}

/* "eos_token" of tokenizer_config.json, -1 if it says nothing. */
static bool configured_eos(const char *dir, const struct tokenizer *t, int32_t *id, struct err *e)
{
    char *path = path_join(dir, "tokenizer_config.json");
    struct buf text = {0};
    struct arena a = {0};
    struct str root, v;
    *id = -1;
    if (is_directory(dir) && file_exists(path, e) && file_read(path, CONFIG_MAX, &text, e)) {
        if (!json_check(buf_str(&text), &root, e))
            err_at(e, "%s: ", path);
        else if (json_type(root) == JSON_OBJECT && json_get(root, "eos_token", &v) &&
                 (json_type(v) != JSON_OBJECT || json_get(v, "content", &v)) &&
                 json_type(v) == JSON_STRING)
            *id = tokenizer_find(t, json_decode(&a, v));
    }
    arena_free(&a);
    buf_free(&text);
    free(path);
    return e->status == 0;
}

static int32_t only_special(const struct tokenizer *t)
{
    int32_t found = -1;
    for (int32_t id = 0; id < tokenizer_size(t); id++)
        if (tokenizer_is_special(t, id)) {
            if (found >= 0)
                return -1;
            found = id;
        }
    return found;
}

static bool find_token(const struct tokenizer *t, const char *text, int32_t *id, struct err *e)
{
    *id = tokenizer_find(t, str_of(text));
    return *id >= 0 || err_set(e, ERR_USAGE, "the tokenizer has no token \"%s\"", text);
}

static bool choose_ends(const struct modeldir_init_options *o, const struct tokenizer *t,
                        struct engine_init *init, struct err *e)
{
    if (o->eos.n > ENGINE_EOS_MAX)
        return err_set(e, ERR_USAGE, "more than %d end tokens", ENGINE_EOS_MAX);
    for (init->n_eos = 0; init->n_eos < o->eos.n; init->n_eos++)
        if (!find_token(t, o->eos.items[init->n_eos], &init->eos[init->n_eos], e))
            return false;
    if (init->n_eos == 0) {
        if (!configured_eos(o->tokenizer, t, &init->eos[0], e))
            return false;
        if (init->eos[0] < 0)
            init->eos[0] = only_special(t);
        if (init->eos[0] < 0)
            return err_set(e, ERR_USAGE, "which token ends a response? (--eos TOKEN)");
        init->n_eos = 1;
    }
    init->bos = -1;
    return !o->bos || find_token(t, o->bos, &init->bos, e);
}

static bool carry_files(const char *from, const char *to, struct err *e)
{
    bool ok = true, whole = is_directory(from);
    for (size_t i = 0; ok && i < (whole ? sizeof carried / sizeof *carried : 1); i++) {
        char *source = whole ? path_join(from, carried[i]) : xstrdup(from);
        char *target = path_join(to, carried[i]);
        if (i == 0 || file_exists(source, e))
            ok = file_copy(source, target, e);
        ok = ok && !e->status;
        free(source);
        free(target);
    }
    return ok;
}

static bool write_model(const struct modeldir_init_options *o, const struct engine_init *init,
                        struct err *e)
{
    struct outdir *d = outdir_open(o->out, e);
    if (!d)
        return false;
    if (engine_init(outdir_path(d), init, o->max_shard_bytes, e) &&
        carry_files(o->tokenizer, outdir_path(d), e))
        return outdir_commit(d, e);
    outdir_discard(d);
    return false;
}

bool modeldir_init(const struct modeldir_init_options *o, struct err *e)
{
    struct engine_init init = o->init;
    struct tokenizer *t = open_tokenizer(o->tokenizer, e);
    bool ok = t && choose_ends(o, t, &init, e);
    if (ok) {
        uint64_t size = o->vocab_size ? o->vocab_size : (uint64_t)tokenizer_size(t);
        if (size < (uint64_t)tokenizer_size(t) || size > INT32_MAX)
            ok = err_set(e, ERR_USAGE,
                         "--vocab-size is smaller than the tokenizer (seen %llu, "
                         "expected %d or more)",
                         (unsigned long long)size, (int)tokenizer_size(t));
        init.vocab_size = (int32_t)size;
    }
    ok = ok && write_model(o, &init, e);
    tokenizer_close(t);
    return ok;
}

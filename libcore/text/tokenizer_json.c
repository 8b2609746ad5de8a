/* tokenizer_json.c - reading tokenizer.json; see tokenizer.h. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>

static bool get_flag(struct str object, const char *name)
{
    struct str v;
    bool b = false;
    if (json_get(object, name, &v))
        json_bool(v, &b);
    return b;
}

/* The decoded "type" of a part of the file; false (with e) if it has none. */
static bool get_type(struct str json, const char *part, struct arena *a, struct str *type,
                     struct err *e)
{
    if (json_type(json) != JSON_OBJECT || !json_get(json, "type", type) ||
        json_type(*type) != JSON_STRING)
        return err_set(e, ERR_DATA, "%s: not an object with a type", part);
    *type = json_decode(a, *type);
    return true;
}

static bool get_list(struct str json, const char *name, const char *part, struct str *list,
                     struct err *e)
{
    if (!json_get(json, name, list) || json_type(*list) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "%s: a Sequence without %s", part, name);
    return true;
}

/* ---- normaliser and decoder ---- */

static bool read_normaliser(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str type, list, member;
    if (str_is(json, "null"))
        return true;
    if (!get_type(json, "normalizer", a, &type, e))
        return false;
    if (str_is(type, "NFC")) {
        t->nfc = true;
        return true;
    }
    if (!str_is(type, "Sequence"))
        return err_set(e, ERR_DATA, "normalizer: %.*s is not supported", STR_ARG(type));
    if (!get_list(json, "normalizers", "normalizer", &list, e))
        return false;
    struct json_iter it = json_iter(list);
    while (json_next(&it, NULL, &member))
        if (!read_normaliser(t, member, a, e))
            return false;
    return true;
}

static bool check_decoder(struct str json, struct arena *a, struct err *e)
{
    struct str type, list, member;
    if (!get_type(json, "decoder", a, &type, e))
        return false;
    if (str_is(type, "ByteLevel"))
        return true;
    if (!str_is(type, "Sequence"))
        return err_set(e, ERR_DATA, "decoder: %.*s is not supported", STR_ARG(type));
    if (!get_list(json, "decoders", "decoder", &list, e))
        return false;
    struct json_iter it = json_iter(list);
    while (json_next(&it, NULL, &member))
        if (!check_decoder(member, a, e))
            return false;
    return true;
}

/* ---- added tokens ---- */

/* The id of an added token.  The reference software goes by the vocabulary, and
 * numbers what is not in it as it comes; it warns where the file says otherwise,
 * and does not obey. */
static int32_t id_of_added(const struct tokenizer *t, struct str content)
{
    int32_t known = bpe_find(t->bpe, content), count = (int32_t)bpe_count(t->bpe);
    if (known >= 0)
        return known;
    return t->last_added < count ? count : t->last_added + 1;
}

static bool read_added_token(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str content, bytes;
    if (json_type(json) != JSON_OBJECT || !json_get(json, "content", &content) ||
        json_type(content) != JSON_STRING)
        return err_set(e, ERR_DATA, "added_tokens: not an object with a content");
    content = json_decode(a, content);
    if (content.n == 0 || added_by_content(t->added, content))
        return true;
    struct added_token token = {
        .content = content,
        .pattern = content,
        .id = id_of_added(t, content),
        .special = get_flag(json, "special"),
        .normalized = get_flag(json, "normalized"),
        .single_word = get_flag(json, "single_word"),
        .lstrip = get_flag(json, "lstrip"),
        .rstrip = get_flag(json, "rstrip"),
    };
    if (bpe_find(t->bpe, content) < 0 && bpe_bytes(t->bpe, token.id, &bytes))
        return err_set(e, ERR_DATA, "added_tokens: \"%.*s\" would get the id %d of another token",
                       STR_ARG(content), (int)token.id);
    struct buf normal = {0};
    if (token.normalized && t->nfc) {
        unicode_nfc(content, &normal, NULL, 0);
        token.pattern = buf_str(&normal);
    }
    bool ok = added_add(t->added, &token, e);
    buf_free(&normal);
    t->size = token.id >= t->size ? token.id + 1 : t->size;
    t->last_added = token.id > t->last_added ? token.id : t->last_added;
    return ok;
}

static bool read_added(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str list, member;
    t->added = added_new();
    t->last_added = -1;
    if (!json_get(json, "added_tokens", &list) || str_is(list, "null"))
        return true;
    if (json_type(list) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "added_tokens is not an array");
    struct json_iter it = json_iter(list);
    while (json_next(&it, NULL, &member))
        if (!read_added_token(t, member, a, e))
            return false;
    return true;
}

/* Tables by id: what each token decodes to, and which are added ones. */
static void index_tokens(struct tokenizer *t)
{
    size_t n = (size_t)t->size;
    t->bytes = xcalloc(n, sizeof *t->bytes);
    t->added_by_id = xcalloc(n, sizeof *t->added_by_id);
    for (int32_t id = 0; id < t->size; id++)
        bpe_bytes(t->bpe, id, &t->bytes[id]);
    size_t total = 0, count = added_count(t->added);
    for (size_t i = 0; i < count; i++)
        total += added_at(t->added, i)->pattern.n;
    buf_reserve(&t->added_bytes, total + 1); /* so that slices of it stay where they are */
    for (size_t i = 0; i < count; i++) {
        const struct added_token *k = added_at(t->added, i);
        size_t at = t->added_bytes.n;
        if (!bpe_spelling(k->pattern, &t->added_bytes))
            buf_putstr(&t->added_bytes, k->pattern);
        t->bytes[k->id] = (struct str){t->added_bytes.p + at, t->added_bytes.n - at};
        t->added_by_id[k->id] = k;
    }
}

/* ---- post-processor ---- */

static bool push_template_token(struct tokenizer *t, struct str map, struct str id, struct ids *out,
                                struct arena *a, struct err *e)
{
    struct str key, value, list, member;
    int64_t n;
    struct json_iter it = json_iter(map);
    while (json_next(&it, &key, &value)) {
        if (!str_eq(json_decode_key(a, key), id))
            continue;
        if (json_type(value) != JSON_OBJECT || !json_get(value, "ids", &list) ||
            json_type(list) != JSON_ARRAY)
            break;
        for (it = json_iter(list); json_next(&it, NULL, &member);) {
            if (!json_i64(member, &n) || n < 0 || !tokenizer_has(t, n < t->size ? (int32_t)n : -1))
                return err_set(e, ERR_DATA, "post_processor: \"%.*s\" has an id without a token",
                               STR_ARG(id));
            ids_push(out, (int32_t)n);
        }
        return true;
    }
    return err_set(e, ERR_DATA, "post_processor: nothing is said about \"%.*s\"", STR_ARG(id));
}

static bool read_template(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str single, map = STR("{}"), piece, token, id;
    if (!json_get(json, "single", &single) || json_type(single) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "post_processor: a template without \"single\"");
    if (json_get(json, "special_tokens", &map) && json_type(map) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "post_processor: special_tokens is not an object");
    struct ids *side = &t->before, outer = {0};
    bool ok = true;
    struct json_iter it = json_iter(single);
    while (ok && json_next(&it, NULL, &piece)) {
        if (json_type(piece) == JSON_OBJECT && json_get(piece, "Sequence", &token)) {
            if (side == &t->after)
                ok = err_set(e, ERR_DATA, "post_processor: the text stands twice in \"single\"");
            /* What an earlier processor put in front stays next to the text. */
            for (size_t i = 0; ok && i < t->before.n; i++)
                ids_push(&outer, t->before.p[i]);
            side = &t->after;
        } else if (json_type(piece) == JSON_OBJECT && json_get(piece, "SpecialToken", &token) &&
                   json_type(token) == JSON_OBJECT && json_get(token, "id", &id) &&
                   json_type(id) == JSON_STRING) {
            ok = push_template_token(t, map, json_decode(a, id), side == &t->before ? &outer : side,
                                     a, e);
        } else {
            ok = err_set(e, ERR_DATA, "post_processor: a piece of \"single\" is of no known kind");
        }
    }
    if (ok && side != &t->after)
        ok = err_set(e, ERR_DATA, "post_processor: \"single\" has no place for the text");
    ids_free(&t->before);
    t->before = outer;
    return ok;
}

static bool read_post(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str type, list, member;
    if (str_is(json, "null"))
        return true;
    if (!get_type(json, "post_processor", a, &type, e))
        return false;
    if (str_is(type, "ByteLevel")) /* concerns offsets only */
        return true;
    if (str_is(type, "TemplateProcessing"))
        return read_template(t, json, a, e);
    if (!str_is(type, "Sequence"))
        return err_set(e, ERR_DATA, "post_processor: %.*s is not supported", STR_ARG(type));
    if (!get_list(json, "processors", "post_processor", &list, e))
        return false;
    struct json_iter it = json_iter(list);
    while (json_next(&it, NULL, &member))
        if (!read_post(t, member, a, e))
            return false;
    return true;
}

/* ---- the file ---- */

static bool read_tokenizer(struct tokenizer *t, struct str json, struct arena *a, struct err *e)
{
    struct str root, v;
    if (!json_check(json, &root, e))
        return false;
    if (json_type(root) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "not a JSON object");
    if (!json_get(root, "model", &v))
        return err_set(e, ERR_DATA, "model is missing");
    t->bpe = bpe_open(v, e);
    if (!t->bpe)
        return false;
    t->size = bpe_last_id(t->bpe) + 1;
    if (json_get(root, "normalizer", &v) && !read_normaliser(t, v, a, e))
        return false;
    if (!json_get(root, "pre_tokenizer", &v))
        return err_set(e, ERR_DATA, "pre_tokenizer is missing");
    t->pretoken = pretoken_open(v, e);
    if (!t->pretoken)
        return false;
    if (!json_get(root, "decoder", &v))
        return err_set(e, ERR_DATA, "decoder is missing");
    if (!check_decoder(v, a, e) || !read_added(t, root, a, e))
        return false;
    index_tokens(t);
    return !json_get(root, "post_processor", &v) || read_post(t, v, a, e);
}

struct tokenizer *tokenizer_parse(struct str json, struct err *e)
{
    struct tokenizer *t = xcalloc(1, sizeof *t);
    struct arena a = {0};
    bool ok = read_tokenizer(t, json, &a, e);
    arena_free(&a);
    if (!ok) {
        tokenizer_close(t);
        return NULL;
    }
    return t;
}

struct tokenizer *tokenizer_open(const char *dir, struct err *e)
{
    char *path = path_join(dir, "tokenizer.json");
    struct file_map m;
    struct tokenizer *t = NULL;
    if (file_map(path, &m, e)) {
        if (m.n > TOKENIZER_FILE_MAX)
            err_set(e, ERR_DATA, "larger than %d MiB", TOKENIZER_FILE_MAX >> 20);
        else
            t = tokenizer_parse((struct str){(const char *)m.p, m.n}, e);
        file_unmap(&m);
        if (!t)
            err_at(e, "%s: ", path);
    }
    free(path);
    return t;
}

/* bpe.c - the tables of a byte-level BPE and how they are read; see bpe.h. */
#include "text/bpe.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/bpe_tables.h"

#include <stdlib.h>
#include <string.h>

void ids_push(struct ids *v, int32_t id)
{
    if (v->n == v->cap) {
        v->cap = v->cap ? 2 * v->cap : 64;
        v->p = xrealloc(v->p, v->cap, sizeof *v->p);
    }
    v->p[v->n++] = id;
}

void ids_free(struct ids *v)
{
    free(v->p);
    *v = (struct ids){0};
}

/* GPT-2's alphabet: the printable bytes of Latin-1 stand for themselves, the
 * other 68, in rising order, are U+0100 and up. */
static bool stands_for_itself(uint32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

static int byte_of(uint32_t c)
{
    if (c < 0x100)
        return stands_for_itself(c) ? (int)c : -1;
    uint32_t k = c - 0x100;
    for (uint32_t byte = 0; byte < 0x100; byte++)
        if (!stands_for_itself(byte) && k-- == 0)
            return (int)byte;
    return -1;
}

bool bpe_spelling(struct str token, struct buf *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < token.n;) {
        int byte = byte_of(utf8_next(token, &i));
        if (byte < 0) {
            out->n = start;
            return false;
        }
        buf_putc(out, (char)byte);
    }
    return true;
}

/* ---- indexes ---- */

static size_t table_size(size_t count)
{
    size_t n = 16;
    while (n < 2 * count + 2)
        n *= 2;
    return n;
}

static void index_open(struct bpe_index *x, size_t count)
{
    size_t n = table_size(count);
    x->slots = xcalloc(n, sizeof *x->slots);
    x->mask = n - 1;
}

static struct str slice(const struct buf *pool, struct bpe_slice s)
{
    return (struct str){pool->p + s.at, s.n};
}

/* The slot that holds this string, or the empty one where it belongs. */
static uint32_t *index_slot(const struct bpe_index *x, const struct buf *pool,
                            const struct bpe_slice *slices, struct str s)
{
    for (size_t k = (size_t)str_hash(s) & x->mask;; k = (k + 1) & x->mask)
        if (!x->slots[k] || str_eq(slice(pool, slices[x->slots[k] - 1]), s))
            return &x->slots[k];
}

int32_t bpe_find(const struct bpe *b, struct str spelling)
{
    return (int32_t)*index_slot(&b->by_spelling, &b->spelled_pool, b->spelled, spelling) - 1;
}

int32_t bpe_find_bytes(const struct bpe *b, struct str bytes)
{
    return (int32_t)*index_slot(&b->by_bytes, &b->bytes_pool, b->bytes, bytes) - 1;
}

bool bpe_bytes(const struct bpe *b, int32_t id, struct str *bytes)
{
    if (id < 0 || (size_t)id >= b->n_ids || !b->exists[id])
        return false;
    *bytes = slice(&b->bytes_pool, b->bytes[id]);
    return true;
}

struct str bpe_spelled(const struct bpe *b, int32_t id)
{
    return slice(&b->spelled_pool, b->spelled[id]);
}

size_t bpe_count(const struct bpe *b)
{
    return b->count;
}

int32_t bpe_last_id(const struct bpe *b)
{
    return (int32_t)b->n_ids - 1;
}

/* ---- the vocabulary ---- */

static bool last_id(struct str vocab, size_t *n_ids, size_t *count, struct err *e)
{
    struct json_iter it = json_iter(vocab);
    struct str key, value;
    int64_t id, last = -1;
    for (*count = 0; json_next(&it, &key, &value); ++*count) {
        if (!json_i64(value, &id) || id < 0 || id > BPE_ID_MAX)
            return err_set(e, ERR_DATA, "model.vocab: the id of \"%.*s\" is not in 0..%d",
                           STR_ARG(key), BPE_ID_MAX);
        last = id > last ? id : last;
    }
    *n_ids = (size_t)(last + 1);
    return true;
}

static bool add_token(struct bpe *b, struct str token, size_t id, struct err *e)
{
    if (token.n > BPE_TOKEN_BYTES_MAX)
        return err_set(e, ERR_DATA, "model.vocab: a token of %zu bytes (at most %d: token-bytes)",
                       token.n, BPE_TOKEN_BYTES_MAX);
    if (b->exists[id])
        return err_set(e, ERR_DATA, "model.vocab: two tokens have the id %zu", id);
    b->exists[id] = true;
    b->spelled[id] = (struct bpe_slice){(uint32_t)b->spelled_pool.n, (uint32_t)token.n};
    buf_putstr(&b->spelled_pool, token);
    size_t at = b->bytes_pool.n;
    b->in_alphabet[id] = bpe_spelling(token, &b->bytes_pool);
    if (!b->in_alphabet[id])
        buf_putstr(&b->bytes_pool, token);
    b->bytes[id] = (struct bpe_slice){(uint32_t)at, (uint32_t)(b->bytes_pool.n - at)};
    *index_slot(&b->by_spelling, &b->spelled_pool, b->spelled, token) = (uint32_t)id + 1;
    if (b->in_alphabet[id] && b->bytes[id].n == 1)
        b->byte_id[(unsigned char)b->bytes_pool.p[at]] = (int32_t)id;
    return true;
}

static bool read_vocab(struct bpe *b, struct str vocab, struct err *e)
{
    if (vocab.n > UINT32_MAX)
        return err_set(e, ERR_DATA, "model.vocab: larger than 4 GiB");
    if (!last_id(vocab, &b->n_ids, &b->count, e))
        return false;
    b->spelled = xcalloc(b->n_ids, sizeof *b->spelled);
    b->bytes = xcalloc(b->n_ids, sizeof *b->bytes);
    b->exists = xcalloc(b->n_ids, sizeof *b->exists);
    b->in_alphabet = xcalloc(b->n_ids, sizeof *b->in_alphabet);
    index_open(&b->by_spelling, b->count);
    struct json_iter it = json_iter(vocab);
    struct str key, value;
    struct arena a = {0};
    bool ok = true;
    while (ok && json_next(&it, &key, &value)) {
        int64_t id;
        ok = json_i64(value, &id) && add_token(b, json_decode_key(&a, key), (size_t)id, e);
        arena_reset(&a);
    }
    arena_free(&a);
    return ok;
}

static void index_bytes(struct bpe *b)
{
    index_open(&b->by_bytes, b->count);
    for (size_t id = 0; id < b->n_ids; id++)
        if (b->exists[id] && b->in_alphabet[id])
            *index_slot(&b->by_bytes, &b->bytes_pool, b->bytes,
                        slice(&b->bytes_pool, b->bytes[id])) = (uint32_t)id + 1;
}

/* ---- the merges ---- */

/* Both spellings: "a b", and ["a","b"], where the parts may have spaces. */
static bool read_pair(struct str merge, struct arena *a, struct str *left, struct str *right)
{
    struct str rest;
    struct json_iter it;
    if (json_type(merge) == JSON_STRING) {
        struct str text = json_decode(a, merge);
        size_t space = str_find(text, STR(" "), 0);
        if (space == STR_NONE || str_find(text, STR(" "), space + 1) != STR_NONE)
            return false;
        *left = str_slice(text, 0, space);
        *right = str_slice(text, space + 1, text.n);
        return true;
    }
    if (json_type(merge) != JSON_ARRAY)
        return false;
    it = json_iter(merge);
    if (!json_next(&it, NULL, left) || json_type(*left) != JSON_STRING ||
        !json_next(&it, NULL, right) || json_type(*right) != JSON_STRING ||
        json_next(&it, NULL, &rest))
        return false;
    *left = json_decode(a, *left);
    *right = json_decode(a, *right);
    return true;
}

static void add_pair(struct bpe *b, uint64_t key, uint32_t rank)
{
    size_t k = bpe_pair_slot(key, b->pair_mask);
    while (b->pair_keys[k] != UINT64_MAX && b->pair_keys[k] != key)
        k = (k + 1) & b->pair_mask;
    b->pair_keys[k] = key;
    b->pair_ranks[k] = rank; /* a rule that stands twice has its last rank */
}

static bool add_merge(struct bpe *b, uint32_t rank, struct str left, struct str right,
                      struct buf *joined, struct err *e)
{
    buf_reset(joined);
    buf_putstr(joined, left);
    buf_putstr(joined, right);
    struct str parts[3] = {left, right, buf_str(joined)};
    int32_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = bpe_find(b, parts[i]);
        if (ids[i] < 0)
            return err_set(e, ERR_DATA, "model.merges: rule %u: \"%.*s\" is not in the vocabulary",
                           rank + 1, STR_ARG(parts[i]));
    }
    add_pair(b, (uint64_t)(uint32_t)ids[0] << 32 | (uint32_t)ids[1], rank);
    b->merged[rank] = ids[2];
    return true;
}

static bool read_merges(struct bpe *b, struct str merges, struct err *e)
{
    size_t count = json_count(merges);
    if (count > BPE_MERGES_MAX)
        return err_set(e, ERR_DATA, "model.merges: %zu rules (at most %d: merges)", count,
                       BPE_MERGES_MAX);
    size_t n = table_size(count);
    b->pair_mask = n - 1;
    b->pair_keys = xmalloc(n * sizeof *b->pair_keys);
    memset(b->pair_keys, 0xFF, n * sizeof *b->pair_keys);
    b->pair_ranks = xcalloc(n, sizeof *b->pair_ranks);
    b->merged = xcalloc(count, sizeof *b->merged);
    struct json_iter it = json_iter(merges);
    struct str merge, left, right;
    struct arena a = {0};
    struct buf joined = {0};
    bool ok = true;
    uint32_t rank = 0;
    while (ok && json_next(&it, NULL, &merge)) {
        if (str_starts(merge, STR("\"#version")))
            continue;
        ok = read_pair(merge, &a, &left, &right)
                 ? add_merge(b, rank, left, right, &joined, e)
                 : err_set(e, ERR_DATA, "model.merges: rule %u is not a pair of tokens", rank + 1);
        rank++;
        arena_reset(&a);
    }
    buf_free(&joined);
    arena_free(&a);
    return ok;
}

/* ---- the model ---- */

static bool refuse_option(struct str json, const char *name, struct err *e)
{
    struct str v;
    double number;
    if (!json_get(json, name, &v) || str_is(v, "null") || str_is(v, "false") || str_is(v, "\"\"") ||
        (json_double(v, &number) && number == 0))
        return true;
    return err_set(e, ERR_DATA, "model.%s is not supported (seen %.*s)", name, STR_ARG(v));
}

static bool read_unknown(struct bpe *b, struct str json, struct err *e)
{
    struct str v;
    if (!json_get(json, "unk_token", &v) || str_is(v, "null"))
        return true;
    if (json_type(v) != JSON_STRING)
        return err_set(e, ERR_DATA, "model.unk_token is not a string");
    struct arena a = {0};
    b->unknown = bpe_find(b, json_decode(&a, v));
    arena_free(&a);
    return true;
}

static bool read_model(struct bpe *b, struct str json, struct err *e)
{
    static const char *const refused[] = {"dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix", "byte_fallback"};
    struct str v, vocab, merges;
    if (json_type(json) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "model is not an object");
    if (json_get(json, "type", &v) && !str_is(v, "\"BPE\""))
        return err_set(e, ERR_DATA, "model.type is not supported (seen %.*s, expected \"BPE\")",
                       STR_ARG(v));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!refuse_option(json, refused[i], e))
            return false;
    if (!json_get(json, "vocab", &vocab) || json_type(vocab) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "model.vocab is missing or not an object");
    if (!json_get(json, "merges", &merges) || json_type(merges) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "model.merges is missing or not an array");
    if (!read_vocab(b, vocab, e) || !read_merges(b, merges, e) || !read_unknown(b, json, e))
        return false;
    if (json_get(json, "fuse_unk", &v))
        json_bool(v, &b->fuse_unknown);
    if (json_get(json, "ignore_merges", &v))
        json_bool(v, &b->ignore_merges);
    if (b->ignore_merges)
        index_bytes(b);
    return true;
}

struct bpe *bpe_open(struct str json, struct err *e)
{
    struct bpe *b = xcalloc(1, sizeof *b);
    b->unknown = -1;
    memset(b->byte_id, 0xFF, sizeof b->byte_id);
    if (!read_model(b, json, e)) {
        bpe_close(b);
        return NULL;
    }
    return b;
}

void bpe_close(struct bpe *b)
{
    if (!b)
        return;
    buf_free(&b->spelled_pool);
    buf_free(&b->bytes_pool);
    free(b->spelled);
    free(b->bytes);
    free(b->exists);
    free(b->in_alphabet);
    free(b->by_spelling.slots);
    free(b->by_bytes.slots);
    free(b->pair_keys);
    free(b->pair_ranks);
    free(b->merged);
    free(b);
}

/* config.c - see config.h. */
#include "model/config.h"
#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- members ---- */

/* A member that is absent or null counts as absent. */
static bool member(struct str object, const char *key, struct str *v)
{
    return json_get(object, key, v) && json_type(*v) != JSON_NULL;
}

static bool wrong(const char *key, struct str v, const char *want, struct err *e)
{
    return err_set(e, ERR_DATA, "%s is not %s (seen %.*s)", key, want, v.n > 40 ? 40 : (int)v.n,
                   v.p);
}

/* An integer of [1, max]; `fallback` if it is absent, an error if that is 0. */
static bool read_size(struct str object, const char *key, int32_t fallback, int32_t max,
                      int32_t *out, struct err *e)
{
    struct str v;
    int64_t i;
    *out = fallback;
    if (!member(object, key, &v))
        return fallback > 0 || err_set(e, ERR_DATA, "%s is missing", key);
    if (!json_i64(v, &i) || i < 1 || i > max)
        return err_set(e, ERR_DATA, "%s is not an integer of 1 to %d (seen %.*s)", key, (int)max,
                       v.n > 40 ? 40 : (int)v.n, v.p);
    *out = (int32_t)i;
    return true;
}

static bool read_bool(struct str object, const char *key, bool *out, struct err *e)
{
    struct str v;
    if (!member(object, key, &v))
        return true;
    return json_bool(v, out) || wrong(key, v, "true or false", e);
}

/* A positive number; left alone if it is absent. */
static bool read_positive(struct str object, const char *key, double *out, struct err *e)
{
    struct str v;
    if (!member(object, key, &v))
        return true;
    return (json_double(v, out) && *out > 0) || wrong(key, v, "a positive number", e);
}

static bool string_is(struct str value, const char *want)
{
    return json_type(value) == JSON_STRING && value.n == strlen(want) + 2 &&
           memcmp(value.p + 1, want, value.n - 2) == 0;
}

/* ---- what is refused ---- */

static bool check_architecture(struct str o, const struct family *f, struct err *e)
{
    struct str list, item;
    if (!member(o, "architectures", &list))
        return true;
    for (struct json_iter it = json_iter(list); json_next(&it, NULL, &item);)
        if (string_is(item, f->architecture))
            return true;
    return err_set(e, ERR_DATA,
                   "architectures: not a model for generation (seen %.*s, expected \"%s\")",
                   list.n > 60 ? 60 : (int)list.n, list.p, f->architecture);
}

static bool check_unsupported(struct str o, const struct family *f, struct err *e)
{
    static const char *const experts[] = {"num_experts", "num_local_experts", "n_routed_experts"};
    static const char *const quantised[] = {"quantization_config", "compression_config"};
    struct str v, item;
    bool on = false;
    for (size_t i = 0; i < sizeof quantised / sizeof *quantised; i++)
        if (member(o, quantised[i], &v))
            return err_set(e, ERR_DATA, "quantised weights are not supported (%s)", quantised[i]);
    for (size_t i = 0; i < sizeof experts / sizeof *experts; i++)
        if (member(o, experts[i], &v) && !str_is(v, "0"))
            return err_set(e, ERR_DATA, "mixtures of experts are not supported (%s)", experts[i]);
    if (f->sliding_window) {
        if (!read_bool(o, "use_sliding_window", &on, e))
            return false;
        if (on)
            return err_set(e, ERR_DATA,
                           "sliding window attention is not supported (use_sliding_window)");
    }
    if (member(o, "layer_types", &v))
        for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);)
            if (!string_is(item, "full_attention"))
                return err_set(e, ERR_DATA,
                               "attention other than full is not supported (layer_types: %.*s)",
                               STR_ARG(item));
    if (member(o, "hidden_act", &v) && !string_is(v, "silu") && !string_is(v, "swish"))
        return wrong("hidden_act", v, "\"silu\", the only activation that is supported", e);
    double partial = 1;
    if (!read_positive(o, "partial_rotary_factor", &partial, e))
        return false;
    if (partial != 1)
        return err_set(e, ERR_DATA, "partial rotary positions are not supported");
    return true;
}

static bool read_family(struct str o, const struct family **f, struct err *e)
{
    struct str v;
    if (!member(o, "model_type", &v) || json_type(v) != JSON_STRING)
        return err_set(e, ERR_DATA, "model_type is missing");
    struct str name = {v.p + 1, v.n - 2};
    *f = family_find(name);
    if (*f)
        return true;
    bool moe = str_find(name, STR("moe"), 0) != STR_NONE || str_starts(name, STR("mixtral"));
    return err_set(e, ERR_DATA, "model_type \"%.*s\" is not supported%s (known: %s)", STR_ARG(name),
                   moe ? ", nor are other mixtures of experts" : "", family_names());
}

/* ---- rotary positions ---- */

static bool read_rope_kind(struct str r, enum rope_kind *kind, struct err *e)
{
    static const struct {
        const char *name;
        enum rope_kind kind;
    } kinds[] = {{"default", ROPE_DEFAULT},
                 {"linear", ROPE_LINEAR},
                 {"llama3", ROPE_LLAMA3},
                 {"yarn", ROPE_YARN}};
    struct str v, item;
    *kind = ROPE_DEFAULT;
    if (!member(r, "rope_type", &v) && !member(r, "type", &v)) {
        for (struct json_iter it = json_iter(r); json_next(&it, NULL, &item);)
            if (json_type(item) == JSON_OBJECT)
                return err_set(e, ERR_DATA,
                               "rotary positions that differ between layers are not supported");
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (string_is(v, kinds[i].name)) {
            *kind = kinds[i].kind;
            return true;
        }
    return err_set(e, ERR_DATA,
                   "rotary scaling %.*s is not supported (known: linear, llama3, yarn)",
                   STR_ARG(v));
}

static double yarn_scale(double factor, double m)
{
    return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1;
}

static bool read_yarn(struct str r, struct rope *p, struct err *e)
{
    double mscale = 0, mscale_all = 0;
    p->beta_fast = 32, p->beta_slow = 1, p->attention = 0, p->truncate = true;
    if (!read_positive(r, "beta_fast", &p->beta_fast, e) ||
        !read_positive(r, "beta_slow", &p->beta_slow, e) ||
        !read_positive(r, "attention_factor", &p->attention, e) ||
        !read_bool(r, "truncate", &p->truncate, e))
        return false;
    struct str v;
    if (member(r, "mscale", &v))
        json_double(v, &mscale);
    if (member(r, "mscale_all_dim", &v))
        json_double(v, &mscale_all);
    if (p->attention == 0)
        p->attention = mscale != 0 && mscale_all != 0
                           ? yarn_scale(p->factor, mscale) / yarn_scale(p->factor, mscale_all)
                           : yarn_scale(p->factor, 1);
    return true;
}

static bool read_rope(struct str o, struct model_config *c, struct err *e)
{
    struct rope *p = &c->rope;
    struct str r = STR("{}"), v5;
    *p = (struct rope){.theta = 10000, .factor = 0};
    if (member(o, "rope_parameters", &v5)) {
        r = v5;
        if (!read_positive(v5, "rope_theta", &p->theta, e))
            return false;
    }
    if (!read_positive(o, "rope_theta", &p->theta, e))
        return false;
    if (member(o, "rope_scaling", &v5) && !(json_type(v5) == JSON_OBJECT && !json_count(v5)))
        r = v5;
    if (json_type(r) != JSON_OBJECT)
        return wrong("rope_scaling", r, "an object", e);
    double partial = 1;
    if (!read_rope_kind(r, &p->kind, e) ||
        !read_positive(r, "partial_rotary_factor", &partial, e) ||
        !read_positive(r, "factor", &p->factor, e))
        return false;
    if (partial != 1)
        return err_set(e, ERR_DATA, "partial rotary positions are not supported");
    if (p->kind != ROPE_DEFAULT && p->factor == 0)
        return err_set(e, ERR_DATA, "the rotary scaling has no factor");
    p->original = p->kind == ROPE_YARN ? c->context : 0;
    if (!read_positive(r, "original_max_position_embeddings", &p->original, e) ||
        !read_positive(r, "low_freq_factor", &p->low, e) ||
        !read_positive(r, "high_freq_factor", &p->high, e))
        return false;
    if (p->kind == ROPE_LLAMA3 && !(p->original > 0 && p->low > 0 && p->high > p->low))
        return err_set(e, ERR_DATA,
                       "the llama3 rotary scaling needs low_freq_factor < "
                       "high_freq_factor and original_max_position_embeddings");
    return p->kind != ROPE_YARN || read_yarn(r, p, e);
}

/* ---- the whole ---- */

static bool read_ids(struct str o, const char *key, struct model_config *c, struct err *e)
{
    struct str v, item;
    int64_t id;
    c->n_eos = 0;
    if (!member(o, key, &v))
        return true;
    if (json_i64(v, &id) && id >= 0 && id < c->vocab) {
        c->eos[c->n_eos++] = (int32_t)id;
        return true;
    }
    if (json_type(v) != JSON_ARRAY)
        return wrong(key, v, "a token id or a list of them", e);
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);) {
        if (!json_i64(item, &id) || id < 0 || id >= c->vocab)
            return wrong(key, item, "a token id of the vocabulary", e);
        if (c->n_eos == CONFIG_EOS_MAX)
            return err_set(e, ERR_DATA, "%s has more than %d ids", key, CONFIG_EOS_MAX);
        c->eos[c->n_eos++] = (int32_t)id;
    }
    return true;
}

static bool bias_of(enum family_bias rule, bool key)
{
    return rule == BIAS_ALWAYS || (rule == BIAS_BY_KEY && key);
}

bool config_check(const struct model_config *c, struct err *e)
{
    if (c->n_heads % c->n_kv_heads)
        return err_set(e, ERR_DATA, "heads do not divide among key/value heads (seen %d and %d)",
                       (int)c->n_heads, (int)c->n_kv_heads);
    if (c->head_dim > CONFIG_HEAD_DIM_MAX)
        return err_set(e, ERR_DATA, "head_dim is too large (seen %d, at most %d)", (int)c->head_dim,
                       CONFIG_HEAD_DIM_MAX);
    if (c->head_dim % 2)
        return err_set(e, ERR_DATA, "head_dim is odd (seen %d)", (int)c->head_dim);
    if (c->rope.theta <= 1)
        return err_set(e, ERR_DATA, "rope_theta is not above 1 (seen %g)", c->rope.theta);
    return true;
}

static bool read_shape(struct str o, struct model_config *c, struct err *e)
{
    if (!read_size(o, "vocab_size", 0, CONFIG_VOCAB_MAX, &c->vocab, e) ||
        !read_size(o, "hidden_size", 0, CONFIG_HIDDEN_MAX, &c->hidden, e) ||
        !read_size(o, "intermediate_size", 0, CONFIG_FF_MAX, &c->ff, e) ||
        !read_size(o, "num_hidden_layers", 0, CONFIG_LAYERS_MAX, &c->n_layers, e) ||
        !read_size(o, "num_attention_heads", 0, CONFIG_HEADS_MAX, &c->n_heads, e) ||
        !read_size(o, "num_key_value_heads", c->n_heads, CONFIG_HEADS_MAX, &c->n_kv_heads, e) ||
        !read_size(o, "max_position_embeddings", c->family->context, INT32_MAX, &c->context, e))
        return false;
    int32_t head_dim = c->family->head_dim ? c->family->head_dim : c->hidden / c->n_heads;
    return read_size(o, "head_dim", head_dim, CONFIG_HEAD_DIM_MAX, &c->head_dim, e);
}

static bool parse(struct str o, struct str generation, struct model_config *c, struct err *e)
{
    struct str v;
    int64_t id;
    if (!read_family(o, &c->family, e) || !check_architecture(o, c->family, e) ||
        !check_unsupported(o, c->family, e) || !read_shape(o, c, e))
        return false;
    bool attention = false, mlp = false;
    if (!read_bool(o, "tie_word_embeddings", &c->tied, e) ||
        !read_bool(o, "attention_bias", &attention, e) || !read_bool(o, "mlp_bias", &mlp, e))
        return false;
    c->qkv_bias = bias_of(c->family->qkv_bias, attention);
    c->o_bias = bias_of(c->family->o_bias, attention);
    c->mlp_bias = bias_of(c->family->mlp_bias, mlp);
    c->norm_eps = 1e-6;
    if (!read_positive(o, "rms_norm_eps", &c->norm_eps, e) || !read_rope(o, c, e) ||
        !config_check(c, e) || !read_ids(o, "eos_token_id", c, e))
        return false;
    c->bos = -1;
    if (member(o, "bos_token_id", &v) && json_i64(v, &id) && id >= 0 && id < c->vocab)
        c->bos = (int32_t)id;
    if (generation.n && member(generation, "eos_token_id", &v) &&
        !read_ids(generation, "eos_token_id", c, e))
        return err_at(e, "generation_config.json: ");
    return true;
}

bool config_parse(struct str config, struct str generation, struct model_config *c, struct err *e)
{
    struct str o, g = {NULL, 0};
    memset(c, 0, sizeof *c);
    if (!json_check(config, &o, e))
        return false;
    if (json_type(o) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "not an object");
    if (generation.n && (!json_check(generation, &g, e) || json_type(g) != JSON_OBJECT))
        return e->status ? err_at(e, "generation_config.json: ")
                         : err_set(e, ERR_DATA, "generation_config.json: not an object");
    return parse(o, g, c, e);
}

bool config_load(const char *dir, struct model_config *c, struct err *e)
{
    char *path = path_join(dir, "config.json"),
         *generation = path_join(dir, "generation_config.json");
    struct buf text = {0}, more = {0};
    bool ok = file_read(path, CONFIG_BYTES_MAX, &text, e);
    if (ok && file_exists(generation, e))
        ok = file_read(generation, CONFIG_BYTES_MAX, &more, e);
    ok = ok && !e->status;
    if (ok && !config_parse(buf_str(&text), buf_str(&more), c, e))
        ok = err_at(e, "%s: ", path);
    buf_free(&text);
    buf_free(&more);
    free(path);
    free(generation);
    return ok;
}

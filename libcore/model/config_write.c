/* config_write.c - the configs of models that we make. */
#include "base/json.h"
#include "model/config.h"

#include <inttypes.h>

static const char *json_of(bool b)
{
    return b ? "true" : "false";
}

static void put_double(struct buf *b, const char *key, double v)
{
    buf_printf(b, "  \"%s\": ", key);
    json_put_double(b, v);
    buf_puts(b, ",\n");
}

static void put_eos(struct buf *b, const struct model_config *c)
{
    buf_puts(b, "  \"eos_token_id\": ");
    if (c->n_eos == 0)
        buf_puts(b, "null");
    else if (c->n_eos == 1)
        buf_printf(b, "%d", (int)c->eos[0]);
    else
        for (size_t i = 0; i < c->n_eos; i++)
            buf_printf(b, "%s%d%s", i ? ", " : "[", (int)c->eos[i], i + 1 == c->n_eos ? "]" : "");
    buf_puts(b, ",\n");
}

static void put_bos(struct buf *b, const struct model_config *c)
{
    if (c->bos < 0)
        buf_puts(b, "  \"bos_token_id\": null,\n");
    else
        buf_printf(b, "  \"bos_token_id\": %d,\n", (int)c->bos);
}

void config_print(const struct model_config *c, const char *dtype, struct buf *config,
                  struct buf *generation)
{
    const struct family *f = c->family;
    buf_printf(config, "{\n  \"architectures\": [\n    \"%s\"\n  ],\n", f->architecture);
    if (f->qkv_bias == BIAS_BY_KEY)
        buf_printf(config, "  \"attention_bias\": %s,\n", json_of(c->qkv_bias));
    buf_puts(config, "  \"attention_dropout\": 0.0,\n");
    put_bos(config, c);
    put_eos(config, c);
    buf_printf(config, "  \"head_dim\": %d,\n  \"hidden_act\": \"silu\",\n", (int)c->head_dim);
    buf_printf(config, "  \"hidden_size\": %d,\n  \"initializer_range\": 0.02,\n", (int)c->hidden);
    buf_printf(config, "  \"intermediate_size\": %d,\n", (int)c->ff);
    buf_printf(config, "  \"max_position_embeddings\": %d,\n", (int)c->context);
    if (f->mlp_bias == BIAS_BY_KEY)
        buf_printf(config, "  \"mlp_bias\": %s,\n", json_of(c->mlp_bias));
    buf_printf(config, "  \"model_type\": \"%s\",\n", f->name);
    buf_printf(config, "  \"num_attention_heads\": %d,\n", (int)c->n_heads);
    buf_printf(config, "  \"num_hidden_layers\": %d,\n", (int)c->n_layers);
    buf_printf(config, "  \"num_key_value_heads\": %d,\n", (int)c->n_kv_heads);
    put_double(config, "rms_norm_eps", c->norm_eps);
    buf_puts(config, "  \"rope_scaling\": null,\n");
    put_double(config, "rope_theta", c->rope.theta);
    buf_printf(config, "  \"tie_word_embeddings\": %s,\n  \"torch_dtype\": \"%s\",\n",
               json_of(c->tied), dtype);
    buf_puts(config, "  \"use_cache\": true,\n");
    if (f->sliding_window)
        buf_puts(config, "  \"use_sliding_window\": false,\n");
    buf_printf(config, "  \"vocab_size\": %d\n}\n", (int)c->vocab);

    buf_puts(generation, "{\n");
    put_bos(generation, c);
    put_eos(generation, c);
    buf_puts(generation, "  \"do_sample\": true,\n  \"temperature\": 1.0,\n  \"top_p\": 1.0\n}\n");
}

void config_with_dtype(struct str config, const char *dtype, struct buf *out)
{
    struct str key, value;
    const char *done = config.p;
    for (struct json_iter it = json_iter(str_trim(config)); json_next(&it, &key, &value);)
        if (json_key_is(key, "torch_dtype") || json_key_is(key, "dtype")) {
            buf_put(out, done, (size_t)(value.p - done));
            buf_printf(out, "\"%s\"", dtype);
            done = value.p + value.n;
        }
    buf_put(out, done, config.n - (size_t)(done - config.p));
}

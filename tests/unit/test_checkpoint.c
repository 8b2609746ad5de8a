/* test_checkpoint.c - configs, element types, and weights written and read back. */
#include "../tap.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/weights.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define SIZES                                                                                      \
    "\"vocab_size\":19,\"hidden_size\":8,\"intermediate_size\":12,\"num_hidden_layers\":2,"        \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2"

static bool parses(const char *text, struct model_config *c, struct err *e)
{
    *e = (struct err)ERR_NONE;
    return config_parse(str_of(text), (struct str){NULL, 0}, c, e);
}

static void both_spellings_of_configs_are_read(void)
{
    struct model_config c;
    struct err e;
    CHECK(parses("{\"model_type\":\"qwen2\"," SIZES ",\"rope_theta\":1e6,\"eos_token_id\":[3,4]}",
                 &c, &e));
    CHECK(c.qkv_bias && !c.o_bias && !c.tied && c.head_dim == 2 && c.rope.theta == 1e6 &&
          c.n_eos == 2);
    CHECK(parses("{\"model_type\":\"qwen3\"," SIZES ",\"eos_token_id\":null,\"head_dim\":null}", &c,
                 &e));
    CHECK(!c.qkv_bias && c.head_dim == 128 && c.n_eos == 0 && c.family->qk_norm);
    CHECK(parses("{\"model_type\":\"llama\"," SIZES ",\"attention_bias\":true,\"mlp_bias\":true,"
                 "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2,\"rope_theta\":5e5}}",
                 &c, &e));
    CHECK(c.qkv_bias && c.o_bias && c.mlp_bias && c.rope.kind == ROPE_LINEAR &&
          c.rope.theta == 5e5);
    CHECK(parses("{\"model_type\":\"llama\"," SIZES ",\"max_position_embeddings\":256,"
                 "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4.0}}",
                 &c, &e));
    CHECK(c.rope.kind == ROPE_YARN && c.rope.original == 256 && c.rope.truncate);
    CHECK_NEAR(c.rope.attention, 0.1 * log(4.0) + 1, 1e-15);
    e = (struct err)ERR_NONE;
    CHECK(config_parse(STR("{\"model_type\":\"qwen2\"," SIZES ",\"eos_token_id\":1}"),
                       STR("{\"eos_token_id\":[2,5]}"), &c, &e));
    CHECK(c.n_eos == 2 && c.eos[1] == 5);
}

static void what_is_not_supported_is_refused_by_name(void)
{
    static const struct {
        const char *text, *names;
    } bad[] = {
        {"{\"model_type\":\"qwen2\"," SIZES ",\"use_sliding_window\":true}", "use_sliding_window"},
        {"{\"model_type\":\"qwen3\"," SIZES
         ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]}",
         "layer_types"},
        {"{\"model_type\":\"qwen2\"," SIZES ",\"quantization_config\":{\"bits\":4}}",
         "quantization_config"},
        {"{\"model_type\":\"llama\"," SIZES
         ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}",
         "dynamic"},
        {"{\"model_type\":\"llama\"," SIZES ",\"rope_scaling\":{\"rope_type\":\"longrope\"}}",
         "longrope"},
        {"{\"model_type\":\"llama\"," SIZES
         ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8}}",
         "llama3"},
        {"{\"model_type\":\"qwen3_moe\"," SIZES "}", "qwen3_moe"},
        {"{\"model_type\":\"mistral\"," SIZES "}", "mistral"},
        {"{\"model_type\":\"qwen3\"," SIZES ",\"num_experts\":8}", "num_experts"},
        {"{\"model_type\":\"llama\"," SIZES ",\"hidden_act\":\"gelu\"}", "hidden_act"},
        {"{\"model_type\":\"llama\"," SIZES
         ",\"architectures\":[\"LlamaForSequenceClassification\"]}",
         "architectures"},
        {"{\"model_type\":\"llama\"," SIZES ",\"partial_rotary_factor\":0.5}", "partial"},
        {"{\"model_type\":\"llama\"," SIZES ",\"num_key_value_heads\":3}", "byte"},
        {"{\"model_type\":\"llama\",\"vocab_size\":7}", "hidden_size"},
        {"{\"model_type\":\"llama\"," SIZES ",\"head_dim\":3}", "head_dim"},
        {"{\"model_type\":\"llama\"," SIZES ",\"rms_norm_eps\":\"1e-6\"}", "rms_norm_eps"},
        {"{\"model_type\":\"llama\"," SIZES ",\"eos_token_id\":19}", "eos_token_id"},
        {"[]", "object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_config c;
        struct err e;
        bool ok = parses(bad[i].text, &c, &e);
        if (ok || e.status != ERR_DATA || !strstr(e.text, bad[i].names))
            CHECK_STR(e.text, bad[i].names);
    }
}

static void halves_convert_exactly(void)
{
    static const struct {
        uint16_t h;
        float f;
    } f16[] = {{0x3C00, 1},        {0xC000, -2},    {0x0001, 0x1p-24f}, {0x03FF, 0x1.ff8p-15f},
               {0x0400, 0x1p-14f}, {0x7BFF, 65504}, {0x7C00, INFINITY}, {0x8000, -0.0f}};
    for (size_t i = 0; i < sizeof f16 / sizeof *f16; i++) {
        float f;
        dtype_to_f32(DTYPE_F16, &f16[i].h, &f, 1);
        CHECK(memcmp(&f, &f16[i].f, 4) == 0);
    }
    static const struct {
        float f;
        uint16_t h;
    } bf16[] = {{1, 0x3F80},
                {0x1.01p0f, 0x3F80},
                {0x1.03p0f, 0x3F82},
                {0x1.010002p0f, 0x3F81},
                {-0x1.fffffep127f, 0xFF80},
                {0, 0}};
    for (size_t i = 0; i < sizeof bf16 / sizeof *bf16; i++) {
        uint16_t h;
        dtype_from_f32(DTYPE_BF16, &bf16[i].f, &h, 1);
        CHECK_INT(h, bf16[i].h);
    }
    float nan_in = NAN, nan_out;
    uint16_t h;
    dtype_from_f32(DTYPE_BF16, &nan_in, &h, 1);
    dtype_to_f32(DTYPE_BF16, &h, &nan_out, 1);
    CHECK(isnan(nan_out));
}

/* ---- writing and reading ---- */

static void numbered(void *arg, size_t param, size_t from, size_t n, float *out)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((param * 7 + from + i) % 251) - 100;
}

static char *temp_dir(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/gcpo-test-XXXXXX");
    return mkdtemp(path);
}

static void remove_dir(const char *dir, const char *const *names)
{
    for (; *names; names++) {
        char *p = path_join(dir, *names);
        unlink(p);
        free(p);
    }
    rmdir(dir);
}

static void round_trip(enum dtype dtype, uint64_t max_shard, size_t shards_at_least)
{
    static const char *const names[] = {"model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00004.safetensors",
                                        "model-00002-of-00004.safetensors",
                                        "model-00003-of-00004.safetensors",
                                        "model-00004-of-00004.safetensors",
                                        NULL};
    struct model_config c;
    struct err e = ERR_NONE;
    struct layout l;
    CHECK(parses("{\"model_type\":\"qwen3\"," SIZES ",\"head_dim\":4,\"tie_word_embeddings\":true}",
                 &c, &e));
    layout_init(&l, &c);
    char *dir = temp_dir();
    CHECK(dir && weights_write(dir, &l, dtype, max_shard, numbered, NULL, &e));
    char *index = path_join(dir, names[1]);
    CHECK((access(index, F_OK) == 0) == (shards_at_least > 1));
    free(index);
    struct weights *w = weights_open(dir, &l, &e);
    CHECK_STR(e.text, "");
    for (size_t i = 0; w && i < l.n_params; i++) {
        float want[200], seen[200];
        CHECK(l.params[i].n <= 200);
        numbered(NULL, i, 0, l.params[i].n, want);
        weights_read(w, i, 0, l.params[i].n, seen);
        CHECK(memcmp(want, seen, l.params[i].n * 4) == 0);
    }
    if (w) {
        CHECK(weights_dtype(w) == dtype && weights_bytes(w) == l.n * dtype_bytes(dtype));
        char digest[WEIGHTS_DIGEST], other[WEIGHTS_DIGEST];
        weights_digest(w, &c, digest);
        c.rope.theta = 9999;
        weights_digest(w, &c, other);
        CHECK(strlen(digest) == 32 && strcmp(digest, other) != 0);
    }
    weights_close(w);
    remove_dir(dir, names);
    layout_free(&l);
}

static void weights_come_back(void)
{
    round_trip(DTYPE_F32, 0, 1);
    round_trip(DTYPE_BF16, 0, 1);
    round_trip(DTYPE_F32, 1600, 4);
}

static void wrong_weights_are_named(void)
{
    static const char *const names[] = {"model.safetensors", NULL};
    static const struct {
        const char *config, *message;
    } bad[] = {
        {"{\"model_type\":\"qwen3\"," SIZES ",\"head_dim\":4}", "lm_head.weight is missing"},
        {"{\"model_type\":\"qwen2\"," SIZES ",\"head_dim\":4,\"tie_word_embeddings\":true}",
         "q_proj.bias is missing"},
        {"{\"model_type\":\"llama\"," SIZES ",\"head_dim\":4,\"tie_word_embeddings\":true}",
         "_norm.weight has no place"},
        {"{\"model_type\":\"qwen3\"," SIZES ",\"head_dim\":2,\"tie_word_embeddings\":true}",
         "wrong shape (seen 16x8, expected 8x8)"},
    };
    struct model_config c;
    struct err e = ERR_NONE;
    struct layout l;
    CHECK(parses("{\"model_type\":\"qwen3\"," SIZES ",\"head_dim\":4,\"tie_word_embeddings\":true}",
                 &c, &e));
    layout_init(&l, &c);
    char *dir = temp_dir();
    CHECK(dir && weights_write(dir, &l, DTYPE_F32, 0, numbered, NULL, &e));
    layout_free(&l);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(parses(bad[i].config, &c, &e));
        layout_init(&l, &c);
        struct weights *w = weights_open(dir, &l, &e);
        if (w || e.status != ERR_DATA || !strstr(e.text, bad[i].message))
            CHECK_STR(e.text, bad[i].message);
        weights_close(w);
        layout_free(&l);
    }
    remove_dir(dir, names);
}

static void new_configs_are_read_back(void)
{
    struct model_config c, back;
    struct err e = ERR_NONE;
    struct buf config = {0}, generation = {0}, changed = {0};
    CHECK(parses("{\"model_type\":\"llama\"," SIZES
                 ",\"mlp_bias\":true,\"eos_token_id\":[1,2],\"rms_norm_eps\":1e-5,"
                 "\"bos_token_id\":0,\"rope_theta\":5e5,\"head_dim\":6}",
                 &c, &e));
    config_print(&c, "float32", &config, &generation);
    CHECK(config_parse(buf_str(&config), buf_str(&generation), &back, &e));
    CHECK(memcmp(&c, &back, sizeof c) == 0);
    config_with_dtype(buf_str(&config), "bfloat16", &changed);
    CHECK(str_find(buf_str(&changed), STR("\"torch_dtype\": \"bfloat16\""), 0) != STR_NONE);
    CHECK_INT(changed.n, config.n + 1);
    buf_free(&config);
    buf_free(&generation);
    buf_free(&changed);
}

int main(void)
{
    static const struct test t[] = {
        {"both spellings of configs are read", both_spellings_of_configs_are_read},
        {"what is not supported is refused by name", what_is_not_supported_is_refused_by_name},
        {"halves convert exactly", halves_convert_exactly},
        {"weights come back", weights_come_back},
        {"wrong weights are named", wrong_weights_are_named},
        {"new configs are read back", new_configs_are_read_back},
    };
    return TAP_RUN(t);
}

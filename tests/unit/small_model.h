/* small_model.h - for the tests of the engine: model directories of random
 * weights, and groups of responses. */
#ifndef TESTS_UNIT_SMALL_MODEL_H
#define TESTS_UNIT_SMALL_MODEL_H

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/weights.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL_SIZES                                                                                \
    "\"vocab_size\":97,\"hidden_size\":24,\"intermediate_size\":40,\"num_hidden_layers\":2,"       \
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":10,\"eos_token_id\":[1,2],"  \
    "\"max_position_embeddings\":512"

static const char small_qwen2[] = "{\"model_type\":\"qwen2\"," SMALL_SIZES
                                  ",\"tie_word_embeddings\":true}";
static const char small_qwen3[] = "{\"model_type\":\"qwen3\"," SMALL_SIZES "}";
static const char small_llama[] = "{\"model_type\":\"llama\"," SMALL_SIZES
                                  ",\"attention_bias\":true,\"mlp_bias\":true}";

/* The device under test. */
static const char *small_device(void)
{
    const char *device = getenv("GCPO_TEST_DEVICE");
    return device ? device : "cpu";
}

struct small_weights {
    const struct layout *l;
    uint64_t seed;
};

static void small_read(void *arg, size_t param, size_t from, size_t n, float *out)
{
    const struct small_weights *s = arg;
    const struct param *p = &s->l->params[param];
    bool is_norm = strstr(p->name, "norm") != NULL;
    for (size_t i = 0; i < n; i++) {
        double g = rng_gaussian(s->seed, param, (uint32_t)(from + i));
        out[i] = (float)(is_norm   ? 1 + 0.2 * g
                         : p->cols ? 1.2 * g / sqrt((double)p->cols)
                                   : 0.2 * g);
    }
}

/* A directory that the caller gives to small_remove(). */
static char *small_make(const char *config, enum dtype dtype, uint64_t seed)
{
    struct model_config c;
    struct layout l;
    struct err e = ERR_NONE;
    char *dir = xstrdup("/tmp/gcpo-test-XXXXXX");
    bool ok = mkdtemp(dir) && config_parse(str_of(config), (struct str){NULL, 0}, &c, &e);
    ASSERT(ok);
    layout_init(&l, &c);
    char *path = path_join(dir, "config.json");
    ok = file_write(path, config, strlen(config), &e) &&
         weights_write(dir, &l, dtype, 0, small_read, &(struct small_weights){&l, seed}, &e);
    ASSERT(ok);
    free(path);
    layout_free(&l);
    return dir;
}

static inline char *small_dir(void)
{
    char *dir = xstrdup("/tmp/gcpo-test-XXXXXX");
    char *made = mkdtemp(dir);
    ASSERT(made);
    return dir;
}

static void small_remove(char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (entry->d_name[0] != '.') {
            char *path = path_join(dir, entry->d_name);
            unlink(path);
            free(path);
        }
    if (d)
        closedir(d);
    rmdir(dir);
    free(dir);
}

/* Random ids of the small vocabulary. */
static int32_t *small_tokens(struct arena *a, uint64_t stream, size_t n)
{
    int32_t *t = arena_array(a, n, sizeof *t);
    for (size_t i = 0; i < n; i++)
        t[i] = (int32_t)(rng_u64(5, stream, (uint32_t)i, 0) % 97);
    return t;
}

#endif

/* bench_model.h - random models that benchmarks run: their shapes, their folders. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "engine/engine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KV_HEADS = 2 };

struct shape {
    const char *name;
    int32_t hidden, layers, heads, ff, vocab;
};

static const struct shape shapes[] = {
    {"tiny", 128, 4, 4, 344, 512},
    {"mini", 256, 6, 4, 704, 2048},
    {"small", 384, 8, 6, 1024, 4096},
    {"medium", 512, 12, 8, 1408, 16384},
    {"base", 768, 16, 12, 2432, 50304},
    {"qwen0.5b", 896, 24, 14, 4864, 151936},
    {"qwen1.5b", 1536, 28, 12, 8960, 151936},
};

/* NULL: there is none of that name. */
static inline const struct shape *shape_named(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}

static inline void check(bool ok, const struct err *e)
{
    if (ok)
        return;
    fprintf(stderr, "bench: %s\n", e->text);
    exit(e->status);
}

static inline double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void make_model(const struct shape *s, const char *dtype, const char *dir)
{
    struct err e = ERR_NONE;
    struct engine_init i = {.family = "qwen2",
                            .dtype = dtype,
                            .vocab_size = s->vocab,
                            .context = 32768,
                            .n_layers = s->layers,
                            .n_heads = s->heads,
                            .n_kv_heads = KV_HEADS,
                            .head_dim = s->hidden / s->heads,
                            .hidden = s->hidden,
                            .ff = s->ff,
                            .tied = true,
                            .rope_theta = 1e6,
                            .norm_eps = 1e-6,
                            .std_embed = 0.02,
                            .std_in = 0.02,
                            .seed = 1,
                            .bos = -1};
    check(engine_init(dir, &i, 0, &e), &e);
}

static inline void remove_model(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

#endif

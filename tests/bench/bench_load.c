/* bench_load.c - opening a checkpoint: seconds per GB, and what stays resident.
 *
 * A checkpoint of about 330 MB (bf16) is made, read once so that its file is
 * in the page cache, and opened as each program opens it.  "resident" is what
 * the process has more than before, right after opening. */
#include "base/mem.h"
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* MB */
static double resident(void)
{
    long total = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%ld %ld", &total, &pages) != 2)
            pages = 0;
        fclose(f);
    }
    return 1e-6 * (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void print(const char *what, double s, double mb, double file_mb)
{
    printf("checkpoint: %-24s %8.3f s/GB  resident %7.1f MB of %.1f MB stored\n", what,
           1e3 * s / file_mb, mb, file_mb);
}

static void *open_rollout(const char *dir, struct err *e)
{
    return engine_open(dir, &(struct engine_options){0}, e);
}

static void *open_update(const char *dir, struct err *e)
{
    return trainer_open(dir, &(struct trainer_options){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
                        e);
}

static void close_rollout(void *p)
{
    engine_close(p);
}

static void close_update(void *p)
{
    trainer_close(p);
}

static bool measure(const char *what, const char *dir, double file_mb,
                    void *(*open)(const char *dir, struct err *e), void (*close)(void *p),
                    struct err *e)
{
    double best = 1e30, mb = 0;
    for (int round = 0; round < 3; round++) {
        double before = resident(), start = now();
        void *p = open(dir, e);
        if (!p)
            return false;
        double s = now() - start;
        best = s < best ? s : best;
        mb = round ? mb : resident() - before;
        close(p);
    }
    print(what, best, mb, file_mb);
    return true;
}

static bool run(const char *dir, struct err *e)
{
    const struct engine_init spec = {.family = "qwen2",
                                     .dtype = "bf16",
                                     .vocab_size = 32768,
                                     .context = 4096,
                                     .n_layers = 8,
                                     .n_heads = 16,
                                     .n_kv_heads = 2,
                                     .head_dim = 64,
                                     .hidden = 1024,
                                     .ff = 4096,
                                     .tied = true,
                                     .rope_theta = 1e6,
                                     .norm_eps = 1e-6,
                                     .std_embed = 0.02,
                                     .std_in = 0.02,
                                     .bos = -1};
    struct engine_info info;
    char digest[ENGINE_DIGEST];
    if (!engine_init(dir, &spec, 0, e))
        return false;
    double before = resident(), start = now();
    if (!engine_inspect(dir, &info, digest, e))
        return false;
    double file_mb = 1e-6 * (double)info.weights_bytes;
    print("map and hash (info)", now() - start, resident() - before, file_mb);
    return measure("pack (gcpo-rollout)", dir, file_mb, open_rollout, close_rollout, e) &&
           measure("with masters (gcpo-update)", dir, file_mb, open_update, close_update, e);
}

static void remove_all(const char *dir)
{
    static const char *const names[] = {"config.json", "generation_config.json",
                                        "model.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(void)
{
    struct err e = ERR_NONE;
    char dir[] = "/tmp/gcpo-bench-XXXXXX";
    if (!mkdtemp(dir)) {
        perror("checkpoint");
        return 71;
    }
    if (!run(dir, &e))
        printf("checkpoint: %s\n", e.text);
    remove_all(dir);
    return e.status;
}

/* bench_tokenizer.c - MB/s of one core: bench_tokenizer [TOKENIZER_DIR [TEXT_FILE]]
 *
 * Without operands, DATA's qwen2-like tokenizer over the strings of GSM8K (English,
 * 4 MB).  A second line is 1 MB of one letter, where merging by scanning would
 * take hours. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

enum { TEXT_MAX = 1 << 26, ROUNDS = 3 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The string members of a compressed file of JSON lines, one below the other. */
static bool read_strings(const char *path, struct buf *text)
{
    struct err e = ERR_NONE;
    struct buf packed = {0}, lines = {0};
    struct arena a = {0};
    if (!file_read(path, TEXT_MAX, &packed, &e))
        return false;
    buf_reserve(&lines, TEXT_MAX);
    size_t n = ZSTD_decompress(lines.p, TEXT_MAX, packed.p, packed.n);
    lines.n = ZSTD_isError(n) ? 0 : n;
    struct str all = buf_str(&lines), record, value;
    for (size_t i = 0, end; i < all.n; i = end + 1) {
        end = str_find(all, STR("\n"), i);
        end = end == STR_NONE ? all.n : end;
        if (!json_check(str_slice(all, i, end), &record, &e))
            break;
        for (struct json_iter it = json_iter(record); json_next(&it, NULL, &value);)
            if (json_type(value) == JSON_STRING) {
                buf_putstr(text, json_decode(&a, value));
                buf_putc(text, '\n');
            }
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&packed);
    buf_free(&lines);
    return text->n > 0;
}

static void measure(struct encoder *x, const char *what, struct str text)
{
    struct err e = ERR_NONE;
    struct ids ids = {0};
    double best = 1e30;
    for (int round = 0; round < ROUNDS; round++) {
        ids.n = 0;
        double start = now();
        if (!encoder_run(x, text, 0, &ids, &e)) {
            printf("%s: %s\n", what, e.text);
            break;
        }
        double s = now() - start;
        best = s < best ? s : best;
    }
    printf("tokenizer: %-20s %8.1f MB/s  (%.1f MB, %zu ids)\n", what, 1e-6 * (double)text.n / best,
           1e-6 * (double)text.n, ids.n);
    ids_free(&ids);
}

int main(int argc, char **argv)
{
    struct err e = ERR_NONE;
    const char *data = getenv("DATA") ? getenv("DATA") : "../shared/data";
    char *dir = argc > 1 ? xstrdup(argv[1]) : path_join(data, "tokenizers/qwen2-like");
    char *file = argc > 2 ? xstrdup(argv[2]) : path_join(data, "prompts/gsm8k-train.jsonl.zst");
    struct buf text = {0};
    double start = now();
    struct tokenizer *t = tokenizer_open(dir, &e);
    if (!t) {
        printf("tokenizer: left out: %s\n", e.text);
    } else {
        printf("tokenizer: open                 %8.1f ms\n", 1e3 * (now() - start));
        struct encoder *x = encoder_new(t);
        if (argc > 2 ? file_read(file, TEXT_MAX, &text, &e) : read_strings(file, &text))
            measure(x, "English", buf_str(&text));
        buf_reset(&text);
        buf_reserve(&text, 1000000);
        memset(text.p, 'a', 1000000);
        text.n = 1000000;
        measure(x, "1 MB of one letter", buf_str(&text));
        encoder_free(x);
    }
    tokenizer_close(t);
    buf_free(&text);
    free(dir);
    free(file);
    return 0;
}

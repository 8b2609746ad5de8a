/* bench_answer.c - answers per second of one core: bench_answer [DATA]
 *
 * The labelled responses of DATA/rollouts and the pairs of DATA/verify, decoded
 * beforehand: extraction and comparison alone, the best of a few rounds. */
#include "answer/answer.h"
#include "base/file.h"
#include "base/json.h"
#include "stream/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5 };

struct pair {
    struct str gold, response;
    bool again; /* the same gold as the pair before */
};

struct pairs {
    struct pair *v;
    size_t n, cap;
    struct arena text;
};

static void add(struct pairs *p, struct str gold, struct str response, bool again)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 1024;
        p->v = xrealloc(p->v, p->cap, sizeof *p->v);
    }
    p->v[p->n++] = (struct pair){gold, response, again};
}

static bool text_of(struct pairs *p, struct str record, const char *name, struct str *out)
{
    struct str v;
    if (!json_get(record, name, &v) || json_type(v) != JSON_STRING)
        return false;
    *out = json_decode(&p->text, v);
    *out = (struct str){arena_strdup(&p->text, out->p, out->n), out->n};
    return true;
}

static void read_record(struct pairs *p, struct str record)
{
    struct str gold, text, responses, r;
    if (text_of(p, record, "gold", &gold) && text_of(p, record, "pred", &text)) {
        add(p, gold, text, false);
    } else if (text_of(p, record, "answer", &gold) && json_get(record, "responses", &responses)) {
        bool again = false;
        for (struct json_iter it = json_iter(responses); json_next(&it, NULL, &r); again = true)
            if (text_of(p, r, "text", &text))
                add(p, gold, text, again);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(const char *data, const char *folder, const char *name)
{
    struct pairs p = {.n = 0};
    struct err e = ERR_NONE;
    struct str line, record;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", data, folder, name);
    char *files[] = {path, NULL};
    if (access(path, F_OK) != 0)
        return;
    struct reader *in = reader_open(files, &e);
    for (enum stream_event v; in && (v = reader_next(in, &line, &e)) != STREAM_END;)
        if (v == STREAM_LINE && json_check(line, &record, &e))
            read_record(&p, record);
    reader_close(in);
    double best = 1e30;
    for (int k = 0; k < ROUNDS && p.n; k++) {
        struct arena gold = {0}, a = {0};
        struct answer_options o = answer_defaults();
        struct answer_reference *r = NULL;
        double start = now();
        for (size_t i = 0; i < p.n; i++) {
            struct answer_judgement j;
            if (!p.v[i].again) {
                arena_reset(&gold);
                r = answer_reference_new(&gold, p.v[i].gold, &o);
            }
            answer_judge(r, &a, p.v[i].response, &j);
            arena_reset(&a);
        }
        double took = now() - start;
        best = took < best ? took : best;
        arena_free(&gold);
        arena_free(&a);
    }
    printf("answer %-28s %6zu answers %10.0f answers/s\n", name, p.n, (double)p.n / best);
    arena_free(&p.text);
    free(p.v);
}

int main(int argc, char **argv)
{
    const char *data = argc > 1 ? argv[1] : getenv("DATA") ? getenv("DATA") : "../shared/data";
    measure(data, "rollouts", "math100.jsonl.zst");
    measure(data, "rollouts", "gsm8k-solutions.jsonl.zst");
    measure(data, "verify", "crossgold.jsonl");
    measure(data, "verify", "cases.jsonl");
    return 0;
}

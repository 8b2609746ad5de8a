/* rollout.c - see rollout.h. */
#include "task/rollout.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "stream/provenance.h"
#include "stream/reader.h"
#include "stream/writer.h"
#include "task/rollout_group.h"

#include <stdlib.h>
#include <string.h>

struct rollout {
    const struct rollout_options *o;
    struct rollout_counts *counts;
    struct prompter *prompter;
    struct engine *engine; /* NULL with n = 0 */
    struct engine_info info;
    struct gen_options gen;
    struct reader *in;
    struct writer *out, *reject;
    struct buf line; /* of the provenance */
    struct buf head; /* of the segment at hand */
    struct pending *unused, *all;
    bool segment_done, resumable;

    /* What a killed run left: hashes of its groups.  While prompts are compared with
     * them their lines are gathered, to be read again if one is another. */
    uint64_t *kept;
    size_t n_kept, cap_kept, compared;
    struct buf seen;
    size_t replay; /* of `seen`, next byte to read again; STR_NONE: nothing */

    struct gen_stats stats; /* of the segments before this one */
    double started, noted;
};

/* ---- opening ---- */

static bool add_stop(struct rollout *r, int32_t id, struct err *e)
{
    for (size_t i = 0; i < r->gen.n_stop; i++)
        if (r->gen.stop[i] == id)
            return true;
    if (r->gen.n_stop == ENGINE_STOP_MAX)
        return err_set(e, ERR_USAGE, "more than %d stop tokens", ENGINE_STOP_MAX);
    r->gen.stop[r->gen.n_stop++] = id;
    return true;
}

/* A response ends with one of the checkpoint's end ids, with the token that ends a
 * turn of the chat format, or with one that was asked for. */
static bool choose_stops(struct rollout *r, struct err *e)
{
    const struct tokenizer *t = prompter_tokenizer(r->prompter);
    int32_t end = prompter_end(r->prompter);
    for (size_t i = 0; i < r->info.n_eos; i++)
        if (!add_stop(r, r->info.eos[i], e))
            return false;
    if (end >= 0 && !add_stop(r, end, e))
        return false;
    for (size_t i = 0; i < r->o->stop.n; i++) {
        int32_t id = tokenizer_find(t, str_of(r->o->stop.items[i]));
        if (id < 0)
            return err_set(e, ERR_USAGE, "--stop: the tokenizer has no token \"%s\"",
                           r->o->stop.items[i]);
        if (!add_stop(r, id, e))
            return false;
    }
    int32_t size = tokenizer_size(t);
    r->gen.vocab_limit = size < r->info.vocab_size ? size : r->info.vocab_size;
    return true;
}

static bool open_model(struct rollout *r, struct err *e)
{
    const struct rollout_options *o = r->o;
    char digest[ENGINE_DIGEST];
    struct buf options = {0}, extra = {0};
    if (o->n == 0) {
        if (!engine_inspect(o->model, &r->info, digest, e))
            return false;
    } else {
        r->engine = engine_open(o->model, &o->engine, e);
        if (!r->engine)
            return false;
        r->info = *engine_info(r->engine);
        memcpy(digest, engine_digest(r->engine), sizeof digest);
    }
    buf_printf(&extra, "\"model\":\"%s\",\"chat\":\"%s\"", digest,
               chat_name(prompter_chat(r->prompter)));
    if (r->engine) {
        buf_puts(&extra, ",\"device\":");
        json_put_string(&extra, str_of(engine_device(r->engine)));
        buf_printf(&extra, ",\"precision\":\"%s\",\"kv\":\"%s\"", engine_precision(r->engine),
                   engine_kv(r->engine));
    }
    opt_canonical(o->opts, &options);
    provenance_line(&r->line, log_program(), buf_str(&options), buf_str(&extra));
    buf_free(&options);
    buf_free(&extra);
    log_info("chat format %s, %s", chat_name(prompter_chat(r->prompter)),
             r->engine ? engine_device(r->engine) : "nothing is sampled");
    return choose_stops(r, e);
}

static bool open_all(struct rollout *r, char *const *files, struct err *e)
{
    const struct rollout_options *o = r->o;
    const struct writer_options reject = {.path = o->reject, .plain = true};
    r->gen = o->gen;
    r->replay = STR_NONE;
    return (r->prompter = prompter_open(o->model, &o->prompter, e)) && open_model(r, e) &&
           (r->in = reader_open(files, e)) && (!o->reject || (r->reject = writer_open(&reject, e)));
}

/* ---- going on after a killed run ---- */

static void keep_line(void *arg, struct str line)
{
    struct rollout *r = arg;
    struct arena a = {0};
    struct group g;
    struct err e = ERR_NONE;
    uint64_t hash = 0;
    if (group_parse(&g, &a, line, &e)) {
        rollout_count(r->counts, &g);
        hash = pending_hash(&g);
    }
    if (r->n_kept == r->cap_kept) {
        r->cap_kept = r->cap_kept ? 2 * r->cap_kept : 256;
        r->kept = xrealloc(r->kept, r->cap_kept, sizeof *r->kept);
    }
    r->kept[r->n_kept++] = hash;
    arena_free(&a);
}

static bool open_output(struct rollout *r, struct err *e)
{
    const struct rollout_options *o = r->o;
    const struct writer_options wo = {.path = o->out, .plain = o->plain};
    uint64_t records;
    r->resumable = o->out && !o->plain && strcmp(o->out, "-") != 0;
    if (!r->resumable)
        return (r->out = writer_open(&wo, e)) && writer_begin(r->out, buf_str(&r->head), e);
    r->out = writer_resume(&wo, buf_str(&r->head), keep_line, r, &records, e);
    r->counts->kept = r->n_kept;
    if (r->out && r->n_kept)
        log_info("%zu groups are there already", r->n_kept);
    return r->out != NULL;
}

/* The prompts are not those of the killed run: begins anew, with the lines that
 * have been read so far first. */
static bool start_over(struct rollout *r, struct err *e)
{
    const struct writer_options wo = {.path = r->o->out, .plain = r->o->plain};
    log_info("what a killed run left is of other prompts: it is dropped");
    writer_discard(r->out);
    *r->counts = (struct rollout_counts){.rejected = r->counts->rejected};
    r->n_kept = r->compared = 0;
    r->replay = 0;
    r->out = writer_open(&wo, e);
    return r->out && writer_begin(r->out, buf_str(&r->head), e);
}

/* Whether this prompt's group is there already. */
static bool is_kept(struct rollout *r, struct pending *p, struct str line, bool *kept,
                    struct err *e)
{
    *kept = false;
    if (r->compared == r->n_kept)
        return true;
    buf_putstr(&r->seen, line);
    buf_putc(&r->seen, '\n');
    *kept = pending_hash(&p->group) == r->kept[r->compared++];
    if (*kept) {
        progress_add(1);
        if (r->compared == r->n_kept)
            buf_free(&r->seen);
        return true;
    }
    return start_over(r, e);
}

/* ---- prompts ---- */

static bool next_line(struct rollout *r, struct str *line, struct err *e)
{
    if (r->replay != STR_NONE && r->replay < r->seen.n) {
        struct str seen = buf_str(&r->seen);
        size_t end = str_find(seen, STR("\n"), r->replay);
        *line = str_slice(seen, r->replay, end);
        r->replay = end + 1;
        return true;
    }
    if (r->segment_done)
        return false;
    switch (reader_next(r->in, line, e)) {
    case STREAM_LINE: return true;
    case STREAM_SEGMENT_END: r->segment_done = true; return false;
    case STREAM_END:
    case STREAM_SEGMENT: break;
    }
    return false;
}

static struct pending *take_pending(struct rollout *r)
{
    struct pending *p = r->unused;
    if (!p) {
        p = xcalloc(1, sizeof *p);
        p->older = r->all;
        r->all = p;
        return p;
    }
    r->unused = p->next;
    return p;
}

static void put_back(struct rollout *r, struct pending *p)
{
    p->next = r->unused;
    r->unused = p;
}

static bool put_aside(struct rollout *r, struct str line, struct err *e)
{
    if (e->status != ERR_DATA || !r->reject)
        return err_at(e, "%s:%zu: ", reader_file(r->in), reader_line(r->in));
    log_info("%s:%zu: rejected: %s", reader_file(r->in), reader_line(r->in), e->text);
    *e = (struct err)ERR_NONE;
    r->counts->rejected++;
    return writer_line(r->reject, line, e);
}

/* The next prompt of the segment that has no group yet; NULL: there are no more, or
 * *e is set. */
static struct pending *next_prompt(struct rollout *r, struct err *e)
{
    struct str line;
    struct pending *p = take_pending(r);
    bool again = true;
    while (again && next_line(r, &line, e)) {
        bool kept;
        if (!pending_read(p, r->prompter, r->o, &r->info, line, e)) {
            again = put_aside(r, line, e);
            continue;
        }
        bool comparing = r->compared < r->n_kept;
        again = is_kept(r, p, line, &kept, e);
        if (again && !kept && !comparing)
            return p;
    }
    put_back(r, p);
    return NULL;
}

static bool next_request(void *arg, struct gen_request *q, struct err *e)
{
    struct rollout *r = arg;
    struct pending *p = next_prompt(r, e);
    if (!p)
        return false;
    *q = (struct gen_request){.prompt = p->prompt,
                              .n_prompt = p->n_prompt,
                              .n_samples = (size_t)r->o->n,
                              .key = p->key,
                              .round = p->round,
                              .first_sample = (uint32_t)r->o->first_sample,
                              .max_tokens = p->max_tokens,
                              .user = p};
    return true;
}

/* ---- groups ---- */

static bool put_group(struct rollout *r, struct pending *p, struct err *e)
{
    struct buf line = {0};
    group_print(&p->group, &line);
    rollout_count(r->counts, &p->group);
    bool ok = writer_line(r->out, buf_str(&line), e) && (!r->resumable || writer_frame(r->out, e));
    buf_free(&line);
    put_back(r, p);
    progress_add(1);
    return ok;
}

static bool group_done(void *arg, const struct gen_group *g, struct err *e)
{
    struct rollout *r = arg;
    struct pending *p = g->user;
    for (size_t i = 0; i < g->n_samples; i++)
        if (!engine_check_logprobs(g->samples[i].logprobs, g->samples[i].n, e))
            return false;
    pending_fill(p, prompter_tokenizer(r->prompter), g);
    return put_group(r, p, e);
}

static void tick(void *arg, const struct gen_stats *s)
{
    struct rollout *r = arg;
    double now = clock_s();
    if (now - r->noted < 0.5)
        return;
    r->noted = now;
    progress_note("%.0f tokens/s", (double)(r->stats.tokens + s->tokens) / (now - r->started));
}

static void add_stats(struct gen_stats *sum, const struct gen_stats *s)
{
    sum->prompt_tokens += s->prompt_tokens;
    sum->tokens += s->tokens;
    sum->recomputed += s->recomputed;
    sum->dropped += s->dropped;
    sum->steps += s->steps;
    sum->flops += s->flops;
}

static bool run_segment(struct rollout *r, struct err *e)
{
    const struct gen_callbacks c = {next_request, group_done, tick, r};
    struct gen_stats stats = {0};
    if (r->engine) {
        if (!engine_generate(r->engine, &r->gen, &c, &stats, e))
            return false;
        add_stats(&r->stats, &stats);
    } else {
        for (struct pending *p; (p = next_prompt(r, e));)
            if (!put_group(r, p, e))
                return false;
    }
    if (e->status || !r->segment_done)
        return false;
    if (r->compared < r->n_kept) /* the killed run had more prompts than there are now */
        return start_over(r, e) && run_segment(r, e);
    return writer_end(r->out, e);
}

static bool begin_segment(struct rollout *r, struct str head, struct err *e)
{
    if (head.n && !provenance_check(head, e))
        return err_at(e, "%s: ", reader_file(r->in));
    r->segment_done = false;
    buf_reset(&r->head);
    provenance_head(&r->head, head, buf_str(&r->line));
    return r->out ? writer_begin(r->out, buf_str(&r->head), e) : open_output(r, e);
}

static bool run_all(struct rollout *r, struct err *e)
{
    struct str text;
    for (;;) {
        enum stream_event v = reader_next(r->in, &text, e);
        if (v != STREAM_SEGMENT)
            return e->status == 0 && (r->out || begin_segment(r, STR(""), e));
        if (!begin_segment(r, text, e) || !run_segment(r, e))
            return false;
    }
}

/* ---- figures ---- */

static bool put_metrics(const struct rollout *r, struct err *e)
{
    const struct rollout_counts *c = r->counts;
    struct buf b = {0};
    if (!r->o->metrics)
        return true;
    buf_printf(&b,
               "{\"groups\":%llu,\"rejected\":%llu,\"responses\":%llu,\"stopped\":%llu,"
               "\"prompt_tokens\":%llu,\"tokens\":%llu,\"mean_tokens\":",
               (unsigned long long)c->groups, (unsigned long long)c->rejected,
               (unsigned long long)c->responses, (unsigned long long)c->stopped,
               (unsigned long long)c->prompt_tokens, (unsigned long long)c->tokens);
    json_put_double(&b, c->responses ? (double)c->tokens / (double)c->responses : 0);
    buf_puts(&b, ",\"mean_logprob\":");
    json_put_double(&b, c->tokens ? c->logprob / (double)c->tokens : 0);
    buf_puts(&b, "}\n");
    bool ok = outfile_put(r->o->metrics, b.p, b.n, e);
    buf_free(&b);
    return ok;
}

static bool put_timing(const struct rollout *r, struct err *e)
{
    const struct gen_stats *s = &r->stats;
    double seconds = clock_s() - r->started;
    struct buf b = {0};
    if (!r->o->timing)
        return true;
    double peak = r->engine ? engine_peak_flops(r->engine) : 0;
    buf_printf(&b,
               "{\"seconds\":%.3f,\"tokens\":%llu,\"tokens_per_s\":%.1f,\"prompt_tokens\":%llu,"
               "\"steps\":%llu,\"recomputed\":%llu,\"dropped\":%llu,\"gflops_per_s\":%.2f,"
               "\"share_of_peak\":%.4f}\n",
               seconds, (unsigned long long)s->tokens, (double)s->tokens / seconds,
               (unsigned long long)s->prompt_tokens, (unsigned long long)s->steps,
               (unsigned long long)s->recomputed, (unsigned long long)s->dropped,
               1e-9 * s->flops / seconds, peak > 0 ? s->flops / seconds / peak : 0);
    bool ok = outfile_put(r->o->timing, b.p, b.n, e);
    buf_free(&b);
    return ok;
}

/* ---- closing ---- */

/* What is whole stays for the next run, except where nothing is. */
static void leave(struct rollout *r)
{
    if (r->out && r->resumable && r->counts->groups) {
        log_info("%llu groups are kept; the same command goes on behind them",
                 (unsigned long long)r->counts->groups);
        writer_suspend(r->out);
    } else {
        writer_discard(r->out);
    }
    writer_discard(r->reject);
}

static void close_all(struct rollout *r)
{
    while (r->all) {
        struct pending *p = r->all;
        r->all = p->older;
        arena_free(&p->arena);
        free(p);
    }
    reader_close(r->in);
    engine_close(r->engine);
    prompter_close(r->prompter);
    buf_free(&r->line);
    buf_free(&r->head);
    buf_free(&r->seen);
    free(r->kept);
}

bool rollout_run(const struct rollout_options *o, char *const *files, struct rollout_counts *counts,
                 struct err *e)
{
    struct rollout r = {.o = o, .counts = counts};
    *counts = (struct rollout_counts){0};
    bool ok = open_all(&r, files, e);
    r.started = clock_s();
    if (ok) {
        progress_begin("groups", 0);
        ok = run_all(&r, e);
        progress_end();
    }
    if (ok && r.reject) {
        ok = writer_commit(r.reject, e);
        r.reject = NULL;
    }
    ok = ok && put_metrics(&r, e) && put_timing(&r, e);
    if (ok)
        ok = writer_commit(r.out, e);
    else
        leave(&r);
    if (ok && counts->rejected)
        log_warn("%llu records were rejected into %s", (unsigned long long)counts->rejected,
                 o->reject);
    close_all(&r);
    return ok;
}

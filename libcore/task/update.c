/* update.c - the course of an update. */
#include "task/update.h"

#include "base/file.h"
#include "base/log.h"
#include "base/outfile.h"
#include "task/update_step.h"

#include <stdlib.h>
#include <string.h>

enum { STATE_FILE_MAX = 1 << 16 };
#define STATE_FILE "update.json" /* beside the engine's own files of a training state */

/* What appears when all went well. */
struct outputs {
    struct outdir *model, *state;
    struct outfile *metrics, *timing;
};

/* ---- the model and the records belong together ---- */

static bool choose_word(const char *given, const char *recorded, const char *name,
                        const char *otherwise, const char **out, struct err *e)
{
    if (given && recorded[0] && strcmp(given, recorded) != 0)
        return err_set(e, ERR_DATA,
                       "--%s %s contradicts the rollouts, which were sampled with %s %s", name,
                       given, name, recorded);
    *out = given ? given : recorded[0] ? recorded : otherwise;
    return true;
}

/* Precision and cache type are the sampler's. */
static bool choose_numerics(const struct update_run *u, struct engine_options *o, struct err *e)
{
    const struct update_step *s = &u->step;
    const char *precision = NULL, *kv = NULL;
    if (!choose_word(u->o->precision, s->precision, "precision", NULL, &precision, e) ||
        !choose_word(u->o->kv, s->kv, "kv", NULL, &kv, e))
        return false;
    o->precision = engine_precision_of(precision);
    o->kv = engine_kv_of(kv);
    if ((precision && o->precision == ENGINE_PRECISION_AUTO) || (kv && o->kv == ENGINE_KV_AUTO))
        return err_set(e, ERR_DATA,
                       "the rollouts were sampled with precision %s and kv %s, which "
                       "this program does not know",
                       precision ? precision : "auto", kv ? kv : "auto");
    return true;
}

static bool check_model(const struct update_run *u, struct err *e)
{
    const char *mine = trainer_digest(u->trainer), *theirs = u->step.digest;
    if (theirs[0] && strcmp(mine, theirs) != 0) {
        if (!u->o->off_policy)
            return err_set(e, ERR_DATA,
                           "the rollouts are of another model than %s (digest %s, expected %s); "
                           "--off-policy takes them",
                           u->o->model, theirs, mine);
        log_info("off-policy: the rollouts are of model %s, this one is %s", theirs, mine);
    }
    return update_check_tokens(&u->step, trainer_info(u->trainer), e);
}

/* ---- the state of training ---- */

static bool state_count(struct str object, const char *name, uint64_t *out)
{
    struct str v;
    int64_t n;
    if (!json_get(object, name, &v) || !json_i64(v, &n) || n < 0)
        return false;
    *out = (uint64_t)n;
    return true;
}

static bool load_counts(struct update_run *u, struct err *e)
{
    char *path = path_join(u->o->state_in, STATE_FILE);
    struct buf text = {0};
    struct str object;
    bool ok = file_read(path, STATE_FILE_MAX, &text, e);
    if (ok && !(ok = json_check(buf_str(&text), &object, e)))
        err_at(e, "%s: ", path);
    if (ok &&
        (json_type(object) != JSON_OBJECT || !state_count(object, "updates", &u->state_updates) ||
         !state_count(object, "optimizer_steps", &u->state_steps)))
        ok = err_set(e, ERR_DATA, "%s: is not the state of gcpo-update", path);
    buf_free(&text);
    free(path);
    return ok;
}

static bool load_state(struct update_run *u, struct err *e)
{
    const char *before;
    if (!u->o->state_in)
        return true;
    if (!trainer_load_state(u->trainer, u->o->state_in, &before, e) || !load_counts(u, e))
        return false;
    const char *now = trainer_backward_name(u->trainer);
    if (before && strcmp(before, now) != 0)
        log_warn("the state was made with %s, this is %s: results are not bit-identical across "
                 "the two",
                 before, now);
    return true;
}

static bool save_counts(const struct update_run *u, const char *folder, struct err *e)
{
    struct buf text = {0};
    char *path = path_join(folder, STATE_FILE);
    buf_printf(&text, "{\"updates\":%llu,\"optimizer_steps\":%llu,\"backward\":",
               (unsigned long long)(u->state_updates + 1),
               (unsigned long long)(u->state_steps + u->n_steps));
    json_put_string(&text, str_of(trainer_backward_name(u->trainer)));
    buf_puts(&text, "}\n");
    bool ok = file_write(path, text.p, text.n, e);
    buf_free(&text);
    free(path);
    return ok;
}

/* ---- outputs ---- */

static bool open_outputs(const struct update_options *o, struct outputs *out, struct err *e)
{
    return (out->model = outdir_open(o->out, e)) &&
           (!o->state_out || (out->state = outdir_open(o->state_out, e))) &&
           (!o->metrics || (out->metrics = outfile_open(o->metrics, e))) &&
           (!o->timing || (out->timing = outfile_open(o->timing, e)));
}

static void discard_outputs(struct outputs *out)
{
    outdir_discard(out->model);
    outdir_discard(out->state);
    outfile_discard(out->metrics);
    outfile_discard(out->timing);
    *out = (struct outputs){0};
}

static bool commit_file(struct outfile **f, const struct update_run *u,
                        void (*print)(const struct update_run *, struct buf *), struct err *e)
{
    struct buf line = {0};
    if (!*f)
        return true;
    print(u, &line);
    bool ok = outfile_write(*f, line.p, line.n, e);
    buf_free(&line);
    if (!ok)
        return false;
    ok = outfile_commit(*f, e);
    *f = NULL;
    return ok;
}

static bool commit_folder(struct outdir **d, struct err *e)
{
    if (!*d)
        return true;
    bool ok = outdir_commit(*d, e);
    *d = NULL;
    return ok;
}

/* The model comes last: where it is, everything is. */
static bool save(struct update_run *u, struct outputs *out, struct err *e)
{
    double begin = clock_s();
    if (!trainer_save(u->trainer, outdir_path(out->model), u->o->max_shard_bytes, u->digest, e))
        return false;
    if (out->state && (!trainer_save_state(u->trainer, outdir_path(out->state), e) ||
                       !save_counts(u, outdir_path(out->state), e)))
        return false;
    u->seconds[TIME_SAVE] = clock_s() - begin;
    return commit_file(&out->metrics, u, update_metrics, e) &&
           commit_file(&out->timing, u, update_timing, e) && commit_folder(&out->state, e) &&
           commit_folder(&out->model, e);
}

/* ---- the course ---- */

static bool read_step(struct update_run *u, char *const *files, struct err *e)
{
    double begin = clock_s();
    bool ok = update_read(u->o, files, &u->step, e);
    u->seconds[TIME_READ] = clock_s() - begin;
    if (!ok)
        return false;
    size_t units = u->o->shuffle_sequences ? u->step.counts.rows : u->step.n;
    if (u->step.n > 0 && u->o->minibatches > units)
        return err_set(e, ERR_DATA, "%llu minibatches of %zu %s (--minibatches is too large)",
                       (unsigned long long)u->o->minibatches, units,
                       u->o->shuffle_sequences ? "rows" : "groups");
    u->scratch = xcalloc(7 * (u->step.longest_row + 1), sizeof *u->scratch);
    return true;
}

static bool pick_any(const struct update_run *u, const struct update_row *row)
{
    (void)u, (void)row;
    return true;
}

static bool plan(struct update_run *u, struct err *e)
{
    struct update_options plain = *u->o;
    struct update_order all;
    struct update_batch b;
    plain.shuffle_sequences = false;
    update_order(&plain, &u->step, 0, &all);
    update_batch_make(u, &all, 0, all.n, pick_any, 0, &b);
    bool ok = b.n == 0 || trainer_prepare(u->trainer, b.groups, b.n, &u->plan, e);
    update_batch_free(&b);
    free(all.units);
    if (ok)
        update_say_step(u);
    return ok;
}

static bool open_trainer(struct update_run *u, struct err *e)
{
    struct trainer_options t = u->o->trainer;
    t.no_optimizer = u->o->dry_run && !u->o->state_in;
    if (!choose_numerics(u, &t.engine, e))
        return false;
    u->trainer = trainer_open(u->o->model, &t, e);
    return u->trainer && check_model(u, e) && load_state(u, e);
}

static bool train(struct update_run *u, struct err *e)
{
    double begin = clock_s();
    if (!update_denominator(u, e) || !update_score(u, e))
        return false;
    u->seconds[TIME_SCORE] = clock_s() - begin;
    struct trainer_work before = trainer_work(u->trainer);
    begin = clock_s();
    bool ok = u->o->dry_run ? update_dry_run(u, e) : update_train(u, e);
    u->seconds[TIME_TRAIN] = clock_s() - begin;
    struct trainer_work after = trainer_work(u->trainer);
    u->positions = after.positions - before.positions;
    u->flops = after.flops - before.flops;
    u->peak_flops = u->o->timing ? trainer_peak_flops(u->trainer) : 0;
    return ok;
}

bool update_run(const struct update_options *o, char *const *files, struct err *e)
{
    struct update_run u = {.o = o};
    struct outputs out = {0};
    update_say_objective(o);
    bool ok = read_step(&u, files, e) && open_trainer(&u, e) &&
              (o->dry_run || open_outputs(o, &out, e)) && plan(&u, e) && train(&u, e) &&
              (o->dry_run || save(&u, &out, e));
    if (ok && !o->dry_run)
        update_say_result(&u);
    discard_outputs(&out);
    trainer_close(u.trainer);
    update_free(&u.step);
    free(u.scratch);
    free(u.steps);
    return ok;
}

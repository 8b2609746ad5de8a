/* goldtokens.c - see goldtokens.h. */
#include "task/goldtokens.h"
#include "engine/engine.h"
#include "text/tokenizer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct goldtokens {
    struct prompter *prompter;
    struct encoder *encoder;
    int32_t end_token;
    pthread_mutex_t lock; /* of the two above: one for all threads, since golds are few */
};

/* The chat format's own end of a turn; else the first of the model's end ids. */
static bool find_end(struct goldtokens *t, const char *model, struct err *e)
{
    struct engine_info info;
    t->end_token = prompter_end(t->prompter);
    if (t->end_token >= 0)
        return true;
    if (!engine_inspect(model, &info, NULL, e))
        return false;
    if (info.n_eos == 0)
        return err_set(e, ERR_DATA, "%s: its configuration names no end token", model);
    t->end_token = info.eos[0];
    return true;
}

struct goldtokens *goldtokens_open(const char *model, const struct prompter_options *o,
                                   struct err *e)
{
    struct goldtokens *t = xcalloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    if (!(t->prompter = prompter_open(model, o, e)) || !find_end(t, model, e)) {
        goldtokens_close(t);
        return NULL;
    }
    t->encoder = encoder_new(prompter_tokenizer(t->prompter));
    return t;
}

void goldtokens_close(struct goldtokens *t)
{
    if (!t)
        return;
    encoder_free(t->encoder);
    prompter_close(t->prompter);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

const struct tokenizer *goldtokens_tokenizer(const struct goldtokens *t)
{
    return prompter_tokenizer(t->prompter);
}

bool goldtokens_encode(struct goldtokens *t, struct str text, struct arena *a, int32_t **tokens,
                       size_t *n, struct err *e)
{
    struct ids ids = {0};
    pthread_mutex_lock(&t->lock);
    bool ok = encoder_run(t->encoder, text, ENCODE_NO_SPECIAL, &ids, e);
    pthread_mutex_unlock(&t->lock);
    if (ok) {
        ids_push(&ids, t->end_token);
        *n = ids.n;
        *tokens = arena_array(a, ids.n, sizeof *ids.p);
        memcpy(*tokens, ids.p, ids.n * sizeof *ids.p);
    }
    ids_free(&ids);
    return ok;
}

bool goldtokens_prompt(struct goldtokens *t, const struct group *g, int32_t **ids, size_t *n,
                       struct err *e)
{
    pthread_mutex_lock(&t->lock);
    bool ok = prompter_render(t->prompter, g, NULL, ids, n, e);
    pthread_mutex_unlock(&t->lock);
    return ok;
}

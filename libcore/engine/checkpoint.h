/* checkpoint.h - inside the engine: a model directory that is open. */
#ifndef ENGINE_CHECKPOINT_H
#define ENGINE_CHECKPOINT_H

#include "engine/engine.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/weights.h"

struct checkpoint {
    char *dir;
    struct model_config config;
    struct layout layout;
    struct weights *weights; /* NULL once they have been read */
    enum dtype stored;
    struct engine_info info;
};

bool checkpoint_open(struct checkpoint *c, const char *dir, struct err *e) MUST_CHECK;
void checkpoint_close_weights(struct checkpoint *c);
void checkpoint_close(struct checkpoint *c); /* also of one that failed to open */

/* The config and the generation, tokenizer and template files of c->dir, copied
 * into `path`; the config says the new stored type if that differs. */
bool checkpoint_copy_files(const struct checkpoint *c, enum dtype dtype, const char *path,
                           struct err *e) MUST_CHECK;

#endif

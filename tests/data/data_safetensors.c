/* data_safetensors.c - every file of DATA/safetensors-bad, against its manifest.
 *
 * manifest.json: [{"file", "expect": "accept" | "reject", "why"}].  A file that
 * is accepted is also read to its last byte. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANIFEST_MAX = 1 << 20 };

static bool loads(const char *path, struct err *e)
{
    struct safetensors *s = safetensors_open(path, e);
    if (!s)
        return false;
    volatile unsigned sum = 0;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        const struct st_tensor *t = safetensors_at(s, i);
        if (safetensors_find(s, t->name) != t)
            err_set(e, ERR_BUG, "a tensor is not found by its name");
        for (size_t k = 0; k < t->bytes; k++)
            sum += t->data[k];
    }
    safetensors_close(s);
    return e->status == 0;
}

/* Prints the verdict on one file; true if it is as expected. */
static bool try_one(const char *folder, struct str name, bool accept)
{
    struct err e = ERR_NONE;
    struct buf path = {0};
    buf_printf(&path, "%s/%.*s", folder, STR_ARG(name));
    bool loaded = loads(buf_cstr(&path), &e);
    buf_free(&path);
    bool good = accept ? loaded : !loaded && e.status == ERR_DATA && e.text[0];
    printf("%.*s: %s%s%s\n", STR_ARG(name), loaded ? "loads" : "refused", loaded ? "" : ": ",
           loaded ? "" : e.text);
    if (!good)
        printf("  differs: expected to be %s\n", accept ? "accepted" : "refused as damaged data");
    return good;
}

int main(int argc, char **argv)
{
    char *folder = path_join(argc > 1 ? argv[1] : "../shared/data", "safetensors-bad");
    char *manifest = path_join(folder, "manifest.json");
    struct err e = ERR_NONE;
    struct buf text = {0};
    struct str list, entry;
    struct arena arena = {0};
    size_t n = 0, bad = 0, accepted = 0;
    if (access(manifest, F_OK) != 0) {
        printf("safetensors-bad: absent, left out\n1..0\n");
    } else if (!file_read(manifest, MANIFEST_MAX, &text, &e) ||
               !json_check(buf_str(&text), &list, &e)) {
        printf("not ok 1 - %s: %s\n", manifest, e.text);
        bad = 1;
    } else {
        for (struct json_iter it = json_iter(list); json_next(&it, NULL, &entry);) {
            struct str file, expect;
            if (!json_get(entry, "file", &file) || !json_get(entry, "expect", &expect))
                continue;
            struct str name = json_decode(&arena, file);
            bool accept = str_is(json_decode(&arena, expect), "accept");
            bool good = try_one(folder, name, accept);
            printf("%s %zu - %.*s\n", good ? "ok" : "not ok", ++n, STR_ARG(name));
            bad += !good;
            accepted += accept;
        }
        printf("safetensors-bad: %zu ran (%zu to load, %zu to refuse), %zu differ\n", n, accepted,
               n - accepted, bad);
    }
    arena_free(&arena);
    buf_free(&text);
    free(manifest);
    free(folder);
    return bad > 0;
}

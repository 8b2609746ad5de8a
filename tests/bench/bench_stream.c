/* bench_stream.c - the yardstick of the stream programs: bench_stream FILE
 *
 * Reads JSON lines, and lets cJSON parse and print each.  tests/bench/run.sh times it. */
#include "base/file.h"
#include "base/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static bool print_again(struct str line, struct err *e)
{
    cJSON *tree = cJSON_ParseWithLength(line.p, line.n);
    char *text = tree ? cJSON_PrintUnformatted(tree) : NULL;
    bool ok = text || err_set(e, ERR_DATA, "cJSON cannot read it");
    if (ok)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(tree);
    return ok;
}

int main(int argc, char **argv)
{
    struct err e = ERR_NONE;
    struct file_map m;
    if (argc < 2)
        return 0; /* run.sh gives it its file where it compares */
    if (file_map(argv[1], &m, &e)) {
        struct str all = {(const char *)m.p, m.n};
        for (size_t i = 0, end; i < all.n; i = end + 1) {
            end = str_find(all, STR("\n"), i);
            end = end == STR_NONE ? all.n : end;
            if (!print_again(str_slice(all, i, end), &e))
                break;
        }
        file_unmap(&m);
    }
    if (e.status)
        fprintf(stderr, "bench_stream: %s\n", e.text);
    return e.status;
}

/* fuzz_json.c - the splitter: what is accepted is walked to its leaves; every span lies in the
 * text and is itself accepted, strings come back from their printed form, numbers are the
 * library's, and cJSON finds as many elements. */
#include "base/json.h"
#include "base/num.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void check_string(struct arena *a, struct str text)
{
    struct err e = ERR_NONE;
    struct buf printed = {0};
    struct str again;
    ASSERT(utf8_valid_prefix(text) == text.n);
    json_put_string(&printed, text);
    ASSERT(json_check(buf_str(&printed), &again, &e) && json_type(again) == JSON_STRING);
    ASSERT(str_eq(json_decode(a, again), text));
    buf_free(&printed);
}

static void check_number(struct str v)
{
    char text[400];
    float f;
    double d;
    if (v.n >= sizeof text)
        return;
    memcpy(text, v.p, v.n);
    text[v.n] = 0;
    float want = strtof(text, NULL);
    bool ok = json_float(v, &f);
    ASSERT(ok == (isfinite(want) != 0));
    ASSERT(!ok || memcmp(&f, &want, sizeof f) == 0);
    double wide = strtod(text, NULL);
    ok = json_double(v, &d);
    ASSERT(!ok || memcmp(&d, &wide, sizeof d) == 0);
}

static void check_value(struct arena *a, struct str v, struct str all, int depth)
{
    struct err e = ERR_NONE;
    struct str again, key, x;
    ASSERT(v.n && v.p >= all.p && v.p + v.n <= all.p + all.n && depth <= JSON_DEPTH_MAX);
    ASSERT(json_check(v, &again, &e) && again.p == v.p && again.n == v.n);
    if (json_type(v) == JSON_STRING)
        check_string(a, json_decode(a, v));
    else if (json_type(v) == JSON_NUMBER)
        check_number(v);
    size_t n = 0;
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &x); n++) {
        if (json_type(v) == JSON_OBJECT)
            check_string(a, json_decode_key(a, key));
        check_value(a, x, all, depth + 1);
    }
    ASSERT(n == json_count(v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = ERR_NONE;
    struct arena a = {0};
    struct str value, all = {(const char *)data, n};
    bool ok = n < 4096 && json_check(all, &value, &e);
    ASSERT(n >= 4096 || ok == (e.status == 0));
    if (ok) {
        check_value(&a, value, all, 0);
        struct cJSON *t = json_tree(all, &e);
        ASSERT((t != NULL) == (e.status == 0));
        ASSERT(!t || (size_t)cJSON_GetArraySize(t) == json_count(value));
        cJSON_Delete(t);
    }
    arena_free(&a);
    return 0;
}

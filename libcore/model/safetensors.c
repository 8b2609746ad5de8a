/* safetensors.c - see safetensors.h. */
#include "model/safetensors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct safetensors {
    struct file_map map; /* empty when the bytes are the caller's */
    struct arena arena;  /* names */
    struct st_tensor *tensors;
    size_t n;
};

/* ---- reading ---- */

/* A JSON array of at most `max` non-negative integers. */
static bool read_integers(struct str value, uint64_t *out, size_t max, size_t *n)
{
    struct str item;
    *n = 0;
    if (json_type(value) != JSON_ARRAY)
        return false;
    for (struct json_iter it = json_iter(value); json_next(&it, NULL, &item); (*n)++) {
        int64_t v;
        if (*n == max || !json_i64(item, &v) || v < 0)
            return false;
        out[*n] = (uint64_t)v;
    }
    return true;
}

static bool count_elements(struct st_tensor *t, struct err *e)
{
    t->n = 1;
    for (int i = 0; i < t->n_dims; i++) {
        if (t->shape[i] && t->n > UINT64_MAX / 8 / t->shape[i])
            return err_set(e, ERR_DATA, "tensor \"%.*s\": the shape is too large",
                           STR_ARG(t->name));
        t->n *= t->shape[i];
    }
    return true;
}

static bool read_entry(struct st_tensor *t, struct str value, const unsigned char *data,
                       uint64_t data_bytes, struct err *e)
{
    struct str v;
    uint64_t offsets[2];
    size_t n;
    if (json_type(value) != JSON_OBJECT)
        return err_set(e, ERR_DATA, "tensor \"%.*s\": not an object", STR_ARG(t->name));
    if (!json_get(value, "dtype", &v) || json_type(v) != JSON_STRING ||
        !dtype_parse((struct str){v.p + 1, v.n - 2}, &t->dtype))
        return err_set(e, ERR_DATA, "tensor \"%.*s\": dtype is missing or unknown",
                       STR_ARG(t->name));
    if (!json_get(value, "shape", &v) || !read_integers(v, t->shape, ST_DIMS_MAX, &n))
        return err_set(e, ERR_DATA,
                       "tensor \"%.*s\": shape is missing or not a list of at most %d sizes",
                       STR_ARG(t->name), ST_DIMS_MAX);
    t->n_dims = (int)n;
    if (!count_elements(t, e))
        return false;
    if (!json_get(value, "data_offsets", &v) || !read_integers(v, offsets, 2, &n) || n != 2)
        return err_set(e, ERR_DATA, "tensor \"%.*s\": data_offsets is missing or not two offsets",
                       STR_ARG(t->name));
    if (offsets[0] > offsets[1] || offsets[1] > data_bytes)
        return err_set(e, ERR_DATA,
                       "tensor \"%.*s\": its data lies outside the file (seen %" PRIu64
                       " to %" PRIu64 " of %" PRIu64 ")",
                       STR_ARG(t->name), offsets[0], offsets[1], data_bytes);
    uint64_t want = t->n * dtype_bytes(t->dtype);
    if (offsets[1] - offsets[0] != want)
        return err_set(e, ERR_DATA,
                       "tensor \"%.*s\": its data has the wrong size (seen %" PRIu64
                       " bytes, expected %" PRIu64 ")",
                       STR_ARG(t->name), offsets[1] - offsets[0], want);
    t->data = data + offsets[0];
    t->bytes = (size_t)want;
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct st_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct st_tensor *)a)->name, ((const struct st_tensor *)b)->name);
}

static bool check_tiling(struct safetensors *s, const unsigned char *data, uint64_t data_bytes,
                         struct err *e)
{
    const unsigned char *at = data;
    qsort(s->tensors, s->n, sizeof *s->tensors, by_place);
    for (size_t i = 0; i < s->n; i++) {
        const struct st_tensor *t = &s->tensors[i];
        if (t->data != at)
            return err_set(e, ERR_DATA, "tensor \"%.*s\": %s before its data", STR_ARG(t->name),
                           t->data > at ? "a hole" : "an overlap");
        at += t->bytes;
    }
    if ((uint64_t)(at - data) != data_bytes)
        return err_set(e, ERR_DATA, "%" PRIu64 " bytes after the last tensor",
                       data_bytes - (uint64_t)(at - data));
    qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
    return true;
}

static bool check_metadata(struct str value, struct err *e)
{
    struct str member;
    bool ok = json_type(value) == JSON_OBJECT || json_type(value) == JSON_NULL;
    for (struct json_iter it = json_iter(value); ok && json_next(&it, NULL, &member);)
        ok = json_type(member) == JSON_STRING;
    return ok || err_set(e, ERR_DATA, "__metadata__ is not an object of strings");
}

static bool read_header(struct safetensors *s, struct str header, const unsigned char *data,
                        uint64_t data_bytes, struct err *e)
{
    struct str object, key, value;
    if (header.n == 0 || header.p[0] != '{')
        return err_set(e, ERR_DATA, "the header is not a JSON object");
    if (!json_check(header, &object, e))
        return err_at(e, "header: ");
    size_t n = json_count(object);
    if (n > ST_TENSORS_MAX)
        return err_set(e, ERR_DATA, "too many tensors (seen %zu, at most %d: tensors)", n,
                       ST_TENSORS_MAX);
    s->tensors = xcalloc(n, sizeof *s->tensors);
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &value);) {
        if (json_key_is(key, "__metadata__")) {
            if (!check_metadata(value, e))
                return false;
            continue;
        }
        struct st_tensor *t = &s->tensors[s->n];
        t->name = json_decode_key(&s->arena, key);
        if (t->name.n > ST_NAME_MAX)
            return err_set(e, ERR_DATA, "a tensor's name is longer than %d bytes (tensor-name)",
                           ST_NAME_MAX);
        if (!read_entry(t, value, data, data_bytes, e))
            return false;
        s->n++;
    }
    return check_tiling(s, data, data_bytes, e);
}

static bool parse(struct safetensors *s, const unsigned char *file, size_t n, struct err *e)
{
    if (n < 8)
        return err_set(e, ERR_DATA, "not a safetensors file: shorter than its first field");
    uint64_t length;
    memcpy(&length, file, 8);
    if (length > ST_HEADER_MAX)
        return err_set(e, ERR_DATA,
                       "the header is too long (seen %" PRIu64 " bytes, at most %d: header-size)",
                       length, ST_HEADER_MAX);
    if (length > n - 8)
        return err_set(e, ERR_DATA,
                       "the header is longer than the file (seen %" PRIu64 " of %zu bytes)", length,
                       n - 8);
    struct str header = {(const char *)file + 8, (size_t)length};
    return read_header(s, header, file + 8 + length, n - 8 - length, e);
}

struct safetensors *safetensors_parse(const unsigned char *file, size_t n, struct err *e)
{
    struct safetensors *s = xcalloc(1, sizeof *s);
    if (parse(s, file, n, e))
        return s;
    safetensors_close(s);
    return NULL;
}

struct safetensors *safetensors_open(const char *path, struct err *e)
{
    struct safetensors *s = xcalloc(1, sizeof *s);
    if (file_map(path, &s->map, e)) {
        if (parse(s, s->map.p, s->map.n, e))
            return s;
        err_at(e, "%s: ", path);
    }
    safetensors_close(s);
    return NULL;
}

void safetensors_close(struct safetensors *s)
{
    if (!s)
        return;
    file_unmap(&s->map);
    arena_free(&s->arena);
    free(s->tensors);
    free(s);
}

size_t safetensors_count(const struct safetensors *s)
{
    return s->n;
}

const struct st_tensor *safetensors_at(const struct safetensors *s, size_t i)
{
    ASSERT(i < s->n);
    return &s->tensors[i];
}

const struct st_tensor *safetensors_find(const struct safetensors *s, struct str name)
{
    struct st_tensor key = {.name = name};
    return s->n ? bsearch(&key, s->tensors, s->n, sizeof key, by_name) : NULL;
}

/* ---- writing ---- */

enum { CHUNK = 1 << 18 }; /* bytes converted at a time */

static uint64_t entry_count(const struct st_entry *t)
{
    uint64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->shape[i];
    return n;
}

static void put_header(struct buf *b, const struct st_entry *entries, size_t n_entries)
{
    uint64_t at = 0;
    buf_puts(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n_entries; i++) {
        const struct st_entry *t = &entries[i];
        uint64_t end = at + entry_count(t) * dtype_bytes(t->dtype);
        buf_putc(b, ',');
        json_put_string(b, t->name);
        buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", dtype_name(t->dtype));
        for (int k = 0; k < t->n_dims; k++)
            buf_printf(b, "%s%" PRIu64, k ? "," : "", t->shape[k]);
        buf_printf(b, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, end);
        at = end;
    }
    buf_putc(b, '}');
    while (b->n % 8)
        buf_putc(b, ' ');
}

bool safetensors_write(const char *path, const struct st_entry *entries, size_t n_entries,
                       void (*fill)(void *arg, size_t i, uint64_t from, size_t n, void *out),
                       void *arg, struct err *e)
{
    int fd = file_create(path, e);
    if (fd < 0)
        return false;
    struct buf header = {0};
    put_header(&header, entries, n_entries);
    uint64_t length = header.n;
    bool ok = file_put(fd, path, &length, 8, e) && file_put(fd, path, header.p, header.n, e);
    buf_free(&header);
    char *chunk = xmalloc(CHUNK);
    for (size_t i = 0; ok && i < n_entries; i++) {
        size_t size = dtype_bytes(entries[i].dtype);
        uint64_t n = entry_count(&entries[i]);
        for (uint64_t from = 0; ok && from < n;) {
            size_t m = n - from < CHUNK / size ? (size_t)(n - from) : CHUNK / size;
            fill(arg, i, from, m, chunk);
            ok = file_put(fd, path, chunk, m * size, e);
            from += m;
        }
    }
    free(chunk);
    return file_close(fd, path, e);
}

/* provenance.c - see provenance.h. */
#include "stream/provenance.h"
#include "version.h"

void provenance_line(struct buf *out, const char *program, struct str options, struct str extra)
{
    buf_printf(out, "{\"program\":\"%s\",\"version\":\"%s\",\"options\":", program, GCPO_VERSION);
    buf_putstr(out, options.n ? options : STR("{}"));
    if (extra.n) {
        buf_putc(out, ',');
        buf_putstr(out, extra);
    }
    buf_putc(out, '}');
}

void provenance_head(struct buf *out, struct str input_head, struct str line)
{
    struct str programs, value;
    const char *comma = "";
    buf_printf(out, "{\"gcpo\":%d,\"programs\":[", PROVENANCE_FORMAT);
    if (input_head.n && json_get(input_head, "programs", &programs))
        for (struct json_iter it = json_iter(programs); json_next(&it, NULL, &value); comma = ",") {
            buf_puts(out, comma);
            buf_putstr(out, value);
        }
    buf_puts(out, comma);
    buf_putstr(out, line);
    buf_puts(out, "]}");
}

void provenance_engine(struct buf *out, const char *digest, const char *device,
                       const char *precision, const char *kv)
{
    buf_puts(out, "\"model\":");
    json_put_string(out, str_of(digest));
    buf_puts(out, ",\"device\":");
    json_put_string(out, str_of(device));
    buf_printf(out, ",\"precision\":\"%s\",\"kv\":\"%s\"", precision, kv);
}

bool provenance_check(struct str head, struct err *e)
{
    struct str v;
    int64_t format;
    if (!json_get(head, "gcpo", &v) || !json_i64(v, &format))
        return err_set(e, ERR_DATA, "the head mark has no \"gcpo\" format number");
    if (format < 1 || format > PROVENANCE_FORMAT)
        return err_set(e, ERR_DATA, "the stream has format %lld (this program reads 1 to %d)",
                       (long long)format, PROVENANCE_FORMAT);
    if (!json_get(head, "programs", &v) || json_type(v) != JSON_ARRAY)
        return err_set(e, ERR_DATA, "the head mark has no \"programs\"");
    return true;
}

bool provenance_find(struct str head, const char *program, struct str *line)
{
    struct str programs, value, name;
    bool found = false;
    if (!head.n || !json_get(head, "programs", &programs))
        return false;
    for (struct json_iter it = json_iter(programs); json_next(&it, NULL, &value);)
        if (json_get(value, "program", &name) && name.n >= 2 &&
            str_is(str_slice(name, 1, name.n - 1), program)) {
            *line = value;
            found = true;
        }
    return found;
}

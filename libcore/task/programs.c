/* programs.c - see programs.h. */
#include "task/programs.h"
#include "base/json.h"
#include "stream/record.h"
#include "task/screen.h"

static struct str plain_text(struct arena *a, struct str value)
{
    return json_type(value) == JSON_STRING ? json_decode(a, value) : value;
}

void programs_put(struct buf *out, struct arena *a, struct str line, bool colour, size_t width)
{
    const struct screen name = {out, colour, 0, 0, 0};
    struct object p;
    struct str key, value;
    const struct str *program, *version, *options;
    if (!object_split(a, line, &p))
        return;
    program = object_get_name(&p, "program");
    version = object_get_name(&p, "version");
    options = object_get_name(&p, "options");
    buf_puts(out, "    ");
    screen_put_inline(&name, program ? plain_text(a, *program) : STR("?"), "1");
    buf_putc(out, ' ');
    screen_put_inline(&name, version ? plain_text(a, *version) : STR(""), NULL);
    buf_putc(out, '\n');
    for (size_t i = 0; i < p.n; i++) {
        if (&p.m[i].value == program || &p.m[i].value == version || &p.m[i].value == options)
            continue;
        buf_puts(out, "      ");
        screen_put_inline(&name, p.m[i].key, NULL);
        buf_putc(out, ' ');
        screen_put_inline(&name, plain_text(a, p.m[i].value), NULL);
        buf_putc(out, '\n');
    }
    if (!options || json_type(*options) != JSON_OBJECT)
        return;
    struct buf text = {0};
    for (struct json_iter it = json_iter(*options); json_next(&it, &key, &value);) {
        bool truth = true;
        buf_puts(&text, json_bool(value, &truth) && !truth ? " --no-" : " --");
        buf_putstr(&text, json_decode_key(a, key));
        if (json_type(value) != JSON_BOOL) {
            buf_putc(&text, ' ');
            buf_putstr(&text, plain_text(a, value));
        }
    }
    const struct screen wrapped = {out, false, width, 6, 0};
    if (text.n)
        screen_put(&wrapped, str_slice(buf_str(&text), 1, text.n), NULL, 0);
    buf_free(&text);
}

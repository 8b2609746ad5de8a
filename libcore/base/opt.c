/* opt.c - see opt.h. */
#include "base/opt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

void opt_misuse(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", log_program());
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\ntry '%s --help'\n", log_program());
    va_end(ap);
    exit(ERR_USAGE);
}

/* ---- help ---- */

static void put_size(struct buf *b, uint64_t v)
{
    static const char unit[] = "KMGT";
    int u = -1;
    while (u < 3 && v && v % 1024 == 0)
        v /= 1024, u++;
    buf_printf(b, "%llu", (unsigned long long)v);
    if (u >= 0)
        buf_putc(b, unit[u]);
}

static void put_default(struct buf *b, const struct opt *o)
{
    switch (o->kind) {
    case OPT_KIND_SWITCH:
        if (*(bool *)o->value)
            buf_printf(b, " (on; --no-%s)", o->name);
        break;
    case OPT_KIND_STRING:
    case OPT_KIND_CHOICE:
        if (*(const char **)o->value)
            buf_printf(b, " [%s]", *(const char **)o->value);
        break;
    case OPT_KIND_COUNT: buf_printf(b, " [%llu]", (unsigned long long)*(uint64_t *)o->value); break;
    case OPT_KIND_SIZE:
        buf_puts(b, " [");
        put_size(b, *(uint64_t *)o->value);
        buf_puts(b, "]");
        break;
    case OPT_KIND_REAL: {
        char text[NUM_MAX];
        num_print_double(text, *(double *)o->value);
        buf_printf(b, " [%s]", text);
        break;
    }
    default: break;
    }
}

static void print_wrapped(const char *text)
{
    int column = HELP_COLUMN;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column + 1 + n > HELP_WIDTH && column > HELP_COLUMN) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        printf("%s%.*s", column > HELP_COLUMN ? " " : "", n, text);
        column += n + (column > HELP_COLUMN);
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const struct opt *o)
{
    struct buf left = {0}, right = {0};
    buf_puts(&left, "  ");
    if (o->letter)
        buf_printf(&left, "-%c, ", o->letter);
    buf_printf(&left, "--%s", o->name);
    if (o->metavar)
        buf_printf(&left, " %s", o->metavar);
    buf_puts(&right, o->help);
    if (o->kind == OPT_KIND_CHOICE) {
        buf_puts(&right, ":");
        for (const char *const *c = o->choices; *c; c++)
            buf_printf(&right, " %s%s", *c, c[1] ? "," : "");
    }
    put_default(&right, o);
    if (left.n + 1 > HELP_COLUMN)
        printf("%s\n%*s", buf_cstr(&left), HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, buf_cstr(&left));
    print_wrapped(buf_cstr(&right));
    buf_free(&left);
    buf_free(&right);
}

static bool help_wanted, version_wanted, quiet, verbose, progress_on = true, progress_seen;

static const struct opt common[] = {
    {.kind = OPT_KIND_SWITCH,
     .name = "progress",
     .value = &progress_on,
     .neutral = true,
     .seen = &progress_seen,
     .help = "one line of progress on standard error, by default only on a terminal"},
    {.kind = OPT_KIND_SWITCH,
     .letter = 'q',
     .name = "quiet",
     .value = &quiet,
     .neutral = true,
     .help = "errors only"},
    {.kind = OPT_KIND_SWITCH,
     .letter = 'v',
     .name = "verbose",
     .value = &verbose,
     .neutral = true,
     .help = "say what was decided"},
    {.kind = OPT_KIND_SWITCH,
     .letter = 'h',
     .name = "help",
     .value = &help_wanted,
     .neutral = true,
     .help = "this text"},
    {.kind = OPT_KIND_SWITCH,
     .letter = 'V',
     .name = "version",
     .value = &version_wanted,
     .neutral = true,
     .help = "the version; with -v also libraries"},
    OPT_END,
};

static void print_help(const struct opt_spec *spec)
{
    printf("%s - %s\n\nusage: %s [options]%s%s\n\n", log_program(), spec->summary, log_program(),
           spec->operands ? " " : "", spec->operands ? spec->operands : "");
    for (const struct opt *o = spec->opts; o->kind != OPT_KIND_END; o++) {
        if (o->kind == OPT_KIND_HEADING)
            printf("%s%s\n", o == spec->opts ? "" : "\n", o->help);
        else
            print_option(o);
    }
    printf("\nCommon options\n");
    for (const struct opt *o = common; o->kind != OPT_KIND_END; o++)
        print_option(o);
    if (spec->footer)
        printf("\n%s\n", spec->footer);
    printf("\nManual: man %s, man gcpo\n", log_program());
}

/* ---- parsing ---- */

static const struct opt *find(const struct opt *opts, struct str name, char letter, bool *negated)
{
    *negated = false;
    for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
        if (o->kind == OPT_KIND_HEADING)
            continue;
        if (letter ? o->letter == letter : str_is(name, o->name))
            return o;
        if (!letter && o->kind == OPT_KIND_SWITCH && str_starts(name, STR("no-")) &&
            str_is(str_slice(name, 3, name.n), o->name)) {
            *negated = true;
            return o;
        }
    }
    return NULL;
}

static void set_number(const struct opt *o, const char *text)
{
    struct str s = str_of(text);
    if (o->kind == OPT_KIND_REAL) {
        double v;
        if (!num_parse_double(s, &v) || v < o->lo || v > o->hi)
            opt_misuse("--%s wants a number from %g to %g (seen '%s')", o->name, o->lo, o->hi,
                       text);
        *(double *)o->value = v;
        return;
    }
    uint64_t v;
    bool ok = o->kind == OPT_KIND_SIZE ? num_parse_size(s, &v) : num_parse_u64(s, &v);
    if (!ok || v < o->min || v > o->max)
        opt_misuse("--%s wants %s from %llu to %llu (seen '%s')", o->name,
                   o->kind == OPT_KIND_SIZE ? "a size (such as 512M)" : "a whole number",
                   (unsigned long long)o->min, (unsigned long long)o->max, text);
    *(uint64_t *)o->value = v;
}

static void set_choice(const struct opt *o, const char *text)
{
    struct buf all = {0};
    for (const char *const *c = o->choices; *c; c++) {
        if (strcmp(*c, text) == 0) {
            *(const char **)o->value = *c;
            buf_free(&all);
            return;
        }
        buf_printf(&all, "%s%s", c == o->choices ? "" : ", ", *c);
    }
    opt_misuse("--%s has no '%s' (expected one of %s)", o->name, text, buf_cstr(&all));
}

/* A list has at most as many items as there are arguments.  Lists live as long as
 * the program, like argv, wherever the struct opt_list itself stands. */
enum { LISTS_MAX = 16 };
static size_t most_items;

static void add_item(struct opt_list *l, const char *text)
{
    static const char **volatile lists[LISTS_MAX]; /* a leak checker wants to find them */
    static size_t n_lists;
    if (!l->items) {
        ASSERT(n_lists < LISTS_MAX);
        l->items = lists[n_lists++] = xcalloc(most_items, sizeof *l->items);
    }
    l->items[l->n++] = text;
}

static void set_value(const struct opt *o, const char *text)
{
    switch (o->kind) {
    case OPT_KIND_STRING: *(const char **)o->value = text; break;
    case OPT_KIND_CHOICE: set_choice(o, text); break;
    case OPT_KIND_LIST: add_item(o->value, text); break;
    default: set_number(o, text);
    }
}

struct parser {
    const struct opt *opts;
    char **argv;
    int argc, i;
};

static void apply(struct parser *p, const struct opt *o, bool negated, const char *value,
                  const char *spelled)
{
    if (o->seen)
        *o->seen = true;
    if (o->kind == OPT_KIND_SWITCH) {
        if (value)
            opt_misuse("%s takes no value (seen '%s')", spelled, value);
        *(bool *)o->value = !negated;
        return;
    }
    if (!value) {
        if (++p->i >= p->argc)
            opt_misuse("%s wants a value (%s)", spelled, o->metavar);
        value = p->argv[p->i];
    }
    set_value(o, value);
}

static const struct opt *find_any(const struct parser *p, struct str name, char letter,
                                  bool *negated)
{
    const struct opt *o = find(p->opts, name, letter, negated);
    return o ? o : find(common, name, letter, negated);
}

enum { NAME_CMP = 32 }; /* letters of a name that are compared with a misspelled one */

/* Edits from a to b: a letter more, less or another, or two neighbours swapped
 * (Damerau and Levenshtein, restricted form). */
static size_t edits(struct str a, struct str b)
{
    size_t d[NAME_CMP + 1][NAME_CMP + 1];
    for (size_t i = 0; i <= a.n; i++)
        for (size_t k = 0; k <= b.n; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = i + k;
                continue;
            }
            size_t best = d[i - 1][k - 1] + (a.p[i - 1] != b.p[k - 1]);
            best = d[i - 1][k] + 1 < best ? d[i - 1][k] + 1 : best;
            best = d[i][k - 1] + 1 < best ? d[i][k - 1] + 1 : best;
            if (i > 1 && k > 1 && a.p[i - 1] == b.p[k - 2] && a.p[i - 2] == b.p[k - 1] &&
                d[i - 2][k - 2] + 1 < best)
                best = d[i - 2][k - 2] + 1;
            d[i][k] = best;
        }
    return d[a.n][b.n];
}

/* The name nearest to a misspelled one, or the first that it begins; NULL if none is near. */
static const char *nearest(const struct parser *p, struct str name)
{
    size_t least = 1 + (name.n > 4 ? 2 : 1);
    const char *best = NULL;
    for (const struct opt *tables[] = {p->opts, common}, **t = tables; t < tables + 2; t++)
        for (const struct opt *o = *t; o->kind != OPT_KIND_END && name.n <= NAME_CMP; o++) {
            if (o->kind == OPT_KIND_HEADING || strlen(o->name) > NAME_CMP)
                continue;
            if (name.n > 1 && str_starts(str_of(o->name), name))
                return o->name;
            size_t n = edits(name, str_of(o->name));
            if (n < least) {
                least = n;
                best = o->name;
            }
        }
    return best;
}

static _Noreturn void unknown_option(const struct parser *p, struct str name)
{
    const char *near = nearest(p, name);
    opt_misuse("unknown option '--%.*s'%s%s%s", STR_ARG(name), near ? " (did you mean '--" : "",
               near ? near : "", near ? "'?)" : "");
}

static void parse_long(struct parser *p, const char *arg)
{
    const char *equals = strchr(arg, '=');
    struct str name = {arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2)};
    bool negated;
    const struct opt *o = find_any(p, name, 0, &negated);
    if (!o)
        unknown_option(p, name);
    apply(p, o, negated, equals ? equals + 1 : NULL, arg);
}

static void parse_letters(struct parser *p, const char *arg)
{
    for (const char *c = arg + 1; *c; c++) {
        bool negated;
        const struct opt *o = find_any(p, STR(""), *c, &negated);
        if (!o)
            opt_misuse("unknown option '-%c'", *c);
        bool takes = o->kind != OPT_KIND_SWITCH;
        apply(p, o, false, takes && c[1] ? c + 1 : NULL, (char[]){'-', *c, 0});
        if (takes)
            return;
    }
}

static void print_version(const struct opt_spec *spec)
{
    printf("%s %s%s%s%s\n", log_program(), GCPO_VERSION, GCPO_REVISION[0] ? " (" : "",
           GCPO_REVISION, GCPO_REVISION[0] ? ")" : "");
    if (!verbose)
        return;
    printf("compiler: %s\nflags: %s\n", __VERSION__, GCPO_CFLAGS);
    if (spec->version)
        spec->version();
}

static _Noreturn void finish_stdout(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write to standard output\n", log_program());
        exit(ERR_IO);
    }
    exit(0);
}

char **opt_parse(int argc, char **argv, const struct opt_spec *spec)
{
    log_open(argc > 0 ? argv[0] : "gcpo");
    struct parser p = {spec->opts, argv, argc, 1};
    static char **operands; /* lives as long as the program, like argv */
    most_items = (size_t)argc;
    operands = xcalloc((size_t)argc + 1, sizeof *operands);
    size_t n = 0;
    for (; p.i < argc; p.i++) {
        char *arg = argv[p.i];
        if (strcmp(arg, "--") == 0) {
            while (++p.i < argc)
                operands[n++] = argv[p.i];
        } else if (arg[0] == '-' && arg[1] == '-') {
            parse_long(&p, arg);
        } else if (arg[0] == '-' && arg[1]) {
            parse_letters(&p, arg);
        } else {
            operands[n++] = arg;
        }
        if (help_wanted) {
            /* The help shows defaults, so it wants the variables untouched: options
             * that came before it on the command line are shown with their values. */
            help_wanted = false;
            print_help(spec);
            finish_stdout();
        }
    }
    if (version_wanted) {
        print_version(spec);
        finish_stdout();
    }
    if (n && !spec->operands)
        opt_misuse("there are no operands (seen '%s')", operands[0]);
    log_set_level(quiet ? LOG_QUIET : verbose ? LOG_VERBOSE : LOG_NORMAL);
    if (progress_seen)
        progress_force(progress_on);
    return operands;
}

void opt_canonical(const struct opt *opts, struct buf *out)
{
    const char *comma = "";
    buf_putc(out, '{');
    for (const struct opt *o = opts; o->kind != OPT_KIND_END; o++) {
        if (o->kind == OPT_KIND_HEADING || o->neutral)
            continue;
        if ((o->kind == OPT_KIND_STRING || o->kind == OPT_KIND_CHOICE) && !*(const char **)o->value)
            continue;
        buf_printf(out, "%s\"%s\":", comma, o->name);
        comma = ",";
        switch (o->kind) {
        case OPT_KIND_SWITCH: buf_puts(out, *(bool *)o->value ? "true" : "false"); break;
        case OPT_KIND_STRING:
        case OPT_KIND_CHOICE: json_put_string(out, str_of(*(const char **)o->value)); break;
        case OPT_KIND_REAL: json_put_double(out, *(double *)o->value); break;
        case OPT_KIND_LIST: {
            const struct opt_list *l = o->value;
            buf_putc(out, '[');
            for (size_t i = 0; i < l->n; i++) {
                if (i)
                    buf_putc(out, ',');
                json_put_string(out, str_of(l->items[i]));
            }
            buf_putc(out, ']');
            break;
        }
        default: buf_printf(out, "%llu", (unsigned long long)*(uint64_t *)o->value);
        }
    }
    buf_putc(out, '}');
}

/* gcpo-cat - look at groups, pick some, join files, check and mend streams. */
#include "base/log.h"
#include "task/cat.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const color_names[] = {"auto", "always", "never", NULL};

static bool is_terminal(const struct cat_options *o)
{
    return (!o->io.out || strcmp(o->io.out, "-") == 0) && isatty(STDOUT_FILENO);
}

static bool wants_colour(const char *choice, const struct cat_options *o)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */
    if (strcmp(choice, "auto") != 0)
        return strcmp(choice, "always") == 0;
    return is_terminal(o) && !(no_color && *no_color);
}

static uint64_t terminal_width(void)
{
    struct winsize w;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
        return w.ws_col;
    return 80;
}

int main(int argc, char **argv)
{
    struct cat_options o = {.io.threads = 1, .width = terminal_width()};
    const char *color = "auto";
    bool merge = false, check = false, repair = false, provenance = false, text_seen = false;
    const struct opt opts[] = {
        OPT_HEADING("Which groups"),
        OPT_LIST(0, "id", "ID", &o.ids, "the first group with this id (may be repeated)"),
        OPT_STRING(0, "ids", "FILE", &o.ids_file, "groups whose id is that of a record of FILE"),
        OPT_LIST(0, "where", "LIST", &o.where,
                 "groups for which all of LIST holds: mixed, all-wrong, all-right, unscorable, "
                 "correct, wrong, no-answer, bad-reference, error, truncated, gold, unjudged, "
                 "FIELD=VALUE; ! negates"),
        OPT_COUNT(0, "head", "N", &o.head, 0, UINT64_MAX, "at most N groups; 0: all"),
        OPT_COUNT(0, "sample", "N", &o.sample, 0, 1 << 24, "N groups drawn at random; 0: all"),
        OPT_COUNT('s', "seed", "N", &o.seed, 0, UINT64_MAX, "the seed of --sample"),
        OPT_HEADING("What is done"),
        {.kind = OPT_KIND_SWITCH,
         .name = "text",
         .value = &o.text,
         .neutral = true,
         .seen = &text_seen,
         .help = "lay groups out for reading (the default on a terminal; --no-text)"},
        OPT_SWITCH(0, "list", &o.list, "a line for each group"),
        OPT_SWITCH(0, "merge", &merge, "join groups of the same id and round into one"),
        OPT_SWITCH(0, "check", &check, "say everything that is wrong with the files"),
        OPT_SWITCH(0, "repair", &repair, "keep the whole groups of files that were cut short"),
        OPT_SWITCH(0, "provenance", &provenance, "show which programs the files went through"),
        OPT_HEADING("Reading"),
        OPT_NEUTRAL('m', "model", "DIR", &o.model,
                    "underline the least likely tokens, as this model's tokenizer spells them"),
        {.kind = OPT_KIND_COUNT,
         .name = "lines",
         .metavar = "N",
         .value = &o.lines,
         .max = UINT32_MAX,
         .neutral = true,
         .help = "at most N lines of each text; 0: all"},
        {.kind = OPT_KIND_COUNT,
         .name = "width",
         .metavar = "N",
         .value = &o.width,
         .max = 100000,
         .neutral = true,
         .help = "wrap lines at N columns; 0: not at all"},
        {.kind = OPT_KIND_CHOICE,
         .name = "color",
         .metavar = "NAME",
         .value = &color,
         .choices = color_names,
         .neutral = true,
         .help = "colours and underlining"},
        OPT_HEADING("Input and output"),
        OPT_OUTPUT(&o.io.out),
        {.kind = OPT_KIND_SWITCH,
         .name = "plain",
         .value = &o.io.plain,
         .neutral = true,
         .help = "write plain JSONL; of --provenance, the heads as they are"},
        OPT_REJECT(&o.io.reject),
        OPT_THREADS(&o.io.threads),
        OPT_END};
    const struct opt_spec spec = {"[streams ...]", "read, pick, join, check and mend groups", opts,
                                  .footer = "Long groups read well in a pager: gcpo-cat --text "
                                            "--color always FILE | less -R"};
    char **files = opt_parse(argc, argv, &spec);
    o.opts = opts;
    if (merge + check + repair + provenance + o.list > 1)
        opt_misuse("--list, --merge, --check, --repair and --provenance exclude each other");
    if ((merge || check || repair || provenance) &&
        (o.ids.n || o.ids_file || o.where.n || o.head || o.sample || o.text))
        opt_misuse("--merge, --check, --repair and --provenance take whole files");
    if (!text_seen)
        o.text = is_terminal(&o) && !o.io.plain;
    o.colour = wants_colour(color, &o);

    struct err e = ERR_NONE;
    bool ok = merge        ? cat_merge(&o, files, &e)
              : check      ? cat_check(&o, files, &e)
              : repair     ? cat_repair(&o, files, &e)
              : provenance ? cat_provenance(&o, files, &e)
                           : cat_run(&o, files, &e);
    (void)ok;
    return err_report(&e);
}

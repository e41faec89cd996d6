/* SPDX-License-Identifier: GPL-3.0-or-later */
/* options.c - see options.h. getopt_long keeps its place in globals of libc: one command line
 * is read at a time, which is all a program needs. */
#include "sim/cli/options.h"

#include <getopt.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "sim/base/date.h"

enum { FIRST_LONG_VALUE = 256, HELP_COLUMN = 28, MAX_OPTIONS = 64, MAX_NAME_BYTES = 48 };

/* ---- setters ---- */

static void *member(struct options *o, const struct option_spec *spec)
{
    return (char *)o + spec->offset;
}

bool option_switch(struct options *o, const struct option_spec *spec, const char *arg,
                   struct err *err)
{
    (void)arg;
    (void)err;
    *(bool *)member(o, spec) = true;
    return true;
}

static bool fail_empty(const struct option_spec *spec, struct err *err)
{
    return err_set(err, ERR_USAGE, "option --%s needs %s, got nothing", spec->name, spec->arg);
}

bool option_text(struct options *o, const struct option_spec *spec, const char *arg,
                 struct err *err)
{
    if (arg[0] == '\0') {
        return fail_empty(spec, err);
    }
    *(const char **)member(o, spec) = arg;
    return true;
}

bool option_add(struct options *o, const struct option_spec *spec, const char *arg,
                struct err *err)
{
    struct option_list *list = member(o, spec);
    if (arg[0] == '\0') {
        return fail_empty(spec, err);
    }
    list->items[list->n++] = arg;
    return true;
}

bool option_number(struct options *o, const struct option_spec *spec, const char *arg,
                   struct err *err)
{
    char why[160];
    double value;
    if (!quantity_parse(arg, spec->unit, &value, why, sizeof why)) {
        return err_set(err, ERR_USAGE, "option --%s: %s", spec->name, why);
    }
    if (spec->unit == UNIT_BYTES && !(value >= spec->min && value <= spec->max)) {
        char least[48];
        return err_set(err, ERR_USAGE, "option --%s must be at least %s, got %s", spec->name,
                       quantity_format(least, sizeof least, spec->min, UNIT_BYTES), arg);
    }
    value = spec->unit == UNIT_BYTES ? floor(value) : value;
    if (value != floor(value) || value < spec->min || value > spec->max) {
        return err_set(err, ERR_USAGE, "option --%s must be a whole number %.0f..%.0f, got %s",
                       spec->name, spec->min, spec->max, arg);
    }
    *(int64_t *)member(o, spec) = (int64_t)value;
    return true;
}

/* "2/4": the second of four. */
bool option_shard(struct options *o, const struct option_spec *spec, const char *arg,
                  struct err *err)
{
    char part[16];
    double idx;
    double n;
    size_t len = strcspn(arg, "/");
    snprintf(part, sizeof part, "%.*s", (int)(len < sizeof part ? len : 0), arg);
    bool ok = arg[len] == '/' && quantity_number(part, &idx, NULL, 0) &&
              quantity_number(arg + len + 1, &n, NULL, 0);
    if (!ok || idx != floor(idx) || n != floor(n) || n < 1 || n > spec->max || idx < 1 ||
        idx > n) {
        return err_set(err, ERR_USAGE,
                       "option --%s needs I/N with I in 1..N and N in 1..%.0f, got '%s'",
                       spec->name, spec->max, arg);
    }
    o->shard = (int64_t)idx;
    o->n_shards = (int64_t)n;
    return true;
}

/* A day of the calendar: 30 February would become another when normalised. */
static bool is_day(const char *text)
{
    struct tm tm = {0};
    if (!date_is_valid(text) || !strptime(text, "%Y-%m-%d", &tm)) {
        return false;
    }
    int day = tm.tm_mday;
    return timegm(&tm) != -1 && tm.tm_mday == day;
}

bool option_date(struct options *o, const struct option_spec *spec, const char *arg,
                 struct err *err)
{
    if (!is_day(arg)) {
        return err_set(err, ERR_USAGE, "option --%s needs a date YYYY-MM-DD, got '%s'",
                       spec->name, arg);
    }
    return option_text(o, spec, arg, err);
}

/* ---- commands ---- */

/* Without a near name the hint is all of them. */
static void hint_commands(struct err *err)
{
    if (!err || err->hint[0]) {
        return;
    }
    size_t used = 0;
    for (int i = 0; command_at(i) && used < sizeof err->hint; i++) {
        used += (size_t)snprintf(err->hint + used, sizeof err->hint - used, "%s %s",
                                 i ? "," : "the commands are", command_at(i)->name);
    }
}

const struct command *command_find(const char *name, struct err *err)
{
    const char *names[MAX_OPTIONS];
    int n = 0;
    for (; command_at(n); n++) {
        ASSERT(n < MAX_OPTIONS);
        names[n] = command_at(n)->name;
        if (strcmp(name, names[n]) == 0) {
            return command_at(n);
        }
    }
    err_set(err, ERR_USAGE, "unknown command '%s'", name);
    err_suggest(err, name, names, n);
    hint_commands(err);
    return NULL;
}

/* ---- parsing ---- */

/* The two tables getopt_long wants. Every option returns FIRST_LONG_VALUE plus its row, short
 * forms their letter. */
struct getopt_tables {
    struct option *longs;
    char *shorts;
};

static struct getopt_tables getopt_tables_new(struct arena *arena, const struct command *c)
{
    size_t n = (size_t)c->n_options;
    struct getopt_tables t = {arena_alloc(arena, n + 1, sizeof *t.longs),
                              arena_alloc(arena, 2 * n + 2, 1)};
    char *s = t.shorts;
    *s++ = ':'; /* a missing argument is told from an unknown option */
    for (int i = 0; i < c->n_options; i++) {
        const struct option_spec *o = &c->options[i];
        t.longs[i] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL,
                                     FIRST_LONG_VALUE + i};
        if (o->letter) {
            *s++ = o->letter;
            if (o->arg) {
                *s++ = ':';
            }
        }
    }
    return t;
}

static const struct option_spec *spec_of(const struct command *c, int value)
{
    if (value >= FIRST_LONG_VALUE && value < FIRST_LONG_VALUE + c->n_options) {
        return &c->options[value - FIRST_LONG_VALUE];
    }
    for (int i = 0; i < c->n_options; i++) {
        if (value != 0 && c->options[i].letter == value) {
            return &c->options[i];
        }
    }
    return NULL;
}

/* How many long names begin with word[0..n). */
static int count_beginnings(const struct command *c, const char *word, size_t n)
{
    int count = 0;
    for (int i = 0; i < c->n_options; i++) {
        count += strncmp(c->options[i].name, word, n) == 0;
    }
    return count;
}

/* word: as on the command line, with its dashes. */
static bool fail_unknown_long(const struct command *c, const char *word, struct err *err)
{
    char dashed[MAX_OPTIONS][MAX_NAME_BYTES], name[MAX_NAME_BYTES];
    const char *names[MAX_OPTIONS];
    size_t n = strcspn(word, "=");
    ASSERT(c->n_options <= MAX_OPTIONS);
    snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : MAX_NAME_BYTES, word);
    for (int i = 0; i < c->n_options; i++) {
        snprintf(dashed[i], sizeof dashed[i], "--%s", c->options[i].name);
        names[i] = dashed[i];
    }
    if (n > 2 && count_beginnings(c, word + 2, n - 2) > 1) {
        return err_set(err, ERR_USAGE, "option '%s' of %s is ambiguous", name, c->name);
    }
    err_set(err, ERR_USAGE, "%s has no option '%s'", c->name, name);
    err_suggest(err, name, names, c->n_options);
    return false;
}

/* getopt_long said '?' or ':'. word is the command-line word it stopped at. */
static bool fail_option(const struct command *c, int got, const char *word, struct err *err)
{
    const struct option_spec *spec = spec_of(c, optopt);
    if (got == ':') {
        return err_set(err, ERR_USAGE, "option --%s needs %s", spec->name, spec->arg);
    }
    if (spec) {
        return err_set(err, ERR_USAGE, "option --%s takes no value", spec->name);
    }
    if (optopt == 0) {
        return fail_unknown_long(c, word, err);
    }
    return err_set(err, ERR_USAGE, "%s has no option '-%c'", c->name, optopt);
}

static bool read_options(const struct command *c, const struct getopt_tables *t, int argc,
                         char **argv, struct options *o, struct err *err)
{
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (;;) {
        int got = getopt_long(argc, argv, t->shorts, t->longs, NULL);
        if (got == -1) {
            return true;
        }
        if (got == '?' || got == ':') {
            return fail_option(c, got, argv[optind - 1], err);
        }
        const struct option_spec *spec = spec_of(c, got);
        ASSERT(spec != NULL);
        if (!spec->set(o, spec, optarg, err)) {
            return false;
        }
    }
}

static bool check_args(const struct command *c, const struct option_list *args, struct err *err)
{
    if (args->n < c->min_args) {
        err_set(err, ERR_USAGE, "%s needs %s", c->name, c->args);
    } else if (args->n > c->max_args) {
        err_set(err, ERR_USAGE, "%s takes %s only: '%s' is too much", c->name, c->args,
                args->items[c->max_args]);
    } else {
        return true;
    }
    if (err && err->hint[0] == '\0') {
        snprintf(err->hint, sizeof err->hint, "usage: headroom %s [OPTIONS] %s", c->name,
                 c->args);
    }
    return false;
}

bool options_parse(struct arena *arena, const struct command *command, int argc, char **argv,
                   struct options *out, struct err *err)
{
    size_t n_words = (size_t)argc + 1;
    *out = (struct options){.seed = -1, .requests = -1, .replications = -1};
    out->args.items = arena_alloc(arena, n_words, sizeof(char *));
    out->sets.items = arena_alloc(arena, n_words, sizeof(char *));
    out->data_dirs.items = arena_alloc(arena, n_words, sizeof(char *));
    struct getopt_tables tables = getopt_tables_new(arena, command);
    if (!read_options(command, &tables, argc, argv, out, err)) {
        return false;
    }
    for (int i = optind; i < argc; i++) {
        out->args.items[out->args.n++] = argv[i];
    }
    return out->help || out->version || check_args(command, &out->args, err);
}

/* ---- help ---- */

void command_usage(const struct command *command, FILE *out)
{
    fprintf(out, "headroom %s [OPTIONS] %s\n", command->name, command->args);
}

static void option_help(const struct option_spec *o, FILE *out)
{
    int width = o->letter ? fprintf(out, "  -%c, --%s", o->letter, o->name)
                          : fprintf(out, "      --%s", o->name);
    if (o->arg) {
        width += fprintf(out, " %s", o->arg);
    }
    fprintf(out, "%*s%s", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "", o->help);
    if (o->fallback) {
        fprintf(out, " (default: %s)", o->fallback);
    }
    fputc('\n', out);
}

void command_help(const struct command *command, FILE *out)
{
    fputs("Usage: ", out);
    command_usage(command, out);
    fprintf(out, "\n%s\n\nOptions:\n", command->details);
    for (int i = 0; i < command->n_options; i++) {
        option_help(&command->options[i], out);
    }
}

void program_help(FILE *out)
{
    fputs(
        "headroom - which GPUs, how many and at what latency, for serving open-weight language "
        "models\n\n"
        "Usage: headroom COMMAND [OPTIONS] ARGUMENTS\n\nCommands:\n",
        out);
    for (int i = 0; command_at(i); i++) {
        const struct command *c = command_at(i);
        int width = fprintf(out, "  %s %s", c->name, c->args);
        fprintf(out, "%*s%s\n", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "", c->summary);
    }
    fputs(
        "\n`headroom COMMAND --help` lists the options of a command; `headroom --version` "
        "prints the version.\n\n"
        "Exit codes: 0 every row was produced; 1 nothing fits, or with --strict a target was\n"
        "missed; 2 usage; 3 bad input file; 4 input or output failed; 70 internal; 130 or 143\n"
        "after a signal.\n",
        out);
}

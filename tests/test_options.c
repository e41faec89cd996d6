/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_options.c - the option tables and what the parser makes of a command line. */
#include "sim/cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "sim/base/text.h"
#include "tests/check.h"

enum { MAX_WORDS = 16, HELP_WIDTH = 96 };

/* Parses the blank-separated words of a line whose first word is the command. */
static bool parse(struct arena *arena, const char *line, struct options *o, struct err *err)
{
    char *argv[MAX_WORDS + 1] = {NULL};
    int argc = 0;
    char *rest = arena_strdup(arena, line);
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        CU_ASSERT_FATAL(argc < MAX_WORDS);
        argv[argc++] = word;
    }
    *err = (struct err){0};
    const struct command *command = command_find(argv[0], err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(command);
    return options_parse(arena, command, argc, argv, o, err);
}

static struct options must_parse(struct arena *arena, const char *line)
{
    struct options o;
    struct err err;
    bool ok = parse(arena, line, &o, &err);
    if (!ok) {
        err_print(&err, stderr);
    }
    CU_ASSERT_TRUE_FATAL(ok);
    return o;
}

/* The line is refused as wrong usage with these parts in message and hint. */
static void expect_error(const char *line, const char *part, const char *hint)
{
    struct arena *arena = arena_new();
    struct options o;
    struct err err;
    bool ok = parse(arena, line, &o, &err);
    bool as_expected = !ok && err.code == ERR_USAGE && strstr(err.text, part) &&
                       strstr(err.hint, hint) && (hint[0] || !err.hint[0]);
    if (!as_expected) {
        fprintf(stderr, "'%s': expected '%s' (%s); got %d '%s' (%s)\n", line, part, hint, ok,
                err.text, err.hint);
    }
    CU_ASSERT_TRUE(as_expected);
    arena_free(arena);
}

/* ---- tables ---- */

static void names_and_letters_are_unique_within_a_command(void)
{
    for (int c = 0; command_at(c); c++) {
        const struct command *command = command_at(c);
        for (int i = 0; i < command->n_options; i++) {
            for (int k = 0; k < i; k++) {
                const struct option_spec *a = &command->options[i], *b = &command->options[k];
                CU_ASSERT_STRING_NOT_EQUAL(a->name, b->name);
                CU_ASSERT_TRUE(a->letter == 0 || a->letter != b->letter);
            }
        }
    }
}

static void an_option_means_the_same_in_every_command(void)
{
    const struct command *run = command_find("run", NULL);
    for (int c = 0; command_at(c); c++) {
        const struct command *command = command_at(c);
        for (int i = 0; i < command->n_options; i++) {
            const struct option_spec *a = &command->options[i];
            for (int k = 0; k < run->n_options; k++) {
                const struct option_spec *b = &run->options[k];
                if (strcmp(a->name, b->name) == 0) {
                    CU_ASSERT_EQUAL(a->letter, b->letter);
                    CU_ASSERT_EQUAL(a->offset, b->offset);
                    CU_ASSERT_EQUAL(a->arg == NULL, b->arg == NULL);
                }
            }
        }
    }
}

static void every_command_has_the_general_options(void)
{
    struct arena *arena = arena_new();
    for (int c = 0; command_at(c); c++) {
        const char *line = arena_printf(
            arena, "%s --help --version -q --data here --data there", command_at(c)->name);
        struct options o = must_parse(arena, line);
        CU_ASSERT_TRUE(o.help && o.version && o.quiet);
        CU_ASSERT_EQUAL_FATAL(o.data_dirs.n, 2);
        CU_ASSERT_STRING_EQUAL(o.data_dirs.items[1], "there");
    }
    arena_free(arena);
}

static void help_names_every_option_within_the_width(void)
{
    for (int c = 0; command_at(c); c++) {
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        command_help(command_at(c), out);
        fclose(out);
        for (int i = 0; i < command_at(c)->n_options; i++) {
            char dashed[64];
            snprintf(dashed, sizeof dashed, "--%s ", command_at(c)->options[i].name);
            CU_ASSERT_PTR_NOT_NULL(strstr(text, dashed));
        }
        for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
            CU_ASSERT_TRUE(text_width(line) <= HELP_WIDTH);
        }
        free(text);
    }
}

/* ---- parsing ---- */

static void nothing_given_is_nothing_set(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "run a.yaml");
    CU_ASSERT_EQUAL(o.seed, -1);
    CU_ASSERT_EQUAL(o.requests, -1);
    CU_ASSERT_EQUAL(o.replications, -1);
    CU_ASSERT_EQUAL(o.n_jobs, 0);
    CU_ASSERT_PTR_NULL(o.out_dir);
    CU_ASSERT_PTR_NULL(o.as_of);
    CU_ASSERT_FALSE(o.per_request || o.no_plots || o.json || o.strict || o.quiet);
    arena_free(arena);
}

static void each_option_sets_its_member(void)
{
    struct arena *arena = arena_new();
    struct options o =
        must_parse(arena, "run --seed 7 -j 3 --requests=2k --replications 4 -o dir --as-of "
                          "2026-02-28 --strict a.yaml");
    CU_ASSERT_EQUAL(o.seed, 7);
    CU_ASSERT_EQUAL(o.n_jobs, 3);
    CU_ASSERT_EQUAL(o.requests, 2000);
    CU_ASSERT_EQUAL(o.replications, 4);
    CU_ASSERT_STRING_EQUAL(o.out_dir, "dir");
    CU_ASSERT_STRING_EQUAL(o.as_of, "2026-02-28");
    CU_ASSERT_TRUE(o.strict && !o.json && !o.no_plots && !o.per_request);
    o = must_parse(arena, "run a.yaml --json --no-plots --per-request");
    CU_ASSERT_TRUE(!o.strict && o.json && o.no_plots && o.per_request);
    o = must_parse(arena, "validate t.csv --csv rows.csv --explain r1 --markdown");
    CU_ASSERT_STRING_EQUAL(o.csv, "rows.csv");
    CU_ASSERT_STRING_EQUAL(o.explain, "r1");
    CU_ASSERT_TRUE(o.markdown);
    arena_free(arena);
}

static void short_forms_may_be_joined(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "run -qj2 -odir a.yaml");
    CU_ASSERT_TRUE(o.quiet);
    CU_ASSERT_EQUAL(o.n_jobs, 2);
    CU_ASSERT_STRING_EQUAL(o.out_dir, "dir");
    arena_free(arena);
}

static void options_may_stand_behind_arguments(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "catalog gpus --json h100-sxm -q");
    CU_ASSERT_EQUAL_FATAL(o.args.n, 2);
    CU_ASSERT_STRING_EQUAL(o.args.items[0], "gpus");
    CU_ASSERT_STRING_EQUAL(o.args.items[1], "h100-sxm");
    CU_ASSERT_TRUE(o.json && o.quiet);
    arena_free(arena);
}

static void two_dashes_end_options(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "check -q -- --odd-name.yaml");
    CU_ASSERT_EQUAL_FATAL(o.args.n, 1);
    CU_ASSERT_STRING_EQUAL(o.args.items[0], "--odd-name.yaml");
    arena_free(arena);
}

static void sets_keep_their_order(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "check --set a=1 s.yaml --set b=2 --set=a=3");
    CU_ASSERT_EQUAL_FATAL(o.sets.n, 3);
    CU_ASSERT_STRING_EQUAL(o.sets.items[0], "a=1");
    CU_ASSERT_STRING_EQUAL(o.sets.items[1], "b=2");
    CU_ASSERT_STRING_EQUAL(o.sets.items[2], "a=3");
    arena_free(arena);
}

static void the_last_of_a_repeated_option_counts(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "run --seed 1 --seed 2 s.yaml");
    CU_ASSERT_EQUAL(o.seed, 2);
    arena_free(arena);
}

static void an_unambiguous_beginning_is_enough(void)
{
    struct arena *arena = arena_new();
    struct options o = must_parse(arena, "run --rep 2 --per s.yaml");
    CU_ASSERT_EQUAL(o.replications, 2);
    CU_ASSERT_TRUE(o.per_request);
    arena_free(arena);
}

static void help_and_version_need_no_arguments(void)
{
    struct arena *arena = arena_new();
    CU_ASSERT_TRUE(must_parse(arena, "run --help").help);
    CU_ASSERT_TRUE(must_parse(arena, "catalog --version").version);
    arena_free(arena);
}

/* ---- errors ---- */

static void unknown_options_suggest_the_nearest(void)
{
    expect_error("run --reqests 5 s.yaml", "run has no option '--reqests'", "'--requests'");
    expect_error("run --sead=5 s.yaml", "run has no option '--sead'", "'--seed'");
    expect_error("run --xyzzy s.yaml", "run has no option '--xyzzy'", "");
    expect_error("run -x s.yaml", "run has no option '-x'", "");
    expect_error("check --strict s.yaml", "check has no option '--strict'", "");
}

static void an_ambiguous_beginning_is_refused(void)
{
    expect_error("run --re 5 s.yaml", "option '--re' of run is ambiguous", "");
}

static void a_missing_or_needless_value_is_named(void)
{
    expect_error("run s.yaml --seed", "option --seed needs N", "");
    expect_error("run s.yaml -o", "option --output needs DIR", "");
    expect_error("run s.yaml --output=", "option --output needs DIR", "");
    expect_error("run s.yaml --set=", "option --set needs PATH=VALUE", "");
    expect_error("run s.yaml --json=yes", "option --json takes no value", "");
}

static void numbers_must_be_whole_and_in_range(void)
{
    expect_error("run s.yaml --seed x", "option --seed: 'x' is not a number", "");
    expect_error("run s.yaml --seed 1e400", "option --seed", "");
    expect_error("run s.yaml --seed nan", "option --seed", "");
    expect_error("run s.yaml --seed -1", "must be a whole number 0..9007199254740992", "");
    expect_error("run s.yaml -j 0", "option --jobs must be a whole number 1..4096, got 0", "");
    expect_error("run s.yaml -j 4097", "1..4096", "");
    expect_error("run s.yaml --requests 1.5", "whole number", "");
    expect_error("run s.yaml --replications 10001", "1..10000", "");
}

static void dates_must_exist(void)
{
    expect_error("run s.yaml --as-of 2026-02-29", "needs a date YYYY-MM-DD, got '2026-02-29'",
                 "");
    expect_error("run s.yaml --as-of today", "needs a date YYYY-MM-DD, got 'today'", "");
}

static void the_number_of_arguments_is_checked(void)
{
    expect_error("run", "run needs SCENARIO", "usage: headroom run [OPTIONS] SCENARIO");
    expect_error("run a b", "'b' is too much", "usage: headroom run");
    expect_error("catalog gpus a b", "'b' is too much", "KIND [NAME]");
}

static void an_unknown_command_suggests_one_or_lists_all(void)
{
    struct err err = {0};
    CU_ASSERT_PTR_NULL(command_find("swep", &err));
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'sweep'?");
    err = (struct err){0};
    CU_ASSERT_PTR_NULL(command_find("zzzzzzzz", &err));
    for (int i = 0; command_at(i); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, command_at(i)->name));
    }
    CU_ASSERT_PTR_NULL(command_find("Run", NULL));
}

static const struct check_case cases[] = {
    {"names and letters are unique within a command",
     names_and_letters_are_unique_within_a_command},
    {"an option means the same in every command", an_option_means_the_same_in_every_command},
    {"every command has the general options", every_command_has_the_general_options},
    {"help names every option within the width", help_names_every_option_within_the_width},
    {"nothing given is nothing set", nothing_given_is_nothing_set},
    {"each option sets its member", each_option_sets_its_member},
    {"short forms may be joined", short_forms_may_be_joined},
    {"options may stand behind arguments", options_may_stand_behind_arguments},
    {"two dashes end options", two_dashes_end_options},
    {"sets keep their order", sets_keep_their_order},
    {"the last of a repeated option counts", the_last_of_a_repeated_option_counts},
    {"an unambiguous beginning is enough", an_unambiguous_beginning_is_enough},
    {"help and version need no arguments", help_and_version_need_no_arguments},
    {"unknown options suggest the nearest", unknown_options_suggest_the_nearest},
    {"an ambiguous beginning is refused", an_ambiguous_beginning_is_refused},
    {"a missing or needless value is named", a_missing_or_needless_value_is_named},
    {"numbers must be whole and in range", numbers_must_be_whole_and_in_range},
    {"dates must exist", dates_must_exist},
    {"the number of arguments is checked", the_number_of_arguments_is_checked},
    {"an unknown command suggests one or lists all",
     an_unknown_command_suggests_one_or_lists_all},
};

int main(void)
{
    return check_main("options", cases, sizeof cases / sizeof cases[0]);
}

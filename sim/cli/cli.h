/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli.h - what the commands share: the run's surroundings, the scenario with the command line
 * applied, the output directory, charts, JSON and notes. Commands report failures through err;
 * main prints them. */
#ifndef CLI_H
#define CLI_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/cli/options.h"
#include "sim/cli/paths.h"
#include "sim/experiment/experiment.h"

struct cli {
    struct arena *arena;
    const struct command *command;
    struct options options;
    struct data_paths paths;
    const char *as_of;             /* ISO date that price ages are counted to */
    const atomic_bool *stop;       /* a signal asked to stop: begin no further point */
    const atomic_bool *abandon;    /* that was a while ago: give up those that run */
    struct option_list merge_dirs; /* merge: the output folders of the shards; n 0: no merge */
    bool interrupted;              /* the command stopped early for it */
    struct err late;               /* a failure that did not stop the command (a chart) */
    double start_wall_s;
    const char *out_dir; /* set by cli_open_out */
};

/* One function per command; false with err, whose code is the exit code. */
bool cmd_check(struct cli *cli, struct err *err);
bool cmd_memory(struct cli *cli, struct err *err);
bool cmd_run(struct cli *cli, struct err *err);
bool cmd_sweep(struct cli *cli, struct err *err);
bool cmd_plan(struct cli *cli, struct err *err);
bool cmd_validate(struct cli *cli, struct err *err);
bool cmd_calibrate(struct cli *cli, struct err *err);
bool cmd_export(struct cli *cli, struct err *err);
bool cmd_catalog(struct cli *cli, struct err *err);
bool cmd_merge(struct cli *cli, struct err *err);

/* The catalogue's directories: --data, HEADROOM_PATH, the program's own. */
bool cli_find_data(struct cli *cli, struct err *err);

/* Date of the prices: --as-of, SOURCE_DATE_EPOCH, today (UTC). */
bool cli_resolve_as_of(struct cli *cli, struct err *err);

/* "note: ..." on stderr, unless -q. */
void cli_note(const struct cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The scenario named by the first argument with --set, --seed, --requests and --replications
 * applied; its warnings become notes. */
bool cli_load_scenario(struct cli *cli, struct scenario **sc, struct err *err);
struct stock *cli_load_stock(struct cli *cli, struct err *err);
/* Options of an experiment: threads, stop flag, progress. */
struct experiment_options cli_experiment_options(const struct cli *cli);

/* Makes -o DIR or out/<scenario name>. */
bool cli_open_out(struct cli *cli, const struct scenario *sc, struct err *err);
/* A file of the output directory; in the arena. */
const char *cli_out_path(const struct cli *cli, const char *name);

/* One chart of a scenario's results: the kind, and the table it is drawn from. */
struct cli_chart {
    const char *kind, *csv;
};
/* Draws them unless --no-plots. A failure is kept in cli->late and ends the drawing; a table
 * with nothing to draw is a note. */
void cli_draw(struct cli *cli, const struct scenario *sc, const struct cli_chart *charts,
              int n);

/* The rows of a CSV table as a JSON array of objects; NULL with err. */
json_t *cli_csv_rows(struct cli *cli, const char *path, struct err *err);
/* {"command": ..., "scenario": ...}, to be completed. */
json_t *cli_json_new(const struct cli *cli, const struct scenario *sc);
/* Prints and frees a document. */
void cli_json_print(json_t *doc);
/* A JSON number, null for NaN. */
json_t *cli_json_num(double value);

#endif

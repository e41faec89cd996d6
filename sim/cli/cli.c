/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli.c - see cli.h. */
#include "sim/cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plots/plot.h"
#include "sim/base/csvio.h"
#include "sim/base/pool.h"

enum { MAX_CLASSES_NAMED = 3, MAX_MODELS_NAMED = 4 };
/* Measured: a simulation of some thousand live requests, with its stack. */
enum { THREAD_BYTES = 8 << 20 };

void cli_note(const struct cli *cli, const char *fmt, ...)
{
    if (cli->options.quiet) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    fputs("note: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

static bool date_of_epoch(struct cli *cli, time_t seconds, struct err *err)
{
    struct tm day;
    char text[16];
    if (!gmtime_r(&seconds, &day) || strftime(text, sizeof text, "%Y-%m-%d", &day) != 10) {
        return err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH is out of range");
    }
    cli->as_of = arena_strdup(cli->arena, text);
    return true;
}

bool cli_resolve_as_of(struct cli *cli, struct err *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (cli->options.as_of) {
        cli->as_of = cli->options.as_of;
        return true;
    }
    if (!epoch || epoch[0] == '\0') {
        return date_of_epoch(cli, time(NULL), err);
    }
    char *end;
    errno = 0;
    long long seconds = strtoll(epoch, &end, 10);
    if (*end != '\0' || errno != 0 || seconds < 0) {
        return err_set(err, ERR_USAGE,
                       "SOURCE_DATE_EPOCH must be a number of seconds, got '%s'", epoch);
    }
    return date_of_epoch(cli, (time_t)seconds, err);
}

/* ---- scenario and catalogue ---- */

bool cli_find_data(struct cli *cli, struct err *err)
{
    struct path_sources from = {
        .data = cli->options.data_dirs.items,
        .n_data = cli->options.data_dirs.n,
        .env = getenv("HEADROOM_PATH"),
        .executable = paths_executable(cli->arena),
        .prefix = HEADROOM_PREFIX,
    };
    return paths_find(cli->arena, &from, &cli->paths, err);
}

static void add_set(struct cli *cli, const char **sets, int *n, const char *path, int64_t value)
{
    if (value >= 0) {
        sets[(*n)++] = arena_printf(cli->arena, "simulation.%s=%lld", path, (long long)value);
    }
}

bool cli_load_scenario(struct cli *cli, struct scenario **sc, struct err *err)
{
    const struct options *o = &cli->options;
    const char **sets = arena_alloc(cli->arena, (size_t)o->sets.n + 3, sizeof *sets);
    int n = 0;
    for (; n < o->sets.n; n++) {
        sets[n] = o->sets.items[n];
    }
    add_set(cli, sets, &n, "seed", o->seed);
    add_set(cli, sets, &n, "requests", o->requests);
    add_set(cli, sets, &n, "replications", o->replications);
    if (!scenario_load(cli->arena, o->args.items[0], sets, n, sc, err)) {
        return false;
    }
    for (int i = 0; i < (*sc)->n_warnings; i++) {
        cli_note(cli, "%s", (*sc)->warnings[i]);
    }
    return true;
}

struct stock *cli_load_stock(struct cli *cli, struct err *err)
{
    return stock_load(cli->arena, cli->paths.dirs, cli->paths.n_dirs, err);
}

/* As many as asked for; under a memory limit as many as have room to simulate. */
static int thread_count(const struct options *o)
{
    int64_t n = o->n_jobs > 0 ? o->n_jobs : pool_cpu_count();
    int64_t room = 1 + (o->max_memory_bytes - LEAST_MEMORY_BYTES) / THREAD_BYTES;
    return (int)(o->max_memory_bytes > 0 && room < n ? room : n);
}

struct experiment_options cli_experiment_options(const struct cli *cli)
{
    return (struct experiment_options){
        .n_threads = thread_count(&cli->options),
        .requests =
            cli->options.requests, /* cuts a trace too, unlike the scenario's own figure */
        .seed = -1, /* --seed and --replications are part of the scenario by now */
        .quiet = cli->options.quiet,
        .stop = cli->stop,
        .abandon = cli->abandon,
    };
}

/* ---- output directory ---- */

bool cli_open_out(struct cli *cli, const struct scenario *sc, struct err *err)
{
    cli->out_dir = cli->options.out_dir
                       ? cli->options.out_dir
                       : arena_printf(cli->arena, "out/%s", scenario_dir_name(cli->arena, sc));
    return paths_make(cli->out_dir, err);
}

const char *cli_out_path(const struct cli *cli, const char *name)
{
    return arena_printf(cli->arena, "%s/%s", cli->out_dir, name);
}

/* ---- charts ---- */

/* "llama-4-scout, llama-4-maverick" */
static const char *name_models(struct arena *arena, const struct scenario *sc)
{
    const char *text = "";
    for (int i = 0; i < sc->n_models && i < MAX_MODELS_NAMED; i++) {
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", sc->models[i].name);
    }
    int left = sc->n_models - MAX_MODELS_NAMED;
    return left > 0 ? arena_printf(arena, "%s and %d more", text, left) : text;
}

static const char *name_class(struct arena *arena, const struct scenario_class *c)
{
    if (c->lengths_from_trace) {
        return arena_printf(arena, "%s (lengths of the trace)", c->name);
    }
    return arena_printf(arena, "%s (%.0f in / %.0f out)", c->name, dist_mean(&c->prompt),
                        dist_mean(&c->output));
}

static const char *name_classes(struct arena *arena, const struct scenario *sc)
{
    const char *text = "";
    for (int i = 0; i < sc->n_classes && i < MAX_CLASSES_NAMED; i++) {
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                            name_class(arena, &sc->classes[i]));
    }
    int left = sc->n_classes - MAX_CLASSES_NAMED;
    return left > 0 ? arena_printf(arena, "%s and %d more", text, left) : text;
}

static const char *name_engines(struct arena *arena, const struct scenario *sc)
{
    const char *text = "";
    for (int i = 0; i < sc->engine.kind.n; i++) {
        text = arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                            engine_names[sc->engine.kind.items[i]]);
    }
    return arena_printf(arena, "%s%s%s", text, sc->engine.version[0] ? " " : "",
                        sc->engine.version);
}

/* False when drawing further charts is pointless. */
static bool draw(struct cli *cli, struct chart *chart, const struct cli_chart *what)
{
    struct err err = {0};
    chart->kind = what->kind;
    chart->csv_path = cli_out_path(cli, what->csv);
    chart->out_base = cli_out_path(cli, what->kind);
    chart->template_dir = paths_templates(cli->arena, &cli->paths, what->kind);
    if (!chart->template_dir) {
        return err_set(&cli->late, ERR_IO, "no chart template plots/%s.gp in the catalogue",
                       what->kind);
    }
    if (plot_chart(chart, &err)) {
        return true;
    }
    /* an older chart would contradict the new table */
    remove(arena_printf(cli->arena, "%s.svg", chart->out_base));
    remove(arena_printf(cli->arena, "%s.png", chart->out_base));
    if (err.code == ERR_INPUT || err.code == ERR_UNFIT) {
        cli_note(cli, "no %s chart: %s", what->kind, err.text);
        return true;
    }
    cli->late = err;
    return false;
}

void cli_draw(struct cli *cli, const struct scenario *sc, const struct cli_chart *charts, int n)
{
    if (cli->options.no_plots) {
        return;
    }
    struct chart chart = {
        .title = sc->question[0] ? sc->question : sc->name,
        .subtitle = arena_printf(cli->arena, "%s · %s · %s", name_models(cli->arena, sc),
                                 name_classes(cli->arena, sc), name_engines(cli->arena, sc)),
    };
    for (int i = 0; i < n; i++) {
        if (!draw(cli, &chart, &charts[i])) {
            return;
        }
    }
}

/* ---- JSON ---- */

json_t *cli_json_num(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

/* Columns whose cells stay text even when they look like a number. */
static bool is_text_column(const char *name)
{
    static const char *const texts[] = {
        "deployment", "hardware", "model",  "class", "load", "weights", "kv_cache",
        "engine",     "evidence", "reason", "id",    "note", "metric"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(name, texts[i]) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *json_of_cell(const char *column, const char *cell)
{
    double value;
    if (cell[0] == '\0') {
        return is_text_column(column) ? json_string("") : json_null();
    }
    if (is_text_column(column) || !quantity_number(cell, &value, NULL, 0)) {
        return json_string(cell);
    }
    bool whole = strspn(cell, "-0123456789") == strlen(cell) && fabs(value) < 9e15;
    return whole ? json_integer((json_int_t)value) : json_real(value);
}

json_t *cli_csv_rows(struct cli *cli, const char *path, struct err *err)
{
    struct csv_table table;
    if (!csv_load(cli->arena, path, &table, err)) {
        return NULL;
    }
    json_t *rows = json_array();
    for (int r = 0; r < table.n_rows; r++) {
        json_t *row = json_object();
        for (int c = 0; c < table.n_cols; c++) {
            json_object_set_new(row, table.cols[c],
                                json_of_cell(table.cols[c], csv_cell(&table, r, c)));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *cli_json_new(const struct cli *cli, const struct scenario *sc)
{
    json_t *doc = json_object();
    json_object_set_new(doc, "schema", json_integer(1));
    json_object_set_new(doc, "command", json_string(cli->command->name));
    if (sc) {
        json_object_set_new(doc, "scenario", json_string(sc->name));
        json_object_set_new(doc, "question", json_string(sc->question));
        json_object_set_new(doc, "seed", json_integer((json_int_t)sc->simulation.seed));
    }
    return doc;
}

void cli_json_print(json_t *doc)
{
    json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', stdout);
    json_decref(doc);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_validate.c - headroom validate: predict measured results, report the error. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plots/plot.h"
#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "sim/cli/cli.h"
#include "sim/fit/validate.h"

enum { DEFAULT_SEED = 1 };

static void write_footer(const struct cli *cli, const struct validate_options *v)
{
    struct footer footer = {
        .version = HEADROOM_VERSION,
        .command = arena_printf(cli->arena, "validate %s", v->table),
        .seed = v->seed,
        .n_events = v->totals->n_events,
        .n_requests = v->totals->n_requests,
        .start_wall_s = cli->start_wall_s,
    };
    if (!cli->options.quiet) {
        footer_write(&footer, stderr);
    }
}

static bool print_rows(struct cli *cli, struct validate_options *v, const struct stock *stock,
                       FILE *nowhere, struct err *err)
{
    if (!validate_run(v, stock, nowhere, err)) {
        return false;
    }
    if (v->totals->interrupted) {
        return true;
    }
    json_t *rows = cli_csv_rows(cli, v->csv, err);
    if (rows) {
        json_t *doc = cli_json_new(cli, NULL);
        json_object_set_new(doc, "rows", rows);
        cli_json_print(doc);
    }
    return rows != NULL;
}

/* The rows of --csv as JSON instead of the report; without --csv the table is a passing one. */
static bool run_json(struct cli *cli, struct validate_options *v, const struct stock *stock,
                     struct err *err)
{
    const char *base = getenv("TMPDIR");
    char *dir = arena_printf(cli->arena, "%s/headroom-XXXXXX", base && base[0] ? base : "/tmp");
    bool own = !v->csv;
    if (own && !mkdtemp(dir)) {
        return err_set(err, ERR_IO, "cannot make '%s': %s", dir, strerror(errno));
    }
    if (own) {
        v->csv = arena_printf(cli->arena, "%s/rows.csv", dir);
    }
    FILE *nowhere = fopen("/dev/null", "w");
    bool ok = nowhere ? print_rows(cli, v, stock, nowhere, err)
                      : err_set(err, ERR_IO, "cannot open /dev/null: %s", strerror(errno));
    if (nowhere) {
        fclose(nowhere);
    }
    if (own) {
        remove(v->csv);
        rmdir(dir);
    }
    return ok;
}

/* Predicted against measured, beside the tables of --report. A missing gnuplot costs the chart
 * only. */
static void draw_residuals(struct cli *cli, const struct validate_options *v)
{
    struct err err = {0};
    struct chart chart = {
        .kind = "validation",
        .csv_path = arena_printf(cli->arena, "%s/residuals.csv", v->report),
        .out_base = arena_printf(cli->arena, "%s/validation", v->report),
        .title = "Predicted against measured",
        .subtitle = arena_printf(cli->arena, "%lld measured results of real engines",
                                 (long long)v->totals->n_rows),
        .template_dir = paths_templates(cli->arena, &cli->paths, "validation"),
    };
    if (!chart.template_dir || !plot_chart(&chart, &err)) {
        cli_note(cli, "no chart of the residuals: %s",
                 chart.template_dir ? err.text : "plots/validation.gp is missing");
    }
}

static bool find_variant(const struct options *o, struct validate_options *v, struct err *err)
{
    if (o->leave_out) {
        v->leave_out = leave_out_find(o->leave_out, err);
    }
    if (o->without) {
        v->without = effect_find(o->without, err);
    }
    return err->code == ERR_NONE;
}

bool cmd_validate(struct cli *cli, struct err *err)
{
    const struct options *o = &cli->options;
    struct validate_totals totals = {0};
    struct validate_options v = {
        .table = o->args.items[0],
        .csv = o->csv,
        .explain = o->explain,
        .bands = o->bands,
        .report = o->report,
        .markdown = o->markdown,
        .quiet = o->quiet,
        .n_threads = o->n_jobs > 0 ? (int)o->n_jobs : pool_cpu_count(),
        .seed = (uint64_t)(o->seed >= 0 ? o->seed : DEFAULT_SEED),
        .replications = o->replications > 0 ? (int)o->replications : 0,
        .stop = cli->stop,
        .totals = &totals,
    };
    if (!find_variant(o, &v, err)) {
        return false;
    }
    struct stock *stock = cli_load_stock(cli, err);
    if (!stock) {
        return false;
    }
    bool as_rows = o->json && !o->explain;
    if (!(as_rows ? run_json(cli, &v, stock, err) : validate_run(&v, stock, stdout, err))) {
        return false;
    }
    cli->interrupted = totals.interrupted;
    if (v.report && !totals.interrupted) {
        draw_residuals(cli, &v);
    }
    write_footer(cli, &v);
    return true;
}

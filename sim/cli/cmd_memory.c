/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_memory.c - headroom memory: what one GPU of each deployment holds, and the smallest
 * configuration that fits per model and GPU. */
#include <math.h>
#include <stdio.h>

#include "sim/base/table.h"
#include "sim/cli/cli.h"
#include "sim/cli/report.h"

static const double GIB = 1073741824.0;

/* Is b the better answer for "what is the least that fits"? Of equals the first stays. */
static bool is_smaller(const struct system *a, const struct system *b)
{
    if (a->footprint.fits != b->footprint.fits) {
        return b->footprint.fits;
    }
    return a->footprint.fits ? b->n_gpus < a->n_gpus
                             : b->footprint.missing_bytes < a->footprint.missing_bytes;
}

static bool same_pair(const struct system *a, const struct system *b)
{
    return a->spec.gpu == b->spec.gpu && a->spec.model == b->spec.model;
}

/* Indexes of one system per pair of model and GPU, in file order; returns how many. */
static int find_smallest(const struct experiment *e, int *best)
{
    int n = 0;
    for (int i = 0; i < e->deployments.n; i++) {
        int k = 0;
        while (k < n && !same_pair(&e->systems[best[k]], &e->systems[i])) {
            k++;
        }
        if (k == n) {
            best[n++] = i;
        } else if (is_smaller(&e->systems[best[k]], &e->systems[i])) {
            best[k] = i;
        }
    }
    return n;
}

/* A whole number, right-aligned; NaN: none. */
static void put_count(struct table *t, double n)
{
    table_num(t, n, isnan(n) ? 1 : snprintf(NULL, 0, "%.0f", n));
}

static void print_smallest(const struct experiment *e, const int *best, int n)
{
    static const char *const cols[] = {"model", "GPU",     "GPUs",     "tp",        "pp",  "ep",
                                       "dp",    "weights", "KV cache", "KV tokens", "note"};
    struct table *t = table_new();
    for (size_t i = 0; i < sizeof cols / sizeof *cols; i++) {
        table_col(t, cols[i]);
    }
    for (int i = 0; i < n; i++) {
        const struct system *s = &e->systems[best[i]];
        const struct footprint *f = &s->footprint;
        const int layout[] = {s->n_gpus, s->spec.tp, s->spec.pp, s->spec.ep, s->spec.dp};
        table_put(t, "%s", s->spec.model->name);
        table_put(t, "%s", s->spec.gpu->name);
        for (int k = 0; k < 5; k++) {
            put_count(t, f->fits ? (double)layout[k] : NAN);
        }
        table_put(t, "%s", dtype_name(s->spec.checkpoint.weights));
        table_put(t, "%s", dtype_name(s->spec.kv));
        put_count(t, (double)f->kv_tokens);
        if (!f->fits) {
            table_put(t, "lacks %.1f GiB per GPU", f->missing_bytes / GIB);
        }
        table_end_row(t);
    }
    fputs("\nSmallest configuration that fits, per model and GPU:\n", stdout);
    table_write(t, stdout);
    table_free(t);
}

static json_t *smallest_json(const struct experiment *e, const int *best, int n)
{
    json_t *rows = json_array();
    for (int i = 0; i < n; i++) {
        const struct system *s = &e->systems[best[i]];
        json_t *row = json_object();
        json_object_set_new(row, "model", json_string(s->spec.model->name));
        json_object_set_new(row, "hardware", json_string(s->spec.gpu->name));
        json_object_set_new(row, "deployment", json_string(s->spec.name));
        json_object_set_new(row, "fits", json_integer(s->footprint.fits));
        json_object_set_new(row, "n_gpus", json_integer(s->n_gpus));
        json_object_set_new(row, "tp", json_integer(s->spec.tp));
        json_object_set_new(row, "missing_gib", json_real(s->footprint.missing_bytes / GIB));
        json_array_append_new(rows, row);
    }
    return rows;
}

static bool print(struct cli *cli, const struct experiment *e, struct err *err)
{
    int *best = arena_alloc(cli->arena, (size_t)e->deployments.n + 1, sizeof *best);
    int n = find_smallest(e, best);
    if (!cli->options.json) {
        tables_print_memory(e, stdout);
        print_smallest(e, best, n);
        return true;
    }
    json_t *rows = cli_csv_rows(cli, cli_out_path(cli, "memory.csv"), err);
    if (!rows) {
        return false;
    }
    json_t *doc = cli_json_new(cli, e->scenario);
    json_object_set_new(doc, "rows", rows);
    json_object_set_new(doc, "smallest", smallest_json(e, best, n));
    cli_json_print(doc);
    return true;
}

static bool report(struct cli *cli, const struct experiment *e, struct err *err)
{
    static const struct cli_chart charts[] = {{"memory", "memory.csv"}};
    if (!cli_open_out(cli, e->scenario, err) ||
        !tables_write_memory(e, cli_out_path(cli, "memory.csv"), err) || !print(cli, e, err)) {
        return false;
    }
    cli_draw(cli, e->scenario, charts, 1);
    cli_note(cli, "results are in %s", cli->out_dir);
    return report_fits(e, err);
}

bool cmd_memory(struct cli *cli, struct err *err)
{
    struct scenario *sc;
    struct stock *stock;
    struct experiment_options options = cli_experiment_options(cli);
    if (!cli_load_scenario(cli, &sc, err) || !(stock = cli_load_stock(cli, err))) {
        return false;
    }
    struct experiment *e = experiment_new(cli->arena, stock, sc, &options, err);
    bool ok = e && report(cli, e, err);
    experiment_free(e);
    return ok;
}

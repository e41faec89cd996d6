/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_calibrate.c - headroom calibrate: constants from measurements. What is fitted follows
 * from the inputs: kernel constants from tables of kernel times, a deployment's scale and
 * offset from results of serving benchmarks. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/csvio.h"
#include "sim/base/pool.h"
#include "sim/base/table.h"
#include "sim/cli/cli.h"
#include "sim/fit/calibration.h"
#include "sim/fit/micro.h"
#include "sim/fit/opfit.h"

enum { DEFAULT_SEED = 1 };

enum input_kind { INPUT_KERNELS, INPUT_SERVING, INPUT_MICRO };
static const char *const kind_names[] = {"a table of kernel times", "serving results",
                                         "a table of micro-measurements"};

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool take_header(void *ctx, int n_fields, const char *const *fields, int64_t line,
                        struct err *err)
{
    enum input_kind *kind = ctx;
    (void)line;
    (void)err;
    *kind = INPUT_KERNELS;
    for (int i = 0; i < n_fields; i++) {
        if (strcmp(fields[i], "isl_mean") == 0 || strcmp(fields[i], "osl_mean") == 0) {
            *kind = INPUT_SERVING;
        }
        if (strcmp(fields[i], "latency_us") == 0) {
            *kind = INPUT_MICRO;
        }
    }
    return false; /* the header is enough */
}

static bool kind_of(const char *path, enum input_kind *kind, struct err *err)
{
    struct err why = {0};
    if (is_directory(path) || ends_in(path, ".json")) {
        *kind = INPUT_SERVING;
        return true;
    }
    csv_read(path, take_header, kind, &why);
    if (why.code != ERR_NONE && err) {
        *err = why;
    }
    return why.code == ERR_NONE;
}

static bool kind_of_all(const struct option_list *inputs, enum input_kind *kind,
                        struct err *err)
{
    for (int i = 0; i < inputs->n; i++) {
        enum input_kind one = INPUT_KERNELS;
        if (!kind_of(inputs->items[i], &one, err)) {
            return false;
        }
        if (i > 0 && one != *kind) {
            return err_set(err, ERR_USAGE, "calibrate one kind at a time: %s is %s, %s is %s",
                           inputs->items[0], kind_names[*kind], inputs->items[i],
                           kind_names[one]);
        }
        *kind = one;
    }
    return true;
}

static void put_percent(struct table *t, double frac)
{
    if (isnan(frac)) {
        table_put(t, "-");
    } else {
        table_put(t, "%.1f", 100.0 * frac);
    }
}

static void put_columns(struct table *t, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        table_col(t, names[i]);
    }
}

/* ---- kernels ---- */

static void print_kernels(const struct opfit_report *report)
{
    static const char *const names[] = {
        "law",   "gpu",     "engine", "version",  "dtype", "kernel", "head dim", "rows",
        "floor", "outside", "shapes", "median %", "p75 %", "p90 %",  "bias %",   "state"};
    struct table *t = table_new();
    put_columns(t, names, sizeof names / sizeof *names);
    for (int i = 0; i < report->n; i++) {
        const struct opfit_row *r = &report->rows[i];
        bool scored = r->state == OPFIT_FITTED || r->state == OPFIT_NO_LAW;
        table_put(t, "%s", op_law_names[r->law]);
        table_put(t, "%s", r->key.sku);
        table_put(t, "%s", r->key.engine);
        table_put(t, "%s", r->key.version);
        table_put(t, "%s", r->key.dtype);
        table_put(t, "%s", r->key.kernel);
        if (r->head_dim > 0) {
            table_put(t, "%d%s", r->head_dim, r->is_windowed ? " window" : "");
        } else {
            table_put(t, "-");
        }
        table_put(t, "%d", r->n_used);
        table_put(t, "%d", r->n_floor);
        table_put(t, "%d", r->n_skipped);
        table_put(t, "%d", r->n_shapes);
        put_percent(t, scored ? r->heldout.median : NAN);
        put_percent(t, scored ? r->heldout.p75 : NAN);
        put_percent(t, scored ? r->heldout.p90 : NAN);
        put_percent(t, scored ? r->heldout.bias : NAN);
        table_put(t, "%s", opfit_state_name(r->state));
        table_end_row(t);
    }
    table_write(t, stdout);
    table_free(t);
}

/* A folder becomes a catalogue that --data reads; a .csv is that one table. */
static bool kernels_out(struct cli *cli, const char **out, struct err *err)
{
    *out = cli->options.out_dir;
    if (ends_in(*out, ".csv")) {
        return true;
    }
    *out = arena_printf(cli->arena, "%s/hardware/kernels", cli->options.out_dir);
    return paths_make(*out, err);
}

static bool calibrate_kernels(struct cli *cli, const struct stock *stock, struct err *err)
{
    struct opfit_report report;
    struct opfit_config cfg = {
        .tables = cli->options.args.items,
        .n_tables = cli->options.args.n,
        .source = cli->options.source ? cli->options.source : "",
        .as_of = cli->as_of,
        .gpus = &stock->gpus,
    };
    if (cli->options.sets.n > 0) {
        return err_set(err, ERR_USAGE, "--set is for serving results, not for kernel times");
    }
    if (!kernels_out(cli, &cfg.out, err) || !opfit_run(cli->arena, &cfg, &report, err)) {
        return false;
    }
    print_kernels(&report);
    cli_note(cli, "errors are of shapes that the fit had not seen; constants are in %s",
             cfg.out);
    return true;
}

/* ---- serving ---- */

static void put_deployment(struct table *t, const struct correction_id *id)
{
    table_put(t, "%s", id->model);
    table_put(t, "%s", dtype_name(id->weights));
    table_put(t, "%s", id->hardware);
    table_put(t, "tp %d ep %d dp %d", id->tp, id->ep, id->dp);
    table_put(t, "%s%s%s", engine_names[id->engine], *id->engine_version ? " " : "",
              id->engine_version);
}

static void print_serving(const struct calibration_report *report)
{
    static const char *const names[] = {
        "model",        "weights",    "gpu",         "layout",   "engine",
        "points",       "scale",      "offset ms",   "TTFT +ms", "TPOT err %",
        "calibrated %", "TTFT err %", "calibrated %"};
    struct table *t = table_new();
    put_columns(t, names, sizeof names / sizeof *names);
    for (int i = 0; i < report->n; i++) {
        const struct calibration_row *r = &report->rows[i];
        const struct correction *c = &r->correction;
        put_deployment(t, &c->id);
        table_put(t, "%d", c->n_points);
        table_num(t, r->fitted ? c->step_scale : NAN, 4);
        table_num(t, r->fitted ? 1e3 * c->step_offset_s : NAN, 3);
        table_num(t, r->fitted ? 1e3 * c->ttft_offset_s : NAN, 3);
        put_percent(t, r->fitted ? c->tpot_before_frac : NAN);
        put_percent(t, r->fitted ? c->tpot_after_frac : NAN);
        put_percent(t, r->fitted ? c->ttft_before_frac : NAN);
        put_percent(t, r->fitted ? c->ttft_after_frac : NAN);
        table_end_row(t);
    }
    table_write(t, stdout);
    table_free(t);
}

static void note_serving(const struct cli *cli, const struct calibration_report *report)
{
    int n_few = 0;
    for (int i = 0; i < report->n; i++) {
        n_few += !report->rows[i].fitted;
    }
    for (int i = 0; i < report->n_skips; i++) {
        cli_note(cli, "%s not used: %s", report->skips[i].id, report->skips[i].why);
    }
    if (n_few > 0) {
        cli_note(cli, "%d of %d deployments have fewer than %d measurements and no correction",
                 n_few, report->n, (int)CORRECTION_MIN_POINTS);
    }
    cli_note(cli,
             "errors are medians; calibrated: of measurements that the fit had not seen. "
             "Corrections are in %s: name it under engine.calibration",
             cli->options.out_dir);
}

static bool calibrate_serving(struct cli *cli, const struct stock *stock, struct err *err)
{
    const struct options *o = &cli->options;
    struct calibration_report report;
    struct calibration_options c = {
        .inputs = o->args.items,
        .n_inputs = o->args.n,
        .sets = o->sets.items,
        .n_sets = o->sets.n,
        .out = o->out_dir,
        .as_of = cli->as_of,
        .stock = stock,
        .seed = (uint64_t)(o->seed >= 0 ? o->seed : DEFAULT_SEED),
        .n_threads = o->n_jobs > 0 ? (int)o->n_jobs : pool_cpu_count(),
        .quiet = o->quiet,
        .stop = cli->stop,
    };
    if (!calibration_run(cli->arena, &c, &report, err)) {
        return false;
    }
    cli->interrupted = report.interrupted;
    if (!report.interrupted) {
        print_serving(&report);
        note_serving(cli, &report);
    }
    return true;
}

/* ---- a GPU without tables ---- */

static void put_change(struct table *t, const char *what, double before, double after)
{
    table_put(t, "%s", what);
    table_num(t, before, 4);
    table_num(t, after, 4);
    table_end_row(t);
}

static void print_micro(const struct micro_report *r)
{
    struct table *t = table_new();
    table_col(t, "constant");
    table_col(t, r->base);
    table_col(t, r->gpu);
    put_change(t, "share of peak arithmetic", r->ec_before, r->ec);
    put_change(t, "share of memory bandwidth", r->em_before, r->em);
    put_change(t, "launch us", 1e6 * r->t0_before_s, 1e6 * r->t0_s);
    put_change(t, "small all-reduce, measured / before", 1.0, r->small_ratio);
    put_change(t, "large all-reduce, measured / before", 1.0, r->large_ratio);
    table_write(t, stdout);
    table_free(t);
}

static bool calibrate_micro(struct cli *cli, const struct stock *stock, struct err *err)
{
    struct micro_report report;
    struct micro_options m = {
        .table = cli->options.args.items[0],
        .gpu = cli->options.gpu,
        .out = cli->options.out_dir,
        .as_of = cli->as_of,
        .stock = stock,
    };
    if (!m.gpu) {
        return err_set(err, ERR_USAGE,
                       "micro-measurements need --gpu NAME: what they were made on");
    }
    if (cli->options.args.n > 1) {
        return err_set(err, ERR_USAGE, "one table of micro-measurements at a time");
    }
    if (!paths_make(m.out, err) || !micro_run(cli->arena, &m, &report, err)) {
        return false;
    }
    print_micro(&report);
    cli_note(cli,
             "%d constants of products, %d of attention, %d of experts and %d points of "
             "all-reduce are in %s: use it by --data %s",
             report.n_gemm, report.n_attn, report.n_moe, report.n_curve_points, m.out, m.out);
    return true;
}

bool cmd_calibrate(struct cli *cli, struct err *err)
{
    enum input_kind kind = INPUT_KERNELS;
    if (!cli->options.out_dir) {
        return err_set(err, ERR_USAGE, "calibrate needs -o FILE for what it fits");
    }
    if (!kind_of_all(&cli->options.args, &kind, err)) {
        return false;
    }
    const struct stock *stock = cli_load_stock(cli, err);
    if (!stock || !cli_resolve_as_of(cli, err)) {
        return false;
    }
    switch (kind) {
    case INPUT_SERVING:
        return calibrate_serving(cli, stock, err);
    case INPUT_MICRO:
        return calibrate_micro(cli, stock, err);
    case INPUT_KERNELS:
        break;
    }
    return calibrate_kernels(cli, stock, err);
}

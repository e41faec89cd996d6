/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_run.c - headroom run and headroom sweep: simulate the deployments at the scenario's own
 * load or over rising loads, write the tables and charts. */
#include <string.h>

#include "sim/cli/cli.h"
#include "sim/cli/job_dir.h"
#include "sim/cli/report.h"

/* Where run and sweep differ. */
struct mode {
    bool sweep;
    const char *table; /* the main one */
    struct cli_chart charts[4];
    int n_charts;
};

static const struct mode run_mode = {
    .table = "summary.csv",
    .charts = {{"memory", "memory.csv"},
               {"breakdown", "breakdown.csv"},
               {"timeline", "timeline.csv"}},
    .n_charts = 3,
};
static const struct mode sweep_mode = {
    .sweep = true,
    .table = "curves.csv",
    .charts = {{"latency", "curves.csv"},
               {"throughput", "curves.csv"},
               {"memory", "memory.csv"},
               {"breakdown", "breakdown.csv"}},
    .n_charts = 4,
};

/* Of disaggregated deployments over rising loads. */
static const struct cli_chart link_chart = {"links", "curves.csv"};

/* Of expert-parallel deployments; those of an earlier run would contradict the new tables. */
static const struct cli_chart expert_charts[] = {{"experts", "experts.csv"},
                                                 {"imbalance", "imbalance.csv"}};

static bool write_expert_tables(const struct cli *cli, const struct experiment *e,
                                struct err *err)
{
    const char *experts = cli_out_path(cli, "experts.csv");
    const char *imbalance = cli_out_path(cli, "imbalance.csv");
    if (!tables_have_experts(e)) {
        remove(experts);
        remove(imbalance);
        return true;
    }
    return tables_write_experts(e, experts, err) && tables_write_imbalance(e, imbalance, err);
}

static bool write_links(const struct cli *cli, const struct experiment *e, struct err *err)
{
    const char *links = cli_out_path(cli, "links.csv");
    if (!tables_have_links(e)) {
        remove(links);
        return true;
    }
    return tables_write_links(e, links, err);
}

/* Of deployments with a KV tier or a router over content. */
static const struct cli_chart cache_charts[] = {{"cache", "cache.csv"}};

static bool write_cache_table(const struct cli *cli, const struct experiment *e,
                              struct err *err)
{
    const char *cache = cli_out_path(cli, "cache.csv");
    if (!tables_have_caches(e)) {
        remove(cache);
        return true;
    }
    return tables_write_cache(e, cache, err);
}

static bool write_tables(const struct cli *cli, const struct mode *mode,
                         const struct experiment *e, struct err *err)
{
    return tables_write_summary(e, cli_out_path(cli, mode->table), err) &&
           tables_write_breakdown(e, cli_out_path(cli, "breakdown.csv"), err) &&
           tables_write_timeline(e, cli_out_path(cli, "timeline.csv"), err) &&
           write_expert_tables(cli, e, err) && write_links(cli, e, err) &&
           write_cache_table(cli, e, err) &&
           tables_write_manifest(e, HEADROOM_VERSION, cli->as_of,
                                 cli_out_path(cli, "manifest.json"), err);
}

static json_t *unfit_json(const struct experiment *e)
{
    json_t *rows = json_array();
    for (int i = 0; i < e->deployments.n; i++) {
        const struct system *s = &e->systems[i];
        if (!s->footprint.fits) {
            json_t *row = json_object();
            json_object_set_new(row, "deployment", json_string(s->spec.name));
            json_object_set_new(row, "reason", json_string(s->footprint.reason));
            json_array_append_new(rows, row);
        }
    }
    return rows;
}

static bool print(struct cli *cli, const struct mode *mode, const struct experiment *e,
                  struct err *err)
{
    if (!cli->options.json) {
        return tables_print_summary(e, stdout, err);
    }
    json_t *rows = cli_csv_rows(cli, cli_out_path(cli, mode->table), err);
    if (!rows) {
        return false;
    }
    json_t *doc = cli_json_new(cli, e->scenario);
    json_object_set_new(doc, "rows", rows);
    json_object_set_new(doc, "unfit", unfit_json(e));
    cli_json_print(doc);
    return true;
}

static void write_footer(const struct cli *cli, const struct experiment *e)
{
    struct footer footer = {
        .version = HEADROOM_VERSION,
        .command = arena_printf(cli->arena, "%s %s", cli->command->name,
                                scenario_dir_name(cli->arena, e->scenario)),
        .seed = e->seed,
        .n_events = e->n_events,
        .n_requests = e->n_requests,
        .start_wall_s = cli->start_wall_s,
    };
    if (!cli->options.quiet) {
        footer_write(&footer, stderr);
    }
}

/* A tail that is cut is load that is missing: more than a trace of it is told. */
static void note_cuts(struct cli *cli, const struct experiment *e)
{
    double share = e->n_requests > 0 ? (double)e->n_cut / (double)e->n_requests : 0.0;
    if (share >= 0.001) {
        cli_note(cli,
                 "%.2g %% of the prompts drawn were longer than max_model_len allows and were "
                 "cut to fit",
                 100.0 * share);
    }
}

/* A run must meet its service levels everywhere, a sweep at one load per deployment. */
static bool check_strict(const struct experiment *e, bool sweep, struct err *err)
{
    bool met = false;
    for (int i = 0; i < e->n_points; i++) {
        const struct point *p = &e->points[i];
        const char *name = e->systems[p->system_idx].spec.name;
        bool is_last = i + 1 == e->n_points || p[1].system_idx != p->system_idx;
        bool meets = p->done && p->meets_slo;
        met = met || meets;
        if (!sweep && !meets) {
            return err_set(err, ERR_UNFIT, "%s misses its service levels at %s", name, p->load);
        }
        if (is_last && !met) {
            return err_set(err, ERR_UNFIT, "%s meets its service levels at no load", name);
        }
        met = met && !is_last;
    }
    return true;
}

static bool report(struct cli *cli, const struct mode *mode, const struct experiment *e,
                   struct err *err)
{
    if (!write_tables(cli, mode, e, err) || !print(cli, mode, e, err)) {
        return false;
    }
    if (e->interrupted) {
        job_dir_note_stop(cli, "points", e->n_done, e->n_mine);
    } else {
        cli_draw(cli, e->scenario, mode->charts, mode->n_charts);
        if (tables_have_experts(e)) {
            cli_draw(cli, e->scenario, expert_charts, 2);
        }
        if (mode->sweep && tables_have_links(e)) {
            cli_draw(cli, e->scenario, &link_chart, 1);
        }
        if (tables_have_caches(e)) {
            cli_draw(cli, e->scenario, cache_charts, 1);
        }
    }
    note_cuts(cli, e);
    cli_note(cli, "results are in %s", cli->out_dir);
    write_footer(cli, e);
    return true;
}

/* A shard leaves parts; the tables are merge's. */
static void report_shard(struct cli *cli, const struct experiment *e)
{
    if (e->interrupted) {
        job_dir_note_stop(cli, "points", e->n_done, e->n_mine);
    } else {
        job_dir_note_shard(cli, e->parts, "points", e->n_done, e->n_points);
    }
    write_footer(cli, e);
}

static bool simulate(struct cli *cli, const struct mode *mode, const struct scenario *sc,
                     const struct stock *stock, struct parts *parts, struct err *err)
{
    struct experiment_options options = cli_experiment_options(cli);
    options.sweep = mode->sweep;
    options.parts = parts;
    bool shard = parts->n_shards > 1;
    if (cli->options.per_request) {
        options.requests_csv = cli_out_path(cli, "requests.csv");
    }
    struct experiment *e = experiment_new(cli->arena, stock, sc, &options, err);
    if (e) {
        report_corrections(cli, e);
    }
    bool ok = e && (shard || tables_write_memory(e, cli_out_path(cli, "memory.csv"), err)) &&
              report_fits(e, err) && experiment_run(e, cli->arena, stock, &options, err);
    if (ok && shard) {
        report_shard(cli, e);
    } else if (ok) {
        ok = report(cli, mode, e, err);
    }
    if (!ok && e) {
        job_dir_hint("points", e->n_done, e->n_mine, err);
    }
    job_dir_finish(parts, ok && !e->interrupted);
    if (ok && !shard && !e->interrupted && cli->options.strict) {
        ok = check_strict(e, mode->sweep, err);
    }
    experiment_free(e);
    return ok;
}

static bool load_and_simulate(struct cli *cli, const struct mode *mode, struct err *err)
{
    struct scenario *sc;
    struct parts parts;
    if (!cli_load_scenario(cli, &sc, err)) {
        return false;
    }
    const struct stock *stock = cli_load_stock(cli, err);
    return stock && cli_open_out(cli, sc, err) && job_dir_open(cli, sc, &parts, err) &&
           simulate(cli, mode, sc, stock, &parts, err);
}

bool cmd_run(struct cli *cli, struct err *err)
{
    return load_and_simulate(cli, &run_mode, err);
}

bool cmd_sweep(struct cli *cli, struct err *err)
{
    return load_and_simulate(cli, &sweep_mode, err);
}

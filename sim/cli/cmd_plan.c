/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cmd_plan.c - headroom plan: size every candidate, price it, decide; write the tables, the
 * charts and report.html. */
#include <math.h>

#include "sim/base/progress.h"
#include "sim/base/table.h"
#include "sim/cli/cli.h"
#include "sim/cli/job_dir.h"
#include "sim/plan/choice.h"
#include "sim/plan/crossings.h"
#include "sim/plan/pareto.h"
#include "sim/plan/plan.h"
#include "sim/report/html.h"
#include "sim/report/tables.h"

enum { PRINTED_ROWS = 12, PRINTED_PER_SIDE = 8 };

static bool write_tables(struct cli *cli, const struct plan *plan, struct err *err)
{
    return plan_write_options(plan, cli_out_path(cli, "plan.csv"), err) &&
           plan_write_costs(plan, cli_out_path(cli, "costs.csv"), err) &&
           plan_write_breakeven(cli->arena, plan, cli_out_path(cli, "breakeven.csv"), err) &&
           crossings_write(cli->arena, plan, cli_experiment_options(cli).n_threads,
                           cli_out_path(cli, "crossings.csv"), err) &&
           plan_write_forecast(cli->arena, plan, cli_out_path(cli, "forecast.csv"), err) &&
           plan_write_sensitivity(plan, cli_out_path(cli, "sensitivity.csv"), err) &&
           plan_write_decision(cli->arena, plan, cli_out_path(cli, "decision.csv"), err) &&
           pareto_write(cli->arena, plan, cli_out_path(cli, "pareto.csv"), err) &&
           choice_write(cli->arena, plan, cli_out_path(cli, "models.csv"), err) &&
           tables_write_plan_manifest(plan->scenario, HEADROOM_VERSION, cli->as_of,
                                      cli_out_path(cli, "manifest.json"), err);
}

/* Charts that could not be drawn are a late failure: the tables and the report stand. */
static void draw_charts(struct cli *cli, struct html_report *page)
{
    struct err err = {0};
    page->template_dir = paths_templates(cli->arena, &cli->paths, "cost");
    if (!page->template_dir) {
        err_set(&cli->late, ERR_IO, "no chart template plots/cost.gp in the catalogue");
    } else if (!html_charts(page, &err)) {
        cli->late = err;
    }
}

static bool write_page(struct cli *cli, const struct plan *plan, struct err *err)
{
    struct html_report page = {.dir = cli->out_dir,
                               .scenario = plan->scenario,
                               .version = HEADROOM_VERSION,
                               .as_of = cli->as_of};
    if (!cli->options.no_plots) {
        draw_charts(cli, &page);
    }
    return html_write(&page, err);
}

/* ---- the ranked table -----------------------------------------------------------------------
 */

static void put_entry(struct table *t, const struct plan_entry *e)
{
    double mean_rps = demand_horizon_rps(&e->c.demand);
    table_put(t, "%d", e->rank);
    table_put(t, "%s", e->name);
    if (e->item) {
        table_put(t, "%lld", (long long)e->units.gpus);
        table_put(t, "%lld", (long long)e->units.replicas);
        table_num(t, e->c.option.rps_per_replica, 3);
        table_put(t, "%s", bind_names[e->item->capacity.bind]);
    } else {
        table_put(t, "-");
        table_put(t, "-");
        table_put(t, "-");
        table_put(t, "-");
    }
    table_put(t, "%.0f", e->usd);
    table_num(t, cost_tokens(&e->c.option, e->usd, mean_rps).blended_usd, 3);
    table_put(t, "%s", e->item ? plan_evidence_names[e->c.option.evidence] : "list price");
    table_end_row(t);
}

/* The cheapest, at most so many of one side, so that both are seen. */
static void print_ranked(const struct plan *plan, FILE *out)
{
    static const char *const cols[] = {"rank",      "option",      "GPUs",
                                       "replicas",  "rps/replica", "binding",
                                       "USD/month", "USD/Mtok",    "evidence"};
    struct table *t = table_new();
    int shown[2] = {0, 0};
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        table_col(t, cols[i]);
    }
    for (int i = 0; i < plan->n_ranked && shown[0] + shown[1] < PRINTED_ROWS; i++) {
        const struct plan_entry *e = &plan->entries[i];
        if (shown[e->item != NULL]++ < PRINTED_PER_SIDE) {
            put_entry(t, e);
        }
    }
    table_write(t, out);
    table_free(t);
}

static void print_sizes(const struct plan *plan, FILE *out)
{
    const struct plan_entry *e = plan->answer.self;
    if (!e) {
        return;
    }
    fprintf(out, "\nGPUs for the best system, %s:\n", e->c.option.name);
    for (int i = 0; i < FLEET_N; i++) {
        const struct fleet_count *c = &e->fleet.counts[i];
        fprintf(out,
                "  %-8s %s: peak %.3g requests/s, %lld replicas and %lld spare, %lld GPUs\n",
                fleet_burst_names[i], burstiness_names[c->burst], c->peak_rps,
                (long long)c->replicas, (long long)c->spares, (long long)c->gpus);
    }
    if (e->check) {
        bool whole = e->check->simulated >= e->check->replicas;
        fprintf(out, "  %s %lld replicas%s %s its service levels at %s peak\n",
                whole ? "the whole fleet of" : "a part of the fleet,",
                (long long)e->check->simulated, whole ? "" : ",",
                e->check->met ? "meets" : "misses", whole ? "that" : "its share of that");
    }
}

/* The two that were compared in the second currency, where the scenario asks for it. */
static void print_eur(const struct plan *plan, FILE *out)
{
    double rate = plan->scenario->economics.eur_per_usd;
    const struct decision *d = &plan->answer.decision;
    if (isnan(rate) || d->side == SIDE_NONE) {
        return;
    }
    fprintf(out, "  at %.6g EUR to the dollar:", rate);
    if (!isnan(d->self_usd)) {
        fprintf(out, " self-hosted %.0f", rate * d->self_usd);
    }
    if (!isnan(d->managed_usd)) {
        fprintf(out, "%s managed %.0f", isnan(d->self_usd) ? "" : ",", rate * d->managed_usd);
    }
    fputs(" EUR a month\n", out);
}

/* Inputs that a reader may wonder about and that change nothing alone. */
static void print_firm(const struct plan *plan, FILE *out)
{
    const struct plan_answer *a = &plan->answer;
    for (int i = 0; a->has_pair && i < a->decision.n_firm; i++) {
        fprintf(out, "%s%s", i == 0 ? "  no value flips alone: " : ", ",
                input_spec_of(&a->pair, a->decision.firm[i]).name);
    }
    fputs(a->has_pair && a->decision.n_firm > 0 ? "\n" : "", out);
}

static void print_decision(const struct plan *plan, FILE *out)
{
    const struct decision *d = &plan->answer.decision;
    fprintf(out, "\nDecision: %s (%s; confidence %s)\n", decision_side_names[d->side],
            decision_reason_names[d->reason], decision_confidence_names[d->confidence]);
    fprintf(out, "  %s\n", d->text);
    print_eur(plan, out);
    for (int i = 0; i < d->n_flips; i++) {
        fprintf(out, "  flips: %s\n", d->flips[i].text);
    }
    print_firm(plan, out);
    for (int i = 0; plan->n_answers > 1 && i < plan->n_answers; i++) {
        const struct plan_answer *a = &plan->answers[i];
        fprintf(out, "  %s: %s\n", plan->scenario->models[a->model_idx].name, a->decision.text);
    }
}

static void put_percent(struct table *t, double frac)
{
    if (isnan(frac)) {
        table_put(t, "-");
    } else {
        table_put(t, "%.0f %%", 100 * frac);
    }
}

static void put_choice(struct table *t, const struct plan *plan, const struct choice *c)
{
    table_put(t, "%s", plan->scenario->models[c->model_idx].name);
    table_put(t, "%s", c->best ? c->best->name : "-");
    table_num(t, c->quality, 3);
    if (c->best) {
        table_put(t, "%.0f", c->best->usd);
    } else {
        table_put(t, "-");
    }
    table_num(t, c->premium_usd_per_1k_requests, 3);
    put_percent(t, c->gain_needed_frac);
    put_percent(t, c->gain_frac);
    table_put(t, "%s", choice_verdict_names[c->verdict]);
    table_end_row(t);
}

/* With several models: what each step up costs and gains. */
static void print_models(struct arena *arena, const struct plan *plan, FILE *out)
{
    static const char *const cols[] = {"model",
                                       "cheapest option",
                                       "quality",
                                       "USD/month",
                                       "more USD/1000 requests",
                                       "gain needed",
                                       "gain",
                                       "verdict"};
    int n = plan->scenario->n_models;
    if (n < 2) {
        return;
    }
    const struct choice *list = choice_list(arena, plan);
    struct table *t = table_new();
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        table_col(t, cols[i]);
    }
    for (int i = 0; i < n; i++) {
        put_choice(t, plan, &list[i]);
    }
    fputs("\nModels, each step over a cheaper one; cost per point does not rise when quality "
          "gains at least as many percent as cost:\n",
          out);
    table_write(t, out);
    table_free(t);
}

/* ---- the command ----------------------------------------------------------------------------
 */

static bool print(struct cli *cli, const struct plan *plan, struct err *err)
{
    static const char *const tables[] = {"plan",        "breakeven", "crossings", "forecast",
                                         "sensitivity", "decision",  "models"};
    if (!cli->options.json) {
        print_ranked(plan, stdout);
        print_sizes(plan, stdout);
        print_decision(plan, stdout);
        print_models(cli->arena, plan, stdout);
        return true;
    }
    json_t *doc = cli_json_new(cli, plan->scenario);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const char *path = cli_out_path(cli, arena_printf(cli->arena, "%s.csv", tables[i]));
        json_t *rows = cli_csv_rows(cli, path, err);
        if (!rows) {
            json_decref(doc);
            return false;
        }
        json_object_set_new(doc, tables[i], rows);
    }
    cli_json_print(doc);
    return true;
}

static void write_footer(const struct cli *cli, const struct plan *plan)
{
    struct footer footer = {
        .version = HEADROOM_VERSION,
        .command =
            arena_printf(cli->arena, "plan %s", scenario_dir_name(cli->arena, plan->scenario)),
        .seed = (uint64_t)plan->scenario->simulation.seed,
        .n_events = plan->n_events,
        .n_requests = plan->n_requests,
        .start_wall_s = cli->start_wall_s,
    };
    if (!cli->options.quiet) {
        footer_write(&footer, stderr);
    }
}

static bool report(struct cli *cli, const struct plan *plan, struct err *err)
{
    if (!write_tables(cli, plan, err) || !write_page(cli, plan, err) ||
        !print(cli, plan, err)) {
        return false;
    }
    cli_note(cli, "results are in %s", cli->out_dir);
    write_footer(cli, plan);
    return true;
}

/* A plan needs every candidate: before that there are no tables. */
static bool conclude(struct cli *cli, const struct plan *plan, struct parts *parts,
                     struct err *err)
{
    const struct search *search = &plan->search;
    if (plan->interrupted) {
        job_dir_note_stop(cli, "candidates", search->n_done, search->n_mine);
        return true;
    }
    if (parts->n_shards > 1) {
        job_dir_note_shard(cli, parts, "candidates", search->n_done, search->candidates.n);
        write_footer(cli, plan);
        return true;
    }
    bool ok = report(cli, plan, err);
    job_dir_finish(parts, ok);
    if (ok && plan->answer.decision.side == SIDE_NONE) {
        return err_set(err, ERR_UNFIT, "no answer: %s",
                       decision_reason_names[plan->answer.decision.reason]);
    }
    return ok;
}

bool cmd_plan(struct cli *cli, struct err *err)
{
    struct scenario *sc;
    struct stock *stock;
    struct plan plan;
    struct parts parts;
    if (!cli_load_scenario(cli, &sc, err) || !(stock = cli_load_stock(cli, err)) ||
        !cli_open_out(cli, sc, err) || !job_dir_open(cli, sc, &parts, err)) {
        return false;
    }
    struct experiment_options threads = cli_experiment_options(cli);
    struct plan_options options = {.n_threads = threads.n_threads,
                                   .as_of = cli->as_of,
                                   .quiet = cli->options.quiet,
                                   .stop = cli->stop,
                                   .abandon = cli->abandon,
                                   .parts = &parts};
    bool ok = plan_run(cli->arena, stock, sc, &options, &plan, err);
    if (ok) {
        ok = conclude(cli, &plan, &parts, err);
    } else {
        job_dir_hint("candidates", plan.search.n_done, plan.search.candidates.n, err);
    }
    job_dir_finish(&parts, false);
    return ok;
}

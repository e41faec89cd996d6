/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plot.h - charts. plot_chart hands a CSV table and a template (plots/<kind>.gp) to gnuplot,
 * which runs as an external program without a shell, and leaves out_base.svg and out_base.png.
 *
 * Work is divided like this: gnuplot reads the table itself, by column name; this module only
 * reads it to find out which rows belong to which line or bar, the axis ranges with their tic
 * labels, and where a label can stand without covering another one.
 *
 * Text (titles, deployment names) is data: each byte that is not a letter, a digit or plainly
 * harmless reaches gnuplot as an octal escape inside a string, so no name can end a string or
 * run a command.
 *
 * The columns each chart needs (others are ignored; the order of columns does not matter). A
 * name in brackets is optional. Rows appear in the file's order; the first row of a deployment
 * gives its place among the lines, bars and colours. No record may span lines.
 *
 * latency     curves.csv      deployment, rate_rps or concurrency, stable (0|1), ttft_s_p95,
 *             tpot_s_p95, [class], [slo_ttft_s_p95], [slo_tpot_s_p95],
 *             [ttft_s_p95_band_lo, _band_hi], [tpot_s_p95_band_lo, _band_hi]
 *             Rows of a deployment in ascending load. x is rate_rps, or concurrency when every
 *             rate_rps cell is empty. A line ends before the first row with stable 0 and has a
 *             cross at its end; what lies behind is never drawn. Limits: the cells of the slo
 *             columns, over all drawn rows (each distinct value is one line).
 * throughput  curves.csv      deployment, rate_rps or concurrency, stable, tpot_s_p50,
 *             output_tok_s_per_gpu, [class]
 * memory      memory.csv      deployment, [role], gpu_gib, weights_gib, kv_gib,
 *             activations_gib, graphs_gib, comm_gib, context_gib, free_gib, missing_gib,
 *             fits (0|1)
 *             One row per candidate, GiB per GPU. Where fits is 1, the parts and free_gib add
 *             up to gpu_gib. Where it is 0, free_gib is 0 and the parts exceed gpu_gib by
 *             missing_gib.
 * breakdown   breakdown.csv   deployment, [load], [role], attention_frac, dense_frac,
 *             experts_frac, imbalance_frac, allreduce_frac, alltoall_frac, bubble_frac,
 *             host_frac, other_frac, idle_frac
 *             One row per deployment and load (free text); the fractions of a row add up to 1.
 * cache       cache.csv       deployment, [load], gpu_frac, tier_frac, computed_frac: alike
 * timeline    timeline.csv    deployment, time_s, running, waiting, kv_used_frac, output_tok_s,
 *             [replicas_up], [prefill_up], [links_down]
 *             Rows of a deployment in ascending time.
 * validation  residuals.csv   metric (ttft | tpot | output_tok_s; others are not drawn),
 *             engine, hardware, measured, predicted (s or tokens/s)
 *             At most 12 engines and 12 GPUs.
 *
 * links       curves.csv      deployment, rate_rps or concurrency, stable, handover_s_mean,
 *             link_busy_frac_max, [scaleup_busy_frac], [network_busy_frac], [class]
 * experts     experts.csv     deployment, layer, rank, load_ratio
 *             One row per layer and rank of a deployment, the ranks of a layer together.
 * imbalance   imbalance.csv   deployment (here: EP size and redundancy), tokens, imbalance,
 *             distinct_rank
 *             Rows of a line in ascending tokens.
 *
 * cost        plan.csv        rank, side, option, model, usd_per_mtok_blended, usd_per_month,
 *             [label], [usd_per_mtok_blended_p10, _p90] Ranked rows, the first eight of each
 * side. breakeven   breakeven.csv   model, option, kind, tok_per_day, usd_per_month, n_gpus,
 * to, [label] forecast    forecast.csv    model, month, requests_per_day, n_gpus, self_usd,
 * managed_usd, each with [_p10, _p90] cash        forecast.csv    model, month,
 * self_cash_total_usd, managed_cash_total_usd tornado     sensitivity.csv model, input, unit,
 * low, high, usd_low, usd_base, usd_high, total_effect_frac pareto      pareto.csv      model,
 * hardware, tok_s_per_user, output_tok_s_per_gpu, front, best            A line per hardware,
 * of the rows with front 1. quality     plan.csv        rank, side, model, quality,
 * usd_per_month These hand gnuplot their numbers within the script, from the columns named
 * here.
 *
 * Rows of several workload classes: `row_class` picks one; NULL means `all` when there are such
 * rows, else the class of the first row. Lines: at most 12 are drawn, bars: at most 40; a note
 * on the chart says how many rows or deployments were left out.
 *
 * The same inputs give the same bytes (with one gnuplot version). Fonts: DejaVu Sans. */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>

#include "sim/base/err.h"

struct chart {
    /* latency throughput memory breakdown cache timeline links experts imbalance validation; of
     * a plan: cost tornado breakeven forecast cash pareto quality */
    const char *kind;
    const char *csv_path;
    const char *out_base;  /* path without .svg or .png; its directory exists */
    const char *title;     /* the question or the statement; wrapped */
    const char *subtitle;  /* model, workload, engine; wrapped; NULL or "": none */
    const char *row_class; /* latency, throughput: see above; of a plan: the model, NULL: that
                              of the first row, for cost and quality all; else NULL */
    double mark_x;         /* breakeven: a vertical line here ... */
    const char *mark_text; /* ... with these words; NULL: none */
    const char *template_dir; /* where <kind>.gp is: the catalogue's plots folder */
    const char *gnuplot;      /* program name or path; NULL: "gnuplot", found in PATH */
};

/* Makes out_base.svg and out_base.png, both or none (written beside and renamed). Fails with
 * ERR_IO when gnuplot is missing (names the Debian package) or fails (its message), with
 * ERR_UNFIT when the table has nothing to draw, with ERR_INPUT when it lacks a column or has a
 * bad cell, with ERR_USAGE on an unknown kind. */
bool plot_chart(const struct chart *chart, struct err *err);

/* The kinds in a fixed order; NULL behind the last one. */
const char *plot_kind(int idx);

#endif

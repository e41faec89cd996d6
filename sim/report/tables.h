/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tables.h - the CSV files, text tables and charts of an experiment (design.md section 5). */
#ifndef TABLES_H
#define TABLES_H

#include <stdio.h>

#include "sim/base/csvio.h"
#include "sim/experiment/experiment.h"

/* One row per deployment x load x class and "all": summary.csv (run) or curves.csv (sweep). */
bool tables_write_summary(const struct experiment *e, const char *path, struct err *err);
bool tables_write_memory(const struct experiment *e, const char *path, struct err *err);
bool tables_write_breakdown(const struct experiment *e, const char *path, struct err *err);
bool tables_write_timeline(const struct experiment *e, const char *path, struct err *err);
/* Some deployment has a KV tier or a router that looks at content. */
bool tables_have_caches(const struct experiment *e);
/* cache.csv: where the tokens of prompts came from. One row per deployment and load. */
bool tables_write_cache(const struct experiment *e, const char *path, struct err *err);
/* Some deployment that fits has its experts spread over ranks. */
/* Rows of every done point, in order; false with err, and the writer abandoned, when one cannot
 * be read back. */
typedef void point_rows_fn(struct csv_writer *w, const struct experiment *e,
                           const struct point *p);
bool tables_put_points(struct csv_writer *w, const struct experiment *e, point_rows_fn *put,
                       struct err *err);
/* links.csv: the links between prefill and decode replicas, of replication 0; tables_have_links
 * is false when nothing is disaggregated. */
bool tables_have_links(const struct experiment *e);
bool tables_write_links(const struct experiment *e, const char *path, struct err *err);
bool tables_have_experts(const struct experiment *e);
/* experts.csv: load of each rank over the mean, per layer; imbalance.csv: the slowest rank of
 * the same model at other EP sizes and batches, with and without redundant experts. */
bool tables_write_experts(const struct experiment *e, const char *path, struct err *err);
bool tables_write_imbalance(const struct experiment *e, const char *path, struct err *err);
/* manifest.json: scenario as run, seed, version, catalogue values used with their sources,
 * as-of date, fingerprint of the mathematical library. No time, host, path or thread count.
 * as_of "": none. */
bool tables_write_manifest(const struct experiment *e, const char *version, const char *as_of,
                           const char *path, struct err *err);
/* manifest.json of a plan: the scenario as planned; costs.csv has the prices with their
 * sources. */
bool tables_write_plan_manifest(const struct scenario *sc, const char *version,
                                const char *as_of, const char *path, struct err *err);

/* For stdout. */
bool tables_print_summary(const struct experiment *e, FILE *out, struct err *err);
void tables_print_memory(const struct experiment *e, FILE *out);

#endif

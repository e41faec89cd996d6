/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tables.h - the CSV files, text tables and charts of an experiment (design.md section 5). */
#ifndef TABLES_H
#define TABLES_H

#include <stdio.h>

#include "sim/experiment/experiment.h"

/* One row per deployment x load x class and "all": summary.csv (run) or curves.csv (sweep). */
bool tables_write_summary(const struct experiment *e, const char *path, struct err *err);
bool tables_write_memory(const struct experiment *e, const char *path, struct err *err);
bool tables_write_breakdown(const struct experiment *e, const char *path, struct err *err);
bool tables_write_timeline(const struct experiment *e, const char *path, struct err *err);
/* Scenario as run, seed, version, catalogue values used with sources, as-of date, libm fingerprint.
 * No time, host, path or thread count. */
bool tables_write_manifest(const struct experiment *e, const struct stock *stock,
                           const char *version, const char *path, struct err *err);

/* For stdout. */
void tables_print_summary(const struct experiment *e, FILE *out);
void tables_print_memory(const struct experiment *e, FILE *out);

#endif

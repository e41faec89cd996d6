/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html.h - report.html of a plan: one file for people who decide, with everything inside
 * (style, charts as inline SVG, a script that sorts tables) and nothing fetched.
 *
 * It is made from the tables of the plan (plan.h) as they stand on disk and from the scenario.
 * Each figure carries data-source="file.csv:line:column", the cell it was read from; a value of
 * the scenario carries "scenario:path". Text of tables and scenario is data: it is escaped, so
 * a name cannot become markup. Charts are those found as <kind>.svg beside the tables. */
#ifndef HTML_H
#define HTML_H

#include <stdbool.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"

struct html_report {
    const char *dir;          /* the tables, the charts and report.html */
    const char *template_dir; /* of the charts (plot.h) */
    const char *gnuplot;      /* as chart.gnuplot */
    const struct scenario *scenario;
    const char *version, *as_of;
};

/* Draws every chart of a plan that its tables have data for; a chart without data is removed,
 * since an older one would contradict the tables. False with err when gnuplot fails. */
bool html_charts(const struct html_report *report, struct err *err);

/* Writes dir/report.html, whole or not at all. */
bool html_write(const struct html_report *report, struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figure.h - what all charts share: the table, the page with title and notes, text and marks at
 * pixel positions (origin top left), and the gnuplot script that grows from them. Internal to
 * plots/. */
#ifndef FIGURE_H
#define FIGURE_H

#include <stdbool.h>
#include <stdio.h>

#include "plots/layout.h"
#include "plots/plot.h"
#include "sim/base/csvio.h"

#define FIGURE_W_PX 1000
#define FIGURE_EDGE_PX 24 /* free border of the page */
#define FIGURE_NOTES_MAX 8

struct figure {
    const struct chart *chart;
    struct arena *arena;
    struct csv_table table;
    int h_px;    /* 0 until figure_page */
    int head_px; /* height of title and subtitle */
    FILE *vars;  /* script: variables the template reads */
    FILE *marks; /* script, run per terminal: for each panel its labels and lines at fixed
                    places, then the template */
    int n_notes;
    const char *notes[FIGURE_NOTES_MAX];
};

enum figure_align { ALIGN_LEFT, ALIGN_CENTER, ALIGN_RIGHT };
struct figure_font {
    double size_px;
    bool bold;
    const char *color; /* #rrggbb */
};
extern const struct figure_font figure_plain, figure_small, figure_caption, figure_alarm;

/* Loads the table and refuses what gnuplot would count differently (records over several
 * lines). */
bool figure_open(struct figure *fig, const struct chart *chart, struct err *err);
void figure_close(struct figure *fig);

/* Adds a sentence below the chart. */
void figure_note(struct figure *fig, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Fixes the height of the page from the height of the drawing between head and notes, writes
 * title, subtitle and notes. All notes come before. Returns the y of the drawing's top. */
double figure_page(struct figure *fig, double drawing_px);

/* y is the middle of the text. */
void figure_text(struct figure *fig, double x_px, double y_px, enum figure_align align,
                 struct figure_font font, const char *text);
/* Draws panel p (from 1) with the texts and marks written since the panel before. */
void figure_draw_panel(struct figure *fig, int p);
/* style: gnuplot line properties of this module's making, e.g. "lc rgb '#000000' lw 1". */
void figure_segment(struct figure *fig, const double from_px[2], const double to_px[2],
                    const char *style);
void figure_point(struct figure *fig, double x_px, double y_px, const char *style);

/* Variables of the template. Positions become fractions of the page. */
void figure_var_text(struct figure *fig, const char *name, const char *text);
void figure_var_number(struct figure *fig, const char *name, double value);
void figure_var_numbers(struct figure *fig, const char *name, int n, const double *values);
void figure_var_texts(struct figure *fig, const char *name, int n, const char *const *texts);
/* Words of a tic, with '%' doubled: gnuplot takes them as a number format. */
const char *figure_tic_text(struct figure *fig, double value, enum layout_unit unit);
void figure_var_rows(struct figure *fig, const char *name, const int *values);
double figure_x(double x_px);
double figure_y(const struct figure *fig, double y_px);

/* Cell as number, NaN when empty or when the column is -1. */
bool figure_number(const struct figure *fig, int row, int col, double *value, struct err *err);
/* The same by the column's name; empty when there is no such column. */
const char *figure_cell(const struct figure *fig, int row, const char *col);
/* An option in words where the table has them (column label), else its name. */
const char *figure_option(const struct figure *fig, int row);
bool figure_value(const struct figure *fig, int row, const char *col, double *value,
                  struct err *err);
/* The columns, up to NULL, are all there. */
bool figure_need(const struct figure *fig, const char *const *cols, struct err *err);
const char *figure_count_text(struct figure *fig, double value);
const char *figure_table_name(const struct figure *fig); /* file name without its folders */

/* The kinds: each fills vars and marks. */
bool lines_draw(struct figure *fig,
                struct err *err); /* latency, throughput, timeline, imbalance */
bool heat_draw(struct figure *fig, struct err *err);    /* experts */
bool bars_draw(struct figure *fig, struct err *err);    /* memory, breakdown, cache */
bool scatter_draw(struct figure *fig, struct err *err); /* validation */
bool ranges_draw(struct figure *fig, struct err *err);  /* cost, tornado */
bool series_draw(struct figure *fig, struct err *err);  /* the other charts of a plan */

#endif

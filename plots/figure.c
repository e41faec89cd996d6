/* SPDX-License-Identifier: GPL-3.0-or-later */
/* figure.c - see figure.h. */
#include "plots/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plots/gnuplot.h"

const struct figure_font figure_plain = {11.5, false, "#222222"};
const struct figure_font figure_small = {10.5, false, "#555555"};
const struct figure_font figure_caption = {12, true, "#222222"};
const struct figure_font figure_alarm = {11.5, true, "#B04400"};

static const struct figure_font title_font = {17, true, "#111111"};
static const struct figure_font subtitle_font = {12, false, "#555555"};
#define TITLE_LINES 3
#define SUBTITLE_LINES 2
#define NOTE_LINES 3
#define TITLE_PITCH_PX 23
#define SUBTITLE_PITCH_PX 17
#define NOTE_PITCH_PX 15

/* Chart rows are found by their number in the file, so both readers must count alike. */
static bool check_rows(const struct figure *fig, struct err *err)
{
    const struct csv_table *t = &fig->table;
    if (t->n_rows == 0) {
        return err_set(err, ERR_UNFIT, "%s has no rows to draw", t->file);
    }
    for (int row = 0; row < t->n_rows; row++) {
        if (t->lines[row] != row + 2) {
            return err_at(err, csv_pos(t, row),
                          "a chart's table has one record per line and no blank lines");
        }
    }
    return true;
}

bool figure_open(struct figure *fig, const struct chart *chart, struct err *err)
{
    *fig = (struct figure){.chart = chart, .arena = arena_new()};
    return csv_load(fig->arena, chart->csv_path, &fig->table, err) && check_rows(fig, err);
}

void figure_close(struct figure *fig)
{
    arena_free(fig->arena);
    fig->arena = NULL;
}

void figure_note(struct figure *fig, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    ASSERT(fig->h_px == 0 && fig->n_notes < FIGURE_NOTES_MAX);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fig->notes[fig->n_notes++] = arena_strdup(fig->arena, text);
}

double figure_x(double x_px)
{
    return x_px / FIGURE_W_PX;
}

double figure_y(const struct figure *fig, double y_px)
{
    return 1 - y_px / fig->h_px;
}

void figure_text(struct figure *fig, double x_px, double y_px, enum figure_align align,
                 struct figure_font font, const char *text)
{
    static const char *const words[] = {"left", "center", "right"};
    fprintf(fig->marks, "set label ");
    gnuplot_put_text(fig->marks, text);
    fprintf(fig->marks, " at screen %.5f,%.5f %s font '%s,%g' tc rgb '%s' front\n",
            figure_x(x_px), figure_y(fig, y_px), words[align],
            font.bold ? "DejaVu Sans:Bold" : "", font.size_px, font.color);
}

void figure_segment(struct figure *fig, const double from_px[2], const double to_px[2],
                    const char *style)
{
    fprintf(fig->marks, "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead %s\n",
            figure_x(from_px[0]), figure_y(fig, from_px[1]), figure_x(to_px[0]),
            figure_y(fig, to_px[1]), style);
}

void figure_point(struct figure *fig, double x_px, double y_px, const char *style)
{
    fprintf(fig->marks, "set label \"\" at screen %.5f,%.5f point %s front\n", figure_x(x_px),
            figure_y(fig, y_px), style);
}

void figure_draw_panel(struct figure *fig, int p)
{
    fprintf(fig->marks, "p = %d\nload TEMPLATES.'%s.gp'\n", p, fig->chart->kind);
}

/* Wraps text and, when the height of the page is known, writes it from y_px on. Returns the
 * number of lines. */
static int put_block(struct figure *fig, const char *text, struct figure_font font,
                     int max_lines, double y_px, double pitch_px)
{
    const char *lines[TITLE_LINES];
    int n = text ? layout_wrap(fig->arena, text, font.size_px, font.bold,
                               FIGURE_W_PX - 2 * FIGURE_EDGE_PX, max_lines, lines)
                 : 0;
    for (int i = 0; i < n && fig->h_px > 0; i++) {
        figure_text(fig, FIGURE_EDGE_PX, y_px + (i + 0.5) * pitch_px, ALIGN_LEFT, font,
                    lines[i]);
    }
    return n;
}

/* Writes (or with h_px 0 only measures) head and notes; returns the height of the notes. */
static double put_head_and_notes(struct figure *fig, double notes_y_px)
{
    const struct chart *c = fig->chart;
    double y = 16, used = 0;
    y += TITLE_PITCH_PX * put_block(fig, c->title, title_font, TITLE_LINES, y, TITLE_PITCH_PX);
    y += SUBTITLE_PITCH_PX *
         put_block(fig, c->subtitle, subtitle_font, SUBTITLE_LINES, y, SUBTITLE_PITCH_PX);
    fig->head_px = (int)y + 8;
    for (int i = 0; i < fig->n_notes; i++) {
        used += NOTE_PITCH_PX * put_block(fig, fig->notes[i], figure_small, NOTE_LINES,
                                          notes_y_px + used, NOTE_PITCH_PX);
    }
    return used;
}

double figure_page(struct figure *fig, double drawing_px)
{
    double notes_px = put_head_and_notes(fig, 0);
    double notes_y_px = fig->head_px + drawing_px;
    fig->h_px = (int)ceil(notes_y_px + notes_px + 16);
    put_head_and_notes(fig, notes_y_px);
    return fig->head_px;
}

void figure_var_text(struct figure *fig, const char *name, const char *text)
{
    fprintf(fig->vars, "%s = ", name);
    gnuplot_put_text(fig->vars, text);
    putc('\n', fig->vars);
}

void figure_var_number(struct figure *fig, const char *name, double value)
{
    fprintf(fig->vars, "%s = %.9g\n", name, value);
}

void figure_var_numbers(struct figure *fig, const char *name, int n, const double *values)
{
    fprintf(fig->vars, "array %s[%d] = [", name, n);
    for (int i = 0; i < n; i++) {
        fprintf(fig->vars, "%s%.9g", i ? "," : "", values[i]);
    }
    fprintf(fig->vars, "]\n");
}

void figure_var_texts(struct figure *fig, const char *name, int n, const char *const *texts)
{
    fprintf(fig->vars, "array %s[%d]\n", name, n);
    for (int i = 0; i < n; i++) {
        fprintf(fig->vars, "%s[%d] = ", name, i + 1);
        gnuplot_put_text(fig->vars, texts[i]);
        putc('\n', fig->vars);
    }
}

const char *figure_tic_text(struct figure *fig, double value, enum layout_unit unit)
{
    char text[32];
    layout_format(text, sizeof text, value, unit);
    return arena_printf(fig->arena, "%s%s", text, strchr(text, '%') ? "%" : "");
}

/* One value per row of the table, written as runs: rows of one line usually stand together. */
void figure_var_rows(struct figure *fig, const char *name, const int *values)
{
    int n = fig->table.n_rows;
    fprintf(fig->vars, "array %s[%d]\n", name, n);
    for (int from = 0; from < n;) {
        int to = from + 1;
        while (to < n && values[to] == values[from]) {
            to++;
        }
        fprintf(fig->vars, "do for [r=%d:%d] { %s[r] = %d }\n", from + 1, to, name,
                values[from]);
        from = to;
    }
}

bool figure_number(const struct figure *fig, int row, int col, double *value, struct err *err)
{
    *value = NAN;
    return col < 0 || csv_number(&fig->table, row, col, NAN, value, err);
}

const char *figure_cell(const struct figure *fig, int row, const char *col)
{
    return csv_cell(&fig->table, row, csv_col(&fig->table, col));
}

const char *figure_option(const struct figure *fig, int row)
{
    const char *label = figure_cell(fig, row, "label");
    return *label ? label : figure_cell(fig, row, "option");
}

bool figure_value(const struct figure *fig, int row, const char *col, double *value,
                  struct err *err)
{
    return figure_number(fig, row, csv_col(&fig->table, col), value, err);
}

bool figure_need(const struct figure *fig, const char *const *cols, struct err *err)
{
    int col;
    for (; *cols; cols++) {
        if (!csv_col_need(&fig->table, *cols, &col, err)) {
            return false;
        }
    }
    return true;
}

const char *figure_count_text(struct figure *fig, double value)
{
    char text[32];
    layout_format(text, sizeof text, value, LAYOUT_COUNT);
    return arena_strdup(fig->arena, text);
}

const char *figure_table_name(const struct figure *fig)
{
    const char *slash = strrchr(fig->chart->csv_path, '/');
    return slash ? slash + 1 : fig->chart->csv_path;
}

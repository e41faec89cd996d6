/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scatter.c - the chart of predicted against measured values: a panel per measure, above by
 * engine, below by GPU. Both axes are logarithmic and alike, so that equal errors are equally
 * far from the diagonal everywhere. */
#include <math.h>
#include <string.h>

#include "plots/figure.h"

#define MEASURES 3
#define PANELS (2 * MEASURES)
#define MAX_LABELS 12
#define SIDE_PX 262
#define LEFT_PX 66
#define PITCH_X_PX 316
#define PITCH_Y_PX 366
#define KEY_PX 60 /* above the panels of a row: its key and their captions */

static const struct measure {
    const char *name, *caption;
    enum layout_unit unit;
} measures[MEASURES] = {
    {"ttft", "Time to first token", LAYOUT_LATENCY},
    {"tpot", "Time per output token", LAYOUT_LATENCY},
    {"output_tok_s", "Output tokens per second", LAYOUT_COUNT},
};
static const char *const label_columns[2] = {"engine", "hardware"};

/* Colours and marks of style.gp's line styles 1 to 12, for the key. */
struct labels {
    int col, n;
    const char *names[MAX_LABELS];
    int *of_row; /* [n_rows] from 1; 0: more labels than are drawn */
};

struct scatter {
    struct figure *fig;
    int metric_col, measured_col, predicted_col;
    struct labels labels[2];
    struct layout_axis axis[MEASURES];
    int *row_measure; /* [n_rows] from 1; 0: not drawn */
    double top_px;
};

static void read_labels(struct scatter *s, struct labels *l)
{
    const struct csv_table *t = &s->fig->table;
    l->of_row = arena_alloc(s->fig->arena, (size_t)t->n_rows + 1, sizeof *l->of_row);
    for (int row = 0; row < t->n_rows; row++) {
        const char *text = csv_cell(t, row, l->col);
        int i = 0;
        while (i < l->n && strcmp(l->names[i], text) != 0) {
            i++;
        }
        if (i == l->n && l->n < MAX_LABELS) {
            l->names[l->n++] = text;
        }
        l->of_row[row] = i < l->n ? i + 1 : 0;
    }
}

static int measure_of(const char *name)
{
    for (int k = 0; k < MEASURES; k++) {
        if (strcmp(measures[k].name, name) == 0) {
            return k + 1;
        }
    }
    return 0;
}

/* Which panel each row belongs to, and the range of each. */
static bool read_rows(struct scatter *s, struct err *err)
{
    const struct csv_table *t = &s->fig->table;
    double lo[MEASURES] = {INFINITY, INFINITY, INFINITY};
    double hi[MEASURES] = {0};
    s->row_measure = arena_alloc(s->fig->arena, (size_t)t->n_rows + 1, sizeof *s->row_measure);
    for (int row = 0; row < t->n_rows; row++) {
        double x[2];
        int k = measure_of(csv_cell(t, row, s->metric_col));
        if (!figure_number(s->fig, row, s->measured_col, &x[0], err) ||
            !figure_number(s->fig, row, s->predicted_col, &x[1], err)) {
            return false;
        }
        if (k == 0 || !(x[0] > 0) || !(x[1] > 0)) {
            continue;
        }
        s->row_measure[row] = k;
        lo[k - 1] = fmin(lo[k - 1], fmin(x[0], x[1]));
        hi[k - 1] = fmax(hi[k - 1], fmax(x[0], x[1]));
    }
    for (int k = 0; k < MEASURES; k++) {
        if (hi[k] > 0) {
            layout_axis_fit(&s->axis[k], lo[k], hi[k], 1, measures[k].unit);
        }
    }
    return true;
}

static bool find_columns(struct scatter *s, struct err *err)
{
    const struct csv_table *t = &s->fig->table;
    return csv_col_need(t, "metric", &s->metric_col, err) &&
           csv_col_need(t, "measured", &s->measured_col, err) &&
           csv_col_need(t, "predicted", &s->predicted_col, err) &&
           csv_col_need(t, label_columns[0], &s->labels[0].col, err) &&
           csv_col_need(t, label_columns[1], &s->labels[1].col, err);
}

static double left_px(int measure)
{
    return LEFT_PX + measure * PITCH_X_PX;
}

static double panel_top_px(const struct scatter *s, int row)
{
    return s->top_px + KEY_PX + row * PITCH_Y_PX;
}

static void put_key(struct scatter *s, int row)
{
    const struct labels *l = &s->labels[row];
    double x = left_px(0);
    for (int i = 0; i < l->n; i++) {
        double y = panel_top_px(s, row) - 46;
        figure_point(s->fig, x + 5, y, arena_printf(s->fig->arena, "ls %d", i + 1));
        figure_text(s->fig, x + 16, y, ALIGN_LEFT, figure_plain, l->names[i]);
        x += 40 + layout_text_px(l->names[i], figure_plain.size_px, false);
    }
}

static void put_panel(struct scatter *s, int row, int k)
{
    double x = left_px(k);
    double y = panel_top_px(s, row);
    figure_text(s->fig, x, y - 18, ALIGN_LEFT, figure_caption, measures[k].caption);
    if (row == 1) {
        figure_text(s->fig, x + SIDE_PX / 2.0, y + SIDE_PX + 38, ALIGN_CENTER, figure_small,
                    "measured");
    }
    if (k == 0) {
        put_key(s, row);
    }
    figure_draw_panel(s->fig, row * MEASURES + k + 1);
}

static void put_axes(struct scatter *s)
{
    struct figure *fig = s->fig;
    double first[MEASURES + 1] = {1}, lo[MEASURES], hi[MEASURES];
    double tics[MEASURES * LAYOUT_MAX_TICS];
    const char *texts[MEASURES * LAYOUT_MAX_TICS];
    int n = 0;
    for (int k = 0; k < MEASURES; k++) {
        const struct layout_axis *a = &s->axis[k];
        for (int i = 0; i < a->n_tics; i++, n++) {
            tics[n] = a->tics[i];
            texts[n] = figure_tic_text(fig, a->tics[i], a->unit);
        }
        first[k + 1] = n + 1;
        lo[k] = a->lo;
        hi[k] = a->hi;
    }
    figure_var_numbers(fig, "LO", MEASURES, lo);
    figure_var_numbers(fig, "HI", MEASURES, hi);
    figure_var_numbers(fig, "TIC_FIRST", MEASURES + 1, first);
    figure_var_numbers(fig, "TIC", n, tics);
    figure_var_texts(fig, "TIC_TEXT", n, texts);
}

static void put_variables(struct scatter *s)
{
    struct figure *fig = s->fig;
    double left[PANELS], right[PANELS], top[PANELS], bottom[PANELS], measure[PANELS];
    double by[PANELS];
    for (int p = 0; p < PANELS; p++) {
        int k = p % MEASURES;
        int row = p / MEASURES;
        left[p] = figure_x(left_px(k));
        right[p] = figure_x(left_px(k) + SIDE_PX);
        top[p] = figure_y(fig, panel_top_px(s, row));
        bottom[p] = figure_y(fig, panel_top_px(s, row) + SIDE_PX);
        measure[p] = k + 1;
        by[p] = row + 1;
    }
    figure_var_numbers(fig, "LEFT", PANELS, left);
    figure_var_numbers(fig, "RIGHT", PANELS, right);
    figure_var_numbers(fig, "TOP", PANELS, top);
    figure_var_numbers(fig, "BOTTOM", PANELS, bottom);
    figure_var_numbers(fig, "MEASURE", PANELS, measure);
    figure_var_numbers(fig, "BY", PANELS, by);
    figure_var_numbers(fig, "LABELS", 2, (double[]){s->labels[0].n, s->labels[1].n});
    figure_var_rows(fig, "ROW_MEASURE", s->row_measure);
    figure_var_rows(fig, "ROW_ENGINE", s->labels[0].of_row);
    figure_var_rows(fig, "ROW_HARDWARE", s->labels[1].of_row);
    put_axes(s);
}

bool scatter_draw(struct figure *fig, struct err *err)
{
    struct scatter s = {.fig = fig};
    if (!find_columns(&s, err) || !read_rows(&s, err)) {
        return false;
    }
    for (int k = 0; k < MEASURES; k++) {
        if (s.axis[k].n_tics == 0) {
            return err_set(err, ERR_UNFIT, "%s has no %s to draw", figure_table_name(fig),
                           measures[k].name);
        }
    }
    read_labels(&s, &s.labels[0]);
    read_labels(&s, &s.labels[1]);
    figure_note(fig, "Predicted (upwards) against measured. The line is equality, the broken "
                     "lines are 20 %% off. Both axes are logarithmic.");
    s.top_px = figure_page(fig, KEY_PX + PITCH_Y_PX + SIDE_PX + 56);
    put_variables(&s);
    for (int row = 0; row < 2; row++) {
        for (int k = 0; k < MEASURES; k++) {
            put_panel(&s, row, k);
        }
    }
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ranges.c - the charts of a plan that are horizontal ranges: cost per million tokens by option
 * with its band, and the tornado of what one input changes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/figure.h"

#define MAX_ROWS 16
#define MAX_PER_SIDE 8
#define NAME_PX 330
#define WORDS_PX 165
#define PITCH_PX 42
#define KEY_PX 22
#define HALF_BAR 0.30 /* of a row */
#define CUT 3.0       /* bars end at so many times the median */

/* Of the sides (style.gp); of the ends of an input, which belong to neither side. */
static const char *const side_colors[] = {"#0072B2", "#D55E00"};
static const char *const end_colors[] = {"#A6A6A6", "#404040"};

struct range_row {
    const char *name[2];
    int n_name, n_small;
    double from[2], to[2]; /* a piece per colour; NaN: none */
    double lo, hi;         /* band; NaN: none */
    const char *words;     /* in the right margin */
    const char *at_low, *at_high;
};
struct ranges {
    struct figure *fig;
    const char *caption;
    const char *key[2];
    const char *const *colors;
    int n;
    struct range_row rows[MAX_ROWS];
    struct layout_axis x;
    double zero; /* a line through all rows */
    double left_px, right_px, top_px;
};

static bool of_model(const struct figure *fig, int row)
{
    return !fig->chart->row_class ||
           strcmp(figure_cell(fig, row, "model"), fig->chart->row_class) == 0;
}

static double x_px(const struct ranges *r, double value)
{
    double frac = fmax(0, fmin(layout_axis_frac(&r->x, value), 1));
    return r->left_px + frac * (r->right_px - r->left_px);
}

/* ---- cost -----------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fit_cost(struct ranges *r)
{
    double values[MAX_ROWS], most = 0;
    for (int i = 0; i < r->n; i++) {
        const struct range_row *row = &r->rows[i];
        values[i] = isnan(row->to[0]) ? row->to[1] : row->to[0];
        most = fmax(most, fmax(values[i], isnan(row->hi) ? 0 : row->hi));
    }
    qsort(values, (size_t)r->n, sizeof *values, compare);
    double cut = CUT * values[r->n / 2];
    layout_axis_fit(&r->x, 0, fmin(most, cut), INFINITY, LAYOUT_COUNT);
    if (most > r->x.hi) {
        figure_note(r->fig, "Bars and bands that reach the right edge are cut there; the "
                            "figures beside them are whole.");
    }
}

static bool read_cost_row(struct ranges *r, int row, int *shown, int *left_out, struct err *err)
{
    struct figure *fig = r->fig;
    double rank, usd, month;
    struct range_row out = {.from = {0, 0}, .to = {NAN, NAN}};
    if (!figure_value(fig, row, "rank", &rank, err) ||
        !figure_value(fig, row, "usd_per_mtok_blended", &usd, err) ||
        !figure_value(fig, row, "usd_per_month", &month, err) ||
        !figure_value(fig, row, "usd_per_mtok_blended_p10", &out.lo, err) ||
        !figure_value(fig, row, "usd_per_mtok_blended_p90", &out.hi, err)) {
        return false;
    }
    if (isnan(rank) || isnan(usd) || !of_model(fig, row)) {
        return true;
    }
    int side = strcmp(figure_cell(fig, row, "side"), "managed") == 0;
    if (shown[side] >= MAX_PER_SIDE || r->n == MAX_ROWS) {
        ++*left_out;
        return true;
    }
    shown[side]++;
    out.to[side] = usd;
    out.words =
        arena_printf(fig->arena, "%.3g · %s USD/month", usd, figure_count_text(fig, month));
    out.n_name = layout_wrap(fig->arena, figure_option(fig, row), figure_plain.size_px, false,
                             NAME_PX, 2, out.name);
    r->rows[r->n++] = out;
    return true;
}

static bool read_cost(struct ranges *r, struct err *err)
{
    static const char *const cols[] = {
        "rank", "side", "option", "usd_per_mtok_blended", "usd_per_month", "model", NULL};
    int shown[2] = {0, 0}, left_out = 0;
    bool band = false;
    if (!figure_need(r->fig, cols, err)) {
        return false;
    }
    r->caption = "USD per million tokens, input and output together";
    r->colors = side_colors;
    r->key[0] = "self-hosted";
    r->key[1] = "managed";
    for (int row = 0; row < r->fig->table.n_rows; row++) {
        if (!read_cost_row(r, row, shown, &left_out, err)) {
            return false;
        }
    }
    if (r->n == 0) {
        return err_set(err, ERR_UNFIT, "%s has no ranked option", r->fig->table.file);
    }
    for (int i = 0; i < r->n; i++) {
        band = band || !isnan(r->rows[i].lo);
    }
    figure_note(r->fig,
                "In the order of the mean cost per month over the horizon, at the right.");
    if (band) {
        figure_note(r->fig, "Black line: between P10 and P90.");
    }
    if (left_out > 0) {
        figure_note(r->fig, "The cheapest %d of each side; %d more options are in %s.",
                    MAX_PER_SIDE, left_out, figure_table_name(r->fig));
    }
    fit_cost(r);
    return true;
}

/* ---- tornado --------------------------------------------------------------------------------
 */

static const char *end_text(struct figure *fig, double value, const char *unit)
{
    if (strstr(unit, "fraction") || strstr(unit, "per month") || strstr(unit, "per year") ||
        strstr(unit, "of purchase")) {
        return arena_printf(fig->arena, "%.3g %%", value * 100);
    }
    return fabs(value) < 0.01 && value != 0 ? arena_printf(fig->arena, "%.2g", value)
                                            : figure_count_text(fig, value);
}

struct tornado_cells {
    double low, high, usd_low, usd_base, usd_high, effect;
};

static bool read_cells(struct ranges *r, int row, struct tornado_cells *c, struct err *err)
{
    return figure_value(r->fig, row, "low", &c->low, err) &&
           figure_value(r->fig, row, "high", &c->high, err) &&
           figure_value(r->fig, row, "usd_low", &c->usd_low, err) &&
           figure_value(r->fig, row, "usd_base", &c->usd_base, err) &&
           figure_value(r->fig, row, "usd_high", &c->usd_high, err) &&
           figure_value(r->fig, row, "total_effect_frac", &c->effect, err);
}

static void add_tornado_row(struct ranges *r, int row, const struct tornado_cells *c)
{
    struct figure *fig = r->fig;
    const char *unit = figure_cell(fig, row, "unit");
    struct range_row out = {.lo = NAN, .hi = NAN};
    out.from[0] = fmin(0, c->usd_low - c->usd_base);
    out.to[0] = fmax(0, c->usd_low - c->usd_base);
    out.from[1] = fmin(0, c->usd_high - c->usd_base);
    out.to[1] = fmax(0, c->usd_high - c->usd_base);
    out.at_low = end_text(fig, c->low, unit);
    out.at_high = end_text(fig, c->high, unit);
    out.n_name = layout_wrap(fig->arena, figure_cell(fig, row, "input"), figure_plain.size_px,
                             false, NAME_PX, 1, out.name);
    out.n_small = layout_wrap(fig->arena, unit, figure_small.size_px, false, NAME_PX, 1,
                              out.name + out.n_name);
    out.n_name += out.n_small;
    if (!isnan(c->effect)) {
        out.words = c->effect < 0.01
                        ? "under 1 % of the variance"
                        : arena_printf(fig->arena, "%.0f %% of the variance", c->effect * 100);
    }
    r->rows[r->n++] = out;
}

static bool read_tornado(struct ranges *r, struct err *err)
{
    static const char *const cols[] = {"model",    "input",    "unit",
                                       "low",      "high",     "usd_low",
                                       "usd_base", "usd_high", "total_effect_frac",
                                       NULL};
    double lo = 0, hi = 0, base = NAN;
    if (!figure_need(r->fig, cols, err)) {
        return false;
    }
    const char *model =
        r->fig->chart->row_class ? r->fig->chart->row_class : figure_cell(r->fig, 0, "model");
    for (int row = 0; row < r->fig->table.n_rows && r->n < MAX_ROWS; row++) {
        struct tornado_cells c;
        if (strcmp(figure_cell(r->fig, row, "model"), model) != 0) {
            continue;
        }
        if (!read_cells(r, row, &c, err)) {
            return false;
        }
        if (isfinite(c.usd_low) && isfinite(c.usd_high) && isfinite(c.usd_base)) {
            add_tornado_row(r, row, &c);
            base = c.usd_base;
            lo = fmin(lo, fmin(c.usd_low, c.usd_high) - base);
            hi = fmax(hi, fmax(c.usd_low, c.usd_high) - base);
        }
    }
    if (r->n == 0) {
        return err_set(err, ERR_UNFIT, "%s has nothing to draw", r->fig->table.file);
    }
    r->colors = end_colors;
    r->key[0] = "input at its P10";
    r->key[1] = "input at its P90";
    r->caption = arena_printf(r->fig->arena,
                              "Change of self-hosted minus managed cost, USD per month "
                              "(0: %s as planned)",
                              figure_count_text(r->fig, base));
    /* Room for the words at both ends. */
    double room = fmax((hi - lo) * 0.16, 1);
    struct layout_axis axis;
    layout_axis_fit(&axis, lo - room, hi + room, INFINITY, LAYOUT_COUNT);
    r->x = axis;
    r->zero = -base;
    figure_note(r->fig,
                "One input at a time, the others as planned. At the right: the share of "
                "the cost's variance that goes with the input, all varied together.");
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------
 */

static double row_y_px(const struct ranges *r, int i)
{
    return r->top_px + (i + 0.5) * PITCH_PX;
}

static void put_key(struct ranges *r, double y)
{
    double x = FIGURE_EDGE_PX;
    for (int k = 0; k < 2; k++) {
        figure_point(r->fig, x + 6, y,
                     arena_printf(r->fig->arena, "pt 5 ps 1.5 lc rgb '%s'", r->colors[k]));
        figure_text(r->fig, x + 18, y, ALIGN_LEFT, figure_plain, r->key[k]);
        x += 40 + layout_text_px(r->key[k], figure_plain.size_px, false);
    }
}

static void put_name(struct ranges *r, int i)
{
    const struct range_row *row = &r->rows[i];
    double y = row_y_px(r, i) - 14 * (row->n_name - 1) / 2.0;
    for (int k = 0; k < row->n_name; k++) {
        figure_text(r->fig, r->left_px - 10, y + 14 * k, ALIGN_RIGHT,
                    k >= row->n_name - row->n_small ? figure_small : figure_plain,
                    row->name[k]);
    }
    if (row->words) {
        figure_text(r->fig, r->right_px + 12, row_y_px(r, i), ALIGN_LEFT, figure_plain,
                    row->words);
    }
}

static void put_band(struct ranges *r, int i)
{
    const struct range_row *row = &r->rows[i];
    double y = row_y_px(r, i);
    if (isnan(row->lo) || isnan(row->hi)) {
        return;
    }
    double lo = x_px(r, row->lo), hi = x_px(r, row->hi);
    const char *style = "front lc rgb '#111111' lw 1.6";
    figure_segment(r->fig, (double[]){lo, y}, (double[]){hi, y}, style);
    figure_segment(r->fig, (double[]){lo, y - 6}, (double[]){lo, y + 6}, style);
    figure_segment(r->fig, (double[]){hi, y - 6}, (double[]){hi, y + 6}, style);
}

/* Do both pieces of a tornado's bar go the same way? They would lie over each other. */
static bool share_a_side(const struct range_row *row)
{
    return (row->from[0] < 0 && row->from[1] < 0) || (row->to[0] > 0 && row->to[1] > 0);
}

/* Pieces that go the same way stand above each other, each with its value at its end. */
static void put_shared_ends(struct ranges *r, int i)
{
    const struct range_row *row = &r->rows[i];
    const char *const words[] = {row->at_low, row->at_high};
    for (int k = 0; k < 2; k++) {
        double y = row_y_px(r, i) + (k == 0 ? -0.5 : 0.5) * HALF_BAR * PITCH_PX;
        bool left = row->from[k] < 0;
        figure_text(r->fig, x_px(r, left ? row->from[k] : row->to[k]) + (left ? -6 : 6), y,
                    left ? ALIGN_RIGHT : ALIGN_LEFT, figure_small, words[k]);
    }
}

/* The input's values stand at the ends of its bar, each on the side where its piece is. */
static void put_ends(struct ranges *r, int i)
{
    const struct range_row *row = &r->rows[i];
    double y = row_y_px(r, i);
    if (!row->at_low) {
        return;
    }
    double low = row->from[0] < 0 ? row->from[0] : row->to[0];
    double high = row->from[1] < 0 ? row->from[1] : row->to[1];
    double least = (r->x.hi - r->x.lo) * 0.002;
    if (fabs(low) < least && fabs(high) < least) {
        figure_text(
            r->fig, x_px(r, 0) + 8, y, ALIGN_LEFT, figure_small,
            arena_printf(r->fig->arena, "no change from %s to %s", row->at_low, row->at_high));
        return;
    }
    if (share_a_side(row)) {
        put_shared_ends(r, i);
        return;
    }
    bool low_left = low < high;
    double left = x_px(r, fmin(0, fmin(low, high))), right = x_px(r, fmax(0, fmax(low, high)));
    figure_text(r->fig, left - 6, y, ALIGN_RIGHT, figure_small,
                low_left ? row->at_low : row->at_high);
    figure_text(r->fig, right + 6, y, ALIGN_LEFT, figure_small,
                low_left ? row->at_high : row->at_low);
}

static void put_line(struct ranges *r, double value, const char *style, const char *text)
{
    if (value > r->x.lo && value < r->x.hi) {
        double x = x_px(r, value), bottom = r->top_px + PITCH_PX * r->n;
        figure_segment(r->fig, (double[]){x, r->top_px}, (double[]){x, bottom}, style);
        if (text) {
            figure_text(r->fig, x, r->top_px - 8, ALIGN_CENTER, figure_small, text);
        }
    }
}

static void put_variables(struct ranges *r)
{
    struct figure *fig = r->fig;
    const char *tics[LAYOUT_MAX_TICS];
    for (int i = 0; i < r->x.n_tics; i++) {
        tics[i] = figure_tic_text(fig, r->x.tics[i], r->x.unit);
    }
    figure_var_number(fig, "ROWS", r->n);
    figure_var_texts(fig, "COLOR", 2, r->colors);
    figure_var_number(fig, "X_LO", r->x.lo);
    figure_var_number(fig, "X_HI", r->x.hi);
    figure_var_number(fig, "X_TICS", r->x.n_tics);
    figure_var_numbers(fig, "X_TIC", r->x.n_tics, r->x.tics);
    figure_var_texts(fig, "X_TIC_TEXT", r->x.n_tics, tics);
    figure_var_number(fig, "LEFT", figure_x(r->left_px));
    figure_var_number(fig, "RIGHT", figure_x(r->right_px));
    figure_var_number(fig, "TOP", figure_y(fig, r->top_px));
    figure_var_number(fig, "BOTTOM", figure_y(fig, r->top_px + PITCH_PX * r->n));
    fputs("$RANGES << END\ncolor,from,to,top,bottom\n0,0,0,1,1\n", fig->vars);
    for (int i = 0; i < r->n; i++) {
        bool shared = share_a_side(&r->rows[i]);
        for (int k = 0; k < 2; k++) {
            if (isfinite(r->rows[i].to[k])) {
                fprintf(fig->vars, "%d,%.9g,%.9g,%.9g,%.9g\n", k + 1, r->rows[i].from[k],
                        fmin(r->rows[i].to[k], r->x.hi),
                        i + 1 - (shared && k == 1 ? 0 : HALF_BAR),
                        i + 1 + (shared && k == 0 ? 0 : HALF_BAR));
            }
        }
    }
    fputs("END\n", fig->vars);
}

static void plan_page(struct ranges *r)
{
    double name_px = 60;
    for (int i = 0; i < r->n; i++) {
        for (int k = 0; k < r->rows[i].n_name; k++) {
            name_px =
                fmax(name_px, layout_text_px(r->rows[i].name[k], figure_plain.size_px, false));
        }
    }
    r->left_px = FIGURE_EDGE_PX + name_px + 10;
    r->right_px = FIGURE_W_PX - FIGURE_EDGE_PX - WORDS_PX;
    double top = figure_page(r->fig, KEY_PX + 24 + PITCH_PX * r->n + 62);
    put_key(r, top + KEY_PX / 2.0);
    r->top_px = top + KEY_PX + 24;
}

bool ranges_draw(struct figure *fig, struct err *err)
{
    struct ranges *r = arena_alloc(fig->arena, 1, sizeof *r);
    bool tornado = strcmp(fig->chart->kind, "tornado") == 0;
    r->fig = fig;
    if (!(tornado ? read_tornado(r, err) : read_cost(r, err))) {
        return false;
    }
    plan_page(r);
    for (int i = 0; i < r->n; i++) {
        put_name(r, i);
        put_band(r, i);
        put_ends(r, i);
    }
    if (tornado) {
        put_line(r, 0, "front lc rgb '#111111' lw 1.2", NULL);
        put_line(r, r->zero, "front lc rgb '#8B0000' lw 1.5 dt (6,4)", "both cost the same");
    }
    figure_text(fig, (r->left_px + r->right_px) / 2, r->top_px + PITCH_PX * r->n + 38,
                ALIGN_CENTER, figure_caption, r->caption);
    put_variables(r);
    figure_draw_panel(fig, 1);
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bars.c - the charts of stacked horizontal bars: memory per candidate, time share per
 * deployment, where prompts came from. Horizontal, because names are long and candidates are
 * many. */
#include <math.h>
#include <string.h>

#include "plots/figure.h"

#define MAX_BARS 40
#define MAX_PARTS 10
#define NAME_PX 270
#define VERDICT_PX 240
#define BAR_HALF 0.30 /* of the pitch; the templates draw with BAR_HALF too */
#define KEY_PITCH_PX 20

struct part {
    const char *column;
    const char *label;
    const char *color;
    bool dark; /* takes white figures */
};

/* Okabe-Ito colours; greys for what is neither work nor model. */
static const struct part memory_parts[] = {
    {"weights_gib", "weights", "#0072B2", true},
    {"kv_gib", "KV cache pool", "#009E73", true},
    {"activations_gib", "activations", "#E69F00", false},
    {"graphs_gib", "GPU graphs", "#56B4E9", false},
    {"comm_gib", "communication buffers", "#CC79A7", false},
    {"context_gib", "driver context", "#7A7A7A", true},
    {"free_gib", "free", "#ECECEC", false},
};
static const struct part time_parts[] = {
    {"attention_frac", "attention", "#0072B2", true},
    {"dense_frac", "dense layers", "#56B4E9", false},
    {"experts_frac", "experts", "#009E73", true},
    {"imbalance_frac", "waiting for the slowest expert rank", "#D55E00", true},
    {"allreduce_frac", "all-reduce", "#CC79A7", false},
    {"alltoall_frac", "all-to-all", "#E69F00", false},
    {"bubble_frac", "pipeline bubble", "#F0E442", false},
    {"host_frac", "host (CPU)", "#4D4D4D", true},
    {"other_frac", "other", "#A6A6A6", false},
    {"idle_frac", "idle (no requests)", "#ECECEC", false},
};
static const struct part cache_parts[] = {
    {"gpu_frac", "found in GPU memory", "#009E73", true},
    {"tier_frac", "loaded from a tier", "#56B4E9", false},
    {"computed_frac", "computed", "#D55E00", true},
};
#define N_CACHE_PARTS ((int)(sizeof cache_parts / sizeof *cache_parts))
#define N_MEMORY_PARTS ((int)(sizeof memory_parts / sizeof *memory_parts))
#define N_TIME_PARTS ((int)(sizeof time_parts / sizeof *time_parts))

struct bar {
    const char *name[3];
    int n_name;
    int n_small; /* the last n_small lines of name are in the small font */
    double part[MAX_PARTS];
    double total;
    double gpu_gib, missing_gib;
    bool fits;
};

struct bars {
    struct figure *fig;
    bool memory;
    const struct part *parts;
    int n_parts, n_bars;
    struct bar bar[MAX_BARS];
    struct layout_axis x;
    double left_px, right_px, top_px, pitch_px;
};

static double x_px(const struct bars *b, double value)
{
    double frac = fmin(layout_axis_frac(&b->x, value), 1);
    return b->left_px + frac * (b->right_px - b->left_px);
}

static double bar_y_px(const struct bars *b, int i)
{
    return b->top_px + (i + 0.5) * b->pitch_px;
}

static bool read_parts(struct bars *b, int row, struct bar *bar, struct err *err)
{
    for (int k = 0; k < b->n_parts; k++) {
        int col = -1;
        if (!csv_col_need(&b->fig->table, b->parts[k].column, &col, err) ||
            !figure_number(b->fig, row, col, &bar->part[k], err)) {
            return false;
        }
        if (isnan(bar->part[k])) {
            bar->part[k] = 0;
        }
        if (bar->part[k] < 0) {
            return err_at(err, csv_pos(&b->fig->table, row), "%s must not be negative",
                          b->parts[k].column);
        }
        bar->total += bar->part[k];
    }
    return true;
}

static bool read_fit(struct bars *b, int row, struct bar *bar, struct err *err)
{
    const struct csv_table *t = &b->fig->table;
    int gpu = -1, missing = -1, fits = -1;
    if (!csv_col_need(t, "gpu_gib", &gpu, err) ||
        !csv_col_need(t, "missing_gib", &missing, err) ||
        !csv_col_need(t, "fits", &fits, err) ||
        !figure_number(b->fig, row, gpu, &bar->gpu_gib, err) ||
        !figure_number(b->fig, row, missing, &bar->missing_gib, err)) {
        return false;
    }
    bar->fits = strcmp(csv_cell(t, row, fits), "1") == 0;
    if (!(bar->gpu_gib > 0)) {
        return err_at(err, csv_pos(t, row), "gpu_gib must be positive");
    }
    return true;
}

/* What tells rows of one deployment apart: the load in the time chart, and the role of one kind
 * of replica of two. */
static const char *row_detail(const struct bars *b, int row)
{
    const struct csv_table *t = &b->fig->table;
    const char *load = b->memory ? "" : csv_cell(t, row, csv_col(t, "load"));
    const char *role = csv_cell(t, row, csv_col(t, "role"));
    if (*role == '\0' || strcmp(role, "both") == 0) {
        return load;
    }
    return *load ? arena_printf(b->fig->arena, "%s, %s", load, role) : role;
}

/* Left of the bar: the deployment; below it the detail, alone when the row above has the same
 * deployment. */
static void name_bar(struct bars *b, int row, struct bar *bar)
{
    const struct csv_table *t = &b->fig->table;
    int col = csv_col(t, "deployment");
    const char *detail = row_detail(b, row);
    const char *name = csv_cell(t, row, col);
    bool repeated = *detail && row > 0 && strcmp(name, csv_cell(t, row - 1, col)) == 0;
    if (!repeated) {
        bar->n_name = layout_wrap(b->fig->arena, name, figure_plain.size_px, false, NAME_PX, 2,
                                  bar->name);
    }
    bar->n_small = layout_wrap(b->fig->arena, detail, figure_small.size_px, false, NAME_PX, 1,
                               bar->name + bar->n_name);
    bar->n_name += bar->n_small;
}

static bool read_bars(struct bars *b, struct err *err)
{
    const struct csv_table *t = &b->fig->table;
    int col = -1;
    if (!csv_col_need(t, "deployment", &col, err)) {
        return false;
    }
    b->n_bars = t->n_rows < MAX_BARS ? t->n_rows : MAX_BARS;
    for (int i = 0; i < b->n_bars; i++) {
        if (!read_parts(b, i, &b->bar[i], err) ||
            (b->memory && !read_fit(b, i, &b->bar[i], err))) {
            return false;
        }
        name_bar(b, i, &b->bar[i]);
    }
    if (t->n_rows > MAX_BARS) {
        figure_note(b->fig, "The first %d of %d rows; the others are in %s.", MAX_BARS,
                    t->n_rows, figure_table_name(b->fig));
    }
    return true;
}

/* A candidate that misses by far would squeeze the others: its bar is cut, its words are not.
 */
static void fit_axis(struct bars *b)
{
    if (!b->memory) {
        b->x = (struct layout_axis){.hi = 1, .unit = LAYOUT_FRAC, .n_tics = 6};
        for (int i = 0; i < 6; i++) {
            b->x.tics[i] = 0.2 * i;
        }
        return;
    }
    double most = 0, gpu = 0;
    for (int i = 0; i < b->n_bars; i++) {
        most = fmax(most, fmax(b->bar[i].total, b->bar[i].gpu_gib));
        gpu = fmax(gpu, b->bar[i].gpu_gib);
    }
    layout_axis_fit(&b->x, 0, fmin(most, 1.6 * gpu), INFINITY, LAYOUT_COUNT);
    if (most > b->x.hi) {
        figure_note(b->fig,
                    "Bars that reach the right edge are cut there; the words beside them "
                    "give the whole shortage.");
    }
}

static bool part_used(const struct bars *b, int k)
{
    for (int i = 0; i < b->n_bars; i++) {
        if (b->bar[i].part[k] > 0) {
            return true;
        }
    }
    return false;
}

static double key_item(struct bars *b, double x, double y, const char *label, const char *color)
{
    double width = 20 + layout_text_px(label, figure_plain.size_px, false) + 20;
    if (b->fig->h_px == 0) {
        return width;
    }
    if (color) {
        figure_point(b->fig, x + 6, y,
                     arena_printf(b->fig->arena, "pt 5 ps 1.5 lc rgb '%s'", color));
    } else {
        figure_segment(b->fig, (double[]){x + 6, y - 8}, (double[]){x + 6, y + 8},
                       "front lc rgb '#000000' lw 2.5");
    }
    figure_text(b->fig, x + 18, y, ALIGN_LEFT, figure_plain, label);
    return width;
}

/* Squares with their words in the order of the bar, in as many lines as needed. Only measures
 * while the page has no height. Returns the height. */
static double put_key(struct bars *b, double top_px)
{
    double x = FIGURE_EDGE_PX, y = top_px + KEY_PITCH_PX / 2.0;
    for (int k = 0; k <= b->n_parts; k++) {
        bool line = k == b->n_parts;
        if (line ? !b->memory : !part_used(b, k)) {
            continue;
        }
        const char *label = line ? "memory of the GPU" : b->parts[k].label;
        double width = 40 + layout_text_px(label, figure_plain.size_px, false);
        if (x + width > FIGURE_W_PX - FIGURE_EDGE_PX + 20) {
            x = FIGURE_EDGE_PX;
            y += KEY_PITCH_PX;
        }
        x += key_item(b, x, y, label, line ? NULL : b->parts[k].color);
    }
    return y + KEY_PITCH_PX / 2.0 - top_px;
}

static void put_name(struct bars *b, int i)
{
    const struct bar *bar = &b->bar[i];
    double y = bar_y_px(b, i) - 14 * (bar->n_name - 1) / 2.0;
    for (int k = 0; k < bar->n_name; k++) {
        bool is_small = k >= bar->n_name - bar->n_small;
        figure_text(b->fig, b->left_px - 10, y + 14 * k, ALIGN_RIGHT,
                    is_small ? figure_small : figure_plain, bar->name[k]);
    }
}

static void part_text(const struct bars *b, double value, char *text, size_t n)
{
    if (b->memory) {
        snprintf(text, n, value < 9.95 ? "%.1f" : "%.0f", value);
    } else {
        snprintf(text, n, "%.0f %%", value * 100);
    }
}

/* The figure inside each part that is wide enough for it. */
static void put_part_values(struct bars *b, int i)
{
    struct figure_font font = figure_small;
    double from = 0;
    for (int k = 0; k < b->n_parts; k++) {
        double value = b->bar[i].part[k];
        double left = x_px(b, from), right = x_px(b, from + value);
        char text[32];
        part_text(b, value, text, sizeof text);
        if (layout_text_px(text, font.size_px, false) + 6 <= right - left) {
            font.color = b->parts[k].dark ? "#FFFFFF" : "#222222";
            figure_text(b->fig, (left + right) / 2, bar_y_px(b, i), ALIGN_CENTER, font, text);
        }
        from += value;
    }
}

static void put_verdict(struct bars *b, int i)
{
    const struct bar *bar = &b->bar[i];
    double x = x_px(b, bar->gpu_gib), y = bar_y_px(b, i), half = b->pitch_px * 0.42;
    double free_gib = bar->part[b->n_parts - 1];
    char text[96];
    figure_segment(b->fig, (double[]){x, y - half}, (double[]){x, y + half},
                   "front lc rgb '#000000' lw 2.5");
    if (bar->fits) {
        snprintf(text, sizeof text, "fits, %.1f of %.4g GiB free", free_gib, bar->gpu_gib);
    } else {
        snprintf(text, sizeof text, "does not fit: %.*f GiB missing", bar->missing_gib < 99.5,
                 bar->missing_gib);
    }
    figure_text(b->fig, b->right_px + 12, y, ALIGN_LEFT,
                bar->fits ? figure_plain : figure_alarm, text);
}

static void put_variables(struct bars *b)
{
    struct figure *fig = b->fig;
    const char *columns[MAX_PARTS], *colors[MAX_PARTS], *tics[LAYOUT_MAX_TICS];
    int *rank = arena_alloc(fig->arena, (size_t)fig->table.n_rows, sizeof *rank);
    for (int k = 0; k < b->n_parts; k++) {
        columns[k] = b->parts[k].column;
        colors[k] = b->parts[k].color;
    }
    for (int i = 0; i < b->n_bars; i++) {
        rank[i] = i + 1;
    }
    for (int i = 0; i < b->x.n_tics; i++) {
        tics[i] = figure_tic_text(fig, b->x.tics[i], b->x.unit);
    }
    figure_var_number(fig, "BARS", b->n_bars);
    figure_var_number(fig, "BAR_HALF", BAR_HALF);
    figure_var_rows(fig, "ROW_BAR", rank);
    figure_var_number(fig, "PARTS", b->n_parts);
    figure_var_texts(fig, "PART", b->n_parts, columns);
    figure_var_texts(fig, "PART_COLOR", b->n_parts, colors);
    figure_var_number(fig, "X_HI", b->x.hi);
    figure_var_number(fig, "X_TICS", b->x.n_tics);
    figure_var_numbers(fig, "X_TIC", b->x.n_tics, b->x.tics);
    figure_var_texts(fig, "X_TIC_TEXT", b->x.n_tics, tics);
    figure_var_number(fig, "LEFT", figure_x(b->left_px));
    figure_var_number(fig, "RIGHT", figure_x(b->right_px));
    figure_var_number(fig, "TOP", figure_y(fig, b->top_px));
    figure_var_number(fig, "BOTTOM", figure_y(fig, b->top_px + b->pitch_px * b->n_bars));
}

/* Widths and heights, before anything is written. */
static void plan_page(struct bars *b)
{
    double name_px = 60;
    int most_lines = 1;
    for (int i = 0; i < b->n_bars; i++) {
        for (int k = 0; k < b->bar[i].n_name; k++) {
            name_px =
                fmax(name_px, layout_text_px(b->bar[i].name[k], figure_plain.size_px, false));
        }
        most_lines = b->bar[i].n_name > most_lines ? b->bar[i].n_name : most_lines;
    }
    b->left_px = FIGURE_EDGE_PX + name_px + 10;
    b->right_px = FIGURE_W_PX - FIGURE_EDGE_PX - (b->memory ? VERDICT_PX : 14);
    b->pitch_px = most_lines > 2 ? 52 : 42;
    double key_px = put_key(b, 0);
    double top = figure_page(b->fig, key_px + 10 + b->pitch_px * b->n_bars + 62);
    put_key(b, top);
    b->top_px = top + key_px + 10;
}

bool bars_draw(struct figure *fig, struct err *err)
{
    bool memory = strcmp(fig->chart->kind, "memory") == 0;
    bool cache = strcmp(fig->chart->kind, "cache") == 0;
    struct bars *b = arena_alloc(fig->arena, 1, sizeof *b);
    b->fig = fig;
    b->memory = memory;
    b->parts = memory ? memory_parts : cache ? cache_parts : time_parts;
    b->n_parts = memory ? N_MEMORY_PARTS : cache ? N_CACHE_PARTS : N_TIME_PARTS;
    if (!read_bars(b, err)) {
        return false;
    }
    fit_axis(b);
    plan_page(b);
    for (int i = 0; i < b->n_bars; i++) {
        put_name(b, i);
        put_part_values(b, i);
        if (memory) {
            put_verdict(b, i);
        }
    }
    figure_text(fig, (b->left_px + b->right_px) / 2, b->top_px + b->pitch_px * b->n_bars + 38,
                ALIGN_CENTER, figure_caption,
                memory  ? "Memory of each GPU, GiB"
                : cache ? "Share of the tokens of prompts"
                        : "Share of the time");
    put_variables(b);
    figure_draw_panel(fig, 1);
    return true;
}

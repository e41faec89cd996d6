/* SPDX-License-Identifier: GPL-3.0-or-later */
/* series.c - the charts of a plan that are lines or points: break-even, forecast, cumulative
 * cash, Pareto front of each kind of GPU, cost against quality. One side keeps its colour over
 * all of them, and nothing else has it (style.gp). Lines are named at their end, in the right
 * margin; points beside them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plots/figure.h"

#define MAX_SERIES 9
#define MAX_GPUS (MAX_SERIES - 1) /* of the Pareto fronts: one more marks the best system */
#define MAX_PANELS 3
#define MAX_MARKS 64
#define MAX_KEYED 8 /* crossings that the key explains */
#define NAME_LINES 3
#define LABEL_PX 235
#define SAMPLE_PX 26
#define CAPTION_PX 34
#define ROW_PX 14.0
#define MARK_ROW_PX 15.0
#define KEY_ROW_PX 16.0
#define NUMBER_PX 13.0 /* between numbers side by side */
#define GAP_PX 30

enum { STYLE_SELF = 1, STYLE_MANAGED = 2, STYLE_NEUTRAL = 3 };

struct point {
    double x, y, lo, hi; /* NaN: no value */
};
struct series {
    const char *name;
    int style;  /* line style of style.gp, gives colour and marker */
    bool lines; /* else points only */
    int n, cap;
    struct point *points;
};
/* A point with its words beside it. */
struct mark {
    double x, y;
    int style;
    const char *text;
    int number; /* of its row in the key, where the text stands instead; 0: none */
};
struct panel {
    const char *caption;
    double height_px;
    int n_series, n_marks, n_keyed;
    struct series series[MAX_SERIES];
    struct mark marks[MAX_MARKS];
    struct layout_axis y;
    double top_px, bottom_px;
};
struct series_chart {
    struct figure *fig;
    int n_panels;
    struct panel panels[MAX_PANELS];
    const char *x_caption;
    double log_above_x, log_above_y;
    enum layout_unit x_unit;
    struct layout_axis x;
    double left_px, right_px;
    bool named;      /* series have their names in the right margin */
    bool bare_names; /* ... without the value at the line's end */
    bool near_x;     /* values lie close together: the x axis need not begin at zero */
};

static struct panel *add_panel(struct series_chart *s, const char *caption, double height_px)
{
    ASSERT(s->n_panels < MAX_PANELS);
    struct panel *p = &s->panels[s->n_panels++];
    *p = (struct panel){.caption = caption, .height_px = height_px};
    return p;
}

/* The series of this name; a new one where there is none. NULL: too many. */
static struct series *get_series(struct panel *p, const char *name, int style, bool lines)
{
    for (int i = 0; i < p->n_series; i++) {
        if (strcmp(p->series[i].name, name) == 0) {
            return &p->series[i];
        }
    }
    if (p->n_series == MAX_SERIES) {
        return NULL;
    }
    p->series[p->n_series] = (struct series){.name = name, .style = style, .lines = lines};
    return &p->series[p->n_series++];
}

static void add_point(struct series_chart *c, struct series *s, struct point at)
{
    int room = c->fig->table.n_rows;
    if (s && isfinite(at.x) && isfinite(at.y)) {
        if (!s->points) {
            s->points = arena_alloc(c->fig->arena, (size_t)room, sizeof *s->points);
        }
        ASSERT(s->n < room);
        s->points[s->n++] = at;
    }
}

static void add_mark(struct panel *p, double x, double y, int style, const char *text)
{
    if (p->n_marks < MAX_MARKS && isfinite(x) && isfinite(y)) {
        p->marks[p->n_marks++] = (struct mark){x, y, style, text, 0};
    }
}

/* ---- reading --------------------------------------------------------------------------------
 */

/* Rows belong to the chart's model; without one, to that of the first row. */
static bool of_model(const struct figure *fig, int row)
{
    const struct csv_table *t = &fig->table;
    int col = csv_col(t, "model");
    const char *wanted = fig->chart->row_class ? fig->chart->row_class : csv_cell(t, 0, col);
    return strcmp(csv_cell(t, row, col), wanted) == 0;
}

static bool read_curve_row(struct series_chart *s, int row, struct err *err)
{
    struct figure *fig = s->fig;
    if (strcmp(figure_cell(fig, row, "kind"), "option") == 0) {
        return true; /* the chart is of the best pair */
    }
    struct point at = {.lo = NAN, .hi = NAN};
    double gpus;
    if (!figure_value(fig, row, "tok_per_day", &at.x, err) ||
        !figure_value(fig, row, "usd_per_month", &at.y, err) ||
        !figure_value(fig, row, "n_gpus", &gpus, err)) {
        return false;
    }
    struct panel *p = &s->panels[0];
    if (strcmp(figure_cell(fig, row, "kind"), "curve") == 0) {
        const char *option = figure_option(fig, row);
        /* Only the self-hosted side has GPUs. */
        bool self = !isnan(gpus);
        const char *name =
            arena_printf(fig->arena, "%s: %s", self ? "self-hosted" : "managed", option);
        add_point(s, get_series(p, name, self ? STYLE_SELF : STYLE_MANAGED, true), at);
        return true;
    }
    bool to_self = strcmp(figure_cell(fig, row, "to"), "self-hosted") == 0;
    add_mark(p, at.x, at.y, 7, to_self ? "self-hosted is cheaper" : "managed is cheaper");
    return true;
}

/* Largest x of the lines. */
static double lines_end(const struct panel *p)
{
    double end = 0;
    for (int i = 0; i < p->n_series; i++) {
        for (int j = 0; j < p->series[i].n; j++) {
            end = fmax(end, p->series[i].points[j].x);
        }
    }
    return end;
}

/* Crossings come in pairs at the steps, too close for words beside them: they are numbered, and
 * a key in the margin explains the first and the last. Those beyond the lines are told in a
 * note. */
static void number_crossings(struct series_chart *s, struct panel *p)
{
    struct figure *fig = s->fig;
    double end = lines_end(p);
    int n = 0;
    while (n < p->n_marks && p->marks[n].x <= end) {
        n++;
    }
    if (p->n_marks == 0) {
        figure_note(fig, "The lines do not cross in the range searched.");
    } else if (n < p->n_marks) {
        figure_note(fig, "%s crossing beyond the lines' end: from %s tokens a day on, %s.",
                    n > 0 ? "A further" : "The first", figure_count_text(fig, p->marks[n].x),
                    p->marks[n].text);
    }
    p->n_marks = n;
    for (int i = 0; i < n; i++) {
        struct mark *m = &p->marks[i];
        bool keyed = i < MAX_KEYED - 1 || i == n - 1;
        m->number = keyed ? ++p->n_keyed : 0;
        m->text =
            arena_printf(fig->arena, "from %s: %s", figure_count_text(fig, m->x), m->text);
    }
    if (n > p->n_keyed) {
        figure_note(fig, "Squares mark the %d crossings, of which %d have a number.", n,
                    p->n_keyed);
    }
}

static bool read_breakeven(struct series_chart *s, struct err *err)
{
    static const char *const cols[] = {"model",         "option", "kind", "tok_per_day",
                                       "usd_per_month", "n_gpus", "to",   NULL};
    struct figure *fig = s->fig;
    if (!figure_need(fig, cols, err)) {
        return false;
    }
    s->named = true;
    s->x_caption = "Tokens a day, input and output together";
    s->log_above_x = 8;
    s->log_above_y = 8;
    add_panel(s, "Cost, USD per month", 400);
    for (int row = 0; row < fig->table.n_rows; row++) {
        if (of_model(fig, row) && !read_curve_row(s, row, err)) {
            return false;
        }
    }
    number_crossings(s, &s->panels[0]);
    figure_note(fig, "The self-hosted cost rises by steps: machines come in whole units. A "
                     "managed line ends where a rate limit of its terms is reached.");
    return true;
}

/* A column with its P10 and P90 over the months. */
static bool read_month(struct series_chart *s, int row, struct series *series, const char *col,
                       struct err *err)
{
    struct figure *fig = s->fig;
    struct point at;
    if (!figure_value(fig, row, "month", &at.x, err) ||
        !figure_value(fig, row, col, &at.y, err) ||
        !figure_value(fig, row, arena_printf(fig->arena, "%s_p10", col), &at.lo, err) ||
        !figure_value(fig, row, arena_printf(fig->arena, "%s_p90", col), &at.hi, err)) {
        return false;
    }
    add_point(s, series, at);
    return true;
}

struct month_line {
    const char *name, *column;
    int style;
};
struct month_panel {
    const char *caption;
    double height_px;
    int n;
    struct month_line lines[2];
};

static bool read_months(struct series_chart *s, const struct month_panel *panels, int n,
                        struct err *err)
{
    struct figure *fig = s->fig;
    int col;
    s->named = true;
    s->x_caption = "Month of the plan";
    s->log_above_x = s->log_above_y = INFINITY;
    if (!csv_col_need(&fig->table, "month", &col, err)) {
        return false;
    }
    for (int k = 0; k < n; k++) {
        struct panel *p = add_panel(s, panels[k].caption, panels[k].height_px);
        for (int i = 0; i < panels[k].n; i++) {
            const struct month_line *line = &panels[k].lines[i];
            if (!csv_col_need(&fig->table, line->column, &col, err)) {
                return false;
            }
            struct series *series = get_series(p, line->name, line->style, true);
            for (int row = 0; row < fig->table.n_rows; row++) {
                if (of_model(fig, row) && !read_month(s, row, series, line->column, err)) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool read_forecast(struct series_chart *s, struct err *err)
{
    static const struct month_panel panels[] = {
        {"Demand, requests per day", 130, 1, {{"demand", "requests_per_day", STYLE_NEUTRAL}}},
        {"GPUs of the self-hosted system", 130, 1, {{"GPUs", "n_gpus", STYLE_SELF}}},
        {"Spend, USD per month",
         190,
         2,
         {{"self-hosted", "self_usd", STYLE_SELF}, {"managed", "managed_usd", STYLE_MANAGED}}},
    };
    figure_note(s->fig,
                "Shaded: between P10 and P90, over the prediction band, growth, prices, "
                "utilisation and failure rates.");
    return read_months(s, panels, 3, err);
}

static bool read_cash(struct series_chart *s, struct err *err)
{
    static const struct month_panel panels[] = {
        {"Cash paid since the start, USD",
         380,
         2,
         {{"self-hosted", "self_cash_total_usd", STYLE_SELF},
          {"managed", "managed_cash_total_usd", STYLE_MANAGED}}},
    };
    figure_note(s->fig, "Purchases count in the month they are made; resale at the end of the "
                        "horizon is not taken off.");
    return read_months(s, panels, 1, err);
}

static int compare_points(const void *a, const void *b)
{
    double x = ((const struct point *)a)->x;
    double y = ((const struct point *)b)->x;
    return (x > y) - (x < y);
}

/* The line of a kind of GPU; NULL: too many. The first series is the best system. */
static struct series *gpu_line(struct panel *p, const char *hardware)
{
    static const int styles[MAX_GPUS] = {4, 5, 8, 7, 6, 13, 14, 12};
    int next = p->n_series - 1;
    return get_series(p, hardware, styles[next < MAX_GPUS ? next : 0], true);
}

/* A point of the front joins the line of its GPU; false in *drawn: there is no room for it. */
static bool read_front_row(struct series_chart *s, int row, bool *drawn, struct err *err)
{
    struct figure *fig = s->fig;
    struct panel *p = &s->panels[0];
    struct point at = {.lo = NAN, .hi = NAN};
    double front, best;
    if (!figure_value(fig, row, "tok_s_per_user", &at.x, err) ||
        !figure_value(fig, row, "output_tok_s_per_gpu", &at.y, err) ||
        !figure_value(fig, row, "front", &front, err) ||
        !figure_value(fig, row, "best", &best, err)) {
        return false;
    }
    if (front > 0) {
        struct series *line = gpu_line(p, figure_cell(fig, row, "hardware"));
        add_point(s, line, at);
        *drawn = *drawn && line;
    }
    if (best > 0) {
        add_point(s, &p->series[0], at);
    }
    return true;
}

static bool read_pareto(struct series_chart *s, struct err *err)
{
    static const char *const cols[] = {
        "model", "hardware", "tok_s_per_user", "output_tok_s_per_gpu", "front", "best", NULL};
    struct figure *fig = s->fig;
    if (!figure_need(fig, cols, err)) {
        return false;
    }
    s->x_caption = "Output tokens per second that each user sees (1 / mean time per token)";
    s->log_above_x = s->log_above_y = 25;
    s->named = s->bare_names = true;
    bool drawn = true;
    struct panel *p = add_panel(s, "Output tokens per second and GPU", 420);
    get_series(p, "the best self-hosted option", STYLE_SELF, false);
    for (int row = 0; row < fig->table.n_rows; row++) {
        if (of_model(fig, row) && !read_front_row(s, row, &drawn, err)) {
            return false;
        }
    }
    for (int i = 0; i < p->n_series; i++) {
        if (p->series[i].n > 1) {
            qsort(p->series[i].points, (size_t)p->series[i].n, sizeof *p->series[i].points,
                  compare_points);
        }
    }
    figure_note(fig, "For each kind of GPU, what its systems reach between little load (right) "
                     "and the most they sustain (left), every service level met.");
    figure_note(fig, "Up and to the right is better.");
    if (!drawn) {
        figure_note(fig, "The first %d kinds of GPU are drawn; the others are in %s.", MAX_GPUS,
                    figure_table_name(fig));
    }
    return true;
}

/* The cheapest of each side of each model that has a quality: the table is in rank order. */
static bool read_quality(struct series_chart *s, struct err *err)
{
    static const char *const cols[] = {"rank",    "side",          "model",
                                       "quality", "usd_per_month", NULL};
    struct figure *fig = s->fig;
    if (!figure_need(fig, cols, err)) {
        return false;
    }
    s->x_caption = "Quality score given for the model";
    s->near_x = true;
    s->log_above_y = 8;
    struct panel *p = add_panel(s, "Cost of the cheapest option, USD per month", 380);
    for (int row = 0; row < fig->table.n_rows; row++) {
        struct point at = {.lo = NAN, .hi = NAN};
        double rank;
        if (!figure_value(fig, row, "rank", &rank, err) ||
            !figure_value(fig, row, "quality", &at.x, err) ||
            !figure_value(fig, row, "usd_per_month", &at.y, err)) {
            return false;
        }
        bool self = strcmp(figure_cell(fig, row, "side"), "self-hosted") == 0;
        const char *text = arena_printf(fig->arena, "%s, %s", figure_cell(fig, row, "model"),
                                        self ? "self-hosted" : "managed");
        bool known = isnan(rank);
        for (int i = 0; i < p->n_marks; i++) {
            known = known || strcmp(p->marks[i].text, text) == 0;
        }
        if (!known) {
            add_mark(p, at.x, at.y, self ? STYLE_SELF : STYLE_MANAGED, text);
        }
    }
    return true;
}

/* ---- placing --------------------------------------------------------------------------------
 */

struct range {
    double lo, hi;
};

static void widen(struct range *r, double value)
{
    if (isfinite(value)) {
        r->lo = isnan(r->lo) ? value : fmin(r->lo, value);
        r->hi = isnan(r->hi) ? value : fmax(r->hi, value);
    }
}

/* A linear axis that need not begin at zero. */
static void fit_near(struct layout_axis *axis, struct range r)
{
    double room = fmax((r.hi - r.lo) * 0.25, fmax(fabs(r.hi), 1) * 0.02);
    struct layout_axis whole;
    layout_axis_fit(&whole, 0, r.hi - r.lo + 2 * room, INFINITY, LAYOUT_COUNT);
    double step = whole.tics[1] - whole.tics[0];
    *axis = (struct layout_axis){.lo = r.lo - room, .hi = r.hi + room, .unit = LAYOUT_COUNT};
    double first = ceil(axis->lo / step) * step;
    for (int i = 0; i < LAYOUT_MAX_TICS && first + i * step <= axis->hi; i++) {
        axis->tics[axis->n_tics++] = first + i * step;
    }
}

static bool fit_axes(struct series_chart *s, struct err *err)
{
    struct range x = {NAN, NAN};
    bool any = false;
    for (int k = 0; k < s->n_panels; k++) {
        struct panel *p = &s->panels[k];
        struct range y = {NAN, NAN};
        for (int i = 0; i < p->n_series; i++) {
            for (int j = 0; j < p->series[i].n; j++) {
                const struct point *at = &p->series[i].points[j];
                widen(&x, at->x);
                widen(&y, at->y);
                widen(&y, at->lo);
                widen(&y, at->hi);
            }
        }
        for (int i = 0; i < p->n_marks; i++) {
            widen(&x, p->marks[i].x);
            widen(&y, p->marks[i].y);
        }
        any = any || isfinite(y.lo);
        layout_axis_fit(&p->y, isnan(y.lo) ? 0 : y.lo, isnan(y.hi) ? 1 : y.hi, s->log_above_y,
                        LAYOUT_COUNT);
    }
    if (!any) {
        return err_set(err, ERR_UNFIT, "%s has nothing to draw", s->fig->table.file);
    }
    if (s->near_x) {
        fit_near(&s->x, x);
    } else {
        layout_axis_fit(&s->x, x.lo, x.hi, s->log_above_x, LAYOUT_COUNT);
    }
    return true;
}

static double x_px(const struct series_chart *s, double x)
{
    return s->left_px + layout_axis_frac(&s->x, x) * (s->right_px - s->left_px);
}

static double y_px(const struct panel *p, double y)
{
    return p->bottom_px - layout_axis_frac(&p->y, y) * (p->bottom_px - p->top_px);
}

static void plan_page(struct series_chart *s)
{
    double name_px = 40, used = 0;
    for (int k = 0; k < s->n_panels; k++) {
        used += CAPTION_PX + s->panels[k].height_px + (k > 0 ? GAP_PX : 0);
        for (int i = 0; i < s->panels[k].n_series; i++) {
            name_px = fmax(name_px, layout_text_px(s->panels[k].series[i].name,
                                                   figure_plain.size_px, false));
        }
    }
    name_px = fmin(fmax(name_px + 2, 95), LABEL_PX);
    s->left_px = FIGURE_EDGE_PX + 52;
    s->right_px = FIGURE_W_PX - FIGURE_EDGE_PX - (s->named ? name_px + SAMPLE_PX + 30 : 14);
    double y = figure_page(s->fig, used + 66);
    for (int k = 0; k < s->n_panels; k++) {
        struct panel *p = &s->panels[k];
        p->top_px = y + CAPTION_PX;
        p->bottom_px = p->top_px + p->height_px;
        y = p->bottom_px + GAP_PX;
    }
}

static void put_sample(struct series_chart *s, const struct series *series, double y)
{
    double from = s->right_px + 22;
    char style[48];
    if (series->lines) {
        snprintf(style, sizeof style, "front ls %d", series->style);
        figure_segment(s->fig, (double[]){from, y}, (double[]){from + SAMPLE_PX, y}, style);
    }
    snprintf(style, sizeof style, "ls %d ps %s", series->style, series->lines ? "0.7" : "1.1");
    figure_point(s->fig, from + SAMPLE_PX / 2.0, y, style);
}

/* Name, below it the value at the end of the line. */
static int name_lines(struct series_chart *s, const struct series *series, const char **lines)
{
    double width = FIGURE_W_PX - FIGURE_EDGE_PX - s->right_px - SAMPLE_PX - 28;
    int n = layout_wrap(s->fig->arena, series->name, figure_plain.size_px, false, width,
                        NAME_LINES, lines);
    if (series->lines && series->n > 0 && !s->bare_names) {
        lines[n++] = arena_printf(s->fig->arena, "%s at the end",
                                  figure_count_text(s->fig, series->points[series->n - 1].y));
    }
    return n;
}

static void put_names(struct series_chart *s, const struct panel *p)
{
    const char *lines[MAX_SERIES][NAME_LINES + 1];
    int n_lines[MAX_SERIES], of[MAX_SERIES], n = 0;
    double at[MAX_SERIES] = {0.0}, height[MAX_SERIES] = {0.0};
    for (int i = 0; i < p->n_series; i++) {
        const struct series *series = &p->series[i];
        if (series->n > 0) {
            of[n] = i;
            n_lines[n] = name_lines(s, series, lines[n]);
            height[n] = n_lines[n] * ROW_PX + 6;
            at[n] = series->lines ? y_px(p, series->points[series->n - 1].y)
                                  : p->top_px + 12 + 22 * n;
            n++;
        }
    }
    double key_px = p->n_keyed > 0 ? (p->n_keyed + 2) * KEY_ROW_PX : 0;
    layout_spread(n, at, height, p->top_px - 14, p->bottom_px + 14 - key_px);
    for (int k = 0; k < n; k++) {
        const struct series *series = &p->series[of[k]];
        const struct point *end = &series->points[series->n - 1];
        char style[80];
        snprintf(style, sizeof style, "back ls %d lw 0.8 dt (2,4)", series->style);
        if (series->lines) {
            figure_segment(s->fig, (double[]){x_px(s, end->x), y_px(p, end->y)},
                           (double[]){s->right_px + 20, at[k]}, style);
        }
        put_sample(s, series, at[k]);
        for (int j = 0; j < n_lines[k]; j++) {
            bool value = series->lines && !s->bare_names && j == n_lines[k] - 1;
            figure_text(s->fig, s->right_px + SAMPLE_PX + 28,
                        at[k] + (j - (n_lines[k] - 1) / 2.0) * ROW_PX, ALIGN_LEFT,
                        value ? figure_small : figure_plain, lines[k][j]);
        }
    }
}

/* Crossings: a square with a line up to its number above the panel, where no curve of costs
 * runs, and the words in the margin below the names. */
static void put_crossings(struct series_chart *s, const struct panel *p)
{
    double at[MAX_KEYED], width[MAX_KEYED], y = p->top_px - 9;
    double key_y = p->bottom_px - p->n_keyed * KEY_ROW_PX + KEY_ROW_PX / 2;
    int n = 0;
    for (int i = 0; i < p->n_marks; i++) {
        if (p->marks[i].number > 0) {
            at[n] = x_px(s, p->marks[i].x);
            width[n++] = NUMBER_PX;
        }
    }
    layout_spread(n, at, width, s->left_px, s->right_px);
    if (n > 0) {
        figure_text(s->fig, s->right_px + 22, key_y - KEY_ROW_PX, ALIGN_LEFT, figure_caption,
                    "Crossings, tokens a day");
    }
    for (int i = 0; i < p->n_marks; i++) {
        const struct mark *m = &p->marks[i];
        double x = x_px(s, m->x), top = y_px(p, m->y);
        figure_point(s->fig, x, top, "ls 7 ps 1.3");
        if (m->number > 0) {
            int k = m->number - 1;
            const char *number = arena_printf(s->fig->arena, "%d", m->number);
            figure_segment(s->fig, (double[]){x, top - 6}, (double[]){at[k], y + 8},
                           "back lc rgb '#888888' lw 0.8 dt (2,3)");
            figure_text(s->fig, at[k], y, ALIGN_CENTER, figure_plain, number);
            figure_text(s->fig, s->right_px + 34, key_y + k * KEY_ROW_PX, ALIGN_RIGHT,
                        figure_plain, number);
            figure_text(s->fig, s->right_px + 42, key_y + k * KEY_ROW_PX, ALIGN_LEFT,
                        figure_plain, m->text);
        }
    }
}

/* Points with words: to the right, or to the left where the panel ends; moved up or down where
 * words would cover each other. */
static void put_marks(struct series_chart *s, const struct panel *p)
{
    double at[MAX_MARKS], height[MAX_MARKS];
    for (int i = 0; i < p->n_marks; i++) {
        at[i] = y_px(p, p->marks[i].y);
        height[i] = MARK_ROW_PX;
    }
    layout_spread(p->n_marks, at, height, p->top_px, p->bottom_px - 4);
    for (int i = 0; i < p->n_marks; i++) {
        const struct mark *m = &p->marks[i];
        double x = x_px(s, m->x), width = layout_text_px(m->text, figure_plain.size_px, false);
        bool left = x + 14 + width > s->right_px;
        char style[48];
        snprintf(style, sizeof style, "ls %d ps 1.3", m->style);
        figure_point(s->fig, x, y_px(p, m->y), style);
        if (fabs(at[i] - y_px(p, m->y)) > 8) {
            figure_segment(s->fig, (double[]){x, y_px(p, m->y)},
                           (double[]){x + (left ? -10 : 10), at[i]}, "lc rgb '#888888' lw 0.8");
        }
        figure_text(s->fig, x + (left ? -13 : 13), at[i], left ? ALIGN_RIGHT : ALIGN_LEFT,
                    figure_plain, m->text);
    }
}

/* A vertical line where the caller's mark is, its words above the panel, over the numbers of
 * crossings. */
static void put_vertical(struct series_chart *s, const struct panel *p)
{
    const struct chart *c = s->fig->chart;
    if (!c->mark_text || !(c->mark_x > s->x.lo && c->mark_x < s->x.hi)) {
        return;
    }
    double x = x_px(s, c->mark_x);
    figure_segment(s->fig, (double[]){x, p->top_px}, (double[]){x, p->bottom_px},
                   "front lc rgb '#555555' lw 1.2 dt (6,4)");
    figure_text(s->fig, x, p->top_px - 24, ALIGN_CENTER, figure_small, c->mark_text);
}

/* ---- the script -----------------------------------------------------------------------------
 */

static void put_number(FILE *out, double value)
{
    if (isfinite(value)) {
        fprintf(out, ",%.9g", value);
    } else {
        fputs(",NaN", out);
    }
}

/* Numbers alone, so no text of the table reaches the script. */
static void put_data(struct series_chart *s)
{
    FILE *out = s->fig->vars;
    fputs("$SERIES << END\nline,x,y,lo,hi\n", out);
    int line = 0;
    for (int k = 0; k < s->n_panels; k++) {
        for (int i = 0; i < s->panels[k].n_series; i++) {
            const struct series *series = &s->panels[k].series[i];
            line++;
            for (int j = 0; j < series->n; j++) {
                fprintf(out, "%d", line);
                put_number(out, series->points[j].x);
                put_number(out, series->points[j].y);
                put_number(out, series->points[j].lo);
                put_number(out, series->points[j].hi);
                putc('\n', out);
            }
        }
    }
    fputs("0,NaN,NaN,NaN,NaN\nEND\n", out);
}

static void put_axis(struct figure *fig, const char *name, const struct layout_axis *axis)
{
    const char *texts[LAYOUT_MAX_TICS];
    for (int i = 0; i < axis->n_tics; i++) {
        texts[i] = figure_tic_text(fig, axis->tics[i], axis->unit);
    }
    figure_var_number(fig, arena_printf(fig->arena, "%s_LO", name), axis->lo);
    figure_var_number(fig, arena_printf(fig->arena, "%s_HI", name), axis->hi);
    figure_var_number(fig, arena_printf(fig->arena, "%s_LOG", name), axis->log);
    figure_var_number(fig, arena_printf(fig->arena, "%s_TICS", name), axis->n_tics);
    figure_var_numbers(fig, arena_printf(fig->arena, "%s_TIC", name), axis->n_tics, axis->tics);
    figure_var_texts(fig, arena_printf(fig->arena, "%s_TIC_TEXT", name), axis->n_tics, texts);
}

static void put_variables(struct series_chart *s)
{
    struct figure *fig = s->fig;
    double first[MAX_PANELS + 1] = {1}, top[MAX_PANELS], bottom[MAX_PANELS];
    double style[MAX_PANELS * MAX_SERIES + 1] = {1}, lines[MAX_PANELS * MAX_SERIES + 1] = {1};
    double every[MAX_PANELS * MAX_SERIES + 1] = {1};
    int n = 0;
    for (int k = 0; k < s->n_panels; k++) {
        const struct panel *p = &s->panels[k];
        for (int i = 0; i < p->n_series; i++, n++) {
            style[n] = p->series[i].style;
            lines[n] = p->series[i].lines;
            every[n] = p->series[i].n <= 24 ? 1 : p->series[i].n / 9;
        }
        first[k + 1] = n + 1;
        top[k] = figure_y(fig, p->top_px);
        bottom[k] = figure_y(fig, p->bottom_px);
        put_axis(fig, arena_printf(fig->arena, "Y%d", k + 1), &p->y);
    }
    put_axis(fig, "X", &s->x);
    figure_var_number(fig, "PANELS", s->n_panels);
    figure_var_numbers(fig, "FIRST", s->n_panels + 1, first);
    figure_var_numbers(fig, "TOP", s->n_panels, top);
    figure_var_numbers(fig, "BOTTOM", s->n_panels, bottom);
    figure_var_numbers(fig, "STYLE", n > 0 ? n : 1, style);
    figure_var_numbers(fig, "JOINED", n > 0 ? n : 1, lines);
    figure_var_numbers(fig, "MARK_EVERY", n > 0 ? n : 1, every);
    figure_var_number(fig, "LEFT", figure_x(s->left_px));
    figure_var_number(fig, "RIGHT", figure_x(s->right_px));
    put_data(s);
}

static void put_panels(struct series_chart *s)
{
    const struct panel *last = &s->panels[s->n_panels - 1];
    figure_text(s->fig, (s->left_px + s->right_px) / 2, last->bottom_px + 38, ALIGN_CENTER,
                figure_caption, s->x_caption);
    for (int k = 0; k < s->n_panels; k++) {
        const struct panel *p = &s->panels[k];
        figure_text(s->fig, FIGURE_EDGE_PX, p->top_px - 24, ALIGN_LEFT, figure_caption,
                    p->caption);
        if (s->named) {
            put_names(s, p);
        }
        if (p->n_keyed > 0) {
            put_crossings(s, p);
        } else {
            put_marks(s, p);
        }
        put_vertical(s, p);
        figure_draw_panel(s->fig, k + 1);
    }
}

static const struct {
    const char *kind;
    bool (*read)(struct series_chart *s, struct err *err);
} readers[] = {
    {"breakeven", read_breakeven}, {"forecast", read_forecast}, {"cash", read_cash},
    {"pareto", read_pareto},       {"quality", read_quality},
};

bool series_draw(struct figure *fig, struct err *err)
{
    struct series_chart *s = arena_alloc(fig->arena, 1, sizeof *s);
    size_t i = 0;
    s->fig = fig;
    while (strcmp(readers[i].kind, fig->chart->kind) != 0) {
        i++;
        ASSERT(i < sizeof readers / sizeof *readers);
    }
    if (!readers[i].read(s, err) || !fit_axes(s, err)) {
        return false;
    }
    plan_page(s);
    put_panels(s);
    put_variables(s);
    return true;
}

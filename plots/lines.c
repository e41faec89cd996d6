/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lines.c - the charts of lines, one per deployment: latency against load, throughput against
 * speed, state over time. Panels share the x axis and stand one above the other; each line is
 * named at its end, in the right margin. */
#include <math.h>
#include <string.h>

#include "plots/figure.h"

#define MAX_LINES 12
#define MAX_PANELS 7
#define MAX_LIMITS 4
#define MAX_POINTS 800 /* per line: more cannot be seen, and an SVG has to stay small */
#define LABEL_PX 235
#define SAMPLE_PX 26
#define CAPTION_PX 34
#define ROW_PX 14.0 /* of a name; its letters are ROW_GAP_PX smaller */
#define ROW_GAP_PX 2.5
#define NAMES_ABOVE_PX 12 /* how far names may stand over the panel's edges */
#define NAMES_BELOW_PX 10
#define LIMIT_COLOR "#8B0000"

enum x_kind { X_LOAD, X_USER_SPEED, X_TIME, X_TOKENS };

struct panel_spec {
    const char *caption;
    const char *column;
    const char *limit; /* column of the service level, or NULL */
    enum layout_unit unit;
    bool band;
    bool optional; /* a table without the column has no such panel */
};

struct line_spec {
    const char *kind;
    enum x_kind x;
    bool by_class;                 /* rows of one workload class, stable ones only */
    double panel_px, panel_max_px; /* height; grows with the names to the greater one */
    double gap_px;
    double log_above_x, log_above_y;
    int n_panels;
    struct panel_spec panels[MAX_PANELS];
};

static const struct line_spec specs[] = {
    {"latency",
     X_LOAD,
     true,
     270,
     400,
     30,
     25,
     10,
     2,
     {{"Time to first token, slowest 5 % of requests (TTFT p95)", "ttft_s_p95",
       "slo_ttft_s_p95", LAYOUT_LATENCY, true, false},
      {"Time per output token after the first, slowest 5 % (TPOT p95)", "tpot_s_p95",
       "slo_tpot_s_p95", LAYOUT_LATENCY, true, false}}},
    {"throughput",
     X_USER_SPEED,
     true,
     440,
     440,
     0,
     8,
     10,
     1,
     {{"Output tokens per second and GPU (higher: fewer GPUs for the same work)",
       "output_tok_s_per_gpu", NULL, LAYOUT_COUNT, false, false}}},
    {"links",
     X_LOAD,
     true,
     270,
     330,
     30,
     25,
     10,
     4,
     {{"From the end of a prompt to its KV on the decode side (mean)", "handover_s_mean", NULL,
       LAYOUT_LATENCY, false, false},
      {"Bandwidth of the busiest link in use by KV on its way", "link_busy_frac_max", NULL,
       LAYOUT_FRAC, false, false},
      {"Scale-up link of a GPU in use by collectives and pipeline hops", "scaleup_busy_frac",
       NULL, LAYOUT_FRAC, false, true},
      {"Network share of a GPU in use by expert dispatch and pipeline hops",
       "network_busy_frac", NULL, LAYOUT_FRAC, false, true}}},
    {"timeline",
     X_TIME,
     false,
     142,
     270,
     22,
     INFINITY,
     INFINITY,
     7,
     {{"Requests being served", "running", NULL, LAYOUT_COUNT, false, false},
      {"Requests waiting", "waiting", NULL, LAYOUT_COUNT, false, false},
      {"KV cache in use", "kv_used_frac", NULL, LAYOUT_FRAC, false, false},
      {"Output tokens per second", "output_tok_s", NULL, LAYOUT_COUNT, false, false},
      {"Replicas in service", "replicas_up", NULL, LAYOUT_COUNT, false, true},
      {"Prefill replicas of these", "prefill_up", NULL, LAYOUT_COUNT, false, true},
      {"Network links that have failed", "links_down", NULL, LAYOUT_COUNT, false, true}}},
    {"imbalance",
     X_TOKENS,
     false,
     270,
     330,
     30,
     25,
     5,
     2,
     {{"Rows of the slowest expert rank / mean over ranks (1: even)", "imbalance", NULL,
       LAYOUT_COUNT, false, false},
      {"Experts in use on the rank that uses most: weights it has to read", "distinct_rank",
       NULL, LAYOUT_COUNT, false, false}}},
};

struct point {
    double x, y;
};

struct line {
    const char *name;
    bool stopped; /* ended by an unstable load */
    int n_rows;   /* drawn or not */
    int last_row; /* -1 before the first */
};

/* One line in one panel. */
struct trace {
    int n;
    struct point *points; /* finite ones, data units */
    struct point end;     /* where the label belongs */
};

struct panel {
    const struct panel_spec *spec;
    struct layout_axis y;
    double lo, hi; /* of everything drawn */
    bool any, band;
    double top_px, bottom_px;
    int n_limits;
    double limits[MAX_LIMITS];
    struct trace traces[MAX_LINES];
};

struct lines {
    struct figure *fig;
    const struct line_spec *spec;
    const char *row_class; /* NULL: every row */
    const char *x_column;
    int deployment_col, class_col, x_col, load_col, stable_col;
    int n_lines, n_left_out;
    struct line lines[MAX_LINES];
    int *row_line; /* [n_rows] 1-based line, 0: not drawn */
    int n_panels;
    struct panel panels[MAX_PANELS];
    struct layout_axis x;
    double x_lo, x_hi;
    double left_px, right_px;
};

static bool column_empty(const struct csv_table *t, int col)
{
    for (int row = 0; row < t->n_rows; row++) {
        if (*csv_cell(t, row, col)) {
            return false;
        }
    }
    return true;
}

static bool class_exists(const struct csv_table *t, int col, const char *name)
{
    for (int row = 0; row < t->n_rows; row++) {
        if (strcmp(csv_cell(t, row, col), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool pick_class(struct lines *l, struct err *err)
{
    const struct csv_table *t = &l->fig->table;
    const char *wanted = l->fig->chart->row_class;
    l->class_col = csv_col(t, "class");
    if (l->class_col < 0) {
        return true;
    }
    if (!wanted) {
        wanted = class_exists(t, l->class_col, "all") ? "all" : csv_cell(t, 0, l->class_col);
    } else if (!class_exists(t, l->class_col, wanted)) {
        return err_set(err, ERR_INPUT, "%s has no rows of class '%s'", t->file, wanted);
    }
    l->row_class = wanted;
    return true;
}

/* Which columns say what a row's load and x are. */
static bool find_columns(struct lines *l, struct err *err)
{
    const struct csv_table *t = &l->fig->table;
    int rate = csv_col(t, "rate_rps");
    l->stable_col = -1;
    if (!csv_col_need(t, "deployment", &l->deployment_col, err)) {
        return false;
    }
    if (l->spec->x == X_TIME || l->spec->x == X_TOKENS) {
        l->x_column = l->spec->x == X_TIME ? "time_s" : "tokens";
        l->class_col = -1;
        return csv_col_need(t, l->x_column, &l->x_col, err) && (l->load_col = l->x_col, true);
    }
    bool open = rate >= 0 && !column_empty(t, rate);
    l->x_column = open ? "rate_rps" : "concurrency";
    if (!csv_col_need(t, l->x_column, &l->load_col, err) ||
        !csv_col_need(t, "stable", &l->stable_col, err) || !pick_class(l, err)) {
        return false;
    }
    l->x_col = l->load_col;
    if (l->spec->x == X_USER_SPEED) {
        l->x_column = "tpot_s_p50";
        return csv_col_need(t, l->x_column, &l->x_col, err);
    }
    return true;
}

static struct line *find_line(struct lines *l, const char *name)
{
    for (int i = 0; i < l->n_lines; i++) {
        if (strcmp(l->lines[i].name, name) == 0) {
            return &l->lines[i];
        }
    }
    return NULL;
}

/* Deployments in order of their first row. */
static void collect_lines(struct lines *l)
{
    const struct csv_table *t = &l->fig->table;
    const char *last_left_out = "";
    for (int row = 0; row < t->n_rows; row++) {
        const char *name = csv_cell(t, row, l->deployment_col);
        bool other = l->row_class && strcmp(csv_cell(t, row, l->class_col), l->row_class) != 0;
        struct line *line = other ? NULL : find_line(l, name);
        if (!other && !line && l->n_lines < MAX_LINES) {
            line = &l->lines[l->n_lines++];
            *line = (struct line){.name = name, .last_row = -1};
        } else if (!other && !line && strcmp(last_left_out, name) != 0) {
            last_left_out = name;
            l->n_left_out++;
        }
        if (line) {
            line->n_rows++;
        }
    }
}

static bool check_ascending(struct lines *l, const struct line *line, int row, struct err *err)
{
    double before = 0, now = 0;
    if (line->last_row < 0) {
        return true;
    }
    if (!figure_number(l->fig, line->last_row, l->load_col, &before, err) ||
        !figure_number(l->fig, row, l->load_col, &now, err)) {
        return false;
    }
    return !(now < before) ||
           err_at(err, csv_pos(&l->fig->table, row), "the rows of '%s' must have ascending %s",
                  line->name, l->fig->table.cols[l->load_col]);
}

/* A line ends for good at its first unstable load: a later stable one would be luck. */
static bool assign_rows(struct lines *l, struct err *err)
{
    const struct csv_table *t = &l->fig->table;
    int seen[MAX_LINES] = {0};
    l->row_line = arena_alloc(l->fig->arena, (size_t)t->n_rows, sizeof *l->row_line);
    for (int row = 0; row < t->n_rows; row++) {
        struct line *line = find_line(l, csv_cell(t, row, l->deployment_col));
        if (!line ||
            (l->row_class && strcmp(csv_cell(t, row, l->class_col), l->row_class) != 0)) {
            continue;
        }
        if (!check_ascending(l, line, row, err)) {
            return false;
        }
        line->last_row = row;
        if (l->stable_col >= 0 && strcmp(csv_cell(t, row, l->stable_col), "1") != 0) {
            line->stopped = true;
        }
        int stride = (line->n_rows + MAX_POINTS - 1) / MAX_POINTS;
        int idx = (int)(line - l->lines);
        if (!line->stopped && seen[idx]++ % stride == 0) {
            l->row_line[row] = idx + 1;
        }
    }
    return true;
}

static void widen(struct panel *p, double value)
{
    if (isfinite(value)) {
        p->lo = p->any ? fmin(p->lo, value) : value;
        p->hi = p->any ? fmax(p->hi, value) : value;
        p->any = true;
    }
}

static void add_limit(struct panel *p, double value)
{
    for (int i = 0; i < p->n_limits; i++) {
        if (p->limits[i] == value) {
            return;
        }
    }
    if (isfinite(value) && p->n_limits < MAX_LIMITS) {
        p->limits[p->n_limits++] = value;
    }
}

static void add_point(struct lines *l, struct panel *p, int line, struct point at)
{
    struct trace *trace = &p->traces[line];
    if (!trace->points) {
        int n = l->lines[line].n_rows;
        trace->points = arena_alloc(l->fig->arena, (size_t)n, sizeof *trace->points);
    }
    /* The label goes to the last point, in the throughput chart to the one furthest right. */
    if (trace->n == 0 || l->spec->x != X_USER_SPEED || at.x > trace->end.x) {
        trace->end = at;
    }
    trace->points[trace->n++] = at;
    bool first = isnan(l->x_lo);
    l->x_lo = first ? at.x : fmin(l->x_lo, at.x);
    l->x_hi = first ? at.x : fmax(l->x_hi, at.x);
    widen(p, at.y);
}

struct panel_columns {
    int y, limit, band_lo, band_hi;
};

static bool read_row(struct lines *l, struct panel *p, const struct panel_columns *c, int row,
                     struct err *err)
{
    struct point at;
    double limit, lo, hi;
    if (!figure_number(l->fig, row, l->x_col, &at.x, err) ||
        !figure_number(l->fig, row, c->y, &at.y, err) ||
        !figure_number(l->fig, row, c->limit, &limit, err) ||
        !figure_number(l->fig, row, c->band_lo, &lo, err) ||
        !figure_number(l->fig, row, c->band_hi, &hi, err)) {
        return false;
    }
    if (l->spec->x == X_USER_SPEED) {
        at.x = at.x > 0 ? 1 / at.x : NAN;
    }
    if (!isfinite(at.x) || !isfinite(at.y)) {
        return true;
    }
    add_point(l, p, l->row_line[row] - 1, at);
    add_limit(p, limit);
    if (p->band) {
        widen(p, lo);
        widen(p, hi);
    }
    return true;
}

static bool read_panel(struct lines *l, struct panel *p, struct err *err)
{
    const struct csv_table *t = &l->fig->table;
    const char *name = p->spec->column;
    struct panel_columns c = {.limit = p->spec->limit ? csv_col(t, p->spec->limit) : -1};
    if (p->spec->optional && csv_col(t, name) < 0) {
        return true;
    }
    if (!csv_col_need(t, name, &c.y, err)) {
        return false;
    }
    c.band_lo = csv_col(t, arena_printf(l->fig->arena, "%s_band_lo", name));
    c.band_hi = csv_col(t, arena_printf(l->fig->arena, "%s_band_hi", name));
    p->band = p->spec->band && c.band_lo >= 0 && c.band_hi >= 0 && !column_empty(t, c.band_lo);
    for (int row = 0; row < t->n_rows; row++) {
        if (l->row_line[row] > 0 && !read_row(l, p, &c, row, err)) {
            return false;
        }
    }
    for (int i = 0; i < p->n_limits && p->any; i++) {
        widen(p, p->limits[i]);
    }
    return true;
}

/* Panels without a single value are left out (a workload of one-token answers has no TPOT). */
static bool read_panels(struct lines *l, struct err *err)
{
    l->x_lo = l->x_hi = NAN;
    for (int k = 0; k < l->spec->n_panels; k++) {
        struct panel *p = &l->panels[l->n_panels];
        *p = (struct panel){.spec = &l->spec->panels[k]};
        if (!read_panel(l, p, err)) {
            return false;
        }
        l->n_panels += p->any;
    }
    return l->n_panels > 0 || err_set(err, ERR_UNFIT, "%s has nothing to draw: no stable load",
                                      l->fig->table.file);
}

static void fit_axes(struct lines *l)
{
    bool time = l->spec->x == X_TIME;
    double lo = time ? 0 : l->x_lo;
    layout_axis_fit(&l->x, lo, l->x_hi, l->spec->log_above_x,
                    time ? LAYOUT_CLOCK : LAYOUT_COUNT);
    for (int k = 0; k < l->n_panels; k++) {
        struct panel *p = &l->panels[k];
        bool frac = p->spec->unit == LAYOUT_FRAC;
        layout_axis_fit(&p->y, frac ? 0 : p->lo, frac ? 1 : p->hi, l->spec->log_above_y,
                        p->spec->unit);
    }
}

static bool line_drawn(const struct lines *l, int line)
{
    for (int k = 0; k < l->n_panels; k++) {
        if (l->panels[k].traces[line].n > 0) {
            return true;
        }
    }
    return false;
}

/* What a reader has to know and cannot see; one note each. */
static void add_notes(struct lines *l)
{
    bool stopped = false, band = false;
    const char *missing = "";
    struct figure *fig = l->fig;
    for (int i = 0; i < l->n_lines; i++) {
        bool drawn = line_drawn(l, i);
        stopped = stopped || (drawn && l->lines[i].stopped);
        if (!drawn) {
            missing = arena_printf(fig->arena, "%s%s%s", missing, *missing ? "; " : "",
                                   l->lines[i].name);
        }
    }
    for (int k = 0; k < l->n_panels; k++) {
        band = band || l->panels[k].band;
    }
    if (l->spec->x == X_USER_SPEED) {
        figure_note(fig,
                    "Each line runs from low load (right: fast for each user) to high load "
                    "(left: more work from each GPU). Up and to the right is better.");
    }
    if (l->spec->x == X_TOKENS) {
        figure_note(fig,
                    "Mean over layers. Few tokens: chance decides. Many tokens: the popularity "
                    "of experts does, unless redundant copies even it out.");
    }
    if (stopped) {
        figure_note(fig,
                    "A cross marks the highest load that a deployment was found to sustain. "
                    "Beyond it the queue keeps growing and no latency would hold.");
    }
    if (band) {
        figure_note(fig, "Shaded: 80 %% prediction band.");
    }
    if (*missing) {
        figure_note(fig,
                    "Not drawn, overloaded already at the lowest load or without a result: %s",
                    missing);
    }
    if (l->n_left_out > 0) {
        figure_note(fig, "The first %d deployments; %d more are in %s.", MAX_LINES,
                    l->n_left_out, figure_table_name(fig));
    }
}

static double x_px(const struct lines *l, double x)
{
    return l->left_px + layout_axis_frac(&l->x, x) * (l->right_px - l->left_px);
}

static double y_px(const struct panel *p, double y)
{
    return p->bottom_px - layout_axis_frac(&p->y, y) * (p->bottom_px - p->top_px);
}

/* The sample of the line (dash, colour, marker) between leader and name: the reader need not
 * follow the leader. */
static void put_sample(struct lines *l, int line, double y)
{
    struct figure *fig = l->fig;
    double from = l->right_px + 22;
    char style[48];
    snprintf(style, sizeof style, "front ls %d", line + 1);
    figure_segment(fig, (double[]){from, y}, (double[]){from + SAMPLE_PX, y}, style);
    snprintf(style, sizeof style, "ls %d", line + 1);
    figure_point(fig, from + SAMPLE_PX / 2.0, y, style);
}

struct name_block {
    int line, n;
    const char *text[2];
};

/* Names of the lines that the panel has, in two rows of text where there is room for all.
 * Returns their number. */
static int wrap_names(struct lines *l, const struct panel *p, int max_rows, double size_px,
                      struct name_block *blocks)
{
    int n = 0;
    double width = FIGURE_W_PX - FIGURE_EDGE_PX - l->right_px - SAMPLE_PX - 28;
    for (int i = 0; i < l->n_lines; i++) {
        if (p->traces[i].n > 0) {
            blocks[n].line = i;
            blocks[n].n = layout_wrap(l->fig->arena, l->lines[i].name, size_px, false, width,
                                      max_rows, blocks[n].text);
            n++;
        }
    }
    return n;
}

static double names_px(const struct name_block *blocks, int n, double row_px, double *height_px)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        height_px[i] = blocks[i].n * row_px + 4;
        sum += height_px[i];
    }
    return sum;
}

/* High enough for all names in two rows each, if that is not too high. */
static double panel_height_px(struct lines *l)
{
    struct name_block blocks[MAX_LINES];
    double height[MAX_LINES], most = 0;
    for (int k = 0; k < l->n_panels; k++) {
        int n = wrap_names(l, &l->panels[k], 2, ROW_PX - ROW_GAP_PX, blocks);
        most =
            fmax(most, names_px(blocks, n, ROW_PX, height) - NAMES_ABOVE_PX - NAMES_BELOW_PX);
    }
    return most > l->spec->panel_max_px ? l->spec->panel_px : fmax(most, l->spec->panel_px);
}

/* The width of the names decides how much is left for the panels. */
static void plan_page(struct lines *l)
{
    double name_px = 40;
    for (int i = 0; i < l->n_lines; i++) {
        name_px = fmax(name_px, layout_text_px(l->lines[i].name, figure_plain.size_px, false));
    }
    name_px = fmin(name_px + 2, LABEL_PX);
    l->left_px = FIGURE_EDGE_PX + 52;
    l->right_px = FIGURE_W_PX - FIGURE_EDGE_PX - name_px - SAMPLE_PX - 30;
    double panel_px = panel_height_px(l), pitch = CAPTION_PX + panel_px + l->spec->gap_px;
    double top = figure_page(l->fig, pitch * l->n_panels - l->spec->gap_px + 66);
    for (int k = 0; k < l->n_panels; k++) {
        struct panel *p = &l->panels[k];
        p->top_px = top + k * pitch + CAPTION_PX;
        p->bottom_px = p->top_px + panel_px;
    }
}

static void put_name(struct lines *l, const struct panel *p, const struct name_block *block,
                     double y, double row_px)
{
    const struct point end = p->traces[block->line].end;
    struct figure_font font = figure_plain;
    char style[80];
    font.size_px = row_px - ROW_GAP_PX;
    snprintf(style, sizeof style, "back ls %d lw 0.8 dt (2,4)", block->line + 1);
    figure_segment(l->fig, (double[]){x_px(l, end.x), y_px(p, end.y)},
                   (double[]){l->right_px + 20, y}, style);
    put_sample(l, block->line, y);
    for (int k = 0; k < block->n; k++) {
        figure_text(l->fig, l->right_px + SAMPLE_PX + 28,
                    y + (k - (block->n - 1) / 2.0) * row_px, ALIGN_LEFT, font, block->text[k]);
    }
}

/* Height of the line's end. Among ends at one height the leader from further left takes the
 * outer label, or leaders would cross. */
static double wanted_y_px(const struct lines *l, const struct panel *p, struct point end)
{
    double y = y_px(p, end.y), nudge_px = 2 * layout_axis_frac(&l->x, end.x);
    return y > (p->top_px + p->bottom_px) / 2 ? y + nudge_px : y - nudge_px;
}

static void put_names(struct lines *l, const struct panel *p)
{
    struct name_block blocks[MAX_LINES];
    double at[MAX_LINES], height[MAX_LINES], row_px = ROW_PX;
    double lo = p->top_px - NAMES_ABOVE_PX, hi = p->bottom_px + NAMES_BELOW_PX;
    int n = wrap_names(l, p, 2, row_px - ROW_GAP_PX, blocks);
    if (names_px(blocks, n, row_px, height) > hi - lo) {
        n = wrap_names(l, p, 1, row_px - ROW_GAP_PX, blocks);
    }
    while (names_px(blocks, n, row_px, height) > hi - lo && row_px > 10.5) {
        row_px -= 0.5;
    }
    for (int i = 0; i < n; i++) {
        at[i] = wanted_y_px(l, p, p->traces[blocks[i].line].end);
    }
    layout_spread(n, at, height, lo, hi);
    for (int i = 0; i < n; i++) {
        put_name(l, p, &blocks[i], at[i], row_px);
    }
}

/* A cross where a line ends because more load cannot be sustained. */
static void put_crosses(struct lines *l, const struct panel *p)
{
    for (int i = 0; i < l->n_lines; i++) {
        const struct trace *trace = &p->traces[i];
        if (l->lines[i].stopped && trace->n > 0) {
            const struct point last = trace->points[trace->n - 1];
            char style[64];
            snprintf(style, sizeof style, "ls %d pt 2 ps 1.7 lw 2", i + 1);
            figure_point(l->fig, x_px(l, last.x), y_px(p, last.y), style);
        }
    }
}

struct box {
    double left, right, top, bottom;
};

/* How many pixels (in steps of 4) of the panel's lines run through the box. */
static int lines_in_box(const struct lines *l, const struct panel *p, struct box box)
{
    int hits = 0;
    for (int i = 0; i < l->n_lines; i++) {
        const struct trace *t = &p->traces[i];
        for (int k = 0; k < t->n; k++) {
            const struct point *a = &t->points[k > 0 ? k - 1 : 0], *b = &t->points[k];
            double x0 = x_px(l, a->x), y0 = y_px(p, a->y), dx = x_px(l, b->x) - x0,
                   dy = y_px(p, b->y) - y0;
            int steps = 1 + (int)(hypot(dx, dy) / 4);
            for (int s = 0; s <= steps; s++) {
                double x = x0 + dx * s / steps, y = y0 + dy * s / steps;
                hits += x > box.left && x < box.right && y > box.top && y < box.bottom;
            }
        }
    }
    return hits;
}

/* The limit's words stand above or below its line, where the fewest curves run. */
static void put_limit_words(struct lines *l, const struct panel *p, double limit)
{
    static const struct figure_font font = {11, true, LIMIT_COLOR};
    char number[32], text[64];
    snprintf(text, sizeof text, "limit %s",
             layout_format(number, sizeof number, limit, p->spec->unit));
    double width = layout_text_px(text, font.size_px, true), y = y_px(p, limit);
    double best_x = 0, best_y = 0;
    int least = -1;
    for (int k = 0; k < 10; k++) {
        double x = l->left_px + 4 + (l->right_px - l->left_px - width - 8) * (k / 2) / 4;
        double middle = y + (k % 2 ? 11 : -10);
        struct box box = {x - 5, x + width + 5, middle - 9, middle + 9};
        int hits = lines_in_box(l, p, box);
        bool inside = box.bottom < p->bottom_px && box.top > p->top_px - 12;
        if (inside && (least < 0 || hits < least)) {
            least = hits;
            best_x = x;
            best_y = middle;
        }
    }
    if (least >= 0) {
        figure_text(l->fig, best_x, best_y, ALIGN_LEFT, font, text);
    }
}

static void put_limits(struct lines *l, const struct panel *p)
{
    for (int i = 0; i < p->n_limits; i++) {
        double y = y_px(p, p->limits[i]);
        figure_segment(l->fig, (double[]){l->left_px, y}, (double[]){l->right_px, y},
                       "front lc rgb '" LIMIT_COLOR "' lw 1.5 dt (6,4)");
        put_limit_words(l, p, p->limits[i]);
    }
}

static const char **tic_texts(struct figure *fig, const struct layout_axis *axis)
{
    const char **texts = arena_alloc(fig->arena, LAYOUT_MAX_TICS, sizeof *texts);
    for (int i = 0; i < axis->n_tics; i++) {
        texts[i] = figure_tic_text(fig, axis->tics[i], axis->unit);
    }
    return texts;
}

/* The tics of all panels stand in one list; panel k has those from Y_FIRST[k] to
 * Y_FIRST[k+1]-1. */
static void put_panel_variables(struct lines *l)
{
    struct figure *fig = l->fig;
    double first[MAX_PANELS + 1] = {1}, lo[MAX_PANELS], hi[MAX_PANELS], log_y[MAX_PANELS];
    double top[MAX_PANELS], bottom[MAX_PANELS], band[MAX_PANELS];
    double tics[MAX_PANELS * LAYOUT_MAX_TICS];
    const char *texts[MAX_PANELS * LAYOUT_MAX_TICS], *columns[MAX_PANELS];
    int n = 0;
    for (int k = 0; k < l->n_panels; k++) {
        const struct panel *p = &l->panels[k];
        const char **words = tic_texts(fig, &p->y);
        for (int i = 0; i < p->y.n_tics; i++, n++) {
            tics[n] = p->y.tics[i];
            texts[n] = words[i];
        }
        first[k + 1] = n + 1;
        lo[k] = p->y.lo;
        hi[k] = p->y.hi;
        log_y[k] = p->y.log;
        band[k] = p->band;
        top[k] = figure_y(fig, p->top_px);
        bottom[k] = figure_y(fig, p->bottom_px);
        columns[k] = p->spec->column;
    }
    figure_var_numbers(fig, "Y_LO", l->n_panels, lo);
    figure_var_numbers(fig, "Y_HI", l->n_panels, hi);
    figure_var_numbers(fig, "Y_LOG", l->n_panels, log_y);
    figure_var_numbers(fig, "TOP", l->n_panels, top);
    figure_var_numbers(fig, "BOTTOM", l->n_panels, bottom);
    figure_var_numbers(fig, "BAND", l->n_panels, band);
    figure_var_texts(fig, "Y_COLUMN", l->n_panels, columns);
    figure_var_numbers(fig, "Y_FIRST", l->n_panels + 1, first);
    figure_var_numbers(fig, "Y_TIC", n, tics);
    figure_var_texts(fig, "Y_TIC_TEXT", n, texts);
}

static void put_variables(struct lines *l)
{
    struct figure *fig = l->fig;
    int most = 0;
    for (int i = 0; i < l->n_lines; i++) {
        most = l->lines[i].n_rows > most ? l->lines[i].n_rows : most;
    }
    int drawn = most < MAX_POINTS ? most : MAX_POINTS;
    figure_var_text(fig, "X_COLUMN", l->x_column);
    figure_var_number(fig, "LINES", l->n_lines);
    figure_var_rows(fig, "ROW_LINE", l->row_line);
    figure_var_number(fig, "PANELS", l->n_panels);
    figure_var_number(fig, "MARK_EVERY", most <= 40 ? 1 : drawn / 9);
    figure_var_number(fig, "LEFT", figure_x(l->left_px));
    figure_var_number(fig, "RIGHT", figure_x(l->right_px));
    figure_var_number(fig, "X_LO", l->x.lo);
    figure_var_number(fig, "X_HI", l->x.hi);
    figure_var_number(fig, "X_LOG", l->x.log);
    figure_var_number(fig, "X_TICS", l->x.n_tics);
    figure_var_numbers(fig, "X_TIC", l->x.n_tics, l->x.tics);
    figure_var_texts(fig, "X_TIC_TEXT", l->x.n_tics, tic_texts(fig, &l->x));
    put_panel_variables(l);
}

static const char *x_caption(const struct lines *l)
{
    switch (l->spec->x) {
    case X_USER_SPEED:
        return "Output tokens per second that each user sees (1 / median time per token)";
    case X_TIME:
        return "Simulated time";
    case X_TOKENS:
        return "Tokens in a step, all ranks together";
    case X_LOAD:
        break;
    }
    return strcmp(l->x_column, "rate_rps") == 0 ? "Offered load, requests per second"
                                                : "Offered load, requests in flight";
}

static void put_panels(struct lines *l)
{
    const struct panel *last = &l->panels[l->n_panels - 1];
    figure_text(l->fig, (l->left_px + l->right_px) / 2, last->bottom_px + 38, ALIGN_CENTER,
                figure_caption, x_caption(l));
    for (int k = 0; k < l->n_panels; k++) {
        const struct panel *p = &l->panels[k];
        figure_text(l->fig, FIGURE_EDGE_PX, p->top_px - 24, ALIGN_LEFT, figure_caption,
                    p->spec->caption);
        put_names(l, p);
        put_limits(l, p);
        put_crosses(l, p);
        figure_draw_panel(l->fig, k + 1);
    }
}

static const struct line_spec *find_spec(const char *kind)
{
    size_t i = 0;
    while (strcmp(specs[i].kind, kind) != 0) {
        i++;
        ASSERT(i < sizeof specs / sizeof *specs);
    }
    return &specs[i];
}

bool lines_draw(struct figure *fig, struct err *err)
{
    struct lines *l = arena_alloc(fig->arena, 1, sizeof *l);
    l->fig = fig;
    l->spec = find_spec(fig->chart->kind);
    if (!find_columns(l, err)) {
        return false;
    }
    collect_lines(l);
    if (!assign_rows(l, err) || !read_panels(l, err)) {
        return false;
    }
    fit_axes(l);
    add_notes(l);
    plan_page(l);
    put_panels(l);
    put_variables(l);
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/bandfit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include "sim/base/csvio.h"

static const double Q_LO = 0.1;
static const double Q_HI = 0.9;
static const double SIDE_COVERAGE = 0.9;
static const double COVERAGE = 0.8;
/* Pull towards the wider kind, in groups; the one with the best interval score is taken. */
static const double PULLS[] = {1.0, 4.0, 16.0, 64.0, 1024.0};
static const double NEW_PULL = 4.0; /* for leave-one-out predictions, which are few */
/* Factors of the logarithm within which a side of a band is widened until it holds its share of
 * left-out rows. */
static const double WIDTH_LEAST = 0.2;
static const double WIDTH_MOST = 5.0;
/* What was never measured is wider by this at least. */
static const double NEW_WIDER = 1.1;
enum { LEVELS = 5, ENGINE_LEVEL = 2, LOAD_LEVEL = 3, FEW_GROUPS = 4 };

/* What each level of the hierarchy tells apart, the widest first. */
struct level {
    bool kind, engine, load, sku; /* load: of what prompts, too */
};
static const struct level levels[LEVELS] = {
    {false, false, false, false}, {true, false, false, false}, {true, true, false, false},
    {true, true, true, false},    {true, true, true, true},
};

/* The residuals of one metric in ascending order, and the cell of each at every level. */
struct sorted {
    const struct residual **r;
    int n, n_groups;
    int *cell[LEVELS];                    /* [n] */
    const struct residual **like[LEVELS]; /* [n_cells] one of its rows: the labels */
    int *parent[LEVELS];                  /* [n_cells] cell of the level above */
    int n_cells[LEVELS];
};

struct cell {
    int n, n_groups;
    double lo, hi; /* quantiles of ln(measured / predicted), drawn to the wider kind */
};

static bool same_cell(const struct level *l, const struct residual *a, const struct residual *b)
{
    return (!l->kind || a->is_moe == b->is_moe) &&
           (!l->engine || strcmp(a->engine, b->engine) == 0) &&
           (!l->load || (a->band_load == b->band_load && a->band_prompt == b->band_prompt)) &&
           (!l->sku || strcmp(a->sku, b->sku) == 0);
}

/* Index of the cell of these labels, -1: none. */
static int find_cell(const struct sorted *s, int level, const struct residual *r)
{
    for (int i = 0; i < s->n_cells[level]; i++) {
        if (same_cell(&levels[level], s->like[level][i], r)) {
            return i;
        }
    }
    return -1;
}

static int by_log_ratio(const void *a, const void *b)
{
    const struct residual *x = *(const struct residual *const *)a;
    const struct residual *y = *(const struct residual *const *)b;
    if (x->log_ratio != y->log_ratio) {
        return x->log_ratio < y->log_ratio ? -1 : 1;
    }
    return (x > y) - (x < y);
}

static void sort_level(struct sorted *s, int level)
{
    size_t n = (size_t)s->n + 1;
    s->cell[level] = xcalloc(n, sizeof *s->cell[level]);
    s->parent[level] = xcalloc(n, sizeof *s->parent[level]);
    s->like[level] = xcalloc(n, sizeof *s->like[level]);
    for (int i = 0; i < s->n; i++) {
        int c = find_cell(s, level, s->r[i]);
        if (c < 0) {
            c = s->n_cells[level]++;
            s->like[level][c] = s->r[i];
            s->parent[level][c] = level > 0 ? s->cell[level - 1][i] : -1;
        }
        s->cell[level][i] = c;
    }
}

/* Inter-token latencies were not measured: those of whole outputs stand in. */
static enum band_metric metric_behind(enum band_metric metric)
{
    return metric == BAND_ITL ? BAND_TPOT : metric;
}

static void sort_metric(const struct residual_list *list, enum band_metric metric,
                        struct sorted *s)
{
    *s = (struct sorted){.n_groups = list->n_groups};
    s->r = xcalloc((size_t)list->n + 1, sizeof *s->r);
    for (int i = 0; i < list->n; i++) {
        const struct residual *r = &list->items[i];
        if (!r->suspect && r->band_metric == metric) {
            s->r[s->n++] = r;
        }
    }
    qsort(s->r, (size_t)s->n, sizeof *s->r, by_log_ratio);
    for (int l = 0; l < LEVELS; l++) {
        sort_level(s, l);
    }
}

static void free_sorted(struct sorted *s)
{
    for (int l = 0; l < LEVELS; l++) {
        free(s->cell[l]);
        free(s->parent[l]);
        free(s->like[l]);
    }
    free(s->r);
}

/* ---- quantiles of the cells ---------------------------------------------------------------
 */

struct cells {
    struct cell *of[LEVELS]; /* [n_cells] */
};

static void fill_cell(const struct sorted *s, int level, int idx, int without_group,
                      double *values, char *seen, struct cell *cell)
{
    size_t n = 0;
    *cell = (struct cell){0};
    memset(seen, 0, (size_t)s->n_groups);
    for (int i = 0; i < s->n; i++) {
        const struct residual *r = s->r[i];
        if (s->cell[level][i] == idx && r->group != without_group) {
            values[n++] = r->log_ratio;
            cell->n_groups += !seen[r->group];
            seen[r->group] = 1;
        }
    }
    cell->n = (int)n;
    if (n > 0) {
        cell->lo = gsl_stats_quantile_from_sorted_data(values, 1, n, Q_LO);
        cell->hi = gsl_stats_quantile_from_sorted_data(values, 1, n, Q_HI);
    }
}

/* Quantiles without one group (-1: of all); cells without rows have n 0. */
static void fit_cells(const struct sorted *s, int without_group, struct cells *c)
{
    double *values = xcalloc((size_t)s->n + 1, sizeof *values);
    char *seen = xcalloc((size_t)s->n_groups + 1, 1);
    for (int l = 0; l < LEVELS; l++) {
        c->of[l] = xcalloc((size_t)s->n_cells[l] + 1, sizeof *c->of[l]);
        for (int i = 0; i < s->n_cells[l]; i++) {
            fill_cell(s, l, i, without_group, values, seen, &c->of[l][i]);
        }
    }
    free(values);
    free(seen);
}

static void free_cells(struct cells *c)
{
    for (int l = 0; l < LEVELS; l++) {
        free(c->of[l]);
    }
}

/* The cell drawn towards the wider ones. */
static struct cell drawn(const struct sorted *s, const struct cells *c, int level, int idx,
                         double pull)
{
    struct cell cell = c->of[level][idx];
    if (level == 0) {
        return cell;
    }
    struct cell wider = drawn(s, c, level - 1, s->parent[level][idx], pull);
    double own = cell.n_groups / (cell.n_groups + pull);
    cell.lo = own * cell.lo + (1.0 - own) * wider.lo;
    cell.hi = own * cell.hi + (1.0 - own) * wider.hi;
    return cell;
}

/* ---- left-out rows ------------------------------------------------------------------------
 */

/* Factors of both sides of the bands of one kind. */
struct width {
    double lo, hi;
};

struct left_row {
    const struct residual *r;
    double lo, hi; /* of a fit that has not seen its group */
    struct width width;
};

struct metric_fit {
    double pull;
    struct sorted sorted;
    struct cells cells;
    struct left_row *rows;
    int n_rows;
    /* of leave-one-out predictions */
    struct sorted new_sku, new_model;
    struct cells new_sku_cells, new_model_cells;
};

struct bandfit {
    struct bandfit_input in;
    struct residual_list base, new_sku, new_model;
    struct metric_fit metrics[BAND_METRIC_N];
};

/* Bands of the rows of one group from all others. */
static void leave_group_out(const struct sorted *s, int group, const double *pulls, int n_pulls,
                            struct left_row *rows[], int *n_rows)
{
    struct cells cells;
    fit_cells(s, group, &cells);
    for (int i = 0; i < s->n; i++) {
        int level = LEVELS - 1;
        if (s->r[i]->group != group) {
            continue;
        }
        while (level > 0 && cells.of[level][s->cell[level][i]].n == 0) {
            level--;
        }
        for (int p = 0; p < n_pulls; p++) {
            struct cell c = drawn(s, &cells, level, s->cell[level][i], pulls[p]);
            rows[p][*n_rows] = (struct left_row){s->r[i], c.lo, c.hi, {1.0, 1.0}};
        }
        (*n_rows)++;
    }
    free_cells(&cells);
}

static struct band widened(double lo, double hi, struct width width)
{
    return (struct band){exp(fmin(0.0, width.lo * lo)), exp(fmax(0.0, width.hi * hi))};
}

/* What shares a width. */
struct width_key {
    int is_moe, is_offline, prompt; /* -1: any */
    const char *engine;             /* NULL: any */
};

static bool counts(const struct left_row *row, const struct width_key *k)
{
    return (k->is_moe < 0 || row->r->is_moe == (k->is_moe == 1)) &&
           (k->is_offline < 0 || (row->r->band_load == BAND_OFFLINE) == (k->is_offline == 1)) &&
           (k->prompt < 0 || (int)row->r->band_prompt == k->prompt) &&
           (!k->engine || strcmp(k->engine, row->r->engine) == 0);
}

static int groups_behind(const struct metric_fit *fit, const struct width_key *k)
{
    char *seen = xcalloc((size_t)fit->sorted.n_groups + 1, 1);
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        int group = fit->rows[i].r->group;
        if (counts(&fit->rows[i], k)) {
            n += !seen[group];
            seen[group] = 1;
        }
    }
    free(seen);
    return n;
}

/* By what the end of a row's band has to be multiplied to reach the row; sign of the side. */
static double share_needed(double x, double end, double sign)
{
    if (sign * x <= 0.0) {
        return 0.0;
    }
    return sign * end > 0.0 ? x / end : WIDTH_MOST;
}

/* What holds SIDE_COVERAGE of the rows. Sorts them. */
static double side_width(double *needed, int n)
{
    gsl_sort(needed, 1, (size_t)n);
    double width =
        n > 0 ? gsl_stats_quantile_from_sorted_data(needed, 1, (size_t)n, SIDE_COVERAGE) : 0.0;
    return fmin(fmax(width, WIDTH_LEAST), WIDTH_MOST);
}

static struct width width_of_key(const struct metric_fit *fit, const struct width_key *k)
{
    double *lo = xcalloc((size_t)fit->n_rows + 1, sizeof *lo);
    double *hi = xcalloc((size_t)fit->n_rows + 1, sizeof *hi);
    int n = 0;
    for (int i = 0; i < fit->n_rows; i++) {
        const struct left_row *row = &fit->rows[i];
        if (counts(row, k)) {
            lo[n] = share_needed(row->r->log_ratio, row->lo, -1.0);
            hi[n++] = share_needed(row->r->log_ratio, row->hi, 1.0);
        }
    }
    struct width width = {side_width(lo, n), side_width(hi, n)};
    free(lo);
    free(hi);
    return width;
}

/* Short and long prompts apart, where enough groups stand behind both. */
static struct width_key by_prompt(const struct metric_fit *fit, const struct residual *like,
                                  struct width_key k)
{
    struct width_key shorter = k;
    struct width_key longer = k;
    shorter.prompt = BAND_PROMPT_SHORT;
    longer.prompt = BAND_PROMPT_LONG;
    if (groups_behind(fit, &shorter) < FEW_GROUPS || groups_behind(fit, &longer) < FEW_GROUPS) {
        return k;
    }
    return like->band_prompt == BAND_PROMPT_SHORT ? shorter : longer;
}

/* Widths are set by kind, engine, whether the load is offline, comes in waves, and prompts are
 * long. An engine with too few groups of one kind has one width for both, so that its left-out
 * rows are covered as a whole. */
static struct width_key width_key_of(const struct metric_fit *fit, const struct residual *like,
                                     const struct level *l)
{
    bool waves = l->load && like->band_prompt == BAND_PROMPT_WAVES;
    struct width_key k = {l->kind ? like->is_moe : -1,
                          l->load ? like->band_load == BAND_OFFLINE : -1,
                          waves ? BAND_PROMPT_WAVES : -1, l->engine ? like->engine : NULL};
    struct width_key other = k;
    other.is_moe = 1 - k.is_moe;
    if (l->engine &&
        (groups_behind(fit, &k) < FEW_GROUPS || groups_behind(fit, &other) < FEW_GROUPS)) {
        k.is_moe = -1;
    }
    return l->load && !waves ? by_prompt(fit, like, k) : k;
}

/* The least widths that hold their share of left-out rows on either side. What few groups stand
 * behind is no narrower than its like under all engines. */
static struct width width_of(const struct metric_fit *fit, const struct residual *like,
                             const struct level *l)
{
    struct width_key k = width_key_of(fit, like, l);
    struct width width = width_of_key(fit, &k);
    if (groups_behind(fit, &k) < FEW_GROUPS) {
        struct width_key all_engines = {-1, -1, k.prompt, NULL};
        struct width wider = width_of_key(fit, &all_engines);
        width = (struct width){fmax(width.lo, wider.lo), fmax(width.hi, wider.hi)};
    }
    return width;
}

static void set_widths(struct metric_fit *fit)
{
    const struct level *l = &levels[LOAD_LEVEL];
    for (int i = 0; i < fit->n_rows; i++) {
        const struct residual *r = fit->rows[i].r;
        int alike = 0;
        while (alike < i && !same_cell(l, fit->rows[alike].r, r)) {
            alike++;
        }
        fit->rows[i].width = alike < i ? fit->rows[alike].width : width_of(fit, r, l);
    }
}

/* Interval score of the widened bands (Gneiting and Raftery 2007): width, and 2 / (1 -
 * coverage) for each unit that a row lies outside. Least for the narrowest honest band. */
static double interval_score(const struct left_row *rows, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        struct band b = widened(rows[i].lo, rows[i].hi, rows[i].width);
        double x = rows[i].r->log_ratio;
        double outside = fmax(0.0, fmax(log(b.lo) - x, x - log(b.hi)));
        sum += log(b.hi / b.lo) + 2.0 / (1.0 - COVERAGE) * outside;
    }
    return sum;
}

static void leave_groups_out(struct metric_fit *fit)
{
    enum { N_PULLS = sizeof PULLS / sizeof PULLS[0] };
    struct left_row *rows[N_PULLS];
    double least = INFINITY;
    int best = 0;
    for (int p = 0; p < N_PULLS; p++) {
        rows[p] = xcalloc((size_t)fit->sorted.n + 1, sizeof *rows[p]);
    }
    for (int g = 0; g < fit->sorted.n_groups; g++) {
        leave_group_out(&fit->sorted, g, PULLS, N_PULLS, rows, &fit->n_rows);
    }
    for (int p = 0; p < N_PULLS; p++) {
        fit->rows = rows[p];
        set_widths(fit);
        double score = interval_score(rows[p], fit->n_rows);
        best = score < least ? p : best;
        least = fmin(least, score);
    }
    fit->pull = PULLS[best];
    fit->rows = rows[best];
    for (int p = 0; p < N_PULLS; p++) {
        if (p != best) {
            free(rows[p]);
        }
    }
}

static void fit_metric(const struct bandfit *fit, enum band_metric metric, struct metric_fit *m)
{
    sort_metric(&fit->base, metric, &m->sorted);
    leave_groups_out(m);
    fit_cells(&m->sorted, -1, &m->cells);
    sort_metric(&fit->new_sku, metric, &m->new_sku);
    sort_metric(&fit->new_model, metric, &m->new_model);
    fit_cells(&m->new_sku, -1, &m->new_sku_cells);
    fit_cells(&m->new_model, -1, &m->new_model_cells);
}

struct bandfit *bandfit_new(const struct bandfit_input *in)
{
    struct bandfit *fit = xcalloc(1, sizeof *fit);
    fit->in = *in;
    residuals_collect(in->table, in->base, &fit->base);
    if (in->new_sku) {
        residuals_collect(in->table, in->new_sku, &fit->new_sku);
    }
    if (in->new_model) {
        residuals_collect(in->table, in->new_model, &fit->new_model);
    }
    for (int m = 0; m < BAND_METRIC_N; m++) {
        if (metric_behind((enum band_metric)m) == (enum band_metric)m) {
            fit_metric(fit, (enum band_metric)m, &fit->metrics[m]);
        }
    }
    return fit;
}

void bandfit_free(struct bandfit *fit)
{
    for (int i = 0; i < BAND_METRIC_N; i++) {
        struct metric_fit *m = &fit->metrics[i];
        free_cells(&m->cells);
        free_cells(&m->new_sku_cells);
        free_cells(&m->new_model_cells);
        free_sorted(&m->sorted);
        free_sorted(&m->new_sku);
        free_sorted(&m->new_model);
        free(m->rows);
    }
    residuals_free(&fit->base);
    residuals_free(&fit->new_sku);
    residuals_free(&fit->new_model);
    free(fit);
}

/* ---- coverage ------------------------------------------------------------------------------
 */

static double sorted_median(double *x, int n)
{
    gsl_sort(x, 1, (size_t)n);
    return n > 0 ? gsl_stats_median_from_sorted_data(x, 1, (size_t)n) : NAN;
}

void bandfit_coverage(const struct bandfit *fit, enum band_metric metric, int is_moe,
                      const char *engine, struct band_coverage *out)
{
    const struct metric_fit *m = &fit->metrics[metric_behind(metric)];
    const struct width_key k = {is_moe, -1, -1, engine};
    double *half = xcalloc((size_t)m->n_rows + 1, sizeof *half);
    double *error = xcalloc((size_t)m->n_rows + 1, sizeof *error);
    int n = 0;
    int inside = 0;
    for (int i = 0; i < m->n_rows; i++) {
        const struct left_row *row = &m->rows[i];
        if (!counts(row, &k)) {
            continue;
        }
        double x = exp(row->r->log_ratio);
        struct band b = widened(row->lo, row->hi, row->width);
        inside += x >= b.lo && x <= b.hi;
        half[n] = 0.5 * (b.hi - b.lo);
        error[n++] = fabs(row->r->error);
    }
    out->n = n;
    out->inside_frac = n > 0 ? (double)inside / n : NAN;
    out->half_width_frac = sorted_median(half, n);
    out->median_abs_frac = sorted_median(error, n);
    free(half);
    free(error);
}

/* ---- writing ------------------------------------------------------------------------------
 */

static const char *newest_date(const struct validate_table *t)
{
    const char *newest = "";
    for (int i = 0; i < t->n; i++) {
        newest = strcmp(t->rows[i].date, newest) > 0 ? t->rows[i].date : newest;
    }
    return *newest ? newest : "unknown";
}

struct put {
    struct csv_writer *w;
    const struct bandfit *fit;
    enum band_metric metric;
    enum band_scope scope;
    const struct level *level;
    const struct residual *like;
    const struct cell *cell;
};

static void put_band(const struct put *p, struct band b)
{
    const struct level *l = p->level;
    struct csv_writer *w = p->w;
    csv_put(w, band_metric_names[p->metric]);
    csv_put(w, band_scope_names[p->scope]);
    csv_put(w, !l->kind ? "" : p->like->is_moe ? "moe" : "dense");
    csv_put(w, l->engine ? p->like->engine : "");
    csv_put(w, l->load ? band_load_names[p->like->band_load] : "");
    csv_put(w, l->load ? band_prompt_names[p->like->band_prompt] : "");
    csv_put(w, l->sku ? p->like->sku : "");
    csv_put_int(w, p->cell->n);
    csv_put_int(w, p->cell->n_groups);
    csv_put_num(w, round(1e4 * b.lo) / 1e4);
    csv_put_num(w, round(1e4 * b.hi) / 1e4);
    csv_put(w, p->scope == SCOPE_SEEN ? "residuals of headroom validate"
                                      : "residuals of headroom validate --leave-out");
    csv_put(w, newest_date(p->fit->in.table));
    csv_end_row(w);
}

/* Quantiles of leave-one-out predictions of this kind, by kind and engine. */
static struct cell leave_out_cell(const struct sorted *s, const struct cells *cells,
                                  const struct residual *like)
{
    int cell = -1;
    int level = ENGINE_LEVEL;
    for (; level >= 0 && cell < 0; level--) {
        cell = find_cell(s, level, like);
    }
    if (cell < 0) {
        return (struct cell){0};
    }
    return drawn(s, cells, level + 1, cell, NEW_PULL);
}

/* Excess over the band of what was measured, by both kinds of novelty in quadrature. */
static struct band band_of_new(const struct metric_fit *m, enum band_scope scope,
                               const struct residual *like, struct band seen)
{
    double lo = log(seen.lo);
    double hi = log(seen.hi);
    struct cell none = {.lo = lo, .hi = hi};
    struct cell model = scope == SCOPE_NEW_SKU
                            ? none
                            : leave_out_cell(&m->new_model, &m->new_model_cells, like);
    struct cell sku =
        scope == SCOPE_NEW_MODEL ? none : leave_out_cell(&m->new_sku, &m->new_sku_cells, like);
    double more_lo = hypot(fmin(0.0, model.lo - lo), fmin(0.0, sku.lo - lo));
    double more_hi = hypot(fmax(0.0, model.hi - hi), fmax(0.0, sku.hi - hi));
    double steps = scope == SCOPE_NEW ? 2.0 : 1.0;
    more_lo = fmax(more_lo, -steps * (NEW_WIDER - 1.0) * lo);
    more_hi = fmax(more_hi, steps * (NEW_WIDER - 1.0) * hi);
    return (struct band){exp(lo - more_lo), exp(hi + more_hi)};
}

static void put_metric(struct csv_writer *w, const struct bandfit *fit, enum band_metric metric)
{
    const struct metric_fit *m = &fit->metrics[metric_behind(metric)];
    for (int l = 0; l < LEVELS; l++) {
        for (int i = 0; i < m->sorted.n_cells[l]; i++) {
            const struct residual *like = m->sorted.like[l][i];
            struct cell cell = drawn(&m->sorted, &m->cells, l, i, m->pull);
            struct band seen = widened(cell.lo, cell.hi, width_of(m, like, &levels[l]));
            struct put put = {w, fit, metric, SCOPE_SEEN, &levels[l], like, &cell};
            put_band(&put, seen);
            /* a new SKU has no row of its own; a new model may be on a known one */
            for (int scope = SCOPE_NEW_MODEL; scope < SCOPE_N; scope++) {
                if (!levels[l].sku || scope == SCOPE_NEW_MODEL) {
                    put.scope = (enum band_scope)scope;
                    put_band(&put, band_of_new(m, put.scope, like, seen));
                }
            }
        }
    }
}

static bool write_bands(const struct bandfit *fit, const char *path, struct err *err)
{
    static const char *const cols[] = {"metric",   "scope",  "kind", "engine",   "load",
                                       "prompt",   "sku",    "n",    "n_groups", "lo_ratio",
                                       "hi_ratio", "source", "as_of"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int m = 0; m < BAND_METRIC_N; m++) {
        put_metric(w, fit, (enum band_metric)m);
    }
    return csv_close(w, err);
}

struct combination {
    char shape[MODEL_SHAPE_MAX];
    int first, n;
    const char *as_of;
};

static void put_combination(struct csv_writer *w, const struct bandfit *fit,
                            const struct combination *c)
{
    const struct validate_row *row = &fit->in.table->rows[c->first];
    const struct validate_result *r = &fit->in.base[c->first];
    csv_put(w, c->shape);
    csv_put(w, r->model->family);
    csv_put(w, model_is_moe(r->model) ? "moe" : "dense");
    csv_put(w, r->gpu->name);
    csv_put(w, row->engine);
    csv_put(w, dtype_name(r->weights));
    csv_put_int(w, c->n);
    csv_put(w, row->source);
    csv_put(w, *c->as_of ? c->as_of : "unknown");
    csv_end_row(w);
}

static struct combination *find_combination(const struct bandfit *fit, struct combination *all,
                                            int n, int row, const char *shape)
{
    const struct validate_row *b = &fit->in.table->rows[row];
    const struct validate_result *rb = &fit->in.base[row];
    for (int i = 0; i < n; i++) {
        const struct validate_row *a = &fit->in.table->rows[all[i].first];
        const struct validate_result *ra = &fit->in.base[all[i].first];
        if (strcmp(all[i].shape, shape) == 0 && ra->gpu == rb->gpu &&
            ra->weights == rb->weights && strcmp(a->engine, b->engine) == 0) {
            return &all[i];
        }
    }
    return NULL;
}

static bool write_evidence(const struct bandfit *fit, const char *path, struct err *err)
{
    static const char *const cols[] = {"shape", "family", "kind",   "sku",  "engine",
                                       "dtype", "n",      "source", "as_of"};
    const struct validate_table *t = fit->in.table;
    struct combination *all = xcalloc((size_t)t->n + 1, sizeof *all);
    int n = 0;
    for (int i = 0; i < t->n; i++) {
        char shape[MODEL_SHAPE_MAX];
        if (fit->in.base[i].skip != SKIP_NONE || t->rows[i].suspect == SUSPECT_ALL) {
            continue;
        }
        model_shape(fit->in.base[i].model, shape, sizeof shape);
        struct combination *c = find_combination(fit, all, n, i, shape);
        if (!c) {
            c = &all[n++];
            *c = (struct combination){.first = i, .as_of = ""};
            memcpy(c->shape, shape, sizeof shape);
        }
        c->n++;
        c->as_of = strcmp(t->rows[i].date, c->as_of) > 0 ? t->rows[i].date : c->as_of;
    }
    struct csv_writer *w = csv_create(path, err);
    if (w) {
        csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
        csv_end_row(w);
        for (int i = 0; i < n; i++) {
            put_combination(w, fit, &all[i]);
        }
    }
    free(all);
    return w && csv_close(w, err);
}

bool bandfit_write(const struct bandfit *fit, const char *dir, struct err *err)
{
    struct arena *arena = arena_new();
    bool ok = write_bands(fit, arena_printf(arena, "%s/bands.csv", dir), err) &&
              write_evidence(fit, arena_printf(arena, "%s/evidence.csv", dir), err);
    arena_free(arena);
    return ok;
}

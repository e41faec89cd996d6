/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_report.c - errors of a validation run: one CSV row per measured cell, and tables by
 * metric and group.
 *
 * error_frac = predicted / measured - 1. The median of group medians weighs every (model, SKU,
 * engine, number format) group alike, however many rows it has. Suspect cells are reported
 * apart. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include "sim/base/csvio.h"
#include "sim/base/table.h"
#include "sim/fit/validate_parts.h"

enum { WORST_SHOWN = 15, MAX_LABEL = 160 };

/* ---- statistics ------------------------------------------------------------------------- */

static double sorted_median(double *values, int n)
{
    gsl_sort(values, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(values, 1, (size_t)n);
}

static double median_of_groups(const double *errors, const int *groups, int n, int n_groups,
                               double *scratch)
{
    double *medians = xcalloc((size_t)n_groups + 1, sizeof *medians);
    int n_medians = 0;
    for (int g = 0; g < n_groups; g++) {
        int k = 0;
        for (int i = 0; i < n; i++) {
            if (groups[i] == g) {
                scratch[k++] = fabs(errors[i]);
            }
        }
        if (k > 0) {
            medians[n_medians++] = sorted_median(scratch, k);
        }
    }
    double median = sorted_median(medians, n_medians);
    free(medians);
    return median;
}

void validate_error_stats(const double *errors, const int *groups, int n, int n_groups,
                          struct error_stats *out)
{
    *out = (struct error_stats){n, NAN, NAN, NAN, NAN};
    if (n == 0) {
        return;
    }
    double *scratch = xcalloc((size_t)n, sizeof *scratch);
    memcpy(scratch, errors, (size_t)n * sizeof *scratch);
    out->bias = sorted_median(scratch, n);
    for (int i = 0; i < n; i++) {
        scratch[i] = fabs(errors[i]);
    }
    out->median_abs = sorted_median(scratch, n);
    out->p90_abs = gsl_stats_quantile_from_sorted_data(scratch, 1, (size_t)n, 0.9);
    out->group_median_abs = median_of_groups(errors, groups, n, n_groups, scratch);
    free(scratch);
}

/* ---- cells: one measured value with its prediction -------------------------------------- */

enum dimension {
    DIM_ALL,
    DIM_ENGINE,
    DIM_HARDWARE,
    DIM_FAMILY,
    DIM_KIND,
    DIM_LOAD,
    DIM_GROUP,
    DIM_N
};
static const char *const dimension_names[] = {"all",       "engine", "hardware", "family",
                                              "dense/MoE", "load",   "group"};

struct cell {
    int row, group;
    double error;
    bool suspect;
};

/* The labels of one dimension in order of first appearance. */
struct labels {
    char (*text)[MAX_LABEL];
    int n, cap;
    int *of_row; /* [n_rows] */
};

static void label_of(const struct validate_row *row, const struct validate_result *r,
                     enum dimension d, char *text)
{
    const char *kind = model_is_moe(r->model) ? "MoE" : "dense";
    switch (d) {
    case DIM_ENGINE:
        snprintf(text, MAX_LABEL, "%s", row->engine);
        return;
    case DIM_HARDWARE:
        snprintf(text, MAX_LABEL, "%s", row->hardware);
        return;
    case DIM_FAMILY:
        snprintf(text, MAX_LABEL, "%s", r->model->family);
        return;
    case DIM_KIND:
        snprintf(text, MAX_LABEL, "%s", kind);
        return;
    case DIM_LOAD:
        snprintf(text, MAX_LABEL, "%s", validate_load_names[row->load]);
        return;
    case DIM_GROUP:
        snprintf(text, MAX_LABEL, "%s %s %s %s", row->engine, row->hardware, row->weight_dtype,
                 r->model->name);
        return;
    case DIM_ALL:
    case DIM_N:
        break;
    }
    snprintf(text, MAX_LABEL, "all");
}

static int label_add(struct labels *l, const char *text)
{
    for (int i = 0; i < l->n; i++) {
        if (strcmp(l->text[i], text) == 0) {
            return i;
        }
    }
    ARRAY_RESERVE(l->text, l->cap, l->n + 1);
    memcpy(l->text[l->n], text, MAX_LABEL);
    return l->n++;
}

static void labels_init(struct labels *l, const struct validate_table *t,
                        const struct validate_result *results, enum dimension d)
{
    *l = (struct labels){0};
    l->of_row = xcalloc((size_t)t->n + 1, sizeof *l->of_row);
    for (int i = 0; i < t->n; i++) {
        char text[MAX_LABEL] = "";
        l->of_row[i] = -1;
        if (results[i].skip == SKIP_NONE) {
            label_of(&t->rows[i], &results[i], d, text);
            l->of_row[i] = label_add(l, text);
        }
    }
}

static void labels_fini(struct labels *l)
{
    free(l->text);
    free(l->of_row);
}

static bool has_error(const struct validate_row *row, const struct validate_result *r, int m)
{
    return r->skip == SKIP_NONE && row->measured[m] > 0.0 && isfinite(r->predicted[m]);
}

static double error_of(const struct validate_row *row, const struct validate_result *r, int m)
{
    return r->predicted[m] / row->measured[m] - 1.0;
}

/* ---- tables in text or Markdown --------------------------------------------------------- */

struct sheet {
    struct table *text; /* NULL: Markdown */
    FILE *out;
    bool in_row; /* Markdown: the row has its first bar */
};

static void sheet_bar(struct sheet *s)
{
    fputs(s->in_row ? "" : "|", s->out);
    s->in_row = true;
}

static void sheet_begin(struct sheet *s, bool markdown, FILE *out, const char *const *cols,
                        int n)
{
    *s = (struct sheet){markdown ? NULL : table_new(), out, false};
    for (int i = 0; i < n; i++) {
        if (s->text) {
            table_col(s->text, cols[i]);
        } else {
            fprintf(out, "%s %s", i == 0 ? "|" : " |", cols[i]);
        }
    }
    if (!s->text) {
        fprintf(out, " |\n|");
        for (int i = 0; i < n; i++) {
            fprintf(out, "---|");
        }
        fprintf(out, "\n");
    }
}

static void sheet_text(struct sheet *s, const char *text)
{
    if (s->text) {
        table_put(s->text, "%s", text);
    } else {
        sheet_bar(s);
        fprintf(s->out, " %s |", text);
    }
}

static void sheet_num(struct sheet *s, double value, int digits)
{
    if (s->text) {
        table_num(s->text, value, digits);
        return;
    }
    sheet_bar(s);
    if (isnan(value)) {
        fprintf(s->out, " - |");
    } else {
        fprintf(s->out, " %.*g |", digits, value);
    }
}

/* A count, all its digits. */
static void sheet_count(struct sheet *s, int n)
{
    char text[16];
    sheet_num(s, n, snprintf(text, sizeof text, "%d", n));
}

static void sheet_end_row(struct sheet *s)
{
    if (s->text) {
        table_end_row(s->text);
    } else {
        fprintf(s->out, "\n");
        s->in_row = false;
    }
}

static void sheet_end(struct sheet *s)
{
    if (s->text) {
        table_write(s->text, s->out);
        table_free(s->text);
    } else {
        fprintf(s->out, "\n");
    }
}

static void heading(bool markdown, FILE *out, const char *text)
{
    fprintf(out, markdown ? "\n### %s\n\n" : "\n%s\n\n", text);
}

/* ---- the report ------------------------------------------------------------------------- */

struct report {
    const struct validate_table *table;
    const struct validate_result *results;
    struct labels labels[DIM_N];
    bool markdown;
    FILE *out;
    double *errors; /* scratch [n_rows] */
    int *groups;
};

/* Errors of one metric under one label (-1: all), suspect cells or the others. */
static void stats_of(struct report *r, int m, enum dimension d, int label, bool suspect,
                     struct error_stats *stats)
{
    int n = 0;
    for (int i = 0; i < r->table->n; i++) {
        const struct validate_row *row = &r->table->rows[i];
        if (!has_error(row, &r->results[i], m) ||
            validate_cell_suspect(row, (enum validate_metric)m) != suspect ||
            r->labels[d].of_row[i] != label) {
            continue;
        }
        r->errors[n] = error_of(row, &r->results[i], m);
        r->groups[n++] = r->labels[DIM_GROUP].of_row[i];
    }
    validate_error_stats(r->errors, r->groups, n, r->labels[DIM_GROUP].n, stats);
}

/* Share of the measured values inside their prediction's band; NaN without bands. */
static double coverage_of(const struct report *r, int m, enum dimension d, int label)
{
    int n = 0;
    int inside = 0;
    for (int i = 0; i < r->table->n; i++) {
        const struct validate_row *row = &r->table->rows[i];
        const struct validate_result *p = &r->results[i];
        enum band_metric b = validate_band_metric((enum validate_metric)m);
        if (!has_error(row, p, m) || validate_cell_suspect(row, (enum validate_metric)m) ||
            r->labels[d].of_row[i] != label || !p->has_band[b]) {
            continue;
        }
        double ratio = row->measured[m] / p->predicted[m];
        n++;
        inside += ratio >= p->band[b].lo && ratio <= p->band[b].hi;
    }
    return n > 0 ? (double)inside / n : NAN;
}

static void put_stats(struct sheet *s, const struct error_stats *e, double inside)
{
    sheet_count(s, e->n);
    sheet_num(s, 100.0 * e->median_abs, 3);
    sheet_num(s, 100.0 * e->group_median_abs, 3);
    sheet_num(s, 100.0 * e->p90_abs, 3);
    sheet_num(s, 100.0 * e->bias, 3);
    sheet_num(s, 100.0 * inside, 3);
    sheet_end_row(s);
}

static void print_metrics(struct report *r)
{
    static const char *const cols[] = {"metric",         "by",    "group",  "n",     "median_%",
                                       "group_median_%", "p90_%", "bias_%", "band_%"};
    struct sheet s;
    heading(r->markdown, r->out, "Error by metric and group");
    sheet_begin(&s, r->markdown, r->out, cols, 9);
    for (int m = 0; m < VM_N; m++) {
        for (int d = DIM_ALL; d < DIM_GROUP; d++) {
            for (int l = 0; l < r->labels[d].n; l++) {
                struct error_stats e;
                stats_of(r, m, (enum dimension)d, l, false, &e);
                if (e.n > 0) {
                    sheet_text(&s, validate_metric_names[m]);
                    sheet_text(&s, dimension_names[d]);
                    sheet_text(&s, r->labels[d].text[l]);
                    put_stats(&s, &e, coverage_of(r, m, (enum dimension)d, l));
                }
            }
        }
    }
    sheet_end(&s);
}

struct ranked {
    int label;
    struct error_stats stats;
};

static int by_median(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->stats.median_abs != y->stats.median_abs) {
        return x->stats.median_abs > y->stats.median_abs ? -1 : 1;
    }
    return (x->label > y->label) - (x->label < y->label);
}

static void print_worst_of(struct report *r, struct sheet *s, int m)
{
    const struct labels *l = &r->labels[DIM_GROUP];
    struct ranked *all = xcalloc((size_t)l->n + 1, sizeof *all);
    int n = 0;
    for (int g = 0; g < l->n; g++) {
        stats_of(r, m, DIM_GROUP, g, false, &all[n].stats);
        all[n].label = g;
        n += all[n].stats.n > 0;
    }
    qsort(all, (size_t)n, sizeof *all, by_median);
    for (int i = 0; i < n && i < WORST_SHOWN; i++) {
        sheet_text(s, validate_metric_names[m]);
        sheet_text(s, l->text[all[i].label]);
        sheet_count(s, all[i].stats.n);
        sheet_num(s, 100.0 * all[i].stats.median_abs, 3);
        sheet_num(s, 100.0 * all[i].stats.p90_abs, 3);
        sheet_num(s, 100.0 * all[i].stats.bias, 3);
        sheet_end_row(s);
    }
    free(all);
}

static void print_worst(struct report *r)
{
    static const char *const cols[] = {"metric", "group", "n", "median_%", "p90_%", "bias_%"};
    static const int metrics[] = {VM_TPOT_MEAN, VM_TTFT_MEAN, VM_OUTPUT_TOK_S};
    struct sheet s;
    heading(r->markdown, r->out, "Worst groups (engine, hardware, weights, model)");
    sheet_begin(&s, r->markdown, r->out, cols, 6);
    for (int i = 0; i < 3; i++) {
        print_worst_of(r, &s, metrics[i]);
    }
    sheet_end(&s);
}

static void print_suspect(struct report *r)
{
    static const char *const cols[] = {"metric", "n", "median_%", "p90_%", "bias_%"};
    struct sheet s;
    heading(r->markdown, r->out, "Suspect measurements, not counted above");
    sheet_begin(&s, r->markdown, r->out, cols, 5);
    for (int m = 0; m < VM_N; m++) {
        struct error_stats e;
        stats_of(r, m, DIM_ALL, 0, true, &e);
        if (e.n > 0) {
            sheet_text(&s, validate_metric_names[m]);
            sheet_count(&s, e.n);
            sheet_num(&s, 100.0 * e.median_abs, 3);
            sheet_num(&s, 100.0 * e.p90_abs, 3);
            sheet_num(&s, 100.0 * e.bias, 3);
            sheet_end_row(&s);
        }
    }
    sheet_end(&s);
}

static void print_skipped(struct report *r)
{
    int counts[SKIP_N] = {0};
    for (int i = 0; i < r->table->n; i++) {
        counts[r->results[i].skip]++;
    }
    fprintf(r->out, "\nrows %d, predicted %d, skipped %d\n", r->table->n, counts[SKIP_NONE],
            r->table->n - counts[SKIP_NONE]);
    for (int k = SKIP_NONE + 1; k < SKIP_N; k++) {
        if (counts[k] > 0) {
            fprintf(r->out, "  %s: %d\n", validate_skip_names[k], counts[k]);
        }
    }
}

void validate_report_print(const struct validate_table *table,
                           const struct validate_result *results, bool markdown, FILE *out)
{
    struct report r = {.table = table, .results = results, .markdown = markdown, .out = out};
    r.errors = xcalloc((size_t)table->n + 1, sizeof *r.errors);
    r.groups = xcalloc((size_t)table->n + 1, sizeof *r.groups);
    for (int d = 0; d < DIM_N; d++) {
        labels_init(&r.labels[d], table, results, (enum dimension)d);
    }
    print_metrics(&r);
    print_worst(&r);
    print_suspect(&r);
    print_skipped(&r);
    for (int d = 0; d < DIM_N; d++) {
        labels_fini(&r.labels[d]);
    }
    free(r.errors);
    free(r.groups);
}

/* ---- CSV -------------------------------------------------------------------------------- */

static void write_skip(struct csv_writer *w, const struct validate_row *row,
                       const struct validate_result *r)
{
    char text[MAX_LABEL + sizeof r->detail];
    snprintf(text, sizeof text, *r->detail ? "skipped: %s (%s)" : "skipped: %s",
             validate_skip_names[r->skip], r->detail);
    csv_put(w, row->id);
    csv_put(w, "");
    csv_put_num(w, NAN);
    csv_put_num(w, NAN);
    csv_put_num(w, NAN);
    csv_put(w, text);
    csv_put_num(w, NAN);
    csv_put_num(w, NAN);
    csv_put(w, "");
    csv_end_row(w);
}

static void write_cell(struct csv_writer *w, const struct validate_row *row,
                       const struct validate_result *r, int m)
{
    char text[sizeof r->note + 32];
    bool suspect = validate_cell_suspect(row, (enum validate_metric)m);
    snprintf(text, sizeof text, "%s%s%s", suspect ? "suspect" : "",
             suspect && *r->note ? "; " : "", r->note);
    csv_put(w, row->id);
    csv_put(w, validate_metric_names[m]);
    csv_put_num(w, row->measured[m]);
    csv_put_num(w, r->predicted[m]);
    csv_put_num(w, has_error(row, r, m) ? error_of(row, r, m) : NAN);
    csv_put(w, text);
    enum band_metric b = validate_band_metric((enum validate_metric)m);
    csv_put_num(w, r->has_band[b] ? r->predicted[m] * r->band[b].lo : NAN);
    csv_put_num(w, r->has_band[b] ? r->predicted[m] * r->band[b].hi : NAN);
    csv_put(w, evidence_names[r->evidence.grade]);
    csv_end_row(w);
}

bool validate_report_csv(const struct validate_table *table,
                         const struct validate_result *results, const char *path,
                         struct err *err)
{
    static const char *const cols[] = {"id",   "metric",  "measured", "predicted", "error_frac",
                                       "note", "band_lo", "band_hi",  "evidence"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < table->n; i++) {
        const struct validate_row *row = &table->rows[i];
        if (results[i].skip != SKIP_NONE) {
            write_skip(w, row, &results[i]);
            continue;
        }
        for (int m = 0; m < VM_N; m++) {
            if (!isnan(row->measured[m])) {
                write_cell(w, row, &results[i], m);
            }
        }
    }
    return csv_close(w, err);
}

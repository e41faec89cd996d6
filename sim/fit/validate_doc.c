/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/validate_doc.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/fit/residual.h"

enum { MAX_LABELS = 64, WEAK_ROWS = 10 };
static const double WEAK_FRAC = 0.25;

/* The measures that the summary tables show, in their order. */
struct measure_row {
    const char *name;
    struct residual_filter filter;
};
#define ROW(name, metric, load, is_moe)                                                        \
    {                                                                                          \
        name,                                                                                  \
        {                                                                                      \
            metric, load, is_moe, NULL, NULL, NULL, -1                                         \
        }                                                                                      \
    }
static const struct measure_row summary_rows[] = {
    ROW("TPOT, closed loop, dense", VM_TPOT_MEAN, VLOAD_CLOSED, 0),
    ROW("TPOT, closed loop, MoE", VM_TPOT_MEAN, VLOAD_CLOSED, 1),
    ROW("TTFT, closed loop, dense", VM_TTFT_MEAN, VLOAD_CLOSED, 0),
    ROW("TTFT, closed loop, MoE", VM_TTFT_MEAN, VLOAD_CLOSED, 1),
    ROW("TPOT, open loop", VM_TPOT_MEAN, VLOAD_OPEN, -1),
    ROW("TTFT, open loop", VM_TTFT_MEAN, VLOAD_OPEN, -1),
    ROW("TTFT, evenly spaced", VM_TTFT_MEAN, VLOAD_OPEN_CONSTANT, -1),
    ROW("end to end, evenly spaced", VM_E2E_MEAN, VLOAD_OPEN_CONSTANT, -1),
    ROW("offline throughput, dense", VM_OUTPUT_TOK_S, VLOAD_OFFLINE, 0),
    ROW("offline throughput, MoE", VM_OUTPUT_TOK_S, VLOAD_OFFLINE, 1),
};
enum { N_SUMMARY = sizeof summary_rows / sizeof summary_rows[0] };

static double percent(double frac)
{
    return 100.0 * frac;
}

/* "| a | b |" from cells; NaN as "-". */
static void put_number(FILE *out, double value, int decimals)
{
    if (isnan(value)) {
        fprintf(out, " - |");
    } else {
        fprintf(out, " %.*f |", decimals, value);
    }
}

static void put_head(FILE *out, const char *const *cols, int n)
{
    fputc('|', out);
    for (int i = 0; i < n; i++) {
        fprintf(out, " %s |", cols[i]);
    }
    fputs("\n|", out);
    for (int i = 0; i < n; i++) {
        fputs(i == 0 ? "---|" : "---:|", out);
    }
    fputc('\n', out);
}

static void put_stats(FILE *out, const struct error_stats *e)
{
    fprintf(out, " %d |", e->n);
    put_number(out, percent(e->median_abs), 1);
    put_number(out, percent(e->group_median_abs), 1);
    put_number(out, percent(e->p90_abs), 1);
    put_number(out, percent(e->bias), 1);
}

/* ---- the parts ----------------------------------------------------------------------------
 */

struct writer {
    const struct validate_doc *doc;
    struct residual_list base;
    FILE *out;
};

static void put_summary(struct writer *w)
{
    static const char *const cols[] = {"measure",        "rows",  "median error %",
                                       "group median %", "p90 %", "bias %"};
    put_head(w->out, cols, 6);
    for (int i = 0; i < N_SUMMARY; i++) {
        struct error_stats e;
        residual_stats(&w->base, &summary_rows[i].filter, &e);
        if (e.n > 0) {
            fprintf(w->out, "| %s |", summary_rows[i].name);
            put_stats(w->out, &e);
            fputc('\n', w->out);
        }
    }
}

static int count_rows(const struct writer *w, bool predicted)
{
    int n = 0;
    for (int i = 0; i < w->doc->table->n; i++) {
        n += !predicted || w->doc->base[i].skip == SKIP_NONE;
    }
    return n;
}

static void put_short(struct writer *w)
{
    fprintf(w->out,
            "%d measured results of real engines, %d predicted (`make validate`, "
            "[VALIDATION.md](VALIDATION.md)). Group: model, GPU, engine, number "
            "format.\n\n",
            count_rows(w, false), count_rows(w, true));
    put_summary(w);
}

/* The stretch of a source's name before its commit. */
static void put_sources(struct writer *w)
{
    static const char *const cols[] = {"source", "rows", "oldest", "newest"};
    const struct validate_table *t = w->doc->table;
    put_head(w->out, cols, 4);
    for (int i = 0; i < t->n; i++) {
        const char *oldest = "";
        const char *newest = "";
        int n = 0;
        bool first = true;
        for (int j = 0; j < t->n; j++) {
            if (strcmp(t->rows[j].source, t->rows[i].source) != 0) {
                continue;
            }
            const char *date = t->rows[j].date;
            first = first && j >= i;
            n++;
            oldest = *date && (!*oldest || strcmp(date, oldest) < 0) ? date : oldest;
            newest = strcmp(date, newest) > 0 ? date : newest;
        }
        if (first) {
            fprintf(w->out, "| %s | %d | %s | %s |\n", t->rows[i].source, n, oldest, newest);
        }
    }
}

static void put_errors(struct writer *w)
{
    validate_report_print(w->doc->table, w->doc->base, true, w->out);
}

static void put_breakdown(struct writer *w, residual_label *of, bool by_engine)
{
    const char *labels[MAX_LABELS];
    int n = residual_labels(&w->base, of, labels, MAX_LABELS);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < N_SUMMARY; k++) {
            struct residual_filter f = summary_rows[k].filter;
            struct error_stats e;
            f.engine = by_engine ? labels[i] : NULL;
            f.sku = by_engine ? NULL : labels[i];
            residual_stats(&w->base, &f, &e);
            if (e.n > 0) {
                fprintf(w->out, "| %s | %s |", labels[i], summary_rows[k].name);
                put_stats(w->out, &e);
                fputc('\n', w->out);
            }
        }
    }
}

static void put_kinds(struct writer *w)
{
    static const char *const cols[] = {"",      "measure", "rows", "median %", "group median %",
                                       "p90 %", "bias %"};
    put_head(w->out, cols, 7);
    put_breakdown(w, residual_engine, true);
    put_breakdown(w, residual_sku, false);
}

/* Groups of ten rows or more whose median error is above 25 %. */
static void put_weak(struct writer *w)
{
    static const char *const cols[] = {"group",    "measure", "rows",
                                       "median %", "p90 %",   "bias %"};
    static const int metrics[] = {VM_TPOT_MEAN, VM_TTFT_MEAN, VM_OUTPUT_TOK_S};
    put_head(w->out, cols, 6);
    for (int g = 0; g < w->base.n_groups; g++) {
        for (int k = 0; k < 3; k++) {
            struct residual_filter f = residual_any;
            struct error_stats e;
            f.group = g;
            f.metric = metrics[k];
            residual_stats(&w->base, &f, &e);
            if (e.n < WEAK_ROWS || e.median_abs <= WEAK_FRAC) {
                continue;
            }
            int row = 0;
            for (int i = 0; i < w->base.n; i++) {
                row = w->base.items[i].group == g ? w->base.items[i].row : row;
            }
            const struct validate_result *r = &w->doc->base[row];
            fprintf(w->out, "| %s %s %s %s | %s | %d |", r->model->name, r->gpu->name,
                    w->doc->table->rows[row].engine, dtype_name(r->weights),
                    validate_metric_names[metrics[k]], e.n);
            put_number(w->out, percent(e.median_abs), 1);
            put_number(w->out, percent(e.p90_abs), 1);
            put_number(w->out, percent(e.bias), 1);
            fputc('\n', w->out);
        }
    }
}

/* ---- leave-out ----------------------------------------------------------------------------
 */

static const char *from_of(const struct writer *w, enum leave_out kind, const char *label,
                           residual_label *of)
{
    for (int i = 0; i < w->base.n; i++) {
        if (strcmp(of(&w->base.items[i]), label) == 0) {
            return w->doc->from[kind][w->base.items[i].row];
        }
    }
    return "";
}

static void put_left_row(struct writer *w, const struct residual_list *left, const char *name,
                         const char *from, struct residual_filter f)
{
    static const struct {
        int metric, load;
    } shown[] = {{VM_TPOT_MEAN, VLOAD_CLOSED},
                 {VM_TTFT_MEAN, VLOAD_CLOSED},
                 {VM_OUTPUT_TOK_S, VLOAD_OFFLINE}};
    fprintf(w->out, "| %s | %s |", name, from);
    for (int k = 0; k < 3; k++) {
        struct error_stats with;
        struct error_stats without;
        f.metric = shown[k].metric;
        f.load = shown[k].load;
        residual_stats(&w->base, &f, &with);
        residual_stats(left, &f, &without);
        fprintf(w->out, " %d |", without.n);
        put_number(w->out, percent(with.median_abs), 1);
        put_number(w->out, percent(without.median_abs), 1);
        put_number(w->out, percent(without.bias), 1);
    }
    fputc('\n', w->out);
}

static void put_left_out(struct writer *w, enum leave_out kind)
{
    static const char *const cols[] = {"left out",  "constants from", "TPOT rows",    "with %",
                                       "without %", "bias %",         "TTFT rows",    "with %",
                                       "without %", "bias %",         "offline rows", "with %",
                                       "without %", "bias %"};
    residual_label *of = kind == LEAVE_FAMILY ? residual_family : residual_sku;
    const char *labels[MAX_LABELS];
    struct residual_list left;
    if (!w->doc->left_out[kind]) {
        return;
    }
    residuals_collect(w->doc->table, w->doc->left_out[kind], &left);
    put_head(w->out, cols, 14);
    int n = residual_labels(&w->base, of, labels, MAX_LABELS);
    for (int i = 0; i < n; i++) {
        struct residual_filter f = residual_any;
        f.sku = kind == LEAVE_FAMILY ? NULL : labels[i];
        f.family = kind == LEAVE_FAMILY ? labels[i] : NULL;
        put_left_row(w, &left, labels[i], from_of(w, kind, labels[i], of), f);
    }
    put_left_row(w, &left, "all", "", residual_any);
    residuals_free(&left);
}

static void put_leave_gpu(struct writer *w)
{
    put_left_out(w, LEAVE_GPU);
}

static void put_leave_arch(struct writer *w)
{
    put_left_out(w, LEAVE_ARCH);
}

static void put_leave_family(struct writer *w)
{
    put_left_out(w, LEAVE_FAMILY);
}

/* ---- ablation -----------------------------------------------------------------------------
 */

static void put_effect(struct writer *w, const char *name, const struct residual_list *list)
{
    fprintf(w->out, "| %s |", name);
    for (int k = 0; k < N_SUMMARY; k++) {
        struct error_stats e;
        residual_stats(list, &summary_rows[k].filter, &e);
        put_number(w->out, percent(e.median_abs), 1);
    }
    fputc('\n', w->out);
}

static void put_ablation(struct writer *w)
{
    fputs("| without |", w->out);
    for (int k = 0; k < N_SUMMARY; k++) {
        fprintf(w->out, " %s |", summary_rows[k].name);
    }
    fputs("\n|---|", w->out);
    for (int k = 0; k < N_SUMMARY; k++) {
        fputs("---:|", w->out);
    }
    fputc('\n', w->out);
    put_effect(w, "nothing: the model as it is", &w->base);
    for (int e = EFFECT_NONE + 1; e < EFFECT_N; e++) {
        struct residual_list list;
        if (w->doc->without[e]) {
            residuals_collect(w->doc->table, w->doc->without[e], &list);
            put_effect(w, effect_names[e], &list);
            residuals_free(&list);
        }
    }
}

/* ---- bands --------------------------------------------------------------------------------
 */

static void put_coverage_row(struct writer *w, enum band_metric metric, int is_moe,
                             const char *engine)
{
    struct band_coverage c;
    bandfit_coverage(w->doc->bands, metric, is_moe, engine, &c);
    if (c.n == 0) {
        return;
    }
    fprintf(w->out, "| %s | %s | %d |", band_metric_names[metric],
            engine        ? engine
            : is_moe == 1 ? "MoE"
            : is_moe == 0 ? "dense"
                          : "all",
            c.n);
    put_number(w->out, percent(c.inside_frac), 0);
    put_number(w->out, percent(c.half_width_frac), 1);
    put_number(w->out, percent(c.median_abs_frac), 1);
    put_number(w->out, c.half_width_frac / c.median_abs_frac, 1);
    fputc('\n', w->out);
}

static void put_coverage(struct writer *w)
{
    static const char *const cols[] = {"measure",           "of",           "rows",
                                       "inside %",          "half-width %", "median error %",
                                       "half-width / error"};
    const char *engines[MAX_LABELS];
    int n = residual_labels(&w->base, residual_engine, engines, MAX_LABELS);
    put_head(w->out, cols, 7);
    for (int m = 0; m < BAND_METRIC_N; m++) {
        if (m == BAND_ITL) {
            continue; /* no measured ones: the bands of TPOT */
        }
        put_coverage_row(w, (enum band_metric)m, -1, NULL);
        if (m == BAND_TTFT_TAIL || m == BAND_E2E_TAIL) {
            continue; /* few */
        }
        put_coverage_row(w, (enum band_metric)m, 0, NULL);
        put_coverage_row(w, (enum band_metric)m, 1, NULL);
        for (int i = 0; i < n; i++) {
            put_coverage_row(w, (enum band_metric)m, -1, engines[i]);
        }
    }
}

/* ---- constants ----------------------------------------------------------------------------
 */

static void put_constants_of(struct writer *w, const char *law, const char *sku,
                             const struct kernel_key *(*key)(const struct kernel_set *, int),
                             int n)
{
    const struct kernel_set *set = &w->doc->stock->kernels;
    double *errors = xcalloc((size_t)n + 1, sizeof *errors);
    int *group = xcalloc((size_t)n + 1, sizeof *group);
    int count = 0;
    char engines[256] = "";
    for (int i = 0; i < n; i++) {
        const struct kernel_key *k = key(set, i);
        if (strcmp(k->sku, sku) != 0) {
            continue;
        }
        errors[count++] = k->err_median_frac;
        char one[64];
        snprintf(one, sizeof one, "%s%.20s %.20s", *engines ? ", " : "", k->engine, k->version);
        size_t used = strlen(engines);
        if (!strstr(engines, one + (*engines ? 2 : 0))) {
            snprintf(engines + used, sizeof engines - used, "%s", one);
        }
    }
    struct error_stats e;
    validate_error_stats(errors, group, count, 1, &e);
    if (count > 0) {
        fprintf(w->out, "| %s | %s | %d |", sku, law, count);
        put_number(w->out, percent(e.median_abs), 1);
        put_number(w->out, percent(e.p90_abs), 1);
        fprintf(w->out, " %s |\n", engines);
    }
    free(errors);
    free(group);
}

static void put_constants(struct writer *w)
{
    static const char *const cols[] = {
        "SKU", "law", "sets", "median held-out error %", "p90 of the sets %", "tables"};
    const struct kernel_set *set = &w->doc->stock->kernels;
    const struct gpu_list *gpus = &w->doc->stock->gpus;
    put_head(w->out, cols, 6);
    for (int i = 0; i < gpus->n; i++) {
        put_constants_of(w, "GEMM", gpus->items[i].name, kernel_gemm_key, set->n_gemm);
        put_constants_of(w, "attention", gpus->items[i].name, kernel_attn_key, set->n_attn);
        put_constants_of(w, "experts", gpus->items[i].name, kernel_moe_key, set->n_moe);
    }
}

/* ---- files --------------------------------------------------------------------------------
 */

static const struct part {
    const char *name;
    void (*put)(struct writer *w);
} parts[] = {
    {"validation", put_short},
    {"summary", put_summary},
    {"sources", put_sources},
    {"constants", put_constants},
    {"kinds", put_kinds},
    {"errors", put_errors},
    {"weak", put_weak},
    {"leave-gpu", put_leave_gpu},
    {"leave-arch", put_leave_arch},
    {"leave-family", put_leave_family},
    {"coverage", put_coverage},
    {"ablation", put_ablation},
};

static bool write_part(struct writer *w, const struct part *part, const char *path,
                       struct err *err)
{
    w->out = fopen(path, "w");
    if (!w->out) {
        return err_set(err, ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    part->put(w);
    bool ok = !ferror(w->out);
    ok = fclose(w->out) == 0 && ok;
    return ok || err_set(err, ERR_IO, "cannot write '%s'", path);
}

static bool write_residuals(const struct writer *w, const char *path, struct err *err)
{
    static const char *const cols[] = {"metric", "engine",   "hardware", "kind",
                                       "load",   "measured", "predicted"};
    struct csv_writer *csv = csv_create(path, err);
    if (!csv) {
        return false;
    }
    csv_put_all(csv, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(csv);
    for (int i = 0; i < w->base.n; i++) {
        const struct residual *r = &w->base.items[i];
        if (!residual_passes(r, &residual_any)) {
            continue;
        }
        csv_put(csv, band_metric_names[r->band_metric]);
        csv_put(csv, r->engine);
        csv_put(csv, r->sku);
        csv_put(csv, r->is_moe ? "MoE" : "dense");
        csv_put(csv, validate_load_names[r->load]);
        double unit = r->band_metric == BAND_OUTPUT_TOK_S ? 1.0 : 1e-3; /* from ms */
        csv_put_num(csv, unit * r->measured);
        csv_put_num(csv, unit * r->predicted);
        csv_end_row(csv);
    }
    return csv_close(csv, err);
}

bool validate_doc_write(const struct validate_doc *doc, const char *dir, struct err *err)
{
    struct arena *arena = arena_new();
    struct writer w = {.doc = doc};
    residuals_collect(doc->table, doc->base, &w.base);
    bool ok = write_residuals(&w, arena_printf(arena, "%s/residuals.csv", dir), err);
    for (size_t i = 0; ok && i < sizeof parts / sizeof parts[0]; i++) {
        ok =
            write_part(&w, &parts[i], arena_printf(arena, "%s/%s.md", dir, parts[i].name), err);
    }
    residuals_free(&w.base);
    arena_free(arena);
    return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/opfit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/base/csvio.h"
#include "sim/core/rng.h"
#include "sim/fit/opfit_law.h"

enum { FOLDS = 4, STARTS = 3, FOLD_STARTS = 2, MIN_SHAPES = 4 };
/* Measured times and data sheets are rounded: a row counts as impossible only 2 % below the
 * floor. */
static const double FLOOR_SLACK = 0.98;
static const double WORST_MEDIAN = 0.25;

/* Files of hardware/kernels by what they hold. */
enum out_file { OUT_GEMM, OUT_ATTENTION, OUT_MOE, OUT_N };
static const struct {
    const char *name, *head; /* columns before the law's own */
} outs[OUT_N] = {
    [OUT_GEMM] = {"gemm.csv", "sku engine version dtype kernel"},
    [OUT_ATTENTION] = {"attention.csv",
                       "sku engine version dtype kernel phase kind head_dim windowed"},
    [OUT_MOE] = {"moe.csv", "sku engine version dtype kernel"},
};
/* The attention file holds the parameters of both phases. */
static const char *const attention_columns[] = {"t0_us",   "em",    "ec", "p",
                                                "occ_exp", "tw_us", "k0", NULL};

static enum out_file out_of(enum op_law law)
{
    return law == OP_GEMM ? OUT_GEMM : law == OP_MOE ? OUT_MOE : OUT_ATTENTION;
}

static const struct opfit_law *law_of(enum op_law law)
{
    static const struct opfit_law *const laws[] = {
        [OP_GEMM] = &opfit_gemm_law,           [OP_DECODE] = &opfit_decode_law,
        [OP_PREFILL] = &opfit_prefill_law,     [OP_MLA_DECODE] = &opfit_decode_law,
        [OP_MLA_PREFILL] = &opfit_prefill_law, [OP_MOE] = &opfit_moe_law,
    };
    return laws[law];
}

const char *opfit_state_name(enum opfit_state state)
{
    static const char *const names[] = {"fitted", "launch-bound", "too few rows",
                                        "law does not fit"};
    return names[state];
}

void opfit_problem_init(struct opfit_problem *p, const struct op_set *set)
{
    size_t n = (size_t)set->n + 1;
    *p = (struct opfit_problem){.n_skipped = set->n_skipped};
    p->measured_s = xcalloc(n, sizeof *p->measured_s);
    p->weight = xcalloc(n, sizeof *p->weight);
    p->shape = xcalloc(n, sizeof *p->shape);
    p->data = (struct robust_data){.measured_s = p->measured_s,
                                   .weight = p->weight,
                                   .shape = p->shape,
                                   .stream = op_law_names[set->law]};
}

void opfit_problem_fini(struct opfit_problem *p)
{
    free(p->measured_s);
    free(p->weight);
    free(p->shape);
    free(p->ctx);
}

bool opfit_problem_add(struct opfit_problem *p, const struct op_point *point, double floor_s,
                       double weight, uint64_t shape)
{
    if (point->latency_s < FLOOR_SLACK * floor_s) {
        p->n_floor++;
        return false;
    }
    int i = p->data.n_rows++;
    p->measured_s[i] = point->latency_s;
    p->weight[i] = weight;
    p->shape[i] = shape;
    return true;
}

uint64_t opfit_shape(double a, double b, double c, double d, double e)
{
    const double sizes[] = {a, b, c, d, e};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hash = rng_hash(hash * 31 + (uint64_t)sizes[i] + 1);
    }
    return hash;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Weighs shapes equally: a shape that was collected more often says no more about the others.
 */
static void balance_shapes(struct opfit_problem *p)
{
    size_t n = (size_t)p->data.n_rows;
    uint64_t *sorted = xcalloc(n + 1, sizeof *sorted);
    memcpy(sorted, p->shape, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double *share = xcalloc(n + 1, sizeof *share);
    size_t n_shapes = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && sorted[end] == sorted[i]) {
            end++;
        }
        sorted[n_shapes] = sorted[i];
        share[n_shapes++] = 1.0 / (double)(end - i);
        i = end;
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t *at = bsearch(&p->shape[i], sorted, n_shapes, sizeof *sorted, by_value);
        p->weight[i] *= share[at - sorted] * (double)n / (double)n_shapes;
    }
    p->n_shapes = (int)n_shapes;
    free(sorted);
    free(share);
}

static bool is_mla(enum op_law law)
{
    return law == OP_MLA_DECODE || law == OP_MLA_PREFILL;
}

void opfit_set(const struct op_set *set, struct opfit_row *row)
{
    struct opfit_problem p;
    opfit_problem_init(&p, set);
    law_of(set->law)->prepare(set, &p);
    balance_shapes(&p);
    *row = (struct opfit_row){.law = set->law,
                              .key = set->key,
                              .kernel_full = set->kernel_full,
                              .head_dim = is_mla(set->law) ? 0 : set->head_dim,
                              .is_windowed = set->is_windowed,
                              .n_used = p.data.n_rows,
                              .n_floor = p.n_floor,
                              .n_skipped = p.n_skipped,
                              .n_shapes = p.n_shapes,
                              .n_params = p.data.n_params};
    if (p.launch_bound) {
        row->state = OPFIT_LAUNCH_BOUND;
    } else if (p.data.n_rows * (FOLDS - 1) < 2 * p.data.n_params * FOLDS ||
               p.n_shapes < MIN_SHAPES) {
        row->state = OPFIT_TOO_FEW;
    } else {
        robust_heldout(&p.data, FOLDS, FOLD_STARTS, &row->heldout);
        robust_fit(&p.data, NULL, STARTS, row->x);
        robust_score(&p.data, NULL, row->x, &row->insample);
        row->state = row->heldout.median > WORST_MEDIAN ? OPFIT_NO_LAW : OPFIT_FITTED;
    }
    opfit_problem_fini(&p);
}

/* Rows of the look-up order: of several kernels for one attention the first is taken, so
 * arithmetic in the narrow format (what engines choose where they can) and then the better
 * measured one lead. */
static int prefer(const struct op_set *a, const struct op_set *b)
{
    bool attention = out_of(a->law) == OUT_ATTENTION;
    int order = (a->law > b->law) - (a->law < b->law);
    if (order == 0) {
        order = strcmp(a->key.sku, b->key.sku);
    }
    if (order == 0 && attention) {
        bool a_narrow = strncmp(a->table_dtype, "fp8/", 4) == 0;
        bool b_narrow = strncmp(b->table_dtype, "fp8/", 4) == 0;
        order = strcmp(a->key.engine, b->key.engine);
        order = order ? order : strcmp(a->key.dtype, b->key.dtype);
        order = order ? order : a->head_dim - b->head_dim;
        order = order ? order : a->is_windowed - b->is_windowed;
        order = order ? order : b_narrow - a_narrow;
        order = order ? order : b->n - a->n;
    }
    return order;
}

static int by_preference(const void *a, const void *b)
{
    const struct op_set *x = *(const struct op_set *const *)a;
    const struct op_set *y = *(const struct op_set *const *)b;
    int order = prefer(x, y);
    return order ? order : (x > y) - (x < y); /* as they stand in the tables */
}

static void fit_all(struct arena *arena, const struct op_sets *sets,
                    struct opfit_report *report)
{
    const struct op_set **order = xcalloc((size_t)sets->n + 1, sizeof *order);
    for (int i = 0; i < sets->n; i++) {
        order[i] = &sets->items[i];
    }
    qsort(order, (size_t)sets->n, sizeof *order, by_preference);
    report->rows = arena_alloc(arena, (size_t)sets->n + 1, sizeof *report->rows);
    for (int i = 0; i < sets->n; i++) {
        opfit_set(order[i], &report->rows[report->n++]);
    }
    free(order);
}

static void put_words(struct csv_writer *w, const char *words)
{
    char buf[128];
    char *rest = NULL;
    snprintf(buf, sizeof buf, "%s", words);
    for (char *at = strtok_r(buf, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
        csv_put(w, at);
    }
}

static const char *const *columns_of(enum out_file file)
{
    return file == OUT_ATTENTION ? attention_columns
                                 : law_of(file == OUT_GEMM ? OP_GEMM : OP_MOE)->columns;
}

/* Four significant digits: the constants are not known better, and the file stays readable. */
static void put_constant(struct csv_writer *w, double value)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%.4g", fabs(value) < 1e-4 ? 0.0 : value);
    csv_put(w, buf);
}

static double constant(const struct opfit_row *row, const char *column)
{
    const char *const *own = law_of(row->law)->columns;
    for (int i = 0; i < row->n_params; i++) {
        if (strcmp(own[i], column) == 0) {
            return row->x[i];
        }
    }
    return 0.0; /* a term the law of this row does without */
}

static void put_row(struct csv_writer *w, const struct opfit_config *cfg,
                    const struct opfit_row *row)
{
    const struct kernel_key *k = &row->key;
    enum out_file file = out_of(row->law);
    const char *const key[] = {k->sku, k->engine, k->version, k->dtype, k->kernel};
    char source[512];
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        csv_put(w, key[i]);
    }
    if (file == OUT_ATTENTION) {
        csv_put(w, row->law == OP_DECODE || row->law == OP_MLA_DECODE ? "decode" : "prefill");
        csv_put(w, is_mla(row->law) ? "mla" : "gqa");
        csv_put_int(w, row->head_dim);
        csv_put_int(w, row->is_windowed);
    }
    for (const char *const *column = columns_of(file); *column; column++) {
        put_constant(w, constant(row, *column));
    }
    put_constant(w, row->heldout.median);
    put_constant(w, row->heldout.p90);
    snprintf(source, sizeof source,
             "fit to %s%s%s %s, %d rows of %d shapes, error on held-out shapes", cfg->source,
             cfg->source[0] ? " " : "", k->source, row->kernel_full, row->n_used,
             row->n_shapes);
    csv_put(w, source);
    csv_put(w, cfg->as_of);
    csv_end_row(w);
}

static bool write_file(const char *path, enum out_file file, const struct opfit_config *cfg,
                       const struct opfit_report *report, struct err *err)
{
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    put_words(w, outs[file].head);
    for (const char *const *column = columns_of(file); *column; column++) {
        csv_put(w, *column);
    }
    put_words(w, "err_median_frac err_p90_frac source as_of");
    csv_end_row(w);
    for (int i = 0; i < report->n; i++) {
        const struct opfit_row *row = &report->rows[i];
        if (row->state == OPFIT_FITTED && out_of(row->law) == file) {
            put_row(w, cfg, row);
        }
    }
    return csv_close(w, err);
}

static bool write_all(struct arena *arena, const struct opfit_config *cfg,
                      const struct opfit_report *report, struct err *err)
{
    struct stat st;
    bool wanted[OUT_N] = {false};
    int n = 0;
    for (int i = 0; i < report->n; i++) {
        enum out_file file = out_of(report->rows[i].law);
        if (report->rows[i].state == OPFIT_FITTED) {
            n += !wanted[file];
            wanted[file] = true;
        }
    }
    if (n == 0) {
        return err_set(err, ERR_UNFIT, "no set of the tables could be fitted");
    }
    bool is_dir = stat(cfg->out, &st) == 0 && S_ISDIR(st.st_mode);
    if (n > 1 && !is_dir) {
        return err_set(err, ERR_USAGE,
                       "the tables are of several kinds: '%s' must be a directory", cfg->out);
    }
    for (int file = 0; file < OUT_N; file++) {
        const char *path =
            is_dir ? arena_printf(arena, "%s/%s", cfg->out, outs[file].name) : cfg->out;
        if (wanted[file] && !write_file(path, (enum out_file)file, cfg, report, err)) {
            return false;
        }
    }
    return true;
}

bool opfit_run(struct arena *arena, const struct opfit_config *cfg, struct opfit_report *report,
               struct err *err)
{
    struct op_sets sets = {0};
    bool ok = true;
    *report = (struct opfit_report){0};
    for (int i = 0; i < cfg->n_tables && ok; i++) {
        ok = op_sets_load(arena, cfg->tables[i], cfg->gpus, &sets, err);
    }
    if (ok) {
        op_sets_newest(&sets);
        fit_all(arena, &sets, report);
        ok = write_all(arena, cfg, report, err);
    }
    op_sets_free(&sets);
    return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hardware/transfer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include "hardware/rows.h"

static const struct row_field fields[] = {
    {"from_arch", ROW_NAME, offsetof(struct transfer, from_arch), 0, 0, 0},
    {"to_arch", ROW_NAME, offsetof(struct transfer, to_arch), 0, 0, 0},
    {"dtype", ROW_NAME, offsetof(struct transfer, dtype), 0, 0, 0},
    {"bias_frac", ROW_NUMBER, offsetof(struct transfer, bias_frac), 1, -0.9, 2},
    {"p90_frac", ROW_NUMBER, offsetof(struct transfer, p90_frac), 1, 0, 10},
    {"source", ROW_NAME, offsetof(struct transfer, source), 0, 0, 0},
    {"as_of", ROW_NAME, offsetof(struct transfer, as_of), 0, 0, 0},
};

static const struct transfer *find(const struct transfer *rows, int n, const char *from,
                                   const char *to, const char *dtype)
{
    for (int i = 0; i < n; i++) {
        const struct transfer *t = &rows[i];
        if (strcmp(t->from_arch, from) == 0 && strcmp(t->to_arch, to) == 0 &&
            strcmp(t->dtype, dtype) == 0) {
            return t;
        }
    }
    return NULL;
}

/* Is `arch` the architecture itself or a refresh ("Blackwell Ultra" of "Blackwell")? */
static bool is_kin(const char *arch, const char *of)
{
    return strncmp(arch, of, strlen(of)) == 0;
}

/* Median bias of the rows from `arch` to others; false: none. */
static bool bias_towards_others(const struct transfer *rows, int n, const char *arch,
                                double *scratch, double *bias_frac)
{
    size_t k = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(rows[i].from_arch, arch) == 0 && !is_kin(rows[i].to_arch, arch)) {
            scratch[k++] = rows[i].bias_frac;
        }
    }
    gsl_sort(scratch, 1, k);
    *bias_frac = k > 0 ? gsl_stats_median_from_sorted_data(scratch, 1, k) : 0.0;
    return k > 0;
}

/* The file's rows, and what each architecture shows towards others beside the general rule. */
static void summarise(struct arena *arena, const struct transfer *rows, int n,
                      struct transfer_table *out)
{
    const struct transfer *any = find(rows, n, "*", "*", "*");
    double *scratch = arena_alloc(arena, (size_t)n + 1, sizeof *scratch);
    out->rows = arena_alloc(arena, 2 * (size_t)n + 1, sizeof *out->rows);
    out->n = n;
    out->n_file = n;
    for (int i = 0; i < n; i++) {
        out->rows[i] = rows[i];
    }
    for (int i = 0; any && i < n; i++) {
        struct transfer t = *any;
        t.from_arch = rows[i].from_arch;
        t.source = "median of the rows of hardware/transfer.csv from this architecture";
        if (!find(out->rows, out->n, t.from_arch, "*", "*") &&
            bias_towards_others(rows, n, t.from_arch, scratch, &t.bias_frac)) {
            out->rows[out->n++] = t;
        }
    }
}

bool transfer_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct transfer_table *table, struct err *err)
{
    const struct row_layout layout = {
        "transfer.csv", fields, (int)(sizeof fields / sizeof *fields), sizeof(struct transfer)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    summarise(arena, list.rows, list.n, table);
    return true;
}

void transfer_without_arch(struct arena *arena, const struct transfer_table *table,
                           const char *arch, struct transfer_table *out)
{
    struct transfer *left = arena_alloc(arena, (size_t)table->n_file + 1, sizeof *left);
    int n = 0;
    for (int i = 0; i < table->n_file; i++) {
        const struct transfer *t = &table->rows[i];
        if (!is_kin(t->from_arch, arch) && !is_kin(t->to_arch, arch)) {
            left[n++] = *t;
        }
    }
    summarise(arena, left, n, out);
}

const struct transfer *transfer_find(const struct transfer_table *table, const struct gpu *from,
                                     const struct gpu *to, const char *dtype)
{
    if (!from || strcmp(from->name, to->name) == 0) {
        return NULL;
    }
    const struct transfer *rows = table->rows;
    const struct transfer *t = find(rows, table->n, from->arch, to->arch, dtype);
    t = t ? t : find(rows, table->n, from->arch, to->arch, "bf16");
    if (t || strcmp(from->arch, to->arch) == 0) {
        return t;
    }
    t = find(rows, table->n, from->arch, "*", "*");
    return t ? t : find(rows, table->n, "*", "*", "*");
}

double transfer_efficiency(const struct transfer *transfer, double efficiency)
{
    return transfer ? fmin(1.0, efficiency * (1.0 + transfer->bias_frac)) : efficiency;
}

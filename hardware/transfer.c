/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hardware/transfer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

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

bool transfer_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct transfer_table *table, struct err *err)
{
    const struct row_layout layout = {
        "transfer.csv", fields, (int)(sizeof fields / sizeof *fields), sizeof(struct transfer)};
    struct row_list list;
    if (!rows_load(arena, dirs, n_dirs, &layout, &list, err)) {
        return false;
    }
    *table = (struct transfer_table){list.rows, list.n};
    return true;
}

static const struct transfer *find(const struct transfer_table *table, const char *from,
                                   const char *to, const char *dtype)
{
    for (int i = 0; i < table->n; i++) {
        const struct transfer *t = &table->rows[i];
        if (strcmp(t->from_arch, from) == 0 && strcmp(t->to_arch, to) == 0 &&
            strcmp(t->dtype, dtype) == 0) {
            return t;
        }
    }
    return NULL;
}

const struct transfer *transfer_find(const struct transfer_table *table, const struct gpu *from,
                                     const struct gpu *to, const char *dtype)
{
    if (!from || strcmp(from->name, to->name) == 0) {
        return NULL;
    }
    const struct transfer *t = find(table, from->arch, to->arch, dtype);
    t = t ? t : find(table, from->arch, to->arch, "bf16");
    bool one_arch = strcmp(from->arch, to->arch) == 0;
    return t || one_arch ? t : find(table, "*", "*", "*");
}

double transfer_efficiency(const struct transfer *transfer, double efficiency)
{
    return transfer ? fmin(1.0, efficiency * (1.0 + transfer->bias_frac)) : efficiency;
}

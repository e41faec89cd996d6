/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer.h - hardware/transfer.csv: how wrong kernel constants are on a GPU they were not
 * measured on. Efficiencies are fractions of data-sheet peaks, and architectures differ in how
 * much of theirs they reach: Hopper's constants promise too much of others, Blackwell's too
 * little. A pair without tables takes the median of what the giver shows towards all others. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct transfer {
    const char *from_arch, *to_arch; /* as in gpus.csv; "*" any */
    const char *dtype;               /* as in kernels/gemm.csv; "*" any */
    double bias_frac;                /* median of predicted / measured - 1 */
    double p90_frac;                 /* 90th percentile of its absolute value */
    const char *source, *as_of;
};
struct transfer_table {
    struct transfer *rows; /* the file's, then one of each architecture towards any other */
    int n, n_file;
};

bool transfer_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct transfer_table *table, struct err *err);
/* The table as if nothing were known of an architecture and its refreshes. */
void transfer_without_arch(struct arena *arena, const struct transfer_table *table,
                           const char *arch, struct transfer_table *out);
/* The row for constants of GPU `from` used on `to`: the same pair of architectures and format,
 * the pair in bf16, from that architecture to any, any pair. NULL when both are the same GPU,
 * or of one architecture that no row names. */
const struct transfer *transfer_find(const struct transfer_table *table, const struct gpu *from,
                                     const struct gpu *to, const char *dtype);
/* An efficiency with the bias taken out: worked, 0.8 that promises 12.5 % too much is 0.7. At
 * most 1: nothing is faster than its data sheet. */
double transfer_efficiency(const struct transfer *transfer, double efficiency);

#endif

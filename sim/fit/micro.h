/* SPDX-License-Identifier: GPL-3.0-or-later */
/* micro.h - constants of a GPU from three measurements of its user: a large matrix product, a
 * large weight at one row, a small and a large all-reduce; a tiny product if at hand.
 *
 * The constants of the nearest measured GPU are scaled so that its laws meet the measurements:
 * one number each for the share of the peak arithmetic rate (ec), of the memory bandwidth (em)
 * and the launch (t0). Attention and experts are scaled by the same shares; all-reduce curves
 * by the ratios at both ends. Assumes what holds between GPUs with tables: the shape of the
 * laws carries over, their level does not. */
#ifndef MICRO_H
#define MICRO_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/experiment/stock.h"

struct micro_options {
    const char *table; /* CSV: kind,m,n,k,bytes,n_gpus,latency_us,dtype; kind gemm or
                          all_reduce; m n k dtype of a product, bytes n_gpus of an all-reduce */
    const char *gpu;   /* gpus.csv name */
    const char *out;   /* existing folder that gets hardware/kernels and hardware/collectives */
    const char *as_of; /* ISO date */
    const struct stock *stock;
};

struct micro_report {
    const char *gpu, *base; /* base: whose product constants were scaled */
    /* shares of peak before and after; NaN: not measured */
    double ec_before, ec, em_before, em, t0_before_s, t0_s;
    int n_gemm, n_attn, n_moe, n_curve_points; /* rows written */
    double small_ratio, large_ratio;           /* all-reduce, measured / before; NaN none */
};

/* Reads, fits and writes <out>/hardware/kernels/{gemm,attention,moe}.csv and
 * <out>/hardware/collectives/allreduce.csv (what was measured of them). False with err: an
 * unknown GPU, a bad table, a measurement below the physical floor, no product measured. */
bool micro_run(struct arena *arena, const struct micro_options *options,
               struct micro_report *report, struct err *err);

#endif

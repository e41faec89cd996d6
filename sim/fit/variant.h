/* SPDX-License-Identifier: GPL-3.0-or-later */
/* variant.h - the catalogue with something taken away: the measurements of one GPU, those that
 * only one model family supplies, or one effect of the cost model. What predictions lose by it
 * is the honest error for something new, and the worth of the effect.
 *
 * A variant shares everything it does not change with the stock it comes from. */
#ifndef VARIANT_H
#define VARIANT_H

#include <stdbool.h>

#include "sim/experiment/stock.h"

/* Effects that `validate --without` removes, one at a time. */
enum effect {
    EFFECT_NONE,
    EFFECT_WAVE_QUANTISATION, /* GEMM: partly filled waves and GPUs */
    EFFECT_TILE_PADDING,      /* GEMM and experts: sizes rounded up to tiles */
    EFFECT_ALLREDUCE_TABLE,   /* collectives by link bandwidth and latency alone */
    EFFECT_HOST,              /* host and launch time of a step */
    EFFECT_API,               /* time of the API server */
    EFFECT_DISTINCT_EXPERTS,  /* every step reads every expert */
    EFFECT_EXPERT_SKEW,       /* all experts equally popular */
    EFFECT_SCHEDULER,         /* every engine schedules as vLLM with its default budget */
    EFFECT_FLAGS,             /* launch flags of the benchmarks: engine defaults instead */
    EFFECT_N,
};
extern const char *const effect_names[]; /* "", wave-quantisation, tile-padding, ... */
/* EFFECT_NONE with ERR_USAGE and the nearest name suggested. */
enum effect effect_find(const char *name, struct err *err);

enum leave_out {
    LEAVE_NOTHING,
    LEAVE_GPU,    /* kernel and collective tables of the row's SKU */
    LEAVE_ARCH,   /* those of every SKU of its architecture */
    LEAVE_FAMILY, /* attention and expert kernels that only its model family uses */
    LEAVE_N,
};
extern const char *const leave_out_names[]; /* "", gpu, arch, family */
enum leave_out leave_out_find(const char *name, struct err *err);

/* The SKU's constants come from the nearest one left; *from names it. */
const struct stock *variant_without_gpu(struct arena *arena, const struct stock *stock,
                                        const struct gpu *gpu, bool whole_arch,
                                        const char **from);
/* Without the attention and expert kernels keys[n], which point into the stock. */
const struct stock *variant_without_kernels(struct arena *arena, const struct stock *stock,
                                            const struct kernel_key *const *keys, int n);
/* Effects that are data; for the others the stock itself. */
const struct stock *variant_without_effect(struct arena *arena, const struct stock *stock,
                                           enum effect effect);

#endif

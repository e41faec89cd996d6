/* SPDX-License-Identifier: GPL-3.0-or-later */
/* moe.h - routed experts: how many distinct experts a batch touches under a popularity skew,
 * how uneven the expert-parallel ranks are (a table from experts.h), and the time of the
 * grouped GEMM of one layer on the slowest rank. Laws: cost-model.md sections 1 (distinct
 * experts), 2.3 (grouped GEMM) and 3 (imbalance); constants from hardware/kernels/moe.csv. */
#ifndef MOE_H
#define MOE_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/kernel.h"
#include "models/dtype.h"
#include "sim/cost/experts.h"

/* Expected values for a batch of `tokens` tokens in the expert-parallel group. */
struct moe_load {
    double distinct_all;  /* distinct experts hit in the layer */
    double distinct_rank; /* slots in use on the rank that uses most */
    double rows_mean;     /* routed rows per rank: tokens * top_k / ep */
    double imbalance;     /* slowest rank's rows / mean */
};

enum {
    MOE_GRID_DENSE = 64,   /* every batch size up to here, */
    MOE_GRID_OCTAVE = 16,  /* then so many per doubling */
    MOE_GRID_OCTAVES = 15, /* up to 2 M tokens */
    MOE_GRID_N = MOE_GRID_DENSE + MOE_GRID_OCTAVE * MOE_GRID_OCTAVES + 1,
};

/* Where the rows of a batch go. */
struct moe_routing {
    int n_experts, top_k, ep;
    struct experts_config experts;
    double *incl; /* one rank: [n_experts] inclusion probabilities, descending; sums to top_k */
    struct experts_table table;       /* more: by Monte-Carlo over layers */
    struct moe_load grid[MOE_GRID_N]; /* for moe_routing_at */
};

/* One rank: closed form for lognormal popularity at even quantiles; sigma 0: uniform. Uniform
 * check (test): E 256, k 8, 64 tokens -> 222 distinct. More ranks: sim/cost/experts.h. Heap;
 * free with moe_routing_free. */
struct moe_routing *moe_routing_new(const struct experts_config *experts);
void moe_routing_free(struct moe_routing *routing);
void moe_routing_load(const struct moe_routing *routing, double tokens, struct moe_load *load);
/* The same from a dense table, linear between its points: within 0.1 %, without libm calls. */
void moe_routing_at(const struct moe_routing *routing, int64_t tokens, struct moe_load *load);

struct moe_unit {
    struct moe_consts consts;
    double flops_per_s, bytes_per_s;
    double weight_bytes, act_bytes;
    double hidden, width; /* width: one expert's intermediate size on this rank */
    double top_k;
    int n_matrices; /* 3 gated, 2 plain */
    bool unpadded;  /* as in struct gemm_unit */
};
/* Peaks and element sizes for experts stored as (dtype, scheme, group) and computed by the
 * kernel of consts->key.dtype: w4a8_* computes in fp8, w4a16_* and int4_wo in bf16, nvfp4 in
 * fp4. */
void moe_unit_init(struct moe_unit *unit, const struct gpu *gpu,
                   const struct moe_consts *consts, enum dtype dtype, enum quant_scheme scheme,
                   int group);
/* Grouped GEMM module: `rows` routed rows over `distinct` experts on the rank, `tokens` tokens
 * seen by its router. Clamped to moe_floor_s. */
double moe_time_s(const struct moe_unit *unit, double tokens, double rows, double distinct);
double moe_law_s(const struct moe_unit *unit, double tokens, double rows, double distinct);
double moe_floor_s(const struct moe_unit *unit, double rows, double distinct);

#endif

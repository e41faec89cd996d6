/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gemm.h - time of one dense matrix product y[m,n] = x[m,k] w[k,n] on one GPU.
 *
 * Law: cost-model.md section 2.1, a p-norm of a compute and a memory roofline with tile
 * padding, wave quantisation, under-filled-GPU and activation-quantisation terms; constants per
 * (SKU, engine, dtype) from hardware/kernels/gemm.csv. Worked number (test_gemm): H100 vLLM
 * bf16, m 1, n 8192, k 28672: 470 MB of weights at 0.862 x 3.35 TB/s is 162.7 us, plus 3.35 us
 * launch = 166.1 us. */
#ifndef GEMM_H
#define GEMM_H

#include <stdbool.h>

#include "hardware/kernel.h"

/* A GPU and a number format, resolved once; the shapes vary per call. */
struct gemm_unit {
    struct gemm_consts consts;
    double flops_per_s; /* peak of the arithmetic format */
    double bytes_per_s; /* HBM peak */
    int n_sm;
    double weight_bytes; /* per weight, scales included */
    double act_bytes;    /* per activation element as the product reads it */
    bool static_scale;   /* activation quantisation is fused with the norm before */
    bool unpadded;  /* sizes are not rounded up to tiles: only validation's ablation asks for it
                     */
    double quant_s; /* launch of a quantisation kernel that the tables do not hold */
};

/* Peaks, element sizes and arithmetic format of weights in (dtype, scheme, group) on this GPU:
 * the one place that says what a constant is a fraction of. consts borrowed for the copy only.
 */
void gemm_unit_init(struct gemm_unit *unit, const struct gpu *gpu,
                    const struct gemm_consts *consts, enum dtype dtype,
                    enum quant_scheme scheme, int group);
/* Row key of kernels/gemm.csv: bf16, fp8, fp8_block, nvfp4. Weight-only formats (int4, mxfp4,
 * nvfp4 without fp4 units, fp8 without fp8 units) compute in bf16. */
const char *gemm_dtype_key(const struct gpu *gpu, enum dtype dtype, enum quant_scheme scheme);

/* Seconds, as it runs under CUDA graphs: the law with its fixed cost capped (tables are partly
 * collected launch by launch) and fused quantisation taken out. m, n, k >= 1. Never below
 * gemm_floor_s. */
double gemm_time_s(const struct gemm_unit *unit, double m, double n, double k);
/* The bare law of the tables (calibration fits this). */
double gemm_law_s(const struct gemm_unit *unit, double m, double n, double k);
/* Physical floor: operands read and result written once at peak bandwidth, 2mnk at peak rate.
 */
double gemm_floor_s(const struct gemm_unit *unit, double m, double n, double k);

#endif

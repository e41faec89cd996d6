/* kernel.h - fitted efficiency constants of kernels: hardware/kernels/ *.csv, one file per law
 * of cost-model.md section 2. Rows are keyed by (sku, engine, dtype, kernel), never by model.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "hardware/transfer.h"
#include "models/dtype.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

/* Where a constant comes from, for the evidence grade: the same SKU and engine, the same SKU
 * with another engine, or another SKU scaled by the datasheets. */
enum kernel_match { MATCH_EXACT, MATCH_ENGINE, MATCH_SKU };

struct kernel_key {
    const char *sku;     /* gpus.csv name */
    const char *engine;  /* vllm | sglang | trtllm */
    const char *version; /* of the measured tables, e.g. 0.24.0 */
    const char *dtype;   /* gemm, moe: bf16 fp8 (tensor) fp8_block nvfp4 mxfp4 w4a16 int4 ...;
                            attention: KV dtype */
    const char
        *kernel; /* "" or the kernel family, e.g. "triton", "cutlass", "trtllm-gen", "marlin" */
    const char *source;
    double err_median_frac; /* held-out (or in-sample) median absolute error; NaN unknown */
};

/* GEMM law (cost-model.md 2.1). */
struct gemm_consts {
    struct kernel_key key;
    double t0_s, ec, em, p, k0, wq_exp, occ_exp, eq; /* eq 0: no activation quantisation term */
};
/* Attention laws (2.2): phase "decode" or "prefill", kind "gqa" or "mla". Kernels are compiled
 * per head size and take another path under a short sliding window, so each has rows of its
 * own. occ_exp is the occupancy exponent of decode and the weight of the last tile in prefill
 * (sim/cost/attention.h). */
struct attn_consts {
    struct kernel_key key;
    bool is_prefill, is_mla, is_windowed;
    int head_dim; /* 0: any */
    double t0_s, em, ec, p, occ_exp, tw_s, k0;
};
/* Grouped GEMM law (2.3). */
struct moe_consts {
    struct kernel_key key;
    double t0_s, ec, em, p, ea, b0, td_s, i0, et;
};

struct kernel_set {
    struct gemm_consts *gemm;
    struct attn_consts *attn;
    struct moe_consts *moe;
    int n_gemm, n_attn, n_moe;
    struct transfer_table transfers; /* for constants that stand in on another GPU */
};

/* The key of row i of one law's rows. */
const struct kernel_key *kernel_gemm_key(const struct kernel_set *set, int i);
const struct kernel_key *kernel_attn_key(const struct kernel_set *set, int i);
const struct kernel_key *kernel_moe_key(const struct kernel_set *set, int i);

bool kernel_set_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct kernel_set *set, struct err *err);

/* The constants for a GPU: exact (sku, engine, dtype), else the same SKU with another engine
 * (in the order of the file), else the GPU named by gpu->nearest (then ITS nearest) with the
 * same rules. Since the laws use fractions of peak, constants carry over unscaled except t0.
 * NULL only when no row has the dtype at all; then callers fall back to bf16. kernel NULL or
 * "": first row wins. */
const struct gemm_consts *kernel_gemm(const struct kernel_set *set, const struct gpu_list *gpus,
                                      const struct gpu *gpu, const char *engine,
                                      const char *dtype, enum kernel_match *match);
const struct attn_consts *kernel_attn(const struct kernel_set *set, const struct gpu_list *gpus,
                                      const struct gpu *gpu, const char *engine,
                                      bool is_prefill, bool is_mla, const char *kv_dtype,
                                      enum kernel_match *match);
/* The attention kernel for a head size and span: of the rows that fit otherwise the nearest
 * head size, preferring those with (without) a window. kernel_attn asks for 128 and no window.
 */
struct attn_want {
    bool is_prefill, is_mla, is_windowed;
    int head_dim;
    const char *kv_dtype;
};
const struct attn_consts *kernel_attn_for(const struct kernel_set *set,
                                          const struct gpu_list *gpus, const struct gpu *gpu,
                                          const char *engine, const struct attn_want *want,
                                          enum kernel_match *match);
const struct moe_consts *kernel_moe(const struct kernel_set *set, const struct gpu_list *gpus,
                                    const struct gpu *gpu, const char *engine,
                                    const char *dtype, const char *kernel,
                                    enum kernel_match *match);
/* Of "a+b" (the engine takes the faster of two kernels) kernel_moe finds "a"; this returns "b",
 * or NULL when there is only one. */
const char *kernel_moe_other(const char *kernel);
/* Is this the kernel wanted? Of "a+b" the first counts. */
bool kernel_moe_is(const char *kernel, const char *wanted);
/* Sets of another law ("nongated"), never taken in place of others. */
bool kernel_moe_by_name_only(const struct kernel_key *key);

#endif

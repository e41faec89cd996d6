/* SPDX-License-Identifier: GPL-3.0-or-later */
/* toy.h - a small model on a small GPU, built by hand, so that the serving tests need no
 * catalogue: four layers, some of which may see a window or a chunk only, with blocks of a few
 * tokens. */
#ifndef TOY_H
#define TOY_H

#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "models/model.h"
#include "sim/cost/step.h"
#include "sim/serve/cluster.h"
#include "sim/serve/replica.h"

enum toy_spans { TOY_FULL, TOY_SLIDING, TOY_CHUNKED, TOY_BOTH };
enum { TOY_BLOCK_TOKENS = 16, TOY_WINDOW_TOKENS = 48, TOY_CHUNK_TOKENS = 64 };

struct toy {
    struct model model;
    struct gpu gpu;
    struct gpu_list gpus;
    struct gemm_consts gemm;
    struct attn_consts attn[2];
    struct kernel_set kernels;
    struct fabric fabric;
    struct step_model *step;
    struct replica_config replica; /* vLLM, no prefix cache, KV for n_kv_tokens */
};

/* dp lock-step ranks; a pool of n_kv_tokens on each. toy_fini frees. */
void toy_init(struct toy *toy, enum toy_spans spans, int dp, int64_t n_kv_tokens);
void toy_fini(struct toy *toy);
/* Makes it a pipeline of pp stages (at most its layers: 2 to 4); the cache stays as it is. */
void toy_stages(struct toy *toy, int pp);

/* A class with constant lengths; the caller changes what it wants otherwise. */
struct load_class toy_class(enum load_process process, int64_t prompt_tokens,
                            int64_t output_tokens);
/* No limits: every completed request is good. For up to 4 classes. */
extern const struct request_limits toy_limits[4];

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* footprint.h - the memory budget of one GPU of a deployment, and what is left for the KV cache
 * under the rules of the engine (cost-model.md section 5). All bytes per GPU (rank). Of a
 * pipeline it is a GPU of the stage that has room for the fewest tokens: all stages cache the
 * same tokens, so it decides for all. */
#ifndef FOOTPRINT_H
#define FOOTPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/engine.h"
#include "hardware/gpu.h"
#include "models/model.h"
#include "sim/cost/kv_layout.h"

struct footprint_config {
    const struct model *model;
    struct checkpoint checkpoint;
    enum dtype kv; /* resolved */
    const struct gpu *gpu;
    enum engine_kind engine;
    struct engine_defaults
        defaults; /* resolved for engine, version, GPU; knobs already overridden */
    int tp, pp, ep, dp;
    int stage; /* footprint_compute looks at each; footprint_weights at this one, whose layers
                  model has */
    int64_t max_model_len;
    int64_t max_batched_tokens, max_seqs;
    double mem_util_frac; /* as the engine means it; NaN: the engine's rule */
    bool cuda_graphs;
    bool windows_freed;
    int64_t redundant_experts; /* per layer, over all ranks */
    bool rebalances;           /* experts change places: one layer's slots as staging buffer */
    const struct model *draft; /* a model of its own that drafts; NULL: the layer or head */
    struct checkpoint draft_checkpoint;
    int draft_tokens; /* drafted per step by layers that are loaded too; 0: off */
};

struct footprint {
    double total_bytes;   /* of the GPU, usable */
    double weights_bytes; /* all of the following */
    double attn_bytes, dense_bytes, experts_bytes, embedding_bytes, other_bytes;
    double activations_bytes; /* peak of a step at the token budget */
    double graphs_bytes, comm_bytes, context_bytes;
    double kv_bytes;      /* pool; 0 when it does not fit */
    double free_bytes;    /* left by the engine's utilisation rule */
    double missing_bytes; /* how much short of weights + overheads + one longest sequence */
    struct kv_layout kv;
    struct kv_layout all_kv; /* of one GPU, as if it had the layers of all pipeline stages */
    int64_t kv_tokens;       /* capacity in tokens of long sequences: pool / bytes per token */
    int64_t longest_tokens;  /* one sequence alone */
    int64_t max_sequences;   /* of max_model_len each */
    bool fits;               /* weights and one sequence of max_model_len */
    char reason[160];        /* why not, or what binds; "" when it fits */
};

void footprint_compute(const struct footprint_config *cfg, struct footprint *out);

/* Weight bytes of one rank by part; *out's first group of fields is filled. */
void footprint_weights(const struct footprint_config *cfg, struct footprint *out);
/* Buffer of a rank for experts that change places; 0 without rebalancing. */
double footprint_staging_bytes(const struct footprint_config *cfg);

#endif

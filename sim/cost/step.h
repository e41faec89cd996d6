/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step.h - what one engine iteration costs: a sum over operators of the laws in gemm,
 * attention, moe and the collectives, for one model on one GPU type in one parallel layout
 * under one engine.
 *
 * A step_model is read-only once built and may be shared by threads. What depends on the token
 * count alone is tabulated on first use in a step_cache (one per simulation); what depends on
 * contexts is a function of running sums. So step_time_s is O(ranks), without libm calls in a
 * decode step. Ignores: power throttling, memory fragmentation, host jitter.
 *
 * Pipeline parallelism: the model of a pipeline has one model per stage besides. step_time_s is
 * then one pass through all stages without the hops between them; step_stages_s the time of
 * each stage. A stage gathers what it receives over its tensor-parallel ranks. */
#ifndef STEP_H
#define STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/engine.h"
#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "models/model.h"
#include "sim/base/mem.h"
#include "sim/cost/attention.h"
#include "sim/cost/gemm.h"
#include "sim/cost/moe.h"
#include "sim/cost/pipeline.h"
#include "sim/cost/routings.h"

enum {
    STEP_MAX_SPANS =
        6, /* distinct (span, window) pairs of a model; entry 0 is the full context */
    STEP_MAX_KINDS = 12,     /* distinct attention kinds */
    STEP_EXACT_TOKENS = 256, /* above: linear inside each 128-token tile */
    STEP_MAX_TOKENS = 1 << 20,
    STEP_MAX_CONSTANTS = 48, /* rows of kernel constants in use */
};

/* Operator groups of breakdown.csv. */
enum op_group {
    OP_ATTENTION,
    OP_DENSE, /* projections, dense and shared MLPs, head */
    OP_EXPERTS,
    OP_IMBALANCE, /* waiting for the slowest expert rank */
    OP_ALLREDUCE,
    OP_ALLTOALL,
    OP_BUBBLE,
    OP_HOST,
    OP_OTHER, /* norms, activations, embedding, sampling */
    OP_N,
};
extern const char *const op_group_names[];

/* Effects left out, for validation's ablation table; all false: the model as it is. */
struct step_without {
    bool tile_padding;
    bool distinct_experts; /* every step reads every expert */
};

struct step_config {
    const struct model *model;
    struct checkpoint checkpoint;
    enum dtype kv;
    const struct gpu *gpu;
    const struct gpu_list *gpus;
    const struct kernel_set *kernels;
    const struct fabric *fabric;
    const struct engine_table *engines; /* for the MoE backend */
    enum engine_kind engine;
    const char *engine_version;
    struct engine_defaults defaults; /* resolved overheads */
    const char *moe_backend;         /* kernel name, "" auto */
    int tp, pp, ep, dp;
    /* between servers, for hops of a pipeline; all 0: not known, fabric_path's assumption */
    struct link_path network;
    double oversubscription; /* of it under dispatch to experts, at which all GPUs send at once;
                                up to 1: none */
    struct step_without without;
    struct routings *routings;                     /* NULL: the model draws its own */
    double skew_sigma;                             /* lognormal sigma of expert popularity */
    int64_t redundant_experts;                     /* per layer, over all ranks */
    double drift_s, drift_share_frac, rebalance_s; /* as struct experts_config */
    const struct model *draft; /* a dense model of its own that drafts; NULL: a layer */
    struct checkpoint draft_checkpoint;
    int draft_tokens; /* speculative decoding: tokens drafted and verified beside the next one
                         by a layer (MTP, EAGLE) of model_draft_layer; 0: off */
    bool cuda_graphs;
    /* A step runs as two halves, one in its layers while the other's tokens are dispatched and
     * combined (SGLang --enable-two-batch-overlap, vLLM --enable-dbo): kernels run twice on
     * half the tokens, and the shorter of compute and all-to-all hides behind the longer. */
    bool two_batch_overlap;
    bool truncated_sampling; /* requests sample by top-p or top-k: logits are sorted */
    /* measured correction of every step, T' = scale x T + offset; scale 0: none */
    double step_scale, step_offset_s;
};

/* A span of context that some layers see. */
struct span_class {
    enum attn_span span;
    int64_t window_tokens;
};

struct step_kind {
    struct attn_unit unit;
    int n_layers;
    int span;         /* index of span_class */
    double ctx_scale; /* 1, or 1 / compress_ratio */
    int recent;   /* span of the uncompressed tokens read beside a compressed cache; -1 none */
    bool indexed; /* has an indexer of its own (a reused selection costs nothing) */
    int64_t topk_tokens; /* context beyond which the indexer runs */
    /* MLA: re-expansion of the latent cache, per launch and per key */
    double prefill_up_s, prefill_up_per_key_s;
};

/* A row of kernel constants that the model rests on. */
struct step_constant {
    const char *law; /* "gemm", "attention" or "moe" */
    const struct kernel_key *key;
    enum kernel_match match;
};

struct step_group; /* resolved MLP and projections of one layer group; defined in step.c */

struct step_model {
    struct step_config cfg;
    struct span_class spans[STEP_MAX_SPANS];
    int n_spans;
    struct step_kind *kinds; /* [n_kinds]; large, and mostly one or two */
    int n_kinds;
    struct step_group *groups;
    int n_groups;
    struct gemm_unit head;
    struct step_constant constants[STEP_MAX_CONSTANTS];
    int n_constants;
    enum kernel_match match;  /* the worst of all constants used */
    double transfer_p90_frac; /* error to expect of constants of other GPUs; 0: none used */
    double pass_launches;     /* kernels of one pass without CUDA graphs */
    double weight_bytes_rank; /* of all layers on one rank, for the floor */
    const char *moe_kernel;   /* chosen, "" when dense */
    struct arena *own;        /* of own_routings, when the configuration lends none */
    struct routings *own_routings;
    struct step_model **stages;     /* [cfg.pp]; NULL: one stage, the model itself */
    struct pipeline_hop *hops;      /* [cfg.pp - 1]: behind each stage but the last */
    const struct step_model *whole; /* of a stage or a draft: what it belongs to; NULL */
    struct model *part;             /* ... and its layers */
    struct step_model *draft;       /* one layer that drafts for this one; NULL */
    int stage;                      /* ... and which it is; 0 otherwise */
};

/* What one rank runs in an iteration. */
struct step_batch {
    int64_t n_decode;
    int64_t n_prefill_tokens;
    int64_t n_sample;                  /* sequences that get a token this step */
    double ctx_tokens[STEP_MAX_SPANS]; /* decode contexts inside each span, summed */
    struct prefill_sums prefill[STEP_MAX_SPANS];
};

/* NULL with err when a layout does not divide the model. Heap; step_model_free. */
struct step_model *step_model_new(const struct step_config *cfg, struct err *err);
void step_model_free(struct step_model *model);
/* Routings of the expert layers, from 0; NULL behind the last. */
const struct moe_routing *step_routing(const struct step_model *model, int idx);

/* Time of everything that depends only on the token count, by operator group: m tokens on this
 * rank, M in the expert group (M = m unless attention data parallelism). parts[OP_N] is
 * overwritten. */
void step_token_parts(const struct step_model *model, double m, double *parts);
void step_moe_parts(const struct step_model *model, double m_group, double *parts);
void step_head_parts(const struct step_model *model, double n_sample, double *parts);
/* Of step_moe_parts, dispatch and combine alone. */
void step_alltoall_parts(const struct step_model *model, double m_group, double *parts);

struct step_cache {
    const struct step_model *model;
    int64_t max_tokens;               /* of one rank */
    double *token_s, *moe_s, *head_s; /* NaN until needed */
    double *alltoall_s;               /* two_batch_overlap; else NULL */
    uint32_t *token_n, *moe_n,
        *head_n; /* steps by size on the rank that set the pace: the breakdown */
    double attention_s, host_s, kv_floor_s; /* summed over iterations */
    double encoder_s;                       /* vision encoder, added by the replica */
    double hidden_s;           /* summed: all-to-all behind the other half's layers */
    double law_s, corrected_s; /* summed, of a corrected model: before and after */
    int64_t n_steps;
    int64_t graph_limit;       /* largest captured batch */
    struct step_cache *stages; /* [n_stages]; none without a pipeline */
    int n_stages;
    struct step_cache *draft; /* of the model that drafts; NULL: none */
    double pipeline_busy_s;   /* time with something in the pipeline, summed by who runs it */
};
void step_cache_init(struct step_cache *cache, const struct step_model *model,
                     int64_t max_tokens);
void step_cache_fini(struct step_cache *cache);

/* One iteration of `n_ranks` lock-step ranks (cfg.dp of them; idle ranks have empty batches).
 */
double step_time_s(struct step_cache *cache, const struct step_batch *batches, int n_ranks);
/* A micro-batch of a pipeline: stage_s[pp] is the time it takes on each stage, without the
 * engine's own. batches[n_ranks] is scratch: n_sample is lost. */
void step_stages_s(struct step_cache *cache, struct step_batch *batches, int n_ranks,
                   double *stage_s);
/* What the engine core takes to plan a micro-batch and hand its tokens on. */
double step_core_s(const struct step_cache *cache, const struct step_batch *batches,
                   int n_ranks);
/* Time by operator group over all steps so far. Of a pipeline: the mean over its stages, and
 * the rest of pipeline_busy_s is bubble (stages that wait for each other and for hops). */
void step_breakdown(const struct step_cache *cache, double *parts);
/* What all steps so far had to do at the very least, on the rank that set the pace (of a
 * pipeline: the mean over its stages): weights of
 * the touched layers and experts and the cache read once per step at peak bandwidth, arithmetic
 * at peak rate. Neither may exceed the busy time; their shares of it are MBU and MFU. */
struct step_work {
    double memory_s, compute_s;
};
void step_work(const struct step_cache *cache, struct step_work *out);

/* Adds the chunk [p, p + c) of one prompt to a batch. */
void step_add_chunk(const struct step_model *model, struct step_batch *batch, int64_t p,
                    int64_t c);
/* ---- gliding: decode steps of one rank whose requests stay the same. What depends on their
 * number alone is looked up once; the cache has counted the steps after step_glide_end. */

/* One attention kind of them. */
struct glide_kind {
    struct attn_piece law;
    double n_layers, ctx_scale, floor_per_ctx_s;
    int span, recent;
    bool indexed;
};
struct step_glide {
    struct step_cache *cache;
    struct glide_kind kinds[STEP_MAX_KINDS];
    int n_kinds;
    double n;       /* requests */
    int64_t tokens; /* computed: the batch, padded to a captured graph */
    double token_s, head_s, moe_s, host_s, launch_s;
    bool corrected; /* by measurements of the deployment */
    uint32_t n_steps;
};
bool step_can_glide(const struct step_model *model);
/* batch: n_decode = n_sample > 0, no prefill. */
void step_glide_begin(struct step_glide *glide, struct step_cache *cache,
                      const struct step_batch *batch);
void step_glide_end(const struct step_glide *glide);
/* What step_glide_s leaves: another piece of a kind's law, its indexer, and a correction. */
void step_glide_piece(struct step_glide *glide, int kind, double entries);
double step_glide_index_s(const struct step_glide *glide, int kind, const double *ctx_tokens);
double step_glide_corrected_s(struct step_glide *glide, double law_s, double kv_floor_s);

/* step_time_s, to the bit, of a batch with these contexts (as step_batch.ctx_tokens). Inline:
 * most simulated steps are such. */
__attribute__((always_inline)) static inline double step_glide_s(struct step_glide *g,
                                                                 const double *ctx_tokens)
{
    struct step_cache *c = g->cache;
    double attention = 0.0;
    double kv = 0.0;
    for (int i = 0; i < g->n_kinds; i++) {
        const struct glide_kind *k = &g->kinds[i];
        double entries = ctx_tokens[k->span] * k->ctx_scale;
        entries = k->recent < 0 ? entries : entries + ctx_tokens[k->recent];
        if (UNLIKELY(!(entries >= k->law.from_tokens && entries < k->law.until_tokens))) {
            step_glide_piece(g, i, entries);
        }
        double t = k->law.start_s + entries * k->law.per_ctx_s;
        if (UNLIKELY(k->indexed)) {
            t += step_glide_index_s(g, i, ctx_tokens);
        }
        attention += k->n_layers * t;
        kv += k->floor_per_ctx_s * entries;
    }
    double t = attention + g->token_s + g->head_s + g->moe_s;
    double longer = t > g->launch_s ? t : g->launch_s; /* a maximum: no branch to guess */
    double host = g->host_s + (longer - t);
    g->n_steps++;
    c->attention_s += attention;
    c->kv_floor_s += kv;
    c->host_s += host;
    return UNLIKELY(g->corrected) ? step_glide_corrected_s(g, t + host, kv) : t + host;
}

/* Context tokens a decode at context length l sees inside a span. */
static inline double span_tokens(const struct span_class *span, int64_t l)
{
    if (span->span == SPAN_FULL) {
        return (double)l;
    }
    if (span->span == SPAN_CHUNKED) {
        return (double)((l - 1) % span->window_tokens + 1);
    }
    return (double)(l < span->window_tokens ? l : span->window_tokens);
}

#endif

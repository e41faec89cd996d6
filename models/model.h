/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model.h - a language model's architecture as serving sees it: groups of identical layers,
 * each with an attention and an MLP part, and the formulas that follow from them (parameters,
 * KV bytes). Files: models/<name>.json in Hugging Face config.json field names plus one
 * "headroom" object. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "models/draft.h"
#include "models/dtype.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum attn_kind {
    ATTN_GQA,    /* multi-head, grouped or multi-query attention */
    ATTN_MLA,    /* multi-head latent attention (DeepSeek V2/V3 and kin) */
    ATTN_LINEAR, /* gated delta rule: constant state per sequence, no growing KV */
};
enum attn_span {
    SPAN_FULL,
    SPAN_SLIDING, /* sees the last `window_tokens` */
    SPAN_CHUNKED, /* Llama 4: sees tokens since the last multiple of `window_tokens` */
};

struct attn_spec {
    enum attn_kind kind;
    enum attn_span span;
    int64_t window_tokens; /* SPAN_SLIDING, SPAN_CHUNKED */
    int n_heads, n_kv_heads;
    int head_dim, v_head_dim; /* head_dim of Q and K; MLA: qk_nope + qk_rope */
    bool qkv_bias, qk_norm;
    bool qk_norm_full; /* the norm runs over all heads: needs an all-reduce under TP */
    bool output_gate;  /* Qwen3.5, Kimi K3: an extra gate projection of n_heads * v_head_dim */
    bool k_eq_v;       /* Gemma 4: no V projection, V is K (both are cached) */
    /* MLA */
    int q_lora_rank; /* 0: direct Q projection */
    int kv_lora_rank, qk_nope_dim, qk_rope_dim;
    bool latent_only; /* DeepSeek V4: the cached entry is K and V itself, no kv_b expansion */
    /* sparse attention with an indexer (DeepSeek V3.2, GLM 5, MiniMax M3): 0 when absent. top-k
     * without index heads: the layer reuses the selection of an earlier layer (GLM 5.2). With
     * compress_ratio, index_topk_tokens counts cached entries. */
    int index_n_heads, index_head_dim;
    int64_t index_topk_tokens;
    int index_block_tokens; /* tokens selected together: 1, MiniMax M3 128 */
    /* linear attention */
    int lin_key_heads, lin_value_heads, lin_key_dim, lin_value_dim, lin_conv_kernel;
    int lin_decay_rank; /* Kimi delta attention: low-rank decay per channel; 0: one per head */
    /* compressed KV (DeepSeek V4): one cached entry per `compress_ratio` tokens, besides the
     * last `window_tokens` uncompressed; 0 or 1: none */
    int compress_ratio;
    int o_groups, o_lora_rank; /* grouped low-rank output projection (DeepSeek V4); 0: plain */
};

struct mlp_spec {
    bool is_moe;
    int64_t intermediate;        /* dense width; for MoE layers that of one routed expert */
    int n_experts, top_k;        /* is_moe */
    int64_t expert_hidden;       /* width routed experts work at (Kimi K3); 0: the model's */
    int64_t shared_intermediate; /* summed width of all shared experts; 0: none */
    int n_shared;
    int n_matrices; /* 3 gated (SwiGLU), 2 plain */
};

struct layer_group {
    int n_layers;
    struct attn_spec attn;
    struct mlp_spec mlp;
};

/* One published checkpoint: which parts are stored and computed in which format. */
struct checkpoint {
    const char *name;   /* Hugging Face id or "" */
    enum dtype weights; /* what a scenario asks for: bf16, fp8, nvfp4, ... */
    enum quant_scheme scheme;
    int group; /* elements per scale along K (QUANT_GROUP) */
    /* format per part; the embedding is always bf16 */
    enum dtype attn, dense, experts, shared, lm_head;
    int n_bf16_edge_layers; /* first + last layers left unquantised (Llama 3.1 405B FP8) */
    bool estimated;         /* not read from a published checkpoint: our assumption */
    const char *source;
};

/* A measured or published fact of expert popularity; the cost model and validate use it. */
struct moe_skew {
    double sigma; /* lognormal sigma of expert popularity */
    double sigma_lo, sigma_hi;
    bool estimated;
    const char *source;
};

enum {
    MODEL_MAX_GROUPS = 24,
    MODEL_MAX_LAYERS = 1024,
    MODEL_MAX_CHECKPOINTS = 8,
    MODEL_MAX_ALIASES = 12
};

struct model {
    const char *name; /* file name without .json, e.g. "llama-4-scout" */
    const char *hf_id;
    const char *family; /* config.json model_type, e.g. "llama4" */
    const char *aliases[MODEL_MAX_ALIASES];
    int n_aliases;
    int n_layers;
    int64_t hidden, vocab, max_context_tokens;
    bool tie_embeddings;
    enum dtype native; /* the checkpoint's own format ("auto") */
    struct layer_group groups[MODEL_MAX_GROUPS];
    int n_groups;
    unsigned char group_of[MODEL_MAX_LAYERS]; /* index of the group of each layer, in depth */
    int mtp_layers;       /* multi-token-prediction layers in the checkpoint */
    double mtp_params;    /* their parameters, not in total */
    double vision_params; /* vision tower; 0: text only, or not described */
    double
        image_patches_per_token; /* patches the tower sees for each prompt token of an image */
    double published_total, published_active; /* parameters; 0: not published */
    struct checkpoint checkpoints[MODEL_MAX_CHECKPOINTS];
    int n_checkpoints;
    struct moe_skew skew;
    struct draft_acceptance acceptance; /* of its draft layers or head, where measured */
    /* its generation_config.json asks for top-p or top-k, which the file quotes: a server that
     * follows it sorts the logits of requests that do not say otherwise */
    bool truncated_sampling;
    const char *source;
    const char *as_of; /* ISO date */
    const char *file;  /* where it was read from */
};

/* Reads one file; NULL with err when it is malformed or of an architecture not modelled (the
 * message names the architecture). The model lives in the arena. */
struct model *model_load(struct arena *arena, const char *path, struct err *err);

/* Finds a model by file name, Hugging Face id, alias, stripped id (owner, case, dates,
 * -Instruct, -hf and quantisation suffixes ignored) or path of a config.json, in the catalogue
 * directories dirs[n_dirs] (each holding models/ *.json; first wins). Unknown: err suggests the
 * nearest. */
struct model *model_find(struct arena *arena, const char *const *dirs, int n_dirs,
                         const char *name, struct err *err);
/* All catalogue names, sorted; *n set. */
const char **model_list(struct arena *arena, const char *const *dirs, int n_dirs, int *n,
                        struct err *err);

/* The checkpoint of these weights (DTYPE_AUTO: native). When none is published in that format,
 * fills *out with an estimated scheme (all linear layers quantised, embedding, head, router and
 * norms bf16) and estimated = true. False with err when the format makes no sense (fp32, auto
 * without native). */
bool model_checkpoint(const struct model *m, enum dtype weights, struct checkpoint *out,
                      struct err *err);
/* As above, preferring a checkpoint whose Hugging Face id matches `name` (e.g.
 * "nvidia/DeepSeek-R1-0528-FP4-V2"). */
bool model_checkpoint_named(const struct model *m, enum dtype weights, const char *name,
                            struct checkpoint *out, struct err *err);

/* Same attention, same MLP in every field. */
bool attn_spec_same(const struct attn_spec *a, const struct attn_spec *b);
bool mlp_spec_same(const struct mlp_spec *a, const struct mlp_spec *b);

/* Parameter counts (elements). attn: projections incl. indexer and q/k norms; per layer of the
 * group. */
double attn_params(const struct model *m, const struct attn_spec *a);
/* The whole layer incl. router; active: top_k and shared experts only. */
double mlp_params(const struct model *m, const struct mlp_spec *p);
double mlp_active_params(const struct model *m, const struct mlp_spec *p);
double model_total_params(const struct model *m); /* text + vision, without MTP */
double model_active_params(const struct model *m, bool with_embedding);
bool model_is_moe(const struct model *m);
/* The layer that drafts tokens, as a model of one layer: that of the checkpoint (MTP), which is
 * of the kind of the last layer; or of a model without one that of a head trained beside it
 * (EAGLE), where a dense MLP as wide as what a token passes stands for experts. Besides come
 * 2 hidden^2 parameters that join embedding and hidden state; embedding and head are shared. */
void model_draft_layer(const struct model *m, struct model *layer);
/* Its parameters, all of them. Llama 3.1 8B: 218.1e6 + 2 * 4096^2 = 251.7e6. */
double model_draft_params(const struct model *m);
int model_moe_layers(const struct model *m);
const struct mlp_spec *model_moe_spec(const struct model *m); /* first MoE group's, or NULL */

/* KV bytes one token adds in one layer of this kind, on one rank of tp (GQA: max(1, n_kv/tp)
 * heads; MLA: not divided; indexer cache included: head_dim + 4 bytes). Linear: 0. */
double attn_kv_bytes(const struct attn_spec *a, enum dtype kv, int tp);
/* Constant state bytes of one sequence on one rank: recurrent and convolution state of a linear
 * layer, the uncompressed window (bf16) of a compressed layer, 0 otherwise. */
double attn_state_bytes(const struct attn_spec *a, int tp);
/* Bytes per token over all layers on one rank; growing_only: only SPAN_FULL layers. */
double model_kv_bytes(const struct model *m, enum dtype kv, int tp, bool growing_only);

#endif

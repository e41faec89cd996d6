/* SPDX-License-Identifier: GPL-3.0-or-later */
/* model_params.c - parameter counts and cache bytes that follow from an architecture. All
 * counts are matrix elements plus the norms; biases of MLPs, attention sinks, rotary tables and
 * hyper-connection mixing matrices (< 0.1 % of any model) are left out. O(number of layer
 * groups). */
#include "models/model.h"

#include <string.h>

/* The indexer of sparse attention: queries from the Q latent when there is one (else from the
 * hidden state), one shared key head with its norm, one weight per head (latent attention
 * only). DeepSeek V3.2: 1536 * 64 * 128 + 7168 * 128 + 7168 * 64 = 13.96e6 per layer. */
static double indexer_params(double hidden, const struct attn_spec *a)
{
    double dim = a->index_head_dim;
    double query_in = a->q_lora_rank > 0 ? (double)a->q_lora_rank : hidden;
    double params = query_in * a->index_n_heads * dim;
    if (a->index_n_heads == 0) {
        return 0.0;
    }
    if (a->kind == ATTN_MLA) {
        params += hidden * a->index_n_heads;
    }
    /* a compressed key comes from two overlapping groups, each with its own gate */
    return params + (a->compress_ratio > 1 ? 4.0 * hidden * dim : hidden * dim + 2.0 * dim);
}

static double gqa_params(double hidden, const struct attn_spec *a)
{
    double q = (double)a->n_heads * a->head_dim;
    double k = (double)a->n_kv_heads * a->head_dim;
    double v = (double)a->n_kv_heads * a->v_head_dim;
    double out = (double)a->n_heads * a->v_head_dim;
    double params = hidden * (q + k + (a->k_eq_v ? 0.0 : v)) + out * hidden;
    if (a->output_gate) {
        params += hidden * out;
    }
    if (a->qkv_bias) {
        params += q + k + v;
    }
    if (a->qk_norm) {
        params += a->qk_norm_full ? q + k : 2.0 * a->head_dim;
    }
    return params;
}

/* KV side of latent attention: the down projection, then the expansion of the latent to K and V
 * heads. DeepSeek V4 attends to the cached entry itself; what it adds is the compressor (value
 * and gate per compressed entry; ratio 4 compresses two overlapping groups). */
static double mla_kv_params(double hidden, const struct attn_spec *a)
{
    double params = hidden * (a->kv_lora_rank + a->qk_rope_dim) + a->kv_lora_rank;
    if (!a->latent_only) {
        return params + (double)a->kv_lora_rank * a->n_heads * (a->qk_nope_dim + a->v_head_dim);
    }
    if (a->compress_ratio > 1) {
        params += (a->index_n_heads > 0 ? 4.0 : 2.0) * hidden * a->head_dim;
    }
    return params;
}

static double mla_params(double hidden, const struct attn_spec *a)
{
    double q = (double)a->n_heads * (a->qk_nope_dim + a->qk_rope_dim);
    double out = (double)a->n_heads * a->v_head_dim;
    double params = mla_kv_params(hidden, a);
    if (a->q_lora_rank > 0) {
        params += hidden * a->q_lora_rank + a->q_lora_rank * q + a->q_lora_rank;
    } else {
        params += hidden * q;
    }
    if (a->o_groups > 0) {
        params += out * a->o_lora_rank + (double)a->o_groups * a->o_lora_rank * hidden;
    } else {
        params += out * hidden;
    }
    return params + (a->output_gate ? hidden * out : 0.0);
}

/* Gated delta rule: q, k, v and an output gate, decay and beta per head (or low-rank decay per
 * key channel), a short convolution over q, k and v. */
static double linear_params(double hidden, const struct attn_spec *a)
{
    double keys = (double)a->lin_key_heads * a->lin_key_dim;
    double values = (double)a->lin_value_heads * a->lin_value_dim;
    double params = hidden * (2.0 * keys + 2.0 * values) + values * hidden;
    params += hidden * a->lin_value_heads;
    if (a->lin_decay_rank > 0) {
        params += (hidden + keys) * a->lin_decay_rank;
    } else {
        params += hidden * a->lin_value_heads;
    }
    return params + a->lin_conv_kernel * (2.0 * keys + values) + a->lin_value_dim;
}

double attn_params(const struct model *m, const struct attn_spec *a)
{
    double hidden = (double)m->hidden;
    switch (a->kind) {
    case ATTN_MLA:
        return mla_params(hidden, a) + indexer_params(hidden, a);
    case ATTN_LINEAR:
        return linear_params(hidden, a);
    case ATTN_GQA:
        break;
    }
    return gqa_params(hidden, a) + indexer_params(hidden, a);
}

/* Everything of an MLP layer that every token passes: dense or shared experts, router, and the
 * projections in front of and behind narrowed routed experts. */
static double mlp_common_params(const struct model *m, const struct mlp_spec *p)
{
    double hidden = (double)m->hidden;
    double params = (double)p->n_matrices * hidden * (double)p->shared_intermediate;
    if (!p->is_moe) {
        return params + (double)p->n_matrices * hidden * (double)p->intermediate;
    }
    params += hidden * p->n_experts;
    return p->expert_hidden > 0 ? params + 2.0 * hidden * (double)p->expert_hidden : params;
}

static double expert_params(const struct model *m, const struct mlp_spec *p)
{
    double width = (double)(p->expert_hidden > 0 ? p->expert_hidden : m->hidden);
    return (double)p->n_matrices * width * (double)p->intermediate;
}

double mlp_params(const struct model *m, const struct mlp_spec *p)
{
    return mlp_common_params(m, p) + (p->is_moe ? p->n_experts * expert_params(m, p) : 0.0);
}

double mlp_active_params(const struct model *m, const struct mlp_spec *p)
{
    return mlp_common_params(m, p) + (p->is_moe ? p->top_k * expert_params(m, p) : 0.0);
}

static double embedding_params(const struct model *m)
{
    return (double)m->vocab * (double)m->hidden;
}

double model_total_params(const struct model *m)
{
    double hidden = (double)m->hidden;
    double total =
        embedding_params(m) * (m->tie_embeddings ? 1.0 : 2.0) + hidden + m->vision_params;
    for (int i = 0; i < m->n_groups; i++) {
        const struct layer_group *g = &m->groups[i];
        total +=
            g->n_layers * (attn_params(m, &g->attn) + mlp_params(m, &g->mlp) + 2.0 * hidden);
    }
    return total;
}

/* The output head is read for every token, the embedding only one row of it; publishers mix the
 * two counts. A tied table is the head, so it counts in both. */
double model_active_params(const struct model *m, bool with_embedding)
{
    double hidden = (double)m->hidden;
    double total =
        embedding_params(m) * (with_embedding && !m->tie_embeddings ? 2.0 : 1.0) + hidden;
    for (int i = 0; i < m->n_groups; i++) {
        const struct layer_group *g = &m->groups[i];
        double layer = attn_params(m, &g->attn) + mlp_active_params(m, &g->mlp) + 2.0 * hidden;
        total += g->n_layers * layer;
    }
    return total;
}

bool model_is_moe(const struct model *m)
{
    return model_moe_spec(m) != NULL;
}

int model_moe_layers(const struct model *m)
{
    int n = 0;
    for (int i = 0; i < m->n_groups; i++) {
        n += m->groups[i].mlp.is_moe ? m->groups[i].n_layers : 0;
    }
    return n;
}

const struct mlp_spec *model_moe_spec(const struct model *m)
{
    for (int i = 0; i < m->n_groups; i++) {
        if (m->groups[i].mlp.is_moe) {
            return &m->groups[i].mlp;
        }
    }
    return NULL;
}

/* Heads of one rank; a rank never has less than one (replicated beyond n_heads ranks). */
static int rank_heads(int n_heads, int tp)
{
    return tp > 1 ? (n_heads + tp - 1) / tp : n_heads;
}

/* The indexer caches one fp8 key per token with a 4-byte scale, whatever the KV format.
 * GQA, Llama 3.1 70B: 2 * 8 * 128 * 2 = 4096 bytes per layer; MLA, DeepSeek V3: 576 * 2 = 1152.
 */
double attn_kv_bytes(const struct attn_spec *a, enum dtype kv, int tp)
{
    double elements = 0.0;
    switch (a->kind) {
    case ATTN_LINEAR:
        return 0.0;
    case ATTN_MLA:
        elements = a->kv_lora_rank + a->qk_rope_dim;
        break;
    case ATTN_GQA:
        elements = (double)rank_heads(a->n_kv_heads, tp) * (a->head_dim + a->v_head_dim);
        break;
    }
    double bytes = elements * dtype_element_bytes(kv);
    if (a->index_n_heads > 0) {
        bytes += a->index_head_dim + 4.0;
    }
    return a->compress_ratio > 1 ? bytes / a->compress_ratio : bytes;
}

/* Recurrent state in fp32, convolution state in bf16.
 * Qwen3.5 397B, tp 1: 64 * 128 * 128 * 4 + 3 * (2 * 2048 + 8192) * 2 = 4,268,032 bytes per
 * layer. */
double attn_state_bytes(const struct attn_spec *a, int tp)
{
    if (a->kind != ATTN_LINEAR) {
        bool window = a->compress_ratio > 1;
        return window ? 2.0 * (double)a->window_tokens * (a->kv_lora_rank + a->qk_rope_dim)
                      : 0.0;
    }
    double keys = (double)rank_heads(a->lin_key_heads, tp) * a->lin_key_dim;
    double values = (double)rank_heads(a->lin_value_heads, tp) * a->lin_value_dim;
    double conv_taps = a->lin_conv_kernel > 1 ? a->lin_conv_kernel - 1.0 : 0.0;
    return 4.0 * values * a->lin_key_dim + 2.0 * conv_taps * (2.0 * keys + values);
}

/* Every token's way through experts, as one MLP. */
static struct mlp_spec dense_mlp(const struct mlp_spec *p)
{
    int64_t routed = p->is_moe ? p->top_k * p->intermediate : p->intermediate;
    return (struct mlp_spec){.intermediate = routed + p->shared_intermediate,
                             .n_matrices = p->n_matrices};
}

void model_draft_layer(const struct model *m, struct model *layer)
{
    *layer = *m;
    layer->n_layers = layer->n_groups = 1;
    layer->groups[0] = m->groups[m->group_of[m->n_layers - 1]];
    layer->groups[0].n_layers = 1;
    layer->group_of[0] = 0;
    layer->mtp_layers = 0;
    layer->mtp_params = layer->vision_params = 0.0;
    if (m->mtp_layers == 0) {
        layer->groups[0].mlp = dense_mlp(&layer->groups[0].mlp);
    }
}

double model_draft_params(const struct model *m)
{
    if (m->mtp_layers > 0) {
        return m->mtp_params;
    }
    struct model layer;
    model_draft_layer(m, &layer);
    const struct layer_group *g = &layer.groups[0];
    double hidden = (double)m->hidden;
    return attn_params(m, &g->attn) + mlp_params(m, &g->mlp) + 2.0 * hidden * hidden;
}

double model_kv_bytes(const struct model *m, enum dtype kv, int tp, bool growing_only)
{
    double bytes = 0.0;
    for (int i = 0; i < m->n_groups; i++) {
        const struct layer_group *g = &m->groups[i];
        if (!growing_only || g->attn.span == SPAN_FULL) {
            bytes += g->n_layers * attn_kv_bytes(&g->attn, kv, tp);
        }
    }
    return bytes;
}

/* Models are read into zeroed memory, so their padding is equal too. */
bool attn_spec_same(const struct attn_spec *a, const struct attn_spec *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}

bool mlp_spec_same(const struct mlp_spec *a, const struct mlp_spec *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* NOLINT(bugprone-suspicious-memory-comparison) */
}

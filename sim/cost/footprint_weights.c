/* SPDX-License-Identifier: GPL-3.0-or-later */
/* footprint_weights.c - weight bytes of one rank. Linear layers are divided over tensor
 * parallel ranks; K and V heads are never divided below one, the low-rank down projections and
 * indexers of latent attention, norms and routers are whole on every rank. Attention, dense and
 * shared MLPs are repeated on every attention data-parallel rank; routed experts spread over
 * all tp * dp ranks. Of a pipeline the layers are those of one stage. Leaves out: rotary
 * tables, attention sinks, MLP biases (< 0.1 %). */
#include <math.h>
#include <string.h>

#include "sim/cost/footprint.h"

/* Elements of one layer's attention on one rank. */
struct attn_elements {
    double linear;   /* in the checkpoint's attention format */
    double small;    /* biases and norms, always bf16 */
    double absorbed; /* K and V expansion kept a second time in bf16 for decoding */
};

static double ceil_div(double value, double ranks)
{
    return ceil(value / ranks);
}

static double indexer_elements(double hidden, const struct attn_spec *a)
{
    if (a->index_n_heads == 0) {
        return 0.0;
    }
    double dim = a->index_head_dim;
    double query_in = a->q_lora_rank > 0 ? (double)a->q_lora_rank : hidden;
    double n = query_in * a->index_n_heads * dim;
    n += a->kind == ATTN_MLA ? hidden * a->index_n_heads : 0.0;
    return n + (a->compress_ratio > 1 ? 4.0 * hidden * dim : hidden * dim + 2.0 * dim);
}

static struct attn_elements gqa_elements(double hidden, const struct attn_spec *a, int tp)
{
    double heads = ceil_div(a->n_heads, tp);
    double kv_heads = ceil_div(a->n_kv_heads, tp);
    double q = heads * a->head_dim;
    double k = kv_heads * a->head_dim;
    double v = kv_heads * a->v_head_dim;
    double out = heads * a->v_head_dim;
    struct attn_elements e = {0};
    e.linear = hidden * (q + k + (a->k_eq_v ? 0.0 : v)) + out * hidden;
    e.linear += a->output_gate ? hidden * out : 0.0;
    e.small = a->qkv_bias ? q + k + v : 0.0;
    if (a->qk_norm) {
        e.small += a->qk_norm_full ? q + k : 2.0 * a->head_dim;
    }
    return e;
}

static double mla_query_elements(double hidden, const struct attn_spec *a, double heads)
{
    double q = heads * (a->qk_nope_dim + a->qk_rope_dim);
    return a->q_lora_rank > 0 ? hidden * a->q_lora_rank + a->q_lora_rank * q : hidden * q;
}

static double mla_output_elements(double hidden, const struct attn_spec *a, int tp)
{
    double out = ceil_div(a->n_heads, tp) * a->v_head_dim;
    double gate = a->output_gate ? hidden * out : 0.0;
    if (a->o_groups > 0) {
        double rank = a->o_lora_rank;
        return gate + out * rank + ceil_div(a->o_groups, tp) * rank * hidden;
    }
    return gate + out * hidden;
}

static struct attn_elements mla_elements(double hidden, const struct attn_spec *a, int tp)
{
    double heads = ceil_div(a->n_heads, tp);
    struct attn_elements e = {0};
    e.linear = mla_query_elements(hidden, a, heads) + mla_output_elements(hidden, a, tp);
    e.linear += hidden * (a->kv_lora_rank + a->qk_rope_dim);
    e.small = a->kv_lora_rank + a->q_lora_rank;
    if (!a->latent_only) {
        e.absorbed = (double)a->kv_lora_rank * heads * (a->qk_nope_dim + a->v_head_dim);
        e.linear += e.absorbed;
    } else if (a->compress_ratio > 1) {
        e.linear += (a->index_n_heads > 0 ? 4.0 : 2.0) * hidden * a->head_dim;
    }
    return e;
}

static struct attn_elements linear_elements(double hidden, const struct attn_spec *a, int tp)
{
    double keys = ceil_div(a->lin_key_heads, tp) * a->lin_key_dim;
    double value_heads = ceil_div(a->lin_value_heads, tp);
    double values = value_heads * a->lin_value_dim;
    struct attn_elements e = {0};
    e.linear = hidden * (2.0 * keys + 3.0 * values + value_heads);
    e.linear +=
        a->lin_decay_rank > 0 ? (hidden + keys) * a->lin_decay_rank : hidden * value_heads;
    e.small = a->lin_conv_kernel * (2.0 * keys + values) + a->lin_value_dim;
    return e;
}

static struct attn_elements attn_elements(double hidden, const struct attn_spec *a, int tp)
{
    struct attn_elements e = {0};
    switch (a->kind) {
    case ATTN_MLA:
        e = mla_elements(hidden, a, tp);
        break;
    case ATTN_LINEAR:
        return linear_elements(hidden, a, tp);
    case ATTN_GQA:
        e = gqa_elements(hidden, a, tp);
        break;
    }
    e.linear += indexer_elements(hidden, a);
    return e;
}

/* Bytes per weight of a part, the unquantised layers at both ends averaged in. */
static double part_bytes(const struct footprint_config *cfg, enum dtype format)
{
    const struct checkpoint *c = &cfg->checkpoint;
    double edge = (double)c->n_bf16_edge_layers / cfg->model->n_layers;
    double inner = dtype_weight_bytes(format, c->scheme, c->group);
    return inner + (2.0 - inner) * (edge < 1.0 ? edge : 1.0);
}

static double round_to(double value, double step)
{
    return ceil(value / step) * step;
}

/* Matrix elements of one routed expert on a rank that holds `width` of its intermediate size.
 * MXFP4 kernels want whole tiles, so the loader pads (vllm-project/vllm quantization/mxfp4.py,
 * 2025-08): Marlin on Hopper and older K to 128 and N to 256, TRT-LLM kernels on Blackwell both
 * to 256. gpt-oss-120b on one H100 loads 65.97 GiB where the checkpoint has 60.9. */
static double expert_elements(const struct footprint_config *cfg, const struct mlp_spec *p,
                              double width)
{
    double hidden = (double)(p->expert_hidden > 0 ? p->expert_hidden : cfg->model->hidden);
    if (cfg->checkpoint.experts == DTYPE_MXFP4) {
        bool blackwell = strncmp(cfg->gpu->arch, "Blackwell", 9) == 0;
        hidden = round_to(hidden, 256.0);
        width = round_to(width, blackwell ? 256.0 : 128.0);
    }
    return p->n_matrices * hidden * width;
}

static double experts_bytes(const struct footprint_config *cfg, const struct mlp_spec *p)
{
    double ranks_per_expert = (double)cfg->tp * cfg->dp / cfg->ep;
    double width = (double)p->intermediate / ranks_per_expert;
    double slots = ceil_div((double)p->n_experts + (double)cfg->redundant_experts, cfg->ep);
    return slots * expert_elements(cfg, p, width) * part_bytes(cfg, cfg->checkpoint.experts);
}

/* Experts that change places arrive in a second set of one layer's slots (vLLM's and SGLang's
 * balancers move layer by layer). */
double footprint_staging_bytes(const struct footprint_config *cfg)
{
    double most = 0.0;
    for (int i = 0; cfg->rebalances && cfg->ep > 1 && i < cfg->model->n_groups; i++) {
        const struct mlp_spec *p = &cfg->model->groups[i].mlp;
        most = p->is_moe ? fmax(most, experts_bytes(cfg, p)) : most;
    }
    return most;
}

static void add_mlp(const struct footprint_config *cfg, const struct mlp_spec *p,
                    double n_layers, struct footprint *out)
{
    double hidden = (double)cfg->model->hidden;
    double per_width = p->n_matrices * hidden / cfg->tp * n_layers;
    const struct checkpoint *c = &cfg->checkpoint;
    out->dense_bytes += per_width * (double)p->shared_intermediate * part_bytes(cfg, c->shared);
    if (!p->is_moe) {
        out->dense_bytes += per_width * (double)p->intermediate * part_bytes(cfg, c->dense);
        return;
    }
    out->experts_bytes += n_layers * experts_bytes(cfg, p);
    out->other_bytes +=
        2.0 * hidden * p->n_experts * n_layers; /* router, bf16, on every rank */
    if (p->expert_hidden > 0) {
        double narrowing = 2.0 * hidden * (double)p->expert_hidden / cfg->tp;
        out->dense_bytes += n_layers * narrowing * part_bytes(cfg, c->shared);
    }
}

/* The decoding step of latent attention multiplies by K and V expansions in bf16: a quantised
 * checkpoint leaves a second, dequantised copy (vLLM and SGLang process_weights_after_loading).
 */
static void add_attention(const struct footprint_config *cfg, const struct attn_spec *a,
                          double n_layers, struct footprint *out)
{
    struct attn_elements e = attn_elements((double)cfg->model->hidden, a, cfg->tp);
    enum dtype format = cfg->checkpoint.attn;
    double bytes = e.linear * part_bytes(cfg, format);
    bytes += format != DTYPE_BF16 ? 2.0 * e.absorbed : 0.0;
    out->attn_bytes += n_layers * bytes;
    out->other_bytes += n_layers * 2.0 * (e.small + 2.0 * (double)cfg->model->hidden);
}

/* Embedding and head stand on the two ends of a pipeline, a tied table on both. */
static double embedding_bytes(const struct footprint_config *cfg)
{
    const struct model *m = cfg->model;
    double table = (double)m->vocab * (double)m->hidden / cfg->tp;
    double head = dtype_weight_bytes(cfg->checkpoint.lm_head, cfg->checkpoint.scheme,
                                     cfg->checkpoint.group);
    bool first = cfg->stage == 0;
    bool last = cfg->stage == cfg->pp - 1;
    if (m->tie_embeddings) {
        return first || last ? 2.0 * table : 0.0;
    }
    return ((first ? 2.0 : 0.0) + (last ? head : 0.0)) * table;
}

/* Spread over the tensor-parallel ranks as the model that it drafts for. */
static double draft_model_bytes(const struct footprint_config *cfg)
{
    struct footprint_config own = *cfg;
    struct footprint out;
    own.model = cfg->draft;
    own.checkpoint = cfg->draft_checkpoint;
    own.draft = NULL;
    own.draft_tokens = 0;
    own.ep = own.dp = 1;
    own.redundant_experts = 0;
    footprint_weights(&own, &out);
    return out.weights_bytes;
}

/* Draft layers of the checkpoint have its main format; a head beside it is in bf16. */
static double draft_bytes(const struct footprint_config *cfg)
{
    const struct checkpoint *c = &cfg->checkpoint;
    const struct model *m = cfg->model;
    if (cfg->draft_tokens == 0) {
        return 0.0;
    }
    if (cfg->draft) {
        return draft_model_bytes(cfg);
    }
    if (m->mtp_layers == 0) {
        return model_draft_params(m) / cfg->tp * 2.0;
    }
    enum dtype format = model_is_moe(m) ? c->experts : c->dense;
    double ranks = (double)cfg->tp * (model_is_moe(m) ? cfg->dp : 1);
    return m->mtp_params / ranks * part_bytes(cfg, format);
}

void footprint_weights(const struct footprint_config *cfg, struct footprint *out)
{
    const struct model *m = cfg->model;
    out->attn_bytes = out->dense_bytes = out->experts_bytes = out->other_bytes = 0.0;
    for (int i = 0; i < m->n_groups; i++) {
        double n_layers = m->groups[i].n_layers;
        add_attention(cfg, &m->groups[i].attn, n_layers, out);
        add_mlp(cfg, &m->groups[i].mlp, n_layers, out);
    }
    out->embedding_bytes = embedding_bytes(cfg);
    out->other_bytes += 2.0 * (double)m->hidden; /* final norm */
    out->other_bytes += 2.0 * m->vision_params / cfg->tp + draft_bytes(cfg);
    out->weights_bytes = out->attn_bytes + out->dense_bytes + out->experts_bytes +
                         out->embedding_bytes + out->other_bytes;
}

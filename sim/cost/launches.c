/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/launches.h"

/* Kernels per layer, read off the models' forward passes. Collectives and quantisation are
 * counted apart. */
static const double NORMS = 2.0;
static const double GQA = 5.0;     /* QKV, rope, cache write, attention, output */
static const double QK_NORM = 2.0; /* one each for Q and K */
static const double MLA = 10.0; /* down, two norms, up, rope, cache, KV up, concat, attn, out */
static const double LINEAR = 8.0;  /* in, convolution, gates, scan, norm, gate, out */
static const double INDEXER = 6.0; /* query, key, norm, rope, scores, top-k */
static const double DENSE = 3.0;   /* gate and up, activation, down */
static const double MOE = 9.0; /* router, top-k, permutation (3), two products, act, combine */
static const double SHARED = 4.0; /* as a dense MLP, and the sum */
static const double ALLREDUCES = 2.0;

static double of_attention(const struct attn_spec *a)
{
    double n = a->kind == ATTN_MLA ? MLA : a->kind == ATTN_LINEAR ? LINEAR : GQA;
    n += a->qk_norm && a->kind == ATTN_GQA ? QK_NORM : 0.0;
    return n + (a->index_n_heads > 0 ? INDEXER : 0.0);
}

static double of_mlp(const struct mlp_spec *p)
{
    if (!p->is_moe) {
        return DENSE;
    }
    return MOE + (p->shared_intermediate > 0 ? SHARED : 0.0);
}

/* Inputs of products that are quantised by a kernel of their own. TensorRT-LLM fuses it into
 * the kernel before, but for scales of blocks; weight-only formats have none. */
static double of_quantisation(const struct layer_group *g, const struct checkpoint *ck,
                              enum engine_kind engine)
{
    bool blocks = ck->scheme == QUANT_BLOCK;
    bool weight_only = ck->weights == DTYPE_INT4;
    if (ck->scheme == QUANT_NONE || weight_only || (engine == ENGINE_TRTLLM && !blocks)) {
        return 0.0;
    }
    double n = ck->attn != DTYPE_BF16 ? 2.0 : 0.0;
    n += (g->mlp.is_moe ? ck->experts : ck->dense) != DTYPE_BF16 ? 2.0 : 0.0;
    return n;
}

double launches_of_pass(const struct model *m, const struct checkpoint *ck,
                        enum engine_kind engine, int tp)
{
    double n = 0.0;
    for (int i = 0; i < m->n_groups; i++) {
        const struct layer_group *g = &m->groups[i];
        double layer = NORMS + of_attention(&g->attn) + of_mlp(&g->mlp) +
                       of_quantisation(g, ck, engine) + (tp > 1 ? ALLREDUCES : 0.0);
        n += g->n_layers * layer;
    }
    return n;
}

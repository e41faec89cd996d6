/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch_mlp.c - the ways a config.json describes MLPs: dense ones, routed and shared experts,
 * and which layers have which. */
#include "models/arch_plan.h"

#include <string.h>

void arch_mlp_dense(struct arch_reader *r)
{
    struct mlp_spec *dense = &r->plan.mlp[0];
    dense->intermediate =
        cfg_int(&r->cfg, "intermediate_size", 1, ARCH_MAX_WIDTH, CFG_REQUIRED);
    dense->n_matrices = 3;
}

static void read_shared_experts(struct arch_reader *r, struct mlp_spec *moe)
{
    struct cfg *c = &r->cfg;
    const char *width = cfg_key(c, (const char *const[]){"shared_expert_intermediate_size",
                                                         "shared_intermediate_size", NULL});
    const char *count =
        cfg_key(c, (const char *const[]){"n_shared_experts", "num_shared_experts", NULL});
    int implied = (r->traits & TRAIT_SHARED_WIDTH) != 0 || cfg_get(c, width) != NULL;
    moe->n_shared = cfg_count(c, count, 0, 64, implied);
    moe->shared_intermediate =
        moe->n_shared * cfg_int(c, width, 0, ARCH_MAX_WIDTH, moe->intermediate);
    if (moe->shared_intermediate == 0) {
        moe->n_shared = 0;
    }
}

static void read_experts(struct arch_reader *r, struct mlp_spec *moe)
{
    struct cfg *c = &r->cfg;
    const char *experts = cfg_key(
        c, (const char *const[]){"num_experts", "num_local_experts", "n_routed_experts", NULL});
    const char *top_k =
        cfg_key(c, (const char *const[]){"num_experts_per_tok", "num_experts_per_token",
                                         "top_k_experts", "experts_per_token", NULL});
    const char *width =
        cfg_key(c, (const char *const[]){"moe_intermediate_size", "intermediate_size", NULL});
    moe->is_moe = true;
    moe->n_matrices = 3;
    moe->n_experts = cfg_count(c, experts, 1, 65536, CFG_REQUIRED);
    moe->top_k = cfg_count(c, top_k, 1, moe->n_experts, CFG_REQUIRED);
    moe->intermediate = cfg_int(c, width, 1, ARCH_MAX_WIDTH, CFG_REQUIRED);
    moe->expert_hidden = cfg_int(c, "routed_expert_hidden_size", 1, ARCH_MAX_WIDTH, 0);
    read_shared_experts(r, moe);
}

struct dense_rule {
    int first, step; /* the first layers; all but every step-th */
    const struct node *freq, *types, *only;
};

static bool layer_is_dense(const struct dense_rule *d, int i)
{
    if (d->types != NULL) {
        return cfg_element_is(d->types, i, "dense");
    }
    return (d->freq != NULL && cfg_element_is(d->freq, i, "0")) || i < d->first ||
           (i + 1) % d->step != 0 || cfg_list_has(d->only, i);
}

/* MoE with every published way of saying which layers are dense. */
void arch_mlp_moe(struct arch_reader *r)
{
    struct cfg *c = &r->cfg;
    const char *step_key = cfg_key(
        c, (const char *const[]){"interleave_moe_layer_step", "decoder_sparse_step", NULL});
    const char *width =
        cfg_key(c, (const char *const[]){"dense_intermediate_size", "intermediate_size_mlp",
                                         "intermediate_size", NULL});
    read_experts(r, &r->plan.mlp[1]);
    struct dense_rule rule = {
        .first = cfg_count(c, "first_k_dense_replace", 0, ARCH_MAX_LAYERS, 0),
        .step = cfg_count(c, step_key, 1, ARCH_MAX_LAYERS, 1),
        .freq = cfg_list(c, "moe_layer_freq", r->m->n_layers),
        .types = cfg_list(c, "mlp_layer_types", r->m->n_layers),
        .only = cfg_list(c, "mlp_only_layers", 0),
    };
    for (int i = 0; c->ok && i < r->m->n_layers; i++) {
        bool dense = layer_is_dense(&rule, i);
        if (dense && r->plan.mlp[0].n_matrices == 0) {
            r->plan.mlp[0].n_matrices = 3;
            r->plan.mlp[0].intermediate = cfg_int(c, width, 1, ARCH_MAX_WIDTH, CFG_REQUIRED);
        }
        r->plan.mlp_of[i] = !dense;
    }
}

/* Gemma 4: a dense MLP beside the experts in every layer, which is what a shared expert is. */
void arch_mlp_gemma4(struct arch_reader *r)
{
    struct mlp_spec *moe = &r->plan.mlp[1];
    if (!cfg_flag(&r->cfg, "enable_moe_block", false)) {
        arch_mlp_dense(r);
        return;
    }
    read_experts(r, moe);
    moe->n_shared = 1;
    moe->shared_intermediate =
        cfg_int(&r->cfg, "intermediate_size", 1, ARCH_MAX_WIDTH, CFG_REQUIRED);
    memset(r->plan.mlp_of, 1, (size_t)r->m->n_layers);
}

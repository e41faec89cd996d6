/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arch_plan.h - what the readers of arch.c share: the variants of attention and MLP that a
 * model has and which layer has which. Private to models/arch*.c. */
#ifndef ARCH_PLAN_H
#define ARCH_PLAN_H

#include "models/cfg.h"
#include "models/model.h"

enum {
    ARCH_MAX_LAYERS = MODEL_MAX_LAYERS,
    ARCH_MAX_VARIANTS = 6,
    ARCH_MAX_HEADS = 4096,
    ARCH_MAX_DIM = 16384
};
enum { ARCH_MAX_WIDTH = 10 * 1000 * 1000 };

enum trait {
    TRAIT_QKV_BIAS = 1,
    TRAIT_QK_NORM = 2,
    TRAIT_QK_NORM_FULL = 4,  /* the norm runs over all heads */
    TRAIT_WINDOW_ALL = 8,    /* "sliding_window" holds in every layer */
    TRAIT_SHARED_WIDTH = 16, /* one shared expert as wide as a routed one, not in the config */
    TRAIT_TIED = 32,         /* embeddings are tied unless the config says otherwise */
};

struct arch_plan {
    struct attn_spec attn[ARCH_MAX_VARIANTS];
    struct mlp_spec mlp[2]; /* dense, MoE */
    unsigned char attn_of[ARCH_MAX_LAYERS], mlp_of[ARCH_MAX_LAYERS];
};

struct arch_reader {
    struct cfg cfg;  /* the text part of the config.json */
    struct model *m; /* sizes are read before the plan */
    unsigned traits;
    struct arch_plan plan;
};

void arch_attn_gqa(struct arch_reader *r);
void arch_attn_llama4(struct arch_reader *r);
void arch_attn_mla(struct arch_reader *r);
void arch_attn_gemma4(struct arch_reader *r);
void arch_attn_gated_delta(struct arch_reader *r);
void arch_attn_kimi_delta(struct arch_reader *r);
void arch_attn_deepseek_v4(struct arch_reader *r);
void arch_attn_minimax_m3(struct arch_reader *r);
void arch_mlp_dense(struct arch_reader *r);
void arch_mlp_moe(struct arch_reader *r);
void arch_mlp_gemma4(struct arch_reader *r);

#endif

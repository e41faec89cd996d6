/* SPDX-License-Identifier: GPL-3.0-or-later */
/* step_group.h - the layer groups of a step model, for the files that make up its laws: step.c
 * and comm.c. Not for others. */
#ifndef STEP_GROUP_H
#define STEP_GROUP_H

#include "sim/cost/step.h"

/* Resolved projections and MLP of one layer group on one rank. */
struct step_group {
    int n_layers;
    int kind; /* index of its attention in step_model.kinds */
    const struct attn_spec *attn;
    const struct mlp_spec *mlp;
    struct gemm_unit attn_gemm, mlp_gemm, shared_gemm;
    double dense_width, shared_width; /* per rank */
    struct moe_unit moe, moe_other;   /* other: the second kernel the engine chooses from */
    bool two_kernels;
    /* shared by groups with as many experts; NULL when dense */
    const struct moe_routing *routing;
};

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* standin.h - which kernel measured on one GPU stands in on a GPU of another architecture that
 * has no table of the kernel its engine runs. Kernels of one GPU differ by factors: what
 * travels is the share of the peaks that the best of them reaches, for a new generation is
 * served by kernels written for it. Checked by leaving whole architectures out (VALIDATION.md).
 */
#ifndef STANDIN_H
#define STANDIN_H

#include "sim/cost/attention.h"
#include "sim/cost/moe.h"

/* Does the GPU of these constants belong to another architecture? A refresh ("Blackwell Ultra"
 * beside "Blackwell") does not. */
bool standin_is_foreign(const struct gpu_list *gpus, const struct gpu *gpu,
                        const struct kernel_key *key);
/* Of the sets measured on the GPU of `found` in its format, by whatever engine, the one that
 * takes least time for a decode step of these experts. like: one rank's experts with their
 * peaks; n_experts: of the layer, over ep ranks. */
const struct moe_consts *standin_experts(const struct kernel_set *set,
                                         const struct moe_consts *found,
                                         const struct moe_unit *like, int n_experts, int ep);
/* The same for the attention kernel of one phase: `found` says of which, in which KV format and
 * for what shape. */
const struct attn_consts *standin_attention(const struct kernel_set *set,
                                            const struct attn_consts *found,
                                            const struct attn_resolve *r);

#endif

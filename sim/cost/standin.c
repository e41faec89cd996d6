/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/standin.h"

#include <math.h>
#include <string.h>

/* The work that kernels are compared by: a decode step of many requests, a prompt. */
static const double DECODE_SEQS = 64.0;
static const int64_t CONTEXT_TOKENS = 4096;

bool standin_is_foreign(const struct gpu_list *gpus, const struct gpu *gpu,
                        const struct kernel_key *key)
{
    const struct gpu *from = gpu_find(gpus, key->sku, NULL);
    if (!from) {
        return false;
    }
    size_t n = strlen(from->arch);
    size_t m = strlen(gpu->arch);
    return strncmp(from->arch, gpu->arch, n < m ? n : m) != 0;
}

static bool of_one_table(const struct kernel_key *a, const struct kernel_key *b)
{
    return strcmp(a->sku, b->sku) == 0 && strcmp(a->dtype, b->dtype) == 0;
}

const struct moe_consts *standin_experts(const struct kernel_set *set,
                                         const struct moe_consts *found,
                                         const struct moe_unit *like, int n_experts, int ep)
{
    const struct moe_consts *best = found;
    double routed = DECODE_SEQS * like->top_k;
    double distinct = fmin(routed, n_experts) / ep;
    double least_s = INFINITY;
    for (int i = 0; i < set->n_moe; i++) {
        const struct moe_consts *m = &set->moe[i];
        if (!of_one_table(&m->key, &found->key) || kernel_moe_by_name_only(&m->key)) {
            continue;
        }
        struct moe_unit u = *like;
        u.consts = *m;
        double t = moe_time_s(&u, DECODE_SEQS, routed / ep, distinct);
        if (t < least_s) {
            least_s = t;
            best = m;
        }
    }
    return best;
}

static double attention_s(const struct attn_resolve *r, const struct attn_shape *shape,
                          const struct attn_consts *consts)
{
    if (!consts->is_prefill) {
        return attn_decode_law_s(shape, r->gpu, consts, DECODE_SEQS,
                                 DECODE_SEQS * (double)CONTEXT_TOKENS);
    }
    struct attn_unit unit = {0};
    struct prefill_sums sums = {0};
    attn_chunk_sums(SPAN_FULL, 0, 0, CONTEXT_TOKENS, &sums);
    attn_resolve_prefill(shape, r->gpu, consts, &unit);
    return attn_prefill_s(&unit, &sums);
}

const struct attn_consts *standin_attention(const struct kernel_set *set,
                                            const struct attn_consts *found,
                                            const struct attn_resolve *r)
{
    const struct attn_consts *best = found;
    struct attn_shape shape;
    double least_s = INFINITY;
    attn_shape_of(r->spec, r->tp, r->kv, &shape);
    for (int i = 0; i < set->n_attn; i++) {
        const struct attn_consts *a = &set->attn[i];
        if (!of_one_table(&a->key, &found->key) || a->is_prefill != found->is_prefill ||
            a->is_mla != found->is_mla || a->head_dim != found->head_dim ||
            a->is_windowed != found->is_windowed) {
            continue;
        }
        double t = attention_s(r, &shape, a);
        if (t < least_s) {
            least_s = t;
            best = a;
        }
    }
    return best;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/variant.h"

#include <math.h>
#include <string.h>

const char *const effect_names[] = {
    "",    "wave-quantisation", "tile-padding", "allreduce-table", "host",
    "api", "distinct-experts",  "expert-skew",  "scheduler",       "launch-flags",
};
const char *const leave_out_names[] = {"", "gpu", "arch", "family"};

static int find_name(const char *what, const char *name, const char *const *names, int n,
                     struct err *err)
{
    for (int i = 1; i < n; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    err_set(err, ERR_USAGE, "unknown %s '%.40s'", what, name);
    err_suggest(err, name, names + 1, n - 1);
    return 0;
}

enum effect effect_find(const char *name, struct err *err)
{
    return (enum effect)find_name("effect", name, effect_names, EFFECT_N, err);
}

enum leave_out leave_out_find(const char *name, struct err *err)
{
    return (enum leave_out)find_name("kind of group", name, leave_out_names, LEAVE_N, err);
}

/* ---- which rows stay ----------------------------------------------------------------------
 */

typedef bool keep_fn(const void *ctx, const struct kernel_key *key);

/* keep() sees the row of the stock, so that it may be known by its address. */
#define KEEP_ROWS(arena, type, array, n, keep, ctx)                                            \
    do {                                                                                       \
        const type *old_ = (array);                                                            \
        int kept_ = 0;                                                                         \
        (array) = arena_alloc((arena), (size_t)(n) + 1, sizeof *(array));                      \
        for (int i_ = 0; i_ < (n); i_++) {                                                     \
            if ((keep)((ctx), &old_[i_].key)) {                                                \
                (array)[kept_++] = old_[i_];                                                   \
            }                                                                                  \
        }                                                                                      \
        (n) = kept_;                                                                           \
    } while (0)

struct left_out {
    const struct gpu_list *gpus;
    const struct gpu *gpu;
    bool whole_arch;
};

static bool is_left_out(const struct left_out *out, const struct gpu *gpu)
{
    /* a refresh counts as the same architecture: "Blackwell Ultra" beside "Blackwell" */
    size_t n = strlen(out->gpu->arch);
    return strcmp(gpu->name, out->gpu->name) == 0 ||
           (out->whole_arch && strncmp(gpu->arch, out->gpu->arch, n) == 0);
}

static bool of_other_gpu(const void *ctx, const struct kernel_key *key)
{
    const struct left_out *out = ctx;
    const struct gpu *gpu = gpu_find(out->gpus, key->sku, NULL);
    return gpu && !is_left_out(out, gpu);
}

static bool has_gemm(const struct kernel_set *set, const char *sku)
{
    for (int i = 0; i < set->n_gemm; i++) {
        if (strcmp(set->gemm[i].key.sku, sku) == 0) {
            return true;
        }
    }
    return false;
}

static double distance(const struct gpu *a, const struct gpu *b)
{
    double flops = gpu_flops(a, DTYPE_BF16) / gpu_flops(b, DTYPE_BF16);
    double bytes = a->mem_bytes_per_s / b->mem_bytes_per_s;
    return fabs(log(flops)) + fabs(log(bytes));
}

/* The GPU with constants left that is nearest by datasheet, its own architecture first. */
static const char *nearest_left(const struct stock *s, const struct gpu *gpu)
{
    const struct gpu *best = NULL;
    for (int i = 0; i < s->gpus.n; i++) {
        const struct gpu *g = &s->gpus.items[i];
        if (strcmp(g->name, gpu->name) == 0 || !has_gemm(&s->kernels, g->name)) {
            continue;
        }
        bool kin = strcmp(g->arch, gpu->arch) == 0;
        bool best_kin = best && strcmp(best->arch, gpu->arch) == 0;
        if (!best || (kin && !best_kin) ||
            (kin == best_kin && distance(g, gpu) < distance(best, gpu))) {
            best = g;
        }
    }
    return best ? best->name : "";
}

const struct stock *variant_without_gpu(struct arena *arena, const struct stock *stock,
                                        const struct gpu *gpu, bool whole_arch,
                                        const char **from)
{
    struct stock *s = arena_alloc(arena, 1, sizeof *s);
    struct left_out out = {&stock->gpus, gpu, whole_arch};
    *s = *stock;
    KEEP_ROWS(arena, struct gemm_consts, s->kernels.gemm, s->kernels.n_gemm, of_other_gpu,
              &out);
    KEEP_ROWS(arena, struct attn_consts, s->kernels.attn, s->kernels.n_attn, of_other_gpu,
              &out);
    KEEP_ROWS(arena, struct moe_consts, s->kernels.moe, s->kernels.n_moe, of_other_gpu, &out);
    KEEP_ROWS(arena, struct collective_curve, s->fabric.curves, s->fabric.n_curves,
              of_other_gpu, &out);
    KEEP_ROWS(arena, struct alltoall_consts, s->fabric.alltoall, s->fabric.n_alltoall,
              of_other_gpu, &out);
    if (whole_arch) {
        transfer_without_arch(arena, &stock->kernels.transfers, gpu->arch,
                              &s->kernels.transfers);
    }
    *from = nearest_left(s, gpu);
    s->gpus.items = arena_alloc(arena, (size_t)s->gpus.n + 1, sizeof *s->gpus.items);
    for (int i = 0; i < s->gpus.n; i++) {
        s->gpus.items[i] = stock->gpus.items[i];
        if (strcmp(s->gpus.items[i].name, gpu->name) == 0) {
            s->gpus.items[i].nearest = *from;
        }
    }
    s->catalogue.gpus = &s->gpus;
    return s;
}

struct key_list {
    const struct kernel_key *const *keys;
    int n;
};

static bool not_listed(const void *ctx, const struct kernel_key *key)
{
    const struct key_list *list = ctx;
    for (int i = 0; i < list->n; i++) {
        if (list->keys[i] == key) {
            return false;
        }
    }
    return true;
}

const struct stock *variant_without_kernels(struct arena *arena, const struct stock *stock,
                                            const struct kernel_key *const *keys, int n)
{
    struct stock *s = arena_alloc(arena, 1, sizeof *s);
    struct key_list list = {keys, n};
    *s = *stock;
    KEEP_ROWS(arena, struct attn_consts, s->kernels.attn, s->kernels.n_attn, not_listed, &list);
    KEEP_ROWS(arena, struct moe_consts, s->kernels.moe, s->kernels.n_moe, not_listed, &list);
    return s;
}

const struct stock *variant_without_effect(struct arena *arena, const struct stock *stock,
                                           enum effect effect)
{
    if (effect != EFFECT_WAVE_QUANTISATION && effect != EFFECT_ALLREDUCE_TABLE) {
        return stock;
    }
    struct stock *s = arena_alloc(arena, 1, sizeof *s);
    *s = *stock;
    if (effect == EFFECT_ALLREDUCE_TABLE) {
        s->fabric.n_curves = 0;
        return s;
    }
    size_t n = (size_t)s->kernels.n_gemm;
    s->kernels.gemm = arena_alloc(arena, n + 1, sizeof *s->kernels.gemm);
    for (size_t i = 0; i < n; i++) {
        s->kernels.gemm[i] = stock->kernels.gemm[i];
        s->kernels.gemm[i].wq_exp = 0.0;
        s->kernels.gemm[i].occ_exp = 0.0;
    }
    return s;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/gemm.h"

#include <math.h>

/* Op tables of quantised products are partly collected launch by launch; under CUDA graphs a
 * product is one kernel of 3 to 4 us, and dynamic activation scales add one quantisation
 * kernel. Checkpoints with static scales fuse that into the previous norm: half of its traffic
 * stays (fidelity-notes.md F4). */
static const double STATIC_T0_CAP_S = 5e-6;
static const double DYNAMIC_T0_CAP_S = 7e-6;
static const double STATIC_QUANT_SHARE = 0.5;

static bool computes_natively(const struct gpu *gpu, enum dtype dtype)
{
    return dtype == DTYPE_BF16 || (dtype == DTYPE_FP8 && gpu->flops_per_s[DTYPE_FP8] > 0.0) ||
           (dtype == DTYPE_NVFP4 && gpu->flops_per_s[DTYPE_NVFP4] > 0.0) ||
           (dtype == DTYPE_INT8 && gpu->flops_per_s[DTYPE_INT8] > 0.0);
}

const char *gemm_dtype_key(const struct gpu *gpu, enum dtype dtype, enum quant_scheme scheme)
{
    if (!computes_natively(gpu, dtype) || dtype == DTYPE_BF16) {
        return "bf16";
    }
    if (dtype == DTYPE_NVFP4) {
        return "nvfp4";
    }
    return scheme == QUANT_BLOCK ? "fp8_block" : "fp8";
}

void gemm_unit_init(struct gemm_unit *u, const struct gpu *gpu,
                    const struct gemm_consts *consts, enum dtype dtype,
                    enum quant_scheme scheme, int group)
{
    bool native = computes_natively(gpu, dtype);
    enum dtype arithmetic = native ? dtype : DTYPE_BF16;
    u->consts = *consts;
    u->quant_s = 0.0;
    u->unpadded = false;
    u->flops_per_s = gpu_flops(gpu, arithmetic);
    u->bytes_per_s = gpu->mem_bytes_per_s;
    u->n_sm = gpu->n_sm;
    u->weight_bytes = dtype_weight_bytes(dtype, scheme, group);
    u->act_bytes = dtype_weight_bytes(arithmetic, native ? scheme : QUANT_NONE, group);
    u->static_scale = native && scheme == QUANT_TENSOR_STATIC;
}

static double ceil_to(double x, double step)
{
    return ceil(x / step) * step;
}

static double weight_traffic_bytes(const struct gemm_unit *u, double m, double n, double k)
{
    return u->weight_bytes * n * k + u->act_bytes * m * k + 2.0 * m * n;
}

static double compute_s(const struct gemm_unit *u, double m, double n, double k)
{
    double tile_m = m <= 64.0 ? 64.0 : 128.0;
    double mp = u->unpadded ? m : ceil_to(m, tile_m);
    double np = u->unpadded ? n : ceil_to(n, 128.0);
    double tiles = (mp / tile_m) * (np / 128.0);
    double sm = u->n_sm;
    const struct gemm_consts *c = &u->consts;
    double t = 2.0 * mp * np * k / (u->flops_per_s * c->ec) * (1.0 + c->k0 / k);
    if (tiles > sm) {
        t *= pow(ceil(tiles / sm) * sm / tiles, c->wq_exp);
    } else {
        /* above 1 (some fits) more tiles would cost less */
        t *= pow(sm / tiles, fmin(c->occ_exp, 1.0));
    }
    return t;
}

/* Traffic of quantising the activations, as the tables hold it. */
static double quantise_s(const struct gemm_unit *u, double m, double k)
{
    if (u->act_bytes >= 2.0 || u->consts.eq <= 0.0) {
        return 0.0;
    }
    return (2.0 + u->act_bytes) * m * k / (u->bytes_per_s * u->consts.eq);
}

double gemm_law_s(const struct gemm_unit *u, double m, double n, double k)
{
    const struct gemm_consts *c = &u->consts;
    double tc = compute_s(u, m, n, k);
    double tm = weight_traffic_bytes(u, m, n, k) / (u->bytes_per_s * c->em);
    double hi = fmax(tc, tm);
    double lo = fmin(tc, tm);
    double roof = hi * pow(1.0 + pow(lo / hi, c->p), 1.0 / c->p);
    return c->t0_s + quantise_s(u, m, k) + roof;
}

double gemm_floor_s(const struct gemm_unit *u, double m, double n, double k)
{
    double by_memory = weight_traffic_bytes(u, m, n, k) / u->bytes_per_s;
    double by_compute = 2.0 * m * n * k / u->flops_per_s;
    return fmax(by_memory, by_compute);
}

double gemm_time_s(const struct gemm_unit *u, double m, double n, double k)
{
    double launch = fmin(u->consts.t0_s, u->static_scale ? STATIC_T0_CAP_S : DYNAMIC_T0_CAP_S);
    double t = gemm_law_s(u, m, n, k) - u->consts.t0_s + launch + u->quant_s;
    if (u->static_scale) {
        t -= (1.0 - STATIC_QUANT_SHARE) * quantise_s(u, m, k);
    }
    return fmax(t, gemm_floor_s(u, m, n, k));
}

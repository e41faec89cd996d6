/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opfit_gemm.c - calibration of the dense product law (sim/cost/gemm.h). */
#include <math.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/cost/gemm.h"
#include "sim/fit/opfit_law.h"

enum { T0_US, EC, EM, P, K0, WQ, OCC, EQ, N_PARAMS };
static const char *const columns[] = {"t0_us",  "ec",      "em", "p", "k0",
                                      "wq_exp", "occ_exp", "eq", NULL};

static const struct robust_param params[N_PARAMS] = {
    [T0_US] = {0.5, 40.0, 4.0, true},  [EC] = {0.1, 1.0, 0.75, false},
    [EM] = {0.2, 1.0, 0.82, false},    [P] = {1.0, 10.0, 3.5, false},
    [K0] = {0.5, 3000.0, 120.0, true}, [WQ] = {0.0, 1.0, 0.3, false},
    [OCC] = {0.0, 1.2, 0.4, false},    [EQ] = {0.02, 2.0, 0.4, true},
};

/* Products of models: the narrow ones are launch-bound, the widest hold only the vocabulary. */
static const double MAX_M = 16384.0;
static const double MIN_N = 512.0;
static const double MIN_K = 512.0;
static const double LAUNCH_BOUND_S = 15e-6;
static const double TINY_FLOOR_S = 1e-6;

/* The collections' formats. fp8 is quantised per token at run time, as they measure it. */
static const struct format {
    const char *name;
    enum dtype dtype;
    enum quant_scheme scheme;
    int group;
} formats[] = {
    {"bfloat16", DTYPE_BF16, QUANT_NONE, 0},    {"fp8", DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0},
    {"fp8_block", DTYPE_FP8, QUANT_BLOCK, 128}, {"nvfp4", DTYPE_NVFP4, QUANT_GROUP, 16},
    {"int4_wo", DTYPE_INT4, QUANT_GROUP, 128},  {"sq", DTYPE_INT8, QUANT_TENSOR_DYNAMIC, 0},
};

struct gemm_ctx {
    struct gemm_unit unit;
    int n;
    struct op_point points[];
};

static double law_s(const void *opaque, int i, const double *x)
{
    const struct gemm_ctx *ctx = opaque;
    struct gemm_unit u = ctx->unit;
    const struct op_point *p = &ctx->points[i];
    u.consts.ec = x[EC];
    u.consts.em = x[EM];
    u.consts.p = x[P];
    u.consts.k0 = x[K0];
    u.consts.wq_exp = x[WQ];
    u.consts.occ_exp = x[OCC];
    u.consts.eq = u.act_bytes < 2.0 ? x[EQ] : 0.0;
    /* The launch is added here: the law caps it to what CUDA graphs allow, the tables do not.
     */
    u.consts.t0_s = 0.0;
    double time_s = 1e-6 * x[T0_US] + gemm_law_s(&u, p->m, p->n, p->k);
    return fmax(time_s, gemm_floor_s(&u, p->m, p->n, p->k));
}

static bool set_format(const struct op_set *set, struct gemm_unit *u)
{
    const struct gemm_consts none = {0};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *f = &formats[i];
        if (strcmp(f->name, set->table_dtype) == 0) {
            gemm_unit_init(u, set->gpu, &none, f->dtype, f->scheme, f->group);
            return true;
        }
    }
    return false;
}

/* A set whose smallest products all take long measures the launch from the interpreter. */
static bool is_launch_bound(const struct op_set *set, const struct gemm_unit *u)
{
    double fastest_s = INFINITY;
    for (int i = 0; i < set->n; i++) {
        const struct op_point *p = &set->points[i];
        if (gemm_floor_s(u, p->m, p->n, p->k) < TINY_FLOOR_S) {
            fastest_s = fmin(fastest_s, p->latency_s);
        }
    }
    return isfinite(fastest_s) && fastest_s > LAUNCH_BOUND_S;
}

static void prepare(const struct op_set *set, struct opfit_problem *problem)
{
    struct gemm_ctx *ctx = xcalloc(1, sizeof *ctx + (size_t)set->n * sizeof ctx->points[0]);
    problem->ctx = ctx;
    problem->data.ctx = ctx;
    problem->data.law = law_s;
    problem->data.params = params;
    problem->data.n_params = N_PARAMS;
    if (!set_format(set, &ctx->unit)) {
        problem->n_skipped += set->n;
        return;
    }
    if (ctx->unit.act_bytes >= 2.0) {
        problem->data.n_params = EQ; /* nothing to quantise */
    }
    problem->launch_bound = is_launch_bound(set, &ctx->unit);
    for (int i = 0; i < set->n; i++) {
        const struct op_point *p = &set->points[i];
        if (p->m > MAX_M || p->n < MIN_N || p->k < MIN_K) {
            problem->n_skipped++;
            continue;
        }
        double floor_s = gemm_floor_s(&ctx->unit, p->m, p->n, p->k);
        if (opfit_problem_add(problem, p, floor_s, 1.0, opfit_shape(p->n, p->k, 0, 0, 0))) {
            ctx->points[ctx->n++] = *p;
        }
    }
}

const struct opfit_law opfit_gemm_law = {columns, prepare};

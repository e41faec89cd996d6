/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opfit_moe.c - calibration of the grouped GEMM law (sim/cost/moe.h).
 *
 * The tables count the tokens of the whole expert-parallel group and measure one rank. What
 * that rank was given follows from how the collection draws its routing: "balanced" assigns
 * token t the experts t, t + E/k, t + 2 E/k, ... and measures rank 0; "power_law_<a>" draws
 * expert loads from a bounded power law and measures the rank with most rows. Both are replayed
 * here, the second as the mean of fixed draws. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "sim/cost/moe.h"
#include "sim/fit/opfit_law.h"

enum { T0_US, EC, EM, P, EA, B0, TD_US, I0, ET, N_PARAMS };
static const char *const columns[] = {"t0_us", "ec",    "em", "p",  "ea",
                                      "b0",    "td_us", "i0", "et", NULL};

static const struct robust_param params[N_PARAMS] = {
    [T0_US] = {3.0, 150.0, 28.0, true}, [EC] = {0.05, 1.0, 0.6, false},
    [EM] = {0.1, 1.0, 0.88, false},     [P] = {1.0, 6.0, 2.0, false},
    [EA] = {0.05, 30.0, 0.8, true},     [B0] = {0.1, 500.0, 15.0, true},
    [TD_US] = {0.001, 2.0, 0.08, true}, [I0] = {0.1, 2000.0, 60.0, true},
    [ET] = {0.3, 1e4, 80.0, true},
};

/* Above this the slowest rank is a matter of luck and the launch part grows with the group. */
enum { MAX_EP = 8, DRAWS = 6 };
/* Skewed loads are drawn anew by the collection and only known on average. */
static const double POWER_LAW_WEIGHT = 0.5;

static const struct format {
    const char *name;
    enum dtype dtype;
    enum quant_scheme scheme;
    int group;
} formats[] = {
    {"bfloat16", DTYPE_BF16, QUANT_NONE, 0},
    {"fp8", DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0},
    {"fp8_block", DTYPE_FP8, QUANT_BLOCK, 128},
    {"nvfp4", DTYPE_NVFP4, QUANT_GROUP, 16},
    {"int4_wo", DTYPE_INT4, QUANT_GROUP, 128},
    {"w4a16_mxfp4", DTYPE_MXFP4, QUANT_GROUP, 32},
    {"w4a8_mxfp4_mxfp8", DTYPE_MXFP4, QUANT_GROUP, 32},
};

struct moe_row {
    int n_matrices;
    double hidden, width, top_k;
    double tokens, rows, distinct;
};

struct moe_ctx {
    struct moe_unit unit;
    int n;
    struct moe_row rows[];
};

static struct moe_unit unit_of(const struct moe_ctx *ctx, const struct moe_row *r)
{
    struct moe_unit u = ctx->unit;
    u.hidden = r->hidden;
    u.width = r->width;
    u.top_k = r->top_k;
    u.n_matrices = r->n_matrices;
    return u;
}

static double law_s(const void *opaque, int i, const double *x)
{
    const struct moe_ctx *ctx = opaque;
    const struct moe_row *r = &ctx->rows[i];
    struct moe_unit u = unit_of(ctx, r);
    u.consts.t0_s = 1e-6 * x[T0_US];
    u.consts.ec = x[EC];
    u.consts.em = x[EM];
    u.consts.p = x[P];
    u.consts.ea = x[EA];
    u.consts.b0 = x[B0];
    u.consts.td_s = 1e-6 * x[TD_US];
    u.consts.i0 = x[I0];
    u.consts.et = x[ET];
    return moe_time_s(&u, r->tokens, r->rows, r->distinct);
}

static void add_rank(const int *count, int n, struct moe_row *r)
{
    for (int e = 0; e < n; e++) {
        r->rows += count[e];
        r->distinct += count[e] > 0;
    }
}

/* Rank 0 under the collection's even routing. Beyond a few rounds all experts have the same
 * load. */
static void balanced_load(const struct op_point *p, struct moe_row *r)
{
    int n_experts = p->n_experts;
    int per_rank = n_experts / p->ep;
    int stride = (n_experts + p->top_k - 1) / p->top_k;
    if (p->tokens >= 4.0 * stride) {
        r->rows = p->tokens * p->top_k / p->ep;
        r->distinct = per_rank;
        return;
    }
    int *count = xcalloc((size_t)n_experts, sizeof *count);
    int tokens = (int)p->tokens;
    for (int t = 0; t < tokens; t++) {
        double at = tokens >= stride ? t : (double)t * stride / tokens;
        for (int i = 0; i < p->top_k; i++) {
            count[(int)(at + (double)i * stride) % n_experts]++;
        }
    }
    add_rank(count, per_rank, r);
    free(count);
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Whole loads that sum to `total`, in descending order: rounded, the remainder spread from the
 * top or taken off the bottom. */
static void round_loads(const double *load, int n, int total, int *count)
{
    double sum = 0.0;
    int left = total;
    for (int e = 0; e < n; e++) {
        sum += load[e];
    }
    for (int e = 0; e < n; e++) {
        count[e] = (int)nearbyint(load[e] / sum * total);
        left -= count[e];
    }
    for (int i = 0; left > 0; i++, left--) {
        count[i % n]++;
    }
    for (int i = 0; left < 0; i++, left++) {
        int e = n - 1 - i % n;
        count[count[e] > 0 ? e : 0]--;
    }
}

static void draw_loads(const struct op_point *p, struct rng *rng, double *load, int *count)
{
    bool many = p->tokens * p->top_k > p->n_experts;
    double lo = many ? 1.0 : 0.01;
    double hi = many ? 0.8 * p->tokens : 2.0;
    double a = 1.0 - p->power_law;
    for (int e = 0; e < p->n_experts; e++) {
        double u = rng_uniform(rng);
        load[e] = pow((pow(hi, a) - pow(lo, a)) * u + pow(lo, a), 1.0 / a);
    }
    qsort(load, (size_t)p->n_experts, sizeof *load, descending);
    round_loads(load, p->n_experts, (int)p->tokens * p->top_k, count);
    for (int e = p->n_experts - 1; e > 0; e--) {
        int j = (int)rng_below(rng, (uint64_t)e + 1);
        int swap = count[e];
        count[e] = count[j];
        count[j] = swap;
    }
}

static void skewed_load(const struct op_point *p, struct moe_row *r)
{
    size_t n = (size_t)p->n_experts;
    int per_rank = p->n_experts / p->ep;
    double *load = xcalloc(n, sizeof *load);
    int *count = xcalloc(n, sizeof *count);
    struct rng rng;
    rng_init(&rng, 1, "opfit/loads", opfit_shape(p->n_experts, p->top_k, p->tokens, p->ep, 0));
    for (int draw = 0; draw < DRAWS; draw++) {
        struct moe_row worst = {0};
        draw_loads(p, &rng, load, count);
        for (int rank = 0; rank < p->ep; rank++) {
            struct moe_row one = {0};
            add_rank(count + rank * per_rank, per_rank, &one);
            worst = one.rows > worst.rows ? one : worst;
        }
        r->rows += worst.rows / DRAWS;
        r->distinct += worst.distinct / DRAWS;
    }
    free(load);
    free(count);
}

static bool set_format(const struct op_set *set, struct moe_unit *u)
{
    const struct moe_consts none = {.key = set->key};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *f = &formats[i];
        if (strcmp(f->name, set->table_dtype) == 0) {
            moe_unit_init(u, set->gpu, &none, f->dtype, f->scheme, f->group);
            return true;
        }
    }
    return false;
}

/* Experts without a gate have two matrices. TensorRT-LLM's tables name them. Elsewhere they are
 * known by the routing of the Nemotron 3 models, the only such ones collected: as gated ones
 * their rows would beat the memory floor by up to a third. vLLM's plain fused_moe call of old
 * was measured gated. */
static int n_matrices(const struct op_set *set, const struct op_point *p)
{
    if (strcmp(set->key.engine, "trtllm") == 0) {
        return strcmp(set->key.kernel, "nongated") == 0 ? 2 : 3;
    }
    if (strcmp(set->kernel_full, "vllm_fused_moe") == 0) {
        return 3;
    }
    bool nemotron =
        (p->n_experts == 512 && p->top_k == 22) || (p->n_experts == 128 && p->top_k == 6);
    return nemotron ? 2 : 3;
}

static void prepare(const struct op_set *set, struct opfit_problem *problem)
{
    struct moe_ctx *ctx = xcalloc(1, sizeof *ctx + (size_t)set->n * sizeof ctx->rows[0]);
    problem->ctx = ctx;
    problem->data.ctx = ctx;
    problem->data.law = law_s;
    problem->data.params = params;
    problem->data.n_params = N_PARAMS;
    bool known = set_format(set, &ctx->unit);
    for (int i = 0; i < set->n; i++) {
        const struct op_point *p = &set->points[i];
        struct moe_row r = {.n_matrices = n_matrices(set, p),
                            .hidden = p->hidden,
                            .width = p->width,
                            .top_k = p->top_k,
                            .tokens = p->tokens};
        if (!known || p->ep < 1 || p->ep > MAX_EP || p->n_experts % p->ep != 0) {
            problem->n_skipped++;
            continue;
        }
        if (p->power_law > 0.0) {
            skewed_load(p, &r);
        } else {
            balanced_load(p, &r);
        }
        if (r.distinct < 1.0) {
            problem->n_skipped++; /* no token came to the measured rank */
            continue;
        }
        struct moe_unit u = unit_of(ctx, &r);
        double weight = p->power_law > 0.0 ? POWER_LAW_WEIGHT : 1.0;
        uint64_t shape = opfit_shape(p->n_experts, p->top_k, p->hidden, p->width, p->ep);
        if (opfit_problem_add(problem, p, moe_floor_s(&u, r.rows, r.distinct), weight, shape)) {
            ctx->rows[ctx->n++] = r;
        }
    }
}

const struct opfit_law opfit_moe_law = {columns, prepare};

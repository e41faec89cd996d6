/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opfit_attn.c - calibration of the attention laws, decode and prefill, grouped-query and
 * latent (sim/cost/attention.h). */
#include <math.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/cost/attention.h"
#include "sim/fit/opfit_law.h"

enum { T0_US, EM, EC, P, OCC, LAST, N_PARAMS };
static const char *const decode_columns[] = {"t0_us",   "em",    "ec", "p",
                                             "occ_exp", "tw_us", NULL};
static const char *const prefill_columns[] = {"t0_us", "em", "ec", "p", "occ_exp", "k0", NULL};

static const struct robust_param decode_params[N_PARAMS] = {
    [T0_US] = {1.0, 50.0, 9.0, true}, [EM] = {0.05, 1.0, 0.85, false},
    [EC] = {0.1, 1.0, 0.4, true},     [P] = {1.0, 6.0, 2.0, false},
    [OCC] = {0.0, 1.0, 0.6, false},   [LAST] = {0.0, 10.0, 1.5, false},
};
static const struct robust_param prefill_params[N_PARAMS] = {
    [T0_US] = {1.0, 50.0, 10.0, true}, [EM] = {0.05, 1.0, 0.5, false},
    [EC] = {0.05, 1.0, 0.5, false},    [P] = {1.0, 6.0, 1.5, false},
    [OCC] = {0.0, 1.5, 0.6, false},    [LAST] = {0.1, 3000.0, 30.0, true},
};

/* What serving asks of a kernel; the tables go to 2048 sequences of one token. */
static const double MAX_BATCH = 512.0;
static const double MIN_CTX = 128.0;
static const double MIN_CHUNK = 64.0;
/* No captured attention kernel takes this long for one short sequence: the table holds
 * launches. */
static const double LAUNCH_BOUND_S = 35e-6;

struct attn_row {
    struct attn_shape shape;
    double n, ctx_tokens;     /* decode: the batch and its summed context */
    struct prefill_sums sums; /* prefill */
};

struct attn_ctx {
    const struct gpu *gpu;
    const char *dtype;
    int n;
    struct attn_row rows[];
};

static struct attn_consts consts_of(const struct attn_ctx *ctx, const double *x)
{
    return (struct attn_consts){.key.dtype = ctx->dtype,
                                .t0_s = 1e-6 * x[T0_US],
                                .em = x[EM],
                                .ec = x[EC],
                                .p = x[P],
                                .occ_exp = x[OCC]};
}

static double decode_law_s(const void *opaque, int i, const double *x)
{
    const struct attn_ctx *ctx = opaque;
    const struct attn_row *r = &ctx->rows[i];
    struct attn_consts c = consts_of(ctx, x);
    c.tw_s = 1e-6 * x[LAST];
    return attn_decode_law_s(&r->shape, ctx->gpu, &c, r->n, r->ctx_tokens);
}

static double prefill_law_s(const void *opaque, int i, const double *x)
{
    const struct attn_ctx *ctx = opaque;
    const struct attn_row *r = &ctx->rows[i];
    struct attn_consts c = consts_of(ctx, x);
    struct attn_unit u; /* only its prefill fields are set and read */
    c.k0 = x[LAST];
    u.lin_per_token_s = 0.0;
    attn_resolve_prefill(&r->shape, ctx->gpu, &c, &u);
    return attn_prefill_s(&u, &r->sums);
}

static struct attn_spec spec_of(const struct op_set *set, const struct op_point *p)
{
    struct attn_spec a = {.kind = ATTN_GQA,
                          .n_heads = p->heads,
                          .n_kv_heads = p->kv_heads,
                          .head_dim = p->head_dim};
    if (set->law == OP_MLA_DECODE || set->law == OP_MLA_PREFILL) {
        a = (struct attn_spec){.kind = ATTN_MLA,
                               .n_heads = p->heads,
                               .n_kv_heads = p->heads,
                               .head_dim = 192,
                               .v_head_dim = 128,
                               .kv_lora_rank = 512,
                               .qk_nope_dim = 128,
                               .qk_rope_dim = 64};
    }
    if (p->window_tokens > 0.0) {
        a.span = SPAN_SLIDING;
        a.window_tokens = (int64_t)p->window_tokens;
    }
    return a;
}

static double seen_tokens(const struct op_point *p)
{
    return p->window_tokens > 0.0 ? fmin(p->ctx_tokens, p->window_tokens) : p->ctx_tokens;
}

static uint64_t shape_of(const struct op_point *p)
{
    return opfit_shape(p->heads, p->batch, p->head_dim, 0, 0);
}

static struct attn_ctx *start(const struct op_set *set, struct opfit_problem *problem)
{
    struct attn_ctx *ctx = xcalloc(1, sizeof *ctx + (size_t)set->n * sizeof ctx->rows[0]);
    ctx->gpu = set->gpu;
    ctx->dtype = set->key.dtype;
    problem->ctx = ctx;
    problem->data.ctx = ctx;
    problem->data.n_params = N_PARAMS;
    return ctx;
}

static enum dtype kv_of(const struct op_set *set)
{
    return strcmp(set->key.dtype, "fp8") == 0 ? DTYPE_FP8 : DTYPE_BF16;
}

/* Ungrouped heads are left out: the kernels for them are others, and no current model uses
 * them. */
static bool is_grouped(const struct op_set *set, const struct op_point *p)
{
    return set->law == OP_MLA_DECODE || set->law == OP_MLA_PREFILL ||
           p->heads >= 2 * p->kv_heads;
}

static void note_launches(struct opfit_problem *problem)
{
    double fastest_s = INFINITY;
    for (int i = 0; i < problem->data.n_rows; i++) {
        fastest_s = fmin(fastest_s, problem->measured_s[i]);
    }
    problem->launch_bound = problem->data.n_rows > 0 && fastest_s > LAUNCH_BOUND_S;
}

/* A benchmark that repeats one call finds its keys and values in L2; in a model the other
 * layers have evicted them. Below a quarter of L2 the difference drowns in the launch. */
static bool is_cache_hot(const struct op_set *set, double bytes)
{
    return bytes > set->gpu->l2_bytes / 4.0 && bytes < set->gpu->l2_bytes;
}

static void prepare_decode(const struct op_set *set, struct opfit_problem *problem)
{
    struct attn_ctx *ctx = start(set, problem);
    problem->data.law = decode_law_s;
    problem->data.params = decode_params;
    for (int i = 0; i < set->n; i++) {
        const struct op_point *p = &set->points[i];
        struct attn_spec spec = spec_of(set, p);
        struct attn_row *r = &ctx->rows[ctx->n];
        if (p->batch > MAX_BATCH || p->ctx_tokens < MIN_CTX || !is_grouped(set, p)) {
            problem->n_skipped++;
            continue;
        }
        attn_shape_of(&spec, 1, kv_of(set), &r->shape);
        r->n = p->batch;
        r->ctx_tokens = p->batch * seen_tokens(p);
        double bytes = r->ctx_tokens * r->shape.dec_bytes;
        double floor_s = bytes / set->gpu->mem_bytes_per_s;
        if (is_cache_hot(set, bytes)) {
            problem->n_skipped++;
            continue;
        }
        ctx->n += opfit_problem_add(problem, p, floor_s, 1.0, shape_of(p));
    }
    note_launches(problem);
}

static void batch_sums(const struct attn_spec *spec, const struct op_point *p,
                       struct prefill_sums *sums)
{
    *sums = (struct prefill_sums){0};
    attn_chunk_sums(spec->span, spec->window_tokens, 0, (int64_t)p->ctx_tokens, sums);
    double *each[] = {&sums->chunks, &sums->tiles, &sums->pairs, &sums->queries, &sums->keys};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        *each[i] *= p->batch;
    }
}

/* Arithmetic of the exact pairs: those of the law are rounded up to tiles, which kernels may
 * skip. */
static double prefill_floor_s(const struct op_set *set, const struct op_point *p,
                              double pair_flops)
{
    double c = p->ctx_tokens;
    double w = seen_tokens(p);
    double pairs = p->batch * (c * w - w * (w - 1.0) / 2.0);
    bool fp8 = strncmp(set->table_dtype, "fp8/", 4) == 0;
    return pairs * pair_flops / gpu_flops(set->gpu, fp8 ? DTYPE_FP8 : DTYPE_BF16);
}

static void prepare_prefill(const struct op_set *set, struct opfit_problem *problem)
{
    struct attn_ctx *ctx = start(set, problem);
    problem->data.law = prefill_law_s;
    problem->data.params = prefill_params;
    for (int i = 0; i < set->n; i++) {
        const struct op_point *p = &set->points[i];
        struct attn_spec spec = spec_of(set, p);
        struct attn_row *r = &ctx->rows[ctx->n];
        if (p->ctx_tokens < MIN_CHUNK || !is_grouped(set, p)) {
            problem->n_skipped++;
            continue;
        }
        attn_shape_of(&spec, 1, kv_of(set), &r->shape);
        batch_sums(&spec, p, &r->sums);
        double floor_s = prefill_floor_s(set, p, r->shape.pair_flops);
        ctx->n += opfit_problem_add(problem, p, floor_s, 1.0, shape_of(p));
    }
    note_launches(problem);
}

const struct opfit_law opfit_decode_law = {decode_columns, prepare_decode};
const struct opfit_law opfit_prefill_law = {prefill_columns, prepare_prefill};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/moe.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

enum { SOLVE_STEPS = 60 };

/* Inclusion probabilities q_e = 1 - exp(-lambda p_e) with sum k: top-k without replacement to
 * within 2 % of Monte-Carlo (cost-model.md section 1, "Distinct experts"). Bisection in
 * log(lambda). */
static void solve_inclusion(double *p, int n, double k)
{
    double lo = -20.0;
    double hi = 40.0;
    for (int step = 0; step < SOLVE_STEPS; step++) {
        double mid = 0.5 * (lo + hi);
        double lambda = exp(mid);
        double sum = 0.0;
        for (int e = 0; e < n; e++) {
            sum += -expm1(-lambda * p[e]);
        }
        if (sum < k) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    double lambda = exp(hi);
    for (int e = 0; e < n; e++) {
        p[e] = -expm1(-lambda * p[e]);
    }
}

static void fill_grid(struct moe_routing *r);

/* One rank: lognormal weights at even quantiles. */
static void fill_inclusion(struct moe_routing *r, double sigma)
{
    int n = r->n_experts;
    double sum = 0.0;
    r->incl = xcalloc((size_t)n, sizeof *r->incl);
    for (int e = 0; e < n; e++) {
        double u = (n - e - 0.5) / n;
        r->incl[e] = exp(sigma * gsl_cdf_ugaussian_Pinv(u));
        sum += r->incl[e];
    }
    for (int e = 0; e < n; e++) {
        r->incl[e] /= sum;
    }
    if (r->top_k < n) {
        solve_inclusion(r->incl, n, r->top_k);
    } else {
        for (int e = 0; e < n; e++) {
            r->incl[e] = 1.0;
        }
    }
}

struct moe_routing *moe_routing_new(const struct experts_config *experts)
{
    ASSERT(experts_config_fits(experts));
    struct moe_routing *r = xcalloc(1, sizeof *r);
    r->n_experts = experts->n_experts;
    r->top_k = experts->top_k;
    r->ep = experts->ep;
    r->experts = *experts;
    if (r->ep > 1) {
        experts_table_build(experts, &r->table);
    } else {
        fill_inclusion(r, experts->skew);
    }
    fill_grid(r);
    return r;
}

void moe_routing_free(struct moe_routing *r)
{
    if (r) {
        free(r->incl);
        free(r);
    }
}

static double distinct_of(const struct moe_routing *r, double tokens)
{
    double hit = 0.0;
    for (int e = 0; e < r->n_experts; e++) {
        hit += 1.0 - pow(1.0 - r->incl[e], tokens);
    }
    return hit;
}

void moe_routing_load(const struct moe_routing *r, double tokens, struct moe_load *out)
{
    out->rows_mean = tokens * r->top_k / r->ep;
    if (r->ep == 1) {
        out->distinct_all = distinct_of(r, tokens);
        out->distinct_rank = out->distinct_all;
        out->imbalance = 1.0;
        return;
    }
    struct experts_point p;
    experts_table_at(&r->table, tokens, &p);
    out->distinct_all = p.distinct_all;
    out->distinct_rank = fmax(p.distinct_rank, p.distinct_all / r->ep);
    out->imbalance = fmax(1.0, p.imbalance);
}

/* Grid point i stands at this many tokens: 0 .. 64, then 16 per doubling, evenly inside it. */
static int64_t grid_tokens(int i)
{
    if (i <= MOE_GRID_DENSE) {
        return i;
    }
    int octave = (i - MOE_GRID_DENSE) / MOE_GRID_OCTAVE;
    int step = (i - MOE_GRID_DENSE) % MOE_GRID_OCTAVE;
    int64_t base = (int64_t)MOE_GRID_DENSE << octave;
    return base + base / MOE_GRID_OCTAVE * step;
}

static void fill_grid(struct moe_routing *r)
{
    for (int i = 1; i < MOE_GRID_N; i++) {
        moe_routing_load(r, (double)grid_tokens(i), &r->grid[i]);
    }
}

void moe_routing_at(const struct moe_routing *r, int64_t tokens, struct moe_load *out)
{
    if (tokens <= MOE_GRID_DENSE) {
        *out = r->grid[tokens > 0 ? tokens : 0];
        return;
    }
    int octave = 0;
    while (octave < MOE_GRID_OCTAVES && tokens >= (int64_t)MOE_GRID_DENSE << (octave + 1)) {
        octave++;
    }
    if (octave >= MOE_GRID_OCTAVES) {
        moe_routing_load(r, (double)tokens, out);
        return;
    }
    int64_t base = (int64_t)MOE_GRID_DENSE << octave;
    int64_t width = base / MOE_GRID_OCTAVE;
    int step = (int)((tokens - base) / width);
    const struct moe_load *a = &r->grid[MOE_GRID_DENSE + octave * MOE_GRID_OCTAVE + step];
    const struct moe_load *b = a + 1;
    double share = (double)((tokens - base) % width) / (double)width;
    out->distinct_all = a->distinct_all + share * (b->distinct_all - a->distinct_all);
    out->distinct_rank = a->distinct_rank + share * (b->distinct_rank - a->distinct_rank);
    out->rows_mean = a->rows_mean + share * (b->rows_mean - a->rows_mean);
    out->imbalance = a->imbalance + share * (b->imbalance - a->imbalance);
}

static enum dtype arithmetic_of(const char *key)
{
    if (strncmp(key, "w4a8", 4) == 0 || strncmp(key, "fp8", 3) == 0) {
        return DTYPE_FP8;
    }
    return strcmp(key, "nvfp4") == 0 ? DTYPE_NVFP4 : DTYPE_BF16;
}

void moe_unit_init(struct moe_unit *u, const struct gpu *gpu, const struct moe_consts *consts,
                   enum dtype dtype, enum quant_scheme scheme, int group)
{
    enum dtype arithmetic = arithmetic_of(consts->key.dtype);
    u->consts = *consts;
    u->unpadded = false;
    u->flops_per_s = gpu_flops(gpu, arithmetic);
    u->bytes_per_s = gpu->mem_bytes_per_s;
    u->weight_bytes = dtype_weight_bytes(dtype, scheme, group);
    u->act_bytes = arithmetic == DTYPE_NVFP4 ? 0.5625 : arithmetic == DTYPE_FP8 ? 1.0 : 2.0;
}

static double tile_rows(double rows_per_expert)
{
    if (rows_per_expert <= 16.0) {
        return 16.0;
    }
    if (rows_per_expert <= 32.0) {
        return 32.0;
    }
    return rows_per_expert <= 64.0 ? 64.0 : 128.0;
}

double moe_law_s(const struct moe_unit *u, double tokens, double rows, double distinct)
{
    const struct moe_consts *c = &u->consts;
    double per_expert = rows / distinct;
    double bm = tile_rows(per_expert);
    double padded = per_expert > bm ? distinct * (per_expert / bm + 0.5) * bm : distinct * bm;
    padded = u->unpadded ? rows : padded;
    double flops = 2.0 * u->n_matrices * padded * u->hidden * u->width;
    double tc =
        flops / (u->flops_per_s * c->ec) * (1.0 + c->b0 / bm) * (1.0 + c->i0 / u->width);
    double tm = distinct * u->n_matrices * u->hidden * u->width * u->weight_bytes /
                (u->bytes_per_s * c->em);
    double hi = fmax(tc, tm);
    double roof = hi * pow(1.0 + pow(fmin(tc, tm) / hi, c->p), 1.0 / c->p);
    double act = rows * (u->hidden * (u->act_bytes + 4.0) + u->width * (4.0 + u->act_bytes)) /
                 (u->bytes_per_s * c->ea);
    double route = 8.0 * tokens * u->top_k * c->et / u->bytes_per_s;
    return c->t0_s + c->td_s * distinct + route + act + roof;
}

double moe_floor_s(const struct moe_unit *u, double rows, double distinct)
{
    double weights = distinct * u->n_matrices * u->hidden * u->width * u->weight_bytes;
    double flops = 2.0 * u->n_matrices * rows * u->hidden * u->width;
    return fmax(weights / u->bytes_per_s, flops / u->flops_per_s);
}

double moe_time_s(const struct moe_unit *u, double tokens, double rows, double distinct)
{
    return fmax(moe_law_s(u, tokens, rows, distinct), moe_floor_s(u, rows, distinct));
}

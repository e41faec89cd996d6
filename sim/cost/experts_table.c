/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Monte-Carlo over the layers. Tokens arrive in doublings: each point of the grid adds as many
 * as there were, so what is hit stays hit. */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "sim/cost/experts.h"

enum {
    MIN_LAYERS = 48,   /* models with fewer layers are drawn several times */
    EXACT_TOKENS = 32, /* up to here token by token */
};
static const double SMALL_MEAN = 12.0; /* below: inversion instead of the normal law */
static const uint64_t SAMPLING_SEED = 1;

static double *doubles(int n)
{
    return xcalloc((size_t)n, sizeof(double));
}

/* One layer while its tokens arrive. */
struct layer_run {
    const struct experts_config *cfg;
    struct rng rng;
    struct experts_placement place;
    double *then, *now;
    double *count;                       /* [n_experts] rows so far */
    double *miss;                        /* [n_experts] probability of none so far */
    int *order;                          /* [n_experts] permutation */
    double **imbalance, **distinct_rank; /* [EXPERTS_GRID_N][draws] */
};

/* One token's top_k by systematic sampling over a fresh permutation: every expert with exactly
 * its inclusion probability, none twice. */
static void route_token(struct layer_run *l)
{
    int n = l->cfg->n_experts;
    double next = rng_uniform(&l->rng);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        int j = i + (int)rng_below(&l->rng, (uint64_t)(n - i));
        int e = l->order[j];
        l->order[j] = l->order[i];
        l->order[i] = e;
        sum += l->now[e];
        if (sum > next) {
            l->count[e] += 1.0;
            next += 1.0;
        }
    }
}

/* Inversion from below; p_none = (1 - q)^n. */
static double small_binomial(struct rng *rng, double n, double q, double p_none)
{
    double u = rng_uniform(rng);
    double odds = q / (1.0 - q);
    double p = p_none;
    double sum = p;
    double c = 0.0;
    while (u > sum && c < n && p > 0.0) {
        p *= (n - c) / (c + 1.0) * odds;
        c += 1.0;
        sum += p;
    }
    return c;
}

/* Binomial(n, q); beyond small means by its normal law with the skewness of Cornish and Fisher.
 */
static double binomial(struct rng *rng, double n, double q, double p_none)
{
    if (q >= 1.0) {
        return n;
    }
    if (n * q < SMALL_MEAN) {
        return small_binomial(rng, n, q, p_none);
    }
    if (n * (1.0 - q) < SMALL_MEAN) {
        return n - small_binomial(rng, n, 1.0 - q, pow(q, n));
    }
    double z = gsl_cdf_ugaussian_Pinv(rng_uniform(rng) + 0x1p-54);
    double c = n * q + sqrt(n * q * (1.0 - q)) * z + (1.0 - 2.0 * q) * (z * z - 1.0) / 6.0;
    return fmin(n, fmax(0.0, floor(c + 0.5)));
}

/* Doubles the tokens from `tokens`. */
static void add_tokens(struct layer_run *l, int tokens)
{
    for (int i = 0; tokens < EXACT_TOKENS && i < tokens; i++) {
        route_token(l);
    }
    for (int e = 0; e < l->cfg->n_experts; e++) {
        if (tokens >= EXACT_TOKENS) {
            l->count[e] += binomial(&l->rng, tokens, l->now[e], l->miss[e]);
        }
        l->miss[e] *= l->miss[e];
    }
}

/* Copies share rows as evenly as whole rows allow. */
static void slowest_rank(const struct layer_run *l, double *imbalance, double *distinct)
{
    const struct experts_placement *p = &l->place;
    double total = 0.0;
    double most = 0.0;
    *distinct = 0.0;
    for (int r = 0; r < p->ep; r++) {
        double rows = 0.0;
        double hit = 0.0;
        for (int s = r * p->per_rank; s < (r + 1) * p->per_rank; s++) {
            double copies = p->copies[p->expert[s]];
            double mine = l->count[p->expert[s]];
            mine = copies == 1.0 ? mine : floor((mine + copies - 1.0 - p->copy[s]) / copies);
            rows += mine;
            hit += mine > 0.0 ? 1.0 : 0.0;
        }
        total += rows;
        most = fmax(most, rows);
        *distinct = fmax(*distinct, hit);
    }
    *imbalance = most * p->ep / total;
}

static double expected_distinct(const struct layer_run *l)
{
    double sum = 0.0;
    for (int e = 0; e < l->cfg->n_experts; e++) {
        sum += 1.0 - l->miss[e];
    }
    return sum;
}

static double static_imbalance(const struct layer_run *l)
{
    const struct experts_placement *p = &l->place;
    double most = 0.0;
    for (int r = 0; r < p->ep; r++) {
        double rows = 0.0;
        for (int s = r * p->per_rank; s < (r + 1) * p->per_rank; s++) {
            rows += l->now[p->expert[s]] / p->copies[p->expert[s]];
        }
        most = fmax(most, rows);
    }
    return most * p->ep / l->cfg->top_k;
}

/* Layers stand for moments of the rebalancing period. */
static void start_layer(struct layer_run *l, int draw)
{
    const struct experts_config *c = l->cfg;
    double age_s = c->rebalance_s > 0.0
                       ? c->rebalance_s * experts_spread(EXPERTS_SPREAD_AGE, draw)
                       : INFINITY;
    experts_popularity(c, draw, age_s, l->then, l->now);
    if (c->by_load || c->n_redundant > 0) {
        experts_place_by_load(&l->place, l->then);
    } else {
        experts_place_in_order(&l->place);
    }
    rng_init(&l->rng, SAMPLING_SEED, "moe/sampling", (uint64_t)draw);
    for (int e = 0; e < c->n_experts; e++) {
        l->count[e] = 0.0;
        l->miss[e] = 1.0 - l->now[e];
        l->order[e] = e;
    }
}

static void run_layer(struct layer_run *l, int draw, struct experts_table *t)
{
    start_layer(l, draw);
    t->static_imbalance += static_imbalance(l);
    route_token(l);
    for (int i = 0; i < EXPERTS_GRID_N; i++) {
        if (i > 0) {
            add_tokens(l, 1 << (i - 1));
        }
        slowest_rank(l, &l->imbalance[i][draw], &l->distinct_rank[i][draw]);
        t->points[i].distinct_all += expected_distinct(l);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean and quantiles of n values, which are sorted. */
static double summarise(double *values, int n, double *quantiles)
{
    static const double levels[EXPERTS_QUANTILES] = {0.1, 0.5, 0.9, 0.99};
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    qsort(values, (size_t)n, sizeof *values, ascending);
    for (int q = 0; q < EXPERTS_QUANTILES; q++) {
        quantiles[q] = values[(int)(levels[q] * (n - 1) + 0.5)];
    }
    return sum / n;
}

static void open_run(struct layer_run *l, const struct experts_config *cfg, int draws)
{
    int n = cfg->n_experts;
    *l = (struct layer_run){.cfg = cfg,
                            .then = doubles(n),
                            .now = doubles(n),
                            .count = doubles(n),
                            .miss = doubles(n),
                            .order = xcalloc((size_t)n, sizeof(int)),
                            .imbalance = xcalloc(EXPERTS_GRID_N, sizeof(double *)),
                            .distinct_rank = xcalloc(EXPERTS_GRID_N, sizeof(double *))};
    experts_placement_init(&l->place, n, cfg->n_redundant, cfg->ep);
    for (int i = 0; i < EXPERTS_GRID_N; i++) {
        l->imbalance[i] = doubles(draws);
        l->distinct_rank[i] = doubles(draws);
    }
}

static void close_run(struct layer_run *l)
{
    for (int i = 0; i < EXPERTS_GRID_N; i++) {
        free(l->imbalance[i]);
        free(l->distinct_rank[i]);
    }
    free(l->imbalance);
    free(l->distinct_rank);
    free(l->then);
    free(l->now);
    free(l->count);
    free(l->miss);
    free(l->order);
    experts_placement_fini(&l->place);
}

void experts_table_build(const struct experts_config *cfg, struct experts_table *t)
{
    ASSERT(experts_config_fits(cfg));
    *t = (struct experts_table){.ep = cfg->ep};
    int layers = cfg->n_layers > 0 ? cfg->n_layers : 1;
    int draws = (MIN_LAYERS + layers - 1) / layers * layers;
    struct layer_run l;
    open_run(&l, cfg, draws);
    for (int draw = 0; draw < draws; draw++) {
        run_layer(&l, draw, t);
    }
    t->static_imbalance /= draws;
    for (int i = 0; i < EXPERTS_GRID_N; i++) {
        struct experts_point *p = &t->points[i];
        p->imbalance = summarise(l.imbalance[i], draws, p->imbalance_q);
        p->distinct_rank = summarise(l.distinct_rank[i], draws, p->distinct_rank_q);
        p->distinct_all /= draws;
    }
    close_run(&l);
}

/* ---- look-up ----------------------------------------------------------------------------- */

/* Slope at a point whose neighbours differ by a and b: harmonic mean, 0 at an extreme (Fritsch
 * and Butland), so the curve never leaves the range of its points. */
static double slope(double a, double b)
{
    return a * b > 0.0 ? 2.0 * a * b / (a + b) : 0.0;
}

static double cubic(const double y[4], double x, bool first, bool last)
{
    double step = y[2] - y[1];
    double m1 = first ? step : slope(y[1] - y[0], step);
    double m2 = last ? step : slope(step, y[3] - y[2]);
    double c2 = 3.0 * step - 2.0 * m1 - m2;
    double c3 = m1 + m2 - 2.0 * step;
    return y[1] + x * (m1 + x * (c2 + x * c3));
}

/* A point as the row of numbers it is. */
enum { POINT_FIELDS = sizeof(struct experts_point) / sizeof(double) };
union point_row {
    struct experts_point point;
    double field[POINT_FIELDS];
};

static double between(const struct experts_table *t, int i, double x, int field)
{
    double y[4];
    for (int j = 0; j < 4; j++) {
        int k = i - 1 + j;
        k = k < 0 ? 0 : k > EXPERTS_GRID_N - 1 ? EXPERTS_GRID_N - 1 : k;
        union point_row row = {.point = t->points[k]};
        y[j] = row.field[field];
    }
    return cubic(y, x, i == 0, i == EXPERTS_GRID_N - 2);
}

void experts_table_at(const struct experts_table *t, double tokens, struct experts_point *out)
{
    double most = 1 << (EXPERTS_GRID_N - 1);
    *out = t->points[EXPERTS_GRID_N - 1];
    if (tokens >= most) {
        double noise = fmax(0.0, out->imbalance - t->static_imbalance) * sqrt(most / tokens);
        out->imbalance = fmin(out->imbalance, t->static_imbalance + noise);
        return;
    }
    double x = log2(fmax(1.0, tokens));
    int i = (int)x < EXPERTS_GRID_N - 2 ? (int)x : EXPERTS_GRID_N - 2;
    union point_row row;
    for (int f = 0; f < POINT_FIELDS; f++) {
        row.field[f] = between(t, i, x - i, f);
    }
    *out = row.point;
}

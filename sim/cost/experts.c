/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/experts.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"

/* Layers of DeepSeek-R1 span sigma 0.5 (slowest rank / mean 1.46, layers 3 to 5) to 1.4 (3.46,
 * layer 58) around 1.0: 58 normal quantiles of this relative width do. */
static const double SKEW_SPREAD = 0.2;
static const double DRIFT_SHARE = 0.005; /* as the scenario's default */
/* Streams of popularity: part of the model, not of a run. */
static const uint64_t POPULARITY_SEED = 1;
enum { SOLVE_STEPS = 60, CAP_STEPS = 20 };

struct experts_config experts_config_default(int n_experts, int top_k, int ep, double sigma)
{
    return (struct experts_config){
        .n_experts = n_experts,
        .top_k = top_k,
        .ep = ep,
        .n_layers = 1,
        .skew = sigma,
        .skew_spread_frac = SKEW_SPREAD,
        .drift_share_frac = DRIFT_SHARE,
        .phase_corr = 1.0,
    };
}

bool experts_config_fits(const struct experts_config *c)
{
    return c->n_experts > 0 && c->top_k > 0 && c->top_k <= c->n_experts && c->ep > 0 &&
           c->n_redundant >= 0 && (c->n_experts + c->n_redundant) % c->ep == 0;
}

bool experts_config_same(const struct experts_config *a, const struct experts_config *b)
{
    return a->n_experts == b->n_experts && a->top_k == b->top_k && a->ep == b->ep &&
           a->n_layers == b->n_layers && a->law == b->law && a->skew == b->skew &&
           a->skew_spread_frac == b->skew_spread_frac && a->n_redundant == b->n_redundant &&
           a->by_load == b->by_load && a->drift_s == b->drift_s &&
           a->drift_share_frac == b->drift_share_frac && a->rebalance_s == b->rebalance_s &&
           a->phase_corr == b->phase_corr;
}

/* ---- popularity -------------------------------------------------------------------------- */

/* What decides most of a layer's imbalance (its sigma, how popular its hottest expert is, how
 * old its statistics are) is spread evenly over layers, each by its own stride. */
double experts_spread(enum experts_spread what, int layer)
{
    static const double stride[EXPERTS_SPREAD_N] = {0.7548776662466927, 0.5698402909980532};
    double x = 0.5 + layer * stride[what];
    return x - floor(x);
}

static int gcd(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Sigmas are quantiles, dealt to the layers with a stride near the golden section. */
double experts_sigma(const struct experts_config *c, int layer)
{
    int n = c->n_layers;
    int stride = (int)(0.618 * n);
    if (n < 2 || c->skew <= 0.0) {
        return c->skew;
    }
    while (gcd(stride, n) != 1) {
        stride++;
    }
    int i = (int)((int64_t)layer * stride % n);
    double z = gsl_cdf_ugaussian_Pinv((i + 0.5) / n);
    return fmax(0.0, c->skew * (1.0 + c->skew_spread_frac * z));
}

static double draw_normal(struct rng *rng, double below)
{
    return gsl_cdf_ugaussian_Pinv(below * (rng_uniform(rng) + 0x1p-54));
}

/* n independent normals whose maximum is the layer's quantile of the maximum's law. */
static void draw_scores(struct rng *rng, int layer, double *z, int n)
{
    double top = pow(experts_spread(EXPERTS_SPREAD_HOTTEST, layer), 1.0 / n);
    uint64_t hottest = rng_below(rng, (uint64_t)n);
    for (int e = 0; e < n; e++) {
        z[e] = draw_normal(rng, top);
    }
    z[hottest] = gsl_cdf_ugaussian_Pinv(top);
}

/* Inclusion probabilities q = k * share, none above 1: what an expert in every token cannot
 * take goes to the others. */
static void shares_to_inclusion(double *share, int n, double k)
{
    for (int step = 0; step < CAP_STEPS; step++) {
        double open = 0.0;
        double full = 0.0;
        for (int e = 0; e < n; e++) {
            full += share[e] >= 1.0 && step > 0 ? 1.0 : 0.0;
            open += share[e] >= 1.0 && step > 0 ? 0.0 : share[e];
        }
        double scale = open > 0.0 ? (k - full) / open : 0.0;
        bool over = false;
        for (int e = 0; e < n; e++) {
            if (share[e] < 1.0 || step == 0) {
                share[e] *= scale;
                over = over || share[e] > 1.0;
                share[e] = fmin(share[e], 1.0);
            }
        }
        if (!over) {
            return;
        }
    }
}

/* Inclusion of top-k without replacement by weights p: q = 1 - exp(-lambda p) with sum k, to
 * within 2 % of Monte-Carlo (cost-model.md section 1, "Distinct experts"). Bisection in
 * log(lambda). */
static void weights_to_inclusion(double *p, int n, double k)
{
    double lo = -20.0;
    double hi = 40.0;
    for (int step = 0; step < SOLVE_STEPS; step++) {
        double lambda = exp(0.5 * (lo + hi));
        double sum = 0.0;
        for (int e = 0; e < n; e++) {
            sum += -expm1(-lambda * p[e]);
        }
        if (sum < k) {
            lo = 0.5 * (lo + hi);
        } else {
            hi = 0.5 * (lo + hi);
        }
    }
    double lambda = exp(hi);
    for (int e = 0; e < n; e++) {
        p[e] = -expm1(-lambda * p[e]);
    }
}

struct ranked {
    double value;
    int idx;
};

static int by_value_descending(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->value != y->value) {
        return x->value > y->value ? -1 : 1;
    }
    return x->idx - y->idx;
}

static void zipf_weights(double *z, int n, double exponent)
{
    struct ranked *order = xcalloc((size_t)n, sizeof *order);
    for (int e = 0; e < n; e++) {
        order[e] = (struct ranked){z[e], e};
    }
    qsort(order, (size_t)n, sizeof *order, by_value_descending);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        z[order[i].idx] = pow(i + 1.0, -exponent);
        sum += z[order[i].idx];
    }
    for (int e = 0; e < n; e++) {
        z[e] /= sum;
    }
    free(order);
}

/* Normal scores of a layer become inclusion probabilities. */
static void scores_to_inclusion(const struct experts_config *c, int layer, double *z)
{
    int n = c->n_experts;
    double skew = experts_sigma(c, layer);
    if (c->top_k == n) {
        for (int e = 0; e < n; e++) {
            z[e] = 1.0;
        }
    } else if (c->law == EXPERTS_ZIPF) {
        zipf_weights(z, n, skew);
        weights_to_inclusion(z, n, c->top_k);
    } else {
        for (int e = 0; e < n; e++) {
            z[e] = exp(skew * z[e]);
        }
        shares_to_inclusion(z, n, c->top_k);
    }
}

/* How log popularity that long ago goes with today's. */
static double correlation(const struct experts_config *c, double age_s)
{
    if (c->drift_s <= 0.0) {
        return c->phase_corr;
    }
    double anew = c->drift_share_frac * -expm1(-age_s / c->drift_s);
    return c->phase_corr * (1.0 - anew);
}

void experts_popularity(const struct experts_config *c, int layer, double age_s, double *then,
                        double *now)
{
    struct rng rng;
    struct rng drift;
    rng_init(&rng, POPULARITY_SEED, "moe/popularity", (uint64_t)layer);
    rng_init(&drift, POPULARITY_SEED, "moe/drift", (uint64_t)layer);
    double rho = correlation(c, age_s);
    double anew = sqrt(fmax(0.0, 1.0 - rho * rho));
    draw_scores(&rng, layer, now, c->n_experts);
    for (int e = 0; e < c->n_experts && anew > 0.0; e++) {
        then[e] = rho * now[e] + anew * draw_normal(&drift, 1.0);
    }
    scores_to_inclusion(c, layer, now);
    if (anew > 0.0) {
        scores_to_inclusion(c, layer, then);
    } else {
        memcpy(then, now, (size_t)c->n_experts * sizeof *then);
    }
}

/* ---- placement --------------------------------------------------------------------------- */

void experts_placement_init(struct experts_placement *p, int n_experts, int n_redundant, int ep)
{
    *p = (struct experts_placement){
        .n_experts = n_experts, .n_slots = n_experts + n_redundant, .ep = ep};
    ASSERT(p->n_slots % ep == 0);
    p->per_rank = p->n_slots / ep;
    p->expert = xcalloc((size_t)p->n_slots, sizeof *p->expert);
    p->copy = xcalloc((size_t)p->n_slots, sizeof *p->copy);
    p->copies = xcalloc((size_t)n_experts, sizeof *p->copies);
}

void experts_placement_fini(struct experts_placement *p)
{
    free(p->expert);
    free(p->copy);
    free(p->copies);
    memset(p, 0, sizeof *p);
}

void experts_place_in_order(struct experts_placement *p)
{
    memset(p->copies, 0, (size_t)p->n_experts * sizeof *p->copies);
    for (int s = 0; s < p->n_slots; s++) {
        p->expert[s] = s % p->n_experts;
        p->copy[s] = p->copies[p->expert[s]]++;
    }
}

static void give_spare_slots(struct experts_placement *p, const double *load)
{
    for (int e = 0; e < p->n_experts; e++) {
        p->copies[e] = 1;
    }
    for (int s = p->n_experts; s < p->n_slots; s++) {
        int most = 0;
        for (int e = 1; e < p->n_experts; e++) {
            /* load / copies compared without dividing */
            most = load[e] * p->copies[most] > load[most] * p->copies[e] ? e : most;
        }
        p->copies[most]++;
    }
}

static int lightest_rank(const double *weight, const int *used, int ep, int per_rank)
{
    int best = -1;
    for (int r = 0; r < ep; r++) {
        if (used[r] < per_rank && (best < 0 || weight[r] < weight[best])) {
            best = r;
        }
    }
    return best;
}

static void pack(struct experts_placement *p, const struct ranked *order)
{
    double *weight = xcalloc((size_t)p->ep, sizeof *weight);
    int *used = xcalloc((size_t)p->ep, sizeof *used);
    int *dealt = xcalloc((size_t)p->n_experts, sizeof *dealt);
    for (int i = 0; i < p->n_experts; i++) {
        int e = order[i].idx;
        for (int copy = 0; copy < p->copies[e]; copy++) {
            int r = lightest_rank(weight, used, p->ep, p->per_rank);
            int s = r * p->per_rank + used[r]++;
            weight[r] += order[i].value;
            p->expert[s] = e;
            p->copy[s] = dealt[e]++;
        }
    }
    free(weight);
    free(used);
    free(dealt);
}

void experts_place_by_load(struct experts_placement *p, const double *load)
{
    give_spare_slots(p, load);
    struct ranked *order = xcalloc((size_t)p->n_experts, sizeof *order);
    for (int e = 0; e < p->n_experts; e++) {
        order[e] = (struct ranked){load[e] / p->copies[e], e};
    }
    qsort(order, (size_t)p->n_experts, sizeof *order, by_value_descending);
    pack(p, order);
    free(order);
}

double experts_layer_load(const struct experts_config *c, int layer, double *rank_load)
{
    struct experts_placement place;
    double *then = xcalloc((size_t)c->n_experts, sizeof *then);
    double *now = xcalloc((size_t)c->n_experts, sizeof *now);
    experts_placement_init(&place, c->n_experts, c->n_redundant, c->ep);
    experts_popularity(c, layer, c->rebalance_s > 0.0 ? 0.5 * c->rebalance_s : INFINITY, then,
                       now);
    if (c->by_load || c->n_redundant > 0) {
        experts_place_by_load(&place, then);
    } else {
        experts_place_in_order(&place);
    }
    double worst = 0.0;
    for (int r = 0; r < c->ep; r++) {
        double rows = 0.0;
        for (int i = 0; i < place.per_rank; i++) {
            int e = place.expert[r * place.per_rank + i];
            rows += now[e] / place.copies[e];
        }
        rank_load[r] = rows * c->ep / c->top_k;
        worst = fmax(worst, rank_load[r]);
    }
    experts_placement_fini(&place);
    free(then);
    free(now);
    return worst;
}

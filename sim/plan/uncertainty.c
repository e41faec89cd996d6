/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uncertainty.c - spreads, the Latin hypercube, quantiles and sensitivities. */
#include "sim/plan/uncertainty.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

#include "sim/core/output.h"
#include "sim/core/rng.h"

/* ---- ranges ------------------------------------------------------------------------------ */

static struct spread factors(double value, double lo, double hi, const char *why)
{
    return (struct spread){
        .varied = value > 0, .p10 = value * lo, .p90 = value * hi, .why = why, .assumed = true};
}

/* The source's own range, else factors. A range never depends on whether the user gave the
 * value: a "flips if" value that is fed back must meet the same spread. */
static struct spread of_rate(const struct plan_rate *rate, double lo, double hi,
                             const char *why)
{
    if (rate->low > 0 && rate->high > rate->low) {
        return (struct spread){.varied = true,
                               .p10 = rate->low,
                               .p90 = rate->high,
                               .why = rate->source,
                               .assumed = rate->estimated};
    }
    return factors(rate->value, lo, hi, why);
}

static struct spread of_growth(const struct plan_case *c)
{
    double value = c->demand.growth_per_month_frac;
    double half = fmax(0.01, fabs(value) / 2);
    return (struct spread){.varied = true,
                           .p10 = value - half,
                           .p90 = value + half,
                           .why = "assumed: half the stated growth, at least 1 % a month",
                           .assumed = true};
}

static struct spread of_capacity(const struct plan_case *c)
{
    const struct plan_option *o = &c->option;
    return (struct spread){.varied = o->rps_lo > 0 && o->rps_hi > o->rps_lo,
                           .p10 = o->rps_lo,
                           .p90 = o->rps_hi,
                           .why = "prediction band"};
}

struct spread uncertainty_spread(const struct plan_case *c, enum input_id id)
{
    const struct plan_rate *rates = c->econ.rates;
    bool team = !isnan(rates[ECON_STAFF].value);
    if (!input_matters(c, id)) {
        return (struct spread){.varied = false};
    }
    switch (id) {
    case INPUT_GROWTH:
        return of_growth(c);
    case INPUT_CAPACITY:
        return of_capacity(c);
    case INPUT_NODE_PRICE:
        return factors(input_get(c, id), 0.87, 1.15, "assumed: 15 % around the price");
    case INPUT_MANAGED_PRICE: /* list prices of tokens fell more often than they rose */
        return factors(input_get(c, id), 0.85, 1.1, "assumed: -15 to +10 % around the price");
    case INPUT_UTILISATION:
        return factors(rates[ECON_UTILISATION].value, 0.9,
                       fmin(1.1, 1 / rates[ECON_UTILISATION].value),
                       "assumed: 10 % around the target");
    case INPUT_FAILURES: /* sources differ by a factor of 17: sqrt(17) either way */
        return factors(rates[ECON_FAILURES].value, 0.24, 4.1,
                       "range between published failure rates");
    case INPUT_SPOT:
        return of_rate(&rates[ECON_SPOT], 0.2, 5, "assumed: a factor of 5 either way");
    case INPUT_STAFF:
        return of_rate(&rates[team ? ECON_STAFF : ECON_FTE_COST], 0.8, 1.25, "assumed: 25 %");
    case INPUT_MANAGED_STAFF:
        return c->offer.staff.value > 0
                   ? factors(c->offer.staff.value, 0.8, 1.25, "assumed: 25 %")
                   : (struct spread){.varied = false};
    case INPUT_ELECTRICITY:
        return of_rate(&rates[ECON_ELECTRICITY], 0.7, 1.4, "range between regions of the US");
    case INPUT_CAPITAL:
        return of_rate(&rates[ECON_CAPITAL], 0.75, 1.5, "range of published financing");
    case INPUT_RESIDUAL:
        return of_rate(&rates[ECON_RESIDUAL], 0.8, 1.2, "assumed: 20 %");
    default:
        return (struct spread){.varied = false};
    }
}

/* ---- draws ------------------------------------------------------------------------------- */

double *uncertainty_design(struct arena *arena, uint64_t seed, uint64_t rep, int n)
{
    double *design = arena_alloc(arena, (size_t)INPUT_N * (size_t)n, sizeof *design);
    for (int id = 0; id < INPUT_N; id++) {
        double *u = design + (ptrdiff_t)id * n;
        struct rng rng;
        char name[32];
        snprintf(name, sizeof name, "plan/input-%d", id);
        rng_init(&rng, seed, name, rep);
        for (int i = 0; i < n; i++) {
            u[i] = i; /* stratum */
        }
        gsl_ran_shuffle(rng_gsl(&rng), u, (size_t)n, sizeof *u);
        for (int i = 0; i < n; i++) {
            double inside = 1 - rng_uniform(&rng); /* (0, 1] */
            u[i] = fmin((u[i] + inside) / n, 1 - 1e-9);
        }
    }
    return design;
}

double uncertainty_value(const struct plan_case *c, enum input_id id, double u)
{
    struct spread s = uncertainty_spread(c, id);
    double centre = input_get(c, id);
    double z90 = gsl_cdf_ugaussian_Pinv(0.9);
    double z = gsl_cdf_ugaussian_Pinv(u) / z90; /* 1 at P90 */
    double edge = z < 0 ? s.p10 : s.p90;
    if (!s.varied) {
        return centre;
    }
    double value = id == INPUT_GROWTH ? centre + fabs(z) * (edge - centre)
                                      : centre * pow(edge / centre, fabs(z));
    struct input_spec spec = input_spec_of(c, id);
    return fmin(fmax(value, spec.min), spec.max);
}

void uncertainty_apply(const struct plan_case *centre, const double *design, int n, int i,
                       struct plan_case *out)
{
    *out = *centre;
    for (int id = 0; id < INPUT_N; id++) {
        if (uncertainty_spread(centre, (enum input_id)id).varied) {
            double u = design[(ptrdiff_t)id * n + i];
            input_set(out, (enum input_id)id, uncertainty_value(centre, (enum input_id)id, u));
        }
    }
}

/* ---- spread of the results --------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts; NaN left out. */
static struct quantiles quantiles_of(double *values, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            values[kept++] = values[i];
        }
    }
    if (kept == 0) {
        return (struct quantiles){NAN, NAN, NAN};
    }
    qsort(values, (size_t)kept, sizeof *values, compare_doubles);
    return (struct quantiles){quantile_of_sorted(values, kept, 0.1),
                              quantile_of_sorted(values, kept, 0.5),
                              quantile_of_sorted(values, kept, 0.9)};
}

/* Self over managed; what has no price cannot win, and two missing sides are equal. */
static double cost_ratio(const struct forecast *fc)
{
    if (isnan(fc->self_usd)) {
        return isnan(fc->managed_usd) ? 1 : INFINITY;
    }
    if (isnan(fc->managed_usd)) {
        return 0;
    }
    return fc->managed_usd > 0 ? fc->self_usd / fc->managed_usd
                               : (fc->self_usd > 0 ? INFINITY : 1);
}

enum {
    OUT_SELF,
    OUT_MANAGED,
    OUT_SELF_NPV,
    OUT_MANAGED_NPV,
    OUT_GPUS,
    OUT_MONTH,
    OUT_RATIO,
    OUT_N
};

void uncertainty_run(struct arena *arena, const struct plan_case *c, int n, uint64_t seed,
                     struct uncertainty *out)
{
    double *design = uncertainty_design(arena, seed, 0, n);
    double *v = arena_alloc(arena, (size_t)OUT_N * (size_t)n, sizeof *v);
    int n_cross = 0;
    for (int i = 0; i < n; i++) {
        struct plan_case sample;
        struct forecast fc;
        uncertainty_apply(c, design, n, i, &sample);
        forecast_run(&sample, NULL, &fc);
        v[OUT_SELF * n + i] = fc.self_usd;
        v[OUT_MANAGED * n + i] = fc.managed_usd;
        v[OUT_SELF_NPV * n + i] = fc.self_npv_usd;
        v[OUT_MANAGED_NPV * n + i] = fc.managed_npv_usd;
        v[OUT_GPUS * n + i] = c->has_self ? (double)fc.gpus_max : NAN;
        v[OUT_MONTH * n + i] = fc.crossing_month < 0 ? (double)NAN : (double)fc.crossing_month;
        v[OUT_RATIO * n + i] = cost_ratio(&fc);
        n_cross += fc.crossing_month >= 0;
    }
    *out = (struct uncertainty){
        .n = n,
        .self_usd = quantiles_of(v + (ptrdiff_t)OUT_SELF * n, n),
        .managed_usd = quantiles_of(v + (ptrdiff_t)OUT_MANAGED * n, n),
        .self_npv_usd = quantiles_of(v + (ptrdiff_t)OUT_SELF_NPV * n, n),
        .managed_npv_usd = quantiles_of(v + (ptrdiff_t)OUT_MANAGED_NPV * n, n),
        .gpus = quantiles_of(v + (ptrdiff_t)OUT_GPUS * n, n),
        .crossing_month = quantiles_of(v + (ptrdiff_t)OUT_MONTH * n, n),
        .ratio = quantiles_of(v + (ptrdiff_t)OUT_RATIO * n, n),
        .crosses_frac = (double)n_cross / n,
    };
}

void uncertainty_cost(const struct plan_case *c, const double *design, int n,
                      struct cost_spread *out)
{
    double *usd = xcalloc((size_t)n, sizeof *usd);
    double *per_mtok = xcalloc((size_t)n, sizeof *per_mtok);
    for (int i = 0; i < n; i++) {
        struct plan_case sample;
        struct forecast fc;
        uncertainty_apply(c, design, n, i, &sample);
        forecast_run(&sample, NULL, &fc);
        usd[i] = c->has_self ? fc.self_usd : fc.managed_usd;
        per_mtok[i] =
            cost_tokens(&sample.option, usd[i], demand_horizon_rps(&sample.demand)).blended_usd;
    }
    *out = (struct cost_spread){quantiles_of(usd, n), quantiles_of(per_mtok, n)};
    free(per_mtok);
    free(usd);
}

double uncertainty_ratio(const struct plan_case *c, const double *design, int n,
                         double quantile, double *scratch)
{
    for (int i = 0; i < n; i++) {
        struct plan_case sample;
        struct forecast fc;
        uncertainty_apply(c, design, n, i, &sample);
        forecast_run(&sample, NULL, &fc);
        scratch[i] = cost_ratio(&fc);
    }
    qsort(scratch, (size_t)n, sizeof *scratch, compare_doubles);
    /* The ceil(q n)-th value, so that exactly that many samples are at or below it. */
    int rank = (int)ceil(quantile * n - 1e-9);
    return scratch[rank > 1 ? rank - 1 : 0];
}

/* ---- sensitivity ------------------------------------------------------------------------- */

/* What the tornado shows: the difference, or the only side there is. */
static double outcome(const struct plan_case *c)
{
    struct forecast fc;
    forecast_run(c, NULL, &fc);
    if (isnan(fc.managed_usd)) {
        return fc.self_usd;
    }
    return isnan(fc.self_usd) ? fc.managed_usd : fc.self_usd - fc.managed_usd;
}

static double outcome_with(const struct plan_case *c, enum input_id id, double value)
{
    struct plan_case changed = *c;
    input_set(&changed, id, value);
    return outcome(&changed);
}

static double variance_of(const double *v, int n)
{
    struct moments m = {0};
    for (int i = 0; i < n; i++) {
        moments_add(&m, v[i]);
    }
    double sd = moments_sd(&m);
    return sd * sd;
}

/* Jansen's estimator: mean of (f(A) - f(A with column id of B))^2 / 2, over the variance. */
static double total_effect(const struct plan_case *c, const double *a, const double *b,
                           const double *at_a, double variance, int n, enum input_id id)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        struct plan_case sample;
        uncertainty_apply(c, a, n, i, &sample);
        input_set(&sample, id, uncertainty_value(c, id, b[(ptrdiff_t)id * n + i]));
        double d = at_a[i] - outcome(&sample);
        sum += d * d;
    }
    return variance > 0 ? sum / (2.0 * n) / variance : 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct tornado_row *x = a;
    const struct tornado_row *y = b;
    double dx = fabs(x->usd_high - x->usd_low);
    double dy = fabs(y->usd_high - y->usd_low);
    return dx != dy ? (dx < dy) - (dx > dy) : (int)x->id - (int)y->id;
}

void uncertainty_tornado(struct arena *arena, const struct plan_case *c, int n, uint64_t seed,
                         struct tornado *out)
{
    double *a = uncertainty_design(arena, seed, 0, n);
    double *b = uncertainty_design(arena, seed, 1, n);
    double *at_a = arena_alloc(arena, (size_t)n, sizeof *at_a);
    for (int i = 0; i < n; i++) {
        struct plan_case sample;
        uncertainty_apply(c, a, n, i, &sample);
        at_a[i] = outcome(&sample);
    }
    double variance = variance_of(at_a, n);
    *out = (struct tornado){.base_usd = outcome(c)};
    for (int k = 0; k < INPUT_N; k++) {
        enum input_id id = (enum input_id)k;
        if (!uncertainty_spread(c, id).varied) {
            continue;
        }
        struct tornado_row row = {.id = id,
                                  .low = uncertainty_value(c, id, 0.1),
                                  .high = uncertainty_value(c, id, 0.9)};
        row.usd_low = outcome_with(c, id, row.low);
        row.usd_high = outcome_with(c, id, row.high);
        row.total_effect_frac = total_effect(c, a, b, at_a, variance, n, id);
        out->rows[out->n++] = row;
    }
    qsort(out->rows, (size_t)out->n, sizeof out->rows[0], compare_rows);
}

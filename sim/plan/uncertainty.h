/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uncertainty.h - how sure the comparison is: Monte-Carlo over the prediction band, growth,
 * prices, utilisation and failure rates by Latin hypercube, and which input matters most.
 *
 * An input is spread around its value by an 80 % range: P10 and P90, with a lognormal arm on
 * each side (normal for growth). The range is that of the source where it gives one, else an
 * assumption that is reported as such. Inputs are independent. The stream of an input depends
 * on the seed and its name only, so two comparisons see the same draws.
 *
 * Complexity: n samples for the spread, n * (inputs + 1) forecasts for the total effect. */
#ifndef UNCERTAINTY_H
#define UNCERTAINTY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/mem.h"
#include "sim/plan/forecast.h"

enum { UNCERTAINTY_SAMPLES = 512 };

struct spread {
    bool varied;
    double p10, p90;
    const char *why; /* where the range is from */
    bool assumed;
};
/* The range of an input in this comparison. Volume and peak are not spread: growth and
 * utilisation carry that. */
struct spread uncertainty_spread(const struct plan_case *c, enum input_id id);

/* n draws of each varied input as multiples u in (0, 1), Latin hypercube: [id * n + i]. Lives
 * in the arena. rep tells independent designs apart. */
double *uncertainty_design(struct arena *arena, uint64_t seed, uint64_t rep, int n);
/* The value of an input at its quantile u. */
double uncertainty_value(const struct plan_case *c, enum input_id id, double u);
/* The comparison at draw i of a design. */
void uncertainty_apply(const struct plan_case *centre, const double *design, int n, int i,
                       struct plan_case *out);

struct quantiles {
    double p10, p50, p90; /* NaN: no sample has a value */
};
struct uncertainty {
    int n;
    struct quantiles self_usd, managed_usd; /* mean per month over the horizon */
    struct quantiles self_npv_usd, managed_npv_usd;
    struct quantiles gpus;           /* at the end of the horizon */
    struct quantiles crossing_month; /* over the samples that cross */
    double crosses_frac;             /* share of samples that do */
    struct quantiles ratio;          /* self / managed */
};
void uncertainty_run(struct arena *arena, const struct plan_case *c, int n, uint64_t seed,
                     struct uncertainty *out);

/* What one option costs, a case with one side, over the horizon: mean per month, and per
 * million tokens, all together. design: of n samples. */
struct cost_spread {
    struct quantiles usd, usd_per_mtok;
};
void uncertainty_cost(const struct plan_case *c, const double *design, int n,
                      struct cost_spread *out);

/* Quantile of self / managed cost; a managed side without a price counts as infinitely dear. */
double uncertainty_ratio(const struct plan_case *c, const double *design, int n,
                         double quantile, double *scratch);

/* ---- which input matters ----------------------------------------------------------------- */

struct tornado_row {
    enum input_id id;
    double low, high;         /* the input at P10 and P90 */
    double usd_low, usd_high; /* self minus managed, mean per month, at those */
    double total_effect_frac; /* share of the variance that goes with this input (Sobol, Jansen
                                 1999), interactions included */
};
struct tornado {
    double base_usd; /* self minus managed, or the only side there is */
    struct tornado_row rows[INPUT_N];
    int n; /* by falling swing */
};
void uncertainty_tornado(struct arena *arena, const struct plan_case *c, int n, uint64_t seed,
                         struct tornado *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dist.h - distributions of lengths, gaps and times. A dist is plain data; drawing needs a
 * stream. */
#ifndef DIST_H
#define DIST_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/core/rng.h"

enum dist_kind {
    DIST_CONSTANT,    /* a = value */
    DIST_UNIFORM,     /* a..b */
    DIST_NORMAL,      /* a = mean, b = sd */
    DIST_LOGNORMAL,   /* a = mu, b = sigma of the logarithm */
    DIST_GAMMA,       /* a = shape, b = scale */
    DIST_WEIBULL,     /* a = scale, b = shape */
    DIST_EXPONENTIAL, /* a = mean */
    DIST_EMPIRICAL,   /* sorted sample values[n], drawn uniformly by index */
};

struct dist {
    enum dist_kind kind;
    double a, b;
    double min, max;      /* draws are clamped to [min, max]; max = 0: no upper limit */
    const double *values; /* DIST_EMPIRICAL, borrowed */
    int64_t n_values;
};

double dist_draw(const struct dist *dist, struct rng *rng);
/* A token count: dist_draw rounded to nearest and clamped to >= 1. */
int64_t dist_draw_tokens(const struct dist *dist, struct rng *rng);
double dist_mean(const struct dist *dist); /* before clamping */
/* The lognormal with this mean and 95th percentile: solves mu + sigma^2/2 = ln mean,
 * mu + 1.6448536 sigma = ln p95 for the smaller sigma. False, dist untouched, when none
 * is >= 0 (p95 < mean, or ratio > exp(1.6448536^2/2) = 3.868). Clamps are left open (0, 0).
 * Mean 1155, p95 4083 -> sigma 1.220495, mu 6.307051. */
bool dist_lognormal_from_mean_p95(double mean, double p95, struct dist *dist);

#endif

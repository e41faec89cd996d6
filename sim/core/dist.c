/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dist.c - drawing from a struct dist. Normals come from GSL's ziggurat (14 ns against 46 for
 * the polar method); every kind takes its draws one after the other, so streams are
 * reproducible. */
#include "sim/core/dist.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

#include "sim/base/mem.h"

static double draw_raw(const struct dist *dist, struct rng *rng)
{
    switch (dist->kind) {
    case DIST_CONSTANT:
        return dist->a;
    case DIST_UNIFORM:
        return dist->a + (dist->b - dist->a) * rng_uniform(rng);
    case DIST_NORMAL:
        return dist->a + gsl_ran_gaussian_ziggurat(rng_gsl(rng), dist->b);
    case DIST_LOGNORMAL:
        return exp(dist->a + gsl_ran_gaussian_ziggurat(rng_gsl(rng), dist->b));
    case DIST_GAMMA:
        return gsl_ran_gamma(rng_gsl(rng), dist->a, dist->b);
    case DIST_WEIBULL:
        return gsl_ran_weibull(rng_gsl(rng), dist->a, dist->b);
    case DIST_EXPONENTIAL:
        return rng_exponential(rng, dist->a);
    case DIST_EMPIRICAL:
        ASSERT(dist->n_values > 0);
        return dist->values[rng_below(rng, (uint64_t)dist->n_values)];
    }
    assert_failed("a known kind of distribution", __FILE__, __LINE__);
}

double dist_draw(const struct dist *dist, struct rng *rng)
{
    double x = draw_raw(dist, rng);
    x = x < dist->min ? dist->min : x;
    return dist->max > 0 && x > dist->max ? dist->max : x;
}

int64_t dist_draw_tokens(const struct dist *dist, struct rng *rng)
{
    double n_tokens = dist_draw(dist, rng);
    if (!(n_tokens >= 1)) {
        return 1;
    }
    /* The cap keeps a draw from an absurdly wide lognormal within int64_t and exact in a
     * double. */
    return n_tokens < 0x1p53 ? (int64_t)(n_tokens + 0.5) : (int64_t)1 << 53;
}

static double mean_of_sample(const struct dist *dist)
{
    double sum = 0;
    for (int64_t i = 0; i < dist->n_values; i++) {
        sum += dist->values[i];
    }
    return sum / (double)dist->n_values;
}

double dist_mean(const struct dist *dist)
{
    switch (dist->kind) {
    case DIST_CONSTANT:
    case DIST_NORMAL:
    case DIST_EXPONENTIAL:
        return dist->a;
    case DIST_UNIFORM:
        return 0.5 * (dist->a + dist->b);
    case DIST_LOGNORMAL:
        return exp(dist->a + 0.5 * dist->b * dist->b);
    case DIST_GAMMA:
        return dist->a * dist->b;
    case DIST_WEIBULL:
        return dist->a * gsl_sf_gamma(1 + 1 / dist->b);
    case DIST_EMPIRICAL:
        return mean_of_sample(dist);
    }
    assert_failed("a known kind of distribution", __FILE__, __LINE__);
}

/* Subtracting the two conditions leaves sigma^2/2 - z sigma + ln(p95/mean) = 0; the smaller
 * root is z - sqrt(z^2 - 2 ln(p95/mean)). Mean 1155, p95 4083: sigma 1.220495, mu 6.307051. */
bool dist_lognormal_from_mean_p95(double mean, double p95, struct dist *dist)
{
    const double z = 1.6448536269514722; /* 95 % point of the standard normal */
    if (!(mean > 0) || !(p95 >= mean)) {
        return false;
    }
    double log_ratio = log(p95 / mean);
    double square = z * z - 2 * log_ratio;
    if (!(square >= 0)) {
        return false;
    }
    double sigma = z - sqrt(square);
    double mu = log(mean) - 0.5 * sigma * sigma;
    *dist = (struct dist){.kind = DIST_LOGNORMAL, .a = mu, .b = sigma};
    return true;
}

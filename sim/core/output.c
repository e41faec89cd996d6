/* SPDX-License-Identifier: GPL-3.0-or-later */
/* output.c - output analysis of simulation runs. Assumes replications are independent and their
 * means near normal; values within one run may be correlated, which is why no interval is made
 * from them. */
#include "sim/core/output.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>

#include "sim/base/mem.h"

void moments_add(struct moments *m, double x)
{
    m->n++;
    double delta = x - m->mean;
    m->mean += delta / (double)m->n;
    m->m2 += delta * (x - m->mean);
}

double moments_sd(const struct moments *m)
{
    return m->n < 2 ? (double)NAN : sqrt(m->m2 / (double)(m->n - 1));
}

/* One pass from the end: Welford's m2 over values[d..] is there for every d. The statistic is
 * m2 / (n - d)^2 (White 1997, eq. 3, population variance). */
int mser_cut(const double *values, int n)
{
    if (n < 4) {
        return 0;
    }
    struct moments tail = {0};
    double best = (double)INFINITY;
    int cut = 0;
    for (int d = n - 1; d >= 0; d--) {
        moments_add(&tail, values[d]);
        double count = (double)tail.n;
        double statistic = tail.m2 / (count * count);
        if (d <= n / 2 && statistic <= best) {
            best = statistic;
            cut = d;
        }
    }
    return cut;
}

static double half_width(const struct moments *m, double level)
{
    if (m->n < 2) {
        return (double)NAN;
    }
    ASSERT(level > 0 && level < 1);
    double t = gsl_cdf_tdist_Pinv(0.5 + 0.5 * level, (double)(m->n - 1));
    return t * moments_sd(m) / sqrt((double)m->n);
}

double t_half_width(const double *values, int n, double level)
{
    struct moments m = {0};
    for (int i = 0; i < n; i++) {
        moments_add(&m, values[i]);
    }
    return half_width(&m, level);
}

struct interval paired_interval(const double *a, const double *b, int n, double level)
{
    struct moments m = {0};
    for (int i = 0; i < n; i++) {
        moments_add(&m, a[i] - b[i]);
    }
    double mean = n > 0 ? m.mean : (double)NAN;
    double half = half_width(&m, level);
    return (struct interval){.mean = mean, .lo = mean - half, .hi = mean + half};
}

double mean_of(const double *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    return n > 0 ? sum / n : (double)NAN;
}

double median_of(double *values, int n)
{
    if (n <= 0) {
        return (double)NAN;
    }
    gsl_sort(values, 1, (size_t)n);
    return quantile_of_sorted(values, n, 0.5);
}

/* Position q (n - 1). GSL's version of this makes NaN of an infinite neighbour it gives no
 * weight to. */
double quantile_of_sorted(const double *sorted, int n, double q)
{
    ASSERT(q >= 0 && q <= 1);
    if (n <= 0) {
        return (double)NAN;
    }
    double position = q * (n - 1);
    int idx = (int)position;
    double share = position - idx;
    return share > 0 ? (1 - share) * sorted[idx] + share * sorted[idx + 1] : sorted[idx];
}

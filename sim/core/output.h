/* SPDX-License-Identifier: GPL-3.0-or-later */
/* output.h - output analysis: warm-up removal (MSER) on segment means, Student-t intervals over
 * replications, mean/variance accumulators. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdint.h>

/* Welford accumulator. */
struct moments {
    int64_t n;
    double mean, m2;
};
void moments_add(struct moments *m, double x);
double moments_sd(const struct moments *m); /* NaN when n < 2 */

/* MSER cut: the number d of leading values (d <= n/2) to drop so that
 * var(values[d..n-1]) / (n - d) is smallest (White 1997). 0 when n < 4. */
int mser_cut(const double *values, int n);

/* Half-width of the two-sided interval for the mean at level (0.95): t_{n-1} * sd / sqrt(n).
 * NaN when n < 2. */
double t_half_width(const double *values, int n, double level);
/* Paired comparison of two systems run with common random numbers: mean of a[i] - b[i] and its
 * two-sided interval. They differ at `level` when the interval leaves out 0. n < 2: lo and hi
 * are NaN. */
struct interval {
    double mean, lo, hi;
};
struct interval paired_interval(const double *a, const double *b, int n, double level);

double mean_of(const double *values, int n); /* NaN when n = 0; sum in index order */
double median_of(double *values, int n);     /* sorts; NaN when n = 0 */
double quantile_of_sorted(const double *sorted, int n, double q); /* linear interpolation */

#endif

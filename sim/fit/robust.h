/* SPDX-License-Identifier: GPL-3.0-or-later */
/* robust.h - bounded, outlier-resistant least squares on the logarithm of times, and its
 * held-out error. Used to fit the constants of kernel laws to measured tables.
 *
 * Loss: soft-L1 of ln(law / measured), by iteratively reweighted Levenberg-Marquardt
 * (gsl_multifit_nlinear). Bounds hold exactly: x = lo + (hi - lo) (1 + sin u) / 2 in u. Several
 * starts, drawn from a fixed stream, guard against local minima. Deterministic.
 * Cost: starts x rounds x (parameters + 1) law evaluations per row and iteration. */
#ifndef ROBUST_H
#define ROBUST_H

#include <stdbool.h>
#include <stdint.h>

enum { ROBUST_MAX_PARAMS = 12 };

struct robust_param {
    double lo, hi; /* both reachable; lo > 0 when is_log */
    double start;
    bool is_log; /* searched in ln x: scale parameters spanning decades */
};

/* Law of row i at parameters x, in seconds. Must be positive and finite within the bounds. */
typedef double (*robust_law)(const void *ctx, int i, const double *x);

struct robust_data {
    int n_rows, n_params;
    const double *measured_s; /* [n_rows], > 0 */
    const double *weight;     /* [n_rows], >= 0 */
    const uint64_t *shape;    /* [n_rows] rows of one shape are held out together */
    robust_law law;
    const void *ctx;
    const struct robust_param *params;
    const char *stream; /* names the random stream of the starts */
};

/* Absolute relative errors |law / measured - 1|. */
struct robust_error {
    int n;
    double median, p75, p90, bias; /* bias: median of the signed error */
};

/* Fits all rows with use[i] (NULL: all). Returns the loss; x[n_params] is the best of the
 * starts. */
double robust_fit(const struct robust_data *data, const bool *use, int n_starts, double *x);
/* Error of given parameters on the rows with use[i]. */
void robust_score(const struct robust_data *data, const bool *use, const double *x,
                  struct robust_error *error);
/* Cross-validation: every shape is predicted by a fit that has not seen it. */
void robust_heldout(const struct robust_data *data, int n_folds, int n_starts,
                    struct robust_error *error);

#endif

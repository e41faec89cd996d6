/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit/robust.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"

/* Residuals beyond this count linearly: 12 % is twice the median error of a good kernel law. */
static const double SOFT_SCALE = 0.12;
static const double SPREAD = 0.35; /* standard deviation of the random starts, in u */
enum { ROUNDS = 3, ITERATIONS = 25 };

/* One problem: the rows in use, copied so that the inner loop has no tests. */
struct problem {
    const struct robust_data *data;
    int n;
    int *rows;
    double *ln_measured;
};

static double to_x(const struct robust_param *p, double u)
{
    double half = 0.5 * (1.0 + sin(u));
    if (p->is_log) {
        double ln_lo = log(p->lo);
        return exp(ln_lo + (log(p->hi) - ln_lo) * half);
    }
    return p->lo + (p->hi - p->lo) * half;
}

static double to_u(const struct robust_param *p, double x)
{
    double frac =
        p->is_log ? log(x / p->lo) / log(p->hi / p->lo) : (x - p->lo) / (p->hi - p->lo);
    /* exactly on a bound the derivative of the sine vanishes and the search cannot leave */
    return asin(2.0 * fmin(fmax(frac, 0.01), 0.99) - 1.0);
}

static void unpack(const struct robust_data *d, const gsl_vector *u, double *x)
{
    for (int j = 0; j < d->n_params; j++) {
        x[j] = to_x(&d->params[j], gsl_vector_get(u, (size_t)j));
    }
}

static int residuals(const gsl_vector *u, void *ctx, gsl_vector *f)
{
    const struct problem *p = ctx;
    double x[ROBUST_MAX_PARAMS];
    unpack(p->data, u, x);
    for (int i = 0; i < p->n; i++) {
        double law_s = p->data->law(p->data->ctx, p->rows[i], x);
        gsl_vector_set(f, (size_t)i, log(law_s) - p->ln_measured[i]);
    }
    return GSL_SUCCESS;
}

static void problem_init(struct problem *p, const struct robust_data *d, const bool *use)
{
    p->data = d;
    p->n = 0;
    p->rows = xcalloc((size_t)d->n_rows, sizeof *p->rows);
    p->ln_measured = xcalloc((size_t)d->n_rows, sizeof *p->ln_measured);
    for (int i = 0; i < d->n_rows; i++) {
        if (!use || use[i]) {
            p->rows[p->n] = i;
            p->ln_measured[p->n++] = log(d->measured_s[i]);
        }
    }
}

static void problem_fini(struct problem *p)
{
    free(p->rows);
    free(p->ln_measured);
}

/* Soft-L1 loss at the residuals f; fills the weights of the next round. */
static double reweigh(const struct problem *p, const gsl_vector *f, gsl_vector *w)
{
    double loss = 0.0;
    for (int i = 0; i < p->n; i++) {
        double z = gsl_vector_get(f, (size_t)i) / SOFT_SCALE;
        double root = sqrt(1.0 + z * z);
        double weight = p->data->weight[p->rows[i]];
        loss += weight * (root - 1.0);
        gsl_vector_set(w, (size_t)i, weight / root);
    }
    return loss;
}

static double search(const struct problem *p, gsl_vector *u)
{
    size_t n = (size_t)p->n;
    size_t k = (size_t)p->data->n_params;
    gsl_multifit_nlinear_parameters setup = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *ws =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &setup, n, k);
    gsl_vector *w = gsl_vector_alloc(n);
    gsl_vector *f = gsl_vector_alloc(n);
    gsl_multifit_nlinear_fdf fdf = {.f = residuals, .n = n, .p = k, .params = (void *)p};
    residuals(u, (void *)p, f);
    double loss = reweigh(p, f, w);
    for (int round = 0; round < ROUNDS; round++) {
        int info;
        gsl_multifit_nlinear_winit(u, w, &fdf, ws);
        gsl_multifit_nlinear_driver(ITERATIONS, 1e-6, 1e-8, 1e-8, NULL, NULL, &info, ws);
        const gsl_vector *at = gsl_multifit_nlinear_position(ws);
        residuals(at, (void *)p, f);
        double next = reweigh(p, f, w);
        if (!(next < loss)) {
            break;
        }
        gsl_vector_memcpy(u, at);
        loss = next;
    }
    gsl_vector_free(w);
    gsl_vector_free(f);
    gsl_multifit_nlinear_free(ws);
    return loss;
}

static void draw_start(const struct robust_data *d, int start, gsl_vector *u)
{
    struct rng rng;
    rng_init(&rng, 1, d->stream, (uint64_t)start);
    for (int j = 0; j < d->n_params; j++) {
        double at = to_u(&d->params[j], d->params[j].start);
        /* sum of three uniforms: near enough to a normal, and bounded */
        double z = 2.0 * (rng_uniform(&rng) + rng_uniform(&rng) + rng_uniform(&rng)) - 3.0;
        double moved = start == 0 ? at : at + SPREAD * z;
        gsl_vector_set(u, (size_t)j, fmin(fmax(moved, -1.5), 1.5));
    }
}

double robust_fit(const struct robust_data *d, const bool *use, int n_starts, double *x)
{
    ASSERT(d->n_params <= ROBUST_MAX_PARAMS && n_starts > 0);
    struct problem p;
    problem_init(&p, d, use);
    ASSERT(p.n >= d->n_params);
    /* a singular step is no error here: the search simply ends and the best start wins */
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    gsl_vector *u = gsl_vector_alloc((size_t)d->n_params);
    double best = INFINITY;
    for (int start = 0; start < n_starts; start++) {
        draw_start(d, start, u);
        double loss = search(&p, u);
        if (start == 0 || loss < best) {
            best = loss;
            unpack(d, u, x);
        }
    }
    gsl_vector_free(u);
    gsl_set_error_handler(handler);
    problem_fini(&p);
    return best;
}

static void summarise(double *signed_error, int n, struct robust_error *e)
{
    *e = (struct robust_error){.n = n, .median = NAN, .p75 = NAN, .p90 = NAN, .bias = NAN};
    if (n == 0) {
        return;
    }
    size_t m = (size_t)n;
    gsl_sort(signed_error, 1, m);
    e->bias = gsl_stats_median_from_sorted_data(signed_error, 1, m);
    for (int i = 0; i < n; i++) {
        signed_error[i] = fabs(signed_error[i]);
    }
    gsl_sort(signed_error, 1, m);
    e->median = gsl_stats_median_from_sorted_data(signed_error, 1, m);
    e->p75 = gsl_stats_quantile_from_sorted_data(signed_error, 1, m, 0.75);
    e->p90 = gsl_stats_quantile_from_sorted_data(signed_error, 1, m, 0.9);
}

static int errors_of(const struct robust_data *d, const bool *use, const double *x, double *out)
{
    int n = 0;
    for (int i = 0; i < d->n_rows; i++) {
        if (!use || use[i]) {
            out[n++] = d->law(d->ctx, i, x) / d->measured_s[i] - 1.0;
        }
    }
    return n;
}

void robust_score(const struct robust_data *d, const bool *use, const double *x,
                  struct robust_error *error)
{
    double *e = xcalloc((size_t)d->n_rows + 1, sizeof *e);
    int n = errors_of(d, use, x, e);
    summarise(e, n, error);
    free(e);
}

void robust_heldout(const struct robust_data *d, int n_folds, int n_starts,
                    struct robust_error *error)
{
    size_t rows = (size_t)d->n_rows;
    double *e = xcalloc(rows + 1, sizeof *e);
    bool *use = xcalloc(2 * rows + 1, sizeof *use);
    bool *out = use + rows;
    int n = 0;
    for (int fold = 0; fold < n_folds; fold++) {
        double x[ROBUST_MAX_PARAMS];
        int n_use = 0;
        for (size_t i = 0; i < rows; i++) {
            out[i] = rng_hash(d->shape[i]) % (uint64_t)n_folds == (uint64_t)fold;
            use[i] = !out[i];
            n_use += use[i];
        }
        if (n_use < 2 * d->n_params) {
            continue;
        }
        robust_fit(d, use, n_starts, x);
        n += errors_of(d, out, x, e + n);
    }
    summarise(e, n, error);
    free(use);
    free(e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* breakeven.c - steps of both sides merged into intervals, one root search in each. */
#include "sim/plan/breakeven.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400.0
/* A hair inside an interval, so that the counts of units are those of the interval. */
#define INSIDE 1e-9

const char *const crossing_names[] = {"smooth", "step", "limit"};

/* Self minus managed; negative: self-hosting is cheaper. A managed side without a price cannot
 * be chosen, so it loses. */
static double difference(const struct plan_case *c, double requests_per_day)
{
    double self = forecast_self_usd(c, requests_per_day);
    double managed = forecast_managed_usd(c, requests_per_day);
    return isnan(managed) ? -INFINITY : self - managed;
}

/* ---- steps ------------------------------------------------------------------------------- */

/* Requests per day that one replica, and one provisioned unit, carries. */
static double replica_volume(const struct plan_case *c)
{
    double rps = c->option.rps_per_replica * econ_value(&c->econ, ECON_UTILISATION);
    return rps * DAY_S / input_get(c, INPUT_PEAK);
}

static double unit_volume(const struct plan_case *c)
{
    const struct plan_tokens *t = &c->option.tokens;
    double rps = c->offer.unit_tok_per_s.value / (t->input + t->output);
    return rps * DAY_S / input_get(c, INPUT_PEAK);
}

/* The volume at which the first rate limit is reached; infinite when none is published. */
static double limit_volume(const struct plan_case *c)
{
    struct offer_load load = {.mean_rps = 1 / DAY_S,
                              .peak_hour_rps = c->demand.hour_peak / DAY_S,
                              .peak_rps = input_get(c, INPUT_PEAK) / DAY_S};
    struct offer_month month;
    offer_month(&c->offer, &c->option.tokens, &load, &month);
    return month.limit_frac > 0 ? 1 / month.limit_frac : INFINITY;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int add_multiples(double each, double max, double *steps, int n)
{
    for (int64_t k = 1; (double)k * each < max; k++) {
        steps[n++] = (double)k * each;
    }
    return n;
}

/* Each staircase may use a part of the room, so that the list is complete as far as it goes. */
int breakeven_steps(const struct plan_case *c, double *max_requests_per_day, double *steps,
                    int room)
{
    double part = room / 2 - 2;
    double unit = c->has_managed && offer_by_hour(&c->offer) ? unit_volume(c) : NAN;
    double replica = c->has_self && c->option.rps_per_replica > 0 ? replica_volume(c) : NAN;
    double max = fmin(*max_requests_per_day, part * fmin(unit, replica)); /* NaN is left out */
    int n = 0;
    if (c->has_managed && limit_volume(c) < max) {
        steps[n++] = limit_volume(c);
    }
    n = unit > 0 ? add_multiples(unit, max, steps, n) : n;
    n = replica > 0 ? add_multiples(replica, max, steps, n) : n;
    qsort(steps, (size_t)n, sizeof *steps, compare_doubles);
    *max_requests_per_day = max;
    return n;
}

/* ---- roots ------------------------------------------------------------------------------- */

static double root_fn(double requests_per_day, void *ctx)
{
    return difference(ctx, requests_per_day);
}

static bool find_root(struct plan_case *c, double lo, double hi, double *root, struct err *err)
{
    gsl_function fn = {.function = root_fn, .params = c};
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    int status = solver ? gsl_root_fsolver_set(solver, &fn, lo, hi) : GSL_ENOMEM;
    bool more = status == GSL_SUCCESS;
    for (int i = 0; i < 200 && more; i++) {
        status = gsl_root_fsolver_iterate(solver);
        double a = gsl_root_fsolver_x_lower(solver);
        double b = gsl_root_fsolver_x_upper(solver);
        more = status == GSL_SUCCESS && gsl_root_test_interval(a, b, 0, 1e-12) == GSL_CONTINUE;
    }
    *root = solver ? gsl_root_fsolver_root(solver) : NAN;
    if (solver) {
        gsl_root_fsolver_free(solver);
    }
    return status == GSL_SUCCESS ||
           err_set(err, ERR_INTERNAL, "break-even: %s", gsl_strerror(status));
}

static struct crossing crossing_at(const struct plan_case *c, double at, double above,
                                   enum crossing_kind kind, bool to_self)
{
    return (struct crossing){.requests_per_day = at,
                             .to_self = to_self,
                             .kind = kind,
                             .usd_per_month = forecast_self_usd(c, above),
                             .gpus = forecast_fleet(c, above).gpus};
}

/* Crossings inside (lo, hi) and at lo, where the last interval ended with before. */
static bool search_interval(struct plan_case *c, double lo, double hi, double *before,
                            struct breakeven *out, struct err *err)
{
    double a = lo + (hi - lo) * INSIDE;
    double b = hi - (hi - lo) * INSIDE;
    double at_a = difference(c, a);
    double at_b = difference(c, b);
    if (lo > 0 && (at_a < 0) != (*before < 0)) {
        enum crossing_kind kind =
            isinf(at_a) != isinf(*before) ? CROSSING_LIMIT : CROSSING_STEP;
        out->items[out->n++] = crossing_at(c, lo, a, kind, at_a < 0);
    }
    if ((at_a < 0) != (at_b < 0)) {
        double root;
        if (!find_root(c, a, b, &root, err)) {
            return false;
        }
        out->items[out->n++] = crossing_at(c, root, root, CROSSING_SMOOTH, at_b < 0);
    }
    *before = at_b;
    return true;
}

bool breakeven_find(struct arena *arena, const struct plan_case *c, double max_requests_per_day,
                    struct breakeven *out, struct err *err)
{
    *out = (struct breakeven){0};
    if (!c->has_self || !c->has_managed || !(c->option.rps_per_replica > 0)) {
        return true;
    }
    struct plan_case copy = *c;
    double *steps = arena_alloc(arena, BREAKEVEN_MAX_STEPS + 1, sizeof *steps);
    int n = breakeven_steps(c, &max_requests_per_day, steps, BREAKEVEN_MAX_STEPS);
    steps[n++] = max_requests_per_day;
    out->items = arena_alloc(arena, 2 * (size_t)n + 2, sizeof *out->items);
    double lo = 0;
    double before = 0;
    for (int i = 0; i < n; i++) {
        if (steps[i] > lo && !search_interval(&copy, lo, steps[i], &before, out, err)) {
            return false;
        }
        lo = steps[i];
    }
    out->searched_to = lo;
    return true;
}

double breakeven_month(const struct plan_case *c, const struct breakeven *b)
{
    double now = c->demand.requests_per_day;
    double growth = c->demand.growth_per_month_frac;
    if (!c->has_self || !c->has_managed) {
        return NAN;
    }
    if (difference(c, now) < 0) {
        return 0;
    }
    for (int i = 0; i < b->n && growth > 0; i++) {
        double at = b->items[i].requests_per_day;
        if (b->items[i].to_self && at >= now) {
            return log(at / now) / log1p(growth);
        }
    }
    return NAN;
}

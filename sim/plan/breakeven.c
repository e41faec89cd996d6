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

/* One system against the cheapest of some offers. */
struct rivals {
    const struct plan_case *self;
    const struct plan_case *const *managed;
    int n_managed;
};

/* Infinite where none has a price: such an offer cannot be chosen, so it loses. */
static double cheapest_managed(const struct rivals *r, double requests_per_day)
{
    double managed = INFINITY;
    for (int i = 0; i < r->n_managed; i++) {
        managed = fmin(managed, forecast_managed_usd(r->managed[i], requests_per_day));
    }
    return managed;
}

/* Self minus managed; negative: self-hosting is cheaper. */
static double difference(const struct rivals *r, double requests_per_day)
{
    return forecast_self_usd(r->self, requests_per_day) - cheapest_managed(r, requests_per_day);
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
static int rival_steps(const struct rivals *r, double *max_requests_per_day, double *steps,
                       int room)
{
    double part = (room - r->n_managed) / (r->n_managed + 1) - 1;
    double replica =
        r->self && r->self->option.rps_per_replica > 0 ? replica_volume(r->self) : NAN;
    double max = fmin(*max_requests_per_day, part * replica); /* NaN is left out */
    int n = 0;
    for (int i = 0; i < r->n_managed; i++) {
        const struct plan_case *c = r->managed[i];
        max = offer_by_hour(&c->offer) ? fmin(max, part * unit_volume(c)) : max;
    }
    for (int i = 0; i < r->n_managed; i++) {
        const struct plan_case *c = r->managed[i];
        double unit = offer_by_hour(&c->offer) ? unit_volume(c) : NAN;
        if (limit_volume(c) < max) {
            steps[n++] = limit_volume(c);
        }
        n = unit > 0 ? add_multiples(unit, max, steps, n) : n;
    }
    n = replica > 0 ? add_multiples(replica, max, steps, n) : n;
    qsort(steps, (size_t)n, sizeof *steps, compare_doubles);
    *max_requests_per_day = max;
    return n;
}

int breakeven_steps(const struct plan_case *c, double *max_requests_per_day, double *steps,
                    int room)
{
    struct rivals pair = {c->has_self ? c : NULL, &c, c->has_managed};
    return rival_steps(&pair, max_requests_per_day, steps, room);
}

/* ---- roots ------------------------------------------------------------------------------- */

static double root_fn(double requests_per_day, void *ctx)
{
    return difference(ctx, requests_per_day);
}

static bool find_root(struct rivals *r, double lo, double hi, double *root, struct err *err)
{
    gsl_function fn = {.function = root_fn, .params = r};
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

static struct crossing crossing_at(const struct rivals *r, double at, double above,
                                   enum crossing_kind kind, bool to_self)
{
    const struct plan_case *c = r->self;
    double managed = cheapest_managed(r, above);
    return (struct crossing){.requests_per_day = at,
                             .to_self = to_self,
                             .kind = kind,
                             .usd_per_month = forecast_self_usd(c, above),
                             .managed_usd = isinf(managed) ? NAN : managed,
                             .gpus = forecast_fleet(c, above).gpus};
}

/* Crossings inside (lo, hi) and at lo, where the last interval ended with before. */
static bool search_interval(struct rivals *r, double lo, double hi, double *before,
                            struct breakeven *out, struct err *err)
{
    double a = lo + (hi - lo) * INSIDE;
    double b = hi - (hi - lo) * INSIDE;
    double at_a = difference(r, a);
    double at_b = difference(r, b);
    if (lo > 0 && (at_a < 0) != (*before < 0)) {
        enum crossing_kind kind =
            isinf(at_a) != isinf(*before) ? CROSSING_LIMIT : CROSSING_STEP;
        out->items[out->n++] = crossing_at(r, lo, a, kind, at_a < 0);
    }
    if ((at_a < 0) != (at_b < 0)) {
        double root;
        if (!find_root(r, a, b, &root, err)) {
            return false;
        }
        out->items[out->n++] = crossing_at(r, root, root, CROSSING_SMOOTH, at_b < 0);
    }
    *before = at_b;
    return true;
}

/* With first, no further than the first crossing to self-hosting. */
static bool search(struct arena *arena, struct rivals *r, double max, bool first,
                   struct breakeven *out, struct err *err)
{
    int room = BREAKEVEN_MAX_STEPS / 2 * (r->n_managed + 1); /* as far as for a pair */
    double *steps = arena_alloc(arena, (size_t)room + 1, sizeof *steps);
    int n = rival_steps(r, &max, steps, room);
    double lo = 0;
    double before = 0;
    steps[n++] = max;
    out->items = arena_alloc(arena, 2 * (size_t)n + 2, sizeof *out->items);
    for (int i = 0; i < n && !(first && out->n > 0 && out->items[out->n - 1].to_self); i++) {
        if (steps[i] > lo && !search_interval(r, lo, steps[i], &before, out, err)) {
            return false;
        }
        lo = steps[i];
    }
    out->searched_to = lo;
    out->self_at_end = before < 0;
    return true;
}

bool breakeven_find(struct arena *arena, const struct plan_case *c, double max_requests_per_day,
                    struct breakeven *out, struct err *err)
{
    *out = (struct breakeven){0};
    if (!c->has_self || !c->has_managed || !(c->option.rps_per_replica > 0)) {
        return true;
    }
    struct rivals pair = {c, &c, 1};
    return search(arena, &pair, max_requests_per_day, false, out, err);
}

void breakeven_cut(struct breakeven *b, int most)
{
    if (b->n > most) {
        b->searched_to = b->items[most].requests_per_day;
        b->self_at_end = !b->items[most].to_self;
        b->n = most;
    }
}

/* The first volume at which one of several systems wins is the least of theirs, so each is
 * searched no further than the best so far. */
bool breakeven_first(const struct plan_case *const *self, int n_self,
                     const struct plan_case *const *managed, int n_managed,
                     double max_requests_per_day, struct breakeven_best *out, struct err *err)
{
    bool ok = true;
    *out = (struct breakeven_best){.requests_per_day = NAN, .self_idx = -1};
    for (int i = 0; i < n_self && ok; i++) {
        struct arena *arena = arena_new();
        struct rivals r = {self[i], managed, n_managed};
        struct breakeven b = {0};
        if (difference(&r, max_requests_per_day * INSIDE) < 0) { /* from the start */
            *out = (struct breakeven_best){0, i};
            arena_free(arena);
            return true;
        }
        ok = !(self[i]->option.rps_per_replica > 0) ||
             search(arena, &r, max_requests_per_day, true, &b, err);
        if (b.n > 0 && b.items[b.n - 1].to_self &&
            b.items[b.n - 1].requests_per_day < max_requests_per_day) {
            max_requests_per_day = b.items[b.n - 1].requests_per_day;
            *out = (struct breakeven_best){max_requests_per_day, i};
        }
        arena_free(arena);
    }
    return ok;
}

double breakeven_month(const struct plan_case *c, const struct breakeven *b)
{
    double now = c->demand.requests_per_day;
    double growth = c->demand.growth_per_month_frac;
    if (!c->has_self || !c->has_managed) {
        return NAN;
    }
    struct rivals pair = {c, &c, 1};
    if (difference(&pair, now) < 0) {
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

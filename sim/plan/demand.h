/* SPDX-License-Identifier: GPL-3.0-or-later */
/* demand.h - the demand curve: requests per day turned into a rate for every hour of the week,
 * the peak to size for, and growth by month.
 *
 * A day has the shape of scenarios/data/demand_shapes.csv. Inside an hour the rate of a window
 * (a minute in most sources) is lognormal with the measured coefficient of variation of
 * scenarios/data/burstiness.csv; the peak is its 59/60 quantile, the busiest minute of an
 * average hour: factor = exp(z s - s^2 / 2), s^2 = ln(1 + cv^2), z = 2.128. Chat, cv 0.2430:
 * s 0.2396, factor 1.618 (measured 1.53); code, cv 1.0192: s 0.8441, factor 4.22
 * (measured 4.1). What varies faster than that is in the arrivals that the capacity was
 * simulated with.
 *
 * Ignores: holidays, seasons and launches; the peak hour is that of the average week. */
#ifndef DEMAND_H
#define DEMAND_H

#include <stdbool.h>

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum demand_day { DEMAND_WEEKDAY, DEMAND_WEEKEND, DEMAND_N_DAYS };

struct demand_shape_row {
    double share[DEMAND_N_DAYS][24]; /* of the requests of an average day */
    const char *source, *as_of;
    bool estimated;
};
struct demand_burst_row {
    double window_s, rate_cv_frac;
    const char *source, *as_of;
    bool estimated;
};
struct demand_data {
    struct demand_shape_row shapes[SHAPE_N];
    struct demand_burst_row bursts[BURST_N];
};

/* Reads <dir>/scenarios/data/demand_shapes.csv and burstiness.csv of the first directory that
 * has them. */
bool demand_data_load(struct arena *arena, const char *const *dirs, int n_dirs,
                      struct demand_data *data, struct err *err);

struct demand {
    double requests_per_day; /* mean of a week, in month 0 */
    double growth_per_month_frac;
    int n_months; /* horizon, rounded up */
    double share[DEMAND_N_DAYS][24];
    double hour_peak;             /* busiest hour / mean of the week */
    double burst_factor[BURST_N]; /* busiest minute / mean of its hour */
    int burst;                    /* enum burstiness that the plan sizes for */
};

/* rate_rps: what the workload's own rates sum to, used when the scenario gives no
 * requests_per_day (then as a mean); NaN: it has none. Fails when neither is known. */
bool demand_resolve(const struct demand_data *data, const struct scenario_demand *sc,
                    double rate_rps, struct demand *demand, struct err *err);

double demand_requests_per_day(const struct demand *d, double month);
/* First month of the horizon that reaches a volume; 0: it is there from the start; NaN: never.
 */
double demand_month_of(const struct demand *d, double requests_per_day);
double demand_mean_rps(const struct demand *d, double month);
/* Mean over the months of the horizon. */
double demand_horizon_rps(const struct demand *d);
/* Busiest hour of the week, and busiest minute in it. */
double demand_peak_hour_rps(const struct demand *d, double month);
double demand_peak_rps(const struct demand *d, double month, enum burstiness burst);
/* The factor from the mean of the week to the busiest minute. */
double demand_peak_to_mean(const struct demand *d, enum burstiness burst);
/* The burstiest of the sourced kinds: the third row of a GPU count. */
enum burstiness demand_burstiest(const struct demand *d);
/* 59/60 quantile over mean of a lognormal rate. */
double demand_burst_factor(double rate_cv_frac);

#endif

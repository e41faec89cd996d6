/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forecast.h - one comparison, a self-hosted system against a managed offer, month by month
 * over the horizon, and the inputs of it that can be varied.
 *
 * Machines are added in the month whose peak needs them; bought and reserved ones stay. What
 * decides is the mean cost per month; net present values discount monthly at the cost of
 * capital, (1 + r)^(1/12): purchases at the start of a month, everything else at its end,
 * resale of machines and book value of a building at the end of the horizon. */
#ifndef FORECAST_H
#define FORECAST_H

#include "sim/plan/cost.h"
#include "sim/plan/demand.h"
#include "sim/plan/econ.h"
#include "sim/plan/offer.h"
#include "sim/plan/option.h"
#include "sim/plan/units.h"

/* Plain values, copied freely: a variation is a copy with one input changed. */
struct plan_case {
    struct econ econ;
    struct demand demand;
    struct plan_option option; /* its tokens also bill the managed side */
    struct hosting hosting;
    struct offer offer;
    bool has_self, has_managed;
};

struct forecast_month {
    double requests_per_day, mean_rps, peak_rps;
    struct units units;
    double self_usd, managed_usd; /* NaN: no such side, or no price */
    double self_cash_usd;         /* purchases of the month included */
    double self_bought_usd;       /* these purchases */
    double self_capital_usd;      /* cost of capital in self_usd */
    enum offer_state managed_state;
};

struct forecast {
    double self_usd, managed_usd; /* mean per month; NaN when a month has none */
    double self_npv_usd, managed_npv_usd;
    int64_t gpus_max;
    int crossing_month; /* first month from which self-hosting stays cheaper; -1: none */
};

/* months: NULL, or room for demand.n_months. */
void forecast_run(const struct plan_case *c, struct forecast_month *months,
                  struct forecast *out);

/* The fleet for a volume, and the cost of one month at a volume, growth left aside; NaN when
 * the side is missing or unpriced.
 */
struct units forecast_fleet(const struct plan_case *c, double requests_per_day);
double forecast_self_usd(const struct plan_case *c, double requests_per_day);
double forecast_managed_usd(const struct plan_case *c, double requests_per_day);

/* ---- inputs that can be varied ----------------------------------------------------------- */

enum input_id {
    INPUT_VOLUME,        /* requests per day in month 0 */
    INPUT_GROWTH,        /* per month */
    INPUT_PEAK,          /* busiest minute / mean */
    INPUT_CAPACITY,      /* requests/s of one replica */
    INPUT_UTILISATION,   /* of a replica at the peak */
    INPUT_NODE_PRICE,    /* USD/GPU-h rented, USD/GPU bought */
    INPUT_MANAGED_PRICE, /* USD per million tokens, blended; provisioned: USD per unit-hour */
    INPUT_STAFF,         /* USD/year in all, or per engineer */
    INPUT_ELECTRICITY,   /* USD/kWh */
    INPUT_CAPITAL,       /* per year */
    INPUT_RESIDUAL,      /* after 36 months */
    INPUT_FAILURES,      /* interruptions per GPU-day */
    INPUT_SPOT,          /* interruptions per spot node and day */
    INPUT_MANAGED_STAFF, /* USD/year of one's own people beside the managed offer */
    INPUT_N,
};
struct input_spec {
    const char *name, *unit;
    double min, max; /* values that make sense */
};
/* Name and unit as they hold for this comparison. */
struct input_spec input_spec_of(const struct plan_case *c, enum input_id id);
double input_get(const struct plan_case *c, enum input_id id);
void input_set(struct plan_case *c, enum input_id id, double value);
/* Does this input enter the comparison at all? */
bool input_matters(const struct plan_case *c, enum input_id id);

#endif

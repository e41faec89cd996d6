/* SPDX-License-Identifier: GPL-3.0-or-later */
/* choice.h - which model: the cheapest option that is left of each, in the order of cost, and
 * what each step up costs and gains.
 *
 * A step is compared with the dearest cheaper model that no cheaper one outscores or equals;
 * one without a score counts as such. Rule: cost per point of quality does not rise when the
 * score grows by at least the share by which the cost grows, gain needed = premium / cost of
 * the model it is compared with. 130,000 over 100,000 USD a month: 30 % more quality is needed;
 * from 70 to 84 points are 20 %, so cost per point rises, each point gained for 30,000 / 14 =
 * 2,143 USD a month (test).
 *
 * models.csv, one row per model: the order of cost, then models of which nothing is left
 *   step             1 is the cheapest
 *   model, quality   the scenario's score
 *   option, side     its cheapest option; plan.csv has the rest of it
 *   usd_per_month    of it, mean over the horizon
 *   over             the model it is compared with
 *   premium_usd_per_month, premium_usd_per_1k_requests
 *   gain_needed_frac the rule's gain of quality, as a fraction of the other's score
 *   gain_points, gain_frac, usd_per_point   when both have a score above 0
 *   verdict          a name of choice_verdict_names */
#ifndef CHOICE_H
#define CHOICE_H

#include "sim/plan/plan.h"

enum choice_verdict {
    CHOICE_CHEAPEST,
    CHOICE_UNSCORED,  /* one of the two has no score */
    CHOICE_FALLS,     /* cost per point falls, or stays */
    CHOICE_RISES,     /* it rises */
    CHOICE_NO_BETTER, /* a cheaper model scores as much or more */
    CHOICE_NOTHING,   /* no option is left */
    CHOICE_N,
};
extern const char *const choice_verdict_names[];

struct choice {
    int model_idx;
    const struct plan_entry *best; /* NULL: nothing is left */
    double quality;                /* NaN: none */
    int over;                      /* index of the step it is compared with; -1: none */
    double premium_usd, premium_usd_per_1k_requests, gain_needed_frac;
    double gain_points, gain_frac, usd_per_point; /* NaN: a score is missing */
    enum choice_verdict verdict;
};

/* One per model of the scenario, in the arena. */
struct choice *choice_list(struct arena *arena, const struct plan *plan);

bool choice_write(struct arena *arena, const struct plan *plan, const char *path,
                  struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* breakeven.h - where the staircase of a self-hosted system meets the line of a managed offer.
 * Between two steps both costs are smooth in the volume, so a change of sign there has its root
 * found by Brent's method (GSL); at a step the cost jumps and may cross without being equal; at
 * a rate limit the managed side ends. All three kinds are reported.
 *
 * Complexity: one evaluation per step. Ignores growth: the volume axis is one month's. */
#ifndef BREAKEVEN_H
#define BREAKEVEN_H

#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/plan/forecast.h"

enum { BREAKEVEN_MAX_STEPS = 20000 }; /* of both sides of a pair */

enum crossing_kind { CROSSING_SMOOTH, CROSSING_STEP, CROSSING_LIMIT };
extern const char *const crossing_names[]; /* smooth step limit */

struct crossing {
    double requests_per_day;
    bool to_self; /* self-hosting is cheaper just above; else managed */
    enum crossing_kind kind;
    double usd_per_month; /* of the self-hosted side just above */
    double managed_usd;   /* of the managed side there; NaN: over a limit */
    int64_t gpus;         /* of the self-hosted side */
};
struct breakeven {
    struct crossing *items; /* ascending; in the arena */
    int n;
    double searched_to; /* requests per day */
    bool self_at_end;   /* self-hosting is cheaper there */
};

/* All crossings up to max_requests_per_day (or as far as BREAKEVEN_MAX_STEPS reaches). */
bool breakeven_find(struct arena *arena, const struct plan_case *c, double max_requests_per_day,
                    struct breakeven *out, struct err *err);

/* Keeps the first `most` crossings; searched_to becomes the volume of the first that goes. */
void breakeven_cut(struct breakeven *b, int most);

struct breakeven_best {
    double requests_per_day; /* 0: at any; NaN: none up to the volume searched */
    int self_idx;            /* the system that is cheaper from there on; -1 */
};
/* The lowest volume at which one of the systems costs less than every offer that has a price
 * there; the systems and the offers as cases with that side. */
bool breakeven_first(const struct plan_case *const *self, int n_self,
                     const struct plan_case *const *managed, int n_managed,
                     double max_requests_per_day, struct breakeven_best *out, struct err *err);

/* Volumes at which the number of units of either side changes, ascending, below *max: where a
 * chart has its steps. Returns how many (under room, which is at least 8) and lowers *max to
 * the volume up to which the list is complete. */
int breakeven_steps(const struct plan_case *c, double *max_requests_per_day, double *steps,
                    int room);

/* The month in which the growing demand passes the first crossing to self-hosting at or above
 * today's volume: 0 when self-hosting is cheaper already, NaN when it never gets there. */
double breakeven_month(const struct plan_case *c, const struct breakeven *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crossings.h - where each ranked self-hosted option meets each managed offer that is allowed
 * and has a price at some volume: breakeven.h for every pair of one model, not only the best.
 *
 * Volumes are those of one month, growth left aside, up to 100 times the first month's (or as
 * far as BREAKEVEN_MAX_STEPS reaches). A pair keeps its first CROSSINGS_MAX crossings: two
 * staircases of nearly equal slope can cross at every step. Its row `end` says how far it is
 * complete.
 *
 * crossings.csv, the pairs in the order of the ranking, self-hosted first; each by rising
 * volume model, option, against   the self-hosted option and the managed one kind smooth | step
 * | limit (breakeven.h), or end: of the search requests_per_day, tok_per_day, tok_per_month
 *   usd_per_month, against_usd_per_month   just above; against: empty over a limit
 *   n_gpus           of the self-hosted option just above
 *   to               self-hosted | managed: cheaper just above; in the row `end`: cheaper there
 *   month            in which the forecast reaches the volume: 0 from the start, empty never
 *
 * Complexity: one breakeven_find per pair, pairs in parallel. */
#ifndef CROSSINGS_H
#define CROSSINGS_H

#include "sim/plan/plan.h"

enum { CROSSINGS_MAX = 64 };

struct crossing_pair {
    const struct plan_entry *self, *managed;
    struct breakeven found;
};

/* The pairs, in the arena; *n of them. n_threads changes nothing but the time. NULL with err
 * when a root search fails. */
struct crossing_pair *crossings_find(struct arena *arena, const struct plan *plan,
                                     int n_threads, int *n, struct err *err);

bool crossings_write(struct arena *arena, const struct plan *plan, int n_threads,
                     const char *path, struct err *err);

#endif

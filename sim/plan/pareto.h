/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pareto.h - tokens per second of a GPU against those that one user sees, over the load: what a
 * kind of GPU can trade one for the other.
 *
 * A point is one sized system at one load, from nearly idle to the most it sustains
 * (search_curves). It is on the front when every service level is met and no point of the same
 * model and kind of GPU is at least as good in both and better in one.
 *
 * pareto.csv, in the order of the candidates, each by rising load
 *   model, hardware ("a + b": prefill apart on b), system, n_gpus (of one replica or unit)
 *   load_frac        of the load the system sustains
 *   rate_rps         of one replica
 *   ttft_s_mean, tpot_s_mean, batch_mean
 *   tok_s_per_user   1 / tpot_s_mean
 *   output_tok_s_per_gpu
 *   met, front       0 | 1
 *   best             1: the best self-hosted system of its model, at the load it sustains
 *
 * Complexity: square in the points of a model. */
#ifndef PARETO_H
#define PARETO_H

#include "sim/plan/plan.h"

struct pareto_point {
    const struct search_item *item;
    int load; /* index into search_load_fracs */
    const struct capacity_point *at;
    double tok_s_per_user, tok_s_per_gpu;
    bool front;
};

/* All points of a plan, in the arena; *n of them. */
struct pareto_point *pareto_points(struct arena *arena, const struct plan *plan, int *n);

bool pareto_write(struct arena *arena, const struct plan *plan, const char *path,
                  struct err *err);

#endif

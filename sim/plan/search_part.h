/* SPDX-License-Identifier: GPL-3.0-or-later */
/* search_part.h - what the simulations of a plan found, as parts: the capacity of a candidate
 * ("candidate-000012.csv") and the check of its fleet ("fleet-000012.csv"). All else of a plan
 * is computed from them in moments. */
#ifndef SEARCH_PART_H
#define SEARCH_PART_H

#include "sim/experiment/parts.h"
#include "sim/plan/capacity.h"
#include "sim/plan/fleet.h"

/* n_classes: of the scenario, bounds the classes that are named. */
bool capacity_save(const struct parts *parts, int idx, const char *name,
                   const struct capacity *c, struct err *err);
bool capacity_load(const struct parts *parts, int idx, int n_classes, struct capacity *c,
                   struct err *err);

/* A check is found again only for the number of replicas and the peak it was made for. */
bool fleet_check_save(const struct parts *parts, int idx, const char *name, double peak_rps,
                      const struct fleet_check *c, struct err *err);
bool fleet_check_load(const struct parts *parts, int idx, int n_classes, int64_t replicas,
                      double peak_rps, struct fleet_check *c, struct err *err);

#endif

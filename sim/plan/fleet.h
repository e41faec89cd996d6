/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fleet.h - from the capacity of one replica to the number of them: replicas for the peak of
 * the demand curve at the target utilisation, spares for the availability target, and one
 * simulation of the whole fleet behind its router at that peak.
 *
 * The count is given under three kinds of burstiness within the hour: none beyond Poisson, the
 * scenario's, and the burstiest of the sourced ones. The peak load is held for the whole
 * simulation: a fleet that stands it stands the hours before and after. */
#ifndef FLEET_H
#define FLEET_H

#include "sim/plan/capacity.h"
#include "sim/plan/cost.h"
#include "sim/plan/demand.h"
#include "sim/plan/econ.h"
#include "sim/plan/option.h"

enum fleet_burst { FLEET_POISSON, FLEET_DEFAULT, FLEET_BURSTY, FLEET_N };
extern const char *const fleet_burst_names[]; /* poisson default bursty */

struct fleet_count {
    enum burstiness burst;
    double peak_rps;
    int64_t replicas, spares;
    int64_t gpus; /* of replicas and spares, before packing into nodes */
};
struct fleet {
    struct fleet_count counts[FLEET_N];
    double down_frac;         /* of the time in which one replica does not serve */
    double availability_frac; /* chance that at least `replicas` serve, with the spares */
    double unavailable_use;   /* (1 - that) / (1 - target): above 1 it would bind */
};
/* For the demand of a month, on these machines: they say how often a replica fails. */
void fleet_size(const struct econ *econ, const struct demand *demand,
                const struct plan_option *option, const struct hosting *hosting, double month,
                struct fleet *out);

enum { FLEET_SIMULATED = 256 };

struct fleet_check {
    int64_t replicas_asked, replicas; /* how many turned out to be needed */
    int64_t simulated;                /* of them, in the last run */
    int n_runs;
    struct capacity_point at; /* of the last run */
    bool met;
    int64_t n_requests, n_events;
    bool interrupted, impossible;
};
/* Simulates `replicas` replicas at peak_rps; while a limit is missed, adds 5 % (at least one).
 * one: the configuration of the capacity search, to which router and number are added. A fleet
 * of more than FLEET_SIMULATED is represented by so many, at their share of the peak: the
 * harder case, since a router with fewer replicas to choose from evens out less. */
void fleet_confirm(const struct capacity_config *one, enum route route, int64_t replicas,
                   double peak_rps, struct fleet_check *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* failures.h - when replicas fail and come back. Each replica has its own stream, so adding a
 * replica leaves the failures of the others as they were. Exponential times to failure; a
 * failed replica is down for a fixed time (detection, restart, loading weights), or, when the
 * fault is permanent, for the time a replacement takes. One fault at a time per replica. */
#ifndef FAILURES_H
#define FAILURES_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/core/rng.h"

struct failure_config {
    double mtbf_s;         /* of one replica; 0: never fails */
    double restart_s;      /* down after a recoverable fault */
    double permanent_frac; /* share of faults that need a replacement */
    double replace_s;      /* down after those */
};

struct failure_clock {
    struct rng rng;
    double next_s; /* of the next failure, or the return when down */
    bool down;
    double down_s; /* downtimes so far, the present one to its end */
};

void failure_init(struct failure_clock *clock, const struct failure_config *cfg, int replica,
                  uint64_t seed, uint64_t replication);
/* The event at next_s happens: up goes down or down comes back. */
void failure_turn(struct failure_clock *clock, const struct failure_config *cfg);
/* Time out of service before until_s, which lies beyond the last turn. */
double failure_down_s(const struct failure_clock *clock, double until_s);

#endif

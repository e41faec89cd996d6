/* SPDX-License-Identifier: GPL-3.0-or-later */
/* router.h - which replica a request goes to. A router sees its candidates as they are at the
 * arrival: which are up, and how many requests each holds. It assumes that this knowledge is
 * fresh and free: gossip and its delay are left out. O(1) per request for round robin and power
 * of two while all are up, O(candidates) otherwise. */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/core/rng.h"
#include "sim/serve/failures.h"
#include "sim/serve/replica.h"

enum route { ROUTE_ROUND_ROBIN, ROUTE_LEAST_REQUESTS, ROUTE_POWER_OF_TWO };

/* Replicas to choose from; clocks[i].down: replicas[i] is out of service. */
struct router_view {
    const struct replica *replicas;
    const struct failure_clock *clocks;
    int n, n_up;
};

struct router {
    enum route kind;
    struct rng rng; /* stream "router" */
    int64_t next;   /* round robin */
};

void router_init(struct router *router, enum route kind, uint64_t seed, uint64_t replication);
/* Does it look at the replicas? Then they must have been run up to the arrival. */
bool router_looks(const struct router *router);
/* Index of the replica that gets the next request; -1: every one is down. */
int router_pick(struct router *router, const struct router_view *view);

#endif

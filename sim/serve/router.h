/* SPDX-License-Identifier: GPL-3.0-or-later */
/* router.h - which replica a request goes to. A router sees its candidates as they are at the
 * arrival: which are up, what each has to do, what its prefix cache holds. It assumes that this
 * knowledge is fresh and free: the delay of cache events and load reports is left out. O(1) per
 * request for round robin and power of two while all are up, O(candidates) for least requests
 * and prefix affinity, O(candidates * segments found) when caches are looked into.
 *
 * Routers over content choose among data-parallel ranks, since each rank has a cache of its own
 * (Dynamo: a worker is a pair of instance and dp_rank); the others leave the rank to the
 * replica.
 *
 * prefix-affinity: consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018,
 * arXiv 1608.01350; KubeAI's PrefixHash): the same conversation, or without one the same first
 * segment of the prompt, goes to the same place unless that has its fill, then to the next of
 * its own order. The order is by highest random weight (Thaler, Ravishankar 1998) instead of a
 * ring: as sticky when replicas come and go, without virtual nodes.
 *
 * kv-aware: the place of least cost, in tokens (NVIDIA Dynamo, components/router, v1.2):
 *   cost = OVERLAP_WEIGHT * (prefill tokens promised there + prompt - found in its cache)
 *          + prompt tokens of the requests there.
 * Worked: of a prompt of 1000, A has 600 cached; with 700 to prefill and 3000 prompt tokens
 * promised A costs 700 + 400 + 3000, an idle B 1000; with nothing promised A costs 400.
 * Tokens in host memory count 0.75 as found, on SSD 0.25. Blocks shared by requests in flight
 * count once per request here. */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/core/rng.h"
#include "sim/serve/autoscale.h"
#include "sim/serve/failures.h"
#include "sim/serve/replica.h"

enum route {
    ROUTE_ROUND_ROBIN,
    ROUTE_LEAST_REQUESTS,
    ROUTE_POWER_OF_TWO,
    ROUTE_PREFIX_AFFINITY,
    ROUTE_KV_AWARE
};

/* Replicas to choose from; clocks[i].down: replicas[i] is out of service. */
struct router_view {
    const struct replica *replicas;
    const struct failure_clock *clocks;
    int n, n_up;
    const enum scale_state *scale; /* only those that serve take requests; NULL: all do */
    int held;                      /* takes none: under maintenance; -1: none is */
};

struct router {
    enum route kind;
    struct rng rng; /* stream "router" */
    int64_t next;   /* round robin */
};

void router_init(struct router *router, enum route kind, uint64_t seed, uint64_t replication);
/* Does it look at the replicas? Then they must have been run up to the arrival. */
bool router_looks(const struct router *router);
/* Index of the replica that gets the request; -1: every one is down. Routers over content set
 * the request's rank and what it is promised to compute there. */
int router_pick(struct router *router, const struct router_view *view, struct request *request);

#endif

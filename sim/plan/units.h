/* SPDX-License-Identifier: GPL-3.0-or-later */
/* units.h - what must be bought or rented to run so many replicas: whole servers, instances or
 * racks. Replicas are packed into nodes; GPUs that no replica can use are stranded and paid
 * for. A replica larger than a node takes whole nodes of its own. */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hardware/node.h"
#include "sim/plan/econ.h"
#include "sim/plan/option.h"

struct units {
    int64_t replicas;      /* needed for the load */
    int64_t spares;        /* further replicas for the availability target */
    int64_t nodes;         /* purchasable units */
    int64_t prefill_nodes; /* of those, machines of another kind for prefill */
    int64_t gpus;          /* paid for */
    int64_t stranded;      /* of those, in no replica */
    bool networked;        /* more than one node: a network between them is paid for */
};

/* Can replicas of this option stand on these nodes? False with a reason when the group that
 * must share a node is larger than it, or a replica spans nodes whose network is not known. */
bool units_fit(const struct plan_option *option, const struct node_spec *node, char *why,
               size_t why_size);
/* The same of one share of a unit; where KV leaves it over network cards, those of the node
 * must be known and as fast as simulated. */
bool units_share_fits(const struct plan_share *share, const struct node_spec *node, char *why,
                      size_t why_size);
/* The share that is not `prefill`. */
struct plan_share units_main_share(const struct plan_option *option);

/* Replicas per node (0 when one replica needs several) and nodes per replica (at least 1). */
int units_replicas_per_node(int gpus_per_replica, int node_gpus);
int units_nodes_per_replica(int gpus_per_replica, int node_gpus);

/* Nodes for so many replicas. */
struct units units_pack(int gpus_per_replica, int64_t replicas, int64_t spares, int node_gpus);

/* GPUs of one instance of a share. */
int units_instance_gpus(const struct plan_share *share);
/* Nodes for the share of so many units, packed by instance: three of 4 GPUs in each of two
 * units take three nodes of 8. */
struct units units_pack_share(const struct plan_share *share, int64_t replicas, int64_t spares,
                              int node_gpus);
/* Of a unit on two kinds of machine: both packings together. */
struct units units_join(struct units main, struct units prefill);

/* Replicas for a peak: ceil(peak / (rps_per_replica * utilisation)), at least 1. */
int64_t units_replicas(double peak_rps, double rps_per_replica, double utilisation_frac);

/* Share of time in which a replica does not serve: interruptions times restart, plus breakage
 * times repair. 8 GPUs at 4.74e-4 per day and 300 s, 1 % per year and 259200 s:
 * 8 * (4.74e-4 * 300 / 86400 + 0.01 / 365.25 * 259200 / 86400) = 6.70e-4. */
double units_down_frac(const struct econ *econ, int gpus_per_replica, int node_gpus);
/* The further share of a spot machine, which is taken away whenever another pays more. Until
 * the next one is there and has restarted nothing is served, and of the requests in flight the
 * work is lost: on average half of each, batch * e2e / 2 of a replica that serves batch / e2e a
 * second. Once in 10 days, 786 s and 300 s, 20 s a request, one node: 0.1 * 1096 / 86400
 * = 1.27e-3. */
double units_spot_down_frac(const struct econ *econ, int gpus_per_replica, int node_gpus,
                            double e2e_s);
/* Chance that at least `replicas` of replicas + spares serve: that of at most `spares` failures
 * in a binomial, beyond a million replicas in its normal approximation. 2 and 1 at 6.7e-4:
 * 1 - 3 * (6.7e-4)^2 = 0.99999865 but for the cube. */
double units_availability(int64_t replicas, int64_t spares, double down_frac);
/* Fewest spares with which at least `replicas` of all serve at any time with the target
 * probability (replicas fail independently), or the number the scenario fixes. */
int64_t units_spares(const struct econ *econ, int64_t replicas, double down_frac);

/* Network share of server and network capex for so many nodes: 0 for one. */
const struct plan_rate *units_network_rate(const struct econ *econ, int64_t nodes);

#endif

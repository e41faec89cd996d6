/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster.h - one deployment under one load: replicas behind a router, from the first arrival
 * to the last end. This is one replication of one point; nothing in it is shared with another.
 *
 * Disaggregated, the router chooses among prefill replicas and handover.h brings each computed
 * prompt to a decode replica. Replicas are numbered through, prefill first. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/cost/comm.h"
#include "sim/load/load.h"
#include "sim/serve/autoscale.h"
#include "sim/serve/failures.h"
#include "sim/serve/handover.h"
#include "sim/serve/maintenance.h"
#include "sim/serve/metrics.h"
#include "sim/serve/replica.h"
#include "sim/serve/router.h"
#include "sim/serve/timeline.h"

/* Called once for every request that ends, of one replica in the order in which they do. */
typedef void (*request_sink)(void *ctx, int64_t id, int replica, const struct finished *end,
                             const char *why);

/* How requests of a class are admitted. */
struct class_rules {
    double timeout_s; /* gives up when not admitted so long after arrival; 0: never */
    int32_t priority; /* lower first, where the scheduler looks at it */
};

struct cluster_config {
    const struct replica_config *replica; /* of the decode side when disaggregated */
    int n_replicas;
    const struct replica_config *prefill; /* NULL: not disaggregated */
    int n_prefill;
    struct handover_config handover;
    enum route route;
    struct load_config load;
    const struct request_limits *limits; /* per class */
    const struct class_rules *rules;     /* per class; NULL: none give up */
    /* mtbf_s 0: none. Failures stop with the last arrival */
    struct failure_config failures, prefill_failures;
    /* of one network link under KV transfers, so many of a rank: disaggregated only */
    struct failure_config link_failures;
    int links_per_rank, prefill_links_per_rank;
    /* every_s 0: none; not with autoscaling. No replica's turn comes after the last arrival */
    struct maintenance_config maintenance;
    /* metric SCALE_OFF: all replicas serve all the time. Stops with the last arrival */
    struct autoscale_config autoscale, prefill_autoscale;
    request_sink sink; /* NULL: none */
    void *sink_ctx;
    const atomic_bool *stop; /* NULL: none; when set the run is abandoned */
};

/* Replicas of one configuration. */
struct pool_result {
    struct replica_stats stats; /* summed over replicas */
    double parts_s[OP_N];       /* busy time by operator group */
    struct step_work work;      /* least memory and arithmetic time of all steps */
    double comm_bytes[COMM_N];  /* that a GPU of each replica sent, summed over replicas */
    double replica_s;           /* replicas * end_s; autoscaled: what was provisioned */
    double kv_capacity_bytes;   /* over replicas and ranks */
};

struct cluster_result {
    struct metrics metrics; /* owned: cluster_result_fini */
    struct timeline timeline;
    struct replica_stats stats; /* of all replicas, and so on: sums of the two pools */
    double parts_s[OP_N];
    struct step_work work;
    double replica_s, kv_capacity_bytes;
    struct pool_result decode, prefill; /* not disaggregated: all of it is `decode` */
    double end_s;                       /* when the last request ended */
    struct handover_stats handover;
    struct link_use *links; /* owned; NULL unless disaggregated */
    int n_links;
    int64_t n_offered, n_completed, n_rejected;
    int64_t n_failed;        /* gave up waiting */
    int64_t n_cut;           /* of those offered, prompts cut to what the model takes */
    int64_t n_failures;      /* of replicas */
    int64_t n_retries;       /* requests sent again because of them or of maintenance */
    int64_t n_link_failures; /* that slowed KV transfers */
    /* replica-seconds out of service up to end_s: through failures, and under maintenance */
    double down_s, maintained_s;
    int64_t n_events; /* arrivals, steps, ends */
    bool stable;      /* backlog does not grow while requests arrive */
    bool abandoned;
};

void cluster_run(const struct cluster_config *cfg, struct cluster_result *out);
void cluster_result_fini(struct cluster_result *result);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capacity.h - the largest load one replica sustains: every class inside its service levels
 * over offered requests, losses within their limit, no growing backlog.
 *
 * Each replication r has a smooth margin f_r(x) = ln(worst use of a limit) at load e^x, because
 * all loads see the same random numbers. Replication 0 brackets the root to a few percent;
 * further ones are run at it until the 95 % interval of the capacity,
 *     t * sd(f_r) / sqrt(R) / slope,
 * is narrow enough, and the load is moved by -mean(f_r) / slope. The result is then run again
 * with all replications and lowered until their mean meets every limit.
 *
 * Worked by theory (test): one request at a time, constant service S, Poisson arrivals, limit
 * on the mean time to the first token: waiting lambda S^2 / (2 (1 - lambda S)),
 * Pollaczek-Khinchine.
 *
 * Costs about 15 runs of a few thousand requests. Ignores: failures (units.h adds spares). */
#ifndef CAPACITY_H
#define CAPACITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"
#include "sim/experiment/prefill.h"
#include "sim/load/load.h"
#include "sim/serve/cluster.h"

/* What keeps a replica from taking more. */
enum bind {
    BIND_TTFT,
    BIND_TPOT,
    BIND_ITL,
    BIND_E2E,
    BIND_KV,           /* the same load would be inside its limits with more KV memory */
    BIND_AVAILABILITY, /* lost requests */
    BIND_THROUGHPUT,   /* the backlog grows while no latency is limited */
    BIND_N,
};
extern const char *const bind_names[]; /* TTFT, TPOT, ITL, E2E, KV memory, availability,
                                          throughput */

struct capacity_config {
    const struct replica_config *replica;
    /* disaggregated: `replica` decodes, and so many of both make a unit, which then stands for
     * "replica" here; NULL: no prefill side */
    const struct prefill_side *prefill;
    int decode_replicas, decode_gpus; /* of a unit; of one of its decode replicas */
    const struct load_class *classes; /* at a total of 1 request/s; traces at that speed */
    const struct scenario_slo *slos;  /* [n_classes] */
    int n_classes;
    bool stationary; /* warm-up is removed */
    uint64_t seed;
    int64_t min_requests;  /* of one replication; 0: 800 */
    int64_t max_requests;  /* 0: as many as needed */
    int64_t n_requests;    /* of one replication, whatever the limits need; 0: see above */
    double precision_frac; /* half-width of the interval to stop at; 0: 4 % */
    int max_replications;  /* 0: 12 */
    int n_replicas;        /* behind a router; 0: one */
    enum route route;
    const atomic_bool *stop;
};

/* How busy the replicas of one role are, and at what. */
struct pool_use {
    double busy_frac, mfu_frac, mbu_frac;
};

/* Measures at one load, means over replications. */
struct capacity_point {
    double rate_rps;
    double use[BIND_N]; /* value / limit, the worst class; NaN: no limit. KV memory: largest
                           share of the pool; throughput: busy share of the time */
    int worst_class[BIND_N];
    double worst; /* largest use of a limit */
    bool stable, met;
    double ttft_s, tpot_s, e2e_s; /* means over all classes */
    double output_tok_s, busy_frac, mfu_frac, mbu_frac, batch_mean;
    struct pool_use decode, prefill; /* not disaggregated: all of it is `decode` */
    double prefill_time_frac; /* of the busy time: computed prompt tokens times the time of one
                                 in a full prefill step */
    double input_tokens, hit_tokens, output_tokens; /* per completed request */
};

struct capacity {
    double rps;    /* 0: no load is inside the limits */
    double lo, hi; /* 95 % interval from sampling */
    enum bind bind;
    int bind_class;
    struct capacity_point at;   /* at rps; when that is 0, at the least load tried */
    struct capacity_point over; /* nearest load tried that was outside */
    int n_replications, n_runs;
    int64_t n_requests, n_events; /* simulated in all */
    bool interrupted;
    bool impossible; /* a run was faster than its physical floor: show nothing */
};

void capacity_find(const struct capacity_config *cfg, struct capacity *out);
/* All replications at a load: n of them. */
void capacity_measure(const struct capacity_config *cfg, double rate_rps, int n_replications,
                      struct capacity *out);

/* Mean tokens of one request of a class, images included; those of the trace when it has one.
 */
void capacity_class_lengths(const struct load_class *c, double *prompt, double *output);

/* A first guess from the cost model alone, in requests/s: the batch at which a time per output
 * token of decode plus interleaved prefill reaches the tightest limit, or memory ends.
 * batch: requests running then. */
double capacity_guess(const struct capacity_config *cfg, double *batch);

#endif

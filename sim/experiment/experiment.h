/* SPDX-License-Identifier: GPL-3.0-or-later */
/* experiment.h - points x replications: every deployment of a scenario under every load,
 * simulated in parallel, each result in its own slot, so that nothing depends on the number of
 * threads.
 *
 * A measure is averaged over replications; its 95 % interval comes from the replications
 * (Student t). Streams depend on seed, class and replication only: all points see the same
 * random numbers. */
#ifndef EXPERIMENT_H
#define EXPERIMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"
#include "sim/base/progress.h"
#include "sim/experiment/parts.h"
#include "sim/experiment/prefill.h"
#include "sim/experiment/stock.h"
#include "sim/experiment/system.h"
#include "sim/serve/cluster.h"

/* Columns of summary.csv and curves.csv that are measured, in their order. Latencies come
 * first: latency l, statistic s at index l * STAT_N + s. */
enum measure {
    MEASURE_LATENCY_FIRST = 0,
    MEASURE_SLO_ATTAINED = LAT_N * STAT_N, /* share of offered requests that met all limits */
    MEASURE_GOODPUT_RPS,
    MEASURE_OUTPUT_TOK_S,
    MEASURE_INPUT_TOK_S,
    MEASURE_OUTPUT_TOK_S_PER_GPU,
    MEASURE_COMPLETED,
    MEASURE_REJECTED,
    MEASURE_FAILED,
    MEASURE_KV_USED_MEAN,
    MEASURE_KV_USED_MAX,
    MEASURE_BATCH_MEAN,
    MEASURE_PREEMPTIONS,
    MEASURE_RETRIES, /* requests sent again because their replica failed or was taken out */
    MEASURE_LINK_FAILURES, /* disaggregated: that slowed KV transfers; else NaN */
    MEASURE_AVAILABILITY,  /* share of replica time in service */
    MEASURE_MAINTENANCE,   /* ... out of it for maintenance; the rest is failures */
    MEASURE_PREFIX_HIT,    /* of prompt tokens, wherever they were found */
    MEASURE_TIER_HIT,      /* of prompt tokens, found below GPU memory */
    MEASURE_BUSY,
    MEASURE_GPU_HOURS,   /* provisioned, of both sides */
    MEASURE_PROVISIONED, /* ... over those of the whole fleet all the time; 1 unless autoscaled
                          */
    MEASURE_PREFILL_GPU_HOURS, /* disaggregated: of the prefill replicas alone; else NaN */
    MEASURE_PREFILL_BUSY,      /* disaggregated: of the prefill replicas alone; else NaN */
    MEASURE_HANDOVER_S, /* ... from the end of a prompt to its KV on the decode side, mean */
    MEASURE_LINK_BUSY,  /* ... use of the busiest link */
    /* what collectives and hops use of a GPU's scale-up link, and of its share of the network;
     * of two sides the one that uses more */
    MEASURE_SCALEUP_BUSY,
    MEASURE_NETWORK_BUSY,
    MEASURE_MFU,
    MEASURE_MBU,
    MEASURE_MOE_IMBALANCE,
    MEASURE_POWER_W,
    MEASURE_J_PER_TOKEN,
    MEASURE_STABLE,
    MEASURE_N,
};
/* Latencies that users see and throughput. */
bool measure_has_band(enum measure m);
/* Column name, e.g. "ttft_s_p95", "output_tok_s". */
const char *measure_name(enum measure m, char *buf, size_t n);

struct estimate {
    double mean;
    double half_width; /* 95 %, NaN with one replication */
};

/* Replica-seconds of one kind of replica: busy by operator group, and in all; and what a GPU of
 * each sent, summed over replicas. */
struct side_time {
    double parts_s[OP_N];
    double busy_s, total_s;
    double comm_bytes[COMM_N];
};

/* One deployment under one load. */
struct point {
    int system_idx;
    double rate_rps;     /* total offered; NaN for closed, trace and offline loads */
    int64_t concurrency; /* closed loops: clients; 0 otherwise */
    const char *load;    /* "12 requests/s", "64 clients", "trace", "offline": for people */
    /* results: [n_classes + 1], the last over all classes; NULL when not done, or on disk
     * (point_open) */
    struct estimate (*values)[MEASURE_N];
    bool stable;
    bool meets_slo;                   /* all classes */
    struct side_time decode, prefill; /* of replication 0; not disaggregated: all is decode */
    double end_s;                     /* of replication 0 */
    struct link_use *links;           /* of replication 0; NULL: none, or on disk */
    int n_links;
    struct timeline *timeline; /* of replication 0; NULL when not kept, or on disk */
    bool done;
};

struct experiment_options {
    int n_threads;
    int64_t requests; /* 0: the scenario's */
    int replications; /* 0: the scenario's */
    int64_t seed;     /* -1: the scenario's */
    bool sweep;       /* loads from the sweep section, else the scenario's own load */
    bool quiet;
    const char *requests_csv;   /* per-request output, needs parts; NULL none */
    const atomic_bool *stop;    /* begin no further point; NULL: never */
    const atomic_bool *abandon; /* give up those that run; NULL: never */
    const struct parts *parts;  /* finished points go there and are taken from there; NULL: all
                                   results stay in memory */
};

struct experiment {
    const struct scenario *scenario;
    struct deployment_list deployments;
    struct system
        *systems; /* [deployments.n]; step NULL: does not fit. Disaggregated: decode */
    struct prefill_side *prefills; /* [deployments.n] */
    struct point *points;          /* by system, then by load; only systems that fit */
    int n_points;
    int n_mine;                /* points of this process: all but those of other shards */
    int n_done, n_found;       /* of these with results; with parts that were there before */
    const struct parts *parts; /* borrowed; NULL: results are in memory */
    int replications;
    int64_t requests;
    uint64_t seed;
    int64_t n_events, n_requests, n_cut;
    bool interrupted;
};

/* Resolves every deployment (for `memory` and everything else). NULL with err. Heap parts are
 * freed by experiment_free, the rest lives in the arena. */
struct experiment *experiment_new(struct arena *arena, const struct stock *stock,
                                  const struct scenario *scenario,
                                  const struct experiment_options *options, struct err *err);
void experiment_free(struct experiment *e);
/* Lays out the points and runs those that are this process's and not in parts already. False
 * with err: a trace cannot be read, a part is of another run or cannot be written, merged parts
 * lack a point, or a result is not physically possible (ERR_INTERNAL: nothing of it may be
 * shown). A stopped run is no error: e->interrupted. */
bool experiment_run(struct experiment *e, struct arena *arena, const struct stock *stock,
                    const struct experiment_options *options, struct err *err);

/* Does deployment i fit its GPU memory, prefill side included? Where not, `unfit` is the side
 * that does not. */
bool experiment_fits(const struct experiment *e, int i, const struct system **unfit);
/* Replicas (1 when left open) and GPUs of a deployment, GPUs with the prefill side. */
int experiment_replicas(const struct experiment *e, int i);
int64_t experiment_gpus(const struct experiment *e, int i);

/* A copy of a done point with values and timeline, read from its part when it has one; false
 * with err when that fails. point_close frees what was read. */
bool point_open(const struct experiment *e, int idx, struct point *out, struct err *err);
void point_close(const struct experiment *e, int idx, struct point *p);
/* Does the point meet every service level of class c (index n_classes: all classes)? */
bool point_meets_slo(const struct experiment *e, const struct point *p, int c);
/* Evidence grade of a system: "measured", "same family", "same SKU only" or "none". */
const char *system_evidence(const struct system *s);
/* 80 % band of a measure, as factors of the prediction; NaN when none is known. */
struct band point_band(const struct experiment *e, const struct point *p, enum measure m);

#endif

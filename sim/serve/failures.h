/* SPDX-License-Identifier: GPL-3.0-or-later */
/* failures.h - when replicas and network links fail and come back. Each has its own stream, so
 * adding a replica leaves the failures of the others as they were. Exponential times to
 * failure; a failed replica is down for a fixed time (detection, restart, loading weights), or,
 * when the fault is permanent, for the time a replacement takes; a link until it is repaired.
 * One fault at a time for each.
 *
 * What a failed link (network card, cable or port of one GPU) does: KV transfers of its rank
 * go on over the cards that are left, or wait when there is none. A replica whose own
 * collectives cross the network stops instead, as the training job did in which the rate was
 * counted; that is part of its failure_config. */
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
};

/* stream: its name, "failures/3". */
void failure_init(struct failure_clock *clock, const struct failure_config *cfg,
                  const char *stream, uint64_t seed, uint64_t replication);
/* The event at next_s happens: up goes down or down comes back. */
void failure_turn(struct failure_clock *clock, const struct failure_config *cfg);
/* Network links of the ranks of a deployment, `n` of each rank, one per GPU. */
struct link_failures {
    struct failure_config cfg;
    struct failure_clock *clocks; /* owned: [n_links], those of a rank one after another */
    double *down_from_s;          /* owned: [n_links] of those that are down */
    int *n_up;                    /* owned: [n_ranks] */
    int *first;                   /* owned: [n_ranks + 1] into clocks */
    int n_ranks;
    int n_cut; /* ranks without any */
};
/* mtbf_s and restart_s of one link; per_rank[n_ranks] of them each. */
void link_failures_init(struct link_failures *l, const struct failure_config *cfg,
                        const int *per_rank, int n_ranks, uint64_t seed, uint64_t replication);
/* Links of all ranks; 0 when none fails. */
int link_failures_n(const struct link_failures *l);
void link_failures_fini(struct link_failures *l);
/* The next failure or repair; INFINITY: none. */
double link_failures_next_s(const struct link_failures *l);
/* It happens: the rank, the share of its links that is up then, and since when the one that is
 * repaired was down (NaN: one failed). */
struct link_turn {
    int rank;
    double up_frac, down_from_s;
};
struct link_turn link_failures_turn(struct link_failures *l);

#endif

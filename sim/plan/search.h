/* SPDX-License-Identifier: GPL-3.0-or-later */
/* search.h - every candidate sized by simulation, in parallel. Results are stored by index and
 * depend on the candidate alone, so threads change nothing. */
#ifndef SEARCH_H
#define SEARCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sim/experiment/parts.h"
#include "sim/experiment/workload.h"
#include "sim/plan/candidates.h"
#include "sim/plan/capacity.h"
#include "sim/plan/fleet.h"
#include "sim/plan/option.h"

enum search_state {
    SEARCH_SIZED,     /* capacity and option are filled */
    SEARCH_NO_LAYOUT, /* the layout cannot be built */
    SEARCH_NO_MEMORY, /* it does not fit */
    SEARCH_BOUND,     /* a limit is below what is physically possible */
    SEARCH_NO_LOAD,   /* outside its limits at any load */
    SEARCH_SKIPPED,   /* interrupted */
    SEARCH_N_STATES,
};
extern const char *const search_state_names[]; /* sized, layout, memory, bound, ... */

struct search_item {
    const struct candidate *candidate;
    enum search_state state;
    char why[200];           /* when not sized */
    struct system_spec spec; /* every default filled in; valid from memory on */
    struct footprint footprint;
    int prefill_tp, prefill_pp, prefill_ep, prefill_dp; /* 0: no prefill replicas apart */
    int n_gpus; /* of one unit: a replica, or prefill and decode replicas together */
    struct capacity capacity;
    struct plan_option option;
};

struct search {
    const struct workload *work; /* of the scenario: its traces are read once */
    struct candidate_list candidates;
    struct search_item *items; /* [candidates.n] */
    int n_mine, n_done; /* candidates of this process: all but those of other shards; sized */
    int64_t n_requests, n_events;
    bool interrupted;
};

struct search_options {
    int n_threads;
    bool exhaustive;      /* no bounds: simulate everything that fits (tests) */
    int64_t max_requests; /* of one replication; 0: the scenario's */
    int max_replications; /* 0: the capacity search's */
    bool quiet;
    const atomic_bool *stop;    /* begin no further candidate; NULL: never */
    const atomic_bool *abandon; /* give up those that run; NULL: never */
    const struct parts
        *parts; /* what was found goes there and is taken from there; NULL: none */
};

/* Enumerates and sizes. watts: of the catalogue's nodes, for the host's share. False with err:
 * a name is unknown, a trace cannot be read, or a result is physically impossible. Lives in the
 * arena. */
bool search_run(struct arena *arena, const struct stock *stock, const struct node_list *nodes,
                const struct scenario *sc, const struct search_options *options,
                struct search *out, struct err *err);

/* Fleets of some items: sizes[i] replicas of items[idx[i]] at peak_rps. */
struct search_fleets {
    const int *idx;
    const int64_t *sizes;
    int n;
    double peak_rps;
};
/* Simulates them in parallel; checks[n] has what each did. */
bool search_confirm(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                    const struct search *search, const struct search_fleets *fleets,
                    const struct search_options *options, struct fleet_check *checks,
                    struct err *err);

/* What a sized candidate does below the load it sustains: how many tokens a second each user
 * and each GPU then sees. One replication each, of as many requests as fill the batch there a
 * few times; the last load is what the search found. */
enum { SEARCH_LOADS = 6 };
extern const double
    search_load_fracs[SEARCH_LOADS]; /* of the load it sustains; the last is 1 */

struct search_curve {
    struct capacity_point at[SEARCH_LOADS];
    int64_t n_requests, n_events;
    bool simulated; /* not of a candidate without a capacity */
    bool interrupted, impossible;
};
/* curves[candidates.n]. False with err as search_run. */
bool search_curves(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                   const struct search *search, const struct search_options *options,
                   struct search_curve *curves, struct err *err);

/* The load classes at a total of 1 request/s. Closed loops and offline batches become Poisson
 * arrivals: a plan asks how many requests come, not how many clients wait. */
void search_classes(const struct workload *w, int64_t max_model_len,
                    struct load_class *classes);

/* Mean tokens of a request, none of them cached: what the load generator draws, which is the
 * same for every system, within 0.5 % of its law. A sizing run is too short for that, and its
 * mean would move the managed bill with the system it is compared with. */
struct plan_tokens search_tokens(const struct workload *w, int64_t max_model_len);

/* IT power of the host that one GPU carries: CPUs, memory, fans, switches. */
double search_host_w(const struct node_list *nodes, const struct gpu *gpu);

#endif

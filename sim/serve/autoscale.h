/* SPDX-License-Identifier: GPL-3.0-or-later */
/* autoscale.h - replicas of one pool that come and go with the load, as Kubernetes'
 * HorizontalPodAutoscaler does: every interval
 *     wanted = ceil(serving * mean per replica / target),
 * between a least and the whole pool. A replica that is started serves after its cold start
 * (machine, weights, warm-up); one that is not wanted any more gets no new request and goes
 * when its last one has ended. Fewer are wanted only after they have been for the whole
 * cool-down (the largest wish of that time counts). Worked: 4 serving with 48 requests each,
 * target 32: 6.
 *
 * Disaggregated, the prefill and the decode pool each have one. What waits before a pool (for
 * decode: computed prompts that no replica has memory for) is part of its load, so that a cold
 * decode pool grows by what it holds back. */
#ifndef AUTOSCALE_H
#define AUTOSCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/serve/replica.h"

enum scale_metric {
    SCALE_OFF,
    SCALE_REQUESTS, /* held */
    SCALE_KV,       /* share of the KV pool in use */
    SCALE_QUEUE,    /* of the held ones: not being worked on yet */
    SCALE_RATE,     /* given to the pool since the last look, per second */
};

struct autoscale_config {
    enum scale_metric metric;
    double target; /* of the metric, per serving replica */
    int min;
    double interval_s, cooldown_s, cold_start_s;
};

enum scale_state { SCALE_PARKED, SCALE_STARTING, SCALE_SERVING, SCALE_DRAINING };

struct autoscaler {
    struct autoscale_config cfg;
    int n;
    enum scale_state *state; /* [n] */
    double *since_s;         /* [n]: in that state */
    double next_look_s;
    int64_t n_given; /* requests that came to the pool since the last look: the caller counts */
    double *wishes;  /* ring of the wishes of the cool-down */
    int n_wishes, at_wish;
    double provisioned_s; /* replica-seconds that were paid for: all but parked ones */
};

/* The first cfg.min serve, the others are parked. */
void autoscale_init(struct autoscaler *a, const struct autoscale_config *cfg, int n);
void autoscale_fini(struct autoscaler *a);
/* The next look or end of a cold start; INFINITY when off. */
double autoscale_next_s(const struct autoscaler *a);
/* The metric per serving replica of replicas[a->n], n_before requests waiting before them; 0
 * when none serves. */
double autoscale_mean(const struct autoscaler *a, const struct replica *replicas,
                      int64_t n_before, int *n_serving);
/* How many replicas the mean per serving one asks for now, cool-down included. */
int autoscale_wanted(struct autoscaler *a, int n_serving, double mean);
/* Changes the state of a replica and books the time in the old one. */
void autoscale_set(struct autoscaler *a, int i, enum scale_state state, double now_s);
int autoscale_count(const struct autoscaler *a, enum scale_state state);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/autoscale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

/* Kubernetes leaves the number alone while the mean is this close to the target
 * (--horizontal-pod-autoscaler-tolerance). */
static const double TOLERANCE = 0.1;
enum { MAX_WISHES = 1 << 16 };

void autoscale_init(struct autoscaler *a, const struct autoscale_config *cfg, int n)
{
    memset(a, 0, sizeof *a);
    a->cfg = *cfg;
    a->n = n;
    if (cfg->metric == SCALE_OFF) {
        a->next_look_s = INFINITY;
        return;
    }
    double wishes = ceil(cfg->cooldown_s / cfg->interval_s) + 1.0;
    a->n_wishes = wishes < MAX_WISHES ? (int)wishes : MAX_WISHES;
    a->wishes = xcalloc((size_t)a->n_wishes, sizeof *a->wishes);
    a->state = xcalloc((size_t)n, sizeof *a->state);
    a->since_s = xcalloc((size_t)n, sizeof *a->since_s);
    for (int i = 0; i < n && i < cfg->min; i++) {
        a->state[i] = SCALE_SERVING;
    }
    a->next_look_s = cfg->interval_s;
}

void autoscale_fini(struct autoscaler *a)
{
    free(a->wishes);
    free(a->state);
    free(a->since_s);
}

double autoscale_next_s(const struct autoscaler *a)
{
    double next = a->next_look_s;
    for (int i = 0; i < a->n && a->state; i++) {
        if (a->state[i] == SCALE_STARTING) {
            next = fmin(next, a->since_s[i] + a->cfg.cold_start_s);
        }
    }
    return next;
}

/* What one replica adds to the metric. */
static double replica_signal(enum scale_metric metric, const struct replica *r)
{
    switch (metric) {
    case SCALE_REQUESTS:
        return (double)r->n_load;
    case SCALE_KV:
        return replica_kv_frac(r);
    case SCALE_QUEUE:
        return (double)(r->n_waiting + r->incoming.n);
    case SCALE_RATE:
    case SCALE_OFF:
        break;
    }
    return 0.0;
}

/* What the pool as a whole adds. */
static double pool_signal(const struct autoscaler *a, int64_t n_before)
{
    switch (a->cfg.metric) {
    case SCALE_REQUESTS:
    case SCALE_QUEUE:
        return (double)n_before;
    case SCALE_RATE:
        return (double)a->n_given / a->cfg.interval_s;
    case SCALE_KV:
    case SCALE_OFF:
        break;
    }
    return 0.0;
}

double autoscale_mean(const struct autoscaler *a, const struct replica *replicas,
                      int64_t n_before, int *n_serving)
{
    double sum = pool_signal(a, n_before);
    *n_serving = 0;
    for (int i = 0; i < a->n; i++) {
        if (a->state[i] == SCALE_SERVING) {
            sum += replica_signal(a->cfg.metric, &replicas[i]);
            ++*n_serving;
        }
    }
    return *n_serving > 0 ? sum / *n_serving : 0.0;
}

int autoscale_wanted(struct autoscaler *a, int n_serving, double mean)
{
    double ratio = mean / a->cfg.target;
    double wish = fabs(ratio - 1.0) <= TOLERANCE ? n_serving : ceil(n_serving * ratio);
    a->wishes[a->at_wish] = fmin(fmax(wish, a->cfg.min), a->n);
    a->at_wish = (a->at_wish + 1) % a->n_wishes;
    double most = 0.0;
    for (int i = 0; i < a->n_wishes; i++) {
        most = fmax(most, a->wishes[i]);
    }
    return (int)most;
}

void autoscale_set(struct autoscaler *a, int i, enum scale_state state, double now_s)
{
    if (a->state[i] != SCALE_PARKED) {
        a->provisioned_s += now_s - a->since_s[i];
    }
    a->state[i] = state;
    a->since_s[i] = now_s;
}

int autoscale_count(const struct autoscaler *a, enum scale_state state)
{
    int n = 0;
    for (int i = 0; i < a->n; i++) {
        n += a->state[i] == state;
    }
    return n;
}

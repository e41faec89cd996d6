/* SPDX-License-Identifier: GPL-3.0-or-later */
/* workload.h - the load classes of a scenario: its traces read once, its rates scaled to a
 * point. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/load/load.h"
#include "sim/serve/cluster.h"
#include "sim/serve/metrics.h"

struct workload {
    const struct scenario *scenario;
    struct trace *traces; /* [n_classes]; n = 0 where the class has none */
    struct request_limits
        *limits;               /* [n_classes]: what one request must meet to count as good */
    struct class_rules *rules; /* [n_classes] */
    const double **hourly;     /* [n_classes]: of mean 1; NULL even */
    int64_t n_trace_requests;  /* over all classes, repeats included */
    bool has_trace, has_closed, has_offline, has_open, has_hours;
};

/* Reads the traces. NULL with err. Lives in the arena. */
struct workload *workload_load(struct arena *arena, const struct scenario *sc, struct err *err);
/* Fills classes[n_classes] for one point: open rates are shares of rate_rps, closed loops
 * shares of `concurrency` (0: their own), prompts without upper end are cut to max_model_len.
 */
void workload_classes(const struct workload *w, double rate_rps, int64_t concurrency,
                      int64_t max_model_len, struct load_class *classes);
/* Warm-up is removed only where the process is stationary: open processes and closed loops. */
bool workload_is_stationary(const struct workload *w);

#endif

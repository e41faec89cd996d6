/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics.h - what a simulation measures. Per-request latencies go to histograms of the current
 * segment; at most 64 segments of equal request counts are kept and merged pairwise when full,
 * so memory is bounded and warm-up is cut on a segment border (MSER on the segments' mean
 * TTFT). Cost per request: a handful of histogram increments; per step: one per class with
 * running requests. */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/core/histo.h"

enum { METRICS_MAX_SEGMENTS = 64 };

enum latency { LAT_TTFT, LAT_TPOT, LAT_ITL, LAT_E2E, LAT_QUEUE, LAT_N };
enum latency_stat { STAT_MEAN, STAT_P50, STAT_P90, STAT_P95, STAT_P99, STAT_N };
extern const char *const latency_names[];      /* ttft tpot itl e2e queue */
extern const char *const latency_stat_names[]; /* mean p50 p90 p95 p99 */

/* How a request ended. */
enum outcome { OUTCOME_COMPLETED, OUTCOME_REJECTED, OUTCOME_FAILED };

struct finished {
    int32_t class_idx;
    enum outcome outcome;
    double arrival_s, scheduled_s, first_s, last_s; /* as a client sees them */
    int64_t prompt_tokens, output_tokens;
    int64_t hit_tokens,
        tier_tokens; /* prompt tokens found in a cache; of them below GPU memory */
};

/* Limits a single request must meet to count as good; INFINITY: none. */
struct request_limits {
    double ttft_s, tpot_s, e2e_s;
};

struct class_stats {
    struct histo lat[LAT_N];
    int64_t n_completed, n_rejected, n_failed, n_good;
    double prompt_tokens, output_tokens, hit_tokens, tier_tokens;
};
struct segment {
    struct class_stats *classes; /* [n_classes] */
    int64_t n;                   /* requests that ended in it */
    double last_s;               /* when the last of them did */
    double ttft_sum;
    int64_t ttft_n;
};

struct metrics {
    int n_classes;
    const struct request_limits *limits; /* [n_classes], borrowed */
    struct segment segments[METRICS_MAX_SEGMENTS];
    int n_segments;
    int64_t per_segment;
    double first_arrival_s, last_arrival_s;
};

void metrics_init(struct metrics *m, int n_classes, const struct request_limits *limits);
void metrics_fini(struct metrics *m);
void metrics_end(struct metrics *m, const struct finished *f, double time_s);
/* Where gaps of a class are counted until a request ends. */
static inline struct histo *metrics_gap_histo(struct metrics *m, int class_idx)
{
    return &m->segments[m->n_segments - 1].classes[class_idx].lat[LAT_ITL];
}
/* n gaps of gap_s between consecutive tokens of requests of one class. */
static inline void metrics_gaps(struct metrics *m, int class_idx, double gap_s, int64_t n)
{
    histo_add(metrics_gap_histo(m, class_idx), gap_s, (uint64_t)n);
}

/* Segments to drop as warm-up (0 when too few). */
int metrics_warmup_segments(const struct metrics *m);
/* First segment such that at least n_requests ended before it. */
int metrics_segments_for(const struct metrics *m, int64_t n_requests);

/* Everything from segment `from` on, class by class, all classes summed at index n_classes. */
struct class_summary {
    double lat[LAT_N][STAT_N]; /* seconds, NaN when nothing was measured */
    int64_t n_completed, n_rejected, n_failed;
    double good_frac; /* of all that ended */
    double prompt_tokens, output_tokens, hit_tokens, tier_tokens;
    double window_s; /* time over which they ended */
};
void metrics_summary(const struct metrics *m, int from, struct class_summary *out);
/* The merged histogram of a latency over all classes (class_idx -1) or one; caller frees
 * (fini). */
void metrics_histo(const struct metrics *m, int from, int class_idx, enum latency lat,
                   struct histo *out);

#endif

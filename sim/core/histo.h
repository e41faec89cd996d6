/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histo.h - log-bucket histogram: 128 buckets per octave (index = top bits of the double), so
 * every quantile is within 0.4 % of exact; mergeable; order-independent (but for the rounding
 * of sum). Pages of one octave are allocated when first touched, so a histogram of a narrow
 * range is small. Exact count, min and max. A bucket holds (lower, upper]. */
#ifndef HISTO_H
#define HISTO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sim/base/mem.h"

enum { HISTO_MIN_EXP = -34, HISTO_N_OCTAVES = 64, HISTO_PER_OCTAVE = 128 };

struct histo {
    uint64_t n;
    double sum, min, max;            /* empty: 0, +inf, -inf */
    uint64_t *page[HISTO_N_OCTAVES]; /* each [HISTO_PER_OCTAVE], heap, NULL until touched */
    uint64_t n_zero;                 /* values <= 2^HISTO_MIN_EXP */
};

void histo_init(struct histo *h); /* needed before anything else: all zero bytes are not an
                                     empty histogram */
void histo_fini(struct histo *h);
void histo_reset(struct histo *h); /* empty, keeps nothing */
void histo_merge(struct histo *into, const struct histo *from);
/* Value at quantile q in [0,1]: mid of the bucket holding the ceil(q n)-th value, clamped to
 * [min, max]; the first and the n-th are exact; NaN when empty. */
double histo_quantile(const struct histo *h, double q);
double histo_mean(const struct histo *h); /* NaN when empty */
/* How many values are <= limit (whole buckets; the bucket of limit counts by linear share). */
double histo_count_below(const struct histo *h, double limit);

/* The bucket of a value: exponent and the first 7 bits of the mantissa, counted from
 * 2^HISTO_MIN_EXP.
 * "- 1" puts a value on a border into the bucket below it. Zero, tiny, negative, huge and NaN
 * all come out at or beyond HISTO_N_OCTAVES * HISTO_PER_OCTAVE. */
static inline uint64_t histo_bucket(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return ((bits - 1) >> 45) - ((uint64_t)(1023 + HISTO_MIN_EXP) << 7);
}

/* histo_add for what the inline path leaves: a page not there yet, values off either end. */
void histo_add_rare(struct histo *h, double value, uint64_t weight);

/* Counts value (>= 0, finite; beyond 2^30 it lands in the last bucket) weight times. Inline:
 * measured 1.8 to 2.5 ns against 2.6 as a call; into one histogram without a pause 3.4 ns, the
 * latency of the sum. That is also why min and max are stored only when they change. */
static inline void histo_add(struct histo *h, double value, uint64_t weight)
{
    uint64_t bucket = histo_bucket(value);
    uint64_t *page = bucket < (uint64_t)HISTO_N_OCTAVES * HISTO_PER_OCTAVE
                         ? h->page[bucket / HISTO_PER_OCTAVE]
                         : NULL;
    if (UNLIKELY(page == NULL || weight == 0)) {
        histo_add_rare(h, value, weight);
        return;
    }
    page[bucket % HISTO_PER_OCTAVE] += weight;
    h->n += weight;
    h->sum += value * (double)(int64_t)weight; /* signed: one instruction, no branch */
    if (value < h->min) {
        h->min = value;
    }
    if (value > h->max) {
        h->max = value;
    }
}

/* Values one after the other that mostly share a bucket, each counted weight times: what
 * histo_add does, to the last bit, with the totals out of the way of other memory. */
struct histo_run {
    struct histo *h;
    uint64_t weight;
    double weight_value;
    uint64_t bucket, n_in_bucket; /* of the latest values */
    uint64_t *cell;               /* where they are to be counted; NULL: no value yet */
    double sum, min, max;
};
void histo_run_begin(struct histo_run *run, struct histo *h, uint64_t weight); /* > 0 */
void histo_run_end(struct histo_run *run); /* nothing is counted before */
void histo_run_turn(struct histo_run *run, double value);
static inline void histo_run_add(struct histo_run *run, double value)
{
    if (UNLIKELY(histo_bucket(value) != run->bucket)) {
        histo_run_turn(run, value);
    }
    run->n_in_bucket++;
    run->sum += value * run->weight_value;
    run->min = value < run->min ? value : run->min;
    run->max = value > run->max ? value : run->max;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histo.c - log-bucket histogram, everything but the hot path. Only arithmetic on the bits of
 * doubles: no libm, so counts are the same everywhere. add O(1); quantile, merge and count
 * O(pages touched). */
#include "sim/core/histo.h"

#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"

_Static_assert(HISTO_PER_OCTAVE == 128, "histo_bucket takes 7 mantissa bits");

enum { N_BUCKETS = HISTO_N_OCTAVES * HISTO_PER_OCTAVE };

void histo_init(struct histo *h)
{
    *h = (struct histo){.min = (double)INFINITY, .max = -(double)INFINITY};
}

void histo_fini(struct histo *h)
{
    for (int i = 0; i < HISTO_N_OCTAVES; i++) {
        free(h->page[i]);
        h->page[i] = NULL;
    }
}

void histo_reset(struct histo *h)
{
    histo_fini(h);
    histo_init(h);
}

static uint64_t *page_get(struct histo *h, uint64_t octave)
{
    if (!h->page[octave]) {
        h->page[octave] = xcalloc(HISTO_PER_OCTAVE, sizeof *h->page[octave]);
    }
    return h->page[octave];
}

/* Where a value is counted. */
static uint64_t *cell_of(struct histo *h, double value)
{
    ASSERT(value >= 0 && isfinite(value));
    if (value <= 0x1p-34) {
        return &h->n_zero;
    }
    uint64_t bucket = histo_bucket(value);
    bucket = bucket < N_BUCKETS ? bucket : N_BUCKETS - 1;
    return &page_get(h, bucket / HISTO_PER_OCTAVE)[bucket % HISTO_PER_OCTAVE];
}

void histo_add_rare(struct histo *h, double value, uint64_t weight)
{
    ASSERT(value >= 0 && isfinite(value));
    if (weight == 0) {
        return;
    }
    *cell_of(h, value) += weight;
    h->n += weight;
    h->sum += value * (double)(int64_t)weight;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
}

_Static_assert(HISTO_MIN_EXP == -34, "cell_of has 2^HISTO_MIN_EXP as a literal");

void histo_run_begin(struct histo_run *run, struct histo *h, uint64_t weight)
{
    *run = (struct histo_run){.h = h,
                              .weight = weight,
                              .weight_value = (double)(int64_t)weight,
                              .bucket = UINT64_MAX, /* of no value */
                              .sum = h->sum,
                              .min = h->min,
                              .max = h->max};
}

static void count_bucket(struct histo_run *run)
{
    if (run->cell) {
        *run->cell += run->n_in_bucket * run->weight;
        run->h->n += run->n_in_bucket * run->weight;
    }
    run->n_in_bucket = 0;
}

void histo_run_turn(struct histo_run *run, double value)
{
    count_bucket(run);
    run->cell = cell_of(run->h, value);
    run->bucket = histo_bucket(value);
}

void histo_run_end(struct histo_run *run)
{
    count_bucket(run);
    run->h->sum = run->sum;
    run->h->min = run->min;
    run->h->max = run->max;
}

void histo_merge(struct histo *into, const struct histo *from)
{
    for (uint64_t octave = 0; octave < HISTO_N_OCTAVES; octave++) {
        if (from->page[octave]) {
            uint64_t *page = page_get(into, octave);
            for (int i = 0; i < HISTO_PER_OCTAVE; i++) {
                page[i] += from->page[octave][i];
            }
        }
    }
    into->n += from->n;
    into->n_zero += from->n_zero;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

/* Lower border of a bucket; that of the next bucket is its upper one. */
static double bucket_lower(uint64_t bucket)
{
    uint64_t bits = (bucket + ((uint64_t)(1023 + HISTO_MIN_EXP) << 7)) << 45;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bucket holding the rank-th smallest value; rank counts from 1 and lies beyond n_zero. */
static uint64_t bucket_of_rank(const struct histo *h, uint64_t rank)
{
    uint64_t seen = h->n_zero;
    for (uint64_t octave = 0; octave < HISTO_N_OCTAVES; octave++) {
        for (uint64_t i = 0; h->page[octave] && i < HISTO_PER_OCTAVE; i++) {
            seen += h->page[octave][i];
            if (seen >= rank) {
                return octave * HISTO_PER_OCTAVE + i;
            }
        }
    }
    return N_BUCKETS - 1;
}

double histo_quantile(const struct histo *h, double q)
{
    ASSERT(q >= 0 && q <= 1);
    if (h->n == 0) {
        return (double)NAN;
    }
    /* 0.07 * 100 is a hair above 7; without the allowance it would ask for the 8th value. */
    double rank = ceil(q * (double)h->n * (1 - 4e-16));
    if (rank <= 1 || rank <= (double)h->n_zero) {
        return h->min;
    }
    if (rank >= (double)h->n) {
        return h->max;
    }
    uint64_t bucket = bucket_of_rank(h, (uint64_t)rank);
    double mid = 0.5 * (bucket_lower(bucket) + bucket_lower(bucket + 1));
    mid = mid < h->min ? h->min : mid;
    return mid > h->max ? h->max : mid;
}

double histo_mean(const struct histo *h)
{
    return h->n > 0 ? h->sum / (double)h->n : (double)NAN;
}

double histo_count_below(const struct histo *h, double limit)
{
    if (h->n == 0 || !(limit >= h->min)) {
        return 0;
    }
    if (limit >= h->max) {
        return (double)h->n;
    }
    uint64_t n_below = h->n_zero;
    if (limit <= 0x1p-34) {
        return (double)n_below;
    }
    uint64_t last = histo_bucket(limit);
    last = last < N_BUCKETS ? last : N_BUCKETS - 1;
    for (uint64_t b = 0; b < last; b++) {
        const uint64_t *page = h->page[b / HISTO_PER_OCTAVE];
        n_below += page ? page[b % HISTO_PER_OCTAVE] : 0;
    }
    const uint64_t *page = h->page[last / HISTO_PER_OCTAVE];
    double n_bucket = page ? (double)page[last % HISTO_PER_OCTAVE] : 0;
    double lower = bucket_lower(last);
    double share = (limit - lower) / (bucket_lower(last + 1) - lower);
    return (double)n_below + n_bucket * (share < 1 ? share : 1);
}

/* histo.h - log-bucket histogram: 128 buckets per octave (index = top bits of the double), so every
 * quantile is within 0.4 % of exact; mergeable; order-independent. Pages of one octave are allocated
 * when first touched, so a histogram of a narrow range is small. Exact count, sum, min and max. */
#ifndef HISTO_H
#define HISTO_H

#include <stdint.h>

enum { HISTO_MIN_EXP = -34, HISTO_N_OCTAVES = 64, HISTO_PER_OCTAVE = 128 };

struct histo {
    uint64_t n;
    double sum, min, max;
    uint64_t *page[HISTO_N_OCTAVES]; /* each [HISTO_PER_OCTAVE], heap, NULL until touched */
    uint64_t n_zero;                 /* values <= 2^HISTO_MIN_EXP */
};

void histo_init(struct histo *h);
void histo_fini(struct histo *h);
void histo_reset(struct histo *h);                          /* empty, keeps nothing */
void histo_add(struct histo *h, double value, uint64_t weight); /* value >= 0 */
void histo_merge(struct histo *into, const struct histo *from);
/* Value at quantile q in [0,1]: mid of the bucket holding the ceil(q n)-th value, clamped to
 * [min, max]; NaN when empty. */
double histo_quantile(const struct histo *h, double q);
double histo_mean(const struct histo *h);                   /* NaN when empty */
/* How many values are <= limit (whole buckets; the bucket of limit counts by linear share). */
double histo_count_below(const struct histo *h, double limit);

#endif

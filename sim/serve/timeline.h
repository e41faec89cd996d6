/* SPDX-License-Identifier: GPL-3.0-or-later */
/* timeline.h - state over time in at most 512 bins of equal width; when a run outgrows them,
 * bins are merged pairwise and the width doubles. A step is booked in the bin of its end. O(1)
 * per step. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdint.h>

enum { TIMELINE_BINS = 512 };

struct timeline_bin {
    double step_s;                          /* summed duration of the steps booked here */
    double running_s, waiting_s, kv_frac_s; /* integrals over those steps */
    double output_tokens, input_tokens;
    double down_s;         /* replica-seconds out of service */
    double prefill_down_s; /* of these, of prefill replicas */
    double link_down_s;    /* link-seconds out of service */
};
struct timeline {
    struct timeline_bin bins[TIMELINE_BINS];
    double width_s; /* starts at 1/8 s */
    int n_bins;     /* used */
    int n_replicas;
    int n_prefill; /* of them; 0 after timeline_init */
};
void timeline_init(struct timeline *t, int n_replicas);

enum timeline_part { TIMELINE_REPLICA, TIMELINE_PREFILL, TIMELINE_LINK };
/* A replica (of the prefill side) or a network link is out of service in [from_s, to_s). Bins
 * behind the last step are not counted as used. */
void timeline_add_down(struct timeline *t, enum timeline_part part, double from_s, double to_s);

struct timeline_step {
    double end_s, duration_s;
    double running, waiting;
    double kv_frac_s; /* KV use over the step */
    double output_tokens, input_tokens;
};
void timeline_grow(struct timeline *t, double end_s); /* so that end_s has a bin */
/* Index of the bin of a step that ends then; it is in use from now on. */
static inline int timeline_bin_of(struct timeline *t, double end_s)
{
    if (end_s >= t->width_s * TIMELINE_BINS) {
        timeline_grow(t, end_s);
    }
    int i = (int)(end_s / t->width_s);
    t->n_bins = i >= t->n_bins ? i + 1 : t->n_bins;
    return i;
}
/* Where the bin of that step ends; later it may be merged into a wider one. */
static inline double timeline_bin_end_s(struct timeline *t, double end_s)
{
    int i = timeline_bin_of(t, end_s);
    return t->width_s * (i + 1);
}
/* A step, or several of one bin that differ in time only: their summed time and tokens. */
static inline void timeline_add(struct timeline *t, const struct timeline_step *s)
{
    struct timeline_bin *b = &t->bins[timeline_bin_of(t, s->end_s)];
    b->step_s += s->duration_s;
    b->running_s += s->running * s->duration_s;
    b->waiting_s += s->waiting * s->duration_s;
    b->kv_frac_s += s->kv_frac_s;
    b->output_tokens += s->output_tokens;
    b->input_tokens += s->input_tokens;
}

#endif

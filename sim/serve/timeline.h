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
    double down_s; /* replica-seconds out of service */
};
struct timeline {
    struct timeline_bin bins[TIMELINE_BINS];
    double width_s; /* starts at 1/8 s */
    int n_bins;     /* used */
    int n_replicas;
};
void timeline_init(struct timeline *t, int n_replicas);

/* A replica is out of service in [from_s, to_s). Bins behind the last step are not counted as
 * used. */
void timeline_add_down(struct timeline *t, double from_s, double to_s);

struct timeline_step {
    double end_s, duration_s;
    double running, waiting, kv_frac;
    double output_tokens, input_tokens;
};
void timeline_grow(struct timeline *t, double end_s); /* so that end_s has a bin */
static inline void timeline_add(struct timeline *t, const struct timeline_step *s)
{
    if (s->end_s >= t->width_s * TIMELINE_BINS) {
        timeline_grow(t, s->end_s);
    }
    int i = (int)(s->end_s / t->width_s);
    struct timeline_bin *b = &t->bins[i];
    t->n_bins = i >= t->n_bins ? i + 1 : t->n_bins;
    b->step_s += s->duration_s;
    b->running_s += s->running * s->duration_s;
    b->waiting_s += s->waiting * s->duration_s;
    b->kv_frac_s += s->kv_frac * s->duration_s;
    b->output_tokens += s->output_tokens;
    b->input_tokens += s->input_tokens;
}

#endif

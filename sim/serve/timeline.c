/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/timeline.h"

#include <math.h>
#include <string.h>

static const double FIRST_WIDTH_S = 0.125;

void timeline_init(struct timeline *t, int n_replicas)
{
    memset(t, 0, sizeof *t);
    t->width_s = FIRST_WIDTH_S;
    t->n_replicas = n_replicas;
}

static void bin_merge(struct timeline_bin *into, const struct timeline_bin *from)
{
    into->step_s += from->step_s;
    into->running_s += from->running_s;
    into->waiting_s += from->waiting_s;
    into->kv_frac_s += from->kv_frac_s;
    into->output_tokens += from->output_tokens;
    into->input_tokens += from->input_tokens;
    into->down_s += from->down_s;
    into->prefill_down_s += from->prefill_down_s;
    into->link_down_s += from->link_down_s;
}

void timeline_grow(struct timeline *t, double end_s)
{
    while (end_s >= t->width_s * TIMELINE_BINS) {
        for (int i = 0; i < TIMELINE_BINS / 2; i++) {
            struct timeline_bin pair = t->bins[2 * i];
            bin_merge(&pair, &t->bins[2 * i + 1]);
            t->bins[i] = pair;
        }
        memset(&t->bins[TIMELINE_BINS / 2], 0, sizeof t->bins / 2);
        t->width_s *= 2.0;
        t->n_bins = (t->n_bins + 1) / 2;
    }
}

void timeline_add_down(struct timeline *t, enum timeline_part part, double from_s, double to_s)
{
    if (to_s >= t->width_s * TIMELINE_BINS) {
        timeline_grow(t, to_s);
    }
    for (int i = (int)(from_s / t->width_s); i < TIMELINE_BINS && i * t->width_s < to_s; i++) {
        double begin_s = fmax(from_s, i * t->width_s);
        double down_s = fmin(to_s, (i + 1) * t->width_s) - begin_s;
        t->bins[i].down_s += part == TIMELINE_LINK ? 0.0 : down_s;
        t->bins[i].prefill_down_s += part == TIMELINE_PREFILL ? down_s : 0.0;
        t->bins[i].link_down_s += part == TIMELINE_LINK ? down_s : 0.0;
    }
}

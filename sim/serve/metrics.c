/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/output.h"

const char *const latency_names[] = {"ttft", "tpot", "itl", "e2e", "queue"};
const char *const latency_stat_names[] = {"mean", "p50", "p90", "p95", "p99"};

enum { FIRST_SEGMENT_REQUESTS = 5 }; /* the batches of MSER-5 */

static void segment_init(struct segment *s, int n_classes)
{
    memset(s, 0, sizeof *s);
    s->classes = xcalloc((size_t)n_classes, sizeof *s->classes);
    for (int c = 0; c < n_classes; c++) {
        for (int l = 0; l < LAT_N; l++) {
            histo_init(&s->classes[c].lat[l]);
        }
    }
}

static void segment_fini(struct segment *s, int n_classes)
{
    for (int c = 0; c < n_classes; c++) {
        for (int l = 0; l < LAT_N; l++) {
            histo_fini(&s->classes[c].lat[l]);
        }
    }
    free(s->classes);
    memset(s, 0, sizeof *s);
}

static void class_merge(struct class_stats *into, const struct class_stats *from)
{
    for (int l = 0; l < LAT_N; l++) {
        histo_merge(&into->lat[l], &from->lat[l]);
    }
    into->n_completed += from->n_completed;
    into->n_rejected += from->n_rejected;
    into->n_failed += from->n_failed;
    into->n_good += from->n_good;
    into->prompt_tokens += from->prompt_tokens;
    into->output_tokens += from->output_tokens;
    into->hit_tokens += from->hit_tokens;
    into->tier_tokens += from->tier_tokens;
}

static void segment_merge(struct segment *into, struct segment *from, int n_classes)
{
    for (int c = 0; c < n_classes; c++) {
        class_merge(&into->classes[c], &from->classes[c]);
    }
    into->n += from->n;
    into->last_s = fmax(into->last_s, from->last_s); /* replicas are not told of in step */
    into->ttft_sum += from->ttft_sum;
    into->ttft_n += from->ttft_n;
    segment_fini(from, n_classes);
}

void metrics_init(struct metrics *m, int n_classes, const struct request_limits *limits)
{
    memset(m, 0, sizeof *m);
    m->n_classes = n_classes;
    m->limits = limits;
    m->per_segment = FIRST_SEGMENT_REQUESTS;
    segment_init(&m->segments[0], n_classes);
    m->n_segments = 1;
}

void metrics_fini(struct metrics *m)
{
    for (int i = 0; i < m->n_segments; i++) {
        segment_fini(&m->segments[i], m->n_classes);
    }
    m->n_segments = 0;
}

/* The last segment is full: open the next, merging pairs first when all are used. */
static void next_segment(struct metrics *m)
{
    if (m->n_segments == METRICS_MAX_SEGMENTS) {
        for (int i = 0; i < METRICS_MAX_SEGMENTS / 2; i++) {
            segment_merge(&m->segments[2 * i], &m->segments[2 * i + 1], m->n_classes);
            m->segments[i] = m->segments[2 * i];
        }
        m->n_segments = METRICS_MAX_SEGMENTS / 2;
        m->per_segment *= 2;
    }
    segment_init(&m->segments[m->n_segments++], m->n_classes);
}

static bool is_good(const struct request_limits *l, double ttft_s, double tpot_s, double e2e_s)
{
    return ttft_s <= l->ttft_s && tpot_s <= l->tpot_s && e2e_s <= l->e2e_s;
}

static void add_completed(const struct metrics *m, struct segment *s, const struct finished *f)
{
    struct class_stats *c = &s->classes[f->class_idx];
    double ttft = f->first_s - f->arrival_s;
    double e2e = f->last_s - f->arrival_s;
    double tpot = 0.0;
    histo_add(&c->lat[LAT_TTFT], ttft, 1);
    histo_add(&c->lat[LAT_E2E], e2e, 1);
    histo_add(&c->lat[LAT_QUEUE], f->scheduled_s - f->arrival_s, 1);
    if (f->output_tokens > 1) {
        tpot = (f->last_s - f->first_s) / (double)(f->output_tokens - 1);
        histo_add(&c->lat[LAT_TPOT], tpot, 1);
    }
    c->n_completed++;
    c->n_good += is_good(&m->limits[f->class_idx], ttft, tpot, e2e);
    c->prompt_tokens += (double)f->prompt_tokens;
    c->output_tokens += (double)f->output_tokens;
    c->hit_tokens += (double)f->hit_tokens;
    c->tier_tokens += (double)f->tier_tokens;
    s->ttft_sum += ttft;
    s->ttft_n++;
}

void metrics_end(struct metrics *m, const struct finished *f, double time_s)
{
    struct segment *s = &m->segments[m->n_segments - 1];
    if (s->n == m->per_segment) {
        next_segment(m);
        s = &m->segments[m->n_segments - 1];
    }
    s->n++;
    s->last_s = fmax(s->last_s, time_s);
    if (f->outcome == OUTCOME_COMPLETED) {
        add_completed(m, s, f);
    } else if (f->outcome == OUTCOME_REJECTED) {
        s->classes[f->class_idx].n_rejected++;
    } else {
        s->classes[f->class_idx].n_failed++;
    }
}

int metrics_warmup_segments(const struct metrics *m)
{
    double means[METRICS_MAX_SEGMENTS];
    int n = 0;
    for (int i = 0; i < m->n_segments; i++) {
        const struct segment *s = &m->segments[i];
        if (s->n < m->per_segment && i == m->n_segments - 1) {
            break; /* the last, partly filled one */
        }
        means[n++] = s->ttft_n > 0 ? s->ttft_sum / (double)s->ttft_n : 0.0;
    }
    return mser_cut(means, n);
}

int metrics_segments_for(const struct metrics *m, int64_t n_requests)
{
    int64_t seen = 0;
    for (int i = 0; i < m->n_segments; i++) {
        if (seen >= n_requests) {
            return i;
        }
        seen += m->segments[i].n;
    }
    return m->n_segments - 1;
}

static void fill_stats(const struct histo *h, double *out)
{
    static const double at[STAT_N] = {0.0, 0.5, 0.9, 0.95, 0.99};
    out[STAT_MEAN] = histo_mean(h);
    for (int s = STAT_P50; s < STAT_N; s++) {
        out[s] = histo_quantile(h, at[s]);
    }
}

void metrics_histo(const struct metrics *m, int from, int class_idx, enum latency lat,
                   struct histo *out)
{
    histo_init(out);
    for (int i = from; i < m->n_segments; i++) {
        for (int c = 0; c < m->n_classes; c++) {
            if (class_idx < 0 || class_idx == c) {
                histo_merge(out, &m->segments[i].classes[c].lat[lat]);
            }
        }
    }
}

static double window_s(const struct metrics *m, int from)
{
    double begin = from > 0 ? m->segments[from - 1].last_s : m->first_arrival_s;
    double end = begin;
    for (int i = from; i < m->n_segments; i++) {
        end = fmax(end, m->segments[i].last_s);
    }
    return end - begin;
}

static void summarise(const struct metrics *m, int from, int class_idx,
                      struct class_summary *out)
{
    int64_t good = 0;
    memset(out, 0, sizeof *out);
    for (int l = 0; l < LAT_N; l++) {
        struct histo h;
        metrics_histo(m, from, class_idx, (enum latency)l, &h);
        fill_stats(&h, out->lat[l]);
        histo_fini(&h);
    }
    for (int i = from; i < m->n_segments; i++) {
        for (int c = 0; c < m->n_classes; c++) {
            const struct class_stats *s = &m->segments[i].classes[c];
            if (class_idx >= 0 && class_idx != c) {
                continue;
            }
            out->n_completed += s->n_completed;
            out->n_rejected += s->n_rejected;
            out->n_failed += s->n_failed;
            out->prompt_tokens += s->prompt_tokens;
            out->output_tokens += s->output_tokens;
            out->hit_tokens += s->hit_tokens;
            out->tier_tokens += s->tier_tokens;
            good += s->n_good;
        }
    }
    int64_t ended = out->n_completed + out->n_rejected + out->n_failed;
    out->good_frac = ended > 0 ? (double)good / (double)ended : NAN;
    out->window_s = window_s(m, from);
}

void metrics_summary(const struct metrics *m, int from, struct class_summary *out)
{
    for (int c = 0; c < m->n_classes; c++) {
        summarise(m, from, c, &out[c]);
    }
    summarise(m, from, -1, &out[m->n_classes]);
}

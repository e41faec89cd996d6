/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "sim/base/mem.h"
#include "sim/serve/replica_parts.h"

/* Totals are kept here while steps run, out of the way of other memory. */
struct books {
    struct replica_stats stats;
    double used_bytes;
    struct timeline_step step; /* as they all are, but for time and memory */
    struct timeline_bin bin;   /* of the timeline that the latest step is in */
    int bin_idx;               /* -1: none yet */
    double bin_end_s;
};

static void open_books(const struct replica *r, struct books *b)
{
    b->stats = r->stats;
    b->used_bytes = replica_used_bytes(r);
    b->bin_idx = -1;
    b->bin_end_s = -INFINITY;
    b->step.running = (double)r->n_running;
    b->step.waiting = (double)(r->n_waiting + r->incoming.n);
    b->step.output_tokens = (double)r->ranks[0].run.n;
    b->step.input_tokens = 0.0;
    b->step.kv_frac = replica_frac_of(r, b->used_bytes);
}

static inline void keep_bin(struct timeline *t, const struct books *b)
{
    if (b->bin_idx >= 0) {
        t->bins[b->bin_idx] = b->bin;
    }
}

static void next_bin(struct timeline *t, struct books *b)
{
    keep_bin(t, b);
    b->bin_idx = timeline_bin_of(t, b->step.end_s);
    b->bin = t->bins[b->bin_idx];
    b->bin_end_s = t->width_s * (b->bin_idx + 1);
}

/* A step has begun. */
static inline void book_step(const struct replica *r, struct books *b, double end_s, double dt)
{
    b->step.end_s = end_s;
    b->step.duration_s = dt;
    stats_add_step(&b->stats, dt, b->used_bytes, b->step.output_tokens);
    if (r->timeline) {
        if (UNLIKELY(b->step.end_s >= b->bin_end_s)) {
            next_bin(r->timeline, b);
        }
        timeline_bin_add(&b->bin, &b->step);
    }
}

static void close_books(struct replica *r, const struct books *b)
{
    r->stats = b->stats;
    if (r->timeline) {
        keep_bin(r->timeline, b);
    }
}

/* Until when the scheduler has nothing to look at: an arrival, a landing, a deadline or a
 * rebalancing comes then at the earliest. */
static double quiet_until_s(const struct replica *r)
{
    const struct request *items = r->pool->items;
    int32_t sent = request_front(&r->incoming);
    int32_t landed = request_front(&r->landed);
    int32_t oldest = request_front(&r->ranks[0].waiting);
    double until_s = r->rebalance_next_s;
    until_s = sent >= 0 ? fmin(until_s, items[sent].visible_s) : until_s;
    until_s = landed >= 0 ? fmin(until_s, items[landed].visible_s) : until_s;
    return oldest >= 0 ? fmin(until_s, items[oldest].deadline_s) : until_s;
}

/* The step under way decodes, and so do those behind it until something changes. */
static inline bool can_glide(const struct replica *r)
{
    const struct rank *k = r->ranks;
    return r->glides && r->busy && k->skip_steps > 0 && k->decodes && k->run.n > 0 &&
           r->n_loading == 0 && (k->waiting.n == 0 || !r->cfg->sched.by_priority);
}

/* Steps have begun that the scheduler was not asked for. */
static void count_steps(struct replica *r, struct rank *k, int64_t n)
{
    int64_t interval = r->cfg->sched.recv_interval;
    k->skip_steps -= n;
    k->n_skipped += n;
    if (interval > 1) {
        r->steps_since_recv = (r->steps_since_recv + n) % interval;
    }
}

/* The step under way ends; memory for the next one. False: the scheduler has to find it. */
static inline bool end_step(struct replica *r, struct rank *k, double now_s, struct books *b)
{
    rank_record_gaps(r, k, now_s);
    k->last_decode_s = now_s;
    running_advance(&k->run);
    b->stats.output_tokens += b->step.output_tokens;
    int64_t need_bytes = running_need_bytes(&k->run);
    if (need_bytes == 0) {
        return true;
    }
    b->used_bytes += (double)need_bytes;
    b->step.kv_frac = replica_frac_of(r, b->used_bytes);
    return rank_grow_quietly(k, need_bytes);
}

/* What complete_rank and begin_step of replica.c do, less all that cannot have changed. */
static enum glided run_steps(struct replica *r, struct rank *k, int64_t most, double until_s,
                             double quiet_s)
{
    struct step_glide cost;
    struct books books;
    bool grown = true;
    int64_t n = 0;
    double end_s = r->end_s;
    step_glide_begin(&cost, r->cost, &k->batch);
    open_books(r, &books);
    while (n < most && end_s <= until_s && end_s < quiet_s) {
        grown = end_step(r, k, end_s, &books);
        if (!grown) {
            break;
        }
        double dt = step_glide_s(&cost, k->run.ctx_tokens);
        r->last_begin_s = end_s;
        end_s += dt;
        book_step(r, &books, end_s, dt);
        n++;
    }
    r->end_s = end_s;
    close_books(r, &books);
    step_glide_end(&cost);
    count_steps(r, k, n);
    return grown ? GLIDED_ON : GLIDED_SHORT;
}

enum glided replica_glide(struct replica *r, double until_s)
{
    if (!can_glide(r)) {
        return GLIDED_NOT;
    }
    struct rank *k = r->ranks;
    double quiet_s = quiet_until_s(r);
    int64_t until_end = running_next_finish(&k->run, r->pool) - k->run.iter;
    int64_t most = until_end < k->skip_steps ? until_end : k->skip_steps;
    if (most <= 0 || !(r->end_s <= until_s && r->end_s < quiet_s)) {
        return GLIDED_NOT;
    }
    k->batch.n_decode = k->run.n;
    k->batch.n_sample = k->run.n;
    return run_steps(r, k, most, until_s, quiet_s);
}

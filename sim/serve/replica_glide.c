/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "sim/base/mem.h"
#include "sim/serve/replica_parts.h"

/* Steps from which on a loop for plain ones is faster than the one for all. */
enum { WORTH_A_LOOP = 3 };

/* A run of steps, with all that changes out of the way of other memory. */
struct glide {
    struct replica *r;
    struct rank *k;
    struct step_glide cost;
    struct alike_steps kind; /* the steps that begin now */
    double used_bytes;
    double until_s, quiet_s; /* a step that ends behind either is left under way */
    double end_s;            /* of the step under way */
    int64_t n, most;
};

static void open_glide(struct glide *g)
{
    struct replica *r = g->r;
    g->kind = (struct alike_steps){
        .running = (double)r->n_running,
        .waiting = (double)(r->n_waiting + r->incoming.n),
        .sequences = (double)g->k->run.n,
    };
    g->used_bytes = replica_used_bytes(r);
    if (!steps_alike(&g->kind, &r->open)) {
        r->open.bin_end_s = -INFINITY;
    }
    step_glide_begin(&g->cost, r->cost, &g->k->batch);
}

/* The next step begins where the one under way ends. */
static inline void begin_step(struct glide *g)
{
    struct replica *r = g->r;
    double dt = step_glide_s(&g->cost, g->k->run.ctx_tokens);
    r->last_begin_s = g->end_s;
    g->end_s += dt;
    if (UNLIKELY(g->end_s >= r->open.bin_end_s)) {
        replica_open_steps(r, &g->kind, g->end_s);
    }
    steps_add(&r->open, g->end_s, dt, g->used_bytes);
    g->n++;
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

static inline bool goes_on(const struct glide *g)
{
    return g->n < g->most && g->end_s <= g->until_s && g->end_s < g->quiet_s;
}

/* The step under way ends, and memory is found for the next. False: the scheduler has to. */
static bool end_step(struct glide *g)
{
    struct rank *k = g->k;
    rank_record_gaps(g->r, k, g->end_s);
    k->last_decode_s = g->end_s;
    running_advance(&k->run);
    int64_t need_bytes = running_need_bytes(&k->run);
    g->r->stats.output_tokens += g->kind.sequences;
    g->used_bytes += (double)need_bytes;
    return need_bytes == 0 || rank_grow_quietly(k, need_bytes);
}

/* The histogram of the gaps when all requests are of one class; NULL: they are not. */
static struct histo *only_histo(const struct replica *r, const struct rank *k)
{
    for (int c = 0; c < r->metrics->n_classes; c++) {
        if (k->n_by_class[c] > 0) {
            return k->n_by_class[c] == k->run.n ? metrics_gap_histo(r->metrics, c) : NULL;
        }
    }
    return NULL;
}

/* Others than `open` to add to, for a step that ends at end_s. */
static struct alike_steps open_steps(struct glide *g, struct alike_steps open, double end_s)
{
    g->r->open = open;
    replica_open_steps(g->r, &g->kind, end_s);
    return g->r->open;
}

/* At most `most` steps for which end_step would only count gaps and contexts. What changes with
 * each is in locals: as members they would wait for each other's stores. */
static void run_plain(struct glide *g, struct histo *gaps, int64_t most)
{
    struct running *run = &g->k->run;
    struct alike_steps open = g->r->open;
    struct histo_run counts;
    int64_t left = g->most - g->n < most ? g->most - g->n : most;
    int64_t n = 0;
    double begin_s = g->k->last_decode_s;
    double end_s = g->end_s;
    histo_run_begin(&counts, gaps, (uint64_t)run->n);
    while (n < left && end_s <= g->until_s && end_s < g->quiet_s) {
        histo_run_add(&counts, end_s - begin_s);
        run->ctx_tokens[0] += g->kind.sequences;
        double dt = step_glide_s(&g->cost, run->ctx_tokens);
        begin_s = end_s;
        end_s += dt;
        if (UNLIKELY(end_s >= open.bin_end_s)) {
            open = open_steps(g, open, end_s);
        }
        steps_add(&open, end_s, dt, g->used_bytes);
        n++;
    }
    histo_run_end(&counts);
    running_pass(run, n);
    g->r->open = open;
    g->k->last_decode_s = begin_s;
    g->r->last_begin_s = begin_s;
    g->r->stats.output_tokens += g->kind.sequences * (double)n;
    g->end_s = end_s;
    g->n += n;
}

/* What complete_rank and begin_step of replica.c do, less all that cannot have changed. False:
 * none is under way. */
static bool run_steps(struct glide *g)
{
    struct histo *gaps = only_histo(g->r, g->k);
    while (goes_on(g)) {
        int64_t plain = gaps && g->k->n_fresh == 0 ? running_plain_ahead(&g->k->run) : 0;
        if (plain >= WORTH_A_LOOP) {
            run_plain(g, gaps, plain);
            continue;
        }
        if (!end_step(g)) {
            return false;
        }
        begin_step(g);
    }
    return true;
}

enum glided replica_glide(struct replica *r, double until_s)
{
    if (!can_glide(r)) {
        return GLIDED_NOT;
    }
    struct rank *k = r->ranks;
    int64_t until_end = running_next_finish(&k->run, r->pool) - k->run.iter;
    struct glide g; /* not all zeros first: it is large, and most of it unused */
    g.r = r;
    g.k = k;
    g.until_s = until_s;
    g.quiet_s = quiet_until_s(r);
    g.end_s = r->end_s;
    g.n = 0;
    g.most = until_end < k->skip_steps ? until_end : k->skip_steps;
    if (!goes_on(&g)) {
        return GLIDED_NOT;
    }
    k->batch.n_decode = k->run.n;
    k->batch.n_sample = k->run.n;
    open_glide(&g);
    bool under_way = run_steps(&g);
    r->end_s = g.end_s;
    step_glide_end(&g.cost);
    count_steps(r, k, g.n);
    return under_way ? GLIDED_ON : GLIDED_SHORT;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/handover.h"

#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"
#include "sim/core/event.h"
#include "sim/serve/link.h"

/* From the start of a prompt's last step (layered) or its end (bulk) to the landing. A free
 * slot has request -1. */
struct journey {
    int32_t request;
    int from, from_rank;
    int to; /* decode replica with memory reserved; -1: waits for one */
    bool computed, flowing, arrived;
    double ready_s; /* end of the prompt */
    double bytes;
    uint32_t stamp; /* events of an earlier use are stale */
};

enum turn { TURN_STARTS, TURN_LANDS };

struct handover {
    struct handover_config cfg;
    struct request_pool *pool;
    struct replica *replicas;
    int n_prefill, n_replicas;
    int out_ranks, in_ranks; /* of a prefill and of a decode replica */
    struct link_net *net;
    int n_links;
    struct journey *journeys;
    int n_journeys, cap_journeys;
    int64_t n_underway;
    struct request_queue spare, waiting; /* of transfer slots */
    struct event_list *events;           /* kind: enum turn, target: slot, data: stamp */
    bool *down, *closed;                 /* [n_replicas] */
    struct handover_stats stats;
};

/* ---- life
 * ---------------------------------------------------------------------------------------- */

/* Of a link when all its network cards work. */
static double full_rate(const struct handover *h, int link)
{
    int n_out = h->n_prefill * h->out_ranks;
    int n_in = (h->n_replicas - h->n_prefill) * h->in_ranks;
    return link < n_out          ? h->cfg.out_bytes_per_s
           : link < n_out + n_in ? h->cfg.in_bytes_per_s
                                 : h->cfg.spine_bytes_per_s;
}

static void build_links(struct handover *h)
{
    int n_out = h->n_prefill * h->out_ranks;
    int n_in = (h->n_replicas - h->n_prefill) * h->in_ranks;
    bool spine = h->cfg.spine_bytes_per_s > 0.0;
    h->n_links = n_out + n_in + spine;
    double *capacity = xcalloc((size_t)h->n_links, sizeof *capacity);
    for (int i = 0; i < h->n_links; i++) {
        capacity[i] = full_rate(h, i);
    }
    h->net = link_net_new(h->n_links, capacity);
    free(capacity);
}

struct handover *handover_new(const struct handover_config *cfg, struct request_pool *pool,
                              struct replica *replicas, int n_prefill, int n_replicas)
{
    ASSERT(n_prefill > 0 && n_prefill < n_replicas && cfg->copies > 0 && cfg->n_layers > 0);
    struct handover *h = xcalloc(1, sizeof *h);
    h->cfg = *cfg;
    h->pool = pool;
    h->replicas = replicas;
    h->n_prefill = n_prefill;
    h->n_replicas = n_replicas;
    h->out_ranks = replicas[0].n_ranks;
    h->in_ranks = replicas[n_prefill].n_ranks;
    h->events = event_list_new();
    h->down = xcalloc((size_t)n_replicas, sizeof *h->down);
    h->closed = xcalloc((size_t)n_replicas, sizeof *h->closed);
    build_links(h);
    return h;
}

void handover_free(struct handover *h)
{
    if (h) {
        link_net_free(h->net);
        event_list_free(h->events);
        request_queue_fini(&h->spare);
        request_queue_fini(&h->waiting);
        free(h->journeys);
        free(h->down);
        free(h->closed);
        free(h);
    }
}

/* ---- one transfer
 * -------------------------------------------------------------------------------- */

static int32_t journey_new(struct handover *h, int32_t request, int from, int from_rank)
{
    int32_t slot = request_pop_front(&h->spare);
    if (slot < 0) {
        ARRAY_RESERVE(h->journeys, h->cap_journeys, h->n_journeys + 1);
        slot = h->n_journeys++;
        h->journeys[slot].stamp = 0;
    }
    uint32_t stamp = h->journeys[slot].stamp + 1;
    h->journeys[slot] = (struct journey){.request = request,
                                         .from = from,
                                         .from_rank = from_rank,
                                         .to = -1,
                                         .ready_s = NAN,
                                         .stamp = stamp};
    h->pool->items[request].transfer = slot;
    h->n_underway++;
    return slot;
}

static void journey_drop(struct handover *h, int32_t slot)
{
    struct journey *t = &h->journeys[slot];
    h->pool->items[t->request].transfer = -1;
    t->request = -1;
    h->n_underway--;
    request_push_back(&h->spare, slot);
}

static int least_loaded_with_room(const struct handover *h, int32_t request)
{
    int best = -1;
    for (int i = h->n_prefill; i < h->n_replicas; i++) {
        const struct replica *r = &h->replicas[i];
        bool fewer = best < 0 || r->n_load < h->replicas[best].n_load;
        bool takes = !h->down[i] && !h->closed[i];
        if (takes && fewer && replica_has_room(r, request)) {
            best = i;
        }
    }
    return best;
}

static void start_flow(struct handover *h, int32_t slot, double now_s)
{
    struct journey *t = &h->journeys[slot];
    int n_out = h->n_prefill * h->out_ranks;
    int in = (t->to - h->n_prefill) * h->in_ranks + h->pool->items[t->request].landing_rank;
    int path[] = {t->from * h->out_ranks + t->from_rank, n_out + in, h->n_links - 1};
    int64_t tokens = h->pool->items[t->request].target_tokens;
    t->bytes = (double)h->cfg.copies * (double)kv_bytes(&h->cfg.kv, tokens);
    t->flowing = true;
    link_start(h->net, now_s, t->bytes, path, h->cfg.spine_bytes_per_s > 0.0 ? 3 : 2, slot);
}

/* False when no decode replica has room. */
static bool journey_starts(struct handover *h, int32_t slot, double now_s)
{
    struct journey *t = &h->journeys[slot];
    int to = least_loaded_with_room(h, t->request);
    if (to < 0) {
        return false;
    }
    bool reserved = replica_reserve(&h->replicas[to], t->request);
    ASSERT(reserved);
    t->to = to;
    start_flow(h, slot, now_s);
    return true;
}

/* The first in order of their prompts' ends, or when a decode replica has room. */
static void start_or_wait(struct handover *h, int32_t slot, double now_s)
{
    if (h->waiting.n > 0 || !journey_starts(h, slot, now_s)) {
        request_push_back(&h->waiting, slot);
    }
}

static int stages_of(const struct replica *r)
{
    return r->pipeline ? r->pipeline->n : 1;
}

/* The cards of one stage carry the last layer. */
static double layer_bytes_per_s(const struct handover *h)
{
    return fmin(h->cfg.out_bytes_per_s / stages_of(&h->replicas[0]),
                h->cfg.in_bytes_per_s / stages_of(&h->replicas[h->n_prefill]));
}

/* All bytes are there and the prompt is computed. Layered, the last layer still follows. */
static void plan_landing(struct handover *h, int32_t slot, double arrived_s)
{
    const struct journey *t = &h->journeys[slot];
    double at_s = arrived_s;
    if (h->cfg.mode == HANDOVER_LAYERED) {
        double layer_s = t->bytes / h->cfg.n_layers / layer_bytes_per_s(h);
        at_s = fmax(at_s, t->ready_s + layer_s);
    }
    event_push(h->events, at_s + h->cfg.setup_s, 0, TURN_LANDS, slot, t->stamp);
}

void handover_prompt(struct handover *h, int from, int from_rank, int32_t request,
                     bool computed, double at_s)
{
    if (!computed && h->cfg.mode == HANDOVER_BULK) {
        return;
    }
    int32_t slot = h->pool->items[request].transfer;
    bool is_new = slot < 0;
    if (is_new) {
        slot = journey_new(h, request, from, from_rank);
    }
    struct journey *t = &h->journeys[slot];
    if (computed) {
        t->computed = true;
        t->ready_s = at_s;
    }
    if (t->arrived) {
        plan_landing(h, slot, at_s);
    }
    if (is_new && !computed && h->replicas[from].pipeline) {
        event_push(h->events, at_s, 0, TURN_STARTS, slot, t->stamp);
    } else if (is_new) {
        start_or_wait(h, slot, at_s);
    }
}

void handover_retry(struct handover *h, double now_s)
{
    int32_t slot;
    while ((slot = request_front(&h->waiting)) >= 0 && journey_starts(h, slot, now_s)) {
        request_pop_front(&h->waiting);
    }
}

/* ---- time
 * ------------------------------------------------------------------------------------------ */

/* The next event that is not stale. */
static const struct event *next_event(const struct handover *h)
{
    const struct event *e;
    struct event stale;
    while ((e = event_peek(h->events)) != NULL) {
        const struct journey *t = &h->journeys[e->target];
        if (t->request >= 0 && t->stamp == (uint32_t)e->data) {
            return e;
        }
        event_pop(h->events, &stale);
    }
    return NULL;
}

double handover_next_s(const struct handover *h)
{
    const struct event *next = next_event(h);
    double flow_s = link_next_s(h->net);
    return next ? fmin(flow_s, next->time_s) : flow_s;
}

static void land(struct handover *h, int32_t slot, double now_s)
{
    const struct journey *t = &h->journeys[slot];
    h->stats.n_landed++;
    h->stats.wait_s += now_s - t->ready_s;
    h->stats.bytes += t->bytes;
    replica_let_go(&h->replicas[t->from], t->request, t->from_rank, now_s);
    replica_land(&h->replicas[t->to], t->request, now_s);
    journey_drop(h, slot);
}

void handover_step(struct handover *h)
{
    const struct event *next = next_event(h);
    if (next && next->time_s <= link_next_s(h->net)) {
        struct event e;
        event_pop(h->events, &e);
        if (e.kind == TURN_LANDS) {
            land(h, e.target, e.time_s);
        } else {
            start_or_wait(h, e.target, e.time_s);
        }
        return;
    }
    double now_s;
    int64_t slot;
    bool ended = link_pop(h->net, &now_s, &slot);
    ASSERT(ended);
    struct journey *t = &h->journeys[slot];
    t->flowing = false;
    t->arrived = true;
    if (t->computed) {
        plan_landing(h, (int32_t)slot, now_s);
    }
}

/* ---- failures
 * -------------------------------------------------------------------------------------- */

/* What it has moved is worth nothing any more. */
static void stop_journey(struct handover *h, int32_t slot, double now_s)
{
    struct journey *t = &h->journeys[slot];
    if (t->flowing) {
        link_cancel(h->net, now_s, slot);
    }
    t->flowing = false;
    t->arrived = false;
    t->stamp++;
}

/* The prefill replica is gone, and a computed prompt with it; one still being computed is in
 * the replica's own hands. */
static void lose_source(struct handover *h, int32_t slot, double now_s,
                        struct request_queue *lost)
{
    struct journey *t = &h->journeys[slot];
    stop_journey(h, slot, now_s);
    if (t->to >= 0) {
        replica_unreserve(&h->replicas[t->to], t->request, now_s);
    }
    struct request *q = &h->pool->items[t->request];
    kv_shared_init(&q->shared);
    if (t->computed) {
        request_start_over(q);
        request_push_back(lost, t->request);
    }
    journey_drop(h, slot);
}

static void forget_waiting_of(struct handover *h, int from)
{
    int n = h->waiting.n;
    for (int i = 0; i < n; i++) {
        int32_t slot = request_pop_front(&h->waiting);
        if (h->journeys[slot].from != from) {
            request_push_back(&h->waiting, slot);
        }
    }
}

void handover_fail(struct handover *h, int i, double now_s, struct request_queue *lost)
{
    h->down[i] = true;
    forget_waiting_of(h, i);
    for (int32_t slot = h->n_journeys - 1; slot >= 0; slot--) {
        struct journey *t = &h->journeys[slot];
        if (t->request >= 0 && t->from == i) {
            lose_source(h, slot, now_s, lost);
        } else if (t->request >= 0 && t->to == i) {
            stop_journey(h, slot, now_s);
            t->to = -1;
            request_push_front(&h->waiting, slot);
        }
    }
}

void handover_return(struct handover *h, int i, double now_s)
{
    h->down[i] = false;
    handover_retry(h, now_s);
}

void handover_open(struct handover *h, int i, bool open, double now_s)
{
    h->closed[i] = !open;
    if (open) {
        handover_retry(h, now_s);
    }
}

void handover_set_link(struct handover *h, int link, double up_frac, double now_s)
{
    int in = link - h->n_prefill * h->out_ranks;
    link_set_capacity(h->net, now_s, link, up_frac * full_rate(h, link));
    if (in >= 0 && in < (h->n_replicas - h->n_prefill) * h->in_ranks) {
        struct replica *r = &h->replicas[h->n_prefill + in / h->in_ranks];
        replica_reach(r, in % h->in_ranks, up_frac > 0.0);
        handover_retry(h, now_s);
    }
}

/* ---- figures
 * --------------------------------------------------------------------------------------- */

int64_t handover_waiting(const struct handover *h)
{
    return h->waiting.n;
}

int64_t handover_underway(const struct handover *h)
{
    return h->n_underway;
}

const struct handover_stats *handover_stats(const struct handover *h)
{
    return &h->stats;
}

int handover_n_links(const struct handover *h)
{
    return h->n_links;
}

struct link_use handover_link(const struct handover *h, int link)
{
    int n_out = h->n_prefill * h->out_ranks;
    struct link_use l = {.replica = -1,
                         .rank = -1,
                         .bytes = link_bytes(h->net, link),
                         .bytes_per_s = full_rate(h, link)};
    int in = link - n_out;
    if (link < n_out) {
        l.replica = link / h->out_ranks;
        l.rank = link % h->out_ranks;
    } else if (in < (h->n_replicas - h->n_prefill) * h->in_ranks) {
        l.replica = h->n_prefill + in / h->in_ranks;
        l.rank = in % h->in_ranks;
    }
    return l;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/router.h"

#include <math.h>

static bool is_up(const struct router_view *v, int i)
{
    return !v->clocks[i].down && (!v->scale || v->scale[i] == SCALE_SERVING) && i != v->held;
}

/* The n-th replica that is up. */
static int nth_up(const struct router_view *v, int64_t n)
{
    for (int i = 0; i < v->n; i++) {
        if (is_up(v, i) && n-- == 0) {
            return i;
        }
    }
    return -1;
}

static int next_in_turn(struct router *r, const struct router_view *v)
{
    for (;;) {
        int i = (int)(r->next++ % v->n);
        if (is_up(v, i)) {
            return i;
        }
    }
}

static int least_of(const struct router_view *v)
{
    int best = -1;
    for (int i = 0; i < v->n; i++) {
        if (is_up(v, i) && (best < 0 || v->replicas[i].n_load < v->replicas[best].n_load)) {
            best = i;
        }
    }
    return best;
}

static int two_choices(struct router *r, const struct router_view *v)
{
    uint64_t n = (uint64_t)v->n_up;
    int a = (int)rng_below(&r->rng, n);
    int b = (int)rng_below(&r->rng, n);
    if (v->n_up < v->n) {
        a = nth_up(v, a);
        b = nth_up(v, b);
    }
    if (v->replicas[a].n_load == v->replicas[b].n_load) {
        return a < b ? a : b;
    }
    return v->replicas[a].n_load < v->replicas[b].n_load ? a : b;
}

/* ---- over content
 * ---------------------------------------------------------------------------------- */

/* KubeAI's default: a place takes at most a quarter more than its share. */
static const double LOAD_BOUND = 1.25;
/* Dynamo's default: a token to compute weighs as much as a token of context to decode over. */
static const double OVERLAP_WEIGHT = 1.0;
/* Dynamo's defaults: tokens in host memory and on SSD spare less than those in GPU memory. */
static const double TIER_CREDIT[TIER_N] = {[TIER_HOST] = 0.75, [TIER_SSD] = 0.25};

static bool over_content(const struct router *r)
{
    return r->kind == ROUTE_PREFIX_AFFINITY || r->kind == ROUTE_KV_AWARE;
}

/* What requests that belong together have in common; 0: nothing. */
static uint64_t key_of(const struct request *q)
{
    const struct prompt_content *c = &q->content;
    if (q->session >= 0) {
        return c->body_id;
    }
    struct kv_segment first;
    return kv_segment_at(c, q->prompt_tokens, 0, &first) ? first.id : 0;
}

/* A candidate is a rank of a replica: replica * n_ranks + rank. */
static const struct rank *candidate(const struct router_view *v, int i)
{
    int n_ranks = v->replicas[0].n_ranks;
    return is_up(v, i / n_ranks) ? &v->replicas[i / n_ranks].all_ranks[i % n_ranks] : NULL;
}

static int n_candidates(const struct router_view *v)
{
    return v->n * v->replicas[0].n_ranks;
}

/* Requests a candidate may hold, the one to come included. */
static int64_t load_bound(const struct router_view *v)
{
    int64_t total = 1;
    for (int i = 0; i < n_candidates(v); i++) {
        const struct rank *k = candidate(v, i);
        total += k ? k->promised.n : 0;
    }
    return (int64_t)ceil(LOAD_BOUND * (double)total /
                         ((double)v->n_up * v->replicas[0].n_ranks));
}

/* The place of the greatest weight that has room; without a key the emptiest. */
static int by_affinity(const struct router_view *v, const struct request *q)
{
    uint64_t key = key_of(q);
    int64_t bound = load_bound(v);
    uint64_t heaviest = 0;
    int best = -1;
    for (int i = 0; i < n_candidates(v); i++) {
        const struct rank *k = candidate(v, i);
        if (!k || k->promised.n >= bound) {
            continue;
        }
        uint64_t weight = key != 0 ? rng_hash(key ^ rng_hash((uint64_t)i + 1))
                                   : (uint64_t)(bound - k->promised.n);
        if (best < 0 || weight > heaviest) {
            heaviest = weight;
            best = i;
        }
    }
    return best;
}

/* What of a prompt a candidate has: in GPU memory, and behind that in its tiers. */
struct found {
    int64_t gpu_tokens;
    struct tier_hit tier;
};

static struct found find_at(const struct rank *k, const struct request *q)
{
    struct found f = {0};
    int64_t pin_bytes;
    f.gpu_tokens = kv_probe(k->kv, &q->content, q->prompt_tokens, &pin_bytes);
    if (k->tiers->any) {
        f.tier = tier_stack_find(k->tiers, &q->content, q->prompt_tokens, f.gpu_tokens);
    }
    return f;
}

static double credit(const struct found *f)
{
    double tokens = (double)f->gpu_tokens;
    for (int i = 0; i < TIER_N; i++) {
        tokens += TIER_CREDIT[i] * (double)f->tier.tokens[i];
    }
    return tokens;
}

static int by_cost(const struct router_view *v, const struct request *q)
{
    double least = INFINITY;
    int best = -1;
    for (int i = 0; i < n_candidates(v); i++) {
        const struct rank *k = candidate(v, i);
        if (!k) {
            continue;
        }
        struct found f = find_at(k, q);
        double prefill = (double)(k->promised.prefill_tokens + q->prompt_tokens) - credit(&f);
        double cost = OVERLAP_WEIGHT * prefill + (double)k->promised.prompt_tokens;
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    return best;
}

static int take(const struct router_view *v, int best, struct request *q)
{
    q->rank = best % v->replicas[0].n_ranks;
    struct found f = find_at(candidate(v, best), q);
    q->promised_tokens = q->prompt_tokens - f.gpu_tokens - f.tier.all_tokens;
    return best / v->replicas[0].n_ranks;
}

void router_init(struct router *r, enum route kind, uint64_t seed, uint64_t replication)
{
    *r = (struct router){.kind = kind};
    rng_init(&r->rng, seed, "router", replication);
}

bool router_looks(const struct router *r)
{
    return r->kind != ROUTE_ROUND_ROBIN;
}

int router_pick(struct router *r, const struct router_view *v, struct request *q)
{
    if (v->n_up == 0) {
        return -1;
    }
    if (v->n == 1 && (!over_content(r) || v->replicas[0].n_ranks == 1)) {
        return 0;
    }
    switch (r->kind) {
    case ROUTE_ROUND_ROBIN:
        return next_in_turn(r, v);
    case ROUTE_LEAST_REQUESTS:
        return least_of(v);
    case ROUTE_POWER_OF_TWO:
        return two_choices(r, v);
    case ROUTE_PREFIX_AFFINITY:
        return take(v, by_affinity(v, q), q);
    case ROUTE_KV_AWARE:
        break;
    }
    return take(v, by_cost(v, q), q);
}

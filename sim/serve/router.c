/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/router.h"

static bool is_up(const struct router_view *v, int i)
{
    return !v->clocks[i].down;
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

void router_init(struct router *r, enum route kind, uint64_t seed, uint64_t replication)
{
    *r = (struct router){.kind = kind};
    rng_init(&r->rng, seed, "router", replication);
}

bool router_looks(const struct router *r)
{
    return r->kind != ROUTE_ROUND_ROBIN;
}

int router_pick(struct router *r, const struct router_view *v)
{
    if (v->n_up == 0) {
        return -1;
    }
    if (v->n == 1) {
        return 0;
    }
    switch (r->kind) {
    case ROUTE_ROUND_ROBIN:
        return next_in_turn(r, v);
    case ROUTE_LEAST_REQUESTS:
        return least_of(v);
    case ROUTE_POWER_OF_TWO:
        break;
    }
    return two_choices(r, v);
}

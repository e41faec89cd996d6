/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/failures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

void failure_init(struct failure_clock *c, const struct failure_config *cfg, const char *stream,
                  uint64_t seed, uint64_t replication)
{
    *c = (struct failure_clock){.next_s = INFINITY};
    rng_init(&c->rng, seed, stream, replication);
    if (cfg->mtbf_s > 0.0) {
        c->next_s = rng_exponential(&c->rng, cfg->mtbf_s);
    }
}

void failure_turn(struct failure_clock *c, const struct failure_config *cfg)
{
    if (c->down) {
        c->down = false;
        c->next_s += rng_exponential(&c->rng, cfg->mtbf_s);
        return;
    }
    double luck = rng_uniform(&c->rng);
    double down = luck < cfg->permanent_frac ? cfg->replace_s : cfg->restart_s;
    c->down = true;
    c->next_s += down;
}

/* ---- links
 * ------------------------------------------------------------------------------------------ */

void link_failures_init(struct link_failures *l, const struct failure_config *cfg,
                        const int *per_rank, int n_ranks, uint64_t seed, uint64_t replication)
{
    memset(l, 0, sizeof *l);
    if (!(cfg->mtbf_s > 0.0)) {
        return;
    }
    l->cfg = *cfg;
    l->n_ranks = n_ranks;
    l->first = xcalloc((size_t)n_ranks + 1, sizeof *l->first);
    l->n_up = xcalloc((size_t)n_ranks + 1, sizeof *l->n_up);
    for (int r = 0; r < n_ranks; r++) {
        l->n_up[r] = per_rank[r];
        l->first[r + 1] = l->first[r] + per_rank[r];
    }
    size_t n = (size_t)l->first[n_ranks];
    l->clocks = xcalloc(n, sizeof *l->clocks);
    l->down_from_s = xcalloc(n, sizeof *l->down_from_s);
    for (int r = 0; r < n_ranks; r++) {
        for (int i = 0; i < per_rank[r]; i++) {
            char name[48];
            snprintf(name, sizeof name, "link-failures/%d/%d", r, i);
            failure_init(&l->clocks[l->first[r] + i], cfg, name, seed, replication);
        }
    }
}

void link_failures_fini(struct link_failures *l)
{
    free(l->clocks);
    free(l->down_from_s);
    free(l->n_up);
    free(l->first);
}

int link_failures_n(const struct link_failures *l)
{
    return l->n_ranks > 0 ? l->first[l->n_ranks] : 0;
}

static int next_link(const struct link_failures *l)
{
    int first = 0;
    for (int i = 1; i < link_failures_n(l); i++) {
        if (l->clocks[i].next_s < l->clocks[first].next_s) {
            first = i;
        }
    }
    return first;
}

double link_failures_next_s(const struct link_failures *l)
{
    return link_failures_n(l) > 0 ? l->clocks[next_link(l)].next_s : INFINITY;
}

struct link_turn link_failures_turn(struct link_failures *l)
{
    int i = next_link(l);
    int rank = 0;
    while (l->first[rank + 1] <= i) {
        rank++;
    }
    struct failure_clock *clock = &l->clocks[i];
    double now_s = clock->next_s;
    bool was_cut = l->n_up[rank] == 0;
    double from_s = clock->down ? l->down_from_s[i] : NAN;
    failure_turn(clock, &l->cfg);
    l->down_from_s[i] = now_s;
    l->n_up[rank] += clock->down ? -1 : 1;
    l->n_cut += (l->n_up[rank] == 0) - was_cut;
    int all = l->first[rank + 1] - l->first[rank];
    return (struct link_turn){rank, (double)l->n_up[rank] / all, from_s};
}

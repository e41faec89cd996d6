/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/failures.h"

#include <math.h>
#include <stdio.h>

void failure_init(struct failure_clock *c, const struct failure_config *cfg, int replica,
                  uint64_t seed, uint64_t replication)
{
    char name[48];
    snprintf(name, sizeof name, "failures/%d", replica);
    *c = (struct failure_clock){.next_s = INFINITY};
    rng_init(&c->rng, seed, name, replication);
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
    c->down_s += down;
    c->next_s += down;
}

double failure_down_s(const struct failure_clock *c, double until_s)
{
    return c->down ? c->down_s - fmax(0.0, c->next_s - until_s) : c->down_s;
}

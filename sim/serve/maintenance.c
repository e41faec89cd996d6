/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/maintenance.h"

#include <math.h>

#include "sim/base/mem.h"

/* How often one looks whether a replica has drained. */
static const double LOOK_S = 1.0;

static double turns_s(const struct maintenance_config *cfg, int n)
{
    return cfg->every_s / n;
}

bool maintenance_fits(const struct maintenance_config *cfg, int n)
{
    double most_s =
        cfg->drain_s + cfg->duration_s + fmax(cfg->restart_s, cfg->prefill_restart_s);
    return !(cfg->every_s > 0.0) || most_s <= turns_s(cfg, n);
}

/* Turns are at fixed times, so that a long drain moves no later one. */
static double turn_s(const struct maintenance *m)
{
    return m->cfg.first_s + (double)m->n_turns * turns_s(&m->cfg, m->n);
}

void maintenance_init(struct maintenance *m, const struct maintenance_config *cfg, int n)
{
    ASSERT(maintenance_fits(cfg, n));
    *m = (struct maintenance){.cfg = *cfg, .n = n, .replica = -1, .next_s = INFINITY};
    if (cfg->every_s > 0.0) {
        m->next_s = turn_s(m);
    }
}

void maintenance_begin(struct maintenance *m)
{
    ASSERT(m->phase == MAINTENANCE_NONE);
    m->phase = MAINTENANCE_DRAINING;
    m->replica = (int)(m->n_turns++ % m->n);
    m->deadline_s = m->next_s + m->cfg.drain_s;
}

void maintenance_wait(struct maintenance *m)
{
    ASSERT(m->phase == MAINTENANCE_DRAINING && m->next_s < m->deadline_s);
    m->next_s = fmin(m->next_s + LOOK_S, m->deadline_s);
}

void maintenance_take_out(struct maintenance *m, bool is_prefill)
{
    ASSERT(m->phase == MAINTENANCE_DRAINING);
    m->phase = MAINTENANCE_OUT;
    m->out_from_s = m->next_s;
    m->next_s += m->cfg.duration_s + (is_prefill ? m->cfg.prefill_restart_s : m->cfg.restart_s);
}

void maintenance_end(struct maintenance *m)
{
    ASSERT(m->phase == MAINTENANCE_OUT);
    m->phase = MAINTENANCE_NONE;
    m->replica = -1;
    m->next_s = m->stopped ? INFINITY : fmax(m->next_s, turn_s(m));
}

void maintenance_stop(struct maintenance *m)
{
    m->stopped = true;
    if (m->phase == MAINTENANCE_NONE) {
        m->next_s = INFINITY;
    }
}

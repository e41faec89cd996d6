/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fleet.c - see fleet.h. */
#include "sim/plan/fleet.h"

#include <math.h>
#include <string.h>

#include "sim/plan/units.h"

enum { MAX_ATTEMPTS = 5 };
static const double MORE = 0.05;

const char *const fleet_burst_names[] = {"poisson", "default", "bursty"};

static struct fleet_count count_at(const struct econ *econ, const struct plan_option *option,
                                   double down_frac, double peak_rps, enum burstiness burst)
{
    struct fleet_count c = {.burst = burst, .peak_rps = peak_rps};
    c.replicas =
        units_replicas(peak_rps, option->rps_per_replica, econ_value(econ, ECON_UTILISATION));
    c.spares = units_spares(econ, c.replicas, down_frac);
    c.gpus = (c.replicas + c.spares) * option_gpus(option);
    return c;
}

void fleet_size(const struct econ *econ, const struct demand *demand,
                const struct plan_option *option, const struct hosting *hosting, double month,
                struct fleet *out)
{
    const enum burstiness kinds[FLEET_N] = {BURST_POISSON, (enum burstiness)demand->burst,
                                            demand_burstiest(demand)};
    *out = (struct fleet){0};
    out->down_frac = hosting_down_frac(econ, option, hosting);
    for (int i = 0; i < FLEET_N; i++) {
        double peak = demand_peak_rps(demand, month, kinds[i]);
        out->counts[i] = count_at(econ, option, out->down_frac, peak, kinds[i]);
    }
    const struct fleet_count *c = &out->counts[FLEET_DEFAULT];
    out->availability_frac = units_availability(c->replicas, c->spares, out->down_frac);
    out->unavailable_use = (1.0 - out->availability_frac) / (1.0 - econ->availability_frac);
}

/* Simulates a part of so many replicas, all of them when they are few. */
static void confirm_part(const struct capacity_config *one, enum route route, int64_t replicas,
                         double peak_rps, struct fleet_check *out)
{
    struct capacity_config cfg = *one;
    *out = (struct fleet_check){.replicas_asked = replicas, .replicas = replicas};
    cfg.route = route;
    while (!out->met && out->n_runs < MAX_ATTEMPTS && !out->interrupted && !out->impossible) {
        struct capacity c;
        if (out->n_runs > 0) {
            out->replicas += (int64_t)fmax(1.0, ceil(MORE * (double)out->replicas));
        }
        cfg.n_replicas = (int)out->replicas;
        capacity_measure(&cfg, peak_rps, 1, &c);
        out->n_runs++;
        out->at = c.at;
        out->met = c.at.met;
        out->n_requests += c.n_requests;
        out->n_events += c.n_events;
        out->interrupted = c.interrupted;
        out->impossible = c.impossible;
    }
}

void fleet_confirm(const struct capacity_config *one, enum route route, int64_t replicas,
                   double peak_rps, struct fleet_check *out)
{
    int64_t part = replicas < FLEET_SIMULATED ? replicas : FLEET_SIMULATED;
    double share = (double)part / (double)replicas;
    confirm_part(one, route, part, peak_rps * share, out);
    out->simulated = out->replicas;
    out->replicas_asked = replicas;
    out->replicas = part < replicas ? (int64_t)ceil((double)out->replicas / share * (1 - 1e-12))
                                    : out->replicas;
}

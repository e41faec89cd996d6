/* SPDX-License-Identifier: GPL-3.0-or-later */
/* units.c - packing, spares and the network's share. */
#include "sim/plan/units.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>

#define DAY_S 86400.0
#define DAYS_PER_YEAR 365.25
enum { MAX_TRIALS = 1000000 };
#define MAX_SPARES (INT64_C(1) << 40) /* a target of 1 is never met */

struct plan_share units_main_share(const struct plan_option *option)
{
    return (struct plan_share){
        .gpu = option->gpu,
        .gpus = option->gpus_per_replica,
        .instances = option->instances,
        .node_gpus = option->node_gpus,
        .nic_bytes_per_s = option->nic_bytes_per_s,
        .nic_named = option->nic_named,
        .power_w = option->power_w,
        .idle_power_w = option->idle_power_w,
    };
}

int units_instance_gpus(const struct plan_share *share)
{
    return share->instances > 1 ? share->gpus / share->instances : share->gpus;
}

struct units units_pack_share(const struct plan_share *share, int64_t replicas, int64_t spares,
                              int node_gpus)
{
    int64_t each = share->instances > 1 ? share->instances : 1;
    struct units units =
        units_pack(units_instance_gpus(share), replicas * each, spares * each, node_gpus);
    units.replicas = replicas;
    units.spares = spares;
    return units;
}

bool units_fit(const struct plan_option *option, const struct node_spec *node, char *why,
               size_t why_size)
{
    struct plan_share share = units_main_share(option);
    return units_share_fits(&share, node, why, why_size);
}

/* What crosses nodes was simulated over network cards that these are not slower than. */
static bool carries(const struct plan_share *share, const struct node_spec *node, char *why,
                    size_t why_size)
{
    static const double ROUNDING = 1e-9;
    static const double GBPS = 1e9 / 8.0;
    double nic = node->nic_bytes_per_s * node->n_nics / node->n_gpus;
    if (nic >= share->nic_bytes_per_s * (1.0 - ROUNDING) || (nic <= 0.0 && share->nic_named)) {
        return true;
    }
    int n = snprintf(why, why_size, "what crosses nodes was simulated at %.0f Gb/s per GPU, ",
                     share->nic_bytes_per_s / GBPS);
    if (nic > 0.0) {
        snprintf(why + n, why_size - (size_t)n, "%s has %.0f", node->name, nic / GBPS);
    } else {
        snprintf(why + n, why_size - (size_t)n, "the network of %s is not known", node->name);
    }
    return false;
}

bool units_share_fits(const struct plan_share *share, const struct node_spec *node, char *why,
                      size_t why_size)
{
    int group = share->node_gpus;
    int gpus = units_instance_gpus(share);
    if (group == 0) {
        group = gpus < node->n_gpus ? gpus : node->n_gpus;
    }
    if (group > node->n_gpus) {
        snprintf(why, why_size, "%d GPUs must share a node and %s has %d", group, node->name,
                 node->n_gpus);
        return false;
    }
    if (gpus > node->n_gpus && node->nic_bytes_per_s <= 0 && !share->nic_named) {
        snprintf(why, why_size,
                 "a replica of %d GPUs spans nodes and the network of %s is not known", gpus,
                 node->name);
        return false;
    }
    return carries(share, node, why, why_size);
}

int units_replicas_per_node(int gpus_per_replica, int node_gpus)
{
    return node_gpus / gpus_per_replica;
}

int units_nodes_per_replica(int gpus_per_replica, int node_gpus)
{
    return (gpus_per_replica + node_gpus - 1) / node_gpus;
}

struct units units_pack(int gpus_per_replica, int64_t replicas, int64_t spares, int node_gpus)
{
    int64_t all = replicas + spares;
    int64_t per_node = units_replicas_per_node(gpus_per_replica, node_gpus);
    int64_t nodes = per_node > 0 ? (all + per_node - 1) / per_node
                                 : all * units_nodes_per_replica(gpus_per_replica, node_gpus);
    return (struct units){
        .replicas = replicas,
        .spares = spares,
        .nodes = nodes,
        .gpus = nodes * node_gpus,
        .stranded = nodes * node_gpus - all * gpus_per_replica,
        .networked = nodes > 1,
    };
}

struct units units_join(struct units main, struct units prefill)
{
    return (struct units){
        .replicas = main.replicas,
        .spares = main.spares,
        .nodes = main.nodes + prefill.nodes,
        .prefill_nodes = prefill.nodes,
        .gpus = main.gpus + prefill.gpus,
        .stranded = main.stranded + prefill.stranded,
        .networked = true,
    };
}

int64_t units_replicas(double peak_rps, double rps_per_replica, double utilisation_frac)
{
    /* A load that fills n replicas exactly must not take n + 1 through rounding. */
    double n = ceil(peak_rps / (rps_per_replica * utilisation_frac) * (1 - 1e-12));
    return n > 1 ? (int64_t)n : 1;
}

double units_down_frac(const struct econ *econ, int gpus_per_replica, int node_gpus)
{
    double restart_days = econ_value(econ, ECON_RESTART) / DAY_S;
    double repair_days = econ_value(econ, ECON_REPAIR) / DAY_S;
    double gpu = econ_value(econ, ECON_FAILURES) * restart_days +
                 econ_value(econ, ECON_BREAKAGE) / DAYS_PER_YEAR * repair_days;
    int nodes = units_nodes_per_replica(gpus_per_replica, node_gpus);
    return gpus_per_replica * gpu + nodes * econ_value(econ, ECON_NODE_FAILURES) * restart_days;
}

double units_spot_down_frac(const struct econ *econ, int gpus_per_replica, int node_gpus,
                            double e2e_s)
{
    double each_s =
        econ_value(econ, ECON_SPOT_REPLACE) + econ_value(econ, ECON_RESTART) + e2e_s / 2;
    int nodes = units_nodes_per_replica(gpus_per_replica, node_gpus);
    return nodes * econ_value(econ, ECON_SPOT) * each_s / DAY_S;
}

double units_availability(int64_t replicas, int64_t spares, double down_frac)
{
    double n = (double)replicas + (double)spares;
    if (n > MAX_TRIALS) { /* mean n p, variance n p (1 - p) */
        double sd = sqrt(n * down_frac * (1 - down_frac));
        double z = ((double)spares + 0.5 - n * down_frac) / fmax(sd, 1e-9);
        return gsl_cdf_ugaussian_P(z);
    }
    return gsl_cdf_binomial_P((unsigned)spares, down_frac, (unsigned)n);
}

static bool enough_spares(const struct econ *econ, int64_t replicas, int64_t spares,
                          double down_frac)
{
    return units_availability(replicas, spares, down_frac) >= econ->availability_frac;
}

int64_t units_spares(const struct econ *econ, int64_t replicas, double down_frac)
{
    if (econ->spares >= 0) {
        return econ->spares;
    }
    int64_t few = -1; /* not enough */
    int64_t many = 0;
    while (many < MAX_SPARES && !enough_spares(econ, replicas, many, down_frac)) {
        few = many;
        many = 2 * many + 1;
    }
    while (many - few > 1) {
        int64_t middle = few + (many - few) / 2;
        if (enough_spares(econ, replicas, middle, down_frac)) {
            many = middle;
        } else {
            few = middle;
        }
    }
    return many;
}

const struct plan_rate *units_network_rate(const struct econ *econ, int64_t nodes)
{
    if (nodes < 2) {
        return NULL;
    }
    if (nodes < 128) {
        return &econ->rates[ECON_NETWORK_SMALL];
    }
    return &econ->rates[nodes < 4096 ? ECON_NETWORK_MEDIUM : ECON_NETWORK_LARGE];
}

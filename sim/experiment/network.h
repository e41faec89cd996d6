/* SPDX-License-Identifier: GPL-3.0-or-later */
/* network.h - what joins the GPUs of different servers: the link that a scenario names, one for
 * each GPU, or the network cards of the node that holds the GPU. KV between prefill and decode
 * replicas travels over it, and so do hidden states between stages of a pipeline. */
#ifndef NETWORK_H
#define NETWORK_H

#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "hardware/node.h"
#include "sim/cost/comm.h"

/* One GPU's share of it. */
struct network {
    const char *name;             /* of the link or the node; "" nothing known */
    const struct link_spec *link; /* as named; NULL: the node's network cards */
    double bytes_per_s;           /* line rate, one direction; 0: nothing known */
};

/* The named link; else ("") all network cards of the named node over its GPUs, or without a
 * node
 * ("") of the first listed one of this GPU that says. Nothing known is no error: bytes_per_s is
 * 0. False with err: no such link. Worked (test): l40s in aws-g6e.12xlarge: one card of 100
 * Gbit/s for 4 GPUs, 3.125e9 bytes/s each. */
bool network_of_gpu(const struct fabric *fabric, const struct node_list *nodes,
                    const char *link, const char *node, const struct gpu *gpu,
                    struct network *out, struct err *err);

/* What messages between GPUs of different servers get of it. Which kind of network a node's
 * cards belong to, the catalogue does not say: they reach as much of their line rate as
 * InfiniBand, as late. Nothing known: fabric_path's assumption. */
struct link_path network_path(const struct fabric *fabric, const struct network *network,
                              const struct gpu *gpu);

/* Line rate of the network cards that one GPU must have for it: those of the node, or a named
 * network's as far as the GPU's PCIe reaches. 0: it takes none (a link inside a machine), or
 * nothing is known. */
double network_cards_bytes_per_s(const struct network *network, const struct gpu *gpu);

/* ---- what the GPUs of a replica send one another */

/* Which of a GPU's links: the one of its scale-up domain, or its share of the network between
 * domains. */
struct network_port {
    const char *name;   /* link, node with these cards, or what was assumed */
    double bytes_per_s; /* line rate, one direction */
};
struct network_ports {
    struct network_port scaleup, network;
};
struct network_ports network_ports_of(const struct fabric *fabric,
                                      const struct network *network, const struct gpu *gpu);
/* Share of that link's bandwidth in use over total_s (of all replicas, summed) when a GPU of
 * each sent bytes[COMM_N] (summed over them): see comm_bytes. NaN when nothing
 * crosses it. */
double network_port_use(const struct network_ports *ports, bool is_network, const double *bytes,
                        double total_s);

#endif

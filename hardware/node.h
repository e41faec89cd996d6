/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.h - servers and instances that can be bought or rented (nodes.csv) and dated prices
 * (prices.csv). Money in USD. */
#ifndef NODE_SPEC_H
#define NODE_SPEC_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

struct node_spec {
    const char *name; /* "dgx-h100", "aws-p5.48xlarge" */
    const char *provider, *gpu;
    int n_gpus, n_nics;     /* n_nics 0: unknown */
    double nic_bytes_per_s; /* per NIC, one direction; 0 unknown */
    double host_mem_bytes;
    double power_max_w; /* 0 unknown */
    const char *source, *as_of;
    const char *estimated;
};
struct price {
    const char *node; /* nodes.csv name */
    const char *kind; /* on-demand | reserved-1y | reserved-3y | reserved (term not stated) |
                         spot | community (peer hosts) | capacity-block | purchase */
    double usd_per_h; /* whole node; 0 for purchase */
    double usd;       /* purchase price of the node; 0 otherwise */
    const char *region, *source, *as_of;
    bool estimated; /* no printed offer: computed, a mid-point or hearsay */
};
struct node_list {
    struct node_spec *nodes;
    int n_nodes;
    struct price *prices;
    int n_prices;
};
bool node_list_load(struct arena *arena, const char *const *dirs, int n_dirs,
                    struct node_list *list, struct err *err);
const struct node_spec *node_spec_find(const struct node_list *list, const char *name,
                                       struct err *err);
/* The newest price of this node and kind, of equally new ones the first listed; NULL: none. */
const struct price *price_find(const struct node_list *list, const char *node,
                               const char *kind);
/* USD per GPU and hour; of a purchase USD per GPU. */
double price_per_gpu_usd(const struct node_list *list, const struct price *price);

#endif

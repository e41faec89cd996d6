/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/network.h"

#include <math.h>
#include <string.h>

static const struct node_spec *node_with_cards(const struct node_list *nodes, const char *name,
                                               const struct gpu *gpu)
{
    for (int i = 0; i < nodes->n_nodes; i++) {
        const struct node_spec *n = &nodes->nodes[i];
        bool asked = name[0] == '\0' || strcmp(n->name, name) == 0;
        if (asked && strcmp(n->gpu, gpu->name) == 0 && n->n_nics > 0 &&
            n->nic_bytes_per_s > 0.0) {
            return n;
        }
    }
    return NULL;
}

bool network_of_gpu(const struct fabric *fabric, const struct node_list *nodes,
                    const char *link, const char *node, const struct gpu *gpu,
                    struct network *out, struct err *err)
{
    *out = (struct network){.name = ""};
    if (link[0]) {
        const struct link_spec *l = link_find(fabric, link, err);
        if (!l) {
            return false;
        }
        *out = (struct network){l->name, l, l->bytes_per_s};
        return true;
    }
    const struct node_spec *n = node_with_cards(nodes, node, gpu);
    if (n) {
        *out = (struct network){n->name, NULL, n->nic_bytes_per_s * n->n_nics / n->n_gpus};
    }
    return true;
}

struct link_path network_path(const struct fabric *fabric, const struct network *network,
                              const struct gpu *gpu)
{
    return fabric_network_path(fabric, gpu, network->link, network->bytes_per_s);
}

struct network_ports network_ports_of(const struct fabric *fabric,
                                      const struct network *network, const struct gpu *gpu)
{
    double line = fabric_network_line(fabric, gpu, network->link, network->bytes_per_s);
    return (struct network_ports){
        .scaleup = {gpu->link, gpu->link_bytes_per_s},
        .network = {network->bytes_per_s > 0.0 ? network->name : "400 Gbit/s (assumed)", line},
    };
}

double network_port_use(const struct network_ports *ports, bool is_network, const double *bytes,
                        double total_s)
{
    double rate = is_network ? ports->network.bytes_per_s : ports->scaleup.bytes_per_s;
    double sum = 0.0;
    for (int i = 0; i < COMM_N; i++) {
        sum += comm_is_network((enum comm_traffic)i) == is_network ? bytes[i] : 0.0;
    }
    return sum > 0.0 && rate > 0.0 && total_s > 0.0 ? sum / (rate * total_s) : NAN;
}

double network_cards_bytes_per_s(const struct network *network, const struct gpu *gpu)
{
    if (!network->link) {
        return network->bytes_per_s;
    }
    return network->link->is_scaleout ? fmin(network->bytes_per_s, gpu->pcie_bytes_per_s) : 0.0;
}

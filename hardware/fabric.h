/* fabric.h - interconnect: links.csv (bandwidth, latency per link type), measured collectives
 * in hardware/collectives/ *.csv, and their look-up. Bandwidths are one direction per GPU. */
#ifndef FABRIC_H
#define FABRIC_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct link_spec {
    const char *name;   /* nvlink3 nvlink4 nvlink5 xgmi3 pcie4 pcie5 ib-ndr roce-400g ... */
    double bytes_per_s; /* one direction per GPU (scale-up) or per NIC (scale-out) */
    double latency_s;   /* one hop, small message */
    double efficiency;  /* reachable fraction for large messages */
    int mesh_peers; /* 0: switched; n: full mesh to n peers, a pair has 1/n of bytes_per_s */
    bool is_scaleout;
    const char *source, *as_of;
    const char *estimated; /* space-separated columns that are not sourced; "" none */
};

/* A measured latency curve of one collective: piecewise linear in log(bytes), log(time), made
 * monotone on load. Outside: constant below, bandwidth-proportional above. */
struct collective_curve {
    struct kernel_key key; /* sku, engine, kernel: "custom" or "nccl"; dtype "" */
    const char *operation; /* all_reduce all_gather reduce_scatter all_to_all */
    int n_gpus;
    int n_points;
    const double *bytes; /* ascending message size in bytes (whole vector per rank) */
    const double *time_s;
};
/* Expert-parallel dispatch/combine (DeepEP and kin): t = alpha + tokens * payload * copies / bw
 * (4.2). */
struct alltoall_consts {
    struct kernel_key key; /* kernel: "deepep-ll", "deepep-normal", "nvlink-two-sided" */
    int n_nodes, gpus_per_node;
    double dispatch_alpha_s, dispatch_bytes_per_s;
    double combine_alpha_s, combine_bytes_per_s;
};

struct fabric {
    struct link_spec *links;
    int n_links;
    struct collective_curve *curves;
    int n_curves;
    struct alltoall_consts *alltoall;
    int n_alltoall;
};

bool fabric_load(struct arena *arena, const char *const *dirs, int n_dirs,
                 struct fabric *fabric, struct err *err);
const struct link_spec *link_find(const struct fabric *fabric, const char *name,
                                  struct err *err);

/* Measured curve for (gpu, engine, operation, n_gpus). On the GPU itself: the engine's own
 * kernel, that of another engine, NCCL; then the same on gpu->nearest, its nearest, and any GPU
 * with the same link and bandwidth; a curve of another link says nothing. If no GPU has n_gpus,
 * the next larger measured number. NULL: none. match may be NULL. */
const struct collective_curve *collective_find(const struct fabric *fabric,
                                               const struct gpu_list *gpus,
                                               const struct gpu *gpu, const char *engine,
                                               const char *operation, int n_gpus,
                                               enum kernel_match *match);
double collective_curve_time_s(const struct collective_curve *curve, double bytes);
/* Bytes each GPU must move: all-reduce 2(n-1)/n, all-gather/reduce-scatter/all-to-all (n-1)/n
 * times the whole vector. */
double collective_wire_bytes(const char *operation, int n_gpus, double bytes);
/* The same at the least: with in-network reduction (NVSwitch since NVLink 4) an all-reduce
 * sends the payload once. */
double collective_least_bytes(const struct gpu *gpu, const char *operation, int n_gpus,
                              double bytes);
/* The physical floor: these bytes at link peak. */
double collective_floor_s(const struct gpu *gpu, const char *operation, int n_gpus,
                          double bytes);
/* Time of a collective inside one scale-up domain: the measured curve, else
 * alpha + wire bytes / (efficiency * link) from links.csv; never below collective_floor_s. */
double collective_time_s(const struct fabric *fabric, const struct gpu_list *gpus,
                         const struct gpu *gpu, const char *engine, const char *operation,
                         int n_gpus, double bytes);

/* What one message between two GPUs gets: latency, and the reachable bandwidth for large ones.
 */
struct link_path {
    double latency_s, bytes_per_s;
};
/* Between two GPUs of one scale-up domain (in a full mesh one of the peers' links), or over a
 * network of which nothing is known: as fabric_network_path of no link. */
struct link_path fabric_path(const struct fabric *fabric, const struct gpu *gpu,
                             bool same_domain);
/* Over a network where each GPU has so much line rate (0: the link's): latency and reachable
 * share are the link's, NULL: those of 400 Gbit/s InfiniBand. Over a NIC no faster than the
 * GPU's PCIe link. */
struct link_path fabric_network_path(const struct fabric *fabric, const struct gpu *gpu,
                                     const struct link_spec *link, double bytes_per_s);
/* Its line rate. */
double fabric_network_line(const struct fabric *fabric, const struct gpu *gpu,
                           const struct link_spec *link, double bytes_per_s);

/* Constants of an expert-parallel kernel ("deepep-ll", ...) for the group of n_nodes x
 * gpus_per_node, or the measured group nearest in size; GPUs fall back as in collective_find.
 * NULL: none. */
const struct alltoall_consts *alltoall_find(const struct fabric *fabric,
                                            const struct gpu_list *gpus, const struct gpu *gpu,
                                            const char *kernel, int n_nodes, int gpus_per_node,
                                            enum kernel_match *match);
/* Payloads a token sends over the link that limits: low latency k x (1 - 1/nodes) over the
 * network, k x (g-1)/g in one node; the others one per node (or GPU of a node) hit: (n-1)(1 -
 * (1-1/n)^k). Worked: top-8 over 2 nodes, low latency: 4. */
double alltoall_copies(const struct alltoall_consts *consts, int top_k);
/* One dispatch (or combine) of `tokens` tokens per GPU with payload_bytes each (fp8 with
 * scales: h * (1 + 4/128) + 16; bf16: 2 h), balanced routing. */
double alltoall_time_s(const struct alltoall_consts *consts, bool is_combine, double tokens,
                       double payload_bytes, int top_k);

#endif

/* fabric.h - interconnect: links.csv (bandwidth, latency per link type), measured collectives in
 * hardware/collectives/ *.csv, and their look-up. Bandwidths are one direction per GPU. */
#ifndef FABRIC_H
#define FABRIC_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct link_spec {
    const char *name;     /* nvlink3 nvlink4 nvlink5 xgmi3 pcie4 pcie5 ib-ndr roce-400g ... */
    double bytes_per_s;   /* one direction per GPU (scale-up) or per NIC (scale-out) */
    double latency_s;     /* one hop, small message */
    double efficiency;    /* reachable fraction for large messages */
    bool is_scaleout;
    const char *source, *as_of;
    bool estimated;
};

/* A measured latency curve of one collective: piecewise linear in log(bytes), log(time), made
 * monotone on load. Outside: constant below, bandwidth-proportional above. */
struct collective_curve {
    struct kernel_key key;  /* sku, engine, kernel: "custom" or "nccl"; dtype "" */
    const char *operation;  /* all_reduce all_gather reduce_scatter all_to_all */
    int n_gpus;
    int n_points;
    const double *bytes;    /* ascending message size in bytes (whole vector per rank) */
    const double *time_s;
};
/* Expert-parallel dispatch/combine (DeepEP and kin): t = alpha + bytes * r / bw (4.2). */
struct alltoall_consts {
    struct kernel_key key;  /* kernel: "deepep-ll", "deepep-normal" */
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

bool fabric_load(struct arena *arena, const char *const *dirs, int n_dirs, struct fabric *fabric,
                 struct err *err);
const struct link_spec *link_find(const struct fabric *fabric, const char *name, struct err *err);

/* Measured curve for (gpu, engine, operation, n_gpus), custom kernels preferred over NCCL up to the
 * size they cover; falls back along engine then gpu->nearest like kernel_gemm. NULL: none. */
const struct collective_curve *collective_find(const struct fabric *fabric,
                                               const struct gpu_list *gpus, const struct gpu *gpu,
                                               const char *engine, const char *operation,
                                               int n_gpus, enum kernel_match *match);
double collective_curve_time_s(const struct collective_curve *curve, double bytes);
/* Bytes each GPU must move: all-reduce 2(n-1)/n, all-gather/reduce-scatter/all-to-all (n-1)/n times
 * the whole vector. */
double collective_wire_bytes(const char *operation, int n_gpus, double bytes);
/* The physical floor: wire bytes at link peak; with in-network reduction the payload once. */
double collective_floor_s(const struct gpu *gpu, const char *operation, int n_gpus, double bytes);
/* Time of a collective inside one scale-up domain: the measured curve, else
 * alpha + wire bytes / (efficiency * link) from links.csv; never below collective_floor_s. */
double collective_time_s(const struct fabric *fabric, const struct gpu_list *gpus,
                         const struct gpu *gpu, const char *engine, const char *operation,
                         int n_gpus, double bytes);

#endif

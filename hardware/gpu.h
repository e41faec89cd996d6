/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gpu.h - the GPU catalogue: hardware/gpus.csv. Names are those of design.md section 2 (README
 * lists them). All values are per GPU, in base units; TFLOPS are dense; links are one
 * direction. */
#ifndef GPU_H
#define GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "models/dtype.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct gpu {
    const char *name;                /* "h100-sxm" */
    const char *label;               /* "NVIDIA H100 SXM 80 GB" */
    const char *vendor, *arch;       /* "NVIDIA", "Hopper" */
    double mem_bytes;                /* usable, as the driver reports it */
    double mem_bytes_per_s;          /* peak HBM bandwidth */
    double flops_per_s[DTYPE_COUNT]; /* dense peak by arithmetic format; 0: not supported */
    int n_sm;                        /* SMs, CUs or equivalents that wave quantisation counts */
    double l2_bytes;
    const char *link;        /* links.csv name of the scale-up link: "nvlink4"; "pcie5": none */
    double link_bytes_per_s; /* scale-up, one direction, per GPU; PCIe when there is none */
    int scaleup_gpus;        /* GPUs in one scale-up domain; on PCIe: those of one host */
    double pcie_bytes_per_s;
    double tdp_w, idle_w;
    const char *nearest; /* SKU whose measured kernel constants stand in when it has none; "" */
    const char *source, *as_of;
    const char *estimated; /* space-separated columns that are not sourced; "" none */
};

struct gpu_list {
    struct gpu *items;
    int n;
};

/* Reads <dir>/hardware/gpus.csv of each directory; the first to name a GPU wins. */
bool gpu_list_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct gpu_list *list, struct err *err);
/* NULL with err (and the nearest name suggested) when unknown. Case and '_'/'-' ignored. */
const struct gpu *gpu_find(const struct gpu_list *list, const char *name, struct err *err);
/* Peak arithmetic rate at which a format computes on this GPU: formats it lacks run at the next
 * wider one (int4 and mxfp4 weights with bf16 activations: bf16; fp8 on A100: bf16). */
double gpu_flops(const struct gpu *gpu, enum dtype dtype);

#endif

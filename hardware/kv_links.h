/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kv_links.h - hardware/kv_links.csv: how fast KV content comes back to a GPU from host memory
 * and from SSD. */
#ifndef KV_LINKS_H
#define KV_LINKS_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

struct kv_link {
    const char *tier;   /* "host" or "ssd" */
    const char *gpu;    /* as in gpus.csv; "*" any */
    double bytes_per_s; /* of one GPU, reading; NaN: pcie_frac of its PCIe rate */
    double pcie_frac, latency_s;
    const char *estimated, *source, *as_of;
};
struct kv_link_table {
    struct kv_link *rows;
    int n;
};

/* Each tier must have a row for any GPU, and each row one of both rates. */
bool kv_links_load(struct arena *arena, const char *const *dirs, int n_dirs,
                   struct kv_link_table *table, struct err *err);
/* The row of this GPU, else the one for any. */
const struct kv_link *kv_link_find(const struct kv_link_table *table, const char *tier,
                                   const struct gpu *gpu);
/* Worked: an H100's host link, 0.88 of 63 GB/s: 55.4 GB/s. */
double kv_link_bytes_per_s(const struct kv_link *link, const struct gpu *gpu);

#endif

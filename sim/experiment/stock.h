/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stock.h - everything the catalogue directories hold, read once per run and then only read. */
#ifndef STOCK_H
#define STOCK_H

#include "hardware/bands.h"
#include "hardware/engine.h"
#include "hardware/fabric.h"
#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "hardware/kv_links.h"
#include "hardware/node.h"
#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/cost/routings.h"

struct stock {
    struct catalogue catalogue; /* directories and GPUs, for scenario_deployments */
    struct gpu_list gpus;
    struct kernel_set kernels;
    struct fabric fabric;
    struct engine_table *engines;
    struct band_table bands;
    struct node_list nodes;
    struct kv_link_table kv_links;
    struct routings *routings; /* of experts, drawn when they are needed */
};

/* dirs are borrowed and searched in order. NULL with err. Lives in the arena. */
struct stock *stock_load(struct arena *arena, const char *const *dirs, int n_dirs,
                         struct err *err);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* optable.h - measured kernel times as sets of points: one set per (SKU, engine, dtype, kernel,
 * law).
 *
 * Reads CSV tables with the columns of the public aiconfigurator collections (system,
 * framework, version, kernel_source, latency in ms, and the shape columns of one operator) and
 * translates their names into the catalogue's. Only the newest version of an (engine, dtype,
 * kernel) is kept. Rows that beat the physical floor cannot be right and are dropped and
 * counted. */
#ifndef OPTABLE_H
#define OPTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/gpu.h"
#include "hardware/kernel.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum op_law { OP_GEMM, OP_DECODE, OP_PREFILL, OP_MLA_DECODE, OP_MLA_PREFILL, OP_MOE, OP_LAW_N };
extern const char *const op_law_names[]; /* gemm decode prefill mla_decode mla_prefill moe */

/* One measured kernel call. Only the fields of its law are set. */
struct op_point {
    double latency_s;
    double m, n, k;           /* gemm */
    double batch, ctx_tokens; /* attention: per sequence; prefill: the chunk */
    double window_tokens;     /* 0: full */
    int heads, kv_heads, head_dim;
    double tokens, hidden, width; /* moe: tokens of the group, one rank's expert width */
    int top_k, n_experts, ep;
    double power_law; /* exponent of the expert loads (then the rank with most
                         rows was measured); 0 balanced */
};

struct op_set {
    enum op_law law;
    struct kernel_key key;   /* catalogue names; source names the table and its version */
    const char *kernel_full; /* as in the table */
    const char *table_dtype; /* as in the table: the weight format or attention/KV format */
    int head_dim;            /* attention kernels are compiled per head size; 0: other laws */
    bool is_windowed;        /* attention: a short sliding window takes another path */
    const struct gpu *gpu;
    struct op_point *points;
    int n, cap;
    int n_skipped; /* outside what the law covers or serving uses */
};

struct op_sets {
    struct op_set *items;
    int n, cap;
};

/* Adds the rows of one table. False with err on an unreadable table, an unknown kind of table,
 * an unknown GPU or a cell that is no number. Heap for the points; op_sets_free. */
bool op_sets_load(struct arena *arena, const char *path, const struct gpu_list *gpus,
                  struct op_sets *sets, struct err *err);
/* Drops sets for which a newer version of the same key is present. */
void op_sets_newest(struct op_sets *sets);
void op_sets_free(struct op_sets *sets);

#endif

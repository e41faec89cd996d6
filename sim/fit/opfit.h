/* SPDX-License-Identifier: GPL-3.0-or-later */
/* opfit.h - kernel calibration: refits the constants of every kernel law (sim/cost/gemm,
 * attention, moe) from tables of measured kernel times and writes rows that hardware/kernel.h
 * reads.
 *
 * One set of constants per (SKU, engine, dtype, kernel), never per model. The error of a set is
 * held out: whole shapes (n, k) of a product, (heads, batch) of attention, (experts, top-k,
 * hidden, width, EP) of experts are predicted by a fit that has not seen them. Dropped and
 * counted: rows faster than the physical floor, rows outside what the law covers. Dropped
 * whole: GEMM sets whose tiny products take over 15 us, which is the launch of an interpreter
 * and no kernel. Assumes rows of a set come from one machine and library version.
 * Deterministic. */
#ifndef OPFIT_H
#define OPFIT_H

#include <stdbool.h>

#include "hardware/gpu.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"
#include "sim/fit/optable.h"
#include "sim/fit/robust.h"

enum opfit_state {
    OPFIT_FITTED,
    OPFIT_LAUNCH_BOUND, /* not written: the table measures launches */
    OPFIT_TOO_FEW,      /* not written: fewer rows or shapes than the fit needs */
    OPFIT_NO_LAW, /* not written: held-out median over 25 %, the kernel obeys another law */
};

/* One line of the report, in the order of the output file. */
struct opfit_row {
    enum op_law law;
    struct kernel_key key;
    const char *kernel_full; /* as the table names it */
    int head_dim;            /* attention other than MLA; else 0 */
    bool is_windowed;
    enum opfit_state state;
    int n_used, n_floor, n_skipped; /* fitted; dropped below the floor; outside the law */
    int n_shapes;
    int n_params;
    double x[ROBUST_MAX_PARAMS]; /* as in the file's columns (us, fractions) */
    struct robust_error heldout, insample;
};

struct opfit_report {
    struct opfit_row *rows; /* in the arena */
    int n;
};

struct opfit_config {
    const char *const *tables; /* CSV files; the kind of each is read off its header */
    int n_tables;
    const char *out; /* a file when all tables are of one kind (attention and MLA count as one),
                        else a directory that gets gemm.csv, attention.csv, moe.csv */
    const char
        *source; /* put before the table's own name in `source`, e.g. "owner/repo@commit" */
    const char *as_of; /* date of the tables; "" unknown */
    const struct gpu_list *gpus;
};

/* Fits and writes. False with err on unreadable tables, an unknown GPU, an output that cannot
 * be written, or when not one set could be fitted (ERR_UNFIT). The report lives in the arena.
 */
bool opfit_run(struct arena *arena, const struct opfit_config *cfg, struct opfit_report *report,
               struct err *err);
/* The fit alone, without files: one report line for a set. */
void opfit_set(const struct op_set *set, struct opfit_row *row);
/* "fitted", "launch-bound", "too few rows", "law does not fit" */
const char *opfit_state_name(enum opfit_state state);

#endif

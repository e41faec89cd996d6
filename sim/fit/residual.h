/* SPDX-License-Identifier: GPL-3.0-or-later */
/* residual.h - predictions beside what was measured, cell by cell, with the labels by which
 * errors are grouped. Bands, VALIDATION.md and leave-out tables are made from these.
 *
 * Besides the measured cells there are composed ones: where TTFT and TPOT were measured, end to
 * end latency is TTFT + (tokens - 1) x TPOT, and a closed loop delivers its clients' tokens per
 * that time. Composed cells feed bands only. */
#ifndef RESIDUAL_H
#define RESIDUAL_H

#include <stdbool.h>

#include "hardware/bands.h"
#include "sim/fit/validate_parts.h"

struct residual {
    int row;
    enum validate_metric metric;
    enum band_metric band_metric;
    double measured, predicted;
    double error;     /* predicted / measured - 1 */
    double log_ratio; /* ln(measured / predicted) */
    bool is_moe, suspect, composed;
    const char *engine, *sku, *family;
    enum validate_load load;
    enum band_load band_load;
    enum band_prompt band_prompt; /* any where the metric is not TTFT */
    int group;                    /* (model, SKU, engine, dtype) */
};

struct residual_list {
    struct residual *items; /* heap */
    int n, cap, n_groups;
};

/* Rows that were predicted; table and results are borrowed. */
void residuals_collect(const struct validate_table *table,
                       const struct validate_result *results, struct residual_list *list);
void residuals_free(struct residual_list *list);

/* Which residuals a statistic is over. */
struct residual_filter {
    int metric, load;         /* of enum validate_metric, validate_load; -1: any */
    int is_moe;               /* -1: any */
    const char *engine, *sku; /* NULL: any */
    const char *family;       /* NULL: any */
    int group;                /* -1: any */
};
extern const struct residual_filter residual_any;
/* Measured cells that are not suspect and pass. */
bool residual_passes(const struct residual *r, const struct residual_filter *filter);
void residual_stats(const struct residual_list *list, const struct residual_filter *filter,
                    struct error_stats *out);

/* Distinct labels (engines, SKUs, families) in order of first appearance; at most `most`. */
typedef const char *residual_label(const struct residual *r);
const char *residual_engine(const struct residual *r);
const char *residual_sku(const struct residual *r);
const char *residual_family(const struct residual *r);
int residual_labels(const struct residual_list *list, residual_label *of, const char **labels,
                    int most);

/* Rows of the table share a group when model shape, SKU, engine and weight format agree. */
bool residual_same_group(const struct validate_row *a, const struct validate_result *ra,
                         const struct validate_row *b, const struct validate_result *rb);

#endif

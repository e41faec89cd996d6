/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bandfit.h - 80 % bands of predictions from the residuals of a validation run.
 *
 * A band is the 10 % and 90 % quantile of measured / predicted among rows of the same kind
 * (dense or MoE, engine, load, for TTFT length of prompts or waves, SKU), drawn towards the
 * quantiles of the next wider kind by n / (n + K), n the number of (model, SKU, engine, dtype)
 * groups: rows of one group err together. K is chosen (by interval score), and both sides of
 * the bands of each kind are widened until 90 % of rows are within, by predicting each group
 * from all others; the coverage that is reported is that of the groups left out. Models and
 * SKUs never measured get the wider of this band and the quantiles of leave-one-out
 * predictions. */
#ifndef BANDFIT_H
#define BANDFIT_H

#include "sim/fit/residual.h"

struct bandfit_input {
    const struct validate_table *table;
    const struct validate_result *base;
    const struct validate_result *new_sku, *new_model; /* leave-one-out; NULL: not run */
};

struct bandfit;
struct bandfit *bandfit_new(const struct bandfit_input *input);
void bandfit_free(struct bandfit *fit);
/* Writes bands.csv and evidence.csv below dir. */
bool bandfit_write(const struct bandfit *fit, const char *dir, struct err *err);

/* Of left-out rows of a metric. is_moe -1, engine NULL: all. */
struct band_coverage {
    int n;
    double inside_frac;
    double half_width_frac; /* median of (hi - lo) / 2 */
    double median_abs_frac; /* median absolute error of the same rows */
};
void bandfit_coverage(const struct bandfit *fit, enum band_metric metric, int is_moe,
                      const char *engine, struct band_coverage *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* managed.h - what managed inference of open-weight models costs (managed.csv) and allows
 * (managed_limits.csv). Money in USD; a price is per million tokens; NaN: not offered or not
 * published. Both files are dated histories: the newest row of an offer is the current one. */
#ifndef MANAGED_H
#define MANAGED_H

#include <stdbool.h>

#include "sim/base/err.h"
#include "sim/base/mem.h"

struct managed_price {
    const char *provider;  /* "databricks", "aws-bedrock", "together", ... */
    const char *model;     /* as the provider calls it */
    const char *catalogue; /* name in models/, "" when it has none */
    const char *offer;     /* pay-per-token | priority | provisioned | dedicated |
                              custom-serving (own weights; `model` names the GPUs) |
                              dbu-rate (USD of a Databricks unit; no model) */
    double usd_in_per_mtok, usd_cached_per_mtok, usd_out_per_mtok;
    double dbu_in_per_mtok, dbu_cached_per_mtok, dbu_out_per_mtok; /* Databricks units */
    double usd_per_dbu;
    /* Provisioned throughput: the first unit of capacity and each further one, per hour. */
    double entry_dbu_per_h, scaling_dbu_per_h;
    double entry_usd_per_h, scaling_usd_per_h;
    const char *region;
    const char *status; /* current | deprecated | stale (old, may be withdrawn) | retired */
    const char *source, *as_of;
};

struct managed_limit {
    const char *provider;
    const char *product;   /* pay-per-token | provisioned | custom-serving | ... */
    const char *model;     /* as the provider says it, often a group ("all") */
    const char *catalogue; /* name in models/, "" when it is a group */
    const char *kind;      /* itpm otpm tpm (tokens per minute: in, out, both) rpm qph qps
                              concurrency max_output_tokens provisioned_tok_per_s
                              min_model_units price regional_uplift custom_weights adapters
                              data_residency      regions policy ... */
    double value;          /* in `unit`; NaN when the limit is a sentence */
    const char *text;      /* the sentence, "" when it is a number */
    const char *unit, *conditions;
    const char *evidence; /* primary | second-hand | third-party | derived */
    const char *source, *as_of;
};

struct managed_list {
    struct managed_price *prices;
    int n_prices;
    struct managed_limit *limits;
    int n_limits;
};

bool managed_load(struct arena *arena, const char *const *dirs, int n_dirs,
                  struct managed_list *list, struct err *err);
/* The newest row of this provider, model (catalogue name or the provider's own) and offer that
 * is not retired; NULL: none. */
const struct managed_price *managed_find(const struct managed_list *list, const char *provider,
                                         const char *model, const char *offer);
/* The newest numeric limit of this kind for the model, else for no model in particular ("all",
 * "any"); NULL: none. */
const struct managed_limit *managed_limit_find(const struct managed_list *list,
                                               const char *provider, const char *product,
                                               const char *model, const char *kind);

#endif

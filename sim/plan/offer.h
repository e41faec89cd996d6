/* SPDX-License-Identifier: GPL-3.0-or-later */
/* offer.h - managed inference: pay per token, priority and provisioned throughput, with the
 * rate limits and capacities the providers publish.
 *
 * Above a published limit the offer is infeasible at list terms; when the capacity of a
 * provisioned unit is not published it cannot be priced. Neither is ever 0 or infinite: the
 * cost is NaN and the state says why. Cached input is billed as input where no cached price is
 * listed. Latency is not simulated; the scenario may give it.
 *
 * Staff: running machines is the provider's work, so a managed offer has none of the operators
 * that cost.h charges. What the application needs is the same on both sides and on neither
 * bill; a plan that wants somebody beside the offer (quotas, bills, contracts) says so by
 * economics.managed_staff_per_year, which every offer then carries.
 *
 * Ignores: batch discounts, committed-use discounts that are not listed. */
#ifndef OFFER_H
#define OFFER_H

#include <stdbool.h>

#include "hardware/managed.h"
#include "sim/plan/cost.h"
#include "sim/plan/econ.h"
#include "sim/plan/option.h"

enum offer_kind {
    OFFER_PAY_PER_TOKEN,
    OFFER_PRIORITY,
    OFFER_PROVISIONED,
    OFFER_DEDICATED, /* GPUs by the hour that the provider runs; capacity as simulated */
    OFFER_N,
};
extern const char *const offer_kind_names[]; /* as in managed.csv */

enum offer_state {
    OFFER_PRICED,
    OFFER_OVER_LIMIT,       /* a rate limit is below the peak */
    OFFER_UNKNOWN_CAPACITY, /* provisioned, and a unit's capacity is not published */
    OFFER_N_STATES,
};
extern const char *const offer_state_names[];

enum offer_limit {
    LIMIT_ITPM, /* input tokens per minute */
    LIMIT_OTPM, /* output tokens per minute */
    LIMIT_TPM,  /* both */
    LIMIT_RPM,  /* requests per minute */
    LIMIT_QPS,  /* requests per second */
    LIMIT_QPH,  /* requests per hour */
    LIMIT_N,
};
extern const char *const offer_limit_names[]; /* as in managed_limits.csv */
extern const char *const offer_limit_words[]; /* for people */

struct offer {
    const char *provider;
    const char *model;     /* as the provider calls it */
    const char *catalogue; /* the model that was asked for */
    enum offer_kind kind;
    struct plan_rate input, cached, output; /* USD per million tokens */
    struct plan_rate entry, scaling;        /* USD per hour: first unit, each further one */
    struct plan_rate staff;                 /* USD per year of one's own people beside it */
    struct plan_rate unit_tok_per_s;        /* input and output of one unit; NaN: unknown */
    struct plan_rate limits[LIMIT_N];       /* NaN: none published */
    int unit_gpus;                          /* of a dedicated unit; 0: not said */
    double ttft_s, tpot_s;                  /* given by the scenario; NaN: not known */
    double price_factor;                    /* on every price; 1 unless a variation asks */
    const char *region;
    const char *capacity_conditions; /* what unit_tok_per_s holds for */
};

struct offer_gap { /* asked for and not offered */
    const char *provider, *model;
    const char *nearest_provider; /* cheapest that offers the model; "" none */
    const char *nearest_model;    /* of the provider asked; "" it offers none */
};

struct offer_list {
    struct offer *items;
    int n;
    struct offer_gap *gaps;
    int n_gaps;
};

/* The offers of a model (catalogue name): of the providers in the scenario's `managed`, with
 * its prices where it gives some; without that section, of all that sell the model today. */
void offer_enumerate(struct arena *arena, const struct managed_list *managed,
                     const struct scenario *sc, const char *model, const char *as_of,
                     struct offer_list *list);

/* Adds the dedicated endpoints and custom serving on the option's GPU, run by the providers
 * that offer_enumerate would ask. A unit is what holds a replica; its capacity is the simulated
 * one at the target utilisation. */
void offer_add_dedicated(struct arena *arena, const struct managed_list *managed,
                         const struct scenario *sc, const struct plan_option *option,
                         double utilisation_frac, const char *as_of, struct offer_list *list);

struct offer_load {
    double mean_rps;
    double peak_hour_rps; /* for limits per hour */
    double peak_rps;      /* busiest minute, for limits per minute and provisioned capacity */
};
struct offer_month {
    enum offer_state state;
    double usd;        /* NaN unless priced */
    int limit;         /* enum offer_limit that binds when over the limit; -1: none */
    double limit_frac; /* peak use of the tightest limit / limit; NaN: none published */
    int64_t units;     /* provisioned ones */
    struct cost_line lines[4];
    int n_lines;
};
void offer_month(const struct offer *offer, const struct plan_tokens *tokens,
                 const struct offer_load *load, struct offer_month *month);

/* Priced by units and hours, not by tokens. */
bool offer_by_hour(const struct offer *offer);
/* Mean USD per million tokens, input and output together. */
double offer_blended_usd(const struct offer *offer, const struct plan_tokens *tokens);

#endif

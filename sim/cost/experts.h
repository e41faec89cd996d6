/* SPDX-License-Identifier: GPL-3.0-or-later */
/* experts.h - where the rows of a mixture of experts go: how popular each expert of each layer
 * is, on which ranks it stands, how that placement ages, and what the slowest of the
 * expert-parallel ranks therefore has to do.
 *
 * Popularity. In a layer, the shares of the rows that experts get are lognormal with sigma
 * `skew`, as measured loads of DeepSeek-R1 are (NVIDIA/TensorRT-LLM tech blog 4), or Zipf with
 * that exponent; no expert is in more than every token. Layers differ: their sigmas are the
 * quantiles of a normal distribution around `skew`.
 *
 * Placement. Experts stand in order, which is at random since popularity is drawn at random;
 * or by the load that was counted, as EPLB does (deepseek-ai/EPLB, "global" policy): a spare
 * slot goes to the expert with the most rows per copy, then the heaviest copy to the lightest
 * rank with a free slot. Copies share an expert's rows evenly.
 *
 * Drift. The statistics of a placement are `age` old. Log popularity then and now correlate
 * with phase_corr * (1 - drift_share_frac * (1 - exp(-age / drift_s))): over drift_s that share
 * of its variance is drawn anew, the rest belongs to model and workload and stays. The default
 * share makes an old offline placement of DeepSeek-R1 at EP32 with 288 slots as uneven as it
 * was measured to be (1.11; perfect statistics: 1.01, with sampling noise 1.06). It is one data
 * set: a mix of users that changes shifts more.
 *
 * The table. Slowest rank and distinct experts at 1, 2, 4 ... 32,768 tokens in the group from a
 * Monte-Carlo over the layers, whose streams depend on the layer alone: the same numbers for
 * every candidate. A layer's times add up, so the mean over layers is what counts.
 *
 * Ignores: groups of experts and nodes in routing and packing, tokens of one request that
 * choose alike, classes of the workload (one mix), noise of the statistics, engines that pick
 * the copy by load (Waterfill). Building: about 10 ms for 58 layers of 256 experts. */
#ifndef EXPERTS_H
#define EXPERTS_H

#include <stdbool.h>

enum experts_law { EXPERTS_LOGNORMAL, EXPERTS_ZIPF };

struct experts_config {
    int n_experts, top_k, ep, n_layers;
    enum experts_law law;
    double skew;             /* sigma or exponent */
    double skew_spread_frac; /* standard deviation over layers / skew */
    int n_redundant;         /* spare slots per layer, over all ranks */
    bool by_load;            /* placed by statistics; implied by spare slots */
    double drift_s;          /* 0: popularity is fixed */
    double drift_share_frac;
    double rebalance_s; /* period; 0: placed once, long ago */
    double phase_corr;  /* 1; less: statistics from the other phase (prefill, decode) */
};
/* In order, lognormal, default spread and drift share, no drift. */
struct experts_config experts_config_default(int n_experts, int top_k, int ep, double sigma);
/* Slots must fill the ranks: (n_experts + n_redundant) % ep == 0. */
bool experts_config_fits(const struct experts_config *cfg);
bool experts_config_same(const struct experts_config *a, const struct experts_config *b);

/* Rank r has the slots r * per_rank ... */
struct experts_placement {
    int n_experts, n_slots, ep, per_rank;
    int *expert; /* [n_slots] */
    int *copy;   /* [n_slots] 0 .. copies - 1 of that expert */
    int *copies; /* [n_experts] */
};
void experts_placement_init(struct experts_placement *place, int n_experts, int n_redundant,
                            int ep);
void experts_placement_fini(struct experts_placement *place);
void experts_place_in_order(struct experts_placement *place);
void experts_place_by_load(struct experts_placement *place, const double *load);

/* Probability that a token takes each expert of a layer, adding up to top_k: as the statistics
 * of the placement counted them, and now. Layers beyond n_layers are further draws. */
void experts_popularity(const struct experts_config *cfg, int layer, double age_s, double *then,
                        double *now);
enum experts_spread { EXPERTS_SPREAD_HOTTEST, EXPERTS_SPREAD_AGE, EXPERTS_SPREAD_N };
/* Evenly spread over layers, in (0, 1). */
double experts_spread(enum experts_spread what, int layer);
double experts_sigma(const struct experts_config *cfg, int layer);
/* Rows of each rank over the mean, no sampling noise, in the middle of a rebalancing period;
 * rank_load[ep]. Returns the largest. */
double experts_layer_load(const struct experts_config *cfg, int layer, double *rank_load);

enum { EXPERTS_GRID_N = 16, EXPERTS_QUANTILES = 4 }; /* 1 .. 32768 tokens; 10 50 90 99 % */

struct experts_point {
    double imbalance;     /* rows of the slowest rank / mean, mean over layers */
    double distinct_rank; /* slots in use on the rank that uses most */
    double distinct_all;  /* distinct experts in the layer */
    double imbalance_q[EXPERTS_QUANTILES], distinct_rank_q[EXPERTS_QUANTILES]; /* over layers */
};
struct experts_table {
    int ep;
    struct experts_point points[EXPERTS_GRID_N];
    double static_imbalance; /* without sampling noise */
};
void experts_table_build(const struct experts_config *cfg, struct experts_table *table);
/* Between the points: monotone cubic in log tokens. Above: sampling noise fades with the root.
 */
void experts_table_at(const struct experts_table *table, double tokens,
                      struct experts_point *out);

#endif

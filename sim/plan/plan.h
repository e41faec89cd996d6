/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.h - the whole plan: every system sized, every way to obtain it priced beside the managed
 * offers, policy applied, decided, and the tables that reports and charts read.
 *
 * An entry is one way to serve one model: a self-hosted system on one kind of machine under one
 * kind of price, or a managed offer. Per model, machine and price the cheapest system stands
 * for all; the fleets of the cheapest entries are simulated whole, and an entry that needs more
 * replicas than sized is priced with those.
 *
 * Tables (units in the names, NaN is an empty cell, rows in the order of the ranking):
 *
 * plan.csv         one row per entry, ranked, then candidates that gave none
 *   rank             1 is the cheapest allowed entry; empty: excluded or without price
 *   state            ranked | excluded (policy) | unpriced (over a limit, unknown
 *                    capacity) | layout | memory | bound | no load | refused (by the
 *                    machine)
 *   side             self-hosted | managed
 *   option           unique name of the entry; the other tables refer to it
 *   model, quality, system (the candidate), hardware, tp, pp, ep, dp (with prefill apart: of
 *   the decode replicas), decode_replicas, prefill_replicas (of a unit), prefill_hardware,
 *   prefill_tp, prefill_pp, prefill_ep, prefill_dp, weights, kv_cache, engine, tokens_per_step
 *   hosting          rented | colocated | own-site | pay-per-token | priority |
 *                    provisioned | dedicated
 *   provider, node, prefill_node (prefill on GPUs of another kind), pricing, region (where
 *                    the price holds)
 *   seat, regions, custom_weights   of the operator: whose law, where it runs, what it
 *                    loads (none | adapter | full); empty for machines of one's own
 *   given_ttft_s, given_tpot_s   latency of a managed offer as the scenario gives it
 *   reason           why not, or why excluded
 *   n_gpus           paid for in month 0, of which n_gpus_stranded in no replica; of an
 *                    offer by the hour those of its units, where it says how many
 *   replicas, spares, nodes, of which prefill_nodes of the second kind; nodes: of an offer
 *                    by the hour its units
 *   n_gpus_poisson, n_gpus_default, n_gpus_bursty   needed in replicas and spares
 *   peak_rps         that the count is for
 *   rps_per_replica, _lo, _hi (95 % sampling), _band_lo, _band_hi (80 % prediction)
 *   binding          TTFT | TPOT | ITL | E2E | KV memory | availability | throughput
 *   ttft_use_frac ... throughput_use_frac  how much of each limit is used at
 *                    rps_per_replica: 1 binds; KV memory: largest share of the pool;
 *                    throughput: busy time
 *   availability_frac  chance that all needed replicas serve, with the spares
 *   tpot_s_mean, output_tok_s_per_gpu   of one replica at its capacity
 *   fleet_confirmed  1: the whole fleet was simulated at its peak and met every limit
 *   fleet_simulated  replicas in that simulation: of a vast fleet a part, at its share
 *   fleet_ttft_s_mean, fleet_tpot_s_mean  means in that simulation
 *   power_w          IT, at the mean load of month 0
 *   usd_per_month    mean over the horizon: what decides; _p10, _p50, _p90: samples
 *   usd_month_0, capex_usd, npv_usd
 *   usd_per_mtok_input, _cached, _output, _blended  usd_per_month over the tokens of a
 *                    month, both means over the horizon, as an API would bill; by the
 *                    token: the list prices; _blended_p10, _p50, _p90: samples
 *   evidence
 *   label            the option in words (label.h); of candidates that gave none empty
 *
 * costs.csv        one row per line of the cost sheet of month 0
 *   option, section (monthly | once), item, usd, quantity, unit, unit_usd
 *   dbu              Databricks units, where it bills in them
 *   source, as_of, estimated, stale, given (0 | 1)
 *
 * breakeven.csv    cost against volume of every ranked option, crossings of the best pair of
 *                  each model (those of all pairs: crossings.h)
 *   model, option, against
 *   kind             curve (of the pair), option (any other, against nobody), or a crossing:
 *                    smooth | step | limit
 *   requests_per_day, tok_per_day, usd_per_month, n_gpus
 *   to               self-hosted | managed: cheaper just above; crossings only
 *   month            in which demand passes it
 *   label            the option in words; of curves only
 *
 * forecast.csv     one row per model and month, the best of each side
 *   model, month, requests_per_day, _p10, _p90, peak_rps, self_option, managed_option,
 *   replicas, spares, nodes, n_gpus, _p10, _p90, self_usd, _p10, _p90, managed_usd, _p10,
 *   _p90, self_cash_usd, of it self_bought_usd (machines and building), self_capital_usd
 *   (cost of capital: in self_usd, not in cash), self_cash_total_usd,
 *   managed_cash_total_usd, managed_state
 *
 * sensitivity.csv  the tornado of self minus managed
 *   model, input, unit, low, value, high, usd_low, usd_base, usd_high, total_effect_frac,
 *   source, assumed
 *
 * decision.csv     long: section, model, item, value, unit, text; model "": over all
 *   decision         side, reason, confidence, chosen, runner_up, self_usd, managed_usd,
 *                    wins_frac, ratio, margin_frac, confidence_frac (asked for), text
 *   flip             item the input, value where it flips, text the sentence; a volume is
 *                    that of the first month, which then grows as forecast
 *   no_flip          item an input of which no value in its range flips, value today's
 *   uncertainty      self_usd, managed_usd, n_gpus, crossing_month, ratio, each _p10 _p50
 *                    _p90; crosses_frac
 *   breakeven        first_crossing to self-hosting, searched_to (requests/day), month, of
 *                    the two options compared; first_win (requests/day, tok_per_day, month):
 *                    where any system first costs less than every offer, text the system
 *   demand           first_month, mean, last_month, mean_over_first: of the forecast
 *   cash             per model, the best self-hosted option over all months: cost, bought,
 *                    nodes, capital, value_left, cash = cost + value_left - capital
 *   excluded         item the option, text the rule and its sentence
 *   gap              a model that a provider does not offer, with the nearest
 *   note             what the figures leave out
 *
 * models.csv       what each step up in model costs and gains: choice.h */
#ifndef PLAN_H
#define PLAN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sim/plan/breakeven.h"
#include "sim/plan/decision.h"
#include "sim/plan/policy.h"
#include "sim/plan/search.h"
#include "sim/plan/uncertainty.h"

/* Break-even is searched up to so many times the volume of the first month. */
#define PLAN_VOLUMES_BEYOND 100.0

struct plan_options {
    int n_threads;
    const char *as_of; /* YYYY-MM-DD */
    bool quiet;
    const atomic_bool *stop, *abandon; /* as of search_options */
    const struct parts *parts; /* of search_options; a shard sizes its candidates only */
};

struct plan_entry {
    const char *name;
    const char *label;              /* label.h */
    int model_idx;                  /* into the scenario's models */
    const struct search_item *item; /* NULL: managed */
    struct plan_case c;             /* one side of it is set */
    struct fleet fleet;
    struct units units;       /* month 0 */
    struct cost_sheet sheet;  /* month 0, self-hosted */
    struct offer_month month; /* month 0, managed */
    struct forecast forecast;
    double usd;                /* mean per month; NaN: no price */
    struct cost_spread spread; /* of what has a rank */
    struct policy_facts facts;
    enum policy_rule excluded;
    const char *why;
    const struct fleet_check *check; /* NULL: not simulated */
    int rank;                        /* from 1; 0: none */
};

/* The answer for one model, or over all of them. */
struct plan_answer {
    int model_idx; /* -1: all */
    struct decision decision;
    const struct plan_entry *self, *managed; /* the best of each side; NULL: none */
    const struct plan_entry *chosen, *runner_up;
    bool has_pair; /* both sides: what follows is filled */
    struct plan_case pair;
    struct breakeven breakeven; /* of the pair */
    double breakeven_month;
    /* Of any system against every offer: no volume below has a self-hosted option that is
     * cheaper; NaN and NULL: none up to breakeven.searched_to. */
    double first_win_requests_per_day;
    const struct plan_entry *first_win;
    struct uncertainty uncertainty;
    struct tornado tornado;
};

struct plan {
    const struct scenario *scenario;
    struct econ_stock stock;
    struct demand_data demand_data;
    struct policy_book book;
    struct econ econ;
    struct demand demand;
    struct search search;
    struct search_curve *curves; /* [search.candidates.n] */
    struct plan_entry *entries;  /* ranked first */
    int n_entries, n_ranked;
    struct hosting_refusal *refused;
    const char **refused_option;
    int n_refused;
    struct offer_gap *gaps;
    int n_gaps;
    struct plan_answer answer;   /* over all models */
    struct plan_answer *answers; /* one per model; for one model the same as answer */
    int n_answers;
    int64_t n_requests, n_events;
    bool interrupted;
};

/* Runs everything. False with err on bad input, a missing figure or a physically impossible
 * result; no answer is no error here (answer.decision.side says so). Lives in the arena. */
bool plan_run(struct arena *arena, const struct stock *stock, const struct scenario *sc,
              const struct plan_options *options, struct plan *plan, struct err *err);

/* Tables into existing directories. */
bool plan_write_options(const struct plan *plan, const char *path, struct err *err);
bool plan_write_costs(const struct plan *plan, const char *path, struct err *err);
bool plan_write_breakeven(struct arena *arena, const struct plan *plan, const char *path,
                          struct err *err);
bool plan_write_forecast(struct arena *arena, const struct plan *plan, const char *path,
                         struct err *err);
bool plan_write_sensitivity(const struct plan *plan, const char *path, struct err *err);
bool plan_write_decision(struct arena *arena, const struct plan *plan, const char *path,
                         struct err *err);

#endif

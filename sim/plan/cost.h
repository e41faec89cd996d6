/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cost.h - what a self-hosted fleet costs: rented, bought into colocation, or bought into a
 * data centre of one's own. Each amount is a line with quantity, unit price and source, so that
 * a report can trace it.
 *
 * A month has 730.5 hours. Bought hardware costs per month
 *     depreciation   capex * (1 - residual) / T           T: amortisation in months
 *     capital        capex * (1 + residual) / 2 * r / 12  r: cost of capital per year
 * with residual = (resale after 36 months)^(T / 36); a building has no resale and its own life.
 * Electricity: IT power of the simulated load * PUE; idle replicas and stranded GPUs draw idle
 * power. Rent includes electricity and space. Staff is the same for all: the smaller of
 * engineers-per-node * nodes and 1 + GPUs / GPUs-per-engineer, unless the scenario gives a sum.
 *
 * A unit with prefill on GPUs of another kind takes machines of both kinds, each packed and
 * priced by itself; they are of one provider and region, since KV travels between them.
 *
 * Spot machines cost more of themselves: while one is replaced another must stand in for it, so
 * the spares follow their interruptions too (hosting_down_frac).
 *
 * Ignores: taxes, network traffic out of a cloud, storage of a rented fleet, freight, times in
 * which no spot machine is to be had. */
#ifndef COST_H
#define COST_H

#include <stdbool.h>

#include "sim/base/mem.h"
#include "sim/plan/econ.h"
#include "sim/plan/option.h"
#include "sim/plan/units.h"

enum { COST_MAX_LINES = 16 };

struct cost_line {
    const char *name;
    double usd;                /* per month; in capex[]: once */
    double quantity, unit_usd; /* usd = quantity * unit_usd */
    const char *unit;          /* of the quantity */
    double dbu;                /* Databricks units; 0: not billed in them */
    const char *source, *as_of;
    bool estimated, stale, given;
};
/* quantity units at unit_usd each, with the origin of its rate. */
struct cost_line cost_line_of(const char *name, double quantity, const char *unit,
                              double unit_usd, const struct plan_rate *rate);

enum hosting_kind { HOSTING_RENT, HOSTING_COLO, HOSTING_OWN, HOSTING_N };
extern const char *const hosting_names[]; /* rented colocated own-site */

/* Machines of one kind at their price. */
struct machine {
    const struct node_spec *node;
    const char *region;     /* of the price; "" unknown */
    struct plan_rate price; /* USD per node and hour, or USD per node when bought */
};

/* One way to obtain the machines of an option. */
struct hosting {
    enum hosting_kind kind;
    const struct node_spec *node;
    const char *pricing;    /* kind of price: "on-demand", ..., "purchase" */
    const char *region;     /* of the price; "" unknown */
    struct plan_rate price; /* USD per node and hour, or USD per node when bought */
    struct machine prefill; /* beside them, of an option with prefill on GPUs of another kind,
                               of the same provider and pricing; node NULL: none */
};
/* Committed: paid for whether the load is there or not, so the fleet never shrinks. */
bool hosting_committed(const struct hosting *hosting);

bool hosting_spot(const struct hosting *hosting);
/* Share of time in which a replica on these machines does not serve, at most 0.9. */
double hosting_down_frac(const struct econ *econ, const struct plan_option *option,
                         const struct hosting *hosting);

struct hosting_refusal {
    const struct node_spec *node;
    const char *pricing;
    const char *reason;
};
struct hosting_list {
    struct hosting *items;
    int n;
    struct hosting_refusal *refused; /* nodes of this GPU that cannot carry the option */
    int n_refused;
};
/* Every node of the option's GPU (with each that fits its prefill, where that is on another)
 * that has a current price of the kinds the scenario compares;
 * the scenario's gpu_hour replaces the price of every rented one. Lives in the arena. */
void hosting_enumerate(struct arena *arena, const struct econ_stock *stock,
                       const struct scenario *sc, const struct econ *econ,
                       const struct plan_option *option, struct hosting_list *list);

struct cost_sheet {
    struct cost_line lines[COST_MAX_LINES]; /* per month */
    int n_lines;
    struct cost_line capex[COST_MAX_LINES]; /* once; empty when rented */
    int n_capex;
    double usd_per_month; /* sum of lines */
    double capex_usd;     /* sum of capex */
    double building_usd;  /* of it, the data centre: it is not resold with the machines */
    double cash_usd;      /* of lines that are paid in the month: no depreciation, no capital */
    double capital_usd;   /* of lines that are the cost of capital */
    double it_power_w, utility_power_w;
};

/* The fleet for a peak: replicas with headroom, spares, packed into nodes. */
struct units cost_fleet(const struct econ *econ, const struct plan_option *option,
                        const struct hosting *hosting, double peak_rps);
/* One month of this fleet at a mean load. */
void cost_month(const struct econ *econ, const struct plan_option *option,
                const struct hosting *hosting, const struct units *units, double mean_rps,
                struct cost_sheet *sheet);
/* Resale value after so many months as a fraction of the purchase. */
double cost_residual_frac(const struct econ *econ, double months);
/* Full-time engineers for a fleet; NaN when the scenario gives the sum. */
double cost_staff_fte(const struct econ *econ, const struct units *units);

/* Cost per million tokens counted as a managed API bills them. The rule: the month's cost is
 * split by simulated GPU time, the prefill share over input tokens that no cache held, the
 * decode share over output tokens; cached tokens took no GPU time and cost nothing. input *
 * (input - cached) + output * output tokens add up to the total again. */
struct cost_per_mtok {
    double input_usd, cached_usd, output_usd; /* NaN: no such tokens */
    double blended_usd;                       /* over all tokens */
};
struct cost_per_mtok cost_tokens(const struct plan_option *option, double usd_per_month,
                                 double mean_rps);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* econ.h - every figure that turns machines into money: the scenario's own where it gives one,
 * else the catalogue's (tco.csv, reliability.csv), each with source, date, age and range.
 *
 * Ignores: taxes, grants, inflation and exchange rates; the reports say so. */
#ifndef ECON_H
#define ECON_H

#include <stdbool.h>
#include <stdint.h>

#include "hardware/managed.h"
#include "hardware/node.h"
#include "hardware/param.h"
#include "scenarios/scenario.h"
#include "sim/base/err.h"
#include "sim/base/mem.h"

enum { ECON_STALE_DAYS = 180, MONTHS_PER_YEAR = 12 };
#define ECON_HOURS_PER_MONTH 730.5 /* 365.25 days / 12 * 24 */
#define ECON_DAYS_PER_MONTH 30.4375

/* One figure that can be traced. */
struct plan_rate {
    const char *name, *unit;
    double value;     /* NaN: not known */
    double low, high; /* range of the source; NaN when it gives none */
    double dbu;       /* the same price in Databricks units; 0: it has none */
    const char *source, *as_of;
    bool estimated; /* no printed figure: computed, assumed or hearsay */
    bool stale;     /* older than ECON_STALE_DAYS at the as-of date of the plan */
    bool given;     /* the user's own */
};

enum econ_id {
    ECON_ELECTRICITY,    /* USD/kWh */
    ECON_PUE,            /* utility power / IT power */
    ECON_AMORTISATION,   /* months */
    ECON_CAPITAL,        /* cost of capital per year */
    ECON_STAFF,          /* USD/year in all; NaN: from the three that follow */
    ECON_MANAGED_STAFF,  /* USD/year beside a managed offer */
    ECON_FTE_COST,       /* USD/FTE-year */
    ECON_FTE_PER_NODE,   /* while the site is small */
    ECON_GPUS_PER_FTE,   /* beyond the first engineer */
    ECON_SOFTWARE,       /* USD/GPU-year */
    ECON_UTILISATION,    /* peak load / sustainable load */
    ECON_STORAGE_SHARE,  /* of server capex */
    ECON_MAINTENANCE,    /* of server capex per year */
    ECON_NETWORK_SMALL,  /* of server and network capex, 2 to 127 nodes */
    ECON_NETWORK_MEDIUM, /* 128 to 4095 nodes */
    ECON_NETWORK_LARGE,  /* 4096 nodes and more */
    ECON_RESIDUAL,       /* of the purchase after 36 months */
    ECON_COLOCATION,     /* USD per kW of IT load and month, electricity on top */
    ECON_FACILITY,       /* USD per kW of IT load, to build */
    ECON_FACILITY_LIFE,  /* years */
    ECON_FAILURES,       /* interruptions per GPU-day, all causes */
    ECON_NODE_FAILURES,  /* further ones per node-day; 0 when the former include them */
    ECON_RESTART,        /* seconds until a replica serves again */
    ECON_SPOT,           /* interruptions per spot node and day */
    ECON_SPOT_REPLACE,   /* seconds until another spot node is there */
    ECON_BREAKAGE,       /* of GPUs per year that need repair */
    ECON_REPAIR,         /* seconds until a broken GPU is back */
    ECON_N,
};

struct econ {
    struct plan_rate rates[ECON_N];
    double availability_frac; /* target */
    int64_t spares;           /* replicas; -1: what the target needs */
    const char *as_of;        /* of the plan, YYYY-MM-DD */
};

/* What the economics read of the catalogue. */
struct econ_stock {
    struct node_list nodes;
    struct managed_list managed;
    struct param_list tco, reliability;
};
bool econ_stock_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct econ_stock *stock, struct err *err);

/* as_of: date of the plan. Fails when the catalogue lacks a figure that is needed. */
bool econ_resolve(const struct econ_stock *stock, const struct scenario *sc, const char *as_of,
                  struct econ *econ, struct err *err);

static inline double econ_value(const struct econ *econ, enum econ_id id)
{
    return econ->rates[id].value;
}

/* Days from a to b, both YYYY-MM-DD; 0 when either is no date. */
int econ_days_between(const char *a, const char *b);
bool econ_is_stale(const char *as_of, const char *plan_as_of);

#endif

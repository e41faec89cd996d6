/* SPDX-License-Identifier: GPL-3.0-or-later */
/* econ.c - picks each figure from the scenario or the catalogue and remembers where it is from.
 */
#include "sim/plan/econ.h"

#include <math.h>
#include <string.h>

#include "sim/base/date.h"

#define MONTH_S (ECON_DAYS_PER_MONTH * 86400)
#define DAY_S 86400.0

enum file { FILE_NONE, FILE_TCO, FILE_RELIABILITY };

/* Where each figure stands in the catalogue, and which key of the scenario replaces it. */
struct spec {
    const char *name, *unit;
    enum file file;
    const char *category, *param, *context; /* context NULL: any */
    const char *key;                        /* "": the scenario has none */
};

static const struct spec specs[ECON_N] = {
    [ECON_ELECTRICITY] = {"electricity", "USD/kWh", FILE_NONE, "", "", "",
                          "economics.electricity_per_kwh"},
    [ECON_PUE] = {"PUE", "ratio", FILE_NONE, "", "", "", "economics.pue"},
    [ECON_AMORTISATION] = {"amortisation", "months", FILE_NONE, "", "", "",
                           "economics.amortisation"},
    [ECON_CAPITAL] = {"cost of capital", "per year", FILE_NONE, "", "", "",
                      "economics.cost_of_capital"},
    [ECON_STAFF] = {"staff", "USD/year", FILE_NONE, "", "", "", "economics.staff_per_year"},
    [ECON_MANAGED_STAFF] = {"staff beside a managed offer", "USD/year", FILE_NONE, "", "", "",
                            "economics.managed_staff_per_year"},
    [ECON_FTE_COST] = {"engineer", "USD/FTE-year", FILE_TCO, "operations", "fte-cost", NULL,
                       ""},
    [ECON_FTE_PER_NODE] = {"engineers per node", "FTE", FILE_TCO, "operations",
                           "engineers-per-node", NULL, ""},
    [ECON_GPUS_PER_FTE] = {"GPUs per engineer", "GPUs/FTE", FILE_TCO, "operations",
                           "gpus-per-engineer", NULL, ""},
    [ECON_SOFTWARE] = {"software licences", "USD/GPU-year", FILE_NONE, "", "", "",
                       "economics.software_per_gpu_year"},
    [ECON_UTILISATION] = {"target utilisation", "fraction", FILE_NONE, "", "", "",
                          "economics.target_utilisation"},
    [ECON_STORAGE_SHARE] = {"storage", "of server capex", FILE_TCO, "capex", "storage-share",
                            NULL, ""},
    [ECON_MAINTENANCE] = {"maintenance", "of server capex per year", FILE_TCO, "operations",
                          "maintenance", NULL, ""},
    [ECON_NETWORK_SMALL] = {"network", "of capex", FILE_TCO, "capex", "network-share",
                            "64 nodes", ""},
    [ECON_NETWORK_MEDIUM] = {"network", "of capex", FILE_TCO, "capex", "network-share",
                             "128-1024 nodes", ""},
    [ECON_NETWORK_LARGE] = {"network", "of capex", FILE_TCO, "capex", "network-share",
                            ">=4096 nodes", ""},
    [ECON_RESIDUAL] = {"resale after 36 months", "of purchase", FILE_TCO, "resale",
                       "residual-36-months", NULL, ""},
    [ECON_COLOCATION] = {"colocation", "USD/kW-month", FILE_TCO, "colocation",
                         "wholesale-price", NULL, ""},
    [ECON_FACILITY] = {"data centre", "USD/kW", FILE_TCO, "capex", "build-cost", NULL, ""},
    [ECON_FACILITY_LIFE] = {"data centre life", "years", FILE_TCO, "depreciation",
                            "facility-life", NULL, ""},
    [ECON_FAILURES] = {"interruptions", "per GPU-day", FILE_RELIABILITY, "derived",
                       "unexpected-interruption-rate", NULL, "reliability.gpu_mtbf"},
    [ECON_NODE_FAILURES] = {"node failures", "per node-day", FILE_NONE, "", "", "",
                            "reliability.node_mtbf"},
    [ECON_RESTART] = {"restart", "s", FILE_RELIABILITY, "repair", "restart-on-spare", NULL,
                      "reliability.restart"},
    [ECON_SPOT] = {"spot interruptions", "per node-day", FILE_RELIABILITY, "spot",
                   "interruption-rate", NULL, "reliability.spot_mtbf"},
    [ECON_SPOT_REPLACE] = {"spot replacement", "s", FILE_RELIABILITY, "provisioning", "time",
                           NULL, "reliability.spot_replace"},
    [ECON_BREAKAGE] = {"GPU breakage", "per GPU-year", FILE_RELIABILITY, "gpu-failure",
                       "modelled-annualised-failure-rate", NULL, ""},
    [ECON_REPAIR] = {"repair", "s", FILE_RELIABILITY, "repair", "hard-repair", NULL,
                     "reliability.repair"},
};

bool econ_stock_load(struct arena *arena, const char *const *dirs, int n_dirs,
                     struct econ_stock *stock, struct err *err)
{
    return node_list_load(arena, dirs, n_dirs, &stock->nodes, err) &&
           managed_load(arena, dirs, n_dirs, &stock->managed, err) &&
           param_list_load(arena, dirs, n_dirs, "tco.csv", &stock->tco, err) &&
           param_list_load(arena, dirs, n_dirs, "reliability.csv", &stock->reliability, err);
}

int econ_days_between(const char *a, const char *b)
{
    int from = date_day_number(a);
    int to = date_day_number(b);
    return from < 0 || to < 0 ? 0 : to - from;
}

bool econ_is_stale(const char *as_of, const char *plan_as_of)
{
    return econ_days_between(as_of, plan_as_of) > ECON_STALE_DAYS;
}

/* The scenario's own figure in the unit of econ.h; NaN: the catalogue's. */
static double scenario_figure(const struct scenario *sc, enum econ_id id)
{
    const struct scenario_economics *e = &sc->economics;
    const struct scenario_reliability *r = &sc->reliability;
    switch (id) {
    case ECON_ELECTRICITY:
        return e->electricity_usd_per_kwh;
    case ECON_PUE:
        return e->pue;
    case ECON_AMORTISATION:
        return e->amortisation_s / MONTH_S;
    case ECON_CAPITAL:
        return e->cost_of_capital_frac;
    case ECON_STAFF:
        return e->staff_usd_per_year;
    case ECON_MANAGED_STAFF:
        return e->managed_staff_usd_per_year;
    case ECON_SOFTWARE:
        return e->software_usd_per_gpu_year;
    case ECON_UTILISATION:
        return e->target_utilisation_frac;
    case ECON_FAILURES:
        return DAY_S / r->gpu_mtbf_s;
    case ECON_NODE_FAILURES:
        return DAY_S / r->node_mtbf_s;
    case ECON_RESTART:
        return r->restart_s;
    case ECON_SPOT:
        return DAY_S / r->spot_mtbf_s;
    case ECON_SPOT_REPLACE:
        return r->spot_replace_s;
    case ECON_REPAIR:
        return r->repair_s;
    default:
        return NAN;
    }
}

static struct plan_rate from_scenario(const struct scenario *sc, enum econ_id id, double value)
{
    const struct scenario_value *v = scenario_value_find(sc, specs[id].key);
    bool given = v && v->origin != ORIGIN_DEFAULT;
    return (struct plan_rate){
        .name = specs[id].name,
        .unit = specs[id].unit,
        .value = value,
        .low = NAN,
        .high = NAN,
        .source = given ? "scenario" : "default of the scenario",
        .as_of = "",
        .estimated = !given,
        .given = given,
    };
}

static struct plan_rate from_param(const struct param *p, const char *name, const char *as_of)
{
    return (struct plan_rate){
        .name = name,
        .unit = p->unit,
        .value = p->value,
        .low = p->low,
        .high = p->high,
        .source = p->source,
        .as_of = p->as_of,
        .estimated = p->estimated,
        .stale = econ_is_stale(p->as_of, as_of),
    };
}

static bool resolve_one(const struct econ_stock *stock, const struct scenario *sc,
                        enum econ_id id, struct econ *econ, struct err *err)
{
    const struct spec *spec = &specs[id];
    double own = scenario_figure(sc, id);
    if (!isnan(own) || spec->file == FILE_NONE) {
        double unknown = id == ECON_NODE_FAILURES ? 0.0 : NAN; /* ECON_FAILURES has them */
        econ->rates[id] = from_scenario(sc, id, isnan(own) ? unknown : own);
        return true;
    }
    const struct param_list *list = spec->file == FILE_TCO ? &stock->tco : &stock->reliability;
    const struct param *p = param_find(list, spec->category, spec->param, spec->context);
    if (!p) {
        return err_set(err, ERR_INPUT, "the catalogue has no row '%s, %s' in hardware/%s",
                       spec->category, spec->param,
                       spec->file == FILE_TCO ? "tco.csv" : "reliability.csv");
    }
    econ->rates[id] = from_param(p, spec->name, econ->as_of);
    return true;
}

bool econ_resolve(const struct econ_stock *stock, const struct scenario *sc, const char *as_of,
                  struct econ *econ, struct err *err)
{
    *econ = (struct econ){
        .availability_frac = sc->reliability.availability_frac,
        .spares = sc->reliability.spares,
        .as_of = as_of,
    };
    for (int id = 0; id < ECON_N; id++) {
        if (!resolve_one(stock, sc, (enum econ_id)id, econ, err)) {
            return false;
        }
    }
    return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cost.c - the cost sheet of one month, line by line. */
#include "sim/plan/cost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hardware/catalog.h"

#define SECONDS_PER_MONTH (ECON_HOURS_PER_MONTH * 3600)
enum { MONTHS_PER_YEAR = 12 };

const char *const hosting_names[] = {"rented", "colocated", "own-site"};

bool hosting_committed(const struct hosting *hosting)
{
    return hosting->kind != HOSTING_RENT || strncmp(hosting->pricing, "reserved", 8) == 0;
}

bool hosting_spot(const struct hosting *hosting)
{
    return hosting->kind == HOSTING_RENT && strcmp(hosting->pricing, "spot") == 0;
}

double hosting_down_frac(const struct econ *econ, const struct plan_option *option,
                         const struct hosting *hosting)
{
    int gpus = option->gpus_per_replica;
    int node_gpus = hosting->node->n_gpus;
    double down = units_down_frac(econ, gpus, node_gpus);
    if (hosting_spot(hosting)) {
        down += units_spot_down_frac(econ, gpus, node_gpus, option->e2e_s);
    }
    return fmin(down, 0.9);
}

/* ---- which nodes ------------------------------------------------------------------------- */

static struct plan_rate price_rate(const struct price *price, bool bought, const char *as_of)
{
    return (struct plan_rate){
        .name = bought ? "servers" : "instances",
        .unit = bought ? "USD/node" : "USD/node-h",
        .value = bought ? price->usd : price->usd_per_h,
        .low = NAN,
        .high = NAN,
        .source = price->source,
        .as_of = price->as_of,
        .estimated = price->estimated,
        .stale = econ_is_stale(price->as_of, as_of),
    };
}

static struct plan_rate own_rent(const struct node_spec *node, double gpu_usd_per_h)
{
    return (struct plan_rate){
        .name = "instances",
        .unit = "USD/node-h",
        .value = gpu_usd_per_h * node->n_gpus,
        .low = NAN,
        .high = NAN,
        .source = "scenario",
        .as_of = "",
        .given = true,
    };
}

static void refuse(struct arena *arena, struct hosting_list *list, const struct node_spec *node,
                   const char *pricing, const char *why)
{
    list->refused[list->n_refused++] = (struct hosting_refusal){
        .node = node, .pricing = pricing, .reason = arena_strdup(arena, why)};
}

static void add_node(struct arena *arena, const struct econ_stock *stock,
                     const struct scenario *sc, const struct econ *econ,
                     const struct plan_option *option, const struct node_spec *node,
                     const char *pricing, struct hosting_list *list)
{
    bool bought = strcmp(pricing, "purchase") == 0;
    const struct price *price = price_find(&stock->nodes, node->name, pricing);
    double own = sc->economics.gpu_usd_per_h;
    bool replaced = !bought && !isnan(own);
    if (!price && !(replaced && strcmp(pricing, "on-demand") == 0)) {
        return;
    }
    char why[160];
    if (!units_fit(option, node, why, sizeof why)) {
        refuse(arena, list, node, pricing, why);
        return;
    }
    struct hosting h = {
        .kind = bought ? HOSTING_COLO : HOSTING_RENT,
        .node = node,
        .pricing = pricing,
        .region = price ? price->region : "",
        .price = replaced ? own_rent(node, own) : price_rate(price, bought, econ->as_of),
    };
    list->items[list->n++] = h;
    if (bought) {
        h.kind = HOSTING_OWN;
        list->items[list->n++] = h;
    }
}

void hosting_enumerate(struct arena *arena, const struct econ_stock *stock,
                       const struct scenario *sc, const struct econ *econ,
                       const struct plan_option *option, struct hosting_list *list)
{
    const struct int_list *pricing = &sc->economics.pricing;
    size_t most = (size_t)stock->nodes.n_nodes * (size_t)pricing->n + 1;
    *list = (struct hosting_list){0};
    list->items = arena_alloc(arena, 2 * most, sizeof *list->items);
    list->refused = arena_alloc(arena, most, sizeof *list->refused);
    for (int k = 0; k < pricing->n; k++) {
        for (int i = 0; i < stock->nodes.n_nodes; i++) {
            const struct node_spec *node = &stock->nodes.nodes[i];
            if (catalog_same_name(node->gpu, option->gpu)) {
                add_node(arena, stock, sc, econ, option, node, pricing_names[pricing->items[k]],
                         list);
            }
        }
    }
}

/* ---- the sheet --------------------------------------------------------------------------- */

struct cost_line cost_line_of(const char *name, double quantity, const char *unit,
                              double unit_usd, const struct plan_rate *rate)
{
    return (struct cost_line){
        .name = name,
        .usd = quantity * unit_usd,
        .quantity = quantity,
        .unit_usd = unit_usd,
        .unit = unit,
        .dbu = quantity * rate->dbu,
        .source = rate->source,
        .as_of = rate->as_of,
        .estimated = rate->estimated,
        .stale = rate->stale,
        .given = rate->given,
    };
}

/* Lines of nothing (no spares, free software) are left out. */
static void add_line(struct cost_sheet *sheet, struct cost_line line, bool cash)
{
    if (line.quantity == 0 || line.usd == 0) {
        return;
    }
    ASSERT(sheet->n_lines < COST_MAX_LINES);
    sheet->lines[sheet->n_lines++] = line;
    sheet->usd_per_month += line.usd;
    sheet->cash_usd += cash ? line.usd : 0;
}

static void add_capex(struct cost_sheet *sheet, struct cost_line line)
{
    if (line.usd == 0) {
        return;
    }
    ASSERT(sheet->n_capex < COST_MAX_LINES);
    sheet->capex[sheet->n_capex++] = line;
    sheet->capex_usd += line.usd;
}

struct units cost_fleet(const struct econ *econ, const struct plan_option *option,
                        const struct hosting *hosting, double peak_rps)
{
    int64_t replicas =
        units_replicas(peak_rps, option->rps_per_replica, econ_value(econ, ECON_UTILISATION));
    double down = hosting_down_frac(econ, option, hosting);
    return units_pack(option->gpus_per_replica, replicas, units_spares(econ, replicas, down),
                      hosting->node->n_gpus);
}

static int64_t spare_nodes(const struct plan_option *option, const struct hosting *hosting,
                           const struct units *units)
{
    struct units without =
        units_pack(option->gpus_per_replica, units->replicas, 0, hosting->node->n_gpus);
    return units->nodes > without.nodes ? units->nodes - without.nodes : 0;
}

/* IT power: busy replicas draw in proportion to their load, the rest of the GPUs idle. */
static double fleet_power_w(const struct plan_option *option, const struct units *units,
                            double mean_rps)
{
    double busy = fmin(mean_rps / option->rps_per_replica, (double)units->replicas);
    double idle_gpu_w = option->idle_power_w / option->gpus_per_replica;
    return busy * (option->power_w - option->idle_power_w) + (double)units->gpus * idle_gpu_w;
}

static double provisioned_kw(const struct plan_option *option, const struct hosting *hosting,
                             const struct units *units)
{
    double node_w = hosting->node->power_max_w;
    if (node_w <= 0) {
        node_w = option->power_w / option->gpus_per_replica * hosting->node->n_gpus;
    }
    return (double)units->nodes * node_w / 1000;
}

double cost_residual_frac(const struct econ *econ, double months)
{
    return pow(econ_value(econ, ECON_RESIDUAL), months / 36);
}

static void add_capex_lines(const struct econ *econ, const struct plan_option *option,
                            const struct hosting *hosting, const struct units *units,
                            struct cost_sheet *sheet)
{
    int64_t spare = spare_nodes(option, hosting, units);
    double servers_usd = (double)units->nodes * hosting->price.value;
    const struct plan_rate *network = units_network_rate(econ, units->nodes);
    const struct plan_rate *storage = &econ->rates[ECON_STORAGE_SHARE];
    add_capex(sheet, cost_line_of("servers", (double)(units->nodes - spare), "node",
                                  hosting->price.value, &hosting->price));
    add_capex(sheet, cost_line_of("spare servers", (double)spare, "node", hosting->price.value,
                                  &hosting->price));
    if (network) { /* the source's share is of servers and network together */
        add_capex(sheet, cost_line_of("network", servers_usd, "USD of servers",
                                      network->value / (1 - network->value), network));
    }
    add_capex(sheet,
              cost_line_of("storage", servers_usd, "USD of servers", storage->value, storage));
}

static void add_capital_lines(const struct econ *econ, double capex_usd,
                              struct cost_sheet *sheet)
{
    double months = econ_value(econ, ECON_AMORTISATION);
    double residual = cost_residual_frac(econ, months);
    const struct plan_rate *capital = &econ->rates[ECON_CAPITAL];
    add_line(sheet,
             cost_line_of("depreciation", capex_usd, "USD of capex", (1 - residual) / months,
                          &econ->rates[ECON_AMORTISATION]),
             false);
    add_line(sheet,
             cost_line_of("cost of capital", capex_usd * (1 + residual) / 2,
                          "USD bound on average", capital->value / MONTHS_PER_YEAR, capital),
             false);
}

static void add_facility_lines(const struct econ *econ, const struct plan_option *option,
                               const struct hosting *hosting, const struct units *units,
                               struct cost_sheet *sheet)
{
    double kw = provisioned_kw(option, hosting, units);
    if (hosting->kind == HOSTING_COLO) {
        const struct plan_rate *colo = &econ->rates[ECON_COLOCATION];
        add_line(sheet, cost_line_of("colocation", kw, "kW", colo->value, colo), true);
        return;
    }
    const struct plan_rate *build = &econ->rates[ECON_FACILITY];
    const struct plan_rate *life = &econ->rates[ECON_FACILITY_LIFE];
    const struct plan_rate *capital = &econ->rates[ECON_CAPITAL];
    add_capex(sheet, cost_line_of("data centre", kw, "kW", build->value, build));
    sheet->building_usd = kw * build->value;
    add_line(sheet,
             cost_line_of("data centre depreciation", kw * build->value, "USD of building",
                          1 / (life->value * MONTHS_PER_YEAR), life),
             false);
    add_line(sheet,
             cost_line_of("data centre capital", kw * build->value / 2, "USD bound on average",
                          capital->value / MONTHS_PER_YEAR, capital),
             false);
}

static void add_electricity(const struct econ *econ, struct cost_sheet *sheet)
{
    const struct plan_rate *price = &econ->rates[ECON_ELECTRICITY];
    sheet->utility_power_w = sheet->it_power_w * econ_value(econ, ECON_PUE);
    add_line(sheet,
             cost_line_of("electricity", sheet->utility_power_w / 1000 * ECON_HOURS_PER_MONTH,
                          "kWh", price->value, price),
             true);
}

static void add_bought(const struct econ *econ, const struct plan_option *option,
                       const struct hosting *hosting, const struct units *units,
                       struct cost_sheet *sheet)
{
    const struct plan_rate *care = &econ->rates[ECON_MAINTENANCE];
    add_capex_lines(econ, option, hosting, units, sheet);
    add_capital_lines(econ, sheet->capex_usd, sheet);
    add_line(sheet,
             cost_line_of("maintenance", (double)units->nodes * hosting->price.value,
                          "USD of servers", care->value / MONTHS_PER_YEAR, care),
             true);
    add_facility_lines(econ, option, hosting, units, sheet);
    add_electricity(econ, sheet);
}

static void add_rented(const struct plan_option *option, const struct hosting *hosting,
                       const struct units *units, struct cost_sheet *sheet)
{
    int64_t spare = spare_nodes(option, hosting, units);
    add_line(sheet,
             cost_line_of("instances", (double)(units->nodes - spare) * ECON_HOURS_PER_MONTH,
                          "node-h", hosting->price.value, &hosting->price),
             true);
    add_line(sheet,
             cost_line_of("spare instances", (double)spare * ECON_HOURS_PER_MONTH, "node-h",
                          hosting->price.value, &hosting->price),
             true);
}

double cost_staff_fte(const struct econ *econ, const struct units *units)
{
    if (!isnan(econ_value(econ, ECON_STAFF))) {
        return NAN;
    }
    double small = econ_value(econ, ECON_FTE_PER_NODE) * (double)units->nodes;
    double large = 1 + (double)units->gpus / econ_value(econ, ECON_GPUS_PER_FTE);
    return fmin(small, large);
}

static void add_people_and_licences(const struct econ *econ, const struct units *units,
                                    struct cost_sheet *sheet)
{
    double fte = cost_staff_fte(econ, units);
    const struct plan_rate *sum = &econ->rates[ECON_STAFF];
    const struct plan_rate *each = &econ->rates[ECON_FTE_COST];
    const struct plan_rate *software = &econ->rates[ECON_SOFTWARE];
    add_line(sheet,
             isnan(fte)
                 ? cost_line_of("staff", 1, "team", sum->value / MONTHS_PER_YEAR, sum)
                 : cost_line_of("staff", fte, "FTE", each->value / MONTHS_PER_YEAR, each),
             true);
    add_line(sheet,
             cost_line_of("software licences", (double)units->gpus, "GPU",
                          software->value / MONTHS_PER_YEAR, software),
             true);
}

void cost_month(const struct econ *econ, const struct plan_option *option,
                const struct hosting *hosting, const struct units *units, double mean_rps,
                struct cost_sheet *sheet)
{
    sheet->n_lines = 0;
    sheet->n_capex = 0;
    sheet->usd_per_month = sheet->capex_usd = sheet->building_usd = sheet->cash_usd = 0;
    sheet->it_power_w = fleet_power_w(option, units, mean_rps);
    sheet->utility_power_w = sheet->it_power_w * econ_value(econ, ECON_PUE);
    if (hosting->kind == HOSTING_RENT) {
        add_rented(option, hosting, units, sheet);
    } else {
        add_bought(econ, option, hosting, units, sheet);
    }
    add_people_and_licences(econ, units, sheet);
}

static double per_mtok(double usd, double tokens)
{
    return tokens > 0 ? usd / (tokens / 1e6) : NAN;
}

struct cost_per_mtok cost_tokens(const struct plan_option *option, double usd_per_month,
                                 double mean_rps)
{
    const struct plan_tokens *t = &option->tokens;
    double requests = mean_rps * SECONDS_PER_MONTH;
    double fresh = (t->input - t->cached) * requests;
    double output = t->output * requests;
    double prefill_usd = usd_per_month * option->prefill_time_frac;
    return (struct cost_per_mtok){
        .input_usd = per_mtok(prefill_usd, fresh),
        .cached_usd = t->cached > 0 ? 0 : NAN,
        .output_usd = per_mtok(usd_per_month - prefill_usd, output),
        .blended_usd = per_mtok(usd_per_month, t->input * requests + output),
    };
}

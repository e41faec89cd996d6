/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cost.c - the cost sheet of one month, line by line. */
#include "sim/plan/cost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hardware/catalog.h"

#define SECONDS_PER_MONTH (ECON_HOURS_PER_MONTH * 3600)

const char *const hosting_names[] = {"rented", "colocated", "own-site"};

bool hosting_committed(const struct hosting *hosting)
{
    return hosting->kind != HOSTING_RENT || strncmp(hosting->pricing, "reserved", 8) == 0;
}

bool hosting_spot(const struct hosting *hosting)
{
    return hosting->kind == HOSTING_RENT && strcmp(hosting->pricing, "spot") == 0;
}

/* What an option has on one kind of machine. */
struct lot {
    struct plan_share share;
    const struct node_spec *node;
    const struct plan_rate *price;
};
enum { MAX_LOTS = 2 };

/* Of a hosting of this option: the main one, then that of prefill. Returns how many. */
static int lots_of(const struct plan_option *option, const struct hosting *hosting,
                   struct lot lots[MAX_LOTS])
{
    lots[0] = (struct lot){units_main_share(option), hosting->node, &hosting->price};
    if (!option->prefill.gpu) {
        return 1;
    }
    const struct machine *m = &hosting->prefill;
    lots[1] = (struct lot){option->prefill, m->node, &m->price};
    return 2;
}

static struct units lot_units(const struct lot *lot, int64_t replicas, int64_t spares)
{
    return units_pack_share(&lot->share, replicas, spares, lot->node->n_gpus);
}

/* A unit serves while all its GPUs do. */
double hosting_down_frac(const struct econ *econ, const struct plan_option *option,
                         const struct hosting *hosting)
{
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    double down = 0.0;
    for (int i = 0; i < n; i++) {
        int gpus = lots[i].share.gpus;
        int node_gpus = lots[i].node->n_gpus;
        down += units_down_frac(econ, gpus, node_gpus);
        if (hosting_spot(hosting)) {
            down += units_spot_down_frac(econ, gpus, node_gpus, option->e2e_s);
        }
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

/* Prices and offers of one kind that hosting_enumerate goes through. */
struct quest {
    struct arena *arena;
    const struct econ_stock *stock;
    const struct econ *econ;
    const struct plan_option *option;
    const char *pricing;
    bool bought;
    double own_usd_per_h; /* of a GPU; NaN: the catalogue's */
    struct hosting_list *list;
};

/* False: no such price. */
static bool price_machine(const struct quest *q, const struct node_spec *node,
                          struct machine *out)
{
    const struct price *price = price_find(&q->stock->nodes, node->name, q->pricing);
    bool replaced = !q->bought && !isnan(q->own_usd_per_h);
    if (!price && !(replaced && strcmp(q->pricing, "on-demand") == 0)) {
        return false;
    }
    *out = (struct machine){
        .node = node,
        .region = price ? price->region : "",
        .price = replaced ? own_rent(node, q->own_usd_per_h)
                          : price_rate(price, q->bought, q->econ->as_of),
    };
    return true;
}

static void add_hosting(const struct quest *q, const struct machine *main,
                        const struct machine *prefill)
{
    struct hosting_list *list = q->list;
    struct hosting h = {
        .kind = q->bought ? HOSTING_COLO : HOSTING_RENT,
        .node = main->node,
        .pricing = q->pricing,
        .region = main->region,
        .price = main->price,
    };
    if (prefill) {
        h.prefill = *prefill;
    }
    list->items[list->n++] = h;
    if (q->bought) {
        h.kind = HOSTING_OWN;
        list->items[list->n++] = h;
    }
}

/* Two prices of one cloud hold in one place unless they say otherwise. */
static bool side_by_side(const struct quest *q, const struct machine *a,
                         const struct machine *b)
{
    return q->bought || (strcmp(a->node->provider, b->node->provider) == 0 &&
                         (a->region[0] == '\0' || b->region[0] == '\0' ||
                          strcmp(a->region, b->region) == 0));
}

static void add_pairs(const struct quest *q, const struct machine *main)
{
    const struct node_list *nodes = &q->stock->nodes;
    char why[160];
    for (int i = 0; i < nodes->n_nodes; i++) {
        const struct node_spec *node = &nodes->nodes[i];
        struct machine prefill;
        if (!catalog_same_name(node->gpu, q->option->prefill.gpu) ||
            !price_machine(q, node, &prefill) || !side_by_side(q, main, &prefill)) {
            continue;
        }
        if (units_share_fits(&q->option->prefill, node, why, sizeof why)) {
            add_hosting(q, main, &prefill);
        } else {
            refuse(q->arena, q->list, node, q->pricing, why);
        }
    }
}

static void add_node(const struct quest *q, const struct node_spec *node)
{
    struct machine main;
    char why[160];
    if (!price_machine(q, node, &main)) {
        return;
    }
    if (!units_fit(q->option, node, why, sizeof why)) {
        refuse(q->arena, q->list, node, q->pricing, why);
    } else if (q->option->prefill.gpu) {
        add_pairs(q, &main);
    } else {
        add_hosting(q, &main, NULL);
    }
}

static size_t count_nodes(const struct node_list *nodes, const char *gpu)
{
    size_t n = 0;
    for (int i = 0; i < nodes->n_nodes; i++) {
        n += catalog_same_name(nodes->nodes[i].gpu, gpu);
    }
    return n;
}

void hosting_enumerate(struct arena *arena, const struct econ_stock *stock,
                       const struct scenario *sc, const struct econ *econ,
                       const struct plan_option *option, struct hosting_list *list)
{
    const struct int_list *pricing = &sc->economics.pricing;
    const struct node_list *nodes = &stock->nodes;
    size_t pairs = option->prefill.gpu ? count_nodes(nodes, option->prefill.gpu) : 1;
    size_t most = count_nodes(nodes, option->gpu) * (pairs + 1) * (size_t)pricing->n + 1;
    *list = (struct hosting_list){0};
    list->items = arena_alloc(arena, 2 * most, sizeof *list->items);
    list->refused = arena_alloc(arena, most, sizeof *list->refused);
    for (int k = 0; k < pricing->n; k++) {
        const char *name = pricing_names[pricing->items[k]];
        struct quest q = {arena,
                          stock,
                          econ,
                          option,
                          name,
                          strcmp(name, "purchase") == 0,
                          sc->economics.gpu_usd_per_h,
                          list};
        for (int i = 0; i < nodes->n_nodes; i++) {
            if (catalog_same_name(nodes->nodes[i].gpu, option->gpu)) {
                add_node(&q, &nodes->nodes[i]);
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
    int64_t spares = units_spares(econ, replicas, hosting_down_frac(econ, option, hosting));
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    struct units units = lot_units(&lots[0], replicas, spares);
    return n == 1 ? units : units_join(units, lot_units(&lots[1], replicas, spares));
}

/* Machines of a lot in a fleet, and those of them that only spares need. */
struct lot_nodes {
    int64_t all, spare;
};
static struct lot_nodes lot_nodes(const struct lot *lot, const struct units *units)
{
    struct units with = lot_units(lot, units->replicas, units->spares);
    struct units without = lot_units(lot, units->replicas, 0);
    return (struct lot_nodes){with.nodes,
                              with.nodes > without.nodes ? with.nodes - without.nodes : 0};
}

/* IT power: busy replicas draw in proportion to their load, the rest of the GPUs idle. */
static double fleet_power_w(const struct plan_option *option, const struct hosting *hosting,
                            const struct units *units, double mean_rps)
{
    double busy = fmin(mean_rps / option->rps_per_replica, (double)units->replicas);
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    double power_w = 0.0;
    for (int i = 0; i < n; i++) {
        const struct plan_share *s = &lots[i].share;
        double gpus = (double)lot_nodes(&lots[i], units).all * lots[i].node->n_gpus;
        power_w += busy * (s->power_w - s->idle_power_w) + gpus * (s->idle_power_w / s->gpus);
    }
    return power_w;
}

static double provisioned_kw(const struct plan_option *option, const struct hosting *hosting,
                             const struct units *units)
{
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    double kw = 0.0;
    for (int i = 0; i < n; i++) {
        const struct plan_share *s = &lots[i].share;
        double node_w = lots[i].node->power_max_w;
        if (node_w <= 0) {
            node_w = s->power_w / s->gpus * lots[i].node->n_gpus;
        }
        kw += (double)lot_nodes(&lots[i], units).all * node_w / 1000;
    }
    return kw;
}

static double servers_usd(const struct plan_option *option, const struct hosting *hosting,
                          const struct units *units)
{
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    double usd = 0.0;
    for (int i = 0; i < n; i++) {
        usd += (double)lot_nodes(&lots[i], units).all * lots[i].price->value;
    }
    return usd;
}

double cost_residual_frac(const struct econ *econ, double months)
{
    return pow(econ_value(econ, ECON_RESIDUAL), months / 36);
}

static void add_capex_lines(const struct econ *econ, const struct plan_option *option,
                            const struct hosting *hosting, const struct units *units,
                            struct cost_sheet *sheet)
{
    static const char *const names[MAX_LOTS][2] = {
        {"servers", "spare servers"}, {"prefill servers", "spare prefill servers"}};
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    double usd = servers_usd(option, hosting, units);
    const struct plan_rate *network = units_network_rate(econ, units->nodes);
    const struct plan_rate *storage = &econ->rates[ECON_STORAGE_SHARE];
    for (int i = 0; i < n; i++) {
        struct lot_nodes nodes = lot_nodes(&lots[i], units);
        const struct plan_rate *price = lots[i].price;
        add_capex(sheet, cost_line_of(names[i][0], (double)(nodes.all - nodes.spare), "node",
                                      price->value, price));
        add_capex(sheet,
                  cost_line_of(names[i][1], (double)nodes.spare, "node", price->value, price));
    }
    if (network) { /* the source's share is of servers and network together */
        add_capex(sheet, cost_line_of("network", usd, "USD of servers",
                                      network->value / (1 - network->value), network));
    }
    add_capex(sheet, cost_line_of("storage", usd, "USD of servers", storage->value, storage));
}

/* What the money bound in purchases costs: no wear, and nothing that is paid to anybody. */
static void add_interest(struct cost_sheet *sheet, struct cost_line line)
{
    sheet->capital_usd += line.usd;
    add_line(sheet, line, false);
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
    add_interest(sheet, cost_line_of("cost of capital", capex_usd * (1 + residual) / 2,
                                     "USD bound on average", capital->value / MONTHS_PER_YEAR,
                                     capital));
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
    add_interest(sheet, cost_line_of("data centre capital", kw * build->value / 2,
                                     "USD bound on average", capital->value / MONTHS_PER_YEAR,
                                     capital));
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
             cost_line_of("maintenance", servers_usd(option, hosting, units), "USD of servers",
                          care->value / MONTHS_PER_YEAR, care),
             true);
    add_facility_lines(econ, option, hosting, units, sheet);
    add_electricity(econ, sheet);
}

static void add_rented(const struct plan_option *option, const struct hosting *hosting,
                       const struct units *units, struct cost_sheet *sheet)
{
    static const char *const names[MAX_LOTS][2] = {
        {"instances", "spare instances"}, {"prefill instances", "spare prefill instances"}};
    struct lot lots[MAX_LOTS];
    int n = lots_of(option, hosting, lots);
    for (int i = 0; i < n; i++) {
        struct lot_nodes nodes = lot_nodes(&lots[i], units);
        const struct plan_rate *price = lots[i].price;
        add_line(sheet,
                 cost_line_of(names[i][0],
                              (double)(nodes.all - nodes.spare) * ECON_HOURS_PER_MONTH,
                              "node-h", price->value, price),
                 true);
        add_line(sheet,
                 cost_line_of(names[i][1], (double)nodes.spare * ECON_HOURS_PER_MONTH, "node-h",
                              price->value, price),
                 true);
    }
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
    sheet->capital_usd = 0;
    sheet->it_power_w = fleet_power_w(option, hosting, units, mean_rps);
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

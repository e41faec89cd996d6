/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forecast.c - runs the months of a comparison; reads and sets its inputs. */
#include "sim/plan/forecast.h"

#include <math.h>

#define DAY_S 86400.0

static double peak_to_mean(const struct plan_case *c)
{
    return demand_peak_to_mean(&c->demand, (enum burstiness)c->demand.burst);
}

static struct offer_load load_at(const struct plan_case *c, double requests_per_day)
{
    double mean = requests_per_day / DAY_S;
    return (struct offer_load){
        .mean_rps = mean,
        .peak_hour_rps = mean * c->demand.hour_peak,
        .peak_rps = mean * peak_to_mean(c),
    };
}

struct units forecast_fleet(const struct plan_case *c, double requests_per_day)
{
    return cost_fleet(&c->econ, &c->option, &c->hosting, load_at(c, requests_per_day).peak_rps);
}

double forecast_self_usd(const struct plan_case *c, double requests_per_day)
{
    if (!c->has_self || !(c->option.rps_per_replica > 0)) {
        return NAN;
    }
    struct units units = forecast_fleet(c, requests_per_day);
    struct cost_sheet sheet;
    cost_month(&c->econ, &c->option, &c->hosting, &units, requests_per_day / DAY_S, &sheet);
    return sheet.usd_per_month;
}

double forecast_managed_usd(const struct plan_case *c, double requests_per_day)
{
    if (!c->has_managed) {
        return NAN;
    }
    struct offer_load load = load_at(c, requests_per_day);
    struct offer_month month;
    offer_month(&c->offer, &c->option.tokens, &load, &month);
    return month.usd;
}

/* ---- the months -------------------------------------------------------------------------- */

/* What is carried from month to month. */
struct run {
    const struct plan_case *c;
    double month_discount; /* per month */
    double discount;       /* to the start of this month */
    double committed_peak_rps;
    struct units units; /* of the month before: most months need no new count of spares */
    double capex_usd, building_usd; /* bought so far */
    double terminal_usd;            /* resale and book value at the end of the horizon */
    int last_managed_cheaper;
};

/* Purchases of this month, and what they will fetch at the end of the horizon. */
static double buy(struct run *run, const struct cost_sheet *sheet, int month)
{
    const struct econ *econ = &run->c->econ;
    double age = run->c->demand.n_months - month;
    double building = fmax(0, sheet->building_usd - run->building_usd);
    double machines = fmax(0, sheet->capex_usd - run->capex_usd) - building;
    double life = econ_value(econ, ECON_FACILITY_LIFE) * MONTHS_PER_YEAR;
    run->terminal_usd += machines * cost_residual_frac(econ, age);
    run->terminal_usd += building * fmax(0, 1 - age / life);
    run->capex_usd = fmax(run->capex_usd, sheet->capex_usd);
    run->building_usd = fmax(run->building_usd, sheet->building_usd);
    return machines + building;
}

static struct units fleet_of(struct run *run, double peak_rps)
{
    const struct plan_case *c = run->c;
    double utilisation = econ_value(&c->econ, ECON_UTILISATION);
    if (units_replicas(peak_rps, c->option.rps_per_replica, utilisation) !=
        run->units.replicas) {
        run->units = cost_fleet(&c->econ, &c->option, &c->hosting, peak_rps);
    }
    return run->units;
}

static void run_self(struct run *run, int month, struct forecast_month *m, struct forecast *out)
{
    const struct plan_case *c = run->c;
    double peak = m->peak_rps;
    m->self_usd = m->self_cash_usd = m->self_bought_usd = m->self_capital_usd = NAN;
    if (!c->has_self || !(c->option.rps_per_replica > 0)) {
        out->self_usd = out->self_npv_usd = NAN;
        return;
    }
    if (hosting_committed(&c->hosting)) {
        peak = run->committed_peak_rps = fmax(run->committed_peak_rps, peak);
    }
    struct cost_sheet sheet;
    m->units = fleet_of(run, peak);
    cost_month(&c->econ, &c->option, &c->hosting, &m->units, m->mean_rps, &sheet);
    double bought = buy(run, &sheet, month);
    m->self_usd = sheet.usd_per_month;
    m->self_cash_usd = sheet.cash_usd + bought;
    m->self_bought_usd = bought;
    m->self_capital_usd = sheet.capital_usd;
    out->self_usd += m->self_usd;
    out->self_npv_usd += run->discount * (bought + sheet.cash_usd * run->month_discount);
    out->gpus_max = m->units.gpus > out->gpus_max ? m->units.gpus : out->gpus_max;
}

static void run_managed(const struct run *run, struct forecast_month *m, struct forecast *out)
{
    const struct plan_case *c = run->c;
    m->managed_usd = NAN;
    if (c->has_managed) {
        struct offer_load load = load_at(c, m->requests_per_day);
        struct offer_month priced;
        offer_month(&c->offer, &c->option.tokens, &load, &priced);
        m->managed_usd = priced.usd;
        m->managed_state = priced.state;
    }
    out->managed_usd += m->managed_usd;
    out->managed_npv_usd += m->managed_usd * run->discount * run->month_discount;
}

void forecast_run(const struct plan_case *c, struct forecast_month *months,
                  struct forecast *out)
{
    int n = c->demand.n_months;
    struct run run = {
        .c = c,
        .month_discount = pow(1 + econ_value(&c->econ, ECON_CAPITAL), -1.0 / MONTHS_PER_YEAR),
        .discount = 1,
        .last_managed_cheaper = -1,
    };
    *out = (struct forecast){0};
    for (int month = 0; month < n; month++) {
        double per_day = demand_requests_per_day(&c->demand, month);
        struct offer_load load = load_at(c, per_day);
        struct forecast_month m = {
            .requests_per_day = per_day, .mean_rps = load.mean_rps, .peak_rps = load.peak_rps};
        run_self(&run, month, &m, out);
        run_managed(&run, &m, out);
        if (!(m.self_usd < m.managed_usd) && !(isnan(m.managed_usd) && c->has_managed)) {
            run.last_managed_cheaper = month;
        }
        if (months) {
            months[month] = m;
        }
        run.discount *= run.month_discount;
    }
    out->self_npv_usd -= run.terminal_usd * run.discount;
    out->self_usd /= n;
    out->managed_usd /= n;
    out->crossing_month = run.last_managed_cheaper + 1 < n ? run.last_managed_cheaper + 1 : -1;
}

/* ---- inputs ------------------------------------------------------------------------------ */

struct input_spec input_spec_of(const struct plan_case *c, enum input_id id)
{
    bool rented = c->hosting.kind == HOSTING_RENT;
    bool hourly = offer_by_hour(&c->offer);
    bool team = !isnan(econ_value(&c->econ, ECON_STAFF));
    switch (id) {
    case INPUT_VOLUME:
        return (struct input_spec){"volume of the first month", "requests/day", 1, 1e13};
    case INPUT_GROWTH:
        return (struct input_spec){"growth", "per month", -0.9, 2};
    case INPUT_PEAK:
        return (struct input_spec){"peak to mean", "ratio", 1, 1000};
    case INPUT_CAPACITY:
        return (struct input_spec){"capacity of a replica", "requests/s", 1e-6, 1e9};
    case INPUT_UTILISATION:
        return (struct input_spec){"utilisation", "fraction", 0.01, 1};
    case INPUT_NODE_PRICE:
        return rented ? (struct input_spec){"GPU rent", "USD/GPU-h", 0, 1e5}
                      : (struct input_spec){"server price", "USD/GPU", 0, 1e8};
    case INPUT_MANAGED_PRICE:
        return hourly ? (struct input_spec){"managed price", "USD/unit-h", 0, 1e6}
                      : (struct input_spec){"managed price", "USD/Mtok", 0, 1e5};
    case INPUT_STAFF:
        return team ? (struct input_spec){"cost of staff", "USD/year", 0, 1e9}
                    : (struct input_spec){"cost of an engineer", "USD/FTE-year", 0, 1e8};
    case INPUT_ELECTRICITY:
        return (struct input_spec){"electricity", "USD/kWh", 0, 100};
    case INPUT_CAPITAL:
        return (struct input_spec){"cost of capital", "per year", 0, 2};
    case INPUT_RESIDUAL:
        return (struct input_spec){"resale after 36 months", "of purchase", 0.001, 0.99};
    case INPUT_SPOT:
        return (struct input_spec){"spot interruptions", "per node-day", 0, 1000};
    case INPUT_MANAGED_STAFF:
        return (struct input_spec){"staff beside the managed offer", "USD/year", 0, 1e9};
    default:
        return (struct input_spec){"interruptions", "per GPU-day", 0, 1};
    }
}

static enum econ_id econ_of(const struct plan_case *c, enum input_id id)
{
    switch (id) {
    case INPUT_UTILISATION:
        return ECON_UTILISATION;
    case INPUT_STAFF:
        return isnan(econ_value(&c->econ, ECON_STAFF)) ? ECON_FTE_COST : ECON_STAFF;
    case INPUT_ELECTRICITY:
        return ECON_ELECTRICITY;
    case INPUT_CAPITAL:
        return ECON_CAPITAL;
    case INPUT_RESIDUAL:
        return ECON_RESIDUAL;
    case INPUT_FAILURES:
        return ECON_FAILURES;
    case INPUT_SPOT:
        return ECON_SPOT;
    default:
        return ECON_N;
    }
}

static double managed_price(const struct plan_case *c)
{
    const struct offer *offer = &c->offer;
    return offer_by_hour(offer) ? offer->entry.value * offer->price_factor
                                : offer_blended_usd(offer, &c->option.tokens);
}

double input_get(const struct plan_case *c, enum input_id id)
{
    switch (id) {
    case INPUT_VOLUME:
        return c->demand.requests_per_day;
    case INPUT_GROWTH:
        return c->demand.growth_per_month_frac;
    case INPUT_PEAK:
        return peak_to_mean(c);
    case INPUT_CAPACITY:
        return c->option.rps_per_replica;
    case INPUT_NODE_PRICE:
        return c->hosting.price.value / c->hosting.node->n_gpus;
    case INPUT_MANAGED_PRICE:
        return managed_price(c);
    case INPUT_MANAGED_STAFF:
        return c->offer.staff.value;
    default:
        return econ_value(&c->econ, econ_of(c, id));
    }
}

/* A range moves with its value. */
static void set_rate(struct plan_rate *rate, double value)
{
    double factor = rate->value > 0 ? value / rate->value : 1;
    rate->value = value;
    rate->low *= factor;
    rate->high *= factor;
}

static void set_capacity(struct plan_option *option, double rps)
{
    double factor = rps / option->rps_per_replica;
    option->rps_per_replica = rps;
    option->rps_lo *= factor;
    option->rps_hi *= factor;
}

/* A dedicated endpoint runs the simulated system: it follows capacity and utilisation. */
static bool is_dedicated(const struct plan_case *c)
{
    return c->has_managed && c->offer.kind == OFFER_DEDICATED;
}

static void scale_dedicated(struct plan_case *c, double factor)
{
    if (is_dedicated(c)) {
        c->offer.unit_tok_per_s.value *= factor;
    }
}

void input_set(struct plan_case *c, enum input_id id, double value)
{
    if (id == INPUT_CAPACITY || id == INPUT_UTILISATION) {
        scale_dedicated(c, value / input_get(c, id));
    }
    switch (id) {
    case INPUT_VOLUME:
        c->demand.requests_per_day = value;
        return;
    case INPUT_GROWTH:
        c->demand.growth_per_month_frac = value;
        return;
    case INPUT_PEAK: /* the shape of the day stays while it can */
        c->demand.hour_peak = fmin(c->demand.hour_peak, value);
        c->demand.burst_factor[c->demand.burst] = value / c->demand.hour_peak;
        return;
    case INPUT_CAPACITY:
        set_capacity(&c->option, value);
        return;
    case INPUT_NODE_PRICE: /* machines beside these follow, but for free ones */
        if (input_get(c, id) > 0) {
            c->hosting.prefill.price.value *= value / input_get(c, id);
        }
        c->hosting.price.value = value * c->hosting.node->n_gpus;
        return;
    case INPUT_MANAGED_PRICE:
        c->offer.price_factor *= value / managed_price(c);
        return;
    case INPUT_MANAGED_STAFF:
        set_rate(&c->offer.staff, value);
        return;
    default:
        set_rate(&c->econ.rates[econ_of(c, id)], value);
    }
}

bool input_matters(const struct plan_case *c, enum input_id id)
{
    bool bought = c->hosting.kind != HOSTING_RENT;
    switch (id) {
    case INPUT_VOLUME:
    case INPUT_GROWTH:
    case INPUT_PEAK:
        return true;
    case INPUT_MANAGED_PRICE:
        return c->has_managed && managed_price(c) > 0;
    case INPUT_MANAGED_STAFF:
        return c->has_managed;
    case INPUT_ELECTRICITY:
    case INPUT_CAPITAL:
    case INPUT_RESIDUAL:
        return c->has_self && bought;
    case INPUT_SPOT:
        return c->has_self && hosting_spot(&c->hosting);
    case INPUT_CAPACITY:
    case INPUT_UTILISATION:
        return c->has_self || is_dedicated(c);
    default:
        return c->has_self;
    }
}

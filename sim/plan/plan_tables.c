/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan_tables.c - the CSV tables of a plan; plan.h describes their columns. */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/plan/plan.h"

enum { CURVE_POINTS = 60, MAX_STEPS = 400, BAND_SAMPLES = 256, STEPS_ROOM = 512 };
static const double CURVE_BELOW = 0.01; /* of today's volume: where a curve starts */
static const double CURVE_BEYOND = 10.0;

static void put_empty(struct csv_writer *w, int n)
{
    for (int i = 0; i < n; i++) {
        csv_put(w, "");
    }
}

static const char *model_name(const struct plan *plan, int model_idx)
{
    return model_idx < 0 ? "" : plan->scenario->models[model_idx].name;
}

/* ---- plan.csv -------------------------------------------------------------------------------
 */

static const char *const option_cols[] = {
    "rank", "state", "side", "option", "model", "quality", "system", "hardware", "tp", "pp",
    "ep", "dp", "decode_replicas", "prefill_replicas", "prefill_hardware", "prefill_tp",
    "prefill_pp", "prefill_ep", "prefill_dp", "weights", "kv_cache", "engine",
    "tokens_per_step", "hosting", "provider", "node", "prefill_node", "pricing", "region",
    "seat", "regions", "custom_weights", "given_ttft_s", "given_tpot_s", "reason",
    /* sizes */
    "n_gpus", "n_gpus_stranded", "replicas", "spares", "nodes", "prefill_nodes",
    "n_gpus_poisson", "n_gpus_default", "n_gpus_bursty", "peak_rps",
    /* capacity */
    "rps_per_replica", "rps_per_replica_lo", "rps_per_replica_hi", "rps_per_replica_band_lo",
    "rps_per_replica_band_hi", "binding", "ttft_use_frac", "tpot_use_frac", "itl_use_frac",
    "e2e_use_frac", "kv_use_frac", "loss_use_frac", "throughput_use_frac", "availability_frac",
    "tpot_s_mean", "output_tok_s_per_gpu", "fleet_confirmed", "fleet_simulated",
    "fleet_ttft_s_mean", "fleet_tpot_s_mean", "power_w",
    /* money */
    "usd_per_month", "usd_per_month_p10", "usd_per_month_p50", "usd_per_month_p90",
    "usd_month_0", "capex_usd", "npv_usd", "usd_per_mtok_input", "usd_per_mtok_cached",
    "usd_per_mtok_output", "usd_per_mtok_blended", "usd_per_mtok_blended_p10",
    "usd_per_mtok_blended_p50", "usd_per_mtok_blended_p90", "evidence", "label"};
enum {
    SYSTEM_COLS = 17,
    MACHINE_COLS = 11,
    SIZE_COLS = 10,
    CAPACITY_COLS = 21,
    MONEY_COLS = 16 /* and the words */
};

static void put_count(struct csv_writer *w, int64_t n)
{
    if (n > 0) {
        csv_put_int(w, n);
    } else {
        csv_put(w, "");
    }
}

static const char *state_of(const struct plan_entry *e)
{
    if (e->excluded != RULE_NONE) {
        return "excluded";
    }
    return e->rank > 0 ? "ranked" : "unpriced";
}

static int64_t tokens_per_step(const struct system_spec *s)
{
    return s->engine == ENGINE_SGLANG ? s->chunked_prefill : s->max_batched_tokens;
}

/* Of one unit; empty where it is one replica that does both. */
static void put_unit(struct csv_writer *w, const struct search_item *item)
{
    const struct candidate *c = item->candidate;
    put_count(w, c->unit ? candidate_replicas(c) : 0);
    put_count(w, c->unit ? c->unit->prefill_replicas : 0);
    csv_put(w, c->unit ? c->unit->prefill_gpu->name : "");
    put_count(w, item->prefill_tp);
    put_count(w, item->prefill_pp);
    put_count(w, item->prefill_ep);
    put_count(w, item->prefill_dp);
}

static void put_system(struct csv_writer *w, const struct search_item *item)
{
    const struct system_spec *s = &item->spec;
    csv_put(w, item->candidate->name);
    csv_put(w, s->gpu->name);
    csv_put_int(w, s->tp);
    csv_put_int(w, s->pp);
    csv_put_int(w, s->ep);
    csv_put_int(w, s->dp);
    put_unit(w, item);
    csv_put(w, dtype_name(s->checkpoint.weights));
    csv_put(w, dtype_name(s->kv));
    csv_put(w, engine_names[s->engine]);
    put_count(w, tokens_per_step(s));
}

static void put_machine(struct csv_writer *w, const struct plan_entry *e)
{
    if (e->item) {
        const struct hosting *h = &e->c.hosting;
        csv_put(w, hosting_names[h->kind]);
        csv_put(w, h->node->provider);
        csv_put(w, h->node->name);
        csv_put(w, h->prefill.node ? h->prefill.node->name : "");
        csv_put(w, h->pricing);
        csv_put(w, h->region);
        return;
    }
    const struct offer *o = &e->c.offer;
    csv_put(w, offer_kind_names[o->kind]);
    csv_put(w, o->provider);
    csv_put(w, o->model);
    csv_put(w, "");
    csv_put(w, offer_by_hour(o) ? "per hour" : "per token");
    csv_put(w, o->region ? o->region : "");
}

static void put_operator(struct csv_writer *w, const struct policy_facts *facts)
{
    bool own = strcmp(facts->operator_name, "self") == 0;
    csv_put(w, facts->jurisdiction);
    csv_put(w, facts->regions);
    csv_put(w, own ? "" : policy_weights_names[facts->weights]);
}

static const char *reason_of(const struct plan_entry *e, char *buf, size_t n)
{
    if (e->excluded != RULE_NONE) {
        snprintf(buf, n, "%s: %s", policy_rule_names[e->excluded], e->why);
        return buf;
    }
    if (e->item || !isnan(e->usd)) {
        return "";
    }
    if (e->month.state == OFFER_PRICED) {
        return "over a limit later in the horizon";
    }
    if (e->month.limit >= 0) {
        snprintf(buf, n, "%s: at the peak %.3g times the limit on %s",
                 offer_state_names[e->month.state], e->month.limit_frac,
                 offer_limit_words[e->month.limit]);
        return buf;
    }
    if (e->month.state == OFFER_UNKNOWN_CAPACITY) {
        snprintf(buf, n, "%s: what a unit carries is not published",
                 offer_state_names[e->month.state]);
        return buf;
    }
    return offer_state_names[e->month.state];
}

static void put_sizes(struct csv_writer *w, const struct plan_entry *e)
{
    csv_put_int(w, e->units.gpus);
    csv_put_int(w, e->units.stranded);
    csv_put_int(w, e->units.replicas);
    csv_put_int(w, e->units.spares);
    csv_put_int(w, e->units.nodes);
    put_count(w, e->units.prefill_nodes);
    for (int i = 0; i < FLEET_N; i++) {
        csv_put_int(w, e->fleet.counts[i].gpus);
    }
    csv_put_num(w, e->fleet.counts[FLEET_DEFAULT].peak_rps);
}

static void put_capacity(struct csv_writer *w, const struct plan_entry *e)
{
    static const enum bind uses[] = {BIND_TTFT, BIND_TPOT,         BIND_ITL,       BIND_E2E,
                                     BIND_KV,   BIND_AVAILABILITY, BIND_THROUGHPUT};
    const struct capacity *c = &e->item->capacity;
    csv_put_num(w, e->c.option.rps_per_replica);
    csv_put_num(w, c->lo);
    csv_put_num(w, c->hi);
    csv_put_num(w, e->c.option.rps_lo);
    csv_put_num(w, e->c.option.rps_hi);
    csv_put(w, bind_names[c->bind]);
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        csv_put_num(w, c->at.use[uses[i]]);
    }
    csv_put_num(w, e->fleet.availability_frac);
    csv_put_num(w, c->at.tpot_s);
    csv_put_num(w, c->at.output_tok_s / e->item->n_gpus);
    csv_put(w, !e->check ? "" : e->check->met ? "1" : "0");
    put_count(w, e->check ? e->check->simulated : 0);
    csv_put_num(w, e->check ? e->check->at.ttft_s : NAN);
    csv_put_num(w, e->check ? e->check->at.tpot_s : NAN);
    csv_put_num(w, e->sheet.it_power_w);
}

/* Units that a provider runs are counted like machines; their GPUs where it says which. */
static void put_offer_sizes(struct csv_writer *w, const struct plan_entry *e)
{
    put_count(w, e->month.units * e->c.offer.unit_gpus);
    put_empty(w, 3);
    put_count(w, e->month.units);
    put_empty(w, SIZE_COLS - 5 + CAPACITY_COLS);
}

/* An offer by the hour has no price of its own for input or output. */
static double offer_price(const struct plan_rate *r, const struct offer *o)
{
    return offer_by_hour(o) ? NAN : r->value * o->price_factor;
}

static void put_spread(struct csv_writer *w, const struct plan_entry *e,
                       const struct quantiles *q)
{
    bool known = e->rank > 0;
    csv_put_num(w, known ? q->p10 : NAN);
    csv_put_num(w, known ? q->p50 : NAN);
    csv_put_num(w, known ? q->p90 : NAN);
}

static void put_money(struct csv_writer *w, const struct plan_entry *e)
{
    bool self = e->item != NULL;
    double usd_0 = self ? e->sheet.usd_per_month : e->month.usd;
    struct cost_per_mtok t =
        cost_tokens(&e->c.option, e->usd, demand_horizon_rps(&e->c.demand));
    if (!self) {
        const struct offer *o = &e->c.offer;
        t.input_usd = offer_price(&o->input, o);
        t.cached_usd = offer_price(&o->cached, o);
        t.output_usd = offer_price(&o->output, o);
    }
    csv_put_num(w, e->usd);
    put_spread(w, e, &e->spread.usd);
    csv_put_num(w, usd_0);
    csv_put_num(w, self ? e->sheet.capex_usd : NAN);
    csv_put_num(w, self ? e->forecast.self_npv_usd : e->forecast.managed_npv_usd);
    csv_put_num(w, t.input_usd);
    csv_put_num(w, t.cached_usd);
    csv_put_num(w, t.output_usd);
    csv_put_num(w, t.blended_usd);
    put_spread(w, e, &e->spread.usd_per_mtok);
    csv_put(w, self ? plan_evidence_names[e->c.option.evidence] : "");
    csv_put(w, e->label);
    csv_end_row(w);
}

static void put_entry(struct csv_writer *w, const struct plan *plan, const struct plan_entry *e)
{
    char reason[320];
    put_count(w, e->rank);
    csv_put(w, state_of(e));
    csv_put(w, e->item ? "self-hosted" : "managed");
    csv_put(w, e->name);
    csv_put(w, model_name(plan, e->model_idx));
    csv_put_num(w, plan->scenario->models[e->model_idx].quality);
    if (e->item) {
        put_system(w, e->item);
    } else {
        put_empty(w, SYSTEM_COLS);
    }
    put_machine(w, e);
    put_operator(w, &e->facts);
    csv_put_num(w, e->item ? NAN : e->c.offer.ttft_s);
    csv_put_num(w, e->item ? NAN : e->c.offer.tpot_s);
    csv_put(w, reason_of(e, reason, sizeof reason));
    if (e->item) {
        put_sizes(w, e);
        put_capacity(w, e);
    } else {
        put_offer_sizes(w, e);
    }
    put_money(w, e);
}

static void put_unsized(struct csv_writer *w, const struct plan *plan,
                        const struct search_item *item)
{
    int model_idx = (int)(item->candidate->model - plan->scenario->models);
    csv_put(w, "");
    csv_put(w, search_state_names[item->state]);
    csv_put(w, "self-hosted");
    csv_put(w, item->candidate->name);
    csv_put(w, model_name(plan, model_idx));
    csv_put_num(w, plan->scenario->models[model_idx].quality);
    put_system(w, item);
    put_empty(w, MACHINE_COLS);
    csv_put(w, item->why);
    put_empty(w, SIZE_COLS + CAPACITY_COLS + MONEY_COLS);
    csv_end_row(w);
}

/* A machine that no system could use, once. */
static bool refusal_counts(const struct plan *plan, int i)
{
    const struct hosting_refusal *r = &plan->refused[i];
    for (int e = 0; e < plan->n_entries; e++) {
        const struct hosting *h = &plan->entries[e].c.hosting;
        if (plan->entries[e].item && (h->node == r->node || h->prefill.node == r->node)) {
            return false;
        }
    }
    for (int j = 0; j < i; j++) {
        if (plan->refused[j].node == r->node) {
            return false;
        }
    }
    return true;
}

static void put_refusal(struct csv_writer *w, const struct plan *plan, int i)
{
    const struct hosting_refusal *r = &plan->refused[i];
    csv_put(w, "");
    csv_put(w, "refused");
    csv_put(w, "self-hosted");
    csv_put(w, plan->refused_option[i]);
    put_empty(w, 3);
    csv_put(w, r->node->gpu);
    put_empty(w, SYSTEM_COLS - 1); /* the system's rest, and the hosting */
    csv_put(w, r->node->provider);
    csv_put(w, r->node->name);
    csv_put(w, "");
    csv_put(w, r->pricing);
    put_empty(w, 6);
    csv_put(w, r->reason);
    put_empty(w, SIZE_COLS + CAPACITY_COLS + MONEY_COLS);
    csv_end_row(w);
}

bool plan_write_options(const struct plan *plan, const char *path, struct err *err)
{
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, option_cols, sizeof option_cols / sizeof option_cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->n_entries; i++) {
        put_entry(w, plan, &plan->entries[i]);
    }
    for (int i = 0; i < plan->search.candidates.n; i++) {
        if (plan->search.items[i].state != SEARCH_SIZED) {
            put_unsized(w, plan, &plan->search.items[i]);
        }
    }
    for (int i = 0; i < plan->n_refused; i++) {
        if (refusal_counts(plan, i)) {
            put_refusal(w, plan, i);
        }
    }
    return csv_close(w, err);
}

/* ---- costs.csv ------------------------------------------------------------------------------
 */

static void put_lines(struct csv_writer *w, const char *option, const char *section,
                      const struct cost_line *lines, int n)
{
    for (int i = 0; i < n; i++) {
        const struct cost_line *l = &lines[i];
        csv_put(w, option);
        csv_put(w, section);
        csv_put(w, l->name);
        csv_put_num(w, l->usd);
        csv_put_num(w, l->quantity);
        csv_put(w, l->unit);
        csv_put_num(w, l->unit_usd);
        csv_put_num(w, l->dbu > 0 ? l->dbu : NAN);
        csv_put(w, l->source);
        csv_put(w, l->as_of);
        csv_put_int(w, l->estimated);
        csv_put_int(w, l->stale);
        csv_put_int(w, l->given);
        csv_end_row(w);
    }
}

bool plan_write_costs(const struct plan *plan, const char *path, struct err *err)
{
    static const char *const cols[] = {"option",    "section",  "item", "usd",    "quantity",
                                       "unit",      "unit_usd", "dbu",  "source", "as_of",
                                       "estimated", "stale",    "given"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->n_entries; i++) {
        const struct plan_entry *e = &plan->entries[i];
        if (e->item) {
            put_lines(w, e->name, "monthly", e->sheet.lines, e->sheet.n_lines);
            put_lines(w, e->name, "once", e->sheet.capex, e->sheet.n_capex);
        } else {
            put_lines(w, e->name, "monthly", e->month.lines, e->month.n_lines);
        }
    }
    return csv_close(w, err);
}

/* ---- breakeven.csv --------------------------------------------------------------------------
 */

static double tokens_of(const struct plan_case *c)
{
    return c->option.tokens.input + c->option.tokens.output;
}

/* kind: "curve" of the best pair, "option" of any other; against: "" then. */
static void put_curve_point(struct csv_writer *w, const char *model, const struct plan_entry *e,
                            const char *against, const struct plan_case *c, double x)
{
    bool self = e->item != NULL;
    double usd = self ? forecast_self_usd(c, x) : forecast_managed_usd(c, x);
    csv_put(w, model);
    csv_put(w, e->name);
    csv_put(w, against);
    csv_put(w, against[0] ? "curve" : "option");
    csv_put_num(w, x);
    csv_put_num(w, x * tokens_of(c));
    csv_put_num(w, usd);
    put_count(w, self ? forecast_fleet(c, x).gpus : 0);
    put_empty(w, 2);
    csv_put(w, against[0] ? e->label : "");
    csv_end_row(w);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Volumes at which curves are drawn: a grid, and both sides of every step. Returns how many. */
static int curve_volumes(const struct plan_case *c, double *x, int room)
{
    double steps[STEPS_ROOM];
    double today = demand_requests_per_day(&c->demand, 0);
    double last = demand_requests_per_day(&c->demand, c->demand.n_months - 1);
    double from = CURVE_BELOW * today;
    double to = CURVE_BEYOND * fmax(today, last);
    int n = 0;
    for (int i = 0; i < CURVE_POINTS; i++) {
        x[n++] = from * pow(to / from, (double)i / (CURVE_POINTS - 1));
    }
    double upto = to;
    int n_steps = breakeven_steps(c, &upto, steps, STEPS_ROOM);
    for (int i = 0; i < n_steps && i < MAX_STEPS / 2 && n + 2 <= room; i++) {
        if (steps[i] > from) {
            x[n++] = steps[i] * (1.0 - 1e-9);
            x[n++] = steps[i] * (1.0 + 1e-9);
        }
    }
    qsort(x, (size_t)n, sizeof *x, compare_doubles);
    return n;
}

static void put_crossings(struct csv_writer *w, const char *model, const struct plan_answer *a)
{
    for (int i = 0; i < a->breakeven.n; i++) {
        const struct crossing *x = &a->breakeven.items[i];
        csv_put(w, model);
        csv_put(w, a->self->name);
        csv_put(w, a->managed->name);
        csv_put(w, crossing_names[x->kind]);
        csv_put_num(w, x->requests_per_day);
        csv_put_num(w, x->requests_per_day * tokens_of(&a->pair));
        csv_put_num(w, x->usd_per_month);
        csv_put_int(w, x->gpus);
        csv_put(w, x->to_self ? "self-hosted" : "managed");
        csv_put_num(w, demand_month_of(&a->pair.demand, x->requests_per_day));
        csv_put(w, "");
        csv_end_row(w);
    }
}

/* What every ranked option of the model costs over the volume but for the pair, whose curves
 * are there; x: scratch. */
static void put_option_curves(struct csv_writer *w, const struct plan *plan,
                              const struct plan_answer *a, double *x, int room)
{
    const char *model = model_name(plan, a->model_idx);
    for (int i = 0; i < plan->n_entries; i++) {
        const struct plan_entry *e = &plan->entries[i];
        bool in_pair = a->has_pair && (e == a->self || e == a->managed);
        if (e->rank <= 0 || e->model_idx != a->model_idx || in_pair) {
            continue;
        }
        int n = curve_volumes(&e->c, x, room);
        for (int j = 0; j < n; j++) {
            put_curve_point(w, model, e, "", &e->c, x[j]);
        }
    }
}

bool plan_write_breakeven(struct arena *arena, const struct plan *plan, const char *path,
                          struct err *err)
{
    static const char *const cols[] = {
        "model",       "option",        "against", "kind", "requests_per_day",
        "tok_per_day", "usd_per_month", "n_gpus",  "to",   "month",
        "label"};
    struct csv_writer *w = csv_create(path, err);
    int room = CURVE_POINTS + MAX_STEPS;
    double *x = arena_alloc(arena, (size_t)room, sizeof *x);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->n_answers; i++) {
        const struct plan_answer *a = &plan->answers[i];
        const char *model = model_name(plan, a->model_idx);
        int n = a->has_pair ? curve_volumes(&a->pair, x, room) : 0;
        for (int self = 1; self >= 0; self--) {
            for (int j = 0; j < n; j++) {
                put_curve_point(w, model, self ? a->self : a->managed,
                                self ? a->managed->name : a->self->name, &a->pair, x[j]);
            }
        }
        put_crossings(w, model, a);
        put_option_curves(w, plan, a, x, room);
    }
    return csv_close(w, err);
}

/* ---- forecast.csv ---------------------------------------------------------------------------
 */

enum band_of { BAND_DEMAND, BAND_GPUS, BAND_SELF, BAND_MANAGED, BAND_KINDS };

/* Samples of every month: [kind][month][sample]. */
struct forecast_bands {
    double *values;
    int n_months;
};

static double *band_at(const struct forecast_bands *b, int kind, int month)
{
    return &b->values[((size_t)kind * (size_t)b->n_months + (size_t)month) * BAND_SAMPLES];
}

static void fill_bands(struct arena *arena, const struct plan *plan, const struct plan_case *c,
                       struct forecast_bands *b)
{
    int n = c->demand.n_months;
    uint64_t seed = (uint64_t)plan->scenario->simulation.seed;
    double *design = uncertainty_design(arena, seed, 0, BAND_SAMPLES);
    struct forecast_month *months = arena_alloc(arena, (size_t)n, sizeof *months);
    b->n_months = n;
    b->values =
        arena_alloc(arena, (size_t)BAND_KINDS * (size_t)n * BAND_SAMPLES, sizeof *b->values);
    for (int i = 0; i < BAND_SAMPLES; i++) {
        struct plan_case sample;
        struct forecast fc;
        uncertainty_apply(c, design, BAND_SAMPLES, i, &sample);
        forecast_run(&sample, months, &fc);
        for (int m = 0; m < n; m++) {
            band_at(b, BAND_DEMAND, m)[i] = months[m].requests_per_day;
            band_at(b, BAND_GPUS, m)[i] = (double)months[m].units.gpus;
            band_at(b, BAND_SELF, m)[i] = months[m].self_usd;
            band_at(b, BAND_MANAGED, m)[i] = months[m].managed_usd;
        }
    }
}

/* P10 and P90 of those that have a value; empty when none has. */
static void put_band(struct csv_writer *w, const struct forecast_bands *b, int kind, int month)
{
    double sorted[BAND_SAMPLES];
    const double *v = band_at(b, kind, month);
    size_t n = 0;
    for (int i = 0; i < BAND_SAMPLES; i++) {
        if (!isnan(v[i])) {
            sorted[n++] = v[i];
        }
    }
    gsl_sort(sorted, 1, n);
    csv_put_num(w, n ? gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.1) : NAN);
    csv_put_num(w, n ? gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.9) : NAN);
}

static void put_month(struct csv_writer *w, const struct plan_answer *a,
                      const struct forecast_month *m, const struct forecast_bands *b, int idx,
                      const double *totals)
{
    bool self = a->self != NULL;
    csv_put_num(w, m->requests_per_day);
    put_band(w, b, BAND_DEMAND, idx);
    csv_put_num(w, m->peak_rps);
    csv_put(w, self ? a->self->name : "");
    csv_put(w, a->managed ? a->managed->name : "");
    if (self) {
        csv_put_int(w, m->units.replicas);
        csv_put_int(w, m->units.spares);
        csv_put_int(w, m->units.nodes);
        csv_put_int(w, m->units.gpus);
        put_band(w, b, BAND_GPUS, idx);
    } else {
        put_empty(w, 6);
    }
    csv_put_num(w, m->self_usd);
    put_band(w, b, BAND_SELF, idx);
    csv_put_num(w, m->managed_usd);
    put_band(w, b, BAND_MANAGED, idx);
    csv_put_num(w, m->self_cash_usd);
    csv_put_num(w, m->self_bought_usd);
    csv_put_num(w, m->self_capital_usd);
    csv_put_num(w, totals[0]);
    csv_put_num(w, totals[1]);
    csv_put(w, a->managed ? offer_state_names[m->managed_state] : "");
    csv_end_row(w);
}

/* Both sides where there are two, else the one there is; false: none. */
static bool case_of(const struct plan_answer *a, struct plan_case *c)
{
    if (a->has_pair) {
        *c = a->pair;
    } else if (a->self) {
        *c = a->self->c;
    } else if (a->managed) {
        *c = a->managed->c;
    }
    return a->has_pair || a->self || a->managed;
}

static void put_forecast(struct arena *arena, struct csv_writer *w, const struct plan *plan,
                         const struct plan_answer *a)
{
    struct plan_case c;
    struct forecast fc;
    struct forecast_bands bands;
    double totals[2] = {0.0, 0.0};
    if (!case_of(a, &c)) {
        return;
    }
    struct forecast_month *months =
        arena_alloc(arena, (size_t)c.demand.n_months, sizeof *months);
    forecast_run(&c, months, &fc);
    fill_bands(arena, plan, &c, &bands);
    for (int m = 0; m < c.demand.n_months; m++) {
        totals[0] += months[m].self_cash_usd;
        totals[1] += months[m].managed_usd;
        csv_put(w, model_name(plan, a->model_idx));
        csv_put_int(w, m);
        put_month(w, a, &months[m], &bands, m, totals);
    }
}

bool plan_write_forecast(struct arena *arena, const struct plan *plan, const char *path,
                         struct err *err)
{
    static const char *const cols[] = {"model",
                                       "month",
                                       "requests_per_day",
                                       "requests_per_day_p10",
                                       "requests_per_day_p90",
                                       "peak_rps",
                                       "self_option",
                                       "managed_option",
                                       "replicas",
                                       "spares",
                                       "nodes",
                                       "n_gpus",
                                       "n_gpus_p10",
                                       "n_gpus_p90",
                                       "self_usd",
                                       "self_usd_p10",
                                       "self_usd_p90",
                                       "managed_usd",
                                       "managed_usd_p10",
                                       "managed_usd_p90",
                                       "self_cash_usd",
                                       "self_bought_usd",
                                       "self_capital_usd",
                                       "self_cash_total_usd",
                                       "managed_cash_total_usd",
                                       "managed_state"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->n_answers; i++) {
        put_forecast(arena, w, plan, &plan->answers[i]);
    }
    return csv_close(w, err);
}

/* ---- sensitivity.csv ------------------------------------------------------------------------
 */

static void put_tornado(struct csv_writer *w, const struct plan *plan,
                        const struct plan_answer *a)
{
    for (int i = 0; i < a->tornado.n; i++) {
        const struct tornado_row *r = &a->tornado.rows[i];
        struct input_spec spec = input_spec_of(&a->pair, r->id);
        struct spread spread = uncertainty_spread(&a->pair, r->id);
        csv_put(w, model_name(plan, a->model_idx));
        csv_put(w, spec.name);
        csv_put(w, spec.unit);
        csv_put_num(w, r->low);
        csv_put_num(w, input_get(&a->pair, r->id));
        csv_put_num(w, r->high);
        csv_put_num(w, r->usd_low);
        csv_put_num(w, a->tornado.base_usd);
        csv_put_num(w, r->usd_high);
        csv_put_num(w, r->total_effect_frac);
        csv_put(w, spread.why ? spread.why : "");
        csv_put_int(w, spread.assumed);
        csv_end_row(w);
    }
}

bool plan_write_sensitivity(const struct plan *plan, const char *path, struct err *err)
{
    static const char *const cols[] = {
        "model",  "input",   "unit",     "low",      "value",
        "high",   "usd_low", "usd_base", "usd_high", "total_effect_frac",
        "source", "assumed"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->n_answers; i++) {
        if (plan->answers[i].has_pair) {
            put_tornado(w, plan, &plan->answers[i]);
        }
    }
    return csv_close(w, err);
}

/* ---- decision.csv ---------------------------------------------------------------------------
 */

struct fact {
    struct csv_writer *w;
    const char *section, *model;
};

static void put_fact(const struct fact *f, const char *item, double value, const char *unit,
                     const char *text)
{
    csv_put(f->w, f->section);
    csv_put(f->w, f->model);
    csv_put(f->w, item);
    csv_put_num(f->w, value);
    csv_put(f->w, unit);
    csv_put(f->w, text);
    csv_end_row(f->w);
}

static void put_quantiles(const struct fact *f, const char *name, const char *unit,
                          const struct quantiles *q)
{
    static const char *const suffix[] = {"p10", "p50", "p90"};
    const double values[] = {q->p10, q->p50, q->p90};
    for (int i = 0; i < 3; i++) {
        char item[64];
        snprintf(item, sizeof item, "%s_%s", name, suffix[i]);
        put_fact(f, item, values[i], unit, "");
    }
}

static const char *name_of(const struct plan_entry *e)
{
    return e ? e->name : "";
}

/* Inputs that flip, then those of which no value does. */
static void put_flips(struct fact *f, const struct plan_answer *a)
{
    const struct decision *d = &a->decision;
    const struct plan_case *c = a->has_pair ? &a->pair : a->chosen ? &a->chosen->c : NULL;
    f->section = "flip";
    for (int i = 0; i < d->n_flips; i++) {
        const struct decision_flip *x = &d->flips[i];
        put_fact(f, c ? input_spec_of(c, x->id).name : "", x->value,
                 c ? input_spec_of(c, x->id).unit : "", x->text);
    }
    f->section = "no_flip";
    for (int i = 0; c && i < d->n_firm; i++) {
        struct input_spec spec = input_spec_of(c, d->firm[i]);
        put_fact(f, spec.name, input_get(c, d->firm[i]), spec.unit,
                 "no value changes the decision alone");
    }
}

static void put_decision(struct csv_writer *w, const struct plan *plan,
                         const struct plan_answer *a)
{
    const struct decision *d = &a->decision;
    struct fact f = {w, "decision", model_name(plan, a->model_idx)};
    put_fact(&f, "side", NAN, "", decision_side_names[d->side]);
    put_fact(&f, "reason", NAN, "", decision_reason_names[d->reason]);
    put_fact(&f, "confidence", NAN, "", decision_confidence_names[d->confidence]);
    put_fact(&f, "chosen", a->chosen ? a->chosen->usd : NAN, "USD/month", name_of(a->chosen));
    put_fact(&f, "runner_up", a->runner_up ? a->runner_up->usd : NAN, "USD/month",
             name_of(a->runner_up));
    put_fact(&f, "self_usd", d->self_usd, "USD/month", name_of(a->self));
    put_fact(&f, "managed_usd", d->managed_usd, "USD/month", name_of(a->managed));
    put_fact(&f, "wins_frac", a->has_pair ? d->wins_frac : NAN, "fraction of samples",
             "self-hosting wins by the margin");
    put_fact(&f, "ratio", a->has_pair ? d->ratio : NAN, "self / managed",
             "at the confidence asked for");
    put_fact(&f, "margin_frac", plan->scenario->economics.decision_margin_frac, "fraction",
             "by which self-hosting must be cheaper");
    put_fact(&f, "confidence_frac", plan->scenario->economics.decision_confidence,
             "fraction of samples", "in which it must be");
    put_fact(&f, "text", NAN, "", d->text ? d->text : "");
    put_flips(&f, a);
}

/* What holds over all volumes that were searched, when the costs do not cross. */
static const char *searched_text(const struct plan_answer *a)
{
    double volume = a->pair.demand.requests_per_day;
    double self = forecast_self_usd(&a->pair, volume);
    double managed = forecast_managed_usd(&a->pair, volume);
    if (a->breakeven.n > 0) {
        return "the costs cross";
    }
    return self < managed || isnan(managed) ? "self-hosting is cheaper at every volume searched"
                                            : "self-hosting is dearer at every volume searched";
}

static void put_uncertainty(struct csv_writer *w, const struct plan *plan,
                            const struct plan_answer *a)
{
    struct fact f = {w, "uncertainty", model_name(plan, a->model_idx)};
    const struct uncertainty *u = &a->uncertainty;
    if (!a->has_pair) {
        return;
    }
    put_quantiles(&f, "self_usd", "USD/month", &u->self_usd);
    put_quantiles(&f, "managed_usd", "USD/month", &u->managed_usd);
    put_quantiles(&f, "n_gpus", "GPUs", &u->gpus);
    put_quantiles(&f, "crossing_month", "month", &u->crossing_month);
    put_quantiles(&f, "ratio", "self / managed", &u->ratio);
    put_fact(&f, "crosses_frac", u->crosses_frac, "fraction of samples", "");
    f.section = "breakeven";
    for (int i = 0; i < a->breakeven.n; i++) {
        if (a->breakeven.items[i].to_self) {
            put_fact(&f, "first_crossing", a->breakeven.items[i].requests_per_day,
                     "requests/day", "self-hosting is cheaper just above");
            break;
        }
    }
    put_fact(&f, "searched_to", a->breakeven.searched_to, "requests/day", searched_text(a));
    put_fact(&f, "month", a->breakeven_month, "month",
             "in which the forecast passes the next crossing to self-hosting");
    if (a->has_pair) {
        put_fact(&f, "first_win_month",
                 demand_month_of(&a->pair.demand, a->first_win_requests_per_day), "month",
                 "in which the forecast reaches first_win");
    }
    if (a->first_win) {
        put_fact(&f, "first_win", a->first_win_requests_per_day, "requests/day",
                 a->first_win->name);
        put_fact(&f, "first_win_tok_per_day",
                 a->first_win_requests_per_day * tokens_of(&a->first_win->c), "tokens/day",
                 a->first_win->name);
    }
}

/* Break-even volumes are those of one month, flips those of the first: what lies between. */
static void put_demand(struct csv_writer *w, const struct plan *plan)
{
    struct fact f = {w, "demand", ""};
    const struct demand *d = &plan->demand;
    double first = demand_requests_per_day(d, 0);
    double mean = first * demand_horizon_rps(d) / demand_mean_rps(d, 0);
    put_fact(&f, "first_month", first, "requests/day", "");
    put_fact(&f, "mean", mean, "requests/day", "over the months of the plan");
    put_fact(&f, "last_month", demand_requests_per_day(d, d->n_months - 1), "requests/day", "");
    put_fact(&f, "mean_over_first", mean / first, "ratio", "");
}

/* From the monthly cost to the cash. Cost spreads a purchase over its life and adds the cost of
 * the money; cash has the whole of it at once. So over all months, each summed up:
 *     cash = cost + value left - capital,  value left = bought - (cost - paid - capital)
 * with paid the cash that is no purchase, and the bracket the wear of what was bought. */
static void put_cash(struct arena *arena, struct csv_writer *w, const struct plan *plan,
                     const struct plan_answer *a)
{
    struct fact f = {w, "cash", model_name(plan, a->model_idx)};
    struct plan_case c;
    struct forecast fc;
    double cost = 0, cash = 0, bought = 0, capital = 0;
    if (!a->self || !case_of(a, &c)) {
        return;
    }
    int n = c.demand.n_months;
    struct forecast_month *months = arena_alloc(arena, (size_t)n, sizeof *months);
    forecast_run(&c, months, &fc);
    for (int m = 0; m < n; m++) {
        cost += months[m].self_usd;
        cash += months[m].self_cash_usd;
        bought += months[m].self_bought_usd;
        capital += months[m].self_capital_usd;
    }
    put_fact(&f, "months", n, "months", "");
    put_fact(&f, "cost", cost, "USD", "sum of self_usd");
    put_fact(&f, "bought", bought, "USD", "sum of self_bought_usd");
    put_fact(&f, "nodes", (double)months[n - 1].units.nodes, "nodes", "in the last month");
    put_fact(&f, "capital", capital, "USD", "sum of self_capital_usd: cost, but not paid");
    put_fact(&f, "value_left", cash - cost + capital, "USD",
             "of what was bought: the price less the depreciation in the cost");
    put_fact(&f, "cash", cash, "USD", "cost + value_left - capital");
}

static void put_exclusions(struct csv_writer *w, const struct plan *plan)
{
    char reason[320];
    for (int i = 0; i < plan->n_entries; i++) {
        const struct plan_entry *e = &plan->entries[i];
        struct fact f = {w, "excluded", model_name(plan, e->model_idx)};
        if (e->excluded != RULE_NONE || isnan(e->usd)) {
            put_fact(&f, e->name, NAN, "", reason_of(e, reason, sizeof reason));
        }
    }
    for (int i = 0; i < plan->n_gaps; i++) {
        const struct offer_gap *g = &plan->gaps[i];
        struct fact f = {w, "gap", g->model};
        snprintf(reason, sizeof reason,
                 "not offered; nearest provider: %s; nearest model of this provider: %s",
                 g->nearest_provider[0] ? g->nearest_provider : "none",
                 g->nearest_model[0] ? g->nearest_model : "none");
        put_fact(&f, g->provider, NAN, "", reason);
    }
}

/* What is taken for the machines of a spot market, where there are any. */
static void put_spot_note(const struct fact *f, const struct plan *plan)
{
    const struct plan_rate *rate = &plan->econ.rates[ECON_SPOT];
    const struct plan_rate *wait = &plan->econ.rates[ECON_SPOT_REPLACE];
    char text[512];
    for (int i = 0; i < plan->n_entries; i++) {
        if (plan->entries[i].item && hosting_spot(&plan->entries[i].c.hosting)) {
            snprintf(
                text, sizeof text,
                "Spot machines are taken to be interrupted %.3g times a day each (%s%s) and "
                "replaced after %.0f s; their spares cover that. Times in which none is to "
                "be had are left out.",
                rate->value, rate->estimated ? "an estimate: " : "", rate->source, wait->value);
            put_fact(f, "spot", rate->value, rate->unit, text);
            return;
        }
    }
}

static void put_notes(struct csv_writer *w, const struct plan *plan)
{
    static const char *const notes[][2] = {
        {"taxes", "Taxes, grants, inflation and exchange rates are left out."},
        {"tokens", "Cost per million tokens splits the month's cost by simulated GPU time: "
                   "prefill over input that no cache held, decode over output."},
        {"staff", "Machines of one's own are charged the people who run them. Of a managed "
                  "offer that is the provider's work; people of one's own beside it are as "
                  "economics.managed_staff_per_year says. Work on the application is the same "
                  "on both sides and on neither bill."},
        {"managed latency", "The latency of managed offers is not simulated."},
    };
    struct fact f = {w, "note", ""};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        put_fact(&f, notes[i][0], NAN, "", notes[i][1]);
    }
    put_spot_note(&f, plan);
}

bool plan_write_decision(struct arena *arena, const struct plan *plan, const char *path,
                         struct err *err)
{
    static const char *const cols[] = {"section", "model", "item", "value", "unit", "text"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    put_decision(w, plan, &plan->answer);
    put_uncertainty(w, plan, &plan->answer);
    for (int i = 0; plan->n_answers > 1 && i < plan->n_answers; i++) {
        put_decision(w, plan, &plan->answers[i]);
        put_uncertainty(w, plan, &plan->answers[i]);
    }
    put_demand(w, plan);
    for (int i = 0; i < plan->n_answers; i++) {
        put_cash(arena, w, plan, &plan->answers[i]);
    }
    put_exclusions(w, plan);
    put_notes(w, plan);
    return csv_close(w, err);
}

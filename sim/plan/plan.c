/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan.c - search, prices, policy and decision put together. */
#include "sim/plan/plan.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/catalog.h"
#include "sim/base/pool.h"
#include "sim/plan/label.h"

enum {
    CONFIRM_AT_ONCE = 4, /* fleets of the cheapest systems simulated in one round */
    CONFIRM_ROUNDS = 4,
    WHY_SIZE = 200,
};

struct planning {
    struct arena *arena;
    const struct stock *stock;
    const struct plan_options *options;
    struct plan *plan;
    int cap_entries, cap_refused, cap_gaps;
};

/* ---- entries: self-hosted -------------------------------------------------------------------
 */

static int model_idx_of(const struct scenario *sc, const struct candidate *c)
{
    return (int)(c->model - sc->models);
}

/* Prices an entry of its own figures; the fleet and its check stay. */
static void price_self(const struct planning *p, struct plan_entry *e)
{
    const struct demand *d = &e->c.demand;
    forecast_run(&e->c, NULL, &e->forecast);
    e->usd = e->forecast.self_usd;
    e->units = forecast_fleet(&e->c, demand_requests_per_day(d, 0));
    cost_month(&e->c.econ, &e->c.option, &e->c.hosting, &e->units, demand_mean_rps(d, 0),
               &e->sheet);
    fleet_size(&p->plan->econ, d, &e->c.option, &e->c.hosting, 0, &e->fleet);
}

static const char *self_name(struct arena *arena, const struct search_item *item,
                             const struct hosting *h)
{
    const char *how = h->kind == HOSTING_RENT ? h->pricing : hosting_names[h->kind];
    const char *node = h->node->name;
    if (h->prefill.node) {
        node = arena_printf(arena, "%s + %s", node, h->prefill.node->name);
    }
    return arena_printf(arena, "%s on %s %s", item->candidate->name, node, how);
}

static bool same_machine(const struct hosting *a, const struct hosting *b)
{
    return a->node == b->node && a->prefill.node == b->prefill.node && a->kind == b->kind &&
           strcmp(a->pricing, b->pricing) == 0 && strcmp(a->region, b->region) == 0;
}

/* The entry of this model on this machine and price; NULL: none yet. */
static struct plan_entry *entry_like(const struct plan *plan, int model_idx,
                                     const struct hosting *h)
{
    for (int i = 0; i < plan->n_entries; i++) {
        struct plan_entry *e = &plan->entries[i];
        if (e->item && e->model_idx == model_idx && same_machine(&e->c.hosting, h)) {
            return e;
        }
    }
    return NULL;
}

static struct plan_entry *new_entry(struct planning *p)
{
    struct plan *plan = p->plan;
    ARRAY_RESERVE(plan->entries, p->cap_entries, plan->n_entries + 1);
    return &plan->entries[plan->n_entries++];
}

static void apply_policy(const struct planning *p, struct plan_entry *e,
                         const struct policy_facts *facts)
{
    char why[WHY_SIZE] = "";
    e->excluded = policy_check(&p->plan->scenario->policy, facts, why, sizeof why);
    e->why = arena_strdup(p->arena, why);
    e->facts = *facts;
}

static void apply_latency(const struct planning *p, struct plan_entry *e)
{
    const struct scenario *sc = p->plan->scenario;
    char why[WHY_SIZE];
    if (e->excluded == RULE_NONE &&
        !(policy_latency_met(sc, SLO_TTFT, e->c.offer.ttft_s, why, sizeof why) &&
          policy_latency_met(sc, SLO_TPOT, e->c.offer.tpot_s, why, sizeof why))) {
        e->excluded = RULE_LATENCY;
        e->why = arena_strdup(p->arena, why);
    }
}

/* A system on a machine: takes the place of a dearer one of the same model there. */
static void offer_self(struct planning *p, const struct search_item *item,
                       const struct hosting *h)
{
    struct plan *plan = p->plan;
    struct plan_entry e = {
        .model_idx = model_idx_of(plan->scenario, item->candidate),
        .item = item,
        .c = {.econ = plan->econ,
              .demand = plan->demand,
              .option = item->option,
              .hosting = *h,
              .has_self = true},
    };
    price_self(p, &e);
    struct plan_entry *old = entry_like(plan, e.model_idx, h);
    if (old && !(e.usd < old->usd)) {
        return;
    }
    e.name = self_name(p->arena, item, h);
    e.c.option.name = e.name;
    struct policy_facts facts = policy_of_hosting(&plan->book, h, item->option.quality);
    apply_policy(p, &e, &facts);
    *(old ? old : new_entry(p)) = e;
}

static void add_refusals(struct planning *p, const struct search_item *item,
                         const struct hosting_list *list)
{
    struct plan *plan = p->plan;
    for (int i = 0; i < list->n_refused; i++) {
        int cap = p->cap_refused;
        ARRAY_RESERVE(plan->refused, cap, plan->n_refused + 1);
        ARRAY_RESERVE(plan->refused_option, p->cap_refused, plan->n_refused + 1);
        plan->refused[plan->n_refused] = list->refused[i];
        plan->refused_option[plan->n_refused++] = item->candidate->name;
    }
}

static void add_self_entries(struct planning *p)
{
    struct plan *plan = p->plan;
    for (int i = 0; i < plan->search.candidates.n; i++) {
        const struct search_item *item = &plan->search.items[i];
        struct hosting_list list;
        if (item->state != SEARCH_SIZED) {
            continue;
        }
        hosting_enumerate(p->arena, &plan->stock, plan->scenario, &plan->econ, &item->option,
                          &list);
        for (int h = 0; h < list.n; h++) {
            offer_self(p, item, &list.items[h]);
        }
        add_refusals(p, item, &list);
    }
}

/* ---- whole fleets ---------------------------------------------------------------------------
 */

static int compare_usd(double a, double b)
{
    bool na = isnan(a);
    bool nb = isnan(b);
    if (na || nb) {
        return na - nb;
    }
    return (a > b) - (a < b);
}

/* Allowed and priced first, by cost; then by policy and name: a total order. */
static int compare_entries(const void *a, const void *b)
{
    const struct plan_entry *x = a;
    const struct plan_entry *y = b;
    int order = (x->excluded != RULE_NONE) - (y->excluded != RULE_NONE);
    order = order ? order : compare_usd(x->usd, y->usd);
    return order ? order : strcmp(x->name, y->name);
}

static void sort_entries(struct plan *plan)
{
    if (plan->n_entries > 1) {
        qsort(plan->entries, (size_t)plan->n_entries, sizeof *plan->entries, compare_entries);
    }
}

/* The cheapest systems, over all entries, that have not been simulated as a fleet: the first of
 * each model, then the others. */
static int pick_unconfirmed(const struct plan *plan, bool first_of_model, int *idx, int n)
{
    for (int i = 0; i < plan->n_entries && n < CONFIRM_AT_ONCE; i++) {
        const struct plan_entry *e = &plan->entries[i];
        bool known = !e->item || e->check || isnan(e->usd) || e->excluded != RULE_NONE;
        for (int j = 0; !known && j < n; j++) {
            known = plan->entries[idx[j]].item == e->item;
        }
        for (int j = 0; !known && first_of_model && j < i; j++) {
            known = plan->entries[j].item && plan->entries[j].model_idx == e->model_idx;
        }
        if (!known) {
            idx[n++] = i;
        }
    }
    return n;
}

/* The best of every model confirmed? */
static bool all_confirmed(const struct plan *plan)
{
    int idx[CONFIRM_AT_ONCE];
    return pick_unconfirmed(plan, true, idx, 0) == 0;
}

/* More replicas than sized: the capacity of one is lowered in proportion. */
static void take_check(struct planning *p, const struct search_item *item,
                       const struct fleet_check *check)
{
    struct plan *plan = p->plan;
    double factor = (double)check->replicas_asked / (double)check->replicas;
    for (int i = 0; i < plan->n_entries; i++) {
        struct plan_entry *e = &plan->entries[i];
        if (e->item != item) {
            continue;
        }
        e->check = check;
        if (factor < 1.0) {
            e->c.option.rps_per_replica *= factor;
            e->c.option.rps_lo *= factor;
            e->c.option.rps_hi *= factor;
            price_self(p, e);
        }
    }
}

static struct search_options search_options_of(const struct plan_options *o)
{
    return (struct search_options){
        .n_threads = o->n_threads,
        .quiet = o->quiet,
        .stop = o->stop,
        .abandon = o->abandon,
        .parts = o->parts,
    };
}

static bool confirm_round(struct planning *p, struct err *err)
{
    struct plan *plan = p->plan;
    int at[CONFIRM_AT_ONCE];
    int idx[CONFIRM_AT_ONCE];
    int64_t sizes[CONFIRM_AT_ONCE];
    int n = pick_unconfirmed(plan, false, at, pick_unconfirmed(plan, true, at, 0));
    const struct search_item *items[CONFIRM_AT_ONCE];
    struct fleet_check *checks = arena_alloc(p->arena, CONFIRM_AT_ONCE, sizeof *checks);
    for (int i = 0; i < n; i++) {
        items[i] = plan->entries[at[i]].item;
        idx[i] = (int)(items[i] - plan->search.items);
        sizes[i] = plan->entries[at[i]].units.replicas;
    }
    struct search_options options = search_options_of(p->options);
    double peak = demand_peak_rps(&plan->demand, 0, (enum burstiness)plan->demand.burst);
    struct search_fleets fleets = {idx, sizes, n, peak};
    if (!search_confirm(p->arena, p->stock, plan->scenario, &plan->search, &fleets, &options,
                        checks, err)) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        plan->interrupted = plan->interrupted || checks[i].interrupted;
        plan->n_requests += checks[i].n_requests;
        plan->n_events += checks[i].n_events;
        if (!checks[i].interrupted) {
            take_check(p, items[i], &checks[i]);
        }
    }
    sort_entries(plan);
    return true;
}

static bool confirm_fleets(struct planning *p, struct err *err)
{
    sort_entries(p->plan);
    for (int i = 0; i < CONFIRM_ROUNDS && !p->plan->interrupted; i++) {
        if (all_confirmed(p->plan)) {
            return true;
        }
        if (!confirm_round(p, err)) {
            return false;
        }
    }
    return true;
}

/* Of all that were sized: the front of a kind of GPU is of several systems. */
static bool draw_curves(struct planning *p, struct err *err)
{
    struct plan *plan = p->plan;
    int n = plan->search.candidates.n;
    struct search_options options = search_options_of(p->options);
    plan->curves = arena_alloc(p->arena, (size_t)n + 1, sizeof *plan->curves);
    if (plan->interrupted) {
        return true;
    }
    if (!search_curves(p->arena, p->stock, plan->scenario, &plan->search, &options,
                       plan->curves, err)) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        plan->interrupted = plan->interrupted || plan->curves[i].interrupted;
        plan->n_requests += plan->curves[i].n_requests;
        plan->n_events += plan->curves[i].n_events;
    }
    return true;
}

/* ---- entries: managed -----------------------------------------------------------------------
 */

static const char *catalogue_name(const struct plan *plan, int model_idx)
{
    const struct scenario_model *model = &plan->scenario->models[model_idx];
    for (int i = 0; i < plan->search.candidates.n; i++) {
        if (plan->search.candidates.items[i].model == model) {
            return plan->search.candidates.items[i].spec.model->name;
        }
    }
    return model->name;
}

/* What a provider bills: as served by the cheapest system, or as the workload says. */
static struct plan_option billed_option(const struct planning *p, int model_idx)
{
    const struct plan *plan = p->plan;
    for (int i = 0; i < plan->n_entries; i++) {
        if (plan->entries[i].item && plan->entries[i].model_idx == model_idx) {
            return plan->entries[i].c.option;
        }
    }
    const char *name = catalogue_name(plan, model_idx);
    return (struct plan_option){.name = name,
                                .model = name,
                                .gpu = "",
                                .tokens = search_tokens(plan->search.work, 0),
                                .quality = plan->scenario->models[model_idx].quality};
}

static bool name_taken(const struct plan *plan, const char *name)
{
    for (int i = 0; i < plan->n_entries; i++) {
        if (strcmp(plan->entries[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Names a dedicated endpoint after what it serves; regions and numbers tell equal offers apart.
 */
static const char *offer_name(const struct planning *p, int model_idx,
                              const struct offer *offer)
{
    const struct plan *plan = p->plan;
    const char *name = arena_printf(p->arena, "%s %s %s", offer->provider, offer->model,
                                    offer_kind_names[offer->kind]);
    if (offer->kind == OFFER_DEDICATED && plan->scenario->n_models > 1) {
        name =
            arena_printf(p->arena, "%s for %s", name, plan->scenario->models[model_idx].name);
    }
    if (name_taken(plan, name) && offer->region && offer->region[0]) {
        name = arena_printf(p->arena, "%s %s", name, offer->region);
    }
    const char *unique = name;
    for (int i = 2; name_taken(plan, unique); i++) {
        unique = arena_printf(p->arena, "%s #%d", name, i);
    }
    return unique;
}

static void add_offer(struct planning *p, int model_idx, const struct plan_option *billed,
                      const struct offer *offer)
{
    struct plan *plan = p->plan;
    struct plan_entry e = {
        .model_idx = model_idx,
        .c = {.econ = plan->econ,
              .demand = plan->demand,
              .option = *billed,
              .offer = *offer,
              .has_managed = true},
    };
    e.c.offer.staff = plan->econ.rates[ECON_MANAGED_STAFF];
    const struct demand *d = &plan->demand;
    struct offer_load load = {demand_mean_rps(d, 0), demand_peak_hour_rps(d, 0),
                              demand_peak_rps(d, 0, (enum burstiness)d->burst)};
    forecast_run(&e.c, NULL, &e.forecast);
    offer_month(&e.c.offer, &billed->tokens, &load, &e.month);
    e.usd = e.forecast.managed_usd;
    e.name = offer_name(p, model_idx, offer);
    double quality = plan->scenario->models[model_idx].quality;
    struct policy_facts facts =
        policy_of_offer(&plan->book, offer->provider, offer_kind_names[offer->kind], quality);
    apply_policy(p, &e, &facts);
    apply_latency(p, &e);
    *new_entry(p) = e;
}

/* An offer asked for by name stands against the model of that name; of another name, against
 * the first. */
static bool is_for_model(const struct planning *p, int model_idx, const char *name)
{
    for (int m = 0; m < p->plan->scenario->n_models; m++) {
        if (catalog_same_name(catalogue_name(p->plan, m), name)) {
            return m == model_idx;
        }
    }
    return model_idx == 0;
}

static void add_gaps(struct planning *p, int model_idx, const struct offer_list *list)
{
    struct plan *plan = p->plan;
    for (int i = 0; i < list->n_gaps; i++) {
        if (!is_for_model(p, model_idx, list->gaps[i].model)) {
            continue;
        }
        ARRAY_RESERVE(plan->gaps, p->cap_gaps, plan->n_gaps + 1);
        plan->gaps[plan->n_gaps++] = list->gaps[i];
    }
}

/* The cheapest system of a model on each GPU (one kind only), as a provider would run it. */
static void add_dedicated(struct planning *p, int model_idx, struct offer_list *list)
{
    struct plan *plan = p->plan;
    int n = plan->n_entries;
    for (int i = 0; i < n; i++) {
        const struct plan_entry *e = &plan->entries[i];
        bool first = e->item && e->model_idx == model_idx && !e->c.option.prefill.gpu;
        for (int j = 0; first && j < i; j++) {
            const struct plan_entry *o = &plan->entries[j];
            first = !o->item || o->model_idx != model_idx || o->c.option.prefill.gpu ||
                    strcmp(o->c.option.gpu, e->c.option.gpu) != 0;
        }
        if (first) {
            offer_add_dedicated(p->arena, &plan->stock.managed, plan->scenario, &e->c.option,
                                econ_value(&plan->econ, ECON_UTILISATION), plan->econ.as_of,
                                list);
        }
    }
}

static void add_managed_entries(struct planning *p)
{
    struct plan *plan = p->plan;
    for (int m = 0; m < plan->scenario->n_models; m++) {
        struct plan_option billed = billed_option(p, m);
        struct offer_list list;
        offer_enumerate(p->arena, &plan->stock.managed, plan->scenario, billed.model,
                        plan->econ.as_of, &list);
        add_dedicated(p, m, &list);
        for (int i = 0; i < list.n; i++) {
            if (is_for_model(p, m, list.items[i].catalogue)) {
                add_offer(p, m, &billed, &list.items[i]);
            }
        }
        add_gaps(p, m, &list);
    }
}

/* ---- answers --------------------------------------------------------------------------------
 */

static const struct plan_entry *entry_at(const struct plan *plan, const int *idx, int i)
{
    return i < 0 ? NULL : &plan->entries[idx[i]];
}

/* Of all options that may be chosen, whatever they cost today. */
static void answer_first_win(struct planning *p, const struct decision_candidate *candidates,
                             const int *idx, int n, double most, struct plan_answer *a)
{
    const struct plan_case **self = arena_alloc(p->arena, (size_t)n, sizeof *self);
    const struct plan_case **managed = arena_alloc(p->arena, (size_t)n, sizeof *managed);
    int *self_at = arena_alloc(p->arena, (size_t)n, sizeof *self_at);
    int n_self = 0, n_managed = 0;
    struct breakeven_best best;
    struct err ignored = {0};
    for (int i = 0; i < n; i++) {
        if (candidates[i].excluded == RULE_NONE && candidates[i].c.has_self) {
            self_at[n_self] = i;
            self[n_self++] = &candidates[i].c;
        } else if (candidates[i].excluded == RULE_NONE) {
            managed[n_managed++] = &candidates[i].c;
        }
    }
    a->first_win_requests_per_day = NAN;
    if (breakeven_first(self, n_self, managed, n_managed, most, &best, &ignored) &&
        best.self_idx >= 0) {
        a->first_win_requests_per_day = best.requests_per_day;
        a->first_win = entry_at(p->plan, idx, self_at[best.self_idx]);
    }
}

static void answer_pair(struct planning *p, const struct decision_candidate *candidates,
                        const struct decision_rule *rule, struct plan_answer *a)
{
    const struct decision *d = &a->decision;
    struct err ignored = {0};
    a->breakeven_month = NAN;
    a->has_pair = d->best_self >= 0 && d->best_managed >= 0;
    if (!a->has_pair) {
        return;
    }
    a->pair = decision_pair(&candidates[d->best_self], &candidates[d->best_managed]);
    double most = PLAN_VOLUMES_BEYOND * demand_requests_per_day(&a->pair.demand, 0);
    if (breakeven_find(p->arena, &a->pair, most, &a->breakeven, &ignored)) {
        a->breakeven_month = breakeven_month(&a->pair, &a->breakeven);
    }
    uncertainty_run(p->arena, &a->pair, UNCERTAINTY_SAMPLES, rule->seed, &a->uncertainty);
    uncertainty_tornado(p->arena, &a->pair, UNCERTAINTY_SAMPLES, rule->seed, &a->tornado);
}

/* model_idx -1: all models. */
static void answer(struct planning *p, int model_idx, struct plan_answer *a)
{
    struct plan *plan = p->plan;
    size_t room = (size_t)plan->n_entries + 1;
    struct decision_candidate *candidates = arena_alloc(p->arena, room, sizeof *candidates);
    int *idx = arena_alloc(p->arena, room, sizeof *idx);
    int n = 0;
    for (int i = 0; i < plan->n_entries; i++) {
        const struct plan_entry *e = &plan->entries[i];
        if (model_idx < 0 || e->model_idx == model_idx) {
            idx[n] = i;
            candidates[n++] = (struct decision_candidate){
                .name = e->name, .c = e->c, .excluded = e->excluded, .why = e->why};
        }
    }
    struct decision_rule rule =
        decision_default_rule((uint64_t)plan->scenario->simulation.seed, p->options->n_threads);
    rule.margin_frac = plan->scenario->economics.decision_margin_frac;
    rule.confidence = plan->scenario->economics.decision_confidence;
    a->model_idx = model_idx;
    decision_run(p->arena, candidates, n, &rule, &a->decision);
    a->self = entry_at(plan, idx, a->decision.best_self);
    a->managed = entry_at(plan, idx, a->decision.best_managed);
    a->chosen = entry_at(plan, idx, a->decision.chosen);
    a->runner_up = entry_at(plan, idx, a->decision.runner_up);
    answer_pair(p, candidates, &rule, a);
    if (a->has_pair) {
        answer_first_win(p, candidates, idx, n, a->breakeven.searched_to, a);
    }
}

static void answer_all(struct planning *p)
{
    struct plan *plan = p->plan;
    int n = plan->scenario->n_models;
    plan->answers = arena_alloc(p->arena, (size_t)n, sizeof *plan->answers);
    plan->n_answers = n;
    answer(p, -1, &plan->answer);
    if (n == 1) {
        plan->answers[0] = plan->answer;
        plan->answers[0].model_idx = 0;
        return;
    }
    for (int m = 0; m < n; m++) {
        answer(p, m, &plan->answers[m]);
    }
}

static void rank(struct plan *plan)
{
    sort_entries(plan);
    plan->n_ranked = 0;
    for (int i = 0; i < plan->n_entries; i++) {
        struct plan_entry *e = &plan->entries[i];
        bool counts = e->excluded == RULE_NONE && !isnan(e->usd);
        e->rank = counts ? ++plan->n_ranked : 0;
    }
}

/* ---- bands of cost --------------------------------------------------------------------------
 */

struct spreading {
    struct plan *plan;
    const double *design;
};

static void spread_task(void *ctx, int i, int thread)
{
    const struct spreading *s = ctx;
    struct plan_entry *e = &s->plan->entries[i];
    (void)thread;
    uncertainty_cost(&e->c, s->design, UNCERTAINTY_SAMPLES, &e->spread);
}

static void spread_costs(struct planning *p)
{
    struct plan *plan = p->plan;
    uint64_t seed = (uint64_t)plan->scenario->simulation.seed;
    struct spreading s = {plan, uncertainty_design(p->arena, seed, 0, UNCERTAINTY_SAMPLES)};
    pool_run(p->options->n_threads, plan->n_ranked, spread_task, &s, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------
 */

static bool at_value(const struct scenario *sc, const char *path, const char *text,
                     struct err *err)
{
    const struct scenario_value *v = scenario_value_find(sc, path);
    return v ? err_at(err, v->pos, "%s", text) : err_set(err, ERR_INPUT, "%s", text);
}

/* A provider with a slip in its name would leave the plan without a managed side, and the
 * decision would be another. One of one's own needs its prices. */
static bool check_providers(struct planning *p, struct err *err)
{
    const struct scenario *sc = p->plan->scenario;
    const struct managed_list *managed = &p->plan->stock.managed;
    const char **known = arena_alloc(p->arena, (size_t)managed->n_prices + 1, sizeof *known);
    for (int i = 0; i < managed->n_prices; i++) {
        known[i] = managed->prices[i].provider;
    }
    for (int m = 0; m < sc->n_managed; m++) {
        const struct scenario_managed *own = &sc->managed[m];
        bool found = !isnan(own->input_usd_per_mtok) && !isnan(own->output_usd_per_mtok);
        for (int i = 0; i < managed->n_prices && !found; i++) {
            found = catalog_same_name(known[i], own->provider);
        }
        if (!found) {
            at_value(sc, arena_printf(p->arena, "managed.%d.provider", m),
                     arena_printf(p->arena,
                                  "the catalogue has no provider '%s'; one of your own needs "
                                  "its prices, input and output",
                                  own->provider),
                     err);
            err_suggest(err, own->provider, known, managed->n_prices);
            return false;
        }
    }
    return true;
}

/* Spares are counted for failures, which are independent; turns are not. */
static bool check_maintenance(const struct scenario *sc, struct err *err)
{
    return isnan(sc->reliability.maintenance.every_s) ||
           at_value(sc, "reliability.maintenance.every",
                    "a plan does not count maintenance: `headroom run` shows what it costs; "
                    "leave it out here and give reliability.spares",
                    err);
}

/* Nothing else can be the code of a country: it would exclude every option. */
static bool check_countries(struct planning *p, const char *path, const struct str_list *list,
                            struct err *err)
{
    for (int i = 0; i < list->n; i++) {
        const char *code = list->items[i];
        if (strlen(code) != 2 || !isalpha((unsigned char)code[0]) ||
            !isalpha((unsigned char)code[1])) {
            return at_value(p->plan->scenario, path,
                            arena_printf(p->arena,
                                         "a country is EU or two letters of ISO 3166, got '%s'",
                                         code),
                            err);
        }
    }
    return true;
}

static bool open_plan(struct planning *p, struct err *err)
{
    struct plan *plan = p->plan;
    const struct catalogue *c = &p->stock->catalogue;
    const struct scenario_policy *policy = &plan->scenario->policy;
    return econ_stock_load(p->arena, c->dirs, c->n_dirs, &plan->stock, err) &&
           check_maintenance(plan->scenario, err) && check_providers(p, err) &&
           check_countries(p, "policy.jurisdiction", &policy->jurisdiction, err) &&
           check_countries(p, "policy.regions", &policy->regions, err) &&
           demand_data_load(p->arena, c->dirs, c->n_dirs, &plan->demand_data, err) &&
           policy_book_load(p->arena, c->dirs, c->n_dirs, &plan->book, err) &&
           econ_resolve(&plan->stock, plan->scenario, p->options->as_of, &plan->econ, err) &&
           demand_resolve(&plan->demand_data, &plan->scenario->demand,
                          scenario_rate_rps(plan->scenario), &plan->demand, err);
}

/* Growing arrays move to the arena, so that nothing is left to free. */
static void *settle(struct arena *arena, void *items, int n, size_t size)
{
    void *kept = arena_alloc(arena, (size_t)n + 1, size);
    if (n > 0) {
        memcpy(kept, items, (size_t)n * size);
    }
    free(items);
    return kept;
}

static void settle_all(struct planning *p)
{
    struct plan *plan = p->plan;
    plan->entries = settle(p->arena, plan->entries, plan->n_entries, sizeof *plan->entries);
    plan->refused = settle(p->arena, plan->refused, plan->n_refused, sizeof *plan->refused);
    plan->refused_option =
        settle(p->arena, plan->refused_option, plan->n_refused, sizeof *plan->refused_option);
    plan->gaps = settle(p->arena, plan->gaps, plan->n_gaps, sizeof *plan->gaps);
}

bool plan_run(struct arena *arena, const struct stock *stock, const struct scenario *sc,
              const struct plan_options *options, struct plan *plan, struct err *err)
{
    struct planning p = {.arena = arena, .stock = stock, .options = options, .plan = plan};
    struct search_options so = search_options_of(options);
    *plan = (struct plan){.scenario = sc};
    if (!open_plan(&p, err) ||
        !search_run(arena, stock, &plan->stock.nodes, sc, &so, &plan->search, err)) {
        return false;
    }
    plan->n_requests = plan->search.n_requests;
    plan->n_events = plan->search.n_events;
    plan->interrupted = plan->search.interrupted;
    bool is_shard = options->parts && options->parts->n_shards > 1;
    if (plan->interrupted || is_shard) {
        return true;
    }
    add_self_entries(&p);
    bool ok = confirm_fleets(&p, err) && draw_curves(&p, err);
    if (ok) {
        add_managed_entries(&p);
        rank(plan);
    }
    settle_all(&p);
    label_entries(arena, plan);
    if (ok && !plan->interrupted) {
        spread_costs(&p);
        answer_all(&p);
    }
    return ok;
}

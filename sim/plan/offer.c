/* SPDX-License-Identifier: GPL-3.0-or-later */
/* offer.c - finds the offers of a model and prices a month of each. */
#include "sim/plan/offer.h"

#include <math.h>
#include <string.h>

#include "hardware/catalog.h"

#define HOUR_S 3600.0
#define SECONDS_PER_MONTH (ECON_HOURS_PER_MONTH * HOUR_S)

const char *const offer_kind_names[] = {"pay-per-token", "priority", "provisioned",
                                        "dedicated"};
const char *const offer_state_names[] = {"priced", "infeasible at list terms",
                                         "cannot be priced"};
const char *const offer_limit_names[] = {"itpm", "otpm", "tpm", "rpm", "qps", "qph"};
const char *const offer_limit_words[] = {"input tokens per minute", "output tokens per minute",
                                         "tokens per minute",       "requests per minute",
                                         "queries per second",      "queries per hour"};

bool offer_by_hour(const struct offer *offer)
{
    return offer->kind == OFFER_PROVISIONED || offer->kind == OFFER_DEDICATED;
}

/* ---- finding offers ---------------------------------------------------------------------- */

/* dbu: NaN when the price has none in Databricks units. */
static struct plan_rate rate_of(const char *name, const char *unit, double value, double dbu,
                                const struct managed_price *p, const char *as_of)
{
    return (struct plan_rate){
        .name = name,
        .unit = unit,
        .value = value,
        .low = NAN,
        .high = NAN,
        .dbu = isnan(dbu) ? 0 : dbu,
        .source = p->source,
        .as_of = p->as_of,
        .stale = econ_is_stale(p->as_of, as_of),
    };
}

static struct plan_rate limit_rate(const struct managed_list *managed,
                                   const struct managed_price *p, const char *product,
                                   const char *kind, const char *model, const char *as_of)
{
    const struct managed_limit *limit =
        managed_limit_find(managed, p->provider, product, model, kind);
    struct plan_rate rate = {.name = kind,
                             .unit = "",
                             .value = NAN,
                             .low = NAN,
                             .high = NAN,
                             .source = "",
                             .as_of = ""};
    if (limit) {
        rate.unit = limit->unit;
        rate.value = limit->value;
        rate.source = limit->source;
        rate.as_of = limit->as_of;
        rate.estimated = strcmp(limit->evidence, "primary") != 0;
        rate.stale = econ_is_stale(limit->as_of, as_of);
    }
    return rate;
}

static struct offer base_offer(const struct managed_price *p, enum offer_kind kind,
                               const char *model, const char *as_of)
{
    struct offer offer = {
        .provider = p->provider,
        .model = p->model,
        .catalogue = model,
        .kind = kind,
        .price_factor = 1,
        .region = p->region,
        .capacity_conditions = "",
        .ttft_s = NAN,
        .tpot_s = NAN,
        .input = rate_of("input tokens", "USD/Mtok", p->usd_in_per_mtok, p->dbu_in_per_mtok, p,
                         as_of),
        .cached = rate_of("cached input tokens", "USD/Mtok", p->usd_cached_per_mtok,
                          p->dbu_cached_per_mtok, p, as_of),
        .output = rate_of("output tokens", "USD/Mtok", p->usd_out_per_mtok, p->dbu_out_per_mtok,
                          p, as_of),
        .entry =
            rate_of("first unit", "USD/h", p->entry_usd_per_h, p->entry_dbu_per_h, p, as_of),
        .scaling = rate_of("further units", "USD/h", p->scaling_usd_per_h, p->scaling_dbu_per_h,
                           p, as_of),
        .unit_tok_per_s = {.name = "capacity of a unit", .unit = "tokens/s", .value = NAN},
    };
    if (isnan(offer.output.value)) { /* embeddings have no output price */
        offer.output.value = 0;
    }
    for (int i = 0; i < LIMIT_N; i++) {
        offer.limits[i].value = NAN;
    }
    return offer;
}

static void add_offer(const struct managed_list *managed, const struct managed_price *p,
                      enum offer_kind kind, const char *model, const char *as_of,
                      struct offer_list *list)
{
    struct offer offer = base_offer(p, kind, model, as_of);
    const char *product = offer_kind_names[kind];
    for (int i = 0; i < LIMIT_N; i++) {
        offer.limits[i] = limit_rate(managed, p, product, offer_limit_names[i], model, as_of);
    }
    if (kind == OFFER_PROVISIONED) {
        const struct managed_limit *capacity =
            managed_limit_find(managed, p->provider, product, model, "provisioned_tok_per_s");
        offer.unit_tok_per_s =
            limit_rate(managed, p, product, "provisioned_tok_per_s", model, as_of);
        offer.unit_tok_per_s.name = "capacity of a unit";
        offer.capacity_conditions = capacity ? capacity->conditions : "";
    }
    list->items[list->n++] = offer;
}

static bool is_current(const struct managed_price *p)
{
    return strcmp(p->status, "current") == 0 || strcmp(p->status, "deprecated") == 0;
}

/* A row may carry a price per token and one per provisioned hour. */
static int add_provider(const struct managed_list *managed, const char *provider,
                        const char *model, const char *as_of, struct offer_list *list)
{
    int before = list->n;
    const struct managed_price *p = managed_find(managed, provider, model, "pay-per-token");
    const struct managed_price *priority = managed_find(managed, provider, model, "priority");
    const struct managed_price *hourly = managed_find(managed, provider, model, "provisioned");
    if (p) {
        add_offer(managed, p, OFFER_PAY_PER_TOKEN, model, as_of, list);
    }
    if (priority) {
        add_offer(managed, priority, OFFER_PRIORITY, model, as_of, list);
    }
    if (!hourly && p && !isnan(p->entry_usd_per_h)) {
        hourly = p;
    }
    if (hourly && !isnan(hourly->entry_usd_per_h)) {
        add_offer(managed, hourly, OFFER_PROVISIONED, model, as_of, list);
    }
    return list->n - before;
}

/* ---- gaps -------------------------------------------------------------------------------- */

static const char *cheapest_provider(const struct managed_list *managed, const char *model)
{
    const struct managed_price *best = NULL;
    for (int i = 0; i < managed->n_prices; i++) {
        const struct managed_price *p = &managed->prices[i];
        if (!catalog_same_name(p->catalogue, model) || !is_current(p) ||
            strcmp(p->offer, "pay-per-token") != 0) {
            continue;
        }
        if (!best || p->usd_in_per_mtok + p->usd_out_per_mtok <
                         best->usd_in_per_mtok + best->usd_out_per_mtok) {
            best = p;
        }
    }
    return best ? best->provider : "";
}

static int common_prefix(const char *a, const char *b)
{
    int n = 0;
    while (a[n] && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* The same family first (longest common beginning), then the fewest edits. */
static const char *nearest_model(const struct managed_list *managed, const char *provider,
                                 const char *model)
{
    const char *best = "";
    for (int i = 0; i < managed->n_prices; i++) {
        const struct managed_price *p = &managed->prices[i];
        if (!catalog_same_name(p->provider, provider) || !is_current(p) ||
            p->catalogue[0] == '\0') {
            continue;
        }
        int better = common_prefix(p->catalogue, model) - common_prefix(best, model);
        if (best[0] == '\0' || better > 0 ||
            (better == 0 &&
             err_edit_distance(p->catalogue, model) < err_edit_distance(best, model))) {
            best = p->catalogue;
        }
    }
    return best;
}

static void own_price(struct plan_rate *rate, double usd)
{
    if (isnan(usd)) {
        return;
    }
    rate->value = usd;
    rate->source = "scenario";
    rate->as_of = "";
    rate->dbu = 0;
    rate->given = true;
    rate->stale = false;
}

static void apply_own(const struct scenario_managed *own, struct offer *offer)
{
    offer->ttft_s = own->ttft_s;
    offer->tpot_s = own->tpot_s;
    if (offer->kind == OFFER_PAY_PER_TOKEN) {
        own_price(&offer->input, own->input_usd_per_mtok);
        own_price(&offer->cached, own->cached_input_usd_per_mtok);
        own_price(&offer->output, own->output_usd_per_mtok);
    }
}

/* A provider outside the catalogue, with the user's prices only. */
static struct offer private_offer(const struct scenario_managed *own, const char *model)
{
    struct managed_price p = {
        .provider = own->provider,
        .model = model,
        .usd_in_per_mtok = NAN,
        .usd_cached_per_mtok = NAN,
        .usd_out_per_mtok = NAN,
        .dbu_in_per_mtok = NAN,
        .dbu_cached_per_mtok = NAN,
        .dbu_out_per_mtok = NAN,
        .entry_dbu_per_h = NAN,
        .scaling_dbu_per_h = NAN,
        .entry_usd_per_h = NAN,
        .scaling_usd_per_h = NAN,
        .region = "",
        .status = "current",
        .source = "scenario",
        .as_of = "",
    };
    struct offer offer = base_offer(&p, OFFER_PAY_PER_TOKEN, model, "");
    apply_own(own, &offer);
    return offer;
}

static void add_asked(const struct managed_list *managed, const struct scenario_managed *own,
                      const char *model, const char *as_of, struct offer_list *list)
{
    int before = list->n;
    if (own->model[0] != '\0') {
        model = own->model;
    }
    if (add_provider(managed, own->provider, model, as_of, list) > 0) {
        for (int i = before; i < list->n; i++) {
            apply_own(own, &list->items[i]);
        }
        return;
    }
    if (!isnan(own->input_usd_per_mtok) && !isnan(own->output_usd_per_mtok)) {
        list->items[list->n++] = private_offer(own, model);
        return;
    }
    list->gaps[list->n_gaps++] = (struct offer_gap){
        .provider = own->provider,
        .model = model,
        .nearest_provider = cheapest_provider(managed, model),
        .nearest_model = nearest_model(managed, own->provider, model),
    };
}

static bool seen_before(const struct managed_list *managed, int idx)
{
    for (int i = 0; i < idx; i++) {
        if (catalog_same_name(managed->prices[i].provider, managed->prices[idx].provider)) {
            return true;
        }
    }
    return false;
}

void offer_enumerate(struct arena *arena, const struct managed_list *managed,
                     const struct scenario *sc, const char *model, const char *as_of,
                     struct offer_list *list)
{
    size_t most = (size_t)OFFER_N * ((size_t)managed->n_prices + (size_t)sc->n_managed) + 1;
    *list = (struct offer_list){0};
    list->items = arena_alloc(arena, most, sizeof *list->items);
    list->gaps = arena_alloc(arena, (size_t)sc->n_managed + 1, sizeof *list->gaps);
    for (int i = 0; i < sc->n_managed; i++) {
        add_asked(managed, &sc->managed[i], model, as_of, list);
    }
    for (int i = 0; sc->n_managed == 0 && i < managed->n_prices; i++) {
        const struct managed_price *p = &managed->prices[i];
        const struct managed_price *newest =
            managed_find(managed, p->provider, model, "pay-per-token");
        if (!seen_before(managed, i) && (!newest || is_current(newest))) {
            add_provider(managed, p->provider, model, as_of, list);
        }
    }
}

/* ---- dedicated endpoints --------------------------------------------------------------- */

/* What the rows of managed.csv that are priced by the GPU stand for. */
struct gpu_row {
    const char *model, *gpu;
    int n_gpus; /* 0: priced by the single GPU, any number of them */
};
static const struct gpu_row gpu_rows[] = {
    {"gpu-h100-80gb", "h100-sxm", 0},       {"gpu-a100-80-x1", "a100-sxm-80gb", 1},
    {"gpu-a100-80-x2", "a100-sxm-80gb", 2}, {"gpu-a100-80-x4", "a100-sxm-80gb", 4},
    {"gpu-a100-80-x8", "a100-sxm-80gb", 8}, {"gpu-a100-40-x8", "a100-sxm-40gb", 8},
};

static const struct gpu_row *gpu_row_of(const struct managed_price *p)
{
    bool by_gpu = strcmp(p->offer, "dedicated") == 0 || strcmp(p->offer, "custom-serving") == 0;
    for (size_t i = 0; by_gpu && i < sizeof gpu_rows / sizeof gpu_rows[0]; i++) {
        if (strcmp(gpu_rows[i].model, p->model) == 0) {
            return &gpu_rows[i];
        }
    }
    return NULL;
}

static bool is_asked(const struct scenario *sc, const char *provider)
{
    for (int i = 0; i < sc->n_managed; i++) {
        if (catalog_same_name(sc->managed[i].provider, provider)) {
            return true;
        }
    }
    return sc->n_managed == 0;
}

static struct offer dedicated_offer(const struct managed_price *p, const struct gpu_row *row,
                                    const struct plan_option *option, double utilisation_frac,
                                    const char *as_of)
{
    struct offer offer = base_offer(p, OFFER_DEDICATED, option->model, as_of);
    int replicas = row->n_gpus == 0 ? 1 : row->n_gpus / option->gpus_per_replica;
    double gpus = row->n_gpus == 0 ? option->gpus_per_replica : 1; /* of the price's own unit */
    const struct plan_tokens *t = &option->tokens;
    offer.unit_gpus = row->n_gpus == 0 ? option->gpus_per_replica : row->n_gpus;
    offer.entry.value *= gpus;
    offer.entry.dbu *= gpus;
    offer.scaling = offer.entry;
    offer.scaling.name = "further units";
    offer.unit_tok_per_s = (struct plan_rate){
        .name = "capacity of a unit",
        .unit = "tokens/s",
        .value = replicas * option->rps_per_replica * utilisation_frac * (t->input + t->output),
        .low = NAN,
        .high = NAN,
        .source = "simulated",
        .as_of = "",
        .estimated = true,
    };
    offer.capacity_conditions = "as simulated for a system of one's own";
    return offer;
}

void offer_add_dedicated(struct arena *arena, const struct managed_list *managed,
                         const struct scenario *sc, const struct plan_option *option,
                         double utilisation_frac, const char *as_of, struct offer_list *list)
{
    size_t room = (size_t)list->n + (size_t)managed->n_prices + 1;
    struct offer *items = arena_alloc(arena, room, sizeof *items);
    if (list->n > 0) {
        memcpy(items, list->items, (size_t)list->n * sizeof *items);
    }
    list->items = items;
    for (int i = 0; i < managed->n_prices; i++) {
        const struct managed_price *p = &managed->prices[i];
        const struct gpu_row *row = gpu_row_of(p);
        if (!row || !is_current(p) || !is_asked(sc, p->provider) ||
            !catalog_same_name(row->gpu, option->gpu) ||
            (row->n_gpus > 0 && row->n_gpus < option->gpus_per_replica)) {
            continue;
        }
        list->items[list->n++] = dedicated_offer(p, row, option, utilisation_frac, as_of);
    }
}

/* ---- pricing a month --------------------------------------------------------------------- */

static double cached_usd(const struct offer *offer)
{
    return isnan(offer->cached.value) ? offer->input.value : offer->cached.value;
}

static void add_line(struct offer_month *month, const struct offer *offer, const char *name,
                     double quantity, const char *unit, const struct plan_rate *rate,
                     double unit_usd)
{
    if (quantity == 0) {
        return;
    }
    double usd = unit_usd * offer->price_factor;
    month->lines[month->n_lines++] = cost_line_of(name, quantity, unit, usd, rate);
    month->usd += quantity * usd;
}

/* Peak use of one limit, in its own unit. */
static double limit_use(int limit, const struct plan_tokens *t, const struct offer_load *load)
{
    switch (limit) {
    case LIMIT_ITPM:
        return load->peak_rps * 60 * t->input;
    case LIMIT_OTPM:
        return load->peak_rps * 60 * t->output;
    case LIMIT_TPM:
        return load->peak_rps * 60 * (t->input + t->output);
    case LIMIT_RPM:
        return load->peak_rps * 60;
    case LIMIT_QPS:
        return load->peak_rps;
    default:
        return load->peak_hour_rps * HOUR_S;
    }
}

static void check_limits(const struct offer *offer, const struct plan_tokens *tokens,
                         const struct offer_load *load, struct offer_month *month)
{
    for (int i = 0; i < LIMIT_N; i++) {
        double frac = limit_use(i, tokens, load) / offer->limits[i].value;
        if (!isnan(frac) && !(frac <= month->limit_frac)) {
            month->limit_frac = frac;
            month->limit = i;
        }
    }
    if (month->limit_frac > 1) {
        month->state = OFFER_OVER_LIMIT;
    } else {
        month->limit = -1;
    }
}

static void price_tokens(const struct offer *offer, const struct plan_tokens *t,
                         const struct offer_load *load, struct offer_month *month)
{
    double mega_requests = load->mean_rps * SECONDS_PER_MONTH / 1e6;
    const struct plan_rate *cached =
        isnan(offer->cached.value) ? &offer->input : &offer->cached;
    add_line(month, offer, "input tokens", mega_requests * (t->input - t->cached), "Mtok",
             &offer->input, offer->input.value);
    add_line(month, offer, "cached input tokens", mega_requests * t->cached, "Mtok", cached,
             cached_usd(offer));
    add_line(month, offer, "output tokens", mega_requests * t->output, "Mtok", &offer->output,
             offer->output.value);
}

static void price_units(const struct offer *offer, const struct plan_tokens *t,
                        const struct offer_load *load, struct offer_month *month)
{
    double need = load->peak_rps * (t->input + t->output);
    if (isnan(offer->unit_tok_per_s.value)) {
        month->state = OFFER_UNKNOWN_CAPACITY;
        return;
    }
    const struct plan_rate *further =
        isnan(offer->scaling.value) ? &offer->entry : &offer->scaling;
    month->units = (int64_t)fmax(1, ceil(need / offer->unit_tok_per_s.value * (1 - 1e-12)));
    add_line(month, offer, "first provisioned unit", ECON_HOURS_PER_MONTH, "unit-h",
             &offer->entry, offer->entry.value);
    add_line(month, offer, "further provisioned units",
             ECON_HOURS_PER_MONTH * (double)(month->units - 1), "unit-h", further,
             further->value);
}

void offer_month(const struct offer *offer, const struct plan_tokens *tokens,
                 const struct offer_load *load, struct offer_month *month)
{
    *month = (struct offer_month){.state = OFFER_PRICED, .limit = -1, .limit_frac = NAN};
    check_limits(offer, tokens, load, month);
    if (month->state == OFFER_PRICED) {
        (offer_by_hour(offer) ? price_units : price_tokens)(offer, tokens, load, month);
    }
    if (month->state == OFFER_PRICED && offer->staff.value > 0) {
        struct cost_line *line = &month->lines[month->n_lines++];
        *line = cost_line_of("staff", 1, "team", offer->staff.value / MONTHS_PER_YEAR,
                             &offer->staff);
        month->usd += line->usd;
    }
    if (month->state != OFFER_PRICED) {
        month->usd = NAN;
        month->n_lines = 0;
    }
}

double offer_blended_usd(const struct offer *offer, const struct plan_tokens *t)
{
    double usd = (t->input - t->cached) * offer->input.value + t->cached * cached_usd(offer) +
                 t->output * offer->output.value;
    return usd * offer->price_factor / (t->input + t->output);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/plan_fixture.h"

#include <stdlib.h>
#include <string.h>

static const char text[] =
    "schema: 1\n"
    "model: llama-4-maverick\n"
    "workload:\n"
    "  - class: chat\n"
    "    prompt: {dist: constant, value: 1000}\n"
    "    output: {dist: constant, value: 250}\n"
    "demand: {requests_per_day: 864k, shape: flat, burstiness: poisson, horizon: 36 months}\n"
    "deployments: [{hardware: h100-sxm}]\n"
    "managed: [{provider: databricks, model: llama-4-maverick}]\n";

static void need(bool ok, const struct err *err)
{
    if (!ok) {
        err_print(err, stderr);
        exit(1);
    }
}

void plan_fixture_open(struct plan_fixture *f, const char *const *sets)
{
    static const char *const dirs[] = {"."};
    struct err err = {0};
    int n_sets = 0;
    while (sets && sets[n_sets]) {
        n_sets++;
    }
    *f = (struct plan_fixture){.arena = arena_new()};
    need(econ_stock_load(f->arena, dirs, 1, &f->stock, &err), &err);
    need(demand_data_load(f->arena, dirs, 1, &f->demand_data, &err), &err);
    need(scenario_parse(f->arena, "plan.yaml", text, strlen(text), sets, n_sets, &f->sc, &err),
         &err);
    need(econ_resolve(&f->stock, f->sc, PLAN_FIXTURE_DATE, &f->econ, &err), &err);
    need(demand_resolve(&f->demand_data, &f->sc->demand, scenario_rate_rps(f->sc), &f->demand,
                        &err),
         &err);
}

void plan_fixture_close(struct plan_fixture *f)
{
    arena_free(f->arena);
}

struct plan_option plan_fixture_option(void)
{
    return (struct plan_option){
        .name = "llama-4-maverick fp8 h100-sxm tp8",
        .model = "llama-4-maverick",
        .gpu = "h100-sxm",
        .gpus_per_replica = 8,
        .node_gpus = 8,
        .rps_per_replica = 2.5,
        .rps_lo = 2.0,
        .rps_hi = 3.125,
        .prefill_time_frac = 0.4,
        .power_w = 6000,
        .idle_power_w = 1500,
        .evidence = PLAN_EVIDENCE_FAMILY,
        .tokens = {.input = 1000, .cached = 200, .output = 250},
        .quality = NAN,
    };
}

struct hosting plan_fixture_hosting(const struct plan_fixture *f, const char *node,
                                    const char *pricing, enum hosting_kind kind)
{
    const struct price *price = price_find(&f->stock.nodes, node, pricing);
    if (!price) {
        exit(1);
    }
    bool bought = kind != HOSTING_RENT;
    return (struct hosting){
        .kind = kind,
        .node = node_spec_find(&f->stock.nodes, node, NULL),
        .pricing = pricing,
        .region = price->region,
        .price = {.name = bought ? "servers" : "instances",
                  .value = bought ? price->usd : price->usd_per_h,
                  .low = NAN,
                  .high = NAN,
                  .source = price->source,
                  .as_of = price->as_of,
                  .estimated = price->estimated},
    };
}

struct plan_case plan_fixture_case(const struct plan_fixture *f, const char *node,
                                   const char *pricing, enum hosting_kind kind,
                                   const char *provider, enum offer_kind offer)
{
    struct scenario_managed ask = {.provider = provider,
                                   .model = "",
                                   .input_usd_per_mtok = NAN,
                                   .cached_input_usd_per_mtok = NAN,
                                   .output_usd_per_mtok = NAN};
    struct scenario sc = *f->sc;
    struct offer_list list;
    sc.managed = &ask;
    sc.n_managed = 1;
    offer_enumerate(f->arena, &f->stock.managed, &sc, "llama-4-maverick", PLAN_FIXTURE_DATE,
                    &list);
    for (int i = 0; i < list.n; i++) {
        if (list.items[i].kind == offer) {
            return (struct plan_case){
                .econ = f->econ,
                .demand = f->demand,
                .option = plan_fixture_option(),
                .hosting = plan_fixture_hosting(f, node, pricing, kind),
                .offer = list.items[i],
                .has_self = true,
                .has_managed = true,
            };
        }
    }
    exit(1);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan_fixture.h - the shipped catalogue and a small scenario, for the tests of sim/plan. */
#ifndef PLAN_FIXTURE_H
#define PLAN_FIXTURE_H

#include "scenarios/scenario.h"
#include "sim/plan/cost.h"
#include "sim/plan/demand.h"
#include "sim/plan/econ.h"
#include "sim/plan/forecast.h"

#define PLAN_FIXTURE_DATE "2026-11-22"

struct plan_fixture {
    struct arena *arena;
    struct econ_stock stock;
    struct demand_data demand_data;
    struct scenario *sc;
    struct econ econ;
    struct demand demand; /* 864,000 requests a day, flat, Poisson: 10 requests/s */
};

/* sets: further "path=value" settings of the scenario, at most 8, ended by NULL. */
void plan_fixture_open(struct plan_fixture *f, const char *const *sets);
void plan_fixture_close(struct plan_fixture *f);
/* 8 H100, 2.5 requests/s, 6000 W busy and 1500 W idle, 40 % of the time prefill, 1000 tokens in
 * (200 cached) and 250 out. */
struct plan_option plan_fixture_option(void);
/* A node at its catalogue price. */
struct hosting plan_fixture_hosting(const struct plan_fixture *f, const char *node,
                                    const char *pricing, enum hosting_kind kind);
/* That option on those machines against an offer of its model. */
struct plan_case plan_fixture_case(const struct plan_fixture *f, const char *node,
                                   const char *pricing, enum hosting_kind kind,
                                   const char *provider, enum offer_kind offer);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many replicas a peak needs, and whether the whole fleet then meets its limits. */
#include "sim/plan/fleet.h"
#include "sim/plan/units.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"
#include "tests/toy.h"

static struct plan_fixture f;
static struct hosting server;

/* 864,000 requests a day and no shape: 10 requests/s. 2.5 per replica at 80 %: 10 / 2 = 5. */
static void a_flat_poisson_demand_is_divided_by_the_capacity(void)
{
    struct plan_option option = plan_fixture_option();
    struct fleet fleet;
    fleet_size(&f.econ, &f.demand, &option, &server, 0, &fleet);
    CHECK_NEAR(fleet.counts[FLEET_POISSON].peak_rps, 10.0, 1e-9);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_POISSON].replicas, 5);
    int64_t spares = fleet.counts[FLEET_POISSON].spares;
    CU_ASSERT_EQUAL(fleet.counts[FLEET_POISSON].gpus, 8 * (5 + spares));
}

/* The busiest minute is 1.618 (chat) and 4.22 (code) times the mean (demand.h): 16.2 / 2 and
 * 42.2 / 2. */
static void burstier_demand_needs_more(void)
{
    struct plan_option option = plan_fixture_option();
    struct demand demand = f.demand;
    struct fleet fleet;
    demand.burst = BURST_CHAT;
    fleet_size(&f.econ, &demand, &option, &server, 0, &fleet);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_POISSON].replicas, 5);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_DEFAULT].replicas, 9);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_BURSTY].replicas, 22);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_BURSTY].burst, BURST_CODE);
}

static void spares_bring_the_availability_to_its_target(void)
{
    struct plan_option option = plan_fixture_option();
    struct econ econ = f.econ;
    struct fleet fleet;
    econ.availability_frac = 0.9999;
    fleet_size(&econ, &f.demand, &option, &server, 0, &fleet);
    CU_ASSERT_TRUE(fleet.counts[FLEET_DEFAULT].spares > 0);
    CU_ASSERT_TRUE(fleet.availability_frac >= 0.9999);
    CU_ASSERT_TRUE(fleet.unavailable_use <= 1.0 && fleet.unavailable_use > 0.0);
    econ.spares = 0;
    fleet_size(&econ, &f.demand, &option, &server, 0, &fleet);
    CU_ASSERT_EQUAL(fleet.counts[FLEET_DEFAULT].spares, 0);
    CU_ASSERT_TRUE(fleet.unavailable_use > 1.0);
}

/* ---- the simulated fleet --------------------------------------------------------------------
 */

struct toy_fleet {
    struct toy toy;
    struct load_class class;
    struct scenario_slo slo;
    struct capacity_config cfg;
    struct capacity one;
};

static void open_fleet(struct toy_fleet *t)
{
    toy_init(&t->toy, TOY_FULL, 1, 1 << 16);
    t->class = toy_class(LOAD_POISSON, 40, 8);
    t->class.rate_rps = 1.0;
    for (int i = 0; i < SLO_N_METRICS * SLO_N_STATS; i++) {
        t->slo.limit_s[i / SLO_N_STATS][i % SLO_N_STATS] = NAN;
    }
    t->slo.loss_max_frac = 0.001;
    t->slo.limit_s[SLO_TTFT][SLO_P95] = 0.005;
    t->cfg = (struct capacity_config){.replica = &t->toy.replica,
                                      .classes = &t->class,
                                      .slos = &t->slo,
                                      .n_classes = 1,
                                      .stationary = true,
                                      .seed = 3};
    capacity_find(&t->cfg, &t->one);
}

static void a_fleet_of_the_size_asked_for_meets_its_limits(void)
{
    struct toy_fleet t;
    struct fleet_check check;
    open_fleet(&t);
    CU_ASSERT_TRUE_FATAL(t.one.rps > 0.0);
    fleet_confirm(&t.cfg, ROUTE_LEAST_REQUESTS, 6, 6 * 0.8 * t.one.rps, &check);
    CU_ASSERT_TRUE(check.met);
    CU_ASSERT_EQUAL(check.replicas, 6);
    CU_ASSERT_EQUAL(check.n_runs, 1);
    toy_fini(&t.toy);
}

static void a_fleet_that_is_too_small_grows_until_it_does(void)
{
    struct toy_fleet t;
    struct fleet_check check;
    open_fleet(&t);
    fleet_confirm(&t.cfg, ROUTE_LEAST_REQUESTS, 5, 6.5 * t.one.rps, &check);
    CU_ASSERT_TRUE(check.met);
    CU_ASSERT_EQUAL(check.replicas_asked, 5);
    CU_ASSERT_TRUE(check.replicas >= 6 && check.replicas <= 8);
    toy_fini(&t.toy);
}

/* 100,000 replicas would take hours: 256 stand for them. */
static void a_vast_fleet_is_represented_by_a_part(void)
{
    struct toy_fleet t;
    struct fleet_check check;
    open_fleet(&t);
    fleet_confirm(&t.cfg, ROUTE_LEAST_REQUESTS, 100000, 100000 * 0.8 * t.one.rps, &check);
    CU_ASSERT_TRUE(check.met);
    CU_ASSERT_EQUAL(check.replicas, 100000);
    CU_ASSERT_EQUAL(check.simulated, FLEET_SIMULATED);
    /* Too few: the fleet grows by the share by which its part grew. */
    fleet_confirm(&t.cfg, ROUTE_LEAST_REQUESTS, 100000, 100000 * 1.2 * t.one.rps, &check);
    CU_ASSERT_TRUE(check.simulated > FLEET_SIMULATED);
    CHECK_NEAR((double)check.replicas / 100000, (double)check.simulated / FLEET_SIMULATED,
               1e-4);
    toy_fini(&t.toy);
}

/* A load that no fleet of this size carries: five runs, each 5 % larger, then it gives up. */
static void a_fleet_that_never_meets_its_limits_stops_growing(void)
{
    struct toy_fleet t;
    struct fleet_check check;
    open_fleet(&t);
    t.slo.limit_s[SLO_TTFT][SLO_P95] = 1e-9;
    fleet_confirm(&t.cfg, ROUTE_LEAST_REQUESTS, 40, 40 * 0.1 * t.one.rps, &check);
    CU_ASSERT_FALSE(check.met);
    CU_ASSERT_EQUAL(check.n_runs, 5);
    CU_ASSERT_EQUAL(check.replicas, 40 + 2 + 3 + 3 + 3); /* 42, 45, 48, 51 */
    CU_ASSERT_EQUAL(check.replicas_asked, 40);
    toy_fini(&t.toy);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a_flat_poisson_demand_is_divided_by_the_capacity",
         a_flat_poisson_demand_is_divided_by_the_capacity},
        {"burstier_demand_needs_more", burstier_demand_needs_more},
        {"spares_bring_the_availability_to_its_target",
         spares_bring_the_availability_to_its_target},
        {"a_fleet_of_the_size_asked_for_meets_its_limits",
         a_fleet_of_the_size_asked_for_meets_its_limits},
        {"a_fleet_that_is_too_small_grows_until_it_does",
         a_fleet_that_is_too_small_grows_until_it_does},
        {"a_vast_fleet_is_represented_by_a_part", a_vast_fleet_is_represented_by_a_part},
        {"a_fleet_that_never_meets_its_limits_stops_growing",
         a_fleet_that_never_meets_its_limits_stops_growing},
    };
    plan_fixture_open(&f, NULL);
    server = plan_fixture_hosting(&f, "dgx-h100", "purchase", HOSTING_COLO);
    int code = check_main("fleet", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}

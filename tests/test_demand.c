/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demand curve: shapes, bursts, growth and the peak to size for. */
#include "sim/plan/demand.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

static struct demand_data load(struct arena *arena)
{
    struct demand_data data;
    struct err err = {0};
    if (!demand_data_load(arena, dirs, 1, &data, &err)) {
        err_print(&err, stderr);
        CU_FAIL_FATAL("shipped demand data must load");
    }
    return data;
}

static struct scenario_demand million_a_day(int shape, int burst)
{
    return (struct scenario_demand){.requests_per_day = 864000,
                                    .shape = shape,
                                    .burstiness = burst,
                                    .peak_to_mean = NAN,
                                    .growth_per_month_frac = 0.1,
                                    .horizon_s = 36 * 30.4375 * 86400};
}

static struct demand resolve(int shape, int burst)
{
    struct arena *arena = arena_new();
    struct demand_data data = load(arena);
    struct scenario_demand sc = million_a_day(shape, burst);
    struct demand d;
    CU_ASSERT_TRUE_FATAL(demand_resolve(&data, &sc, NAN, &d, NULL));
    arena_free(arena);
    return d;
}

static void a_week_holds_seven_average_days(void)
{
    for (int shape = 0; shape < SHAPE_N; shape++) {
        struct demand d = resolve(shape, BURST_POISSON);
        double sum = 0;
        for (int h = 0; h < 24; h++) {
            sum += 5 * d.share[DEMAND_WEEKDAY][h] + 2 * d.share[DEMAND_WEEKEND][h];
        }
        CHECK_NEAR(sum, 7, 1e-12);
    }
}

static void a_flat_day_has_its_mean_as_peak_hour(void)
{
    struct demand d = resolve(SHAPE_FLAT, BURST_POISSON);
    CHECK_NEAR(demand_peak_hour_rps(&d, 0), 10, 1e-9); /* 864000 / 86400 */
    CHECK_NEAR(demand_peak_rps(&d, 0, BURST_POISSON), 10, 1e-9);
}

static void office_hours_peak_is_that_of_the_source(void)
{
    /* Busiest hour 8.21 % of a campus day; weekend 0.3 of a weekday: a weekday is 7 / 5.6 of
     * the average day. 24 * 0.0821 * 1.25 = 2.46. */
    struct demand d = resolve(SHAPE_OFFICE_HOURS, BURST_POISSON);
    CHECK_NEAR(d.hour_peak, 2.46, 0.005);
    CU_ASSERT_TRUE(d.share[DEMAND_WEEKEND][15] < 0.31 * d.share[DEMAND_WEEKDAY][15]);
}

static void bursts_reproduce_the_measured_peaks(void)
{
    /* cv 0.2430: s^2 = ln(1.05905) = 0.05737, s = 0.2395; exp(2.128 * 0.2395 - 0.0287) = 1.618.
     */
    CHECK_NEAR(demand_burst_factor(0.2430), 1.618, 0.001);
    CHECK_NEAR(demand_burst_factor(0.2430), 1.53, 0.06); /* measured, Azure conversation */
    CHECK_NEAR(demand_burst_factor(1.0192), 4.1, 0.06);  /* measured, Azure code */
    CHECK_NEAR(demand_burst_factor(0), 1, 1e-12);
}

static void peaks_order_poisson_default_bursty(void)
{
    struct demand d = resolve(SHAPE_CONSUMER, BURST_CHAT);
    double poisson = demand_peak_rps(&d, 0, BURST_POISSON);
    double chat = demand_peak_rps(&d, 0, BURST_CHAT);
    CU_ASSERT_EQUAL(demand_burstiest(&d), BURST_CODE);
    CU_ASSERT_TRUE(poisson < chat && chat < demand_peak_rps(&d, 0, BURST_CODE));
    CHECK_NEAR(poisson, demand_peak_hour_rps(&d, 0), 1e-12);
}

static void growth_compounds_by_month(void)
{
    struct demand d = resolve(SHAPE_FLAT, BURST_POISSON);
    CU_ASSERT_EQUAL(d.n_months, 36);
    CHECK_NEAR(demand_requests_per_day(&d, 2), 864000 * 1.21, 1e-12);
}

static void a_given_peak_replaces_shape_and_bursts(void)
{
    struct arena *arena = arena_new();
    struct demand_data data = load(arena);
    struct scenario_demand sc = million_a_day(SHAPE_OFFICE_HOURS, BURST_CHAT);
    struct demand d;
    sc.peak_to_mean = 5;
    CU_ASSERT_TRUE(demand_resolve(&data, &sc, NAN, &d, NULL));
    CHECK_NEAR(demand_peak_rps(&d, 0, BURST_CHAT), 50, 1e-12);
    sc.peak_to_mean = 1;
    CU_ASSERT_TRUE(demand_resolve(&data, &sc, NAN, &d, NULL));
    CHECK_NEAR(demand_peak_rps(&d, 0, BURST_CHAT), 10, 1e-12);
    arena_free(arena);
}

static void rates_of_the_workload_stand_in_for_requests_per_day(void)
{
    struct arena *arena = arena_new();
    struct demand_data data = load(arena);
    struct scenario_demand sc = million_a_day(SHAPE_FLAT, BURST_POISSON);
    struct demand d;
    struct err err = {0};
    sc.requests_per_day = NAN;
    CU_ASSERT_TRUE(demand_resolve(&data, &sc, 2, &d, NULL));
    CHECK_NEAR(d.requests_per_day, 172800, 1e-12);
    CU_ASSERT_FALSE(demand_resolve(&data, &sc, NAN, &d, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    arena_free(arena);
}

static void missing_data_is_said(void)
{
    struct arena *arena = arena_new();
    struct demand_data data;
    struct err err = {0};
    const char *const none[] = {"/nonexistent"};
    CU_ASSERT_FALSE(demand_data_load(arena, none, 1, &data, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    arena_free(arena);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a week holds seven average days", a_week_holds_seven_average_days},
        {"a flat day has its mean as peak hour", a_flat_day_has_its_mean_as_peak_hour},
        {"office-hours peak is that of the source", office_hours_peak_is_that_of_the_source},
        {"bursts reproduce the measured peaks", bursts_reproduce_the_measured_peaks},
        {"peaks order: poisson, default, bursty", peaks_order_poisson_default_bursty},
        {"growth compounds by month", growth_compounds_by_month},
        {"a given peak replaces shape and bursts", a_given_peak_replaces_shape_and_bursts},
        {"rates of the workload stand in for requests per day",
         rates_of_the_workload_stand_in_for_requests_per_day},
        {"missing data is said", missing_data_is_said},
    };
    return check_main("demand", cases, (int)(sizeof cases / sizeof cases[0]));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What enters a comparison, within which bounds, and what moves with it. Months and present
 * values are in test_breakeven. */
#include <string.h>

#include "sim/plan/forecast.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

static struct plan_case rented(void)
{
    return plan_fixture_case(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT, "databricks",
                             OFFER_PAY_PER_TOKEN);
}

static struct plan_case bought(void)
{
    return plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO, "databricks",
                             OFFER_PROVISIONED);
}

/* By the GPU: 55.04 / 8 an hour, 310,000 / 8. By the token 0.50 in, 1.50 out: (1000 * 0.50 +
 * 250
 * * 1.50) / 1250 = 0.70; by the hour 85.714 DBU at 0.07 = 6.00. */
static void a_price_is_in_the_unit_it_is_paid_in(void)
{
    struct plan_case rent = rented();
    struct plan_case buy = bought();
    CHECK_NEAR(input_get(&rent, INPUT_NODE_PRICE), 6.88, 1e-12);
    CU_ASSERT_STRING_EQUAL(input_spec_of(&rent, INPUT_NODE_PRICE).unit, "USD/GPU-h");
    CHECK_NEAR(input_get(&buy, INPUT_NODE_PRICE), 38750, 1e-12);
    CU_ASSERT_STRING_EQUAL(input_spec_of(&buy, INPUT_NODE_PRICE).unit, "USD/GPU");
    CHECK_NEAR(input_get(&rent, INPUT_MANAGED_PRICE), 0.70, 1e-12);
    CU_ASSERT_STRING_EQUAL(input_spec_of(&rent, INPUT_MANAGED_PRICE).unit, "USD/Mtok");
    CHECK_NEAR(input_get(&buy, INPUT_MANAGED_PRICE), 6, 1e-4);
    CU_ASSERT_STRING_EQUAL(input_spec_of(&buy, INPUT_MANAGED_PRICE).unit, "USD/unit-h");
    CU_ASSERT_STRING_EQUAL(input_spec_of(&rent, INPUT_STAFF).unit, "USD/FTE-year");
    rent.econ.rates[ECON_STAFF].value = 120000;
    CU_ASSERT_STRING_EQUAL(input_spec_of(&rent, INPUT_STAFF).unit, "USD/year");
    CHECK_NEAR(input_get(&rent, INPUT_STAFF), 120000, 0);
}

/* The values between which a flip is looked for. */
static void bounds_are_what_could_be(void)
{
    static const struct {
        enum input_id id;
        double min, max;
    } rows[] = {
        {INPUT_VOLUME, 1, 1e13},       {INPUT_GROWTH, -0.9, 2},
        {INPUT_PEAK, 1, 1000},         {INPUT_CAPACITY, 1e-6, 1e9},
        {INPUT_UTILISATION, 0.01, 1},  {INPUT_NODE_PRICE, 0, 1e5},
        {INPUT_MANAGED_PRICE, 0, 1e5}, {INPUT_STAFF, 0, 1e8},
        {INPUT_ELECTRICITY, 0, 100},   {INPUT_CAPITAL, 0, 2},
        {INPUT_RESIDUAL, 0.001, 0.99}, {INPUT_FAILURES, 0, 1},
        {INPUT_SPOT, 0, 1000},         {INPUT_MANAGED_STAFF, 0, 1e9},
    };
    struct plan_case c = rented();
    struct plan_case buy = bought();
    CU_ASSERT_EQUAL(sizeof rows / sizeof rows[0], INPUT_N);
    for (int i = 0; i < INPUT_N; i++) {
        struct input_spec spec = input_spec_of(&c, rows[i].id);
        CU_ASSERT_EQUAL(spec.min, rows[i].min);
        CU_ASSERT_EQUAL(spec.max, rows[i].max);
        double value = input_get(&c, rows[i].id);
        CU_ASSERT_TRUE(value >= spec.min && value <= spec.max);
    }
    CU_ASSERT_EQUAL(input_spec_of(&buy, INPUT_NODE_PRICE).max, 1e8);
    CU_ASSERT_EQUAL(input_spec_of(&buy, INPUT_MANAGED_PRICE).max, 1e6);
    c.econ.rates[ECON_STAFF].value = 120000;
    CU_ASSERT_EQUAL(input_spec_of(&c, INPUT_STAFF).max, 1e9);
}

static bool matters(const struct plan_case *c, enum input_id id)
{
    return input_matters(c, id);
}

static void an_input_matters_where_it_is_paid(void)
{
    struct plan_case rent = rented();
    struct plan_case buy = bought();
    static const enum input_id of_owners[] = {INPUT_ELECTRICITY, INPUT_CAPITAL, INPUT_RESIDUAL};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_FALSE(matters(&rent, of_owners[i]));
        CU_ASSERT_TRUE(matters(&buy, of_owners[i]));
    }
    CU_ASSERT_TRUE(matters(&rent, INPUT_NODE_PRICE) && matters(&rent, INPUT_FAILURES));
    CU_ASSERT_TRUE(matters(&rent, INPUT_CAPACITY) && matters(&rent, INPUT_MANAGED_PRICE));
    CU_ASSERT_FALSE(matters(&rent, INPUT_SPOT));
    rent.hosting.pricing = "spot";
    CU_ASSERT_TRUE(matters(&rent, INPUT_SPOT));
    rent.has_self = buy.has_self = false;
    for (int id = INPUT_CAPACITY; id < INPUT_N; id++) {
        bool managed = id == INPUT_MANAGED_PRICE || id == INPUT_MANAGED_STAFF;
        CU_ASSERT_EQUAL(matters(&rent, (enum input_id)id), managed);
        CU_ASSERT_EQUAL(matters(&buy, (enum input_id)id), managed);
    }
    CU_ASSERT_TRUE(matters(&rent, INPUT_VOLUME) && matters(&rent, INPUT_GROWTH));
    CU_ASSERT_TRUE(matters(&rent, INPUT_PEAK));
    rent.offer.kind = OFFER_DEDICATED; /* runs the simulated system */
    CU_ASSERT_TRUE(matters(&rent, INPUT_CAPACITY) && matters(&rent, INPUT_UTILISATION));
    rent.has_managed = false;
    CU_ASSERT_FALSE(matters(&rent, INPUT_CAPACITY) || matters(&rent, INPUT_MANAGED_PRICE));
    rent.has_managed = true;
    rent.offer.price_factor = 0;
    CU_ASSERT_FALSE(matters(&rent, INPUT_MANAGED_PRICE));
}

static void a_range_moves_with_its_value(void)
{
    struct plan_case c = rented();
    struct plan_rate *rate = &c.econ.rates[ECON_SPOT];
    *rate = (struct plan_rate){.value = 2, .low = 1, .high = 6};
    input_set(&c, INPUT_SPOT, 3);
    CHECK_NEAR(rate->low, 1.5, 1e-12);
    CHECK_NEAR(rate->high, 9, 1e-12);
    *rate = (struct plan_rate){.value = 0, .low = 1, .high = 6};
    input_set(&c, INPUT_SPOT, 3);
    CHECK_NEAR(rate->value, 3, 0);
    CHECK_NEAR(rate->low, 1, 0);
    CHECK_NEAR(rate->high, 6, 0);
    input_set(&c, INPUT_CAPACITY, 5); /* 2.0 to 3.125 around 2.5 */
    CHECK_NEAR(c.option.rps_lo, 4, 1e-12);
    CHECK_NEAR(c.option.rps_hi, 6.25, 1e-12);
}

/* The day's shape gives 1.5 in its busiest hour, bursts the rest. */
static void a_peak_is_split_into_the_hour_and_the_burst(void)
{
    struct plan_case c = rented();
    c.demand.hour_peak = 1.5;
    input_set(&c, INPUT_PEAK, 3);
    CHECK_NEAR(c.demand.hour_peak, 1.5, 0);
    CHECK_NEAR(c.demand.burst_factor[c.demand.burst], 2, 1e-12);
    input_set(&c, INPUT_PEAK, 1.2);
    CHECK_NEAR(c.demand.hour_peak, 1.2, 0);
    CHECK_NEAR(c.demand.burst_factor[c.demand.burst], 1, 1e-12);
}

static void machines_beside_follow_the_price_of_the_main_ones(void)
{
    struct plan_case c = rented();
    c.hosting.prefill.price.value = 30;
    input_set(&c, INPUT_NODE_PRICE, 2 * 6.88);
    CHECK_NEAR(c.hosting.price.value, 2 * 55.04, 1e-12);
    CHECK_NEAR(c.hosting.prefill.price.value, 60, 1e-12);
    input_set(&c, INPUT_NODE_PRICE, 0);
    CHECK_NEAR(c.hosting.prefill.price.value, 0, 0);
    input_set(&c, INPUT_NODE_PRICE, 5);
    CHECK_NEAR(c.hosting.price.value, 40, 1e-12);
    CHECK_NEAR(c.hosting.prefill.price.value, 0, 0);
}

static void a_dedicated_endpoint_carries_what_the_system_does(void)
{
    struct plan_case c = rented();
    c.offer.kind = OFFER_DEDICATED;
    c.offer.unit_tok_per_s.value = 2500;
    input_set(&c, INPUT_CAPACITY, 5); /* was 2.5 */
    CHECK_NEAR(c.offer.unit_tok_per_s.value, 5000, 1e-12);
    input_set(&c, INPUT_UTILISATION, 0.4); /* was 0.8 */
    CHECK_NEAR(c.offer.unit_tok_per_s.value, 2500, 1e-12);
    input_set(&c, INPUT_NODE_PRICE, 1);
    CHECK_NEAR(c.offer.unit_tok_per_s.value, 2500, 1e-12);
    c.has_managed = false;
    input_set(&c, INPUT_CAPACITY, 10);
    CHECK_NEAR(c.offer.unit_tok_per_s.value, 2500, 1e-12);
}

/* A month in which neither side is cheaper is not won; the month after the last of them is the
 * crossing, and there is none when that was the last month. */
static void a_crossing_is_the_month_after_the_last_that_managed_wins(void)
{
    struct plan_case c = rented();
    struct forecast_month months[36];
    struct forecast fc;
    for (int l = 0; l < LIMIT_N; l++) {
        c.offer.limits[l].value = NAN;
    }
    input_set(&c, INPUT_CAPACITY, 1000); /* one server and a spare all along */
    c.demand.growth_per_month_frac = 0.1;
    c.econ.spares = 0;
    c.econ.rates[ECON_STAFF].value = 0;
    /* 40,206.72 USD a month; 875 USD per million requests: 45.95 M a month, 1.51 M a day,
     * 864,000 * 1.1^m: 1.514 M in month 5.9 */
    forecast_run(&c, months, &fc);
    CU_ASSERT_EQUAL(fc.crossing_month, 6);
    CU_ASSERT_TRUE(months[5].self_usd > months[5].managed_usd);
    CU_ASSERT_TRUE(months[6].self_usd < months[6].managed_usd);
    CHECK_NEAR(months[0].self_usd, 40206.72, 1e-9);
    CHECK_NEAR(months[0].managed_usd, 10 * 2.6298 * 875, 1e-9);
    CU_ASSERT_EQUAL(fc.gpus_max, 8);
    c.demand.n_months = 6;
    forecast_run(&c, NULL, &fc);
    CU_ASSERT_EQUAL(fc.crossing_month, -1);
    c.demand.n_months = 7;
    forecast_run(&c, NULL, &fc);
    CU_ASSERT_EQUAL(fc.crossing_month, 6);
    c.option.rps_per_replica = 0; /* no load is inside the limits */
    forecast_run(&c, months, &fc);
    CU_ASSERT_TRUE(isnan(fc.self_usd) && isnan(fc.self_npv_usd) && isnan(months[3].self_usd));
    CU_ASSERT_TRUE(isnan(forecast_self_usd(&c, 1000)));
    CU_ASSERT_EQUAL(fc.crossing_month, -1);
}

/* Over a limit the offer has no price: those months are won. */
static void months_without_a_price_are_won(void)
{
    struct plan_case c = rented();
    struct forecast fc;
    c.demand.n_months = 3;
    c.demand.requests_per_day = 1e7; /* over every limit of Databricks */
    forecast_run(&c, NULL, &fc);
    CU_ASSERT_TRUE(isnan(fc.managed_usd));
    CU_ASSERT_EQUAL(fc.crossing_month, 0);
    c.has_managed = false;
    forecast_run(&c, NULL, &fc);
    CU_ASSERT_EQUAL(fc.crossing_month, -1);
    CU_ASSERT_TRUE(isnan(forecast_managed_usd(&c, 1000)));
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a price is in the unit it is paid in", a_price_is_in_the_unit_it_is_paid_in},
        {"bounds are what could be", bounds_are_what_could_be},
        {"an input matters where it is paid", an_input_matters_where_it_is_paid},
        {"a range moves with its value", a_range_moves_with_its_value},
        {"a peak is split into the hour and the burst",
         a_peak_is_split_into_the_hour_and_the_burst},
        {"machines beside follow the price of the main ones",
         machines_beside_follow_the_price_of_the_main_ones},
        {"a dedicated endpoint carries what the system does",
         a_dedicated_endpoint_carries_what_the_system_does},
        {"a crossing is the month after the last that managed wins",
         a_crossing_is_the_month_after_the_last_that_managed_wins},
        {"months without a price are won", months_without_a_price_are_won},
    };
    plan_fixture_open(&f, NULL);
    int code = check_main("forecast", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}

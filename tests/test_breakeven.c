/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Break-evens and forecasts worked out by hand from the shipped catalogue. */
#include <string.h>

#include "sim/plan/breakeven.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

/* A replica of 100 requests/s, of which 80 are used, on machines with a team of 120,000 USD a
 * year, against Deepinfra's 0.15 in and 0.60 out: (1000 * 0.15 + 250 * 0.60) / 1e6 = 0.0003 USD
 * per request, 0.0003 * 30.4375 = 0.00913125 USD per month for each request a day. */
static struct plan_case fast_case(const char *node, const char *pricing, enum hosting_kind kind)
{
    struct plan_case c =
        plan_fixture_case(&f, node, pricing, kind, "deepinfra", OFFER_PAY_PER_TOKEN);
    c.option.rps_per_replica = 100;
    return c;
}

static struct breakeven find(const struct plan_case *c, double max)
{
    struct breakeven b;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(breakeven_find(f.arena, c, max, &b, &err));
    return b;
}

static void rented_server_against_tokens(void)
{
    /* aws-p5.48xlarge on demand 55.04 * 730.5 = 40,206.72, team 10,000: 50,206.72 a month.
     * 50,206.72 / 0.00913125 = 5,498,340 requests a day, 63.6/s: inside the first step of 80/s.
     * The second step, at 6,912,000 a day, costs 40,206.72 and a spare as much again:
     * 130,620.16 against 63,115.20, so managed is cheaper again. */
    struct plan_case c = fast_case("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct breakeven b = find(&c, 10e6);
    CU_ASSERT_EQUAL_FATAL(b.n, 2);
    CHECK_NEAR(b.items[0].requests_per_day, 50206.72 / 0.00913125, 1e-9);
    CU_ASSERT_TRUE(b.items[0].to_self);
    CU_ASSERT_EQUAL(b.items[0].kind, CROSSING_SMOOTH);
    CHECK_NEAR(b.items[1].requests_per_day, 6912000, 1e-9);
    CU_ASSERT_FALSE(b.items[1].to_self);
    CU_ASSERT_EQUAL(b.items[1].kind, CROSSING_STEP);
    CHECK_NEAR(b.items[0].managed_usd, 50206.72, 1e-9);
    CHECK_NEAR(b.items[1].usd_per_month, 130620.16, 1e-7);
    CHECK_NEAR(b.items[1].managed_usd, 6912000 * 0.00913125, 1e-7);
    CU_ASSERT_FALSE(b.self_at_end);
}

static void bought_server_with_electricity_against_tokens(void)
{
    /* dgx-h100 in colocation, one server: capex 310,000 * 1.06 = 328,600. Depreciation 328,600
     * * 0.799171 / 48 = 5,470.99; capital 328,600 * 1.200829 / 2 * 0.08 / 12 = 1,315.31;
     * maintenance 775; colocation 10.2 * 184.06 = 1,877.41; team 10,000; idle 1,500 W * 1.3 *
     * 730.5 h * 0.12 = 170.94: 19,609.65 fixed. Load: 4,500 W per 100/s, 45 W * 1.3 * 0.7305 *
     * 0.12 = 5.12811 USD per request/s = 5.93531e-5 per request a day. 19,609.65 / (0.00913125
     * - 0.0000593531) = 2,161,582 requests a day. */
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    struct breakeven b = find(&c, 6e6);
    CU_ASSERT_EQUAL_FATAL(b.n, 1);
    CHECK_NEAR(b.items[0].requests_per_day, 2161582, 1e-6);
    CU_ASSERT_EQUAL(b.items[0].gpus, 8);
}

/* The rented server wins from 5,498,340 requests a day, the bought one from 2,161,582: with
 * both to choose from it is the lower, whichever stands first. Against an offer without a price
 * nothing changes; against a cheaper one, 0.05 in and 0.20 out or a third of the price, the
 * bought one wins at (1000 * 0.05 + 250 * 0.20) / 1e6 * 30.4375 = 0.00304375 USD a month for
 * each request a day: 19,609.65 / (0.00304375 - 0.0000593531) = 6,570,699, inside its first
 * step of 6,912,000. */
static void the_first_win_is_of_any_system_against_every_offer(void)
{
    struct plan_case rented = fast_case("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct plan_case bought = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    struct plan_case unpriced = rented, cheaper = rented;
    unpriced.offer.kind = OFFER_PROVISIONED;
    unpriced.offer.unit_tok_per_s.value = NAN;
    cheaper.offer.price_factor = 1.0 / 3;
    const struct plan_case *self[] = {&rented, &bought}, *managed[] = {&rented, &unpriced};
    struct breakeven_best best;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(breakeven_first(self, 2, managed, 2, 10e6, &best, &err));
    CHECK_NEAR(best.requests_per_day, 2161582, 1e-6);
    CU_ASSERT_EQUAL(best.self_idx, 1);
    CU_ASSERT_TRUE_FATAL(breakeven_first(self, 1, managed, 2, 5e6, &best, &err));
    CU_ASSERT_TRUE(isnan(best.requests_per_day));
    CU_ASSERT_EQUAL(best.self_idx, -1);
    managed[1] = &cheaper;
    CU_ASSERT_TRUE_FATAL(breakeven_first(self, 2, managed, 2, 10e6, &best, &err));
    CHECK_NEAR(best.requests_per_day, 6570699, 1e-5);
}

static void at_a_smooth_crossing_both_cost_the_same(void)
{
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_OWN);
    struct breakeven b = find(&c, 30e6);
    int n_smooth = 0;
    for (int i = 0; i < b.n; i++) {
        double at = b.items[i].requests_per_day;
        CU_ASSERT_TRUE(i == 0 || at > b.items[i - 1].requests_per_day);
        CU_ASSERT_TRUE(i == 0 || b.items[i].to_self != b.items[i - 1].to_self);
        if (b.items[i].kind == CROSSING_SMOOTH) {
            CHECK_NEAR(forecast_self_usd(&c, at), forecast_managed_usd(&c, at), 1e-9);
            n_smooth++;
        }
    }
    CU_ASSERT_TRUE(n_smooth >= 1);
}

static void no_crossing_is_missed_between_samples(void)
{
    /* The sign of the difference at 20,000 volumes changes only across a reported crossing. */
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    struct breakeven b = find(&c, 40e6);
    int next = 0;
    bool self = false;
    for (int i = 1; i <= 20000; i++) {
        double at = 40e6 * (i - 0.5) / 20000;
        while (next < b.n && b.items[next].requests_per_day < at) {
            self = b.items[next++].to_self;
        }
        CU_ASSERT_EQUAL(forecast_self_usd(&c, at) < forecast_managed_usd(&c, at), self);
    }
}

static void the_managed_side_ends_at_its_rate_limit(void)
{
    /* Databricks Maverick: 10,000 output tokens a minute / 250 / 60 = 0.6667/s and 2,400
     * queries an hour, the same: 57,600 requests a day. */
    struct plan_case c = plan_fixture_case(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT,
                                           "databricks", OFFER_PAY_PER_TOKEN);
    struct breakeven b = find(&c, 1e6);
    CU_ASSERT_EQUAL_FATAL(b.n, 1);
    CHECK_NEAR(b.items[0].requests_per_day, 57600, 1e-9);
    CU_ASSERT_EQUAL(b.items[0].kind, CROSSING_LIMIT);
    CU_ASSERT_TRUE(b.items[0].to_self);
    CU_ASSERT_TRUE(isnan(b.items[0].managed_usd));
    CU_ASSERT_TRUE(b.self_at_end);
}

static void two_staircases_cross_at_steps(void)
{
    struct plan_case c = plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO,
                                           "databricks", OFFER_PROVISIONED);
    c.option.rps_per_replica = 25;
    struct breakeven b = find(&c, 5e6);
    CU_ASSERT_TRUE(b.n > 0);
    for (int i = 0; i < b.n; i++) {
        double at = b.items[i].requests_per_day;
        double above =
            forecast_self_usd(&c, at * (1 + 1e-7)) - forecast_managed_usd(&c, at * (1 + 1e-7));
        double below =
            forecast_self_usd(&c, at * (1 - 1e-7)) - forecast_managed_usd(&c, at * (1 - 1e-7));
        CU_ASSERT_TRUE((above < 0) != (below < 0));
        CU_ASSERT_EQUAL(above < 0, b.items[i].to_self);
    }
}

/* What is left of a cut list is complete up to where it says, and the side there is right. */
static void a_cut_list_says_how_far_it_goes(void)
{
    struct plan_case c = plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO,
                                           "databricks", OFFER_PROVISIONED);
    c.option.rps_per_replica = 25;
    struct breakeven whole = find(&c, 5e6);
    struct breakeven cut = whole;
    CU_ASSERT_TRUE_FATAL(whole.n > 2);
    breakeven_cut(&cut, whole.n);
    CU_ASSERT_EQUAL(cut.searched_to, 5e6);
    breakeven_cut(&cut, 2);
    CU_ASSERT_EQUAL(cut.n, 2);
    CU_ASSERT_EQUAL(cut.searched_to, whole.items[2].requests_per_day);
    double below = cut.searched_to * (1 - 1e-9);
    CU_ASSERT_EQUAL(cut.self_at_end,
                    forecast_self_usd(&c, below) < forecast_managed_usd(&c, below));
}

static void the_month_of_break_even_follows_growth(void)
{
    /* Crossing at 5,498,340 a day; today 2,000,000, 10 % a month: ln(2.74917) / ln(1.1)
     * = 10.61.
     */
    struct plan_case c = fast_case("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct breakeven b = find(&c, 10e6);
    c.demand.requests_per_day = 2e6;
    c.demand.growth_per_month_frac = 0.1;
    CHECK_NEAR(breakeven_month(&c, &b), 10.61, 1e-3);
    c.demand.growth_per_month_frac = 0;
    CU_ASSERT_TRUE(isnan(breakeven_month(&c, &b)));
    c.demand.requests_per_day = 6e6;
    CHECK_NEAR(breakeven_month(&c, &b), 0, 0);
}

static void the_forecast_crosses_in_the_month_the_costs_do(void)
{
    struct plan_case c = fast_case("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct forecast_month months[36];
    struct forecast fc;
    c.demand.requests_per_day = 5e6;
    c.demand.growth_per_month_frac = 0.008; /* 5e6 * 1.008^35 = 6.61e6: below the second step */
    forecast_run(&c, months, &fc);
    /* ln(5,498,340 / 5e6) / ln(1.008) = 11.92: month 12 is the first on the other side. */
    CU_ASSERT_EQUAL(fc.crossing_month, 12);
    CU_ASSERT_TRUE(months[11].self_usd > months[11].managed_usd);
    CU_ASSERT_TRUE(months[12].self_usd < months[12].managed_usd);
}

static void net_present_value_of_a_rented_fleet(void)
{
    /* Constant 50,206.72 a month over 36 months at 8 % a year: monthly factor q = 1.08^(-1/12)
     * = 0.99360699; q (1 - q^36) / (1 - q) = 32.0432 (36 payments); NPV = 1,608,784 USD. */
    struct plan_case c = fast_case("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct forecast fc;
    forecast_run(&c, NULL, &fc);
    double q = pow(1.08, -1.0 / 12);
    CHECK_NEAR(fc.self_usd, 50206.72, 1e-9);
    CHECK_NEAR(fc.self_npv_usd, 50206.72 * q * (1 - 1 / 1.259712) / (1 - q), 1e-9);
    CHECK_NEAR(fc.self_npv_usd, 1608784, 1e-4);
}

static void net_present_value_of_a_purchase(void)
{
    /* Capex 328,600 at the start; resale after 36 months 30 %: 98,580 / 1.259712 = 78,255.99
     * back. In between cash of 775 + 1,877.412 + 10,000 + electricity. */
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    struct forecast_month months[36];
    struct forecast fc;
    forecast_run(&c, months, &fc);
    double cash = months[1].self_cash_usd; /* electricity: 10 requests/s, 1,500 + 450 W */
    CHECK_NEAR(cash, 775 + 1877.412 + 10000 + 1.95 * 1.3 * 730.5 * 0.12, 1e-9);
    CHECK_NEAR(months[0].self_cash_usd - cash, 328600, 1e-9);
    double left = pow(0.3, 48.0 / 36); /* after the 48 months of depreciation */
    CHECK_NEAR(months[0].self_bought_usd, 328600, 1e-9);
    CHECK_NEAR(months[1].self_bought_usd, 0, 1e-9);
    CHECK_NEAR(months[1].self_capital_usd, 328600 * (1 + left) / 2 * 0.08 / 12, 1e-9);
    double wear = months[1].self_usd - cash - months[1].self_capital_usd;
    CHECK_NEAR(wear, 328600 * (1 - left) / 48, 1e-9);
    double q = pow(1.08, -1.0 / 12);
    double annuity = q * (1 - 1 / 1.259712) / (1 - q);
    CHECK_NEAR(fc.self_npv_usd, 328600 + cash * annuity - 98580 / 1.259712, 1e-9);
}

static void bought_machines_stay_when_demand_shrinks(void)
{
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    struct forecast_month months[36];
    struct forecast fc;
    c.demand.requests_per_day = 20e6;
    c.demand.growth_per_month_frac = -0.1;
    forecast_run(&c, months, &fc);
    CU_ASSERT_EQUAL(months[35].units.gpus, months[0].units.gpus);
    c.hosting = plan_fixture_hosting(&f, "aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    forecast_run(&c, months, &fc);
    CU_ASSERT_TRUE(months[35].units.gpus < months[0].units.gpus);
}

static void bursts_need_more_gpus(void)
{
    /* 10/s on replicas of 2/s: 5; chat 16.18/s: 9; code 42.2/s: 22. One spare each. */
    struct plan_case c = plan_fixture_case(&f, "dgx-h100", "purchase", HOSTING_COLO,
                                           "deepinfra", OFFER_PAY_PER_TOKEN);
    CU_ASSERT_EQUAL(forecast_fleet(&c, 864000).replicas, 5);
    CU_ASSERT_EQUAL(forecast_fleet(&c, 864000).gpus, 48);
    c.demand.burst = BURST_CHAT;
    CU_ASSERT_EQUAL(forecast_fleet(&c, 864000).replicas, 9);
    c.demand.burst = (int)demand_burstiest(&c.demand);
    CU_ASSERT_EQUAL(forecast_fleet(&c, 864000).replicas, 22);
}

static void inputs_read_back_what_was_set(void)
{
    struct plan_case c = fast_case("dgx-h100", "purchase", HOSTING_COLO);
    for (int id = 0; id < INPUT_N; id++) {
        double value = input_get(&c, (enum input_id)id);
        double changed = value == 0 ? 0.05 : value * 0.9;
        if (id == INPUT_PEAK) {
            changed = 2.5;
        }
        input_set(&c, (enum input_id)id, changed);
        CHECK_NEAR(input_get(&c, (enum input_id)id), changed, 1e-12);
        CU_ASSERT_TRUE(input_spec_of(&c, (enum input_id)id).name[0] != '\0');
    }
}

int main(void)
{
    static const char *const sets[] = {"economics.staff_per_year=120000", NULL};
    static const struct check_case cases[] = {
        {"a rented server against tokens", rented_server_against_tokens},
        {"a bought server with electricity against tokens",
         bought_server_with_electricity_against_tokens},
        {"the first win is of any system against every offer",
         the_first_win_is_of_any_system_against_every_offer},
        {"at a smooth crossing both cost the same", at_a_smooth_crossing_both_cost_the_same},
        {"no crossing is missed between samples", no_crossing_is_missed_between_samples},
        {"the managed side ends at its rate limit", the_managed_side_ends_at_its_rate_limit},
        {"two staircases cross at steps", two_staircases_cross_at_steps},
        {"a cut list says how far it goes", a_cut_list_says_how_far_it_goes},
        {"the month of break-even follows growth", the_month_of_break_even_follows_growth},
        {"the forecast crosses in the month the costs do",
         the_forecast_crosses_in_the_month_the_costs_do},
        {"net present value of a rented fleet", net_present_value_of_a_rented_fleet},
        {"net present value of a purchase", net_present_value_of_a_purchase},
        {"bought machines stay when demand shrinks", bought_machines_stay_when_demand_shrinks},
        {"bursts need more GPUs", bursts_need_more_gpus},
        {"inputs read back what was set", inputs_read_back_what_was_set},
    };
    plan_fixture_open(&f, sets);
    int code = check_main("breakeven", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}

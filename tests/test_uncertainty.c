/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Latin hypercube, spreads, quantiles and sensitivities. */
#include <stdlib.h>
#include <string.h>

#include "sim/plan/uncertainty.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

static struct plan_case case_of(const char *node, const char *pricing, enum hosting_kind kind)
{
    return plan_fixture_case(&f, node, pricing, kind, "deepinfra", OFFER_PAY_PER_TOKEN);
}

/* One rented server whatever the draw: only its price and the team's cost move. */
static struct plan_case one_server(void)
{
    struct plan_case c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    c.option.rps_per_replica = 1000;
    c.option.rps_lo = c.option.rps_hi = 1000;
    c.demand.n_months = 1; /* growth has no month to work in */
    c.econ.spares = 0;
    c.has_managed = false;
    return c;
}

static void a_latin_hypercube_has_one_draw_in_every_stratum(void)
{
    enum { N = 64 };
    double *design = uncertainty_design(f.arena, 7, 0, N);
    for (int id = 0; id < INPUT_N; id++) {
        int seen[N] = {0};
        for (int i = 0; i < N; i++) {
            double u = design[id * N + i];
            CU_ASSERT_TRUE_FATAL(u > 0 && u < 1);
            seen[(int)(u * N)]++;
        }
        for (int i = 0; i < N; i++) {
            CU_ASSERT_EQUAL(seen[i], 1);
        }
    }
}

static void designs_differ_by_seed_input_and_replication(void)
{
    double *a = uncertainty_design(f.arena, 1, 0, 32);
    double *again = uncertainty_design(f.arena, 1, 0, 32);
    double *seed = uncertainty_design(f.arena, 2, 0, 32);
    double *rep = uncertainty_design(f.arena, 1, 1, 32);
    size_t all = (size_t)INPUT_N * 32 * sizeof *a;
    CU_ASSERT_EQUAL(memcmp(a, again, all), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a, seed, all), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a, rep, all), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a, a + 32, 32 * sizeof *a), 0);
}

static void the_band_is_met_at_its_quantiles(void)
{
    struct plan_case c = case_of("dgx-h100", "purchase", HOSTING_COLO);
    CHECK_NEAR(uncertainty_value(&c, INPUT_CAPACITY, 0.1), 2.0, 1e-12);
    CHECK_NEAR(uncertainty_value(&c, INPUT_CAPACITY, 0.5), 2.5, 1e-12);
    CHECK_NEAR(uncertainty_value(&c, INPUT_CAPACITY, 0.9), 3.125, 1e-12);
    /* Engineers: 150,000 to 200,000 around 175,000 in the catalogue. */
    CHECK_NEAR(uncertainty_value(&c, INPUT_STAFF, 0.9), 200000, 1e-12);
    c.demand.growth_per_month_frac = 0.04;
    CHECK_NEAR(uncertainty_value(&c, INPUT_GROWTH, 0.1), 0.02, 1e-9);
}

static void a_range_moves_with_its_value(void)
{
    struct plan_case c = case_of("dgx-h100", "purchase", HOSTING_COLO);
    input_set(&c, INPUT_STAFF, 87500);
    input_set(&c, INPUT_CAPACITY, 5);
    CHECK_NEAR(uncertainty_value(&c, INPUT_STAFF, 0.9), 100000, 1e-12);
    CHECK_NEAR(uncertainty_value(&c, INPUT_CAPACITY, 0.1), 4, 1e-12);
}

static void without_a_band_capacity_is_certain(void)
{
    struct plan_case c = one_server();
    CHECK_NEAR(uncertainty_value(&c, INPUT_CAPACITY, 0.01), 1000, 0);
    CU_ASSERT_FALSE(uncertainty_spread(&c, INPUT_ELECTRICITY).varied); /* rent includes it */
    CU_ASSERT_FALSE(uncertainty_spread(&c, INPUT_MANAGED_PRICE).varied);
}

static void only_spot_machines_vary_with_their_interruptions(void)
{
    struct plan_case c = one_server();
    CU_ASSERT_FALSE(uncertainty_spread(&c, INPUT_SPOT).varied);
    c = case_of("azure-nd96isr-h100-v5", "spot", HOSTING_RENT);
    struct spread spread = uncertainty_spread(&c, INPUT_SPOT);
    CU_ASSERT_TRUE(spread.varied);
    CHECK_NEAR(spread.p10, 0.00169, 1e-12);
    CHECK_NEAR(spread.p90, 1, 1e-12);
    input_set(&c, INPUT_SPOT, 4);
    CHECK_NEAR(hosting_down_frac(&c.econ, &c.option, &c.hosting), 4 * 1086 / 86400.0 + 6.70e-4,
               1e-3);
}

static void quantiles_of_one_price_are_those_of_its_spread(void)
{
    /* 55.04 * 730.5 * (0.87, 1, 1.15) with a team of 0. */
    struct plan_case c = one_server();
    struct uncertainty u;
    c.econ.rates[ECON_STAFF].value = 0;
    uncertainty_run(f.arena, &c, 512, 1, &u);
    CHECK_NEAR(u.self_usd.p10, 40206.72 * 0.87, 2e-3);
    CHECK_NEAR(u.self_usd.p50, 40206.72, 1e-3);
    CHECK_NEAR(u.self_usd.p90, 40206.72 * 1.15, 2e-3);
    CHECK_NEAR(u.gpus.p90, 8, 0);
    CU_ASSERT_TRUE(isnan(u.managed_usd.p50));
    /* paid at the end of the only month: (1 + 8 %)^(-1/12) */
    CHECK_NEAR(u.self_npv_usd.p50, 40206.72 * pow(1.08, -1.0 / 12), 0.02);
    CHECK_NEAR(u.self_npv_usd.p90 / u.self_npv_usd.p10, 1.15 / 0.87, 0.02);
    CU_ASSERT_TRUE(isnan(u.managed_npv_usd.p50));
}

/* The same draws as in the comparison: rent -13 to +15 %, 864,000 requests a day for a month.
 */
static void the_cost_of_one_option_has_the_band_of_the_comparison(void)
{
    struct plan_case c = one_server();
    struct cost_spread spread;
    struct uncertainty u;
    c.econ.rates[ECON_STAFF].value = 0;
    uncertainty_run(f.arena, &c, 512, 1, &u);
    uncertainty_cost(&c, uncertainty_design(f.arena, 1, 0, 512), 512, &spread);
    CHECK_NEAR(spread.usd.p10, u.self_usd.p10, 0);
    CHECK_NEAR(spread.usd.p90, u.self_usd.p90, 0);
    /* Over the tokens of a request and 864,000 / 86,400 s = 10 requests/s for a month. */
    double mtok = 10 * 2629.8e3 * (c.option.tokens.input + c.option.tokens.output) / 1e6;
    CHECK_NEAR(spread.usd_per_mtok.p90, 40206.72 * 1.15 / mtok, 2e-3);
}

/* List prices of tokens: -15 to +10 %. */
static void a_managed_option_moves_with_its_price_alone(void)
{
    struct plan_case c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct cost_spread spread;
    struct forecast fc;
    c.has_self = false;
    c.demand.n_months = 1;
    forecast_run(&c, NULL, &fc);
    uncertainty_cost(&c, uncertainty_design(f.arena, 1, 0, 512), 512, &spread);
    CHECK_NEAR(spread.usd.p10, 0.85 * fc.managed_usd, 2e-3);
    CHECK_NEAR(spread.usd.p50, fc.managed_usd, 1e-3);
    CHECK_NEAR(spread.usd.p90, 1.1 * fc.managed_usd, 2e-3);
}

static void results_are_ordered_and_seeds_agree(void)
{
    struct plan_case c = case_of("dgx-h100", "purchase", HOSTING_COLO);
    struct uncertainty a;
    struct uncertainty b;
    c.demand.growth_per_month_frac = 0.03;
    uncertainty_run(f.arena, &c, 512, 1, &a);
    uncertainty_run(f.arena, &c, 512, 2, &b);
    CU_ASSERT_TRUE(a.self_usd.p10 < a.self_usd.p50 && a.self_usd.p50 < a.self_usd.p90);
    CU_ASSERT_TRUE(a.gpus.p10 <= a.gpus.p50 && a.gpus.p50 <= a.gpus.p90);
    CU_ASSERT_NOT_EQUAL(a.self_usd.p50, b.self_usd.p50);
    CHECK_NEAR(a.self_usd.p50, b.self_usd.p50, 0.03);
    CHECK_NEAR(a.self_usd.p90, b.self_usd.p90, 0.05);
}

static void the_break_even_month_has_a_spread(void)
{
    struct plan_case c = case_of("dgx-h100", "purchase", HOSTING_COLO);
    struct uncertainty u;
    input_set(&c, INPUT_CAPACITY, 100);
    c.demand.requests_per_day = 1.2e6;
    c.demand.growth_per_month_frac = 0.04;
    uncertainty_run(f.arena, &c, 512, 1, &u);
    CU_ASSERT_TRUE(u.crosses_frac > 0.5);
    CU_ASSERT_TRUE(u.crossing_month.p10 < u.crossing_month.p90);
    CU_ASSERT_TRUE(u.crossing_month.p10 >= 0 && u.crossing_month.p90 < 36);
}

static void the_ratio_quantile_is_an_order_statistic(void)
{
    struct plan_case c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    double *design = uncertainty_design(f.arena, 1, 0, 100);
    double scratch[100];
    double q80 = uncertainty_ratio(&c, design, 100, 0.8, scratch);
    int below = 0;
    for (int i = 0; i < 100; i++) {
        below += scratch[i] <= q80;
    }
    CU_ASSERT_EQUAL(below, 80);
}

static void the_only_input_that_matters_takes_the_whole_effect(void)
{
    struct plan_case c = one_server();
    struct tornado t;
    c.econ.rates[ECON_STAFF].value = 0;
    uncertainty_tornado(f.arena, &c, 256, 1, &t);
    CU_ASSERT_TRUE_FATAL(t.n >= 2);
    CU_ASSERT_EQUAL(t.rows[0].id, INPUT_NODE_PRICE);
    CHECK_NEAR(t.rows[0].total_effect_frac, 1, 0.2);
    CHECK_NEAR(t.rows[0].usd_high, 40206.72 * 1.15, 1e-9);
    CHECK_NEAR(t.base_usd, 40206.72, 1e-9);
    for (int i = 1; i < t.n; i++) {
        CHECK_NEAR(t.rows[i].total_effect_frac, 0, 0);
        CHECK_NEAR(t.rows[i].usd_low, t.rows[i].usd_high, 0);
    }
}

static void two_additive_inputs_share_the_effect(void)
{
    /* Price P10 to P90: 34,980 to 46,238, about 11,258; team of 40,000 a month at -20 to +25 %:
     * 18,000. Variances go as the squares: the team has about 0.72 of the whole. */
    struct plan_case c = one_server();
    struct tornado t;
    double sum = 0;
    c.econ.rates[ECON_STAFF].value = 480000;
    uncertainty_tornado(f.arena, &c, 512, 1, &t);
    CU_ASSERT_EQUAL(t.rows[0].id, INPUT_STAFF);
    CHECK_NEAR(t.rows[0].total_effect_frac, 0.72, 0.15);
    for (int i = 0; i < t.n; i++) {
        sum += t.rows[i].total_effect_frac;
    }
    CHECK_NEAR(sum, 1, 0.15);
}

/* Without growth the cost of a month never changes sides. */
static void costs_that_never_cross_have_no_month(void)
{
    struct plan_case c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    struct uncertainty u;
    uncertainty_run(f.arena, &c, 64, 1, &u); /* 40,000 USD against 790 */
    CU_ASSERT_EQUAL(u.crosses_frac, 0);
    CU_ASSERT_TRUE(isnan(u.crossing_month.p50));
    CU_ASSERT_TRUE(u.ratio.p10 > 1);
    CU_ASSERT_EQUAL(u.n, 64);
    CU_ASSERT_TRUE(u.managed_npv_usd.p10 < u.managed_npv_usd.p90);
    /* 36 months of the mean, discounted at 8 % a year: over 1.5 years 0.89 */
    CHECK_NEAR(u.managed_npv_usd.p50, 36 * 0.89 * u.managed_usd.p50, 0.01);
    c.option.rps_lo = c.option.rps_hi = c.option.rps_per_replica;
    CU_ASSERT_FALSE(uncertainty_spread(&c, INPUT_CAPACITY).varied);
}

/* What has no price cannot win, and a free offer cannot be beaten. */
static void a_missing_price_is_the_other_sides_win(void)
{
    struct plan_case c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    double *design = uncertainty_design(f.arena, 1, 0, 8);
    double scratch[8];
    c.offer.kind = OFFER_PROVISIONED;
    c.offer.unit_tok_per_s.value = NAN;
    CU_ASSERT_EQUAL(uncertainty_ratio(&c, design, 8, 0.5, scratch), 0);
    c.has_self = false;
    CU_ASSERT_EQUAL(uncertainty_ratio(&c, design, 8, 0.5, scratch), 1);
    c = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    c.offer.price_factor = 0;
    CU_ASSERT_TRUE(isinf(uncertainty_ratio(&c, design, 8, 0.5, scratch)));
    input_set(&c, INPUT_NODE_PRICE, 0);
    c.econ.rates[ECON_STAFF].value = 0;
    CU_ASSERT_EQUAL(uncertainty_ratio(&c, design, 8, 0.5, scratch), 1); /* both are free */
    c.has_self = false;
    CU_ASSERT_TRUE(isinf(uncertainty_ratio(&c, design, 8, 0.5, scratch)));
}

/* Each input with the spread that is stated for it. */
static void spreads_are_those_stated(void)
{
    struct plan_case own = case_of("dgx-h100", "purchase", HOSTING_OWN);
    struct plan_case rent = case_of("aws-p5.48xlarge", "on-demand", HOSTING_RENT);
    static const struct {
        enum input_id id;
        double lo, hi; /* of the value */
    } rows[] = {
        {INPUT_NODE_PRICE, 0.87, 1.15}, {INPUT_MANAGED_PRICE, 0.85, 1.1},
        {INPUT_UTILISATION, 0.9, 1.1},  {INPUT_FAILURES, 0.24, 4.1},
        {INPUT_ELECTRICITY, 0.7, 1.4},  {INPUT_CAPITAL, 0.75, 1.5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spread s = uncertainty_spread(&own, rows[i].id);
        double value = input_get(&own, rows[i].id);
        CU_ASSERT_TRUE(s.varied && s.assumed);
        CHECK_NEAR(s.p10, rows[i].lo * value, 1e-12);
        CHECK_NEAR(s.p90, rows[i].hi * value, 1e-12);
    }
    CU_ASSERT_FALSE(uncertainty_spread(&rent, INPUT_CAPITAL).varied);
    CU_ASSERT_FALSE(uncertainty_spread(&rent, INPUT_RESIDUAL).varied);
    CU_ASSERT_FALSE(uncertainty_spread(&own, INPUT_VOLUME).varied);
    input_set(&own, INPUT_UTILISATION, 0.95); /* never above 1 */
    CHECK_NEAR(uncertainty_spread(&own, INPUT_UTILISATION).p90, 1, 1e-12);
    own.demand.growth_per_month_frac = 0; /* 1 % a month at least */
    CHECK_NEAR(uncertainty_spread(&own, INPUT_GROWTH).p90, 0.01, 1e-12);
    own.demand.growth_per_month_frac = -0.04;
    CHECK_NEAR(uncertainty_spread(&own, INPUT_GROWTH).p90, -0.02, 1e-12);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a Latin hypercube has one draw in every stratum",
         a_latin_hypercube_has_one_draw_in_every_stratum},
        {"designs differ by seed, input and replication",
         designs_differ_by_seed_input_and_replication},
        {"the band is met at its quantiles", the_band_is_met_at_its_quantiles},
        {"a range moves with its value", a_range_moves_with_its_value},
        {"without a band capacity is certain", without_a_band_capacity_is_certain},
        {"only spot machines vary with their interruptions",
         only_spot_machines_vary_with_their_interruptions},
        {"quantiles of one price are those of its spread",
         quantiles_of_one_price_are_those_of_its_spread},
        {"the cost of one option has the band of the comparison",
         the_cost_of_one_option_has_the_band_of_the_comparison},
        {"a managed option moves with its price alone",
         a_managed_option_moves_with_its_price_alone},
        {"results are ordered and seeds agree", results_are_ordered_and_seeds_agree},
        {"the break-even month has a spread", the_break_even_month_has_a_spread},
        {"the ratio quantile is an order statistic", the_ratio_quantile_is_an_order_statistic},
        {"the only input that matters takes the whole effect",
         the_only_input_that_matters_takes_the_whole_effect},
        {"two additive inputs share the effect", two_additive_inputs_share_the_effect},
        {"costs that never cross have no month", costs_that_never_cross_have_no_month},
        {"a missing price is the other side's win", a_missing_price_is_the_other_sides_win},
        {"spreads are those stated", spreads_are_those_stated},
    };
    plan_fixture_open(&f, NULL);
    int code = check_main("uncertainty", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}

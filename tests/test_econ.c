/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where each figure of the economics is from. */
#include <string.h>

#include "sim/plan/econ.h"
#include "tests/check.h"
#include "tests/plan_fixture.h"

static struct plan_fixture f;

static void every_figure_names_its_source(void)
{
    for (int id = 0; id < ECON_N; id++) {
        const struct plan_rate *rate = &f.econ.rates[id];
        CU_ASSERT_TRUE(rate->name[0] != '\0' && rate->unit[0] != '\0');
        CU_ASSERT_TRUE(rate->source[0] != '\0');
        CU_ASSERT_TRUE(id == ECON_STAFF || !isnan(rate->value));
    }
}

static void the_catalogue_gives_what_the_scenario_leaves_out(void)
{
    CHECK_NEAR(econ_value(&f.econ, ECON_COLOCATION), 184.06, 0); /* the newest row */
    CHECK_NEAR(econ_value(&f.econ, ECON_NETWORK_SMALL), 0.04, 0);
    CHECK_NEAR(econ_value(&f.econ, ECON_NETWORK_LARGE), 0.128, 0);
    CHECK_NEAR(econ_value(&f.econ, ECON_FAILURES), 4.74e-4, 1e-12);
    CHECK_NEAR(econ_value(&f.econ, ECON_NODE_FAILURES), 0, 0);
    CU_ASSERT_FALSE(f.econ.rates[ECON_COLOCATION].given);
    CU_ASSERT_TRUE(f.econ.rates[ECON_STORAGE_SHARE].estimated);
}

static void defaults_are_told_from_the_users_own(void)
{
    static const char *const sets[] = {
        "economics.electricity_per_kwh=0.2", "reliability.gpu_mtbf=1000 d",
        "reliability.node_mtbf=100 d", "reliability.spot_mtbf=12 h", NULL};
    struct plan_fixture own;
    plan_fixture_open(&own, sets);
    CHECK_NEAR(econ_value(&own.econ, ECON_ELECTRICITY), 0.2, 0);
    CHECK_NEAR(econ_value(&own.econ, ECON_FAILURES), 0.001, 1e-12);
    CHECK_NEAR(econ_value(&own.econ, ECON_NODE_FAILURES), 0.01, 1e-12);
    CHECK_NEAR(econ_value(&own.econ, ECON_SPOT), 2, 1e-12);
    CU_ASSERT_TRUE(f.econ.rates[ECON_SPOT].estimated && !own.econ.rates[ECON_SPOT].estimated);
    CU_ASSERT_TRUE(own.econ.rates[ECON_ELECTRICITY].given);
    CU_ASSERT_FALSE(own.econ.rates[ECON_ELECTRICITY].estimated);
    CU_ASSERT_FALSE(f.econ.rates[ECON_ELECTRICITY].given);
    CU_ASSERT_TRUE(f.econ.rates[ECON_ELECTRICITY].estimated);
    plan_fixture_close(&own);
}

static void amortisation_is_in_months(void)
{
    CHECK_NEAR(econ_value(&f.econ, ECON_AMORTISATION), 48, 1e-12);
}

static void a_catalogue_without_the_row_is_refused(void)
{
    struct econ_stock empty = f.stock;
    struct econ econ;
    struct err err = {0};
    empty.tco.n = 0;
    CU_ASSERT_FALSE(econ_resolve(&empty, f.sc, PLAN_FIXTURE_DATE, &econ, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "tco.csv"));
}

static void age_counts_from_the_date_of_the_plan(void)
{
    struct econ econ;
    CU_ASSERT_TRUE(econ_resolve(&f.stock, f.sc, "2026-01-02", &econ, NULL));
    CU_ASSERT_FALSE(econ.rates[ECON_RESIDUAL].stale); /* 2026-01-01 */
    CU_ASSERT_TRUE(f.econ.rates[ECON_RESIDUAL].stale);
    CU_ASSERT_EQUAL(econ_days_between("", "2026-01-02"), 0);
    CU_ASSERT_EQUAL(econ_days_between("2025-12-31", "2026-01-01"), 1);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"every figure names its source", every_figure_names_its_source},
        {"the catalogue gives what the scenario leaves out",
         the_catalogue_gives_what_the_scenario_leaves_out},
        {"defaults are told from the user's own", defaults_are_told_from_the_users_own},
        {"amortisation is in months", amortisation_is_in_months},
        {"a catalogue without the row is refused", a_catalogue_without_the_row_is_refused},
        {"age counts from the date of the plan", age_counts_from_the_date_of_the_plan},
    };
    plan_fixture_open(&f, NULL);
    int code = check_main("econ", cases, (int)(sizeof cases / sizeof cases[0]));
    plan_fixture_close(&f);
    return code;
}

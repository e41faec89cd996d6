/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Power of a GPU: a prior between idle and TDP. */
#include "sim/cost/power.h"

#include "tests/check.h"

static const struct gpu h100 = {.name = "h100", .tdp_w = 700.0, .idle_w = 75.0};

/* 75 + 625 x (0.25 + 0.40 x 0.6 + 0.60 x 0.1) = 75 + 625 x 0.55 = 418.75 W */
static void memory_and_arithmetic_draw_shares_above_idle(void)
{
    CHECK_NEAR(power_gpu_w(&h100, 1.0, 0.6, 0.1), 418.75, 1e-12);
    CHECK_NEAR(power_gpu_w(&h100, 0.5, 0.6, 0.1), 75.0 + 0.5 * 343.75, 1e-12);
}

static void an_idle_gpu_draws_its_idle_power(void)
{
    CU_ASSERT_EQUAL(power_gpu_w(&h100, 0.0, 0.9, 0.9), 75.0);
}

/* 0.25 + 0.4 + 0.6 is more than all of it. */
static void no_gpu_draws_more_than_its_tdp(void)
{
    CU_ASSERT_EQUAL(power_gpu_w(&h100, 1.0, 1.0, 1.0), 700.0);
}

static void busier_units_never_draw_less(void)
{
    double before = 0.0;
    for (int i = 0; i <= 20; i++) {
        double w = power_gpu_w(&h100, 0.05 * i, 0.04 * i, 0.03 * i);
        CU_ASSERT_TRUE(w > before);
        before = w;
    }
}

static const struct check_case cases[] = {
    {"memory_and_arithmetic_draw_shares_above_idle",
     memory_and_arithmetic_draw_shares_above_idle},
    {"an_idle_gpu_draws_its_idle_power", an_idle_gpu_draws_its_idle_power},
    {"no_gpu_draws_more_than_its_tdp", no_gpu_draws_more_than_its_tdp},
    {"busier_units_never_draw_less", busier_units_never_draw_less},
};

int main(void)
{
    return check_main("power", cases, (int)(sizeof cases / sizeof cases[0]));
}

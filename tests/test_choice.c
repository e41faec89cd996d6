/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which model: steps in the order of cost, the rule of cost per point, models of which nothing
 * is left. 24 M requests a month: 788,501 a day. */
#include "sim/base/csvio.h"
#include "sim/plan/choice.h"
#include "tests/check.h"

enum { MAX_MODELS = 4 };

static struct arena *arena;
static struct scenario_model models[MAX_MODELS];
static struct plan_entry entries[MAX_MODELS];
static struct scenario sc = {.models = models};

/* Models of these costs and scores; a cost of NaN leaves no option. Entries are ranked. */
static struct plan plan_of(int n, const double *usd, const double *quality)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct plan plan = {.scenario = &sc, .entries = entries};
    plan.demand.requests_per_day = 24e6 / ECON_DAYS_PER_MONTH;
    plan.demand.n_months = 12;
    sc.n_models = n;
    for (int m = 0; m < n; m++) {
        models[m] = (struct scenario_model){.name = names[m], .quality = quality[m]};
    }
    for (double last = -1; plan.n_ranked < n;) {
        int next = -1;
        for (int m = 0; m < n; m++) {
            next = usd[m] > last && (next < 0 || usd[m] < usd[next]) ? m : next;
        }
        if (next < 0) {
            break;
        }
        last = usd[next];
        entries[plan.n_ranked] = (struct plan_entry){
            .name = names[next], .model_idx = next, .usd = last, .rank = plan.n_ranked + 1};
        plan.n_ranked++;
    }
    plan.n_entries = plan.n_ranked;
    return plan;
}

static void a_step_is_worked_by_hand(void)
{
    struct plan plan = plan_of(2, (double[]){130e3, 100e3}, (double[]){84, 70});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[0].model_idx, 1);
    CU_ASSERT_EQUAL(c[0].verdict, CHOICE_CHEAPEST);
    CU_ASSERT_EQUAL(c[1].over, 0);
    CHECK_NEAR(c[1].premium_usd, 30e3, 1e-12);
    CHECK_NEAR(c[1].premium_usd_per_1k_requests, 30e3 / 24e3, 1e-9);
    CHECK_NEAR(c[1].gain_needed_frac, 0.30, 1e-12);
    CHECK_NEAR(c[1].gain_points, 14, 1e-12);
    CHECK_NEAR(c[1].gain_frac, 0.20, 1e-12);
    CHECK_NEAR(c[1].usd_per_point, 30e3 / 14, 1e-12);
    CU_ASSERT_EQUAL(c[1].verdict, CHOICE_RISES);
}

/* At exactly the gain needed the cost per point stays: 100,000 / 70 = 130,000 / 91. */
static void the_gain_needed_keeps_the_cost_per_point(void)
{
    struct plan plan = plan_of(2, (double[]){100e3, 130e3}, (double[]){70, 91.001});
    CU_ASSERT_EQUAL(choice_list(arena, &plan)[1].verdict, CHOICE_FALLS);
    plan = plan_of(2, (double[]){100e3, 130e3}, (double[]){70, 90.999});
    CU_ASSERT_EQUAL(choice_list(arena, &plan)[1].verdict, CHOICE_RISES);
}

static void without_scores_the_premium_and_the_gain_needed_are_left(void)
{
    struct plan plan = plan_of(3, (double[]){100, 150, 300}, (double[]){NAN, NAN, NAN});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[2].over, 1);
    CHECK_NEAR(c[1].gain_needed_frac, 0.5, 1e-12);
    CHECK_NEAR(c[2].gain_needed_frac, 1.0, 1e-12);
    CU_ASSERT_TRUE(isnan(c[2].gain_frac) && isnan(c[2].usd_per_point));
    CU_ASSERT_EQUAL(c[2].verdict, CHOICE_UNSCORED);
}

static void a_model_that_scores_no_better_is_no_step(void)
{
    struct plan plan = plan_of(3, (double[]){100, 150, 300}, (double[]){70, 70, 80});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[1].verdict, CHOICE_NO_BETTER);
    CU_ASSERT_TRUE(isnan(c[1].usd_per_point));
    CU_ASSERT_EQUAL(c[2].over, 0);
    CHECK_NEAR(c[2].usd_per_point, 20, 1e-12);
}

static void a_model_without_an_option_comes_last(void)
{
    struct plan plan = plan_of(3, (double[]){NAN, 150, 100}, (double[]){90, 80, 70});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[2].model_idx, 0);
    CU_ASSERT_PTR_NULL(c[2].best);
    CU_ASSERT_EQUAL(c[2].verdict, CHOICE_NOTHING);
    CU_ASSERT_EQUAL(c[1].over, 0);
}

static void free_machines_need_no_gain_that_could_be_named(void)
{
    struct plan plan = plan_of(2, (double[]){0, 50}, (double[]){70, 80});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_TRUE(isnan(c[1].gain_needed_frac));
    CU_ASSERT_EQUAL(c[1].verdict, CHOICE_RISES);
    CHECK_NEAR(c[1].usd_per_point, 5, 1e-12);
}

static void the_table_has_a_row_per_model(void)
{
    struct plan plan = plan_of(3, (double[]){NAN, 150, 100}, (double[]){90, 80, 70});
    const char *path = check_tmp(0, ".csv");
    struct csv_table t;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(choice_write(arena, &plan, path, &err));
    CU_ASSERT_TRUE_FATAL(csv_load(arena, path, &t, &err));
    CU_ASSERT_EQUAL_FATAL(t.n_rows, 3);
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 1, csv_col(&t, "over")), "c");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 1, csv_col(&t, "premium_usd_per_month")), "50");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 1, csv_col(&t, "gain_needed_frac")), "0.5");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 2, csv_col(&t, "step")), "");
    CU_ASSERT_STRING_EQUAL(csv_cell(&t, 2, csv_col(&t, "verdict")), "nothing is left");
}

static void half_a_point_is_a_gain(void)
{
    struct plan plan = plan_of(2, (double[]){100, 101}, (double[]){70, 70.5});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[1].verdict, CHOICE_RISES); /* 1 % for 0.7 % */
    CHECK_NEAR(c[1].usd_per_point, 2, 1e-12);
}

static void one_score_alone_compares_nothing(void)
{
    for (int scored = 0; scored < 2; scored++) {
        double quality[] = {NAN, NAN};
        quality[scored] = 70;
        struct plan plan = plan_of(2, (double[]){100, 150}, quality);
        const struct choice *c = choice_list(arena, &plan);
        CU_ASSERT_EQUAL(c[1].verdict, CHOICE_UNSCORED);
        CU_ASSERT_TRUE(isnan(c[1].gain_points));
        CHECK_NEAR(c[1].premium_usd, 50, 1e-12);
    }
}

static void models_of_which_nothing_is_left_keep_their_order(void)
{
    struct plan plan = plan_of(4, (double[]){NAN, 150, NAN, NAN}, (double[]){90, 80, 70, 60});
    const struct choice *c = choice_list(arena, &plan);
    CU_ASSERT_EQUAL(c[0].model_idx, 1);
    CU_ASSERT_EQUAL(c[1].model_idx, 0);
    CU_ASSERT_EQUAL(c[2].model_idx, 2);
    CU_ASSERT_EQUAL(c[3].model_idx, 3);
    CU_ASSERT_EQUAL(c[3].over, -1);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a_step_is_worked_by_hand", a_step_is_worked_by_hand},
        {"the_gain_needed_keeps_the_cost_per_point", the_gain_needed_keeps_the_cost_per_point},
        {"without_scores_the_premium_and_the_gain_needed_are_left",
         without_scores_the_premium_and_the_gain_needed_are_left},
        {"a_model_that_scores_no_better_is_no_step", a_model_that_scores_no_better_is_no_step},
        {"a_model_without_an_option_comes_last", a_model_without_an_option_comes_last},
        {"free_machines_need_no_gain_that_could_be_named",
         free_machines_need_no_gain_that_could_be_named},
        {"the_table_has_a_row_per_model", the_table_has_a_row_per_model},
        {"half_a_point_is_a_gain", half_a_point_is_a_gain},
        {"one_score_alone_compares_nothing", one_score_alone_compares_nothing},
        {"models_of_which_nothing_is_left_keep_their_order",
         models_of_which_nothing_is_left_keep_their_order},
    };
    arena = arena_new();
    int code = check_main("choice", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}

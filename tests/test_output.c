/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_output.c - output analysis, with intervals worked by hand from a table of Student's t.
 */
#include "sim/core/output.h"

#include <gsl/gsl_statistics_double.h>

#include "sim/core/dist.h"
#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static void moments_match_gsl(void)
{
    double values[1000];
    struct moments m = {0};
    struct rng rng;
    rng_init(&rng, 1, "moments", 0);
    for (int i = 0; i < 1000; i++) {
        values[i] =
            1e6 + rng_uniform(&rng); /* a large mean, where the naive formula loses digits */
        moments_add(&m, values[i]);
    }
    CU_ASSERT_EQUAL(m.n, 1000);
    CHECK_NEAR(m.mean, gsl_stats_mean(values, 1, 1000), 1e-15);
    CHECK_NEAR(moments_sd(&m), gsl_stats_sd(values, 1, 1000), 1e-9);
}

static void sd_of_one_value_is_undefined(void)
{
    struct moments m = {0};
    CU_ASSERT_TRUE(isnan(moments_sd(&m)));
    moments_add(&m, 3);
    CU_ASSERT_TRUE(isnan(moments_sd(&m)));
    moments_add(&m, 5);
    CHECK_NEAR(moments_sd(&m), sqrt(2), 1e-15);
}

/* 64 segment means: a start-up that decays over the first `n_transient`, then noise. */
static void transient_fill(double *values, uint64_t rep, int n_transient, double height)
{
    const int n = 64;
    const struct dist noise = {.kind = DIST_NORMAL, .b = 0.1, .min = -10};
    struct rng rng;
    rng_init(&rng, 1, "transient", rep);
    for (int i = 0; i < n; i++) {
        double start = i < n_transient ? height * (1 - (double)i / n_transient) : 0;
        values[i] = 5 + start + dist_draw(&noise, &rng);
    }
}

/* Noise may push the cut some segments on, never back: the start must be gone in every
 * replication. */
static void check_cuts(double height)
{
    double cuts[31];
    for (int rep = 0; rep < 31; rep++) {
        double values[64];
        transient_fill(values, (uint64_t)rep, 12, height);
        cuts[rep] = mser_cut(values, 64);
        CU_ASSERT_TRUE(cuts[rep] >= 11);
    }
    CU_ASSERT_EQUAL(median_of(cuts, 31), 12);
}

static void mser_cuts_a_transient_where_it_ends(void)
{
    check_cuts(10);
    check_cuts(-10); /* an empty start, the usual case */
}

static void mser_cuts_little_of_a_stationary_run(void)
{
    double cuts[31];
    for (int rep = 0; rep < 31; rep++) {
        double values[64];
        transient_fill(values, (uint64_t)rep, 0, 0);
        cuts[rep] = mser_cut(values, 64);
    }
    CU_ASSERT_TRUE(median_of(cuts, 31) <= 4);
}

/* The definition, straight: population variance over count, every d on its own. */
static int mser_by_definition(const double *values, int n)
{
    int cut = 0;
    double best = HUGE_VAL;
    for (int d = 0; d <= n / 2; d++) {
        size_t count = (size_t)(n - d);
        double mean = gsl_stats_mean(values + d, 1, count);
        double variance = gsl_stats_variance_with_fixed_mean(values + d, 1, count, mean);
        if (variance / (double)count < best) {
            best = variance / (double)count;
            cut = d;
        }
    }
    return cut;
}

static void mser_matches_its_definition_on_random_series(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        double values[64];
        struct rng rng;
        rng_init(&rng, seed, "mser", 0);
        int n = 4 + (int)rng_below(&rng, 61);
        double level = 0;
        for (int i = 0; i < n; i++) {
            level = 0.8 * level + rng_exponential(&rng, 1);
            values[i] = level;
        }
        CU_ASSERT_EQUAL(mser_cut(values, n), mser_by_definition(values, n));
    }
}

static void mser_keeps_all_of_equal_or_few_values(void)
{
    const double equal[] = {2, 2, 2, 2, 2, 2, 2, 2};
    const double few[] = {9, 1, 1};
    CU_ASSERT_EQUAL(mser_cut(equal, 8), 0);
    CU_ASSERT_EQUAL(mser_cut(few, 3), 0);
    CU_ASSERT_EQUAL(mser_cut(NULL, 0), 0);
}

static void mser_never_cuts_more_than_half(void)
{
    /* The steady part is shorter than half: all the cut may do is reach n/2. */
    const double values[] = {8, 7, 6, 5, 4, 3, 1, 1, 1};
    CU_ASSERT_EQUAL(mser_cut(values, 9), 4);
}

static void t_half_width_is_that_worked_by_hand(void)
{
    /* Mean 6, deviations -2 -1 0 1 2, s^2 = 10/4, t(0.975, 4) = 2.776445, t(0.995, 4)
     * = 4.604095. */
    const double values[] = {4, 5, 6, 7, 8};
    CHECK_NEAR(t_half_width(values, 5, 0.95), 2.776445105 * sqrt(2.5 / 5), 1e-8);
    CHECK_NEAR(t_half_width(values, 5, 0.99), 4.604094871 * sqrt(2.5 / 5), 1e-8);
    /* Two values a and b: t(0.975, 1) = 12.7062, half-width 12.7062 |a - b| / 2. */
    const double two[] = {1, 3};
    CHECK_NEAR(t_half_width(two, 2, 0.95), 12.706204736, 1e-8);
}

static void t_half_width_needs_two_values(void)
{
    const double one[] = {4};
    CU_ASSERT_TRUE(isnan(t_half_width(one, 1, 0.95)));
    CU_ASSERT_TRUE(isnan(t_half_width(NULL, 0, 0.95)));
}

static void t_interval_covers_the_mean_as_often_as_it_says(void)
{
    /* 2,000 intervals of 5 normals at 90 %: 1,800 cover, sd sqrt(2000 * .9 * .1) = 13.4; 3.29
     * sd = 44. */
    const struct dist normal = {.kind = DIST_NORMAL, .a = 7, .b = 3, .min = -100};
    struct rng rng;
    rng_init(&rng, 1, "coverage", 0);
    int n_covered = 0;
    for (int i = 0; i < 2000; i++) {
        double values[5];
        for (int k = 0; k < 5; k++) {
            values[k] = dist_draw(&normal, &rng);
        }
        n_covered += fabs(mean_of(values, 5) - 7) <= t_half_width(values, 5, 0.9);
    }
    CU_ASSERT_TRUE(abs(n_covered - 1800) <= 44);
}

static void paired_interval_is_that_worked_by_hand(void)
{
    /* Differences 1 2 3: mean 2, s = 1, t(0.975, 2) = 4.302653, half-width 4.302653 / sqrt(3).
     */
    const double a[] = {11, 52, 33}, b[] = {10, 50, 30};
    struct interval diff = paired_interval(a, b, 3, 0.95);
    CU_ASSERT_EQUAL(diff.mean, 2);
    CHECK_NEAR(diff.hi - 2, 4.302652730 / sqrt(3), 1e-8);
    CHECK_NEAR(2 - diff.lo, 4.302652730 / sqrt(3), 1e-8);
}

static void paired_interval_of_one_pair_has_no_width(void)
{
    const double a[] = {3}, b[] = {1};
    struct interval diff = paired_interval(a, b, 1, 0.95);
    CU_ASSERT_EQUAL(diff.mean, 2);
    CU_ASSERT_TRUE(isnan(diff.lo) && isnan(diff.hi));
    CU_ASSERT_TRUE(isnan(paired_interval(a, b, 0, 0.95).mean));
}

static void mean_adds_in_index_order(void)
{
    const double values[] = {1e16, 1, -1e16, 1};
    CU_ASSERT_EQUAL(mean_of(values, 4), 0.25); /* the first 1 is lost, the second is not */
    CU_ASSERT_TRUE(isnan(mean_of(NULL, 0)));
}

static void median_of_odd_even_and_no_values(void)
{
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};
    CU_ASSERT_EQUAL(median_of(odd, 3), 5);
    CU_ASSERT_EQUAL(median_of(even, 4), 2.5);
    CU_ASSERT_EQUAL(odd[0], 1); /* sorted in place */
    CU_ASSERT_TRUE(isnan(median_of(NULL, 0)));
}

static void quantile_of_sorted_interpolates_as_gsl_does(void)
{
    const double sorted[] = {1, 2, 4, 8, 16};
    for (int i = 0; i <= 100; i++) {
        double q = i / 100.0;
        CHECK_NEAR(quantile_of_sorted(sorted, 5, q),
                   gsl_stats_quantile_from_sorted_data(sorted, 1, 5, q), 1e-14);
    }
    CU_ASSERT_EQUAL(quantile_of_sorted(sorted, 5, 0.625), 6);
    CU_ASSERT_TRUE(isnan(quantile_of_sorted(NULL, 0, 0.5)));
}

static void quantile_below_an_infinite_value_is_finite(void)
{
    const double sorted[] = {1, 2, 3, HUGE_VAL, HUGE_VAL};
    CU_ASSERT_EQUAL(quantile_of_sorted(sorted, 5, 0.5), 3);
    CU_ASSERT_EQUAL(quantile_of_sorted(sorted, 5, 1), HUGE_VAL);
}

static const struct check_case cases[] = {
    {"moments_match_gsl", moments_match_gsl},
    {"sd_of_one_value_is_undefined", sd_of_one_value_is_undefined},
    {"mser_cuts_a_transient_where_it_ends", mser_cuts_a_transient_where_it_ends},
    {"mser_cuts_little_of_a_stationary_run", mser_cuts_little_of_a_stationary_run},
    {"mser_matches_its_definition_on_random_series",
     mser_matches_its_definition_on_random_series},
    {"mser_keeps_all_of_equal_or_few_values", mser_keeps_all_of_equal_or_few_values},
    {"mser_never_cuts_more_than_half", mser_never_cuts_more_than_half},
    {"t_half_width_is_that_worked_by_hand", t_half_width_is_that_worked_by_hand},
    {"t_half_width_needs_two_values", t_half_width_needs_two_values},
    {"t_interval_covers_the_mean_as_often_as_it_says",
     t_interval_covers_the_mean_as_often_as_it_says},
    {"paired_interval_is_that_worked_by_hand", paired_interval_is_that_worked_by_hand},
    {"paired_interval_of_one_pair_has_no_width", paired_interval_of_one_pair_has_no_width},
    {"mean_adds_in_index_order", mean_adds_in_index_order},
    {"median_of_odd_even_and_no_values", median_of_odd_even_and_no_values},
    {"quantile_of_sorted_interpolates_as_gsl_does",
     quantile_of_sorted_interpolates_as_gsl_does},
    {"quantile_below_an_infinite_value_is_finite", quantile_below_an_infinite_value_is_finite},
};

int main(void)
{
    return check_main("output", cases, N_OF(cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_histo.c - the histogram against exact order statistics of the same sample. */
#include "sim/core/histo.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

#include "sim/core/dist.h"
#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

enum { N_SAMPLE = 100000 };

/* Short answers and long ones: the shape on which parametric and P2 quantiles fail. */
static double *sample_new(void)
{
    const struct dist quick = {.kind = DIST_LOGNORMAL, .a = -3, .b = 0.4};
    const struct dist slow = {.kind = DIST_LOGNORMAL, .a = 1, .b = 0.8};
    double *values = malloc(N_SAMPLE * sizeof *values);
    struct rng rng;
    rng_init(&rng, 1, "bimodal", 0);
    for (int i = 0; i < N_SAMPLE; i++) {
        const struct dist *dist = rng_below(&rng, 10) < 7 ? &quick : &slow;
        values[i] = dist_draw(dist, &rng);
    }
    return values;
}

static void add_all(struct histo *h, const double *values, int n)
{
    for (int i = 0; i < n; i++) {
        histo_add(h, values[i], 1);
    }
}

static void check_equal(const struct histo *a, const struct histo *b)
{
    CU_ASSERT_EQUAL(a->n, b->n);
    CU_ASSERT_EQUAL(a->n_zero, b->n_zero);
    CU_ASSERT_EQUAL(a->min, b->min);
    CU_ASSERT_EQUAL(a->max, b->max);
    CHECK_NEAR(a->sum, b->sum, 1e-12);
    for (int i = 0; i <= 1000; i++) {
        CU_ASSERT_EQUAL(histo_quantile(a, i / 1000.0), histo_quantile(b, i / 1000.0));
    }
}

static void quantiles_are_within_half_a_percent_of_exact(void)
{
    double *values = sample_new();
    struct histo h;
    histo_init(&h);
    add_all(&h, values, N_SAMPLE);
    gsl_sort(values, 1, N_SAMPLE);
    for (int rank = 1; rank <= N_SAMPLE; rank += 7) {
        double estimate = histo_quantile(&h, (double)rank / N_SAMPLE);
        CU_ASSERT_TRUE(fabs(estimate / values[rank - 1] - 1) <= 0.005);
    }
    histo_fini(&h);
    free(values);
}

static void count_sum_min_and_max_are_exact(void)
{
    double *values = sample_new();
    struct histo h;
    histo_init(&h);
    add_all(&h, values, N_SAMPLE);
    CU_ASSERT_EQUAL(h.n, N_SAMPLE);
    CU_ASSERT_EQUAL(h.min, gsl_stats_min(values, 1, N_SAMPLE));
    CU_ASSERT_EQUAL(h.max, gsl_stats_max(values, 1, N_SAMPLE));
    CHECK_NEAR(histo_mean(&h), gsl_stats_mean(values, 1, N_SAMPLE), 1e-12);
    histo_fini(&h);
    free(values);
}

static void merge_equals_the_union(void)
{
    double *values = sample_new();
    struct histo whole, parts[3];
    histo_init(&whole);
    add_all(&whole, values, N_SAMPLE);
    for (int i = 0; i < 3; i++) {
        histo_init(&parts[i]);
    }
    add_all(&parts[0], values, 100);
    add_all(&parts[1], values + 100, N_SAMPLE - 100);
    histo_merge(&parts[1], &parts[0]);
    histo_merge(&parts[1], &parts[2]); /* an empty one changes nothing */
    check_equal(&parts[1], &whole);
    histo_merge(&parts[2], &whole); /* into an empty one */
    check_equal(&parts[2], &whole);
    CU_ASSERT_EQUAL(parts[0].n, 100);
    for (int i = 0; i < 3; i++) {
        histo_fini(&parts[i]);
    }
    histo_fini(&whole);
    free(values);
}

static void order_of_values_does_not_matter(void)
{
    double *values = sample_new();
    struct histo forward, sorted;
    histo_init(&forward);
    histo_init(&sorted);
    add_all(&forward, values, N_SAMPLE);
    gsl_sort(values, 1, N_SAMPLE);
    add_all(&sorted, values, N_SAMPLE);
    check_equal(&forward, &sorted);
    histo_fini(&forward);
    histo_fini(&sorted);
    free(values);
}

static void a_weight_counts_as_that_many_values(void)
{
    struct histo weighted, repeated;
    histo_init(&weighted);
    histo_init(&repeated);
    for (int i = 1; i <= 20; i++) {
        histo_add(&weighted, i * 0.125, (uint64_t)i);
        for (int k = 0; k < i; k++) {
            histo_add(&repeated, i * 0.125, 1);
        }
    }
    check_equal(&weighted, &repeated);
    histo_fini(&weighted);
    histo_fini(&repeated);
}

static void a_weight_of_zero_leaves_no_trace(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1, 1);
    histo_add(&h, 0.9, 0); /* into a page that is there */
    histo_add(&h, 0.3, 0); /* into one that is not */
    histo_add(&h, 1.001, 0);
    histo_add(&h, 0, 0);
    CU_ASSERT_EQUAL(h.n, 1);
    CU_ASSERT_EQUAL(h.min, 1);
    CU_ASSERT_EQUAL(h.max, 1);
    histo_fini(&h);
}

static void an_empty_histogram_has_no_mean_or_quantile(void)
{
    struct histo h;
    histo_init(&h);
    CU_ASSERT_TRUE(isnan(histo_mean(&h)));
    CU_ASSERT_TRUE(isnan(histo_quantile(&h, 0.5)));
    CU_ASSERT_EQUAL(histo_count_below(&h, 1e9), 0);
    histo_fini(&h);
}

static void equal_values_give_that_value_at_every_quantile(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 0.1, 1000);
    for (int i = 0; i <= 10; i++) {
        CU_ASSERT_EQUAL(histo_quantile(&h, i / 10.0), 0.1);
    }
    histo_fini(&h);
}

static void quantile_takes_the_ceiling_of_q_n(void)
{
    /* 1..100 lie in different buckets. 0.07 * 100 exceeds 7 by rounding and must not give the
     * 8th. */
    struct histo h;
    histo_init(&h);
    for (int i = 1; i <= 100; i++) {
        histo_add(&h, i, 1);
    }
    for (int rank = 1; rank <= 100; rank++) {
        CHECK_NEAR(histo_quantile(&h, rank / 100.0), rank, 0.004);
    }
    CHECK_NEAR(histo_quantile(&h, 0.071), 8, 0.004);
    CU_ASSERT_EQUAL(histo_quantile(&h, 0), 1);
    CU_ASSERT_EQUAL(histo_quantile(&h, 1), 100);
    histo_fini(&h);
}

static void the_first_and_last_value_are_exact(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1.0001, 1);
    histo_add(&h, 2, 2);
    histo_add(&h, 4.0001, 1);
    CU_ASSERT_EQUAL(histo_quantile(&h, 0.25), 1.0001);
    CU_ASSERT_EQUAL(histo_quantile(&h, 1), 4.0001);
    CU_ASSERT_EQUAL(histo_count_below(&h, 4.0001), 4);
    histo_fini(&h);
}

static void merge_adds_zeros(void)
{
    struct histo a, b;
    histo_init(&a);
    histo_init(&b);
    histo_add(&a, 0, 2);
    histo_add(&b, 0, 3);
    histo_add(&b, 1, 1);
    histo_merge(&a, &b);
    CU_ASSERT_EQUAL(a.n_zero, 5);
    CU_ASSERT_EQUAL(a.n, 6);
    histo_fini(&a);
    histo_fini(&b);
}

static void zeros_are_counted_and_stay_zero(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 0, 60);
    histo_add(&h, 2, 30);
    histo_add(&h, 4, 10);
    CU_ASSERT_EQUAL(h.n_zero, 60);
    CU_ASSERT_EQUAL(histo_quantile(&h, 0.6), 0);
    CHECK_NEAR(histo_quantile(&h, 0.61), 2, 0.004);
    CHECK_NEAR(histo_quantile(&h, 0.9), 2, 0.004);
    CHECK_NEAR(histo_quantile(&h, 0.91), 4, 0.004);
    CU_ASSERT_EQUAL(histo_count_below(&h, 0), 60);
    CU_ASSERT_EQUAL(histo_count_below(&h, 1e-30), 60);
    CHECK_NEAR(histo_mean(&h), 1, 1e-15);
    histo_fini(&h);
}

static void the_smallest_bucket_starts_above_two_to_the_min_exp(void)
{
    struct histo h;
    histo_init(&h);
    double border = ldexp(1, HISTO_MIN_EXP);
    histo_add(&h, border, 1);
    CU_ASSERT_EQUAL(h.n_zero, 1);
    histo_add(&h, nextafter(border, 1), 1);
    CU_ASSERT_EQUAL(h.n_zero, 1);
    CU_ASSERT_EQUAL(h.n, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h.page[0]);
    CU_ASSERT_EQUAL(h.page[0][0], 1);
    histo_fini(&h);
}

static void values_beyond_the_range_keep_count_and_maximum(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1e30, 3);
    histo_add(&h, 1, 1);
    CU_ASSERT_EQUAL(h.n, 4);
    CU_ASSERT_EQUAL(h.max, 1e30);
    CU_ASSERT_EQUAL(histo_quantile(&h, 1), 1e30);
    CU_ASSERT_TRUE(histo_quantile(&h, 0.5) > 1e9);
    CU_ASSERT_EQUAL(histo_count_below(&h, 1e29), 4);
    histo_fini(&h);
}

static void a_value_on_a_bucket_border_counts_below_that_border(void)
{
    /* 1 s is a usual limit and a border: requests at exactly 1 s meet it, those just above do
     * not. */
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1, 5);
    histo_add(&h, nextafter(1, 2), 3);
    histo_add(&h, 4, 1);
    CU_ASSERT_EQUAL(histo_count_below(&h, 1), 5);
    histo_fini(&h);
}

static void count_below_is_exact_on_borders_and_linear_within(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 0.5, 10);
    histo_add(&h, 1 + 0.5 / 128, 8); /* in the bucket (1, 1 + 1/128] */
    histo_add(&h, 3, 2);
    CU_ASSERT_EQUAL(histo_count_below(&h, 0.4), 0);
    CU_ASSERT_EQUAL(histo_count_below(&h, 0.75), 10);
    CU_ASSERT_EQUAL(histo_count_below(&h, 1 + 0.25 / 128), 12);
    CU_ASSERT_EQUAL(histo_count_below(&h, 1 + 1.0 / 128), 18);
    CU_ASSERT_EQUAL(histo_count_below(&h, 3), 20);
    histo_fini(&h);
}

static void count_below_is_near_the_exact_count(void)
{
    double *values = sample_new();
    struct histo h;
    histo_init(&h);
    add_all(&h, values, N_SAMPLE);
    gsl_sort(values, 1, N_SAMPLE);
    for (int rank = 50; rank < N_SAMPLE; rank += 997) {
        /* Off by at most the content of one bucket: under 0.3 % of the sample. */
        CU_ASSERT_DOUBLE_EQUAL(histo_count_below(&h, values[rank - 1]), rank, 0.003 * N_SAMPLE);
    }
    histo_fini(&h);
    free(values);
}

static void only_touched_octaves_have_a_page(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1.5, 1);
    histo_add(&h, 1.7, 1);
    histo_add(&h, 5, 1);
    int n_pages = 0;
    for (int i = 0; i < HISTO_N_OCTAVES; i++) {
        n_pages += h.page[i] != NULL;
    }
    CU_ASSERT_EQUAL(n_pages, 2);
    histo_fini(&h);
}

static void reset_empties_the_histogram(void)
{
    struct histo h, fresh;
    histo_init(&h);
    histo_add(&h, 7, 3);
    histo_add(&h, 0, 3);
    histo_reset(&h);
    CU_ASSERT_EQUAL(h.n, 0);
    CU_ASSERT_TRUE(isnan(histo_quantile(&h, 0.5)));
    histo_init(&fresh);
    histo_add(&fresh, 2, 1);
    histo_add(&h, 2, 1);
    check_equal(&h, &fresh);
    histo_fini(&h);
    histo_fini(&fresh);
}

/* Values that creep through buckets, jump, are zero and beyond the last bucket, three times
 * each: a run counts them as one after the other. */
static void a_run_counts_what_single_values_count(void)
{
    struct histo one;
    struct histo run;
    struct histo_run r;
    double values[500];
    for (int i = 0; i < 500; i++) {
        values[i] = i % 100 == 0 ? 0.0 : i % 77 == 0 ? 0x1p40 : 0.01 * (1.0 + i * 1e-4);
    }
    histo_init(&one);
    histo_init(&run);
    for (int part = 0; part < 2; part++) {
        histo_run_begin(&r, &run, 3);
        for (int i = part * 250; i < (part + 1) * 250; i++) {
            histo_add(&one, values[i], 3);
            histo_run_add(&r, values[i]);
        }
        histo_run_end(&r);
    }
    check_equal(&one, &run);
    CU_ASSERT_EQUAL(one.sum, run.sum);
    CU_ASSERT_EQUAL(run.n, 1500);
    histo_run_begin(&r, &run, 1);
    histo_run_end(&r);
    check_equal(&one, &run);
    histo_fini(&one);
    histo_fini(&run);
}

static void the_lowest_octave_has_quantiles(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 0x1.2p-34, 2);
    histo_add(&h, 0x1.8p-34, 1);
    histo_add(&h, 1, 2);
    CHECK_NEAR(histo_quantile(&h, 0.5), 0x1.8p-34, 1.0 / 128);
    CHECK_NEAR(histo_quantile(&h, 0.3), 0x1.2p-34, 1.0 / 128);
    histo_fini(&h);
}

/* Values beyond the last bucket share it. */
static void limits_beyond_the_last_bucket_are_in_it(void)
{
    struct histo h;
    histo_init(&h);
    histo_add(&h, 1, 3);
    histo_add(&h, 1e30, 1);
    histo_add(&h, 4e30, 1);
    static const double limits[] = {0x1.004p30, 0x1.8p31, 2e30}; /* 2^30 is the last border */
    for (int i = 0; i < 3; i++) {
        double below = histo_count_below(&h, limits[i]);
        CU_ASSERT_TRUE(below >= 3 && below <= 5);
    }
    CU_ASSERT_EQUAL(histo_count_below(&h, 4e30), 5);
    histo_fini(&h);
}

static const struct check_case cases[] = {
    {"quantiles_are_within_half_a_percent_of_exact",
     quantiles_are_within_half_a_percent_of_exact},
    {"count_sum_min_and_max_are_exact", count_sum_min_and_max_are_exact},
    {"merge_equals_the_union", merge_equals_the_union},
    {"order_of_values_does_not_matter", order_of_values_does_not_matter},
    {"a_weight_counts_as_that_many_values", a_weight_counts_as_that_many_values},
    {"a_weight_of_zero_leaves_no_trace", a_weight_of_zero_leaves_no_trace},
    {"an_empty_histogram_has_no_mean_or_quantile", an_empty_histogram_has_no_mean_or_quantile},
    {"equal_values_give_that_value_at_every_quantile",
     equal_values_give_that_value_at_every_quantile},
    {"quantile_takes_the_ceiling_of_q_n", quantile_takes_the_ceiling_of_q_n},
    {"the_first_and_last_value_are_exact", the_first_and_last_value_are_exact},
    {"merge_adds_zeros", merge_adds_zeros},
    {"zeros_are_counted_and_stay_zero", zeros_are_counted_and_stay_zero},
    {"the_smallest_bucket_starts_above_two_to_the_min_exp",
     the_smallest_bucket_starts_above_two_to_the_min_exp},
    {"values_beyond_the_range_keep_count_and_maximum",
     values_beyond_the_range_keep_count_and_maximum},
    {"a_value_on_a_bucket_border_counts_below_that_border",
     a_value_on_a_bucket_border_counts_below_that_border},
    {"count_below_is_exact_on_borders_and_linear_within",
     count_below_is_exact_on_borders_and_linear_within},
    {"count_below_is_near_the_exact_count", count_below_is_near_the_exact_count},
    {"only_touched_octaves_have_a_page", only_touched_octaves_have_a_page},
    {"the_lowest_octave_has_quantiles", the_lowest_octave_has_quantiles},
    {"limits_beyond_the_last_bucket_are_in_it", limits_beyond_the_last_bucket_are_in_it},
    {"reset_empties_the_histogram", reset_empties_the_histogram},
    {"a_run_counts_what_single_values_count", a_run_counts_what_single_values_count},
};

int main(void)
{
    return check_main("histo", cases, N_OF(cases));
}

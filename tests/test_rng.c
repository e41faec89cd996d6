/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_rng.c - the generator against its published sequence, the seeding, and GSL's view of a
 * stream. Statistical tests run at fixed seeds; their bands are those of a 99.9 % test. */
#include "sim/core/rng.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <string.h>

#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static void xoshiro_gives_the_published_sequence(void)
{
    /* Reference implementation started from 1, 2, 3, 4. */
    static const uint64_t expected[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct rng rng = {.s = {1, 2, 3, 4}};
    for (int i = 0; i < N_OF(expected); i++) {
        CU_ASSERT_EQUAL(rng_next(&rng), expected[i]);
    }
}

static void hash_is_the_splitmix64_finaliser(void)
{
    /* First outputs of splitmix64 seeded with 1234567. */
    const uint64_t golden_gamma = 0x9e3779b97f4a7c15u;
    CU_ASSERT_EQUAL(rng_hash(1234567u + golden_gamma), 6457827717110365317u);
    CU_ASSERT_EQUAL(rng_hash(1234567u + 2 * golden_gamma), 3203168211198807973u);
    CU_ASSERT_EQUAL(rng_hash(1234567u + 3 * golden_gamma), 9817491932198370423u);
}

static void seeding_is_pinned(void)
{
    /* A change here changes every result of every seed: deliberate only. */
    struct rng rng;
    rng_init(&rng, 1, "arrivals/chat", 0);
    CU_ASSERT_EQUAL(rng_next(&rng), 17130261376065134187u);
    CU_ASSERT_EQUAL(rng_next(&rng), 16617833657872476242u);
}

static void same_seed_name_and_replication_repeat_the_stream(void)
{
    struct rng a, b;
    rng_init(&a, 7, "lengths/chat", 3);
    rng_init(&b, 7, "lengths/chat", 3);
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_next(&a);
        CU_ASSERT_EQUAL(x, rng_next(&b));
    }
}

static double correlation(struct rng *a, struct rng *b)
{
    enum { N = 20000 };
    static double x[N], y[N];
    for (int i = 0; i < N; i++) {
        x[i] = rng_uniform(a);
        y[i] = rng_uniform(b);
    }
    return gsl_stats_correlation(x, 1, y, 1, N);
}

/* |r| < 3.29 / sqrt(20000) = 0.0233 holds for 99.9 % of independent pairs. */
static void check_uncorrelated(uint64_t seed, const char *name, uint64_t rep)
{
    struct rng a, b;
    rng_init(&a, 1, "arrivals/chat", 0);
    rng_init(&b, seed, name, rep);
    CU_ASSERT_TRUE(fabs(correlation(&a, &b)) < 0.0233);
}

static void streams_of_other_name_replication_or_seed_are_uncorrelated(void)
{
    check_uncorrelated(1, "arrivals/code", 0);
    check_uncorrelated(1, "lengths/chat", 0);
    check_uncorrelated(1, "", 0);
    check_uncorrelated(1, "arrivals/chat", 1);
    check_uncorrelated(2, "arrivals/chat", 0);
    check_uncorrelated(0, "arrivals/chat", 1); /* seed and replication must not just add up */
}

static void nearby_streams_start_at_distinct_values(void)
{
    enum { N = 4 * 16 * 64 };
    static const char *const names[] = {"a", "b", "ab", "ba"};
    static double first[N];
    int n = 0;
    for (int name = 0; name < 4; name++) {
        for (uint64_t seed = 0; seed < 16; seed++) {
            for (uint64_t rep = 0; rep < 64; rep++) {
                struct rng rng;
                rng_init(&rng, seed, names[name], rep);
                first[n++] = rng_uniform(&rng);
            }
        }
    }
    gsl_sort(first, 1, N);
    for (int i = 1; i < N; i++) {
        CU_ASSERT_TRUE(first[i] > first[i - 1]);
    }
}

static void uniform_has_the_moments_of_0_1(void)
{
    enum { N = 200000 };
    static double x[N];
    struct rng rng;
    rng_init(&rng, 1, "moments", 0);
    for (int i = 0; i < N; i++) {
        x[i] = rng_uniform(&rng);
    }
    /* 3.29 standard errors of mean 1/2, variance 1/12. */
    CU_ASSERT_DOUBLE_EQUAL(gsl_stats_mean(x, 1, N), 0.5, 3.29 * sqrt(1.0 / 12 / N));
    CU_ASSERT_DOUBLE_EQUAL(gsl_stats_variance(x, 1, N), 1.0 / 12, 3.29 * sqrt(1.0 / 180 / N));
    CU_ASSERT_TRUE(gsl_stats_min(x, 1, N) >= 0);
    CU_ASSERT_TRUE(gsl_stats_max(x, 1, N) < 1);
}

static double chi_square(const int *n_seen, int n_cells, double expected)
{
    double sum = 0;
    for (int i = 0; i < n_cells; i++) {
        sum += (n_seen[i] - expected) * (n_seen[i] - expected) / expected;
    }
    return sum;
}

static void check_chi_square(const int *n_seen, int n_cells, double expected)
{
    double p = gsl_cdf_chisq_Q(chi_square(n_seen, n_cells, expected), n_cells - 1);
    CU_ASSERT_TRUE(p > 0.0005 && p < 0.9995); /* too even is as wrong as too uneven */
}

static void uniform_passes_chi_square_over_256_cells(void)
{
    int n_seen[256] = {0};
    struct rng rng;
    rng_init(&rng, 1, "cells", 0);
    for (int i = 0; i < 256 * 1000; i++) {
        n_seen[(int)(rng_uniform(&rng) * 256)]++;
    }
    check_chi_square(n_seen, 256, 1000);
}

static void successive_pairs_pass_chi_square(void)
{
    int n_seen[32 * 32] = {0};
    struct rng rng;
    rng_init(&rng, 1, "pairs", 0);
    for (int i = 0; i < 32 * 32 * 100; i++) {
        int row = (int)(rng_uniform(&rng) * 32);
        int column = (int)(rng_uniform(&rng) * 32);
        n_seen[row * 32 + column]++;
    }
    check_chi_square(n_seen, 32 * 32, 100);
}

static void low_bits_pass_chi_square(void)
{
    int n_seen[256] = {0};
    struct rng rng;
    rng_init(&rng, 1, "low bits", 0);
    for (int i = 0; i < 256 * 1000; i++) {
        n_seen[rng_next(&rng) & 255]++;
    }
    check_chi_square(n_seen, 256, 1000);
}

static void below_is_even_for_a_bound_that_is_no_power_of_two(void)
{
    int n_seen[7] = {0};
    struct rng rng;
    rng_init(&rng, 1, "below", 0);
    for (int i = 0; i < 70000; i++) {
        uint64_t x = rng_below(&rng, 7);
        CU_ASSERT_TRUE_FATAL(x < 7);
        n_seen[x]++;
    }
    check_chi_square(n_seen, 7, 10000);
}

static void below_is_unbiased_for_a_huge_bound(void)
{
    /* With n = 3 * 2^62 and no rejection, multiples of 3 would come half the time, not a third.
     */
    int n_seen[3] = {0};
    struct rng rng;
    rng_init(&rng, 1, "below", 1);
    for (int i = 0; i < 30000; i++) {
        n_seen[rng_below(&rng, (uint64_t)3 << 62) % 3]++;
    }
    check_chi_square(n_seen, 3, 10000);
}

static void below_one_is_zero(void)
{
    struct rng rng;
    rng_init(&rng, 1, "below", 2);
    CU_ASSERT_EQUAL(rng_below(&rng, 1), 0);
}

static void exponential_follows_its_distribution(void)
{
    /* By the probability transform the 64 cells are equally likely; mean 3. */
    int n_seen[64] = {0};
    struct rng rng;
    rng_init(&rng, 1, "exponential", 0);
    for (int i = 0; i < 64000; i++) {
        double x = rng_exponential(&rng, 3);
        n_seen[(int)(gsl_cdf_exponential_P(x, 3) * 64)]++;
    }
    check_chi_square(n_seen, 64, 1000);
}

static void exponential_of_the_smallest_uniform_is_plus_zero(void)
{
    /* s[1] = 0 makes the next output 0. */
    struct rng rng = {.s = {1, 0, 3, 4}};
    double x = rng_exponential(&rng, 3);
    CU_ASSERT_EQUAL(x, 0);
    CU_ASSERT_FALSE(signbit(x));
}

static void gsl_view_draws_from_the_same_stream(void)
{
    struct rng a, b;
    rng_init(&a, 1, "view", 0);
    rng_init(&b, 1, "view", 0);
    for (int i = 0; i < 100; i++) {
        unsigned long bits = gsl_rng_get(rng_gsl(&a));
        CU_ASSERT_EQUAL(bits, rng_next(&b));
        double u = rng_uniform(&a);
        CU_ASSERT_EQUAL(u, gsl_rng_uniform(rng_gsl(&b)));
    }
}

static void gsl_view_works_after_the_struct_was_copied(void)
{
    struct rng original, copy;
    rng_init(&original, 1, "copy", 0);
    struct rng reference = original;
    memcpy(&copy, &original, sizeof copy);
    gsl_rng_get(rng_gsl(&copy));
    gsl_rng_get(rng_gsl(&copy));
    /* Drawing from the copy left the original where it was. */
    CU_ASSERT_EQUAL(rng_next(&original), rng_next(&reference));
    rng_next(&original);
    CU_ASSERT_EQUAL(rng_next(&original), rng_next(&copy));
}

static void gsl_can_allocate_and_seed_the_type(void)
{
    gsl_rng *a = gsl_rng_alloc(rng_gsl_type);
    gsl_rng *b = gsl_rng_alloc(rng_gsl_type);
    gsl_rng_set(a, 5);
    gsl_rng_set(b, 5);
    CU_ASSERT_STRING_EQUAL(gsl_rng_name(a), "xoshiro256**");
    unsigned long first = gsl_rng_get(a);
    CU_ASSERT_EQUAL(gsl_rng_get(b), first);
    gsl_rng_set(b, 6);
    CU_ASSERT_NOT_EQUAL(gsl_rng_get(b), first);
    gsl_rng_free(a);
    gsl_rng_free(b);
}

static const struct check_case cases[] = {
    {"xoshiro_gives_the_published_sequence", xoshiro_gives_the_published_sequence},
    {"hash_is_the_splitmix64_finaliser", hash_is_the_splitmix64_finaliser},
    {"seeding_is_pinned", seeding_is_pinned},
    {"same_seed_name_and_replication_repeat_the_stream",
     same_seed_name_and_replication_repeat_the_stream},
    {"streams_of_other_name_replication_or_seed_are_uncorrelated",
     streams_of_other_name_replication_or_seed_are_uncorrelated},
    {"nearby_streams_start_at_distinct_values", nearby_streams_start_at_distinct_values},
    {"uniform_has_the_moments_of_0_1", uniform_has_the_moments_of_0_1},
    {"uniform_passes_chi_square_over_256_cells", uniform_passes_chi_square_over_256_cells},
    {"successive_pairs_pass_chi_square", successive_pairs_pass_chi_square},
    {"low_bits_pass_chi_square", low_bits_pass_chi_square},
    {"below_is_even_for_a_bound_that_is_no_power_of_two",
     below_is_even_for_a_bound_that_is_no_power_of_two},
    {"below_is_unbiased_for_a_huge_bound", below_is_unbiased_for_a_huge_bound},
    {"below_one_is_zero", below_one_is_zero},
    {"exponential_follows_its_distribution", exponential_follows_its_distribution},
    {"exponential_of_the_smallest_uniform_is_plus_zero",
     exponential_of_the_smallest_uniform_is_plus_zero},
    {"gsl_view_draws_from_the_same_stream", gsl_view_draws_from_the_same_stream},
    {"gsl_view_works_after_the_struct_was_copied", gsl_view_works_after_the_struct_was_copied},
    {"gsl_can_allocate_and_seed_the_type", gsl_can_allocate_and_seed_the_type},
};

int main(void)
{
    return check_main("rng", cases, N_OF(cases));
}

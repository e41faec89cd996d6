/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_dist.c - each distribution against its own cumulative function (GSL's), by chi-square
 * over equally likely cells at a fixed seed; bands are those of a 99.9 % test. */
#include "sim/core/dist.h"

#include <gsl/gsl_cdf.h>

#include "sim/core/output.h"
#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

enum { N_CELLS = 50, N_PER_CELL = 1000 };

static const struct dist normal = {.kind = DIST_NORMAL, .a = 3, .b = 2, .min = -1000};
static const struct dist lognormal = {.kind = DIST_LOGNORMAL, .a = 6.3, .b = 1.22};
static const struct dist gamma_small = {.kind = DIST_GAMMA, .a = 0.25, .b = 8};
static const struct dist gamma_large = {.kind = DIST_GAMMA, .a = 4, .b = 0.5};
static const struct dist weibull = {.kind = DIST_WEIBULL, .a = 5, .b = 0.7};
static const struct dist uniform = {.kind = DIST_UNIFORM, .a = 8, .b = 10};
static const struct dist exponential = {.kind = DIST_EXPONENTIAL, .a = 0.02};

static double cumulative(const struct dist *dist, double x)
{
    switch (dist->kind) {
    case DIST_UNIFORM:
        return gsl_cdf_flat_P(x, dist->a, dist->b);
    case DIST_NORMAL:
        return gsl_cdf_gaussian_P(x - dist->a, dist->b);
    case DIST_LOGNORMAL:
        return gsl_cdf_lognormal_P(x, dist->a, dist->b);
    case DIST_GAMMA:
        return gsl_cdf_gamma_P(x, dist->a, dist->b);
    case DIST_WEIBULL:
        return gsl_cdf_weibull_P(x, dist->a, dist->b);
    case DIST_EXPONENTIAL:
        return gsl_cdf_exponential_P(x, dist->a);
    case DIST_CONSTANT:
    case DIST_EMPIRICAL:
        break;
    }
    return NAN;
}

static void check_follows(const struct dist *dist)
{
    int n_seen[N_CELLS] = {0};
    struct rng rng;
    rng_init(&rng, 1, "dist", (uint64_t)dist->kind);
    for (int i = 0; i < N_CELLS * N_PER_CELL; i++) {
        double p = cumulative(dist, dist_draw(dist, &rng));
        CU_ASSERT_TRUE_FATAL(p >= 0 && p <= 1);
        n_seen[p < 1 ? (int)(p * N_CELLS) : N_CELLS - 1]++;
    }
    double sum = 0;
    for (int i = 0; i < N_CELLS; i++) {
        sum += (n_seen[i] - N_PER_CELL) * (n_seen[i] - N_PER_CELL) / (double)N_PER_CELL;
    }
    double p = gsl_cdf_chisq_Q(sum, N_CELLS - 1);
    CU_ASSERT_TRUE(p > 0.0005 && p < 0.9995);
}

static void uniform_follows_its_distribution(void)
{
    check_follows(&uniform);
}

static void normal_follows_its_distribution(void)
{
    check_follows(&normal);
}

static void lognormal_follows_its_distribution(void)
{
    check_follows(&lognormal);
}

static void gamma_follows_its_distribution_below_and_above_shape_1(void)
{
    check_follows(&gamma_small);
    check_follows(&gamma_large);
}

static void weibull_follows_its_distribution(void)
{
    check_follows(&weibull);
}

static void exponential_follows_its_distribution(void)
{
    check_follows(&exponential);
}

/* The sample mean within 3.29 standard errors of dist_mean. */
static void check_mean(const struct dist *dist)
{
    struct moments m = {0};
    struct rng rng;
    rng_init(&rng, 1, "mean", (uint64_t)dist->kind);
    for (int i = 0; i < 100000; i++) {
        moments_add(&m, dist_draw(dist, &rng));
    }
    double error = 3.29 * moments_sd(&m) / sqrt((double)m.n);
    CU_ASSERT_TRUE(fabs(m.mean - dist_mean(dist)) <= error);
}

static void mean_is_that_of_the_draws(void)
{
    check_mean(&uniform);
    check_mean(&normal);
    check_mean(&lognormal);
    check_mean(&gamma_small);
    check_mean(&gamma_large);
    check_mean(&weibull);
    check_mean(&exponential);
}

static void mean_is_that_of_the_formula(void)
{
    CU_ASSERT_EQUAL(dist_mean(&uniform), 9);
    CU_ASSERT_EQUAL(dist_mean(&normal), 3);
    CU_ASSERT_EQUAL(dist_mean(&gamma_large), 2);
    CU_ASSERT_EQUAL(dist_mean(&exponential), 0.02);
    CHECK_NEAR(dist_mean(&lognormal), exp(6.3 + 1.22 * 1.22 / 2), 1e-14);
    /* Shape 1/2: Gamma(3) = 2. */
    CHECK_NEAR(dist_mean(&(struct dist){.kind = DIST_WEIBULL, .a = 5, .b = 0.5}), 10, 1e-12);
}

static void constant_is_always_its_value_and_takes_no_draw(void)
{
    const struct dist dist = {.kind = DIST_CONSTANT, .a = 211};
    struct rng rng, untouched;
    rng_init(&rng, 1, "constant", 0);
    rng_init(&untouched, 1, "constant", 0);
    CU_ASSERT_EQUAL(dist_draw(&dist, &rng), 211);
    CU_ASSERT_EQUAL(dist_mean(&dist), 211);
    CU_ASSERT_EQUAL(rng_next(&rng), rng_next(&untouched));
}

static void empirical_draws_each_value_equally_often(void)
{
    static const double values[] = {1, 2, 3, 10, 1000}; /* the last is not taken */
    const struct dist dist = {.kind = DIST_EMPIRICAL, .values = values, .n_values = 4};
    int n_seen[11] = {0};
    struct rng rng;
    rng_init(&rng, 1, "empirical", 0);
    for (int i = 0; i < 40000; i++) {
        n_seen[(int)dist_draw(&dist, &rng)]++;
    }
    for (int i = 0; i < 4; i++) {
        /* 3.29 sd of a binomial of 40,000 at 1/4: 285. */
        CU_ASSERT_TRUE(abs(n_seen[(int)values[i]] - 10000) <= 285);
    }
    CU_ASSERT_EQUAL(dist_mean(&dist), 4);
}

static void draws_are_clamped_to_min_and_max(void)
{
    const struct dist dist = {.kind = DIST_NORMAL, .a = 5, .b = 5, .min = 4, .max = 6};
    int n_min = 0, n_max = 0;
    struct rng rng;
    rng_init(&rng, 1, "clamp", 0);
    for (int i = 0; i < 1000; i++) {
        double x = dist_draw(&dist, &rng);
        CU_ASSERT_TRUE(x >= 4 && x <= 6);
        n_min += x == 4;
        n_max += x == 6;
    }
    CU_ASSERT_TRUE(n_min > 350 && n_max > 350);
}

static void max_of_zero_is_no_upper_limit_and_min_of_zero_is_one(void)
{
    const struct dist dist = {.kind = DIST_NORMAL, .a = 0, .b = 5};
    int n_zero = 0, n_positive = 0;
    struct rng rng;
    rng_init(&rng, 1, "clamp", 1);
    for (int i = 0; i < 1000; i++) {
        double x = dist_draw(&dist, &rng);
        n_zero += x == 0;
        n_positive += x > 0;
    }
    CU_ASSERT_EQUAL(n_zero + n_positive, 1000);
    CU_ASSERT_TRUE(n_zero > 400 && n_positive > 400);
}

static int64_t tokens_of(double value)
{
    const struct dist dist = {.kind = DIST_CONSTANT, .a = value, .min = -10};
    struct rng rng;
    rng_init(&rng, 1, "tokens", 0);
    return dist_draw_tokens(&dist, &rng);
}

static void tokens_are_rounded_to_nearest_and_at_least_one(void)
{
    CU_ASSERT_EQUAL(tokens_of(7.4), 7);
    CU_ASSERT_EQUAL(tokens_of(7.5), 8);
    CU_ASSERT_EQUAL(tokens_of(1.4), 1);
    CU_ASSERT_EQUAL(tokens_of(0.2), 1);
    CU_ASSERT_EQUAL(tokens_of(-3), 1);
    CU_ASSERT_EQUAL(tokens_of(10e6), 10000000);
    CU_ASSERT_EQUAL(tokens_of(1e20), (int64_t)1 << 53);
    CU_ASSERT_EQUAL(tokens_of(1e300), (int64_t)1 << 53);
}

static void lognormal_from_mean_and_p95_has_both(void)
{
    struct dist dist;
    CU_ASSERT_TRUE_FATAL(dist_lognormal_from_mean_p95(1155, 4083, &dist));
    CHECK_NEAR(dist.b, 1.2204951495, 1e-9);
    CHECK_NEAR(dist.a, 6.3070514180, 1e-9);
    CHECK_NEAR(dist_mean(&dist), 1155, 1e-12);
    CHECK_NEAR(gsl_cdf_lognormal_Pinv(0.95, dist.a, dist.b), 4083, 1e-9);
    CU_ASSERT_EQUAL(dist.min, 0);
    CU_ASSERT_EQUAL(dist.max, 0);
}

static void lognormal_from_equal_mean_and_p95_is_constant(void)
{
    struct dist dist;
    CU_ASSERT_TRUE_FATAL(dist_lognormal_from_mean_p95(200, 200, &dist));
    CHECK_NEAR(dist.b, 0, 1e-15);
    CHECK_NEAR(dist_mean(&dist), 200, 1e-14);
}

static void lognormal_refuses_what_no_lognormal_has(void)
{
    struct dist dist = {.kind = DIST_GAMMA, .a = 42};
    CU_ASSERT_TRUE(dist_lognormal_from_mean_p95(100, 386.7, &dist)); /* the limit is 386.80 */
    dist = (struct dist){.kind = DIST_GAMMA, .a = 42};
    CU_ASSERT_FALSE(dist_lognormal_from_mean_p95(100, 387, &dist));
    CU_ASSERT_FALSE(dist_lognormal_from_mean_p95(100, 99, &dist));
    CU_ASSERT_FALSE(dist_lognormal_from_mean_p95(0, 1, &dist));
    CU_ASSERT_FALSE(dist_lognormal_from_mean_p95(NAN, 1, &dist));
    CU_ASSERT_FALSE(dist_lognormal_from_mean_p95(1, NAN, &dist));
    CU_ASSERT_EQUAL(dist.kind, DIST_GAMMA); /* left alone */
    CU_ASSERT_EQUAL(dist.a, 42);
}

static const struct check_case cases[] = {
    {"uniform_follows_its_distribution", uniform_follows_its_distribution},
    {"normal_follows_its_distribution", normal_follows_its_distribution},
    {"lognormal_follows_its_distribution", lognormal_follows_its_distribution},
    {"gamma_follows_its_distribution_below_and_above_shape_1",
     gamma_follows_its_distribution_below_and_above_shape_1},
    {"weibull_follows_its_distribution", weibull_follows_its_distribution},
    {"exponential_follows_its_distribution", exponential_follows_its_distribution},
    {"mean_is_that_of_the_draws", mean_is_that_of_the_draws},
    {"mean_is_that_of_the_formula", mean_is_that_of_the_formula},
    {"constant_is_always_its_value_and_takes_no_draw",
     constant_is_always_its_value_and_takes_no_draw},
    {"empirical_draws_each_value_equally_often", empirical_draws_each_value_equally_often},
    {"draws_are_clamped_to_min_and_max", draws_are_clamped_to_min_and_max},
    {"max_of_zero_is_no_upper_limit_and_min_of_zero_is_one",
     max_of_zero_is_no_upper_limit_and_min_of_zero_is_one},
    {"tokens_are_rounded_to_nearest_and_at_least_one",
     tokens_are_rounded_to_nearest_and_at_least_one},
    {"lognormal_from_mean_and_p95_has_both", lognormal_from_mean_and_p95_has_both},
    {"lognormal_from_equal_mean_and_p95_is_constant",
     lognormal_from_equal_mean_and_p95_is_constant},
    {"lognormal_refuses_what_no_lognormal_has", lognormal_refuses_what_no_lognormal_has},
};

int main(void)
{
    return check_main("dist", cases, N_OF(cases));
}

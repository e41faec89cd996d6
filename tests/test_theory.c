/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_theory.c - the simulation kernel against queueing theory. A first-come-first-served
 * station of c servers, written on event_list, rng, dist and histo alone, is run in independent
 * replications; each result must lie in the two-sided 99 % Student interval around the
 * replications' mean, and the interval must be narrow enough (stated per test) to notice a
 * defect. The seed is fixed, so a test passes or fails for good. */
#include "sim/core/event.h"
#include "sim/core/histo.h"
#include "sim/core/output.h"

#include <gsl/gsl_sf_gamma.h>
#include <stdlib.h>

#include "sim/core/dist.h"
#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

enum { N_REPLICATIONS = 20, N_WARMUP = 2000, N_CUSTOMERS = 60000, N_WAITING_MAX = 1 << 13 };

enum { ARRIVAL, DEPARTURE };

struct station {
    double rate_per_s; /* Poisson arrivals */
    struct dist service_s;
    int n_servers;
};

/* What one replication saw. Per-customer values leave the first N_WARMUP out; time averages
 * begin with the arrival that ends the warm-up. */
struct result {
    double wait_s, sojourn_s, wait_p95_s, delayed_frac;
    double n_in_system, busy_frac, rate_per_s;
};

struct customer {
    double arrived_s;
    bool is_counted;
};

struct run {
    const struct station *station;
    struct event_list *events;
    struct rng arrivals, services;
    struct customer waiting[N_WAITING_MAX]; /* ring */
    int64_t head, tail;
    int n_busy;
    int64_t n_arrived, n_counted, n_delayed;
    double now_s, start_s, area_system, area_busy;
    struct moments wait_s, sojourn_s;
    struct histo waits;
};

static void advance(struct run *run, double time_s)
{
    double gap_s = time_s - run->now_s;
    run->area_system += gap_s * (double)(run->tail - run->head + run->n_busy);
    run->area_busy += gap_s * run->n_busy;
    run->now_s = time_s;
}

static void start_service(struct run *run, struct customer customer)
{
    double service_s = dist_draw(&run->station->service_s, &run->services);
    run->n_busy++;
    event_push(run->events, run->now_s + service_s, 0, DEPARTURE, 0, 0);
    if (customer.is_counted) {
        double wait_s = run->now_s - customer.arrived_s;
        moments_add(&run->wait_s, wait_s);
        moments_add(&run->sojourn_s, wait_s + service_s);
        histo_add(&run->waits, wait_s, 1);
    }
}

static void arrive(struct run *run)
{
    run->n_arrived++;
    if (run->n_arrived == N_WARMUP) {
        run->start_s = run->now_s;
        run->area_system = 0;
        run->area_busy = 0;
    }
    struct customer customer = {run->now_s, run->n_arrived > N_WARMUP};
    run->n_counted += customer.is_counted;
    if (run->n_busy < run->station->n_servers) {
        start_service(run, customer);
    } else {
        run->n_delayed += customer.is_counted;
        CU_ASSERT_TRUE_FATAL(run->tail - run->head < N_WAITING_MAX);
        run->waiting[run->tail++ % N_WAITING_MAX] = customer;
    }
    double gap_s = rng_exponential(&run->arrivals, 1 / run->station->rate_per_s);
    event_push(run->events, run->now_s + gap_s, 0, ARRIVAL, 0, 0);
}

static void depart(struct run *run)
{
    run->n_busy--;
    if (run->head < run->tail) {
        start_service(run, run->waiting[run->head++ % N_WAITING_MAX]);
    }
}

static struct result result_of(const struct run *run)
{
    double length_s = run->now_s - run->start_s;
    return (struct result){
        .wait_s = run->wait_s.mean,
        .sojourn_s = run->sojourn_s.mean,
        .wait_p95_s = histo_quantile(&run->waits, 0.95),
        .delayed_frac = (double)run->n_delayed / (double)run->n_counted,
        .n_in_system = run->area_system / length_s,
        .busy_frac = run->area_busy / length_s / run->station->n_servers,
        .rate_per_s = (double)run->n_counted / length_s,
    };
}

static struct result simulate(const struct station *station, uint64_t rep)
{
    struct run *run = calloc(1, sizeof *run);
    run->station = station;
    run->events = event_list_new();
    histo_init(&run->waits);
    rng_init(&run->arrivals, 1, "theory/arrivals", rep);
    rng_init(&run->services, 1, "theory/services", rep);
    event_push(run->events, 0, 0, ARRIVAL, 0, 0);
    struct event event;
    while (run->n_counted < N_CUSTOMERS && event_pop(run->events, &event)) {
        advance(run, event.time_s);
        if (event.kind == ARRIVAL) {
            arrive(run);
        } else {
            depart(run);
        }
    }
    struct result result = result_of(run);
    histo_fini(&run->waits);
    event_list_free(run->events);
    free(run);
    return result;
}

static void simulate_all(const struct station *station, struct result *results)
{
    for (int rep = 0; rep < N_REPLICATIONS; rep++) {
        results[rep] = simulate(station, (uint64_t)rep);
    }
}

/* The field at this offset of every replication. */
static void gather(const struct result *results, size_t offset, double *values)
{
    for (int rep = 0; rep < N_REPLICATIONS; rep++) {
        values[rep] = *(const double *)((const char *)&results[rep] + offset);
    }
}

/* The 99 % interval holds `expected` and is at most max_frac of it wide to either side. */
static void check_band(const struct result *results, size_t offset, double expected,
                       double max_frac)
{
    double values[N_REPLICATIONS];
    gather(results, offset, values);
    double mean = mean_of(values, N_REPLICATIONS);
    double half = t_half_width(values, N_REPLICATIONS, 0.99);
    bool holds = fabs(mean - expected) <= half && half <= max_frac * expected;
    if (!holds) {
        fprintf(stderr, "expected %g, got %g +- %g (at most %g)\n", expected, mean, half,
                max_frac * expected);
    }
    CU_ASSERT_TRUE(holds);
}

#define CHECK_BAND(results, field, expected, max_frac)                                         \
    check_band((results), offsetof(struct result, field), (expected), (max_frac))

static const struct station mm1 = {
    .rate_per_s = 8,
    .service_s = {.kind = DIST_EXPONENTIAL, .a = 0.1},
    .n_servers = 1,
};

/* Wq = rho / (mu - lambda): 0.8 / (10 - 8) = 0.4 s; W = 1 / (mu - lambda) = 0.5 s; L = 4. */
static void mm1_mean_wait_sojourn_and_number_match_theory(void)
{
    struct result results[N_REPLICATIONS];
    simulate_all(&mm1, results);
    CHECK_BAND(results, wait_s, 0.4, 0.04);
    CHECK_BAND(results, sojourn_s, 0.5, 0.04);
    CHECK_BAND(results, n_in_system, 4, 0.04);
}

/* P(wait > t) = rho exp(-(mu - lambda) t), so the 95th percentile is ln(0.8 / 0.05) / 2 = 1.386
 * s. */
static void mm1_wait_distribution_matches_theory(void)
{
    struct result results[N_REPLICATIONS];
    simulate_all(&mm1, results);
    CHECK_BAND(results, delayed_frac, 0.8, 0.01);
    CHECK_BAND(results, wait_p95_s, log(0.8 / 0.05) / 2, 0.06);
}

/* Erlang C: the probability of waiting with c servers and offered load a = lambda / mu, by the
 * stable recursion for Erlang B, B(k) = a B(k-1) / (k + a B(k-1)), then C = B / (1 - rho (1 -
 * B)). */
static double erlang_c(int n_servers, double load)
{
    double blocked = 1;
    for (int k = 1; k <= n_servers; k++) {
        blocked = load * blocked / (k + load * blocked);
    }
    return blocked / (1 - load / n_servers * (1 - blocked));
}

static void erlang_c_matches_a_worked_example(void)
{
    /* c = 2, a = 1: (1/2 * 2) / (1 + 1 + 1/2 * 2) = 1/3. */
    CHECK_NEAR(erlang_c(2, 1), 1.0 / 3, 1e-15);
    CHECK_NEAR(erlang_c(1, 0.8), 0.8, 1e-15);
}

static void check_mmc(int n_servers, double busy_frac, double max_frac)
{
    double service_s = 0.25;
    struct station station = {
        .rate_per_s = n_servers * busy_frac / service_s,
        .service_s = {.kind = DIST_EXPONENTIAL, .a = service_s},
        .n_servers = n_servers,
    };
    double load = station.rate_per_s * service_s;
    double delayed_frac = erlang_c(n_servers, load);
    struct result results[N_REPLICATIONS];
    simulate_all(&station, results);
    CHECK_BAND(results, delayed_frac, delayed_frac, max_frac / 2);
    CHECK_BAND(results, wait_s, delayed_frac * service_s / (n_servers - load), max_frac);
}

static void mmc_wait_matches_erlang_c(void)
{
    check_mmc(2, 0.7, 0.03);
    check_mmc(8, 0.85, 0.07);
    check_mmc(32, 0.9, 0.12);
}

/* Pollaczek-Khinchine: Wq = lambda E[S^2] / (2 (1 - rho)) = rho E[S] (1 + cv^2) / (2 (1 -
 * rho)). */
static void check_mg1(struct dist service_s, double cv2, double max_frac)
{
    const double busy_frac = 0.7;
    double mean_s = dist_mean(&service_s);
    struct station station = {busy_frac / mean_s, service_s, 1};
    struct result results[N_REPLICATIONS];
    simulate_all(&station, results);
    CHECK_BAND(results, wait_s, busy_frac * mean_s * (1 + cv2) / (2 * (1 - busy_frac)),
               max_frac);
}

static void mg1_wait_matches_pollaczek_khinchine_for_lognormal_service(void)
{
    const double sigma = 0.8;
    struct dist lognormal = {.kind = DIST_LOGNORMAL, .a = -2, .b = sigma};
    check_mg1(lognormal, exp(sigma * sigma) - 1, 0.06);
}

static void mg1_wait_matches_pollaczek_khinchine_for_gamma_service(void)
{
    check_mg1((struct dist){.kind = DIST_GAMMA, .a = 0.5, .b = 0.2}, 2,
              0.06); /* cv^2 = 1 / shape */
    check_mg1((struct dist){.kind = DIST_GAMMA, .a = 4, .b = 0.2}, 0.25, 0.04);
}

static void mg1_wait_matches_pollaczek_khinchine_for_weibull_service(void)
{
    double shape = 1.5;
    double first = gsl_sf_gamma(1 + 1 / shape);
    double cv2 = gsl_sf_gamma(1 + 2 / shape) / (first * first) - 1;
    check_mg1((struct dist){.kind = DIST_WEIBULL, .a = 0.3, .b = shape}, cv2, 0.04);
}

static void md1_wait_is_half_that_of_mm1(void)
{
    check_mg1((struct dist){.kind = DIST_CONSTANT, .a = 0.1}, 0, 0.04);
}

static const struct station ggc = {
    .rate_per_s = 11,
    .service_s = {.kind = DIST_GAMMA, .a = 2, .b = 0.15},
    .n_servers = 4,
};

/* L = lambda W in each replication, from counts, times and areas gathered apart. What keeps it
 * from being exact is only who is inside at the two ends: a few of 60,000. */
static void littles_law_holds_in_every_replication(void)
{
    struct result results[N_REPLICATIONS];
    simulate_all(&ggc, results);
    for (int rep = 0; rep < N_REPLICATIONS; rep++) {
        CHECK_NEAR(results[rep].n_in_system, results[rep].rate_per_s * results[rep].sojourn_s,
                   0.002);
    }
}

/* Each server is busy lambda E[S] / c of the time: 11 * 0.3 / 4 = 0.825. */
static void utilisation_law_holds(void)
{
    struct result results[N_REPLICATIONS];
    simulate_all(&ggc, results);
    CHECK_BAND(results, busy_frac, 0.825, 0.01);
    CHECK_BAND(results, rate_per_s, 11, 0.01);
}

/* A second server for the same customers. First come first served, so both runs draw the same
 * gaps and service times for each: the interval of the saving is narrower than that of one
 * server's wait alone. */
static void common_random_numbers_narrow_a_comparison(void)
{
    struct station two = mm1;
    two.n_servers = 2;
    struct result results_one[N_REPLICATIONS], results_two[N_REPLICATIONS];
    simulate_all(&mm1, results_one);
    simulate_all(&two, results_two);
    double one_s[N_REPLICATIONS], two_s[N_REPLICATIONS];
    gather(results_one, offsetof(struct result, wait_s), one_s);
    gather(results_two, offsetof(struct result, wait_s), two_s);
    struct interval saving = paired_interval(one_s, two_s, N_REPLICATIONS, 0.99);
    double expected_s = 0.4 - erlang_c(2, 0.8) * 0.1 / (2 - 0.8);
    CU_ASSERT_TRUE(saving.lo <= expected_s && expected_s <= saving.hi);
    CU_ASSERT_TRUE(saving.lo > 0);
    CU_ASSERT_TRUE(saving.hi - saving.mean < t_half_width(one_s, N_REPLICATIONS, 0.99));
}

static const struct check_case cases[] = {
    {"mm1_mean_wait_sojourn_and_number_match_theory",
     mm1_mean_wait_sojourn_and_number_match_theory},
    {"mm1_wait_distribution_matches_theory", mm1_wait_distribution_matches_theory},
    {"erlang_c_matches_a_worked_example", erlang_c_matches_a_worked_example},
    {"mmc_wait_matches_erlang_c", mmc_wait_matches_erlang_c},
    {"mg1_wait_matches_pollaczek_khinchine_for_lognormal_service",
     mg1_wait_matches_pollaczek_khinchine_for_lognormal_service},
    {"mg1_wait_matches_pollaczek_khinchine_for_gamma_service",
     mg1_wait_matches_pollaczek_khinchine_for_gamma_service},
    {"mg1_wait_matches_pollaczek_khinchine_for_weibull_service",
     mg1_wait_matches_pollaczek_khinchine_for_weibull_service},
    {"md1_wait_is_half_that_of_mm1", md1_wait_is_half_that_of_mm1},
    {"littles_law_holds_in_every_replication", littles_law_holds_in_every_replication},
    {"utilisation_law_holds", utilisation_law_holds},
    {"common_random_numbers_narrow_a_comparison", common_random_numbers_narrow_a_comparison},
};

int main(void)
{
    return check_main("theory", cases, N_OF(cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replicas that fail: nothing is lost, retries are paid for, time out of service is as
 * configured. */
#include <math.h>

#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { N = 20000 };

struct lab {
    struct toy toy;
    struct load_class c;
    struct cluster_config cfg;
    struct cluster_result out;
};

static void lab_run(struct lab *l, enum load_process process, int n_replicas, double mtbf_s,
                    double restart_s)
{
    toy_init(&l->toy, TOY_FULL, 1, 100000);
    l->c = toy_class(process, 100, 40);
    l->c.rate_rps = 50.0;
    l->c.concurrency = 40;
    l->cfg = (struct cluster_config){
        .replica = &l->toy.replica,
        .n_replicas = n_replicas,
        .route = ROUTE_LEAST_REQUESTS,
        .load = {.classes = &l->c, .n_classes = 1, .n_requests = N, .seed = 1},
        .limits = toy_limits,
        .failures = {.mtbf_s = mtbf_s, .restart_s = restart_s},
    };
    cluster_run(&l->cfg, &l->out);
}

static void lab_end(struct lab *l)
{
    cluster_result_fini(&l->out);
    toy_fini(&l->toy);
}

static double mean_e2e_s(const struct lab *l)
{
    struct class_summary s[2];
    metrics_summary(&l->out.metrics, 0, s);
    return s[1].lat[LAT_E2E][STAT_MEAN];
}

static void every_request_completes_through_failures_open_and_closed(void)
{
    for (int closed = 0; closed < 2; closed++) {
        struct lab l;
        lab_run(&l, closed ? LOAD_CLOSED : LOAD_POISSON, 4, closed ? 2.0 : 20.0, 1.0);
        CU_ASSERT_TRUE(l.out.n_failures > 5);
        CU_ASSERT_TRUE(l.out.n_retries > 0);
        CU_ASSERT_EQUAL(l.out.n_completed, N);
        lab_end(&l);
    }
}

static void with_all_replicas_down_requests_wait_for_the_first_to_return(void)
{
    struct lab l;
    lab_run(&l, LOAD_POISSON, 1, 15.0, 5.0);
    CU_ASSERT_TRUE(l.out.n_failures > 5);
    CU_ASSERT_EQUAL(l.out.n_completed, N);
    struct class_summary s[2];
    metrics_summary(&l.out.metrics, 0, s);
    CU_ASSERT_TRUE(s[1].lat[LAT_TTFT][STAT_P99] > 2.0); /* those that met the 5 s outage */
    lab_end(&l);
}

/* Renewal theory: mean up 40 s, down 10 s: a fifth of the time out of service. 400 s x 8
 * replicas are about 64 cycles: 3 standard errors are 0.2 x 3 / sqrt(64) = 7.5 %. */
static void time_out_of_service_follows_from_the_rates(void)
{
    struct lab l;
    lab_run(&l, LOAD_POISSON, 8, 40.0, 10.0);
    double span = l.out.metrics.last_arrival_s;
    double down_frac = l.out.down_s / (8.0 * span);
    CU_ASSERT_TRUE(fabs(down_frac - 0.2) < 0.075);
    lab_end(&l);
}

/* 400 s of load and outages of a day: each replica is down at most from its failure on. */
static void an_outage_beyond_the_end_counts_up_to_the_end(void)
{
    struct lab l;
    lab_run(&l, LOAD_POISSON, 8, 250.0, 86400.0);
    CU_ASSERT_TRUE(l.out.n_failures > 0 && l.out.n_failures < 8);
    CU_ASSERT_TRUE(l.out.down_s > 0.0);
    CU_ASSERT_TRUE(l.out.down_s <= (double)l.out.n_failures * l.out.end_s);
    lab_end(&l);
}

static void failures_cost_latency_and_none_are_drawn_without_a_rate(void)
{
    struct lab with;
    struct lab without;
    lab_run(&with, LOAD_POISSON, 4, 10.0, 2.0);
    lab_run(&without, LOAD_POISSON, 4, 0.0, 2.0);
    CU_ASSERT_EQUAL(without.out.n_failures, 0);
    CU_ASSERT_TRUE(mean_e2e_s(&with) > mean_e2e_s(&without));
    lab_end(&with);
    lab_end(&without);
}

/* Replica i has its own stream: its first failure does not depend on how many there are. */
static void a_replicas_failures_do_not_depend_on_the_others(void)
{
    struct failure_config cfg = {.mtbf_s = 100.0, .restart_s = 1.0};
    struct failure_clock a;
    struct failure_clock b;
    failure_init(&a, &cfg, "failures/3", 1, 0);
    failure_init(&b, &cfg, "failures/3", 1, 0);
    CU_ASSERT_EQUAL(a.next_s, b.next_s);
    failure_init(&b, &cfg, "failures/4", 1, 0);
    CU_ASSERT_NOT_EQUAL(a.next_s, b.next_s);
    double failed_s = a.next_s;
    failure_turn(&a, &cfg);
    CU_ASSERT_TRUE(a.down);
    CHECK_NEAR(a.next_s, failed_s + 1.0, 1e-12);
    failure_turn(&a, &cfg);
    CU_ASSERT_FALSE(a.down);
    CU_ASSERT_TRUE(a.next_s > failed_s + 1.0);
}

int main(void)
{
    const struct check_case cases[] = {
        {"every request completes through failures, open and closed",
         every_request_completes_through_failures_open_and_closed},
        {"with all replicas down requests wait for the first to return",
         with_all_replicas_down_requests_wait_for_the_first_to_return},
        {"time out of service follows from the rates",
         time_out_of_service_follows_from_the_rates},
        {"an outage beyond the end counts up to the end",
         an_outage_beyond_the_end_counts_up_to_the_end},
        {"failures cost latency; none without a rate",
         failures_cost_latency_and_none_are_drawn_without_a_rate},
        {"a replica's failures do not depend on the others",
         a_replicas_failures_do_not_depend_on_the_others},
    };
    return check_main("failures", cases, sizeof cases / sizeof cases[0]);
}

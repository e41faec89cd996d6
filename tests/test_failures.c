/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replicas that fail or are maintained: nothing is lost, retries are paid for, time out of
 * service is as configured. */
#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"
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

static void lab_init(struct lab *l, enum load_process process, int n_replicas)
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
    };
}

static void lab_run(struct lab *l, enum load_process process, int n_replicas, double mtbf_s,
                    double restart_s)
{
    lab_init(l, process, n_replicas);
    l->cfg.failures = (struct failure_config){.mtbf_s = mtbf_s, .restart_s = restart_s};
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

/* ---- maintenance
 * ----------------------------------------------------------------------------------- */

static double timeline_down_s(const struct timeline *t)
{
    double sum = 0.0;
    for (int i = 0; i < TIMELINE_BINS; i++) {
        sum += t->bins[i].down_s;
    }
    return sum;
}

/* 400 s of load at 50 requests a second. Every 50 s the next of four replicas is out for 20 s
 * and restarts for 5 s: from 50 s on seven turns begin by 350 s and end by 375 s, each 25 s
 * and at most a second later for what runs. */
static void availability_follows_from_the_turns(void)
{
    struct lab l;
    lab_init(&l, LOAD_CONSTANT, 4);
    l.cfg.maintenance = (struct maintenance_config){.every_s = 200.0,
                                                    .first_s = 50.0,
                                                    .drain_s = 10.0,
                                                    .duration_s = 20.0,
                                                    .restart_s = 5.0};
    cluster_run(&l.cfg, &l.out);
    CHECK_NEAR(l.out.end_s, 400.0, 0.01);
    CHECK_NEAR(l.out.maintained_s, 7.0 * 25.0, 1e-9);
    CHECK_NEAR(timeline_down_s(&l.out.timeline), 7.0 * 25.0, 1e-9);
    CU_ASSERT_EQUAL(l.out.down_s, 0.0);
    CU_ASSERT_EQUAL(l.out.n_failures, 0);
    CU_ASSERT_EQUAL(l.out.n_retries, 0); /* all had ended in time */
    CU_ASSERT_EQUAL(l.out.n_completed, N);
    lab_end(&l);
}

/* Over two whole rounds of turns: 1 - 25 / 200. */
static void of_whole_rounds_each_replica_is_out_for_its_share(void)
{
    struct lab l;
    lab_init(&l, LOAD_CONSTANT, 4);
    l.cfg.maintenance = (struct maintenance_config){
        .every_s = 200.0, .drain_s = 10.0, .duration_s = 20.0, .restart_s = 5.0};
    cluster_run(&l.cfg, &l.out);
    CHECK_NEAR(1.0 - l.out.maintained_s / l.out.replica_s, 0.875, 1e-4);
    lab_end(&l);
}

/* A request of 40 tokens runs on when its replica is taken out at once. */
static void without_time_to_drain_requests_start_over_elsewhere(void)
{
    for (int closed = 0; closed < 2; closed++) {
        struct lab l;
        lab_init(&l, closed ? LOAD_CLOSED : LOAD_POISSON, 3);
        l.cfg.maintenance =
            (struct maintenance_config){.every_s = 3.0, .first_s = 0.5, .duration_s = 0.5};
        cluster_run(&l.cfg, &l.out);
        CU_ASSERT_TRUE(l.out.n_retries > 5);
        CU_ASSERT_EQUAL(l.out.n_completed, N);
        CU_ASSERT_TRUE(l.out.maintained_s > 1.0);
        lab_end(&l);
    }
}

struct takers {
    int replica[N];
    double arrival_s[N];
};

static void keep_taker(void *ctx, int64_t id, int replica, const struct finished *f,
                       const char *why)
{
    struct takers *t = ctx;
    (void)why;
    t->replica[id] = replica;
    t->arrival_s[id] = f->arrival_s;
}

/* Replica 1's turn is from 30 s on: 10 s of draining at most and 20 s out. */
static void a_replica_takes_no_request_from_its_turn_to_its_return(void)
{
    static const enum route routes[] = {ROUTE_ROUND_ROBIN, ROUTE_LEAST_REQUESTS,
                                        ROUTE_POWER_OF_TWO, ROUTE_PREFIX_AFFINITY,
                                        ROUTE_KV_AWARE};
    for (size_t k = 0; k < sizeof routes / sizeof routes[0]; k++) {
        struct lab l;
        struct takers *t = xcalloc(1, sizeof *t);
        lab_init(&l, LOAD_POISSON, 2);
        l.cfg.route = routes[k];
        l.cfg.load.n_requests = 5000;
        l.cfg.sink = keep_taker;
        l.cfg.sink_ctx = t;
        l.cfg.maintenance =
            (struct maintenance_config){.every_s = 60.0, .drain_s = 10.0, .duration_s = 20.0};
        cluster_run(&l.cfg, &l.out);
        int during = 0;
        int after = 0;
        for (int i = 0; i < 5000; i++) {
            during += t->replica[i] == 1 && t->arrival_s[i] > 30.0 && t->arrival_s[i] <= 50.0;
            after += t->replica[i] == 1 && t->arrival_s[i] > 52.0;
        }
        CU_ASSERT_EQUAL(during, 0);
        CU_ASSERT_TRUE(after > 500);
        lab_end(&l);
        free(t);
    }
}

static void with_one_replica_requests_wait_for_its_return(void)
{
    struct lab l;
    lab_init(&l, LOAD_POISSON, 1);
    l.cfg.maintenance = (struct maintenance_config){
        .every_s = 100.0, .first_s = 10.0, .drain_s = 5.0, .duration_s = 20.0};
    cluster_run(&l.cfg, &l.out);
    struct class_summary s[2];
    metrics_summary(&l.out.metrics, 0, s);
    CU_ASSERT_EQUAL(l.out.n_completed, N);
    CU_ASSERT_TRUE(s[1].lat[LAT_TTFT][STAT_P99] > 15.0);
    lab_end(&l);
}

/* A replica cannot be out twice: failures while it is maintained are no outages. */
static void failures_and_maintenance_are_told_apart(void)
{
    struct lab l;
    lab_init(&l, LOAD_POISSON, 3);
    l.cfg.failures = (struct failure_config){.mtbf_s = 15.0, .restart_s = 5.0};
    l.cfg.maintenance = (struct maintenance_config){
        .every_s = 60.0, .first_s = 5.0, .drain_s = 2.0, .duration_s = 10.0, .restart_s = 2.0};
    cluster_run(&l.cfg, &l.out);
    CU_ASSERT_EQUAL(l.out.n_completed, N);
    CU_ASSERT_TRUE(l.out.n_failures > 20);
    /* the k-th turn begins at 5 s + 20 s k, and takes 12 s to 14 s */
    double n_turns = floor((l.out.metrics.last_arrival_s - 5.0) / 20.0) + 1.0;
    CHECK_NEAR(l.out.maintained_s, 12.0 * n_turns, 12.0 / (12.0 * n_turns));
    CU_ASSERT_TRUE(l.out.down_s > 0.0);
    CHECK_NEAR(timeline_down_s(&l.out.timeline), l.out.down_s + l.out.maintained_s, 1e-9);
    lab_end(&l);
}

static void turns_fit_one_after_another_or_not_at_all(void)
{
    struct maintenance_config m = {
        .every_s = 100.0, .drain_s = 10.0, .duration_s = 10.0, .restart_s = 5.0};
    CU_ASSERT_TRUE(maintenance_fits(&m, 4));
    CU_ASSERT_FALSE(maintenance_fits(&m, 5));
    m.prefill_restart_s = 6.0;
    CU_ASSERT_FALSE(maintenance_fits(&m, 4));
    m.every_s = 0.0;
    CU_ASSERT_TRUE(maintenance_fits(&m, 1000));
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
        {"availability follows from the turns", availability_follows_from_the_turns},
        {"of whole rounds each replica is out for its share",
         of_whole_rounds_each_replica_is_out_for_its_share},
        {"without time to drain requests start over elsewhere",
         without_time_to_drain_requests_start_over_elsewhere},
        {"a replica takes no request from its turn to its return",
         a_replica_takes_no_request_from_its_turn_to_its_return},
        {"with one replica requests wait for its return",
         with_one_replica_requests_wait_for_its_return},
        {"failures and maintenance are told apart", failures_and_maintenance_are_told_apart},
        {"turns fit one after another or not at all",
         turns_fit_one_after_another_or_not_at_all},
    };
    return check_main("failures", cases, sizeof cases / sizeof cases[0]);
}

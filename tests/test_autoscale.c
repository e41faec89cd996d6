/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_autoscale.c - replicas that come and go: how many are wanted, that nothing is lost, what
 * is paid for, and a load that follows the hours of the day. */
#include <math.h>

#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

static const struct autoscale_config usual = {.metric = SCALE_REQUESTS,
                                              .target = 32.0,
                                              .min = 1,
                                              .interval_s = 15.0,
                                              .cooldown_s = 60.0,
                                              .cold_start_s = 30.0};

static void wanted_is_what_brings_the_mean_to_the_target(void)
{
    struct autoscaler a;
    autoscale_init(&a, &usual, 10);
    CU_ASSERT_EQUAL(autoscale_count(&a, SCALE_SERVING), 1);
    CU_ASSERT_EQUAL(autoscale_wanted(&a, 4, 48.0), 6);
    autoscale_fini(&a);
    autoscale_init(&a, &usual, 10);
    CU_ASSERT_EQUAL(autoscale_wanted(&a, 4, 34.0), 4); /* within a tenth of the target */
    CU_ASSERT_EQUAL(autoscale_wanted(&a, 4, 400.0), 10);
    autoscale_fini(&a);
}

/* 60 s at a look each 15 s: five looks see the larger wish. */
static void fewer_are_wanted_only_after_the_cooldown(void)
{
    struct autoscaler a;
    autoscale_init(&a, &usual, 10);
    CU_ASSERT_EQUAL(autoscale_wanted(&a, 4, 64.0), 8);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(autoscale_wanted(&a, 8, 4.0), 8);
    }
    CU_ASSERT_EQUAL(autoscale_wanted(&a, 8, 4.0), 1);
    autoscale_fini(&a);
}

static void what_is_not_parked_is_provisioned(void)
{
    struct autoscaler a;
    autoscale_init(&a, &usual, 2);
    autoscale_set(&a, 1, SCALE_STARTING, 10.0);
    CU_ASSERT_EQUAL(autoscale_next_s(&a), 15.0);
    a.next_look_s = 100.0;
    CU_ASSERT_EQUAL(autoscale_next_s(&a), 40.0);
    autoscale_set(&a, 1, SCALE_SERVING, 40.0);
    autoscale_set(&a, 1, SCALE_DRAINING, 70.0);
    autoscale_set(&a, 1, SCALE_PARKED, 75.0);
    autoscale_set(&a, 1, SCALE_PARKED, 90.0);
    CHECK_NEAR(a.provisioned_s, 65.0, 1e-12);
    autoscale_fini(&a);
}

/* ---- in a cluster
 * ------------------------------------------------------------------------------------ */

/* Six hours of nothing, twelve at twice the mean, six of nothing. */
static const double office[24] = {0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2,
                                  2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0};

struct lab {
    struct toy toy;
    struct load_class c;
    struct cluster_config cfg;
    struct cluster_result out;
};

static void lab_run(struct lab *l, enum load_process process, enum scale_metric metric,
                    bool failures)
{
    toy_init(&l->toy, TOY_FULL, 1, 100000);
    l->c = toy_class(process, 100, 40);
    l->c.rate_rps = 0.1;
    l->c.concurrency = 8;
    l->c.think_s = 5.0;
    l->c.hourly = process == LOAD_POISSON ? office : NULL;
    l->cfg = (struct cluster_config){
        .replica = &l->toy.replica,
        .n_replicas = 4,
        .route = ROUTE_POWER_OF_TWO,
        .load = {.classes = &l->c, .n_classes = 1, .n_requests = 8640, .seed = 1},
        .limits = toy_limits,
        .autoscale = usual,
    };
    l->cfg.autoscale.metric = metric;
    l->cfg.autoscale.target = metric == SCALE_KV ? 0.0004 : 0.06;
    if (failures) {
        l->cfg.failures = (struct failure_config){.mtbf_s = 4000.0, .restart_s = 200.0};
    }
    cluster_run(&l->cfg, &l->out);
}

static void lab_end(struct lab *l)
{
    cluster_result_fini(&l->out);
    toy_fini(&l->toy);
}

/* cluster_run asserts that requests and memory are conserved. */
static void nothing_is_lost_while_replicas_come_and_go(void)
{
    for (int k = 0; k < 8; k++) {
        struct lab l;
        lab_run(&l, k & 1 ? LOAD_CLOSED : LOAD_POISSON, k & 2 ? SCALE_KV : SCALE_REQUESTS,
                k & 4);
        CU_ASSERT_EQUAL(l.out.n_completed, 8640);
        CU_ASSERT_TRUE(l.out.replica_s > l.out.end_s * 0.999);
        CU_ASSERT_TRUE(l.out.replica_s < 4.0 * l.out.end_s);
        CU_ASSERT_TRUE(l.out.stats.busy_s <= l.out.replica_s);
        CU_ASSERT_EQUAL(l.out.n_failures > 0, (k & 4) != 0);
        lab_end(&l);
    }
}

static void a_fleet_that_does_not_scale_is_provisioned_all_the_time(void)
{
    struct lab l;
    lab_run(&l, LOAD_POISSON, SCALE_OFF, false);
    CHECK_NEAR(l.out.replica_s, 4.0 * l.out.end_s, 1e-12);
    lab_end(&l);
}

/* 1 request/s from 6 to 18 h: the first and the last come there, as many in each hour. */
static void arrivals_follow_the_hours_of_the_day(void)
{
    struct load_class c = toy_class(LOAD_POISSON, 10, 10);
    c.rate_rps = 0.5;
    c.hourly = office;
    struct load_config cfg = {.classes = &c, .n_classes = 1, .n_requests = 86400, .seed = 3};
    struct load *load = load_new(&cfg);
    struct arrival a;
    double by_hour[48] = {0};
    while (load_next(load, &a)) {
        int h = (int)(a.time_s / 3600.0);
        CU_ASSERT_TRUE(h < 48 || a.time_s < 49 * 3600.0);
        by_hour[h < 48 ? h : 47]++;
    }
    load_free(load);
    for (int h = 0; h < 47; h++) {
        CU_ASSERT_TRUE(office[h % 24] == 0.0 ? by_hour[h] == 0.0
                                             : fabs(by_hour[h] - 3600.0) < 5.0 * 60.0);
    }
}

int main(void)
{
    const struct check_case cases[] = {
        {"wanted is what brings the mean to the target",
         wanted_is_what_brings_the_mean_to_the_target},
        {"fewer are wanted only after the cooldown", fewer_are_wanted_only_after_the_cooldown},
        {"what is not parked is provisioned", what_is_not_parked_is_provisioned},
        {"nothing is lost while replicas come and go",
         nothing_is_lost_while_replicas_come_and_go},
        {"a fleet that does not scale is provisioned all the time",
         a_fleet_that_does_not_scale_is_provisioned_all_the_time},
        {"arrivals follow the hours of the day", arrivals_follow_the_hours_of_the_day},
    };
    return check_main("autoscale", cases, sizeof cases / sizeof cases[0]);
}

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

/* Two of three serve: 6 and 2 requests of which 3 and 1 wait, 4 more before the pool; 30 came
 * in the 15 s since the last look. */
static void the_mean_is_over_those_that_serve(void)
{
    struct replica r[3] = {{.n_load = 6, .n_waiting = 2}, {.n_load = 2, .n_waiting = 1}};
    r[0].incoming.n = 1;
    r[2].n_load = 50;
    static const double want[] = {
        [SCALE_REQUESTS] = 6.0, [SCALE_QUEUE] = 4.0, [SCALE_RATE] = 1.0};
    static const enum scale_metric metrics[] = {SCALE_REQUESTS, SCALE_QUEUE, SCALE_RATE};
    for (int i = 0; i < 3; i++) {
        struct autoscaler a;
        struct autoscale_config cfg = usual;
        cfg.metric = metrics[i];
        cfg.min = 2;
        autoscale_init(&a, &cfg, 3);
        a.n_given = 30;
        int n_serving;
        CHECK_NEAR(autoscale_mean(&a, r, 4, &n_serving), want[cfg.metric], 1e-12);
        CU_ASSERT_EQUAL(n_serving, 2);
        autoscale_fini(&a);
    }
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
    int64_t hits[2][4]; /* by day and replica: cached tokens the first request of a day found */
    bool seen[2][4];
};

/* Four replicas at most, one at least, over a day. */
static void lab_init(struct lab *l, enum load_process process, enum scale_metric metric)
{
    *l = (struct lab){.out = {.end_s = 0.0}};
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
    static const double targets[] = {
        [SCALE_REQUESTS] = 0.06, [SCALE_KV] = 0.0004, [SCALE_QUEUE] = 0.1, [SCALE_RATE] = 0.1};
    l->cfg.autoscale.target = targets[metric];
}

static void lab_run(struct lab *l, enum load_process process, enum scale_metric metric,
                    bool failures)
{
    lab_init(l, process, metric);
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
    for (int k = 0; k < 16; k++) {
        struct lab l;
        lab_run(&l, k & 1 ? LOAD_CLOSED : LOAD_POISSON,
                (enum scale_metric)(SCALE_REQUESTS + k / 4), k & 2);
        CU_ASSERT_EQUAL(l.out.n_completed, 8640);
        CU_ASSERT_TRUE(l.out.replica_s > l.out.end_s * 0.999);
        CU_ASSERT_TRUE(l.out.replica_s < 4.0 * l.out.end_s);
        CU_ASSERT_TRUE(l.out.stats.busy_s <= l.out.replica_s);
        CU_ASSERT_EQUAL(l.out.n_failures > 0, (k & 2) != 0);
        lab_end(&l);
    }
}

static void note_hits(void *ctx, int64_t id, int replica, const struct finished *f,
                      const char *why)
{
    struct lab *l = ctx;
    (void)id;
    (void)why;
    int day = (int)(f->arrival_s / 86400.0);
    if (day < 2 && !l->seen[day][replica]) {
        l->seen[day][replica] = true;
        l->hits[day][replica] = f->hit_tokens;
    }
}

/* Nothing comes at night: one replica stays, with the prefix of yesterday in its cache. */
static void a_parked_replica_forgets_its_cache(void)
{
    struct lab l;
    lab_init(&l, LOAD_POISSON, SCALE_REQUESTS);
    l.toy.replica.reuse = true;
    l.c.shared_tokens = 64;
    l.c.groups = 1;
    l.cfg.load.n_requests = 15000;
    l.cfg.sink = note_hits;
    l.cfg.sink_ctx = &l;
    cluster_run(&l.cfg, &l.out);
    CU_ASSERT_EQUAL(l.hits[0][0], 0);
    CU_ASSERT_EQUAL(l.hits[1][0], 64);
    for (int i = 1; i < 3; i++) {
        CU_ASSERT_TRUE(l.seen[0][i] && l.seen[1][i]);
        CU_ASSERT_EQUAL(l.hits[1][i], 0);
    }
    lab_end(&l);
}

/* Machines that fail for most of the night are parked then: an outage is what is missing. */
static void an_outage_of_a_parked_replica_is_none(void)
{
    struct lab l;
    lab_init(&l, LOAD_POISSON, SCALE_REQUESTS);
    l.cfg.failures = (struct failure_config){.mtbf_s = 20000.0, .restart_s = 20000.0};
    cluster_run(&l.cfg, &l.out);
    double missing_s = 0.0;
    const struct timeline *t = &l.out.timeline;
    for (int i = 0; i < t->n_bins; i++) {
        missing_s += t->bins[i].down_s;
        CU_ASSERT_TRUE(t->bins[i].down_s <= 4.0 * t->width_s * (1.0 + 1e-9));
    }
    CU_ASSERT_TRUE(l.out.n_failures > 0);
    CU_ASSERT_TRUE(l.out.down_s > 0.0 && l.out.down_s < l.out.replica_s);
    CU_ASSERT_TRUE(missing_s > l.out.down_s); /* the parked ones too */
    lab_end(&l);
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
        {"the mean is over those that serve", the_mean_is_over_those_that_serve},
        {"nothing is lost while replicas come and go",
         nothing_is_lost_while_replicas_come_and_go},
        {"a parked replica forgets its cache", a_parked_replica_forgets_its_cache},
        {"an outage of a parked replica is none", an_outage_of_a_parked_replica_is_none},
        {"a fleet that does not scale is provisioned all the time",
         a_fleet_that_does_not_scale_is_provisioned_all_the_time},
        {"arrivals follow the hours of the day", arrivals_follow_the_hours_of_the_day},
    };
    return check_main("autoscale", cases, sizeof cases / sizeof cases[0]);
}

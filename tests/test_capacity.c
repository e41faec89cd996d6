/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load one replica sustains: against theory, and what binds. */
#include <string.h>

#include "sim/plan/capacity.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { PROMPT = 40, OUTPUT = 8 };

struct setup {
    struct toy toy;
    struct load_class class;
    struct scenario_slo slo;
    struct capacity_config cfg;
};

static void no_limits(struct scenario_slo *slo)
{
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            slo->limit_s[m][s] = NAN;
        }
    }
    slo->loss_max_frac = 0.001;
}

/* Poisson arrivals of constant requests on the toy with a pool of n_kv_tokens. */
static void open_setup(struct setup *s, int64_t n_kv_tokens)
{
    toy_init(&s->toy, TOY_FULL, 1, n_kv_tokens);
    s->class = toy_class(LOAD_POISSON, PROMPT, OUTPUT);
    s->class.rate_rps = 1.0;
    no_limits(&s->slo);
    s->cfg = (struct capacity_config){.replica = &s->toy.replica,
                                      .classes = &s->class,
                                      .slos = &s->slo,
                                      .n_classes = 1,
                                      .stationary = true,
                                      .seed = 7};
}

static void close_setup(struct setup *s)
{
    toy_fini(&s->toy);
}

/* Times of a request that meets nobody. */
static void alone(const struct setup *s, double *ttft_s, double *e2e_s)
{
    struct load_class one = s->class;
    one.process = LOAD_OFFLINE;
    one.n_requests = 1;
    struct cluster_config cfg = {.replica = &s->toy.replica,
                                 .n_replicas = 1,
                                 .load = {.classes = &one, .n_classes = 1, .seed = 1},
                                 .limits = toy_limits};
    struct cluster_result r;
    struct class_summary summary[2];
    cluster_run(&cfg, &r);
    metrics_summary(&r.metrics, 0, summary);
    *ttft_s = summary[0].lat[LAT_TTFT][STAT_MEAN];
    *e2e_s = summary[0].lat[LAT_E2E][STAT_MEAN];
    cluster_result_fini(&r);
}

/* One request at a time and constant service S: an M/D/1 queue. With a mean time to the first
 * token of T + 2 S, where T is that of a request alone, Pollaczek-Khinchine gives
 * 2 S = lambda S^2 / (2 (1 - lambda S)), lambda = 0.8 / S. */
static void one_at_a_time_equals_pollaczek_khinchine(void)
{
    struct setup s;
    struct capacity c;
    double ttft;
    double service;
    open_setup(&s, 4096);
    s.toy.replica.sched.max_seqs = 1;
    alone(&s, &ttft, &service);
    s.slo.limit_s[SLO_TTFT][SLO_MEAN] = ttft + 2.0 * service;
    s.cfg.min_requests = 5000;
    s.cfg.precision_frac = 0.01;
    capacity_find(&s.cfg, &c);
    CHECK_NEAR(c.rps, 0.8 / service, 0.02);
    CU_ASSERT_TRUE(c.lo < c.rps * 1.02 && c.hi > c.rps * 0.98);
    CU_ASSERT_TRUE(c.hi - c.lo < 0.05 * c.rps);
    CU_ASSERT_EQUAL(c.bind, BIND_TTFT);
    close_setup(&s);
}

/* Without a limit on latency the bound is the service rate: one at a time, 1 / S. */
static void without_latency_limits_the_backlog_binds(void)
{
    struct setup s;
    struct capacity c;
    double ttft;
    double service;
    open_setup(&s, 4096);
    s.toy.replica.sched.max_seqs = 1;
    alone(&s, &ttft, &service);
    capacity_find(&s.cfg, &c);
    CHECK_NEAR(c.rps, 1.0 / service, 0.08);
    CU_ASSERT_TRUE(c.rps < 1.01 / service);
    CU_ASSERT_EQUAL(c.bind, BIND_THROUGHPUT);
    close_setup(&s);
}

/* Two stages carry more than one and less than two, and the first guess sees it. */
static void a_pipeline_is_guessed_with_all_its_micro_batches(void)
{
    double guess[3];
    double found[3];
    for (int pp = 1; pp <= 2; pp++) {
        struct setup s;
        struct capacity c;
        double batch;
        open_setup(&s, 1 << 16);
        toy_stages(&s.toy, pp);
        guess[pp] = capacity_guess(&s.cfg, &batch);
        CU_ASSERT_TRUE(batch <= (double)s.toy.replica.sched.max_seqs);
        capacity_find(&s.cfg, &c);
        found[pp] = c.rps;
        close_setup(&s);
    }
    CU_ASSERT_TRUE(found[2] > 1.2 * found[1] && found[2] < 2.0 * found[1]);
    CU_ASSERT_TRUE(guess[2] > 1.2 * guess[1] && guess[2] < 2.0 * guess[1]);
}

static enum bind bind_under(enum slo_metric metric, enum slo_stat stat, double limit_s,
                            int64_t n_kv_tokens, double *rps)
{
    struct setup s;
    struct capacity c;
    open_setup(&s, n_kv_tokens);
    s.slo.limit_s[metric][stat] = limit_s;
    capacity_find(&s.cfg, &c);
    *rps = c.rps;
    CU_ASSERT_TRUE(c.rps > 0.0);
    CU_ASSERT_TRUE(c.at.met && c.at.worst <= 1.0);
    CU_ASSERT_TRUE(!c.over.met);
    CU_ASSERT_TRUE(c.over.rate_rps > c.rps * 0.99);
    close_setup(&s);
    return c.bind;
}

/* Time per output token of a request that meets nobody, and until its first. */
static double tpot_alone_s(double *ttft_s)
{
    struct setup s;
    double e2e;
    open_setup(&s, 1 << 16);
    alone(&s, ttft_s, &e2e);
    close_setup(&s);
    return (e2e - *ttft_s) / (OUTPUT - 1);
}

static void the_binding_limit_is_the_one_that_was_set(void)
{
    double ttft;
    double rps;
    double tpot = tpot_alone_s(&ttft);
    CU_ASSERT_EQUAL(bind_under(SLO_TPOT, SLO_P95, 1.6 * tpot, 1 << 16, &rps), BIND_TPOT);
    CU_ASSERT_EQUAL(bind_under(SLO_TTFT, SLO_P95, 2.0 * ttft, 1 << 16, &rps), BIND_TTFT);
    CU_ASSERT_EQUAL(bind_under(SLO_ITL, SLO_P99, 2.0 * tpot, 1 << 16, &rps), BIND_ITL);
    CU_ASSERT_EQUAL(bind_under(SLO_E2E, SLO_MEAN, 1.7 * (ttft + OUTPUT * tpot), 1 << 16, &rps),
                    BIND_E2E);
}

/* The same limit, with a pool for three requests and for a thousand. */
static void memory_binds_where_more_of_it_would_help(void)
{
    double ttft;
    double few;
    double many;
    tpot_alone_s(&ttft);
    enum bind small =
        bind_under(SLO_TTFT, SLO_P95, 4.0 * ttft, 3 * (PROMPT + OUTPUT + 16), &few);
    enum bind large = bind_under(SLO_TTFT, SLO_P95, 4.0 * ttft, 1 << 16, &many);
    CU_ASSERT_EQUAL(small, BIND_KV);
    CU_ASSERT_EQUAL(large, BIND_TTFT);
    CU_ASSERT_TRUE(many > 1.2 * few);
}

static void lost_requests_bind_at_any_load(void)
{
    struct setup s;
    struct capacity c;
    open_setup(&s, 4096);
    s.toy.replica.sched.max_model_len = PROMPT;
    capacity_find(&s.cfg, &c);
    CU_ASSERT_EQUAL(c.rps, 0.0);
    CU_ASSERT_EQUAL(c.bind, BIND_AVAILABILITY);
    close_setup(&s);
}

static void a_limit_below_one_step_is_met_at_no_load(void)
{
    struct setup s;
    struct capacity c;
    double ttft;
    double tpot = tpot_alone_s(&ttft);
    open_setup(&s, 1 << 16);
    s.slo.limit_s[SLO_TPOT][SLO_P50] = 0.9 * tpot;
    capacity_find(&s.cfg, &c);
    CU_ASSERT_EQUAL(c.rps, 0.0);
    CU_ASSERT_EQUAL(c.bind, BIND_TPOT);
    CU_ASSERT_TRUE(c.at.use[BIND_TPOT] > 1.0);
    close_setup(&s);
}

static void a_looser_limit_never_lowers_the_capacity(void)
{
    double ttft;
    double tpot = tpot_alone_s(&ttft);
    double last = 0.0;
    for (int i = 0; i < 4; i++) {
        double rps;
        bind_under(SLO_TPOT, SLO_MEAN, tpot * (1.3 + 0.3 * i), 1 << 16, &rps);
        CU_ASSERT_TRUE(rps > last);
        last = rps;
    }
}

static void the_tighter_of_two_classes_binds(void)
{
    struct setup s;
    struct capacity c;
    double ttft;
    double tpot = tpot_alone_s(&ttft);
    open_setup(&s, 1 << 16);
    struct load_class classes[2] = {s.class, s.class};
    struct scenario_slo slos[2] = {s.slo, s.slo};
    classes[0].name = "loose";
    classes[1].name = "tight";
    classes[0].rate_rps = 0.7;
    classes[1].rate_rps = 0.3;
    slos[0].limit_s[SLO_TPOT][SLO_P95] = 10.0 * tpot;
    slos[1].limit_s[SLO_TPOT][SLO_P95] = 1.6 * tpot;
    s.cfg.classes = classes;
    s.cfg.slos = slos;
    s.cfg.n_classes = 2;
    capacity_find(&s.cfg, &c);
    CU_ASSERT_EQUAL(c.bind, BIND_TPOT);
    CU_ASSERT_EQUAL(c.bind_class, 1);
    close_setup(&s);
}

static void the_same_seed_gives_the_same_capacity(void)
{
    struct setup s;
    struct capacity a;
    struct capacity b;
    open_setup(&s, 4096);
    s.slo.limit_s[SLO_TTFT][SLO_P95] = 0.05;
    capacity_find(&s.cfg, &a);
    capacity_find(&s.cfg, &b);
    CU_ASSERT_EQUAL(a.rps, b.rps);
    CU_ASSERT_EQUAL(a.n_requests, b.n_requests);
    s.cfg.seed = 8;
    capacity_find(&s.cfg, &b);
    CU_ASSERT_NOT_EQUAL(a.rps, b.rps);
    CHECK_NEAR(a.rps, b.rps, 0.1);
    close_setup(&s);
}

/* More precision is bought with replications, not with a fixed number of them. */
static void a_narrower_interval_takes_more_replications(void)
{
    struct setup s;
    struct capacity coarse;
    struct capacity fine;
    double ttft;
    double tpot = tpot_alone_s(&ttft);
    open_setup(&s, 1 << 16);
    s.slo.limit_s[SLO_TPOT][SLO_P95] = 1.6 * tpot;
    s.cfg.max_replications = 60;
    s.cfg.precision_frac = 0.2;
    capacity_find(&s.cfg, &coarse);
    s.cfg.precision_frac = 0.004;
    capacity_find(&s.cfg, &fine);
    CU_ASSERT_TRUE(fine.n_replications > coarse.n_replications);
    CU_ASSERT_TRUE(fine.hi - fine.lo <= coarse.hi - coarse.lo);
    close_setup(&s);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"one_at_a_time_equals_pollaczek_khinchine", one_at_a_time_equals_pollaczek_khinchine},
        {"without_latency_limits_the_backlog_binds", without_latency_limits_the_backlog_binds},
        {"a_pipeline_is_guessed_with_all_its_micro_batches",
         a_pipeline_is_guessed_with_all_its_micro_batches},
        {"the_binding_limit_is_the_one_that_was_set",
         the_binding_limit_is_the_one_that_was_set},
        {"memory_binds_where_more_of_it_would_help", memory_binds_where_more_of_it_would_help},
        {"lost_requests_bind_at_any_load", lost_requests_bind_at_any_load},
        {"a_limit_below_one_step_is_met_at_no_load", a_limit_below_one_step_is_met_at_no_load},
        {"a_looser_limit_never_lowers_the_capacity", a_looser_limit_never_lowers_the_capacity},
        {"the_tighter_of_two_classes_binds", the_tighter_of_two_classes_binds},
        {"the_same_seed_gives_the_same_capacity", the_same_seed_gives_the_same_capacity},
        {"a_narrower_interval_takes_more_replications",
         a_narrower_interval_takes_more_replications},
    };
    return check_main("capacity", cases, (int)(sizeof cases / sizeof cases[0]));
}

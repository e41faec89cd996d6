/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_cluster.c - replicas behind a router under a load: routing, loops, conservation, and the
 * queues of theory where a deployment can be made one. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/output.h"
#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

/* Every end of a run, by request id. */
enum { MAX_ENDS = 10000 };
struct ends {
    struct finished at[MAX_ENDS];
    int replica[MAX_ENDS];
    int n;
};

static void keep(void *ctx, int64_t id, int replica, const struct finished *f, const char *why)
{
    struct ends *e = ctx;
    (void)why;
    CU_ASSERT_FATAL(id < MAX_ENDS);
    e->at[id] = *f;
    e->replica[id] = replica;
    e->n++;
}

/* A toy deployment under one class; all ends kept. */
struct run {
    struct toy toy;
    struct load_class c;
    struct cluster_config cfg;
    struct cluster_result out;
    struct ends *ends;
};

static struct run *run_new(enum load_process process, int64_t prompt, int64_t output, int64_t n)
{
    struct run *r = xcalloc(1, sizeof *r);
    toy_init(&r->toy, TOY_FULL, 1, 100000);
    r->c = toy_class(process, prompt, output);
    r->ends = xcalloc(1, sizeof *r->ends);
    r->cfg = (struct cluster_config){
        .replica = &r->toy.replica,
        .n_replicas = 1,
        .load = {.classes = &r->c, .n_classes = 1, .n_requests = n, .seed = 1},
        .limits = toy_limits,
        .sink = keep,
        .sink_ctx = r->ends,
    };
    return r;
}

static void run_free(struct run *r)
{
    cluster_result_fini(&r->out);
    toy_fini(&r->toy);
    free(r->ends);
    free(r);
}

/* ---- routing
 * ------------------------------------------------------------------------------------- */

static void round_robin_deals_evenly_in_turn(void)
{
    struct run *r = run_new(LOAD_POISSON, 50, 20, 1000);
    r->c.rate_rps = 200.0;
    r->cfg.n_replicas = 3;
    r->cfg.route = ROUTE_ROUND_ROBIN;
    cluster_run(&r->cfg, &r->out);
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(r->ends->replica[i], i % 3);
    }
    run_free(r);
}

/* How many requests a replica held when this one came, by what was sent there and had not
 * ended. */
static int held_at(const struct ends *e, int64_t id, int replica)
{
    int n = 0;
    for (int64_t i = 0; i < id; i++) {
        n += e->replica[i] == replica && e->at[i].last_s > e->at[id].arrival_s;
    }
    return n;
}

static void least_requests_picks_the_least(void)
{
    struct run *r = run_new(LOAD_POISSON, 50, 20, 1500);
    r->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 40.0};
    r->c.rate_rps = 250.0;
    r->cfg.n_replicas = 4;
    r->cfg.route = ROUTE_LEAST_REQUESTS;
    cluster_run(&r->cfg, &r->out);
    int uneven = 0;
    for (int64_t i = 0; i < 1500; i++) {
        int mine = held_at(r->ends, i, r->ends->replica[i]);
        for (int k = 0; k < 4; k++) {
            int other = held_at(r->ends, i, k);
            CU_ASSERT_TRUE(mine < other || (mine == other && r->ends->replica[i] <= k));
            uneven += other > mine;
        }
    }
    CU_ASSERT_TRUE(uneven > 500);
    run_free(r);
}

static void power_of_two_repeats_by_seed_and_takes_the_shorter_of_its_two(void)
{
    int picks[3][400];
    static const uint64_t seeds[3] = {1, 1, 2};
    for (int k = 0; k < 3; k++) {
        struct run *r = run_new(LOAD_CONSTANT, 50, 2000, 400);
        r->cfg.load.seed = seeds[k];
        r->c.rate_rps = 1000.0;
        r->cfg.n_replicas = 5;
        r->cfg.route = ROUTE_POWER_OF_TWO;
        cluster_run(&r->cfg, &r->out);
        int count[5] = {0};
        for (int i = 0; i < 400; i++) {
            picks[k][i] = r->ends->replica[i];
            count[r->ends->replica[i]]++;
        }
        for (int i = 0; i < 5;
             i++) { /* nothing ends meanwhile: two choices stay close to even */
            CU_ASSERT_TRUE(count[i] >= 74 && count[i] <= 86);
        }
        run_free(r);
    }
    CU_ASSERT_EQUAL(memcmp(picks[0], picks[1], sizeof picks[0]), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(picks[0], picks[2], sizeof picks[0]), 0);
}

/* ---- loads
 * ----------------------------------------------------------------------------------------- */

static void candidates_see_the_same_requests(void)
{
    static const enum load_process loads[] = {LOAD_POISSON, LOAD_CLOSED};
    for (int l = 0; l < 2; l++) {
        struct run *r[2];
        for (int k = 0; k < 2; k++) {
            r[k] = run_new(loads[l], 1, 1, 400);
            r[k]->c.prompt = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 300.0};
            r[k]->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 30.0};
            r[k]->cfg.n_replicas = 1 + 2 * k;
            r[k]->cfg.route = (enum route)k;
            r[k]->toy.replica.sched.kind = k ? ENGINE_SGLANG : ENGINE_VLLM;
            cluster_run(&r[k]->cfg, &r[k]->out);
        }
        for (int i = 0; i < 400; i++) {
            const struct finished *a = &r[0]->ends->at[i];
            const struct finished *b = &r[1]->ends->at[i];
            CU_ASSERT_TRUE(loads[l] == LOAD_CLOSED || a->arrival_s == b->arrival_s);
            CU_ASSERT_EQUAL(a->prompt_tokens, b->prompt_tokens);
            CU_ASSERT_EQUAL(a->output_tokens, b->output_tokens);
        }
        run_free(r[0]);
        run_free(r[1]);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void a_closed_loop_without_thought_keeps_all_clients_in_flight(void)
{
    for (int n_replicas = 1; n_replicas <= 3; n_replicas += 2) {
        struct run *r = run_new(LOAD_CLOSED, 50, 1, 600);
        double *ended = xcalloc(600, sizeof *ended);
        r->c.concurrency = 12;
        r->c.output = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 60.0};
        r->cfg.n_replicas = n_replicas;
        r->cfg.route = ROUTE_LEAST_REQUESTS;
        cluster_run(&r->cfg, &r->out);
        for (int i = 0; i < 600; i++) {
            ended[i] = r->ends->at[i].last_s;
        }
        qsort(ended, 600, sizeof *ended, by_value);
        for (int i = 0; i < 600;
             i++) { /* the i-th arrival is the end of the (i-12)-th to end */
            CU_ASSERT_EQUAL(r->ends->at[i].arrival_s, i < 12 ? 0.0 : ended[i - 12]);
        }
        int late = 0; /* the step after the one that began at that end has it, 2 ms later */
        for (int i = 12; i < 600; i++) {
            late += r->ends->at[i].scheduled_s > r->ends->at[i].arrival_s + 0.005;
        }
        CU_ASSERT_EQUAL(late, 0);
        free(ended);
        run_free(r);
    }
}

static void thinking_clients_arrive_in_time_order_and_wait_their_turn(void)
{
    struct run *r = run_new(LOAD_CLOSED, 50, 1, 2000);
    r->c.concurrency = 20;
    r->c.think_s = 0.05;
    r->c.output = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 60.0};
    r->cfg.n_replicas = 4;
    r->cfg.route = ROUTE_LEAST_REQUESTS;
    cluster_run(&r->cfg, &r->out);
    CU_ASSERT_EQUAL(r->out.n_completed, 2000);
    for (int i = 1; i < 2000; i++) {
        CU_ASSERT_TRUE(r->ends->at[i].arrival_s >= r->ends->at[i - 1].arrival_s);
    }
    for (int64_t i = 0; i < 2000; i += 7) { /* never more in flight than clients */
        int n = 1;
        for (int k = 0; k < 4; k++) {
            n += held_at(r->ends, i, k);
        }
        CU_ASSERT_TRUE(n <= 20);
        int mine = held_at(r->ends, i, r->ends->replica[i]);
        for (int k = 0; k < 4; k++) {
            CU_ASSERT_TRUE(mine <= held_at(r->ends, i, k));
        }
    }
    run_free(r);
}

static void offline_requests_all_wait_from_zero(void)
{
    struct run *r = run_new(LOAD_OFFLINE, 50, 20, 500);
    cluster_run(&r->cfg, &r->out);
    for (int i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(r->ends->at[i].arrival_s, 0.0);
    }
    CU_ASSERT_TRUE(r->out.stable);
    CHECK_NEAR(r->out.stats.busy_s, r->out.end_s, 1e-9);
    run_free(r);
}

static void requests_that_do_not_fit_are_rejected_and_count_as_misses(void)
{
    struct run *r = run_new(LOAD_CLOSED, 1, 10, 300);
    struct class_summary sum[2];
    r->c.prompt = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 200.0};
    r->toy.replica.sched.max_model_len = 110;
    cluster_run(&r->cfg, &r->out);
    metrics_summary(&r->out.metrics, 0, sum);
    int rejected = 0;
    for (int i = 0; i < 300; i++) {
        bool fits = r->ends->at[i].prompt_tokens + 10 <= 110;
        CU_ASSERT_EQUAL(r->ends->at[i].outcome, fits ? OUTCOME_COMPLETED : OUTCOME_REJECTED);
        CU_ASSERT_EQUAL(r->ends->replica[i] >= 0, fits);
        rejected += !fits;
    }
    CU_ASSERT_TRUE(rejected > 100);
    CU_ASSERT_EQUAL(r->out.n_rejected, rejected);
    CU_ASSERT_EQUAL(sum[0].n_rejected, rejected);
    CHECK_NEAR(sum[0].good_frac, (300.0 - rejected) / 300.0, 1e-12);
    run_free(r);
}

static void a_run_can_be_stopped(void)
{
    struct run *r = run_new(LOAD_POISSON, 50, 20, 100000);
    atomic_bool stop = true;
    r->cfg.stop = &stop;
    cluster_run(&r->cfg, &r->out);
    CU_ASSERT_TRUE(r->out.abandoned);
    CU_ASSERT_EQUAL(r->out.n_offered, 1024);
    run_free(r);
}

/* ---- theory
 * ---------------------------------------------------------------------------------------- */

/* One place and one token: the replica is a single server with the prefill step as its service
 * time. */
static double service_s(const struct run *r, int64_t prompt)
{
    struct step_cache cost;
    struct step_batch b = {.n_sample = 1};
    step_cache_init(&cost, r->toy.step, 512);
    step_add_chunk(r->toy.step, &b, 0, prompt);
    double s = step_time_s(&cost, &b, 1);
    step_cache_fini(&cost);
    return s;
}

enum { N_REPS = 10 };

static void one_place_and_one_token_is_an_m_d_1_queue(void)
{
    static const double loads[] = {0.3, 0.7};
    for (int l = 0; l < 2; l++) {
        double rho = loads[l];
        double wait[N_REPS];
        double s = 0.0;
        for (int k = 0; k < N_REPS; k++) {
            struct run *r = run_new(LOAD_POISSON, 200, 1, 8000);
            struct class_summary sum[2];
            s = service_s(r, 200);
            r->toy.replica.sched.max_seqs = 1;
            r->c.rate_rps = rho / s;
            r->cfg.load.replication = (uint64_t)k;
            cluster_run(&r->cfg, &r->out);
            metrics_summary(&r->out.metrics, 0, sum);
            wait[k] = sum[0].lat[LAT_QUEUE][STAT_MEAN];
            CHECK_NEAR(r->out.stats.busy_s / r->out.end_s, rho, 0.05);
            CU_ASSERT_TRUE(r->out.stable);
            run_free(r);
        }
        double theory = rho * s / (2.0 * (1.0 - rho));
        CU_ASSERT_TRUE(fabs(mean_of(wait, N_REPS) - theory) <=
                       t_half_width(wait, N_REPS, 0.99));
        CHECK_NEAR(mean_of(wait, N_REPS), theory, 0.06);
    }
}

/* Outputs vary: Pollaczek-Khinchine with the moments of the service times that were seen. */
static void one_place_is_an_m_g_1_queue(void)
{
    double excess[N_REPS];
    double wait[N_REPS];
    double rate = 5.0;
    for (int k = 0; k < N_REPS; k++) {
        struct run *r = run_new(LOAD_POISSON, 100, 1, 6000);
        double s1 = 0.0;
        double s2 = 0.0;
        double w = 0.0;
        r->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 200.0};
        r->toy.replica.sched.max_seqs = 1;
        r->c.rate_rps = rate;
        r->cfg.load.replication = (uint64_t)k;
        cluster_run(&r->cfg, &r->out);
        for (int i = 0; i < 6000; i++) {
            const struct finished *f = &r->ends->at[i];
            double s = f->last_s - f->scheduled_s;
            s1 += s / 6000.0;
            s2 += s * s / 6000.0;
            w += (f->scheduled_s - f->arrival_s) / 6000.0;
        }
        CU_ASSERT_TRUE(rate * s1 > 0.4 && rate * s1 < 0.8);
        wait[k] = w;
        excess[k] = w - rate * s2 / (2.0 * (1.0 - rate * s1));
        run_free(r);
    }
    CU_ASSERT_TRUE(fabs(mean_of(excess, N_REPS)) <= t_half_width(excess, N_REPS, 0.99));
    CU_ASSERT_TRUE(fabs(mean_of(excess, N_REPS)) <= 0.08 * mean_of(wait, N_REPS));
}

static double running_integral(const struct timeline *t, double *waiting)
{
    double running = 0.0;
    *waiting = 0.0;
    for (int i = 0; i < TIMELINE_BINS; i++) {
        running += t->bins[i].running_s;
        *waiting += t->bins[i].waiting_s;
    }
    return running;
}

/* Little's law on the sample path: the timeline's integral of running requests is the sum of
 * the times that the requests were in the batch. */
static void the_timeline_integrates_to_the_sum_of_times_in_the_batch(void)
{
    struct run *r = run_new(LOAD_POISSON, 1, 1, 3000);
    r->c.prompt = (struct dist){.kind = DIST_UNIFORM, .a = 1.0, .b = 300.0};
    r->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 50.0};
    r->c.rate_rps = 150.0;
    r->cfg.n_replicas = 2;
    r->cfg.route = ROUTE_LEAST_REQUESTS;
    r->toy.replica.sched.max_seqs = 3;
    cluster_run(&r->cfg, &r->out);
    double in_batch = 0.0;
    double queued = 0.0;
    for (int i = 0; i < 3000; i++) {
        in_batch += r->ends->at[i].last_s - r->ends->at[i].scheduled_s;
        queued += r->ends->at[i].scheduled_s - r->ends->at[i].arrival_s;
    }
    double waiting;
    double running = running_integral(&r->out.timeline, &waiting);
    CHECK_NEAR(running, in_batch, 1e-9);
    /* what waits is seen from the next step's begin on: at most one step late */
    double step_s = 3000.0 * 0.02;
    CU_ASSERT_TRUE(queued > 10.0);
    CU_ASSERT_TRUE(waiting <= queued && waiting >= queued - step_s);
    CU_ASSERT_EQUAL(r->out.stats.n_preemptions, 0);
    run_free(r);
}

/* L = lambda W over replications, L from the timeline, W from the requests. */
static void littles_law_holds_within_its_interval(void)
{
    double difference[N_REPS];
    for (int k = 0; k < N_REPS; k++) {
        struct run *r = run_new(LOAD_GAMMA, 100, 1, 3000);
        struct class_summary sum[2];
        r->c.cv = 1.5;
        r->c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 60.0};
        r->c.rate_rps = 60.0;
        r->cfg.load.replication = (uint64_t)k;
        cluster_run(&r->cfg, &r->out);
        metrics_summary(&r->out.metrics, 0, sum);
        double waiting;
        double running = running_integral(&r->out.timeline, &waiting);
        double span = r->out.metrics.last_arrival_s;
        double w = sum[0].lat[LAT_E2E][STAT_MEAN] - sum[0].lat[LAT_QUEUE][STAT_MEAN];
        difference[k] = running / r->out.end_s - 60.0 * w;
        CU_ASSERT_TRUE(running / span > 1.0);
        run_free(r);
    }
    double half = t_half_width(difference, N_REPS, 0.99);
    CU_ASSERT_TRUE(fabs(mean_of(difference, N_REPS)) <= half);
}

static void a_growing_backlog_is_called_unstable(void)
{
    static const double loads[] = {0.5, 0.8, 1.3, 2.0};
    for (int l = 0; l < 4; l++) {
        struct run *r = run_new(LOAD_POISSON, 200, 1, 3000);
        r->toy.replica.sched.max_seqs = 1;
        r->c.rate_rps = loads[l] / service_s(r, 200);
        cluster_run(&r->cfg, &r->out);
        CU_ASSERT_EQUAL(r->out.stable, loads[l] < 1.0);
        run_free(r);
    }
}

static void busy_time_is_the_sum_of_its_parts(void)
{
    struct run *r = run_new(LOAD_CLOSED, 100, 50, 300);
    r->toy.replica.sched.max_batched_tokens = 200;
    cluster_run(&r->cfg, &r->out);
    double sum = 0.0;
    for (int i = 0; i < OP_N; i++) {
        CU_ASSERT_TRUE(r->out.parts_s[i] >= 0.0);
        sum += r->out.parts_s[i];
    }
    CHECK_NEAR(sum, r->out.stats.busy_s, 1e-9);
    CU_ASSERT_EQUAL(r->out.n_events,
                    r->out.stats.n_steps + r->out.n_offered + r->out.n_completed);
    run_free(r);
}

static void two_runs_of_the_same_configuration_are_equal(void)
{
    struct run *a = run_new(LOAD_MMPP, 100, 30, 500);
    struct run *b = run_new(LOAD_MMPP, 100, 30, 500);
    struct run *both[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        both[i]->c.burst_ratio = 4.0;
        both[i]->c.burst_share_frac = 0.1;
        both[i]->c.burst_length_s = 1.0;
        both[i]->cfg.n_replicas = 2;
        both[i]->cfg.route = ROUTE_POWER_OF_TWO;
        cluster_run(&both[i]->cfg, &both[i]->out);
    }
    CU_ASSERT_EQUAL(memcmp(&a->out.stats, &b->out.stats, sizeof a->out.stats), 0);
    CU_ASSERT_EQUAL(a->out.end_s, b->out.end_s);
    for (int i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(a->ends->at[i].last_s, b->ends->at[i].last_s);
    }
    run_free(a);
    run_free(b);
}

/* Share of prompt tokens found in caches when conversations of about ten turns run on four
 * replicas with room for all of it. */
static double hit_frac(enum route route, int n_replicas)
{
    struct run *r = run_new(LOAD_POISSON, 100, 40, 4000);
    struct class_summary sum[2];
    r->toy.replica.reuse = true;
    r->c.rate_rps = 60.0;
    r->c.turns = 10.0;
    r->c.turn_think_s = 1.0;
    r->cfg.n_replicas = n_replicas;
    r->cfg.route = route;
    cluster_run(&r->cfg, &r->out);
    CU_ASSERT_EQUAL(r->out.n_completed, 4000);
    metrics_summary(&r->out.metrics, 0, sum);
    run_free(r);
    return sum[1].hit_tokens / sum[1].prompt_tokens;
}

static void routers_over_content_find_conversations_again(void)
{
    double alone = hit_frac(ROUTE_ROUND_ROBIN, 1);
    CU_ASSERT_TRUE(alone > 0.85);
    CU_ASSERT_TRUE(hit_frac(ROUTE_ROUND_ROBIN, 4) < 0.75 * alone);
    CU_ASSERT_TRUE(hit_frac(ROUTE_LEAST_REQUESTS, 4) < 0.75 * alone);
    CU_ASSERT_TRUE(hit_frac(ROUTE_PREFIX_AFFINITY, 4) > 0.85 * alone); /* some spill over */
    CU_ASSERT_TRUE(hit_frac(ROUTE_KV_AWARE, 4) > 0.9 * alone);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"round robin deals evenly", round_robin_deals_evenly_in_turn},
        {"least requests picks the least", least_requests_picks_the_least},
        {"power of two repeats by seed",
         power_of_two_repeats_by_seed_and_takes_the_shorter_of_its_two},
        {"candidates see the same requests", candidates_see_the_same_requests},
        {"a closed loop keeps its clients in flight",
         a_closed_loop_without_thought_keeps_all_clients_in_flight},
        {"thinking clients arrive in time order",
         thinking_clients_arrive_in_time_order_and_wait_their_turn},
        {"offline requests wait from 0", offline_requests_all_wait_from_zero},
        {"what does not fit is rejected",
         requests_that_do_not_fit_are_rejected_and_count_as_misses},
        {"a run can be stopped", a_run_can_be_stopped},
        {"M/D/1", one_place_and_one_token_is_an_m_d_1_queue},
        {"M/G/1", one_place_is_an_m_g_1_queue},
        {"the timeline integrates to times in the batch",
         the_timeline_integrates_to_the_sum_of_times_in_the_batch},
        {"Little's law", littles_law_holds_within_its_interval},
        {"a growing backlog is unstable", a_growing_backlog_is_called_unstable},
        {"busy time is the sum of its parts", busy_time_is_the_sum_of_its_parts},
        {"routers over content find conversations again",
         routers_over_content_find_conversations_again},
        {"equal configurations, equal runs", two_runs_of_the_same_configuration_are_equal},
    };
    return check_main("cluster", cases, (int)(sizeof cases / sizeof *cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "sim/core/output.h"
#include "sim/load/load.h"
#include "tests/check.h"
#include "tests/toy.h"

static struct load *load_of(const struct load_class *classes, int n, int64_t n_requests,
                            uint64_t replication)
{
    struct load_config cfg = {.classes = classes,
                              .n_classes = n,
                              .n_requests = n_requests,
                              .seed = 7,
                              .replication = replication};
    return load_new(&cfg);
}

/* Mean and coefficient of variation of n gaps of one open class. */
static void gap_moments(const struct load_class *c, int64_t n, double *mean, double *cv)
{
    struct load *load = load_of(c, 1, n, 0);
    struct moments m = {0, 0.0, 0.0};
    struct arrival a;
    double last = 0.0;
    while (load_next(load, &a)) {
        moments_add(&m, a.time_s - last);
        last = a.time_s;
    }
    CU_ASSERT_EQUAL(m.n, n);
    *mean = m.mean;
    *cv = moments_sd(&m) / m.mean;
    load_free(load);
}

static void poisson_gaps_have_the_mean_and_cv_one(void)
{
    struct load_class c = toy_class(LOAD_POISSON, 1, 1);
    double mean;
    double cv;
    c.rate_rps = 4.0;
    gap_moments(&c, 100000, &mean, &cv);
    CHECK_NEAR(mean, 0.25, 0.013); /* 4 standard errors */
    CHECK_NEAR(cv, 1.0, 0.015);
}

static void gamma_and_weibull_gaps_have_the_asked_cv(void)
{
    static const double cvs[] = {0.3, 1.0, 2.5};
    static const enum load_process kinds[] = {LOAD_GAMMA, LOAD_WEIBULL};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 3; i++) {
            struct load_class c = toy_class(kinds[k], 1, 1);
            double mean;
            double cv;
            c.rate_rps = 10.0;
            c.cv = cvs[i];
            gap_moments(&c, 200000, &mean, &cv);
            CHECK_NEAR(mean, 0.1, 4.0 * cvs[i] / 447.0);
            CHECK_NEAR(cv, cvs[i], 0.04);
        }
    }
}

static void mmpp_keeps_the_mean_rate_and_is_burstier_than_poisson(void)
{
    struct load_class c = toy_class(LOAD_MMPP, 1, 1);
    double mean;
    double cv;
    c.rate_rps = 20.0;
    c.burst_ratio = 5.0;
    c.burst_share_frac = 0.1;
    c.burst_length_s = 1.0;
    gap_moments(&c, 300000, &mean, &cv);
    CHECK_NEAR(mean, 0.05, 0.08);
    CU_ASSERT_TRUE(cv > 1.2);
}

/* Bursts take their share of the time: within one, requests come at burst_ratio times the rate.
 */
static void mmpp_bursts_carry_their_share_of_requests(void)
{
    struct load_class c = toy_class(LOAD_MMPP, 1, 1);
    c.rate_rps = 100.0;
    c.burst_ratio = 8.0;
    c.burst_share_frac = 0.1;
    c.burst_length_s = 20.0;
    struct load *load = load_of(&c, 1, 400000, 0);
    struct arrival a;
    int64_t second = 0;
    int64_t n_second = 0;
    int64_t fast = 0;
    int64_t total = 0;
    while (load_next(load, &a)) { /* seconds with over 300 requests are burst seconds */
        if ((int64_t)a.time_s != second) {
            fast += n_second > 300;
            second = (int64_t)a.time_s;
            n_second = 0;
            total = second;
        }
        n_second++;
    }
    CHECK_NEAR((double)fast / (double)total, 0.1, 0.35);
    load_free(load);
}

static void images_lengthen_prompts_and_are_told_apart(void)
{
    struct load_class c = toy_class(LOAD_CONSTANT, 100, 1);
    struct arrival a;
    c.rate_rps = 1.0;
    c.image_tokens = 40;
    struct load *load = load_of(&c, 1, 10, 0);
    CU_ASSERT_TRUE_FATAL(load_next(load, &a));
    CU_ASSERT_EQUAL(a.prompt_tokens, 140);
    CU_ASSERT_EQUAL(a.image_tokens, 40);
    load_free(load);
}

static void constant_arrivals_are_evenly_spaced_from_zero(void)
{
    struct load_class c = toy_class(LOAD_CONSTANT, 1, 1);
    c.rate_rps = 8.0;
    struct load *load = load_of(&c, 1, 100, 0);
    struct arrival a;
    for (int i = 0; load_next(load, &a); i++) {
        CU_ASSERT_EQUAL(a.time_s, i / 8.0);
        CU_ASSERT_EQUAL(a.id, i);
    }
    CU_ASSERT_EQUAL(load_issued(load), 100);
    load_free(load);
}

static void offline_queues_everything_at_zero(void)
{
    struct load_class c = toy_class(LOAD_OFFLINE, 1, 1);
    struct load *load = load_of(&c, 1, 50, 0);
    struct arrival a;
    int n = 0;
    while (load_next(load, &a)) {
        CU_ASSERT_EQUAL(a.time_s, 0.0);
        n++;
    }
    CU_ASSERT_EQUAL(n, 50);
    CU_ASSERT_TRUE(isinf(load_peek_s(load)));
    load_free(load);
}

static void a_class_stops_at_its_own_limit(void)
{
    struct load_class c[2] = {toy_class(LOAD_OFFLINE, 1, 1), toy_class(LOAD_POISSON, 1, 1)};
    c[0].n_requests = 3;
    c[1].name = "other";
    c[1].n_requests = 5;
    struct load *load = load_of(c, 2, 0, 0);
    struct arrival a;
    int n[2] = {0, 0};
    while (load_next(load, &a)) {
        n[a.class_idx]++;
    }
    CU_ASSERT_EQUAL(n[0], 3);
    CU_ASSERT_EQUAL(n[1], 5);
    load_free(load);
}

/* Ends one of the requests in flight; returns its index. */
static int end_one(struct load *load, double *end_s, const int *class_idx, int n)
{
    int first = 0;
    for (int i = 1; i < n; i++) {
        first = end_s[i] < end_s[first] ? i : first;
    }
    load_ended(load, class_idx[first], -1, true, end_s[first]);
    return first;
}

static void a_closed_loop_keeps_its_clients_in_flight(void)
{
    struct load_class c = toy_class(LOAD_CLOSED, 1, 1);
    c.concurrency = 5;
    struct load *load = load_of(&c, 1, 500, 0);
    struct rng rng;
    rng_init(&rng, 1, "service", 0);
    double end_s[8];
    int class_idx[8] = {0};
    int n = 0;
    struct arrival a;
    for (;;) {
        while (load_next(load, &a)) {
            CU_ASSERT_FATAL(n < 5);
            end_s[n++] = a.time_s + rng_exponential(&rng, 1.0);
        }
        if (n == 0) {
            break;
        }
        CU_ASSERT_TRUE(n == 5 || load_issued(load) == 500);
        int i = end_one(load, end_s, class_idx, n);
        end_s[i] = end_s[--n];
    }
    CU_ASSERT_EQUAL(load_issued(load), 500);
    load_free(load);
}

static void clients_think_exponentially_between_requests(void)
{
    struct load_class c = toy_class(LOAD_CLOSED, 1, 1);
    c.concurrency = 1;
    c.think_s = 2.0;
    struct load *load = load_of(&c, 1, 50000, 0);
    struct arrival a;
    struct moments m = {0, 0.0, 0.0};
    double end = 0.0;
    while (load_next(load, &a)) {
        if (a.id > 0) {
            moments_add(&m, a.time_s - end);
        }
        end = a.time_s + 1.0;
        load_ended(load, 0, -1, true, end);
    }
    CHECK_NEAR(m.mean, 2.0, 0.02);
    CHECK_NEAR(moments_sd(&m), 2.0, 0.03);
    load_free(load);
}

/* Runs closed classes to their end with service times of 1 s; counts requests per class. */
static void drain_closed(const struct load_class *c, int n_classes, int64_t n_requests,
                         int *count)
{
    struct load *load = load_of(c, n_classes, n_requests, 0);
    double end_s[64];
    int class_idx[64];
    int n = 0;
    struct arrival a;
    memset(count, 0, (size_t)n_classes * sizeof *count);
    for (;;) {
        while (load_next(load, &a)) {
            CU_ASSERT_FATAL(n < 64);
            count[a.class_idx]++;
            class_idx[n] = a.class_idx;
            end_s[n++] = a.time_s + 1.0;
        }
        if (n == 0) {
            break;
        }
        int i = end_one(load, end_s, class_idx, n);
        n--;
        end_s[i] = end_s[n];
        class_idx[i] = class_idx[n];
    }
    load_free(load);
}

static void closed_classes_stop_at_their_own_limits(void)
{
    struct load_class c[2] = {toy_class(LOAD_CLOSED, 1, 1), toy_class(LOAD_CLOSED, 1, 1)};
    int count[2];
    c[0].concurrency = 1;
    c[0].n_requests = 20;
    c[1].name = "other";
    c[1].concurrency = 7;
    c[1].n_requests = 30;
    c[1].think_s = 0.5;
    drain_closed(c, 2, 0, count);
    CU_ASSERT_EQUAL(count[0], 20);
    CU_ASSERT_EQUAL(count[1], 30);
}

static void more_clients_than_requests_send_no_more_than_the_limit(void)
{
    struct load_class c = toy_class(LOAD_CLOSED, 1, 1);
    int count[1];
    c.concurrency = 10;
    c.n_requests = 4;
    drain_closed(&c, 1, 0, count);
    CU_ASSERT_EQUAL(count[0], 4);
    c.n_requests = 0;
    drain_closed(&c, 1, 6, count);
    CU_ASSERT_EQUAL(count[0], 6);
}

static void a_load_is_exhausted_when_no_end_can_bring_another_request(void)
{
    struct load_class c[2] = {toy_class(LOAD_CLOSED, 1, 1), toy_class(LOAD_CONSTANT, 1, 1)};
    struct arrival a;
    c[0].concurrency = 1;
    c[0].n_requests = 2;
    c[1].name = "other";
    c[1].n_requests = 1;
    struct load *load = load_of(c, 2, 0, 0);
    CU_ASSERT_TRUE(load_next(load, &a) && load_next(load, &a));
    CU_ASSERT_TRUE(isinf(load_peek_s(load)));
    CU_ASSERT_FALSE(load_is_exhausted(load)); /* the client sends once more */
    load_ended(load, 0, -1, true, 1.0);
    CU_ASSERT_FALSE(load_is_exhausted(load));
    CU_ASSERT_TRUE(load_next(load, &a));
    CU_ASSERT_TRUE(load_is_exhausted(load));
    load_free(load);
    c[0].n_requests = 0;
    load = load_of(c, 2, 1, 0);
    CU_ASSERT_TRUE(load_next(load, &a));
    CU_ASSERT_TRUE(load_is_exhausted(load));
    load_free(load);
}

static void classes_merge_in_time_order_with_consecutive_ids(void)
{
    struct load_class c[3] = {toy_class(LOAD_POISSON, 1, 1), toy_class(LOAD_GAMMA, 1, 1),
                              toy_class(LOAD_CONSTANT, 1, 1)};
    c[1].name = "b";
    c[2].name = "c";
    struct load *load = load_of(c, 3, 3000, 0);
    struct arrival a;
    double last = 0.0;
    int64_t id = 0;
    for (;;) {
        double peek = load_peek_s(load);
        if (!load_next(load, &a)) {
            break;
        }
        CU_ASSERT_EQUAL(a.time_s, peek);
        CU_ASSERT_TRUE(a.time_s >= last);
        CU_ASSERT_EQUAL(a.id, id++);
        last = a.time_s;
    }
    CU_ASSERT_EQUAL(id, 3000);
    load_free(load);
}

static struct load_class random_class(enum load_process process)
{
    struct load_class c = toy_class(process, 1, 1);
    c.prompt = (struct dist){.kind = DIST_LOGNORMAL, .a = 5.0, .b = 1.0};
    c.output = (struct dist){.kind = DIST_EXPONENTIAL, .a = 100.0};
    return c;
}

static void lengths_do_not_depend_on_the_arrival_process_or_rate(void)
{
    struct load_class slow = random_class(LOAD_POISSON);
    struct load_class fast = random_class(LOAD_GAMMA);
    fast.rate_rps = 1000.0;
    fast.cv = 3.0;
    struct load *x = load_of(&slow, 1, 500, 0);
    struct load *y = load_of(&fast, 1, 500, 0);
    struct arrival a;
    struct arrival b;
    while (load_next(x, &a) && load_next(y, &b)) {
        CU_ASSERT_EQUAL(a.prompt_tokens, b.prompt_tokens);
        CU_ASSERT_EQUAL(a.output_tokens, b.output_tokens);
    }
    CU_ASSERT_EQUAL(load_issued(y), 500);
    load_free(x);
    load_free(y);
}

static void another_class_does_not_change_the_draws_of_the_first(void)
{
    struct load_class c[2] = {random_class(LOAD_POISSON), random_class(LOAD_POISSON)};
    c[0].n_requests = 200;
    c[1].name = "other";
    c[1].n_requests = 300;
    struct load *alone = load_of(c, 1, 0, 3);
    struct load *both = load_of(c, 2, 0, 3);
    struct arrival a;
    struct arrival b;
    while (load_next(alone, &a)) {
        do {
            CU_ASSERT_FATAL(load_next(both, &b));
        } while (b.class_idx != 0);
        CU_ASSERT_EQUAL(a.time_s, b.time_s);
        CU_ASSERT_EQUAL(a.prompt_tokens, b.prompt_tokens);
        CU_ASSERT_EQUAL(a.output_tokens, b.output_tokens);
    }
    load_free(alone);
    load_free(both);
}

static void replications_differ_and_repeat_themselves(void)
{
    struct load_class c = random_class(LOAD_POISSON);
    struct load *x = load_of(&c, 1, 100, 1);
    struct load *y = load_of(&c, 1, 100, 1);
    struct load *z = load_of(&c, 1, 100, 2);
    struct arrival a;
    struct arrival b;
    struct arrival d;
    int same = 0;
    while (load_next(x, &a) && load_next(y, &b) && load_next(z, &d)) {
        CU_ASSERT_EQUAL(a.time_s, b.time_s);
        same += a.time_s == d.time_s;
    }
    CU_ASSERT_EQUAL(same, 0);
    load_free(x);
    load_free(y);
    load_free(z);
}

static void prompts_of_a_law_without_end_are_cut_to_fit_with_the_output(void)
{
    struct load_class c = random_class(LOAD_OFFLINE);
    c.output = (struct dist){.kind = DIST_CONSTANT, .a = 20};
    c.sequence_max_tokens = 170;
    struct load *load = load_of(&c, 1, 1000, 0);
    struct arrival a;
    int cut = 0;
    while (load_next(load, &a)) {
        CU_ASSERT_TRUE(a.prompt_tokens >= 1 && a.prompt_tokens <= 150);
        cut += a.prompt_tokens == 150;
    }
    CU_ASSERT_TRUE(cut > 300); /* half of the law lies above e^5 = 148 */
    CU_ASSERT_TRUE(load_n_cut(load) > 300 && load_n_cut(load) <= cut);
    load_free(load);
}

static void a_given_length_is_never_cut(void)
{
    struct load_class c = random_class(LOAD_OFFLINE);
    c.prompt = (struct dist){.kind = DIST_CONSTANT, .a = 500};
    c.sequence_max_tokens = 170;
    struct load *load = load_of(&c, 1, 10, 0);
    struct arrival a;
    while (load_next(load, &a)) {
        CU_ASSERT_EQUAL(a.prompt_tokens, 500);
    }
    CU_ASSERT_EQUAL(load_n_cut(load), 0);
    load_free(load);
}

static void a_prompt_pool_repeats_lengths_and_contents_in_turn(void)
{
    struct load_class c = random_class(LOAD_OFFLINE);
    c.prompt_pool = 7;
    struct load *load = load_of(&c, 1, 70, 0);
    struct arrival first[7];
    struct arrival a;
    for (int i = 0; load_next(load, &a); i++) {
        if (i < 7) {
            first[i] = a;
            continue;
        }
        CU_ASSERT_EQUAL(a.prompt_tokens, first[i % 7].prompt_tokens);
        CU_ASSERT_EQUAL(a.content.body_id, first[i % 7].content.body_id);
        CU_ASSERT_NOT_EQUAL(a.content.body_id, first[(i + 1) % 7].content.body_id);
    }
    CU_ASSERT_TRUE(load_has_reuse(load));
    load_free(load);
}

static void groups_share_a_prefix_no_longer_than_the_prompt(void)
{
    struct load_class c = random_class(LOAD_OFFLINE);
    c.shared_tokens = 120;
    c.groups = 4;
    struct load *load = load_of(&c, 1, 2000, 0);
    struct arrival a;
    uint64_t ids[8];
    int n_ids = 0;
    while (load_next(load, &a)) {
        int64_t want = a.prompt_tokens < 120 ? a.prompt_tokens : 120;
        CU_ASSERT_EQUAL(a.content.shared_tokens, want);
        CU_ASSERT_EQUAL(a.content.body_id, 0);
        bool known = false;
        for (int i = 0; i < n_ids; i++) {
            known = known || ids[i] == a.content.shared_id;
        }
        if (!known) {
            CU_ASSERT_FATAL(n_ids < 4);
            ids[n_ids++] = a.content.shared_id;
        }
    }
    CU_ASSERT_EQUAL(n_ids, 4);
    load_free(load);
}

static void prompts_without_prefix_or_pool_have_nothing_to_reuse(void)
{
    struct load_class c = random_class(LOAD_OFFLINE);
    struct load *load = load_of(&c, 1, 10, 0);
    CU_ASSERT_FALSE(load_has_reuse(load));
    CU_ASSERT_FALSE(load_is_closed(load));
    load_free(load);
}

static void a_trace_is_replayed_at_its_speed_and_repeated(void)
{
    const int64_t hashes[] = {11, 12};
    const struct trace_row rows[] = {{.time_s = 0.0, .prompt_tokens = 10, .output_tokens = 1},
                                     {.time_s = 1.0,
                                      .prompt_tokens = 20,
                                      .output_tokens = 2,
                                      .hashes = hashes,
                                      .n_hashes = 2}};
    const struct trace trace = {.rows = rows, .n = 2, .hash_tokens = 512, .duration_s = 2.0};
    struct load_class c = toy_class(LOAD_TRACE, 1, 1);
    c.trace = &trace;
    c.trace_speed = 2.0;
    c.trace_repeat = 3;
    struct load *load = load_of(&c, 1, 0, 0);
    struct arrival a;
    int i = 0;
    for (; load_next(load, &a); i++) {
        CU_ASSERT_EQUAL(a.time_s, (i / 2 * 2.0 + i % 2) / 2.0);
        CU_ASSERT_EQUAL(a.prompt_tokens, 10 * (i % 2 + 1));
        CU_ASSERT_EQUAL(a.output_tokens, i % 2 + 1);
        CU_ASSERT_EQUAL(a.content.n_hashes, i % 2 * 2);
        CU_ASSERT_EQUAL(a.content.hash_tokens, 512);
    }
    CU_ASSERT_EQUAL(i, 6);
    CU_ASSERT_TRUE(load_has_reuse(load));
    load_free(load);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"poisson gaps have the mean and cv 1", poisson_gaps_have_the_mean_and_cv_one},
        {"gamma and weibull gaps have the asked cv", gamma_and_weibull_gaps_have_the_asked_cv},
        {"mmpp keeps the mean rate", mmpp_keeps_the_mean_rate_and_is_burstier_than_poisson},
        {"mmpp bursts carry their share", mmpp_bursts_carry_their_share_of_requests},
        {"constant arrivals are evenly spaced", constant_arrivals_are_evenly_spaced_from_zero},
        {"images lengthen prompts and are told apart",
         images_lengthen_prompts_and_are_told_apart},
        {"offline queues everything at 0", offline_queues_everything_at_zero},
        {"a class stops at its own limit", a_class_stops_at_its_own_limit},
        {"a closed loop keeps its clients in flight",
         a_closed_loop_keeps_its_clients_in_flight},
        {"clients think exponentially", clients_think_exponentially_between_requests},
        {"closed classes stop at their own limits", closed_classes_stop_at_their_own_limits},
        {"more clients than requests", more_clients_than_requests_send_no_more_than_the_limit},
        {"a load is exhausted", a_load_is_exhausted_when_no_end_can_bring_another_request},
        {"classes merge in time order", classes_merge_in_time_order_with_consecutive_ids},
        {"lengths do not depend on the rate",
         lengths_do_not_depend_on_the_arrival_process_or_rate},
        {"another class does not change the draws",
         another_class_does_not_change_the_draws_of_the_first},
        {"replications differ and repeat themselves",
         replications_differ_and_repeat_themselves},
        {"prompts of a law without end are cut to fit with the output",
         prompts_of_a_law_without_end_are_cut_to_fit_with_the_output},
        {"a given length is never cut", a_given_length_is_never_cut},
        {"a prompt pool repeats", a_prompt_pool_repeats_lengths_and_contents_in_turn},
        {"groups share a prefix", groups_share_a_prefix_no_longer_than_the_prompt},
        {"nothing to reuse", prompts_without_prefix_or_pool_have_nothing_to_reuse},
        {"a trace is replayed and repeated", a_trace_is_replayed_at_its_speed_and_repeated},
    };
    return check_main("load", cases, (int)(sizeof cases / sizeof *cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "sim/core/rng.h"
#include "sim/serve/metrics.h"
#include "tests/check.h"

static const struct request_limits none[2] = {{INFINITY, INFINITY, INFINITY},
                                              {INFINITY, INFINITY, INFINITY}};
static const struct request_limits tight[2] = {{1.0, 0.1, 10.0}, {INFINITY, INFINITY, 2.0}};

/* A completed request: arrival, wait, first token and last token relative to it. */
static struct finished done(int class_idx, double arrival, double wait, double ttft, double e2e,
                            int64_t output_tokens)
{
    return (struct finished){.class_idx = class_idx,
                             .outcome = OUTCOME_COMPLETED,
                             .arrival_s = arrival,
                             .scheduled_s = arrival + wait,
                             .first_s = arrival + ttft,
                             .last_s = arrival + e2e,
                             .prompt_tokens = 10,
                             .output_tokens = output_tokens,
                             .hit_tokens = 4};
}

static void add(struct metrics *m, struct finished f)
{
    metrics_end(m, &f, f.last_s);
}

static void lost(struct metrics *m, int class_idx, enum outcome outcome, double at)
{
    struct finished f = {.class_idx = class_idx,
                         .outcome = outcome,
                         .arrival_s = at,
                         .scheduled_s = NAN,
                         .first_s = NAN,
                         .last_s = at,
                         .prompt_tokens = 10,
                         .output_tokens = 5};
    metrics_end(m, &f, at);
}

static void latencies_are_measured_from_arrival(void)
{
    struct metrics m;
    struct class_summary s[2];
    metrics_init(&m, 1, none);
    m.first_arrival_s = 100.0;
    add(&m, done(0, 100.0, 0.25, 0.5, 4.5, 5));
    metrics_summary(&m, 0, s);
    CHECK_NEAR(s[0].lat[LAT_QUEUE][STAT_MEAN], 0.25, 1e-12);
    CHECK_NEAR(s[0].lat[LAT_TTFT][STAT_MEAN], 0.5, 1e-12);
    CHECK_NEAR(s[0].lat[LAT_TPOT][STAT_MEAN], 1.0, 1e-12); /* 4 s over 4 further tokens */
    CHECK_NEAR(s[0].lat[LAT_E2E][STAT_P99], 4.5, 1e-12);
    CU_ASSERT_TRUE(isnan(s[0].lat[LAT_ITL][STAT_MEAN]));
    CU_ASSERT_EQUAL(s[0].window_s, 4.5);
    CU_ASSERT_EQUAL(s[0].prompt_tokens, 10.0);
    CU_ASSERT_EQUAL(s[0].output_tokens, 5.0);
    CU_ASSERT_EQUAL(s[0].hit_tokens, 4.0);
    metrics_fini(&m);
}

static void a_single_token_has_no_tpot(void)
{
    struct metrics m;
    struct class_summary s[2];
    metrics_init(&m, 1, tight);
    add(&m, done(0, 0.0, 0.0, 0.5, 0.5, 1));
    metrics_summary(&m, 0, s);
    CU_ASSERT_TRUE(isnan(s[0].lat[LAT_TPOT][STAT_MEAN]));
    CU_ASSERT_EQUAL(s[0].good_frac, 1.0);
    metrics_fini(&m);
}

static void gaps_are_counted_by_class_and_number(void)
{
    struct metrics m;
    struct class_summary s[3];
    metrics_init(&m, 2, none);
    metrics_gaps(&m, 0, 0.010, 3);
    metrics_gaps(&m, 1, 0.050, 1);
    metrics_summary(&m, 0, s);
    CHECK_NEAR(s[0].lat[LAT_ITL][STAT_MEAN], 0.010, 1e-12);
    CHECK_NEAR(s[2].lat[LAT_ITL][STAT_MEAN], 0.020, 1e-12);
    CHECK_NEAR(s[2].lat[LAT_ITL][STAT_P50], 0.010, 0.005);
    metrics_fini(&m);
}

static void every_limit_must_be_met(void)
{
    struct metrics m;
    struct class_summary s[3];
    metrics_init(&m, 2, tight);
    add(&m, done(0, 0.0, 0.0, 1.0, 1.4, 5));     /* all just met: TPOT 0.1 */
    add(&m, done(0, 0.0, 0.0, 1.01, 1.1, 5));    /* TTFT missed */
    add(&m, done(0, 0.0, 0.0, 0.5, 1.5, 5));     /* TPOT missed */
    add(&m, done(0, 0.0, 0.0, 0.5, 11.0, 1000)); /* E2E missed */
    add(&m, done(1, 0.0, 0.0, 1.9, 2.0, 2));     /* only E2E counts in the other class */
    metrics_summary(&m, 0, s);
    CHECK_NEAR(s[0].good_frac, 0.25, 1e-12);
    CHECK_NEAR(s[1].good_frac, 1.0, 1e-12);
    CHECK_NEAR(s[2].good_frac, 0.4, 1e-12);
    metrics_fini(&m);
}

static void rejected_and_failed_requests_are_misses_without_latency(void)
{
    struct metrics m;
    struct class_summary s[3];
    metrics_init(&m, 2, none);
    add(&m, done(0, 0.0, 0.0, 1.0, 2.0, 5));
    lost(&m, 0, OUTCOME_REJECTED, 1.0);
    lost(&m, 0, OUTCOME_REJECTED, 2.0);
    lost(&m, 0, OUTCOME_FAILED, 3.0);
    metrics_summary(&m, 0, s);
    CU_ASSERT_EQUAL(s[0].n_completed, 1);
    CU_ASSERT_EQUAL(s[0].n_rejected, 2);
    CU_ASSERT_EQUAL(s[0].n_failed, 1);
    CU_ASSERT_EQUAL(s[0].good_frac, 0.25);
    CU_ASSERT_EQUAL(s[0].lat[LAT_E2E][STAT_MEAN], 2.0);
    CU_ASSERT_EQUAL(s[0].output_tokens, 5.0);
    CU_ASSERT_TRUE(isnan(s[1].good_frac));
    metrics_fini(&m);
}

static void a_hundred_thousand_requests_stay_in_64_segments(void)
{
    struct metrics m;
    metrics_init(&m, 1, none);
    for (int i = 0; i < 100000; i++) {
        add(&m, done(0, i, 0.0, 0.5, 1.0, 2));
    }
    CU_ASSERT_TRUE(m.n_segments <= METRICS_MAX_SEGMENTS &&
                   m.n_segments > METRICS_MAX_SEGMENTS / 2);
    CU_ASSERT_EQUAL(m.per_segment,
                    5 * 512); /* the least doubling of 5 that 64 segments allow */
    int64_t n = 0;
    for (int i = 0; i < m.n_segments; i++) {
        CU_ASSERT_TRUE(m.segments[i].n == m.per_segment || i == m.n_segments - 1);
        n += m.segments[i].n;
    }
    CU_ASSERT_EQUAL(n, 100000);
    metrics_fini(&m);
}

/* Totals kept beside the segments while they merge. */
static void merging_segments_keeps_every_total(void)
{
    struct metrics m;
    struct class_summary s[3];
    struct rng rng;
    struct histo e2e;
    int64_t completed[2] = {0, 0};
    int64_t rejected = 0;
    int64_t good = 0;
    double tokens = 0.0;
    double end = 0.0;
    rng_init(&rng, 3, "metrics", 0);
    histo_init(&e2e);
    metrics_init(&m, 2, tight);
    for (int i = 0; i < 20011; i++) {
        double at = i * 0.01;
        int c = (int)rng_below(&rng, 2);
        double ttft = rng_exponential(&rng, 1.0);
        double rest = rng_exponential(&rng, 3.0);
        int64_t output = 2 + (int64_t)rng_below(&rng, 50);
        metrics_gaps(&m, c, rest, 2);
        if (rng_below(&rng, 10) == 0) {
            lost(&m, c, OUTCOME_REJECTED, at);
            rejected++;
            continue;
        }
        struct finished f = done(c, at, 0.1, ttft, ttft + rest, output);
        add(&m, f);
        completed[c]++;
        tokens += (double)output;
        histo_add(&e2e, f.last_s - f.arrival_s, 1);
        double tpot = (f.last_s - f.first_s) / (double)(output - 1);
        good += f.first_s - f.arrival_s <= tight[c].ttft_s && tpot <= tight[c].tpot_s &&
                f.last_s - f.arrival_s <= tight[c].e2e_s;
        end = fmax(end, f.last_s);
    }
    metrics_summary(&m, 0, s);
    CU_ASSERT_EQUAL(s[0].n_completed, completed[0]);
    CU_ASSERT_EQUAL(s[1].n_completed, completed[1]);
    CU_ASSERT_EQUAL(s[2].n_completed, completed[0] + completed[1]);
    CU_ASSERT_EQUAL(s[2].n_rejected, rejected);
    CU_ASSERT_EQUAL(s[2].output_tokens, tokens);
    CHECK_NEAR(s[2].good_frac, (double)good / 20011.0, 1e-12);
    CHECK_NEAR(s[2].lat[LAT_E2E][STAT_MEAN], histo_mean(&e2e), 1e-12);
    CU_ASSERT_EQUAL(s[2].lat[LAT_E2E][STAT_P99], histo_quantile(&e2e, 0.99));
    CHECK_NEAR(s[2].window_s, end, 1e-12);
    struct histo itl;
    metrics_histo(&m, 0, -1, LAT_ITL, &itl);
    CU_ASSERT_EQUAL(itl.n, 2 * 20011);
    histo_fini(&itl);
    histo_fini(&e2e);
    metrics_fini(&m);
}

static void the_last_end_counts_wherever_it_is_booked(void)
{
    struct metrics m;
    struct class_summary s[2];
    metrics_init(&m, 1, none);
    for (int i = 0; i < 1000; i++) { /* replicas may be told of one after the other */
        add(&m, done(0, 0.0, 0.0, 0.5, i == 300 ? 5000.0 : 1.0 + i, 2));
    }
    metrics_summary(&m, 0, s);
    CU_ASSERT_EQUAL(s[0].window_s, 5000.0);
    metrics_fini(&m);
}

static void a_cut_leaves_out_the_segments_before_it(void)
{
    struct metrics m;
    struct class_summary s[2];
    metrics_init(&m, 1, none);
    for (int i = 0; i < 20; i++) { /* four segments of five */
        add(&m, done(0, i, 0.0, i < 10 ? 9.0 : 1.0, 10.0, 2));
    }
    metrics_summary(&m, 2, s);
    CU_ASSERT_EQUAL(s[0].n_completed, 10);
    CU_ASSERT_EQUAL(s[0].lat[LAT_TTFT][STAT_MEAN], 1.0);
    CU_ASSERT_EQUAL(s[0].window_s, 10.0); /* from the end of the tenth at 19 s to 29 s */
    CU_ASSERT_EQUAL(metrics_segments_for(&m, 0), 0);
    CU_ASSERT_EQUAL(metrics_segments_for(&m, 1), 1);
    CU_ASSERT_EQUAL(metrics_segments_for(&m, 10), 2);
    CU_ASSERT_EQUAL(metrics_segments_for(&m, 11), 3);
    metrics_fini(&m);
}

static void warm_up_is_cut_where_the_ttft_settles(void)
{
    struct metrics m;
    struct rng rng;
    rng_init(&rng, 1, "warmup", 0);
    metrics_init(&m, 1, none);
    for (int i = 0; i < 300; i++) { /* 60 segments; the first ten slow */
        double noise = 0.1 * rng_uniform(&rng);
        add(&m, done(0, i, 0.0, (i < 50 ? 5.0 : 1.0) + noise, 10.0, 2));
    }
    int cut = metrics_warmup_segments(&m);
    CU_ASSERT_TRUE(cut >= 10 && cut <= 25);
    metrics_fini(&m);
}

static void few_requests_have_no_warm_up(void)
{
    struct metrics m;
    metrics_init(&m, 1, none);
    for (int i = 0; i < 12; i++) {
        add(&m, done(0, i, 0.0, 20.0 - i, 30.0, 2));
    }
    CU_ASSERT_EQUAL(metrics_warmup_segments(&m), 0);
    metrics_fini(&m);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"latencies are measured from arrival", latencies_are_measured_from_arrival},
        {"a single token has no TPOT", a_single_token_has_no_tpot},
        {"gaps are counted by class and number", gaps_are_counted_by_class_and_number},
        {"every limit must be met", every_limit_must_be_met},
        {"rejected and failed are misses",
         rejected_and_failed_requests_are_misses_without_latency},
        {"1e5 requests stay in 64 segments", a_hundred_thousand_requests_stay_in_64_segments},
        {"merging keeps every total", merging_segments_keeps_every_total},
        {"the last end counts wherever booked", the_last_end_counts_wherever_it_is_booked},
        {"a cut leaves out what is before", a_cut_leaves_out_the_segments_before_it},
        {"warm-up is cut where TTFT settles", warm_up_is_cut_where_the_ttft_settles},
        {"few requests have no warm-up", few_requests_have_no_warm_up},
    };
    return check_main("metrics", cases, (int)(sizeof cases / sizeof *cases));
}

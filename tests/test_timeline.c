/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/core/rng.h"
#include "sim/serve/timeline.h"
#include "tests/check.h"

static struct timeline_step step_at(double end_s)
{
    return (struct timeline_step){.end_s = end_s,
                                  .duration_s = 0.5,
                                  .running = 4.0,
                                  .waiting = 2.0,
                                  .kv_frac_s = 0.125,
                                  .output_tokens = 7.0,
                                  .input_tokens = 3.0};
}

static void a_step_is_booked_in_the_bin_of_its_end(void)
{
    struct timeline t;
    timeline_init(&t, 1);
    struct timeline_step s = step_at(1.0);
    timeline_add(&t, &s);
    CU_ASSERT_EQUAL(t.width_s, 0.125);
    CU_ASSERT_EQUAL(t.n_bins, 9);
    const struct timeline_bin *b = &t.bins[8];
    CU_ASSERT_EQUAL(b->step_s, 0.5);
    CU_ASSERT_EQUAL(b->running_s, 2.0);
    CU_ASSERT_EQUAL(b->waiting_s, 1.0);
    CU_ASSERT_EQUAL(b->kv_frac_s, 0.125);
    CU_ASSERT_EQUAL(b->output_tokens, 7.0);
    CU_ASSERT_EQUAL(b->input_tokens, 3.0);
    CU_ASSERT_EQUAL(t.bins[0].step_s, 0.0);
}

/* Down from 0.3 to 1.1 s: bins of 1/8 s hold 0.8 s in all, the first 0.075 s of it; 0.1 s of a
 * prefill replica beside it. */
static void time_out_of_service_is_shared_over_its_bins(void)
{
    static struct timeline t;
    timeline_init(&t, 2);
    timeline_add_down(&t, TIMELINE_REPLICA, 0.3, 1.1);
    timeline_add_down(&t, TIMELINE_PREFILL, 0.3, 0.4);
    timeline_add_down(&t, TIMELINE_LINK, 0.0, 60.0);
    double sum = 0.0;
    double prefill = 0.0;
    for (int i = 0; i < TIMELINE_BINS; i++) {
        sum += t.bins[i].down_s;
        prefill += t.bins[i].prefill_down_s;
    }
    CHECK_NEAR(t.bins[1].link_down_s, t.width_s, 1e-12);
    CHECK_NEAR(sum, 0.9, 1e-12);
    CHECK_NEAR(prefill, 0.1, 1e-12);
    CHECK_NEAR(t.bins[2].down_s - t.bins[2].prefill_down_s, 0.075, 1e-12);
    CHECK_NEAR(t.bins[5].down_s, 0.125, 1e-12);
    CU_ASSERT_EQUAL(t.n_bins, 0);
}

static void outgrowing_the_bins_doubles_their_width_and_loses_nothing(void)
{
    static struct timeline t;
    struct rng rng;
    rng_init(&rng, 1, "timeline", 0);
    timeline_init(&t, 1);
    double end = 0.0;
    double tokens = 0.0;
    for (int i = 0; i < 5000; i++) {
        end += rng_exponential(&rng, 0.1);
        struct timeline_step s = step_at(end);
        timeline_add(&t, &s);
        tokens += 7.0;
    }
    double seen = 0.0;
    double step_s = 0.0;
    for (int i = 0; i < TIMELINE_BINS; i++) {
        seen += t.bins[i].output_tokens;
        step_s += t.bins[i].step_s;
        CU_ASSERT_TRUE(i < t.n_bins || t.bins[i].step_s == 0.0);
    }
    CU_ASSERT_EQUAL(seen, tokens);
    CHECK_NEAR(step_s, 2500.0, 1e-12);
    CU_ASSERT_TRUE(end < t.width_s * TIMELINE_BINS && end >= t.width_s * TIMELINE_BINS / 2);
    CU_ASSERT_EQUAL(t.n_bins, (int)(end / t.width_s) + 1);
}

static void bins_after_growing_hold_what_they_would_have_held_from_the_start(void)
{
    static struct timeline grown;
    static struct timeline wide;
    timeline_init(&grown, 1);
    timeline_init(&wide, 1);
    timeline_grow(&wide, 1000.0);
    for (int i = 0; i < 2000; i++) {
        struct timeline_step s = step_at(i * 0.5);
        timeline_add(&grown, &s);
        timeline_add(&wide, &s);
    }
    CU_ASSERT_EQUAL(grown.width_s, wide.width_s);
    CU_ASSERT_EQUAL(grown.n_bins, wide.n_bins);
    for (int i = 0; i < TIMELINE_BINS; i++) {
        CU_ASSERT_EQUAL(grown.bins[i].output_tokens, wide.bins[i].output_tokens);
        CU_ASSERT_EQUAL(grown.bins[i].waiting_s, wide.bins[i].waiting_s);
    }
}

static void a_far_jump_grows_as_often_as_needed(void)
{
    struct timeline t;
    timeline_init(&t, 1);
    struct timeline_step s = step_at(0.0);
    timeline_add(&t, &s);
    s = step_at(1e6);
    timeline_add(&t, &s);
    CU_ASSERT_EQUAL(t.width_s, 2048.0); /* 512 bins of 2048 s hold 1,048,576 s */
    CU_ASSERT_EQUAL(t.bins[0].output_tokens, 7.0);
    CU_ASSERT_EQUAL(t.bins[488].output_tokens, 7.0);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"a step is booked at its end", a_step_is_booked_in_the_bin_of_its_end},
        {"time out of service is shared over its bins",
         time_out_of_service_is_shared_over_its_bins},
        {"growing doubles the width and loses nothing",
         outgrowing_the_bins_doubles_their_width_and_loses_nothing},
        {"grown bins equal wide ones",
         bins_after_growing_hold_what_they_would_have_held_from_the_start},
        {"a far jump grows as often as needed", a_far_jump_grows_as_often_as_needed},
    };
    return check_main("timeline", cases, (int)(sizeof cases / sizeof *cases));
}

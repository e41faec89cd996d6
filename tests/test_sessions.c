/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations: later turns repeat what was said, rates count turns, a lost turn ends them. */
#include <math.h>

#include "sim/load/load.h"
#include "tests/check.h"

static struct load_class chat(double turns, int64_t most_tokens)
{
    return (struct load_class){
        .name = "chat",
        .process = LOAD_POISSON,
        .rate_rps = 10.0,
        .prompt = {.kind = DIST_CONSTANT, .a = 100.0, .min = 1.0},
        .output = {.kind = DIST_CONSTANT, .a = 50.0, .min = 1.0},
        .sequence_max_tokens = most_tokens,
        .shared_tokens = 40,
        .groups = 1,
        .turns = turns,
        .turn_think_s = 5.0,
    };
}

static struct load *load_of(const struct load_class *c, int64_t n)
{
    struct load_config cfg = {.classes = c, .n_classes = 1, .n_requests = n, .seed = 1};
    return load_new(&cfg);
}

/* First prompt 100, answer 50; the user then adds 100 - 40 shared = 60: 210, then 210 + 50
 * + 60. */
static void a_turn_repeats_what_was_said_and_adds_to_it(void)
{
    struct load_class c = chat(1e9, 0);
    struct load *load = load_of(&c, 1000);
    struct arrival a;
    CU_ASSERT_TRUE(load_next(load, &a));
    CU_ASSERT_EQUAL(a.prompt_tokens, 100);
    uint64_t body = a.content.body_id;
    const int64_t expected[] = {210, 320, 430};
    int found = 0;
    load_ended(load, 0, a.session, true, a.time_s);
    int32_t session = a.session;
    while (found < 3 && load_next(load, &a)) {
        if (a.session == session) {
            CU_ASSERT_EQUAL(a.prompt_tokens, expected[found++]);
            CU_ASSERT_EQUAL(a.content.body_id, body);
            CU_ASSERT_EQUAL(a.content.shared_tokens, 40);
            load_ended(load, 0, a.session, true, a.time_s);
        }
    }
    CU_ASSERT_EQUAL(found, 3);
    load_free(load);
}

enum { N = 40000 };

/* Turns are geometric with the mean asked for; their rate, not that of conversations, is 10/s.
 */
static void turns_have_their_mean_and_the_rate_counts_turns(void)
{
    struct load_class c = chat(4.0, 0);
    struct load *load = load_of(&c, N);
    struct arrival a;
    int64_t first = 0;
    double last_s = 0.0;
    while (load_next(load, &a)) {
        first += a.prompt_tokens == 100;
        last_s = a.time_s;
        load_ended(load, 0, a.session, true, a.time_s);
    }
    CHECK_NEAR((double)N / (double)first, 4.0, 0.05);
    CHECK_NEAR(N / last_s, 10.0, 0.05);
    load_free(load);
}

static void a_lost_turn_ends_the_conversation(void)
{
    struct load_class c = chat(1e9, 0);
    struct load *load = load_of(&c, 500);
    struct arrival a;
    while (load_next(load, &a)) {
        CU_ASSERT_EQUAL(a.prompt_tokens, 100);
        load_ended(load, 0, a.session, false, a.time_s);
    }
    load_free(load);
}

static void a_prompt_that_would_not_fit_begins_anew(void)
{
    struct load_class c = chat(1e9, 400);
    struct load *load = load_of(&c, 2000);
    struct arrival a;
    while (load_next(load, &a)) {
        CU_ASSERT_TRUE(a.prompt_tokens + a.output_tokens <= 400);
        load_ended(load, 0, a.session, true, a.time_s);
    }
    load_free(load);
}

static void conversations_feed_back_and_reuse(void)
{
    struct load_class c = chat(3.0, 0);
    struct load *load = load_of(&c, 10);
    CU_ASSERT_TRUE(load_is_closed(load));
    CU_ASSERT_TRUE(load_has_reuse(load));
    load_free(load);
}

/* Turns on their way count towards the class's own limit, and so does the conversation that
 * comes next. */
static void turns_do_not_exceed_the_limit_of_their_class(void)
{
    struct load_class c = chat(5.0, 0);
    c.n_requests = 200;
    struct load *load = load_of(&c, 0);
    struct arrival a;
    while (load_next(load, &a)) {
        load_ended(load, 0, a.session, true, a.time_s);
    }
    CU_ASSERT_EQUAL(load_issued(load), 200);
    load_free(load);
}

int main(void)
{
    const struct check_case cases[] = {
        {"a turn repeats what was said and adds to it",
         a_turn_repeats_what_was_said_and_adds_to_it},
        {"turns have their mean and the rate counts turns",
         turns_have_their_mean_and_the_rate_counts_turns},
        {"a lost turn ends the conversation", a_lost_turn_ends_the_conversation},
        {"a prompt that would not fit begins anew", a_prompt_that_would_not_fit_begins_anew},
        {"conversations feed back and reuse content", conversations_feed_back_and_reuse},
        {"turns do not exceed the limit of their class",
         turns_do_not_exceed_the_limit_of_their_class},
    };
    return check_main("sessions", cases, sizeof cases / sizeof cases[0]);
}

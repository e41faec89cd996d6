/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_event.c - order of the event list. */
#include "sim/core/event.h"

#include <stdlib.h>

#include "sim/core/rng.h"
#include "tests/check.h"

#define N_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static void an_empty_list_has_nothing_to_pop_or_peek(void)
{
    struct event_list *list = event_list_new();
    struct event event = {.data = 42};
    CU_ASSERT_FALSE(event_pop(list, &event));
    CU_ASSERT_EQUAL(event.data, 42);
    CU_ASSERT_PTR_NULL(event_peek(list));
    CU_ASSERT_EQUAL(event_count(list), 0);
    event_list_free(list);
}

static void pop_returns_what_was_pushed(void)
{
    struct event_list *list = event_list_new();
    event_push(list, 1.5, 3, -7, INT32_MAX, INT64_MIN);
    struct event event;
    CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
    CU_ASSERT_EQUAL(event.time_s, 1.5);
    CU_ASSERT_EQUAL(event.order >> 48, 3);
    CU_ASSERT_EQUAL(event.kind, -7);
    CU_ASSERT_EQUAL(event.target, INT32_MAX);
    CU_ASSERT_EQUAL(event.data, INT64_MIN);
    CU_ASSERT_FALSE(event_pop(list, &event));
    event_list_free(list);
}

static void peek_shows_the_next_event_and_leaves_it(void)
{
    struct event_list *list = event_list_new();
    event_push(list, 2, 0, 0, 0, 20);
    event_push(list, 1, 0, 0, 0, 10);
    CU_ASSERT_EQUAL(event_peek(list)->data, 10);
    CU_ASSERT_EQUAL(event_peek(list)->data, 10);
    CU_ASSERT_EQUAL(event_count(list), 2);
    event_list_free(list);
}

static void ties_in_time_leave_in_push_order(void)
{
    struct event_list *list = event_list_new();
    for (int i = 0; i < 1000; i++) {
        event_push(list, 5, 0, 0, 0, i);
    }
    struct event event;
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
        CU_ASSERT_EQUAL(event.data, i);
    }
    event_list_free(list);
}

static void push_order_of_ties_survives_pops_in_between(void)
{
    struct event_list *list = event_list_new();
    struct event event;
    int64_t n_pushed = 0;
    for (int64_t n_popped = 0; n_popped < 500; n_popped++) {
        for (int i = 0; i < 3; i++) {
            event_push(list, 5, 0, 0, 0, n_pushed++);
        }
        CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
        CU_ASSERT_EQUAL(event.data, n_popped);
    }
    event_list_free(list);
}

static void lower_priority_number_leaves_first_among_ties(void)
{
    static const int priority[] = {65535, 2, 0, 1, 65535, 0};
    static const int64_t expected[] = {2, 5, 3, 1, 0, 4};
    struct event_list *list = event_list_new();
    for (int i = 0; i < 6; i++) {
        event_push(list, 1, priority[i], 0, 0, i);
    }
    struct event event;
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
        CU_ASSERT_EQUAL(event.data, expected[i]);
    }
    event_list_free(list);
}

static void time_goes_before_priority(void)
{
    struct event_list *list = event_list_new();
    event_push(list, 2, 0, 0, 0, 2);
    event_push(list, 1, 9, 0, 0, 1);
    CU_ASSERT_EQUAL(event_peek(list)->data, 1);
    event_list_free(list);
}

static void negative_and_infinite_times_are_ordered(void)
{
    static const double time_s[] = {HUGE_VAL, 0, -1, 1e300, -HUGE_VAL};
    static const int64_t expected[] = {4, 2, 1, 3, 0};
    struct event_list *list = event_list_new();
    for (int i = 0; i < 5; i++) {
        event_push(list, time_s[i], 0, 0, 0, i);
    }
    struct event event;
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
        CU_ASSERT_EQUAL(event.data, expected[i]);
    }
    event_list_free(list);
}

static void minus_zero_ties_with_zero(void)
{
    struct event_list *list = event_list_new();
    event_push(list, 0.0, 0, 0, 0, 1);
    event_push(list, -0.0, 0, 0, 0, 2);
    CU_ASSERT_EQUAL(event_peek(list)->data, 1);
    event_list_free(list);
}

/* The oracle: an array kept sorted by insertion, where equal keys go behind those already
 * there. */
struct oracle {
    struct event events[4096];
    int n;
};

static void oracle_push(struct oracle *oracle, struct event event)
{
    int i = oracle->n++;
    for (; i > 0; i--) {
        const struct event *before = &oracle->events[i - 1];
        if (before->time_s < event.time_s ||
            (before->time_s == event.time_s && before->kind <= event.kind)) {
            break;
        }
        oracle->events[i] = *before;
    }
    oracle->events[i] = event;
}

static struct event oracle_pop(struct oracle *oracle)
{
    struct event first = oracle->events[0];
    oracle->n--;
    for (int i = 0; i < oracle->n; i++) {
        oracle->events[i] = oracle->events[i + 1];
    }
    return first;
}

/* Few distinct times and priorities, so that ties are common; kind repeats the priority. */
static void push_both(struct event_list *list, struct oracle *oracle, struct rng *rng,
                      int64_t id)
{
    double time_s = (double)rng_below(rng, 50);
    int priority = (int)rng_below(rng, 3);
    event_push(list, time_s, priority, priority, 0, id);
    oracle_push(oracle, (struct event){.time_s = time_s, .kind = priority, .data = id});
}

static void run_against_oracle(struct rng *rng)
{
    static struct oracle oracle;
    oracle.n = 0;
    struct event_list *list = event_list_new();
    uint64_t push_share = 30 + rng_below(rng, 50);
    for (int64_t id = 0; id < 1500; id++) {
        struct event event;
        if (rng_below(rng, 100) < push_share) {
            push_both(list, &oracle, rng, id);
        } else if (oracle.n > 0) {
            CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
            CU_ASSERT_EQUAL_FATAL(event.data, oracle_pop(&oracle).data);
        }
        CU_ASSERT_EQUAL_FATAL(event_count(list), oracle.n);
    }
    for (struct event event; oracle.n > 0;) {
        CU_ASSERT_TRUE_FATAL(event_pop(list, &event));
        CU_ASSERT_EQUAL_FATAL(event.data, oracle_pop(&oracle).data);
    }
    CU_ASSERT_PTR_NULL(event_peek(list));
    event_list_free(list);
}

static void random_pushes_and_pops_match_a_sorted_array(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng rng;
        rng_init(&rng, seed, "event property", 0);
        run_against_oracle(&rng);
    }
}

static void a_hundred_thousand_events_leave_in_order_of_time(void)
{
    struct rng rng;
    rng_init(&rng, 1, "many events", 0);
    struct event_list *list = event_list_new();
    for (int i = 0; i < 100000; i++) {
        event_push(list, rng_uniform(&rng), 0, 0, 0, i);
    }
    CU_ASSERT_EQUAL(event_count(list), 100000);
    double last_s = -1;
    int n = 0;
    for (struct event event; event_pop(list, &event); n++) {
        CU_ASSERT_TRUE_FATAL(event.time_s >= last_s);
        last_s = event.time_s;
    }
    CU_ASSERT_EQUAL(n, 100000);
    event_list_free(list);
}

static const struct check_case cases[] = {
    {"an_empty_list_has_nothing_to_pop_or_peek", an_empty_list_has_nothing_to_pop_or_peek},
    {"pop_returns_what_was_pushed", pop_returns_what_was_pushed},
    {"peek_shows_the_next_event_and_leaves_it", peek_shows_the_next_event_and_leaves_it},
    {"ties_in_time_leave_in_push_order", ties_in_time_leave_in_push_order},
    {"push_order_of_ties_survives_pops_in_between",
     push_order_of_ties_survives_pops_in_between},
    {"lower_priority_number_leaves_first_among_ties",
     lower_priority_number_leaves_first_among_ties},
    {"time_goes_before_priority", time_goes_before_priority},
    {"negative_and_infinite_times_are_ordered", negative_and_infinite_times_are_ordered},
    {"minus_zero_ties_with_zero", minus_zero_ties_with_zero},
    {"random_pushes_and_pops_match_a_sorted_array",
     random_pushes_and_pops_match_a_sorted_array},
    {"a_hundred_thousand_events_leave_in_order_of_time",
     a_hundred_thousand_events_leave_in_order_of_time},
};

int main(void)
{
    return check_main("event", cases, N_OF(cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared links: max-min fair shares, conservation, order. */
#include "sim/serve/link.h"

#include "sim/core/rng.h"
#include "tests/check.h"

static void two_flows_on_one_link_get_half_each(void)
{
    const double capacity[] = {100.0};
    const int path[] = {0};
    struct link_net *net = link_net_new(1, capacity);
    link_start(net, 0.0, 100.0, path, 1, 1);
    link_start(net, 0.0, 300.0, path, 1, 2);
    CHECK_NEAR(link_rate(net, 0), 50.0, 1e-12);
    double t;
    int64_t data;
    /* the first ends after 100 / 50 = 2 s; then 200 bytes are left at 100/s: 4 s */
    CU_ASSERT_TRUE(link_pop(net, &t, &data));
    CHECK_NEAR(t, 2.0, 1e-12);
    CU_ASSERT_EQUAL(data, 1);
    CU_ASSERT_TRUE(link_pop(net, &t, &data));
    CHECK_NEAR(t, 4.0, 1e-12);
    CHECK_NEAR(link_bytes(net, 0), 400.0, 1e-9);
    CU_ASSERT_FALSE(link_pop(net, &t, &data));
    link_net_free(net);
}

/* The textbook case: A crosses both links (10 and 6), B the first, C and D the second.
 * Second link: 6 / 3 = 2 each for A, C, D; what A leaves of the first, 8, is B's. */
static void the_tightest_link_fixes_its_flows_and_the_rest_is_shared_on(void)
{
    const double capacity[] = {10.0, 6.0};
    const int both[] = {0, 1};
    const int first[] = {0};
    const int second[] = {1};
    struct link_net *net = link_net_new(2, capacity);
    link_start(net, 0.0, 1e9, both, 2, 0);
    link_start(net, 0.0, 1e9, first, 1, 1);
    link_start(net, 0.0, 1e9, second, 1, 2);
    link_start(net, 0.0, 1e9, second, 1, 3);
    CHECK_NEAR(link_rate(net, 0), 2.0, 1e-12);
    CHECK_NEAR(link_rate(net, 1), 8.0, 1e-12);
    CHECK_NEAR(link_rate(net, 2), 2.0, 1e-12);
    CHECK_NEAR(link_rate(net, 3), 2.0, 1e-12);
    link_net_free(net);
}

static void a_flow_of_no_bytes_ends_at_once_and_ties_end_in_order_of_start(void)
{
    const double capacity[] = {10.0};
    const int path[] = {0};
    struct link_net *net = link_net_new(1, capacity);
    link_start(net, 1.0, 0.0, path, 1, 7);
    link_start(net, 1.0, 0.0, path, 1, 8);
    double t;
    int64_t data;
    CU_ASSERT_TRUE(link_pop(net, &t, &data));
    CHECK_NEAR(t, 1.0, 1e-12);
    CU_ASSERT_EQUAL(data, 7);
    CU_ASSERT_TRUE(link_pop(net, &t, &data));
    CU_ASSERT_EQUAL(data, 8);
    link_net_free(net);
}

/* Two flows of 100 and 300 bytes share 100/s for 1 s; then the first is called off with half of
 * it moved, and the other has 250 bytes left at 100/s: 3.5 s. */
static void a_flow_called_off_leaves_its_share_to_the_others(void)
{
    const double capacity[] = {100.0};
    const int path[] = {0};
    struct link_net *net = link_net_new(1, capacity);
    link_start(net, 0.0, 100.0, path, 1, 1);
    link_start(net, 0.0, 300.0, path, 1, 2);
    CU_ASSERT_TRUE(link_cancel(net, 1.0, 1));
    CU_ASSERT_FALSE(link_cancel(net, 1.0, 1));
    CU_ASSERT_EQUAL(link_flows(net), 1);
    double t;
    int64_t data;
    CU_ASSERT_TRUE(link_pop(net, &t, &data));
    CU_ASSERT_EQUAL(data, 2);
    CHECK_NEAR(t, 3.5, 1e-12);
    CHECK_NEAR(link_bytes(net, 0), 350.0, 1e-9);
    link_net_free(net);
}

enum { N_LINKS = 5, N_FLOWS = 200 };

static void start_random(struct link_net *net, struct rng *rng, double now_s, int i,
                         double *sent)
{
    int a = (int)rng_below(rng, N_LINKS);
    int b = (int)rng_below(rng, N_LINKS);
    const int path[] = {a, b};
    double bytes = rng_exponential(rng, 50.0);
    int n = a == b ? 1 : 2;
    link_start(net, now_s, bytes, path, n, i);
    sent[a] += bytes;
    sent[b] += n == 2 ? bytes : 0.0;
}

static void no_link_exceeds_its_bandwidth_and_every_byte_arrives(void)
{
    const double capacity[N_LINKS] = {10.0, 20.0, 5.0, 40.0, 8.0};
    double sent[N_LINKS] = {0.0};
    struct link_net *net = link_net_new(N_LINKS, capacity);
    struct rng rng;
    rng_init(&rng, 1, "links", 0);
    double now = 0.0;
    double t;
    int64_t data;
    for (int i = 0; i < N_FLOWS; i++) {
        now += rng_exponential(&rng, 2.0);
        while (link_next_s(net) <= now) {
            double before = t = link_next_s(net);
            CU_ASSERT_TRUE(link_pop(net, &t, &data));
            CU_ASSERT_TRUE(t >= before);
        }
        start_random(net, &rng, now, i, sent);
        for (int l = 0; l < N_LINKS; l++) {
            CU_ASSERT_TRUE(link_load(net, l) <= capacity[l] * (1.0 + 1e-9));
        }
    }
    while (link_pop(net, &t, &data)) {
        CU_ASSERT_TRUE(t >= now);
        now = t;
    }
    for (int l = 0; l < N_LINKS; l++) {
        CHECK_NEAR(link_bytes(net, l), sent[l], 1e-6);
    }
    link_net_free(net);
}

int main(void)
{
    const struct check_case cases[] = {
        {"two flows on one link get half each", two_flows_on_one_link_get_half_each},
        {"the tightest link fixes its flows and the rest is shared on",
         the_tightest_link_fixes_its_flows_and_the_rest_is_shared_on},
        {"a flow of no bytes ends at once, ties in order of start",
         a_flow_of_no_bytes_ends_at_once_and_ties_end_in_order_of_start},
        {"a flow called off leaves its share to the others",
         a_flow_called_off_leaves_its_share_to_the_others},
        {"no link exceeds its bandwidth and every byte arrives",
         no_link_exceeds_its_bandwidth_and_every_byte_arrives},
    };
    return check_main("link", cases, sizeof cases / sizeof cases[0]);
}

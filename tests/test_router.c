/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_router.c - the choice of a replica by what a router sees of them. */
#include <string.h>

#include "sim/serve/router.h"
#include "tests/check.h"

enum { MAX_REPLICAS = 64 };

/* Replicas that only have a load, some of them down. */
struct fleet {
    struct replica replicas[MAX_REPLICAS];
    struct failure_clock clocks[MAX_REPLICAS];
    struct router_view view;
    struct router router;
};

static void fleet_init(struct fleet *f, enum route kind, int n)
{
    memset(f, 0, sizeof *f);
    f->view = (struct router_view){f->replicas, f->clocks, n, n};
    router_init(&f->router, kind, 1, 0);
}

static void take_down(struct fleet *f, int i)
{
    f->clocks[i].down = true;
    f->view.n_up--;
}

static int pick(struct fleet *f)
{
    return router_pick(&f->router, &f->view);
}

static void nobody_is_picked_while_all_are_down(void)
{
    for (int kind = ROUTE_ROUND_ROBIN; kind <= ROUTE_POWER_OF_TWO; kind++) {
        struct fleet f;
        fleet_init(&f, (enum route)kind, 2);
        take_down(&f, 0);
        take_down(&f, 1);
        CU_ASSERT_EQUAL(pick(&f), -1);
    }
}

static void the_only_one_that_is_up_gets_everything(void)
{
    for (int kind = ROUTE_ROUND_ROBIN; kind <= ROUTE_POWER_OF_TWO; kind++) {
        struct fleet f;
        fleet_init(&f, (enum route)kind, 3);
        take_down(&f, 0);
        take_down(&f, 2);
        for (int i = 0; i < 20; i++) {
            CU_ASSERT_EQUAL(pick(&f), 1);
            f.replicas[1].n_load += 5;
        }
    }
}

static void round_robin_goes_on_past_one_that_is_down(void)
{
    static const int expected[] = {0, 2, 3, 0, 2, 3};
    struct fleet f;
    fleet_init(&f, ROUTE_ROUND_ROBIN, 4);
    take_down(&f, 1);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(pick(&f), expected[i]);
    }
    CU_ASSERT_FALSE(router_looks(&f.router));
}

static void least_requests_takes_the_first_of_the_least(void)
{
    static const int64_t loads[] = {7, 2, 4, 2, 0};
    struct fleet f;
    fleet_init(&f, ROUTE_LEAST_REQUESTS, 5);
    for (int i = 0; i < 5; i++) {
        f.replicas[i].n_load = loads[i];
    }
    CU_ASSERT_TRUE(router_looks(&f.router));
    CU_ASSERT_EQUAL(pick(&f), 4);
    take_down(&f, 4);
    CU_ASSERT_EQUAL(pick(&f), 1);
}

/* n balls into n bins: with two choices the fullest has about log2(log2 n) + O(1), with one
 * several more (Mitzenmacher 2001); 64 balls into 64 bins: at most 4. */
static void power_of_two_keeps_the_fullest_low(void)
{
    struct fleet f;
    fleet_init(&f, ROUTE_POWER_OF_TWO, MAX_REPLICAS);
    int64_t most = 0;
    for (int i = 0; i < MAX_REPLICAS; i++) {
        int64_t load = ++f.replicas[pick(&f)].n_load;
        most = load > most ? load : most;
    }
    CU_ASSERT_TRUE(most >= 2 && most <= 4);
}

int main(void)
{
    const struct check_case cases[] = {
        {"nobody is picked while all are down", nobody_is_picked_while_all_are_down},
        {"the only one that is up gets everything", the_only_one_that_is_up_gets_everything},
        {"round robin goes on past one that is down",
         round_robin_goes_on_past_one_that_is_down},
        {"least requests takes the first of the least",
         least_requests_takes_the_first_of_the_least},
        {"power of two keeps the fullest low", power_of_two_keeps_the_fullest_low},
    };
    return check_main("router", cases, sizeof cases / sizeof cases[0]);
}

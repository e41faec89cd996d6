/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tandem of servers against its closed forms: who is alone waits for nobody, the slowest
 * server sets the pace, a limited number under way leaves bubbles. */
#include "sim/serve/tandem.h"

#include <math.h>

#include "tests/check.h"

static void a_lone_one_takes_the_sum_and_the_next_follows_the_slowest(void)
{
    struct tandem t;
    const double service[] = {2.0, 3.0};
    const double hop[] = {0.5};
    tandem_init(&t, 2);
    struct tandem_way a = tandem_join(&t, 10.0, 1.0, service, hop);
    CHECK_NEAR(a.end_s, 16.5, 1e-12);
    CHECK_NEAR(a.waited_s, 1.0, 1e-12);
    struct tandem_way b = tandem_join(&t, 10.0, 1.0, service, hop);
    CHECK_NEAR(b.end_s, 19.5, 1e-12);
    CHECK_NEAR(b.waited_s, 0.0, 1e-12); /* planned while the first stage works */
    tandem_clear(&t);
    CHECK_NEAR(tandem_join(&t, 11.0, 1.0, service, hop).end_s, 17.5, 1e-12);
    tandem_fini(&t);
}

/* At most n_under_way at a time; each joins when one leaves. Mean time between ends. */
static double cycle_s(int n_stages, int n_under_way, double core_s, const double *service,
                      const double *hop)
{
    enum { ROUNDS = 480 };
    struct tandem t;
    double end_s[8] = {0.0};
    double at_half = 0.0;
    tandem_init(&t, n_stages);
    for (int i = 0; i < ROUNDS; i++) {
        int slot = i % n_under_way;
        end_s[slot] = tandem_join(&t, end_s[slot], core_s, service, hop).end_s;
        at_half = i == ROUNDS / 2 - 1 ? end_s[slot] : at_half;
    }
    double last = end_s[(ROUNDS - 1) % n_under_way];
    tandem_fini(&t);
    return (last - at_half) / (ROUNDS / 2);
}

static void equal_stages_deliver_one_in_every_stage_time(void)
{
    const double service[] = {2.0, 2.0, 2.0, 2.0};
    const double none[] = {0.0, 0.0, 0.0};
    for (int n = 1; n <= 4; n++) {
        CHECK_NEAR(cycle_s(4, n, 0.0, service, none), 8.0 / n, 1e-9);
    }
    CHECK_NEAR(cycle_s(4, 8, 0.0, service, none), 2.0, 1e-9); /* more do not help */
}

/* n under way at a time: the slowest server, or the whole way shared by n. */
static void the_slowest_server_or_the_way_sets_the_pace(void)
{
    const double service[] = {1.0, 2.5, 1.0};
    const double hop[] = {0.25, 0.5};
    double way = 0.2 + 4.5 + 0.75;
    CHECK_NEAR(cycle_s(3, 1, 0.2, service, hop), way, 1e-9);
    CHECK_NEAR(cycle_s(3, 2, 0.2, service, hop), way / 2.0, 1e-9);
    CHECK_NEAR(cycle_s(3, 3, 0.2, service, hop), 2.5, 1e-9);
    CHECK_NEAR(cycle_s(3, 3, 4.0, service, hop), 4.0, 1e-9); /* the core itself */
}

int main(void)
{
    static const struct check_case cases[] = {
        {"alone: the sum; next: the slowest",
         a_lone_one_takes_the_sum_and_the_next_follows_the_slowest},
        {"equal stages: one in every stage time", equal_stages_deliver_one_in_every_stage_time},
        {"the slowest server or the way", the_slowest_server_or_the_way_sets_the_pace},
    };
    return check_main("tandem", cases, (int)(sizeof cases / sizeof *cases));
}

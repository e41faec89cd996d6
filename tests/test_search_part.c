/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a plan keeps of its simulations: every number comes back, and none that cannot be. */
#include "sim/plan/search_part.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/check.h"

enum { N_CLASSES = 3, N_NUMBERS = 20 };
static const char *dir;

static struct parts store(void)
{
    return (struct parts){
        .dirs = &dir, .n_dirs = 1, .n_shards = 1, .job = {"plan", "1", 1, 2, 3, 4}};
}

/* Every number another one. */
static struct capacity_point point(double from)
{
    struct capacity_point p = {
        .rate_rps = from + 1,
        .worst = from + 2,
        .stable = true,
        .met = false,
        .ttft_s = from + 3,
        .tpot_s = from + 4,
        .e2e_s = from + 5,
        .output_tok_s = from + 6,
        .busy_frac = from + 7,
        .mfu_frac = from + 8,
        .mbu_frac = from + 9,
        .batch_mean = from + 10,
        .decode = {.busy_frac = from + 11, .mfu_frac = from + 12, .mbu_frac = from + 13},
        .prefill = {.busy_frac = from + 14, .mfu_frac = from + 15, .mbu_frac = from + 16},
        .prefill_time_frac = from + 17,
        .input_tokens = from + 18,
        .hit_tokens = from + 19,
        .output_tokens = from + 20,
    };
    for (int b = 0; b < BIND_N; b++) {
        p.use[b] = b == BIND_ITL ? NAN : from + 100 + b;
        p.worst_class[b] = b % N_CLASSES;
    }
    return p;
}

static void numbers_of(const struct capacity_point *p, double out[N_NUMBERS])
{
    const double all[N_NUMBERS] = {p->rate_rps,
                                   p->worst,
                                   p->ttft_s,
                                   p->tpot_s,
                                   p->e2e_s,
                                   p->output_tok_s,
                                   p->busy_frac,
                                   p->mfu_frac,
                                   p->mbu_frac,
                                   p->batch_mean,
                                   p->decode.busy_frac,
                                   p->decode.mfu_frac,
                                   p->decode.mbu_frac,
                                   p->prefill.busy_frac,
                                   p->prefill.mfu_frac,
                                   p->prefill.mbu_frac,
                                   p->prefill_time_frac,
                                   p->input_tokens,
                                   p->hit_tokens,
                                   p->output_tokens};
    memcpy(out, all, sizeof all);
}

static void check_point(const struct capacity_point *got, const struct capacity_point *want)
{
    double a[N_NUMBERS];
    double b[N_NUMBERS];
    numbers_of(got, a);
    numbers_of(want, b);
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
    CU_ASSERT_EQUAL(got->stable, want->stable);
    CU_ASSERT_EQUAL(got->met, want->met);
    for (int i = 0; i < BIND_N; i++) {
        CU_ASSERT_TRUE(got->use[i] == want->use[i] ||
                       (isnan(got->use[i]) && isnan(want->use[i])));
        CU_ASSERT_EQUAL(got->worst_class[i], want->worst_class[i]);
    }
}

static struct capacity some_capacity(void)
{
    return (struct capacity){.rps = 7.5,
                             .lo = 7.25,
                             .hi = 7.75,
                             .bind = BIND_TPOT,
                             .bind_class = N_CLASSES - 1,
                             .at = point(1000),
                             .over = point(2000),
                             .n_replications = 5,
                             .n_runs = 11,
                             .n_requests = 100,
                             .n_events = 200};
}

static void every_number_of_a_capacity_comes_back(void)
{
    struct parts parts = store();
    struct capacity c = some_capacity();
    struct capacity back;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(capacity_save(&parts, 3, "x", &c, &err));
    CU_ASSERT_TRUE_FATAL(capacity_load(&parts, 3, N_CLASSES, &back, &err));
    CU_ASSERT_EQUAL(back.rps, 7.5);
    CU_ASSERT_EQUAL(back.lo, 7.25);
    CU_ASSERT_EQUAL(back.hi, 7.75);
    CU_ASSERT_EQUAL(back.bind, BIND_TPOT);
    CU_ASSERT_EQUAL(back.bind_class, N_CLASSES - 1);
    CU_ASSERT_EQUAL(back.n_replications, 5);
    CU_ASSERT_EQUAL(back.n_runs, 11);
    CU_ASSERT_EQUAL(back.n_requests, 0); /* not simulated again */
    CU_ASSERT_EQUAL(back.n_events, 0);
    check_point(&back.at, &c.at);
    check_point(&back.over, &c.over);
}

/* One that no limit binds, after no run at all. */
static void the_least_values_come_back(void)
{
    struct parts parts = store();
    struct capacity c = {0};
    struct capacity back;
    struct err err = {0};
    c.at.met = true;
    CU_ASSERT_TRUE_FATAL(capacity_save(&parts, 4, "x", &c, &err));
    CU_ASSERT_TRUE_FATAL(capacity_load(&parts, 4, 1, &back, &err));
    CU_ASSERT_EQUAL((int)back.bind, 0);
    CU_ASSERT_EQUAL(back.n_runs, 0);
    check_point(&back.at, &c.at);
    c.bind = (enum bind)(BIND_N - 1);
    CU_ASSERT_TRUE_FATAL(capacity_save(&parts, 4, "x", &c, &err));
    CU_ASSERT_TRUE(capacity_load(&parts, 4, 1, &back, &err));
    CU_ASSERT_EQUAL((int)back.bind, BIND_N - 1);
}

/* Damaged, or of a scenario with other classes. */
static void what_cannot_be_is_refused(void)
{
    struct parts parts = store();
    struct capacity back;
    struct capacity wrong[5];
    for (int i = 0; i < 5; i++) {
        wrong[i] = some_capacity();
    }
    wrong[0].bind = BIND_N;
    wrong[1].bind_class = N_CLASSES;
    wrong[2].at.worst_class[0] = N_CLASSES;
    wrong[3].over.worst_class[BIND_N - 1] = -1;
    wrong[4].n_runs = -1;
    for (int i = 0; i < 5; i++) {
        struct err err = {0};
        CU_ASSERT_TRUE_FATAL(capacity_save(&parts, 5 + i, "x", &wrong[i], &err));
        CU_ASSERT_FALSE(capacity_load(&parts, 5 + i, N_CLASSES, &back, &err));
        CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    }
}

static void a_fleet_is_found_again_for_the_same_question_only(void)
{
    struct parts parts = store();
    struct err err = {0};
    struct fleet_check back;
    struct fleet_check check = {.replicas_asked = 7,
                                .replicas = 9,
                                .simulated = 8,
                                .n_runs = 3,
                                .at = point(70),
                                .met = true};
    CU_ASSERT_TRUE(fleet_check_save(&parts, 4, "x", 70.5, &check, &err));
    CU_ASSERT_TRUE(fleet_check_load(&parts, 4, N_CLASSES, 7, 70.5, &back, &err));
    CU_ASSERT_EQUAL(back.replicas_asked, 7);
    CU_ASSERT_EQUAL(back.replicas, 9);
    CU_ASSERT_EQUAL(back.simulated, 8);
    CU_ASSERT_EQUAL(back.n_runs, 3);
    CU_ASSERT_TRUE(back.met);
    check_point(&back.at, &check.at);
    CU_ASSERT_FALSE(fleet_check_load(&parts, 4, N_CLASSES, 8, 70.5, &back, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_FALSE(fleet_check_load(&parts, 4, N_CLASSES, 7, 70.0, &back, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
}

/* A fleet is never smaller than asked for, and not more of it is simulated than there is. */
static void a_fleet_of_one_that_missed_comes_back(void)
{
    struct parts parts = store();
    struct err err = {0};
    struct fleet_check back;
    struct fleet_check check = {.replicas_asked = 1, .replicas = 1, .simulated = 1};
    CU_ASSERT_TRUE(fleet_check_save(&parts, 6, "x", 1.0, &check, &err));
    CU_ASSERT_TRUE(fleet_check_load(&parts, 6, 1, 1, 1.0, &back, &err));
    CU_ASSERT_FALSE(back.met);
    CU_ASSERT_EQUAL(back.n_runs, 0);
    check.simulated = 2;
    CU_ASSERT_TRUE(fleet_check_save(&parts, 6, "x", 1.0, &check, &err));
    CU_ASSERT_FALSE(fleet_check_load(&parts, 6, 1, 1, 1.0, &back, &err));
}

static void no_part_is_an_error(void)
{
    struct parts parts = store();
    struct capacity c;
    struct fleet_check check;
    struct err err = {0};
    CU_ASSERT_FALSE(capacity_load(&parts, 99, 1, &c, &err));
    CU_ASSERT_FALSE(fleet_check_load(&parts, 99, 1, 1, 1.0, &check, &err));
}

static void a_folder_that_is_not_there_is_an_error(void)
{
    static const char *const nowhere = "build/tmp/no-such-folder";
    struct parts parts = store();
    struct capacity c = some_capacity();
    struct fleet_check check = {.replicas_asked = 1, .replicas = 1, .simulated = 1};
    struct err err = {0};
    parts.dirs = &nowhere;
    CU_ASSERT_FALSE(capacity_save(&parts, 0, "x", &c, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_FALSE(fleet_check_save(&parts, 0, "x", 1.0, &check, &err));
}

int main(void)
{
    static const struct check_case cases[] = {
        {"every number of a capacity comes back", every_number_of_a_capacity_comes_back},
        {"the least values come back", the_least_values_come_back},
        {"what cannot be is refused", what_cannot_be_is_refused},
        {"a fleet is found again for the same question only",
         a_fleet_is_found_again_for_the_same_question_only},
        {"a fleet of one that missed comes back", a_fleet_of_one_that_missed_comes_back},
        {"no part is an error", no_part_is_an_error},
        {"a folder that is not there is an error", a_folder_that_is_not_there_is_an_error},
    };
    dir = check_tmp(0, "-parts");
    mkdir(dir, 0777);
    return check_main("search_part", cases, (int)(sizeof cases / sizeof cases[0]));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admission under overload: timeouts, queue limits and priorities, and that the counts add up.
 */
#include <math.h>

#include "sim/serve/cluster.h"
#include "tests/check.h"
#include "tests/toy.h"

enum { N = 6000 };

struct lab {
    struct toy toy;
    struct load_class c[2];
    struct class_rules rules[2];
    struct cluster_config cfg;
    struct cluster_result out;
    struct class_summary s[3];
};

/* Two equal classes that together ask for several times what four running requests can get. */
static void lab_init(struct lab *l)
{
    toy_init(&l->toy, TOY_FULL, 1, 100000);
    l->toy.replica.sched.max_seqs = 4;
    for (int i = 0; i < 2; i++) {
        l->c[i] = toy_class(LOAD_POISSON, 100, 40);
        l->c[i].name = i == 0 ? "first" : "second";
        l->c[i].rate_rps = 1000.0;
        l->rules[i] = (struct class_rules){.timeout_s = 0.0};
    }
    l->cfg = (struct cluster_config){
        .replica = &l->toy.replica,
        .n_replicas = 1,
        .load = {.classes = l->c, .n_classes = 2, .n_requests = N, .seed = 1},
        .limits = toy_limits,
        .rules = l->rules,
    };
}

static void lab_run(struct lab *l)
{
    cluster_run(&l->cfg, &l->out);
    metrics_summary(&l->out.metrics, 0, l->s);
    CU_ASSERT_EQUAL(l->out.n_completed + l->out.n_rejected + l->out.n_failed, N);
    CU_ASSERT_EQUAL(l->s[2].n_completed, l->out.n_completed);
    CU_ASSERT_EQUAL(l->s[2].n_failed, l->out.n_failed);
}

static void lab_fini(struct lab *l)
{
    cluster_result_fini(&l->out);
    toy_fini(&l->toy);
}

static void who_waits_too_long_gives_up_and_nobody_is_admitted_later(void)
{
    struct lab l;
    lab_init(&l);
    l.rules[0].timeout_s = 0.2;
    l.rules[1].timeout_s = 0.2;
    lab_run(&l);
    CU_ASSERT_TRUE(l.out.n_failed > N / 4);
    /* a step more than the timeout at most */
    CU_ASSERT_TRUE(l.s[2].lat[LAT_QUEUE][STAT_P99] < 0.2 + 0.05);
    lab_fini(&l);
}

static void a_full_queue_turns_new_requests_away(void)
{
    struct lab l;
    lab_init(&l);
    l.toy.replica.sched.max_queue = 10;
    lab_run(&l);
    CU_ASSERT_TRUE(l.out.n_rejected > N / 4);
    CU_ASSERT_EQUAL(l.out.n_failed, 0);
    lab_fini(&l);
}

static void the_better_priority_is_served_first_and_the_other_gives_up(void)
{
    struct lab l;
    lab_init(&l);
    l.toy.replica.sched.by_priority = true;
    l.rules[1].priority = 5;
    for (int i = 0; i < 2; i++) {
        l.rules[i].timeout_s = 0.2;
        l.c[i].rate_rps = 150.0;
    }
    lab_run(&l);
    CU_ASSERT_TRUE(l.s[0].n_completed > l.s[1].n_completed);
    CU_ASSERT_TRUE(l.s[0].n_failed < l.s[1].n_failed);
    lab_fini(&l);
}

static void without_rules_everybody_waits_and_completes(void)
{
    struct lab l;
    lab_init(&l);
    lab_run(&l);
    CU_ASSERT_EQUAL(l.out.n_completed, N);
    CU_ASSERT_FALSE(l.out.stable);
    lab_fini(&l);
}

int main(void)
{
    const struct check_case cases[] = {
        {"who waits too long gives up, nobody is admitted later",
         who_waits_too_long_gives_up_and_nobody_is_admitted_later},
        {"a full queue turns new requests away", a_full_queue_turns_new_requests_away},
        {"the better priority is served first, the other gives up",
         the_better_priority_is_served_first_and_the_other_gives_up},
        {"without rules everybody waits and completes",
         without_rules_everybody_waits_and_completes},
    };
    return check_main("admission", cases, sizeof cases / sizeof cases[0]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The thread pool: every item once, in its own slot, stoppable. */
#include <string.h>
#include <time.h>

#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "tests/check.h"

#define N_ITEMS 1000

struct job {
    int visits[N_ITEMS];
    int threads[N_ITEMS];
    atomic_int n_done;
    atomic_bool stop;
    int stop_at;
};

static void visit(void *ctx, int item, int thread)
{
    struct job *job = ctx;
    job->visits[item]++;
    job->threads[item] = thread;
    atomic_fetch_add(&job->n_done, 1);
    if (item == job->stop_at) {
        atomic_store(&job->stop, true);
    }
}

static void check_all_visited_once(int n_threads)
{
    static struct job job;
    memset(&job, 0, sizeof job);
    job.stop_at = -1;
    pool_run(n_threads, N_ITEMS, visit, &job, NULL);
    for (int i = 0; i < N_ITEMS; i++) {
        CU_ASSERT_EQUAL(job.visits[i], 1);
        CU_ASSERT_TRUE(job.threads[i] >= 0);
        CU_ASSERT_TRUE(job.threads[i] < (n_threads > 1 ? n_threads : 1));
    }
}

static void every_item_is_visited_once(void)
{
    check_all_visited_once(1);
    check_all_visited_once(2);
    check_all_visited_once(7);
    check_all_visited_once(0);
    check_all_visited_once(-3);
}

static void one_thread_keeps_the_order(void)
{
    static struct job job;
    memset(&job, 0, sizeof job);
    job.stop_at = 9;
    pool_run(1, N_ITEMS, visit, &job, &job.stop);
    CU_ASSERT_EQUAL(atomic_load(&job.n_done), 10);
    CU_ASSERT_EQUAL(job.visits[9], 1);
    CU_ASSERT_EQUAL(job.visits[10], 0);
}

static void nothing_runs_after_a_stop(void)
{
    static struct job job;
    memset(&job, 0, sizeof job);
    job.stop_at = -1;
    atomic_store(&job.stop, true);
    pool_run(4, N_ITEMS, visit, &job, &job.stop);
    CU_ASSERT_EQUAL(atomic_load(&job.n_done), 0);
}

static void no_items_is_fine(void)
{
    static struct job job;
    pool_run(4, 0, visit, &job, NULL);
    CU_ASSERT_EQUAL(atomic_load(&job.n_done), 0);
}

struct meeting {
    atomic_int n_here;
};

/* Ends only when both items run at the same time (or after ten seconds). */
static void meet(void *ctx, int item, int thread)
{
    struct meeting *meeting = ctx;
    (void)item;
    (void)thread;
    atomic_fetch_add(&meeting->n_here, 1);
    double start_s = wall_now_s();
    while (atomic_load(&meeting->n_here) % 2 != 0 && wall_now_s() - start_s < 10) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    CU_ASSERT_TRUE(wall_now_s() - start_s < 10);
}

static void two_threads_run_at_the_same_time(void)
{
    struct meeting meeting = {0};
    pool_run(2, 2, meet, &meeting, NULL);
    CU_ASSERT_EQUAL(atomic_load(&meeting.n_here), 2);
}

static void count_progress(void *ctx, int item, int thread)
{
    (void)item;
    (void)thread;
    progress_add(ctx, 1);
}

static void progress_may_be_added_from_all_threads(void)
{
    struct progress *p = progress_new("items", N_ITEMS, false);
    pool_run(4, N_ITEMS, count_progress, p, NULL);
    progress_free(p);
    CU_ASSERT_TRUE(pool_cpu_count() >= 1);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"every_item_is_visited_once", every_item_is_visited_once},
        {"one_thread_keeps_the_order", one_thread_keeps_the_order},
        {"nothing_runs_after_a_stop", nothing_runs_after_a_stop},
        {"no_items_is_fine", no_items_is_fine},
        {"two_threads_run_at_the_same_time", two_threads_run_at_the_same_time},
        {"progress_may_be_added_from_all_threads", progress_may_be_added_from_all_threads},
    };
    return check_main("pool", cases, (int)(sizeof cases / sizeof cases[0]));
}

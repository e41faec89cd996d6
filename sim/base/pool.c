/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool.c - see pool.h. The calling thread works too, so when the system refuses more threads
 * the loop still finishes, only slower. */
#include "sim/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/base/mem.h"

/* A simulation needs little of it; the whole of a stack counts against a memory limit. */
#define STACK_BYTES ((size_t)2 << 20)

struct pool {
    atomic_int next;
    int n_items;
    pool_fn fn;
    void *ctx;
    const atomic_bool *stop;
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    int idx;
};

static void work(struct pool *pool, int thread)
{
    while (!(pool->stop && atomic_load(pool->stop))) {
        int item = atomic_fetch_add(&pool->next, 1);
        if (item >= pool->n_items) {
            return;
        }
        pool->fn(pool->ctx, item, thread);
    }
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    work(worker->pool, worker->idx);
    return NULL;
}

void pool_run(int n_threads, int n_items, pool_fn fn, void *ctx, const atomic_bool *stop)
{
    struct pool pool = {.n_items = n_items, .fn = fn, .ctx = ctx, .stop = stop};
    int n_workers = (n_threads < n_items ? n_threads : n_items) - 1;
    int n_started = 0;
    if (n_workers < 1) {
        work(&pool, 0);
        return;
    }
    pthread_attr_t attr;
    ASSERT(pthread_attr_init(&attr) == 0);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    struct worker *workers = xcalloc((size_t)n_workers, sizeof *workers);
    while (n_started < n_workers) {
        struct worker *worker = &workers[n_started];
        worker->pool = &pool;
        worker->idx = n_started + 1;
        if (pthread_create(&worker->thread, &attr, worker_main, worker) != 0) {
            break;
        }
        n_started++;
    }
    work(&pool, 0);
    for (int i = 0; i < n_started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    pthread_attr_destroy(&attr);
    free(workers);
}

int pool_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

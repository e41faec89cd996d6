/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool.h - a loop over independent items on several threads. Items are taken in order from an
 * atomic counter; fn writes its result into its own slot, so results do not depend on
 * n_threads. */
#ifndef POOL_H
#define POOL_H

#include <stdatomic.h>
#include <stdbool.h>

typedef void (*pool_fn)(void *ctx, int item, int thread);

/* Calls fn for 0..n_items-1. n_threads <= 1 runs in the calling thread. `stop` (may be NULL)
 * ends the loop after the running items when it becomes true. */
void pool_run(int n_threads, int n_items, pool_fn fn, void *ctx, const atomic_bool *stop);
int pool_cpu_count(void);

#endif

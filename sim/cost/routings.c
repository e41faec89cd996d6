/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/cost/routings.h"

#include <pthread.h>
#include <stdlib.h>

struct routings {
    pthread_mutex_t lock;
    struct moe_routing **items;
    int n, cap;
};

static void routings_free(void *thing)
{
    struct routings *all = thing;
    for (int i = 0; i < all->n; i++) {
        moe_routing_free(all->items[i]);
    }
    free(all->items);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct routings *routings_new(struct arena *arena)
{
    struct routings *all = xcalloc(1, sizeof *all);
    pthread_mutex_init(&all->lock, NULL);
    arena_on_free(arena, routings_free, all);
    return all;
}

static const struct moe_routing *find(const struct routings *all,
                                      const struct experts_config *cfg)
{
    for (int i = 0; i < all->n; i++) {
        if (experts_config_same(&all->items[i]->experts, cfg)) {
            return all->items[i];
        }
    }
    return NULL;
}

/* Drawn outside the lock: threads that want another one do not wait, and of two that draw the
 * same one the second throws its copy away. */
const struct moe_routing *routings_get(struct routings *all, const struct experts_config *cfg)
{
    pthread_mutex_lock(&all->lock);
    const struct moe_routing *found = find(all, cfg);
    pthread_mutex_unlock(&all->lock);
    if (found) {
        return found;
    }
    struct moe_routing *drawn = moe_routing_new(cfg);
    pthread_mutex_lock(&all->lock);
    found = find(all, cfg);
    if (!found) {
        ARRAY_RESERVE(all->items, all->cap, all->n + 1);
        all->items[all->n++] = drawn;
        found = drawn;
        drawn = NULL;
    }
    pthread_mutex_unlock(&all->lock);
    moe_routing_free(drawn);
    return found;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/stock.h"

struct stock *stock_load(struct arena *arena, const char *const *dirs, int n_dirs,
                         struct err *err)
{
    struct stock *s = arena_alloc(arena, 1, sizeof *s);
    if (!gpu_list_load(arena, dirs, n_dirs, &s->gpus, err) ||
        !kernel_set_load(arena, dirs, n_dirs, &s->kernels, err) ||
        !fabric_load(arena, dirs, n_dirs, &s->fabric, err) ||
        !engine_table_load(arena, dirs, n_dirs, &s->engines, err) ||
        !band_table_load(arena, dirs, n_dirs, &s->bands, err) ||
        !node_list_load(arena, dirs, n_dirs, &s->nodes, err) ||
        !kv_links_load(arena, dirs, n_dirs, &s->kv_links, err)) {
        return NULL;
    }
    s->routings = routings_new(arena);
    s->catalogue = (struct catalogue){dirs, n_dirs, &s->gpus};
    return s;
}

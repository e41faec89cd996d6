/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/serve/tandem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

void tandem_init(struct tandem *t, int n_stages)
{
    ASSERT(n_stages > 0);
    t->n_stages = n_stages;
    t->free_s = xcalloc((size_t)n_stages, sizeof *t->free_s);
    t->core_free_s = 0.0;
}

void tandem_fini(struct tandem *t)
{
    free(t->free_s);
    t->free_s = NULL;
}

void tandem_clear(struct tandem *t)
{
    t->core_free_s = 0.0;
    memset(t->free_s, 0, (size_t)t->n_stages * sizeof *t->free_s);
}

struct tandem_way tandem_join(struct tandem *t, double now_s, double core_s,
                              const double *service_s, const double *hop_s)
{
    struct tandem_way way = {0.0, 0.0};
    double start = fmax(now_s, t->core_free_s);
    double at = start + core_s;
    t->core_free_s = at;
    way.waited_s = fmax(0.0, at - fmax(start, t->free_s[0]));
    for (int i = 0; i < t->n_stages; i++) {
        at = fmax(at, t->free_s[i]) + service_s[i];
        t->free_s[i] = at;
        at += i + 1 < t->n_stages ? hop_s[i] : 0.0;
    }
    way.end_s = at;
    return way;
}

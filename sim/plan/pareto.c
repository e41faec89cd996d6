/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pareto.c - see pareto.h. */
#include "sim/plan/pareto.h"

#include <math.h>
#include <string.h>

#include "sim/base/csvio.h"

static const char *prefill_gpu(const struct search_item *item)
{
    return item->option.prefill.gpu ? item->option.prefill.gpu : "";
}

/* Of one model on one kind of GPU. */
static bool comparable(const struct pareto_point *a, const struct pareto_point *b)
{
    return a->item->candidate->model == b->item->candidate->model &&
           a->item->spec.gpu == b->item->spec.gpu &&
           strcmp(prefill_gpu(a->item), prefill_gpu(b->item)) == 0;
}

static bool counts(const struct pareto_point *p)
{
    return p->at->met && p->tok_s_per_user > 0 && p->tok_s_per_gpu > 0;
}

static bool beats(const struct pareto_point *a, const struct pareto_point *b)
{
    bool as_good =
        a->tok_s_per_user >= b->tok_s_per_user && a->tok_s_per_gpu >= b->tok_s_per_gpu;
    return as_good &&
           (a->tok_s_per_user > b->tok_s_per_user || a->tok_s_per_gpu > b->tok_s_per_gpu);
}

static bool on_front(const struct pareto_point *points, int n, int i)
{
    bool front = counts(&points[i]);
    for (int j = 0; j < n && front; j++) {
        front = !(counts(&points[j]) && comparable(&points[j], &points[i]) &&
                  beats(&points[j], &points[i]));
    }
    return front;
}

struct pareto_point *pareto_points(struct arena *arena, const struct plan *plan, int *n)
{
    size_t room = (size_t)plan->search.candidates.n * SEARCH_LOADS + 1;
    struct pareto_point *points = arena_alloc(arena, room, sizeof *points);
    *n = 0;
    for (int i = 0; i < plan->search.candidates.n; i++) {
        for (int k = 0; plan->curves[i].simulated && k < SEARCH_LOADS; k++) {
            const struct search_item *item = &plan->search.items[i];
            const struct capacity_point *at = &plan->curves[i].at[k];
            points[(*n)++] =
                (struct pareto_point){.item = item,
                                      .load = k,
                                      .at = at,
                                      .tok_s_per_user = 1 / at->tpot_s,
                                      .tok_s_per_gpu = at->output_tok_s / item->n_gpus};
        }
    }
    for (int i = 0; i < *n; i++) {
        points[i].front = on_front(points, *n, i);
    }
    return points;
}

static bool is_best(const struct plan *plan, const struct pareto_point *p)
{
    for (int i = 0; i < plan->n_answers; i++) {
        const struct plan_entry *self = plan->answers[i].self;
        if (self && self->item == p->item) {
            return p->load == SEARCH_LOADS - 1;
        }
    }
    return false;
}

static void put_point(struct arena *arena, struct csv_writer *w, const struct plan *plan,
                      const struct pareto_point *p)
{
    const struct search_item *item = p->item;
    const char *beside = prefill_gpu(item);
    const char *gpu = item->spec.gpu->name;
    csv_put(w, item->candidate->model->name);
    csv_put(w, beside[0] ? arena_printf(arena, "%s + %s", gpu, beside) : gpu);
    csv_put(w, item->candidate->name);
    csv_put_int(w, item->n_gpus);
    csv_put_num(w, search_load_fracs[p->load]);
    csv_put_num(w, p->at->rate_rps);
    csv_put_num(w, p->at->ttft_s);
    csv_put_num(w, p->at->tpot_s);
    csv_put_num(w, p->at->batch_mean);
    csv_put_num(w, p->tok_s_per_user);
    csv_put_num(w, p->tok_s_per_gpu);
    csv_put_int(w, p->at->met);
    csv_put_int(w, p->front);
    csv_put_int(w, is_best(plan, p));
    csv_end_row(w);
}

bool pareto_write(struct arena *arena, const struct plan *plan, const char *path,
                  struct err *err)
{
    static const char *const cols[] = {"model",
                                       "hardware",
                                       "system",
                                       "n_gpus",
                                       "load_frac",
                                       "rate_rps",
                                       "ttft_s_mean",
                                       "tpot_s_mean",
                                       "batch_mean",
                                       "tok_s_per_user",
                                       "output_tok_s_per_gpu",
                                       "met",
                                       "front",
                                       "best"};
    struct csv_writer *w = csv_create(path, err);
    int n;
    if (!w) {
        return false;
    }
    const struct pareto_point *points = pareto_points(arena, plan, &n);
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < n; i++) {
        put_point(arena, w, plan, &points[i]);
    }
    return csv_close(w, err);
}

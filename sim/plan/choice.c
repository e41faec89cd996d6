/* SPDX-License-Identifier: GPL-3.0-or-later */
/* choice.c - see choice.h. */
#include "sim/plan/choice.h"

#include <math.h>
#include <stdlib.h>

#include "sim/base/csvio.h"

const char *const choice_verdict_names[] = {
    "cheapest",
    "not scored",
    "cost per point falls",
    "cost per point rises",
    "a cheaper model scores as much",
    "nothing is left",
};

/* Entries are ranked: the first that has a rank is the cheapest. */
static const struct plan_entry *cheapest_of(const struct plan *plan, int model_idx)
{
    for (int i = 0; i < plan->n_ranked; i++) {
        if (plan->entries[i].model_idx == model_idx) {
            return &plan->entries[i];
        }
    }
    return NULL;
}

static int compare_choices(const void *a, const void *b)
{
    const struct choice *x = a;
    const struct choice *y = b;
    if (!x->best || !y->best) {
        return x->best || y->best ? (x->best ? -1 : 1) : x->model_idx - y->model_idx;
    }
    return x->best->rank - y->best->rank;
}

static double requests_per_month(const struct demand *d)
{
    double per_day = 0;
    for (int m = 0; m < d->n_months; m++) {
        per_day += demand_requests_per_day(d, m);
    }
    return per_day / d->n_months * ECON_DAYS_PER_MONTH;
}

static enum choice_verdict verdict_of(const struct choice *c)
{
    if (isnan(c->gain_points)) {
        return CHOICE_UNSCORED;
    }
    if (c->gain_points <= 0) {
        return CHOICE_NO_BETTER;
    }
    return c->gain_frac >= c->gain_needed_frac ? CHOICE_FALLS : CHOICE_RISES;
}

static void compare_with(const struct plan *plan, const struct choice *base, struct choice *c)
{
    bool scored = base->quality > 0 && c->quality > 0;
    c->premium_usd = c->best->usd - base->best->usd;
    c->premium_usd_per_1k_requests = c->premium_usd / requests_per_month(&plan->demand) * 1000;
    c->gain_needed_frac = base->best->usd > 0 ? c->premium_usd / base->best->usd : NAN;
    c->gain_points = scored ? c->quality - base->quality : NAN;
    c->gain_frac = scored ? c->gain_points / base->quality : NAN;
    c->usd_per_point = c->gain_points > 0 ? c->premium_usd / c->gain_points : NAN;
    c->verdict = verdict_of(c);
}

struct choice *choice_list(struct arena *arena, const struct plan *plan)
{
    int n = plan->scenario->n_models;
    struct choice *list = arena_alloc(arena, (size_t)n, sizeof *list);
    for (int m = 0; m < n; m++) {
        list[m] = (struct choice){
            .model_idx = m,
            .best = cheapest_of(plan, m),
            .quality = plan->scenario->models[m].quality,
            .over = -1,
            .premium_usd = NAN,
            .premium_usd_per_1k_requests = NAN,
            .gain_needed_frac = NAN,
            .gain_points = NAN,
            .gain_frac = NAN,
            .usd_per_point = NAN,
            .verdict = CHOICE_NOTHING,
        };
    }
    qsort(list, (size_t)n, sizeof *list, compare_choices);
    int base = -1;
    for (int i = 0; i < n && list[i].best; i++) {
        list[i].over = base;
        list[i].verdict = CHOICE_CHEAPEST;
        if (base >= 0) {
            compare_with(plan, &list[base], &list[i]);
        }
        base = list[i].verdict == CHOICE_NO_BETTER ? base : i;
    }
    return list;
}

static void put_choice(struct csv_writer *w, const struct plan *plan, const struct choice *list,
                       int i)
{
    const struct choice *c = &list[i];
    const struct scenario_model *models = plan->scenario->models;
    if (c->best) {
        csv_put_int(w, i + 1);
    } else {
        csv_put(w, "");
    }
    csv_put(w, models[c->model_idx].name);
    csv_put_num(w, c->quality);
    csv_put(w, c->best ? c->best->name : "");
    csv_put(w, !c->best ? "" : c->best->item ? "self-hosted" : "managed");
    csv_put_num(w, c->best ? c->best->usd : NAN);
    csv_put(w, c->over < 0 ? "" : models[list[c->over].model_idx].name);
    csv_put_num(w, c->premium_usd);
    csv_put_num(w, c->premium_usd_per_1k_requests);
    csv_put_num(w, c->gain_needed_frac);
    csv_put_num(w, c->gain_points);
    csv_put_num(w, c->gain_frac);
    csv_put_num(w, c->usd_per_point);
    csv_put(w, choice_verdict_names[c->verdict]);
    csv_end_row(w);
}

bool choice_write(struct arena *arena, const struct plan *plan, const char *path,
                  struct err *err)
{
    static const char *const cols[] = {"step",
                                       "model",
                                       "quality",
                                       "option",
                                       "side",
                                       "usd_per_month",
                                       "over",
                                       "premium_usd_per_month",
                                       "premium_usd_per_1k_requests",
                                       "gain_needed_frac",
                                       "gain_points",
                                       "gain_frac",
                                       "usd_per_point",
                                       "verdict"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    const struct choice *list = choice_list(arena, plan);
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < plan->scenario->n_models; i++) {
        put_choice(w, plan, list, i);
    }
    return csv_close(w, err);
}

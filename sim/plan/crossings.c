/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crossings.c - see crossings.h. */
#include "sim/plan/crossings.h"

#include <math.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/base/pool.h"

/* Some price, at however small a volume: else what a unit carries is not published. */
static bool has_price(const struct plan_entry *e)
{
    static const double NEXT_TO_NOTHING = 1e-6;
    return !isnan(forecast_managed_usd(&e->c, NEXT_TO_NOTHING));
}

static bool is_pair(const struct plan_entry *self, const struct plan_entry *managed)
{
    return self->item && self->rank > 0 && !managed->item && managed->excluded == RULE_NONE &&
           self->model_idx == managed->model_idx && has_price(managed);
}

static int list_pairs(const struct plan *plan, struct crossing_pair *pairs)
{
    int n = 0;
    for (int i = 0; i < plan->n_entries; i++) {
        for (int j = 0; j < plan->n_entries; j++) {
            if (is_pair(&plan->entries[i], &plan->entries[j])) {
                if (pairs) {
                    pairs[n] = (struct crossing_pair){.self = &plan->entries[i],
                                                      .managed = &plan->entries[j]};
                }
                n++;
            }
        }
    }
    return n;
}

static struct plan_case case_of(const struct crossing_pair *p)
{
    struct plan_case c = p->self->c;
    c.offer = p->managed->c.offer;
    c.has_managed = true;
    return c;
}

struct crossing_search {
    struct crossing_pair *pairs;
    struct crossing *room; /* CROSSINGS_MAX of each pair */
    struct err *errs;      /* of each pair */
};

static void search_pair(void *ctx, int i, int thread)
{
    struct crossing_search *s = ctx;
    struct crossing_pair *p = &s->pairs[i];
    struct arena *arena = arena_new();
    struct plan_case c = case_of(p);
    (void)thread;
    double most = PLAN_VOLUMES_BEYOND * demand_requests_per_day(&c.demand, 0);
    if (breakeven_find(arena, &c, most, &p->found, &s->errs[i])) {
        breakeven_cut(&p->found, CROSSINGS_MAX);
        struct crossing *kept = &s->room[(size_t)i * CROSSINGS_MAX];
        for (int k = 0; k < p->found.n; k++) {
            kept[k] = p->found.items[k];
        }
        p->found.items = kept;
    }
    arena_free(arena);
}

struct crossing_pair *crossings_find(struct arena *arena, const struct plan *plan,
                                     int n_threads, int *n, struct err *err)
{
    *n = list_pairs(plan, NULL);
    size_t room = (size_t)*n + 1;
    struct crossing_search s = {
        .pairs = arena_alloc(arena, room, sizeof *s.pairs),
        .room = arena_alloc(arena, room * CROSSINGS_MAX, sizeof *s.room),
        .errs = arena_alloc(arena, room, sizeof *s.errs),
    };
    memset(s.errs, 0, room * sizeof *s.errs);
    list_pairs(plan, s.pairs);
    pool_run(n_threads, *n, search_pair, &s, NULL);
    for (int i = 0; i < *n; i++) {
        if (s.errs[i].code != ERR_NONE) {
            *err = s.errs[i];
            return NULL;
        }
    }
    return s.pairs;
}

static void put_crossing(struct csv_writer *w, const struct plan *plan,
                         const struct crossing_pair *p, const char *kind,
                         const struct crossing *x)
{
    const struct plan_tokens *t = &p->self->c.option.tokens;
    double tok_per_day = x->requests_per_day * (t->input + t->output);
    csv_put(w, plan->scenario->models[p->self->model_idx].name);
    csv_put(w, p->self->name);
    csv_put(w, p->managed->name);
    csv_put(w, kind);
    csv_put_num(w, x->requests_per_day);
    csv_put_num(w, tok_per_day);
    csv_put_num(w, tok_per_day * ECON_DAYS_PER_MONTH);
    csv_put_num(w, x->usd_per_month);
    csv_put_num(w, x->managed_usd);
    csv_put_int(w, x->gpus);
    csv_put(w, decision_side_names[x->to_self ? SIDE_SELF : SIDE_MANAGED]);
    csv_put_num(w, demand_month_of(&p->self->c.demand, x->requests_per_day));
    csv_end_row(w);
}

/* Where the search ended, and who is cheaper there. */
static struct crossing end_of(const struct crossing_pair *p)
{
    struct plan_case c = case_of(p);
    double at = p->found.searched_to;
    return (struct crossing){.requests_per_day = at,
                             .to_self = p->found.self_at_end,
                             .usd_per_month = forecast_self_usd(&c, at),
                             .managed_usd = forecast_managed_usd(&c, at),
                             .gpus = forecast_fleet(&c, at).gpus};
}

bool crossings_write(struct arena *arena, const struct plan *plan, int n_threads,
                     const char *path, struct err *err)
{
    static const char *const cols[] = {"model",
                                       "option",
                                       "against",
                                       "kind",
                                       "requests_per_day",
                                       "tok_per_day",
                                       "tok_per_month",
                                       "usd_per_month",
                                       "against_usd_per_month",
                                       "n_gpus",
                                       "to",
                                       "month"};
    int n;
    const struct crossing_pair *pairs = crossings_find(arena, plan, n_threads, &n, err);
    struct csv_writer *w = pairs ? csv_create(path, err) : NULL;
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < pairs[i].found.n; k++) {
            const struct crossing *x = &pairs[i].found.items[k];
            put_crossing(w, plan, &pairs[i], crossing_names[x->kind], x);
        }
        struct crossing end = end_of(&pairs[i]);
        put_crossing(w, plan, &pairs[i], "end", &end);
    }
    return csv_close(w, err);
}

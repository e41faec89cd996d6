/* SPDX-License-Identifier: GPL-3.0-or-later */
/* experts.c - expert-parallel deployments: the load of every rank in every layer, and how
 * uneven the ranks are at other EP sizes and batches, with and without redundant experts. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/base/mem.h"
#include "sim/report/tables.h"

enum { MAX_SIZES = 5, MAX_EP = 128, MIN_TOKENS = 8, SPARE_SHARE = 8 };

static bool is_spread(const struct experiment *e, int idx)
{
    const struct system *s = &e->systems[idx];
    return s->step && s->spec.ep > 1 && step_routing(s->step, 0) != NULL;
}

bool tables_have_experts(const struct experiment *e)
{
    bool any = false;
    for (int i = 0; i < e->deployments.n; i++) {
        any = any || is_spread(e, i);
    }
    return any;
}

/* ---- experts.csv ------------------------------------------------------------------------- */

static void put_layers(struct csv_writer *w, const struct system *s,
                       const struct experts_config *c, int first)
{
    double *load = xcalloc((size_t)c->ep, sizeof *load);
    for (int l = 0; l < c->n_layers; l++) {
        double worst = experts_layer_load(c, l, load);
        for (int r = 0; r < c->ep; r++) {
            csv_put(w, s->spec.name);
            csv_put_int(w, c->ep);
            csv_put_int(w, c->n_redundant);
            csv_put_int(w, first + l + 1);
            csv_put_int(w, r);
            csv_put_num(w, experts_sigma(c, l));
            csv_put_num(w, load[r]);
            csv_put_num(w, worst);
            csv_end_row(w);
        }
    }
    free(load);
}

bool tables_write_experts(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {
        "deployment", "ep",         "redundant_experts", "layer",
        "rank",       "skew_sigma", "load_ratio",        "layer_imbalance"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < e->deployments.n; i++) {
        const struct moe_routing *routing;
        int first = 0;
        for (int k = 0; is_spread(e, i) && (routing = step_routing(e->systems[i].step, k));
             k++) {
            put_layers(w, &e->systems[i], &routing->experts, first);
            first += routing->experts.n_layers;
        }
    }
    return csv_close(w, err);
}

/* ---- imbalance.csv ----------------------------------------------------------------------- */

/* Powers of two that divide the experts, the largest few. */
static int ep_sizes(int n_experts, int *sizes)
{
    int n = 0;
    for (int ep = 2; ep <= MAX_EP && n_experts % ep == 0; ep *= 2) {
        if (n == MAX_SIZES) {
            memmove(sizes, sizes + 1, (MAX_SIZES - 1) * sizeof *sizes);
            n--;
        }
        sizes[n++] = ep;
    }
    return n;
}

static void put_points(struct csv_writer *w, const char *model, const char *name,
                       const struct experts_config *c)
{
    struct experts_table table;
    experts_table_build(c, &table);
    for (int i = 0; i < EXPERTS_GRID_N; i++) {
        const struct experts_point *p = &table.points[i];
        if (1 << i < MIN_TOKENS) {
            continue;
        }
        csv_put(w, name);
        csv_put(w, model);
        csv_put_int(w, c->ep);
        csv_put_int(w, c->n_redundant);
        csv_put_int(w, 1 << i);
        csv_put_num(w, p->imbalance);
        csv_put_num(w, p->imbalance_q[0]);
        csv_put_num(w, p->imbalance_q[2]);
        csv_put_num(w, p->distinct_rank);
        csv_put_num(w, p->distinct_all);
        csv_end_row(w);
    }
}

/* Every size without and with one spare slot per rank or more, an eighth of the experts. */
static void put_sizes(struct csv_writer *w, const char *model, bool name_model,
                      const struct experts_config *own)
{
    int sizes[MAX_SIZES];
    int n = ep_sizes(own->n_experts, sizes);
    for (int spare = 0; spare < 2; spare++) {
        for (int i = 0; i < n; i++) {
            struct experts_config c = *own;
            int per_rank = own->n_experts / SPARE_SHARE / sizes[i];
            char name[160];
            c.ep = sizes[i];
            c.n_redundant = spare ? sizes[i] * (per_rank > 0 ? per_rank : 1) : 0;
            c.by_load = spare != 0;
            int at = snprintf(name, sizeof name, "%s%sEP %d", name_model ? model : "",
                              name_model ? ", " : "", c.ep);
            if (spare && at > 0 && (size_t)at < sizeof name) {
                snprintf(name + at, sizeof name - (size_t)at, ", %d redundant", c.n_redundant);
            }
            put_points(w, model, name, &c);
        }
    }
}

static bool seen_before(const struct experiment *e, int idx)
{
    for (int i = 0; i < idx; i++) {
        if (is_spread(e, i) && e->systems[i].spec.model == e->systems[idx].spec.model) {
            return true;
        }
    }
    return false;
}

bool tables_write_imbalance(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {"deployment",        "model",         "ep",
                                       "redundant_experts", "tokens",        "imbalance",
                                       "imbalance_p10",     "imbalance_p90", "distinct_rank",
                                       "distinct_all"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < e->deployments.n; i++) {
        if (is_spread(e, i) && !seen_before(e, i)) {
            const struct model *m = e->systems[i].spec.model;
            put_sizes(w, m->name, e->scenario->n_models > 1,
                      &step_routing(e->systems[i].step, 0)->experts);
        }
    }
    return csv_close(w, err);
}

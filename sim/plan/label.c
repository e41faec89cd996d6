/* SPDX-License-Identifier: GPL-3.0-or-later */
/* label.c - see label.h. */
#include "sim/plan/label.h"

#include <string.h>

static const char *hosting_words(struct arena *arena, const struct hosting *h)
{
    static const char *const rents[][2] = {
        {"on-demand", "rented on demand"},
        {"reserved-1y", "rented for 1 year"},
        {"reserved-3y", "rented for 3 years"},
        {"spot", "rented on the spot market"},
    };
    if (h->kind != HOSTING_RENT) {
        return h->kind == HOSTING_COLO ? "bought and colocated" : "bought for an own site";
    }
    for (size_t i = 0; i < sizeof rents / sizeof *rents; i++) {
        if (strcmp(rents[i][0], h->pricing) == 0) {
            return rents[i][1];
        }
    }
    return arena_printf(arena, "rented %s", h->pricing);
}

/* Machines of both kinds where prefill stands apart. */
static const char *machine_words(struct arena *arena, const struct plan_entry *e)
{
    const struct hosting *h = &e->c.hosting;
    const char *gpu = e->item->spec.gpu->name;
    if (!h->prefill.node) {
        return arena_printf(arena, "%lld × %s %s (%s)", (long long)e->units.gpus, gpu,
                            hosting_words(arena, h), h->node->name);
    }
    int64_t beside = e->units.prefill_nodes * h->prefill.node->n_gpus;
    return arena_printf(arena, "%lld × %s + %lld × %s %s (%s + %s)",
                        (long long)(e->units.gpus - beside), gpu, (long long)beside,
                        e->c.option.prefill.gpu, hosting_words(arena, h), h->node->name,
                        h->prefill.node->name);
}

/* "TP4 EP4"; stages, experts and attention ranks only where there are several. */
static const char *layout_words(struct arena *arena, int tp, int pp, int ep, int dp)
{
    const char *words = arena_printf(arena, "TP%d", tp);
    if (pp > 1) {
        words = arena_printf(arena, "%s PP%d", words, pp);
    }
    if (ep > 1) {
        words = arena_printf(arena, "%s EP%d", words, ep);
    }
    return dp > 1 ? arena_printf(arena, "%s DP%d", words, dp) : words;
}

static const char *replica_words(struct arena *arena, const struct plan_entry *e)
{
    const struct candidate *c = e->item->candidate;
    const struct search_item *item = e->item;
    const struct system_spec *s = &item->spec;
    const char *layout = layout_words(arena, s->tp, s->pp, s->ep, s->dp);
    long long n = (long long)e->units.replicas;
    if (!c->unit) {
        return arena_printf(arena, "%lld replica%s of %s", n, n == 1 ? "" : "s", layout);
    }
    return arena_printf(arena, "%lld unit%s of %d prefill replica%s of %s and %d decode of %s",
                        n, n == 1 ? "" : "s", (int)c->unit->prefill_replicas,
                        c->unit->prefill_replicas == 1 ? "" : "s",
                        layout_words(arena, item->prefill_tp, item->prefill_pp,
                                     item->prefill_ep, item->prefill_dp),
                        candidate_replicas(c), layout);
}

static const char *self_label(struct arena *arena, const struct plan *plan,
                              const struct plan_entry *e)
{
    return arena_printf(arena, "%s · %s · %s weights · %s", machine_words(arena, e),
                        plan->scenario->models[e->model_idx].name,
                        dtype_name(e->item->spec.checkpoint.weights), replica_words(arena, e));
}

static const char *managed_label(struct arena *arena, const struct plan *plan,
                                 const struct plan_entry *e)
{
    const struct offer *o = &e->c.offer;
    const char *model = plan->scenario->models[e->model_idx].name;
    const char *how =
        o->kind == OFFER_PAY_PER_TOKEN ? "paid by the token" : offer_kind_names[o->kind];
    long long n = (long long)e->month.units;
    if (n == 0) {
        return arena_printf(arena, "%s %s · %s", o->provider, how, model);
    }
    const char *units = arena_printf(arena, "%lld unit%s", n, n == 1 ? "" : "s");
    if (o->unit_gpus > 0) {
        units = arena_printf(arena, "%s of %d GPUs", units, o->unit_gpus);
    }
    return arena_printf(arena, "%s %s · %s · %s", o->provider, how, units, model);
}

void label_entries(struct arena *arena, struct plan *plan)
{
    for (int i = 0; i < plan->n_entries; i++) {
        struct plan_entry *e = &plan->entries[i];
        e->label = e->item ? self_label(arena, plan, e) : managed_label(arena, plan, e);
        for (int j = 0; j < i; j++) {
            if (strcmp(plan->entries[j].label, e->label) == 0) {
                e->label = arena_printf(arena, "%s [%s]", e->label, e->name);
                break;
            }
        }
    }
}

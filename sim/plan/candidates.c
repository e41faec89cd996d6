/* SPDX-License-Identifier: GPL-3.0-or-later */
/* candidates.c - fills the open axes of each deployment and drops what appears twice. */
#include "sim/plan/candidates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/experiment/network.h"

enum { MAX_TP = 16, MAX_LAYOUTS = 64, N_BUDGETS = 2 };
/* Tokens per step: engines start from about 2,048 or 8,192; the other one is tried. */
enum { SMALL_BUDGET = 512, LARGE_BUDGET = 4096 };
/* A measured quantile may come out this much below the true one (histo.h, with room). */
static const double HISTOGRAM_ERROR = 0.01;

struct layout {
    int tp, pp, ep, dp;
};
struct layout_list {
    struct layout items[MAX_LAYOUTS];
    int n;
};

/* What the scenario leaves open in one deployment. */
struct open_axes {
    bool pp, dp, tokens;
};

struct build {
    struct arena *arena;
    const struct stock *stock;
    const struct scenario *sc;
    struct candidate_list *list;
    int cap;
    const struct correction_list *corrections; /* of the scenario; NULL none */
};

/* ---- which axes are open --------------------------------------------------------------------
 */

static bool is_default(const struct scenario *sc, const char *path)
{
    const struct scenario_value *v = scenario_value_find(sc, path);
    return !v || v->origin == ORIGIN_DEFAULT;
}

static bool is_closed_by(const struct scenario *sc, int entry_idx, const char *key)
{
    char path[80];
    snprintf(path, sizeof path, "deployments.%d.%s", entry_idx, key);
    return !is_default(sc, path);
}

static struct open_axes open_axes_of(const struct scenario *sc, const struct deployment *d)
{
    const struct scenario_engine *e = &sc->engine;
    return (struct open_axes){
        .pp = d->pp == 0 || !is_closed_by(sc, d->entry_idx, "pp"),
        .dp = d->dp == 0 || !is_closed_by(sc, d->entry_idx, "dp"),
        .tokens = is_auto((double)e->max_num_batched_tokens) &&
                  is_auto((double)e->chunked_prefill_size),
    };
}

/* ---- layouts --------------------------------------------------------------------------------
 */

static void add_layout(struct layout_list *list, struct layout l)
{
    for (int i = 0; i < list->n; i++) {
        const struct layout *x = &list->items[i];
        if (x->tp == l.tp && x->pp == l.pp && x->ep == l.ep && x->dp == l.dp) {
            return;
        }
    }
    if (list->n < MAX_LAYOUTS) {
        list->items[list->n++] = l;
    }
}

static bool heads_divide(const struct model *m, int tp)
{
    for (int i = 0; i < m->n_groups; i++) {
        if (m->groups[i].attn.n_heads % tp != 0) {
            return false;
        }
    }
    return true;
}

/* KV heads that tensor parallelism can share out: beyond, each rank repeats the others' cache.
 */
static int kv_parts(const struct model *m)
{
    int least = MAX_TP;
    for (int i = 0; i < m->n_groups; i++) {
        const struct attn_spec *a = &m->groups[i].attn;
        int parts = a->kind == ATTN_MLA ? 1 : a->n_kv_heads;
        if (a->kind != ATTN_LINEAR && parts < least) {
            least = parts > 0 ? parts : 1;
        }
    }
    return least;
}

static void add_experts(struct layout_list *list, const struct deployment *d, struct layout l)
{
    const struct mlp_spec *moe = model_moe_spec(d->model);
    int ranks = l.tp * l.dp;
    if (d->ep > 0) {
        l.ep = d->ep;
        if (ranks % l.ep == 0) {
            add_layout(list, l);
        }
        return;
    }
    if (!moe || l.dp == 1) {
        l.ep = 1;
        add_layout(list, l);
    }
    if (moe && ranks > 1 && moe->n_experts % ranks == 0) {
        l.ep = ranks;
        add_layout(list, l);
    }
}

static int domain_of(const struct gpu *gpu)
{
    return gpu->scaleup_gpus < MAX_TP ? gpu->scaleup_gpus : MAX_TP;
}

/* All layouts over n GPUs of one stage. */
static void add_stage(struct layout_list *list, const struct deployment *d,
                      const struct open_axes *open, int n, int pp)
{
    int parts = kv_parts(d->model);
    if (d->tp > 0 || heads_divide(d->model, n)) {
        add_experts(list, d, (struct layout){d->tp > 0 ? d->tp : n, pp, 0, 1});
    }
    bool worthwhile = parts > 0 && parts < n && n % parts == 0 && model_is_moe(d->model);
    if (open->dp && d->tp == 0 && worthwhile) {
        add_experts(list, d, (struct layout){parts, pp, 0, n / parts});
    }
}

static bool layout_fits(const struct build *b, const struct system_spec *spec,
                        const struct layout *l)
{
    struct system_spec s = *spec;
    struct system system;
    struct err ignored = {0};
    s.tp = l->tp;
    s.pp = l->pp;
    s.ep = l->ep;
    s.dp = l->dp;
    bool fits = system_resolve(b->stock, &s, &system, &ignored) && system.step != NULL;
    system_fini(&system);
    return fits;
}

static bool any_fits(const struct build *b, const struct system_spec *spec,
                     const struct layout_list *list)
{
    for (int i = list->n - 1; i >= 0; i--) { /* the largest first */
        if (layout_fits(b, spec, &list->items[i])) {
            return true;
        }
    }
    return false;
}

static void layouts_of(const struct build *b, const struct deployment *d,
                       const struct system_spec *spec, struct layout_list *list)
{
    struct open_axes open = open_axes_of(b->sc, d);
    int pp = d->pp > 0 ? d->pp : 1;
    list->n = 0;
    if (d->dp > 1 || (d->dp == 1 && !open.dp && d->tp > 0)) {
        int tp = d->tp;
        for (int t = tp > 0 ? tp : 1; t <= (tp > 0 ? tp : domain_of(d->gpu)); t *= 2) {
            if (tp > 0 || heads_divide(d->model, t)) {
                add_experts(list, d, (struct layout){t, pp, 0, d->dp});
            }
        }
        return;
    }
    if (d->tp > 0) {
        add_stage(list, d, &open, d->tp, pp);
        return;
    }
    for (int n = 1; n <= domain_of(d->gpu); n *= 2) {
        add_stage(list, d, &open, n, pp);
    }
    if (open.pp && pp == 1 && !any_fits(b, spec, list)) {
        add_stage(list, d, &open, domain_of(d->gpu), 2);
        add_stage(list, d, &open, domain_of(d->gpu), 4);
    }
}

/* ---- engine settings ------------------------------------------------------------------------
 */

/* Where each engine keeps the tokens of one step. */
static int64_t *budget_of(struct system_spec *s)
{
    return s->engine == ENGINE_SGLANG ? &s->chunked_prefill : &s->max_batched_tokens;
}

/* -1: the engine's own. */
static int budgets_of(const struct build *b, const struct system_spec *spec, bool open,
                      int64_t *budgets)
{
    struct engine_defaults d;
    struct err ignored = {0};
    budgets[0] = -1;
    if (!open || !engine_defaults_for(b->stock->engines, spec->engine, spec->engine_version,
                                      spec->gpu, spec->tp, &d, &ignored)) {
        return 1;
    }
    int64_t usual = spec->engine == ENGINE_SGLANG ? d.chunked_prefill : d.max_batched_tokens;
    if (usual < SMALL_BUDGET) {
        return 1;
    }
    budgets[1] = usual >= LARGE_BUDGET ? usual / 4 : usual * 4;
    return N_BUDGETS;
}

/* ---- names ----------------------------------------------------------------------------------
 */

static const char *add_count(struct arena *arena, const char *name, const char *what, int64_t n,
                             int64_t usual)
{
    return n == usual ? name : arena_printf(arena, "%s %s%lld", name, what, (long long)n);
}

static const char *candidate_name(struct arena *arena, const struct scenario *sc,
                                  struct system_spec *s, enum router_kind router)
{
    const char *name = arena_printf(arena, "%s %s %s tp%d", s->model->name,
                                    dtype_name(s->checkpoint.weights), s->gpu->name, s->tp);
    name = add_count(arena, name, "pp", s->pp, 1);
    name = add_count(arena, name, "dp", s->dp, 1);
    name = add_count(arena, name, "ep", s->ep, 1);
    name = arena_printf(arena, "%s %s", name, engine_names[s->engine]);
    name = add_count(arena, name, "tokens", *budget_of(s), -1);
    if (s->kv != DTYPE_AUTO) {
        name = arena_printf(arena, "%s kv-%s", name, dtype_name(s->kv));
    }
    for (int i = 0; i < TIER_N; i++) {
        if (s->tier_bytes[i] > 0) {
            name = arena_printf(arena, "%s %s%.6gGiB", name, tier_names[i],
                                (double)s->tier_bytes[i] / 1073741824.0);
        }
    }
    for (int i = 0; i < sc->n_deployments; i++) {
        if (sc->deployments[i].router.n > 1) {
            return arena_printf(arena, "%s %s", name, router_names[router]);
        }
    }
    return name;
}

/* ---- the list -------------------------------------------------------------------------------
 */

/* Replicas on either side, and the layout of the prefill side as far as it is given. */
static const char *add_sides(struct build *b, const struct deployment *d, const char *name)
{
    const struct scenario_prefill *p = &b->sc->deployments[d->entry_idx].prefill;
    name = arena_printf(b->arena, "%s %lld", name, (long long)d->prefill_replicas);
    if (d->prefill_gpu != d->gpu) {
        name = arena_printf(b->arena, "%s %s", name, d->prefill_gpu->name);
    }
    name = p->tp > 0 ? add_count(b->arena, name, "tp", p->tp, 0) : name;
    name = p->pp > 0 ? add_count(b->arena, name, "pp", p->pp, 1) : name;
    name = p->dp > 0 ? add_count(b->arena, name, "dp", p->dp, 1) : name;
    name = p->ep > 0 ? add_count(b->arena, name, "ep", p->ep, 1) : name;
    return arena_printf(b->arena, "%s prefill + %lld decode", name,
                        (long long)(d->replicas > 0 ? d->replicas : 1));
}

static void add_candidate(struct build *b, const struct deployment *d,
                          const struct system_spec *spec, bool given_tokens)
{
    struct candidate_list *list = b->list;
    struct system_spec s = *spec;
    if (given_tokens) {
        s.max_batched_tokens = b->sc->engine.max_num_batched_tokens;
        s.chunked_prefill = b->sc->engine.chunked_prefill_size;
    }
    const char *name = candidate_name(b->arena, b->sc, &s, d->router);
    bool apart = d->prefill_replicas > 0;
    if (apart) {
        name = add_sides(b, d, name);
    }
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return; /* from another number of replicas, which the plan finds itself */
        }
    }
    s.name = name;
    ARRAY_RESERVE(list->items, b->cap, list->n + 1);
    list->items[list->n++] = (struct candidate){.name = name,
                                                .spec = s,
                                                .model = d->spec,
                                                .router = d->router,
                                                .unit = apart ? d : NULL};
}

static void add_settings(struct build *b, const struct deployment *d,
                         const struct system_spec *spec)
{
    int64_t budgets[N_BUDGETS];
    bool open = open_axes_of(b->sc, d).tokens;
    int n = budgets_of(b, spec, open, budgets);
    for (int i = 0; i < n; i++) {
        struct system_spec s = *spec;
        *budget_of(&s) = budgets[i];
        add_candidate(b, d, &s, !open);
    }
}

static bool add_deployment(struct build *b, const struct deployment *d, struct err *err)
{
    struct system_spec spec;
    struct network network; /* its name is checked here: layouts that fail count as unfit */
    if (!system_spec_of(b->sc, d, &spec, err) ||
        !network_of_gpu(&b->stock->fabric, &b->stock->nodes, spec.network, spec.node, spec.gpu,
                        &network, err)) {
        return false;
    }
    spec.corrections = b->corrections;
    struct layout_list layouts;
    layouts_of(b, d, &spec, &layouts);
    for (int i = 0; i < layouts.n; i++) {
        const struct layout *l = &layouts.items[i];
        spec.tp = l->tp;
        spec.pp = l->pp;
        spec.ep = l->ep;
        spec.dp = l->dp;
        add_settings(b, d, &spec);
    }
    return true;
}

bool candidates_enumerate(struct arena *arena, const struct stock *stock,
                          const struct scenario *sc, struct candidate_list *list,
                          struct err *err)
{
    struct deployment_list deployments;
    if (!scenario_deployments(arena, sc, &stock->catalogue, &deployments, err)) {
        return false;
    }
    *list = (struct candidate_list){0};
    struct build b = {.arena = arena, .stock = stock, .sc = sc, .list = list};
    bool ok = correction_of_scenario(arena, sc, &b.corrections, err);
    for (int i = 0; ok && i < deployments.n; i++) {
        ok = add_deployment(&b, &deployments.items[i], err);
    }
    struct candidate *items = arena_alloc(arena, (size_t)list->n + 1, sizeof *items);
    if (list->n > 0) {
        memcpy(items, list->items, (size_t)list->n * sizeof *items);
    }
    free(list->items);
    list->items = items;
    if (ok && list->n == 0) {
        return err_set(err, ERR_UNFIT, "no layout divides the attention heads of the model");
    }
    return ok;
}

/* ---- bounds ---------------------------------------------------------------------------------
 */

double candidate_step_floor_s(const struct system *system)
{
    const struct step_model *model = system->step;
    int n_ranks = model->cfg.dp;
    struct step_batch *batches = xcalloc((size_t)n_ranks, sizeof *batches);
    struct step_cache cache;
    struct step_work work;
    batches[0].n_decode = 1;
    batches[0].n_sample = 1;
    for (int i = 0; i < model->n_spans; i++) {
        batches[0].ctx_tokens[i] = 1.0;
    }
    step_cache_init(&cache, model, 1);
    step_time_s(&cache, batches, n_ranks);
    step_work(&cache, &work);
    step_cache_fini(&cache);
    free(batches);
    return fmax(work.memory_s, work.compute_s);
}

/* Gaps between tokens are only there to be limited when answers have several. */
static bool has_gaps(const struct scenario_class *c)
{
    return !c->lengths_from_trace && dist_mean(&c->output) >= 2.0;
}

/* Until the first token, at the least: a step that computes it. Apart, the prompt takes a step
 * on the prefill side; its token leaves there (handed out on arrival), or on vLLM from a step
 * of the decode side. */
static double first_token_floor_s(const struct system *system, const struct system *prefill,
                                  double step_s)
{
    if (!prefill) {
        return step_s;
    }
    double prefill_s = candidate_step_floor_s(prefill) * (1.0 - HISTOGRAM_ERROR);
    return prefill_s + (system->spec.engine == ENGINE_VLLM ? step_s : 0.0);
}

/* Drafted tokens that are accepted leave a step together. */
static double metric_floor_s(const struct system *system, const struct scenario_class *c,
                             enum slo_metric m, double step_s, double first_s)
{
    int drafted = system->spec.draft_tokens;
    if (m != SLO_TPOT && m != SLO_ITL) {
        return first_s;
    }
    if (!has_gaps(c) || (m == SLO_ITL && drafted > 0)) {
        return 0.0;
    }
    return step_s / (1 + drafted);
}

bool candidate_bound(const struct system *system, const struct system *prefill,
                     const struct scenario_class *classes, int n_classes, char *why,
                     size_t why_size)
{
    double step_s = candidate_step_floor_s(system) * (1.0 - HISTOGRAM_ERROR);
    double first_s = first_token_floor_s(system, prefill, step_s);
    for (int c = 0; c < n_classes; c++) {
        for (int m = 0; m < SLO_N_METRICS; m++) {
            double floor_s =
                metric_floor_s(system, &classes[c], (enum slo_metric)m, step_s, first_s);
            for (int s = 0; s < SLO_N_STATS; s++) {
                double limit_s = classes[c].slo.limit_s[m][s];
                if (limit_s < floor_s) { /* never for NaN */
                    snprintf(why, why_size,
                             "%s %s of %s is limited to %.3g ms; at peak bandwidth it is "
                             "%.3g ms or more",
                             slo_metric_names[m], slo_stat_names[s], classes[c].name,
                             limit_s * 1e3, floor_s * 1e3);
                    return true;
                }
            }
        }
    }
    return false;
}

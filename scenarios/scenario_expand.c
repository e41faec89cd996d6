/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_expand.c - the cross product of a scenario's lists as concrete deployments. The
 * lists are the digits of a mixed-radix counter, so the order is that of the file and the last
 * digit varies fastest. */
#include <stdlib.h>
#include <string.h>

#include "hardware/catalog.h"
#include "scenarios/scenario.h"

enum axis {
    AXIS_WEIGHTS,
    AXIS_KV,
    AXIS_ENGINE,
    AXIS_HARDWARE,
    AXIS_TP,
    AXIS_PP,
    AXIS_EP,
    AXIS_DP,
    AXIS_REPLICAS,
    AXIS_PREFILL,
    AXIS_PREFILL_HARDWARE,
    AXIS_NETWORK,
    AXIS_ROUTER,
    AXIS_KV_HOST,
    AXIS_KV_SSD,
    AXIS_N,
};

/* One entry of `deployments` with one model: lists[] NULL at AXIS_HARDWARE,
 * AXIS_PREFILL_HARDWARE and AXIS_NETWORK, which hold names. */
struct product {
    const struct int_list *lists[AXIS_N];
    int n[AXIS_N];
    int digit[AXIS_N];
};

static void product_init(struct product *p, const struct scenario *sc, int entry_idx,
                         int model_idx)
{
    const struct scenario_deployment *entry = &sc->deployments[entry_idx];
    const struct scenario_model *model = &sc->models[model_idx];
    *p = (struct product){.lists = {
                              [AXIS_WEIGHTS] = &model->weights,
                              [AXIS_KV] = &model->kv_cache,
                              [AXIS_ENGINE] = &sc->engine.kind,
                              [AXIS_TP] = &entry->tp,
                              [AXIS_PP] = &entry->pp,
                              [AXIS_EP] = &entry->ep,
                              [AXIS_DP] = &entry->dp,
                              [AXIS_REPLICAS] = &entry->replicas,
                              [AXIS_PREFILL] = &entry->prefill_replicas,
                              [AXIS_ROUTER] = &entry->router,
                              [AXIS_KV_HOST] = &entry->kv_host_bytes,
                              [AXIS_KV_SSD] = &entry->kv_ssd_bytes,
                          }};
    p->n[AXIS_HARDWARE] = entry->hardware.n;
    p->n[AXIS_PREFILL_HARDWARE] = entry->prefill.hardware.n > 0 ? entry->prefill.hardware.n : 1;
    p->n[AXIS_NETWORK] = entry->network.n > 0 ? entry->network.n : 1;
    for (int a = 0; a < AXIS_N; a++) {
        p->n[a] = p->lists[a] ? p->lists[a]->n : p->n[a];
    }
}

static bool product_next(struct product *p)
{
    for (int a = AXIS_N - 1; a >= 0; a--) {
        if (++p->digit[a] < p->n[a]) {
            return true;
        }
        p->digit[a] = 0;
    }
    return false;
}

static int64_t product_get(const struct product *p, enum axis axis)
{
    return p->lists[axis]->items[p->digit[axis]];
}

int64_t scenario_count_deployments(const struct scenario *sc)
{
    double total = 0;
    for (int e = 0; e < sc->n_deployments; e++) {
        for (int m = 0; m < sc->n_models; m++) {
            struct product p;
            product_init(&p, sc, e, m);
            double n = 1; /* 15 lists of at most 1,000: far inside a double's range */
            for (int a = 0; a < AXIS_N; a++) {
                n *= p.n[a];
            }
            total += n;
        }
    }
    return total < 9e18 ? (int64_t)total : INT64_MAX;
}

/* ---- names ---- */

static const char *add_part(struct arena *arena, const char *name, const char *part)
{
    return name[0] == '\0' ? part : arena_printf(arena, "%s-%s", name, part);
}

static const char *add_number(struct arena *arena, const char *name, const char *letters,
                              int64_t value)
{
    const char *text = value > 0 ? arena_printf(arena, "%s%lld", letters, (long long)value)
                                 : arena_printf(arena, "%s-auto", letters);
    return add_part(arena, name, text);
}

/* "host256GiB" */
static const char *add_tier(struct arena *arena, const char *name, const struct product *p,
                            enum axis axis, bool named)
{
    double gib = (double)product_get(p, axis) / 1073741824.0;
    if (p->n[axis] == 1 && (named || gib == 0.0)) {
        return name;
    }
    const char *tier = axis == AXIS_KV_HOST ? "host" : "ssd";
    return add_part(arena, name, arena_printf(arena, "%s%.6gGiB", tier, gib));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What varies over the list is named, plus the hardware and any explicit layout; a given name
 * replaces the hardware and layout unless they vary. */
static const char *deployment_name(struct arena *arena, const struct scenario *sc,
                                   const struct product *p, const struct deployment *d)
{
    static const struct {
        enum axis axis;
        const char *letters;
        int64_t usual; /* not worth naming */
    } numbers[] = {{AXIS_TP, "tp", 0}, {AXIS_PP, "pp", 1},      {AXIS_EP, "ep", 0},
                   {AXIS_DP, "dp", 1}, {AXIS_REPLICAS, "x", 1}, {AXIS_PREFILL, "prefill", 0}};
    const char *given = sc->deployments[d->entry_idx].name;
    bool named = given[0] != '\0';
    const char *name = given;
    if (sc->n_models > 1) {
        name = add_part(arena, name, last_part(d->spec->name));
    }
    if (p->n[AXIS_WEIGHTS] > 1) {
        name = add_part(arena, name, dtype_name(d->weights));
    }
    if (p->n[AXIS_KV] > 1) {
        name = add_part(arena, name, arena_printf(arena, "kv-%s", dtype_name(d->kv_cache)));
    }
    if (p->n[AXIS_ENGINE] > 1) {
        name = add_part(arena, name, engine_names[d->engine]);
    }
    if (!named || p->n[AXIS_HARDWARE] > 1) {
        name = add_part(arena, name, d->gpu->name);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t value = product_get(p, numbers[i].axis);
        if (numbers[i].axis == AXIS_PREFILL && value == 0) {
            name = p->n[AXIS_PREFILL] > 1 ? add_part(arena, name, "together") : name;
        } else if (p->n[numbers[i].axis] > 1 || (!named && value > numbers[i].usual)) {
            name = add_number(arena, name, numbers[i].letters, value);
        }
    }
    if (p->n[AXIS_PREFILL_HARDWARE] > 1 && d->prefill_replicas > 0) {
        name = add_part(arena, name, d->prefill_gpu->name);
    }
    if (p->n[AXIS_NETWORK] > 1) {
        name = add_part(arena, name, d->network[0] ? d->network : "network-auto");
    }
    if (p->n[AXIS_ROUTER] > 1) {
        name = add_part(arena, name, router_names[d->router]);
    }
    name = add_tier(arena, name, p, AXIS_KV_HOST, named);
    return add_tier(arena, name, p, AXIS_KV_SSD, named);
}

static int compare_names(const void *a, const void *b)
{
    const struct deployment *x = *(struct deployment *const *)a;
    const struct deployment *y = *(struct deployment *const *)b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y); /* list order among equals */
}

static bool is_name(const struct deployment_list *list, const char *name)
{
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Equal names get their number, or the next that no given name has. */
static void make_unique(struct arena *arena, struct deployment_list *list)
{
    struct deployment **sorted = arena_alloc(arena, (size_t)list->n, sizeof *sorted);
    for (int i = 0; i < list->n; i++) {
        sorted[i] = &list->items[i];
    }
    qsort(sorted, (size_t)list->n, sizeof *sorted, compare_names);
    const char *previous = "";
    int repeat = 1;
    for (int i = 0; i < list->n; i++) {
        const char *name = sorted[i]->name;
        repeat = strcmp(name, previous) == 0 ? repeat + 1 : 1;
        previous = name;
        if (repeat == 1) {
            continue;
        }
        const char *unique = arena_printf(arena, "%s#%d", name, repeat);
        while (is_name(list, unique)) {
            unique = arena_printf(arena, "%s#%d", name, ++repeat);
        }
        sorted[i]->name = unique;
    }
}

/* ---- building ---- */

/* Experts are divided over the tp * dp ranks of a replica. A combination where they cannot be
 * is left out: it comes from crossing lists. */
static bool layout_is_possible(const struct deployment *d)
{
    return d->tp == 0 || d->ep == 0 || d->dp == 0 || (d->tp * d->dp) % d->ep == 0;
}

/* "": auto. */
static const char *name_at(const struct str_list *names, const struct product *p,
                           enum axis axis)
{
    const char *name = names->n > 0 ? names->items[p->digit[axis]] : "auto";
    return strcmp(name, "auto") == 0 ? "" : name;
}

static bool fill(struct arena *arena, const struct scenario *sc,
                 const struct catalogue *catalogue, const struct product *p,
                 struct deployment *d, struct err *err)
{
    const struct scenario_deployment *entry = &sc->deployments[d->entry_idx];
    struct checkpoint checkpoint;
    enum dtype asked = (enum dtype)product_get(p, AXIS_WEIGHTS);
    d->gpu = gpu_find(catalogue->gpus, entry->hardware.items[p->digit[AXIS_HARDWARE]], err);
    if (!d->gpu) {
        return false;
    }
    const char *beside = name_at(&entry->prefill.hardware, p, AXIS_PREFILL_HARDWARE);
    d->prefill_gpu = beside[0] == '\0' ? d->gpu : gpu_find(catalogue->gpus, beside, err);
    if (!d->prefill_gpu ||
        !model_checkpoint_named(d->model, asked, d->spec->name, &checkpoint, err)) {
        return false;
    }
    d->weights = checkpoint.weights;
    d->kv_cache = (enum dtype)product_get(p, AXIS_KV);
    d->engine = (enum engine_kind)product_get(p, AXIS_ENGINE);
    d->tp = (int)product_get(p, AXIS_TP);
    d->pp = (int)product_get(p, AXIS_PP);
    d->ep = (int)product_get(p, AXIS_EP);
    d->dp = (int)product_get(p, AXIS_DP);
    d->replicas = product_get(p, AXIS_REPLICAS);
    d->prefill_replicas = product_get(p, AXIS_PREFILL);
    d->network = name_at(&entry->network, p, AXIS_NETWORK);
    d->router = (enum router_kind)product_get(p, AXIS_ROUTER);
    d->kv_host_bytes = product_get(p, AXIS_KV_HOST);
    d->kv_ssd_bytes = product_get(p, AXIS_KV_SSD);
    d->node = entry->node;
    d->name = deployment_name(arena, sc, p, d);
    return true;
}

/* Has the list of prefill hardware named this GPU before? Together, it makes no difference. */
static bool repeats_prefill(const struct scenario_deployment *entry, const struct product *p,
                            const struct deployment *d)
{
    for (int i = 0; i < p->digit[AXIS_PREFILL_HARDWARE]; i++) {
        const char *name = entry->prefill.hardware.items[i];
        const char *gpu = strcmp(name, "auto") == 0 ? d->gpu->name : name;
        if (d->prefill_replicas == 0 || catalog_same_name(gpu, d->prefill_gpu->name)) {
            return true;
        }
    }
    return false;
}

/* Gives an error of the catalogue, which knows no scenario, the place that named the thing. */
static bool locate(const struct scenario *sc, const char *path, struct src_pos otherwise,
                   const struct err *cause, struct err *err)
{
    const struct scenario_value *value = scenario_value_find(sc, path);
    struct src_pos pos = value && value->origin != ORIGIN_DEFAULT ? value->pos : otherwise;
    if (!err || cause->line > 0) {
        if (err) {
            *err = *cause;
        }
        return false;
    }
    err_at(err, pos, "%s", cause->text);
    err->code = cause->code == ERR_IO ? ERR_IO : ERR_INPUT;
    memcpy(err->hint, cause->hint, sizeof err->hint);
    return false;
}

static bool expand_entry(struct arena *arena, const struct scenario *sc,
                         const struct catalogue *catalogue, int entry_idx, int model_idx,
                         const struct model *model, struct deployment_list *list,
                         struct err *err)
{
    struct product p;
    struct err cause = {0};
    const struct scenario_deployment *entry = &sc->deployments[entry_idx];
    int n_before = list->n;
    product_init(&p, sc, entry_idx, model_idx);
    do {
        struct deployment *d = &list->items[list->n];
        *d = (struct deployment){.spec = &sc->models[model_idx],
                                 .model_idx = model_idx,
                                 .entry_idx = entry_idx,
                                 .model = model};
        if (!fill(arena, sc, catalogue, &p, d, &cause)) {
            const char *path =
                !d->gpu ? arena_printf(arena, "deployments.%d.hardware", entry_idx)
                : !d->prefill_gpu
                    ? arena_printf(arena, "deployments.%d.prefill.hardware", entry_idx)
                    : arena_printf(arena, "model.%d.weights", model_idx);
            return locate(sc, path, entry->pos, &cause, err);
        }
        list->n += layout_is_possible(d) && !repeats_prefill(entry, &p, d);
    } while (product_next(&p));
    if (list->n == n_before) {
        return err_at(err, entry->pos,
                      "ep must divide tp * dp; no combination of these lists does");
    }
    return true;
}

static const struct model **find_models(struct arena *arena, const struct scenario *sc,
                                        const struct catalogue *catalogue, struct err *err)
{
    const struct model **models = arena_alloc(arena, (size_t)sc->n_models, sizeof *models);
    for (int m = 0; m < sc->n_models; m++) {
        struct err cause = {0};
        models[m] =
            model_find(arena, catalogue->dirs, catalogue->n_dirs, sc->models[m].name, &cause);
        if (!models[m]) {
            struct src_pos top = {sc->file, 0, 0};
            locate(sc, arena_printf(arena, "model.%d.name", m), top, &cause, err);
            return NULL;
        }
    }
    return models;
}

/* The same for all. */
static bool find_draft(struct arena *arena, const struct scenario *sc,
                       const struct catalogue *catalogue, struct deployment_list *list,
                       struct err *err)
{
    const char *name = sc->engine.draft_model;
    if (name[0] == '\0') {
        return true;
    }
    struct err cause = {0};
    const struct model *draft =
        model_find(arena, catalogue->dirs, catalogue->n_dirs, name, &cause);
    for (int i = 0; i < list->n; i++) {
        list->items[i].draft_model = draft;
    }
    return draft ||
           locate(sc, "engine.draft_model", (struct src_pos){sc->file, 0, 0}, &cause, err);
}

bool scenario_deployments(struct arena *arena, const struct scenario *sc,
                          const struct catalogue *catalogue, struct deployment_list *list,
                          struct err *err)
{
    int64_t n = scenario_count_deployments(sc);
    ASSERT(n >= 1 && n <= SCENARIO_MAX_DEPLOYMENTS); /* scenario_load checked */
    const struct model **models = find_models(arena, sc, catalogue, err);
    if (!models) {
        return false;
    }
    list->items = arena_alloc(arena, (size_t)n + 1, sizeof *list->items);
    list->n = 0;
    for (int e = 0; e < sc->n_deployments; e++) {
        for (int m = 0; m < sc->n_models; m++) {
            if (!expand_entry(arena, sc, catalogue, e, m, models[m], list, err)) {
                return false;
            }
        }
    }
    make_unique(arena, list);
    return find_draft(arena, sc, catalogue, list, err);
}

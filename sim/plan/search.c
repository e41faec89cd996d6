/* SPDX-License-Identifier: GPL-3.0-or-later */
/* search.c - see search.h. */
#include "sim/plan/search.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hardware/catalog.h"
#include "sim/base/pool.h"
#include "sim/base/progress.h"
#include "sim/cost/power.h"
#include "sim/experiment/evidence.h"
#include "sim/plan/search_part.h"

/* Share of a server's own power (all but the GPUs) that it draws while serving, and without
 * load: an assumption between idle fans and the rating of its supplies. */
static const double HOST_BUSY_SHARE = 0.6;
static const double HOST_IDLE_SHARE = 0.4;
/* Host power of a GPU's share where no node of that GPU states its own: of the GPU's TDP. DGX
 * H100 0.82, DGX B200 0.79, GB200 NVL72 0.39. */
static const double HOST_PER_TDP = 0.7;
enum { TRACE_FOREVER = 1 << 20, LENGTH_DRAWS = 1 << 18 };

const char *const search_state_names[] = {"sized", "layout",  "memory",
                                          "bound", "no load", "skipped"};

/* ---- the load -------------------------------------------------------------------------------
 */

static double trace_rps(const struct trace *t)
{
    return t->duration_s > 0.0 ? (double)t->n / t->duration_s : 1.0;
}

void search_classes(const struct workload *w, int64_t max_model_len, struct load_class *classes)
{
    workload_classes(w, 1.0, 0, max_model_len, classes);
    for (int i = 0; i < w->scenario->n_classes; i++) {
        struct load_class *c = &classes[i];
        c->hourly = NULL; /* a plan sizes for the peak that demand.shape has */
        if (c->process == LOAD_CLOSED || c->process == LOAD_OFFLINE) {
            c->process = LOAD_POISSON;
        }
        if (c->process == LOAD_TRACE) {
            c->trace_speed = c->rate_rps / trace_rps(c->trace);
            c->trace_repeat = TRACE_FOREVER;
        }
    }
}

struct plan_tokens search_tokens(const struct workload *w, int64_t max_model_len)
{
    int n_classes = w->scenario->n_classes;
    struct load_class *classes = xcalloc((size_t)n_classes, sizeof *classes);
    struct load_config cfg = {.classes = classes,
                              .n_classes = n_classes,
                              .n_requests = LENGTH_DRAWS,
                              .seed = (uint64_t)w->scenario->simulation.seed};
    search_classes(w, max_model_len, classes);
    struct load *load = load_new(&cfg);
    struct plan_tokens sum = {0.0, 0.0, 0.0};
    struct arrival a;
    double n = 0.0;
    for (; load_next(load, &a); n++) {
        sum.input += (double)a.prompt_tokens;
        sum.output += (double)a.output_tokens;
        load_ended(load, a.class_idx, a.session, true, a.time_s);
    }
    load_free(load);
    free(classes);
    return (struct plan_tokens){sum.input / n, 0.0, sum.output / n};
}

/* The failure of the first item that has one, whatever the number of threads: items are begun
 * in order, and those behind a failure are left. */
struct failure {
    pthread_mutex_t lock;
    struct err err;
    bool failed;
    int idx;
};

static void note_failure(struct failure *f, int idx, const struct err *err)
{
    pthread_mutex_lock(&f->lock);
    if (!f->failed || idx < f->idx) {
        f->failed = true;
        f->idx = idx;
        f->err = *err;
    }
    pthread_mutex_unlock(&f->lock);
}

static bool failed_before(struct failure *f, int idx)
{
    pthread_mutex_lock(&f->lock);
    bool failed = f->failed && f->idx < idx;
    pthread_mutex_unlock(&f->lock);
    return failed;
}

struct sizing {
    struct arena *arena;
    const struct stock *stock;
    const struct node_list *nodes;
    const struct scenario *sc;
    const struct search_options *options;
    const struct workload *work;
    struct scenario_slo *slos;
    struct search *search; /* being filled; NULL when fleets of a finished one are confirmed */
    struct progress *progress;
    struct failure *failure;
};

static void sizing_open(struct sizing *z, struct arena *arena, const struct stock *stock,
                        const struct scenario *sc, const struct search_options *options,
                        const struct workload *work)
{
    *z = (struct sizing){
        .arena = arena, .stock = stock, .sc = sc, .options = options, .work = work};
    z->slos = arena_alloc(arena, (size_t)sc->n_classes, sizeof *z->slos);
    for (int i = 0; i < sc->n_classes; i++) {
        z->slos[i] = sc->classes[i].slo;
    }
}

/* A candidate made concrete: what decodes (or does both), and its prefill side. */
struct unit {
    const struct candidate *candidate;
    struct system system;
    struct prefill_side prefill;
    struct arena *arena;
};

/* unit_close in any case. */
static bool unit_open(const struct sizing *z, const struct candidate *c, struct unit *u,
                      struct err *err)
{
    *u = (struct unit){.candidate = c, .arena = arena_new()};
    return system_resolve(z->stock, &c->spec, &u->system, err) &&
           (!c->unit || prefill_resolve(u->arena, z->stock, z->sc, c->unit, &c->spec,
                                        &u->system, &u->prefill, err));
}

static void unit_close(struct unit *u)
{
    system_fini(&u->system);
    prefill_fini(&u->prefill);
    arena_free(u->arena);
}

static int decode_gpus(const struct unit *u)
{
    return candidate_replicas(u->candidate) * u->system.n_gpus;
}

static int prefill_gpus(const struct unit *u)
{
    return u->prefill.n_replicas * u->prefill.system.n_gpus;
}

static int unit_gpus(const struct unit *u)
{
    return decode_gpus(u) + prefill_gpus(u);
}

/* classes: scratch [n_classes], which the configuration points at. */
static struct capacity_config config_of(const struct sizing *z, const struct unit *unit,
                                        struct load_class *classes)
{
    const struct system *system = &unit->system;
    search_classes(z->work, system->spec.max_model_len, classes);
    int64_t most = z->options->max_requests;
    return (struct capacity_config){
        .replica = &system->replica,
        .prefill = unit->prefill.n_replicas > 0 ? &unit->prefill : NULL,
        .decode_replicas = candidate_replicas(unit->candidate),
        .decode_gpus = system->n_gpus,
        .classes = classes,
        .slos = z->slos,
        .n_classes = z->sc->n_classes,
        .stationary = !z->work->has_trace,
        .seed = (uint64_t)z->sc->simulation.seed,
        .max_requests = most > 0 ? most : z->sc->simulation.requests,
        .max_replications = z->options->max_replications,
        .stop = z->options->abandon,
    };
}

/* A candidate ready to be simulated. */
struct bench {
    struct unit unit;
    struct load_class *classes;
    struct capacity_config cfg;
};

/* bench_close in any case. */
static bool bench_open(const struct sizing *z, const struct candidate *candidate,
                       struct bench *b)
{
    struct err ignored = {0}; /* it was open before, or it would not have a capacity */
    b->classes = NULL;
    if (!unit_open(z, candidate, &b->unit, &ignored) || !b->unit.system.step) {
        return false;
    }
    b->classes = xcalloc((size_t)z->sc->n_classes, sizeof *b->classes);
    b->cfg = config_of(z, &b->unit, b->classes);
    return true;
}

static void bench_close(struct bench *b)
{
    free(b->classes);
    unit_close(&b->unit);
}

/* ---- facts of a sized system ----------------------------------------------------------------
 */

double search_host_w(const struct node_list *nodes, const struct gpu *gpu)
{
    for (int i = 0; nodes && i < nodes->n_nodes; i++) {
        const struct node_spec *n = &nodes->nodes[i];
        double host_w = n->n_gpus > 0 ? n->power_max_w / n->n_gpus - gpu->tdp_w : 0.0;
        if (catalog_same_name(n->gpu, gpu->name) && n->power_max_w > 0.0 && host_w > 0.0) {
            return host_w;
        }
    }
    return HOST_PER_TDP * gpu->tdp_w;
}

/* Of n GPUs of a role. */
static void add_power(const struct sizing *z, const struct gpu *gpu, int n,
                      const struct pool_use *use, double *power_w, double *idle_w)
{
    double host_w = search_host_w(z->nodes, gpu);
    double busy_w = power_gpu_w(gpu, use->busy_frac, use->mbu_frac, use->mfu_frac);
    *power_w += n * (busy_w + HOST_BUSY_SHARE * host_w);
    *idle_w += n * (gpu->idle_w + HOST_IDLE_SHARE * host_w);
}

static void fill_power(const struct sizing *z, const struct unit *unit,
                       struct search_item *item)
{
    const struct capacity_point *p = &item->capacity.at;
    struct plan_option *o = &item->option;
    bool mixed = o->prefill.gpu != NULL;
    add_power(z, unit->system.spec.gpu, decode_gpus(unit), &p->decode, &o->power_w,
              &o->idle_power_w);
    if (unit->prefill.n_replicas > 0) {
        add_power(z, unit->prefill.system.spec.gpu, prefill_gpus(unit), &p->prefill,
                  mixed ? &o->prefill.power_w : &o->power_w,
                  mixed ? &o->prefill.idle_power_w : &o->idle_power_w);
    }
}

/* Capacity is throughput under open arrivals: its band is that of such predictions. */
static void fill_band(const struct sizing *z, const struct system *system,
                      struct search_item *item)
{
    static const enum plan_evidence grade_of[] = {
        [EVIDENCE_NONE] = PLAN_EVIDENCE_NONE,
        [EVIDENCE_SKU] = PLAN_EVIDENCE_SKU,
        [EVIDENCE_FAMILY] = PLAN_EVIDENCE_FAMILY,
        [EVIDENCE_MEASURED] = PLAN_EVIDENCE_MEASURED,
    };
    const struct band_table *bands = &z->stock->bands;
    struct band band = {1.0, 1.0};
    if (!evidence_band(bands, system, BAND_OUTPUT_TOK_S, BAND_OPEN, BAND_PROMPT_ANY, &band)) {
        band = (struct band){1.0, 1.0};
    }
    item->option.evidence = grade_of[system->evidence.grade];
    item->option.rps_lo = item->capacity.rps * band.lo;
    item->option.rps_hi = item->capacity.rps * band.hi;
}

/* GPUs of one instance that share a scale-up domain. */
static int domain_share(const struct system *s)
{
    int domain = s->spec.gpu->scaleup_gpus;
    return s->n_gpus < domain ? s->n_gpus : domain;
}

/* Network cards that KV and the stages of a pipeline were simulated over, of one GPU. */
static double decode_nic(const struct unit *u)
{
    return fmax(u->prefill.decode_nic_bytes_per_s, u->system.nic_bytes_per_s);
}

static double prefill_nic(const struct unit *u)
{
    return fmax(u->prefill.nic_bytes_per_s, u->prefill.system.nic_bytes_per_s);
}

/* What stands on which kind of GPU, and what of it must share a node: instances whose KV
 * travels inside the scale-up domain all together, else each by itself. */
static void fill_shares(const struct unit *u, struct plan_option *o)
{
    const struct system *decode = &u->system;
    const struct system *prefill = &u->prefill.system;
    bool apart = u->prefill.n_replicas > 0;
    o->gpu = decode->spec.gpu->name;
    o->gpus_per_replica = unit_gpus(u);
    o->node_gpus = domain_share(decode);
    o->nic_bytes_per_s = decode_nic(u);
    o->nic_named = u->prefill.nic_named || decode->nic_named;
    if (apart && prefill->spec.gpu != decode->spec.gpu) {
        o->gpus_per_replica = decode_gpus(u);
        o->instances = candidate_replicas(u->candidate);
        o->prefill = (struct plan_share){.gpu = prefill->spec.gpu->name,
                                         .gpus = prefill_gpus(u),
                                         .instances = u->prefill.n_replicas,
                                         .node_gpus = domain_share(prefill),
                                         .nic_bytes_per_s = prefill_nic(u),
                                         .nic_named = o->nic_named};
        return;
    }
    o->nic_bytes_per_s = fmax(o->nic_bytes_per_s, apart ? prefill_nic(u) : 0.0);
    if (apart && u->prefill.in_one_domain) {
        o->node_gpus = unit_gpus(u);
    } else if (apart) {
        int larger = domain_share(prefill);
        o->node_gpus = larger > o->node_gpus ? larger : o->node_gpus;
        bool equal = prefill->n_gpus == decode->n_gpus; /* else packed as one piece */
        o->instances = equal ? candidate_replicas(u->candidate) + u->prefill.n_replicas : 1;
    }
}

static void fill_option(const struct sizing *z, const struct unit *unit,
                        struct search_item *item)
{
    const struct capacity_point *p = &item->capacity.at;
    item->option = (struct plan_option){
        .name = item->candidate->name,
        .model = item->spec.model->name,
        .rps_per_replica = item->capacity.rps,
        .prefill_time_frac = p->prefill_time_frac,
        .e2e_s = p->e2e_s,
        .quality = item->candidate->model->quality,
    };
    fill_shares(unit, &item->option);
    fill_power(z, unit, item);
    fill_band(z, &unit->system, item);
}

/* ---- one candidate --------------------------------------------------------------------------
 */

static void describe_no_load(const struct sizing *z, struct search_item *item)
{
    const struct capacity *c = &item->capacity;
    double use = c->at.use[c->bind];
    snprintf(item->why, sizeof item->why,
             "outside its limits at any load: %s of class %s at %.0f %% of its limit with one "
             "request at a time",
             bind_names[c->bind], z->sc->classes[c->bind_class].name, 100.0 * use);
}

/* From its part, or by simulation. */
static bool find_capacity(const struct sizing *z, const struct unit *unit, int idx,
                          struct capacity *out, struct err *err)
{
    const struct parts *parts = z->options->parts;
    if (parts && parts_has(parts, "candidate", idx)) {
        return capacity_load(parts, idx, z->sc->n_classes, out, err);
    }
    if (parts && parts->merge) {
        return err_set(err, ERR_INPUT,
                       "the candidate %s is missing: run its shard again with --resume",
                       z->search->candidates.items[idx].name);
    }
    struct load_class *classes = xcalloc((size_t)z->sc->n_classes, sizeof *classes);
    struct capacity_config cfg = config_of(z, unit, classes);
    capacity_find(&cfg, out);
    free(classes);
    bool keep = parts && !out->interrupted && !out->impossible;
    return !keep || capacity_save(parts, idx, z->search->candidates.items[idx].name, out, err);
}

static void size_unit(const struct sizing *z, const struct unit *unit, struct search_item *item)
{
    struct err err = {0};
    int idx = (int)(item - z->search->items);
    if (!find_capacity(z, unit, idx, &item->capacity, &err)) {
        note_failure(z->failure, idx, &err);
        item->capacity.interrupted = true;
    }
    if (item->capacity.interrupted) {
        item->state = SEARCH_SKIPPED;
    } else if (item->capacity.rps > 0.0) {
        item->state = SEARCH_SIZED;
        fill_option(z, unit, item);
    } else {
        item->state = SEARCH_NO_LOAD;
        describe_no_load(z, item);
    }
}

static void size_resolved(const struct sizing *z, const struct unit *unit,
                          struct search_item *item)
{
    const struct system *system = &unit->system;
    const struct system *prefill = &unit->prefill.system;
    bool apart = unit->prefill.n_replicas > 0;
    item->spec = system->spec;
    item->footprint = system->footprint;
    item->n_gpus = unit_gpus(unit);
    if (apart) {
        item->prefill_tp = prefill->spec.tp;
        item->prefill_pp = prefill->spec.pp;
        item->prefill_ep = prefill->spec.ep;
        item->prefill_dp = prefill->spec.dp;
    }
    if (!system->step || (apart && !prefill->step)) {
        item->state = SEARCH_NO_MEMORY;
        snprintf(item->why, sizeof item->why, "%s%.180s", system->step ? "prefill: " : "",
                 system->step ? prefill->footprint.reason : system->footprint.reason);
        return;
    }
    if (!z->options->exhaustive &&
        candidate_bound(system, apart ? prefill : NULL, z->sc->classes, z->sc->n_classes,
                        item->why, sizeof item->why)) {
        item->state = SEARCH_BOUND;
        return;
    }
    size_unit(z, unit, item);
}

/* Of other shards nothing is sized; to merge, everything is. */
static bool is_wanted(const struct search_options *o, int idx)
{
    return !o->parts || o->parts->merge || parts_is_mine(o->parts, idx);
}

static void size_task(void *ctx, int i, int thread)
{
    struct sizing *z = ctx;
    struct search_item *item = &z->search->items[i];
    struct unit unit;
    struct err err = {0};
    (void)thread;
    progress_add(z->progress, 1);
    if (!is_wanted(z->options, i) || failed_before(z->failure, i)) {
        return;
    }
    if (unit_open(z, item->candidate, &unit, &err)) {
        size_resolved(z, &unit, item);
    } else {
        item->state = SEARCH_NO_LAYOUT;
        snprintf(item->why, sizeof item->why, "%.*s", (int)sizeof item->why - 1, err.text);
    }
    unit_close(&unit);
}

static bool check_possible(const struct search *s, struct err *err)
{
    for (int i = 0; i < s->candidates.n; i++) {
        if (s->items[i].capacity.impossible) {
            return err_set(err, ERR_INTERNAL,
                           "%s would be faster than its memory and arithmetic allow",
                           s->items[i].candidate->name);
        }
    }
    return true;
}

/* Of the workload; the share that a cache held is of the simulation. */
static void fill_tokens(struct search *s)
{
    struct plan_tokens tokens = {0.0, 0.0, 0.0};
    int64_t max_model_len = -1;
    for (int i = 0; i < s->candidates.n; i++) {
        struct search_item *item = &s->items[i];
        const struct capacity_point *p = &item->capacity.at;
        if (item->state != SEARCH_SIZED) {
            continue;
        }
        if (item->spec.max_model_len != max_model_len) {
            max_model_len = item->spec.max_model_len;
            tokens = search_tokens(s->work, max_model_len);
        }
        item->option.tokens = tokens;
        item->option.tokens.cached = tokens.input * p->hit_tokens / p->input_tokens;
    }
}

bool search_run(struct arena *arena, const struct stock *stock, const struct node_list *nodes,
                const struct scenario *sc, const struct search_options *options,
                struct search *out, struct err *err)
{
    struct sizing z;
    *out = (struct search){0};
    out->work = workload_load(arena, sc, err);
    if (!out->work || !candidates_enumerate(arena, stock, sc, &out->candidates, err)) {
        return false;
    }
    sizing_open(&z, arena, stock, sc, options, out->work);
    int n = out->candidates.n;
    z.nodes = nodes;
    z.search = out;
    out->items = arena_alloc(arena, (size_t)n, sizeof *out->items);
    for (int i = 0; i < n; i++) {
        out->items[i].candidate = &out->candidates.items[i];
        out->items[i].spec = out->candidates.items[i].spec;
        out->items[i].state = SEARCH_SKIPPED;
    }
    struct failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    z.failure = &failure;
    z.progress = progress_new("sizing", n, options->quiet);
    pool_run(options->n_threads, n, size_task, &z, options->stop);
    progress_free(z.progress);
    if (failure.failed) {
        *err = failure.err;
        return false;
    }
    for (int i = 0; i < n; i++) {
        out->n_requests += out->items[i].capacity.n_requests;
        out->n_events += out->items[i].capacity.n_events;
        out->n_mine += is_wanted(options, i);
        out->n_done += out->items[i].state != SEARCH_SKIPPED;
    }
    out->interrupted = out->n_done < out->n_mine;
    fill_tokens(out);
    return check_possible(out, err);
}

/* ---- fleets ---------------------------------------------------------------------------------
 */

struct confirming {
    struct sizing z;
    const struct search *search;
    const int *idx;
    const int64_t *sizes;
    double peak_rps;
    struct fleet_check *checks;
};

static void simulate_fleet(const struct confirming *c, int i)
{
    const struct candidate *candidate = &c->search->candidates.items[c->idx[i]];
    struct bench bench;
    if (bench_open(&c->z, candidate, &bench)) {
        fleet_confirm(&bench.cfg, (enum route)candidate->router, c->sizes[i], c->peak_rps,
                      &c->checks[i]);
    }
    bench_close(&bench);
}

static bool confirm_fleet(const struct confirming *c, int i, struct err *err)
{
    const struct parts *parts = c->z.options->parts;
    struct fleet_check *check = &c->checks[i];
    int idx = c->idx[i];
    check->interrupted = false;
    if (parts && parts_has(parts, "fleet", idx)) {
        return fleet_check_load(parts, idx, c->z.sc->n_classes, c->sizes[i], c->peak_rps, check,
                                err);
    }
    simulate_fleet(c, i);
    bool keep = parts && !parts->merge && !check->interrupted && !check->impossible;
    return !keep || fleet_check_save(parts, idx, c->search->candidates.items[idx].name,
                                     c->peak_rps, check, err);
}

static void confirm_task(void *ctx, int i, int thread)
{
    struct confirming *c = ctx;
    struct err err = {0};
    (void)thread;
    if (!failed_before(c->z.failure, i) && !confirm_fleet(c, i, &err)) {
        note_failure(c->z.failure, i, &err);
    }
    progress_add(c->z.progress, 1);
}

bool search_confirm(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                    const struct search *search, const struct search_fleets *fleets,
                    const struct search_options *options, struct fleet_check *checks,
                    struct err *err)
{
    int n = fleets->n;
    struct confirming c = {.search = search,
                           .idx = fleets->idx,
                           .sizes = fleets->sizes,
                           .peak_rps = fleets->peak_rps,
                           .checks = checks};
    sizing_open(&c.z, arena, stock, sc, options, search->work);
    for (int i = 0; i < n; i++) {
        checks[i] = (struct fleet_check){.interrupted = true}; /* until its turn comes */
    }
    struct failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    c.z.failure = &failure;
    c.z.progress = progress_new("confirming", n, options->quiet);
    pool_run(options->n_threads, n, confirm_task, &c, options->stop);
    progress_free(c.z.progress);
    if (failure.failed) {
        *err = failure.err;
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (checks[i].impossible) {
            return err_set(err, ERR_INTERNAL,
                           "a fleet of %s would be faster than its memory and arithmetic allow",
                           search->candidates.items[fleets->idx[i]].name);
        }
    }
    return true;
}

/* ---- below capacity -------------------------------------------------------------------------
 */

const double search_load_fracs[SEARCH_LOADS] = {0.03, 0.1, 0.25, 0.5, 0.75, 1.0};
enum { CURVE_BATCHES = 6, CURVE_LEAST_REQUESTS = 300 };

struct curving {
    struct sizing z;
    const struct search *search;
    struct search_curve *curves;
};

/* A load below what the item sustains, whose batch shrinks with it. */
static void measure_load(struct capacity_config *cfg, const struct search_item *item, int k,
                         struct search_curve *curve)
{
    const struct capacity *found = &item->capacity;
    struct capacity measured;
    double frac = search_load_fracs[k];
    double requests = CURVE_BATCHES * frac * found->at.batch_mean;
    cfg->n_requests = (int64_t)fmax(requests, CURVE_LEAST_REQUESTS);
    capacity_measure(cfg, frac * found->rps, 1, &measured);
    curve->at[k] = measured.at;
    curve->n_requests += measured.n_requests;
    curve->n_events += measured.n_events;
    curve->interrupted |= measured.interrupted;
    curve->impossible |= measured.impossible;
}

static void curve_task(void *ctx, int i, int thread)
{
    struct curving *c = ctx;
    const struct search_item *item = &c->search->items[i];
    struct search_curve *curve = &c->curves[i];
    struct bench bench;
    (void)thread;
    *curve = (struct search_curve){0};
    progress_add(c->z.progress, 1);
    if (item->state != SEARCH_SIZED) {
        return;
    }
    if (bench_open(&c->z, item->candidate, &bench)) {
        for (int k = 0; k < SEARCH_LOADS - 1; k++) {
            measure_load(&bench.cfg, item, k, curve);
        }
        curve->at[SEARCH_LOADS - 1] = item->capacity.at;
        curve->simulated = true;
    }
    bench_close(&bench);
}

bool search_curves(struct arena *arena, const struct stock *stock, const struct scenario *sc,
                   const struct search *search, const struct search_options *options,
                   struct search_curve *curves, struct err *err)
{
    struct curving c = {.search = search, .curves = curves};
    int n = search->candidates.n;
    for (int i = 0; i < n; i++) {
        curves[i] = (struct search_curve){.interrupted = true}; /* until its turn comes */
    }
    sizing_open(&c.z, arena, stock, sc, options, search->work);
    c.z.progress = progress_new("curves", n, options->quiet);
    pool_run(options->n_threads, n, curve_task, &c, options->stop);
    progress_free(c.z.progress);
    for (int i = 0; i < n; i++) {
        if (curves[i].impossible) {
            return err_set(err, ERR_INTERNAL,
                           "%s would be faster than its memory and arithmetic allow",
                           search->candidates.items[i].name);
        }
    }
    return true;
}

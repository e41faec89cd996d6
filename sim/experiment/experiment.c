/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/experiment/experiment.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/base/outfile.h"
#include "sim/base/pool.h"
#include "sim/core/output.h"
#include "sim/cost/power.h"
#include "sim/experiment/evidence.h"
#include "sim/experiment/point_part.h"
#include "sim/experiment/workload.h"

enum {
    CAPACITY_REQUESTS = 1500, /* offline run that tells a deployment's largest throughput */
    KEEP_TIMELINES = 256,     /* more points than this keep no timelines */
    AUTO_POINTS = 10,
};
/* Loads of an automatic sweep, as shares of the offline throughput. */
static const double AUTO_FROM = 0.1;
static const double AUTO_TO = 1.1;
static const double FLOOR_TOLERANCE = 1e-9;

const char *measure_name(enum measure m, char *buf, size_t n)
{
    static const char *const names[] = {
        "slo_attained_frac",
        "goodput_rps",
        "output_tok_s",
        "input_tok_s",
        "output_tok_s_per_gpu",
        "completed",
        "rejected",
        "failed",
        "kv_used_frac_mean",
        "kv_used_frac_max",
        "batch_mean",
        "preemptions",
        "retries",
        "link_failures",
        "availability_frac",
        "maintenance_frac",
        "prefix_hit_frac",
        "tier_hit_frac",
        "busy_frac",
        "gpu_hours",
        "provisioned_frac",
        "prefill_gpu_hours",
        "prefill_busy_frac",
        "handover_s_mean",
        "link_busy_frac_max",
        "scaleup_busy_frac",
        "network_busy_frac",
        "mfu_frac",
        "mbu_frac",
        "moe_imbalance_mean",
        "power_w_mean",
        "j_per_output_token",
        "stable",
    };
    if (m < MEASURE_SLO_ATTAINED) {
        snprintf(buf, n, "%s_s_%s", latency_names[m / STAT_N], latency_stat_names[m % STAT_N]);
    } else {
        snprintf(buf, n, "%s", names[m - MEASURE_SLO_ATTAINED]);
    }
    return buf;
}

const char *system_evidence(const struct system *s)
{
    return evidence_names[s->evidence.grade];
}

/* Measures that have a band; false for the others. */
static bool band_metric_of(enum measure m, enum band_metric *out)
{
    static const enum band_metric of_latency[LAT_N] = {[LAT_TTFT] = BAND_TTFT,
                                                       [LAT_TPOT] = BAND_TPOT,
                                                       [LAT_ITL] = BAND_ITL,
                                                       [LAT_E2E] = BAND_E2E,
                                                       [LAT_QUEUE] = BAND_METRIC_N};
    static const enum band_metric of_tail[LAT_N] = {[LAT_TTFT] = BAND_TTFT_TAIL,
                                                    [LAT_TPOT] = BAND_TPOT,
                                                    [LAT_ITL] = BAND_ITL,
                                                    [LAT_E2E] = BAND_E2E_TAIL,
                                                    [LAT_QUEUE] = BAND_METRIC_N};
    *out = BAND_METRIC_N;
    if (m < MEASURE_SLO_ATTAINED) {
        bool tail = m % STAT_N > STAT_P90;
        *out = tail ? of_tail[m / STAT_N] : of_latency[m / STAT_N];
    } else if (m == MEASURE_OUTPUT_TOK_S || m == MEASURE_OUTPUT_TOK_S_PER_GPU) {
        *out = BAND_OUTPUT_TOK_S;
    }
    return *out != BAND_METRIC_N;
}

bool measure_has_band(enum measure m)
{
    enum band_metric unused;
    return band_metric_of(m, &unused);
}

static enum band_load band_load_of(const struct point *p)
{
    if (p->concurrency > 0) {
        return band_load_of_clients(p->concurrency);
    }
    return strcmp(p->load, "offline") == 0 ? BAND_OFFLINE : BAND_OPEN;
}

/* An open load that is sustained delivers what arrives; beyond that it is as good as offline.
 */
static bool throughput_load(const struct point *p, enum band_load *load)
{
    *load = band_load_of(p);
    if (*load == BAND_OPEN) {
        *load = BAND_OFFLINE;
        return !p->stable;
    }
    return true;
}

/* Any where classes differ, or a trace brings its own prompts. */
static enum band_prompt band_prompts(const struct scenario *sc, const struct point *p)
{
    enum band_prompt all = BAND_PROMPT_ANY;
    for (int i = 0; i < sc->n_classes; i++) {
        const struct scenario_class *c = &sc->classes[i];
        bool equal = p->concurrency > 1 && c->output.kind == DIST_CONSTANT;
        enum band_prompt own = band_prompt_of(dist_mean(&c->prompt), equal);
        if (c->lengths_from_trace || (i > 0 && own != all)) {
            return BAND_PROMPT_ANY;
        }
        all = own;
    }
    return all;
}

struct band point_band(const struct experiment *e, const struct point *p, enum measure m)
{
    const struct system *s = &e->systems[p->system_idx];
    struct band band = {NAN, NAN};
    enum band_metric metric;
    enum band_load load = band_load_of(p);
    if (!band_metric_of(m, &metric) ||
        (metric == BAND_OUTPUT_TOK_S && !throughput_load(p, &load)) ||
        !evidence_band(s->bands, s, metric, load, band_prompts(e->scenario, p), &band)) {
        return (struct band){NAN, NAN};
    }
    return band;
}

/* ---- systems
 * ---------------------------------------------------------------------------------- */

/* A layout that was chosen shows in the name, else one H200 would stand beside two H100
 * unnoticed. */
static void name_layout(struct arena *arena, const struct system_spec *asked,
                        struct system_spec *chosen)
{
    if (asked->tp == 0) {
        chosen->name = arena_printf(arena, "%s-tp%d", asked->name, chosen->tp);
    }
}

struct experiment *experiment_new(struct arena *arena, const struct stock *stock,
                                  const struct scenario *sc, const struct experiment_options *o,
                                  struct err *err)
{
    struct experiment *e = xcalloc(1, sizeof *e);
    e->scenario = sc;
    e->replications = o->replications > 0 ? o->replications : (int)sc->simulation.replications;
    e->requests = o->requests > 0 ? o->requests : sc->simulation.requests;
    e->seed = (uint64_t)(o->seed >= 0 ? o->seed : sc->simulation.seed);
    if (!scenario_deployments(arena, sc, &stock->catalogue, &e->deployments, err)) {
        free(e);
        return NULL;
    }
    e->systems = xcalloc((size_t)e->deployments.n, sizeof *e->systems);
    e->prefills = xcalloc((size_t)e->deployments.n, sizeof *e->prefills);
    const struct correction_list *corrections;
    if (!correction_of_scenario(arena, sc, &corrections, err)) {
        experiment_free(e);
        return NULL;
    }
    for (int i = 0; i < e->deployments.n; i++) {
        struct system_spec spec;
        const struct deployment *d = &e->deployments.items[i];
        bool ok = system_spec_of(sc, d, &spec, err);
        spec.corrections = corrections;
        if (!ok || !system_resolve(stock, &spec, &e->systems[i], err) ||
            !prefill_resolve(arena, stock, sc, d, &spec, &e->systems[i], &e->prefills[i],
                             err)) {
            experiment_free(e);
            return NULL;
        }
        name_layout(arena, &spec, &e->systems[i].spec);
    }
    return e;
}

void experiment_free(struct experiment *e)
{
    if (!e) {
        return;
    }
    for (int i = 0; e->systems && i < e->deployments.n; i++) {
        system_fini(&e->systems[i]);
        prefill_fini(&e->prefills[i]);
    }
    for (int i = 0; i < e->n_points; i++) {
        point_drop(&e->points[i]);
    }
    free(e->points);
    free(e->prefills);
    free(e->systems);
    free(e);
}

bool experiment_fits(const struct experiment *e, int i, const struct system **unfit)
{
    bool prefill_unfit = e->prefills[i].n_replicas > 0 && !e->prefills[i].system.step;
    *unfit = !e->systems[i].step ? &e->systems[i]
             : prefill_unfit     ? &e->prefills[i].system
                                 : NULL;
    return *unfit == NULL;
}

int experiment_replicas(const struct experiment *e, int i)
{
    int64_t n = e->deployments.items[i].replicas;
    return n > 0 ? (int)n : 1;
}

int64_t experiment_gpus(const struct experiment *e, int i)
{
    const struct prefill_side *p = &e->prefills[i];
    return (int64_t)e->systems[i].n_gpus * experiment_replicas(e, i) +
           (int64_t)p->system.n_gpus * p->n_replicas;
}

/* ---- one replication of one point
 * ------------------------------------------------------------- */

/* How far a point is. Ends are ordered: the worst of its replications counts. */
enum slot_end { SLOT_FINE, SLOT_ABANDONED, SLOT_IMPOSSIBLE };
struct slot {
    double (*values)[MEASURE_N]; /* [replications][classes + 1] from its first replication to
                                    its last */
    int n_left;                  /* replications */
    enum slot_end end;
};

struct task_ctx {
    struct experiment *e;
    const struct workload *work;
    const struct experiment_options *options;
    struct progress *progress;
    bool keep_timelines;
    struct slot *slots; /* [points] */
    int64_t n_items;    /* replications to simulate */
    /* of slots, err and the points' results */
    pthread_mutex_t lock;
    bool failed; /* err says why: begin no further point */
    struct err err;
};

static void put_request(void *ctx, int64_t id, int replica, const struct finished *f,
                        const char *why)
{
    struct csv_writer *w = ctx;
    static const char *const outcomes[] = {"completed", "rejected", "failed"};
    csv_put_int(w, id);
    csv_put_int(w, f->class_idx);
    csv_put_int(w, replica);
    csv_put(w, outcomes[f->outcome]);
    csv_put(w, why);
    csv_put_num(w, f->arrival_s);
    csv_put_num(w, f->scheduled_s);
    csv_put_num(w, f->first_s);
    csv_put_num(w, f->outcome == OUTCOME_COMPLETED ? f->last_s : NAN);
    csv_put_int(w, f->prompt_tokens);
    csv_put_int(w, f->output_tokens);
    csv_put_int(w, f->hit_tokens);
    csv_put_int(w, f->tier_tokens);
    csv_end_row(w);
}

struct request_rows {
    struct csv_writer *writer;
    const char *deployment, *load;
};
static void put_request_row(void *ctx, int64_t id, int replica, const struct finished *f,
                            const char *why)
{
    struct request_rows *rows = ctx;
    csv_put(rows->writer, rows->deployment);
    csv_put(rows->writer, rows->load);
    put_request(rows->writer, id, replica, f, why);
}

static double share(double part, double whole)
{
    return whole > 0.0 ? part / whole : NAN;
}

static double busiest_link(const struct cluster_result *r)
{
    double most = r->n_links > 0 ? 0.0 : NAN;
    for (int i = 0; i < r->n_links; i++) {
        most = fmax(most, share(r->links[i].bytes, r->links[i].bytes_per_s * r->end_s));
    }
    return most;
}

static double port_use(const struct experiment *e, int system_idx,
                       const struct cluster_result *r, bool is_network)
{
    const struct prefill_side *side = &e->prefills[system_idx];
    double use = network_port_use(&e->systems[system_idx].ports, is_network,
                                  r->decode.comm_bytes, r->decode.replica_s);
    return side->n_replicas == 0
               ? use
               : fmax(use, network_port_use(&side->system.ports, is_network,
                                            r->prefill.comm_bytes, r->prefill.replica_s));
}

/* Provisioned, of both sides. */
static double gpu_seconds(const struct experiment *e, int system_idx,
                          const struct cluster_result *r)
{
    return r->decode.replica_s * e->systems[system_idx].n_gpus +
           r->prefill.replica_s * e->prefills[system_idx].system.n_gpus;
}

/* Of all GPUs of a pool that are provisioned. */
static double pool_power_w(const struct system *s, const struct pool_result *p, double end_s)
{
    double busy = p->stats.busy_s;
    return s->n_gpus * (end_s > 0.0 ? p->replica_s / end_s : 0.0) *
           power_gpu_w(s->spec.gpu, p->replica_s > 0.0 ? busy / p->replica_s : 0.0,
                       busy > 0.0 ? p->work.memory_s / busy : 0.0,
                       busy > 0.0 ? p->work.compute_s / busy : 0.0);
}

/* Rates and shares that are the same for every class. The KV pool and the batch are those of
 * the decode side, where requests live. */
static void fill_common(const struct experiment *e, const struct point *p,
                        const struct cluster_result *r, double *v)
{
    const struct system *s = &e->systems[p->system_idx];
    const struct replica_stats *d = &r->decode.stats;
    double busy = r->stats.busy_s;
    double kv_bytes = (double)s->replica.kv_bytes * s->spec.dp;
    v[MEASURE_KV_USED_MEAN] = d->busy_s > 0.0 ? d->kv_byte_s / d->busy_s / kv_bytes : 0.0;
    v[MEASURE_KV_USED_MAX] = d->kv_max_bytes / kv_bytes;
    v[MEASURE_BATCH_MEAN] = d->busy_s > 0.0 ? d->batch_s / d->busy_s : 0.0;
    v[MEASURE_PREEMPTIONS] = (double)r->stats.n_preemptions;
    v[MEASURE_RETRIES] = (double)r->n_retries;
    v[MEASURE_AVAILABILITY] =
        r->replica_s > 0.0 ? fmax(0.0, 1.0 - (r->down_s + r->maintained_s) / r->replica_s)
                           : 1.0;
    v[MEASURE_MAINTENANCE] = r->replica_s > 0.0 ? r->maintained_s / r->replica_s : 0.0;
    v[MEASURE_BUSY] = r->replica_s > 0.0 ? busy / r->replica_s : 0.0;
    double gpu_s = gpu_seconds(e, p->system_idx, r);
    double fleet_s = (double)experiment_gpus(e, p->system_idx) * r->end_s;
    v[MEASURE_GPU_HOURS] = gpu_s / 3600.0;
    v[MEASURE_PROVISIONED] = fleet_s > 0.0 ? gpu_s / fleet_s : 1.0;
    const struct prefill_side *side = &e->prefills[p->system_idx];
    v[MEASURE_PREFILL_GPU_HOURS] =
        side->n_replicas > 0 ? r->prefill.replica_s * side->system.n_gpus / 3600.0 : NAN;
    v[MEASURE_LINK_FAILURES] = side->n_replicas > 0 ? (double)r->n_link_failures : NAN;
    v[MEASURE_PREFILL_BUSY] = share(r->prefill.stats.busy_s, r->prefill.replica_s);
    v[MEASURE_HANDOVER_S] = share(r->handover.wait_s, (double)r->handover.n_landed);
    v[MEASURE_LINK_BUSY] = busiest_link(r);
    v[MEASURE_SCALEUP_BUSY] = port_use(e, p->system_idx, r, false);
    v[MEASURE_NETWORK_BUSY] = port_use(e, p->system_idx, r, true);
    v[MEASURE_MFU] = busy > 0.0 ? r->work.compute_s / busy : 0.0;
    v[MEASURE_MBU] = busy > 0.0 ? r->work.memory_s / busy : 0.0;
    double experts = r->parts_s[OP_EXPERTS];
    v[MEASURE_MOE_IMBALANCE] = experts > 0.0 ? 1.0 + r->parts_s[OP_IMBALANCE] / experts : NAN;
    v[MEASURE_POWER_W] = pool_power_w(s, &r->decode, r->end_s);
    if (side->n_replicas > 0) {
        v[MEASURE_POWER_W] += pool_power_w(&side->system, &r->prefill, r->end_s);
    }
    v[MEASURE_STABLE] = r->stable;
}

static void fill_class(const struct experiment *e, const struct point *p,
                       const struct class_summary *c, double *v)
{
    for (int l = 0; l < LAT_N; l++) {
        memcpy(&v[l * STAT_N], c->lat[l], sizeof c->lat[l]);
    }
    double ended = (double)(c->n_completed + c->n_rejected + c->n_failed);
    double window = c->window_s > 0.0 ? c->window_s : NAN;
    double gpus = (double)experiment_gpus(e, p->system_idx);
    v[MEASURE_SLO_ATTAINED] = c->good_frac;
    v[MEASURE_GOODPUT_RPS] = c->good_frac * ended / window;
    v[MEASURE_OUTPUT_TOK_S] = c->output_tokens / window;
    v[MEASURE_INPUT_TOK_S] = c->prompt_tokens / window;
    v[MEASURE_OUTPUT_TOK_S_PER_GPU] = v[MEASURE_OUTPUT_TOK_S] / gpus;
    v[MEASURE_COMPLETED] = (double)c->n_completed;
    v[MEASURE_REJECTED] = (double)c->n_rejected;
    v[MEASURE_FAILED] = (double)c->n_failed;
    v[MEASURE_PREFIX_HIT] = c->prompt_tokens > 0.0 ? c->hit_tokens / c->prompt_tokens : 0.0;
    v[MEASURE_TIER_HIT] = c->prompt_tokens > 0.0 ? c->tier_tokens / c->prompt_tokens : 0.0;
}

static int warmup_segments(const struct task_ctx *t, const struct metrics *m)
{
    const struct scenario *sc = t->e->scenario;
    int64_t asked = sc->simulation.warmup;
    const struct scenario_reliability *rel = &sc->reliability;
    bool stationary = workload_is_stationary(t->work) && rel->failures != 1 &&
                      isnan(rel->maintenance.every_s);
    if (asked == 0 || !stationary) {
        return 0;
    }
    return asked > 0 ? metrics_segments_for(m, asked) : metrics_warmup_segments(m);
}

static void fill_values(const struct task_ctx *t, const struct point *p,
                        const struct cluster_result *r, double (*values)[MEASURE_N])
{
    int n = t->e->scenario->n_classes;
    struct class_summary *summary = xcalloc((size_t)n + 1, sizeof *summary);
    metrics_summary(&r->metrics, warmup_segments(t, &r->metrics), summary);
    for (int c = 0; c <= n; c++) {
        fill_common(t->e, p, r, values[c]);
        fill_class(t->e, p, &summary[c], values[c]);
    }
    /* the power is that of all classes together, so a token of any of them costs the same */
    double tok_s = values[n][MEASURE_OUTPUT_TOK_S];
    for (int c = 0; c <= n; c++) {
        values[c][MEASURE_J_PER_TOKEN] = tok_s > 0.0 ? values[c][MEASURE_POWER_W] / tok_s : NAN;
    }
    free(summary);
}

static bool is_possible(const struct cluster_result *r)
{
    double least = fmax(r->work.memory_s, r->work.compute_s);
    return r->stats.busy_s >= least * (1.0 - FLOOR_TOLERANCE);
}

static struct side_time side_time_of(const struct pool_result *pool)
{
    struct side_time t = {.busy_s = pool->stats.busy_s, .total_s = pool->replica_s};
    memcpy(t.parts_s, pool->parts_s, sizeof t.parts_s);
    memcpy(t.comm_bytes, pool->comm_bytes, sizeof t.comm_bytes);
    return t;
}

static void keep_first(struct task_ctx *t, struct point *p, struct cluster_result *r)
{
    p->links = r->links;
    p->n_links = r->n_links;
    p->end_s = r->end_s;
    r->links = NULL;
    p->decode = side_time_of(&r->decode);
    p->prefill = side_time_of(&r->prefill);
    if (t->keep_timelines) {
        p->timeline = xcalloc(1, sizeof *p->timeline);
        *p->timeline = r->timeline;
    }
}

/* Until a replica serves again: detection (or the machine's start), then its weights. */
static double restart_s(const struct experiment *e, const struct system *s)
{
    static const double DETECT_S = 60.0;
    static const double LOAD_BYTES_PER_S = 2e9; /* of one GPU's weights, from local NVMe */
    double given = e->scenario->reliability.restart_s;
    return is_auto(given) ? DETECT_S + s->footprint.weights_bytes / LOAD_BYTES_PER_S : given;
}

/* 16,384 H100, 54 days, 419 unexpected interruptions of the job, 42 of them by the network: 35
 * of switches and cables, 7 of network cards, one card per GPU (Llama 3 paper, arXiv
 * 2407.21783, section 3.3.4). */
static const double SEEN_GPU_S = 16384.0 * 54.0 * 86400.0;
static const double SEEN_STOPS = 419.0;
static const double SEEN_NETWORK_STOPS = 42.0;

/* Until a broken part has been replaced. */
static double replace_s(const struct experiment *e)
{
    static const double REPLACE_S = 4.0 * 3600.0;
    double given = e->scenario->reliability.repair_s;
    return is_auto(given) ? REPLACE_S : given;
}

static double link_mtbf_s(const struct experiment *e)
{
    double given = e->scenario->reliability.link_mtbf_s;
    return is_auto(given) ? SEEN_GPU_S / SEEN_NETWORK_STOPS : given;
}

static bool spans_network(const struct system *s)
{
    return s->n_gpus > s->spec.gpu->scaleup_gpus;
}

/* Failures of one replica: any of its GPUs stops it, and where its own collectives cross the
 * network, any of their links. Faults that a restart cures are far more frequent than broken
 * parts: the interruptions above against 1 % of GPUs a year that are replaced (Databricks). */
static struct failure_config failures_of(const struct experiment *e, const struct system *s)
{
    static const double PERMANENT_FRAC = 0.058;
    const struct scenario_reliability *r = &e->scenario->reliability;
    if (r->failures != 1) {
        return (struct failure_config){.mtbf_s = 0.0};
    }
    double gpu_mtbf =
        is_auto(r->gpu_mtbf_s) ? SEEN_GPU_S / (SEEN_STOPS - SEEN_NETWORK_STOPS) : r->gpu_mtbf_s;
    double per_s = 1.0 / gpu_mtbf + (spans_network(s) ? 1.0 / link_mtbf_s(e) : 0.0);
    return (struct failure_config){
        .mtbf_s = 1.0 / (per_s * s->n_gpus),
        .restart_s = restart_s(e, s),
        .permanent_frac = PERMANENT_FRAC,
        .replace_s = replace_s(e),
    };
}

/* Links under KV transfers fail by themselves where no replica stops with them. */
static void add_link_failures(const struct experiment *e, const struct system *decode,
                              const struct prefill_side *side, struct cluster_config *cfg)
{
    if (e->scenario->reliability.failures != 1 || !side->over_network) {
        return;
    }
    const struct system_spec *d = &decode->spec;
    const struct system_spec *p = &side->system.spec;
    cfg->link_failures =
        (struct failure_config){.mtbf_s = link_mtbf_s(e), .restart_s = replace_s(e)};
    cfg->links_per_rank = spans_network(decode) ? 0 : d->tp * d->pp;
    cfg->prefill_links_per_rank = spans_network(&side->system) ? 0 : p->tp * p->pp;
}

/* As the scenario says; whoever has been worked on starts as after a failure. */
static struct maintenance_config maintenance_of(const struct experiment *e, int system_idx)
{
    const struct scenario_maintenance *m = &e->scenario->reliability.maintenance;
    const struct prefill_side *side = &e->prefills[system_idx];
    int n = experiment_replicas(e, system_idx) + side->n_replicas;
    if (isnan(m->every_s)) {
        return (struct maintenance_config){.every_s = 0.0};
    }
    return (struct maintenance_config){
        .every_s = m->every_s,
        .first_s = is_auto(m->first_s) ? m->every_s / n : m->first_s,
        .drain_s = m->drain_s,
        .duration_s = m->duration_s,
        .restart_s = restart_s(e, &e->systems[system_idx]),
        .prefill_restart_s = side->n_replicas > 0 ? restart_s(e, &side->system) : 0.0,
    };
}

/* Can the replicas of every point be taken out one at a time? */
static bool maintenance_is_possible(const struct experiment *e, struct err *err)
{
    for (int k = 0; k < e->n_points; k++) {
        int i = e->points[k].system_idx;
        struct maintenance_config m = maintenance_of(e, i);
        int n = experiment_replicas(e, i) + e->prefills[i].n_replicas;
        if (!maintenance_fits(&m, n)) {
            double out_s = m.duration_s + fmax(m.restart_s, m.prefill_restart_s);
            return err_set(err, ERR_INPUT,
                           "reliability.maintenance: the %d replicas of %s have %.4g s each in "
                           "every %.4g s, one at a time, but take up to %.4g s to drain and "
                           "%.4g s until they serve again",
                           n, e->systems[i].spec.name, m.every_s / n, m.every_s, m.drain_s,
                           out_s);
        }
    }
    return true;
}

/* As the scenario says; a cold start takes what a restart after a failure does. */
static struct autoscale_config autoscale_of(const struct experiment *e,
                                            const struct scenario_scaling *scaling,
                                            const struct system *s)
{
    const struct scenario_autoscale *a = &e->scenario->autoscale;
    double cold_start_s = scaling->cold_start_s;
    return (struct autoscale_config){
        .metric = (enum scale_metric)scaling->metric,
        .target = scaling->target,
        .min = (int)scaling->min,
        .interval_s = a->interval_s,
        .cooldown_s = a->cooldown_s,
        .cold_start_s = is_auto(cold_start_s) ? restart_s(e, s) : cold_start_s,
    };
}

/* The prefill side under a load, where there is one. */
static void add_prefill(const struct experiment *e, int system_idx, struct cluster_config *cfg)
{
    const struct prefill_side *side = &e->prefills[system_idx];
    if (side->n_replicas > 0) {
        cfg->prefill = &side->system.replica;
        cfg->n_prefill = side->n_replicas;
        cfg->handover = side->handover;
    }
}

static void cluster_of(const struct task_ctx *t, const struct point *p, int replication,
                       struct load_class *classes, struct cluster_config *cfg)
{
    const struct experiment *e = t->e;
    const struct system *s = &e->systems[p->system_idx];
    workload_classes(t->work, p->rate_rps, p->concurrency, s->spec.max_model_len, classes);
    bool only_trace = t->work->has_trace && !t->work->has_open && !t->work->has_closed;
    int64_t limit = t->options->requests;
    int64_t n_trace = t->work->n_trace_requests;
    *cfg = (struct cluster_config){
        .replica = &s->replica,
        .n_replicas = experiment_replicas(e, p->system_idx),
        .route = (enum route)e->deployments.items[p->system_idx].router,
        .load = {.classes = classes,
                 .n_classes = e->scenario->n_classes,
                 .n_requests = !only_trace                    ? e->requests
                               : limit > 0 && limit < n_trace ? limit
                                                              : n_trace,
                 .seed = e->seed,
                 .replication = (uint64_t)replication},
        .limits = t->work->limits,
        .rules = t->work->rules,
        .failures = failures_of(e, s),
        .maintenance = maintenance_of(e, p->system_idx),
        .autoscale = autoscale_of(e, &e->scenario->autoscale.scaling, s),
        .stop = t->options->abandon,
    };
    add_prefill(e, p->system_idx, cfg);
    if (cfg->prefill) {
        const struct prefill_side *side = &e->prefills[p->system_idx];
        cfg->prefill_autoscale =
            autoscale_of(e, &e->scenario->autoscale.prefill, &side->system);
        cfg->prefill_failures = failures_of(e, &side->system);
        add_link_failures(e, s, side, cfg);
    }
}

/* Rows of one replication; those of all points are joined at the end. */
static struct csv_writer *open_rows(const struct task_ctx *t, int point_idx, struct err *err)
{
    struct arena *arena = arena_new();
    const char *path = parts_path(arena, t->options->parts, "requests", point_idx);
    struct csv_writer *w = csv_create(path, err);
    arena_free(arena);
    return w;
}

static void note_failure(struct task_ctx *t, const struct err *err)
{
    pthread_mutex_lock(&t->lock);
    if (!t->failed) {
        t->failed = true;
        t->err = *err;
    }
    pthread_mutex_unlock(&t->lock);
}

/* Simulates a replication and leaves its measures in values. */
static enum slot_end replicate(struct task_ctx *t, int point_idx, int replication,
                               double (*values)[MEASURE_N])
{
    struct experiment *e = t->e;
    struct point *p = &e->points[point_idx];
    struct load_class *classes = xcalloc((size_t)e->scenario->n_classes, sizeof *classes);
    struct cluster_config cfg;
    struct cluster_result r;
    struct err err = {0};
    struct request_rows rows = {NULL, e->systems[p->system_idx].spec.name, p->load};
    cluster_of(t, p, replication, classes, &cfg);
    if (t->options->requests_csv && replication == 0) {
        rows.writer = open_rows(t, point_idx, &err);
        cfg.sink = rows.writer ? put_request_row : NULL;
        cfg.sink_ctx = &rows;
    }
    cluster_run(&cfg, &r);
    enum slot_end end = r.abandoned ? SLOT_ABANDONED : SLOT_FINE;
    if (!r.abandoned) {
        fill_values(t, p, &r, values);
        end = is_possible(&r) ? SLOT_FINE : SLOT_IMPOSSIBLE;
        if (replication == 0) {
            keep_first(t, p, &r);
        }
    }
    if (end != SLOT_FINE) {
        csv_abandon(rows.writer);
    } else if (rows.writer) {
        csv_close(rows.writer, &err);
    }
    if (err.code != ERR_NONE) {
        note_failure(t, &err);
        end = SLOT_ABANDONED;
    }
    __atomic_fetch_add(&e->n_events, r.n_events, __ATOMIC_RELAXED);
    __atomic_fetch_add(&e->n_requests, r.n_offered, __ATOMIC_RELAXED);
    __atomic_fetch_add(&e->n_cut, r.n_cut, __ATOMIC_RELAXED);
    cluster_result_fini(&r);
    free(classes);
    return end;
}

static bool stop_asked(const struct task_ctx *t)
{
    const struct experiment_options *o = t->options;
    return t->failed || (o->stop && atomic_load(o->stop));
}

/* A point that has begun goes on when a stop is asked for: its replications would be lost. */
static bool take_slot(struct task_ctx *t, int point_idx)
{
    struct slot *slot = &t->slots[point_idx];
    size_t classes = (size_t)t->e->scenario->n_classes + 1;
    pthread_mutex_lock(&t->lock);
    bool run = slot->n_left > 0 && (slot->values || !stop_asked(t));
    if (run && !slot->values) {
        slot->values = xcalloc((size_t)t->e->replications * classes, sizeof *slot->values);
    }
    pthread_mutex_unlock(&t->lock);
    return run;
}

/* True for the last replication of its point. */
static bool leave_slot(struct task_ctx *t, int point_idx, enum slot_end end)
{
    struct slot *slot = &t->slots[point_idx];
    pthread_mutex_lock(&t->lock);
    slot->end = end > slot->end ? end : slot->end;
    bool last = --slot->n_left == 0;
    pthread_mutex_unlock(&t->lock);
    return last;
}

static void finish_point(struct task_ctx *t, int point_idx);

static void run_task(void *ctx, int item, int thread)
{
    (void)thread;
    struct task_ctx *t = ctx;
    int reps = t->e->replications;
    int point_idx = item / reps;
    if (!take_slot(t, point_idx)) {
        return;
    }
    size_t stride = (size_t)t->e->scenario->n_classes + 1;
    double(*values)[MEASURE_N] = t->slots[point_idx].values + (size_t)(item % reps) * stride;
    enum slot_end end = replicate(t, point_idx, item % reps, values);
    if (leave_slot(t, point_idx, end)) {
        finish_point(t, point_idx);
    }
    progress_add(t->progress, 1);
}

/* ---- points
 * ------------------------------------------------------------------------------------ */

static void add_point(struct experiment *e, int *cap, struct arena *arena, int system_idx,
                      double rate_rps, int64_t concurrency, const char *other)
{
    const char *load = other;
    if (concurrency > 0) {
        load = arena_printf(arena, "%lld clients", (long long)concurrency);
    } else if (!isnan(rate_rps)) {
        load = arena_printf(arena, "%.4g requests/s", rate_rps);
    }
    ARRAY_RESERVE(e->points, *cap, e->n_points + 1);
    e->points[e->n_points++] = (struct point){.system_idx = system_idx,
                                              .rate_rps = rate_rps,
                                              .concurrency = concurrency,
                                              .load = load};
}

/* Requests per second a deployment serves when everything waits at its door; disaggregated as a
 * whole, else by one replica. */
static double offline_capacity_rps(const struct experiment *e, const struct workload *w,
                                   int system_idx)
{
    const struct system *s = &e->systems[system_idx];
    struct load_class *classes = xcalloc((size_t)e->scenario->n_classes, sizeof *classes);
    workload_classes(w, 1.0, 0, s->spec.max_model_len, classes);
    int64_t per_replica = CAPACITY_REQUESTS;
    for (int i = 0; i < e->scenario->n_classes; i++) {
        classes[i].process = LOAD_OFFLINE;
        classes[i].trace = NULL;
        classes[i].n_requests =
            1 + (int64_t)(e->scenario->classes[i].share_frac * (double)per_replica);
    }
    bool disaggregated = e->prefills[system_idx].n_replicas > 0;
    struct cluster_config cfg = {
        .replica = &s->replica,
        .n_replicas = disaggregated ? experiment_replicas(e, system_idx) : 1,
        .load = {.classes = classes, .n_classes = e->scenario->n_classes, .seed = e->seed},
        .limits = w->limits,
    };
    add_prefill(e, system_idx, &cfg);
    struct cluster_result r;
    cluster_run(&cfg, &r);
    double rate = r.n_completed > 0 && r.end_s > 0.0 ? (double)r.n_completed / r.end_s : 1.0;
    cluster_result_fini(&r);
    free(classes);
    return disaggregated ? rate : rate * experiment_replicas(e, system_idx);
}

/* Two significant digits, so that tables and charts show round loads. */
static double round_load(double x)
{
    double step = pow(10.0, floor(log10(x)) - 1.0);
    return round(x / step) * step;
}

/* Found once per run: it is a simulation too. */
static bool find_capacity(const struct experiment *e, const struct workload *w, int system_idx,
                          double *rps, struct err *err)
{
    if (e->parts && parts_has(e->parts, "capacity", system_idx)) {
        struct part_reader *r = part_open(e->parts, "capacity", system_idx, err);
        if (r) {
            part_nums(r, "rps", rps, 1);
        }
        return r && part_close(r, err);
    }
    *rps = offline_capacity_rps(e, w, system_idx);
    if (!e->parts) {
        return true;
    }
    struct part_writer *out = part_create(e->parts, "capacity", system_idx, err);
    if (out) {
        part_put_nums(out, "rps", rps, 1);
    }
    return out && part_commit(out, err);
}

static bool add_auto_loads(struct experiment *e, int *cap, struct arena *arena,
                           const struct workload *w, int system_idx, struct err *err)
{
    const struct scenario_sweep *sweep = &e->scenario->sweep;
    int n = sweep->points > 1 ? (int)sweep->points : AUTO_POINTS;
    double capacity = NAN;
    if ((isnan(sweep->from_rps) || isnan(sweep->to_rps)) &&
        !find_capacity(e, w, system_idx, &capacity, err)) {
        return false;
    }
    double from = isnan(sweep->from_rps) ? AUTO_FROM * capacity : sweep->from_rps;
    double to = isnan(sweep->to_rps) ? AUTO_TO * capacity : sweep->to_rps;
    for (int i = 0; i < n; i++) {
        double rate = round_load(from + (to - from) * i / (n - 1));
        add_point(e, cap, arena, system_idx, rate, 0, NULL);
    }
    return true;
}

static bool add_sweep(struct experiment *e, int *cap, struct arena *arena,
                      const struct workload *w, int system_idx, struct err *err)
{
    static const int64_t clients[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
    const struct scenario_sweep *s = &e->scenario->sweep;
    if (w->has_closed && s->concurrency.n == 0 && s->loads.n == 0) {
        for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
            add_point(e, cap, arena, system_idx, NAN, clients[i], NULL);
        }
        return true;
    }
    for (int i = 0; i < s->concurrency.n; i++) {
        add_point(e, cap, arena, system_idx, NAN, s->concurrency.items[i], NULL);
    }
    for (int i = 0; i < s->loads.n; i++) {
        add_point(e, cap, arena, system_idx, s->loads.items[i], 0, NULL);
    }
    return s->concurrency.n + s->loads.n > 0 ||
           add_auto_loads(e, cap, arena, w, system_idx, err);
}

/* The load that the scenario itself gives. */
static bool add_own_load(struct experiment *e, int *cap, struct arena *arena,
                         const struct workload *w, int system_idx, struct err *err)
{
    double rate = scenario_rate_rps(e->scenario);
    bool others = w->has_closed || w->has_trace || w->has_offline;
    if (!others && !(rate > 0.0)) {
        return err_set(err, ERR_INPUT,
                       "no request arrives: give a rate (workload.0.arrivals.rate), or let "
                       "`headroom sweep` choose loads");
    }
    const char *name = w->has_trace ? "trace" : "offline";
    int64_t clients = 0;
    if (w->has_closed) {
        for (int c = 0; c < e->scenario->n_classes; c++) {
            int64_t n = e->scenario->classes[c].arrivals.concurrency;
            clients += n > 0 ? n : 0;
        }
    }
    add_point(e, cap, arena, system_idx, rate, clients, name);
    return true;
}

static bool lay_out(struct experiment *e, struct arena *arena, const struct workload *w,
                    bool sweep, struct err *err)
{
    int cap = 0;
    const struct system *unfit;
    for (int i = 0; i < e->deployments.n; i++) {
        if (!experiment_fits(e, i, &unfit)) {
            continue;
        }
        bool swept = sweep && (w->has_open || w->has_closed);
        if (!(swept ? add_sweep(e, &cap, arena, w, i, err)
                    : add_own_load(e, &cap, arena, w, i, err))) {
            return false;
        }
    }
    return true;
}

/* ---- the whole
 * ---------------------------------------------------------------------------------- */

/* x: space for one value per replication. */
static void estimate(const double (*values)[MEASURE_N], size_t stride, int reps, int m,
                     double *x, struct estimate *out)
{
    for (int i = 0; i < reps; i++) {
        x[i] = values[(size_t)i * stride][m];
    }
    out->mean = mean_of(x, reps);
    out->half_width = t_half_width(x, reps, 0.95);
}

/* Of what a class offered, at most its loss_max may be rejected or fail; more is no sustained
 * load. */
static bool loss_is_allowed(const struct experiment *e, const struct point *p, int c)
{
    const struct estimate *v = p->values[c];
    double lost = v[MEASURE_REJECTED].mean + v[MEASURE_FAILED].mean;
    double all = lost + v[MEASURE_COMPLETED].mean;
    return !(lost > e->scenario->classes[c].slo.loss_max_frac * all);
}

static void average(const struct task_ctx *t, int point_idx)
{
    const struct experiment *e = t->e;
    struct point *p = &e->points[point_idx];
    const double(*values)[MEASURE_N] = (const double(*)[MEASURE_N])t->slots[point_idx].values;
    size_t classes = (size_t)e->scenario->n_classes + 1;
    double *x = xcalloc((size_t)e->replications, sizeof *x);
    p->values = xcalloc(classes, sizeof *p->values);
    for (size_t c = 0; c < classes; c++) {
        for (int m = 0; m < MEASURE_N; m++) {
            estimate(values + c, classes, e->replications, m, x, &p->values[c][m]);
        }
    }
    free(x);
    p->stable = p->values[classes - 1][MEASURE_STABLE].mean >= 1.0;
    for (size_t c = 0; c + 1 < classes; c++) {
        p->stable = p->stable && loss_is_allowed(e, p, (int)c);
    }
    p->meets_slo = point_meets_slo(e, p, e->scenario->n_classes);
}

/* What is on disk need not be in memory. */
static void finish_point(struct task_ctx *t, int point_idx)
{
    struct slot *slot = &t->slots[point_idx];
    struct point *p = &t->e->points[point_idx];
    struct err err = {0};
    if (slot->end == SLOT_FINE) {
        average(t, point_idx);
        p->done = !t->e->parts || point_save(t->e, point_idx, t->e->parts, &err);
    }
    if (!p->done || t->e->parts) {
        point_drop(p);
    }
    free(slot->values);
    slot->values = NULL;
    if (err.code != ERR_NONE) {
        note_failure(t, &err);
    }
}

bool point_open(const struct experiment *e, int idx, struct point *out, struct err *err)
{
    *out = e->points[idx];
    return !e->parts || point_load(e, idx, e->parts, out, err);
}

void point_close(const struct experiment *e, int idx, struct point *p)
{
    if (p->values != e->points[idx].values) {
        point_drop(p);
    }
}

/* ---- points that are there already ---- */

/* Reads a part whole, so that a damaged or foreign one is known before hours are spent. */
static bool adopt_point(struct task_ctx *t, int idx, struct err *err)
{
    struct experiment *e = t->e;
    struct point p;
    if (!point_load(e, idx, e->parts, &p, err)) {
        return false;
    }
    p.meets_slo = point_meets_slo(e, &p, e->scenario->n_classes);
    point_drop(&p);
    e->points[idx] = p;
    e->n_found++;
    return true;
}

static bool lacks_point(const struct experiment *e, int idx, struct err *err)
{
    int n = 0;
    for (int i = 0; i < e->n_points; i++) {
        n += !parts_has(e->parts, "point", i);
    }
    const struct point *p = &e->points[idx];
    return err_set(err, ERR_INPUT,
                   "%d of %d points are missing, the first is %s at %s: run its shard again "
                   "with --resume",
                   n, e->n_points, e->systems[p->system_idx].spec.name, p->load);
}

static bool has_point(const struct task_ctx *t, int idx)
{
    const struct parts *parts = t->e->parts;
    return parts && parts_has(parts, "point", idx) &&
           (!t->options->requests_csv || parts_has(parts, "requests", idx));
}

/* Which points are left to simulate: n_left of their slots is set. */
static bool fill_slots(struct task_ctx *t, struct err *err)
{
    struct experiment *e = t->e;
    for (int i = 0; i < e->n_points; i++) {
        bool merge = e->parts && e->parts->merge;
        if (e->parts && !merge && !parts_is_mine(e->parts, i)) {
            continue;
        }
        bool found = has_point(t, i);
        if (found ? !adopt_point(t, i, err) : merge && !lacks_point(e, i, err)) {
            return false;
        }
        t->slots[i].n_left = found ? 0 : e->replications;
        t->n_items += t->slots[i].n_left;
        e->n_mine++;
    }
    return true;
}

/* ---- what came of it ---- */

static bool check_possible(const struct task_ctx *t, struct err *err)
{
    for (int i = 0; i < t->e->n_points; i++) {
        if (t->slots[i].end == SLOT_IMPOSSIBLE) {
            const struct point *p = &t->e->points[i];
            return err_set(err, ERR_INTERNAL,
                           "%s at %s would be faster than its memory and arithmetic allow",
                           t->e->systems[p->system_idx].spec.name, p->load);
        }
    }
    return true;
}

static void count_done(const struct task_ctx *t)
{
    struct experiment *e = t->e;
    for (int i = 0; i < e->n_points; i++) {
        e->n_done += e->points[i].done;
        e->interrupted =
            e->interrupted || t->slots[i].n_left > 0 || t->slots[i].end == SLOT_ABANDONED;
    }
}

static bool copy_rows(const struct experiment *e, int idx, FILE *out, struct err *err)
{
    char buf[1 << 14];
    struct arena *arena = arena_new();
    const char *path = parts_find(arena, e->parts, "requests", idx);
    FILE *in = path ? fopen(path, "rbe") : NULL;
    if (!in) {
        err_set(err, ERR_INPUT, "'%s' is missing: its point has no rows",
                path ? path : parts_path(arena, e->parts, "requests", idx));
    }
    for (size_t n; in && (n = fread(buf, 1, sizeof buf, in)) > 0;) {
        fwrite(buf, 1, n, out);
    }
    if (in) {
        fclose(in);
    }
    arena_free(arena);
    return in != NULL;
}

static bool join_requests(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {"deployment",    "load",         "id",
                                       "class_idx",     "replica",      "outcome",
                                       "why",           "arrival_s",    "scheduled_s",
                                       "first_token_s", "last_token_s", "prompt_tokens",
                                       "output_tokens", "hit_tokens",   "tier_tokens"};
    struct outfile file;
    if (!outfile_open(&file, path, err)) {
        return false;
    }
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        fprintf(file.out, "%s%s", i ? "," : "", cols[i]);
    }
    fputc('\n', file.out);
    for (int i = 0; i < e->n_points; i++) {
        if (e->points[i].done && !copy_rows(e, i, file.out, err)) {
            outfile_abandon(&file);
            return false;
        }
    }
    return outfile_close(&file, err);
}

static bool conclude(struct task_ctx *t, struct err *err)
{
    count_done(t);
    if (!check_possible(t, err)) {
        return false;
    }
    if (t->failed) {
        *err = t->err;
        return false;
    }
    const struct experiment *e = t->e;
    bool whole = !e->parts || e->parts->merge || e->parts->n_shards == 1;
    return !t->options->requests_csv || !whole ||
           join_requests(e, t->options->requests_csv, err);
}

bool experiment_run(struct experiment *e, struct arena *arena, const struct stock *stock,
                    const struct experiment_options *o, struct err *err)
{
    (void)stock;
    struct task_ctx t = {.e = e, .options = o, .lock = PTHREAD_MUTEX_INITIALIZER};
    ASSERT(o->parts || !o->requests_csv);
    t.work = workload_load(arena, e->scenario, err);
    if (!t.work) {
        return false;
    }
    e->parts = o->parts;
    if (!lay_out(e, arena, t.work, o->sweep, err)) {
        return false;
    }
    if (e->n_points == 0) {
        return err_set(err, ERR_UNFIT, "none of the %d deployments fits its GPU memory",
                       e->deployments.n);
    }
    if (e->n_points > INT32_MAX / e->replications) {
        return err_set(err, ERR_INPUT, "%d points of %d replications are too many", e->n_points,
                       e->replications);
    }
    if (!maintenance_is_possible(e, err)) {
        return false;
    }
    t.slots = xcalloc((size_t)e->n_points, sizeof *t.slots);
    t.keep_timelines = e->n_points <= KEEP_TIMELINES;
    bool ok = fill_slots(&t, err);
    if (ok) {
        t.progress = progress_new("simulating", t.n_items, o->quiet);
        pool_run(o->n_threads, e->n_points * e->replications, run_task, &t, NULL);
        progress_free(t.progress);
        ok = conclude(&t, err);
    }
    for (int i = 0; i < e->n_points; i++) {
        free(t.slots[i].values);
    }
    free(t.slots);
    return ok;
}

bool point_meets_slo(const struct experiment *e, const struct point *p, int c)
{
    int n = e->scenario->n_classes;
    if (c == n) {
        for (int i = 0; i < n; i++) {
            if (!point_meets_slo(e, p, i)) {
                return false;
            }
        }
        return p->stable;
    }
    static const enum latency of[SLO_N_METRICS] = {LAT_TTFT, LAT_TPOT, LAT_ITL, LAT_E2E};
    const struct scenario_slo *slo = &e->scenario->classes[c].slo;
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            double limit = slo->limit_s[m][s];
            if (!isnan(limit) && !(p->values[c][(int)of[m] * STAT_N + s].mean <= limit)) {
                return false;
            }
        }
    }
    return p->stable && loss_is_allowed(e, p, c);
}

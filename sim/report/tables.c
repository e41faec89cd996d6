/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/report/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/csvio.h"
#include "sim/base/table.h"

static const double GIB = 1073741824.0;

/* ---- summary and curves
 * -------------------------------------------------------------------------- */

static void put_layout(struct csv_writer *w, const struct system *s, int64_t n_gpus,
                       int64_t replicas)
{
    csv_put(w, s->spec.gpu->name);
    csv_put_int(w, n_gpus);
    csv_put_int(w, replicas);
    csv_put_int(w, s->spec.tp);
    csv_put_int(w, s->spec.pp);
    csv_put_int(w, s->spec.ep);
    csv_put_int(w, s->spec.dp);
    csv_put(w, s->spec.model->name);
    csv_put(w, dtype_name(s->spec.checkpoint.weights));
    csv_put(w, dtype_name(s->spec.kv));
    csv_put(w, engine_names[s->spec.engine]);
}

/* The layout is that of the decode side when there are two; n_gpus counts both. */
static const char *const system_cols[] = {"deployment", "hardware", "n_gpus",   "replicas",
                                          "tp",         "pp",       "ep",       "dp",
                                          "model",      "weights",  "kv_cache", "engine"};

static void put_system(struct csv_writer *w, const struct experiment *e, int idx)
{
    csv_put(w, e->systems[idx].spec.name);
    put_layout(w, &e->systems[idx], experiment_gpus(e, idx), experiment_replicas(e, idx));
}

static const char *const prefill_cols[] = {"prefill_hardware", "prefill_replicas", "prefill_tp",
                                           "prefill_pp",       "prefill_ep",       "prefill_dp",
                                           "network"};

static void put_prefill(struct csv_writer *w, const struct prefill_side *p)
{
    const struct system_spec *s = &p->system.spec;
    if (p->n_replicas == 0) {
        for (size_t i = 0; i < sizeof prefill_cols / sizeof prefill_cols[0]; i++) {
            csv_put(w, "");
        }
        return;
    }
    csv_put(w, s->gpu->name);
    csv_put_int(w, p->n_replicas);
    csv_put_int(w, s->tp);
    csv_put_int(w, s->pp);
    csv_put_int(w, s->ep);
    csv_put_int(w, s->dp);
    csv_put(w, p->network);
}

static void put_measure_header(struct csv_writer *w, int m)
{
    char name[64];
    char bound[80];
    const char *col = measure_name((enum measure)m, name, sizeof name);
    csv_put(w, col);
    snprintf(bound, sizeof bound, "%s_lo", col);
    csv_put(w, bound);
    snprintf(bound, sizeof bound, "%s_hi", col);
    csv_put(w, bound);
    if (measure_has_band((enum measure)m)) {
        snprintf(bound, sizeof bound, "%s_band_lo", col);
        csv_put(w, bound);
        snprintf(bound, sizeof bound, "%s_band_hi", col);
        csv_put(w, bound);
    }
}

/* Measures in the order of the columns: counts, latencies, limits, everything else. */
static const int count_measures[] = {MEASURE_COMPLETED, MEASURE_REJECTED, MEASURE_FAILED};
enum { N_COUNTS = sizeof count_measures / sizeof count_measures[0] };

static bool is_count(int m)
{
    return m == MEASURE_COMPLETED || m == MEASURE_REJECTED || m == MEASURE_FAILED;
}

static void put_summary_header(struct csv_writer *w)
{
    static const char *const load_cols[] = {"rate_rps", "concurrency", "class", "stable"};
    char name[64];
    csv_put_all(w, system_cols, sizeof system_cols / sizeof system_cols[0]);
    csv_put_all(w, prefill_cols, sizeof prefill_cols / sizeof prefill_cols[0]);
    csv_put_all(w, load_cols, sizeof load_cols / sizeof load_cols[0]);
    for (int i = 0; i < N_COUNTS; i++) {
        put_measure_header(w, count_measures[i]);
    }
    for (int m = 0; m < MEASURE_SLO_ATTAINED; m++) {
        put_measure_header(w, m);
    }
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            snprintf(name, sizeof name, "slo_%s_s_%s", slo_metric_names[m], slo_stat_names[s]);
            csv_put(w, name);
        }
    }
    csv_put(w, "slo_met");
    for (int m = MEASURE_SLO_ATTAINED; m < MEASURE_STABLE; m++) {
        if (!is_count(m)) {
            put_measure_header(w, m);
        }
    }
    csv_put(w, "evidence");
    csv_end_row(w);
}

/* Where a measure is written from. */
struct source {
    const struct experiment *e;
    const struct point *p;
};

static void put_measure(struct csv_writer *w, const struct source *from, int m,
                        const struct estimate *v)
{
    csv_put_num(w, v->mean);
    csv_put_num(w, v->mean - v->half_width);
    csv_put_num(w, v->mean + v->half_width);
    if (measure_has_band((enum measure)m)) {
        struct band band = point_band(from->e, from->p, (enum measure)m);
        csv_put_num(w, v->mean * band.lo);
        csv_put_num(w, v->mean * band.hi);
    }
}

/* An unsustainable load has no steady latency: its cells stay empty. */
static void put_latencies(struct csv_writer *w, const struct source *from,
                          const struct estimate *v)
{
    static const struct estimate none = {NAN, NAN};
    for (int m = 0; m < MEASURE_SLO_ATTAINED; m++) {
        put_measure(w, from, m, from->p->stable ? &v[m] : &none);
    }
}

static void put_limits(struct csv_writer *w, const struct experiment *e, int c)
{
    const struct scenario *sc = e->scenario;
    int from = c < sc->n_classes ? c : 0;
    bool show = c < sc->n_classes || sc->n_classes == 1;
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            csv_put_num(w, show ? sc->classes[from].slo.limit_s[m][s] : NAN);
        }
    }
}

static void put_class(struct csv_writer *w, const struct experiment *e, const struct point *p,
                      int c)
{
    const struct estimate *v = p->values[c];
    const struct source from = {e, p};
    csv_put(w, c < e->scenario->n_classes ? e->scenario->classes[c].name : "all");
    csv_put_int(w, p->stable);
    for (int i = 0; i < N_COUNTS; i++) {
        put_measure(w, &from, count_measures[i], &v[count_measures[i]]);
    }
    put_latencies(w, &from, v);
    put_limits(w, e, c);
    csv_put_int(w, point_meets_slo(e, p, c));
    for (int m = MEASURE_SLO_ATTAINED; m < MEASURE_STABLE; m++) {
        if (!is_count(m)) {
            put_measure(w, &from, m, &v[m]);
        }
    }
}

static void put_point(struct csv_writer *w, const struct experiment *e, const struct point *p)
{
    for (int c = 0; c <= e->scenario->n_classes; c++) {
        put_system(w, e, p->system_idx);
        put_prefill(w, &e->prefills[p->system_idx]);
        csv_put_num(w, p->rate_rps);
        if (p->concurrency > 0) {
            csv_put_int(w, p->concurrency);
        } else {
            csv_put(w, "");
        }
        put_class(w, e, p, c);
        csv_put(w, system_evidence(&e->systems[p->system_idx]));
        csv_end_row(w);
    }
}

/* Rows of every finished point, one in memory at a time. On failure w is gone. */
bool tables_put_points(struct csv_writer *w, const struct experiment *e, point_rows_fn *put,
                       struct err *err)
{
    struct point p;
    for (int i = 0; i < e->n_points; i++) {
        if (!e->points[i].done) {
            continue;
        }
        if (!point_open(e, i, &p, err)) {
            csv_abandon(w);
            return false;
        }
        put(w, e, &p);
        point_close(e, i, &p);
    }
    return true;
}

bool tables_write_summary(const struct experiment *e, const char *path, struct err *err)
{
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    put_summary_header(w);
    return tables_put_points(w, e, put_point, err) && csv_close(w, err);
}

/* ---- memory
 * --------------------------------------------------------------------------------------- */

/* Tokens a KV tier of a replica holds; 0: none. */
static int64_t tier_tokens(const struct system *s, enum tier_kind kind)
{
    const struct kv_layout *l = &s->replica.kv;
    if (!s->footprint.fits || l->full_block_bytes == 0) {
        return 0;
    }
    int64_t blocks = s->replica.tiers[kind].capacity_bytes / l->full_block_bytes;
    return blocks * l->block_tokens * s->spec.dp;
}

/* One row per kind of replica: "both", or "decode" and "prefill" apart. */
static void put_footprint(struct csv_writer *w, const char *name, const struct system *s,
                          int64_t replicas, const char *role)
{
    const struct footprint *f = &s->footprint;
    const double parts[] = {f->total_bytes,  f->weights_bytes,     f->attn_bytes,
                            f->dense_bytes,  f->experts_bytes,     f->embedding_bytes,
                            f->kv_bytes,     f->activations_bytes, f->graphs_bytes,
                            f->comm_bytes,   f->context_bytes,     f->free_bytes,
                            f->missing_bytes};
    csv_put(w, name);
    put_layout(w, s, s->n_gpus * replicas, replicas);
    csv_put(w, role);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        csv_put_num(w, parts[i] / GIB);
    }
    csv_put_int(w, f->kv_tokens);
    csv_put_int(w, f->max_sequences);
    csv_put_int(w, f->longest_tokens);
    csv_put_int(w, tier_tokens(s, TIER_HOST));
    csv_put_int(w, tier_tokens(s, TIER_SSD));
    csv_put_int(w, f->fits);
    csv_put(w, f->reason);
    csv_end_row(w);
}

bool tables_write_memory(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {
        "role",          "gpu_gib",          "weights_gib",    "attention_gib",   "dense_gib",
        "experts_gib",   "embedding_gib",    "kv_gib",         "activations_gib", "graphs_gib",
        "comm_gib",      "context_gib",      "free_gib",       "missing_gib",     "kv_tokens",
        "max_sequences", "longest_sequence", "kv_host_tokens", "kv_ssd_tokens",   "fits",
        "reason"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, system_cols, sizeof system_cols / sizeof system_cols[0]);
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    for (int i = 0; i < e->deployments.n; i++) {
        const struct prefill_side *p = &e->prefills[i];
        const char *name = e->systems[i].spec.name;
        put_footprint(w, name, &e->systems[i], experiment_replicas(e, i),
                      p->n_replicas > 0 ? "decode" : "both");
        if (p->n_replicas > 0) {
            put_footprint(w, name, &p->system, p->n_replicas, "prefill");
        }
    }
    return csv_close(w, err);
}

/* ---- breakdown and timeline
 * ------------------------------------------------------------------------ */

static void put_side(struct csv_writer *w, const struct experiment *e, const struct point *p,
                     const char *role, const struct side_time *t)
{
    double sum = 0.0;
    double busy = t->total_s > 0.0 ? t->busy_s / t->total_s : 0.0;
    csv_put(w, e->systems[p->system_idx].spec.name);
    csv_put(w, p->load);
    csv_put(w, role);
    for (int g = 0; g < OP_N; g++) {
        sum += t->parts_s[g];
    }
    for (int g = 0; g < OP_N; g++) {
        csv_put_num(w, sum > 0.0 ? t->parts_s[g] / sum * busy : 0.0);
    }
    csv_put_num(w, 1.0 - busy);
    csv_end_row(w);
}

static void put_breakdown(struct csv_writer *w, const struct experiment *e,
                          const struct point *p)
{
    bool apart = e->prefills[p->system_idx].n_replicas > 0;
    put_side(w, e, p, apart ? "decode" : "both", &p->decode);
    if (apart) {
        put_side(w, e, p, "prefill", &p->prefill);
    }
}

bool tables_write_breakdown(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {"deployment", "load", "role"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    for (int i = 0; i < OP_N; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_frac", op_group_names[i]);
        csv_put(w, name);
    }
    csv_put(w, "idle_frac");
    csv_end_row(w);
    return tables_put_points(w, e, put_breakdown, err) && csv_close(w, err);
}

bool tables_have_caches(const struct experiment *e)
{
    bool any = false;
    for (int i = 0; i < e->deployments.n; i++) {
        const struct deployment *d = &e->deployments.items[i];
        any = any || d->kv_host_bytes > 0 || d->kv_ssd_bytes > 0 ||
              d->router == ROUTER_PREFIX_AFFINITY || d->router == ROUTER_KV_AWARE;
    }
    return any;
}

static void put_cache(struct csv_writer *w, const struct experiment *e, const struct point *p)
{
    const struct estimate *v = p->values[e->scenario->n_classes];
    double hit = v[MEASURE_PREFIX_HIT].mean;
    double tier = v[MEASURE_TIER_HIT].mean;
    csv_put(w, e->systems[p->system_idx].spec.name);
    csv_put(w, p->load);
    csv_put_num(w, fmax(0.0, hit - tier));
    csv_put_num(w, tier);
    csv_put_num(w, 1.0 - hit);
    csv_end_row(w);
}

bool tables_write_cache(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {"deployment", "load", "gpu_frac", "tier_frac",
                                       "computed_frac"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    return tables_put_points(w, e, put_cache, err) && csv_close(w, err);
}

/* Of n replicas those in service over `covered_s` of a bin; empty where all always are. */
static double replicas_up(const struct experiment *e, int n, double down_s, double covered_s)
{
    const struct scenario *sc = e->scenario;
    const struct scenario_autoscale *a = &sc->autoscale;
    bool vary = sc->reliability.failures == 1 || a->scaling.metric != AUTOSCALE_OFF ||
                a->prefill.metric != AUTOSCALE_OFF ||
                !isnan(sc->reliability.maintenance.every_s);
    return vary ? fmax(0.0, n - down_s / covered_s) : NAN;
}

/* Over all replicas. A step counts in the bin of its end, so it may be longer than the bin. */
static void put_timeline(struct csv_writer *w, const struct experiment *e,
                         const struct point *p)
{
    const struct timeline *t = p->timeline;
    for (int i = 0; t && i < t->n_bins; i++) {
        const struct timeline_bin *b = &t->bins[i];
        double covered_s = fmin(t->width_s, p->end_s - i * t->width_s);
        covered_s = covered_s > 0.0 ? covered_s : t->width_s;
        double of_s = fmax(covered_s, b->step_s / t->n_replicas);
        csv_put(w, e->systems[p->system_idx].spec.name);
        csv_put(w, p->load);
        csv_put_num(w, (i + 0.5) * t->width_s);
        csv_put_num(w, b->running_s / of_s);
        csv_put_num(w, b->waiting_s / of_s);
        csv_put_num(w, b->step_s > 0.0 ? b->kv_frac_s / b->step_s : 0.0);
        csv_put_num(w, b->output_tokens / covered_s);
        csv_put_num(w, b->input_tokens / covered_s);
        csv_put_num(w, fmin(1.0, b->step_s / (covered_s * t->n_replicas)));
        csv_put_num(w, replicas_up(e, t->n_replicas, b->down_s, covered_s));
        csv_put_num(w, t->n_prefill > 0
                           ? replicas_up(e, t->n_prefill, b->prefill_down_s, covered_s)
                           : NAN);
        bool fail = e->scenario->reliability.failures == 1 && t->n_prefill > 0;
        csv_put_num(w, fail ? b->link_down_s / covered_s : NAN);
        csv_end_row(w);
    }
}

bool tables_write_timeline(const struct experiment *e, const char *path, struct err *err)
{
    static const char *const cols[] = {
        "deployment",   "load",        "time_s",    "running",     "waiting",    "kv_used_frac",
        "output_tok_s", "input_tok_s", "busy_frac", "replicas_up", "prefill_up", "links_down"};
    struct csv_writer *w = csv_create(path, err);
    if (!w) {
        return false;
    }
    csv_put_all(w, cols, sizeof cols / sizeof cols[0]);
    csv_end_row(w);
    return tables_put_points(w, e, put_timeline, err) && csv_close(w, err);
}

/* ---- text
 * -------------------------------------------------------------------------------------------
 */

static void put_latency(struct table *t, const struct experiment *e, const struct point *p,
                        int l, int s)
{
    int m = l * STAT_N + s;
    double ms = p->stable ? p->values[e->scenario->n_classes][m].mean * 1e3 : NAN;
    struct band band = point_band(e, p, (enum measure)m);
    table_band(t, ms, ms * band.lo, ms * band.hi, 3);
}

static void put_throughput(struct table *t, const struct experiment *e, const struct point *p,
                           enum measure m)
{
    double x = p->values[e->scenario->n_classes][m].mean;
    struct band band = point_band(e, p, m);
    table_band(t, x, x * band.lo, x * band.hi, 4);
}

static const char *verdict(const struct experiment *e, const struct point *p)
{
    if (!p->stable) {
        return "overloaded";
    }
    return point_meets_slo(e, p, e->scenario->n_classes) ? "met" : "missed";
}

static void put_summary_row(struct table *t, const struct experiment *e, const struct point *p,
                            bool caches)
{
    const struct estimate *v = p->values[e->scenario->n_classes];
    const struct system *s = &e->systems[p->system_idx];
    table_put(t, "%s", s->spec.name);
    table_put(t, "%lld", (long long)experiment_gpus(e, p->system_idx));
    table_put(t, "%s", p->load);
    put_latency(t, e, p, LAT_TTFT, STAT_P50);
    put_latency(t, e, p, LAT_TTFT, STAT_P95);
    put_latency(t, e, p, LAT_TPOT, STAT_P50);
    put_latency(t, e, p, LAT_TPOT, STAT_P95);
    put_throughput(t, e, p, MEASURE_OUTPUT_TOK_S);
    table_num(t, v[MEASURE_OUTPUT_TOK_S_PER_GPU].mean, 4);
    table_put(t, "%.0f %%", 100.0 * v[MEASURE_KV_USED_MEAN].mean);
    if (caches) {
        table_put(t, "%.0f %% (%.0f)", 100.0 * v[MEASURE_PREFIX_HIT].mean,
                  100.0 * v[MEASURE_TIER_HIT].mean);
    }
    table_put(t, "%s", verdict(e, p));
    table_put(t, "%s", system_evidence(s));
    table_end_row(t);
}

static void put_summary_columns(struct table *t, bool caches)
{
    static const char *const cols[] = {"deployment",  "GPUs",           "load",
                                       "TTFT p50 ms", "TTFT p95 ms",    "TPOT p50 ms",
                                       "TPOT p95 ms", "output tok/s",   "per GPU",
                                       "KV used",     "service levels", "evidence"};
    size_t n_cols = sizeof cols / sizeof cols[0];
    for (size_t i = 0; i < n_cols; i++) {
        if (caches && i == n_cols - 2) {
            table_col(t, "cached (tiers)");
        }
        table_col(t, cols[i]);
    }
}

bool tables_print_summary(const struct experiment *e, FILE *out, struct err *err)
{
    struct table *t = table_new();
    bool caches = tables_have_caches(e);
    bool ok = true;
    put_summary_columns(t, caches);
    for (int i = 0; ok && i < e->n_points; i++) {
        struct point p;
        if (e->points[i].done && (ok = point_open(e, i, &p, err))) {
            put_summary_row(t, e, &p, caches);
            point_close(e, i, &p);
        }
    }
    if (ok) {
        table_write(t, out);
    }
    table_free(t);
    for (int i = 0; ok && i < e->deployments.n; i++) {
        const struct system *unfit;
        if (!experiment_fits(e, i, &unfit)) {
            fprintf(out, "%s%s does not fit: %s\n", e->systems[i].spec.name,
                    unfit == &e->systems[i] ? "" : " (prefill)", unfit->footprint.reason);
        }
    }
    return ok;
}

static void print_footprint(struct table *t, const struct system *s, const char *role)
{
    const struct footprint *f = &s->footprint;
    const double parts[] = {f->total_bytes,       f->weights_bytes, f->kv_bytes,
                            f->activations_bytes, f->graphs_bytes,  f->comm_bytes,
                            f->context_bytes,     f->free_bytes};
    table_put(t, "%s%s", s->spec.name, role);
    table_put(t, "%d", s->n_gpus);
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
        table_put(t, "%.1f", parts[k] / GIB);
    }
    table_put(t, "%lld", (long long)f->kv_tokens);
    table_put(t, "%lld", (long long)f->max_sequences);
    table_put(t, "%s", f->fits ? "yes" : f->reason);
    table_end_row(t);
}

void tables_print_memory(const struct experiment *e, FILE *out)
{
    static const char *const cols[] = {
        "deployment", "GPUs",    "GPU GiB", "weights",   "KV pool",   "activations", "graphs",
        "comm",       "context", "free",    "KV tokens", "sequences", "fits"};
    struct table *t = table_new();
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++) {
        table_col(t, cols[i]);
    }
    for (int i = 0; i < e->deployments.n; i++) {
        const struct prefill_side *p = &e->prefills[i];
        print_footprint(t, &e->systems[i], p->n_replicas > 0 ? " (decode)" : "");
        if (p->n_replicas > 0) {
            print_footprint(t, &p->system, " (prefill)");
        }
    }
    table_write(t, out);
    table_free(t);
}

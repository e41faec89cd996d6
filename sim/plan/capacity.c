/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capacity.c - bracketing on simulation with common random numbers. Loads are searched on a
 * logarithmic scale. */
#include "sim/plan/capacity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/core/output.h"

enum {
    LATENCY_LIMITS = SLO_N_METRICS * SLO_N_STATS,
    LIMITS = LATENCY_LIMITS + 1, /* and the loss */
    MIN_REQUESTS = 800,
    BATCHES_PER_RUN = 8, /* a run is at least so many times what runs at once */
    LEAST_BATCHES = 4,   /* ... and never less, whatever the scenario's number of requests */
    TAIL_SAMPLES = 8,    /* requests expected beyond the rarest limited quantile */
    MIN_REPLICATIONS = 3,
    MAX_REPLICATIONS = 12,
    MAX_BRACKET_RUNS = 24,
    MAX_POINTS = 40,
    FAILS_BEFORE_JUMP = 3,
    MAX_SETTLE = 6,
    MAX_BEYOND = 6,
    SURELY = 4,   /* a run is so many times longer when in doubt */
    MORE_KV = 16, /* factor of the memory that tells whether memory binds */
};
static const double PRECISION = 0.04;
static const double BRACKET_WIDTH = 0.04;
static const double CLOSE_ENOUGH = 0.01; /* of ln(use) */
/* ln of the worst use is kept in this range. */
static const double F_MIN = -4.0;
static const double F_MAX = 2.0;
static const double F_GROWING = 0.3;
static const double STEP_MIN = 0.08;
static const double STEP_MAX = 0.9;
static const double JUMP = 5.0; /* e^-5: 0.7 % of the guess: nobody waits for anybody */
static const double USUAL_SLOPE = 1.2;
static const double SLOPE_MIN = 0.7;
static const double SLOPE_MAX = 30.0;
static const double NEAR = 0.35;
static const double BEYOND = 0.04;
static const double POOL_FULL = 0.95;
static const double FLOOR_TOLERANCE = 1e-9;

const char *const bind_names[] = {"TTFT",      "TPOT",         "ITL",       "E2E",
                                  "KV memory", "availability", "throughput"};

/* What runs at one load have given so far. */
struct tally {
    double *ratio; /* [n_classes][LIMITS] sums of value / limit; NaN: no limit */
    double ttft_s, tpot_s, e2e_s, output_tok_s, busy, mfu, mbu, kv_max, batch, prefill;
    struct pool_use decode_use, prefill_use;
    double input, hit, output;
    bool stable;
    int n;
};

struct finder {
    const struct capacity_config *cfg;
    struct capacity *out;
    struct load_class *classes;    /* scratch */
    struct request_limits *limits; /* none: what counts is measured here */
    struct class_summary *summary; /* scratch [n_classes + 1] */
    double *ratio;                 /* of the latest run [n_classes][LIMITS] */
    struct tally tally, over;      /* `over`: of the nearest load outside the limits */
    double over_x;
    double prefill_s_per_token;
    int64_t n_requests, warmup;
    /* of replication 0 */
    double x[MAX_POINTS], f[MAX_POINTS];
    int n_points;
};

static int n_replicas(const struct capacity_config *cfg)
{
    return cfg->n_replicas > 0 ? cfg->n_replicas : 1;
}

/* ---- the guess ------------------------------------------------------------------------------
 */

struct mean_request {
    double fresh, context, output; /* tokens: computed at the most, held in the middle */
};

void capacity_class_lengths(const struct load_class *c, double *prompt, double *output)
{
    *prompt = dist_mean(&c->prompt) + (double)c->image_tokens;
    *output = dist_mean(&c->output);
    if (c->trace && c->trace->n > 0) {
        *prompt = *output = 0.0;
        for (int64_t i = 0; i < c->trace->n; i++) {
            *prompt += (double)c->trace->rows[i].prompt_tokens / (double)c->trace->n;
            *output += (double)c->trace->rows[i].output_tokens / (double)c->trace->n;
        }
    }
}

static struct mean_request mean_request(const struct capacity_config *cfg)
{
    struct mean_request m = {0.0, 0.0, 0.0};
    for (int i = 0; i < cfg->n_classes; i++) {
        const struct load_class *c = &cfg->classes[i];
        double share = c->rate_rps;
        double prompt;
        double output;
        capacity_class_lengths(c, &prompt, &output);
        double cached = cfg->replica->reuse ? fmin((double)c->shared_tokens, prompt) : 0.0;
        m.fresh += share * fmax(1.0, prompt - cached);
        m.context += share * (prompt + output / 2.0);
        m.output += share * fmax(1.0, output);
    }
    return m;
}

/* The tightest mean time per output token that the limits leave. */
static double tpot_target_s(const struct capacity_config *cfg)
{
    static const double over_mean[SLO_N_STATS] = {1.0, 1.0, 1.2, 1.3, 1.5};
    double least = INFINITY;
    for (int c = 0; c < cfg->n_classes; c++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            double limit = cfg->slos[c].limit_s[SLO_TPOT][s];
            if (!isnan(limit)) {
                least = fmin(least, limit / over_mean[s]);
            }
        }
    }
    return least;
}

struct step_probe {
    const struct capacity_config *cfg;
    struct step_cache cache;
    struct step_batch *batches;
    int n_ranks;
    int n_stages; /* and as many micro-batches under way */
};

static void probe_open(struct step_probe *p, const struct capacity_config *cfg)
{
    const struct replica_config *r = cfg->replica;
    int64_t most = r->sched.max_batched_tokens;
    p->cfg = cfg;
    p->n_ranks = r->model->cfg.dp;
    p->n_stages = r->model->cfg.pp;
    p->batches = xcalloc((size_t)p->n_ranks, sizeof *p->batches);
    step_cache_init(&p->cache, r->model, most > r->sched.max_seqs ? most : r->sched.max_seqs);
}

static void probe_close(struct step_probe *p)
{
    step_cache_fini(&p->cache);
    free(p->batches);
}

/* n sequences decode on every rank. */
static double probe_decode_s(struct step_probe *p, int64_t n, double context)
{
    const struct step_model *model = p->cfg->replica->model;
    struct step_batch b = {.n_decode = n, .n_sample = n};
    for (int i = 0; i < model->n_spans; i++) {
        b.ctx_tokens[i] =
            (double)n * span_tokens(&model->spans[i], (int64_t)fmax(1.0, context));
    }
    for (int r = 0; r < p->n_ranks; r++) {
        p->batches[r] = b;
    }
    return step_time_s(&p->cache, p->batches, p->n_ranks);
}

/* One token of a step that is full of prompts, over all ranks and stages. */
static double probe_prefill_s(struct step_probe *p, double prompt)
{
    const struct step_model *model = p->cfg->replica->model;
    int64_t budget = p->cfg->replica->sched.max_batched_tokens;
    int64_t each = prompt < (double)budget ? (int64_t)fmax(1.0, prompt) : budget;
    struct step_batch b = {0};
    for (int64_t left = budget; left > 0; left -= each) {
        int64_t n = each < left ? each : left;
        step_add_chunk(model, &b, 0, n);
        b.n_sample++;
    }
    for (int r = 0; r < p->n_ranks; r++) {
        p->batches[r] = b;
    }
    double tokens = (double)budget * p->n_ranks * p->n_stages;
    return step_time_s(&p->cache, p->batches, p->n_ranks) / tokens;
}

/* Of one rank and micro-batch. */
static double largest_batch(const struct capacity_config *cfg, const struct mean_request *m)
{
    double bytes = (double)kv_bytes(&cfg->replica->kv, (int64_t)fmax(1.0, m->context));
    double fit = bytes > 0.0 ? (double)cfg->replica->kv_bytes / bytes : INFINITY;
    double most = fmin(fit, (double)cfg->replica->sched.max_seqs);
    return fmax(1.0, most / cfg->replica->model->cfg.pp);
}

/* Requests/s with b sequences on every rank (in every micro-batch): lambda = n / (output *
 * tpot), n = b * ranks * stages, and tpot = step(b) + n * prefill / output, since every
 * request's prefill interrupts all. */
static double rate_at(struct step_probe *p, const struct mean_request *m, int64_t b,
                      double prefill_s, double *tpot_s)
{
    double n = (double)b * p->n_ranks * p->n_stages;
    *tpot_s = probe_decode_s(p, b, m->context) + n * m->fresh * prefill_s / m->output;
    return n / (m->output * *tpot_s);
}

static double guess_with(const struct capacity_config *cfg, double *batch, double *prefill_s)
{
    struct step_probe p;
    struct mean_request m = mean_request(cfg);
    double target = tpot_target_s(cfg);
    double tpot;
    probe_open(&p, cfg);
    *prefill_s = probe_prefill_s(&p, m.fresh);
    int64_t lo = 1;
    int64_t hi = (int64_t)largest_batch(cfg, &m) + 1;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        rate_at(&p, &m, mid, *prefill_s, &tpot);
        if (tpot <= target) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    double rate = rate_at(&p, &m, lo, *prefill_s, &tpot);
    *batch = (double)lo * p.n_ranks * p.n_stages;
    probe_close(&p);
    return rate;
}

double capacity_guess(const struct capacity_config *cfg, double *batch)
{
    double prefill_s;
    return guess_with(cfg, batch, &prefill_s);
}

/* ---- one run --------------------------------------------------------------------------------
 */

static void tally_clear(struct tally *t, int n_classes)
{
    double *ratio = t->ratio;
    *t = (struct tally){.ratio = ratio, .stable = true};
    memset(ratio, 0, (size_t)n_classes * LIMITS * sizeof *ratio);
}

/* The same as tally_clear and adding every part of `from`. */
static void tally_copy(struct tally *to, const struct tally *from, int n_classes)
{
    double *ratio = to->ratio;
    *to = *from;
    to->ratio = ratio;
    memcpy(ratio, from->ratio, (size_t)n_classes * LIMITS * sizeof *ratio);
}

static double loss_ratio(const struct class_summary *c, double loss_max_frac)
{
    double lost = (double)(c->n_rejected + c->n_failed);
    double all = lost + (double)c->n_completed;
    if (lost == 0.0) {
        return 0.0;
    }
    return loss_max_frac > 0.0 ? lost / (loss_max_frac * all) : exp(F_MAX);
}

/* Value / limit of every limit of a class; NaN where there is none. A latency of which there is
 * no sample (answers of one token) is inside. */
static void class_ratios(const struct scenario_slo *slo, const struct class_summary *c,
                         double *ratio)
{
    static const enum latency of[SLO_N_METRICS] = {LAT_TTFT, LAT_TPOT, LAT_ITL, LAT_E2E};
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            double value = c->lat[of[m]][s];
            ratio[m * SLO_N_STATS + s] = (isnan(value) ? 0.0 : value) / slo->limit_s[m][s];
        }
    }
    ratio[LATENCY_LIMITS] = loss_ratio(c, slo->loss_max_frac);
}

static double worst_of(const double *ratio, int n)
{
    double worst = 0.0;
    for (int i = 0; i < n; i++) {
        worst = ratio[i] > worst ? ratio[i] : worst; /* never for NaN */
    }
    return worst;
}

/* Unstable with all limits met: the backlog was on its way to missing them. */
static double f_of(double worst, bool stable)
{
    double f = fmin(F_MAX, fmax(F_MIN, log(fmax(worst, 1e-9))));
    return stable ? f : fmax(f, F_GROWING);
}

static int warmup_segments(const struct finder *s, const struct metrics *m)
{
    if (!s->cfg->stationary) {
        return 0;
    }
    int settled = metrics_segments_for(m, s->warmup);
    int found = metrics_warmup_segments(m);
    return settled > found ? settled : found;
}

/* Share of the GPUs' time that computes prompts: with sides of their own, what one of them was
 * busy; else computed tokens at the speed of a full prefill step. */
static double prefill_share(const struct finder *s, const struct cluster_result *r)
{
    double busy_s = r->stats.busy_s;
    if (s->cfg->prefill) {
        double prefill_s = r->prefill.stats.busy_s * s->cfg->prefill->system.n_gpus;
        double decode_s = r->decode.stats.busy_s * s->cfg->decode_gpus;
        return prefill_s + decode_s > 0.0 ? prefill_s / (prefill_s + decode_s) : 0.0;
    }
    return busy_s > 0.0
               ? fmin(1.0, r->stats.computed_prompt_tokens * s->prefill_s_per_token / busy_s)
               : 0.0;
}

static void add_use(const struct pool_result *r, struct pool_use *sum)
{
    double busy_s = r->stats.busy_s;
    sum->busy_frac += r->replica_s > 0.0 ? busy_s / r->replica_s : 0.0;
    sum->mfu_frac += busy_s > 0.0 ? r->work.compute_s / busy_s : 0.0;
    sum->mbu_frac += busy_s > 0.0 ? r->work.memory_s / busy_s : 0.0;
}

static struct pool_use mean_use(const struct pool_use *sum, double n)
{
    return (struct pool_use){sum->busy_frac / n, sum->mfu_frac / n, sum->mbu_frac / n};
}

static void add_measures(struct finder *s, const struct cluster_result *r,
                         const struct class_summary *all, struct tally *t)
{
    double busy = r->stats.busy_s;
    double per_busy = busy > 0.0 ? 1.0 / busy : 0.0;
    double done = all->n_completed > 0 ? (double)all->n_completed : NAN;
    t->ttft_s += all->lat[LAT_TTFT][STAT_MEAN];
    t->tpot_s += all->lat[LAT_TPOT][STAT_MEAN];
    t->e2e_s += all->lat[LAT_E2E][STAT_MEAN];
    t->output_tok_s += all->window_s > 0.0 ? all->output_tokens / all->window_s : 0.0;
    t->busy += r->replica_s > 0.0 ? busy / r->replica_s : 0.0;
    t->mfu += r->work.compute_s * per_busy;
    t->mbu += r->work.memory_s * per_busy;
    t->kv_max += r->decode.stats.kv_max_bytes / r->decode.kv_capacity_bytes *
                 (s->cfg->prefill ? n_replicas(s->cfg) * s->cfg->decode_replicas : 1);
    t->batch +=
        r->decode.stats.busy_s > 0.0 ? r->decode.stats.batch_s / r->decode.stats.busy_s : 0.0;
    t->prefill += prefill_share(s, r);
    add_use(&r->decode, &t->decode_use);
    add_use(&r->prefill, &t->prefill_use);
    t->input += all->prompt_tokens / done;
    t->hit += all->hit_tokens / done;
    t->output += all->output_tokens / done;
}

static void count_run(struct finder *s, const struct cluster_result *r)
{
    double least = fmax(r->work.memory_s, r->work.compute_s);
    s->out->n_runs++;
    s->out->n_requests += r->n_offered;
    s->out->n_events += r->n_events;
    s->out->interrupted |= r->abandoned;
    s->out->impossible |= r->stats.busy_s < least * (1.0 - FLOOR_TOLERANCE);
}

/* Units of a disaggregated deployment, side by side. */
static void add_prefill(const struct capacity_config *c, struct cluster_config *cfg)
{
    if (!c->prefill) {
        return;
    }
    int units = n_replicas(c);
    cfg->n_replicas = units * c->decode_replicas;
    cfg->prefill = &c->prefill->system.replica;
    cfg->n_prefill = units * c->prefill->n_replicas;
    cfg->handover = c->prefill->handover;
    cfg->handover.spine_bytes_per_s *= units;
}

/* Simulates so many requests and fills the summary. Returns the worst use of a limit. */
static double simulate(struct finder *s, const struct replica_config *replica,
                       int64_t n_requests, int replication, struct cluster_result *r)
{
    struct cluster_config cfg = {
        .replica = replica,
        .n_replicas = n_replicas(s->cfg),
        .route = s->cfg->route,
        .load = {.classes = s->classes,
                 .n_classes = s->cfg->n_classes,
                 .n_requests = n_requests,
                 .seed = s->cfg->seed,
                 .replication = (uint64_t)replication},
        .limits = s->limits,
        .stop = s->cfg->stop,
    };
    double worst = 0.0;
    add_prefill(s->cfg, &cfg);
    cluster_run(&cfg, r);
    count_run(s, r);
    metrics_summary(&r->metrics, warmup_segments(s, &r->metrics), s->summary);
    for (int c = 0; c < s->cfg->n_classes; c++) {
        double *ratio = &s->ratio[c * LIMITS];
        class_ratios(&s->cfg->slos[c], &s->summary[c], ratio);
        worst = fmax(worst, worst_of(ratio, LIMITS));
    }
    return worst;
}

/* One replication at a load, added to the tally. Returns its margin. In a short run a busy
 * moment at the end looks like a growing backlog: when all limits are met a longer one decides.
 */
static double run_with(struct finder *s, const struct replica_config *replica, double rate_rps,
                       int replication, struct tally *t)
{
    int n = s->cfg->n_classes;
    struct cluster_result r;
    for (int c = 0; c < n; c++) {
        s->classes[c] = s->cfg->classes[c];
        s->classes[c].rate_rps *= rate_rps;
        s->classes[c].trace_speed *= rate_rps;
    }
    double worst = simulate(s, replica, s->n_requests, replication, &r);
    if (!r.stable && worst <= 1.0 && !r.abandoned) {
        cluster_result_fini(&r);
        worst = simulate(s, replica, SURELY * s->n_requests, replication, &r);
    }
    for (int i = 0; i < n * LIMITS; i++) {
        t->ratio[i] += s->ratio[i];
    }
    add_measures(s, &r, &s->summary[n], t);
    bool stable = r.stable || worst > 1.0; /* else its misses say so */
    t->stable = t->stable && stable;
    t->n++;
    double f = f_of(worst, stable);
    cluster_result_fini(&r);
    return f;
}

static double run_at(struct finder *s, double x, int replication, struct tally *t)
{
    return run_with(s, s->cfg->replica, exp(x), replication, t);
}

/* ---- points ---------------------------------------------------------------------------------
 */

static void use_of(const struct finder *s, const struct tally *t, enum bind bind, int first,
                   int last, struct capacity_point *p)
{
    p->use[bind] = NAN;
    p->worst_class[bind] = 0;
    for (int c = 0; c < s->cfg->n_classes; c++) {
        for (int i = first; i < last; i++) {
            double ratio = t->ratio[c * LIMITS + i] / t->n;
            if (!isnan(ratio) && !(ratio <= p->use[bind])) {
                p->use[bind] = ratio;
                p->worst_class[bind] = c;
            }
        }
    }
}

static void point_of(const struct finder *s, const struct tally *t, double rate_rps,
                     struct capacity_point *p)
{
    static const enum bind of[SLO_N_METRICS] = {BIND_TTFT, BIND_TPOT, BIND_ITL, BIND_E2E};
    double n = t->n;
    *p = (struct capacity_point){
        .rate_rps = rate_rps,
        .stable = t->stable,
        .ttft_s = t->ttft_s / n,
        .tpot_s = t->tpot_s / n,
        .e2e_s = t->e2e_s / n,
        .output_tok_s = t->output_tok_s / n,
        .busy_frac = t->busy / n,
        .mfu_frac = t->mfu / n,
        .mbu_frac = t->mbu / n,
        .batch_mean = t->batch / n,
        .decode = mean_use(&t->decode_use, n),
        .prefill = mean_use(&t->prefill_use, n),
        .prefill_time_frac = t->prefill / n,
        .input_tokens = t->input / n,
        .hit_tokens = t->hit / n,
        .output_tokens = t->output / n,
    };
    for (int m = 0; m < SLO_N_METRICS; m++) {
        use_of(s, t, of[m], m * SLO_N_STATS, (m + 1) * SLO_N_STATS, p);
    }
    use_of(s, t, BIND_AVAILABILITY, LATENCY_LIMITS, LIMITS, p);
    p->use[BIND_KV] = t->kv_max / n;
    p->use[BIND_THROUGHPUT] = p->busy_frac;
    for (int b = 0; b < BIND_N; b++) {
        bool limit = b != BIND_KV && b != BIND_THROUGHPUT;
        p->worst = limit && p->use[b] > p->worst ? p->use[b] : p->worst;
    }
    p->met = p->stable && p->worst <= 1.0;
}

static void note_over(struct finder *s, double x, const struct tally *t)
{
    if (s->over.n == 0 || x < s->over_x) {
        s->over_x = x;
        tally_copy(&s->over, t, s->cfg->n_classes);
    }
}

/* ---- bracketing with replication 0 ----------------------------------------------------------
 */

static bool halted(const struct finder *s)
{
    return s->out->interrupted || s->out->impossible;
}

static double probe(struct finder *s, double x)
{
    tally_clear(&s->tally, s->cfg->n_classes);
    double f = run_at(s, x, 0, &s->tally);
    if (f > 0.0) {
        note_over(s, x, &s->tally);
    }
    if (s->n_points < MAX_POINTS) {
        s->x[s->n_points] = x;
        s->f[s->n_points++] = f;
    }
    return f;
}

static double clamp(double x, double lo, double hi)
{
    return fmin(hi, fmax(lo, x));
}

struct bracket {
    double lo, hi, f_lo, f_hi;
    bool has_lo, has_hi;
};

/* Steps up or down until the root is between two loads. False: no load is inside. */
static bool bracket_find(struct finder *s, double x, struct bracket *b)
{
    int n_fails = 0;
    double least = x - JUMP;
    for (int i = 0; i < MAX_BRACKET_RUNS && !(b->has_lo && b->has_hi) && !halted(s); i++) {
        double f = probe(s, x);
        if (f <= 0.0) {
            b->lo = x;
            b->f_lo = f;
            b->has_lo = true;
            x += clamp(-f / USUAL_SLOPE, STEP_MIN, STEP_MAX);
            continue;
        }
        b->hi = x;
        b->f_hi = f;
        b->has_hi = true;
        if (x <= least) {
            return false;
        }
        n_fails++;
        x = n_fails < FAILS_BEFORE_JUMP ? x - clamp(f / USUAL_SLOPE, STEP_MIN, STEP_MAX)
                                        : least;
    }
    return b->has_lo;
}

/* False position, kept away from the ends. */
static double bracket_split(const struct bracket *b)
{
    double width = b->hi - b->lo;
    double x = b->lo - b->f_lo * width / (b->f_hi - b->f_lo);
    return clamp(x, b->lo + 0.1 * width, b->hi - 0.1 * width);
}

static double bracket_narrow(struct finder *s, struct bracket *b)
{
    for (int i = 0; i < MAX_BRACKET_RUNS && b->hi - b->lo > BRACKET_WIDTH && !halted(s); i++) {
        /* a wide bracket says little about the shape between its ends */
        double x = b->hi - b->lo > 1.0 ? (b->lo + b->hi) / 2.0 : bracket_split(b);
        double f = probe(s, x);
        if (fabs(f) < CLOSE_ENOUGH) {
            return x;
        }
        if (f <= 0.0) {
            b->lo = x;
            b->f_lo = f;
        } else {
            b->hi = x;
            b->f_hi = f;
        }
    }
    return bracket_split(b);
}

/* Of f near the root, by least squares over what replication 0 saw. */
static double slope_at(const struct finder *s, double x)
{
    double n = 0.0;
    double sx = 0.0;
    double sf = 0.0;
    double sxx = 0.0;
    double sxf = 0.0;
    for (int i = 0; i < s->n_points; i++) {
        if (fabs(s->x[i] - x) < NEAR && fabs(s->f[i]) < F_MAX) {
            double dx = s->x[i] - x;
            n += 1.0;
            sx += dx;
            sf += s->f[i];
            sxx += dx * dx;
            sxf += dx * s->f[i];
        }
    }
    double spread = n * sxx - sx * sx;
    double slope = spread > 1e-9 ? (n * sxf - sx * sf) / spread : USUAL_SLOPE;
    return clamp(slope, SLOPE_MIN, SLOPE_MAX);
}

/* ---- confidence -----------------------------------------------------------------------------
 */

/* Replications at x until the interval is narrow. Returns the load they agree on. */
static double agree(struct finder *s, double x, double *half)
{
    const struct capacity_config *cfg = s->cfg;
    double precision = cfg->precision_frac > 0.0 ? cfg->precision_frac : PRECISION;
    int most = cfg->max_replications > 0 ? cfg->max_replications : MAX_REPLICATIONS;
    double slope = slope_at(s, x);
    double f[64];
    int n = 0;
    most = most < 64 ? most : 64;
    *half = NAN;
    while (n < most && !halted(s)) {
        tally_clear(&s->tally, cfg->n_classes);
        f[n] = run_at(s, x, n, &s->tally);
        n++;
        *half = t_half_width(f, n, 0.95) / slope;
        if (n >= MIN_REPLICATIONS && *half <= precision) {
            break;
        }
    }
    s->out->n_replications = n;
    return x - clamp(mean_of(f, n) / slope, -0.25, 0.25);
}

static void measure_all(struct finder *s, double x, int n, struct capacity_point *p)
{
    tally_clear(&s->tally, s->cfg->n_classes);
    for (int r = 0; r < n && !halted(s); r++) {
        run_at(s, x, r, &s->tally);
    }
    point_of(s, &s->tally, exp(x), p);
}

/* Lowers the load until the mean of all replications is inside every limit. */
static bool settle(struct finder *s, double *x)
{
    double slope = slope_at(s, *x);
    for (int i = 0; i < MAX_SETTLE && !halted(s); i++) {
        measure_all(s, *x, s->out->n_replications, &s->out->at);
        if (s->out->at.met) {
            return true;
        }
        note_over(s, *x, &s->tally);
        double f = f_of(s->out->at.worst, s->out->at.stable);
        *x -= clamp(f / slope, 0.01, 0.1 * (i + 1));
    }
    return false;
}

/* ---- what binds -----------------------------------------------------------------------------
 */

static enum bind worst_limit(const struct capacity_point *p)
{
    enum bind worst = BIND_THROUGHPUT;
    double most = 1.0;
    for (int b = 0; b < BIND_N; b++) {
        if (b != BIND_KV && b != BIND_THROUGHPUT && p->use[b] > most) {
            most = p->use[b];
            worst = (enum bind)b;
        }
    }
    return worst;
}

/* Would the load outside be inside if only there were more memory for the cache? */
static bool memory_binds(struct finder *s)
{
    if (s->out->over.use[BIND_KV] < POOL_FULL) {
        return false;
    }
    struct replica_config more = *s->cfg->replica;
    more.kv_bytes *= MORE_KV;
    tally_clear(&s->tally, s->cfg->n_classes);
    return run_with(s, &more, exp(s->over_x), 0, &s->tally) <= 0.0;
}

/* A load above x that is outside: the bracket's, or further out where replication 0 was
 * stricter than the mean of all. */
static void look_beyond(struct finder *s, double x)
{
    if (s->over.n > 0 && s->over_x > x) {
        return;
    }
    s->over.n = 0;
    for (int i = 1; i <= MAX_BEYOND && s->over.n == 0 && !halted(s); i++) {
        probe(s, x + BEYOND * i);
    }
}

static void find_bind(struct finder *s)
{
    struct capacity *out = s->out;
    if (s->over.n == 0) {
        out->bind = BIND_THROUGHPUT;
        return;
    }
    point_of(s, &s->over, exp(s->over_x), &out->over);
    out->bind = worst_limit(&out->over);
    out->bind_class = out->over.worst_class[out->bind];
    if (memory_binds(s)) {
        out->bind = BIND_KV;
    }
}

/* ---- the whole ------------------------------------------------------------------------------
 */

/* Enough requests for the rarest limited quantile of the rarest class, and for the system to
 * turn over several times. */
static int64_t requests_of(const struct capacity_config *cfg, double batch)
{
    if (cfg->n_requests > 0) {
        return cfg->n_requests;
    }
    double least = cfg->min_requests > 0 ? (double)cfg->min_requests : MIN_REQUESTS;
    double n = fmax(least, BATCHES_PER_RUN * batch);
    for (int c = 0; c < cfg->n_classes; c++) {
        for (int m = 0; m < SLO_N_METRICS; m++) {
            for (int q = SLO_P50; q < SLO_N_STATS; q++) {
                if (!isnan(cfg->slos[c].limit_s[m][q])) {
                    double rare = cfg->classes[c].rate_rps * (1.0 - slo_stat_quantile[q]);
                    n = fmax(n, TAIL_SAMPLES / rare);
                }
            }
        }
    }
    double most = cfg->max_requests > 0 ? (double)cfg->max_requests : n;
    return (int64_t)fmin(n, fmax(most, LEAST_BATCHES * batch));
}

static double finder_open(struct finder *s, const struct capacity_config *cfg,
                          struct capacity *out)
{
    size_t n = (size_t)cfg->n_classes;
    double batch;
    memset(out, 0, sizeof *out);
    *s = (struct finder){.cfg = cfg, .out = out};
    s->classes = xcalloc(n, sizeof *s->classes);
    s->limits = xcalloc(n, sizeof *s->limits);
    s->summary = xcalloc(n + 1, sizeof *s->summary);
    s->ratio = xcalloc(n * LIMITS, sizeof *s->ratio);
    s->tally.ratio = xcalloc(n * LIMITS, sizeof *s->tally.ratio);
    s->over.ratio = xcalloc(n * LIMITS, sizeof *s->over.ratio);
    for (size_t i = 0; i < n; i++) {
        s->limits[i] = (struct request_limits){INFINITY, INFINITY, INFINITY};
    }
    double guess = guess_with(cfg, &batch, &s->prefill_s_per_token) * n_replicas(cfg);
    batch *= n_replicas(cfg);
    s->n_requests = requests_of(cfg, batch);
    s->warmup = (int64_t)fmin(batch, (double)s->n_requests / 4.0);
    return guess;
}

static void finder_close(struct finder *s)
{
    free(s->classes);
    free(s->limits);
    free(s->summary);
    free(s->ratio);
    free(s->tally.ratio);
    free(s->over.ratio);
}

void capacity_find(const struct capacity_config *cfg, struct capacity *out)
{
    struct finder s;
    struct bracket b = {0};
    double guess = finder_open(&s, cfg, out);
    bool inside = bracket_find(&s, log(guess), &b);
    double x = b.has_lo ? b.lo : b.hi;
    if (inside && !halted(&s)) {
        double half = 0.0;
        x = b.has_hi ? bracket_narrow(&s, &b) : x;
        x = agree(&s, x, &half);
        inside = settle(&s, &x);
        out->rps = inside ? exp(x) : 0.0;
        out->lo = exp(x - half);
        out->hi = exp(x + half);
    } else if (!halted(&s)) {
        measure_all(&s, x, 1, &out->at);
        out->n_replications = 1;
    }
    if (!inside || halted(&s)) {
        out->rps = out->lo = out->hi = 0.0;
    }
    if (out->rps > 0.0) {
        look_beyond(&s, x);
    }
    if (!halted(&s)) {
        find_bind(&s);
    }
    finder_close(&s);
}

void capacity_measure(const struct capacity_config *cfg, double rate_rps, int n_replications,
                      struct capacity *out)
{
    struct finder s;
    finder_open(&s, cfg, out);
    measure_all(&s, log(rate_rps), n_replications, &out->at);
    out->n_replications = n_replications;
    finder_close(&s);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_row.c - one measured row replayed: its deployment, its load under the benchmark's
 * own protocol, and what the benchmark's client would have printed.
 *
 * The client's measures are taken from every request that completes, exactly (no histogram): a
 * row has at most a few thousand. What the table leaves open is filled in by the engine's
 * defaults, and said in the note. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include "sim/base/date.h"
#include "sim/fit/validate_parts.h"
#include "sim/load/load.h"
#include "sim/serve/cluster.h"

const char *const validate_skip_names[] = {
    "",
    "unknown model",
    "unknown GPU",
    "unknown engine",
    "unknown number format",
    "layout not possible",
    "load not stated",
    "does not fit in memory",
    "interrupted",
};

/* The protocol where the table does not say (design of the InferenceX, TensorRT-LLM and vLLM
 * benchmark clients). */
static const int64_t PROMPTS_PER_CLIENT = 10;
static const int64_t OPEN_REQUESTS = 1000;
static const int64_t OFFLINE_REQUESTS = 3000;
static const int64_t OFFLINE_BATCHES = 4;
/* Uniform lengths are drawn from these shares of nominal; the mean is 0.9 of it. */
static const double UNIFORM_FROM = 0.8;
static const double UNIFORM_MEAN = 0.9;
/* Equal outputs keep the clients of a closed loop in the waves of its opening burst to the end.
 * Measured runs show no such waves, nor do their sources say how outputs spread; of +-5 to +-50
 * % any breaks them. */
static const double OUTPUT_SPREAD = 0.1;
/* Room a launch script leaves above the longest request. */
static const int64_t SPARE_TOKENS = 16;
/* When a measured run should not have fitted: utilisations that are tried. */
static const double UTIL_FIRST = 0.80;
static const double UTIL_STEP = 0.01;
static const double UTIL_LAST = 0.99;

static void note(struct validate_result *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct validate_result *out, const char *fmt, ...)
{
    size_t n = strlen(out->note);
    if (n > 0 && n + 2 < sizeof out->note) {
        memcpy(out->note + n, "; ", 3);
        n += 2;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(out->note + n, sizeof out->note - n, fmt, args);
    va_end(args);
}

static bool skip(struct validate_result *out, enum validate_skip why, const char *detail)
{
    out->skip = why;
    snprintf(out->detail, sizeof out->detail, "%.190s", detail);
    return false;
}

/* ---- the deployment --------------------------------------------------------------------- */

static int64_t nominal_tokens(double mean, bool uniform)
{
    return (int64_t)(uniform ? mean / UNIFORM_MEAN + 0.5 : mean + 0.5);
}

/* What benchmarks write for a MoE kernel, as kernel families of kernels/moe.csv. An empty
 * answer leaves the choice to the engine. */
static const char *moe_kernel_of(const char *flag)
{
    static const char *const known[][2] = {
        {"trtllm", "trtllm-gen"},
        {"flashinfer_trtllm", "trtllm-gen"},
        {"flashinfer mxfp4-mxfp8", "trtllm-gen"},

        {"cutlass", "cutlass"},
        {"flashinfer_cutlass", "cutlass"},
        {"deepgemm", "deepgemm"},
        {"triton", "triton"},
        {"marlin", "marlin"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(flag, known[i][0]) == 0) {
            return known[i][1];
        }
    }
    return "";
}

/* vLLM releases at which its defaults or overheads change (dates of the GitHub releases). The
 * other engines' rows without a version were measured on versions without such a change. */
struct release {
    enum engine_kind engine;
    const char *version, *date;
};
static const struct release releases[] = {
    {ENGINE_VLLM, "0.9.2", "2025-07-07"},  {ENGINE_VLLM, "0.10.1", "2025-08-18"},
    {ENGINE_VLLM, "0.10.2", "2025-09-13"}, {ENGINE_VLLM, "0.11.0", "2025-10-02"},
    {ENGINE_VLLM, "0.13.0", "2025-12-18"}, {ENGINE_VLLM, "0.14.0", "2026-01-20"},
};
/* Benchmark images lag: InferenceX ran vLLM 0.10.2 on 2025-11-02. */
static const int IMAGE_LAG_DAYS = 42;

/* Days since an old one; a month stands for its first day; -1: not stated. */
static int day_of(const char *date)
{
    char first[16];
    snprintf(first, sizeof first, strlen(date) == 7 ? "%s-01" : "%s", date);
    return date_day_number(first);
}

/* A version that is not stated: the newest a benchmark image can have held on that day; "" (the
 * newest known) when the date is not stated or no release is listed. */
static const char *version_of_date(enum engine_kind engine, const char *date)
{
    int day = day_of(date);
    const char *version = "";
    for (size_t i = 0; day >= 0 && i < sizeof releases / sizeof *releases; i++) {
        bool out = date_day_number(releases[i].date) + IMAGE_LAG_DAYS <= day;
        version = releases[i].engine == engine && out ? releases[i].version : version;
    }
    return version;
}

static bool set_engine(const struct validate_row *row, struct system_spec *spec,
                       struct validate_result *out)
{
    for (int i = 0; i < ENGINE_N_KINDS; i++) {
        if (strcmp(row->engine, engine_names[i]) == 0) {
            spec->engine = (enum engine_kind)i;
            spec->engine_version = row->engine_version;
            if (!*row->engine_version) {
                spec->engine_version = version_of_date(spec->engine, row->date);
                note(out, "engine version not stated: %s",
                     *spec->engine_version ? spec->engine_version : "newest known");
            }
            return true;
        }
    }
    return skip(out, SKIP_ENGINE, row->engine);
}

static bool set_formats(const struct validate_row *row, struct system_spec *spec,
                        struct validate_result *out)
{
    enum dtype weights = DTYPE_AUTO;
    struct err err = {0};
    if (*row->weight_dtype && !dtype_parse(row->weight_dtype, &weights)) {
        return skip(out, SKIP_DTYPE, row->weight_dtype);
    }
    if (!model_checkpoint_named(spec->model, weights, row->model, &spec->checkpoint, &err)) {
        return skip(out, SKIP_DTYPE, err.text);
    }
    if (spec->checkpoint.estimated) {
        note(out, "which layers of the %s checkpoint are quantised is assumed",
             dtype_name(spec->checkpoint.weights));
    }
    if (*row->kv_dtype && !dtype_parse(row->kv_dtype, &spec->kv)) {
        return skip(out, SKIP_DTYPE, row->kv_dtype);
    }
    if (spec->kv == DTYPE_AUTO) {
        spec->kv = system_default_kv(spec->engine, &spec->checkpoint, spec->gpu);
        note(out, "KV cache %s by the engine's default", dtype_name(spec->kv));
    }
    return true;
}

/* n_gpus = tp x pp x dp. Attention data parallelism without dp subdivides tp, its experts
 * spread over all ranks. */
static bool set_layout(const struct validate_row *row, struct system_spec *spec,
                       struct validate_result *out)
{
    int64_t pp = row->pp > 0 ? row->pp : 1;
    int64_t dp = row->dp > 0 ? row->dp : 1;
    int64_t tp = row->tp;
    if (tp == 0) {
        tp = row->n_gpus > 0 ? row->n_gpus / (pp * dp) : 1;
    }
    int64_t ep = row->ep;
    if (row->attention_dp == 1 && row->dp == 0 && tp > 1) {
        dp = tp;
        tp = 1;
        ep = 0;
        note(out, "attention data parallelism over %d ranks, experts spread over them",
             (int)dp);
    }
    if (ep == 0 && model_is_moe(spec->model)) {
        note(out, "ep not stated: %s", dp > 1 ? "all ranks" : "1");
    }
    if (tp < 1 || (row->n_gpus > 0 && tp * pp * dp != row->n_gpus)) {
        char detail[96];
        snprintf(detail, sizeof detail, "tp %d x pp %d x dp %d is not %d GPUs", (int)tp,
                 (int)pp, (int)dp, (int)row->n_gpus);
        return skip(out, SKIP_LAYOUT, detail);
    }
    spec->tp = (int)tp;
    spec->pp = (int)pp;
    spec->dp = (int)dp;
    spec->ep = (int)ep;
    return true;
}

/* See OUTPUT_SPREAD. */
static bool outputs_spread(const struct validate_row *row)
{
    return row->load == VLOAD_CLOSED && row->concurrency > 1 && !row->uniform_lengths;
}

static struct dist spread_output_dist(const struct validate_row *row)
{
    double spread = OUTPUT_SPREAD * row->osl_mean;
    return (struct dist){
        .kind = DIST_UNIFORM, .a = row->osl_mean - spread, .b = row->osl_mean + spread};
}

static int64_t longest_request(const struct validate_row *row)
{
    int64_t n = nominal_tokens(row->isl_mean, row->uniform_lengths) +
                nominal_tokens(row->osl_mean, row->uniform_lengths);
    return n + (outputs_spread(row) ? (int64_t)(OUTPUT_SPREAD * row->osl_mean + 0.5) : 0);
}

static void set_knobs(const struct validate_row *row, struct system_spec *spec,
                      struct validate_result *out)
{
    spec->max_model_len = longest_request(row) + SPARE_TOKENS;
    spec->mem_util_frac = row->mem_util_frac;
    spec->max_batched_tokens = row->max_batched_tokens;
    spec->max_seqs = row->max_seqs;
    spec->chunked_prefill = row->chunked_prefill;
    spec->prefix_cache = row->prefix_cache;
    spec->recv_interval = row->recv_interval > 0 ? row->recv_interval : 1;
    spec->wait_iters = row->wait_iters;
    spec->wait_ratio = row->wait_ratio;
    /* inference-perf, the client of evenly spaced loads, leaves sampling to the server, and
     * vLLM follows the checkpoint; the other clients ask for temperature 0 */
    spec->truncated_sampling = row->load == VLOAD_OPEN_CONSTANT &&
                               spec->engine == ENGINE_VLLM && spec->model->truncated_sampling;
    spec->moe_backend = moe_kernel_of(row->moe_backend);
    if (*row->moe_backend && !*spec->moe_backend) {
        note(out, "MoE backend '%s' not known: the engine's default", row->moe_backend);
    }
}

/* ---- ablation -----------------------------------------------------------------------------
 */

/* Engine defaults where the launch scripts of the benchmarks said otherwise. */
static void drop_flags(struct system_spec *spec)
{
    const struct system_spec standard = system_spec_default();
    spec->mem_util_frac = standard.mem_util_frac;
    spec->max_batched_tokens = standard.max_batched_tokens;
    spec->max_seqs = standard.max_seqs;
    spec->chunked_prefill = standard.chunked_prefill;
    spec->recv_interval = standard.recv_interval;
    spec->wait_iters = standard.wait_iters;
    spec->wait_ratio = standard.wait_ratio;
    spec->moe_backend = standard.moe_backend;
}

static void drop_from_spec(enum effect effect, struct system_spec *spec)
{
    spec->without.tile_padding = effect == EFFECT_TILE_PADDING;
    spec->without.distinct_experts = effect == EFFECT_DISTINCT_EXPERTS;
    if (effect == EFFECT_EXPERT_SKEW) {
        spec->skew_sigma = 0.0;
    } else if (effect == EFFECT_FLAGS) {
        drop_flags(spec);
    }
}

/* Tokens of one step where no engine says otherwise: vLLM's default on large GPUs. */
static const int64_t PLAIN_BUDGET = 8192;

static void drop_from_system(enum effect effect, struct system *system)
{
    struct sched_config *sched = &system->replica.sched;
    struct engine_defaults *engine = &system->step->cfg.defaults;
    if (effect == EFFECT_HOST) {
        engine->host_s = 0.0;
        engine->host_per_seq_s = 0.0;
        engine->prefill_launch_s = 0.0;
    } else if (effect == EFFECT_API) {
        system->replica.api_s = 0.0;
        system->replica.api_per_token_s = 0.0;
    } else if (effect == EFFECT_SCHEDULER) {
        sched->kind = ENGINE_VLLM;
        sched->max_batched_tokens = PLAIN_BUDGET;
        sched->reserve_output = false;
        sched->recv_interval = 1;
        sched->wait_iters = 0;
        sched->balance_iters = 0;
    }
}

/* Whether the next step is planned while one runs. Launch scripts of benchmarks turned it on
 * before it was vLLM's default (InferenceX recipes of 2025), and those rows state no version.
 */
static void set_async(const struct validate_row *row, struct system *system,
                      struct validate_result *out)
{
    if (row->async >= 0) {
        system->replica.sched.async = row->async == 1;
    } else if (system->spec.engine == ENGINE_VLLM && !*row->engine_version &&
               !system->replica.sched.async) {
        system->replica.sched.async = true;
        note(out, "asynchronous scheduling on, as launch scripts had it");
    }
}

/* The run was measured, so it fitted: with the lowest utilisation that lets it. */
static bool resolve_fitting(const struct validate_settings *settings, struct system_spec *spec,
                            struct system *system, struct validate_result *out)
{
    struct err err = {0};
    if (!system_resolve(settings->stock, spec, system, &err)) {
        return skip(out, SKIP_LAYOUT, err.text);
    }
    char reason[sizeof system->footprint.reason];
    memcpy(reason, system->footprint.reason, sizeof reason);
    double stated = system->spec.mem_util_frac;
    int steps = (int)((UTIL_LAST - UTIL_FIRST) / UTIL_STEP + 0.5);
    for (int i = 0; i <= steps && !system->step; i++) {
        spec->mem_util_frac = UTIL_FIRST + i * UTIL_STEP;
        if (spec->mem_util_frac <= stated) {
            continue;
        }
        system_fini(system);
        if (!system_resolve(settings->stock, spec, system, &err)) {
            return skip(out, SKIP_LAYOUT, err.text);
        }
        if (system->step) {
            note(out, "fits only from gpu_mem_util %.2f", spec->mem_util_frac);
        }
    }
    return system->step || skip(out, SKIP_MEMORY, reason);
}

bool validate_row_system(const struct validate_settings *settings,
                         const struct validate_row *row, const struct model *model,
                         struct system *system, struct validate_result *out)
{
    struct err err = {0};
    memset(system, 0, sizeof *system);
    if (!model) {
        return skip(out, SKIP_MODEL, row->model);
    }
    if (!(row->isl_mean >= 1.0 && row->osl_mean >= 1.0)) {
        return skip(out, SKIP_LOAD, "isl_mean and osl_mean");
    }
    struct system_spec spec = system_spec_default();
    spec.step_scale = settings->step_scale;
    spec.step_offset_s = settings->step_offset_s;
    spec.api_offset_s = settings->api_offset_s;
    spec.name = row->id;
    spec.model = model;
    spec.gpu = gpu_find(&settings->stock->gpus, row->hardware, &err);
    if (!spec.gpu) {
        return skip(out, SKIP_GPU, row->hardware);
    }
    if (!set_engine(row, &spec, out) || !set_formats(row, &spec, out) ||
        !set_layout(row, &spec, out)) {
        return false;
    }
    set_knobs(row, &spec, out);
    drop_from_spec(settings->effect, &spec);
    if (!resolve_fitting(settings, &spec, system, out)) {
        return false;
    }
    set_async(row, system, out);
    drop_from_system(settings->effect, system);
    return true;
}

/* ---- the load --------------------------------------------------------------------------- */

static struct dist length_dist(double mean, bool uniform)
{
    if (!uniform) {
        return (struct dist){.kind = DIST_CONSTANT, .a = mean};
    }
    double nominal = mean / UNIFORM_MEAN;
    return (struct dist){.kind = DIST_UNIFORM, .a = UNIFORM_FROM * nominal, .b = nominal};
}

static int64_t or_else(int64_t stated, int64_t otherwise)
{
    return stated > 0 ? stated : otherwise;
}

static void set_closed(struct load_class *c, int64_t clients, int64_t n_requests)
{
    c->process = LOAD_CLOSED;
    c->n_requests = n_requests;
    c->concurrency = clients < n_requests ? clients : n_requests;
}

static bool set_open(const struct validate_row *row, struct load_class *c,
                     struct validate_result *out)
{
    if (isnan(row->rate_rps) || row->rate_rps == 0.0) {
        return skip(out, SKIP_LOAD, "rate_rps");
    }
    bool lasts = row->duration_s > 0.0 && isfinite(row->rate_rps);
    int64_t n = lasts ? (int64_t)(row->duration_s * row->rate_rps + 0.5) : OPEN_REQUESTS;
    n = or_else(row->num_requests, n > 0 ? n : 1);
    if (isinf(row->rate_rps)) {
        set_closed(c, or_else(row->client_limit, n), n);
        return true;
    }
    c->process = row->load == VLOAD_OPEN ? LOAD_POISSON : LOAD_CONSTANT;
    c->rate_rps = row->rate_rps;
    c->n_requests = n;
    if (row->client_limit > 0) {
        note(out, "client limit ignored under a finite rate");
    }
    return true;
}

static bool set_load(const struct validate_row *row, const struct system *system,
                     struct load_class *c, struct validate_result *out)
{
    *c = (struct load_class){
        .name = "row",
        .prompt = length_dist(row->isl_mean, row->uniform_lengths),
        .output = length_dist(row->osl_mean, row->uniform_lengths),
        .shared_tokens = row->shared_prefix_tokens,
        .groups = row->shared_prefix_tokens > 0 ? 1 : 0,
        .prompt_pool = row->prompt_pool,
    };
    switch (row->load) {
    case VLOAD_CLOSED: {
        if (row->concurrency == 0) {
            return skip(out, SKIP_LOAD, "concurrency");
        }
        if (outputs_spread(row)) {
            c->output = spread_output_dist(row);
        }
        int64_t limit = or_else(row->client_limit, row->concurrency);
        set_closed(c, limit < row->concurrency ? limit : row->concurrency,
                   or_else(row->num_requests, PROMPTS_PER_CLIENT * row->concurrency));
        return true;
    }
    case VLOAD_OFFLINE: {
        int64_t most = OFFLINE_BATCHES * system->spec.max_seqs * system->spec.dp;
        c->process = LOAD_OFFLINE;
        c->n_requests =
            or_else(row->num_requests, most > OFFLINE_REQUESTS ? most : OFFLINE_REQUESTS);
        return true;
    }
    case VLOAD_OPEN:
    case VLOAD_OPEN_CONSTANT:
    case VLOAD_N:
        break;
    }
    return set_open(row, c, out);
}

/* ---- what the client sees --------------------------------------------------------------- */

struct client {
    int64_t first_id; /* earlier requests only warm the cache */
    int64_t stream_interval;
    double *ttft_s, *tpot_s, *e2e_s;
    size_t n, n_tpot;
    double begin_s, end_s; /* of the measured requests */
    double output_tokens, decode_s, n_gaps;
    int64_t n_refused;
};

static void client_init(struct client *c, int64_t first_id, int64_t n, int64_t stream_interval)
{
    *c = (struct client){.first_id = first_id, .begin_s = INFINITY};
    c->stream_interval = stream_interval > 0 ? stream_interval : 1;
    c->ttft_s = xcalloc((size_t)n, sizeof *c->ttft_s);
    c->tpot_s = xcalloc((size_t)n, sizeof *c->tpot_s);
    c->e2e_s = xcalloc((size_t)n, sizeof *c->e2e_s);
}

static void client_fini(struct client *c)
{
    free(c->ttft_s);
    free(c->tpot_s);
    free(c->e2e_s);
}

static void client_sees(void *ctx, int64_t id, int replica, const struct finished *f,
                        const char *why)
{
    struct client *c = ctx;
    (void)replica;
    (void)why;
    if (id < c->first_id) {
        return;
    }
    if (f->outcome != OUTCOME_COMPLETED) {
        c->n_refused++;
        return;
    }
    c->ttft_s[c->n] = f->first_s - f->arrival_s;
    c->e2e_s[c->n] = f->last_s - f->arrival_s;
    c->n++;
    c->begin_s = fmin(c->begin_s, f->arrival_s);
    c->end_s = fmax(c->end_s, f->last_s);
    c->output_tokens += (double)f->output_tokens;
    if (f->output_tokens > 1) {
        double decode_s = f->last_s - f->first_s;
        int64_t tokens = f->output_tokens - 1;
        c->tpot_s[c->n_tpot++] = decode_s / (double)tokens;
        c->decode_s += decode_s;
        c->n_gaps += (double)((tokens + c->stream_interval - 1) / c->stream_interval);
    }
}

static double quantile_ms(const double *sorted, size_t n, double q)
{
    return n > 0 ? 1e3 * gsl_stats_quantile_from_sorted_data(sorted, 1, n, q) : NAN;
}

static double mean_ms(const double *values, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return n > 0 ? 1e3 * sum / (double)n : NAN;
}

/* Adds share x every measure to out->predicted. */
static void client_report(struct client *c, double share, double *predicted)
{
    gsl_sort(c->ttft_s, 1, c->n);
    gsl_sort(c->tpot_s, 1, c->n_tpot);
    gsl_sort(c->e2e_s, 1, c->n);
    double values[VM_N] = {
        [VM_TTFT_MEAN] = mean_ms(c->ttft_s, c->n),
        [VM_TTFT_P50] = quantile_ms(c->ttft_s, c->n, 0.5),
        [VM_TTFT_P90] = quantile_ms(c->ttft_s, c->n, 0.9),
        [VM_TTFT_P99] = quantile_ms(c->ttft_s, c->n, 0.99),
        [VM_TPOT_MEAN] = mean_ms(c->tpot_s, c->n_tpot),
        [VM_TPOT_P50] = quantile_ms(c->tpot_s, c->n_tpot, 0.5),
        [VM_TPOT_P99] = quantile_ms(c->tpot_s, c->n_tpot, 0.99),
        [VM_ITL_MEAN] = c->n_gaps > 0.0 ? 1e3 * c->decode_s / c->n_gaps : NAN,
        [VM_E2E_MEAN] = mean_ms(c->e2e_s, c->n),
        [VM_E2E_P90] = quantile_ms(c->e2e_s, c->n, 0.9),
        [VM_E2E_P99] = quantile_ms(c->e2e_s, c->n, 0.99),
        [VM_OUTPUT_TOK_S] =
            c->end_s > c->begin_s ? c->output_tokens / (c->end_s - c->begin_s) : NAN,
    };
    for (int m = 0; m < VM_N; m++) {
        predicted[m] += share * values[m];
    }
}

/* ---- evidence ---------------------------------------------------------------------------- */

static enum band_load band_load_of(const struct validate_row *row)
{
    switch (row->load) {
    case VLOAD_CLOSED:
        return band_load_of_clients(row->concurrency);
    case VLOAD_OFFLINE:
        return BAND_OFFLINE;
    case VLOAD_OPEN:
    case VLOAD_OPEN_CONSTANT:
    case VLOAD_N:
        break;
    }
    return isinf(row->rate_rps) ? BAND_OFFLINE : BAND_OPEN;
}

static void keep_evidence(const struct validate_settings *settings,
                          const struct validate_row *row, const struct system *s,
                          struct validate_result *out)
{
    const struct band_table *bands = &settings->stock->bands;
    out->evidence = evidence_of(bands, s);
    out->weights = s->spec.checkpoint.weights;
    out->gpu = s->spec.gpu;
    out->band_load = band_load_of(row);
    out->band_prompt = band_prompt_of(row->isl_mean, outputs_spread(row));
    for (int m = 0; m < BAND_METRIC_N; m++) {
        out->has_band[m] = evidence_band(bands, s, (enum band_metric)m, out->band_load,
                                         out->band_prompt, &out->band[m]);
    }
    out->n_constants = s->step->n_constants;
    memcpy(out->constants, s->step->constants, sizeof out->constants);
}

/* ---- one row ---------------------------------------------------------------------------- */

/* No step may be faster than reading its weights and cache, or than its arithmetic, at peak. */
static void check_floor(const struct validate_row *row, const struct cluster_result *run,
                        struct validate_result *out)
{
    double limit = run->stats.busy_s * (1.0 + 1e-9);
    if (run->work.memory_s > limit || run->work.compute_s > limit) {
        err_set(
            &out->err, ERR_INTERNAL,
            "row %s: predicted %.6g s of steps, but memory alone takes %.6g s and arithmetic "
            "%.6g s at peak rate",
            row->id, run->stats.busy_s, run->work.memory_s, run->work.compute_s);
    }
}

/* A later stage finds the prompts of the pool cached: they are sent once before it, unmeasured.
 */
static int64_t warm_requests(const struct validate_row *row)
{
    return row->warm ? row->prompt_pool : 0;
}

static void keep_first(const struct cluster_result *run, struct validate_result *out)
{
    out->busy_s = run->stats.busy_s;
    out->batch_mean = run->stats.busy_s > 0.0 ? run->stats.batch_s / run->stats.busy_s : 0.0;
    memcpy(out->parts_s, run->parts_s, sizeof out->parts_s);
}

/* False when the row was abandoned. */
static bool replicate(const struct validate_settings *settings, const struct validate_row *row,
                      const struct system *system, const struct load_class *class, int n_reps,
                      struct validate_result *out)
{
    struct request_limits limits = {INFINITY, INFINITY, INFINITY};
    for (int rep = 0; rep < n_reps; rep++) {
        struct client client;
        client_init(&client, warm_requests(row), class->n_requests, row->stream_interval);
        struct cluster_config cfg = {
            .replica = &system->replica,
            .n_replicas = 1,
            .load = {.classes = class,
                     .n_classes = 1,
                     .n_requests = class->n_requests,
                     .seed = settings->seed,
                     .replication = (uint64_t)rep},
            .limits = &limits,
            .sink = client_sees,
            .sink_ctx = &client,
            .stop = settings->stop,
        };
        struct cluster_result run;
        cluster_run(&cfg, &run);
        bool abandoned = run.abandoned;
        check_floor(row, &run, out);
        client_report(&client, 1.0 / n_reps, out->predicted);
        if (rep == 0) {
            keep_first(&run, out);
        }
        if (rep == 0 && client.n_refused > 0) {
            note(out, "%lld requests refused: longer than the KV pool",
                 (long long)client.n_refused);
        }
        out->n_events += run.n_events;
        out->n_requests += run.n_offered;
        client_fini(&client);
        cluster_result_fini(&run);
        if (abandoned) {
            return skip(out, SKIP_INTERRUPTED, "");
        }
    }
    return true;
}

static void predict_nothing(struct validate_result *out)
{
    for (int m = 0; m < VM_N; m++) {
        out->predicted[m] = NAN;
    }
}

void validate_row_predict(const struct validate_settings *settings,
                          const struct validate_row *row, const struct model *model,
                          struct validate_result *out)
{
    struct system system;
    struct load_class class;
    memset(out, 0, sizeof *out);
    out->model = model;
    bool ok = validate_row_system(settings, row, model, &system, out) &&
              set_load(row, &system, &class, out);
    if (ok) {
        class.n_requests += warm_requests(row);
        if (warm_requests(row) > 0) {
            note(out, "starts warm: the pool is sent once before");
        }
        system.replica.reuse =
            system.replica.reuse && (class.prompt_pool > 0 || class.shared_tokens > 0);
        keep_evidence(settings, row, &system, out);
        bool open = class.process == LOAD_POISSON;
        ok = replicate(settings, row, &system, &class, open ? settings->replications : 1, out);
    }
    if (!ok) {
        predict_nothing(out);
    }
    system_fini(&system);
}

/* ---- explaining ------------------------------------------------------------------------- */

/* A decode step of `batch` sequences per rank, each at the mean context. */
static void mean_step(const struct step_model *model, double batch, double context,
                      double *parts)
{
    struct step_cache cache;
    int64_t n = (int64_t)(batch / model->cfg.dp + 0.5);
    n = n > 0 ? n : 1;
    struct step_batch *ranks = xcalloc((size_t)model->cfg.dp, sizeof *ranks);
    for (int r = 0; r < model->cfg.dp; r++) {
        ranks[r].n_decode = n;
        ranks[r].n_sample = n;
        for (int s = 0; s < model->n_spans; s++) {
            ranks[r].ctx_tokens[s] =
                (double)n * span_tokens(&model->spans[s], (int64_t)(context + 0.5));
        }
    }
    step_cache_init(&cache, model, n + 8);
    step_time_s(&cache, ranks, model->cfg.dp);
    step_breakdown(&cache, parts);
    step_cache_fini(&cache);
    free(ranks);
}

static void print_parts(const struct validate_result *r, const double *step, FILE *out)
{
    double sum = 0.0;
    double run = 0.0;
    for (int i = 0; i < OP_N; i++) {
        sum += step[i];
        run += r->parts_s[i];
    }
    fprintf(out, "%-12s %14s %12s\n", "part", "decode step ms", "whole run %");
    for (int i = 0; i < OP_N; i++) {
        fprintf(out, "%-12s %14.4f %12.1f\n", op_group_names[i], 1e3 * step[i],
                run > 0.0 ? 100.0 * r->parts_s[i] / run : 0.0);
    }
    fprintf(out, "%-12s %14.4f %12.1f\n", "all", 1e3 * sum, 100.0);
}

void validate_row_explain(const struct validate_settings *settings,
                          const struct validate_row *row, const struct model *model, FILE *out)
{
    struct system system;
    struct validate_result result;
    struct validate_result unused = {0};
    validate_row_predict(settings, row, model, &result);
    fprintf(out, "%s\n%s\n", row->id, result.note);
    if (result.skip != SKIP_NONE) {
        fprintf(out, "skipped: %s (%s)\n", validate_skip_names[result.skip], result.detail);
        return;
    }
    if (validate_row_system(settings, row, model, &system, &unused)) {
        const struct system_spec *s = &system.spec;
        double parts[OP_N];
        mean_step(system.step, result.batch_mean, row->isl_mean + 0.5 * row->osl_mean, parts);
        fprintf(out, "%s on %d x %s, %s, tp %d ep %d dp %d, kv %s, moe kernel %s\n",
                s->model->name, system.n_gpus, s->gpu->name, engine_names[s->engine], s->tp,
                s->ep, s->dp, dtype_name(s->kv),
                *system.step->moe_kernel ? system.step->moe_kernel : "-");
        fprintf(out, "mean batch %.1f, KV pool %lld tokens\n", result.batch_mean,
                (long long)system.footprint.kv_tokens);
        print_parts(&result, parts, out);
    }
    system_fini(&system);
    for (int m = 0; m < VM_N; m++) {
        if (!isnan(row->measured[m])) {
            fprintf(out, "%-14s measured %.5g predicted %.5g (%+.1f %%)\n",
                    validate_metric_names[m], row->measured[m], result.predicted[m],
                    100.0 * (result.predicted[m] / row->measured[m] - 1.0));
        }
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_run.c - the bytes of the input choose a small valid scenario, which is simulated: it
 * ends, no request is lost, no result is impossible. HEADROOM_FUZZ_PRINT=1 prints the scenario.
 */
#include <gsl/gsl_errno.h>
#include <math.h>

#include "sim/experiment/experiment.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_REQUESTS = 120, MAX_TRACE_ROWS = 40, MAX_DEPLOYMENTS = 2 };

struct bytes {
    const uint8_t *data;
    size_t n, at;
};

static unsigned take(struct bytes *b, unsigned n_choices)
{
    unsigned low = b->at < b->n ? b->data[b->at++] : 0;
    unsigned high = n_choices > 256 && b->at < b->n ? b->data[b->at++] : 0;
    return (high << 8 | low) % n_choices;
}

/* A quarter of all inputs leave a key at its default. */
static bool skip(struct bytes *b)
{
    return take(b, 4) == 0;
}

#define PICK(b, list) list[take(b, (unsigned)(sizeof list / sizeof *list))]

static void put_length(struct bytes *b, FILE *out, const char *key, unsigned max)
{
    unsigned x = 1 + take(b, max);
    switch (take(b, 4)) {
    case 0:
        fprintf(out, "    %s: {dist: constant, value: %u}\n", key, x);
        break;
    case 1:
        fprintf(out, "    %s: {dist: uniform, min: 1, max: %u}\n", key, x + 1);
        break;
    case 2:
        fprintf(out, "    %s: {dist: lognormal, mean: %u, sigma: 1, max: %u}\n", key, x, 4 * x);
        break;
    default:
        fprintf(out, "    %s: {dist: gamma, mean: %u, cv: 2, max: %u}\n", key, x, 4 * x);
        break;
    }
}

/* A few rows in the format of Mooncake; block identities recur. Bytes rather than text decide,
 * so that every trace is valid. */
static const char *write_trace(struct bytes *b)
{
    char *text = NULL;
    size_t n = 0;
    unsigned time_ms = 0, n_rows = 1 + take(b, MAX_TRACE_ROWS);
    FILE *out = open_memstream(&text, &n);
    FUZZ_CHECK(out != NULL);
    for (unsigned i = 0; i < n_rows; i++) {
        unsigned prompt = 1 + take(b, 6000);
        time_ms += take(b, 1000);
        fprintf(
            out,
            "{\"timestamp\": %u, \"input_length\": %u, \"output_length\": %u, \"hash_ids\": [",
            time_ms, prompt, take(b, 300));
        for (unsigned k = 0; k * 512 < prompt; k++) {
            fprintf(out, "%s%u", k ? ", " : "", 100 * k + take(b, 3));
        }
        fputs("]}\n", out);
    }
    fclose(out);
    const char *path = fuzz_file(text, n);
    free(text);
    return path;
}

static void put_class(struct bytes *b, FILE *out, unsigned idx)
{
    static const char *const open_loops[] = {"poisson", "gamma", "weibull", "mmpp", "constant"};
    static const char *const rates[] = {"0.01/s", "0.3/s", "2/s", "10/s", "100/s", "10000/s"};
    unsigned kind = take(b, 8);
    fprintf(out, "  - class: c%u\n", idx);
    if (kind < 5) {
        fprintf(out, "    arrivals: {process: %s, rate: %s}\n", open_loops[kind],
                PICK(b, rates));
    } else if (kind == 5) {
        fprintf(out, "    arrivals: {process: closed, concurrency: %u, think: %u s}\n",
                1 + take(b, 64), take(b, 3));
    } else if (kind == 6) {
        fputs("    arrivals: {process: offline}\n", out);
    } else {
        fprintf(out, "    arrivals: {process: trace, file: %s, format: mooncake, repeat: %u}\n",
                write_trace(b), 1 + take(b, 3));
        return;
    }
    put_length(b, out, "prompt", 5000);
    put_length(b, out, "output", 400);
    if (take(b, 2)) {
        fprintf(out, "    prefix: {shared: %u, groups: %u}\n", take(b, 1000), 1 + take(b, 4));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "    prompt_pool: %u\n", 1 + take(b, 9));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "    sessions: {turns: %u, think: %u s}\n", 1 + take(b, 4), take(b, 20));
    }
    if (take(b, 2)) {
        fprintf(out, "    priority: %u\n", take(b, 3));
    }
    fputs("    slo: {ttft_p95: 1 s, tpot_p95: 50 ms}\n", out);
}

static void put_engine(struct bytes *b, FILE *out)
{
    static const char *const kinds[] = {"vllm", "sglang", "trtllm"};
    static const char *const policies[] = {"fcfs", "priority", "guaranteed-no-evict",
                                           "max-utilization"};
    static const unsigned blocks[] = {1, 16, 32, 64, 128};
    fprintf(out, "engine:\n  kind: %s\n", PICK(b, kinds));
    if (!skip(b)) {
        fprintf(out, "  max_model_len: %u\n", 16 + take(b, 30000));
    }
    if (take(b, 2)) {
        fprintf(out, "  max_num_seqs: %u\n", 1 + take(b, 300));
    }
    if (take(b, 2)) {
        fprintf(out, "  max_num_batched_tokens: %u\n", 16 + take(b, 9000));
    }
    if (take(b, 3) == 0) {
        fprintf(out, "  chunked_prefill_size: %u\n", 16 + take(b, 9000));
    }
    if (take(b, 3) == 0) {
        fprintf(out, "  block_tokens: %u\n", PICK(b, blocks));
    }
    fprintf(out, "  prefix_cache: %s\n", take(b, 3) ? "on" : "off");
    if (take(b, 3) == 0) {
        fprintf(out, "  policy: %s\n", PICK(b, policies));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "  speculative_tokens: %u\n  acceptance: 60%%\n", take(b, 5));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "  attention_dp: on\n");
    }
    if (take(b, 4) == 0) {
        fprintf(out, "  stream_interval: %u\n  recv_interval: %u\n", 1 + take(b, 20),
                1 + take(b, 20));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "  batch_wait_iters: %u\n  batch_wait_ratio: 50%%\n", take(b, 20));
    }
    if (take(b, 4) == 0) {
        fprintf(out, "  gpu_mem_util: %u%%\n", 20 + take(b, 80));
    }
}

static void put_deployment(struct bytes *b, FILE *out)
{
    static const char *const gpus[] = {"h100-sxm", "h200-sxm", "b200", "a100-sxm-40gb",
                                       "l4",       "mi300x",   "h20",  "rtx-4090"};
    static const unsigned widths[] = {1, 2, 4, 8, 16};
    static const char *const routers[] = {"round-robin", "least-requests", "power-of-two",
                                          "prefix-affinity", "kv-aware"};
    fprintf(out, "  - {hardware: %s, router: %s, replicas: %u", PICK(b, gpus), PICK(b, routers),
            1 + take(b, 4));
    if (take(b, 2)) {
        fprintf(out, ", tp: %u", PICK(b, widths));
    }
    if (take(b, 4) == 0) {
        fprintf(out, ", pp: %u", 1 + take(b, 4));
    }
    if (take(b, 3) == 0) {
        fprintf(out, ", dp: %u", PICK(b, widths));
    }
    if (take(b, 3) == 0) {
        fprintf(out, ", ep: %u", PICK(b, widths));
    }
    if (take(b, 8) == 0) {
        fprintf(out, ", prefill_replicas: %u", take(b, 3));
    }
    fputs("}\n", out);
}

static void put_scenario(struct bytes *b, FILE *out)
{
    static const char *const models[] = {
        "llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-20b",       "gemma-3-27b", "llama-4-scout",
        "deepseek-v3",  "deepseek-v3.2", "qwen3.5-397b-a17b", "minimax-m2",  "mixtral-8x7b"};
    static const char *const weights[] = {"auto", "bf16", "fp8", "nvfp4"};
    static const char *const caches[] = {"auto", "bf16", "fp8"};
    fprintf(out,
            "schema: 1\nname: fuzz\nmodel: {name: %s, weights: %s, kv_cache: %s}\nworkload:\n",
            PICK(b, models), PICK(b, weights), PICK(b, caches));
    unsigned n_classes = 1 + take(b, 3), n_deployments = 1 + take(b, MAX_DEPLOYMENTS);
    for (unsigned i = 0; i < n_classes; i++) {
        put_class(b, out, i);
    }
    put_engine(b, out);
    fputs("deployments:\n", out);
    for (unsigned i = 0; i < n_deployments; i++) {
        put_deployment(b, out);
    }
    fprintf(out, "moe: {skew: %u, redundant_experts: %u}\n", take(b, 3), take(b, 3));
    fprintf(out, "simulation: {requests: %u, replications: %u, warmup: %s, seed: %u}\n",
            1 + take(b, MAX_REQUESTS), 1 + take(b, 2), take(b, 2) ? "off" : "auto",
            take(b, 100));
}

static double value(const struct point *p, int c, enum measure m)
{
    return p->values[c][m].mean;
}

static void check_share(const struct point *p, int c, enum measure m)
{
    char name[64];
    double share = value(p, c, m);
    if (!isnan(share) && (share < 0.0 || share > 1.0 + 1e-9)) {
        fprintf(stderr, "%s is %.17g\n", measure_name(m, name, sizeof name), share);
        fuzz_fail("a share is 0..1", __FILE__, __LINE__);
    }
}

static void check_point(const struct experiment *e, const struct point *p)
{
    static const enum measure shares[] = {
        MEASURE_SLO_ATTAINED, MEASURE_KV_USED_MEAN, MEASURE_KV_USED_MAX, MEASURE_BUSY,
        MEASURE_PREFIX_HIT,   MEASURE_MFU,          MEASURE_MBU};
    int all = e->scenario->n_classes;
    double ended = value(p, all, MEASURE_COMPLETED) + value(p, all, MEASURE_REJECTED) +
                   value(p, all, MEASURE_FAILED);
    FUZZ_CHECK(p->done);
    FUZZ_CHECK(ended >= 0.0 && isfinite(ended));
    for (int s = 0; s < STAT_N; s++) {
        double ttft_s = value(p, all, (enum measure)(LAT_TTFT * STAT_N + s));
        FUZZ_CHECK(isnan(ttft_s) || (ttft_s > 0.0 && isfinite(ttft_s)));
    }
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        check_share(p, all, shares[i]);
    }
}

static const struct stock *shared_stock(void)
{
    static struct stock *stock;
    static struct arena *arena;
    static const char *const dirs[] = {"."};
    struct err err = {0};
    if (!stock) {
        gsl_set_error_handler_off();
        arena = arena_new();
        stock = stock_load(arena, dirs, 1, &err);
        FUZZ_CHECK(stock != NULL);
    }
    return stock;
}

/* What cannot be deployed is refused; what can be must run. */
static void simulate(struct arena *arena, const struct scenario *sc)
{
    struct err err = {0};
    struct experiment_options options = {.n_threads = 1, .seed = -1, .quiet = true};
    struct experiment *e = experiment_new(arena, shared_stock(), sc, &options, &err);
    if (!e) {
        fuzz_check_refused(&err);
        return;
    }
    bool ran = experiment_run(e, arena, shared_stock(), &options, &err);
    if (!ran && err.code != ERR_UNFIT) {
        err_print(&err, stderr);
        fuzz_fail("the simulation ends with a possible result", __FILE__, __LINE__);
    }
    for (int i = 0; ran && i < e->n_points; i++) {
        check_point(e, &e->points[i]);
    }
    experiment_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes b = {data, n, 0};
    char *text = NULL;
    size_t n_text = 0;
    struct arena *arena = arena_new();
    struct scenario *sc;
    struct err err = {0};
    FILE *out = open_memstream(&text, &n_text);
    FUZZ_CHECK(out != NULL);
    put_scenario(&b, out);
    fclose(out);
    if (getenv("HEADROOM_FUZZ_PRINT")) {
        fputs(text, stderr);
    }
    if (scenario_parse(arena, "fuzz.yaml", text, n_text, NULL, 0, &sc, &err)) {
        simulate(arena, sc);
    } else {
        fuzz_check_refused(&err);
    }
    free(text);
    arena_free(arena);
    return 0;
}

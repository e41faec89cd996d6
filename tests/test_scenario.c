/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_scenario.c - reading, defaults, checks, overrides and the cross product of scenario
 * files. */
#include "scenarios/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

/* The smallest scenario; every error test adds to it or changes it. */
#define MODEL "model: llama-4-scout\n"
#define WORK "workload:\n  - arrivals: {rate: 5/s}\n    prompt: 512\n    output: 64\n"
#define SMALL MODEL WORK

static const char FILE_NAME[] = "dir/small.yaml";

static bool parse_sets(struct arena *arena, const char *text, const char *const *sets,
                       int n_sets, struct scenario **sc, struct err *err)
{
    *sc = NULL;
    *err = (struct err){0};
    return scenario_parse(arena, FILE_NAME, text, strlen(text), sets, n_sets, sc, err);
}

/* A scenario that must load; the test ends with its message when it does not. */
static const struct scenario *must_parse(struct arena *arena, const char *text)
{
    struct scenario *sc = NULL;
    struct err err;
    if (!parse_sets(arena, text, NULL, 0, &sc, &err)) {
        err_print(&err, stderr);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(sc);
    return sc;
}

/* A scenario that must not: message part, place, and hint part ("" for none). */
static void expect_error(const char *text, const char *part, int line, int col,
                         const char *hint)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err;
    bool ok = parse_sets(arena, text, NULL, 0, &sc, &err);
    bool as_expected = !ok && err.code == ERR_INPUT && strstr(err.text, part) &&
                       err.line == line && (col == 0 || err.col == col) &&
                       (hint[0] == '\0' || strstr(err.hint, hint) != NULL);
    if (!as_expected) {
        fprintf(stderr, "expected '%s' at %d:%d (%s); got %d '%s' at %d:%d (%s)\n", part, line,
                col, hint, ok, err.text, err.line, err.col, err.hint);
    }
    CU_ASSERT_TRUE(as_expected);
    arena_free(arena);
}

/* ---- defaults ---- */

static void defaults_fill_every_section(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, SMALL);
    CU_ASSERT_EQUAL(sc->schema, 1);
    CU_ASSERT_STRING_EQUAL(sc->name, "small");
    CU_ASSERT_STRING_EQUAL(sc->classes[0].name, "default");
    CU_ASSERT_EQUAL(sc->engine.kind.n, 1);
    CU_ASSERT_EQUAL(sc->engine.kind.items[0], ENGINE_VLLM);
    CU_ASSERT_EQUAL(sc->engine.max_num_seqs, SCENARIO_AUTO);
    CU_ASSERT_EQUAL(sc->engine.prefix_cache, SCENARIO_AUTO);
    CU_ASSERT_EQUAL(sc->engine.cuda_graphs, 1);
    CU_ASSERT_TRUE(is_auto(sc->engine.gpu_mem_util_frac));
    CU_ASSERT_EQUAL(sc->deployments[0].hardware.n, 4);
    CU_ASSERT_EQUAL(sc->deployments[0].tp.n, 1);
    CU_ASSERT_EQUAL(sc->deployments[0].tp.items[0], 0);
    CU_ASSERT_EQUAL(sc->simulation.requests, 20000);
    CU_ASSERT_EQUAL(sc->simulation.warmup, SCENARIO_AUTO);
    CU_ASSERT_EQUAL(sc->simulation.replications, 5);
    CU_ASSERT_EQUAL(sc->simulation.seed, 1);
    CHECK_NEAR(sc->classes[0].slo.loss_max_frac, 0.001, 1e-12);
    CU_ASSERT_TRUE(isnan(sc->classes[0].slo.limit_s[SLO_TTFT][SLO_P95]));
    CHECK_NEAR(sc->moe.drift_s, 600, 0);
    CU_ASSERT_TRUE(isnan(sc->moe.skew));
    CU_ASSERT_EQUAL(sc->policy.managed_allowed, SCENARIO_AUTO);
    CU_ASSERT_EQUAL(sc->policy.jurisdiction.n, 0);
    CU_ASSERT_EQUAL(sc->n_managed, 0);
    CU_ASSERT_FALSE(sc->sweep.given);
    arena_free(arena);
}

static void an_empty_section_is_all_defaults(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, SMALL "engine: {}\nreliability:\n");
    CU_ASSERT_EQUAL(sc->engine.stream_interval, 1);
    CHECK_NEAR(sc->reliability.availability_frac, 0.999, 1e-12);
    arena_free(arena);
}

static void max_model_len_auto_is_the_model_or_32k(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, SMALL);
    struct model model = {.max_context_tokens = 10485760};
    CU_ASSERT_EQUAL(scenario_max_model_len(sc, &model), 32768);
    model.max_context_tokens = 4096;
    CU_ASSERT_EQUAL(scenario_max_model_len(sc, &model), 4096);
    sc = must_parse(arena, SMALL "engine: {max_model_len: 16Ki}\n");
    CU_ASSERT_EQUAL(scenario_max_model_len(sc, &model), 16384);
    arena_free(arena);
}

/* ---- the documented example ---- */

static const char EXAMPLE[] =
    "schema: 1\n"
    "name: scout-chat\n"
    "question: How many H100s serve our assistant on Llama 4 Scout with TTFT under 1 s at "
    "p95?\n"
    "model: {name: llama-4-scout, weights: fp8, kv_cache: fp8}       # or a list\n"
    "workload:\n"
    "  - class: chat\n"
    "    share: 0.8\n"
    "    arrivals: {process: poisson, rate: 12/s}    # poisson | gamma{cv} | weibull\n"
    "    prompt: {dist: lognormal, mean: 1155, p95: 4083}        # constant uniform normal\n"
    "    output: {dist: lognormal, mean: 211, p95: 451}\n"
    "    prefix: {shared: 600, groups: 20}           # or sessions: {turns: ..., think: ...}\n"
    "    slo: {ttft_p95: 1 s, tpot_p95: 50 ms, loss_max: 0.1%}\n"
    "demand: {requests_per_day: 2M, shape: office-hours, burstiness: chat-default, "
    "growth_per_month: 5%, horizon: 36 months}\n"
    "engine: {kind: vllm, version: 0.24, max_model_len: 32k, gpu_mem_util: 0.92, max_num_seqs: "
    "auto, "
    "max_num_batched_tokens: auto, prefix_cache: on, cuda_graphs: on, stream_interval: 1, "
    "api_servers: 1}\n"
    "deployments:                                    # every list is a cross product\n"
    "  - {hardware: [h100-sxm, h200-sxm, b200, mi300x], tp: auto, replicas: auto}\n"
    "moe: {skew: catalogue, drift: 10 min, redundant_experts: 0}\n"
    "reliability: {}\n"
    "economics: {}\n"
    "managed: [{provider: databricks, model: llama-4-maverick}]\n"
    "policy: {jurisdiction: [EU], weights: open}     # open | adapter | owned\n"
    "simulation: {requests: 20000, warmup: auto, replications: 5, seed: 1}\n";

static void the_documented_example_loads(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, EXAMPLE);
    const struct scenario_class *chat = &sc->classes[0];
    CU_ASSERT_EQUAL(sc->models[0].weights.items[0], DTYPE_FP8);
    CU_ASSERT_EQUAL(sc->models[0].kv_cache.items[0], DTYPE_FP8);
    CHECK_NEAR(chat->arrivals.rate_rps, 12, 0);
    CU_ASSERT_EQUAL(chat->prompt.kind, DIST_LOGNORMAL);
    CHECK_NEAR(dist_mean(&chat->prompt), 1155, 1e-9);
    CHECK_NEAR(exp(chat->output.a + 1.6448536269514722 * chat->output.b), 451, 1e-9);
    CU_ASSERT_EQUAL(chat->prefix.shared_tokens, 600);
    CU_ASSERT_EQUAL(chat->prefix.groups, 20);
    CHECK_NEAR(chat->slo.limit_s[SLO_TTFT][SLO_P95], 1, 0);
    CHECK_NEAR(chat->slo.limit_s[SLO_TPOT][SLO_P95], 0.05, 1e-12);
    CHECK_NEAR(sc->demand.requests_per_day, 2e6, 0);
    CHECK_NEAR(sc->demand.growth_per_month_frac, 0.05, 1e-12);
    CHECK_NEAR(sc->demand.horizon_s, 36 * 30.4375 * 86400, 1e-12);
    CU_ASSERT_STRING_EQUAL(sc->engine.version, "0.24");
    CU_ASSERT_EQUAL(sc->engine.max_model_len, 32000);
    CU_ASSERT_EQUAL(sc->engine.prefix_cache, 1);
    CU_ASSERT_STRING_EQUAL(sc->managed[0].provider, "databricks");
    CU_ASSERT_STRING_EQUAL(sc->policy.jurisdiction.items[0], "EU");
    arena_free(arena);
}

static void the_only_class_is_the_whole_load_with_a_warning(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, EXAMPLE);
    CHECK_NEAR(sc->classes[0].share_frac, 1, 0);
    CU_ASSERT_EQUAL_FATAL(sc->n_warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(sc->warnings[0], "share 0.8"));
    arena_free(arena);
}

/* ---- origins and the printed form ---- */

static void every_value_knows_its_origin(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err;
    const char *sets[] = {"engine.max_num_seqs=64"};
    CU_ASSERT_TRUE_FATAL(
        parse_sets(arena, SMALL "engine: {version: 0.24}\n", sets, 1, &sc, &err));
    const struct scenario_value *version = scenario_value_find(sc, "engine.version");
    const struct scenario_value *seqs = scenario_value_find(sc, "engine.max_num_seqs");
    const struct scenario_value *graphs = scenario_value_find(sc, "engine.cuda_graphs");
    CU_ASSERT_PTR_NOT_NULL_FATAL(version);
    CU_ASSERT_PTR_NOT_NULL_FATAL(seqs);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graphs);
    CU_ASSERT_EQUAL(version->origin, ORIGIN_FILE);
    CU_ASSERT_EQUAL(version->pos.line, 6);
    CU_ASSERT_EQUAL(seqs->origin, ORIGIN_SET);
    CU_ASSERT_STRING_EQUAL(seqs->text, "64");
    CU_ASSERT_EQUAL(graphs->origin, ORIGIN_DEFAULT);
    arena_free(arena);
}

static char *print_scenario(const struct scenario *sc)
{
    enum { MAX_TEXT_BYTES = 65536 };
    char *text = calloc(MAX_TEXT_BYTES, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    FILE *out = fmemopen(text, MAX_TEXT_BYTES, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    scenario_write(sc, out);
    fclose(out);
    return text;
}

static void printed_lines_name_file_line_set_and_default(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err;
    const char *sets[] = {"simulation.seed=7"};
    CU_ASSERT_TRUE_FATAL(parse_sets(arena, SMALL "name: a\n", sets, 1, &sc, &err));
    char *text = print_scenario(sc);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "# small.yaml:6\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "# default\n"));
    const char *seed = strstr(text, "  seed: 7");
    CU_ASSERT_PTR_NOT_NULL_FATAL(seed);
    CU_ASSERT_EQUAL(strncmp(strchr(seed, '#'), "# --set\n", 8), 0);
    free(text);
    arena_free(arena);
}

/* Only the comments may differ: reloaded, all values come from the file. */
static void strip_comments(char *text)
{
    char *out = text;
    for (char *c = text; *c; c++) {
        if (*c == ' ' && strncmp(c, " # ", 3) == 0) {
            c = strchr(c, '\n');
        }
        *out++ = *c;
    }
    *out = '\0';
}

static void the_printed_scenario_loads_to_itself(void)
{
    static const char *const texts[] = {
        SMALL,
        EXAMPLE,
        SMALL "question: 'Is a: \"b\" \\ # c ü?'\n",
        "model: [{name: a, weights: [fp8, bf16]}, b]\nworkload:\n"
        "  - {class: x, share: 0.25, prompt: {min: 5, max: 9}, output: {mean: 10, p50: 5}, "
        "arrivals: "
        "{process: closed, concurrency: 8, think: 2 s}}\n"
        "  - {class: y, share: 75%, prompt: {mean: 9, cv: 1}, output: 1, arrivals: {process: "
        "mmpp, "
        "rate: 60/min}}\n"
        "managed: [{provider: p, output: 2.5}]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena *arena = arena_new();
        char *first = print_scenario(must_parse(arena, texts[i]));
        char *second = print_scenario(must_parse(arena, first));
        strip_comments(first);
        strip_comments(second);
        CU_ASSERT_STRING_EQUAL(first, second);
        free(first);
        free(second);
        arena_free(arena);
    }
}

/* ---- overrides ---- */

static void set_replaces_adds_and_checks(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err;
    const char *good[] = {"workload.0.arrivals.rate=20/s",
                          "deployments=[{hardware: b200, tp: [2, 4]}]",
                          "model=llama-4-maverick"};
    CU_ASSERT_TRUE_FATAL(parse_sets(arena, SMALL, good, 3, &sc, &err));
    CHECK_NEAR(sc->classes[0].arrivals.rate_rps, 20, 0);
    CU_ASSERT_EQUAL(sc->deployments[0].tp.n, 2);
    CU_ASSERT_STRING_EQUAL(sc->models[0].name, "llama-4-maverick");
    const char *unknown[] = {"engine.max_num_sqs=3"};
    CU_ASSERT_FALSE(parse_sets(arena, SMALL, unknown, 1, &sc, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "max_num_seqs"));
    CU_ASSERT_STRING_EQUAL(err.file, "--set engine.max_num_sqs=3");
    const char *no_value[] = {"engine.kind"};
    CU_ASSERT_FALSE(parse_sets(arena, SMALL, no_value, 1, &sc, &err));
    CU_ASSERT_EQUAL(err.code, ERR_USAGE);
    arena_free(arena);
}

/* ---- lengths ---- */

static struct dist prompt_of(struct arena *arena, const char *prompt)
{
    const char *text = arena_printf(
        arena, MODEL "workload:\n  - {arrivals: {rate: 1/s}, output: 5, prompt: %s}\n", prompt);
    return must_parse(arena, text)->classes[0].prompt;
}

static void lengths_are_read_in_every_form(void)
{
    struct arena *arena = arena_new();
    struct dist d = prompt_of(arena, "1.5k");
    CU_ASSERT_EQUAL(d.kind, DIST_CONSTANT);
    CHECK_NEAR(d.a, 1500, 0);
    d = prompt_of(arena, "{dist: uniform, min: 10, max: 20}");
    CU_ASSERT_EQUAL(d.kind, DIST_UNIFORM);
    CHECK_NEAR(dist_mean(&d), 15, 1e-12);
    d = prompt_of(arena, "{dist: normal, mean: 100, sd: 7}");
    CU_ASSERT_EQUAL(d.kind, DIST_NORMAL);
    CHECK_NEAR(d.b, 7, 0);
    d = prompt_of(arena, "{dist: gamma, mean: 100, cv: 2}");
    CU_ASSERT_EQUAL(d.kind, DIST_GAMMA);
    CHECK_NEAR(d.a, 0.25, 1e-12);
    CHECK_NEAR(dist_mean(&d), 100, 1e-12);
    d = prompt_of(arena, "{mu: 6, sigma: 0.5, max: 3000}");
    CHECK_NEAR(d.a, 6, 0);
    CHECK_NEAR(d.max, 3000, 0);
    d = prompt_of(arena, "{mean: 100, cv: 1}");
    CHECK_NEAR(dist_mean(&d), 100, 1e-12);
    CHECK_NEAR(d.b, sqrt(log(2)), 1e-12);
    d = prompt_of(arena, "{mean: 200, p50: 100}");
    CHECK_NEAR(exp(d.a), 100, 1e-12);
    CHECK_NEAR(dist_mean(&d), 200, 1e-12);
    d = prompt_of(arena, "{p50: 100, p95: 1000}");
    CHECK_NEAR(exp(d.a + 1.6448536269514722 * d.b), 1000, 1e-12);
    d = prompt_of(arena, "{mean: 1155, p95: 4083, min: 3, max: 14050}");
    CHECK_NEAR(d.b, 1.220495, 1e-6);
    CHECK_NEAR(d.min, 3, 0);
    CHECK_NEAR(d.max, 14050, 0);
    arena_free(arena);
}

static void empirical_lengths_come_sorted_from_a_file(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err = {0};
    const char *yaml = check_tmp(0, ".yaml");
    const char *csv = check_tmp(1, ".csv");
    FILE *out = fopen(csv, "w");
    fputs("id,ContextTokens\na,30\nb,10\nc,20\n", out);
    fclose(out);
    out = fopen(yaml, "w");
    fprintf(out, MODEL "workload: {arrivals: {rate: 1/s}, output: 5, prompt: {file: %s}}\n",
            strrchr(csv, '/') + 1);
    fclose(out);
    CU_ASSERT_TRUE_FATAL(scenario_load(arena, yaml, NULL, 0, &sc, &err));
    const struct dist *d = &sc->classes[0].prompt;
    CU_ASSERT_EQUAL(d->kind, DIST_EMPIRICAL);
    CU_ASSERT_EQUAL_FATAL(d->n_values, 3);
    CHECK_NEAR(d->values[0], 10, 0);
    CHECK_NEAR(d->values[2], 30, 0);
    remove(csv);
    remove(yaml);
    arena_free(arena);
}

/* ---- arrivals, shares ---- */

static void shares_follow_the_rates_or_are_equal(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(
        arena, MODEL "workload:\n"
                     "  - {class: a, arrivals: {rate: 3/s}, prompt: 9, output: 9}\n"
                     "  - {class: b, arrivals: {rate: 60/min}, prompt: 9, output: 9}\n");
    CHECK_NEAR(sc->classes[0].share_frac, 0.75, 1e-12);
    CHECK_NEAR(scenario_rate_rps(sc), 4, 1e-12);
    CHECK_NEAR(scenario_class_rate_rps(sc, 1, 8), 2, 1e-12);
    sc = must_parse(arena, MODEL "workload:\n"
                                 "  - {prompt: 9, output: 9}\n"
                                 "  - {prompt: 9, output: 9}\n"
                                 "demand: {requests_per_day: 864k}\n");
    CHECK_NEAR(sc->classes[1].share_frac, 0.5, 1e-12);
    CHECK_NEAR(scenario_rate_rps(sc), 10, 1e-12);
    CU_ASSERT_STRING_EQUAL(sc->classes[1].name, "class-2");
    arena_free(arena);
}

static void shares_against_the_rates_are_warned_about(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc =
        must_parse(arena, MODEL
                   "workload:\n"
                   "  - {class: a, share: 0.5, arrivals: {rate: 3/s}, prompt: 9, output: 9}\n"
                   "  - {class: b, share: 0.5, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n");
    CU_ASSERT_EQUAL(sc->n_warnings, 2);
    arena_free(arena);
}

static void arrival_processes_read_their_own_keys(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(
        arena, MODEL
        "workload:\n"
        "  - {class: a, prompt: 9, output: 9, arrivals: {process: gamma, rate: 2/s, cv: 4}}\n"
        "  - {class: b, prompt: 9, output: 9, arrivals: {process: closed, concurrency: 32, "
        "think: 500 ms}}\n"
        "  - {class: c, prompt: 9, output: 9, arrivals: {process: offline}}\n");
    CHECK_NEAR(sc->classes[0].arrivals.cv, 4, 0);
    CU_ASSERT_EQUAL(sc->classes[1].arrivals.process, ARRIVAL_CLOSED);
    CU_ASSERT_EQUAL(sc->classes[1].arrivals.concurrency, 32);
    CHECK_NEAR(sc->classes[1].arrivals.think_s, 0.5, 1e-12);
    CU_ASSERT_TRUE(isnan(sc->classes[1].arrivals.rate_rps));
    CU_ASSERT_EQUAL(sc->classes[2].arrivals.process, ARRIVAL_OFFLINE);
    CHECK_NEAR(sc->classes[0].share_frac, 1.0 / 3, 1e-12);
    arena_free(arena);
}

/* ---- errors of keys ---- */

static void unknown_keys_suggest_the_nearest(void)
{
    expect_error(SMALL "engin: {kind: vllm}\n", "engin", 6, 1, "engine");
    expect_error(SMALL "engine: {max_num_seq: 4}\n", "max_num_seq", 6, 10, "max_num_seqs");
    expect_error(MODEL "workload:\n  - {promt: 5, output: 5}\n", "promt", 3, 6, "prompt");
    expect_error(MODEL "workload:\n  - arrivals: {rate: 1/s}\n    prompt: 5\n    output: 5\n"
                       "    slo: {ttft_p96: 1 s}\n",
                 "ttft_p96", 6, 11, "ttft_p9");
}

static void duplicate_keys_are_refused(void)
{
    expect_error(SMALL "name: a\nname: b\n", "name", 7, 1, "");
}

static void missing_sections_are_named(void)
{
    expect_error(WORK, "model is missing", 1, 1, "");
    expect_error(MODEL, "workload is missing", 1, 1, "");
    expect_error("model: {weights: fp8}\n" WORK, "name is missing", 1, 8, "");
    expect_error(SMALL "engine: {kind: }\n", "kind", 6, 0, "");
}

static void wrong_shapes_are_refused(void)
{
    expect_error(SMALL "engine: [vllm]\n", "", 6, 9, "");
    expect_error(SMALL "engine: {kind: {a: 1}}\n", "", 6, 16, "");
    expect_error("model: []\n" WORK, "model must list 1 to 64 entries", 1, 8, "");
    expect_error("- a\n", "", 1, 1, "");
    expect_error(SMALL "deployments: [b200]\n", "", 6, 15, "");
    expect_error(SMALL "deployments: [{tp: []}]\n", "tp must list 1 to", 6, 20, "");
}

static void units_and_ranges_are_checked(void)
{
    expect_error(SMALL "engine: {gpu_mem_util: 1.5}\n", "gpu_mem_util", 6, 24, "");
    expect_error(SMALL "moe: {drift: 10}\n", "drift", 6, 14, "");
    expect_error(SMALL "moe: {drift: 10 parsecs}\n", "parsecs", 6, 14, "");
    expect_error(SMALL "engine: {max_num_seqs: 0}\n", "max_num_seqs", 6, 24, "");
    expect_error(SMALL "engine: {max_num_seqs: 1.5}\n", "whole number", 6, 24, "");
    expect_error(SMALL "engine: {cuda_graphs: maybe}\n", "cuda_graphs", 6, 23, "");
    expect_error(SMALL "schema: 2\n", "schema", 6, 9, "");
    expect_error(SMALL "simulation: {requests: 2T}\n", "requests", 6, 24, "");
    expect_error(SMALL "simulation: {seed: -1}\n", "seed", 6, 20, "");
}

static void kv_tiers_are_sizes_and_lists(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc =
        must_parse(arena, SMALL
                   "deployments: [{kv_host: [0, 512 GiB], kv_ssd: 2 TB, router: kv-aware}]\n");
    const struct scenario_deployment *d = &sc->deployments[0];
    CU_ASSERT_EQUAL_FATAL(d->kv_host_bytes.n, 2);
    CU_ASSERT_EQUAL(d->kv_host_bytes.items[0], 0);
    CU_ASSERT_EQUAL(d->kv_host_bytes.items[1], INT64_C(512) << 30);
    CU_ASSERT_EQUAL(d->kv_ssd_bytes.items[0], INT64_C(2000000000000));
    CU_ASSERT_EQUAL(d->router.items[0], ROUTER_KV_AWARE);
    expect_error(SMALL "deployments: [{kv_host: 512}]\n", "kv_host", 6, 25, "");
    arena_free(arena);
}

static void unknown_words_suggest_the_nearest(void)
{
    expect_error(SMALL "engine: {kind: vlm}\n", "vlm", 6, 16, "vllm");
    expect_error("model: {name: x, weights: fp9}\n" WORK, "fp9", 1, 27, "fp8");
    expect_error(SMALL "deployments: [{router: round-robbin}]\n", "round-robbin", 6, 24,
                 "round-robin");
    expect_error(MODEL
                 "workload: {prompt: 5, output: 5, arrivals: {process: poison, rate: 1/s}}\n",
                 "poison", 2, 54, "poisson");
}

static void lists_with_a_value_twice_are_refused(void)
{
    expect_error(SMALL "deployments: [{hardware: [b200, b200]}]\n", "twice", 6, 33, "");
    expect_error("model: {name: x, weights: [bf16, bfloat16]}\n" WORK, "twice", 1, 34, "");
}

/* Values for each place, hours or positions, may be equal. */
static void places_may_have_equal_values(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(
        arena, MODEL "workload: {prompt: 5, output: 5, arrivals: {rate: 1/s, hourly: [1, 1, 1, "
                     "1, 1, 1, 1, 2, 4, 8, 8, 8, 8, 8, 8, 8, 8, 4, 2, 1, 1, 1, 1, 1]}}\n"
                     "engine: {speculative_tokens: 3, acceptance: [80%, 0.5, 0.5]}\n");
    CU_ASSERT_EQUAL(sc->classes[0].arrivals.hourly.n, 24);
    CU_ASSERT_EQUAL(sc->engine.acceptance_frac.n, 3);
    CHECK_NEAR(sc->engine.acceptance_frac.items[0], 0.8, 1e-15);
    CHECK_NEAR(sc->engine.acceptance_frac.items[2], 0.5, 1e-15);
    CU_ASSERT_EQUAL(must_parse(arena, SMALL)->engine.acceptance_frac.n, 0);
    arena_free(arena);
}

static void acceptance_rises_nowhere(void)
{
    expect_error(SMALL "engine: {acceptance: [0.5, 0.6]}\n", "must not rise", 6, 22, "");
    expect_error(SMALL "engine: {acceptance: 1.1}\n", "acceptance", 6, 22, "");
    expect_error(SMALL "engine: {acceptance: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                       "1]}\n",
                 "17 positions", 6, 22, "");
}

static void a_list_of_numbers_takes_no_word_for_one_of_them(void)
{
    expect_error(MODEL "workload: {prompt: 5, output: 5, arrivals: {process: closed}}\n"
                       "sweep: {concurrency: [auto, 8]}\n",
                 "auto", 3, 23, "");
    expect_error(SMALL "sweep: {concurrency: [8, none]}\n", "none", 6, 26, "");
}

static void keys_of_another_kind_are_refused(void)
{
    expect_error(MODEL
                 "workload: {prompt: 5, output: 5, arrivals: {rate: 1/s, concurrency: 5}}\n",
                 "concurrency has no meaning with process: poisson", 2, 56, "");
    expect_error(MODEL
                 "workload:\n  - {prompt: {dist: constant, value: 5, p95: 9}, output: 5}\n",
                 "p95 has no meaning with dist: constant", 3, 41, "");
}

/* ---- errors of meaning ---- */

static void impossible_lengths_are_refused(void)
{
    expect_error(MODEL "workload:\n  - {prompt: {mean: 100, p95: 90}, output: 5}\n",
                 "p95 (90) must be greater than the mean (100)", 3, 14, "");
    expect_error(MODEL "workload:\n  - {prompt: {mean: 100, p95: 500}, output: 5}\n",
                 "no lognormal", 3, 14, "");
    expect_error(MODEL "workload:\n  - {prompt: {mean: 100, p50: 200}, output: 5}\n",
                 "cannot exceed its mean", 3, 14, "");
    expect_error(MODEL "workload:\n  - {prompt: {mean: 100}, output: 5}\n",
                 "two of its numbers", 3, 14, "");
    expect_error(MODEL "workload:\n  - {prompt: {min: 9, max: 5}, output: 5}\n",
                 "max (5) is less than min (9)", 3, 14, "");
    expect_error(MODEL "workload:\n  - {class: q, arrivals: {rate: 1/s}, prompt: 5}\n",
                 "class 'q' has no output length", 3, 0, "");
    expect_error(
        MODEL
        "workload: {arrivals: {rate: 1/s}, prompt: 50, output: 5, prefix: {shared: 60}}\n",
        "longer than any prompt", 2, 75, "");
    expect_error(SMALL "engine: {max_model_len: 512}\n", "more than engine.max_model_len (512)",
                 4, 13, "");
}

static void shares_must_sum_to_one(void)
{
    expect_error(MODEL
                 "workload:\n"
                 "  - {class: a, share: 0.5, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n"
                 "  - {class: b, share: 0.4, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n",
                 "sum to 0.9", 4, 23, "");
    expect_error(MODEL
                 "workload:\n"
                 "  - {class: a, share: 0.5, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n"
                 "  - {class: b, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n",
                 "class 'b' has no share", 4, 0, "");
}

static void class_names_are_unique_and_not_all(void)
{
    expect_error(MODEL "workload:\n"
                       "  - {class: a, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n"
                       "  - {class: a, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n",
                 "two classes are named 'a'", 4, 13, "");
    expect_error(MODEL "workload: {class: all, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n",
                 "cannot be named 'all'", 2, 19, "");
}

static void arrivals_need_what_they_run_on(void)
{
    expect_error(MODEL "workload: {prompt: 9, output: 9}\n", "has no rate", 2, 0, "");
    expect_error(MODEL "workload: {prompt: 9, output: 9, arrivals: {process: closed}}\n",
                 "needs its concurrency", 2, 0, "");
    expect_error(MODEL "workload: {arrivals: {process: trace}}\n", "needs its file", 2, 0, "");
    expect_error(MODEL "workload: {prompt: 9, output: 9, arrivals: {process: mmpp, rate: 1/s, "
                       "burst_ratio: 20}}\n",
                 "nothing for the calm", 2, 0, "");
}

static void a_missing_trace_is_an_input_output_error(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err;
    const char *text = MODEL "workload: {arrivals: {process: trace, file: none.csv}}\n";
    CU_ASSERT_FALSE(parse_sets(arena, text, NULL, 0, &sc, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_EQUAL(err.col, 45);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "dir/none.csv"));
    arena_free(arena);
}

static void a_sweep_is_loads_or_a_range(void)
{
    expect_error(SMALL "sweep: {loads: [3/s, 2/s]}\n", "ascend", 6, 16, "");
    expect_error(SMALL "sweep: {from: 3/s, to: 2/s}\n", "must exceed", 6, 24, "");
    expect_error(SMALL "sweep: {loads: [1, 2], concurrency: [1, 2]}\n", "not both", 6, 0, "");
}

static void a_warmup_leaves_requests(void)
{
    expect_error(SMALL "simulation: {requests: 100, warmup: 100}\n", "leaves none", 6, 37, "");
}

static void kv_formats_no_engine_has_are_refused(void)
{
    expect_error("model: {name: x, kv_cache: mxfp4}\n" WORK, "mxfp4", 1, 28, "");
}

/* ---- names ---- */

static void a_name_may_be_any_text_but_its_directory_is_safe(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, SMALL "name: '../é x'\n");
    CU_ASSERT_STRING_EQUAL(sc->name, "../é x");
    CU_ASSERT_STRING_EQUAL(scenario_dir_name(arena, sc), "x");
    sc = must_parse(arena, SMALL "name: '..'\n");
    CU_ASSERT_STRING_EQUAL(scenario_dir_name(arena, sc), "scenario");
    arena_free(arena);
    expect_error(SMALL "name: \"a\\tb\"\n", "control character", 6, 7, "");
    expect_error(SMALL "name: "
                       "1234567890123456789012345678901234567890"
                       "1234567890123456789012345678901234567890"
                       "12345678901234567890123456789012345678901\n",
                 "1 to 120 bytes", 6, 7, "");
}

static void paths_are_relative_to_the_scenario(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, "model: my/config.json\n" WORK);
    CU_ASSERT_STRING_EQUAL(sc->models[0].name, "dir/my/config.json");
    sc = must_parse(arena, "model: /abs/config.json\n" WORK);
    CU_ASSERT_STRING_EQUAL(sc->models[0].name, "/abs/config.json");
    sc = must_parse(arena, "model: meta-llama/Llama-4-Scout\n" WORK);
    CU_ASSERT_STRING_EQUAL(sc->models[0].name, "meta-llama/Llama-4-Scout");
    arena_free(arena);
}

/* ---- limits ---- */

static void the_cross_product_is_counted_without_building_it(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc =
        must_parse(arena, "model: [{name: a, weights: [fp8, bf16]}, b]\n" WORK
                          "deployments: [{hardware: [x, y], tp: [1, 2, 4]}, {hardware: z}]\n");
    CU_ASSERT_EQUAL(scenario_count_deployments(sc), (2 + 1) * 6 + (2 + 1) * 1);
    char text[8192];
    int n = snprintf(text, sizeof text, "%sdeployments: [{tp: [", SMALL);
    for (int i = 1; i <= 200; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%d", i > 1 ? ", " : "", i);
    }
    n += snprintf(text + n, sizeof text - (size_t)n, "], dp: [");
    for (int i = 1; i <= 200; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%d", i > 1 ? ", " : "", i);
    }
    snprintf(text + n, sizeof text - (size_t)n, "]}]\n");
    expect_error(text, "multiply to 160000 deployments", 6, 15, "");
    arena_free(arena);
}

static void gpus_of_a_deployment_are_limited(void)
{
    expect_error(SMALL "deployments: [{tp: 8, replicas: 200000}]\n", "1600000 GPUs", 6, 15, "");
}

static void classes_are_limited(void)
{
    char text[8192];
    int n = snprintf(text, sizeof text, "%sworkload:\n", MODEL);
    for (int i = 0; i < 65; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "  - {class: c%d, arrivals: {rate: 1/s}, prompt: 9, output: 9}\n", i);
    }
    expect_error(text, "1 to 64 entries", 3, 3, "");
}

/* "none" for auto is printed as the default is, or the printed scenario would lose the key. */
static void words_for_auto_are_printed_alike(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc =
        must_parse(arena, SMALL "deployments: [{hardware: b200, tp: none, pp: catalogue}]\n"
                                "moe: {skew: auto}\n");
    CU_ASSERT_STRING_EQUAL(scenario_value_find(sc, "deployments.0.tp")->text, "auto");
    CU_ASSERT_STRING_EQUAL(scenario_value_find(sc, "deployments.0.pp")->text, "auto");
    CU_ASSERT_STRING_EQUAL(scenario_value_find(sc, "moe.skew")->text, "catalogue");
    arena_free(arena);
}

/* A name may be "none"; the key is required, so it must be printed. */
static void a_model_may_be_named_none(void)
{
    struct arena *arena = arena_new();
    const struct scenario *sc = must_parse(arena, "model: {name: none}\n" WORK);
    const struct scenario_value *name = scenario_value_find(sc, "model.0.name");
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    CU_ASSERT_STRING_EQUAL(name->text, "none");
    arena_free(arena);
}

/* ---- expansion against the catalogue ---- */

static bool expand(struct arena *arena, const struct scenario *sc, struct deployment_list *list,
                   struct err *err)
{
    static const char *const dirs[] = {"."};
    struct gpu_list *gpus = arena_alloc(arena, 1, sizeof *gpus);
    *err = (struct err){0};
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, dirs, 1, gpus, err));
    struct catalogue *catalogue = arena_alloc(arena, 1, sizeof *catalogue);
    *catalogue = (struct catalogue){dirs, 1, gpus};
    return scenario_deployments(arena, sc, catalogue, list, err);
}

static void deployments_come_in_file_order_the_last_list_fastest(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc = must_parse(
        arena, "model: {name: llama-3.1-8b, weights: [bf16, fp8]}\n" WORK
               "deployments: [{hardware: [h100-sxm, b200], tp: [1, 2], replicas: auto}]\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 8);
    CU_ASSERT_STRING_EQUAL(list.items[0].name, "bf16-h100-sxm-tp1");
    CU_ASSERT_STRING_EQUAL(list.items[1].name, "bf16-h100-sxm-tp2");
    CU_ASSERT_STRING_EQUAL(list.items[2].name, "bf16-b200-tp1");
    CU_ASSERT_STRING_EQUAL(list.items[7].name, "fp8-b200-tp2");
    CU_ASSERT_EQUAL(list.items[7].weights, DTYPE_FP8);
    CU_ASSERT_EQUAL(list.items[7].tp, 2);
    CU_ASSERT_EQUAL(list.items[7].replicas, 0);
    CU_ASSERT_STRING_EQUAL(list.items[7].gpu->name, "b200");
    CU_ASSERT_STRING_EQUAL(list.items[7].model->name, "llama-3.1-8b");
    arena_free(arena);
}

static void automatic_weights_become_the_checkpoints_own(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc = must_parse(arena, SMALL "deployments: {hardware: h100-sxm}\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 1);
    CU_ASSERT_EQUAL(list.items[0].weights, DTYPE_BF16);
    CU_ASSERT_EQUAL(list.items[0].kv_cache, DTYPE_AUTO);
    CU_ASSERT_EQUAL(list.items[0].tp, 0);
    CU_ASSERT_STRING_EQUAL(list.items[0].name, "h100-sxm");
    arena_free(arena);
}

static void names_stay_unique(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc = must_parse(
        arena,
        SMALL "deployments: [{hardware: h100-sxm}, {hardware: h100-sxm}, {name: big, hardware: "
              "[b200, h100-sxm]}]\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 4);
    CU_ASSERT_STRING_EQUAL(list.items[0].name, "h100-sxm");
    CU_ASSERT_STRING_EQUAL(list.items[1].name, "h100-sxm#2");
    CU_ASSERT_STRING_EQUAL(list.items[2].name, "big-b200");
    arena_free(arena);
}

static void numbers_of_equal_names_avoid_given_names(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc =
        must_parse(arena, SMALL "deployments: [{name: 'a#2', hardware: h100-sxm}, {name: a, "
                                "hardware: h100-sxm}, {name: a, hardware: h200-sxm}]\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    CU_ASSERT_STRING_EQUAL(list.items[0].name, "a#2");
    CU_ASSERT_STRING_EQUAL(list.items[1].name, "a");
    CU_ASSERT_STRING_EQUAL(list.items[2].name, "a#3");
    arena_free(arena);
}

/* Together, the prefill hardware makes no difference. */
static void prefill_hardware_is_a_list_of_its_own(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc = must_parse(
        arena, SMALL "deployments: [{hardware: h200-sxm, tp: 1, prefill_replicas: [0, 2], "
                     "prefill: {hardware: [h100-sxm, auto]}}]\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    CU_ASSERT_STRING_EQUAL(list.items[0].name, "h200-sxm-tp1-together");
    CU_ASSERT_STRING_EQUAL(list.items[1].name, "h200-sxm-tp1-prefill2-h100-sxm");
    CU_ASSERT_STRING_EQUAL(list.items[2].name, "h200-sxm-tp1-prefill2-h200-sxm");
    CU_ASSERT_STRING_EQUAL(list.items[1].prefill_gpu->name, "h100-sxm");
    CU_ASSERT_PTR_EQUAL(list.items[2].prefill_gpu, list.items[2].gpu);
    /* auto is the decode GPU, which counts once however it is spelt */
    sc = must_parse(arena, SMALL "deployments: [{hardware: [h200-sxm, h100-sxm], tp: 1, "
                                 "prefill_replicas: 2, "
                                 "prefill: {hardware: [auto, H200-SXM, h200-sxm]}}]\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    CU_ASSERT_STRING_EQUAL(list.items[0].prefill_gpu->name, "h200-sxm");
    CU_ASSERT_STRING_EQUAL(list.items[1].prefill_gpu->name, "h100-sxm");
    CU_ASSERT_STRING_EQUAL(list.items[2].prefill_gpu->name, "h200-sxm");
    sc = must_parse(arena, SMALL "deployments:\n"
                                 "  - hardware: h200-sxm\n"
                                 "    prefill_replicas: 1\n"
                                 "    prefill: {hardware: h1000}\n");
    CU_ASSERT_FALSE(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL(err.line, 9);
    arena_free(arena);
}

static void expert_layouts_that_cannot_be_are_left_out(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc =
        must_parse(arena, SMALL "deployments: {hardware: b200, tp: [4, 8], ep: [1, 8]}\n");
    CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL(list.n, 3);
    sc = must_parse(arena, SMALL "deployments: [{hardware: b200, tp: 4, ep: 8}]\n");
    CU_ASSERT_FALSE(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL(err.line, 6);
    arena_free(arena);
}

static void unknown_names_of_the_catalogue_have_a_place(void)
{
    struct arena *arena = arena_new();
    struct deployment_list list;
    struct err err;
    const struct scenario *sc =
        must_parse(arena, SMALL "deployments: [{hardware: h100-sxn}]\n");
    CU_ASSERT_FALSE(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, 6);
    CU_ASSERT_EQUAL(err.col, 26);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "h100-sxm"));
    sc = must_parse(arena, "model: llama-4-scoot\n" WORK);
    CU_ASSERT_FALSE(expand(arena, sc, &list, &err));
    CU_ASSERT_EQUAL(err.line, 1);
    CU_ASSERT_EQUAL(err.col, 8);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "llama-4-scout"));
    arena_free(arena);
}

/* ---- shipped files ---- */

static void shipped_scenarios_load_and_expand(void)
{
    static const struct {
        const char *path;
        int n_deployments;
    } files[] = {
        {"scenarios/quickstart.yaml", 3},      {"scenarios/scout-vs-maverick.yaml", 8},
        {"scenarios/deepseek-v3.2.yaml", 10},  {"scenarios/mistral-large-3.yaml", 6},
        {"scenarios/sku-comparison.yaml", 42}, {"scenarios/trace-replay.yaml", 1},
        {"tests/bench/dense-8b.yaml", 1},      {"tests/bench/moe-30b.yaml", 1},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct arena *arena = arena_new();
        struct scenario *sc = NULL;
        struct deployment_list list;
        struct err err = {0};
        if (!scenario_load(arena, files[i].path, NULL, 0, &sc, &err)) {
            err_print(&err, stderr);
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(sc);
        CU_ASSERT_EQUAL(sc->n_warnings, 0);
        CU_ASSERT_TRUE_FATAL(expand(arena, sc, &list, &err));
        CU_ASSERT_EQUAL(list.n, files[i].n_deployments);
        CU_ASSERT_TRUE(strlen(sc->question) > 20);
        arena_free(arena);
    }
}

static void a_trace_brings_its_own_lengths(void)
{
    struct arena *arena = arena_new();
    struct scenario *sc = NULL;
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(
        scenario_load(arena, "scenarios/trace-replay.yaml", NULL, 0, &sc, &err));
    CU_ASSERT_TRUE(sc->classes[0].lengths_from_trace);
    CU_ASSERT_STRING_EQUAL(sc->classes[0].arrivals.file,
                           "scenarios/data/azure-format-2000.csv");
    CU_ASSERT_EQUAL(sc->classes[0].arrivals.format, TRACE_AZURE);
    CU_ASSERT_EQUAL(sc->simulation.warmup, 0);
    arena_free(arena);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }
int main(void)
{
    static const struct check_case cases[] = {
        CASE(defaults_fill_every_section),
        CASE(an_empty_section_is_all_defaults),
        CASE(max_model_len_auto_is_the_model_or_32k),
        CASE(the_documented_example_loads),
        CASE(the_only_class_is_the_whole_load_with_a_warning),
        CASE(every_value_knows_its_origin),
        CASE(printed_lines_name_file_line_set_and_default),
        CASE(the_printed_scenario_loads_to_itself),
        CASE(set_replaces_adds_and_checks),
        CASE(lengths_are_read_in_every_form),
        CASE(empirical_lengths_come_sorted_from_a_file),
        CASE(shares_follow_the_rates_or_are_equal),
        CASE(shares_against_the_rates_are_warned_about),
        CASE(words_for_auto_are_printed_alike),
        CASE(a_model_may_be_named_none),
        CASE(arrival_processes_read_their_own_keys),
        CASE(unknown_keys_suggest_the_nearest),
        CASE(duplicate_keys_are_refused),
        CASE(missing_sections_are_named),
        CASE(wrong_shapes_are_refused),
        CASE(units_and_ranges_are_checked),
        CASE(kv_tiers_are_sizes_and_lists),
        CASE(unknown_words_suggest_the_nearest),
        CASE(lists_with_a_value_twice_are_refused),
        CASE(places_may_have_equal_values),
        CASE(acceptance_rises_nowhere),
        CASE(a_list_of_numbers_takes_no_word_for_one_of_them),
        CASE(keys_of_another_kind_are_refused),
        CASE(impossible_lengths_are_refused),
        CASE(shares_must_sum_to_one),
        CASE(class_names_are_unique_and_not_all),
        CASE(arrivals_need_what_they_run_on),
        CASE(a_missing_trace_is_an_input_output_error),
        CASE(a_sweep_is_loads_or_a_range),
        CASE(a_warmup_leaves_requests),
        CASE(kv_formats_no_engine_has_are_refused),
        CASE(a_name_may_be_any_text_but_its_directory_is_safe),
        CASE(paths_are_relative_to_the_scenario),
        CASE(the_cross_product_is_counted_without_building_it),
        CASE(gpus_of_a_deployment_are_limited),
        CASE(classes_are_limited),
        CASE(deployments_come_in_file_order_the_last_list_fastest),
        CASE(automatic_weights_become_the_checkpoints_own),
        CASE(names_stay_unique),
        CASE(numbers_of_equal_names_avoid_given_names),
        CASE(prefill_hardware_is_a_list_of_its_own),
        CASE(expert_layouts_that_cannot_be_are_left_out),
        CASE(unknown_names_of_the_catalogue_have_a_place),
        CASE(shipped_scenarios_load_and_expand),
        CASE(a_trace_brings_its_own_lengths),
    };
    return check_main("scenario", cases, (int)(sizeof cases / sizeof cases[0]));
}

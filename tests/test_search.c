/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounds and the parallel search, on the shipped catalogue. */
#include <stdlib.h>
#include <string.h>

#include "sim/plan/search.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static struct arena *arena;
static const struct stock *stock;
static struct node_list nodes;

/* Short requests and a tight time per token: fast to simulate, and physically out of reach of
 * the slower GPUs. */
static const char *const small_text =
    "schema: 1\n"
    "model: {name: llama-3.1-8b, weights: [bf16, fp8]}\n"
    "workload:\n"
    "  - class: short\n"
    "    arrivals: {process: poisson, rate: 1/s}\n"
    "    prompt: {dist: uniform, min: 100, max: 300}\n"
    "    output: {dist: uniform, min: 4, max: 20}\n"
    "    slo: {tpot_p95: 12 ms, ttft_p95: 200 ms}\n"
    "engine: {kind: [vllm, sglang], max_model_len: 2k, max_num_seqs: 64}\n"
    "deployments:\n"
    "  - hardware: [l4, l40s, a100-sxm-80gb, h100-sxm, h200-sxm, b200, rtx-4090]\n"
    "    tp: [1, 2, 4, 8]\n"
    "    dp: 1\n"
    "simulation: {requests: 200, replications: 2, seed: 1}\n";

static struct scenario *parse(const char *text, const char *const *sets, int n_sets)
{
    return stock_fixture_scenario(arena, text, sets, n_sets);
}

static struct search searched(const struct scenario *sc, int n_threads, bool exhaustive)
{
    struct search s;
    struct err err = {0};
    struct search_options options = {.n_threads = n_threads,
                                     .exhaustive = exhaustive,
                                     .max_requests = 200,
                                     .max_replications = 3,
                                     .quiet = true};
    if (!search_run(arena, stock, &nodes, sc, &options, &s, &err)) {
        err_print(&err, stderr);
        exit(1);
    }
    return s;
}

/* Over 200 candidates: what is cut has no capacity, what is not has the same. So the best of
 * any measure is the same, too. */
static void bounds_cut_only_what_has_no_capacity(void)
{
    struct scenario *sc = parse(small_text, NULL, 0);
    struct search cut = searched(sc, 2, false);
    struct search all = searched(sc, 2, true);
    int n_cut = 0;
    int n_sized = 0;
    CU_ASSERT_TRUE(all.candidates.n >= 200);
    for (int i = 0; i < all.candidates.n; i++) {
        const struct search_item *a = &all.items[i];
        const struct search_item *c = &cut.items[i];
        if (c->state == SEARCH_BOUND) {
            n_cut++;
            CU_ASSERT_EQUAL(a->state, SEARCH_NO_LOAD);
        } else {
            CU_ASSERT_EQUAL(a->state, c->state);
            CU_ASSERT_EQUAL(a->capacity.rps, c->capacity.rps);
        }
        n_sized += a->state == SEARCH_SIZED;
    }
    CU_ASSERT_TRUE(n_cut >= 5);
    CU_ASSERT_TRUE(n_sized >= 50);
}

/* ---- the search -----------------------------------------------------------------------------
 */

static void threads_change_nothing(void)
{
    static const char *const sets[] = {"engine.kind=vllm", "model.0.weights=fp8"};
    struct scenario *sc = parse(small_text, sets, 1);
    struct search one = searched(sc, 1, false);
    struct search two = searched(sc, 2, false);
    CU_ASSERT_EQUAL_FATAL(one.candidates.n, two.candidates.n);
    CU_ASSERT_EQUAL(one.n_events, two.n_events);
    for (int i = 0; i < one.candidates.n; i++) {
        const struct search_item *a = &one.items[i];
        const struct search_item *b = &two.items[i];
        CU_ASSERT_STRING_EQUAL(a->candidate->name, b->candidate->name);
        CU_ASSERT_EQUAL(a->state, b->state);
        CU_ASSERT_EQUAL(a->capacity.rps, b->capacity.rps);
        CU_ASSERT_EQUAL(a->option.power_w, b->option.power_w);
    }
}

static void an_option_says_what_was_simulated(void)
{
    static const char *const sets[] = {"deployments.0.hardware=[h100-sxm]",
                                       "deployments.0.tp=2", "engine.kind=vllm"};
    struct search s = searched(parse(small_text, sets, 3), 1, false);
    const struct search_item *item = &s.items[0];
    CU_ASSERT_EQUAL_FATAL(item->state, SEARCH_SIZED);
    CU_ASSERT_STRING_EQUAL(item->option.gpu, "h100-sxm");
    CU_ASSERT_EQUAL(item->option.gpus_per_replica, 2);
    CU_ASSERT_EQUAL(item->option.node_gpus, 2);
    CHECK_NEAR(item->option.tokens.input, 200.0, 0.005);
    CHECK_NEAR(item->option.tokens.output, 12.0, 0.005);
    CU_ASSERT_TRUE(item->option.prefill_time_frac > 0.0 &&
                   item->option.prefill_time_frac < 1.0);
    CU_ASSERT_TRUE(item->option.power_w > item->option.idle_power_w);
    CU_ASSERT_TRUE(item->option.rps_lo <= item->option.rps_per_replica);
    CU_ASSERT_TRUE(item->option.rps_hi >= item->option.rps_per_replica);
}

/* Billed tokens are the workload's, not those of one short run. Lognormal, mean 1155, p95 4083,
 * mu 6.307051, sigma 1.220495, cut at 14050: 1155 * Phi((ln 14050 - mu - sigma^2) / sigma) +
 * 14050 * (1 - Phi((ln 14050 - mu) / sigma)) = 1155 * 0.92478 + 14050 * 0.003935 = 1123.4. */
static void tokens_are_those_of_the_workload(void)
{
    const struct scenario *sc =
        parse("schema: 1\nmodel: llama-3.1-8b\n"
              "workload: [{class: a, arrivals: {rate: 1/s}, output: 10, "
              "prompt: {dist: lognormal, mean: 1155, p95: 4083, max: 14050}}]\n",
              NULL, 0);
    struct err err = {0};
    const struct workload *w = workload_load(arena, sc, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CHECK_NEAR(search_tokens(w, 0).input, 1123.4, 0.005);
    CHECK_NEAR(search_tokens(w, 0).output, 10.0, 0.0);
}

/* Conversations of 2 turns on average, geometric: of all turns 1/2 are first, 1/4 second, ...,
 * the mean turn is the 2nd. The k-th prompt is 100 k + 10 (k - 1) tokens: 210. */
static void a_prompt_of_a_conversation_holds_what_was_said(void)
{
    const struct scenario *sc =
        parse("schema: 1\nmodel: llama-3.1-8b\n"
              "workload: [{class: a, arrivals: {rate: 1/s}, prompt: 100, "
              "output: 10, sessions: {turns: 2, think: 5 s}}]\n",
              NULL, 0);
    struct err err = {0};
    const struct workload *w = workload_load(arena, sc, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    CHECK_NEAR(search_tokens(w, 0).input, 210.0, 0.01);
}

/* ---- parts ----------------------------------------------------------------------------------
 */

static bool same_point(const struct capacity_point *a, const struct capacity_point *b)
{
    return a->rate_rps == b->rate_rps && a->worst == b->worst && a->ttft_s == b->ttft_s &&
           a->output_tokens == b->output_tokens && a->batch_mean == b->batch_mean &&
           memcmp(a->worst_class, b->worst_class, sizeof a->worst_class) == 0 &&
           a->use[BIND_TTFT] == b->use[BIND_TTFT] && isnan(a->use[BIND_ITL]) &&
           isnan(b->use[BIND_ITL]) && a->stable == b->stable && a->met == b->met;
}

static void what_shards_found_is_what_one_process_finds(void)
{
    static const char *const sets[] = {"engine.kind=vllm", "deployments.0.tp=[1, 2]",
                                       "deployments.0.hardware=[h100-sxm, l40s]"};
    char dir[160];
    const char *dirs[] = {dir};
    struct scenario *sc = parse(small_text, sets, 3);
    struct search whole = searched(sc, 2, false);
    struct parts parts = {.dirs = dirs, .n_dirs = 1, .n_shards = 2};
    struct search_options options = {.n_threads = 1,
                                     .max_requests = 200,
                                     .max_replications = 3,
                                     .quiet = true,
                                     .parts = &parts};
    struct search s;
    struct err err = {0};
    snprintf(dir, sizeof dir, "%s", check_tmp(0, "-parts"));
    CU_ASSERT_TRUE_FATAL(
        job_init(arena, sc, stock->catalogue.dirs, stock->catalogue.n_dirs, &parts.job, &err) &&
        parts_make(&parts, &err));
    for (parts.shard_idx = 0; parts.shard_idx < 2; parts.shard_idx++) {
        CU_ASSERT_TRUE(search_run(arena, stock, &nodes, sc, &options, &s, &err));
        CU_ASSERT_FALSE(s.interrupted);
        CU_ASSERT_EQUAL(s.n_mine, whole.candidates.n / 2);
    }
    parts.merge = true;
    CU_ASSERT_TRUE_FATAL(search_run(arena, stock, &nodes, sc, &options, &s, &err));
    CU_ASSERT_EQUAL(s.n_requests, 0);
    int n_sized = 0;
    for (int i = 0; i < whole.candidates.n; i++) {
        const struct search_item *a = &whole.items[i];
        const struct search_item *b = &s.items[i];
        CU_ASSERT_EQUAL_FATAL(a->state, b->state);
        n_sized += a->state == SEARCH_SIZED;
        if (a->state == SEARCH_SIZED) {
            CU_ASSERT_TRUE(
                a->capacity.rps == b->capacity.rps && a->capacity.lo == b->capacity.lo &&
                a->capacity.hi == b->capacity.hi && a->capacity.bind == b->capacity.bind);
            CU_ASSERT_TRUE(same_point(&a->capacity.at, &b->capacity.at));
            CU_ASSERT_TRUE(same_point(&a->capacity.over, &b->capacity.over));
            CU_ASSERT_EQUAL(a->option.power_w, b->option.power_w);
        }
    }
    CU_ASSERT_TRUE(n_sized > 1);
}

/* One prefill and two decode replicas of one GPU each are bought together. */
static void separate_prefill_is_sized_as_a_unit(void)
{
    static const char *const sets[] = {
        "deployments.0.prefill_replicas=1", "deployments.0.replicas=2",
        "deployments.0.hardware=[h100-sxm]", "deployments.0.tp=1"};
    struct search s = searched(parse(small_text, sets, 4), 1, false);
    const struct search_item *item = &s.items[0];
    CU_ASSERT_EQUAL_FATAL(item->state, SEARCH_SIZED);
    CU_ASSERT_EQUAL(item->n_gpus, 3);
    CU_ASSERT_EQUAL(item->option.gpus_per_replica, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(item->candidate->name, "1 prefill + 2 decode"));
    CU_ASSERT_TRUE(item->option.prefill_time_frac > 0.0 &&
                   item->option.prefill_time_frac < 1.0);
    CU_ASSERT_TRUE(item->option.evidence <= PLAN_EVIDENCE_SKU);
}

static void prefill_on_another_gpu_is_a_share_of_its_own(void)
{
    static const char *const sets[] = {
        "deployments.0.prefill_replicas=3", "deployments.0.replicas=2",
        "deployments.0.hardware=[h100-sxm]", "deployments.0.prefill.hardware=h200-sxm",
        "deployments.0.tp=1"};
    struct search s = searched(parse(small_text, sets, 5), 1, false);
    const struct search_item *item = &s.items[0];
    const struct plan_option *o = &item->option;
    CU_ASSERT_EQUAL_FATAL(item->state, SEARCH_SIZED);
    CU_ASSERT_PTR_NOT_NULL(strstr(o->name, "3 h200-sxm prefill + 2 decode"));
    CU_ASSERT_EQUAL(item->n_gpus, 5);
    CU_ASSERT_STRING_EQUAL(o->gpu, "h100-sxm");
    CU_ASSERT_EQUAL(o->gpus_per_replica, 2);
    CU_ASSERT_EQUAL(o->instances, 2);
    CU_ASSERT_STRING_EQUAL_FATAL(o->prefill.gpu, "h200-sxm");
    CU_ASSERT_EQUAL(o->prefill.gpus, 3);
    CU_ASSERT_EQUAL(o->prefill.instances, 3);
    CU_ASSERT_EQUAL(option_gpus(o), 5);
    CHECK_NEAR(o->nic_bytes_per_s, 50e9, 1e-9); /* 8 cards of 400 Gb/s for 8 GPUs */
    CHECK_NEAR(o->prefill.nic_bytes_per_s, 50e9, 1e-9);
    CU_ASSERT_TRUE(o->prefill.power_w > o->prefill.idle_power_w);
    CU_ASSERT_TRUE(o->power_w > o->idle_power_w);
}

/* Also on another GPU, with more stages than stand in one node. */
static void a_pipeline_may_be_a_side_of_a_unit(void)
{
    static const char *const sets[] = {
        "deployments.0.prefill_replicas=1",    "deployments.0.replicas=2",
        "deployments.0.hardware=[h100-sxm]",   "deployments.0.tp=1",
        "deployments.0.prefill.hardware=l40s", "deployments.0.prefill.tp=4",
        "deployments.0.prefill.pp=4",          "deployments.0.network=ib-ndr-400g",
        "workload.0.slo.ttft_p95=2s"};
    struct search s = searched(parse(small_text, sets, 9), 1, false);
    const struct search_item *item = &s.items[0];
    CU_ASSERT_EQUAL_FATAL(item->state, SEARCH_SIZED);
    CU_ASSERT_PTR_NOT_NULL(strstr(item->option.name, "1 l40s tp4 pp4 prefill + 2 decode"));
    CU_ASSERT_EQUAL(item->n_gpus, 18);
    CU_ASSERT_EQUAL(item->option.prefill.gpus, 16);
    /* machines need cards like the named network's, as far as PCIe 4 of the L40S reaches */
    CHECK_NEAR(item->option.nic_bytes_per_s, 50e9, 1e-9);
    CHECK_NEAR(item->option.prefill.nic_bytes_per_s, 31e9, 1e-9);
    CU_ASSERT_TRUE(item->option.nic_named && item->option.prefill.nic_named);
}

/* Apart, on slow and fast GPUs either way: what is cut has no capacity. */
static void bounds_of_units_cut_only_what_has_no_capacity(void)
{
    static const char *const sets[] = {"deployments.0.prefill_replicas=1",
                                       "deployments.0.prefill.hardware=[l4, h100-sxm]",
                                       "deployments.0.hardware=[l4, h100-sxm]",
                                       "deployments.0.tp=1",
                                       "deployments.0.network=ib-ndr-400g",
                                       "engine.kind=[vllm, sglang]",
                                       "model.weights=[bf16]",
                                       "workload.0.slo.tpot_p95=1s",
                                       "workload.0.slo.ttft_p95=50ms"};
    struct scenario *sc = parse(small_text, sets, 9);
    struct search cut = searched(sc, 2, false);
    struct search all = searched(sc, 2, true);
    int n_cut = 0;
    int n_sized = 0;
    for (int i = 0; i < all.candidates.n; i++) {
        const struct search_item *a = &all.items[i];
        const struct search_item *c = &cut.items[i];
        n_cut += c->state == SEARCH_BOUND;
        n_sized += a->state == SEARCH_SIZED;
        CU_ASSERT_EQUAL(c->state == SEARCH_BOUND ? SEARCH_NO_LOAD : c->state, a->state);
    }
    CU_ASSERT_TRUE(n_cut >= 2 && n_sized >= 2);
}

int main(void)
{
    static const char *const dirs[] = {"."};
    struct err err = {0};
    arena = arena_new();
    stock = stock_fixture();
    if (!node_list_load(arena, dirs, 1, &nodes, &err)) {
        err_print(&err, stderr);
        return 1;
    }
    static const struct check_case cases[] = {
        {"bounds_cut_only_what_has_no_capacity", bounds_cut_only_what_has_no_capacity},
        {"threads_change_nothing", threads_change_nothing},
        {"an_option_says_what_was_simulated", an_option_says_what_was_simulated},
        {"tokens_are_those_of_the_workload", tokens_are_those_of_the_workload},
        {"a_prompt_of_a_conversation_holds_what_was_said",
         a_prompt_of_a_conversation_holds_what_was_said},
        {"what_shards_found_is_what_one_process_finds",
         what_shards_found_is_what_one_process_finds},
        {"separate prefill is sized as a unit", separate_prefill_is_sized_as_a_unit},
        {"prefill on another GPU is a share of its own",
         prefill_on_another_gpu_is_a_share_of_its_own},
        {"a pipeline may be a side of a unit", a_pipeline_may_be_a_side_of_a_unit},
        {"bounds of units cut only what has no capacity",
         bounds_of_units_cut_only_what_has_no_capacity},
    };
    int code = check_main("search", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which systems a plan looks at, and which are cut by physics alone; on the shipped catalogue.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/plan/candidates.h"
#include "tests/check.h"
#include "tests/stock_fixture.h"

static struct arena *arena;

/* rest: the deployments and what else the scenario has. */
static struct scenario *scenario_for(const char *model, const char *rest)
{
    const char *text =
        arena_printf(arena,
                     "schema: 1\nmodel: {name: %s}\nworkload: [{class: a, arrivals: {rate: "
                     "1/s}, prompt: 100, output: 10}]\n%s\n",
                     model, rest);
    return stock_fixture_scenario(arena, text, NULL, 0);
}

static struct candidate_list listed_for(const char *model, const char *rest)
{
    struct candidate_list list;
    struct err err = {0};
    if (!candidates_enumerate(arena, stock_fixture(), scenario_for(model, rest), &list, &err)) {
        err_print(&err, stderr);
        exit(1);
    }
    return list;
}

/* The layouts in their order, each once: "tp1, tp2 ep2". */
static const char *layouts(const char *model, const char *rest)
{
    struct candidate_list l = listed_for(model, rest);
    const char *all = "";
    const char *last = "";
    for (int i = 0; i < l.n; i++) {
        const char *from = strstr(l.items[i].name, " tp") + 1;
        const char *to = strstr(from, " vllm");
        CU_ASSERT_PTR_NOT_NULL_FATAL(to);
        const char *one = arena_printf(arena, "%.*s", (int)(to - from), from);
        if (strcmp(one, last) != 0) {
            all = arena_printf(arena, "%s%s%s", all, all[0] ? ", " : "", one);
        }
        last = one;
    }
    return all;
}

/* What each name says after the GPU's and its layout, in their order. */
static const char *settings(const char *rest)
{
    struct candidate_list l = listed_for("llama-3.1-8b", rest);
    const char *all = "";
    for (int i = 0; i < l.n; i++) {
        const char *from = strstr(l.items[i].name, "tp1 ");
        CU_ASSERT_PTR_NOT_NULL_FATAL(from);
        all = arena_printf(arena, "%s%s%s", all, i > 0 ? ", " : "", from + 4);
    }
    return all;
}

/* ---- layouts ------------------------------------------------------------------------------
 */

static void an_open_layout_tries_powers_of_two(void)
{
    CU_ASSERT_STRING_EQUAL(layouts("llama-3.1-8b", "deployments: [{hardware: h100-sxm}]"),
                           "tp1, tp2, tp4, tp8");
    /* 72 GPUs in a domain; 16 at most */
    CU_ASSERT_STRING_EQUAL(layouts("llama-3.1-8b", "deployments: [{hardware: gb200}]"),
                           "tp1, tp2, tp4, tp8, tp16");
}

/* Qwen 2.5 7B has 28 heads. */
static void only_what_divides_the_heads_is_tried(void)
{
    CU_ASSERT_STRING_EQUAL(layouts("qwen2.5-7b", "deployments: [{hardware: h100-sxm}]"),
                           "tp1, tp2, tp4");
    CU_ASSERT_STRING_EQUAL(layouts("qwen2.5-7b", "deployments: [{hardware: h100-sxm, dp: 2}]"),
                           "tp1 dp2, tp2 dp2, tp4 dp2");
}

static void a_given_layout_is_the_only_one(void)
{
    CU_ASSERT_STRING_EQUAL(
        layouts("qwen2.5-7b", "deployments: [{hardware: h100-sxm, tp: 8, dp: 2}]"), "tp8 dp2");
    CU_ASSERT_STRING_EQUAL(
        layouts("deepseek-v3.2", "deployments: [{hardware: h100-sxm, tp: 8, dp: 1, ep: 1}]"),
        "tp8");
    CU_ASSERT_STRING_EQUAL(
        layouts("deepseek-v3.2", "deployments: [{hardware: h100-sxm, tp: 4, pp: 2, ep: 4}]"),
        "tp4 pp2 ep4");
}

/* Attention under tensor parallelism: experts divided by width, or whole on one rank each.
 * 16 is a share of 32 experts, 8 KV heads leave half of 16 ranks a copy of the cache. */
static void experts_are_tried_sharded_and_whole(void)
{
    CU_ASSERT_STRING_EQUAL(
        layouts("llama-4-scout", "deployments: [{hardware: h100-sxm, tp: 8}]"), "tp8, tp8 ep8");
    CU_ASSERT_STRING_EQUAL(layouts("gpt-oss-20b", "deployments: [{hardware: gb200}]"),
                           "tp1, tp2, tp2 ep2, tp4, tp4 ep4, tp8, tp8 ep8, tp16, tp16 ep16, "
                           "tp8 dp2 ep16");
}

static void a_given_expert_parallelism_takes_the_ranks_it_divides(void)
{
    CU_ASSERT_STRING_EQUAL(
        layouts("gpt-oss-20b", "deployments: [{hardware: h100-sxm, ep: 4, dp: 1}]"),
        "tp4 ep4, tp8 ep4");
}

/* One latent cache for all heads, so each rank would keep a copy; experts of data-parallel
 * ranks are never divided by width. A closed axis stays closed. */
static void latent_attention_is_tried_data_parallel(void)
{
    CU_ASSERT_STRING_EQUAL(layouts("deepseek-v3.2", "deployments: [{hardware: h200-sxm}]"),
                           "tp1, tp2, tp2 ep2, tp1 dp2 ep2, tp4, tp4 ep4, tp1 dp4 ep4, tp8, "
                           "tp8 ep8, tp1 dp8 ep8");
    CU_ASSERT_STRING_EQUAL(
        layouts("deepseek-v3.2", "deployments: [{hardware: h200-sxm, dp: 1}]"),
        "tp1, tp2, tp2 ep2, tp4, tp4 ep4, tp8, tp8 ep8");
}

/* Qwen 3.5 has 2 KV heads in its full layers; linear layers keep no cache to share. */
static void few_kv_heads_are_tried_data_parallel(void)
{
    CU_ASSERT_STRING_EQUAL(layouts("qwen3.5-397b-a17b", "deployments: [{hardware: h200-sxm}]"),
                           "tp1, tp2, tp2 ep2, tp4, tp4 ep4, tp2 dp2 ep4, tp8, tp8 ep8, "
                           "tp2 dp4 ep8");
}

static void stages_are_tried_where_one_does_not_fit(void)
{
    const char *h100 = layouts("deepseek-v3.2", "deployments: [{hardware: h100-sxm, dp: 1}]");
    CU_ASSERT_STRING_EQUAL(h100, "tp1, tp2, tp2 ep2, tp4, tp4 ep4, tp8, tp8 ep8, tp8 pp2, "
                                 "tp8 pp2 ep8, tp8 pp4, tp8 pp4 ep8");
    CU_ASSERT_PTR_NULL(
        strstr(layouts("deepseek-v3.2", "deployments: [{hardware: h200-sxm}]"), "pp"));
    CU_ASSERT_PTR_NULL(
        strstr(layouts("deepseek-v3.2", "deployments: [{hardware: h100-sxm, pp: 1}]"), "pp"));
}

static void no_layout_that_divides_the_heads_is_an_error(void)
{
    struct candidate_list list;
    struct err err = {0};
    struct scenario *sc =
        scenario_for("qwen2.5-7b", "deployments: [{hardware: h100-sxm, ep: 8, dp: 1}]");
    CU_ASSERT_FALSE(candidates_enumerate(arena, stock_fixture(), sc, &list, &err));
    CU_ASSERT_EQUAL(err.code, ERR_UNFIT);
}

static void numbers_of_replicas_are_one_candidate(void)
{
    struct candidate_list one =
        listed_for("llama-3.1-8b", "deployments: [{hardware: h100-sxm, tp: 1, replicas: 1}]");
    struct candidate_list many = listed_for(
        "llama-3.1-8b", "deployments: [{hardware: h100-sxm, tp: 1, replicas: [1, 2, 4]}]");
    CU_ASSERT_EQUAL(one.n, 2);
    CU_ASSERT_EQUAL(many.n, 2);
}

/* ---- settings and names -------------------------------------------------------------------
 */

/* vLLM and SGLang start from 8,192 on an H100 and 2,048 on an L4. */
static void a_quarter_or_four_times_the_tokens_are_tried(void)
{
    CU_ASSERT_STRING_EQUAL(settings("deployments: [{hardware: [h100-sxm, l4], tp: 1}]\n"
                                    "engine: {kind: [vllm, sglang]}"),
                           "vllm, vllm tokens2048, vllm, vllm tokens8192, "
                           "sglang, sglang tokens2048, sglang, sglang tokens8192");
}

static void given_tokens_are_the_only_ones(void)
{
    struct candidate_list l =
        listed_for("llama-3.1-8b", "deployments: [{hardware: h100-sxm, tp: 1}]\n"
                                   "engine: {max_num_batched_tokens: 4096}");
    CU_ASSERT_EQUAL_FATAL(l.n, 1);
    CU_ASSERT_EQUAL(l.items[0].spec.max_batched_tokens, 4096);
    l = listed_for("llama-3.1-8b", "deployments: [{hardware: h100-sxm, tp: 1}]\n"
                                   "engine: {kind: sglang, chunked_prefill_size: 1024}");
    CU_ASSERT_EQUAL_FATAL(l.n, 1);
    CU_ASSERT_EQUAL(l.items[0].spec.chunked_prefill, 1024);
    CU_ASSERT_PTR_NOT_NULL(strstr(l.items[0].name, "sglang tokens1024"));
}

static void a_name_says_what_differs(void)
{
    static const char *const one = "engine: {max_num_batched_tokens: 1024}\n"
                                   "deployments: [{hardware: h100-sxm, tp: 1, ";
    CU_ASSERT_STRING_EQUAL(settings(arena_printf(arena, "%skv_host: [0, 512 GiB]}]", one)),
                           "vllm tokens1024, vllm tokens1024 host512GiB");
    CU_ASSERT_STRING_EQUAL(
        settings(arena_printf(arena, "%srouter: [round-robin, least-requests]}]", one)),
        "vllm tokens1024 round-robin, vllm tokens1024 least-requests");
    CU_ASSERT_STRING_EQUAL(settings(arena_printf(arena, "%srouter: least-requests}]", one)),
                           "vllm tokens1024");
    struct candidate_list l =
        listed_for("llama-3.1-8b, kv_cache: fp8", arena_printf(arena, "%sdp: 1}]", one));
    CU_ASSERT_STRING_EQUAL(l.items[0].name, "llama-3.1-8b bf16 h100-sxm tp1 vllm tokens1024 "
                                            "kv-fp8");
}

/* Decode replicas are one where the scenario leaves them open. */
static void a_unit_names_both_its_sides(void)
{
    static const char *const one = "engine: {max_num_batched_tokens: 1024}\n"
                                   "deployments: [{hardware: h100-sxm, tp: 1, ";
    struct candidate_list l = listed_for(
        "llama-3.1-8b", arena_printf(arena, "%sreplicas: 2, prefill_replicas: [0, 3]}]", one));
    CU_ASSERT_EQUAL_FATAL(l.n, 2);
    CU_ASSERT_PTR_NULL(l.items[0].unit);
    CU_ASSERT_EQUAL(candidate_replicas(&l.items[0]), 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.items[1].unit);
    CU_ASSERT_EQUAL(candidate_replicas(&l.items[1]), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(l.items[1].name, "tokens1024 3 prefill + 2 decode"));
    l = listed_for("llama-3.1-8b", arena_printf(arena,
                                                "%sprefill_replicas: 1, prefill: {hardware: "
                                                "h200-sxm}}]",
                                                one));
    CU_ASSERT_EQUAL_FATAL(l.n, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(l.items[0].name, "tokens1024 1 h200-sxm prefill + 1 decode"));
}

/* ---- bounds -------------------------------------------------------------------------------
 */

static void resolve(const struct system_spec *spec, struct system *system)
{
    struct err err = {0};
    if (!system_resolve(stock_fixture(), spec, system, &err)) {
        err_print(&err, stderr);
        exit(1);
    }
}

static struct system llama_on(const char *gpu, const char *engine)
{
    struct candidate_list l = listed_for(
        "llama-3.1-8b", arena_printf(arena,
                                     "deployments: [{hardware: %s, tp: 1, dp: 1}]\n"
                                     "engine: {kind: %s, max_model_len: 2k, max_num_seqs: 64}",
                                     gpu, engine));
    struct system system;
    resolve(&l.items[0].spec, &system);
    CU_ASSERT_PTR_NOT_NULL_FATAL(system.step);
    return system;
}

/* 8.03e9 parameters less the embedding of 128,256 x 4,096, 2 bytes each, at 3.35 TB/s: 4.48 ms.
 */
static void the_floor_is_weights_over_bandwidth(void)
{
    struct system system = llama_on("h100-sxm", "vllm");
    double params = 8.03e9 - 128256.0 * 4096.0;
    CHECK_NEAR(candidate_step_floor_s(&system), 2.0 * params / 3.35e12, 0.01);
    system_fini(&system);
}

/* A class whose answers are so long, without a limit. */
static struct scenario_class unlimited(double output_tokens)
{
    struct scenario_class c = {.name = "chat"};
    c.output = (struct dist){.kind = DIST_CONSTANT, .a = output_tokens};
    for (int m = 0; m < SLO_N_METRICS; m++) {
        for (int s = 0; s < SLO_N_STATS; s++) {
            c.slo.limit_s[m][s] = NAN;
        }
    }
    return c;
}

static bool is_cut(const struct system *system, const struct system *prefill,
                   enum slo_metric metric, double limit_s, double output_tokens)
{
    struct scenario_class c = unlimited(output_tokens);
    char why[200];
    c.slo.limit_s[metric][SLO_P95] = limit_s;
    return candidate_bound(system, prefill, &c, 1, why, sizeof why);
}

/* Nothing is cut at 99 % of the floor, by which a histogram may be wrong; everything below. */
static void every_limit_below_a_step_cuts(void)
{
    struct system system = llama_on("l4", "vllm");
    double floor_s = candidate_step_floor_s(&system) * 0.99;
    struct scenario_class none = unlimited(10);
    char why[200] = "";
    CU_ASSERT_FALSE(candidate_bound(&system, NULL, &none, 1, why, sizeof why));
    for (int m = 0; m < SLO_N_METRICS; m++) {
        CU_ASSERT_TRUE(is_cut(&system, NULL, (enum slo_metric)m, floor_s * 0.999, 10));
        CU_ASSERT_FALSE(is_cut(&system, NULL, (enum slo_metric)m, floor_s * 1.001, 10));
    }
    system_fini(&system);
}

/* An answer of one token has no gaps; accepted drafts leave together, 3 + 1 a step at best. */
static void gaps_are_bound_only_where_there_are_any(void)
{
    struct system system = llama_on("l4", "vllm");
    double floor_s = candidate_step_floor_s(&system) * 0.99;
    CU_ASSERT_FALSE(is_cut(&system, NULL, SLO_TPOT, floor_s / 100, 1));
    CU_ASSERT_FALSE(is_cut(&system, NULL, SLO_ITL, floor_s / 100, 1));
    CU_ASSERT_TRUE(is_cut(&system, NULL, SLO_TPOT, floor_s / 100, 2));
    CU_ASSERT_TRUE(is_cut(&system, NULL, SLO_TTFT, floor_s / 100, 1));
    system.spec.draft_tokens = 3;
    CU_ASSERT_FALSE(is_cut(&system, NULL, SLO_ITL, floor_s / 100, 10));
    CU_ASSERT_TRUE(is_cut(&system, NULL, SLO_TPOT, floor_s * 0.249, 10));
    CU_ASSERT_FALSE(is_cut(&system, NULL, SLO_TPOT, floor_s * 0.251, 10));
    system_fini(&system);
}

/* 16 GB at 300 GB/s: 50 ms a step on an L4, 4.5 on an H100. With prefill on the H100 and decode
 * on the L4, SGLang hands the first token out when it lands, vLLM computes it there. */
static void the_first_token_is_bound_by_the_side_that_computes_it(void)
{
    static const char *const engines[] = {"vllm", "sglang"};
    for (int i = 0; i < 2; i++) {
        struct system slow = llama_on("l4", engines[i]);
        struct system fast = llama_on("h100-sxm", engines[i]);
        double slow_s = candidate_step_floor_s(&slow) * 0.99;
        double fast_s = candidate_step_floor_s(&fast) * 0.99;
        double first_s = fast_s + (i == 0 ? slow_s : 0.0);
        CU_ASSERT_TRUE(is_cut(&fast, &slow, SLO_TTFT, slow_s * 0.999, 10));
        CU_ASSERT_TRUE(is_cut(&slow, &fast, SLO_TTFT, first_s * 0.999, 10));
        CU_ASSERT_FALSE(is_cut(&slow, &fast, SLO_TTFT, first_s * 1.001, 10));
        system_fini(&slow);
        system_fini(&fast);
    }
}

static void a_bound_says_which_limit_it_is(void)
{
    struct system system = llama_on("h100-sxm", "vllm");
    struct scenario_class classes[] = {unlimited(10), unlimited(10)};
    char why[200] = "";
    classes[1].name = "batch";
    classes[1].slo.limit_s[SLO_TPOT][SLO_P95] = 0.002;
    CU_ASSERT_FALSE(candidate_bound(&system, NULL, classes, 1, why, sizeof why));
    CU_ASSERT_TRUE(candidate_bound(&system, NULL, classes, 2, why, sizeof why));
    CU_ASSERT_STRING_EQUAL(why, "tpot p95 of batch is limited to 2 ms; at peak bandwidth it is "
                                "4.44 ms or more");
    system_fini(&system);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"an open layout tries powers of two", an_open_layout_tries_powers_of_two},
        {"only what divides the heads is tried", only_what_divides_the_heads_is_tried},
        {"a given layout is the only one", a_given_layout_is_the_only_one},
        {"experts are tried sharded and whole", experts_are_tried_sharded_and_whole},
        {"a given expert parallelism takes the ranks it divides",
         a_given_expert_parallelism_takes_the_ranks_it_divides},
        {"latent attention is tried data parallel", latent_attention_is_tried_data_parallel},
        {"few KV heads are tried data parallel", few_kv_heads_are_tried_data_parallel},
        {"stages are tried where one does not fit", stages_are_tried_where_one_does_not_fit},
        {"no layout that divides the heads is an error",
         no_layout_that_divides_the_heads_is_an_error},
        {"numbers of replicas are one candidate", numbers_of_replicas_are_one_candidate},
        {"a quarter or four times the tokens are tried",
         a_quarter_or_four_times_the_tokens_are_tried},
        {"given tokens are the only ones", given_tokens_are_the_only_ones},
        {"a name says what differs", a_name_says_what_differs},
        {"a unit names both its sides", a_unit_names_both_its_sides},
        {"the floor is weights over bandwidth", the_floor_is_weights_over_bandwidth},
        {"every limit below a step cuts", every_limit_below_a_step_cuts},
        {"gaps are bound only where there are any", gaps_are_bound_only_where_there_are_any},
        {"the first token is bound by the side that computes it",
         the_first_token_is_bound_by_the_side_that_computes_it},
        {"a bound says which limit it is", a_bound_says_which_limit_it_is},
    };
    arena = arena_new();
    int code = check_main("candidates", cases, (int)(sizeof cases / sizeof cases[0]));
    arena_free(arena);
    return code;
}

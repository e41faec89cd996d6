/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deployments made concrete: layouts that are chosen, knobs over engine defaults, what does not
 * fit. */
#include "sim/experiment/system.h"

#include <math.h>
#include <string.h>

#include "tests/check.h"

static const char *const dirs[] = {"."};

struct bench {
    struct arena *arena;
    struct stock *stock;
};

static struct bench bench_open(void)
{
    struct err err = {0};
    struct bench b = {.arena = arena_new()};
    b.stock = stock_load(b.arena, dirs, 1, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b.stock);
    return b;
}

static struct system_spec spec_of(const struct bench *b, const char *model, enum dtype weights,
                                  const char *gpu, enum engine_kind engine)
{
    struct err err = {0};
    struct system_spec s = system_spec_default();
    s.name = "test";
    s.model = model_find(b->arena, dirs, 1, model, &err);
    s.gpu = gpu_find(&b->stock->gpus, gpu, &err);
    s.engine = engine;
    CU_ASSERT_TRUE_FATAL(s.model && s.gpu);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(s.model, weights, &s.checkpoint, &err));
    return s;
}

static struct system must_resolve(const struct bench *b, const struct system_spec *spec)
{
    struct err err = {0};
    struct system s;
    CU_ASSERT_TRUE_FATAL(system_resolve(b->stock, spec, &s, &err));
    return s;
}

static bool fits_at(const struct bench *b, const struct system_spec *spec, int tp)
{
    struct system_spec at = *spec;
    at.tp = tp;
    struct system s = must_resolve(b, &at);
    bool fits = s.footprint.fits;
    CU_ASSERT_EQUAL(s.step != NULL, fits);
    system_fini(&s);
    return fits;
}

static double tokens_per_step(const struct bench *b, const char *model, int n_drafted,
                              const double *frac, int n)
{
    struct system_spec spec = spec_of(b, model, DTYPE_FP8, "b200", ENGINE_VLLM);
    spec.tp = 8;
    spec.draft_tokens = n_drafted;
    if (n > 0) {
        CU_ASSERT_TRUE(draft_acceptance_set(&spec.acceptance, frac, n));
    }
    struct system s = must_resolve(b, &spec);
    double tokens = s.replica.sched.accepted_tokens;
    system_fini(&s);
    return tokens;
}

/* vLLM's rates by position on gsm8k with 8 drafts, of which it reports 4.50 tokens a step; the
 * catalogue's of GLM 5.2 with 3 drafts: 2.99 as measured; none of Llama 3.3: 0.7 of each. */
static void drafts_are_accepted_by_position(void)
{
    static const double gsm8k[] = {.762, .616, .513, .424, .364, .309, .272, .237};
    static const double one = 0.8;
    static const double two[] = {0.8, 0.5};
    struct bench b = bench_open();
    CHECK_NEAR(tokens_per_step(&b, "glm-5.2", 8, gsm8k, 8), 4.497, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "glm-5.2", 3, gsm8k, 8), 2.891, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "glm-5.2", 2, &one, 1), 2.44, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "glm-5.2", 3, two, 2), 2.6125, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "glm-5.2", 3, NULL, 0), 2.99, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "llama-3.3-70b", 3, NULL, 0), 2.533, 1e-12);
    CHECK_NEAR(tokens_per_step(&b, "llama-3.3-70b", 0, NULL, 0), 1.0, 0.0);
    arena_free(b.arena);
}

/* Nothing is accepted behind a position that never is; rates cannot rise. */
static void rates_that_end_stay_at_nothing(void)
{
    struct draft_acceptance a = {.n = 0};
    CU_ASSERT_TRUE(draft_acceptance_set(&a, (const double[]){0.5, 0.0, 0.0}, 3));
    CHECK_NEAR(draft_tokens_per_step(&a, 8), 1.5, 1e-12);
    CU_ASSERT_FALSE(draft_acceptance_set(&a, (const double[]){0.5, 0.51}, 2));
}

static void an_open_layout_is_the_smallest_that_fits(void)
{
    struct bench b = bench_open();
    static const struct {
        const char *model;
        enum dtype weights;
        const char *gpu;
        int least, most; /* GPUs by weights alone, and a generous bound */
    } rows[] = {
        {"llama-3.1-8b", DTYPE_BF16, "h100-sxm", 1, 1},
        {"llama-3.1-70b", DTYPE_BF16, "h100-sxm", 2, 4},
        {"llama-3.1-70b", DTYPE_FP8, "h200-sxm", 1, 1},
        {"llama-3.1-70b", DTYPE_BF16, "l40s", 4, 8},
        {"deepseek-v3", DTYPE_FP8, "h200-sxm", 8, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct system_spec spec =
            spec_of(&b, rows[i].model, rows[i].weights, rows[i].gpu, ENGINE_VLLM);
        struct system s = must_resolve(&b, &spec);
        CU_ASSERT_TRUE(s.footprint.fits);
        CU_ASSERT_TRUE(s.spec.tp >= rows[i].least && s.spec.tp <= rows[i].most);
        CU_ASSERT_TRUE(s.spec.tp == 1 || !fits_at(&b, &spec, s.spec.tp / 2));
        CU_ASSERT_EQUAL(s.n_gpus, s.spec.tp);
        system_fini(&s);
    }
    arena_free(b.arena);
}

static void what_does_not_fit_says_why_and_is_no_error(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "deepseek-v3", DTYPE_FP8, "l40s", ENGINE_VLLM);
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_PTR_NULL(s.step);
    CU_ASSERT_TRUE(s.footprint.reason[0] != '\0');
    CU_ASSERT_TRUE(s.footprint.missing_bytes > 0.0);
    CU_ASSERT_EQUAL(s.spec.tp,
                    8); /* the largest that may be chosen, so that the least is missing */
    system_fini(&s);
    arena_free(b.arena);
}

static void a_given_layout_is_kept(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h100-sxm", ENGINE_VLLM);
    spec.tp = 4;
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.spec.tp, 4);
    CU_ASSERT_EQUAL(s.n_gpus, 4);
    CU_ASSERT_EQUAL(s.spec.ep, 1);
    CU_ASSERT_EQUAL(s.spec.dp, 1);
    system_fini(&s);
    arena_free(b.arena);
}

static void data_parallel_attention_spreads_experts_over_all_ranks(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "deepseek-v3", DTYPE_FP8, "h200-sxm", ENGINE_SGLANG);
    spec.tp = 1;
    spec.dp = 8;
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.spec.ep, 8);
    CU_ASSERT_EQUAL(s.n_gpus, 8);
    system_fini(&s);
    struct system_spec dense = spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h200-sxm", ENGINE_VLLM);
    dense.tp = 1;
    dense.dp = 2;
    s = must_resolve(&b, &dense);
    CU_ASSERT_EQUAL(s.spec.ep, 1);
    CU_ASSERT_EQUAL(s.n_gpus, 2);
    system_fini(&s);
    arena_free(b.arena);
}

/* Eight H100 do not hold DeepSeek V3.2 in fp8, two nodes do; what was measured had no stages.
 */
static void stages_add_up_the_memory_of_nodes(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "deepseek-v3.2", DTYPE_FP8, "h100-sxm", ENGINE_VLLM);
    spec.tp = 8;
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_FALSE(s.footprint.fits);
    system_fini(&s);
    spec.pp = 2;
    s = must_resolve(&b, &spec);
    CU_ASSERT_TRUE(s.footprint.fits);
    CU_ASSERT_EQUAL(s.n_gpus, 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.step);
    CU_ASSERT_PTR_NOT_NULL(s.step->stages);
    CU_ASSERT_TRUE(s.evidence.grade < EVIDENCE_MEASURED);
    system_fini(&s);
    arena_free(b.arena);
}

/* Two stages of eight GPUs, a domain each: one GPU's share of its server's cards, or the named
 * link. 8192 hidden, bf16, twice; each tensor-parallel rank sends its eighth. */
static void hops_between_servers_cross_their_network_cards(void)
{
    static const struct {
        const char *gpu, *network, *node;
        double gbps, efficiency, latency_s;
    } rows[] = {
        {"h100-sxm", "", "", 400.0, 0.93, 10e-6},                  /* 8 of 400 for 8 */
        {"h100-sxm", "", "aws-p5.48xlarge", 400.0, 0.93, 10e-6},   /* 32 of 100 for 8 */
        {"h100-sxm", "", "gcp-a3-highgpu-8g", 100.0, 0.93, 10e-6}, /* 4 of 200 for 8 */
        {"h100-sxm", "roce-100g", "", 100.0, 0.85, 12e-6},         /* as links.csv has it */
        {"l40s", "", "", 25.0, 0.93, 10e-6},                       /* 1 of 100 for 4 */
        {"l40s", "", "aws-g6e.48xlarge", 50.0, 0.93, 10e-6},       /* 4 of 100 for 8 */
        {"l40s", "ib-xdr-800g", "", 31.0 * 8.0, 0.93, 10e-6},      /* PCIe 4 is slower */
        {"a100-sxm-40gb", "", "", 50.0, 0.93, 10e-6},              /* 4 of 100 for 8 */
        {"a100-sxm-80gb", "", "azure-nd96amsr-a100-v4", 200.0, 0.93, 10e-6},
        {"h20", "", "", 400.0, 0.93, 10e-6}, /* no server with cards: as if InfiniBand */
    };
    struct bench b = bench_open();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct system_spec spec =
            spec_of(&b, "llama-3.1-70b", DTYPE_BF16, rows[i].gpu, ENGINE_VLLM);
        spec.tp = 8;
        spec.pp = 2;
        spec.network = rows[i].network;
        spec.node = rows[i].node;
        struct system s = must_resolve(&b, &spec);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.step);
        struct pipeline_hop h = s.step->hops[0];
        CHECK_NEAR(h.latency_s, 2.0 * rows[i].latency_s, 1e-9);
        CHECK_NEAR(h.s_per_token,
                   4.0 * 8192 / 8 / (rows[i].efficiency * rows[i].gbps * 1e9 / 8.0), 1e-9);
        /* what a machine must have that is bought for it: nothing, where nothing is known */
        bool known = strcmp(rows[i].gpu, "h20") != 0;
        CHECK_NEAR(s.nic_bytes_per_s, known ? rows[i].gbps * 1e9 / 8.0 : 0.0, 1e-9);
        CU_ASSERT_EQUAL(s.nic_named, rows[i].network[0] != '\0');
        system_fini(&s);
    }
    arena_free(b.arena);
}

/* Inside a domain the network is of no concern. */
static void hops_inside_a_server_do_not_see_the_network(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "llama-3.1-70b", DTYPE_BF16, "h100-sxm", ENGINE_VLLM);
    spec.tp = 4;
    spec.pp = 2;
    struct system open = must_resolve(&b, &spec);
    spec.network = "eth-25g";
    struct system slow = must_resolve(&b, &spec);
    CU_ASSERT_TRUE_FATAL(open.step && slow.step);
    CU_ASSERT_EQUAL(open.nic_bytes_per_s, 0.0);
    CU_ASSERT_EQUAL(open.step->hops[0].s_per_token, slow.step->hops[0].s_per_token);
    CU_ASSERT_EQUAL(open.step->hops[0].latency_s, slow.step->hops[0].latency_s);
    system_fini(&open);
    system_fini(&slow);
    struct err err = {0};
    spec.network = "carrier-pigeon";
    CU_ASSERT_FALSE(system_resolve(b.stock, &spec, &open, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "carrier-pigeon"));
    system_fini(&open);
    arena_free(b.arena);
}

static void a_layout_that_cannot_be_built_is_an_error(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h100-sxm", ENGINE_VLLM);
    spec.tp = 3;
    struct err err = {0};
    struct system s;
    CU_ASSERT_FALSE(system_resolve(b.stock, &spec, &s, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "tp 3"));
    system_fini(&s);
    err = (struct err){0};
    spec.tp = 1;
    spec.pp = 33;
    CU_ASSERT_FALSE(system_resolve(b.stock, &spec, &s, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more stages than the 32 layers"));
    system_fini(&s);
    arena_free(b.arena);
}

static void steps_beyond_what_is_simulated_are_an_error(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "b300", ENGINE_VLLM);
    spec.max_batched_tokens = STEP_MAX_TOKENS + 1;
    spec.max_seqs = 8;
    struct system s;
    struct err err = {0};
    CU_ASSERT_FALSE(system_resolve(b.stock, &spec, &s, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "max_num_batched_tokens"));
    arena_free(b.arena);
}

static void knobs_stand_above_engine_defaults(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h100-sxm", ENGINE_VLLM);
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.replica.sched.max_batched_tokens, s.defaults.max_batched_tokens);
    CU_ASSERT_EQUAL(s.replica.sched.max_seqs, s.defaults.max_seqs);
    CU_ASSERT_EQUAL(s.spec.mem_util_frac, s.defaults.mem_util);
    double kv = s.footprint.kv_bytes;
    system_fini(&s);
    spec.max_batched_tokens = 1234;
    spec.max_seqs = 77;
    spec.mem_util_frac = 0.7;
    spec.prefix_cache = 0;
    s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.replica.sched.max_batched_tokens, 1234);
    CU_ASSERT_EQUAL(s.replica.sched.max_seqs, 77);
    CU_ASSERT_FALSE(s.replica.reuse);
    CU_ASSERT_TRUE(s.footprint.kv_bytes < kv);
    system_fini(&s);
    arena_free(b.arena);
}

static void engines_differ_in_budget_and_reservation(void)
{
    struct bench b = bench_open();
    struct system_spec spec =
        spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h100-sxm", ENGINE_SGLANG);
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.replica.sched.max_batched_tokens, s.spec.chunked_prefill);
    CU_ASSERT_FALSE(s.replica.sched.reserve_output);
    system_fini(&s);
    spec.engine = ENGINE_TRTLLM;
    s = must_resolve(&b, &spec);
    CU_ASSERT_TRUE(s.replica.sched.reserve_output);
    system_fini(&s);
    arena_free(b.arena);
}

static void cache_format_follows_engine_and_checkpoint(void)
{
    struct bench b = bench_open();
    struct system_spec fp8 = spec_of(&b, "llama-3.1-8b", DTYPE_FP8, "h100-sxm", ENGINE_TRTLLM);
    struct system_spec old =
        spec_of(&b, "llama-3.1-8b", DTYPE_FP8, "a100-sxm-80gb", ENGINE_TRTLLM);
    struct system_spec bf16 =
        spec_of(&b, "llama-3.1-8b", DTYPE_BF16, "h100-sxm", ENGINE_TRTLLM);
    CU_ASSERT_EQUAL(system_default_kv(ENGINE_TRTLLM, &fp8.checkpoint, fp8.gpu), DTYPE_FP8);
    CU_ASSERT_EQUAL(system_default_kv(ENGINE_VLLM, &fp8.checkpoint, fp8.gpu), DTYPE_BF16);
    CU_ASSERT_EQUAL(system_default_kv(ENGINE_TRTLLM, &old.checkpoint, old.gpu), DTYPE_BF16);
    CU_ASSERT_EQUAL(system_default_kv(ENGINE_TRTLLM, &bf16.checkpoint, bf16.gpu), DTYPE_BF16);
    fp8.kv = DTYPE_BF16;
    struct system s = must_resolve(&b, &fp8);
    CU_ASSERT_EQUAL(s.spec.kv, DTYPE_BF16);
    system_fini(&s);
    arena_free(b.arena);
}

static void skew_is_the_catalogues_unless_given(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "gpt-oss-20b", DTYPE_AUTO, "h100-sxm", ENGINE_VLLM);
    struct system s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.spec.skew_sigma, spec.model->skew.sigma);
    system_fini(&s);
    spec.skew_sigma = 0.25;
    s = must_resolve(&b, &spec);
    CU_ASSERT_EQUAL(s.step->cfg.skew_sigma, 0.25);
    system_fini(&s);
    arena_free(b.arena);
}

/* Every row of constants that a model rests on is listed once, with its source. */
static void constants_in_use_are_listed(void)
{
    struct bench b = bench_open();
    struct system_spec spec = spec_of(&b, "deepseek-v3", DTYPE_FP8, "h200-sxm", ENGINE_SGLANG);
    struct system s = must_resolve(&b, &spec);
    bool law[3] = {false};
    CU_ASSERT_TRUE(s.step->n_constants >= 4);
    for (int i = 0; i < s.step->n_constants; i++) {
        const struct step_constant *c = &s.step->constants[i];
        CU_ASSERT_TRUE(c->key->source[0] != '\0');
        CU_ASSERT_TRUE(c->match <= s.step->match);
        law[0] = law[0] || strcmp(c->law, "gemm") == 0;
        law[1] = law[1] || strcmp(c->law, "attention") == 0;
        law[2] = law[2] || strcmp(c->law, "moe") == 0;
        for (int k = 0; k < i; k++) {
            CU_ASSERT_PTR_NOT_EQUAL(s.step->constants[k].key, c->key);
        }
    }
    CU_ASSERT_TRUE(law[0] && law[1] && law[2]);
    system_fini(&s);
    arena_free(b.arena);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(an_open_layout_is_the_smallest_that_fits),
    CASE(what_does_not_fit_says_why_and_is_no_error),
    CASE(a_given_layout_is_kept),
    CASE(data_parallel_attention_spreads_experts_over_all_ranks),
    CASE(stages_add_up_the_memory_of_nodes),
    CASE(hops_between_servers_cross_their_network_cards),
    CASE(hops_inside_a_server_do_not_see_the_network),
    CASE(a_layout_that_cannot_be_built_is_an_error),
    CASE(steps_beyond_what_is_simulated_are_an_error),
    CASE(knobs_stand_above_engine_defaults),
    CASE(engines_differ_in_budget_and_reservation),
    CASE(cache_format_follows_engine_and_checkpoint),
    CASE(skew_is_the_catalogues_unless_given),
    CASE(drafts_are_accepted_by_position),
    CASE(rates_that_end_stay_at_nothing),
    CASE(constants_in_use_are_listed),
};

int main(void)
{
    return check_main("system", cases, (int)(sizeof cases / sizeof cases[0]));
}

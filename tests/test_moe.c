/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Routed experts: distinct experts and imbalance against closed forms, Monte-Carlo and
 * published simulations; the grouped product against numbers worked by hand. */
#include "sim/cost/moe.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "sim/base/mem.h"
#include "sim/core/rng.h"
#include "tests/check.h"

static struct moe_routing *routing_of(int n_experts, int top_k, int ep, double sigma)
{
    struct experts_config c = experts_config_default(n_experts, top_k, ep, sigma);
    return moe_routing_new(&c);
}

static struct moe_load load_of(int n_experts, int top_k, int ep, double sigma, double tokens)
{
    struct moe_routing *r = routing_of(n_experts, top_k, ep, sigma);
    struct moe_load load;
    moe_routing_load(r, tokens, &load);
    moe_routing_free(r);
    return load;
}

/* 256 (1 - (1 - 8/256)^64) = 222.4 */
static void uniform_routing_hits_the_closed_form(void)
{
    CHECK_NEAR(load_of(256, 8, 1, 0.0, 64).distinct_all, 222.4, 1e-3);
    CHECK_NEAR(load_of(256, 8, 1, 0.0, 1).distinct_all, 8.0, 1e-9);
    CHECK_NEAR(load_of(128, 4, 1, 0.0, 10).distinct_all, 128.0 * (1.0 - pow(124.0 / 128.0, 10)),
               1e-9);
}

static void a_rank_without_tokens_hits_no_expert(void)
{
    static const int64_t none[] = {0, -1};
    struct moe_routing *r = routing_of(128, 8, 4, 1.0);
    for (int i = 0; i < 2; i++) {
        struct moe_load load;
        moe_routing_at(r, none[i], &load);
        CU_ASSERT_EQUAL(load.distinct_all, 0.0);
        CU_ASSERT_EQUAL(load.rows_mean, 0.0);
    }
    moe_routing_free(r);
}

static void inclusion_probabilities_add_up_to_top_k(void)
{
    static const double sigmas[] = {0.0, 0.3, 1.0, 2.0};
    for (int i = 0; i < 4; i++) {
        struct moe_routing *r = routing_of(128, 8, 1, sigmas[i]);
        double sum = 0.0;
        for (int e = 0; e < 128; e++) {
            CU_ASSERT_TRUE(r->incl[e] > 0.0 && r->incl[e] <= 1.0);
            CU_ASSERT_TRUE(e == 0 || r->incl[e] <= r->incl[e - 1]);
            sum += r->incl[e];
        }
        CHECK_NEAR(sum, 8.0, 1e-9);
        moe_routing_free(r);
    }
}

static void all_experts_chosen_means_all_hit(void)
{
    struct moe_load load = load_of(8, 8, 1, 1.0, 1);
    CU_ASSERT_EQUAL(load.distinct_all, 8.0);
}

/* Top-k without replacement by exponential races: the k smallest of E / p. */
static int race_hits(struct rng *rng, const double *p, int n, int k, int tokens)
{
    double key[256];
    char hit[256] = {0};
    int total = 0;
    for (int t = 0; t < tokens; t++) {
        for (int e = 0; e < n; e++) {
            key[e] = -log(1.0 - rng_uniform(rng)) / p[e];
        }
        for (int i = 0; i < k; i++) {
            int best = 0;
            for (int e = 1; e < n; e++) {
                best = key[e] < key[best] ? e : best;
            }
            key[best] = INFINITY;
            hit[best] = 1;
        }
    }
    for (int e = 0; e < n; e++) {
        total += hit[e];
    }
    return total;
}

static void skewed_routing_hits_what_sampling_hits(void)
{
    enum { E = 128, K = 8, RUNS = 60 };
    static const double sigmas[] = {0.5, 1.0, 1.5};
    static const int tokens[] = {8, 64, 256};
    struct rng rng;
    rng_init(&rng, 7, "test/moe", 0);
    for (int s = 0; s < 3; s++) {
        double p[E];
        for (int e = 0; e < E; e++) {
            p[e] = exp(sigmas[s] * gsl_cdf_ugaussian_Pinv((e + 0.5) / E));
        }
        for (int t = 0; t < 3; t++) {
            double hits = 0.0;
            for (int run = 0; run < RUNS; run++) {
                hits += race_hits(&rng, p, E, K, tokens[t]);
            }
            CHECK_NEAR(load_of(E, K, 1, sigmas[s], tokens[t]).distinct_all, hits / RUNS, 0.02);
        }
    }
}

static void skew_hits_fewer_experts(void)
{
    double before = 1e9;
    for (double sigma = 0.0; sigma < 2.0; sigma += 0.25) {
        double hit = load_of(256, 8, 1, sigma, 64).distinct_all;
        CU_ASSERT_TRUE(hit < before);
        before = hit;
    }
}

static void imbalance_lies_between_even_and_one_rank_alone(void)
{
    for (int ep = 1; ep <= 64; ep *= 2) {
        for (double tokens = 1; tokens < 40000; tokens *= 3) {
            struct moe_load load = load_of(128, 4, ep, 1.0, floor(tokens));
            CU_ASSERT_TRUE(load.imbalance >= 1.0 && load.imbalance <= ep);
            CU_ASSERT_TRUE(ep > 1 || load.imbalance == 1.0);
            CU_ASSERT_TRUE(load.distinct_rank <= load.distinct_all + 1e-9);
            CU_ASSERT_TRUE(load.distinct_rank >= load.distinct_all / ep - 1e-9);
            CU_ASSERT_TRUE(load.distinct_rank <= 128.0 / ep + 1e-9);
            CHECK_NEAR(load.rows_mean, floor(tokens) * 4.0 / ep, 1e-12);
        }
    }
}

static void the_table_is_within_a_thousandth_of_the_sums(void)
{
    struct moe_routing *r = routing_of(256, 8, 32, 1.0);
    for (int64_t tokens = 1; tokens < 3000000; tokens = tokens * 11 / 10 + 1) {
        struct moe_load exact;
        struct moe_load table;
        moe_routing_load(r, (double)tokens, &exact);
        moe_routing_at(r, tokens, &table);
        CHECK_NEAR(table.distinct_all, exact.distinct_all, 1e-3);
        CHECK_NEAR(table.distinct_rank, exact.distinct_rank, 2e-3);
        CHECK_NEAR(table.imbalance, exact.imbalance, 1e-3);
        CHECK_NEAR(table.rows_mean, exact.rows_mean, 1e-9);
    }
    moe_routing_free(r);
}

/* ---- grouped product
 * ------------------------------------------------------------------------- */

/* H100, DeepSeek dimensions, TensorRT-LLM fp8 block (cost-model.md 2.3). */
static struct moe_unit deepseek_unit(void)
{
    return (struct moe_unit){.consts = {.t0_s = 23.7e-6,
                                        .ec = 0.55,
                                        .em = 0.91,
                                        .p = 1.85,
                                        .ea = 0.89,
                                        .b0 = 9.0,
                                        .td_s = 0.09e-6,
                                        .i0 = 1220.0,
                                        .et = 50.0},
                             .flops_per_s = 1979e12,
                             .bytes_per_s = 3.35e12,
                             .weight_bytes = 1.0,
                             .act_bytes = 1.0,
                             .hidden = 7168.0,
                             .width = 2048.0,
                             .top_k = 8.0,
                             .n_matrices = 3};
}

/* 64 tokens, 512 rows over 222 experts: tiles of 16 rows, 3552 padded rows x 6 x 7168 x 2048
 * = 3.1287e11 FLOP / (0.55 x 1979e12) = 287.45 us x (1 + 9/16) x (1 + 1220/2048) = 716.7 us.
 * Weights 222 x 44.04e6 B = 9.777 GB at 0.91 x 3.35 TB/s = 3207 us. Norm 1.85: 3207 (1 +
 * 0.2235^1.85)^(1/1.85) = 3313.3 us. Launch 23.7, experts 222 x 0.09 = 20.0, routing 8 x 64 x 8
 * x 50 / 3.35e12 = 0.06, activations 512 x (7168 x 5 + 2048 x 5) / (0.89 x 3.35e12) = 7.91 us:
 * 3365.0 us. */
static void a_decode_batch_streams_the_experts_it_hits(void)
{
    struct moe_unit u = deepseek_unit();
    CHECK_NEAR(moe_time_s(&u, 64, 512, 222), 3365.0e-6, 1e-3);
}

/* 4096 tokens: 128 rows for each of 256 experts, one tile of 128 each: 32,768 rows, 2.886e12
 * FLOP / 1.0885e15 = 2651.8 us x (1 + 9/128) x 1.5957 = 4529.0 us; weights 3698 us; norm 1.85:
 * 6018 us. */
static void a_prompt_computes_padded_rows(void)
{
    struct moe_unit u = deepseek_unit();
    double extra = 23.7e-6 + 256 * 0.09e-6 + 8.0 * 4096 * 8 * 50 / 3.35e12 +
                   32768.0 * 46080.0 / (0.89 * 3.35e12);
    double tc = 6.0 * 32768 * 7168 * 2048 / (0.55 * 1979e12) * (1.0 + 9.0 / 128.0) *
                (1.0 + 1220.0 / 2048.0);
    double tm = 256.0 * 3 * 7168 * 2048 / (0.91 * 3.35e12);
    CHECK_NEAR(tc, 4529.0e-6, 1e-3);
    CHECK_NEAR(moe_time_s(&u, 4096, 32768, 256),
               extra + pow(pow(tc, 1.85) + pow(tm, 1.85), 1.0 / 1.85), 1e-9);
}

/* 256 rows an expert: expected padding is half a tile: 256 x (2 + 0.5) x 128 rows. */
static void large_groups_lose_half_a_tile(void)
{
    struct moe_unit u = deepseek_unit();
    u.consts = (struct moe_consts){.ec = 1.0, .em = 1e9, .p = 1.0, .ea = 1e9};
    CHECK_NEAR(moe_law_s(&u, 8192, 65536, 256), 6.0 * 256 * 2.5 * 128 * 7168 * 2048 / 1979e12,
               1e-6);
}

/* Two matrices instead of three: two thirds of weights and arithmetic. */
static void plain_experts_have_two_matrices(void)
{
    struct moe_unit u = deepseek_unit();
    u.consts = (struct moe_consts){.ec = 0.5, .em = 0.9, .p = 2.0, .ea = 1e12};
    double three = moe_law_s(&u, 64, 512, 222);
    double floor3 = moe_floor_s(&u, 512, 222);
    u.n_matrices = 2;
    CHECK_NEAR(moe_law_s(&u, 64, 512, 222), three * 2.0 / 3.0, 1e-6);
    CHECK_NEAR(moe_floor_s(&u, 512, 222), floor3 * 2.0 / 3.0, 1e-12);
}

/* Weights 222 x 3 x 7168 x 2048 B / 3.35 TB/s = 2918.6 us, whatever the constants say. */
static void experts_are_read_once_at_least(void)
{
    struct moe_unit u = deepseek_unit();
    u.consts = (struct moe_consts){.ec = 9.0, .em = 9.0, .p = 9.0, .ea = 9.0};
    CHECK_NEAR(moe_time_s(&u, 64, 512, 222), 2918.6e-6, 1e-4);
    CHECK_NEAR(moe_floor_s(&u, 1e6, 1), 6.0 * 1e6 * 7168 * 2048 / 1979e12, 1e-12);
}

static void more_rows_and_more_experts_never_cost_less(void)
{
    struct moe_unit u = deepseek_unit();
    double before = 0.0;
    for (double rows = 8; rows < 200000; rows *= 1.1) {
        double t = moe_time_s(&u, rows / 8, rows, fmin(256, rows));
        CU_ASSERT_TRUE(t >= before);
        before = t;
    }
    CU_ASSERT_TRUE(moe_time_s(&u, 16, 128, 120) > moe_time_s(&u, 16, 128, 60));
}

static void units_take_the_arithmetic_of_the_kernel(void)
{
    struct gpu g = {.mem_bytes_per_s = 7.7e12};
    g.flops_per_s[DTYPE_BF16] = 2250e12;
    g.flops_per_s[DTYPE_FP8] = 4500e12;
    g.flops_per_s[DTYPE_NVFP4] = 9000e12;
    static const struct {
        const char *key;
        enum dtype dtype;
        enum quant_scheme scheme;
        double flops, weight, act;
    } rows[] = {
        {"bf16", DTYPE_BF16, QUANT_NONE, 2250e12, 2.0, 2.0},
        {"fp8_block", DTYPE_FP8, QUANT_BLOCK, 4500e12, 1.0 + 4.0 / 16384.0, 1.0},
        {"nvfp4", DTYPE_NVFP4, QUANT_GROUP, 9000e12, 0.5625, 0.5625},
        {"w4a16_mxfp4", DTYPE_MXFP4, QUANT_GROUP, 2250e12, 0.53125, 2.0},
        {"w4a8_mxfp4_mxfp8", DTYPE_MXFP4, QUANT_GROUP, 4500e12, 0.53125, 1.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct moe_consts c = {.key = {.dtype = rows[i].key}, .ec = 1.0};
        struct moe_unit u = {0};
        moe_unit_init(&u, &g, &c, rows[i].dtype, rows[i].scheme,
                      rows[i].dtype == DTYPE_NVFP4 ? 16 : 32);
        CU_ASSERT_EQUAL(u.flops_per_s, rows[i].flops);
        CHECK_NEAR(u.weight_bytes, rows[i].weight, 1e-12);
        CHECK_NEAR(u.act_bytes, rows[i].act, 1e-12);
    }
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(uniform_routing_hits_the_closed_form),
    CASE(a_rank_without_tokens_hits_no_expert),
    CASE(inclusion_probabilities_add_up_to_top_k),
    CASE(all_experts_chosen_means_all_hit),
    CASE(skewed_routing_hits_what_sampling_hits),
    CASE(skew_hits_fewer_experts),
    CASE(imbalance_lies_between_even_and_one_rank_alone),
    CASE(the_table_is_within_a_thousandth_of_the_sums),
    CASE(a_decode_batch_streams_the_experts_it_hits),
    CASE(a_prompt_computes_padded_rows),
    CASE(large_groups_lose_half_a_tile),
    CASE(plain_experts_have_two_matrices),
    CASE(experts_are_read_once_at_least),
    CASE(more_rows_and_more_experts_never_cost_less),
    CASE(units_take_the_arithmetic_of_the_kernel),
};

int main(void)
{
    return check_main("moe", cases, (int)(sizeof cases / sizeof cases[0]));
}

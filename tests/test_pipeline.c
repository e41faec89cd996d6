/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipeline stages: which layers stand where, and what a hop costs. */
#include "sim/cost/pipeline.h"

#include "tests/check.h"
#include "tests/stock_fixture.h"

/* ---- layers ---------------------------------------------------------------------------------
 */

static void the_remainder_goes_where_each_engine_puts_it(void)
{
    static const struct {
        enum engine_kind engine;
        int n_layers, pp, n[4];
    } rows[] = {
        {ENGINE_VLLM, 61, 4, {15, 15, 16, 15}},
        {ENGINE_SGLANG, 61, 4, {15, 15, 15, 16}},
        {ENGINE_TRTLLM, 61, 4, {16, 15, 15, 15}},
        {ENGINE_VLLM, 126, 4, {31, 32, 32, 31}},
        {ENGINE_VLLM, 7, 4, {2, 2, 2, 1}},
        {ENGINE_SGLANG, 126, 4, {31, 31, 32, 32}},
        {ENGINE_VLLM, 61, 2, {31, 30}},
        {ENGINE_TRTLLM, 126, 4, {32, 32, 31, 31}},
        {ENGINE_VLLM, 80, 1, {80}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int next = 0;
        for (int s = 0; s < rows[i].pp; s++) {
            struct pipeline_layers l =
                pipeline_layers_of(rows[i].engine, rows[i].n_layers, rows[i].pp, s);
            CU_ASSERT_EQUAL(l.first, next);
            CU_ASSERT_EQUAL(l.n, rows[i].n[s]);
            next += l.n;
        }
        CU_ASSERT_EQUAL(next, rows[i].n_layers);
    }
}

/* DeepSeek V3: three dense layers, then 58 of experts; draft layers behind them. */
static void a_part_has_its_own_layers_in_depth(void)
{
    struct arena *arena = arena_new();
    const struct model *m = stock_fixture_model(arena, "deepseek-v3");
    struct model part;
    pipeline_part(m, ENGINE_VLLM, 2, 0, &part);
    CU_ASSERT_EQUAL(part.n_layers, 31);
    CU_ASSERT_EQUAL_FATAL(part.n_groups, 2);
    CU_ASSERT_FALSE(part.groups[0].mlp.is_moe);
    CU_ASSERT_EQUAL(part.groups[0].n_layers, 3);
    CU_ASSERT_EQUAL(part.groups[1].n_layers, 28);
    CU_ASSERT_EQUAL(part.mtp_layers, 0);
    pipeline_part(m, ENGINE_VLLM, 2, 1, &part);
    CU_ASSERT_EQUAL_FATAL(part.n_groups, 1);
    CU_ASSERT_TRUE(part.groups[0].mlp.is_moe);
    CU_ASSERT_EQUAL(part.groups[0].n_layers, 30);
    CU_ASSERT_EQUAL(part.group_of[0], 0);
    CU_ASSERT_EQUAL(part.mtp_layers, m->mtp_layers);
    CU_ASSERT_TRUE(m->mtp_layers > 0);
    arena_free(arena);
}

static void parameters_of_the_parts_are_those_of_the_model(void)
{
    static const char *const models[] = {"llama-3.1-405b", "llama-4-maverick", "gemma-3-27b",
                                         "gpt-oss-120b", "deepseek-v3.2"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const struct model *m = stock_fixture_model(arena, models[i]);
        double tables = (m->tie_embeddings ? 1.0 : 2.0) * (double)m->vocab * (double)m->hidden;
        double sum = 0.0;
        for (int s = 0; s < 4; s++) {
            struct model part;
            pipeline_part(m, ENGINE_VLLM, 4, s, &part);
            sum += model_total_params(&part) - tables; /* counted with every part */
        }
        CHECK_NEAR(sum + tables, model_total_params(m), 1e-6);
        for (int s = 0; s < 4; s++) { /* images come in at the front, drafts leave at the end */
            struct model part;
            pipeline_part(m, ENGINE_VLLM, 4, s, &part);
            CU_ASSERT_EQUAL(part.vision_params, s == 0 ? m->vision_params : 0.0);
            CU_ASSERT_EQUAL(part.mtp_layers, s == 3 ? m->mtp_layers : 0);
            CU_ASSERT_EQUAL(part.mtp_params, s == 3 ? m->mtp_params : 0.0);
        }
    }
    arena_free(arena);
}

static void unquantised_layers_stand_on_the_ends(void)
{
    struct checkpoint whole = {.n_bf16_edge_layers = 3};
    struct checkpoint part;
    static const int n[] = {1, 0, 2};
    for (int s = 0; s < 3; s++) {
        pipeline_checkpoint(&whole, 3, s, &part);
        CU_ASSERT_EQUAL(part.n_bf16_edge_layers, n[s]);
    }
}

/* ---- hops -----------------------------------------------------------------------------------
 */

static void hops_leave_the_domain_where_stages_do(void)
{
    struct arena *arena = arena_new();
    const struct gpu *h100 = stock_fixture_gpu("h100-sxm"); /* domains of eight */
    struct link_path in = fabric_path(&stock_fixture()->fabric, h100, true);
    struct link_path out = fabric_path(&stock_fixture()->fabric, h100, false);
    struct pipeline_hop h =
        pipeline_hop_behind(&stock_fixture()->fabric, h100, out, 8192, 8, 8, 0);
    CHECK_NEAR(h.latency_s, 20e-6, 1e-12);
    CHECK_NEAR(h.s_per_token, 4.0 * 8192 / 8 / (0.93 * 50e9), 1e-12);
    CHECK_NEAR(h.s_per_token, 88.1e-9, 1e-3);
    static const struct {
        int gpus, stage;
        bool inside;
    } rows[] = {{4, 0, true}, {4, 1, false}, {2, 2, true}, {2, 3, false}, {16, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        h = pipeline_hop_behind(&stock_fixture()->fabric, h100, out, 8192, 1, rows[i].gpus,
                                rows[i].stage);
        struct link_path p = rows[i].inside ? in : out;
        CHECK_NEAR(h.latency_s, 2.0 * p.latency_s, 1e-12);
        CHECK_NEAR(h.s_per_token, 4.0 * 8192 / p.bytes_per_s, 1e-12);
    }
    const struct gpu *gb200 = stock_fixture_gpu("gb200"); /* domains of 72 */
    h = pipeline_hop_behind(&stock_fixture()->fabric, gb200, out, 8192, 8, 8, 0);
    CHECK_NEAR(h.latency_s, 2.0 * fabric_path(&stock_fixture()->fabric, gb200, true).latency_s,
               1e-12);
    arena_free(arena);
}

/* MI300X: eight in a full mesh, so that one pair has a seventh of the bandwidth. */
static void a_pair_in_a_mesh_has_one_link(void)
{
    struct arena *arena = arena_new();
    const struct gpu *gpu = stock_fixture_gpu("mi300x");
    struct link_path p = fabric_path(&stock_fixture()->fabric, gpu, true);
    CHECK_NEAR(p.bytes_per_s, 0.7 * gpu->link_bytes_per_s / 7.0, 1e-9);
    arena_free(arena);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(the_remainder_goes_where_each_engine_puts_it),
    CASE(a_part_has_its_own_layers_in_depth),
    CASE(parameters_of_the_parts_are_those_of_the_model),
    CASE(unquantised_layers_stand_on_the_ends),
    CASE(hops_leave_the_domain_where_stages_do),
    CASE(a_pair_in_a_mesh_has_one_link),
};

int main(void)
{
    return check_main("pipeline", cases, (int)(sizeof cases / sizeof cases[0]));
}

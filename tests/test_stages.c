/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time of pipeline stages: they add up to the model, each above its floor; what they wait is
 * bubble. */
#include "sim/cost/step.h"

#include "tests/check.h"
#include "tests/stock_fixture.h"

static struct step_model *build(struct arena *arena, const char *model, enum dtype weights,
                                int tp, int pp)
{
    struct err err = {0};
    struct step_config c = {
        .model = stock_fixture_model(arena, model),
        .kv = DTYPE_BF16,
        .gpu = stock_fixture_gpu("h100-sxm"),
        .gpus = &stock_fixture()->gpus,
        .kernels = &stock_fixture()->kernels,
        .fabric = &stock_fixture()->fabric,
        .engines = stock_fixture()->engines,
        .engine = ENGINE_VLLM,
        .engine_version = "",
        .moe_backend = "",
        .tp = tp,
        .pp = pp,
        .ep = 1,
        .dp = 1,
        .cuda_graphs = true,
    };
    CU_ASSERT_TRUE_FATAL(model_checkpoint(c.model, weights, &c.checkpoint, &err));
    CU_ASSERT_TRUE_FATAL(
        engine_defaults_for(c.engines, c.engine, "", c.gpu, tp, &c.defaults, &err));
    c.skew_sigma = c.model->skew.sigma;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    return sm;
}

static struct step_batch decode_batch(const struct step_model *sm, int64_t n, int64_t context)
{
    struct step_batch b = {.n_decode = n, .n_sample = n};
    for (int i = 0; i < sm->n_spans; i++) {
        b.ctx_tokens[i] = (double)n * span_tokens(&sm->spans[i], context);
    }
    return b;
}

/* Of a decode step: a stage more is an all-gather more. */
static void stages_and_core_add_up_to_a_pass_through_the_whole_model(void)
{
    static const struct {
        const char *model;
        enum dtype weights;
        int tp, pp;
    } rows[] = {
        {"llama-3.1-70b", DTYPE_BF16, 1, 2},  {"llama-3.1-405b", DTYPE_FP8, 8, 4},
        {"deepseek-v3.2", DTYPE_BF16, 8, 2},  {"llama-4-scout", DTYPE_FP8, 2, 4},
        {"gemma-3-27b", DTYPE_BF16, 1, 4},    {"gpt-oss-120b", DTYPE_AUTO, 2, 2},
        {"qwen3-235b-a22b", DTYPE_FP8, 4, 2},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct step_model *sm =
            build(arena, rows[i].model, rows[i].weights, rows[i].tp, rows[i].pp);
        struct step_cache cache;
        step_cache_init(&cache, sm, 512);
        struct step_batch batch = decode_batch(sm, 64, 3000);
        double stage_s[4];
        double sum = step_core_s(&cache, &batch, 1);
        double whole = step_time_s(&cache, &batch, 1);
        step_stages_s(&cache, &batch, 1, stage_s);
        for (int s = 0; s < rows[i].pp; s++) {
            sum += stage_s[s];
        }
        double gather =
            collective_time_s(sm->cfg.fabric, sm->cfg.gpus, sm->cfg.gpu, "vllm", "all_gather",
                              rows[i].tp, 4.0 * 64 * (double)sm->cfg.model->hidden);
        CHECK_NEAR(sum, whole + (rows[i].pp - 1) * gather, 1e-9);
        step_cache_fini(&cache);
        step_model_free(sm);
    }
    arena_free(arena);
}

/* A lone micro-batch keeps one of four stages busy: three quarters are bubble. */
static void the_rest_of_the_pipelines_time_is_bubble(void)
{
    struct arena *arena = arena_new();
    struct step_model *sm = build(arena, "llama-3.1-70b", DTYPE_BF16, 1, 4);
    struct step_cache cache;
    step_cache_init(&cache, sm, 512);
    struct step_batch batch = decode_batch(sm, 8, 1000);
    double stage_s[4];
    step_stages_s(&cache, &batch, 1, stage_s);
    cache.pipeline_busy_s = stage_s[0] + stage_s[1] + stage_s[2] + stage_s[3];
    double parts[OP_N];
    double sum = 0.0;
    step_breakdown(&cache, parts);
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    CHECK_NEAR(sum, cache.pipeline_busy_s, 1e-12);
    CHECK_NEAR(parts[OP_BUBBLE], 0.75 * cache.pipeline_busy_s, 1e-9);
    struct step_work work;
    step_work(&cache, &work);
    CU_ASSERT_TRUE(work.memory_s > 0.0 && work.memory_s < 0.25 * cache.pipeline_busy_s);
    step_cache_fini(&cache);
    step_model_free(sm);
    arena_free(arena);
}

/* Each stage above its own weights and cache read once. */
static void no_stage_beats_its_physical_floor(void)
{
    struct arena *arena = arena_new();
    struct step_model *sm = build(arena, "deepseek-v3.2", DTYPE_FP8, 8, 2);
    struct step_cache cache;
    step_cache_init(&cache, sm, 512);
    double stage_s[2];
    double busy[2] = {0.0, 0.0};
    for (int64_t n = 1; n <= 256; n *= 2) {
        struct step_batch batch = decode_batch(sm, n, 8000);
        step_stages_s(&cache, &batch, 1, stage_s);
        busy[0] += stage_s[0];
        busy[1] += stage_s[1];
    }
    for (int s = 0; s < 2; s++) {
        struct step_work work;
        step_work(&cache.stages[s], &work);
        CU_ASSERT_TRUE(work.memory_s > 0.0 && work.compute_s > 0.0);
        CU_ASSERT_TRUE(busy[s] >= work.memory_s && busy[s] >= work.compute_s);
    }
    step_cache_fini(&cache);
    step_model_free(sm);
    arena_free(arena);
}

static void a_correction_of_the_whole_step_is_shared_out(void)
{
    struct arena *arena = arena_new();
    struct step_model *plain = build(arena, "llama-3.1-70b", DTYPE_BF16, 1, 2);
    struct step_config c = plain->cfg;
    struct err err = {0};
    c.step_scale = 1.5;
    c.step_offset_s = 1e-3;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    double sum[2] = {0.0, 0.0};
    struct step_model *both[] = {plain, sm};
    for (int i = 0; i < 2; i++) {
        struct step_cache cache;
        double stage_s[2];
        step_cache_init(&cache, both[i], 512);
        struct step_batch batch = decode_batch(sm, 16, 1000);
        sum[i] = step_core_s(&cache, &batch, 1);
        step_stages_s(&cache, &batch, 1, stage_s);
        sum[i] += stage_s[0] + stage_s[1];
        step_cache_fini(&cache);
    }
    CHECK_NEAR(sum[1], 1.5 * sum[0] + 1e-3, 1e-9);
    step_model_free(plain);
    step_model_free(sm);
    arena_free(arena);
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(stages_and_core_add_up_to_a_pass_through_the_whole_model),
    CASE(the_rest_of_the_pipelines_time_is_bubble),
    CASE(no_stage_beats_its_physical_floor),
    CASE(a_correction_of_the_whole_step_is_shared_out),
};

int main(void)
{
    return check_main("stages", cases, (int)(sizeof cases / sizeof cases[0]));
}

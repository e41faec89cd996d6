/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Engine steps: which operators a model has, per rank; floors; tables; breakdown; every model
 * of the catalogue on seven GPUs. Contexts and batches are built directly, without a scheduler.
 */
#include "sim/cost/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"
#include "sim/cost/launches.h"
#include "sim/experiment/stock.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

struct bench {
    struct arena *arena;
    struct stock *stock;
};
static struct bench bench;

static void bench_open(void)
{
    struct err err = {0};
    bench.arena = arena_new();
    bench.stock = stock_load(bench.arena, dirs, 1, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench.stock);
}

static void bench_close(void)
{
    arena_free(bench.arena);
}

static struct model *find_model(const char *name)
{
    struct err err = {0};
    struct model *m = model_find(bench.arena, dirs, 1, name, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

struct want {
    const char *model, *gpu;
    enum engine_kind engine;
    enum dtype weights;
    int tp, ep, dp;
};

static struct step_config config_of(const struct want *w)
{
    struct err err = {0};
    struct step_config c = {
        .model = find_model(w->model),
        .kv = DTYPE_BF16,
        .gpu = gpu_find(&bench.stock->gpus, w->gpu, &err),
        .gpus = &bench.stock->gpus,
        .kernels = &bench.stock->kernels,
        .fabric = &bench.stock->fabric,
        .engines = bench.stock->engines,
        .engine = w->engine,
        .engine_version = "",
        .moe_backend = "",
        .tp = w->tp > 0 ? w->tp : 1,
        .pp = 1,
        .ep = w->ep > 0 ? w->ep : 1,
        .dp = w->dp > 0 ? w->dp : 1,
        .cuda_graphs = true,
    };
    CU_ASSERT_PTR_NOT_NULL_FATAL(c.gpu);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(c.model, w->weights, &c.checkpoint, &err));
    CU_ASSERT_TRUE_FATAL(
        engine_defaults_for(c.engines, c.engine, "", c.gpu, c.tp, &c.defaults, &err));
    c.skew_sigma = c.model->skew.sigma;
    return c;
}

static struct step_model *build_overlapped(const struct want *w, bool overlap)
{
    struct step_config c = config_of(w);
    struct err err = {0};
    c.two_batch_overlap = overlap;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    return sm;
}

static struct step_model *build(const struct want *w)
{
    return build_overlapped(w, false);
}

static struct step_batch decode_batch(const struct step_model *sm, int64_t n, int64_t context)
{
    struct step_batch b = {.n_decode = n, .n_sample = n};
    for (int i = 0; i < sm->n_spans; i++) {
        b.ctx_tokens[i] = (double)n * span_tokens(&sm->spans[i], context);
    }
    return b;
}

static struct step_batch prefill_batch(const struct step_model *sm, int64_t p, int64_t c)
{
    struct step_batch b = {.n_sample = 1};
    step_add_chunk(sm, &b, p, c);
    return b;
}

/* Time of one batch, everything else fresh. */
static double time_of(const struct step_model *sm, const struct step_batch *b)
{
    struct step_cache cache;
    step_cache_init(&cache, sm, 8192);
    double t = step_time_s(&cache, b, 1);
    step_cache_fini(&cache);
    return t;
}

static double decode_s(const struct step_model *sm, int64_t n, int64_t context)
{
    struct step_batch b = decode_batch(sm, n, context);
    return time_of(sm, &b);
}

static double prefill_s(const struct step_model *sm, int64_t p, int64_t c)
{
    struct step_batch b = prefill_batch(sm, p, c);
    return time_of(sm, &b);
}

/* ---- operators -----------------------------------------------------------------------------
 */

/* Matrix elements that the model multiplies by on one rank without experts' distinctness:
 * parameters less embedding, norms, biases, convolutions, router and the K and V expansion of
 * latent attention. */
static double expected_cells(const struct model *m)
{
    double cells = (double)m->vocab * (double)m->hidden;
    for (int i = 0; i < m->n_groups; i++) {
        const struct layer_group *g = &m->groups[i];
        const struct attn_spec *a = &g->attn;
        double layer = attn_params(m, a) + mlp_params(m, &g->mlp);
        if (g->mlp.is_moe) {
            layer -= (double)m->hidden * g->mlp.n_experts;
        }
        if (a->kind == ATTN_MLA && !a->latent_only) {
            layer -= (double)a->kv_lora_rank * a->n_heads * (a->qk_nope_dim + a->v_head_dim);
        }
        cells += g->n_layers * layer;
    }
    return cells;
}

/* Names each model of the catalogue for which it does not hold. */
static void check_every_model(bool (*holds)(const char *model, int idx))
{
    int n = 0;
    struct err err = {0};
    bench_open();
    const char **names = model_list(bench.arena, dirs, 1, &n, &err);
    CU_ASSERT_TRUE_FATAL(n > 30);
    for (int i = 0; i < n; i++) {
        if (!holds(names[i], i)) {
            CU_FAIL("a model");
            fprintf(stderr, "  %s\n", names[i]);
        }
    }
    bench_close();
}

static bool multiplies_by_its_parameters(const char *model, int idx)
{
    (void)idx;
    struct want w = {model, "h200-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_model *sm = build(&w);
    struct step_cache cache;
    step_cache_init(&cache, sm, 8192);
    struct step_batch b = prefill_batch(sm, 0, 8192);
    step_time_s(&cache, &b, 1);
    struct step_work work;
    step_work(&cache, &work);
    /* 8192 tokens hit every expert but the coldest ones */
    double cells = work.memory_s * sm->cfg.gpu->mem_bytes_per_s / 2.0;
    bool near = check_near(cells, expected_cells(sm->cfg.model), 0.004, __FILE__, __LINE__);
    step_cache_fini(&cache);
    step_model_free(sm);
    return near;
}

static void every_model_multiplies_by_all_its_parameters(void)
{
    check_every_model(multiplies_by_its_parameters);
}

/* Llama 3.1 70B, TP8: QKV (8 + 2) x 128 x 8192, O 8192 x 1024, gate and up 7168 x 8192, down
 * 8192 x 3584: 106,954,752 elements a layer, 80 layers, head 16032 x 8192 = 131,334,144. In
 * bf16 17.375 GB, over 3.35 TB/s 5.1866 ms. KV of one rank: 1 head x 256 x 2 B x 1000 tokens x
 * 80 layers = 40.96 MB, 12.227 us. */
static void least_memory_time_is_weights_and_cache_of_one_rank_read_once(void)
{
    bench_open();
    struct want w = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_model *sm = build(&w);
    struct step_cache cache;
    step_cache_init(&cache, sm, 2048);
    struct step_batch b = decode_batch(sm, 1, 1000);
    double t = step_time_s(&cache, &b, 1);
    struct step_work work;
    step_work(&cache, &work);
    double bytes = 2.0 * (80.0 * 106954752.0 + 131334144.0) + 40.96e6;
    CHECK_NEAR(work.memory_s, bytes / 3.35e12, 1e-9);
    CHECK_NEAR(work.memory_s, 5.1866e-3 + 12.227e-6, 1e-4);
    CU_ASSERT_TRUE(t > work.memory_s);
    CU_ASSERT_TRUE(t < 2.5 * work.memory_s);
    step_cache_fini(&cache);
    step_model_free(sm);
    bench_close();
}

/* Llama 3.1 8B on one H100: the step is the sum of the laws, operator by operator. */
static void a_decode_step_is_the_sum_of_its_operators(void)
{
    bench_open();
    struct want w = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_model *sm = build(&w);
    const struct gemm_unit *u = &sm->head;
    double bw = 3.35e12;
    double dense = gemm_time_s(u, 8, 6144, 4096) + gemm_time_s(u, 8, 4096, 4096) +
                   gemm_time_s(u, 8, 28672, 4096) + gemm_time_s(u, 8, 4096, 14336);
    /* 4 launches of 1.8 us; 12 h + 4 qkv + 6 I bytes per token at 0.8 of bandwidth */
    double other = 7.2e-6 + 8.0 * (12.0 * 4096 + 4.0 * 6144 + 6.0 * 14336) / (0.8 * bw);
    double attention = attn_decode_s(&sm->kinds[0].unit, 8, 8.0 * 1000);
    double head = gemm_time_s(u, 8, 128256, 4096);
    double sampling = 30e-6 + 6.0 * 4.0 * 8.0 * 128256 / (0.8 * bw);
    double embedding = 8.0 * 4.0 * 4096 / (0.8 * bw);
    const struct engine_defaults *e = &sm->cfg.defaults;
    double host = e->host_s + 8.0 * e->host_per_seq_s;
    double sum = 32.0 * (dense + other + attention) + head + sampling + embedding + host;
    CHECK_NEAR(decode_s(sm, 8, 1000), sum, 1e-12);
    step_model_free(sm);
    bench_close();
}

static void tensor_parallel_layers_reduce_twice_and_the_embedding_once(void)
{
    bench_open();
    struct want w = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_model *sm = build(&w);
    const struct step_config *c = &sm->cfg;
    double parts[OP_N];
    step_token_parts(sm, 64, parts);
    double one =
        collective_time_s(c->fabric, c->gpus, c->gpu, "vllm", "all_reduce", 8, 2.0 * 64 * 8192);
    CHECK_NEAR(parts[OP_ALLREDUCE], 161.0 * one, 1e-12);
    /* cost-model.md 4.1: 1 MiB over eight H100 takes 15 us under vLLM */
    CHECK_NEAR(one, 15e-6, 0.05);
    step_head_parts(sm, 64, parts);
    double gather = collective_time_s(c->fabric, c->gpus, c->gpu, "vllm", "all_gather", 8,
                                      2.0 * 64 * 128256);
    CHECK_NEAR(parts[OP_ALLREDUCE], gather, 1e-12);
    step_model_free(sm);
    struct want single = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    sm = build(&single);
    step_token_parts(sm, 64, parts);
    CU_ASSERT_EQUAL(parts[OP_ALLREDUCE], 0.0);
    step_head_parts(sm, 64, parts);
    CU_ASSERT_EQUAL(parts[OP_ALLREDUCE], 0.0);
    step_model_free(sm);
    bench_close();
}

/* Attention data parallelism, DeepSeek V3: 61 layers, the first 3 dense. tp 2 dp 4: every layer
 * reduces behind attention, dense ones behind the MLP too; the experts' sum is scattered. tp 1:
 * no reduction. */
static void data_parallel_experts_scatter_instead_of_reducing(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 2, 8, 4};
    struct step_model *sm = build(&w);
    const struct step_config *c = &sm->cfg;
    double parts[OP_N];
    step_token_parts(sm, 32, parts);
    double one = collective_time_s(c->fabric, c->gpus, c->gpu, "sglang", "all_reduce", 2,
                                   2.0 * 32 * 7168);
    CHECK_NEAR(parts[OP_ALLREDUCE], (61.0 + 3.0 + 1.0) * one, 1e-12);
    step_moe_parts(sm, 128, parts);
    CU_ASSERT_TRUE(parts[OP_ALLTOALL] > 0.0);
    step_model_free(sm);
    struct want flat = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 1, 8, 8};
    sm = build(&flat);
    step_token_parts(sm, 32, parts);
    CU_ASSERT_EQUAL(parts[OP_ALLREDUCE], 0.0);
    step_model_free(sm);
    struct want tp = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 8, 1};
    sm = build(&tp);
    step_moe_parts(sm, 128, parts);
    CU_ASSERT_EQUAL(parts[OP_ALLTOALL], 0.0);
    step_model_free(sm);
    bench_close();
}

static double weight_bytes(const struct step_model *sm, int64_t n)
{
    struct step_cache cache;
    step_cache_init(&cache, sm, 2048);
    struct step_batch b = {.n_decode = n, .n_sample = n};
    struct step_work work;
    step_time_s(&cache, &b, 1);
    step_work(&cache, &work);
    step_cache_fini(&cache);
    return work.memory_s * sm->cfg.gpu->mem_bytes_per_s;
}

/* DeepSeek V3, one token, TP8: per layer the down projection 7168 x 2112 whole on each rank,
 * q_b 1536 x 3072, o 2048 x 7168: 34,537,472 bytes in fp8 with block scales; x 61. */
static void down_projections_of_latent_attention_are_whole_on_every_rank(void)
{
    bench_open();
    struct want w8 = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 1, 1};
    struct want w4 = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 4, 1, 1};
    struct step_model *sm8 = build(&w8);
    struct step_model *sm4 = build(&w4);
    double whole = 61.0 * 7168 * 2112 * (1.0 + 4.0 / 16384.0);
    /* all but the down projections halves */
    CHECK_NEAR(weight_bytes(sm4, 1) - whole, 2.0 * (weight_bytes(sm8, 1) - whole), 1e-6);
    step_model_free(sm8);
    step_model_free(sm4);
    bench_close();
}

/* Llama 3.1 405B FP8 of Meta: attention bf16 everywhere, MLPs fp8 but in two layers. Attention
 * 16384 x (16384 + 2048) + 16384^2 = 570,425,344; MLP 3 x 16384 x 53248 = 2,617,245,696
 * elements; head 128256 x 16384 in bf16. */
static void edge_layers_stay_bf16(void)
{
    bench_open();
    struct want w = {"llama-3.1-405b", "h200-sxm", ENGINE_VLLM, DTYPE_FP8, 8, 1, 1};
    struct step_config c = config_of(&w);
    struct err err = {0};
    CU_ASSERT_TRUE_FATAL(model_checkpoint_named(
        c.model, DTYPE_FP8, "meta-llama/Llama-3.1-405B-Instruct-FP8", &c.checkpoint, &err));
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    double mlp = 2617245696.0;
    double bytes =
        126.0 * 2.0 * 570425344.0 + 124.0 * mlp + 2.0 * 2.0 * mlp + 2.0 * 128256.0 * 16384.0;
    CHECK_NEAR(weight_bytes(sm, 1), bytes / 8.0, 1e-6);
    step_model_free(sm);
    bench_close();
}

static void tied_embeddings_still_cost_a_head(void)
{
    bench_open();
    struct want w = {"gemma-3-27b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 2, 1, 1};
    struct step_model *sm = build(&w);
    CU_ASSERT_TRUE(sm->cfg.model->tie_embeddings);
    double parts[OP_N];
    step_head_parts(sm, 4, parts);
    CHECK_NEAR(parts[OP_DENSE], gemm_time_s(&sm->head, 4, 262208.0 / 2, 5376), 1e-3);
    step_model_free(sm);
    bench_close();
}

/* ---- contexts ------------------------------------------------------------------------------
 */

static double slope_s(const struct step_model *sm, int64_t n, int64_t from, int64_t to)
{
    return (decode_s(sm, n, to) - decode_s(sm, n, from)) / ((double)n * (double)(to - from));
}

/* Gemma 3 27B: of 62 layers every sixth (10) sees everything. */
static void windowed_layers_stop_growing_at_their_window(void)
{
    bench_open();
    struct want w = {"gemma-3-27b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_model *sm = build(&w);
    const struct step_kind *full = sm->kinds[0].span == 0 ? &sm->kinds[0] : &sm->kinds[1];
    CU_ASSERT_EQUAL(full->n_layers, 10);
    CHECK_NEAR(slope_s(sm, 64, 4096, 32768), 10.0 * full->unit.dec_per_ctx_s, 1e-6);
    CU_ASSERT_TRUE(slope_s(sm, 64, 512, 1024) > 2.0 * slope_s(sm, 64, 4096, 32768));
    step_model_free(sm);
    bench_close();
}

static void chunked_layers_start_again_at_each_chunk(void)
{
    bench_open();
    struct want w = {"llama-4-scout", "h200-sxm", ENGINE_VLLM, DTYPE_BF16, 4, 1, 1};
    struct step_model *sm = build(&w);
    CU_ASSERT_TRUE(decode_s(sm, 32, 8193) < decode_s(sm, 32, 8192));
    CU_ASSERT_TRUE(decode_s(sm, 32, 16384) > decode_s(sm, 32, 8193));
    step_model_free(sm);
    bench_close();
}

/* Qwen3.5 397B: 15 of 60 layers have a growing cache. */
static void linear_layers_cost_the_same_at_every_context(void)
{
    bench_open();
    struct want w = {"qwen3.5-397b-a17b", "h200-sxm", ENGINE_VLLM, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build(&w);
    int growing = 0;
    double per_ctx = 0.0;
    for (int i = 0; i < sm->n_kinds; i++) {
        growing += sm->kinds[i].unit.dec_per_ctx_s > 0.0 ? sm->kinds[i].n_layers : 0;
        per_ctx += sm->kinds[i].n_layers * sm->kinds[i].unit.dec_per_ctx_s;
        CU_ASSERT_TRUE(sm->kinds[i].unit.dec_per_ctx_s > 0.0 ||
                       sm->kinds[i].unit.lin_per_seq_s > 0.0);
    }
    CU_ASSERT_EQUAL(growing, 15);
    CHECK_NEAR(slope_s(sm, 128, 4096, 32768), per_ctx, 1e-6);
    step_model_free(sm);
    bench_close();
}

/* DeepSeek V3.2 attends to at most 2048 tokens; beyond, only the indexer grows:
 * 61 layers x 132 B / (0.5 x 4.8 TB/s) = 3.355 ns per context token. */
static void sparse_attention_grows_by_its_indexer_alone(void)
{
    bench_open();
    struct want w = {"deepseek-v3.2", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build(&w);
    CHECK_NEAR(slope_s(sm, 64, 4096, 65536), 61.0 * 132.0 / (0.5 * 4.8e12), 1e-6);
    /* the indexer does not run where everything is selected anyway */
    double jump = decode_s(sm, 64, 2049) - decode_s(sm, 64, 2048);
    double grow = decode_s(sm, 64, 2048) - decode_s(sm, 64, 2047);
    CU_ASSERT_TRUE(jump - grow > 61.0 * 9e-6);
    step_model_free(sm);
    bench_close();
}

/* GLM 5.2: layers that reuse a selection attend sparsely without an indexer of their own. */
static void a_reused_selection_costs_no_indexer(void)
{
    bench_open();
    struct want w = {"glm-5.2", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build(&w);
    int own = 0;
    int reused = 0;
    for (int i = 0; i < sm->n_kinds; i++) {
        const struct step_kind *k = &sm->kinds[i];
        CU_ASSERT_TRUE(k->span > 0 && sm->spans[k->span].window_tokens == k->topk_tokens);
        own += k->indexed ? k->n_layers : 0;
        reused += k->indexed ? 0 : k->n_layers;
    }
    CU_ASSERT_TRUE(own > 0 && reused > own);
    double per_key = (sm->cfg.model->groups[0].attn.index_head_dim + 4.0) / (0.5 * 4.8e12);
    CHECK_NEAR(slope_s(sm, 64, 4096, 65536), own * per_key, 1e-6);
    step_model_free(sm);
    bench_close();
}

/* MiniMax M3: grouped attention with an indexer over 16 blocks of 128. */
static void grouped_attention_may_be_sparse_too(void)
{
    bench_open();
    struct want w = {"minimax-m3", "h200-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_model *sm = build(&w);
    int indexed = 0;
    for (int i = 0; i < sm->n_kinds; i++) {
        indexed += sm->kinds[i].indexed ? sm->kinds[i].n_layers : 0;
        CU_ASSERT_TRUE(!sm->kinds[i].indexed || sm->kinds[i].topk_tokens == 2048);
    }
    CU_ASSERT_EQUAL(indexed, 57);
    step_model_free(sm);
    bench_close();
}

/* DeepSeek V4: one entry per 4 (selected, at most 512) or 128 tokens, and the last 128 tokens
 * as they are. */
static void compressed_layers_see_entries_and_a_window(void)
{
    bench_open();
    struct want w = {"deepseek-v4-flash", "b200", ENGINE_SGLANG, DTYPE_AUTO, 8, 1, 1};
    struct step_config c = config_of(&w);
    c.kv = DTYPE_FP8;
    struct err err = {0};
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    for (int i = 0; i < sm->n_kinds; i++) {
        const struct step_kind *k = &sm->kinds[i];
        CU_ASSERT_EQUAL(k->prefill_up_per_key_s, 0.0);
        if (k->indexed) {
            CU_ASSERT_EQUAL(k->topk_tokens, 2048);
            CHECK_NEAR(k->ctx_scale, 0.25, 1e-12);
        }
        if (k->ctx_scale < 1.0) {
            CU_ASSERT_EQUAL_FATAL(k->recent >= 0, true);
            CU_ASSERT_EQUAL(sm->spans[k->recent].window_tokens, 128);
        }
    }
    CU_ASSERT_TRUE(decode_s(sm, 64, 65536) < 2.0 * decode_s(sm, 64, 1024));
    step_model_free(sm);
    bench_close();
}

/* Each chunk of a prompt expands the whole latent cache before it. */
static void latent_prefill_expands_the_prefix_again(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_TRTLLM, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build(&w);
    const struct step_kind *k = &sm->kinds[0];
    /* K = 512, N = 16 heads x 256: at the rate of the product law, launch apart */
    double flops = 2.0 * 512 * 16 * 256;
    CU_ASSERT_TRUE(k->prefill_up_per_key_s > flops / sm->head.flops_per_s / 2.0);
    double with = prefill_s(sm, 16384, 2048);
    double without = prefill_s(sm, 0, 2048);
    double pairs =
        attn_prefill_s(&k->unit, &(struct prefill_sums){1, 16, 2048.0 * 16384 + 2048.0 * 1088,
                                                        2048, 18432}) -
        attn_prefill_s(&k->unit, &(struct prefill_sums){1, 16, 2048.0 * 1088, 2048, 2048});
    CHECK_NEAR(with - without, 61.0 * (pairs + 16384.0 * k->prefill_up_per_key_s), 1e-9);
    step_model_free(sm);
    bench_close();
}

/* The latent cache is not divided over ranks: TP8 reads as much per token as TP4. */
static void latent_cache_reads_do_not_shrink_with_tensor_parallelism(void)
{
    bench_open();
    struct want w4 = {"deepseek-v3", "h200-sxm", ENGINE_TRTLLM, DTYPE_FP8, 4, 1, 1};
    struct want w8 = {"deepseek-v3", "h200-sxm", ENGINE_TRTLLM, DTYPE_FP8, 8, 1, 1};
    struct step_model *a = build(&w4);
    struct step_model *b = build(&w8);
    CHECK_NEAR(a->kinds[0].unit.dec_floor_per_ctx_s, 576.0 * 2.0 / 4.8e12, 1e-12);
    CU_ASSERT_EQUAL(a->kinds[0].unit.dec_floor_per_ctx_s, b->kinds[0].unit.dec_floor_per_ctx_s);
    step_model_free(a);
    step_model_free(b);
    bench_close();
}

/* ---- properties ----------------------------------------------------------------------------
 */

static void longer_contexts_and_larger_batches_never_cost_less(void)
{
    bench_open();
    static const char *const models[] = {"llama-3.1-70b", "gpt-oss-120b", "deepseek-v3.2",
                                         "qwen3.5-397b-a17b"};
    for (int i = 0; i < 4; i++) {
        struct want w = {models[i], "h200-sxm", ENGINE_VLLM, DTYPE_AUTO, 8, 1, 1};
        struct step_model *sm = build(&w);
        double before = 0.0;
        for (int64_t n = 8; n <= 512; n += 8) {
            double t = decode_s(sm, n, 3000);
            CU_ASSERT_TRUE(t >= before);
            before = t;
        }
        before = 0.0;
        for (int64_t l = 100; l <= 100000; l = l * 5 / 4) {
            double t = decode_s(sm, 64, l);
            CU_ASSERT_TRUE(t >= before * 0.99); /* a new 128-token block fills idle SMs */
            before = t;
        }
        CU_ASSERT_TRUE(prefill_s(sm, 0, 2048) > prefill_s(sm, 0, 1024));
        CU_ASSERT_TRUE(prefill_s(sm, 8192, 1024) > prefill_s(sm, 0, 1024));
        step_model_free(sm);
    }
    bench_close();
}

static void more_bandwidth_never_costs_more(void)
{
    bench_open();
    struct want h100 = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_config c = config_of(&h100);
    struct gpu faster = *c.gpu;
    faster.mem_bytes_per_s *= 2.0;
    struct err err = {0};
    struct step_model *slow = step_model_new(&c, &err);
    c.gpu = &faster;
    struct step_model *fast = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(slow);
    CU_ASSERT_PTR_NOT_NULL_FATAL(fast);
    for (int64_t n = 1; n <= 256; n *= 4) {
        CU_ASSERT_TRUE(decode_s(fast, n, 4000) < decode_s(slow, n, 4000));
        CU_ASSERT_TRUE(prefill_s(fast, 0, 16 * n) <= prefill_s(slow, 0, 16 * n));
    }
    step_model_free(slow);
    step_model_free(fast);
    bench_close();
}

static double law_s(void (*fn)(const struct step_model *, double, double *),
                    const struct step_model *sm, int64_t m)
{
    double parts[OP_N];
    double sum = 0.0;
    fn(sm, (double)m, parts);
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    return sum;
}

/* A step of m tokens from the tables against the laws at m itself. */
static void tables_stay_within_one_percent_of_the_laws(void)
{
    bench_open();
    static const struct want wants[] = {
        {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1},
        {"llama-3.1-8b", "b200", ENGINE_TRTLLM, DTYPE_FP8, 1, 1, 1},
        {"mixtral-8x7b", "a100-sxm-80gb", ENGINE_VLLM, DTYPE_BF16, 2, 1, 1},
        {"llama-4-scout", "h100-sxm", ENGINE_VLLM, DTYPE_FP8, 4, 1, 1},
        {"gpt-oss-120b", "h200-sxm", ENGINE_VLLM, DTYPE_AUTO, 2, 1, 1},
        {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 8, 1},
    };
    double worst = 0.0;
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        struct step_model *sm = build(&wants[i]);
        struct step_cache cache;
        step_cache_init(&cache, sm, 8192);
        for (int64_t m = 200; m < 8192; m += 37) {
            struct step_batch b = {.n_prefill_tokens = m};
            struct prefill_sums *p = &b.prefill[0];
            *p = (struct prefill_sums){1, ceil((double)m / 128.0), 1, (double)m, (double)m};
            double before[OP_N];
            double after[OP_N];
            step_breakdown(&cache, before);
            double t = step_time_s(&cache, &b, 1);
            step_breakdown(&cache, after);
            double tables = 0.0;
            for (int o = 0; o < OP_N; o++) {
                tables += o == OP_ATTENTION || o == OP_HOST ? 0.0 : after[o] - before[o];
            }
            double exact = law_s(step_token_parts, sm, m);
            exact += sm->moe_kernel[0] ? law_s(step_moe_parts, sm, m) : 0.0;
            worst = fmax(worst, fabs(tables / exact - 1.0));
            if (fabs(tables / exact - 1.0) > 0.01) {
                fprintf(stderr, "%s m %lld: %.4g\n", wants[i].model, (long long)m,
                        tables / exact);
            }
            CU_ASSERT_TRUE(t > 0.0);
        }
        step_cache_fini(&cache);
        step_model_free(sm);
    }
    CU_ASSERT_TRUE(worst < 0.01);
    bench_close();
}

static void the_same_batch_costs_the_same_to_the_last_bit(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 8, 1};
    struct step_model *sm = build(&w);
    struct step_cache cache;
    step_cache_init(&cache, sm, 4096);
    struct step_batch b = decode_batch(sm, 77, 1234);
    double first = step_time_s(&cache, &b, 1);
    struct step_batch other = prefill_batch(sm, 100, 3000);
    step_time_s(&cache, &other, 1);
    CU_ASSERT_EQUAL(step_time_s(&cache, &b, 1), first);
    CU_ASSERT_EQUAL(time_of(sm, &b), first);
    step_cache_fini(&cache);
    step_model_free(sm);
    bench_close();
}

/* n requests from a common context on, step after step, by both ways; every time and every sum
 * of the breakdown is compared. */
static bool glides_alike(const struct step_model *sm, int64_t n, int64_t context, int n_steps)
{
    struct step_cache caches[2];
    struct step_glide g;
    struct step_batch b = decode_batch(sm, n, context);
    bool same = true;
    step_cache_init(&caches[0], sm, 8192);
    step_cache_init(&caches[1], sm, 8192);
    step_glide_begin(&g, &caches[1], &b);
    for (int i = 0; i < n_steps; i++) {
        b = decode_batch(sm, n, context + i);
        same = same && step_time_s(&caches[0], &b, 1) == step_glide_s(&g, b.ctx_tokens);
    }
    step_glide_end(&g);
    double parts[2][OP_N];
    struct step_work work[2];
    for (int i = 0; i < 2; i++) {
        step_breakdown(&caches[i], parts[i]);
        step_work(&caches[i], &work[i]);
        step_cache_fini(&caches[i]);
    }
    return same && memcmp(parts[0], parts[1], sizeof parts[0]) == 0 &&
           memcmp(&work[0], &work[1], sizeof work[0]) == 0;
}

/* Windows, chunks, indexers and blocks of attention are all crossed on the way. */
static bool glides_as_it_steps(const char *model, int idx)
{
    struct err err = {0};
    struct want w = {model, "h200-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_config c = config_of(&w);
    c.cuda_graphs = idx % 3 != 0;
    c.step_scale = idx % 2 ? 0.0 : 1.1;
    c.step_offset_s = 1e-4;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    bool same = step_can_glide(sm) && glides_alike(sm, 1, 1, 300) &&
                glides_alike(sm, 3, 1900, 300) && glides_alike(sm, 700, 8100, 300);
    step_model_free(sm);
    return same;
}

static void gliding_costs_what_single_steps_cost_to_the_last_bit(void)
{
    check_every_model(glides_as_it_steps);
}

static void graphs_pad_decode_batches_to_captured_sizes(void)
{
    bench_open();
    struct want w = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_config c = config_of(&w);
    struct err err = {0};
    c.defaults.host_per_seq_s = 0.0;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    struct step_cache cache;
    step_cache_init(&cache, sm, 2048);
    static const int64_t sizes[][2] = {{1, 1},  {2, 2},     {3, 4},    {5, 8},
                                       {9, 16}, {511, 512}, {513, 513}};
    for (int i = 0; i < 7; i++) {
        struct step_batch b = decode_batch(sm, sizes[i][0], 10);
        uint32_t before = cache.token_n[sizes[i][1]];
        step_time_s(&cache, &b, 1);
        CU_ASSERT_EQUAL(cache.token_n[sizes[i][1]], before + 1);
    }
    step_cache_fini(&cache);
    step_model_free(sm);
    bench_close();
}

static void steps_without_graphs_wait_for_the_host(void)
{
    bench_open();
    struct want w = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_config c = config_of(&w);
    struct err err = {0};
    struct step_model *graphs = step_model_new(&c, &err);
    c.cuda_graphs = false;
    struct step_model *eager = step_model_new(&c, &err);
    /* 25 launches of 5 us in each of 32 layers: 4 ms at least; the GPU's own time hides in it
     */
    double wait = decode_s(eager, 1, 10) - decode_s(graphs, 1, 10);
    CU_ASSERT_TRUE(wait >= 0.0);
    CU_ASSERT_TRUE(decode_s(eager, 1, 10) >= 4e-3);
    step_model_free(graphs);
    step_model_free(eager);
    bench_close();
}

/* ---- sums ----------------------------------------------------------------------------------
 */

/* 720 bytes for each of 50 x 128,256 logits at 80 % of 3.35 TB/s: 1.723 ms. */
static void truncated_sampling_sorts_the_logits(void)
{
    bench_open();
    struct want w = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 4, 1, 1};
    struct step_model *sm = build(&w);
    double greedy[OP_N];
    double sorted[OP_N];
    step_head_parts(sm, 50.0, greedy);
    sm->cfg.truncated_sampling = true;
    step_head_parts(sm, 50.0, sorted);
    CHECK_NEAR(sorted[OP_OTHER] - greedy[OP_OTHER], 1.723e-3, 1e-3);
    CU_ASSERT_EQUAL(sorted[OP_DENSE], greedy[OP_DENSE]);
    step_model_free(sm);
    bench_close();
}

/* One token, whose traffic is next to nothing: norm, norm and rope of 1.8 us each in 36 layers
 * of experts; a fourth launch, the activation, in 32 dense ones. */
static void experts_launch_no_activation_of_their_own(void)
{
    bench_open();
    struct want moe = {"gpt-oss-120b", "h100-sxm", ENGINE_VLLM, DTYPE_MXFP4, 2, 1, 1};
    struct want dense = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    double parts[OP_N];
    struct step_model *sm = build(&moe);
    step_token_parts(sm, 1.0, parts);
    CHECK_NEAR(parts[OP_OTHER], 36.0 * 3.0 * 1.8e-6, 0.02);
    step_model_free(sm);
    sm = build(&dense);
    step_token_parts(sm, 1.0, parts);
    CHECK_NEAR(parts[OP_OTHER], 32.0 * 4.0 * 1.8e-6, 0.02);
    step_model_free(sm);
    bench_close();
}

static double launches(const char *model, enum dtype weights, enum engine_kind engine, int tp)
{
    struct err err = {0};
    struct checkpoint ck;
    const struct model *m = find_model(model);
    CU_ASSERT_TRUE_FATAL(model_checkpoint(m, weights, &ck, &err));
    return launches_of_pass(m, &ck, engine, tp);
}

static void kernels_of_a_pass_are_counted_from_the_operators(void)
{
    bench_open();
    CU_ASSERT_EQUAL(launches("llama-3.1-70b", DTYPE_BF16, ENGINE_VLLM, 1), 80.0 * 10.0);
    CU_ASSERT_EQUAL(launches("llama-3.1-70b", DTYPE_BF16, ENGINE_VLLM, 8), 80.0 * 12.0);
    CU_ASSERT_EQUAL(launches("llama-3.1-70b", DTYPE_FP8, ENGINE_VLLM, 1), 80.0 * 14.0);
    CU_ASSERT_EQUAL(launches("llama-3.1-70b", DTYPE_FP8, ENGINE_TRTLLM, 1), 80.0 * 10.0);
    /* 3 dense layers and 58 of experts; latent attention; blocks quantised at run time */
    CU_ASSERT_EQUAL(launches("deepseek-v3", DTYPE_FP8, ENGINE_TRTLLM, 1),
                    3.0 * 19.0 + 58.0 * 29.0);
    CU_ASSERT_EQUAL(launches("deepseek-v3", DTYPE_FP8, ENGINE_TRTLLM, 8),
                    3.0 * 21.0 + 58.0 * 31.0);
    bench_close();
}

static void short_prompts_wait_for_launches_and_long_ones_do_not(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "b200", ENGINE_SGLANG, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build(&w);
    const struct engine_defaults *e = &sm->cfg.defaults;
    double launch_s = sm->pass_launches * e->prefill_launch_s;
    CU_ASSERT_TRUE(launch_s > 50e-3);
    CHECK_NEAR(prefill_s(sm, 0, 64), launch_s + e->host_s + e->host_per_seq_s, 1e-9);
    double large_s = prefill_s(sm, 0, 8192);
    sm->cfg.defaults.prefill_launch_s = 0.0;
    CU_ASSERT_EQUAL(prefill_s(sm, 0, 8192), large_s);
    CU_ASSERT_TRUE(prefill_s(sm, 0, 64) < 0.5 * launch_s);
    step_model_free(sm);
    bench_close();
}

static void check_breakdown_of(struct step_model *sm)
{
    struct step_cache cache;
    step_cache_init(&cache, sm, 4096);
    struct step_batch *b = xcalloc((size_t)sm->cfg.dp, sizeof *b);
    double total = 0.0;
    for (int step = 0; step < 50; step++) {
        for (int r = 0; r < sm->cfg.dp; r++) {
            int64_t n = (step * 7 + r * 13) % 61;
            b[r] = decode_batch(sm, n, 500 + 100 * step + r);
            if (n == 0) {
                b[r] = (struct step_batch){0};
            } else if ((step + r) % 9 == 0) {
                step_add_chunk(sm, &b[r], 128 * step, 700 + r);
            }
        }
        total += step_time_s(&cache, b, sm->cfg.dp);
    }
    double parts[OP_N];
    double sum = 0.0;
    step_breakdown(&cache, parts);
    for (int i = 0; i < OP_N; i++) {
        CU_ASSERT_TRUE(parts[i] >= 0.0);
        sum += parts[i];
    }
    CHECK_NEAR(sum, total, 1e-9);
    struct step_work work;
    step_work(&cache, &work);
    CU_ASSERT_TRUE(work.memory_s > 0.0 && work.memory_s < total);
    CU_ASSERT_TRUE(work.compute_s > 0.0 && work.compute_s < total);
    free(b);
    step_cache_fini(&cache);
    step_model_free(sm);
}

static void check_breakdown(const struct want *w)
{
    check_breakdown_of(build(w));
}

static void the_breakdown_adds_up_to_the_time_of_all_steps(void)
{
    bench_open();
    check_breakdown(
        &(struct want){"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_FP8, 4, 1, 1});
    check_breakdown(
        &(struct want){"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 8, 8, 1});
    bench_close();
}

static void it_adds_up_with_uneven_data_parallel_ranks(void)
{
    bench_open();
    check_breakdown(
        &(struct want){"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 1, 8, 8});
    check_breakdown(
        &(struct want){"qwen3-235b-a22b", "b200", ENGINE_TRTLLM, DTYPE_FP8, 2, 8, 4});
    struct want halved = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 1, 16, 16};
    check_breakdown_of(build_overlapped(&halved, true));
    bench_close();
}

enum { WIDE = 32 };

/* A step of `WIDE` ranks with n sequences each; *alltoall_s: its all-to-all. */
static double wide_step_s(bool overlap, int64_t n, double *alltoall_s)
{
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 1, WIDE, WIDE};
    struct step_model *sm = build_overlapped(&w, overlap);
    struct step_cache cache;
    struct step_batch b[WIDE];
    double parts[OP_N];
    step_cache_init(&cache, sm, 4096);
    for (int r = 0; r < WIDE; r++) {
        b[r] = decode_batch(sm, n, 4000);
    }
    double t = step_time_s(&cache, b, WIDE);
    step_breakdown(&cache, parts);
    *alltoall_s = parts[OP_ALLTOALL];
    step_cache_fini(&cache);
    step_model_free(sm);
    return t;
}

/* 96 sequences a rank: what hides is all of the all-to-all; kernels on half the tokens cost
 * something in return. One sequence cannot be divided. */
static void two_halves_hide_the_way_of_tokens_to_the_experts(void)
{
    bench_open();
    double alltoall_s;
    double hidden_s;
    double whole = wide_step_s(false, 96, &alltoall_s);
    double halves = wide_step_s(true, 96, &hidden_s);
    CU_ASSERT_TRUE(alltoall_s > 0.2 * whole);
    CU_ASSERT_TRUE(hidden_s < 0.05 * alltoall_s);
    CU_ASSERT_TRUE(halves > whole - alltoall_s);
    CU_ASSERT_TRUE(halves < whole);
    CHECK_NEAR(wide_step_s(true, 1, &hidden_s), wide_step_s(false, 1, &alltoall_s), 1e-12);
    bench_close();
}

static void an_idle_group_costs_the_host_alone(void)
{
    bench_open();
    struct want w = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 1, 1, 1};
    struct step_model *sm = build(&w);
    struct step_batch none = {0};
    CHECK_NEAR(time_of(sm, &none), sm->cfg.defaults.host_s, 1e-12);
    step_model_free(sm);
    bench_close();
}

static void lock_step_ranks_wait_for_the_slowest(void)
{
    bench_open();
    struct want w = {"qwen3-235b-a22b", "h200-sxm", ENGINE_SGLANG, DTYPE_FP8, 1, 8, 8};
    struct step_model *sm = build(&w);
    struct step_cache cache;
    step_cache_init(&cache, sm, 4096);
    struct step_batch b[8];
    for (int r = 0; r < 8; r++) {
        b[r] = decode_batch(sm, 16, r == 3 ? 40000 : 100);
    }
    double uneven = step_time_s(&cache, b, 8);
    for (int r = 0; r < 8; r++) {
        b[r] = decode_batch(sm, 16, 40000);
    }
    CHECK_NEAR(step_time_s(&cache, b, 8), uneven, 1e-12);
    step_cache_fini(&cache);
    step_model_free(sm);
    bench_close();
}

/* ---- the catalogue -------------------------------------------------------------------------
 */

static int widest_tp(const struct model *m)
{
    for (int tp = 8; tp > 1; tp /= 2) {
        bool ok = true;
        for (int i = 0; i < m->n_groups; i++) {
            ok = ok && m->groups[i].attn.n_heads % tp == 0;
        }
        if (ok) {
            return tp;
        }
    }
    return 1;
}

static void check_above_floor(const struct step_model *sm, struct step_batch b)
{
    struct step_cache cache;
    step_cache_init(&cache, sm, 8192);
    double t = step_time_s(&cache, &b, 1);
    struct step_work work;
    step_work(&cache, &work);
    CU_ASSERT_TRUE(isfinite(t) && t > 0.0);
    if (!(t >= work.memory_s && t >= work.compute_s)) {
        CU_FAIL("beats the floor");
        fprintf(stderr, "%s on %s: %g s, memory %g, compute %g\n", sm->cfg.model->name,
                sm->cfg.gpu->name, t, work.memory_s, work.compute_s);
    }
    step_cache_fini(&cache);
}

static void every_model_has_a_cost_above_the_floor_on_every_kind_of_gpu(void)
{
    bench_open();
    static const char *const gpus[] = {"h100-sxm",      "h200-sxm", "b200",  "mi300x",
                                       "a100-sxm-80gb", "l40s",     "gaudi3"};
    struct err err = {0};
    int n = 0;
    const char **names = model_list(bench.arena, dirs, 1, &n, &err);
    for (int i = 0; i < n; i++) {
        int tp = widest_tp(find_model(names[i]));
        for (int g = 0; g < 7; g++) {
            struct want w = {names[i], gpus[g], (enum engine_kind)(g % 3), DTYPE_AUTO, tp,
                             1,        1};
            struct step_model *sm = build(&w);
            check_above_floor(sm, decode_batch(sm, 1, 100));
            check_above_floor(sm, decode_batch(sm, 256, 8000));
            check_above_floor(sm, prefill_batch(sm, 0, 8192));
            check_above_floor(sm, prefill_batch(sm, 30000, 512));
            step_model_free(sm);
        }
    }
    bench_close();
}

/* ---- drafts ------------------------------------------------------------------------------ */

static struct step_model *build_drafting(const struct want *w, int draft_tokens)
{
    struct step_config c = config_of(w);
    struct err err = {0};
    c.draft_tokens = draft_tokens;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    return sm;
}

/* A decode step of n sequences that verifies; the cache is left with its counts. */
static double drafting_step(const struct step_model *sm, int64_t n, int64_t context,
                            struct step_cache *cache)
{
    struct step_batch b = decode_batch(sm, n, context);
    b.n_sample = n * (1 + sm->cfg.draft_tokens);
    step_cache_init(cache, sm, 8192);
    return step_time_s(cache, &b, 1);
}

/* 16 sequences with 3 drafts: 64 tokens through every layer, its experts and the head; then the
 * draft layer once over all 64 and twice over the 16 that it goes on from, 16 of each at the
 * head. */
static void drafted_tokens_pass_every_operator(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_VLLM, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build_drafting(&w, 3);
    struct step_cache c;
    double t = drafting_step(sm, 16, 4000, &c);
    CU_ASSERT_TRUE(c.token_n[64] == 1 && c.moe_n[64] == 1 && c.head_n[64] == 1);
    const struct step_cache *d = c.draft;
    CU_ASSERT_TRUE(d->token_n[64] == 1 && d->token_n[16] == 2);
    CU_ASSERT_TRUE(d->moe_n[64] == 1 && d->moe_n[16] == 2 && d->head_n[16] == 3);
    double parts[OP_N];
    step_breakdown(&c, parts);
    double sum = 0.0;
    for (int i = 0; i < OP_N; i++) {
        sum += parts[i];
    }
    CHECK_NEAR(sum, t, 1e-9);
    struct step_work target = {0};
    struct step_work draft;
    step_work(&c, &target);
    step_work(d, &draft);
    CU_ASSERT_TRUE(draft.memory_s > 0.0 && target.memory_s > draft.memory_s);
    step_cache_fini(&c);
    step_model_free(sm);
    bench_close();
}

/* Llama 70B: every layer has the same attention. The draft layer reads its own cache in each of
 * 2 passes; verifying reads each cache once, as a step without drafts. */
static void caches_are_read_once_by_each_pass(void)
{
    bench_open();
    struct want w = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_model *plain = build(&w);
    struct step_model *sm = build_drafting(&w, 2);
    struct step_cache a;
    struct step_cache b;
    drafting_step(plain, 32, 6000, &a);
    drafting_step(sm, 32, 6000, &b);
    CHECK_NEAR(b.draft->attention_s, 2.0 * a.attention_s / 80.0, 1e-9);
    CHECK_NEAR(b.draft->kv_floor_s, 2.0 * a.kv_floor_s / 80.0, 1e-9);
    CHECK_NEAR(b.kv_floor_s, a.kv_floor_s, 1e-12);
    CU_ASSERT_TRUE(b.attention_s > a.attention_s && b.attention_s < 1.5 * a.attention_s);
    CHECK_NEAR(b.host_s, a.host_s, 1e-12); /* planned by sequence, not by token */
    step_cache_fini(&a);
    step_cache_fini(&b);
    step_model_free(plain);
    step_model_free(sm);
    bench_close();
}

/* Llama 8B for 70B: two passes through its 32 layers, the first over all 96 tokens, each over
 * its own cache; it joins no hidden states. */
static void a_draft_model_runs_all_its_layers(void)
{
    bench_open();
    struct want small = {"llama-3.1-8b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct want large = {"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
    struct step_model *alone = build(&small);
    struct step_config c = config_of(&large);
    struct err err = {0};
    c.draft_tokens = 2;
    c.draft = find_model("llama-3.1-8b");
    c.draft_checkpoint = config_of(&small).checkpoint;
    struct step_model *sm = step_model_new(&c, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sm);
    struct step_cache a;
    struct step_cache b;
    drafting_step(alone, 32, 6000, &a);
    drafting_step(sm, 32, 6000, &b);
    CHECK_NEAR(b.draft->attention_s, 2.0 * a.attention_s, 1e-12);
    CU_ASSERT_TRUE(b.draft->token_n[96] == 1 && b.draft->token_n[32] == 1);
    double of_alone[OP_N];
    double of_draft[OP_N];
    step_token_parts(alone, 32.0, of_alone);
    step_token_parts(sm->draft, 32.0, of_draft);
    CHECK_NEAR(of_draft[OP_DENSE], of_alone[OP_DENSE], 1e-12);
    step_cache_fini(&a);
    step_cache_fini(&b);
    step_model_free(alone);
    step_model_free(sm);
    bench_close();
}

static void models_that_cannot_draft_are_refused(void)
{
    bench_open();
    struct model windowed = *find_model("llama-3.1-8b");
    windowed.groups[0].attn.span = SPAN_SLIDING;
    windowed.groups[0].attn.window_tokens = 4096;
    const struct {
        const char *model;
        const struct model *draft;
        const char *message;
    } bad[] = {
        {"llama-3.1-70b", find_model("qwen3-8b"), "vocabularies differ"},
        {"qwen3-32b", find_model("qwen3-30b-a3b"), "model of experts"},
        {"llama-3.1-70b", &windowed, "windows"},
        {"llama-3.1-70b", find_model("llama-3.1-8b"), "pipeline"},
    };
    for (int i = 0; i < 4; i++) {
        struct want w = {bad[i].model, "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1};
        struct step_config c = config_of(&w);
        struct err err = {0};
        c.draft_tokens = 1;
        c.draft = bad[i].draft;
        c.pp = i == 3 ? 2 : 1;
        CU_ASSERT_TRUE(model_checkpoint(c.draft, DTYPE_AUTO, &c.draft_checkpoint, &err));
        CU_ASSERT_PTR_NULL(step_model_new(&c, &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i].message));
    }
    bench_close();
}

/* A prompt goes through the draft layer, too, and proposes once it is whole. */
static void prompts_pass_the_draft_layer(void)
{
    bench_open();
    struct want w = {"deepseek-v3", "h200-sxm", ENGINE_VLLM, DTYPE_FP8, 8, 1, 1};
    struct step_model *sm = build_drafting(&w, 2);
    struct step_batch b = prefill_batch(sm, 0, 2000);
    for (int whole = 0; whole < 2; whole++) {
        struct step_cache c;
        step_cache_init(&c, sm, 8192);
        b.n_sample = whole;
        step_time_s(&c, &b, 1);
        CU_ASSERT_EQUAL(c.draft->token_n[2000], 1);
        CU_ASSERT_EQUAL(c.draft->token_n[1], (uint32_t)whole);
        CU_ASSERT_EQUAL(c.draft->head_n[1], 2 * (uint32_t)whole);
        step_cache_fini(&c);
    }
    step_model_free(sm);
    bench_close();
}

/* Every model can draft: with its own layer, or with the head that is assumed. More drafts
 * never make a step shorter. */
static void every_model_drafts(void)
{
    bench_open();
    struct err err = {0};
    int n = 0;
    const char **names = model_list(bench.arena, dirs, 1, &n, &err);
    for (int i = 0; i < n; i++) {
        struct want w = {
            names[i], "b200", ENGINE_VLLM, DTYPE_AUTO, widest_tp(find_model(names[i])), 1, 1};
        double before = 0.0;
        for (int k = 0; k < 4; k++) {
            struct step_model *sm = build_drafting(&w, k);
            struct step_cache c;
            double t = drafting_step(sm, 8, 8000, &c);
            if (!(isfinite(t) && t > before)) {
                fprintf(stderr, "%s, %d drafts: %g s after %g s\n", names[i], k, t, before);
                CU_FAIL("drafts for nothing");
            }
            before = t;
            step_cache_fini(&c);
            step_model_free(sm);
        }
    }
    bench_close();
}

static void layouts_that_do_not_divide_are_refused(void)
{
    bench_open();
    static const struct {
        struct want want;
        int pp;
        const char *message;
        int draft_tokens;
    } bad[] = {
        {{"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 3, 1, 1},
         1,
         "does not divide",
         0},
        {{"deepseek-v3", "h100-sxm", ENGINE_VLLM, DTYPE_FP8, 8, 3, 1}, 1, "ep 3", 0},
        {{"llama-3.1-70b", "h100-sxm", ENGINE_VLLM, DTYPE_BF16, 8, 1, 1}, 2, "pipeline", 1},
    };
    for (int i = 0; i < 3; i++) {
        struct step_config c = config_of(&bad[i].want);
        c.pp = bad[i].pp;
        c.draft_tokens = bad[i].draft_tokens;
        struct err err = {0};
        CU_ASSERT_PTR_NULL(step_model_new(&c, &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i].message));
    }
    bench_close();
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }
static const struct check_case cases[] = {
    CASE(every_model_multiplies_by_all_its_parameters),
    CASE(least_memory_time_is_weights_and_cache_of_one_rank_read_once),
    CASE(a_decode_step_is_the_sum_of_its_operators),
    CASE(tensor_parallel_layers_reduce_twice_and_the_embedding_once),
    CASE(data_parallel_experts_scatter_instead_of_reducing),
    CASE(down_projections_of_latent_attention_are_whole_on_every_rank),
    CASE(edge_layers_stay_bf16),
    CASE(tied_embeddings_still_cost_a_head),
    CASE(windowed_layers_stop_growing_at_their_window),
    CASE(chunked_layers_start_again_at_each_chunk),
    CASE(linear_layers_cost_the_same_at_every_context),
    CASE(sparse_attention_grows_by_its_indexer_alone),
    CASE(a_reused_selection_costs_no_indexer),
    CASE(grouped_attention_may_be_sparse_too),
    CASE(compressed_layers_see_entries_and_a_window),
    CASE(latent_prefill_expands_the_prefix_again),
    CASE(latent_cache_reads_do_not_shrink_with_tensor_parallelism),
    CASE(longer_contexts_and_larger_batches_never_cost_less),
    CASE(more_bandwidth_never_costs_more),
    CASE(tables_stay_within_one_percent_of_the_laws),
    CASE(the_same_batch_costs_the_same_to_the_last_bit),
    CASE(gliding_costs_what_single_steps_cost_to_the_last_bit),
    CASE(graphs_pad_decode_batches_to_captured_sizes),
    CASE(steps_without_graphs_wait_for_the_host),
    CASE(truncated_sampling_sorts_the_logits),
    CASE(experts_launch_no_activation_of_their_own),
    CASE(kernels_of_a_pass_are_counted_from_the_operators),
    CASE(short_prompts_wait_for_launches_and_long_ones_do_not),
    CASE(the_breakdown_adds_up_to_the_time_of_all_steps),
    CASE(it_adds_up_with_uneven_data_parallel_ranks),
    CASE(an_idle_group_costs_the_host_alone),
    CASE(two_halves_hide_the_way_of_tokens_to_the_experts),
    CASE(lock_step_ranks_wait_for_the_slowest),
    CASE(every_model_has_a_cost_above_the_floor_on_every_kind_of_gpu),
    CASE(drafted_tokens_pass_every_operator),
    CASE(caches_are_read_once_by_each_pass),
    CASE(a_draft_model_runs_all_its_layers),
    CASE(models_that_cannot_draft_are_refused),
    CASE(prompts_pass_the_draft_layer),
    CASE(every_model_drafts),
    CASE(layouts_that_do_not_divide_are_refused),
};

int main(void)
{
    return check_main("step", cases, (int)(sizeof cases / sizeof cases[0]));
}

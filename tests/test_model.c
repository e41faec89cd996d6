/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_model.c - number formats, the model catalogue against published sizes and KV bytes,
 * look-up by id, and config.json files that must be read or refused. Runs from the source root.
 */
#include "models/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

static const char *const DIRS[] = {"."};

static struct model *find(struct arena *arena, const char *name)
{
    struct err err = {0};
    struct model *m = model_find(arena, DIRS, 1, name, &err);
    if (m == NULL) {
        fprintf(stderr, "%s: %s\n", name, err.text);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    return m;
}

/* ---- formats ---- */

static void weight_bytes_count_the_scales(void)
{
    CHECK_NEAR(dtype_weight_bytes(DTYPE_BF16, QUANT_NONE, 0), 2.0, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_FP32, QUANT_NONE, 0), 4.0, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_FP8, QUANT_BLOCK, 0), 1.000244140625, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_FP8, QUANT_TENSOR_STATIC, 0), 1.0, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0), 1.0, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_INT8, QUANT_TENSOR_DYNAMIC, 0), 1.0, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_NVFP4, QUANT_GROUP, 16), 0.5625, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_MXFP4, QUANT_GROUP, 32), 0.53125, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_INT4, QUANT_GROUP, 128), 0.515625, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_INT4, QUANT_GROUP, 32), 0.5625, 0.0);
}

static void weight_bytes_assume_the_usual_group_when_none_is_given(void)
{
    CHECK_NEAR(dtype_weight_bytes(DTYPE_NVFP4, QUANT_GROUP, 0), 0.5625, 0.0);
    CHECK_NEAR(dtype_weight_bytes(DTYPE_INT4, QUANT_GROUP, 0), 0.515625, 0.0);
}

static void format_names_are_parsed_and_printed(void)
{
    static const struct {
        const char *text;
        enum dtype dtype;
        const char *name;
    } rows[] = {{"bf16", DTYPE_BF16, "bf16"},    {"bfloat16", DTYPE_BF16, "bf16"},
                {"float16", DTYPE_BF16, "bf16"}, {"FP16", DTYPE_BF16, "bf16"},
                {"fp8", DTYPE_FP8, "fp8"},       {"fp8_e4m3", DTYPE_FP8, "fp8"},
                {"nvfp4", DTYPE_NVFP4, "nvfp4"}, {"mxfp4", DTYPE_MXFP4, "mxfp4"},
                {"int4", DTYPE_INT4, "int4"},    {"int8", DTYPE_INT8, "int8"},
                {"float32", DTYPE_FP32, "fp32"}, {"auto", DTYPE_AUTO, "auto"}};
    enum dtype dtype = DTYPE_COUNT;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_TRUE(dtype_parse(rows[i].text, &dtype));
        CU_ASSERT_EQUAL(dtype, rows[i].dtype);
        CU_ASSERT_STRING_EQUAL(dtype_name(dtype), rows[i].name);
    }
    CU_ASSERT_FALSE(dtype_parse("fp7", &dtype));
    CU_ASSERT_FALSE(dtype_parse("", &dtype));
}

static void scheme_names_survive_a_round_trip(void)
{
    for (int i = QUANT_NONE; i <= QUANT_GROUP; i++) {
        enum quant_scheme scheme = QUANT_NONE;
        CU_ASSERT_TRUE(quant_scheme_parse(quant_scheme_name((enum quant_scheme)i), &scheme));
        CU_ASSERT_EQUAL((int)scheme, i);
    }
    enum quant_scheme scheme;
    CU_ASSERT_FALSE(quant_scheme_parse("blocks", &scheme));
}

static void cache_element_bytes_follow_the_format(void)
{
    CHECK_NEAR(dtype_element_bytes(DTYPE_BF16), 2.0, 0.0);
    CHECK_NEAR(dtype_element_bytes(DTYPE_FP8), 1.0, 0.0);
    CHECK_NEAR(dtype_element_bytes(DTYPE_NVFP4), 0.5625, 0.0);
}

/* ---- the catalogue ---- */

static void the_catalogue_lists_its_models_sorted(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    int n = 0;
    const char **names = model_list(arena, DIRS, 1, &n, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(names);
    CU_ASSERT_TRUE(n >= 43);
    for (int i = 1; i < n; i++) {
        CU_ASSERT_TRUE(strcmp(names[i - 1], names[i]) < 0);
    }
    arena_free(arena);
}

static void an_empty_catalogue_is_an_error(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const char *const dirs[] = {"tests/no-such-dir"};
    int n = -1;
    CU_ASSERT_PTR_NULL(model_list(arena, dirs, 1, &n, &err));
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    arena_free(arena);
}

/* Every entry loads, says where it is from and has a checkpoint of its native format. */
static void every_catalogue_file_is_complete(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    int n = 0;
    const char **names = model_list(arena, DIRS, 1, &n, &err);
    for (int i = 0; i < n; i++) {
        struct model *m = find(arena, names[i]);
        struct checkpoint c;
        int layers = 0;
        for (int g = 0; g < m->n_groups; g++) {
            layers += m->groups[g].n_layers;
        }
        CU_ASSERT_STRING_EQUAL(m->name, names[i]);
        CU_ASSERT_EQUAL(layers, m->n_layers);
        CU_ASSERT_TRUE(strlen(m->source) > 0 && strlen(m->as_of) == 10);
        CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_AUTO, &c, &err));
        CU_ASSERT_EQUAL(c.weights, m->native);
        CU_ASSERT_FALSE(c.estimated);
        CU_ASSERT_EQUAL(model_is_moe(m), m->skew.source != NULL);
        for (int k = 0; k < m->n_checkpoints; k++) {
            CU_ASSERT_TRUE(strlen(m->checkpoints[k].source) > 0);
        }
    }
    arena_free(arena);
}

/* "1T" stands for 1026e9; the publisher rounds. */
static double total_tolerance(const char *name)
{
    bool rounded = strcmp(name, "kimi-k2") == 0 || strcmp(name, "kimi-k2.5") == 0;
    return rounded ? 0.03 : 0.02;
}

static void computed_totals_match_the_published_ones(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    int n = 0, compared = 0;
    const char **names = model_list(arena, DIRS, 1, &n, &err);
    for (int i = 0; i < n; i++) {
        struct model *m = find(arena, names[i]);
        if (m->published_total > 0.0) {
            CHECK_NEAR(model_total_params(m), m->published_total, total_tolerance(m->name));
            compared++;
        }
    }
    CU_ASSERT_TRUE(compared >= 42);
    arena_free(arena);
}

struct size_row {
    const char *name;
    double active_b, active_ex_embed_b, mtp_b;
    double kv_bytes, kv_full_bytes, kv_fp8_bytes;
};

/* Parameters in 1e9 and KV bytes per token of bf16 (all layers, full layers only) and fp8,
 * computed independently from the same configurations. */
static const struct size_row SIZES[] = {
    {"llama-4-scout", 17.173, 16.138, 0, 196608, 49152, 98304},
    {"llama-4-maverick", 17.185, 16.15, 0, 196608, 49152, 98304},
    {"deepseek-v3", 37.552, 36.626, 11.61, 70272, 70272, 35136},
    {"deepseek-r1", 37.552, 36.626, 11.61, 70272, 70272, 35136},
    {"deepseek-v3.1", 37.552, 36.626, 11.61, 70272, 70272, 35136},
    {"deepseek-v3.2", 38.404, 37.477, 11.624, 78324, 78324, 43188},
    {"mistral-large-3", 39.947, 39.007, 0, 70272, 70272, 35136},
    {"llama-3.1-8b", 8.03, 7.505, 0, 131072, 131072, 65536},
    {"llama-3.1-70b", 70.554, 69.503, 0, 327680, 327680, 163840},
    {"llama-3.1-405b", 405.853, 403.752, 0, 516096, 516096, 258048},
    {"llama-3.3-70b", 70.554, 69.503, 0, 327680, 327680, 163840},
    {"llama-2-70b", 68.977, 68.715, 0, 327680, 327680, 163840},
    {"mixtral-8x7b", 12.88, 12.749, 0, 131072, 131072, 65536},
    {"mixtral-8x22b", 39.152, 38.955, 0, 229376, 229376, 114688},
    {"qwen3-235b-a22b", 22.191, 21.568, 0, 192512, 192512, 96256},
    {"qwen3-30b-a3b", 3.353, 3.042, 0, 98304, 98304, 49152},
    {"qwen3-32b", 32.762, 31.984, 0, 262144, 262144, 131072},
    {"gpt-oss-120b", 5.712, 5.133, 0, 73728, 36864, 36864},
    {"gpt-oss-20b", 4.187, 3.608, 0, 49152, 24576, 24576},
    {"kimi-k2", 32.862, 31.687, 0, 70272, 70272, 35136},
    {"glm-4.5", 33.632, 32.856, 3.988, 376832, 376832, 188416},
    {"glm-4.6", 33.632, 32.856, 3.988, 376832, 376832, 188416},
    {"minimax-m2", 11.031, 10.416, 0, 253952, 253952, 126976},
    /* tied: the embedding is the head, so it counts in both */
    {"gemma-3-27b", 27.009, 27.009, 0, 507904, 81920, 253952},
    {"mistral-small-24b", 23.572, 22.901, 0, 163840, 163840, 81920},
};

static void active_and_prediction_parameters_match_independent_counts(void)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        const struct model *m = find(arena, SIZES[i].name);
        CHECK_NEAR(model_active_params(m, true), SIZES[i].active_b * 1e9, 1e-3);
        CHECK_NEAR(model_active_params(m, false), SIZES[i].active_ex_embed_b * 1e9, 1e-3);
        CHECK_NEAR(m->mtp_params, SIZES[i].mtp_b * 1e9, 1e-3);
    }
    arena_free(arena);
}

static void kv_bytes_per_token_match_independent_counts(void)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        const struct model *m = find(arena, SIZES[i].name);
        CHECK_NEAR(model_kv_bytes(m, DTYPE_BF16, 1, false), SIZES[i].kv_bytes, 1e-12);
        CHECK_NEAR(model_kv_bytes(m, DTYPE_BF16, 1, true), SIZES[i].kv_full_bytes, 1e-12);
        CHECK_NEAR(model_kv_bytes(m, DTYPE_FP8, 1, false), SIZES[i].kv_fp8_bytes, 1e-12);
    }
    arena_free(arena);
}

static void grouped_attention_shards_kv_until_one_head_is_left(void)
{
    struct arena *arena = arena_new();
    const struct attn_spec *a = &find(arena, "llama-3.1-70b")->groups[0].attn;
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 1), 4096.0, 0.0);
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 4), 1024.0, 0.0);
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 8), 512.0, 0.0);
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 16), 512.0, 0.0);
    arena_free(arena);
}

static void latent_attention_keeps_its_kv_whole_on_every_rank(void)
{
    struct arena *arena = arena_new();
    const struct attn_spec *a = &find(arena, "deepseek-v3")->groups[0].attn;
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 1), 1152.0, 0.0);
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 8), 1152.0, 0.0);
    arena_free(arena);
}

static void the_indexer_adds_its_key_cache_and_parameters(void)
{
    struct arena *arena = arena_new();
    const struct model *plain = find(arena, "deepseek-v3");
    const struct model *sparse = find(arena, "deepseek-v3.2");
    const struct attn_spec *a = &sparse->groups[0].attn;
    double params = attn_params(sparse, a) - attn_params(plain, &plain->groups[0].attn);
    CHECK_NEAR(attn_kv_bytes(a, DTYPE_FP8, 8), 576.0 + 132.0, 0.0);
    CHECK_NEAR(params, 13.96e6, 1e-3);
    CU_ASSERT_EQUAL(a->index_topk_tokens, 2048);
    arena_free(arena);
}

static void a_shared_indexer_selects_without_a_cache_of_its_own(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "glm-5.2");
    int own = 0;
    for (int g = 0; g < m->n_groups; g++) {
        CU_ASSERT_EQUAL(m->groups[g].attn.index_topk_tokens, 2048);
        own += m->groups[g].attn.index_n_heads > 0 ? m->groups[g].n_layers : 0;
    }
    CU_ASSERT_EQUAL(own, 21);
    CHECK_NEAR(model_kv_bytes(m, DTYPE_FP8, 1, false), 78 * 576.0 + 21 * 132.0, 1e-12);
    arena_free(arena);
}

static void linear_layers_hold_a_constant_state_instead_of_kv(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "qwen3.5-397b-a17b");
    const struct attn_spec *lin = &m->groups[0].attn;
    CU_ASSERT_EQUAL(lin->kind, ATTN_LINEAR);
    CU_ASSERT_EQUAL(m->groups[0].n_layers, 45);
    CHECK_NEAR(attn_kv_bytes(lin, DTYPE_BF16, 1), 0.0, 0.0);
    CHECK_NEAR(attn_state_bytes(lin, 1), 4268032.0, 0.0);
    CHECK_NEAR(attn_state_bytes(lin, 8), 4268032.0 / 8.0, 0.0);
    CHECK_NEAR(attn_state_bytes(&m->groups[1].attn, 1), 0.0, 0.0);
    arena_free(arena);
}

static void compressed_layers_cache_one_entry_per_ratio_tokens(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "deepseek-v4-flash");
    int window = 0, selective = 0, heavy = 0;
    for (int g = 0; g < m->n_groups; g++) {
        const struct attn_spec *a = &m->groups[g].attn;
        int n = m->groups[g].n_layers;
        window += a->span == SPAN_SLIDING ? n : 0;
        selective += a->compress_ratio == 4 ? n : 0;
        heavy += a->compress_ratio == 128 ? n : 0;
        if (a->compress_ratio == 128) {
            CHECK_NEAR(attn_kv_bytes(a, DTYPE_BF16, 8), 8.0, 0.0);
            CHECK_NEAR(attn_state_bytes(a, 8), 128 * 512 * 2.0, 0.0);
        } else if (a->compress_ratio == 4) {
            CHECK_NEAR(attn_kv_bytes(a, DTYPE_FP8, 1), (512.0 + 132.0) / 4.0, 0.0);
        }
    }
    CU_ASSERT_EQUAL(window, 2);
    CU_ASSERT_EQUAL(selective, 21);
    CU_ASSERT_EQUAL(heavy, 20);
    arena_free(arena);
}

static void llama_4_mixes_chunked_full_dense_and_expert_layers(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "llama-4-maverick");
    int chunked = 0;
    for (int g = 0; g < m->n_groups; g++) {
        const struct layer_group *group = &m->groups[g];
        if (group->attn.span == SPAN_CHUNKED) {
            chunked += group->n_layers;
            CU_ASSERT_EQUAL(group->attn.window_tokens, 8192);
        }
        CU_ASSERT_EQUAL(group->mlp.intermediate, group->mlp.is_moe ? 8192 : 16384);
    }
    CU_ASSERT_EQUAL(chunked, 36);
    CU_ASSERT_EQUAL(model_moe_layers(m), 24);
    CU_ASSERT_EQUAL(model_moe_spec(m)->n_experts, 128);
    CU_ASSERT_EQUAL(model_moe_spec(m)->n_shared, 1);
    arena_free(arena);
}

static void sliding_layers_are_told_from_full_ones(void)
{
    struct arena *arena = arena_new();
    const struct model *gemma = find(arena, "gemma-3-27b");
    CU_ASSERT_EQUAL(gemma->groups[0].attn.span, SPAN_SLIDING);
    CU_ASSERT_EQUAL(gemma->groups[0].n_layers, 52);
    CU_ASSERT_EQUAL(gemma->groups[0].attn.window_tokens, 1024);
    const struct model *oss = find(arena, "gpt-oss-120b");
    CU_ASSERT_EQUAL(oss->groups[0].attn.window_tokens, 128);
    CU_ASSERT_EQUAL(oss->groups[0].n_layers, 18);
    CU_ASSERT_EQUAL(oss->groups[1].attn.span, SPAN_FULL);
    arena_free(arena);
}

static void narrowed_experts_count_their_own_width(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "kimi-k3");
    const struct mlp_spec *moe = model_moe_spec(m);
    CU_ASSERT_EQUAL(moe->expert_hidden, 3584);
    double all = mlp_params(m, moe) - mlp_active_params(m, moe);
    CHECK_NEAR(all, (896.0 - 16.0) * 3.0 * 3584.0 * 3072.0, 1e-12);
    arena_free(arena);
}

static void declared_but_unshipped_prediction_layers_count_nothing(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "minimax-m2.5");
    CU_ASSERT_EQUAL(m->mtp_layers, 0);
    CHECK_NEAR(m->mtp_params, 0.0, 0.0);
    CU_ASSERT_EQUAL(find(arena, "deepseek-r1")->mtp_layers, 1);
    arena_free(arena);
}

static void measured_skew_carries_its_range(void)
{
    struct arena *arena = arena_new();
    const struct moe_skew *skew = &find(arena, "deepseek-r1")->skew;
    CHECK_NEAR(skew->sigma, 1.0, 0.0);
    CHECK_NEAR(skew->sigma_lo, 0.5, 0.0);
    CHECK_NEAR(skew->sigma_hi, 1.4, 0.0);
    CU_ASSERT_FALSE(skew->estimated);
    CU_ASSERT_TRUE(find(arena, "qwen3-30b-a3b")->skew.estimated);
    arena_free(arena);
}

/* ---- look-up ---- */

static void ids_resolve_to_catalogue_names(void)
{
    static const char *const rows[][2] = {
        {"llama-4-scout", "llama-4-scout"},
        {"LLAMA-4-Scout", "llama-4-scout"},
        {"meta-llama/Meta-Llama-3.1-70B", "llama-3.1-70b"},
        {"meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"},
        {"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"},
        {"nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b"},
        {"meta-llama/Llama-3.1-405B-Instruct", "llama-3.1-405b"},
        {"meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-70b"},
        {"meta-llama/Llama-2-7b-hf", "llama-2-7b"},
        {"meta-llama/Llama-2-70b-hf", "llama-2-70b"},
        {"meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama-4-scout"},
        {"RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic", "llama-4-scout"},
        {"meta-llama/Llama-4-Maverick-17B-128E-Instruct", "llama-4-maverick"},
        {"deepseek-ai/DeepSeek-V3", "deepseek-v3"},
        {"deepseek-ai/DeepSeek-V3-0324", "deepseek-v3"},
        {"deepseek-ai/DeepSeek-V3.1", "deepseek-v3.1"},
        {"nvidia/DeepSeek-V3.1-NVFP4", "deepseek-v3.1"},
        {"deepseek-ai/DeepSeek-V3.2-Exp", "deepseek-v3.2"},
        {"deepseek-ai/DeepSeek-R1-0528", "deepseek-r1"},
        {"nvidia/DeepSeek-R1-0528-FP4-V2", "deepseek-r1"},
        {"nvidia/DeepSeek-R1-NVFP4", "deepseek-r1"},
        {"somebody/DeepSeek-R1-0528-NVFP4-v2", "deepseek-r1"},
        {"Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b"},
        {"Qwen/Qwen3-235B-A22B-Thinking-2507-FP8", "qwen3-235b-a22b"},
        {"Qwen/Qwen3-30B-A3B", "qwen3-30b-a3b"},
        {"Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"},
        {"Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3-coder-480b-a35b"},
        {"mistralai/Mistral-Nemo-Instruct-2407", "mistral-nemo"},
        {"mistralai/Mistral-Small-24B-Instruct-2501", "mistral-small-24b"},
        {"mistralai/Mistral-Large-3-675B-Instruct-2512-NVFP4", "mistral-large-3"},
        {"mistralai/Mixtral-8x7B-v0.1", "mixtral-8x7b"},
        {"mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral-8x22b"},
        {"openai/gpt-oss-120b", "gpt-oss-120b"},
        {"openai/gpt-oss-20b", "gpt-oss-20b"},
        {"moonshotai/Kimi-K2-Instruct", "kimi-k2"},
        {"moonshotai/Kimi-K2-Thinking", "kimi-k2"},
        {"moonshotai/Kimi-K2.5", "kimi-k2.5"},
        {"MiniMaxAI/MiniMax-M2.5", "minimax-m2.5"},
        {"MiniMaxAI/MiniMax-M2", "minimax-m2"},
        {"zai-org/GLM-4.6-FP8", "glm-4.6"},
        {"google/gemma-3-27b-it", "gemma-3-27b"},
        {"01-ai/Yi-34B", "yi-34b"},
        {"codellama/CodeLlama-34b-Instruct-hf", "codellama-34b"},
        {"models/qwen3-8b.json", "qwen3-8b"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_STRING_EQUAL(find(arena, rows[i][0])->name, rows[i][1]);
    }
    arena_free(arena);
}

static void other_architectures_with_similar_names_do_not_resolve(void)
{
    static const char *const rows[] = {"deepseek-ai/DeepSeek-V2",
                                       "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
                                       "meta-llama/Llama-3.1",
                                       "qwen3",
                                       "fp8",
                                       "-",
                                       "/",
                                       "",
                                       ".."};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        CU_ASSERT_PTR_NULL(model_find(arena, DIRS, 1, rows[i], &err));
        CU_ASSERT_EQUAL(err.code, ERR_INPUT);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i]));
    }
    arena_free(arena);
}

static void an_unknown_model_suggests_the_nearest(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    CU_ASSERT_PTR_NULL(model_find(arena, DIRS, 1, "meta-llama/llama-4-skout-Instruct", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "llama-4-scout"));
    arena_free(arena);
}

static void names_cannot_leave_the_catalogue(void)
{
    static const char *const rows[] = {"../../etc/passwd", "/etc/passwd", "../README.md",
                                       "../models/qwen3-8b/../../x"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        CU_ASSERT_PTR_NULL(model_find(arena, DIRS, 1, rows[i], &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unknown model"));
    }
    arena_free(arena);
}

static void a_very_long_name_is_just_unknown(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    char name[1000];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CU_ASSERT_PTR_NULL(model_find(arena, DIRS, 1, name, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    arena_free(arena);
}

/* ---- checkpoints ---- */

static void the_native_checkpoint_is_the_default(void)
{
    struct arena *arena = arena_new();
    struct checkpoint c;
    struct err err = {0};
    CU_ASSERT_TRUE(model_checkpoint(find(arena, "deepseek-v3"), DTYPE_AUTO, &c, &err));
    CU_ASSERT_EQUAL(c.weights, DTYPE_FP8);
    CU_ASSERT_EQUAL(c.scheme, QUANT_BLOCK);
    CU_ASSERT_EQUAL(c.attn, DTYPE_FP8);
    CU_ASSERT_EQUAL(c.lm_head, DTYPE_BF16);
    CU_ASSERT_TRUE(model_checkpoint(find(arena, "kimi-k2.5"), DTYPE_AUTO, &c, &err));
    CU_ASSERT_EQUAL(c.experts, DTYPE_INT4);
    CU_ASSERT_EQUAL(c.group, 32);
    CU_ASSERT_EQUAL(c.attn, DTYPE_BF16);
    arena_free(arena);
}

static void parts_of_a_mixed_checkpoint_keep_their_formats(void)
{
    struct arena *arena = arena_new();
    struct checkpoint c;
    struct err err = {0};
    CU_ASSERT_TRUE(model_checkpoint(find(arena, "gpt-oss-120b"), DTYPE_MXFP4, &c, &err));
    CU_ASSERT_EQUAL(c.experts, DTYPE_MXFP4);
    CU_ASSERT_EQUAL(c.attn, DTYPE_BF16);
    CU_ASSERT_EQUAL(c.group, 32);
    CU_ASSERT_TRUE(model_checkpoint(find(arena, "deepseek-r1"), DTYPE_NVFP4, &c, &err));
    CU_ASSERT_EQUAL(c.experts, DTYPE_NVFP4);
    CU_ASSERT_EQUAL(c.dense, DTYPE_NVFP4);
    CU_ASSERT_EQUAL(c.attn, DTYPE_BF16);
    arena_free(arena);
}

static void a_named_checkpoint_is_preferred(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "llama-3.1-70b");
    struct checkpoint c;
    struct err err = {0};
    CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_FP8, &c, &err));
    CU_ASSERT_EQUAL(c.scheme, QUANT_TENSOR_STATIC);
    const char *dynamic = "redhatai/meta-llama-3.1-70b-instruct-fp8-dynamic";
    CU_ASSERT_TRUE(model_checkpoint_named(m, DTYPE_FP8, dynamic, &c, &err));
    CU_ASSERT_EQUAL(c.scheme, QUANT_TENSOR_DYNAMIC);
    CU_ASSERT_TRUE(model_checkpoint_named(m, DTYPE_AUTO, dynamic, &c, &err));
    CU_ASSERT_EQUAL(c.weights, DTYPE_FP8);
    /* the name of another format does not overrule the format asked for */
    CU_ASSERT_TRUE(model_checkpoint_named(m, DTYPE_BF16, dynamic, &c, &err));
    CU_ASSERT_EQUAL(c.weights, DTYPE_BF16);
    arena_free(arena);
}

static void an_unpublished_format_is_estimated_and_says_so(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "yi-34b");
    struct checkpoint c;
    struct err err = {0};
    CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_NVFP4, &c, &err));
    CU_ASSERT_TRUE(c.estimated);
    CU_ASSERT_EQUAL(c.attn, DTYPE_NVFP4);
    CU_ASSERT_EQUAL(c.lm_head, DTYPE_BF16);
    CU_ASSERT_EQUAL(c.group, 16);
    CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_FP8, &c, &err));
    CU_ASSERT_EQUAL(c.scheme, QUANT_TENSOR_DYNAMIC);
    CU_ASSERT_FALSE(model_checkpoint(m, DTYPE_FP32, &c, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "fp32"));
    arena_free(arena);
}

/* 57.75 GiB per GPU was logged for Llama 3.1 405B FP8 at TP 8; one byte per weight would
 * say 47.2. */
static void unquantised_parts_explain_the_size_of_llama_405b_fp8(void)
{
    struct arena *arena = arena_new();
    const struct model *m = find(arena, "llama-3.1-405b");
    struct checkpoint c;
    struct err err = {0};
    CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_FP8, &c, &err));
    double edge = c.n_bf16_edge_layers;
    double attn = attn_params(m, &m->groups[0].attn) * m->n_layers;
    double mlp = mlp_params(m, &m->groups[0].mlp);
    double table = 2.0 * (double)m->vocab * (double)m->hidden;
    double bytes = attn * dtype_weight_bytes(c.attn, c.scheme, c.group) +
                   mlp * (m->n_layers - edge) * dtype_weight_bytes(c.dense, c.scheme, c.group) +
                   mlp * edge * 2.0 + table * dtype_weight_bytes(c.lm_head, c.scheme, c.group);
    CU_ASSERT_EQUAL(c.n_bf16_edge_layers, 2);
    CHECK_NEAR(bytes / 8.0 / (1024.0 * 1024.0 * 1024.0), 57.752, 0.02);
    arena_free(arena);
}

/* ---- plain config.json files ---- */

static struct model *load_text(struct arena *arena, const char *text, struct err *err)
{
    const char *path = check_tmp(0, ".json");
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
    struct model *m = model_load(arena, path, err);
    remove(path);
    return m;
}

#define SMALL                                                                                  \
    "\"num_hidden_layers\": 4, \"hidden_size\": 512, \"vocab_size\": 1000,"                    \
    "\"max_position_embeddings\": 2048, \"num_attention_heads\": 8, \"num_key_value_heads\": " \
    "2,"                                                                                       \
    "\"intermediate_size\": 1024"
#define LLAMA "{\"model_type\": \"llama\", " SMALL

static void a_plain_config_becomes_a_model(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct checkpoint c;
    struct model *m = load_text(arena, LLAMA ", \"torch_dtype\": \"float16\"}", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_EQUAL(m->native, DTYPE_BF16);
    CU_ASSERT_EQUAL(m->n_checkpoints, 1);
    CU_ASSERT_TRUE(model_checkpoint(m, DTYPE_AUTO, &c, &err));
    CU_ASSERT_FALSE(c.estimated);
    /* 2 * 1000 * 512 + 512 + 4 * (512 * 64 * (8 + 4) + 512 * 512 + 3 * 512 * 1024 + 2 * 512) */
    CHECK_NEAR(model_total_params(m), 9941504.0, 1e-12);
    arena_free(arena);
}

static void a_nested_text_config_is_read(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct model *m =
        load_text(arena,
                  "{\"model_type\": \"gemma3\", \"text_config\": {" SMALL
                  ", \"model_type\": \"gemma3_text\", \"sliding_window\": 128,"
                  "\"sliding_window_pattern\": 4}, \"torch_dtype\": \"bfloat16\","
                  "\"vision_config\": {\"hidden_size\": 10, \"num_hidden_layers\": 2,"
                  "\"intermediate_size\": 20, \"patch_size\": 2}}",
                  &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_EQUAL(m->n_groups, 2);
    CU_ASSERT_EQUAL(m->groups[0].n_layers, 3);
    CU_ASSERT_TRUE(m->tie_embeddings);
    CHECK_NEAR(m->vision_params, 10.0 * (2.0 * (40.0 + 40.0) + 12.0), 1e-12);
    arena_free(arena);
}

struct quant_case {
    const char *config; /* value of quantization_config */
    enum dtype weights;
    enum quant_scheme scheme;
    int group;
    enum dtype attn, shared;
    int n_edge;
};

static const struct quant_case QUANTS[] = {
    {"{\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}", DTYPE_FP8, QUANT_BLOCK,
     0, DTYPE_FP8, DTYPE_FP8, 0},
    {"{\"quant_method\": \"fp8\", \"activation_scheme\": \"static\"}", DTYPE_FP8,
     QUANT_TENSOR_STATIC, 0, DTYPE_FP8, DTYPE_FP8, 0},
    {"{\"quant_method\": \"fbgemm_fp8\", \"modules_to_not_convert\": [\"lm_head\","
     "\"model.layers.0.mlp.up_proj\", \"model.layers.3.mlp.up_proj\","
     "\"model.layers.*.self_attn\"]}",
     DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0, DTYPE_BF16, DTYPE_FP8, 2},
    {"{\"quant_method\": \"mxfp4\", \"modules_to_not_convert\": [\"lm_head\"]}", DTYPE_MXFP4,
     QUANT_GROUP, 32, DTYPE_BF16, DTYPE_BF16, 0},
    {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\", \"group_size\": 16, "
     "\"ignore\":"
     "[\"model.layers.0.self_attn*\", \"model.layers.1.self_attn*\","
     "\"model.layers.2.self_attn*\", \"model.layers.3.self_attn*\","
     "\"model.layers.4.self_attn*\"]}",
     DTYPE_NVFP4, QUANT_GROUP, 16, DTYPE_BF16, DTYPE_NVFP4, 0},
    {"{\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"}", DTYPE_FP8,
     QUANT_TENSOR_STATIC, 0, DTYPE_FP8, DTYPE_FP8, 0},
    {"{\"quant_method\": \"compressed-tensors\", \"ignore\": [\"re:.*self_attn.*\","
     "\"re:.*shared_experts.*\"], \"config_groups\": {\"group_0\": {\"weights\": "
     "{\"num_bits\": 4,"
     "\"type\": \"int\", \"group_size\": 32, \"strategy\": \"group\"}}}}",
     DTYPE_INT4, QUANT_GROUP, 32, DTYPE_BF16, DTYPE_BF16, 0},
    {"{\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"group_0\": {\"weights\":"
     "{\"num_bits\": 8, \"type\": \"float\", \"strategy\": \"channel\"},"
     "\"input_activations\": {\"dynamic\": true}}}}",
     DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 0, DTYPE_FP8, DTYPE_FP8, 0},
    {"{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 64}", DTYPE_INT4, QUANT_GROUP,
     64, DTYPE_INT4, DTYPE_INT4, 0},
};

static void quantization_configs_become_checkpoints(void)
{
    for (size_t i = 0; i < sizeof QUANTS / sizeof *QUANTS; i++) {
        const struct quant_case *q = &QUANTS[i];
        struct arena *arena = arena_new();
        struct err err = {0};
        const char *text =
            arena_printf(arena, LLAMA ", \"quantization_config\": %s}", q->config);
        struct model *m = load_text(arena, text, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(m);
        const struct checkpoint *c = &m->checkpoints[0];
        CU_ASSERT_EQUAL(m->native, q->weights);
        CU_ASSERT_EQUAL(c->scheme, q->scheme);
        CU_ASSERT_EQUAL(c->group, q->group);
        CU_ASSERT_EQUAL(c->attn, q->attn);
        CU_ASSERT_EQUAL(c->shared, q->shared);
        CU_ASSERT_EQUAL(c->n_bf16_edge_layers, q->n_edge);
        CU_ASSERT_EQUAL(c->lm_head, DTYPE_BF16);
        arena_free(arena);
    }
}

struct bad_case {
    const char *text;
    const char *says; /* fragment of the message */
};

static const struct bad_case BAD[] = {
    {"{\"model_type\": \"mamba2\", \"architectures\": [\"Mamba2ForCausalLM\"]}",
     "Mamba2ForCausalLM"},
    {"{\"model_type\": \"phi3\"}", "phi3"},
    {"{\"model_type\": \"llama5\"}", "llama5"},
    {"{\"hidden_size\": 12}", "model_type"},
    {"[1, 2]", ""},
    {"{\"model_type\": \"llama\"", ""},
    {"", ""},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 1000000000}", "num_hidden_layers"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 0}", "num_hidden_layers"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2}", "hidden_size"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": -4}",
     "hidden_size"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": \"two\"}", "num_hidden_layers"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 64,"
     "\"vocab_size\": 10, \"max_position_embeddings\": 8, \"num_attention_heads\": 0}",
     "num_attention_heads"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 64,"
     "\"vocab_size\": 10, \"max_position_embeddings\": 8, \"num_attention_heads\": 8,"
     "\"num_key_value_heads\": 3}",
     "num_key_value_heads"},
    {"{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 65,"
     "\"vocab_size\": 10, \"max_position_embeddings\": 8, \"num_attention_heads\": 8}",
     "hidden_size"},
    {"{\"model_type\": \"mixtral\", " SMALL ", \"num_local_experts\": 8,"
     "\"num_experts_per_tok\": 9}",
     "num_experts_per_tok"},
    {"{\"model_type\": \"deepseek_v3\", " SMALL "}", "kv_lora_rank"},
    {"{\"model_type\": \"gpt_oss\", " SMALL ", \"layer_types\": [\"sliding_attention\"]}",
     "layer_types"},
    {"{\"model_type\": \"kimi_k3\", " SMALL ", \"kv_lora_rank\": 8, \"qk_nope_head_dim\": 8,"
     "\"qk_rope_head_dim\": 8, \"v_head_dim\": 8}",
     "linear_attn_config"},
    {LLAMA ", \"torch_dtype\": \"float13\"}", "float13"},
    {LLAMA ", \"quantization_config\": {\"quant_method\": \"bitsandbytes\"}}", "bitsandbytes"},
    {LLAMA ", \"quantization_config\": {\"quant_method\": \"awq\", \"bits\": 3}}", "3 bits"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"sauce\": \"y\"}}", "sauce"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\"}}", "source"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"source\": \"s\", \"as_of\": \"2026-11-22\"}}",
     "checkpoints"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"source\": \"s\", \"as_of\": \"2026-11-22\","
           "\"checkpoints\": [{\"weights\": \"fp9\"}]}}",
     "fp9"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"source\": \"s\", \"as_of\": \"2026-11-22\","
           "\"checkpoints\": [{\"weights\": \"fp8\"}], \"moe_skew\": {\"lognormal_sigma\": 2,"
           "\"hi\": 1}}}",
     "moe_skew"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"source\": \"s\", \"as_of\": \"2026-11-22\","
           "\"checkpoints\": [{\"weights\": \"fp8\"}], \"draft_acceptance\": {"
           "\"by_position\": [0.5, 0.6], \"source\": \"s\"}}}",
     "must not rise"},
    {LLAMA ", \"headroom\": {\"hf_id\": \"x\", \"source\": \"s\", \"as_of\": \"2026-11-22\","
           "\"checkpoints\": [{\"weights\": \"fp8\"}], \"draft_acceptance\": {"
           "\"by_position\": [0.5]}}}",
     "by_position and source"},
};

static void impossible_and_unknown_files_are_refused_by_name(void)
{
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct arena *arena = arena_new();
        struct err err = {0};
        struct model *m = load_text(arena, BAD[i].text, &err);
        bool named = strstr(err.text, BAD[i].says) != NULL;
        if (m != NULL || !named) {
            fprintf(stderr, "case %zu: %s\n", i, err.text);
        }
        CU_ASSERT_PTR_NULL(m);
        CU_ASSERT_EQUAL(err.code, ERR_INPUT);
        CU_ASSERT_TRUE(named);
        arena_free(arena);
    }
}

static void a_missing_file_is_an_io_error(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    CU_ASSERT_PTR_NULL(model_find(arena, DIRS, 1, "no/such/config.json", &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    arena_free(arena);
}

/* A catalogue directory with one file; the caller removes it with drop_catalogue. */
static const char *make_catalogue(int idx, const char *file, const char *text)
{
    const char *dir = check_tmp(idx, ".d");
    char path[512];
    mkdir(dir, 0755);
    snprintf(path, sizeof path, "%s/models", dir);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/models/%s", dir, file);
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
    return dir;
}

static void drop_catalogue(const char *dir, const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/models/%s", dir, file);
    remove(path);
    snprintf(path, sizeof path, "%s/models", dir);
    rmdir(path);
    rmdir(dir);
}

static void the_first_catalogue_wins_per_entry(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const char *dirs[] = {make_catalogue(1, "qwen3-8b.json", LLAMA "}"), "."};
    struct model *m = model_find(arena, dirs, 2, "qwen3-8b", &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_EQUAL(m->hidden, 512);
    CU_ASSERT_PTR_NOT_NULL(model_find(arena, dirs, 2, "qwen3-14b", &err));
    drop_catalogue(dirs[0], "qwen3-8b.json");
    arena_free(arena);
}

static void a_broken_file_matters_only_when_nothing_else_matches(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const char *dirs[] = {make_catalogue(2, "broken.json", "{"), "."};
    CU_ASSERT_PTR_NOT_NULL(model_find(arena, dirs, 2, "Qwen/Qwen3-8B-FP8", &err));
    CU_ASSERT_EQUAL(err.code, ERR_NONE);
    CU_ASSERT_PTR_NULL(model_find(arena, dirs, 2, "mine", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.file, "broken.json"));
    drop_catalogue(dirs[0], "broken.json");
    arena_free(arena);
}

static void a_bare_config_json_is_named_after_its_folder(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    const char *dir = make_catalogue(3, "config.json", LLAMA "}");
    const char *path = arena_printf(arena, "%s/models/config.json", dir);
    struct model *m = model_find(arena, DIRS, 1, path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_STRING_EQUAL(m->name, "models");
    drop_catalogue(dir, "config.json");
    arena_free(arena);
}

#define CASE(f)                                                                                \
    {                                                                                          \
#f, f                                                                                  \
    }

int main(void)
{
    static const struct check_case cases[] = {
        CASE(weight_bytes_count_the_scales),
        CASE(weight_bytes_assume_the_usual_group_when_none_is_given),
        CASE(format_names_are_parsed_and_printed),
        CASE(scheme_names_survive_a_round_trip),
        CASE(cache_element_bytes_follow_the_format),
        CASE(the_catalogue_lists_its_models_sorted),
        CASE(an_empty_catalogue_is_an_error),
        CASE(every_catalogue_file_is_complete),
        CASE(computed_totals_match_the_published_ones),
        CASE(active_and_prediction_parameters_match_independent_counts),
        CASE(kv_bytes_per_token_match_independent_counts),
        CASE(grouped_attention_shards_kv_until_one_head_is_left),
        CASE(latent_attention_keeps_its_kv_whole_on_every_rank),
        CASE(the_indexer_adds_its_key_cache_and_parameters),
        CASE(a_shared_indexer_selects_without_a_cache_of_its_own),
        CASE(linear_layers_hold_a_constant_state_instead_of_kv),
        CASE(compressed_layers_cache_one_entry_per_ratio_tokens),
        CASE(llama_4_mixes_chunked_full_dense_and_expert_layers),
        CASE(sliding_layers_are_told_from_full_ones),
        CASE(narrowed_experts_count_their_own_width),
        CASE(declared_but_unshipped_prediction_layers_count_nothing),
        CASE(measured_skew_carries_its_range),
        CASE(ids_resolve_to_catalogue_names),
        CASE(other_architectures_with_similar_names_do_not_resolve),
        CASE(an_unknown_model_suggests_the_nearest),
        CASE(names_cannot_leave_the_catalogue),
        CASE(a_very_long_name_is_just_unknown),
        CASE(the_native_checkpoint_is_the_default),
        CASE(parts_of_a_mixed_checkpoint_keep_their_formats),
        CASE(a_named_checkpoint_is_preferred),
        CASE(an_unpublished_format_is_estimated_and_says_so),
        CASE(unquantised_parts_explain_the_size_of_llama_405b_fp8),
        CASE(a_plain_config_becomes_a_model),
        CASE(a_nested_text_config_is_read),
        CASE(quantization_configs_become_checkpoints),
        CASE(impossible_and_unknown_files_are_refused_by_name),
        CASE(a_missing_file_is_an_io_error),
        CASE(the_first_catalogue_wins_per_entry),
        CASE(a_broken_file_matters_only_when_nothing_else_matches),
        CASE(a_bare_config_json_is_named_after_its_folder),
    };
    return check_main("model", cases, (int)(sizeof cases / sizeof *cases));
}

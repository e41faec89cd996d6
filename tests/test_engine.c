/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_engine.c - engine defaults by version and GPU, and the choice of MoE kernels. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hardware/engine.h"
#include "hardware/kernel.h"
#include "tests/check.h"

static const char *const source_tree[] = {"."};

struct fixture {
    struct arena *arena;
    struct engine_table *table;
    struct gpu_list gpus;
};

static struct fixture fixture_new(void)
{
    struct fixture f = {.arena = arena_new()};
    struct err err = {0};
    CU_ASSERT_FATAL(engine_table_load(f.arena, source_tree, 1, &f.table, &err));
    CU_ASSERT_FATAL(gpu_list_load(f.arena, source_tree, 1, &f.gpus, &err));
    return f;
}

static struct engine_defaults defaults(const struct fixture *f, enum engine_kind kind,
                                       const char *version, const char *gpu_name)
{
    struct engine_defaults d = {0};
    struct err err = {0};
    const struct gpu *gpu = gpu_find(&f->gpus, gpu_name, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    CU_ASSERT_TRUE_FATAL(engine_defaults_for(f->table, kind, version, gpu, 1, &d, &err));
    return d;
}

static void vllm_token_budget_follows_memory_and_spares_the_a100(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "h100-sxm").max_batched_tokens, 8192);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "h100-sxm").max_seqs, 1024);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "mi300x").max_batched_tokens, 8192);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "l40s").max_batched_tokens, 2048);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "l40s").max_seqs, 256);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "a100-sxm-80gb").max_batched_tokens,
                    2048);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.19", "a100-sxm-80gb").max_seqs, 256);
    arena_free(f.arena);
}

static void vllm_memory_share_rises_with_0_22(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.19.0", "h100-sxm").mem_util, 0.90, 1e-12);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.22", "h100-sxm").mem_util, 0.92, 1e-12);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.24.0", "h100-sxm").mem_util, 0.92, 1e-12);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "1.0", "h100-sxm").mem_util, 0.92, 1e-12);
    arena_free(f.arena);
}

static void versions_compare_number_by_number(void)
{
    struct fixture f = fixture_new();
    /* 0.9 is older than 0.14 although it sorts after it as text */
    CU_ASSERT_FALSE(defaults(&f, ENGINE_VLLM, "0.9", "h100-sxm").async_scheduling);
    CU_ASSERT_FALSE(defaults(&f, ENGINE_VLLM, "0.13.0", "h100-sxm").async_scheduling);
    CU_ASSERT_TRUE(defaults(&f, ENGINE_VLLM, "0.14", "h100-sxm").async_scheduling);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_TRTLLM, "0.21", "h100-sxm").block_tokens, 64);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_TRTLLM, "1.0.0rc3", "h100-sxm").block_tokens, 32);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_TRTLLM, "1.2.0rc6.post2", "h100-sxm").block_tokens, 32);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_TRTLLM, "1.1-1.2", "h100-sxm").block_tokens, 32);
    arena_free(f.arena);
}

static void unknown_or_missing_version_means_the_newest(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "", "h100-sxm").mem_util, 0.92, 1e-12);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, NULL, "h100-sxm").mem_util, 0.92, 1e-12);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "nightly-5b8c30d62b754b57", "h100-sxm").mem_util, 0.92,
               1e-12);
    arena_free(f.arena);
}

static void window_and_chunk_memory_is_given_back_since_the_hybrid_manager(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_FALSE(defaults(&f, ENGINE_VLLM, "0.8.5", "h100-sxm").windowed_kv_freed);
    CU_ASSERT_TRUE(defaults(&f, ENGINE_VLLM, "0.11", "h100-sxm").windowed_kv_freed);
    CU_ASSERT_FALSE(defaults(&f, ENGINE_VLLM, "0.11", "h100-sxm").chunked_kv_freed);
    CU_ASSERT_TRUE(defaults(&f, ENGINE_VLLM, "0.24", "h100-sxm").chunked_kv_freed);
    CU_ASSERT_FALSE(defaults(&f, ENGINE_TRTLLM, "0.20", "h100-sxm").windowed_kv_freed);
    CU_ASSERT_TRUE(defaults(&f, ENGINE_SGLANG, "0.5.9", "h100-sxm").windowed_kv_freed);
    arena_free(f.arena);
}

static void sglang_chunk_follows_memory_and_leaves_its_memory_share_open(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_SGLANG, "", "l4").chunked_prefill, 2048);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_SGLANG, "", "l40s").chunked_prefill, 4096);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_SGLANG, "", "h200-sxm").chunked_prefill, 8192);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_SGLANG, "", "b200").chunked_prefill, 16384);
    CU_ASSERT_TRUE(isnan(defaults(&f, ENGINE_SGLANG, "", "b200").mem_util));
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_SGLANG, "", "b200").block_tokens, 1);
    arena_free(f.arena);
}

static void trtllm_defaults_are_the_documented_ones(void)
{
    struct fixture f = fixture_new();
    struct engine_defaults d = defaults(&f, ENGINE_TRTLLM, "1.2.0rc2", "b200");
    CU_ASSERT_EQUAL(d.max_batched_tokens, 8192);
    CU_ASSERT_EQUAL(d.max_seqs, 2048);
    CU_ASSERT_EQUAL(d.chunked_prefill, 0);
    CHECK_NEAR(d.mem_util, 0.9, 1e-12);
    CHECK_NEAR(d.host_s, 100e-6, 1e-9);
    CHECK_NEAR(d.host_per_seq_s, 1e-6, 1e-9);
    arena_free(f.arena);
}

static void server_blackwell_launches_vllm_prefill_by_kernel_before_0_15(void)
{
    struct fixture f = fixture_new();
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.10.2", "b200").prefill_launch_s, 45e-6, 1e-9);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.10.2", "gb300").prefill_launch_s, 45e-6, 1e-9);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.10.2", "b200").api_s, 30e-3, 1e-9);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.18.0", "b200").prefill_launch_s, 0.0);
    CHECK_NEAR(defaults(&f, ENGINE_VLLM, "0.18.0", "b200").api_s, 22e-3, 1e-9);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.18.0", "h100-sxm").prefill_launch_s, 0.0);
    CU_ASSERT_EQUAL(defaults(&f, ENGINE_VLLM, "0.18.0", "rtx-pro-6000").prefill_launch_s, 0.0);
    arena_free(f.arena);
}

static void check_plausible(const struct engine_defaults *d)
{
    CU_ASSERT_TRUE(d->host_s >= 50e-6 && d->host_s <= 2e-3);
    CU_ASSERT_TRUE(d->host_per_seq_s > 0 && d->host_per_seq_s <= 10e-6);
    CU_ASSERT_TRUE(d->api_s >= 1e-3 && d->api_s <= 50e-3);
    CU_ASSERT_TRUE(d->max_batched_tokens >= 2048 && d->max_seqs >= 16);
    CU_ASSERT_TRUE(d->block_tokens >= 1 && d->block_tokens <= 64);
    CU_ASSERT_TRUE(d->graph_bytes >= 0 && d->graph_bytes <= 1e9);
    CU_ASSERT_TRUE(d->context_bytes >= 0.3e9 && d->context_bytes <= 0.7e9);
    CU_ASSERT_TRUE(d->kind == ENGINE_SGLANG || (d->mem_util >= 0.85 && d->mem_util <= 0.95));
    CU_ASSERT_TRUE(d->source && strlen(d->source) > 10);
}

static void every_engine_and_version_resolves_on_every_gpu(void)
{
    static const char *const versions[] = {"", "0.1", "0.10.2", "0.14", "0.5.6", "1.3.0rc20"};
    struct fixture f = fixture_new();
    for (int g = 0; g < f.gpus.n; g++) {
        for (int kind = 0; kind < ENGINE_N_KINDS; kind++) {
            for (int v = 0; v < 6; v++) {
                for (int tp = 1; tp <= 8; tp *= 8) {
                    struct engine_defaults d;
                    struct err err = {0};
                    CU_ASSERT_TRUE_FATAL(engine_defaults_for(f.table, (enum engine_kind)kind,
                                                             versions[v], &f.gpus.items[g], tp,
                                                             &d, &err));
                    check_plausible(&d);
                }
            }
        }
    }
    arena_free(f.arena);
}

/* ---- MoE kernels ---- */

static const char *backend(const struct fixture *f, enum engine_kind kind, const char *gpu_name,
                           enum dtype experts, enum quant_scheme scheme, int ep)
{
    static char text[64];
    const char *kernel = "", *key = "";
    const struct gpu *gpu = gpu_find(&f->gpus, gpu_name, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    struct moe_backend_key asked = {kind, "", gpu, experts, scheme, ep};
    if (!engine_moe_backend(f->table, &asked, &kernel, &key)) {
        return "none";
    }
    snprintf(text, sizeof text, "%s %s", kernel, key);
    return text;
}

static void vllm_kernels_are_those_the_published_runs_use(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "h100-sxm", DTYPE_FP8, QUANT_BLOCK, 1),
                           "triton fp8_block");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "h100-sxm", DTYPE_FP8, QUANT_BLOCK, 8),
                           "cutlass fp8_block");
    CU_ASSERT_STRING_EQUAL(
        backend(&f, ENGINE_VLLM, "h200-sxm", DTYPE_FP8, QUANT_TENSOR_DYNAMIC, 1),
        "triton fp8_block");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "h200-sxm", DTYPE_MXFP4, QUANT_GROUP, 1),
                           "triton-oai w4a16_mxfp4");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "b200", DTYPE_MXFP4, QUANT_GROUP, 1),
                           "trtllm-gen w4a8_mxfp4_mxfp8");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "b300", DTYPE_NVFP4, QUANT_GROUP, 1),
                           "trtllm-gen nvfp4");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "h200-sxm", DTYPE_INT4, QUANT_GROUP, 1),
                           "marlin int4_wo");
    arena_free(f.arena);
}

static void sglang_and_trtllm_kernels_are_those_the_published_runs_use(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_SGLANG, "b200", DTYPE_FP8, QUANT_BLOCK, 1),
                           "trtllm-gen fp8_block");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_SGLANG, "h200-sxm", DTYPE_FP8, QUANT_BLOCK, 1),
                           "triton fp8_block");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_TRTLLM, "b200", DTYPE_NVFP4, QUANT_GROUP, 1),
                           "cutlass+min-latency nvfp4");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_TRTLLM, "b200", DTYPE_FP8, QUANT_BLOCK, 1),
                           "trtllm-gen fp8_block");
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_TRTLLM, "b200", DTYPE_FP8, QUANT_BLOCK, 8),
                           "deepgemm fp8_block");
    arena_free(f.arena);
}

static void consumer_blackwell_has_no_trtllm_gen_kernels(void)
{
    struct fixture f = fixture_new();
    for (int kind = 0; kind <= ENGINE_SGLANG; kind++) {
        CU_ASSERT_STRING_EQUAL(
            backend(&f, (enum engine_kind)kind, "rtx-pro-6000", DTYPE_BF16, QUANT_NONE, 1),
            "triton bf16");
        CU_ASSERT_STRING_EQUAL(
            backend(&f, (enum engine_kind)kind, "rtx-5090", DTYPE_FP8, QUANT_BLOCK, 1),
            "triton fp8_block");
    }
    arena_free(f.arena);
}

static void format_without_a_rule_is_unknown(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_STRING_EQUAL(backend(&f, ENGINE_VLLM, "h100-sxm", DTYPE_FP32, QUANT_NONE, 1),
                           "none");
    arena_free(f.arena);
}

static void every_chosen_kernel_has_constants_of_its_dtype(void)
{
    static const enum dtype formats[] = {DTYPE_BF16, DTYPE_FP8, DTYPE_NVFP4, DTYPE_MXFP4,
                                         DTYPE_INT4};
    struct fixture f = fixture_new();
    struct kernel_set set;
    CU_ASSERT_FATAL(kernel_set_load(f.arena, source_tree, 1, &set, NULL));
    for (int i = 0; i < f.gpus.n * ENGINE_N_KINDS * 5 * 2; i++) {
        const struct gpu *gpu = &f.gpus.items[i % f.gpus.n];
        int rest = i / f.gpus.n;
        enum engine_kind kind = (enum engine_kind)(rest % ENGINE_N_KINDS);
        enum dtype format = formats[rest / ENGINE_N_KINDS % 5];
        const char *kernel, *key;
        struct moe_backend_key asked = {kind,   "",          gpu,
                                        format, QUANT_BLOCK, 1 + 7 * (rest / 20)};
        if (!engine_moe_backend(f.table, &asked, &kernel, &key)) {
            continue;
        }
        const struct moe_consts *c =
            kernel_moe(&set, &f.gpus, gpu, engine_names[kind], key, kernel, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_STRING_EQUAL(c->key.dtype, key);
        CU_ASSERT_EQUAL(strncmp(kernel, c->key.kernel, strlen(c->key.kernel)), 0);
    }
    arena_free(f.arena);
}

/* ---- files of the user ---- */

static void unknown_engine_name_in_a_file_is_an_error_with_its_line(void)
{
    struct arena *arena = arena_new();
    char path[256];
    const char *dir = check_tmp(0, "-data");
    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/moe_backends.csv", dir);
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs("engine,version_from,gpu,experts,scheme,ep_min,kernel,dtype_key,source\n"
          "vlm,,,bf16,,,triton,bf16,mine\n",
          out);
    fclose(out);
    const char *dirs[] = {dir, "."};
    struct engine_table *table;
    struct err err = {0};
    CU_ASSERT_FALSE(engine_table_load(arena, dirs, 2, &table, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'vlm'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "vllm"));
    remove(path);
    arena_free(arena);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }
int main(void)
{
    static const struct check_case cases[] = {
        CASE(vllm_token_budget_follows_memory_and_spares_the_a100),
        CASE(vllm_memory_share_rises_with_0_22),
        CASE(versions_compare_number_by_number),
        CASE(unknown_or_missing_version_means_the_newest),
        CASE(window_and_chunk_memory_is_given_back_since_the_hybrid_manager),
        CASE(sglang_chunk_follows_memory_and_leaves_its_memory_share_open),
        CASE(trtllm_defaults_are_the_documented_ones),
        CASE(server_blackwell_launches_vllm_prefill_by_kernel_before_0_15),
        CASE(every_engine_and_version_resolves_on_every_gpu),
        CASE(vllm_kernels_are_those_the_published_runs_use),
        CASE(sglang_and_trtllm_kernels_are_those_the_published_runs_use),
        CASE(consumer_blackwell_has_no_trtllm_gen_kernels),
        CASE(format_without_a_rule_is_unknown),
        CASE(every_chosen_kernel_has_constants_of_its_dtype),
        CASE(unknown_engine_name_in_a_file_is_an_error_with_its_line),
    };
    return check_main("engine", cases, (int)(sizeof cases / sizeof *cases));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_kernel.c - the shipped kernel constants and the order in which look-ups fall back. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hardware/kernel.h"
#include "tests/check.h"

static const char *const source_tree[] = {"."};

struct fixture {
    struct arena *arena;
    struct kernel_set set;
    struct gpu_list gpus;
};

static struct fixture fixture_new(void)
{
    struct fixture f = {.arena = arena_new()};
    struct err err = {0};
    CU_ASSERT_FATAL(kernel_set_load(f.arena, source_tree, 1, &f.set, &err));
    CU_ASSERT_FATAL(gpu_list_load(f.arena, source_tree, 1, &f.gpus, &err));
    return f;
}

static const struct gpu *gpu_named(const struct fixture *f, const char *name)
{
    const struct gpu *gpu = gpu_find(&f->gpus, name, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(gpu);
    return gpu;
}

static const struct gemm_consts *gemm(const struct fixture *f, const char *gpu,
                                      const char *engine, const char *dtype,
                                      enum kernel_match *match)
{
    return kernel_gemm(&f->set, &f->gpus, gpu_named(f, gpu), engine, dtype, match);
}

static const struct moe_consts *moe(const struct fixture *f, const char *gpu,
                                    const char *engine, const char *dtype, const char *kernel,
                                    enum kernel_match *match)
{
    return kernel_moe(&f->set, &f->gpus, gpu_named(f, gpu), engine, dtype, kernel, match);
}

static const struct attn_consts *attn(const struct fixture *f, const char *gpu,
                                      const char *engine, bool is_prefill, bool is_mla,
                                      const char *dtype, enum kernel_match *match)
{
    return kernel_attn(&f->set, &f->gpus, gpu_named(f, gpu), engine, is_prefill, is_mla, dtype,
                       match);
}

/* cost-model.md 2.1: H100 vLLM 0.24 bf16: t0 3.35 us, ec .857, em .862, p 6.7, k0 147, occ .32.
 */
static void gemm_row_of_h100_vllm_bf16_is_the_published_fit(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_SKU;
    const struct gemm_consts *c = gemm(&f, "h100-sxm", "vllm", "bf16", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    CHECK_NEAR(c->t0_s, 3.35e-6, 0.01);
    CHECK_NEAR(c->ec, 0.857, 0.001);
    CHECK_NEAR(c->em, 0.862, 0.001);
    CHECK_NEAR(c->p, 6.7, 0.01);
    CHECK_NEAR(c->k0, 147, 0.01);
    CHECK_NEAR(c->occ_exp, 0.32, 0.02);
    CU_ASSERT_EQUAL(c->eq, 0.0);
    arena_free(f.arena);
}

static void fp8_gemm_has_an_activation_quantisation_term(void)
{
    struct fixture f = fixture_new();
    const struct gemm_consts *c = gemm(&f, "h100-sxm", "vllm", "fp8", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CHECK_NEAR(c->eq, 0.34, 0.01);
    arena_free(f.arena);
}

static const struct attn_consts *attn_for(const struct fixture *f, const char *gpu,
                                          int head_dim, bool is_windowed)
{
    const struct attn_want want = {
        .head_dim = head_dim, .is_windowed = is_windowed, .kv_dtype = "bf16"};
    return kernel_attn_for(&f->set, &f->gpus, gpu_named(f, gpu), "vllm", &want, NULL);
}

static void decode_attention_takes_the_row_of_its_head_size_and_window(void)
{
    static const int sizes[] = {64, 128, 192, 256};
    struct fixture f = fixture_new();
    for (int i = 0; i < 8; i++) {
        const struct attn_consts *c = attn_for(&f, "h100-sxm", sizes[i / 2], i & 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_EQUAL(c->head_dim, sizes[i / 2]);
        CU_ASSERT_EQUAL(c->is_windowed, (i & 1) != 0);
        CU_ASSERT_FALSE(c->is_prefill);
        CU_ASSERT_STRING_EQUAL(c->key.engine, "vllm");
    }
    arena_free(f.arena);
}

static void head_size_without_rows_takes_the_nearest(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_EQUAL(attn_for(&f, "h100-sxm", 96, false)->head_dim, 128); /* 96/64 > 128/96 */
    CU_ASSERT_EQUAL(attn_for(&f, "h100-sxm", 80, false)->head_dim, 64);
    CU_ASSERT_EQUAL(attn_for(&f, "a100-sxm-80gb", 64, true)->head_dim, 128);
    arena_free(f.arena);
}

static void attention_look_up_without_a_shape_is_that_of_head_size_128(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_SKU;
    const struct attn_consts *c = attn(&f, "h100-sxm", "vllm", false, false, "bf16", &match);
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    CU_ASSERT_PTR_EQUAL(c, attn_for(&f, "h100-sxm", 128, false));
    CHECK_NEAR(c->t0_s, 12.2e-6, 0.01);
    CHECK_NEAR(c->tw_s, 2.24e-6, 0.01);
    arena_free(f.arena);
}

static void attention_look_up_keeps_phase_and_kind_apart(void)
{
    struct fixture f = fixture_new();
    for (int i = 0; i < 4; i++) {
        const struct attn_consts *c =
            attn(&f, "h100-sxm", "trtllm", i & 1, i & 2, "bf16", NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_EQUAL(c->is_prefill, (i & 1) != 0);
        CU_ASSERT_EQUAL(c->is_mla, (i & 2) != 0);
    }
    arena_free(f.arena);
}

static void missing_engine_falls_back_to_another_engine_of_the_same_gpu(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct gemm_consts *c = gemm(&f, "h200-sxm", "vllm", "fp8_block", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_ENGINE);
    CU_ASSERT_STRING_EQUAL(c->key.sku, "h200-sxm");
    CU_ASSERT_STRING_EQUAL(c->key.engine, "trtllm"); /* the first in the file */
    arena_free(f.arena);
}

static void missing_gpu_falls_back_to_its_nearest_with_the_engine_kept(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct gemm_consts *c = gemm(&f, "h100-pcie", "sglang", "fp8_block", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    CU_ASSERT_STRING_EQUAL(c->key.sku, "h100-sxm");
    CU_ASSERT_STRING_EQUAL(c->key.engine, "sglang");
    arena_free(f.arena);
}

static void dtype_measured_nowhere_is_null(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_PTR_NULL(gemm(&f, "h100-sxm", "vllm", "int3", NULL));
    CU_ASSERT_PTR_NULL(moe(&f, "h100-sxm", "vllm", "int3", "triton", NULL));
    CU_ASSERT_PTR_NULL(attn(&f, "h100-sxm", "vllm", false, false, "int3", NULL));
    arena_free(f.arena);
}

static void dtype_missing_on_the_whole_chain_is_taken_from_any_gpu(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct gemm_consts *c = gemm(&f, "h100-sxm", "vllm", "nvfp4", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    CU_ASSERT_STRING_EQUAL(c->key.engine, "vllm");
    arena_free(f.arena);
}

/* fidelity-notes.md: Hopper vLLM fp8 block runs Triton: t0 43 us, ec .44, em .90, p 2.05. */
static void hopper_vllm_block_fp8_experts_run_triton_by_default(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_SKU;
    const struct moe_consts *c = moe(&f, "h100-sxm", "vllm", "fp8_block", "", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(match, MATCH_EXACT);
    CU_ASSERT_STRING_EQUAL(c->key.kernel, "triton");
    CHECK_NEAR(c->t0_s, 43e-6, 0.05);
    CHECK_NEAR(c->ec, 0.44, 0.1);
    CHECK_NEAR(c->em, 0.90, 0.05);
    arena_free(f.arena);
}

static void named_moe_kernel_is_preferred_on_a_neighbour_over_another_kernel_here(void)
{
    struct fixture f = fixture_new();
    enum kernel_match match = MATCH_EXACT;
    const struct moe_consts *c = moe(&f, "gb200", "vllm", "nvfp4", "marlin", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.dtype,
                           "nvfp4"); /* no marlin row has it: the first that has */
    c = moe(&f, "h100-nvl", "vllm", "fp8_block", "triton", &match);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->key.kernel, "triton");
    CU_ASSERT_EQUAL(match, MATCH_SKU);
    arena_free(f.arena);
}

static void of_two_alternative_kernels_each_is_found(void)
{
    struct fixture f = fixture_new();
    const char *both = "cutlass+min-latency";
    CU_ASSERT_STRING_EQUAL(kernel_moe_other(both), "min-latency");
    CU_ASSERT_PTR_NULL(kernel_moe_other("cutlass"));
    CU_ASSERT_PTR_NULL(kernel_moe_other(NULL));
    const struct moe_consts *first = moe(&f, "b200", "trtllm", "nvfp4", both, NULL);
    const struct moe_consts *second =
        moe(&f, "b200", "trtllm", "nvfp4", kernel_moe_other(both), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NOT_NULL_FATAL(second);
    CU_ASSERT_STRING_EQUAL(first->key.kernel, "cutlass");
    CU_ASSERT_STRING_EQUAL(second->key.kernel, "min-latency");
    arena_free(f.arena);
}

/* A set of constants is looked up by its key, so two rows with one key would hide each other.
 */
static void no_two_rows_share_a_key(void)
{
    struct fixture f = fixture_new();
    for (int i = 0; i < f.set.n_moe; i++) {
        for (int j = 0; j < i; j++) {
            const struct kernel_key *a = &f.set.moe[i].key, *b = &f.set.moe[j].key;
            CU_ASSERT_FALSE(strcmp(a->sku, b->sku) == 0 && strcmp(a->engine, b->engine) == 0 &&
                            strcmp(a->dtype, b->dtype) == 0 &&
                            strcmp(a->kernel, b->kernel) == 0);
        }
    }
    arena_free(f.arena);
}

static void experts_without_gate_are_found_only_by_name(void)
{
    struct fixture f = fixture_new();
    const struct moe_consts *named = moe(&f, "h100-sxm", "trtllm", "bf16", "nongated", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(named);
    CU_ASSERT_STRING_EQUAL(named->key.kernel, "nongated");
    for (int i = 0; i < f.set.n_moe; i++) {
        const struct kernel_key *k = &f.set.moe[i].key;
        const struct moe_consts *c = moe(&f, k->sku, k->engine, k->dtype, "", NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_STRING_NOT_EQUAL(c->key.kernel, "nongated");
    }
    arena_free(f.arena);
}

static void every_gpu_has_constants_for_every_engine_in_bf16(void)
{
    static const char *const engines[] = {"vllm", "sglang", "trtllm"};
    struct fixture f = fixture_new();
    for (int g = 0; g < f.gpus.n; g++) {
        for (int e = 0; e < 3; e++) {
            const struct gpu *gpu = &f.gpus.items[g];
            CU_ASSERT_PTR_NOT_NULL(kernel_gemm(&f.set, &f.gpus, gpu, engines[e], "bf16", NULL));
            CU_ASSERT_PTR_NOT_NULL(
                kernel_moe(&f.set, &f.gpus, gpu, engines[e], "bf16", "", NULL));
            for (int i = 0; i < 4; i++) {
                CU_ASSERT_PTR_NOT_NULL(
                    kernel_attn(&f.set, &f.gpus, gpu, engines[e], i & 1, i & 2, "bf16", NULL));
            }
        }
    }
    arena_free(f.arena);
}

static void check_key(const struct fixture *f, const struct kernel_key *key)
{
    CU_ASSERT_TRUE(strlen(key->source) > 20);
    CU_ASSERT_TRUE(key->version[0] != '\0');
    CU_ASSERT_PTR_NOT_NULL(gpu_find(&f->gpus, key->sku, NULL));
    CU_ASSERT_TRUE(!(key->err_median_frac > 0.25));
}

static void every_row_names_its_source_version_and_a_known_gpu(void)
{
    struct fixture f = fixture_new();
    CU_ASSERT_TRUE(f.set.n_gemm >= 48 && f.set.n_attn >= 96 && f.set.n_moe >= 110);
    for (int i = 0; i < f.set.n_gemm; i++) {
        check_key(&f, &f.set.gemm[i].key);
    }
    for (int i = 0; i < f.set.n_attn; i++) {
        check_key(&f, &f.set.attn[i].key);
    }
    for (int i = 0; i < f.set.n_moe; i++) {
        check_key(&f, &f.set.moe[i].key);
    }
    arena_free(f.arena);
}

/* A launch of a graphed kernel takes microseconds; sets with more were collected without
 * graphs. */
static void no_dense_gemm_row_was_collected_launch_bound(void)
{
    struct fixture f = fixture_new();
    for (int i = 0; i < f.set.n_gemm; i++) {
        CU_ASSERT_TRUE(f.set.gemm[i].t0_s <= 15e-6);
    }
    arena_free(f.arena);
}

/* ---- files of the user ---- */

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/hardware", dir);
    mkdir(dir, 0777);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/kernels", dir);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/hardware/kernels/%s", dir, name);
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    fputs(text, out);
    fclose(out);
}

#define GEMM_HEADER                                                                            \
    "sku,engine,version,dtype,kernel,t0_us,ec,em,p,k0,wq_exp,occ_exp,eq,err_median_frac,"      \
    "source\n"

static void rows_of_an_earlier_directory_win(void)
{
    struct arena *arena = arena_new();
    const char *dir = check_tmp(0, "-data");
    write_text(dir, "gemm.csv",
               GEMM_HEADER "h100-sxm,vllm,9,bf16,,7,.5,.5,2,0,0,0,0,,measured\n");
    const char *dirs[] = {dir, "."};
    struct kernel_set set;
    struct gpu_list gpus;
    struct err err = {0};
    CU_ASSERT_FATAL(kernel_set_load(arena, dirs, 2, &set, &err));
    CU_ASSERT_FATAL(gpu_list_load(arena, source_tree, 1, &gpus, &err));
    const struct gpu *gpu = gpu_find(&gpus, "h100-sxm", &err);
    CHECK_NEAR(kernel_gemm(&set, &gpus, gpu, "vllm", "bf16", NULL)->t0_s, 7e-6, 1e-12);
    CU_ASSERT_TRUE(isnan(set.gemm[0].key.err_median_frac));
    CU_ASSERT_TRUE(kernel_gemm(&set, &gpus, gpu, "vllm", "fp8", NULL)->t0_s < 7e-6);
    arena_free(arena);
}

static void gemm_file_fails(int idx, const char *row, const char *word)
{
    struct arena *arena = arena_new();
    const char *dir = check_tmp(idx, "-data");
    char text[512];
    snprintf(text, sizeof text, "%s%s", GEMM_HEADER, row);
    write_text(dir, "gemm.csv", text);
    const char *dirs[] = {dir, "."};
    struct kernel_set set;
    struct err err = {0};
    CU_ASSERT_FALSE(kernel_set_load(arena, dirs, 2, &set, &err));
    CU_ASSERT_EQUAL(err.code, ERR_INPUT);
    CU_ASSERT_EQUAL(err.line, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, word));
    arena_free(arena);
}

static void constants_outside_their_range_are_errors_that_name_the_column(void)
{
    gemm_file_fails(1, "h100-sxm,vllm,9,bf16,,7,0,.5,2,0,0,0,0,,x\n", "'ec'");
    gemm_file_fails(2, "h100-sxm,vllm,9,bf16,,7,.5,1.5,2,0,0,0,0,,x\n", "'em'");
    gemm_file_fails(3, "h100-sxm,vllm,9,bf16,,7,.5,.5,.5,0,0,0,0,,x\n", "'p'");
    gemm_file_fails(4, "h100-sxm,vllm,9,bf16,,,.5,.5,2,0,0,0,0,,x\n", "'t0_us'");
    gemm_file_fails(5, "h100-sxm,vllm,9,bf16,,7,.5,.5,2,0,0,0,0,,\n", "'source'");
}

static void missing_files_are_an_io_error(void)
{
    struct arena *arena = arena_new();
    const char *dirs[] = {"/nonexistent"};
    struct kernel_set set;
    struct err err = {0};
    CU_ASSERT_FALSE(kernel_set_load(arena, dirs, 1, &set, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "kernels/gemm.csv"));
    arena_free(arena);
}

#define CASE(fn)                                                                               \
    {                                                                                          \
#fn, fn                                                                                \
    }
int main(void)
{
    static const struct check_case cases[] = {
        CASE(gemm_row_of_h100_vllm_bf16_is_the_published_fit),
        CASE(fp8_gemm_has_an_activation_quantisation_term),
        CASE(decode_attention_takes_the_row_of_its_head_size_and_window),
        CASE(head_size_without_rows_takes_the_nearest),
        CASE(attention_look_up_without_a_shape_is_that_of_head_size_128),
        CASE(attention_look_up_keeps_phase_and_kind_apart),
        CASE(missing_engine_falls_back_to_another_engine_of_the_same_gpu),
        CASE(missing_gpu_falls_back_to_its_nearest_with_the_engine_kept),
        CASE(dtype_measured_nowhere_is_null),
        CASE(dtype_missing_on_the_whole_chain_is_taken_from_any_gpu),
        CASE(hopper_vllm_block_fp8_experts_run_triton_by_default),
        CASE(named_moe_kernel_is_preferred_on_a_neighbour_over_another_kernel_here),
        CASE(of_two_alternative_kernels_each_is_found),
        CASE(no_two_rows_share_a_key),
        CASE(experts_without_gate_are_found_only_by_name),
        CASE(every_gpu_has_constants_for_every_engine_in_bf16),
        CASE(every_row_names_its_source_version_and_a_known_gpu),
        CASE(no_dense_gemm_row_was_collected_launch_bound),
        CASE(rows_of_an_earlier_directory_win),
        CASE(constants_outside_their_range_are_errors_that_name_the_column),
        CASE(missing_files_are_an_io_error),
    };
    return check_main("kernel", cases, (int)(sizeof cases / sizeof *cases));
}
